"""Trajectories of one graph by arrays: its cascade, solved once and read with each of its clocks."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from ...base.constants import CONSTANTS
from ...base.modules import with_fields
from ...model.model import ResourceModel
from ...results.outcome import RESULTS
from ..members import kept
from . import quadrature as resource_time
from . import reading
from .panels import all_over, even_edges, reach
from .refine import PANELS, Progress, coarse_solve, each_exponent, solve_member, where_it_stands
from .sharing import Clocks


def resource_range(model: ResourceModel, clocks: Clocks, until: Array, endless: bool) -> Array:
    """A resource time, in that of the graph's own gate exponent, that none of its clocks passes by training step
    `until`, or after which nothing but waste happens.

    The budget law bounds it by $\\eta t/N_0$. An MSE run has an end, where everything is learned; cross entropy goes
    on, and its roots alone bound it.
    """
    rate, waste = clocks.rate, clocks.waste
    wasteful, ratio = waste > 0, clocks.exponent / model.gate_exponent
    bound = jnp.where(wasteful, rate * until / jnp.where(wasteful, waste, 1), 0)
    last = jnp.max(ratio * jnp.max(bound.reshape((ratio.shape[0], -1)), axis=1))
    if model.law.has_end:
        last = jnp.minimum(last, all_over(model, jnp.max(ratio)))
        effort = jnp.max(ratio) * jnp.asarray(-2 * math.log(jnp.finfo(model.dtype).eps), model.dtype)
        goal, counts = jnp.broadcast_to(model.law.effort_for_depth(effort), (model.skills,)), model.graph.present
    else:
        counts = model.graph.present & ~jnp.any(model.graph.required, axis=-1)
        roots = jnp.asarray(jnp.sum(counts) if model.pool is None else 1, model.dtype)
        # the slowest root gains at most the mean margin, and by Cauchy-Schwarz "l2" learns sqrt(roots) times faster
        one = jnp.ones((), model.dtype)
        gained = jnp.max(rate) * until / model.rule.total(roots * model.rule.part(one), jnp.zeros_like(roots))
        margin = model.law.progress(model.initial_effort()) + gained
        goal = model.law.effort_of_progress(jnp.minimum(margin, 0.8 * math.log(float(jnp.finfo(model.dtype).max))))
    if endless or not model.law.has_end:
        end = jnp.max(jnp.where(counts, reach(model, goal), 0))
        if not model.law.has_end:
            last = jnp.minimum(last, end)
        last = jnp.where(jnp.all(wasteful), last, jnp.maximum(last, end))
    # the margin keeps rounding from ending the range early; a run that shows no time yet still needs a range
    return jax.lax.stop_gradient(jnp.maximum(last * (1 + CONSTANTS.margin), 1e6 * float(jnp.finfo(model.dtype).tiny)))


def trajectories(
    arguments: tuple[ResourceModel, Clocks, Clocks, Progress | None],
    shared: tuple[Array, Array],
    *,
    panels: int | None,
    endless: bool,
    reduce: Any,
    method: str,
) -> tuple[Any, Array, Progress]:
    """Members `(graph, exponent, clock)`: each graph's cascade is solved once and read with each of its clocks.

    The clocks to read come first, then those of the whole batch, which set the range of the panels: so that a piece of
    the clocks gives the very numbers of the whole.
    """
    ts, tolerance = shared

    def graph(model: ResourceModel, clocks: Clocks, everyone: Clocks, before: Progress | None) -> Any:
        several = clocks.exponent.shape[0] > 1

        def first(model: ResourceModel) -> Array:
            last = resource_range(model, everyone, ts[-1], endless)
            return even_edges(model, *coarse_solve(model, last), PANELS, largest=jnp.max(clocks.exponent))

        solved = solve_member(model, before, first, panels, with_demand=not several)

        def at(exponent: Array, rates: Array, wastes: Array) -> Any:
            mine, found = model, solved
            if several:
                mine = with_fields(model, gate_exponent=exponent)
                found = resource_time.at_exponent(mine, solved, model.gate_exponent)

            def clock(rate: Array, waste: Array) -> Any:
                own = with_fields(mine, learning_rate=rate, wasted_resource=waste)
                exposure, *read, lost = reading.read_clock(own, found, ts)
                error = found.error + reading.rounded(own, exposure)
                result = RESULTS.where(error <= tolerance, RESULTS.successful, RESULTS.inaccurate)
                result = RESULTS.where(lost, RESULTS.not_finite, result)
                return kept(own, ts, (exposure, *read, result), reduce, method, "exposure")

            return jax.vmap(clock)(rates, wastes), found.error, found.panel_error

        result, error, panel_error = each_exponent(at, clocks)
        stand = where_it_stands(model, solved, jnp.max(panel_error, axis=0))
        return result, ~(error <= tolerance), stand

    return jax.vmap(graph)(*arguments)
