"""Schedules of the wasted resource, and of the learning rate beside it, by one cascade: it does not know the clock, so
that only the reading of training steps goes by pieces (`native.in_pieces`).
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array

from ...base.lost import nan_unless
from ...model.model import ResourceModel
from ...model.schedule import Schedule
from ...native import calls, in_pieces
from . import traced
from .rates import steady
from .schedule_pieces import pieces_of

# a cascade of more skills has no room in memory, and goes by windows
MOST_SKILLS = 2048


def obstacle(model: ResourceModel) -> str | None:
    """Why the pieces of a model's schedules are cascades of their own; None if they share one."""
    reasons = {
        "frequency follows a schedule": isinstance(model.frequency, Schedule),
        f"there are more than {MOST_SKILLS} skills": model.skills > MOST_SKILLS,
    }
    return next((why for why, so in reasons.items() if so), None)


def trajectories(
    model: ResourceModel, ts: Array, tolerance: Array, *, either: bool, rows: int, reduce: Any, method: str
) -> tuple[Any, Array]:
    """Exposure, clock, spent resource and result code of every member, or the caller's reductions of them; and which
    were solved, `(*batch,)`.

    **Arguments:** `either`: whether one open gate may be enough for some skill; `rows`: how many a piece has at most.
    """
    call = traced.call_of_rows(steady(model), either)
    operands = traced.operands_of(steady(model), tolerance, jnp.zeros((), model.dtype), ts)
    state, clock, spent, code = in_pieces.trajectories(call, operands, _clock(model), rows)
    return traced.known_rows(model, ts, (state, clock, spent, traced.unless_refused(code, tolerance)), reduce, method)


def learning_times(model: ResourceModel, level: Array, tolerance: Array, *, either: bool) -> tuple[Array, Array]:
    """Learning times `(*batch, skill)`, NaN for members that are unsure, and which are not, `(*batch,)`."""
    constant = steady(model)
    call, run = traced.call_of_times(constant, either), traced.call_of_rows(constant, either)
    operands = traced.operands_of(constant, tolerance, level, jnp.zeros(1, model.dtype))
    times, code = in_pieces.learning_times(call, run, operands, _clock(model))
    found = traced.unless_refused(code, tolerance) == calls.SUCCESSFUL
    return nan_unless(found[..., None], times), found


def _clock(model: ResourceModel) -> in_pieces.Clock:
    pieces = pieces_of(model)
    of_pieces = zip((pieces.rate, pieces.waste), (model.learning_rate, model.wasted_resource), strict=True)
    rate, waste = (jnp.expand_dims(jnp.asarray(x), -1) if own is None else own for own, x in of_pieces)
    many = jnp.ones(pieces.start.shape, model.dtype)
    rate, waste = (jnp.asarray(x, model.dtype) * many for x in (rate, waste))
    return in_pieces.Clock(rate, waste, pieces.start)
