"""One line for those who wait while something is compiled."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator

# seconds after which it is said, once a session
PATIENCE = 2.0

_said = threading.Event()


@contextlib.contextmanager
def waiting(cache: str | None) -> Iterator[None]:
    """Say on standard error that a program is being compiled if that takes long; where `cache` keeps it, say so."""
    if _said.is_set():
        yield
        return
    timer = threading.Timer(PATIENCE, _say, (cache,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _say(cache: str | None) -> None:
    if _said.is_set():
        return
    _said.set()
    kept = f"kept in {cache}" if cache else "resource_ode.keep_compiled() keeps them on disk"
    with contextlib.suppress(OSError, ValueError, AttributeError):  # there may be no such stream
        sys.stderr.write(f"resource_ode: compiling (first call of this kind in this session; {kept})\n")
        sys.stderr.flush()
