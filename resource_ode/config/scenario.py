"""Scenario files: a model and the times at which to report, written in TOML, with errors that say what to change.

`docs/scenario.md` describes the format. Every mistake in a file is a [`resource_ode.config.toml.ScenarioError`][] that
names the file, the key, what was expected and what came.
"""

from __future__ import annotations

import dataclasses
import graphlib
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..base.annotations import Given
from ..base.checks import file_path
from ..base.words import nearest, said
from ..graphs.graph import GATES, SkillGraph
from ..model.competition import COMPETITIONS
from ..model.loss import LOSSES
from ..model.model import ResourceModel
from .fitted import Fitted, read_fitted
from .graph_file import READING, reading_options, with_keys_of_toml
from .settings import with_settings
from .toml import ScenarioError, Table, read_toml

TOP = ("resource", "time", "skill", "graph", "fitted", *READING)
RESOURCE = (
    "learning_rate",
    "wasted_resource",
    "gate_exponent",
    "loss",
    "competition",
    "interference",
    "frequency",
    "plateau",
    "frequency_power",
    "learnability",
    "prerequisite_strength",
)
TIME = ("until", "horizon", "values", "points")
# a file has exactly one of these
SPANS = ("until", "horizon", "values")
# what one of them takes away where it is given on the command line
RIVALS: dict[str, tuple[str, ...]] = {"until": SPANS, "horizon": SPANS, "values": (*SPANS, "points")}
SKILL = (
    "name",
    "frequency",
    "requires",
    "gate",
    "initial_level",
    "frequency_after",
    "pool",
    "learnability",
    "prerequisite_strength",
)
# where a key belongs, for those that stand in the wrong section (frequency and two more are in two)
HOMES = {
    **dict.fromkeys(TOP, "at the top of the file, before the first section"),
    **dict.fromkeys(RESOURCE, "in [resource]"),
    **dict.fromkeys(TIME, "in [time]"),
    **dict.fromkeys(SKILL, "in a [[skill]] table"),
}
DEFAULT_POINTS = 201
# more rows than any picture or table is for, and few enough to allocate
MOST_POINTS = 10_000_000
# levels of a run (800 MB), and places for prerequisites: each skill has as many as the one with the most
MOST_LEVELS = 100_000_000
MOST_PREREQUISITES = 20_000_000
# the last horizon: beyond it, 64-bit numbers no longer tell one step from the next
LATEST = 9e15
# skills of a cycle that are named
CYCLE = 8
# how much longer than its horizon a run goes on
MARGIN = 1.05


@dataclasses.dataclass(frozen=True)
class Scenario:
    """What a scenario file says.

    - `path`: the file.
    - `model`: its [`resource_ode.ResourceModel`][].
    - `ts`: `(time,)`, training steps at which to report.
    - `names`: the names of the skills.
    - `graph_file`: the graph file that it names, if it does.
    - `fitted`: of a fitted model, how far it may be asked.
    """

    path: Path
    model: ResourceModel
    ts: np.ndarray
    names: tuple[str, ...]
    graph_file: Path | None = None
    fitted: Fitted | None = None

    def __repr__(self) -> str:
        times = f"{len(self.ts)} times up to {self.ts[-1]:g}"
        return f"Scenario({str(self.path)!r}, {self.model!r}, {times})"


def read_scenario(path: str | os.PathLike[str], settings: Given[Sequence[str]] = ()) -> Scenario:
    """The model and times in a scenario file.

    **Arguments:**

    - `path`: a TOML file; a graph file that it names is looked for beside it.
    - `settings`: keys in place of the file's own, as `"wasted_resource=0.1"`, `"time.until=1000"` or
        `"skill.T1.frequency=2"`.

    **Raises:** [`resource_ode.config.toml.ScenarioError`][] for whatever is wrong with it.

    **Example:**

    >>> scenario = read_scenario("examples/chain.toml")  # doctest: +SKIP
    >>> run = ro.simulate(scenario.model, scenario.ts)  # doctest: +SKIP
    """
    path = file_path("path", path)
    sections = {"": ("graph", *READING), "resource": RESOURCE, "time": TIME}
    values = with_settings(path, read_toml(path), settings, sections, {"skill": SKILL}, {"time": RIVALS})
    top = Table(path, "", values, TOP, HOMES)
    model = read_model(top)
    times = read_times(top.table("time", TIME), model)
    file = path.parent / top.text("graph") if "graph" in top else None
    return Scenario(path, model, times, model.graph.skill_names(), file, read_fitted(top, model.skills))


def read_graph_of(path: str | os.PathLike[str]) -> SkillGraph:
    """The graph of a scenario file, or of one with nothing but `[[skill]]` tables, which need no frequencies.

    **Raises:** [`resource_ode.config.toml.ScenarioError`][] for whatever is wrong with it.
    """
    path = file_path("path", path)
    values = read_toml(path)
    if set(values) == {"skill"}:
        # what a model needs beside a graph
        skills = values["skill"]
        if isinstance(skills, list):
            values["skill"] = [{"frequency": 1.0, **each} if isinstance(each, dict) else each for each in skills]
        values["resource"] = {"learning_rate": 1.0, "wasted_resource": 1.0, "gate_exponent": 1.0}
    return read_model(Table(path, "", values, TOP, HOMES)).graph


def read_model(top: Table) -> ResourceModel:
    """The model of a scenario file, given its top table."""
    resource = top.table("resource", RESOURCE)
    if ("skill" in top) == ("graph" in top):
        got = "both" if "skill" in top else "neither"
        raise top.error('expected either [[skill]] tables or graph = "a file", got ' + got)
    if "graph" in top:
        graph, parameters = _graph_from_file(top), {}
        if "frequency" in resource:
            parameters["frequency"] = _for_skills(resource, "frequency", graph.skills)
        elif graph.frequency is None:
            file = top.values["graph"]
            raise resource.error(f"expected a number, or one per skill, since {file} holds none", "frequency")
        if "learnability" in resource:
            parameters["learnability"] = _for_skills(resource, "learnability", graph.skills)
        if "prerequisite_strength" in resource:
            parameters["prerequisite_strength"] = resource.number("prerequisite_strength", least=0.0, most=1.0)
    else:
        for key in READING:
            if key in top:
                raise top.error('expected only together with graph = "a file"', key)
        if "frequency" in resource:
            raise resource.error("expected only with a graph file; each [[skill]] has its own", "frequency")
        graph, parameters = _graph_from_tables(top, resource)
    pools = int(max(parameters["pool"])) + 1 if "pool" in parameters else None
    parameters["learning_rate"] = _for_pools(resource, "learning_rate", pools, above=0.0)
    parameters["wasted_resource"] = _for_pools(resource, "wasted_resource", pools, least=0.0)
    if "gate_exponent" in resource or graph.fan_in:
        parameters["gate_exponent"] = resource.number("gate_exponent", above=0.0)
    if "plateau" in resource:
        parameters["plateau"] = resource.number("plateau", above=0.0, most=1.0)
    if "frequency_power" in resource:
        parameters["frequency_power"] = resource.number("frequency_power", least=0.0)
    if "interference" in resource:
        parameters["interference"] = _matrix(resource, "interference", graph.skills)
    try:
        return ResourceModel(
            graph,
            loss=resource.choice("loss", tuple(LOSSES), "mse"),
            competition=resource.choice("competition", tuple(COMPETITIONS), "l1"),
            **parameters,
        )
    except ScenarioError:
        raise
    except ValueError as error:
        raise resource.error(str(error)) from None


def read_times(table: Table, model: ResourceModel) -> np.ndarray:
    """The times of a `[time]` table, training steps; a horizon is looked up in the model."""
    given = [key for key in SPANS if key in table]
    if len(given) != 1:
        raise table.error(f"expected one of until, horizon and values, got {' and '.join(given) or 'none of them'}")
    if given == ["values"]:
        if "points" in table:
            raise table.error("expected only with until or horizon; values are the points themselves", "points")
        times = table.numbers("values", least=0.0)
        if not times:
            raise table.error("expected at least one time, got an empty list", "values")
        for position in range(1, len(times)):
            if times[position] <= times[position - 1]:
                raise table.error(
                    f"expected times that increase, got {times[position - 1]:g} and then {times[position]:g}", "values"
                )
        return np.asarray(times)
    most = max(2, min(MOST_POINTS, MOST_LEVELS // model.skills))
    points = table.integer("points", DEFAULT_POINTS, least=2, most=most)
    if given == ["until"]:
        return np.linspace(0.0, table.number("until", above=0.0), points)
    return _up_to_horizon(table, model, points)


def _up_to_horizon(table: Table, model: ResourceModel, points: int) -> np.ndarray:
    from ..solve.learning import learning_times

    level = table.number("horizon", above=0.0, below=1.0)
    try:
        times = np.asarray(learning_times(model, level))
    except ValueError as error:
        raise table.error(f"{error}; give until instead", "horizon") from None
    names = model.graph.skill_names()
    if np.isnan(times).any():
        name = names[int(np.argmax(np.isnan(times)))]
        problem = f"could not find when skill {said(name)} reaches level {level:g}"
        raise table.error(f"{problem}; give until instead", "horizon")
    if np.isinf(times).any():
        name = names[int(np.argmax(np.isinf(times)))]
        problem = f"expected a level that every skill reaches, but {said(name)} never reaches {level:g}"
        raise table.error(f"{problem}; give until instead", "horizon")
    if times.max() <= 0:
        problem = f"expected a level above where some skill starts, got {level:g}"
        raise table.error(f"{problem}; give until instead", "horizon")
    if times.max() > LATEST:
        problem = f"expected a level that is reached within {LATEST:.0e} training steps, got one after"
        raise table.error(f"{problem} {times.max():.3g}; give until instead, or a larger learning_rate", "horizon")
    step = MARGIN * float(times.max()) / (points - 1)
    # whole steps between rows where that costs little: tidier, and the discrete method needs them
    return np.linspace(0.0, (math.ceil(step) if step >= 20 else step) * (points - 1), points)


# -- skills


def _graph_from_file(top: Table) -> SkillGraph:
    from ..graphs.files import read_graph

    file = top.path.parent / top.text("graph")
    options = reading_options(top)
    try:
        return read_graph(file, **options)
    except ValueError as error:
        raise top.error(with_keys_of_toml(str(error)), "graph") from None
    except OSError as error:
        raise top.error(
            f"expected a file that can be read, got {said(file.name)} ({error.strerror})", "graph"
        ) from None


def _graph_from_tables(top: Table, resource: Table) -> tuple[SkillGraph, dict[str, Any]]:
    """The graph of the `[[skill]]` tables, and the parameters that they hold."""
    tables = top.values["skill"]
    if isinstance(tables, dict):
        raise top.error("expected [[skill]] tables, in double brackets, got one [skill]")
    if not isinstance(tables, list) or not all(isinstance(values, dict) for values in tables):
        raise top.error(f"expected [[skill]] tables, got {said(tables)}", "skill")
    if not tables:
        raise top.error("expected at least one [[skill]] table, got an empty list", "skill")
    skills: dict[str, Table] = {}
    for number, values in enumerate(tables, start=1):
        called = said(values["name"]) if isinstance(values.get("name"), str) else f"number {number}"
        skill = Table(top.path, f"[[skill]] {called}", values, SKILL, HOMES)
        name = skill.text("name")
        if not name.strip() or not name.isprintable():
            raise skill.error("expected a name of printable characters", "name")
        if name in skills:
            raise skill.error("expected distinct names, but an earlier skill has this one", "name")
        skills[name] = skill
    requires = {name: _prerequisites(name, skill, skills) for name, skill in skills.items()}
    try:
        graphlib.TopologicalSorter(requires).prepare()
    except graphlib.CycleError as error:
        names = error.args[1]
        path = " -> ".join(names if len(names) <= CYCLE else [*names[: CYCLE - 2], "...", *names[-2:]])
        raise top.error(f"requires: expected no cycle, got {path} (none of these could ever start)") from None
    most = max(requires, key=lambda name: len(requires[name]))
    if len(skills) * len(requires[most]) > MOST_PREREQUISITES:
        raise skills[most].error(
            f"expected at most {MOST_PREREQUISITES // len(skills)} prerequisites in a file of {len(skills)} skills, "
            f"got {len(requires[most])}",
            "requires",
        )
    position = {name: index for index, name in enumerate(skills)}
    graph = SkillGraph(
        [[position[before] for before in row] for row in requires.values()],
        [skill.choice("gate", GATES, "all") for skill in skills.values()],
        names=tuple(skills),
    )
    rows = list(skills.values())
    parameters: dict[str, Any] = {"frequency": [skill.number("frequency", above=0.0) for skill in rows]}
    if any("initial_level" in skill for skill in rows):
        parameters["initial_level"] = [skill.number("initial_level", 0.0, least=0.0, below=1.0) for skill in rows]
    if any("frequency_after" in skill for skill in rows):
        parameters["frequency_after"] = [
            skill.number("frequency_after", frequency, above=0.0)
            for skill, frequency in zip(rows, parameters["frequency"], strict=True)
        ]
    if "learnability" in resource or any("learnability" in skill for skill in rows):
        usual = resource.number("learnability", 1.0, above=0.0)
        parameters["learnability"] = [skill.number("learnability", usual, above=0.0) for skill in rows]
    if "prerequisite_strength" in resource or any("prerequisite_strength" in skill for skill in rows):
        usual = resource.number("prerequisite_strength", 1.0, least=0.0, most=1.0)
        strengths = np.ones((graph.skills, graph.fan_in))
        for row, skill in zip(strengths, rows, strict=True):
            own = _strengths(skill, usual)
            row[: len(own)] = own
        parameters["prerequisite_strength"] = strengths
    if any("pool" in skill for skill in rows):
        pools = [skill.integer("pool", 0, least=0, most=len(rows) - 1) for skill in rows]
        missing = set(range(max(pools))) - set(pools)
        if missing:
            problem = "pool: expected pools numbered from 0 without gaps, got"
            raise top.error(f"{problem} {max(pools)} and no {min(missing)}")
        parameters["pool"] = np.asarray(pools)
    return graph, parameters


def _prerequisites(name: str, skill: Table, skills: dict[str, Table]) -> list[str]:
    names = skill.get("requires", [])
    if not isinstance(names, list) or not all(isinstance(before, str) for before in names):
        wrong = names if not isinstance(names, list) else next(n for n in names if not isinstance(n, str))
        raise skill.error(f'expected a list of names of skills, as ["A", "B"], got {said(wrong)}', "requires")
    seen: set[str] = set()
    for before in names:
        if before == name:
            raise skill.error("a skill cannot require itself", "requires")
        if before not in skills:
            raise skill.error(f"expected names of skills, got {said(before)}{nearest(before, skills)}", "requires")
        if before in seen:
            raise skill.error(f"expected each skill once, got {said(before)} twice", "requires")
        seen.add(before)
    return names


def _strengths(skill: Table, usual: float) -> list[float]:
    """How much a skill needs each prerequisite: one number for all, or a list beside `requires`."""
    key, count = "prerequisite_strength", len(skill.get("requires", []))
    if key in skill and not count:
        raise skill.error("expected only with requires: there is no prerequisite whose strength it could be", key)
    if not isinstance(skill.values.get(key), list):
        return [skill.number(key, usual, least=0.0, most=1.0)] * count
    numbers = skill.numbers(key, least=0.0, most=1.0)
    if len(numbers) != count:
        raise skill.error(f"expected one number, or one a prerequisite ({count}), got {len(numbers)}", key)
    return numbers


def _for_skills(resource: Table, key: str, skills: int) -> list[float]:
    if not isinstance(resource.values[key], list):
        return [resource.number(key, above=0.0)] * skills
    numbers = resource.numbers(key, above=0.0)
    if len(numbers) != skills:
        expected = f"expected one number for all or one per skill ({skills})"
        raise resource.error(f"{expected}, got {len(numbers)}", key)
    return numbers


def _for_pools(resource: Table, key: str, pools: int | None, **bounds: float) -> float | list[float]:
    """A number, or with pools one per pool."""
    if not isinstance(resource.values.get(key), list):
        return resource.number(key, **bounds)
    if pools is None:
        raise resource.error("expected a number, got a list (one per pool), though no skill has a pool", key)
    numbers = resource.numbers(key, **bounds)
    if len(numbers) != pools:
        raise resource.error(f"expected one number, or one per pool ({pools}), got {len(numbers)}", key)
    return numbers


def _matrix(resource: Table, key: str, skills: int) -> list[list[float]]:
    rows = resource.values[key]
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise resource.error(f"expected a matrix, as [[1.0, 0.1], [0.1, 1.0]], got {said(rows)}", key)
    if len(rows) != skills or any(len(row) != skills for row in rows):
        shape = f"{len(rows)} rows of {' or '.join(map(str, sorted({len(row) for row in rows})))}"
        raise resource.error(f"expected {skills} rows of {skills} numbers, one per skill, got {shape}", key)
    return [[resource.checked(f"{key}[{i}][{j}]", value) for j, value in enumerate(row)] for i, row in enumerate(rows)]
