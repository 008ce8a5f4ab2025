"""Adjacency matrices as pandas, R, Excel, Gephi and NumPy write them: with or without names on either side."""

from __future__ import annotations

import dataclasses

import numpy as np

from .columns import columns_of, refuse_backward_corner, word_of
from .limits import MOST_EDGES
from .names import commented, is_number, refuse_comment, same_name
from .network import Network
from .problem import refuse, said
from .table import Table

# what stands for a number in an adjacency table
WORDS = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0, "x": 1.0, "✓": 1.0, "✔": 1.0}
# what spreadsheets call a row or column of sums
TOTALS = {"total", "totals", "grandtotal", "sum", "sums", "summe", "gesamt", "somme", "suma", "totale", "\u03c3"}
MISSING = ("na", "nan", "inf", "-inf")
_PLAIN = frozenset("0123456789+-.eE")


@dataclasses.dataclass
class Layout:
    """Whether a table has a row of names above its square of numbers, and a column of names before it."""

    header: bool
    column: bool


def layout(table: Table) -> Layout | None:
    """How the table is an adjacency matrix, `None` if its shape and its cells are not those of one."""
    rows = table.rows
    height, width = len(rows), table.width
    top, left = rows[0], [row[0] for row in rows]
    # the matrix is square, so the shape tells a row from a column of names, and a corner that is no number means both
    if height == width > 1 and not _is_cell(top[0], table, blank=False):
        return Layout(True, True)
    one = width == 1 and not _is_cell(rows[-1][0], table)  # a column of text
    if height == width + 1 and not one and (_text(top, table) or _labels(top)):
        return Layout(True, False)
    if width == height + 1 and left[0] and (_text(left, table) or _labels(left)):
        return Layout(False, True)
    if height == width and not (width == 1 and _text(top, table)):
        return Layout(False, False)
    return None


def is_matrix(table: Table) -> bool:
    """Whether the table can be read as a matrix: the cells within its names are numbers."""
    found = layout(table)
    if found is None:
        return False
    return all(_share(row[found.column :], table) == 1 for row in table.rows[found.header :])


def mostly_numbers(table: Table, found: Layout) -> bool:
    """Whether most cells within the names are numbers: a matrix in which some cells are wrong."""
    shares = [_share(row[found.column :], table) for row in table.rows[found.header :]]
    return 2 * sum(shares) > len(shares)


def _share(cells: list[str], table: Table) -> float:
    """The share of the cells that are numbers, or stand for one."""
    if all(cells) and _PLAIN.issuperset("".join(cells)) and all(map(is_number, set(cells))):
        return 1.0
    return sum(_is_cell(cell, table) for cell in cells) / max(1, len(cells))


def refuse_totals(table: Table) -> None:
    """Sums of the rows or columns of a matrix, which would be one skill more where they stand on both sides."""
    rows = table.rows
    above, beside = rows[0][-1], rows[-1][0]
    wide, tall = word_of(above) in TOTALS, word_of(beside) in TOTALS
    if not (wide or tall) or columns_of(rows[0]) is not None:
        return
    header = wide or _text(rows[0][1:], table)
    column = tall or _text([row[0] for row in rows[1:]], table)
    cells = [row[column:] for row in rows[header:]]
    if len(cells) <= tall or len(cells[0]) <= wide or not all(_is_cell(cell, table) for row in cells for cell in row):
        return
    numbers = np.array([[_cell(cell, table) or 0.0 for cell in row] for row in cells])
    matrix = numbers[: len(cells) - tall, : len(cells[0]) - wide]
    near = 0.02 * np.abs(matrix).max()  # numbers are rounded before they are written
    right = not wide or np.allclose(numbers[: len(matrix), -1], matrix.sum(1), atol=near)
    below = not tall or np.allclose(numbers[-1, : matrix.shape[1]], matrix.sum(0), atol=near)
    if right and below:
        got = "a row and a column" if wide and tall else "a column" if wide else "a row"
        refuse(
            f"expected a skill for each row and column, got {got} of totals, {said(above if wide else beside)}; "
            f"delete {'them' if wide and tall else 'it'}, or call the skill otherwise"
        )


def read_matrix_table(table: Table) -> Network:
    """The network of an adjacency matrix: row i lists what skill i is a prerequisite of."""
    found = layout(table)
    height, width = len(table.rows), table.width
    if found is None:
        refuse(
            "expected a square matrix, with or without names, or a list of edges with a first row that names its "
            f"columns (prerequisite,skill), got {height} rows of {width} cells"
        )
    rows, lines = table.rows[found.header :], table.lines[found.header :]
    names, above = table.comment, None
    if found.header and found.column:
        refuse_backward_corner(table.rows[0][0])
    if found.header or found.column:
        above = [same_name(cell) for cell in table.rows[0][found.column :]] if found.header else None
        beside = [same_name(row[0]) for row in rows] if found.column else None
        names = beside or above
        if above == [f"V{place}" for place in range(1, width)] and beside == [str(n) for n in range(1, height)]:
            above = beside = names = None  # what R writes for a matrix without names
        for name in (every := dict.fromkeys([*(above or ()), *(beside or ())])):
            if commented(name, every):
                refuse_comment(name, "names")
        for index, name in enumerate(names or ()):
            if not name:
                refuse(f"names: expected one for each row and column, got none for number {index + 1}")
        if names is not None and len(set(names)) < len(names):
            refuse(f"names: expected distinct names, got {said(next(n for n in names if names.count(n) > 1))} twice")
    numbers = np.empty((len(rows), len(rows)))
    for index, (row, line) in enumerate(zip(rows, lines, strict=True)):
        numbers[index] = _numbers(row[found.column :], line, index, table)
    if above is not None and names is not None and above != names:
        numbers = numbers[:, _order(above, names)]
    if np.count_nonzero(numbers) > MOST_EDGES + len(rows):
        refuse(f"expected at most {MOST_EDGES:,} edges, got more")
    source, target = np.nonzero(numbers)
    return Network(len(rows), source, target, numbers[source, target], names, listed=False)


def _order(above: list[str], names: list[str]) -> list[int]:
    """The columns in the order of the rows."""
    place = {name: index for index, name in enumerate(above)}
    if len(place) < len(above):
        refuse(f"names: expected distinct names, got {said(next(n for n in above if above.count(n) > 1))} twice")
    for name in names:
        if name not in place:
            other = next(name for name in above if name not in names)
            refuse(f"expected the same names in the first row and column, got {said(other)} and {said(name)}")
    return [place[name] for name in names]


def _numbers(cells: list[str], line: int, row: int, table: Table) -> list[float]:
    if all(cells) and _PLAIN.issuperset("".join(cells)):
        try:
            return _finite([float(cell) for cell in cells], line)
        except ValueError:
            pass  # 1-2, said below
    numbers = []
    for column, cell in enumerate(cells):
        number = _cell(cell, table)
        if number is None and column == row and cell.lower() in MISSING:
            number = 0.0  # how a skill hangs together with itself is not read
        if number is None:
            hint = ""
            if cell.lower() in ("na", "nan"):
                hint = ", which says that a number is missing; write 0 where there is no dependency"
            elif "," in cell:
                hint = "; a decimal comma is read where semicolons or tabs separate the cells"
            refuse(f"line {line}: expected numbers, got {said(cell)}{hint}")
        numbers.append(number)
    return _finite(numbers, line)


def _finite(numbers: list[float], line: int) -> list[float]:
    if max(map(abs, numbers)) == np.inf:
        refuse(f"line {line}: expected finite numbers, got one of more than 1.8e308")
    return numbers


def _cell(cell: str, table: Table) -> float | None:
    """The number in a cell; an empty one, as pandas writes what it has no number for, is 0."""
    if not cell:
        return 0.0
    if is_number(cell):
        return float(cell)
    if table.separator in ";\t" and cell.count(",") == 1 and is_number(cell.replace(",", ".")):
        return float(cell.replace(",", "."))
    return WORDS.get(cell.lower())


def _is_cell(cell: str, table: Table, blank: bool = True) -> bool:
    return (blank or cell != "") and (_cell(cell, table) is not None or cell.lower() in MISSING)


def _text(cells: list[str], table: Table) -> bool:
    """Whether some of the cells are no numbers, and so all of them are names."""
    return any(not _is_cell(cell, table, blank=False) for cell in cells)


def _labels(cells: list[str]) -> bool:
    """Whether they are distinct whole numbers, such as years or places, that can be names."""
    return len(set(cells)) == len(cells) and all(cell.isdecimal() for cell in cells)
