r"""Measures of a model that are integrals over resource time, on the nodes of its cascade.

$\int_0^{\tau} F\, d\tau$ and $\int_0^{\tau} \sum_i f_i^2/F\, d\tau$ of every skill's part $f_i = c_i p_i u_i$ in $F$.
The cascade knows neither $N_0$ nor $\eta$, so a grid of both costs one. Three estimates make up the error that is held
against the tolerance: the last Legendre coefficients of the integrands, panel by panel; the budget law,
$\int F\, d\tau = \sum_i s_i$, of which one side is integrated here and the other known; and the level error of the
cascade itself. For what is asked of all times, there is also what is left beyond the last panel.
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..base import pieces, programs
from ..base.lost import nan_unless
from ..base.tracing import concrete_number, evaluated, is_concrete
from ..base.warning import warn
from ..model.model import ResourceModel
from ..model.schedule import Schedule
from ..model.soundness import is_sound
from ..native.integrals import Spent
from ..solve.cascade import errors, integrals, panels, quadrature, reading
from ..solve.cascade.batch import microbatch
from ..solve.cascade.rates import steady
from ..solve.cascade.refine import COARSE_PANELS, Progress, coarse_solve, solve_member, where_it_stands
from ..solve.cascade.sharing import split_axes, take
from ..solve.cascade.traced import by_loops, spent_until
from ..solve.choose import cascade_obstacle
from ..solve.learning import horizon
from . import one_pass
from .rows import least

# panels of the solve that finds out where more are needed, of the one that counts, and of those for what is unsure
FIRST, FINE = 24, 64
FINER = (256, 1024)
# where margins have no end, a measure of the whole learning goes until the last skill is at this level
UNTIL_LEVEL = 0.95
# what sums of this length lose, in units of the last digit
ROUNDING = 64


def _squares(demand: Float[Array, "skill panel node"]) -> Float[Array, "panel node"]:
    r"""What seriality integrates over resource time, $\sum_i q_i^2 F = \sum_i f_i^2/F$, from each skill's $f$."""
    total = jnp.sum(demand, axis=0, keepdims=True)
    some = total > least(total.dtype)
    return jnp.sum(demand * jnp.where(some, demand / jnp.where(some, total, 1), 0), axis=0)


def obstacle(model: ResourceModel) -> str | None:
    """Why a model cannot be measured in resource time; None if it can."""
    if model.pool is not None:
        return "each pool has a clock of its own"
    if isinstance(model.frequency, Schedule):
        return "frequency follows a schedule"
    return cascade_obstacle(model)


def until_level(name: str, model: ResourceModel, level: Any, tolerance: Any) -> Spent:
    """Integrals over resource time until the last skill reaches a level, or with None over the whole learning.

    **Returns:** arrays `(*batch,)`; NaN where the estimated error, as a share of what is learned, exceeds the tolerance
    (default 1e-6 in float64, 1e-4 in float32): with a warning that counts them, where anything can be said.
    """
    if tolerance is None:
        tolerance = 1e-6 if model.dtype == jnp.float64 else 1e-4
    if level is None and not model.law.has_end:
        level = UNTIL_LEVEL
    traced = not is_concrete(model, level, tolerance)
    if traced:
        # what concrete values would be refused for
        known = is_sound(model) & (jnp.asarray(tolerance) < 1)
        if level is not None:
            known = known & jnp.isfinite(level)
            level = jnp.where(jnp.isfinite(level), level, UNTIL_LEVEL)
        found = _until_level(name, model, level, tolerance, traced=True)
        return jax.tree.map(lambda x: nan_unless(known, x), found)
    with evaluated(True):
        return _until_level(name, model, level, tolerance, traced=False)


def _until_level(name: str, model: ResourceModel, level: Any, tolerance: Any, *, traced: bool) -> Spent:
    number, floor = concrete_number(tolerance), ROUNDING * float(jnp.finfo(model.dtype).eps)
    if number is not None and number < floor:
        raise ValueError(f"tolerance: expected at least {floor:.1e}, the rounding of {model.dtype}, got {tolerance!r}")
    if not math.prod(model.batch_shape):
        raise ValueError(f"model: expected at least one member, got a batch of shape {model.batch_shape}")
    numpy = jnp if traced else np
    whole = level is None
    if isinstance(model.learning_rate, Schedule) or isinstance(model.wasted_resource, Schedule):
        # how fast the resource comes changes nothing of what is integrated over resource time, unless it stops early
        found = _until_level(name, steady(model), level, tolerance, traced=traced)
        return _where_reached(name, found, model, 1 - tolerance / 4 if whole else level)
    goal = numpy.asarray(1 if whole else level, model.dtype)
    if traced and by_loops(model):
        found, within = spent_until(model, goal, tolerance, _whole_of_one if whole else _until_level_of_one)
        return jax.tree.map(lambda x: nan_unless(within, x), found)
    shared: Any = (goal, numpy.asarray(tolerance, model.dtype))
    host = model if traced else jax.tree.map(np.asarray, model)
    graphs, clocks, back = split_axes(host, share_exponents=False)
    if traced:
        found, unsure = programs.compiled(_traced)((graphs, None), shared, whole=whole)
    else:
        found, unsure = _concrete(graphs, shared, microbatch(graphs.skills, clocks.rate.shape[0]), whole)
        _warn(name, unsure, tolerance)

    def spread(x: Any) -> Any:
        x = numpy.where(unsure, np.nan, x)
        return numpy.broadcast_to(x[:, None, None], clocks.rate.shape[:3])

    found = back(jax.tree.map(spread, found))
    return found if traced else pieces.as_arrays(found)


def _where_reached(name: str, found: Spent, model: ResourceModel, level: Any) -> Spent:
    """What has been found, but NaN where a schedule of the learning rate stops before all skills are at the level."""
    schedule = model.learning_rate
    if not isinstance(schedule, Schedule) or (is_concrete(schedule) and np.asarray(schedule.values)[-1] > 0):
        return found
    reached = jnp.isfinite(horizon(model, level))
    if is_concrete(reached) and not bool(jnp.all(reached)):
        warn(
            f"{name}: {int(jnp.sum(~reached))} of {reached.size} members are NaN, since the learning rate is 0 before "
            "their last skill gets there; simulate them, and measure the run",
            stacklevel=5,
        )
    return jax.tree.map(lambda x: nan_unless(reached, x), found)


def _concrete(graphs: ResourceModel, shared: Any, size: int, whole: bool) -> tuple[Spent, np.ndarray]:
    """By the loops if they serve the model; what is left, on more and more panels by arrays."""
    level, tolerance = shared
    steps, stand = (FINE, *FINER), None
    if one_pass.by_loops(graphs):
        found, unsure = one_pass.until_level(graphs, None if whole else float(level), float(tolerance))
        found = Spent(*(np.asarray(x, graphs.dtype) for x in found))
    else:
        found, unsure, stand = pieces.run(_members, (graphs, None), shared, size, panels=FINE, whole=whole)
        steps = FINER
    left = keep = np.flatnonzero(np.asarray(unsure))
    for number in steps:
        if len(left):
            rows = (take(graphs, left), None if stand is None else take(jax.tree.map(np.asarray, stand), keep))
            *again, stand = pieces.run(_members, rows, shared, min(8, size), panels=number, whole=whole)
            found, unsure = pieces.put((found, unsure), left, tuple(again))
            keep = np.flatnonzero(np.asarray(again[1]))
            left = left[keep]
    return found, np.asarray(unsure)


def unfinished(model: ResourceModel, effort: Float[Array, " skill"]) -> Float[Array, " skill"]:
    """The progress that is left to each skill, where progress has an end."""
    return model.law.progress(jnp.full_like(effort, jnp.inf)) - model.law.progress(effort)


def _warn(name: str, unsure: np.ndarray, tolerance: Any) -> None:
    count = int(unsure.sum())
    if count:
        warn(
            f"{name}: {count} of {unsure.size} graphs are NaN, since their estimated error exceeds the tolerance "
            f"{float(tolerance):g}; loosen tolerance",
            stacklevel=4,
        )


def _traced(arguments: tuple[ResourceModel, None], shared: tuple[Array, Array], **options: Any) -> tuple[Spent, Array]:
    """Two solves of what a concrete call solves until it is sure; the second only where some member needs it."""
    found, unsure, stand = _members(arguments, shared, panels=FINE, **options)

    def finer() -> tuple[Spent, Array]:
        again, still, _ = _members((arguments[0], stand), shared, panels=FINER[0], **options)
        return jax.tree.map(lambda new, old: jnp.where(unsure, new, old), again, found), unsure & still

    return jax.lax.cond(jnp.any(unsure), finer, lambda: (found, unsure))


def _members(
    arguments: tuple[ResourceModel, Progress | None],
    shared: tuple[Array, Array],
    *,
    panels: int,
    whole: bool,
) -> tuple[Spent, Array, Progress]:
    level, tolerance = shared

    def one(model: ResourceModel, before: Progress | None) -> tuple[Spent, Array, Progress]:
        found, error, stand = _one(model, before, level, tolerance, panels, whole)
        return found, ~(error <= tolerance), stand

    return jax.vmap(one)(*arguments)


def _one(
    model: ResourceModel, before: Progress | None, level: Array, tolerance: Any, panels: int, whole: bool
) -> tuple[Spent, Array, Progress]:
    """One member, on so many panels: its integrals, their estimated error, and where the panels stand."""
    start = model.initial_effort()
    if whole:
        # of what is to be learned so little is left that it does not count, whatever learns then
        goal = model.law.effort_for_depth(model.law.log_depth(start) - jnp.log(tolerance / 10))
    else:
        goal = jnp.broadcast_to(model.law.effort_at(level), start.shape)
    frozen, held = jax.lax.stop_gradient((model, goal))
    if before is None:
        first = solve_member(frozen, None, lambda model: _first_edges(model, held), None, with_demand=False)
        before = _read(frozen, first, held, level, whole)[2]
    edges = before.edges
    solved = solve_member(model, before, lambda _: edges, panels, with_demand=False)
    return _read(model, solved, goal, level, whole)


def _whole_of_one(model: ResourceModel, level: Array, steps: Array) -> tuple[tuple[Array, ...], Array, Array]:
    found, error, _ = _one(model, None, level, ROUNDING * float(jnp.finfo(model.dtype).eps), FINER[0], True)
    return found, jnp.zeros((), bool), error


def _until_level_of_one(model: ResourceModel, level: Array, steps: Array) -> tuple[tuple[Array, ...], Array, Array]:
    found, error, _ = _one(model, None, level, 1.0, FINER[0], False)
    return found, jnp.zeros((), bool), error


def _first_edges(model: ResourceModel, goal: Float[Array, " skill"]) -> Float[Array, " edge"]:
    """Panels up to soon after every skill has its effort: a coarse solve shortens an upper bound."""
    present = model.graph.present
    fastest = jnp.max(jnp.where(present, model.rate(), 0))
    last = jnp.max(jnp.where(present, panels.reach(model, goal), 0))
    edges, exposure = coarse_solve(model, jnp.maximum(last * (1 + 1e-5), 1e-3 / fastest))
    effort = jax.vmap(model.effort, 1, 1)(exposure)
    short = jnp.any(present[:, None] & (effort < goal[:, None]), axis=0)
    # one panel more than seems needed: the solve is coarse
    until = jnp.minimum(jnp.sum(short) + 1, COARSE_PANELS)
    return panels.even_edges(model, edges, exposure, FIRST, until)


def _read(
    model: ResourceModel,
    solved: quadrature.Cascade,
    goal: Float[Array, " skill"],
    level: Float[Array, ""],
    whole: bool,
) -> tuple[Spent, Array, Progress]:
    """The integrals of one member, its estimated error as a share of what is learned, and where the panels stand."""
    edges, present = solved.edges, model.graph.present
    half = jnp.diff(edges) / 2
    demand = reading.at_nodes(model, solved).demand
    values = jnp.stack([_squares(demand), jnp.sum(demand, axis=0)])
    at_edges = integrals.primitive_at_edges(values, half)
    if whole:
        panel, clock = half.shape[0] - 1, edges[-1]
        squares, spent = at_edges[:, -1]
        exposure = solved.exposure[:, -1]
    else:
        wanted = model.exposure_at(level)
        panels, places, clocks = solved.position_of(jnp.maximum(wanted, 0))
        last = jnp.argmax(jnp.where(present, jax.lax.stop_gradient(clocks), -1))
        panel, place, clock = panels[last], places[last], clocks[last]

        def until(values: Array, at_edges: Array) -> Array:
            return integrals.evaluate_primitive(values, at_edges, edges, panel[None], place[None])[0]

        squares, spent = until(values, at_edges)
        exposure = jnp.maximum(until(solved.opening, solved.exposure), 0)
        # nothing is learned where every skill starts at the level
        some = clock > 0
        squares, spent, exposure = (jnp.where(some, x, 0) for x in (squares, spent, exposure))
    learned = jnp.sum(jnp.where(present, model.gained(exposure), 0))
    found = Spent(clock, learned, spent, squares)

    held, known, residual = jax.lax.stop_gradient((model, learned, spent - learned))
    scale = jnp.where(known > 0, known, 1)
    at_edge, inside = (jnp.sum(x, axis=0) for x in errors.quadrature_error(values, edges))
    effort = jax.vmap(held.effort, 1, 1)(jax.lax.stop_gradient(solved.exposure[:, -1:]))[:, 0]
    outside = jnp.any(present & (effort < jax.lax.stop_gradient(goal) * (1 - 1e-9)))
    error = (jnp.sum(at_edge) + inside[panel] + jnp.abs(residual)) / scale + solved.error
    error = error + ROUNDING / 4 * float(jnp.finfo(model.dtype).eps)
    if whole:
        error = error + jnp.sum(jnp.where(present, unfinished(held, effort), 0)) / scale
    else:
        error = jnp.where(outside, jnp.inf, error)
    error = jnp.where(known > 0, error, jnp.where(jnp.isnan(known), jnp.nan, 0))
    # the range was an estimate: if it was too short, the next solve goes on further
    short = solved.panel_error + (at_edge + inside) / scale
    edges = edges.at[-1].multiply(jnp.where(outside, 10, 1).astype(edges.dtype))
    short = short.at[-1].add(jnp.where(outside, 1, 0).astype(short.dtype))
    return found, error, jax.lax.stop_gradient(Progress(edges, short, where_it_stands(model, solved, short).turns))
