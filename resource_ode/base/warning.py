"""Warnings that a caller may silence for itself alone: the filters of `warnings` belong to all threads at once."""

from __future__ import annotations

import contextlib
import contextvars
import warnings
from collections.abc import Iterator

_WANTED = contextvars.ContextVar("warnings wanted", default=True)


def warn(message: str, *, stacklevel: int) -> None:
    """`warnings.warn`, unless the caller looks for NaN itself; `stacklevel` counts from whoever calls this."""
    if _WANTED.get():
        warnings.warn(message, stacklevel=stacklevel + 1)


@contextlib.contextmanager
def without_warnings() -> Iterator[None]:
    """For callers that look for NaN themselves: `warn` is silent, in this thread."""
    before = _WANTED.set(False)
    try:
        yield
    finally:
        _WANTED.reset(before)
