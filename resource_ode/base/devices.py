"""Arrays that vary over the axes of `jax.shard_map`, where JAX keeps track of that (`check_vma`)."""

from __future__ import annotations

from typing import Any

import jax
from jax.core import ShapedArray
from jax.interpreters import mlir
from jax.sharding import PartitionSpec


def varying_axes(*arrays: Any) -> frozenset[Any]:
    """Axes of `jax.shard_map` over which any of these arrays, or types of arrays, varies, where JAX keeps track."""
    types = (x if isinstance(x, ShapedArray) else jax.typeof(x) for x in arrays)
    kinds = (getattr(x, "manual_axis_type", None) for x in types)
    return frozenset[Any]().union(*(kind.varying for kind in kinds if kind is not None))


def alike_over_devices(*arrays: Any) -> list[Any]:
    """Arrays that all vary over the axes of `jax.shard_map` that any varies over, as one operation wants them."""
    axes = varying_axes(*arrays)

    def cast(x: Any) -> Any:
        missing = tuple(axis for axis in axes if axis not in varying_axes(x))
        return jax.lax.pcast(x, missing, to="varying") if missing else x

    return [cast(x) for x in arrays] if axes else list(arrays)


def refuse_over_devices(what: str, *trees: Any) -> None:
    """Of loops that begin with constants, which JAX wants to vary as what they become does.

    **Raises:** `ValueError` where an array varies over the axes of `jax.shard_map`, and JAX keeps track of that.
    """
    axes = varying_axes(*jax.tree.leaves(trees))
    if axes:
        names = ", ".join(sorted(map(str, axes)))
        raise ValueError(
            f"model: {what} cannot be had of arrays that vary over the axes of jax.shard_map, here {names}, while it "
            "checks that; pass check_vma=False to jax.shard_map"
        )


def type_beside(found: Any, given: ShapedArray) -> ShapedArray:
    """The type of a result that has the shape of `found`, and varies as one of the operands, which all vary alike."""
    if not varying_axes(given):
        return ShapedArray(found.shape, found.dtype)
    sharding = given.sharding.update(spec=PartitionSpec(*[None] * len(found.shape)))
    return given.update(shape=found.shape, dtype=found.dtype, weak_type=False, sharding=sharding)


def lowering(function: Any) -> Any:
    """A rule that compiles a primitive by a function: here it no longer matters what varies, and loops that begin with
    constants want nothing to.
    """
    rule = mlir.lower_fun(function, multiple_results=True)

    def lower(context: Any, *arguments: Any, **static: Any) -> Any:
        given, found = (
            [ShapedArray(x.shape, x.dtype) for x in types] for types in (context.avals_in, context.avals_out)
        )
        return rule(context.replace(avals_in=given, avals_out=found), *arguments, **static)

    return lower
