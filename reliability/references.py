"""The reference of every kind of model: by the cascade where there is one, by closed forms, and by SciPy elsewhere.

Each is found in two ways, whose difference is the error that it claims.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from . import cascade_reference as cascade
from .cascade_reference import Problem, Solution

# calls of a right-hand side, beyond which SciPy is stopped
MOST_CALLS = 60_000


class NoReference(Exception):
    """A member that no method here solves well enough; the text says why."""


@dataclasses.dataclass
class Member:
    """One member as plain numbers. A schedule is `(times, values)` in place of a number."""

    prerequisites: list[list[int]]
    gate: list[str]
    frequency: Any
    learning_rate: Any
    wasted_resource: Any
    gate_exponent: float
    loss: str = "mse"
    competition: str = "l1"
    interference: Any = None
    initial_level: Any = None
    frequency_after: Any = None
    pool: Any = None
    plateau: float = 1.0
    frequency_power: float = 1.0
    learnability: Any = 1.0
    # beside the prerequisites
    prerequisite_strength: Any = None

    @property
    def skills(self) -> int:
        return len(self.prerequisites)

    def start(self) -> np.ndarray:
        """Effort at `t = 0`."""
        if self.initial_level is None:
            return np.zeros(self.skills)
        return cascade.effort_at(np.asarray(self.initial_level, float), self.loss == "cross_entropy", self.plateau)

    def plain(self) -> Member:
        """The same with effective frequencies, in place of frequency power and learnability."""

        def effective(p: Any) -> Any:
            if p is None:
                return None
            if isinstance(p, tuple):
                return p[0], effective(p[1])
            p = np.asarray(p, float)
            return np.where(p > 0, p**self.frequency_power, 0) * np.asarray(self.learnability, float)

        rates = {name: effective(getattr(self, name)) for name in ("frequency", "frequency_after")}
        return dataclasses.replace(self, **rates, frequency_power=1.0, learnability=1.0)


def solve(member: Member, ts: np.ndarray, level: float | None) -> Solution:
    """Levels at the times, and times of the level. **Raises:** [`NoReference`][]."""
    member = member.plain()
    if member.interference is not None:
        if member.loss == "mse" and member.competition == "l1" and member.pool is None:
            return _overlapping(member, ts, level)
        return _by_scipy(member, ts, level)
    if member.pool is not None:
        pool = np.asarray(member.pool)
        if any(pool[j] != pool[i] for i, row in enumerate(member.prerequisites) for j in row):
            return _by_scipy(member, ts, level)
        return _pool_after_pool(member, ts, level)
    if any(isinstance(x, tuple) for x in (member.frequency, member.learning_rate, member.wasted_resource)):
        return _piece_after_piece(member, ts, level)
    return cascade.solve(_problem(member), ts, level)


def _problem(member: Member, **changes: Any) -> Problem:
    frequency = np.asarray(changes.get("frequency", member.frequency), float)
    after = frequency if member.frequency_after is None else np.asarray(member.frequency_after, float)
    values = {
        "prerequisites": member.prerequisites,
        "either": np.array([gate == "any" for gate in member.gate]),
        "after": after,
        "start": member.start(),
        "learning_rate": member.learning_rate,
        "wasted_resource": member.wasted_resource,
        "gate_exponent": member.gate_exponent,
        "cross_entropy": member.loss == "cross_entropy",
        "l2": member.competition == "l2",
        "plateau": member.plateau,
        "strength": member.prerequisite_strength,
    }
    return Problem(**{**values, **changes, "frequency": frequency})


def _pools(member: Member) -> tuple[int]:
    widths = [np.size(x) for x in (member.learning_rate, member.wasted_resource) if np.ndim(x)]
    return (max([1, *widths]),)


def _pool_after_pool(member: Member, ts: np.ndarray, level: float | None) -> Solution:
    """Pools that no prerequisite crosses are models of their own."""
    pool = np.asarray(member.pool)
    whole = _problem(member)
    levels = np.full((len(ts), member.skills), np.nan)
    times, time_error, level_error, notes = np.full(member.skills, np.nan), np.zeros(member.skills), 0.0, set()
    for k in sorted(set(pool.tolist())):
        mine = np.flatnonzero(pool == k)
        place = {int(skill): position for position, skill in enumerate(mine)}
        own = dataclasses.replace(
            whole,
            prerequisites=[[place[j] for j in member.prerequisites[i]] for i in mine],
            strength=whole.strength and [whole.strength[i] for i in mine],
            **{name: getattr(whole, name)[mine] for name in ("either", "frequency", "after", "start")},
            **{
                name: float(np.broadcast_to(getattr(member, name), _pools(member))[k])
                for name in ("learning_rate", "wasted_resource")
            },
        )
        found = cascade.solve(own, ts, level)
        levels[:, mine], times[mine], time_error[mine] = found.levels, found.times, found.time_error
        level_error = max(level_error, found.level_error)
        notes |= {found.note} - {""}
    return Solution(levels, times, level_error, time_error, "; ".join(sorted(notes)))


def _piece_after_piece(member: Member, ts: np.ndarray, level: float | None) -> Solution:
    """Between the jumps of a schedule the model is one with constant rates, which starts where the last one ended."""
    names = ("frequency", "learning_rate", "wasted_resource")
    scheduled = {name: getattr(member, name) for name in names if isinstance(getattr(member, name), tuple)}
    jumps = sorted({float(t) for times, _ in scheduled.values() for t in times})
    entropy = member.loss == "cross_entropy"
    goal = cascade.effort_at(np.asarray(0.5 if level is None else level, float), entropy, member.plateau)
    found = []
    for resolution in cascade.RESOLUTIONS:
        effort, notes = member.start(), set()
        efforts = np.full((len(ts), member.skills), np.nan)
        efforts[ts <= 0] = effort
        times = np.where(effort >= goal, 0.0, np.inf)
        for number, begin in enumerate(jumps):
            end = jumps[number + 1] if number + 1 < len(jumps) else math.inf
            values = {
                name: values[int(np.searchsorted(at, begin, side="right")) - 1]
                for name, (at, values) in scheduled.items()
            }
            piece = _problem(member, start=effort, **values)
            rows = np.flatnonzero((ts > begin) & (ts <= end))
            wanted = ts[rows] - begin
            if math.isfinite(end):
                wanted = np.append(wanted, end - begin)
            still = piece.learning_rate == 0 or not (piece.frequency > 0).any()
            if still:
                efforts[rows] = effort
                continue
            reachable = (piece.frequency > 0) & np.isinf(times)
            goals = np.where(reachable, goal, np.nan) if level is not None else np.full(member.skills, np.nan)
            here, when, note = cascade.solve_once(piece, wanted, goals, resolution)
            if note:
                notes.add(note)
            reached = np.isfinite(when) & (begin + when <= end)
            times = np.where(reached, np.minimum(times, begin + np.where(reached, when, 0)), times)
            efforts[rows] = here[: len(rows)]
            if math.isfinite(end):
                effort = here[-1]
        found.append((cascade.level_at(efforts, entropy, member.plateau), times, "; ".join(sorted(notes))))
    return cascade.compared(*map(list, zip(*found, strict=True)))  # type: ignore[arg-type]


def _overlapping(member: Member, ts: np.ndarray, level: float | None) -> Solution:
    r"""Interference with mean squared error: $u(\tau) = e^{-CP\tau} u(0)$ by eigenvectors, with 30 and 45 digits."""
    import mpmath

    n, found = member.skills, []
    for digits in (30, 45):
        with mpmath.workdps(digits):
            root = [mpmath.sqrt(mpmath.mpf(float(p))) for p in np.asarray(member.frequency, float)]
            overlap = np.asarray(member.interference, float)
            matrix = mpmath.matrix(n, n)
            for i in range(n):
                for j in range(n):
                    matrix[i, j] = root[i] * mpmath.mpf(float(overlap[min(i, j), max(i, j)])) * root[j]
            values, vectors = mpmath.eigsy(matrix)
            begin = [mpmath.mpf(1)] * n
            if member.initial_level is not None:
                begin = [1 - mpmath.mpf(float(s)) for s in member.initial_level]
            start = vectors.T * mpmath.matrix([r * u for r, u in zip(root, begin, strict=True)])
            # demand is the sum of `share[k] exp(-values[k] tau)`: squares only where nothing is learned at first
            weight = vectors.T * mpmath.matrix(root)
            share = [weight[k] * start[k] for k in range(n)]
            waste, rate = mpmath.mpf(float(member.wasted_resource)), mpmath.mpf(float(member.learning_rate))

            def unlearned(tau: Any, values=values, start=start, vectors=vectors, root=root) -> list[Any]:
                decayed = vectors * mpmath.matrix([mpmath.exp(-values[k] * tau) * start[k] for k in range(n)])
                return [decayed[i] / root[i] for i in range(n)]

            def spent(tau: Any, values=values, share=share, waste=waste) -> Any:
                total = waste * tau
                for k in range(n):
                    small = abs(values[k] * tau) < mpmath.mpf(10) ** -(mpmath.mp.dps + 5)
                    total += share[k] * (tau if small else -mpmath.expm1(-values[k] * tau) / values[k])
                return total

            levels = np.full((len(ts), n), np.nan)
            for row, t in enumerate(ts):
                tau = _increasing(lambda tau, goal=rate * float(t): spent(tau) - goal) if t > 0 else mpmath.mpf(0)
                levels[row] = [float(1 - u) for u in unlearned(tau)]
                if row == len(ts) - 1:
                    _refuse_stalled(share, values, float(waste), float(tau))
            found.append(levels)
    if level is not None:
        raise NoReference("times of a level that may be reached twice")
    return cascade.compared(found, [np.full(n, np.nan)] * 2, [])


def _refuse_stalled(share: Any, values: Any, waste: float, until: float) -> None:
    """**Raises:** [`NoReference`][] where demand and waste are not positive all along: then no clock goes on."""
    share, values = (np.array([float(x) for x in numbers]) for numbers in (share, values))
    taus = np.append(until * np.geomspace(1e-12, 1, 2000), until * np.linspace(0, 1, 2000))
    if (share < 0).any() and not (np.exp(-np.outer(taus, values)) @ share + waste > 0).all():
        raise NoReference("demand turns so negative that the resource clock stops")


def _increasing(function: Callable[[Any], Any]) -> Any:
    """The root of an increasing function of a positive number."""
    import mpmath

    low, high = mpmath.mpf(-80), mpmath.mpf(0)
    while function(mpmath.exp(high)) < 0:
        high += 20
        if high > 800:
            raise NoReference("the clock overflows before the end")
    for _ in range(110):
        middle = (low + high) / 2
        if function(mpmath.exp(middle)) < 0:
            low = middle
        else:
            high = middle
    return mpmath.exp((low + high) / 2)


def _by_scipy(member: Member, ts: np.ndarray, level: float | None) -> Solution:
    """In training time, by two methods of SciPy: prerequisites that cross pools, and interference of other kinds."""
    from scipy.integrate import solve_ivp

    entropy, direct = member.loss == "cross_entropy", member.interference is not None
    n = member.skills
    either = np.array([gate == "any" for gate in member.gate])
    width = max([len(row) for row in member.prerequisites], default=0)
    behind = np.array(
        [[*row, *[n + int(either[i])] * (width - len(row))] for i, row in enumerate(member.prerequisites)], int
    ).reshape(n, width)
    needs = np.ones((n, width))
    for i, row in enumerate(member.prerequisite_strength or []):
        needs[i, : len(row)] = row
    rooted = np.array([not row for row in member.prerequisites])
    pool = np.zeros(n, int) if member.pool is None else np.asarray(member.pool)
    (count,) = _pools(member)
    waste, rate = (np.broadcast_to(x, (count,)).astype(float) for x in (member.wasted_resource, member.learning_rate))
    frequency = np.asarray(member.frequency, float)
    overlap = np.asarray(member.interference, float) if direct else np.eye(n)
    calls = 0

    def openness(depth: np.ndarray) -> np.ndarray:
        if not width:
            return np.ones(n)
        gates = 1 - needs + needs * np.append(-np.expm1(-member.gate_exponent * depth), [1.0, 0.0])[behind]
        return np.where(rooted, 1.0, np.where(either, gates.max(axis=1), gates.prod(axis=1)))

    def slope(_: float, state: np.ndarray) -> np.ndarray:
        nonlocal calls
        calls += 1
        if calls > MOST_CALLS:
            raise NoReference("SciPy takes too many steps")
        # the state: margin, or effort, or with interference the unlearned fraction
        if entropy:
            clipped = np.clip(state, -700, 700)
            demand = 1 / (1 + np.exp(clipped))
            depth = np.where(clipped > 30, clipped - np.log(2), np.log1p(np.expm1(np.minimum(clipped, 30)) / 2))
        elif direct:
            demand = depth = state
        else:
            # by decaying powers, which overflow nowhere
            left, plateau = np.exp(-state), member.plateau
            share = left - plateau * np.expm1(-state)
            demand, depth = plateau * left / share**2, state + np.log(share)
        opened = np.ones(n) if direct else openness(depth)
        f = opened * frequency * demand
        if member.competition == "l1":
            total = np.bincount(pool, f, count) + waste
        else:
            total = np.sqrt(np.bincount(pool, f * f, count) + waste**2)
        speed = (rate / total)[pool]
        if direct:
            change = overlap @ (f * speed)
            return change if entropy else -change
        return (f if entropy else opened * frequency) * speed

    def level_of(state: np.ndarray) -> np.ndarray:
        return np.tanh(state / 2) if entropy else cascade.level_at(state, False, member.plateau)

    begin = np.zeros(n) if member.initial_level is None else np.asarray(member.initial_level, float)
    begin = 2 * np.arctanh(begin) if entropy else 1 - begin if direct else member.start()
    levels = []
    for method, rtol in (("LSODA", 3e-12), ("DOP853", 1e-11)):
        calls = 0
        solved = solve_ivp(slope, (0.0, float(ts[-1])), begin, method, t_eval=ts, rtol=rtol, atol=1e-13)
        if not solved.success or solved.y.shape[1] != len(ts):
            raise NoReference("SciPy gives up")
        state = solved.y.T
        levels.append(1 - state if direct and not entropy else level_of(state))
    if level is not None:
        raise NoReference("SciPy is asked for levels only")
    return cascade.compared(levels, [np.full(n, np.nan)] * 2, [])
