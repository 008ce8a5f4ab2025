"""How often each skill is met in training: the common laws, for any number of skills.

Frequencies are dimensionless and used as given, so each law states its own normalisation. Exponents, rates and totals
may be arrays `(*batch,)`, which give frequencies `(*batch, skill)`, or be mapped over with `jax.vmap`.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from .base.annotations import Given, Numbers
from .base.checks import random_key, whole_number
from .base.face import present
from .base.values import in_range

# what an index of 32 bits can tell apart
MOST_SKILLS = 2**31 - 1


def zipf(skills: Given[int], exponent: Numbers, total: Numbers = 1.0) -> Float[Array, "*batch skill"]:
    r"""Frequencies that fall as a power of the rank.

    $$ p_k = P\, \frac{k^{-\alpha}}{\sum_{j=1}^{n} j^{-\alpha}}, \qquad k = 1, \dots, n $$

    **Arguments:**

    - `skills`: $n$, at least 1.
    - `exponent`: $\alpha$, `(*batch,)`; 0 makes all alike.
    - `total`: $P$, their sum, `(*batch,)`, > 0.

    **Returns:** `(*batch, skill)`, dimensionless.

    **Raises:** `ValueError` for a bad size, or a concrete number outside its range.

    **Example:**

    >>> zipf(3, 1.0, total=11.0).round(3).tolist()
    [6.0, 3.0, 2.0]
    """
    rank = np.arange(1, whole_number("skills", skills, most=MOST_SKILLS) + 1)
    return _weighted("exponent", exponent, -np.log(rank), total)


def exponential(skills: Given[int], rate: Numbers, total: Numbers = 1.0) -> Float[Array, "*batch skill"]:
    r"""Frequencies that fall by the same factor from each skill to the next.

    $$ p_k = P\, \frac{e^{-\lambda (k - 1)}}{\sum_{j=1}^{n} e^{-\lambda (j - 1)}}, \qquad k = 1, \dots, n $$

    **Arguments:**

    - `skills`: $n$, at least 1.
    - `rate`: $\lambda$, `(*batch,)`, per skill; negative ones rise.
    - `total`: $P$, their sum, `(*batch,)`, > 0.

    **Returns:** `(*batch, skill)`, dimensionless. (A model refuses those so small that they round to 0.)

    **Raises:** `ValueError` for a bad size, or a concrete number outside its range.

    **Example:**

    >>> exponential(3, np.log(2.0), total=7.0).round(3).tolist()
    [4.0, 2.0, 1.0]
    """
    return _weighted("rate", rate, -np.arange(whole_number("skills", skills, most=MOST_SKILLS), dtype=float), total)


def lognormal(
    key: Given[PRNGKeyArray], skills: Given[int], sigma: Numbers = 1.0, mean: Numbers = 1.0
) -> Float[Array, "*batch skill"]:
    r"""Random frequencies with normally distributed logarithms, scaled so that their sample mean is exact.

    $$ p_k = \mu\, \frac{n\, e^{\sigma z_k}}{\sum_{j=1}^{n} e^{\sigma z_j}}, \qquad z_k \sim \mathcal{N}(0, 1) $$

    **Arguments:**

    - `key`: random key; all members of a batch of `sigma` or `mean` share its $z$ (map over keys for several).
    - `skills`: $n$, at least 1.
    - `sigma`: $\sigma$, `(*batch,)`, >= 0, spread of the natural logarithm.
    - `mean`: $\mu$, `(*batch,)`, > 0.

    **Returns:** `(*batch, skill)`, dimensionless, in random order.

    **Raises:** `ValueError` for a bad size, or a concrete number outside its range.

    **Example:**

    >>> lognormal(jax.random.key(0), 5, sigma=2.0, mean=3.0).mean().round(6).item()
    3.0
    """
    skills = whole_number("skills", skills, most=MOST_SKILLS)
    dtype = _dtype(sigma, mean)
    spread, centre = in_range("sigma", sigma, dtype, least=0.0), in_range("mean", mean, dtype, above=0.0)
    return _weighted("sigma", spread, jax.random.normal(random_key(key), (skills,), dtype), centre * skills)


def uniform(skills: Given[int], value: Numbers = 1.0) -> Float[Array, "*batch skill"]:
    r"""The same frequency for all skills.

    $$ p_k = p $$

    **Arguments:**

    - `skills`: their number, at least 1.
    - `value`: $p$, `(*batch,)`, > 0.

    **Returns:** `(*batch, skill)`, dimensionless.

    **Raises:** `ValueError` for a bad size, or a concrete number outside its range.

    **Example:**

    >>> uniform(3, 0.5).tolist()
    [0.5, 0.5, 0.5]
    """
    checked = in_range("value", value, _dtype(value), above=0.0)
    return jnp.broadcast_to(checked[..., None], (*checked.shape, whole_number("skills", skills, most=MOST_SKILLS)))


def _weighted(name: str, scale: Any, logarithm: Any, total: Any) -> Float[Array, "*batch skill"]:
    """`total` shared out in proportion to `exp(scale * logarithm)`."""
    dtype = _dtype(scale, total)
    scale, total = in_range(name, scale, dtype), in_range("total", total, dtype, above=0.0)
    try:
        shape = np.broadcast_shapes(scale.shape, total.shape)
    except ValueError:
        raise ValueError(
            f"{name}: expected batch axes that broadcast with those of the total, got {scale.shape} and {total.shape}"
        ) from None
    scale, total = (jnp.broadcast_to(x, shape)[..., None] for x in (scale, total))
    logarithm = jnp.broadcast_to(jnp.asarray(logarithm, dtype), (*shape, len(logarithm)))
    return total * jax.nn.softmax(scale * logarithm, axis=-1)


def _dtype(*values: Any) -> Any:
    """The floating-point type of the arrays among the values (float32 stays float32), else JAX's default."""
    arrays = [x.dtype for x in values if isinstance(x, (jax.Array, np.ndarray, np.generic))]
    found = [dtype for dtype in arrays if jnp.issubdtype(dtype, jnp.floating)]
    return jax.dtypes.canonicalize_dtype(functools.reduce(jnp.promote_types, found) if found else float)


present(__name__)
