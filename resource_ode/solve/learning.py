r"""The verb `learning_times`: when each skill reaches a level, without a time grid.

By the resource clock: the time $\tau_i$ at which exposure reaches what the level needs is a property of the graph
alone, and $\eta t_i = \int_0^{\tau_i} F\,d\tau + N_0 \tau_i$: affine in $N_0$, inverse in $\eta$. A grid of both costs
one cascade a graph. Models outside the cascade go by events of the general solver.
"""

from __future__ import annotations

import warnings
from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optimistix
from jaxtyping import Array, Float

from .. import native
from ..base import pieces
from ..base.modules import with_fields
from ..base.tracing import concrete_number, is_concrete
from ..model.model import ResourceModel, Schedule
from ..native.calls import SUCCESSFUL
from . import ode as training_time
from .cascade import compiled
from .cascade import gpu as gpu_kernel
from .cascade import quadrature as resource_time
from .cascade.batch import (
    COARSE_PANELS,
    TRACED,
    Clocks,
    Progress,
    coarse_solve,
    each_exponent,
    solve_batch,
    solve_member,
    split_axes,
    where_it_stands,
)
from .simulation import cascade_obstacle

# panels of the first solve: fewer than a trajectory needs, since the clock need not be integrated
TIMES_PANELS = 16


def learning_times(
    model: ResourceModel, level: Any = 0.5, *, tolerance: Any = None, batch_size: int | None = None
) -> Float[Array, "*batch skill"]:
    r"""Training steps at which each skill first reaches a level.

    $$ \eta\, t_i = \int_0^{\tau_i} F\, d\tau + N_0 \tau_i, \qquad s_i(\tau_i) = \text{level}. $$

    **Arguments:**

    - `model`: a [`resource_ode.ResourceModel`][] or a batch.
    - `level`: a number; levels at or above 1 are never reached.

    **Other arguments:**

    - `tolerance`: relative error of the times; default 1e-7 in float64, 1e-4 in float32.
    - `batch_size`: largest number of members solved at a time; gate exponents of one graph stay together.

    **Returns:** `(*batch, skill)`, training steps; 0 where a skill starts at the level or above, `inf` where the level
    is never reached (level >= 1, interference, a schedule that stops), NaN for absent skills. A member whose solve
    failed is NaN, with a warning that says why.

    **Raises:** `ValueError` for a level that is not a finite number, or a tolerance outside (0, 1).

    **Example:**

    >>> import resource_ode as ro
    >>> model = ro.ResourceModel(ro.SkillGraph([[], []]), [1.0, 0.1], learning_rate=1.0, wasted_resource=0.1)
    >>> print(ro.learning_times(model, 0.95).round(3))
    [ 4.205 34.   ]

    Source: derived here (the clock makes the competition cancel); the independent case is Liu et al. 2025.
    """
    if not isinstance(model, ResourceModel):
        raise ValueError(f"model: expected a ResourceModel, got {type(model).__name__}")
    traced = not is_concrete(model, level, tolerance)
    number = concrete_number(level)
    if number is not None and not np.isfinite(number):
        raise ValueError(f"level: expected one finite number, got {level!r}")
    if tolerance is None:
        tolerance = 1e-7 if model.dtype == jnp.float64 else 1e-4
    number = concrete_number(tolerance)
    if number is not None and not 0 < number < 1:
        raise ValueError(f"tolerance: expected a number between 0 and 1, got {tolerance!r}")
    numpy = jnp if traced else np
    level, tolerance, harmless = (numpy.asarray(x, model.dtype) for x in (level, tolerance, 0.5))
    # a level that is never reached is solved for a harmless one, so that no infinity enters a derivative
    possible = (level > -1) & (level < 1)
    goal = numpy.where(possible, level, harmless)
    if cascade_obstacle(model) is None:
        times = _by_cascade(model, goal, tolerance, batch_size, traced)
    else:
        times = _by_events(model, goal, tolerance, traced)
    if traced or not bool(possible):
        times = jnp.where(possible, times, jnp.where(level >= 1, jnp.inf, 0.0))
        times = jnp.where(jnp.broadcast_to(model.graph.present, times.shape), times, jnp.nan)
    return times


def horizon(
    model: ResourceModel, level: Any = 0.95, *, tolerance: Any = None, batch_size: int | None = None
) -> Float[Array, "*batch"]:
    """Training steps by which the last skill of each member reaches a level; `inf` if one never does.

    Arguments, errors and source as for [`resource_ode.learning_times`][].
    """
    times = learning_times(model, level, tolerance=tolerance, batch_size=batch_size)
    present = jnp.broadcast_to(model.graph.present, times.shape)
    return jnp.max(jnp.where(present, times, 0), axis=-1)


# -- by the resource clock


def _first_edges(model: ResourceModel, goal: Float[Array, " skill"], exponents: Float[Array, " exponent"]) -> Array:
    """Panels up to soon after every skill has its exposure: a coarse solve shortens an upper bound."""
    # in resource time of the graph's own gate exponent, the largest takes longest
    goal = jax.lax.stop_gradient(goal) * (jnp.max(exponents) / model.gate_exponent)
    present = model.graph.present
    fastest = jnp.max(jnp.where(present, model.rate(), 0))
    last = jnp.max(jnp.where(present, resource_time.reach(model, model.effort(jnp.maximum(goal, 0))), 0))
    edges, exposure = coarse_solve(model, jnp.maximum(last * (1 + 1e-5), 1e-3 / fastest))
    short = jnp.any(present[:, None] & (exposure < goal[:, None]), axis=0)
    # one panel more than seems needed: the solve is coarse
    until = jnp.minimum(jnp.sum(short) + 1, COARSE_PANELS)
    return resource_time.even_edges(model, edges, exposure, TIMES_PANELS, until, jnp.max(exponents))


def _cascade_times(
    arguments: tuple[ResourceModel, Clocks, Clocks, Progress | None],
    shared: tuple[Array, Array],
    *,
    panels: int | None,
) -> tuple[Array, Array, Progress]:
    level, tolerance = shared
    # with "l1" the clock follows from the budget law, once for all wastes: only its exposures need be solved for
    lawful = arguments[0].rule.has_budget_law

    def graph(model: ResourceModel, clocks: Clocks, _: Clocks, before: Progress | None) -> Any:
        several = clocks.exponent.shape[0] > 1
        goal = model.exposure_at(level)
        present = model.graph.present
        solved = solve_member(
            model,
            before,
            lambda model: _first_edges(model, goal, clocks.exponent),
            panels,
            with_demand=not (lawful or several),
        )

        def at(exponent: Array, rates: Array, wastes: Array) -> Any:
            mine, found = model, solved
            if several:
                mine = with_fields(model, gate_exponent=exponent)
                found = resource_time.at_exponent(mine, solved, model.gate_exponent, with_demand=not lawful)
            outside = jnp.any(present & (found.exposure[:, -1] < goal * (1 - 1e-9)))
            return _read_times(mine, found, goal, rates, wastes), found.error, found.panel_error, outside

        times, error, panel_error, outside = each_exponent(at, clocks)
        outside = jnp.any(outside)
        stand = where_it_stands(model, solved, jnp.max(panel_error, axis=0))
        return times, outside | ~(jnp.max(error) <= tolerance), _going_on(stand, outside)

    return jax.vmap(graph)(*arguments)


def _compiled_times(model: ResourceModel, level: Any, tolerance: Any) -> tuple[Array, Array]:
    """Learning times by the compiled loops, and whether all of them are within the tolerance; the others are NaN."""
    times, code = compiled.learning_times(model, level, tolerance, TIMES_PANELS, COARSE_PANELS, _times_of_one)
    found = code == SUCCESSFUL
    return jnp.where(found[..., None], times, jnp.nan), jnp.all(found)


def _times_of_one(model: ResourceModel, level: Array, _: Array) -> tuple[tuple[Array, ...], Array, Array]:
    """Learning times of one member by arrays, under a trace, with as many panels as ever."""
    goal, exponents = model.exposure_at(level), model.gate_exponent[None]
    solved = solve_member(
        model,
        None,
        lambda model: _first_edges(model, goal, exponents),
        TRACED,
        with_demand=not model.rule.has_budget_law,
    )
    outside = jnp.any(model.graph.present & (solved.exposure[:, -1] < goal * (1 - 1e-9)))
    clock: Any = (model.learning_rate, model.wasted_resource)
    rate, waste = (jnp.reshape(x, (1,)) for x in clock)
    times = _read_times(model, solved, goal, rate, waste)[0]
    return (times,), jnp.zeros((), bool), jnp.where(outside, jnp.inf, solved.error)


def _going_on(stand: Progress, outside: Array) -> Progress:
    """Where a solve stands; the range was an estimate: if it was too short, the next solve goes on further."""
    edges = stand.edges.at[..., -1].multiply(jnp.where(outside, 10, 1).astype(stand.edges.dtype))
    short = stand.panel_error.at[..., -1].add(jnp.where(outside, 1, 0).astype(stand.edges.dtype))
    return Progress(edges, short, stand.turns)


def _kernel_times(
    arguments: tuple[ResourceModel, Clocks, Clocks, Progress | None],
    shared: tuple[Array, Array],
    *,
    panels: int | None,
) -> tuple[Array, Array, Progress]:
    """`_cascade_times` with the first solve by `gpu_kernel`, where each graph has one gate exponent."""
    models, clocks, _, _ = arguments
    if panels is not None or clocks.exponent.shape[1] > 1:
        return _cascade_times(arguments, shared, panels=panels)
    level, tolerance = shared
    times, outside, stand = gpu_kernel.learning_times(
        models,
        clocks.rate[:, 0],
        clocks.waste[:, 0],
        models.law.effort_at(level),
        panels=TIMES_PANELS,
        coarse=COARSE_PANELS,
    )
    progress = _going_on(Progress(stand.edges, stand.panel_error, None), outside)
    times = jnp.where(models.graph.present[:, None], times, jnp.nan)
    return times[:, None], outside | ~(stand.error <= tolerance), progress


def _read_times(
    model: ResourceModel, solved: resource_time.Cascade, goal: Float[Array, " skill"], rates: Array, wastes: Array
) -> Float[Array, "clock skill"]:
    """Training steps at which the exposures reach their goals, by each clock."""
    panel, place, clock = solved.position_of(jnp.maximum(goal, 0))
    lawful = model.rule.has_budget_law
    half = jnp.diff(solved.edges) / 2
    own = jnp.zeros(model.skills, jnp.int32) if model.pool is None else model.pool
    learned = jnp.zeros_like(clock)
    if lawful:
        exposure = resource_time.evaluate_primitive(solved.opening, solved.exposure, solved.edges, panel, place)
        gained = jax.vmap(model.gained)(exposure)
        learned = jax.vmap(model.by_pool)(jnp.where(model.graph.present, gained, 0))
        learned = jnp.take_along_axis(learned, own[:, None], axis=1)[:, 0]

    def times(rate: Array, waste: Array) -> Array:
        mine = with_fields(model, learning_rate=rate, wasted_resource=waste)
        if lawful:
            spent = learned + mine.of_pool(mine.waste_at()) * clock
        else:
            values = resource_time.denominator_at_nodes(mine, solved)
            at_edges = resource_time.primitive_at_edges(values, half)
            spent = resource_time.evaluate_primitive(values, at_edges, solved.edges, panel, place)
            spent = jnp.take_along_axis(spent, own[:, None], axis=1)[:, 0]
        reached = jnp.where(goal > 0, spent / mine.of_pool(mine.learning_rate_at()), 0)
        return jnp.where(model.graph.present, reached, jnp.nan)

    return jax.vmap(times)(rates, wastes)


def _by_cascade(
    model: ResourceModel,
    level: Array | np.ndarray,
    tolerance: Array | np.ndarray,
    batch_size: int | None,
    traced: bool,
) -> Array:
    shared = (level, tolerance)
    if traced and compiled.serves(model):
        return _compiled_times(model, level, tolerance)[0]
    if traced:
        graphs, clocks, back = split_axes(model, share_exponents=False)
        solve = pieces.program(_cascade_times, panels=TRACED)
        return back(solve((graphs, clocks, clocks, None), shared)[0])
    if batch_size is None and compiled.serves_pools(model, model.skills):
        times, found = jax.jit(_compiled_times)(model, level, tolerance)
        if bool(found):
            return times

    def by_events(chosen: ResourceModel) -> Array:
        return _by_events(jax.tree.map(jnp.asarray, chosen), level, tolerance, traced=False)

    def in_one_loop(rows: Any, _: int, share: int | None, done: Any) -> tuple[np.ndarray, np.ndarray]:
        found = native.learning_times(rows, level, tolerance, TIMES_PANELS, COARSE_PANELS, share, done)
        return found[0], ~(found[2] <= tolerance)

    return solve_batch(
        model,
        _kernel_times if gpu_kernel.applies(model) else _cascade_times,
        shared,
        by_events,
        fused=in_one_loop if native.applies(model) else None,
        numbers=model.skills,
        batch_size=batch_size,
    )


# -- by events of the general solver


def _never_before(model: ResourceModel) -> Array:
    """A training step by which whatever happens has happened, for one member."""
    waste = model.wasted_resource.values if isinstance(model.wasted_resource, Schedule) else model.wasted_resource
    rates = model.learning_rate.values if isinstance(model.learning_rate, Schedule) else model.learning_rate
    slowest = jnp.min(jnp.where(model.graph.present, model.rate(), jnp.inf))
    return 1e6 * (model.skills + jnp.max(waste) / slowest) / jnp.max(rates)


@eqx.filter_jit
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


def _by_events(model: ResourceModel, level: Array | np.ndarray, tolerance: Array | np.ndarray, traced: bool) -> Array:
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
