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

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ...base.legendre import COARSE_NODES, NODES, gauss_legendre
from ...base.special import saturation
from ...model.model import ResourceModel, combine_gates

NEWTON_STEPS = 4


def _constant(name: str, dtype: Any, count: int = NODES) -> Array:
    return jnp.asarray(gauss_legendre(count)[name], dtype)


class Cascade(eqx.Module):
    r"""One member solved in resource time, on panels. With "l1" nothing in it depends on $N_0$ or $\eta$."""

    edges: Float[Array, " edge"]
    opening: Float[Array, "skill panel node"]
    exposure: Float[Array, "skill edge"]
    demand: Float[Array, "pool panel node"] | None
    # what each exposure may be wrong by in a panel, and the relative shortfall of a panel that it adds up to
    missed: Float[Array, "skill panel"]
    short: Float[Array, " panel"]
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


def logarithmic_edges(fastest: Any, last: Any, panels: int) -> Float[Array, " edge"]:
    """Panel edges 0, ..., last: even in `ln(1 + fastest tau)`, so linear up to `1/fastest` and geometric after it."""
    steps = jnp.arange(panels + 1, dtype=fastest.dtype) / panels
    # no quotients of quotients, here and below: XLA simplifies them in an order that depends on the number of devices
    return ((1 / fastest) * jnp.expm1(steps * jnp.log1p(last * fastest))).at[-1].set(last)


def even_edges(
    model: ResourceModel,
    edges: Float[Array, " edge"],
    exposure: Float[Array, "skill edge"],
    panels: int,
    last: Int[Array, ""] | int = -1,
    largest: Any = None,
) -> Float[Array, " new_edge"]:
    r"""Panel edges that share the work out evenly, up to edge `last` of a coarse solve.

    What a panel must resolve, in one measure that is known in closed form once effort $z_i$ is, and need only be known
    roughly:

    $$ \ln(1 + \tau/\tau_0) + \tfrac14 \sum_i \ln \frac{1 + z_i/3}{1 + z_i/\zeta}, \qquad \zeta = 30 + 3/a: $$

    logarithmic time, and each skill's own logarithmic effort from where it begins to be learned until both its demand
    ($z \sim 10$) and its gate ($a z \sim 3$) are through. The numbers are by trial on random graphs. Where the cascade
    is to be read with other gate exponents too (`at_exponent`), up to a `largest`, demand lasts longer by their ratio.
    """
    fastest = jnp.max(jnp.where(model.graph.present, model.rate(), 0))
    grown = jax.vmap(model.effort, 1, 1)(exposure) - model.initial_effort()[:, None]
    exponent = model.gate_exponent
    through = 30 * (1 if largest is None else largest / exponent) + 3 / exponent
    each = jnp.log((1 + grown / 3) / (1 + grown / through))
    along = jnp.log1p(edges * fastest)
    measure = along + jnp.sum(jnp.where(model.graph.present[:, None], each, 0), axis=0) / 4
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


def primitive_at_edges(
    values: Float[Array, "*rows panel node"], half: Float[Array, " panel"]
) -> Float[Array, "*rows edge"]:
    """Integral from 0 of what is given at the nodes, at every panel edge."""
    gained = values @ _constant("weights", values.dtype)
    return _running_sum(gained * _like(half, gained))


def _like(half: Float[Array, " panel"], values: Array) -> Array:
    return half.reshape((1,) * (values.ndim - 1) + half.shape)


def _running_sum(values: Float[Array, "*rows panel"]) -> Float[Array, "*rows edge"]:
    """0, the first, the first two, ... by a triangular product: faster than a cumulative sum at this size."""
    panels = values.shape[-1]
    return values @ jnp.triu(jnp.ones((panels, panels + 1), values.dtype), 1)


def _integrals(
    values: Float[Array, "panel node"], half: Float[Array, " panel"], count: int = NODES
) -> tuple[Float[Array, " edge"], Float[Array, "panel node"], Float[Array, "panel 4"]]:
    """The integral from 0 at edges and nodes, and the last Legendre coefficients of the integrand, by one product.

    The integrand is not negative, so its integral is not either; where the polynomial dips below zero the integral is
    cut off, since the gate of a negative exposure has no bound.
    """
    everything = values @ _constant("everything", values.dtype, count).T
    at_edges = _running_sum(everything[:, count] * half)
    gained = everything[:, :count] * half[:, None]
    at_nodes = at_edges[:-1, None] + jnp.where(gained < 0, 0, gained)
    return at_edges, at_nodes, everything[:, count + 1 :]


def _missed(tail: Float[Array, "*rows panel 4"], half: Float[Array, " panel"]) -> tuple[Array, Array]:
    """How wrong the integral of an interpolant may be, a panel: at the panel's right edge, and anywhere inside.

    From the decay of the integrand's last four Legendre coefficients. Inside, the first coefficient that is missing
    counts; at the edge only those beyond the degree ``2 NODES - 1`` that the quadrature integrates exactly, so that a
    smooth panel is far better there. Without decay (a kink) the two are alike.
    """
    fourth, third, second, last = (jnp.abs(jax.lax.stop_gradient(tail[..., place])) for place in range(4))
    half = jax.lax.stop_gradient(half)
    size = jnp.maximum(last, second / 4)
    before = jnp.maximum(jnp.maximum(fourth, third), size)
    decay = jnp.where(before > 0, size / jnp.where(before > 0, before, 1), 0)
    size = size * _like(half, size)
    return size * decay**2 / 2, size * decay / 4


def _missed_at_kinks(
    gates: Float[Array, "fan_in panel node"],
    at_edges: Float[Array, "fan_in edge"],
    nodes: Float[Array, "panel node"],
    edges: Float[Array, " edge"],
) -> Float[Array, " panel"]:
    """What the integral of a maximum may miss where the largest changes: such a kink hides between two nodes.

    Between nodes (or an edge and a node) a distance ``d`` apart, where the difference of the two gates changes by
    ``j``, the interpolant is off by at most ``j/4`` there and as much beyond, hence its integral by about ``j d/2``.
    """
    gates, at_edges, nodes, edges = jax.lax.stop_gradient((gates, at_edges, nodes, edges))
    gates = jnp.concatenate([at_edges[:, :-1, None], gates, at_edges[:, 1:, None]], axis=2)
    places = jnp.concatenate([edges[:-1, None], nodes, edges[1:, None]], axis=1)
    first = jnp.argmax(gates, axis=0)[None]
    leading = jnp.take_along_axis(gates, first, axis=0)[0]
    # the lead of one place's winner over the next place's, here and there
    here = leading[:, :-1] - jnp.take_along_axis(gates[..., :-1], first[..., 1:], axis=0)[0]
    there = jnp.take_along_axis(gates[..., 1:], first[..., :-1], axis=0)[0] - leading[:, 1:]
    changed = first[0, :, 1:] != first[0, :, :-1]
    return jnp.sum(jnp.where(changed, here - there, 0) * jnp.diff(places, axis=1) / 2, axis=1)


def _steepness(depth: Array, gate: Array) -> Array:
    r"""$d\ln g/d\ln y$ of a gate $g = 1 - e^{-y}$: 1 while it is shut, 0 once it is open, and decreasing.

    At the first node of a panel it bounds what a relative error of the exposure does to the gate there: $y = a D(z)$,
    where $D$ is concave in the effort $z$ and this in the exposure, but for skills that change their own pace.
    """
    return jnp.where(gate > 0, depth * (1 - gate) / jnp.where(gate > 0, gate, 1), 1)


def with_edges(edges: Float[Array, " some"], more: Float[Array, " kink"] | None) -> Float[Array, " all"]:
    """Panel edges with some more, in order."""
    return edges if more is None else jnp.sort(jnp.concatenate([edges, more]))


class _Skill(eqx.Module):
    """What a solve needs to know of one skill; of all of them (rows in topological order) to scan over."""

    behind: Int[Array, "*skill fan_in"]
    required: Bool[Array, "*skill fan_in"]
    either: Bool[Array, "*skill"] | None
    present: Bool[Array, "*skill"]
    rate: Float[Array, "*skill"]
    start: Float[Array, "*skill"]
    turn: Float[Array, "*skill"] | None
    rate_after: Float[Array, "*skill"] | None
    pool: Int[Array, "*skill"] | None

    def opening(self, gates: Float[Array, "skill panel node"]) -> tuple[Array, Array]:
        """The gates it depends on, at all nodes, and how far they open together."""
        found = gates.at[self.behind].get(mode="promise_in_bounds")
        either = None if self.either is None else self.either[None]
        return found, combine_gates(found[None], self.required[None], either)[0]

    def effort(self, exposure: Float[Array, "*panel node"]) -> Float[Array, "*panel node"]:
        """`ResourceModel.effort` of this skill."""
        if self.turn is None or self.rate_after is None:
            return self.start + self.rate * exposure
        before, after = jnp.minimum(exposure, self.turn), jnp.maximum(exposure - self.turn, 0)
        return self.start + self.rate * before + self.rate_after * after

    def pace(self, exposure: Array) -> Array:
        """`ResourceModel.pace` of this skill."""
        if self.turn is None or self.rate_after is None:
            return self.rate
        return jnp.where(exposure < self.turn, self.rate, self.rate_after)

    def steepness(self, exposure: Float[Array, " panel"], effort: Float[Array, " panel"]) -> Array:
        """At least 1, and no less than the logarithmic derivative of its effort by its exposure."""
        if self.turn is None:
            return jnp.ones_like(exposure)
        return jnp.maximum(self.pace(exposure) * exposure / jnp.where(effort > 0, effort, jnp.inf), 1)

    def demand(self, model: ResourceModel, opening: Array, exposure: Array, effort: Array) -> Array:
        """Its part in the demand of each pool, at all nodes."""
        found = jnp.where(self.present, opening * self.pace(exposure) * model.law.demand(effort), 0)
        found = model.rule.part(found)
        if self.pool is None:
            return found[None]
        return jnp.where((jnp.arange(model.pools, dtype=self.pool.dtype) == self.pool)[:, None, None], found[None], 0)


def _rows_of(model: ResourceModel) -> _Skill:
    """The skills, a row each."""
    graph, after = model.graph, model.frequency_after
    turn = None if after is None else model.turning_exposure()
    return _Skill(
        graph.prerequisites,
        graph.required,
        graph.any_gate,
        graph.present,
        model.rate(),
        model.initial_effort(),
        turn,
        after,
        model.pool,
    )


def _skills_of(model: ResourceModel) -> tuple[_Skill, Int[Array, " skill"]]:
    """The skills in topological order, and the place of each in it."""
    rows = _rows_of(model)
    order = jnp.argsort(model.graph.depth)
    place = jnp.argsort(order)
    rows = jax.tree.map(lambda row: row[order], rows)
    return eqx.tree_at(lambda rows: rows.behind, rows, place[rows.behind]), place


def coarse_exposure(model: ResourceModel, edges: Float[Array, " edge"]) -> Float[Array, "skill edge"]:
    """Exposures at panel edges to a few per cent: few nodes, no demand, no error. Enough to place better edges."""
    if model.graph.fan_in == 0:
        return jnp.broadcast_to(edges, (model.skills, edges.shape[0]))
    half = jnp.diff(edges) / 2

    def step(carry: tuple[Array, Array], skill: _Skill) -> tuple[tuple[Array, Array], Array]:
        gates, count = carry
        _, opening = skill.opening(gates)
        at_edges, exposure, _ = _integrals(opening, half, COARSE_NODES)
        gate = saturation(model.gate_exponent * model.law.log_depth(skill.effort(exposure)))
        return (jax.lax.dynamic_update_index_in_dim(gates, gate, count, 0), count + 1), at_edges

    skills, place = _skills_of(model)
    empty = jnp.zeros((model.skills, half.shape[0], COARSE_NODES), model.dtype)
    _, at_edges = jax.lax.scan(step, (empty, jnp.zeros((), jnp.int32)), skills)
    return at_edges[place]


def solve_cascade(model: ResourceModel, edges: Float[Array, " edge"], *, with_demand: bool = True) -> Cascade:
    """Integrate the exposures of one member, skill after skill in topological order.

    `with_demand=False` leaves out what only the integral of the clock needs.
    """
    dtype, half = model.dtype, jnp.diff(edges) / 2
    shape = (half.shape[0], NODES)
    nodes = edges[:-1, None] + half[:, None] * (1 + _constant("nodes", dtype)[None])
    skills, place = _skills_of(model)
    demand = jnp.zeros((model.pools, *shape), dtype) if with_demand else None
    if model.graph.fan_in == 0:
        opening = jnp.ones((model.skills, *shape), dtype)
        at_edges = jnp.broadcast_to(edges, (model.skills, edges.shape[0]))
        missed = jnp.zeros((model.skills, shape[0]), dtype)
        if with_demand:
            each = jax.vmap(lambda skill: skill.demand(model, opening[0], nodes, skill.effort(nodes)))(skills)
            demand = jnp.sum(each, axis=0)
        return _estimated(model, edges, opening, at_edges, demand, missed, jnp.zeros(shape[0], dtype))

    def step(carry: tuple[Any, ...], skill: _Skill) -> tuple[tuple[Any, ...], tuple[Array, ...]]:
        gates, gates_at_edges, relative, demand, count = carry
        found, opening = skill.opening(gates)
        at_edges, exposure, tail = _integrals(opening, half)
        effort = skill.effort(exposure)
        depth = model.gate_exponent * model.law.log_depth(effort)
        gate = saturation(depth)
        edge, within = _missed(tail, half)
        if skill.either is not None:
            beside = gates_at_edges.at[skill.behind].get(mode="promise_in_bounds")
            counted = (
                jnp.where(skill.required[:, None, None], found, 0),
                jnp.where(skill.required[:, None], beside, 0),
            )
            kinks = jnp.where(skill.either, _missed_at_kinks(*counted, nodes, edges), 0)
            own = saturation(model.gate_exponent * model.law.log_depth(skill.effort(at_edges)))
            gates_at_edges = jax.lax.dynamic_update_index_in_dim(gates_at_edges, own, count, 0)
            # inside as well, which also tells where to refine
            edge, within = edge + kinks, within + kinks
        # first-order propagation: relative errors of the gates are those of their product
        behind = relative.at[skill.behind].get(mode="promise_in_bounds")
        behind = jnp.where(skill.required[:, None], behind, 0)
        behind_error = jnp.sum(behind, axis=0)
        if skill.either is not None:
            # a maximum moves by no more than the gate that is most wrong
            whole = opening[None]
            part = jax.lax.stop_gradient(jnp.where(whole > 0, found / jnp.where(whole > 0, whole, 1), 1))
            most = jnp.max(behind * jnp.max(part, axis=-1), axis=0, initial=0)
            behind_error = jnp.where(skill.either, most, behind_error)
        frozen = jax.lax.stop_gradient(at_edges)
        missed = _running_sum(edge + jnp.diff(frozen) * behind_error)[1:]
        reached = frozen[1:]
        own = jnp.minimum(jnp.where(reached > 0, missed / jnp.where(reached > 0, reached, 1), 0), 1)
        first = jax.lax.stop_gradient((exposure[:, 0], effort[:, 0], depth[:, 0], gate[:, 0]))
        own = own * skill.steepness(*first[:2]) * _steepness(*first[2:])
        if demand is not None:
            demand = demand + skill.demand(model, opening, exposure, effort)
        gates = jax.lax.dynamic_update_index_in_dim(gates, gate, count, 0)
        relative = jax.lax.dynamic_update_index_in_dim(relative, own, count, 0)
        return (gates, gates_at_edges, relative, demand, count + 1), (opening, at_edges, missed, within)

    kinked = jnp.zeros((model.skills, edges.shape[0]), dtype) if model.graph.any_gate is not None else None
    nothing = (jnp.zeros((model.skills, *shape), dtype), kinked, jnp.zeros((model.skills, shape[0]), dtype))
    (_, _, _, demand, _), rows = jax.lax.scan(step, (*nothing, demand, jnp.zeros((), jnp.int32)), skills)
    opening, at_edges, missed, within = (row[place] for row in rows)
    # exposures below this scale decide nothing: relative errors there are forgotten
    fastest = jnp.max(jnp.where(model.graph.present, model.rate(), 0)) * jnp.maximum(model.gate_exponent, 1)
    short = jnp.where(model.graph.present[:, None], within / (at_edges[:, 1:] + 1 / (10 * fastest)), 0)
    return _estimated(model, edges, opening, at_edges, demand, missed + within, jnp.max(short, axis=0))


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
    demand = None
    if with_demand:

        def part(skill: _Skill, opening: Array) -> Array:
            exposure = _integrals(opening, half)[1]
            return skill.demand(model, opening, exposure, skill.effort(exposure))

        demand = jnp.sum(jax.vmap(part)(_rows_of(model), cascade.opening), axis=0)
    edges, exposure, missed = (x * stretch for x in (cascade.edges, cascade.exposure, cascade.missed))
    return _estimated(model, edges, cascade.opening, exposure, demand, missed, cascade.short)


def _estimated(
    model: ResourceModel,
    edges: Array,
    opening: Array,
    exposure: Array,
    demand: Array | None,
    missed: Array,
    short: Array,
) -> Cascade:
    """A cascade with its estimated errors: of the levels, on top of it of the clock, and of the panels."""
    held, at_edges, missed, short = jax.lax.stop_gradient((model, exposure, missed, short))
    slope = jax.vmap(lambda x: held.pace(x) * held.law.demand(held.effort(x)), 1, 1)(at_edges[:, :-1])
    error, panel_error = jnp.max(jnp.where(held.graph.present[:, None], slope * missed, 0)), short
    if demand is not None:
        half, total = jax.lax.stop_gradient((jnp.diff(edges) / 2, demand))
        total = held.rule.total(total, jnp.zeros_like(total))
        edge, inside = _missed(total @ _constant("tail", half.dtype).T, half)
        error = error + jnp.max(jnp.sum(edge, axis=-1)) + jnp.max(inside)
        panel_error = panel_error + jnp.max(inside, axis=0)
    return Cascade(edges, opening, exposure, demand, missed, short, error, panel_error)


def invert_primitive(
    values: Float[Array, "panel node"],
    at_edges: Float[Array, " edge"],
    edges: Float[Array, " edge"],
    wanted: Float[Array, " time"],
) -> tuple[Int[Array, " time"], Float[Array, " time"]]:
    """Where an increasing integral reaches the wanted values: panel, and position in it on [-1, 1] (clipped to the
    range).

    The bracket is an interval between neighbouring nodes, where Newton's method on the polynomial starts from the
    chord. The last steps are taken outside the search, so that first and second derivatives pass through them exactly.
    """
    dtype = values.dtype
    frozen_edges, target = jax.lax.stop_gradient((at_edges, wanted))
    panel = jnp.sum(frozen_edges[1:-1, None] <= target[None], axis=0)
    local = values[panel] * (jnp.diff(edges) / 2)[panel][:, None]
    base, end = frozen_edges[panel], frozen_edges[panel + 1]
    inside = jax.lax.stop_gradient(local @ _constant("cumulative", dtype).T)
    places = [-1.0, *map(float, gauss_legendre()["nodes"]), 1.0]
    knots = [base, *(base + inside[:, node] for node in range(NODES)), end]
    low, high = jnp.full_like(target, places[0]), jnp.full_like(target, places[1])
    below, above = knots[0], knots[1]
    for node in range(1, NODES + 1):
        past = knots[node] <= target
        low, high = jnp.where(past, places[node], low), jnp.where(past, places[node + 1], high)
        below, above = jnp.where(past, knots[node], below), jnp.where(past, knots[node + 1], above)
    rise = above - below
    z = low + (high - low) * jnp.clip((target - below) / jnp.where(rise > 0, rise, 1), 0, 1)
    powers = local @ _constant("powers", dtype).T
    coefficients = [powers[:, power] for power in range(NODES + 1)]
    frozen = jax.lax.stop_gradient(coefficients)
    for _ in range(NEWTON_STEPS):
        value, slope = _polynomial(frozen, z)
        step = (value + base - target) / jnp.where(slope > 0, slope, 1)
        z = jnp.clip(z - jnp.where(slope > 0, step, 0), low, high)
    z = jax.lax.stop_gradient(z)
    # one step for first derivatives, a second one for second derivatives
    for _ in range(2):
        value, slope = _polynomial(coefficients, z)
        missing = value + at_edges[panel] - wanted
        z = z - jnp.where(slope > 0, missing / jnp.where(slope > 0, slope, 1), 0)
    # where there is next to no slope, rounding alone would lead anywhere; derivatives stay as they are
    return panel, z + jax.lax.stop_gradient(jnp.clip(z, low, high) - z)


def _polynomial(coefficients: list[Float[Array, " time"]], z: Float[Array, " time"]) -> tuple[Array, Array]:
    """Value and derivative by Horner's rule."""
    value, slope = coefficients[-1], jnp.zeros_like(z)
    for coefficient in coefficients[-2::-1]:
        slope = slope * z + value
        value = value * z + coefficient
    return value, slope


def evaluate_primitive(
    values: Float[Array, "skill panel node"],
    at_edges: Float[Array, "skill edge"],
    edges: Float[Array, " edge"],
    panel: Int[Array, " time"],
    place: Float[Array, " time"],
) -> Float[Array, "time skill"]:
    """The integrals of many skills at the same positions."""
    # a loop, since XLA would compute the place anew for each power (and a place costs a whole search)
    _, powers = jax.lax.scan(lambda power, _: (power * place, power), jnp.ones_like(place), None, length=NODES + 1)
    half = jnp.diff(edges) / 2
    # one weight a node, shared by the skills: integrals of the polynomials that are 1 at one node and 0 at the others
    weights = (_constant("powers", values.dtype).T @ powers) * half[panel][None]
    table = values.transpose(1, 2, 0)
    result = at_edges.T[panel]
    for node in range(NODES):
        result = result + weights[node][:, None] * table[panel, node]
    return result


def denominator_at_nodes(model: ResourceModel, cascade: Cascade) -> Float[Array, "pool panel node"]:
    r"""$F + N_0$ (or the other denominator) at the nodes: the integrand of $\eta t$."""
    assert cascade.demand is not None
    return model.rule.total(cascade.demand, model.waste_at()[:, None, None])


def read_clock(
    model: ResourceModel, cascade: Cascade, ts: Float[Array, " time"]
) -> tuple[Float[Array, "time skill"], Float[Array, "time pool"], Array | None, Bool[Array, ""]]:
    """Exposure, resource time and (for "l2") spent resource of one member at training steps `ts`, and whether they are
    lost: all NaN, since something was not finite.
    """
    edges = cascade.edges
    half = jnp.diff(edges) / 2
    values = denominator_at_nodes(model, cascade)
    at_edges = primitive_at_edges(values, half)
    wanted = model.learning_rate_at()[:, None] * ts[None]
    panel, place = jax.vmap(invert_primitive, in_axes=(0, 0, None, 0))(values, at_edges, edges, wanted)
    clock = jnp.where(ts[None] > 0, edges[panel] + half[panel] * (1 + place), 0)
    # sums of small arrays tell; to look at the exposures themselves would be to compute them twice
    lost = ~jnp.isfinite(jnp.sum(jnp.where(model.graph.present[:, None], cascade.exposure, 0)) + jnp.sum(clock))
    # without waste a run ends when everything is learned: from then on the clock is infinite
    ended = (wanted >= at_edges[:, -1:]) & (model.waste_at() == 0)[:, None]
    read = evaluate_primitive
    exposure = jax.vmap(read, in_axes=(None, None, None, 0, 0))(cascade.opening, cascade.exposure, edges, panel, place)
    if model.pool is None:
        exposure, over = exposure[0], ended[0][:, None]
    else:
        exposure = jnp.take_along_axis(exposure, model.pool[None, None], axis=0)[0]
        over = ended[model.pool].T
    # rounding must not make a level negative
    exposure = jnp.where((ts > 0)[:, None], jnp.maximum(exposure, 0), 0)
    exposure = jnp.where(model.graph.present[None] & ~lost, jnp.where(over, jnp.inf, exposure), jnp.nan)
    clock = jnp.where(lost, jnp.nan, jnp.where(ended, jnp.inf, clock)).T
    if model.rule.has_budget_law:
        return exposure, clock, None, lost
    spent = jax.vmap(read, in_axes=(0, 0, None, 0, 0))(values[:, None], at_edges[:, None], edges, panel, place)
    return exposure, clock, jnp.where(lost, jnp.nan, spent[..., 0]).T, lost


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
        lines = []
        goal = jnp.where(count > 0, huge, wanted[skill])
        for depth in (jnp.ones((), model.dtype), jnp.log(power + 1) / model.gate_exponent):
            missing = jnp.maximum(model.law.effort_for_depth(depth) - start[behind], 0) / rate[behind]
            reached = jnp.minimum(jnp.min(begin[:, behind] + slow[:, behind] * missing[None], axis=0), huge)
            first = jnp.min(jnp.where(required, reached, huge))
            begins = jnp.where(either, first, jnp.max(jnp.where(required, reached, 0)))
            gate = -jnp.expm1(-model.gate_exponent * depth)
            slows = jnp.minimum(jnp.exp(jnp.minimum(-power * jnp.log(gate), 0.8 * jnp.log(huge))), huge)
            ends = begins + slows * jnp.minimum(wanted[skill], jnp.sqrt(huge))
            goal = jnp.where(count > 0, jnp.minimum(goal, ends), goal)
            lines.append((jnp.where(count > 0, begins, 0), jnp.where(count > 0, slows, 1)))
        begins, slows = (jnp.stack(x) for x in zip(*lines, strict=True))
        return (begin.at[:, skill].set(begins), slow.at[:, skill].set(slows)), jnp.minimum(goal, huge)

    order = jnp.argsort(graph.depth)
    empty = (jnp.zeros((2, model.skills), model.dtype), jnp.ones((2, model.skills), model.dtype))
    _, goals = jax.lax.scan(step, empty, order)
    return jax.lax.stop_gradient(goals[jnp.argsort(order)])
