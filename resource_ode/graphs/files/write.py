"""Write a graph file: GraphML or node-link JSON, whole or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

from ..graph import SkillGraph
from .problem import GraphFileError, said


def write_graph(graph: SkillGraph, path: str | os.PathLike[str]) -> None:
    """Write one skill graph to a `.graphml` or `.json` file, the inverse of [`resource_ode.read_graph`][].

    **Raises:** `ValueError`, which names the file, for another suffix, a batch, or a place that cannot be written.

    **Example:**

    >>> write_graph(SkillGraph([[], [0]]), "skills.json")  # doctest: +SKIP
    """
    import networkx as nx

    path = Path(path)
    kind = path.suffix.lower()
    if kind not in (".graphml", ".json"):
        got = f"the suffix {said(path.suffix)}" if path.suffix else "no suffix"
        raise GraphFileError(f"{path}: expected a .graphml or .json file to write, got {got}")
    try:
        digraph = graph.to_networkx()
        if kind == ".json":
            text = json.dumps(nx.node_link_data(digraph, edges="edges"), indent=1, ensure_ascii=False)
        else:
            text = "\n".join(nx.generate_graphml(digraph))
        _write(path, text + "\n")
    except OSError as error:
        raise GraphFileError(f"{path}: expected a file that can be written, got {error.strerror}") from None
    except ValueError as error:
        raise GraphFileError(f"{path}: {error}") from None


def _write(path: Path, text: str) -> None:
    """Put the text in the place of the file at once: what was there stays until all is written."""
    path = path.resolve()  # of a link, what it leads to
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=".graph-", suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(part, path.stat().st_mode if path.exists() else 0o666 & ~mask)
        os.replace(part, path)
    except BaseException:
        os.unlink(part)
        raise
