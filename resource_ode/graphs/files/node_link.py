"""Graphs in JSON: node-link data of networkx, D3 and vis, adjacency and tree data of networkx, Cytoscape's JSON."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

from .columns import NEEDS, word_of
from .names import Nodes, attribute, best_label, finite_number
from .network import Edges, Network
from .problem import GraphFileError, guess, refuse, said

KINDS = "node-link data (an object with lists nodes and edges or links), adjacency, tree or Cytoscape data"

# names of arguments of networkx, in the order in which an error names them
_TAKEN = dict.fromkeys(("node_for_adding", "u_of_edge", "v_of_edge", "u_for_edge", "v_for_edge"))


def read_json(text: str, direction: str | None) -> Network:
    """The network in a JSON text."""
    try:
        data = json.loads(text, object_pairs_hook=_distinct)
    except json.JSONDecodeError as error:
        refuse(f"line {error.lineno}, column {error.colno}: expected JSON, got text that is none ({error.msg})")
    except RecursionError:
        refuse("expected JSON, got one nested too deep")
    except GraphFileError:
        raise
    except ValueError:
        refuse("expected JSON, got a number of more digits than are read")
    if isinstance(data, list) and data and all(isinstance(item, dict) and "data" in item for item in data):
        return _cytoscape(data)
    if not isinstance(data, dict):
        refuse(f"expected {KINDS}, got a {type(data).__name__}")
    if data.get("directed", True) is not True:
        refuse(
            "directed: expected a directed graph, since an edge leads from a prerequisite to what requires it, got "
            f"{said(data['directed'])}; save the graph as a directed one (directed: true)"
        )
    if "elements" in data:
        return _cytoscape(data["elements"])
    if "nodes" in data and "adjacency" in data:
        return _adjacency(data)
    if "nodes" in data:
        # Cytoscape.js wraps what it says of a node in `data`
        wrapped = isinstance(data["nodes"], list) and any(isinstance(n, dict) and "data" in n for n in data["nodes"])
        return _cytoscape(data) if wrapped and "edges" in data else _node_link(data, direction)
    if "children" in data and "edges" not in data and "links" not in data:
        return _tree(data, direction)
    if "graph" in data or "graphs" in data:
        refuse(f"expected {KINDS}, got what may be JSON Graph Format, which is not read")
    refuse(f"expected {KINDS}, got keys {said(list(data))}")


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        refuse(f"expected distinct keys in an object, got {said(twice)} twice")
    return found


def _key(value: Any) -> Any:
    """What an id is looked up by, or `None` if the value is none: a text, a number, or a list of those (a tuple)."""
    if isinstance(value, list):
        return tuple(value) if value and all(_key(part) == part for part in value) else None
    return None if isinstance(value, bool) or not isinstance(value, (str, int, float)) or value != value else value


def _text(key: Any) -> str:
    try:
        return str(key)
    except ValueError:  # more digits than Python prints
        refuse(f"nodes: expected ids of a reasonable length, got {said(key)}")


def _list(data: dict[str, Any], key: str) -> list[Any]:
    value = data.get(key)
    if not isinstance(value, list):
        refuse(f"{key}: expected a list, got {said(value)}")
    return value


def _named(nodes: Nodes, key: Any, values: dict[str, Any]) -> None:
    """Add a node with the attributes that are read."""
    what = f"node {said(key)}"
    label, name = (found if _key(found := values.get(word)) is not None else None for word in ("label", "name"))
    label = best_label(label, name, key)
    label = label if label is None or _key(label) != key else None
    text = None if label is None else _text(label if not isinstance(label, list) else tuple(label))
    nodes.add(key, text, attribute(values, "gate", what), attribute(values, "frequency", what), text=_text(key))


def _attributes(values: Any, what: str) -> None:
    """Refuse what networkx could not hold in a graph."""
    if not _TAKEN.keys().isdisjoint(values):
        key = next(key for key in _TAKEN if key in values)
        refuse(f"{what}: expected attributes that networkx can hold, got one named {key}; rename it")
    if isinstance(values.get("key"), (list, dict)):
        refuse(f"{what}: expected a text or a number as key of an edge, got {said(values['key'])}")


def _weight(values: dict[str, Any]) -> Any:
    """The weight of an edge; D3 and vis call it `value`."""
    weight = attribute(values, "weight", "edge")
    value = values.get("value")
    if weight is None and isinstance(value, (int, float, str)) and finite_number(value) is not None:
        return value
    return weight


def _called(values: dict[str, Any]) -> list[Any]:
    """What is said of an edge besides its ends."""
    return [value for key, value in values.items() if key not in ("source", "target", "from", "to", "id", "key")]


def _node_link(data: dict[str, Any], direction: str | None) -> Network:
    filled = [key for key in ("edges", "links") if data.get(key)]
    if len(filled) > 1:
        refuse("expected the edges in one list, edges or links, got both; delete one")
    listed = filled[0] if filled else next((key for key in ("edges", "links") if key in data), None)
    if listed is None:
        refuse(f"expected {KINDS}, got keys {said(list(data))}")
    options = data.get("options")
    if isinstance(options, dict) and options.get("type") == "undirected":  # of graphology, which Gephi Lite saves
        refuse("options: expected a directed graph, got type 'undirected'; save it as a directed one")
    nodes = Nodes()
    told_of: dict[Any, tuple[str, Any]] = {}
    for index, node in enumerate(_list(data, "nodes")):
        values = _flat(node) if isinstance(node, dict) else {"id": node}
        for inner in ("children", "nodes"):
            if isinstance(values.get(inner), list) and values[inner] and isinstance(values[inner][0], dict):
                refuse(f"nodes[{index}]: expected nodes side by side, got one that holds others as {inner}")
        told = next((key for key in values if _tells(key, values[key])), None)
        if told is not None and values[told] and not data[listed]:
            refuse(f"nodes[{index}]: expected the prerequisites as a list {listed}, got them as {said(told)} of a node")
        identity = next((values[name] for name in ("id", "name", "label") if name in values), None)
        key = _key(identity)
        if key is None:
            refuse(f"nodes[{index}]: expected an object with id, a text or a number, got {said(node)}")
        _attributes(values, f"nodes[{index}]")
        _named(nodes, key, values)
        if told is not None:
            told_of[key] = told, values[told]
    rows = [_flat(edge) for edge in _list(data, listed)]
    ends = [_ends(edge, index, listed) for index, edge in enumerate(rows)]
    numbers = all(type(end) is int for pair in ends for end in pair)
    keys = list(nodes.position)
    # networkx 1, whose `graph` is a list, and D3 up to version 3 count the nodes from 0
    by_index = numbers and (
        isinstance(data.get("graph"), list)
        or (
            all(isinstance(key, str) for key in keys)
            # a number may also be meant for the id of the same digits
            and all(nodes.position.get(str(end), end) == end for pair in ends for end in pair)
        )
    )
    edges = Edges()
    for index, (pair, values) in enumerate(zip(ends, rows, strict=True)):
        if by_index:
            for end in pair:
                if not 0 <= end < len(keys):
                    refuse(f"{listed}[{index}]: expected ids, or places from 0 to {len(keys) - 1}, got {said(end)}")
            pair = (keys[pair[0]], keys[pair[1]])
        edges.add(*pair, _weight(values), _called(values))
    _refuse_other_prerequisites(told_of, edges.ends, nodes, listed, direction)

    def unknown(end: Any, which: str) -> str:
        hint = guess(end, nodes.position)
        if numbers:
            hint = "; if the links count the nodes from 0, take the ids of the nodes away"
        elif (str(end) in nodes.position) or (isinstance(end, str) and end.isdecimal()):
            hint = "; a number and its text are two ids"
        return f"{said(end)}, which no node has{hint}"

    return edges.network(nodes, unknown)


def _tells(key: str, value: Any) -> bool:
    """Whether an attribute of a node holds what it requires; a parent may be that, or a group."""
    return (word_of(key) in NEEDS and isinstance(value, (list, str))) or (key == "parent" and _key(value) is not None)


def _refuse_other_prerequisites(
    told_of: dict[Any, tuple[str, Any]], ends: list[tuple[Any, Any]], nodes: Nodes, listed: str, direction: str | None
) -> None:
    """What a node itself says that it requires, by ids or names of nodes, has to be what the edges say."""
    if not told_of:
        return
    before: dict[Any, set[Any]] = {key: set() for key in told_of}
    for pair in ends:
        source, target = reversed(pair) if direction == "prerequisite_last" else pair
        if target in before:
            before[target].add(source)
    key_of = dict(zip(nodes.names(), nodes.position, strict=True)) | {key: key for key in nodes.position}
    for key, (word, told) in told_of.items():
        parts = re.split(r"\s*[,;|]\s*", told) if isinstance(told, str) else told if isinstance(told, list) else [told]
        found = {key_of[part] for part in map(_key, parts) if part in key_of}
        if found and (found != before[key] if word_of(word) in NEEDS else not found <= before[key]):
            other = next(iter(found - before[key] or found ^ before[key]))
            refuse(
                f"node {said(key)}: expected as {said(word)} what the {listed} say, got {said(told)}, but "
                f"{'an edge leads' if other in before[key] else 'no edge leads'} there from {said(other)}; "
                f"take {said(word)} away, or say which end is the prerequisite by direction"
            )


def _flat(item: Any) -> Any:
    """A node or an edge with its attributes beside its ends: graphology keeps them in `attributes`, the id in `key`."""
    if not isinstance(item, dict) or not isinstance(item.get("attributes"), dict):
        return item
    flat = {**item["attributes"], **{key: value for key, value in item.items() if key != "attributes"}}
    if "source" not in item and "key" in item:
        flat.setdefault("id", item["key"])
    return flat


def _ends(edge: Any, index: int, listed: str) -> tuple[Any, Any]:
    for keys in (("source", "target"), ("from", "to")):
        if isinstance(edge, dict) and all(key in edge for key in keys):
            break
    else:
        refuse(f"{listed}[{index}]: expected an object with source and target (or from and to), got {said(edge)}")
    if keys[0] == "from" and not _forward(edge.get("arrows")):
        refuse(f"{listed}[{index}]: expected an arrow at its end, to, got arrows {said(edge['arrows'])}")
    _attributes(edge, f"{listed}[{index}]")
    for word, wrong in (
        ("directed", edge.get("directed", True) is not True),
        ("undirected", edge.get("undirected") not in (None, False)),
        ("type", edge.get("type") in ("undirected", "mutual")),
    ):
        if wrong:
            refuse(f"{listed}[{index}]: expected a directed edge, got {word} {said(edge[word])}")
    ends = []
    for key in keys:
        value = edge[key]
        if isinstance(value, dict):  # D3 puts the node itself in the place of its id
            value = next((value[name] for name in ("id", "name", "index") if name in value), None)
        end = _key(value)
        if end is None:
            refuse(f"{listed}[{index}]: expected the id of a node as {key}, got {said(edge[key])}")
        ends.append(end)
    return ends[0], ends[1]


def _forward(arrows: Any) -> bool:
    """Whether vis draws an edge from `from` to `to`: where nothing is said, or `to` alone has a head."""
    if isinstance(arrows, dict):
        heads = {
            end for end, head in arrows.items() if head and (not isinstance(head, dict) or head.get("enabled", True))
        }
        return heads in (set(), {"to"})
    return arrows in ("to", "", None)


def _cytoscape(elements: Any) -> Network:
    if isinstance(elements, list):  # all in one list: what has ends is an edge
        sides: dict[str, list[Any]] = {"nodes": [], "edges": []}
        for item in elements:
            values = item.get("data") if isinstance(item, dict) else None
            sides["edges" if isinstance(values, dict) and "source" in values else "nodes"].append(item)
        elements = sides
    if not isinstance(elements, dict):
        refuse(f"elements: expected an object with nodes and edges, got {said(elements)}")
    found: dict[str, list[dict[str, Any]]] = {}
    for kind in ("nodes", "edges"):
        items = _list(elements, kind) if kind == "nodes" or kind in elements else []
        for index, item in enumerate(items):
            if not isinstance(item, dict) or not isinstance(item.get("data"), dict):
                refuse(f"elements.{kind}[{index}]: expected an object with data, got {said(item)}")
        found[kind] = [item["data"] for item in items]
    # Cytoscape takes a number and its text for one id; networkx writes the one at the nodes, the other at the edges
    parents = {_text(key) for values in found["nodes"] if (key := _key(values.get("parent"))) is not None}
    nodes, folders = Nodes(), {}
    for index, values in enumerate(found["nodes"]):
        if _key(values.get("id")) is None:
            refuse(f"elements.nodes[{index}]: expected an id, a text or a number, got {said(values)}")
        key = _text(_key(values["id"]))
        if key in parents:
            folders[key] = values.get("name", values.get("label", key))
        else:
            _named(nodes, key, values)
    edges = Edges()
    for index, values in enumerate(found["edges"]):
        source, target = map(_text, _ends(values, index, "elements.edges"))
        edges.add(source, target, _weight(values), _called(values))

    def unknown(end: Any, which: str) -> str:
        if end in folders:
            return f"{said(folders[end])}, which holds other nodes and is no skill; draw the edge to what is in it"
        return f"{said(end)}, which no node has{guess(end, nodes.position)}"

    return edges.network(nodes, unknown)


def _adjacency(data: dict[str, Any]) -> Network:
    listed, rows = _list(data, "nodes"), _list(data, "adjacency")
    if len(listed) != len(rows):
        refuse(f"adjacency: expected one list per node, {len(listed)}, got {len(rows)}")
    nodes, edges = Nodes(), Edges()
    for kind, items in (("nodes", [[node] for node in listed]), ("adjacency", rows)):
        for index, row in enumerate(items):
            for item in row if isinstance(row, list) else [None]:
                key = _key(item.get("id")) if isinstance(item, dict) else None
                if key is None or not isinstance(item, dict):
                    refuse(f"{kind}[{index}]: expected objects with id, a text or a number, got {said(item)}")
                if kind == "nodes":
                    _named(nodes, key, item)
                else:
                    source = _key(listed[index]["id"])
                    edges.add(source, key, _weight(item), _called(item))
    return edges.network(nodes, lambda end, which: f"{said(end)}, which no node has")


def _tree(data: dict[str, Any], direction: str | None) -> Network:
    if "id" not in data and direction is None:
        refuse(
            'a tree does not say which end of a branch is the prerequisite: give direction="prerequisite_first" if a '
            'parent is the prerequisite of its children, "prerequisite_last" if it is the other way round'
        )
    nodes, edges = Nodes(), Edges()
    waiting: list[tuple[Any, Any]] = [(data, None)]
    for item, parent in waiting:  # grows while it is read
        identity = (
            next((item[name] for name in ("id", "name") if name in item), None) if isinstance(item, dict) else None
        )
        key = _key(identity)
        if key is None:
            refuse(f"tree: expected objects with id (or name) and children, got {said(item)}")
        _named(nodes, key, item)
        if parent is not None:
            edges.add(parent, key)
        children = item.get("children") or []
        if not isinstance(children, list):
            refuse(f"children of {said(key)}: expected a list, got {said(children)}")
        waiting.extend((child, key) for child in children)
    return edges.network(nodes, lambda end, which: said(end))
