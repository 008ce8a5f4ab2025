"""Measured curves: the levels of several tasks over the training steps of one run or several."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ..base.annotations import BySkill, DataFrame, Given
from ..base.tracing import concrete_number
from ..base.values import brief, labels_along, listed
from ..base.words import missing_attribute, nearest, printable, said_step, shortened
from ..model.schedule import Schedule

# a level may pass 0 or 1 by noise: so far without a word, and so far with a warning
QUIET, MOST_OUTSIDE = 0.1, 0.5
# below this, a task has not risen; from this on, it is learned
RISEN, LEARNED = 0.2, 0.8
# a share of a mixture is at least this, or 0: what is met more rarely is never met in any run
LEAST_SHARE = 1e-9


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
    """One training run.

    **Fields:**

    - `steps`: `(row,)`, training steps, increasing.
    - `levels`: `(row, task)`, 0 at chance and 1 when the task is solved; NaN where nothing was measured.
    - `mixture`: `(task,)`, how often each task was met, as given; a [`resource_ode.Schedule`][] of it; `None` where it
        is not known.
    - `name`: what the run is called.
    - `seed`: what tells it from other runs of the same mixture, or `None`.
    """

    steps: np.ndarray
    levels: np.ndarray
    mixture: Any = None
    name: str = "run"
    seed: Any = None

    @property
    def scheduled(self) -> bool:
        """Whether its mixture changes on the way."""
        return self.mixture is not None and not isinstance(self.mixture, np.ndarray)


@dataclasses.dataclass(frozen=True, eq=False)
class Curves:
    """Levels of the same tasks in one run or several; made by [`resource_ode.read_curves`][].

    **Fields:**

    - `names`: the tasks.
    - `runs`: a tuple of [`Run`][resource_ode.fitting.curves.Run].
    - `notes`: what was inferred, one sentence each.

    `len` counts runs; `curves[0]`, `curves["run name"]` and slices pick some, as curves.

    **Example:**

    >>> import resource_ode as ro
    >>> curves = ro.read_curves({"step": [0, 100], "A": [0.0, 0.9]}, value="level")
    >>> curves, len(curves), curves.names
    (Curves(1 run of 1 task, 2 rows up to step 100), 1, ('A',))
    """

    if not TYPE_CHECKING:  # to which every name would be known
        __getattr__ = missing_attribute

    names: tuple[str, ...]
    runs: tuple[Run, ...]
    notes: tuple[str, ...] = ()

    @staticmethod
    def join(parts: Any) -> Curves:
        """All runs of several curves of the same tasks, which may stand in any order.

        **Raises:** `ValueError` for something that is no curves, curves of other tasks, or a run given twice.

        **Example:**

        >>> import numpy as np, resource_ode as ro
        >>> table = {"step": [0, 100], "A": [0.0, 0.9]}
        >>> one, two = (ro.read_curves(table, value="level", seed=seed) for seed in (0, 1))
        >>> ro.Curves.join([one, two])
        Curves(2 runs of 1 task, 4 rows up to step 100)
        """
        found = None if isinstance(parts, Curves) else listed(parts)
        if not found or not all(isinstance(part, Curves) for part in found):
            raise ValueError(f"join: expected a list of curves, at least one, got {brief(parts)}")
        names = found[0].names
        runs: list[Run] = []
        for place, part in enumerate(found):
            if sorted(part.names) != sorted(names):
                other = sorted(set(part.names) ^ set(names))
                raise ValueError(
                    f"join: expected curves of the same tasks, but number {place} differs from the first in "
                    f"{', '.join(map(brief, other[:5]))}"
                )
            order = [part.names.index(name) for name in names]
            runs += [
                dataclasses.replace(run, levels=run.levels[:, order], mixture=_reordered(run.mixture, order))
                for run in part.runs
            ]
        for place, run in enumerate(runs):
            if any(_same(run, other) for other in runs[:place]):
                raise ValueError(
                    f"join: expected each run once, got the same numbers twice for run {brief(run.name)}; if these are "
                    "two seeds, give each a seed"
                )
        notes = tuple(dict.fromkeys(note for part in found for note in part.notes))
        return Curves(names, tuple(_told_apart(runs)), notes)

    def __len__(self) -> int:
        return len(self.runs)

    def __iter__(self) -> Iterator[Curves]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: Any) -> Curves:
        if isinstance(index, str):
            chosen = tuple(run for run in self.runs if run.name == index)
            if not chosen:
                known = [run.name for run in self.runs]
                hint = nearest(index, known, quote=repr) or f"; there are {', '.join(map(repr, known[:5]))}"
                raise KeyError(f"no run is called {index!r}{hint}")
        elif isinstance(index, slice):
            chosen = self.runs[index]
        else:
            chosen = (self.runs[index],)
        if not chosen:
            raise ValueError(f"runs: expected a slice with a run in it, of {len(self.runs)}, got {brief(index)}")
        return dataclasses.replace(self, runs=chosen)

    @property
    def mixtures(self) -> list[np.ndarray]:
        """The constant mixtures that were tried, each once."""
        found: dict[tuple[float, ...], np.ndarray] = {}
        for run in self.runs:
            if run.mixture is not None and not run.scheduled:
                found.setdefault(tuple(run.mixture.tolist()), run.mixture)
        return list(found.values())

    def split(self, part: Given[float] = 0.6) -> tuple[Curves, Curves]:
        """The first part of each run, by its rows, and the rest.

        **Raises:** `ValueError` for a part outside (0, 1).
        """
        if not 0 < _number(part) < 1:
            raise ValueError(f"part: expected a number between 0 and 1, got {brief(part)}")

        def cut(first: bool) -> Curves:
            runs = []
            for run in self.runs:
                row = math.ceil(part * len(run.steps))
                rows = slice(None, row) if first else slice(row, None)
                runs.append(dataclasses.replace(run, steps=run.steps[rows], levels=run.levels[rows]))
            return dataclasses.replace(self, runs=tuple(runs))

        return cut(True), cut(False)

    def until(self, step: Given[float]) -> Curves:
        """The rows up to a step; at least two of each run.

        **Raises:** `ValueError` for a step that is no number.
        """
        if math.isnan(_number(step)):
            raise ValueError(f"step: expected a training step, got {brief(step)}")
        runs = []
        for run in self.runs:
            rows = slice(max(int(np.searchsorted(run.steps, step, "right")), 2))
            runs.append(dataclasses.replace(run, steps=run.steps[rows], levels=run.levels[rows]))
        return dataclasses.replace(self, runs=tuple(runs))

    def learning_times(self, level: Given[float] = 0.8) -> np.ndarray:
        """Steps at which each task first reaches a level and holds it on the next measured row, `(run, task)`.

        Between rows by a straight line; 0 where the first row is there already, so that when is not known; `inf` where
        the level is never reached, NaN where the task was not measured.

        **Raises:** `ValueError` for a level that is no number.
        """
        wanted = _number(level)
        if math.isnan(wanted):
            raise ValueError(f"level: expected a number, got {brief(level)}")
        rows = [[first_held(run.steps, curve, wanted) for curve in run.levels.T] for run in self.runs]
        return np.array(rows, float).reshape(len(rows), len(self.names))

    def never_rising(self) -> list[str]:
        """Tasks that rise in no run (by no more than 0.2, the mean of three rows)."""
        best = self.highest().max(axis=0)
        return [name for name, most in zip(self.names, best, strict=True) if not most > RISEN]

    def highest(self) -> np.ndarray:
        """The highest mean of three rows, `(run, task)`."""
        best = np.full((len(self.runs), len(self.names)), -math.inf)
        for place, run in enumerate(self.runs):
            for task, curve in enumerate(run.levels.T):
                curve = curve[np.isfinite(curve)]
                if curve.size:
                    width = min(3, curve.size)
                    best[place, task] = np.convolve(curve, np.ones(width) / width, "valid").max()
        return best

    def learned_before(self) -> list[str]:
        """Tasks that are at a level of 0.8 or more from the first row of every run on: their rise was not measured."""
        found = []
        for task, name in enumerate(self.names):
            times = np.array([first_held(run.steps, run.levels[:, task], LEARNED) for run in self.runs])
            if np.isfinite(times).any() and np.all(times[~np.isnan(times)] == 0):
                found.append(name)
        return found

    def to_dataframe(self) -> DataFrame:
        """A pandas DataFrame in long form: run, seed, step, task, level."""
        import pandas

        parts = []
        for run in self.runs:
            rows, tasks = run.levels.shape
            parts.append(
                pandas.DataFrame(
                    {
                        "run": run.name,
                        "seed": run.seed,
                        "step": np.repeat(run.steps, tasks),
                        "task": np.tile(np.array(self.names), rows),
                        "level": run.levels.reshape(-1),
                    }
                )
            )
        return pandas.concat(parts, ignore_index=True)

    def __repr__(self) -> str:
        runs, tasks = len(self.runs), len(self.names)
        rows, last = sum(len(run.steps) for run in self.runs), max(run.steps[-1] for run in self.runs)
        said = f"{runs} run{'s' * (runs != 1)} of {tasks} task{'s' * (tasks != 1)}, {rows} rows"
        said += f" up to step {said_step(last)}"
        mixtures = len(self.mixtures)
        return f"Curves({said}{f', {mixtures} mixtures' if mixtures > 1 else ''})"


def first_held(steps: np.ndarray, curve: np.ndarray, level: float) -> float:
    """When a curve first reaches a level and holds it on its next row."""
    measured = np.isfinite(curve)
    steps, curve = steps[measured], curve[measured]
    if not curve.size:
        return math.nan
    above = curve >= level
    held = np.flatnonzero(above & np.append(above[1:], above[-1]))
    if not held.size:
        return math.inf
    row = int(held[0])
    if row == 0:
        return 0.0
    before, after = curve[row - 1], curve[row]
    part = (level - before) / (after - before) if before < level else 1.0
    return float(steps[row - 1] + part * (steps[row] - steps[row - 1]))


# measured curves, as users give them; and how often each task is met, in the order of the tasks or by name
Runs: TypeAlias = Given["Curves | Sequence[Curves]"]
Mixture: TypeAlias = BySkill | None


def as_curves(runs: Runs) -> Curves:
    """The curves, or those of a list joined.

    **Raises:** `ValueError` for anything else.
    """
    if isinstance(runs, Curves):
        return runs
    parts = listed(runs)
    if parts and all(isinstance(part, Curves) for part in parts):
        return Curves.join(parts)
    raise ValueError(f"runs: expected curves (made by read_curves), got {brief(runs)}")


def checked_mixture(name: str, mixture: Any, tasks: Sequence[str]) -> np.ndarray:
    """A mixture `(task,)`, in the order of the tasks, from numbers by name or in order.

    **Raises:** `ValueError` for a name that is no task, a task without a number, a number that is negative or not
    finite, or nothing but zeros.
    """
    if hasattr(mixture, "dims") or hasattr(mixture, "columns"):
        raise ValueError(f"{name}: expected a dict or a list of numbers, got {type(mixture).__name__}")
    if hasattr(mixture, "to_dict") and not isinstance(mixture, dict):
        labels = labels_along(mixture, -1) or []
        twice = next((label for place, label in enumerate(labels) if label in labels[:place]), None)
        if twice is not None:
            raise ValueError(f"{name}: expected each task once, got {brief(twice)} twice")
        mixture = mixture.to_dict()
    if isinstance(mixture, dict):
        for task in mixture:
            if task not in tasks:
                hint = nearest(str(task), tasks, quote=repr) or f" (there are {named(tasks)})"
                raise ValueError(f"{name}: expected names of tasks, got {brief(task)}{hint}")
        missing = [task for task in tasks if task not in mixture]
        if missing:
            raise ValueError(f"{name}: expected a number for each task, got none for {named(missing)}")
        mixture = [mixture[task] for task in tasks]
    values = listed(mixture)
    if values is None or len(values) != len(tasks):
        got = brief(mixture) if values is None else f"{len(values)} numbers"
        raise ValueError(f"{name}: expected a number for each of the tasks {named(tasks)}, got {got}")
    for task, value in zip(tasks, values, strict=True):
        if not 0 <= _number(value) < math.inf:
            raise ValueError(f"{name}: expected a finite number of at least 0 for {brief(task)}, got {brief(value)}")
    found = np.array([_number(value) for value in values])
    if not found.any():
        raise ValueError(f"{name}: expected a task with a number above 0, got only zeros")
    least, most = float(np.finfo(float).tiny) / LEAST_SHARE, float(np.finfo(float).max) / len(found)
    if not least < found.max() < most:
        raise ValueError(f"{name}: expected numbers between {least:.3g} and {most:.3g}, got {found.max():g} at most")
    for task, value in zip(tasks, found, strict=True):
        if 0 < value < LEAST_SHARE * found.sum():
            raise ValueError(
                f"{name}: expected at least {LEAST_SHARE:g} of the sum for {brief(task)}, or 0 where it is never met, "
                f"got {value:g}"
            )
    return found


def checked_schedule(name: str, schedule: Schedule, tasks: Sequence[str]) -> Schedule:
    """A schedule of mixtures `(time, task)`, each of which could be one alone.

    **Raises:** `ValueError` for any other.
    """
    if schedule.values.ndim != 2 or schedule.values.shape[1] != len(tasks):
        raise ValueError(
            f"{name}: expected a schedule of {len(tasks)} numbers, one per task, got {schedule.values.shape}"
        )
    for time, row in zip(np.asarray(schedule.times).tolist(), np.asarray(schedule.values), strict=True):
        checked_mixture(f"{name} from step {said_step(time)}", row.tolist(), tasks)
    return schedule


def checked_level(level: Any) -> float:
    """A level that tasks reach.

    **Raises:** `ValueError` for anything but a number between 0 and 1.
    """
    if not 0 < _number(level) < 1:
        raise ValueError(f"level: expected a number between 0 and 1, got {brief(level)}")
    return _number(level)


def _number(value: Any) -> float:
    """A number, NaN where it is none."""
    found = concrete_number(value)
    return math.nan if found is None else found


def named(names: Sequence[Any], most: int = 5) -> str:
    """The first few names of many."""
    shown = ", ".join(repr(printable(shortened(str(name), 40))) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def _reordered(mixture: Any, order: list[int]) -> Any:
    if mixture is None:
        return None
    if isinstance(mixture, np.ndarray):
        return mixture[order]
    return dataclasses.replace(mixture, values=mixture.values[:, order])


def _same(one: Run, other: Run) -> bool:
    """Whether two runs are one and the same: of one seed and mixture, and with all numbers alike."""
    if one.seed != other.seed or one.scheduled != other.scheduled or not np.array_equal(one.steps, other.steps):
        return False
    same = one.mixture is other.mixture if one.scheduled else np.array_equal(one.mixture, other.mixture)
    return same and np.array_equal(one.levels, other.levels, equal_nan=True)


def _told_apart(runs: list[Run]) -> Iterator[Run]:
    """The runs, those of an earlier name called `name (2)` and so on."""
    seen: dict[str, int] = {}
    for run in runs:
        seen[run.name] = seen.get(run.name, 0) + 1
        yield run if seen[run.name] == 1 else dataclasses.replace(run, name=f"{run.name} ({seen[run.name]})")
