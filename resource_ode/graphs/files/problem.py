"""The one error of graph files, and how a value from a file is quoted in it."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from typing import Any, NoReturn


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


def guess(word: str, known: Collection[Any]) -> str:
    """`"; did you mean 'words'?"` if a known name comes near, else nothing."""
    texts = [name for name in known if isinstance(name, str)] if len(known) <= 5000 else []
    near = difflib.get_close_matches(word, texts, n=1) if len(word) <= 100 else []
    return f"; did you mean {said(near[0])}?" if near else ""
