"""What a solve knows of each skill, and what the skills of a pool do together at the nodes."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ...graphs.gates import AbstractGate, combine_gates
from ...model.loss import AbstractLoss
from ...model.model import ResourceModel


class Flow(eqx.Module):
    """What happens at the nodes of each pool: the demand as the clock counts it, and for the budget's check the sum of
    the competitiveness, the largest, and what has been learned.
    """

    demand: Float[Array, "*skill pool panel node"]
    total: Float[Array, "*skill pool panel node"]
    largest: Float[Array, "*skill pool panel node"]
    learned: Float[Array, "*skill pool panel node"]

    def joined(self, other: Flow) -> Flow:
        largest = jnp.maximum(self.largest, other.largest)
        return Flow(self.demand + other.demand, self.total + other.total, largest, self.learned + other.learned)

    def of_all(self) -> Flow:
        """That of all skills, from a row for each."""
        demand, total, learned = (jnp.sum(x, axis=0) for x in (self.demand, self.total, self.learned))
        return Flow(demand, total, jnp.max(self.largest, axis=0), learned)


class Skill(eqx.Module):
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
    strength: Float[Array, "*skill fan_in"] | None

    def gates_of(self, gates: Float[Array, "skill ..."]) -> Float[Array, "fan_in ..."]:
        """The gates that it depends on, as far as it needs each."""
        found = gates.at[self.behind].get(mode="promise_in_bounds")
        if self.strength is None:
            return found
        strength = self.strength.reshape((-1,) + (1,) * (found.ndim - 1))
        return (1 - strength) + strength * found

    def opening(self, gates: Float[Array, "skill panel node"], own: AbstractGate | None) -> tuple[Array, Array]:
        """The gates it depends on, at all nodes, and how far they open together."""
        found = self.gates_of(gates)
        either = None if self.either is None else self.either[None]
        return found, combine_gates(found[None], self.required[None], either, own)[0]

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

    def fastest(self) -> Array:
        """The largest pace it has."""
        return self.rate if self.rate_after is None else jnp.maximum(self.rate, self.rate_after)

    def steepness(self, law: AbstractLoss, exposure: Array, effort: Array) -> Float[Array, " panel"]:
        """At least 1, and about the largest logarithmic derivative of its log-depth by its exposure in each panel."""
        ends = jnp.array([0, -1])
        # largest at an end, but for a panel that takes off and ends in itself
        depth = jnp.max(law.depth_steepness(effort[:, ends]), axis=1)
        if self.turn is None:
            return depth
        exposure, effort = exposure[:, 0], effort[:, 0]
        return depth * jnp.maximum(self.pace(exposure) * exposure / jnp.where(effort > 0, effort, jnp.inf), 1)

    def flow(self, model: ResourceModel, opening: Array, exposure: Array, effort: Array) -> Flow:
        """Its part in what happens in each pool, at all nodes."""
        law = model.law
        found = jnp.where(self.present, opening * self.pace(exposure) * law.demand(effort), 0)
        held, start = jax.lax.stop_gradient((effort, self.start))
        gained = jnp.where(self.present, law.progress(held) - law.progress(start), 0)
        if self.pool is None:
            found, gained = found[None], gained[None]
        else:
            mine = (jnp.arange(model.pools, dtype=self.pool.dtype) == self.pool)[:, None, None]
            found, gained = (jnp.where(mine, x[None], 0) for x in (found, gained))
        return Flow(model.rule.part(found), *jax.lax.stop_gradient((found, found)), gained)


def skill_rows(model: ResourceModel) -> Skill:
    """The skills, a row each."""
    graph, after = model.graph, model.rate_after()
    turn = None if after is None else model.turning_exposure()
    return Skill(
        graph.prerequisites,
        graph.required,
        graph.any_gate,
        graph.present,
        model.rate(),
        model.initial_effort(),
        turn,
        after,
        model.pool,
        model.prerequisite_strength,
    )


def ordered_skills(model: ResourceModel) -> tuple[Skill, Int[Array, " skill"]]:
    """The skills in topological order, and the place of each in it."""
    rows = skill_rows(model)
    order = jnp.argsort(model.graph.depth)
    place = jnp.argsort(order)
    rows = jax.tree.map(lambda row: row[order], rows)
    return eqx.tree_at(lambda rows: rows.behind, rows, place[rows.behind]), place
