"""Skills that depend on one another: a chain of three, a tree in which all are needed, a graph in which one is enough.

The reference numbers were computed independently of this package, at tight tolerance: times to levels 0.5 and 0.95 in
the continuum, and the first training step of the recursion at or above the level.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ... import observables
from ...graphs.graph import SkillGraph
from ...model.model import ResourceModel
from ...plot import graph_drawing
from ...plot import runs as plot
from ...results.trajectory import Trajectory
from ...solve.learning import learning_times
from ...solve.simulation import simulate
from . import Finding, Number
from ._drawing import drawing

LEVELS = (0.5, 0.95)
TREE: tuple[list[list[int]], list[float]] = (
    [[], [], [], [], [0, 1], [2, 3], [4, 5]],
    [1.0, 0.1, 2.0, 0.2, 1.0, 1.0, 1.0],
)
EITHER: tuple[list[list[int]], list[float], list[str]] = (
    TREE[0],
    [1.0, 0.01, 2.0, 0.2, 1.0, 1.0, 1.0],
    ["all"] * 5 + ["any"] * 2,
)


class Reference(NamedTuple):
    """Learning times of each skill: continuum and first row, at the two levels; None where there is no number."""

    half: tuple[float, ...]
    nearly: tuple[float, ...]
    first_half: tuple[int | None, ...]
    first_nearly: tuple[int | None, ...]


CHAIN = Reference((502.4, 1730.0, 3274.5), (961.5, 2523.6, 4213.6), (503, 1725, 3263), (962, 2512, 4191))
# the last skill of the tree has no first row: by then others sit at the smallest numbers, and rounding decides
AND_TREE = Reference(
    (1447.1, 3256.0, 894.3, 2764.1, 5702.3, 4851.8, 7698.1),
    (2660.1, 3981.8, 2125.9, 3741.9, 6429.3, 5825.2, 8493.7),
    (1448, 3257, 895, 2765, 5713, 4820, None),
    (None,) * 7,
)


def models() -> dict[str, ResourceModel]:
    """The paper's three graphs."""
    names = list("1234567")
    chain = ResourceModel(SkillGraph([[], [0], [1]], names=names[:3]), [0.3, 1.0, 3.0], 1e-3, 1e-3, 1e-4)
    tree = ResourceModel(SkillGraph(TREE[0], names=names), TREE[1], 1e-3, 1e-3, 1e-3)
    either = ResourceModel(SkillGraph(EITHER[0], EITHER[2], names=names), EITHER[1], 1e-3, 1e-3, 1e-3)
    return {"chain": chain, "AND tree": tree, "OR graph": either}


def run_all(small: bool = False) -> dict[str, Trajectory]:
    """Levels of each graph over training."""
    ends = {"chain": 5000.0, "AND tree": 9000.0, "OR graph": 9000.0}
    return {
        name: simulate(model, np.linspace(0, ends[name], 101 if small else 451)) for name, model in models().items()
    }


def first_rows(model: ResourceModel, last: int) -> dict[float, np.ndarray]:
    """First training step of the recursion at or above each level, skills counted from 0."""
    run = simulate(model, np.arange(float(last + 1)), method="steps")
    return {level: np.asarray(observables.row_times(run, level)) for level in LEVELS}


def draw(runs: dict[str, Trajectory]) -> Any:
    """Each graph above its levels."""
    with drawing(2, 3, size=(7.0, 4.2), gridspec_kw={"height_ratios": (1.0, 1.3)}) as (figure, axes):
        for column, (name, run) in enumerate(runs.items()):
            graph_drawing.graph(run.model, ax=axes[0, column])
            plot.levels(run, ax=axes[1, column])
            # the key of the gates takes the place of a title
            axes[0, column].text(1.0, 0.99, name, transform=axes[0, column].transAxes, ha="right", va="top")
    return figure


def compare(name: str, model: ResourceModel, reference: Reference, last: int) -> list[Number]:
    """Our learning times beside the reference ones."""
    numbers = []
    for level, known in zip(LEVELS, (reference.half, reference.nearly), strict=True):
        for skill, (time, claimed) in enumerate(zip(np.asarray(learning_times(model, level)), known, strict=True)):
            # the references are rounded to a tenth of a step
            title = f"{name}: skill {skill + 1} to level {level:g}"
            numbers.append(Number(title, float(time), claimed, claimed - 0.06, claimed + 0.06, unit="steps"))
    rows = first_rows(model, last)
    for level, known in zip(LEVELS, (reference.first_half, reference.first_nearly), strict=True):
        for skill, claimed in enumerate(known):
            if claimed is not None:
                title = f"{name}, step by step: skill {skill + 1} to level {level:g}"
                row, known_row = float(rows[level][skill]), float(claimed)
                numbers.append(Number(title, row, known_row, known_row, known_row, unit="steps"))
    return numbers


def find(small: bool = False) -> Finding:
    """Solve the three graphs and hold the reference times against them."""
    all_models = models()
    numbers = compare("chain", all_models["chain"], CHAIN, 4300)
    numbers += compare("AND tree", all_models["AND tree"], AND_TREE, 5800)
    either = all_models["OR graph"]
    times = np.asarray(learning_times(either, 0.5))
    all_needed = either.replace(graph=SkillGraph(EITHER[0]))
    late = np.asarray(learning_times(all_needed, 0.5))
    # 7 needs 5 or 6, and 6 needs 3 or 4: none of them has to wait for the rare skill 2
    numbers += [
        Number("OR graph: time of skill 7 / time of skill 5 (level 0.5)", float(times[6] / times[4]), high=1.0),
        Number("OR graph: time of skill 7 / its time if all were needed", float(times[6] / late[6]), high=1.0),
    ]
    numbers += [Number(f"OR graph: skill {k + 1} to level 0.5", float(t), unit="steps") for k, t in enumerate(times)]
    continuum = [n for n in numbers if np.isfinite(n.claimed) and "step by step" not in n.name]
    rows = [n for n in numbers if "step by step" in n.name]
    gap = max(abs(n.measured - n.claimed) for n in continuum)
    same = sum(n.passed for n in rows)
    measured = (
        f"All {len(continuum)} continuum times of chain and tree agree with the references to {gap:.3f} steps, {same} "
        f"of {len(rows)} first rows of the recursion are the same; in the OR graph skill 7 is half learned at step "
        f"{times[6]:.0f}, before skill 5 at {times[4]:.0f}, against {late[6]:.0f} if all prerequisites were needed."
    )
    runs = run_all(small)
    return Finding(
        "dependencies",
        "Skills that depend on one another",
        "Learning follows the graph: a skill starts when all (AND) or one (OR) of its prerequisites are learned, "
        "however frequent it is.",
        measured,
        tuple(numbers),
        {"dependencies": draw(runs)},
        "Chain: p = 0.3, 1, 3, a = 1e-4. AND tree: 5 needs 1 and 2; 6 needs 3 and 4; 7 needs 5 and 6; p = 1, 0.1, 2, "
        "0.2, 1, 1, 1, a = 1e-3. OR graph: the same, but 6 needs 3 or 4 and 7 needs 5 or 6, and p2 = 0.01. N0 = "
        "eta = 1e-3 in all. References to a tenth of a step.",
        {"runs": runs, "times": times, "late": late},
    )
