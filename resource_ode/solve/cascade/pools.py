"""Pools that no prerequisite crosses, side by side: each is a graph of its own, of its own skills alone."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ...base.lost import nan_unless
from ...base.tracing import is_concrete
from ...model.model import ResourceModel
from ...native import calls


class Places(NamedTuple):
    """Which skills each pool has, and where each skill is among them.

    **Arguments:**

    - `skills`: `(*batch, pool, place)`, of which those count that are `there`, of the same shape.
    - `own`: for each skill its place among all of these, `(*batch, skill)`.
    """

    skills: Any
    there: Any
    own: Any

    @property
    def width(self) -> int:
        """Places of each pool."""
        return self.skills.shape[-1]


def places_of(model: ResourceModel) -> Places | None:
    """As many places as the largest pool has skills, or, where nobody knows which skills it has, as there are skills;
    None for a model without pools.
    """
    if model.pool is None:
        return None
    skills, pools = model.skills, model.pools
    if not is_concrete(model.pool):
        each = ranked(jnp.arange(pools, dtype=model.pool.dtype)[:, None], model.pool.ndim + 1)
        every = jnp.broadcast_to(ranked(jnp.arange(skills), each.ndim), (*model.pool.shape[:-1], pools, skills))
        places = ranked(jnp.arange(skills, dtype=model.pool.dtype), model.pool.ndim)
        return Places(every, model.pool[..., None, :] == each, model.pool * skills + places)
    pool = np.asarray(model.pool).reshape((-1, skills))
    mine = pool[:, None] == np.arange(pools)[:, None]
    counts = mine.sum(axis=-1)
    width = max(1, int(counts.max()))
    # those of a pool come first, in their order
    order = np.argsort(~mine, axis=-1, kind="stable")[..., :width]
    place = np.take_along_axis(np.cumsum(mine, axis=-1) - 1, pool[:, None], axis=1)[:, 0] + width * pool
    there = np.arange(width) < counts[..., None]
    lead = model.pool.shape[:-1]
    return Places(*(x.reshape((*lead, *x.shape[1:])) for x in (order, there, place)))


def side_by_side(places: Places, x: Array, axes: int) -> Array:
    """What skills have, the first of so many last `axes`, by pool and place."""
    lead = max(x.ndim - axes, places.skills.ndim - 2)
    index = ranked(jnp.asarray(places.skills), lead + 2)
    index = jnp.reshape(index, (*index.shape, *(1,) * (axes - 1)))
    return jnp.take_along_axis(jnp.expand_dims(ranked(x, lead + axes), lead), index, axis=lead + 1, mode="clip")


def prerequisites_of(places: Places, prerequisites: Array) -> Array:
    """Prerequisites `(*batch, skill, slot)` by pool and place, as places of the same pool.

    What is no skill is no place either, so that the loops refuse it.
    """
    found = side_by_side(places, prerequisites, 2)
    flat = jnp.reshape(found, (*found.shape[:-2], -1))
    place = ranked(jnp.asarray(places.own) % places.width, found.ndim - 2)[..., None, :]
    own = jnp.take_along_axis(place, flat, axis=-1, mode="clip").astype(flat.dtype)
    skill = (flat >= 0) & (flat < places.own.shape[-1])
    return jnp.reshape(jnp.where(skill, own, flat), found.shape)


def by_skill(places: Places, found: Array, pool_axis: int) -> Array:
    """What was found by pool, along an axis before the last, and by place, the last: of each skill, without pools; NaN
    for one whose pool is none, which nobody could refuse under a trace.
    """
    moved = jnp.moveaxis(found, pool_axis, -2)
    flat = jnp.reshape(moved, (*moved.shape[:-2], -1))
    own = jnp.asarray(places.own)
    own = jnp.reshape(own, (*own.shape[:-1], *(1,) * (-2 - pool_axis), own.shape[-1]))
    return jnp.take_along_axis(flat, ranked(own, flat.ndim), axis=-1, mode="fill")


def ranked(x: Array, rank: int) -> Array:
    """An array with so many axes, the first of length 1."""
    return jnp.reshape(x, (1,) * (rank - x.ndim) + x.shape)


def rows_of(
    model: ResourceModel, places: Places, ts: Array, found: tuple[Array, Array, Array | None, Array]
) -> tuple[Array, Array, Array | None, Array]:
    """From exposures `(*batch, pool, time, place)`, resource time, spent resource and codes of pools, those of members:
    pools become the last axis of resource time and spent resource.
    """
    state, clock, spent, code = found
    idle = _idle(model, places, code.ndim)
    clocks: Any = (model.learning_rate, model.wasted_resource)
    rate, waste = (ranked(x, code.ndim)[..., None] for x in clocks)
    wasted = rate * ranked(ts, code.ndim + 1)
    state = by_skill(places, state, -3)
    clock = jnp.swapaxes(jnp.where(idle[..., None], wasted / waste, clock), -1, -2)
    spent = None if spent is None else jnp.swapaxes(jnp.where(idle[..., None], wasted, spent), -1, -2)
    code = jnp.max(jnp.where(idle, calls.SUCCESSFUL, code), axis=-1)
    sound = (code != calls.NOT_FINITE)[..., None, None]
    present = ranked(model.graph.present, code.ndim + 1)[..., None, :]
    state = jnp.where(present, nan_unless(sound, state), jnp.nan)
    return state, nan_unless(sound, clock), spent, code


def times_of(model: ResourceModel, places: Places, found: Array, code: Array) -> tuple[Array, Array]:
    """From learning times `(*batch, pool, place)` and codes of pools, those of members."""
    code = jnp.max(jnp.where(_idle(model, places, code.ndim), calls.SUCCESSFUL, code), axis=-1)
    found = by_skill(places, found, -2)
    return jnp.where(ranked(model.graph.present, found.ndim), found, jnp.nan), code


def present_in(model: ResourceModel, places: Places) -> Array:
    """Which places hold a skill that is there, `(*batch, pool, place)`."""
    present = side_by_side(places, jnp.asarray(model.graph.present), 1)
    return present & ranked(jnp.asarray(places.there), present.ndim)


def _idle(model: ResourceModel, places: Places, rank: int) -> Array:
    """Which pools have no skill, and so waste all of their resource."""
    return ~jnp.any(ranked(present_in(model, places), rank + 1), axis=-1)
