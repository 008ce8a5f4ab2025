"""Telling concrete values, which can be checked, from traced ones, which cannot."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
from jax.core import Tracer, eval_context


def is_concrete(*trees: Any) -> bool:
    """Whether no array in these trees is being traced by `jit`, `vmap` or `grad`."""
    leaves = jax.tree.leaves(trees, is_leaf=_is_one_way)
    return not any(_is_traced(type(leaf)) for leaf in leaves)


def evaluated(concrete: bool) -> contextlib.AbstractContextManager[Any]:
    """Inside which operations on concrete values give concrete ones, if all there is is `concrete`: inside `jit`, where
    a model may come from outside, they would be traced, and no value could be looked at.
    """
    return eval_context() if concrete else contextlib.nullcontext()


def _is_one_way(value: Any) -> bool:
    """Whether a value can be gone through once, as a generator: JAX warns of those that it takes for leaves itself."""
    return isinstance(value, Iterator)


@functools.cache
def _is_traced(kind: type) -> bool:
    """Asked of each type once, since an answer takes longer than most of what small calls do."""
    return issubclass(kind, Tracer)


def captures_traced(function: Any) -> bool:
    """Whether a function holds an array that is being traced: in a variable of the function around it, in an argument
    that is bound already, or in the object whose method it is.
    """
    waiting, seen = [function], set()
    while waiting:
        each = waiting.pop()
        if not is_concrete(each):
            return True
        if id(each) in seen:
            continue
        seen.add(id(each))
        waiting += [cell.cell_contents for cell in getattr(each, "__closure__", None) or () if _is_filled(cell)]
        waiting += [x for x in jax.tree.leaves(each) if x is not each and callable(x)]
        waiting += getattr(each, "__defaults__", None) or ()
        if isinstance(each, functools.partial):
            waiting += [each.func, *each.args, *each.keywords.values()]
        for name in ("__self__", "__wrapped__", "reduce"):
            if callable(each) and (held := getattr(each, name, None)) is not None:
                waiting.append(held)
    return False


def _is_filled(cell: Any) -> bool:
    """Whether a variable has a value by now."""
    try:
        _ = cell.cell_contents
    except ValueError:
        return False
    return True


def concrete_number(value: Any) -> float | None:
    """A concrete scalar as a number, NaN if it is none, infinite beyond what floating-point numbers hold; None if it is
    traced.
    """
    if not is_concrete(value):
        return None
    try:
        return float(value) if np.ndim(value) == 0 and not _is_other(value) else float("nan")
    except OverflowError:
        return float("inf") if int(value) > 0 else float("-inf")
    except (TypeError, ValueError):
        return float("nan")


def _is_other(value: Any) -> bool:
    """Whether `float` makes a number of what is none: a truth value, text, a duration, a complex number."""
    return isinstance(value, (bool, str, bytes)) or getattr(getattr(value, "dtype", None), "kind", "f") in "bcmMSU"
