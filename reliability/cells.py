"""The cells of `torture`: extreme models of every kind, each made again from its name alone.

A cell is one call: a verb on one model or a small batch, of one kind, data type, mode and tolerance. Its name,
`KIND/DTYPE/VERB/MODE/TOLERANCE/SEED.NUMBER`, is all that it takes to build it. Numbers are drawn over their whole
ranges (frequencies over 12 decades, waste from 1e-300, gate exponents from 1e-6 to 1e3, plateaus from 1e-30, runs of
1e-3 to 1e12 steps), in some cells all at once and in others around ordinary values.
"""

from __future__ import annotations

import dataclasses
import zlib
from typing import Any

import numpy as np

from . import draws
from .kinds import DEFAULT, DTYPES, KINDS, LEVELS, MODES, TIGHT, TIMES, TOLERANCES, VERBS, Kind
from .references import Member


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
    skills, fan_in = draws.shape(rng, kind, free, index)
    if skills * fan_in > 10_000 or kind.graph in ("large", "long-chain"):
        count = 1
    shared_graph = bool(rng.random() < 0.5)
    prerequisites = draws.graph(rng, kind, skills, fan_in)
    members = []
    for _ in range(count):
        graph = prerequisites if shared_graph else draws.graph(rng, kind, skills, fan_in)
        members.append(draws.member(rng, kind, graph, skills))
    if kind.feature == "schedule":
        members = draws.scheduled(rng, members)
    members = [draws.rounded(member, np.dtype(dtype)) for member in members]
    chosen = None if tolerance == "default" else float(rng.choice(TIGHT[dtype, verb]))
    ts = draws.times(rng, members[int(rng.integers(count))], kind)
    ts = np.unique(ts.astype(dtype)).astype(float)
    # one shape of times for all: compiled paths compile anew for each
    while len(ts) < TIMES:
        ts = np.unique(np.append(ts, (ts[-1] * (1 + rng.random())).astype(dtype)).astype(float))
    return Cell(
        name, kind, dtype, verb, mode, chosen, members, ts[:TIMES], float(rng.choice(LEVELS).astype(dtype)), fan_in,
        kind.feature == "unpacked", count == 1 and bool(rng.random() < 0.7), index,
    )  # fmt: skip


# -- the package's side


def model_of(cell: Cell) -> Any:
    """The package's model: a batch, or one where the cell is single."""
    import jax.numpy as jnp

    import resource_ode as ro

    dtype = np.dtype(cell.dtype)
    rows = cell.members[:1] if cell.single else cell.members
    skills, fan_in = cell.members[0].skills, max(cell.fan_in, 0)
    indices, required = np.zeros((len(rows), skills, fan_in), np.int32), np.zeros((len(rows), skills, fan_in), bool)
    needs = np.ones((len(rows), skills, fan_in), dtype)
    rng = np.random.default_rng(zlib.crc32(cell.name.encode()))
    for k, member in enumerate(rows):
        for i, row in enumerate(member.prerequisites):
            columns = np.arange(len(row))
            if cell.unpacked:
                columns = np.sort(rng.choice(fan_in, len(row), replace=False))
            indices[k, i, columns], required[k, i, columns] = row, True
            if member.prerequisite_strength is not None:
                # the graph packs what it requires
                needs[k, i, : len(row)] = member.prerequisite_strength[i]
    either = np.array([[gate == "any" for gate in member.gate] for member in rows])

    def stacked(name: str) -> Any:
        values = [getattr(member, name) for member in rows]
        if all(value is None for value in values):
            return None
        if name == "initial_level":
            # some members of a batch start with something learned, and others with nothing
            values = [np.zeros(skills) if value is None else value for value in values]
        if isinstance(values[0], tuple):
            # all members have the same (`draws.scheduled`)
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
        *(name for name in cell.kind.extension if name != "prerequisite_strength"),
    )
    values = {name: stacked(name) for name in numbers}
    if "prerequisite_strength" in cell.kind.extension:
        values["prerequisite_strength"] = needs[batch]
    return ro.ResourceModel(graph, loss=rows[0].loss, competition=rows[0].competition, **values)
