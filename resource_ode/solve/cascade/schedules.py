r"""Schedules of frequency and wasted resource, by cascades: one for each piece, on from where the last one ended.

From training step $T_k$ on frequencies, $\eta$ and $N_0$ are constant again, so that what follows is a cascade whose
skills start at the efforts that they have by then. What goes wrong in one piece is carried into the next, so that the
estimates of single solves do not tell: all is solved twice, at tolerances far apart, and the difference has to be
within the one asked for. Where only rate and waste change all pieces share one cascade: `schedule_clocks`.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ...base import programs
from ...base.devices import refuse_over_devices
from ...base.lost import nan_unless
from ...base.tracing import is_concrete
from ...model.model import ResourceModel
from ...model.schedule import Schedule
from ...native import calls
from ...results.outcome import result_names, results_from_codes
from ...results.trajectory import Trajectory, budget
from ..ode import keeps_spent
from ..tolerance import FLOORS
from . import schedule_clocks, traced
from .begun import begun
from .schedule_pieces import Members, Pieces, Plan, Stand, effort_of, pieces_of, starts_of

# pieces from which on the general solver takes less time
MOST_PIECES = 64
# how much more accurate than asked for the two solves are
ROUGH, FINE = 10.0, 1000.0
# rows that the rough solve is compared at, besides the ends of pieces
COMPARED = 16
# of the rounding of what a piece reads up to, and of the exposures that it hands on, in units of the last digit
ROUNDING, CARRIED = 4, 2
INACCURATE, NOT_FINITE = result_names().index("inaccurate"), result_names().index("not_finite")


def scheduled(model: ResourceModel) -> bool:
    """Whether a model has a schedule that takes several cascades."""
    return isinstance(model.frequency, Schedule) or isinstance(model.wasted_resource, Schedule)


def obstacle(model: ResourceModel) -> str | None:
    """Why a model with such a schedule has no cascades here; None if it has."""
    name = "frequency" if isinstance(model.frequency, Schedule) else "wasted_resource"
    reasons = {
        f"{name} follows a schedule of more than {MOST_PIECES} pieces": starts_of(model).shape[0] > MOST_PIECES,
        f"{name} follows a schedule, and wasted_resource is 0 somewhere": _somewhere_zero(model.wasted_resource),
        f"{name} follows a schedule, and there are no compiled loops": not traced.by_loops(model),
    }
    return next((why for why, so in reasons.items() if so), None)


def _somewhere_zero(value: Any) -> bool:
    """Whether a concrete parameter, or its schedule, has a zero."""
    numbers = value.values if isinstance(value, Schedule) else value
    return is_concrete(numbers) and not np.all(np.asarray(numbers))


def _through(
    model: ResourceModel, ts: Array, tolerance: Array, plan: Plan, carried: float = 1.0
) -> tuple[Stand, Any, Array]:
    """All pieces one after another: where members are in the end, exposures, resource time and what has been paid at
    `ts`, `(member, time, ...)`, and exposures at the beginning of each piece, `(piece, member, skill)`.
    """
    members, count, last = Members(model, plan, carried), ts.shape[0], ts[-1]
    width = min(plan.rows, count)

    def step(carry: Any, piece: Pieces) -> tuple[Any, Array]:
        stand, rows = carry
        end = jnp.maximum(jnp.minimum(piece.end, last), piece.start)
        first = jnp.minimum(jnp.searchsorted(ts, piece.start, side="left"), count - width)
        own = jax.lax.dynamic_slice_in_dim(ts, first, width)
        inside = (own >= piece.start) & (own < piece.end)

        def put(all_rows: Array, some: Array) -> Array:
            before = jax.lax.dynamic_slice_in_dim(all_rows, first, width, axis=1)
            mask = jnp.reshape(inside, (1, width, *(1,) * (some.ndim - 2)))
            return jax.lax.dynamic_update_slice_in_dim(all_rows, jnp.where(mask, some, before), first, axis=1)

        def go() -> Any:
            new, found = members.go(piece, stand, members.during(piece, stand, end), own, end, tolerance)
            return new, jax.tree.map(put, rows, found)

        return jax.lax.cond(piece.start <= last, go, lambda: carry), stand.exposure

    begin = members.begin()
    blank = tuple(jnp.zeros((members.count, count, *x.shape[1:]), x.dtype) for x in (begin.exposure, *begin[1:3]))
    (stand, rows), starts = jax.lax.scan(step, (begin, blank), pieces_of(model))
    return stand, rows, starts


def _tolerances(tolerance: Array) -> tuple[Array, Array]:
    """Of the two solves; one that would have been refused stays so."""
    least = FLOORS["loops"][np.dtype(tolerance.dtype).name]
    strict = jnp.where(tolerance > 0, jnp.maximum(tolerance / jnp.asarray([ROUGH, FINE]), least), tolerance)
    rough, fine = strict.astype(tolerance.dtype)
    return rough, fine


def _plan(model: ResourceModel, ts: Any = None) -> Plan:
    """Asked where arguments may still be concrete."""
    frequency = model.frequency
    pauses = isinstance(frequency, Schedule) and (not is_concrete(frequency.values) or _somewhere_zero(frequency))
    count, starts = 1 if ts is None else ts.shape[0], starts_of(model)
    rows = count
    if is_concrete(starts, ts) and ts is not None:
        places = np.searchsorted(np.asarray(ts), np.append(starts, np.inf))
        # a few sizes, since each is a program of its own to compile
        step = max(1, -(-count // 8))
        rows = min(count, -(-int(np.max(np.diff(places))) // step) * step)
    return Plan(traced.has_any_gates(model), pauses, max(rows, 1))


def trajectories(model: ResourceModel, ts: Array, tolerance: Any, reduce: Any, method: str) -> tuple[Any, Array]:
    """Exposure, clock, spent resource and result code of every member, or the caller's reductions of them; and which
    were solved, `(*batch,)`.
    """
    refuse_over_devices("a run under such schedules", model, ts, tolerance)
    ts, tolerance = jnp.asarray(ts, model.dtype), jnp.asarray(tolerance, model.dtype)
    plan = _plan(model, ts)
    if schedule_clocks.obstacle(model) is None:
        # where all is known there is no derivative, which alone needs to know of the rows
        rows = ts.shape[0] if is_concrete(model, ts, tolerance) else plan.rows
        options = {"either": plan.either, "rows": rows, "reduce": reduce, "method": method}
        return programs.compiled(schedule_clocks.trajectories)(model, ts, tolerance, **options)
    return programs.compiled(_trajectories)(model, ts, tolerance, plan=plan, reduce=reduce, method=method)


def _trajectories(
    model: ResourceModel, ts: Array, tolerance: Array, *, plan: Plan, reduce: Any, method: str
) -> tuple[Any, Array]:
    rough, fine = _tolerances(tolerance)
    flat, count = model.flat(), ts.shape[0]
    step = max(1, count // COMPARED)
    some = slice((count - 1) % step, None, step)
    stand, (state, clock, paid), starts = _through(model, ts, fine, plan)
    few = Plan(plan.either, plan.pauses, -(-plan.rows // step))
    _, (other, _, _), also_starts = jax.lax.stop_gradient(_through(model, ts[some], rough, few, _rounded_up(model)))
    at_starts = jnp.swapaxes(starts, 0, 1), jnp.swapaxes(also_starts, 0, 1)

    def check(model: ResourceModel, *states: Array) -> Array:
        """At most how far two pairs of states are apart in progress, and so in level."""
        present = model.graph.present
        efforts = [jax.vmap(model.effort)(jnp.where(present, x, 0)) for x in states]
        apart = [
            jnp.where(a == b, 0, jnp.maximum(model.law.demand(a), model.law.demand(b)) * jnp.abs(a - b))
            for a, b in (efforts[:2], efforts[2:])
        ]
        return jnp.maximum(*(jnp.max(x) for x in apart))

    error = jax.vmap(check)(*jax.lax.stop_gradient((flat, state[:, some], other, *at_starts)))
    error = error + _rounding(model) * jax.lax.stop_gradient(stand.most)
    spent = paid if keeps_spent(model) else None
    if model.rule.has_budget_law:
        # the law is asked at all rows only where a run is to tell what it says
        rows = slice(None) if spent is not None else some
        used = jax.vmap(_used)(flat, state[:, rows], paid[:, rows])
        given = jax.vmap(lambda model: jax.vmap(lambda t: budget(model, t))(ts[rows]))(flat)
        residual = jnp.abs(used - jnp.reshape(given, used.shape)) / jnp.reshape(jnp.maximum(given, 1), used.shape)
        error = jnp.maximum(error, jax.lax.stop_gradient(jnp.max(jnp.reshape(residual, (len(error), -1)), axis=1)))
        spent = None if spent is None else used
    found = (stand.code == calls.SUCCESSFUL) & (error <= tolerance)
    lost = stand.code == calls.NOT_FINITE
    codes = jnp.where(found, 0, jnp.where(lost, NOT_FINITE, INACCURATE)).astype(jnp.int32)

    def unless_lost(x: Array) -> Array:
        return nan_unless(~jnp.reshape(lost, (-1, *(1,) * (x.ndim - 1))), x)

    state = jnp.where(flat.graph.present[:, None], unless_lost(state), jnp.nan)
    solved = (state, unless_lost(clock), None if spent is None else unless_lost(spent), codes)
    if reduce is not None:

        def of_member(model: ResourceModel, state: Array, clock: Array, spent: Array | None, code: Array) -> Any:
            return reduce(Trajectory(ts, state, clock, spent, results_from_codes(code), model, "exposure", method))

        return _unflat(jax.vmap(of_member)(flat, *solved), model), _unflat(found, model)
    *values, codes, found = _unflat((*solved, found), model)
    return (*values, results_from_codes(codes)), found


def _used(model: ResourceModel, state: Array, wasted: Array) -> Array:
    """What one member has spent at some rows: learned, and wasted."""
    present = model.graph.present
    gained = jax.vmap(model.gained)(jnp.where(present, state, 0))
    learned = jax.vmap(model.by_pool)(jnp.where(present, gained, 0))
    return (learned if model.pool is not None else learned[:, 0]) + wasted


def _unflat(tree: Any, model: ResourceModel) -> Any:
    return jax.tree.map(lambda x: x.reshape((*model.batch_shape, *x.shape[1:])), tree)


def learning_times(model: ResourceModel, level: Any, tolerance: Any) -> tuple[Array, Array]:
    """Learning times `(*batch, skill)`, NaN for members that are unsure, and which are not, `(*batch,)`."""
    refuse_over_devices("learning times under such schedules", model, level, tolerance)
    level, tolerance = (jnp.asarray(x, model.dtype) for x in (level, tolerance))
    if schedule_clocks.obstacle(model) is None:
        either = traced.has_any_gates(model)
        return programs.compiled(schedule_clocks.learning_times)(model, level, tolerance, either=either)
    return programs.compiled(_learning_times)(model, level, tolerance, plan=_plan(model))


def _learning_times(model: ResourceModel, level: Array, tolerance: Array, *, plan: Plan) -> tuple[Array, Array]:
    rough, fine = _tolerances(tolerance)
    other, _ = jax.lax.stop_gradient(_times_of(model, level, rough, plan, _rounded_up(model)))
    times, code = _times_of(model, level, fine, plan)
    held = jax.lax.stop_gradient(times)
    same = (other == held) | (jnp.abs(other - held) + _rounding(model) * held <= tolerance * held)
    absent = ~model.flat().graph.present
    sure = (code == calls.SUCCESSFUL) & jnp.all(same | absent, axis=-1)
    times = jnp.where(absent, jnp.nan, nan_unless(sure[:, None], times))
    return _unflat(times, model), _unflat(sure, model)


def _rounding(model: ResourceModel) -> float:
    """Of what a piece reads up to."""
    return ROUNDING * float(jnp.finfo(model.dtype).eps)


def _rounded_up(model: ResourceModel) -> float:
    """What the rough solve multiplies exposures by between pieces: where a later piece is much slower, the rounding of
    an earlier one may count for much.
    """
    return 1 + CARRIED * float(jnp.finfo(model.dtype).eps)


def _times_of(
    model: ResourceModel, level: Array, tolerance: Array, plan: Plan, carried: float = 1.0
) -> tuple[Array, Array]:
    """Learning times `(member, skill)` at one tolerance, and codes `(member,)`."""
    members, given = Members(model, plan, carried), pieces_of(model)
    present, rounding = members.flat.graph.present, _rounding(model)
    goal = jax.vmap(lambda model: model.law.effort_at(jnp.reshape(level, (1,))))(members.given)

    def step(carry: Any, piece: Pieces) -> tuple[Any, None]:
        stand, times, worst = carry
        # the last piece has no end, and nothing follows it
        ends = jnp.isfinite(piece.end)
        during = members.during(piece, stand, piece.end)
        on = lambda: members.go(piece, stand, during, piece.start[None], piece.end, tolerance)[0]  # noqa: E731
        new = jax.lax.cond(ends, on, lambda: stand)
        open_still = jnp.isinf(times) & present
        # efforts at the level when all begins, which is exact, and those that were there before
        near = jax.lax.stop_gradient(during.effort) >= goal * (1 - rounding)
        waits = ~(during.effort >= goal) & ~(near & ((piece.start == 0) | ~open_still))
        # the loops compute the goal again; none that is there is to wait for the last digit
        up = jnp.where(waits, 0, jax.lax.stop_gradient(jnp.maximum(goal * (1 + rounding) - during.effort, 0)))
        ahead = begun(during.members, during.effort + up, pauses=during.creep is not None)
        local, code = traced.solved_times(ahead, level, tolerance, plan.either)
        runs = ~during.stands & (True if piece.rate is None else piece.rate > 0)
        # a gate may be open by less than the smallest number: then the loops have not waited for what is behind it
        found = waits & runs & (local > 0)
        local = jnp.where(waits, jnp.where(found, local, jnp.inf), 0)
        at = piece.start + local
        reached = open_still & (at <= piece.end)
        # by the end of the piece, or at some time
        there = open_still & waits & runs & (~ends | (jax.vmap(effort_of)(members.given, new.exposure) >= goal))
        code = jnp.where(jnp.any(there & ~found, axis=-1), jnp.maximum(code, calls.INACCURATE), code)
        worst = jnp.maximum(worst, jnp.where(jnp.any(there, axis=-1), code, calls.SUCCESSFUL))
        if during.creep is not None:
            # what creeps for so long must not open a gate further
            steps = jnp.max(jnp.where(reached & found, local, 0), axis=-1)
            crept = during.creep * members.reach(during.members, steps)[:, None]
            opened = present & (during.effort > 0) & ~(crept <= tolerance * during.effort)
            bad = opened if during.slow is None else opened | during.slow
            worst = jnp.maximum(worst, jnp.where(jnp.any(bad, axis=-1), calls.INACCURATE, calls.SUCCESSFUL))
        return (new, jnp.where(reached, at, times), worst), None

    begin = members.begin()
    carry = (begin, jnp.full(begin.exposure.shape, jnp.inf, model.dtype), begin.code)
    (stand, times, worst), _ = jax.lax.scan(step, carry, given)
    return times, jnp.maximum(stand.code, worst)
