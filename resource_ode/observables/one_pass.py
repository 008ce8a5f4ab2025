"""Measures by the compiled loops, in the pass that solves a graph: nothing that they are measured on is stored."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import jax
import numpy as np

from .. import native
from ..base.tracing import is_concrete
from ..model.model import ResourceModel
from ..model.schedule import Schedule
from ..solve.cascade.batch import backend_for
from ..solve.cascade.compiled import CompiledCascade
from ..solve.cascade.rates import steady
from ..solve.cascade.refine import COARSE_PANELS, PANELS
from ..solve.cascade.sharing import Clocks, Rows, exponents_can_share, split_axes
from ..solve.cascade.times import TIMES_PANELS
from ..solve.choose import cascade_obstacle
from ..solve.tolerance import as_tolerance

# what `of_learning_times` has
NAMES = ("horizon", "efficiency", "overlap")


def by_loops(model: ResourceModel) -> bool:
    """Whether the compiled loops solve a model by a single cascade, here."""
    single = is_concrete(model) and not isinstance(model.frequency, Schedule) and cascade_obstacle(model) is None
    return single and isinstance(backend_for(model, under_trace=False), CompiledCascade) and model.pool is None


def of_learning_times(
    model: ResourceModel, level: float, between: tuple[float, float], names: Collection[str]
) -> tuple[dict[str, np.ndarray], np.ndarray] | None:
    """Some of the `NAMES`, `(*batch,)` each: when the last skill reaches a level, the efficiency until then, and the
    mean overlap of consecutive skills `between` the levels of beginning and completion; and the members that the loops
    are not sure of, whose learning times have to be found first. None where the loops do not serve the model.
    """
    # times under a schedule are not those of one clock
    if not by_loops(model) or steady(model) is not model:
        return None
    model = jax.tree.map(np.asarray, model)
    tolerance = as_tolerance(None, "time", CompiledCascade.floors, model.dtype)
    graphs, clocks, back = split_axes(model, share_exponents=exponents_can_share(model, model.skills))
    levels = (level, *between)
    wanted = ((level,) if {"horizon", "efficiency"} & set(names) else ()) + (between if "overlap" in names else ())
    # one solve up to the highest level, of which the error is relative: that of the times of lower ones is larger
    strict = max(float(tolerance) * min(wanted) / max(wanted), 1e-12)
    rows = Rows(graphs, clocks, clocks)
    found, codes, _ = native.measures(rows, levels, strict, names, (TIMES_PANELS, COARSE_PANELS))
    found, unsure = back(({name: x.astype(model.dtype) for name, x in found.items()}, codes != 0))
    return {name: np.array(x) for name, x in found.items()}, np.asarray(unsure)


def until_level(graphs: ResourceModel, level: Any, tolerance: Any) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    r"""Of flat graphs until the last skill reaches a level, or with None over the whole learning: resource time, what
    is learned, $\int F\,d\tau$ and $\int \sum f^2/F\,d\tau$; and where their estimated error exceeds a tolerance.
    """
    one = np.ones((len(graphs.gate_exponent), 1, 1))
    clocks = Clocks(graphs.gate_exponent[:, None], one, one)
    rows = Rows(graphs, clocks, clocks)
    *found, error = native.spent(rows, level, tolerance, (PANELS, COARSE_PANELS))
    return tuple(found), ~(error <= np.asarray(tolerance, float))
