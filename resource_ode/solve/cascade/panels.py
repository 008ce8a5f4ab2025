"""Where the panels of a solve begin and end, and how far they have to go."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ...base.constants import CONSTANTS
from ...model.model import ResourceModel


def logarithmic_edges(fastest: Any, last: Any, panels: int) -> Float[Array, " edge"]:
    """Panel edges 0, ..., last: even in `ln(1 + fastest tau)`, so linear up to `1/fastest` and geometric after it."""
    steps = jnp.arange(panels + 1, dtype=fastest.dtype) / panels
    # no quotients of quotients, here and below: XLA simplifies them in an order that depends on the number of devices
    return ((1 / fastest) * jnp.expm1(steps * jnp.log1p(last * fastest))).at[-1].set(last)


def quickest(model: ResourceModel) -> Float[Array, ""]:
    """One over the resource time in which the first thing happens: a skill is learned, or opens the way for others."""
    fastest = jnp.max(jnp.where(model.graph.present, model.rate(), 0))
    return fastest if model.graph.fan_in == 0 else fastest * jnp.maximum(model.gate_exponent, 1)


def even_edges(
    model: ResourceModel,
    edges: Float[Array, " edge"],
    exposure: Float[Array, "skill edge"],
    panels: int,
    last: Int[Array, ""] | int = -1,
    largest: Any = None,
) -> Float[Array, " new_edge"]:
    """Panel edges that share the work out evenly, up to edge `last` of a coarse solve.

    The measure of work is that of `base.constants`, in closed form once efforts are known, and they need only be known
    roughly. Where the cascade is to be read with other gate exponents too (`at_exponent`), up to a `largest`, demand
    lasts longer by their ratio.
    """
    fastest = quickest(model)
    # with a plateau it is log-depth that is followed: little happens before it begins to grow
    grown = (
        model.law.measured(jax.vmap(model.effort, 1, 1)(exposure)) - model.law.measured(model.initial_effort())[:, None]
    )
    exponent = model.gate_exponent
    by = CONSTANTS
    through = by.learned * (1 if largest is None else largest / exponent) + by.open / exponent
    each = jnp.log((1 + grown / by.begins) / (1 + grown / through))
    along = jnp.log1p(edges * fastest)
    measure = along + jnp.sum(jnp.where(model.graph.present[:, None], each, 0), axis=0) * by.part
    wanted = measure[last] * (jnp.arange(panels + 1, dtype=edges.dtype) / panels)
    new = (1 / fastest) * jnp.expm1(jnp.interp(wanted, measure, along))
    return jax.lax.stop_gradient(new.at[0].set(0).at[-1].set(edges[last]))


def refine_edges(
    edges: Float[Array, " edge"], panel_error: Float[Array, " panel"], panels: int
) -> Float[Array, " new_edge"]:
    """More panels on the same range, the additional ones where the error is.

    A panel with a kink gains with the square of its width, a smooth one far more: the cube root of the errors shares
    the additional panels out so that both get what they need.
    """
    old = panel_error.shape[0]
    weight = jnp.cbrt(panel_error) + jnp.asarray(1e-30, edges.dtype)
    pieces = 1 + (panels - old) * weight / jnp.sum(weight)
    position = jnp.concatenate([jnp.zeros(1, edges.dtype), jnp.cumsum(pieces)])
    wanted = jnp.arange(panels + 1, dtype=edges.dtype) * (position[-1] / panels)
    # geometric inside a panel, but for the first, which starts at 0
    least = jnp.asarray(float(jnp.finfo(edges.dtype).tiny), edges.dtype)
    first = jnp.min(jnp.where(edges > 0, edges, edges[-1]))
    scale = jnp.log(jnp.maximum(edges, jnp.maximum(first / 8, least)))
    new = jnp.exp(jnp.interp(wanted, position, scale))
    return new.at[0].set(0).at[-1].set(edges[-1])


def with_edges(edges: Float[Array, " some"], more: Float[Array, " kink"] | None) -> Float[Array, " all"]:
    """Panel edges with some more, in order."""
    return edges if more is None else jnp.sort(jnp.concatenate([edges, more]))


def all_over(model: ResourceModel, ratio: Any = 1) -> Float[Array, ""]:
    """A resource time by which, where a loss has an end, nothing is left to learn and all gates are open, to rounding:
    from then on all exposures grow with the clock. In that of the model's own gate exponent, where it is read also with
    exponents up to `ratio` times as large.
    """
    ratio = jnp.asarray(ratio, model.dtype)
    depth = jnp.maximum(CONSTANTS.all_learned * ratio, CONSTANTS.all_open / model.gate_exponent)
    ends = reach(model, jnp.broadcast_to(model.law.effort_for_depth(depth), (model.skills,)))
    return jnp.max(jnp.where(model.graph.present, ends, 0))


def reach(model: ResourceModel, effort_goal: Float[Array, " skill"]) -> Float[Array, " skill"]:
    r"""An upper bound of the resource time at which each skill's effort reaches its goal (itself bounded, far from
    overflow).

    By induction along the order: $X_i(\tau) \ge (\tau - b_i)/w_i$. Once every prerequisite's log-depth is above a
    threshold $d$, each gate is above $1 - e^{-a d}$ and the opening above its $k$-th power (the first power for "any").
    Two thresholds are tried, ``1`` and the one at which the gates are nearly open. Each gives a line $(b_i, w_i)$ under
    the exposure, and the higher one counts: at early exposures the first, which starts soon but is slow, at late ones
    the second. (To keep one of them alone would multiply the slowness along a path.)
    """
    graph = model.graph
    rate, after = model.rate(), model.rate_after()
    rate = rate if after is None else jnp.minimum(rate, after)
    start = model.initial_effort()
    huge = jnp.asarray(float(jnp.finfo(model.dtype).max) ** 0.8, model.dtype)

    def needed(effort: Array) -> Array:
        return jnp.maximum(effort - start, 0) / rate

    wanted = needed(effort_goal)
    if graph.fan_in == 0:
        return wanted

    def step(carry: tuple[Array, Array], skill: Array) -> tuple[tuple[Array, Array], Array]:
        begin, slow = carry
        behind, required = graph.prerequisites[skill], graph.required[skill]
        either = jnp.zeros((), bool) if graph.any_gate is None else graph.any_gate[skill]
        count = jnp.sum(required)
        power = jnp.where(either, 1, count).astype(model.dtype)
        lines = []
        goal = jnp.where(count > 0, huge, wanted[skill])
        for depth in (jnp.ones((), model.dtype), jnp.log(power + 1) / model.gate_exponent):
            missing = jnp.maximum(model.law.effort_for_depth(depth) - start[behind], 0) / rate[behind]
            reached = jnp.minimum(jnp.min(begin[:, behind] + slow[:, behind] * missing[None], axis=0), huge)
            first = jnp.min(jnp.where(required, reached, huge))
            begins = jnp.where(either, first, jnp.max(jnp.where(required, reached, 0)))
            gate = -jnp.expm1(-model.gate_exponent * depth)
            closed = power * jnp.log(gate)
            if model.prerequisite_strength is not None:
                strength = model.prerequisite_strength[skill]
                each = jnp.where(required, jnp.log((1 - strength) + strength * gate), 0)
                closed = jnp.where(either, jnp.min(each), jnp.sum(each))
            slows = jnp.minimum(jnp.exp(jnp.minimum(-closed, 0.8 * jnp.log(huge))), huge)
            ends = begins + slows * jnp.minimum(wanted[skill], jnp.sqrt(huge))
            goal = jnp.where(count > 0, jnp.minimum(goal, ends), goal)
            lines.append((jnp.where(count > 0, begins, 0), jnp.where(count > 0, slows, 1)))
        begins, slows = (jnp.stack(x) for x in zip(*lines, strict=True))
        return (begin.at[:, skill].set(begins), slow.at[:, skill].set(slows)), jnp.minimum(goal, huge)

    order = jnp.argsort(graph.depth)
    empty = (jnp.zeros((2, model.skills), model.dtype), jnp.ones((2, model.skills), model.dtype))
    _, goals = jax.lax.scan(step, empty, order)
    return jax.lax.stop_gradient(goals[jnp.argsort(order)])
