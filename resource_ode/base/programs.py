"""Compiled programs: one for each function and each kind of arguments, and at most so many kept.

JAX keeps every program that it has compiled, for ever: a session that goes on to new shapes grows by megabytes with
each. Here the least recently used are given up. What they took goes back to the system: the C library of Linux keeps
freed memory in pieces, which would add up to hundreds of megabytes.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import itertools
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, cast

import equinox as eqx
import jax
import numpy as np

from .patience import waiting
from .tracing import captures_traced, is_concrete

# the setting of JAX that says where programs are kept on disk
CACHE = "jax_compilation_cache_dir"
# programs that are kept, over all functions
MOST_KEPT = 128
# after how many that were given up their memory goes back
TRIMMED = 16

Function = TypeVar("Function", bound=Callable[..., Any])

_kept: OrderedDict[Hashable, Program] = OrderedDict()
_lock = threading.Lock()
_given_up = itertools.count(1)


def compiled(function: Function) -> Function:
    """The function, compiled: arrays among its arguments (also inside modules) vary, everything else belongs to the
    program and must be hashable.
    """

    @functools.wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        return program(function, *arguments, **options)(*arguments, **options)

    return cast(Function, call)


class Program:
    """A compiled function of arguments and options of one kind.

    For concrete arguments its results are concrete too, also where it is called while a function of the caller's is
    traced; but not if it holds something of that trace itself.
    """

    def __init__(self, jitted: Any, varying: tuple[bool, ...], *, captures: bool) -> None:
        self._jitted, self._varying, self._captures = jitted, varying, captures
        # whether it has been compiled
        self.ran: bool = False

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        leaves = jax.tree.leaves((arguments, options))
        varying = [x for x, varies in zip(leaves, self._varying, strict=True) if varies]
        if self.ran:
            return self._run(varying)
        with waiting(getattr(jax.config, CACHE)):
            result = self._run(varying)
        self.ran = True
        return result

    def _run(self, varying: list[Any]) -> Any:
        return self._jitted(varying) if self._captures else at_once(self._jitted, varying)

    def forget(self) -> None:
        """Give up what was compiled."""
        self._jitted.clear_cache()


def program(function: Callable[..., Any], *arguments: Any, **options: Any) -> Program:
    """The program of `function(*arguments, **options)` and of all calls of its kind."""
    leaves, structure = jax.tree.flatten((arguments, options))
    varying = tuple(eqx.is_array(x) or isinstance(x, np.ndarray) for x in leaves)
    kinds = tuple(_kind(x) if varies else x for x, varies in zip(leaves, varying, strict=True))
    key = (function, structure, kinds, varying, settings())
    with _lock:
        found = _kept.get(key)
        if found is None:
            rest = tuple(None if varies else x for x, varies in zip(leaves, varying, strict=True))
            jitted, captures = jax.jit(_of_arrays(function, structure, varying, rest)), any(map(captures_traced, rest))
            found = _kept[key] = Program(jitted, varying, captures=captures)
            while len(_kept) > MOST_KEPT:
                _forget_oldest()
        else:
            _kept.move_to_end(key)
    return found


def at_once(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function finds; for concrete arguments it is concrete, also while a function of the caller's is traced,
    of which JAX would make it a part otherwise.
    """
    found = function(*arguments)
    if is_concrete(found) or not is_concrete(arguments):
        return found
    # what is traced is traced on one thread; settings made for that thread alone hold on the other too
    here = settings()

    def elsewhere() -> Any:
        with contextlib.ExitStack() as stack:
            for enter, value, own in zip(_CONTEXTS, here, settings(), strict=True):
                if value != own:
                    stack.enter_context(enter(value))
            return function(*arguments)

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(elsewhere).result()


def _forget_oldest() -> None:
    _kept.popitem(last=False)[1].forget()
    if next(_given_up) % TRIMMED == 0:
        trim()


def trim() -> None:
    """Give freed memory back to the system, where its C library can."""
    if (release := _malloc_trim()) is not None:
        release(0)


@functools.cache
def _malloc_trim() -> Callable[[int], int] | None:
    """What gives freed memory back to the system; None with other C libraries than that of GNU."""
    try:
        return ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return None


def clear() -> None:
    """Give up all programs."""
    with _lock:
        while _kept:
            _kept.popitem()[1].forget()


_CONTEXTS: tuple[Callable[[Any], Any], ...] = (
    jax.enable_x64,
    jax.default_device,
    jax.numpy_dtype_promotion,
    jax.numpy_rank_promotion,
    jax.default_matmul_precision,
)


def settings() -> tuple[Any, ...]:
    """The settings of this thread that a program depends on."""
    names = (
        "enable_x64",
        "default_device",
        "numpy_dtype_promotion",
        "numpy_rank_promotion",
        "default_matmul_precision",
    )
    return tuple(getattr(jax.config, f"jax_{name}") for name in names)


def _kind(array: Any) -> Hashable:
    return array.shape, array.dtype, getattr(array, "weak_type", False)


def _of_arrays(
    function: Callable[..., Any], structure: Any, varying: tuple[bool, ...], rest: tuple[Any, ...]
) -> Callable[[list[Any]], Any]:
    def call(arrays: list[Any]) -> Any:
        given = iter(arrays)
        leaves = [next(given) if varies else x for x, varies in zip(rest, varying, strict=True)]
        arguments, options = jax.tree.unflatten(structure, leaves)
        return function(*arguments, **options)

    call.__name__ = getattr(function, "__name__", "program")
    return call
