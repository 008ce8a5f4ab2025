"""What the fitted model is worth on a set of runs: forecasts, other mixtures, the graph, policies.

Fits, forecasts, graphs and designs are those of the package; here they are compared with what the networks did.
"""

from __future__ import annotations

import dataclasses
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import resource_ode as ro
from resource_ode.fitting import baselines
from resource_ode.fitting.design import RULES

from .curves import Library
from .task_sets import TaskSet

# the level whose learning times are compared
LEVEL = 0.8
# a run ends at so many times the step by which all tasks are learned: rows after it are solved, and easy to forecast
END = 1.2
# an unseen learning time counts as met if it is this near
NEAR = 0.25
ROUNDS = 2
# seeds of each mixture whose runs are forecast, one at a time
FORECAST = 3
# sets on which fit, train, fit again is tried
IMPROVED = ("comp3", "tree7", "tiny")
# sets whose parameters are printed with intervals
DESCRIBED = ("comp3", "tiny")
# policies that are trained in any case, beside the one that is recommended
TRAINED = ("constant mixture", "sample by 1 - level", "by topology")


def study(library: Library, part: str) -> dict[str, Any]:
    """One part of the tables of a task set."""
    with warnings.catch_warnings():
        # accuracies of few strings pass 0 by chance, and not every task rises in every part: both are expected here
        warnings.simplefilter("ignore")
        return PARTS[part](library)


def about(tasks: TaskSet) -> dict[str, Any]:
    """What was trained."""
    return {
        "tasks": len(tasks.names), "composed": tasks.composed,
        "seeds": tasks.seeds, "fewer": tasks.fewer, "trials": tasks.trials, "forecast": FORECAST,
        "mixtures": {name: [round(share, 4) for share in mixture] for name, mixture in tasks.mixtures.items()},
    }  # fmt: skip


def _graph(library: Library) -> Any:
    return library.tasks.graph if library.tasks.composed else None


def _mixtures(library: Library) -> dict[str, ro.Curves]:
    return {name: library.curves(name, mixture) for name, mixture in library.tasks.mixtures.items()}


def until_learned(curves: ro.Curves) -> ro.Curves:
    """Each run up to a little after all its tasks are learned; whole where they are not."""
    runs = []
    for run, times in zip(curves.runs, curves.learning_times(LEVEL), strict=True):
        last = END * times.max()
        rows = (
            len(run.steps) if not np.isfinite(last) else min(int(np.searchsorted(run.steps, last)) + 1, len(run.steps))
        )
        runs.append(dataclasses.replace(run, steps=run.steps[:rows], levels=run.levels[:rows]))
    return dataclasses.replace(curves, runs=tuple(runs))


# -- forecasts


def forecasts(library: Library) -> dict[str, Any]:
    """The last 40 % of each run, one seed of one mixture at a time, forecast from the first 60 %."""
    rows = []
    for name, curves in _mixtures(library).items():
        for one in until_learned(curves[:FORECAST]):
            others = [run.levels for run in curves.runs if run.seed != one.runs[0].seed]
            found = forecast(one, _graph(library), np.mean(others, axis=0) if others else None)
            rows.append({"run": one.runs[0].name, "mixture": name} | found)
    return {"runs": rows, **summary_of_forecasts(rows)}


def forecast(one: ro.Curves, graph: Any, others: np.ndarray | None = None) -> dict[str, Any]:
    """The forecast of one run.

    **Arguments:** `others`: `(row, task)`, the mean of the other seeds of its mixture, whose error on the rows that are
    held out says how far runs differ by chance.
    """
    fitted = ro.fit(one, graph)
    measured = one.learning_times(LEVEL)[0]
    model = fitted.early.model_of(fitted.problem.grid.mixtures[0])
    predicted = np.asarray(ro.learning_times(model, LEVEL))
    unseen = np.isfinite(measured) & (measured > fitted.early.curves.runs[0].steps[-1])
    return {
        "residual": fitted.residual,
        "model": fitted.held_out,
        **fitted.baselines,
        "other seeds": None if others is None else _apart(fitted, one.runs[0], others),
        "describes": bool(fitted.describes),
        "verdict": fitted.verdict,
        "unseen": int(unseen.sum()),
        "near": int(np.sum(np.abs(predicted[unseen] / measured[unseen] - 1) <= NEAR)),
        "last": float(np.max(predicted[unseen]) / np.max(measured[unseen])) if unseen.any() else None,
    }


def _apart(fitted: Any, run: Any, others: np.ndarray) -> float:
    """Root mean square difference of a run from others on the rows that are held out."""
    begin, end = fitted.early.curves.runs[0].steps[-1], fitted.flat_from
    rows = (run.steps > begin) & (run.steps <= (math.inf if end is None else end))
    return baselines.rms(others[: len(rows)][rows], run.levels[rows])


def summary_of_forecasts(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Means over the runs, and the range of nine tenths of them."""
    names = ("residual", "model", "last value", "power law", "sigmoid")
    found: dict[str, Any] = {name: spread([row[name] for row in rows]) for name in names}
    lasts = [row["last"] for row in rows if row["last"] is not None]
    others = [row["other seeds"] for row in rows if row.get("other seeds") is not None]
    return found | {
        "count": len(rows),
        "describes": int(sum(row["describes"] for row in rows)),
        "unseen": int(sum(row["unseen"] for row in rows)),
        "near": int(sum(row["near"] for row in rows)),
        "last": spread(lasts) if lasts else None,
        "other seeds": spread(others) if others else None,
    }


def spread(values: Any) -> dict[str, float]:
    """Mean, median, and the ends of nine tenths."""
    values = np.asarray(values, float)
    low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
    return {"mean": float(values.mean()), "median": float(middle), "low": float(low), "high": float(high)}


# -- all runs together


def fit_of_all(library: Library) -> Any:
    """The fit to all mixtures and seeds, once a library."""
    if library.fitted is None:
        library.fitted = ro.fit(list(_mixtures(library).values()), _graph(library))
    return library.fitted


def together(library: Library) -> dict[str, Any]:
    """One fit to all mixtures and seeds: what it leaves, the verdict, and which parameters are known."""
    fitted = fit_of_all(library)
    known = fitted.parameters if library.tasks.name in DESCRIBED else None
    parameters = {} if known is None else {
        label: {key: _number(row[key]) for key in ("value", "low", "high")} | {"verdict": row["verdict"]}
        for label, row in known.iterrows()
    }  # fmt: skip
    model = fitted.model
    return {
        "residual": fitted.residual, "model": fitted.held_out, **fitted.baselines,
        "describes": bool(fitted.describes), "verdict": fitted.verdict, "parameters": parameters,
        "frequency_power": float(model.frequency_power), "plateau": float(model.plateau),
        "gate_exponent": float(model.gate_exponent) if library.tasks.composed else None,
    }  # fmt: skip


def _number(value: Any) -> float | None:
    """What JSON can hold."""
    return float(value) if math.isfinite(value) else None


# -- other mixtures


def other_mixtures(library: Library) -> dict[str, Any]:
    """Learning times in mixtures that were not fitted, from the even one and one other: each in turn."""
    curves = _mixtures(library)
    shares = library.tasks.mixtures
    rows = []
    first, *rest = curves
    for pair in ((first, other) for other in rest):
        others = [name for name in curves if name not in pair]
        fitted = ro.fit([curves[name] for name in pair], _graph(library))
        asked = ro.what_if(fitted, {name: list(shares[name]) for name in others}, LEVEL)
        known = np.stack([middle_times(curves[name]) for name in pair])
        scaled = baselines.times_by_frequency(
            known, np.array([shares[name] for name in pair]), np.array([shares[name] for name in others])
        )
        for place, name in enumerate(others):
            true = middle_times(curves[name])
            for task, time_of in enumerate(true):
                if np.isfinite(time_of):
                    rows.append({
                        "from": list(pair), "mixture": name, "task": library.tasks.names[task],
                        "measured": float(time_of), "inside": bool(asked.inside[place]),
                        "model": _number(asked.times[place, task]), "by frequency": _number(scaled[place, task]),
                        "held": bool(asked.low[place, task] <= time_of <= asked.high[place, task]),
                    })  # fmt: skip
    return {"rows": rows, **summary_of_mixtures(rows)}


def middle_times(curves: ro.Curves) -> np.ndarray:
    """Medians over the seeds, `(task,)`."""
    return np.median(curves.learning_times(LEVEL), axis=0)


def summary_of_mixtures(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians of how far logarithms of times are off; what was never predicted counts as infinitely far."""
    inside = [row for row in rows if row["inside"]]
    return {
        "count": len(rows),
        "model": _off(rows, "model"),
        "by frequency": _off(rows, "by frequency"),
        "held": float(np.mean([row["held"] for row in rows])),
        "count inside": len(inside),
        "model inside": _off(inside, "model") if inside else None,
    }


def _off(rows: list[dict[str, Any]], key: str) -> dict[str, float | None]:
    off = [abs(math.log(row[key] / row["measured"])) if row[key] else math.inf for row in rows]
    middle, most = np.quantile(off, [0.5, 0.9], method="higher")
    return {"median": _number(middle), "ninth": _number(most)}


# -- who builds on whom


def dependencies(library: Library) -> dict[str, Any]:
    """The graph from runs that leave one task out, and from runs that do not."""
    tasks = library.tasks
    even = library.curves("even", tasks.mixtures["even"])
    alone = ro.infer_graph(even, LEVEL)
    found: dict[str, Any] = {"confident without": int(alone.confident.sum()), "identified without": alone.identified}
    if not tasks.without():
        return found
    runs = [library.curves(name, mixture) for name, mixture in tasks.without().items()]
    inferred = ro.infer_graph([even, *runs], LEVEL)
    names, lists = tasks.names, tasks.graph.prerequisite_lists()
    above = ancestors(lists)
    first = np.array([[j in row and not lists[j] for j in range(len(names))] for row in lists])
    direct = np.array([[j in row for j in range(len(names))] for row in lists])
    edges = [
        {
            "child": names[child], "parent": names[parent],
            "nominal": "direct" if direct[child, parent] else "ancestor" if above[child, parent] else "none",
            "through another": bool(inferred.transitive[child, parent]),
            **{key: float(getattr(inferred, key)[child, parent]) for key in ("strength", "low", "high")},
        }
        for child, parent in np.argwhere(inferred.confident)
    ]  # fmt: skip
    return found | {
        "edges": edges,
        "first level": int(first.sum()), "first level found": int((first & inferred.confident).sum()),
        "ancestors": int(above.sum()), "ancestors found": int((above & inferred.confident).sum()),
        "false": int((inferred.confident & ~above).sum()),
    }  # fmt: skip


def ancestors(lists: list[list[int]]) -> np.ndarray:
    """`(task, task)`: what each is made of, at any depth; prerequisites come first."""
    found = np.zeros((len(lists), len(lists)), bool)
    for child, row in enumerate(lists):
        for parent in row:
            found[child] |= found[parent]
            found[child, parent] = True
    return found


# -- what to train with


def policies(library: Library) -> dict[str, Any]:
    """Predicted and measured factors over the even mixture, of a design from all mixtures."""
    tasks = library.tasks
    curves = _mixtures(library)
    plan = ro.design(fit_of_all(library), LEVEL)
    every = curves["even"].learning_times(LEVEL).max(axis=1)
    rows = []
    for policy in plan.policies.values():
        if policy.name not in (*TRAINED, plan.best) or policy.name == "even mixture":
            continue
        mixture = RULES[policy.name] if policy.mixture is None else tuple(policy.mixture.values())
        lasts = library.curves(policy.name, mixture, tasks.trials).learning_times(LEVEL).max(axis=1)
        # the same seeds: the same initial weights
        even = every[: tasks.trials]
        each = np.where(np.isfinite(even), even / lasts, np.nan)
        rows.append({
            "policy": policy.name, "recommended": policy.name == plan.best,
            "mixture": None if policy.mixture is None else [round(share, 4) for share in policy.mixture.values()],
            "predicted": policy.factor, "low": policy.low, "high": policy.high,
            "measured": float(np.median(even) / np.median(lasts)),
            "slowest": _number(np.nanmin(each)), "fastest": _number(np.nanmax(each)),
        })  # fmt: skip
    return {
        "even": _number(np.median(every)),
        "recommended": plan.best,
        "rows": rows,
        "rounds": _rounds(library, curves) if tasks.name in IMPROVED else [],
    }


def _rounds(library: Library, curves: dict[str, ro.Curves]) -> list[dict[str, Any]]:
    """Fit to the first two mixtures, train with what is recommended, fit again."""

    def train(mixture: dict[str, float]) -> ro.Curves:
        chosen = tuple(mixture[name] for name in library.tasks.names)
        return library.curves("constant mixture", chosen, library.tasks.fewer)

    _, history = ro.improve(list(curves.values())[:2], train, _graph(library), ROUNDS, LEVEL)
    return [{"predicted": row["predicted"], "measured": _number(row["measured"])} for row in history]


PARTS: dict[str, Callable[[Library], dict[str, Any]]] = {
    "forecasts": forecasts,
    "together": together,
    "other mixtures": other_mixtures,
    "dependencies": dependencies,
    "policies": policies,
}
