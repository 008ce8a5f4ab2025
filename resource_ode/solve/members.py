"""Members of a batch: what is kept of each, and how many are solved at a time."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..base import pieces, programs
from ..base.checks import whole_number
from ..base.lost import nan_unless
from ..base.modules import with_fields
from ..base.values import brief
from ..model.model import ResourceModel
from ..model.soundness import is_sound
from ..results.outcome import result_codes, result_names, results_from_codes
from ..results.trajectory import Trajectory

NOT_FINITE = result_names().index("not_finite")


class Wish(NamedTuple):
    """What the caller wants of a batch: largest number of members solved at a time, a function to be told of progress,
    a reduction of each member's run in place of the run; and the line that a run says about its method.
    """

    batch_size: int | None = None
    progress: Callable[[int, int], Any] | None = None
    reduce: Callable[[Trajectory], Any] | None = None
    method: str = ""


def checked_wish(batch_size: Any, progress: Any, reduce: Any, method: str, *, traced: bool) -> Wish:
    """The wishes of a call.

    **Raises:** `ValueError` for one that is of the wrong kind, or that nobody can fulfil under a transformation.
    """
    if batch_size is not None:
        whole_number("batch_size", batch_size)
    for name, value in (("progress", progress), ("reduce", reduce)):
        if value is not None and not callable(value):
            raise ValueError(f"{name}: expected a function, got {brief(value)}")
    if traced:
        for name, value in (("batch_size", batch_size), ("progress", progress)):
            if value is not None:
                raise ValueError(
                    f"{name}: expected None under jit, vmap and grad, where the batch is one program without a host"
                )
    return Wish(batch_size, progress, reduce, method)


@dataclasses.dataclass(frozen=True)
class OfSound:
    """A reduction that sees NaN in runs of members that would have been refused, had their values been concrete."""

    reduce: Callable[[Trajectory], Any]

    def __call__(self, run: Trajectory) -> Any:
        return self.reduce(where_sound(run))


def where_sound(run: Trajectory) -> Trajectory:
    """A run, but members are NaN, and not finite, that would have been refused, had their values been concrete."""
    state, clock, spent, codes = _where_sound(run.model, run.ts, (run.state, run.clock, run.spent), run.result)
    return with_fields(run, state=state, clock=clock, spent=spent, result=results_from_codes(codes))


@programs.compiled
def _where_sound(model: ResourceModel, ts: Array, values: Any, codes: Any) -> Any:
    sound = is_sound(model, ts)

    def known(x: Array) -> Array:
        return nan_unless(jnp.expand_dims(sound, tuple(range(sound.ndim, x.ndim))), x)

    return *jax.tree.map(known, values), jnp.where(sound, result_codes(codes), NOT_FINITE)


def kept(
    model: ResourceModel,
    ts: Array,
    solved: tuple[Any, ...],
    reduce: Callable[[Trajectory], Any] | None,
    method: str,
    kind: Literal["exposure", "direct"],
) -> Any:
    """What is kept of one member: its arrays, or the caller's reduction of them."""
    state, clock, spent, result = solved
    clock = clock[:, 0] if model.pool is None else clock
    spent = spent if spent is None or model.pool is not None else spent[:, 0]
    if reduce is None:
        return state, clock, spent, result
    return reduce(Trajectory(ts, state, clock, spent, result, model, kind, method))


def number_of_members(model: ResourceModel) -> int:
    """**Raises:** `ValueError` where there are none."""
    total = math.prod(model.batch_shape)
    if total == 0:
        raise ValueError(f"model: expected at least one member, got a batch of shape {model.batch_shape}")
    return total


def in_chunks(model: ResourceModel, solve: Callable[[ResourceModel], Any], wish: Wish) -> Any:
    """`solve(flat members)` for at most `batch_size` members at a time, all chunks of one shape."""
    shape = model.batch_shape
    members, flat = number_of_members(model), model.flat()
    size = members if wish.batch_size is None else min(wish.batch_size, members)
    rows = []
    for begin in range(0, members, max(size, 1)):
        index = np.minimum(np.arange(begin, begin + size), members - 1)
        part = solve(flat if size == members else jax.tree.map(lambda x, at=index: x[at], flat))
        rows.append(jax.tree.map(lambda x, n=members - begin: x[:n], part))
        if wish.progress is not None:
            wish.progress(min(begin + size, members), members)
    result = rows[0] if len(rows) == 1 else jax.tree.map(lambda *x: jnp.concatenate(x), *rows)
    return jax.tree.map(lambda x: pieces.reshaped(x, shape + x.shape[1:]), result)
