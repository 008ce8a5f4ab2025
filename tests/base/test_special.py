"""The special functions against 60-digit mpmath references, over the whole range of both float types."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resource_ode.base import special

DTYPES = (np.float32, np.float64)


def reference_margin(effort: float) -> mpmath.mpf:
    """Newton at 60 digits on `w + ln w = 1 + z` in `y = w - 1`, which keeps the digits of a small z."""
    with mpmath.workdps(60):
        effort = mpmath.mpf(effort)
        excess = effort * (4 + effort) / (8 + effort)
        for _ in range(20):
            step = (excess + mpmath.log1p(excess) - effort) * (1 + excess) / (2 + excess)
            excess -= step
        assert abs(step) <= mpmath.mpf(10) ** -50 * excess
        return mpmath.log1p(excess)


def reference_omega(x: float) -> mpmath.mpf:
    with mpmath.workdps(60):
        x = mpmath.mpf(x)
        if x < 40:
            return mpmath.lambertw(mpmath.exp(x)).real
        omega = x - mpmath.log(x)
        for _ in range(20):
            omega = omega * (1 + x - mpmath.log(omega)) / (1 + omega)
        return omega


def relative_errors(values: jax.Array, references: list) -> np.ndarray:
    """Errors in units of the eps of the type; an exact zero must be met exactly."""
    eps = float(jnp.finfo(values.dtype).eps)
    pairs = zip(np.asarray(values, np.float64), references, strict=True)
    with mpmath.workdps(60):
        return np.array([float(abs(mpmath.mpf(float(v)) - r) / (abs(r) if r else 1)) / eps for v, r in pairs])


def efforts(dtype: type) -> np.ndarray:
    low, high = (1e-37, 1e37) if dtype == np.float32 else (1e-300, 1e300)
    return np.concatenate([np.geomspace(low, high, 80), np.geomspace(1e-3, 1e5, 150)]).astype(dtype)


def omega_arguments(dtype: type) -> np.ndarray:
    low, high = (-85, 1e37) if dtype == np.float32 else (-700, 1e300)
    near = np.geomspace(1e-6, 0.5, 20)
    parts = [np.linspace(low, -3, 50), np.linspace(-3, 6, 200), 1 + near, 1 - near, np.geomspace(6, high, 60)]
    return np.concatenate(parts).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_margin_and_its_derivatives_have_full_precision(dtype):
    effort = efforts(dtype)
    references = [reference_margin(float(z)) for z in effort]
    value = jax.jit(special.margin_from_exposure)(effort)
    slope = jax.jit(jax.vmap(jax.grad(special.margin_from_exposure)))(effort)
    curvature = jax.jit(jax.vmap(jax.grad(jax.grad(special.margin_from_exposure))))(effort)
    assert value.dtype == slope.dtype == dtype
    with mpmath.workdps(60):
        growth = [mpmath.exp(margin) for margin in references]
        slopes = [1 / (1 + w) for w in growth]
        curvatures = [-w / (1 + w) ** 3 for w in growth]
    assert relative_errors(value, references).max() < 2
    assert relative_errors(slope, slopes).max() < 3
    moderate = effort < (1e12 if dtype == np.float32 else 1e100)  # the square of the slope underflows later
    assert relative_errors(curvature[moderate], [c for c, m in zip(curvatures, moderate, strict=True) if m]).max() < 8


@pytest.mark.parametrize("dtype", DTYPES)
def test_wright_omega_and_its_logarithm_have_full_precision(dtype):
    x = omega_arguments(dtype)
    references = [reference_omega(float(each)) for each in x]
    with mpmath.workdps(60):
        logarithms = [mpmath.log(omega) for omega in references]
        slopes = [omega / (1 + omega) for omega in references]
        logarithmic_slopes = [1 / (1 + omega) for omega in references]
    value = jax.jit(special.wright_omega)(x)
    assert value.dtype == dtype
    assert relative_errors(value, references).max() < 3
    assert relative_errors(special.log_wright_omega(x), logarithms).max() < 4
    assert relative_errors(jax.jit(jax.vmap(jax.grad(special.wright_omega)))(x), slopes).max() < 4
    assert relative_errors(jax.jit(jax.vmap(jax.grad(special.log_wright_omega)))(x), logarithmic_slopes).max() < 4


def test_second_derivatives_of_wright_omega():
    x = np.linspace(-30, 30, 121)
    omega = np.array([float(reference_omega(float(each))) for each in x])
    curvature = jax.jit(jax.vmap(jax.grad(jax.grad(special.wright_omega))))(x)
    logarithmic = jax.jit(jax.vmap(jax.grad(jax.grad(special.log_wright_omega))))(x)
    np.testing.assert_allclose(curvature, omega / (1 + omega) ** 3, rtol=1e-14)
    np.testing.assert_allclose(logarithmic, -omega / (1 + omega) ** 3, rtol=1e-14)


def value_and_slopes(function, x):
    """Value, first and second derivative at each of `x`."""
    slope = jax.grad(function)
    return np.array(jax.jit(jax.vmap(lambda x: (function(x), slope(x), jax.grad(slope)(x))))(x))


@pytest.mark.parametrize("dtype", DTYPES)
def test_values_and_slopes_at_the_ends(dtype):
    ends = np.array([0, np.inf], dtype)
    margin = value_and_slopes(special.margin_from_exposure, ends)
    np.testing.assert_array_equal(margin, [[0, np.inf], [0.5, 0], [-0.125, 0]])
    ends = np.array([-np.inf, np.inf], dtype)
    omega = value_and_slopes(special.wright_omega, ends)
    np.testing.assert_array_equal(omega[:2], [[0, np.inf], [0, 1]])
    logarithm = value_and_slopes(special.log_wright_omega, ends)
    np.testing.assert_array_equal(logarithm[:2], [[-np.inf, np.inf], [1, 0]])
    others = np.array([np.nan, jnp.finfo(dtype).max], dtype)
    for function in (special.margin_from_exposure, special.wright_omega, special.log_wright_omega):
        undefined, largest = function(others)
        assert np.isnan(undefined) and np.isfinite(largest)


@given(st.floats(0, 1e300))
def test_margin_solves_its_equation(effort):
    margin = float(special.margin_from_exposure(effort))
    with mpmath.workdps(400):
        exact = mpmath.mpf(margin)
        residual = exact + mpmath.expm1(exact) - mpmath.mpf(effort)
        # an error of the margin by 2 eps (relative) moves the left side by this much
        allowed = 2 * np.finfo(float).eps * exact * (1 + mpmath.exp(exact))
        assert abs(residual) <= allowed + mpmath.mpf(5e-324)


@given(st.floats(-600, 600), st.floats(1e-3, 10))
def test_wright_omega_increases_and_agrees_with_its_logarithm(x, step):
    here, there = special.wright_omega(x), special.wright_omega(x + step)
    assert here < there
    np.testing.assert_allclose(np.log(here), special.log_wright_omega(x), rtol=1e-13, atol=1e-15)


def test_margin_is_the_logarithm_of_omega():
    effort = np.geomspace(0.1, 1e10, 100)
    np.testing.assert_allclose(
        special.margin_from_exposure(effort), np.log(special.wright_omega(1 + effort)), rtol=4e-15
    )


def test_forward_and_reverse_derivatives_agree_under_jit_and_vmap():
    effort = np.geomspace(1e-6, 1e6, 30).reshape(5, 6)
    for function in (special.margin_from_exposure, special.wright_omega, special.log_wright_omega):
        value, forward = jax.jit(lambda x, f=function: jax.jvp(f, (x,), (jnp.ones_like(x),)))(effort)
        backward = jax.vmap(jax.vmap(jax.grad(function)))(effort)
        np.testing.assert_allclose(value, function(effort), rtol=5e-16)
        np.testing.assert_allclose(forward, backward, rtol=1e-15)


@pytest.mark.parametrize("dtype", DTYPES)
def test_decays_have_full_precision(dtype):
    x = np.concatenate([np.geomspace(1e-15, 1e8, 150), np.linspace(0.5, 1.5, 51)]).astype(dtype)
    with mpmath.workdps(60):
        exact = [mpmath.mpf(float(each)) for each in x]
        remainder = [each - 1 + mpmath.exp(-each) for each in exact]
        mean = [(1 - mpmath.exp(-each)) / each for each in exact]
        slope = [(mpmath.exp(-each) * (1 + each) - 1) / each**2 for each in exact]
        gate = [1 - mpmath.exp(-each) for each in exact]
    assert relative_errors(special.decay_remainder(x), remainder).max() < 4
    assert relative_errors(special.mean_decay(x), mean).max() < 4
    assert relative_errors(special.mean_decay_derivative(x), slope).max() < 8
    assert relative_errors(jax.jit(jax.vmap(jax.grad(special.mean_decay)))(x), slope).max() < 8
    assert relative_errors(jax.jit(jax.vmap(jax.grad(special.decay_remainder)))(x), gate).max() < 4


@pytest.mark.parametrize("dtype", DTYPES)
def test_decays_at_zero(dtype):
    zero = np.zeros(1, dtype)
    np.testing.assert_array_equal(value_and_slopes(special.decay_remainder, zero)[:, 0], [0, 0, 1])
    np.testing.assert_array_equal(value_and_slopes(special.mean_decay, zero)[:2, 0], [1, -0.5])
    np.testing.assert_allclose(value_and_slopes(special.mean_decay, zero)[2, 0], 1 / 3, rtol=4 * jnp.finfo(dtype).eps)
    assert special.mean_decay_derivative(zero)[0] == -0.5


@pytest.mark.parametrize(
    "function",
    [
        special.margin_from_exposure,
        special.wright_omega,
        special.log_wright_omega,
        special.decay_remainder,
        special.mean_decay,
        special.mean_decay_derivative,
    ],
)
def test_whole_numbers_become_floats(function):
    assert function(np.arange(3)).dtype == np.float64
    np.testing.assert_array_equal(function(2), function(2.0))
