"""Schedules by cascades: closed forms, SciPy, transformations."""

import dataclasses
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize
from systems import Case

import resource_ode as ro
from resource_ode import observables
from resource_ode.observables import one_pass
from resource_ode.solve.cascade import schedules

GRAPH = [[], [0], [0, 1], [], [3, 2]]
FREQUENCY = np.array([1.0, 0.6, 2.0, 0.3, 0.7])
# one of them pauses, and ends on a slope far below the first
RATE = ([0.0, 3.0, 5.0, 9.0], np.array([1.0, 0.0, 2.5, 0.05]))
WASTE = ([0.0, 2.0, 5.0, 20.0], np.array([0.01, 30.0, 0.4, 0.002]))
# each skill pauses at some time, one of them until others wait for it
MIXTURE = (
    [0.0, 1.0, 4.0, 30.0],
    np.array([[1.0, 0, 2, 0.3, 0], [0, 0.6, 2, 0.3, 0.7], [0.4, 1.6, 0, 0.3, 0.1], [1.0, 0.6, 2, 0, 0.7]]),
)
SCHEDULES = {"rate": {"learning_rate": RATE}, "waste": {"wasted_resource": WASTE}}
SCHEDULES["both"] = {**SCHEDULES["rate"], **SCHEDULES["waste"]}
SCHEDULES["mixture"] = {"frequency": MIXTURE}
SCHEDULES["all"] = {**SCHEDULES["both"], **SCHEDULES["mixture"]}
VARIANTS = {
    "mse": {},
    "any": {"gate": ["all", "all", "any", "all", "any"]},
    "cross entropy": {"loss": "cross_entropy"},
    "l2": {"competition": "l2"},
    "started": {"initial_level": np.array([0.0, 0.3, 0.0, 0.6, 0.0])},
    "self-paced": {"frequency_after": np.array([3.0, 0.2, 1.0, 5.0, 0.7])},
    "extended": {"plateau": 0.02, "prerequisite_strength": [[], [0.6], [1.0, 0.3], [], [0.9, 1.0]]},
    "effective": {"frequency_power": 0.5, "learnability": [1.0, 2.0, 0.5, 1.0, 3.0]},
}
TS = np.append(0.0, np.geomspace(0.02, 200, 60))


def case_of(**changes):
    numbers = {"frequency": FREQUENCY, "learning_rate": 0.8, "wasted_resource": 0.05, "gate_exponent": 0.3}
    return Case(GRAPH, **(numbers | changes))


# -- right numbers


def one_skill(level, frequency, rate, waste):
    r"""$\eta\,\Delta t = \Delta s + N_0\,\Delta\tau$ with $p\,\Delta\tau = -\Delta\ln(1 - s)$, roots by SciPy."""
    begin, goal, starts = 0.0, level, sorted({*frequency[0], *rate[0], *waste[0]})
    for number, start in enumerate(starts):
        p, eta, n0 = (
            value[1][np.searchsorted(value[0], start, side="right") - 1] for value in (frequency, rate, waste)
        )
        end = starts[number + 1] if number + 1 < len(starts) else np.inf

        def cost(to, begin=begin, n0=n0, p=p):
            return to - begin + n0 * (np.log1p(-begin) - np.log1p(-to)) / p

        if eta * p > 0 and cost(goal) <= eta * (end - start):
            return start + cost(goal) / eta
        if eta * p > 0:
            spent = eta * (end - start)
            begin = optimize.brentq(lambda to: cost(to) - spent, begin, goal, xtol=1e-16, rtol=1e-15)  # noqa: B023
    return np.inf


@pytest.mark.parametrize("schedules", SCHEDULES)
def test_one_skill_in_closed_form(schedules):
    given = {"frequency": ([0.0], [0.7]), "learning_rate": ([0.0], [0.8]), "wasted_resource": ([0.0], [0.05])}
    given |= SCHEDULES[schedules]
    if "frequency" in SCHEDULES[schedules]:
        given["frequency"] = ([0.0, 0.5, 1.0, 60.0], np.array([0.7, 0.0, 2.0, 0.1]))
    frequency = (given["frequency"][0], np.asarray(given["frequency"][1])[:, None])
    model = Case([[]], **(given | {"frequency": frequency})).model()
    for level in (0.01, 0.5, 0.9, 0.999):
        exact = one_skill(level, *given.values())
        np.testing.assert_allclose(ro.learning_times(model, level)[0], exact, rtol=1e-9)
        assert abs(float(ro.simulate(model, [exact]).level[0, 0]) - level) < 1e-9


# self-paced skills have no schedule of the frequency; rates alone are another way than the rest
PAIRS = [(variant, "rate") for variant in VARIANTS]
PAIRS += [(variant, "waste") for variant in ("mse", "l2", "self-paced")] + [("self-paced", "both")]
PAIRS += [(variant, schedules) for variant in VARIANTS if variant != "self-paced" for schedules in ("mixture", "all")]


@pytest.mark.parametrize(("variant", "schedules"), PAIRS)
def test_against_scipy(variant, schedules):
    check_against_scipy(case_of(**SCHEDULES[schedules], **VARIANTS[variant]))


def test_pools_against_scipy():
    apart = dataclasses.replace(case_of(**SCHEDULES["mixture"]), prerequisites=[[], [0], [0, 1], [], [3]])
    check_against_scipy(
        dataclasses.replace(
            apart, pool=[0, 0, 0, 1, 1], learning_rate=np.array([0.8, 0.3]), wasted_resource=[0.05, 0.2]
        )
    )


def check_against_scipy(case):
    run = ro.simulate(case.model(), TS).check()
    assert run.method.startswith("cascade")
    assert np.abs(np.asarray(run.level) - case.levels(TS)).max() < 1e-7
    assert np.abs(np.asarray(run.budget_residual)).max() < 1e-7
    # the levels that SciPy finds at the learning times
    times = np.asarray(ro.learning_times(case.model(), 0.4))
    reached = np.isfinite(times) & (times > 0)
    assert reached.sum() >= 3
    order = np.argsort(times[reached])
    levels = case.levels(np.append(0.0, times[reached][order]))[1:]
    np.testing.assert_allclose(levels[np.arange(len(order)), np.flatnonzero(reached)[order]], 0.4, atol=1e-7)


def test_what_changes_nothing_is_the_cascade():
    numbers = {"learning_rate": 0.8, "wasted_resource": 0.05}
    plain = case_of().model()
    for name, value in numbers.items():
        same = case_of(**{name: ([0.0, 3.0, 40.0], np.full(3, value))}).model()
        np.testing.assert_allclose(ro.learning_times(same, 0.7), ro.learning_times(plain, 0.7), rtol=1e-7)
        np.testing.assert_allclose(ro.simulate(same, TS).level, ro.simulate(plain, TS).level, atol=1e-8)


# -- errors are known


def random_models(seed, count=64):
    """A batch in which pieces differ by orders of magnitude."""
    rng = np.random.default_rng(seed)
    graph = ro.SkillGraph([[], [0], [0, 1], [1], [2, 3], [0]])
    times = np.append(0.0, np.sort(10 ** rng.uniform(-1, 2.5, 3)))
    rate = ro.Schedule(times, 10 ** rng.uniform(-2, 1, 4) * (rng.random(4) > 0.2))
    waste = ro.Schedule(np.append(0.0, np.sort(10 ** rng.uniform(-1, 2.5, 2))), 10 ** rng.uniform(-4, 2, 3))
    frequency = 10 ** rng.uniform(-1, 1, (count, 6))
    exponent = 10 ** rng.uniform(-3, 0.5, count)
    model = ro.ResourceModel(graph, frequency, rate, waste, exponent)
    mixtures = 10 ** rng.uniform(-2, 1, (3, 6)) * (rng.random((3, 6)) > 0.2) + np.eye(3, 6) + np.eye(3, 6, 3)
    return model, {"frequency": ro.Schedule(np.append(0.0, np.sort(10 ** rng.uniform(-1, 2.5, 2))), mixtures)}


@pytest.mark.parametrize("seed", [0, 1, pytest.param(2, marks=pytest.mark.slow)])
def test_errors_are_within_the_tolerance(seed):
    model, mixture = random_models(seed)
    for changes in ({}, {"learning_rate": 0.3} | mixture, {"wasted_resource": 0.02}, mixture):
        other = model.replace(**changes)
        ts = np.append(0, np.geomspace(0.1, 1e3, 40))
        exact, found = (ro.simulate(other, ts, tolerance=t) for t in (1e-10, 1e-4))
        assert not exact.failures()
        good = np.asarray(found.result == ro.RESULTS.successful)
        assert good.mean() > 0.9
        assert np.abs(np.asarray(found.level) - np.asarray(exact.level))[good].max() < 1e-4
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "learning_times: ")
            right, times = (np.asarray(ro.learning_times(other, 0.6, tolerance=t)) for t in (1e-10, 1e-4))
        known = ~np.isnan(times) & ~np.isnan(right)
        assert known.mean() > 0.9
        np.testing.assert_array_equal(np.isinf(times[known]), np.isinf(right[known]))
        finite = known & np.isfinite(right)
        assert np.abs(times[finite] / right[finite] - 1).max() < 1e-4


def test_a_rate_far_below_what_it_was():
    # what is left takes a billion times longer than what came before
    late = ([0.0, 1.0], np.array([1.0, 1e-9]))
    model = Case([[]], [1.0], late, 0.1).model()
    for level in (0.8, 0.9):
        np.testing.assert_allclose(
            ro.learning_times(model, level)[0],
            one_skill(level, ([0.0], [1.0]), late, ([0.0], [0.1])),
            rtol=1e-7,
        )
    # at a level where the rate falls just then no digit of the rest is known
    on_edge = Case([[]], [1.0], ([0.0, 1.0], np.array([0.5 - 0.1 * np.log(0.5), 1e-14])), 0.1).model()
    with pytest.warns(UserWarning, match="learning_times: 1 of 1 members are NaN, since their estimated error exceeds"):
        assert np.isnan(ro.learning_times(on_edge, 0.5 + 1e-13)[0])


def test_a_rate_that_stops():
    stops = case_of(learning_rate=([0.0, 1.5], np.array([0.8, 0.0]))).model()
    times = np.asarray(ro.learning_times(stops))
    assert np.isfinite(times[0]) and np.isinf(times[[2, 4]]).all()
    run = ro.simulate(stops, [1.5, 10.0, 1e6])
    np.testing.assert_allclose(run.level[1:], run.level[:1].repeat(2, axis=0), atol=1e-12)
    with pytest.warns(UserWarning, match="seriality: 1 of 1 members are NaN, since the learning rate is 0 before"):
        assert np.isnan(observables.seriality(stops))
    assert np.isnan(ro.learning_times(case_of(learning_rate=([0.0], np.zeros(1))).model())).sum() == 0


def test_skills_that_pause_for_ever():
    # the first waits at a low level, and the second goes on behind it; the third never begins, nor what waits for it
    frequency = ([0.0, 0.02], np.array([[1.0, 1.0, 1.0, 0.0, 1.0], [0.0, 1.0, 0.0, 1.0, 1.0]]))
    case = Case([[], [0], [3], [], [2]], frequency, 0.8, 0.05, 0.3)
    times, run = np.asarray(ro.learning_times(case.model())), ro.simulate(case.model(), TS).check()
    assert np.isinf(times[[0, 2, 4]]).all()
    late = case.levels([0.0, *np.sort(times[[1, 3]])])[1:]
    np.testing.assert_allclose([late[1, 1], late[0, 3]], 0.5, atol=1e-8)
    np.testing.assert_array_equal(run.level[:, [2, 4]], 0)
    # where hardly anything is open, time goes by at the waste alone: ln 2 of effort by a gate of a z
    brief = case.model().replace(frequency=ro.Schedule([0.0, 1e-9], frequency[1]))
    gate = 0.3 * 0.8e-9 / 1.05
    expected = 0.05 / 0.8 * np.log(2) / gate + 0.5 / 0.8
    np.testing.assert_allclose(ro.learning_times(brief)[1], expected, rtol=1e-7)


def test_a_pause_when_all_is_learned():
    # the clock goes on at the waste alone: eta t = n + N0 tau; under a trace no other method helps out
    frequency = ro.Schedule([0.0, 50.0, 70.0], np.array([[1.0, 1.0], [0.0, 0.0], [0.0, 1.0]]))
    model = ro.ResourceModel(ro.SkillGraph([[], [0]]), frequency, 0.8, 2e-3, 1.9)
    run = jax.jit(lambda model: ro.simulate(model, [50.0, 60.0, 80.0]))(model).check()
    np.testing.assert_allclose(run.clock, (0.8 * run.ts - 2) / 2e-3, rtol=1e-12)
    np.testing.assert_array_equal(run.level, 1)


def test_skills_that_are_met_while_nothing_is_handed_out():
    # at a rate of 0 the first skill has not moved, so that the second still waits when the first pauses
    frequency = ([0.0, 1.0, 5.0], np.array([[1.0, 1.0], [0.0, 1.0], [1.0, 0.6]]))
    case = Case([[], [0]], frequency, ([0.0, 1.0], np.array([0.0, 0.8])), 0.05, 0.3)
    later = Case([[], [0]], frequency[1][2], 0.8, 0.05, 0.3)
    np.testing.assert_allclose(ro.learning_times(case.model()), 5 + ro.learning_times(later.model()), rtol=1e-7)
    np.testing.assert_allclose(ro.simulate(case.model(), 5 + TS[1:]).level, later.levels(TS)[1:], atol=1e-7)
    for_ever = dataclasses.replace(case, frequency=tuple(x[:2] for x in frequency)).model()
    assert np.isinf(ro.learning_times(for_ever)).all()


@pytest.mark.parametrize("loss", ["mse", pytest.param("cross_entropy", marks=pytest.mark.slow)])
def test_a_level_that_skills_start_at(loss):
    case = case_of(**SCHEDULES["all"], loss=loss, initial_level=np.array([0.0, 0.3, 1e-6, 0.9, 0.0]))
    for level, skill in ((0.3, 1), (1e-6, 2), (0.9, 3)):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            times = np.asarray(ro.learning_times(case.model(), level))
        assert times[skill] == 0
        reached = np.isfinite(times) & (times > 0)
        order = np.argsort(times[reached])
        levels = case.levels(np.append(0.0, times[reached][order]))[1:]
        np.testing.assert_allclose(levels[np.arange(len(order)), np.flatnonzero(reached)[order]], level, atol=1e-7)


def test_a_skill_that_is_never_met_under_a_trace():
    # refused where it is known
    values = np.array([[1.0, 0.0], [2.0, 0.0]])

    def model(values):
        return ro.ResourceModel(ro.SkillGraph([[], [0]]), ro.Schedule([0.0, 1.0], values), 0.8, 0.05, 0.3)

    with pytest.raises(ValueError, match="every skill has a positive frequency at some time"):
        model(values)
    assert np.isnan(jax.jit(lambda values: ro.learning_times(model(values)))(values)).all()
    lost = jax.jit(lambda values: ro.simulate(model(values), [0.5, 2.0]).result == ro.RESULTS.not_finite)
    assert lost(values)


@pytest.mark.parametrize("name", ["wasted_resource", "frequency"])
def test_skills_far_slower_than_others(name):
    numbers = {"frequency": np.array([1.0, 1e-20]), "learning_rate": 0.8, "wasted_resource": 0.05, "gate_exponent": 0.3}
    plain = Case([[], [0]], **numbers)
    same = dataclasses.replace(plain, **{name: ([0.0, 3.0], np.stack([numbers[name]] * 2))})
    model = same.model()
    found = jax.jit(lambda level: ro.learning_times(model, level))(0.7)
    np.testing.assert_allclose(found, ro.learning_times(plain.model(), 0.7), rtol=1e-7)


def test_skills_far_slower_than_others_where_some_pause():
    # the loops take them to stand still: that may do for a while, and then is said
    values = np.array([[1.0, 1e-20, 1.0], [1.0, 1e-20, 0.0]])
    model = ro.ResourceModel(ro.SkillGraph([[], [], [0]]), ro.Schedule([0.0, 3.0], values), 0.8, 0.05, 0.3)
    run = jax.jit(lambda end: ro.simulate(model, jnp.stack([1.0, end])))(1e20)
    assert run.result == ro.RESULTS.inaccurate
    assert np.isnan(jax.jit(ro.learning_times)(model)).all()


def test_members_of_a_batch_that_are_unsure():
    # each then goes to the general solver, or is NaN and counted
    frequency = np.array([[1.0, 1e-20, 1.0], [1.0, 1.0, 0.0]])
    schedule, waste = ro.Schedule([0.0, 3.0], frequency), np.array([0.02, 0.05])
    batch = ro.ResourceModel(ro.SkillGraph([[], [0], []]), schedule, 0.8, waste, 0.3)
    constant = Case([[], [0], []], (schedule.times, frequency), 0.8, waste[1], 0.3)
    times = np.asarray(ro.learning_times(batch, 0.7))
    levels = constant.levels(np.append(0.0, np.sort(times[1])))[1:]
    np.testing.assert_allclose(levels[np.arange(3), np.argsort(times[1])], 0.7, atol=1e-6)


def test_rounding_that_a_slower_piece_magnifies():
    # what is left to learn after the change is hardly more than the rounding of what was learned before it
    with jax.enable_x64(False):
        schedules = [ro.Schedule([0.0, end], np.array([[1.0], [1e-3]])) for end in np.linspace(0.82, 0.91, 8)]
        models = [ro.ResourceModel(ro.SkillGraph([[]]), mix, 0.8, 0.05, 1.0, plateau=0.01) for mix in schedules]
        solve = jax.jit(lambda model, tolerance: ro.learning_times(model, tolerance=tolerance)[0])
        loose, strict = (np.array([solve(model, tolerance) for model in models]) for tolerance in (1e-4, 1e-6))
    exact = [jax.tree.map(lambda x: x.astype(float) if x.dtype == np.float32 else x, model) for model in models]
    expected = np.array([ro.learning_times(model)[0] for model in exact])
    np.testing.assert_allclose(loose, expected, rtol=1e-4)
    sure = ~np.isnan(strict)
    np.testing.assert_allclose(strict[sure], expected[sure], rtol=1e-6)


@pytest.mark.slow
def test_members_do_not_meet():
    model, mixture = random_models(11)
    for changes in ({}, {"wasted_resource": 0.02}, mixture):
        batch = model.replace(**changes)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "learning_times: ")
            times, run = np.asarray(ro.learning_times(batch)), ro.simulate(batch, TS)
            for member in (0, 17, 63):
                np.testing.assert_array_equal(ro.learning_times(batch[member : member + 1])[0], times[member])
                alone = ro.simulate(batch[member : member + 1], TS)
                np.testing.assert_array_equal(alone.level[0], run.level[member])


@pytest.mark.parametrize("schedules", ["rate", "all"])
def test_single_precision(schedules):
    case = case_of(**SCHEDULES[schedules])
    exact = case.levels(TS)
    with jax.enable_x64(False):
        run = ro.simulate(case.model(), TS)
        assert run.level.dtype == np.float32 and not run.failures()
        assert np.abs(np.asarray(run.level) - exact).max() < 2e-4
        times = np.asarray(ro.learning_times(case.model(), 0.4), float)
    np.testing.assert_allclose(times, ro.learning_times(case.model(), 0.4), rtol=1e-4)


# -- who serves them


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"wasted_resource": (np.arange(70.0), np.full(70, 0.1))},
            "wasted_resource follows a schedule of more than 64 pieces",
        ),
        (
            {"frequency": (np.arange(70.0), np.ones((70, 5)))},
            "frequency follows a schedule of more than 64 pieces",
        ),
        (
            {"wasted_resource": ([0.0, 1.0], np.array([0.1, 0.0]))},
            "wasted_resource follows a schedule, and wasted_resource is 0 somewhere",
        ),
    ],
)
def test_schedules_that_have_no_cascade(changes, reason):
    model = case_of(**changes).model()
    with pytest.raises(ValueError, match=f"since {reason}"):
        ro.simulate(model, TS, method="cascade")
    assert ro.simulate(model, [0.0, 1.0]).method.startswith("ode")


def test_what_is_said_where_there_is_no_waste():
    """A method is named only if it takes the model; a run that goes past its end fails for want of waste."""
    model = case_of(frequency=SCHEDULES["mixture"]["frequency"], wasted_resource=0.0).model()
    for method in ("auto", "ode", "cascade"):
        with pytest.raises(ValueError, match=r'use (method=)?"steps"$'):
            ro.simulate(model, [0.0, 1.0], method=method)
    changing = case_of(wasted_resource=([0.0, 1.0], np.array([0.1, 0.0]))).model()
    end = model.skills / float(np.min(changing.learning_rate))
    assert ro.simulate(changing, [0.0, end / 20]).failures() == ""
    assert "wasted resource is zero" in ro.simulate(changing, [0.0, 2 * end]).failures()


def test_without_loops(monkeypatch):
    rate, waste, mixture = (case_of(**SCHEDULES[name]).model() for name in ("rate", "waste", "mixture"))
    expected = ro.simulate(rate, TS).level
    monkeypatch.setattr(schedules.traced, "by_loops", lambda model: False)
    monkeypatch.setattr("resource_ode.native.library", lambda: None)
    for model in (waste, mixture):
        assert "there are no compiled loops" in schedules.obstacle(model)
    run = ro.simulate(rate, TS)
    assert "arrays" in run.method
    np.testing.assert_allclose(run.level, expected, atol=1e-6)


# -- transformations


def functions(schedules):
    """Numbers of a schedule to a sum of times, and of levels."""
    given = {name: np.array(value[1]) for name, value in SCHEDULES[schedules].items()}

    def model(values):
        changes = {k: ro.Schedule(SCHEDULES[schedules][k][0], v) for k, v in values.items()}
        return case_of().model().replace(**changes)

    weights = np.arange(1.0, 6.0)
    finite = np.isfinite(np.asarray(ro.learning_times(model(given), 0.4)))
    times = lambda values: jnp.sum(jnp.where(finite, ro.learning_times(model(values), 0.4), 0) * weights)  # noqa: E731
    levels = lambda values: jnp.sum(ro.simulate(model(values), TS[::6], tolerance=1e-9).level @ weights)  # noqa: E731
    return {"times": times, "levels": levels}, given


@pytest.mark.parametrize("schedules", ["rate", "all"])
@pytest.mark.parametrize("what", ["times", pytest.param("levels", marks=pytest.mark.slow)])
def test_derivatives(what, schedules):
    every, given = functions(schedules)
    function = every[what]
    value, slopes = jax.jit(jax.value_and_grad(function))(given)
    np.testing.assert_allclose(value, function(given), rtol=1e-9)
    forward = jax.jit(jax.jacfwd(function))(given)
    for name, values in given.items():
        np.testing.assert_allclose(slopes[name], forward[name], rtol=1e-9, atol=1e-12 * np.abs(slopes[name]).max())
        for k in np.argwhere(values > 0)[:: 1 + (values.ndim - 1) * 2]:
            k = tuple(k)
            step = np.zeros_like(values)
            step[k] = 1e-4 * values[k]
            high, low = (float(function(given | {name: values + sign * step})) for sign in (1, -1))
            scale = np.abs(slopes[name] * values).max() / values[k]
            np.testing.assert_allclose(slopes[name][k], (high - low) / (2 * step[k]), rtol=1e-5, atol=1e-6 * scale)


def test_derivatives_by_times_at_which_two_schedules_change():
    # each on one side, the rate's first: from before, and the waste's from then on
    starts, rates, wastes = np.array([0.0, 1.5, 4.0]), [0.8, 0.3, 1.7], [0.05, 2.0, 0.3]

    def total(of_rate, of_waste):
        changes = {"learning_rate": ro.Schedule(of_rate, rates), "wasted_resource": ro.Schedule(of_waste, wastes)}
        return jnp.sum(ro.learning_times(case_of().model().replace(**changes), 0.4))

    total = jax.jit(total)
    slopes = jax.jit(jax.grad(total, argnums=(0, 1)))(starts, starts)
    for k in (1, 2):
        step = 1e-4 * np.eye(3)[k]
        there = float(total(starts, starts))
        np.testing.assert_allclose(slopes[0][k], (there - float(total(starts - step, starts))) / 1e-4, rtol=1e-3)
        np.testing.assert_allclose(slopes[1][k], (float(total(starts, starts + step)) - there) / 1e-4, rtol=1e-3)


@pytest.mark.slow
def test_derivatives_by_a_frequency_of_zero():
    # on one side alone: what an earlier start of the third skill would change
    for function in functions("mixture")[0].values():
        slopes = np.asarray(jax.jit(jax.grad(function))({"frequency": MIXTURE[1]})["frequency"])
        for k in ((1, 0), (2, 2), (0, 1)):
            along = np.zeros_like(MIXTURE[1])
            along[k] = 1e-5
            rise = [float(function({"frequency": MIXTURE[1] + x * along})) for x in range(3)]
            np.testing.assert_allclose(slopes[k], (4 * rise[1] - 3 * rise[0] - rise[2]) / 2e-5, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("schedules", ["rate", pytest.param("all", marks=pytest.mark.slow)])
def test_jit_vmap_and_reduce(schedules):
    model = case_of(**SCHEDULES[schedules]).model().replace(gate_exponent=[0.1, 0.3, 1.0])
    times, run = ro.learning_times(model, 0.4), ro.simulate(model, TS)
    np.testing.assert_allclose(jax.jit(lambda m: ro.learning_times(m, 0.4))(model), times, rtol=1e-7)
    np.testing.assert_allclose(jax.jit(lambda level: ro.learning_times(model, level))(0.4), times, rtol=1e-7)
    np.testing.assert_allclose(jax.jit(lambda m: ro.simulate(m, TS).level)(model), run.level, atol=1e-8)
    own = lambda a: ro.learning_times(case_of(**SCHEDULES[schedules]).model().replace(gate_exponent=a), 0.4)  # noqa: E731
    np.testing.assert_allclose(jax.vmap(own)(jnp.array([0.1, 0.3, 1.0])), times, rtol=1e-7)
    reduced = ro.simulate(model, TS, reduce=_reduced, batch_size=2)
    for found, expected in zip(reduced, (run.loss, run.budget_residual, run.level[:, -1]), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-8)
    loss = jax.jit(lambda m: ro.simulate(m, TS, reduce=lambda own: own.loss))(model)
    np.testing.assert_allclose(loss, run.loss, atol=1e-8)


def _reduced(run):
    return run.loss, run.budget_residual, run.level[-1]


def test_observables_of_resource_time_know_no_clock():
    plain = case_of().model()
    for changes in (SCHEDULES[name] for name in ("rate", "waste", "both")):
        scheduled = dataclasses.replace(case_of(), **changes).model()
        np.testing.assert_allclose(observables.seriality(scheduled), observables.seriality(plain), rtol=1e-9)
        # a pass that reads times off one clock leaves them to others
        assert one_pass.of_learning_times(scheduled, 0.5, (0.1, 0.9), ("horizon",)) is None
    slower = case_of(**SCHEDULES["rate"]).model()
    for measure in (observables.total_waste, observables.efficiency):
        np.testing.assert_allclose(measure(slower), measure(plain), rtol=1e-6)
    louder = case_of(**SCHEDULES["waste"]).model()
    run = ro.simulate(louder, [float(ro.horizon(louder))])
    np.testing.assert_allclose(observables.total_waste(louder), observables.total_waste(run)[0], rtol=1e-6)
    squared = [case_of(competition="l2", **changes).model() for changes in ({}, SCHEDULES["rate"])]
    np.testing.assert_allclose(*(observables.total_waste(model) for model in squared), rtol=1e-6)
