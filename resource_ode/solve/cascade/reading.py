"""What is read of a solved cascade: the clock at training steps, and every skill at the nodes."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ...model.model import ResourceModel
from .integrals import constant, evaluate_primitive, integrals_at, invert_primitive, primitive_at_edges
from .quadrature import Cascade
from .skills import Skill, skill_rows


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
    # where the range ends everything is learned, and from then on the clock only wastes; without waste it is infinite
    end, waste = at_edges[:, -1:], model.waste_at()[:, None]
    assert cascade.demand is not None
    idle = True if model.law.has_end else jnp.all(cascade.demand == 0, axis=(1, 2))[:, None]
    over = (wanted >= end) & ((waste == 0) | idle)
    wasting = model.rule.total(jnp.zeros_like(waste), waste)
    more = jnp.where(wasting > 0, (wanted - end) / jnp.where(wasting > 0, wasting, 1), jnp.inf)
    more = jnp.where(over & (waste > 0), more, 0)
    wanted = jnp.where(over, end, wanted)
    panel, place = jax.vmap(invert_primitive, in_axes=(0, 0, None, 0))(values, at_edges, edges, wanted)
    # at the start both are 0, and have a derivative by time all the same
    clock = edges[panel] + half[panel] * (1 + place)
    clock = jnp.where(ts[None] > 0, clock, clock - jax.lax.stop_gradient(clock))
    # sums of small arrays tell; to look at the exposures themselves would be to compute them twice
    ended = over & (waste == 0)
    clock = clock + more
    lost = ~jnp.isfinite(jnp.sum(jnp.where(model.graph.present[:, None], cascade.exposure, 0)) + jnp.sum(clock))
    read = evaluate_primitive
    exposure = jax.vmap(read, in_axes=(None, None, None, 0, 0))(cascade.opening, cascade.exposure, edges, panel, place)
    if model.pool is None:
        exposure, over, more_each = exposure[0], ended[0][:, None], more[0][:, None]
    else:
        exposure = jnp.take_along_axis(exposure, model.pool[None, None], axis=0)[0]
        over, more_each = ended[model.pool].T, more[model.pool].T
    # rounding must not make a level negative
    at_start = exposure - jax.lax.stop_gradient(exposure)
    exposure = jnp.where((ts > 0)[:, None], jnp.maximum(exposure, 0) + more_each, at_start)
    exposure = jnp.where(model.graph.present[None] & ~lost, jnp.where(over, jnp.inf, exposure), jnp.nan)
    clock = jnp.where(lost, jnp.nan, jnp.where(ended, jnp.inf, clock)).T
    if model.rule.has_budget_law:
        return exposure, clock, None, lost
    spent = jax.vmap(read, in_axes=(0, 0, None, 0, 0))(values[:, None], at_edges[:, None], edges, panel, place)
    return exposure, clock, jnp.where(lost, jnp.nan, spent[..., 0] + jnp.where(wasting > 0, wasting * more, 0)).T, lost


def rounded(model: ResourceModel, exposure: Float[Array, "time skill"]) -> Float[Array, ""]:
    """How far levels may be off since exposures are stored in float32, and effective frequencies came in it: a relative
    error of the exposure, times its effort. It counts where effort is large while a skill is still being learned: with
    a plateau, and of skills that are much faster from level 1/2 on.
    """
    dtype = exposure.dtype
    if dtype != jnp.float32 or (model.plateau is None and model.frequency_after is None):
        return jnp.zeros((), dtype)
    exposure = jax.lax.stop_gradient(jnp.where(jnp.isfinite(exposure), exposure, 0))

    def moved(x: Array) -> Array:
        return x * model.effective(model.pace(x)) * model.law.demand(model.effort(x))

    return jax.lax.stop_gradient(2 * float(jnp.finfo(dtype).eps) * jnp.max(jax.vmap(moved)(exposure)))


class Nodes(eqx.Module):
    r"""What there is to integrate over resource time: nodes, their weights $d\tau$, and every skill at them."""

    clock: Float[Array, "panel node"]
    weights: Float[Array, "panel node"]
    opening: Float[Array, "skill panel node"]
    exposure: Float[Array, "skill panel node"]
    # the part of each skill in F: its opening times its pace times the law's demand
    demand: Float[Array, "skill panel node"]


def at_nodes(model: ResourceModel, cascade: Cascade) -> Nodes:
    """The nodes of a solved cascade; skills that only pad a batch demand nothing."""
    half = jnp.diff(cascade.edges) / 2
    clock = cascade.edges[:-1, None] + half[:, None] * (1 + constant("nodes", half.dtype)[None])
    weights = half[:, None] * constant("weights", half.dtype)[None]

    def demand(skill: Skill, opening: Array) -> tuple[Array, Array]:
        exposure = integrals_at(opening, half)[1]
        found = opening * skill.pace(exposure) * model.law.demand(skill.effort(exposure))
        return exposure, jnp.where(skill.present, found, 0)

    exposure, found = jax.vmap(demand)(skill_rows(model), cascade.opening)
    return Nodes(clock, weights, cascade.opening, exposure, found)
