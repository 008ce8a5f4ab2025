"""Write a graph file: GraphML or node-link JSON, whole or not at all."""

from __future__ import annotations

import json
import os

from ...base import atomic
from ...base.annotations import Given
from ...base.checks import file_path
from ...base.words import printable, said_path
from ..graph import SkillGraph, checked_graph
from .problem import GraphFileError, said


def write_graph(graph: Given[SkillGraph], path: str | os.PathLike[str]) -> None:
    """Write one skill graph to a `.graphml` or `.json` file, the inverse of [`resource_ode.read_graph`][].

    **Raises:** `ValueError`, which names the file, for another suffix, a batch, or a place that cannot be written.

    **Example:**

    >>> write_graph(SkillGraph([[], [0]]), "skills.json")  # doctest: +SKIP
    """
    import networkx as nx

    path, graph = file_path("path", path), checked_graph(graph)
    shown, kind = said_path(path), path.suffix.lower()
    if kind not in (".graphml", ".json"):
        got = f"the suffix {said(path.suffix)}" if path.suffix else "no suffix"
        raise GraphFileError(f"{shown}: expected a .graphml or .json file to write, got {got}")
    if problem := atomic.obstacle(path):
        raise GraphFileError(f"{shown}: {printable(problem)}")
    try:
        digraph = graph.to_networkx()
        if kind == ".json":
            text = json.dumps(nx.node_link_data(digraph, edges="edges"), indent=1, ensure_ascii=False)
        else:
            text = "\n".join(nx.generate_graphml(digraph))
        atomic.write_bytes(path, (text + "\n").encode())
    except OSError as error:
        raise GraphFileError(f"{shown}: expected a file that can be written, got {error.strerror}") from None
    except UnicodeEncodeError:
        raise GraphFileError(f"{shown}: expected names that UTF-8 can hold, got half of a surrogate pair") from None
    except ValueError as error:
        raise GraphFileError(f"{shown}: {error}") from None
