"""Polynomials on panels, given at Gauss-Legendre nodes: their integrals, and where these reach a value."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ...base.legendre import NEWTON_STEPS, NODES, gauss_legendre


def constant(name: str, dtype: Any, count: int = NODES) -> Array:
    return jnp.asarray(gauss_legendre(count)[name], dtype)


def primitive_at_edges(
    values: Float[Array, "*rows panel node"], half: Float[Array, " panel"]
) -> Float[Array, "*rows edge"]:
    """Integral from 0 of what is given at the nodes, at every panel edge."""
    gained = values @ constant("weights", values.dtype)
    return running_sum(gained * shaped_like(half, gained))


def shaped_like(half: Float[Array, " panel"], values: Array) -> Array:
    return half.reshape((1,) * (values.ndim - 1) + half.shape)


def running_sum(values: Float[Array, "*rows panel"]) -> Float[Array, "*rows edge"]:
    """0, the first, the first two, ... by a triangular product: faster than a cumulative sum at this size."""
    panels = values.shape[-1]
    return values @ jnp.triu(jnp.ones((panels, panels + 1), values.dtype), 1)


def integrals_at(
    values: Float[Array, "panel node"], half: Float[Array, " panel"], count: int = NODES
) -> tuple[Float[Array, " edge"], Float[Array, "panel node"], Float[Array, "panel 4"]]:
    """The integral from 0 at edges and nodes, and the last Legendre coefficients of the integrand, by one product.

    The integrand is not negative, so its integral is not either; where the polynomial dips below zero the integral is
    cut off, since the gate of a negative exposure has no bound.
    """
    everything = values @ constant("everything", values.dtype, count).T
    at_edges = running_sum(everything[:, count] * half)
    gained = everything[:, :count] * half[:, None]
    at_nodes = at_edges[:-1, None] + jnp.where(gained < 0, 0, gained)
    return at_edges, at_nodes, everything[:, count + 1 :]


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
    inside = jax.lax.stop_gradient(local @ constant("cumulative", dtype).T)
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
    powers = local @ constant("powers", dtype).T
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


def values_at(
    values: Float[Array, "skill panel node"], panel: Int[Array, " skill"], place: Float[Array, " skill"]
) -> Float[Array, " skill"]:
    """What increases and is given at the nodes, at one place for each skill; not below the panel's first node, where
    the polynomial rings.
    """
    mine = values[jnp.arange(values.shape[0]), panel]
    powers = mine @ constant("powers", values.dtype).T
    found = _polynomial([powers[:, power] for power in range(NODES + 1)], place)[1]
    return jnp.maximum(found, mine[:, 0])


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
    """The integrals of many skills at the same positions, of values that are not negative.

    They never fall: where a value grows by orders of magnitude in a panel, its interpolant may be wrong by more than
    all that came before, and a skill that is learned would be so no more.
    """
    # a loop, since XLA would compute the place anew for each power (and a place costs a whole search)
    _, powers = jax.lax.scan(lambda power, _: (power * place, power), jnp.ones_like(place), None, length=NODES + 1)
    half = jnp.diff(edges) / 2
    # one weight a node, shared by the skills: integrals of the polynomials that are 1 at one node and 0 at the others
    weights = (constant("powers", values.dtype).T @ powers) * half[panel][None]
    table = values.transpose(1, 2, 0)
    result = at_edges.T[panel]
    for node in range(NODES):
        result = result + weights[node][:, None] * table[panel, node]
    left, right = at_edges.T[panel], at_edges.T[panel + 1]
    within = jnp.where(result < left, left, jnp.where(result > right, right, result))
    # derivatives are those of the interpolant, as in the compiled loops: at an edge rounding decides what is less
    return result + jax.lax.stop_gradient(within - result)
