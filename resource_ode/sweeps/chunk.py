"""The numbers of one chunk of a sweep: a function of the description and the number of the chunk alone.

Whatever ran before, wherever it runs: a chunk always has the same shape (the last ones are padded) and the same
contents, so its numbers are the same, bit for bit, on one kind of processor with one set of versions.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..graphs.graph import SkillGraph
from ..model.model import ResourceModel
from .ensemble import build_frequency, build_graph, section_keys
from .measures import NO_FREQUENCY, measure
from .plan import OF_MEMBERS, Sweep


def compute_chunk(sweep: Sweep, chunk: int) -> dict[str, np.ndarray]:
    """All variables of one chunk, and `failed`: arrays along the dimensions of the sweep, cropped to its edges."""
    with jax.enable_x64(sweep.content["ensemble"]["precision"] == "float64"):
        block = _Block(sweep, chunk)
        graph, frequency, valid = _draw(sweep, block)
        model = _model(sweep, block, graph, frequency)
        values, code = measure(sweep, model)
        code = np.where(np.asarray(valid).reshape((-1,) + (1,) * (code.ndim - 1)), code, NO_FREQUENCY)
        found = {}
        for name, value in values.items():
            value = np.array(np.broadcast_to(value, code.shape + value.shape[code.ndim :]))
            value[code != 0] = np.nan
            # one NaN, since files and checksums tell them apart
            value[np.isnan(value)] = np.nan
            found[name] = block.unfold(value)
        return found | {"failed": block.unfold(code.astype(np.int8))}


class _Block:
    """Which members and clocks a chunk has: members are flattened to one axis, each clock keeps its own behind it."""

    def __init__(self, sweep: Sweep, chunk: int):
        self.sweep, self.region = sweep, sweep.region(chunk)
        self.static: dict[str, Any] = {}
        self.clocks: dict[str, np.ndarray] = {}
        members: dict[str, np.ndarray] = {}
        rows = zip((*sweep.axes, None), sweep.dimensions, self.region, sweep.blocks, sweep.shape, strict=True)
        for axis, name, part, size, count in rows:
            places = np.minimum(part.start + np.arange(size), count - 1)
            if axis is None:
                members[name] = places
            elif axis.kind == "static":
                self.static[name] = axis.values[part.start]
            else:
                picked = np.asarray(axis.values)[places]
                (self.clocks if axis.kind == "clock" else members)[name] = picked
        self.shape = {name: len(values) for name, values in members.items()}
        grids = np.meshgrid(*members.values(), indexing="ij")
        self.members = {name: grid.ravel() for name, grid in zip(members, grids, strict=True)}
        self.graphs = self.members.pop("graph")

    def unfold(self, value: np.ndarray) -> np.ndarray:
        """`(member, *clocks, ...)` along the dimensions of the sweep, without the padding."""
        here = [*self.static, *self.shape, *self.clocks]
        lengths = (1,) * len(self.static) + tuple(self.shape.values())
        value = value.reshape((*lengths, *value.shape[1:]))
        extra = range(len(here), value.ndim)
        value = value.transpose([*(here.index(name) for name in self.sweep.dimensions), *extra])
        return np.ascontiguousarray(value[tuple(slice(part.stop - part.start) for part in self.region)])


# -- the models


@functools.lru_cache(maxsize=32)
def _drawer(sweep: Sweep, static: tuple[tuple[str, Any], ...]) -> Callable[..., Any]:
    """Graphs and frequencies of members, compiled once for each combination of static values."""
    graph_arguments, frequency_arguments = (sweep.arguments(name, dict(static)) for name in ("graph", "frequency"))
    graph_keys, frequency_keys = section_keys(graph_arguments)["graph"], section_keys(frequency_arguments)["frequency"]
    seed = sweep.content["ensemble"]["seed"]

    @jax.jit
    def draw(number: Any, traced: dict[str, Any]) -> Any:
        def one(number: Any, traced: dict[str, Any]) -> Any:
            # one key a graph of the ensemble, whatever the cell: maps are smooth, and cells differ by their axes alone
            key = jax.random.fold_in(jax.random.key(seed, impl="threefry2x32"), number)
            mine = {name: value for name, value in traced.items() if name in graph_keys}
            graph = build_graph(graph_arguments, jax.random.fold_in(key, 0), mine)
            mine = {name: value for name, value in traced.items() if name in frequency_keys}
            frequency = build_frequency(frequency_arguments, jax.random.fold_in(key, 1), graph.skills, mine)
            valid = jnp.all(jnp.isfinite(frequency) & (frequency > 0))
            return graph, jnp.where(valid, frequency, 1), valid

        return jax.vmap(one)(number, traced)

    return draw


def _draw(sweep: Sweep, block: _Block) -> tuple[SkillGraph, jax.Array, jax.Array]:
    draw = _drawer(sweep, tuple(sorted(block.static.items())))
    traced = {name: jnp.asarray(values, float) for name, values in block.members.items() if name not in OF_MEMBERS}
    return draw(jnp.asarray(block.graphs, jnp.uint32), traced)


def _model(sweep: Sweep, block: _Block, graph: SkillGraph, frequency: jax.Array) -> ResourceModel:
    resource = sweep.arguments("resource", block.static)
    behind = (1,) * len(block.clocks)
    graph = jax.tree.map(lambda x: x.reshape((x.shape[0], *behind, *x.shape[1:])), graph)
    frequency = frequency.reshape((frequency.shape[0], *behind, frequency.shape[1]))
    for place, (name, values) in enumerate(block.clocks.items()):
        resource[name] = values.reshape((-1,) + (1,) * (len(block.clocks) - 1 - place))
    for name, axes in OF_MEMBERS.items():
        value = block.members.get(name, resource.pop(name, None))
        if value is not None:
            own = (graph.prerequisites.shape if axes == 2 else frequency.shape)[frequency.ndim - 1 :][:axes]
            value = jnp.asarray(value, frequency.dtype).reshape((-1, *behind, *(1,) * axes))
            resource[name] = jnp.broadcast_to(value, (*value.shape[: value.ndim - axes], *own))
    return ResourceModel(graph, frequency, **resource)
