"""The section of a description that says which graphs there are."""

from __future__ import annotations

import numpy as np

from ..base.checks import whole_number
from ..base.words import said
from ..config.graph_file import READING, reading_options, with_keys_of_toml
from ..graphs.graph import GATES
from .ensemble import GENERATORS, section_keys
from .keys import ENSEMBLE, Section
from .own_graphs import frequencies_of, is_function, own_graphs

# what a graph is given by
GRAPHS = ("generator", "prerequisites", "file", "graphs", "files")


def read_section(top: Section) -> tuple[Section, tuple[str, ...]]:
    """The section, with all that a graph is made from, and the arguments that it may have.

    **Raises:** [`resource_ode.config.toml.ScenarioError`][].
    """
    values = top.section("graph", None).values
    given = [key for key in GRAPHS if key in values]
    if len(given) != 1:
        where = Section(top.path, "[graph]", {}, ())
        got = " and ".join(given) or "none of them"
        raise where.error(f"expected one of {', '.join(GRAPHS[:-1])} and {GRAPHS[-1]}, got {got}")
    if given[0] in ("graphs", "files") or is_function(values.get("generator")):
        return _own(top, given[0]), ()
    if given == ["generator"]:
        generator = Section(top.path, "[graph]", values, tuple(values)).choice("generator", GENERATORS, "")
        keys = section_keys({"generator": generator})["graph"]
        return Section(top.path, "[graph]", values, ("generator", *keys)), keys
    if given == ["prerequisites"]:
        _check_prerequisites(Section(top.path, "[graph]", values, ("prerequisites", "gate")))
        if all(row.get("name") != "gate" for row in top.values.get("axis", [])):
            values = {"gate": "all"} | values
        return Section(top.path, "[graph]", values, tuple(values)), ("gate",)
    table = Section(top.path, "[graph]", values, ("file", *READING))
    from ..graphs.files import read_graph

    file, options = top.path.parent / table.text("file"), reading_options(table)
    try:
        graph = read_graph(file, **options)
    except ValueError as error:
        raise table.error(with_keys_of_toml(str(error)), "file") from None
    # the graph itself is part of the description: another file of the same name is another sweep
    gate = [GATES[int(either)] for either in np.asarray(graph.any_gate)]
    held = {"prerequisites": graph.prerequisite_lists(), "gate": gate}
    if graph.frequency is not None and "frequency" not in top:
        top.values = top.values | {"frequency": {"values": np.asarray(graph.frequency).tolist()}}
    return Section(top.path, "[graph]", held, tuple(held)), ()


def _own(top: Section, key: str) -> Section:
    """The graphs of the user's own, and their frequencies unless there are others."""
    table = Section(top.path, "[graph]", top.values["graph"], (key, *(READING if key == "files" else ())))
    ensemble = top.section("ensemble", ENSEMBLE, optional=True)
    options = reading_options(table)
    count, seed = (ensemble.values.get(name, default) for name, default in (("graphs", 1), ("seed", 0)))
    try:
        rows = own_graphs(
            top.path.parent, table.values, options, whole_number("graphs", count), whole_number("seed", seed, least=0)
        )
    except ValueError as error:
        raise table.error(with_keys_of_toml(str(error))) from None
    sizes = {len(row["prerequisites"]) for row in rows}
    if "frequency" not in top:
        try:
            each = frequencies_of(rows)
        except ValueError as error:
            raise table.error(str(error)) from None
        if each is not None:
            top.values = top.values | {"frequency": {"each": each}}
    elif len(sizes) > 1 and isinstance(top.values.get("frequency"), dict) and "each" not in top.values["frequency"]:
        raise table.error(
            "expected graphs of one size, since [frequency] is one for all; give each graph frequencies of its own"
        )
    held = [{key: value for key, value in row.items() if key != "frequency"} for row in rows]
    if key != "generator":
        most = len(held)
        top.values = top.values | {"ensemble": {"graphs": most, **ensemble.values}}
        if top.values["ensemble"]["graphs"] != most:
            raise ensemble.error(f"expected {most}, the number of graphs that are given, or nothing", "graphs")
    return Section(top.path, "[graph]", {"graphs": held}, ("graphs",))


def _check_prerequisites(table: Section) -> None:
    lists = table.get("prerequisites")
    if not isinstance(lists, list) or not lists:
        raise table.error(f"expected a list with one list per skill, as [[], [0]], got {said(lists)}", "prerequisites")
    for skill, row in enumerate(lists):
        if not isinstance(row, list):
            raise table.error(f"expected a list of indices of skills, got {said(row)}", f"prerequisites[{skill}]")
        for index in row:
            if isinstance(index, bool) or not isinstance(index, int):
                raise table.error(f"expected whole numbers, got {said(index)}", f"prerequisites[{skill}]")
            if not 0 <= index < len(lists):
                last = len(lists) - 1
                raise table.error(f"expected skills from 0 to {last}, got {said(index)}", f"prerequisites[{skill}]")
