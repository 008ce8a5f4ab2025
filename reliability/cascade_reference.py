r"""Reference solutions of the model in resource time, written from its equations alone.

With the clock $d\tau/dt = \eta/(F + N_0)$ every skill's exposure obeys $dX_i/d\tau = c_i$, a feed-forward cascade. Here
it is integrated over $x = \ln\tau$, skill after skill, by polynomials through Chebyshev points on panels that adapt to
every skill at once: power laws from the very beginning of a run, and clocks up to $10^{306}$, are as easy as anything
else. Training time follows from the budget law $\eta t = \sum_i (s_i(t) - s_i(0)) + N_0\tau$, or with "l2" from its own
integral; levels at a time, and the time of a level, by bracketing inside a panel.

Each problem is solved twice, with other points, other panels and another tolerance. What the two differ by is the
error that the reference claims; one that cannot claim enough is no reference.

Nothing is shared with the package: neither the variable, nor the points, nor the error estimate, nor a line of code.
"""

from __future__ import annotations

import dataclasses
import math

import numba
import numpy as np
from numpy.polynomial import chebyshev

from . import laws

# beyond this clock numbers would overflow
LAST = 705.0
# panels of one solve, and panels times skills and dependencies, beyond which it is given up
MOST_PANELS, MOST_VALUES = 60_000, 20_000_000
# efforts below this do not count, neither for a level nor for what depends on them
NEGLIGIBLE = 1e-14


@dataclasses.dataclass
class Problem:
    """One member without pools, schedules or interference, in plain arrays. `start` is its effort at `t = 0`."""

    prerequisites: list[list[int]]
    either: np.ndarray
    frequency: np.ndarray
    after: np.ndarray
    start: np.ndarray
    learning_rate: float
    wasted_resource: float
    gate_exponent: float
    cross_entropy: bool = False
    l2: bool = False
    plateau: float = 1.0
    # beside the prerequisites; None for 1
    strength: list[np.ndarray] | None = None


@dataclasses.dataclass
class Solution:
    """Levels `(time, skill)`, times of the level `(skill,)`, and what each may be wrong by; or why it is none."""

    levels: np.ndarray
    times: np.ndarray
    level_error: float
    time_error: np.ndarray
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Resolution:
    """How finely one solve looks: points of a panel, error of a panel, and its greatest width."""

    points: int
    tolerance: float
    widest: float


RESOLUTIONS = (Resolution(18, 3e-14, 1.0), Resolution(13, 1e-11, 1.7))


def effort_at(level: np.ndarray, cross_entropy: bool, plateau: float = 1.0) -> np.ndarray:
    """The effort at a level: log-depth, or with a plateau its own, or margin plus its exponential less one."""
    level = np.asarray(level, float)
    if cross_entropy:
        margin = 2 * np.arctanh(level)
        return margin + np.expm1(margin)
    return np.log1p(level / (1 - level) / plateau) if plateau < 1 else -np.log1p(-level)


def level_at(effort: np.ndarray, cross_entropy: bool, plateau: float = 1.0) -> np.ndarray:
    """The level at an effort."""
    if cross_entropy:
        return np.tanh(laws.margins(np.asarray(effort, float)) / 2)
    return laws.levels(np.asarray(effort, float), plateau)


def solve(problem: Problem, ts: np.ndarray, level: float | None) -> Solution:
    """Both solves, and their difference."""
    skills = len(problem.prerequisites)
    goals = np.full(skills, np.nan)
    if level is not None and level < 1:
        goals[:] = effort_at(np.asarray(level), problem.cross_entropy, problem.plateau)
    ts = np.asarray(ts, float)
    found = [solve_once(problem, ts, goals, resolution) for resolution in RESOLUTIONS]
    levels = [level_at(efforts, problem.cross_entropy, problem.plateau) for efforts, *_ in found]
    times = [np.full(skills, np.inf) if level is not None and level >= 1 else row for _, row, _ in found]
    return compared(levels, times, [note for *_, note in found])


def compared(levels: list[np.ndarray], times: list[np.ndarray], notes: list[str]) -> Solution:
    """The first of two solutions, with what the second differs by as its error."""
    level_error = float(np.max(np.abs(levels[0] - levels[1]), initial=0.0))
    with np.errstate(invalid="ignore", divide="ignore"):
        time_error = np.where(times[0] == times[1], 0.0, np.abs(times[0] - times[1]) / np.abs(times[0]))
    return Solution(levels[0], times[0], level_error, time_error, "; ".join(sorted({*notes} - {""})))


def solve_once(
    problem: Problem, ts: np.ndarray, goals: np.ndarray, resolution: Resolution
) -> tuple[np.ndarray, np.ndarray, str]:
    """Efforts `(time, skill)`, times at which efforts reach the goals, and why any of it may be missing."""
    order = _order(problem.prerequisites)
    pointer = np.zeros(len(order) + 1, np.int64)
    np.cumsum([len(row) for row in problem.prerequisites], out=pointer[1:])
    strength = problem.strength or [np.ones(len(row)) for row in problem.prerequisites]
    behind = np.array([j for row in problem.prerequisites for j in row], np.int64)
    half = float(effort_at(np.asarray(0.5), problem.cross_entropy, problem.plateau))
    nodes, inside, whole, tail, primitive = _rule(resolution.points)
    fastest = max(float(problem.frequency.max()), float(problem.after.max()), 1e-300)
    first = math.log(1e-30 / max(1.0, problem.gate_exponent) / fastest)
    efforts, times, state = _march(
        np.array(order, np.int64),
        pointer,
        behind,
        np.concatenate([np.zeros(0), *strength]),
        np.asarray(problem.either, np.bool_),
        np.asarray(problem.frequency, float),
        np.asarray(problem.after, float),
        np.asarray(problem.start, float),
        half,
        float(problem.gate_exponent),
        float(problem.wasted_resource),
        float(problem.learning_rate),
        problem.cross_entropy,
        float(problem.plateau),
        problem.l2,
        ts,
        goals,
        nodes,
        inside,
        whole,
        tail,
        primitive,
        resolution.tolerance,
        resolution.widest,
        first,
        LAST,
        min(MOST_PANELS, MOST_VALUES // (len(order) + len(behind))),
    )
    return efforts, times, ("", "too many panels", "the clock overflows before the end")[state]


def _order(prerequisites: list[list[int]]) -> list[int]:
    """Prerequisites before what needs them."""
    left = [len(row) for row in prerequisites]
    children: list[list[int]] = [[] for _ in prerequisites]
    for skill, row in enumerate(prerequisites):
        for j in row:
            children[j].append(skill)
    ready, order = [i for i, count in enumerate(left) if not count], []
    while ready:
        skill = ready.pop()
        order.append(skill)
        for child in children[skill]:
            left[child] -= 1
            if not left[child]:
                ready.append(child)
    assert len(order) == len(prerequisites), "a cycle"
    return order


def _rule(points: int) -> tuple[np.ndarray, ...]:
    """Chebyshev points; integrals of the interpolating polynomial up to each and in all; its last coefficients; and the
    coefficients of its primitive.
    """
    # both ends are among them: a kink beyond the outermost point would not be seen
    nodes = -np.cos(np.pi * np.arange(points) / (points - 1))
    coefficients = np.linalg.inv(chebyshev.chebvander(nodes, points - 1))
    primitive = np.stack([chebyshev.chebint(column, lbnd=-1) for column in coefficients.T], axis=1)
    inside = chebyshev.chebvander(nodes, points) @ primitive
    whole = chebyshev.chebvander(np.ones(1), points)[0] @ primitive
    return nodes, inside, whole, np.ascontiguousarray(coefficients[-3:]), np.ascontiguousarray(primitive)


@numba.njit(cache=True, error_model="numpy")
def _march(
    order, pointer, behind, strength, either, lo, hi, start, half, exponent, waste, rate, cross_entropy, plateau, l2,
    ts, goals, nodes, inside, whole, tail, primitive, tolerance, widest, first, last, most_panels,
):  # fmt: skip
    skills, points = len(lo), len(nodes)
    efforts = np.full((len(ts), skills), np.nan)
    times = np.full(skills, np.nan)
    left, right = np.zeros(skills), np.zeros(skills)
    gates = np.empty((skills, points))
    slopes = np.empty((skills, points))
    clock_slopes, demands = np.zeros(points), np.empty(points)
    clocks, weights, here = np.empty(points), np.empty(points), np.empty(skills)
    counts = np.empty(skills)
    missing = 0
    for i in range(skills):
        if np.isnan(goals[i]):
            continue
        if start[i] >= goals[i]:
            times[i] = 0.0
        else:
            missing += 1
    k = 0
    while k < len(ts) and ts[k] <= 0:
        for i in range(skills):
            efforts[k, i] = start[i]
        k += 1
    # the very beginning: gates as they are at the start
    x, clock = first, math.exp(first)
    for i in range(skills):
        opened = 1.0
        if pointer[i + 1] > pointer[i]:
            opened = 0.0 if either[i] else 1.0
            for e in range(pointer[i], pointer[i + 1]):
                gate = laws.gate(start[behind[e]], exponent, strength[e], cross_entropy, plateau)
                opened = max(opened, gate) if either[i] else opened * gate
        left[i] = opened * clock
    spent_left = 0.0
    width = min(widest, 0.5)
    panels = 0
    while (k < len(ts) or missing > 0) and x < last:
        panels += 1
        if panels > most_panels:
            return efforts, times, 1
        width = min(width, max(last - x, 1e-3))
        for j in range(points):
            clocks[j] = math.exp(x + width * (nodes[j] + 1) / 2)
            demands[j] = 0.0
        for place in range(skills):
            i = order[place]
            begin, end = pointer[i], pointer[i + 1]
            for j in range(points):
                opened = 1.0
                if end > begin:
                    opened = 0.0 if either[i] else 1.0
                    for e in range(begin, end):
                        gate = (1 - strength[e]) + strength[e] * gates[behind[e], j]
                        opened = max(opened, gate) if either[i] else opened * gate
                slopes[i, j] = opened * clocks[j]
            total = 0.0
            for j in range(points):
                total += whole[j] * slopes[i, j]
            right[i] = left[i] + width / 2 * total
            for j in range(points):
                exposure = 0.0
                for m in range(points):
                    exposure += inside[j, m] * slopes[i, m]
                exposure = max(left[i] + width / 2 * exposure, 0.0)
                effort = laws.effort(exposure, lo[i], hi[i], start[i], half)
                gates[i, j] = laws.gate(effort, exponent, 1.0, cross_entropy, plateau)
                if l2:
                    # times the clock, which neither under- nor overflows
                    f = (
                        slopes[i, j]
                        * (hi[i] if effort >= half else lo[i])
                        * laws.demand(effort, cross_entropy, plateau)
                    )
                    demands[j] += f * f
        # a skill counts if its own effort, or that of anything behind it, does
        for i in range(skills):
            counts[i] = max(lo[i], hi[i]) * right[i]
        for place in range(skills - 1, -1, -1):
            i = order[place]
            for e in range(pointer[i], pointer[i + 1]):
                counts[behind[e]] = max(counts[behind[e]], counts[i])
        worst = 0.0
        for i in range(skills):
            if counts[i] > NEGLIGIBLE and right[i] > 1e-290:
                error = 0.0
                for d in range(tail.shape[0]):
                    term = 0.0
                    for j in range(points):
                        term += tail[d, j] * slopes[i, j]
                    error = max(error, abs(term))
                worst = max(worst, width / 2 * error / (tolerance * right[i]))
        spent_right = 0.0
        if l2:
            total = 0.0
            for j in range(points):
                clock_slopes[j] = math.hypot(math.sqrt(demands[j]), waste * clocks[j])
                total += whole[j] * clock_slopes[j]
            spent_right = spent_left + width / 2 * total
            error = 0.0
            for d in range(tail.shape[0]):
                term = 0.0
                for j in range(points):
                    term += tail[d, j] * clock_slopes[j]
                error = max(error, abs(term))
            worst = max(worst, width / 2 * error / (tolerance * max(spent_right, NEGLIGIBLE * 1e-6)))
        if worst > 1 and width > 1e-10:
            width = max(width * max(0.2, min(0.7, 0.8 * worst ** (-1.0 / points))), 1e-10)
            continue
        if not l2:
            spent_right = laws.spent(right, math.exp(x + width), lo, hi, start, half, waste, cross_entropy, plateau)
        # times inside this panel
        while k < len(ts) and rate * ts[k] <= spent_right:
            wanted = rate * ts[k]
            low, high, place = -1.0, 1.0, 0.0
            f_low, f_high, side = spent_left - wanted, spent_right - wanted, 0
            for turn in range(100):
                if turn % 3 == 2 or not f_high - f_low > 0:
                    place = (low + high) / 2
                else:
                    place = low - f_low * (high - low) / (f_high - f_low)
                place = min(max(place, low), high)
                laws.weights(place, primitive, weights)
                for i in range(skills):
                    total = 0.0
                    for j in range(points):
                        total += weights[j] * slopes[i, j]
                    here[i] = max(left[i] + width / 2 * total, 0.0)
                if l2:
                    total = 0.0
                    for j in range(points):
                        total += weights[j] * clock_slopes[j]
                    value = spent_left + width / 2 * total - wanted
                else:
                    now = math.exp(x + width * (place + 1) / 2)
                    value = laws.spent(here, now, lo, hi, start, half, waste, cross_entropy, plateau) - wanted
                if value == 0 or high - low < 4e-16:
                    break
                if value < 0:
                    low, f_low = place, value
                    if side == -1:
                        f_high /= 2
                    side = -1
                else:
                    high, f_high = place, value
                    if side == 1:
                        f_low /= 2
                    side = 1
                if abs(value) <= 1e-16 * wanted:
                    break
            for i in range(skills):
                efforts[k, i] = laws.effort(here[i], lo[i], hi[i], start[i], half)
            k += 1
        # levels inside this panel
        if missing:
            for i in range(skills):
                if np.isnan(times[i]) and not np.isnan(goals[i]):
                    if laws.effort(right[i], lo[i], hi[i], start[i], half) < goals[i]:
                        continue
                    low, high = -1.0, 1.0
                    for _ in range(56):
                        place = (low + high) / 2
                        laws.weights(place, primitive, weights)
                        total = 0.0
                        for j in range(points):
                            total += weights[j] * slopes[i, j]
                        exposure = left[i] + width / 2 * total
                        if laws.effort(exposure, lo[i], hi[i], start[i], half) < goals[i]:
                            low = place
                        else:
                            high = place
                    laws.weights((low + high) / 2, primitive, weights)
                    for m in range(skills):
                        total = 0.0
                        for j in range(points):
                            total += weights[j] * slopes[m, j]
                        here[m] = max(left[m] + width / 2 * total, 0.0)
                    if l2:
                        total = 0.0
                        for j in range(points):
                            total += weights[j] * clock_slopes[j]
                        spent = spent_left + width / 2 * total
                    else:
                        now = math.exp(x + width * ((low + high) / 2 + 1) / 2)
                        spent = laws.spent(here, now, lo, hi, start, half, waste, cross_entropy, plateau)
                    times[i] = spent / rate
                    missing -= 1
        for i in range(skills):
            left[i] = right[i]
        spent_left = spent_right
        x += width
        grow = 1.7 if worst <= 0 else min(1.7, max(0.5, 0.85 * worst ** (-1.0 / points)))
        width = min(widest, width * grow)
    state = 0
    if missing > 0:
        state = 2
    while k < len(ts):
        # what is left of the run shows nothing more, if everything is learned
        for i in range(skills):
            effort = laws.effort(left[i], lo[i], hi[i], start[i], half)
            if laws.depth(effort, cross_entropy, plateau) < 45:
                state = 2
            else:
                efforts[k, i] = effort
        k += 1
    return efforts, times, state
