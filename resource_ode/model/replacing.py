"""What a model was built from, read back from its fields: for a model with some arguments changed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Array

from ..base.tracing import is_concrete
from ..base.values import place_of
from ..base.words import nearest
from ..graphs.arguments import labelled
from ..graphs.graph import SkillGraph
from .extension import EXTENSION, one_number
from .parameters import MEMBER_AXES
from .strength import carried_over

# how an argument may have been given: taken from the graph, left to its default, one number for all pools (with the
# number, where no array holds it), by name
ORIGINS = ("graph", "default", "single", "names")
_NUMBER = re.compile(r"single (0|1|0\.\d+|1\.0|\d(\.\d+)?e-\d+)")


def is_origin(name: str, text: Any) -> bool:
    """Whether a text from a file says how an argument was given."""
    if name == "prerequisite_strength" and isinstance(text, str) and _NUMBER.fullmatch(text):
        return True
    return text in ORIGINS


def arguments_of(model: Any, changes: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """All arguments with the changes made, and how those that stay were given.

    Arrays stay as the model holds them unless a change bears on how they were given: they may have been traced or
    changed since.
    """
    arguments = {"graph": model.graph, "loss": model.base_law, "competition": model.rule}
    arguments |= {name: getattr(model, name) for name in MEMBER_AXES}
    for name in changes:
        if name not in arguments:
            hint = nearest(str(name), arguments, quote=repr)
            raise ValueError(f"replace: expected arguments among {', '.join(arguments)}, got {name!r}{hint}")
    kept = {name: origin for name, origin in model.origins if name not in changes}
    for name, origin in kept.items():
        value = arguments[name]
        if origin.startswith("single "):
            arguments[name] = float(origin.partition(" ")[2]) if "graph" in changes else value
        elif origin == "single" and name in EXTENSION:
            arguments[name] = one_number(value, MEMBER_AXES[name]) if "graph" in changes else value
        elif origin == "single" and not changes.keys().isdisjoint({"pool", "learning_rate", "wasted_resource"}):
            arguments[name] = _single(value, changes.get("pool", model.pool) is None)
        elif origin in ("graph", "default") and "graph" in changes:
            arguments[name] = None
        elif origin == "names" and isinstance(changes.get("graph"), SkillGraph):
            arguments[name] = _renamed(name, value, model.graph, changes["graph"])
    return {**arguments, **changes}, kept


def origins_of(model: Any, kept: dict[str, str]) -> tuple[tuple[str, str], ...]:
    """How the arguments of a new model were given, those kept from the one before included."""
    kept = {
        name: origin
        for name, origin in kept.items()
        if origin != "single" or model.pool is not None or name in EXTENSION
    }
    return tuple(sorted({**kept, **dict(model.origins)}.items()))


def _single(value: Array, without_pools: bool) -> Array:
    """The number that was given for all pools; the whole array where it is one number no longer, or one per member."""
    if is_concrete(value):
        numbers = np.asarray(value)
        if np.any(numbers != numbers[..., :1]):
            return value
    return value[..., 0] if value.ndim == 1 or without_pools else value


def _renamed(name: str, value: Any, graph: SkillGraph, other: SkillGraph) -> Any:
    """Numbers that were given by name, in the order of the same names in another graph."""
    if name == "prerequisite_strength":
        return carried_over(value, graph, other)
    own = labelled(graph.names, graph.present.shape) or ()
    order = np.array(place_of(name, own, labelled(other.names, other.present.shape)))
    return value[..., order, :][..., order] if MEMBER_AXES[name] == 2 else value[..., order]
