"""What a sweep measures on its members: one row per observable, with its code, and the caller's own reducer."""

from __future__ import annotations

import dataclasses
import functools
import math
import re
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .. import observables
from ..base.values import brief
from ..base.warning import without_warnings
from ..graphs.graph import SkillGraph
from ..model.model import ResourceModel
from ..observables.one_pass import of_learning_times
from ..results.outcome import RESULTS, result_codes, result_names
from ..results.trajectory import Trajectory
from ..solve.learning import learning_times
from ..solve.simulation import simulate
from .arrays import METADATA as ROOT
from .ensemble import build_graph
from .plan import CLOCKS, OF_MEMBERS, Sweep

# how a member ended: the codes of a run, then what can go wrong before or without one
FAILURES = (
    "The member succeeded.",
    *(RESULTS[getattr(RESULTS, name)] for name in result_names()[1:]),
    "A learning time was not found: its solve failed. ro.learning_times of this member alone warns how.",
    "A frequency is zero or not a finite number: look for an extreme argument of its law.",
    "The seriality was not found within its tolerance. ro.observables.seriality of this member alone warns how.",
)
NO_TIME, NO_FREQUENCY, NO_SERIALITY = (len(FAILURES) - place for place in (3, 2, 1))
ONSET, COMPLETION = 0.1, 0.9
# what a variable may be called
_NAME = re.compile(r"\w[\w .+-]*")


class Measured:
    """Members of a chunk, and their learning times, each level solved once.

    - `model`: with batch shape `(member, *clocks)`.
    - `level`: of the description.
    - `skills`: the most that any member of the sweep has.
    """

    def __init__(self, model: ResourceModel, level: float, skills: int):
        self.model: ResourceModel = model
        self.graph: SkillGraph = model.graph
        self.level: float = level
        self.skills: int = skills
        # what does not look at prerequisites is spared a copy of them a clock
        bare = (model.graph.prerequisites[..., :0], model.graph.required[..., :0])
        self.bare: ResourceModel = eqx.tree_at(lambda m: (m.graph.prerequisites, m.graph.required), model, bare)
        self._times: dict[float, jax.Array] = {}

    def times(self, level: float | None = None) -> jax.Array:
        """Learning times of a level, by default that of the description; NaN where a solve failed."""
        level = self.level if level is None else level
        if level not in self._times:
            # what a warning would say is in `failed`
            with without_warnings():
                self._times[level] = learning_times(self.model, level)
        return self._times[level]

    def lost(self) -> np.ndarray:
        """Members of which a time that was asked for was not found."""
        lost = np.zeros(self.model.batch_shape, bool)
        for times in self._times.values():
            lost |= np.any(np.isnan(np.asarray(times)) & np.asarray(self.graph.present), axis=-1)
        return lost


@dataclasses.dataclass(frozen=True)
class Observable:
    """One variable of a sweep: how it is called, what it needs, how it is measured.

    - `needs`: `"graph"`, `"times"` (what is solved without a time grid) or `"run"` (a simulation, so a `[time]` table).
    - `measure`: its values `(member, *clocks, *axes)`, given a [`resource_ode.sweeps.measures.Measured`][]; those
        `(*axes)` of one member, given its [`resource_ode.Trajectory`][], if it needs a run.
    - `axes`: behind those of the sweep: `()`, `("skill",)` or `("time",)`.
    """

    needs: str
    long_name: str
    measure: Callable[[Any], Any]
    units: str = "1"
    axes: tuple[str, ...] = ()


def _horizon(members: Measured) -> Any:
    return jnp.max(jnp.where(members.graph.present, members.times(), 0), axis=-1)


def _participation(members: Measured) -> Any:
    frequency: Any = members.model.frequency
    return observables.participation_ratio(jnp.where(members.graph.present, frequency, jnp.nan))


def _padded(members: Measured) -> Any:
    times = members.times()
    width = [(0, 0)] * (times.ndim - 1) + [(0, members.skills - times.shape[-1])]
    return np.pad(np.asarray(times), width, constant_values=np.nan)


def _seriality(members: Measured) -> Any:
    model, level = members.model, None if members.model.law.has_end else members.level
    with without_warnings():
        return observables.seriality(model, level=level)


def _without_seriality(members: Measured, values: Any) -> np.ndarray:
    """Members whose seriality was not found, though there is one: none where all skills start where it ends."""
    model = members.model
    started = not model.law.has_end and model.initial_level is not None
    idle = np.all(np.asarray(model.initial_level) >= members.level, axis=-1) if started else np.asarray(False)
    return np.isnan(np.asarray(values)) & ~idle


OBSERVABLES = {
    "horizon": Observable("times", "training until the last skill is learned", _horizon, "training steps"),
    "efficiency": Observable(
        "times",
        "share of the resource that is of use",
        lambda members: observables.efficiency(members.bare, members.level, times=members.times()),
    ),
    "depth_correlation": Observable(
        "times",
        "rank correlation of learning time with depth",
        lambda members: observables.depth_correlation(members.times(), members.graph.depth),
    ),
    "domino_overlap": Observable(
        "times",
        "overlap of consecutive skills ($-1/4$ = Domino)",
        lambda members: observables.domino_overlap(members.times(ONSET), members.times(COMPLETION), mean=True),
    ),
    "learning_times": Observable("times", "learning time", _padded, "training steps", ("skill",)),
    "participation_ratio": Observable(
        "graph",
        "participation ratio of the frequencies",
        _participation,
        "skills",
    ),
    "dependencies": Observable("graph", "number of dependencies", lambda members: members.graph.edges),
    "longest_chain": Observable(
        "graph", "longest chain of dependencies", lambda members: jnp.max(members.graph.depth, axis=-1)
    ),
    "seriality": Observable("times", "seriality (1 = one skill at a time)", _seriality),
    "total_waste": Observable(
        "run", "share of the resource wasted until the last time", lambda run: observables.total_waste(run)[-1]
    ),
    "concurrency": Observable("run", "skills learned at once", observables.concurrency, "skills", ("time",)),
    "waste": Observable("run", "wasted share of the resource", lambda run: run.waste, "1", ("time",)),
    "loss": Observable("run", "loss", lambda run: run.loss, "1", ("time",)),
    "loss_exponent": Observable("run", "local exponent of the loss", observables.loss_exponent, "1", ("time",)),
}


def outputs(sweep: Sweep) -> dict[str, Observable]:
    """The variables of a sweep: its observables, and what the caller's reducer returns.

    **Raises:** `ValueError` for a reducer that does not return a number or a dictionary of numbers.
    """
    found = {name: OBSERVABLES[name] for name in sweep.names}
    if sweep.reducer is not None:
        with jax.enable_x64(sweep.content["ensemble"]["precision"] == "float64"):
            shapes = jax.eval_shape(lambda: _as_dictionary(sweep, sweep.reducer, _blank_run(sweep)))
        taken = {*found, *sweep.dimensions, "failed", "skill", "time", "records"}
        for name, shape in shapes.items():
            if shape.shape:
                raise ValueError(f"reducer: expected a number or a dictionary of numbers, got shape {shape.shape}")
            if jnp.issubdtype(shape.dtype, jnp.complexfloating):
                raise ValueError(f"reducer: expected a real number, got a complex one as {brief(name)}")
            if name in taken:
                raise ValueError(f"reducer: expected names that are not in use, got {name!r}")
            # each is a folder of the store
            if not _NAME.fullmatch(name) or name == ROOT:
                raise ValueError(f"reducer: expected names of letters, digits, spaces and _.+-, got {brief(name)}")
            found[name] = Observable("run", name.replace("_", " "), lambda run, name=name: run[name])
    return found


def size_of(sweep: Sweep, row: Observable) -> tuple[int, ...]:
    """Lengths of the axes of a variable behind those of the sweep."""
    lengths = {"skill": sweep.most_skills, "time": 0 if sweep.ts is None else math.prod(sweep.ts.shape)}
    return tuple(lengths[axis] for axis in row.axes)


def measure(sweep: Sweep, model: ResourceModel) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Values `(member, *clocks, ...)` by name, and the codes `(member, *clocks)`."""
    shape = model.batch_shape
    members = Measured(model, sweep.content["observe"]["level"], sweep.most_skills)
    code = np.zeros(shape, np.int32)
    values: dict[str, Any] = {}
    wanted = outputs(sweep)
    if any(row.needs == "run" for row in wanted.values()):
        values, ended = simulate(model, sweep.ts, reduce=_reduction(sweep))
        code = np.asarray(ended)
    found, lost = _in_one_pass(members, wanted)
    values |= found
    values |= {name: row.measure(members) for name, row in wanted.items() if name not in values and row.needs != "run"}
    code = np.where((code == 0) & (members.lost() | lost), NO_TIME, code)
    if "seriality" in wanted:
        code = np.where((code == 0) & _without_seriality(members, values["seriality"]), NO_SERIALITY, code)
    dtype = np.dtype(sweep.content["ensemble"]["precision"])
    return {name: _full(np.asarray(values[name]), shape).astype(dtype) for name in wanted}, code


# what needs no learning times to be kept, and what the loops call it
IN_ONE_PASS = {"horizon": "horizon", "efficiency": "efficiency", "domino_overlap": "overlap"}


def _in_one_pass(members: Measured, wanted: dict[str, Observable]) -> tuple[dict[str, Any], np.ndarray]:
    """What the solver measures as it goes, if nothing else needs the times; and members whose times were not found."""
    lost = np.zeros(members.model.batch_shape, bool)
    asked = {name: IN_ONE_PASS[name] for name in wanted if name in IN_ONE_PASS}
    others = {name for name, row in wanted.items() if row.needs == "times"} - {*asked, "seriality"}
    solved = None
    if asked and not others:
        solved = of_learning_times(members.model, members.level, (ONSET, COMPLETION), asked.values())
    if solved is None:
        return {}, lost
    found, unsure = {name: solved[0][own] for name, own in asked.items()}, solved[1]
    rows = np.flatnonzero(unsure.reshape((len(unsure), -1)).any(axis=1))
    if len(rows):
        # each for itself, so that the others stay what they are
        some = Measured(members.model[rows], members.level, members.skills)
        for name, values in found.items():
            again = np.asarray(OBSERVABLES[name].measure(some))
            values[rows] = np.where(unsure[rows], again, values[rows])
        lost[rows] = unsure[rows] & some.lost()
    return found, lost


def _full(value: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """What does not depend on the clocks, once for each."""
    own = value.shape[len(shape) :]
    return np.broadcast_to(value, shape + own)


@functools.lru_cache(maxsize=32)
def _reduction(sweep: Sweep) -> Callable[[Trajectory], Any]:
    """What is kept of one run: the same function for every chunk, so that it is compiled once."""
    chosen = {name: OBSERVABLES[name] for name in sweep.names if OBSERVABLES[name].needs == "run"}
    expected = [name for name in outputs(sweep) if name not in sweep.names]

    def reduce(run: Trajectory) -> Any:
        values = {name: row.measure(run) for name, row in chosen.items()}
        if sweep.reducer is not None:
            own = _as_dictionary(sweep, sweep.reducer, run)
            if set(own) != set(expected):
                raise ValueError(f"reducer: expected the names {expected} in every cell, got {sorted(own)}")
            values |= own
        return values, result_codes(run.result)

    return reduce


# -- the caller's reducer


def _as_dictionary(sweep: Sweep, reducer: Any, run: Trajectory) -> dict[str, Any]:
    result = reducer(run)
    if not isinstance(result, dict):
        result = {sweep.content["observe"]["reducer"].split(":")[1].split(".")[-1]: result}
    wrong = f"reducer: expected a number or a dictionary of numbers, got {brief(result)}"
    if not result:
        raise ValueError(wrong)
    try:
        return {str(name): jnp.asarray(value) for name, value in result.items()}
    except (TypeError, ValueError):
        raise ValueError(wrong) from None


def _blank_run(sweep: Sweep) -> Trajectory:
    """A run of the right shapes, for a reducer to be traced on."""
    static = sweep.statics()[0]
    resource = sweep.arguments("resource", static)
    first = {axis.name: axis.values[0] for axis in sweep.axes}
    graph = build_graph(sweep.arguments("graph", static), None, sweep.first("graph", static))
    frequency = jnp.ones(graph.skills)
    clocks = {name: first.get(name, resource.get(name)) for name in CLOCKS}
    options = {name: resource[name] for name in ("loss", "competition")}
    sizes = {1: frequency.shape, 2: graph.prerequisites.shape}
    for name, axes in OF_MEMBERS.items():
        value = first.get(name, resource.get(name))
        if value is not None:
            options[name] = jnp.full(sizes[axes] if axes else (), value, frequency.dtype)
    model = ResourceModel(graph, frequency, **clocks, **options)
    assert sweep.ts is not None
    ts = jnp.asarray(sweep.ts, model.dtype)
    state = jnp.zeros((*ts.shape, graph.skills), model.dtype)
    return Trajectory(ts, state, ts, None, RESULTS.successful, model, "exposure", "")
