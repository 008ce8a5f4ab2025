"""Skills that overlap: linear decay in resource time."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from ..base.special import mean_decay, mean_decay_derivative
from .arguments import Numbers, check_frequency, check_grid, check_not_negative, check_positive, check_shape, floats


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
    check_shape("overlap", overlap, "(skill, skill)", skills, skills)
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
    clock, frequency, overlap = floats(clock=clock, frequency=frequency, overlap=overlap)
    check_grid("clock", clock)
    check_frequency(frequency)
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
    clock, frequency, overlap, learning_rate, wasted_resource = floats(
        clock=clock, frequency=frequency, overlap=overlap, learning_rate=learning_rate, wasted_resource=wasted_resource
    )
    check_positive(learning_rate=learning_rate)
    check_not_negative(wasted_resource=wasted_resource)
    clock, operator, start, _ = _interference_arguments(clock, frequency, overlap)
    return (_decay_integral(clock, operator, start) + wasted_resource * clock) / learning_rate
