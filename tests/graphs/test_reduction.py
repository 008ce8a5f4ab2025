"""Dependencies that follow from others."""

import networkx as nx
import pytest
from hypothesis import given
from test_graph import prerequisite_lists

import resource_ode as ro
from resource_ode.graphs import redundant_edges, transitive_reduction


@given(prerequisite_lists())
def test_as_networkx_where_all_gates_are_all(lists):
    reduced = transitive_reduction(ro.SkillGraph(lists))
    digraph = nx.DiGraph((before, skill) for skill, row in enumerate(lists) for before in row)
    digraph.add_nodes_from(range(len(lists)))
    left = {(before, skill) for skill, row in enumerate(reduced.prerequisite_lists()) for before in row}
    assert left == set(nx.transitive_reduction(digraph).edges)


def test_names_frequencies_and_gates_stay():
    graph = ro.SkillGraph([[], [0], [0, 1]], ["all", "any", "all"], names=["a", "b", "c"], frequency=[1.0, 2.0, 3.0])
    assert redundant_edges(graph) == [("a", "c")]
    reduced = transitive_reduction(graph)
    assert reduced.prerequisite_lists() == [[], [0], [1]]
    assert reduced.names == ("a", "b", "c")
    assert reduced.any_gate.tolist() == [False, True, False]
    assert reduced.frequency.tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("lists", "gates", "redundant"),
    [
        # by way of `any`, 2 can start without 0: that 3 requires 0 says something
        ([[], [], [0, 1], [0, 2]], ["all", "all", "any", "all"], []),
        ([[], [], [0, 1], [0, 2]], "all", [("skill 1", "skill 4")]),
        # a skill that any of its prerequisites opens lists none in vain
        ([[], [0], [0, 1]], ["all", "all", "any"], []),
        # each way to 3 leads over 0
        ([[], [0], [0], [1, 2], [0, 3]], ["all", "all", "all", "any", "all"], [("skill 1", "skill 5")]),
    ],
)
def test_gates_that_any_prerequisite_opens(lists, gates, redundant):
    assert redundant_edges(ro.SkillGraph(lists, gates)) == redundant
