"""In which order skills are learned."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from ..base import programs
from ..base.annotations import Given, Numbers
from ..base.checks import truth_value
from ..base.crossing import first_crossing
from ..base.values import brief, in_range
from ..model.model import ResourceModel
from ..results.trajectory import Trajectory
from ..solve.learning import learning_times
from .rows import crossing_times, rows_error, warn_if_coarse
from .sources import check_level, checked_run, numbers, refuse_for_run

# where the overlap sees a skill begin and complete, and what else counts as learned
ONSET, COMPLETION, HALF = 0.1, 0.9, 0.5


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
        start, end = (times_of(source, level, tolerance) for level in (ONSET, COMPLETION))
        if isinstance(source, Trajectory):
            error = rows_error(source, lambda run: domino_overlap(*_crossings(run), mean=mean))
            warn_if_coarse("domino_overlap", source, error)
    else:
        refuse_tolerance(tolerance)
        start, end = numbers("start_times", source), numbers("end_times", end_times)
    if start.shape != end.shape:
        raise ValueError(f"end_times: expected the shape of start_times, {start.shape}, got {end.shape}")
    return _domino_overlap(start, end, mean)


def _crossings(run: Trajectory) -> tuple[Array, Array]:
    return crossing_times(run, ONSET), crossing_times(run, COMPLETION)


@programs.compiled
def _domino_overlap(start: Float[Array, "*batch skill"], end: Float[Array, "*batch skill"], mean: bool) -> Array:
    # absent skills last, after those that never begin
    absent = jnp.isnan(start) | jnp.isnan(end)
    order = jax.lax.stop_gradient(jnp.lexsort((end, start, absent), axis=-1))
    start, end = (jnp.take_along_axis(times, order, axis=-1) for times in (start, end))
    done = jnp.isfinite(start) & jnp.isfinite(end)
    start, end = jnp.where(done, start, 0), jnp.where(done, end, 0)
    rise = (end - start)[..., :-1]
    defined = done[..., :-1] & done[..., 1:] & (rise > 0)
    overlap = (end[..., :-1] - start[..., 1:]) / jnp.where(defined, rise, 1)
    if not mean:
        return jnp.where(defined, overlap, jnp.nan)
    return _mean(overlap, defined)


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

    with $R$ and $Q$ the ranks of times and depths, equal values sharing the average of their ranks. Skills that never
    reach the level share the last ranks. Its derivative is zero wherever it has one.

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
        level = HALF if level is None else level
        check_level(level)
        times = times_of(source, level, tolerance)
        if depth is None:
            depth = (source.model if isinstance(source, Trajectory) else source).graph.depth
        if isinstance(source, Trajectory):
            error = rows_error(source, lambda run: depth_correlation(crossing_times(run, level), depth))
            warn_if_coarse("depth_correlation", source, error)
    else:
        refuse_tolerance(tolerance)
        if level is not None:
            raise ValueError(f"level: only a model or a run takes it, since times are of one level; got {level!r}")
        times = numbers("times", source)
    depth = numbers("depth", depth)
    if times.shape[-1] != depth.shape[-1]:
        raise ValueError(f"depth: expected one per skill ({times.shape[-1]}), got shape {depth.shape}")
    try:
        shape = np.broadcast_shapes(times.shape, depth.shape)
    except ValueError:
        raise ValueError(
            f"depth: expected batch axes that broadcast with those of times, got {depth.shape} and {times.shape}"
        ) from None
    return _rank_correlation(jnp.broadcast_to(times, shape), jnp.broadcast_to(depth, shape).astype(times.dtype))


@programs.compiled
def _rank_correlation(
    times: Float[Array, "*batch skill"], depth: Float[Array, "*batch skill"]
) -> Float[Array, "*batch"]:
    absent = jnp.isnan(times) | jnp.isnan(depth)

    def deviations(values: Array) -> Array:
        rank = _ranks(jnp.where(absent, jnp.nan, values))
        present = ~absent
        center = _mean(rank, present)
        return jnp.where(present, rank - center[..., None], 0)

    first, second = deviations(times), deviations(depth)
    scale = jnp.sum(first**2, axis=-1) * jnp.sum(second**2, axis=-1)
    value = jnp.sum(first * second, axis=-1) / jnp.sqrt(jnp.where(scale > 0, scale, 1))
    return jnp.where(scale > 0, jnp.clip(value, -1, 1), jnp.nan)


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
    """Ranks from 1 on, equal values sharing their average; NaN is behind all others."""

    def one(values: Array) -> Array:
        ordered = jnp.sort(values)
        below, upto = (jnp.searchsorted(ordered, values, side=side) for side in ("left", "right"))
        return (below + upto + 1).astype(values.dtype) / 2

    flat = jax.lax.stop_gradient(values).reshape((-1, values.shape[-1]))
    return jax.vmap(one)(flat).reshape(values.shape)


def _mean(values: Float[Array, "*batch number"], defined: Bool[Array, "*batch number"]) -> Float[Array, "*batch"]:
    count = jnp.sum(defined, axis=-1)
    total = jnp.sum(jnp.where(defined, values, 0), axis=-1)
    return jnp.where(count > 0, total / jnp.maximum(count, 1).astype(values.dtype), jnp.nan)


def times_of(source: Given[ResourceModel | Trajectory], level: Any, tolerance: Any) -> Float[Array, "*batch skill"]:
    """When each skill reaches a level: of a model exactly, of a run between its rows."""
    if isinstance(source, Trajectory):
        refuse_for_run(tolerance=tolerance)
        return crossing_times(source, level)
    return learning_times(source, level, tolerance=tolerance)


def refuse_tolerance(tolerance: Any) -> None:
    """**Raises:** `ValueError` for a tolerance beside times, which are used as they are."""
    if tolerance is not None:
        raise ValueError(f"tolerance: only a model takes it, since times are used as they are; got {brief(tolerance)}")
