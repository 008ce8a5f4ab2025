"""The discrete recursion, one row for each training step: what the figures of the paper plot."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..base import programs
from ..base.devices import refuse_over_devices
from ..base.lost import nan_unless
from ..base.tracing import is_concrete
from ..model.model import ResourceModel
from ..results.outcome import RESULTS
from .members import Wish, in_chunks, kept
from .ode import keeps_spent


def solve_steps(model: ResourceModel, ts: Array, wish: Wish) -> Any:
    """Runs of a batch at whole training steps, or reductions of them.

    **Raises:** `ValueError` for times that are traced or not whole.
    """
    refuse_over_devices("a run in discrete steps", model)
    if not is_concrete(ts):
        raise ValueError('ts: method="steps" expects concrete times, not traced ones')
    times = np.asarray(ts)
    if np.any(times != np.round(times)):
        bad = times[times != np.round(times)][0]
        raise ValueError(f'ts: method="steps" expects whole training steps, got {bad:g}')
    rows = tuple(int(t) for t in times)
    return in_chunks(model, lambda flat: _members(flat, ts, rows=rows, reduce=wish.reduce, method=wish.method), wish)


@programs.compiled
def _members(models: ResourceModel, ts: Array, *, rows: tuple[int, ...], reduce: Any, method: str) -> Any:
    def one(model: ResourceModel) -> Any:
        state, *rest = discrete_steps(model, np.asarray(rows))
        state = jnp.where(model.graph.present[None], state, jnp.nan)
        return kept(model, ts, (state, *rest), reduce, method, "direct")

    return jax.vmap(one)(models)


def discrete_steps(model: ResourceModel, rows: np.ndarray) -> tuple[Array, Array, Array | None, Any]:
    r"""The recursion $u \leftarrow \max(u - \eta r(u), 0)$, one row per training step; only `rows` are kept.

    For cross entropy $l \leftarrow l + \eta r$; with interference $u \leftarrow u - \eta C r$, without the maximum.
    Late in a run $u$ sticks at denormal numbers and then underflows to 0: once any $u$ has been below 1e-300, rounding
    decides the rest.
    """
    steps = int(rows[-1])
    overlap = model.interference
    direct = overlap is not None

    def advance(carry: Any, step: tuple[Array, Array]) -> tuple[Any, None]:
        (state, clock, spent), kept = carry
        time, row = step
        found = model.direct_competitiveness(state, time)
        waste, learning_rate = model.waste_at(time), model.learning_rate_at(time)
        total = model.denominator(found, waste)
        inverse = jnp.where(total > 0, 1 / jnp.where(total > 0, total, 1), 0)
        moving = jnp.where(total > 0, jnp.ones_like(total), 0)
        share = found / model.of_pool(jnp.where(total > 0, total, 1)) * model.of_pool(moving)
        change = model.of_pool(learning_rate) * (share if overlap is None else overlap @ share)
        state = model.law.advance(state, change)
        if not direct and model.law.direction < 0:
            state = jnp.maximum(state, 0)
        clock = clock + learning_rate * inverse
        used = learning_rate * (waste if model.rule.has_budget_law else total) * inverse
        if direct and model.rule.has_budget_law:
            used = used + learning_rate * model.by_pool(found) * inverse
        now = (state, clock, spent + used)
        kept = jax.tree.map(lambda k, x: k.at[row].set(x, mode="drop"), kept, now)
        return (now, kept), None

    start = (model.initial_direct(), jnp.zeros(model.pools, model.dtype), jnp.zeros(model.pools, model.dtype))
    kept = jax.tree.map(lambda x: jnp.broadcast_to(x, (len(rows), *x.shape)), start)
    # the row each step writes to; steps that are not kept write past the end, which drops them
    target = np.full(steps, len(rows), np.int32)
    inside = rows > 0
    target[rows[inside] - 1] = np.arange(len(rows), dtype=np.int32)[inside]
    times = jnp.arange(steps, dtype=model.dtype)
    carry, _ = jax.lax.scan(advance, (start, kept), (times, jnp.asarray(target)))
    state, clock, spent = carry[1]
    finite = jnp.all(jnp.isfinite(jnp.where(model.graph.present[None], state, 0)))
    result = RESULTS.where(finite, RESULTS.successful, RESULTS.not_finite)
    if not keeps_spent(model):
        spent = None
    elif not direct and model.rule.has_budget_law:
        gained = model.law.direct_progress(state) - model.law.direct_progress(model.initial_direct())[None]
        spent = jax.vmap(model.by_pool)(jnp.where(model.graph.present[None], gained, 0)) + spent
    state, clock, spent = jax.tree.map(lambda x: nan_unless(finite, x), (state, clock, spent))
    return state, clock, spent, result
