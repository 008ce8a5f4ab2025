"""Skills without prerequisites: the budget law inverted for the clock, and what follows from it."""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..base.annotations import Given
from ..base.special import decay, log_wright_omega, margin_from_exposure, saturation, wright_omega
from .arguments import (
    Numbers,
    check_frequency,
    check_grid,
    check_level,
    check_loss,
    check_not_negative,
    check_positive,
    floats,
)


def _demand(effort: Array, loss: str) -> Array:
    """What is left to learn after effort `z = p tau`: `u` (MSE) or `sigma(-l)` (cross entropy)."""
    return jnp.exp(-effort) if loss == "mse" else jax.nn.sigmoid(-margin_from_exposure(effort))


def _progress(effort: Array, loss: str) -> Array:
    """What the budget counts after effort `z = p tau`: the level (MSE) or the margin (cross entropy)."""
    return saturation(effort) if loss == "mse" else margin_from_exposure(effort)


def _effort_at(level: Array, loss: str) -> Array:
    """Effort at which an independent skill reaches a level: the inverse of `D = z` or of `l + e^l - 1 = z`."""
    if loss == "mse":
        return -jnp.log1p(-level)
    margin = 2 * jnp.arctanh(level)
    return margin + jnp.expm1(margin)


def _spent(clock: Array, frequency: Array, wasted_resource: Array, loss: str) -> Array:
    """The right side of the budget law, `sum_j progress(p_j tau) + N_0 tau`, for each clock."""
    return _progress(frequency[None, :] * clock[:, None], loss).sum(1) + wasted_resource * clock


def spending_rate(clock: Array, frequency: Array, wasted_resource: Array, loss: str) -> Array:
    """`F + N_0`, the slope of the budget in the clock."""
    return (frequency[None, :] * _demand(frequency[None, :] * clock[:, None], loss)).sum(1) + wasted_resource


_BISECTIONS = 16
_NEWTON_STEPS = 5


def _solve_budget(resource: Array, frequency: Array, wasted_resource: Array, loss: str) -> Array:
    """Clock at which `resource` is spent, for `resource > 0` below what the skills can take.

    The budget `B(tau)` is increasing and concave, `tau B'/B` is in (0, 1]: the variable is `ln tau`, the equation
    `ln B = ln(resource)`. Bisection of a bracket shrinks its logarithm from at most 1,500 to 0.03.
    There the equation is smooth on the scale of the bracket (each exponential lives on a scale `1/(p tau)` in `ln tau`,
    and none matters beyond `p tau` = 37), so Newton steps, kept in the bracket, double the digits.
    """
    initial = 1.0 if loss == "mse" else 0.5
    lower = resource / (initial * frequency.sum() + wasted_resource)  # B <= B'(0) tau
    wasteful = wasted_resource > 0
    upper = jnp.where(wasteful, resource / jnp.where(wasteful, wasted_resource, 1), jnp.inf)  # B >= N_0 tau
    upper = jnp.clip(upper, lower * (1 + 8 * jnp.finfo(resource.dtype).eps), jnp.finfo(resource.dtype).max)

    def bisect(_: Any, bracket: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = bracket
        middle = jnp.sqrt(low) * jnp.sqrt(high)
        below = _spent(middle, frequency, wasted_resource, loss) < resource
        return jnp.where(below, middle, low), jnp.where(below, high, middle)

    def newton(_: Any, state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        clock, low, high = state
        spent = _spent(clock, frequency, wasted_resource, loss)
        rate = spending_rate(clock, frequency, wasted_resource, loss)
        low, high = jnp.where(spent < resource, clock, low), jnp.where(spent < resource, high, clock)
        step = -jnp.log(spent / resource) * spent / jnp.where(rate > 0, clock * rate, jnp.inf)
        return jnp.clip(clock * jnp.exp(step), low, high), low, high

    low, high = jax.lax.fori_loop(0, _BISECTIONS, bisect, (lower, upper))
    return jax.lax.fori_loop(0, _NEWTON_STEPS, newton, (jnp.sqrt(low) * jnp.sqrt(high), low, high))[0]


def _latest(frequency: Array) -> Array:
    """The last clock, (1,), whose efforts are numbers of their type."""
    return jnp.finfo(frequency.dtype).max / 8 / jnp.maximum(jnp.max(frequency, keepdims=True), 1)


@functools.partial(jax.jit, static_argnums=3)
def _clock_at(resource: Array, frequency: Array, wasted_resource: Array, loss: str) -> Array:
    started = resource > 0
    if loss == "mse":
        ended = (wasted_resource <= 0) & (resource >= frequency.shape[0])
    else:
        # margins have no end, but without waste the clock grows as their exponential
        ended = resource >= _spent(_latest(frequency), frequency, wasted_resource, loss)
    clock = _solve_budget(jnp.where(started & ~ended, resource, 0.5), frequency, wasted_resource, loss)
    clock = jnp.where(ended, jnp.inf, jnp.where(started, clock, 0))
    return jnp.where(jnp.isnan(resource), resource, clock)


# Clock at which a resource is spent: infinite where a run without waste has been given all that it can take, and
# beyond the numbers of its type.
clock_at: jax.custom_jvp[Array] = jax.custom_jvp(_clock_at, nondiff_argnums=(3,))


@clock_at.defjvp
@functools.partial(jax.jit, static_argnums=0)
def _clock_jvp(loss: str, primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    # The budget law itself: d(resource) = (F + N_0) dtau + sum_j tau demand_j dp_j + tau dN_0, because the progress
    # of skill j depends on p_j tau alone and its slope there is the demand. An infinite clock stays where it is.
    resource, frequency, wasted_resource = primals
    clock = clock_at(resource, frequency, wasted_resource, loss)
    running = jnp.isfinite(clock)
    safe = jnp.where(running, clock, 0)
    demand = _demand(frequency[None, :] * safe[:, None], loss)
    change = tangents[0] - safe * (demand @ tangents[1] + tangents[2])
    return clock, jnp.where(running, change / spending_rate(safe, frequency, wasted_resource, loss), 0)


def independent_arguments(
    times: Numbers, frequency: Numbers, learning_rate: Numbers, wasted_resource: Numbers, loss: Given[str]
) -> list[Array]:
    check_loss(loss)
    arrays = floats(times=times, frequency=frequency, learning_rate=learning_rate, wasted_resource=wasted_resource)
    check_grid("times", arrays[0])
    check_frequency(arrays[1])
    check_positive(learning_rate=arrays[2])
    check_not_negative(wasted_resource=arrays[3])
    return arrays


def independent_clock(
    times: Numbers, frequency: Numbers, learning_rate: Numbers, wasted_resource: Numbers, loss: Given[str] = "mse"
) -> Float[Array, " time"]:
    r"""Resource clock of independent skills at given times: the budget law solved for $\tau$.

    $$\eta t = \sum_j \bigl(1 - e^{-p_j \tau}\bigr) + N_0 \tau
    \quad\text{(mse)}, \qquad \eta t = \sum_j \ln\omega(1 + p_j\tau) + N_0 \tau \quad\text{(cross entropy)}$$

    Derivation: without prerequisites $c_i = 1$, so that $dD_i/d\tau = p_i$ integrates to $u_i = e^{-p_i \tau}$, and
    $(1 + e^{\ell_i})\,d\ell_i = p_i\,d\tau$ to $\ell_i + e^{\ell_i} - 1 = p_i\tau$. The right side increases with
    $\tau$ and is solved by bisection and Newton steps of a fixed number; derivatives come from the equation, not the
    iteration.

    Arguments:
        times: training steps (time,), not negative.
        frequency: (skill,), positive.
        learning_rate: (), resource per step.
        wasted_resource: (), in units of frequency; 0 is allowed.
        loss: "mse" or "cross_entropy".

    Returns:
        Clock (time,), in units of 1/frequency; 0 at t = 0; `inf` (with derivative 0) once a run without waste has
        learned everything, $\eta t \ge n$ (mse), or is beyond all numbers of its type (cross entropy).

    Raises:
        ValueError: a shape, a concrete value or the name of the loss is not as above.

    Source: derived here.

    >>> independent_clock([0.0], [1.0, 0.1], 1e-3, 1e-3).tolist()
    [0.0]
    """
    times, frequency, learning_rate, wasted_resource = independent_arguments(
        times, frequency, learning_rate, wasted_resource, loss
    )
    return clock_at(learning_rate * times, frequency, wasted_resource, loss)


@functools.partial(jax.jit, static_argnums=3)
def _levels(resource: Array, frequency: Array, wasted_resource: Array, loss: str) -> Array:
    clock = clock_at(resource, frequency, wasted_resource, loss)[:, None]
    running = jnp.isfinite(clock)
    effort = frequency[None, :] * jnp.where(running, clock, 0)
    if loss == "mse":
        level = saturation(effort)
    else:
        # tanh(l/2), whose own derivative loses its digits where the level is near 1
        margin = margin_from_exposure(effort)
        level = saturation(margin) / (1 + decay(margin))
    return jnp.where(running, level, jnp.where(jnp.isnan(clock), clock, 1))


def independent_levels(
    times: Numbers, frequency: Numbers, learning_rate: Numbers, wasted_resource: Numbers, loss: Given[str] = "mse"
) -> Float[Array, "time skill"]:
    r"""Levels of independent skills.

    $$s_i = 1 - e^{-p_i \tau} \quad\text{(mse)}, \qquad s_i = \tanh(\ell_i/2),\ \ \ell_i = \ln\omega(1 + p_i\tau)
    \quad\text{(cross entropy)}$$

    with $\tau(t)$ from `independent_clock`, where the derivation is. For mse, $u_i^{1/p_i} = e^{-\tau}$ is the same for
    all skills: the collapse found by Liu et al. 2025.

    Arguments:
        times: training steps (time,), not negative.
        frequency: (skill,), positive.
        learning_rate: (), resource per step.
        wasted_resource: (), in units of frequency; 0 is allowed.
        loss: "mse" or "cross_entropy".

    Returns:
        Levels (time, skill), from 0 to 1.

    Raises:
        ValueError: a shape, a concrete value or the name of the loss is not as above.

    Source: derived here; the collapse is in Liu et al. 2025.

    >>> independent_levels([0.0, 3000.0], [1.0, 0.1], 1e-3, 0.0).tolist()
    [[0.0, 0.0], [1.0, 1.0]]
    """
    times, frequency, learning_rate, wasted_resource = independent_arguments(
        times, frequency, learning_rate, wasted_resource, loss
    )
    return _levels(learning_rate * times, frequency, wasted_resource, loss)


def independent_margins(
    times: Numbers, frequency: Numbers, learning_rate: Numbers, wasted_resource: Numbers
) -> Float[Array, "time skill"]:
    r"""Margins of independent skills under cross entropy.

    $$\ell_i = \ln\omega(1 + p_i \tau), \qquad \eta t = \sum_j \ell_j + N_0\tau$$

    Derivation: `independent_clock`.

    Arguments:
        times: training steps (time,), not negative.
        frequency: (skill,), positive.
        learning_rate: (), resource per step.
        wasted_resource: (), in units of frequency; 0 is allowed.

    Returns:
        Margins (time, skill), not negative.

    Raises:
        ValueError: a shape or a concrete value is not as above.

    Source: derived here.

    >>> independent_margins([0.0], [1.0, 0.1], 1e-3, 0.0).tolist()
    [[0.0, 0.0]]
    """
    times, frequency, learning_rate, wasted_resource = independent_arguments(
        times, frequency, learning_rate, wasted_resource, "cross_entropy"
    )
    return _margins(learning_rate * times, frequency, wasted_resource)


@jax.jit
def _margins(resource: Array, frequency: Array, wasted_resource: Array) -> Array:
    clock = clock_at(resource, frequency, wasted_resource, "cross_entropy")[:, None]
    running = jnp.isfinite(clock) | jnp.isnan(clock)
    margin = margin_from_exposure(frequency[None, :] * jnp.where(running, clock, 0))
    # where the clock is beyond all numbers margins are ln(p_j tau): with m = R/n less the mean of ln(p_j), of n skills,
    # the budget law is ln(tau) + N_0 tau/n = m, and x = N_0 tau/n has x + ln(x) = m + ln(N_0/n)
    logarithm = jnp.log(frequency)[None, :]
    mean = (resource[:, None] - jnp.sum(logarithm)) / frequency.shape[0]
    wasteful = wasted_resource > 0
    each = jnp.log(jnp.where(wasteful, wasted_resource, 1)) - math.log(frequency.shape[0])
    late = logarithm + jnp.where(wasteful, log_wright_omega(mean + each) - each, mean)
    return jnp.where(running, margin, late)


_CHUNK = 1 << 20  # speed only: numbers that a row of chunks may hold


@functools.partial(jax.jit, static_argnums=3)
def _learning_resource(level: Array, frequency: Array, wasted_resource: Array, loss: str) -> Array:
    """Resource spent when each skill reaches the level; in chunks of rows: all pairs of skills may be too many."""

    def spent(clock: Array) -> Array:
        return _progress(frequency * clock, loss).sum() + wasted_resource * clock

    clock = _effort_at(level, loss) / frequency
    rows = max(1, _CHUNK // frequency.shape[0])
    if rows >= frequency.shape[0]:
        return jax.vmap(spent)(clock)
    return jax.lax.map(spent, clock, batch_size=rows)


def independent_learning_times(
    level: Numbers, frequency: Numbers, learning_rate: Numbers, wasted_resource: Numbers, loss: Given[str] = "mse"
) -> Float[Array, " skill"]:
    r"""Time at which each independent skill reaches a level, without a time grid.

    $$\eta t_k(\theta) = \sum_j \bigl(1 - (1-\theta)^{p_j/p_k}\bigr) + \frac{N_0}{p_k}\ln\frac{1}{1-\theta}
    \quad\text{(mse)}$$

    Derivation: skill $k$ is at the level when the clock is $\tau_k = z_\theta/p_k$, with the effort
    $z_\theta = -\ln(1-\theta)$ (mse) or $z_\theta = \ell_\theta + e^{\ell_\theta} - 1$,
    $\ell_\theta = 2\,\mathrm{artanh}\,\theta$ (cross entropy); the budget law at $\tau_k$ is the time,
    $\eta t_k = \sum_j (s_j \text{ or } \ell_j)(p_j\tau_k) + N_0\tau_k$. So learning times are affine in $N_0$.

    Arguments:
        level: (), in [0, 1).
        frequency: (skill,), positive.
        learning_rate: (), resource per step.
        wasted_resource: (), in units of frequency; 0 is allowed.
        loss: "mse" or "cross_entropy".

    Returns:
        Times (skill,), in steps.

    Raises:
        ValueError: a shape, a concrete value or the name of the loss is not as above.

    Source: derived here.

    >>> round(float(independent_learning_times(0.5, [1.0], 1e-3, 0.0)[0]), 3)
    500.0
    """
    check_loss(loss)
    level, frequency, learning_rate, wasted_resource = floats(
        level=level, frequency=frequency, learning_rate=learning_rate, wasted_resource=wasted_resource
    )
    check_level(level)
    check_frequency(frequency)
    check_positive(learning_rate=learning_rate)
    check_not_negative(wasted_resource=wasted_resource)
    return _learning_resource(level, frequency, wasted_resource, loss) / learning_rate


def single_skill_unlearned(
    times: Numbers, frequency: Numbers, learning_rate: Numbers, wasted_resource: Numbers
) -> Float[Array, " time"]:
    r"""Unlearned fraction of one skill alone (mse), in one formula.

    $$u(t) = \frac{N_0}{p}\,\omega\!\left(\ln\frac{p}{N_0} + \frac{p}{N_0}(1 - \eta t)\right)$$

    Derivation: the budget law with $\tau = -\ln(u)/p$ is $\eta t = 1 - u - (N_0/p)\ln u$. With $w = u\,p/N_0$ it reads
    $w + \ln w = (p/N_0)(1 - \eta t) + \ln(p/N_0)$, the equation of the Wright omega function.

    Arguments:
        times: training steps (time,), not negative.
        frequency: (), positive.
        learning_rate: (), resource per step.
        wasted_resource: (), in units of frequency, positive (the formula has no limit to evaluate at 0, where
            $u = 1 - \eta t$; `independent_levels` takes 0).

    Returns:
        Unlearned fraction (time,), from 1 to 0, with relative accuracy limited by the argument of omega.

    Raises:
        ValueError: a shape or a concrete value is not as above.

    Source: derived here.

    >>> round(float(single_skill_unlearned([0.0], 1.0, 1e-3, 1e-3)[0]), 12)
    1.0
    """
    times, frequency, learning_rate, wasted_resource = floats(
        times=times, frequency=frequency, learning_rate=learning_rate, wasted_resource=wasted_resource
    )
    check_grid("times", times)
    check_positive(frequency=frequency, learning_rate=learning_rate, wasted_resource=wasted_resource)
    ratio = frequency / wasted_resource
    rest = ratio * (1 - learning_rate * times)
    scaled = wright_omega(jnp.log(ratio) + rest)
    # u = e^(rest - omega), which is there where omega itself is below all numbers
    late = scaled < 1
    return jnp.where(late, jnp.exp(jnp.where(late, rest - scaled, 0)), scaled / ratio)
