"""Dependencies that follow from others: which they are, and a graph without them."""

from __future__ import annotations

import numpy as np

from ..base.annotations import Given
from .graph import SkillGraph, checked_graph

# skills whose bits are carried at once: long integers are combined fast, and memory stays that of a block
BLOCK = 4096


def redundant_edges(graph: Given[SkillGraph]) -> list[tuple[str, str]]:
    """The dependencies of one graph that follow from the others, as pairs of names (prerequisite, skill).

    A skill that requires all of its prerequisites need not list one that another of them cannot do without: in
    `a -> b -> c` the edge `a -> c` says nothing new about the order of learning. What a skill with the gate `"any"`
    lists is never redundant, and what such a skill can do without binds nobody that builds on it.

    **Raises:** `ValueError` for a batch.

    **Example:**

    >>> redundant_edges(SkillGraph([[], [0], [0, 1]], names=["a", "b", "c"]))
    [('a', 'c')]
    """
    names = checked_graph(graph).skill_names()
    return [(names[before], names[skill]) for before, skill in _redundant(graph)]


def transitive_reduction(graph: Given[SkillGraph]) -> SkillGraph:
    """One graph without its redundant dependencies, as [`resource_ode.graphs.redundant_edges`][] lists them.

    The order in which skills can be learned stays; the numbers of a model do change, since the gate of a skill is the
    product over the prerequisites that it lists.

    **Raises:** `ValueError` for a batch.

    **Example:**

    >>> transitive_reduction(SkillGraph([[], [0], [0, 1]])).prerequisite_lists()
    [[], [0], [1]]
    """
    if checked_graph(graph).own_gate is not None:
        raise ValueError(f'graph: what is redundant is known for "all" and "any" only, got {graph.own_gate}')
    lists = [set(row) for row in graph.prerequisite_lists()]
    for before, skill in _redundant(graph):
        lists[skill].discard(before)
    fan_in = max((len(row) for row in lists), default=0)
    count = np.array([len(row) for row in lists])
    required = np.arange(fan_in) < count[:, None]
    indices = np.zeros(required.shape, np.int32)
    indices[required] = [before for row in lists for before in sorted(row)]
    return SkillGraph(
        indices,
        np.asarray(graph.any_gate),
        names=graph.names,
        frequency=graph.frequency,
        required=required,
        present=graph.present,
    )


def _redundant(graph: SkillGraph) -> list[tuple[int, int]]:
    lists = graph.prerequisite_lists()  # refuses a batch
    any_gate = np.asarray(graph.any_gate)
    order = np.argsort(np.asarray(graph.depth), kind="stable").tolist()
    # only a prerequisite of a skill that lists several can be redundant
    candidates = sorted(
        {before for skill, row in enumerate(lists) if len(row) > 1 and not any_gate[skill] for before in row}
    )
    found = []
    for start in range(0, len(candidates), BLOCK):
        bit = {skill: 1 << place for place, skill in enumerate(candidates[start : start + BLOCK])}
        # bits of the candidates without which each skill cannot start, itself included
        needed = [0] * len(lists)
        for skill in order:
            rows = [needed[before] for before in lists[skill]]
            bits = rows[0] if rows else 0
            for row in rows[1:]:
                bits = bits & row if any_gate[skill] else bits | row
            needed[skill] = bits | bit.get(skill, 0)
        for skill, row in enumerate(lists):
            if len(row) < 2 or any_gate[skill]:
                continue
            for before in row:
                mine = bit.get(before)
                if mine and any(needed[other] & mine for other in row if other != before):
                    found.append((before, skill))
    return sorted(found, key=lambda edge: edge[::-1])
