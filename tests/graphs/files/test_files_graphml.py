"""GraphML as other tools write it."""

import networkx as nx
import pytest
from graph_file_cases import NAMES, reads, refuses

import resource_ode as ro

NODES = '<node id="letters"/><node id="words"/><node id="sentences"/>'
EDGES = '<edge source="letters" target="words"/><edge source="words" target="sentences"/>'


def document(body, keys="", default='edgedefault="directed"'):
    return f'<graphml xmlns="http://graphml.graphdrawing.org/xmlns">{keys}<graph {default}>{body}</graph></graphml>'


def labelled(label):
    nodes = "".join(f'<node id="n{i}">{label.format(name)}</node>' for i, name in enumerate(NAMES))
    return nodes + '<edge source="n0" target="n1"/><edge source="n1" target="n2"/>'


def yed(name):
    return (
        '<data key="d"><y:ShapeNode xmlns:y="x"><y:NodeLabel>'
        f"{name}<y:LabelModel> </y:LabelModel></y:NodeLabel></y:ShapeNode></data>"
    )


YED = '<key for="node" id="d" yfiles.type="nodegraphics"/>'
FOLDER = (
    '<node id="n0"><data key="d"><y:NodeLabel xmlns:y="x">letters</y:NodeLabel></data></node>'
    '<node id="n1" yfiles.foldertype="group"><data key="d"><y:NodeLabel xmlns:y="x">Reading</y:NodeLabel></data>'
    '<graph edgedefault="directed"><node id="n1::n0">{}</node><node id="n1::n1">{}</node></graph></node>{}'
).format(yed("words"), yed("sentences"), "{}")
READ = {
    "plain": document(NODES + EDGES),
    "no namespace": document(NODES + EDGES).replace(' xmlns="http://graphml.graphdrawing.org/xmlns"', ""),
    "a prefix": document(NODES + EDGES).replace("xmlns=", "xmlns:g=").replace("<", "<g:").replace("<g:/", "</g:"),
    "edges first": document(EDGES + NODES),
    "Gephi": document(labelled('<data key="label">{}</data>'), '<key attr.name="label" for="node" id="label"/>'),
    "igraph": document(labelled('<data key="v_name">{}</data>'), '<key id="v_name" for="node" attr.name="name"/>'),
    "Cytoscape": document(
        labelled('<data key="name">{}</data>'),
        '<key attr.name="name" for="node" id="name"/><key attr.name="name" for="edge" id="name"/>',
    ),
    "yEd": document("".join(f'<node id="{n}0">{yed(n)}</node>' for n in NAMES) + EDGES.replace('" t', '0" t')
                    .replace('words"/>', 'words0"/>').replace('sentences"/>', 'sentences0"/>'), YED),
    "a folder of yEd": document(
        FOLDER.format('<edge source="n0" target="n1::n0"/><edge source="n1::n0" target="n1::n1"/>'), YED
    ),
    "an edge twice": document(NODES + EDGES + EDGES),
    "weights": document(
        NODES + EDGES.replace("/>", '><data key="w">0.5</data></edge>', 1),
        '<key id="w" for="edge" attr.name="weight" attr.type="decimal"/>',
    ),
    "keys that are not read": document(
        NODES.replace('"letters"/>', '"letters"><data key="k">0x1p3, 1</data></node>') + EDGES,
        '<key id="k" for="node" attr.name="pos" attr.type="vector_float"/>',
    ),
    "each edge directed": document(NODES + EDGES.replace("/>", ' directed="true"/>'), "", 'edgedefault="undirected"'),
    "another encoding": '<?xml version="1.0" encoding="iso-8859-1"?>' + document(NODES + EDGES),
    "a document type": "<!DOCTYPE graphml>" + document(NODES + EDGES),
}  # fmt: skip


@pytest.mark.parametrize("case", READ)
def test_read(tmp_path, case):
    reads(tmp_path, "skills.graphml", READ[case])
    reads(tmp_path, "skills.xml", READ[case])


REFUSED = {
    "a node that is not there": (
        document(NODES + EDGES.replace('"sentences"/>', '"sentenses"/>')),
        "edge 'words' -> 'sentenses': expected the id of a node as target, got 'sentenses', which no node has; "
        "did you mean 'sentences'?",
    ),
    "two graphs": (document(NODES + "</graph><graph>"), "line 1: expected one <graph>, got a second"),
    "no graph": ("<graphml/>", "expected a <graph>, got none"),
    "undirected": (document(NODES + EDGES, "", 'edgedefault="undirected"'), "expected a directed graph"),
    "undirected without edges": (document(NODES, "", 'edgedefault="undirected"'), "expected a directed graph"),
    "no default": (document(NODES + EDGES, "", ""), 'expected a directed graph, edgedefault="directed", got no edge'),
    "one undirected edge": (document(NODES + EDGES.replace("/>", ' directed="0"/>', 1)), "got an undirected edge"),
    "a word for directed": (document(NODES + EDGES.replace("/>", ' directed="x"/>')), 'expected directed="true" or'),
    "a node twice": (document(NODES + NODES), "nodes: expected distinct ids, got 'letters' more than once"),
    "an edge to a folder": (
        document(FOLDER.format('<edge source="n0" target="n1"/>'), YED),
        "got the folder 'Reading', which is no skill; draw the edge to what is in it",
    ),
    "a hyperedge": (document(NODES + "<hyperedge/>"), "hyperedge: expected edges from one node to another"),
    "a port": (document('<node id="a"><port name="N"/></node>'), "port: expected edges that end at nodes"),
    "a key that is not declared": (
        document('<node id="a"><data key="d9">1</data></node>'), "expected the id of a <key> for nodes, got 'd9'",
    ),
    "a weight with a comma": (
        document(NODES + EDGES.replace("/>", '><data key="w">0,7</data></edge>'),
                 '<key id="w" for="edge" attr.name="weight"/>'),
        "weight of 'letters' -> 'words': expected a finite number, got '0,7'",
    ),
    "an arrow against its edge": (
        document(NODES + EDGES.replace("/>", '><data key="e"><y:Arrows xmlns:y="x" source="standard" target="none"/>'
                                       "</data></edge>"), '<key for="edge" id="e" yfiles.type="edgegraphics"/>'),
        "expected an arrowhead at its target, got one at its source, against the direction of the edge",
    ),
    "entities": ('<!DOCTYPE a [<!ENTITY a "aa">]>' + document('<node id="&a;"/>'), "expected no entities"),
    "an encoding that is none": ('<?xml version="1.0" encoding="foo"?>' + document(NODES), "an encoding that is not"),
    "no XML": ("graph {}", "expected GraphML, got text that is no XML"),
    "cut short": (document(NODES)[:-10], "expected GraphML, got text that is no XML (no element found)"),
    "another language": ("<html></html>", "expected GraphML or GEXF, got XML whose first element is <html>"),
    "a control character": (document('<node id="a&#x85;b&#x9b;"/>'), "which holds a control character"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refused(tmp_path, case):
    content, message = REFUSED[case]
    refuses(tmp_path, "skills.graphml", content, message)


def test_an_edge_without_arrowheads_says_no_direction(tmp_path):
    arrows = '><data key="e"><y:Arrows xmlns:y="x" source="none" target="none"/></data></edge>'
    text = document(NODES + EDGES.replace("/>", arrows), '<key for="edge" id="e" yfiles.type="edgegraphics"/>')
    refuses(tmp_path, "a.graphml", text, "expected an arrowhead at its target, got none at either end; draw it, or say")
    reads(tmp_path, "a.graphml", text, direction="prerequisite_first")
    reads(tmp_path, "a.graphml", text, lists=[[1], [2], []], direction="prerequisite_last")


YFILES = """<graphml xmlns:y="http://www.yworks.com/xml/yfiles-common/3.0" xmlns:x="http://www.yworks.com/xml/yfiles-common/markup/3.0">
<key id="d4" for="node" attr.name="NodeLabels"/><key id="d5" for="port" attr.name="PortLabels"/>
<graph edgedefault="directed">
<node id="n0"><data key="d4"><x:List><y:Label><y:Label.Text><![CDATA[letters]]></y:Label.Text><y:Label.Style/></y:Label>
</x:List></data><port name="p0"><data key="d5"><x:List><y:Label Text="a port"/></x:List></data></port></node>
<node id="n1"><data key="d4"><x:List><y:Label Text="words"/><y:Label Text="a note"/></x:List></data></node>
<edge source="n0" target="n1" sourceport="p0" targetport="p0"/></graph></graphml>"""


def test_labels_and_ports_of_yed_live(tmp_path):
    reads(tmp_path, "a.graphml", YFILES, ["letters", "words"], [[], [0]])


def attributes(first, second, name="frequency", default=""):
    return document(
        f'<node id="a"><data key="k">{first}</data></node><node id="b">{second}</node>',
        f'<key id="k" for="node" attr.name="{name}">{default}</key>',
    )


def test_frequencies_and_gates(tmp_path):
    graph = reads(tmp_path, "a.graphml", attributes("2", '<data key="k">0.5</data>'), "ab", [[], []])
    assert graph.frequency.tolist() == [2.0, 0.5]
    graph = reads(tmp_path, "a.graphml", attributes("2", "", "Frequency", "<default>3</default>"), "ab", [[], []])
    assert graph.frequency.tolist() == [2.0, 3.0]
    graph = reads(tmp_path, "a.graphml", attributes("any", '<data key="k"/>', "gate"), "ab", [[], []])
    assert graph.any_gate.tolist() == [True, False]
    refuses(tmp_path, "a.graphml", attributes("2", ""), "frequency of 'b': expected a number, since 'a' has one")
    refuses(tmp_path, "a.graphml", attributes("-2", ""), "frequency of 'a': expected a finite number above 0, got '-2'")
    refuses(tmp_path, "a.graphml", attributes("None", "", "gate"), 'gate of \'a\': expected "all" or "any"')


def test_labels_that_repeat_or_are_missing_leave_the_ids(tmp_path):
    key = '<key id="k" for="node" attr.name="label"/>'
    nodes = "".join(f'<node id="n{i}"><data key="k">{label}</data></node>' for i, label in enumerate(["a", "b", "a"]))
    reads(tmp_path, "a.graphml", document(nodes, key), ["n0", "b", "n2"], [[], [], []])
    nodes = "".join(
        f'<node id="n{i}"><data key="k">{label}</data></node>' for i, label in enumerate(["", "long\n one"])
    )
    reads(tmp_path, "a.graphml", document(nodes, key), ["n0", "long one"], [[], []])


@pytest.mark.parametrize("build", [nx.DiGraph, nx.MultiDiGraph])
def test_what_networkx_writes(tmp_path, build):
    digraph = build([("letters", "words", {"weight": 0.7}), ("words", "sentences", {"weight": 0.2})])
    nx.write_graphml(digraph, tmp_path / "a.graphml.gz")
    graph = ro.read_graph(tmp_path / "a.graphml.gz")
    assert (graph.names, graph.prerequisite_lists()) == (NAMES, [[], [0], [1]])
    assert ro.read_graph(tmp_path / "a.graphml.gz", threshold=0.5).prerequisite_lists() == [[], [0], []]
