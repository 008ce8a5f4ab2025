"""The general solve in training steps, by diffrax.

The state is the exposure (scaled to effort, so that tolerances
speak of log-depth), or, with interference, the unlearned fraction (margin) itself; the clock is one more state,
integrated on its own.
"""

from __future__ import annotations

import functools
from typing import Any

import diffrax
import jax
import jax.numpy as jnp
import optimistix
from jaxtyping import Array, Float

from ..base import programs
from ..base.devices import refuse_over_devices
from ..base.lost import nan_unless
from ..base.patience import holds_checks
from ..base.tracing import is_concrete
from ..model.model import ResourceModel
from ..model.schedule import Schedule
from ..results.outcome import RESULTS
from ..results.trajectory import budget, budget_residual
from .members import Wish, in_chunks, kept
from .method import ODE

# how much finer than the level tolerance the solver's own is, since local errors add up over a run; by this much more
# where a frequency jumps, and where a second, coarser solve tells the error (`python -m studies.ode_tolerance`)
SAFETY, AT_JUMPS, TWO_SOLVES = 100.0, 20.0, 10.0
# how much coarser the second solve is that tells how wrong the first may be
COARSER = 10.0
# Early on efforts are tiny, but gates are open in proportion to them, so that what is wrong there stays wrong in all
# that follows: the absolute tolerance is so many times the relative one. Below it steps grow as fast as they may, in
# diffrax by 10: here by these, in the first solve and in the second, which is wrong there by 2^5 times as much. In two
# solves that take the same steps no difference would show.
ABSOLUTE, GROWTH, OTHER_GROWTH = 1e-3, 3.0, 6.0
# of the first solve and of the second
FIRST, SECOND = (1.0, GROWTH), (COARSER, OTHER_GROWTH)


def solve_ode(model: ResourceModel, ts: Array, tolerance: Any, method: ODE, wish: Wish) -> Any:
    """Runs of a batch, or reductions of them."""
    refuse_over_devices("a run by the ODE", model, ts, tolerance)
    traced = not is_concrete(model, ts, tolerance)
    if model.frequency_after is not None:
        model = jax.tree.map(lambda x: _without_derivative(x) if jnp.issubdtype(x.dtype, jnp.floating) else x, model)
    adjoint = method.adjoint
    if adjoint is None and traced:
        # the default adjoint of diffrax has no forward mode: under a transformation take the one that has both
        adjoint = diffrax.DirectAdjoint()
    max_steps = (4096 if traced else 100_000) if method.max_steps is None else method.max_steps
    options = {"solver": method.solver, "controller": method.controller, "adjoint": adjoint, "max_steps": max_steps}
    options |= {"reduce": wish.reduce, "method": wish.method}
    return in_chunks(model, lambda flat: ode_members(flat, ts, tolerance, **options), wish)


@programs.compiled
def ode_members(
    models: ResourceModel,
    ts: Array,
    tolerance: Any,
    *,
    solver: Any = None,
    controller: Any = None,
    adjoint: Any = None,
    max_steps: int,
    reduce: Any,
    method: str,
) -> Any:
    """Runs of flat members, or reductions of them. Without an adjoint they carry no derivatives."""

    def one(model: ResourceModel) -> Any:
        state, *rest = integrate(model, ts, tolerance, solver, controller, adjoint, max_steps)
        state = jnp.where(model.graph.present[None], state, jnp.nan)
        kind = "exposure" if model.interference is None else "direct"
        return kept(model, ts, (state, *rest), reduce, method, kind)

    return jax.vmap(one)(models)


@jax.custom_jvp
def _without_derivative(x: Array) -> Array:
    return x


@_without_derivative.defjvp
def _refuse(primals: Any, tangents: Any) -> Any:
    # autodiff through a jump of the rate in training time is silently wrong
    raise ValueError(
        'method: "ode" has no correct gradients for self-paced skills (their frequency jumps in training time); '
        'use "cascade"'
    )


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
        change = openness * model.effective(model.frequency_at(time)) * model.of_pool(speed)
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


def solver_parts(
    model: ResourceModel, tolerance: Any, solver: Any, controller: Any, pace: Any = FIRST, scale: Any = 1.0
) -> tuple[Any, Any]:
    """The diffrax solver and controller: defaults where none was passed; schedules make the controller stop at their
    jumps. The first of `pace` multiplies the local tolerance, also where that is the least that the data type allows;
    the second is how fast steps may grow. Where only efforts below 1 count, `scale` says how large they are.
    """
    solver = diffrax.Tsit5() if solver is None else solver
    if controller is None:
        # a self-paced frequency jumps, and every jump that is stepped over costs accuracy, more or less by chance
        safety = SAFETY if model.frequency_after is None else AT_JUMPS * SAFETY
        # the estimate by a coarser solve needs room there, and where no law keeps errors small
        room = model.frequency_after is not None or not model.rule.has_budget_law
        safety = TWO_SOLVES * safety if room else safety
        coarser, growth = pace
        local = coarser * jnp.maximum(tolerance / safety, 4 * float(jnp.finfo(model.dtype).eps))
        # the largest error of all counts: a mean would let one skill among many be as wrong as they are many
        least = local * ABSOLUTE * scale
        controller = diffrax.PIDController(rtol=local, atol=least, norm=optimistix.max_norm, factormax=growth)
        jumps = [
            s.times for s in (model.frequency, model.learning_rate, model.wasted_resource) if isinstance(s, Schedule)
        ]
        if jumps:
            controller = diffrax.ClipStepSizeController(controller, jump_ts=jnp.sort(jnp.concatenate(jumps)))
    return solver, controller


def integrate(
    model: ResourceModel, ts: Array, tolerance: Any, solver: Any, controller: Any, adjoint: Any, max_steps: int | None
) -> tuple[Array, Array, Array | None, Any]:
    """State, clock and spent resource of one member at `ts`, and its result code.

    A run whose own errors, as far as they can be told (`_error`), exceed the tolerance is `inaccurate`.
    """
    if adjoint is None and controller is None:
        first, again = _two_solves(model, ts, tolerance, solver, max_steps)
    else:
        adjoint = diffrax.RecursiveCheckpointAdjoint() if adjoint is None else adjoint
        first = _states(solved_at(model, ts, *solver_parts(model, tolerance, solver, controller), adjoint, max_steps))
        again = None
    (main, clock, spent), ended = first
    success = ended == diffrax.RESULTS.successful
    finite = jnp.all(jnp.isfinite(main)) & jnp.all(jnp.isfinite(clock))
    result = RESULTS.where(success & finite, RESULTS.successful, RESULTS.not_finite)
    result = RESULTS.where(ended == diffrax.RESULTS.max_steps_reached, RESULTS.max_steps_reached, result)
    if isinstance(model.wasted_resource, Schedule):
        # where it ran to the last time, the end of the run was not yet reached while there was no waste
        lost = jnp.any(model.wasted_resource.values == 0) & ~(result == RESULTS.successful)
    else:
        lost = jnp.any(model.waste_at() == 0)
    result = RESULTS.where(lost, RESULTS.no_waste, result)
    failed = ~(result == RESULTS.successful)
    # rounding must not make a level negative
    state = main if model.interference is not None else jnp.where(main < 0, 0, main) / model.rate()[None]
    spent = _used(model, state, clock, spent, ts) if keeps_spent(model) else None
    values = jax.lax.stop_gradient((model, ts, tolerance, state, clock, spent))
    own = controller is None
    if again is None:
        again = _again(values, solver, own, max_steps)
    error = _error(values, again, own)
    result = RESULTS.where(failed | (error <= tolerance), result, RESULTS.inaccurate)
    state, clock, spent = jax.tree.map(lambda x: nan_unless(~failed, x), (state, clock, spent))
    return state, clock, spent, result


def _states(solved: diffrax.Solution) -> tuple[tuple[Array, ...], Any]:
    assert solved.ys is not None
    return solved.ys, solved.result


def _two_solves(model: ResourceModel, ts: Array, tolerance: Any, solver: Any, max_steps: int | None) -> tuple[Any, Any]:
    """States and results of the solve and of the coarser one that tells its error, without derivatives.

    One is run after the other by the same code: a solve takes seconds to compile, and far less to run.
    """

    def solve(lost: Array, pace: Any) -> tuple[Array, Any]:
        states, ended = _unless(lost, model, ts, solver_parts(model, tolerance, solver, None, pace), max_steps)
        return _lost(*states), (states, ended)

    _, found = jax.lax.scan(solve, jnp.zeros((), bool), paces(model))
    first, again = (jax.tree.map(lambda x, k=k: x[k], found) for k in range(2))
    return first, again


def paces(model: ResourceModel) -> tuple[Array, Array]:
    """Those of both solves, for a scan."""
    tolerances, growths = zip(FIRST, SECOND, strict=True)
    return jnp.asarray(tolerances, model.dtype), jnp.asarray(growths, model.dtype)


def _lost(state: Array, clock: Array, *_: Any) -> Array:
    return ~(jnp.isfinite(state[-1]).all() & jnp.isfinite(clock[-1]).all())


def _unless(lost: Array, model: ResourceModel, ts: Array, parts: tuple[Any, Any], max_steps: int | None) -> Any:
    """States and result of a solve without derivatives; what is lost already is not solved again."""
    asked = jnp.where(lost, jnp.zeros_like(ts), ts)
    return _states(solved_at(model, asked, *parts, diffrax.ForwardMode(), max_steps))


def solved_at(
    model: ResourceModel, ts: Array, solver: Any, controller: Any, adjoint: Any, max_steps: int | None
) -> diffrax.Solution:
    """A solve of one member, read at `ts`."""
    if not is_concrete(ts):
        holds_checks()
    constant = isinstance(controller, (diffrax.StepTo, diffrax.ConstantStepSize))
    return diffrax.diffeqsolve(
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


def has_law(model: ResourceModel) -> bool:
    """Whether the budget tells something about a solve in training time.

    With another competition than "l1" it is spent as it comes, and with interference the law is linear in the state, so
    that every solver keeps it, however wrong.
    """
    return model.rule.has_budget_law and model.interference is None


def _again(values: Any, solver: Any, own: bool, max_steps: int | None) -> tuple[tuple[Array, ...], Any]:
    """The second solve: where the caller brought a controller, the default one."""
    model, ts, tolerance, state, clock, _ = values
    parts = solver_parts(model, tolerance, solver if own else None, None, SECOND if own else FIRST)
    return _unless(_lost(state, clock), model, ts, parts, max_steps)


def _error(values: Any, again: tuple[tuple[Array, ...], Any], own: bool) -> Float[Array, ""]:
    """How wrong a solve is: by a second one, and no less than its largest budget residual.

    The residual alone does not tell: however wrong a gate is, what is learned through it is spent. The second solve has
    a local tolerance ten times as coarse, and so about six times the error, and more where steps grow as fast as they
    may: a quarter of the largest difference of levels is on the safe side. Where the caller brought a controller
    (`own` is false), the second solve is the default one, and the whole difference counts.
    """
    model, ts, _, state, clock, spent = values
    exposed = model.interference is None
    # where no law tells what is spent, what is left tells where the clock has stopped: with interference since demand
    # turned negative, with "l2" since it is beyond all numbers
    off = functools.partial(budget_residual, model, exposed=exposed)
    residual = jnp.max(jnp.abs(jax.vmap(off)(state, ts, clock, spent)))

    def level(state: Array) -> Array:
        return model.law.level(model.effort(state)) if exposed else model.law.direct_level(state)

    (other, *_), ended = again
    other = other / model.rate()[None] if exposed else other
    apart = jnp.abs(jax.vmap(level)(state) - jax.vmap(level)(other))
    error = jnp.max(jnp.where(model.graph.present[None], apart, 0))
    error = jnp.maximum(error / 4 if own else error, residual)
    return jnp.where(ended == diffrax.RESULTS.successful, error, jnp.inf)


def off_budget(model: ResourceModel, state: tuple[Array, ...], time: Array) -> Float[Array, ""]:
    """The budget residual of one state of the integrator, relative to all that has been spent by then."""
    main, clock, spent = state
    held = jnp.maximum(main, 0) / model.rate()
    used = _used(model, held[None], clock, spent[None], time)[0] if keeps_spent(model) else None
    residual, given = budget_residual(model, held, time, clock, used, exposed=True), budget(model, time)
    return jnp.max(jnp.abs(residual) * jnp.maximum(given, 1) / jnp.where(given > 0, given, 1))


def keeps_spent(model: ResourceModel) -> bool:
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
