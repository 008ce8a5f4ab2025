"""Second derivatives where another gate becomes the largest: what the slope jumps by, times how far the kink moves."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import brentq

import resource_ode as ro
from resource_ode.solve.cascade.quadrature import solve_cascade
from resource_ode.solve.cascade.takeovers import takeovers

# the first root has begun, and the second one overtakes it
FREQUENCY, START = np.asarray([0.4, 1.5, 0.8]), 0.4
RATE, WASTE, EXPONENT, LEVEL = 0.04, 0.1, 0.4, 0.7


def model(exponent, frequency=FREQUENCY, **changes):
    graph = ro.SkillGraph([[], [], [0, 1]], gate="any")
    return ro.ResourceModel(graph, frequency, RATE, WASTE, exponent, initial_level=[START, 0.0, 0.0], **changes)


def exact(exponent, factor):
    """The last learning time: the opening is the larger of two gates, whose integrals are known, and takes over where
    log-depths are equal.
    """
    frequency = FREQUENCY * [factor, 1, 1]
    begun, (first, second, third) = -np.log1p(-START), frequency
    kink = begun / (second - first)

    def integral(rate, depth, start, end):
        shut = np.exp(-exponent * (depth + rate * start)) - np.exp(-exponent * (depth + rate * end))
        return end - start - shut / (exponent * rate)

    def exposure(clock):
        return integral(first, begun, 0, min(clock, kink)) + integral(second, 0, kink, max(clock, kink))

    clock = brentq(lambda clock: third * exposure(clock) + np.log1p(-LEVEL), 1e-9, 1e3, xtol=1e-14, rtol=1e-15)
    assert clock > kink
    learned = 1 - np.exp(-np.asarray([first * clock, second * clock, third * exposure(clock)]))
    return (learned @ [1 - START, 1, 1] + WASTE * clock) / RATE


@pytest.mark.slow
def test_the_kink_moves():
    """It was off by 5e-5 of itself, and by 6% where kinks move faster."""
    h, k = np.meshgrid([-2, -1, 1, 2], [-2, -1, 1, 2])
    weight = np.asarray([1, -8, 8, -1]) / 12
    step = 5e-3
    times = [[exact(EXPONENT * (1 + a * step), 1 + b * step) for a in h[0]] for b in k[:, 0]]
    expected = weight @ np.asarray(times) @ weight / step**2 / EXPONENT

    def time(exponent, factor):
        frequency = FREQUENCY * jnp.asarray([1.0, 0, 0]) * factor + FREQUENCY * jnp.asarray([0.0, 1, 1])
        return ro.learning_times(model(exponent, frequency), LEVEL, tolerance=1e-10)[2]

    np.testing.assert_allclose(time(EXPONENT, 1.0), exact(EXPONENT, 1.0), rtol=1e-9)
    found = jax.jit(jax.jacfwd(jax.jacfwd(time, 1)))(EXPONENT, 1.0)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("strength", [1, 0.7])
def test_where_gates_take_over(strength):
    """Only where one does; other places halve panels."""
    edges = jnp.linspace(0.0, 5.0, 13)
    found = jax.jit(lambda given: takeovers(given, solve_cascade(given, edges)))
    kinks = found(model(EXPONENT, prerequisite_strength=strength))
    np.testing.assert_allclose(kinks[0], -np.log1p(-START) / (FREQUENCY[1] - FREQUENCY[0]), rtol=1e-12)
    assert np.all(np.isin(kinks[1:], (edges[:-1] + edges[1:]) / 2))
    alike = model(EXPONENT).replace(gate_exponent=EXPONENT, graph=ro.SkillGraph([[], [], [0, 1]]))
    assert not np.any(np.isin(found(alike), kinks[0]))
