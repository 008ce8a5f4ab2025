"""Graphs from and to networkx and adjacency matrices."""

import re
import subprocess
import sys

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from test_graph import prerequisite_lists

import resource_ode as ro
from resource_ode.graphs.graph import SkillGraph

NAMES = ["add", "carry", "multiply", "größer, als"]
LISTS = [[], [0], [0, 1], [2]]
GATES = ["all", "all", "any", "all"]
CYCLIC = nx.DiGraph([("A", "B"), ("B", "A"), ("B", "C"), ("D", "A"), ("C", "C")])


def example(**options):
    return SkillGraph(LISTS, GATES, names=NAMES, **options)


def same(one, other):
    assert one.skill_names() == other.skill_names()
    assert [set(row) for row in one.prerequisite_lists()] == [set(row) for row in other.prerequisite_lists()]
    assert one.any_gate.tolist() == other.any_gate.tolist()
    if one.frequency is None or other.frequency is None:
        assert one.frequency is other.frequency
    else:
        assert one.frequency.tolist() == other.frequency.tolist()


def expect(message, build):
    with pytest.raises(ValueError, match=re.escape(message)):
        build()


# -- networkx


def test_networkx_is_imported_on_first_use():
    code = "import sys, resource_ode; assert 'networkx' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@given(prerequisite_lists())
def test_networkx_round_trip(lists):
    graph = SkillGraph(lists, gate=["any" if len(row) > 1 else "all" for row in lists])
    same(SkillGraph.from_networkx(graph.to_networkx()), graph)


def test_to_networkx():
    digraph = example(frequency=[0.5, 1, 2, 4]).to_networkx()
    assert list(digraph) == NAMES
    assert set(digraph.edges) == {("add", "carry"), ("add", "multiply"), ("carry", "multiply"), ("multiply", NAMES[3])}
    assert digraph.nodes["multiply"] == {"gate": "any", "frequency": 2.0}
    assert example().to_networkx().nodes["add"] == {"gate": "all"}


def test_to_networkx_leaves_padding_out():
    padded = SkillGraph(
        np.array([[0], [0], [0]]), required=np.array([[0], [1], [0]]), present=[True, True, False], names=["a", "b", ""]
    )
    assert list(padded.to_networkx().edges) == [("a", "b")]
    assert list(padded.to_networkx()) == ["a", "b"]


def test_from_networkx_names_and_order():
    digraph = nx.DiGraph()
    digraph.add_nodes_from([7, "a", (1, 2)])
    digraph.add_edge((1, 2), 7)
    graph = SkillGraph.from_networkx(digraph)
    assert graph.names == ("7", "a", "(1, 2)")
    assert graph.prerequisite_lists() == [[2], [], []]
    assert graph.frequency is None


def test_parallel_edges_count_as_one():
    digraph = nx.MultiDiGraph([("a", "b"), ("a", "b")])
    assert SkillGraph.from_networkx(digraph).prerequisite_lists() == [[], [0]]


def test_gates_given_take_the_place_of_the_nodes_own():
    digraph = example().to_networkx()
    assert SkillGraph.from_networkx(digraph).any_gate.tolist() == [False, False, True, False]
    assert SkillGraph.from_networkx(digraph, gate="any").any_gate.tolist() == [True] * 4
    assert SkillGraph.from_networkx(digraph, gate=GATES[::-1]).any_gate.tolist() == [False, True, False, False]


def node(**attributes):
    digraph = nx.DiGraph([("a", "b")])
    digraph.nodes["b"].update(attributes)
    return digraph


def frequencies(one, other):
    digraph = node(frequency=other)
    digraph.nodes["a"]["frequency"] = one
    return digraph


def test_frequencies_may_be_written_as_text():
    assert SkillGraph.from_networkx(frequencies("0.5", 2)).frequency.tolist() == [0.5, 2.0]


NETWORKX_ERRORS = {
    "undirected": (
        nx.Graph([("a", "b")]),
        "digraph: expected a directed graph, since an edge leads from a prerequisite to what requires it, got an und",
    ),
    "other": ([[], [0]], "digraph: expected a networkx DiGraph, got list"),
    "empty": (nx.DiGraph(), "prerequisites: expected at least one skill, got an empty graph"),
    "itself": (nx.DiGraph([("a", "a")]), "digraph: expected no skill to require itself, got 'a' -> 'a'"),
    "cycle": (nx.DiGraph([("a", "b"), ("b", "a")]), "expected a graph without cycles, got b -> a -> b"),
    "names": (nx.DiGraph([(1, "1")]), "names: expected distinct names, got '1' more than once"),
    "gate": (node(gate="both"), "gate of 'b': expected \"all\" or \"any\", got 'both'"),
    "no frequency": (node(frequency=1.0), "frequency of 'a': expected a number, since 'b' has one, got none"),
    "frequency": (frequencies(1.0, -2), "frequency of 'b': expected a finite number above 0, got -2"),
    "text": (frequencies("often", 1), "frequency of 'a': expected a finite number above 0, got 'often'"),
    "not finite": (frequencies(1, float("nan")), "frequency of 'b': expected a finite number above 0, got nan"),
}


@pytest.mark.parametrize("case", NETWORKX_ERRORS)
def test_networkx_errors(case):
    digraph, message = NETWORKX_ERRORS[case]
    expect(message, lambda: SkillGraph.from_networkx(digraph))


def test_a_batch_has_no_networkx_form():
    batch = SkillGraph(np.zeros((2, 1, 0), int), required=np.zeros((2, 1, 0), bool))
    expect("graph: expected one graph, got a batch of shape (2,); index it first", batch.to_networkx)


# -- condense


def test_condense():
    edges = set(CYCLIC.edges)
    digraph, members = ro.condense(CYCLIC)
    assert members == {"A+B": ("A", "B"), "C": ("C",), "D": ("D",)}
    assert set(digraph.edges) == {("A+B", "C"), ("D", "A+B")}
    assert digraph.nodes["A+B"] == {"gate": "all", "members": ("A", "B")}
    assert set(CYCLIC.edges) == edges
    graph = SkillGraph.from_networkx(CYCLIC, condense=True)
    assert graph.names == ("A+B", "C", "D")
    assert graph.prerequisite_lists() == [[2], [0], []]


@given(prerequisite_lists())
def test_condense_leaves_a_graph_without_cycles_alone(lists):
    graph = SkillGraph(
        lists, gate=["any" if len(row) % 2 else "all" for row in lists], frequency=range(1, len(lists) + 1)
    )
    same(SkillGraph.from_networkx(graph.to_networkx(), condense=True), graph)


def test_condense_adds_frequencies():
    digraph = CYCLIC.copy()
    nx.set_node_attributes(digraph, {"A": 1, "B": 2.5, "C": 4, "D": 8}, "frequency")
    assert SkillGraph.from_networkx(digraph, condense=True).frequency.tolist() == [3.5, 4.0, 8.0]


@pytest.mark.parametrize(
    ("gates", "expected"),
    [
        ({"A": "any", "B": "any"}, "any"),
        ({"A": "all", "B": "all"}, "all"),
        ({"A": "any", "B": "all"}, "all"),
        # what C requires lies within the cycle, so its gate says nothing about the outside
        ({"A": "any", "B": "any", "C": "all"}, "any"),
    ],
)
def test_gate_of_a_composite(gates, expected):
    digraph = nx.DiGraph([("A", "B"), ("B", "C"), ("C", "A"), ("D", "A"), ("E", "B")])
    nx.set_node_attributes(digraph, gates, "gate")
    condensed, _ = ro.condense(digraph)
    assert condensed.nodes["A+B+C"]["gate"] == expected


def test_condense_refuses_a_name_that_is_taken():
    digraph = nx.DiGraph([("A", "B"), ("B", "A"), ("A", "A+B")])
    expect("digraph: expected distinct names, got 'A+B' more than once", lambda: ro.condense(digraph))


def test_condense_checks_its_argument():
    expect("digraph: expected a directed graph", lambda: ro.condense(nx.Graph()))
    expect("frequency of 'a': expected a number, since 'b' has one", lambda: ro.condense(node(frequency=1)))
    expect("gate of 'b': expected", lambda: ro.condense(node(gate="both")))


# -- adjacency matrices


def adjacency(lists):
    matrix = np.zeros((len(lists), len(lists)))
    for skill, row in enumerate(lists):
        matrix[row, skill] = 1
    return matrix


@given(prerequisite_lists())
def test_adjacency_round_trip(lists):
    graph = SkillGraph.from_adjacency(adjacency(lists))
    assert graph.names is None
    same(graph, SkillGraph(lists))
    same(SkillGraph.from_adjacency(adjacency(lists), condense=True), graph)
    found = nx.to_numpy_array(graph.to_networkx())
    assert np.array_equal(found, adjacency(lists))


def test_adjacency_threshold_and_diagonal():
    matrix = [[np.nan, 0.9, -0.6], [0.1, 5.0, 0.5], [0.0, 0.0, np.inf]]
    graph = SkillGraph.from_adjacency(matrix, threshold=0.5, sign="absolute", names=["a", "b", "c"], gate="any")
    assert graph.prerequisite_lists() == [[], [0], [0]]
    assert graph.names == ("a", "b", "c")
    assert graph.any_gate.tolist() == [True] * 3


def test_adjacency_condense():
    graph = SkillGraph.from_adjacency([[0, 1, 0], [1, 0, 1], [0, 0, 0]], condense=True, gate="any")
    assert graph.names == ("skill 1+skill 2", "skill 3")
    assert graph.prerequisite_lists() == [[], [0]]
    assert graph.any_gate.tolist() == [True, True]


ADJACENCY_ERRORS = {
    "square": (([[0, 1, 0], [0, 0, 1]], {}), "matrix: expected a square one, (skill, skill), got shape (2, 3)"),
    "ragged": (([[0, 1], [0]], {}), "matrix: expected rows of numbers, got [[0, 1], [0]]"),
    "text": (([["a"]], {}), "matrix: expected rows of numbers, got [['a']]"),
    "nan": (([[0, np.nan], [0, 0]], {}), "matrix: expected finite weights, got nan in row 0, column 1"),
    "threshold": (([[0]], {"threshold": -1.0}), "threshold: expected a finite number of at least 0, got -1.0"),
    "cycle": (([[0, 1], [1, 0]], {"names": ["a", "b"]}), "expected a graph without cycles, got b -> a -> b"),
    "names": (([[0, 1], [0, 0]], {"names": ["a"]}), "names: expected 2 strings, one per skill, got 1"),
    "same names": (
        ([[0, 1], [0, 0]], {"names": ["a", "a"], "condense": True}),
        "expected distinct names, got 'a' more",
    ),
    "gates": (([[0, 1], [0, 0]], {"gate": ["all", "any"], "condense": True}), 'gate: expected "all" or "any" for all'),
    "empty": ((np.zeros((0, 0)), {}), "prerequisites: expected at least one skill, got an empty graph"),
}


@pytest.mark.parametrize("case", ADJACENCY_ERRORS)
def test_adjacency_errors(case):
    (matrix, options), message = ADJACENCY_ERRORS[case]
    expect(message, lambda: SkillGraph.from_adjacency(matrix, **options))


def test_signs_of_an_adjacency_matrix():
    matrix = [[-9.0, -0.7, 0.6], [0.0, 0.0, -0.2], [0.0, 0.0, 0.0]]
    expect(
        "matrix: expected weights of at least 0, got -0.7 in row 0, column 1; say what a negative weight means: "
        'sign="drop" (no dependency) or sign="absolute"',
        lambda: SkillGraph.from_adjacency(matrix),
    )
    assert SkillGraph.from_adjacency(matrix, sign="drop").prerequisite_lists() == [[], [], [0]]
    assert SkillGraph.from_adjacency(matrix, sign="absolute").prerequisite_lists() == [[], [0], [0, 1]]
    assert SkillGraph.from_adjacency(matrix, sign="absolute", threshold=0.5).prerequisite_lists() == [[], [0], [0]]
    expect('sign: expected "drop" or "absolute", got \'x\'', lambda: SkillGraph.from_adjacency(matrix, sign="x"))


def test_signs_of_a_digraph():
    digraph = nx.DiGraph()
    digraph.add_weighted_edges_from([("a", "b", -0.5), ("b", "c", 0.5)])
    expect(
        "digraph: expected weights of at least 0, got -0.5 from 'a' to 'b'", lambda: SkillGraph.from_networkx(digraph)
    )
    assert SkillGraph.from_networkx(digraph, sign="drop").prerequisite_lists() == [[], [], [1]]
    assert SkillGraph.from_networkx(digraph, sign="absolute").prerequisite_lists() == [[], [0], [1]]
    assert digraph.number_of_edges() == 2


def test_a_table_with_names_is_matched_by_them():
    pandas, xarray = pytest.importorskip("pandas"), pytest.importorskip("xarray")
    table = pandas.DataFrame([[1, 0], [0, 0]], index=["a", "b"], columns=["b", "a"])  # a is a prerequisite of b
    array = xarray.DataArray(table.to_numpy(), dims=("row", "column"), coords={"row": ["a", "b"], "column": ["b", "a"]})
    for matrix in (table, array, table.T[["b", "a"]].T):
        graph = SkillGraph.from_adjacency(matrix)
        assert graph.to_networkx().edges == {("a", "b"): None}.keys()
    ordered = SkillGraph.from_adjacency(table, names=["b", "a"])
    assert (ordered.names, ordered.prerequisite_lists()) == (("b", "a"), [[1], []])
    assert SkillGraph.from_adjacency(table.reset_index(drop=True).T.reset_index(drop=True).T).names is None
    with pytest.raises(ValueError, match="matrix: expected names of the graph's skills, got 'c'"):
        SkillGraph.from_adjacency(table.rename(columns={"b": "c"}))


@pytest.mark.parametrize(
    ("weight", "message"),
    [("-1", "weights of at least 0, got -1"), (float("nan"), "a finite number"), ("much", "a finite"), (0, "than 0")],
)
def test_weights_of_networkx_are_looked_at(weight, message):
    with pytest.raises(ValueError, match=message):
        SkillGraph.from_networkx(nx.DiGraph([("a", "b", {"weight": weight})]))


def test_attributes_of_networkx_in_any_case():
    digraph = nx.DiGraph()
    digraph.add_node("a", Frequency="2", Gate="any")
    graph = SkillGraph.from_networkx(digraph)
    assert graph.frequency.tolist() == [2.0] and graph.any_gate.tolist() == [True]
    digraph.add_node("a", FREQUENCY=3)
    with pytest.raises(ValueError, match="node 'a': expected one attribute frequency, got FREQUENCY, Frequency"):
        SkillGraph.from_networkx(digraph)


def test_pairs_of_names_as_arrays():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"skill": ["b", "c"], "prerequisite": ["a", "b"]})
    graph = SkillGraph.from_edges(table[["prerequisite", "skill"]].to_numpy())
    assert (graph.names, graph.prerequisite_lists()) == (("a", "b", "c"), [[], [0], [1]])
    with pytest.raises(ValueError, match="got a DataFrame; take its columns in this order"):
        SkillGraph.from_edges(table)


def test_a_sparse_matrix_is_pointed_to_its_array():
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(ValueError, match=r"a sparse one is read by matrix\.toarray"):
        SkillGraph.from_adjacency(sparse.eye(2))
