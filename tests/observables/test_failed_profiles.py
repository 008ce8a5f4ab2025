"""A profile of a model whose run fails is NaN, and says why."""

import jax
import numpy as np
import pytest

import resource_ode as ro
from resource_ode import observables as obs

TS = [100.0, 9000.0]
PROFILES = (obs.total_waste, obs.concurrency, obs.loss_exponent)


def model(waste):
    # without waste a schedule cannot be followed past the end of the run
    return ro.ResourceModel(ro.SkillGraph([[], [0]]), [1.0, 0.5], 1e-3, ro.Schedule([0.0, 500.0], waste), 0.1)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_of_a_run_that_fails_is_not_a_number_and_says_why(profile):
    with pytest.warns(UserWarning, match="^source: what is measured on it is NaN where its run failed: 1 of 1"):
        assert np.isnan(np.asarray(profile(model([0.1, 0.0]), ts=TS))).all()
    assert np.isnan(np.asarray(jax.jit(lambda x: profile(x, ts=TS))(model([0.1, 0.0])))).all()


def test_a_run_that_is_inaccurate_gives_no_number_either():
    # for a time there is neither demand nor waste, and a share of nothing is no number
    times = [0.0, 1000.0, 2000.0]
    frequency = ro.Schedule(times, [[1.0, 1.0], [0.0, 0.0], [1.0, 1.0]])
    unclear = ro.ResourceModel(ro.SkillGraph([[], [0]]), frequency, 1e-3, ro.Schedule(times, [0.1, 0.0, 0.1]), 0.1)
    assert ro.simulate(unclear, TS).failures()
    with pytest.warns(UserWarning, match="what is measured on it is NaN where its run failed"):
        assert np.isnan(np.asarray(obs.total_waste(unclear, ts=TS))).all()


@pytest.mark.parametrize("profile", PROFILES)
def test_its_neighbours_in_a_batch_keep_their_values(profile):
    both = model([0.1, 0.1]).replace(learning_rate=[1e-3, 2e-3], wasted_resource=0.1)
    np.testing.assert_array_equal(profile(both, ts=TS), profile(ro.simulate(both, TS)))
