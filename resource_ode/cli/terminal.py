"""What the commands say: one safe line at a time, whatever a name holds and whatever the terminal can show."""

from __future__ import annotations

import errno
import sys
from typing import Any

from ..base.words import printable


class Interrupted(Exception):
    """A signal ended the command; the message says what is left."""

    def __init__(self, message: str, number: int):
        super().__init__(message)
        self.status: int = 128 + number


class WrongInput(Exception):
    """What the user gave cannot be used; the message says what, and what was expected."""


def tell(text: Any = "") -> None:
    """Print one line."""
    if sys.stdout is None:  # of a program whose output was closed before it began
        raise OSError(errno.EBADF, "there is no output to write to")
    _write(sys.stdout, str(text))


def complain(message: Any) -> None:
    """Print one line about what went wrong, if anybody listens."""
    if sys.stderr is not None:
        _write(sys.stderr, f"resource-ode: {message}")


def count(number: int, noun: str) -> str:
    """`3 skills`, `1 row`."""
    return f"{number} {noun}{'s' * (number != 1)}"


def _write(stream: Any, text: str) -> None:
    # what the encoding of the terminal lacks is written as \u4e2d, rather than not at all
    encoding = getattr(stream, "encoding", None) or "utf-8"
    stream.write(printable(text).encode(encoding, "backslashreplace").decode(encoding) + "\n")
    stream.flush()
