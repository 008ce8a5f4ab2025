"""Learning times by events of the general solver, for models outside the cascade."""

from __future__ import annotations

import warnings
from typing import Any

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import optimistix
from jaxtyping import Array

from ..base import programs
from ..model.model import ResourceModel, Schedule
from . import ode as training_time


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
    *,
    adjoint: Any,
    max_steps: int,
) -> tuple[Array, Array]:
    def one(model: ResourceModel, skill: Array) -> tuple[Array, Array]:
        direct = model.interference is not None
        rate = model.rate()

        def short(t: Any, y: Any, args: Any, **_: Any) -> Array:
            current = model.law.direct_level(y[0]) if direct else model.law.level(model.effort(y[0] / rate))
            return (current - level)[skill]

        # with interference levels may come to rest, and only an implicit solver crosses a rest in few steps
        implicit = diffrax.Kvaerno5() if direct else None
        solver, controller = training_time.solver_parts(model, tolerance, implicit, None)
        finding: Any = optimistix.Newton
        finding = finding(rtol=tolerance / 10, atol=tolerance / 10)  # arrays, so that other tolerances do not recompile
        start = training_time.initial_state(model)
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(training_time.vector_field),
            solver,
            jnp.zeros((), model.dtype),
            _never_before(model),
            None,
            start,
            args=model,
            saveat=diffrax.SaveAt(t1=True),
            stepsize_controller=controller,
            adjoint=adjoint,
            event=diffrax.Event(short, finding),
            max_steps=max_steps,
            throw=False,
        )
        assert solution.ts is not None
        found = solution.result == diffrax.RESULTS.event_occurred
        late = solution.result == diffrax.RESULTS.successful
        time = jnp.where(found, solution.ts[-1], jnp.where(late, jnp.inf, jnp.nan))
        there = short(0.0, start, None) >= 0
        present = model.graph.present[skill]
        failed = ~(found | late | there) & present
        return jnp.where(present, jnp.where(there, 0, time), jnp.nan), failed

    return jax.vmap(lambda m: jax.vmap(lambda i: one(m, i))(jnp.arange(m.skills)))(models)


def times_by_events(
    model: ResourceModel, level: Array | np.ndarray, tolerance: Array | np.ndarray, traced: bool
) -> Array:
    adjoint = diffrax.DirectAdjoint() if traced else diffrax.RecursiveCheckpointAdjoint()
    steps = 4096 if traced else 100_000
    times, failed = _event_times(model.flat(), level, tolerance, adjoint=adjoint, max_steps=steps)
    if not traced:
        count = int(jnp.sum(failed))
        if count:
            warnings.warn(
                f"learning_times: {count} of {failed.size} times are NaN, since the solver used up its {steps} steps "
                "before the level was reached; loosen tolerance",
                stacklevel=4,
            )
    return times.reshape(model.batch_shape + times.shape[1:])
