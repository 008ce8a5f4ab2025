r"""The cascade as compiled loops, a graph after the other, on a CPU.

What `cascade` does on whole arrays, a loop that keeps one graph in the cache of one core does many times faster, and
there is nothing to compile when it is first called: the same nodes and error estimate, but numbers of panels that each
graph chooses for itself, with edges where a self-paced skill turns or another gate becomes the largest. It serves every
model that has one cascade per graph. Numbers inside are float64, also where results are float32. Graphs do not meet,
so that a result does not depend on what else is in the batch.

The loops are C++ (`loops.cpp`), built when the package is installed. Where that was not possible, or the processor's
kind has none, `cascade` serves these models too.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from ..base import memory, pieces, programs
from ..base.modules import with_fields
from ..model.competition import LengthOfDemands, SumOfDemands
from ..model.extension import effective_rates
from ..model.loss import CrossEntropy, MeanSquaredError, SlowStart
from ..model.model import ResourceModel
from ..model.schedule import Schedule
from .library import INTERFACE, MOST_PANELS, Problem, address, library, options, processor, rules, why_not

__all__ = [
    "INTERFACE",
    "MOST_PANELS",
    "applies",
    "learning_times",
    "levels",
    "library",
    "measures",
    "obstacle",
    "processor",
    "serves_levels",
    "spent",
    "trajectories",
    "why_not",
    "would_apply",
]

# rows between two looks at the keyboard, and two reports of progress
BLOCK = 4096

# whether they are cross entropy, and "l2"
LAWS: dict[type, bool] = {MeanSquaredError: False, CrossEntropy: True, SlowStart: False}
RULES: dict[type, bool] = {SumOfDemands: False, LengthOfDemands: True}

Done = Callable[[int], Any]


class Kind(NamedTuple):
    """What the loops tell models apart by."""

    cross_entropy: bool
    squared: bool  # competition "l2"
    paced: bool  # self-paced skills
    slow: bool  # a plateau
    soft: bool  # prerequisite strengths


def kind_of(model: ResourceModel) -> Kind | None:
    """The kind of a model; None with anything of a user's own."""
    law, rule = type(model.law), type(model.rule)
    if law not in LAWS or rule not in RULES or model.graph.own_gate is not None:
        return None
    paced, slow = model.frequency_after is not None, model.plateau is not None
    return Kind(LAWS[law], RULES[rule], paced, slow, model.prerequisite_strength is not None)


def obstacle(model: ResourceModel) -> str | None:
    """Why these loops cannot solve a concrete model, here; None if they can."""
    return _unfit(model) or (None if library() is not None else f"the loops cannot be used: {why_not()}")


def _unfit(model: ResourceModel) -> str | None:
    """Why these loops do not serve a concrete model."""
    if jax.default_backend() != "cpu":
        return "the loops run on a CPU"
    if kind_of(model) is None:
        return "the loops do not know a loss, competition or gate of a user's own"
    if model.pool is not None:
        return "the loops take pools as members of their own, in programs of JAX alone"
    if model.interference is not None:
        return "interference couples the skills"
    if any(isinstance(x, Schedule) for x in (model.frequency, model.learning_rate, model.wasted_resource)):
        return "a parameter follows a schedule"
    if not model.skills:
        return "there are no skills"
    return None


def applies(model: ResourceModel) -> bool:
    """Whether these loops can solve a concrete model, here."""
    return obstacle(model) is None


def would_apply(model: ResourceModel) -> bool:
    """Whether these loops could solve a concrete model, here, if they were built."""
    return _unfit(model) is None


def _problem(
    graphs: ResourceModel, clocks: Any, tolerance: np.ndarray, threads: int
) -> tuple[Problem, list[np.ndarray]]:
    """What the loops need to know, and the arrays that it points to."""
    graph = graphs.graph
    rate, after = programs.at_once(effective_rates, graphs)
    frequency = np.ascontiguousarray(rate, np.float64)
    level, after = (
        np.zeros_like(frequency) if x is None else np.ascontiguousarray(x, np.float64)
        for x in (graphs.initial_level, after)
    )
    extension = (graphs.plateau, graphs.prerequisite_strength)
    arrays = [
        np.ascontiguousarray(graph.prerequisites, np.int32),
        np.ascontiguousarray(graph.depth, np.int32),
        np.ascontiguousarray(graph.required, np.bool_),
        np.zeros(graph.present.shape, np.bool_) if graph.any_gate is None else np.ascontiguousarray(graph.any_gate),
        np.ascontiguousarray(graph.present, np.bool_),
        *(frequency, level, after),
        *(np.ones(1) if x is None else np.ascontiguousarray(x, np.float64) for x in extension),
        np.ascontiguousarray(graphs.gate_exponent, np.float64),
        *(np.ascontiguousarray(x, np.float64) for x in (clocks.exponent, clocks.rate, clocks.waste)),
        tolerance,
    ]
    kind = kind_of(graphs)
    assert kind is not None
    single = np.dtype(graphs.dtype) == np.float32
    rows, exponents, each = clocks.rate.shape
    return Problem(
        rows, graphs.skills, graph.fan_in, exponents, each, single, *kind, threads, *map(address, arrays)
    ), arrays


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
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray, np.ndarray]:
    """Exposure `(row, exponent, clock, time, skill)`, resource time and, for "l2", spent resource `(row, exponent,
    clock, time)`; codes of the
    members, errors `(row, exponent)`.

    Rows are those of `batches.solve_batch`; `panels` is the number of panels that usual graphs need for 1e-5; `share`
    rows are solved at a time, by as many `threads` as there are cores.
    """
    graphs, mine, everyone = rows
    shape, dtype = mine.rate.shape, np.dtype(graphs.dtype)
    ts = np.ascontiguousarray(ts, np.float64)
    state = memory.empty((*shape, ts.size, graphs.skills), dtype)
    clock = memory.empty((*shape, ts.size), dtype)
    spent = memory.empty((*shape, ts.size), dtype) if type(graphs.rule) is LengthOfDemands else None
    codes, errors = np.empty(shape, np.int32), np.empty(shape[:2])
    # no clock of a graph passes this, by the budget law, in resource time of the graph's own gate exponent; beyond all
    # numbers, the loops know an end
    rate, waste = (np.asarray(x, np.float64) for x in everyone[1:])
    with np.errstate(over="ignore"):
        resource = rate * ts[-1]
        own = np.max(np.divide(resource, waste, out=np.zeros_like(rate), where=waste > 0), axis=2)
        last = np.max(own * (np.asarray(everyone.exponent, np.float64) / graphs.gate_exponent[:, None]), axis=1)
    # without waste there is no such bound, but what can be learned with the resource
    wasteless, most = np.any(waste <= 0, axis=(1, 2)), np.max(resource, axis=(1, 2))
    if type(graphs.law) is CrossEntropy:
        last, endless = np.where(wasteless, np.inf, last), most
    else:
        endless = np.where(wasteless, most, 0.0)
    by_row = ((last, endless), (state, clock, spent, codes, errors))
    numbers = options(panels, coarse, 1e-5, dtype)
    _call("trajectories", (graphs, mine), tolerance, numbers, by_row, ts, share, done, threads)
    return state, clock, spent, codes, errors


def learning_times(
    rows: tuple[ResourceModel, Any, Any],
    level: Any,
    tolerance: Any,
    panels: int,
    coarse: int,
    share: int | None,
    done: Done,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Training steps `(row, exponent, clock, skill)` at which a level in (-1, 1) is reached; codes, errors `(row,
    exponent)`.

    `panels` is the number of panels that usual graphs need for 1e-7.
    """
    graphs, mine, _ = rows
    dtype = np.dtype(graphs.dtype)
    found = memory.empty((*mine.rate.shape, graphs.skills), dtype)
    codes, errors = np.empty(mine.rate.shape, np.int32), np.empty(mine.rate.shape[:2])
    numbers = options(panels, coarse, 1e-7, dtype)
    level = np.asarray(float(level), np.float64)
    _call("learning_times", (graphs, mine), tolerance, numbers, ((), (found, codes, errors)), level, share, done)
    return found, codes, errors


def measures(
    rows: tuple[ResourceModel, Any, Any],
    levels: tuple[float, float, float],
    tolerance: Any,
    names: Any,
    numbers: tuple[int, int],
) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """What learning times amount to, without them, `(row, exponent, clock)` each: `names` are some of "horizon",
    "efficiency" (both at the first of the levels) and "overlap" (between the others); codes, errors `(row, exponent)`.

    `numbers` are those of `learning_times`: panels that usual graphs need for 1e-7, and those of the coarse solve.
    """
    graphs, mine, _ = rows
    shape = mine.rate.shape
    found = {name: np.empty(shape) for name in ("horizon", "efficiency", "overlap") if name in names}
    codes, errors = np.empty(shape, np.int32), np.empty(shape[:2])
    results = (*(found.get(name) for name in ("horizon", "efficiency", "overlap")), codes, errors)
    given = options(*numbers, 1e-7, np.dtype(graphs.dtype))
    _call("measures", (graphs, mine), tolerance, given, ((), results), np.asarray(levels, float), None, lambda _: None)
    return found, codes, errors


def spent(
    rows: tuple[ResourceModel, Any, Any], level: float | None, tolerance: Any, numbers: tuple[int, int]
) -> tuple[np.ndarray, ...]:
    """Of each row until its last skill reaches a level, or with None over the whole learning: resource time, what is
    learned, the integrals over resource time of F and of sum f^2/F, and their estimated error as a share of what is
    learned.
    """
    graphs, mine, _ = rows
    results = tuple(np.empty(len(mine.rate)) for _ in range(5))
    until = np.asarray([1.0 if level is None else level])
    given = options(*numbers, 1e-5, np.dtype(graphs.dtype))
    _call("spent", (graphs, mine), tolerance, given, ((), results), until, None, lambda _: None)
    return results


def serves_levels(model: ResourceModel) -> bool:
    """Whether `levels` can: built-in laws without a plateau, here; of exposures no clock is asked."""
    kind = kind_of(model)
    clockless = with_fields(model, learning_rate=None, wasted_resource=None)
    return applies(clockless) and kind is not None and not kind.slow


def levels(model: ResourceModel, state: Any) -> np.ndarray:
    """Levels `(member, time, skill)` of exposures; NaN where these are."""
    state = np.ascontiguousarray(state)
    found = memory.empty(state.shape, state.dtype)
    kind = kind_of(model)
    cross_entropy, paced = (False, False) if kind is None else (kind.cross_entropy, kind.paced)
    rate, after = programs.at_once(effective_rates, model)
    rate = np.ascontiguousarray(rate, np.float64)
    start = np.zeros(rate.shape)
    if model.initial_level is not None:
        start = np.asarray(model.initial_level, np.float64)
        margin = 2 * np.arctanh(start)
        start = np.ascontiguousarray(margin + np.expm1(margin) if cross_entropy else -np.log1p(-start))
    after = np.ascontiguousarray(after, np.float64) if paced else None
    sizes = (len(state), state.shape[2], state.shape[1], pieces.cores())
    loops = library()
    assert loops is not None
    kinds = (ctypes.c_int(cross_entropy), ctypes.c_int(state.dtype == np.float32))
    rates = (address(rate), address(start), None if after is None else address(after))
    _check(loops.resource_ode_levels(*rates, *map(ctypes.c_int64, sizes), *kinds, address(state), address(found)))
    return found


def _call(
    name: str,
    rows: tuple[ResourceModel, Any],
    tolerance: Any,
    numbers: Any,
    by_row: tuple[tuple[np.ndarray, ...], tuple[np.ndarray | None, ...]],
    shared: np.ndarray,
    share: int | None,
    done: Done,
    threads: int | None = None,
) -> None:
    """One function of the library on all rows, a block at a time: so that what is laid out for it stays small.

    Its arguments are arrays a row, what the rows share (with its length, if it has one), and results a row.
    """
    loops = library()
    assert loops is not None
    solve, (rule, _) = getattr(loops, f"resource_ode_{name}"), rules()
    total, block = len(rows[1].rate), share or BLOCK
    common = (address(shared), *(ctypes.c_int64(n) for n in shared.shape))
    tolerance = np.asarray(float(tolerance))
    for start in range(0, total, block):
        part = slice(start, start + block)
        graphs, clocks = rows if total <= block else jax.tree.map(lambda x, part=part: x[part], rows)
        problem, kept = _problem(graphs, clocks, tolerance, threads or pieces.cores())
        given, results = ([None if x is None else address(x[part]) for x in group] for group in by_row)
        structures = map(ctypes.byref, (problem, numbers, rule))
        _check(solve(*structures, *given, *common, *results))
        del kept
        done(min(start + block, total))


def _check(succeeded: int) -> None:
    if not succeeded:
        raise MemoryError("not enough memory for the buffers of the solver")
