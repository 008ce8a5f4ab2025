"""One batch of graphs or models of different sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array

from ..base.modules import with_fields
from ..base.values import listed
from ..graphs.graph import SkillGraph
from ..graphs.stacking import padded, stacked
from .extension import EXTENSION
from .model import ResourceModel
from .parameters import MEMBER_AXES, own_shape
from .schedule import Schedule


@overload
def stack(members: Sequence[ResourceModel]) -> ResourceModel: ...
@overload
def stack(members: Sequence[SkillGraph]) -> SkillGraph: ...
def stack(members: Any) -> Any:
    """One batch of models, or of graphs, which may differ in size: smaller ones are padded, and their padding is NaN in
    results.

    **Arguments:** `members`: single models (no batch axes) of the same loss, competition and optional parts; or single
    graphs.

    **Raises:** `ValueError` if there are none, they are of different kinds, one is a batch, or they differ in structure
    (which part is named).

    **Example:**

    >>> stack([SkillGraph([[], [0]]), SkillGraph([[], [0], [1]])])
    SkillGraph(batch (2,) of up to 3 skills, 3 dependencies, depth 2)
    """
    found = None if isinstance(members, (SkillGraph, ResourceModel)) else listed(members)
    if found is None:
        raise ValueError(f"stack: expected a list of models or graphs, got {type(members).__name__}")
    members = found
    if not members:
        raise ValueError("stack: expected at least one model, got none")
    kind = SkillGraph if isinstance(members[0], SkillGraph) else ResourceModel
    what = "graphs" if kind is SkillGraph else "models"
    for position, member in enumerate(members):
        if not isinstance(member, kind):
            raise ValueError(f"stack: expected {what} alone, but number {position} is of type {type(member).__name__}")
        if member.batch_shape:
            raise ValueError(
                f"stack: expected single {what}, but number {position} is a batch of shape {member.batch_shape}"
            )
    return stacked(members) if kind is SkillGraph else _models(members)


def _models(models: list[ResourceModel]) -> ResourceModel:
    first = models[0]
    for model in models:
        for name in ("loss", "competition", "pools", "dtype"):
            if getattr(model, name) != getattr(first, name):
                raise ValueError(
                    f"stack: expected models of one {name}, got {getattr(first, name)!r} and {getattr(model, name)!r}"
                )
        if not eqx.tree_equal((model.base_law, model.rule), (first.base_law, first.rule)):
            raise ValueError(
                f"stack: expected models of one loss and one competition, got {model.base_law} and {first.base_law}"
            )
        for name in MEMBER_AXES:
            mine, other = getattr(model, name), getattr(first, name)
            if isinstance(mine, Schedule) or isinstance(other, Schedule):
                raise ValueError(f"stack: {name} is a schedule, which only a batch of one graph shape can share")
            if (mine is None) != (other is None) and name not in EXTENSION:
                raise ValueError(f"stack: {name} is given in some models and not in others")
    graph = stacked([model.graph for model in models])
    values: dict[str, Any] = {}
    for name, axes in MEMBER_AXES.items():
        if all(getattr(model, name) is None for model in models):
            continue
        # padding gets harmless values: it is masked before every division and logarithm
        fill = {"initial_level": 0, "pool": 0, "interference": 0}.get(name, 1)
        rows = [_given(model, name) for model in models]
        own = own_shape(name, graph.skills, graph.fan_in)
        values[name] = jnp.stack([padded(row, own, fill) for row in rows] if axes else rows)
    if "interference" in values:
        eye = jnp.eye(graph.skills, dtype=bool)
        values["interference"] = jnp.where(eye, 1, values["interference"])
    batch = ResourceModel(graph, loss=first.base_law, competition=first.rule, **values)
    return with_fields(batch, origins=_origins(models))


def _given(model: ResourceModel, name: str) -> Array:
    """A parameter of a model; the paper's value where an extension is left out."""
    value = getattr(model, name)
    return jnp.ones(own_shape(name, model.skills, model.graph.fan_in), model.dtype) if value is None else value


def _origins(models: list[ResourceModel]) -> tuple[tuple[str, str], ...]:
    """What all models share; and any default gate exponent, which a graph with prerequisites must not take over."""
    every = set(models[0].origins).intersection(*(model.origins for model in models))
    some = {pair for model in models for pair in model.origins if pair == ("gate_exponent", "default")}
    names = {model.graph.names for model in models}
    return tuple(sorted(pair for pair in every | some if pair[1] != "names" or len(names) == 1))
