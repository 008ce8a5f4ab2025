"""Special functions that JAX lacks: Wright omega, the margin of an exposure, and exponentials without cancellation.

Each has a fixed number of operations (no loop), works in float32 and float64, under `jax.jit` and `jax.vmap`, and
carries its exact derivative, so that forward and reverse mode cost a few multiplications.

The two roots here, of `w + ln w = x` and of `l + e^l - 1 = z`, are one equation. A rational starting value `w_0` is
within 1.1% of the root `w`; then one logarithm gives the residual and the correction `delta = ln(w/w_0)` solves

    delta + w_0 (e^delta - 1) = r,        r = x - w_0 - ln w_0,        |delta| < 0.011,

which needs no further transcendental function: series in `delta` and one Newton step leave less than 1e-16.
"""

import functools
import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, Real

# Outside of a compiled function each operation would be compiled and called on its own; inside, it is inlined.
_compiled = functools.partial(jax.jit, inline=True)


def _as_float(x: Real[ArrayLike, "..."]) -> Float[Array, "..."]:
    """`x` as an array of floats: integers become JAX's default float, floats keep their precision."""
    x = jnp.asarray(x)
    return x if jnp.issubdtype(x.dtype, jnp.floating) else x.astype(float)


def _exponential_tail(delta: Float[Array, "..."]) -> Float[Array, "..."]:
    """`e^delta - 1 - delta` for `|delta| < 0.011` (the next term of the series is below 3e-18)."""
    return delta**2 * (1 / 2 + delta * (1 / 6 + delta * (1 / 24 + delta * (1 / 120 + delta * (1 / 720)))))


def _log_correction(start: Float[Array, "..."], residual: Float[Array, "..."]) -> Float[Array, "..."]:
    """Solve `delta + w_0 (e^delta - 1) = r` for small `delta`.

    Divided by `1 + w_0`, with `s = r/(1 + w_0)` and `k = w_0/(1 + w_0)`, it reads
    `delta + k (e^delta - 1 - delta) = s`. The inverse series
    `s - k s^2/2 + (k^2/2 - k/6) s^3 - k (15 k^2 - 10 k + 1) s^4/24` leaves an error of order `s^5`, below 1e-10; one
    Newton step, the reciprocal of its slope `1 + k (e^delta - 1)` by series too, leaves less than 1e-16. One division
    in all, so that XLA makes a single kernel of the whole margin.
    """
    reciprocal = 1 / (1 + start)
    weight = 1 - reciprocal
    newton = residual * reciprocal
    fourth = (weight * (15 * weight - 10) + 1) / 24
    first = newton * (1 - newton * weight * (1 / 2 - newton * ((weight / 2 - 1 / 6) - newton * fourth)))
    tail = _exponential_tail(first)
    slope = weight * (first + tail)
    return first + (newton - first - weight * tail) * (1 - slope * (1 - slope))


def _margin(exposure: Float[Array, "..."]) -> Float[Array, "..."]:
    """Solve `l + expm1(l) = z` for `z >= -1/2` (below zero it serves the Wright omega function)."""
    # w_0 - 1 = (z/2)(1 + z/(z + c)): exact to second order at 0, relatively exact at infinity; c by minimising |delta|
    offset = 8.14
    excess = exposure * (0.5 + 0.5 * (1 - offset / (exposure + offset)))
    margin = jnp.log1p(excess)
    residual = (exposure - excess) - margin
    correction = _log_correction(1 + excess, residual)
    return margin + jnp.where(jnp.isfinite(exposure), correction, jnp.where(jnp.isnan(exposure), exposure, 0))


@jax.custom_jvp
@_compiled
def _margin_from_exposure(exposure: Float[Array, "..."]) -> Float[Array, "..."]:
    return _margin(exposure)


@_margin_from_exposure.defjvp
@_compiled
def _margin_from_exposure_jvp(primals, tangents):
    (exposure,), (tangent,) = primals, tangents
    margin = _margin_from_exposure(exposure)
    # sigma(-l) = 1/(2 + expm1(l)), and expm1(l) = z - l by the equation itself: no exponential needed
    growth = jnp.where(jnp.isinf(exposure), exposure, exposure - margin)
    return margin, tangent / (2 + growth)


def margin_from_exposure(exposure: Real[ArrayLike, "..."]) -> Float[Array, "..."]:
    r"""Cross-entropy margin that an effort has bought.

    $$\ell + e^{\ell} - 1 = z, \qquad \ell = \ln \omega(1 + z), \qquad \frac{d\ell}{dz} = \sigma(-\ell)$$

    Derivation: for cross entropy $d\ell/dX = p\,\sigma(-\ell) = p/(1 + e^{\ell})$ with exposure $X$; hence
    $(1 + e^{\ell})\,d\ell = p\,dX$, and from $\ell(0) = 0$ follows $\ell + e^{\ell} - 1 = p X = z$. With
    $w = e^{\ell}$ this is $w + \ln w = 1 + z$. Solved directly, and not as `log(wright_omega(1 + z))`, the margin keeps
    its relative accuracy where it is small, $\ell \approx z/2$.

    Arguments:
        exposure: effort `z = p X >= 0`, any shape, dimensionless (frequency times resource time).

    Returns:
        Margin, the shape of `exposure`, dimensionless; relative error of a few eps for z from 0 to the largest float;
        `inf` at `inf`, NaN at NaN. The unlearned fraction `2 sigma(-l)` is `2 / (2 + z - l)`, without an exponential.

    Source: derived here, from Liu et al. 2025 (cross-entropy variant of the Resource model).

    >>> float(margin_from_exposure(0.0))
    0.0
    """
    return _margin_from_exposure(_as_float(exposure))


# Below it, omega is W(e^x); from it on, x minus the margin of x - 1. The margin's equation alone would serve down to
# x = 0, but XLA's float64 log1p on CPU is wrong by up to 120 eps for arguments from -0.414 to -0.360.
_SWITCH = 0.5


def _omega_below(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """`omega(x)` for `x <= 1/2`, as `W(v)` with `v = e^x`: relative accuracy survives where `x - ln w` cancels."""
    power = jnp.exp(x)
    ratio = (1 + 0.781 * power) / (1 + power * (1.769 + 0.371 * power))  # W(v)/v by least squares, within 6e-4
    start = power * ratio
    correction = _log_correction(start, -jnp.log(ratio) - start)
    return start * (1 + (correction + _exponential_tail(correction)))


@jax.custom_jvp
@_compiled
def _wright_omega(x: Float[Array, "..."]) -> Float[Array, "..."]:
    above = x - _margin(jnp.maximum(x, _SWITCH) - 1)  # w = x - ln w
    below = _omega_below(jnp.minimum(x, _SWITCH))
    return jnp.where(x < _SWITCH, below, jnp.where(jnp.isinf(x), x, above))


@_wright_omega.defjvp
@_compiled
def _wright_omega_jvp(primals, tangents):
    (x,), (tangent,) = primals, tangents
    omega = _wright_omega(x)
    infinite = jnp.isinf(omega)
    finite = jnp.where(infinite, 1, omega)
    return omega, tangent * jnp.where(infinite, 1, finite / (1 + finite))


def wright_omega(x: Real[ArrayLike, "..."]) -> Float[Array, "..."]:
    r"""Wright omega function on the real line.

    $$\omega + \ln \omega = x, \qquad \omega(x) = W(e^{x}), \qquad \frac{d\omega}{dx} = \frac{\omega}{1 + \omega}$$

    Lambert's $W(e^x)$ overflows in its argument for $x > 709$; $\omega$ does not. For $x \ge 1/2$ it is
    $x - \ln\omega$ with the logarithm from the margin equation at $z = x - 1$; below it is $W(v)$ at $v = e^x$, because
    $x - \ln\omega$ cancels for $x \ll 0$. The derivative is that of the equation: $d\omega\,(1 + 1/\omega) = dx$.

    Arguments:
        x: any real number, any shape, dimensionless.

    Returns:
        `omega(x) >= 0`, the shape of `x`; relative error of a few eps wherever `e^x` does not underflow; 0 at `-inf`,
        `inf` at `inf`, NaN at NaN.

    Source: the equation is standard (Corless and Jeffrey 2002); the evaluation is derived here.

    >>> float(wright_omega(1.0))
    1.0
    """
    return _wright_omega(_as_float(x))


@jax.custom_jvp
@_compiled
def _log_wright_omega(x: Float[Array, "..."]) -> Float[Array, "..."]:
    above = _margin(jnp.maximum(x, _SWITCH) - 1)
    below = x - _omega_below(jnp.minimum(x, _SWITCH))  # ln w = x - w
    return jnp.where(x < _SWITCH, below, above)


@_log_wright_omega.defjvp
@_compiled
def _log_wright_omega_jvp(primals, tangents):
    (x,), (tangent,) = primals, tangents
    return _log_wright_omega(x), tangent / (1 + _wright_omega(x))


def log_wright_omega(x: Real[ArrayLike, "..."]) -> Float[Array, "..."]:
    r"""Logarithm of the Wright omega function.

    $$y + e^{y} = x, \qquad y = \ln \omega(x), \qquad \frac{dy}{dx} = \frac{1}{1 + \omega(x)}$$

    For $x \ge 1/2$ it is the margin equation at $z = x - 1$, which keeps relative accuracy at the zero $x = 1$; below
    it is $x - \omega(x) < 0$.

    Arguments:
        x: any real number, any shape, dimensionless.

    Returns:
        `ln omega(x)`, the shape of `x`; relative error of a few eps everywhere, also where `omega` underflows.

    Source: derived here.

    >>> float(log_wright_omega(1.0))
    0.0
    """
    return _log_wright_omega(_as_float(x))


_REMAINDER_TERMS = 18  # at |x| = 1 the first omitted term is 1/20!


@jax.custom_jvp
@_compiled
def _decay_remainder(x: Float[Array, "..."]) -> Float[Array, "..."]:
    small = jnp.abs(x) < 1
    near = jnp.where(small, x, 0)
    series = jnp.ones_like(x)
    for term in range(_REMAINDER_TERMS + 2, 2, -1):  # x^2/2 (1 - x/3 (1 - x/4 (1 - ...)))
        series = 1 - near / term * series
    return jnp.where(small, near * near / 2 * series, x + jnp.expm1(-x))


@_decay_remainder.defjvp
@_compiled
def _decay_remainder_jvp(primals, tangents):
    (x,), (tangent,) = primals, tangents
    return _decay_remainder(x), tangent * -jnp.expm1(-x)


def decay_remainder(x: Real[ArrayLike, "..."]) -> Float[Array, "..."]:
    r"""What `1 - x` leaves of the exponential.

    $$g(x) = x - 1 + e^{-x} = \int_0^x (1 - e^{-s})\,ds, \qquad g'(x) = 1 - e^{-x}$$

    For $|x| < 1$ by its Taylor series, $x^2/2 - x^3/6 + \dots$, because the difference cancels.

    Arguments:
        x: any shape, dimensionless; meant for `x >= 0`.

    Returns:
        `g(x)`, the shape of `x`; relative error of a few eps.

    Source: derived here.

    >>> float(decay_remainder(0.0))
    0.0
    """
    return _decay_remainder(_as_float(x))


@jax.custom_jvp
@_compiled
def _mean_decay(x: Float[Array, "..."]) -> Float[Array, "..."]:
    zero = x == 0
    safe = jnp.where(zero, 1, x)
    return jnp.where(zero, 1, -jnp.expm1(-safe) / safe)


@_mean_decay.defjvp
@_compiled
def _mean_decay_jvp(primals, tangents):
    (x,), (tangent,) = primals, tangents
    return _mean_decay(x), tangent * _mean_decay_derivative(x)


def mean_decay(x: Real[ArrayLike, "..."]) -> Float[Array, "..."]:
    r"""Mean of `e^(-s)` over `s` from 0 to `x`.

    $$\varphi(x) = \frac{1 - e^{-x}}{x} = \int_0^1 e^{-x s}\,ds, \qquad \varphi(0) = 1$$

    Arguments:
        x: any shape, dimensionless.

    Returns:
        `phi(x)`, the shape of `x`; relative error of a few eps. Its derivative is `mean_decay_derivative`.

    Source: derived here.

    >>> float(mean_decay(0.0))
    1.0
    """
    return _mean_decay(_as_float(x))


@_compiled
def _mean_decay_derivative(x: Float[Array, "..."]) -> Float[Array, "..."]:
    small = jnp.abs(x) < 1
    near = jnp.where(small, x, 0)
    far = jnp.where(small, 1, x)
    series = jnp.ones_like(x)
    for term in range(_REMAINDER_TERMS + 2, 2, -1):
        series = 1 - near / term * series
    return jnp.where(small, series / 2 - _mean_decay(near), (jnp.exp(-far) - _mean_decay(far)) / far)


def mean_decay_derivative(x: Real[ArrayLike, "..."]) -> Float[Array, "..."]:
    r"""Derivative of `mean_decay`.

    $$\varphi'(x) = \frac{e^{-x}(1 + x) - 1}{x^2}$$

    From $x\varphi = 1 - e^{-x}$ follows $\varphi' = (e^{-x} - \varphi)/x$, used for $|x| \ge 1$. With
    $g(x) = x - 1 + e^{-x}$, where $1 - \varphi = g/x$, it is also $g/x^2 - \varphi$, and $g/x^2 \to 1/2$: used for
    $|x| < 1$, by series.

    Arguments:
        x: any shape, dimensionless; meant for `x >= 0`.

    Returns:
        `phi'(x) < 0`, the shape of `x`; relative error of a few eps; -1/2 at 0.

    Source: derived here.

    >>> float(mean_decay_derivative(0.0))
    -0.5
    """
    return _mean_decay_derivative(_as_float(x))


# -- exponentials of the inner loop
#
# XLA's own expm1 costs several times as much on a CPU in float64 as one polynomial does, which serves exp as well. The
# reduced argument stays in registers: x = k ln 2 + r with |r| <= ln 2/2, and the last bits of k + 1.5 * 2^52 are k, so
# that 2^-k is a shift away, without a conversion to an integer (for which AVX2 has no vector instruction).

_SHIFT = 1.5 * 2.0**52
_LARGEST = 700.0  # 2^-k stays a normal number
# ln 2 in two parts, the first with enough zero bits at its end for k times it to be exact
_LN2_HIGH, _LN2_LOW = 0.693147180369123816490, 1.90821492927058770002e-10
_GROWTH_TERMS = 13  # of (e^r - 1)/r: the next is below 2e-17


def _split(x: Float[Array, "..."]) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
    """`2^-k` and `2^-k (e^-r - 1)` with `x = k ln 2 + r`, for float64 `x >= 0` (above 700 as if it were that)."""
    x = jnp.minimum(x, _LARGEST)
    k = jnp.round(x * (1 / math.log(2)))
    minus_r = k * _LN2_HIGH - x + k * _LN2_LOW
    growth = jnp.full_like(x, 1 / math.factorial(_GROWTH_TERMS))
    for term in range(_GROWTH_TERMS - 1, 0, -1):
        growth = growth * minus_r + 1 / math.factorial(term)
    bits = jax.lax.bitcast_convert_type(_SHIFT - k, jnp.int64)
    power = jax.lax.bitcast_convert_type((bits + 1023) << 52, x.dtype)
    return power, power * (growth * minus_r)


@jax.custom_jvp
@_compiled
def _decay(x: Float[Array, "..."]) -> Float[Array, "..."]:
    if x.dtype != jnp.float64:
        return jnp.exp(-x)
    power, rest = _split(x)
    return jnp.where(x > _LARGEST, 0, power + rest)


@_decay.defjvp
@_compiled
def _decay_jvp(primals, tangents):
    (x,), (tangent,) = primals, tangents
    value = _decay(x)
    return value, -tangent * value


@jax.custom_jvp
@_compiled
def _saturation(x: Float[Array, "..."]) -> Float[Array, "..."]:
    if x.dtype != jnp.float64:
        return -jnp.expm1(-x)
    power, rest = _split(x)
    return (1 - power) - rest


@_saturation.defjvp
@_compiled
def _saturation_jvp(primals, tangents):
    (x,), (tangent,) = primals, tangents
    return _saturation(x), tangent * _decay(x)


def decay(x: Real[ArrayLike, "..."]) -> Float[Array, "..."]:
    r"""`e^{-x}` for `x >= 0`, cheaper than `jnp.exp` in float64, where it is 0 below 1e-304.

    Arguments:
        x: any shape, `>= 0`, dimensionless.

    Returns:
        $e^{-x}$, the shape of `x`; relative error of a few eps; NaN at NaN.

    Source: the reduction of the argument is standard (Tang 1989); written here.

    >>> float(decay(0.0))
    1.0
    """
    return _decay(_as_float(x))


def saturation(x: Real[ArrayLike, "..."]) -> Float[Array, "..."]:
    r"""`1 - e^{-x}` for `x >= 0`, without cancellation where `x` is small, cheaper than `-jnp.expm1(-x)` in float64.

    Arguments:
        x: any shape, `>= 0`, dimensionless.

    Returns:
        $1 - e^{-x}$, the shape of `x`; relative error of a few eps; 1 at `inf`, NaN at NaN.

    Source: as `decay`.

    >>> float(saturation(0.0))
    0.0
    """
    return _saturation(_as_float(x))
