"""A skill that was learned long ago, behind a soft prerequisite whose gate opens in the end.

In the panel where the gate opens, by orders of magnitude, the interpolant of the skill's exposure is wrong by more than
all that came before. It was read as if the skill had unlearned everything, so that learning times of the skills that
end there were off by a fifth, at the default tolerance and without a word.
"""

import jax
import numpy as np
import pytest
from independent import solve

import resource_ode as ro
from resource_ode.native import calls
from resource_ode.solve.cascade import batch, traced

GRAPH = ro.SkillGraph([[], [3], [], [], [], [3, 1]])
FASTER = np.linspace(0.84, 0.94, 6)


@pytest.fixture(scope="module")
def model():
    frequency = np.array([3.5e-5, 3.5e-5, 40.0, 10.0, 6.6, 6100.0]) * np.ones((len(FASTER), 6))
    frequency[:, 1] *= FASTER
    strength = np.zeros((6, 2))
    strength[1, 0], strength[5, 1] = 0.525, 1 - 5.7e-6
    return ro.ResourceModel(GRAPH, frequency, 4.8e-3, 1e-7, 2.27e-3, plateau=5.15e-14, prerequisite_strength=strength)


@pytest.fixture(scope="module")
def reference(model):
    return solve(model, [1000.0])[1]


@pytest.mark.parametrize("tolerance", [1e-3, 1e-4, None])
def test_learning_times(model, reference, tolerance):
    bound = tolerance or 1e-6
    np.testing.assert_allclose(ro.learning_times(model, tolerance=tolerance), reference, rtol=bound)
    under_trace = jax.jit(lambda m: ro.learning_times(m, tolerance=tolerance))(model)
    np.testing.assert_allclose(under_trace, reference, rtol=bound)


@pytest.mark.slow
def test_learning_times_by_arrays(model, reference, monkeypatch):
    monkeypatch.setattr(batch, "BACKENDS", batch.BACKENDS[-1:])
    for module in (calls, traced):
        monkeypatch.setattr(module, "handlers", lambda: None)
    np.testing.assert_allclose(ro.learning_times(model, tolerance=1e-4), reference, rtol=1e-4)
