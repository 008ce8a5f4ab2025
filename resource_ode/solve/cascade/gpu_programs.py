r"""The programs behind `gpu_kernel`, in Pallas; the mathematics, and why it is so, is that of `cascade`.

`plan`, `solve` and `read_times` have one graph a lane: arrays are `(program, row, lane)`, so that each row is a line of
memory. They walk along resource time, since a panel depends on those before it alone. Skills come in topological order,
absent ones with rate 0, which makes all that they add vanish; the prerequisites of a skill are the bits of a number.
Loops over panels, skills and pairs of skills are loops, with fixed bounds: only nodes are unrolled, so that a program
is a few hundred operations whatever the graphs. What a panel needs of itself (gates at its nodes) is rewritten panel by
panel and stays in the first-level cache. `read_clock` has one time a lane, of arrays `(graph, row)`.

Numbers at nodes are `(..., panel, node, skill, lane)`, with room for a power of two of skills (`width`): the parts of
an address then have no bits in common, which is how the compiler sees that all nodes need but one.

No constant may be captured, so matrices are written out as numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton
from jaxtyping import Array

from ...base.legendre import NODES, gauss_legendre
from .gpu import LANES, Graphs, Solution, width
from .quadrature import NEWTON_STEPS

# half of `cascade.COARSE_NODES` place the edges as well, at half the price
COARSE_NODES = 2
# rows of a skill's gates, and of its relative error after them: a power of two, so that addresses are one sum
GATE_ROWS = 16
# times of one program of `read_clock`, all in one warp
TIMES = 32


# -- arithmetic of one lane


def decay(x: Array) -> Array:
    """`e^-x`; in float32 by the one instruction that a GPU has for it, absolutely exact to rounding."""
    return jnp.exp2(x * (-1 / math.log(2))) if x.dtype == jnp.float32 else jnp.exp(-x)


def saturation(x: Array) -> Array:
    """`1 - e^-x` for `x >= 0`, relatively exact where it is small."""
    if x.dtype != jnp.float32:
        return -jnp.expm1(-x)
    series = _horner([(-1) ** term / math.factorial(term + 1) for term in range(6)], x)
    return jnp.where(x < 0.25, x * series, 1 - decay(x))


def _combine(row: np.ndarray, values: Sequence[Array]) -> Array:
    total = values[0] * float(row[0])
    for weight, value in zip(row[1:], values[1:], strict=True):
        total = total + value * float(weight)
    return total


def _horner(coefficients: Sequence[Any], place: Array) -> Array:
    value = place * coefficients[-1] + coefficients[-2]
    for coefficient in coefficients[-3::-1]:
        value = value * place + coefficient
    return value


def _larger(left: Array, right: Array) -> Array:
    """The maximum, NaN if either is, which is not a GPU's own."""
    return jnp.where((left <= right) | (right != right), right, left)


def _missed(values: Sequence[Array], half: Array) -> tuple[Array, Array]:
    """`cascade._missed`."""
    fourth, third, second, last = (jnp.abs(_combine(row, values)) for row in gauss_legendre()["tail"])
    size = jnp.maximum(last, second / 4)
    before = jnp.maximum(jnp.maximum(fourth, third), size)
    shrinking = jnp.where(before > 0, size / jnp.where(before > 0, before, 1), 0)
    size = size * half
    return size * shrinking**2 / 2, size * shrinking / 4


def _not_negative(x: Array) -> Array:
    """Zero in place of what is below it; NaN stays."""
    return jnp.where(x < 0, 0, x)


def _place(values: Sequence[Array], base: Array, end: Array, target: Array) -> Array:
    """`cascade.invert_primitive` in one panel: the place on [-1, 1] where `base` plus an integral reaches the target.

    `values` are those at the nodes, times half the width of the panel.
    """
    places = [-1.0, *map(float, gauss_legendre()["nodes"]), 1.0]
    knots = [base, *(base + _combine(row, values) for row in gauss_legendre()["cumulative"]), end]
    low, high = jnp.full_like(target, places[0]), jnp.full_like(target, places[1])
    below, above = knots[0], knots[1]
    for node in range(1, NODES + 1):
        past = knots[node] <= target
        low, high = jnp.where(past, places[node], low), jnp.where(past, places[node + 1], high)
        below, above = jnp.where(past, knots[node], below), jnp.where(past, knots[node + 1], above)
    rise = above - below
    chord = (target - below) / jnp.where(rise > 0, rise, 1)
    place = low + (high - low) * jnp.minimum(jnp.maximum(chord, 0), 1)
    powers = [_combine(row, values) for row in gauss_legendre()["powers"]]
    slopes = [power * float(k) for k, power in enumerate(powers)][1:]
    for _ in range(NEWTON_STEPS + 1):
        slope = _horner(slopes, place)
        missing = (_horner(powers, place) + base) - target
        step = jnp.where(slope > 0, missing / jnp.where(slope > 0, slope, 1), 0)
        place = jnp.minimum(jnp.maximum(place - step, low), high)
    return place


def _node_weights(place: Array, half: Array) -> list[Array]:
    """Weight of each node in the integral from the left edge of a panel to a place in it."""
    return [half * _horner([float(x) for x in row], place) for row in gauss_legendre()["powers"].T]


def _loop(stop: Any, body: Callable[[Any, Any], Any], carry: Any, start: int = 0) -> Any:
    """A loop with a 32-bit counter, whatever JAX's default integer."""
    return lax.fori_loop(np.int32(start), np.int32(stop) if isinstance(stop, int) else stop, body, carry)


def _opening(
    program: Any, bits: Array, skill: Any, gates: Any, nodes: int, *, errors: bool
) -> tuple[tuple[Array, ...], Array]:
    """The product of the gates before a skill at all nodes of this panel, and the sum of their relative errors.

    `gates` are `(program, skill, row, lane)`, the relative error in the row after the last node's.
    """
    dtype = gates.dtype
    one, none = jnp.ones(LANES, dtype), jnp.zeros(LANES, dtype)

    def pair(before: Any, carry: tuple[Array, ...]) -> tuple[Array, ...]:
        *opening, behind = carry
        required = ((bits >> before) & 1) == 1
        found = (jnp.where(required, value * gates[program, before, k], value) for k, value in enumerate(opening))
        if errors:
            behind = jnp.where(required, behind + gates[program, before, nodes], behind)
        return (*found, behind)

    *opening, behind = _loop(skill, pair, (one,) * nodes + (none,))
    return tuple(opening), behind


# -- edges of panels


def _reach(program: Any, graphs: Graphs, goal: Array, lines: Any) -> Array:
    """`cascade.reach` for the slowest skill; `lines` holds where two lines under each exposure begin, and how slow they
    are.
    """
    rate, start, bits, exponents, _ = graphs
    skills, exponent, dtype = rate.shape[1], exponents[program], goal.dtype
    huge = float(jnp.finfo(dtype).max) ** 0.8
    none = jnp.zeros(LANES, dtype)

    def skill(i: Any, latest: Array) -> Array:
        pace, mine = rate[program, i], bits[program, i]
        present = pace > 0
        pace = jnp.where(present, pace, 1)
        wanted = jnp.maximum(goal - start[program, i], 0) / pace
        count = _loop(i, lambda j, total: total + ((mine >> j) & 1), jnp.zeros(LANES, jnp.int32)).astype(dtype)
        depths = (jnp.ones(LANES, dtype), jnp.log(count + 1) / exponent)

        def pair(j: Any, begins: tuple[Array, ...]) -> tuple[Array, ...]:
            required = ((mine >> j) & 1) == 1
            starts = [lines[program, line * skills + j] for line in range(2)]
            slows = [lines[program, (2 + line) * skills + j] for line in range(2)]

            def reached(depth: Array) -> Array:
                missing = jnp.maximum(depth - start[program, j], 0) / rate[program, j]
                either = jnp.minimum(starts[0] + slows[0] * missing, starts[1] + slows[1] * missing)
                return jnp.minimum(either, huge)

            found = (jnp.maximum(old, reached(depth)) for old, depth in zip(begins, depths, strict=True))
            return tuple(jnp.where(required, new, old) for old, new in zip(begins, found, strict=True))

        begins = _loop(i, pair, (none, none))
        best = jnp.where(count > 0, huge, wanted)
        for line, (begin, depth) in enumerate(zip(begins, depths, strict=True)):
            shut = -count * jnp.log(saturation(exponent * depth))
            slow = jnp.where(count > 0, jnp.exp(jnp.minimum(shut, 0.8 * math.log(huge))), 1)
            lines[program, line * skills + i] = begin
            lines[program, (2 + line) * skills + i] = slow
            best = jnp.where(count > 0, jnp.minimum(best, begin + slow * jnp.minimum(wanted, math.sqrt(huge))), best)
        return jnp.where(present, jnp.maximum(latest, jnp.minimum(best, huge)), latest)

    return _loop(skills, skill, none)


def plan(
    graphs: Graphs,
    target: Any,
    edges: Any,
    gates: Any,
    exposure: Any,
    measure: Any,
    steepness: Any,
    lines: Any,
    *,
    coarse: int,
    timed: bool,
) -> None:
    """`edges` of panels that share the work out evenly: `batches.coarse_solve`, then
    `cascade.even_edges`.

    `target` is the resource time at which they end; or, if `timed`, the effort that every skill is to reach soon before
    they end. The arrays after the edges are for the program's own use.
    """
    rate, start, bits, exponent, first = graphs
    program, skills, panels = pl.program_id(0), rate.shape[1], edges.shape[1] - 1
    power, scale, goal = exponent[program], first[program], target[program]
    dtype = power.dtype
    none = jnp.zeros(LANES, dtype)
    last = goal
    if timed:
        last = jnp.maximum(_reach(program, graphs, goal, lines) * (1 + 1e-5), scale * 1e-3)
    step = jnp.log1p(last / scale) / coarse
    through = 1 / (30 + 3 / power)
    tiny = float(jnp.finfo(dtype).tiny)
    rule = gauss_legendre(COARSE_NODES)

    def edge(number: Any) -> Array:
        return jnp.where(number == coarse, last, scale * jnp.expm1(step * number.astype(dtype)))

    def clear(i: Any, carry: Any) -> Any:
        exposure[program, i] = none
        return carry

    _loop(skills, clear, np.int32(0))

    def panel(p: Any, carry: tuple[Array, ...]) -> tuple[Array, ...]:
        count, until, there = carry
        half = (edge(p + 1) - edge(p)) / 2

        def skill(i: Any, carry: tuple[Array, Array]) -> tuple[Array, Array]:
            effort, short = carry
            pace, begin = rate[program, i], start[program, i]
            opening, _ = _opening(program, bits[program, i], i, gates, COARSE_NODES, errors=False)
            before = exposure[program, i]
            shut, closing = power * (begin + pace * before), power * pace * half
            for node, row in enumerate(rule["cumulative"]):
                gates[program, i, node] = saturation(shut + closing * _not_negative(_combine(row, opening)))
            after = before + half * _combine(rule["weights"], opening)
            exposure[program, i] = after
            grown = pace * after
            effort = effort + jnp.log((1 + grown * (1 / 3)) / (1 + grown * through))
            return effort, jnp.where((pace > 0) & (begin + grown < goal), 1, short)

        effort, short = _loop(skills, skill, (none, jnp.zeros(LANES, jnp.int32)))
        here = step * (p + 1).astype(dtype) + effort / 4
        measure[program, p] = there
        steepness[program, p] = 1 / jnp.maximum(here - there, tiny)
        # one panel more than seems needed: the solve is coarse
        until = jnp.where(p + 1 <= count + 2, here, until) if timed else here
        return count + short, until, here

    count, until, _ = _loop(coarse, panel, (jnp.zeros(LANES, jnp.int32), none, none))
    edges[program, 0] = none
    edges[program, panels] = edge(jnp.minimum(count + 2, coarse)) if timed else last

    def place(q: Any, carry: Any) -> Any:
        wanted = until * (q.astype(dtype) / panels)

        def part(p: Any, along: Array) -> Array:
            share = (wanted - measure[program, p]) * steepness[program, p]
            return along + jnp.minimum(jnp.maximum(share, 0), 1)

        edges[program, q] = scale * jnp.expm1(step * _loop(coarse, part, none))
        return carry

    _loop(panels, place, np.int32(0), start=1)


# -- the cascade


def solve(
    graphs: Graphs,
    edges: Any,
    opening: Any,
    exposure: Any,
    demand: Any,
    spent: Any,
    error: Any,
    panel_error: Any,
    gates: Any,
    missed: Any,
    *,
    with_demand: bool,
) -> None:
    """`cascade.solve_cascade`: openings at nodes, exposures at edges `(program, edge, skill, lane)`, demand at nodes
    and its integral at edges; the estimated error, and the panels' errors.

    The last two arrays are for the program's own use.
    """
    rate, start, bits, exponent, first = graphs
    program, skills, panels = pl.program_id(0), rate.shape[1], edges.shape[1] - 1
    rule, most = gauss_legendre(), width(skills) - 1
    power, scale = exponent[program], first[program]
    dtype = power.dtype
    none = jnp.zeros(LANES, dtype)
    # exposures below this scale decide nothing: relative errors there are forgotten
    least = scale / (10 * jnp.maximum(power, 1))

    def clear(i: Any, carry: Any) -> Any:
        exposure[program, 0, i & most] = none
        missed[program, i] = none
        return carry

    _loop(skills, clear, np.int32(0))

    def panel(p: Any, carry: tuple[Array, ...]) -> tuple[Array, ...]:
        worst, total, off_edges, off_inside = carry
        half = (edges[program, p + 1] - edges[program, p]) / 2

        def skill(i: Any, carry: tuple[Array, ...]) -> tuple[Array, ...]:
            worst, shortest, *wanted = carry
            pace = rate[program, i]
            openings, behind = _opening(program, bits[program, i], i, gates, NODES, errors=True)
            before = exposure[program, p, i & most]
            gained = half * _combine(rule["weights"], openings)
            after = before + gained
            exposure[program, p + 1, i & most] = after
            there, growth = start[program, i] + pace * before, pace * half
            steep = none
            for node, row in enumerate(rule["cumulative"]):
                effort = there + growth * _not_negative(_combine(row, openings))
                gate = saturation(power * effort)
                gates[program, i, node] = gate
                if node == 0:
                    steep = jnp.where(gate > 0, power * effort * (1 - gate) / jnp.where(gate > 0, gate, 1), 1)
                opening[program, p, node, i & most] = openings[node]
                if with_demand:
                    wanted[node] = wanted[node] + pace * (openings[node] * decay(effort))
            edge, within = _missed(openings, half)
            off = missed[program, i] + (edge + gained * behind)
            missed[program, i] = off
            relative = jnp.where(after > 0, off / jnp.where(after > 0, after, 1), 0)
            gates[program, i, NODES] = jnp.where(relative > 1, 1, relative) * steep
            worst = _larger(pace * decay(there) * (off + within), worst)
            shortest = jnp.where(pace > 0, _larger(within / (after + least), shortest), shortest)
            return (worst, shortest, *wanted)

        worst, shortest, *wanted = _loop(skills, skill, (worst, none, *([none] * NODES if with_demand else [])))
        if not with_demand:
            panel_error[program, p] = shortest
            return worst, total, off_edges, off_inside
        edge, within = _missed(wanted, half)
        panel_error[program, p] = shortest + within
        for node in range(NODES):
            demand[program, p, node] = wanted[node]
        spent[program, p] = total
        total = total + half * _combine(rule["weights"], wanted)
        return worst, total, off_edges + edge, _larger(within, off_inside)

    worst, total, off_edges, off_inside = _loop(panels, panel, (none,) * 4)
    error[program] = worst + off_edges + off_inside
    spent[program, panels if with_demand else 0] = total


# -- reading it


def read_clock(
    solved: Solution, place: Any, rate: Any, waste: Any, spoiled: Any, ts: Any, state: Any, clock: Any
) -> None:
    """`cascade.read_clock` for one graph and one of its clocks: `state` `(graph, clock, time, skill)`, `clock` `(graph,
    clock, time)`.

    `place` tells the place of each skill in topological order, -1 for absent ones; `spoiled` is NaN for what is lost,
    otherwise 0.
    """
    edges, opening, exposure, demand, spent = solved
    graph, which = pl.program_id(0), pl.program_id(1)
    times, skills, panels, room = state.shape[2], state.shape[3], demand.shape[1], opening.shape[3]
    time = pl.program_id(2) * TIMES + lax.broadcasted_iota(jnp.int32, (TIMES,), 0)
    within = time < times
    now = triton.load(ts.at[jnp.where(within, time, 0)])
    wasted, bad = waste[graph, which], spoiled[graph, which]
    wanted = rate[graph, which] * now
    panel = jnp.zeros(TIMES, jnp.int32)
    for edge in range(1, panels):
        panel = panel + (spent[graph, edge] + wasted * edges[graph, edge] <= wanted).astype(jnp.int32)

    def at(array: Any, *index: Any) -> Array:
        return triton.load(array.at[(graph, *index)])

    left, right = at(edges, panel), at(edges, panel + 1)
    half = (right - left) / 2
    values = [(at(demand, panel, node) + wasted) * half for node in range(NODES)]
    base, end = at(spent, panel) + wasted * left, at(spent, panel + 1) + wasted * right
    position = _place(values, base, end, wanted)
    begun = now > 0
    triton.store(clock.at[graph, which, time], jnp.where(begun, left + half * (1 + position), 0) + bad, mask=within)
    column = lax.broadcasted_iota(jnp.int32, (room,), 0)
    inside = column < skills
    mine = at(place, jnp.where(inside, column, 0))
    absent = jnp.where(mine < 0, jnp.nan, jnp.zeros(room, now.dtype)) + bad

    def tall(value: Array) -> Array:
        return lax.broadcast_in_dim(value, (TIMES, room), (0,))

    def wide(value: Array) -> Array:
        return lax.broadcast_in_dim(value, (TIMES, room), (1,))

    here, skill = tall(panel), wide(mine & (room - 1))
    found = at(exposure, here, skill)
    for node, weight in enumerate(_node_weights(position, half)):
        found = found + tall(weight) * at(opening, here, node, skill)
    # rounding must not make a level negative
    found = jnp.where(tall(begun), jnp.maximum(found, 0), 0) + wide(absent)
    keep = tall(within) & wide(inside)
    triton.store(state.at[graph, which, tall(time), wide(column)], found, mask=keep)


def read_times(graphs: Graphs, target: Any, solved: Solution, clock: Any, learned: Any) -> None:
    """Where each skill's effort reaches its target: resource time, and all that is learned by then."""
    rate, start, edges, opening, exposure = graphs.rate, graphs.start, solved.edges, solved.opening, solved.exposure
    program, skills, panels = pl.program_id(0), rate.shape[1], edges.shape[1] - 1
    lane, most = lax.broadcasted_iota(jnp.int32, (LANES,), 0), width(skills) - 1
    goal = target[program]
    none = jnp.zeros(LANES, goal.dtype)

    def at(array: Any, *index: Any) -> Array:
        return triton.load(array.at[(program, *index, lane)])

    def skill(i: Any, carry: Any) -> Any:
        pace, own = rate[program, i], i & most
        wanted = jnp.maximum(goal - start[program, i], 0) / jnp.where(pace > 0, pace, 1)

        def passed(p: Any, panel: Array) -> Array:
            return panel + (exposure[program, p, own] <= wanted).astype(jnp.int32)

        panel = _loop(panels, passed, jnp.zeros(LANES, jnp.int32), start=1)
        left, right = at(edges, panel), at(edges, panel + 1)
        half = (right - left) / 2
        values = [at(opening, panel, node, own) * half for node in range(NODES)]
        place = _place(values, at(exposure, panel, own), at(exposure, panel + 1, own), wanted)
        weights = _node_weights(place, half)

        def other(j: Any, total: Array) -> Array:
            found = at(exposure, panel, j & most)
            for node, weight in enumerate(weights):
                found = found + weight * at(opening, panel, node, j & most)
            begin = start[program, j]
            return total + (saturation(begin + rate[program, j] * found) - saturation(begin))

        learned[program, i] = _loop(skills, other, none)
        # a value that is there at once is reached at 0, also behind a shut gate, where the search has no slope
        clock[program, i] = jnp.where(wanted > 0, left + half * (1 + place), 0)
        return carry

    _loop(skills, skill, np.int32(0))
