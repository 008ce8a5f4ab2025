"""GraphML as networkx, Gephi, yEd, Cytoscape, igraph and graph-tool write it."""

from __future__ import annotations

from typing import Any

from ..direction import backward
from .markup import parse_xml
from .names import Nodes, attribute, best_label
from .network import Edges, Network
from .problem import guess, refuse, said

TRUE, FALSE = ("true", "1"), ("false", "0")
# what holds a node's name, the best first; "shared name" is what Cytoscape keeps beside "name"
LABELS = ("label", "name")
READ = (*LABELS, "gate", "frequency", "weight")
# what Gephi writes beside an edge of its pictures
CAPTION = "Edge Label"
YFILES = "yworks.com/xml/yfiles-common/3"  # yEd Live, and what else is made with yFiles


def read_graphml(data: bytes, direction: str | None) -> Network:
    """The network in a GraphML document; with a `direction` also where yEd draws edges without arrowheads."""
    reader = _Reader()
    reader.told = direction is not None
    parse_xml(data, "GraphML", reader.start, reader.end, reader.text)
    return reader.network()


class _Reader:
    def __init__(self) -> None:
        self.nodes, self.edges = Nodes(), Edges()
        self.path: list[str] = []
        # (for, id) to the name of an attribute, "" for one that is not read, None for a drawing by yEd
        self.keys: dict[tuple[str, str], str | None] = {}
        self.defaults: dict[str, dict[str, str]] = {"node": {}, "edge": {}}
        self.key: tuple[str, str] = ("", "")
        self.graphs = 0
        self.directed: list[bool] = []
        self.open: list[dict[str, Any]] = []  # nodes and edges that are open, the innermost last
        self.folders: dict[str, str] = {}
        self.data: str | None = None  # name of the attribute that is read
        self.inside = 0  # depth within <data>
        self.parts: list[str] | None = None
        self.declared = False
        self.told = False
        self.doubt: str | None = None  # an edge whose caption says that it leads to a prerequisite
        self.drawn_by_yfiles = False  # whose ports say where at a node an edge is drawn, and no more

    # -- events

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if not self.path and tag != "graphml":
            refuse(f"expected GraphML, whose first element is <graphml>, got <{said(tag)[1:-1]}>")
        if not self.path:
            self.drawn_by_yfiles = any(YFILES in value for value in attributes.values())
        self.path.append(tag)
        if self.inside:
            self.inside += 1
            self.drawing(tag, attributes)
        elif tag == "data":
            self.inside = 1
            self.begin_data(attributes)
        elif tag == "node":
            if "id" not in attributes:
                refuse("node: expected an id, got none")
            folder = next((value for key, value in attributes.items() if key.endswith("foldertype")), None)
            self.open.append({"kind": "node", "id": attributes["id"], "folder": folder in ("group", "folder")})
            self.open[-1]["values"] = {}
        elif tag == "edge":
            self.begin_edge(attributes)
        elif tag == "key":
            self.begin_key(attributes)
        elif tag == "graph":
            self.begin_graph(attributes)
        elif tag == "default":
            self.parts = []
        elif tag == "hyperedge":
            refuse("hyperedge: expected edges from one node to another; draw one for each pair")
        elif tag == "port":
            if not self.drawn_by_yfiles:
                refuse("port: expected edges that end at nodes, got a node with ports; take the ports away")
            self.inside, self.data = 1, ""

    def text(self, text: str) -> None:
        if self.parts is not None:
            self.parts.append(text)

    def end(self, tag: str) -> None:
        self.path.pop()
        if self.inside:
            self.inside -= 1
            if self.parts is not None and (self.inside == 0 or tag in ("NodeLabel", "EdgeLabel", "Label.Text")):
                self.take("".join(self.parts))
            if not self.inside:
                self.data = None
        elif tag == "default":
            owner = self.key[0]
            name = self.keys.get(self.key)
            for kind in ("node", "edge") if owner == "all" else (owner,):
                if name and kind in self.defaults:
                    self.defaults[kind][name] = "".join(self.parts or ())
            self.parts = None
        elif tag == "graph":
            self.directed.pop()
        elif tag in ("node", "edge") and self.open:
            item = self.open.pop()
            (self.add_node if tag == "node" else self.add_edge)(item)

    # -- what they hold

    def begin_key(self, attributes: dict[str, str]) -> None:
        owner, identity = attributes.get("for", "all"), attributes.get("id")
        if identity is None:
            refuse("key: expected an id, got none")
        self.key = (owner, identity)
        if self.key in self.keys:
            refuse(f"key {said(identity)}: expected one for each {owner}, got two of this id")
        name = attributes.get("attr.name", identity)
        drawn = any(key.endswith("yfiles.type") for key in attributes) or name == "NodeLabels"
        self.keys[self.key] = None if drawn else name if name.lower() in READ or name == CAPTION else ""

    def begin_graph(self, attributes: dict[str, str]) -> None:
        default = attributes.get("edgedefault")
        if self.open:
            self.open[-1]["folder"] = True
            default = default or ("directed" if self.directed[-1] else "undirected")
        else:
            self.graphs += 1
            if self.graphs > 1:
                refuse("expected one <graph>, got a second; keep one of them")
        if default not in ("directed", "undirected"):
            refuse(
                'graph: expected a directed graph, edgedefault="directed", got '
                + ("no edgedefault" if default is None else f"edgedefault={said(default)}")
            )
        self.directed.append(default == "directed")
        self.declared = self.declared or default == "directed"

    def begin_edge(self, attributes: dict[str, str]) -> None:
        ends = [attributes.get("source"), attributes.get("target")]
        if None in ends or not self.directed:
            refuse(f"edge: expected a source and a target, got {said(sorted(attributes))}")

        def place() -> str:
            return f"edge {said(ends[0])} -> {said(ends[1])}"

        if not self.drawn_by_yfiles and ("sourceport" in attributes or "targetport" in attributes):
            refuse(f"{place()}: expected edges that end at nodes, got one that ends at a port; take the ports away")
        stated = attributes.get("directed")
        if stated is not None and stated.strip().lower() not in (*TRUE, *FALSE):
            refuse(f'{place()}: expected directed="true" or "false", got {said(stated)}')
        directed = self.directed[-1] if stated is None else stated.strip().lower() in TRUE
        if not directed:
            refuse(
                f"{place()}: expected a directed graph, since an edge leads from a prerequisite to what requires it, "
                "got an undirected edge; save the graph as a directed one"
            )
        called = [attributes["label"]] if "label" in attributes else []  # as Neo4j writes beside its data
        self.open.append({"kind": "edge", "ends": ends, "values": {}, "called": called})

    def begin_data(self, attributes: dict[str, str]) -> None:
        owner = self.open[-1] if self.open else None
        if owner is None or self.path[-2] != owner["kind"]:
            return  # of a graph or of the whole document
        identity = attributes.get("key", "")
        for scope in (owner["kind"], "all"):
            if (scope, identity) in self.keys:
                break
        else:
            refuse(f"data: expected the id of a <key> for {owner['kind']}s, got {said(identity)}, which none has")
        self.data = self.keys[(scope, identity)]
        # of an edge any text may say which way it is meant
        self.parts = [] if self.data or (self.data == "" and owner["kind"] == "edge") else None

    def drawing(self, tag: str, attributes: dict[str, str]) -> None:
        """Within a node's or an edge's data: yEd keeps its labels and arrows there."""
        owner = self.open[-1] if self.open else None
        if self.data is not None or owner is None:
            return
        if self.parts is not None:
            self.take("".join(self.parts))  # a label's text comes before how it is placed
        if tag == "NodeLabel" and owner["kind"] == "node" and attributes.get("visible") != "false":
            self.parts = []
        elif tag == "EdgeLabel" and owner["kind"] == "edge":
            self.parts = []
        elif tag in ("Label", "Label.Text") and self.drawn_by_yfiles:
            self.parts = [attributes.get("Text", "")]
        elif tag == "Arrows" and owner["kind"] == "edge":
            at_source, at_target = attributes.get("source", "none"), attributes.get("target", "none")
            place = f"edge {said(owner['ends'][0])} -> {said(owner['ends'][1])}: expected an arrowhead at its target"
            if at_source != "none":
                both = "both ends" if at_target != "none" else "its source, against the direction of the edge"
                refuse(f"{place}, got one at {both}; reverse the edge")
            if at_target == "none" and not self.told:
                refuse(
                    f"{place}, got none at either end; draw it, or say which end is the prerequisite: "
                    'direction="prerequisite_first" (where the edge begins) or "prerequisite_last"'
                )

    def take(self, text: str) -> None:
        """Keep a value of the open node or edge."""
        self.parts = None
        if self.open:
            values = self.open[-1]["values"]
            if self.data:
                if self.data in values:
                    refuse(f"data: expected one value of {said(self.data)} each, got two")
                values[self.data] = text
            elif self.open[-1]["kind"] == "edge":
                self.open[-1]["called"].append(text)
            elif text.strip():
                values.setdefault("NodeLabel", text)

    def add_node(self, item: dict[str, Any]) -> None:
        what = f"node {said(item['id'])}"
        values = {**self.defaults["node"], **item["values"]}
        label = values.get("NodeLabel")
        label = label or best_label(attribute(values, "label", what), attribute(values, "name", what), item["id"])
        if item["folder"]:
            self.folders[item["id"]] = label or item["id"]
            return
        self.nodes.add(item["id"], label, attribute(values, "gate", what), attribute(values, "frequency", what))

    def add_edge(self, item: dict[str, Any]) -> None:
        source, target = item["ends"]
        values = item["values"]
        weight = attribute({**self.defaults["edge"], **values}, "weight", "edge")
        caption = values.pop(CAPTION, None)
        if self.doubt is None and backward(caption):
            self.doubt = f"edge {said(source)} -> {said(target)} has the label {said(caption)}"
        self.edges.add(source, target, weight, [*item["called"], *values.values()])

    def network(self) -> Network:
        if not self.graphs:
            refuse("expected a <graph>, got none")
        if not self.declared and not self.edges.ends:
            refuse('graph: expected a directed graph, got edgedefault="undirected"; save it as a directed one')
        network = self.edges.network(self.nodes, self.unknown)
        network.doubt = self.doubt
        return network

    def unknown(self, end: str, which: str) -> str:
        if end in self.folders:
            return f"the folder {said(self.folders[end])}, which is no skill; draw the edge to what is in it"
        return f"{said(end)}, which no node has{guess(end, self.nodes.position)}"
