r"""Closed forms of the Resource model, each an oracle for the simulator.

Notation in the equations: $p_i$ frequency, $\eta$ learning rate, $N_0$ wasted resource, $a$ gate exponent, $u_i$
unlearned fraction, $s_i = 1 - u_i$ level, $\ell_i$ margin, $D_i = -\ln u_i$ log-depth, $X_i$ exposure, $\tau$ resource
clock, $\theta$ the level asked for, $t$ training steps. Skill $i$ obeys $du_i/dt = -\eta f_i/(F + N_0)$ with
$f_i = c_i p_i u_i$ and $F = \sum_j f_j$ (mean squared error), or $d\ell_i/dt = \eta f_i/(F + N_0)$ with
$f_i = c_i p_i \sigma(-\ell_i)$ (cross entropy). Two consequences carry everything below.

*The clock.* With $d\tau/dt = \eta/(F + N_0)$ the competition drops out: $dD_i/d\tau = p_i c_i$, or
$d\ell_i/d\tau = p_i c_i\,\sigma(-\ell_i)$. *The budget law.* Summing the equations over skills and adding the waste
gives $d(\sum_i s_i + N_0 \tau)/dt = \eta F/(F + N_0) + \eta N_0/(F + N_0) = \eta$, hence
$\eta t = \sum_i s_i + N_0 \tau$ (with $\ell_i$ in place of $s_i$ for cross entropy).

Every function takes plain arrays of one model (use `jax.vmap` for many), keeps float32 or float64 as given, and can be
compiled and differentiated. Shapes and names are always checked, values where they are concrete. Frequencies are used
as given, never normalised.
"""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from .special import (
    decay_remainder,
    margin_from_exposure,
    mean_decay,
    mean_decay_derivative,
    wright_omega,
)

Numbers = Any  # anything that `jnp.asarray` takes: a number, a (nested) sequence of numbers, a NumPy or JAX array

LOSSES = ("mse", "cross_entropy")


# --- Checks -----------------------------------------------------------------------------------------------------------


def _floats(*values: Numbers) -> list[Array]:
    """The values as arrays of one float type: that of the arrays among them, or JAX's default for numbers alone."""
    default = jnp.asarray(0.0).dtype
    given = [
        np.dtype(value.dtype)
        for value in values
        if isinstance(value, jax.Array | np.ndarray)
        and jnp.issubdtype(value.dtype, jnp.floating)
        and not (isinstance(value, jax.Array) and value.weak_type)
    ]
    dtype = np.result_type(*given) if given else default
    if dtype.itemsize > default.itemsize:
        dtype = default
    return [jnp.asarray(value).astype(dtype) for value in values]


def _check_shape(name: str, value: Array, axes: str, *sizes: int | None) -> None:
    """Raise unless `value` has one axis a size, of that size where it is given."""
    if value.ndim != len(sizes) or any(
        size is not None and size != actual for size, actual in zip(sizes, value.shape, strict=True)
    ):
        wanted = ", ".join("any" if size is None else str(size) for size in sizes)
        detail = f" = ({wanted})" if any(size is not None for size in sizes) else ""
        raise ValueError(f"{name}: expected shape {axes}{detail}, got {value.shape}")


def _check_values(name: str, value: Array, condition: Callable[[np.ndarray], Any], expected: str) -> None:
    """Raise where a concrete `value` misses the condition; say nothing of a traced one."""
    if isinstance(value, Tracer):
        return
    concrete = np.asarray(value)
    wrong = ~np.asarray(condition(concrete))
    if wrong.any():
        raise ValueError(f"{name}: expected {expected}, got {concrete[wrong].flat[0]}")


def _check_frequency(frequency: Array, name: str = "frequency") -> None:
    _check_shape(name, frequency, "(skill,)", None)
    if frequency.size == 0:
        raise ValueError(f"{name}: expected at least one skill, got shape {frequency.shape}")
    _check_values(name, frequency, lambda x: (x > 0) & np.isfinite(x), "positive finite numbers")


def _check_positive(**scalars: Array) -> None:
    for name, value in scalars.items():
        _check_shape(name, value, "()")
        _check_values(name, value, lambda x: x > 0, "a positive number")


def _check_not_negative(**scalars: Array) -> None:
    for name, value in scalars.items():
        _check_shape(name, value, "()")
        _check_values(name, value, lambda x: x >= 0, "a number that is not negative")


def _check_grid(name: str, value: Array) -> None:
    _check_shape(name, value, "(time,)", None)
    _check_values(name, value, lambda x: x >= 0, "numbers that are not negative")


def _check_level(level: Array) -> None:
    _check_shape("level", level, "()")
    _check_values("level", level, lambda x: (x >= 0) & (x < 1), "a level in [0, 1)")


def _check_loss(loss: str) -> None:
    if loss not in LOSSES:
        raise ValueError(f'loss: expected "mse" or "cross_entropy", got {loss!r}')


# --- Independent skills -----------------------------------------------------------------------------------------------


def _demand(effort: Array, loss: str) -> Array:
    """What is left to learn after effort `z = p tau`: `u` (MSE) or `sigma(-l)` (cross entropy)."""
    return jnp.exp(-effort) if loss == "mse" else jax.nn.sigmoid(-margin_from_exposure(effort))


def _progress(effort: Array, loss: str) -> Array:
    """What the budget counts after effort `z = p tau`: the level (MSE) or the margin (cross entropy)."""
    return -jnp.expm1(-effort) if loss == "mse" else margin_from_exposure(effort)


def _effort_at(level: Array, loss: str) -> Array:
    """Effort at which an independent skill reaches a level: the inverse of `D = z` or of `l + e^l - 1 = z`."""
    if loss == "mse":
        return -jnp.log1p(-level)
    margin = 2 * jnp.arctanh(level)
    return margin + jnp.expm1(margin)


def _spent(clock: Array, frequency: Array, wasted_resource: Array, loss: str) -> Array:
    """The right side of the budget law, `sum_j progress(p_j tau) + N_0 tau`, for each clock."""
    return _progress(frequency[None, :] * clock[:, None], loss).sum(1) + wasted_resource * clock


def _pull(clock: Array, frequency: Array, wasted_resource: Array, loss: str) -> Array:
    """`F + N_0`, the slope of the budget in the clock."""
    return (frequency[None, :] * _demand(frequency[None, :] * clock[:, None], loss)).sum(1) + wasted_resource


_BISECTIONS = 16
_NEWTON_STEPS = 5


def _solve_budget(resource: Array, frequency: Array, wasted_resource: Array, loss: str) -> Array:
    """Clock at which `resource` is spent, for `resource > 0` below what the skills can take.

    The budget `B(tau)` is increasing and concave, `tau B'/B` is in (0, 1]: the variable is `ln tau`, the equation
    `ln B = ln(resource)`. Bisection of a bracket from the bounds below shrinks its logarithm from at most 700 to 0.01.
    There the equation is smooth on the scale of the bracket (each exponential lives on a scale `1/(p tau)` in `ln tau`,
    and none matters beyond `p tau` = 37), so Newton steps, kept in the bracket, double the digits.
    """
    initial = 1.0 if loss == "mse" else 0.5
    count = frequency.shape[0]
    lower = resource / (initial * frequency.sum() + wasted_resource)  # B <= B'(0) tau
    # B >= N_0 tau and B >= n progress(p_min tau)
    wasteful = wasted_resource > 0
    by_waste = jnp.where(wasteful, resource / jnp.where(wasteful, wasted_resource, 1), jnp.inf)
    each = resource / count
    if loss == "mse":
        slowest = jnp.where(each < 1, -jnp.log1p(-jnp.where(each < 1, each, 0)), jnp.inf)
    else:
        slowest = each + jnp.expm1(each)
    upper = jnp.minimum(jnp.minimum(by_waste, slowest / frequency.min()), jnp.finfo(resource.dtype).max)
    upper = jnp.maximum(upper, lower * (1 + 8 * jnp.finfo(resource.dtype).eps))

    def bisect(_: Any, bracket: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = bracket
        middle = jnp.sqrt(low) * jnp.sqrt(high)
        below = _spent(middle, frequency, wasted_resource, loss) < resource
        return jnp.where(below, middle, low), jnp.where(below, high, middle)

    def newton(_: Any, state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        clock, low, high = state
        spent = _spent(clock, frequency, wasted_resource, loss)
        pull = _pull(clock, frequency, wasted_resource, loss)
        low, high = jnp.where(spent < resource, clock, low), jnp.where(spent < resource, high, clock)
        step = -jnp.log(spent / resource) * spent / jnp.where(pull > 0, clock * pull, jnp.inf)
        return jnp.clip(clock * jnp.exp(step), low, high), low, high

    low, high = jax.lax.fori_loop(0, _BISECTIONS, bisect, (lower, upper))
    return jax.lax.fori_loop(0, _NEWTON_STEPS, newton, (jnp.sqrt(low) * jnp.sqrt(high), low, high))[0]


@functools.partial(jax.custom_jvp, nondiff_argnums=(3,))
@functools.partial(jax.jit, static_argnums=3)
def _clock(resource: Array, frequency: Array, wasted_resource: Array, loss: str) -> Array:
    """Clock at which `resource` is spent: infinite where a run without waste has been given all that it can take."""
    started = resource > 0
    ended = jnp.zeros_like(started)
    if loss == "mse":
        ended = (wasted_resource <= 0) & (resource >= frequency.shape[0])
    clock = _solve_budget(jnp.where(started & ~ended, resource, 0.5), frequency, wasted_resource, loss)
    clock = jnp.where(ended, jnp.inf, jnp.where(started, clock, 0))
    return jnp.where(jnp.isnan(resource), resource, clock)


@_clock.defjvp
@functools.partial(jax.jit, static_argnums=0)
def _clock_jvp(loss: str, primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    # The budget law itself: d(resource) = (F + N_0) dtau + sum_j tau demand_j dp_j + tau dN_0, because the progress
    # of skill j depends on p_j tau alone and its slope there is the demand. An infinite clock stays where it is.
    resource, frequency, wasted_resource = primals
    clock = _clock(resource, frequency, wasted_resource, loss)
    running = jnp.isfinite(clock)
    safe = jnp.where(running, clock, 0)
    demand = _demand(frequency[None, :] * safe[:, None], loss)
    change = tangents[0] - safe * (demand @ tangents[1] + tangents[2])
    return clock, jnp.where(running, change / _pull(safe, frequency, wasted_resource, loss), 0)


def _independent_arguments(
    times: Numbers, frequency: Numbers, learning_rate: Numbers, wasted_resource: Numbers, loss: str
) -> list[Array]:
    _check_loss(loss)
    arrays = _floats(times, frequency, learning_rate, wasted_resource)
    _check_grid("times", arrays[0])
    _check_frequency(arrays[1])
    _check_positive(learning_rate=arrays[2])
    _check_not_negative(wasted_resource=arrays[3])
    return arrays


def independent_clock(
    times: Numbers, frequency: Numbers, learning_rate: Numbers, wasted_resource: Numbers, loss: str = "mse"
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
        learned everything, $\eta t \ge n$ (mse).

    Raises:
        ValueError: a shape, a concrete value or the name of the loss is not as above.

    Source: derived here.

    >>> independent_clock([0.0], [1.0, 0.1], 1e-3, 1e-3).tolist()
    [0.0]
    """
    times, frequency, learning_rate, wasted_resource = _independent_arguments(
        times, frequency, learning_rate, wasted_resource, loss
    )
    return _clock(learning_rate * times, frequency, wasted_resource, loss)


@functools.partial(jax.jit, static_argnums=3)
def _levels(resource: Array, frequency: Array, wasted_resource: Array, loss: str) -> Array:
    clock = _clock(resource, frequency, wasted_resource, loss)[:, None]
    running = jnp.isfinite(clock)
    effort = frequency[None, :] * jnp.where(running, clock, 0)
    level = -jnp.expm1(-effort) if loss == "mse" else jnp.tanh(margin_from_exposure(effort) / 2)
    return jnp.where(running, level, jnp.where(jnp.isnan(clock), clock, 1))


def independent_levels(
    times: Numbers, frequency: Numbers, learning_rate: Numbers, wasted_resource: Numbers, loss: str = "mse"
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
    times, frequency, learning_rate, wasted_resource = _independent_arguments(
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
    times, frequency, learning_rate, wasted_resource = _independent_arguments(
        times, frequency, learning_rate, wasted_resource, "cross_entropy"
    )
    clock = _clock(learning_rate * times, frequency, wasted_resource, "cross_entropy")
    return margin_from_exposure(frequency[None, :] * clock[:, None])


_CHUNK = 1 << 20  # numbers a row of chunks may hold


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
    level: Numbers, frequency: Numbers, learning_rate: Numbers, wasted_resource: Numbers, loss: str = "mse"
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
    _check_loss(loss)
    level, frequency, learning_rate, wasted_resource = _floats(level, frequency, learning_rate, wasted_resource)
    _check_level(level)
    _check_frequency(frequency)
    _check_positive(learning_rate=learning_rate)
    _check_not_negative(wasted_resource=wasted_resource)
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
    times, frequency, learning_rate, wasted_resource = _floats(times, frequency, learning_rate, wasted_resource)
    _check_grid("times", times)
    _check_positive(frequency=frequency, learning_rate=learning_rate, wasted_resource=wasted_resource)
    ratio = frequency / wasted_resource
    return wright_omega(jnp.log(ratio) + ratio * (1 - learning_rate * times)) / ratio


# --- Interference -----------------------------------------------------------------------------------------------------


def _eigenvalues(operator: Array) -> tuple[Array, Array]:
    """Eigenvalues and eigenvectors; those that are zero or negative by rounding alone become exactly zero."""
    values, vectors = jnp.linalg.eigh(operator)
    floor = 4 * operator.shape[0] * jnp.finfo(operator.dtype).eps * jnp.max(jnp.abs(values))
    return jnp.where(values > floor, values, 0), vectors


_SPLIT_NODES, _SPLIT_WEIGHTS = (x / 2 for x in np.polynomial.legendre.leggauss(10))


def _decay_linear(clock: Array, operator: Array, start: Array) -> Array:
    values, vectors = _eigenvalues(operator)
    return (jnp.exp(-values[None, :] * clock[:, None]) * (start @ vectors)[None, :]) @ vectors.T


@jax.custom_jvp
@jax.jit
def _decay(clock: Array, operator: Array, start: Array) -> Array:
    """`exp(-K tau) v`, a row for each clock: (time, skill)."""
    return _decay_linear(clock, operator, start)


@_decay.defjvp
@jax.jit
def _decay_jvp(primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    # Daleckii and Krein: in the eigenbasis, d exp(-K tau)_ij = dK_ij times the divided difference of exp(-x tau) at
    # the eigenvalues i and j, which is -tau exp(-min tau) phi(|difference| tau); no division by the difference, so
    # equal eigenvalues do no harm (the derivative of the eigenvectors themselves would not exist)
    clock, operator, start = primals
    values, vectors = _eigenvalues(operator)
    gap = jnp.abs(values[:, None] - values[None, :])[None] * clock[:, None, None]
    least = jnp.minimum(values[:, None], values[None, :])[None] * clock[:, None, None]
    divided = -clock[:, None, None] * jnp.exp(-least) * mean_decay(gap)
    rotated = vectors.T @ tangents[1] @ vectors
    by_operator = ((divided * rotated[None]) @ (start @ vectors)) @ vectors.T
    decayed = _decay(*primals)
    by_clock = -(decayed @ operator) * tangents[0][:, None]
    return decayed, by_operator + by_clock + _decay_linear(clock, operator, tangents[2])


@jax.custom_jvp
@jax.jit
def _decay_integral(clock: Array, operator: Array, start: Array) -> Array:
    """`v' (integral_0^tau exp(-K s) ds) v` for each clock; an eigenvalue 0 contributes `tau`."""
    values, vectors = _eigenvalues(operator)
    return (clock[:, None] * mean_decay(values[None, :] * clock[:, None])) @ (start @ vectors) ** 2


@_decay_integral.defjvp
@jax.jit
def _decay_integral_jvp(primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    # As above with psi(x) = tau phi(x tau) in place of exp(-x tau). Its divided difference is the mean of psi' between
    # the two eigenvalues: by Gauss-Legendre nodes where they are close (psi' varies on the scale x + 1/tau), by
    # the difference itself, which then cancels by a factor of two at most, where they are not.
    clock, operator, start = primals
    values, vectors = _eigenvalues(operator)
    coordinates = start @ vectors
    scaled = values[None, :] * clock[:, None]
    first, second = scaled[:, :, None], scaled[:, None, :]
    close = jnp.abs(first - second) < 1 + jnp.minimum(first, second)
    nodes = jnp.asarray(0.5 + _SPLIT_NODES, clock.dtype)
    between = first[..., None] + (second - first)[..., None] * nodes[None, None, None, :]
    mean = mean_decay_derivative(between) @ jnp.asarray(_SPLIT_WEIGHTS, clock.dtype)
    apart = (mean_decay(first) - mean_decay(second)) / jnp.where(close, 1, first - second)
    divided = clock[:, None, None] ** 2 * jnp.where(close, mean, apart)
    rotated = vectors.T @ tangents[1] @ vectors
    by_operator = (divided * rotated[None]) @ coordinates @ coordinates
    by_clock = (_decay(*primals) @ start) * tangents[0]
    kernel = clock[:, None] * mean_decay(scaled)
    by_start = 2 * (kernel * coordinates[None, :]) @ (tangents[2] @ vectors)
    return _decay_integral(*primals), by_operator + by_clock + by_start


def _check_overlap(overlap: Array, skills: int) -> None:
    _check_shape("overlap", overlap, "(skill, skill)", skills, skills)
    if isinstance(overlap, Tracer):
        return
    matrix = np.asarray(overlap)
    slack = 100 * skills * np.finfo(matrix.dtype).eps
    if not np.abs(matrix - matrix.T).max() <= slack:
        raise ValueError(
            f"overlap: expected a symmetric matrix, got one that differs by {np.abs(matrix - matrix.T).max()}"
        )
    if not np.abs(np.diagonal(matrix) - 1).max() <= slack:
        raise ValueError(f"overlap: expected ones on the diagonal, got {np.diagonal(matrix)}")
    least = np.linalg.eigvalsh(matrix).min()
    if least < -slack:
        raise ValueError(f"overlap: expected a positive semidefinite matrix, got the eigenvalue {least}")


def _interference_arguments(clock: Numbers, frequency: Numbers, overlap: Numbers) -> tuple[Array, Array, Array, Array]:
    """Clock, operator `K = P^1/2 C P^1/2`, start `v = P^1/2 1`, and the root of the frequency."""
    clock, frequency, overlap = _floats(clock, frequency, overlap)
    _check_grid("clock", clock)
    _check_frequency(frequency)
    _check_overlap(overlap, frequency.shape[0])
    root = jnp.sqrt(frequency)
    return clock, root[:, None] * overlap * root[None, :], root, root


def interference_unlearned(clock: Numbers, frequency: Numbers, overlap: Numbers) -> Float[Array, "time skill"]:
    r"""Unlearned fractions of skills whose task vectors overlap (mse), at given clocks.

    $$u(\tau) = e^{-C P \tau}\,\mathbf 1 = P^{-1/2} e^{-K\tau} P^{1/2}\,\mathbf 1, \qquad K = P^{1/2} C P^{1/2},
    \quad P = \mathrm{diag}(p), \quad C_{ij} = t_i \cdot t_j$$

    Derivation: $du/dt = -\eta\, C f/(F + N_0)$ with $f = P u$ is linear in the clock, $du/d\tau = -C P u$; and
    $C P = P^{-1/2} K P^{1/2}$ with $K$ symmetric and positive semidefinite, so its eigenvectors diagonalise it. A zero
    eigenvalue (fewer dimensions than skills) is a combination that is never learned. `u` may turn negative.

    Arguments:
        clock: resource clock (time,), in units of 1/frequency, not negative.
        frequency: (skill,), positive.
        overlap: scalar products of the unit task vectors (skill, skill): symmetric, positive semidefinite, diagonal 1.

    Returns:
        Unlearned fractions (time, skill); derivatives are exact also where eigenvalues coincide.

    Raises:
        ValueError: a shape or a concrete value is not as above.

    Source: model Liu et al. 2025; solution derived here.

    >>> interference_unlearned([0.0], [1.0, 0.5], [[1.0, 0.0], [0.0, 1.0]]).round(12).tolist()
    [[1.0, 1.0]]
    """
    clock, operator, start, root = _interference_arguments(clock, frequency, overlap)
    return _decay(clock, operator, start) / root[None, :]


def interference_time(
    clock: Numbers, frequency: Numbers, overlap: Numbers, learning_rate: Numbers, wasted_resource: Numbers
) -> Float[Array, " time"]:
    r"""Training time at given clocks, for skills whose task vectors overlap (mse).

    $$\eta t = \int_0^\tau F\,d\tau' + N_0\tau, \qquad F(\tau) = \sum_i p_i u_i = v^\top e^{-K\tau} v \ge 0,
    \quad v = P^{1/2}\,\mathbf 1$$

    Derivation: $dt/d\tau = (F + N_0)/\eta$, with $u$ of `interference_unlearned`. In the eigenbasis of $K$,
    $\int_0^\tau F = \sum_k (q_k \cdot v)^2 (1 - e^{-\lambda_k\tau})/\lambda_k$, where a zero eigenvalue contributes
    $(q_k \cdot v)^2\,\tau$. The sum of levels is not this integral: overlapping skills are learned by each other's
    gradient.

    Arguments:
        clock: resource clock (time,), in units of 1/frequency, not negative.
        frequency: (skill,), positive.
        overlap: scalar products of the unit task vectors (skill, skill): symmetric, positive semidefinite, diagonal 1.
        learning_rate: (), resource per step.
        wasted_resource: (), in units of frequency; 0 is allowed.

    Returns:
        Times (time,), in steps, increasing with the clock.

    Raises:
        ValueError: a shape or a concrete value is not as above.

    Source: derived here.

    >>> interference_time([0.0], [1.0, 0.5], [[1.0, 0.0], [0.0, 1.0]], 1e-3, 1e-3).tolist()
    [0.0]
    """
    clock, frequency, overlap, learning_rate, wasted_resource = _floats(
        clock, frequency, overlap, learning_rate, wasted_resource
    )
    _check_positive(learning_rate=learning_rate)
    _check_not_negative(wasted_resource=wasted_resource)
    clock, operator, start, _ = _interference_arguments(clock, frequency, overlap)
    return (_decay_integral(clock, operator, start) + wasted_resource * clock) / learning_rate


# --- Prerequisites ----------------------------------------------------------------------------------------------------


def chain_log_depth(
    clock: Numbers, frequency: Numbers, prerequisite_frequency: Numbers, gate_exponent: Numbers
) -> Float[Array, " time"]:
    r"""Log-depth of the second skill of a chain of two.

    $$D_2(\tau) = p_2\Bigl(\tau - \frac{1 - e^{-a p_1\tau}}{a p_1}\Bigr) = \frac{p_2}{a p_1}\,g(a p_1 \tau),
    \qquad g(x) = x - 1 + e^{-x}$$

    Derivation: the root has $D_1 = p_1\tau$, so its gate is $1 - u_1^a = 1 - e^{-a p_1\tau}$, and
    $dD_2/d\tau = p_2(1 - e^{-a p_1\tau})$. `special.decay_remainder` keeps the digits for $a p_1\tau \ll 1$, where
    $D_2 \approx p_2\, a p_1\, \tau^2/2$.

    Arguments:
        clock: resource clock (time,), in units of 1/frequency, not negative.
        frequency: of the second skill, (), positive.
        prerequisite_frequency: of the first skill, (), positive.
        gate_exponent: (), positive.

    Returns:
        Log-depth $-\ln u_2$ (time,), not negative.

    Raises:
        ValueError: a shape or a concrete value is not as above.

    Source: model Liu et al. 2025; solution derived here.

    >>> chain_log_depth([0.0], 1.0, 0.3, 1e-3).tolist()
    [0.0]
    """
    clock, frequency, prerequisite_frequency, gate_exponent = _floats(
        clock, frequency, prerequisite_frequency, gate_exponent
    )
    _check_grid("clock", clock)
    _check_positive(frequency=frequency, prerequisite_frequency=prerequisite_frequency, gate_exponent=gate_exponent)
    rate = gate_exponent * prerequisite_frequency
    return frequency / rate * decay_remainder(rate * clock)


def _graded_rule(panels: int, order: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre on the panels [1/2, 1], [1/4, 1/2], ... and [0, 2^-panels] of [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(order)
    ends = np.concatenate([[0.0], 2.0 ** -np.arange(panels, -1, -1)])
    width = np.diff(ends)[:, None]
    return (ends[:-1, None] + width * (nodes + 1) / 2).ravel(), (width * weights / 2).ravel()


_GRADED_NODES, _GRADED_WEIGHTS = _graded_rule(52, 12)


@jax.jit
def _gated_clock(clock: Array, rates: Array) -> Array:
    """`integral_0^tau prod_j (1 - exp(-b_j s)) ds` for each clock."""
    nodes, weights = (jnp.asarray(values, clock.dtype) for values in (_GRADED_NODES, _GRADED_WEIGHTS))
    gates = -jnp.expm1(-clock[:, None, None] * nodes[None, :, None] * rates[None, None, :])
    return clock * (gates.prod(2) @ weights)


def root_prerequisites_log_depth(
    clock: Numbers, frequency: Numbers, prerequisite_frequencies: Numbers, gate_exponent: Numbers
) -> Float[Array, " time"]:
    r"""Log-depth of a skill that needs several roots, all of them.

    $$D(\tau) = p\int_0^\tau \prod_j \bigl(1 - e^{-a p_j s}\bigr)\,ds$$

    Derivation: each root has $D_j = p_j\tau$ and gate $1 - e^{-a p_j\tau}$, and the gates multiply. Expanded over
    subsets $S$ of the prerequisites it is $p\sum_S (-1)^{|S|}(1 - e^{-b_S\tau})/b_S$ with $b_S = a\sum_{j \in S} p_j$
    (and $\tau$ for the empty set), which cancels wherever some $a p_j\tau \ll 1$ (to nothing in $m$ such factors), and
    the rates may lie on both sides. So it is not evaluated term by term but by quadrature of the product: all terms are
    positive, nothing cancels. Panels halve towards 0, each with 12 Gauss-Legendre nodes. On a panel $[h, 2h]$ every
    factor either varies on the scale of $h$, or is a low power of $s$ ($a p_j h \ll 1$), or is 1
    ($a p_j h \gg 1$), so each panel is integrated to rounding, whatever the rates; and the last, $[0, 2^{-52}\tau]$, is
    at most $2^{-52}$ of the whole because the integrand increases.

    Arguments:
        clock: resource clock (time,), in units of 1/frequency, not negative.
        frequency: of the skill, (), positive.
        prerequisite_frequencies: of its prerequisites (prerequisite,), positive.
        gate_exponent: (), positive.

    Returns:
        Log-depth $-\ln u$ (time,), not negative.

    Raises:
        ValueError: a shape or a concrete value is not as above.

    Source: model Liu et al. 2025; solution derived here.

    >>> root_prerequisites_log_depth([0.0], 1.0, [0.3, 2.0], 1e-3).tolist()
    [0.0]
    """
    clock, frequency, prerequisite_frequencies, gate_exponent = _floats(
        clock, frequency, prerequisite_frequencies, gate_exponent
    )
    _check_grid("clock", clock)
    _check_frequency(prerequisite_frequencies, "prerequisite_frequencies")
    _check_positive(frequency=frequency, gate_exponent=gate_exponent)
    return frequency * _gated_clock(clock, gate_exponent * prerequisite_frequencies)


def self_paced_log_depth(exposure: Numbers, frequency: Numbers, frequency_after: Numbers) -> Float[Array, "..."]:
    r"""Log-depth of a skill whose frequency changes when it is half learned.

    $$D = p X \ \ (p X \le \ln 2), \qquad D = \ln 2 + p'\Bigl(X - \frac{\ln 2}{p}\Bigr)\ \ (p X > \ln 2)$$

    Derivation: with the exposure $X = \int c\,d\tau$, $dD/dX$ is $p$ while $s < 1/2$, that is while $D < \ln 2$, and
    $p'$ after.

    Arguments:
        exposure: any shape, in units of 1/frequency, not negative.
        frequency: up to level 1/2, (), positive.
        frequency_after: from level 1/2 on, (), positive.

    Returns:
        Log-depth $-\ln u$, the shape of `exposure`.

    Raises:
        ValueError: a shape or a concrete value is not as above.

    Source: model Liu et al. 2025; solution derived here.

    >>> self_paced_log_depth([0.0], 1.0, 3.0).tolist()
    [0.0]
    """
    exposure, frequency, frequency_after = _floats(exposure, frequency, frequency_after)
    _check_values("exposure", exposure, lambda x: x >= 0, "numbers that are not negative")
    _check_positive(frequency=frequency, frequency_after=frequency_after)
    half = math.log(2)
    turn = half / frequency
    return jnp.where(exposure < turn, frequency * exposure, half + frequency_after * (exposure - turn))


# --- Limits -----------------------------------------------------------------------------------------------------------


def domino_levels(times: Numbers, count: int, learning_rate: Numbers) -> Float[Array, "time skill"]:
    r"""Levels in the Domino limit: strictly one skill after the other.

    $$s_i = \mathrm{clip}\bigl(\eta t - (i - 1),\, 0,\, 1\bigr), \qquad i = 1, \dots, n$$

    Derivation: without waste, and with $p_{i+1}/p_i \to 0$, the most frequent unlearned skill takes the whole resource,
    $du_i/dt = -\eta$, until $u_i = 0$; then the next one does.

    Arguments:
        times: training steps (time,), not negative.
        count: number of skills, in order of decreasing frequency.
        learning_rate: (), resource per step.

    Returns:
        Levels (time, skill).

    Raises:
        ValueError: a shape or a concrete value is not as above.

    Source: Liu et al. 2025 (Domino model); limit derived here.

    >>> domino_levels([500.0, 1500.0], 2, 1e-3).tolist()
    [[0.5, 0.0], [1.0, 0.5]]
    """
    times, learning_rate = _floats(times, learning_rate)
    _check_grid("times", times)
    _check_positive(learning_rate=learning_rate)
    if isinstance(count, bool) or not isinstance(count, int | np.integer) or count < 1:
        raise ValueError(f"count: expected a positive whole number, got {count!r}")
    return jnp.clip((learning_rate * times)[:, None] - jnp.arange(count, dtype=times.dtype)[None, :], 0, 1)


def parallel_levels(
    times: Numbers, frequency: Numbers, learning_rate: Numbers, wasted_resource: Numbers
) -> Float[Array, "time skill"]:
    r"""Levels in the parallel (quanta) limit: each skill learns as if it were alone.

    $$s_i = 1 - e^{-\eta p_i t/N_0}$$

    Derivation: for $N_0 \gg F$ the budget law is $\eta t = N_0\tau$ up to the $n$ units that are learned, and
    $u_i = e^{-p_i\tau}$.

    Arguments:
        times: training steps (time,), not negative.
        frequency: (skill,), positive.
        learning_rate: (), resource per step.
        wasted_resource: (), in units of frequency, positive.

    Returns:
        Levels (time, skill).

    Raises:
        ValueError: a shape or a concrete value is not as above.

    Source: Liu et al. 2025; limit derived here.

    >>> parallel_levels([0.0], [1.0, 0.1], 1e-3, 100.0).tolist()
    [[0.0, 0.0]]
    """
    times, frequency, learning_rate, wasted_resource = _independent_arguments(
        times, frequency, learning_rate, wasted_resource, "mse"
    )
    _check_positive(wasted_resource=wasted_resource)
    return -jnp.expm1(-(learning_rate * times / wasted_resource)[:, None] * frequency[None, :])


# --- Small gate exponent ----------------------------------------------------------------------------------------------


def _topological_order(prerequisites: Sequence[Sequence[int]]) -> list[int]:
    """Skills, prerequisites first; raises on what is no directed acyclic graph."""
    skills = len(prerequisites)
    for skill, needed in enumerate(prerequisites):
        if any(not 0 <= int(other) < skills for other in needed):
            raise ValueError(
                f"prerequisites: expected skills from 0 to {skills - 1}, got {list(needed)} for skill {skill}"
            )
        if len(set(needed)) < len(needed):
            raise ValueError(f"prerequisites: expected each once, got {list(needed)} for skill {skill}")
    waiting = [len(needed) for needed in prerequisites]
    dependents: list[list[int]] = [[] for _ in range(skills)]
    for skill, needed in enumerate(prerequisites):
        for other in needed:
            dependents[int(other)].append(skill)
    order = [skill for skill in range(skills) if waiting[skill] == 0]
    for skill in order:  # grows as it is read
        for dependent in dependents[skill]:
            waiting[dependent] -= 1
            if waiting[dependent] == 0:
                order.append(dependent)
    if len(order) < skills:
        stuck = [skill for skill in range(skills) if waiting[skill] > 0]
        raise ValueError(f"prerequisites: expected a graph without cycles, got one among the skills {stuck}")
    return order


def _check_gates(gate: str | Sequence[str], skills: int) -> list[str]:
    gates = [gate] * skills if isinstance(gate, str) else list(gate)
    if len(gates) != skills or any(each not in ("all", "any") for each in gates):
        raise ValueError(f'gate: expected "all" or "any", one for all or one for each of {skills} skills, got {gate!r}')
    return gates


def _generations(
    prerequisites: Sequence[Sequence[int]], gate: str | Sequence[str], frequency: Array
) -> tuple[np.ndarray, Array]:
    """Generation of each skill and the logarithm of its rate (the rates themselves may underflow)."""
    _check_shape("frequency", frequency, "(skill,)", len(prerequisites))
    _check_frequency(frequency)
    gates = _check_gates(gate, len(prerequisites))
    order = _topological_order(prerequisites)
    generation = [1] * len(prerequisites)
    sources: list[list[int]] = [[] for _ in prerequisites]  # whose rates a skill's own rate is made of
    for skill in order:
        needed = [int(other) for other in prerequisites[skill]]
        if gates[skill] == "all" or not needed:
            generation[skill] = 1 + sum(generation[other] for other in needed)
            sources[skill] = needed
        else:
            least = min(generation[other] for other in needed)
            generation[skill] = 1 + least
            sources[skill] = [other for other in needed if generation[other] == least]
        if generation[skill] > 2**53:
            raise ValueError(
                f"prerequisites: expected generations up to 2^53, got {generation[skill]} for skill {skill}"
            )
    log_rate = list(jnp.log(frequency) - jnp.log(jnp.asarray(generation, frequency.dtype)))
    for skill in order:
        if sources[skill]:
            join = jnp.add if gates[skill] == "all" else jnp.maximum
            log_rate[skill] = log_rate[skill] + functools.reduce(join, [log_rate[other] for other in sources[skill]])
    return np.array(generation), jnp.stack(log_rate)


def small_gate_generations(
    prerequisites: Sequence[Sequence[int]], gate: str | Sequence[str], frequency: Numbers
) -> tuple[np.ndarray, Float[Array, " skill"]]:
    r"""Generation and rate of each skill when the gate exponent is small (mse).

    $$\text{root: } m = 1,\ k = p; \qquad \text{all: } m = 1 + \sum_j m_j,\ k = \frac{p}{m}\prod_j k_j; \qquad
    \text{any: } m = 1 + \min_j m_j,\ k = \frac{p}{m}\max_j k_j \text{ over the minimisers}$$

    Derivation: $D_i(\tau) = E_i(a\tau)/a$, where $dE_i/dx = p_i \prod_j (1 - e^{-E_j})$ (or the largest factor) does
    not contain $a$. For small $a$ a finite depth $D$ means a small $E$, thus small $x$, where
    $1 - e^{-E_j} \approx E_j$ and $E_i \approx k_i x^{m_i}$: integrate $p_i\prod_j k_j x^{m_j}$ term by term; of
    several alternatives the lowest power of $x$ is the largest, and among equal powers the largest coefficient.

    Arguments:
        prerequisites: for each skill, the skills that it needs (each named once, no cycles).
        gate: "all" or "any", one for all or one a skill.
        frequency: (skill,), positive.

    Returns:
        generation: (skill,), whole numbers (NumPy).
        rate: (skill,), in units of frequency to the power of the generation.

    Raises:
        ValueError: the graph has a cycle, an index out of range, or a skill twice in one list; a gate, a shape or a
        concrete
            value is not as above; or the generation of a skill exceeds 2^53.

    Source: derived here.

    >>> generation, rate = small_gate_generations([[], [0], [1]], "all", [0.3, 1.0, 3.0])
    >>> generation.tolist(), [round(float(k), 6) for k in rate]
    ([1, 2, 3], [0.3, 0.15, 0.15])
    """
    (frequency,) = _floats(frequency)
    generation, log_rate = _generations(prerequisites, gate, frequency)
    return generation, jnp.exp(log_rate)


def small_gate_clock(
    level: Numbers,
    prerequisites: Sequence[Sequence[int]],
    gate: str | Sequence[str],
    frequency: Numbers,
    gate_exponent: Numbers,
) -> Float[Array, " skill"]:
    r"""Clock at which each skill reaches a level, to leading order in the gate exponent (mse).

    $$\tau_i \to \frac{1}{a}\Bigl(\frac{a L}{k_i}\Bigr)^{1/m_i}, \qquad L = -\ln(1 - \theta)$$

    Derivation: solve $E_i(a\tau_i) = a L$ with $E_i \approx k_i x^{m_i}$ of `small_gate_generations`. For "all" graphs,
    $1 - e^{-E} \le E$ makes it a lower bound at every $a$.

    Arguments:
        level: (), in [0, 1).
        prerequisites: for each skill, the skills that it needs.
        gate: "all" or "any", one for all or one a skill.
        frequency: (skill,), positive.
        gate_exponent: (), positive, small.

    Returns:
        Clock (skill,), in units of 1/frequency.

    Raises:
        ValueError: as `small_gate_generations`, or a shape or concrete value is not as above.

    Source: derived here.

    >>> [round(float(clock), 3) for clock in small_gate_clock(0.5, [[], [0]], "all", [1.0, 1.0], 1e-4)]
    [0.693, 117.741]
    """
    level, frequency, gate_exponent = _floats(level, frequency, gate_exponent)
    _check_level(level)
    _check_positive(gate_exponent=gate_exponent)
    generation, log_rate = _generations(prerequisites, gate, frequency)
    power = jnp.asarray(generation, frequency.dtype)
    return jnp.exp((jnp.log(-gate_exponent * jnp.log1p(-level)) - log_rate) / power) / gate_exponent


def small_gate_learning_times(
    level: Numbers,
    prerequisites: Sequence[Sequence[int]],
    gate: str | Sequence[str],
    frequency: Numbers,
    learning_rate: Numbers,
) -> Float[Array, " skill"]:
    r"""Learning times in the limit of a small gate exponent, without waste (mse): learning goes in generations.

    $$\eta t_i \to \#\{j: m_j < m_i\} + \sum_{j:\, m_j = m_i} \bigl(1 - (1 - \theta)^{k_j/k_i}\bigr)$$

    Derivation: at the clock $\tau_i$ of `small_gate_clock`, $D_j = k_j x^{m_j}/a$ with $x = (a L/k_i)^{1/m_i}$ grows as
    $a^{m_j/m_i - 1}$: without bound for earlier generations (level 1), to 0 for later ones, and to $L k_j/k_i$ in the
    same one. The budget law with $N_0 = 0$ sums the levels.

    Arguments:
        level: (), in [0, 1).
        prerequisites: for each skill, the skills that it needs.
        gate: "all" or "any", one for all or one a skill.
        frequency: (skill,), positive.
        learning_rate: (), resource per step.

    Returns:
        Times (skill,), in steps.

    Raises:
        ValueError: as `small_gate_generations`, or a shape or concrete value is not as above.

    Source: derived here.

    >>> small_gate_learning_times(0.5, [[], [0], [1]], "all", [0.3, 1.0, 3.0], 1e-3).round().tolist()
    [500.0, 1500.0, 2500.0]
    """
    level, frequency, learning_rate = _floats(level, frequency, learning_rate)
    _check_level(level)
    _check_positive(learning_rate=learning_rate)
    generation, log_rate = _generations(prerequisites, gate, frequency)
    earlier = jnp.asarray(generation[None, :] < generation[:, None])
    same = jnp.asarray(generation[None, :] == generation[:, None])
    ratio = jnp.exp(jnp.where(same, log_rate[None, :] - log_rate[:, None], 0))
    levels = jnp.where(same, -jnp.expm1(jnp.log1p(-level) * ratio), jnp.where(earlier, 1, 0).astype(frequency.dtype))
    return levels.sum(1) / learning_rate


def last_learning_time_bound(
    level: Numbers,
    prerequisites: Sequence[Sequence[int]],
    frequency: Numbers,
    learning_rate: Numbers,
    wasted_resource: Numbers,
    gate_exponent: Numbers,
) -> Float[Array, ""]:
    r"""Time before which the last skill cannot reach a level, for every gate exponent (mse, "all" gates).

    $$\eta\, t_\text{last} \ge n\theta + N_0 \max_i \max\Bigl(\frac{L}{p_i},\
    \frac{1}{a}\Bigl(\frac{a L}{k_i}\Bigr)^{1/m_i}\Bigr), \qquad L = -\ln(1 - \theta)$$

    Derivation: at $t_\text{last}$ all $n$ levels are at least $\theta$, so the budget law gives
    $\eta t_\text{last} \ge n\theta + N_0\tau_\text{last}$. Gates are at most 1, so $D_i \le p_i\tau$; and
    $1 - e^{-E} \le E$ turns the recursion of `small_gate_generations` into the bound $E_i \le k_i x^{m_i}$. Each
    skill's clock is at least what either bound needs for $D_i = L$. ("any" gates have no such bound: a later
    alternative may overtake the one with the lowest power.)

    Arguments:
        level: (), in [0, 1).
        prerequisites: for each skill, the skills that it needs, all of them.
        frequency: (skill,), positive.
        learning_rate: (), resource per step.
        wasted_resource: (), in units of frequency; 0 is allowed.
        gate_exponent: (), positive.

    Returns:
        Time (), in steps.

    Raises:
        ValueError: as `small_gate_generations`, or a shape or concrete value is not as above.

    Source: derived here.

    >>> round(float(last_learning_time_bound(0.5, [[], [0]], [1.0, 1.0], 1e-3, 0.0, 1e-3)), 3)
    1000.0
    """
    level, frequency, learning_rate, wasted_resource, gate_exponent = _floats(
        level, frequency, learning_rate, wasted_resource, gate_exponent
    )
    _check_positive(learning_rate=learning_rate)
    _check_not_negative(wasted_resource=wasted_resource)
    gated = small_gate_clock(level, prerequisites, "all", frequency, gate_exponent)
    clock = jnp.maximum(-jnp.log1p(-level) / frequency, gated).max()
    return (len(prerequisites) * level + wasted_resource * clock) / learning_rate


# --- Scaling laws -----------------------------------------------------------------------------------------------------


def _check_alpha(alpha: Numbers) -> Array:
    (alpha,) = _floats(alpha)
    _check_values("alpha", alpha, lambda x: x > 1, "a number above 1")
    return alpha


def domino_exponent(alpha: Numbers) -> Float[Array, "..."]:
    r"""Exponent of the loss in time while little is wasted, for power-law frequencies.

    $$L \sim t^{-(\alpha - 1)}, \qquad p_k \sim k^{-\alpha}$$

    Derivation: one skill after the other, $k = \eta t$ of them are learned, and the rest weighs
    $\sum_{j > k} j^{-\alpha} \sim k^{-(\alpha - 1)}$.

    Arguments:
        alpha: exponent of the frequencies, any shape, above 1.

    Returns:
        $\alpha - 1$, the shape of `alpha`.

    Raises:
        ValueError: `alpha` is not above 1.

    Source: Liu et al. 2025.

    >>> float(domino_exponent(2.0))
    1.0
    """
    return _check_alpha(alpha) - 1


def quanta_exponent(alpha: Numbers) -> Float[Array, "..."]:
    r"""Exponent of the loss in time once waste dominates, for power-law frequencies.

    $$L \sim t^{-(\alpha - 1)/\alpha}, \qquad p_k \sim k^{-\alpha}$$

    Derivation: with $\eta t = N_0\tau$ the skills with $p_k\tau > 1$ are learned, $k \sim t^{1/\alpha}$ of them, and
    the rest weighs $k^{-(\alpha - 1)}$.

    Arguments:
        alpha: exponent of the frequencies, any shape, above 1.

    Returns:
        $(\alpha - 1)/\alpha$, the shape of `alpha`.

    Raises:
        ValueError: `alpha` is not above 1.

    Source: Michaud et al. 2023 (quanta); Liu et al. 2025.

    >>> float(quanta_exponent(2.0))
    0.5
    """
    alpha = _check_alpha(alpha)
    return (alpha - 1) / alpha


def half_waste_time(alpha: Numbers, wasted_resource: Numbers, learning_rate: Numbers = 1.0) -> Float[Array, ""]:
    r"""Time at which half of the resource spent so far has been wasted, for many power-law skills (mse).

    $$\eta t = 2\,\Gamma(1 - 1/\alpha)^{\alpha/(\alpha - 1)}\,\bigl(\zeta(\alpha) N_0\bigr)^{-1/(\alpha - 1)}$$

    Derivation: with $p_k = k^{-\alpha}/\zeta(\alpha)$ and many skills learned, the sum over skills is an integral,
    $\sum_k (1 - e^{-p_k\tau}) \approx \int_0^\infty (1 - e^{-k^{-\alpha}\tau/\zeta})\,dk
    = \Gamma(1 - 1/\alpha)\,(\tau/\zeta)^{1/\alpha}$. Half is wasted when this equals $N_0\tau$, which gives $\tau$, and
    then $\eta t = 2 N_0\tau$. Between the two scaling laws this is the crossover.

    Arguments:
        alpha: exponent of the frequencies, (), above 1.
        wasted_resource: (), positive, in units of the sum of all frequencies.
        learning_rate: (), resource per step.

    Returns:
        Time (), in steps. It is accurate where $\eta t \gg 1$ and less than the number of skills.

    Raises:
        ValueError: a shape or a concrete value is not as above.

    Source: derived here.

    >>> round(float(half_waste_time(2.0, 0.1)), 3)
    38.197
    """
    alpha, wasted_resource, learning_rate = _floats(alpha, wasted_resource, learning_rate)
    _check_positive(alpha=alpha, wasted_resource=wasted_resource, learning_rate=learning_rate)
    alpha = _check_alpha(alpha)
    zeta = jax.scipy.special.zeta(alpha, jnp.ones_like(alpha))
    logarithm = alpha * jax.scipy.special.gammaln(1 - 1 / alpha) - jnp.log(zeta * wasted_resource)
    return 2 * jnp.exp(logarithm / (alpha - 1)) / learning_rate


@functools.partial(jax.jit, static_argnums=3)
def _loss_exponent(resource: Array, frequency: Array, wasted_resource: Array, loss: str) -> Array:
    clock = _clock(resource, frequency, wasted_resource, loss)
    running = jnp.isfinite(clock)
    safe = jnp.where(running, clock, 0)
    if loss == "mse":
        weight = frequency[None, :] * jnp.exp(-2 * safe[:, None] * (frequency - frequency.min())[None, :])
        rate = 2 * (weight * frequency[None, :]).sum(1) / weight.sum(1)
    else:
        margin = margin_from_exposure(frequency[None, :] * safe[:, None])
        speed = frequency[None, :] * jax.nn.sigmoid(-margin)
        rate = (speed**2).sum(1) / (frequency[None, :] * jax.nn.softplus(-margin)).sum(1)
    exponent = resource / _pull(safe, frequency, wasted_resource, loss) * rate
    return jnp.where(running, exponent, jnp.nan)


def loss_exponent(
    times: Numbers, frequency: Numbers, learning_rate: Numbers, wasted_resource: Numbers, loss: str = "mse"
) -> Float[Array, " time"]:
    r"""Local scaling exponent of the loss of independent skills, exact at every time.

    $$-\frac{d\ln L}{d\ln t} = \frac{\eta t}{F + N_0}\,\frac{2\sum_j p_j^2 u_j^2}{\sum_j p_j u_j^2}
    \quad\text{(mse)}, \qquad \frac{\eta t}{F + N_0}\,\frac{\sum_j p_j^2\,\sigma(-\ell_j)^2}{\sum_j p_j
    \ln(1 + e^{-\ell_j})} \quad\text{(cross entropy)}$$

    Derivation: $dL/dt = (dL/d\tau)\,\eta/(F + N_0)$ at the clock of `independent_clock`. For mse $L = \sum_j p_j u_j^2$
    and $du_j/d\tau = -p_j u_j$; for cross entropy $L = \sum_j p_j\ln(1 + e^{-\ell_j})$ has
    $dL/d\ell_j = -p_j\,\sigma(-\ell_j)$ and $d\ell_j/d\tau = p_j\,\sigma(-\ell_j)$. For mse both sums are
    taken relative to $u^2$ of the least frequent skill, so that their ratio survives when the loss underflows.

    Arguments:
        times: training steps (time,), not negative.
        frequency: (skill,), positive (power laws of 1e5 skills are an ordinary case).
        learning_rate: (), resource per step.
        wasted_resource: (), in units of frequency; 0 is allowed.
        loss: "mse" or "cross_entropy".

    Returns:
        Exponents (time,), dimensionless; 0 at t = 0, NaN once a run without waste has ended.

    Raises:
        ValueError: a shape, a concrete value or the name of the loss is not as above.

    Source: derived here.

    >>> loss_exponent([0.0], [1.0, 0.1], 1e-3, 1e-3).tolist()
    [0.0]
    """
    times, frequency, learning_rate, wasted_resource = _independent_arguments(
        times, frequency, learning_rate, wasted_resource, loss
    )
    return _loss_exponent(learning_rate * times, frequency, wasted_resource, loss)


def domino_ratio(
    frequency: Numbers, wasted_resource: Numbers, level: Numbers = 0.95, loss: str = "mse"
) -> Float[Array, ""]:
    r"""Ratio of the learning times of two independent skills.

    $$\frac{t_2}{t_1}, \qquad \eta t_k = \sum_j \bigl(1 - (1-\theta)^{p_j/p_k}\bigr) + \frac{N_0}{p_k}
    \ln\frac{1}{1-\theta} \quad\text{(mse)}$$

    Derivation: `independent_learning_times`; the learning rate cancels. Limits: $(1 + \theta)/\theta$, about 2, for
    $N_0 \to 0$ and $p_2/p_1 \to 0$ (Domino); $p_1/p_2$ for $N_0 \to \infty$ (parallel).

    Arguments:
        frequency: of the first and the second skill (2,), positive.
        wasted_resource: (), in units of frequency; 0 is allowed.
        level: (), in (0, 1).
        loss: "mse" or "cross_entropy".

    Returns:
        Ratio (), dimensionless.

    Raises:
        ValueError: a shape, a concrete value or the name of the loss is not as above.

    Source: Liu et al. 2025 (Domino effect); formula derived here.

    >>> round(float(domino_ratio([10 / 11, 1 / 11], 0.0)), 3)
    1.613
    """
    frequency, wasted_resource, level = _floats(frequency, wasted_resource, level)
    _check_shape("frequency", frequency, "(skill,)", 2)
    first, second = independent_learning_times(level, frequency, jnp.ones_like(level), wasted_resource, loss)
    return second / first
