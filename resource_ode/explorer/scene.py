"""What the explorer shows of a model: numbers only, without a widget."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .. import observables
from ..base import atomic
from ..config.writing import scenario_text
from ..graphs.graph import SkillGraph
from ..model.model import ResourceModel
from ..model.schedule import Schedule
from ..plot.composed import summary
from ..solve.learning import horizon, learning_times
from ..solve.simulation import simulate
from .generators import MOST_SKILLS, make_frequency, make_graph

# the level of the learning times that colour a skill, and of the last skill that a map looks at
LEVEL, LAST_LEVEL = 0.5, 0.95
# of a map, so many cells a side: few enough to hit one with a finger
CELLS = 15
# a model to begin with
START: Mapping[str, Any] = {"learning_rate": 0.01, "wasted_resource": 0.1, "gate_exponent": 0.01}
# what may follow a schedule, which no slider shows
SCHEDULED = ("frequency", "learning_rate", "wasted_resource")
NAMES = {
    "wasted_resource": "wasted resource N₀",
    "gate_exponent": "gate exponent a",
    "learning_rate": "learning rate η",
    "spread": "spread of frequencies",
}
# where the sliders end, and the axes of a map
RANGES = {
    "wasted_resource": (1e-4, 1e2),
    "gate_exponent": (1e-4, 1.0),
    "learning_rate": (1e-4, 1.0),
    "spread": (0.0, 3.0),
}
MEASURES = {
    "horizon": f"steps until the last skill is at level {LAST_LEVEL:g}",
    "efficiency": "share of the resource that is of use",
    "seriality": "seriality (1: one skill at a time)",
    "domino_overlap": "mean Domino overlap (-1/4: in series)",
}


@dataclasses.dataclass(frozen=True)
class Drawn:
    """What is on the screen.

    - `times`: `(skill,)`, training steps to level 1/2; `inf` if never.
    - `ts`, `level`, `share`, `waste`: of the run, `(time,)` or `(time, skill)`; with the L2 competition the squares of
        shares and waste, which add up to 1.
    - `problem`: why there is no run, in a sentence; then the arrays are NaN.
    """

    times: np.ndarray
    ts: np.ndarray
    level: np.ndarray
    share: np.ndarray
    waste: np.ndarray
    problem: str = ""


class Scene:
    """A model that changes, piece by piece.

    `frequency` is spread out or drawn together about its geometric mean by `spread`: exponent 1 leaves it as it is.
    """

    def __init__(self, model: ResourceModel):
        check_model(model)
        self.base: ResourceModel = model
        self.frequency: np.ndarray = np.asarray(model.frequency, dtype=float)
        self.spread: float = 1.0

    @property
    def model(self) -> ResourceModel:
        if self.spread == 1.0:
            return self.base
        return self.base.replace(frequency=spread_out(self.frequency, self.spread))

    def change(self, **values: Any) -> None:
        """Change parameters of the model, or the spread of its frequencies."""
        if "spread" in values:
            self.spread = float(values.pop("spread"))
        if values:
            self.base = self.base.replace(**values)

    def set_frequency(self, frequency: np.ndarray) -> None:
        """Frequencies as they are drawn from now on."""
        self.frequency, self.spread = np.asarray(frequency, dtype=float), 1.0
        self.base = self.base.replace(frequency=self.frequency)

    def set_graph(self, graph: SkillGraph, frequency: np.ndarray | None = None) -> None:
        """Another graph; what was given a skill (start levels, learnability) does not outlive it."""
        if frequency is None:
            frequency = np.resize(self.frequency, graph.skills)
        kept: dict[str, Any] = {name: float(getattr(self.base, name)) for name in START}
        kept |= {name: getattr(self.base, name) for name in ("plateau", "frequency_power")}
        if not self.base.graph.fan_in:
            # a model without prerequisites may have no gate
            kept["gate_exponent"] = START["gate_exponent"]
        self.base = ResourceModel(graph, frequency, **kept, loss=self.base.base_law, competition=self.base.rule)
        self.set_frequency(frequency)

    def drawn(self) -> Drawn:
        """The run of the model as it is."""
        model = self.model
        run = simulate(model)
        times = np.asarray(learning_times(model, LEVEL))
        share = np.asarray(run.share)
        if model.competition == "l2":
            share = share**2
        # what is left, which is quicker than the run's; with nothing to waste, nothing even when no share is taken
        waste = (1 - share.sum(axis=1)) * np.any(np.asarray(model.wasted_resource) > 0)
        return Drawn(times, np.asarray(run.ts), np.asarray(run.level), share, waste, run.failures() or "")

    def all_but(self, *names: str) -> tuple[Any, ...]:
        """What a map over these parameters depends on; equal tuples, equal maps."""
        numbers = tuple(float(getattr(self.base, name)) for name in START if name not in names)
        spread = None if "spread" in names else self.spread
        return (id(self.base.graph), self.base.loss, self.base.competition, numbers, spread, self.frequency.tobytes())

    def map(self, measure: str, x: str, y: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """A measure over two parameters: where its columns and rows lie, and its values `(y, x)`."""
        across, up = axis(x), axis(y)
        where = {x: across[None, :], y: up[:, None]}
        spread = where.pop("spread", np.full((1, 1), self.spread))
        changes = {name: np.broadcast_to(values, (CELLS, CELLS)) for name, values in where.items()}
        frequency = np.broadcast_to(spread_out(self.frequency, spread[..., None]), (CELLS, CELLS, self.frequency.size))
        grid = self.base.replace(frequency=frequency, **changes)
        if measure == "horizon":
            values = horizon(grid, LAST_LEVEL)
        elif measure == "domino_overlap":
            values = observables.domino_overlap(grid, mean=True)
        else:
            values = getattr(observables, measure)(grid)
        return across, up, np.asarray(values)

    def save(self, folder: str | Path) -> tuple[Path, Path]:
        """The scenario and its picture in new files of a folder; what is there is never replaced."""
        folder = Path(folder)
        number = 1
        while any((folder / f"explored_{number}{end}").exists() for end in (".toml", ".png")):
            number += 1
        scenario, picture = (folder / f"explored_{number}{end}" for end in (".toml", ".png"))
        text = scenario_text(self.model, {"horizon": LAST_LEVEL}, "Saved from the explorer.")
        atomic.write(scenario, lambda path: path.write_text(text, encoding="utf-8"))
        figure = summary(simulate(self.model))
        atomic.write(picture, lambda path: figure.savefig(path, format="png", dpi=150))
        return scenario, picture


def start_model(graph: str = "random_dag", law: str = "zipf", **arguments: Any) -> ResourceModel:
    """The model to begin with where none is given."""
    made = make_graph(graph, "all", **{"skills": 16, "density": 0.15, "seed": 0, **arguments})
    return ResourceModel(made, make_frequency(law, made.skills, exponent=1.0), **START)


def check_model(model: Any) -> None:
    """Refuse what the explorer cannot draw.

    **Raises:** `ValueError`.
    """
    if not isinstance(model, ResourceModel):
        raise ValueError(f"model: expected a ResourceModel, got {type(model).__name__}")
    if model.batch_shape:
        raise ValueError(f"model: expected one model, got a batch of shape {model.batch_shape}")
    if model.skills > MOST_SKILLS:
        raise ValueError(f"model: the explorer draws up to {MOST_SKILLS} skills, got {model.skills}")
    for name, there in (
        ("pools", model.pool is not None),
        ("interference", model.interference is not None),
        ("a schedule", any(isinstance(getattr(model, key), Schedule) for key in SCHEDULED)),
        ("frequencies that change at level 1/2", model.frequency_after is not None),
    ):
        if there:
            raise ValueError(f"model: the explorer draws models without {name}; use ro.simulate and ro.plot")


def axis(name: str) -> np.ndarray:
    """Where the cells of a map lie along a parameter."""
    low, high = RANGES[name]
    return np.linspace(low, high, CELLS) if low == 0 else np.geomspace(low, high, CELLS)


def spread_out(frequency: np.ndarray, spread: Any) -> np.ndarray:
    """Frequencies whose logarithms are `spread` times as far from their mean."""
    logarithm = np.log(frequency)
    middle = logarithm.mean()
    return np.exp(middle + spread * (logarithm - middle))
