"""The largest of several numbers, with a derivative that does not ask whether numbers are equal to the bit."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

# numbers that differ by less, in units of the last digit, are equal
ALIKE = 8


def _largest(values: Array, among: Array, axis: int) -> Array:
    """The largest of the values among which it is sought, and 0 where there are none; its derivative is shared by those
    that are equal to it, to rounding.

    That of `jnp.max` asks which are equal to the bit. Where XLA computes values once for the maximum and once more for
    that, in another order, none may be: then it is 0/0.
    """
    some = jnp.any(among, axis=axis)
    return jnp.where(some, jnp.max(jnp.where(among, values, -jnp.inf), axis=axis), 0)


largest: jax.custom_jvp[Array] = jax.custom_jvp(_largest, nondiff_argnums=(2,))


@largest.defjvp
def _largest_jvp(axis: int, primals: Any, tangents: Any) -> tuple[Array, Array]:
    values, among = primals
    best = largest(values, among, axis)
    whole = jax.lax.stop_gradient(jnp.expand_dims(best, axis))
    room = jnp.where(jnp.isfinite(whole), ALIKE * float(jnp.finfo(values.dtype).eps) * jnp.abs(whole), 0)
    # so that what is NaN stays so
    equal = ~(jax.lax.stop_gradient(values) < whole - room) & among
    count = jnp.maximum(jnp.sum(equal, axis=axis), 1).astype(values.dtype)
    return best, jnp.sum(jnp.where(equal, tangents[0], 0), axis=axis) / count
