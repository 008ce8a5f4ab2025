"""Reading the description of a sweep, from TOML or a dictionary: checked, and written out in full.

`docs/sweep.md` describes the keys. Every mistake is a [`resource_ode.config.toml.ScenarioError`][] that names the file,
the key, what was expected and what came.
"""

from __future__ import annotations

import functools
import itertools
import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from ..base.annotations import FilePath, Given
from ..base.checks import entries
from ..base.words import nearest, said
from ..config.toml import read_toml
from .ensemble import LAWS, build_frequency, is_random, needed, section_keys
from .graph_section import read_section
from .keys import ENSEMBLE, OBSERVE, SPACINGS, TOP, Section, check_single, with_keys
from .measures import OBSERVABLES
from .plan import BOUNDS, CHOICES, CHUNK, CLOCKS, RESOURCE, Axis, Sweep
from .reducer import find_reducer, source_digest

PRECISIONS = ("float64", "float32")
DEFAULT_OBSERVABLES = ("horizon", "efficiency")
MOST_POINTS = 100_000
# combinations of sizes and words, each of which is compiled; members, each of which has a place in an array
MOST_STATIC, MOST_MEMBERS = 1000, 10**15
MOST_WHOLE = 2**31 - 1
# keys of graphs are folded with 32 bits: the next graphs would be the first ones again
MOST_GRAPHS = 2**32


def read_sweep(description: Given[FilePath | Mapping[str, Any] | Sweep], settings: Given[Sequence[str]] = ()) -> Sweep:
    """Check a description and write it out in full.

    **Arguments:**

    - `description`: the path of a TOML file, a dictionary with the same tables (lists may be arrays, the reducer a
        function), or a [`resource_ode.sweeps.plan.Sweep`][], which is returned as it is.
    - `settings`: keys in place of its own, as `"graphs=64"`, `"graph.density=0.2"` or
        `"axis.wasted_resource.values=[0.1, 1]"`.

    **Raises:** [`resource_ode.config.toml.ScenarioError`][], a `ValueError`, that names the file, the key, what was
    expected and what came.

    **Example:**

    >>> found = read_sweep({
    ...     "ensemble": {"graphs": 8, "seed": 0},
    ...     "graph": {"generator": "random_dag", "skills": 4},
    ...     "frequency": {"law": "zipf", "exponent": 1.0},
    ...     "resource": {"learning_rate": 1e-3, "gate_exponent": 1e-2},
    ...     "axis": [{"name": "wasted_resource", "log": [1e-3, 1.0, 4]}, {"name": "density", "linear": [0, 1, 3]}],
    ... })
    >>> found.dimensions, found.shape
    (('wasted_resource', 'density', 'graph'), (4, 3, 8))
    """
    if isinstance(description, Sweep):
        return description
    if isinstance(description, dict):
        path, values = Path("description"), _plain(description)
    elif isinstance(description, (str, os.PathLike)):
        path = Path(description)
        values = read_toml(path, "a sweep file")
    else:
        raise ValueError(f"description: expected a path, a dictionary or a Sweep, got {type(description).__name__}")
    if len(entries("settings", settings, "texts, as graphs=64")):
        values = with_keys(path, values, settings)
    return _read(Section(path, "", values, TOP))


def from_content(content: dict[str, Any]) -> Sweep:
    """The sweep of a description that was written out in full before.

    **Raises:** `ValueError` if it names a reducer that cannot be imported.
    """
    axes = []
    for row in content["axes"]:
        values = (tuple(value) if isinstance(value, list) else value for value in row["values"])
        axes.append(Axis(row["name"], tuple(values), _kind(row["name"])))
    reducer = None
    if "reducer" in content["observe"]:
        reducer = find_reducer(content["observe"]["reducer"])[1]
    return Sweep(content, tuple(axes), reducer)


def _kind(name: str) -> str:
    return "clock" if name in CLOCKS else "member" if name in BOUNDS else "static"


def _read(top: Section) -> Sweep:
    raw = top.values.get("axis", [])
    if not isinstance(raw, list) or not all(isinstance(row, dict) for row in raw):
        raise top.error(f"expected [[axis]] tables, in double brackets, got {said(raw)}", "axis")
    rows = [Section(top.path, f"[[axis]] {number}", row, ("name", *SPACINGS)) for number, row in enumerate(raw, 1)]
    swept = [row.text("name") for row in rows]

    graph, graph_keys = read_section(top)
    ensemble = top.section("ensemble", ENSEMBLE, optional=True)
    frequency, frequency_keys = _frequency(top, graph)
    resource = top.section("resource", RESOURCE)
    known = (*graph_keys, *frequency_keys, *RESOURCE)
    sections = {**dict.fromkeys(RESOURCE, resource), **dict.fromkeys(graph_keys, graph)}
    sections |= dict.fromkeys(frequency_keys, frequency)
    axes: list[Axis] = []
    for name, row in zip(swept, rows, strict=True):
        if name not in known:
            hint = nearest(name, known) or f"; expected one of {', '.join(known)}"
            raise row.error(f"expected a parameter of the model or argument of its generators, got {said(name)}{hint}")
        if name in [axis.name for axis in axes]:
            raise row.error(f"expected each parameter once, but an earlier axis varies {said(name)}", "name")
        if name in sections[name]:
            raise row.error(f"{said(name)} is varied here and given in {sections[name].where}; expected one of both")
        axes.append(_axis(row, name))

    content: dict[str, Any] = {
        "title": top.text("title") if "title" in top else "",
        "ensemble": {
            "graphs": ensemble.integer("graphs", 1, least=1, most=MOST_GRAPHS),
            "seed": ensemble.integer("seed", 0, least=0, most=2**32 - 1),
            "chunk": ensemble.integer("chunk", CHUNK, least=1, most=2**24),
            "precision": ensemble.choice("precision", PRECISIONS, "float64"),
        },
        "graph": {key: _graph_value(graph, key, value) for key, value in graph.values.items()},
        "frequency": {key: _frequency_value(frequency, key, value) for key, value in frequency.values.items()},
        "resource": _resource(resource, swept),
        "axes": [{"name": axis.name, "values": list(axis.values)} for axis in axes],
        "time": _times(top),
    }
    content["observe"], reducer = _observe(top, content["time"] is not None, swept)
    for table, keys in ((graph, graph_keys), (frequency, frequency_keys)):
        for key in needed(table.values):
            if key in keys and key not in table and key not in swept:
                raise table.error(f"missing key {said(key)} (expected here, or an axis over it)")
    if content["ensemble"]["graphs"] > 1 and not is_random(content):
        raise ensemble.error(
            f"expected 1, since neither the graph nor the frequencies are random and all members would be the same, "
            f"got {content['ensemble']['graphs']}",
            "graphs",
        )
    sweep = Sweep(content, tuple(axes), reducer)
    for count, most, what in (
        (sweep.members, MOST_MEMBERS, "members"),
        (
            math.prod(len(axis.values) for axis in axes if axis.kind == "static"),
            MOST_STATIC,
            "sizes and words together",
        ),
    ):
        if count > most:
            raise top.error(f"expected axes of at most {most:,} {what}, got {count:,}")
    if content["ensemble"]["precision"] == "float32":
        check_single([*content["frequency"].values(), *content["resource"].values()], ensemble)
        check_single([value for axis in axes for value in axis.values], ensemble)
    if sweep.given("plateau") and "cross_entropy" in sweep.given("loss"):
        raise resource.error('expected only with loss = "mse", got "cross_entropy" (here or on an axis)', "plateau")
    _check_shapes(sweep, graph, frequency)
    return sweep


# -- the sections


def _frequency(top: Section, graph: Section) -> tuple[Section, tuple[str, ...]]:
    values = top.section("frequency", None).values
    given = [key for key in ("law", "values", "each") if key in values]
    table = Section(top.path, "[frequency]", values, tuple(values))
    if len(given) != 1:
        raise table.error(f"expected one of law, values and each, got {' and '.join(given) or 'none of them'}")
    if given == ["values"]:
        return Section(top.path, "[frequency]", values, ("values",)), ()
    if given == ["each"]:
        _check_each(table, graph)
        return Section(top.path, "[frequency]", values, ("each",)), ()
    keys = section_keys({"law": table.choice("law", LAWS, "")})["frequency"]
    return Section(top.path, "[frequency]", values, ("law", *keys)), keys


def _check_each(table: Section, graph: Section) -> None:
    rows, graphs = table.get("each"), graph.values.get("graphs")
    if graphs is None:
        raise table.error("expected only with graphs of your own ([graph] graphs, files, or a function)", "each")
    if not isinstance(rows, list) or len(rows) != len(graphs) or not all(isinstance(row, list) for row in rows):
        raise table.error(f"expected a list of numbers for each of the {len(graphs)} graphs, got {said(rows)}", "each")
    for place, (row, held) in enumerate(zip(rows, graphs, strict=True)):
        if len(row) != len(held["prerequisites"]):
            raise table.error(f"expected {len(held['prerequisites'])} numbers, got {len(row)}", f"each[{place}]")
        for skill, value in enumerate(row):
            table.checked(f"each[{place}][{skill}]", value, above=0.0)


def _graph_value(table: Section, key: str, value: Any) -> Any:
    if key in ("generator", "prerequisites", "graphs"):
        return value
    if key == "gate" and isinstance(value, list):
        return [_value(table, key, word, f"gate[{skill}]") for skill, word in enumerate(value)]
    return _value(table, key, value)


def _frequency_value(table: Section, key: str, value: Any) -> Any:
    if key in ("law", "each"):
        return value
    return table.numbers("values", above=0.0) if key == "values" else _value(table, key, value)


def _value(table: Section, key: str, value: Any, place: str | None = None) -> Any:
    """One value of a parameter, checked as far as it can be by itself."""
    place = key if place is None else place
    if key in CHOICES:
        if not isinstance(value, str) or value not in CHOICES[key]:
            hint = nearest(value, CHOICES[key])
            raise table.error(f"expected {' or '.join(map(said, CHOICES[key]))}, got {said(value)}{hint}", place)
        return value
    if key in BOUNDS:
        if key == "density" and isinstance(value, (int, float)) and not 0 <= value <= 1:
            raise table.error(f"expected a number from 0 to 1, got {said(value)}", place)
        return table.checked(place, value, **BOUNDS[key])
    if key == "widths":
        if not isinstance(value, list) or not value:
            raise table.error(f"expected a list of numbers of skills, as [4, 2, 1], got {said(value)}", place)
        return [_whole(table, f"{place}[{position}]", width) for position, width in enumerate(value)]
    return _whole(table, place, value)


def _whole(table: Section, place: str, value: Any) -> int:
    real = (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and (isinstance(value, int) or math.isfinite(value))
    )
    if not (real and value == int(value) and abs(value) <= MOST_WHOLE):
        limits = f" of at most {MOST_WHOLE}" if real and value == int(value) else ""
        raise table.error(f"expected a whole number{limits}, got {said(value)}", place)
    return int(value)


def _resource(table: Section, swept: list[str]) -> dict[str, Any]:
    held = {key: _value(table, key, value) for key, value in table.values.items()}
    for key in CLOCKS:
        if key not in held and key not in swept:
            raise table.error(f"expected a number here or an axis over it, got neither: missing key {said(key)}")
    for key, default in (("loss", "mse"), ("competition", "l1")):
        if key not in swept:
            held.setdefault(key, default)
    return held


def _spread(table: Section, *, one: Callable[[str, Any], Any]) -> list[Any]:
    """The values of an axis: listed, or spread evenly or in geometric progression."""
    given = [key for key in SPACINGS if key in table]
    if len(given) != 1:
        raise table.error(f"expected one of {', '.join(SPACINGS)}, got {' and '.join(given) or 'none of them'}")
    (spacing,) = given
    listed = table.get(spacing)
    if not isinstance(listed, list) or not listed:
        raise table.error(f"expected a list, got {said(listed)}", spacing)
    if spacing == "values":
        return [one(f"values[{position}]", value) for position, value in enumerate(listed)]
    if len(listed) != 3:
        raise table.error(f"expected [first, last, how many], got a list of {len(listed)}", spacing)
    first, last = (table.checked(f"{spacing}[{place}]", listed[place]) for place in (0, 1))
    count = _whole(table, f"{spacing}[2]", listed[2])
    if not 1 <= count <= MOST_POINTS or (count == 1 and first != last):
        raise table.error(f"expected a number of values from 2 to {MOST_POINTS}, got {count}", f"{spacing}[2]")
    if spacing == "log" and min(first, last) <= 0:
        raise table.error(f"expected first and last above 0, got {min(first, last):g}", spacing)
    points = np.linspace(first, last, count) if spacing == "linear" else np.geomspace(first, last, count)
    return [one(spacing, value) for value in points.tolist()]


def _axis(row: Section, name: str) -> Axis:
    values = _spread(row, one=lambda place, value: _value(row, name, value, place))
    if name == "widths":
        values = [tuple(value) for value in values]
    if len(set(values)) < len(values):
        twice = next(value for position, value in enumerate(values) if value in values[:position])
        raise row.error(f"expected different values, got {twice} twice")
    return Axis(name, tuple(values), _kind(name))


def _times(top: Section) -> list[float] | None:
    if "time" not in top:
        return None
    table = top.section("time", SPACINGS)
    times = _spread(table, one=lambda place, value: table.checked(place, value, least=0.0))
    if any(after <= before for before, after in itertools.pairwise(times)):
        raise table.error("expected times that increase")
    return times


def _observe(top: Section, timed: bool, swept: list[str]) -> tuple[dict[str, Any], Callable[..., Any] | None]:
    table = top.section("observe", OBSERVE, optional=True)
    names = table.get("names", [] if "reducer" in table else list(DEFAULT_OBSERVABLES))
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise table.error(f'expected a list of names, as ["horizon"], got {said(names)}', "names")
    for name in names:
        if name not in OBSERVABLES:
            hint = nearest(name, OBSERVABLES) or f"; expected some of {', '.join(OBSERVABLES)}"
            raise table.error(f"unknown observable {said(name)}{hint}", "names")
        if OBSERVABLES[name].needs == "run" and not timed:
            raise table.error(f"{said(name)} is measured on a run and needs a section [time]", "names")
        if name in swept:
            raise table.error(
                f"expected names that no axis has, got {said(name)}; a reducer can give it another", "names"
            )
    if len(set(names)) < len(names):
        raise table.error("expected each observable once", "names")
    held: dict[str, Any] = {"names": names, "level": table.number("level", 0.95, above=0.0, below=1.0)}
    if "reducer" not in table:
        if not names:
            raise table.error("expected at least one observable, got an empty list", "names")
        return held, None
    if not timed:
        raise table.error("a reducer is applied to a run and needs a section [time]", "reducer")
    try:
        where, reducer = find_reducer(table.get("reducer"))
    except ValueError as error:
        raise table.error(str(error), "reducer") from None
    # a changed function is a changed description
    held["reducer"], held["reducer_source"] = where, source_digest(reducer)
    return held, reducer


def _check_shapes(sweep: Sweep, graph: Section, frequency: Section) -> None:
    """Trace each combination of the static values once: what the generators refuse is known before anything runs."""
    for static in sweep.statics():
        with jax.enable_x64(sweep.content["ensemble"]["precision"] == "float64"):
            try:
                skills = sweep.skills(static)
            except ValueError as error:
                raise graph.error(str(error)) from None
            arguments, first = sweep.arguments("frequency", static), sweep.first("frequency", static)
            drawn = functools.partial(build_frequency, arguments, jax.random.key(0), skills, first)
            length = jax.eval_shape(drawn).shape[-1]
        if length != skills:
            raise frequency.error(f"expected one number per skill ({skills}), got {length}", "values")


def _plain(value: Any) -> Any:
    """Arrays as lists and numpy's numbers as Python's, so that the content is plain data."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (np.ndarray, np.generic, jax.Array)):
        return np.asarray(value).tolist()
    return value
