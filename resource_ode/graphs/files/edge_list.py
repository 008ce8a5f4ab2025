"""Lists of edges: tables of two columns, by their header or an argument; and networkx's edge and adjacency lists."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Container

import numpy as np

from ..direction import backward
from .columns import (
    ARROWS,
    EITHER,
    FIRST,
    LAST,
    NEEDS,
    UNCLEAR,
    WEIGHTS,
    columns_of,
    refuse_names_beside_ids,
    refuse_other_columns,
    word_of,
)
from .limits import MOST_EDGES, MOST_SKILLS
from .names import Nodes, clean_name, commented, finite_number, is_number, refuse_comment, same_name
from .network import Edges, Network, number_of
from .problem import refuse, said
from .table import Table

# what tools write where there is nothing
MISSING = {"na", "n/a", "#n/a", "<na>", "nan", "none", "null", "nil", "-", "--", "\u2013", "\u2014"}
# around a list in one cell, as Python and JSON write it
CLOSING = {"[": "]", "{": "}", "(": ")"}
_PARTS = re.compile(r"\s*[;|,+/&\n]\s*|\s+(?:and|or)\s+")


def columns(table: Table) -> tuple[int, int] | None:
    """The columns of the prerequisites and of the skills that require them, `None` if no header says so."""
    return columns_of(table.rows[0])


def can_be_edges(rows: list[list[str]]) -> bool:
    """Whether rows of numbers may be a list of pairs: whole numbers, two different ones in each row."""
    return all(len(row) in (2, 3) and row[0].isdecimal() and row[1].isdecimal() and row[0] != row[1] for row in rows)


def read_edge_list(table: Table, direction: str | None) -> Network:
    """The network of a table with a row for each edge."""
    found = columns(table)
    rows, lines = table.rows, table.lines
    weight_at = None
    if found is not None:
        header = [word_of(cell) for cell in rows[0]]
        stated = "prerequisite_first"
        if direction is not None and {header[found[0]], header[found[1]]} <= {*ARROWS}:
            stated = direction  # these words name the ends of an arrow, which may mean "depends on"
        elif direction not in (None, "prerequisite_first" if found[0] < found[1] else "prerequisite_last"):
            refuse(
                f"direction: the first row, {said(rows[0])}, says that column {found[0] + 1} holds the prerequisites, "
                f"got direction={said(direction)}; leave it out"
            )
        if stated == "prerequisite_last":
            found = found[1], found[0]
        weight_at = next((index for index, word in enumerate(header) if word in WEIGHTS), None)
        arrows = {header[found[0]], header[found[1]]}.isdisjoint(NEEDS)
        refuse_other_columns(rows, lines, found)
        if direction is None and arrows:
            _refuse_backward(table, {*found, weight_at})
        _refuse_undirected(table, header)
        _refuse_unread_signs(table, {*found, weight_at})
        again = {cell for cell in {row[found[0]] for row in rows[1:]} if word_of(cell) == header[found[0]]}
        for row, line in zip(rows[1:], lines[1:], strict=True):
            if row[found[0]] in again and [word_of(cell) for cell in row] == header:
                refuse(f"line {line}: expected an edge, got the names of the columns once more; delete the line")
        called = {rows[0][index] for index in found}
        for index in found:
            if (again_at := table.first(index, called.__contains__)) is not None:
                refuse(
                    f"line {again_at[1]}: expected a skill, got {said(again_at[0])}, which also stands in the first "
                    f"row, {said(rows[0])}; if that row is an edge, put a row prerequisite,skill above it, if it names "
                    "the columns, give them other names, and delete what is no edge"
                )
        rows, lines = rows[1:], lines[1:]
    else:
        if direction is None:
            refuse(
                "expected a first row that names the columns, as prerequisite,skill does, got "
                f"{said(rows[0])}; or say which column holds the prerequisites: "
                'direction="prerequisite_first" or "prerequisite_last"'
            )
        if table.width > 3:
            refuse(f"expected two columns, or three with a weight, or a first row of names, got {table.width} columns")
        weight_at = 2 if table.width == 3 else None
        if _is_header(rows, weight_at):
            if weight_at is not None and word_of(rows[0][2]) not in WEIGHTS:
                refuse(f"expected two columns, or a third called weight, got {said(rows[0])}; delete what is no end")
            refuse_names_beside_ids(rows[0], (0, 1))
            rows, lines = rows[1:], lines[1:]
        found = (0, 1) if direction == "prerequisite_first" else (1, 0)
    return _network(rows, lines, found, weight_at, table.separator)


def _is_header(rows: list[list[str]], weight_at: int | None) -> bool:
    """Whether the first row names the columns, without a word on the direction; refused where it may or may not."""
    top = rows[0]
    elsewhere = any(cell in row for row in rows[1:] for cell in top[:2])
    if elsewhere or len(rows) == 1:
        return False
    if any(word_of(cell) in (*FIRST, *LAST, *EITHER, *WEIGHTS, *UNCLEAR) for cell in top):
        return True
    if all(is_number(cell) for cell in top) and any(is_number(cell) for row in rows[1:] for cell in row[:2]):
        return False
    if weight_at is not None and not is_number(top[weight_at].replace(",", ".")):
        return True
    refuse(
        f"expected an edge, or names of the columns, in the first row, got {said(top)}, which may be either: no other "
        "row holds these; begin with a row prerequisite,skill"
    )


def _network(
    rows: list[list[str]], lines: list[int], found: tuple[int, int], weight_at: int | None, separator: str
) -> Network:
    befores, afters = [row[found[0]] for row in rows], [row[found[1]] for row in rows]
    weights = [row[weight_at] for row in rows] if weight_at is not None else [""] * len(rows)
    if separator in ";\t":
        weights = [weight if "." in weight else weight.replace(",", ".") for weight in weights]
    mentioned = dict.fromkeys(itertools.chain.from_iterable(zip(befores, afters, strict=True)))
    names = {cell: same_name(cell) for cell in mentioned}  # of each different cell, for speed
    firsts, lasts = set(befores) - set(afters), set(afters) - set(befores)
    wrong = {cell for cell, name in names.items() if not name or (cell in lasts and name.lower() in MISSING)}
    wrong |= {cell for cell in firsts if _listed(names[cell]) or names[cell].lower() in MISSING}
    if wrong:
        for before, after, weight, line in zip(befores, afters, weights, lines, strict=True):
            if before in wrong or after in wrong:
                _refuse_row(names[before], names[after], before in firsts, after in lasts, weight, line)
    known = {*names.values()}
    if hashed := {cell for cell, name in names.items() if commented(name, known)}:
        cell, line = next(
            (cell, line)
            for before, after, line in zip(befores, afters, lines, strict=True)
            for cell in (before, after)
            if cell in hashed
        )
        refuse_comment(names[cell], f"line {line}")
    nodes = Nodes()
    place = {name: nodes.add(name) for name in dict.fromkeys(names.values()) if name}
    wrong = {cell for cell in firsts if _several(cell, place)}
    for cell, line in zip(befores, lines, strict=True):
        if cell in wrong:
            refuse(
                f"line {line}: expected one prerequisite per row, got {said(cell)}; "
                "give each a row of its own, or, if it is one skill, a row with an empty prerequisite"
            )
    numbers: dict[float, str] = {}
    for name in place:
        if is_number(name) and numbers.setdefault(float(name), name) != name:
            refuse(
                f"expected one way of writing each name, got {said(numbers[float(name)])} and {said(name)}, which may "
                "be one (pandas writes 1.0 for 1 beside an empty cell)"
            )
    # a skill without a prerequisite may stand alone
    at = {cell: place.get(name, -1) for cell, name in names.items()}
    source, target = (np.fromiter(map(at.__getitem__, cells), np.int64, len(rows)) for cells in (befores, afters))
    edge = source >= 0
    if edge.sum() > MOST_EDGES:
        refuse(f"expected at most {MOST_EDGES:,} edges, got more; SkillGraph takes larger graphs as arrays")
    weight = None
    if any(weights):
        ends = zip(befores, afters, strict=True)
        weight = np.asarray(
            [
                number_of(names[before], names[after], text) if text else math.nan
                for (before, after), text in zip(ends, weights, strict=True)
            ]
        )[edge]
    return Network(len(nodes), source[edge], target[edge], weight, nodes.names(), stated=True)


def _listed(name: str) -> bool:
    """Whether a cell holds a list as Python or JSON writes it."""
    return name != "" and CLOSING.get(name[0]) == name[-1]


def _refuse_row(before: str, after: str, is_first: bool, is_last: bool, weight: str, line: int) -> None:
    """A row whose names, or one of which, are none; `is_first`: no other row has `before` as its skill."""
    if is_first and _listed(before):
        refuse(f"line {line}: expected one prerequisite per row, got the list {said(before)}; give each its row")
    if is_first and before.lower() in MISSING:
        refuse(f"line {line}: expected a prerequisite, got {said(before)}; leave the cell empty where there is none")
    if is_last and after.lower() in MISSING:
        refuse(f"line {line}: expected a skill, got {said(after)}; delete the line")
    if not after:
        refuse(f"line {line}: expected a skill, got an empty cell")
    if not before and weight:
        refuse(
            f"line {line}: expected a prerequisite, got an empty cell beside the weight {said(weight)}; "
            "if the cell was merged with the one above, repeat the name, if there is none, leave the weight empty"
        )


def _several(cell: str, names: Container[str]) -> bool:
    """Whether a cell that is itself no skill lists some: skills of the file, or what a semicolon separates."""
    if re.search(r"[\s;|,+/&]", cell) is None:
        return False
    ways = r"[;|,\n]", _PARTS, r"\s+"
    marked, parts, words = ([same_name(part) for part in re.split(way, cell)] for way in ways)
    listed = len(marked) > 1 and any(part in names for part in marked)
    alone = any(len(all_of) > 1 and all(part in names for part in all_of) for all_of in (parts, words))
    return listed or alone or bool(re.search(r";\s|\w;\w", cell))


def _refuse_unread_signs(table: Table, read: set[int | None]) -> None:
    """A sign is not dropped because its column is called otherwise than weights are."""

    def signed(cell: str) -> bool:
        if not cell.startswith(("-", "\u2212")):
            return False
        return len(cell) == 1 or (finite_number(cell.replace("\u2212", "-")) or 0) < 0

    for index, name in enumerate(table.rows[0]):
        if index not in read and (found := table.first(index, signed)) is not None:
            refuse(
                f"line {found[1]}: expected weights in a column called weight, got {said(found[0])} in {said(name)}, "
                "which is not read; call it weight, or delete it"
            )


def _refuse_backward(table: Table, read: set[int | None]) -> None:
    """Between a source and a target, `requires` says that the target is the prerequisite."""
    for index, name in enumerate(table.rows[0]):
        if index not in read and (found := table.first(index, backward)) is not None:
            refuse(
                f"line {found[1]}: expected an edge that leads from a prerequisite to what requires it, got "
                f"{said(found[0])} in {said(name)}; say which end is the prerequisite: "
                'direction="prerequisite_last" (the target) or "prerequisite_first"'
            )


def _refuse_undirected(table: Table, header: list[str]) -> None:
    undirected = {"undirected", "mutual", "false", "0"}
    for index, word in enumerate(header):  # Gephi writes Directed and Undirected
        if word not in ("type", "directed"):
            continue
        if (found := table.first(index, lambda cell: cell.lower() in undirected)) is not None:
            refuse(f"line {found[1]}: expected a directed graph, got an edge of {word} {said(found[0])}")


def read_networkx_lines(text: str, kind: str) -> Network:
    """networkx's `.edgelist` (two nodes, then a weight or attributes) or `.adjlist` (a node, then its targets)."""
    nodes, edges = Nodes(), Edges()
    names: dict[str, None] = {}
    lines = text.splitlines()
    if len(lines) > MOST_EDGES + MOST_SKILLS:
        refuse(f"expected at most {MOST_EDGES:,} edges, got more")
    lines = [re.sub(r"(?:^|(?<=\s))#.*+", "", line).strip() for line in lines]  # C# is a name
    between = "\t" if any("\t" in line for line in lines) else None
    for number, line in enumerate(lines, 1):
        if not line:
            continue
        if not names:
            _refuse_table(line, number)
        if kind == "adjlist":
            source, *targets = map(str.strip, line.split(between, MOST_EDGES + 1))
            if targets and targets[0].startswith("{"):
                refuse(f"line {number}: expected a node and its targets, got a list of several lines per node")
            if not targets and (mark := re.search(r"[,;|]", source)):
                refuse(f"line {number}: expected nodes separated by blanks, got {said(line)} with {said(mark[0])}")
            rest = ""
        else:
            words = list(map(str.strip, line.split(between, 2)))
            if len(words) < 2:
                refuse(f"line {number}: expected two nodes, got {said(line)}")
            if words[1].startswith("{"):
                refuse(f"line {number}: expected two nodes, got {said(line)}, as in a list of several lines per node")
            source, targets, rest = words[0], words[1:2], "".join(words[2:])
        names[clean_name(source)] = None
        for target in targets:
            names[clean_name(target)] = None
            called = re.findall(r"""['"]([^'"]*)['"]""", rest) if rest.startswith("{") else ()
            edges.add(clean_name(source), clean_name(target), _weight(rest, number) if rest else None, called)
    if not names:
        refuse("expected a list of edges, got an empty file")
    if kind == "adjlist" and all([*map(str.strip, line.split(between))][1:] == ["0"] for line in lines if line):
        refuse(
            "expected nodes and their targets, got 0 after each node, as in a list of several lines per node that has "
            "no edges; delete the zeros, or, if 0 is a node, add a line for it"
        )
    for name in names:
        nodes.add(name)
    return edges.network(nodes, lambda end, which: said(end))


def _refuse_table(line: str, number: int) -> None:
    """A first line of another kind of list, whose names would be taken for nodes or keep their commas and quotes."""
    words = line.split()
    if columns_of(words) is not None and len(words) in (2, 3):
        refuse(f"line {number}: expected nodes, got the names of columns {said(words)}; call the file .txt")
    for word in words[:2]:
        if word[-1] in ",;:" or '"' in (word[0], word[-1]) or re.fullmatch("[-=]+>", word):
            refuse(
                f"line {number}: expected nodes separated by blanks and without quotes, got {said(line)}; call the "
                "file .csv or .txt, with a first row that names the columns, as prerequisite,skill does"
            )


def _weight(rest: str, line: int) -> str | None:
    """The weight in what follows an edge: a number, or attributes written as Python does, {'weight': 0.7}."""
    if not rest.startswith("{"):
        return rest
    found = re.findall(r"""['"]weight['"]\s*:\s*([^,}]*)""", rest)
    if not rest.endswith("}") or len(found) > 1:
        refuse(f"line {line}: expected attributes, {{'weight': 0.7}}, got {said(rest)}")
    return found[0].strip() if found else None
