"""What parameters of a model may be: their axes, their bounds, and how each is read from what a user gave."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..base.modules import with_fields
from ..base.tracing import is_concrete
from ..base.values import brief, did_you_mean, in_range, plain
from .schedule import Schedule

# number of trailing axes of each parameter that belong to one member (the rest are batch axes)
MEMBER_AXES = {
    "frequency": 1,
    "learning_rate": 0,
    "wasted_resource": 0,
    "gate_exponent": 0,
    "interference": 2,
    "initial_level": 1,
    "frequency_after": 1,
    "pool": 1,
}
# more pools than this are a slip: each takes memory, whether a skill is in it or not
MOST_POOLS = 2**20


def choice(name: str, value: Any, known: tuple[str, ...]) -> str:
    """One of a few words."""
    if not isinstance(value, str) or value not in known:
        expected = " or ".join(f'"{word}"' for word in known)
        hint = did_you_mean(value, known) if isinstance(value, str) else ""
        raise ValueError(f"{name}: expected {expected}, got {brief(value)}{hint}")
    return str(value)


def dtype_of(frequency: Any) -> Any:
    """The floating-point type of a model: that of an array of frequencies, else JAX's default."""
    values = frequency.values if isinstance(frequency, Schedule) else frequency
    dtype = getattr(values, "dtype", None)
    if dtype is not None and jnp.issubdtype(dtype, jnp.floating) and jnp.finfo(dtype).bits <= 64:
        if jnp.finfo(dtype).bits < 32:
            raise ValueError(f"frequency: expected numbers in float32 or float64, got {dtype}")
        return jax.dtypes.canonicalize_dtype(dtype)
    return jnp.asarray(0.0).dtype


def parameter(name: str, value: Any, dtype: Any, **bounds: float) -> Any:
    """A parameter as an array of a type, or a schedule of that type, checked where it is concrete."""
    if value is None:
        return None
    if isinstance(value, Schedule):
        # a schedule may pause: zero is allowed where a constant must be positive
        in_range(f"{name} (schedule)", value.values, dtype, least=0.0)
        return with_fields(value, times=value.times.astype(dtype), values=value.values.astype(dtype))
    return in_range(name, value, dtype, **bounds)


def overlaps(value: Any, dtype: Any) -> Array | None:
    """Interference: overlaps of unit vectors, so symmetric, between -1 and 1, and positive semidefinite (a Gram
    matrix); up to rounding in the coarser of the type given and the type of the model.
    """
    if value is None:
        return None
    given = plain("interference", value)
    if given.ndim < 2 or given.shape[-1] != given.shape[-2]:
        raise ValueError(f"interference: expected overlaps of shape (*batch, skill, skill), got {given.shape}")
    overlap = in_range("interference", given, dtype)
    if not is_concrete(given):
        return overlap
    numbers = np.asarray(given, float)
    kinds = [kind for kind in (given.dtype, dtype) if jnp.issubdtype(kind, jnp.floating)]
    tolerance = 100 * max(float(jnp.finfo(kind).eps) for kind in kinds)

    def refuse(wrong: np.ndarray, expected: str) -> None:
        if wrong.any():
            where = tuple(int(i) for i in np.argwhere(wrong)[0])
            raise ValueError(f"interference: expected {expected}, got {numbers[where]:g} at index {where}")

    unit = np.eye(numbers.shape[-1], dtype=bool)
    refuse(unit & (np.abs(numbers - 1) > tolerance), "a unit diagonal (task vectors of length 1)")
    turned = np.swapaxes(numbers, -1, -2)
    refuse(np.abs(numbers - turned) > tolerance, "a symmetric matrix of overlaps")
    refuse(np.abs(numbers) > 1 + tolerance, "overlaps from -1 to 1")
    _check_semidefinite(numbers, tolerance * numbers.shape[-1])
    return overlap


def _check_semidefinite(numbers: np.ndarray, tolerance: float) -> None:
    if not numbers.size:
        return
    try:
        # a third of the work of eigenvalues
        np.linalg.cholesky(numbers + tolerance * np.eye(numbers.shape[-1]))
        return
    except np.linalg.LinAlgError:
        least = np.linalg.eigvalsh(numbers)[..., 0]
    if np.any(least < -tolerance):
        member = np.unravel_index(int(np.argmin(least)), least.shape)
        where = f" in member {tuple(int(i) for i in member)} of the batch" if member else ""
        raise ValueError(
            "interference: expected the overlaps of unit vectors, a positive semidefinite matrix, "
            f"got one whose smallest eigenvalue is {least[member]:.3g}{where}"
        )


def pools_of(pool: Any, learning_rate: Any, wasted_resource: Any) -> tuple[Array | None, int]:
    """The pool of each skill, and the number of pools."""
    if pool is None:
        return None, 1
    pool = plain("pool", pool, "one integer a skill")
    if not jnp.issubdtype(pool.dtype, jnp.integer):
        raise ValueError(f"pool: expected one integer a skill, got {pool.dtype} numbers")
    if isinstance(learning_rate, Schedule) or isinstance(wasted_resource, Schedule):
        raise ValueError("pool: cannot be combined with a schedule of learning_rate or wasted_resource")
    widths: list[int] = [int(v.shape[-1]) for v in (learning_rate, wasted_resource) if v.ndim]
    if is_concrete(pool):
        numbers = np.asarray(pool)
        lowest, highest = int(numbers.min(initial=0)), int(numbers.max(initial=0))
        most = min([*widths, MOST_POOLS])
        if lowest < 0 or highest >= most:
            last = most - 1 if widths or highest >= most else highest
            raise ValueError(f"pool: expected integers from 0 to {last}, got {int(numbers.min())} to {highest}")
        count = max([highest + 1, *widths])
    elif widths:
        count = max(widths)
    else:
        raise ValueError(
            "pool: under jit, give learning_rate or wasted_resource a pool axis, so that their number is known"
        )
    return jnp.asarray(pool, jnp.int32), count


def batch_part(value: Any, axes: int) -> tuple[int, ...]:
    """The batch axes of a parameter whose last `axes` axes belong to one member."""
    if isinstance(value, Schedule):
        return value.times.shape[:-1]
    return value.shape[: value.ndim - axes]


def spread(value: Any, axes: int, shape: tuple[int, ...]) -> Any:
    """A parameter broadcast to a batch shape, whose axes are then made one."""
    if isinstance(value, Schedule):
        pieces = {"times": (value.times, 1), "values": (value.values, axes + 1)}
        return with_fields(value, **{name: spread(part, count, shape) for name, (part, count) in pieces.items()})
    own = value.shape[value.ndim - axes :]
    # arrays of NumPy stay such: a batch on its way to a solver's pieces
    numpy = np if isinstance(value, np.ndarray) else jnp
    return numpy.broadcast_to(value, shape + own).reshape((math.prod(shape), *own))


def shown(value: Any) -> str:
    """A parameter as a model prints it."""
    if isinstance(value, Schedule):
        return f"Schedule({value.times.shape[-1]} pieces)"
    if not is_concrete(value) or value.size > 8:
        return f"{value.dtype}{list(value.shape)}"
    return np.array2string(np.asarray(value), separator=", ", precision=6)
