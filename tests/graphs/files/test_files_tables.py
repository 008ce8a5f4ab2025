"""Adjacency matrices and lists of edges as text."""

import pytest
from graph_file_cases import NAMES, reads, refuses

FIRST = "prerequisite_first"
MATRIX = "0,1,0\n0,0,1\n0,0,0\n"
BOTH = ",letters,words,sentences\nletters,0,1,0\nwords,0,0,1\nsentences,0,0,0\n"
PAIRS = "letters,words\nwords,sentences\n"
READ = {
    "pandas": BOTH,
    "a name in the corner": "from" + BOTH,
    "a row of names": "letters,words,sentences\n" + MATRIX,
    "a column of names": "letters,0,1,0\nwords,0,0,1\nsentences,0,0,0\n",
    "R": '"","letters","words","sentences"\n"letters",0,1,0\n"words",0,0,1\n"sentences",0,0,0\n',
    "Excel": "\ufeff" + BOTH.replace(",", ";").replace("\n", "\r\n"),
    "Excel's own line": "sep=;\r\n" + BOTH.replace(",", ";").replace("\n", "\r\n"),
    "Gephi": BOTH.replace(",", ";").replace("0", "0.0").replace("1", "1.0"),
    "tabs": BOTH.replace(",", "\t"),
    "decimal commas": BOTH.replace(",", ";").replace("1", "0,7").replace("0;", "0,0;"),
    "empty cells": BOTH.replace("0", ""),
    "marks": BOTH.replace("0", "").replace("1", "x"),
    "truth values": BOTH.replace("0", "False").replace("1", "True"),
    "empty columns and rows at the end": BOTH.replace("\n", ",,\n") + ",,,,,\n",
    "columns in another order": ",sentences,words,letters\nletters,0,1,0\nwords,1,0,0\nsentences,0,0,0\n",
    "a header by NumPy": "# letters,words,sentences\n" + MATRIX,
    "the diagonal is not read": BOTH.replace("letters,0", "letters,NA").replace("words,0,0", "words,0,-5"),
    "edges, prerequisite and skill": "prerequisite,skill\n" + PAIRS,
    "edges, skill and prerequisite": "skill,prerequisite\nletters,\nwords,letters\nsentences,words\n",
    "edges of Gephi": "Source,Target,Type,Id,Weight\nletters,words,Directed,0,1\nwords,sentences,Directed,1,0.5\n",
    "edges, from and to": "from\tto\n" + PAIRS.replace(",", "\t"),
    "edges, depends on": "task;depends on\nwords;letters\nsentences;words\n",
    "edges, another word": "prerequisite,composite\n" + PAIRS,
    "edges, quotes": '"prerequisite","skill"\n"letters","words"\n"words","sentences"\n',
    "edges with comments": "# by hand\nprerequisite,skill\n" + PAIRS,
    "edges, R with numbered rows": '"from","to"\n"1","letters","words"\n"4","words","sentences"\n',
    "R with names of the rows": '"letters","words","sentences"\n"letters",0,1,0\n"words",0,0,1\n"sentences",0,0,0\n',
    "edges, a comment between": "prerequisite,skill\nletters,words\n# later\nwords,sentences\n",
    "edges, blanks that differ": "prerequisite,skill\nletters,words\nwords\xa0,sentences\n",
    "edges in UTF-16": ("prerequisite\tskill\n" + PAIRS.replace(",", "\t")).encode("utf-16"),
}  # fmt: skip


@pytest.mark.parametrize("case", READ)
def test_read(tmp_path, case):
    reads(tmp_path, "skills.csv", READ[case])
    reads(tmp_path, "skills.tsv", READ[case])
    reads(tmp_path, "skills.txt", READ[case])


def test_quotes_and_blanks(tmp_path):
    reads(tmp_path, "a.txt", '"from" "to"\n"1" "big letters" "words"\n', ["big letters", "words"], [[], [0]])
    matrix = '"a b" "c"\n"a b" 0 1\n"c" 0 0\n'  # write.table of R
    reads(tmp_path, "a.txt", matrix, ["a b", "c"], [[], [0]])
    refuses(tmp_path, "a.txt", '"from" "to"\n"a b" "c\n', "line 2: expected cells separated by blanks, got quotes that")


def test_a_header_in_a_comment(tmp_path):
    """As SNAP writes above numbers that could also be a matrix."""
    reads(tmp_path, "a.txt", "# Nodes: 3\n# FromNodeId\tToNodeId\n0\t1\n1\t2\n", "012")


def test_letters_written_in_two_ways_are_one_name(tmp_path):
    edges = "prerequisite,skill\n\u00e9cole,b\ne\u0301cole,c\nmy  d,c\nmy d,e\n"
    reads(tmp_path, "a.csv", edges, ["\u00e9cole", "b", "c", "my d", "e"], [[], [0], [0, 3], [], [3]])


def test_a_name_that_could_be_a_list_is_one_where_it_is_declared(tmp_path):
    edges = 'skill,prerequisite\na,\nb,\na and b,\nc,a and b\nd,"x\ntable"\n'
    reads(tmp_path, "a.csv", edges, ["a", "b", "a and b", "c", "x table", "d"], [[], [], [], [2], [], [4]])


def test_other_formats_are_named(tmp_path):
    refuses(tmp_path, "a.net", '*Vertices 1\n1 "a"\n', "got Pajek; SkillGraph.from_networkx(networkx.DiGraph(")
    refuses(tmp_path, "a.mtx", "%%MatrixMarket matrix coordinate real general\n", "got Matrix Market; SkillGraph.from_")
    tgf = "1 letters\n2 words\n#\n1 2\n"
    refuses(tmp_path, "a.txt", tgf, "line 3: expected a row, got #, as in the Trivial Graph", direction=FIRST)


TOTALS = {
    "both": ("a,b,Total", ("a,0,1,1", "b,0,0,0", "Total,0,1,1"), "a row and a column of totals, 'Total'; delete them"),
    "both, no sum of all": ("a,b,Sum", ("a,0,1,1", "b,0,0,0", "Sum,0,1,"), "a row and a column of totals, 'Sum'"),
    "both, of three": (
        "a,b,c,Total", ("a,0,1,1,2", "b,0,0,1,1", "c,0,0,0,0", "Total,0,1,2,3"), "a row and a column of totals",
    ),
    "both, rounded": ("a,b,Sum", ("a,0,.333,.33", "b,.125,0,.13", "Sum,.125,.333,.46"), "a row and a column of totals"),
    "a column": ("a,b,Total", ("a,0,1,1", "b,0,0,0"), "got a column of totals, 'Total'; delete it"),
    "a row": ("a,b", ("a,0,1", "b,0,0", "Total,0,1"), "got a row of totals, 'Total'; delete it"),
}  # fmt: skip


@pytest.mark.parametrize("corner", ["", "skill", "prerequisite"])
@pytest.mark.parametrize("case", TOTALS)
def test_totals_are_no_skill(tmp_path, case, corner):
    above, rows, message = TOTALS[case]
    refuses(tmp_path, "a.csv", "\n".join([f"{corner},{above}", *rows]), message)
    refuses(tmp_path, "a.txt", "\n".join([f"{corner},{above}", *rows]).replace(",", "\t"), message)


def test_totals_beside_names_on_one_side(tmp_path):
    refuses(tmp_path, "a.csv", "a,b,Total\n0,1,1\n0,0,0\n", "got a column of totals, 'Total'; delete it")
    refuses(tmp_path, "a.csv", "a,0,1\nb,0,0\nTotal,0,1\n", "got a row of totals, 'Total'; delete it")


def test_a_skill_may_be_called_sum(tmp_path):
    reads(tmp_path, "a.csv", ",a,b,Sum\na,0,1,1\nb,0,0,1\nSum,0,0,0\n", ["a", "b", "Sum"], [[], [0], [0, 1]])
    reads(tmp_path, "a.csv", ",a,Sum\na,0,0.01\nSum,0,0\n", ["a", "Sum"], [[], [0]])
    reads(tmp_path, "a.csv", "from,to,total\n1,2,2\n2,3,3\n", "123")


def test_a_number_after_a_hash_is_of_the_name(tmp_path):
    reads(tmp_path, "a.csv", "from,to\nPart #1,Part # 2\n", ["Part #1", "Part # 2"], [[], [0]])
    reads(tmp_path, "a.csv", "from,to,note\nC#,F#,F # sharp\n", ["C#", "F#"], [[], [0]])


@pytest.mark.parametrize(
    "suffix, expected", [(".csv", "a table"), (".tsv", "a table"), (".adjlist", "a list of edges")]
)
def test_other_formats_in_tables_are_named(tmp_path, suffix, expected):
    graph = '{\n "nodes": [{"id": "a"}, {"id": "b"}],\n "links": []\n}\n'
    for text in (graph, graph.replace("\n", ""), "{}", "[[0, 1], [0, 0]]", '[\n {"source": "a", "target": "b"}\n]'):
        refuses(tmp_path, f"a{suffix}", text, f"expected {expected}, got JSON; call the file .json")
    refuses(tmp_path, f"a{suffix}", "digraph { a -> b }", f"expected {expected}, got DOT; call the file .dot")
    refuses(tmp_path, f"a{suffix}", "graph [\n directed 1\n]", f"expected {expected}, got GML; call the file .gml")


def test_names_may_begin_with_brackets(tmp_path):
    reads(tmp_path, "a.csv", "[a],{b}\n0,1\n0,0\n", ["[a]", "{b}"], [[], [0]])


OTHER_NAMES = {
    "bare": (MATRIX, None),
    "NumPy": (MATRIX.replace("0", "0.0e+00").replace("1", "1.0e+00"), None),
    "a comment": ("# adjacency\n" + MATRIX, None),
    "blanks": (MATRIX.replace(",", " "), None),
    "R without names": ('"","V1","V2","V3"\n"1",0,1,0\n"2",0,0,1\n"3",0,0,0\n', None),
    "years": (",2019,2020,2021\n2019,0,1,0\n2020,0,0,1\n2021,0,0,0\n", ("2019", "2020", "2021")),
    "years above": ("2019,2020,2021\n" + MATRIX, ("2019", "2020", "2021")),
    "numbers above": ("0,1,2\n" + MATRIX, ("0", "1", "2")),
    "names as numbers that are none": (",inf,nan,x\ninf,0,1,0\nnan,0,0,1\nx,0,0,0\n", ("inf", "nan", "x")),
    "a line break": ('"a\nb",c,d\n' + MATRIX, ("a b", "c", "d")),
    "Windows": (",größe,maß,ä\ngröße,0,1,0\nmaß,0,0,1\nä,0,0,0\n".encode("cp1252"), ("größe", "maß", "ä")),
}


@pytest.mark.parametrize("case", OTHER_NAMES)
def test_names(tmp_path, case):
    content, names = OTHER_NAMES[case]
    reads(tmp_path, "skills.txt" if case == "blanks" else "skills.csv", content, names)


REFUSED = {
    "nothing": ("\n,\n", "expected an adjacency matrix or a list of edges, got an empty file"),
    "not square": ("0,1,0,1\n0,0,1,0\n", "expected a square matrix, with or without names, or a list of edges with a"),
    "uneven": ("0,1,0\n\n0,0\n0,0,0\n", "line 3: expected 3 cells separated by a comma, got 2"),
    "a cell": (BOTH.replace("1", "y"), "line 2: expected numbers, got 'y'"),
    "NA": (BOTH.replace("1", "NA"), "line 2: expected numbers, got 'NA', which says that a number is missing; write 0"),
    "nan": (BOTH.replace("1", "nan"), "line 2: expected numbers, got 'nan'"),
    "inf": (BOTH.replace("1", "inf"), "line 2: expected numbers, got 'inf'"),
    "too large": (BOTH.replace("1", "1e999"), "line 2: expected finite numbers"),
    "thousands": (BOTH.replace("1", '"1,000"'), "expected numbers, got '1,000'; a decimal comma is read where"),
    "underscores": (MATRIX.replace("1", "1_000"), "got '1_000'"),
    "other names": (",a,b\na,0,1\nc,0,0\n", "expected the same names in the first row and column, got 'b' and 'c'"),
    "a name twice": (",a,a\na,0,1\na,0,0\n", "names: expected distinct names, got 'a' twice"),
    "no name": ("a,0,1\n,0,0\n", "names: expected one for each row and column, got none"),
    "a cycle": (",a,b\na,0,1\nb,1,0\n", "expected a graph without cycles, got b -> a -> b"),
    "a negative weight": (BOTH.replace("1", "-1"), "weight of 'letters' -> 'words': expected one above 0, got -1"),
    "a cell that is too long": ("a," + "b" * 140_000, "a cell of more than 131,072 characters"),
    "bytes of another encoding": ("日本,語\n".encode("shift-jis"), "line 1: expected text in UTF-8, got other bytes"),
    "letters of another encoding": ("мир,война\n".encode("cp1251"), "line 1: expected text in UTF-8"),
    "zeros": ("a\0,b\n", "line 1: expected text, got a byte of value 0"),
    "numbers that may be either": ("0,1\n1,2\n", "numbers that may be either: for edges say which column holds the pr"),
    "edges without a header": (PAIRS, "expected a first row that names the columns, as prerequisite,skill does, got"),
    "edges, unknown words": ("one,two\n" + PAIRS, "or say which column holds the prerequisites"),
    "edges, no skill": ("prerequisite,skill\nletters,\n", "line 2: expected a skill, got an empty cell"),
    "edges, itself": ("prerequisite,skill\na,a\n", "expected no skill to require itself, got 'a' -> 'a'"),
    "edges, several in a cell": (
        'skill,prerequisites\nb,a\nc,a\nd,"b;c"\n', "line 4: expected one prerequisite per row, got 'b;c'",
    ),
    **{
        f"edges, {word or 'nothing'} for nothing": (
            f"skill,prerequisite\na,{word}\nb,a\n",
            f"line 2: expected a prerequisite, got {word!r}; leave the cell empty where there is none",
        )
        for word in ("NA", "nan", "None", "-", "#N/A")
    },
    "edges, nothing for a skill": ("from,to\na,b\nc,NA\n", "line 3: expected a skill, got 'NA'; delete the line"),
    "edges, a row that may be a comment": ("from,to\na,b\n#a,c\n", "line 3: expected a row, got '#a,c', which"),
    "edges, the header again": ("from,to\na,b\nFrom,To\nb,c\n", "line 3: expected an edge, got the names"),
    "edges, a sign elsewhere": (
        "from,to,correlation\na,b,0.5\nb,c,-1\n",
        "line 3: expected weights in a column called weight, got '-1' in 'correlation', which is not read",
    ),
    "edges, a bare sign": ("from,to,sign\na,b,+\nb,c,-\n", "line 3: expected weights in a column called"),
    "edges, numbers of pandas": ("prerequisite,skill\n,1\n1.0,2\n", "expected one way of writing each name, got '1'"),
    "edges, several by a plus": ("skill,needs\nb,a\nc,a\nd,b+c\n", "line 4: expected one prerequisite per row, got"),
    "edges, several by and": ("skill,needs\nb,a\nc,a\nd,b and c\n", "line 4: expected one prerequisite per row"),
    "edges, several by lines": ('skill,needs\nb,a\nc,a\nd,"b\nc"\n', "line 4: expected one prerequisite per row"),
    "edges, several that stand nowhere else": ("skill,needs\nd,b;c\n", "line 2: expected one prerequisite per row"),
    "marks that are no numbers": (BOTH.replace("0", "-"), "line 2: expected numbers, got '-'"),
    "a column too many": (BOTH.replace("\n", ",0\n").replace("sentences,0", "sentences,sum", 1), "expected a square"),
    "edges, a comment after a cell": (
        "from,to\na,b  # note\nb,c\n",
        "line 2: expected a name, got 'b # note', which may end in a comment; delete the comment, or write the name wi",
    ),
    "edges, a comment after the only cell of the name": ("from,to\na,b # note\n", "line 2: expected a name, got 'b #"),
    "edges, a comment without a blank": ("from,to\na #1,b\na,c\n", "line 2: expected a name, got 'a #1', which may"),
    "edges, a number in a comment": ("from,to\na,b # note #1\n", "line 2: expected a name, got 'b # note #1', which"),
    "edges, a comment after a number": ("from,to\na,b #1 # note\n", "line 2: expected a name, got 'b #1 # note', whi"),
    "a comment after names": ("a,b # note\n0,1\n0,0\n", "names: expected a name, got 'b # note', which may end in a"),
    "edges, undirected": ("Source,Target,Type\na,b,Undirected\n", "line 2: expected a directed graph, got an edge of"),
    "edges, no weight": ("source,target,weight\na,b,much\n", "weight of 'a' -> 'b': expected a finite number, got 'mu"),
    "edges, a control character": ("prerequisite,skill\na,\x1b[2J\n", "that can be printed, got '\\x1b[2J'"),
    "an open quote": ('prerequisite,skill\n"a,b\n', "quotes that do not match"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refused(tmp_path, case):
    content, message = REFUSED[case]
    refuses(tmp_path, "skills.csv", content, message)


def test_direction(tmp_path):
    first, last = {"direction": "prerequisite_first"}, {"direction": "prerequisite_last"}
    reads(tmp_path, "a.csv", PAIRS, **first)
    reads(tmp_path, "a.csv", PAIRS, ["words", "letters", "sentences"], [[2], [0], []], **last)
    reads(tmp_path, "a.csv", "0,1\n1,2\n", "012", **first)
    reads(tmp_path, "a.csv", "letters,words,0.5\nwords,sentences,2\n", **first)
    reads(tmp_path, "a.csv", "from,to\nwords,letters\nsentences,words\n", **last)
    reads(tmp_path, "a.csv", "task,task_2\n" + PAIRS, **first)
    refuses(tmp_path, "a.csv", "one,two\n" + PAIRS, "got ['one', 'two'], which may be either", **first)
    refuses(tmp_path, "a.csv", "skill,prerequisite\nb,a\n", "says that column 2 holds the prerequisites, got", **first)
    refuses(tmp_path, "a.csv", BOTH, "direction: expected none for a matrix, whose row lists what", **first)


def test_signs_and_threshold(tmp_path):
    content = ",a,b,c\na,0,-0.7,0.2\nb,0,0,0.5\nc,0,0,0\n"
    reads(tmp_path, "a.csv", content, "abc", [[], [], [0, 1]], sign="drop")
    reads(tmp_path, "a.csv", content, "abc", [[], [0], [0, 1]], sign="absolute")
    reads(tmp_path, "a.csv", content, "abc", [[], [0], [1]], sign="absolute", threshold=0.3)
    reads(
        tmp_path, "a.csv", "source,target,weight\na,b,0\nb,c,-2\n", "abc", [[], [], [1]], sign="absolute", threshold=1
    )
    refuses(tmp_path, "a.csv", "source,target,weight\na,b,0\n", "expected another than 0, since an edge that")


def test_lists_of_networkx(tmp_path):
    reads(tmp_path, "a.edgelist", "# by networkx\nletters words {'weight': 0.7}\nwords sentences {}\n")
    reads(tmp_path, "a.edgelist", "letters words 0.7\nwords sentences 2\n")
    reads(tmp_path, "a.adjlist", "# 3 nodes\nletters words\nwords sentences\nsentences\n")
    reads(tmp_path, "a.adjlist", "a b c\nd\n", "abcd", [[], [0], [0], []])
    refuses(tmp_path, "a.edgelist", "machine learning statistics\n", "expected a finite number, got 'statistics'")
    refuses(tmp_path, "a.edgelist", "a b {'weight': -1}\n", "expected one above 0, got -1")
    refuses(tmp_path, "a.adjlist", "a 1\nb {}\nb 0\n", "line 2: expected a node and its targets, got a list of several")
    counted = "expected nodes and their targets, got 0 after each node, as in a list of several lines per node"
    refuses(tmp_path, "a.adjlist", "# by networkx\na 0\nb 0\n", counted)
    refuses(tmp_path, "a.adjlist", "a b\t0\nc\t0\n", counted)
    reads(tmp_path, "a.adjlist", "a 0\nb 0\n0\n", "a0b", [[], [0, 2], []])
    reads(tmp_path, "a.adjlist", "c\ta 0\nb\ta 0\n", ["c", "a 0", "b"], [[], [0, 2], []])
    refuses(tmp_path, "a.adjlist", "a,b\nb,c\n", "line 1: expected nodes separated by blanks, got 'a,b'")
    refuses(tmp_path, "a.edgelist", "a\n", "line 1: expected two nodes, got 'a'")


def test_cycles_become_one_skill_if_asked(tmp_path):
    content = "prerequisite,skill\na,b\nb,a\nb,c\nc,c\n"
    refuses(tmp_path, "a.csv", content, "expected no skill to require itself, got 'c' -> 'c'")
    reads(tmp_path, "a.csv", content, ["a+b", "c"], [[], [0]], condense=True)
    cycle = "prerequisite,skill\n" + "".join(f"s{i},s{(i + 1) % 3000}\n" for i in range(3000))
    refuses(tmp_path, "a.csv", cycle, "s2 -> s3 -> s4 -> s5 -> s6 -> s7 -> s8 -> ... -> s1 (no skill")
    assert NAMES
