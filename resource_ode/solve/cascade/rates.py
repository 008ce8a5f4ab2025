r"""Schedules of the learning rate, by cascades.

Exposures depend on resource time alone, and resource time on what has been spent: with a constant $N_0$

$$ \int_0^t \eta\, dt' = \int_0^{\tau} F\, d\tau' + N_0 \tau. $$

So a model with a schedule is one with a constant rate, read at the steps at which that one has spent as much.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ...base import programs
from ...base.lost import nan_unless
from ...base.modules import with_fields
from ...base.tracing import is_concrete
from ...model.model import ResourceModel
from ...model.schedule import Schedule
from ...results.trajectory import Trajectory
from ..members import Wish, in_chunks
from .backend import Answer
from .sharing import PIECE, take

# times at a constant rate are asked to be more accurate than those that follow, by as much as a schedule may need, but
# not by more than this, and by all that can be had only where that is not enough: the rate may be far below what it
# was, so that little of what is spent is a long time
FINER = 1e3

Solved = tuple[Any, Any, Any, Any]


class Pace(NamedTuple):
    """A schedule of the learning rate as the share of a constant `rate`: `share[k]` from `start[k]` on, where the model
    with that rate is at its step `before[k]`.
    """

    rate: Any
    start: Any
    share: Any
    before: Any

    @classmethod
    def of(cls, schedule: Schedule, dtype: Any) -> Pace:
        if is_concrete(schedule):
            # not rounded to the type of the model before the end
            start, values = (np.asarray(x, np.float64) for x in (schedule.times, schedule.values))
            numpy: Any = np
        else:
            start, values, numpy = schedule.times, schedule.values, jnp
        most = numpy.max(values)
        rate = numpy.where(most > 0, most, 1)
        share = values / rate
        spans = share[:-1] * numpy.diff(start)
        before = numpy.concatenate([numpy.zeros(1, spans.dtype), numpy.cumsum(spans)])
        return cls(rate.astype(dtype), start, share, before)

    @property
    def stretch(self) -> Any:
        """The most by which a small relative error of a step at the constant rate is larger in training steps."""
        numpy: Any = np if is_concrete(self) else jnp
        later = (self.share[1:] > 0) & (self.before[1:] > 0)
        past = self.before[1:] / self.start[1:]
        return numpy.max(numpy.where(later, past / numpy.where(later, self.share[1:], 1), 1), initial=1.0)

    def at_constant_rate(self, ts: Any) -> Any:
        """The steps at which the model with the constant rate has spent as much as at `ts`."""
        numpy: Any = np if is_concrete(self, ts) else jnp
        start, share, before = (numpy.asarray(x) for x in self[1:])
        ts = numpy.asarray(ts, start.dtype)
        piece = numpy.searchsorted(start, ts, side="right") - 1
        return before[piece] + share[piece] * (ts - start[piece])

    def in_training(self, steps: Any) -> Any:
        """The first training steps at which as much has been spent as at `steps` with the constant rate."""
        numpy: Any = np if is_concrete(self, steps) else jnp
        start, share, before = (numpy.asarray(x) for x in self[1:])
        steps = numpy.asarray(steps, start.dtype)
        piece = numpy.searchsorted(before[1:], steps, side="left")
        share, more = share[piece], steps - before[piece]
        reached = start[piece] + more / numpy.where(share > 0, share, 1)
        # where nothing is spent any more only what has been can be reached
        return numpy.where((share > 0) | ~(more > 0), reached, numpy.inf)


def steady(model: ResourceModel) -> ResourceModel:
    """The model with a constant in place of each schedule of its clock, for what does not depend on these."""
    scheduled = [name for name in ("learning_rate", "wasted_resource") if isinstance(getattr(model, name), Schedule)]
    return with_fields(model, **{name: np.ones((), model.dtype) for name in scheduled}) if scheduled else model


def trajectories(solve: Callable[..., Answer], model: ResourceModel, ts: Array, wish: Wish) -> Answer:
    """Exposure, clock, spent resource and result code of every member, or the caller's reductions of them; `solve`
    finds them at a constant learning rate.
    """
    schedule = model.learning_rate
    assert isinstance(schedule, Schedule)
    pace = Pace.of(schedule, model.dtype)
    constant, when = with_fields(model, learning_rate=pace.rate), pace.at_constant_rate(ts)
    if wish.reduce is None:
        return solve(constant, when, wish=wish)

    def reduced(part: ResourceModel) -> Any:
        found = solve(part, when, wish=Wish()).values
        return programs.compiled(_reduced)((part, found), (ts, schedule), reduce=wish.reduce, method=wish.method)

    if not is_concrete(model, ts):
        return Answer(in_chunks(constant, reduced, Wish()))
    numbers = ts.shape[0] * model.skills
    size = wish.batch_size or max(1, PIECE // numbers)
    return Answer(in_chunks(constant, reduced, wish._replace(batch_size=size)))


def _reduced(members: tuple[ResourceModel, Solved], shared: tuple[Array, Schedule], *, reduce: Any, method: str) -> Any:
    ts, schedule = shared

    def one(model: ResourceModel, solved: Solved) -> Any:
        state, clock, spent, result = solved
        own = with_fields(model, learning_rate=schedule)
        return reduce(Trajectory(ts, state, clock, spent, result, own, "exposure", method))

    return jax.vmap(one)(*members)


def learning_times(
    solve: Callable[[ResourceModel, Any], Answer],
    model: ResourceModel,
    tolerance: Any,
    floor: float,
    *,
    under_trace: bool,
) -> tuple[Any, int]:
    """Learning times `(*batch, skill)`, NaN where their relative error may exceed the tolerance, and how many members
    have such; `solve(model, tolerance)` finds them at a constant learning rate.
    """
    schedule = model.learning_rate
    assert isinstance(schedule, Schedule)
    pace, shape = Pace.of(schedule, model.dtype), (*model.batch_shape, model.skills)
    constant = with_fields(model, learning_rate=pace.rate)
    if under_trace:
        strict = jnp.maximum(tolerance / jnp.minimum(pace.stretch, FINER), floor)
        # one that would have been refused stays so
        strict = jnp.where(tolerance > 0, strict, tolerance).astype(model.dtype)
        times, sure = _in_training(pace, solve(constant, strict).values, strict, tolerance)
        return nan_unless(sure, times), 0

    def flat(found: Any) -> np.ndarray:
        return np.array(found).reshape((-1, model.skills))

    # of an absent skill there is no time to be sure of
    absent = ~flat(np.broadcast_to(model.graph.present, shape))
    strict = np.asarray(max(tolerance / min(pace.stretch, FINER), floor), model.dtype)
    times, sure = _in_training(pace, flat(solve(constant, strict).values), strict, tolerance)
    doubtful = np.flatnonzero(~np.all(sure | absent, axis=-1))
    if len(doubtful) and strict > floor:
        members = take(jax.tree.map(np.asarray, constant).flat(), doubtful)
        strict = np.asarray(floor, model.dtype)
        times[doubtful], sure[doubtful] = _in_training(pace, flat(solve(members, strict).values), strict, tolerance)
    times[~sure] = np.nan
    unsolved = np.sum(~np.all(sure | absent, axis=-1))
    return jnp.asarray(times.reshape(shape), model.dtype), int(unsolved)


def _in_training(pace: Pace, steps: Any, error: Any, tolerance: Any) -> tuple[Any, Any]:
    """Training steps from steps at the constant rate that are off by a relative error; and which of them are within the
    tolerance, wherever in that range they are.
    """
    concrete = is_concrete(pace, steps)
    numpy: Any = np if concrete else jnp
    dtype = steps.dtype
    steps = steps.astype(pace.start.dtype)
    times = pace.in_training(steps)
    found, held, off = (times, steps, error) if concrete else jax.lax.stop_gradient((times, steps, error))
    earliest, latest = (pace.in_training(held * factor) for factor in (1 - off, 1 + off))
    allowed = tolerance + 8 * float(np.finfo(found.dtype).eps)
    # what never comes never comes either way
    sure = (earliest == latest) | ((latest <= found * (1 + allowed)) & (earliest >= found * (1 - allowed)))
    return times.astype(dtype), sure & ~numpy.isnan(found)
