"""A whole batch in resource time: a backend solves rows of cascades, the general solver what it is not sure of."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ... import native
from ...base import pieces, programs
from ...base.warning import warn
from ...model.model import ResourceModel
from ...model.schedule import Schedule
from ..events import times_by_events
from ..members import Wish, in_chunks, number_of_members
from ..ode import ode_members
from ..tolerance import FLOORS
from . import quadrature as resource_time
from . import rates, schedules, traced
from .arrays import ArrayCascade
from .backend import AbstractCascade, Answer, Found, Job
from .compiled import CompiledCascade
from .gpu import GPUCascade
from .pools import places_of
from .refine import PANELS
from .sharing import PIECE, Clocks, Rows, exponents_can_share, members_of, only_row, split_axes, take
from .times import learning_times
from .trajectories import trajectories
from .walked import WalkedCascade

# the first that has no obstacle serves
BACKENDS: tuple[AbstractCascade, ...] = (CompiledCascade(), WalkedCascade(), GPUCascade(), ArrayCascade())
# members that a backend is not sure of may cost about 100 times what the others do: steps of the general solver, and
# for learning times the most skills
ODE_STEPS, EVENT_SKILLS = 1024, 64


# members times skills from which on it matters how fast they are solved
MANY = 10_000


def backend_for(model: ResourceModel, *, under_trace: bool) -> AbstractCascade:
    """What solves a model that has a cascade, here."""
    if under_trace or schedules.scheduled(model) or traced.serves_pools(model):
        return BACKENDS[0] if traced.by_loops(model) else BACKENDS[-1]
    model = rates.steady(model)
    found = _without_obstacle(model)
    if found is not BACKENDS[0] and math.prod(model.batch_shape) * model.skills >= MANY and native.would_apply(model):
        _say_what_is_missing()
    return found


def _without_obstacle(model: ResourceModel) -> AbstractCascade:
    """What takes the rows of a concrete model; those of pools have several clocks each."""
    return next(backend for backend in BACKENDS if backend.obstacle(model) is None)


@functools.cache
def _say_what_is_missing() -> None:
    """Once, where speed matters."""
    why = native.why_not()
    if why:
        warn(f"this takes several times longer without the compiled loops: {why}", stacklevel=5)


def batch_trajectories(
    model: ResourceModel,
    ts: Any,
    tolerance: Any,
    wish: Wish,
    backend: AbstractCascade,
    *,
    under_trace: bool,
) -> Answer:
    """Exposure, clock, spent resource and result code of every member, or the caller's reductions of them."""
    if under_trace and schedules.scheduled(model):
        return Answer(schedules.trajectories(model, ts, tolerance, wish.reduce, wish.method)[0])
    if isinstance(model.learning_rate, Schedule) and not schedules.scheduled(model):
        solved = functools.partial(batch_trajectories, tolerance=tolerance, backend=backend, under_trace=under_trace)
        return rates.trajectories(solved, model, ts, wish)
    if under_trace and traced.serves(model):
        return Answer(traced.batch_trajectories(model, ts, tolerance, wish.reduce, wish.method)[0])
    if under_trace:
        graphs, clocks, back = split_axes(model, share_exponents=False)
        options = {"panels": traced.TRACED, "endless": True, "reduce": wish.reduce, "method": wish.method}
        solve_traced = programs.compiled(trajectories)
        return Answer(back(solve_traced((graphs, clocks, clocks, None), (ts, tolerance), **options)[0]))

    # the loops compute in float64, and take times so, whatever the type of the model
    exact, ts = ts, jnp.asarray(ts, model.dtype)

    def by_ode(chosen: ResourceModel) -> Any:
        options = {"max_steps": ODE_STEPS, "reduce": wish.reduce, "method": wish.method}
        return ode_members(pieces.as_arrays(chosen), ts, tolerance, **options)

    otherwise = by_ode if _by_ode(tolerance, model) else None
    numbers = ts.shape[0] * model.skills
    if schedules.scheduled(model):
        pieced = functools.partial(
            schedules.trajectories, ts=ts, tolerance=tolerance, reduce=wish.reduce, method=wish.method
        )
        return _solve_pieces(model, pieced, otherwise, numbers, wish)
    if traced.serves_pools(model, numbers):
        program = programs.compiled(traced.batch_trajectories)

        def pooled(chosen: ResourceModel) -> Any:
            return program(chosen, ts, tolerance, wish.reduce, wish.method, places_of(chosen))

        return _solve_pieces(model, pooled, otherwise, numbers, wish)
    rows_by = backend if model.pool is None else _without_obstacle(model)

    loops = rows_by is BACKENDS[0]

    def solve(rows: Rows, job: Job) -> Found:
        return rows_by.trajectories(rows, exact if loops else ts, tolerance, job)

    return _solve_batch(model, solve, otherwise, numbers, wish, alone=loops)


def batch_times(
    model: ResourceModel, level: Any, tolerance: Any, wish: Wish, backend: AbstractCascade, *, under_trace: bool
) -> Array:
    """Learning times `(*batch, skill)` at a level in (-1, 1); NaN for members that nobody is sure of, with a warning
    that counts them where that is known.
    """
    if isinstance(model.learning_rate, Schedule) and not schedules.scheduled(model):
        solved = functools.partial(_times, level=level, wish=wish, backend=backend, under_trace=under_trace)
        floor = FLOORS[backend.floors][np.dtype(model.dtype).name]
        times, unsolved = rates.learning_times(solved, model, tolerance, floor, under_trace=under_trace)
    else:
        times, _, unsolved = _times(model, tolerance, level, wish, backend, under_trace=under_trace)
    if unsolved:
        why = "without waste" if _by_ode(tolerance, model) else "at such a tolerance"
        why = why if model.skills <= EVENT_SKILLS else f"with more than {EVENT_SKILLS} skills"
        warn(
            f"learning_times: {unsolved} of {math.prod(model.batch_shape)} members are NaN, since their estimated "
            f"error exceeds the tolerance {float(tolerance):g} and no other method can solve them ({why}); loosen "
            "tolerance",
            stacklevel=5,
        )
    return times


def _times(
    model: ResourceModel, tolerance: Any, level: Any, wish: Wish, backend: AbstractCascade, *, under_trace: bool
) -> Answer:
    """Learning times, but for schedules of the learning rate alone."""
    if under_trace and schedules.scheduled(model):
        return Answer(schedules.learning_times(model, level, tolerance)[0])
    if under_trace and traced.serves(model):
        return Answer(traced.batch_times(model, level, tolerance)[0])
    if under_trace:
        graphs, clocks, back = split_axes(model, share_exponents=False)
        solve_traced = programs.compiled(learning_times)
        return Answer(back(solve_traced((graphs, clocks, clocks, None), (level, tolerance), panels=traced.TRACED)[0]))

    def by_events(chosen: ResourceModel) -> Array:
        members = pieces.as_arrays(chosen)
        return times_by_events(members, level, tolerance, Wish(), traced=False, max_steps=ODE_STEPS)

    otherwise = by_events if model.skills <= EVENT_SKILLS and _by_ode(tolerance, model) else None
    if schedules.scheduled(model):
        pieced = functools.partial(schedules.learning_times, level=level, tolerance=tolerance)
        return _solve_pieces(model, pieced, otherwise, model.skills, wish)
    if traced.serves_pools(model, model.skills):
        compiled_times = programs.compiled(traced.batch_times)

        def pooled(chosen: ResourceModel) -> Any:
            return compiled_times(chosen, level, tolerance, places_of(chosen))

        return _solve_pieces(model, pooled, otherwise, model.skills, wish)
    rows_by = backend if model.pool is None else _without_obstacle(model)

    def solve(rows: Rows, job: Job) -> Found:
        return rows_by.times(rows, level, tolerance, job)

    return _solve_batch(model, solve, otherwise, model.skills, wish, alone=rows_by is BACKENDS[0])


def _by_ode(tolerance: Any, model: ResourceModel) -> bool:
    """Whether the general solver may be asked for a concrete tolerance."""
    return float(tolerance) >= FLOORS["ode"][np.dtype(model.dtype).name] * (1 - 1e-6)


def microbatch(skills: int, members: int) -> int:
    """How many graphs are solved side by side: as many as stay in the cache on a CPU, or fill a GPU.

    Fewer only in steps of eight, since each size is a program of its own to compile.
    """
    numbers = skills * PANELS * resource_time.NODES
    room, most = (2**18, 64) if jax.default_backend() == "cpu" else (2**30, 2**15)
    size = max(1, min(most, 8 ** int(math.log(max(1, room // numbers), 8))))
    while size // 8 >= members:
        size //= 8
    return size


def _solve_pieces(
    model: ResourceModel,
    solve: Callable[[ResourceModel], tuple[Any, Array]],
    otherwise: Callable[[ResourceModel], Any] | None,
    numbers: int,
    wish: Wish,
) -> Answer:
    """A batch with pools, or a schedule of frequency or wasted resource, by `solve`, which returns results and which of
    them are sure; those that are not go to `otherwise`, as in `_solve_batch`.
    """
    shape, total = model.batch_shape, number_of_members(model)
    size = min(total, wish.batch_size or total, traced.pools_at_a_time(model, numbers))
    if size == total:
        # what members share is computed once
        result, sure = solve(model)
        if wish.progress is not None:
            wish.progress(total, total)
    else:
        result, sure = in_chunks(model, solve, wish._replace(batch_size=size))
    doubtful = np.flatnonzero(~np.asarray(sure).ravel())
    if not len(doubtful):
        return Answer(result)
    given = model.wasted_resource
    # in a schedule there is no zero
    waste = np.ones(()) if isinstance(given, Schedule) else given
    waste = waste if model.pool is not None else np.expand_dims(waste, -1)
    waste = np.broadcast_to(waste, (*shape, model.pools)).reshape(total, model.pools)
    again = doubtful[np.all(waste[doubtful] > 0, axis=-1) & (otherwise is not None)]
    if otherwise is not None and len(again):
        flat = jax.tree.map(lambda x: x.reshape((total, *x.shape[len(shape) :])), result)
        flat = pieces.put(flat, again, otherwise(take(jax.tree.map(np.asarray, model.flat()), again)))
        result = jax.tree.map(lambda x: x.reshape((*shape, *x.shape[1:])), flat)
    return Answer(result, len(again), len(doubtful) - len(again))


def _solve_batch(
    model: ResourceModel,
    solve: Callable[[Rows, Job], Found],
    otherwise: Callable[[ResourceModel], Any] | None,
    numbers: int,
    wish: Wish,
    *,
    alone: bool,
) -> Answer:
    """Rows `(row, exponent, clock)` of one width by `solve`; a graph with many clocks takes several rows. Members that
    stay unsure go to `otherwise`, if there is any, each for itself, but for those without waste, which it cannot solve.
    `numbers` is how many numbers the result of a member has; with `alone` a model without batch axes is a row as it is,
    which costs the host a third of the time.
    """
    total = number_of_members(model)
    if not model.batch_shape and alone and wish.reduce is None and wish.progress is None:
        found = solve(only_row(model), Job(1, None, lambda finished: None, None, wish.method))
        if not found.unsure.any():
            return Answer(pieces.as_arrays(jax.tree.map(lambda x: x[0, 0, 0], found.values)))
    model = jax.tree.map(np.asarray, model)
    graphs, clocks, back = split_axes(model, share_exponents=exponents_can_share(model, numbers))
    members, exponents, each = clocks.rate.shape[:3]
    size = microbatch(graphs.skills, members)
    wide = min(each, max(1, PIECE // (numbers * exponents * size)), max(1, (wish.batch_size or total) // exponents))
    step = None if wish.batch_size is None else max(1, min(size, wish.batch_size // (exponents * wide)))
    count = math.ceil(each / wide)
    columns = np.minimum(np.arange(count * wide), each - 1)

    def by_row(x: np.ndarray) -> np.ndarray:
        return x if count == 1 else np.repeat(x, count, axis=0)

    def widened(x: np.ndarray) -> np.ndarray:
        if count == 1:
            return x
        x = x[:, :, columns].reshape((members, exponents, count, wide, *x.shape[3:]))
        return np.moveaxis(x, 2, 1).reshape((members * count, exponents, wide, *x.shape[4:]))

    mine = Clocks(by_row(clocks.exponent), widened(clocks.rate), widened(clocks.waste))
    rows = Rows(jax.tree.map(by_row, graphs), mine, Clocks(*map(by_row, clocks)))

    def done(finished: int) -> None:
        if wish.progress is not None:
            whole, part = divmod(finished, count)
            wish.progress(exponents * (whole * each + min(part * wide, each)), total)

    result, unsure = solve(rows, Job(size, step, done, wish.reduce, wish.method))
    left, by_ode, unsolved = np.flatnonzero(unsure.any(axis=1)), 0, 0
    if len(left):
        # the copies that fill a row up are members like the others, but count for nothing
        own = (np.arange(count * wide) < each).reshape((count, 1, wide))[left % count]
        doubtful = own & unsure[left][..., None]
        wasteful = mine.waste[left] > 0 if model.pool is None else np.all(mine.waste[left] > 0, axis=-1)
        # where one cascade had to serve several exponents, each may do better with one of its own
        again = doubtful if exponents > 1 else doubtful & wasteful & (otherwise is not None)
        place, unsolved = np.nonzero(again), int(np.sum(doubtful & ~again))
        if len(place[0]):
            chosen = take(members_of(take(rows, left)), np.ravel_multi_index(place, again.shape))
            if exponents > 1:
                found = _solve_batch(chosen, solve, otherwise, numbers, wish._replace(progress=None), alone=False)
            else:
                assert otherwise is not None
                found = Answer(otherwise(chosen), len(place[0]))
            by_ode, unsolved = found.by_ode, unsolved + found.unsolved
            result = pieces.put(result, (left[place[0]], *place[1:]), found.values)

    def narrowed(x: Any) -> Any:
        x = x.reshape((members, count, exponents, wide, *x.shape[3:])).swapaxes(1, 2)
        return x.reshape((members, exponents, count * wide, *x.shape[4:]))[:, :, :each]

    return Answer(pieces.as_arrays(back(jax.tree.map(narrowed, result))), by_ode, unsolved)
