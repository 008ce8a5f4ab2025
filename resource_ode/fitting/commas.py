"""Commas in the numbers of a text table: decimal commas, as European spreadsheets write them, or thousands."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import TypeAlias

DECIMAL_COMMA = re.compile(r"[-+]?(?:\d+,\d*|,\d+)(?:[eE][-+]?\d+)?")
# as 1,000 or 1'000: which of them is meant by 1,000 is not told
THOUSANDS = re.compile(r"[-+]?\d{1,3}(?:[,.'\s\u2019]\d{3})+(?:[,.]\d*)?")
# of these, what may also be a number with a decimal comma or point
EITHER = re.compile(r"[-+]?[1-9]\d{0,2}[,.]\d{3}")
_NUMBER = re.compile(r"[-+]?(?:\d+[.,]\d*|[.,]\d+|\d{1,3}(?:[.,]\d{3})+(?:[.,]\d*)?)(?:[eE][-+]?\d+)?")


# of a number: its column, what its row is called, its text
Found: TypeAlias = tuple[str, str, str]


@dataclasses.dataclass(frozen=True)
class Commas:
    """What commas in the numbers of a table mean.

    `columns`: those whose numbers have decimal commas, with such a number; `comma`, `point`: a number with a comma and
    one with a point, where there is any.
    """

    columns: Mapping[str, Found] = dataclasses.field(default_factory=dict)
    comma: Found | None = None
    point: Found | None = None


def commas_of(columns: Mapping[str, Sequence[str]], places: Sequence[str]) -> Commas:
    """What commas mean in a table whose cells no comma separates.

    They are decimal where each number has one at most and none has a point, in the columns that hold a number which
    cannot be thousands: `1,000` alone may be either.
    """
    comma: Found | None = None
    point: Found | None = None
    clear, sure = True, dict[str, Found]()
    for column, cells in columns.items():
        for cell, place in zip(cells, places, strict=True):
            if not ("," in cell or "." in cell) or not is_separated(cell):
                continue
            found, either = (column, place, cell), EITHER.fullmatch(cell) is not None
            # what says best how numbers are written, and what does not fit to it
            if "." in cell and (point is None or (either and not EITHER.fullmatch(point[2]))):
                point = found
            if "," in cell and not DECIMAL_COMMA.fullmatch(cell):
                clear = False
                comma = comma or found
            elif "," in cell and not either:
                comma = found if not sure else comma
                sure.setdefault(column, found)
            elif "," in cell:
                comma = comma or found
    return Commas(sure if clear and point is None else {}, comma, point)


def is_separated(cell: str) -> bool:
    """Whether a text is a number with commas or points in it."""
    return _NUMBER.fullmatch(cell) is not None


def of_writing(cell: str) -> str:
    """How a number would be written."""
    thousands = bool(THOUSANDS.fullmatch(cell))
    point = "decimal points" if DECIMAL_COMMA.fullmatch(cell) else "numbers" if thousands else ""
    return f"; write {point}{' without separators of thousands' * thousands}" if point else ""
