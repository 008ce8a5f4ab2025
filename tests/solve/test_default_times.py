"""Times of a run for which none are given: from 0 to a little beyond the last skill's 95 %, in closed form."""

import jax
import numpy as np
import pytest

import resource_ode as ro

FREQUENCY, RATE, WASTE = 0.5, 1e-2, np.array([0.3, 0.1])
# eta t = s + N0 tau with s = 1 - exp(-p tau) = 0.95
LAST = (0.95 + WASTE * np.log(20) / FREQUENCY) / RATE


def one(waste):
    return ro.ResourceModel(ro.SkillGraph([[]]), [FREQUENCY], RATE, waste)


@pytest.mark.parametrize("waste", [WASTE[1], WASTE])
def test_until_the_last_skill_of_the_slowest_member(waste):
    run = ro.simulate(one(waste))
    last = LAST[1] if np.ndim(waste) == 0 else LAST.max()
    np.testing.assert_allclose(run.ts, np.linspace(0, 1.05 * last, 201), rtol=1e-6)
    at_last = np.interp(last, run.ts, np.reshape(run.level, (-1, 201))[0])
    np.testing.assert_allclose(at_last, 0.95, atol=1e-4)


def test_whole_steps():
    # 201 times over 22 steps: each step once
    few = ro.ResourceModel(ro.SkillGraph([[]]), [FREQUENCY], 0.075, WASTE[1])
    ts = np.asarray(ro.simulate(few, method="steps").ts)
    np.testing.assert_array_equal(ts, np.arange(round(1.05 * (0.95 + WASTE[1] * np.log(20) / FREQUENCY) / 0.075) + 1))


def test_none_under_a_trace():
    with pytest.raises(ValueError, match="ts: expected times, since under jit, vmap and grad they cannot follow"):
        jax.jit(lambda waste: ro.simulate(one(waste)).level)(0.1)


def test_none_where_a_skill_is_never_learned():
    # also where another member learns all
    either = one(WASTE[1]).replace(initial_level=[[0.99], [0.0]], learning_rate=ro.Schedule([0.0, 1.0], [RATE, 0.0]))
    with pytest.raises(ValueError, match="since not every skill of the model ever reaches"):
        ro.simulate(either)
    stops = one(WASTE[1]).replace(learning_rate=ro.Schedule([0.0, 1.0], [RATE, 0.0]))
    with pytest.raises(ValueError, match="ts: expected times, since not every skill of the model ever reaches"):
        ro.simulate(stops)


def test_none_where_all_is_learned_from_the_beginning():
    with pytest.raises(ValueError, match="ts: expected times, since every skill of the model begins at level"):
        ro.simulate(one(WASTE[1]).replace(initial_level=[0.99]))
