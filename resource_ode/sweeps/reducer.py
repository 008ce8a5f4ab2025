"""A measure of the caller's own: a function that is named in the description of a sweep, and so imported and run."""

from __future__ import annotations

import functools
import hashlib
import importlib
import inspect
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax
import numpy as np

# nothing that leads out of Python's own search for modules, as a path would
_REFERENCE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")

# how far what a function was made with is followed
DEEPEST = 12


def find_reducer(given: Any) -> tuple[str, Callable[..., Any]]:
    """How a reducer is called, `module:function`, and the function.

    **Arguments:** `given`: such a text, or a function.

    **Raises:** `ValueError` for what cannot be imported under its name, or is not what is found there.
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
    # a function that is wrapped, or made anew, bears the name of another
    if callable(given) and found is not given and not (inspect.ismethod(given) and found == given):
        raise ValueError(f"{expected}, got {shown}, a name under which there is another function")
    return where, found


def source_digest(function: Callable[..., Any]) -> str:
    """SHA-256 of what a function is: its source, and what it was made with.

    That are the arguments of a `functools.partial`, the fields of an object, default values, and the variables that a
    function takes from the one around it. Not looked at are what it calls and the variables of its module.
    """
    return hashlib.sha256(_held(function, ()).encode()).hexdigest()


def _held(value: Any, around: tuple[int, ...]) -> str:
    """A text that differs where values do, the same in every process."""
    if value is None or isinstance(value, (bool, int, float, complex, str, bytes)):
        return repr(value)
    if id(value) in around or len(around) > DEEPEST:
        return "..."
    around = (*around, id(value))
    if isinstance(value, (np.ndarray, np.generic, jax.Array)):
        array = np.asarray(value)
        return f"{array.dtype}{array.shape}{hashlib.sha256(array.tobytes()).hexdigest()}"
    if isinstance(value, functools.partial):
        return f"partial{_held((value.func, value.args, value.keywords), around)}"
    if isinstance(value, Mapping):
        return _all_held([(str(key), item) for key, item in value.items()], around)
    if isinstance(value, (list, tuple, set, frozenset)):
        ordered = isinstance(value, (list, tuple))
        return _all_held(value if ordered else sorted(value, key=repr), around)
    if inspect.isfunction(value):
        cells = dict(zip(value.__code__.co_freevars, (_content(cell) for cell in value.__closure__ or ()), strict=True))
        made_with = [part for part in (cells, value.__defaults__, value.__kwdefaults__) if part]
        # not of what it wraps, which is one of its variables
        return _source(value.__code__) + (_held(made_with, around) if made_with else "")
    if inspect.ismethod(value):
        return _held((value.__func__, value.__self__), around)
    if inspect.ismodule(value) or isinstance(value, type):
        return value.__name__
    if hasattr(value, "__wrapped__"):  # as what `jax.jit` returns
        return _held(value.__wrapped__, around)
    if name := getattr(value, "__name__", ""):  # written in C, as `max` and `numpy.add`
        return f"{getattr(value, '__module__', '')}.{name}"
    return _source(type(value)) + (_held(fields, around) if (fields := getattr(value, "__dict__", None)) else "")


def _all_held(values: Iterable[Any], around: tuple[int, ...]) -> str:
    return f"[{','.join(_held(value, around) for value in values)}]"


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None


def _source(code: Any) -> str:
    try:
        return inspect.getsource(code)
    except (OSError, TypeError):
        return ""
