"""An ensemble of graphs of the user's own: listed, in files, or made by a function. They become part of a description.

A sweep is a function of its description alone, so the graphs themselves are kept in it, not where they came from.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

from ..base.values import brief, listed
from ..base.words import printable, said
from ..graphs.files import read_graph
from ..graphs.graph import GATES, SkillGraph
from .reducer import find_reducer

# graphs of an ensemble, and skills of all of them together: they are text in the store
MOST_GRAPHS, MOST_TOGETHER = 100_000, 1_000_000
# files of a folder that are graphs, also packed with gzip; .txt may be anything
ENDINGS = (
    ".graphml", ".xml", ".gexf", ".gml", ".dot", ".gv", ".json", ".cyjs", ".csv", ".tsv", ".edgelist", ".adjlist",
    ".edges", ".el", ".npy", ".npz",
)  # fmt: skip


def is_function(generator: Any) -> bool:
    """Whether a generator is a function of the user's own, or the name of one (`module:function`)."""
    return callable(generator) or (isinstance(generator, str) and ":" in generator)


def own_graphs(
    folder: Path, table: dict[str, Any], options: dict[str, Any], count: int, seed: int
) -> list[dict[str, Any]]:
    """The graphs of a table with one of the keys `graphs`, `files` and `generator` (a function), as plain data.

    **Arguments:** `folder`: where names of files begin; `options`: how files are read; `count`, `seed`: how many a
    function makes, and its keys' seed.

    **Raises:** `ValueError` for anything that is no single graph.
    """
    if "graphs" in table:
        graphs = listed(table["graphs"])
        if graphs is None:
            raise ValueError(f"graphs: expected a list of SkillGraphs, got {brief(table['graphs'])}")
        found = [(f"graphs[{place}]", graph) for place, graph in enumerate(graphs)]
    elif "files" in table:
        found = [(path.name, _read(path, options)) for path in _paths(folder, table["files"])]
    else:
        function: Callable[[Any], Any] = table["generator"]
        if isinstance(function, str):
            function = find_reducer(function)[1]
        if count > MOST_GRAPHS:
            raise ValueError(f"generator: expected at most {MOST_GRAPHS:,} graphs of a function, got {count:,}")
        key = jax.random.key(seed, impl="threefry2x32")
        found = [(f"generator, call {n}", _made(function, jax.random.fold_in(key, n), n)) for n in range(count)]
    if not found or len(found) > MOST_GRAPHS:
        raise ValueError(f"graphs: expected 1 to {MOST_GRAPHS:,} of them, got {len(found):,}")
    rows = [_plain(where, graph) for where, graph in found]
    together = sum(len(row["prerequisites"]) for row in rows)
    if together > MOST_TOGETHER:
        raise ValueError(f"graphs: expected at most {MOST_TOGETHER:,} skills in all of them, got {together:,}")
    return rows


def stacked_arrays(rows: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    """Graphs of a description as arrays of one shape, and their frequencies if they have them."""
    skills = max(len(row["prerequisites"]) for row in rows)
    fan_in = max(len(before) for row in rows for before in row["prerequisites"])
    found = {
        "prerequisites": np.zeros((len(rows), skills, fan_in), np.int32),
        "required": np.zeros((len(rows), skills, fan_in), bool),
        "any_gate": np.zeros((len(rows), skills), bool),
        "present": np.zeros((len(rows), skills), bool),
        "depth": np.zeros((len(rows), skills), np.int32),
    }
    # also while a program is traced
    with jax.ensure_compile_time_eval():
        for place, row in enumerate(rows):
            graph = SkillGraph(row["prerequisites"], row["gate"])
            size = (place, slice(graph.skills))
            for name in ("prerequisites", "required"):
                found[name][(*size, slice(graph.fan_in))] = np.asarray(getattr(graph, name))
            for name in ("any_gate", "present", "depth"):
                found[name][size] = np.asarray(getattr(graph, name))
    return found


def frequencies_of(rows: list[dict[str, Any]]) -> list[list[float]] | None:
    """The graphs' own frequencies; None if none has any.

    **Raises:** `ValueError` where only some have.
    """
    held = [row.get("frequency") for row in rows]
    without = [place for place, row in enumerate(held) if row is None]
    if without and len(without) < len(held):
        raise ValueError(
            f"expected frequencies of each graph or of none, got none of graph {without[0]}; or give [frequency]"
        )
    return None if without else [list(row) for row in held if row is not None]


def _paths(folder: Path, given: Any) -> list[Path]:
    if isinstance(given, (str, os.PathLike)):
        place = folder / given
        if not place.is_dir():
            raise ValueError(f"files: expected a folder, or a list of files, got {said(given)}, which is no folder")
        found = sorted(path for path in place.iterdir() if path.name.lower().removesuffix(".gz").endswith(ENDINGS))
        if not found:
            raise ValueError(f"files: the folder {said(given)} holds no graph files ({', '.join(ENDINGS)})")
        return found
    names = listed(given)
    if not names or not all(isinstance(name, (str, os.PathLike)) for name in names):
        raise ValueError(f"files: expected a folder, or a list of files, got {brief(given)}")
    return [folder / name for name in names]


def _read(path: Path, options: dict[str, Any]) -> SkillGraph:
    try:
        return read_graph(path, **options)
    except OSError as error:
        raise ValueError(f"{path}: expected a graph file ({error.strerror})") from None


def _made(function: Callable[[Any], Any], key: Any, number: int) -> Any:
    try:
        return function(key)
    except Exception as error:  # the function is the user's, and may raise anything
        why = printable(str(error).strip().partition("\n")[0]) or type(error).__name__
        raise ValueError(f"generator: call {number} of the function failed ({why:.200})") from None


def _plain(where: str, graph: Any) -> dict[str, Any]:
    if not isinstance(graph, SkillGraph) or graph.batch_shape:
        raise ValueError(f"{where}: expected a single SkillGraph, got {brief(graph)}")
    if graph.own_gate is not None:
        raise ValueError(f'{where}: expected gates "all" and "any", since a store holds no code, got {graph.own_gate}')
    graph = graph.without_padding()
    row: dict[str, Any] = {
        "prerequisites": graph.prerequisite_lists(),
        "gate": [GATES[int(either)] for either in np.asarray(graph.any_gate)],
    }
    if graph.frequency is not None:
        row["frequency"] = np.asarray(graph.frequency, float).tolist()
    return row
