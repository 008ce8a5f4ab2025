"""In which order skills are learned."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from ..base import programs
from ..base.annotations import Given, Numbers
from ..base.checks import truth_value
from ..base.crossing import first_crossing
from ..base.values import brief, in_range
from ..model.model import ResourceModel
from ..results.trajectory import Trajectory
from ..solve.learning import learning_times
from .between_rows import crossing_bounds, rank_bounds
from .rows import warn_if_coarse
from .sources import checked_level, checked_run, numbers, refuse_for_run

# where the overlap sees a skill begin and complete, and what else counts as learned
ONSET, COMPLETION, HALF = 0.1, 0.9, 0.5
# times this close, in units of the last digit, are one time
TIED = 64


def domino_overlap(
    source: Given[ResourceModel | Trajectory] | Numbers,
    end_times: Numbers | None = None,
    *,
    mean: Given[bool] = False,
    tolerance: Numbers | None = None,
) -> Float[Array, "..."]:
    r"""How far skills overlap in time with the next one: -1/4 in the Domino limit, 1 when they are simultaneous.

    $$ \frac{t_k(0.9) - t_{k+1}(0.1)}{t_k(0.9) - t_k(0.1)} $$

    $k$ counts skills in the order of their onset $t(0.1)$ (of equal ones, the one that completes first comes first).
    In the Domino limit each skill rises linearly and alone, $t_k(\theta) = (k - 1 + \theta)/\eta$: the gap between a
    skill's 90% and the next one's 10% is a quarter of a rise. Values below -1/4 mean idle time in between.

    **Arguments:**

    - `source`: a model or a run, one or a batch; or `(*batch, skill)`, the times at level 0.1 (any unit), NaN where a
        skill is absent, `inf` where the level is never reached. Of a run, times are read between its rows, linearly in
        the level; [`resource_ode.observables.RowsTooCoarse`][] warns as for the efficiency.
    - `end_times`: beside times at level 0.1, those at level 0.9.

    **Other arguments:**

    - `mean`: average over the pairs of each member that are defined.
    - `tolerance`: of a model, that of [`resource_ode.learning_times`][].

    **Returns:** `(*batch, skill - 1)`, NaN for pairs of which either skill is absent or does not complete, or the
    first takes no time; with `mean`, `(*batch,)`, NaN if no pair is defined.

    **Raises:** `ValueError` for times of different shapes, or without a skill axis; for `end_times` beside a model or
    a run; for a tolerance beside a run or times.

    **Example:**

    >>> domino_overlap([0.1, 1.1, 2.1], [0.9, 1.9, 2.9]).round(6).tolist()
    [-0.25, -0.25]
    """
    mean = truth_value("mean", mean)
    if isinstance(source, ResourceModel | Trajectory):
        if end_times is not None:
            raise ValueError("end_times: expected none beside a model or a run, which has its own")
        if isinstance(source, Trajectory):
            refuse_for_run(tolerance=tolerance)
            starts, ends = (crossing_bounds(source, level) for level in (ONSET, COMPLETION))
            warn_if_coarse("domino_overlap", source, _overlap_error(starts, ends, mean))
            start, end = starts[0], ends[0]
        else:
            start, end = (learning_times(source, level, tolerance=tolerance) for level in (ONSET, COMPLETION))
    else:
        refuse_tolerance(tolerance)
        start, end = numbers("start_times", source), numbers("end_times", end_times)
    if start.shape != end.shape:
        raise ValueError(f"end_times: expected the shape of start_times, {start.shape}, got {end.shape}")
    return _domino_overlap(start, end, mean)


@programs.compiled
def _domino_overlap(start: Float[Array, "*batch skill"], end: Float[Array, "*batch skill"], mean: bool) -> Array:
    return _overlap_in(_order_of(start, end), start, end, mean)


def _order_of(start: Float[Array, "*batch skill"], end: Float[Array, "*batch skill"]) -> Int[Array, "*batch skill"]:
    # absent skills last, after those that never begin
    absent = jnp.isnan(start) | jnp.isnan(end)
    return jax.lax.stop_gradient(jnp.lexsort((end, start, absent), axis=-1))


def _overlap_in(order: Array, start: Array, end: Array, mean: bool) -> Array:
    start, end = (jnp.take_along_axis(times, order, axis=-1) for times in (start, end))
    done = jnp.isfinite(start) & jnp.isfinite(end)
    start, end = jnp.where(done, start, 0), jnp.where(done, end, 0)
    rise = (end - start)[..., :-1]
    defined = done[..., :-1] & done[..., 1:] & (rise > 0)
    overlap = (end[..., :-1] - start[..., 1:]) / jnp.where(defined, rise, 1)
    if not mean:
        return jnp.where(defined, overlap, jnp.nan)
    return _mean(overlap, defined)


@programs.compiled
def _overlap_error(starts: tuple[Array, Array, Array], ends: tuple[Array, Array, Array], mean: bool) -> Array:
    """How far overlaps may be off where each time lies between bounds; infinite where a skill may take no time, and for
    a mean of which the run shows only some pairs.
    """
    order = _order_of(starts[0], ends[0])
    value = _overlap_in(order, starts[0], ends[0], False)
    bounds = (jnp.take_along_axis(x, order, axis=-1) for x in (*starts[1:], *ends[1:]))
    bounds = [jnp.where(jnp.isnan(x), jnp.inf, x) for x in bounds]
    latest = bounds[-1]
    flat = (x.reshape((math.prod(latest.shape[:-1]), latest.shape[-1])) for x in bounds)
    # skills that begin too close for their order to be known may each stand for the others
    first, last, soonest, latest_of_all = (x.reshape(latest.shape) for x in jax.vmap(_of_groups)(*flat))

    def overlap(end: Array, start: Array, following: Array) -> Array:
        rise = (end - start)[..., :-1]
        known = (rise > 0) & jnp.isfinite(rise)
        return jnp.where(known, (end[..., :-1] - following[..., 1:]) / jnp.where(known, rise, 1), 1)

    highest = jnp.maximum(*(overlap(latest_of_all, start, first) for start in (first, last)))
    lowest = jnp.minimum(*(overlap(soonest, start, last) for start in (first, last)))
    error = jnp.maximum(jnp.minimum(highest, 1) - value, value - lowest)
    error = jnp.where((soonest > last)[..., :-1], error, jnp.where(jnp.isnan(value), jnp.nan, jnp.inf))
    if not mean:
        return error
    all_shown = jnp.all(jnp.isfinite(latest) | jnp.isnan(jnp.take_along_axis(ends[0], order, axis=-1)), axis=-1)
    return jnp.where(all_shown, _mean(error, ~jnp.isnan(error)), jnp.inf)


def _of_groups(first: Array, last: Array, soonest: Array, latest: Array) -> tuple[Array, Array, Array, Array]:
    """Bounds of the onset and the completion of each of a row of skills, spread to all that may begin in its place."""
    begins = jax.lax.cummax(last)[:-1] <= jax.lax.cummin(first, reverse=True)[1:]
    group = jnp.append(0, jnp.cumsum(begins))
    least, most = (
        lambda x, extreme=extreme: extreme(x, group, x.size, indices_are_sorted=True)[group]
        for extreme in (jax.ops.segment_min, jax.ops.segment_max)
    )
    return least(first), most(last), least(soonest), most(latest)


def depth_correlation(
    source: Given[ResourceModel | Trajectory] | Numbers,
    depth: Numbers | None = None,
    *,
    level: Numbers | None = None,
    tolerance: Numbers | None = None,
) -> Float[Array, "*batch"]:
    r"""Rank correlation (Spearman) of learning times with depth in the graph: 1 if deeper skills are always learned
    later.

    $$ \frac{\sum_i (R_i - \bar R)(Q_i - \bar Q)}{\sqrt{\sum_i (R_i - \bar R)^2 \sum_i (Q_i - \bar Q)^2}} $$

    with $R$ and $Q$ the ranks of times and depths, values that are equal (to rounding) sharing the average of their
    ranks. Skills that never reach the level share the last ranks. Its derivative is zero wherever it has one.

    **Arguments:**

    - `source`: a model or a run, one or a batch; or `(*batch, skill)`, learning times, NaN where a skill is absent. Of
        a run, times are read between its rows; [`resource_ode.observables.RowsTooCoarse`][] warns as for the
        efficiency.
    - `depth`: `(*batch, skill)`; beside a model or a run its own, `model.graph.depth`, unless given. Batch axes
        broadcast.

    **Other arguments** (of a model or a run): `level` of the learning times, a number in (0, 1), default 0.5;
    `tolerance` (of a model), that of [`resource_ode.learning_times`][].

    **Returns:** `(*batch,)`, in [-1, 1]; NaN where all depths or all times are equal.

    **Raises:** `ValueError` for shapes that do not broadcast, or without a skill axis; for a level or a tolerance
    beside times, or a tolerance beside a run.

    **Example:**

    >>> depth_correlation([10.0, 20.0, 30.0], [0, 1, 2]).round(6).item()
    1.0
    """
    if isinstance(source, ResourceModel | Trajectory):
        goal = checked_level(HALF if level is None else level)
        if isinstance(source, Trajectory):
            refuse_for_run(tolerance=tolerance)
            times, *bounds = crossing_bounds(source, goal)
        else:
            times, bounds = learning_times(source, goal, tolerance=tolerance), None
        if depth is None:
            depth = (source.model if isinstance(source, Trajectory) else source).graph.depth
    else:
        refuse_tolerance(tolerance)
        if level is not None:
            raise ValueError(f"level: only a model or a run takes it, since times are of one level; got {level!r}")
        times, bounds = numbers("times", source), None
    depth = numbers("depth", depth)
    if times.shape[-1] != depth.shape[-1]:
        raise ValueError(f"depth: expected one per skill ({times.shape[-1]}), got shape {depth.shape}")
    try:
        shape = np.broadcast_shapes(times.shape, depth.shape)
    except ValueError:
        raise ValueError(
            f"depth: expected batch axes that broadcast with those of times, got {depth.shape} and {times.shape}"
        ) from None
    depth = jnp.broadcast_to(depth, shape).astype(times.dtype)
    if bounds is not None and isinstance(source, Trajectory):
        found, least, most = (jnp.broadcast_to(x, shape) for x in (times, *bounds))
        error = _correlation_error(found, least, most, depth)
        warn_if_coarse("depth_correlation", source, error)
    return _rank_correlation(jnp.broadcast_to(times, shape), depth)


@programs.compiled
def _rank_correlation(
    times: Float[Array, "*batch skill"], depth: Float[Array, "*batch skill"]
) -> Float[Array, "*batch"]:
    first, second = _deviations(times, depth)
    scale = jnp.sum(first**2, axis=-1) * jnp.sum(second**2, axis=-1)
    value = jnp.sum(first * second, axis=-1) / jnp.sqrt(jnp.where(scale > 0, scale, 1))
    return jnp.where(scale > 0, jnp.clip(value, -1, 1), jnp.nan)


def _deviations(times: Array, depth: Array) -> list[Array]:
    """Ranks less their mean, of both; 0 where a skill is absent."""
    present = ~(jnp.isnan(times) | jnp.isnan(depth))
    ranks = (_ranks(jnp.where(present, values, jnp.nan)) for values in (times, depth))
    return [jnp.where(present, rank - _mean(rank, present)[..., None], 0) for rank in ranks]


@programs.compiled
def _correlation_error(times: Array, least: Array, most: Array, depth: Array) -> Float[Array, "*batch"]:
    """How far a rank correlation may be off where each time lies between bounds."""
    first, second = _deviations(times, depth)
    absent = jnp.isnan(times) | jnp.isnan(depth)
    lowest, highest = rank_bounds(*(jnp.where(absent, jnp.nan, x) for x in (least, most)))
    rank = _ranks(jnp.where(absent, jnp.nan, times))
    off = jnp.where(absent, 0, jnp.maximum(rank - lowest, highest - rank))
    found, change = jnp.sum(first * second, axis=-1), jnp.sum(off * jnp.abs(second), axis=-1)
    # the ranks of times that the run does not tell apart differ from one another
    count = jnp.sum(~absent, axis=-1).astype(times.dtype)
    squares, all_different = jnp.sum(first**2, axis=-1), count * (count**2 - 1) / 12
    scale, other = (jnp.sqrt(x * jnp.sum(second**2, axis=-1)) for x in (squares, all_different))
    known = (scale > 0) & (other > 0)
    value = jnp.where(known, found / jnp.where(known, scale, 1), 0)
    ends = [(found + sign * change) / jnp.where(known, by, 1) for sign in (-1, 1) for by in (scale, other)]
    wrong = jnp.max(jnp.stack([jnp.abs(jnp.clip(end, -1, 1) - value) for end in ends]), axis=0)
    return jnp.where(change == 0, 0, jnp.where(known, wrong, jnp.where(other > 0, jnp.inf, 0)))


def row_times(run: Given[Trajectory], level: Numbers) -> Float[Array, "*batch skill"]:
    """The first reported time at which each skill is at or above a level: learning times on the grid of a run.

    For discrete steps this is the learning time itself, in whole training steps; otherwise an upper bound of it, and
    [`resource_ode.learning_times`][] is exact.

    **Arguments:**

    - `run`: a run or a batch of runs.
    - `level`: a number below 1.

    **Returns:** `(*batch, skill)`, training steps; `inf` where the level is not reached within the run, NaN for absent
    skills and members that failed.

    **Raises:** `ValueError` for anything but a run.

    **Example:**

    >>> import resource_ode as ro
    >>> model = ro.ResourceModel(ro.SkillGraph([[]]), [1.0], learning_rate=0.25, wasted_resource=0.0)
    >>> row_times(ro.simulate(model, range(5), method="steps"), 0.5).tolist()
    [2.0]
    """
    reached = in_range("level", level, checked_run(run).ts.dtype)
    if reached.ndim:
        raise ValueError(f"level: expected one number, got shape {reached.shape}")
    found = run.level
    time = first_crossing(run.ts, found, reached, between_rows=False)
    return jnp.where(jnp.isnan(found[..., 0, :]), jnp.nan, time)


def _ranks(values: Float[Array, "*batch number"]) -> Float[Array, "*batch number"]:
    """Ranks from 1 on, values that are equal but for rounding sharing their average; NaN is behind all others."""
    beyond = 1 + TIED * float(jnp.finfo(values.dtype).eps)

    def one(values: Array) -> Array:
        ordered = jnp.sort(values)
        # skills that are alike are solved in different orders of the same operations
        first = jnp.append(jnp.ones(1, bool), ordered[1:] > beyond * ordered[:-1])
        alike = jax.lax.cummax(jnp.where(first, ordered, -jnp.inf))
        values = jnp.where(jnp.isnan(values), values, alike[jnp.searchsorted(ordered, values)])
        ordered = jnp.sort(values)
        below, upto = (jnp.searchsorted(ordered, values, side=side) for side in ("left", "right"))
        return (below + upto + 1).astype(values.dtype) / 2

    flat = jax.lax.stop_gradient(values).reshape((-1, values.shape[-1]))
    return jax.vmap(one)(flat).reshape(values.shape)


def _mean(values: Float[Array, "*batch number"], defined: Bool[Array, "*batch number"]) -> Float[Array, "*batch"]:
    count = jnp.sum(defined, axis=-1)
    total = jnp.sum(jnp.where(defined, values, 0), axis=-1)
    return jnp.where(count > 0, total / jnp.maximum(count, 1).astype(values.dtype), jnp.nan)


def refuse_tolerance(tolerance: Any) -> None:
    """**Raises:** `ValueError` for a tolerance beside times, which are used as they are."""
    if tolerance is not None:
        raise ValueError(f"tolerance: only a model takes it, since times are used as they are; got {brief(tolerance)}")
