"""Which members of a batch share a cascade.

Three levels. A *graph* (with its frequencies) is a cascade of its own. A *gate exponent* rescales that cascade
(`quadrature.at_exponent`), so that a graph's exponents share one solve. A *clock*, a learning rate and a wasted
resource, reads what it has been given.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ...base.modules import with_fields
from ...model.model import ResourceModel
from ...model.picking import batch_of_one

# numbers that one piece of a result may hold
PIECE = 2**22


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


class Rows(NamedTuple):
    """Rows `(row, exponent, clock)` of one width: graphs, the clocks that read them, and all clocks of each graph,
    which set the range of its panels, so that a piece of the clocks gives the very numbers of the whole.
    """

    graphs: ResourceModel
    clocks: Clocks
    everyone: Clocks


def only_row(model: ResourceModel) -> Rows:
    """A model without batch axes as the only row there is."""
    graphs = batch_of_one(model)
    rate, waste = (x[:, None, None] for x in (graphs.learning_rate, graphs.wasted_resource))
    clocks = Clocks(graphs.gate_exponent[:, None], rate, waste)
    return Rows(graphs, clocks, clocks)


def members_of(rows: Rows) -> ResourceModel:
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
