"""Parameters that change with time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..base.annotations import Given, Numbers
from ..base.tracing import is_concrete
from ..base.values import brief, float_type, in_range, plain
from ..base.words import missing_attribute
from .sampling import sampled


class Schedule(eqx.Module):
    """A piecewise-constant parameter: `values[k]` holds from `times[k]` until `times[k + 1]` (the last one for ever).

    **Arguments:**

    - `times`: `(piece,)`, training steps, strictly increasing, `times[0] == 0`.
    - `values`: `(piece,)` for `learning_rate` and `wasted_resource`, `(piece, skill)` for `frequency`.

    It is shared by all members of a batch. Arrays keep their floating-point type, which for a schedule of the frequency
    is the model's.

    **Raises:** `ValueError` where these do not hold.

    **Example:**

    >>> import resource_ode as ro
    >>> decay = ro.Schedule([0, 1000], [1e-3, 1e-4])
    >>> model = ro.ResourceModel(ro.SkillGraph([[]]), [1.0], learning_rate=decay, wasted_resource=0.1)
    >>> round(float(model.learning_rate_at(1500.0)[0]), 6)
    0.0001
    """

    if not TYPE_CHECKING:  # to which every name would be known
        __getattr__ = missing_attribute

    times: Float[Array, "*batch piece"]
    values: Float[Array, "..."]

    def __init__(self, times: Numbers, values: Numbers | None = None):
        if callable(times) or callable(values) or values is None:
            hint = "; a function is read by Schedule.sampled(function, until)" if callable(times) else ""
            got = brief(times) if values is None or callable(times) else brief(values)
            raise ValueError(
                f"Schedule: expected times (piece,) and values (piece,) or (piece, skill), got {got}{hint}"
            )
        times, values = (_numbers(name, value) for name, value in (("times", times), ("values", values)))
        if times.ndim != 1 or values.ndim not in (1, 2) or values.shape[0] != times.shape[0] or not times.shape[0]:
            raise ValueError(
                f"Schedule: expected times (piece,) and values (piece,) or (piece, skill), got {times.shape} "
                f"and {values.shape}"
            )
        # NumPy's, since inside `jit` an operation of JAX gives a traced number also from concrete ones
        known = np.asarray(times) if is_concrete(times) else None
        if known is not None and not (known[0] == 0 and (known[1:] > known[:-1]).all() and np.isfinite(known).all()):
            raise ValueError(f"Schedule: expected times that start at 0 and strictly increase, got {known}")
        self.times, self.values = times, values

    @classmethod
    def sampled(
        cls, function: Given[Callable[[Array], Array]], until: Numbers, *, tolerance: Numbers = 1e-4
    ) -> Schedule:
        r"""A schedule from a function of the training step, such as one of optax.

        Step $k$ is the time from $k$ to $k + 1$. Pieces hold the mean of the function over them, and are as many as are
        needed for what has been spent, $\int_0^t \eta\, d\tau$, to be off by no more than `tolerance` times the
        whole at every step (and not at all where a piece ends). From `until` on the last value holds.

        **Arguments:**

        - `function`: of a step, or of an array of steps; finite and not negative.
        - `until`: number of steps. Of more than 65,536, so many are read, and more where the function changes.

        **Other arguments:**

        - `tolerance`: largest error of what has been spent, relative to the whole.

        **Raises:** `ValueError` for a function that is none or gives other values, and where more than 10,000 pieces
        or 262,144 reads would be needed (it says the error of so many).

        **Example:**

        >>> schedule = Schedule.sampled(lambda step: 1e-3 * (1 - step / 1000), 1000, tolerance=1e-2)
        >>> schedule.times.shape, round(float(schedule.values[0]), 6)
        ((9,), 0.000938)
        """
        return cls(*sampled(function, until, tolerance))

    def at(self, time: Numbers) -> Array:
        """The value in force at one time (a change takes effect at its own time).

        **Raises:** `ValueError` for a time that is negative or not finite.
        """
        held = in_range("time", time, self.times.dtype, least=0.0)
        piece = jnp.searchsorted(self.times, held, side="right") - 1
        return self.values[jnp.clip(piece, 0, self.times.shape[0] - 1)]


def _numbers(name: str, value: Any) -> Array:
    if hasattr(value, "columns"):
        raise ValueError(f"Schedule: expected an array of {name} (skills in order), got a table; pass .to_numpy()")
    return jnp.asarray(plain(f"Schedule: {name}", value), float_type(value))
