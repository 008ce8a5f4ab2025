"""Sweeps over graphs of the user's own: a list, files, a function."""

import gzip

import jax
import numpy as np
import pytest

import resource_ode as ro
from resource_ode.config.toml import ScenarioError

GRAPHS = [
    ro.SkillGraph([[], [0]], frequency=[1.0, 0.3]),
    ro.SkillGraph([[], [0], [0, 1]], gate="any", frequency=[1.0, 0.5, 0.2]),
    ro.SkillGraph([[]], frequency=[2.0]),
]
WASTE = [0.01, 0.1]


def description(graph, **more):
    return {
        "graph": graph,
        "resource": {"learning_rate": 1e-3, "gate_exponent": 1e-2},
        "axis": [{"name": "wasted_resource", "values": WASTE}],
        "observe": {"names": ["horizon"]},
        **more,
    }


def expected(graphs, frequencies=None):
    frequencies = frequencies or [graph.frequency for graph in graphs]
    pairs = list(zip(graphs, frequencies, strict=True))
    return [[float(ro.horizon(ro.ResourceModel(*pair, 1e-3, waste, 1e-2))) for pair in pairs] for waste in WASTE]


def made(key):
    return ro.graphs.random_dag(key, 5, 0.4)


def test_a_list_of_graphs_of_different_sizes(tmp_path):
    found = ro.sweep(description({"graphs": GRAPHS}), tmp_path / "s.zarr")
    np.testing.assert_allclose(found["horizon"], expected(GRAPHS), rtol=1e-6)
    assert (np.asarray(found["failed"]) == 0).all()
    rows = [[3.0, 1.0], [1.0, 2.0, 3.0], [1.0]]
    found = ro.sweep(description({"graphs": GRAPHS}, frequency={"each": rows}), tmp_path / "t.zarr")
    np.testing.assert_allclose(found["horizon"], expected(GRAPHS, rows), rtol=1e-6)


def test_skills_that_only_pad_a_graph_do_not_count(tmp_path):
    names = ["participation_ratio", "dependencies", "longest_chain", "efficiency", "seriality"]
    found = ro.sweep(description({"graphs": GRAPHS}, observe={"names": names}), tmp_path / "s.zarr", progress=False)
    p = [np.asarray(graph.frequency) for graph in GRAPHS]
    np.testing.assert_allclose(found["participation_ratio"], [[x.sum() ** 2 / (x**2).sum() for x in p]] * 2)
    np.testing.assert_array_equal(found["dependencies"], [[1, 3, 0]] * 2)
    np.testing.assert_array_equal(found["longest_chain"], [[1, 2, 0]] * 2)
    horizon = np.asarray(expected(GRAPHS))
    np.testing.assert_allclose(found["efficiency"], np.array([2, 3, 1]) * 0.95 / (1e-3 * horizon), rtol=1e-6)
    alone = [float(ro.observables.seriality(ro.ResourceModel(graph, None, 1e-3, 0.1, 1e-2))) for graph in GRAPHS]
    np.testing.assert_allclose(found["seriality"], [alone] * 2, rtol=1e-6)


def test_files_and_a_folder(tmp_path):
    (tmp_path / "graphs").mkdir()
    for place, graph in enumerate(GRAPHS):
        ro.write_graph(graph, tmp_path / "graphs" / f"g{place}.json")
    (tmp_path / "graphs" / "notes.txt").write_text("no graph")
    text = """
[graph]
files = {}
[resource]
learning_rate = 1e-3
gate_exponent = 1e-2
[[axis]]
name = "wasted_resource"
values = [0.01, 0.1]
[observe]
names = ["horizon"]
"""
    (tmp_path / "folder.toml").write_text(text.format('"graphs"'))
    (tmp_path / "list.toml").write_text(text.format('["graphs/g0.json", "graphs/g1.json", "graphs/g2.json"]'))
    one, two = (ro.read_sweep(tmp_path / name) for name in ("folder.toml", "list.toml"))
    assert one.digest == two.digest == ro.read_sweep(description({"graphs": GRAPHS})).digest
    assert one.shape == (2, 3)


def test_a_folder_holds_graphs_of_every_format(tmp_path):
    (tmp_path / "a.gv").write_text("digraph { a -> b }")
    (tmp_path / "b.edgelist").write_text("a b {}\nb c {}\n")
    ro.write_graph(ro.SkillGraph([[]] * 4), tmp_path / "c.graphml")
    packed = gzip.compress((tmp_path / "c.graphml").read_bytes())
    (tmp_path / "d.GraphML.gz").write_bytes(packed)
    even = {"law": "uniform", "value": 1.0}
    with pytest.raises(ScenarioError, match="expected graphs of one size"):  # so all of them were read
        ro.read_sweep(description({"files": tmp_path}, frequency=even))
    each = [[1.0] * skills for skills in (2, 3, 4, 4)]
    assert ro.read_sweep(description({"files": tmp_path}, frequency={"each": each})).shape == (2, 4)


def test_a_function_makes_them(tmp_path):
    whole = description(
        {"generator": made}, ensemble={"graphs": 4, "seed": 7}, frequency={"law": "zipf", "exponent": 1.0}
    )
    found = ro.sweep(whole, tmp_path / "s.zarr")
    key = jax.random.key(7, impl="threefry2x32")
    graphs = [made(jax.random.fold_in(key, number)) for number in range(4)]
    frequency = ro.frequencies.zipf(5, exponent=1.0)
    np.testing.assert_allclose(found["horizon"], expected(graphs, [frequency] * 4), rtol=1e-6)
    named = {**whole, "graph": {"generator": f"{__name__}:made"}}
    assert ro.read_sweep(named).digest == ro.read_sweep(whole).digest
    # the store says all that it is of: it is resumed without the function
    again = ro.sweep(whole, tmp_path / "s.zarr", resume=True)
    np.testing.assert_array_equal(again["horizon"], found["horizon"])


def wrong(key):
    raise RuntimeError("no graph today")


MISTAKES = {
    "no list": ({"graphs": 3}, {}, "graphs: expected a list of SkillGraphs, got 3"),
    "empty": ({"graphs": []}, {}, "expected 1 to 100,000 of them, got 0"),
    "no graph": ({"graphs": [GRAPHS[0], 3]}, {}, "graphs[1]: expected a single SkillGraph, got 3"),
    "a batch": ({"graphs": [ro.stack(GRAPHS)]}, {}, "graphs[0]: expected a single SkillGraph"),
    "two sources": ({"graphs": GRAPHS, "files": "a"}, {}, "got graphs and files"),
    "another number": (
        {"graphs": GRAPHS},
        {"ensemble": {"graphs": 2}},
        "expected 3, the number of graphs",
    ),
    "one law for sizes": ({"graphs": GRAPHS}, {"frequency": {"law": "uniform"}}, "expected graphs of one size"),
    "rows": ({"graphs": GRAPHS}, {"frequency": {"each": [[1.0]]}}, "for each of the 3 graphs"),
    "row": ({"graphs": GRAPHS[:1]}, {"frequency": {"each": [[1.0]]}}, "each[0]: expected 2 numbers, got 1"),
    "negative": ({"graphs": GRAPHS[:1]}, {"frequency": {"each": [[1.0, -1.0]]}}, "each[0][1]: expected"),
    "no folder": ({"files": "absent"}, {}, "files: expected a folder, or a list of files"),
    "no files": ({"files": [1]}, {}, "files: expected a folder, or a list of files"),
    "absent": ({"files": ["absent.json"]}, {}, "absent.json"),
    "function fails": ({"generator": wrong}, {}, "call 0 of the function failed (no graph today)"),
    "not imported": ({"generator": "no_module_here:f"}, {}, "expected a function that can be imported"),
    "frequencies of some": (
        {"graphs": [GRAPHS[0], ro.SkillGraph([[]])]},
        {},
        "expected frequencies of each graph or of none, got none of graph 1; or give [frequency]",
    ),
    "no frequencies": ({"graphs": [ro.SkillGraph([[]])]}, {}, "[frequency]"),
    "unknown key": ({"graphs": GRAPHS, "gates": "any"}, {}, "unknown key"),
    "each alone": (
        {"generator": "chain", "skills": 3},
        {"frequency": {"each": [[1.0]]}},
        "only with graphs of",
    ),
}


@pytest.mark.parametrize("graph, more, sentence", MISTAKES.values(), ids=MISTAKES)
def test_mistakes_get_one_sentence(graph, more, sentence):
    with pytest.raises(ScenarioError) as caught:
        ro.read_sweep(description(graph, **more))
    assert sentence in str(caught.value) and "\n" not in str(caught.value)


def test_plain_xarray_opens_a_store_without_a_warning(tmp_path, recwarn):
    import xarray

    whole = description({"prerequisites": [[], [0]]}, frequency={"values": [1.0, 0.3]})
    whole["axis"] = [*whole["axis"], {"name": "loss", "values": ["mse", "cross_entropy"]}]
    found = ro.sweep(whole, tmp_path / "s.zarr")
    recwarn.clear()
    with xarray.open_zarr(tmp_path / "s.zarr") as data:
        np.testing.assert_array_equal(data["horizon"].sel(loss="mse"), found["horizon"].sel(loss="mse"))
    assert [str(warning.message) for warning in recwarn] == []


def test_files_are_read_as_asked(tmp_path):
    (tmp_path / "graphs").mkdir()
    path = tmp_path / "graphs" / "edges.csv"
    path.write_text("words,letters,0.9\nsentences,words,0.8\nsentences,letters,0.1\n")
    options = {"direction": "prerequisite_last", "threshold": 0.5}
    for graph in ({"file": str(path)}, {"files": [str(path)]}, {"files": str(tmp_path / "graphs")}):
        content = ro.read_sweep(description(graph | options, frequency={"law": "uniform"})).content["graph"]
        assert (content["graphs"][0] if "graphs" in content else content)["prerequisites"] == [[], [0], [1]]
        with pytest.raises(ScenarioError, match='direction = "prerequisite_first" or "prerequisite_last"'):
            ro.read_sweep(description(graph, frequency={"law": "uniform"}))


def test_no_escape_of_a_function_in_a_message():
    def failing(key):
        raise KeyError("\x1b[2J")

    def failing_in_words(key):
        raise ValueError("\x1b[2J")

    for function in (failing, failing_in_words):
        with pytest.raises(ScenarioError, match="call 0 of the function failed") as caught:
            ro.read_sweep(description({"generator": function}))
        assert str(caught.value).isprintable()
