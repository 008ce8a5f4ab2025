"""Forms of tables of curves: wide, long, and what loggers write; from a table to runs before they are scaled."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import Any

import numpy as np

from ..base.values import brief
from ..base.words import said_step
from .curves import named
from .tables import CurvesError, Table, is_missing
from .wanted import Wanted

# what columns are called, in small letters; the first that is there is taken
STEP = ("step", "steps", "_step", "global_step", "trainer/global_step", "global step", "training step", "iteration",
        "iterations", "t", "ts", "time", "epoch")  # fmt: skip
TASK = ("task", "skill", "tag", "key", "metric", "metric.name", "metricname", "metric_name", "attribute_path")
NUMBERED = ("task", "skill")
VALUE = ("value", "values", "metricvalue", "metric_value", "float_value", "accuracy", "acc", "loss", "level", "score")
RUN = ("run", "run_name", "run_id", "run id", "run.hash", "run_hash", "experimentkey", "experiment_key", "model",
       "dir_name", "experiment", "graph")  # fmt: skip
# of these, what may be a task as well
UNCLEAR_RUN = ("model", "dir_name", "experiment", "graph")
SEED = ("seed", "seeds")
FREQUENCY = ("frequency", "weight", "share")
# from here on not every whole number is one in floating point
FARTHEST_STEP = 2.0**53
# what loggers add beside the step that is taken: clocks, and other counts of steps
PASSED_OVER = ("wall time", "wall_time", "timestamp", "_timestamp", "_runtime", "relative time (wall)",
               "relative time (process)", "_step", "global_step", "trainer/global_step", "epoch")  # fmt: skip
# what Aim adds: alone, each may be a task
TOGETHER = ("idx", "time")


@dataclasses.dataclass
class Raw:
    """A run before it is scaled: what was measured, by task and step, and the place of each row."""

    name: str
    seed: Any
    steps: np.ndarray
    values: dict[str, np.ndarray]
    places: list[str]
    frequency: dict[str, float] | None = None


def notes_of(table: Table) -> list[str]:
    """What was inferred of a table, one sentence each."""
    found = [
        f"numbers of {brief(table.name)} were read with decimal commas, as {brief(cell)} in column {brief(column)}, "
        f"{place}"
        for column, place, cell in table.commas.columns.values()
        if column.lower().strip() not in (*RUN, *SEED, *TASK)
    ]
    return found[:1]


def _find(table: Table, known: tuple[str, ...]) -> str | None:
    small: dict[str, list[str]] = {}
    for name in table.columns:
        small.setdefault(name.lower().strip(), []).append(name)
    found = next((small[name] for name in known if name in small), None)
    if found is not None and len(found) > 1:
        raise table.error(f"expected one column named {found[0].lower().strip()}, got {named(found)}")
    return None if found is None else found[0]


def runs_of(table: Table, tasks: Wanted, kind: str, run: Any, seed: Any) -> list[Raw]:
    step = _find(table, STEP)
    if step is None:
        raise table.error(f"expected a column named step, got {named(list(table.columns))}")
    small = {name.lower().strip() for name in table.columns}
    if small == {"wall time", "step", "value"}:
        return _tensorboard(table, step, tasks, run, seed)
    measured = _measured(table, step)
    if measured and all(" - " in name for name in measured):
        return _weights_and_biases(table, step, tasks, run, seed)
    task, value = _find(table, TASK), _find(table, (kind, *VALUE))
    if task is not None and value is not None and task in table.commas.columns:
        _, place, cell = table.commas.columns[task]
        raise table.error(
            f"column {brief(task)}, {place}: expected the name of a task, or a number under the name of one, got "
            f"{brief(cell)}, which may be either; write names without commas, or call the column otherwise"
        )
    if task is not None and value is not None and table.is_name(task, numbers=task.lower().strip() in NUMBERED):
        return _long(table, step, task, value, tasks, run, seed)
    return _wide(table, step, tasks, run, seed)


def _measured(table: Table, step: str) -> list[str]:
    """The columns without the step, and without clocks and other counts of steps."""
    small = {name: name.lower().strip() for name in table.columns if name != step}
    passed = (*PASSED_OVER, *TOGETHER) if set(TOGETHER) <= {*small.values()} else PASSED_OVER
    return [name for name, word in small.items() if word not in passed]


def _runs_of_wide(table: Table, step: str, tasks: Wanted) -> str | None:
    """The column that names runs: not one that was asked for as a task, nor one that is measured."""
    for word in RUN:
        column = _find(table, (word,))
        if column is not None and column not in (tasks.names or ()) and not _is_measured(table, step, column):
            return column
    return None


def _is_measured(table: Table, step: str, column: str) -> bool:
    """Whether a column named as one of runs holds the numbers of a task instead; refused where either may be meant.

    It does where they change along steps that need no run to be told apart, and one of them stands in a single row: a
    run has two at least.
    """
    seeds = _find(table, SEED)
    groups: dict[Any, list[int]] = {}
    for row in range(len(table.places)):
        seed = None if seeds is None else table.columns[seeds][row]
        groups.setdefault(None if is_missing(seed) else seed, []).append(row)
    try:
        numbers, steps = (
            np.array([table.number(name, row) for row in range(len(table.places))]) for name in (column, step)
        )
    except CurvesError:
        return False
    fewest = []
    for rows in groups.values():
        cells, further = numbers[rows], np.diff(steps[rows])
        # rows of one step may be those of one run where each holds other tasks
        if not np.all(further >= 0) or (np.any(further == 0) and not np.isnan(cells).any()):
            return False
        _, counts = np.unique(cells[np.isfinite(cells)], return_counts=True)
        fewest += [counts.min()] if len(counts) > 1 else []
    if not fewest:
        return False
    if column.lower().strip() not in UNCLEAR_RUN:
        return bool(min(fewest) == 1 and np.any(numbers[np.isfinite(numbers)] % 1))
    if min(fewest) > 1:
        raise table.error(
            f"column {brief(column)}: expected names of runs or what a task has, got numbers that may be either beside "
            "steps that only increase; call it run if they name runs, and name it in tasks if it is a task"
        )
    return True


def _groups(table: Table, runs: str | None, run: Any, seed: Any) -> list[tuple[str, Any, list[int]]]:
    """Rows of each run, which the column `runs` names: its name, its seed, the rows."""
    seeds = _find(table, SEED)
    for name, given, column in (("run", run, runs), ("seed", seed, seeds)):
        if given is not None and column is not None:
            raise table.error(f"{name}: expected none beside the column {brief(column)}, got {brief(given)}")
    rows: dict[tuple[Any, Any], list[int]] = {}
    # a column without any cell is as none
    named_by = [None if column is None or all(map(is_missing, table.columns[column])) else column
                for column in (runs, seeds)]  # fmt: skip
    for row in range(len(table.places)):
        for column in named_by:
            if column is not None and is_missing(table.columns[column][row]):
                where = f"column {brief(column)}, {table.places[row]}"
                raise table.error(f"{where}: expected a name or a number, as in other rows, got an empty cell")
        key = tuple(None if column is None else table.columns[column][row] for column in named_by)
        rows.setdefault((key[0], key[1]), []).append(row)
    found = []
    for (name, number), chosen in rows.items():
        label = name if name is not None else run if run is not None else table.name or "run"
        own = number if number is not None else seed
        found.append((str(label) if number is None else f"{label}, seed {number}", own, chosen))
    return found


def _checked_steps(table: Table, step: str, rows: list[int], also: str = "") -> np.ndarray:
    steps = np.array([table.number(step, row, "a training step") for row in rows])
    for place, row in enumerate(rows):
        where = f"column {brief(step)}, {table.places[row]}"
        if not steps[place] >= 0:
            raise table.error(f"{where}: expected a training step of at least 0, got {brief(table.columns[step][row])}")
        if place and steps[place] <= steps[place - 1]:
            got = f"{said_step(steps[place])} after {said_step(steps[place - 1])}"
            if steps[place] >= FARTHEST_STEP and table.columns[step][row] != table.columns[step][rows[place - 1]]:
                also = "; steps beyond 2^53 cannot be told apart: subtract the first"
            raise table.error(f"{where}: expected steps that increase, got {got}{also}")
    return steps


def _wide(table: Table, step: str, tasks: Wanted, run: Any, seed: Any) -> list[Raw]:
    runs = _runs_of_wide(table, step, tasks)
    others = {runs, _find(table, SEED)}
    columns = [name for name in _measured(table, step) if name not in others]
    chosen = tasks.of(table, columns)
    if not columns:
        raise table.error(f"expected a column for each task beside {brief(step)}, got none")
    if not chosen:
        return []
    found = []
    for label, number, rows in _groups(table, runs, run, seed):
        hint = "; give a column run or seed where runs follow one another"
        values = {name: np.array([table.number(column, row) for row in rows]) for column, name in chosen.items()}
        rows = _filled(table, step, rows, values)
        steps = _checked_steps(table, step, rows, hint)
        found.append(Raw(label, number, steps, values, [table.places[row] for row in rows]))
    return found


def _filled(table: Table, step: str, rows: list[int], values: dict[str, np.ndarray]) -> list[int]:
    """The rows that are left where those of one step, with other tasks in each, are one: loggers write one a call."""
    steps = np.array([table.number(step, row, "a training step") for row in rows])
    if not np.any(steps[1:] == steps[:-1]):
        return rows
    cells, kept = np.stack(list(values.values()), axis=1), [0]
    for row in range(1, len(rows)):
        last, new = kept[-1], np.isfinite(cells[row])
        if steps[row] == steps[last] < FARTHEST_STEP and not np.isfinite(cells[last, new]).any():
            cells[last, new] = cells[row, new]
        else:
            kept.append(row)
    values.update(zip(values, cells[kept].T, strict=True))
    return [rows[row] for row in kept]


def _long(table: Table, step: str, task: str, value: str, tasks: Wanted, run: Any, seed: Any) -> list[Raw]:
    every = list(dict.fromkeys(str(cell) for cell in table.columns[task]))
    for row, cell in enumerate(table.columns[task]):
        if not str(cell).strip() or (is_missing(cell) and not isinstance(cell, str)):
            where = f"column {brief(task)}, {table.places[row]}"
            raise table.error(f"{where}: expected the name of a task, got an empty cell")
    chosen, weights = tasks.of(table, every), _find(table, FREQUENCY)
    found = []
    for label, number, rows in _groups(table, _find(table, RUN), run, seed):
        cells: dict[str, list[int]] = {}
        for row in rows:
            cells.setdefault(str(table.columns[task][row]), []).append(row)
        mine = {name: cells[column] for column, name in chosen.items() if column in cells}
        if not mine:
            continue
        own = {}
        for name, some in mine.items():
            hint = f" for task {brief(name)}; a table of several metrics or runs needs where=, run or seed"
            own[name] = _checked_steps(table, step, some, hint)
        steps = np.unique(np.concatenate(list(own.values())))
        places = [""] * len(steps)
        values: dict[str, np.ndarray] = {}
        for name, some in mine.items():
            at = np.searchsorted(steps, own[name])
            values[name] = np.full(len(steps), math.nan)
            values[name][at] = [table.number(value, row) for row in some]
            for place, row in zip(at, some, strict=True):
                places[place] = places[place] or table.places[row]
        frequency = None
        if weights is not None:
            frequency = {name: _one_weight(table, weights, name, some) for name, some in mine.items()}
        found.append(Raw(label, number, steps, values, places, frequency))
    return found


def _one_weight(table: Table, column: str, name: str, rows: list[int]) -> float:
    weights = [table.number(column, row) for row in rows]
    for row, weight in zip(rows, weights, strict=True):
        if not weight >= 0 or weight != weights[0]:
            raise table.error(
                f"column {brief(column)}, {table.places[row]}: expected one number of at least 0 for task "
                f"{brief(name)} in a run, got {brief(table.columns[column][row])}"
            )
    return weights[0]


def _tensorboard(table: Table, step: str, tasks: Wanted, run: Any, seed: Any) -> list[Raw]:
    """One tag of one run: both are in the name of the file, `run-NAME-tag-TAG.csv`."""
    parts = re.fullmatch(r"(?:run-)?(?P<run>.*?)-?tag-(?P<tag>.+)", table.name)
    label, tag = (parts["run"] or "run", parts["tag"]) if parts else ("run", table.name or "task")
    chosen = tasks.of(table, [tag])
    if tag not in chosen:
        return []
    column = next(name for name in table.columns if name.lower().strip() == "value")
    rows = list(range(len(table.places)))
    values = np.array([table.number(column, row) for row in rows])
    return [Raw(str(run or label), seed, _checked_steps(table, step, rows), {chosen[tag]: values}, table.places)]


def _weights_and_biases(table: Table, step: str, tasks: Wanted, run: Any, seed: Any) -> list[Raw]:
    """Columns `run - metric`, beside which `run - metric__MIN` and `__MAX` are passed over."""
    if run is not None:
        raise table.error(f"run: expected none beside columns that name their run, got {brief(run)}")
    pairs = {}
    for column in table.columns:
        label, dash, metric = column.rpartition(" - ")
        if dash and not metric.endswith(("__MIN", "__MAX")) and metric not in ("_step", step):
            pairs[column] = (label, metric)
    chosen = tasks.of(table, list(dict.fromkeys(metric for _, metric in pairs.values())))
    steps = _checked_steps(table, step, list(range(len(table.places))))
    found: dict[str, Raw] = {}
    for column, (label, metric) in pairs.items():
        if metric in chosen:
            values = np.array([table.number(column, row) for row in range(len(table.places))])
            found.setdefault(label, Raw(label, seed, steps, {}, table.places)).values[chosen[metric]] = values
    trimmed = []
    for raw in found.values():
        # rows on which only other runs logged
        rows = np.flatnonzero(np.any([np.isfinite(values) for values in raw.values.values()], axis=0))
        values = {name: cells[rows] for name, cells in raw.values.items()}
        places = [table.places[row] for row in rows]
        trimmed.append(dataclasses.replace(raw, steps=raw.steps[rows], values=values, places=places))
    return trimmed
