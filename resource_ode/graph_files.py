"""Skill graphs from and to other forms: networkx, adjacency matrices, and files of either.

Everywhere an edge `u -> v` means that `u` is a prerequisite of `v`. networkx is imported on first use.

| file | holds | read | written |
|---|---|---|---|
| `.graphml` | GraphML | yes | yes |
| `.json` | networkx node-link data, under the key `edges` (or, from older networkx, `links`) | yes | yes |
| `.npy` | adjacency matrix | yes | |
| `.csv` | adjacency matrix, with or without a row of names, a column of names or both | yes | |

Nodes may have the attributes `gate` (`"all"` or `"any"`; default `"all"`) and `frequency` (a number > 0, on all or
none).
"""

from __future__ import annotations

import csv
import json
import math
import os
import xml.etree.ElementTree
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .graphs.graph import GATES, SkillGraph


def from_networkx(digraph: Any, *, gate: Any = None, condense: bool = False) -> SkillGraph:
    """The skill graph of a networkx `DiGraph`: an edge `u -> v` makes `u` a prerequisite of `v`.

    Skills keep the order of the nodes and are named `str(node)`. Parallel edges of a multigraph count as one.

    **Arguments:**

    - `digraph`: a networkx `DiGraph` or `MultiDiGraph`; see the module for the node attributes that are read.
    - `gate`: gates that take the place of the nodes' own: `"all"` or `"any"`, or one a skill.
    - `condense`: merge the skills of each cycle into one, as [`resource_ode.graph_files.condense`][] does (call that
        first to see which were merged). Skills that require themselves then simply do not.

    **Raises:** `ValueError` for an undirected graph, a skill that requires itself, a cycle (which it prints), two nodes
    of one name, or attributes that are not as above.

    **Example:**

    >>> import networkx as nx
    >>> graph = from_networkx(nx.DiGraph([("add", "multiply"), ("multiply", "power")]))
    >>> graph.names, graph.prerequisite_lists()
    (('add', 'multiply', 'power'), [[], [0], [1]])
    """
    if condense:
        digraph, _ = _condense(digraph)
    _check_digraph(digraph)
    position = {node: index for index, node in enumerate(digraph)}
    for node in digraph:
        if digraph.has_edge(node, node):
            raise ValueError(
                f"digraph: expected no skill to require itself, got {str(node)!r} -> {str(node)!r} "
                "(condense=True drops such edges)"
            )
    return SkillGraph(
        [sorted(position[before] for before in set(digraph.predecessors(node))) for node in digraph],
        [_gate_of(digraph, node) for node in digraph] if gate is None else gate,
        names=[str(node) for node in digraph],
        frequency=_frequencies(digraph),
    )


def to_networkx(graph: SkillGraph) -> Any:
    """One skill graph as a networkx `DiGraph`, the inverse of [`resource_ode.graph_files.from_networkx`][].

    Nodes are the names of the skills, with the attributes `gate` and, if the graph has it, `frequency`. Skills that
    only pad the graph are left out.

    **Raises:** `ValueError` for a batch.

    **Example:**

    >>> to_networkx(SkillGraph([[], [0]], names=["add", "multiply"])).edges
    OutEdgeView([('add', 'multiply')])
    """
    import networkx as nx

    if graph.batch_shape:
        raise ValueError(f"graph: expected one graph, got a batch of shape {graph.batch_shape}; index it first")
    names, lists = graph.skill_names(), graph.prerequisite_lists()
    any_gate, present = np.asarray(graph.any_gate), np.asarray(graph.present)
    digraph = nx.DiGraph()
    for skill in np.flatnonzero(present):
        digraph.add_node(names[skill], gate="any" if any_gate[skill] else "all")
        if graph.frequency is not None:
            digraph.nodes[names[skill]]["frequency"] = float(graph.frequency[skill])
    for skill in np.flatnonzero(present):
        digraph.add_edges_from((names[before], names[skill]) for before in lists[skill])
    return digraph


def from_adjacency(
    matrix: Any,
    *,
    threshold: float = 0.0,
    names: Sequence[str] | None = None,
    gate: Any = "all",
    condense: bool = False,
) -> SkillGraph:
    r"""The skill graph of an adjacency matrix.

    $$ i \text{ is a prerequisite of } j \iff |A_{ij}| > \text{threshold}, \qquad i \ne j $$

    The sign of a weight is not read, as is usual where weights are estimates, and the diagonal is ignored.

    **Arguments:**

    - `matrix`: $A$, `(skill, skill)`; row $i$ lists what skill $i$ is a prerequisite of.
    - `threshold`: the largest weight that is no dependency, >= 0.
    - `names`, `gate`: as in [`resource_ode.SkillGraph`][].
    - `condense`: merge the skills of each cycle into one, as [`resource_ode.graph_files.condense`][] does; `gate` must
        then be one for all.

    **Raises:** `ValueError` for a matrix that is not square or holds a weight that is not finite, a negative threshold,
    or a cycle (which it prints).

    **Example:**

    >>> from_adjacency([[0, 0.9], [0.1, 0]], threshold=0.5).prerequisite_lists()
    [[], [0]]
    """
    try:
        weights = np.asarray(matrix, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"matrix: expected rows of numbers, got {matrix!r:.80}") from None
    if weights.ndim != 2 or weights.shape[0] != weights.shape[1]:
        raise ValueError(f"matrix: expected a square one, (skill, skill), got shape {weights.shape}")
    if not 0 <= threshold < math.inf:
        raise ValueError(f"threshold: expected a finite number of at least 0, got {threshold}")
    wrong = ~np.isfinite(weights) & ~np.eye(len(weights), dtype=bool)
    if wrong.any():
        row, column = (int(i) for i in np.argwhere(wrong)[0])
        raise ValueError(f"matrix: expected finite weights, got {weights[row, column]} in row {row}, column {column}")
    linked = (np.abs(weights) > threshold) & ~np.eye(len(weights), dtype=bool)
    lists = [np.flatnonzero(column).tolist() for column in linked.T]
    if not condense:
        return SkillGraph(lists, gate, names=names)
    if not isinstance(gate, str):
        raise ValueError('gate: expected "all" or "any" for all skills, since condense=True changes their number')
    import networkx as nx

    # a graph without the edges checks the names
    names = SkillGraph([[] for _ in lists], gate, names=names).skill_names()
    digraph = nx.DiGraph()
    digraph.add_nodes_from(names)
    digraph.add_edges_from((names[before], names[skill]) for skill, row in enumerate(lists) for before in row)
    return from_networkx(digraph, gate=gate, condense=True)


def condense(digraph: Any) -> tuple[Any, dict[str, tuple[str, ...]]]:
    """A digraph without cycles: skills that require one another, directly or not, become one composite skill.

    Skills of a cycle can never start, since each waits for another; as one skill they can. A composite

    - is named after its members, in the order of the nodes: `"A+B"`;
    - requires whatever any member requires from outside;
    - has the gate `"any"` if every member that requires something from outside has it, and else `"all"`: what the
        members' own gates say, where those are alike, once members stop waiting for one another; where they are mixed,
        the stricter reading;
    - is as frequent as its members together: their frequencies add up.

    **Arguments:** `digraph`: a networkx `DiGraph` or `MultiDiGraph`; it is not changed.

    **Returns:** a new `DiGraph` whose nodes are names, with the attributes `gate`, `members` (a tuple of names) and, if
    the nodes have it, `frequency`; and a dictionary from the name of each skill to the names of its members, of which a
    composite has several. `SkillGraph.from_networkx` takes the digraph as it is.

    **Raises:** `ValueError` as [`resource_ode.graph_files.from_networkx`][] does, except for cycles.

    **Example:**

    >>> import networkx as nx
    >>> digraph, members = condense(nx.DiGraph([("A", "B"), ("B", "A"), ("B", "C")]))
    >>> members
    {'A+B': ('A', 'B'), 'C': ('C',)}
    >>> from_networkx(digraph).prerequisite_lists()
    [[], [0]]
    """
    import networkx as nx

    _check_digraph(digraph)
    frequencies = _frequencies(digraph)
    frequency_of = None if frequencies is None else dict(zip(digraph, frequencies, strict=True))
    position = {node: index for index, node in enumerate(digraph)}
    components = [sorted(part, key=position.__getitem__) for part in nx.strongly_connected_components(digraph)]
    components.sort(key=lambda part: position[part[0]])
    name_of: dict[Any, str] = {}
    membership: dict[str, tuple[str, ...]] = {}
    for part in components:
        name = "+".join(str(node) for node in part)
        if name in membership:
            raise ValueError(f"digraph: expected distinct names, got {name!r} more than once")
        membership[name] = tuple(str(node) for node in part)
        name_of.update(dict.fromkeys(part, name))
    condensed = nx.DiGraph()
    for part in components:
        name = name_of[part[0]]
        outside = [node for node in part if any(name_of[before] != name for before in digraph.predecessors(node))]
        # a skill that was not merged keeps its gate, even where it requires nothing
        gates = {_gate_of(digraph, node) for node in (outside if len(part) > 1 else part)}
        condensed.add_node(name, gate="any" if gates == {"any"} else "all", members=membership[name])
        if frequency_of is not None:
            condensed.nodes[name]["frequency"] = sum(frequency_of[node] for node in part)
    condensed.add_edges_from(
        (name_of[before], name_of[after]) for before, after in digraph.edges() if name_of[before] != name_of[after]
    )
    return condensed, membership


_condense = condense  # under a name that the arguments called `condense` do not hide


def read_graph(path: str | os.PathLike[str], *, threshold: float = 0.0, condense: bool = False) -> SkillGraph:
    """The skill graph in a `.graphml`, `.json`, `.npy` or `.csv` file (see the module for what each holds).

    **Arguments:**

    - `path`: the file; its extension says what it is.
    - `threshold`: for a matrix (`.npy`, `.csv`), the largest weight that is no dependency.
    - `condense`: merge the skills of each cycle into one, as [`resource_ode.graph_files.condense`][] does.

    **Raises:** `ValueError`, which names the file, what was expected and what came.

    **Example:**

    >>> graph = read_graph("skills.csv", threshold=0.5)  # doctest: +SKIP
    """
    path = Path(path)
    kind = path.suffix.lower()
    if kind not in (".graphml", ".json", ".npy", ".csv"):
        raise ValueError(f"{path}: expected a .graphml, .json, .npy or .csv file, got {_extension(path)}")
    if not path.is_file():
        raise ValueError(f"{path}: expected a graph file, got {'a folder' if path.is_dir() else 'no file at all'}")
    try:
        if kind in (".npy", ".csv"):
            matrix, names = _read_npy(path) if kind == ".npy" else _read_csv(path)
            return from_adjacency(matrix, threshold=threshold, names=names, condense=condense)
        if threshold != 0:
            raise ValueError("threshold: expected none, since only a matrix (.npy, .csv) holds weights")
        return from_networkx(_read_graphml(path) if kind == ".graphml" else _read_json(path), condense=condense)
    except UnicodeDecodeError:
        raise ValueError(f"{path}: expected text in UTF-8, got other bytes") from None
    except OSError as error:
        raise ValueError(f"{path}: expected a file that can be read, got {error.strerror}") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def write_graph(graph: SkillGraph, path: str | os.PathLike[str]) -> None:
    """Write one skill graph to a `.graphml` or `.json` file, the inverse of [`resource_ode.graph_files.read_graph`][].

    **Raises:** `ValueError`, which names the file, for another extension, a batch, or a place that cannot be written.

    **Example:**

    >>> write_graph(SkillGraph([[], [0]]), "skills.json")  # doctest: +SKIP
    """
    import networkx as nx

    path = Path(path)
    kind = path.suffix.lower()
    if kind not in (".graphml", ".json"):
        raise ValueError(f"{path}: expected a .graphml or .json file to write, got {_extension(path)}")
    try:
        digraph = to_networkx(graph)
        if kind == ".json":
            text = json.dumps(nx.node_link_data(digraph, edges="edges"), indent=1, ensure_ascii=False)
        else:
            text = "\n".join(nx.generate_graphml(digraph))
        path.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise ValueError(f"{path}: expected a file that can be written, got {error.strerror}") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _extension(path: Path) -> str:
    return f"the extension {path.suffix!r}" if path.suffix else "no extension"


def _check_digraph(digraph: Any) -> None:
    import networkx as nx

    if not isinstance(digraph, nx.Graph):
        raise ValueError(f"digraph: expected a networkx DiGraph, got {type(digraph).__name__}")
    if not digraph.is_directed():
        raise ValueError(
            "digraph: expected a directed graph, since an edge leads from a prerequisite to what requires it, "
            "got an undirected one"
        )


def _gate_of(digraph: Any, node: Any) -> str:
    gate = digraph.nodes[node].get("gate", "all")
    if gate not in GATES:
        raise ValueError(f'gate of {str(node)!r}: expected "all" or "any", got {gate!r:.80}')
    return gate


def _frequencies(digraph: Any) -> list[float] | None:
    given = {node: value for node, value in digraph.nodes(data="frequency") if value is not None}
    if not given:
        return None
    found = []
    for node in digraph:
        if node not in given:
            raise ValueError(
                f"frequency of {str(node)!r}: expected a number, since {str(next(iter(given)))!r} has one, got none"
            )
        try:
            frequency = float(given[node])
        except (TypeError, ValueError):
            frequency = math.nan
        if not 0 < frequency < math.inf:
            raise ValueError(f"frequency of {str(node)!r}: expected a finite number above 0, got {given[node]!r:.80}")
        found.append(frequency)
    return found


def _read_graphml(path: Path) -> Any:
    import networkx as nx

    try:
        return nx.read_graphml(path)
    except xml.etree.ElementTree.ParseError as error:
        raise ValueError(f"expected GraphML, got text that is no XML ({error})") from None
    except (nx.NetworkXError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"expected GraphML, got a file that networkx refuses ({error})") from None


def _read_json(path: Path) -> Any:
    import networkx as nx

    try:
        data = json.loads(path.read_text(encoding="utf-8-sig"))
    except json.JSONDecodeError as error:
        raise ValueError(f"expected JSON, got text that is none ({error})") from None
    if not isinstance(data, dict):
        raise ValueError(f"expected node-link data, an object with nodes and edges, got a {type(data).__name__}")
    edges = "links" if "links" in data and "edges" not in data else "edges"
    for key, wanted in (("nodes", ("id",)), (edges, ("source", "target"))):
        if not isinstance(data.get(key), list):
            raise ValueError(
                f"expected node-link data, an object with lists nodes and edges, got keys {list(data)!r:.80}"
            )
        for item in data[key]:
            if not isinstance(item, dict) or not all(isinstance(item.get(name), (str, int, float)) for name in wanted):
                raise ValueError(f"{key}: expected objects with {' and '.join(wanted)}, got {item!r:.80}")
    known: set[Any] = set()
    for node in data["nodes"]:
        if node["id"] in known:
            raise ValueError(f"nodes: expected distinct ids, got {node['id']!r:.80} more than once")
        known.add(node["id"])
    for edge in data[edges]:
        for end in ("source", "target"):
            if edge[end] not in known:
                raise ValueError(f"{edges}: expected the id of a node as {end}, got {edge[end]!r:.80}")
    # what the file says of itself goes before these defaults
    return nx.node_link_graph(data, directed=True, multigraph=False, edges=edges)


def _read_npy(path: Path) -> tuple[Any, None]:
    with path.open("rb") as file:
        try:
            matrix = np.lib.format.read_array(file, allow_pickle=False)
        except (ValueError, EOFError):
            raise ValueError("expected a NumPy array of numbers, got a file that is none") from None
    if matrix.dtype.kind not in "biuf":
        raise ValueError(f"expected a NumPy array of real numbers, got {matrix.dtype}")
    return matrix, None


def _read_csv(path: Path) -> tuple[list[list[float]], list[str] | None]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file)
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if any(map(str.strip, row))]
    if not rows:
        raise ValueError("expected an adjacency matrix, got an empty file")
    height, width = len(rows), len(rows[0][1])
    for line, row in rows:
        if len(row) != width:
            raise ValueError(f"line {line}: expected {width} cells, as in the first row, got {len(row)}")
    top, left = rows[0][1], [row[0] for _, row in rows]
    # the matrix is square, so the shape tells a row from a column of names, and a corner that is no number means both
    both = height == width > 1 and _number(top[0]) is None
    header = both or (height == width + 1 and None in map(_number, top))
    column = both or (width == height + 1 and None in map(_number, left))
    if height - header != width - column:
        raise ValueError(f"expected a square matrix, with or without names, got {height} rows of {width} cells")
    names = top[column:] if header else left if column else None
    if both and left[1:] != names:
        mine, other = next((a, b) for a, b in zip(left[1:], top[1:], strict=True) if a != b)
        raise ValueError(f"expected the same names in the first row and column, got {other!r} and {mine!r}")
    matrix = []
    for line, row in rows[header:]:
        numbers = [_number(cell) for cell in row[column:]]
        if None in numbers:
            raise ValueError(f"line {line}: expected numbers, got {row[column + numbers.index(None)]!r:.80}")
        matrix.append(numbers)
    return matrix, names


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None
