"""`replace` is the model built anew with the changed arguments; members, slices and stacks are the models alone."""

import re

import equinox as eqx
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings

import resource_ode as ro

NAMES = ("letters", "words")
GRAPHS = {
    "free": ro.SkillGraph([[], []], names=NAMES),
    "line": ro.SkillGraph([[], [0]], names=NAMES),
    "turned": ro.SkillGraph([[1], []], names=NAMES[::-1], frequency=[7.0, 9.0]),
    "unnamed": ro.SkillGraph([[], []], frequency=[0.25, 4.0]),
    "three": ro.SkillGraph([[], [0], [0]], names=("letters", "words", "sentences"), frequency=[1.0, 2.0, 3.0]),
    "batch": ro.stack([ro.SkillGraph([[], []], names=NAMES), ro.SkillGraph([[], [0]], names=NAMES)]),
}
BY_NAME = {"letters": 0.3, "words": 0.6}
# what each argument may be: given in every way, and not given
VALUES = {
    "graph": tuple(GRAPHS.values()),
    "frequency": (
        None,
        [1.0, 2.0],
        BY_NAME,
        [[1.0, 2.0], [3.0, 4.0]],
        ro.Schedule([0.0, 5.0], [[1.0, 2.0], [2.0, 1.0]]),
    ),
    "learning_rate": (1e-3, [1e-3, 2e-3], [1e-3, 2e-3, 3e-3], ro.Schedule([0.0, 5.0], [1.0, 2.0])),
    "wasted_resource": (0.1, [0.1, 0.2], [[0.1, 0.2], [0.3, 0.4]]),
    "gate_exponent": (None, 0.1, [0.1, 0.2]),
    "loss": ("mse", "cross_entropy"),
    "competition": ("l1", "l2"),
    "interference": (None, [[1.0, 0.5], [0.5, 1.0]]),
    "initial_level": (None, [0.1, 0.2], {"words": 0.2, "letters": 0.1}),
    "frequency_after": (None, [2.0, 1.0], BY_NAME),
    "pool": (None, [0, 1], [1, 0], [0, 0], {"letters": 1, "words": 0}),
    "plateau": (1, 0.1, [0.1, 0.2]),
    "frequency_power": (1, 0.5, [0.5, 2.0]),
    "learnability": (1, 2.0, BY_NAME, [2.0, 1.0]),
    "prerequisite_strength": (1, 0.5, {("letters", "words"): 0.3}, [[1.0], [0.2]]),
}


def anew(arguments):
    """The model, or why there is none."""
    try:
        return ro.ResourceModel(**arguments)
    except ValueError as error:
        return str(error)


@st.composite
def arguments(draw, some=False):
    """All arguments of a model, mostly the first of their kind, so that many fit together; or a few of them."""
    names = draw(st.sets(st.sampled_from(sorted(VALUES)), min_size=1, max_size=4)) if some else VALUES
    chosen = {}
    for name in names:
        usual = some or draw(st.integers(0, 3)) == 0
        chosen[name] = draw(st.sampled_from(VALUES[name])) if usual else VALUES[name][name == "frequency"]
    return chosen


@settings(max_examples=200)
@given(arguments(), arguments(some=True))
def test_replace_is_building_anew(before, changes):
    model = anew(before)
    if isinstance(model, str):
        return
    expected = anew(before | changes)
    if isinstance(expected, str):
        with pytest.raises(ValueError):
            model.replace(**changes)
    else:
        assert eqx.tree_equal(model.replace(**changes), expected)


def test_the_property_above_meets_both_outcomes_of_each_change():
    """That drawing models at random is no empty test: each argument is changed, into models and into refusals."""
    usual = {name: values[name == "frequency"] for name, values in VALUES.items()}
    for name, values in VALUES.items():
        assert sum(not isinstance(anew(usual | {name: value}), str) for value in values) >= 2, name


def test_one_strength_of_no_dependency_is_that_of_those_to_come(tmp_path):
    model = ro.ResourceModel(GRAPHS["free"], [1.0, 2.0], 1e-3, 0.1, prerequisite_strength=0.3)
    changes = {"graph": ro.SkillGraph([[], [0]], names=NAMES), "gate_exponent": 0.1}
    expected = ro.ResourceModel(changes["graph"], [1.0, 2.0], 1e-3, 0.1, 0.1, prerequisite_strength=0.3)
    assert eqx.tree_equal(model.replace(**changes), expected)
    assert eqx.tree_equal(model.replace(plateau=0.5).replace(plateau=1, **changes), expected)
    ro.simulate(model, [0.0, 1.0]).save(tmp_path / "run.nc")
    assert eqx.tree_equal(ro.load(tmp_path / "run.nc").model.replace(**changes), expected)


def test_pools_given_one_number():
    model = ro.ResourceModel(GRAPHS["free"], [1.0, 1.0], 1e-3, 0.1, pool=[0, 1])
    assert model.learning_rate.shape == model.wasted_resource.shape == (2,)
    assert model.replace(pool=None).batch_shape == ()
    assert model.replace(pool=None).learning_rate.shape == ()
    assert model.replace(learning_rate=[1.0, 2.0, 3.0]).wasted_resource.shape == (3,)
    # given for each pool, they are a batch without pools, as anew
    assert model.replace(learning_rate=[1.0, 2.0]).replace(pool=None).batch_shape == (2,)
    # what has been changed since is one number no longer
    apart = eqx.tree_at(lambda m: m.wasted_resource, model, jnp.array([0.1, 0.2]))
    assert apart.replace(pool=[1, 0]).wasted_resource.tolist() == [0.1, 0.2]


def test_a_gate_exponent_that_was_never_given_does_not_become_one():
    free = ro.ResourceModel(GRAPHS["free"], [1.0, 1.0], 1e-3, 0.1)
    line = ro.ResourceModel(GRAPHS["line"], [1.0, 1.0], 1e-3, 0.1, 0.5)
    together = ro.stack([free, line])
    for model in (free, free.replace(loss="cross_entropy"), together, together[0], together[:1]):
        with pytest.raises(ValueError, match="gate_exponent: expected a positive number, since the graph has prereq"):
            model.replace(graph=GRAPHS["line"] if not model.batch_shape else GRAPHS["batch"])
    assert together.replace(wasted_resource=0.3).gate_exponent.tolist() == [1.0, 0.5]
    assert float(together[1].replace(graph=GRAPHS["line"]).gate_exponent) == 0.5


def test_frequencies_of_the_graph_follow_the_graph():
    model = ro.ResourceModel(GRAPHS["turned"], None, 1e-3, 0.1, 0.5)
    assert model.replace(graph=GRAPHS["three"]).frequency.tolist() == [1.0, 2.0, 3.0]
    assert model.replace(loss="cross_entropy").replace(graph=GRAPHS["unnamed"]).frequency.tolist() == [0.25, 4.0]
    with pytest.raises(ValueError, match="none was given and the graph carries none"):
        model.replace(graph=GRAPHS["line"])


def test_numbers_given_by_name_keep_their_names():
    model = ro.ResourceModel(GRAPHS["line"], BY_NAME, 1e-3, 0.1, 0.5)
    assert model.frequency.tolist() == [0.3, 0.6]
    assert model.replace(graph=GRAPHS["turned"]).frequency.tolist() == [0.6, 0.3]
    with pytest.raises(ValueError, match="frequency: expected a number for each skill, got none for 'sentences'"):
        model.replace(graph=GRAPHS["three"])


def test_replace_under_a_trace_keeps_what_is_traced():
    model = ro.ResourceModel(GRAPHS["free"], [1.0, 1.0], 1e-3, 0.1, pool=[0, 1])

    def total(rates):
        changed = eqx.tree_at(lambda m: m.learning_rate, model, rates).replace(loss="cross_entropy")
        return jnp.sum(changed.learning_rate * jnp.array([1.0, 10.0]))

    assert jax.grad(total)(jnp.array([1e-3, 2e-3])).tolist() == [1.0, 10.0]


def test_how_arguments_were_given_does_not_recompile():
    count = 0

    @jax.jit
    def traced(models):
        nonlocal count
        count += 1
        return models.frequency

    one = ro.ResourceModel(GRAPHS["unnamed"], None, 1e-3, 0.1)
    two = ro.ResourceModel(GRAPHS["free"], BY_NAME, 1e-3, 0.1, 1.0)
    for model in (one, two):
        traced(model.flat())
    assert count == 1


def test_a_misspelt_argument():
    model = ro.ResourceModel(GRAPHS["free"], [1.0, 1.0], 1e-3, 0.1)
    with pytest.raises(ValueError, match=re.escape("got 'wasted_resorce'; did you mean 'wasted_resource'?")):
        model.replace(wasted_resorce=1.0)


# -- members


def random_models(rng, count, named, levels, pools):
    """A few models of different sizes, with prerequisites in any order."""
    made = []
    for _ in range(count):
        skills = int(rng.integers(2, 5))
        order = rng.permutation(skills)
        lists = [[] for _ in range(skills)]
        for place, skill in enumerate(order[1:], 1):
            lists[skill] = [int(before) for before in order[:place] if rng.random() < 0.5]
        graph = ro.SkillGraph(
            lists,
            rng.choice(["all", "any"], skills).tolist(),
            names=[f"skill {k}" for k in rng.permutation(skills)] if named else None,
        )
        made.append(
            ro.ResourceModel(
                graph,
                rng.uniform(0.5, 2, skills),
                1.0,
                float(rng.uniform(0, 1)),
                float(rng.uniform(0.1, 1)),
                initial_level=rng.uniform(0, 0.5, skills) if levels else None,
                # the last pool is in use, so that all have as many
                pool=np.append(rng.integers(0, 2, skills - 1), 1) if pools else None,
            )
        )
    return made


@given(st.integers(0, 2**16), st.integers(1, 3), st.booleans(), st.booleans(), st.booleans())
def test_members_of_a_stack_are_the_models_alone(seed, count, named, levels, pools):
    rng = np.random.default_rng(seed)
    alone = random_models(rng, count, named, levels, pools)
    batch = ro.stack(alone)
    for index, model in enumerate(alone):
        for member in (batch[index], batch[index - count], batch[index:][0], batch[[index, 0]][0]):
            assert eqx.tree_equal(member, model)
    wastes = [0.1, 0.2, 0.3]
    grid = batch.replace(
        wasted_resource=np.reshape(wastes, (3, 1, 1) if pools else (3, 1)) * np.ones(2 if pools else 1)
    )
    row, column = int(rng.integers(3)), int(rng.integers(count))
    expected = alone[column].replace(wasted_resource=[wastes[row]] * 2 if pools else wastes[row])
    for member in (grid[row, column], grid[row:, ...][0, column], grid[:, column][row]):
        assert eqx.tree_equal(member, expected)


def unpacked():
    """Two graphs of three skills: masks that are not packed, and a chain of two with padding."""
    prerequisites = np.array([[[5, 5], [5, 0], [1, 0]], [[5, 5], [5, 0], [5, 5]]])
    required = np.array([[[0, 0], [0, 1], [1, 0]], [[0, 0], [0, 1], [0, 0]]], bool)
    return prerequisites, required, np.array([[True, True, True], [True, True, False]])


def of_graphs(graph):
    return ro.ResourceModel(graph, [1.0, 1.0, 1.0], learning_rate=1e-3, wasted_resource=1e-3, gate_exponent=1e-3)


def test_a_dependency_is_never_lost_with_its_column():
    prerequisites, required, present = unpacked()
    chains = [of_graphs(ro.SkillGraph([[], [0], [1]])), ro.ResourceModel(GRAPHS["line"], [1.0, 1.0], 1e-3, 1e-3, 1e-3)]
    alone = [np.asarray(ro.learning_times(model)) for model in chains]
    for build in (ro.SkillGraph, jax.jit(ro.SkillGraph)):
        models = of_graphs(build(prerequisites, required=required, present=present))
        ts = jnp.array([0.0, 1000.0, 3000.0])
        run = ro.simulate(models, ts)
        for index, expected in enumerate(alone):
            skills = len(expected)
            np.testing.assert_allclose(ro.learning_times(models)[index, :skills], expected, rtol=1e-9)
            np.testing.assert_allclose(ro.learning_times(models[index]), expected, rtol=1e-9)
            level = np.asarray(ro.simulate(chains[index], ts).level)
            assert run[index].level.shape == level.shape
            for found in (run[index], run[index:][0], run[::-1][1 - index], ro.simulate(models[index], ts)):
                np.testing.assert_allclose(found.level, level, atol=1e-9)
        np.testing.assert_array_equal(run[0:2].level, run.level)
        np.testing.assert_array_equal(run[[1, 0]].clock, run.clock[::-1])


def test_absent_skills_that_a_trace_could_not_check_are_no_members_skills():
    prerequisites, required = np.array([[[0], [0], [0]]]), np.array([[[0], [0], [1]]], bool)
    graph = jax.jit(lambda present: ro.SkillGraph(prerequisites, required=required, present=present))(
        np.array([[True, False, True]])
    )
    member = of_graphs(graph)[0]
    assert member.graph.prerequisite_lists() == [[], [0]]
    np.testing.assert_allclose(ro.learning_times(member), ro.learning_times(of_graphs(graph))[0, np.array([0, 2])])
    run = ro.simulate(of_graphs(graph), [0.0, 1000.0])
    np.testing.assert_array_equal(run[0].level, run.level[0][:, np.array([0, 2])])


@pytest.mark.parametrize("index", [2, -3, 1.0, True, (0, 0), (0, slice(None)), [True, False, True]])
def test_what_picks_no_member(index):
    models = of_graphs(ro.stack([GRAPHS["three"], GRAPHS["three"]]))
    run = ro.simulate(models, [0.0, 1.0])
    for held in (models, run, models.graph):
        with pytest.raises(IndexError, match=r"expected|does not fit a batch of shape \(2,\)"):
            held[index]


def test_one_member_alone_is_no_batch():
    model = of_graphs(GRAPHS["three"])
    for held in (model, ro.simulate(model, [0.0, 1.0])):
        with pytest.raises(IndexError, match="expected a batch to pick a member of, got one member alone, and index 0"):
            held[0]
        with pytest.raises(ValueError, match=r"sel: there is no axis 'wasted_resource' \(it is one, not a batch\)"):
            held.sel(wasted_resource=0.1)


def test_several_batch_axes_want_as_many_integers_or_an_ellipsis():
    grid = of_graphs(GRAPHS["three"]).replace(wasted_resource=np.arange(6.0).reshape(3, 2))
    run = ro.simulate(grid, [0.0, 1.0])
    for held in (grid, run):
        with pytest.raises(IndexError, match=re.escape("expected 2 integers to pick one member of a batch of shape")):
            held[1]
        assert held[1, ...].batch_shape == (2,)
        assert held[:2].batch_shape == (2, 2)
        assert held[:, -1].batch_shape == (3,)
        assert held[np.array([True, False, True])].batch_shape == (2, 2)
        assert held[np.int64(2), np.int32(-1)].batch_shape == ()
    assert float(run[2, -1].model.wasted_resource) == float(grid[2, 1].wasted_resource) == 5.0
    np.testing.assert_array_equal(run[:, -1].level, run.level[:, 1])
    # what all members share is held once
    assert grid[:2].frequency.shape == (3,)


def test_members_by_a_traced_index():
    batch = ro.stack([of_graphs(GRAPHS["three"]), of_graphs(ro.SkillGraph([[], [0], [1]]))])
    member = jax.jit(lambda models, index: models[index])(batch, jnp.asarray(1))
    np.testing.assert_array_equal(member.graph.prerequisites, batch.graph.prerequisites[1])
    assert member.batch_shape == ()
    # which members they are is not known, so that they have no coordinates
    grid = of_graphs(GRAPHS["three"]).grid(wasted_resource=[0.1, 0.2, 0.3])
    members = jax.jit(lambda models, index: models[index])(grid, jnp.asarray([2, 0]))
    np.testing.assert_array_equal(members.wasted_resource, [0.3, 0.1])
    assert members.axes() == (None,)


def test_members_with_schedules():
    """A schedule that all share stays whole; of one for each member, the member's own is picked."""
    times, values = [0.0, 5.0], np.array([[1.0, 2.0, 3.0], [2.0, 1.0, 0.5]])
    alone = of_graphs(GRAPHS["three"]).replace(learning_rate=ro.Schedule(times, [1e-3, 2e-3]))
    alone = alone.replace(frequency=ro.Schedule(times, values))
    shared = alone.grid(wasted_resource=[0.1, 0.2, 0.3])
    for index in (1, slice(1, None), np.array([2, 0])):
        held = shared[index]
        np.testing.assert_array_equal(held.frequency.values, values)
        np.testing.assert_array_equal(held.learning_rate.values, [1e-3, 2e-3])
    scaled = jax.vmap(lambda scale: alone.replace(frequency=ro.Schedule(times, scale * values)))(jnp.arange(1.0, 4.0))
    assert scaled.batch_shape == (3,)
    np.testing.assert_array_equal(scaled[2].frequency.values, 3 * values)
    np.testing.assert_array_equal(scaled[::-1].frequency.values[0], 3 * values)


# -- stacks of graphs


def test_graphs_stack():
    both = ro.stack([GRAPHS["turned"], GRAPHS["three"]])
    assert both.batch_shape == (2,) and both.names == (("words", "letters", ""), ("letters", "words", "sentences"))
    assert both.frequency.tolist() == [[7.0, 9.0, 1.0], [1.0, 2.0, 3.0]]
    assert both.present.tolist() == [[True, True, False], [True, True, True]]
    for index, name in enumerate(("turned", "three")):
        assert eqx.tree_equal(both[index].without_padding(), GRAPHS[name])
    times = ro.learning_times(ro.ResourceModel(both, None, 1.0, 0.1, 0.5))
    np.testing.assert_allclose(times[1], ro.learning_times(ro.ResourceModel(GRAPHS["three"], None, 1.0, 0.1, 0.5)))


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (3, "stack: expected a list of models or graphs, got int"),
        (GRAPHS["free"], "stack: expected a list of models or graphs, got SkillGraph"),
        ([GRAPHS["free"], 3], "stack: expected graphs alone, but number 1 is of type int"),
        ([of_graphs(GRAPHS["three"]), GRAPHS["free"]], "stack: expected models alone, but number 1 is of type SkillGr"),
        ([GRAPHS["batch"]], "stack: expected single graphs, but number 0 is a batch of shape (2,)"),
    ],
)
def test_what_does_not_stack(members, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        ro.stack(members)
