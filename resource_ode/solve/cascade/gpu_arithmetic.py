"""Arithmetic of the fused GPU programs, on one lane for each graph."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array

from ...base.constants import CONSTANTS
from ...base.legendre import NEWTON_STEPS, NODES, gauss_legendre
from .gpu_layout import LANES, Graphs

# rows of a skill's gates, and of its relative error after them: a power of two, so that addresses are one sum
GATE_ROWS = 16


def decay(x: Array) -> Array:
    """`e^-x`; in float32 by the one instruction that a GPU has for it, absolutely exact to rounding."""
    return jnp.exp2(x * (-1 / math.log(2))) if x.dtype == jnp.float32 else jnp.exp(-x)


def saturation(x: Array) -> Array:
    """`1 - e^-x` for `x >= 0`, relatively exact where it is small."""
    if x.dtype != jnp.float32:
        return -jnp.expm1(-x)
    series = _horner([(-1) ** term / math.factorial(term + 1) for term in range(6)], x)
    return jnp.where(x < 0.25, x * series, 1 - decay(x))


def combine(row: np.ndarray, values: Sequence[Array]) -> Array:
    total = values[0] * float(row[0])
    for weight, value in zip(row[1:], values[1:], strict=True):
        total = total + value * float(weight)
    return total


def _horner(coefficients: Sequence[Any], place: Array) -> Array:
    value = place * coefficients[-1] + coefficients[-2]
    for coefficient in coefficients[-3::-1]:
        value = value * place + coefficient
    return value


def larger(left: Array, right: Array) -> Array:
    """The maximum, NaN if either is, which is not a GPU's own."""
    return jnp.where((left <= right) | (right != right), right, left)


def missed_by_interpolant(values: Sequence[Array], half: Array) -> tuple[Array, Array]:
    """`cascade._missed`."""
    fourth, third, second, last = (jnp.abs(combine(row, values)) for row in gauss_legendre()["tail"])
    size = jnp.maximum(last, second / 4)
    before = jnp.maximum(jnp.maximum(fourth, third), size)
    shrinking = jnp.where(before > 0, size / jnp.where(before > 0, before, 1), 0)
    size = size * half
    return size * shrinking**2 / 2, size * shrinking / 4


def error_in_the_middle(before: Array, grown: Array, gained: Array, came: Array, added: Array) -> Array:
    """`errors.error_in_the_middle` of one panel, from what it grows by up to there and in all, and the error that came
    in.
    """
    middle = before + grown
    part = jnp.where(gained > 0, grown / jnp.where(gained > 0, gained, 1), 1)
    wrong = (came + part * added) / jnp.where(middle > 0, middle, 1)
    wrong = jnp.where(middle > 0, jnp.where(wrong > 1, 1, wrong), 1)
    return jnp.where(before + gained > 0, wrong, 0)


def gate_error(
    wrong: Array, power: Array, start: Array, within: Array, efforts: Sequence[Array], gates: Sequence[Array]
) -> Array:
    """The relative error of a gate from that of its exposure, `wrong`, as `quadrature` has it; `within` is what efforts
    inside the panel may be wrong by.
    """

    def steepness(effort: Array, gate: Array) -> Array:
        return jnp.where(gate > 0, power * effort * (1 - gate) / jnp.where(gate > 0, gate, 1), 1)

    # it may be less open than it seems, and then it changes more
    least = start + (efforts[0] - start) * (1 - wrong)
    steep, steeper = steepness(efforts[0], gates[0]), steepness(least, saturation(power * least))
    steep = jnp.where(wrong > CONSTANTS.doubtful, jnp.maximum(steep, steeper), steep)
    most, part, whole = CONSTANTS.blur * within, jnp.zeros_like(wrong), jnp.zeros_like(wrong)
    for weight, effort, gate in zip(gauss_legendre()["weights"], efforts, gates, strict=True):
        own = jnp.where(most < effort, most / jnp.where(effort > 0, effort, 1), 1)
        part = part + float(weight) * gate * jnp.where(most > CONSTANTS.doubtful * effort, own, 0)
        whole = whole + float(weight) * gate
    blurred = part / jnp.where(whole > 0, whole, 1)
    return larger(wrong * steep, blurred * blurred)


def not_negative(x: Array) -> Array:
    """Zero in place of what is below it; NaN stays."""
    return jnp.where(x < 0, 0, x)


def place_of(values: Sequence[Array], base: Array, end: Array, target: Array) -> Array:
    """`cascade.invert_primitive` in one panel: the place on [-1, 1] where `base` plus an integral reaches the target.

    `values` are those at the nodes, times half the width of the panel.
    """
    places = [-1.0, *map(float, gauss_legendre()["nodes"]), 1.0]
    knots = [base, *(base + combine(row, values) for row in gauss_legendre()["cumulative"]), end]
    low, high = jnp.full_like(target, places[0]), jnp.full_like(target, places[1])
    below, above = knots[0], knots[1]
    for node in range(1, NODES + 1):
        past = knots[node] <= target
        low, high = jnp.where(past, places[node], low), jnp.where(past, places[node + 1], high)
        below, above = jnp.where(past, knots[node], below), jnp.where(past, knots[node + 1], above)
    rise = above - below
    chord = (target - below) / jnp.where(rise > 0, rise, 1)
    place = low + (high - low) * jnp.minimum(jnp.maximum(chord, 0), 1)
    powers = [combine(row, values) for row in gauss_legendre()["powers"]]
    slopes = [power * float(k) for k, power in enumerate(powers)][1:]
    for _ in range(NEWTON_STEPS + 1):
        slope = _horner(slopes, place)
        missing = (_horner(powers, place) + base) - target
        step = jnp.where(slope > 0, missing / jnp.where(slope > 0, slope, 1), 0)
        place = jnp.minimum(jnp.maximum(place - step, low), high)
    return place


def node_weights(place: Array, half: Array) -> list[Array]:
    """Weight of each node in the integral from the left edge of a panel to a place in it."""
    return [half * _horner([float(x) for x in row], place) for row in gauss_legendre()["powers"].T]


def loop(stop: Any, body: Callable[[Any, Any], Any], carry: Any, start: int = 0) -> Any:
    """A loop with a 32-bit counter, whatever JAX's default integer."""
    return lax.fori_loop(np.int32(start), np.int32(stop) if isinstance(stop, int) else stop, body, carry)


def opening_of(
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

    *opening, behind = loop(skill, pair, (one,) * nodes + (none,))
    return tuple(opening), behind


def lines_reach(program: Any, graphs: Graphs, goal: Array, lines: Any) -> Array:
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
        count = loop(i, lambda j, total: total + ((mine >> j) & 1), jnp.zeros(LANES, jnp.int32)).astype(dtype)
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

        begins = loop(i, pair, (none, none))
        best = jnp.where(count > 0, huge, wanted)
        for line, (begin, depth) in enumerate(zip(begins, depths, strict=True)):
            shut = -count * jnp.log(saturation(exponent * depth))
            slow = jnp.where(count > 0, jnp.exp(jnp.minimum(shut, 0.8 * math.log(huge))), 1)
            lines[program, line * skills + i] = begin
            lines[program, (2 + line) * skills + i] = slow
            best = jnp.where(count > 0, jnp.minimum(best, begin + slow * jnp.minimum(wanted, math.sqrt(huge))), best)
        return jnp.where(present, jnp.maximum(latest, jnp.minimum(best, huge)), latest)

    return loop(skills, skill, none)
