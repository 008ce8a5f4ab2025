r"""How well each parameter is known: the profile of the least squares, and a verdict in words.

A parameter is moved away from its best value, the others are fitted again, and the least squares may rise by what
noise explains in 95 of 100 cases: the noise of the rows that tell the parameters. For this the ridge is forty times
wider, so that what is known is known from the curves.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from .search import Problem

IDENTIFIED, BOUNDED, NOT_IDENTIFIED = "identified", "bounded", "not identified"
# least squares rise by this much at the ends of a 95 % interval, and an interval by quadratic approximation
RISE, ENDS = 3.84, 1.96
# a ridge this much wider decides nothing
WEAKER = 40.0
# an interval is believed if the rise at its ends is this near
NEAR = 0.25
FEW_STEPS, TRIES = 10, 12
# the first distance, in logarithms, is no longer than this
FIRST = 0.3
# and where an interval has no end up to here, it has none
FARTHEST = 10.0
# known to a factor of so much from end to end, or to so much of what is no logarithm
FACTOR, WIDTH = 2.0, 0.4
# what a combination of two parameters is known to, in logarithms, to be worth saying
WORTH = 0.25
# what trades off against one another where all runs have one mixture
TRADED = ("frequency_power", "learnability", "wasted_resource")
NO_LOGARITHM = ("frequency_power", "prerequisite_strength")


@dataclasses.dataclass(frozen=True)
class Known:
    """A parameter: its value, the ends of its interval (infinite or 0 where there is none), the verdict, a remark."""

    label: str
    value: float
    low: float
    high: float
    verdict: str
    remark: str = ""


def is_logarithm(label: str) -> bool:
    return not label.startswith(NO_LOGARITHM)


def intervals(problem: Problem, x: np.ndarray, labels: list[str]) -> list[Known]:
    """What is known of each of these, at the best vector `x`."""
    wide = problem.with_weaker(WEAKER).with_noise_that_counts(x)
    best = wide.solve(x)
    least = wide.cost(best)
    slopes = wide.slopes(best)
    information = np.einsum("rk,rl->kl", slopes, slopes)
    covariance = np.linalg.pinv(information, hermitian=True)
    # what the curves do not show at all would be moved out of its bounds, from where the way back is long
    moved = np.linalg.inv(information + np.eye(best.size) / FIRST**2)
    found = []
    for label in labels:
        row, shift = problem.freedom.direction(label)
        value = float(row @ x + shift)
        spread = math.sqrt(max(float(row @ covariance @ row), 1e-30))
        range_low, range_high = _range(problem, row)
        ends = []
        for side, limit in ((-1, range_low), (1, range_high)):
            ends.append(_end(wide, best, least, row, moved @ row, spread, side, limit))
        # where the ridge draws the value out of what the curves alone allow, the interval holds both
        low, high = ends[0] + shift, ends[1] + shift
        if low < math.inf and high > -math.inf:
            ends = [min(low, value) - shift, max(high, value) - shift]
        found.append(_known(problem, label, value, ends[0], ends[1], shift))
    return _with_combinations(problem, found, labels, covariance)


def _range(problem: Problem, row: np.ndarray) -> tuple[float, float]:
    """How far a linear function of the vector can go within the bounds."""
    both = np.stack([row * problem.low, row * problem.high])
    return float(both.min(axis=0).sum()), float(both.max(axis=0).sum())


def _end(
    wide: Problem,
    best: np.ndarray,
    least: float,
    row: np.ndarray,
    along: np.ndarray,
    spread: float,
    side: int,
    limit: float,
) -> float:
    """Where on one side the rise is that of a 95 % interval; infinite if nowhere up to the limit. `along`: how all
    numbers change where this one does.
    """
    center = float(row @ best)
    room = min(abs(limit - center), FARTHEST)
    if room < 1e-6:
        return side * math.inf
    along = along / max(float(row @ along), 1e-30)
    at, reached = best, 0.0
    below, above = (0.0, 0.0), (math.inf, math.inf)
    distance = min(ENDS * spread, FIRST, room)
    for _ in range(TRIES):
        held = (row, center + side * distance)
        at = wide.solve(at + side * (distance - reached) * along, held, FEW_STEPS)
        if wide.cost(at) - least > (1 + NEAR) * RISE:
            # nothing beyond is likely only where the others were fitted to the end
            at = wide.solve(at, held)
        reached, rise = distance, max(wide.cost(at) - least, 0.0)
        if abs(rise - RISE) < NEAR * RISE:
            end = distance * math.sqrt(RISE / rise)
            return center + side * end if end < room else side * math.inf
        if rise < RISE:
            if distance >= room * (1 - 1e-9):
                return side * math.inf
            below = (distance, rise)
        else:
            above = (distance, rise)
        if math.isinf(above[0]):
            distance = min(distance * min(max(math.sqrt(RISE / max(rise, 0.05)), 1.2), 4.0), room)
            continue
        roots = [math.sqrt(below[1]), math.sqrt(above[1])]
        part = min(max((math.sqrt(RISE) - roots[0]) / (roots[1] - roots[0]), 0.15), 0.85)
        distance = below[0] + part * (above[0] - below[0])
    # what is certain: nothing beyond is likely
    return center + side * above[0]


def _known(problem: Problem, label: str, value: float, low: float, high: float, shift: float) -> Known:
    low, high = low + shift, high + shift
    logarithm = is_logarithm(label)
    if label.startswith("prerequisite_strength"):
        # the ends of its range are possible values
        width = min(high, 1.0) - max(low, 0.0)
        verdict = IDENTIFIED if width <= WIDTH else NOT_IDENTIFIED if width > 0.95 else BOUNDED
        return Known(label, value, max(low, 0.0), min(high, 1.0), verdict, _side(verdict, low > 0, high < 1))
    if label == "frequency_power" and math.isinf(low) and math.isfinite(high):
        low = 0.0 if high <= WIDTH else low
    below, above = math.isfinite(low), math.isfinite(high)
    if below and above:
        narrow = high - low <= (math.log(FACTOR) if logarithm else WIDTH)
        verdict = IDENTIFIED if narrow else BOUNDED
    else:
        verdict = BOUNDED if below or above else NOT_IDENTIFIED
    remark = _side(verdict, below, above)
    if label == "plateau":
        high = min(high, 0.0)
    if logarithm:
        return Known(label, math.exp(value), math.exp(low) if below else 0.0,
                     math.exp(high) if math.isfinite(high) else math.inf, verdict, remark)  # fmt: skip
    return Known(label, value, max(low, 0.0), high, verdict, remark)


def _side(verdict: str, below: bool, above: bool) -> str:
    if verdict != BOUNDED:
        return ""
    return "on both sides" if below and above else "from below" if below else "from above"


def _with_combinations(
    problem: Problem, found: list[Known], labels: list[str], covariance: np.ndarray
) -> list[Known]:  # fmt: skip
    """For what the curves do not show alone: the product with another that they do show."""
    rows = {label: problem.freedom.direction(label)[0] for label in labels}
    several = []
    for known in found:
        if known.verdict == IDENTIFIED:
            several.append(known)
            continue
        remark = known.remark
        power_and_each = {"frequency_power", "learnability"} <= set(problem.freedom.free)
        if known.label.startswith(TRADED) and power_and_each and _one_mixture(problem):
            combination = "learnability * frequency^frequency_power of each task is known"
        else:
            combination = _pair(known.label, rows, covariance)
        several.append(dataclasses.replace(known, remark="; ".join(part for part in (remark, combination) if part)))
    return several


def _one_mixture(problem: Problem) -> bool:
    return len([mixture for mixture in problem.grid.mixtures if isinstance(mixture, np.ndarray)]) < 2


def _pair(label: str, rows: dict[str, np.ndarray], covariance: np.ndarray) -> str:
    """`learning_rate * gate_exponent^0.5 is known`, where it is."""
    mine = rows[label]
    own = float(mine @ covariance @ mine)
    best = ("", math.inf, 0.0)
    for other, row in rows.items():
        if other == label or "/" in other + label:
            continue
        spread = float(row @ covariance @ row)
        if spread <= 0 or math.sqrt(spread) < WORTH / 4:
            continue
        power = -float(mine @ covariance @ row) / spread
        if np.allclose(mine + power * row, 0, atol=1e-3):
            # the mean that is 1 by convention says as much
            continue
        left = own + power * float(mine @ covariance @ row)
        if left < best[1] and abs(power) > 0.05:
            best = (other, left, power)
    other, left, power = best
    if not other or math.sqrt(max(left, 0)) > WORTH or left > own / 16:
        return ""
    if label.startswith(NO_LOGARITHM) or other.startswith(NO_LOGARITHM):
        return f"only together with {other}"
    return f"{label} * {other}^{power:.2g} is known to {100 * math.sqrt(max(left, 0)) * ENDS:.2g} %"
