"""Gate, then time: every candidate in one process, taking turns, so that whatever slows the machine slows them all."""

from __future__ import annotations

import dataclasses
import gc
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .candidates import LEVELS, Candidate
from .ensemble import Ensemble
from .reference import Reference


@dataclasses.dataclass
class Outcome:
    """What was measured of one candidate, over all seeds."""

    candidate: Candidate
    graphs: int = 0
    errors: list[float] = dataclasses.field(default_factory=list)  # one per seed
    seconds: list[list[float]] = dataclasses.field(default_factory=list)  # repetitions of each seed
    first_call: float | None = None  # seconds, compilation included
    steps: tuple[float, int] | None = None  # median and largest over graphs
    failure: str | None = None

    @property
    def error(self) -> float:
        return max(self.errors, default=float("nan"))

    def per_thousand(self, seed: int | None = None) -> float | None:
        """Median milliseconds for 1000 graphs, of one seed or over all repetitions."""
        rows = self.seconds if seed is None else self.seconds[seed : seed + 1]
        times = [second for row in rows for second in row]
        return statistics.median(times) * 1e6 / self.graphs if times else None

    @property
    def seed_medians(self) -> list[float]:
        return [statistics.median(row) * 1e6 / self.graphs for row in self.seconds if row]

    def ratios(self, base: Outcome) -> list[float]:
        """How many times longer than `base` this takes, seed by seed."""
        return [mine / its for mine, its in zip(self.seed_medians, base.seed_medians, strict=False)]


def finished(value: Any) -> Any:
    """Wait until a result is computed; it stays where it is."""
    if isinstance(value, np.ndarray) or not hasattr(value, "block_until_ready"):
        return value
    return value.block_until_ready()


def once(call: Callable[[], Any]) -> tuple[Any, Any, float]:
    """Values, steps (or None) and seconds of one call."""
    begin = time.perf_counter()
    result = call()
    values, steps = result if isinstance(result, tuple) else (result, None)
    finished(values)
    return values, steps, time.perf_counter() - begin


def gate(candidate: Candidate, values: Any, reference: Reference) -> tuple[float, str | None]:
    """The largest level error, and why the candidate fails: None if it keeps its word."""
    graphs = len(reference.levels)
    values = np.asarray(values[:graphs], np.float64)
    expected = reference.levels if candidate.task == LEVELS else reference.times
    if values.shape[1:] != expected.shape[1:]:
        return float("nan"), f"shape {values.shape}, expected (graph, {', '.join(map(str, expected.shape[1:]))})"
    error = reference.error_of_levels(values) if candidate.task == LEVELS else reference.error_of_times(values)
    if not error <= candidate.bound:  # NaN fails as well
        return error, f"level error {error:.1e} above its bound {candidate.bound:g}"
    return error, None


def compare(
    candidates: Sequence[Candidate],
    ensembles: Sequence[Ensemble],
    references: Sequence[Reference],
    rounds: int,
    say: Callable[[str], None] = lambda line: None,
    gated: bool = True,
) -> list[Outcome]:
    """Measure all candidates on all ensembles; one that fails on any is not timed from there on.

    Each ensemble: everyone is prepared, called once (the first call ever is the compilation's), held against the
    reference, then called `rounds` times in turn. With `gated=False` errors are recorded but none fails on them.
    """
    outcomes = [Outcome(candidate) for candidate in candidates]
    compiled: set[str] = set()
    for number, (ensemble, truth) in enumerate(zip(ensembles, references, strict=True)):
        ready: list[tuple[Outcome, Callable[[], Any]]] = []
        for outcome in outcomes:
            candidate = outcome.candidate
            if outcome.failure is None and candidate.missing:
                outcome.failure = f"{candidate.missing} is not installed"
            if outcome.failure is not None:
                continue
            mine = ensemble.head(candidate.most)
            outcome.graphs = mine.graphs
            try:
                call = candidate.prepare(mine)
                values, steps, seconds = once(call)
            except Exception as problem:
                # a rival that breaks is a row of the table, not the end of the run
                outcome.failure = f"{type(problem).__name__}: {str(problem).splitlines()[0] if str(problem) else ''}"[
                    :160
                ]
                say(f"  {candidate.task}, {candidate.name}: {outcome.failure}")
                continue
            if number == 0 and candidate.program not in compiled:
                outcome.first_call = seconds
                compiled.add(candidate.program or candidate.name)
            if steps is not None:
                counts = np.asarray(steps)
                outcome.steps = (float(np.median(counts)), int(np.max(counts)))
            error, why = gate(candidate, values, truth)
            outcome.errors.append(error)
            if why and (gated or not np.isfinite(error)):
                outcome.failure = why
                outcome.seconds.clear()
                say(f"  {candidate.task}, {candidate.name}: FAILED, {why}")
                continue
            outcome.seconds.append([])
            ready.append((outcome, call))
            del values
        for turn in range(rounds):
            for outcome, call in ready:
                if outcome.candidate.rounds is not None and turn >= outcome.candidate.rounds:
                    continue
                gc.collect()
                outcome.seconds[-1].append(once(call)[2])
        say(f"  ensemble {number + 1} of {len(ensembles)} done")
    return outcomes
