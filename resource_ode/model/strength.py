"""How much a skill needs each of its prerequisites: one number per dependency, beside those of the graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..base.tracing import is_concrete
from ..base.values import brief, in_range, plain
from ..base.words import nearest
from ..graphs.arguments import labelled
from ..graphs.graph import SkillGraph
from .parameters import BOUNDS

NAME = "prerequisite_strength"


def read_strengths(value: Any, graph: SkillGraph, dtype: Any) -> tuple[Array, bool]:
    """Strengths `(*batch, skill, fan_in)` beside the prerequisites of a graph, or one number; and whether they were
    given by name.

    **Raises:** `ValueError` for pairs that are no dependency of the graph, and for numbers outside [0, 1].
    """
    if isinstance(value, Mapping):
        return _by_name(value, graph, dtype), True
    return in_range(NAME, value, dtype, **BOUNDS[NAME]), False


def _by_name(pairs: Mapping[Any, Any], graph: SkillGraph, dtype: Any) -> Array:
    """Strengths given as `{(prerequisite, skill): strength}`, by names or positions; 1 where none is given."""
    names = labelled(graph.names, graph.present.shape)
    if not is_concrete(graph) or names is None:
        raise ValueError(f"{NAME}: expected an array, since the dependencies of the graph cannot be found by name here")
    indices, required = np.asarray(graph.prerequisites), np.asarray(graph.required)
    strengths = jnp.ones(required.shape, dtype)
    for pair, value in pairs.items():
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise ValueError(f"{NAME}: expected pairs of names (prerequisite, skill) as keys, got {brief(pair)}")
        before, skill = (_position(name, names) for name in pair)
        mask = required[..., skill, :] & (indices[..., skill, :] == before)
        if not mask.any():
            raise ValueError(
                f"{NAME}: expected dependencies of the graph as keys, but {names[skill]} does not require "
                f"{names[before]}"
            )
        number = in_range(f"{NAME} of {names[before]} for {names[skill]}", plain(NAME, value), dtype, **BOUNDS[NAME])
        if number.ndim:
            number = number[..., None]
        own = jnp.where(mask, number, strengths[..., skill, :])
        strengths = jnp.broadcast_to(strengths, (*own.shape[:-1], *required.shape[-2:])).at[..., skill, :].set(own)
    return strengths


def _position(name: Any, names: tuple[str, ...]) -> int:
    if isinstance(name, (int, np.integer)) and not isinstance(name, bool) and 0 <= name < len(names):
        return int(name)
    if not isinstance(name, str) or name not in names:
        hint = nearest(str(name), names, quote=repr) or f" (the graph has {', '.join(names[:5])})"
        raise ValueError(f"{NAME}: expected names of the graph's skills, got {brief(name)}{hint}")
    return names.index(name)


def carried_over(strengths: Array, graph: SkillGraph, other: SkillGraph) -> Array:
    """Strengths given by name, beside the prerequisites of another graph: those of dependencies that both have.

    **Raises:** `ValueError` where a graph is a batch, so that dependencies have no one place.
    """
    if graph.batch_shape or other.batch_shape or not is_concrete(graph, other):
        raise ValueError(f"{NAME}: expected to be given again, since it was by name and a graph is a batch")
    names, others = (each.skill_names() for each in (graph, other))
    places = {
        (names[before], names[skill]): (skill, slot)
        for skill, row in enumerate(graph.prerequisite_lists())
        for slot, before in enumerate(row)
    }
    found = jnp.ones((*strengths.shape[:-2], other.skills, other.fan_in), strengths.dtype)
    for skill, row in enumerate(other.prerequisite_lists()):
        for slot, before in enumerate(row):
            place = places.get((others[before], others[skill]))
            if place is not None:
                found = found.at[..., skill, slot].set(strengths[..., place[0], place[1]])
    return found
