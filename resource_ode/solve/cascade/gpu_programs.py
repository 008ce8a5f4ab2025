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

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton
from jaxtyping import Array

from ...base.constants import CONSTANTS
from ...base.legendre import NODES, gauss_legendre
from .errors import rounding
from .gpu_arithmetic import (
    combine,
    decay,
    error_in_the_middle,
    gate_error,
    larger,
    lines_reach,
    loop,
    missed_by_interpolant,
    node_weights,
    not_negative,
    opening_of,
    place_of,
    saturation,
)
from .gpu_layout import LANES, Graphs, Solution, width

# half of `cascade.COARSE_NODES` place the edges as well, at half the price
COARSE_NODES = 2


# times of one program of `read_clock`, all in one warp
TIMES = 32


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
        last = lines_reach(program, graphs, goal, lines) * (1 + CONSTANTS.margin)
        last = jnp.maximum(last, scale * CONSTANTS.shortest)
    step = jnp.log1p(last / scale) / coarse
    through = 1 / (CONSTANTS.learned + CONSTANTS.open / power)
    tiny = float(jnp.finfo(dtype).tiny)
    rule = gauss_legendre(COARSE_NODES)

    def edge(number: Any) -> Array:
        return jnp.where(number == coarse, last, scale * jnp.expm1(step * number.astype(dtype)))

    def clear(i: Any, carry: Any) -> Any:
        exposure[program, i] = none
        return carry

    loop(skills, clear, np.int32(0))

    def panel(p: Any, carry: tuple[Array, ...]) -> tuple[Array, ...]:
        count, until, there = carry
        half = (edge(p + 1) - edge(p)) / 2

        def skill(i: Any, carry: tuple[Array, Array]) -> tuple[Array, Array]:
            effort, short = carry
            pace, begin = rate[program, i], start[program, i]
            opening, _ = opening_of(program, bits[program, i], i, gates, COARSE_NODES, errors=False)
            before = exposure[program, i]
            shut, closing = power * (begin + pace * before), power * pace * half
            for node, row in enumerate(rule["cumulative"]):
                gates[program, i, node] = saturation(shut + closing * not_negative(combine(row, opening)))
            after = before + half * combine(rule["weights"], opening)
            exposure[program, i] = after
            grown = pace * after
            effort = effort + jnp.log((1 + grown * (1 / CONSTANTS.begins)) / (1 + grown * through))
            return effort, jnp.where((pace > 0) & (begin + grown < goal), 1, short)

        effort, short = loop(skills, skill, (none, jnp.zeros(LANES, jnp.int32)))
        here = step * (p + 1).astype(dtype) + effort * CONSTANTS.part
        measure[program, p] = there
        steepness[program, p] = 1 / jnp.maximum(here - there, tiny)
        # one panel more than seems needed: the solve is coarse
        until = jnp.where(p + 1 <= count + 2, here, until) if timed else here
        return count + short, until, here

    count, until, _ = loop(coarse, panel, (jnp.zeros(LANES, jnp.int32), none, none))
    edges[program, 0] = none
    edges[program, panels] = edge(jnp.minimum(count + 2, coarse)) if timed else last

    def place(q: Any, carry: Any) -> Any:
        wanted = until * (q.astype(dtype) / panels)

        def part(p: Any, along: Array) -> Array:
            share = (wanted - measure[program, p]) * steepness[program, p]
            return along + jnp.minimum(jnp.maximum(share, 0), 1)

        edges[program, q] = scale * jnp.expm1(step * loop(coarse, part, none))
        return carry

    loop(panels, place, np.int32(0), start=1)


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
    none, one = jnp.zeros(LANES, dtype), jnp.ones(LANES, dtype)
    # exposures below this scale decide nothing: relative errors there are forgotten
    least = scale / (10 * jnp.maximum(power, 1))

    def clear(i: Any, carry: Any) -> Any:
        exposure[program, 0, i & most] = none
        missed[program, i] = none
        return carry

    loop(skills, clear, np.int32(0))

    def opened_at_start(i: Any, j: Any, value: Array) -> Array:
        required = ((bits[program, i] >> j) & 1) == 1
        return jnp.where(required, value * saturation(power * start[program, j]), value)

    def panel(p: Any, carry: tuple[Array, ...]) -> tuple[Array, ...]:
        worst, total, off_edges, off_inside = carry
        half = (edges[program, p + 1] - edges[program, p]) / 2

        def skill(i: Any, carry: tuple[Array, ...]) -> tuple[Array, ...]:
            worst, shortest, *wanted = carry
            pace = rate[program, i]
            openings, behind = opening_of(program, bits[program, i], i, gates, NODES, errors=True)
            before = exposure[program, p, i & most]
            gained = half * combine(rule["weights"], openings)
            after = before + gained
            exposure[program, p + 1, i & most] = after
            there, growth = start[program, i] + pace * before, pace * half
            grown, efforts, opened = [], [], []
            for node, row in enumerate(rule["cumulative"]):
                inner = not_negative(combine(row, openings))
                effort = there + growth * inner
                gate = saturation(power * effort)
                gates[program, i, node] = gate
                for values, value in ((grown, inner * half), (efforts, effort), (opened, gate)):
                    values.append(value)
                opening[program, p, node, i & most] = openings[node]
                if with_demand:
                    wanted[node] = wanted[node] + pace * (openings[node] * decay(effort))
            # how open it is at 0 is known: what the polynomial says else has happened before the first node of all
            begins = loop(jnp.where(p == 0, i, 0), lambda j, value: opened_at_start(i, j, value), one)
            jump = jnp.where(p == 0, jnp.abs(combine(rule["left"], openings) - begins), 0)
            unseen = jump * half * (1 + float(rule["nodes"][0]))
            edge, within = (x + unseen for x in missed_by_interpolant(openings, half))
            came, added = missed[program, i], edge + gained * (behind + rounding(dtype))
            missed[program, i] = came + added
            relative = error_in_the_middle(before, grown[NODES // 2], gained, came, added)
            gates[program, i, NODES] = gate_error(relative, power, start[program, i], pace * within, efforts, opened)
            off = came + added + within
            # of what may be less than it seems, more may be left
            lowest = jnp.where(off > CONSTANTS.doubtful * before, not_negative(before - off), before)
            worst = larger(pace * decay(start[program, i] + pace * lowest) * off, worst)
            shortest = jnp.where(pace > 0, larger(within / (after + least), shortest), shortest)
            return (worst, shortest, *wanted)

        worst, shortest, *wanted = loop(skills, skill, (worst, none, *([none] * NODES if with_demand else [])))
        if not with_demand:
            panel_error[program, p] = shortest
            return worst, total, off_edges, off_inside
        edge, within = missed_by_interpolant(wanted, half)
        panel_error[program, p] = shortest + within
        for node in range(NODES):
            demand[program, p, node] = wanted[node]
        spent[program, p] = total
        total = total + half * combine(rule["weights"], wanted)
        return worst, total, off_edges + edge, larger(within, off_inside)

    worst, total, off_edges, off_inside = loop(panels, panel, (none,) * 4)
    error[program] = worst + off_edges + off_inside
    spent[program, panels if with_demand else 0] = total


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
    position = place_of(values, base, end, wanted)
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
    found = before = at(exposure, here, skill)
    for node, weight in enumerate(node_weights(position, half)):
        found = found + tall(weight) * at(opening, here, node, skill)
    # exposures never fall, whatever the interpolant does
    found = jnp.minimum(jnp.maximum(found, before), at(exposure, here + 1, skill))
    found = jnp.where(tall(begun), found, 0) + wide(absent)
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

        panel = loop(panels, passed, jnp.zeros(LANES, jnp.int32), start=1)
        left, right = at(edges, panel), at(edges, panel + 1)
        half = (right - left) / 2
        values = [at(opening, panel, node, own) * half for node in range(NODES)]
        place = place_of(values, at(exposure, panel, own), at(exposure, panel + 1, own), wanted)
        weights = node_weights(place, half)

        def other(j: Any, total: Array) -> Array:
            found = before = at(exposure, panel, j & most)
            for node, weight in enumerate(weights):
                found = found + weight * at(opening, panel, node, j & most)
            # exposures never fall, whatever the interpolant does
            found = jnp.minimum(jnp.maximum(found, before), at(exposure, panel + 1, j & most))
            begin = start[program, j]
            return total + (saturation(begin + rate[program, j] * found) - saturation(begin))

        learned[program, i] = loop(skills, other, none)
        # a value that is there at once is reached at 0, also behind a shut gate, where the search has no slope
        clock[program, i] = jnp.where(wanted > 0, left + half * (1 + place), 0)
        return carry

    loop(skills, skill, np.int32(0))
