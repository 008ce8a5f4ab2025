"""One line for those who wait while something is compiled."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator

# seconds after which it is said, once a session
PATIENCE = 2.0

# the variable that makes equinox leave checks out of programs
CHECKS = "EQX_ON_ERROR"

_said = threading.Event()
# set while a program is traced that JAX keeps none of on disk
_not_kept = threading.Event()


def holds_checks() -> None:
    """Say of the program that is being traced that diffrax checks its arguments in it, by calls back to Python.

    JAX keeps no such program on disk. Without the checks, which `EQX_ON_ERROR=off` leaves out, it does.
    """
    if os.environ.get(CHECKS) != "off":
        _not_kept.set()


@contextlib.contextmanager
def waiting(cache: str | None) -> Iterator[None]:
    """Say on standard error that a program is being compiled if that takes long; where `cache` keeps it, say so."""
    if _said.is_set():
        yield
        return
    _not_kept.clear()
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
    if _not_kept.is_set() and cache:
        kept = f"such programs are kept on disk only where {CHECKS}=off was set before Python started"
    elif _not_kept.is_set():
        kept = "help(resource_ode.keep_compiled) says how to keep such programs on disk"
    else:
        kept = f"kept in {cache}" if cache else "resource_ode.keep_compiled() keeps such programs on disk"
    with contextlib.suppress(OSError, ValueError, AttributeError):  # there may be no such stream
        sys.stderr.write(f"resource_ode: compiling (first call of this kind in this session; {kept})\n")
        sys.stderr.flush()
