"""Whether a model is one that its class would have taken: asked inside compiled code, where nobody could refuse it."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool

from ..base import programs
from ..base.lost import nan_unless
from ..base.modules import with_fields
from ..base.values import inside
from .parameters import BOUNDS, MEMBER_AXES, POOLED, overlap_slack
from .schedule import Schedule


@programs.compiled
def is_sound(model: Any, ts: Array | None = None, *, graph_too: bool = True) -> Bool[Array, "*batch"]:
    """Whether all values of a member are in their range, its graph has no cycles, and times increase from 0 on; of the
    graph nothing is asked where whoever solves it looks at it anyway, which takes longest to compile.
    """
    graph, shape = model.graph, model.batch_shape
    found = [_graph_is_sound(graph), jnp.any(graph.present, axis=-1)] if graph_too else []
    for name, bounds in BOUNDS.items():
        value = getattr(model, name)
        if isinstance(value, Schedule):
            found.append(_schedule_is_sound(value))
        elif value is not None:
            own = MEMBER_AXES[name]
            # what stands for absent skills and dependencies does not count
            counts = (np.ones((), bool), graph.present, graph.required)[own]
            whole = np.broadcast_shapes(value.shape, counts.shape)
            within = jnp.broadcast_to(inside(value, **bounds), whole) | ~jnp.broadcast_to(counts, whole)
            axes = own + (name in POOLED and model.pool is not None)
            found.append(jnp.all(within, axis=tuple(range(-axes, 0))))
    if model.pool is not None:
        found.append(jnp.all((model.pool >= 0) & (model.pool < model.pools), axis=-1))
    if model.interference is not None:
        found.append(_overlaps_are_sound(model.interference))
    if ts is not None:
        found.append(increases(ts))
    return functools.reduce(jnp.logical_and, (jnp.broadcast_to(x, shape) for x in found))


def lost_unless_sound(model: Any, ts: Array, *, graph_too: bool) -> Any:
    """The model, but with NaN for a parameter of each member that is not sound, so that its solve is lost: of one that
    no graph's cascade depends on, where it is no schedule, which all members share.
    """
    constant = (name for name in POOLED if not isinstance(getattr(model, name), Schedule))
    name = next(constant, "gate_exponent")
    own = name in POOLED and model.pool is not None
    return with_fields(model, **{name: _where_sound(model, ts, getattr(model, name), own=own, graph_too=graph_too)})


@programs.compiled
def _where_sound(model: Any, ts: Array, value: Array, *, own: bool, graph_too: bool) -> Array:
    sound = is_sound(model, ts, graph_too=graph_too)
    return nan_unless(sound[..., None] if own else sound, value)


def increases(ts: Array) -> Bool[Array, ""]:
    """Whether times are finite, not negative, and increase."""
    return jnp.all(jnp.isfinite(ts)) & (ts[0] >= 0) & jnp.all(ts[1:] > ts[:-1])


def _graph_is_sound(graph: Any) -> Bool[Array, "*batch"]:
    """Whether each prerequisite is there, and less deep than the skill that needs it: then there is no cycle."""
    batch, indices = graph.present.shape[:-1], graph.prerequisites
    deep = jnp.all((graph.depth >= 0) & (graph.depth < graph.skills) | ~graph.present, axis=-1)
    if not graph.fan_in:
        return deep
    places = jnp.clip(indices, 0, graph.skills - 1).reshape(*batch, graph.skills * graph.fan_in)
    present, depth = (
        jnp.take_along_axis(x, places, axis=-1).reshape(indices.shape) for x in (graph.present, graph.depth)
    )
    within = (indices >= 0) & (indices < graph.skills) & present & (depth < graph.depth[..., None])
    return deep & jnp.all(within | ~graph.required | ~graph.present[..., None], axis=(-2, -1))


def _schedule_is_sound(schedule: Schedule) -> Bool[Array, ""]:
    """Whether its values are not negative, those of each skill sometimes positive, and its times increase from 0 on."""
    values, times = schedule.values, schedule.times
    learns = jnp.all(jnp.max(values, axis=0) > 0) if values.ndim == 2 else True
    return jnp.all(inside(values, least=0.0)) & learns & increases(times) & (times[0] == 0)


def _overlaps_are_sound(overlaps: Array) -> Bool[Array, "*batch"]:
    """Whether they are those of unit vectors, up to rounding."""
    overlaps, skills = jax.lax.stop_gradient(overlaps), overlaps.shape[-1]
    slack, unit = overlap_slack(overlaps.dtype), jnp.eye(skills, dtype=overlaps.dtype)
    diagonal = jnp.diagonal(overlaps, axis1=-2, axis2=-1)
    near = jnp.all(jnp.abs(diagonal - 1) <= slack, axis=-1)
    near &= jnp.all(jnp.abs(overlaps - jnp.swapaxes(overlaps, -1, -2)) <= slack, axis=(-2, -1))
    # of a matrix that is not positive semidefinite there is none
    root = jnp.linalg.cholesky(overlaps + slack * skills * unit)
    return near & jnp.all(jnp.isfinite(root), axis=(-2, -1))
