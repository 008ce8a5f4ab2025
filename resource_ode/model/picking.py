"""Members of a batch of models: one of them, some of them, and all in one row."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from ..base import members, pieces
from ..base.modules import with_fields
from ..base.tracing import is_concrete
from . import labels as axis_labels
from .parameters import MEMBER_AXES, named_parameters, spread
from .schedule import Schedule


def picked(model: Any, index: Any) -> Any:
    """The members that an index picks; one without its padding."""
    batch = model.batch_shape
    one, chosen = members.is_one(batch, index), members.positions(batch, index)

    def pick(value: Any, axes: int) -> Any:
        if isinstance(value, Schedule):
            times = members.take(value.times, 1, batch, chosen)
            return with_fields(value, times=times, values=members.take(value.values, axes + 1, batch, chosen))
        return members.take(value, axes, batch, chosen)

    values = {name: pick(value, axes) for name, value, axes in named_parameters(model)[1:]}
    labels = () if one or not is_concrete(index) else axis_labels.at_index(model.axes(), index)
    model = with_fields(model, graph=model.graph.members(batch, chosen), labels=labels, **values)
    return without_padding(model) if one else model


def without_padding(model: Any) -> Any:
    """One model without the skills that only pad it; as it is under a trace."""
    graph = model.graph.without_padding()
    # gates were needed, so their exponent was given: in a stack it may have been given for some models only
    origins = tuple(pair for pair in model.origins if pair[0] != "gate_exponent" or not graph.fan_in)
    values = {}
    if graph.skills < model.skills:
        keep = np.flatnonzero(np.asarray(model.graph.present))
        for name, axes in MEMBER_AXES.items():
            value = getattr(model, name)
            if axes and value is not None and not isinstance(value, Schedule):
                values[name] = value[keep][:, keep] if name == "interference" else value[keep]
    if model.prerequisite_strength is not None and graph.fan_in < model.graph.fan_in:
        strengths = values.get("prerequisite_strength", model.prerequisite_strength)
        values["prerequisite_strength"] = strengths[:, : graph.fan_in]
    return with_fields(model, graph=graph, origins=origins, **values)


def batch_of_one(model: Any) -> Any:
    """A concrete model without batch axes as a batch of one, its arrays those of NumPy."""
    return jax.tree.map(lambda x: np.asarray(x)[None], model)


def flat(model: Any) -> Any:
    """The same members with every array broadcast to one leading batch axis and no names."""
    model = pieces.hosted(model)
    shape, graph = model.batch_shape, model.graph
    axes = {"prerequisites": 2, "required": 2, "present": 1, "depth": 1}
    either = graph.any_gate
    if either is not None:
        only_all = is_concrete(either) and not np.any(np.asarray(either))
        either = None if only_all else spread(either, 1, shape)
    arrays = {name: spread(getattr(graph, name), count, shape) for name, count in axes.items()}
    graph = with_fields(graph, names=None, frequency=None, any_gate=either, **arrays)
    values = {name: spread(value, k, shape) for name, value, k in named_parameters(model)[1:]}
    return with_fields(model, graph=graph, origins=(), labels=(), **values)
