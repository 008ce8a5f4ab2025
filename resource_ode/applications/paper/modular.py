"""Modular against plain networks: two sparse parities in series in one network, side by side in two modules."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...graphs.graph import SkillGraph
from ...model.model import ResourceModel
from ...plot.style import COLOURS
from ...solve.learning import learning_times
from ..parity.tasks import ParityTasks
from ..parity.theory import theory_parameters
from . import Finding, Number
from ._drawing import deviation, drawing
from ._training import HIDDEN, PARITY, errors, learned

LEVEL = 0.9  # accuracy 0.95
TASKS = ParityTasks(32, {"frequent": (0, 1), "rare": (2, 3)}, frequency=(1.0, 0.1))


def size(small: bool) -> tuple[int, int, int]:
    """Seeds, training steps, samples."""
    return (3, 700, 500) if small else (24, 1000, 2000)


def times(small: bool = False) -> dict[str, np.ndarray]:
    """Steps to accuracy 0.95 of both tasks in plain and in modular networks, `(seed, task)`."""
    return {method: learned(errors(PARITY, method, *size(small)), PARITY.threshold) for method in ("plain", "modular")}


def theory() -> dict[str, ResourceModel]:
    """The Resource model with one pool or two; eta and N0 as the paper sets them for a network of that width.

    A module has half the hidden units and one of the tasks, which the paper's formula turns into half the eta.
    """
    single = ParityTasks(32, {"one": (0, 1)})
    graph = SkillGraph([[], []], names=TASKS.names)
    plain = theory_parameters(TASKS, hidden=HIDDEN)
    plain.pop("gate_exponent")
    rate = theory_parameters(single, hidden=HIDDEN // 2)["learning_rate"]
    # Adam does not see the scale of a loss of its own, so that in a module N0 is a share of the task's frequency
    split = {**plain, "learning_rate": [rate] * 2, "wasted_resource": plain["wasted_resource"] * TASKS.weight}
    return {"plain": ResourceModel(graph, **plain), "modular": ResourceModel(graph, **split, pool=[0, 1])}


def draw(found: dict[str, np.ndarray], predicted: dict[str, np.ndarray]) -> Any:
    """Time of the rare task over that of the frequent one, a dot a seed."""
    finite = np.concatenate([t[np.isfinite(t).all(axis=1)] for t in found.values()])
    end = 1.08 * float(finite.max())
    with drawing(size=(5.2, 3.3)) as (figure, axes):
        ax, line = axes[0, 0], np.array([0.0, end])
        ax.plot(line, line, color="0.4", linewidth=0.8, label="$t_2=t_1$")
        ax.plot(line, 2 * line, color="0.4", linewidth=0.8, linestyle="--", label="$t_2=2t_1$")
        for (method, points), color, marker in zip(found.items(), COLOURS, "os", strict=False):
            ax.plot(*points.T, marker, color=color, markersize=3, alpha=0.6, label=f"{method} network", zorder=3)
            ax.plot(*np.median(points, axis=0), marker, color=color, markersize=9, markeredgecolor="k", zorder=4)
            ax.plot(*predicted[method], "*", color=color, markersize=11, markeredgecolor="k", zorder=5)
        ax.plot([], [], "o", color="w", markersize=8, markeredgecolor="k", label="medians")
        ax.plot([], [], "*", color="w", markersize=9, markeredgecolor="k", label="Resource model")
        ax.set(xlim=(0, end), ylim=(0, end), xlabel="$t_1$, frequent task (training steps)")
        ax.set_ylabel("$t_2$, rare task (training steps)")
        ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1.02, 0.5))
    return figure


def find(small: bool = False) -> Finding:
    """Train both kinds of network and compare the ratios of their learning times."""
    found = times(small)
    predicted = {name: np.asarray(learning_times(model, LEVEL)) for name, model in theory().items()}
    ratio = {name: t[:, 1] / t[:, 0] for name, t in found.items()}
    plain, split = (float(np.median(ratio[name])) for name in ("plain", "modular"))
    numbers = [
        # "about": within a factor 1.5 of two, within 1.25 of one
        Number("t2/t1, plain (median)", plain, 2.0, 2 / 1.5, 2 * 1.5, deviation(ratio["plain"])),
        Number("t2/t1, modular (median)", split, 1.0, 0.8, 1.25, deviation(ratio["modular"])),
    ]
    for name, t in found.items():
        numbers.append(Number(f"t2/t1, {name}, Resource model", float(predicted[name][1] / predicted[name][0])))
        for task in range(2):
            title = f"t{task + 1}, {name}"
            measured, spread = float(np.median(t[:, task])), deviation(t[:, task])
            numbers.append(Number(f"{title} (median)", measured, spread=spread, unit="steps"))
            numbers.append(Number(f"{title}, Resource model", float(predicted[name][task]), unit="steps"))
    seeds, steps, samples = size(small)
    return Finding(
        "modular",
        "Modular against plain networks",
        "In a plain network the rare one of two tasks takes about twice as long as the frequent one; with a module "
        "for each they take equally long.",
        f"The median t2/t1 over {seeds} seeds is {plain:.2f} in plain and {split:.2f} in modular networks; the "
        f"Resource model says {predicted['plain'][1] / predicted['plain'][0]:.2f} with one pool and "
        f"{predicted['modular'][1] / predicted['modular'][0]:.2f} with two.",
        tuple(numbers),
        {"modular": draw(found, predicted)},
        f"Two parities of 2 of 32 bits, loss weights 1 : 0.1, {HIDDEN} hidden units in all, Adam at learning rate "
        f"1e-3, full batch of {samples}, {steps} steps, {seeds} seeds; times to accuracy 0.95. A module: "
        f"{HIDDEN // 2} hidden units wired to one output. Resource model: the paper's eta and N0 for the width "
        "of network or module.",
        {"times": found, "predicted": predicted, "ratio": ratio},
    )
