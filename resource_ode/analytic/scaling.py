"""Exponents and times of many skills with power-law frequencies."""

import functools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..base.annotations import Given
from ..base.special import margin_from_exposure
from .arguments import Numbers, check_positive, check_shape, check_values, floats
from .independent import clock_at, independent_arguments, independent_learning_times, spending_rate


def _check_alpha(alpha: Numbers) -> Array:
    (alpha,) = floats(alpha=alpha)
    check_values("alpha", alpha, lambda x: x > 1, "a number above 1")
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
        Time (), in steps. It is accurate where $\eta t \gg 1$ and less than the number of skills. Near $\alpha = 1$ it
        may be beyond all numbers of its type: infinite, or 0 for much waste.

    Raises:
        ValueError: a shape or a concrete value is not as above.

    Source: derived here.

    >>> round(float(half_waste_time(2.0, 0.1)), 3)
    38.197
    """
    alpha, wasted_resource, learning_rate = floats(
        alpha=alpha, wasted_resource=wasted_resource, learning_rate=learning_rate
    )
    check_positive(alpha=alpha, wasted_resource=wasted_resource, learning_rate=learning_rate)
    alpha = _check_alpha(alpha)
    # from here on it is 1, to rounding, and soon not a number
    zeta = jax.scipy.special.zeta(jnp.minimum(alpha, 64), jnp.ones_like(alpha))
    logarithm = alpha * jax.scipy.special.gammaln(1 - 1 / alpha) - jnp.log(zeta) - jnp.log(wasted_resource)
    return 2 * jnp.exp(logarithm / (alpha - 1)) / learning_rate


@functools.partial(jax.jit, static_argnums=3)
def _loss_exponent(resource: Array, frequency: Array, wasted_resource: Array, loss: str) -> Array:
    clock = clock_at(resource, frequency, wasted_resource, loss)
    running = jnp.isfinite(clock)
    safe = jnp.where(running, clock, 0)
    spending = spending_rate(safe, frequency, wasted_resource, loss)
    if loss == "mse":
        weight = frequency[None, :] * jnp.exp(-2 * safe[:, None] * (frequency - frequency.min())[None, :])
        exponent = resource / spending * (2 * (weight * frequency[None, :]).sum(1) / weight.sum(1))
    else:
        margin = margin_from_exposure(frequency[None, :] * safe[:, None])
        speed = frequency[None, :] * jax.nn.sigmoid(-margin)
        # squares of the speeds themselves would underflow long before their ratio to the loss
        fastest = speed.max(1, keepdims=True)
        relative = frequency[None, :] * jax.nn.softplus(-margin) / fastest
        exponent = resource * (fastest[:, 0] / spending) * ((speed / fastest) ** 2).sum(1) / relative.sum(1)
    return jnp.where(running, exponent, jnp.nan)


def loss_exponent(
    times: Numbers, frequency: Numbers, learning_rate: Numbers, wasted_resource: Numbers, loss: Given[str] = "mse"
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
        Exponents (time,), dimensionless; 0 at t = 0, NaN once a run without waste has ended (cross entropy: once its
        clock is beyond all numbers of its type).

    Raises:
        ValueError: a shape, a concrete value or the name of the loss is not as above.

    Source: derived here.

    >>> loss_exponent([0.0], [1.0, 0.1], 1e-3, 1e-3).tolist()
    [0.0]
    """
    times, frequency, learning_rate, wasted_resource = independent_arguments(
        times, frequency, learning_rate, wasted_resource, loss
    )
    return _loss_exponent(learning_rate * times, frequency, wasted_resource, loss)


def domino_ratio(
    frequency: Numbers, wasted_resource: Numbers, level: Numbers = 0.95, loss: Given[str] = "mse"
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
    frequency, wasted_resource, level = floats(frequency=frequency, wasted_resource=wasted_resource, level=level)
    check_shape("frequency", frequency, "(skill,)", 2)
    check_values("level", level, lambda x: x > 0, "a level in (0, 1)")
    first, second = independent_learning_times(level, frequency, jnp.ones_like(level), wasted_resource, loss)
    return second / first
