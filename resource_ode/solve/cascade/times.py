"""Learning times of one graph by arrays, without a time grid."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ...base.constants import CONSTANTS
from ...base.lost import nan_unless
from ...base.modules import with_fields
from ...model.model import ResourceModel
from . import integrals, panels, reading
from . import quadrature as resource_time
from .errors import quadrature_error, rounding
from .panels import quickest
from .refine import COARSE_PANELS, Progress, coarse_solve, each_exponent, solve_member, where_it_stands
from .sharing import Clocks

# panels of the first solve: fewer than a trajectory needs, since the clock need not be integrated
TIMES_PANELS = 16


def _first_edges(model: ResourceModel, goal: Float[Array, " skill"], exponents: Float[Array, " exponent"]) -> Array:
    """Panels up to soon after every skill has its exposure: a coarse solve shortens an upper bound."""
    # in resource time of the graph's own gate exponent, the largest takes longest
    goal = jax.lax.stop_gradient(goal) * (jnp.max(exponents) / model.gate_exponent)
    present = model.graph.present
    fastest = jnp.max(jnp.where(present, model.rate(), 0))
    last = jnp.max(jnp.where(present, panels.reach(model, model.effort(jnp.maximum(goal, 0))), 0))
    edges, exposure = coarse_solve(model, jnp.maximum(last * (1 + CONSTANTS.margin), CONSTANTS.shortest / fastest))
    short = jnp.any(present[:, None] & (exposure < goal[:, None]), axis=0)
    # one panel more than seems needed: the solve is coarse
    until = jnp.minimum(jnp.sum(short) + 1, COARSE_PANELS)
    return panels.even_edges(model, edges, exposure, TIMES_PANELS, until, jnp.max(exponents))


def learning_times(
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
            least=_least(model, goal),
        )

        def at(exponent: Array, rates: Array, wastes: Array) -> Any:
            mine, found = model, solved
            if several:
                mine = with_fields(model, gate_exponent=exponent)
                found = resource_time.at_exponent(mine, solved, model.gate_exponent, with_demand=not lawful)
            outside = jnp.any(present & (found.exposure[:, -1] < goal * CONSTANTS.reached))
            times, error = _read_times(mine, found, goal, rates, wastes)
            return times, error, found.panel_error, outside

        times, error, panel_error, outside = each_exponent(at, clocks)
        stand = where_it_stands(model, solved, jnp.max(panel_error, axis=0))
        unsure = outside | ~(error <= tolerance)
        return nan_unless(~unsure[:, None, None], times), unsure, going_on(stand, jnp.any(outside))

    return jax.vmap(graph)(*arguments)


def times_of_graph(
    model: ResourceModel, level: Array, rates: Array, wastes: Array, panels: int
) -> tuple[Float[Array, "clock skill"], Array]:
    """Learning times of one graph by each clock, on so many panels; and the estimated error, infinite where the range
    was too short.
    """
    goal, exponents = model.exposure_at(level), model.gate_exponent[None]
    solved = solve_member(
        model,
        None,
        lambda model: _first_edges(model, goal, exponents),
        panels,
        with_demand=not model.rule.has_budget_law,
        least=_least(model, goal),
    )
    outside = jnp.any(model.graph.present & (solved.exposure[:, -1] < goal * CONSTANTS.reached))
    times, error = _read_times(model, solved, goal, rates, wastes)
    return times, jnp.where(outside, jnp.inf, error)


def _least(model: ResourceModel, goal: Float[Array, " skill"]) -> Array:
    """An exposure below which none decides a learning time."""
    soonest = jnp.where(model.graph.present & (goal > 0), goal, 1 / quickest(model))
    return jax.lax.stop_gradient(jnp.min(soonest) / 10)


def going_on(stand: Progress, outside: Array) -> Progress:
    """Where a solve stands; the range was an estimate: if it was too short, the next solve goes on further."""
    edges = stand.edges.at[..., -1].multiply(jnp.where(outside, 10, 1).astype(stand.edges.dtype))
    short = stand.panel_error.at[..., -1].add(jnp.where(outside, 1, 0).astype(stand.edges.dtype))
    return Progress(edges, short, stand.turns)


def _read_times(
    model: ResourceModel, solved: resource_time.Cascade, goal: Float[Array, " skill"], rates: Array, wastes: Array
) -> tuple[Float[Array, "clock skill"], Float[Array, ""]]:
    """Training steps at which the exposures reach their goals, by each clock, and their largest relative error."""
    panel, place, clock = solved.position_of(jnp.maximum(goal, 0))
    lawful = model.rule.has_budget_law
    half = jnp.diff(solved.edges) / 2
    own = jnp.zeros(model.skills, jnp.int32) if model.pool is None else model.pool
    zero = jnp.zeros(model.pools, model.dtype)
    if lawful:
        exposure = integrals.evaluate_primitive(solved.opening, solved.exposure, solved.edges, panel, place)
        gained = jax.vmap(model.gained)(exposure)
        reached_there = jnp.diagonal(exposure)
        learned = jax.vmap(model.by_pool)(jnp.where(model.graph.present, gained, 0))
        learned = jnp.take_along_axis(learned, own[:, None], axis=1)[:, 0]
        learned_at_edges = jax.vmap(lambda x: model.by_pool(jnp.where(model.graph.present, model.gained(x), 0)), 1, 1)(
            solved.exposure
        )
        clock_missed = jnp.zeros_like(solved.off)
    else:

        def spent_by(waste: Array) -> tuple[Array, Array, Array]:
            values = reading.denominator_at_nodes(with_fields(model, wasted_resource=waste), solved)
            at_edges = integrals.primitive_at_edges(values, half)
            spent = integrals.evaluate_primitive(values, at_edges, solved.edges, panel, place)
            return jnp.take_along_axis(spent, own[:, None], axis=1)[:, 0], at_edges, values

        def own_exposure(opening: Array, exposure: Array, panel: Array, place: Array) -> Array:
            at = (panel[None], place[None])
            return integrals.evaluate_primitive(opening[None], exposure[None], solved.edges, *at)[0, 0]

        reached_there = jax.vmap(own_exposure)(*jax.lax.stop_gradient((solved.opening, solved.exposure, panel, place)))
        learned, learned_at_edges, values = spent_by(zero if model.pool is not None else zero[0])
        edge, inside = (CONSTANTS.root_doubt * x for x in quadrature_error(values, solved.edges))
        clock_missed = jnp.cumsum(edge, axis=1) + inside + jax.lax.cummax(solved.off, axis=1)

    def times(rate: Array, waste: Array) -> Array:
        mine = with_fields(model, learning_rate=rate, wasted_resource=waste)
        spent = learned + mine.of_pool(mine.waste_at()) * clock if lawful else spent_by(waste)[0]
        reached = jnp.where(goal > 0, spent / mine.of_pool(mine.learning_rate_at()), 0)
        return jnp.where(model.graph.present, reached, jnp.nan)

    # a place that so few steps have not found
    off_goal = jnp.where(goal > 0, jnp.abs(reached_there - goal), 0)
    wrong = jax.lax.stop_gradient((goal, off_goal, place, clock, learned, learned_at_edges, solved.off + clock_missed))
    return jax.vmap(times)(rates, wastes), _relative_error(*jax.lax.stop_gradient((model, solved)), panel, own, *wrong)


def _relative_error(
    model: ResourceModel,
    solved: resource_time.Cascade,
    panel: Array,
    own: Array,
    goal: Array,
    off_goal: Array,
    place: Array,
    clock: Array,
    learned: Array,
    learned_at_edges: Float[Array, "pool edge"],
    off: Float[Array, "pool panel"],
) -> Float[Array, ""]:
    r"""The largest relative error of the times, whatever the wasted resource.

    An exposure that is wrong by $\delta X$ comes to its goal at another clock: $\delta\tau = \delta X/c$. With $L$ what
    has been learned by then, $\eta t = L + N_0 \tau$ is wrong by at most $(F + N_0)\,\delta\tau + \delta L$, and
    $\delta t/t$ lies between $(F\,\delta\tau + \delta L)/L$ and $\delta\tau/\tau$: the larger of the two serves every
    $N_0$, so that members that share a cascade are sure or unsure together.
    """
    noise = rounding(model.dtype)
    start = model.initial_effort()
    # a polynomial is rounded beside its value at the end of the panel, however early in it the goal is
    doubt = 1.0 if model.law.has_end else CONSTANTS.doubt
    missed = (
        doubt * solved.missed[jnp.arange(model.skills), panel]
        + off_goal
        + noise
        * (
            jnp.maximum(goal, solved.exposure[jnp.arange(model.skills), panel + 1])
            + 2 * start / model.effective(model.pace(goal))
        )
    )
    late = missed / integrals.values_at(solved.opening, panel, place)
    # the demand near by: it changes little from a panel to the next
    pace = jnp.diff(learned_at_edges) / jnp.diff(solved.edges)[None]
    around = jnp.pad(pace, ((0, 0), (1, 1)))
    pace = jnp.maximum(jnp.maximum(around[:, :-2], around[:, 2:]), pace)
    before = jnp.where(model.graph.present, 2 * jnp.abs(model.law.progress(start)), 0)
    at_start = model.of_pool(model.by_pool(before)) if model.initial_level is not None else 0
    shifted = (pace[own, panel] * late + off[own, panel] + noise * (learned + at_start)) / learned
    counts = model.graph.present & (goal > 0)
    return jnp.max(jnp.where(counts, jnp.maximum(shifted, late / clock), 0))
