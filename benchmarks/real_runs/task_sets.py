"""The six task sets: what the networks learn, in which mixtures, for how long.

A set is one of three kinds:

- `heads`: parities of the same random bits, an output each; a mixture weighs their losses.
- `sampled`: one output; control bits say which parity is asked, a mixture says how often.
- `regression`: functions of the same Gaussian inputs, an output each; a mixture weighs their losses.
"""

from __future__ import annotations

import dataclasses

import numpy as np

import resource_ode as ro

LETTERS = {"A": (0, 1), "B": (2, 3), "C": (4, 5), "D": (6, 7)}


@dataclasses.dataclass(frozen=True)
class TaskSet:
    """A network and what it is to learn.

    **Fields:** `subsets`: task -> the bits whose parity is asked; `prerequisites`: what a task is made of, nominally;
    `parts`: tasks that are made of nothing else; `bits`: random inputs; `control`: control bits of each task where
    there are some; `hidden`: widths; `steps`, `every`: training steps, and a row each so many; `mixtures`: by name,
    the even one first; `seeds`, `fewer`, `trials`: networks of each mixture, of each run that leaves a task out, and of
    each policy; `left_out`: the tasks that are left out, all where it is `None`.
    """

    name: str
    kind: str
    subsets: dict[str, tuple[int, ...]]
    prerequisites: dict[str, list[str]]
    bits: int
    hidden: tuple[int, ...]
    steps: int
    every: int
    mixtures: dict[str, tuple[float, ...]]
    control: tuple[tuple[int, ...], ...] = ()
    batch: int = 512
    loss: str = "squared"
    seeds: int = 8
    fewer: int = 4
    trials: int = 8
    left_out: tuple[str, ...] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.subsets)

    @property
    def graph(self) -> ro.SkillGraph:
        """What each task is made of."""
        return ro.SkillGraph(self.prerequisites)

    @property
    def composed(self) -> bool:
        """Whether any task is made of others."""
        return any(self.prerequisites.values())

    def runs(self) -> dict[str, tuple[float, ...]]:
        """Mixtures by name, those of runs that leave a task out (`without A`) after those of all tasks."""
        return self.mixtures | self.without()

    def without(self) -> dict[str, tuple[float, ...]]:
        """Even mixtures of all tasks but one."""
        chosen = self.names if self.left_out is None else self.left_out
        tasks = len(self.names)
        return {
            f"without {name}": tuple(0.0 if place == left else 1 / (tasks - 1) for place in range(tasks))
            for left, name in enumerate(self.names)
            if name in chosen
        }


def zipf(tasks: int, power: float = 1.0) -> tuple[float, ...]:
    """Shares that fall with the rank."""
    weights = np.arange(1, tasks + 1) ** -power
    return tuple((weights / weights.sum()).tolist())


def _even(tasks: int) -> tuple[float, ...]:
    return (1 / tasks,) * tasks


def _shares(*weights: float) -> tuple[float, ...]:
    return tuple(weight / sum(weights) for weight in weights)


def _four(tasks: int, **last: tuple[float, ...]) -> dict[str, tuple[float, ...]]:
    return {"even": _even(tasks), "falling": zipf(tasks), "rising": zipf(tasks)[::-1], **last}


def _of_three_bits(tasks: int, bits: int) -> dict[str, tuple[int, ...]]:
    random = np.random.default_rng(0)
    return {f"T{k + 1}": tuple(sorted(random.choice(bits, 3, replace=False).tolist())) for k in range(tasks)}


TREE = {"A": [], "B": [], "C": [], "D": [], "AB": ["A", "B"], "CD": ["C", "D"], "ABCD": ["AB", "CD"]}
SKEWED = {"skewed": _shares(4, 1, 2, 1, 1, 3, 1)}
LEAVES = ((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1), (1, 1, 0, 0), (0, 0, 1, 1), (1, 1, 1, 1))
TRIPLES = {name: tuple(range(3 * k, 3 * k + 3)) for k, name in enumerate("ABCD")}

SETS = {
    each.name: each
    for each in (
        TaskSet(
            "comp3", "heads", {"A": (0, 1), "B": (2, 3), "AB": (0, 1, 2, 3)}, {"A": [], "B": [], "AB": ["A", "B"]},
            32, (64,), 480, 3,
            {"even": _even(3), "parts": (0.45, 0.45, 0.1), "whole": (0.1, 0.1, 0.8), "skewed": (0.6, 0.2, 0.2)},
        ),
        TaskSet(
            "tree7", "heads",
            {**LETTERS, "AB": (0, 1, 2, 3), "CD": (4, 5, 6, 7), "ABCD": tuple(range(8))}, TREE,
            24, (96, 96), 900, 5, _four(7, **SKEWED),
        ),
        TaskSet(
            "cmsp7", "sampled",
            {**TRIPLES, "AB": tuple(range(6)), "CD": tuple(range(6, 12)), "ABCD": tuple(range(12))}, TREE,
            16, (128, 128), 5000, 40, _four(7, **SKEWED), control=LEAVES, loss="cross entropy",
            trials=4, left_out=tuple("ABCD"),
        ),
        TaskSet(
            "indep5", "heads", {f"P{k + 1}": (3 * k, 3 * k + 1, 3 * k + 2) for k in range(5)},
            {f"P{k + 1}": [] for k in range(5)}, 24, (128,), 2000, 10, _four(5, steep=zipf(5, 2.0)),
        ),
        TaskSet(
            "msp8", "sampled", _of_three_bits(8, 24), {f"T{k + 1}": [] for k in range(8)},
            24, (256,), 4500, 30, _four(8, steep=zipf(8, 1.5)),
            control=tuple(tuple(int(row == column) for column in range(8)) for row in range(8)),
            loss="cross entropy", trials=4, left_out=(),
        ),
        TaskSet(
            "reg2", "regression", {"major": (0,), "minor": (1,)}, {"major": [], "minor": []}, 10, (64,), 4000, 25,
            {"even": _even(2), "99:1": (0.99, 0.01), "90:10": (0.9, 0.1), "10:90": (0.1, 0.9)}, batch=256, left_out=(),
        ),
    )
}  # fmt: skip


def tiny() -> TaskSet:
    """A set that is learned in a second: does it run at all."""
    bits = {"A": (0, 1), "B": (2, 3), "AB": (0, 1, 2, 3)}
    return TaskSet(
        "tiny", "heads", bits, {"A": [], "B": [], "AB": ["A", "B"]}, 6, (48,), 300, 5,
        {"even": _even(3), "parts": (0.4, 0.4, 0.2), "whole": (0.2, 0.2, 0.6)}, batch=256, seeds=2, fewer=2, trials=2,
    )  # fmt: skip
