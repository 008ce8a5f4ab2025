"""Equinox modules with some of their fields replaced."""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

import equinox as eqx

Module = TypeVar("Module", bound=eqx.Module)


def with_fields(module: Module, **values: Any) -> Module:
    """A module with some fields replaced, unchecked; static ones too, and many times faster than by `eqx.tree_at`."""
    changed = object.__new__(type(module))
    names = [field.name for field in dataclasses.fields(module)]
    assert values.keys() <= set(names)
    for name in names:
        object.__setattr__(changed, name, values[name] if name in values else getattr(module, name))
    return changed
