"""All learning times of a member from one solve: against the cascade, and against levels at these times."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import resource_ode as ro
from resource_ode.solve.events import times_by_events
from resource_ode.solve.members import Wish

GRAPH = ro.SkillGraph([[], [0], [1], [0, 2]])
FREQUENCY = np.array([1.0, 2.0, 0.5, 1.0])
CLOCK = {"learning_rate": 0.01, "wasted_resource": 0.01, "gate_exponent": 0.1}


def across(**changes):
    """Prerequisites that cross pools."""
    own = CLOCK | {"learning_rate": np.full(2, 0.01), "wasted_resource": np.array([0.01, 0.03])}
    return ro.ResourceModel(GRAPH, pool=[0, 1, 0, 1], **({"frequency": FREQUENCY} | own | changes))


def test_levels_at_the_times_across_pools():
    model = across()
    times = np.asarray(ro.learning_times(model, 0.6))
    order = np.argsort(times)
    levels = np.asarray(ro.simulate(model, times[order], tolerance=1e-9).level)
    np.testing.assert_allclose(levels[np.argsort(order), np.arange(4)], 0.6, atol=1e-7)


def test_what_starts_there_and_what_never_arrives():
    stops = ro.Schedule([0.0, 1.0], [FREQUENCY, [1.0, 2.0, 0.5, 0.0]])
    times = np.asarray(ro.learning_times(across(frequency=stops, initial_level=[0.7, 0.0, 0.0, 0.0]), 0.6))
    assert times[0] == 0 and np.all(np.isfinite(times[:3])) and np.isinf(times[3])


def test_what_comes_after_the_end_of_the_search_is_not_said_to_be_never():
    # the time of a skill behind k others goes with the power 1 - 2^-k of one over the exponent
    with pytest.warns(UserWarning, match="learning_times: . of 4 times are NaN, since the solver ended"):
        times = np.asarray(ro.learning_times(across(gate_exponent=1e-300), 0.6))
    assert np.isfinite(times[:2]).all() and not np.isinf(times).any()


@pytest.mark.slow
def test_derivatives_are_those_of_differences():
    def total(waste):
        return jnp.sum(ro.learning_times(across(wasted_resource=waste), 0.6))

    waste, step = jnp.array([0.01, 0.03]), 1e-5
    slope = jax.jit(jax.grad(total))(waste)
    for pool in range(2):
        ends = [total(waste.at[pool].add(sign * step)) for sign in (1, -1)]
        np.testing.assert_allclose(slope[pool], (ends[0] - ends[1]) / (2 * step), rtol=1e-4)


@pytest.mark.parametrize("level", [1e-11, 1e-14])
def test_levels_far_below_one(level):
    # efforts that open the gates of other pools are as small
    own = {"learning_rate": np.array([0.01, 0.02]), "wasted_resource": np.array([0.01, 0.3])}
    model = across(gate_exponent=30.0, frequency=np.array([1.0, 100.0, 1e4, 1.0]), **own)
    loose, close = (np.asarray(ro.learning_times(model, level, tolerance=x)) for x in (1e-4, 1e-9))
    np.testing.assert_allclose(loose, close, rtol=1e-4)


@pytest.mark.parametrize("level", [1e-8, 1e-11, 1e-14])
def test_levels_that_rounding_hides_beside_what_is_unlearned(level):
    overlap, frequency = (np.ones((3, 3)) + np.eye(3)) / 2, np.array([1.0, 0.1, 3.0])
    model = ro.ResourceModel(
        ro.SkillGraph([[], [], []]), frequency, learning_rate=0.01, wasted_resource=0.1, interference=overlap
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        times = np.asarray(times_by_events(model, np.asarray(level), np.asarray(1e-7), Wish(), traced=False))
    right = level * (frequency.sum() + 0.1) / (0.01 * overlap @ frequency)
    assert np.isnan(times).all() if level < 1e-9 else np.allclose(times, right, rtol=1e-7, atol=0)
    np.testing.assert_allclose(ro.learning_times(model, level), right, rtol=1e-7)


@pytest.mark.parametrize(("loss", "begin", "ahead"), [("cross_entropy", 0.3617, 2e-13), ("mse", 0.9943, 4e-14)])
def test_goals_that_rounding_hides_beside_where_a_skill_starts(loss, begin, ahead):
    # the loops are not sure, and ask the general solver; one skill whose demand hardly changes on the way
    model = ro.ResourceModel(
        ro.SkillGraph([[]]), [1.0], learning_rate=0.01, wasted_resource=1e-3, loss=loss, initial_level=[begin]
    )
    with pytest.warns(UserWarning, match="1 of 1 times are NaN"):
        assert np.isnan(np.asarray(ro.learning_times(model, begin + ahead))).all()
