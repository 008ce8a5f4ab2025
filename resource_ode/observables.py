r"""Numbers measured on a run: how many skills learn at once, how much is wasted, in which order things are learned.

Pure functions of a [`resource_ode.Trajectory`][] (one or a batch), of learning times, or of a model. Those of a run
also serve as, or inside, the `reduce` of [`resource_ode.simulate`][], where only their result is kept of each member:

    seriality = ro.simulate(model, ts, reduce=ro.observables.seriality)

Skills that only pad a batch are ignored, members that failed are NaN. All but the rank correlation and the row times
are differentiable wherever they are defined.

Source: Liu, Liu, Michaud, Gore, Tegmark, "Physics of Skill Learning" (2025) for shares, waste and the Domino picture;
the measures themselves are defined here.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Bool, Float

from .model.model import ResourceModel, Schedule
from .results.trajectory import RESULTS, Trajectory
from .solve.learning import learning_times

# -- how many skills learn at once


def participation_ratio(frequency: Any) -> Float[Array, "*batch"]:
    r"""How many skills a set of frequencies amounts to.

    $$ \frac{(\sum_i p_i)^2}{\sum_i p_i^2} $$

    It lies between 1 (one skill has everything) and $n$ (all alike), whatever the scale of the frequencies. It is the
    concurrency at $t = 0$ of independent skills.

    **Arguments:** `frequency`: `(*batch, skill)`, not negative, dimensionless; NaN where a skill is absent.

    **Returns:** `(*batch,)`; NaN where all are zero or absent.

    **Raises:** `ValueError` without a skill axis.

    **Example:**

    >>> participation_ratio([2.0, 2.0, 2.0]).item()
    3.0
    """
    frequency = _numbers("frequency", frequency)
    return _participation_of_present(frequency)


def concurrency(run: Trajectory) -> Float[Array, "*batch time"]:
    r"""How many skills learn at once.

    $$ \frac{1}{\sum_i q_i^2}, \qquad q_i = \frac{|r_i|}{\sum_j |r_j|} $$

    1 while a single skill takes all of what is not wasted, $n$ while all $n$ take the same. At $t = 0$ of independent
    skills it is the [`resource_ode.observables.participation_ratio`][] of their frequencies.

    **Arguments:** `run`: a run or a batch of runs. With pools, shares of all pools count alike.

    **Returns:** `(*batch, time)`, a number of skills; NaN at times when no skill takes anything (to rounding).

    **Raises:** `ValueError` for anything but a run.

    **Example:**

    >>> import resource_ode as ro
    >>> model = ro.ResourceModel(ro.SkillGraph([[], []]), [1.0, 3.0], learning_rate=1e-3, wasted_resource=1e-3)
    >>> round(float(concurrency(ro.simulate(model, [0.0]))[0]), 6)
    1.6
    """
    return _each(_concurrency, run)


def seriality(run: Trajectory) -> Float[Array, "*batch"]:
    r"""Inverse concurrency, averaged over the resource that was of use: 1 if skills are learned one at a time.

    $$ \frac{\int \sum_i q_i^2\, F\, d\tau}{\int F\, d\tau}, \qquad q_i = \frac{|r_i|}{\sum_j |r_j|} $$

    Limits: 1 for a single skill and for independent ones whose frequencies are far apart; $1/n$ for $n$ identical,
    independent skills.

    Weighed like this it knows nothing of time: in resource time neither $q_i$ nor $F$ depends on $N_0$ or $\eta$, so a
    run in which everything is learned has the same seriality whatever is wasted (prerequisites or not; not for "l2",
    pools or schedules). Of a run that stops early it is the seriality of what was learned until then.

    The integral is a trapezoid in the resource usefully spent, $G = \int F\, d\tau$, known exactly at every row: the
    sum of levels (MSE) or margins (cross entropy); with interference, a trapezoid of $\eta \sum_i |r_i|$ in training
    time. It spans the rows of the run, so that rows decide how fine it is: with steps $h$ of $G$ its error is of order
    $h^2$.

    **Arguments:** `run`: a run or a batch of runs, of at least two rows to be of use.

    **Returns:** `(*batch,)`, in (0, 1]; NaN if nothing was spent on skills between the first row and the last.

    **Raises:** `ValueError` for anything but a run.

    **Example:**

    >>> import resource_ode as ro
    >>> model = ro.ResourceModel(ro.SkillGraph([[], []]), [1.0, 1.0], learning_rate=1e-3, wasted_resource=1e-3)
    >>> round(float(seriality(ro.simulate(model, [0.0, 1000.0]))), 6)
    0.5
    """
    return _each(_seriality, run)


def _concurrency(run: Trajectory) -> Float[Array, " time"]:
    return _participation(_shares(run))


def _seriality(run: Trajectory) -> Float[Array, ""]:
    alone = 1 / _concurrency(run)
    # where nobody learns (the last row of a run without waste) the concurrency of the other end of the interval holds
    idle = jnp.isnan(alone)
    value = jnp.where(idle, 0, alone)
    ends = (~idle[:-1]).astype(value.dtype) + (~idle[1:]).astype(value.dtype)
    mean = (value[:-1] + value[1:]) / jnp.maximum(ends, 1)
    weight = jnp.where(ends > 0, _usefully_spent(run), 0)
    total = jnp.sum(weight)
    return jnp.where(total > 0, jnp.sum(mean * weight) / jnp.where(total > 0, total, 1), jnp.nan)


# -- what is wasted, and how fast it could have been


def total_waste(run: Trajectory) -> Float[Array, ...]:
    r"""Share of all the resource up to each time that was wasted.

    $$ \frac{N_0\, \tau(t)}{\eta\, t}, \qquad \frac{N_0}{F(0) + N_0} \text{ at } t = 0 $$

    the mean of `run.waste` over the training so far. With a schedule of $\eta$ the denominator is $\int \eta\, dt$;
    with one of $N_0$ the numerator is what the budget law leaves, $\int \eta\, dt - \sum_i s_i$.

    **Arguments:** `run`: a run or a batch of runs.

    **Returns:** `(*batch, time)`, dimensionless, in [0, 1]; with pools `(*batch, time, pool)`.

    **Raises:** `ValueError` for anything but a run, or for a schedule of `wasted_resource` where there is no budget
    law of the levels (interference, `competition="l2"`).

    **Example:**

    >>> import resource_ode as ro
    >>> model = ro.ResourceModel(ro.SkillGraph([[]]), [1.0], learning_rate=1e-3, wasted_resource=1.0)
    >>> total_waste(ro.simulate(model, [0.0, 1e6])).round(3).tolist()
    [0.5, 0.999]
    """
    model = _checked(run).model
    if isinstance(model.wasted_resource, Schedule) and (model.interference is not None or model.competition != "l1"):
        raise ValueError(
            "run: expected a constant wasted_resource with interference or competition l2, where no budget law of the "
            "levels tells what was wasted, got a schedule"
        )
    return _each(_total_waste, run)


def _total_waste(run: Trajectory) -> Float[Array, ...]:
    model, pools = run.model, run.model.pool is not None
    clock = run.clock if pools else run.clock[:, None]
    start = jnp.zeros(model.skills, model.dtype) if run.kind == "exposure" else model.initial_direct()
    competing = (model.competitiveness if run.kind == "exposure" else model.direct_competitiveness)(start)
    first = jnp.broadcast_to(model.shares(competing, model.waste_at())[1], clock.shape)
    budget = _budget(run)
    if isinstance(model.wasted_resource, Schedule):
        wasted = budget - jax.vmap(model.by_pool)(_gained(run))
    else:
        waste = jnp.broadcast_to(model.waste_at(), clock.shape)
        wasted = jnp.where(waste > 0, waste * jnp.where(waste > 0, clock, 0), 0)
    share = jnp.clip(wasted / jnp.where(budget > 0, budget, 1), 0, 1)
    share = jnp.where(jnp.isnan(clock), jnp.nan, jnp.where(budget > 0, share, first))
    return share if pools else share[:, 0]


def efficiency(model: ResourceModel, level: float = 0.95, *, times: Any = None) -> Float[Array, "*batch"]:
    r"""How near the last skill comes to the speed limit of the budget law.

    $$ \frac{n\, \theta}{\eta\, t_\mathrm{last}(\theta)} \in (0, 1] $$

    For cross entropy $n$ margins $2\,\mathrm{artanh}\,\theta$ stand in place of $n\theta$; a skill that starts at some
    level needs only the rest. With pools, the limit is that of the pool that needs the most time at full use. With a
    schedule of $\eta$ its integral stands below. Only `competition="l1"` without interference has this speed limit:
    elsewhere the ratio may exceed 1.

    **Arguments:**

    - `model`: a [`resource_ode.ResourceModel`][] or a batch.
    - `level`: $\theta$, a number in (0, 1).

    **Other arguments:**

    - `times`: `(*batch, skill)`, the learning times at `level`, training steps, if they are known already.

    **Returns:** `(*batch,)`; 0 if a skill never reaches the level, NaN if all start there.

    **Raises:** `ValueError` for anything but a model, a level outside (0, 1), or times of another shape.

    **Example:** two equal skills, nothing wasted: each step is of use until both are there.

    >>> import resource_ode as ro
    >>> model = ro.ResourceModel(ro.SkillGraph([[], []]), [1.0, 1.0], learning_rate=1e-3, wasted_resource=0.0)
    >>> round(float(efficiency(model, 0.9)), 6)
    1.0
    """
    if not isinstance(model, ResourceModel):
        raise ValueError(f"model: expected a ResourceModel, got {type(model).__name__}")
    _check_level(level)
    times = learning_times(model, level) if times is None else jnp.asarray(times, model.dtype)
    shape = model.batch_shape
    if times.shape != (*shape, model.skills):
        raise ValueError(f"times: expected learning times of shape {(*shape, model.skills)}, got {times.shape}")

    flat = times.reshape((int(np.prod(shape)), model.skills))
    return _efficiency(model.flat(), flat, jnp.asarray(level, model.dtype)).reshape(shape)


@eqx.filter_jit
def _efficiency(
    models: ResourceModel, times: Float[Array, "member skill"], level: Float[Array, ""]
) -> Float[Array, " member"]:
    def one(model: ResourceModel, times: Array) -> Array:
        present = model.graph.present
        start = model.initial_effort()
        goal = model.law.effort_at(jnp.broadcast_to(level, start.shape))
        needed = jnp.where(present & (goal > start), model.law.progress(goal) - model.law.progress(start), 0)
        last = jnp.max(jnp.where(present, times, 0))
        ended = jnp.isfinite(last) & (last > 0)
        budget = _spent_by(model, jnp.where(ended, last, 1))
        ratio = jnp.max(model.by_pool(needed) / jnp.where(budget > 0, budget, 1))
        return jnp.where(ended, ratio, jnp.where(last > 0, 0, jnp.nan))

    return jax.vmap(one)(models, times)


# -- in which order


def domino_overlap(start_times: Any, end_times: Any, *, mean: bool = False) -> Float[Array, ...]:
    r"""How far skills overlap in time with the next one: -1/4 in the Domino limit, 1 when they are simultaneous.

    $$ \frac{t_k(0.9) - t_{k+1}(0.1)}{t_k(0.9) - t_k(0.1)} $$

    $k$ counts skills in the order of their onset $t(0.1)$ (of equal ones, the one that completes first comes first).
    In the Domino limit each skill rises linearly and alone, $t_k(\theta) = (k - 1 + \theta)/\eta$: the gap between a
    skill's 90% and the next one's 10% is a quarter of a rise. Values below -1/4 mean idle time in between.

    **Arguments:**

    - `start_times`, `end_times`: `(*batch, skill)`, learning times at levels 0.1 and 0.9 (any unit); NaN where a skill
        is absent, `inf` where a level is never reached.
    - `mean`: average over the pairs of each member that are defined.

    **Returns:** `(*batch, skill - 1)`, NaN for pairs of which either skill is absent or does not complete, or the
    first takes no time; with `mean`, `(*batch,)`, NaN if no pair is defined.

    **Raises:** `ValueError` for times of different shapes, or without a skill axis.

    **Example:**

    >>> domino_overlap([0.1, 1.1, 2.1], [0.9, 1.9, 2.9]).round(6).tolist()
    [-0.25, -0.25]
    """
    start, end = _numbers("start_times", start_times), _numbers("end_times", end_times)
    if start.shape != end.shape:
        raise ValueError(f"end_times: expected the shape of start_times, {start.shape}, got {end.shape}")
    return _domino_overlap(start, end, mean)


@functools.partial(jax.jit, static_argnums=2)
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


def depth_correlation(times: Any, depth: Any) -> Float[Array, "*batch"]:
    r"""Rank correlation (Spearman) of learning times with depth in the graph: 1 if deeper skills are always learned
    later.

    $$ \frac{\sum_i (R_i - \bar R)(Q_i - \bar Q)}{\sqrt{\sum_i (R_i - \bar R)^2 \sum_i (Q_i - \bar Q)^2}} $$

    with $R$ and $Q$ the ranks of times and depths, equal values sharing the average of their ranks. Skills that never
    reach the level share the last ranks. Its derivative is zero wherever it has one.

    **Arguments:**

    - `times`: `(*batch, skill)`, learning times; NaN where a skill is absent.
    - `depth`: `(*batch, skill)`, usually `model.graph.depth`; batch axes broadcast.

    **Returns:** `(*batch,)`, in [-1, 1]; NaN where all depths or all times are equal.

    **Raises:** `ValueError` for shapes that do not broadcast, or without a skill axis.

    **Example:**

    >>> depth_correlation([10.0, 20.0, 30.0], [0, 1, 2]).round(6).item()
    1.0
    """
    times, depth = _numbers("times", times), _numbers("depth", depth)
    if times.shape[-1] != depth.shape[-1]:
        raise ValueError(f"depth: expected one a skill ({times.shape[-1]}), got shape {depth.shape}")
    try:
        shape = np.broadcast_shapes(times.shape, depth.shape)
    except ValueError:
        raise ValueError(
            f"depth: expected batch axes that broadcast with those of times, got {depth.shape} and {times.shape}"
        ) from None
    return _rank_correlation(jnp.broadcast_to(times, shape), jnp.broadcast_to(depth, shape).astype(times.dtype))


@jax.jit
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


def row_times(run: Trajectory, level: float) -> Float[Array, "*batch skill"]:
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
    reached = jnp.asarray(level, _checked(run).ts.dtype)
    found = run.level
    above = found >= reached
    time = jnp.where(jnp.any(above, axis=-2), run.ts[jnp.argmax(above, axis=-2)], jnp.inf)
    return jnp.where(jnp.isnan(found[..., 0, :]), jnp.nan, time)


# -- how fast the loss falls


def loss_exponent(run: Trajectory) -> Float[Array, "*batch time"]:
    r"""The local exponent of the loss: what a power law $L \propto t^{-\gamma}$ would have for $\gamma$ just here.

    $$ -\frac{d\log L}{d\log t} = \frac{t}{L}\, \eta \sum_i p_i\, \phi_i\, (C r)_i, \qquad
    \phi_i = 2 u_i \text{ (MSE)}, \quad \sigma(-l_i) \text{ (cross entropy)} $$

    ($C$ the interference, if any), the exact derivative at each row, not a difference of rows. Where a schedule or a
    self-paced skill changes the frequencies, the loss jumps; this is its slope between jumps.

    Limits for $p_k \propto k^{-\alpha}$ and many skills: $\alpha - 1$ while little is wasted (Domino), $(\alpha -
    1)/\alpha$ once waste dominates (quanta).

    **Arguments:** `run`: a run or a batch of runs.

    **Returns:** `(*batch, time)`, dimensionless; 0 at $t = 0$, NaN where the loss is zero (to rounding).

    **Raises:** `ValueError` for anything but a run.

    **Example:**

    >>> import resource_ode as ro
    >>> model = ro.ResourceModel(ro.SkillGraph([[]]), [1.0], learning_rate=1e-3, wasted_resource=1e-9)
    >>> loss_exponent(ro.simulate(model, [0.0, 500.0])).round(3).tolist()  # u = 1 - t/1000
    [0.0, 2.0]
    """
    return _each(_loss_exponent, run)


def _loss_exponent(run: Trajectory) -> Float[Array, " time"]:
    model, law = run.model, run.model.law

    def fall(state: Array, share: Array, time: Array) -> Array:
        if run.kind == "exposure":
            demand, pace = law.demand(model.effort(state)), model.pace(state, time)
        else:
            demand, pace = law.direct_demand(state), model.direct_pace(state, time)
        change = share if model.interference is None else model.interference @ share
        slope = demand * (2 if model.loss == "mse" else 1)
        return jnp.sum(pace * slope * model.of_pool(model.learning_rate_at(time)) * change)

    loss = run.loss
    some = ~(loss <= _least(loss.dtype))
    scale = jax.lax.stop_gradient(jnp.where(some, loss, 1))
    falls = jax.vmap(fall)(run.state, _signed_shares(run), run.ts)
    value = run.ts * (falls / scale) / jnp.where(some, loss / scale, 1)
    return jnp.where(some, value, jnp.nan)


# -- parts


def _checked(run: Any) -> Trajectory:
    if not isinstance(run, Trajectory):
        raise ValueError(f"run: expected a Trajectory, as simulate returns it, got {type(run).__name__}")
    return run


def _each(measure: Callable[[Trajectory], Array], run: Trajectory) -> Array:
    """A measure of one member, of all members: compiled once for each shape, whatever the names."""
    shape = _checked(run).batch_shape
    state, clock = (x.reshape((int(np.prod(shape)), *x.shape[len(shape) :])) for x in (run.state, run.clock))
    values = _of_members(measure, run.kind, run.model.flat(), run.ts, state, clock)
    return values.reshape(shape + values.shape[1:])


@eqx.filter_jit
def _of_members(
    measure: Callable[[Trajectory], Array], kind: Any, models: ResourceModel, ts: Array, state: Array, clock: Array
) -> Array:
    def one(model: ResourceModel, state: Array, clock: Array) -> Array:
        # zeros for the states of absent skills, and no infinite ones, so that no NaN enters a derivative
        known = jnp.where(jnp.broadcast_to(model.graph.present, state.shape), state, 0)
        known = jnp.where(jnp.isinf(known), float(jnp.finfo(known.dtype).max) ** 0.5, known)
        return measure(Trajectory(ts, known, clock, None, RESULTS.successful, model, kind, ""))

    return jax.vmap(one)(models, state, clock)


# What follows is of one member. Its absent skills have taken and learned nothing.


def _signed_shares(run: Trajectory) -> Float[Array, "time skill"]:
    """Shares whose derivatives stay finite however little competes (those of `run.share` overflow)."""
    model = run.model

    def at_one_time(state: Array, time: Array) -> Array:
        competing = (model.competitiveness if run.kind == "exposure" else model.direct_competitiveness)(state, time)
        total = model.of_pool(model.denominator(competing, model.waste_at(time)))
        some = ~(total <= _least(total.dtype))
        scale = jax.lax.stop_gradient(jnp.where(some, total, 1))
        return jnp.where(some, (competing / scale) / jnp.where(some, total / scale, 1), 0)

    return jax.vmap(at_one_time)(run.state, run.ts)


def _shares(run: Trajectory) -> Float[Array, "time skill"]:
    return jnp.abs(_signed_shares(run))


def _gained(run: Trajectory) -> Float[Array, "time skill"]:
    """Progress of each skill since the start."""
    model, law = run.model, run.model.law

    def at_one_time(state: Array) -> Array:
        if run.kind == "exposure":
            gained = model.gained(state)
        else:
            gained = law.direct_progress(state) - law.direct_progress(model.initial_direct())
        return jnp.where(model.graph.present, gained, 0)

    return jax.vmap(at_one_time)(run.state)


def _budget(run: Trajectory) -> Float[Array, "time pool"]:
    return jax.vmap(lambda time: _spent_by(run.model, time))(run.ts)


def _spent_by(model: ResourceModel, time: Float[Array, ""]) -> Float[Array, " pool"]:
    r"""$\int_0^t \eta\, dt$, all of the resource up to a time."""
    rate = model.learning_rate
    if not isinstance(rate, Schedule):
        return jnp.broadcast_to(rate, (model.pools,)) * time
    ends = jnp.append(rate.times[1:], jnp.asarray(jnp.inf, rate.times.dtype))
    spans = jnp.clip(jnp.minimum(ends, time) - rate.times, 0)
    return jnp.broadcast_to(jnp.sum(rate.values * spans), (model.pools,))


def _usefully_spent(run: Trajectory) -> Float[Array, " interval"]:
    r"""$\int F\, d\tau$ between neighbouring rows (with interference, of $\sum |f|$)."""
    if run.model.interference is None:
        return jnp.diff(jnp.sum(_gained(run), axis=1))
    budget = jnp.diff(jax.vmap(run.model.of_pool)(_budget(run)), axis=0)
    share = _shares(run)
    return jnp.sum((share[:-1] + share[1:]) / 2 * budget, axis=1)


@jax.jit
def _participation_of_present(values: Float[Array, "*batch number"]) -> Float[Array, "*batch"]:
    return _participation(jnp.where(jnp.isnan(values), 0, values))


def _participation(values: Float[Array, "*batch number"]) -> Float[Array, "*batch"]:
    """One over the sum of squares of the normalised values (not negative), NaN if all are zero (to rounding)."""
    # its scale does not matter, so it is taken out, constant: squares under- and overflow long before their ratio does
    largest = jax.lax.stop_gradient(jnp.max(values, axis=-1, keepdims=True))
    some = ~(largest <= _least(values.dtype))
    scaled = jnp.where(some, values / jnp.where(some, largest, 1), 1)
    ratio = jnp.sum(scaled, axis=-1) ** 2 / jnp.sum(scaled**2, axis=-1)
    return jnp.where(some[..., 0], ratio, jnp.nan)


def _least(dtype: Any) -> float:
    """What is no larger counts as zero: there would be no room left for the reciprocals in derivatives."""
    return float(jnp.finfo(dtype).tiny) / float(jnp.finfo(dtype).eps)


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


def _numbers(name: str, values: Any) -> Float[Array, "*batch skill"]:
    try:
        array = jnp.asarray(values)
    except (TypeError, ValueError):
        raise ValueError(f"{name}: expected numbers, one a skill, got {values!r:.80}") from None
    if array.ndim == 0 or array.shape[-1] == 0:
        raise ValueError(f"{name}: expected shape (*batch, skill) with at least one skill, got {array.shape}")
    return array if jnp.issubdtype(array.dtype, jnp.floating) else array.astype(float)


def _check_level(level: Any) -> None:
    if not isinstance(level, Tracer) and not (np.ndim(level) == 0 and 0 < float(level) < 1):
        raise ValueError(f"level: expected a number between 0 and 1, got {level!r}")
