"""The cascade with its first solve in fused programs on a GPU; what these are unsure of goes on by arrays."""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ...base.modules import with_fields
from ...model.model import ResourceModel
from ...results.outcome import results_from_codes
from ..members import kept
from . import gpu_solver
from .arrays import finer_and_finer
from .backend import AbstractCascade, Found, Job
from .compiled import INACCURATE, NOT_FINITE
from .refine import COARSE_PANELS, PANELS, Progress
from .sharing import Rows
from .times import TIMES_PANELS, going_on, learning_times
from .trajectories import resource_range, trajectories


class GPUCascade(AbstractCascade):
    """Three fused programs, one lane for each graph."""

    name: ClassVar[str] = "fused GPU programs"

    def obstacle(self, model: ResourceModel) -> str | None:
        return gpu_solver.obstacle(model)

    def trajectories(self, rows: Rows, ts: Array | np.ndarray, tolerance: np.ndarray, job: Job) -> Found:
        endless = not bool(np.all(rows.everyone.waste > 0))
        options = {"endless": endless, "reduce": job.reduce, "method": job.method}
        first = first_trajectories if rows.clocks.exponent.shape[1] == 1 else trajectories
        return finer_and_finer(first, trajectories, rows, (ts, tolerance), job, options)

    def times(self, rows: Rows, level: np.ndarray, tolerance: np.ndarray, job: Job) -> Found:
        first = first_times if rows.clocks.exponent.shape[1] == 1 else learning_times
        return finer_and_finer(first, learning_times, rows, (level, tolerance), job, {})


def first_trajectories(arguments: Any, shared: tuple[Array, Array], **options: Any) -> tuple[Any, Array, Progress]:
    """`trajectories` with the first solve by the fused programs, where each graph has one gate exponent."""
    models, clocks, everyone, _ = arguments
    ts, tolerance = shared
    last = jax.vmap(lambda model, clocks: resource_range(model, clocks, ts[-1], options["endless"]))(models, everyone)
    read = (clocks.rate[:, 0], clocks.waste[:, 0])
    numbers = {"panels": PANELS, "coarse": COARSE_PANELS}
    state, clock, lost, stand = gpu_solver.trajectories(models, *read, last, ts, **numbers)
    unsure = ~(stand.error <= tolerance)[:, None]
    codes = jnp.where(lost, NOT_FINITE, jnp.where(unsure, INACCURATE, 0)).astype(jnp.int32)

    def member(model: ResourceModel, rate: Array, waste: Array, state: Array, clock: Array, code: Array) -> Any:
        own = with_fields(model, learning_rate=rate, wasted_resource=waste)
        solved = (state, clock[:, None], None, results_from_codes(code))
        return kept(own, ts, solved, options["reduce"], options["method"], "exposure")

    result = jax.vmap(jax.vmap(member, in_axes=(None, 0, 0, 0, 0, 0)))(models, *read, state, clock, codes)
    return jax.tree.map(lambda x: x[:, None], result), unsure, Progress(stand.edges, stand.panel_error, None)


def first_times(arguments: Any, shared: tuple[Array, Array], *, panels: int | None) -> tuple[Array, Array, Progress]:
    """`learning_times` with the first solve by the fused programs, where each graph has one gate exponent."""
    models, clocks, _, _ = arguments
    level, tolerance = shared
    times, outside, stand = gpu_solver.learning_times(
        models,
        clocks.rate[:, 0],
        clocks.waste[:, 0],
        models.law.effort_at(level),
        panels=TIMES_PANELS,
        coarse=COARSE_PANELS,
    )
    progress = going_on(Progress(stand.edges, stand.panel_error, None), outside)
    unsure = (outside | ~(stand.error <= tolerance))[:, None]
    times = jnp.where(models.graph.present[:, None] & ~unsure[..., None], times, jnp.nan)
    return times[:, None], unsure, progress
