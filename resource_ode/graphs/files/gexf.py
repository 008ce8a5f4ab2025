"""GEXF as Gephi and networkx write it."""

from __future__ import annotations

from typing import Any

from .markup import local, parse_xml
from .names import Nodes, attribute, best_label
from .network import Edges, Network
from .problem import guess, refuse, said


def read_gexf(data: bytes) -> Network:
    """The network in a GEXF document."""
    reader = _Reader()
    parse_xml(data, "GEXF", reader.start, reader.end, reader.text)
    return reader.network()


class _Reader:
    def __init__(self) -> None:
        self.nodes, self.edges = Nodes(), Edges()
        self.depth = 0
        self.graphs = 0
        self.default_type = "undirected"  # what GEXF says where the file does not
        self.kind = "node"  # of the attributes that are declared
        self.titles: dict[tuple[str, str], str] = {}
        self.defaults: dict[str, dict[str, str]] = {"node": {}, "edge": {}}
        self.title: str | None = None
        self.parts: list[str] | None = None
        self.open: list[tuple[str, dict[str, str], dict[str, str]]] = []
        self.folders: dict[str, str] = {}

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if self.depth == 0 and tag != "gexf":
            refuse(f"expected GEXF, whose first element is <gexf>, got <{said(tag)[1:-1]}>")
        self.depth += 1
        if tag == "graph":
            self.graphs += 1
            if self.graphs > 1:
                refuse("expected one <graph>, got a second; keep one of them")
            self.default_type = attributes.get("defaultedgetype", "undirected")
            if (mode := attributes.get("mode")) not in (None, "", "static"):
                refuse(f"graph: expected one that stays as it is, got mode={said(mode)}; export one moment of it")
        elif tag == "attributes":
            self.kind = attributes.get("class", "node")
        elif tag == "attribute":
            self.title = attributes.get("title", attributes.get("id", ""))
            self.titles[self.kind, attributes.get("id", "")] = self.title
        elif tag == "default":
            self.parts = []
        elif tag in ("node", "edge"):
            if tag == "node" and self.open:  # a node within a node is how GEXF writes folders
                outer = self.open[-1][1]
                self.folders[outer.get("id", "")] = outer.get("label", outer.get("id", ""))
            if "pid" in attributes:
                self.folders.setdefault(attributes["pid"], attributes["pid"])
            self.open.append((tag, attributes, {}))
        elif tag == "attvalue" and self.open:
            kind, _, values = self.open[-1]
            identity = attributes.get("for", attributes.get("id", ""))
            if (kind, identity) not in self.titles:
                refuse(f"attvalue: expected the id of an attribute of {kind}s, got {said(identity)}, which none has")
            values[self.titles[kind, identity]] = attributes.get("value", "")

    def text(self, text: str) -> None:
        if self.parts is not None:
            self.parts.append(text)

    def end(self, tag: str) -> None:
        self.depth -= 1
        if tag == "default":
            if self.title and self.kind in self.defaults:
                self.defaults[self.kind][self.title] = "".join(self.parts or ())
            self.parts = None
        elif tag in ("node", "edge") and self.open:
            kind, attributes, values = self.open.pop()
            values = {**self.defaults[kind], **values}
            (self.add_node if kind == "node" else self.add_edge)(attributes, values)

    def add_node(self, attributes: dict[str, str], values: dict[str, Any]) -> None:
        identity = attributes.get("id")
        if identity is None:
            refuse("node: expected an id, got none")
        what = f"node {said(identity)}"
        label = attributes.get("label") or attribute(values, "label", what)
        label = best_label(label, attribute(values, "name", what), identity)
        self.nodes.add(identity, label, attribute(values, "gate", what), attribute(values, "frequency", what))

    def add_edge(self, attributes: dict[str, str], values: dict[str, Any]) -> None:
        source, target = attributes.get("source"), attributes.get("target")
        if source is None or target is None:
            refuse(f"edge: expected a source and a target, got {said(sorted(attributes))}")
        kind = attributes.get("type", self.default_type)
        if kind != "directed":
            refuse(
                f"edge {said(source)} -> {said(target)}: expected a directed graph, since an edge leads from a "
                "prerequisite to what requires it, "
                f"got an edge of type {said(kind)}; save the graph as a directed one"
            )
        weight = local(attributes, "weight") or attribute(values, "weight", "edge")
        called = [attributes.get("label"), attributes.get("kind"), *values.values()]
        self.edges.add(source, target, weight, called)

    def network(self) -> Network:
        if not self.graphs:
            refuse("expected a <graph>, got none")
        if self.default_type != "directed" and not self.edges.ends:
            refuse(
                'graph: expected a directed graph, defaultedgetype="directed", got another; save it as a directed one'
            )
        if self.folders:
            name = next(iter(self.folders.values()))
            refuse(f"expected nodes side by side, got {said(name)}, which holds other nodes; a folder is no skill")
        return self.edges.network(self.nodes, self.unknown)

    def unknown(self, end: str, which: str) -> str:
        return f"{said(end)}, which no node has{guess(end, self.nodes.position)}"
