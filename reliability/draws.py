"""Models of a kind, drawn at random: graphs, parameters, and the times at which they are looked at."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from . import references
from .kinds import SHAPES, TIMES, Kind
from .references import Member


def shape(rng: np.random.Generator, kind: Kind, free: bool, index: int) -> tuple[int, int]:
    """Number of skills, and of prerequisites at most."""
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


def graph(rng: np.random.Generator, kind: Kind, skills: int, fan_in: int) -> list[list[int]]:
    """Prerequisites of each skill."""
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


def member(rng: np.random.Generator, kind: Kind, prerequisites: list[list[int]], skills: int) -> Member:
    """Parameters for a graph."""
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
    if kind.extension:
        _extend(rng, kind, member, scipy_only)
    return member


def _extend(rng: np.random.Generator, kind: Kind, member: Member, scipy_only: bool) -> None:
    """The parameters for measured curves."""
    skills = member.skills
    if "plateau" in kind.extension:
        least = 1e-3 if scipy_only else rng.choice([1e-2, 1e-8, 1e-30], p=[0.3, 0.5, 0.2])
        member.plateau = 1.0 if rng.random() < 0.1 else float(_log(rng, least, 1))
    if "frequency_power" in kind.extension:
        member.frequency_power = float(rng.uniform(0, 2) if rng.random() < 0.7 else rng.choice([0.0, 0.5, 1.0, 2.0]))
    if "learnability" in kind.extension:
        spread = rng.choice([0.3, 1.0] if scipy_only else [0.3, 2.0, 6.0])
        member.learnability = 10 ** rng.uniform(-spread, spread, skills)
    if "prerequisite_strength" in kind.extension:
        member.prerequisite_strength = [_strengths(rng, len(row)) for row in member.prerequisites]


def _strengths(rng: np.random.Generator, count: int) -> np.ndarray:
    """Strengths from 0 to 1, both included, and next to either."""
    how = rng.integers(0, 5, count)
    little, uniform = _log(rng, 1e-6, 1, count), rng.random(count)
    return np.choose(how, [np.zeros(count), np.ones(count), little, 1 - little, uniform])


def scheduled(rng: np.random.Generator, members: list[Member]) -> list[Member]:
    """Members with one schedule for all, as a batch has it, or two of the same times."""
    first = members[0]
    rate, waste, frequency, skills = first.learning_rate, first.wasted_resource, first.frequency, first.skills
    # relative to the first piece, so that things happen in every piece
    plateau = 1 + np.log(1 / first.plateau)
    typical = (skills + waste * plateau / float(np.median(first.plain().frequency))) / rate
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


def rounded(member: Member, dtype: np.dtype) -> Member:
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
        *("frequency_after", "plateau", "frequency_power", "learnability"),
    )
    needs = member.prerequisite_strength and [one(row) for row in member.prerequisite_strength]
    changes = {name: one(getattr(member, name)) for name in numbers}
    return dataclasses.replace(member, prerequisite_strength=needs, **changes)


def times(rng: np.random.Generator, member: Member, kind: Kind) -> np.ndarray:
    """From 1e-3 to 1e12 training steps: anywhere, or where something happens."""

    def first(value: Any) -> float:
        return float(np.max(value[1] if isinstance(value, tuple) else value))

    rate, waste, p = first(member.learning_rate), first(member.wasted_resource), first(member.plain().frequency)
    gentle = kind.feature == "crossing" or kind.name == "interference-entropy"
    # the last time of a large graph takes as long to find as all that it is for
    draw = rng.random() * (0.5 if kind.graph == "large" else 1.0)
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
