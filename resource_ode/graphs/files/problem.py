"""The one error of graph files, and how a value from a file is quoted in it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NoReturn

from ...base.words import nearest


class GraphFileError(ValueError):
    """A graph file that is not read: the message names the file, the place, what was expected and what came."""


def refuse(problem: str) -> NoReturn:
    """Raise the error of graph files; the reader of a format gives the place, `read_graph` adds the file."""
    raise GraphFileError(problem)


def said(value: Any) -> str:
    """A value from a file as an error quotes it: short, on one line, nothing in it that a terminal would act on."""
    try:
        text = repr(value[:200] if isinstance(value, str) else value)
    except (RecursionError, ValueError):  # nested too deep, or an integer of more digits than Python prints
        text = f"a {type(value).__name__}"
    return text if len(text) <= 80 else text[:77] + "..."


def guess(word: Any, known: Iterable[Any]) -> str:
    """`"; did you mean 'words'?"` if a known name comes near, else nothing."""
    return nearest(word, known, quote=said)
