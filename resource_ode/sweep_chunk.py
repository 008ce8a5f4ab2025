"""The numbers of one chunk of a sweep: a function of the description and the number of the chunk alone.

Whatever ran before, wherever it runs: a chunk always has the same shape (the last ones are padded) and the same
contents, so its numbers are the same, bit for bit, on one kind of processor with one set of versions.
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from . import observables
from .graphs.graph import SkillGraph
from .model.model import ResourceModel
from .results.trajectory import RESULTS, Trajectory, result_codes, result_names
from .solve.learning import learning_times
from .solve.simulation import simulate
from .sweep_plan import CLOCKS, OBSERVABLES, Observable, Sweep, build_frequency, build_graph, section_keys

# how a member ended: the codes of a run, then what can go wrong before or without one
FAILURES = (
    "The member succeeded.",
    *(RESULTS[getattr(RESULTS, name)] for name in result_names()[1:]),
    "A learning time was not found: its solve failed. ro.learning_times of this member alone warns how.",
    "A frequency is zero or not a finite number: look for an extreme argument of its law.",
)
NO_TIME, NO_FREQUENCY = len(FAILURES) - 2, len(FAILURES) - 1
# what an unfinished chunk holds in place of a code
NOT_COMPUTED = -1
ONSET, COMPLETION = 0.1, 0.9
AT_LEVEL = {"horizon", "efficiency", "depth_correlation", "learning_times"}


def outputs(sweep: Sweep) -> dict[str, Observable]:
    """The variables of a sweep: its observables, and what the caller's reducer returns.

    **Raises:** `ValueError` for a reducer that does not return a number or a dictionary of numbers.
    """
    found = {name: OBSERVABLES[name] for name in sweep.names}
    if sweep.reducer is not None:
        with jax.enable_x64(sweep.content["ensemble"]["precision"] == "float64"):
            shapes = jax.eval_shape(lambda: _as_dictionary(sweep, sweep.reducer, _blank_run(sweep)))
        taken = {*found, *sweep.dimensions, "failed", "skill", "time"}
        for name, shape in shapes.items():
            if shape.shape:
                raise ValueError(f"reducer: expected a number or a dictionary of numbers, got shape {shape.shape}")
            if name in taken:
                raise ValueError(f"reducer: expected names that are not in use, got {name!r}")
            found[name] = Observable("run", name.replace("_", " "), "")
    return found


def compute_chunk(sweep: Sweep, chunk: int) -> dict[str, np.ndarray]:
    """All variables of one chunk, and `failed`: arrays along the dimensions of the sweep, cropped to its edges."""
    with jax.enable_x64(sweep.content["ensemble"]["precision"] == "float64"), warnings.catch_warnings():
        # what it says is in `failed`
        warnings.filterwarnings("ignore", message="learning_times: ")
        block = _Block(sweep, chunk)
        graph, frequency, valid = _draw(sweep, block)
        model = _model(sweep, block, graph, frequency)
        values, code = _measure(sweep, model)
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
    traced = {name: jnp.asarray(values, float) for name, values in block.members.items() if name != "initial_level"}
    return draw(jnp.asarray(block.graphs, jnp.uint32), traced)


def _model(sweep: Sweep, block: _Block, graph: SkillGraph, frequency: jax.Array) -> ResourceModel:
    resource = sweep.arguments("resource", block.static)
    behind = (1,) * len(block.clocks)
    graph = jax.tree.map(lambda x: x.reshape((x.shape[0], *behind, *x.shape[1:])), graph)
    frequency = frequency.reshape((frequency.shape[0], *behind, frequency.shape[1]))
    for place, (name, values) in enumerate(block.clocks.items()):
        resource[name] = values.reshape((-1,) + (1,) * (len(block.clocks) - 1 - place))
    level = block.members.get("initial_level", resource.pop("initial_level", None))
    if level is not None:
        level = jnp.asarray(level, frequency.dtype).reshape((-1, *behind, 1))
        resource["initial_level"] = jnp.broadcast_to(level, frequency.shape)
    return ResourceModel(graph, frequency, **resource)


# -- what is measured


def _measure(sweep: Sweep, model: ResourceModel) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Values `(member, *clocks, ...)` by name, and the codes `(member, *clocks)`."""
    shape = model.batch_shape
    graph = model.graph
    level = sweep.content["observe"]["level"]
    # what does not look at prerequisites is spared a copy of them a clock
    bare = eqx.tree_at(lambda m: (m.graph.prerequisites, m.graph.required), model, _without(graph))

    @functools.cache
    def times(level: float) -> jax.Array:
        return learning_times(model, level)

    measures: dict[str, Callable[[], Any]] = {
        "horizon": lambda: jnp.max(jnp.where(graph.present, times(level), 0), axis=-1),
        "efficiency": lambda: observables.efficiency(bare, level, times=times(level)),
        "depth_correlation": lambda: observables.depth_correlation(times(level), graph.depth),
        "domino_overlap": lambda: observables.domino_overlap(times(ONSET), times(COMPLETION), mean=True),
        "learning_times": lambda: _padded(times(level), sweep.most_skills),
        "participation_ratio": lambda: observables.participation_ratio(model.frequency),
        "dependencies": lambda: graph.edges,
        "longest_chain": lambda: jnp.max(graph.depth, axis=-1),
    }
    code = np.zeros(shape, np.int32)
    values: dict[str, Any] = {}
    if sweep.ts is not None and any(row.needs == "run" for row in outputs(sweep).values()):
        reduced, ended = simulate(model, sweep.ts, reduce=_reduction(sweep))
        code = np.asarray(ended)
        values |= reduced
    values |= {name: measures[name]() for name in sweep.names if OBSERVABLES[name].needs != "run"}
    # every level that was asked for has to be found
    asked = {level} if set(sweep.names) & AT_LEVEL else set()
    if "domino_overlap" in sweep.names:
        asked |= {ONSET, COMPLETION}
    for wanted in sorted(asked):
        code = np.where((code == 0) & _lost(times(wanted), graph), NO_TIME, code)
    dtype = np.dtype(sweep.content["ensemble"]["precision"])
    return {name: _full(np.asarray(values[name]), shape).astype(dtype) for name in outputs(sweep)}, code


def _without(graph: SkillGraph) -> tuple[Any, Any]:
    return graph.prerequisites[..., :0], graph.required[..., :0]


def _lost(times: jax.Array, graph: SkillGraph) -> np.ndarray:
    return np.any(np.isnan(np.asarray(times)) & np.asarray(graph.present), axis=-1)


def _full(value: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """What does not depend on the clocks, once for each."""
    own = value.shape[len(shape) :]
    return np.broadcast_to(value, shape + own)


def _padded(times: jax.Array, skills: int) -> np.ndarray:
    width = [(0, 0)] * (times.ndim - 1) + [(0, skills - times.shape[-1])]
    return np.pad(np.asarray(times), width, constant_values=np.nan)


@functools.lru_cache(maxsize=32)
def _reduction(sweep: Sweep) -> Callable[[Trajectory], Any]:
    """What is kept of one run: the same function for every chunk, so that it is compiled once."""
    measures: dict[str, Callable[[Trajectory], Any]] = {
        "seriality": observables.seriality,
        "total_waste": lambda run: observables.total_waste(run)[-1],
        "concurrency": observables.concurrency,
        "waste": lambda run: run.waste,
        "loss": lambda run: run.loss,
        "loss_exponent": observables.loss_exponent,
    }
    chosen = [name for name in sweep.names if name in measures]

    def reduce(run: Trajectory) -> Any:
        values = {name: measures[name](run) for name in chosen}
        if sweep.reducer is not None:
            values |= _as_dictionary(sweep, sweep.reducer, run)
        return values, result_codes(run.result)

    return reduce


def _as_dictionary(sweep: Sweep, reducer: Any, run: Trajectory) -> dict[str, Any]:
    result = reducer(run)
    if not isinstance(result, dict):
        result = {sweep.content["observe"]["reducer"].split(":")[1].split(".")[-1]: result}
    try:
        return {str(name): jnp.asarray(value) for name, value in result.items()}
    except TypeError:
        raise ValueError(f"reducer: expected a number or a dictionary of numbers, got {result!r:.80}") from None


def _blank_run(sweep: Sweep) -> Trajectory:
    """A run of the right shapes, for a reducer to be traced on."""
    static = sweep.statics()[0]
    resource = sweep.arguments("resource", static)
    first = {axis.name: axis.values[0] for axis in sweep.axes}
    graph = build_graph(sweep.arguments("graph", static), None, sweep.first("graph", static))
    frequency = jnp.ones(graph.skills)
    clocks = {name: first.get(name, resource.get(name)) for name in CLOCKS}
    options = {name: resource[name] for name in ("loss", "competition")}
    model = ResourceModel(graph, frequency, **clocks, **options)
    assert sweep.ts is not None
    ts = jnp.asarray(sweep.ts, model.dtype)
    state = jnp.zeros((*ts.shape, graph.skills), model.dtype)
    return Trajectory(ts, state, ts, None, RESULTS.successful, model, "exposure", "")


def size_of(sweep: Sweep, row: Observable) -> tuple[int, ...]:
    """Lengths of the axes of a variable behind those of the sweep."""
    lengths = {"skill": sweep.most_skills, "time": 0 if sweep.ts is None else math.prod(sweep.ts.shape)}
    return tuple(lengths[axis] for axis in row.axes)
