"""The two ends of the model: one skill after the other, and all at once."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from ..base.annotations import Given
from ..base.checks import whole_number
from ..base.special import saturation
from .arguments import Numbers, check_grid, check_positive, floats
from .independent import independent_arguments


def domino_levels(times: Numbers, count: Given[int], learning_rate: Numbers) -> Float[Array, "time skill"]:
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
    times, learning_rate = floats(times=times, learning_rate=learning_rate)
    check_grid("times", times)
    check_positive(learning_rate=learning_rate)
    whole_number("count", count, most=2**31 - 1)
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
    times, frequency, learning_rate, wasted_resource = independent_arguments(
        times, frequency, learning_rate, wasted_resource, "mse"
    )
    check_positive(wasted_resource=wasted_resource)
    return saturation((learning_rate * times / wasted_resource)[:, None] * frequency[None, :])
