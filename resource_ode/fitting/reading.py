"""`read_curves`: measured curves from tables of several forms."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..base.annotations import Given
from ..base.checks import optional_text, whole_number
from ..base.values import brief, listed
from ..base.words import nearest
from ..model.schedule import Schedule
from .curves import Curves, Mixture, Run, checked_mixture, checked_schedule
from .reading_forms import Raw, notes_of, runs_of
from .scaling import as_levels
from .tables import CurvesError, Source, Table, as_table
from .wanted import Wanted, keys_of_runs


def read_curves(
    curves: Source | Given[Sequence[Source]],
    *,
    value: str = "accuracy",
    chance: Given[float | Mapping[str, float] | None] = None,
    ceiling: Given[float | Mapping[str, float] | None] = None,
    mixture: Mixture | Given[Schedule | Mapping[str, Any]] = None,
    tasks: Given[Sequence[str] | Mapping[str, str] | None] = None,
    where: Given[Mapping[str, Any] | None] = None,
    run: Given[str | None] = None,
    seed: Given[int | None] = None,
) -> Curves:
    r"""Measured curves of several tasks, as levels: 0 at chance, 1 when a task is solved.

    **Arguments:**

    - `curves`: a CSV file, a pandas DataFrame, an xarray Dataset, a dict of columns, or a list of them. In wide form
        each has a column `step` and one per task, and may have columns `run` and `seed`; in long form columns `step`,
        `task`, `value`, and may have `run`, `seed` and `frequency` (how often the task was met in that run). The CSV
        exports of TensorBoard (one tag per file, named `run-...-tag-....csv`) and of Weights & Biases (columns
        `run - metric`), and the tables of MLflow, Comet, Aim and Neptune are known by their columns. Empty cells and
        NaN are missing values; steps may be uneven. Decimal commas are read where semicolons or tabs separate the cells
        and no number has a point.
    - `value`: what the cells are: `"accuracy"`, `"loss"`, `"squared_error"` (whose root falls as the unlearned part
        does) or `"level"`.
    - `chance`: what a task has before it is learned, one number for all, or by task. By default it is inferred from
        the first rows (for an accuracy, 1/2, 1/3, 1/4, 1/5, 1/10 or 0 where one is near).
    - `ceiling`: what a solved task has. By default an accuracy of 1, a squared error of 0, and for a loss the lowest
        that was reached. Accuracies are in percent where chance and ceiling are.
    - `mixture`: how often each task was met, in the order of the tasks or by name; a
        [`resource_ode.Schedule`][] of it; or a dict by run, whose names may have `*` for any letters, as
        `{"even-*": [1, 1], "rare-*": [1, 0.1]}`. Used as given, never normalised.

    **Other arguments:**

    - `tasks`: columns to take, or a dict from columns to names of tasks; in long form, tasks to take.
    - `where`: of a long table, the rows to take, as `{"metric": "acc"}`.
    - `run`, `seed`: what the run is called, and its seed, where the table has one run and does not say.

    **Returns:** [`Curves`][resource_ode.fitting.curves.Curves]; what was inferred is in its `notes`.

    **Raises:** [`CurvesError`][resource_ode.fitting.tables.CurvesError], a `ValueError` that names column and row: for
    text in a column, a step that goes back, values that are no accuracies, levels far outside 0 to 1, a mixture that
    does not name the tasks. **Warns** of levels a little outside.

    **Example:**

    >>> import resource_ode as ro
    >>> table = {"step": [0, 100, 200], "A": [0.5, 0.7, 0.95], "B": [0.25, 0.25, 0.4]}
    >>> curves = ro.read_curves(table, mixture={"A": 0.8, "B": 0.2})
    >>> print(curves.runs[0].levels.round(2).tolist(), *curves.notes[:1], sep=" -- ")
    [[0.0, 0.0], [0.4, 0.0], [0.9, 0.2]] -- chance of 'A' was inferred as 0.5: the first rows have 0.5
    """
    sources: Any = listed(curves) if isinstance(curves, (list, tuple)) else [curves]
    if not sources:
        raise CurvesError("curves: expected at least one table, got an empty list")
    optional_text("run", run)
    if seed is not None:
        seed = whole_number("seed", seed, least=0)
    raws: list[Raw] = []
    inferred: list[str] = []
    origin, wanted = "", Wanted(tasks, len(sources))
    for source in sources:
        table = as_table(source)
        origin = table.source if len(sources) == 1 else ""
        inferred += notes_of(table)
        raws += runs_of(_where(table, where), wanted, value, run, seed)
    wanted.check()
    if not raws:
        raise CurvesError(f"{origin}curves: expected at least one run, got a table with none of the tasks")
    raws = _merged(raws)
    names = tuple(dict.fromkeys(task for raw in raws for task in raw.values))
    for raw in raws:
        if len(raw.steps) < 2:
            raise CurvesError(f"{origin}run {brief(raw.name)}: expected at least 2 rows, got {len(raw.steps)}")
    tables = [
        np.stack([raw.values.get(task, np.full(len(raw.steps), math.nan)) for task in names], axis=1) for raw in raws
    ]
    for place, name in enumerate(names):
        if not any(np.isfinite(table[:, place]).any() for table in tables):
            raise CurvesError(f"{origin}column {brief(name)}: expected numbers, got none in any row")
    try:
        levels, notes = as_levels(tables, names, value, chance, ceiling, lambda at, row: raws[at].places[row])
        mixtures = _mixtures(raws, names, mixture)
    except ValueError as error:
        raise CurvesError(f"{origin}{error}") from None
    runs = tuple(
        Run(raw.steps, level, mix, raw.name, raw.seed) for raw, level, mix in zip(raws, levels, mixtures, strict=True)
    )
    return Curves(names, runs, (*inferred, *notes))


def _where(table: Table, where: Any) -> Table:
    if where is None:
        return table
    if not isinstance(where, Mapping):
        raise CurvesError(f"where: expected a dict of columns and cells, got {brief(where)}")
    for column, cell in where.items():
        if column not in table.columns:
            hint = nearest(str(column), table.columns, quote=repr)
            raise CurvesError(f"where: expected columns of the table, got {brief(column)}{hint}")
        rows = [row for row, found in enumerate(table.columns[column]) if str(found) == str(cell)]
        if not rows:
            raise CurvesError(f"where: expected a cell of column {brief(column)}, got {brief(cell)}, which is in none")
        table = table.taking(rows)
    return table


def _merged(raws: list[Raw]) -> list[Raw]:
    """Runs of one name that hold different tasks are one run: loggers write a file for each."""
    found: list[Raw] = []
    for raw in raws:
        same = [other for other in found if other.name == raw.name and other.seed == raw.seed]
        whole = next((other for other in same if not set(other.values) & set(raw.values)), None)
        for other in same:
            if np.array_equal(other.steps, raw.steps) and all(
                np.array_equal(cells, other.values[name], equal_nan=True) if name in other.values else False
                for name, cells in raw.values.items()
            ):
                raise CurvesError(
                    f"run {brief(raw.name)}: expected each run once, got the same numbers twice; if these are two "
                    "seeds, give each a seed"
                )
        if whole is None:
            number = 1 + sum(re.fullmatch(re.escape(raw.name) + r"( \(\d+\))?", other.name) is not None
                             for other in found)  # fmt: skip
            found.append(raw if number == 1 else dataclasses.replace(raw, name=f"{raw.name} ({number})"))
            continue
        steps = np.union1d(whole.steps, raw.steps)
        values, places = {}, [""] * len(steps)
        for part in (whole, raw):
            at = np.searchsorted(steps, part.steps)
            for name, cells in part.values.items():
                values[name] = np.full(len(steps), math.nan)
                values[name][at] = cells
            for place, text in zip(at, part.places, strict=True):
                places[place] = places[place] or text
        frequency = {**(whole.frequency or {}), **(raw.frequency or {})} or None
        found[found.index(whole)] = Raw(whole.name, whole.seed, steps, values, places, frequency)
    return found


def _mixture_of(name: str, mixture: Any, names: tuple[str, ...]) -> Any:
    return (checked_schedule if isinstance(mixture, Schedule) else checked_mixture)(name, mixture, names)


def _mixtures(raws: list[Raw], names: tuple[str, ...], mixture: Any) -> list[Any]:
    if mixture is None:
        return [
            None if raw.frequency is None else
            checked_mixture(f"frequency of run {brief(raw.name)}",
                            {name: raw.frequency.get(name, 0.0) for name in names}, names)
            for raw in raws
        ]  # fmt: skip
    if isinstance(mixture, Schedule):
        return [checked_schedule("mixture", mixture, names)] * len(raws)
    labels = [raw.name for raw in raws]
    if (
        isinstance(mixture, Mapping)
        and mixture
        and all(isinstance(value, (Mapping, Schedule)) or listed(value) is not None for value in mixture.values())
    ):
        return [_mixture_of(f"mixture of run {brief(label)}", mixture[key], names)
                for label, key in zip(labels, keys_of_runs(labels, list(mixture)), strict=True)]  # fmt: skip
    try:
        return [checked_mixture("mixture", mixture, names)] * len(raws)
    except ValueError as error:
        # loggers write more than tasks
        hint = "; if a column is no task, name the tasks" if "got none for" in str(error) else ""
        raise ValueError(f"{error}{hint}") from None
