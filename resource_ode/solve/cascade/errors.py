"""How wrong a solve on panels may be: from the last Legendre coefficients, from kinks, and from the budget law."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ...base.constants import CONSTANTS
from .integrals import constant, integrals_at, shaped_like
from .skills import Flow

# how many units of rounding a sum over the nodes and panels may be off by, relative to itself
ROUNDING = 4


def rounding(dtype: Any) -> float:
    """The relative error that sums in a data type have at least."""
    return ROUNDING * float(jnp.finfo(dtype).eps)


def missed_by_interpolant(tail: Float[Array, "*rows panel 4"], half: Float[Array, " panel"]) -> tuple[Array, Array]:
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
    size = size * shaped_like(half, size)
    return size * decay**2 / 2, size * decay / 4


def missed_at_kinks(
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


def missed_at_start(
    opening: Float[Array, "panel node"], at_start: Float[Array, ""], half: Float[Array, " panel"]
) -> Float[Array, " panel"]:
    """What the integral of an opening may miss before the first node of all: how open it is at 0 is known, and where
    the polynomial says something else, something has happened in between.
    """
    opening, at_start, half = jax.lax.stop_gradient((opening, at_start, half))
    jump = jnp.abs(opening[0] @ constant("left", half.dtype) - at_start)
    return jnp.zeros_like(half).at[0].set(jump * half[0] * (1 + constant("nodes", half.dtype)[0]))


def missed_beside_edges(
    opening: Float[Array, "panel node"],
    at_edges: Float[Array, " edge"],
    half: Float[Array, " panel"],
    within: Float[Array, " panel"],
) -> Float[Array, " panel"]:
    """What the integral of an opening may miss between the edges of a panel and the nodes next to them: as at the
    start, but anywhere, as right after a self-paced skill has become far faster; none where the last coefficients, by
    which it may be off by `within`, say it all.
    """
    opening, at_edges, half = jax.lax.stop_gradient((opening, at_edges, half))
    left = constant("left", half.dtype)
    jump = jnp.abs(opening @ left - at_edges[:-1]) + jnp.abs(opening[:, ::-1] @ left - at_edges[1:])
    missed = jump * half * (1 + constant("nodes", half.dtype)[0])
    return jnp.where(jump * half > CONSTANTS.seen * within, missed, 0)


def gate_steepness(depth: Array, gate: Array) -> Array:
    r"""$d\ln g/d\ln y$ of a gate $g = 1 - e^{-y}$: 1 while it is shut, 0 once it is open, and decreasing.

    At the first node of a panel it bounds what a relative error of the exposure does to the gate there: $y = a D(z)$,
    where $D$ is concave in the effort $z$ and this in the exposure, but for skills that change their own pace.
    """
    return jnp.where(gate > 0, depth * (1 - gate) / jnp.where(gate > 0, gate, 1), 1)


def error_in_the_middle(
    exposure: Float[Array, "panel node"],
    at_edges: Float[Array, " edge"],
    added: Float[Array, " panel"],
    missed: Float[Array, " panel"],
) -> Float[Array, " panel"]:
    """The relative error of an exposure in the middle of each panel, from what the panel adds to it and what it is at
    the end: one that came in is a larger part of the exposure before that has grown.
    """
    left, gained, middle = at_edges[:-1], jnp.diff(at_edges), exposure[:, exposure.shape[1] // 2]
    part = jnp.where(gained > 0, (middle - left) / jnp.where(gained > 0, gained, 1), 1)
    wrong = (missed - added + part * added) / jnp.where(middle > 0, middle, 1)
    return jnp.where(at_edges[1:] > 0, jnp.where(middle > 0, jnp.minimum(wrong, 1), 1), 0)


def blurred(
    effort: Float[Array, "panel node"], gate: Float[Array, "panel node"], within: Float[Array, " panel"]
) -> Float[Array, " panel"]:
    """The relative error of a gate where the interpolant may be wrong inside a panel by as much as the effort is large,
    or so many times: each node counts by itself. Such errors go up and down, and to first order integrate to nothing.
    """
    most = CONSTANTS.blur * within[:, None]
    wrong = jnp.minimum(most / jnp.where(most < effort, effort, jnp.where(most > 0, most, 1)), 1)
    weight = constant("weights", gate.dtype)[None] * gate
    whole = jnp.sum(weight, axis=1)
    part = jnp.sum(weight * jnp.where(most > CONSTANTS.doubtful * effort, wrong, 0), axis=1)
    return (part / jnp.where(whole > 0, whole, 1)) ** 2


def off_balance(
    flow: Flow, half: Float[Array, " panel"], *, lawful: bool
) -> tuple[Float[Array, ""], Float[Array, " panel"]]:
    r"""The largest level error that the budget law shows at the nodes, and what each panel adds to it.

    $\int_0^\tau F\,d\tau$ is what has been learned, whatever the competition. An estimate from the nodes of a panel is
    blind for what happens between two of them; this difference is not, since what was learned on the way is missing
    from then on. A difference $\delta$ in spent resource moves a level by its share of $\delta$, so by no more than the
    largest share, here or at the node before. Where the budget law checks a run (`lawful`), the difference itself
    counts, relative to what was spent if that is above 1.
    """
    spent = jax.vmap(lambda values: integrals_at(values, half)[1])(flow.total)
    off, total, largest = (x.reshape((len(x), -1)) for x in (spent - flow.learned, flow.total, flow.largest))
    share = jnp.where(total > 0, largest / jnp.where(total > 0, total, 1), 0)
    before = jnp.concatenate([jnp.ones_like(share[:, :1]), share[:, :-1]], axis=1)
    share = jnp.maximum(share, before)
    added = jnp.abs(jnp.diff(off, axis=1, prepend=0)) * share
    if lawful:
        share = jnp.maximum(share, 1 / jnp.maximum(spent.reshape(off.shape), 1))
    return jnp.max(jnp.abs(off) * share), jnp.max(added.reshape(spent.shape), axis=(0, 2))


def quadrature_error(values: Float[Array, "*rows panel node"], edges: Float[Array, " edge"]) -> tuple[Array, Array]:
    """How wrong the integral of what is given at the nodes may be, a panel: at its right edge, and inside it."""
    return missed_by_interpolant(values @ constant("tail", values.dtype).T, jnp.diff(edges) / 2)
