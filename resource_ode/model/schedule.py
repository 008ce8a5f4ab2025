"""Parameters that change with time."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..base.tracing import is_concrete
from ..base.values import plain


class Schedule(eqx.Module):
    """A piecewise-constant parameter: `values[k]` holds from `times[k]` until `times[k + 1]` (the last one for ever).

    **Arguments:**

    - `times`: `(piece,)`, training steps, strictly increasing, `times[0] == 0`.
    - `values`: `(piece,)` for `learning_rate` and `wasted_resource`, `(piece, skill)` for `frequency`.

    It is shared by all members of a batch.

    **Raises:** `ValueError` where these do not hold.

    **Example:**

    >>> import resource_ode as ro
    >>> decay = ro.Schedule([0, 1000], [1e-3, 1e-4])
    >>> model = ro.ResourceModel(ro.SkillGraph([[]]), [1.0], learning_rate=decay, wasted_resource=0.1)
    >>> model.learning_rate_at(1500.0).round(6).tolist()
    0.0001
    """

    times: Float[Array, "*batch piece"]
    values: Float[Array, "..."]

    def __init__(self, times: Any, values: Any):
        times, values = (_numbers(name, value) for name, value in (("times", times), ("values", values)))
        if times.ndim != 1 or values.ndim not in (1, 2) or values.shape[0] != times.shape[0] or not times.shape[0]:
            raise ValueError(
                f"Schedule: expected times (piece,) and values (piece,) or (piece, skill), got {times.shape} "
                f"and {values.shape}"
            )
        if is_concrete(times) and not (
            times[0] == 0
            and (np.asarray(times)[1:] > np.asarray(times)[:-1]).all()
            and np.isfinite(np.asarray(times)).all()
        ):
            raise ValueError(f"Schedule: expected times that start at 0 and strictly increase, got {np.asarray(times)}")
        self.times, self.values = times, values

    def at(self, time: Any) -> Array:
        """The value in force at one time (a change takes effect at its own time)."""
        piece = jnp.searchsorted(self.times, time, side="right") - 1
        return self.values[jnp.clip(piece, 0, self.times.shape[0] - 1)]


def _numbers(name: str, value: Any) -> Array:
    if hasattr(value, "columns"):
        raise ValueError(f"Schedule: expected an array of {name} (skills in order), got a table; pass .to_numpy()")
    return jnp.asarray(plain(f"Schedule: {name}", value), float)
