"""What the columns of a list of edges are called, and words in a file that say which end is the prerequisite."""

from __future__ import annotations

import re

from ..direction import backward
from .names import is_number
from .problem import refuse, said

# what a column is called that holds the prerequisites, the skills that require them, or skills of either side
NEEDS = (
    "prerequisite", "prerequisites", "prereq", "prereqs", "requires", "required", "requirement", "requirements",
    "dependson", "dependency", "dependencies", "needs", "requiredskill", "requiredskills",
)  # fmt: skip
FIRST = (
    "source", "from", "before", "parent", "sourceid", "fromid", "fromnodeid", "start", "startid", "predecessor",
    "predecessors", *NEEDS,
)  # fmt: skip
LAST = (
    "target", "to", "after", "child", "dependent", "requiredby", "unlocks", "enables", "leadsto", "composite", "dest",
    "destination", "targetid", "toid", "tonodeid", "end", "endid", "postrequisite", "prerequisiteof", "prereqof",
    "prerequisitefor", "prereqfor", "isprerequisiteof", "isprerequisitefor", "successor", "successors",
)  # fmt: skip
# of these, what names the ends of an arrow, which may mean "depends on"
ARROWS = ("source", "target", "from", "to", "sourceid", "targetid", "fromid", "toid", "fromnodeid", "tonodeid")
EITHER = ("skill", "concept", "task", "topic", "course", "node", "name", "lesson", "item", "id", "subject", "unit")
WEIGHTS = ("weight", "weights", "edgeweight", "w", "value", "strength")
# names of columns that do not say which end is the prerequisite: an arc of a graph leads to its head, and a statement
# about its head says something of the tail
UNCLEAR = ("head", "tail", "object", "u", "v", "node1", "node2")
# of what else begins and ends, where the skills stand in a column of their own
SPANS = ("start", "end")
ANSWERS = ("yes", "no", "y", "n", "true", "false")


def word_of(cell: str) -> str:
    """The word in the name of a column: its letters and digits, small."""
    small = cell.lower()
    return small if small.isalnum() else re.sub(r"[\W_]", "", small)


def refuse_backward_corner(corner: str) -> None:
    """A matrix whose corner names its rows and columns, as pandas writes their names, the other way round."""
    rows, _, beside = re.sub(r"\s*[\\/|]\s*", "\0", corner.strip(), count=1).partition("\0")
    above = word_of(beside) in (*FIRST, *NEEDS)
    if backward(rows) is None and word_of(rows) not in LAST and not (above and word_of(rows) in EITHER):
        return
    refuse(
        "expected rows that list what a skill is a prerequisite of, got a table whose corner, "
        f"{said(corner)}, says that they list what it requires; transpose it, and call the corner prerequisite"
    )


def columns_of(header: list[str]) -> tuple[int, int] | None:
    """The columns of the prerequisites and of the skills in a row of names, `None` if it does not say so."""
    words = [word_of(cell) for cell in header]
    either = [index for index, word in enumerate(words) if word in EITHER]
    if either:
        words = ["" if word in SPANS else word for word in words]
    first = [index for index, word in enumerate(words) if word in FIRST]
    last = [index for index, word in enumerate(words) if word in LAST]
    if len(first) == len(last) == 1:
        return first[0], last[0]
    rest = [index for index, word in enumerate(words) if word not in WEIGHTS]
    if len(first) == 1 and not last:
        others = either if len(either) == 1 else [index for index in rest if index != first[0]]
        return (first[0], others[0]) if len(others) == 1 else None
    if len(last) == 1 and not first and len(either) == 1:
        return either[0], last[0]
    return None


def refuse_unclear(header: list[str]) -> None:
    """A row of names with several columns that could be the one of the skills, or of the prerequisites."""
    words = [word_of(cell) for cell in header]
    wanted = [cell for cell, word in zip(header, words, strict=True) if word in NEEDS]
    if wanted and any(word in EITHER for word in words):
        refuse(
            "expected one column of prerequisites and one of skills, as prerequisite,skill, got a first row "
            f"{said(header)}; delete the columns that are neither, so that prerequisites are written as skills are"
        )


def refuse_other_columns(rows: list[list[str]], lines: list[int], found: tuple[int, int]) -> None:
    """What stands in the column of prerequisites, or beside it, shows that it holds something else than names."""
    header = [word_of(cell) for cell in rows[0]]
    before_at, after_at = found
    for index, word in enumerate(header):
        if word in ("gate", "frequency") and index not in found:
            refuse(
                f"expected edges and their weights, got a column {said(rows[0][index])}, which a list of edges does "
                "not hold; delete it, and give it to SkillGraph or ResourceModel, or write the graph as node-link JSON"
            )
    skills = {row[after_at] for row in rows[1:]}
    befores = {row[before_at] for row in rows[1:]} - {""}
    if befores and befores.isdisjoint(skills):
        told = {cell.lower() for cell in befores}
        answers = header[before_at] == "required" and told <= {"0", "1"} and not all(map(is_number, skills))
        if answers or told <= set(ANSWERS):
            refuse(
                f"line {lines[1]}: expected prerequisites in the column {said(rows[0][before_at])}, got "
                f"{said(rows[1][before_at])}, an answer and no name"
            )
    for index, name in enumerate(rows[0] if header[after_at] in EITHER and not befores <= skills else ()):
        cells = {row[index] for row in rows[1:]} if index not in found else set()
        if len(cells) == len(rows) - 1 and befores <= cells and not all(map(str.isdecimal, cells)):
            refuse(
                f"expected prerequisites by the names of the column {said(rows[0][after_at])}, got those of the column "
                f"{said(name)}; delete one of the two columns and call the other skill"
            )
    refuse_names_beside_ids(rows[0], found)


def refuse_names_beside_ids(header: list[str], found: tuple[int, int]) -> None:
    """Ids of skills whose names stand in another column, as in a plan or in a list of nodes."""
    for end in (word_of(header[index]) for index in found):
        for name in header:
            word = word_of(name)
            if word == end or not (end.endswith("id") or end in ARROWS):
                continue
            if word.startswith(end.removesuffix("id")) and word.endswith(("name", "title", "label")):
                refuse(f"expected skills by their names, got ids beside the column {said(name)}; write edges by names")
