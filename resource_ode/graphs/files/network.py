"""What a graph file holds, whatever its format: skills, edges and weights; and the skill graph that this makes."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..cycles import components, find_cycle
from ..direction import backward
from ..graph import SkillGraph
from .limits import MOST_EDGES, MOST_PADDED, MOST_SKILLS
from .names import Nodes, finite_number
from .problem import refuse, said

DIRECTIONS = ("prerequisite_first", "prerequisite_last")


@dataclasses.dataclass
class Network:
    """Skills and edges of a file: an edge leads from `source[k]` to `target[k]`, positions among the skills.

    `weight[k]` is NaN for an edge without a weight, `weight` is `None` if no edge has one. `listed` says that the edges
    are a list, in which each is meant, and not the entries of a matrix, of which most are zero. `stated` says that the
    file itself says which end of an edge is the prerequisite; `source` is. `backward` tells of an edge that is called
    otherwise, as `requires`, `doubt` of one of which only the picture says so.
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
    backward: str | None = None
    doubt: str | None = None

    def name(self, skill: int) -> str:
        """How an error names a skill."""
        return f"skill {skill + 1}" if self.names is None else said(self.names[skill])


def number_of(source: Any, target: Any, weight: Any) -> float:
    """The weight of an edge as a number."""
    number = finite_number(weight)
    if number is None:
        refuse(f"weight of {said(source)} -> {said(target)}: expected a finite number, got {said(weight)}")
    return number


class Edges:
    """The edges of a file that lists them, by the ids of their ends."""

    def __init__(self) -> None:
        self.ends: list[tuple[Any, Any]] = []
        self._weights: list[float] = []
        self._backward: str | None = None

    def add(self, source: Any, target: Any, weight: Any = None, called: Iterable[Any] = ()) -> None:
        """Add an edge, perhaps with a weight as the file writes it; its ends may be nodes that only come later.

        `called` is what the file says of it besides.
        """
        self.ends.append((source, target))
        if called and self._backward is None and (word := backward(*called)) is not None:
            self._backward = f"edge {said(source)} -> {said(target)} is called {said(word)}"
        if len(self.ends) > MOST_EDGES:
            refuse(f"expected at most {MOST_EDGES:,} edges, got more; SkillGraph takes larger graphs as arrays")
        self._weights.append(math.nan if weight is None else number_of(source, target, weight))

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
            backward=self._backward,
        )


def skill_graph(
    network: Network, direction: str | None, sign: str | None, threshold: float | int, condense: bool
) -> SkillGraph:
    """The skill graph of what was read."""
    if network.skills == 0:
        refuse("expected at least one skill, got an empty graph")
    if network.skills > MOST_SKILLS:
        refuse(f"expected at most {MOST_SKILLS:,} skills, got {network.skills:,}")
    if len(network.source) > MOST_EDGES + network.skills:
        refuse(f"expected at most {MOST_EDGES:,} edges, got {len(network.source):,}")
    if direction is not None and not network.listed:
        refuse(
            "direction: expected none for a matrix, whose row lists what a skill is a prerequisite of; if it is the "
            "other way round, SkillGraph.from_adjacency(matrix.T) reads it"
        )
    if direction is None and network.backward is not None and not network.stated:
        refuse(
            f"expected edges that lead from a prerequisite to what requires it, but {network.backward}; say which end "
            'is the prerequisite: direction="prerequisite_last" (where the edge ends) or "prerequisite_first"'
        )
    source, target = _meant(network, sign, threshold)
    if direction == "prerequisite_last" and not network.stated:
        source, target = target, source
    pairs = np.unique(target * network.skills + source)  # each edge once, by skill and then by prerequisite
    target, source = pairs // network.skills, pairs % network.skills
    itself = np.flatnonzero(source == target)
    if condense or not network.listed:  # the diagonal of a matrix is not read
        source, target = np.delete(source, itself), np.delete(target, itself)
        itself = itself[:0]
    if condense:
        network, source, target = _condensed(network, source, target)
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
    gate: Any = "all" if network.gates is None else network.gates
    return SkillGraph(indices, gate, required=required, names=network.names, frequency=network.frequencies)


def _meant(network: Network, sign: str | None, threshold: float | int) -> tuple[np.ndarray, np.ndarray]:
    """The ends of the edges that are dependencies, by their weights."""
    source, target = np.asarray(network.source, np.int64), np.asarray(network.target, np.int64)
    if network.weight is None:
        if threshold:
            refuse("threshold: expected none, since the file holds no weights")
        return source, target
    weight = np.asarray(network.weight, float)
    other = source != target
    negative, zero = np.flatnonzero((weight < 0) & other), np.flatnonzero((weight == 0) & other)

    def problem(edge: Any, expected: str) -> None:
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
    cycle = find_cycle(network.skills, source, target)
    if cycle is not None:
        names = network.names or [f"skill {skill + 1}" for skill in range(network.skills)]
        shown = [names[place][:80] for place in cycle[:8]]
        path = " -> ".join([*shown, *(["..."] if len(cycle) > 8 else []), shown[0]])
        refuse(
            f"prerequisites: expected a graph without cycles, got {path} (no skill of a cycle could ever start; "
            "condense=True merges each cycle into one skill)"
        )


def _condensed(network: Network, source: np.ndarray, target: np.ndarray) -> tuple[Network, np.ndarray, np.ndarray]:
    """The network with each cycle as one skill, by the rules of [`resource_ode.condense`][], and its edges."""
    part = components(network.skills, source, target)
    outside = part[source] != part[target]
    source, target = source[outside], target[outside]
    binds = np.zeros(network.skills, bool)  # requires something from outside its cycle
    binds[target] = True
    members: list[list[int]] = [[] for _ in range(int(part.max()) + 1)]
    for skill, place in enumerate(part.tolist()):
        members[place].append(skill)
    names = network.names or [f"skill {skill + 1}" for skill in range(network.skills)]
    merged = ["+".join([names[skill] for skill in row]) for row in members]
    if len(set(merged)) < len(merged):
        twice = next(name for name, count in Counter(merged).items() if count > 1)
        refuse(f"names: expected distinct names, got {said(twice)} more than once")
    gates, frequencies = network.gates, network.frequencies
    if gates is not None:
        kinds = [{gates[skill] for skill in row if len(row) == 1 or binds[skill]} for row in members]
        gates = ["any" if kind == {"any"} else "all" for kind in kinds]
    if frequencies is not None:
        frequencies = [sum(frequencies[skill] for skill in row) for row in members]
    pairs = np.unique(part[target] * len(members) + part[source])
    condensed = Network(len(members), (), (), None, merged, gates, frequencies)
    return condensed, pairs % len(members), pairs // len(members)
