"""Chains, roots with dependants, and skills that pace themselves: log-depths in resource time."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..base.special import decay_remainder, saturation
from .arguments import Numbers, check_frequency, check_grid, check_positive, check_shape, check_values, floats


def chain_log_depth(
    clock: Numbers,
    frequency: Numbers,
    prerequisite_frequency: Numbers,
    gate_exponent: Numbers,
    prerequisite_strength: Numbers = 1.0,
) -> Float[Array, " time"]:
    r"""Log-depth of the second skill of a chain of two.

    $$D_2(\tau) = p_2\Bigl(\tau - w\,\frac{1 - e^{-a p_1\tau}}{a p_1}\Bigr)
    = p_2\Bigl((1 - w)\,\tau + \frac{w}{a p_1}\,g(a p_1 \tau)\Bigr), \qquad g(x) = x - 1 + e^{-x}$$

    Derivation: the root has $D_1 = p_1\tau$, so its gate is $1 - w u_1^a = 1 - w\,e^{-a p_1\tau}$, and
    $dD_2/d\tau = p_2(1 - w\,e^{-a p_1\tau})$. `special.decay_remainder` keeps the digits for $a p_1\tau \ll 1$, where
    at $w = 1$ $D_2 \approx p_2\, a p_1\, \tau^2/2$.

    Arguments:
        clock: resource clock (time,), in units of 1/frequency, not negative.
        frequency: of the second skill, (), positive.
        prerequisite_frequency: of the first skill, (), positive.
        gate_exponent: (), positive.
        prerequisite_strength: $w$, (), in [0, 1].

    Returns:
        Log-depth $-\ln u_2$ (time,), not negative.

    Raises:
        ValueError: a shape or a concrete value is not as above.

    Source: model Liu et al. 2025; solution derived here.

    >>> chain_log_depth([0.0], 1.0, 0.3, 1e-3).tolist()
    [0.0]
    """
    clock, frequency, prerequisite_frequency, gate_exponent, strength = floats(
        clock=clock,
        frequency=frequency,
        prerequisite_frequency=prerequisite_frequency,
        gate_exponent=gate_exponent,
        prerequisite_strength=prerequisite_strength,
    )
    check_grid("clock", clock)
    check_positive(frequency=frequency, prerequisite_frequency=prerequisite_frequency, gate_exponent=gate_exponent)
    check_shape("prerequisite_strength", strength, "()")
    check_values("prerequisite_strength", strength, lambda x: (x >= 0) & (x <= 1), "a number from 0 to 1")
    rate = gate_exponent * prerequisite_frequency
    gated = frequency / rate * decay_remainder(rate * clock)
    return (1 - strength) * (frequency * clock) + strength * gated


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
    gates = saturation(clock[:, None, None] * nodes[None, :, None] * rates[None, None, :])
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
    clock, frequency, prerequisite_frequencies, gate_exponent = floats(
        clock=clock, frequency=frequency, prerequisite_frequencies=prerequisite_frequencies, gate_exponent=gate_exponent
    )
    check_grid("clock", clock)
    check_frequency(prerequisite_frequencies, "prerequisite_frequencies")
    check_positive(frequency=frequency, gate_exponent=gate_exponent)
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
    exposure, frequency, frequency_after = floats(
        exposure=exposure, frequency=frequency, frequency_after=frequency_after
    )
    check_values("exposure", exposure, lambda x: x >= 0, "numbers that are not negative")
    check_positive(frequency=frequency, frequency_after=frequency_after)
    half = math.log(2)
    turn = half / frequency
    return jnp.where(exposure < turn, frequency * exposure, half + frequency_after * (exposure - turn))
