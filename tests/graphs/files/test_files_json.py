"""Graphs in JSON."""

import json

import networkx as nx
import pytest
from graph_file_cases import CHAIN, NAMES, reads, refuses

import resource_ode as ro


def node_link(nodes=NAMES, edges=((0, 1), (1, 2)), keys=("source", "target"), listed="edges", **more):
    nodes = [node if isinstance(node, dict) else {"id": node} for node in nodes]
    edges = [edge if isinstance(edge, dict) else dict(zip(keys, edge, strict=True)) for edge in edges]
    return json.dumps({"nodes": nodes, listed: edges, **more})


BY_NAME = (("letters", "words"), ("words", "sentences"))
NUMBERED = [{"id": index, "label": name} for index, name in enumerate(NAMES)]
TREE = {"id": "letters", "children": [{"id": "words", "children": [{"id": "sentences"}]}]}
ELEMENTS = {
    "nodes": [{"data": {"id": str(index), "name": name}} for index, name in enumerate(NAMES)],
    "edges": [{"data": {"id": "9", "source": "0", "target": "1"}}, {"data": {"source": "1", "target": "2"}}],
}
INSIDE = [{"data": {"id": "p", "name": "Reading"}}, {"data": {"id": "0", "parent": "p"}}]
READ = {
    "networkx 3": node_link(edges=BY_NAME, directed=True, multigraph=False, graph={}),
    "networkx 2": node_link(edges=BY_NAME, listed="links", directed=True),
    "networkx 1": node_link(listed="links", directed=True, graph=[]),
    "networkx 1, numbers": node_link([{"id": i + 1, "name": name} for i, name in enumerate(NAMES)], graph=[]),
    "places": node_link(listed="links"),
    "names and places": node_link([{"name": name, "group": 1} for name in NAMES], listed="links"),
    "labels": node_link(NUMBERED),
    "vis": node_link(NUMBERED, keys=("from", "to")),
    "nodes in links": node_link(edges=[{"source": {"id": a}, "target": {"id": b}} for a, b in BY_NAME], listed="links"),
    "an empty list beside": node_link(edges=BY_NAME, listed="links", edges_=[]).replace("edges_", "edges"),
    "a multigraph": node_link(edges=[{"source": a, "target": b, "key": k} for a, b in BY_NAME for k in (0, 1)]),
    "texts": json.dumps({"nodes": NAMES, "links": [{"source": 0, "target": 1}, {"source": 1, "target": 2}]}),
    "adjacency": json.dumps(
        {"nodes": [{"id": n} for n in NAMES], "adjacency": [[{"id": "words"}], [{"id": "sentences"}], []]}
    ),
    "a tree": json.dumps(TREE),
    "Cytoscape": json.dumps({"elements": ELEMENTS}),
    "Cytoscape, one list": json.dumps({"elements": ELEMENTS["nodes"] + ELEMENTS["edges"]}),
    "Cytoscape, a bare list": json.dumps(ELEMENTS["nodes"] + ELEMENTS["edges"]),
    "Cytoscape, its two lists alone": json.dumps(ELEMENTS),
    "graphology": node_link(
        [{"key": str(i), "attributes": {"label": name}} for i, name in enumerate(NAMES)],
        [{"key": "e", "source": "0", "target": "1", "attributes": {}}, {"source": "1", "target": "2"}],
        options={"type": "mixed"},
    ),
    "vis, arrows": node_link(
        NUMBERED,
        [{"from": 0, "to": 1, "arrows": {"to": {"enabled": True}}}, {"from": 1, "to": 2, "arrows": {"to": True}}],
    ),
    "a byte-order mark": "\ufeff" + node_link(edges=BY_NAME),
}  # fmt: skip


@pytest.mark.parametrize("case", READ)
def test_read(tmp_path, case):
    reads(tmp_path, "skills.json", READ[case])
    reads(tmp_path, "skills.txt", READ[case])


REFUSED = {
    "vis, an arrow back": (
        node_link(NUMBERED, [{"from": 0, "to": 1, "arrows": {"from": {"enabled": True}}}]),
        "edges[0]: expected an arrow at its end, to, got arrows {'from': {'enabled': True}}",
    ),
    "graphology, undirected": (node_link(edges=BY_NAME, options={"type": "undirected"}), "options: expected a"),
    "an edge that says undirected": (
        node_link(edges=[{"source": "letters", "target": "words", "undirected": True}]),
        "edges[0]: expected a directed edge, got undirected True",
    ),
    "an edge of undirected type": (
        node_link(edges=[{"source": "letters", "target": "words", "type": "undirected"}]),
        "edges[0]: expected a directed edge, got type 'undirected'",
    ),
    "a negative value in quotes": (
        node_link(edges=[{"source": "letters", "target": "words", "value": "-1"}]),
        "weight of 'letters' -> 'words': expected one above 0, got -1",
    ),
    "prerequisites in the nodes": (
        node_link([{"id": "a"}, {"id": "b", "requires": ["a"]}], edges=()),
        "nodes[1]: expected the prerequisites as a list edges, got them as 'requires' of a node",
    ),
    "no JSON": ("nodes: []", "line 1, column 1: expected JSON, got text that is none (Expecting value)"),
    "a list": ("[1]", "expected node-link data (an object with lists nodes and edges or links), adjacency, tree or"),
    "other keys": ('{"nodes": []}', "got keys ['nodes']"),
    "undirected": (node_link(directed=False), "directed: expected a directed graph"),
    "two lists": (node_link(links=[{"source": 1, "target": 2}]), "expected the edges in one list, edges or links, got"),
    "a key twice": ('{"nodes": [{"id": 1}], "nodes": [], "edges": []}', "keys in an object, got 'nodes' twice"),
    "no id": (node_link([{"group": 1}]), "nodes[0]: expected an object with id, a text or a number, got {'group': 1}"),
    "a truth value as id": (node_link([1, True]), "nodes[1]: expected an object with id"),
    "an id twice": (node_link([1, 1]), "nodes: expected distinct ids, got 1 more than once"),
    "no target": (node_link(edges=[{"source": 0}]), "edges[0]: expected an object with source and target (or from"),
    "no such node": (node_link(edges=[("words", "sentense")]), "which no node has; did you mean 'sentences'?"),
    "no such place": (node_link(edges=[(0, 3)]), "edges[0]: expected ids, or places from 0 to 2, got 3"),
    "ids or places": (node_link([1, 2, 3]), "got 0, which no node has; if the links count the nodes from 0, take the"),
    "text for a number": (node_link([1, 2], [("1", "2")]), "got '1', which no node has; a number and its text are two"),
    "number for a text": (node_link(["1", "2"], [(1, 2)]), "got 1, which no node has"),
    "an arrow backwards": (
        node_link(edges=[{"from": "a", "to": "b", "arrows": "from"}]), "edges[0]: expected an arrow at its end, to",
    ),
    "what networkx cannot hold": (node_link(edges=[{"source": 0, "target": 1, "u_of_edge": 1}]), "one named u_of_edge"),
    "a list as key": (node_link(edges=[{"source": 0, "target": 1, "key": [1]}]), "or a number as key of an edge"),
    "a tree without direction": (json.dumps({"name": "a", "children": []}), 'give direction="prerequisite_first"'),
    "JSON Graph Format": ('{"graph": {"nodes": {}}}', "got what may be JSON Graph Format, which is not read"),
    "an edge to a parent": (
        json.dumps({"elements": {"nodes": INSIDE, "edges": [{"data": {"source": "p", "target": "0"}}]}}),
        "got 'Reading', which holds other nodes and is no skill",
    ),
    "nested too deep": ("[" * 200_000, "expected JSON, got one nested too deep"),
    "half a character": ('{"nodes": [{"id": "\\ud800"}], "edges": []}', "which holds half a character"),
    "an escape": (node_link(["\x1b[2Ja"], []), "id of node 1: expected text that can be printed, got '\\x1b[2Ja'"),
    "text that runs backwards": (node_link(["\u202ea"], []), "which holds an invisible character"),
    "an empty id": (node_link([""], []), "id of node 1: expected a name, got an empty one"),
    "a huge frequency": (node_link([{"id": "a", "frequency": 10**400}], []), "'a': expected a finite number above 0"),
    "no number": ('{"nodes": [{"id": "a", "frequency": NaN}], "edges": []}', "above 0, got nan"),
    "too many digits": ('{"nodes": [' + "9" * 5000 + "]}", "a number of more digits than are read"),
    "no list of nodes": ('{"nodes": 3, "edges": []}', "nodes: expected a list, got 3"),
    "one edge undirected": (
        node_link(edges=[{"source": 0, "target": 1, "directed": False}]), "expected a directed edge, got directed False"
    ),
    "an end that is none": (node_link(edges=[(None, 1)]), "edges[0]: expected the id of a node as source, got None"),
    "elements of Cytoscape": ('{"elements": 3}', "elements: expected an object with nodes and edges, got 3"),
    "an element without data": (
        '{"elements": {"nodes": [{"id": "a"}]}}', "elements.nodes[0]: expected an object with data, got {'id': 'a'}",
    ),
    "an element without id": ('{"elements": {"nodes": [{"data": {}}]}}', "elements.nodes[0]: expected an id, a text"),
    "no such element": (
        '{"elements": {"nodes": [{"data": {"id": "ab"}}], "edges": [{"data": {"source": "ab", "target": "ac"}}]}}',
        "edge 'ab' -> 'ac': expected the id of a node as target, got 'ac', which no node has",
    ),
    "adjacency of another length": (
        '{"nodes": [{"id": 1}], "adjacency": []}', "adjacency: expected one list per node, 1, got 0"
    ),
    "adjacency of what is no node": (
        '{"nodes": [{"id": 1}], "adjacency": [[3]]}', "adjacency[0]: expected objects with id, a text or a number",
    ),
    "a child without a name": (
        '{"name": "a", "children": [{"size": 3}]}', "tree: expected objects with id (or name) and children, got {",
    ),
    "children that are no list": ('{"name": "a", "children": 3}', "children of 'a': expected a list, got 3"),
    "a weight of 0": (node_link(edges=[{"source": 0, "target": 1, "weight": 0}]), "expected another than 0, since an"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refused(tmp_path, case):
    content, message = REFUSED[case]
    direction = {"direction": "prerequisite_first"} if "child" in case else {}
    refuses(tmp_path, "skills.json", content, message, **direction)


def test_ids_that_are_lists_are_tuples_as_in_networkx(tmp_path):
    digraph = nx.DiGraph([((0, 0), (0, 1))])
    graph = reads(
        tmp_path, "a.json", json.dumps(nx.node_link_data(digraph, edges="edges")), ["(0, 0)", "(0, 1)"], [[], [0]]
    )
    assert graph.names == ro.SkillGraph.from_networkx(digraph).names


def test_direction(tmp_path):
    tree = json.dumps({"name": "sentences", "children": [{"name": "words"}]})
    reads(tmp_path, "a.json", tree, ["sentences", "words"], [[1], []], direction="prerequisite_last")
    reads(tmp_path, "a.json", tree, ["sentences", "words"], [[], [0]], direction="prerequisite_first")
    backwards = node_link(edges=[(b, a) for a, b in BY_NAME])
    reads(tmp_path, "a.json", backwards, NAMES, CHAIN, direction="prerequisite_last")


def test_signs_and_threshold(tmp_path):
    content = node_link("abc", [{"source": 0, "target": 1, "value": -0.5}, {"source": 1, "target": 2, "weight": 0.25}])
    refuses(tmp_path, "a.json", content, "weight of 'a' -> 'b': expected one above 0, got -0.5")
    reads(tmp_path, "a.json", content, "abc", [[], [], [1]], sign="drop")
    reads(tmp_path, "a.json", content, "abc", [[], [0], [1]], sign="absolute")
    reads(tmp_path, "a.json", content, "abc", [[], [0], []], sign="absolute", threshold=0.3)
    refuses(tmp_path, "a.json", node_link(), "threshold: expected none, since the file holds no weights", threshold=0.5)
