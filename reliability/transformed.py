"""The cases of `transformations`: models of moderate parameters, verbs and nests, each made again from its name alone.

A case's name is `KIND/DTYPE/VERB/NEST/SEED.NUMBER`. Kinds are those of `torture` (but for large graphs); numbers are
such that nothing is lost, and that differences of plain calls tell derivatives.
"""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from . import draws, nests
from .kinds import DTYPES, KINDS, Kind
from .nests import Numbers, Step

SKILLS, ROWS, MEMBERS, PIECES = 4, 5, 2, 3
TOLERANCE: float = 1e-9
OF_SCHEDULES = ("learning_rate", "wasted_resource", "frequency")
BY_SKILL = ("frequency", "initial_level", "frequency_after", "learnability", "pool")
# what has no derivative, but may vary
DISCRETE = ("graph", "gate", "present", "pool", "tolerance", "interference")
# what no batch of models has, so that each value needs a call of its own
ALONE = ("level", "ts", "tolerance")


def _verbs() -> dict[str, Callable[..., Any]]:
    import jax.numpy as jnp

    import resource_ode as ro

    measures = ro.observables

    def of_run(run: Any) -> Any:
        return jnp.append(jnp.ravel(measures.total_waste(run)[-1]), measures.concurrency(run)[1:])

    def run(of: Callable[[Any], Any], **options: Any) -> Callable[..., Any]:
        return lambda model, level, **given: of(ro.simulate(model, given["ts"], **given["close"], **options))

    def until(of: Callable[..., Any]) -> Callable[..., Any]:
        return lambda model, level, ts, close: of(model, level=level, **close)

    def at(of: Callable[..., Any]) -> Callable[..., Any]:
        return lambda model, level, ts, close: of(model, ts=ts, **close)

    def steps(model: Any, level: Any, ts: Any, close: Any) -> Any:
        return ro.simulate(model, ts, method="steps").level

    def reduced(of: Callable[[Any], Any]) -> Callable[..., Any]:
        return run(lambda found: found, reduce=of)

    return {
        "levels": run(lambda run: run.level),
        "exposures": run(lambda run: run.state),
        "clock": run(lambda run: run.clock),
        "ode": run(lambda run: run.level, method="ode"),
        "steps": steps,
        "reduced-loss": reduced(lambda run: run.loss),
        "reduced-measures": reduced(of_run),
        "times": until(ro.learning_times),
        "horizon": until(ro.horizon),
        "seriality": until(measures.seriality),
        "total-waste": until(measures.total_waste),
        "efficiency": until(measures.efficiency),
        "overlap": lambda model, level, ts, close: measures.domino_overlap(model, mean=True, **close),
        "correlation": until(measures.depth_correlation),
        "waste-at": at(measures.total_waste),
        "concurrency": at(measures.concurrency),
        "loss-exponent": at(measures.loss_exponent),
    }


AT_TIMES = (
    *("levels", "exposures", "clock", "ode", "steps", "reduced-loss", "reduced-measures"),
    *("waste-at", "concurrency", "loss-exponent"),
)
UNTIL = ("times", "horizon", "seriality", "total-waste", "efficiency", "correlation")
VERBS = (*AT_TIMES, *UNTIL, "overlap")
# what the loops give as it is, to the last bit
DIRECT = ("exposures", "clock", "times", "horizon")
MY_KINDS = [kind for kind in KINDS if "large" not in kind.graph and "long" not in kind.graph]


@dataclasses.dataclass
class Case:
    """One nest around one verb.

    `x` is what is traced, with an axis in front for each map over it; `rest` are the other parameters. `spoiled`: the
    last member of the maps over `wasted_resource` has one that would be refused.
    """

    name: str
    kind: Kind
    dtype: str
    verb: str
    nest: tuple[Step, ...]
    x: Numbers
    rest: Numbers
    spoiled: bool = False

    @property
    def by_ode(self) -> bool:
        """Whether the general solver answers."""
        return self.verb == "ode" or self.kind.feature in ("crossing", "interference")

    @property
    def tolerance(self) -> float | None:
        """What is asked for."""
        return None if self.dtype == "float32" else TOLERANCE

    @property
    def traced_as_batch(self) -> bool:
        """Whether one call of a batch does what the maps do."""
        maps = [name for step in self.nest if step.way in nests.MAPS for name in step.names]
        return not any(name in ALONE or name.endswith(("_times", "_values")) for name in maps)

    def model(self, x: Numbers) -> Any:
        """The model with some parameters, which may be traced."""
        import jax.numpy as jnp

        import resource_ode as ro

        given = {**self.rest, **x}
        # with -1 where nothing is required
        rows: Any = given.pop("graph")
        own: Any = np if isinstance(rows, np.ndarray) else jnp
        required = rows >= 0
        shapes: dict[str, Any] = {"present": given.pop("present"), "gate": given.pop("gate")}
        if required.ndim > 2:
            # a batch of graphs, whose skills are all alike
            shapes = {k: own.broadcast_to(v, rows.shape[:-1]) for k, v in shapes.items()}
        elif any(np.ndim(v) > 1 for v in shapes.values()):
            lead = np.broadcast_shapes(*(np.shape(v) for v in shapes.values()))
            shapes = {k: own.broadcast_to(v, lead) for k, v in shapes.items()}
            rows, required = (own.broadcast_to(v, (*lead, rows.shape[-1])) for v in (rows, required))
        graph = ro.SkillGraph(own.maximum(rows, 0), required=required, **shapes)
        for name in OF_SCHEDULES:
            if f"{name}_times" in given:
                times: Any = given.pop(f"{name}_times")
                lead: Any = np if isinstance(times, np.ndarray) else jnp
                times = lead.concatenate([lead.zeros(1, times.dtype), times])
                given[name] = ro.Schedule(times, given.pop(f"{name}_values"))
        for name in (*ALONE, "exact"):
            given.pop(name, None)
        return ro.ResourceModel(graph, loss=self.kind.loss, competition=self.kind.competition, **given)

    def call(self, x: Numbers) -> Any:
        """The verb on the model."""
        given = {**self.rest, **x}
        close = {} if given.get("tolerance") is None else {"tolerance": given["tolerance"]}
        return _verbs()[self.verb](self.model(x), given["level"], ts=given["ts"], close=close)

    def vector(self, x: Numbers) -> Any:
        import jax.numpy as jnp

        return jnp.ravel(self.call(x))

    def in_float64(self) -> Case:
        """The same numbers in float64, at a tolerance that differences can use."""

        def exact(values: Numbers) -> Numbers:
            found = {k: np.asarray(v, float) if np.asarray(v).dtype == np.float32 else v for k, v in values.items()}
            return found | {k: np.full_like(found[k], TOLERANCE) for k in ("tolerance",) if k in found}

        rest = {"tolerance": np.asarray(TOLERANCE)} if self.verb != "steps" else {}
        return dataclasses.replace(self, dtype="float64", x=exact(self.x), rest=exact(rest | self.rest))


def derived_and_mapped(kind: Kind, verb: str, scheduled: list[str]) -> tuple[list[str], list[str]]:
    """Names of what a verb on a kind of model may be differentiated by, and of what it may be mapped over."""
    derived = [name for name in OF_SCHEDULES if name not in scheduled]
    derived += [f"{name}_{part}" for name in scheduled for part in ("values", "times")]
    derived += ["gate_exponent"] * (kind.graph != "none") + list(kind.extension)
    derived += ["initial_level"] * (kind.feature == "initial") + ["frequency_after"] * (kind.feature == "self-paced")
    discrete = ["graph", "gate"] * (kind.graph != "none") + ["pool"] * ("pool" in kind.feature)
    discrete += ["interference"] * (kind.feature == "interference")
    if verb in AT_TIMES:
        (discrete if verb == "steps" else derived).append("ts")
    if verb in UNTIL:
        derived.append("level")
    if verb != "steps":
        discrete.append("tolerance")
    if kind.waste == "none" and "wasted_resource" in derived:
        derived.remove("wasted_resource")
    if verb == "correlation":
        return [], [*derived, *discrete]
    return derived, [*derived, *discrete]


def scheduled_in(kind: Kind, seed: int, number: int) -> list[str]:
    if kind.feature != "schedule":
        return []
    rng = np.random.default_rng([seed, number, 1])
    return [str(x) for x in rng.choice(OF_SCHEDULES, int(rng.integers(1, 3)), replace=False)]


def name_of(kind: Kind, seed: int, number: int) -> str:
    """The name of a case of a kind."""
    rng = np.random.default_rng([seed, number, zlib.crc32(kind.name.encode())])
    while True:
        verb = str(rng.choice(VERBS))
        crossing = kind.feature in ("crossing", "interference")
        if kind.waste == "none" and verb == "ode":
            continue
        derived, mapped = derived_and_mapped(kind, verb, scheduled_in(kind, seed, number))
        dtype = str(rng.choice(DTYPES, p=[0.75, 0.25]))
        # second derivatives of the general solver take minutes to compile
        second = dtype == "float64" and not crossing and verb != "ode"
        nest = nests.random_nest(rng, derived, mapped, second, [n for n in mapped if n not in ("graph", "gate")])
        return f"{kind.name}/{dtype}/{verb}/{'.'.join(map(str, nest))}/{seed}.{number}"


def build(name: str) -> Case:
    """The case of a name. **Raises:** `ValueError` for a name that is none."""
    try:
        kind_name, dtype, verb, text, numbers = name.split("/")
        kind = next(kind for kind in MY_KINDS if kind.name == kind_name)
        seed, number = map(int, numbers.split("."))
        nest = nests.parse(text)
        assert dtype in DTYPES and verb in VERBS
    except (ValueError, StopIteration, AssertionError) as error:
        raise ValueError(f"case: expected KIND/DTYPE/VERB/NEST/SEED.NUMBER, got {name!r} ({error})") from None
    rng = np.random.default_rng([seed, number, zlib.crc32(kind_name.encode()), 2])
    moved = {x for step in nest if step.way in nests.DERIVATIVES for x in step.names}
    names = {x for step in nest for x in step.names}
    base = _parameters(rng, kind, verb, scheduled_in(kind, seed, number), moved, names)
    if dtype == "float32":
        base["tolerance"] = np.asarray(1e-4)
    typed = {k: v.astype(dtype) if v.dtype.kind == "f" else v for k, v in base.items()}
    # only what is named is traced
    if not names <= typed.keys():
        raise ValueError(
            f"case: expected names among {', '.join(typed)}, got {', '.join(sorted(names - typed.keys()))}"
        )
    if (dtype == "float32" or verb == "steps") and "tolerance" not in names:
        del typed["tolerance"]
    x = {}
    for name_ in sorted(names):
        value, lead = typed[name_], (MEMBERS,) * len(nests.axes_of(nest, name_))
        rows = [_varied(rng, kind, name_, value) for _ in range(int(np.prod(lead)))] if lead else [value]
        x[name_] = np.stack(rows).reshape(lead + value.shape)
    case = Case(name, kind, dtype, verb, nest, x, {k: v for k, v in typed.items() if k not in names})
    outer = [step.way for step in nest[: next((k for k, s in enumerate(nest) if s.way in nests.MAPS), 0)]]
    alone = nests.axes_of(nest, "wasted_resource")
    if len(alone) == 1 and x["wasted_resource"].ndim == 1 and rng.random() < 0.15:
        case.spoiled = not {"grad", "hessian", "jvp", "linearize"} & {*outer} and nests.order(nest) < 2
        if case.spoiled:
            x["wasted_resource"][-1] *= -1
    return case


def _graph(rng: np.random.Generator, kind: Kind) -> np.ndarray:
    fan_in = (
        0 if kind.graph == "none" else 1 if kind.graph == "chain" else SKILLS - 1 if kind.graph == "complete" else 2
    )
    rows = draws.graph(rng, kind, SKILLS, fan_in)
    found = np.full((SKILLS, fan_in), -1, np.int32)
    for skill, row in enumerate(rows):
        found[skill, : len(row)] = row
    return found


def _varied(rng: np.random.Generator, kind: Kind, name: str, value: np.ndarray) -> np.ndarray:
    """Another value of a parameter, near it."""
    if name == "graph":
        return _graph(rng, kind)
    if name == "gate":
        return _gates(rng, kind)
    if name == "pool":
        return rng.permutation(value)
    if name == "interference":
        return (value + np.eye(SKILLS)) / np.asarray(2, value.dtype)
    if name in ("ts", "tolerance") and value.ndim and np.all(value == np.round(value)):
        return value + np.arange(ROWS) * int(rng.integers(0, 3))
    # one factor where the order counts
    size = () if name.endswith("_times") or name == "ts" else value.shape
    return value * rng.uniform(0.8, 1.0, size).astype(value.dtype)


def _gates(rng: np.random.Generator, kind: Kind) -> np.ndarray:
    if kind.gate in ("all", "any"):
        return np.full(SKILLS, kind.gate == "any")
    return rng.random(SKILLS) < 0.5


def _parameters(
    rng: np.random.Generator, kind: Kind, verb: str, scheduled: list[str], moved: set[str], named: set[str]
) -> Numbers:
    """Moderate ones; those that are moved lie inside of what is allowed."""

    def log(low: float, high: float, size: Any = None) -> np.ndarray:
        return np.asarray(10 ** rng.uniform(np.log10(low), np.log10(high), size))

    crossing = kind.feature in ("pools", "crossing")
    pools = 2 if crossing else None
    found: Numbers = {
        "graph": _graph(rng, kind), "gate": _gates(rng, kind), "present": np.ones(SKILLS, bool),
        "frequency": log(0.3, 3, SKILLS), "gate_exponent": log(0.05, 2),
        "learning_rate": log(0.02, 0.1, pools), "wasted_resource": log(0.02, 2, pools),
        "level": np.asarray(rng.uniform(0.1, 0.9)), "tolerance": np.asarray(TOLERANCE),
    }  # fmt: skip
    if kind.graph == "none":
        del found["gate_exponent"]
    if kind.waste == "none":
        found["wasted_resource"] = np.zeros(())
    whole = "graph" in named or kind.feature == "interference" or (found["graph"] == SKILLS - 1).any()
    if rng.random() < 0.3 and not whole:
        # nobody requires the last one, so that its place may be empty
        found["present"] = np.arange(SKILLS) < SKILLS - 1
        found["graph"][-1] = -1
    if kind.feature == "initial":
        level = rng.uniform(0.05, 0.5, SKILLS)
        found["initial_level"] = level if "initial_level" in moved else np.where(rng.random(SKILLS) < 0.5, 0, level)
    if kind.feature == "self-paced":
        found["frequency_after"] = found["frequency"] * log(0.2, 5, SKILLS)
    if crossing:
        found["pool"] = rng.permutation(np.arange(SKILLS) % 2)
        if kind.feature == "pools":
            # no prerequisite crosses
            found["graph"] = np.full((SKILLS, 2), -1, np.int32)
            found["graph"][2:, 0] = [0, 1]
            found["pool"] = np.arange(SKILLS) % 2
    if kind.feature == "interference":
        vectors = rng.normal(size=(SKILLS, SKILLS)) + np.eye(SKILLS)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        overlap = vectors @ vectors.T
        found["interference"] = (overlap + overlap.T) / 2
        np.fill_diagonal(found["interference"], 1.0)
    extension = {
        "plateau": log(0.03, 0.8), "frequency_power": np.asarray(rng.uniform(0.3, 1.6)),
        "learnability": log(0.4, 2.5, SKILLS),
        "prerequisite_strength": rng.uniform(0.3, 0.9, found["graph"].shape),
    }  # fmt: skip
    found |= {name: extension[name] for name in kind.extension}
    if "prerequisite_strength" in kind.extension and "prerequisite_strength" not in moved and rng.random() < 0.5:
        found["prerequisite_strength"] = np.round(found["prerequisite_strength"])
    rate, waste = float(np.min(found["learning_rate"])), float(np.max(found["wasted_resource"]))
    whole = (SKILLS + waste * 2) / rate
    for name in scheduled:
        value = found.pop(name)
        values = value * log(0.3, 3, (PIECES, *value.shape))
        if name == "frequency" and f"{name}_values" not in moved:
            values = np.where(rng.random(values.shape) < 0.15, 0, values)
            values[0] = np.where(np.max(values, axis=0) > 0, values[0], value)
        found[f"{name}_values"] = values
        found[f"{name}_times"] = np.sort(whole * rng.uniform(0.1, 0.9, PIECES - 1))
    ts = np.sort(whole * rng.uniform(0.05, 1.2, ROWS))
    if verb == "steps":
        ts = np.cumsum(rng.integers(1, 9, ROWS)) - 1.0
    elif "ts" not in moved and rng.random() < 0.4:
        ts[0] = 0.0
    return found | {"ts": ts}
