"""What was aimed for beside what was measured, from the rows that are kept of every part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ..candidates import LEVELS, TIMES
from .variants import GENERAL

Rows = Sequence[dict[str, Any]]
OURS, RIVAL = "resource_ode", "diffrax Tsit5"
# results of the variants are smaller than those for which more is allowed
JIT, JIT_FIRST = 1.1, 0.5
CALL_MS = 0.4
SECONDS = {"1000 skills": 0.1, "10000 skills": 1.0, "100000 skills": 15.0}


class Target(NamedTuple):
    """An aim: at least or at most a number; `found` is None where one of its rows failed or was not measured."""

    what: str
    least: bool
    aim: float
    found: float | None

    @property
    def verdict(self) -> str:
        if self.found is None:
            return "not measured"
        return "reached" if (self.found >= self.aim if self.least else self.found <= self.aim) else "MISSED"


def targets(parts: dict[str, Rows]) -> Iterator[Target]:
    """All targets that the parts at hand tell something about."""
    rows = [row for part in parts.values() for row in part]
    for variant, task in dict.fromkeys((row["variant"], row["task"]) for row in parts.get("variants", ())):
        if variant in GENERAL:
            continue
        usual = variant == "mse"
        least = {LEVELS: 15.0 if usual else 8.0, TIMES: 30.0 if usual else 20.0}[task]
        name = f"{variant}, {task}"
        yield Target(f"{name}: times faster than vmapped diffrax", True, least, _ratio(rows, name, OURS, RIVAL))
        yield Target(f"{name}: jit beside eager", False, JIT, _ratio(rows, name, OURS, f"{OURS}, jit"))
        yield Target(f"{name}: first call under jit, s", False, JIT_FIRST, _of(rows, name, f"{OURS}, jit", "first_s"))
    for variant in dict.fromkeys(row["variant"] for row in parts.get("variants", ())):
        if variant in GENERAL:
            found = _quotient(*(_of(rows, f"{variant}, {task}", OURS, "wall_ms") for task in (TIMES, LEVELS)))
            yield Target(f"{variant}: all learning times beside a trajectory", False, 3.0, found)
    for variant, task in dict.fromkeys((row["variant"], row["task"]) for row in parts.get("derivatives", ())):
        name, gradient = f"{variant}, {task}", f"{OURS}, value_and_grad"
        derivatives = [row for row in rows if row["part"] == "derivatives"]
        for way, aim in ((gradient, 2.5), (f"{OURS}, jvp", 3.0)):
            found = _ratio(derivatives, name, f"{OURS}, value", way, "cpu_ms")
            yield Target(f"{way.split(', ')[1]} of {name}: times the value, processor time", False, aim, found)
        for way in ("RecursiveCheckpointAdjoint", "ForwardMode"):
            ours = gradient if way[0] == "R" else f"{OURS}, jvp"
            found = _ratio(derivatives, name, ours, f"diffrax {way}")
            yield Target(f"derivatives of {name}: times faster than diffrax's {way}", True, 20.0, found)
        first = _of(derivatives, name, gradient, "first_s")
        yield Target(f"value_and_grad of {name}: first call, s", False, 1.0, first)
    for size, task in dict.fromkeys((row["variant"], row["task"]) for row in parts.get("large", ())):
        name = f"{size}, {task}"
        wall, first = (_of(rows, name, OURS, key) for key in ("wall_ms", "first_s"))
        seconds = None if wall is None else wall / 1e3
        yield Target(f"{name}: s", False, SECONDS[size], seconds)
        yield Target(f"{name}: memory of the process at most, GB", False, 4.0, _of(rows, name, OURS, "peak_gb"))
        yield Target(f"{name}: first call beside the next", False, 2.0, _quotient(first, seconds))
    if parts.get("observables"):
        found = _ratio(rows, "mse, measures", "simulate", "simulate, reduce=seriality")
        yield Target("simulate with reduce=seriality beside simulate", False, 1.5, found)
        found = _ratio(rows, "sweep_demo.toml, chunk", "learning times of three levels", "a sweep's chunk")
        yield Target("a sweep's chunk beside the learning times that it reads", False, 1.5, found)
    for row in parts.get("single", ()):
        found = None if row["wall_ms"] is None else row["wall_ms"] / row["members"]
        yield Target(f"one graph, {row['task']}: ms per call", False, CALL_MS, found)


def markdown(about: Sequence[str], found: Sequence[Target]) -> str:
    """The targets as a table, those that were missed first."""
    order = ("MISSED", "not measured", "reached")
    lines = ["# Targets", "", *about, "", "| what | aim | found | |", "|---|---|---|---|"]
    for target in sorted(found, key=lambda one: order.index(one.verdict)):
        value = "" if target.found is None else f"{target.found:.3g}"
        sign = "at least" if target.least else "at most"
        lines.append(f"| {target.what} | {sign} {target.aim:g} | {value} | {target.verdict} |")
    return "\n".join(lines) + "\n"


def _of(rows: Rows, name: str, way: str, key: str) -> float | None:
    """A number of a row that passed its gate."""
    for row in rows:
        if f"{row['variant']}, {row['task']}" == name and row["way"] == way and not row["failure"]:
            return row[key]
    return None


def _quotient(a: float | None, b: float | None) -> float | None:
    return None if a is None or not b else a / b


def _ratio(rows: Rows, name: str, base: str, other: str, key: str = "wall_ms") -> float | None:
    return _quotient(_of(rows, name, other, key), _of(rows, name, base, key))
