"""How deep each skill of a graph lies, and the cycle where there is one."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..base.words import printable
from .cycles import depths, find_cycle


def depth(indices: np.ndarray, mask: np.ndarray, name_of: Any) -> np.ndarray:
    """Longest path from a root to each skill; raises on a cycle."""
    shape = indices.shape[:-1]
    if mask.shape[-1] == 0:
        return np.zeros(shape, np.int32)
    if int(np.prod(shape[:-1])) == 1:
        return _depth_of_one(indices.reshape(indices.shape[-2:]), mask.reshape(mask.shape[-2:]), name_of).reshape(shape)
    found = np.zeros(shape, np.int32)
    flat = np.where(mask, indices, 0).reshape(*shape[:-1], shape[-1] * indices.shape[-1])
    for _ in range(shape[-1] + 1):
        parents = np.take_along_axis(found, flat, axis=-1).reshape(indices.shape)
        deeper = np.max(np.where(mask, parents + 1, 0), axis=-1).astype(np.int32)
        if np.array_equal(deeper, found):
            return found
        found = deeper
    member = tuple(int(i) for i in np.argwhere(found > shape[-1] - 1)[0][:-1])
    position = int(np.ravel_multi_index(member, shape[:-1]))
    try:
        _depth_of_one(indices[member], mask[member], lambda skill: name_of(skill, position))
    except ValueError as error:
        raise ValueError(f"graph {member} of the batch: {error}") from None
    raise AssertionError("a graph without a cycle has depths below its number of skills")


def _depth_of_one(indices: np.ndarray, mask: np.ndarray, name_of: Any) -> np.ndarray:
    skills, source, target = len(indices), indices[mask], np.nonzero(mask)[0]
    found = depths(skills, source, target)
    if (found < 0).any():
        cycle = find_cycle(skills, source, target)
        assert cycle is not None
        path = " -> ".join(printable(name_of(s)) for s in [*cycle, cycle[0]])
        raise ValueError(
            f"prerequisites: expected a graph without cycles, got {path} (no skill of a cycle could ever start; "
            "read_graph, SkillGraph.from_networkx and SkillGraph.from_adjacency take condense=True, which merges each "
            "cycle into one skill)"
        )
    return found


def traced_depth(indices: Array, mask: Array) -> Array:
    """The same without concrete values; a skill in a cycle, or behind one, is as deep as there are skills, and none of
    another graph is.
    """
    shape = indices.shape[:-1]
    if indices.shape[-1] == 0:
        return jnp.zeros(shape, jnp.int32)
    flat = indices.reshape(*shape[:-1], shape[-1] * indices.shape[-1])

    def deepen(depth: Array, _: None) -> tuple[Array, None]:
        parents = jnp.take_along_axis(depth, flat, axis=-1).reshape(indices.shape)
        return jnp.max(jnp.where(mask, parents + 1, 0), axis=-1), None

    # zeros that vary over the devices that the graph varies over
    zeros = jnp.sum(jnp.where(mask, indices, 0) * 0, axis=-1)
    return jax.lax.scan(deepen, zeros, None, length=shape[-1])[0]
