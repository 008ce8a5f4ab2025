r"""Interference by eigenvectors, in resource time: exact but for rounding, and without steps.

With mean squared error $du/d\tau = -C P u$ is linear, whatever the competition does to the clock. With
$K = P^{1/2} C P^{1/2} = V \Lambda V^\top$, $v = P^{1/2}\mathbf 1$ and $a = V^\top v$,

$$ s_i(\tau) = p_i^{-1/2} \sum_k V_{ik} a_k (1 - e^{-\lambda_k \tau}), \qquad
\eta t = \sum_k a_k^2\, \frac{1 - e^{-\lambda_k \tau}}{\lambda_k} + N_0 \tau, $$

a sum of what is not negative, so that each time has one clock. A learning time is the first crossing, found by steps
that cannot pass it: the curvature of a level is at most $\sum_k |V_{ik} a_k| \lambda_k^2 e^{-\lambda_k \tau}$ from
$\tau$ on. Eigenvalues are known to within the rounding of the largest one. What that does to a level is estimated,
and members for which it is too much are left to the general solver, as where frequencies are many decades apart.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from ..base import pieces, programs
from ..base.tracing import is_concrete
from ..base.warning import warn
from ..model.competition import SumOfDemands
from ..model.extension import effective
from ..model.loss import MeanSquaredError
from ..model.model import ResourceModel
from ..model.schedule import Schedule
from ..results.outcome import result_names, results_from_codes
from .events import times_by_events
from .members import Wish, kept, number_of_members
from .method import ODE
from .ode import solve_ode
from .tolerance import FLOORS

SUCCESSFUL, INACCURATE = (result_names().index(name) for name in ("successful", "inaccurate"))
EPSILON = float(np.finfo(np.float64).eps)
# units of rounding, for each skill: of eigenvalues, as parts of the largest, and of sums
ROUNDINGS = 4
# how often a clock is made better, and the logarithm of the last one
IMPROVED, LATEST = 100, 709.0
# steps towards a crossing
STEPS = 2000
# members that the general solver takes at a time
TOGETHER = 64
# numbers that are worked on at a time, which stay in the cache
PIECE = 2**16


class Modes(NamedTuple):
    """The modes of members; frequencies are in units of the largest of each.

    By `known`, eigenvalues are off; and a level by the scale of its skill times `off` for what each mode has grown.
    """

    unit: np.ndarray  # (member,): the largest frequency
    waste: np.ndarray  # (member,)
    known: np.ndarray  # (member,)
    speed: np.ndarray  # (member, mode)
    amplitude: np.ndarray  # (member, mode)
    off: np.ndarray  # (member, mode)

    def take(self, index: Any) -> Modes:
        """Those of some members, or with another axis behind that of members."""
        return Modes(*(x[index] for x in self))


class Levels(NamedTuple):
    """What a level is made of: the `share` of each mode in it, and the `scale` of what rounding does."""

    share: np.ndarray  # (member, skill, mode)
    scale: np.ndarray  # (member, skill)


def modes_obstacle(model: ResourceModel) -> str | None:
    """Why eigenvectors do not solve a model; None if they do."""
    schedules = (model.frequency, model.learning_rate, model.wasted_resource)
    reasons = {
        "there is no interference": model.interference is not None,
        "the loss is not mean squared error": type(model.law) is MeanSquaredError,
        "the competition is not l1": type(model.rule) is SumOfDemands,
        "there are pools": model.pool is None,
        "skills start at some level": model.initial_level is None,
        "something follows a schedule": not any(isinstance(each, Schedule) for each in schedules),
        "it is traced": is_concrete(model),
    }
    return next((why for why, fine in reasons.items() if not fine), None)


def solve_modes(model: ResourceModel, ts: Any, tolerance: Any, wish: Wish) -> Any:
    """Unlearned fraction, clock, spent resource and code of every member at training steps, or the caller's reductions
    of them; and how many members went to the general solver.
    """
    times, limit = np.asarray(ts, np.float64), float(tolerance)

    def solve(part: ResourceModel) -> tuple[Any, np.ndarray]:
        state, clock, spent, error = _rows(*_modes(part), np.asarray(part.learning_rate, np.float64)[:, None] * times)
        present = np.asarray(part.graph.present)[:, None]
        sure = np.where(present, error, 0).max(axis=(1, 2), initial=0) + float(np.finfo(part.dtype).eps) / 2 <= limit
        state = np.where(present, state, np.nan)
        sure &= ~np.any(np.isfinite(clock) & np.isinf(clock.astype(part.dtype)), axis=1)
        codes = np.where(sure, SUCCESSFUL, INACCURATE).astype(np.int32)
        values = (*(x.astype(part.dtype) for x in (state, clock, spent)), codes)
        values = jax.tree.map(jax.numpy.asarray, values)
        if wish.reduce is not None:
            return _reduced(part, np.asarray(ts, part.dtype), values, reduce=wish.reduce, method=wish.method), sure
        return (*values[:3], results_from_codes(values[3])), sure

    def otherwise(part: ResourceModel) -> Any:
        alone = _few_at_a_time(wish)._replace(reduce=wish.reduce, method=wish.method)
        return solve_ode(pieces.as_arrays(part), jax.numpy.asarray(ts, part.dtype), tolerance, ODE(), alone)

    enough = limit >= FLOORS["ode"][np.dtype(model.dtype).name]
    return _solve(model, solve, otherwise if enough else None, times.size * model.skills, wish)


def times_by_modes(model: ResourceModel, level: Any, tolerance: Any, wish: Wish) -> Any:
    """Learning times `(*batch, skill)`; NaN with a warning where nobody is sure of one."""
    goal, limit = float(level), float(tolerance)

    def solve(part: ResourceModel) -> tuple[Any, np.ndarray]:
        spent, off = _crossings(*_modes(part), goal)
        times, present = spent / np.asarray(part.learning_rate, np.float64)[:, None], np.asarray(part.graph.present)
        sure = ~np.any(present & (np.isnan(times) | ~(off <= limit)), axis=1)
        rounded = times.astype(part.dtype)
        sure &= ~np.any(present & np.isfinite(times) & np.isinf(rounded), axis=1)
        return jax.numpy.asarray(np.where(present & sure[:, None], rounded, np.nan)), sure

    def otherwise(part: ResourceModel) -> Any:
        return times_by_events(pieces.as_arrays(part), level, tolerance, _few_at_a_time(wish), traced=False)

    enough = limit >= FLOORS["ode"][np.dtype(model.dtype).name]
    found, _, unsolved = _solve(model, solve, otherwise if enough else None, model.skills**2, wish)
    if unsolved:
        warn(
            f"learning_times: {unsolved} of {number_of_members(model)} members are NaN, since their estimated error "
            f"exceeds the tolerance {limit:g} and no other method can solve them; loosen tolerance",
            stacklevel=5,
        )
    return found


def _solve(
    model: ResourceModel,
    solve: Callable[[ResourceModel], tuple[Any, np.ndarray]],
    otherwise: Callable[[ResourceModel], Any] | None,
    numbers: int,
    wish: Wish,
) -> tuple[Any, int, int]:
    """A batch, some members at a time: those with waste of which `solve` is unsure by `otherwise`, if there is any.
    With how many that were, and how many nobody solved.
    """
    shape, total = model.batch_shape, number_of_members(model)
    flat = jax.tree.map(np.asarray, model.flat())
    size = min(total, wish.batch_size or total, max(1, PIECE // numbers))
    parts, again, unsolved, waiting, told = [], [], 0, 0, 0
    for begin in range(0, total, size):
        part = jax.tree.map(lambda x, at=begin: x[at : at + size], flat)
        # what is beyond all numbers is no answer, and nobody is sure of it
        with np.errstate(all="ignore"):
            found, sure = solve(part)
        other = ~sure & (np.asarray(part.wasted_resource) > 0) & (otherwise is not None)
        parts.append(found)
        again.append(begin + np.flatnonzero(other))
        unsolved, waiting = unsolved + int(np.sum(~sure & ~other)), waiting + int(np.sum(other))
        done = min(begin + size, total) - waiting
        if wish.progress is not None and done > told:
            wish.progress(done, total)
            told = done
    found = parts[0] if len(parts) == 1 else jax.tree.map(lambda *x: jax.numpy.concatenate(x), *parts)
    if otherwise is not None and waiting:
        # together, since a program is compiled for each number of them
        rows = np.concatenate(again)
        found = pieces.put(found, rows, otherwise(jax.tree.map(lambda x: x[rows], flat)))
        if wish.progress is not None:
            wish.progress(total, total)
    return jax.tree.map(lambda x: x.reshape((*shape, *x.shape[1:])), found), waiting, unsolved


def _few_at_a_time(wish: Wish) -> Wish:
    """For the general solver, where all wait for the slowest."""
    return Wish(min(wish.batch_size or TOGETHER, TOGETHER))


@programs.compiled
def _reduced(models: ResourceModel, ts: Any, values: Any, *, reduce: Any, method: str) -> Any:
    def one(model: ResourceModel, state: Any, clock: Any, spent: Any, code: Any) -> Any:
        solved = (state, clock[:, None], spent[:, None], results_from_codes(code))
        return kept(model, ts, solved, reduce, method, "direct")

    return jax.vmap(one)(models, *values)


def _modes(models: ResourceModel) -> tuple[Modes, Levels]:
    present = np.asarray(models.graph.present)
    rate = np.asarray(effective(models.frequency, models.frequency_power, models.learnability), np.float64)
    rate = np.where(present, rate, 0)
    unit = rate.max(axis=1)
    root = np.sqrt(rate / unit[:, None])
    root = np.where(np.isfinite(root), root, 0)
    # a skill that is met more rarely than all numbers is in no mode, and nothing is known of it
    scale = np.divide(1, root, out=np.where(present, np.inf, 0), where=root > 0)
    overlap = np.asarray(models.interference, np.float64)
    speed, vectors = np.linalg.eigh(root[:, :, None] * overlap * root[:, None, :])
    rounding = ROUNDINGS * rate.shape[1]
    known = rounding * EPSILON * speed[:, -1:]
    # an eigenvalue of overlaps that rounding alone keeps from 0 is 0: a motion that never happens. There are as many of
    # them whatever the frequencies, and another that is small is only slow
    small = rounding * float(np.finfo(models.dtype).eps)
    lost = np.zeros((len(speed), 1), int)
    some = np.flatnonzero(speed[:, 0] <= small + known[:, 0])
    own = np.linalg.eigvalsh(np.where(present[some, :, None] & present[some, None], overlap[some], 0))
    lost[some, 0] = np.sum(own <= small, axis=1)
    never = np.arange(speed.shape[1]) < lost
    # what is slower than rounding lets anyone see still moves, nobody knows how fast
    moving = np.where(never, 0, np.maximum(speed, known))
    part = np.einsum("mik,mi->mk", vectors, root)
    # and what rounding alone put into it is nothing
    part = np.where(never & (np.abs(part) <= rounding * EPSILON * np.sqrt(rate.shape[1])), 0, part)
    off = (known + np.abs(moving - speed)) * np.abs(part)
    share = np.where(np.isfinite(scale), scale, 0)[:, :, None] * vectors * part[:, None]
    waste = np.asarray(models.wasted_resource, np.float64) / unit
    return Modes(unit, waste, known[:, 0], moving, np.abs(part), off), Levels(share, scale)


def _decays(modes: Modes, clock: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    r"""What of each mode is gone, $1 - e^{-\lambda\tau}$; that as it has grown, over $\lambda$; and what is left. An
    infinite clock has ended where no mode was left that ever happens.
    """
    some, ended, clock = modes.speed > 0, np.isinf(clock)[..., None], clock[..., None]
    exponent = modes.speed * np.where(ended, 0, clock)
    gone = np.where(ended, some, -np.expm1(-exponent))
    grown = np.where(some, gone / np.where(some, modes.speed, 1), np.where(ended, 0, clock))
    return gone, grown, np.where(ended, ~some, np.exp(-exponent))


def _spending(modes: Modes, clock: np.ndarray, grown: np.ndarray, left: np.ndarray) -> tuple[np.ndarray, ...]:
    """What is spent by a clock, how fast more is, and by how much the first may be off."""
    weight = modes.amplitude**2
    wasted = np.where(modes.waste > 0, modes.waste * clock, 0)
    spent = _dot(weight, grown) + wasted
    off = modes.known * _dot(modes.amplitude, grown) ** 2
    return spent, _dot(weight, left) + modes.waste, off + _rounding(modes) * spent


def _dot(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Sums over modes."""
    return np.einsum("...k,...k->...", one, other)


def _rounding(modes: Modes) -> float:
    return ROUNDINGS * modes.speed.shape[-1] * EPSILON


def _clocks(modes: Modes, spent: np.ndarray) -> np.ndarray:
    """The clock of each member by which so much is spent, `(member, time)`; infinite where that is more than there is
    to learn.
    """
    weight, never = modes.amplitude**2, modes.speed == 0
    first = (weight.sum(axis=-1) + modes.waste)[:, None]
    last = (np.where(never, weight, 0).sum(axis=-1) + modes.waste)[:, None]
    slowest = np.min(np.where(never, np.inf, modes.speed), axis=-1)[:, None]
    ever = np.where(last > 0, np.inf, np.sum(weight / np.where(never, 1, modes.speed), axis=-1)[:, None])
    some = (spent > 0) & (spent < ever)
    wanted = np.where(some, spent, 1)
    # demand only falls: to what is never learned and to waste, or to the slowest mode
    most = np.where(last > 0, wanted / last, -np.log1p(-wanted / ever) / slowest)
    low, high = np.log(wanted / first), np.log(most)
    low, high, goal = low[some], np.minimum(high[some], LATEST), np.log(wanted[some])
    who, at, left = np.nonzero(some)[0], low.copy(), np.arange(len(low))
    for _ in range(IMPROVED):
        if not len(left):
            break
        mine, clock = modes.take(who[left]), np.exp(at[left])
        _, grown, remains = _decays(mine, clock)
        now, pull, _ = _spending(mine, clock, grown, remains)
        short = goal[left] - np.log(now)
        low[left] = np.where(short > 0, at[left], low[left])
        high[left] = np.where(short < 0, at[left], high[left])
        new = at[left] + short * now / (pull * clock)
        inside = (new >= low[left]) & (new <= high[left])
        new = np.where(inside, new, (low[left] + high[left]) / 2)
        moved, at[left] = np.abs(new - at[left]), new
        left = left[(moved > ROUNDINGS * EPSILON * np.maximum(1, np.abs(new))) & (np.abs(short) > ROUNDINGS * EPSILON)]
    clock = np.where(spent > 0, np.inf, 0.0)
    clock[some] = np.exp(at)
    return clock


def _rows(modes: Modes, levels: Levels, given: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Unlearned fraction `(member, time, skill)`, clock and spent resource `(member, time)` where so much has been
    handed out, and by how much levels may be off.
    """
    clock = _clocks(modes, given)
    each, shares = modes.take(np.s_[:, None]), levels.share.swapaxes(1, 2)
    gone, grown, left = _decays(each, clock)
    spent, pull, late = _spending(each, clock, grown, left)
    # and by what the clock was not made better
    ended = np.isinf(clock) & (each.waste == 0)
    missed = np.where(ended, np.maximum(spent - given, 0), np.abs(spent - given))
    late = late + missed
    # of a run that may not have ended yet, no mode has more left than may still be spent
    ending = np.where((ended & (given <= spent + late))[..., None], late[..., None] * each.speed / each.amplitude**2, 0)
    ending = np.where(each.amplitude > 0, np.minimum(ending, 1), 0)
    late = np.where(pull > 0, late / np.where(pull > 0, pull, 1), 0)
    level, summed, moving = gone @ shares, gone @ np.abs(shares), (modes.speed[:, None] * left) @ np.abs(shares)
    off = _dot(each.off, grown)[..., None] * levels.scale[:, None]
    off = off + _rounding(modes) * summed + moving * late[..., None] + ending @ np.abs(shares)
    # the budget is a promise of its own
    off = np.maximum(off, (missed / np.maximum(given, 1))[..., None])
    return 1 - level, clock / modes.unit[:, None], spent, np.where(clock[..., None] > 0, off, 0)


def _crossings(modes: Modes, levels: Levels, goal: float) -> tuple[np.ndarray, np.ndarray]:
    """What has been spent when each skill first reaches a level, `(member, skill)`: infinite where it never does, NaN
    where that is not known; and by which share of itself it may be off.
    """
    found, off = np.zeros(levels.scale.shape), np.zeros(levels.scale.shape)
    if goal <= 0:
        return found, off
    found[:] = np.nan
    who, skill = np.nonzero(np.isfinite(levels.scale) & (levels.scale > 0))
    at, near = np.zeros(len(who)), np.zeros(len(who), bool)
    # what rounding may still do to the levels of skills, whenever: beside what never happens
    some = modes.speed > 0
    slowest = np.min(np.where(some, modes.speed, np.inf), axis=1)
    tail = _dot(some, modes.amplitude / np.where(some, modes.speed, 1))
    tail = modes.known * (tail + np.sqrt(_dot(~some, modes.amplitude**2)) / slowest)
    for _ in range(STEPS):
        if not len(who):
            break
        mine, share, scale = modes.take(who), levels.share[who, skill], levels.scale[who, skill]
        gone, grown, left = _decays(mine, at)
        short = goal - _dot(share, gone)
        rounding = _rounding(modes) * _dot(np.abs(share), gone)
        blur = rounding + scale * _dot(mine.off, grown)
        change = share * mine.speed * left
        slope, bend = np.sum(change, axis=-1), _dot(np.abs(change), mine.speed)
        # from here on the level bends by no more than it may now
        root = np.sqrt(slope**2 + 2 * bend * short)
        step = np.where(slope > 0, 2 * short / (slope + root), (root - slope) / bend)
        most = _dot(np.where(mine.speed > 0, np.maximum(share, 0), 0), left)
        never = short - most > rounding + _rounding(modes) * _dot(np.abs(share), left) + scale * tail[who]
        there = ~never & ((short <= rounding) | (step <= ROUNDINGS * EPSILON * at))
        # it came as near as that, and went away: nobody knows whether it crossed
        lost = ~never & ~there & ((near & (short > blur)) | ~np.isfinite(step))
        spent, pull, late = _spending(mine, at, grown, left)
        found[who[never], skill[never]] = np.inf
        found[who[there], skill[there]] = spent[there]
        # where it bends so much, it may not have come as far
        further = 2 * blur / (slope + np.sqrt(slope**2 - 2 * bend * blur))
        doubt = np.where(slope > 0, further * pull + late, np.inf) / spent
        off[who[there], skill[there]] = doubt[there]
        on = ~(never | there | lost)
        who, skill, at, near = who[on], skill[on], (at + step)[on], (short <= blur)[on]
    return found, off
