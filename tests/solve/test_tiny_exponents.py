"""Learning times where gates open over hundreds of decades: a goal lies far below the end of its panel."""

import warnings

import jax
import numpy as np
import pytest

import resource_ode as ro

HALF = np.log(2)


def late(roots, exponent, waste=1.0):
    r"""Equal roots before one skill, and when it is at level 1/2: where $a \tau$ is tiny, all gates are $a\tau$ and the
    skill's depth is $a^k \tau^{k+1}/(k + 1)$.
    """
    graph = ro.SkillGraph([[] for _ in range(roots)] + [list(range(roots))])
    model = ro.ResourceModel(graph, np.ones(roots + 1), 1e-3, waste, exponent)
    tau = np.exp((np.log((roots + 1) * HALF) - roots * np.log(exponent)) / (roots + 1))
    return model, (roots + 0.5 + waste * tau) / 1e-3


@pytest.mark.parametrize("roots", [1, 2, 3, 5])
@pytest.mark.parametrize("under_jit", [False, True])
def test_times_are_right_or_not_a_number(roots, under_jit):
    solve = jax.jit(ro.learning_times) if under_jit else ro.learning_times
    known = 0
    for power in np.linspace(12 * (roots + 1), 145, 11):  # where a tau is below 1e-12
        model, expected = late(roots, 10.0**-power)
        with warnings.catch_warnings():
            # a time that is not sure is NaN, and says so
            warnings.filterwarnings("ignore", "learning_times: ")
            found = float(solve(model)[-1])
        assert np.isnan(found) or found == pytest.approx(expected, rel=1e-7), power
        known += not np.isnan(found)
    assert known >= 4
