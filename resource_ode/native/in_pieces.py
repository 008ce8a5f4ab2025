r"""Solves by clocks in pieces, whose learning rate and waste change at training steps, as primitives of JAX.

One cascade serves all pieces. With $\mathrm{spent}_k(s)$ what is spent up to resource time $s$ by the waste of piece
$k$, which starts at the step $T_k$ and resource time $s_k$:

$$ \mathrm{spent}_k(s(t)) = \mathrm{spent}_k(s_k) + \eta_k (t - T_k). $$

Within a piece this is an ordinary clock of rate 1 whose steps are the budgets on the right, so that derivatives are
those of ordinary clocks: at fixed budgets, and by how these move.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Primitive
from jax.interpreters import ad

from .calls import (
    BY,
    BY_GRAPH,
    GRAPH,
    KEPT,
    Call,
    aligned,
    bind,
    custom_call,
    every,
    full,
    leading,
    primitive,
    tangent_p,
)
from .operands import AXES, Operands

# rate and waste have pieces, and so has the step at which each starts, which comes last
PIECED = (*AXES._replace(rate=1, waste=1), 1)

# what stands in place of a budget of nothing, as a part of the largest
LITTLE = 1e-6
# which of the results is what is spent before each piece
PAID = {"trajectories": 7, "times": 5}


class Clock(NamedTuple):
    """What holds from `start[k]` on, training steps of which the first is 0: `(*members, piece)` each."""

    rate: Any
    waste: Any
    start: Any


def trajectories(call: Call, operands: Operands, clock: Clock, rows: int) -> tuple[Any, Any, Any, Any]:
    """Exposures `(*members, time, skill)`, resource time and spent resource `(*members, time)`, codes `(*members,)`;
    `rows` is how many a piece has at most.
    """
    state, time, spent, code, *_ = pieces_p.bind(*_given(operands, clock), call=call, run=call, rows=rows)
    return state, time, spent, code


def learning_times(call: Call, run: Call, operands: Operands, clock: Clock) -> tuple[Any, Any]:
    """Training steps `(*members, skill)` and codes `(*members,)`; `run` is the call of a trajectory of such members."""
    found, code, *_ = pieces_p.bind(*_given(operands, clock), call=call, run=run, rows=0)
    return found, code


def _given(operands: Operands, clock: Clock) -> tuple[Any, ...]:
    own = operands._replace(rate=clock.rate, waste=clock.waste)
    return aligned((*own, clock.start), PIECED)


def _results(arguments: Any, call: Call, run: Call, rows: int) -> list[jax.ShapeDtypeStruct]:
    members, graphs = leading(arguments, PIECED), leading(arguments[:GRAPH], PIECED[:GRAPH])
    operands = Operands._make(arguments[: len(AXES)])
    dtype, skills = operands.frequency.dtype, operands.frequency.shape[-1]
    times, pieces = operands.steps.shape[-1], operands.rate.shape[-1]
    own = [(skills,)] if call.name == "times" else [(times, skills), (times,), (times,)]
    shapes = [((*members, *shape), dtype) for shape in own]
    shapes += [(members, np.int32), (graphs, dtype), ((*graphs, 2 * (KEPT + 1)), np.uint32)]
    # where pieces start in resource time, what is spent by then, and for learning times the piece of each
    shapes += [((*members, pieces), dtype)] * 2
    shapes += [((*members, skills), np.int32)] if call.name == "times" else []
    return [jax.ShapeDtypeStruct(shape, kind) for shape, kind in shapes]


def _by_loops(*arguments: Any, call: Call, run: Call, rows: int) -> Any:
    return custom_call(f"{call.name}_in_pieces", call, _results(arguments, call, run, rows), *arguments)


def _by_arrays(*arguments: Any, **static: Any) -> Any:
    raise RuntimeError("clocks in pieces need the compiled loops")


# -- derivatives


class _Moved(NamedTuple):
    """Of members with an axis of pieces as the last of the leading ones: what clocks of rate 1 read at budgets, along a
    tangent at fixed budgets, and along the budgets.
    """

    fixed: list[Any]
    along: list[Any]


def _jvp(primals: Any, tangents: Any, *, call: Call, run: Call, rows: int) -> Any:
    found = pieces_p.bind(*primals, call=call, run=run, rows=rows)
    moved = [_zeros(t, x) for t, x in zip(tangents, primals, strict=True)]
    rule = _times_jvp if call.name == "times" else _rows_jvp
    values, before = rule(primals, moved, found, call, run, rows)
    along: list[Any] = [ad.Zero(jax.typeof(x).to_tangent_aval()) for x in found]
    along[: len(values)] = values
    # derivatives of derivatives look at what was spent before each piece
    place = PAID[call.name]
    along[place] = jnp.broadcast_to(before, found[place].shape)
    return found, along


def _zeros(tangent: Any, value: Any) -> Any:
    return full(tangent, value) if jnp.issubdtype(value.dtype, jnp.floating) else None


def _split(arguments: Any) -> tuple[Operands, Clock]:
    operands = Operands._make(arguments[: len(AXES)])
    return operands, Clock(operands.rate, operands.waste, arguments[-1])


def _directions(moved: Any) -> Clock:
    operands = Operands._make(moved[: len(AXES)])
    return Clock(operands.rate, operands.waste, moved[-1])


def _budgets(clock: Clock, last: Any) -> Any:
    """What there is to spend in each piece until the last step; nothing in those that come later."""
    start = jnp.where(clock.start <= last, clock.start, last)
    end = jnp.concatenate([start[..., 1:], jnp.broadcast_to(last, (*start.shape[:-1], 1))], axis=-1)
    return clock.rate * (end - start)


def _piece_of(steps: Any, start: Any) -> Any:
    return jnp.sum(steps[..., :, None] >= start[..., None, 1:], axis=-1, dtype=jnp.int32)


def _pick(of_pieces: Any, piece: Any) -> Any:
    """Of each row or skill what its piece has."""
    mine = piece[..., None] == _numbers(of_pieces.shape[-1], piece.ndim + 1)
    return jnp.sum(jnp.where(mine, of_pieces[..., None, :], 0), axis=-1, dtype=of_pieces.dtype)


def _numbers(count: int, rank: int) -> Any:
    """From 0 on, along the last of so many axes."""
    return jnp.arange(count, dtype=jnp.int32).reshape((*(1,) * (rank - 1), count))


def _take(x: Any, index: Any) -> Any:
    """`x[..., index]`, leading axes broadcast."""
    lead = np.broadcast_shapes(x.shape[:-1], index.shape[:-1])
    x, index = (jnp.broadcast_to(y, (*lead, y.shape[-1])) for y in (x, index))
    return jnp.take_along_axis(x, index, axis=-1)


def _read(call: Call, primals: Any, moved: Any, edges: Any, budgets: Any, clock: Any) -> _Moved:
    """By ordinary clocks, one for each piece."""
    axis = primals[-1].ndim - 1
    operands, _ = _split(primals)
    # arrays have no run of no length, where a piece ends before anything is spent, or is never come to
    end, most = budgets[..., -1:], jnp.max(budgets, axis=(-2, -1), keepdims=True)
    budgets = jnp.where(end > 0, budgets, LITTLE * jnp.where(most > 0, most, 1))

    def own(x: Any, k: int) -> Any:
        return jnp.expand_dims(x, axis) if k < GRAPH else x

    dtype = operands.frequency.dtype
    one = jnp.ones((1,) * (axis + 1), dtype)
    given = Operands._make(own(x, k) for k, x in enumerate(operands))._replace(rate=one, steps=budgets)
    slopes = [own(moved[k], k) for k in BY[:BY_GRAPH]]
    nothing = [jnp.zeros(x.shape, dtype) for x in (*slopes, one, operands.waste, budgets)]
    still, by_budgets = nothing[BY_GRAPH], jnp.ones(budgets.shape, dtype)
    waste = moved[Operands._fields.index("waste")]
    common = (*given, jnp.expand_dims(edges, axis), clock)
    fixed = bind(tangent_p, *common, *slopes, still, waste, nothing[-1], call=call)
    along = [] if call.name == "times" else bind(tangent_p, *common, *nothing[:-1], by_budgets, call=call)
    return _Moved(fixed, along)


def _starts_move(read: _Moved, spans: Any) -> Any:
    """How what is spent before each piece moves, by its own waste: resource time there is that of the end of the one
    before. Of clocks that are read first where each starts, and last where it ends.
    """
    fixed, along = read.fixed[1], read.along[1]
    pieces = fixed.shape[-2]
    found = [jnp.zeros_like(fixed[..., 0, 0] + spans[..., 0])]
    for k in range(pieces - 1):
        there = fixed[..., k, -1] + along[..., k, -1] * (found[-1] + spans[..., k])
        by_budget = along[..., k + 1, 0]
        moves = by_budget > 0
        found.append(jnp.where(moves, (there - fixed[..., k + 1, 0]) / jnp.where(moves, by_budget, 1), 0))
    return jnp.stack(found, axis=-1)


def _after(of_pieces: Any) -> Any:
    """Of each piece what the next one has, and NaN at the end."""
    return jnp.concatenate([of_pieces[..., 1:], jnp.full((*of_pieces.shape[:-1], 1), jnp.nan, of_pieces.dtype)], -1)


class _Layout:
    """Rows `(*members, time)` by pieces, `rows` for each, as many as one has at most; between its start and its end."""

    def __init__(self, steps: Any, start: Any, rows: int) -> None:
        self.rows, self.count, self.pieces = rows, steps.shape[-1], start.shape[-1]
        self.piece: Any = _piece_of(steps, start)
        earlier = jnp.sum(steps[..., None, :] < start[..., :, None], axis=-1, dtype=jnp.int32)
        self.first: Any = jnp.minimum(earlier, self.count - rows)
        # how many pieces later each of these rows is: 0 for those of the piece
        self.ahead: Any = self.by_piece(self.piece) - _numbers(self.pieces, steps.ndim)[..., None]

    def by_piece(self, x: Any) -> Any:
        index = self.first[..., None] + _numbers(self.rows, self.first.ndim + 1)
        there = _take(x, index.reshape((*index.shape[:-2], self.pieces * self.rows)))
        return there.reshape((*there.shape[:-1], self.pieces, self.rows))

    def between(self, start: Any, inside: Any, end: Any) -> Any:
        """Of pieces, of rows by piece, and of pieces."""
        return jnp.concatenate([start[..., None], inside, end[..., None]], axis=-1)

    def of_rows(self, x: Any, own: int) -> Any:
        """From an array `(*members, piece, 1 + row + 1, ...)`, which has `own` axes more."""
        size = self.pieces * (self.rows + 2)
        place = self.piece * (self.rows + 2) + 1 + _numbers(self.count, self.piece.ndim) - _pick(self.first, self.piece)
        flat = x.reshape((*x.shape[: x.ndim - 2 - own], size, *x.shape[x.ndim - own :]))
        lead = np.broadcast_shapes(flat.shape[: flat.ndim - 1 - own], place.shape[:-1])
        flat = jnp.broadcast_to(flat, (*lead, *flat.shape[len(lead) :]))
        at = jnp.broadcast_to(place, (*lead, self.count)).reshape((*lead, self.count, *(1,) * own))
        return jnp.take_along_axis(flat, at, axis=len(lead))


def _rows_jvp(primals: Any, moved: Any, found: Any, call: Call, run: Call, rows: int) -> tuple[list[Any], Any]:
    operands, clock = _split(primals)
    _, time, _, _, _, edges, at, paid = found
    of = _Layout(operands.steps, clock.start, rows)

    def to_spend(clock: Clock, steps: Any) -> tuple[Any, Any]:
        since = steps - _pick(clock.start, of.piece)
        return _budgets(clock, steps[..., -1:]), _pick(clock.rate, of.piece) * since

    (spans, own), (spans_move, own_moves) = jax.jvp(to_spend, (clock, operands.steps), (_directions(moved), moved[-2]))
    start, end = paid, paid + spans
    # rows of other pieces are not read
    inside = jnp.where(of.ahead < 0, start[..., None], end[..., None])
    budgets = of.between(start, jnp.where(of.ahead == 0, start[..., None] + of.by_piece(own), inside), end)
    clocks = of.between(at, jnp.where(of.ahead == 0, of.by_piece(time), jnp.nan), _after(at))
    read = _read(call, primals, moved, edges, budgets, clocks)
    before = _starts_move(read, spans_move)
    rise = _pick(before, of.piece) + own_moves
    state, moves = (of.of_rows(x, k) for x, k in zip(read.fixed[:2], (1, 0), strict=True))
    state_along, moves_along = (of.of_rows(x, k) for x, k in zip(read.along[:2], (1, 0), strict=True))
    # all that is there is spent
    spent = _pick(jnp.cumsum(spans_move, axis=-1) - spans_move, of.piece) + own_moves
    spent = jnp.broadcast_to(spent, found[2].shape)
    return [state + state_along * rise[..., None], moves + moves_along * rise, spent], before


def _times_jvp(primals: Any, moved: Any, found: Any, call: Call, run: Call, rows: int) -> tuple[list[Any], Any]:
    _, clock = _split(primals)
    times, _, _, edges, at, paid, piece = found
    reached = jnp.isfinite(_after(at))

    def to_spend(clock: Clock) -> Any:
        # the clock comes to no end in the last of those that it comes to
        end = jnp.concatenate([clock.start[..., 1:], clock.start[..., -1:]], axis=-1)
        return jnp.where(reached, clock.rate * (end - clock.start), 0)

    directions = _directions(moved)
    spans, spans_move = jax.jvp(to_spend, (clock,), (directions,))
    known = lambda x: jnp.where(jnp.isfinite(x), x, jnp.nan)  # noqa: E731
    budgets = jnp.stack(jnp.broadcast_arrays(paid, paid + spans), axis=-1)
    clocks = jnp.stack(jnp.broadcast_arrays(known(at), known(_after(at))), axis=-1)
    before = _starts_move(_read(run, primals, moved, edges, budgets, clocks), spans_move)
    nothing = jnp.zeros((*budgets.shape[:-1], 1), budgets.dtype)
    by_piece = _read(call, primals, moved, edges, nothing, jnp.expand_dims(times, -2)).fixed[0]
    own = jnp.expand_dims(piece, -2)
    lead = np.broadcast_shapes(by_piece.shape[:-2], own.shape[:-2])
    by_piece, own = (jnp.broadcast_to(x, (*lead, *x.shape[-2:])) for x in (by_piece, own))
    costs = jnp.squeeze(jnp.take_along_axis(by_piece, own, axis=-2), -2)
    live = jnp.isfinite(times) & (times > 0)
    rate = _pick(clock.rate, piece)
    rate = jnp.where(live, rate, 1)
    since = jnp.where(live, times - _pick(clock.start, piece), 0)
    more = costs - _pick(before, piece) - since * _pick(directions.rate, piece)
    return [jnp.where(live, _pick(directions.start, piece) + more / rate, 0)], before


pieces_p: Primitive = primitive("in_pieces", _results, _by_loops, _by_arrays, every)
ad.primitive_jvps[pieces_p] = _jvp
