"""Files that could be read as another graph than they mean: refused, each in a sentence that says what to do."""

import networkx as nx
import pytest
from graph_file_cases import reads, refuses

from resource_ode import SkillGraph, read_graph

LAST = {"direction": "prerequisite_last"}
# an edge from words to letters that is called `requires`
CALLED = {
    "a.dot": 'digraph { edge [label="requires"]; words -> letters }',
    "a.gml": 'graph [ directed 1 node [ id 1 label "words" ] node [ id 2 label "letters" ] '
    'edge [ source 1 target 2 label "Depends on" ] ]',
    "a.gexf": '<gexf><graph defaultedgetype="directed"><nodes><node id="words"/><node id="letters"/></nodes><edges>'
    '<edge source="words" target="letters" label="requires"/></edges></graph></gexf>',
    "a.graphml": '<graphml><key id="k" for="edge" attr.name="interaction" attr.type="string"/>'
    '<graph edgedefault="directed"><node id="words"/><node id="letters"/>'
    '<edge source="words" target="letters"><data key="k">depends_on</data></edge></graph></graphml>',
    "yed.graphml": '<graphml><key id="k" for="edge" yfiles.type="edgegraphics"/><graph edgedefault="directed">'
    '<node id="words"/><node id="letters"/><edge source="words" target="letters"><data key="k"><PolyLineEdge>'
    '<Arrows source="none" target="standard"/><EdgeLabel>requires<LabelModel/></EdgeLabel></PolyLineEdge></data></edge>'
    "</graph></graphml>",
    "a.json": '{"nodes": ["words", "letters"], "links": [{"source": "words", "target": "letters", "type": "needs"}]}',
    "a.cyjs": '{"elements": {"nodes": [{"data": {"id": "words"}}, {"data": {"id": "letters"}}], "edges": [{"data": '
    '{"source": "words", "target": "letters", "interaction": "requires"}}]}}',
    "a.csv": "source,relation,target\nwords,requires,letters\n",
    "a.edgelist": "words letters {'relation': 'requires'}\n",
}


@pytest.mark.parametrize("name", CALLED)
def test_an_edge_that_is_called_requires(tmp_path, name):
    refuses(tmp_path, name, CALLED[name], 'direction="prerequisite_last"')
    reads(
        tmp_path,
        name,
        CALLED[name],
        ["letters", "words"] if name == "a.csv" else ["words", "letters"],
        **({"lists": [[], [0]]} if name == "a.csv" else {"lists": [[1], []]}),
        **LAST,
    )


def test_a_caption_of_gephi_is_a_warning(tmp_path):
    file = tmp_path / "a.graphml"
    file.write_text(
        '<graphml><key id="edgelabel" for="edge" attr.name="Edge Label" attr.type="string"/>'
        '<graph edgedefault="directed"><node id="letters"/><node id="words"/>'
        '<edge source="letters" target="words"><data key="edgelabel">requires</data></edge></graph></graphml>'
    )
    with pytest.warns(UserWarning, match="edge 'letters' -> 'words' has the label 'requires', but is read as leading"):
        assert read_graph(file).prerequisite_lists() == [[], [0]]
    assert read_graph(file, direction="prerequisite_first").prerequisite_lists() == [[], [0]]
    assert read_graph(file, **LAST).prerequisite_lists() == [[1], []]


def test_a_digraph_with_edges_that_are_called_requires():
    digraph = nx.DiGraph()
    digraph.add_edge("words", "letters", relation="requires")
    with pytest.raises(ValueError, match=r"'words' -> 'letters' is called 'requires'; digraph.reverse\(\) turns"):
        SkillGraph.from_networkx(digraph)
    assert SkillGraph.from_networkx(nx.DiGraph([("letters", "words")])).prerequisite_lists() == [[], [0]]


def test_what_a_node_requires_beside_the_edges(tmp_path):
    nodes = '{"nodes": [{"id": 1, "name": "letters"}, {"id": 2, "name": "words", "requires": %s}], "links": [%s]}'
    there, back = '{"source": 1, "target": 2}', '{"source": 2, "target": 1}'
    for told in ('["letters"]', "[1]", '"letters"', '["a pen"]', "[]", "true"):
        reads(tmp_path, "a.json", nodes % (told, there), ["letters", "words"], [[], [0]])
    for told in ('["letters"]', "[1]", '"letters"'):
        refuses(tmp_path, "a.json", nodes % (told, back), "expected as 'requires' what the links say")
        reads(tmp_path, "a.json", nodes % (told, back), ["letters", "words"], [[], [0]], **LAST)


def test_a_skill_may_be_called_needs(tmp_path):
    links = '{"nodes": ["needs", "b"], "links": [{"source": "needs", "target": "b", "label": "is needed by"}]}'
    reads(tmp_path, "a.json", links, ["needs", "b"], [[], [0]])


COLUMNS = {
    "an id and a name beside the prerequisites": (
        "id,name,requires\n1,letters,\n2,words,1\n",
        "expected one column of prerequisites and one of skills, as prerequisite,skill, got a first row ['id', 'name'",
    ),
    "prerequisites by title, skills by id": (
        "id,title,prerequisite\n1,letters,\n2,words,letters\n",
        "expected prerequisites by the names of the column 'id', got those of the column 'title'",
    ),
    "days of a plan": ("task,start,end\na,2024-01-01,2024-01-05\n", "expected a first row that names the columns, as"),
    "the head and the tail of a statement": ("head,relation,tail\na,is before,b\n", "got ['head', 'relation', 'tail']"),
    "whether a course is required": ("course,required\na,yes\nb,no\n", "line 2: expected prerequisites in the column"),
    "whether it is required, in numbers": ("course,required\na,1\nb,0\n", "got '1', an answer and no name"),
    "a list of Python": ("skill,needs\na,\nb,['a']\n", "line 3: expected one prerequisite per row, got the list"),
    "an empty list": ("skill,needs\na,[]\n", "line 2: expected one prerequisite per row, got the list '[]'"),
    "gates": ("skill,needs,gate\nc,a,any\nc,b,any\n", "expected edges and their weights, got a column 'gate', which a"),
    "a cell merged with the one above": (
        "needs,skill,weight\na,b,1\n,c,2\n",
        "line 3: expected a prerequisite, got an",
    ),
}


@pytest.mark.parametrize("case", COLUMNS)
def test_columns(tmp_path, case):
    content, message = COLUMNS[case]
    refuses(tmp_path, "a.csv", content, message)


def test_a_third_column_is_no_weight_because_it_holds_numbers(tmp_path):
    table = ",u,v\n0,1,2\n1,2,3\n2,3,4\n"
    refuses(tmp_path, "a.csv", table, "or a third called weight, got ['', 'u', 'v']", direction="prerequisite_first")
    reads(tmp_path, "a.csv", "u,v,weight\n1,2,3\n2,3,4\n", "123", direction="prerequisite_first")


def test_tables_that_still_say_enough(tmp_path):
    reads(tmp_path, "a.csv", "course,title,prerequisite\nA,x,\nB,y,A\nC,z,B\n", "ABC")
    reads(tmp_path, "a.csv", ",prerequisite,skill\n0,0,1\n1,1,2\n", "012")
    reads(tmp_path, "a.csv", "predecessor,successor\na,b\nb,c\n", "abc")


def test_names_of_a_matrix_that_are_written_in_two_ways(tmp_path):
    matrix = ",\u00e9,my\xa0d\ne\u0301,0,1\nmy d,0,0\n"
    reads(tmp_path, "a.csv", matrix, ["\u00e9", "my d"], [[], [0]])


def test_tables_that_are_called_lists_of_networkx(tmp_path):
    for name in ("a.edgelist", "a.adjlist"):
        refuses(tmp_path, name, "skill prerequisite\nb a\n", "line 1: expected nodes, got the names of columns")
        refuses(
            tmp_path, name, "a, b\nb, c\n", "line 1: expected nodes separated by blanks and without quotes, got 'a, "
        )
        refuses(tmp_path, name, '"a" "b"\n', "expected nodes separated by blanks and without quotes")


def test_drawn_edges_of_dot(tmp_path):
    cluster = "digraph { subgraph cluster_a { x }; cluster_a -> y }"
    refuses(tmp_path, "a.dot", cluster, "got one to 'cluster_a', which is a subgraph; draw it to what is in it")
    refuses(tmp_path, "a.dot", "digraph { a -> b [arrowhead=none] }", "expected an arrowhead at its target")


def test_a_corner_that_says_what_rows_list(tmp_path):
    rest = ",letters,words\nletters,0,1\nwords,0,0\n"
    for corner in ("requires", "depends on", "to", "to\\from", "skill / requires"):
        refuses(tmp_path, "a.csv", corner + rest, f"whose corner, {corner!r}, says that they list what it requires")
    for corner in ("", "skill", "prerequisite", "from", "from/to", "prerequisite \\ skill", "AC/DC"):
        reads(tmp_path, "a.csv", corner + rest, ["letters", "words"], [[], [0]])
