"""Which members of a batch an index picks, and the same members of every array that broadcasts with the batch."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from . import pieces
from .tracing import is_concrete
from .values import brief


def positions(batch: tuple[int, ...], index: Any) -> Any:
    """Positions, counted over the flattened batch, of the members that an index picks; its shape is their batch shape.

    Integers, slices, `...`, arrays of integers and boolean masks pick as in NumPy.

    **Raises:** `IndexError` for an index that is out of range or of another kind.
    """
    parts = index if isinstance(index, tuple) else (index,)
    for part in parts:
        if isinstance(part, (bool, np.bool_, str, bytes, float, np.floating)) or isinstance(part, dict):
            hint = "; several skills are a list of names" if isinstance(part, str) and len(parts) > 1 else ""
            raise IndexError(
                f"expected integers, slices, or arrays of integers as index of members, got {brief(part)}{hint}"
            )
    count = math.prod(batch)
    if not is_concrete(index):
        return jnp.arange(count, dtype=jnp.int32).reshape(batch)[index]
    # concrete JAX integers too
    try:
        parts = tuple(np.asarray(part) if isinstance(part, (jax.Array, list)) else part for part in parts)
    except ValueError:
        raise IndexError(f"expected arrays of integers with rows of one length, got {brief(index)}") from None
    if any(isinstance(part, np.ndarray) and part.dtype == bool and part.ndim == 0 for part in parts):
        raise IndexError(f"expected integers, slices, or arrays of integers as index of members, got {brief(index)}")
    try:
        return np.arange(count).reshape(batch)[parts]
    except IndexError as error:
        raise IndexError(f"index {brief(index)} does not fit a batch of shape {batch}: {error}") from None


def each(batched: Any) -> Iterator[Any]:
    """The members of a batch along its first axis, one after another; what is no batch has none to go through, which
    Python would take for none left.

    **Raises:** `TypeError` for one member.
    """
    batch = batched.batch_shape
    if not batch:
        raise TypeError(f"expected a batch to go through, got one {type(batched).__name__} alone")
    rest = (...,) if len(batch) > 1 else ()
    return (batched[(position, *rest)] for position in range(batch[0]))


def is_one(batch: tuple[int, ...], index: Any) -> bool:
    """Whether an index is made of integers alone, as many as there are batch axes: it picks one member.

    **Raises:** `IndexError` for another number of integers, which could mean one member or several.
    """
    parts = index if isinstance(index, tuple) else (index,)
    if not all(isinstance(part, (int, np.integer)) or _is_number(part) for part in parts):
        return False
    if parts and not batch:
        raise IndexError(f"expected a batch to pick a member of, got one member alone, and index {brief(index)}")
    if len(parts) != len(batch):
        more = " (an index with ... picks a batch of them)" if len(parts) < len(batch) else ""
        raise IndexError(
            f"expected {len(batch)} integers to pick one member of a batch of shape {batch}, got {brief(index)}{more}"
        )
    return True


def _is_number(part: Any) -> bool:
    return isinstance(part, (jax.Array, np.ndarray)) and part.ndim == 0 and jnp.issubdtype(part.dtype, jnp.integer)


def coordinates(own: tuple[int, ...], batch: tuple[int, ...], chosen: Any) -> tuple[Any, ...]:
    """Where members at positions of a batch stand in an array whose batch axes `own` broadcast to that batch."""
    numpy = np if is_concrete(chosen) else jnp
    along = numpy.unravel_index(chosen, batch)[len(batch) - len(own) :]
    return tuple(where if size > 1 else numpy.zeros_like(where) for where, size in zip(along, own, strict=True))


def take(value: Any, axes: int, batch: tuple[int, ...], chosen: Any) -> Any:
    """The chosen members of an array whose last `axes` axes belong to one member; what all share stays as it is."""
    if value is None or value.ndim == axes:
        return value
    held = pieces.hosted(value) if is_concrete(chosen) else value
    found = held[coordinates(value.shape[: value.ndim - axes], batch, chosen)]
    return found if held is value else pieces.as_arrays(np.asarray(found))
