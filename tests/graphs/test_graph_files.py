"""Graphs from and to networkx, adjacency matrices and files."""

import json
import re
import subprocess
import sys

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from test_graph import prerequisite_lists

from resource_ode import graph_files
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
    digraph, members = graph_files.condense(CYCLIC)
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
    condensed, _ = graph_files.condense(digraph)
    assert condensed.nodes["A+B+C"]["gate"] == expected


def test_condense_refuses_a_name_that_is_taken():
    digraph = nx.DiGraph([("A", "B"), ("B", "A"), ("A", "A+B")])
    expect("digraph: expected distinct names, got 'A+B' more than once", lambda: graph_files.condense(digraph))


def test_condense_checks_its_argument():
    expect("digraph: expected a directed graph", lambda: graph_files.condense(nx.Graph()))
    expect("frequency of 'a': expected a number, since 'b' has one", lambda: graph_files.condense(node(frequency=1)))
    expect("gate of 'b': expected", lambda: graph_files.condense(node(gate="both")))


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
    graph = SkillGraph.from_adjacency(matrix, threshold=0.5, names=["a", "b", "c"], gate="any")
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
    "names": (([[0, 1], [0, 0]], {"names": ["a"]}), "names: expected 2 strings, one a skill, got 1"),
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


# -- files


@pytest.mark.parametrize("extension", [".graphml", ".json", ".GraphML"])
@pytest.mark.parametrize("frequency", [None, [0.1, 1 / 3, 1e-300, 2.0]])
def test_files_round_trip(tmp_path, extension, frequency):
    graph = example(frequency=frequency)
    path = tmp_path / f"skills{extension}"
    graph_files.write_graph(graph, path)
    same(graph_files.read_graph(path), graph)
    same(graph_files.read_graph(str(path), condense=True), graph)


def test_files_that_networkx_writes(tmp_path):
    digraph = nx.DiGraph([(1, 2), (2, 3)])
    nx.write_graphml(digraph, tmp_path / "a.graphml")
    (tmp_path / "a.json").write_text(json.dumps(nx.node_link_data(digraph, edges="edges")))
    (tmp_path / "b.json").write_text(json.dumps(nx.node_link_data(digraph, edges="links")))
    (tmp_path / "c.json").write_text('{"nodes": [{"id": 1}, {"id": 2}, {"id": 3}], "edges": [], "links": []}')
    for name in ("a.graphml", "a.json", "b.json"):
        graph = graph_files.read_graph(tmp_path / name)
        assert graph.names == ("1", "2", "3")
        assert graph.prerequisite_lists() == [[], [0], [1]]
    assert graph_files.read_graph(tmp_path / "c.json").prerequisite_lists() == [[], [], []]


def test_npy(tmp_path):
    path = tmp_path / "skills.npy"
    for dtype in (bool, np.int8, np.float32):
        np.save(path, adjacency(LISTS).astype(dtype))
        assert graph_files.read_graph(path).prerequisite_lists() == LISTS
    np.save(path, adjacency(LISTS) * 0.4)
    assert int(graph_files.read_graph(path, threshold=0.5).edges) == 0


CSV = {
    "bare": ("0,1,0\n0,0,0.7\n0,0,0\n", None),
    "row of names": ("a,b,c\n0,1,0\n0,0,0.7\n0,0,0\n", ("a", "b", "c")),
    "column of names": ("a,0,1,0\nb,0,0,0.7\nc,0,0,0\n", ("a", "b", "c")),
    "both": (",a,b,c\na,0,1,0\nb,0,0,0.7\nc,0,0,0\n", ("a", "b", "c")),
    "a corner": ("from,a,b,c\na,0,1,0\nb,0,0,0.7\nc,0,0,0\n", ("a", "b", "c")),
    "numbers as names": (",0,1,2\n0,0,1,0\n1,0,0,0.7\n2,0,0,0\n", ("0", "1", "2")),
    "spaces, quotes, blank lines, byte order mark": (
        '\ufeff"a, b" , b, c\n\n0, 1 ,0\r\n0,0,7e-1\n0,0,0\n\n',
        ("a, b", "b", "c"),
    ),
}


@pytest.mark.parametrize("case", CSV)
def test_csv(tmp_path, case):
    text, names = CSV[case]
    path = tmp_path / "skills.csv"
    path.write_text(text, encoding="utf-8")
    graph = graph_files.read_graph(path, threshold=0.5)
    assert graph.names == names
    assert graph.prerequisite_lists() == [[], [0], [1]]
    assert graph_files.read_graph(path, threshold=0.8).prerequisite_lists() == [[], [0], []]


def test_csv_of_one_skill(tmp_path):
    for text, names in (("0\n", None), ("a\n0\n", ("a",)), ("a,0\n", ("a",)), (",a\na,0\n", ("a",))):
        (tmp_path / "one.csv").write_text(text)
        assert graph_files.read_graph(tmp_path / "one.csv").names == names


def test_cycles_in_files(tmp_path):
    path = tmp_path / "cyclic.csv"
    path.write_text("a,b,c\n0,1,0\n1,0,1\n0,0,0\n")
    expect(
        f"{path}: prerequisites: expected a graph without cycles, got b -> a -> b", lambda: graph_files.read_graph(path)
    )
    assert graph_files.read_graph(path, condense=True).names == ("a+b", "c")
    nx.write_graphml(CYCLIC, tmp_path / "cyclic.graphml")
    assert graph_files.read_graph(tmp_path / "cyclic.graphml", condense=True).names == ("A+B", "C", "D")


NODES = '"nodes": [{"id": "a"}, {"id": "b"}]'
FILE_ERRORS = {
    "extension": ("skills.txt", "", "expected a .graphml, .json, .npy or .csv file, got the extension '.txt'"),
    "no extension": ("skills", "", "expected a .graphml, .json, .npy or .csv file, got no extension"),
    "no file": ("skills.json", None, "expected a graph file, got no file at all"),
    "not UTF-8": ("skills.csv", b"\xff\xfe0,1", "expected text in UTF-8, got other bytes"),
    "not JSON": ("skills.json", "nodes: []", "expected JSON, got text that is none (Expecting value"),
    "not an object": ("skills.json", "[1]", "expected node-link data, an object with nodes and edges, got a list"),
    "no edges": (
        "skills.json",
        '{"nodes": [], "adjacency": []}',
        "with lists nodes and edges, got keys ['nodes', 'adja",
    ),
    "no id": ("skills.json", '{"nodes": [{"name": "a"}], "edges": []}', "nodes: expected objects with id, got {'name'"),
    "same ids": (
        "skills.json",
        '{"nodes": [{"id": 1}, {"id": 1}], "edges": []}',
        "nodes: expected distinct ids, got 1 ",
    ),
    "no target": (
        "skills.json",
        f'{{{NODES}, "edges": [{{"source": "a"}}]}}',
        "edges: expected objects with source and",
    ),
    "unknown node": (
        "skills.json",
        f'{{{NODES}, "edges": [{{"source": "a", "target": "c"}}]}}',
        "edges: expected the id of a node as target, got 'c'",
    ),
    "undirected": ("skills.json", f'{{"directed": false, {NODES}, "edges": []}}', "digraph: expected a directed graph"),
    "undirected XML": (
        "skills.graphml",
        '<graphml xmlns="http://graphml.graphdrawing.org/xmlns"><graph edgedefault="undirected"><node id="a"/></graph>'
        "</graphml>",
        "digraph: expected a directed graph",
    ),
    "not XML": ("skills.graphml", "graph {}", "expected GraphML, got text that is no XML"),
    "not GraphML": ("skills.graphml", "<html></html>", "expected GraphML, got a file that networkx refuses"),
    "not NumPy": ("skills.npy", "0,1", "expected a NumPy array of numbers, got a file that is none"),
    "no numbers": ("skills.npy", np.array([["a"]]), "expected a NumPy array of real numbers, got <U1"),
    "complex": ("skills.npy", np.array([[1j]]), "expected a NumPy array of real numbers, got complex128"),
    "objects": ("skills.npy", np.array([[None]]), "expected a NumPy array of numbers, got a file that is none"),
    "not square": ("skills.npy", np.zeros((2, 3)), "matrix: expected a square one, (skill, skill), got shape (2, 3)"),
    "nan": ("skills.npy", np.full((2, 2), np.nan), "matrix: expected finite weights, got nan in row 0, column 1"),
    "empty CSV": ("skills.csv", "\n , \n", "expected an adjacency matrix, got an empty file"),
    "wide CSV": (
        "skills.csv",
        "0,1,0\n0,0,1\n",
        "expected a square matrix, with or without names, got 2 rows of 3 cells",
    ),
    "tall CSV": ("skills.csv", "0,1\n0,0\n0,1\n", "expected a square matrix, with or without names, got 3 rows of 2"),
    "ragged CSV": ("skills.csv", "0,1\n\n0\n", "line 3: expected 2 cells, as in the first row, got 1"),
    "a cell": ("skills.csv", "a,b\n0,x\n0,0\n", "line 2: expected numbers, got 'x'"),
    "an empty cell": ("skills.csv", "0,\n0,0\n", "line 1: expected numbers, got ''"),
    "NaN in CSV": ("skills.csv", "0,nan\n0,0\n", "matrix: expected finite weights, got nan in row 0, column 1"),
    "other names": (
        "skills.csv",
        ",a,b\na,0,1\nc,0,0\n",
        "expected the same names in the first row and column, got 'b' and 'c'",
    ),
}


@pytest.mark.parametrize("case", FILE_ERRORS)
def test_file_errors(tmp_path, case):
    name, contents, message = FILE_ERRORS[case]
    path = tmp_path / name
    if isinstance(contents, np.ndarray):
        np.save(path, contents)
    elif contents is not None:
        path.write_bytes(contents if isinstance(contents, bytes) else contents.encode())
    with pytest.raises(ValueError) as error:
        graph_files.read_graph(path)
    assert str(error.value).startswith(f"{path}: ")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_folder_is_no_file(tmp_path):
    (tmp_path / "skills.json").mkdir()
    expect("skills.json: expected a graph file, got a folder", lambda: graph_files.read_graph(tmp_path / "skills.json"))


def test_a_threshold_needs_weights(tmp_path):
    graph_files.write_graph(example(), tmp_path / "skills.json")
    expect(
        "skills.json: threshold: expected none, since only a matrix (.npy, .csv) holds weights",
        lambda: graph_files.read_graph(tmp_path / "skills.json", threshold=0.5),
    )


def test_write_errors(tmp_path):
    batch = SkillGraph(np.zeros((2, 1, 0), int), required=np.zeros((2, 1, 0), bool))
    expect(
        "a.json: graph: expected one graph, got a batch", lambda: graph_files.write_graph(batch, tmp_path / "a.json")
    )
    for name, message in (
        ("a.csv", "a.csv: expected a .graphml or .json file to write, got the extension '.csv'"),
        ("none/a.json", "a.json: expected a file that can be written, got No such file or directory"),
    ):
        with pytest.raises(ValueError, match=re.escape(message)):
            graph_files.write_graph(example(), tmp_path / name)
    assert list(tmp_path.iterdir()) == []
