"""`learning_times` and `horizon`: against SciPy and closed forms, exact scalings, infinities and gradients."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from systems import EXACT, FAN_IN, SKILLS, Case, Interference, batch, check_times, random_case, random_overlap

import resource_ode as ro
from resource_ode.solve import events
from resource_ode.solve.cascade import panels

CHAIN = Case([[], [0], [1]], np.array([0.3, 1.0, 3.0]), 1e-3, 1e-3, 1e-4)
TREE = Case([[], [], [], [], [0, 1], [2, 3], [4, 5]], np.array([1, 0.1, 2, 0.2, 1, 1, 1]), 1e-3, 1e-3, 1e-3)


# -- golden numbers


@pytest.mark.parametrize(
    ("case", "half", "most"),
    [
        (CHAIN, [502.4, 1730.0, 3274.5], [961.5, 2523.6, 4213.6]),
        (
            TREE,
            [1447.1, 3256.0, 894.3, 2764.1, 5702.3, 4851.8, 7698.1],
            [2660.1, 3981.8, 2125.9, 3741.9, 6429.3, 5825.2, 8493.7],
        ),
    ],
    ids=["chain", "tree"],
)
def test_golden_numbers(case, half, most):
    model = case.model()
    np.testing.assert_allclose(ro.learning_times(model, 0.5), half, rtol=0, atol=0.05001)
    np.testing.assert_allclose(ro.learning_times(model, 0.95), most, rtol=0, atol=0.05001)
    np.testing.assert_allclose(ro.horizon(model, 0.95), max(most), rtol=0, atol=0.05001)
    np.testing.assert_allclose(ro.horizon(model), max(most), rtol=0, atol=0.05001)


def test_independent_skills_in_closed_form():
    case = EXACT["independent"].case
    p, n0, eta = case.frequency, case.wasted_resource, case.learning_rate
    for level in (0.1, 0.5, 0.999999):
        exact = [((1 - (1 - level) ** (p / q)).sum() - n0 * np.log(1 - level) / q) / eta for q in p]
        np.testing.assert_allclose(ro.learning_times(case.model(), level), exact, rtol=1e-9)


# -- SciPy

KINDS = {
    "mse, l1": {},
    "mse, l2": {"competition": "l2"},
    "cross entropy, l1": {"loss": "cross_entropy"},
    "initial level, self-paced": {
        "initial_level": np.array([0.0, 0.3, 0.0, 0.55, 0.7, 0.0, 0.2]),
        "frequency_after": np.array([0.2, 3.0, 1.0, 0.5, 7.0, 0.3, 2.0]),
    },
}


@pytest.mark.parametrize("kind", KINDS)
def test_random_models_against_scipy(kind):
    rng = np.random.default_rng([*kind.encode()])
    cases = [random_case(rng, **KINDS[kind]) for _ in range(8)]
    for level in (0.3, 0.9):
        times = ro.learning_times(batch(cases), level)
        for case, mine in zip(cases, times, strict=False):
            check_times(case, mine, level)
        last = np.asarray(ro.horizon(batch(cases), level))
        np.testing.assert_array_equal(last, np.asarray(times).max(-1))


@pytest.mark.slow
def test_pools_against_scipy():
    rng = np.random.default_rng(2)
    pool = np.array([0, 1, 1, 0, 1, 0, 1])
    inside = [[], [], [1], [0], [1, 2], [0, 3], [2, 4]]
    changes = {"pool": pool, "learning_rate": np.array([0.7, 1.3]), "wasted_resource": np.array([0.03, 0.4])}
    for rows in (inside, [[], [], [0], [1], [1, 2], [0, 3], [2, 5]]):
        case = random_case(rng, prerequisites=rows, **changes)
        check_times(case, ro.learning_times(case.model(), 0.6), 0.6)


def test_schedules_against_scipy():
    rng = np.random.default_rng(4)
    times = [0.0, 2.0, 5.0]
    case = random_case(
        rng,
        fan_in=FAN_IN,
        frequency=(times, 10 ** rng.uniform(-0.5, 0.5, (3, SKILLS))),
        learning_rate=(times, np.array([1.0, 0.2, 2.0])),
        wasted_resource=(times, np.array([0.5, 0.1, 0.3])),
    )
    check_times(case, ro.learning_times(case.model(), 0.5), 0.5)


@pytest.mark.parametrize("loss", ["mse", pytest.param("cross_entropy", marks=pytest.mark.slow)])
def test_interference_against_scipy(loss):
    rng = np.random.default_rng(6)
    case = Case(
        [[]] * SKILLS,
        10 ** rng.uniform(-0.5, 0.5, SKILLS),
        loss=loss,
        interference=random_overlap(rng, SKILLS, 200),
    )
    check_times(case, ro.learning_times(case.model(), 0.5), 0.5)


@pytest.mark.slow
def test_a_learning_time_with_interference_is_the_first_crossing():
    """The second skill is carried along by the first, dragged back by the third, and then learned: three crossings."""
    overlap = np.array([[1.0, 0.6, 0.0], [0.6, 1.0, -0.6], [0.0, -0.6, 1.0]])
    case = Case([[]] * 3, np.array([5.0, 0.02, 0.5]), 0.2, 0.2, interference=overlap)
    ts = np.linspace(0, 200, 2001)
    above = case.levels(ts)[:, 1] >= 0.4
    assert np.abs(np.diff(above.astype(int))).sum() == 3
    first = ts[np.argmax(above)]
    assert first - 0.1 <= float(ro.learning_times(case.model(), 0.4)[1]) <= first


# -- scalings


def test_affine_in_waste_and_inverse_in_learning_rate():
    rng = np.random.default_rng(7)
    model = batch([random_case(rng) for _ in range(3)])
    waste, rate = np.array([0.0, 0.1, 1.0, 7.0]), np.array([1e-3, 1.0, 30.0])
    grid = model.replace(wasted_resource=waste[:, None, None], learning_rate=rate[:, None])
    times = np.asarray(ro.learning_times(grid, 0.7))
    assert times.shape == (4, 3, 4, SKILLS)
    scaled = times * rate[:, None, None]
    np.testing.assert_allclose(scaled, np.broadcast_to(scaled[:, :1], scaled.shape), rtol=1e-12)
    slope = (scaled[1] - scaled[0]) / 0.1
    np.testing.assert_allclose(scaled, scaled[0] + waste[:, None, None, None] * slope, rtol=1e-9)
    # without waste all is learned by n/eta
    assert np.nanmax(scaled[0]) <= SKILLS


def test_speed_limit():
    """The efficiency n theta / (eta t_last) is in (0, 1]."""
    rng = np.random.default_rng(12)
    model = batch([random_case(rng) for _ in range(8)])
    for waste in (0.0, 0.3):
        efficiency = (
            SKILLS * 0.9 / (np.asarray(model.learning_rate) * ro.horizon(model.replace(wasted_resource=waste), 0.9))
        )
        assert np.all((efficiency > 0) & (efficiency <= 1))


# -- infinities and the like


def test_levels_that_are_never_reached_and_levels_of_the_start():
    model = CHAIN.model()
    assert np.isinf(ro.learning_times(model, 1.0)).all()
    for level in (1.001, 2.0, 95):
        with pytest.warns(UserWarning, match=r"^level: expected a number below 1 \(95% is 0.95\), got "):
            assert np.isinf(ro.learning_times(model, level)).all()
    assert ro.learning_times(model, 0.0).tolist() == [0, 0, 0] == ro.learning_times(model, -0.5).tolist()
    assert np.isinf(ro.horizon(model, 1.0))
    started = CHAIN.model(initial_level=[0.5, 0.2, 0.6])
    times = np.asarray(ro.learning_times(started, 0.5))
    assert times[0] == 0 and times[2] == 0 and times[1] > 0


def test_a_schedule_that_stops_is_infinite():
    stops = Case([[], []], np.array([1.0, 0.1]), ([0.0, 2.0], [0.5, 0.0]), 0.1)
    times = np.asarray(ro.learning_times(stops.model(), 0.5))
    assert np.isfinite(times[0]) and np.isinf(times[1])
    assert np.isinf(ro.horizon(stops.model(), 0.5))


def test_interference_may_forbid_a_level():
    """Two tasks that are all but opposite, and one that is learned at the expense of the other for ever."""
    overlap = np.array([[1.0, -1.0], [-1.0, 1.0]])
    model = Case([[], []], np.array([1.0, 0.5]), 0.5, 0.1, interference=overlap).model()
    times = np.asarray(ro.learning_times(model, 0.9))
    assert np.isinf(times).all()
    # p1 u1 = p2 u2 and u1 + u2 = 2 at rest: levels 1/3 and -1/3
    assert np.isfinite(ro.learning_times(model, 0.3)[0]) and np.isinf(ro.learning_times(model, 0.34)[0])


@pytest.mark.parametrize("apart", [1e-3, 1e-6, 1e-8])
def test_a_level_that_interference_lets_come_late_is_not_infinite(apart):
    """Two tasks that are nearly opposite: what both need is learned `1 / apart` times as slowly as the rest."""
    system = Interference(2)
    system.solve(np.array([1.0, 0.2]), np.array([[1, apart - 1], [apart - 1, 1]]))
    times = ro.learning_times(system.case.model(), 0.95)
    # eigenvalues of overlaps are known up to roundings of 1
    np.testing.assert_allclose(times, system.times(0.95), rtol=1e-7 + 1e-15 / apart)


def test_interference_carries_a_skill_beyond_one():
    system = Interference(2)
    system.solve(np.array([1.0, 0.1]), np.array([[1, 0.9], [0.9, 1]]))
    model = system.case.model()
    assert system.at_clock(20.0)[0] > 1.004
    first = float(ro.learning_times(model, 1.004)[0])
    # it rises through the level once, and falls through it later
    np.testing.assert_allclose(system.level(first)[0], 1.004, rtol=0, atol=1e-8)
    assert system.level(0.999 * first)[0] < 1.004 < system.level(1.001 * first)[0]
    assert np.isinf(ro.learning_times(model, 1.5)).all()


def test_a_schedule_ends_what_interference_forbids():
    """At rest with one skill learned, until frequencies change: then the other is."""
    frequency = ro.Schedule([0, 100], [[1, 1e-3], [1e-3, 1]])
    model = Case([[], []], np.ones(2), 1.0, 0.1, interference=np.array([[1.0, -1.0], [-1.0, 1.0]])).model()
    times = ro.learning_times(model.replace(frequency=frequency), 0.8)
    assert 0 < times[0] < 100 < times[1] < np.inf


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"level": np.nan}, "level: expected one finite number, got nan"),
        ({"level": np.inf}, "level: expected one finite number, got inf"),
        ({"level": np.array([0.5, 0.6])}, "level: expected one finite number"),
        ({"level": "0.5"}, "level: expected one finite number, got '0.5'"),
        ({"tolerance": "tight"}, "tolerance: expected a number between 0 and 1 (an error of a time), got 'tight'"),
        ({"tolerance": 0.0}, "tolerance: expected a number between 0 and 1 (an error of a time), got 0.0"),
        ({"tolerance": 1.0}, "tolerance: expected a number between 0 and 1 (an error of a time), got 1.0"),
        ({"level": 10**400}, "level: expected one finite number, got 1000"),
        ({"level": -(10**400)}, "level: expected one finite number, got -1000"),
        ({"tolerance": 10**400}, "tolerance: expected a number between 0 and 1 (an error of a time), got 1000"),
        ({"batch_size": 0}, "batch_size: expected a positive whole number, got 0"),
    ],
)
def test_wrong_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        ro.learning_times(CHAIN.model(), **options)


def test_batch_size_is_used_by_events_or_refused(monkeypatch):
    wastes, overlap = np.array([0.1, 0.2, 0.3]), np.array([[1.0, 0.1], [0.1, 1.0]])
    own = {"interference": overlap, "loss": "cross_entropy"}
    cases = [Case([[], []], np.array([1.0, 0.5]), 1e-2, waste, **own) for waste in wastes]
    model, sizes = cases[0].model(wasted_resource=wastes), []
    solve = events._event_times

    def counted(part, *arguments, **options):
        sizes.append(part.batch_shape)
        return solve(part, *arguments, **options)

    monkeypatch.setattr(events, "_event_times", counted)
    for case, times in zip(cases, ro.learning_times(model, 0.5, batch_size=2), strict=True):
        check_times(case, times, 0.5)
    assert set(sizes) == {(2,)} and len(sizes) == 2
    with pytest.raises(ValueError, match="batch_size: expected None under jit, vmap and grad"):
        jax.jit(lambda level: ro.learning_times(model, level, batch_size=2))(0.5)


# -- gradients

PARAMETERS = np.array([1.0, 0.7, 1.9, 0.5, 1.3, 0.9, 1.1, 0.6, 1.7, 0.2, 0.8, 0.3])


def two_graphs(parameters, loss):
    """Two graphs of different size, padded: nine frequencies, N0, eta and a."""
    p, (n0, eta, a) = parameters[:9], parameters[9:]
    small = ro.SkillGraph([[], [0], [0, 1]])
    large = ro.SkillGraph([[], [], [0, 1], [2], [0], [1]], gate=["all", "all", "any", "all", "all", "all"])
    return ro.stack([ro.ResourceModel(g, q, eta, n0, a, loss=loss) for g, q in ((small, p[:3]), (large, p[3:]))])


@pytest.mark.parametrize("loss", ["mse", pytest.param("cross_entropy", marks=pytest.mark.slow)])
def test_gradients(loss):
    rng = np.random.default_rng(3)
    weights, direction = rng.normal(size=(2, 6)), rng.normal(size=12)

    def measured(parameters):
        return jnp.nansum(weights * ro.learning_times(two_graphs(parameters, loss), 0.6))

    compiled = jax.jit(jax.value_and_grad(measured))
    x, step = jnp.asarray(PARAMETERS), 1e-4
    value, gradient = compiled(x)
    # the compiled value is that of the checked path
    np.testing.assert_allclose(value, measured(x), rtol=1e-6)
    tangent = jax.jit(lambda v: jax.jvp(measured, (x,), (v,))[1])(jnp.asarray(direction))
    ends = [[float(compiled(x.at[k].add(sign * step))[0]) for k in range(12)] for sign in (1, -1)]
    differences = np.subtract(*ends) / (2 * step)
    np.testing.assert_allclose(gradient, differences, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(tangent, gradient @ direction, rtol=1e-8)


def test_gradient_of_a_horizon_by_hand():
    """One skill: eta t = theta + N0 L/p."""
    graph, level = ro.SkillGraph([[]]), 0.9

    def last(p, eta, n0):
        return ro.horizon(ro.ResourceModel(graph, p[None], eta, n0), level)

    p, eta, n0, depth = 0.7, 0.2, 0.3, -np.log(1 - level)
    found = jax.grad(last, (0, 1, 2))(jnp.asarray(p), jnp.asarray(eta), jnp.asarray(n0))
    exact = (-n0 * depth / p**2 / eta, -(level + n0 * depth / p) / eta**2, depth / p / eta)
    np.testing.assert_allclose(found, exact, rtol=1e-9)


def one_skill_by_events():
    """A learning time under a schedule that changes nothing, as a function; where, and its derivatives there."""
    graph, level = ro.SkillGraph([[]]), 0.9

    def last(p, eta):
        frequency = ro.Schedule(jnp.array([0.0, 3.0]), jnp.stack([p[None], p[None]]))
        return ro.learning_times(ro.ResourceModel(graph, frequency, eta, 0.3), level)[0]

    p, eta, depth = 0.7, 0.2, -np.log(1 - level)
    exact = (-0.3 * depth / p**2 / eta, -(level + 0.3 * depth / p) / eta**2)
    return last, (jnp.asarray(p), jnp.asarray(eta)), exact


def test_gradients_by_events():
    last, inputs, exact = one_skill_by_events()
    value, slopes = jax.jit(jax.value_and_grad(last, (0, 1)))(*inputs)
    np.testing.assert_allclose(value, (0.9 - 0.3 * np.log(0.1) / 0.7) / 0.2, rtol=1e-6)
    np.testing.assert_allclose(slopes, exact, rtol=1e-5)


@pytest.mark.slow
def test_tangents_by_events():
    last, inputs, exact = one_skill_by_events()
    tangent = jax.jit(lambda: jax.jvp(last, inputs, (jnp.ones(()), jnp.zeros(())))[1])()
    np.testing.assert_allclose(tangent, exact[0], rtol=1e-5)


def test_gradients_of_self_paced_skills():
    """One skill: tau = ln 2/lo + (L - ln 2)/hi, and eta t = theta + N0 tau."""
    graph, level, n0, eta = ro.SkillGraph([[]]), 0.9, 0.3, 0.2

    def last(low, high):
        return ro.learning_times(ro.ResourceModel(graph, low[None], eta, n0, frequency_after=high[None]), level)[0]

    low, high, rest = 0.5, 4.0, -np.log(1 - level) - np.log(2)
    found = jax.grad(last, (0, 1))(jnp.asarray(low), jnp.asarray(high))
    np.testing.assert_allclose(found, (-n0 * np.log(2) / low**2 / eta, -n0 * rest / high**2 / eta), rtol=1e-8)


def test_a_level_that_is_never_reached_has_finite_gradients_beside_it():
    def measured(p):
        times = ro.learning_times(CHAIN.model(frequency=p), 1.0)
        return jnp.sum(jnp.where(jnp.isinf(times), 0, times))

    assert jax.grad(measured)(jnp.array([0.3, 1.0, 3.0])).tolist() == [0, 0, 0]


def test_the_bound_of_the_range_does_not_multiply_along_paths():
    # each skill needs all before it, behind small gates: a single slow line per skill would bound the last by 1e70
    graph = ro.SkillGraph([list(range(k)) for k in range(9)])
    model = ro.ResourceModel(graph, [1.0] * 9, 0.01, 0.01, 0.01)
    bound = np.asarray(panels.reach(model, model.effort(model.exposure_at(0.5))))
    clock = np.asarray(ro.simulate(model, ro.learning_times(model, 0.5), tolerance=1e-8).clock)
    assert np.all(clock <= bound * (1 + 1e-9)) and np.all(bound < 20 * clock)


@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
def test_what_comes_late_under_a_schedule_is_no_never(loss):
    # what a constant schedule says is what the number says, however long it takes: a million times what a root needs
    graph, numbers = ro.SkillGraph([[], [0], [1]]), {"wasted_resource": 2.0, "gate_exponent": 1e-4, "loss": loss}
    constant = ro.ResourceModel(graph, [1e-4, 1.0, 1.0], 1e-3, **numbers)
    scheduled = ro.ResourceModel(graph, [1e-4, 1.0, 1.0], ro.Schedule([0.0, 5.0], [1e-3, 1e-3]), **numbers)
    right = ro.learning_times(constant, 1 - 1e-6)
    assert np.isfinite(right).all() and right.max() > 1e8
    np.testing.assert_allclose(ro.learning_times(scheduled, 1 - 1e-6), right, rtol=1e-6)
