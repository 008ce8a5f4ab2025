"""What is wasted, and how fast it could have been."""

from __future__ import annotations

import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..base import programs
from ..base.annotations import Numbers
from ..base.largest import largest
from ..base.lost import nan_unless
from ..base.tracing import is_concrete
from ..base.values import plain
from ..model.model import ResourceModel
from ..model.schedule import Schedule
from ..results.outcome import RESULTS
from ..results.trajectory import Trajectory
from ..solve.cascade.rates import steady
from ..solve.choose import cascade_obstacle
from ..solve.learning import horizon, learning_times
from ..solve.modes import modes_obstacle
from ..solve.simulation import simulate
from .between_rows import crossing_bounds
from .resource_time import obstacle, until_level
from .rows import budget, each_member, gained, spent_by, warn_if_coarse
from .sources import LAST_LEVEL, check_tolerance, checked_level, checked_source, profile_of, refuse_for_run


def total_waste(
    source: ResourceModel | Trajectory,
    *,
    level: Numbers | None = None,
    ts: Numbers | None = None,
    tolerance: Numbers | None = None,
) -> Float[Array, "..."]:
    r"""Share of all the resource up to a time that is wasted.

    $$ \frac{N_0\, \tau(t)}{\eta\, t}, \qquad \frac{N_0}{F(0) + N_0} \text{ at } t = 0 $$

    *Of a model* up to the time at which the last skill reaches a `level`, $N_0\tau/(\sum_i s_i + N_0\tau)$ by the
    clock, or up to each of the times `ts`. *Of a run* up to each row, exact there: the mean of `run.waste` over the
    training so far. With a schedule of $\eta$ the denominator is $\int \eta\, dt$; with one of $N_0$ the numerator is
    what the budget law leaves, $\int \eta\, dt - \sum_i s_i$.

    **Arguments:** `source`: a model or a run, one or a batch.

    **Other arguments** (of a model):

    - `level`: until the last skill reaches it, a number in (0, 1); default 0.95. Not together with `ts`.
    - `ts`: `(time,)`, training steps.
    - `tolerance`: bound of the estimated error; default 1e-6 in float64, 1e-4 in float32.

    **Returns:** dimensionless, in [0, 1]: `(*batch,)` until a level, `(*batch, time)` at times or rows; with pools a
    last axis `pool`. NaN where the level is never reached.

    **Raises:** `ValueError` for anything but a model or a run, for `level`, `ts` or `tolerance` beside a run, or for a
    schedule of `wasted_resource` where there is no budget law of the levels (interference, `competition="l2"`).

    **Example:**

    >>> import resource_ode as ro
    >>> model = ro.ResourceModel(ro.SkillGraph([[]]), [1.0], learning_rate=1e-3, wasted_resource=1.0)
    >>> round(float(total_waste(model)), 3), round(float(total_waste(model, ts=[1e6])[0]), 3)
    (0.759, 0.999)
    """
    source = checked_source(source)
    model = source.model if isinstance(source, Trajectory) else source
    lawless = model.interference is not None or not model.rule.has_budget_law
    if isinstance(model.wasted_resource, Schedule) and lawless:
        raise ValueError(
            "source: expected a constant wasted_resource with interference or competition l2, where no budget law of "
            "the levels tells what was wasted, got a schedule"
        )
    if isinstance(source, Trajectory):
        refuse_for_run(level=level, ts=ts, tolerance=tolerance)
        return each_member(_total_waste, source)
    check_tolerance(tolerance)
    if ts is not None:
        if level is not None:
            raise ValueError("ts: expected times or a level, got both")
        return each_member(_total_waste, profile_of(source, ts, tolerance))
    goal = checked_level(LAST_LEVEL if level is None else level)
    waste = source.wasted_resource
    if obstacle(source) is not None or isinstance(waste, Schedule):
        return _waste_by_run(source, goal, tolerance)
    found = until_level("total_waste", source, goal, tolerance)
    wasted = jnp.broadcast_to(waste, found.clock.shape) * found.clock
    if source.rule.has_budget_law:
        spent = found.learned + wasted
    else:
        source = steady(source)
        rate: Any = source.learning_rate
        spent = jnp.broadcast_to(rate, found.clock.shape) * horizon(source, goal)
    return jnp.where(found.clock == 0, _wasted_at_first(source), wasted / jnp.where(spent == 0, 1, spent))


def _waste_by_run(model: ResourceModel, level: Any, tolerance: Any) -> Float[Array, "..."]:
    """At the horizon of each member, from a run with this row alone."""
    ends = horizon(model, level)
    shape = model.batch_shape
    flat, ends = model.flat(), ends.reshape((int(np.prod(shape)),))
    # what a transformation would leave to the ODE, which takes many times as long, and nothing without waste
    alone = is_concrete(model, ends, tolerance) and (cascade_obstacle(model) is None or modes_obstacle(model) is None)
    if alone and (model.pool is not None or model.interference is not None):
        found = jnp.stack([_waste_of_one(flat[k], end, tolerance) for k, end in enumerate(ends)])
    else:
        found = _waste_at(flat, ends, tolerance)
    if is_concrete(found):
        lost = int(np.isnan(np.asarray(found)).reshape((len(found), -1)).any(axis=1).sum())
        if lost:
            warnings.warn(
                f"total_waste: {lost} of {len(found)} members are NaN, since the last skill never reaches the level or "
                "the run until then failed",
                stacklevel=3,
            )
    return found.reshape(shape + found.shape[1:])


def _waste_of_one(model: ResourceModel, end: Array, tolerance: Any) -> Array:
    some = jnp.isfinite(end)
    run = simulate(model, jnp.where(some, end, 1)[None], tolerance=tolerance)
    return nan_unless(some & (run.result == RESULTS.successful), each_member(_total_waste, run)[0])


@programs.compiled
def _waste_at(models: ResourceModel, ends: Float[Array, " member"], tolerance: Any) -> Array:
    return jax.vmap(lambda model, end: _waste_of_one(model, end, tolerance))(models, ends)


def _wasted_at_first(model: ResourceModel) -> Float[Array, "*batch"]:
    """The share that is wasted at $t = 0$."""
    first = jax.vmap(lambda one: one.shares(one.competitiveness(jnp.zeros_like(one.rate())), one.waste_at())[1][0])
    return first(model.flat()).reshape(model.batch_shape)


def _total_waste(run: Trajectory) -> Float[Array, ...]:
    model, pools = run.model, run.model.pool is not None
    clock = run.clock if pools else run.clock[:, None]
    start = jnp.zeros(model.skills, model.dtype) if run.kind == "exposure" else model.initial_direct()
    competing = (model.competitiveness if run.kind == "exposure" else model.direct_competitiveness)(start)
    first = jnp.broadcast_to(model.shares(competing, model.waste_at())[1], clock.shape)
    total = budget(run)
    if isinstance(model.wasted_resource, Schedule):
        wasted = total - jax.vmap(model.by_pool)(gained(run))
    else:
        waste = jnp.broadcast_to(model.waste_at(), clock.shape)
        wasted = jnp.where(waste > 0, waste * jnp.where(waste > 0, clock, 0), 0)
    share = jnp.clip(wasted / jnp.where(total > 0, total, 1), 0, 1)
    share = jnp.where(jnp.isnan(clock), jnp.nan, jnp.where(total > 0, share, first))
    return share if pools else share[:, 0]


def efficiency(
    source: ResourceModel | Trajectory,
    level: Numbers = LAST_LEVEL,
    *,
    times: Numbers | None = None,
    tolerance: Numbers | None = None,
) -> Float[Array, "*batch"]:
    r"""How near the last skill comes to the speed limit of the budget law.

    $$ \frac{n\, \theta}{\eta\, t_\mathrm{last}(\theta)} \in (0, 1] $$

    For cross entropy $n$ margins $2\,\mathrm{artanh}\,\theta$ stand in place of $n\theta$; a skill that starts at some
    level needs only the rest. With pools, the limit is that of the pool that needs the most time at full use. With a
    schedule of $\eta$ its integral stands below. Only `competition="l1"` without interference has this speed limit:
    elsewhere the ratio may exceed 1.

    **Arguments:**

    - `source`: a model or a run, one or a batch. Of a run, times are read between its rows, linearly in the level:
        where they leave more than 0.01 unknown, also because the run ends before the last skill is there, a
        [`resource_ode.observables.RowsTooCoarse`][] warning says so.
    - `level`: $\theta$, a number in (0, 1).

    **Other arguments:**

    - `times`: `(*batch, skill)`, the learning times at `level`, training steps, if they are known already.
    - `tolerance`: of a model, that of [`resource_ode.learning_times`][].

    **Returns:** `(*batch,)`; 0 if a skill never reaches the level (of a run: within it), NaN if all start there.

    **Raises:** `ValueError` for anything but a model or a run, a level outside (0, 1), times of another shape, or a
    tolerance beside a run or beside times.

    **Example:** two equal skills, nothing wasted: each step is of use until both are there.

    >>> import resource_ode as ro
    >>> model = ro.ResourceModel(ro.SkillGraph([[], []]), [1.0, 1.0], learning_rate=1e-3, wasted_resource=0.0)
    >>> round(float(efficiency(model, 0.9)), 6)
    1.0
    """
    source = checked_source(source)
    level = checked_level(level)
    model = source.model if isinstance(source, Trajectory) else source
    if times is not None and tolerance is not None:
        raise ValueError("tolerance: expected none beside times, which are used as they are")
    if times is not None:
        times = jnp.asarray(plain("times", times), model.dtype)
    elif isinstance(source, Trajectory):
        refuse_for_run(tolerance=tolerance)
        times, *bounds = crossing_bounds(source, level)
        lowest, highest = (efficiency(model, level, times=x) for x in reversed(bounds))
        value = efficiency(model, level, times=times)
        # the speed limit; also where the last skill may be there from the start
        limit = 1.0 if model.rule.has_budget_law and model.interference is None else jnp.inf
        highest = jnp.where(jnp.isnan(highest), limit, jnp.minimum(highest, limit))
        warn_if_coarse("efficiency", source, jnp.maximum(value - lowest, highest - value))
        return value
    else:
        times = learning_times(model, level, tolerance=tolerance)
    shape = model.batch_shape
    if times.shape != (*shape, model.skills):
        raise ValueError(f"times: expected learning times of shape {(*shape, model.skills)}, got {times.shape}")

    flat = times.reshape((int(np.prod(shape)), model.skills))
    return _efficiency(model.flat(), flat, jnp.asarray(level, model.dtype)).reshape(shape)


@programs.compiled
def _efficiency(
    models: ResourceModel, times: Float[Array, "member skill"], level: Float[Array, ""]
) -> Float[Array, " member"]:
    def one(model: ResourceModel, times: Array) -> Array:
        present = model.graph.present
        start = model.initial_effort()
        goal = model.law.effort_at(jnp.broadcast_to(level, start.shape))
        needed = jnp.where(present & (goal > start), model.law.progress(goal) - model.law.progress(start), 0)
        last = largest(times, present, 0)
        ended = jnp.isfinite(last) & (last > 0)
        available = spent_by(model, jnp.where(ended, last, 1))
        each = model.by_pool(needed) / jnp.where(available > 0, available, 1)
        ratio = largest(each, jnp.ones(each.shape, bool), 0)
        return jnp.where(ended, ratio, jnp.where(last > 0, 0, jnp.nan))

    return jax.vmap(one)(models, times)
