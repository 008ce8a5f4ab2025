"""Checks of single arguments: each returns the value in its proper type, or says what was expected and what came."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def whole_number(name: str, value: Any, *, least: int = 1) -> int:
    """A whole number of at least `least`.

    **Raises:** `ValueError` for anything else; a boolean or `3.0` is no whole number.
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        expected = "a positive whole number" if least == 1 else f"a whole number of at least {least}"
        raise ValueError(f"{name}: expected {expected}, got {value!r:.80}")
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
        raise ValueError(f"{name}: expected a finite number above 0, got {value!r:.80}")
    return number
