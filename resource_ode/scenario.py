"""Scenario files: a model and the times at which to report, written in TOML, with errors that say what to change.

`docs/scenario.md` describes the format. Every mistake in a file is a [`resource_ode.scenario.ScenarioError`][] that
names the file, the key, what was expected and what came.
"""

from __future__ import annotations

import dataclasses
import difflib
import graphlib
import json
import math
import os
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .graphs.graph import GATES, SkillGraph
from .model.competition import COMPETITIONS
from .model.loss import LOSSES
from .model.model import ResourceModel

TOP = ("resource", "time", "skill", "graph", "threshold", "condense")
RESOURCE = (
    "learning_rate",
    "wasted_resource",
    "gate_exponent",
    "loss",
    "competition",
    "interference",
    "frequency",
)
TIME = ("until", "horizon", "values", "points")
SKILL = ("name", "frequency", "requires", "gate", "initial_level", "frequency_after", "pool")
# where a key belongs, for those that stand in the wrong section (frequency is in two)
_HOMES = {
    **dict.fromkeys(TOP, "at the top of the file, before the first section"),
    **dict.fromkeys(RESOURCE, "in [resource]"),
    **dict.fromkeys(TIME, "in [time]"),
    **dict.fromkeys(SKILL, "in a [[skill]] table"),
}
DEFAULT_POINTS = 201
# more rows than any picture or table is for, and few enough to allocate
MOST_POINTS = 10_000_000
# how much longer than its horizon a run goes on
MARGIN = 1.05


class ScenarioError(ValueError):
    """A scenario file that cannot be used: the message says which file and key, what was expected and what came."""


@dataclasses.dataclass(frozen=True)
class Scenario:
    """What a scenario file says.

    - `path`: the file.
    - `model`: its [`resource_ode.ResourceModel`][].
    - `ts`: `(time,)`, training steps at which to report.
    - `names`: the names of the skills.
    """

    path: Path
    model: ResourceModel
    ts: np.ndarray
    names: tuple[str, ...]


def read_scenario(path: str | os.PathLike[str]) -> Scenario:
    """The model and times in a scenario file.

    **Arguments:** `path`: a TOML file; a graph file that it names is looked for beside it.

    **Raises:** [`resource_ode.scenario.ScenarioError`][] for whatever is wrong with it.

    **Example:**

    >>> scenario = read_scenario("examples/chain.toml")  # doctest: +SKIP
    >>> run = ro.simulate(scenario.model, scenario.ts)  # doctest: +SKIP
    """
    path = Path(path)
    top = Table(path, "", read_toml(path), TOP)
    model = read_model(top)
    return Scenario(path, model, read_times(top.table("time", TIME), model), model.graph.skill_names())


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file.

    **Raises:** [`resource_ode.scenario.ScenarioError`][] for a file that is missing, a folder, unreadable, or no TOML.
    """
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError:
        raise ScenarioError(f"{path}: expected a scenario file (TOML), got no file at all") from None
    except IsADirectoryError:
        raise ScenarioError(f"{path}: expected a scenario file (TOML), got a folder") from None
    except OSError as error:
        raise ScenarioError(f"{path}: expected a file that can be read, got {error.strerror}") from None
    except UnicodeDecodeError:
        raise ScenarioError(f"{path}: expected text in UTF-8 (TOML), got other bytes") from None
    except ValueError as error:  # most are a TOMLDecodeError, but not an integer of thousands of digits
        raise ScenarioError(f"{path}: expected TOML, got text that is none: {error}") from None
    except RecursionError:
        raise ScenarioError(f"{path}: expected TOML, got brackets that are nested too deeply") from None


def read_model(top: Table) -> ResourceModel:
    """The model of a scenario file, given its top table."""
    resource = top.table("resource", RESOURCE)
    if ("skill" in top) == ("graph" in top):
        got = "both" if "skill" in top else "neither"
        raise top.error('expected either [[skill]] tables or graph = "a file", got ' + got)
    if "graph" in top:
        graph, parameters = _graph_from_file(top), {}
        if "frequency" in resource:
            parameters["frequency"] = _frequency(resource, graph.skills)
        elif graph.frequency is None:
            file = top.values["graph"]
            raise resource.error(f"expected a number, or one a skill, since {file} holds none", "frequency")
    else:
        for key in ("condense", "threshold"):
            if key in top:
                raise top.error('expected only together with graph = "a file"', key)
        if "frequency" in resource:
            raise resource.error("expected only with a graph file; each [[skill]] has its own", "frequency")
        graph, parameters = _graph_from_tables(top)
    pools = int(max(parameters["pool"])) + 1 if "pool" in parameters else None
    parameters["learning_rate"] = _for_pools(resource, "learning_rate", pools, above=0.0)
    parameters["wasted_resource"] = _for_pools(resource, "wasted_resource", pools, least=0.0)
    if "gate_exponent" in resource or graph.fan_in:
        parameters["gate_exponent"] = resource.number("gate_exponent", above=0.0)
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
    given = [key for key in ("until", "horizon", "values") if key in table]
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
    points = table.integer("points", DEFAULT_POINTS, least=2, most=MOST_POINTS)
    if given == ["until"]:
        return np.linspace(0.0, table.number("until", above=0.0), points)
    return _up_to_horizon(table, model, points)


def _up_to_horizon(table: Table, model: ResourceModel, points: int) -> np.ndarray:
    from .solve.learning import learning_times

    level = table.number("horizon", above=0.0, below=1.0)
    times = np.asarray(learning_times(model, level))
    names = model.graph.skill_names()
    if np.isnan(times).any():
        name = names[int(np.argmax(np.isnan(times)))]
        problem = f"could not find when skill {_said(name)} reaches level {level:g}"
        raise table.error(f"{problem}; give until instead", "horizon")
    if np.isinf(times).any():
        name = names[int(np.argmax(np.isinf(times)))]
        problem = f"expected a level that every skill reaches, but {_said(name)} never reaches {level:g}"
        raise table.error(f"{problem}; give until instead", "horizon")
    if times.max() <= 0:
        problem = f"expected a level above where some skill starts, got {level:g}"
        raise table.error(f"{problem}; give until instead", "horizon")
    step = MARGIN * float(times.max()) / (points - 1)
    # whole steps between rows where that costs little: tidier, and the discrete method needs them
    return np.linspace(0.0, (math.ceil(step) if step >= 20 else step) * (points - 1), points)


# -- skills


def _graph_from_file(top: Table) -> SkillGraph:
    from .graph_files import read_graph

    file = top.path.parent / top.text("graph")
    threshold = top.number("threshold", 0.0, least=0.0)
    try:
        return read_graph(file, threshold=threshold, condense=top.flag("condense", False))
    except ScenarioError:
        raise
    except ValueError as error:
        # what is a keyword in Python is a key here
        raise top.error(str(error).replace("condense=True", "condense = true"), "graph") from None


def _graph_from_tables(top: Table) -> tuple[SkillGraph, dict[str, Any]]:
    """The graph of the `[[skill]]` tables, and the parameters that they hold."""
    tables = top.values["skill"]
    if isinstance(tables, dict):
        raise top.error("expected [[skill]] tables, in double brackets, got one [skill]")
    if not isinstance(tables, list) or not all(isinstance(values, dict) for values in tables):
        raise top.error(f"expected [[skill]] tables, got {_said(tables)}", "skill")
    if not tables:
        raise top.error("expected at least one [[skill]] table, got an empty list", "skill")
    skills: dict[str, Table] = {}
    for number, values in enumerate(tables, start=1):
        called = _said(values["name"]) if isinstance(values.get("name"), str) else f"number {number}"
        skill = Table(top.path, f"[[skill]] {called}", values, SKILL)
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
        path = " -> ".join(error.args[1])
        raise top.error(f"requires: expected no cycle, got {path} (none of these could ever start)") from None
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
    if any("pool" in skill for skill in rows):
        pools = [skill.integer("pool", 0, least=0, most=len(rows) - 1) for skill in rows]
        for pool in range(max(pools)):
            if pool not in pools:
                raise top.error(f"pool: expected pools numbered from 0 without gaps, got {max(pools)} and no {pool}")
        parameters["pool"] = np.asarray(pools)
    return graph, parameters


def _prerequisites(name: str, skill: Table, skills: dict[str, Table]) -> list[str]:
    names = skill.get("requires", [])
    if not isinstance(names, list) or not all(isinstance(before, str) for before in names):
        wrong = names if not isinstance(names, list) else next(n for n in names if not isinstance(n, str))
        raise skill.error(f'expected a list of names of skills, as ["A", "B"], got {_said(wrong)}', "requires")
    for place, before in enumerate(names):
        if before == name:
            raise skill.error("a skill cannot require itself", "requires")
        if before not in skills:
            raise skill.error(f"expected names of skills, got {_said(before)}{_nearest(before, skills)}", "requires")
        if before in names[:place]:
            raise skill.error(f"expected each skill once, got {_said(before)} twice", "requires")
    return names


def _frequency(resource: Table, skills: int) -> list[float]:
    if not isinstance(resource.values["frequency"], list):
        return [resource.number("frequency", above=0.0)] * skills
    numbers = resource.numbers("frequency", above=0.0)
    if len(numbers) != skills:
        raise resource.error(f"expected one number for all or one a skill ({skills}), got {len(numbers)}", "frequency")
    return numbers


def _for_pools(resource: Table, key: str, pools: int | None, **bounds: float) -> float | list[float]:
    """A number, or with pools one a pool."""
    if not isinstance(resource.values.get(key), list):
        return resource.number(key, **bounds)
    if pools is None:
        raise resource.error("expected a number, got a list (one a pool), though no skill has a pool", key)
    numbers = resource.numbers(key, **bounds)
    if len(numbers) != pools:
        raise resource.error(f"expected one number, or one a pool ({pools}), got {len(numbers)}", key)
    return numbers


def _matrix(resource: Table, key: str, skills: int) -> list[list[float]]:
    rows = resource.values[key]
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise resource.error(f"expected a matrix, as [[1.0, 0.1], [0.1, 1.0]], got {_said(rows)}", key)
    if len(rows) != skills or any(len(row) != skills for row in rows):
        shape = f"{len(rows)} rows of {' or '.join(map(str, sorted({len(row) for row in rows})))}"
        raise resource.error(f"expected {skills} rows of {skills} numbers, one a skill, got {shape}", key)
    return [[resource.checked(f"{key}[{i}][{j}]", value) for j, value in enumerate(row)] for i, row in enumerate(rows)]


# -- tables that know where they are


class Table:
    """One table of a scenario file: reads its values, and says where and what is wrong with them.

    **Arguments:** `path`: the file; `where`: how the table is called in messages; `values`: what TOML made of it;
    `known`: the keys that it may have.

    **Raises:** [`resource_ode.scenario.ScenarioError`][] for a key that it may not have.
    """

    def __init__(self, path: Path, where: str, values: dict[str, Any], known: Sequence[str]):
        self.path, self.where, self.values = path, where, values
        for key in values:
            if key not in known:
                nearest = _nearest(key, known)
                home = _HOMES.get(key)
                hint = nearest or (f"; it belongs {home}" if home else f"; expected one of {', '.join(known)}")
                raise self.error(f"unknown key {_said(key)}{hint}")

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def error(self, message: str, key: str = "") -> ScenarioError:
        """An error about this table, or one of its keys."""
        place = " ".join(part for part in (self.where, key) if part)
        return ScenarioError(f"{self.path}: {place}: {message}" if place else f"{self.path}: {message}")

    def get(self, key: str, default: Any = None) -> Any:
        """A value as it is; without a default (None) it has to be there."""
        if key not in self.values and default is None:
            raise self.error(f"missing key {_said(key)}")
        return self.values.get(key, default)

    def table(self, key: str, known: Sequence[str]) -> Table:
        """A section that has to be there."""
        value = self.values.get(key)
        if not isinstance(value, dict):
            got = "none" if value is None else _said(value)
            raise self.error(f"expected a section [{key}], got {got}")
        return Table(self.path, f"[{key}]", value, known)

    def text(self, key: str) -> str:
        """A text that has to be there."""
        value = self.get(key)
        if not isinstance(value, str):
            raise self.error(f"expected a text in quotes, got {_said(value)}", key)
        return value

    def choice(self, key: str, choices: Sequence[str], default: str) -> str:
        """One of several texts."""
        value = self.get(key, default)
        if value not in choices:
            raise self.error(f"expected {' or '.join(map(_said, choices))}, got {_said(value)}", key)
        return value

    def flag(self, key: str, default: bool) -> bool:
        """`true` or `false`."""
        value = self.get(key, default)
        if not isinstance(value, bool):
            raise self.error(f"expected true or false, got {_said(value)}", key)
        return value

    def integer(self, key: str, default: int | None = None, *, least: int, most: int) -> int:
        """A whole number (`1e3` is one)."""
        value = self.get(key, default)
        real = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not (real and least <= value <= most and value == int(value)):
            raise self.error(f"expected a whole number from {least} to {most}, got {_said(value)}", key)
        return int(value)

    def number(self, key: str, default: float | None = None, **bounds: float) -> float:
        """A finite number within bounds `above`, `least`, `below`."""
        return self.checked(key, self.get(key, default), **bounds)

    def numbers(self, key: str, **bounds: float) -> list[float]:
        """A list of finite numbers within bounds."""
        values = self.get(key)
        if not isinstance(values, list):
            raise self.error(f"expected a list of numbers, got {_said(values)}", key)
        return [self.checked(f"{key}[{position}]", value, **bounds) for position, value in enumerate(values)]

    def checked(
        self, key: str, value: Any, *, above: float = -math.inf, least: float = -math.inf, below: float = math.inf
    ) -> float:
        """A value, if it is a finite number within bounds."""
        wanted = [f"above {above:g}"] * (above > -math.inf) + [f"of at least {least:g}"] * (least > -math.inf)
        wanted += [f"below {below:g}"] * (below < math.inf)
        sentence = f"expected a finite number {' and '.join(wanted)}".rstrip()
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self.error(f"{sentence}, got {_said(value)}", key)
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not (math.isfinite(number) and number > above and number >= least and number < below):
            raise self.error(f"{sentence}, got {_said(value)}", key)
        return number


def _said(value: Any) -> str:
    """A value as it would stand in the file, or what kind of thing it is."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value if len(value) <= 60 else value[:57] + "...", ensure_ascii=False)
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, (int, float)):
        # a huge integer has more digits than Python is willing to print
        return repr(value) if isinstance(value, float) or abs(value) < 10**20 else "an integer of more than 20 digits"
    return f"a {type(value).__name__}"


def _nearest(name: str, known: Any) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {_said(close[0])}?" if close else ""
