r"""Integrals over resource time until a level, as a primitive of JAX: what seriality and waste are made of."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import ad

from ..base.devices import refuse_over_devices
from .calls import AXES, BY, GRAPH, Call, Operands, aligned, custom_call, every, leading, moves, primitive


class Spent(NamedTuple):
    r"""Resource time, what is learned until then, $\int F\, d\tau$ and $\int \sum_i f_i^2/F\, d\tau$."""

    clock: Any
    learned: Any
    demand: Any
    squares: Any


def spent(call: Call, operands: Operands) -> tuple[Spent, Any]:
    """Those of graphs until the level that is the goal, 1 being the whole learning; and their estimated error, as a
    share of what is learned: `(*graphs,)` each.
    """
    *found, error = spent_p.bind(*aligned(operands, AXES), call=call)
    return Spent(*found), error


def _results(operands: Any, call: Call) -> list[jax.ShapeDtypeStruct]:
    graphs = leading(operands[:GRAPH], AXES[:GRAPH])
    return [jax.ShapeDtypeStruct(graphs, operands[5].dtype)] * (len(Spent._fields) + 1)


def _by_loops(*operands: Any, call: Call) -> Any:
    return custom_call("spent", call, _results(operands, call), *operands)


def _by_arrays(*operands: Any, call: Call) -> Any:
    graphs = leading(operands[:GRAPH], AXES[:GRAPH])
    count = math.prod(graphs)

    def flat(x: Any) -> Any:
        return jnp.broadcast_to(x, (*graphs, *x.shape[len(graphs) :])).reshape((count, *x.shape[len(graphs) :]))

    # resource time knows no clock
    clock, steps = jnp.ones(count, operands[5].dtype), jnp.zeros((count, 1), operands[5].dtype)
    own = Operands._make([*map(flat, operands[:GRAPH]), clock, clock, steps])
    *found, _, error = call.arrays(call, own)
    return [x.reshape(graphs) for x in (*found, error)]


def _jvp(primals: Any, tangents: Any, *, call: Call) -> Any:
    """By arrays."""
    refuse_over_devices("a derivative of what is spent", primals)
    moved = [k for k in BY if k < GRAPH and moves(primals[k], tangents[k])]

    def of(*some: Any) -> Any:
        changed = list(primals)
        for k, x in zip(moved, some, strict=True):
            changed[k] = x
        return _by_arrays(*changed, call=call)[:-1]

    found = spent_p.bind(*primals, call=call)
    along = jax.jvp(of, [primals[k] for k in moved], [tangents[k] for k in moved])[1] if moved else []
    nothing = [ad.Zero(jax.typeof(x).to_tangent_aval()) for x in found[len(along) :]]
    return found, [*along, *nothing]


spent_p: Primitive = primitive("spent", _results, _by_loops, _by_arrays, every)
ad.primitive_jvps[spent_p] = _jvp
