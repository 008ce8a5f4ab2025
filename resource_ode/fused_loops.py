"""The loops behind `fused`, compiled by numba; the mathematics, and why it is so, is that of `cascade`.

Everything here takes one graph, or a range of rows. Arrays at nodes are `(node, panel)`; skills come in topological
order, absent ones not at all.
"""

from __future__ import annotations

import inspect
import math

import numba
import numpy as np

from .cascade import COARSE_NODES, NEWTON_STEPS, NODES, _rule

# constants of the compiled code
_NODES = NODES
_NEWTON_STEPS = NEWTON_STEPS
_PLACES = np.concatenate([[-1.0], _rule()["nodes"], [1.0]])
_CUMULATIVE = np.ascontiguousarray(_rule()["cumulative"])
_WEIGHTS = np.ascontiguousarray(_rule()["weights"])
_TAIL = np.ascontiguousarray(_rule()["tail"])
_POWERS = np.ascontiguousarray(_rule()["powers"])
# a row each for the value at one node
_TO_KNOTS, _TO_POWERS = np.ascontiguousarray(_CUMULATIVE.T), np.ascontiguousarray(_POWERS.T)
_COARSE_NODES = COARSE_NODES
_COARSE_CUMULATIVE = np.ascontiguousarray(_rule(COARSE_NODES)["cumulative"])
_COARSE_WEIGHTS = np.ascontiguousarray(_rule(COARSE_NODES)["weights"])
_LARGEST = 700.0
_SHIFT = 1.5 * 2.0**52
_INVERSE_LN2, _LN2_HIGH, _LN2_LOW = 1 / math.log(2), 0.693147180369123816490, 1.90821492927058770002e-10
_C2, _C3, _C4, _C5, _C6, _C7, _C8, _C9, _C10, _C11, _C12, _C13 = (1 / math.factorial(k) for k in range(2, 14))


def _compiled(function):
    # "contract" fuses multiplications with additions; nothing is reordered, so that rounding is what is written
    options = {"nogil": True, "cache": True, "fastmath": {"contract"}, "error_model": "numpy"}
    return numba.njit(**options)(inspect.unwrap(function))  # a type checker may have wrapped it


# -- exponentials, as in `special`


@_compiled
def _parts(x):
    """`2^-k` and `2^-k (e^-r - 1)` with `x = k ln 2 + r`, for `x >= 0`."""
    x = min(x, _LARGEST)
    # the last bits of the shifted number are the nearest whole number
    shifted = x * _INVERSE_LN2 + _SHIFT
    k = shifted - _SHIFT
    r = k * _LN2_HIGH - x + k * _LN2_LOW
    s = _C12 + r * _C13
    s = _C11 + r * s
    s = _C10 + r * s
    s = _C9 + r * s
    s = _C8 + r * s
    s = _C7 + r * s
    s = _C6 + r * s
    s = _C5 + r * s
    s = _C4 + r * s
    s = _C3 + r * s
    s = _C2 + r * s
    s = 1.0 + r * s
    power = np.int64((1023 - np.float64(shifted).view(np.int64)) << 52).view(np.float64)
    return power, power * (s * r)


@_compiled
def _decay(x):
    power, rest = _parts(x)
    return power + rest if x <= _LARGEST else (0.0 if x > _LARGEST else x)


@_compiled
def _saturation(x):
    power, rest = _parts(x)
    return (1.0 - power) - rest


# -- edges of panels


@_compiled
def _logarithmic_edges(first, last, edges):
    panels = edges.size - 1
    step = math.log1p(last / first) / panels
    for k in range(panels):
        edges[k] = first * math.expm1(k * step)
    edges[panels] = last


@_compiled
def _even_edges(order, rate, exponent, largest, coarse, exposure, last, edges):
    """`cascade.even_edges`: edges that share the work out evenly, up to edge `last` of the coarse ones."""
    fastest = 0.0
    for s in order:
        fastest = max(fastest, rate[s])
    first, through = 1 / fastest, 1 / (30 * (largest / exponent) + 3 / exponent)
    along, measure = np.empty(last + 1), np.empty(last + 1)
    for k in range(last + 1):
        along[k] = math.log1p(coarse[k] / first)
        total, product = 0.0, 1.0
        for s in order:
            grown = rate[s] * exposure[s, k]
            product *= (1 + grown * (1 / 3)) / (1 + grown * through)
            # one logarithm for as many factors as a number holds
            if product > 1e200:
                total += math.log(product)
                product = 1.0
        measure[k] = along[k] + (total + math.log(product)) / 4
    panels, at = edges.size - 1, 0
    edges[0] = 0.0
    for k in range(1, panels):
        wanted = measure[last] * (k / panels)
        while at < last - 1 and measure[at + 1] <= wanted:
            at += 1
        part = (wanted - measure[at]) / (measure[at + 1] - measure[at])
        edges[k] = first * math.expm1(along[at] + part * (along[at + 1] - along[at]))
    edges[panels] = coarse[last]


@_compiled
def _refine_edges(edges, panel_error, new):
    """`cascade.refine_edges`: more panels, the additional ones where the error is."""
    old, panels, last = edges.size - 1, new.size - 1, edges[-1]
    total = 0.0
    for p in range(old):
        total += np.cbrt(panel_error[p]) + 1e-30
    position, scale = np.empty(old + 1), np.empty(old + 1)
    first = last
    for edge in edges:
        if edge > 0:
            first = min(first, edge)
    position[0], scale[0] = 0.0, math.log(max(first / 8, 2.2250738585072014e-308))
    for p in range(old):
        position[p + 1] = position[p] + 1 + (panels - old) * (np.cbrt(panel_error[p]) + 1e-30) / total
        scale[p + 1] = math.log(max(edges[p + 1], max(first / 8, 2.2250738585072014e-308)))
    at = 0
    new[0], new[panels] = 0.0, last
    for k in range(1, panels):
        wanted = k * (position[old] / panels)
        while at < old - 1 and position[at + 1] <= wanted:
            at += 1
        part = (wanted - position[at]) / (position[at + 1] - position[at])
        new[k] = math.exp(scale[at] + part * (scale[at + 1] - scale[at]))


# -- the cascade of one graph


@_compiled
def _sorted(present, depth, required, prerequisites, order, needed):
    """The present skills by depth, and which of them others wait for; returns how many are present."""
    skills, fan_in = required.shape
    needed[:] = False
    count, level = 0, 0
    total = 0
    for s in range(skills):
        total += present[s]
    while count < total:
        for s in range(skills):
            if present[s] and depth[s] == level:
                order[count] = s
                count += 1
                for f in range(fan_in):
                    if required[s, f]:
                        needed[prerequisites[s, f]] = True
        level += 1
    return count


@_compiled
def _open(s, prerequisites, required, gates, opening):
    """The product of the gates before a skill at all nodes; false if there are none, when it is not written."""
    found = False
    panels = opening.shape[1]
    for f in range(required.shape[1]):
        if required[s, f]:
            gate = gates[prerequisites[s, f]]
            for node in range(opening.shape[0]):
                if found:
                    for p in range(panels):
                        opening[node, p] *= gate[node, p]
                else:
                    for p in range(panels):
                        opening[node, p] = gate[node, p]
            found = True
    return found


@_compiled
def _coarse_solve(order, needed, prerequisites, required, rate, start, exponent, edges, gates, opening, exposure):
    """Exposures `(skill, edge)` to a few per cent."""
    panels = edges.size - 1
    for s in order:
        x, gate = exposure[s], gates[s]
        if not _open(s, prerequisites, required, gates, opening):
            opening[:] = 1.0
        x[0] = 0.0
        for p in range(panels):
            gained = 0.0
            for node in range(_COARSE_NODES):
                gained += _COARSE_WEIGHTS[node] * opening[node, p]
            x[p + 1] = x[p] + gained * (edges[p + 1] - edges[p]) / 2
        if needed[s]:
            a, b = exponent * start[s], exponent * rate[s]
            for node in range(_COARSE_NODES):
                c0, c1, c2, c3 = _COARSE_CUMULATIVE[node]
                for p in range(panels):
                    half = (edges[p + 1] - edges[p]) / 2
                    inside = c0 * opening[0, p] + c1 * opening[1, p] + c2 * opening[2, p] + c3 * opening[3, p]
                    gate[node, p] = _saturation(a + b * (x[p] + half * inside))


@_compiled
def _combine(row, values, out):
    """One row of a matrix times the values at the nodes, for all panels."""
    c0, c1, c2, c3, c4, c5, c6, c7 = row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7]
    v0, v1, v2, v3 = values[0], values[1], values[2], values[3]
    v4, v5, v6, v7 = values[4], values[5], values[6], values[7]
    for p in range(out.size):
        first = c0 * v0[p] + c1 * v1[p] + c2 * v2[p] + c3 * v3[p]
        out[p] = first + (c4 * v4[p] + c5 * v5[p] + c6 * v6[p] + c7 * v7[p])


@_compiled
def _missed(values, half, rows, edge, within):
    """`cascade._missed` of an integrand: what its integral may be wrong by at right edges, and on top of it inside."""
    for k in range(4):
        _combine(_TAIL[k], values, rows[k])
    fourth, third, second, last = rows[0], rows[1], rows[2], rows[3]
    for p in range(half.size):
        size = max(abs(last[p]), abs(second[p]) * 0.25)
        before = max(max(abs(fourth[p]), abs(third[p])), size)
        decay = size / (before + 2.2250738585072014e-308)
        size *= half[p]
        edge[p] = size * decay * decay * 0.5
        within[p] = size * decay * 0.25


@_compiled
def _buffers(skills, panels):
    nodes = (skills, _NODES, panels)
    return (
        np.empty(nodes),
        np.empty(nodes),
        np.empty((_NODES, panels)),
        np.empty((skills, panels + 1)),
        np.empty((skills, panels)),
        np.empty((skills, panels)),
        np.empty((11, panels)),
    )


@_compiled
def _solve(order, needed, prerequisites, required, rate, start, exponent, edges, with_demand, buffers, panel_error):
    """`cascade.solve_cascade`: openings, exposures at edges, demand into the buffers; returns the level error."""
    opening, gates, demand, at_edges, relative, every, rows = buffers
    panels = edges.size - 1
    half, edge, within, behind = rows[0], rows[1], rows[2], rows[3]
    inside, tails, left = rows[4], rows[5:9], rows[9]
    fastest = 0.0
    for s in order:
        fastest = max(fastest, rate[s])
    least = 1 / (10 * fastest * max(exponent, 1.0))
    for p in range(panels):
        half[p] = (edges[p + 1] - edges[p]) * 0.5
        panel_error[p] = 0.0
    if with_demand:
        demand[:] = 0.0
    worst = 0.0
    for s in order:
        o, x, mine, off = opening[s], at_edges[s], relative[s], every[s]
        rooted = not _open(s, prerequisites, required, gates, o)
        x[0] = 0.0
        if rooted:
            o[:] = 1.0
            x[:] = edges
            mine[:] = 0.0
            off[:] = 0.0
        else:
            _combine(_WEIGHTS, o, inside)
            for p in range(panels):
                x[p + 1] = x[p] + inside[p] * half[p]
            _missed(o, half, tails, edge, within)
            behind[:] = 0.0
            for f in range(required.shape[1]):
                if required[s, f]:
                    before = relative[prerequisites[s, f]]
                    for p in range(panels):
                        behind[p] += before[p]
            missed = 0.0
            for p in range(panels):
                missed += edge[p] + (x[p + 1] - x[p]) * behind[p]
                edge[p] = missed
            for p in range(panels):
                reached = x[p + 1]
                mine[p] = min(edge[p] / reached, 1.0) if reached > 0 else 0.0
                off[p] = edge[p] + within[p]
                left[p] = rate[s] * _decay(start[s] + rate[s] * x[p]) * off[p]
                panel_error[p] = max(panel_error[p], within[p] / (reached + least))
            for p in range(panels):
                # not max(): a NaN must stay
                if not left[p] <= worst:
                    worst = left[p]
        for node in range(_NODES):
            if rooted:
                place = 0.5 * (1 + _PLACES[node + 1])
                for p in range(panels):
                    inside[p] = start[s] + rate[s] * (edges[p] + place * (edges[p + 1] - edges[p]))
            else:
                _combine(_CUMULATIVE[node], o, inside)
                for p in range(panels):
                    inside[p] = start[s] + rate[s] * (x[p] + half[p] * inside[p])
            if needed[s]:
                gate = gates[s, node]
                for p in range(panels):
                    gate[p] = _saturation(exponent * inside[p])
            if with_demand:
                total, open_here = demand[node], o[node]
                for p in range(panels):
                    total[p] += open_here[p] * rate[s] * _decay(inside[p])
    if with_demand:
        worst += _missed_demand(demand, half, tails, edge, within)
        for p in range(panels):
            panel_error[p] += within[p]
    return worst


@_compiled
def _missed_demand(demand, half, tails, edge, within):
    """What the clock may be wrong by, anywhere."""
    _missed(demand, half, tails, edge, within)
    total, most = 0.0, 0.0
    for p in range(half.size):
        total += edge[p]
        if not within[p] <= most:
            most = within[p]
    return total + most


@_compiled
def _at_exponent(order, rate, ratio, edges, solved, with_demand, own_edges, own, panel_error):
    """`cascade.at_exponent`: edges, exposures at edges and demand for another gate exponent; returns the level error.

    `own` are buffers of which those of the openings are the solved ones.
    """
    opening, _, _, solved_edges, _, solved_off, _ = solved
    _, _, demand, at_edges, _, off, rows = own
    half, edge, within, inside, tails = rows[0], rows[1], rows[2], rows[4], rows[5:9]
    panels, inverse = edges.size - 1, 1 / ratio
    for p in range(panels + 1):
        own_edges[p] = edges[p] * inverse
    for p in range(panels):
        half[p] = (own_edges[p + 1] - own_edges[p]) * 0.5
    if with_demand:
        demand[:] = 0.0
    worst = 0.0
    for s in order:
        o, x = opening[s], at_edges[s]
        for p in range(panels + 1):
            x[p] = solved_edges[s, p] * inverse
        for p in range(panels):
            off[s, p] = solved_off[s, p] * inverse
            inside[p] = rate[s] * _decay(rate[s] * x[p]) * off[s, p]
        for p in range(panels):
            if not inside[p] <= worst:
                worst = inside[p]
        for node in range(_NODES if with_demand else 0):
            _combine(_CUMULATIVE[node], o, inside)
            total, open_here = demand[node], o[node]
            for p in range(panels):
                total[p] += open_here[p] * rate[s] * _decay(rate[s] * (x[p] + half[p] * inside[p]))
    if with_demand:
        worst += _missed_demand(demand, half, tails, edge, within)
        for p in range(panels):
            panel_error[p] = max(panel_error[p], within[p])
    return worst


@_compiled
def _own_buffers(solved):
    """Buffers for one gate exponent of a solve: its openings, and what depends on the exponent."""
    opening, gates, demand, at_edges, relative, off, rows = solved
    return opening, gates, np.empty_like(demand), np.empty_like(at_edges), relative, np.empty_like(off), rows


@_compiled
def _solve_exponents(
    order,
    needed,
    prerequisites,
    required,
    rate,
    start,
    exponent,
    all_exponents,
    edges,
    with_demand,
    buffers,
    panel_error,
):
    """`_solve` for all gate exponents of a graph: the worst of their errors."""
    if all_exponents.size == 1:
        return _solve(
            order, needed, prerequisites, required, rate, start, exponent, edges, with_demand, buffers, panel_error
        )
    worst = _solve(order, needed, prerequisites, required, rate, start, exponent, edges, False, buffers, panel_error)
    own, own_edges, worst_panels = _own_buffers(buffers), np.empty_like(edges), np.zeros(panel_error.size)
    worst = 0.0
    for a in all_exponents:
        error = _at_exponent(order, rate, a / exponent, edges, buffers, with_demand, own_edges, own, worst_panels)
        if not error <= worst:
            worst = error
    panel_error += worst_panels
    return worst


# -- reading it


@_compiled
def _polynomial_of(values, constant, panel, half, base, knots, powers):
    """An integral within a panel: its value at all nodes, and the coefficients of its powers."""
    knots[:] = base
    powers[:] = 0.0
    for k in range(_NODES):
        value = (values[k, panel] + constant) * half
        to_knots, to_powers = _TO_KNOTS[k], _TO_POWERS[k]
        for node in range(_NODES):
            knots[node] += to_knots[node] * value
        for power in range(_NODES + 1):
            powers[power] += to_powers[power] * value


@_compiled
def _bracket(knots, base, end, target, place, low, high, t):
    """Newton's start for one target in a panel: the interval between nodes, and the chord's place in it."""
    below, found, above = base, 0, end
    for node in range(_NODES):
        if knots[node] <= target:
            below, found = knots[node], node + 1
        else:
            above = knots[node]
            break
    low[t], high[t] = _PLACES[found], _PLACES[found + 1]
    rise = above - below
    part = min(max((target - below) / rise, 0.0), 1.0) if rise > 0 else 0.0
    place[t] = low[t] + (high[t] - low[t]) * part


@_compiled
def _newton(base, target, powers, place, low, high):
    """Where the polynomials reach the targets; the last step is not clipped, as in `cascade.invert_primitive`."""
    p0, p1, p2, p3, p4 = powers[0], powers[1], powers[2], powers[3], powers[4]
    p5, p6, p7, p8 = powers[5], powers[6], powers[7], powers[8]
    for step in range(_NEWTON_STEPS + 1):
        for t in range(place.size):
            z = place[t]
            value = p8[t] * z + p7[t]
            slope = p8[t] * z + value
            value = value * z + p6[t]
            slope = slope * z + value
            value = value * z + p5[t]
            slope = slope * z + value
            value = value * z + p4[t]
            slope = slope * z + value
            value = value * z + p3[t]
            slope = slope * z + value
            value = value * z + p2[t]
            slope = slope * z + value
            value = value * z + p1[t]
            slope = slope * z + value
            value = value * z + p0[t]
            change = (value + base[t] - target[t]) / (slope if slope > 0 else 1.0)
            moved = z - (change if slope > 0 else 0.0)
            place[t] = moved if step == _NEWTON_STEPS else min(max(moved, low[t]), high[t])


@_compiled
def _node_weights(place, panel, edges, powers, weights):
    """Weight of each node in an integral up to a place, times half the width of the panel: `(node, time)`."""
    for node in range(_NODES):
        c0, c1, c2 = _POWERS[0, node], _POWERS[1, node], _POWERS[2, node]
        c3, c4, c5 = _POWERS[3, node], _POWERS[4, node], _POWERS[5, node]
        c6, c7, c8 = _POWERS[6, node], _POWERS[7, node], _POWERS[8, node]
        row = weights[node]
        for t in range(place.size):
            z = place[t]
            row[t] = c0 + z * (c1 + z * (c2 + z * (c3 + z * (c4 + z * (c5 + z * (c6 + z * (c7 + z * c8)))))))
    for t in range(place.size):
        half = (edges[panel[t] + 1] - edges[panel[t]]) * 0.5
        for node in range(_NODES):
            weights[node, t] *= half


@_compiled
def _table_of(order, places, opening, at_edges, table):
    """Openings at nodes `(panel, node, place)`, and the exposure at the left edge in the place of one node more."""
    for k in range(order.size):
        s, place = order[k], places[k]
        for p in range(at_edges.shape[1] - 1):
            for node in range(_NODES):
                table[p, node, place] = opening[s, node, p]
            table[p, _NODES, place] = at_edges[s, p]


@_compiled
def _exposures(here, weights, t, row):
    """Exposures at one position: those at the left edge of its panel, and what the weighted nodes add."""
    w0, w1, w2, w3 = weights[0, t], weights[1, t], weights[2, t], weights[3, t]
    w4, w5, w6, w7 = weights[4, t], weights[5, t], weights[6, t], weights[7, t]
    for s in range(row.size):
        first = here[8, s] + w0 * here[0, s] + w1 * here[1, s] + w2 * here[2, s] + w3 * here[3, s]
        value = first + (w4 * here[4, s] + w5 * here[5, s] + w6 * here[6, s] + w7 * here[7, s])
        # rounding must not make a level negative
        row[s] = max(value, 0.0)


@_compiled
def _read(order, rate, waste, ts, edges, buffers, table, state, clock):
    """`cascade.read_clock`: exposures and resource time at training steps; true if something was not finite."""
    _, _, demand, at_edges, _, _, _ = buffers
    panels, times = edges.size - 1, ts.size
    spent = np.empty(panels + 1)
    spent[0] = 0.0
    knots, polynomial = np.empty(_NODES), np.empty(_NODES + 1)
    for p in range(panels):
        gained = 0.0
        for node in range(_NODES):
            gained += _WEIGHTS[node] * (demand[node, p] + waste)
        spent[p + 1] = spent[p] + gained * (edges[p + 1] - edges[p]) * 0.5
    base, target, place = np.empty(times), np.empty(times), np.empty(times)
    low, high, powers = np.empty(times), np.empty(times), np.empty((_NODES + 1, times))
    panel, weights = np.empty(times, np.int64), np.empty((_NODES, times))
    at, held = 0, -1
    for t in range(times):
        wanted = rate * ts[t]
        while at < panels - 1 and spent[at + 1] <= wanted:
            at += 1
        if at != held:
            half = (edges[at + 1] - edges[at]) * 0.5
            _polynomial_of(demand, waste, at, half, spent[at], knots, polynomial)
            held = at
        panel[t], base[t], target[t] = at, spent[at], wanted
        for k in range(_NODES + 1):
            powers[k, t] = polynomial[k]
        _bracket(knots, spent[at], spent[at + 1], wanted, place, low, high, t)
    _newton(base, target, powers, place, low, high)
    total = 0.0
    for t in range(times):
        half = (edges[panel[t] + 1] - edges[panel[t]]) * 0.5
        clock[t] = edges[panel[t]] + half * (1 + place[t]) if ts[t] > 0 else 0.0
        total += clock[t]
    for s in order:
        total += at_edges[s, panels]
    if not np.isfinite(total):
        state[:] = np.nan
        clock[:] = np.nan
        return True
    _node_weights(place, panel, edges, powers, weights)
    skills = state.shape[1]
    for t in range(times):
        row = state[t]
        if ts[t] == 0:
            for s in range(skills):
                row[s] = 0.0
            continue
        _exposures(table[panel[t]], weights, t, row)
    return False


@_compiled
def trajectories(
    begin,
    end,
    prerequisites,
    required,
    present,
    depth,
    rate,
    start,
    exponent,
    all_exponents,
    learning_rate,
    waste,
    last,
    ts,
    tolerance,
    counts,
    coarse_panels,
    state,
    clock,
    unsure,
    lost,
):
    """Rows `begin` to `end` of a batch; `counts` are the numbers of panels to try, in order."""
    skills = present.shape[1]
    order, needed = np.empty(skills, np.int64), np.empty(skills, np.bool_)
    coarse_gates, coarse_opening = (
        np.empty((skills, _COARSE_NODES, coarse_panels)),
        np.empty((_COARSE_NODES, coarse_panels)),
    )
    coarse, exposure = np.empty(coarse_panels + 1), np.empty((skills, coarse_panels + 1))
    usual, usual_edges, usual_error = _buffers(skills, counts[0]), np.empty(counts[0] + 1), np.empty(counts[0])
    usual_table = np.zeros((counts[0], _NODES + 1, skills))
    for r in range(begin, end):
        p, q, f, z, a = prerequisites[r], required[r], rate[r], start[r], exponent[r]
        mine = order[: _sorted(present[r], depth[r], q, p, order, needed)]
        fastest = 0.0
        for s in mine:
            fastest = max(fastest, f[s])
        _logarithmic_edges(1 / fastest, last[r], coarse)
        _coarse_solve(mine, needed, p, q, f, z, a, coarse, coarse_gates, coarse_opening, exposure)
        edges, buffers, error, table = usual_edges, usual, usual_error, usual_table
        every = all_exponents[r]
        _even_edges(mine, f, a, np.max(every), coarse, exposure, coarse_panels, edges)
        worst = _solve_exponents(mine, needed, p, q, f, z, a, every, edges, True, buffers, error)
        for more in counts[1:]:
            if worst <= tolerance:
                break
            finer = np.empty(more + 1)
            _refine_edges(edges, error, finer)
            edges, buffers, error = finer, _buffers(skills, more), np.empty(more)
            table = np.zeros((more, _NODES + 1, skills))
            worst = _solve_exponents(mine, needed, p, q, f, z, a, every, edges, True, buffers, error)
        unsure[r] = not worst <= tolerance
        for e in range(every.size):
            own_edges, own = edges, buffers
            if every.size > 1:
                own_edges, own = np.empty_like(edges), _own_buffers(buffers)
                _at_exponent(mine, f, every[e] / a, edges, buffers, True, own_edges, own, error)
            _table_of(mine, mine, own[0], own[3], table)
            for c in range(learning_rate.shape[2]):
                rate_here, waste_here = learning_rate[r, e, c], waste[r, e, c]
                lost[r, e, c] = _read(
                    mine, rate_here, waste_here, ts, own_edges, own, table, state[r, e, c], clock[r, e, c]
                )
        for s in range(skills):
            if not present[r, s]:
                state[r, :, :, :, s] = np.nan


@_compiled
def levels(begin, end, rate, start, state, level):
    """Levels of the exposures of members `begin` to `end`."""
    for r in range(begin, end):
        for t in range(state.shape[1]):
            for s in range(state.shape[2]):
                effort = start[r, s] + rate[r, s] * state[r, t, s]
                found = _saturation(effort)
                level[r, t, s] = found if effort == effort else effort


# -- learning times


@_compiled
def _reach(order, prerequisites, required, rate, start, exponent, goal, begins, slows):
    """`cascade.reach`: a resource time by which every skill's effort is at its goal."""
    huge = 1.7976931348623157e308**0.8
    latest = 0.0
    for s in order:
        wanted = max(goal - start[s], 0.0) / rate[s]
        count = 0
        for f in range(required.shape[1]):
            count += required[s, f]
        begins[0, s], begins[1, s], slows[0, s], slows[1, s] = 0.0, 0.0, 1.0, 1.0
        best = huge if count else wanted
        for line in range(2 if count else 0):
            depth = 1.0 if line == 0 else math.log(count + 1.0) / exponent
            begin = 0.0
            for f in range(required.shape[1]):
                if required[s, f]:
                    b = prerequisites[s, f]
                    missing = max(depth - start[b], 0.0) / rate[b]
                    reached = min(begins[0, b] + slows[0, b] * missing, begins[1, b] + slows[1, b] * missing)
                    begin = max(begin, min(reached, huge))
            power = -count * math.log(-math.expm1(-exponent * depth))
            begins[line, s], slows[line, s] = begin, min(math.exp(min(power, 0.8 * math.log(huge))), huge)
            best = min(best, begin + slows[line, s] * min(wanted, math.sqrt(huge)))
        latest = max(latest, min(best, huge))
    return latest


@_compiled
def times(
    first,
    end,
    prerequisites,
    required,
    present,
    depth,
    rate,
    start,
    exponent,
    all_exponents,
    learning_rate,
    waste,
    goal,
    tolerance,
    counts,
    coarse_panels,
    found,
    unsure,
):
    """Rows `first` to `end` of a batch: training steps at which each skill's effort is at `goal`."""
    skills = present.shape[1]
    order, needed = np.empty(skills, np.int64), np.empty(skills, np.bool_)
    coarse_gates, coarse_opening = (
        np.empty((skills, _COARSE_NODES, coarse_panels)),
        np.empty((_COARSE_NODES, coarse_panels)),
    )
    coarse, exposure = np.empty(coarse_panels + 1), np.empty((skills, coarse_panels + 1))
    usual, usual_edges, usual_error = _buffers(skills, counts[0]), np.empty(counts[0] + 1), np.empty(counts[0])
    begins, slows = np.empty((2, skills)), np.empty((2, skills))
    base, target, place = np.empty(skills), np.empty(skills), np.empty(skills)
    low, high, powers = np.empty(skills), np.empty(skills), np.empty((_NODES + 1, skills))
    panel, weights = np.empty(skills, np.int64), np.empty((_NODES, skills))
    usual_table, places = np.empty((counts[0], _NODES + 1, skills)), np.arange(skills)
    there, grown, before = np.empty(skills), np.empty(skills), np.empty(skills)
    knots, polynomial = np.empty(_NODES), np.empty(_NODES + 1)
    for r in range(first, end):
        p, q, f, z, a = prerequisites[r], required[r], rate[r], start[r], exponent[r]
        count = _sorted(present[r], depth[r], q, p, order, needed)
        mine = order[:count]
        fastest = 0.0
        for s in mine:
            fastest = max(fastest, f[s])
        every = all_exponents[r]
        # in resource time of the graph's own gate exponent, the largest takes longest
        longest = np.max(every) / a
        last = _reach(mine, p, q, f, z, a, goal * longest, begins, slows)
        _logarithmic_edges(1 / fastest, max(last * (1 + 1e-5), 1e-3 / fastest), coarse)
        _coarse_solve(mine, needed, p, q, f, z, a, coarse, coarse_gates, coarse_opening, exposure)
        # one panel more than seems needed: the solve is coarse
        until = 1
        for s in mine:
            wanted = (goal * longest - z[s]) / f[s]
            while until < coarse_panels and exposure[s, until - 1] < wanted:
                until += 1
        edges, buffers, error, table = usual_edges, usual, usual_error, usual_table
        _even_edges(mine, f, a, np.max(every), coarse, exposure, until, edges)
        attempt = 0
        while True:
            worst = _solve_exponents(mine, needed, p, q, f, z, a, every, edges, False, buffers, error)
            reached, panels = buffers[3], edges.size - 1
            outside = False
            for s in mine:
                outside = outside or reached[s, panels] < (goal * longest - z[s]) / f[s] * (1 - 1e-9)
            attempt += 1
            unsure[r] = outside or not worst <= tolerance
            if not unsure[r] or attempt == counts.size:
                break
            if outside:
                # the range was an estimate: go on further
                edges[panels] *= 10
                error[panels - 1] += 1
            more = counts[attempt]
            finer = np.empty(more + 1)
            _refine_edges(edges, error, finer)
            edges, buffers, error = finer, _buffers(skills, more), np.empty(more)
        opening, reached, panels = buffers[0], buffers[3], edges.size - 1
        if table.shape[0] != panels:
            table = np.empty((panels, _NODES + 1, skills))
        _table_of(mine, places, opening, reached, table)
        for k in range(count):
            before[k] = _saturation(z[mine[k]])
        for e in range(every.size):
            ratio = every[e] / a
            for k in range(count):
                s = mine[k]
                x, wanted, at = reached[s], max((goal * ratio - z[s]) / f[s], 0.0), 0
                while at < panels - 1 and x[at + 1] <= wanted:
                    at += 1
                half = (edges[at + 1] - edges[at]) * 0.5
                _polynomial_of(opening[s], 0.0, at, half, x[at], knots, polynomial)
                panel[k], base[k], target[k] = at, x[at], wanted
                for power in range(_NODES + 1):
                    powers[power, k] = polynomial[power]
                _bracket(knots, x[at], x[at + 1], wanted, place, low, high, k)
            _newton(base[:count], target[:count], powers[:, :count], place[:count], low[:count], high[:count])
            _node_weights(place[:count], panel[:count], edges, powers, weights[:, :count])
            found[r, e] = np.nan
            for k in range(count):
                at = panel[k]
                if target[k] == 0:
                    found[r, e, :, mine[k]] = 0.0
                    continue
                clock = edges[at] + (edges[at + 1] - edges[at]) * 0.5 * (1 + place[k])
                clock = min(max(clock, 0.0), edges[panels]) / ratio
                _exposures(table[at], weights, k, there[:count])
                for j in range(count):
                    grown[j] = z[mine[j]] + f[mine[j]] * (there[j] / ratio)
                learned = 0.0
                for j in range(count):
                    there[j] = _saturation(grown[j])
                for j in range(count):
                    learned += there[j] - before[j]
                for c in range(learning_rate.shape[2]):
                    found[r, e, c, mine[k]] = (learned + waste[r, e, c] * clock) / learning_rate[r, e, c]
