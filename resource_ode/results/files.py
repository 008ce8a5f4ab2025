"""Runs written to files: netCDF for all of a run, CSV for a table of its levels. Files appear whole or not at all."""

from __future__ import annotations

import csv
import io
import itertools
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from ..base import atomic
from ..base.checks import file_path
from ..base.words import printable
from ..model.competition import COMPETITIONS
from ..model.loss import LOSSES
from .dataset import check_run, to_xarray
from .seal import seal

# the header of the first column of a CSV file
TIME = "t"
# what a spreadsheet takes for the beginning of a formula, in either width
FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20\t\r\n")
# in front of a name that would be read as something else
QUOTE = "'"


def save(run: Any, path: Any) -> None:
    """Write a run to a file, whole or not at all.

    **Arguments:**

    - `run`: a [`resource_ode.Trajectory`][].
    - `path`: ends in `.nc` for netCDF (all of a run or a batch, which [`resource_ode.results.load.load`][] gives back)
        or in `.csv` for a table of the levels of one run: header `t,<skill names>`, one row a time, each number in the
        shortest form that reads back the same. A batch whose axes all have names (a grid) has a column for each of them
        in front. A name that a spreadsheet would execute (`=`, `+`, `-`, `@`, a tab or a
        line break first), the name `t` and a name with a `'` in front are written with one `'` more in front; a
        reader takes one away.

    **Raises:** `ValueError` for another ending, a batch as CSV, or a file that cannot be written there;
    `FileNotFoundError` if the folder does not exist.

    **Example:** `run.save("run.nc")` and `run[0].save("first.csv")`.
    """
    check_run(run)
    path = file_path("path", path)
    ending = path.suffix.lower()
    if ending not in (".nc", ".csv"):
        raise ValueError(f"path: expected a file name that ends in .nc or .csv, got {printable(path)}")
    problem = atomic.obstacle(path)
    if problem:
        raise (ValueError if os.path.isdir(path.parent) else FileNotFoundError)(printable(f"path: {problem}"))
    model = run.model
    for what, given, known in (
        ("loss", model.base_law, LOSSES.values()),
        ("competition", model.rule, COMPETITIONS.values()),
        ("gate", model.graph.own_gate, (None,)),
    ):
        if ending == ".nc" and given not in known:
            raise ValueError(f"run: a .nc file holds runs with the {what} of this package, got {given!r}")
    if ending == ".csv":
        if not all(run.axes()) or (run.batch_shape and not _one_set_of_names(run)):
            raise ValueError(
                f"path: a .csv file holds one run, or a grid of one graph's, got a batch of shape {run.batch_shape}; "
                "save run[i], or all as .nc"
            )
        fill = lambda part: _write_csv(run, part)  # noqa: E731
    else:
        dataset = to_xarray(run)
        fill = lambda part: _write_netcdf(dataset, part)  # noqa: E731
    try:
        atomic.write(path, fill)
    except UnicodeEncodeError:
        raise ValueError("names: expected text that UTF-8 can hold, got half of a surrogate pair") from None


def column(name: str, taken: Collection[str] = (TIME,)) -> str:
    """The header of the column of a skill: its name, with a `'` in front where it would be read as something else."""
    stripped = name.lstrip(" ")
    quoted = name in taken or name.startswith(QUOTE) or stripped.startswith(FORMULA)
    return QUOTE + name if quoted else name


def _one_set_of_names(run: Any) -> bool:
    graph = run.model.graph
    return (graph.names is None or isinstance(graph.names[0], str)) and bool(np.all(np.asarray(graph.present)))


def _write_netcdf(dataset: Any, path: Path) -> None:
    dataset.to_netcdf(path, engine="h5netcdf")
    seal(path)


def _write_csv(run: Any, path: Path) -> None:
    # a line break of either kind within a name is quoted only if it is one of those that end lines
    header = io.StringIO()
    axes = run.coordinates
    own = (*axes, TIME)
    csv.writer(header, lineterminator="\r\n").writerow([*own, *(column(name, own) for name in run.names)])
    with open(path, "w", newline="", encoding="utf-8") as file:
        file.write(header.getvalue().removesuffix("\r\n") + "\n")
        writer = csv.writer(file, lineterminator="\n")
        levels = np.asarray(run.level)
        for index, place in zip(np.ndindex(run.batch_shape), itertools.product(*axes.values()), strict=True):
            for time, row in zip(np.asarray(run.ts), levels[index], strict=True):
                # str of a numpy number is its shortest exact form, in its own precision
                writer.writerow([*map(str, place), str(time), *map(str, row)])
