"""Where another gate becomes the largest of a skill for which one open gate is enough: there its opening has a kink.

No first derivative of an integral over a kink asks where it is, but second derivatives do: what the slope jumps by
times how far the kink moves. So panels end there, and move with it.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ...base.legendre import NODES, gauss_legendre
from ...base.special import saturation
from ...model.model import ResourceModel
from .integrals import constant, integrals_at
from .quadrature import Cascade
from .skills import skill_rows

# of one member, the earliest of them
MOST = 64
# halvings of a bracket between two nodes
HALVINGS = 48
# gates that differ by less, in units of the last digit, are one
ALIKE = 16


def takeovers(model: ResourceModel, solved: Cascade) -> Float[Array, " kink"] | None:
    """Resource times at which another gate becomes the largest, up to `MOST`: edges for the next solve, and
    differentiable. Places that are not needed halve some panels. None where no gate can take over.
    """
    graph = model.graph
    most = min(MOST, graph.skills * (graph.fan_in - 1))
    if graph.any_gate is None or most < 1:
        return None
    half = jnp.diff(solved.edges) / 2
    at_nodes = jax.vmap(lambda opening: integrals_at(opening, half)[1])(solved.opening)
    ends = (solved.exposure[:, :-1, None], at_nodes, solved.exposure[:, 1:, None])
    found, before, after = jax.lax.stop_gradient(_changes(*jax.lax.stop_gradient((model, jnp.concatenate(ends, -1)))))
    # in the order of resource time
    when = jnp.nonzero(jnp.moveaxis(found, 0, 2).ravel(), size=most, fill_value=found.size)[0]
    used = when < found.size
    panel, point, skill = jnp.unravel_index(jnp.where(used, when, 0), (*found.shape[1:], graph.skills))
    places = jnp.asarray([-1.0, *map(float, gauss_legendre()["nodes"]), 1.0], model.dtype)
    rows = skill_rows(model)

    def kink(skill: Array, panel: Array, point: Array) -> Array:
        both = jnp.stack([x[skill, panel, point] for x in (before, after)])
        sources = graph.prerequisites[skill, both]
        needs = None if model.prerequisite_strength is None else model.prerequisite_strength[skill, both]

        def apart(parts: Any, place: Array) -> Array:
            model, rows, needs, opening, exposure, half = parts
            powers = (opening[sources, panel] * half[panel]) @ constant("powers", opening.dtype).T
            grown = jnp.polyval(powers.T[::-1], place, unroll=NODES + 1)
            reached = jnp.maximum(exposure[sources, panel] + grown, 0)
            own = jax.tree.map(lambda row: row[sources], rows)
            depth = model.law.log_depth(jax.vmap(lambda row, x: row.effort(x[None])[0])(own, reached))
            gates = saturation(model.gate_exponent * depth)
            gates = gates if needs is None else 1 - needs + needs * gates
            return gates[1] - gates[0]

        parts = (model, rows, needs, solved.opening, solved.exposure, half)
        frozen = jax.lax.stop_gradient(parts)

        def halved(_: Any, bracket: tuple[Array, Array]) -> tuple[Array, Array]:
            low, high = bracket
            middle = (low + high) / 2
            late = apart(frozen, middle) > 0
            return jnp.where(late, low, middle), jnp.where(late, middle, high)

        low, high = jax.lax.fori_loop(0, HALVINGS, halved, (places[point], places[point + 1]))
        place = jax.lax.stop_gradient((low + high) / 2)
        slope = jax.lax.stop_gradient(jax.jvp(lambda z: apart(frozen, z), (place,), (jnp.ones_like(place),))[1])
        off = apart(parts, place)
        moved = (off - jax.lax.stop_gradient(off)) / jnp.where(slope > 0, slope, jnp.inf)
        return solved.edges[panel] + half[panel] * (1 + place - moved)

    times = jax.vmap(kink)(skill, panel, point)
    spare = (jnp.arange(most) * half.shape[0]) // most
    return jnp.where(used, times, (solved.edges[:-1] + half)[spare])


def _changes(model: ResourceModel, exposure: Float[Array, "skill panel point"]) -> tuple[Array, Array, Array]:
    """Between which points another gate becomes the largest, `(skill, panel, interval)`, and which were the largest at
    its ends.
    """
    graph, shape = model.graph, exposure.shape[1:]

    def of_skills(exposure: Array) -> tuple[Array, Array]:
        gates = model.gates(model.law.log_depth(model.effort(exposure)))[graph.prerequisites]
        if model.prerequisite_strength is not None:
            gates = 1 - model.prerequisite_strength + model.prerequisite_strength * gates
        gates = jnp.where(graph.required, gates, -1)
        return gates, jnp.argmax(gates, axis=-1)

    flat = exposure.reshape((graph.skills, -1))
    gates, largest = jax.vmap(of_skills, 1, 1)(flat)
    gates, largest = (x.reshape((graph.skills, *shape, *x.shape[2:])) for x in (gates, largest))
    before, after = largest[..., :-1], largest[..., 1:]

    def lead(gates: Array, one: Array, other: Array) -> Array:
        first, second = (jnp.take_along_axis(gates, x[..., None], axis=-1)[..., 0] for x in (one, other))
        return first - second

    least = ALIKE * float(jnp.finfo(model.dtype).eps)
    clear = (lead(gates[..., :-1, :], before, after) > least) & (lead(gates[..., 1:, :], after, before) > least)
    assert graph.any_gate is not None
    return (graph.any_gate & graph.present)[:, None, None] & (before != after) & clear, before, after
