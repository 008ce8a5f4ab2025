"""A measure of the caller's own: a function that is named in the description of a sweep, and so imported and run."""

from __future__ import annotations

import functools
import hashlib
import importlib
import inspect
import json
import re
import sys
from collections.abc import Callable
from typing import Any

# nothing that leads out of Python's own search for modules, as a path would
_REFERENCE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")


def find_reducer(given: Any) -> tuple[str, Callable[..., Any]]:
    """How a reducer is called, `module:function`, and the function.

    **Arguments:** `given`: such a text, or a function.

    **Raises:** `ValueError` for what cannot be imported under its name.
    """
    expected = "expected a function that can be imported, as module:function"
    where, shown = given, f"a {type(given).__name__}"
    if callable(given):
        where = f"{getattr(given, '__module__', '?')}:{getattr(given, '__qualname__', '?')}"
    if isinstance(where, str):
        shown = json.dumps(where if len(where) <= 120 else where[:117] + "...", ensure_ascii=True)
    if not isinstance(where, str) or not _REFERENCE.fullmatch(where):
        raise ValueError(f"{expected}, got {shown}")
    module, name = where.split(":")
    try:
        found = functools.reduce(getattr, name.split("."), importlib.import_module(module))
    except (Exception, SystemExit) as error:  # the module is the user's, and may raise anything
        why = str(error).strip().partition("\n")[0] or type(error).__name__
        raise ValueError(f"{expected}, got {shown} ({why:.200})") from None
    if not callable(found):
        raise ValueError(f"{expected}, got {shown}, which is no function")
    return where, found


def source_digest(where: str, function: Callable[..., Any]) -> str:
    """SHA-256 of the source of a function, or, for an object that is called like one, of its whole module; that of
    nothing if neither is known.
    """
    for known in (function, sys.modules.get(where.partition(":")[0])):
        try:
            return hashlib.sha256(inspect.getsource(known).encode()).hexdigest()  # type: ignore[arg-type]
        except (OSError, TypeError):
            continue
    return hashlib.sha256().hexdigest()
