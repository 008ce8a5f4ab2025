"""Graph files as single tools write them: another name, end or sign of an edge is another graph."""

import json

import networkx as nx
import pytest
from graph_file_cases import CHAIN, NAMES, reads, refuses

FIRST = {"direction": "prerequisite_first"}
NUMBERED = nx.DiGraph()
NUMBERED.add_nodes_from((number, {"name": name}) for number, name in enumerate(NAMES))
NUMBERED.add_edges_from([(0, 1), (1, 2)])


@pytest.mark.parametrize("suffix", ["gexf", "gml", "graphml"])
def test_names_beside_numbers_of_networkx(tmp_path, suffix):
    getattr(nx, f"write_{suffix}")(NUMBERED, tmp_path / "a")
    reads(tmp_path, f"a.{suffix}", (tmp_path / "a").read_bytes())


def test_names_beside_labels_that_are_numbers(tmp_path):
    nodes = '<node id="0"><data key="l">0</data><data key="n">letters</data></node>'
    keys = '<key id="l" for="node" attr.name="label"/><key id="n" for="node" attr.name="name"/>'
    text = f'<graphml>{keys}<graph edgedefault="directed">{nodes}</graph></graphml>'
    reads(tmp_path, "a.graphml", text, NAMES[:1], [[]])
    nodes = [{"id": "0", "label": "0", "name": "letters"}, {"id": "b", "label": "words", "name": "w"}]
    reads(tmp_path, "a.json", json.dumps({"nodes": nodes, "edges": []}), NAMES[:2], [[], []])


def test_numbers_in_what_networkx_writes_for_cytoscape(tmp_path):
    reads(tmp_path, "a.cyjs", json.dumps(nx.cytoscape_data(NUMBERED)))


def test_names_of_igraph_in_dot(tmp_path):
    reads(tmp_path, "a.dot", "digraph {\n  0 [\n    name=letters\n  ];\n  1 [\n    name=words\n  ];\n\n  0 -> 1;\n}\n",
          NAMES[:2], [[], [0]])  # fmt: skip


def test_labels_of_dot_in_html(tmp_path):
    labels = "<b>big</b><br/>letters &amp; more", "<table><tr><td>x</td></tr></table>"
    text = "digraph {{ a [label=<{}>]; b [label=<{}>]; a -> b }}".format(*labels)
    reads(tmp_path, "a.dot", text, ["big letters & more", "b"], [[], [0]])
    refuses(tmp_path, "a.dot", "digraph { b -> a [label=<<i>requires</i>>] }", "is called 'requires'")


def test_what_is_not_drawn_in_dot(tmp_path):
    refuses(tmp_path, "a.dot", "digraph { a -> b; pad [style=invis] }", "node 'pad': expected one that is drawn, got")


def test_dot_by_windows(tmp_path):
    reads(tmp_path, "a.dot", 'digraph {\r\n"a" -> "b\\\r\nc";\r\n}\r\n', ["a", "bc"], [[], [0]])


@pytest.mark.parametrize("before", ["// skills\n", "/* of\nreading */\n# 1\n", ""])
def test_dot_that_is_called_otherwise(tmp_path, before):
    for name in ("a.txt", "a.gml"):
        reads(tmp_path, name, before + 'digraph "skills"\n{\n  letters -> words;\n}\n', NAMES[:2], [[], [0]])


def test_gml_that_is_called_dot(tmp_path):
    reads(tmp_path, "a.dot", "graph [ directed 1 node [ id 0 ] ]", "0", [[]])


def test_yed_in_gml_without_an_arrowhead(tmp_path):
    text = (
        'Creator "yFiles" graph [ directed 1 node [ id 0 label "letters" ] node [ id 1 label "words" ] '
        'edge [ source 0 target 1 graphics [ fill "#000000" %s ] ] ]'
    )
    reads(tmp_path, "a.gml", text % 'targetArrow "standard"', NAMES[:2], [[], [0]])
    refuses(tmp_path, "a.gml", text % "", "'0' -> '1': expected an arrowhead at its target, got none at either end")
    reads(tmp_path, "a.gml", text % "", NAMES[:2], [[], [0]], **FIRST)


def test_a_weight_of_gml_in_any_case_of_letters(tmp_path):
    text = "graph [ directed 1 node [ id 0 ] node [ id 1 ] edge [ source 0 target 1 Weight -1 ] ]"
    refuses(tmp_path, "a.gml", text, "weight of '0' -> '1': expected one above 0, got -1")


def graphml(edge, data=""):
    return (
        '<graphml><key id="w" for="edge" attr.name="weight" attr.type="double"/><graph edgedefault="directed">'
        f'<node id="a"/><node id="b"/><edge source="a" target="b" {edge}>{data}</edge></graph></graphml>'
    )


def test_numbers_of_graph_tool(tmp_path):
    for number, weight in (("0x1.8p+0", 1.5), ("-0x1p-1", -0.5)):
        file = tmp_path, "a.graphml", graphml("", f'<data key="w">{number}</data>'), "ab"
        reads(*file, [[], [0]], sign="absolute", threshold=abs(weight) - 0.01)
        reads(*file, [[], []], sign="absolute", threshold=abs(weight))
        if weight < 0:
            refuses(*file[:3], "expected one above 0, got -0.5")


def test_a_relation_of_neo4j(tmp_path):
    refuses(tmp_path, "a.graphml", graphml('label="REQUIRES"'), "edge 'a' -> 'b' is called 'REQUIRES'")
    reads(tmp_path, "a.csv", ":START_ID,:END_ID,:TYPE\na,b,LEADS_TO\n", "ab", [[], [0]])
    refuses(tmp_path, "a.csv", ":START_ID,:END_ID,:TYPE\na,b,REQUIRES\n", "got 'REQUIRES' in ':TYPE'; say which end")


def test_gexf_after_a_long_comment(tmp_path):
    text = '<gexf><graph defaultedgetype="directed"><nodes><node id="a"/></nodes></graph></gexf>'
    reads(tmp_path, "a.gexf", f"<!-- <a> {'x' * 5000} -->{text}", "a", [[]])


def test_edges_beside_a_tree(tmp_path):
    tree = {"id": "root", "children": [{"id": "a"}, {"id": "b"}], "edges": [{"sources": ["a"], "targets": ["b"]}]}
    refuses(tmp_path, "a.json", json.dumps(tree), "got keys ['id', 'children', 'edges']")


def test_groups_in_json(tmp_path):
    nodes = [{"id": "g"}, {"id": "a", "parent": "g"}, {"id": "b", "parent": "g"}]
    edges = [{"source": "a", "target": "b"}]
    message = "node 'a': expected as 'parent' what the edges say, got 'g', but no edge leads there from 'g'"
    refuses(tmp_path, "a.json", json.dumps({"nodes": nodes, "edges": edges}), message)
    edges += [{"source": "g", "target": "a"}, {"source": "g", "target": "b"}]
    reads(tmp_path, "a.json", json.dumps({"nodes": nodes, "edges": edges}), "gab", [[], [0], [0, 1]])
    inside = [{"id": "g", "children": [{"id": "a"}]}]
    message = "nodes[0]: expected nodes side by side, got one that holds others as children"
    refuses(tmp_path, "a.json", json.dumps({"nodes": inside, "edges": []}), message)


@pytest.mark.parametrize("suffix", ["adjlist", "edgelist"])
def test_names_in_lists_of_networkx(tmp_path, suffix):
    digraph = nx.DiGraph([("big letters", "C#"), ("C#", "long sentences")])
    getattr(nx, f"write_{suffix}")(digraph, tmp_path / "a", delimiter="\t")
    reads(tmp_path, f"a.{suffix}", (tmp_path / "a").read_bytes(), digraph, CHAIN)
    for line in ('"big letters" "words"\n', "letters: words\n", "letters -> words\n"):
        refuses(tmp_path, f"a.{suffix}", line, "line 1: expected nodes separated by blanks and without quotes")
    refuses(tmp_path, "a.edgelist", "a 1\nb {}\nb 0\n", "line 2: expected two nodes, got 'b {}', as in a list of")


def test_names_of_rows_by_r_without_quotes(tmp_path):
    matrix = "letters words sentences\nletters 0 1 0\nwords 0 0 1\nsentences 0 0 0\n"
    reads(tmp_path, "a.txt", matrix)
    reads(tmp_path, "a.tsv", matrix.replace(" ", "\t"))
    # weights beside edges are no names of rows
    refuses(tmp_path, "a.txt", "from to\n1 2 0.5\n2 3 0.7\n", "line 1: expected 3 cells separated by blanks, got 2")


COLUMNS = {
    "a first row that is an edge": ("start,letters\nletters,words\n", "line 2: expected a skill, got 'letters', which"),
    "a word of columns that is a skill": ("letters,required\nrequired,words\n", "line 2: expected a skill, got 'requ"),
    "a second table": ("prerequisite,skill\na,b\n,\nskill,hours\na,3\n", "line 4: expected a skill, got 'skill', whi"),
    "a plan": (
        "ID,Task Name,Predecessors\n1,a,\n2,b,1\n",
        "got ids beside the column 'Task Name'; write edges",
    ),
    "ids and titles": ("id,title,prerequisite\n1,a,\n2,b,1\n", "got ids beside the column 'title'"),
    "ends by ids": ("Source,Target,Source Label\n1,2,a\n", "got ids beside the column 'Source Label'"),
    "ids of ends": ("source_id,source_name,target_id\n1,a,2\n", "got ids beside the column 'source_name'"),
    "several by or": ("skill,needs\na,\nb,a\nc,a or b\n", "line 4: expected one prerequisite per row, got 'a or b'"),
    "several by blanks": ("skill,needs\na,\nb,a\nc,a b\n", "line 4: expected one prerequisite per row, got 'a b'"),
    "a weight called w": ("from,to,w\na,b,0\nb,c,1\n", "weight of 'a' -> 'b': expected another than 0"),
    "a thousand": ("from;to;weight\na;b;1.234,5\n", "expected a finite number, got '1.234,5'"),
    "one column": ("skill\nletters\n", "expected a square matrix, with or without names, or a list of edges with"),
}


@pytest.mark.parametrize("case", COLUMNS)
def test_columns(tmp_path, case):
    refuses(tmp_path, "a.csv", *COLUMNS[case])


def test_first_rows_that_are_told_no_direction(tmp_path):
    refuses(tmp_path, "a.csv", "Id,Label\n1,letters\n2,words\n", "got ids beside the column 'Label'", **FIRST)
    refuses(tmp_path, "a.csv", "0,1\nletters,words\nwords,x\n", "got ['0', '1'], which may be either", **FIRST)


OTHERS = {
    "Mermaid": "graph TD;\n  A-->B;\n  B-->C;\n",
    "PlantUML": "@startuml\nA --> B\n@enduml\n",
    "Turtle": "@prefix : <http://x/> .\n:a :requires :b .\n",
    "OBO": "format-version: 1.2\n\n[Term]\nid: S:1\n",
    "UCINET DL": "dl n=2 format=fullmatrix\ndata:\n0 1\n0 0\n",
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_formats_are_named(tmp_path, name):
    refuses(tmp_path, "a.txt", OTHERS[name], f".adjlist, .npy or .npz file, got {name}; save it as one of", **FIRST)
