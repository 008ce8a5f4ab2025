"""Equinox modules with some of their fields replaced."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, TypeVar

import equinox as eqx

Module = TypeVar("Module", bound=eqx.Module)


def with_fields(module: Module, **values: Any) -> Module:
    """A module with some fields replaced, unchecked; static ones too, and many times faster than by `eqx.tree_at`."""
    assert values.keys() <= _fields(type(module))
    changed = object.__new__(type(module))
    # at once, since each look at a field of a module takes a while
    vars(changed).update(vars(module))
    vars(changed).update(values)
    return changed


@functools.cache
def _fields(kind: type) -> frozenset[str]:
    return frozenset(field.name for field in dataclasses.fields(kind))
