"""Read a graph file: its format is told by what is in it and by its suffix."""

from __future__ import annotations

import math
import os
import re
import warnings
from pathlib import Path

from ...base.annotations import Given
from ...base.checks import file_path, truth_value
from ...base.words import said_path
from ..convert import SIGNS
from ..graph import SkillGraph
from .columns import columns_of, refuse_unclear
from .dot import read_dot
from .edge_list import can_be_edges, columns, read_edge_list, read_networkx_lines
from .gexf import read_gexf
from .gml import read_gml
from .graphml import read_graphml
from .matrix_table import is_matrix, layout, mostly_numbers, read_matrix_table, refuse_totals
from .network import DIRECTIONS, Network, skill_graph
from .node_link import read_json
from .npy import MAGIC, read_npy, read_npz
from .problem import GraphFileError, guess, refuse, said
from .source import decode, read_bytes
from .table import read_table

TABLES = (".csv", ".tsv", ".tab", ".txt", ".dat", ".edges", ".el")
SUFFIXES = {
    ".json": "json", ".cyjs": "json", ".gml": "gml", ".dot": "dot", ".gv": "dot", ".edgelist": "edgelist",
    ".adjlist": "adjlist", **dict.fromkeys(TABLES, "table"),
}  # fmt: skip
# a name may begin with a bracket, but does not go on as JSON does
_JSON = re.compile(r"""\{\s*(?:["}]|\Z)|\[\s*(?:["\]{]|\[\s*["\]\[{\d-]|\Z)""")
KNOWN = ".graphml, .gexf, .gml, .dot, .json, .csv, .tsv, .txt, .edgelist, .adjlist, .npy or .npz"


def read_graph(
    path: str | os.PathLike[str],
    *,
    direction: Given[str | None] = None,
    sign: Given[str | None] = None,
    threshold: float | int = 0.0,
    condense: Given[bool] = False,
) -> SkillGraph:
    r"""The skill graph in a file; `docs/graph_files.md` lists the formats, what is read of each and what is refused.

    Names are the labels of the nodes, their ids where there is no label or another node has the same. Node attributes
    `gate` (`"all"` or `"any"`) and `frequency` (a number > 0, on all nodes or none) are read.

    **Arguments:**

    - `path`: the file, perhaps packed with gzip.

    **Other arguments:**

    - `direction`: which end of an edge is the prerequisite: `"prerequisite_first"` (the source, the first column) or
        `"prerequisite_last"`. A list of edges whose first row does not say so needs it; formats whose edges are arrows
        take the source unless told otherwise; a matrix takes none, since its row lists what a skill is a prerequisite
        of.
    - `sign`: what a negative weight means: `"drop"`, no dependency, or `"absolute"`, a dependency of its absolute
        value. Without it a negative weight is refused.
    - `threshold`: an edge of weight $w$ is a dependency if $|w| >$ `threshold`, >= 0; edges without weights always are.
        Without one an edge of weight 0 is refused where edges are listed; in a matrix it is none.
    - `condense`: merge the skills of each cycle into one, as [`resource_ode.condense`][] does.

    **Raises:** `GraphFileError`, a `ValueError` that says which file, where, what was expected and what came.

    **Example:**

    >>> graph = read_graph("skills.csv", direction="prerequisite_first")  # doctest: +SKIP
    """
    for name, value, choices in (("direction", direction, DIRECTIONS), ("sign", sign, SIGNS)):
        if value is not None and not (isinstance(value, str) and value in choices):
            expected = f'expected "{choices[0]}" or "{choices[1]}"'
            raise ValueError(f"{name}: {expected}, got {said(value)}{guess(value, choices)}")
    if not isinstance(threshold, (int, float)) or not 0 <= threshold < math.inf:
        raise ValueError(f"threshold: expected a finite number of at least 0, got {said(threshold)}")
    file, condense = file_path("path", path), truth_value("condense", condense)
    try:
        network = _network(file, direction)
        graph = skill_graph(network, direction, sign, threshold, condense)
        if network.doubt is not None and direction is None:
            warnings.warn(
                f"{said_path(file)}: {network.doubt}, but is read as leading from a prerequisite to what requires it; "
                'say which is meant: direction="prerequisite_first" (as it is read) or "prerequisite_last"',
                stacklevel=2,
            )
        return graph
    except OSError as error:
        problem = f"expected a file that can be read, got {error.strerror}"
    except (MemoryError, RecursionError):
        problem = "expected a graph that fits into memory, got one that is too large or nested too deep"
    except ValueError as error:
        problem = str(error)
    raise GraphFileError(f"{said_path(file)}: {problem}")


def _network(path: Path, direction: str | None) -> Network:
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    suffix = suffixes[-1] if suffixes else ""
    data = read_bytes(path)
    if data.startswith(MAGIC):
        return read_npy(data)
    if data.startswith(b"PK\x03\x04") and suffix != ".xlsx":
        return read_npz(data)
    _refuse_binary(data, suffix)
    kind = SUFFIXES.get(suffix, "")
    if suffix in (".npy", ".npz"):
        refuse("expected a NumPy array of numbers, got a file that is none")
    head = decode_head(data)
    if head.startswith("<"):
        return _xml(data, head, direction)
    _refuse_others(head)
    if suffix in (".graphml", ".gexf"):
        refuse(f"expected {suffix[1:].upper() if suffix == '.gexf' else 'GraphML'}, got text that is no XML")
    if suffix not in (".csv", ".tsv", ".edgelist", ".adjlist"):
        kind = _kind(head) or kind  # a suffix may mislead
    elif (other := _kind(head)) and (other != "json" or _JSON.match(head)):
        what = "a table" if kind == "table" else "a list of edges"
        refuse(f"expected {what}, got {other.upper()}; call the file .{other}")
    if not kind:
        refuse(f"expected a {KNOWN} file, got {f'the suffix {said(suffix)}' if suffix else 'no suffix'}")
    text = decode(data, legacy=kind == "table")
    if kind == "json":
        return read_json(text, direction)
    if kind == "gml":
        return read_gml(text, direction)
    if kind == "dot":
        return read_dot(text)
    if kind in ("edgelist", "adjlist"):
        return read_networkx_lines(text, kind)
    return _table(text, suffix, direction)


def decode_head(data: bytes, length: int | None = 4000) -> str:
    """The first characters of a text in any of the usual encodings, for a first look."""
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    return data[:length].decode(encoding, errors="replace").lstrip()


def _refuse_binary(data: bytes, suffix: str) -> None:
    if data.startswith(b"PK\x03\x04") or data.startswith(b"\xd0\xcf\x11\xe0"):
        refuse("expected text, got an Excel workbook; save the sheet as CSV")
    if data.startswith((b"\x89HDF", b"CDF")):
        refuse("expected a graph file, got HDF5 or netCDF")
    if re.match(rb"\x80[\x02-\x05]", data):
        refuse("expected a graph file, got a pickle of Python objects, which is not opened; use numpy.save")


def _refuse_others(head: str) -> None:
    for start, name, otherwise in (
        (r"\*vertices", "Pajek", "SkillGraph.from_networkx(networkx.DiGraph(networkx.read_pajek(path))) reads it"),
        ("%%matrixmarket", "Matrix Market", "SkillGraph.from_adjacency(scipy.io.mmread(path).toarray()) reads it"),
        (r"(graph|flowchart)\s+(tb|td|bt|rl|lr)\s*(;|\n)", "Mermaid", ""),
        ("@startuml", "PlantUML", ""),
        ("@prefix|@base", "Turtle", ""),
        ("format-version:", "OBO", ""),
        (r"dl\s+n\s*=", "UCINET DL", ""),
    ):
        if re.match(start, head[:40].lower()):
            refuse(f"expected a {KNOWN} file, got {name}; {otherwise or 'save it as one of those'}")


def _xml(data: bytes, head: str, direction: str | None) -> Network:
    root = _root(head) or _root(decode_head(data, None))  # the whole where it begins with a long comment
    if root == "gexf":
        return read_gexf(data)
    if root in ("graphml", ""):
        return read_graphml(data, direction)
    refuse(f"expected GraphML or GEXF, got XML whose first element is <{said(root)[1:-1]}>")


def _root(text: str) -> str:
    """The first element of an XML text, without its prefix."""
    match = re.search(r"<(?![?!])(?:[\w.-]+:)?([\w.-]+)", re.sub(r"<!--.*?(?:-->|\Z)", "", text, flags=re.DOTALL))
    return match[1] if match else ""


def _kind(head: str) -> str:
    """The format of a text without a suffix that says it."""
    if head.startswith(("{", "[")):
        return "json"
    begin = re.sub(r"\A(?:\s|//[^\n]*|/\*.*?\*/|#[^\n]*)*", "", head, flags=re.DOTALL)
    if re.match(r"(strict\s+)?(di)?graph\b[^\n\[{]*\s*\{", begin):
        return "dot"
    if re.match(r"(?:(?:#|(?:Creator|Version|comment)\b)[^\n]*\n\s*)*graph\s*\[", head):
        return "gml"
    return ""


def _table(text: str, suffix: str, direction: str | None) -> Network:
    table = read_table(text, blanks=suffix not in (".csv", ".tsv"))
    if table.comment is not None and columns(table) is None and columns_of(table.comment) is not None:
        table.rows.insert(0, table.comment)  # as SNAP writes above its edges
        table.lines.insert(0, table.lines[0])
    refuse_totals(table)
    shape, named = layout(table), columns(table) is not None
    matrix = is_matrix(table)
    if matrix and shape is not None and shape.header and shape.column:
        # a matrix whose corner happens to be a word of edges
        alike = {row[0] for row in table.rows[1:]} == set(table.rows[0][1:])
        if direction is not None and table.width == 3 and not alike:
            return read_edge_list(table, direction)  # two edges with weights below the names of their columns
        named = named and not alike
    elif matrix and shape is not None and not named and not shape.column and table.comment is None:
        if can_be_edges(table.rows[shape.header :]):
            if direction is None:
                refuse(
                    "expected a matrix or a list of edges, got numbers that may be either: for edges say which column "
                    'holds the prerequisites, direction="prerequisite_first" or "prerequisite_last", or begin with a '
                    "row prerequisite,skill; for a matrix add its names as a first row and a first column"
                )
            return read_edge_list(table, direction)
    if not named and not matrix:
        refuse_unclear(table.rows[0])
    wide = table.width not in (2, 3) or table.rows[0] == ["", *(row[0] for row in table.rows[1:])]
    if not named and (matrix or wide or (shape is not None and mostly_numbers(table, shape))):
        return read_matrix_table(table)
    return read_edge_list(table, direction)
