r"""The cascade as compiled loops, a graph after the other, for the commonest model on a CPU.

What `cascade` does on whole arrays, a loop that keeps one graph in the cache of one core does many times faster, and
there is nothing to compile when it is first called: the same nodes and error estimate, but numbers of panels that each
graph chooses for itself. It serves
mean squared error, "l1", one pool, nothing that follows a schedule or changes its own pace; everything else, and every
traced call, goes by `cascade`. Numbers inside are float64 also where results are float32. Graphs do not meet, so a
result does not depend on what else is in the batch.

The loops are C++ (`loops.cpp`), built when the package is installed. Where that was not possible, or the processor's
kind has none, `cascade` serves these models too.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import math
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from ..base import memory, pieces
from ..base.legendre import COARSE_NODES, NODES, gauss_legendre
from ..model.competition import SumOfDemands
from ..model.loss import MeanSquaredError
from ..model.model import ResourceModel, Schedule

# must be that of `loops.cpp`
INTERFACE = 3
# panels fill vectors of so many numbers
LANES = 4
# a graph has its buffers in the cache up to about here; beyond, arrays are as good
MOST_SKILLS = 512
# panels of the last solve of a graph, and how many are tried
MOST_PANELS, ATTEMPTS = 384, 4
# rows between two looks at the keyboard, and two reports of progress
BLOCK = 4096

Done = Callable[[int], Any]


def applies(model: ResourceModel) -> bool:
    """Whether these loops can solve a concrete model, here."""
    return (
        jax.default_backend() == "cpu"
        and type(model.law) is MeanSquaredError
        and type(model.rule) is SumOfDemands
        and model.pool is None
        and model.frequency_after is None
        and model.interference is None
        and not any(isinstance(x, Schedule) for x in (model.frequency, model.learning_rate, model.wasted_resource))
        and 0 < model.skills <= MOST_SKILLS
        and library() is not None
    )


@functools.cache
def library() -> ctypes.CDLL | None:
    """The compiled loops; None if they were not built, or were built for another version of this module."""
    found = importlib.util.find_spec("resource_ode.native._loops")
    if found is None or found.origin is None:
        return None
    try:
        loops = ctypes.CDLL(found.origin)
        if loops.resource_ode_interface() != INTERFACE:
            return None
    except (OSError, AttributeError):
        return None
    return loops


# -- the structures of problem.h


class _Problem(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_int64) for name in ("rows", "skills", "fan_in", "exponents", "clocks")),
        *((name, ctypes.c_void_p) for name in ("prerequisites", "required", "either", "present")),
        *((name, ctypes.c_void_p) for name in ("depth", "frequency", "start")),
        *((name, ctypes.c_void_p) for name in ("exponent", "all_exponents", "learning_rate", "waste")),
        ("tolerance", ctypes.c_double),
        *((name, ctypes.c_int64) for name in ("coarse_panels", "panels", "most_panels", "attempts")),
    ]


class _Rule(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_void_p)
        for name in (
            *("places", "weights", "even", "odd", "tail", "powers", "to_nodes", "to_powers"),
            *("coarse_weights", "coarse_cumulative"),
        )
    ]


def _address(x: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(x.ctypes.data)


@functools.cache
def _gauss_legendre() -> tuple[_Rule, list[np.ndarray]]:
    """The rules of the cascade, and the arrays that they point to."""
    fine, coarse = gauss_legendre(), gauss_legendre(COARSE_NODES)
    left = fine["cumulative"][: NODES // 2]
    arrays = [
        np.concatenate([[-1.0], fine["nodes"], [1.0]]),
        fine["weights"],
        *((left + sign * left[:, ::-1])[:, : NODES // 2] / 2 for sign in (1, -1)),
        fine["tail"],
        fine["powers"],
        fine["cumulative"].T,
        np.pad(fine["powers"].T, ((0, 0), (0, LANES - 1))),
        *(coarse[name] for name in ("weights", "cumulative")),
    ]
    arrays = [np.ascontiguousarray(x, np.float64) for x in arrays]
    return _Rule(*map(_address, arrays)), arrays


def _problem(
    graphs: ResourceModel, clocks: Any, tolerance: Any, panels: int, coarse: int
) -> tuple[_Problem, list[np.ndarray]]:
    """What the loops need to know, and the arrays that it points to."""
    graph = graphs.graph
    for count in (coarse, MOST_PANELS):
        if count % LANES:
            raise ValueError(f"panels: expected a multiple of {LANES}, got {count}")
    arrays = [
        np.ascontiguousarray(graph.prerequisites, np.int32),
        np.ascontiguousarray(graph.required, np.bool_),
        np.zeros(graph.present.shape, np.bool_) if graph.any_gate is None else np.ascontiguousarray(graph.any_gate),
        np.ascontiguousarray(graph.present, np.bool_),
        np.ascontiguousarray(graph.depth, np.int32),
        *_efforts(graphs),
        np.ascontiguousarray(graphs.gate_exponent, np.float64),
        *(np.ascontiguousarray(x, np.float64) for x in (clocks.exponent, clocks.rate, clocks.waste)),
    ]
    rows, exponents, each = clocks.rate.shape
    problem = _Problem(
        *(rows, graphs.skills, graph.fan_in, exponents, each),
        *map(_address, arrays),
        *(float(tolerance), coarse, panels, MOST_PANELS, ATTEMPTS),
    )
    return problem, arrays


def _panels_at(tolerance: Any, panels: int, made_for: float) -> int:
    """Panels of the first solve, from those `made_for` a tolerance: the error of a quadrature falls with about the 15th
    power of their number.
    """
    finer = (made_for / max(float(tolerance), 1e-30)) ** (1 / 15)
    # a tolerance may be a little off its decimal number
    return min(math.ceil(panels * finer / LANES - 1e-3) * LANES, MOST_PANELS)


def _efforts(graphs: ResourceModel) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies (no schedule comes here) and initial efforts of flat models."""
    rate = np.ascontiguousarray(graphs.frequency, np.float64)
    if graphs.initial_level is None:
        return rate, np.zeros(rate.shape)
    return rate, np.ascontiguousarray(-np.log1p(-np.asarray(graphs.initial_level, np.float64)))


# -- calls


def trajectories(
    rows: tuple[ResourceModel, Any, Any],
    ts: Any,
    tolerance: Any,
    panels: int,
    coarse: int,
    share: int | None,
    done: Done,
    threads: int | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Exposure `(row, exponent, clock, time, skill)` and resource time `(row, exponent, clock, time)`; rows that are
    unsure, members lost.

    Rows are those of `batches.solve_batch`; `panels` is the number of panels that usual graphs need for 1e-5; `share`
    rows are solved at a time, by as many `threads` as there are cores.
    """
    graphs, mine, everyone = rows
    shape, dtype = mine.rate.shape, np.dtype(graphs.dtype)
    ts = np.ascontiguousarray(ts, np.float64)
    state = memory.empty((*shape, ts.size, graphs.skills), dtype)
    clock = memory.empty((*shape, ts.size), dtype)
    unsure, lost = np.zeros(shape[0], bool), np.zeros(shape, bool)
    # no clock of a graph passes this, by the budget law, in resource time of the graph's own gate exponent
    rate, waste = (np.asarray(x, np.float64) for x in everyone[1:])
    # a bound beyond all numbers spoils its own row only
    with np.errstate(over="ignore"):
        own = np.max(np.divide(rate * ts[-1], waste, out=np.zeros_like(rate), where=waste > 0), axis=2)
        last = np.max(own * (np.asarray(everyone.exponent, np.float64) / graphs.gate_exponent[:, None]), axis=1)
    # without waste there is no such bound; at this effort a level is 1
    end = np.where(np.any(waste <= 0, axis=(1, 2)), -2 * math.log(np.finfo(dtype).eps), 0.0)
    numbers = (tolerance, _panels_at(tolerance, panels, 1e-5), coarse)
    by_row, fixed = (last, end, state, clock, unsure, lost), (_address(ts), ctypes.c_int64(ts.size))
    _call("trajectories", (graphs, mine), numbers, by_row, fixed, share, done, threads)
    return state, clock, unsure, lost


def learning_times(
    rows: tuple[ResourceModel, Any, Any],
    level: Any,
    tolerance: Any,
    panels: int,
    coarse: int,
    share: int | None,
    done: Done,
) -> tuple[np.ndarray, np.ndarray]:
    """Training steps `(row, exponent, clock, skill)` at which a level in (-1, 1) is reached; which rows are unsure.

    `panels` is the number of panels that usual graphs need for 1e-7.
    """
    graphs, mine, _ = rows
    dtype = np.dtype(graphs.dtype)
    found = memory.empty((*mine.rate.shape, graphs.skills), dtype)
    unsure = np.zeros(len(mine.rate), bool)
    numbers = (tolerance, _panels_at(tolerance, panels, 1e-7), coarse)
    goal = ctypes.c_double(-math.log1p(-float(level)))
    _call("learning_times", (graphs, mine), numbers, (found, unsure), (goal,), share, done)
    return found, unsure


def levels(model: ResourceModel, state: Any) -> np.ndarray:
    """Levels `(member, time, skill)` of exposures; NaN where these are."""
    state = np.ascontiguousarray(state)
    found = memory.empty(state.shape, state.dtype)
    kept = _efforts(model)
    sizes = (len(state), state.shape[2], state.shape[1], pieces.cores())
    loops = library()
    assert loops is not None
    single = ctypes.c_int(state.dtype == np.float32)
    _check(
        loops.resource_ode_levels(
            *map(_address, kept), *map(ctypes.c_int64, sizes), single, _address(state), _address(found)
        )
    )
    return found


def _call(
    name: str,
    rows: tuple[ResourceModel, Any],
    numbers: tuple[Any, int, int],
    by_row: tuple[np.ndarray, ...],
    fixed: tuple[Any, ...],
    share: int | None,
    done: Done,
    threads: int | None = None,
) -> None:
    """One function of the library on all rows, a block at a time: so that what is laid out for it stays small."""
    loops = library()
    assert loops is not None
    solve = getattr(loops, f"resource_ode_{name}")
    (rule, _), single = _gauss_legendre(), np.dtype(rows[0].dtype) == np.float32
    total, block = len(rows[1].rate), share or BLOCK
    for start in range(0, total, block):
        part = slice(start, start + block)
        graphs, clocks = jax.tree.map(lambda x, part=part: x[part], rows)
        problem, kept = _problem(graphs, clocks, *numbers)
        places = (_address(x[part]) for x in by_row)
        workers = ctypes.c_int64(threads or pieces.cores())
        _check(solve(ctypes.byref(problem), ctypes.byref(rule), workers, ctypes.c_int(single), *places, *fixed))
        del kept
        done(min(start + block, total))


def _check(succeeded: int) -> None:
    if not succeeded:
        raise MemoryError("not enough memory for the buffers of the solver")
