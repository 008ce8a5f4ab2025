"""Checks of single arguments: each returns the value in its proper type, or says what was expected and what came."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .values import brief


def random_key(key: Any) -> Any:
    """One random key of JAX, of the new kind or the old.

    **Raises:** `ValueError` for anything else, as a whole number or several keys.
    """
    if not isinstance(key, (jax.Array, np.ndarray)):
        raise ValueError(f"key: expected a random key, as jax.random.key(0), got {brief(key)}")
    if key.ndim != (0 if jnp.issubdtype(key.dtype, jax.dtypes.prng_key) else 1):
        raise ValueError(f"key: expected one random key (map over several with jax.vmap), got shape {key.shape}")
    return key


def whole_number(name: str, value: Any, *, least: int = 1) -> int:
    """A whole number of at least `least`.

    **Raises:** `ValueError` for anything else; a boolean or `3.0` is no whole number.
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        expected = "a positive whole number" if least == 1 else f"a whole number of at least {least}"
        expected += " of Python, since it sets a shape" if isinstance(value, jax.Array) else ""
        raise ValueError(f"{name}: expected {expected}, got {brief(value)}")
    return int(value)


def positive_number(name: str, value: Any) -> float:
    """A finite number above 0.

    **Raises:** `ValueError` for anything else.
    """
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if isinstance(value, str) or not 0 < number < math.inf:
        raise ValueError(f"{name}: expected a finite number above 0, got {brief(value)}")
    return number


def file_path(name: str, value: Any) -> Path:
    """A path, from a text or what else names a file.

    **Raises:** `ValueError` for anything else.
    """
    try:
        found = Path(value)
    except TypeError:
        raise ValueError(f"{name}: expected a file name, got {type(value).__name__}") from None
    if "\0" in str(found):
        raise ValueError(f"{name}: expected a file name, got one with a zero byte in it")
    return found
