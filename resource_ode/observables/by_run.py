"""The seriality of a model that has no cascade, or several clocks: through a run whose rows are chosen here."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..base.tracing import is_concrete
from ..model.model import ResourceModel
from ..results.trajectory import Trajectory
from ..solve.choose import cascade_obstacle
from ..solve.learning import horizon
from ..solve.simulation import simulate
from .resource_time import UNTIL_LEVEL, obstacle

TOLERANCE = 1e-3
# rows of the first run, and up to how many they are doubled
FIRST_ROWS, MOST_ROWS = 257, 2**13 + 1

# of a run: seriality, its error by the rows, and how far what comes after the last row may change it
Measure = Callable[[Trajectory], tuple[Array, Array, Array]]


def seriality_by_run(model: ResourceModel, level: Any, tolerance: Any, measure: Measure) -> Array:
    """Seriality `(*batch,)` of models that cannot be measured in resource time, a member at a time.

    **Raises:** `ValueError` under a trace.
    """
    tolerance = TOLERANCE if tolerance is None else tolerance
    # what is computed here is concrete only where nothing is being compiled
    if not is_concrete(model, level, tolerance, jnp.zeros(())):
        raise ValueError(
            f"source: seriality cannot be measured on this model under jit, vmap or grad, since {obstacle(model)}; "
            "simulate it, and measure the run"
        )
    whole = level is None and model.law.has_end
    tolerance = float(tolerance)
    # beyond this level a skill has less to learn than counts
    until = 1 - tolerance / 4 if whole else UNTIL_LEVEL if level is None else level
    shape = model.batch_shape
    ends = np.asarray(horizon(model, until))
    values, reasons = np.full(shape, np.nan), []
    for index in np.ndindex(shape):
        value, reason = _of_member(model[index] if shape else model, float(ends[index]), whole, tolerance, measure)
        values[index] = value
        reasons += [reason] if reason else []
    if reasons:
        warnings.warn(
            f"seriality: {len(reasons)} of {values.size} members are NaN, the first since {reasons[0]}", stacklevel=3
        )
    return jnp.asarray(values, model.dtype)


def _of_member(model: ResourceModel, end: float, whole: bool, tolerance: float, measure: Measure) -> tuple[float, str]:
    """The value, and if it is NaN why; none where nothing is to be learned."""
    if end == 0:
        return np.nan, ""
    if not np.isfinite(end):
        return np.nan, "some skill does not get there; simulate it, and measure the run"
    if cascade_obstacle(model) is not None and bool(np.any(np.asarray(model.waste_at()) == 0)):
        return np.nan, "a run without waste needs a cascade; give it a positive wasted_resource"
    early = np.geomspace(1e-5 * end, end, FIRST_ROWS // 2 + 1)
    ts = np.unique(np.concatenate([np.linspace(0, end, FIRST_ROWS // 2 + 1), early[:-1]]))
    error = np.inf
    while len(ts) <= MOST_ROWS:
        run = simulate(model, ts)
        if run.failures():
            return np.nan, run.failures()
        value, by_rows, beyond = (float(x) for x in measure(run))
        error = by_rows + (beyond if whole else 0)
        if error <= tolerance:
            return value, ""
        # every second row is one of the last run's
        middle = (ts[1:] + ts[:-1]) / 2
        ts = np.sort(np.concatenate([ts, middle]))
    return np.nan, f"its estimated error, {error:.2g}, exceeds the tolerance {tolerance:g}; loosen tolerance"
