r"""From what was measured to levels: 0 at chance, 1 at the ceiling.

$$ s = \frac{m - \text{chance}}{\text{ceiling} - \text{chance}}, \qquad
s = 1 - \sqrt{\frac{m - \text{ceiling}}{\text{chance} - \text{ceiling}}} \;\text{(squared error)} $$
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..base.tracing import concrete_number
from ..base.values import brief
from ..base.words import nearest
from .curves import MOST_OUTSIDE, QUIET, named

VALUES = ("accuracy", "loss", "squared_error", "level")
KINDS = {"accuracy": "an accuracy", "loss": "a loss", "squared_error": "a squared error"}
# chances of tasks with so many answers, and how near a first accuracy has to be to one of them
CHANCES, NEAR = (0.0, 0.1, 0.2, 0.25, 1 / 3, 0.5), 0.08
# the floor of a loss, where none is given, is what so small a part of the rows lies below
LOW = 0.02

# where a number of a task came from, as a message names it: `(run, row) -> "row 7"`
Place = Callable[[int, int], str]


def as_levels(
    tables: Sequence[np.ndarray], names: Sequence[str], value: str, chance: Any, ceiling: Any, place: Place
) -> tuple[list[np.ndarray], list[str]]:
    """Levels of each run from what was measured, and what was inferred on the way.

    **Arguments:** `tables`: `(row, task)` of each run, NaN where missing; `value`: one of `VALUES`; `chance`,
    `ceiling`: a number for all tasks, numbers by task, or `None` to infer them; `place`: names a row.

    **Raises:** `ValueError` that names column and row. **Warns** where levels pass 0 or 1 by more than noise does.
    """
    if value not in VALUES:
        hint = nearest(value, VALUES, quote=repr)
        raise ValueError(f"value: expected {', '.join(map(repr, VALUES))}, got {brief(value)}{hint}")
    if value == "level":
        for name, given in (("chance", chance), ("ceiling", ceiling)):
            if given is not None:
                raise ValueError(
                    f'{name}: expected none beside value="level", which is 0 at chance, got {brief(given)}'
                )
    ends = {"chance": _by_task("chance", chance, names), "ceiling": _by_task("ceiling", ceiling, names)}
    percent = _in_percent(tables, names, ends) if value == "accuracy" else [False] * len(names)
    if value != "level":
        _check_range(tables, names, value, place, percent)
    bottoms, tops, notes = _ends(tables, names, value, ends)
    if any(percent):
        which = named([name for name, each in zip(names, percent, strict=True) if each], 3)
        notes.insert(0, f"accuracies of {which} were read as percent, as chance and ceiling are")
    for task, (bottom, top) in enumerate(zip(bottoms, tops, strict=True)):
        wrong = top <= bottom if value in ("accuracy", "level") else bottom <= top
        if wrong and value == "loss" and chance is None and ceiling is None:
            raise ValueError(
                f"column {brief(names[task])}: expected a loss, which falls from where it begins ({bottom:.3g}), got "
                f'no number below {top:.3g}; if these are accuracies, say so: "accuracy"'
            )
        if wrong and value == "accuracy" and chance is None and ceiling is None:
            raise ValueError(
                f"column {brief(names[task])}: expected an accuracy that begins below 1, got {bottom:.3g} in the first "
                "rows: when it was learned was not measured; leave the task out, or give chance"
            )
        if wrong:
            order = "above" if value == "accuracy" else "below"
            raise ValueError(
                f"ceiling: expected a number {order} chance for column {brief(names[task])}, got {top:g} with chance "
                f"{bottom:g}"
            )
    levels, unclipped = [], []
    for table in tables:
        part = (table - bottoms) / (tops - bottoms)
        level = 1 - np.sqrt(np.maximum(1 - part, 0)) if value == "squared_error" else part
        levels.append(level)
        # below its ceiling a squared error has no root, which hides how far below it is
        unclipped.append(np.where(part > 1, part, level))
    _check_levels(unclipped, tables, names, value, place)
    return levels, notes


def _ends(
    tables: Sequence[np.ndarray], names: Sequence[str], value: str, given: Mapping[str, list[float | None]]
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """What level 0 and level 1 are for each task, as given or inferred, and notes on those that were inferred."""
    if value == "level":
        return np.zeros(len(names)), np.ones(len(names)), []
    bottoms, tops, notes = np.zeros(len(names)), np.zeros(len(names)), list[tuple[str, str, str]]()
    for task, name in enumerate(names):
        every = np.concatenate([table[:, task] for table in tables])
        every = every[np.isfinite(every)]
        firsts = [table[:, task][np.isfinite(table[:, task])][:1] for table in tables]
        first = float(np.mean(np.concatenate(firsts))) if every.size else math.nan
        bottom, top = given["chance"][task], given["ceiling"][task]
        if bottom is None:
            near = min(CHANCES, key=lambda other: abs(other - first))
            bottom = near if value == "accuracy" and abs(near - first) <= NEAR else first
            why = f"the first rows have {first:.3g}"
            notes.append(("chance", name, f"was inferred as {bottom:.3g}: {why}"))
        if top is None:
            if value == "accuracy":
                top = 1.0
                notes.append(("ceiling", name, "was taken to be an accuracy of 1"))
            elif value == "squared_error":
                top = 0.0
                notes.append(("ceiling", name, "was taken to be a squared error of 0"))
            else:
                top = float(np.quantile(every, LOW, method="lower")) if every.size else math.nan
                words = f"was inferred as a loss of {top:.3g}, the lowest reached: if it would still fall, its levels"
                notes.append(("ceiling", name, f"{words} are too high; give ceiling"))
        bottoms[task], tops[task] = bottom, top
    return bottoms, tops, _gathered(notes, len(names))


def _gathered(notes: list[tuple[str, str, str]], tasks: int) -> list[str]:
    """Notes `(what, task, words)` as sentences; those that say the same of many tasks as one."""
    groups: dict[tuple[str, str], list[str]] = {}
    for what, name, words in notes:
        # where chances of many come from is left out
        short = words.split(":", 1)[0] if what == "chance" and tasks > 3 else words
        groups.setdefault((what, short), []).append(name)
    return [f"{what} of {named(found, 3)} {words}" for (what, words), found in groups.items()]


def _by_task(name: str, given: Any, names: Sequence[str]) -> list[float | None]:
    if given is None:
        return [None] * len(names)
    if hasattr(given, "to_dict"):
        given = given.to_dict()
    values: list[Any]
    if isinstance(given, Mapping):
        for task in given:
            if task not in names:
                hint = nearest(str(task), names, quote=repr) or f" (there are {named(names)})"
                raise ValueError(f"{name}: expected names of tasks, got {brief(task)}{hint}")
        values = [given.get(task) for task in names]
    elif isinstance(given, (list, tuple, np.ndarray)) and np.ndim(given) == 1:
        values = list(given)
        if len(values) != len(names):
            raise ValueError(f"{name}: expected one number for all, or one for each of {len(names)} tasks, got "
                             f"{len(values)}")  # fmt: skip
    else:
        values = [given] * len(names)
    found: list[float | None] = []
    for task, value in zip(names, values, strict=True):
        if value is None:
            found.append(None)
            continue
        number = concrete_number(value)
        if number is None or not math.isfinite(number):
            raise ValueError(f"{name}: expected a finite number for {brief(task)}, got {brief(value)}")
        found.append(number)
    return found


def _in_percent(
    tables: Sequence[np.ndarray], names: Sequence[str], given: Mapping[str, list[float | None]]
) -> list[bool]:
    """Which accuracies are in percent: those whose chance and ceiling are.

    **Raises:** `ValueError` where only one of them is, or no accuracy of these tasks is beyond 1.
    """
    percent = []
    for name, chance, ceiling in zip(names, given["chance"], given["ceiling"], strict=True):
        # no chance is 0 in either unit, and one of 1 leaves nothing to learn unless it is a percent
        percent.append(chance is not None and ceiling is not None and ceiling > 1 and (chance >= 1 or chance == 0))
        if ceiling is not None and ((ceiling > 1 and not percent[-1]) or ceiling > 100):
            got = f"a ceiling of {ceiling:g} {'without a chance' if chance is None else f'with a chance of {chance:g}'}"
            raise ValueError(
                f"ceiling: expected chance and ceiling of column {brief(name)}, both from 0 to 1, or both in percent "
                f"as its accuracies, got {got}"
            )
    columns = [np.concatenate([table[:, task] for table in tables]) for task in range(len(names))]
    small = [task for task, each in enumerate(percent) if each and not np.any(columns[task] > 1)]
    if small and len(small) == sum(percent):
        raise ValueError(
            f"ceiling: expected a number from 0 to 1, as the accuracies of column {brief(names[small[0]])} are, got "
            f"{given['ceiling'][small[0]]:g}; give chance and ceiling in the unit of the accuracies"
        )
    if small:
        warnings.warn(
            f"column {brief(names[small[0]])}: expected accuracies in percent, as chance and ceiling are, got none "
            "beyond 1, which are read as less than a percent",
            stacklevel=4,
        )
    return percent


def _check_range(
    tables: Sequence[np.ndarray], names: Sequence[str], value: str, place: Place, percent: Sequence[bool]
) -> None:
    least, most = (0.0, 1.0) if value == "accuracy" else (-math.inf if value == "loss" else 0.0, math.inf)
    mosts = np.where(percent, 100.0, most)
    for run, table in enumerate(tables):
        for row, task in np.argwhere(~((table >= least) & (table <= mosts)) & ~np.isnan(table)):
            found = table[row, task]
            unit = "divide by 100 if these are percent, give chance and ceiling in percent, or "
            hint = (
                f"; {unit if 1 < found <= 100 else ''}name the tasks if this column is no task"
                if value == "accuracy"
                else ""
            )
            scale = f"from 0 to {mosts[task]:g}" if value == "accuracy" else "of at least 0"
            wanted = f"{KINDS[value]} {scale}"
            where = f"column {brief(names[task])}, {place(run, int(row))}"
            raise ValueError(f"{where}: expected {wanted}, got {found:g}{hint}")


def _check_levels(
    levels: Sequence[np.ndarray], tables: Sequence[np.ndarray], names: Sequence[str], value: str, place: Place
) -> None:
    outside: list[tuple[float, int, int, int]] = []
    count = 0
    for run, level in enumerate(levels):
        past = np.where(np.isnan(level), 0, np.maximum(-level, level - 1))
        count += int(np.sum(past > QUIET))
        if past.size and past.max() > QUIET:
            row, task = np.unravel_index(int(np.argmax(past)), past.shape)
            outside.append((float(past[row, task]), run, int(row), int(task)))
    if not outside:
        return
    worst, run, row, task = max(outside)
    source = "" if value == "level" else f" ({KINDS[value]} of {tables[run][row, task]:g})"
    where = f"column {brief(names[task])}, {place(run, row)}"
    got = f"{levels[run][row, task]:.3g}{source}"
    fix = "" if value == "level" else "; give chance and ceiling of the task"
    below = levels[run][row, task] < 0
    other = {"accuracy": "loss", "loss": "accuracy", "squared_error": "accuracy"}.get(value)
    if other is not None and below and worst > MOST_OUTSIDE:
        fix += f', or say that it is {KINDS[other]}: "{other}"; name the tasks if this column is no task'
    # a network may begin with a loss above that of chance, but not stay there
    most = np.concatenate([level[:, task] for level in levels])
    bad = worst > MOST_OUTSIDE and (value in ("accuracy", "level") or not below or np.nanmedian(most) < -1)
    if bad:
        raise ValueError(f"{where}: expected a level from 0 to 1, got {got}{fix}")
    more = f", and {count - 1} more" if count > 1 else ""
    warnings.warn(f"{where}: expected a level from 0 to 1, got {got}{more}{fix}", stacklevel=4)
