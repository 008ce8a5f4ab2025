"""A batch in resource time: what shares a cascade, in which pieces it is solved, and how finely.

Three levels. A *graph* (with its frequencies) is a cascade of its own. A *gate exponent* rescales that cascade
(`cascade.at_exponent`), so that a graph's exponents share one solve. A *clock*, a learning rate and a wasted resource,
reads what it has been given. Each member is solved finer and finer until its estimated error is within the tolerance.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ...base import pieces
from ...base.modules import with_fields
from ...model.model import ResourceModel
from . import quadrature as resource_time

# panels of the coarse solve that places those of the first, and of the solves that follow while the error is too large
COARSE_PANELS = 24
PANELS = 24
MORE_PANELS = (64, 192)
# a traced call cannot look at its error: it always goes this far
TRACED = 48
# numbers that one piece of a result may hold
PIECE = 2**22


# -- one member, finer and finer


class Progress(eqx.Module):
    """Where a member's panels stand: what the next, finer solve starts from."""

    edges: Array
    panel_error: Array
    turns: Array | None


def solve_member(
    model: ResourceModel,
    before: Progress | None,
    first: Callable[[ResourceModel], Array],
    panels: int | None,
    **options: bool,
) -> resource_time.Cascade:
    """The first solve of a member, between edges `first(model)`; with `panels`, a finer one of so many after it.

    `before` is where an earlier solve stands, which is then not repeated. Only the result carries derivatives.
    """
    if before is None:
        start = model if panels is None else jax.lax.stop_gradient(model)
        frozen = jax.lax.stop_gradient(model)
        edges, turns = first(frozen), None
        if model.frequency_after is not None:
            turns = resource_time.solve_cascade(frozen, edges, **options).turns(frozen)
        solved = _solve_between(start, edges, turns, options)
        if panels is None:
            return solved
        before = where_it_stands(start, solved, solved.panel_error)
    assert panels is not None
    edges = resource_time.refine_edges(before.edges, before.panel_error, panels)
    return _solve_between(model, jax.lax.stop_gradient(edges), before.turns, options)


def coarse_solve(model: ResourceModel, last: Array) -> tuple[Array, Array]:
    """Edges up to resource time `last` that know nothing of the graph but its fastest skill, and exposures there."""
    fastest = jnp.max(jnp.where(model.graph.present, model.rate(), 0))
    edges = resource_time.logarithmic_edges(fastest, last, COARSE_PANELS)
    return edges, resource_time.coarse_exposure(model, edges)


def _solve_between(
    model: ResourceModel, edges: Array, turns: Array | None, options: dict[str, bool]
) -> resource_time.Cascade:
    """One solve; before it those that find the turns, each to the square of the last one's error."""
    if turns is not None:

        def closer(turns: Any, _: None) -> tuple[Any, None]:
            solved = resource_time.solve_cascade(model, resource_time.with_edges(edges, turns), **options)
            return solved.turns(model), None

        turns, _ = jax.lax.scan(closer, turns, None, length=2)
    return resource_time.solve_cascade(model, resource_time.with_edges(edges, turns), **options)


def where_it_stands(model: ResourceModel, solved: resource_time.Cascade, panel_error: Array) -> Progress:
    """What a finer solve needs of a solve, and of the errors of what was read from it."""
    return Progress(jax.lax.stop_gradient(solved.edges), panel_error, solved.turns(model))


def each_exponent(function: Callable[..., Any], clocks: Any) -> Any:
    """`function(exponent, rates, wastes)` for the gate exponents of one graph, one after the other: their demands are
    too large to hold side by side.
    """
    if len(clocks.exponent) == 1:
        # a map of one would keep what it does out of the compiler's view
        return jax.tree.map(lambda x: x[None], function(*(x[0] for x in clocks)))
    return jax.lax.map(lambda row: function(*row), tuple(clocks))


# -- what shares a cascade


class Clocks(NamedTuple):
    """What reads the cascades of a batch: gate exponents `(graph, exponent)`, and rates and wastes `(graph, exponent,
    clock)`, with pools a last axis more. One exponent alone is the one that the graph is solved for.
    """

    exponent: Any
    rate: Any
    waste: Any


def split_axes(model: ResourceModel, *, share_exponents: bool) -> tuple[ResourceModel, Clocks, Callable[[Any], Any]]:
    r"""A batch as graphs times gate exponents times clocks: axes along which only $N_0$ and $\eta$ differ share one
    cascade, and with `share_exponents` so do those along which the gate exponent differs.

    Returns the graphs `(graph, ...)`, what reads them, and what puts results `(graph, exponent, clock, ...)` back into
    the batch's own shape. Graphs that share have the smallest of their exponents.
    """
    shape = model.batch_shape
    pools = () if model.pool is None else (model.pools,)
    nothing = np.ones(pools, model.dtype)
    graphs = with_fields(model, learning_rate=nothing, wasted_resource=nothing)
    exponent = graphs.gate_exponent
    if share_exponents:
        graphs = with_fields(graphs, gate_exponent=np.ones((), model.dtype))

    def axes(own: tuple[int, ...]) -> list[int]:
        own = (1,) * (len(shape) - len(own)) + own
        return [axis for axis in range(len(shape)) if own[axis] == shape[axis]]

    outer = axes(graphs.batch_shape)
    middle = [axis for axis in axes(exponent.shape) if axis not in outer] if share_exponents else []
    order = outer + middle + [axis for axis in range(len(shape)) if axis not in outer + middle]
    counts = tuple(math.prod(shape[axis] for axis in group) for group in (outer, middle))

    def arranged(value: Any, lengths: tuple[int, ...], own: tuple[int, ...]) -> Any:
        numpy = np if isinstance(value, np.ndarray) else jnp
        spread = numpy.broadcast_to(value, lengths + own)
        return spread.transpose((*order, *range(len(shape), spread.ndim))).reshape((*counts, -1, *own))

    def back(result: Any) -> Any:
        def one(x: Any) -> Any:
            x = x.reshape((*(shape[axis] for axis in order), *x.shape[3:]))
            return x.transpose((*np.argsort(order), *range(len(shape), x.ndim)))

        return jax.tree.map(one, result)

    graphs = graphs.flat()
    alone = tuple(n if axis in outer + middle else 1 for axis, n in enumerate(shape))
    exponents = arranged(exponent, alone, ())[:, :, 0]
    if share_exponents:
        graphs = with_fields(graphs, gate_exponent=exponents.min(axis=1))
    rates, wastes = (arranged(value, shape, pools) for value in (model.learning_rate, model.wasted_resource))
    return graphs, Clocks(exponents, rates, wastes), back


def exponents_can_share(model: ResourceModel, numbers: int) -> bool:
    """Whether one cascade can serve many gate exponents of a graph, and all of their results, of so many `numbers` a
    member, fit in a piece.
    """
    if not model.law.effort_is_depth or model.initial_level is not None or model.frequency_after is not None:
        return False
    shape = model.batch_shape
    one = np.ones((), model.dtype)
    bare = with_fields(model, gate_exponent=one, learning_rate=one, wasted_resource=one)
    mine, others = ((1,) * (len(shape) - len(own)) + own for own in (model.gate_exponent.shape, bare.batch_shape))
    together = math.prod(n for n, other in zip(mine, others, strict=True) if other == 1)
    return 1 < together <= PIECE // (8 * numbers)


# -- a whole batch


def microbatch(skills: int, members: int) -> int:
    """How many graphs are solved side by side: as many as stay in the cache on a CPU, or fill a GPU.

    Fewer only in steps of eight, since each size is a program of its own to compile.
    """
    numbers = skills * PANELS * resource_time.NODES
    room, most = (2**18, 64) if jax.default_backend() == "cpu" else (2**30, 2**15)
    size = max(1, min(most, 8 ** int(math.log(max(1, room // numbers), 8))))
    while size // 8 >= members:
        size //= 8
    return size


def solve_batch(
    model: ResourceModel,
    function: Callable[..., Any],
    shared: tuple[Array | np.ndarray, ...],
    otherwise: Callable[[ResourceModel], Any],
    *,
    fused: Callable[..., tuple[Any, np.ndarray]] | None,
    numbers: int,
    batch_size: int | None,
    progress: Callable[[int, int], Any] | None = None,
    **options: Any,
) -> Any:
    """A whole batch by `function((graphs, clocks, all clocks, where they stand), shared)`, finer and finer where it is
    unsure.

    Rows `(graph, exponent, clock)` of one width are solved in pieces of one size; a graph with many clocks takes
    several rows, and each knows all clocks of its graph, so that its range does not depend on the width. `numbers` is
    how many numbers the result has a member. `fused(rows, size, share, done)`, where it applies, does all this in one
    go. Members that stay unsure go to `otherwise`.
    """
    total = math.prod(model.batch_shape)
    if total == 0:
        raise ValueError(f"model: expected at least one member, got a batch of shape {model.batch_shape}")
    model = jax.tree.map(np.asarray, model)
    graphs, clocks, back = split_axes(model, share_exponents=exponents_can_share(model, numbers))
    members, exponents, each = clocks.rate.shape[:3]
    size = microbatch(graphs.skills, members)
    wide = min(each, max(1, PIECE // (numbers * exponents * size)), max(1, (batch_size or total) // exponents))
    step = size if batch_size is None else max(1, min(size, batch_size // (exponents * wide)))
    count = math.ceil(each / wide)
    columns = np.minimum(np.arange(count * wide), each - 1)

    def by_row(x: np.ndarray) -> np.ndarray:
        return x if count == 1 else np.repeat(x, count, axis=0)

    def widened(x: np.ndarray) -> np.ndarray:
        if count == 1:
            return x
        x = x[:, :, columns].reshape((members, exponents, count, wide, *x.shape[3:]))
        return np.moveaxis(x, 2, 1).reshape((members * count, exponents, wide, *x.shape[4:]))

    mine = Clocks(by_row(clocks.exponent), widened(clocks.rate), widened(clocks.waste))
    rows = (jax.tree.map(by_row, graphs), mine, Clocks(*map(by_row, clocks)))

    def done(finished: int) -> None:
        if progress is not None:
            whole, part = divmod(finished, count)
            progress(exponents * (whole * each + min(part * wide, each)), total)

    stand = None
    if fused is not None:
        result, unsure = fused(rows, size, None if batch_size is None else step, done)
    else:
        result, unsure, stand = pieces.run(
            function, (*rows, None), shared, size, at_a_time=step, done=done, panels=None, **options
        )
    left = keep = np.flatnonzero(np.asarray(unsure))
    for panels in () if fused is not None else MORE_PANELS:
        if len(left):
            chosen = (*take(rows, left), jax.tree.map(lambda x, at=keep: np.asarray(x)[at], stand))
            again, unsure, stand = pieces.run(function, chosen, shared, min(8, size), panels=panels, **options)
            result = pieces.put(result, left, again)
            keep = np.flatnonzero(np.asarray(unsure))
            left = left[keep]
    if len(left) and bool(np.all(mine.waste[left] > 0)):
        again = otherwise(members_of(take(rows, left)))
        again = jax.tree.map(lambda x: x.reshape((len(left), exponents, wide, *x.shape[1:])), again)
        result = pieces.put(result, left, again)

    def narrowed(x: Any) -> Any:
        x = x.reshape((members, count, exponents, wide, *x.shape[3:])).swapaxes(1, 2)
        return x.reshape((members, exponents, count * wide, *x.shape[4:]))[:, :, :each]

    return pieces.as_arrays(back(jax.tree.map(narrowed, result)))


def members_of(rows: tuple[ResourceModel, Clocks, Clocks]) -> ResourceModel:
    """The members `(row x exponent x clock, ...)` of some rows, each a model of its own."""
    graphs, clocks, _ = rows
    exponents, each = clocks.rate.shape[1:3]
    chosen = jax.tree.map(lambda x: np.repeat(x, exponents * each, axis=0), graphs)
    rate, waste = (x.reshape((-1, *x.shape[3:])) for x in clocks[1:])
    exponent = np.repeat(clocks.exponent, each, axis=1).ravel()
    return with_fields(chosen, gate_exponent=exponent, learning_rate=rate, wasted_resource=waste)


def take(tree: Any, index: Any) -> Any:
    """Some members of a batch."""
    return jax.tree.map(lambda x: x[index], tree)
