r"""The cascade as one compiled loop a graph, for the commonest model on a CPU; needs numba (`pip install .[fast]`).

What `cascade` does on whole arrays, a graph of a few dozen skills does faster in a loop that stays in the cache of one
core: the same panels, nodes, error estimate and refinement, without XLA's passes over memory. It serves mean squared
error, "l1", "all" gates, one pool, constant positive waste, float64; everything else, and every traced call, goes by
`cascade`. Graphs do not meet, so a result does not depend on what else is in the batch.

Layout: numbers at nodes are `(node, panel)`, the panels side by side, so that each inner loop runs over equal, adjacent
operations and becomes vector instructions.
"""

from __future__ import annotations

import functools
import importlib.util
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from . import pieces
from .model import ResourceModel

# a graph has its buffers in the cache up to about here; beyond, arrays are as good
MOST_SKILLS = 512
# the first compilation takes 15 s (kept on disk from then on), which fewer graphs do not repay
FEWEST_GRAPHS = 256
# graphs that a thread takes at a time
SHARE = 16

Done = Callable[[int], Any]


def applies(model: ResourceModel) -> bool:
    """Whether this loop can solve a concrete model, here."""
    return (
        jax.default_backend() == "cpu"
        and model.dtype == jnp.float64
        and model.loss == "mse"
        and model.competition == "l1"
        and (model.graph.any_gate is None or not np.any(np.asarray(model.graph.any_gate)))
        and model.pool is None
        and model.frequency_after is None
        and model.skills <= MOST_SKILLS
        and math.prod(model.batch_shape) >= FEWEST_GRAPHS
        and _installed()
    )


@functools.cache
def _installed() -> bool:
    return importlib.util.find_spec("numba") is not None


def trajectories(
    rows: tuple[ResourceModel, Any, Any],
    ts: Any,
    tolerance: Any,
    panels: tuple[int, ...],
    coarse: int,
    share: int | None,
    done: Done,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Exposure `(row, exponent, clock, time, skill)` and resource time `(row, exponent, clock, time)`; rows that are
    unsure, members lost.

    Rows are those of `batches.solve_batch`; `panels` are the numbers of panels to try, in order.
    """
    graphs, mine, everyone = rows
    ts = np.asarray(ts)
    shape = mine.rate.shape
    state = pieces.aligned((*shape, ts.size, graphs.skills), np.dtype(np.float64))
    clock = pieces.aligned((*shape, ts.size), np.dtype(np.float64))
    unsure, lost = np.zeros(shape[0], bool), np.zeros(shape, bool)
    # no clock of a graph passes this, by the budget law; the margin keeps rounding from ending the range early
    own = np.max(everyone.rate * ts[-1] / everyone.waste, axis=2)
    last = np.max(own * (everyone.exponent / graphs.gate_exponent[:, None]), axis=1) * (1 + 1e-5)
    last = np.maximum(last, 1e6 * np.finfo(np.float64).tiny)
    from . import fused_loops

    inputs = (*_arrays(graphs), *_clocks(mine), last, ts, float(tolerance), np.asarray(panels), coarse)

    def part(start: int, stop: int) -> None:
        fused_loops.trajectories(start, stop, *inputs, state, clock, unsure, lost)

    pieces.share_out(part, shape[0], share or SHARE, done)
    return state, clock, unsure, lost


def learning_times(
    rows: tuple[ResourceModel, Any, Any],
    level: Any,
    tolerance: Any,
    panels: tuple[int, ...],
    coarse: int,
    share: int | None,
    done: Done,
) -> tuple[np.ndarray, np.ndarray]:
    """Training steps `(row, exponent, clock, skill)` at which a level in (-1, 1) is reached; which rows are unsure."""
    graphs, mine, _ = rows
    count = len(mine.rate)
    found = pieces.aligned((*mine.rate.shape, graphs.skills), np.dtype(np.float64))
    unsure = np.zeros(count, bool)
    from . import fused_loops

    goal = -math.log1p(-float(level))
    inputs = (*_arrays(graphs), *_clocks(mine), goal, float(tolerance), np.asarray(panels), coarse)

    def part(start: int, stop: int) -> None:
        fused_loops.times(start, stop, *inputs, found, unsure)

    pieces.share_out(part, count, share or SHARE, done)
    return found, unsure


def levels(model: ResourceModel, state: Any) -> np.ndarray:
    """Levels `(member, time, skill)` of exposures; NaN where these are."""
    state = np.asarray(state)
    found = pieces.aligned(state.shape, state.dtype)
    *_, rate, start, _ = _arrays(model)
    from . import fused_loops

    def part(first: int, stop: int) -> None:
        fused_loops.levels(first, stop, rate, start, state, found)

    # a member takes a tenth of the time of its solve
    pieces.share_out(part, len(state), 8 * SHARE, lambda finished: None)
    return found


def _arrays(graphs: ResourceModel) -> tuple[np.ndarray, ...]:
    """What the loops need to know of flat models, of fixed types, so that they compile once."""
    graph = graphs.graph
    rate = np.ascontiguousarray(graphs.frequency, np.float64)  # no schedule comes here
    start = np.zeros_like(rate)
    if graphs.initial_level is not None:
        start = -np.log1p(-np.asarray(graphs.initial_level))
    return (
        np.ascontiguousarray(graph.prerequisites, np.int32),
        np.ascontiguousarray(graph.required, np.bool_),
        np.ascontiguousarray(graph.present, np.bool_),
        np.ascontiguousarray(graph.depth, np.int32),
        rate,
        np.ascontiguousarray(start, np.float64),
        np.ascontiguousarray(graphs.gate_exponent, np.float64),
    )


def _clocks(clocks: Any) -> tuple[np.ndarray, ...]:
    return tuple(np.ascontiguousarray(x, np.float64) for x in clocks)
