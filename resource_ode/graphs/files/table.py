"""Rows and cells of a text table: which character separates them, and what surrounds them."""

from __future__ import annotations

import csv
import dataclasses
import itertools
import re
from collections.abc import Callable

from .limits import MOST_COLUMNS, MOST_EDGES
from .problem import refuse, said

SEPARATORS = {",": "a comma", ";": "a semicolon", "\t": "a tab"}


_WORD = re.compile(r'"[^"]*"|\S+')


@dataclasses.dataclass
class Table:
    """Rows of stripped cells, all of one width, with the line of each; `comment`: the cells of the `# ` line above."""

    rows: list[list[str]]
    lines: list[int]
    separator: str
    comment: list[str] | None = None

    @property
    def width(self) -> int:
        return len(self.rows[0])

    def first(self, column: int, wrong: Callable[[str], object]) -> tuple[str, int] | None:
        """The first cell of a column, below its name, that is wrong, and its line; equal cells are asked for once."""
        cells = [row[column] for row in self.rows[1:]]
        found = {cell for cell in set(cells) if wrong(cell)}
        return next((pair for pair in zip(cells, self.lines[1:], strict=True) if pair[0] in found), None)


def read_table(text: str, blanks: bool = False) -> Table:
    """The table in a text; `blanks`: its columns may be separated by blanks."""
    lines = text.splitlines()
    first = 0
    while first < len(lines) and not lines[first].strip():
        first += 1
    separator = None
    if first < len(lines) and re.fullmatch(r'"?sep=.?"?', lines[first].strip("\r\n"), re.IGNORECASE):
        separator = lines[first].strip('"\r\n')[4:5] or "\t"  # a line that Excel reads
        first += 1
    comments = []
    while first < len(lines) and (lines[first].startswith("#") or not lines[first].strip()):
        if re.match(r"#\S*[,;\t]#", lines[first]):
            break  # names that begin with #
        comments.append(lines[first])
        first += 1
    if len(lines) > MOST_EDGES + first + 1:
        refuse(f"expected at most {MOST_EDGES:,} rows, got {len(lines):,}; SkillGraph takes larger graphs as arrays")
    body = "\n".join(lines[first:])
    if not body.strip():
        refuse("expected an adjacency matrix or a list of edges, got an empty file")
    if separator is None:
        separator = _separator(lines[first:], blanks)
    rows, numbers = _rows(body, separator, first)
    if "#" in body:
        rows, numbers = _without_comments(rows, numbers, lines)
    width = max((len(row) for row in rows), default=0)
    if width == 0:
        refuse("expected an adjacency matrix or a list of edges, got an empty file")
    if _beside_row_names(rows, [lines[number - 1] for number in numbers]):
        rows[0].insert(0, "")
    # spreadsheets leave empty columns at the end
    while width > 1 and all(len(row) < width or not row[width - 1] for row in rows):
        width -= 1
    for row, line in zip(rows, numbers, strict=True):
        if len(row) != width:
            del row[width:]
        if len(row) != width:
            refuse(f"line {line}: expected {width} cells separated by {_said(separator)}, got {len(row)}")
    comment = None
    for line in comments[-1:]:  # what numpy.savetxt writes as `header`
        cells = [cell.strip() for cell in line[1:].split(separator if separator != " " else None)]
        comment = cells if len(cells) == width > 1 and all(cells) else None
    return Table(rows, numbers, separator, comment)


def _said(separator: str) -> str:
    return SEPARATORS.get(separator, "blanks" if separator == " " else said(separator))


def _rows(body: str, separator: str, skipped: int) -> tuple[list[list[str]], list[int]]:
    rows, numbers, begins = [], [], 1
    try:
        if separator == " ":
            for number, line in enumerate(body.splitlines()):
                if not line.strip():
                    continue
                if line.count('"') % 2:
                    refuse(
                        f"line {skipped + number + 1}: expected cells separated by blanks, got quotes that do not match"
                    )
                cells = _WORD.findall(line) if '"' in line else line.split(None, MOST_COLUMNS)
                rows.append([cell[1:-1].strip() if cell[0] == cell[-1] == '"' else cell for cell in cells])
                numbers.append(skipped + number + 1)
            return rows, numbers
        reader = csv.reader(body.splitlines(keepends=True), delimiter=separator, strict=True)
        for row in reader:
            if len(row) > MOST_COLUMNS:
                refuse(f"line {skipped + begins}: expected at most {MOST_COLUMNS:,} columns, got {len(row):,}")
            cells = list(map(str.strip, row))
            if any(cells):
                rows.append(cells)
                numbers.append(skipped + begins)
            begins = reader.line_num + 1
    except csv.Error as error:
        limit = f"a cell of more than {csv.field_size_limit():,} characters"
        got = limit if "field larger" in str(error) else "quotes that do not match"
        refuse(f"line {skipped + begins}: expected cells separated by {_said(separator)}, got {got}")
    return rows, numbers


def _without_comments(rows: list[list[str]], numbers: list[int], lines: list[str]) -> tuple[list[list[str]], list[int]]:
    """The rows without lines of another width that begin with #; one of the same width may be a row, and is refused."""
    hashed = {index for index, number in enumerate(numbers) if lines[number - 1].lstrip().startswith("#")}
    if not hashed or any(cell.startswith("#") for row in rows for cell in row[1:]):
        return rows, numbers  # the names begin with #
    width = max((len(row) for index, row in enumerate(rows) if index not in hashed), default=0)
    for index in sorted(hashed):
        if lines[numbers[index] - 1].strip() == "#":
            refuse(f"line {numbers[index]}: expected a row, got #, as in the Trivial Graph Format, which is not read")
        if len(rows[index]) == width:
            refuse(
                f"line {numbers[index]}: expected a row, got {said(lines[numbers[index] - 1])}, which may be "
                "a comment; delete it, or quote the name"
            )
    keep = [index for index in range(len(rows)) if index not in hashed]
    return [rows[index] for index in keep], [numbers[index] for index in keep]


def _beside_row_names(rows: list[list[str]], lines: list[str]) -> bool:
    """Whether R's `write.table` wrote them: names of the rows, or quoted numbers, above which no cell stands."""
    width = len(rows[0]) + 1
    if len(rows) < 2 or any(len(row) != width for row in rows[1:]):
        return False
    names = [row[0] for row in rows[1:]]
    if sorted(names) == sorted(rows[0]):
        return True
    quoted = all(line[:1] == '"' for line in lines[1:])
    return quoted and len(set(names)) == len(names) and all(name.isdecimal() for name in names)


def _separator(lines: list[str], blanks: bool) -> str:
    """The one separator that every line has equally often, outside quotes."""
    plain = (line for line in lines if line.strip() and not line.startswith("#"))
    sample = [re.sub(r'"[^"]*"', '""', line) for line in itertools.islice(plain, 1000)]
    even = []
    for separator in SEPARATORS:
        counts = {line.count(separator) for line in sample}
        if 0 not in counts and (len(counts) == 1 or separator == "\t"):
            even.append(separator)
    if "\t" in even:
        return "\t"
    if len(even) == 2:
        # 0,5;0,7 is two numbers with decimal commas
        if all(set(line) <= set("0123456789+-.eE,; \r\n") for line in sample) or "," not in sample[0]:
            return ";"
        refuse("expected one separator, got lines that commas and semicolons both divide; begin with a line sep=,")
    if even:
        return even[0]
    if blanks and not any(separator in line for line in sample for separator in ",;"):
        return " "
    common = max(SEPARATORS, key=lambda separator: sum(separator in line for line in sample))
    return common if any(common in line for line in sample) else ","
