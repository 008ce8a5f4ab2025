"""The cascade by the walk in CUDA (`native.walks`), a graph to each thread of a GPU."""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ...base import pieces
from ...base.modules import with_fields
from ...model.extension import effective_rates
from ...model.model import ResourceModel
from ...native import calls, walks
from ...results.outcome import results_from_codes
from ..members import kept
from .backend import AbstractCascade, Found, Job, laws_obstacle
from .compiled import INACCURATE, NOT_FINITE
from .refine import COARSE_PANELS, PANELS
from .sharing import Rows
from .times import TIMES_PANELS


class WalkedCascade(AbstractCascade):
    """A program in CUDA, one thread for each graph."""

    name: ClassVar[str] = "a walk on the GPU"

    def obstacle(self, model: ResourceModel) -> str | None:
        if not walks.chosen():
            return "the walk was not asked for"
        if jax.default_backend() != "gpu" and not walks.ON_HOST:
            return "there is no GPU"
        return laws_obstacle(model, walks.MOST_SKILLS) or walks.obstacle()

    def trajectories(self, rows: Rows, ts: Array | np.ndarray, tolerance: np.ndarray, job: Job) -> Found:
        options = {"reduce": job.reduce, "method": job.method}
        values, unsure = _run(trajectories, rows, (ts, tolerance), job, options)
        return Found(values, unsure)

    def times(self, rows: Rows, level: np.ndarray, tolerance: np.ndarray, job: Job) -> Found:
        return Found(*_run(times, rows, (level, tolerance), job, {}))


def _run(function: Any, rows: Rows, shared: Any, job: Job, options: dict[str, Any]) -> tuple[Any, np.ndarray]:
    """In pieces; the gate exponents of a graph are rows of their own."""
    exponents = rows.clocks.exponent.shape[1]
    graphs = rows.graphs
    if exponents > 1:
        graphs = jax.tree.map(lambda x: np.repeat(x, exponents, axis=0), graphs)
    graphs = with_fields(graphs, gate_exponent=rows.clocks.exponent.reshape(-1))
    rate, waste = (x.reshape((-1, x.shape[2])) for x in rows.clocks[1:])
    values, unsure = pieces.run(
        function, (graphs, rate, waste), shared, job.size, at_a_time=job.at_a_time, done=job.done, **options
    )
    back = jax.tree.map(lambda x: x.reshape((-1, exponents, *x.shape[1:])), values)
    return back, np.array(unsure).reshape((-1, exponents))


def operands(model: ResourceModel, tolerance: Any, goal: Any, ts: Any) -> calls.Operands:
    """Those of flat members, each with an axis of members."""
    graph, rows = model.graph, model.gate_exponent.shape[0]
    rate = jnp.asarray(effective_rates(model)[0], model.dtype)
    start = jnp.zeros_like(rate) if model.initial_level is None else jnp.asarray(model.initial_level, model.dtype)
    each = (jnp.broadcast_to(jnp.asarray(x, model.dtype), (rows,)) for x in (model.gate_exponent, tolerance, goal))
    exponent, tolerance, goal = each
    known = {"prerequisites": jnp.asarray(graph.prerequisites, jnp.int32), "depth": jnp.asarray(graph.depth, jnp.int32)}
    known |= {"required": graph.required, "present": graph.present, "frequency": rate, "level": start}
    known |= {"exponent": exponent, "tolerance": tolerance, "goal": goal, "steps": jnp.asarray(ts, model.dtype)}
    return calls.Operands(**dict.fromkeys(calls.Operands._fields) | known)


def trajectories(arguments: Any, shared: Any, *, reduce: Any, method: str) -> tuple[Any, Array]:
    """Trajectories `(graph, clock, ...)`, and who is unsure `(graph,)`."""
    models, rate, waste = arguments
    ts, tolerance = shared
    numbers = {"panels": PANELS, "coarse_panels": COARSE_PANELS, "made_for": 1e-5}
    state, clock, code, error = walks.solve(
        "trajectories", operands(models, tolerance, 0.5, ts), rate, waste, **numbers
    )
    codes = jnp.asarray([0, INACCURATE, NOT_FINITE], jnp.int32)[code]

    def member(model: ResourceModel, rate: Array, waste: Array, state: Array, clock: Array, code: Array) -> Any:
        own = with_fields(model, learning_rate=rate, wasted_resource=waste)
        return kept(own, ts, (state, clock[:, None], None, results_from_codes(code)), reduce, method, "exposure")

    result = jax.vmap(jax.vmap(member, in_axes=(None, 0, 0, 0, 0, 0)))(models, rate, waste, state, clock, codes)
    return result, ~(error <= tolerance)


def times(arguments: Any, shared: Any) -> tuple[Array, Array]:
    """Learning times `(graph, clock, skill)`, NaN for those that are unsure, and who is `(graph,)`."""
    models, rate, waste = arguments
    level, tolerance = shared
    numbers = {"panels": TIMES_PANELS, "coarse_panels": COARSE_PANELS, "made_for": 1e-7}
    found, _, error = walks.solve("times", operands(models, tolerance, level, jnp.zeros(1)), rate, waste, **numbers)
    unsure = ~(error <= tolerance)
    return jnp.where(unsure[:, None, None], jnp.nan, found), unsure
