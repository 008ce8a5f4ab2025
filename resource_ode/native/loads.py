"""What the skills of a run ask for at its rows, as a primitive of JAX: what concurrency and seriality are made of."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import ad

from ..base.devices import refuse_over_devices
from .calls import AXES, Call, Operands, aligned, custom_call, every, leading, moves, primitive


class Loads(NamedTuple):
    """`(*members, time)` each: the largest competitiveness, the sum of all over it, that of their squares over its own,
    and the progress of all skills since the start; and the least and the most that the mean of the sum of squared parts
    may be from a row to the next (`solve.cascade.between`).
    """

    largest: Any
    total: Any
    squares: Any
    learned: Any
    least: Any
    most: Any


def loads(call: Call, operands: Operands, state: Any) -> Loads:
    """Those of exposures `(*members, time, skill)`."""
    return Loads(*loads_p.bind(*aligned((*operands, state), (*AXES, 2)), call=call))


def _results(arguments: Any, call: Call) -> list[jax.ShapeDtypeStruct]:
    *operands, state = arguments
    members = leading((*operands, state), (*AXES, 2))
    return [jax.ShapeDtypeStruct((*members, state.shape[-2]), state.dtype)] * len(Loads._fields)


def _by_loops(*arguments: Any, call: Call) -> Any:
    return custom_call("loads", call, _results(arguments, call), *arguments)


def _by_arrays(*arguments: Any, call: Call) -> Any:
    *operands, state = arguments
    members = leading((*operands, state), (*AXES, 2))

    def flat(x: Any) -> Any:
        whole = jnp.broadcast_to(x, (*members, *x.shape[len(members) :]))
        return whole.reshape((math.prod(members), *x.shape[len(members) :]))

    found = call.arrays(call, Operands(*map(flat, operands)), flat(state))
    return [x.reshape((*members, *x.shape[1:])) for x in found]


def _jvp(primals: Any, tangents: Any, *, call: Call) -> Any:
    """By arrays."""
    refuse_over_devices("a derivative of what skills ask for", primals)
    moved = [k for k, (x, t) in enumerate(zip(primals, tangents, strict=True)) if moves(x, t)]

    def of(*some: Any) -> Any:
        changed = list(primals)
        for k, x in zip(moved, some, strict=True):
            changed[k] = x
        return _by_arrays(*changed, call=call)

    found = loads_p.bind(*primals, call=call)
    along = jax.jvp(of, [primals[k] for k in moved], [tangents[k] for k in moved])[1]
    return found, along


loads_p: Primitive = primitive("loads", _results, _by_loops, _by_arrays, every)
ad.primitive_jvps[loads_p] = _jvp
