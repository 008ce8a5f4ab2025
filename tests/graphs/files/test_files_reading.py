"""What holds for graph files of all formats: places, packing, bounds, arguments, writing."""

import gzip
import re
import time

import pytest
from graph_file_cases import reads, refuses, write

import resource_ode as ro
from resource_ode.graphs.files import edge_list
from resource_ode.graphs.files.names import same_name

PAIRS = "prerequisite,skill\nletters,words\nwords,sentences\n"


def test_packed(tmp_path):
    reads(tmp_path, "skills.csv.gz", gzip.compress(PAIRS.encode()))
    reads(tmp_path, "skills.csv", gzip.compress(PAIRS.encode()))
    halves = PAIRS.encode()[:30], PAIRS.encode()[30:]
    reads(tmp_path, "skills.csv.gz", b"".join(map(gzip.compress, halves)))
    refuses(tmp_path, "a.csv.gz", gzip.compress(PAIRS.encode())[:-4], "expected a whole gzip file, got one that is cut")
    refuses(tmp_path, "a.csv.gz", gzip.compress(bytes(40_000_000)), "expected at most 32 MiB when unpacked, got more")
    refuses(tmp_path, "a.csv.gz", b"\x1f\x8b" + b"x" * 20, "expected a whole gzip file, got one that is damaged")


def test_places(tmp_path):
    (tmp_path / "folder.json").mkdir()
    for name, message in {
        "none.json": "expected a graph file, got no file at all",
        "folder.json": "expected a graph file, got a folder",
        "a" * 300: "expected a file that can be read, got File name too long",
        "a\x1b[2J.json": "expected a graph file, got no file at all",
    }.items():
        with pytest.raises(ro.GraphFileError, match=re.escape(message)) as error:
            ro.read_graph(tmp_path / name)
        assert str(error.value).isprintable()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.pdf", "text", "expected a .graphml, .gexf, .gml, .dot, .json, .csv, .tsv, .txt, .edgelist,"),
        ("a", "text", "got no suffix"),
        ("a.xlsx", "PK\x03\x04", "expected text, got an Excel workbook; save the sheet as CSV"),
        ("a.csv", b"\xd0\xcf\x11\xe0", "got an Excel workbook"),
        ("a.nc", b"\x89HDF", "expected a graph file, got HDF5 or netCDF"),
        ("a.graphml", "", "expected GraphML, got text that is no XML"),
        ("a.json", "", "expected JSON, got text that is none"),
        ("a.csv", "", "got an empty file"),
    ],
)  # fmt: skip
def test_what_is_no_graph(tmp_path, name, content, message):
    refuses(tmp_path, name, content, message)


def test_arguments(tmp_path):
    path = write(tmp_path, "a.csv", PAIRS)
    for options, message in (
        ({"direction": "up"}, 'direction: expected "prerequisite_first" or "prerequisite_last", got \'up\''),
        ({"sign": "keep"}, 'sign: expected "drop" or "absolute", got \'keep\''),
        ({"threshold": -1.0}, "threshold: expected a finite number of at least 0, got -1.0"),
        ({"threshold": float("nan")}, "threshold: expected a finite number of at least 0, got nan"),
    ):
        with pytest.raises(ValueError, match=re.escape(message)):
            ro.read_graph(path, **options)


def test_bounds(tmp_path, monkeypatch):
    many = "prerequisite,skill\n" + "".join(f"s{i},hub\n" for i in range(4000))
    refuses(tmp_path, "a.csv", many, "'hub' has 4,000 of them, which makes 16,004,000; drop edges that follow from")
    refuses(tmp_path, "a.csv", "a,b\n" * 1_000_003, "expected at most 1,000,000 rows, got 1,000,003")
    refuses(tmp_path, "a.csv", "0," * 20_000, "line 1: expected at most 10,000 columns, got 20,001")
    monkeypatch.setattr("resource_ode.graphs.files.names.MOST_SKILLS", 2)
    refuses(tmp_path, "a.json", '{"nodes": [1, 2, 3], "edges": []}', "expected at most 2 skills, got more")
    monkeypatch.setattr("resource_ode.graphs.files.network.MOST_EDGES", 1)
    refuses(tmp_path, "a.dot", "digraph { a -> b -> a }", "expected at most 1 edges, got more")


def example(**options):
    return ro.SkillGraph(
        [[], [0], [0, 1], [2]],
        ["all", "all", "any", "all"],
        names=["add", "carry", "multiply", "größer, als"],
        **options,
    )


@pytest.mark.parametrize("suffix", [".graphml", ".json", ".GraphML"])
@pytest.mark.parametrize("frequency", [None, [0.1, 1 / 3, 1e-300, 2.0]])
def test_written_and_read(tmp_path, suffix, frequency):
    graph, path = example(frequency=frequency), tmp_path / f"skills{suffix}"
    ro.write_graph(graph, path)
    for options in ({}, {"condense": True}):
        found = ro.read_graph(path, **options)
        assert found.names == graph.names
        assert [sorted(row) for row in found.prerequisite_lists()] == graph.prerequisite_lists()
        assert found.any_gate.tolist() == graph.any_gate.tolist()
        assert (None if found.frequency is None else found.frequency.tolist()) == frequency
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_link_is_written_through(tmp_path):
    (tmp_path / "real.json").write_text("old")
    (tmp_path / "link.json").symlink_to(tmp_path / "real.json")
    ro.write_graph(example(), tmp_path / "link.json")
    assert (tmp_path / "link.json").is_symlink()
    assert ro.read_graph(tmp_path / "real.json").names == example().names


def test_not_written(tmp_path):
    batch = ro.stack([ro.ResourceModel(ro.SkillGraph([[]]), [1.0], 1.0, 1.0, 1.0)] * 2).graph
    for graph, name, message in (
        (batch, "a.json", "a.json: graph: expected one graph, got a batch"),
        (example(), "a.csv", "a.csv: expected a .graphml or .json file to write, got the suffix '.csv'"),
        (example(), "none/a.json", "a.json: expected a folder that exists, got"),
        (example(), "no\x1bne/a.json", "no\\x1bne/a.json: expected a folder that exists, got"),
        (example(), "a" * 300 + ".json", "expected a file name of at most 255 bytes, got one of 305"),
    ):
        with pytest.raises(ro.GraphFileError, match=re.escape(message)):
            ro.write_graph(graph, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_zero_byte_in_a_path():
    path = "a\0.json"
    for call in (lambda: ro.write_graph(example(), path), lambda: ro.read_graph(path), lambda: ro.read_scenario(path)):
        with pytest.raises(ValueError, match="path: expected a file name, got "):
            call()


def header(text):
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


LONG = {
    "digits.csv": b"prerequisite,skill,weight\na,b," + b"9" * 100_000 + b"x\n",
    "digits.json": b'{"directed": true, "nodes": [{"id": "a", "frequency": "' + b"9" * 200_000 + b'x"}], "edges": []}',
    "blanks.json": b'{"directed": true, "nodes": [{"id": "a\\u0001' + b" " * 200_000 + b'b"}], "edges": []}',
    "blanks.npy": header("{'descr': '<f8'" + " " * 60_000 + "Z 'fortran_order': False, 'shape': (0, 0), }"),
}


@pytest.mark.parametrize("name", LONG)
def test_long_texts_take_time_in_proportion(name, tmp_path):
    (tmp_path / name).write_bytes(LONG[name])
    took = []
    # the first time imports what reads such files
    for _ in range(2):
        start = time.process_time()
        with pytest.raises(ro.GraphFileError, match="expected "):
            ro.read_graph(tmp_path / name)
        took.append(time.process_time() - start)
    # with the square of the length they took from 3 to 200 seconds
    assert min(took) < 1


def test_each_name_of_a_list_is_cleaned_once(tmp_path, monkeypatch):
    names, cleaned = [f"s{place}" for place in range(20)], []
    rows = [f"{before},{after}\n" for place, before in enumerate(names) for after in names[place + 1 :]]
    monkeypatch.setattr(edge_list, "same_name", lambda cell: cleaned.append(cell) or same_name(cell))
    (tmp_path / "a.csv").write_text("prerequisite,skill\n" + "".join(rows))
    assert ro.read_graph(tmp_path / "a.csv").names == tuple(names)
    # not once for each of the 190 rows
    assert cleaned == names


@pytest.mark.parametrize(
    ("name", "plain", "odd"),
    (
        (
            "a.gml",
            'graph [ directed 1 node [ id 1 label "a&amp;b" ] node [ id 2 ] edge [ source 1 target 2 weight +.5e1 ] ]',
            'graph [directed 1 node [id 1 label"a&amp;b" ]node[id 2] edge[ source 1 #x\n target 2 weight+.5e1]]',
        ),
        (
            "a.dot",
            'digraph { a -> b; /* x */ b -> "c d" [weight=2]; \n# y\n e }',
            'digraph { a:n -> b; /* x */ b:n -> "c" + " d" [weight=2;]; \n# y\n e:n }',
        ),
    ),
)
def test_plain_and_odd_spellings_are_read_alike(name, plain, odd, tmp_path):
    found = []
    for text in (plain, odd):  # each has a way of its own, for speed
        (tmp_path / name).write_text(text)
        graph = ro.read_graph(tmp_path / name)
        found.append((graph.names, graph.prerequisite_lists()))
    assert found[0] == found[1]
