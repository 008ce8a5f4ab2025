"""`ResourceModel`, `Schedule` and `stack`: what they refuse and in which words, shapes, and the gate scaling."""

import re
import subprocess
import sys
import textwrap

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from systems import Case, random_case

import resource_ode as ro

LINE = ro.SkillGraph([[], [0]])
FREE = ro.SkillGraph([[], []])
GIVEN = {"frequency": [1.0, 0.5], "learning_rate": 1.0, "wasted_resource": 0.1, "gate_exponent": 0.1}
RATE = ro.Schedule([0.0, 1.0], [1.0, 2.0])


def build(graph=LINE, **changes):
    return ro.ResourceModel(graph, **(GIVEN | changes))


@pytest.mark.parametrize(
    ("graph", "changes", "message"),
    [
        (LINE, {"loss": "hinge"}, 'loss: expected "mse" or "cross_entropy", got \'hinge\''),
        (LINE, {"competition": "l3"}, 'competition: expected "l1" or "l2", got \'l3\''),
        (
            LINE,
            {"frequency": None},
            "frequency: expected one number per skill; none was given and the graph carries none",
        ),
        (LINE, {"learning_rate": None}, "learning_rate: expected a number, none was given"),
        (LINE, {"wasted_resource": None}, "wasted_resource: expected a number, none was given"),
        (LINE, {"gate_exponent": None}, "gate_exponent: expected a positive number, since the graph has prerequisites"),
        (LINE, {"frequency": "often"}, "frequency: expected numbers, got 'often'"),
        (
            LINE,
            {"frequency": np.ones(3, np.float16)},
            "frequency: expected numbers in float32 or float64, got float16",
        ),
        (LINE, {"frequency": [1.0, 0.0]}, "frequency: expected finite numbers above 0, got 0.0 at index 1"),
        (LINE, {"frequency": [1.0, np.nan]}, "frequency: expected finite numbers above 0, got nan at index 1"),
        (LINE, {"frequency": [[1.0, 1.0], [1.0, -2.0]]}, "expected finite numbers above 0, got -2.0 at index (1, 1)"),
        (LINE, {"frequency": [1.0, 2.0, 3.0]}, "frequency: expected shape (*batch, 2) for 2 skills, got (3,)"),
        (LINE, {"frequency": 1.0}, "frequency: expected shape (*batch, 2) for 2 skills, got ()"),
        (LINE, {"learning_rate": 0.0}, "learning_rate: expected finite numbers above 0, got 0.0"),
        (LINE, {"learning_rate": np.inf}, "learning_rate: expected finite numbers above 0, got inf"),
        (LINE, {"wasted_resource": -1e-3}, "wasted_resource: expected finite numbers at least 0, got -0.001"),
        (LINE, {"gate_exponent": 0.0}, "gate_exponent: expected finite numbers above 0, got 0.0"),
        (
            LINE,
            {"initial_level": [0.0, 1.0]},
            "initial_level: expected finite numbers at least 0 and below 1, got 1.0 at",
        ),
        (LINE, {"initial_level": [0.0]}, "initial_level: expected shape (*batch, 2) for 2 skills, got (1,)"),
        (LINE, {"frequency_after": [0.0, 1.0]}, "frequency_after: expected finite numbers above 0, got 0.0 at index 0"),
        (LINE, {"interference": np.eye(2)}, "interference: expected a graph without prerequisites"),
        (
            FREE,
            {"interference": np.ones(2)},
            "interference: expected overlaps of shape (*batch, skill, skill), got (2,)",
        ),
        (FREE, {"interference": np.eye(3)}, "interference: expected shape (*batch, 2, 2) for 2 skills, got (3, 3)"),
        (FREE, {"interference": 2 * np.eye(2)}, "interference: expected a unit diagonal"),
        (FREE, {"interference": [[1.0, 0.1], [0.2, 1.0]]}, "interference: expected a symmetric matrix"),
        (
            FREE,
            {"interference": [[1.0, 5.0], [5.0, 1.0]]},
            "interference: expected overlaps from -1 to 1, got 5 at index",
        ),
        (FREE, {"interference": [np.eye(2), [[1, -1.01], [-1.01, 1]]]}, "from -1 to 1, got -1.01 at index (1, 0, 1)"),
        (
            FREE,
            {"interference": np.eye(2), "frequency_after": [1.0, 1.0]},
            "interference: cannot be combined with frequency_after",
        ),
        (LINE, {"pool": [0.0, 1.0]}, "pool: expected one integer per skill, got float64 numbers"),
        (LINE, {"pool": [0, -1]}, "pool: expected integers from 0"),
        (LINE, {"pool": [0, 2], "learning_rate": [1.0, 1.0]}, "pool: expected integers from 0 to 1, got 0 to 2"),
        (LINE, {"pool": [0]}, "pool: expected shape (*batch, 2) for 2 skills, got (1,)"),
        (
            LINE,
            {"pool": [0, 1], "learning_rate": [1.0, 1.0], "wasted_resource": [0.1, 0.1, 0.1]},
            "learning_rate: expected a last axis of 3 pools, got shape (2,)",
        ),
        (LINE, {"pool": [0, 1], "learning_rate": RATE}, "pool: cannot be combined with a schedule"),
        (
            LINE,
            {"learning_rate": ro.Schedule([0.0], [[1.0, 1.0]])},
            "learning_rate: expected a schedule of single numbers",
        ),
        (
            LINE,
            {"learning_rate": ro.Schedule([0.0], [-1.0])},
            "learning_rate (schedule): expected finite numbers at least 0",
        ),
        (LINE, {"frequency": RATE}, "frequency: expected"),
        (
            LINE,
            {"frequency": ro.Schedule([0.0, 1.0], [[1.0, 0.0], [1.0, 0.0]])},
            "frequency: expected a schedule in which every skill has a positive frequency at some time",
        ),
        (
            LINE,
            {"frequency": ro.Schedule([0.0], [[1.0, 1.0]]), "frequency_after": [1.0, 1.0]},
            "frequency_after: cannot be combined with a schedule of frequency",
        ),
        (
            LINE,
            {"learning_rate": [1.0, 2.0], "wasted_resource": [0.1, 0.2, 0.3]},
            "the batch axes of graph and parameters do not broadcast",
        ),
    ],
)
def test_wrong_parameters_are_refused(graph, changes, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        build(graph, **changes)


def overlaps_of(vectors):
    vectors = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors @ np.swapaxes(vectors, -1, -2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_overlaps_of_vectors_are_a_gram_matrix(dtype):
    """Those of more skills than dimensions too, whose smallest eigenvalues are zero but for rounding."""
    rng = np.random.default_rng(0)
    for shape in ((2, 1), (5, 2), (40, 3), (3, 6, 4), (200, 200)):
        overlap = overlaps_of(rng.normal(size=shape).astype(dtype))
        graph = ro.SkillGraph([[]] * shape[-2])
        model = ro.ResourceModel(graph, np.ones(shape[-2], dtype), 1.0, 0.1, interference=overlap)
        assert model.batch_shape == shape[:-2] and model.dtype == dtype
        # rounded in the narrower type, they are those of a model in the wider one
        ro.ResourceModel(graph, np.ones(shape[-2]), 1.0, 0.1, interference=overlap)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_overlaps_that_no_vectors_have_are_refused(dtype):
    graph, ones = ro.SkillGraph([[]] * 3), np.ones(3, dtype)
    for off, least in ((-0.9, -0.8), (-0.501, -0.002), (-0.5 - 1e-4, -2e-4)):
        overlap = np.where(np.eye(3, dtype=bool), 1, off).astype(dtype)
        message = f"positive semidefinite matrix, got one whose smallest eigenvalue is {least:.3g}"
        with pytest.raises(ValueError, match=re.escape(message)):
            ro.ResourceModel(graph, ones, 1.0, 0.1, interference=overlap)
        with pytest.raises(ValueError, match=re.escape("in member (1,) of the batch")):
            ro.ResourceModel(graph, ones, 1.0, 0.1, interference=np.stack([np.eye(3, dtype=dtype), overlap]))
    # the limit, three directions in a plane
    plane = np.where(np.eye(3, dtype=bool), 1, -0.5).astype(dtype)
    model = ro.ResourceModel(graph, ones, 1.0, 0.1, interference=plane)
    with pytest.raises(ValueError, match="positive semidefinite"):
        model.replace(interference=np.where(np.eye(3, dtype=bool), 1, -0.6))
    both = ro.stack([model, ro.ResourceModel(FREE, ones[:2], 1.0, 0.1, interference=np.eye(2))])
    np.testing.assert_array_equal(both.interference[0], plane)
    np.testing.assert_array_equal(both.interference[1], np.eye(3))


def test_overlaps_may_be_traced():
    found = jax.jit(lambda overlap: build(FREE, interference=overlap).interference)(jnp.eye(2))
    np.testing.assert_array_equal(found, np.eye(2))


@pytest.mark.parametrize("name", ["loss", "competition"])
@pytest.mark.parametrize("value", [3, None, ["l1"], np.ones(2), {"mse": 1}, b"l1"])
def test_losses_and_competitions_of_another_type(name, value):
    with pytest.raises(ValueError, match=f'^{name}: expected "'):
        build(**{name: value})


def test_other_objects_than_models_and_graphs_are_refused():
    """In a process of its own, without the run-time checks of annotations that these tests switch on."""
    program = textwrap.dedent("""
        import networkx
        import resource_ode as ro

        calls = (
            (lambda: ro.ResourceModel([[], [0]], [1.0, 1.0], 1.0, 0.1), "graph: expected a SkillGraph, got list"),
            (lambda: ro.ResourceModel(networkx.DiGraph(), 1.0), "DiGraph (made into one by SkillGraph.from_networkx"),
            (lambda: ro.simulate(3, [0.0]), "model: expected a ResourceModel, got int"),
            (lambda: ro.learning_times([]), "model: expected a ResourceModel, got list"),
            (lambda: ro.simulate(model, [1.0], batch_size=1.5), "batch_size: expected a positive whole number"),
        )
        model = ro.ResourceModel(ro.SkillGraph([[]]), [1.0], 1.0, 0.1)
        for call, message in calls:
            try:
                call()
            except ValueError as error:
                assert message in str(error), error
            else:
                raise AssertionError(message)
    """)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-1500:]


@pytest.mark.parametrize(
    ("times", "values", "message"),
    [
        (
            [0.0, 1.0],
            [1.0],
            "Schedule: expected times (piece,) and values (piece,) or (piece, skill), got (2,) and (1,)",
        ),
        ([], [], "Schedule: expected times (piece,)"),
        ([[0.0]], [1.0], "Schedule: expected times (piece,)"),
        ([1.0, 2.0], [1.0, 1.0], "Schedule: expected times that start at 0 and strictly increase"),
        ([0.0, 2.0, 2.0], [1.0, 1.0, 1.0], "Schedule: expected times that start at 0 and strictly increase"),
        ([0.0, np.inf], [1.0, 1.0], "Schedule: expected times that start at 0 and strictly increase"),
    ],
)
def test_wrong_schedules_are_refused(times, values, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        ro.Schedule(times, values)


@pytest.mark.parametrize(
    "name", ["gate_exponent", "initial_level", "frequency_after", "plateau", "frequency_power", "learnability", "pool"]
)
def test_what_has_no_schedule(name):
    """A schedule of the gate exponent was taken, and only the run stumbled over it."""
    arguments = {"frequency": [1.0, 1.0], "learning_rate": 1.0, "wasted_resource": 1.0, "gate_exponent": 1.0}
    with pytest.raises(ValueError, match=f"{name}: expected .* got (a s|S)chedule"):
        ro.ResourceModel(ro.SkillGraph([[], [0]]), **(arguments | {name: ro.Schedule([0.0, 1.0], [0.5, 0.6])}))


def test_a_schedule_changes_at_its_own_time():
    schedule = ro.Schedule([0.0, 2.0, 5.0], [1.0, 10.0, 100.0])
    assert [float(schedule.at(t)) for t in (0.0, 1.9, 2.0, 4.9, 5.0, 1e9)] == [1, 1, 10, 10, 100, 100]


@pytest.mark.parametrize("time", [-1.0, np.nan])
def test_no_value_is_in_force_at_what_is_no_time(time):
    schedule = ro.Schedule([0.0, 2.0], [1.0, 10.0])
    for asked in (schedule.at, build(learning_rate=schedule).learning_rate_at):
        with pytest.raises(ValueError, match=f"time: expected finite numbers at least 0, got {time}"):
            asked(time)


@pytest.mark.parametrize(
    ("models", "message"),
    [
        ([], "stack: expected at least one model, got none"),
        (
            [build(), build(learning_rate=[1.0, 2.0])],
            "stack: expected single models, but number 1 is a batch of shape (2,)",
        ),
        ([build(), build(loss="cross_entropy")], "stack: expected models of one loss, got 'mse' and 'cross_entropy'"),
        ([build(competition="l2"), build()], "stack: expected models of one competition, got 'l2' and 'l1'"),
        ([build(pool=[0, 1]), build(pool=[0, 0])], "stack: expected models of one pools, got 2 and 1"),
        ([build(learning_rate=RATE), build()], "stack: learning_rate is a schedule"),
        ([build(initial_level=[0.1, 0.2]), build()], "stack: initial_level is given in some models and not in others"),
    ],
)
def test_what_cannot_be_stacked(models, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        ro.stack(models)


def test_replace():
    model = build()
    changed = model.replace(wasted_resource=[0.0, 1.0], loss="cross_entropy")
    assert changed.batch_shape == (2,) and changed.loss == "cross_entropy"
    assert model.batch_shape == () and model.loss == "mse"
    np.testing.assert_array_equal(changed.frequency, model.frequency)
    with pytest.raises(ValueError, match=r"replace: expected arguments among .*, got 'noise'"):
        model.replace(noise=1.0)
    with pytest.raises(ValueError, match=r"wasted_resource: expected finite numbers at least 0, got -1\.0"):
        model.replace(wasted_resource=-1.0)


def test_frequencies_come_from_the_graph_if_none_are_given():
    graph = ro.SkillGraph([[], [0]], frequency=[0.3, 0.7])
    model = ro.ResourceModel(graph, learning_rate=1.0, wasted_resource=0.1, gate_exponent=0.1)
    assert model.frequency.tolist() == [0.3, 0.7]
    assert build(graph).frequency.tolist() == [1.0, 0.5]


def test_frequencies_are_never_normalised_and_keep_their_precision():
    assert build(frequency=[3.0, 4.0]).frequency.tolist() == [3.0, 4.0]
    single = build(frequency=np.array([3.0, 4.0], np.float32))
    assert {x.dtype for x in jax.tree.leaves(single) if jnp.issubdtype(x.dtype, jnp.floating)} == {jnp.dtype("float32")}
    assert build(frequency=[3, 4]).dtype == jnp.float64


def test_batch_shape_is_the_broadcast_of_all_axes():
    graphs = ro.stack([build(), build()]).graph
    model = build(graphs, wasted_resource=np.ones((3, 1)), frequency=np.ones((4, 1, 1, 2)))
    assert model.batch_shape == (4, 3, 2)
    with pytest.raises(IndexError, match="expected 3 integers"):
        model[0]


def test_models_can_be_built_inside_jit():
    @jax.jit
    def level(frequency, waste):
        model = build(frequency=frequency, wasted_resource=waste)
        return ro.simulate(model, [0.0, 1.0, 2.0]).level

    inside = level(jnp.array([1.0, 0.5]), jnp.asarray(0.1))
    outside = ro.simulate(build(), [0.0, 1.0, 2.0]).level
    np.testing.assert_allclose(inside, outside, atol=1e-6)


def test_competitiveness_and_shares_by_hand():
    model = build(
        ro.SkillGraph([[], [0], [0, 1], [0, 1]], gate=["all", "all", "all", "any"]), frequency=[1.0, 2.0, 3.0, 4.0]
    )
    exposure = jnp.array([2.0, 0.5, 0.3, 0.0])
    u = np.exp([-2.0, -1.0, -0.9, 0.0])
    g = 1 - u**0.1
    f = np.array([1, g[0], g[0] * g[1], max(g[0], g[1])]) * [1.0, 2.0, 3.0, 4.0] * u
    found = model.competitiveness(exposure)
    np.testing.assert_allclose(found, f, rtol=1e-13)
    share, waste = model.shares(found, model.waste_at())
    np.testing.assert_allclose(share, f / (f.sum() + 0.1), rtol=1e-13)
    np.testing.assert_allclose(waste, [0.1 / (f.sum() + 0.1)], rtol=1e-13)
    euclidean = model.replace(competition="l2")
    share, waste = euclidean.shares(found, euclidean.waste_at())
    np.testing.assert_allclose(share, f / np.sqrt((f**2).sum() + 0.01), rtol=1e-13)


def test_effort_and_its_inverse():
    rng = np.random.default_rng(4)
    for loss in ("mse", "cross_entropy"):
        case = random_case(
            rng, loss=loss, initial_level=rng.uniform(0, 0.9, 7), frequency_after=10 ** rng.uniform(-1, 1, 7)
        )
        model = case.model()
        for level in (0.3, 0.5, 0.8, 0.999):
            exposure = model.exposure_at(level)
            reached = model.law.level(model.effort(jnp.maximum(exposure, 0)))
            later = np.asarray(exposure) > 0
            assert later.tolist() == (case.initial_level < level).tolist()
            np.testing.assert_allclose(np.asarray(reached)[later], level, rtol=1e-12)


def test_gates_of_a_model_without_prerequisites_are_open():
    model = Case([[], []], [1.0, 2.0]).model()
    assert model.openness(model.gates(jnp.zeros(2))).tolist() == [1.0, 1.0]


def test_a_model_prints_itself():
    assert repr(build()) == (
        "ResourceModel(SkillGraph(2 skills, 1 dependency, depth 1), frequency=[1. , 0.5], learning_rate=1., "
        "wasted_resource=0.1, gate_exponent=0.1, loss='mse')"
    )


def test_schedules_are_read_at_the_start_unless_a_time_is_given():
    halved = ro.Schedule([0.0, 0.5], [2.0, 1.0])
    model = ro.ResourceModel(ro.SkillGraph([[]]), [1.0], learning_rate=halved, wasted_resource=halved)
    for found in (model.waste_at, model.learning_rate_at, halved.at):
        assert float(np.squeeze(found(0.0))) == 2.0 and float(np.squeeze(found(0.5))) == 1.0
    assert float(model.waste_at()[0]) == 2.0 and float(model.learning_rate_at()[0]) == 2.0
    shown = ro.ResourceModel(ro.SkillGraph([[]]), ro.Schedule([0.0, 0.5], [[2.0], [1.0]]), 1.0, 1.0)
    start = jnp.ones(1)
    assert float(shown.frequency_at()[0]) == 2.0
    assert float(shown.direct_pace(start)[0]) == float(shown.direct_competitiveness(start)[0]) == 2.0
    assert float(shown.pace(0 * start)[0]) == float(shown.competitiveness(0 * start)[0]) == 2.0
