"""Lists of edges: tables of two columns, by their header or an argument; and networkx's edge and adjacency lists."""

from __future__ import annotations

import re

from .limits import MOST_EDGES, MOST_SKILLS
from .names import Nodes, clean_name, is_number
from .network import Edges, Network
from .problem import refuse, said
from .table import Table

# what a column is called that holds the prerequisites, the skills that require them, or skills of either side
FIRST = (
    "source", "from", "before", "parent", "prerequisite", "prerequisites", "prereq", "prereqs", "requires", "required",
    "requirement", "dependson", "dependency", "needs", "requiredskill", "sourceid", "fromid", "start", "tail",
)  # fmt: skip
LAST = (
    "target", "to", "after", "child", "dependent", "requiredby", "unlocks", "enables", "leadsto", "composite", "dest",
    "destination", "targetid", "toid", "end", "head", "postrequisite", "prerequisiteof", "prereqof",
)  # fmt: skip
EITHER = ("skill", "concept", "task", "topic", "course", "node", "name", "lesson", "item", "id", "subject", "unit")
WEIGHTS = ("weight", "value", "strength")


def _word(cell: str) -> str:
    return re.sub(r"[\W_]", "", cell.lower())


def columns(table: Table) -> tuple[int, int] | None:
    """The columns of the prerequisites and of the skills that require them, `None` if no header says so."""
    words = [_word(cell) for cell in table.rows[0]]
    first = [index for index, word in enumerate(words) if word in FIRST]
    last = [index for index, word in enumerate(words) if word in LAST]
    either = [index for index, word in enumerate(words) if word in EITHER]
    if len(first) == len(last) == 1:
        return first[0], last[0]
    rest = [index for index, word in enumerate(words) if word not in WEIGHTS]
    if len(first) == 1 and not last:
        others = either if len(either) == 1 else [index for index in rest if index != first[0]]
        return (first[0], others[0]) if len(others) == 1 else None
    if len(last) == 1 and not first and len(either) == 1:
        return either[0], last[0]
    return None


def can_be_edges(rows: list[list[str]]) -> bool:
    """Whether rows of numbers may be a list of pairs: whole numbers, two different ones in each row."""
    return all(len(row) in (2, 3) and row[0].isdecimal() and row[1].isdecimal() and row[0] != row[1] for row in rows)


def read_edge_list(table: Table, direction: str | None) -> Network:
    """The network of a table with a row for each edge."""
    found = columns(table)
    rows, lines = table.rows, table.lines
    weight_at = None
    if found is not None:
        header = [_word(cell) for cell in rows[0]]
        stated = "prerequisite_first"
        if direction is not None and {header[found[0]], header[found[1]]} <= {"source", "target", "from", "to"}:
            stated = direction  # these words name the ends of an arrow, which may mean "depends on"
        elif direction not in (None, "prerequisite_first" if found[0] < found[1] else "prerequisite_last"):
            refuse(
                f"direction: the first row, {said(rows[0])}, says that column {found[0] + 1} holds the prerequisites, "
                f"got direction={said(direction)}; leave it out"
            )
        if stated == "prerequisite_last":
            found = found[1], found[0]
        weight_at = next((index for index, word in enumerate(header) if word in WEIGHTS), None)
        _refuse_undirected(rows, lines, header)
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
            rows, lines = rows[1:], lines[1:]
        found = (0, 1) if direction == "prerequisite_first" else (1, 0)
    return _network(rows, lines, found, weight_at, table.separator)


def _is_header(rows: list[list[str]], weight_at: int | None) -> bool:
    """Whether the first row names the columns, without a word on the direction; refused where it may or may not."""
    top = rows[0]
    elsewhere = any(cell in row for row in rows[1:] for cell in top[:2])
    if elsewhere or len(rows) == 1:
        return False
    if any(_word(cell) in (*FIRST, *LAST, *EITHER, *WEIGHTS) for cell in top):
        return True
    if all(is_number(cell) for cell in top):
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
    names: dict[str, None] = {}
    nodes, edges = Nodes(), Edges()
    before_at, after_at = found
    for row, line in zip(rows, lines, strict=True):
        before, after = clean_name(row[before_at]), clean_name(row[after_at])
        if not after:
            refuse(f"line {line}: expected a skill, got an empty cell")
        if before:  # a skill without a prerequisite may stand alone
            names[before] = None
            text = row[weight_at] if weight_at is not None else ""
            if separator in ";\t":
                text = text.replace(",", ".")
            edges.add(before, after, text or None)
        names[after] = None
    afters = {row[after_at] for row in rows}
    for row, line in zip(rows, lines, strict=True):
        cell = row[before_at]
        if not (";" in cell or "|" in cell or "," in cell):
            continue
        parts = [part.strip() for part in re.split(r"[;|,]", cell)]
        if len(parts) > 1 and cell not in afters and all(part in names for part in parts):
            refuse(f"line {line}: expected one prerequisite per row, got {said(cell)}; give each a row of its own")
    for name in names:
        nodes.add(name)
    network = edges.network(nodes, lambda end, which: said(end))
    network.stated = True
    return network


def _refuse_undirected(rows: list[list[str]], lines: list[int], header: list[str]) -> None:
    for index, word in enumerate(header):
        if word in ("type", "directed"):  # Gephi writes Directed and Undirected
            for row, line in zip(rows[1:], lines[1:], strict=True):
                if row[index].lower() in ("undirected", "mutual", "false", "0"):
                    refuse(f"line {line}: expected a directed graph, got an edge of {word} {said(row[index])}")


def read_networkx_lines(text: str, kind: str) -> Network:
    """networkx's `.edgelist` (two nodes, then a weight or attributes) or `.adjlist` (a node, then its targets)."""
    nodes, edges = Nodes(), Edges()
    names: dict[str, None] = {}
    lines = text.splitlines()
    if len(lines) > MOST_EDGES + MOST_SKILLS:
        refuse(f"expected at most {MOST_EDGES:,} edges, got more")
    for number, line in enumerate(lines, 1):
        line = line.partition("#")[0].strip()
        if not line:
            continue
        if kind == "adjlist":
            source, *targets = line.split(None, MOST_EDGES + 1)
            rest = ""
        else:
            words = line.split(None, 2)
            if len(words) < 2:
                refuse(f"line {number}: expected two nodes, got {said(line)}")
            source, targets, rest = words[0], words[1:2], "".join(words[2:])
        names[clean_name(source)] = None
        for target in targets:
            names[clean_name(target)] = None
            edges.add(clean_name(source), clean_name(target), _weight(rest, number) if rest else None)
    if not names:
        refuse("expected a list of edges, got an empty file")
    for name in names:
        nodes.add(name)
    return edges.network(nodes, lambda end, which: said(end))


def _weight(rest: str, line: int) -> str | None:
    """The weight in what follows an edge: a number, or attributes written as Python does, {'weight': 0.7}."""
    if not rest.startswith("{"):
        return rest
    found = re.findall(r"""['"]weight['"]\s*:\s*([^,}]*)""", rest)
    if not rest.endswith("}") or len(found) > 1:
        refuse(f"line {line}: expected attributes, {{'weight': 0.7}}, got {said(rest)}")
    return found[0].strip() if found else None
