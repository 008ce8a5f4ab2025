"""Learning times by events of the general solver, for models outside the cascade."""

from __future__ import annotations

from typing import Any

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import optimistix
from jaxtyping import Array

from ..base import programs
from ..base.warning import warn
from ..model.model import ResourceModel
from ..model.schedule import Schedule
from . import ode as training_time
from .members import Wish, in_chunks

# how much more accurate the solver is asked to be where it was not: the error of a time is that of the level over the
# slope at which it is reached, so that slopes a thousand times smaller than usual are served
FINER = 1000
# of what is learned until a level is reached, the least for which the solver is asked to be more accurate
LEAST_AHEAD = 1e-3


def _never_before(model: ResourceModel) -> Array:
    """A training step by which whatever happens has happened, for one member."""
    waste = model.wasted_resource.values if isinstance(model.wasted_resource, Schedule) else model.wasted_resource
    rates = model.learning_rate.values if isinstance(model.learning_rate, Schedule) else model.learning_rate
    slowest = jnp.min(jnp.where(model.graph.present, model.rate(), jnp.inf))
    return 1e6 * (model.skills + jnp.max(waste) / slowest) / jnp.max(rates)


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
    """Times by a solver that aims at an accuracy, and which of them were not found or miss the tolerance: both NaN."""

    def one(model: ResourceModel, skill: Array) -> tuple[Array, Array, Array]:
        time, state, result = _event(model, skill, level, accuracy, adjoint, max_steps)
        found = result == diffrax.RESULTS.event_occurred
        late = result == diffrax.RESULTS.successful
        there = _level_of(model, training_time.initial_state(model), skill) >= level
        present = model.graph.present[skill]
        frozen = jax.lax.stop_gradient((model, skill, level, accuracy, time, state))
        error = _event_error(*frozen, max_steps)
        failed = ~(found | late | there) & present
        inaccurate = found & ~there & present & ~(error <= tolerance)
        time = jnp.where(found & ~inaccurate, time, jnp.where(late, jnp.inf, jnp.nan))
        return jnp.where(present, jnp.where(there, 0, time), jnp.nan), failed, inaccurate

    return jax.vmap(lambda m: jax.vmap(lambda i: one(m, i))(jnp.arange(m.skills)))(models)


def _level_of(model: ResourceModel, state: tuple[Array, ...], skill: Array) -> Array:
    direct = model.interference is not None
    every = model.law.direct_level(state[0]) if direct else model.law.level(model.effort(state[0] / model.rate()))
    return every[skill]


def _event(
    model: ResourceModel, skill: Array, level: Any, tolerance: Any, adjoint: Any, max_steps: int, coarser: float = 1.0
) -> tuple[Array, tuple[Array, ...], Any]:
    """When one skill reaches a level, the state at that time, and how the solve ended."""
    # errors of the state are absolute, that of a time is relative: the less there is to learn, the smaller they must be
    ahead = level - _level_of(model, training_time.initial_state(model), skill)
    tolerance = tolerance * jax.lax.stop_gradient(jnp.clip(ahead, LEAST_AHEAD, 1))

    def short(t: Any, y: Any, args: Any, **_: Any) -> Array:
        return _level_of(model, y, skill) - level

    # with interference levels may come to rest, and only an implicit solver crosses a rest in few steps
    implicit = diffrax.Kvaerno5() if model.interference is not None else None
    solver, controller = training_time.solver_parts(model, tolerance, implicit, None, coarser)
    finding: Any = optimistix.Newton
    finding = finding(rtol=tolerance / 10, atol=tolerance / 10)  # arrays, so that other tolerances do not recompile
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(training_time.vector_field),
        solver,
        jnp.zeros((), model.dtype),
        _never_before(model),
        None,
        training_time.initial_state(model),
        args=model,
        saveat=diffrax.SaveAt(t1=True),
        stepsize_controller=controller,
        adjoint=adjoint,
        event=diffrax.Event(short, finding),
        max_steps=max_steps,
        throw=False,
    )
    assert solution.ts is not None and solution.ys is not None
    return solution.ts[-1], jax.tree.map(lambda x: x[-1], solution.ys), solution.result


def _event_error(
    model: ResourceModel,
    skill: Array,
    level: Any,
    tolerance: Any,
    time: Array,
    state: tuple[Array, ...],
    max_steps: int,
) -> Array:
    """The relative error of an event's time: as in `ode` by a second solve and the budget law. One time alone may agree
    by chance, so that their whole difference counts.
    """
    residual = training_time.off_budget(model, state, time) if training_time.has_law(model) else 0.0
    adjoint = diffrax.RecursiveCheckpointAdjoint()
    again, _, result = _event(model, skill, level, tolerance, adjoint, max_steps, training_time.COARSER)
    apart = jnp.maximum(jnp.abs(again - time) / jnp.where(time > 0, time, 1), residual)
    return jnp.where(result == diffrax.RESULTS.event_occurred, apart, jnp.inf)


def times_by_events(
    model: ResourceModel, level: Any, tolerance: Any, wish: Wish, *, traced: bool, max_steps: int = 100_000
) -> Array:
    """Learning times `(*batch, skill)`, one solve for each skill; NaN with a warning where one failed."""
    steps = min(4096, max_steps) if traced else max_steps
    options: dict[str, Any] = {"adjoint": diffrax.DirectAdjoint() if traced else diffrax.RecursiveCheckpointAdjoint()}
    options |= {"max_steps": steps}

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
            f"the solver used up its {steps} steps before the level was reached": failed,
            f"their estimated error exceeds the tolerance {float(tolerance):g}": inaccurate,
        }
        for why, which in reasons.items():
            count = int(jnp.sum(which))
            if count:
                warn(
                    f"learning_times: {count} of {times.size} times are NaN, since {why}; loosen tolerance",
                    stacklevel=4,
                )
    return times
