r"""Skills with a plateau: they grow out of what they have.

With $z_i = p_i \tau$ (the effective frequency $\kappa_i p_i^\gamma$ in place of $p_i$ where the model has one), a skill
without prerequisites obeys $du/dz = -u\,(\epsilon + (1-\epsilon)(1-u))$, a logistic equation for the odds
$s/u$: $d(s/u)/dz = s/u + \epsilon$, so that

$$ \frac{s}{u} = \epsilon\,(e^z - 1), \qquad D = \ln\frac1u = \ln(1 + \epsilon\,(e^z - 1)). $$
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from ..base.special import saturation
from .arguments import (
    Numbers,
    check_frequency,
    check_grid,
    check_level,
    check_not_negative,
    check_positive,
    check_shape,
    check_values,
    floats,
)


def plateau_effort(level: Numbers, plateau: Numbers) -> Float[Array, ""]:
    r"""Effort $z = p\tau$ at which a skill without prerequisites reaches a level.

    $$z(\theta) = \ln\Bigl(1 + \frac{\theta}{\epsilon\,(1 - \theta)}\Bigr)$$

    Derivation: at level $\theta$ the odds are $\theta/(1-\theta) = \epsilon\,(e^z - 1)$.

    Arguments:
        level: (), in [0, 1).
        plateau: $\epsilon$, (), in (0, 1]; 1 is the paper's model, where $z = -\ln(1 - \theta)$.

    Returns:
        Effort (), dimensionless.

    Raises:
        ValueError: a shape or a concrete value is not as above.

    Source: derived here.

    >>> round(float(plateau_effort(0.5, 0.01)), 6)  # ln(1 + 1/0.01)
    4.615121
    """
    level, plateau = floats(level=level, plateau=plateau)
    check_level(level)
    _check_plateau(plateau)
    return _effort(level, plateau)


def plateau_levels(clock: Numbers, frequency: Numbers, plateau: Numbers) -> Float[Array, "time skill"]:
    r"""Levels of independent skills with a plateau.

    $$s_i(\tau) = \frac{\epsilon\,(1 - e^{-p_i\tau})}{e^{-p_i\tau} + \epsilon\,(1 - e^{-p_i\tau})}$$

    Derivation: from the odds $\epsilon\,(e^z - 1)$, multiplied through with $e^{-z}$.

    Arguments:
        clock: resource clock (time,), in units of 1/frequency, not negative.
        frequency: (skill,), positive.
        plateau: $\epsilon$, (), in (0, 1].

    Returns:
        Levels (time, skill).

    Raises:
        ValueError: a shape or a concrete value is not as above.

    Source: derived here.

    >>> plateau_levels([0.0], [1.0, 0.1], 0.01).tolist()
    [[0.0, 0.0]]
    """
    clock, frequency, plateau = floats(clock=clock, frequency=frequency, plateau=plateau)
    check_grid("clock", clock)
    check_frequency(frequency)
    _check_plateau(plateau)
    return _levels(clock, frequency, plateau)


def plateau_steps(
    clock: Numbers, frequency: Numbers, learning_rate: Numbers, wasted_resource: Numbers, plateau: Numbers
) -> Float[Array, " time"]:
    r"""Training steps at which the resource clock of independent skills with a plateau stands at given values.

    $$\eta\,t = \sum_i s_i(\tau) + N_0\,\tau$$

    Derivation: the competitiveness is $f_i = -du_i/d\tau$ with a plateau as without, so that the budget law holds.

    Arguments:
        clock: resource clock (time,), in units of 1/frequency, not negative.
        frequency: (skill,), positive.
        learning_rate: (), positive.
        wasted_resource: (), not negative.
        plateau: $\epsilon$, (), in (0, 1].

    Returns:
        Training steps (time,).

    Raises:
        ValueError: a shape or a concrete value is not as above.

    Source: derived here.

    >>> plateau_steps([0.0], [1.0, 0.1], 1e-3, 0.1, 0.01).tolist()
    [0.0]
    """
    clock, frequency, learning_rate, wasted_resource, plateau = floats(
        clock=clock, frequency=frequency, learning_rate=learning_rate, wasted_resource=wasted_resource, plateau=plateau
    )
    check_grid("clock", clock)
    check_frequency(frequency)
    check_positive(learning_rate=learning_rate)
    check_not_negative(wasted_resource=wasted_resource)
    _check_plateau(plateau)
    return (jnp.sum(_levels(clock, frequency, plateau), axis=1) + wasted_resource * clock) / learning_rate


def plateau_learning_times(
    level: Numbers, frequency: Numbers, learning_rate: Numbers, wasted_resource: Numbers, plateau: Numbers
) -> Float[Array, " skill"]:
    r"""Training steps at which independent skills with a plateau reach a level.

    $$\eta\,t_k = \sum_j s_j(\tau_k) + N_0\,\tau_k, \qquad \tau_k = z(\theta)/p_k$$

    Derivation: [`plateau_effort`][resource_ode.analytic.plateau.plateau_effort] gives the clock, the budget law the
    time.

    Arguments:
        level: (), in [0, 1).
        frequency: (skill,), positive.
        learning_rate: (), positive.
        wasted_resource: (), not negative.
        plateau: $\epsilon$, (), in (0, 1].

    Returns:
        Training steps (skill,).

    Raises:
        ValueError: a shape or a concrete value is not as above.

    Source: derived here.

    >>> plateau_learning_times(0.5, [1.0], 1e-3, 0.1, 0.01).round(2).tolist()  # (0.5 + 0.1 ln 101)/1e-3
    [961.51]
    """
    level, frequency, learning_rate, wasted_resource, plateau = floats(
        level=level, frequency=frequency, learning_rate=learning_rate, wasted_resource=wasted_resource, plateau=plateau
    )
    check_level(level)
    check_frequency(frequency)
    _check_plateau(plateau)
    clock = _effort(level, plateau) / frequency
    return plateau_steps(clock, frequency, learning_rate, wasted_resource, plateau)


def _effort(level: Array, plateau: Array) -> Array:
    # the odds themselves may be beyond the numbers of their type: this is ln of 1/(1 - level) times the rest
    return -jnp.log1p(-level) + jnp.log1p((1 / plateau - 1) * level)


def _levels(clock: Array, frequency: Array, plateau: Array) -> Array:
    effort = frequency[None, :] * clock[:, None]
    grown = plateau * saturation(effort)
    return grown / (jnp.exp(-effort) + grown)


def _check_plateau(plateau: Array) -> None:
    check_shape("plateau", plateau, "()")
    check_values("plateau", plateau, lambda x: (x > 0) & (x <= 1), "a number above 0 and at most 1")
