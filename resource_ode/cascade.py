r"""The solve in resource time: every graph is a feed-forward cascade, and one integral gives the clock.

With $d\tau/dt = \eta/(F + N_0)$ the competition cancels: $dX_i/d\tau = c_i$, and $c_i$ depends on the prerequisites of
skill ``i`` alone. So the skills are integrated one after another, in topological order, each by pure quadrature, and
the training time follows from $\eta t = S(\tau) = \int_0^\tau (F + N_0)\, d\tau$ (with "l2", the other denominator). No
time step, no data-dependent loop. Two facts shape the code:

- The cascade does not know $N_0$ and $\eta$: it is solved once a graph, and serves every clock that is asked of it.
- $S$ is integrated by the same rule as the exposures, on its own; the budget law $\eta t = \sum_i s_i + N_0 \tau$ is
  left over as a check.

The rule: $\tau$ is cut into panels, geometric from the first (what happens, happens on a logarithmic scale), with
``NODES`` Gauss-Legendre nodes each. Inside a panel everything is the polynomial through the nodes, integrated exactly.
The gates are entire functions of $\tau$ (for "all" graphs), so this converges geometrically; where it does not (the
kinks of "any" gates and of self-paced skills, very deep graphs) the last Legendre coefficients say so, panel by panel,
and these panels are split.
"""

from __future__ import annotations

import functools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from .model import ResourceModel, combine_gates

NODES = 8


@functools.cache
def _rule() -> dict[str, np.ndarray]:
    """Gauss-Legendre nodes on [-1, 1] and the constant matrices that act on values at them."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    legendre = np.polynomial.legendre.legvander(nodes, NODES - 1)
    # values -> Legendre coefficients, exactly inverted by the quadrature
    to_legendre = (legendre * weights[:, None]).T * (np.arange(NODES) + 0.5)[:, None]
    integral = np.zeros((NODES + 1, NODES))  # Legendre coefficients of the integral from -1
    for degree in range(NODES):
        unit = np.zeros(NODES)
        unit[degree] = 1
        integral[:, degree] = np.pad(np.polynomial.legendre.legint(unit, lbnd=-1), (0, NODES + 1))[: NODES + 1]
    to_powers = np.stack(
        [np.pad(np.polynomial.legendre.leg2poly(row), (0, NODES + 1))[: NODES + 1] for row in np.eye(NODES + 1)]
    )
    primitive = integral @ to_legendre  # values -> Legendre coefficients of the integral
    return {
        "nodes": nodes,
        "weights": weights,
        "tail": to_legendre[-4:],
        "cumulative": np.polynomial.legendre.legvander(nodes, NODES) @ primitive,
        "powers": to_powers.T @ primitive,  # values -> coefficients of z^0 .. z^NODES of the integral
    }


def _constant(name: str, dtype: Any) -> Array:
    return jnp.asarray(_rule()[name], dtype)


class Cascade(eqx.Module):
    r"""One member solved in resource time, on panels. With "l1" nothing in it depends on $N_0$ or $\eta$."""

    edges: Float[Array, " edge"]
    opening: Float[Array, "skill panel node"]
    exposure: Float[Array, "skill edge"]
    demand: Float[Array, "pool panel node"]
    error: Float[Array, ""]
    panel_error: Float[Array, " panel"]

    def turns(self, model: ResourceModel) -> Float[Array, " kink"] | None:
        """Resource times at which self-paced skills change pace: edges for the next solve, and differentiable."""
        if model.frequency_after is None:
            return None
        return self.reached_at(model.turning_exposure())

    def reached_at(self, exposure: Float[Array, " skill"]) -> Float[Array, " skill"]:
        """Resource time at which each skill's exposure reaches a value (clipped to the range of the panels)."""
        solve = jax.vmap(lambda v, e, x: invert_primitive(v, e, self.edges, x[None]))
        panel, place = solve(self.opening, self.exposure, exposure)
        half = jnp.diff(self.edges) / 2
        found = (self.edges[panel] + half[panel] * (1 + place))[:, 0]
        # a value that is there at once is reached at 0, also behind a shut gate, where the search has no slope
        return jnp.where(exposure > 0, jnp.clip(found, self.edges[0], self.edges[-1]), self.edges[0])


def geometric_edges(first: Any, last: Any, panels: int) -> Float[Array, " edge"]:
    """Panel edges 0, first, ..., last with a constant ratio from the first on."""
    steps = jnp.arange(panels, dtype=first.dtype) / (panels - 1)
    log_first = jnp.log(first)
    inner = jnp.exp(log_first + steps * (jnp.log(last) - log_first))
    return jnp.concatenate([jnp.zeros(1, first.dtype), inner[:-1], last[None]])


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


def _half(values: Array, half: Array) -> Array:
    return half.reshape((1,) * (values.ndim - half.ndim) + half.shape)


def primitive_at_edges(
    values: Float[Array, "*rows panel node"], half: Float[Array, " panel"]
) -> Float[Array, "*rows edge"]:
    """Integral from 0 of what is given at the nodes, at every panel edge."""
    gained = values @ _constant("weights", values.dtype)
    # a triangular product in place of a cumulative sum: faster on every backend at this size
    panels = values.shape[-2]
    return (gained * _half(gained, half)) @ jnp.triu(jnp.ones((panels, panels + 1), values.dtype), 1)


def _primitive_at_nodes(values: Array, at_edges: Array, half: Array) -> Array:
    inside = values @ _constant("cumulative", values.dtype).T
    return at_edges[..., :-1, None] + inside * _half(inside, half[:, None])


def _missed(values: Float[Array, "*rows panel node"], half: Float[Array, " panel"]) -> tuple[Array, Array]:
    """How wrong the integral of the interpolant may be, a panel: at the panel's right edge, and anywhere inside.

    From the decay of the integrand's Legendre coefficients. Inside, the first coefficient that is missing counts; at
    the edge only those beyond the degree ``2 NODES - 1`` that the quadrature integrates exactly, so that a smooth panel
    is far better there. Without decay (a kink) the two are alike.
    """
    fourth, third, second, last = jnp.moveaxis(jnp.abs(values @ _constant("tail", values.dtype).T), -1, 0)
    tail = jnp.maximum(last, second / 4)
    before = jnp.maximum(jnp.maximum(fourth, third), tail)
    decay = jnp.where(before > 0, tail / jnp.where(before > 0, before, 1), 0)
    tail = jax.lax.stop_gradient(tail * _half(tail, half))
    decay = jax.lax.stop_gradient(decay)
    return tail * decay**2 / 2, tail * decay / 4


def _missed_at_kinks(
    gates: Float[Array, "fan_in panel node"], nodes: Float[Array, "panel node"]
) -> Float[Array, " panel"]:
    """What the integral of a maximum may miss where the largest changes: such a kink hides between two nodes.

    Between nodes a distance ``d`` apart, where the difference of the two gates changes by ``j``, the interpolant is off
    by at most ``j/4`` there, hence its integral by about ``j d/4``.
    """
    gates, nodes = jax.lax.stop_gradient((gates.reshape(gates.shape[0], -1), nodes))
    first = jnp.argmax(gates, axis=0)
    leading = jnp.take_along_axis(gates, first[None], axis=0)[0]
    # the lead of this node's winner over the next node's, here and there
    here = leading[:-1] - jnp.take_along_axis(gates[:, :-1], first[None, 1:], axis=0)[0]
    there = jnp.take_along_axis(gates[:, 1:], first[None, :-1], axis=0)[0] - leading[1:]
    missed = jnp.where(first[1:] != first[:-1], here - there, 0) * jnp.diff(nodes.reshape(-1)) / 4
    # a kink between the last node of a panel and the first of the next may lie in either
    before, after = jnp.append(missed, 0), jnp.append(jnp.zeros(1, missed.dtype), missed)
    return jnp.sum(jnp.maximum(before, after).reshape(nodes.shape), axis=-1)


def with_edges(edges: Float[Array, " some"], more: Float[Array, " kink"] | None) -> Float[Array, " all"]:
    """Panel edges with some more, in order."""
    return edges if more is None else jnp.sort(jnp.concatenate([edges, more]))


def solve_cascade(model: ResourceModel, edges: Float[Array, " edge"]) -> Cascade:
    """Integrate the exposures of one member, skill after skill in topological order."""
    graph, law, dtype = model.graph, model.law, model.dtype
    half = jnp.diff(edges) / 2
    shape = (half.shape[0], NODES)
    nodes = edges[:-1, None] + half[:, None] * (1 + _constant("nodes", dtype)[None])
    if graph.fan_in == 0:
        opening = jnp.ones((model.skills, *shape), dtype)
        at_edges = jnp.broadcast_to(edges, (model.skills, edges.shape[0]))
        exposure = jnp.broadcast_to(nodes, opening.shape)
        missed = jnp.zeros((model.skills, shape[0]), dtype)
    else:
        frequency, start = model.frequency_at(), model.initial_effort()

        def step(carry: tuple[Array, Array], skill: Array) -> tuple[tuple[Array, Array], tuple[Array, ...]]:
            gates, relative = carry
            behind, required = graph.prerequisites[skill], graph.required[skill]
            either = None if graph.any_gate is None else graph.any_gate[skill]
            found = gates[behind]
            opening = combine_gates(found[None], required[None], None if either is None else either[None])[0]
            at_edges = primitive_at_edges(opening, half)
            exposure = _primitive_at_nodes(opening, at_edges, half)
            effort = _effort_of(model, skill, frequency, start, exposure)
            gate = -jnp.expm1(-model.gate_exponent * law.log_depth(effort))
            # first-order propagation: a relative error of a prerequisite is one of the opening, whatever the gate
            behind_error = jnp.sum(jnp.where(required[:, None], relative[behind], 0), axis=0)
            edge, _ = _missed(opening, half)
            if either is not None:
                edge = edge + jnp.where(
                    either, _missed_at_kinks(jnp.where(required[:, None, None], found, 0), nodes), 0
                )
            missed = jnp.cumsum(edge + jnp.diff(at_edges) * behind_error)
            reached = at_edges[1:]
            own = jnp.minimum(jnp.where(reached > 0, missed / jnp.where(reached > 0, reached, 1), 0), 1)
            own = jax.lax.stop_gradient(own)
            return (gates.at[skill].set(gate), relative.at[skill].set(own)), (opening, at_edges, exposure, missed)

        order = jnp.argsort(graph.depth)
        empty = (jnp.zeros((model.skills, *shape), dtype), jnp.zeros((model.skills, shape[0]), dtype))
        _, rows = jax.lax.scan(step, empty, order)
        opening, at_edges, exposure, missed = (row[jnp.argsort(order)] for row in rows)

    effort = jax.vmap(jax.vmap(model.effort, 1, 1), 1, 1)(exposure)
    pace = (
        model.frequency_at()[:, None, None]
        if model.frequency_after is None
        else jax.vmap(jax.vmap(model.pace, 1, 1), 1, 1)(exposure)
    )
    found = jnp.where(graph.present[:, None, None], opening * pace * law.demand(effort), 0)
    if model.competition == "l2":
        found = found**2
    demand = jax.vmap(jax.vmap(model.by_pool, 1, 1), 1, 1)(found)
    error, panel_error = _error(model, opening, at_edges, missed, demand, half)
    return Cascade(edges, opening, at_edges, demand, error, panel_error)


def _effort_of(model: ResourceModel, skill: Array, frequency: Array, start: Array, exposure: Array) -> Array:
    """`model.effort` of one skill at all nodes."""
    if model.frequency_after is None:
        return start[skill] + frequency[skill] * exposure
    turn = model.turning_exposure()[skill]
    before, after = jnp.minimum(exposure, turn), jnp.maximum(exposure - turn, 0)
    return start[skill] + frequency[skill] * before + model.frequency_after[skill] * after


def _error(
    model: ResourceModel, opening: Array, at_edges: Array, missed: Array, demand: Array, half: Array
) -> tuple[Float[Array, ""], Float[Array, " panel"]]:
    """The estimated level error of the member, and what each panel contributes to it (for refinement only)."""
    if model.competition == "l2":
        demand = jnp.where(demand > 0, jnp.sqrt(jnp.where(demand > 0, demand, 1)), 0)
    edge, inside = _missed(demand, half)
    clock = jnp.max(jnp.sum(edge, axis=-1)) + jnp.max(inside)
    present = model.graph.present[:, None]
    slope = jax.vmap(lambda x: model.pace(x) * model.law.demand(model.effort(x)), 1, 1)(at_edges[:, :-1])
    _, within = _missed(opening, half)
    error = jnp.max(jnp.where(present, slope * (missed + within), 0)) + clock
    # exposures below this scale decide nothing: relative errors there are forgotten
    fastest = jnp.max(jnp.where(model.graph.present, model.frequency_at(), 0)) * jnp.maximum(model.gate_exponent, 1)
    relative = jnp.where(present, within / (at_edges[:, 1:] + 1 / (10 * fastest)), 0)
    return jax.lax.stop_gradient((error, jnp.max(relative, axis=0) + jnp.max(inside, axis=0)))


def invert_primitive(
    values: Float[Array, "panel node"],
    at_edges: Float[Array, " edge"],
    edges: Float[Array, " edge"],
    wanted: Float[Array, " time"],
) -> tuple[Int[Array, " time"], Float[Array, " time"]]:
    """Where an increasing integral reaches the wanted values: panel, and position in it on [-1, 1] (clipped to the
    range).

    The bracket is an interval between neighbouring nodes, where Newton's method on the polynomial starts from the
    chord. The last step is taken outside the search, so that derivatives of every kind pass through it exactly.
    """
    dtype = values.dtype
    half = jnp.diff(edges) / 2
    panels = half.shape[0]
    frozen, frozen_edges = jax.lax.stop_gradient((values, at_edges))
    at_nodes = _primitive_at_nodes(frozen, frozen_edges, jax.lax.stop_gradient(half))
    knots = jnp.concatenate([frozen_edges[:-1, None], at_nodes], axis=1).reshape(-1)
    knots = jnp.append(knots, frozen_edges[-1])
    places = jnp.append(-jnp.ones(1, dtype), _constant("nodes", dtype))
    target = jax.lax.stop_gradient(wanted)
    found = jnp.searchsorted(knots, target, side="right", method="compare_all" if panels <= 64 else "scan_unrolled")
    found = jnp.clip(found - 1, 0, knots.shape[0] - 2)
    panel, place = found // (NODES + 1), found % (NODES + 1)
    low, high = places[place], jnp.append(places[1:], jnp.ones(1, dtype))[place]
    powers = values @ _constant("powers", dtype).T * half[:, None]
    coefficients = powers[panel]
    base = at_edges[panel]
    frozen_coefficients, frozen_base = jax.lax.stop_gradient((coefficients, base))
    rise = knots[found + 1] - knots[found]
    z = low + (high - low) * jnp.clip((target - knots[found]) / jnp.where(rise > 0, rise, 1), 0, 1)
    for _ in range(4):
        value, slope = _polynomial(frozen_coefficients, z)
        step = (value + frozen_base - target) / jnp.where(slope > 0, slope, 1)
        z = jnp.clip(z - jnp.where(slope > 0, step, 0), low, high)
    z = jax.lax.stop_gradient(z)
    value, slope = _polynomial(coefficients, z)
    slope = jax.lax.stop_gradient(slope)
    return panel, z - jnp.where(slope > 0, (value + base - wanted) / jnp.where(slope > 0, slope, 1), 0)


def _polynomial(coefficients: Float[Array, "time power"], z: Float[Array, " time"]) -> tuple[Array, Array]:
    """Value and derivative by Horner's rule."""
    value, slope = coefficients[:, -1], jnp.zeros_like(z)
    for power in range(NODES - 1, -1, -1):
        slope = slope * z + value
        value = value * z + coefficients[:, power]
    return value, slope


def evaluate_primitive(
    values: Float[Array, "skill panel node"],
    at_edges: Float[Array, "skill edge"],
    edges: Float[Array, " edge"],
    panel: Int[Array, " time"],
    place: Float[Array, " time"],
) -> Float[Array, "time skill"]:
    """The integrals of many skills at the same positions."""
    half = jnp.diff(edges) / 2
    powers = jnp.einsum("kpl,jl->pjk", values, _constant("powers", values.dtype)) * half[:, None, None]
    powers = powers.at[:, 0].add(at_edges[:, :-1].T)
    chosen = powers[panel]
    result = chosen[:, -1]
    for power in range(NODES - 1, -1, -1):
        result = result * place[:, None] + chosen[:, power]
    return result


def denominator_at_nodes(model: ResourceModel, cascade: Cascade) -> Float[Array, "pool panel node"]:
    r"""$F + N_0$ (or the other denominator) at the nodes: the integrand of $\eta t$."""
    waste = model.waste_at()[:, None, None]
    if model.competition == "l1":
        return cascade.demand + waste
    total = cascade.demand + waste**2
    return jnp.where(total > 0, jnp.sqrt(jnp.where(total > 0, total, 1)), 0)


def read_clock(model: ResourceModel, cascade: Cascade, ts: Float[Array, " time"]) -> tuple[Array, Array, Array | None]:
    """Exposure, resource time and (for "l2") spent resource of one member at training steps `ts`."""
    edges = cascade.edges
    half = jnp.diff(edges) / 2
    values = denominator_at_nodes(model, cascade)
    at_edges = primitive_at_edges(values, half)
    wanted = model.learning_rate_at()[:, None] * ts[None]
    panel, place = jax.vmap(invert_primitive, in_axes=(0, 0, None, 0))(values, at_edges, edges, wanted)
    clock = jnp.where(ts[None] > 0, edges[panel] + half[panel] * (1 + place), 0)
    read = jax.vmap(evaluate_primitive, in_axes=(None, None, None, 0, 0))
    exposure = read(cascade.opening, cascade.exposure, edges, panel, place)
    exposure = exposure[0] if model.pool is None else jnp.take_along_axis(exposure, model.pool[None, None], axis=0)[0]
    # rounding must not make a level negative
    exposure = jnp.where((ts > 0)[:, None], jnp.maximum(exposure, 0), 0)
    # without waste a run ends when everything is learned: from then on the clock is infinite
    ended = (wanted >= at_edges[:, -1:]) & (model.waste_at() == 0)[:, None]
    clock = jnp.where(ended, jnp.inf, clock)
    exposure = jnp.where(jax.vmap(model.of_pool, 1)(ended.astype(ts.dtype)) > 0, jnp.inf, exposure)
    spent = None
    if model.competition == "l2":
        powers = values @ _constant("powers", values.dtype).T * half[None, :, None]
        value, _ = jax.vmap(_polynomial)(jax.vmap(lambda p, i: p[i])(powers, panel), place)
        spent = (value + jnp.take_along_axis(at_edges, panel, axis=1)).T
    return exposure, clock.T, spent


def reach(model: ResourceModel, effort_goal: Float[Array, " skill"]) -> Float[Array, " skill"]:
    r"""An upper bound of the resource time at which each skill's effort reaches its goal (itself bounded, far from
    overflow).

    By induction along the order: $X_i(\tau) \ge (\tau - b_i)/w_i$. Once every prerequisite's log-depth is above a
    threshold $d$, each gate is above $1 - e^{-a d}$ and the opening above its $k$-th power (the first power for "any").
    Two thresholds are tried, ``1`` and the one at which the gates are nearly open, and the one that gives the earlier
    goal is kept.
    """
    graph = model.graph
    rate = model.rate() if model.frequency_after is None else jnp.minimum(model.rate(), model.frequency_after)
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
        best = (jnp.zeros((), model.dtype), jnp.ones((), model.dtype))
        goal = jnp.where(count > 0, huge, wanted[skill])
        for depth in (jnp.ones((), model.dtype), jnp.log(power + 1) / model.gate_exponent):
            effort = depth if model.loss == "mse" else 2 * jnp.exp(jnp.minimum(depth, 0.8 * jnp.log(huge))) + depth
            reached = jnp.minimum(
                begin[behind] + slow[behind] * jnp.maximum(effort - start[behind], 0) / rate[behind], huge
            )
            first = jnp.min(jnp.where(required, reached, huge))
            begins = jnp.where(either, first, jnp.max(jnp.where(required, reached, 0)))
            gate = -jnp.expm1(-model.gate_exponent * depth)
            slows = jnp.minimum(jnp.exp(jnp.minimum(-power * jnp.log(gate), 0.8 * jnp.log(huge))), huge)
            ends = begins + slows * jnp.minimum(wanted[skill], jnp.sqrt(huge))
            better = (count > 0) & (ends < goal)
            best = (jnp.where(better, begins, best[0]), jnp.where(better, slows, best[1]))
            goal = jnp.where(better, ends, goal)
        begin, slow = begin.at[skill].set(best[0]), slow.at[skill].set(best[1])
        return (begin, slow), jnp.minimum(goal, huge)

    order = jnp.argsort(graph.depth)
    empty = (jnp.zeros(model.skills, model.dtype), jnp.ones(model.skills, model.dtype))
    _, goals = jax.lax.scan(step, empty, order)
    return jax.lax.stop_gradient(goals[jnp.argsort(order)])
