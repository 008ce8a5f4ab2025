"""One member, solved finer and finer until its estimated error is within the tolerance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array

from ...model.model import ResourceModel
from . import quadrature as resource_time
from .panels import logarithmic_edges, quickest, refine_edges, with_edges
from .takeovers import takeovers

# panels of the coarse solve that places those of the first, and of the solves that follow while the error is too large
COARSE_PANELS = 24
PANELS = 24
MORE_PANELS = (64, 192)


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
    **options: Any,
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
    edges = jax.lax.stop_gradient(refine_edges(before.edges, before.panel_error, panels))
    solved = _solve_between(model, edges, before.turns, options)
    kinks = takeovers(model, solved)
    return solved if kinks is None else resource_time.solve_cascade(model, with_edges(solved.edges, kinks), **options)


def coarse_solve(model: ResourceModel, last: Array) -> tuple[Array, Array]:
    """Edges up to resource time `last` that know nothing of the graph but what is quickest, and exposures there."""
    edges = logarithmic_edges(quickest(model), last, COARSE_PANELS)
    return edges, resource_time.coarse_exposure(model, edges)


def _solve_between(
    model: ResourceModel, edges: Array, turns: Array | None, options: dict[str, Any]
) -> resource_time.Cascade:
    """One solve; before it those that find the turns, each to the square of the last one's error."""
    if turns is not None:

        def closer(turns: Any, _: None) -> tuple[Any, None]:
            solved = resource_time.solve_cascade(model, with_edges(edges, turns), **options)
            return solved.turns(model), None

        turns, _ = jax.lax.scan(closer, turns, None, length=2)
    return resource_time.solve_cascade(model, with_edges(edges, turns), **options)


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
