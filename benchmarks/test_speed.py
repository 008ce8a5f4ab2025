"""Each candidate of the table as a pytest-benchmark; none is timed before it has passed its gate."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from . import report
from .candidates import Candidate, table
from .ensemble import Ensemble
from .measure import gate, once
from .reference import Reference


@pytest.mark.parametrize(
    "candidate", [pytest.param(c, id=f"{c.task}, {c.name}".replace(" ", "_")) for c in table("float64")]
)
@pytest.mark.filterwarnings("ignore")  # rivals warn as they please
def test_speed(benchmark: Any, candidate: Candidate, ensemble: Ensemble, truth: Reference) -> None:
    if candidate.missing:
        pytest.skip(f"{candidate.missing} is not installed")
    mine = ensemble.head(candidate.most)
    call = candidate.prepare(mine)
    values, steps, first = once(call)
    error, why = gate(candidate, values, truth)
    assert why is None, why
    benchmark.group = candidate.task
    benchmark.extra_info.update(
        {
            "problem": "random graphs, edge density 0.2, log-normal frequencies, a = eta = N0 = 0.01",
            "skills": mine.skills,
            "batch": mine.graphs,
            "times": len(mine.times),
            "dtype": "float64",
            "settings": candidate.settings,
            "steps": None if steps is None else float(np.median(np.asarray(steps))),
            "error": error,
            "bound": candidate.bound,
            "first_call_s": first,
            "environment": report.environment(),
        }
    )
    benchmark.pedantic(lambda: once(call), rounds=candidate.rounds or 5, iterations=1, warmup_rounds=1)
