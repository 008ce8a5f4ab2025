"""The cells of `torture`: extreme models of every kind, each made again from its name alone.

A cell is one call: a verb on one model or a small batch, of one kind, data type, mode and tolerance. Its name,
`KIND/DTYPE/VERB/MODE/TOLERANCE/SEED.NUMBER`, is all that it takes to build it. Numbers are drawn over their whole
ranges (frequencies over 12 decades, waste from 1e-300, gate exponents from 1e-6 to 1e3, runs of 1e-3 to 1e12 steps), in
some cells all at once and in others around ordinary values.
"""

from __future__ import annotations

import dataclasses
import zlib
from typing import Any

import numpy as np

from . import references
from .references import Member

DTYPES = ("float64", "float32")
VERBS = ("simulate", "learning_times")
MODES = ("eager", "jit")
TOLERANCES = ("default", "tight")
# tight is as tight as each type and verb is said to allow, and beyond it
TIGHT = {
    ("float64", "simulate"): (1e-8, 1e-9, 1e-10, 1e-12),
    ("float64", "learning_times"): (1e-9, 1e-10, 1e-12),
    ("float32", "simulate"): (5e-5, 1e-5, 1e-6, 1e-8),
    ("float32", "learning_times"): (3e-5, 1e-5, 1e-6, 1e-8),
}
DEFAULT = {
    ("float64", "simulate"): 1e-6,
    ("float64", "learning_times"): 1e-7,
    ("float32", "simulate"): 2e-4,
    ("float32", "learning_times"): 1e-4,
}
TIMES = 12
SHAPES = ((24, 5), (4, 2), (9, 4), (1, 1))
LEVELS = (0.5, 0.95, 0.1, 0.999, 1e-3, 0.01, 1 - 1e-6)


@dataclasses.dataclass(frozen=True)
class Kind:
    """What a cell's models are like. `looped`: the compiled loops serve it eagerly, so that any shape is cheap."""

    name: str
    looped: bool = True
    loss: str = "mse"
    competition: str = "l1"
    graph: str = "random"
    gate: str = "all"
    feature: str = ""
    waste: str = "wide"
    verbs: tuple[str, ...] = VERBS
    modes: tuple[str, ...] = MODES


KINDS = (
    Kind("independent", graph="none"),
    Kind("chain", graph="chain"),
    Kind("complete", graph="complete"),
    Kind("random-all"),
    Kind("random-any", gate="any"),
    Kind("random-mixed", gate="mixed"),
    Kind("layered", graph="layered", gate="mixed"),
    Kind("initial-levels", gate="mixed", feature="initial"),
    Kind("no-waste", gate="mixed", waste="none"),
    Kind("tiny-waste", gate="mixed", waste="tiny"),
    Kind("mixed-waste", gate="mixed", waste="mixed"),
    Kind("unpacked-masks", gate="mixed", feature="unpacked"),
    Kind("long-chain", looped=False, graph="long-chain", modes=("eager",)),
    Kind("large", looped=False, graph="large", gate="mixed", modes=("eager",)),
    Kind("entropy", looped=False, loss="cross_entropy", gate="mixed"),
    Kind("entropy-initial", looped=False, loss="cross_entropy", gate="mixed", feature="initial"),
    Kind("entropy-no-waste", looped=False, loss="cross_entropy", gate="mixed", waste="none"),
    Kind("l2", looped=False, competition="l2", gate="mixed"),
    Kind("l2-entropy", looped=False, loss="cross_entropy", competition="l2", gate="mixed"),
    Kind("self-paced", looped=False, gate="mixed", feature="self-paced"),
    Kind("self-paced-entropy", looped=False, loss="cross_entropy", gate="mixed", feature="self-paced"),
    Kind("pools", looped=False, gate="mixed", feature="pools"),
    Kind("pools-l2", looped=False, competition="l2", gate="mixed", feature="pools"),
    Kind("crossing-pools", looped=False, gate="mixed", feature="crossing", verbs=("simulate",)),
    Kind("schedule", looped=False, gate="mixed", feature="schedule", waste="positive"),
    Kind("schedule-entropy", looped=False, loss="cross_entropy", gate="mixed", feature="schedule", waste="positive"),
    Kind("interference", looped=False, graph="none", feature="interference", waste="positive", verbs=("simulate",)),
    Kind(
        "interference-entropy", looped=False, loss="cross_entropy", graph="none", feature="interference",
        waste="positive", verbs=("simulate",),
    ),
)  # fmt: skip


@dataclasses.dataclass
class Cell:
    """One call of a verb on a batch of members."""

    name: str
    kind: Kind
    dtype: str
    verb: str
    mode: str
    tolerance: float | None
    members: list[Member]
    ts: np.ndarray
    level: float
    fan_in: int
    unpacked: bool = False
    single: bool = False
    number: int = 0

    @property
    def bound(self) -> float:
        """The error that is asked for."""
        return DEFAULT[self.dtype, self.verb] if self.tolerance is None else self.tolerance


def names(kind: Kind) -> list[str]:
    """The settings that cells of a kind come in, as the beginnings of their names."""
    return [
        f"{kind.name}/{dtype}/{verb}/{mode}/{tolerance}"
        for mode in kind.modes
        for tolerance in TOLERANCES
        for dtype in DTYPES
        for verb in kind.verbs
    ]


def build(name: str) -> Cell:
    """The cell of a name. **Raises:** `ValueError` for a name that is none."""
    try:
        kind_name, dtype, verb, mode, tolerance, number = name.split("/")
        kind = next(kind for kind in KINDS if kind.name == kind_name)
        seed, index = map(int, number.split("."))
        assert dtype in DTYPES and verb in VERBS and mode in MODES and tolerance in TOLERANCES
    except (ValueError, StopIteration, AssertionError):
        raise ValueError(f"cell: expected KIND/DTYPE/VERB/MODE/TOLERANCE/SEED.NUMBER, got {name!r}") from None
    rng = np.random.default_rng([seed, index, zlib.crc32("/".join(name.split("/")[:-1]).encode())])
    free = kind.looped and mode == "eager"
    # what has to compile does so for every shape: then one shape for most, and many members at once
    count = int(rng.choice([1, 5, 16])) if free else 16
    skills, fan_in = _shape(rng, kind, free, index)
    if skills * fan_in > 10_000 or kind.graph in ("large", "long-chain"):
        count = 1
    shared_graph = bool(rng.random() < 0.5)
    prerequisites = _graph(rng, kind, skills, fan_in)
    members = []
    for _ in range(count):
        graph = prerequisites if shared_graph else _graph(rng, kind, skills, fan_in)
        members.append(_member(rng, kind, graph, skills))
    if kind.feature == "schedule":
        members = _scheduled(rng, members)
    members = [_rounded(member, np.dtype(dtype)) for member in members]
    chosen = None if tolerance == "default" else float(rng.choice(TIGHT[dtype, verb]))
    ts = _times(rng, members[int(rng.integers(count))], kind)
    ts = np.unique(ts.astype(dtype)).astype(float)
    # one shape of times for all: compiled paths compile anew for each
    while len(ts) < TIMES:
        ts = np.unique(np.append(ts, (ts[-1] * (1 + rng.random())).astype(dtype)).astype(float))
    return Cell(
        name, kind, dtype, verb, mode, chosen, members, ts[:TIMES], float(rng.choice(LEVELS).astype(dtype)), fan_in,
        kind.feature == "unpacked", count == 1 and bool(rng.random() < 0.7), index,
    )  # fmt: skip


def _shape(rng: np.random.Generator, kind: Kind, free: bool, index: int) -> tuple[int, int]:
    if kind.graph == "large":
        return (4096, 3) if rng.random() < 0.5 else (1024, 3)
    if kind.graph == "long-chain":
        return 1000, 1
    if kind.graph == "complete" and free:
        skills = int(rng.choice([3, 9, 24, 50, 128], p=[0.3, 0.35, 0.2, 0.1, 0.05]))
        return skills, skills - 1
    if free and rng.random() < 0.4:
        skills = int(np.exp(rng.uniform(0, np.log(300 if kind.graph != "none" else 512))))
        return skills, 0 if kind.graph == "none" else 1 if kind.graph == "chain" else int(rng.integers(1, 9))
    if kind.feature in ("interference", "crossing"):
        skills, fan_in = SHAPES[1]
    else:
        skills, fan_in = SHAPES[index // 4 % len(SHAPES) if index % 4 == 3 else 2]
    if kind.graph == "complete":
        return (9, 8)
    return skills, 0 if kind.graph == "none" else 1 if kind.graph == "chain" else fan_in


def _graph(rng: np.random.Generator, kind: Kind, skills: int, fan_in: int) -> list[list[int]]:
    if kind.graph == "none" or fan_in == 0:
        return [[] for _ in range(skills)]
    if kind.graph in ("chain", "long-chain"):
        rows = [[i - 1] if i else [] for i in range(skills)]
    elif kind.graph == "complete":
        rows = [list(range(i)) for i in range(skills)]
    elif kind.graph == "layered":
        layers = max(2, int(rng.integers(2, 8)))
        layer = np.sort(rng.integers(0, layers, skills))
        rows = []
        for i in range(skills):
            before = np.flatnonzero(layer == layer[i] - 1)
            rows.append(sorted(rng.choice(before, min(fan_in, len(before)), replace=False).tolist()))
    else:
        density = rng.choice([0.3, 1.0, 3.0])
        rows = []
        for i in range(skills):
            wanted = min(i, fan_in, int(rng.poisson(density)))
            rows.append(sorted(rng.choice(i, wanted, replace=False).tolist()) if wanted else [])
    # skills in any order, not only in one that is topological already
    where = rng.permutation(skills)
    mixed: list[list[int]] = [[] for _ in range(skills)]
    for i, row in enumerate(rows):
        mixed[where[i]] = [int(where[j]) for j in row]
    return mixed


def _log(rng: np.random.Generator, low: float, high: float, size: Any = None) -> Any:
    return 10 ** rng.uniform(np.log10(low), np.log10(high), size)


def _waste(rng: np.random.Generator, how: str) -> float:
    if how == "none":
        return 0.0
    if how == "tiny":
        return float(_log(rng, 1e-300, 1e-12))
    if how == "positive":
        return float(_log(rng, 1e-6, 1e3))
    if how == "mixed":
        return 0.0 if rng.random() < 0.5 else float(_log(rng, 1e-10, 1e2))
    draw = rng.random()
    return 0.0 if draw < 0.08 else float(_log(rng, 1e-300, 1e3) if draw < 0.5 else _log(rng, 1e-8, 1e3))


def _member(rng: np.random.Generator, kind: Kind, prerequisites: list[list[int]], skills: int) -> Member:
    scipy_only = kind.feature == "crossing" or kind.name == "interference-entropy"
    spread = rng.choice([0.5, 2.0]) if scipy_only else rng.choice([0.0, 0.5, 2.0, 6.0])
    frequency = 10 ** rng.uniform(-spread, spread, skills)
    gate = {"all": ["all"] * skills, "any": ["any"] * skills}.get(
        kind.gate, [str(g) for g in rng.choice(["all", "any"], skills)]
    )
    exponent = float(_log(rng, 1e-2, 10) if scipy_only else _log(rng, 1e-6, 1e3))
    waste = float(_log(rng, 1e-3, 10)) if scipy_only else _waste(rng, kind.waste)
    rate = float(_log(rng, 1e-4, 1.0)) if rng.random() < 0.8 else float(_log(rng, 1e-8, 1e2))
    member = Member(prerequisites, gate, frequency, rate, waste, exponent, kind.loss, kind.competition)
    if kind.feature == "initial" or (kind.feature == "interference" and rng.random() < 0.3):
        level = rng.uniform(0, 1, skills) ** rng.choice([1, 4])
        level = np.where(rng.random(skills) < 0.4, 0.0, level)
        if rng.random() < 0.2:
            level = np.where(rng.random(skills) < 0.3, 1 - 10 ** rng.uniform(-6, -2, skills), level)
        member.initial_level = np.minimum(level, 1 - 1e-6)
    if kind.feature == "self-paced":
        member.frequency_after = frequency * 10 ** rng.uniform(-3, 3, skills)
        member.frequency_after = np.where(rng.random(skills) < 0.3, frequency, member.frequency_after)
    if kind.feature in ("pools", "crossing"):
        pools = 2
        if kind.feature == "pools":
            # a pool for each connected part, so that no prerequisite crosses
            member.pool = _parts(prerequisites) % pools
        else:
            member.pool = rng.integers(0, pools, skills)
        member.pool[0] = member.pool[0] if skills > 1 else 0
        member.learning_rate = rate * _log(rng, 0.1, 10, pools)
        member.wasted_resource = np.array(
            [_log(rng, 1e-3, 10) if scipy_only else _waste(rng, kind.waste) for _ in range(pools)], float
        )
    if kind.feature == "interference":
        vectors = rng.normal(size=(skills, int(rng.choice([2, skills, 50]))))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        overlap = vectors @ vectors.T
        overlap = (overlap + overlap.T) / 2
        np.fill_diagonal(overlap, 1.0)
        member.interference = overlap
    return member


def _scheduled(rng: np.random.Generator, members: list[Member]) -> list[Member]:
    """Members with one schedule for all, as a batch has it, or two of the same times."""
    first = members[0]
    rate, waste, frequency, skills = first.learning_rate, first.wasted_resource, first.frequency, first.skills
    # relative to the first piece, so that things happen in every piece
    typical = (skills + waste / float(np.median(frequency))) / rate
    times = np.array([0.0, *np.sort(typical * rng.uniform(0.02, 1.5, 2))])
    shared: dict[str, Any] = {}
    for name in rng.choice(["frequency", "learning_rate", "wasted_resource"], int(rng.integers(1, 3)), replace=False):
        if name == "frequency":
            values = frequency * 10 ** rng.uniform(-2, 2, (3, skills))
            values = np.where(rng.random((3, skills)) < 0.2, 0.0, values)
            values = np.where(values.max(axis=0) > 0, values, frequency)
        elif name == "learning_rate":
            values = rate * _log(rng, 0.1, 10, 3) * np.array([1, rng.random() > 0.2, 1])
        else:
            values = waste * _log(rng, 0.1, 10, 3)
        shared[str(name)] = (times, values)
    return [dataclasses.replace(member, **shared) for member in members]


def _parts(prerequisites: list[list[int]]) -> np.ndarray:
    label = np.arange(len(prerequisites))
    changed = True
    while changed:
        changed = False
        for i, row in enumerate(prerequisites):
            least = min([label[i], *(label[j] for j in row)])
            for k in (i, *row):
                if label[k] != least:
                    label[k], changed = least, True
    return label


def _rounded(member: Member, dtype: np.dtype) -> Member:
    """The numbers that the package gets: those of the data type."""

    def one(value: Any) -> Any:
        if value is None:
            return None
        if isinstance(value, tuple):
            return tuple(np.asarray(x, dtype).astype(float) for x in value)
        value = np.asarray(value, dtype).astype(float)
        return float(value) if value.ndim == 0 else value

    numbers = (
        *("frequency", "learning_rate", "wasted_resource", "gate_exponent", "interference", "initial_level"),
        "frequency_after",
    )
    return dataclasses.replace(member, **{name: one(getattr(member, name)) for name in numbers})


def _times(rng: np.random.Generator, member: Member, kind: Kind) -> np.ndarray:
    """From 1e-3 to 1e12 training steps: anywhere, or where something happens."""

    def first(value: Any) -> float:
        return float(np.max(value[1] if isinstance(value, tuple) else value))

    rate, waste, p = first(member.learning_rate), first(member.wasted_resource), first(member.frequency)
    gentle = kind.feature == "crossing" or kind.name == "interference-entropy"
    draw = rng.random()
    if draw < 0.25 and not gentle:
        until = float(_log(rng, 1e-3, 1e12))
    elif draw < 0.5 or gentle:
        until = float(np.clip((member.skills + waste / p) / rate * _log(rng, 0.1, 10), 1e-3, 1e12))
    else:
        until = _last_time(member) * float(_log(rng, 0.3, 3))
        until = float(np.clip(until, 1e-3, 1e12)) if np.isfinite(until) and until > 0 else 1e6
    rows = TIMES
    if rng.random() < 0.5:
        return np.linspace(0.0, until, rows)
    ts = np.geomspace(until * float(_log(rng, 1e-6, 1e-2)), until, rows)
    if rng.random() < 0.5:
        ts[0] = 0.0
    return ts


def _last_time(member: Member) -> float:
    try:
        found = references.solve(member, np.zeros(0), 0.9)
    except references.NoReference:
        return np.nan
    finite = found.times[np.isfinite(found.times)]
    return float(finite.max()) if len(finite) else np.nan


# -- the package's side


def model_of(cell: Cell) -> Any:
    """The package's model: a batch, or one where the cell is single."""
    import jax.numpy as jnp

    import resource_ode as ro

    dtype = np.dtype(cell.dtype)
    rows = cell.members[:1] if cell.single else cell.members
    skills, fan_in = cell.members[0].skills, max(cell.fan_in, 0)
    indices, required = np.zeros((len(rows), skills, fan_in), np.int32), np.zeros((len(rows), skills, fan_in), bool)
    rng = np.random.default_rng(zlib.crc32(cell.name.encode()))
    for k, member in enumerate(rows):
        for i, row in enumerate(member.prerequisites):
            columns = np.arange(len(row))
            if cell.unpacked:
                columns = np.sort(rng.choice(fan_in, len(row), replace=False))
            indices[k, i, columns], required[k, i, columns] = row, True
    either = np.array([[gate == "any" for gate in member.gate] for member in rows])

    def stacked(name: str) -> Any:
        values = [getattr(member, name) for member in rows]
        if all(value is None for value in values):
            return None
        if name == "initial_level":
            # some members of a batch start with something learned, and others with nothing
            values = [np.zeros(skills) if value is None else value for value in values]
        if isinstance(values[0], tuple):
            # all members have the same (`_scheduled`)
            times, numbers = values[0]
            return ro.Schedule(times.astype(dtype), numbers.astype(dtype))
        if name == "pool":
            stack = np.asarray(values)
        else:
            stack = jnp.asarray(np.asarray(values, float), dtype)
        return stack[0] if cell.single else stack

    batch = (slice(None),) if not cell.single else (0,)
    graph = ro.SkillGraph(indices[batch], either[batch], required=required[batch])
    numbers = (
        *("frequency", "learning_rate", "wasted_resource", "gate_exponent", "interference", "initial_level"),
        *("frequency_after", "pool"),
    )
    values = {name: stacked(name) for name in numbers}
    return ro.ResourceModel(graph, loss=rows[0].loss, competition=rows[0].competition, **values)
