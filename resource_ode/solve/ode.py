"""The general solve in training steps: the ODE by diffrax, and the discrete recursion.

Both work on one member; the caller maps them. The ODE's state is the exposure (scaled to effort, so that tolerances
speak of log-depth), or, with interference, the unlearned fraction (margin) itself; the clock is one more state,
integrated on its own.
"""

from __future__ import annotations

from typing import Any

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..model.model import ResourceModel, Schedule
from ..results.trajectory import RESULTS

# the solver's tolerance per unit of level tolerance: local errors add up over the run
SAFETY = 100.0


def vector_field(time: Any, state: tuple[Array, ...], model: ResourceModel) -> tuple[Array, ...]:
    r"""$d(\text{effort}, \tau, \text{spent})/dt$ of one member; effort is exposure times the model's rate."""
    main, _, _ = state
    direct = model.interference is not None
    waste, learning_rate = model.waste_at(time), model.learning_rate_at(time)
    found = model.direct_competitiveness(main, time) if direct else model.competitiveness(main / model.rate(), time)
    total = model.denominator(found, waste)
    # with no demand and no waste nothing moves any more
    speed = jnp.where(total > 0, learning_rate / jnp.where(total > 0, total, 1), 0)
    if direct:
        assert model.interference is not None
        change = model.interference @ (found * model.of_pool(speed))
        change = model.law.direction * change
    else:
        effort = model.effort(main / model.rate())
        openness = model.openness(model.gates(model.law.log_depth(effort)))
        change = openness * model.frequency_at(time) * model.of_pool(speed)
    change = jnp.where(model.graph.present, change, 0)
    if direct and model.rule.has_budget_law:
        used = (model.by_pool(found) + waste) * speed
    elif not model.rule.has_budget_law:
        used = total * speed
    else:
        # the budget law needs no integral but that of a scheduled waste
        used = waste * speed
    return change, speed, used


def initial_state(model: ResourceModel) -> tuple[Array, Array, Array]:
    """State at `t = 0`."""
    main = model.initial_direct() if model.interference is not None else jnp.zeros_like(model.rate())
    pools = jnp.zeros(model.pools, model.dtype)
    return main, pools, pools


def solver_parts(model: ResourceModel, tolerance: Any, solver: Any, controller: Any) -> tuple[Any, Any]:
    """The diffrax solver and controller: defaults where none was passed; schedules make the controller stop at their
    jumps.
    """
    solver = diffrax.Tsit5() if solver is None else solver
    if controller is None:
        # a self-paced frequency jumps, and every jump that is stepped over costs accuracy
        safety = SAFETY if model.frequency_after is None else 20 * SAFETY
        local = jnp.maximum(tolerance / safety, 4 * float(jnp.finfo(model.dtype).eps))
        controller = diffrax.PIDController(rtol=local, atol=local)
        jumps = [
            s.times for s in (model.frequency, model.learning_rate, model.wasted_resource) if isinstance(s, Schedule)
        ]
        if jumps:
            controller = diffrax.ClipStepSizeController(controller, jump_ts=jnp.sort(jnp.concatenate(jumps)))
    return solver, controller


def integrate(
    model: ResourceModel, ts: Array, tolerance: Any, solver: Any, controller: Any, adjoint: Any, max_steps: int | None
) -> tuple[Array, Array, Array | None, Any]:
    """State, clock and spent resource of one member at `ts`, and its result code."""
    solver, controller = solver_parts(model, tolerance, solver, controller)
    constant = isinstance(controller, (diffrax.StepTo, diffrax.ConstantStepSize))
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(vector_field),
        solver,
        jnp.zeros((), model.dtype),
        ts[-1],
        ts[-1] / 1000 if constant and not isinstance(controller, diffrax.StepTo) else None,
        initial_state(model),
        args=model,
        saveat=diffrax.SaveAt(ts=ts),
        stepsize_controller=controller,
        adjoint=adjoint,
        max_steps=max_steps,
        throw=False,
    )
    assert solution.ys is not None
    main, clock, spent = solution.ys
    success = solution.result == diffrax.RESULTS.successful
    finite = jnp.all(jnp.isfinite(main)) & jnp.all(jnp.isfinite(clock))
    result = RESULTS.where(success & finite, RESULTS.successful, RESULTS.not_finite)
    result = RESULTS.where(solution.result == diffrax.RESULTS.max_steps_reached, RESULTS.max_steps_reached, result)
    if not isinstance(model.wasted_resource, Schedule):
        result = RESULTS.where(jnp.any(model.waste_at() == 0), RESULTS.no_waste, result)
    failed = ~(result == RESULTS.successful)
    # rounding must not make a level negative
    state = main if model.interference is not None else jnp.maximum(main, 0) / model.rate()[None]
    spent = _used(model, state, clock, spent, ts) if _keeps_spent(model) else None
    state, clock, spent = jax.tree.map(lambda x: jnp.where(failed, jnp.nan, x), (state, clock, spent))
    return state, clock, spent, result


def _keeps_spent(model: ResourceModel) -> bool:
    return (
        model.interference is not None or not model.rule.has_budget_law or isinstance(model.wasted_resource, Schedule)
    )


def _used(model: ResourceModel, state: Array, clock: Array, spent: Array, ts: Array) -> Array:
    """Everything spent up to each time, where the budget law needs an integral of its own."""
    if model.interference is not None or not model.rule.has_budget_law:
        return spent
    progress = (
        jax.vmap(lambda x: model.law.progress(model.effort(x)))(state)
        - model.law.progress(model.initial_effort())[None]
    )
    return jax.vmap(model.by_pool)(jnp.where(model.graph.present[None], progress, 0)) + spent


def discrete_steps(model: ResourceModel, rows: np.ndarray) -> tuple[Array, Array, Array | None, Any]:
    r"""The recursion $u \leftarrow \max(u - \eta r(u), 0)$, one row a training step; only `rows` are kept.

    For cross entropy $l \leftarrow l + \eta r$; with interference $u \leftarrow u - \eta C r$, without the maximum.
    Late in a run $u$ sticks at denormal numbers and then underflows to 0: once any $u$ has been below 1e-300, rounding
    decides the rest.
    """
    steps = int(rows[-1])
    overlap = model.interference
    direct = overlap is not None

    def advance(carry: Any, step: tuple[Array, Array]) -> tuple[Any, None]:
        (state, clock, spent), kept = carry
        time, row = step
        found = model.direct_competitiveness(state, time)
        waste, learning_rate = model.waste_at(time), model.learning_rate_at(time)
        total = model.denominator(found, waste)
        inverse = jnp.where(total > 0, 1 / jnp.where(total > 0, total, 1), 0)
        moving = jnp.where(total > 0, jnp.ones_like(total), 0)
        share = found / model.of_pool(jnp.where(total > 0, total, 1)) * model.of_pool(moving)
        change = model.of_pool(learning_rate) * (share if overlap is None else overlap @ share)
        state = model.law.advance(state, change)
        if not direct and model.law.direction < 0:
            state = jnp.maximum(state, 0)
        clock = clock + learning_rate * inverse
        used = learning_rate * (waste if model.rule.has_budget_law else total) * inverse
        if direct and model.rule.has_budget_law:
            used = used + learning_rate * model.by_pool(found) * inverse
        now = (state, clock, spent + used)
        kept = jax.tree.map(lambda k, x: k.at[row].set(x, mode="drop"), kept, now)
        return (now, kept), None

    start = (model.initial_direct(), jnp.zeros(model.pools, model.dtype), jnp.zeros(model.pools, model.dtype))
    kept = jax.tree.map(lambda x: jnp.broadcast_to(x, (len(rows), *x.shape)), start)
    # the row each step writes to; steps that are not kept write past the end, which drops them
    target = np.full(steps, len(rows), np.int32)
    inside = rows > 0
    target[rows[inside] - 1] = np.arange(len(rows), dtype=np.int32)[inside]
    times = jnp.arange(steps, dtype=model.dtype)
    carry, _ = jax.lax.scan(advance, (start, kept), (times, jnp.asarray(target)))
    state, clock, spent = carry[1]
    finite = jnp.all(jnp.isfinite(jnp.where(model.graph.present[None], state, 0)))
    result = RESULTS.where(finite, RESULTS.successful, RESULTS.not_finite)
    if not _keeps_spent(model):
        spent = None
    elif not direct and model.rule.has_budget_law:
        gained = model.law.direct_progress(state) - model.law.direct_progress(model.initial_direct())[None]
        spent = jax.vmap(model.by_pool)(jnp.where(model.graph.present[None], gained, 0)) + spent
    state, clock, spent = jax.tree.map(lambda x: jnp.where(finite, x, jnp.nan), (state, clock, spent))
    return state, clock, spent, result
