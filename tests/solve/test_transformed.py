"""What nobody can refuse under a transformation is NaN with a reason; what is concrete there is solved as elsewhere."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, PartitionSpec

import resource_ode as ro
from resource_ode.base import tracing

LISTS = [[], [0], [0, 1]]
TS = np.asarray([0.0, 100.0, 300.0, 600.0])
FREQUENCY = np.asarray([1.0, 2.0, 0.5])


def model(**changes):
    arguments = {"frequency": FREQUENCY, "learning_rate": 0.01, "wasted_resource": 0.1, "gate_exponent": 0.05}
    graph = changes.pop("graph", ro.SkillGraph(LISTS))
    return ro.ResourceModel(graph, **(arguments | changes))


def scheduled(name, times, values):
    return model(**{name: ro.Schedule(times, values)})


def graph_of(prerequisites):
    required = np.asarray([[False, False], [True, False], [True, True]])
    return model(graph=ro.SkillGraph(prerequisites, required=required))


# how a model is made of what is traced, and that: with one good value, and what would be refused
BAD = {
    "times that fall": (lambda x: scheduled("learning_rate", x, [0.01, 0.02, 0.01]), [0.0, 100, 200], [0.0, 200, 100]),
    "times from later": (lambda x: scheduled("learning_rate", x, [0.01, 0.02]), [0.0, 100], [50.0, 100]),
    "a negative rate": (lambda x: scheduled("learning_rate", [0.0, 100.0], x), [0.01, 0.02], [0.01, -0.02]),
    "no rate": (lambda x: scheduled("learning_rate", [0.0, 100.0], x), [0.01, 0.02], [0.01, np.nan]),
    "wastes that fall": (lambda x: scheduled("wasted_resource", x, [0.1, 0.2, 0.1]), [0.0, 100, 200], [0.0, 200, 100]),
    "negative waste": (lambda x: model(wasted_resource=x), 0.1, -0.05),
    "no such pool": (
        lambda x: model(pool=x, graph=ro.SkillGraph([[], [], []]), wasted_resource=[0.1, 0.2]), [0, 1, 1], [0, 2, 1],
    ),
    "no such skill": (graph_of, [[0, 0], [0, 0], [1, 0]], [[0, 0], [-1, 0], [1, 0]]),
    "one twice": (graph_of, [[0, 0], [0, 0], [1, 0]], [[0, 0], [0, 0], [1, 1]]),
    "a cycle": (graph_of, [[0, 0], [0, 0], [1, 0]], [[0, 0], [2, 0], [1, 0]]),
    "a strength above 1": (lambda x: model(prerequisite_strength=x), 0.9, 1.5),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_would_be_refused_is_nan_under_a_trace(name):
    make, good, bad = BAD[name]
    good, bad = jnp.asarray(good), jnp.asarray(bad)
    with pytest.raises(ValueError, match=r"expected|listed more than once"):
        make(bad)

    @jax.jit
    def found(x):
        given = make(x)
        run = ro.simulate(given, TS)
        waste = ro.simulate(given, TS, reduce=lambda run: run.waste[-1])
        return ro.learning_times(given), run.level, run.result == ro.RESULTS.not_finite, waste

    times, level, lost, waste = found(good)
    assert np.isfinite(times).all() and np.isfinite(level).all() and not lost and np.isfinite(waste).all()
    np.testing.assert_allclose(times, ro.learning_times(make(good)), rtol=1e-6)
    times, level, lost, waste = found(bad)
    assert np.isnan(times).all() and np.isnan(level).all() and lost and np.isnan(waste).all()


@pytest.mark.parametrize("ts", [[0.0, 300, 100], [-1.0, 100, 300], [0.0, 100, 100], [0.0, np.nan, 300]])
def test_times_that_do_not_increase_are_nan_under_a_trace(ts):
    run = jax.jit(lambda ts: ro.simulate(model(), ts))(jnp.asarray(ts))
    assert run.result == ro.RESULTS.not_finite and np.isnan(run.level).all()
    profile = jax.jit(lambda ts: ro.observables.concurrency(model(), ts=ts))(jnp.asarray(ts))
    assert np.isnan(profile).all()


@pytest.mark.parametrize("level", [np.nan, -np.inf, 0.0, 1.0, 1.5])
def test_levels_that_are_none_are_nan_under_a_trace(level):
    @jax.jit
    def found(level):
        measures = ro.observables
        return (
            measures.seriality(model(), level=level),
            measures.total_waste(model(), level=level),
            measures.efficiency(model(), level),
            measures.depth_correlation(model(), level=level),
        )

    assert np.isnan(found(level)).all()
    times = jax.jit(lambda level: ro.learning_times(model(), level))(level)
    expected = 0.0 if level == 0 else np.inf if level >= 1 else np.nan
    np.testing.assert_array_equal(times, np.full(3, expected))


@pytest.mark.parametrize("changes", [{}, {"wasted_resource": ro.Schedule([0.0, 100.0], [0.1, 0.2])}])
def test_a_reduction_may_hold_what_is_traced(changes):
    given = model(**changes)

    def scaled(factor):
        return ro.simulate(given, TS, reduce=lambda run: factor * run.loss)

    loss = ro.simulate(given, TS).loss
    for found in (jax.jit(scaled)(2.0) / 2, jax.jacfwd(scaled)(2.0), jax.vmap(scaled)(jnp.ones(1))[0]):
        np.testing.assert_allclose(found, loss, rtol=1e-6)
    assert tracing.captures_traced(scaled) is False
    jax.jit(lambda x: tracing.captures_traced(lambda: x) or pytest.fail("not seen"))(1.0)


def test_a_graph_may_vary_over_devices():
    def times(prerequisites):
        return jax.vmap(lambda x: ro.learning_times(graph_of(x)))(prerequisites)

    graphs = jnp.asarray([[[0, 0], [0, 0], [1, 0]], [[0, 0], [0, 0], [0, 1]]])
    mesh, spec = Mesh(np.asarray(jax.devices()[:2]), ("member",)), PartitionSpec("member")
    split = jax.jit(jax.shard_map(times, mesh=mesh, in_specs=spec, out_specs=spec))(graphs)
    np.testing.assert_array_equal(split, jnp.stack([ro.learning_times(graph_of(x)) for x in graphs]))


@pytest.mark.parametrize("name", ["frequency", "learning_rate", "wasted_resource", "gate_exponent"])
def test_what_is_lost_has_no_forward_derivative(name):
    """Those of learning times were 0, beside times that are NaN."""
    wrong = -jnp.asarray(getattr(model(), name))
    for solve in (lambda given: ro.learning_times(given), lambda given: ro.simulate(given, TS).level[1:]):
        assert np.isnan(jax.jacfwd(lambda value: solve(model(**{name: value})))(wrong)).all()  # noqa: B023


def test_a_lost_run_of_self_paced_skills_has_no_concurrency():
    run = jax.jit(lambda rate: ro.simulate(model(frequency_after=FREQUENCY, learning_rate=rate), TS))(-1.0)
    assert np.isnan(ro.observables.concurrency(run)).all()


@pytest.mark.parametrize(
    "changes", [{}, pytest.param({"method": "ode", "tolerance": 1e-8}, marks=pytest.mark.slow), {"competition": "l2"}]
)
def test_a_run_has_a_derivative_by_time_at_its_start(changes):
    given = model(**{k: changes[k] for k in changes if k == "competition"})
    options = {k: v for k, v in changes.items() if k != "competition"}

    def levels(ts):
        return ro.simulate(given, ts, **options).level

    slope = jax.jit(jax.jacfwd(levels))(jnp.asarray([0.0, 10.0]))[0, :, 0]
    # one root alone is open: its demand over the whole, at the rate
    whole = FREQUENCY[0] + 0.1 if "competition" not in changes else np.hypot(FREQUENCY[0], 0.1)
    np.testing.assert_allclose(slope, [0.01 * FREQUENCY[0] / whole, 0, 0], rtol=1e-6, atol=1e-12)


@pytest.mark.slow
def test_a_run_has_a_derivative_by_time_at_its_start_without_loops(monkeypatch):
    monkeypatch.setattr("resource_ode.native.calls.handlers", lambda: None)
    first = jax.jit(jax.jacrev(lambda ts: ro.simulate(model(gate_exponent=0.06), ts).level[0]))
    slope = first(jnp.asarray([0.0, 10.0]))[:, 0]
    np.testing.assert_allclose(slope, [0.01 / 1.1, 0, 0], rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("name", ["learning_rate", "wasted_resource"])
def test_a_model_from_outside_is_solved_inside_jit(name):
    """Arrays that JAX gives of concrete ones inside `jit` are traced, and whoever looked at them failed."""
    times, values = jnp.asarray([0.0, 100.0]), getattr(model(), name) * jnp.asarray([1.0, 2.0])
    given = scheduled(name, times, values)

    @jax.jit
    def found(x):
        # also made there
        again = scheduled(name, times, values * x)
        last = ro.simulate(given).level[-1]
        return ro.learning_times(given), ro.horizon(given), ro.observables.seriality(again), last

    got = found(1.0)
    expected = (
        ro.learning_times(given),
        ro.horizon(given),
        ro.observables.seriality(given),
        ro.simulate(given).level[-1],
    )
    for one, other in zip(got, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_a_stopping_schedule_from_outside_has_no_seriality_inside_jit():
    given = scheduled("learning_rate", [0.0, 100.0], [0.01, 0.0])
    with pytest.warns(UserWarning, match="learning rate is 0"):
        assert np.isnan(jax.jit(lambda x: ro.observables.seriality(given) + x)(0.0))


def test_discrete_steps_at_given_times_inside_jit():
    def levels(waste):
        return ro.simulate(model(wasted_resource=waste), [0.0, 5.0, 10.0], method="steps").level

    np.testing.assert_allclose(jax.jit(levels)(0.1), levels(0.1), rtol=1e-12)


def test_learning_times_have_derivatives_by_the_values_of_a_schedule_of_the_rate():
    """Also where its times are concrete. What is spent until then is a number: 100 first + (time - 100) second."""

    def times(values):
        return ro.learning_times(scheduled("learning_rate", [0.0, 100.0], values))

    values = jnp.asarray([0.01, 0.02])
    found, slopes = times(values), jax.jit(jax.vmap(jax.jacfwd(times)))(values[None])[0]
    early, late = found < 100, np.maximum(found - 100, 0)
    assert early.any() and not early.all()
    expected = np.stack([np.where(early, -found / values[0], -100 / values[1]), -late / values[1]], axis=-1)
    np.testing.assert_allclose(slopes, expected, rtol=1e-9)


def test_what_is_lost_takes_no_neighbour_down_in_reverse():
    """Nor has it a derivative itself, unless nothing was asked of it; the graph is everybody's."""
    wastes, sound = jnp.asarray([0.1, -0.1, 0.2]), np.asarray([0, 2])

    def times(wastes, exponent):
        return ro.learning_times(model(wasted_resource=wastes, gate_exponent=exponent))

    def exposures(wastes, exponent):
        return ro.simulate(model(wasted_resource=wastes, gate_exponent=exponent), TS).state

    for solve in (times, exposures):
        by_waste, by_exponent = jax.grad(lambda *x: jnp.nansum(solve(*x)), argnums=(0, 1))(wastes, 0.05)  # noqa: B023
        alone = jax.grad(lambda *x: jnp.sum(solve(*x)), argnums=(0, 1))(wastes[sound], 0.05)  # noqa: B023
        np.testing.assert_allclose(by_waste[sound], alone[0], rtol=1e-9)
        np.testing.assert_allclose(by_exponent, alone[1], rtol=1e-9)
        assert by_waste[1] == 0
        by_waste, by_exponent = jax.grad(lambda *x: jnp.sum(solve(*x)), argnums=(0, 1))(wastes, 0.05)  # noqa: B023
        np.testing.assert_allclose(by_waste[sound], alone[0], rtol=1e-9)
        assert np.isnan(by_waste[1]) and np.isnan(by_exponent)


def test_what_misses_its_tolerance_has_no_derivative_in_reverse():
    """It was 0, beside a time that is NaN."""

    def times(exponent, tolerance):
        return ro.learning_times(model(gate_exponent=exponent), tolerance=tolerance)

    found, back = jax.vjp(times, 0.05, 1e-20)
    assert np.isnan(found).all() and np.isnan(back(jnp.ones(3))[0])


MESH = Mesh(np.asarray(jax.devices()[:2]), ("member",))


def test_a_parameter_that_devices_share_has_the_whole_derivative():
    """Each device gave its own part, or JAX stopped."""
    wastes, member, shared = jnp.asarray([0.1, 0.2]), PartitionSpec("member"), PartitionSpec()

    def total(wastes, exponent):
        return jnp.sum(ro.learning_times(model(wasted_resource=wastes, gate_exponent=exponent)))

    def split(wastes, exponent):
        return jax.lax.psum(total(wastes, exponent), "member")

    over = jax.shard_map(split, mesh=MESH, in_specs=(member, shared), out_specs=shared)
    expected = jax.grad(total, argnums=(0, 1))(wastes, 0.05)
    for found, value in zip(jax.jit(jax.grad(over, argnums=(0, 1)))(wastes, 0.05), expected, strict=True):
        np.testing.assert_allclose(found, value, rtol=1e-9)
    inside = jax.shard_map(
        jax.grad(total, argnums=(0, 1)), mesh=MESH, in_specs=(member, shared), out_specs=(member, shared)
    )
    for found, value in zip(jax.jit(inside)(wastes, 0.05), expected, strict=True):
        np.testing.assert_allclose(found, value, rtol=1e-9)


@pytest.mark.parametrize(
    "change",
    [
        {"graph": ro.SkillGraph([[], [], []]), "interference": np.eye(3)},
        {"frequency": ro.Schedule([0, 9], [FREQUENCY] * 2)},
    ],
)
@pytest.mark.parametrize("solve", [ro.learning_times, lambda given: ro.simulate(given, TS).level])
def test_what_cannot_be_split_over_devices_says_so(change, solve):
    def over(wastes):
        return jax.vmap(lambda waste: solve(model(wasted_resource=waste, **change)))(wastes)

    spec = PartitionSpec("member")
    with pytest.raises(ValueError, match="check_vma=False"):
        jax.shard_map(over, mesh=MESH, in_specs=spec, out_specs=spec)(jnp.asarray([0.1, 0.2]))


def test_the_largest_gate_has_a_derivative_however_it_is_compiled():
    """Whoever compares what was computed twice may find no gate that is the largest: derivatives were 0/0."""
    strength = np.asarray([[1, 1], [1, 1], [0.9, 0.6], [0.8, 0.7]], np.float32)
    ts = np.asarray([23.4, 64.0, 72.8, 76.8, 304.4], np.float32)

    def counted(plateau):
        given = ro.ResourceModel(
            ro.SkillGraph([[], [], [0, 1], [0, 2]], gate=["any", "all", "all", "any"]),
            np.asarray([0.33, 0.79, 1.94, 0.78], np.float32), 0.03, 1.8, 0.63, plateau=plateau,
            frequency_power=0.57, learnability=np.asarray([1.2, 0.53, 0.44, 0.4], np.float32),
            prerequisite_strength=strength,
        )  # fmt: skip
        return ro.simulate(given, ts, reduce=ro.observables.concurrency)

    plateau = jnp.asarray(0.34, jnp.float32)
    back, along = jax.jacrev(counted)(plateau), jax.jacfwd(counted)(plateau)
    assert np.isfinite(back).all()
    np.testing.assert_allclose(back, along, rtol=1e-4)
