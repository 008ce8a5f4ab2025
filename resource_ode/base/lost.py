"""What is lost: NaN, as are its derivatives. In reverse mode it takes down nothing else.

Of a choice, `jnp.where(sound, x, nan)`, the derivatives where it is NaN are 0, which look like numbers; of a product
with NaN so are those of all that shares a parameter with what is lost, also where nothing was asked of it.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jaxtyping import Array

from .devices import alike_over_devices


def nan_unless(sound: Array, x: Array) -> Array:
    """Numbers, but NaN where they are not sound, and so are their derivatives; in reverse mode where something is asked
    of them.
    """
    if not jnp.issubdtype(x.dtype, jnp.floating):
        return jnp.where(sound, x, jnp.nan)
    shape = jnp.broadcast_shapes(jnp.shape(sound), x.shape)
    x, sound = alike_over_devices(jnp.broadcast_to(x, shape), jnp.broadcast_to(sound, shape))
    return unless_lost_p.bind(x, sound, asked=False)


def _unless_lost(x: Array, sound: Array, *, asked: bool) -> Array:
    # of what is lost: NaN, or what `asked` of it comes back, where 0 has asked nothing
    return jnp.where(sound, x, jnp.where(x == 0, 0, jnp.nan) if asked else jnp.nan)


def _jvp(primals: Any, tangents: Any, *, asked: bool) -> Any:
    x, sound = primals
    along = tangents[0]
    moved = along if type(along) is ad.Zero else unless_lost_p.bind(along, sound, asked=asked)
    return unless_lost_p.bind(x, sound, asked=asked), moved


def _transpose(cotangent: Any, x: Any, sound: Any, *, asked: bool) -> Any:
    zero = type(cotangent) is ad.Zero
    return [cotangent if zero else unless_lost_p.bind(*alike_over_devices(cotangent, sound), asked=True), None]


def _batch(arguments: Any, axes: Any, *, asked: bool) -> tuple[Array, int]:
    size = next(x.shape[axis] for x, axis in zip(arguments, axes, strict=True) if axis is not None)
    whole = [batching.bdim_at_front(x, axis, size) for x, axis in zip(arguments, axes, strict=True)]
    return unless_lost_p.bind(*alike_over_devices(*whole), asked=asked), 0


unless_lost_p: Primitive = Primitive("resource_ode_unless_lost")
unless_lost_p.def_impl(jax.jit(_unless_lost, static_argnames="asked"))
unless_lost_p.def_abstract_eval(lambda x, sound, asked: x.update(weak_type=False))
mlir.register_lowering(unless_lost_p, mlir.lower_fun(_unless_lost, multiple_results=False))
batching.primitive_batchers[unless_lost_p] = _batch
ad.primitive_jvps[unless_lost_p] = _jvp
ad.primitive_transposes[unless_lost_p] = _transpose
