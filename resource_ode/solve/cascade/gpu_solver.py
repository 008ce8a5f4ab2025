r"""The first solve of a batch of graphs in fused programs on a GPU, for the commonest model; opt-in.

What `cascade` does on whole arrays costs XLA a pass over memory for each skill; here it is three programs of Pallas
(`gpu_programs`): edges of panels, the cascade, and what is read of it. They serve mean squared error, "l1", "all"
gates, one pool, constant positive waste and up to 32 skills, and give what the array path gives for the same edges,
error estimates included, so that members that are unsure go on there.

**They have not run on a GPU yet**, only in Pallas's interpreter and through its compiler, so nobody gets them who did
not ask: `RESOURCE_ODE_GPU_KERNEL=pallas` in the environment, read at each call.

The Triton backend, although it is deprecated since JAX 0.11: reading takes numbers at places that differ from lane to
lane, which its successor, Mosaic GPU, cannot express.
"""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from ...base.constants import CONSTANTS
from ...base.special import saturation
from ...model.extension import effective_rates
from ...model.model import ResourceModel
from .backend import laws_obstacle
from .gpu_layout import LANES, Graphs, Solution, width

# one bit per skill
MOST_SKILLS = 32
# below it gates open over so many decades that a fixed number of steps does not find where a level is reached
LEAST_EXPONENT = 1e-30
# run by the interpreter, wherever
INTERPRET = False


def obstacle(model: ResourceModel) -> str | None:
    """Why these programs cannot solve a concrete model that the cascade serves, or shall not; None if they can."""
    reasons = {
        "the programs were not asked for": os.environ.get("RESOURCE_ODE_GPU_KERNEL") == "pallas",
        "there is no GPU": INTERPRET or jax.default_backend() == "gpu",
    }
    found = next((why for why, fine in reasons.items() if not fine), None) or laws_obstacle(model, MOST_SKILLS)
    if found is None and not np.all(np.asarray(model.wasted_resource) > 0):
        return "a member wastes no resource"
    if found is None and not np.all(np.asarray(model.gate_exponent) >= LEAST_EXPONENT):
        return f"a gate exponent is below {LEAST_EXPONENT:g}"
    return found


def applies(model: ResourceModel) -> bool:
    """Whether these programs are asked for and can solve a concrete model that the cascade serves."""
    return obstacle(model) is None


class Solved(NamedTuple):
    """What a finer solve needs to know of the first one."""

    edges: Float[Array, "graph edge"]
    error: Float[Array, " graph"]
    panel_error: Float[Array, "graph panel"]


def trajectories(
    graphs: ResourceModel,
    rate: Float[Array, "graph clock"],
    waste: Float[Array, "graph clock"],
    last: Float[Array, " graph"],
    ts: Float[Array, " time"],
    *,
    panels: int,
    coarse: int,
) -> tuple[
    Float[Array, "graph clock time skill"], Float[Array, "graph clock time"], Bool[Array, "graph clock"], Solved
]:
    """Exposures and resource times of flat graphs at training steps `ts`, read with each of their clocks up to resource
    time `last`; which members are lost, NaN throughout; and how well it went.
    """
    from . import gpu_programs as programs

    arranged, place = _arranged(graphs)
    found, error, panel_error = _solve(arranged, _by_program(last), panels, coarse, timed=False)
    # as `(graph, row)`
    found = jax.tree.map(_by_graph, found)
    rates, wastes = (_padded(x) for x in (rate, waste))
    # sums of small arrays tell
    there = _by_graph(arranged.rate) > 0
    ends = jnp.sum(jnp.where(there, found.exposure[:, -1, : graphs.skills], 0), axis=1, keepdims=True)
    lost = ~jnp.isfinite(ends + found.spent[:, -1:] + wastes * found.edges[:, -1:] + rates * ts[-1])
    whole, clocks, times, dtype = len(lost), rate.shape[1], ts.shape[0], found.edges.dtype
    state, clock = _call(
        programs.read_clock,
        (whole, clocks, math.ceil(times / programs.TIMES)),
        [((whole, clocks, times, graphs.skills), dtype), ((whole, clocks, times), dtype)],
        warps=1,
    )(found, place, rates, wastes, jnp.where(lost, jnp.nan, jnp.zeros((), dtype)), ts)
    # where the range ends everything is learned, and from then on the clock only wastes
    end = found.spent[:, -1:] + wastes * found.edges[:, -1:]
    more = jnp.maximum(rates[..., None] * ts[None, None] - end[..., None], 0) / wastes[..., None]
    state, clock = jax.lax.cond(
        jnp.any(more > 0), lambda x, c: (x + more[..., None], c + more), lambda x, c: (x, c), state, clock
    )
    # what the budget law says at the edges (`quadrature._off_balance`)
    frequency, start = _by_graph(arranged.rate), _by_graph(arranged.start)
    effort = start[:, None] + frequency[:, None] * found.exposure[..., : graphs.skills]
    learned = jnp.sum(jnp.where(there[:, None], saturation(effort) - saturation(start)[:, None], 0), axis=2)
    off = jnp.abs(found.spent - learned)
    error = jnp.maximum(_by_graph(error), jnp.max(off, axis=1))
    panel_error = jnp.maximum(_by_graph(panel_error), jnp.abs(jnp.diff(found.spent - learned, axis=1)))
    stand = Solved(found.edges, error, panel_error)
    return jax.tree.map(lambda x: x[: len(rate)], (state, clock, lost, stand))


def learning_times(
    graphs: ResourceModel,
    rate: Float[Array, "graph clock"],
    waste: Float[Array, "graph clock"],
    effort: Float[Array, ""],
    *,
    panels: int,
    coarse: int,
) -> tuple[Float[Array, "graph clock skill"], Bool[Array, " graph"], Solved]:
    """Training steps at which each skill of flat graphs reaches an effort, by each of their clocks; which graphs end
    before; and how well it went. Absent skills have no meaning.
    """
    from . import gpu_programs as programs

    arranged, place = _arranged(graphs)
    goal = jnp.broadcast_to(effort, arranged.exponent.shape)
    found, error, panel_error = _solve(arranged, goal, panels, coarse, timed=True)
    shape = (arranged.rate.shape, goal.dtype)
    clock, learned = _call(programs.read_times, goal.shape[:1], [shape, shape])(arranged, goal, found)
    missing = jnp.maximum(goal[:, None] - arranged.start, 0) * CONSTANTS.reached
    short = arranged.rate * found.exposure[:, -1, : graphs.skills] < missing
    outside = jnp.any((arranged.rate > 0) & short, axis=1)
    clock, learned, started = (
        jnp.take_along_axis(_by_graph(x), jnp.maximum(place, 0), axis=1)[: len(rate), None]
        for x in (clock, learned, arranged.start)
    )
    times = jnp.where(started < effort, (learned + waste[:, :, None] * clock) / rate[:, :, None], 0)
    outside, *solved = (_by_graph(x)[: len(rate)] for x in (outside, found.edges, error, panel_error))
    return times, outside, Solved(*solved)


def _arranged(graphs: ResourceModel) -> tuple[Graphs, Array]:
    """A batch of graphs as the programs take it, and the place of each skill, -1 for absent ones.

    Skills come in topological order, absent ones last and with rate 0; the number of graphs is padded to whole programs
    by copies of the last.
    """
    graph, skills = graphs.graph, graphs.skills
    present, number = graph.present, jnp.arange(skills, dtype=jnp.int32)
    depth = jnp.where(present, graph.depth, skills)
    # the place of each skill by counting those before it: cheaper than to sort
    tied = (depth[:, None, :] == depth[:, :, None]) & (number[None, :] < number[:, None])[None]
    place = jnp.sum((depth[:, None, :] < depth[:, :, None]) | tied, axis=2, dtype=jnp.int32)
    here = place[:, None, :] == number[None, :, None]
    order = jnp.sum(jnp.where(here, number[None, None, :], 0), axis=2, dtype=jnp.int32)
    behind = jnp.take_along_axis(place, graph.prerequisites.reshape((len(place), -1)), axis=1)
    flags = jnp.where(graph.required, jnp.left_shift(jnp.int32(1), behind.reshape(graph.required.shape)), 0)

    def by_place(x: Array) -> Array:
        return _by_program(jnp.take_along_axis(x, order, axis=1))

    rate = by_place(jnp.where(present, jnp.asarray(effective_rates(graphs)[0]), 0))  # no schedule comes here
    start = by_place(jnp.where(present, jax.vmap(ResourceModel.initial_effort)(graphs), 0))
    bits = by_place(jnp.sum(flags, axis=2, dtype=jnp.int32))
    arranged = Graphs(rate, start, bits, _by_program(graphs.gate_exponent), 1 / jnp.max(rate, axis=1))
    return arranged, _padded(jnp.where(present, place, -1))


def _padded(x: Array) -> Array:
    """Whole programs along the first axis."""
    more = -len(x) % LANES
    return jnp.pad(x, [(0, more)] + [(0, 0)] * (x.ndim - 1), mode="edge") if more else x


def _by_program(x: Array) -> Array:
    """`(graph, ...)` as `(program, ..., lane)`."""
    whole = _padded(x)
    return jnp.moveaxis(whole.reshape((-1, LANES, *x.shape[1:])), 1, -1)


def _by_graph(x: Array) -> Array:
    """`(program, ..., lane)` as `(graph, ...)`, padding kept."""
    return jnp.moveaxis(x, -1, 1).reshape((-1, *x.shape[1:-1]))


def _solve(graphs: Graphs, target: Array, panels: int, coarse: int, *, timed: bool) -> tuple[Solution, Array, Array]:
    """The solution, its estimated error and its panels' errors, arrays `(program, ..., lane)`; without demand if
    `timed`.
    """
    from . import gpu_programs as programs
    from .gpu_arithmetic import GATE_ROWS

    count, skills, _ = graphs.rate.shape
    room, nodes, dtype = width(skills), programs.NODES, target.dtype

    def rows(*shape: int) -> tuple[tuple[int, ...], Any]:
        return (count, *shape, LANES), dtype

    edges, *_ = _call(
        functools.partial(programs.plan, coarse=coarse, timed=timed),
        (count,),
        [rows(panels + 1), rows(skills, programs.COARSE_NODES), *map(rows, (skills, coarse, coarse, 4 * skills))],
    )(graphs, target)
    kept = [rows(panels, nodes, room), rows(panels + 1, room)]
    kept += [rows(1, 1), rows(1)] if timed else [rows(panels, nodes), rows(panels + 1)]
    *found, error, panel_error, _, _ = _call(
        functools.partial(programs.solve, with_demand=not timed),
        (count,),
        [*kept, rows(), rows(panels), rows(skills, GATE_ROWS), rows(skills)],
    )(graphs, edges)
    return Solution(edges, *found), error, panel_error


def _call(
    program: Callable[..., None], grid: tuple[int, ...], outputs: list[tuple[tuple[int, ...], Any]], warps: int = 4
) -> Callable[..., Any]:
    """A program on a grid; every array is given to it whole."""
    from jax.experimental import pallas as pl
    from jax.experimental.pallas import triton

    # one stage: what a lane writes it reads again, so that no load may be moved ahead
    return pl.pallas_call(
        program,
        out_shape=[jax.ShapeDtypeStruct(shape, dtype) for shape, dtype in outputs],
        grid=grid,
        compiler_params=triton.CompilerParams(num_warps=warps, num_stages=1),
        interpret=INTERPRET,
    )
