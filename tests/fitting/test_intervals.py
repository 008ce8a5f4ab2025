"""Intervals of predictions: by right derivatives, about the prediction, and as often right as they say."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from fitting.test_measured import FREE, MODEL, NAMES, ONE, OTHER, curves

import resource_ode as ro
from resource_ode.fitting import intervals, reach
from resource_ode.fitting.policies import Rule, followed

SLOW = MODEL.replace(wasted_resource=0.5)
STEPS = np.arange(0.0, 1000.0, 10.0)
EVEN = np.ones(4) / 4


@functools.cache
def fitted():
    return ro.fit(curves(model=SLOW, steps=STEPS, noise=0.02), MODEL.graph, FREE)


@functools.cache
def ended_early():
    """Curves that end before the last two tasks are learned."""
    return ro.fit(curves(model=SLOW, steps=STEPS[:30], noise=0.03), MODEL.graph, FREE)


def test_derivatives_of_learning_times_are_those_of_the_solver():
    found, mixtures = fitted(), np.stack([EVEN, ONE])

    def logs(x):
        return jnp.log(ro.learning_times(found.model_of(mixtures, x), 0.8))

    value, slopes = reach.logs_and_slopes(found, mixtures, 0.8)
    np.testing.assert_allclose(value, logs(jnp.asarray(found.x)), rtol=1e-6)
    np.testing.assert_allclose(slopes, jax.jacfwd(logs)(jnp.asarray(found.x)), atol=1e-3)


def test_derivatives_stay_within_the_bounds():
    found = ro.fit(curves(), MODEL.graph, (*FREE, "prerequisite_strength"))
    many = intervals.neighbours(found.problem, found.x)
    assert np.all((found.problem.low <= many) & (many <= found.problem.high))
    weights = np.arange(1.0, 1 + found.x.size)
    # strengths are at the end of their range: from one side alone, a linear function still has its derivative
    assert np.any(found.x == found.problem.high) or np.any(many[1:] == found.problem.high)
    np.testing.assert_allclose(intervals.value_and_slopes(many, many @ weights[:, None])[1], weights[None], rtol=1e-9)


def test_what_moves_the_model_in_all_mixtures_moves_no_prediction():
    """Predictions are multiplied by measured over fitted times: over the mixtures tried, their means are measured."""
    found = fitted()
    known = reach.reach_of(found, 0.8)
    logs, slopes = reach.logs_and_slopes(found, np.stack([ONE, OTHER]), 0.8)
    measured = np.log(found.curves.learning_times(0.8)).mean(axis=0)
    np.testing.assert_allclose((logs + np.log(known.factor)).mean(axis=0), measured, rtol=1e-9)
    np.testing.assert_allclose(slopes.mean(axis=0) + reach.factor_slopes(found, 0.8), 0, atol=1e-6)


def test_derivatives_under_a_rule_that_follows_nothing_are_those_of_its_mixture():
    found = fitted()
    many = intervals.neighbours(found.problem, found.x)
    times = followed(found.problem.freedom, many, Rule(0.0), 1.0, 1500.0, 0.8).times
    value, slopes = intervals.value_and_slopes(many, np.log(times))
    exact, right = reach.logs_and_slopes(found, EVEN[None], 0.8)
    np.testing.assert_allclose(value, exact[0], atol=1e-3)
    np.testing.assert_allclose(slopes, right[0], atol=0.02)


@pytest.mark.parametrize("found", [fitted, ended_early])
def test_predictions_are_inside_their_intervals(found):
    far = np.array([0.85, 0.05, 0.05, 0.05])
    asked = ro.what_if(found(), [EVEN, ONE, far])
    assert np.all(asked.low < asked.times) and np.all(asked.times < asked.high)
    assert np.all(asked.last_low < asked.last) and np.all(asked.last < asked.last_high)
    for name, policy in ro.design(found()).policies.items():
        assert name == "even mixture" or policy.low < policy.factor < policy.high


def test_what_was_not_measured_is_said_and_has_a_wide_interval():
    found = ended_early()
    never = np.asarray(np.isinf(found.curves.learning_times(0.8)).all(axis=0))
    assert never.any() and not never.all()
    asked = ro.what_if(found, EVEN.tolist())
    np.testing.assert_array_equal(asked.measured, ~never)
    width = np.log(asked.high / asked.low)
    assert width[never].min() > 1.1 * width[~never].max()
    said = ", ".join(repr(name) for name, one in zip(NAMES, never.tolist(), strict=True) if one)
    assert f"Not measured in any run: when {said}" in asked.report()
    assert "Not measured in" not in ro.what_if(fitted(), EVEN.tolist()).report()
    assert f"Not measured in any run: when {said}" in ro.design(found).report()


def test_what_the_ridge_alone_knows_is_as_wide_as_the_ridge():
    """One mixture and no power of frequency known but to 0.3: a factor 4 in a share is one of 4^0.6 to both sides."""
    model = SLOW.replace(wasted_resource=20.0)
    found = ro.fit(curves([EVEN], model=model, steps=20 * STEPS, noise=0.005), MODEL.graph, FREE[1:],
                   {"frequency_power": (0.6, 0.3), "learning_rate": 0.02})  # fmt: skip
    spread = intervals.directions(found.problem, found.x)
    own = np.linalg.norm(spread, axis=1)[found.problem.freedom.slices()["frequency_power"]]
    np.testing.assert_allclose(own, 0.3, rtol=0.02)
    _, slopes = reach.logs_and_slopes(found, np.array([[0.0625, 0.3125, 0.3125, 0.3125]]), 0.8)
    along = (slopes[0] + reach.factor_slopes(found, 0.8)) @ spread
    # little competes where most is wasted, so that times are as p^-power
    half = 1.96 * 0.3 * np.log([4, 1.25, 1.25])
    np.testing.assert_allclose(intervals.half_width(along)[[0, 1, 3]], half, rtol=0.1)


def test_mixtures_that_leave_tasks_out_are_solved_together_with_others():
    found = fitted()
    together = found.model_of(np.array([ONE, [0.5, 0.0, 0.3, 0.2]]))
    for place, mixture in enumerate((ONE, np.array([0.5, 0.0, 0.3, 0.2]))):
        alone = ro.learning_times(found.model_of(mixture), 0.5)
        np.testing.assert_allclose(ro.learning_times(together, 0.5)[place], alone, rtol=1e-6)


@pytest.mark.slow
def test_intervals_of_predictions_cover_the_truth():
    """Learning times and the factor of the constant mixture, of 24 fits."""
    true = np.asarray(ro.learning_times(SLOW.replace(frequency=EVEN), 0.8))
    held, last, factors, widths = [], [], [], []
    for start in range(24):
        found = ro.fit(curves(model=SLOW, steps=STEPS, noise=0.03, start=start), MODEL.graph, FREE)
        asked = ro.what_if(found, EVEN.tolist())
        held.append((asked.low <= true) & (true <= asked.high))
        last.append(asked.last_low <= true.max() <= asked.last_high)
        widths.append(np.log(asked.high / asked.low))
        constant = ro.design(found).policies["constant mixture"]
        assert constant.mixture is not None
        faster = true.max() / float(ro.horizon(SLOW.replace(frequency=list(constant.mixture.values())), 0.8))
        factors.append(constant.low <= faster <= constant.high)
    assert np.mean(held) >= 0.9 and np.mean(last) >= 0.9 and np.mean(factors) >= 0.9
    # and they are no wider than one learning time is told from another by
    assert np.median(widths) < 0.5
