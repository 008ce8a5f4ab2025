"""What the closed forms accept: shapes and names always checked, values where they are concrete."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array

from ..base.annotations import Numbers
from ..base.values import brief, plain
from ..base.words import nearest

LOSSES = ("mse", "cross_entropy")
GATES = ("all", "any")


def floats(**values: Numbers) -> list[Array]:
    """The values as arrays of one float type: that of the arrays among them, or JAX's default for numbers alone.

    **Raises:** `ValueError` for what is no number.
    """
    default = jnp.asarray(0.0).dtype
    given = [
        np.dtype(value.dtype)
        for value in values.values()
        if isinstance(value, jax.Array | np.ndarray)
        and jnp.issubdtype(value.dtype, jnp.floating)
        and not (isinstance(value, jax.Array) and value.weak_type)
    ]
    dtype = np.result_type(*given) if given else default
    if dtype.itemsize > default.itemsize:
        dtype = default
    return [jnp.asarray(plain(name, value)).astype(dtype) for name, value in values.items()]


def check_shape(name: str, value: Array, axes: str, *sizes: int | None) -> None:
    """Raise unless `value` has one axis per size, of that size where it is given."""
    if value.ndim != len(sizes) or any(
        size is not None and size != actual for size, actual in zip(sizes, value.shape, strict=True)
    ):
        wanted = ", ".join("any" if size is None else str(size) for size in sizes)
        detail = f" = ({wanted})" if any(size is not None for size in sizes) else ""
        raise ValueError(f"{name}: expected shape {axes}{detail}, got {value.shape}")


def check_values(name: str, value: Array, condition: Callable[[np.ndarray], Any], expected: str) -> None:
    """Raise where a concrete `value` misses the condition or is not finite; say nothing of a traced one."""
    if isinstance(value, Tracer):
        return
    concrete = np.asarray(value)
    wrong = ~np.asarray(condition(concrete))
    if wrong.any():
        raise ValueError(f"{name}: expected {expected}, got {concrete[wrong].flat[0]}")
    if not np.isfinite(concrete).all():
        raise ValueError(f"{name}: expected finite numbers, got {concrete[~np.isfinite(concrete)].flat[0]}")


def check_frequency(frequency: Array, name: str = "frequency") -> None:
    check_shape(name, frequency, "(skill,)", None)
    if frequency.size == 0:
        raise ValueError(f"{name}: expected at least one skill, got shape {frequency.shape}")
    check_values(name, frequency, lambda x: (x > 0) & np.isfinite(x), "positive finite numbers")


def check_positive(**scalars: Array) -> None:
    for name, value in scalars.items():
        check_shape(name, value, "()")
        check_values(name, value, lambda x: x > 0, "a positive number")


def check_not_negative(**scalars: Array) -> None:
    for name, value in scalars.items():
        check_shape(name, value, "()")
        check_values(name, value, lambda x: x >= 0, "a number that is not negative")


def check_grid(name: str, value: Array) -> None:
    check_shape(name, value, "(time,)", None)
    check_values(name, value, lambda x: x >= 0, "numbers that are not negative")


def check_level(level: Array) -> None:
    check_shape("level", level, "()")
    check_values("level", level, lambda x: (x >= 0) & (x < 1), "a level in [0, 1)")


def check_loss(loss: Any) -> None:
    if not isinstance(loss, str) or loss not in LOSSES:
        hint = nearest(loss, LOSSES, quote=repr)
        raise ValueError(f'loss: expected "mse" or "cross_entropy", got {brief(loss)}{hint}')
