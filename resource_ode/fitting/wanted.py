"""Which columns of tables are tasks, and what the tasks are called; which key of a dict means which run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..base.values import brief, listed
from ..base.words import nearest
from .curves import named
from .tables import CurvesError, Table


class Wanted:
    """The tasks that were asked for, over all tables: a logger's charts are a file each, with a task in each.

    **Raises:** [`resource_ode.fitting.tables.CurvesError`][].
    """

    names: dict[str, str] | None
    tables: int
    known: dict[str, None]
    source: str

    def __init__(self, tasks: Any, tables: int):
        self.names, self.tables, self.known, self.source = None, tables, {}, ""
        if tasks is None:
            return
        given: Any = [tasks] if isinstance(tasks, str) else tasks if isinstance(tasks, Mapping) else listed(tasks)
        pairs = given.items() if isinstance(given, Mapping) else [(name, name) for name in given or ()]
        self.names = {}
        for column, name in pairs:
            if not isinstance(column, str):
                raise CurvesError(f"tasks: expected names of columns or tasks, got {brief(column)}")
            if not isinstance(name, str) or not name.strip():
                raise CurvesError(f"tasks: expected a name for {brief(column)}, got {brief(name)}")
            self.names[column] = name
        if not self.names:
            raise CurvesError(f"tasks: expected names of columns or tasks, got {brief(tasks)}")
        if len(set(self.names.values())) < len(self.names):
            raise CurvesError("tasks: expected each name once, got one twice")

    def of(self, table: Table, columns: Sequence[str]) -> dict[str, str]:
        """The columns to take of a table, with the names of their tasks."""
        self.known |= dict.fromkeys(columns)
        self.source = table.source if self.tables == 1 else ""
        return {
            column: name
            for column, name in (zip(columns, columns, strict=True) if self.names is None else self.names.items())
            if column in columns
        }

    def check(self) -> None:
        """Refuse a column that no table has."""
        for column in self.names or ():
            if column not in self.known:
                columns = list(self.known)
                hint = nearest(column, columns, quote=repr) or f"; there are {named(columns)}"
                what = "the table" if self.tables == 1 else "one of the tables"
                raise CurvesError(f"{self.source}tasks: expected columns or tasks of {what}, got {brief(column)}{hint}")


def keys_of_runs(runs: Sequence[str], keys: Sequence[Any]) -> list[Any]:
    """Of each run the key that names it: its own name, or one with `*` for any letters.

    **Raises:** `ValueError` for a key that names no run, a run without a key or with several.
    """
    for key in keys:
        if not any(names_run(key, run) for run in runs):
            hint = nearest(key, runs, quote=repr) or f" (there are {named(runs)})"
            raise ValueError(f"mixture: expected names of runs, got {brief(key)}{hint}")
    missing = [run for run in runs if not any(names_run(key, run) for key in keys)]
    if missing:
        raise ValueError(f"mixture: expected one for each run, got none for {named(missing)}")
    found = []
    for run in runs:
        own = [key for key in keys if key == run] or [key for key in keys if names_run(key, run)]
        if len(own) > 1:
            raise ValueError(f"mixture: expected one for each run, got {len(own)} for {brief(run)}, by {named(own)}")
        found.append(own[0])
    return found


def names_run(key: Any, run: str) -> bool:
    """Whether a key of a mixture is the name of a run, or one with `*` in it that fits."""
    if not isinstance(key, str):
        return False
    # no other letter has a meaning: names of runs have brackets, too
    return key == run or re.fullmatch(".*".join(map(re.escape, key.split("*"))), run, re.DOTALL) is not None
