"""Measuring on the rows of a run: each member, and how wrong its rows may make what is measured.

What is named of one member has no batch axes; its absent skills have taken and learned nothing.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..base import pieces, programs
from ..base.annotations import Given
from ..base.modules import with_fields
from ..base.tracing import is_concrete
from ..base.values import brief, plain
from ..model.model import ResourceModel
from ..model.schedule import Schedule
from ..results.outcome import RESULTS
from ..results.trajectory import Trajectory
from .sources import checked_run

# from which estimated error on a measure of a run warns
COARSE = 0.01


class RowsTooCoarse(UserWarning):
    """A run has too few rows, or ends too early, for what is measured on it."""


def rows_error(run: Trajectory, measure: Given[Callable[[Trajectory], Array]]) -> Array:
    """How far a measure of a run may be off because of its rows: what half of the rows would change.

    The measure of all rows is compared with that of every second row, beginning with the first or with the second (and
    the last): the larger change counts. What falls with the square of the step, as errors of integrals and of times
    read between rows do, is some three times smaller than this where rows are dense. It is an estimate, not a bound:
    where rows are few it may be too small, and it knows nothing of what comes after the last row;
    [`resource_ode.observables.seriality_error`][] does, as do the warnings of efficiency, overlap and rank correlation.

    **Arguments:**

    - `run`: a run or a batch of runs.
    - `measure`: a function of it whose result has no axis over its rows, such as `ro.observables.efficiency`.

    **Returns:** the shape of what is measured, in its units; NaN where it is NaN, `inf` of fewer than three rows, of
    which half tell nothing.

    **Raises:** `ValueError` for anything but a run, or a measure that has a value per row.

    **Example:**

    >>> import numpy as np
    >>> import resource_ode as ro
    >>> model = ro.ResourceModel(ro.SkillGraph([[], []]), [1.0, 0.1], learning_rate=1e-3, wasted_resource=0.1)
    >>> run = ro.simulate(model, np.linspace(0, 40_000, 401))
    >>> bool(rows_error(run, ro.observables.efficiency) < 1e-2)
    True
    """
    checked_run(run)
    if not callable(measure):
        raise ValueError(f"measure: expected a function of a run, got {brief(measure)}")
    with warnings.catch_warnings():
        # what they say is what is measured here
        warnings.simplefilter("ignore", RowsTooCoarse)
        every, *halves = (
            jnp.asarray(plain("measure", measure(each))) for each in (run, thinned(run, 0), thinned(run, 1))
        )
    if any(half.shape != every.shape for half in halves):
        raise ValueError(f"measure: expected one without an axis over rows, got shape {every.shape}")
    # what is never reached with any of them differs by nothing
    change = jnp.maximum(*(jnp.where(every == half, 0, jnp.abs(every - half)) for half in halves))
    return change if run.ts.shape[0] > 2 else jnp.where(jnp.isnan(change), jnp.nan, jnp.inf)


def warn_if_coarse(name: str, run: Trajectory, error: Array) -> None:
    """Say where an estimated error exceeds what is harmless; under a trace nothing can be said."""
    if not is_concrete(error):
        return
    shape = run.batch_shape
    found = np.asarray(error).reshape((*shape, math.prod(error.shape[len(shape) :])))
    wrong = found > COARSE
    if wrong.any():
        most = found[wrong].max()
        by = (
            f"up to {most:.2g} (more than {COARSE:g})" if np.isfinite(most) else "any amount, since they do not show it"
        )
        which = f"{int(wrong.any(axis=-1).sum())} of {int(np.prod(shape))} runs" if shape else "the run"
        warnings.warn(
            f"{name}: the rows of {which} may make it wrong by {by}; "
            f"report more or later times, or measure the model itself: {name}(run.model)",
            RowsTooCoarse,
            stacklevel=3,
        )


def thinned(run: Trajectory, first: int) -> Trajectory:
    """A run with every second row from row `first` on, and its last."""
    count = run.ts.shape[0]
    rows = np.unique(np.concatenate([np.arange(first, count, 2), [count - 1]]))
    axis = len(run.batch_shape)
    state, clock, spent = jax.tree.map(lambda x: jnp.take(x, rows, axis=axis), (run.state, run.clock, run.spent))
    return with_fields(run, ts=run.ts[rows], state=state, clock=clock, spent=spent)


# -- each member of a batch


def each_member(measure: Given[Callable[..., Any]], run: Trajectory, *, stored: bool = False) -> Any:
    """A measure of one member, of all members: compiled once for each shape, whatever the names. With `stored` it is
    also given the state as it is stored: NaN where skills are absent, infinite where all is learned.
    """
    shape = checked_run(run).batch_shape
    state, clock = (
        pieces.hosted(x).reshape((int(np.prod(shape)), *x.shape[len(shape) :])) for x in (run.state, run.clock)
    )
    values = _of_members(measure, run.kind, stored, run.model.flat(), run.ts, state, clock)
    return jax.tree.map(lambda x: pieces.reshaped(x, shape + x.shape[1:]), values)


@programs.compiled
def _of_members(
    measure: Callable[..., Any],
    kind: Any,
    stored: bool,
    models: ResourceModel,
    ts: Array,
    state: Array,
    clock: Array,
) -> Any:
    def one(model: ResourceModel, state: Array, clock: Array) -> Any:
        # zeros for the states of absent skills, and no infinite ones, so that no NaN enters a derivative
        known = jnp.where(jnp.broadcast_to(model.graph.present, state.shape), state, 0)
        known = jnp.where(jnp.isinf(known), float(jnp.finfo(known.dtype).max) ** 0.5, known)
        known = Trajectory(ts, known, clock, None, RESULTS.successful, model, kind, "")
        return measure(known, state) if stored else measure(known)

    return jax.vmap(one)(models, state, clock)


# -- of one member


def signed_shares(run: Trajectory) -> Float[Array, "time skill"]:
    """Shares whose derivatives stay finite however little competes (those of `run.share` overflow)."""
    model = run.model

    def at_one_time(state: Array, time: Array) -> Array:
        competing = (model.competitiveness if run.kind == "exposure" else model.direct_competitiveness)(state, time)
        total = model.of_pool(model.denominator(competing, model.waste_at(time)))
        some = ~(total <= least(total.dtype))
        scale = jax.lax.stop_gradient(jnp.where(some, total, 1))
        return jnp.where(some, (competing / scale) / jnp.where(some, total / scale, 1), 0)

    return jax.vmap(at_one_time)(run.state, run.ts)


def gained(run: Trajectory) -> Float[Array, "time skill"]:
    """Progress of each skill since the start."""
    model, law = run.model, run.model.law

    def at_one_time(state: Array) -> Array:
        if run.kind == "exposure":
            found = model.gained(state)
        else:
            found = law.direct_progress(state) - law.direct_progress(model.initial_direct())
        return jnp.where(model.graph.present, found, 0)

    return jax.vmap(at_one_time)(run.state)


def budget(run: Trajectory) -> Float[Array, "time pool"]:
    r"""$\int_0^t \eta\, dt$ at each row."""
    return jax.vmap(lambda time: spent_by(run.model, time))(run.ts)


def spent_by(model: ResourceModel, time: Float[Array, ""]) -> Float[Array, " pool"]:
    r"""$\int_0^t \eta\, dt$, all of the resource up to a time."""
    rate = model.learning_rate
    if not isinstance(rate, Schedule):
        return jnp.broadcast_to(rate, (model.pools,)) * time
    ends = jnp.append(rate.times[1:], jnp.asarray(jnp.inf, rate.times.dtype))
    spans = jnp.clip(jnp.minimum(ends, time) - rate.times, 0)
    return jnp.broadcast_to(jnp.sum(rate.values * spans), (model.pools,))


def least(dtype: Any) -> float:
    """What is no larger counts as zero: there would be no room left for the reciprocals in derivatives."""
    return float(jnp.finfo(dtype).tiny) / float(jnp.finfo(dtype).eps)
