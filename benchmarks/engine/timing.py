"""Gate, then time, taking turns: wall time and processor time of each way to do one thing."""

from __future__ import annotations

import dataclasses
import gc
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax

# a call that takes longer is not repeated as often
LONG = 2.0


@dataclasses.dataclass
class Way:
    """One way to do a task: a call, and the error of what it returns; `None` where it is another's to the bit."""

    name: str
    call: Callable[[], Any]
    error: Callable[[Any], float]
    bound: float
    settings: str = ""
    rounds: int | None = None


@dataclasses.dataclass
class Row:
    """What was measured: the medians of wall and processor time, in milliseconds for `members` members."""

    part: str
    variant: str
    task: str
    way: str
    settings: str
    members: int
    error: float | None = None
    bound: float | None = None
    wall_ms: float | None = None
    cpu_ms: float | None = None
    first_s: float | None = None
    ratio: float | None = None  # to the first way that passed, wall time
    cpu_ratio: float | None = None
    failure: str | None = None
    peak_gb: float | None = None  # of the process up to here


def timed(call: Callable[[], Any]) -> tuple[Any, float, float]:
    """What a call returns, its wall time and its processor time, in seconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    result = jax.block_until_ready(call())
    return result, time.perf_counter() - wall, time.process_time() - cpu


def race(
    part: str, variant: str, task: str, members: int, ways: Sequence[Way], rounds: int, say: Callable[[str], None]
) -> list[Row]:
    """Each way is called once and held to its bound; those that keep it are then timed in turns."""
    rows, ready = [], []
    for way in ways:
        row = Row(part, variant, task, way.name, way.settings, members, bound=way.bound)
        rows.append(row)
        try:
            result, row.first_s, _ = timed(way.call)
            row.peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
            row.error = float(way.error(result))
        except Exception as problem:
            # a rival that breaks is a row of the table, not the end of the run
            row.failure = f"{type(problem).__name__}: {str(problem).splitlines()[0] if str(problem) else ''}"[:160]
        else:
            if not row.error <= way.bound:  # NaN fails as well
                row.failure = f"error {row.error:.1e} above its bound {way.bound:g}"
            else:
                ready.append((row, way, []))
        result = None
    for turn in range(rounds):
        for _, way, found in ready:
            if turn >= (way.rounds or rounds) or (found and found[0][0] > LONG):
                continue
            gc.collect()
            found.append(timed(way.call)[1:])
    for row, _, found in ready:
        row.wall_ms, row.cpu_ms = (statistics.median(x) * 1e3 for x in zip(*found, strict=True))
    base = next((row for row in rows if row.wall_ms), None)
    for row in rows:
        if base is not None and row.wall_ms:
            row.ratio, row.cpu_ratio = row.wall_ms / base.wall_ms, row.cpu_ms / base.cpu_ms
        times = "" if row.wall_ms is None else f"{row.wall_ms:9.2f} ms, {row.cpu_ms:9.2f} cpu, x{row.ratio:.2f}"
        error = "" if row.error is None else f"error {row.error:.1e}"
        first = "" if row.first_s is None else f"first {row.first_s:.2f} s"
        say(f"  {variant}, {task}, {row.way}: {times}; {error}; {first} {row.failure or ''}")
    return rows
