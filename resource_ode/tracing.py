"""Telling concrete values, which can be checked, from traced ones, which cannot."""

from __future__ import annotations

from typing import Any

import jax
from jax.core import Tracer


def is_concrete(*trees: Any) -> bool:
    """Whether no array in these trees is being traced by `jit`, `vmap` or `grad`."""
    return not any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(trees))
