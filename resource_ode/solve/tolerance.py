"""How accurate an answer may be asked for: the defaults, and the floors that the arithmetic of each method sets.

A tolerance is an error of a level (`simulate`, absolute) or of a time (`learning_times`, relative). Below a floor a
method's rounding, or for the ODE that of its local errors, is as large as what is asked for, so that a promise would
be empty: such a tolerance is refused. That floors are reached is tested (`tests/solve/test_tolerance.py`). Sums over
very many skills round more than that; there the error estimate says so.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..base.tracing import concrete_number
from ..base.values import brief

DEFAULTS = {"level": {"float64": 1e-6, "float32": 2e-4}, "time": {"float64": 1e-7, "float32": 1e-4}}
# of the compiled loops and of eigenvectors, which compute in float64 whatever they return; of the cascade on arrays; of
# the ODE; and of discrete steps, which are exact by definition
FLOORS = {
    "loops": {"float64": 1e-12, "float32": 5e-7},
    "cascade": {"float64": 1e-12, "float32": 2e-5},
    "modes": {"float64": 1e-11, "float32": 5e-7},
    "ode": {"float64": 1e-11, "float32": 1e-4},
    "steps": {"float64": 0.0, "float32": 0.0},
}


def as_tolerance(value: Any, error_of: str, method: str, dtype: Any) -> Array | np.ndarray:
    """A tolerance for errors of a "level" or a "time" by a method of `FLOORS`, the default for None.

    A traced value cannot be refused: where a concrete one would be, it becomes one that no error is within, so that
    every member is inaccurate.

    **Raises:** `ValueError` for a concrete value that is no number between 0 and 1, or is below the floor.
    """
    name = jnp.dtype(dtype).name
    if value is None:
        value = DEFAULTS[error_of][name]
    number = concrete_number(value)
    # a number of the data type may be a little off its decimal
    floor = FLOORS[method][name]
    least = floor * (1 - 1e-6)
    if number is None:
        value = jnp.asarray(value, dtype)
        # no error is below a negative number
        return jnp.where((value > 0) & (value >= least) & (value < 1), value, -1)
    if not 0 < number < 1:
        raise ValueError(f"tolerance: expected a number between 0 and 1 (an error of a {error_of}), got {brief(value)}")
    if number < least:
        way = f'method="{method}"' if method in ("ode", "modes") else "the cascade"
        other = "" if name == "float64" else ", or compute in float64"
        raise ValueError(
            f"tolerance: {way} in {name} can be asked for {floor:g} at best, got {number:g}; loosen it{other}"
        )
    return np.asarray(value, dtype)
