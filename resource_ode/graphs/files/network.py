"""What a graph file holds, whatever its format: skills, edges and weights; and the skill graph that this makes."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..graph import SkillGraph
from .names import Nodes, finite_number
from .problem import refuse, said

# A graph is held as prerequisites padded to the largest fan-in. What is beyond these bounds would not fit into memory.
MOST_SKILLS = 1_000_000
MOST_PADDED = 12_000_000
DIRECTIONS = ("prerequisite_first", "prerequisite_last")


@dataclasses.dataclass
class Network:
    """Skills and edges of a file: an edge leads from `source[k]` to `target[k]`, positions among the skills.

    `weight[k]` is NaN for an edge without a weight, `weight` is `None` if no edge has one. `listed` says that the edges
    are a list, in which each is meant, and not the entries of a matrix, of which most are zero. `stated` says that the
    file itself says which end of an edge is the prerequisite; `source` is.
    """

    skills: int
    source: Any
    target: Any
    weight: Any = None
    names: list[str] | None = None
    gates: list[str] | None = None
    frequencies: list[float] | None = None
    listed: bool = True
    stated: bool = False

    def name(self, skill: int) -> str:
        """How an error names a skill."""
        return f"skill {skill + 1}" if self.names is None else said(self.names[skill])


class Edges:
    """The edges of a file that lists them, by the ids of their ends."""

    def __init__(self) -> None:
        self.ends: list[tuple[Any, Any]] = []
        self._weights: list[float] = []

    def add(self, source: Any, target: Any, weight: Any = None) -> None:
        """Add an edge, perhaps with a weight as the file writes it; its ends may be nodes that only come later."""
        self.ends.append((source, target))
        if weight is None:
            self._weights.append(math.nan)
            return
        number = finite_number(weight)
        if number is None:
            refuse(f"weight of {said(source)} -> {said(target)}: expected a finite number, got {said(weight)}")
        self._weights.append(number)

    def network(self, nodes: Nodes, unknown: Callable[[Any, str], str]) -> Network:
        """The network of these edges; `unknown(id, which end)` is the sentence for an id that no node has."""
        position = nodes.position
        try:
            source = [position[end] for end, _ in self.ends]
            target = [position[end] for _, end in self.ends]
        except KeyError:
            pair = next(pair for pair in self.ends if pair[0] not in position or pair[1] not in position)
            which = "source" if pair[0] not in position else "target"
            place = f"edge {said(pair[0])} -> {said(pair[1])}"
            refuse(f"{place}: expected the id of a node as {which}, got {unknown(pair[which == 'target'], which)}")
        weight = np.asarray(self._weights, float)
        return Network(
            len(nodes),
            source,
            target,
            None if np.isnan(weight).all() else weight,
            nodes.names(),
            nodes.gates(),
            nodes.frequencies(),
        )


def skill_graph(
    network: Network, direction: str | None, sign: str | None, threshold: float, condense: bool
) -> SkillGraph:
    """The skill graph of what was read."""
    if network.skills == 0:
        refuse("expected at least one skill, got an empty graph")
    if network.skills > MOST_SKILLS:
        refuse(f"expected at most {MOST_SKILLS:,} skills, got {network.skills:,}")
    if direction is not None and not network.listed:
        refuse(
            "direction: expected none for a matrix, whose row lists what a skill is a prerequisite of; if it is the "
            "other way round, SkillGraph.from_adjacency(matrix.T) reads it"
        )
    source, target = _meant(network, sign, threshold)
    if direction == "prerequisite_last" and not network.stated:
        source, target = target, source
    pairs = np.unique(target * network.skills + source)  # each edge once, by skill and then by prerequisite
    target, source = pairs // network.skills, pairs % network.skills
    gate: Any = "all" if network.gates is None else network.gates
    names, frequencies = network.names, network.frequencies
    itself = np.flatnonzero(source == target)
    if condense or not network.listed:  # the diagonal of a matrix is not read
        source, target = np.delete(source, itself), np.delete(target, itself)
        itself = itself[:0]
    if condense:
        return _condensed(dataclasses.replace(network, source=source, target=target))
    if itself.size:
        name = network.name(int(source[itself[0]]))
        refuse(f"expected no skill to require itself, got {name} -> {name} (condense=True drops such edges)")
    _check_cycles(source, target, network)
    count = np.bincount(target, minlength=network.skills)
    fan_in = int(count.max(initial=0))
    if network.skills * fan_in > MOST_PADDED:
        refuse(
            f"prerequisites are padded to the largest number of one skill, at most {MOST_PADDED:,} entries in all: "
            f"{network.name(int(count.argmax()))} has {fan_in:,} of them, which makes {network.skills * fan_in:,}; "
            "drop edges that follow from others, or put a skill between"
        )
    required = np.arange(fan_in) < count[:, None]
    indices = np.zeros((network.skills, fan_in), np.int32)
    indices[required] = source
    return SkillGraph(indices, gate, required=required, names=names, frequency=frequencies)


def _meant(network: Network, sign: str | None, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """The ends of the edges that are dependencies, by their weights."""
    source, target = np.asarray(network.source, np.int64), np.asarray(network.target, np.int64)
    if network.weight is None:
        if threshold:
            refuse("threshold: expected none, since the file holds no weights")
        return source, target
    weight = np.asarray(network.weight, float)
    other = source != target
    negative, zero = np.flatnonzero((weight < 0) & other), np.flatnonzero((weight == 0) & other)

    def problem(edge: int, expected: str) -> None:
        ends = f"{network.name(int(source[edge]))} -> {network.name(int(target[edge]))}"
        refuse(f"weight of {ends}: expected {expected}")

    if sign is None and negative.size:
        problem(
            negative[0],
            f"one above 0, got {weight[negative[0]]:g}; say what a negative weight means: "
            'sign="drop" (no dependency) or sign="absolute" (a dependency of its absolute value)',
        )
    if network.listed and threshold == 0 and zero.size:
        problem(
            zero[0],
            "another than 0, since an edge that is listed is a dependency; leave it out, or give a threshold",
        )
    if sign == "drop":
        weight = np.maximum(weight, 0)
    keep = np.isnan(weight) | (np.abs(weight) > threshold)
    return source[keep], target[keep]


def _check_cycles(source: np.ndarray, target: np.ndarray, network: Network) -> None:
    """Refuse a cycle, in time that is linear in the edges, and name its first skills."""
    waiting = np.bincount(target, minlength=network.skills).tolist()
    order = np.argsort(source, kind="stable")
    children = target[order].tolist()
    starts = np.searchsorted(source[order], np.arange(network.skills + 1)).tolist()
    ready = [skill for skill, count in enumerate(waiting) if not count]
    for skill in ready:  # grows while it is read
        for child in children[starts[skill] : starts[skill + 1]]:
            waiting[child] -= 1
            if not waiting[child]:
                ready.append(child)
    if len(ready) == network.skills:
        return
    stuck = np.asarray(waiting) > 0
    inside = stuck[source] & stuck[target]
    before = dict(zip(target[inside].tolist(), source[inside].tolist(), strict=True))
    skill, seen = int(np.argmax(stuck)), {}
    while skill not in seen:
        seen[skill] = len(seen)
        skill = before[skill]
    cycle = [place for place in seen if seen[place] >= seen[skill]][::-1]
    shown = [network.name(place) for place in cycle[:8]]
    path = " -> ".join([*shown, *(["..."] if len(cycle) > 8 else []), shown[0]])
    refuse(
        f"prerequisites: expected a graph without cycles, got {path} (no skill of a cycle could ever start; "
        "condense=True merges each cycle into one skill)"
    )


def _condensed(network: Network) -> SkillGraph:
    import networkx as nx

    names = network.names or [f"skill {skill + 1}" for skill in range(network.skills)]
    digraph = nx.DiGraph()
    digraph.add_nodes_from(names)
    for key, values in (("gate", network.gates), ("frequency", network.frequencies)):
        if values is not None:
            nx.set_node_attributes(digraph, dict(zip(names, values, strict=True)), key)
    ends = zip(network.source.tolist(), network.target.tolist(), strict=True)
    digraph.add_edges_from((names[source], names[target]) for source, target in ends)
    return SkillGraph.from_networkx(digraph, condense=True)
