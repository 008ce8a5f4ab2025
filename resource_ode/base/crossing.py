"""Where curves, given on rows of times, first reach a level."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def first_crossing(times: Any, values: Any, level: Any, *, between_rows: bool) -> Any:
    """The first time at which each curve is at a level or above it, `(..., curve)`; `inf` where it never is.

    **Arguments:**

    - `times`: `(time,)`, increasing.
    - `values`: `(..., time, curve)`, of the type of the times.
    - `level`: a number.
    - `between_rows`: whether the time is read linearly between two rows, or is that of a row.

    **Example:**

    >>> values = np.array([[0.0, 0.7], [0.4, 0.8], [0.6, 0.9]])
    >>> first_crossing(np.array([0.0, 10.0, 20.0]), values, 0.5, between_rows=True).tolist()
    [15.0, 0.0]
    """
    numpy: Any = jnp if isinstance(values, jax.Array) else np
    above = values >= level
    row = numpy.argmax(above, axis=-2)
    found = times[row]
    if between_rows:
        before = numpy.maximum(row - 1, 0)
        low, high = (numpy.take_along_axis(values, at[..., None, :], axis=-2)[..., 0, :] for at in (before, row))
        rise = high - low
        part = numpy.where(rise > 0, (level - low) / numpy.where(rise > 0, rise, 1), 0)
        found = times[before] + part * (found - times[before])
    return numpy.where(numpy.any(above, axis=-2), found, numpy.inf)
