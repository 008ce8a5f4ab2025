"""Checks of single arguments: each returns the value in its proper type, or says what was expected and what came."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .values import brief, listed
from .words import nearest


def whole_number(name: str, value: Any, *, least: int = 1, most: int | None = None) -> int:
    """A whole number of at least `least`, and at most `most`.

    **Raises:** `ValueError` for anything else; a boolean or `3.0` is no whole number.
    """
    # to NumPy durations are integers
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.timedelta64))
    if not whole or value < least:
        expected = "a positive whole number" if least == 1 else f"a whole number of at least {least}"
        expected += " of Python, since it sets a shape" if isinstance(value, jax.Array) else ""
        raise ValueError(f"{name}: expected {expected}, got {brief(value)}")
    if most is not None and value > most:
        raise ValueError(f"{name}: expected at most {most:,}, got {brief(value)}")
    return int(value)


def positive_number(name: str, value: Any) -> float:
    """A finite number above 0.

    **Raises:** `ValueError` for anything else.
    """
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if isinstance(value, (str, bool)) or not 0 < number < math.inf:
        raise ValueError(f"{name}: expected a finite number above 0, got {brief(value)}")
    return number


def truth_value(name: str, value: Any) -> bool:
    """`True` or `False`.

    **Raises:** `ValueError` for anything else: the text "false" is true to Python, and so is an array with an entry.
    """
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError(f"{name}: expected True or False, got {brief(value)}")
    return bool(value)


def one_of(name: str, value: Any, known: Iterable[str]) -> str:
    """One of some texts.

    **Raises:** `ValueError` for anything else.
    """
    known = list(known)
    if not isinstance(value, str) or value not in known:
        hint = nearest(value, known, quote=repr)
        raise ValueError(f"{name}: expected one of {', '.join(known)}, got {brief(value)}{hint}")
    return value


def optional_text(name: str, value: Any) -> str | None:
    """A text, or none.

    **Raises:** `ValueError` for anything else.
    """
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{name}: expected text, got {brief(value)}")
    return value


def entries(name: str, value: Any, kind: str) -> list[Any]:
    """The entries of a list, or of what else has entries in an order; `kind` says what they are to be.

    **Raises:** `ValueError` for anything else.
    """
    found = listed(value)
    if found is None:
        raise ValueError(f"{name}: expected a list of {kind}, got {brief(value)}")
    return found


def random_key(key: Any) -> Any:
    """One random key of JAX, of the new kind or the old.

    **Raises:** `ValueError` for anything else, as a seed or several keys.
    """
    if isinstance(key, jax.Array) and jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        shape = ()
    elif isinstance(key, (jax.Array, np.ndarray)) and key.dtype == np.uint32:
        shape = jax.eval_shape(jax.random.PRNGKey, 0).shape
    else:
        raise ValueError(f"key: expected a random key, as jax.random.key(0), got {brief(key)}")
    if key.shape != shape:
        raise ValueError(f"key: expected one random key (map over several with jax.vmap), got shape {key.shape}")
    return key


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
