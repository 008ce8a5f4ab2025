"""The cascade by the compiled loops: for models with one pool and built-in laws, outside transformations."""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import numpy as np
from jaxtyping import Array

from ... import native
from ...base import pieces
from ...model.model import ResourceModel
from ...results.outcome import result_names, results_from_codes
from ...results.trajectory import Trajectory
from .backend import AbstractCascade, Found, Job
from .refine import COARSE_PANELS, PANELS
from .sharing import PIECE, Rows, members_of
from .times import TIMES_PANELS

NOT_FINITE, INACCURATE = result_names().index("not_finite"), result_names().index("inaccurate")


# how many times as many graphs are reduced at a time as arrays would solve: the most that leaves two pieces of at most
# `PIECE` numbers
MORE_AT_A_TIME = (16, 4, 1)
# margins grow so smoothly that half the panels do
MARGIN_PANELS = PANELS // 2


def first_panels(model: ResourceModel) -> int:
    """Panels of the first solve that usual graphs of a model need for a level error of 1e-5."""
    return PANELS if model.law.has_end else MARGIN_PANELS


class CompiledCascade(AbstractCascade):
    """Loops in C++, which choose the number of panels for each graph by themselves."""

    name: ClassVar[str] = "compiled loops"
    floors: ClassVar[str] = "loops"

    def obstacle(self, model: ResourceModel) -> str | None:
        return native.obstacle(model)

    def trajectories(self, rows: Rows, ts: Array | np.ndarray, tolerance: np.ndarray, job: Job) -> Found:
        if job.reduce is None:
            state, clock, spent, codes, unsure = _solved(rows, ts, tolerance, job.at_a_time, job.done)
            return Found((state, clock, spent, results_from_codes(codes)), unsure)

        def solved(part: Rows) -> tuple[Any, ...]:
            *run, unsure = _solved(part, ts, tolerance, None, lambda finished: None, threads=1)
            run = (None if x is None else x.reshape((-1, *x.shape[3:])) for x in run)
            return (members_of(part), *run, unsure)

        options = {"axes": rows.clocks.rate.shape[1:3], "reduce": job.reduce, "method": job.method}
        # larger pieces, where they are many, since each costs the host some time
        most = min(len(rows.clocks.rate) // 2, PIECE // (ts.shape[0] * rows.graphs.skills))
        larger = next((more for more in MORE_AT_A_TIME if more * job.size <= most), 1)
        size = job.size * larger if rows.clocks.rate[0].size == 1 else job.size
        values, unsure = pieces.run(
            _reduced, rows, ts, size, at_a_time=job.at_a_time, before=solved, done=job.done, **options
        )
        return Found(values, np.array(unsure))

    def times(self, rows: Rows, level: np.ndarray, tolerance: np.ndarray, job: Job) -> Found:
        times, _, errors = native.learning_times(
            rows, level, tolerance, TIMES_PANELS, COARSE_PANELS, job.at_a_time, job.done
        )
        unsure = ~(errors <= tolerance)
        times[unsure] = np.nan
        return Found(times, unsure)


def _solved(
    rows: Rows,
    ts: Array | np.ndarray,
    tolerance: np.ndarray,
    at_a_time: int | None,
    done: Any,
    threads: int | None = None,
) -> tuple[Any, ...]:
    state, clock, spent, codes, errors = native.trajectories(
        rows, ts, tolerance, first_panels(rows.graphs), COARSE_PANELS, at_a_time, done, threads
    )
    # their numbers are 0, 1 and 2
    codes = np.array([0, INACCURATE, NOT_FINITE], np.int32)[codes]
    return state, clock, spent, codes, ~(errors <= tolerance)


def _reduced(
    arguments: tuple[Any, ...], ts: Array, *, axes: tuple[int, int], reduce: Any, method: str
) -> tuple[Any, Array]:
    """The caller's reduction `(row, *axes, ...)` of members that the loops have solved, and unsure rows."""
    *members, unsure = arguments

    def one(model: ResourceModel, state: Array, clock: Array, spent: Array | None, code: Array) -> Any:
        return reduce(Trajectory(ts, state, clock, spent, results_from_codes(code), model, "exposure", method))

    values = jax.vmap(one)(*members)
    return jax.tree.map(lambda x: x.reshape((len(unsure), *axes, *x.shape[1:])), values), unsure
