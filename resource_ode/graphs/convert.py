"""Skill graphs from and to networkx digraphs and adjacency matrices, and cycles condensed into one skill each.

Everywhere an edge `u -> v` means that `u` is a prerequisite of `v`. Nodes may have the attributes `gate` (`"all"` or
`"any"`; default `"all"`) and `frequency` (a number > 0, on all or none), edges a `weight`. networkx is imported on
first use. What makes a graph is returned as the arguments of [`resource_ode.SkillGraph`][], which calls these here.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from ..base.annotations import DiGraph, Given, Numbers
from ..base.checks import truth_value
from ..base.values import brief, in_order_of, labels_along
from ..base.words import nearest
from .direction import backward
from .gates import GATES, Gate

SIGNS = ("drop", "absolute")


def networkx_arguments(
    digraph: DiGraph, *, gate: Gate | None = None, sign: str | None = None, condense: Given[bool] = False
) -> dict[str, Any]:
    """The skill graph of a networkx `DiGraph`: an edge `u -> v` makes `u` a prerequisite of `v`.

    Skills keep the order of the nodes and are named `str(node)`. Parallel edges of a multigraph count as one. An
    edge of weight 0 is refused, larger weights are not read.

    **Arguments:**

    - `digraph`: a networkx `DiGraph` or `MultiDiGraph`; see the module for the node attributes that are read.
    - `gate`: gates that take the place of the nodes' own: `"all"` or `"any"`, or one per skill.
    - `sign`: what a negative `weight` of an edge means: `"drop"`, no dependency, or `"absolute"`, one like any other;
        without it a negative weight is refused.
    - `condense`: merge the skills of each cycle into one, as [`resource_ode.condense`][] does (call that first to see
        which were merged). Skills that require themselves then simply do not.

    **Raises:** `ValueError` for an undirected graph, an edge with an attribute like `requires`, which says that it
    leads the other way, a skill that requires itself, a cycle (which it prints), two nodes of one name, or attributes
    that are not as above.

    **Example:**

    >>> import networkx as nx
    >>> from resource_ode import SkillGraph
    >>> graph = SkillGraph.from_networkx(nx.DiGraph([("add", "multiply"), ("multiply", "power")]))
    >>> graph.names, graph.prerequisite_lists()
    (('add', 'multiply', 'power'), [[], [0], [1]])
    """
    _check_digraph(digraph)
    digraph = _signed(digraph, sign)
    if truth_value("condense", condense):
        digraph, _ = _condense(digraph)
    position = {node: index for index, node in enumerate(digraph)}
    for node in digraph:
        if digraph.has_edge(node, node):
            raise ValueError(
                f"digraph: expected no skill to require itself, got {str(node)!r} -> {str(node)!r} "
                "(condense=True drops such edges)"
            )
    return {
        "prerequisites": [sorted(position[before] for before in set(digraph.predecessors(node))) for node in digraph],
        "gate": [_gate_of(digraph, node) for node in digraph] if gate is None else gate,
        "names": [str(node) for node in digraph],
        "frequency": _frequencies(digraph),
    }


def to_networkx(graph: Any) -> DiGraph:
    """One skill graph as a networkx `DiGraph`, the inverse of `SkillGraph.from_networkx`.

    Nodes are the names of the skills, with the attributes `gate` and, if the graph has it, `frequency`. Skills that
    only pad the graph are left out.

    **Raises:** `ValueError` for a batch.

    **Example:**

    >>> from resource_ode import SkillGraph
    >>> SkillGraph([[], [0]], names=["add", "multiply"]).to_networkx().edges
    OutEdgeView([('add', 'multiply')])
    """
    import networkx as nx

    if graph.batch_shape:
        raise ValueError(f"graph: expected one graph, got a batch of shape {graph.batch_shape}; index it first")
    names, lists = graph.skill_names(), graph.prerequisite_lists()
    if graph.own_gate is not None:
        raise ValueError(f'gate: expected "all" or "any", which a digraph can hold, got {graph.own_gate}')
    any_gate, present = np.asarray(graph.any_gate), np.asarray(graph.present)
    digraph = nx.DiGraph()
    for skill in np.flatnonzero(present):
        digraph.add_node(names[skill], gate="any" if any_gate[skill] else "all")
        if graph.frequency is not None:
            digraph.nodes[names[skill]]["frequency"] = float(graph.frequency[skill])
    for skill in np.flatnonzero(present):
        digraph.add_edges_from((names[before], names[skill]) for before in lists[skill])
    return digraph


def adjacency_arguments(
    matrix: Numbers,
    *,
    threshold: float = 0.0,
    sign: str | None = None,
    names: Sequence[str] | None = None,
    gate: Gate = "all",
    condense: Given[bool] = False,
) -> dict[str, Any]:
    r"""The skill graph of an adjacency matrix.

    $$ i \text{ is a prerequisite of } j \iff |A_{ij}| > \text{threshold}, \qquad i \ne j $$

    The diagonal is ignored. A negative weight needs `sign`, which says what it means.

    **Arguments:**

    - `matrix`: $A$, `(skill, skill)`; row $i$ lists what skill $i$ is a prerequisite of.
    - `threshold`: the largest weight that is no dependency, >= 0.
    - `sign`: `"drop"`, a negative weight is no dependency, or `"absolute"`, it counts like a positive one; without it a
        negative weight is refused.
    - `names`, `gate`: as in [`resource_ode.SkillGraph`][]. A pandas DataFrame or an xarray DataArray is matched by its
        names, row and column, which are those of the skills unless `names` gives their order.
    - `condense`: merge the skills of each cycle into one, as [`resource_ode.condense`][] does; `gate` must then be one
        for all.

    **Raises:** `ValueError` for a matrix that is not square or holds a weight that is not finite or is negative without
    `sign`, a negative threshold, or a cycle (which it prints).

    **Example:**

    >>> from resource_ode import SkillGraph
    >>> SkillGraph.from_adjacency([[0, 0.9], [0.1, 0]], threshold=0.5).prerequisite_lists()
    [[], [0]]
    """
    matrix, names = _by_name(matrix, names)
    weights = _weights(matrix)
    if weights.ndim != 2 or weights.shape[0] != weights.shape[1]:
        raise ValueError(f"matrix: expected a square one, (skill, skill), got shape {weights.shape}")
    if not 0 <= threshold < math.inf:
        raise ValueError(f"threshold: expected a finite number of at least 0, got {threshold}")
    wrong = ~np.isfinite(weights) & ~np.eye(len(weights), dtype=bool)
    if wrong.any():
        row, column = (int(i) for i in np.argwhere(wrong)[0])
        raise ValueError(f"matrix: expected finite weights, got {weights[row, column]} in row {row}, column {column}")
    _check_sign(sign)
    np.fill_diagonal(weights, 0)
    if sign is None and (weights < 0).any():
        row, column = (int(i) for i in np.argwhere(weights < 0)[0])
        raise ValueError(f"matrix: {_negative(weights[row, column], f'in row {row}, column {column}')}")
    linked = (weights if sign == "drop" else np.abs(weights)) > threshold
    lists = [np.flatnonzero(column).tolist() for column in linked.T]
    if not truth_value("condense", condense):
        return {"prerequisites": lists, "gate": gate, "names": names}
    if not isinstance(gate, str):
        raise ValueError('gate: expected "all" or "any" for all skills, since condense=True changes their number')
    import networkx as nx

    names = [f"skill {skill + 1}" for skill in range(len(lists))] if names is None else list(names)
    if len(names) != len(lists):
        raise ValueError(f"names: expected {len(lists)} strings, one per skill, got {len(names)}")
    digraph = nx.DiGraph()
    for name in names:
        if name in digraph:
            raise ValueError(f"names: expected distinct names, got {brief(name)} more than once")
        digraph.add_node(name)
    digraph.add_edges_from((names[before], names[skill]) for skill, row in enumerate(lists) for before in row)
    return networkx_arguments(digraph, gate=gate, condense=True)


def _weights(matrix: Any) -> np.ndarray:
    """A matrix of floating-point numbers, from real numbers or truth values: of text, dates, complex numbers and masked
    entries NumPy would make numbers as well.
    """
    try:
        given = np.asarray(matrix)
        real = jnp.issubdtype(given.dtype, jnp.floating) or jnp.issubdtype(given.dtype, jnp.integer)
        real = (real and given.dtype.kind != "m") or given.dtype == bool
        if given.dtype == object:
            real = given.ndim == 2 and all(isinstance(entry, (numbers.Real, np.bool_)) for entry in given.flat)
        weights = np.array(given, dtype=float) if real else None
    except (TypeError, ValueError, OverflowError):
        weights = None
    if weights is None:
        hint = "; a sparse one is read by matrix.toarray()" if hasattr(matrix, "toarray") else ""
        raise ValueError(f"matrix: expected rows of numbers, got {brief(matrix)}{hint}")
    if isinstance(matrix, np.ma.MaskedArray) and np.any(np.ma.getmaskarray(matrix)):
        raise ValueError(f"matrix: expected rows of numbers, got masked entries: {brief(matrix)}")
    return weights


def _by_name(matrix: Any, names: Sequence[str] | None) -> tuple[Any, Sequence[str] | None]:
    """A matrix that carries names with its columns in the order of its rows, or both in that of `names`; the names."""
    if not (hasattr(matrix, "iloc") or hasattr(matrix, "isel")) or matrix.ndim != 2:
        return matrix, names
    carried = labels_along(matrix, -2) or labels_along(matrix, -1)
    order = carried if names is None else list(names)
    matrix, named = in_order_of("matrix", matrix, order, axes=2)
    return matrix, [str(name) for name in order] if named and order is not None else names


def condense(digraph: DiGraph) -> tuple[DiGraph, dict[str, tuple[str, ...]]]:
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

    **Raises:** `ValueError` as `SkillGraph.from_networkx` does, except for cycles.

    **Example:**

    >>> import networkx as nx
    >>> digraph, members = condense(nx.DiGraph([("A", "B"), ("B", "A"), ("B", "C")]))
    >>> members
    {'A+B': ('A', 'B'), 'C': ('C',)}
    >>> from resource_ode import SkillGraph
    >>> SkillGraph.from_networkx(digraph).prerequisite_lists()
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


def _check_digraph(digraph: Any) -> None:
    import networkx as nx

    if not isinstance(digraph, nx.Graph):
        raise ValueError(f"digraph: expected a networkx DiGraph, got {type(digraph).__name__}")
    if not digraph.is_directed():
        raise ValueError(
            "digraph: expected a directed graph, since an edge leads from a prerequisite to what requires it, "
            "got an undirected one"
        )
    for before, after, said in digraph.edges(data=True):
        if (word := backward(*said.values())) is not None:
            raise ValueError(
                f"digraph: expected edges that lead from a prerequisite to what requires it, but {str(before)!r} -> "
                f"{str(after)!r} is called {word!r}; digraph.reverse() turns the edges round, and without that "
                "attribute they are taken as they are"
            )


def _check_sign(sign: Any) -> None:
    if sign is not None and sign not in SIGNS:
        raise ValueError(f'sign: expected "drop" or "absolute", got {brief(sign)}{nearest(sign, SIGNS, quote=repr)}')


def _negative(weight: float, where: str) -> str:
    return (
        f"expected weights of at least 0, got {weight:g} {where}; say what a negative weight means: "
        'sign="drop" (no dependency) or sign="absolute" (a dependency of its absolute value)'
    )


def _signed(digraph: Any, sign: str | None) -> Any:
    """The digraph without the edges that its negative weights rule out."""
    _check_sign(sign)
    for before, after, weight in digraph.edges(data="weight"):
        if weight is not None and not _is_finite(weight):
            raise ValueError(
                f"weight from {str(before)!r} to {str(after)!r}: expected a finite number, got {brief(weight)}"
            )
        if weight is not None and float(weight) == 0:
            raise ValueError(
                f"weight from {str(before)!r} to {str(after)!r}: expected another than 0, since an edge is a "
                "dependency; leave it out"
            )
    if sign == "absolute":
        return digraph
    negative = [edge for edge in digraph.edges(data="weight") if _is_negative(edge[2])]
    if negative and sign is None:
        before, after, weight = negative[0]
        raise ValueError(f"digraph: {_negative(float(weight), f'from {str(before)!r} to {str(after)!r}')}")
    if not negative:
        return digraph
    kept = digraph.__class__()
    kept.add_nodes_from(digraph.nodes(data=True))
    kept.add_edges_from(edge for edge in digraph.edges(data=True) if not _is_negative(edge[2].get("weight")))
    return kept


def _is_negative(weight: Any) -> bool:
    return weight is not None and float(weight) < 0


def _is_finite(weight: Any) -> bool:
    """Whether a weight is a finite number, perhaps written as a text, as readers of networkx leave them."""
    try:
        return not isinstance(weight, (bool, bytes)) and math.isfinite(float(weight))
    except (TypeError, ValueError):
        return False


def _attribute(digraph: Any, node: Any, name: str) -> Any:
    """An attribute of a node, written in any case as in graph files."""
    values = digraph.nodes[node]
    if name in values:
        return values[name]
    found = {key: value for key, value in values.items() if isinstance(key, str) and key.lower() == name}
    if len(found) > 1:
        raise ValueError(f"node {str(node)!r}: expected one attribute {name}, got {', '.join(sorted(found))}")
    return next(iter(found.values()), None)


def _gate_of(digraph: Any, node: Any) -> str:
    gate = _attribute(digraph, node, "gate")
    gate = "all" if gate is None else gate
    if gate not in GATES:
        hint = nearest(gate, GATES, quote=repr)
        raise ValueError(f'gate of {str(node)!r}: expected "all" or "any", got {brief(gate)}{hint}')
    return gate


def _frequencies(digraph: Any) -> list[float] | None:
    found_in = ((node, _attribute(digraph, node, "frequency")) for node in digraph)
    given = {node: value for node, value in found_in if value is not None}
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
            raise ValueError(f"frequency of {str(node)!r}: expected a finite number above 0, got {brief(given[node])}")
        found.append(frequency)
    return found
