"""All learning times of a member from one solve: against the cascade, and against levels at these times."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import resource_ode as ro

GRAPH = ro.SkillGraph([[], [0], [1], [0, 2]])
FREQUENCY = np.array([1.0, 2.0, 0.5, 1.0])
CLOCK = {"learning_rate": 0.01, "wasted_resource": 0.01, "gate_exponent": 0.1}


def across(**changes):
    """Prerequisites that cross pools."""
    own = CLOCK | {"learning_rate": np.full(2, 0.01), "wasted_resource": np.array([0.01, 0.03])}
    return ro.ResourceModel(GRAPH, FREQUENCY, pool=[0, 1, 0, 1], **(own | changes))


def test_a_schedule_that_changes_nothing_is_the_cascade():
    scheduled = ro.ResourceModel(GRAPH, ro.Schedule([0.0, 50.0], [FREQUENCY, FREQUENCY]), **CLOCK)
    plain = ro.ResourceModel(GRAPH, FREQUENCY, **CLOCK)
    np.testing.assert_allclose(ro.learning_times(scheduled, 0.6), ro.learning_times(plain, 0.6), rtol=1e-6)


def test_levels_at_the_times_across_pools():
    model = across()
    times = np.asarray(ro.learning_times(model, 0.6))
    order = np.argsort(times)
    levels = np.asarray(ro.simulate(model, times[order], tolerance=1e-9).level)
    np.testing.assert_allclose(levels[np.argsort(order), np.arange(4)], 0.6, atol=1e-7)


def test_what_starts_there_and_what_never_arrives():
    after = ro.Schedule([0.0, 100.0], [FREQUENCY, FREQUENCY])
    stopping = ro.ResourceModel(
        GRAPH,
        after,
        **(CLOCK | {"learning_rate": ro.Schedule([0.0, 200.0], [0.01, 1e-12])}),
        initial_level=[0.7, 0.0, 0.0, 0.0],
    )
    times = np.asarray(ro.learning_times(stopping, 0.6))
    assert times[0] == 0 and 0 < times[1] < 200
    assert np.isinf(times[3]) or times[3] > 1e6


@pytest.mark.slow
def test_derivatives_are_those_of_differences():
    def total(waste):
        return jnp.sum(ro.learning_times(across(wasted_resource=waste), 0.6))

    waste, step = jnp.array([0.01, 0.03]), 1e-5
    slope = jax.jit(jax.grad(total))(waste)
    for pool in range(2):
        ends = [total(waste.at[pool].add(sign * step)) for sign in (1, -1)]
        np.testing.assert_allclose(slope[pool], (ends[0] - ends[1]) / (2 * step), rtol=1e-4)
