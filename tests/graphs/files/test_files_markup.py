"""GEXF, GML and DOT."""

import networkx as nx
import pytest
from graph_file_cases import NAMES, reads, refuses

import resource_ode as ro


def gexf(nodes, edges, head='defaultedgetype="directed"', attributes=""):
    return f"<gexf><graph {head}>{attributes}<nodes>{nodes}</nodes><edges>{edges}</edges></graph></gexf>"


NODES = "".join(f'<node id="{i}" label="{name}"/>' for i, name in enumerate(NAMES))
EDGES = '<edge id="0" source="0" target="1"/><edge id="1" source="1" target="2" weight="0.5"/>'
GML = "".join(f'node [ id {i} label "{name}" ]\n' for i, name in enumerate(NAMES))
LINKS = "edge [ source 0 target 1 ]\nedge [ source 1 target 2 value 0.5 ]\n"
READ = {
    "GEXF": ("a.gexf", gexf(NODES, EDGES)),
    "GEXF, each edge directed": ("a.gexf", gexf(NODES, EDGES.replace("<edge ", '<edge type="directed" '), "")),
    "GEXF, no mode": ("a.gexf", gexf(NODES, EDGES, 'defaultedgetype="directed" mode=""')),
    "GML, arrows": ("a.gml", f"graph [ directed 1 {GML}" + LINKS.replace(
        " ]", ' graphics [ type "line" targetArrow "standard" arrow "last" ] ]') + "]"),
    "GML": ("a.gml", f'Creator "x"\n# a comment # of two parts\ngraph [ directed 1\n{GML}{LINKS}]'),
    "GML, attributes": ("a.gml", f"graph [\n directed 1 comment \"a ] b\"\n graphics [ x -1.5e3 ]{GML}{LINKS}]"),
    "DOT": ("a.dot", "digraph {letters -> words; words -> sentences}"),
    "DOT, a chain": ("a.gv", 'strict digraph "G" {\n// one\n/* two */ rankdir = LR\nletters -> words\n-> sentences\n}'),
    "DOT, labels": (
        "a.dot",
        'digraph G { node [shape=box]; a [label="letters"]; b [label="words", color="#ff0000"] c[label=sentences]\n'
        "a:n -> b:port:s [weight=2]; b -> c; }",
    ),
    "DOT, subgraphs": ("a.dot", "digraph { subgraph cluster_0 { label=x; letters -> words } {words} -> {sentences} }"),
    "DOT, quotes": ("a.dot", 'digraph { "letters" -> "wo" + "rds" [label=<b>]; # no comment here\n words->sentences }'
                    .replace(" # no comment here", "")),
}  # fmt: skip


@pytest.mark.parametrize("case", READ)
def test_read(tmp_path, case):
    name, content = READ[case]
    reads(tmp_path, name, content)
    reads(tmp_path, "a.txt", content)


def graphml(content):
    return f'<graphml><graph edgedefault="directed">{content}</graph></graphml>'


REFUSED = {
    "GEXF, undirected": ("a.gexf", gexf(NODES, EDGES, ""), "edge '0' -> '1': expected a directed graph"),
    "GEXF, a mutual edge": ("a.gexf", gexf(NODES, EDGES.replace("<edge", '<edge type="mutual"')), "of type 'mutual'"),
    "GML, an arrow back": (
        "a.gml", f'graph [ directed 1 {GML} edge [ source 0 target 1 graphics [ sourceArrow "standard" ] ] ]',
        "edge '0' -> '1': expected an arrowhead at its target alone, got one at its source; reverse the edge",
    ),
    "GML, arrows at both ends": (
        "a.gml", f'graph [ directed 1 {GML} edge [ source 0 target 1 graphics [ arrow "both" ] ] ]',
        "at its target alone",
    ),
    "DOT, an edge that is not drawn": (
        "a.dot", "digraph { a -> b [style=invis] }", "edge 'a' -> 'b': expected one that is drawn, got style='invis'",
    ),
    "GEXF, over time": ("a.gexf", gexf(NODES, EDGES, 'mode="dynamic"'), "export one moment of it"),
    "GEXF, folders": (
        "a.gexf", gexf('<node id="0" label="Reading"><nodes><node id="1"/></nodes></node>', ""),
        "expected nodes side by side, got 'Reading', which holds other nodes",
    ),
    "GEXF, no node": ("a.gexf", gexf(NODES, EDGES.replace('"2"', '"3"')), "got '3', which no node has"),
    "GEXF, no graph": ("a.gexf", "<gexf/>", "expected a <graph>, got none"),
    "GEXF, two graphs": ("a.gexf", "<gexf><graph/><graph/></gexf>", "expected one <graph>, got a second"),
    "GEXF, no id": ("a.gexf", gexf('<node label="a"/>', ""), "node: expected an id, got none"),
    "GEXF, no target": ("a.gexf", gexf(NODES, '<edge source="0"/>'), "edge: expected a source and a target, got "),
    "GEXF, no attribute": (
        "a.gexf", gexf('<node id="0"><attvalues><attvalue for="7" value="1"/></attvalues></node>', ""),
        "attvalue: expected the id of an attribute of nodes, got '7', which none has",
    ),
    "GraphML, no id": ("a.graphml", graphml("<node/>"), "node: expected an id, got none"),
    "GraphML, no target": (
        "a.graphml", graphml('<node id="a"/><edge source="a"/>'), "edge: expected a source and a target, got ",
    ),
    "GraphML, a key without id": ("a.graphml", "<graphml><key/></graphml>", "key: expected an id, got none"),
    "GraphML, a port": (
        "a.graphml", graphml('<node id="a"/><node id="b"/><edge source="a" target="b" sourceport="x"/>'),
        "expected edges that end at nodes, got one that ends at a port",
    ),
    "GML, no id": ("a.gml", 'graph [ directed 1 node [ label "a" ] ]', "node: expected node [ id ... ], got one"),
    "GML, no target": ("a.gml", f"graph [ directed 1 {GML} edge [ source 0 ] ]", "edge [ source ... target ... ], got"),
    "GML, two ids": ("a.gml", "graph [ directed 1 node [ id 0 id 1 ] ]", "node: expected one id, got 2"),
    "GML, no key": ("a.gml", "graph [ directed 1\n ] ]", "line 2: expected a key, got ']'"),
    "GML, too deep": ("a.gml", "graph " + "[ a " * 100, "levels of brackets, got more"),
    "DOT, no graph": ("a.dot", "graf { }", "line 1: expected DOT, which begins with digraph, got 'graf'"),
    "DOT, no bracket": ("a.dot", "digraph a b", "line 1: expected {, got 'b'"),
    "DOT, half a sum": ("a.dot", 'digraph { "a" + b }', "line 1: expected a quoted text after +, got 'b'"),
    "DOT, HTML for a name": ("a.dot", "digraph { <b>a</b> }", "expected a node whose name is no HTML"),
    "DOT, open HTML": ("a.dot", "digraph { a [label=<b] }", "expected an HTML text that ends"),
    "GML, undirected": ("a.gml", f"graph [ {GML}{LINKS}]", "expected a directed graph, `directed 1`"),
    "GML, no node": ("a.gml", f"graph [ directed 1 {GML} edge [ source 0 target 9 ] ]", "got '9', which no node has"),
    "GML, a group": (
        "a.gml", f'graph [ directed 1 {GML} node [ id 7 label "Reading" isGroup 1 ] edge [ source 0 target 7 ] ]',
        "got the group 'Reading', which is no skill",
    ),
    "GML, two graphs": ("a.gml", f"graph [ directed 1 {GML}] graph [ ]", "expected one graph [ ... ], got 2"),
    "GML, cut short": ("a.gml", "graph [ directed 1", "is it cut short?"),
    "GML, no value": ("a.gml", "graph [ directed directed ]", "line 1: expected a value of 'directed'"),
    "GML, other text": ("a.gml", "graph [\n directed 1 ! ]", "line 2: expected GML, keys and their values, got '! ]'"),
    "DOT, undirected": ("a.dot", "graph { a -- b }", "expected a directed graph (digraph, with ->)"),
    "DOT, an undirected edge": ("a.dot", "digraph { a -- b }", "line 1: expected -> in a digraph, got '--'"),
    "DOT, backwards": ("a.dot", "digraph { a -> b [dir=back] }", "edge 'a' -> 'b': expected an arrow from a"),
    "DOT, both ways": ("a.dot", "digraph { edge [dir=both]; a -> b }", "got dir='both'"),
    "DOT, to a cluster": ("a.dot", "digraph { a -> b [lhead=cluster_0] }", "got one to a cluster (lhead, ltail)"),
    "DOT, two graphs": ("a.dot", "digraph { a } digraph { b }", "nothing after the graph"),
    "DOT, cut short": ("a.dot", "digraph { a -> ", "line 1: expected a name, got the end of the file"),
    "DOT, an open quote": ("a.dot", 'digraph { "a }', "line 1: expected DOT, got '\"a }'"),
    "DOT, too deep": ("a.dot", "digraph " + "{" * 100, "at most 50 levels of subgraphs"),
    "DOT, products": (
        "a.dot", f"digraph {{ {{{' '.join(map(str, range(1100)))}}} -> {{{' '.join(map(str, range(1100)))}}} }}",
        "expected at most 1,000,000 edges",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refused(tmp_path, case):
    refuses(tmp_path, *REFUSED[case])


def test_frequencies_gates_and_signs(tmp_path):
    files = {
        "a.gexf": gexf(
            '<node id="a"><attvalues><attvalue for="0" value="2"/></attvalues></node>'
            '<node id="b"><attvalues><attvalue for="1" value="any"/></attvalues></node>',
            '<edge source="a" target="b" weight="-1"/>',
            attributes='<attributes class="node"><attribute id="0" title="frequency"><default>3</default></attribute>'
            '<attribute id="1" title="gate"/></attributes>',
        ),
        "a.gml": 'graph [ directed 1 node [ id 0 label "a" frequency 2 ] node [ id 1 label "b" gate "any" Frequency 3 ]'
        " edge [ source 0 target 1 weight -1 ] ]",
        "a.dot": "digraph { node [frequency=3]; a [frequency=2]; b [gate=any]; a -> b [weight=-1] }",
    }
    for name, content in files.items():
        graph = reads(tmp_path, name, content, "ab", [[], [0]], sign="absolute")
        assert graph.frequency.tolist() == [2.0, 3.0]
        assert graph.any_gate.tolist() == [False, True]
        reads(tmp_path, name, content, "ab", [[], []], sign="drop")
        refuses(tmp_path, name, content, "weight of 'a' -> 'b': expected one above 0, got -1; say what a negative")


def test_what_networkx_writes(tmp_path):
    digraph = nx.DiGraph([("letters", "words"), ("words", "sentences")])
    nx.write_gexf(digraph, tmp_path / "a.gexf")
    nx.write_gml(digraph, tmp_path / "a.gml")
    for name in ("a.gexf", "a.gml"):
        graph = ro.read_graph(tmp_path / name)
        assert (graph.names, graph.prerequisite_lists()) == (NAMES, [[], [0], [1]])
