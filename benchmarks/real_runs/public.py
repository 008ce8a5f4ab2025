"""Public curves: two tasks of a small network, and benchmarks over the checkpoints of language models.

Each folder of `data/` has the licence and the source of its file.
"""

from __future__ import annotations

import csv
import warnings
from collections.abc import Callable
from typing import Any

import resource_ode as ro

from .curves import KEPT
from .study import forecast, summary_of_forecasts

# runs of the many seeds of one set that are forecast, one at a time
SEEDS = 24
CHANCE = {"winogrande": 0.5, "wsc": 0.5, "piqa": 0.5, "arc_easy": 0.25, "arc_challenge": 0.25, "sciq": 0.25,
          "logiqa": 0.25, "lambada_openai": 0.0}  # fmt: skip


def study(name: str) -> dict[str, Any]:
    """Forecasts and verdict of one set."""
    with warnings.catch_warnings():
        # noise and tasks that never rise are part of such curves
        warnings.simplefilter("ignore")
        curves, graph = CURVES[name]()
        rows = [{"run": one.runs[0].name} | forecast(one, graph) for one in curves[:SEEDS]]
    return {"tasks": len(curves.names), "runs": rows, **summary_of_forecasts(rows)}


def two_functions() -> tuple[ro.Curves, Any]:
    """Losses of x^2 and y^2, met 99 and 1 times in 100."""
    names = {"task1_loss": "x^2", "task2_loss": "y^2"}
    path = KEPT / "authors_fig19" / "curves.csv"
    mixture = {"x^2": 0.99, "y^2": 0.01}
    return ro.read_curves(path, value="squared_error", tasks=names, mixture=mixture, ceiling=0.0), None


def pythia() -> tuple[ro.Curves, Any]:
    """Benchmarks over the checkpoints of eight models; which builds on which, and how often each is met, is unknown."""
    return ro.read_curves(KEPT / "pythia_evals" / "accuracy.csv", chance=CHANCE, ceiling=1.0), None


def olmo(size: str) -> tuple[ro.Curves, Any]:
    """Small tasks over the checkpoints of a model, those that rise, with what each is composed of."""
    folder = KEPT / "elementaltask"
    path = folder / f"accuracy_{size}.csv"
    every = ro.read_curves(path, chance=0.0, ceiling=1.0)
    names = [name for name in every.names if name not in every.never_rising()]
    with (folder / "edges.csv").open(newline="") as file:
        edges = [(row["prerequisite"], row["task"]) for row in csv.DictReader(file)]
    graph = ro.SkillGraph({name: [part for part, whole in edges if whole == name and part in names] for name in names})
    return ro.read_curves(path, tasks=names, chance=0.0, ceiling=1.0), graph


CURVES: dict[str, Callable[[], tuple[ro.Curves, Any]]] = {
    "two functions": two_functions,
    "OLMo-2 1B": lambda: olmo("1b"),
    "Pythia": pythia,
}
