"""Learning times by the general solver, for models outside the cascade: all skills of a member from one solve."""

from __future__ import annotations

from typing import Any

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..base import programs
from ..base.devices import refuse_over_devices
from ..base.lost import nan_unless
from ..base.warning import warn
from ..model.model import ResourceModel
from . import ode as training_time
from .crossings import Crossings, above, crossings, levels_of
from .members import Wish, in_chunks

# how much more accurate the solver is asked to be where it was not: the error of a time is that of the level over the
# slope at which it is reached, so that slopes a thousand times smaller than usual are served
FINER = 1000
# of what is learned until a level is reached, the least for which the solver is asked to be more accurate
LEAST_AHEAD = 1e-3
# units of rounding that a goal, or what has been learned, is off by
ROUNDING = 2
# the training step at which a search ends, as a power of the largest number: no bound on what is still to come is near,
# and right for all gates, losses and schedules, and where nothing moves any more steps grow tenfold
LATEST = 0.75


@programs.compiled
def _event_times(
    models: ResourceModel,
    level: Array | np.ndarray,
    tolerance: Array | np.ndarray,
    accuracy: Array | np.ndarray,
    *,
    adjoint: Any,
    max_steps: int,
) -> tuple[Array, Array, Array]:
    """Times by a solver that aims at an accuracy, and which of them were not found or miss the tolerance: both NaN.
    With an adjoint they carry derivatives.
    """

    def one(model: ResourceModel) -> tuple[Array, Array, Array]:
        frozen, goal, least = jax.lax.stop_gradient((model, level, accuracy))
        present, begin = model.graph.present, training_time.initial_state(frozen)[0]
        start, there = levels_of(frozen, begin), above(frozen, begin, goal) >= 0
        # errors of the state are absolute, those of times relative: the less to learn, the smaller they must be
        ahead = jnp.min(jnp.where(present & ~there, goal - start, 1))
        aim = least * jnp.clip(ahead, LEAST_AHEAD, 1), jnp.clip(ahead / LEAST_AHEAD, _tiny(ahead) ** 0.5, 1)
        crossed, coarser = _two_searches(frozen, goal, aim, max_steps)
        time, found = jnp.where(crossed.found, crossed.time, 0), crossed.found
        error = jnp.maximum(_missed(crossed, coarser), crossed.residual) + _rounding(frozen, begin, goal)
        failed = present & ~found & ~there & ~crossed.never
        inaccurate = present & found & ~(error <= tolerance)
        if adjoint is not None:
            slope, off = _at_their_times(model, level, time, _parts(frozen, aim), adjoint, max_steps)
            held = jnp.where(found, off / jax.lax.stop_gradient(jnp.where(slope > 0, slope, 1)), 0)
            time = time - (held - jax.lax.stop_gradient(held))
        time = jnp.where(found | failed, nan_unless(~inaccurate & ~failed, time), jnp.inf)
        return jnp.where(present, jnp.where(there, 0, time), jnp.nan), failed, inaccurate

    return jax.vmap(one)(models)


def _tiny(like: Array) -> float:
    """The least normal number of a data type."""
    return float(jnp.finfo(like.dtype).tiny)


def _parts(model: ResourceModel, aim: tuple[Any, Any], pace: Any = training_time.FIRST) -> tuple[Any, Any]:
    """The solver and its controller, for an accuracy and for how large what counts is."""
    tolerance, scale = aim
    solver, controller = training_time.solver_parts(model, tolerance, None, None, pace, scale)
    if model.interference is None:
        return solver, controller
    # levels may come to rest, and only an implicit solver crosses a rest in few steps
    own: Any = controller.controller if isinstance(controller, diffrax.ClipStepSizeController) else controller
    return diffrax.Kvaerno5(root_finder=diffrax.VeryChord(rtol=own.rtol, atol=own.atol)), controller


def _two_searches(model: ResourceModel, goal: Any, aim: tuple[Any, Any], max_steps: int) -> tuple[Crossings, Crossings]:
    """Crossings by a solve and by a coarser one that tells its error, one after the other by the same code."""
    last = jnp.asarray(float(jnp.finfo(model.dtype).max) ** LATEST, model.dtype)

    def search(_: None, pace: Any) -> tuple[None, Crossings]:
        return None, crossings(model, goal, last, *_parts(model, aim, pace), max_steps)

    paces = training_time.paces(model)
    _, found = jax.lax.scan(search, None, paces)
    first, coarser = (jax.tree.map(lambda x, k=k: x[k], found) for k in range(2))
    return first, coarser


def _missed(crossed: Crossings, coarser: Crossings) -> Array:
    """The relative error of each skill's time: by a coarser solve, whose whole difference counts, since one time alone
    may agree by chance.
    """
    both = crossed.found & coarser.found & (crossed.time > 0)
    return jnp.where(both, jnp.abs(coarser.time / jnp.where(both, crossed.time, 1) - 1), jnp.inf)


def _rounding(model: ResourceModel, begin: Array, level: Any) -> Array:
    """What rounding alone does to each skill's time, relative to it: beside where a skill starts, what is still to come
    may be little. Both solves round alike.
    """
    goal = jnp.broadcast_to(jnp.asarray(level, begin.dtype), begin.shape)
    if model.interference is None:
        # an effort is known as well as its logarithm
        held, goal = model.initial_effort(), model.law.effort_at(goal)
        scale = held * (1 + jnp.log1p(held))
    else:
        held, scale = jax.jvp(model.law.direct_level, (begin,), (begin,))
    ahead = goal - held
    return ROUNDING * float(jnp.finfo(begin.dtype).eps) * jnp.abs(scale) / jnp.where(ahead > 0, ahead, 1)


def _at_their_times(
    model: ResourceModel, level: Any, time: Array, parts: tuple[Any, Any], adjoint: Any, max_steps: int
) -> tuple[Array, Array]:
    """Of a solve that reports at the skills' own times, how fast each skill grows there, and how far it is `above` a
    level.
    """
    order = jnp.argsort(time)
    solved = training_time.solved_at(model, time[order], *parts, adjoint, max_steps)
    assert solved.ys is not None
    states = jax.tree.map(lambda x: x[jnp.argsort(order)], solved.ys)

    def own(skill: Array, time: Array, state: Any) -> tuple[Array, Array]:
        change = training_time.vector_field(time, state, model)
        found, slopes = jax.jvp(lambda main: above(model, main, level), (state[0],), (change[0],))
        return slopes[skill], found[skill]

    return jax.vmap(own)(jnp.arange(model.skills), time, states)


def times_by_events(
    model: ResourceModel, level: Any, tolerance: Any, wish: Wish, *, traced: bool, max_steps: int = 100_000
) -> Array:
    """Learning times `(*batch, skill)`, from one solve for each member; NaN with a warning where one failed."""
    refuse_over_devices("learning times by the ODE", model, level, tolerance)
    steps = min(4096, max_steps) if traced else max_steps
    options: dict[str, Any] = {"adjoint": diffrax.DirectAdjoint() if traced else None, "max_steps": steps}

    def solve(part: ResourceModel) -> tuple[Array, Array, Array]:
        times, failed, inaccurate = _event_times(part, level, tolerance, tolerance, **options)
        if not traced and bool(jnp.any(inaccurate)):
            # a level that is just reached, slowly, is a time that small errors change much
            again, failed_again, still = _event_times(part, level, tolerance, tolerance / FINER, **options)
            times = jnp.where(inaccurate, again, times)
            failed, inaccurate = failed | (inaccurate & failed_again), inaccurate & still
        return times, failed, inaccurate

    times, failed, inaccurate = in_chunks(model, solve, wish)
    if not traced:
        reasons = {
            f"the solver ended, after {steps} steps at most, before they were reached or surely never are": failed,
            f"their estimated error exceeds the tolerance {float(tolerance):g}": inaccurate,
        }
        for why, which in reasons.items():
            count = int(jnp.sum(which))
            if count:
                warn(
                    f"learning_times: {count} of {times.size} times are NaN, since {why}; loosen tolerance",
                    stacklevel=5,
                )
    return times
