"""Tables that hold curves: from a file, a DataFrame or a Dataset to cells with the place of each row."""

from __future__ import annotations

import csv
import dataclasses
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from ..base.annotations import DataFrame, Dataset, FilePath, Given
from ..base.checks import file_path
from ..base.values import brief
from ..base.words import printable, said_path
from .commas import DECIMAL_COMMA, EITHER, Commas, commas_of, is_separated, of_writing

SEPARATORS = ",;\t"
MOST_BYTES = 2**28
UTF16 = (b"\xff\xfe", b"\xfe\xff")
MISSING = ("", "nan", "na", "n/a", "null", "none", "-")


class CurvesError(ValueError):
    """Measured curves that cannot be used: which file, column and row, what was expected and what came."""


@dataclasses.dataclass(frozen=True, eq=False)
class Table:
    """Columns of cells: text or numbers.

    `source`: what messages begin with ("" or "curves.csv: "); `places`: what messages call each row; `name`: of the
    file, without folder and extension; `commas`: what they mean in its numbers.
    """

    columns: dict[str, list[Any]]
    places: list[str]
    source: str = ""
    name: str = ""
    commas: Commas = dataclasses.field(default_factory=Commas)

    def error(self, message: str) -> CurvesError:
        return CurvesError(f"{self.source}{message}")

    def number(self, column: str, row: int, what: str = "a number") -> float:
        """A cell as a number; NaN where it is empty."""
        cell = self.columns[column][row]
        if is_missing(cell):
            return math.nan
        if isinstance(cell, str) and self.commas.comma is not None:
            cell = self._with_point(column, cell.strip())
        try:
            # Python takes 1_000 for a thousand, which no logger writes
            found = math.inf if isinstance(cell, str) and "_" in cell else float(cell)
        except (TypeError, ValueError, OverflowError):
            found = math.inf
        # times are counts of nanoseconds to NumPy
        if isinstance(cell, (bool, np.bool_, np.datetime64, np.timedelta64)) or math.isinf(found):
            hint = of_writing(cell.strip()) if isinstance(cell, str) else ""
            raise self.error(f"column {brief(column)}, {self.places[row]}: expected {what}, got {brief(cell)}{hint}")
        return found

    def _with_point(self, column: str, cell: str) -> str:
        """A number with a decimal comma as Python writes it; refused where others of the table have a point."""
        comma, point = self.commas.comma, self.commas.point
        if column in self.commas.columns:
            return cell.replace(",", ".") if DECIMAL_COMMA.fullmatch(cell) else cell
        if comma and point and comma != point and ("," in cell or EITHER.fullmatch(cell)) and is_separated(cell):
            raise self.error(
                f"column {brief(point[0])}, {point[1]}: expected a number without a point, as {brief(comma[2])} in "
                f"column {brief(comma[0])}, {comma[1]}, got {brief(point[2])}; write all numbers with decimal points, "
                "without separators of thousands"
            )
        return cell

    def is_name(self, column: str, numbers: bool) -> bool:
        """Whether a column names something, rather than being measured: by text, or `numbers`, all of them whole."""
        rows = range(len(self.places))
        try:
            if all(math.isnan(self.number(column, row)) for row in rows[:3]):
                return True
            return numbers and all(self.number(column, row) % 1 == 0 for row in rows)
        except CurvesError:
            return True

    def taking(self, rows: Sequence[int]) -> Table:
        """Some of the rows."""
        columns = {name: [cells[row] for row in rows] for name, cells in self.columns.items()}
        return dataclasses.replace(self, columns=columns, places=[self.places[row] for row in rows])


def is_missing(cell: Any) -> bool:
    """Whether nothing is in a cell."""
    if isinstance(cell, str):
        return cell.strip().lower() in MISSING
    # pandas has marks of its own
    return cell is None or type(cell).__name__ in ("NAType", "NaTType") or (isinstance(cell, float) and cell != cell)


# a table, as users give it
Source: TypeAlias = FilePath | DataFrame | Dataset | Given["Mapping[str, Sequence[Any]]"]


def as_table(source: Source) -> Table:
    """A table from a CSV file, a pandas DataFrame, an xarray Dataset or DataArray, or a dict of columns.

    **Raises:** [`resource_ode.fitting.tables.CurvesError`][].
    """
    if hasattr(source, "to_dataframe") and hasattr(source, "dims"):
        return _from_xarray(source)
    if hasattr(source, "iloc") and hasattr(source, "columns"):
        return _from_frame(source)
    if isinstance(source, Mapping):
        return _from_columns(source)
    if isinstance(source, (str, Path)) or hasattr(source, "__fspath__"):
        return _from_file(file_path("curves", source))
    raise CurvesError(
        f"curves: expected a CSV file, a DataFrame, a Dataset or a dict of columns, got {type(source).__name__}"
    )


def _from_columns(columns: Mapping[Any, Any]) -> Table:
    found: dict[str, list[Any]] = {}
    for name, cells in columns.items():
        if not isinstance(name, str):
            raise CurvesError(f"curves: expected names of columns, got {brief(name)}")
        _check_name(name, len(found))
        array = np.asarray(cells)
        if array.ndim != 1:
            hint = "; make rows a table: pandas.DataFrame(rows)" if array.ndim == 0 else ""
            raise CurvesError(f"column {brief(name)}: expected a list of cells, got {brief(cells)}{hint}")
        found[name] = list(cells) if isinstance(cells, (list, tuple)) or array.dtype.kind in "mM" else array.tolist()
    lengths = {len(cells) for cells in found.values()}
    if len(lengths) != 1 or lengths == {0}:
        raise CurvesError(f"curves: expected columns of one length, at least 1, got {sorted(lengths)}")
    return Table(found, [f"row {row}" for row in range(lengths.pop())])


def _from_frame(frame: Any) -> Table:
    if any(name is not None for name in frame.index.names):
        frame = frame.reset_index()
    if getattr(frame.columns, "nlevels", 1) > 1:
        raise CurvesError("curves: expected one row of column names, got several levels of them")
    names = [str(name) for name in frame.columns]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise CurvesError(f"column {brief(twice)}: expected each column once, got it {names.count(twice)} times")
    if not len(frame):
        raise CurvesError("curves: expected at least one row, got an empty table")
    for place, name in enumerate(names):
        _check_name(name, place)
    columns = {name: frame.iloc[:, place].tolist() for place, name in enumerate(names)}
    return Table(columns, [f"row {brief(label)}" for label in frame.index.tolist()])


def _check_name(name: str, place: int) -> None:
    if not name.strip():
        raise CurvesError(f"curves: expected a name for each column, got none for number {place + 1}")


def _from_xarray(data: Any) -> Table:
    if not hasattr(data, "data_vars"):
        data = data.to_dataset(name=data.name or "value")
    tasks = next((dim for dim in ("task", "skill") if dim in data.dims), None)
    if tasks is not None:
        # one variable over tasks is a table in long form
        variables = [name for name, array in data.data_vars.items() if tasks in array.dims]
        if not variables:
            raise CurvesError(f"curves: expected a variable with the dimension {brief(tasks)}, got none")
        known = [name for name in ("value", "accuracy", "loss", "level") if name in variables]
        variables = known or variables
        data = data[[variables[0]]]
    return _from_frame(data.to_dataframe().reset_index())


def _from_file(path: Path) -> Table:
    source = f"{said_path(path)}: "

    def wrong(message: str) -> CurvesError:
        return CurvesError(source + message)

    try:
        if path.is_dir():
            raise wrong("expected a CSV file, got a folder")
        if path.exists() and not path.is_file():
            raise wrong("expected a CSV file, got a device or a pipe")
        if path.stat().st_size > MOST_BYTES:
            raise wrong(f"expected a file of at most {MOST_BYTES / 2**20:.0f} MiB, got a larger one")
        content = path.read_bytes()
        # spreadsheets and Windows shells write UTF-16, and say so
        text = content.decode("utf-16" if content.startswith(UTF16) else "utf-8-sig")
    except FileNotFoundError:
        raise wrong("expected a CSV file, got no file at all") from None
    except OSError as error:
        raise wrong(f"expected a file that can be read, got {error.strerror}") from None
    except UnicodeDecodeError:
        raise wrong("expected text in UTF-8 or UTF-16 (CSV), got other bytes") from None
    if "\0" in text:
        raise wrong("expected text (CSV), got zero bytes")
    lines = text.splitlines(keepends=True)
    header = next((line for line in lines if line.strip()), "")
    counts = {separator: re.sub(r'"[^"]*"', '""', header).count(separator) for separator in SEPARATORS}
    separator = max(counts, key=lambda each: counts[each])
    rows, places = [], []
    reader = csv.reader(lines, delimiter=separator, strict=True)
    try:
        begins = 1
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append([cell.strip() for cell in row])
                places.append(begins)
            begins = reader.line_num + 1
    except csv.Error as error:
        where = f"line {reader.line_num}"
        raise wrong(
            f"{where}: expected cells and quotes that match, got text that is none ({printable(error)})"
        ) from None
    if len(rows) < 2:
        raise wrong(f"expected a line of column names and rows below it, got {'no rows' if rows else 'an empty file'}")
    names = rows[0]
    for name in names:
        if not name:
            # what pandas writes of its own count
            if names.index(name) == 0 and names.count(name) == 1:
                continue
            raise wrong(f"line {places[0]}: expected a name for each column, got none for number {names.index('') + 1}")
        if names.count(name) > 1:
            raise wrong(f"line {places[0]}: expected each column once, got {brief(name)} twice")
    for row, place in zip(rows[1:], places[1:], strict=True):
        if len(row) != len(names):
            raise wrong(f"line {place}: expected {len(names)} cells, as in line {places[0]}, got {len(row)}")
    columns = {name: [row[place] for row in rows[1:]] for place, name in enumerate(names) if name}
    said = [f"line {place}" for place in places[1:]]
    return Table(columns, said, source, path.stem, Commas() if separator == "," else commas_of(columns, said))
