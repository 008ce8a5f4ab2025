"""How many skills learn at once between two rows of a run, of which only the rows are known."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ...model.model import ResourceModel
from ...model.schedule import Schedule


def squared_parts(
    model: ResourceModel, state: Float[Array, "time skill"], ts: Any = None
) -> tuple[Float[Array, " interval"], Float[Array, " interval"]]:
    r"""The least and the most that $\int \sum_i q_i^2\, dG / \int dG$ may be from each row to the next.

    $q_i = f_i/F$ is a skill's part of what is of use, $G = \int F\,d\tau$. The mean $m_i$ of $q_i$ over $G$ is known:
    what the skill gained, over what all did. Levels only grow, so that $f_i$ lies between the product of the least
    demand, pace and opening of its way and that of the largest, and $q_i$ between some $a_i$ and $b_i$; then

    $$ m_i^2 \leq \overline{q_i^2} \leq m_i^2 + (m_i - a_i)(b_i - m_i). $$

    **Arguments:** one model without pools and interference; the exposures of its run; and `ts`, the times of the rows,
    where the frequency has a schedule.

    Source: derived here (the inequalities of Jensen and of Bhatia and Davis).
    """
    present = model.graph.present

    def at_row(exposure: Array) -> tuple[Array, ...]:
        effort = model.effort(exposure)
        gained = jnp.where(present, model.gained(exposure), 0)
        return effort, model.law.demand(effort), model.openness(model.gates(model.law.log_depth(effort))), gained

    effort, demand, opening, gained = jax.vmap(at_row)(state)
    slow, fast = _paces(model, state, ts)
    # demand has one peak at most; ways only open
    lowest = jnp.where(present, slow * jnp.minimum(demand[:-1], demand[1:]) * opening[:-1], 0)
    highest = jnp.where(present, fast * model.law.largest_demand(effort[:-1], effort[1:]) * opening[1:], 0)
    scale = jnp.max(highest, axis=1, keepdims=True)
    lowest, highest = (x / jnp.where(scale > 0, scale, 1) for x in (lowest, highest))
    low, high = (jnp.sum(x, axis=1, keepdims=True) for x in (lowest, highest))
    first = _part(lowest, lowest + jnp.maximum(high - highest, 0))
    last = _part(highest, highest + jnp.maximum(low - lowest, 0))
    learned = jnp.diff(gained, axis=0)
    mean = jnp.clip(_part(learned, jnp.sum(learned, axis=1, keepdims=True)), first, last)
    least = jnp.sum(mean**2, axis=1)
    return least, least + jnp.sum((mean - first) * (last - mean), axis=1)


def _paces(model: ResourceModel, state: Array, ts: Any) -> tuple[Array, Array]:
    """The least and the largest effective frequency of each skill from each row to the next."""
    if not isinstance(model.frequency, Schedule):
        paces = jax.vmap(lambda x: model.effective(model.pace(x)))(state)
        return jnp.minimum(paces[:-1], paces[1:]), jnp.maximum(paces[:-1], paces[1:])
    begins, values = model.frequency.times, model.effective(model.frequency.values)
    ends = jnp.append(begins[1:], jnp.asarray(jnp.inf, begins.dtype))
    met = ((begins[None] <= ts[1:, None]) & (ends[None] >= ts[:-1, None]))[..., None]
    return jnp.min(jnp.where(met, values[None], jnp.inf), axis=1), jnp.max(jnp.where(met, values[None], 0), axis=1)


def _part(x: Array, whole: Array) -> Array:
    return jnp.where(whole > 0, x / jnp.where(whole > 0, whole, 1), 0)
