"""Schedules of the waste by one cascade: independent references, one cascade per piece, differences."""

import warnings

import independent
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from systems import Case

import resource_ode as ro
from resource_ode.solve.cascade import schedule_clocks

GRAPH = [[], [0], [0, 1], [], [3, 2]]
FREQUENCY = np.array([1.0, 0.6, 2.0, 0.3, 0.7])
# both change at step 5, and the rate pauses in between
RATE = (np.array([0.0, 3.0, 5.0, 9.0]), np.array([1.0, 0.0, 2.5, 0.2]))
WASTE = (np.array([0.0, 2.0, 5.0, 20.0]), np.array([0.01, 30.0, 0.4, 0.002]))
KINDS = {
    "mse": {},
    "any": {"gate": ["all", "all", "any", "all", "any"]},
    "cross entropy": {"loss": "cross_entropy"},
    "l2": {"competition": "l2"},
    "entropy with l2": {"competition": "l2", "loss": "cross_entropy"},
    "started": {"initial_level": np.array([0.0, 0.3, 0.0, 0.6, 0.0])},
    "self-paced": {"frequency_after": np.array([3.0, 0.2, 1.0, 5.0, 0.7])},
    "extended": {"plateau": 0.02, "prerequisite_strength": [[], [0.6], [1.0, 0.3], [], [0.9, 1.0]]},
}
TS = np.append(0.0, np.geomspace(0.02, 200, 40))


def case_of(**changes):
    given = {"learning_rate": RATE, "wasted_resource": WASTE, "gate_exponent": 0.3}
    return Case(GRAPH, FREQUENCY, **(given | changes))


@pytest.fixture
def by_pieces(monkeypatch):
    """Calls a function where each piece has a cascade of its own."""

    def call(function):
        with monkeypatch.context() as patch:
            patch.setattr(schedule_clocks, "obstacle", lambda model: "as asked")
            return function()

    return call


# -- right numbers


@pytest.mark.parametrize("kind", KINDS)
def test_against_scipy(kind):
    case = case_of(**KINDS[kind])
    model = case.model()
    assert schedule_clocks.obstacle(model) is None
    run = ro.simulate(model, TS).check()
    assert np.abs(np.asarray(run.level) - case.levels(TS)).max() < 1e-6
    assert np.abs(np.asarray(run.budget_residual)).max() < 1e-6
    times = np.asarray(ro.learning_times(model, 0.4))
    order = np.argsort(times)
    later = order[times[order] > 0]
    levels = case.levels(np.append(0.0, times[later]))[1:]
    np.testing.assert_allclose(levels[np.arange(len(later)), later], 0.4, atol=1e-7)


def random_models(seed, kind, count=24):
    """A batch in which pieces differ by orders of magnitude, and some pause."""
    rng = np.random.default_rng(seed)
    times = np.append(0.0, np.sort(10 ** rng.uniform(-1, 2.5, 3)))
    rate = ro.Schedule(times, 10 ** rng.uniform(-2, 1, 4) * (rng.random(4) > 0.2))
    waste = ro.Schedule(np.append(0.0, np.sort(10 ** rng.uniform(-1, 2.5, 2))), 10 ** rng.uniform(-4, 2, 3))
    own = dict(KINDS[kind])
    graph = ro.SkillGraph(GRAPH, gate=own.pop("gate", "all"))
    frequency, exponent = 10 ** rng.uniform(-1, 1, (count, 5)), 10 ** rng.uniform(-3, 0.5, count)
    if "prerequisite_strength" in own:
        own["prerequisite_strength"] = case_of(**KINDS[kind]).strengths(graph.fan_in)
    return ro.ResourceModel(graph, frequency, rate, waste, exponent, **own)


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[pytest.mark.slow] * (kind == "entropy with l2")) for kind in KINDS]
)
def test_errors_are_within_the_tolerance(kind):
    ts = np.append(0, np.geomspace(0.1, 1e3, 40))
    run = jax.jit(lambda model, tolerance: ro.simulate(model, ts, tolerance=tolerance))
    learn = jax.jit(lambda model, tolerance: ro.learning_times(model, 0.6, tolerance=tolerance))
    for seed in range(3):
        model = random_models(seed, kind)
        levels, exact = independent.solve(model, ts, 0.6)
        for tolerance in (1e-3, 1e-6):
            found = run(model, tolerance)
            good = np.asarray(found.result == ro.RESULTS.successful)
            assert good.mean() > 0.9
            assert np.abs(np.asarray(found.level) - levels)[good].max() < tolerance
            times = np.asarray(learn(model, tolerance))
            known = ~np.isnan(times)
            assert known.mean() > 0.9
            np.testing.assert_array_equal(np.isinf(times[known]), np.isinf(exact[known]))
            finite = known & np.isfinite(exact) & (exact > 0)
            assert np.abs(times[finite] / exact[finite] - 1).max() < tolerance


@pytest.mark.parametrize("kind", KINDS)
def test_what_changes_nothing_is_the_cascade(kind):
    same = {
        "learning_rate": (np.array([0.0, 3.0]), np.full(2, 0.8)),
        "wasted_resource": (np.array([0.0, 1.0, 40.0]), np.full(3, 0.05)),
    }
    plain = case_of(learning_rate=0.8, wasted_resource=0.05, **KINDS[kind]).model()
    model = case_of(**same, **KINDS[kind]).model()
    np.testing.assert_allclose(ro.learning_times(model, 0.7), ro.learning_times(plain, 0.7), rtol=1e-7)
    found, expected = ro.simulate(model, TS), ro.simulate(plain, TS)
    np.testing.assert_allclose(found.level, expected.level, atol=1e-6)
    np.testing.assert_allclose(found.clock, expected.clock, rtol=1e-6)
    np.testing.assert_allclose(found.spent, 0.8 * TS, rtol=1e-6)


def test_waste_that_grows_by_many_orders_of_magnitude(by_pieces):
    # what the cascade misses before counts for as much more afterwards: right, or said to be inaccurate
    for factor in (1e3, 1e6, 1e12):
        model = case_of(learning_rate=0.8, wasted_resource=(np.array([0.0, 4.0]), np.array([1e-6, 1e-6 * factor])))
        model = model.model()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "learning_times: ")
            right = by_pieces(lambda model=model: np.asarray(ro.learning_times(model, 0.9, tolerance=1e-10)))
        times = np.asarray(jax.jit(lambda model: ro.learning_times(model, 0.9, tolerance=1e-6))(model))
        known = ~np.isnan(times) & ~np.isnan(right)
        assert known.all() or factor > 1e6
        np.testing.assert_allclose(times[known], right[known], rtol=1e-6)


def test_a_pause_before_all_else():
    # nothing is spent for three steps
    later = case_of(learning_rate=(np.array([0.0, 3.0]), np.array([0.0, 0.8])))
    later.wasted_resource = (np.array([0.0, 1.0, 5.0]), np.array([7.0, 0.05, 0.2]))
    at_once = case_of(learning_rate=0.8, wasted_resource=(np.array([0.0, 2.0]), np.array([0.05, 0.2])))
    np.testing.assert_allclose(
        ro.learning_times(later.model(), 0.4), 3 + ro.learning_times(at_once.model(), 0.4), rtol=1e-7
    )
    run = ro.simulate(later.model(), [0.0, 1.0, 3.0, 4.0, 9.0]).check()
    np.testing.assert_array_equal(run.level[:3], 0)
    np.testing.assert_array_equal(run.clock[:3], 0)
    np.testing.assert_allclose(run.level[3:], ro.simulate(at_once.model(), [1.0, 6.0]).level, atol=1e-7)


def test_a_level_that_is_reached_where_a_pause_begins():
    # by the end of the piece before, not after the pause
    log = np.log(0.5)
    stops = ro.Schedule([0.0, 1.0, 7.0], [0.5 - 0.1 * log, 0.0, 1.0])
    model = ro.ResourceModel(ro.SkillGraph([[]]), [1.0], stops, ro.Schedule([0.0, 7.0], [0.1, 3.0]), 1.0)
    np.testing.assert_allclose(ro.learning_times(model, 0.5 - 1e-7), 1, rtol=1e-6)
    np.testing.assert_allclose(ro.learning_times(model, 0.5 + 1e-7), 7, rtol=1e-6)


def test_single_precision():
    for kind in KINDS:
        case = case_of(**KINDS[kind])
        with jax.enable_x64(False):
            run = ro.simulate(case.model(), TS).check()
            assert run.level.dtype == np.float32
            times = np.asarray(ro.learning_times(case.model(), 0.4), float)
        assert np.abs(np.asarray(run.level) - case.levels(TS)).max() < 2e-4
        np.testing.assert_allclose(times, ro.learning_times(case.model(), 0.4), rtol=1e-4)


def test_what_has_a_cascade_in_each_piece():
    frequency = ro.Schedule([0.0, 1.0], [FREQUENCY, FREQUENCY[::-1]])
    for model, why in (
        (case_of().model().replace(frequency=frequency), "frequency follows a schedule"),
        (Case([[]] * 2049, np.ones(2049), 1.0, WASTE).model(), "there are more than 2048 skills"),
    ):
        assert schedule_clocks.obstacle(model) == why


# -- transformations


def functions(kind):
    """All numbers of a model to a sum of times, and of a run."""
    own = dict(KINDS[kind])
    graph = ro.SkillGraph(GRAPH, gate=own.pop("gate", "all"))
    if "prerequisite_strength" in own:
        own["prerequisite_strength"] = case_of(**KINDS[kind]).strengths(graph.fan_in)

    def model(given):
        rate, waste = ro.Schedule(given["when"], given["rate"]), ro.Schedule(WASTE[0], given["waste"])
        changes = {"plateau": given["plateau"]} if kind == "extended" else {}
        return ro.ResourceModel(graph, given["frequency"], rate, waste, given["exponent"], **(own | changes))

    weights = np.arange(1.0, 6.0)

    def times(given, tolerance=1e-10):
        return jnp.sum(ro.learning_times(model(given), given["level"], tolerance=tolerance) * weights)

    def rows(given, tolerance=1e-11):
        run = ro.simulate(model(given), given["ts"], tolerance=tolerance)
        return jnp.sum(run.level @ weights) + 0.1 * jnp.sum(run.clock * given["ts"]) + 0.01 * jnp.sum(run.spent**2)

    given = {"when": np.array([0.0, 3.0, 5.5, 9.0]), "rate": RATE[1], "waste": WASTE[1], "frequency": FREQUENCY}
    given |= {"exponent": 0.3, "plateau": 0.02, "level": 0.4, "ts": np.array([0.5, 2.0, 4.0, 6.0, 15.0, 40.0])}
    return {"times": times, "rows": rows}, given


def differences(function, given, name):
    """By each entry but those of zeros and of the first step of all."""
    values = np.asarray(given[name], float)
    slopes = np.zeros(values.shape)
    for k in np.ndindex(values.shape):
        step = 1e-5 * values[k]
        ends = []
        for sign in (1, -1):
            there = values.copy()
            there[k] += sign * step
            ends.append(float(function(given | {name: there})))
        slopes[k] = (ends[0] - ends[1]) / (2 * step) if step else np.nan
    return slopes


@pytest.mark.parametrize("what", ["times", "rows"])
@pytest.mark.parametrize("kind", ["mse", "cross entropy", "self-paced", "extended", "any"])
def test_derivatives(kind, what):
    every, given = functions(kind)
    function = jax.jit(every[what])
    slopes, forward = jax.jit(jax.grad(every[what]))(given), jax.jit(jax.jacfwd(every[what]))(given)
    for name in given:
        scale = np.abs(np.asarray(slopes[name])).max()
        np.testing.assert_allclose(slopes[name], forward[name], rtol=1e-9, atol=1e-12 * scale)
        # a row where the waste changes has a derivative on either side
        skipped = (what == "times" and name == "ts") or (what == "rows" and name == "level")
        if skipped or (name == "plateau" and kind != "extended"):
            continue
        expected = differences(function, given, name)
        known = ~np.isnan(expected) & ~np.isin(np.asarray(given[name]), WASTE[0] if name == "ts" else [])
        np.testing.assert_allclose(np.asarray(slopes[name])[known], expected[known], rtol=2e-5, atol=2e-6 * scale)


@pytest.mark.slow
def test_derivatives_by_a_rate_of_zero():
    # on one side alone, since none is negative
    every, given = functions("mse")
    for what in ("times", "rows"):
        slope = jax.jit(jax.grad(every[what]))(given)["rate"][1]
        rise = [float(every[what](given | {"rate": RATE[1] + np.array([0, 1e-5 * x, 0, 0])})) for x in range(3)]
        np.testing.assert_allclose(slope, (4 * rise[1] - 3 * rise[0] - rise[2]) / 2e-5, rtol=1e-4)


def test_batches_under_transformations():
    model = case_of().model().replace(gate_exponent=[0.1, 0.3, 1.0])
    times, run = ro.learning_times(model, 0.4), ro.simulate(model, TS)
    np.testing.assert_array_equal(jax.jit(lambda m: ro.learning_times(m, 0.4))(model), times)
    np.testing.assert_array_equal(jax.jit(lambda m: ro.simulate(m, TS).state)(model), run.state)
    with_exponent = lambda a: case_of().model().replace(gate_exponent=a)  # noqa: E731
    mapped = jax.vmap(lambda a: ro.learning_times(with_exponent(a), 0.4))(jnp.array([0.1, 0.3, 1.0]))
    np.testing.assert_array_equal(mapped, times)
    # members whose schedules differ share the cascade
    wastes = np.stack([WASTE[1], 2 * WASTE[1], WASTE[1][::-1]])
    own = lambda values: case_of().model().replace(wasted_resource=ro.Schedule(WASTE[0], values))  # noqa: E731
    each = [ro.simulate(own(values), TS).level for values in wastes]
    np.testing.assert_allclose(jax.vmap(lambda values: ro.simulate(own(values), TS).level)(wastes), each, atol=1e-6)
    every = [jax.grad(lambda values: jnp.sum(ro.learning_times(own(values), 0.4)))(values) for values in wastes]
    slopes = jax.vmap(jax.grad(lambda values: jnp.sum(ro.learning_times(own(values), 0.4))))(wastes)
    np.testing.assert_allclose(slopes, every, rtol=1e-5)

    def step(total, values):
        return total + jnp.sum(ro.learning_times(own(values), 0.4)), None

    summed = jax.jit(lambda wastes: jax.lax.scan(step, 0.0, wastes)[0])
    slopes = jax.grad(summed)(jnp.asarray(wastes))
    np.testing.assert_allclose(slopes, every, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("what", ["times", "rows"])
def test_second_derivatives(what):
    every, given = functions("mse")
    by_waste = lambda values: every[what](given | {"waste": values})  # noqa: E731
    slope = jax.jit(jax.grad(by_waste))
    second = np.asarray(jax.jit(jax.hessian(by_waste))(jnp.asarray(WASTE[1])))
    for k in range(4):
        step = 1e-4 * WASTE[1][k] * np.eye(4)[k]
        expected = (slope(WASTE[1] + step) - slope(WASTE[1] - step)) / (2 * step[k])
        np.testing.assert_allclose(second[k], expected, rtol=1e-4, atol=1e-5 * np.abs(second[k]).max())
