"""What users give as numbers or by name: turned into arrays, or refused in a sentence."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from .tracing import is_concrete
from .words import nearest, printable, shortened


def plain(name: str, value: Any, kind: str = "numbers") -> Any:
    """`value` as an array of integers or floating-point numbers, in the type that it came in.

    NumPy for what is concrete, JAX for what is traced. What NumPy or JAX would quietly make a number of is refused:
    truth values, text, dates, `None`, complex numbers, masked entries.

    **Raises:** `ValueError` that names the argument, what was expected and what came.
    """
    refused = f"{name}: expected {kind}, got "
    if isinstance(value, jax.Array):
        array: Any = value
    elif not isinstance(value, (Mapping, set, frozenset)) and is_concrete(value):
        # NumPy would make 1.0 of True in a list with numbers
        if _holds_truth_values(value):
            raise ValueError(f"{refused}truth values: {brief(value)}")
        try:
            array = np.asarray(value)
        except ValueError:
            raise ValueError(f"{refused}rows of different lengths: {brief(value)}") from None
        except TypeError:
            raise ValueError(refused + brief(value)) from None
        if array.dtype == object and not hasattr(value, "dtype"):
            # integers beyond 64 bits and fractions are numbers; `None` and the like are not
            if not all(isinstance(item, numbers.Real) for item in array.flat):
                raise ValueError(refused + brief(value))
            try:
                array = array.astype(float)
            except OverflowError:
                raise ValueError(f"{refused}one beyond what floating-point numbers hold: {brief(value)}") from None
        if isinstance(value, np.ma.MaskedArray) and np.any(np.ma.getmaskarray(value)):
            raise ValueError(f"{refused}masked entries: {brief(value)}")
    else:
        try:
            array = jnp.asarray(value)
        except (TypeError, ValueError):
            raise ValueError(refused + brief(value)) from None
    if array.dtype == bool:
        raise ValueError(f"{refused}truth values: {brief(value)}")
    # to NumPy durations are integers
    is_number = jnp.issubdtype(array.dtype, jnp.integer) or jnp.issubdtype(array.dtype, jnp.floating)
    if not is_number or jnp.issubdtype(array.dtype, np.timedelta64):
        raise ValueError(f"{refused}{'objects: ' if array.dtype == object else ''}{brief(value)}")
    return array


def float_type(value: Any) -> Any:
    """The floating-point type that an array comes in, as JAX holds it; JAX's default for all else."""
    own = getattr(value, "dtype", None)
    # pandas has types of its own
    if isinstance(own, np.dtype) and jnp.issubdtype(own, jnp.floating) and jnp.finfo(own).bits <= 64:
        return jax.dtypes.canonicalize_dtype(own)
    return jnp.asarray(0.0).dtype


def in_range(
    name: str,
    value: Any,
    dtype: Any,
    above: float = -math.inf,
    least: float = -math.inf,
    below: float = math.inf,
    most: float = math.inf,
) -> Any:
    """`value` as a JAX array of a type; where it is concrete, finite and within the bounds, in that type too.

    **Raises:** `ValueError` as `plain` does, and for a number out of bounds, saying which and where.
    """
    given = plain(name, value)
    if is_concrete(given):
        exact = np.asarray(given)
        with np.errstate(all="ignore"):
            held = exact.astype(dtype, copy=False)
        bounds = (above, least, below, most)
        # a positive number must not quietly become zero in a narrower type
        wrong = ~inside(held, *bounds) | ((held == 0) & (exact != 0))
        if wrong.any():
            where = tuple(int(i) for i in np.argwhere(wrong)[0])
            words = [f"above {above:g}"] * (above > -math.inf) + [f"at least {least:g}"] * (least > -math.inf)
            words += [f"below {below:g}"] * (below < math.inf) + [f"at most {most:g}"] * (most < math.inf)
            place = f" at index {where[0] if len(where) == 1 else where}" if where else ""
            found = f"{held[where]}"
            if inside(exact[where], *bounds):
                found = f"{exact[where]} (which is {held[where]} in {held.dtype})"
            raise ValueError(
                f"{name}: expected finite numbers {' and '.join(words)}".rstrip() + f", got {found}{place}"
            )
        # an array of JAX stays where it is
        given = given if isinstance(given, jax.Array) else held
    # of a tracer JAX makes the same once more
    same = isinstance(given, jax.Array) and given.dtype == dtype and not given.weak_type
    return given if same else jnp.asarray(given, dtype)


def inside(
    x: Any, above: float = -math.inf, least: float = -math.inf, below: float = math.inf, most: float = math.inf
) -> Any:
    """Which numbers are finite and within bounds; NaN is not."""
    # what is finite is less than infinite
    return (abs(x) < math.inf) & (x > above) & (x >= least) & (x < below) & (x <= most)


def brief(value: Any) -> str:
    """A value as a sentence quotes it: its start, on one line."""
    try:
        text = repr(value)
    except Exception:  # an integer of more digits than Python prints, a list in itself, or a class of the user's
        text = f"something of type {type(value).__name__}"
    return shortened(printable(" ".join(text[:400].split())), 80)


def listed(value: Any) -> list[Any] | None:
    """The entries of a list, or of what else has entries in an order; `None` for anything else.

    Text, dictionaries and sets are no lists, and an array without axes only seems to be one.

    **Example:**

    >>> listed((1, 2)), listed("ab"), listed(np.zeros(()))
    ([1, 2], None, None)
    """
    if isinstance(value, (str, bytes, Mapping, Set)) or not isinstance(value, Iterable):
        return None
    try:
        return list(value)
    except TypeError:
        return None


# -- numbers that carry names


def in_order_of(name: str, value: Any, names: Sequence[str] | None, axes: int = 1) -> tuple[Any, bool]:
    """Numbers that carry the names of skills, in the order of the skills, any others as they are; and whether they do.

    A dict, a pandas Series (or the columns of a DataFrame, or the last axis of an xarray DataArray, or the one that is
    called skill) is matched by name.
    pandas' own count 0, 1, ... is no name. With `axes` 2 the last two axes of a DataFrame or DataArray are both
    matched. `names` is `None` where members of a batch have names of their own.

    **Raises:** `ValueError` for an unknown, missing or repeated name.
    """
    named = False
    if axes == 1 and hasattr(value, "isel") and "skill" in value.dims:
        value = value.transpose(..., "skill")
    for axis in range(-axes, 0):
        labels = labels_along(value, axis)
        if labels is None:
            continue
        order, named = place_of(name, labels, names), True
        if isinstance(value, Mapping):
            return _stacked(name, [value[labels[i]] for i in order]), True
        value = value.isel({value.dims[axis]: order}) if hasattr(value, "isel") else _taken(value, order, axis)
    return value.to_numpy() if named or hasattr(value, "iloc") else value, named


def place_of(name: str, labels: Sequence[Any], names: Sequence[str] | None) -> list[int]:
    """For each skill, where its number stands among numbers that carry labels.

    **Raises:** `ValueError` for an unknown, missing or repeated name.
    """
    if names is None:
        raise ValueError(f"{name}: expected an array, since the members of the batch have different skills")
    places: dict[Any, int] = {}
    known = set(names)
    for place, label in enumerate(labels):
        if label in places:
            raise ValueError(f"{name}: expected each skill once, got {label!r} more than once")
        if label not in known:
            hint = nearest(str(label), names, quote=repr) or f" (the graph has {_first(names)})"
            raise ValueError(f"{name}: expected names of the graph's skills, got {brief(label)}{hint}")
        places[label] = place
    missing = [skill for skill in names if skill not in places]
    if missing:
        raise ValueError(f"{name}: expected a number for each skill, got none for {_first(missing)}")
    return [places[skill] for skill in names]


def labels_along(value: Any, axis: int) -> list[Any] | None:
    """What names the entries of an axis; `None` where nothing does."""
    if isinstance(value, Mapping):
        return list(value) if axis == -1 else None
    if hasattr(value, "isel") and hasattr(value, "to_numpy"):
        if len(value.dims) < -axis or value.dims[axis] not in value.coords:
            return None
        return np.asarray(value.coords[value.dims[axis]]).tolist()
    if not hasattr(value, "iloc") or value.ndim < -axis:
        return None
    index = value.axes[axis]
    if type(index).__name__ == "RangeIndex" and (index.start, index.step) == (0, 1):
        return None
    return index.tolist()


def not_by_skill(name: str, value: Any, names: Sequence[str] | None) -> None:
    """A number that all skills share must not come as one for each of them: it would be taken for a batch.

    **Raises:** `ValueError` for numbers that carry the names of the skills.
    """
    labels = None if isinstance(value, Mapping) else labels_along(value, -1)
    if names is None or labels is None or set(labels) != set(names):
        return
    raise ValueError(
        f"{name}: expected one number for all skills, or an array with one per member of a batch, got numbers by the "
        f"names of skills: {_first(labels)}"
    )


def _taken(value: Any, order: list[int], axis: int) -> Any:
    return value.iloc[order] if axis == -value.ndim else value.iloc[:, order]


def _stacked(name: str, values: list[Any]) -> Any:
    if all(np.ndim(value) == 0 for value in values):
        return values
    arrays = [plain(name, value) for value in values]
    numpy = np if is_concrete(arrays) else jnp
    try:
        return numpy.stack(numpy.broadcast_arrays(*arrays), axis=-1)
    except ValueError:
        shapes = sorted({np.shape(value) for value in arrays})
        raise ValueError(f"{name}: expected numbers of one shape for all skills, got {_first(shapes)}") from None


def _first(values: Sequence[Any]) -> str:
    shown = ", ".join(brief(value)[:40] for value in values[:5])
    return shown if len(values) <= 5 else f"{shown} and {len(values) - 5} more"


def _holds_truth_values(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(_holds_truth_values(item) for item in value)
    return isinstance(value, (bool, np.bool_)) or str(getattr(value, "dtype", "")) in ("bool", "boolean")


def checked_times(ts: Any, dtype: Any) -> Array:
    """Times to report at, `(time,)`: numbers, and where they are concrete finite, increasing and not negative."""
    given = plain("ts", ts, "numbers (training steps)")
    if isinstance(given, np.ndarray):
        # in JAX another type is a small program for each shape
        with np.errstate(over="ignore"):
            given = given.astype(dtype, copy=False)
    # as it is, where it is one already: JAX would take a while to find out
    same = isinstance(given, jax.Array) and given.dtype == dtype and not given.weak_type
    ts = given if same else jnp.asarray(given, dtype)
    if ts.ndim != 1 or ts.shape[0] == 0:
        hint = "; a list of times, as np.linspace(0, 1000, 201)" if ts.ndim == 0 else ""
        raise ValueError(f"ts: expected times of shape (time,), at least one, got shape {ts.shape}{hint}")
    if is_concrete(ts):
        times = np.asarray(ts)
        if not np.all(np.isfinite(times)) or times[0] < 0 or np.any(np.diff(times) <= 0):
            raise ValueError(
                f"ts: expected finite, increasing times from 0 on, got {np.array2string(times, threshold=6)}"
            )
    return ts
