"""Graphs of different sizes as one batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array

from .graph import SkillGraph


def stacked(graphs: Sequence[SkillGraph]) -> SkillGraph:
    """A batch of single graphs, the smaller ones padded.

    **Raises:** `ValueError` for graphs with different gates of a user's own.
    """
    skills = max(graph.skills for graph in graphs)
    fan_in = max(graph.fan_in for graph in graphs)
    shapes = {"prerequisites": (skills, fan_in), "required": (skills, fan_in), "any_gate": (skills,)}
    shapes["present"] = (skills,)
    arrays = {
        name: jnp.stack([padded(getattr(graph, name), shape, 0) for graph in graphs]) for name, shape in shapes.items()
    }
    names = None
    if any(graph.names is not None for graph in graphs):
        names = tuple(graph.skill_names() + ("",) * (skills - graph.skills) for graph in graphs)
        names = names[0] if len(set(names)) == 1 else names
    frequency = None
    if all(graph.frequency is not None for graph in graphs):
        frequency = jnp.stack([padded(graph.frequency, (skills,), 1) for graph in graphs])
    gates = arrays.pop("any_gate")
    own = graphs[0].own_gate
    for graph in graphs:
        if not eqx.tree_equal(graph.own_gate, own):
            raise ValueError(f"stack: expected graphs of one kind of gate, got {own} and {graph.own_gate}")
    gates = gates if own is None else own
    return SkillGraph(arrays.pop("prerequisites"), gates, names=names, frequency=frequency, **arrays)


def padded(value: Any, shape: tuple[int, ...], fill: Any) -> Array:
    """An array with more entries at the end of each axis."""
    widths = [(0, n - m) for n, m in zip(shape, value.shape, strict=True)]
    return jnp.pad(value, widths, constant_values=fill)
