"""GML as networkx, igraph, Gephi and yEd write it."""

from __future__ import annotations

import html
import re
from typing import Any

from .names import Nodes, attribute, finite_number
from .network import Edges, Network
from .problem import guess, refuse, said

_TOKEN = re.compile(r'\s*+(?:#[^\n]*+\s*+)*+(?:([A-Za-z_]\w*)|([+-]?[\d.][\w.+-]*|[+-][A-Za-z]\w*)|"([^"]*)"|([\[\]]))')
MOST_NESTED = 50


def read_gml(text: str) -> Network:
    """The network in a GML text."""
    top = _parse(text)
    graphs = top.get("graph", [])
    if len(graphs) != 1 or not isinstance(graphs[0], dict):
        refuse(f"expected one graph [ ... ], got {len(graphs)}")
    graph = graphs[0]
    if _one(graph, "directed", "graph") not in ("1", 1):
        refuse(
            "graph: expected a directed graph, `directed 1`, since an edge leads from a prerequisite to what requires "
            "it, got an undirected one"
        )
    nodes, edges, folders = Nodes(), Edges(), {}
    for item in graph.get("node", []):
        if not isinstance(item, dict) or (identity := _one(item, "id", "node")) is None or isinstance(identity, dict):
            refuse("node: expected node [ id ... ], got one without an id")
        what = f"node {said(identity)}"
        values = {key: _one(item, key, what) for key in item if key.lower() in ("label", "name", "gate", "frequency")}
        label = attribute(values, "label", what) or attribute(values, "name", what)
        if str(_one(item, "isGroup", what)) == "1":
            folders[identity] = label or identity
        else:
            nodes.add(identity, label, attribute(values, "gate", what), attribute(values, "frequency", what))
    for item in graph.get("edge", []):
        source, target = (_one(item, key, "edge") if isinstance(item, dict) else None for key in ("source", "target"))
        if any(end is None or isinstance(end, dict) for end in (source, target)):
            refuse("edge: expected edge [ source ... target ... ], got one without")
        place = f"edge {said(source)} -> {said(target)}"
        weight = _one(item, "weight", place)
        weight = _one(item, "value", place) if weight is None else weight
        edges.add(source, target, None if weight is None else finite_number(weight, f"weight of {place}"))

    def unknown(end: Any, which: str) -> str:
        if end in folders:
            return f"the group {said(folders[end])}, which is no skill; draw the edge to what is in it"
        return f"{said(end)}, which no node has{guess(str(end), nodes.position)}"

    return edges.network(nodes, unknown)


def _one(item: dict[str, list[Any]], key: str, what: str) -> Any:
    values = item.get(key, [None])
    if len(values) > 1:
        refuse(f"{what}: expected one {key}, got {len(values)}")
    return values[0]


def _parse(text: str) -> dict[str, list[Any]]:
    """Keys to the list of their values: a string, the text of a number, or such a dictionary."""
    top: dict[str, list[Any]] = {}
    stack, key, position = [top], None, 0
    length = len(text.rstrip())
    while position < length:
        match = _TOKEN.match(text, position)
        if match is None:
            rest = text[position:].lstrip()
            if not rest or (rest.startswith("#") and "\n" not in rest):
                break
            refuse(f"line {_line(text, position)}: expected GML, keys and their values, got {said(rest[:40])}")
        position = match.end()
        word, number, string, bracket = match.groups()
        if bracket == "]":
            if key is not None or len(stack) == 1:
                refuse(f"line {_line(text, match.start(4))}: expected GML, keys and their values, got ']'")
            stack.pop()
            continue
        if key is None:
            if word is None:
                refuse(f"line {_line(text, position)}: expected a key, got {said(match.group(0).strip()[:40])}")
            key = word
            continue
        if bracket == "[":
            value: Any = {}
        elif string is not None:
            value = html.unescape(string) if "&" in string else string
        elif number is not None:
            value = number
        else:
            refuse(f"line {_line(text, position)}: expected a value of {said(key)}, got the word {said(word)}")
        stack[-1].setdefault(key, []).append(value)
        key = None
        if bracket == "[":
            stack.append(value)
            if len(stack) > MOST_NESTED:
                refuse(f"line {_line(text, position)}: expected at most {MOST_NESTED} levels of brackets, got more")
    if len(stack) > 1 or key is not None:
        refuse("expected GML, got a text that ends within brackets or after a key; is it cut short?")
    return top


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1
