"""The cascade by arrays: for every model that has one, and under every transformation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import jax
import numpy as np
from jaxtyping import Array

from ...base import pieces
from ...model.model import ResourceModel
from .backend import AbstractCascade, Found, Job
from .refine import MORE_PANELS
from .sharing import Rows, take
from .times import learning_times
from .trajectories import trajectories

# rows that are solved side by side again with more panels, few of them on a core
FINER, FINER_ON_GPU = 8, 512


class ArrayCascade(AbstractCascade):
    """Programs of JAX, a piece of the rows at a time; with more panels where the first do not suffice."""

    name: ClassVar[str] = "arrays"

    def obstacle(self, model: ResourceModel) -> str | None:
        return None

    def trajectories(self, rows: Rows, ts: Array | np.ndarray, tolerance: np.ndarray, job: Job) -> Found:
        endless = not bool(np.all(rows.everyone.waste > 0))
        options = {"endless": endless, "reduce": job.reduce, "method": job.method}
        return finer_and_finer(trajectories, trajectories, rows, (ts, tolerance), job, options)

    def times(self, rows: Rows, level: np.ndarray, tolerance: np.ndarray, job: Job) -> Found:
        return finer_and_finer(learning_times, learning_times, rows, (level, tolerance), job, {})


def finer_and_finer(
    first: Callable[..., Any], more: Callable[..., Any], rows: Rows, shared: Any, job: Job, options: dict[str, Any]
) -> Found:
    """Rows by `first(arguments, shared, panels=None, **options)`, and those that are unsure by `more`, with ever more
    panels.
    """
    result, unsure, stand = pieces.run(
        first, (*rows, None), shared, job.size, at_a_time=job.at_a_time, done=job.done, panels=None, **options
    )
    unsure = np.array(unsure)
    left = keep = np.flatnonzero(unsure.any(axis=1))
    for panels in MORE_PANELS:
        if not len(left):
            break
        chosen = (*take(rows, left), jax.tree.map(lambda x, at=keep: np.asarray(x)[at], stand))
        side_by_side = min(FINER if jax.default_backend() == "cpu" else FINER_ON_GPU, job.size)
        again, now, stand = pieces.run(more, chosen, shared, side_by_side, panels=panels, **options)
        result = pieces.put(result, left, again)
        unsure[left] = now
        keep = np.flatnonzero(unsure[left].any(axis=1))
        left = left[keep]
    return Found(result, unsure)
