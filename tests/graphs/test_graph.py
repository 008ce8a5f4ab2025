"""Who requires whom: padding, names, batches and errors of `SkillGraph`."""

import itertools
import re

import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from resource_ode.graphs.graph import SkillGraph


@st.composite
def prerequisite_lists(draw, most=7):
    """Prerequisites of 1 to `most` skills, the indices shuffled, so that requirements point both ways."""
    skills = draw(st.integers(1, most))
    earlier = [draw(st.sets(st.integers(0, skill - 1))) if skill else set() for skill in range(skills)]
    order = draw(st.permutations(range(skills)))
    lists = [[] for _ in range(skills)]
    for skill, row in enumerate(earlier):
        lists[order[skill]] = draw(st.permutations(sorted(order[before] for before in row)))
    return lists


def padded(lists, fan_in):
    indices = np.full((len(lists), fan_in), -7)
    required = np.zeros((len(lists), fan_in), bool)
    for skill, row in enumerate(lists):
        # true entries last: padding may stand anywhere
        columns = slice(fan_in - len(row), fan_in)
        indices[skill, columns], required[skill, columns] = row, True
    return indices, required


def depths(lists):
    depth = [None] * len(lists)

    def of(skill):
        if depth[skill] is None:
            depth[skill] = max((of(before) + 1 for before in lists[skill]), default=0)
        return depth[skill]

    return [of(skill) for skill in range(len(lists))]


def chain_of(skills, **options):
    return SkillGraph([[skill - 1] if skill else [] for skill in range(skills)], **options)


def two_chains(**options):
    """A batch of a chain of three skills and one of two, the third absent."""
    return SkillGraph(
        np.array([[[0], [0], [1]], [[0], [0], [0]]]),
        required=np.array([[[False], [True], [True]], [[False], [True], [False]]]),
        present=np.array([[True, True, True], [True, True, False]]),
        **options,
    )


# -- what it holds


def test_what_is_only_required_need_not_be_listed():
    graph = SkillGraph({"sentences": ["words", "grammar"], "words": ["letters"]})
    assert graph.names == ("grammar", "letters", "sentences", "words")
    assert graph.prerequisite_lists() == [[], [], [3, 0], [1]]
    assert SkillGraph({"words": ["letters"]}).names == ("letters", "words")


@given(prerequisite_lists())
def test_lists_make_the_round_trip_through_arrays(lists):
    graph = SkillGraph(lists)
    assert graph.prerequisite_lists() == lists
    assert graph.skills == len(lists)
    assert graph.fan_in == max(map(len, lists))
    assert np.asarray(graph.required).sum() == sum(map(len, lists))
    assert graph.batch_shape == ()
    assert np.asarray(graph.present).all()


@given(prerequisite_lists())
def test_depth_is_the_longest_path_from_a_root(lists):
    assert SkillGraph(lists).depth.tolist() == depths(lists)


@given(prerequisite_lists(), st.integers(0, 3))
def test_padding_changes_nothing(lists, extra):
    graph = SkillGraph(lists)
    indices, required = padded(lists, graph.fan_in + extra)
    wide = SkillGraph(indices, required=required)
    assert wide.prerequisite_lists() == lists
    assert wide.depth.tolist() == graph.depth.tolist()
    assert_one_form(wide)


def assert_one_form(graph):
    """Masks are packed to the left, padding points at skill 0, absent skills are last and require nothing."""
    required, present = np.asarray(graph.required), np.asarray(graph.present)
    assert not np.any(required[..., 1:] & ~required[..., :-1])
    assert not np.any(np.asarray(graph.prerequisites)[~required])
    assert not np.any(present[..., 1:] & ~present[..., :-1])
    assert not np.any(required & ~present[..., None])


@settings(max_examples=4)  # each compiles
@given(prerequisite_lists(), st.integers(0, 3), st.randoms(use_true_random=False))
def test_however_it_is_built_a_graph_has_one_form(lists, extra, random):
    graph = SkillGraph(lists)
    fan_in = graph.fan_in + extra
    indices, required = np.full((len(lists), fan_in), 99), np.zeros((len(lists), fan_in), bool)
    for skill, row in enumerate(lists):
        columns = sorted(random.sample(range(fan_in), len(row)))
        indices[skill, columns], required[skill, columns] = row, True
    names = [f"skill {skill}" for skill in range(len(lists))]
    edges = [(names[before], names[skill]) for skill, row in enumerate(lists) for before in row]
    digraph = nx.DiGraph(edges)
    digraph.add_nodes_from(names)
    traced = jax.jit(lambda indices, required: SkillGraph(indices, required=required))
    mapped = jax.vmap(lambda indices, required: SkillGraph(indices, required=required))
    built = (
        SkillGraph(indices, required=required),
        SkillGraph(indices.tolist(), required=required.astype(int)),
        traced(indices, required),
        mapped(indices[None], required[None])[0],
        SkillGraph(indices[None], required=required[None])[0],
        SkillGraph({name: [names[k] for k in row] for name, row in zip(names, lists, strict=True)}),
        SkillGraph.from_edges(edges, names=names),
        SkillGraph.from_adjacency([[float(i in row) for row in lists] for i in range(len(lists))]),
    )
    for other in built:
        assert_one_form(other)
        assert list(map(sorted, other.prerequisite_lists())) == list(map(sorted, lists))
        assert other.depth.tolist() == graph.depth.tolist()
    named = SkillGraph.from_networkx(digraph)
    assert_one_form(named)
    found = dict(zip(named.names, named.prerequisite_lists(), strict=True))
    assert {name: {named.names[k] for k in row} for name, row in found.items()} == {
        name: {names[k] for k in row} for name, row in zip(names, lists, strict=True)
    }


def test_what_absent_skills_require_is_left_out():
    prerequisites, required = np.array([[0], [0], [1]]), np.array([[False], [True], [True]])
    for build in (SkillGraph, jax.jit(SkillGraph)):
        graph = build(prerequisites, required=required, present=np.array([True, True, False]))
        assert_one_form(graph)
        assert int(graph.edges) == 1 and graph.depth.tolist() == [0, 1, 0]


def test_without_padding():
    for index, lists in enumerate(([[], [0], [1]], [[], [0]])):
        alone = two_chains(frequency=[1, 2, 3], names=("a", "b", "c"))[index].without_padding()
        assert alone.prerequisite_lists() == lists and alone.names == ("a", "b", "c")[: len(lists)]
        assert alone.frequency.tolist() == [1, 2, 3][: len(lists)]


def test_indices_that_a_trace_cannot_check_stay_inside():
    graph = jax.jit(lambda i: SkillGraph(i, required=np.ones((2, 1), bool)))(np.array([[1], [10**6]]))
    assert graph.prerequisites.tolist() == [[1], [1]]


def test_skills_by_name():
    graph = SkillGraph({"words": ["letters"], "letters": []}, {"letters": "all", "words": "any"})
    assert graph.names == ("words", "letters")
    assert graph.prerequisite_lists() == [[1], []]
    assert graph.any_gate.tolist() == [True, False]
    assert SkillGraph({"letters": (), "words": {"letters"}}).prerequisite_lists() == [[], [0]]


def test_edges_by_name():
    pairs = [("letters", "words"), ["words", "sentences"], ("letters", "sentences")]
    graph = SkillGraph.from_edges(iter(pairs), gate="any")
    assert graph.names == ("letters", "words", "sentences")
    assert graph.prerequisite_lists() == [[], [0], [1, 0]]
    assert graph.any_gate.all()
    alone = SkillGraph.from_edges(pairs, names=["numbers", "sentences", "words", "letters"])
    assert alone.prerequisite_lists() == [[], [2, 3], [3], []]


@given(prerequisite_lists(), st.randoms(use_true_random=False))
def test_relabelling_relabels_the_depth(lists, random):
    order = list(range(len(lists)))
    random.shuffle(order)
    moved = [[] for _ in lists]
    for skill, row in enumerate(lists):
        moved[order[skill]] = [order[before] for before in row]
    assert np.array_equal(np.asarray(SkillGraph(moved).depth)[order], SkillGraph(lists).depth)


@settings(max_examples=10)
@given(st.lists(prerequisite_lists(most=5), min_size=1, max_size=3))
def test_members_of_a_batch_are_the_graphs_alone(many):
    skills, fan_in = max(map(len, many)), max(len(row) for lists in many for row in lists)
    rows = [padded(lists + [[]] * (skills - len(lists)), fan_in) for lists in many]
    present = np.array([[skill < len(lists) for skill in range(skills)] for lists in many])
    batch = SkillGraph(
        np.stack([r[0] for r in rows]), required=np.stack([r[1] for r in rows]), present=present, gate="any"
    )
    assert batch.batch_shape == (len(many),)
    for index, lists in enumerate(many):
        member = batch[index]
        assert member.batch_shape == ()
        assert member.prerequisite_lists()[: len(lists)] == lists
        assert member.depth[: len(lists)].tolist() == depths(lists)
        assert member.present.tolist() == present[index].tolist()
        assert np.asarray(member.any_gate).all()


@settings(max_examples=10)
@given(prerequisite_lists())
def test_a_traced_graph_is_the_concrete_one(lists):
    graph = SkillGraph(lists)
    traced = jax.jit(lambda indices, required: SkillGraph(indices, required=required))(
        graph.prerequisites, graph.required
    )
    assert traced.depth.tolist() == graph.depth.tolist()
    assert traced.prerequisite_lists() == lists


def test_gates():
    lists = [[], [0], [0, 1]]
    assert SkillGraph(lists).any_gate.tolist() == [False] * 3
    assert SkillGraph(lists, gate="any").any_gate.tolist() == [True] * 3
    assert SkillGraph(lists, gate=["all", "all", "any"]).any_gate.tolist() == [False, False, True]
    assert SkillGraph(lists, gate=np.array([False, True, True])).any_gate.tolist() == [False, True, True]
    assert two_chains(gate=["all", "any", "all"]).any_gate.tolist() == [[False, True, False]] * 2


def test_a_graph_without_prerequisites_has_no_fan_in():
    graph = SkillGraph([[]] * 5)
    assert graph.fan_in == 0
    assert graph.prerequisites.shape == (5, 0)
    assert graph.depth.tolist() == [0] * 5


def test_a_long_chain_is_no_recursion():
    assert int(chain_of(5000).depth.max()) == 4999


def test_frequency_gets_the_batch_axes():
    graph = two_chains(frequency=[1, 2, 3])
    assert graph.frequency.tolist() == [[1.0, 2.0, 3.0]] * 2
    assert graph[1].frequency.tolist() == [1.0, 2.0, 3.0]


def test_it_prints_itself():
    assert repr(chain_of(3)) == "SkillGraph(3 skills, 2 dependencies, depth 2)"
    assert repr(two_chains()) == "SkillGraph(batch (2,) of up to 3 skills, 3 dependencies, depth 2)"
    shown = []

    @jax.jit
    def trace(graph):
        shown.append(repr(graph))
        return graph.depth

    trace(chain_of(3))
    assert shown == ["SkillGraph(3 skills, traced)"]


# -- names and batches


def test_names():
    graph = chain_of(3, names=["a", "b", "c"])
    assert graph.names == ("a", "b", "c")
    assert graph.name_of(1) == "b"
    assert chain_of(2).skill_names() == ("skill 1", "skill 2")


def test_unnamed_has_the_same_arrays():
    graph = chain_of(3, names=["a", "b", "c"], frequency=[1, 2, 3])
    bare = graph.unnamed()
    assert bare.names is None
    assert graph.names == ("a", "b", "c")
    assert all(np.array_equal(x, y) for x, y in zip(jax.tree.leaves(bare), jax.tree.leaves(graph), strict=True))
    assert jax.tree.structure(bare) == jax.tree.structure(chain_of(3, frequency=[1, 2, 3]))
    assert bare.unnamed() is bare


def test_indexing_keeps_the_names_of_the_member():
    own = two_chains(names=[("a", "b", "c"), ("d", "e", "")])
    assert own[0].names == ("a", "b", "c")
    assert own[-1].names == ("d", "e", "")
    assert own[::-1].names == (("d", "e", ""), ("a", "b", "c"))
    assert own[:0].names is None
    assert own[1].name_of(0) == "d"
    assert own.skill_names(1) == ("d", "e", "")
    shared = two_chains(names=("a", "b", "c"))
    assert shared[1].names == shared[:1].names == ("a", "b", "c")
    assert two_chains()[0].names is None


def test_no_graphs_are_built_like_many():
    none = SkillGraph(np.zeros((0, 3, 2), np.int32), required=np.ones((0, 3, 2), bool), present=np.ones((0, 3), bool))
    assert none.batch_shape == (0,)
    assert none.depth.shape == (0, 3)


def test_indexing_over_several_batch_axes():
    one = chain_of(3)
    prerequisites = jnp.broadcast_to(one.prerequisites, (2, 4, 3, 1))
    required = np.array(jnp.broadcast_to(one.required, (2, 4, 3, 1)))
    required[1, 2, 2] = False
    names = [tuple(f"{row}{column}{skill}" for skill in range(3)) for row in range(2) for column in range(4)]
    batch = SkillGraph(prerequisites, required=required, names=names)
    assert batch[1].batch_shape == (4,)
    assert batch[1, 2].prerequisite_lists() == [[], [0], []]
    assert batch[1, 2].names == ("120", "121", "122")
    assert batch[..., 2].edges.tolist() == [2, 1]
    assert batch[np.array([True, False])].batch_shape == (1, 4)


def test_a_batch_can_be_iterated():
    assert [int(graph.edges) for graph in two_chains()] == [2, 1]


def test_indexing_by_a_traced_index():
    batch = two_chains(names=[("a", "b", "c"), ("d", "e", "")])
    member = jax.jit(lambda graph, index: graph[index])(batch, jnp.asarray(1))
    assert member.names is None
    assert member.required.tolist() == batch[1].required.tolist()


@pytest.mark.parametrize("index", [2, -3, (0, 0)])
def test_indexing_beyond_the_batch(index):
    with pytest.raises(IndexError):
        two_chains()[index]


def test_indexing_one_graph():
    with pytest.raises(IndexError, match="this is one graph, not a batch"):
        chain_of(2)[0]


# -- errors


ERRORS = {
    "empty": (lambda: SkillGraph([]), "prerequisites: expected at least one skill, got an empty graph"),
    "no list": (lambda: SkillGraph([[], 0]), "prerequisites[1]: expected a list of indices of skills, got 0"),
    "a string": (lambda: SkillGraph([[], "0"]), "prerequisites[1]: expected a list of indices of skills, got '0'"),
    "a name": (lambda: SkillGraph([[], ["a"]]), "prerequisites[1]: expected integer indices of skills, got 'a'"),
    "a truth value": (
        lambda: SkillGraph([[], [False]]),
        "prerequisites[1]: expected integer indices of skills, got Fa",
    ),
    "too large": (lambda: SkillGraph([[], [2]]), "prerequisites[1]: expected indices from 0 to 1, got 2"),
    "beyond int32": (lambda: SkillGraph([[], [2**40]]), "expected indices from 0 to 1, got 1099511627776"),
    "negative": (lambda: SkillGraph([[], [-1]]), "prerequisites[1]: expected indices from 0 to 1, got -1"),
    "itself": (lambda: SkillGraph([[], [1]]), "prerequisites of skill 2: a skill cannot require itself"),
    "twice": (lambda: SkillGraph([[], [0, 0]]), "prerequisites of skill 2: skill 1 is listed more than once"),
    "bare array": (lambda: SkillGraph(np.eye(2)), "prerequisites: a padded array needs `required`"),
    "mask shape": (
        lambda: SkillGraph(np.zeros((2, 1), int), required=np.zeros((2, 2), bool)),
        "required: expected the shape of prerequisites, (*batch, skill, fan_in), got (2, 2) for (2, 1)",
    ),
    "float array": (
        lambda: SkillGraph(np.zeros((2, 1)), required=np.zeros((2, 1), bool)),
        "prerequisites: expected integer indices of skills, got float64 numbers",
    ),
    "array index": (
        lambda: SkillGraph(np.full((2, 1), 5), required=np.ones((2, 1), bool)),
        "prerequisites of skill 1: expected indices from 0 to 1, got 5",
    ),
    "presence": (
        lambda: SkillGraph(np.zeros((2, 1), int), required=np.zeros((2, 1), bool), present=[True]),
        "present: expected shape (2,), got (1,)",
    ),
    "gate": (lambda: SkillGraph([[]], gate="both"), 'gate: expected "all" or "any", got \'both\''),
    "no gate": (lambda: SkillGraph([[]], gate=None), 'gate: expected "all" or "any", got None'),
    "gates": (
        lambda: SkillGraph([[], []], gate=["all"]),
        "gate: expected one gate for all or one per skill (2), got 1",
    ),
    "a gate": (lambda: SkillGraph([[], []], gate=["all", "x"]), 'gate[1]: expected "all" or "any", got \'x\''),
    "gate shape": (
        lambda: SkillGraph([[], []], gate=np.array([True])),
        "gate: expected shape (2,), got (1,)",
    ),
    "name count": (lambda: SkillGraph([[], []], names=["a"]), "names: expected 2 strings, one per skill, got 1"),
    "name type": (lambda: SkillGraph([[], []], names=[1, 2]), "names: expected 2 strings, one per skill, got [1, 2]"),
    "gates without an axis": (
        lambda: SkillGraph([[], []], gate=np.zeros(())),
        'gate: expected "all" or "any", got array(0.)',
    ),
    "names without an axis": (
        lambda: SkillGraph([[], []], names=np.array("x", object)),
        "names: expected 2 strings, one per skill, got array('x', dtype=object)",
    ),
    "a name without an axis": (
        lambda: SkillGraph([[], []], names=["a", np.zeros(())]),
        "names: expected 2 strings, one per skill, got ['a', array(0.)]",
    ),
    "a row without an axis": (
        lambda: SkillGraph([[], np.zeros((), int)]),
        "prerequisites[1]: expected a list of indices of skills, got array(0)",
    ),
    "named prerequisites without an axis": (
        lambda: SkillGraph({"a": [], "b": np.array("a")}),
        "prerequisites of b: expected a list of names of skills, got array('a', dtype='<U1')",
    ),
    "edges without an axis": (
        lambda: SkillGraph.from_edges(np.zeros(())),
        "edges: expected pairs of names (prerequisite, skill), got array(0.)",
    ),
    "edges with names without an axis": (
        lambda: SkillGraph.from_edges([], names=np.zeros(())),
        "names: expected strings, one per skill, got array(0.)",
    ),
    "one string": (lambda: SkillGraph([[], []], names="ab"), "names: expected 2 strings, one per skill, got 'ab'"),
    "same names": (lambda: SkillGraph([[], []], names=["a", "a"]), "expected distinct names, got 'a' more than once"),
    "names of members": (
        lambda: two_chains(names=[("a", "b", "c")] * 3),
        "names: expected one tuple of names or one per member (2), got 3",
    ),
    "frequency shape": (lambda: SkillGraph([[], []], frequency=[1.0]), "frequency: expected shape (2,), got (1,)"),
    "frequency text": (lambda: SkillGraph([[]], frequency=["a"]), "frequency: expected numbers, got ['a']"),
    "frequency nan": (
        lambda: SkillGraph([[], []], frequency=[1, np.nan]),
        "frequency: expected finite numbers above 0, got nan at index 1",
    ),
    "frequency zero": (lambda: SkillGraph([[]], frequency=[0]), "frequency: expected finite numbers above 0, got 0.0"),
    "frequency in quotes": (lambda: SkillGraph([[]], frequency=["1"]), "frequency: expected numbers, got ['1']"),
    "absent before present": (
        lambda: SkillGraph(np.zeros((3, 1), int), required=np.zeros((3, 1), bool), present=[True, False, True]),
        "present: expected absent skills last, got skill 2 absent before skill 3; move them to the end, with every arr",
    ),
    "absent in a batch": (
        lambda: SkillGraph(
            np.zeros((2, 2, 1), int),
            required=np.zeros((2, 2, 1), bool),
            present=[[True, True], [False, True]],
            names=[("a", "b"), ("c", "d")],
        ),
        "present: expected absent skills last, got c absent before d in graph (1,) of the batch",
    ),
    "nobody there": (
        lambda: SkillGraph(np.zeros((1, 0), int), required=np.zeros((1, 0), bool), present=[False]),
        "present: expected at least one skill, got none",
    ),
    "an absent prerequisite": (
        lambda: SkillGraph(np.array([[1], [0]]), required=np.array([[True], [False]]), present=[True, False]),
        "prerequisites of skill 1: expected skills that are present, got skill 2, which is absent",
    ),
    "presence in words": (
        lambda: SkillGraph(np.zeros((1, 0), int), required=np.zeros((1, 0), bool), present=["no"]),
        "present: expected an array of truth values, got ['no']",
    ),
    "a mask of numbers": (
        lambda: SkillGraph(np.zeros((1, 1), int), required=[[2]]),
        "required: expected an array of truth values, got [[2]]",
    ),
    "a ragged mask": (
        lambda: SkillGraph(np.zeros((2, 1), int), required=[[True], []]),
        "required: expected an array of truth values, got [[True], []]",
    ),
    "ragged indices": (
        lambda: SkillGraph([[0], []], required=np.zeros((2, 1), bool)),
        "prerequisites: expected integer indices of skills, got rows of different lengths: [[0], []]",
    ),
    "networkx": (
        lambda: SkillGraph(nx.DiGraph([("a", "b")])),
        "prerequisites: expected one list of prerequisites per skill, got DiGraph; a networkx graph is read by "
        "SkillGraph.from_networkx",
    ),
    "a path": (lambda: SkillGraph("skills.graphml"), "got str; a graph file is read by resource_ode.read_graph"),
    "a table": (lambda: SkillGraph(pd.DataFrame([[0, 1], [0, 0]])), "is read by SkillGraph.from_adjacency"),
    "a graph": (lambda: SkillGraph(chain_of(2)), "got SkillGraph; it is a SkillGraph already"),
    "a number": (lambda: SkillGraph(3), "prerequisites: expected one list of prerequisites per skill, got 3"),
    "nothing": (lambda: SkillGraph(None), "prerequisites: expected one list of prerequisites per skill, got None"),
    "an unknown name": (
        lambda: SkillGraph({"letters": [], "words": ["leters"]}),
        "prerequisites of words: expected names of skills of this graph, got 'leters'; did you mean 'letters'?",
    ),
    "a name without a row": (
        lambda: SkillGraph({"words": ["letters"], "grammar": []}),
        "expected names of skills of this graph, got 'letters'; list also what requires nothing, as 'NAME': []",
    ),
    "a name without a row that may be another": (
        lambda: SkillGraph({"words": ["letters"], "sentences": ["wrods"]}),
        "got 'wrods'; did you mean 'words'? If not, list it too, as 'wrods': []",
    ),
    "a list for a name": (
        lambda: SkillGraph({"words": [["letters"]]}),
        "expected names of skills of this graph, got [",
    ),
    "an index by name": (
        lambda: SkillGraph({"letters": [], "words": [0]}),
        "prerequisites of words: expected names of skills of this graph, got 0",
    ),
    "one name for a list": (
        lambda: SkillGraph({"letters": [], "words": "letters"}),
        "prerequisites of words: expected a list of names of skills, got 'letters'",
    ),
    "keys": (lambda: SkillGraph({0: [], 1: [0]}), "prerequisites: expected names of skills as keys, got 0"),
    "names twice": (lambda: SkillGraph({"a": []}, names=["a"]), "names: cannot be given beside prerequisites by name"),
    "an empty dict": (lambda: SkillGraph({}), "prerequisites: expected at least one skill, got an empty graph"),
    "triples": (
        lambda: SkillGraph.from_edges([("a", "b", 3)]),
        "edges[0]: expected a pair of names (prerequisite, skill), got ('a', 'b', 3)",
    ),
    "edges of numbers": (lambda: SkillGraph.from_edges([("a", "b"), (0, 1)]), "edges[1]: expected a pair of names"),
    "edges of text": (lambda: SkillGraph.from_edges(["ab"]), "edges[0]: expected a pair of names"),
    "no edges": (lambda: SkillGraph.from_edges(3), "edges: expected pairs of names (prerequisite, skill), got 3"),
    "a parallel edge": (lambda: SkillGraph.from_edges([("a", "b")] * 2), "prerequisites of b: a is listed more than"),
    "an edge to nobody": (
        lambda: SkillGraph.from_edges([("letters", "words")], names=["letters", "word"]),
        "got 'words'; did you mean 'word'?",
    ),
    "a circle": (
        lambda: SkillGraph.from_edges([("a", "b"), ("b", "a")]),
        "read_graph, SkillGraph.from_networkx and SkillGraph.from_adjacency take condense=True",
    ),
    "a number of names": (lambda: SkillGraph([[]], names=1), "names: expected 1 strings, one per skill, got 1"),
    "names in no order": (lambda: SkillGraph([[]], names={"a"}), "names: expected 1 strings, one per skill, got {'a'}"),
    "an empty name": (
        lambda: SkillGraph([[], []], names=["a", ""]),
        "names: expected a name for each skill, got '' for skill 2",
    ),
    "gate number": (lambda: SkillGraph([[]], gate=3), 'gate: expected "all" or "any", got 3'),
    "gate numbers": (lambda: SkillGraph([[]], gate=[1]), 'gate[0]: expected "all" or "any", got 1'),
    "gates of others": (
        lambda: SkillGraph({"words": []}, {"word": "any"}),
        "gate: expected names of the graph's skills, got 'word'; did you mean 'words'?",
    ),
    "lists of a batch": (
        lambda: two_chains().prerequisite_lists(),
        "prerequisite_lists: expected one graph, got a batch of shape (2,); index it first",
    ),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors(case):
    build, message = ERRORS[case]
    with pytest.raises(ValueError, match=re.escape(message)):
        build()


def test_a_cycle_is_printed_by_name():
    lists, names = [[3], [0], [1], [2, 4], []], ["add", "carry", "multiply", "divide", "count"]
    with pytest.raises(ValueError) as error:
        SkillGraph(lists, names=names)
    message = str(error.value)
    assert message.startswith("prerequisites: expected a graph without cycles, got ")
    path = message.split("got ")[1].split(" (")[0].split(" -> ")
    assert path[0] == path[-1]
    assert sorted(path[1:]) == ["add", "carry", "divide", "multiply"]
    for before, after in itertools.pairwise(path):
        assert names.index(before) in lists[names.index(after)]
    assert "condense=True" in message


@given(prerequisite_lists(), st.data())
def test_every_cycle_is_found(lists, data):
    if max(depths(lists)) == 0:
        return
    # close a path of requirements back to where it started
    skill = data.draw(st.sampled_from([s for s, row in enumerate(lists) if row]))
    root = skill
    while lists[root]:
        root = data.draw(st.sampled_from(lists[root]))
    closed = [[*row, skill] if s == root else row for s, row in enumerate(lists)]
    with pytest.raises(ValueError, match="expected a graph without cycles"):
        SkillGraph(closed)


def test_errors_in_a_batch_name_the_member():
    names = [("a", "b"), ("c", "d")]
    required = np.array([[[False], [True]], [[True], [True]]])
    with pytest.raises(ValueError, match=re.escape("graph (1,) of the batch: prerequisites: expected a graph without")):
        SkillGraph(np.array([[[0], [0]], [[1], [0]]]), required=required, names=names)
    with pytest.raises(ValueError, match=r"(c -> d -> c|d -> c -> d)"):
        SkillGraph(np.array([[[0], [0]], [[1], [0]]]), required=required, names=names)
    with pytest.raises(ValueError, match="prerequisites of c: a skill cannot require itself"):
        SkillGraph(np.array([[[0], [0]], [[0], [0]]]), required=required, names=names)
    with pytest.raises(ValueError, match="prerequisites of c: expected indices from 0 to 1, got 9"):
        SkillGraph(np.array([[[0], [0]], [[9], [0]]]), required=required, names=names)
    twice = np.array([[[0, 0], [0, 0]], [[0, 0], [0, 0]]])
    with pytest.raises(ValueError, match="prerequisites of d: c is listed more than once"):
        SkillGraph(twice, required=np.array([[[0, 0], [1, 0]], [[0, 0], [1, 1]]]), names=names)
