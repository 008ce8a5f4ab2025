"""GML as networkx, igraph, Gephi and yEd write it."""

from __future__ import annotations

import html
import re
from typing import Any

from .names import Nodes, attribute, best_label
from .network import Edges, Network
from .problem import guess, refuse, said

_TOKEN = re.compile(
    r'\s*+(?:#[^\n]*+\s*+)*+(?:([A-Za-z_]\w*)|([+-]?[\d.][\w.+-]*|[+-][A-Za-z]\w*)|"([^"]*)"|([\[\]])|(\Z))'
)
# brackets that hold keys and plain values alone, whole, for speed
_VALUE = r'[+-]?[\d.][\w.+-]*+|"[^"]*+"'
_SIMPLE = re.compile(rf"\s*+([A-Za-z_]\w*+)\s*+\[((?:\s++[A-Za-z_]\w*+\s++(?:{_VALUE}))*+)\s*+\]")
_PAIR = re.compile(rf"\s++(\w++)\s++({_VALUE})")
MOST_NESTED = 50


def read_gml(text: str, direction: str | None) -> Network:
    """The network in a GML text; with a `direction` also where yEd draws edges without arrowheads."""
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
        label = best_label(attribute(values, "label", what), attribute(values, "name", what), identity)
        if str(_one(item, "isGroup", what)) == "1":
            folders[identity] = label or identity
        else:
            nodes.add(identity, label, attribute(values, "gate", what), attribute(values, "frequency", what))
    for item in graph.get("edge", []):
        source, target = (_one(item, key, "edge") if isinstance(item, dict) else None for key in ("source", "target"))
        if not isinstance(source, str) or not isinstance(target, str):
            refuse("edge: expected edge [ source ... target ... ], got one without")
        place = f"edge {said(source)} -> {said(target)}"
        for drawn in item.get("graphics", []):
            if isinstance(drawn, dict):
                _refuse_heads(drawn, place, headless=direction is None and "yFiles" in top.get("Creator", ()))
        values = {key: _one(item, key, place) for key in item if key.lower() in ("weight", "value")}
        weight = attribute(values, "weight", place) or attribute(values, "value", place)
        called = [values[0] for key, values in item.items() if key not in ("source", "target")]
        edges.add(source, target, weight, called)

    def unknown(end: Any, which: str) -> str:
        if end in folders:
            return f"the group {said(folders[end])}, which is no skill; draw the edge to what is in it"
        return f"{said(end)}, which no node has{guess(str(end), nodes.position)}"

    return edges.network(nodes, unknown)


def _refuse_heads(drawn: dict[str, list[Any]], place: str, headless: bool) -> None:
    """An arrowhead at the source, or, if `headless` is refused, none at all, as yEd draws what has no direction."""
    at_source, at_target, arrow = (drawn.get(key, ["none"])[0] for key in ("sourceArrow", "targetArrow", "arrow"))
    if at_source not in ("none", "") or arrow in ("first", "both"):
        refuse(f"{place}: expected an arrowhead at its target alone, got one at its source; reverse the edge")
    if headless and at_target in ("none", "") and arrow != "last":
        refuse(
            f"{place}: expected an arrowhead at its target, got none at either end; draw it, or say which end is the "
            'prerequisite: direction="prerequisite_first" (where the edge begins) or "prerequisite_last"'
        )


def _one(item: dict[str, list[Any]], key: str, what: str) -> Any:
    values = item.get(key, [None])
    if len(values) > 1:
        refuse(f"{what}: expected one {key}, got {len(values)}")
    return values[0]


def _parse(text: str) -> dict[str, list[Any]]:
    """Keys to the list of their values: a string, the text of a number, or such a dictionary."""
    top: dict[str, list[Any]] = {}
    stack, key, position = [top], None, 0
    while (match := _TOKEN.match(text, position)) is not None:
        if key is None and len(stack) < MOST_NESTED and (simple := _SIMPLE.match(text, position)) is not None:
            item: dict[str, list[Any]] = {}
            for name, value in _PAIR.findall(simple[2]):
                if value[0] == '"':
                    value = html.unescape(value[1:-1]) if "&" in value else value[1:-1]
                item.setdefault(name, []).append(value)
            stack[-1].setdefault(simple[1], []).append(item)
            position = simple.end()
            continue
        kind, position = match.lastindex or 5, match.end()
        if kind == 5:
            break
        value: Any = match[kind]
        if key is None:
            if kind == 1:
                key = value
                continue
            if value != "]" or kind != 4 or len(stack) == 1:
                refuse(f"line {_line(text, position)}: expected a key, got {said(value)}")
            stack.pop()
            continue
        if kind == 1 or (kind == 4 and value == "]"):
            refuse(f"line {_line(text, position)}: expected a value of {said(key)}, got {said(value)}")
        if kind == 3 and "&" in value:
            value = html.unescape(value)
        if kind == 4:
            value = {}
        held = stack[-1]
        if key in held:
            held[key].append(value)
        else:
            held[key] = [value]
        key = None
        if kind == 4:
            stack.append(value)
            if len(stack) > MOST_NESTED:
                refuse(f"line {_line(text, position)}: expected at most {MOST_NESTED} levels of brackets, got more")
    else:
        rest = text[position : position + 60].lstrip()
        refuse(f"line {_line(text, position)}: expected GML, keys and their values, got {said(rest[:40])}")
    if len(stack) > 1 or key is not None:
        refuse("expected GML, got a text that ends within brackets or after a key; is it cut short?")
    return top


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1
