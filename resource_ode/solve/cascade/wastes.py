r"""Schedules of the wasted resource, by cascades: one solve for each piece, on from where the last one ended.

Exposures depend on resource time alone. From step $T_k$ on, at resource time $\tau_k$, with what had been learned by
then,

$$ \eta_k (t - T_k) = \int_{\tau_k}^{\tau} F\, d\tau' + N_k\, (\tau - \tau_k), $$

so that a piece is read off the cascade with constants $N_k$ and 1, which has spent $\int_0^{\tau_k} F\,d\tau' +
N_k \tau_k$ at its beginning. What goes wrong in one piece is carried into the next, so that the estimates of single
solves do not tell: all is solved twice, at tolerances far apart, and the difference has to be within the one asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ...base import programs
from ...base.modules import with_fields
from ...base.tracing import is_concrete
from ...model.extension import effective_rates
from ...model.model import ResourceModel
from ...model.schedule import Schedule
from ...native import calls
from ...results.outcome import result_names, results_from_codes
from ...results.trajectory import Trajectory, budget
from ..tolerance import FLOORS
from . import traced

# pieces from which on the general solver takes less time
MOST_PIECES = 64
# how much more accurate than asked for the two solves are
ROUGH, FINE = 10.0, 1000.0
# of the rounding of what a piece reads up to, in units of the last digit
ROUNDING = 4
INACCURATE, NOT_FINITE = result_names().index("inaccurate"), result_names().index("not_finite")


class Pieces(NamedTuple):
    """From `start[k]` to `end[k]`, training steps, rate and waste are constant; the last piece has no end."""

    start: Array
    end: Array
    rate: Array
    waste: Array


def obstacle(model: ResourceModel) -> str | None:
    """Why a model with a schedule of the wasted resource has no cascades here; None if it has."""
    waste = model.wasted_resource
    assert isinstance(waste, Schedule)
    pieces = waste.times.shape[-1] + _times(model.learning_rate).shape[-1] - 1
    reasons = {
        "wasted_resource follows a schedule, and no budget law tells what was learned": not model.rule.has_budget_law,
        f"wasted_resource follows a schedule of more than {MOST_PIECES} pieces": pieces > MOST_PIECES,
        "wasted_resource follows a schedule with a zero": is_concrete(waste) and not np.all(np.asarray(waste.values)),
        "wasted_resource follows a schedule, and there are no compiled loops": not traced.by_loops(model),
    }
    return next((why for why, so in reasons.items() if so), None)


def _times(value: Any) -> Any:
    """When a parameter changes; flat members all have the same schedule."""
    return value.times.reshape((-1, value.times.shape[-1]))[0] if isinstance(value, Schedule) else np.zeros(1)


def _pieces(model: ResourceModel) -> Pieces:
    """Those of both schedules; some may be empty."""
    given: tuple[Any, Any] = (model.learning_rate, model.wasted_resource)
    start = jnp.sort(jnp.concatenate([_times(given[0])[1:], _times(given[1])])).astype(model.dtype)

    def at_start(value: Any) -> Array:
        if not isinstance(value, Schedule):
            return jnp.ones_like(start)
        values = value.values.reshape((-1, value.times.shape[-1]))[0]
        return values[jnp.searchsorted(_times(value), start, side="right") - 1]

    return Pieces(start, jnp.append(start[1:], jnp.inf), *map(at_start, given))


def _constant(model: ResourceModel) -> tuple[ResourceModel, Array]:
    """Flat members that spend 1 a step, and the constant learning rate of each."""
    one = jnp.ones((), model.dtype)
    scheduled = isinstance(model.learning_rate, Schedule)
    flat = with_fields(model, wasted_resource=one, **({"learning_rate": one} if scheduled else {})).flat()
    rate: Any = flat.learning_rate
    return with_fields(flat, learning_rate=jnp.ones_like(rate)), rate


class _Stand(NamedTuple):
    """Where all members are at the beginning of a piece, `(member,)`: resource time, what has been learned and what has
    been wasted, the most that a piece reads up to, and the worst code; and what has been read until then, `(member,
    time, ...)`.
    """

    clock: Array
    learned: Array
    wasted: Array
    most: Array
    code: Array
    state: Array
    clocks: Array
    wastes: Array


def _through(model: ResourceModel, ts: Array, tolerance: Any, either: bool) -> tuple[_Stand, Array, Array]:
    """All pieces one after another, read at `ts`; and resource time and what has been learned at the beginning of each,
    `(piece, member)`.
    """
    members, own = _constant(model)
    count, last = own.shape[0], ts[-1]

    def step(stand: _Stand, piece: Pieces) -> tuple[_Stand, tuple[Array, Array]]:
        end = jnp.maximum(jnp.minimum(piece.end, last), piece.start)
        times = jnp.append(jnp.clip(ts, piece.start, end), end) - piece.start
        begun = stand.learned + piece.waste * stand.clock
        when = begun[:, None] + (own * piece.rate)[:, None] * times[None]
        waste = jnp.broadcast_to(piece.waste, own.shape)
        state, clock, _, code = traced.solved_rows(with_fields(members, wasted_resource=waste), when, tolerance, either)
        inside = ((ts >= piece.start) & (ts < piece.end))[None]
        wasted = stand.wasted[:, None] + piece.waste * (clock - stand.clock[:, None])

        def kept(found: Array, before: Array) -> Array:
            return jnp.where(inside[..., None] if found.ndim == 3 else inside, found[:, :-1], before)

        new = _Stand(
            clock[:, -1],
            jax.vmap(_learned)(members, state[:, -1]),
            wasted[:, -1],
            jnp.maximum(stand.most, when[:, -1]),
            jnp.maximum(stand.code, code),
            kept(state, stand.state),
            kept(clock, stand.clocks),
            kept(wasted, stand.wastes),
        )
        return new, (stand.clock, stand.learned)

    nothing = jnp.zeros(count, model.dtype)
    rows = jnp.zeros((count, ts.shape[0], model.skills), model.dtype)
    codes = jnp.zeros(count, jnp.int32)
    begin = _Stand(nothing, nothing, nothing, nothing, codes, rows, rows[..., 0], rows[..., 0])
    stand, (clocks, learned) = jax.lax.scan(step, begin, _pieces(model))
    return stand, clocks, learned


def _learned(model: ResourceModel, state: Array) -> Array:
    """What all skills of a member have learned at some exposures."""
    present = model.graph.present
    return jnp.sum(jnp.where(present, model.gained(jnp.where(present, state, 0)), 0))


def _twice(solve: Callable[[Array], Any], tolerance: Array) -> tuple[Any, Any]:
    """What a solve finds at both tolerances; one that would have been refused stays so."""
    least = FLOORS["loops"][np.dtype(tolerance.dtype).name]
    strict = jnp.where(tolerance > 0, jnp.maximum(tolerance / jnp.asarray([ROUGH, FINE]), least), tolerance)
    found = jax.vmap(solve)(strict.astype(tolerance.dtype))
    return jax.tree.map(lambda x: x[0], found), jax.tree.map(lambda x: x[1], found)


def trajectories(model: ResourceModel, ts: Array, tolerance: Any, reduce: Any, method: str) -> tuple[Any, Array]:
    """Exposure, clock, spent resource and result code of every member, or the caller's reductions of them; and which
    were solved, `(*batch,)`.
    """
    ts, tolerance = jnp.asarray(ts, model.dtype), jnp.asarray(tolerance, model.dtype)
    return programs.compiled(_trajectories)(
        model, ts, tolerance, traced.has_any_gates(model), reduce=reduce, method=method
    )


def _trajectories(
    model: ResourceModel, ts: Array, tolerance: Array, either: bool, *, reduce: Any, method: str
) -> tuple[Any, Array]:
    rough, fine = _twice(lambda strict: _through(model, ts, strict, either)[0], tolerance)
    flat = model.flat()

    def read(model: ResourceModel, state: Array, other: Array, wasted: Array) -> tuple[Array, Array]:
        """What has been spent at each row, and how far it may be wrong."""

        def apart(one: Array, other: Array) -> Array:
            """At most how far two states are apart in progress, and so in level."""
            present = model.graph.present
            one, other = (model.effort(jnp.where(present, x, 0)) for x in (one, other))
            slope = jnp.maximum(model.law.demand(one), model.law.demand(other))
            return jnp.max(jnp.where(one == other, 0, slope * jnp.abs(one - other)))

        spent, given = (
            jax.vmap(lambda x: _learned(model, x))(state) + wasted,
            jax.vmap(lambda t: budget(model, t)[0])(ts),
        )
        residual = jnp.abs(spent - given) / jnp.maximum(given, 1)
        error = jnp.maximum(jnp.max(residual), jnp.max(jax.vmap(apart)(state, other)))
        return spent, jax.lax.stop_gradient(error)

    spent, error = jax.vmap(read)(flat, fine.state, jax.lax.stop_gradient(rough.state), fine.wastes)
    error = error + _rounding(model) * jax.lax.stop_gradient(fine.most)
    found = (fine.code == calls.SUCCESSFUL) & (error <= tolerance)
    lost = fine.code == calls.NOT_FINITE
    codes = jnp.where(found, 0, jnp.where(lost, NOT_FINITE, INACCURATE)).astype(jnp.int32)
    state = jnp.where(flat.graph.present[:, None] & ~lost[:, None, None], fine.state, jnp.nan)
    clock, spent = (jnp.where(lost[:, None], jnp.nan, x) for x in (fine.clocks, spent))
    solved = (state, clock, spent, codes)
    if reduce is not None:

        def one(model: ResourceModel, state: Array, clock: Array, spent: Array, code: Array) -> Any:
            return reduce(Trajectory(ts, state, clock, spent, results_from_codes(code), model, "exposure", method))

        return _unflat(jax.vmap(one)(flat, *solved), model), _unflat(found, model)
    *values, codes, found = _unflat((*solved, found), model)
    return (*values, results_from_codes(codes)), found


def _unflat(tree: Any, model: ResourceModel) -> Any:
    return jax.tree.map(lambda x: x.reshape((*model.batch_shape, *x.shape[1:])), tree)


def learning_times(model: ResourceModel, level: Any, tolerance: Any) -> tuple[Array, Array]:
    """Learning times `(*batch, skill)`, NaN for members that are unsure, and which are not, `(*batch,)`."""
    level, tolerance = (jnp.asarray(x, model.dtype) for x in (level, tolerance))
    return programs.compiled(_learning_times)(model, level, tolerance, traced.has_any_gates(model))


def _learning_times(model: ResourceModel, level: Array, tolerance: Array, either: bool) -> tuple[Array, Array]:
    (rough, _, _), (times, lost, code) = _twice(lambda strict: _times_of(model, level, strict, either), tolerance)
    same = (rough == times) | (jnp.abs(rough - times) + lost <= tolerance * times)
    absent = ~model.flat().graph.present
    sure = (code == calls.SUCCESSFUL) & jnp.all(jax.lax.stop_gradient(same) | absent, axis=-1)
    times = jnp.where(sure[:, None] & ~absent, times, jnp.nan)
    return _unflat(times, model), _unflat(sure, model)


def _rounding(model: ResourceModel) -> float:
    """Of what a piece reads up to."""
    return ROUNDING * float(jnp.finfo(model.dtype).eps)


def _times_of(model: ResourceModel, level: Array, tolerance: Array, either: bool) -> tuple[Array, Array, Array]:
    """Learning times `(member, skill)` at one tolerance, what rounding may have made of them, and codes.

    With a constant waste times are $G_i + N \tau_i$; two wastes tell both. Which piece a time is in its $\tau_i$ tells.
    """
    given, (members, own) = _pieces(model), _constant(model)
    # no times are read, and the last piece has no end
    stand, clocks, learned = _through(model, given.start[-1:], tolerance, either)
    demand = jnp.sum(jnp.where(members.graph.present, effective_rates(members)[0], 0), axis=-1)
    wastes = jnp.stack([jnp.zeros_like(demand), jax.lax.stop_gradient(demand)])
    two = with_fields(members, wasted_resource=wastes)
    spent, code = traced.solved_times(two, level, tolerance, either)
    gained, clock = spent[0], (spent[1] - spent[0]) / wastes[1][:, None]
    piece = jnp.sum(clocks[:, :, None] <= jax.lax.stop_gradient(clock)[None], axis=0) - 1
    member = jnp.arange(len(own))[:, None]
    start, waste, rate = given.start[piece], given.waste[piece], given.rate[piece] * own[:, None]
    more = gained - learned[piece, member] + waste * (clock - clocks[piece, member])
    safe = jnp.where(rate > 0, rate, 1)
    times = start + more / safe
    lost = _rounding(model) * (times + (gained + waste * clock) / safe)
    # nothing comes where nothing is spent any more
    times = jnp.where(rate > 0, times, jnp.where(more > 0, jnp.inf, start))
    times, lost = (jnp.where(clock > 0, x, 0) for x in (times, lost))
    return times, jax.lax.stop_gradient(lost), jnp.maximum(stand.code, jnp.max(code, axis=0))
