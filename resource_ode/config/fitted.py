"""Scenario files of fitted models, with a section `[fitted]` that says how far they may be asked."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from ..base import atomic
from ..base.checks import file_path
from ..model.model import ResourceModel
from .toml import Table

FITTED = ("tried", "frequency_power_known", "time_error", "time_error_growth", "time_factor", "time_measured")


@dataclasses.dataclass(frozen=True)
class Fitted:
    """What a fit knows of its model.

    **Fields:** `tried`: `(mixture, skill)`, those of the runs; `frequency_power_known`: whether other mixtures may be
    predicted; `time_error`: standard deviation of the logarithm of learning times in the mixtures tried, of what the
    fit is off and what the curves leave open; `time_error_growth`: what is added to it per unit of distance from them;
    `time_factor`: `(skill,)`, measured over fitted learning times, by which predictions are multiplied;
    `time_measured`: `(skill,)`, whether any run shows when a task is learned.
    """

    tried: np.ndarray
    frequency_power_known: bool
    time_error: float
    time_error_growth: float
    time_factor: np.ndarray
    time_measured: np.ndarray


def read_fitted(top: Table, skills: int) -> Fitted | None:
    """The section `[fitted]`, if the file has one.

    **Raises:** [`resource_ode.config.toml.ScenarioError`][] for what it may not hold.
    """
    if "fitted" not in top:
        return None
    table = top.table("fitted", FITTED)
    rows = table.get("tried")
    if not isinstance(rows, list) or not all(isinstance(row, list) and len(row) == skills for row in rows):
        raise table.error(f"expected a list of mixtures, each of {skills} numbers", "tried")
    tried = [[table.checked(f"tried[{k}]", value, least=0.0) for value in row] for k, row in enumerate(rows)]
    if not all(any(row) for row in tried):
        raise table.error("expected mixtures with a number above 0 in each", "tried")
    known = table.flag("frequency_power_known", False)
    array = np.array(tried, float).reshape(len(tried), skills)
    given = table.get("time_factor", [1.0] * skills)
    if not isinstance(given, list) or len(given) != skills:
        raise table.error(f"expected {skills} numbers", "time_factor")
    factor = [table.checked(f"time_factor[{k}]", value, above=0.0) for k, value in enumerate(given)]
    flags = table.get("time_measured", [True] * skills)
    if not isinstance(flags, list) or len(flags) != skills or not all(isinstance(flag, bool) for flag in flags):
        raise table.error(f"expected {skills} times true or false", "time_measured")
    error = table.number("time_error", 0.0, least=0.0)
    # where it was not measured, as of a fit to one mixture
    growth = table.number("time_error_growth", 0.5, least=0.0)
    return Fitted(array, known, error, growth, np.array(factor), np.array(flags))


def write_fitted(path: str | os.PathLike[str], model: ResourceModel, until: float, fitted: Fitted) -> None:
    """Write one fitted model as a scenario file, whole or not at all.

    **Raises:** `ValueError` for a model with a schedule, `OSError` where the file cannot be written.
    """
    path = file_path("path", path)
    atomic.write_bytes(Path(path), _text(model, until, fitted).encode())


def _text(model: ResourceModel, until: float, fitted: Fitted) -> str:
    if not isinstance(model.frequency, (np.ndarray,)) and hasattr(model.frequency, "times"):
        raise ValueError("a scenario file holds constant mixtures, and all runs had schedules")
    resource: dict[str, Any] = {
        "learning_rate": model.learning_rate,
        "wasted_resource": model.wasted_resource,
        "gate_exponent": model.gate_exponent,
        "plateau": model.plateau,
        "frequency_power": model.frequency_power,
    }
    lines = ["[resource]"]
    lines += [f"{key} = {_number(value)}" for key, value in resource.items() if value is not None]
    lines += ["", "[time]", f"until = {_number(until)}", "points = 201", ""]
    lines += ["# how far this model may be asked: what the runs were trained with, and the error of its learning times"]
    lines += ["[fitted]", f"tried = [{', '.join(_list(row) for row in fitted.tried)}]"]
    lines += [f"frequency_power_known = {'true' if fitted.frequency_power_known else 'false'}"]
    lines += [f"time_error = {_number(fitted.time_error)}"]
    lines += [f"time_error_growth = {_number(fitted.time_error_growth)}", f"time_factor = {_list(fitted.time_factor)}"]
    lines += [f"time_measured = [{', '.join('true' if each else 'false' for each in fitted.time_measured)}]"]
    graph, frequency = model.graph, np.asarray(model.frequency)
    names, either = graph.skill_names(), np.asarray(graph.any_gate)
    for skill, row in enumerate(graph.prerequisite_lists()):
        lines += ["", "[[skill]]", f"name = {json.dumps(names[skill], ensure_ascii=False)}"]
        lines += [f"frequency = {_number(frequency[skill])}"]
        if model.learnability is not None:
            lines.append(f"learnability = {_number(model.learnability[skill])}")
        if row:
            lines.append(f"requires = {json.dumps([names[parent] for parent in row], ensure_ascii=False)}")
            if either[skill]:
                lines.append('gate = "any"')
            if model.prerequisite_strength is not None:
                lines.append(f"prerequisite_strength = {_list(model.prerequisite_strength[skill][: len(row)])}")
    return "\n".join(lines) + "\n"


def _number(value: Any) -> str:
    return repr(float(value))


def _list(values: Any) -> str:
    return f"[{', '.join(map(_number, values))}]"
