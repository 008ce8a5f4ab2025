r"""The solve in resource time: every graph is a feed-forward cascade, and one integral gives the clock.

With $d\tau/dt = \eta/(F + N_0)$ the competition cancels: $dX_i/d\tau = c_i$, and $c_i$ depends on the prerequisites of
skill ``i`` alone. So the skills are integrated one after another, in topological order, each by pure quadrature, and
the training time follows from $\eta t = S(\tau) = \int_0^\tau (F + N_0)\, d\tau$ (with "l2", the other denominator). No
time step, no data-dependent loop. Two facts shape the code:

- The cascade does not know $N_0$ and $\eta$: it is solved once per graph, and serves every clock that is asked of it.
- $S$ is integrated by the same rule as the exposures, on its own; the budget law $\eta t = \sum_i s_i + N_0 \tau$ is
  left over as a check.

The rule: $\tau$ is cut into panels, geometric from the first (what happens, happens on a logarithmic scale), with
``NODES`` Gauss-Legendre nodes each. Inside a panel everything is the polynomial through the nodes, integrated exactly.
The gates are entire functions of $\tau$ (for "all" graphs), so this converges geometrically; where it does not (the
kinks of "any" gates and of self-paced skills, very deep graphs) the last Legendre coefficients say so, panel by panel,
and these panels are split.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ...base.constants import CONSTANTS
from ...base.legendre import COARSE_NODES, NODES
from ...base.special import saturation
from ...model.model import ResourceModel
from .errors import (
    blurred,
    error_in_the_middle,
    gate_steepness,
    missed_at_kinks,
    missed_at_start,
    missed_beside_edges,
    missed_by_interpolant,
    off_balance,
    rounding,
)
from .integrals import constant, integrals_at, invert_primitive, running_sum
from .skills import Flow, Skill, ordered_skills, skill_rows


class Cascade(eqx.Module):
    r"""One member solved in resource time, on panels. With "l1" nothing in it depends on $N_0$ or $\eta$."""

    edges: Float[Array, " edge"]
    opening: Float[Array, "skill panel node"]
    exposure: Float[Array, "skill edge"]
    demand: Float[Array, "pool panel node"] | None
    # what each exposure may be wrong by in a panel, and the relative shortfall of a panel that it adds up to
    missed: Float[Array, "skill panel"]
    short: Float[Array, " panel"]
    # what gates may be wrong by in a panel where exposures grow too fast for an interpolant
    blur: Float[Array, " panel"]
    # what the levels of a pool may be wrong by in a panel, all together
    off: Float[Array, "pool panel"]
    # the estimated level error of the member, and where the panels fall short
    error: Float[Array, ""]
    panel_error: Float[Array, " panel"]

    def turns(self, model: ResourceModel) -> Float[Array, " kink"] | None:
        """Resource times at which self-paced skills change pace: edges for the next solve, and differentiable."""
        if model.frequency_after is None:
            return None
        return self.position_of(model.turning_exposure())[2]

    def position_of(
        self, exposure: Float[Array, " skill"]
    ) -> tuple[Int[Array, " skill"], Float[Array, " skill"], Float[Array, " skill"]]:
        """Where each skill's exposure reaches a value (clipped to the range): panel, place in it, resource time."""
        solve = jax.vmap(lambda values, at_edges, wanted: invert_primitive(values, at_edges, self.edges, wanted[None]))
        panel, place = (found[:, 0] for found in solve(self.opening, self.exposure, exposure))
        half = jnp.diff(self.edges) / 2
        clock = jnp.clip(self.edges[panel] + half[panel] * (1 + place), self.edges[0], self.edges[-1])
        # a value that is there at once is reached at 0, also behind a shut gate, where the search has no slope
        return panel, place, jnp.where(exposure > 0, clock, self.edges[0])


def coarse_exposure(model: ResourceModel, edges: Float[Array, " edge"]) -> Float[Array, "skill edge"]:
    """Exposures at panel edges to a few per cent: few nodes, no demand, no error. Enough to place better edges."""
    if model.graph.fan_in == 0:
        return jnp.broadcast_to(edges, (model.skills, edges.shape[0]))
    half = jnp.diff(edges) / 2

    def step(carry: tuple[Array, Array], skill: Skill) -> tuple[tuple[Array, Array], Array]:
        gates, count = carry
        _, opening = skill.opening(gates, model.graph.own_gate)
        at_edges, exposure, _ = integrals_at(opening, half, COARSE_NODES)
        gate = saturation(model.gate_exponent * model.law.log_depth(skill.effort(exposure)))
        return (jax.lax.dynamic_update_index_in_dim(gates, gate, count, 0), count + 1), at_edges

    skills, place = ordered_skills(model)
    empty = jnp.zeros((model.skills, half.shape[0], COARSE_NODES), model.dtype)
    _, at_edges = jax.lax.scan(step, (empty, jnp.zeros((), jnp.int32)), skills)
    return at_edges[place]


def solve_cascade(
    model: ResourceModel, edges: Float[Array, " edge"], *, with_demand: bool = True, least: Array | None = None
) -> Cascade:
    """Integrate the exposures of one member, skill after skill in topological order.

    `with_demand=False` leaves out what only the integral of the clock needs. Exposures below `least` decide nothing,
    and more panels do not go there.
    """
    dtype, half = model.dtype, jnp.diff(edges) / 2
    shape = (half.shape[0], NODES)
    nodes = edges[:-1, None] + half[:, None] * (1 + constant("nodes", dtype)[None])
    skills, place = ordered_skills(model)
    flow = Flow(*(jnp.zeros((model.pools, *shape), dtype) for _ in range(4))) if with_demand else None
    if model.graph.fan_in == 0:
        opening = jnp.ones((model.skills, *shape), dtype)
        at_edges = jnp.broadcast_to(edges, (model.skills, edges.shape[0]))
        missed = jnp.zeros((model.skills, shape[0]), dtype)
        if with_demand:
            flow = jax.vmap(lambda skill: skill.flow(model, opening[0], nodes, skill.effort(nodes)))(skills).of_all()
        return _estimated(model, edges, opening, at_edges, flow, missed, *jnp.zeros((2, shape[0]), dtype))

    at_start = model.openness(model.gates(model.law.log_depth(model.initial_effort())))

    def step(carry: tuple[Any, ...], row: tuple[Skill, Array]) -> tuple[tuple[Any, ...], tuple[Array, ...]]:
        (gates, gates_at_edges, relative, flow, count), (skill, begins) = carry, row
        found, opening = skill.opening(gates, model.graph.own_gate)
        at_edges, exposure, tail = integrals_at(opening, half)
        effort = skill.effort(exposure)
        depth = model.gate_exponent * model.law.log_depth(effort)
        gate = saturation(depth)
        unseen = missed_at_start(opening, begins, half)
        edge, within = (x + unseen for x in missed_by_interpolant(tail, half))
        counted: tuple[Array, Array] | None = None
        if skill.either is not None:
            beside = skill.gates_of(gates_at_edges)
            counted = (
                jax.lax.stop_gradient(jnp.where(skill.required[:, None, None], found, 0)),
                jnp.where(skill.required[:, None], beside, 0),
            )
            kinks = jnp.where(skill.either, missed_at_kinks(*counted, nodes, edges), 0)
            # inside as well, which also tells where to refine
            edge, within = edge + kinks, within + kinks
        if skill.turn is not None:
            ends = skill.opening(gates_at_edges[..., None], model.graph.own_gate)[1][:, 0]
            hidden = missed_beside_edges(opening, ends, half, within)
            edge, within = edge + hidden, within + hidden
        if gates_at_edges is not None:
            own = saturation(model.gate_exponent * model.law.log_depth(skill.effort(at_edges)))
            gates_at_edges = jax.lax.dynamic_update_index_in_dim(gates_at_edges, own, count, 0)
        # first-order propagation: relative errors of the gates are those of their product
        behind = relative.at[skill.behind].get(mode="promise_in_bounds")
        behind = jnp.where(skill.required[:, None], behind, 0)
        behind_error = jnp.sum(behind, axis=0)
        if skill.either is not None and counted is not None:
            # of the largest gate only: gates far below it, however wrong, do not count
            wrong = jnp.max(behind[..., None] * counted[0], axis=0)
            largest = jax.lax.stop_gradient(opening)
            share = jnp.where(largest > 0, wrong / jnp.where(largest > 0, largest, 1), behind_error[:, None])
            behind_error = jnp.where(skill.either, jnp.max(share, axis=1), behind_error)
        frozen = jax.lax.stop_gradient(at_edges)
        added = edge + jnp.diff(frozen) * (behind_error + rounding(dtype))
        missed = running_sum(added)[1:]
        own, blur = _gate_error(model, skill, (exposure, effort, depth, gate), frozen, added, missed, within)
        if flow is not None:
            flow = flow.joined(skill.flow(model, opening, exposure, effort))
        gates = jax.lax.dynamic_update_index_in_dim(gates, gate, count, 0)
        relative = jax.lax.dynamic_update_index_in_dim(relative, own, count, 0)
        return (gates, gates_at_edges, relative, flow, count + 1), (opening, at_edges, missed, within, blur)

    looked_at = model.graph.any_gate is not None or model.frequency_after is not None
    ends = jnp.zeros((model.skills, edges.shape[0]), dtype) if looked_at else None
    nothing = (jnp.zeros((model.skills, *shape), dtype), ends, jnp.zeros((model.skills, shape[0]), dtype))
    start = (*nothing, flow, jnp.zeros((), jnp.int32))
    (_, _, _, flow, _), rows = jax.lax.scan(step, start, (skills, at_start[jnp.argsort(place)]))
    opening, at_edges, missed, within, blur = (row[place] for row in rows)
    blur = jnp.max(jnp.where(model.graph.present[:, None], blur, 0), axis=0)
    if least is None:
        fastest = jnp.max(jnp.where(model.graph.present, model.rate(), 0))
        least = 1 / (10 * fastest * jnp.maximum(model.gate_exponent, 1))
    short = jnp.where(model.graph.present[:, None], within / (at_edges[:, 1:] + least), 0)
    return _estimated(model, edges, opening, at_edges, flow, missed + within, jnp.max(short, axis=0), blur)


def _gate_error(
    model: ResourceModel, skill: Skill, at_nodes: Any, at_edges: Array, added: Array, missed: Array, within: Array
) -> tuple[Array, Array]:
    """The relative error of a skill's gate in each panel, and the part of it that is `blurred`."""
    (exposure, effort, depth, gate), within = jax.lax.stop_gradient((at_nodes, within))
    wrong = error_in_the_middle(exposure, at_edges, added, missed)
    # it may be less open than it seems, and then it changes more
    least = model.gate_exponent * model.law.log_depth(skill.effort(exposure[:, 0] * (1 - wrong)))
    least = jax.lax.stop_gradient(least)
    steep, steeper = gate_steepness(depth[:, 0], gate[:, 0]), gate_steepness(least, saturation(least))
    steep = jnp.where(wrong > CONSTANTS.doubtful, jnp.maximum(steep, steeper), steep)
    growth = skill.steepness(model.law, exposure, effort)
    blur = blurred(effort, gate, within * jax.lax.stop_gradient(skill.fastest()) * growth)
    return jnp.maximum(wrong * growth * steep, blur), blur


def at_exponent(
    model: ResourceModel, cascade: Cascade, solved: Float[Array, ""], *, with_demand: bool = True
) -> Cascade:
    r"""The cascade of the same graph with `model`'s gate exponent, from that with the exponent that was `solved`.

    Gates know log-depths only as $a D$, so that $D_i(\tau; a) = E_i(a \tau)/a$ with $E$ free of $a$: the openings are
    the same at proportional resource times. For MSE without initial levels or skills that change their own pace.
    """
    # products only, as in `logarithmic_edges`
    stretch = solved / model.gate_exponent
    half = jnp.diff(cascade.edges) * (0.5 * stretch)
    flow = None
    if with_demand:

        def part(skill: Skill, opening: Array) -> Flow:
            exposure = integrals_at(opening, half)[1]
            return skill.flow(model, opening, exposure, skill.effort(exposure))

        flow = jax.vmap(part)(skill_rows(model), cascade.opening).of_all()
    edges, exposure, missed = (x * stretch for x in (cascade.edges, cascade.exposure, cascade.missed))
    return _estimated(model, edges, cascade.opening, exposure, flow, missed, cascade.short, cascade.blur)


def _estimated(
    model: ResourceModel,
    edges: Array,
    opening: Array,
    exposure: Array,
    flow: Flow | None,
    missed: Array,
    short: Array,
    blur: Array,
) -> Cascade:
    """A cascade with its estimated errors: of the levels, on top of it of the clock, and of the panels.

    The clock carries the errors of all skills to each of them: what all have learned is wrong by the sum, and a skill
    gets its share of that.
    """
    held, at_edges, missed, short = jax.lax.stop_gradient((model, exposure, missed, short))

    def steepest(first: Array, last: Array, missed: Array) -> Array:
        # of what may be less than it seems, more may be left
        least = jnp.where(missed > CONSTANTS.doubtful * first, jnp.maximum(first - missed, 0), first)
        return held.effective(held.pace(first)) * held.law.largest_demand(held.effort(least), held.effort(last))

    slope = jax.vmap(steepest, (1, 1, 1), 1)(at_edges[:, :-1], at_edges[:, 1:], missed)
    each = jnp.where(held.graph.present[:, None], slope * missed, 0)
    off = jax.vmap(held.by_pool, 1, 1)(each)
    error, panel_error = jnp.max(each), short
    if flow is not None:
        half, frozen = jax.lax.stop_gradient((jnp.diff(edges) / 2, flow))
        total = held.rule.total(frozen.demand, jnp.zeros_like(frozen.demand))
        doubt = 1.0 if held.rule.has_budget_law else CONSTANTS.root_doubt
        edge, inside = missed_by_interpolant(total @ constant("tail", half.dtype).T, doubt * half)
        share = jnp.max(jnp.minimum(frozen.largest / jnp.where(total > 0, total, 1), 1), axis=-1)
        # without the budget law an error that has entered the clock stays there
        moved = off if held.rule.has_budget_law else jax.lax.cummax(off, axis=1)
        error = error + jnp.max(jnp.sum(edge, axis=-1)) + jnp.max(inside) + jnp.max(share * moved)
        unbalanced, here = off_balance(frozen, half, lawful=held.rule.has_budget_law)
        error = jnp.maximum(error, unbalanced)
        panel_error = jnp.maximum(panel_error + jnp.max(inside, axis=0), here)
    explained = error <= CONSTANTS.unexplained * jnp.sum(panel_error)
    panel_error = jnp.where(explained, panel_error, jnp.maximum(panel_error, blur))
    demand = None if flow is None else flow.demand
    return Cascade(edges, opening, exposure, demand, missed, short, blur, off, error, panel_error)
