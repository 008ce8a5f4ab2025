r"""When skills reach a level, read between the rows of a run, and what that leaves unknown of what compares times.

A level only grows (without interference), so that a time lies between two rows, before the first, or after the last.
Inside its interval $h$ it is read linearly. Were the slope anything between $a$ and $\rho a$, falling or rising, that
would be wrong by at most

$$ h\, \frac{\sqrt\rho - 1}{\sqrt\rho + 1} $$

with $\rho$ here the largest ratio of the mean slopes in this interval and its two neighbours: as the square of the
interval where rows are dense, and the whole interval where the level jumps in it or there is no neighbour.
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..base import programs
from ..base.crossing import first_crossing
from ..results.trajectory import Trajectory


def crossing_bounds(run: Trajectory, level: Any) -> tuple[Array, Array, Array]:
    """When each skill first reaches a level, read linearly between rows, `(*batch, skill)`; and between which times it
    is: `inf`, and from the last row to `inf`, where the run does not show it; NaN where the skill is absent.
    """
    start = 0.0 if run.model.initial_level is None else run.model.initial_level
    found, shape = run.level, run.batch_shape
    first = jnp.broadcast_to(jnp.asarray(start, found.dtype), (*shape, found.shape[-1]))
    flat = (x.reshape((math.prod(shape), *x.shape[len(shape) :])) for x in (found, first))
    bounds = _bounds(run.ts, jnp.asarray(level, run.ts.dtype), *flat)
    return tuple(x.reshape(first.shape) for x in bounds)  # type: ignore[return-value]


@programs.compiled
def _bounds(
    ts: Float[Array, " time"],
    goal: Float[Array, ""],
    found: Float[Array, "member time skill"],
    first: Float[Array, "member skill"],
) -> tuple[Array, Array, Array]:
    # every run starts at 0, whatever its first row
    rows = jnp.concatenate([jnp.zeros(1, ts.dtype), ts])
    steps = jnp.diff(rows)

    def one(found: Float[Array, "time skill"], first: Float[Array, " skill"]) -> tuple[Array, Array, Array]:
        levels = jnp.concatenate([first[None], found])
        time = first_crossing(rows, levels, goal, between_rows=True)
        above = levels >= goal
        row, reached = jnp.argmax(above, axis=0), jnp.any(above, axis=0)
        before = jnp.maximum(row - 1, 0)
        slopes = jnp.diff(levels, axis=0) / jnp.where(steps > 0, steps, jnp.nan)[:, None]
        # there are none before the first interval and after the last
        slopes = jnp.pad(slopes, ((1, 1), (0, 0)), constant_values=jnp.nan)
        near = jnp.stack([slopes[before + shift, jnp.arange(found.shape[1])] for shift in (0, 1, 2)])
        least, most = jnp.min(near, axis=0), jnp.max(near, axis=0)
        known = (least > 0) & jnp.isfinite(most)
        root = jnp.sqrt(jnp.where(known, most / jnp.where(known, least, 1), 1))
        off = (rows[row] - rows[before]) * jnp.where(known, (root - 1) / (root + 1), 1)
        earliest = jnp.where(reached, jnp.maximum(time - off, rows[before]), rows[-1])
        latest = jnp.where(reached, jnp.minimum(time + off, rows[row]), jnp.inf)
        absent = jnp.isnan(found[0])
        time, earliest, latest = (jnp.where(absent, jnp.nan, x) for x in (time, earliest, latest))
        return time, earliest, latest

    return jax.vmap(one)(found, first)


def rank_bounds(
    least: Float[Array, "*batch skill"], most: Float[Array, "*batch skill"]
) -> tuple[Float[Array, "*batch skill"], Float[Array, "*batch skill"]]:
    """The first and the last rank that each of some times may have, which lie between bounds; NaN is left out."""

    def one(least: Array, most: Array) -> tuple[Array, Array]:
        count = jnp.sum(~jnp.isnan(least), dtype=jnp.int32)
        surely_before = jnp.searchsorted(jnp.sort(most), least, side="left")
        surely_after = count - jnp.searchsorted(jnp.sort(least), most, side="right")
        return (1 + surely_before).astype(least.dtype), (count - surely_after).astype(least.dtype)

    flat = (x.reshape((math.prod(x.shape[:-1]), x.shape[-1])) for x in (least, most))
    first, last = jax.vmap(one)(*flat)
    return first.reshape(least.shape), last.reshape(least.shape)
