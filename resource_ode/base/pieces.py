"""Many members, a piece at a time: one compiled shape, every core or device at work, one copy of the result in memory.

A batch is cut into pieces of one size, whatever the batch, the machine or its load; the last is filled up with copies
of its last member. So there is one program to compile, and a member's numbers do not depend on its company, nor on the
number of devices: they are equal to the bit, on one kind of processor with one set of versions. Several devices take a
piece each at a time, every one with a loop of its own (`shard_map`); where JAX sees a CPU as one device, each core has
a host thread that feeds it.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec

from . import memory, programs
from .tracing import is_concrete

_compiling = threading.Lock()


def _solved(arguments: Any, shared: Any, function: Callable[..., Any], devices: tuple[Any, ...], options: Any) -> Any:
    """`function(arguments, shared, **options)`, split over devices along the first axis of `arguments`."""
    if not devices:
        return function(arguments, shared, **options)
    varying, rest = eqx.partition(options, eqx.is_array)

    def part(arguments: Any, everything: tuple[Any, Any]) -> Any:
        shared, varying = everything
        return function(arguments, shared, **eqx.combine(varying, rest))

    members, whole = PartitionSpec("member"), PartitionSpec()
    mesh = Mesh(np.array(devices), ("member",))
    split = jax.shard_map(part, mesh=mesh, in_specs=(members, whole), out_specs=members, check_vma=False)
    return split(arguments, (shared, varying))


def run(
    function: Callable[..., Any],
    arguments: Any,
    shared: Any,
    size: int,
    *,
    at_a_time: int | None = None,
    before: Callable[[Any], Any] | None = None,
    done: Any = None,
    **options: Any,
) -> Any:
    """`function(arguments, shared, **options)` in pieces of `size` along the first axis, put together again.

    `at_a_time` fills only so many places of a piece, the others being copies: less is done at a time, by the same
    program. `before` makes of a piece, on its own thread, what the function takes. `done` is called with the number of
    members finished so far, on the calling thread.
    """
    host = jax.tree.map(np.asarray, arguments)
    leaves = jax.tree.leaves(host)
    members = len(leaves[0])
    devices = tuple(jax.local_devices()) if members > size else ()
    devices = devices if len(devices) > 1 else ()
    whole = size * max(1, len(devices))
    step = min(whole, at_a_time or whole)
    starts = range(0, members, step)
    workers = cores() if _on_host() and not devices else 1
    store: _Store = _HostStore(members) if _on_host() else _DeviceStore(members)

    def one(start: int) -> Callable[[], None]:
        short = whole - min(step, members - start)

        def cut(x: np.ndarray) -> np.ndarray:
            part = x[start : start + step]
            return np.concatenate([part, np.repeat(part[-1:], short, axis=0)]) if short else part

        piece = jax.tree.map(cut, host)
        given = (piece if before is None else before(piece), shared, function, devices, options)
        solve = programs.program(_solved, *given)
        if not solve.ran:
            # one thread compiles while the others wait
            with _compiling:
                return store.prepare(start, whole - short, jax.block_until_ready(solve(*given)))
        return store.prepare(start, whole - short, jax.block_until_ready(solve(*given)))

    def finish(start: int, keep: Callable[[], None]) -> None:
        keep()
        if done is not None:
            done(min(start + step, members))

    if workers == 1 or len(starts) == 1:
        for start in starts:
            finish(start, one(start))
        return store.result()
    with ThreadPoolExecutor(workers) as pool:
        if pool.submit(programs.settings).result() != programs.settings():
            # settings made for this thread alone (`with jax.enable_x64():`) would not hold in the others
            for start in starts:
                finish(start, one(start))
            return store.result()
        waiting = [pool.submit(one, start) for start in starts]
        try:
            for start, future in zip(starts, waiting, strict=True):
                finish(start, future.result())
        except BaseException:
            for future in waiting:
                future.cancel()
            raise
    return store.result()


def put(old: Any, rows: np.ndarray | tuple[np.ndarray, ...], new: Any) -> Any:
    """A result of `run` with some rows replaced, or with a tuple some elements; the old one must not be used any
    more.
    """

    def one(old: Any, new: Any) -> Any:
        if isinstance(old, np.ndarray):
            old[rows] = np.asarray(new)
            return old
        return _set_rows(old, jax.tree.map(jnp.asarray, rows), jnp.asarray(new))

    return jax.tree.map(one, old, new)


def as_arrays(result: Any) -> Any:
    """A result of `run` as JAX arrays, without a copy; it must not be written to any more."""
    return programs.at_once(functools.partial(jax.device_put, may_alias=True), result)


def hosted(tree: Any) -> Any:
    """The same arrays as those of NumPy, where that is no copy; traced ones, and others on other devices, as they are.

    What JAX does to an array outside a program is a small program for each shape, which it keeps for ever.
    """
    if not _on_host() or not is_concrete(tree):
        return tree
    return jax.tree.map(lambda x: np.asarray(x) if _is_plain(x) else x, tree)


def reshaped(x: Any, shape: tuple[int, ...]) -> Any:
    """An array in another shape, as an array of JAX, which must not be written to any more."""
    found = hosted(x).reshape(shape)
    return as_arrays(found) if isinstance(found, np.ndarray) else found


def _is_plain(x: Any) -> bool:
    """Whether NumPy knows its kind of numbers: not that of random keys."""
    return isinstance(x, jax.Array) and not jnp.issubdtype(x.dtype, jax.dtypes.extended)


def _on_host() -> bool:
    return jax.default_backend() == "cpu"


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Store:
    """Where pieces of a result are put together. `prepare` runs on any thread, what it returns on the calling one."""

    def prepare(self, start: int, count: int, piece: Any) -> Callable[[], None]:
        raise NotImplementedError

    def result(self) -> Any:
        raise NotImplementedError


class _HostStore(_Store):
    """Memory of our own (`memory`): with XLA's the first touch of each small page costs more than what goes there."""

    def __init__(self, members: int) -> None:
        self.members = members
        self.leaves: list[np.ndarray] | None = None
        self.structure: Any = None
        self.lock = threading.Lock()

    def prepare(self, start: int, count: int, piece: Any) -> Callable[[], None]:
        leaves, structure = jax.tree.flatten(piece)
        with self.lock:
            if self.leaves is None:
                self.structure = structure
                self.leaves = [memory.empty((self.members, *x.shape[1:]), x.dtype) for x in leaves]
        for whole, part in zip(self.leaves, leaves, strict=True):
            whole[start : start + count] = np.asarray(part)[:count]
        return lambda: None

    def result(self) -> Any:
        return jax.tree.unflatten(self.structure, self.leaves or [])


class _DeviceStore(_Store):
    """Memory on the first device, written in place."""

    def __init__(self, members: int) -> None:
        self.members = members
        self.whole: Any = None

    def prepare(self, start: int, count: int, piece: Any) -> Callable[[], None]:
        def keep() -> None:
            here = jax.device_put(piece, jax.local_devices()[0])
            if self.whole is None:
                self.whole = jax.tree.map(lambda x: jnp.zeros((self.members, *x.shape[1:]), x.dtype), here)
            self.whole = jax.tree.map(lambda whole, part: _set_slice(whole, part[:count], start), self.whole, here)

        return keep

    def result(self) -> Any:
        return self.whole


def _set_rows_of(old: Any, rows: Any, new: Any) -> Any:
    return old.at[rows].set(new)


def _set_slice_of(whole: Any, part: Any, start: Any) -> Any:
    return jax.lax.dynamic_update_slice_in_dim(whole, part, start, 0)


_set_rows = jax.jit(_set_rows_of, donate_argnums=0)
_set_slice = jax.jit(_set_slice_of, donate_argnums=0)
