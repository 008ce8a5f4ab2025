"""DOT, the language of Graphviz: nodes, edges, subgraphs and attributes; ports and drawing are left aside."""

from __future__ import annotations

import html
import itertools
import re
from typing import NoReturn

from .limits import MOST_EDGES
from .names import Nodes, attribute, best_label
from .network import Edges, Network
from .problem import refuse, said

_BLANK = r"(?:\s++|//[^\n]*+|/\*.*?\*/|^\#[^\n]*+)*+"
_TOKEN = re.compile(
    _BLANK
    + r'(?:([^\W\d]\w*+|-?(?:\.\d++|\d++(?:\.\d*+)?))|"((?:[^"\\]|\\.)*+)"|(->|--|[{}\[\]=,:+]|;[;\s]*+)|(<)|(\Z))',
    re.DOTALL | re.MULTILINE,
)
# an ordinary statement whole, for speed: a node or one edge, perhaps with attributes
_ID = r'(?:([^\W\d]\w*+)|"([^"\\]*+)")'
_SIMPLE = re.compile(
    rf"{_BLANK}(?!(?i:node|edge|graph|subgraph)\b){_ID}\s*+(?:->\s*+(?!(?i:subgraph)\b){_ID}\s*+)?"
    r'(?:\[((?:\s*+[^\W\d]\w*+\s*+=\s*+(?:[\w.]++|"[^"\\]*+")\s*+,?)*+)\s*+\]\s*+)?(?:;|(?=[}\w"]))',
    re.DOTALL | re.MULTILINE,
)
_ATTRIBUTE = re.compile(r'(\w+)\s*=\s*(?:([\w.]+)|"([^"]*)")')
MOST_NESTED = 50
_READ = ("label", "name", "gate", "frequency", "shape", "style")


def read_dot(text: str) -> Network:
    """The network in a DOT text."""
    return _Parser(text.replace("\r\n", "\n")).graph()


def _plain(text: str) -> str:
    """The text of an HTML label without what sets its type."""
    text = html.unescape(re.sub(r"<[^<>]*+>", "", re.sub(r"<br\b[^<>]*+>", "\n", text, flags=re.IGNORECASE)))
    return " ".join(text.split())


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0  # behind the current token, which begins at
        self._start = 0
        self.kind, self.value = "", ""
        self.clusters: set[str] = set()
        self.values: dict[str, dict[str, str]] = {}  # of each node, in the order of their first mention
        self.edges = Edges()
        self.next()

    # -- tokens

    def next(self) -> tuple[str, str]:
        """The token that was current; the one after it becomes current."""
        before = self.kind, self.value
        match = _TOKEN.match(self._text, self._position)
        if match is None:
            self.kind = ""
            self.wrong("DOT")
        place = match.lastindex or 5
        self._start, self._position = match.start(place), match.end()
        if place == 2:
            self._start -= 1
            self.kind, self.value = "string", match[2].replace('\\"', '"').replace("\\\n", "")
        elif place == 4:
            self.kind, self.value = "html", self._html()
        else:
            self.kind, self.value = {1: "word", 3: "sign", 5: "end"}[place], match[place]
            if place == 3 and self.value[0] == ";":  # several say no more than one
                self.value = ";"
        return before

    def _html(self) -> str:
        start, depth = self._start, 0
        for match in re.compile("[<>]").finditer(self._text, start):
            depth += 1 if match.group() == "<" else -1
            if depth == 0:
                self._position = match.end()
                return self._text[start : match.end()]
        self.wrong("an HTML text that ends")

    def wrong(self, expected: str) -> NoReturn:
        line = self._text.count("\n", 0, self._position) + 1
        got = self.value if self.kind else self._text[self._position : self._position + 40].strip()
        refuse(f"line {line}: expected {expected}, got {'the end of the file' if self.kind == 'end' else said(got)}")

    def sign(self, sign: str) -> bool:
        """Step over a sign if it is the current token."""
        if self.kind == "sign" and self.value == sign:
            self.next()
            return True
        return False

    def keyword(self, *words: str) -> bool:
        return self.kind == "word" and self.value.lower() in words

    def name(self) -> str:
        if self.kind not in ("word", "string"):
            self.wrong("a name")
        kind, value = self.next()
        while kind == "string" and self.sign("+"):
            if self.kind != "string":
                self.wrong("a quoted text after +")
            value += self.next()[1]
        return value

    # -- grammar

    def graph(self) -> Network:
        if self.keyword("strict"):
            self.next()
        if not self.keyword("digraph", "graph"):
            self.wrong("DOT, which begins with digraph")
        if self.next()[1].lower() == "graph":
            refuse(
                "expected a directed graph (digraph, with ->), since an edge leads from a prerequisite to what "
                "requires it, got an undirected one (graph)"
            )
        if not (self.kind == "sign" and self.value == "{"):
            self.name()
        if not self.sign("{"):
            self.wrong("{")
        self.statements({"node": {}, "edge": {}}, 0)
        if self.kind != "end":
            self.wrong("nothing after the graph; a file holds one")
        nodes = Nodes()
        for identity, values in self.values.items():
            what = f"node {said(identity)}"
            if "invis" in values.get("style", ""):
                refuse(f"{what}: expected one that is drawn, got style={said(values['style'])}; delete it")
            label = attribute(values, "label", what)
            if label is not None:
                label = re.sub(r"\\[nlr]", "\n", label)
                label = None if "\\" in label or "record" in values.get("shape", "").lower() else label
            label = best_label(label, attribute(values, "name", what), identity)
            nodes.add(identity, label, attribute(values, "gate", what), attribute(values, "frequency", what))
        for source, target in self.edges.ends if self.clusters else ():
            if (name := next((end for end in (source, target) if end in self.clusters), None)) is not None:
                refuse(
                    f"edge {said(source)} -> {said(target)}: expected one between nodes, got one to {said(name)}, "
                    "which is a subgraph; draw it to what is in it"
                )
        return self.edges.network(nodes, lambda end, which: said(end))

    def statements(self, defaults: dict[str, dict[str, str]], depth: int) -> list[str]:
        """The statements up to a closing brace; the nodes that they mention."""
        if depth > MOST_NESTED:
            refuse(f"expected at most {MOST_NESTED} levels of subgraphs, got more")
        mentioned: dict[str, None] = {}
        while not self.sign("}"):
            if self.sign(";"):
                continue
            end = self._start
            while (simple := _SIMPLE.match(self._text, end)) is not None:
                self.simple(simple, defaults, mentioned)
                end = simple.end()
            if end > self._start:
                self._position = end
                self.next()
                continue
            if self.keyword("graph", "node", "edge"):
                kind = self.next()[1].lower()
                if not (self.kind == "sign" and self.value == "["):
                    self.wrong("[")
                given = self.attributes()
                if kind != "graph":
                    defaults[kind] = {**defaults[kind], **given}
                continue
            first = self.end_point(defaults, depth)
            if first is None:
                continue  # name = value
            chain = [first]
            while self.sign("->"):
                end = self.end_point(defaults, depth)
                if end is None:
                    self.wrong("the end of an edge")
                chain.append(end)
            if self.kind == "sign" and self.value == "--":
                self.wrong("-> in a digraph")
            given = self.attributes()
            for _, group in chain:
                mentioned.update(dict.fromkeys(group))
            if len(chain) > 1:
                self.add_edges([group for _, group in chain], {**defaults["edge"], **given})
            elif not chain[0][0]:
                self.describe(chain[0][1][0], given)
        return list(mentioned)

    def simple(self, match: re.Match[str], defaults: dict[str, dict[str, str]], mentioned: dict[str, None]) -> None:
        """A statement in its ordinary form."""
        source = match[1] if match[1] is not None else match[2]
        target = match[3] if match[3] is not None else match[4]
        given = {key: word or text for key, word, text in _ATTRIBUTE.findall(match[5])} if match[5] else {}
        for identity in (source, target):
            if identity is not None:
                self.mention(identity, defaults)
                mentioned[identity] = None
        if target is not None:
            self.add_edges([[source], [target]], {**defaults["edge"], **given})
        elif given:
            self.describe(source, given)

    def mention(self, identity: str, defaults: dict[str, dict[str, str]]) -> None:
        if identity not in self.values:
            self.values[identity] = {key: text for key, text in defaults["node"].items() if key.lower() in _READ}

    def describe(self, identity: str, given: dict[str, str]) -> None:
        self.values[identity].update({key: given[key] for key in given if key.lower() in _READ})

    def end_point(self, defaults: dict[str, dict[str, str]], depth: int) -> tuple[bool, list[str]] | None:
        """A node or a subgraph: whether it is one, and its nodes; `None` for an attribute of the graph."""
        if self.keyword("subgraph") or (self.kind == "sign" and self.value == "{"):
            if self.keyword("subgraph"):
                self.next()
                if self.kind in ("word", "string"):
                    name = self.name()
                    if name.startswith("cluster"):
                        self.clusters.add(name)
            if not self.sign("{"):
                self.wrong("{")
            return True, self.statements({kind: dict(values) for kind, values in defaults.items()}, depth + 1)
        if self.kind == "html":
            self.wrong("a node whose name is no HTML")
        identity = self.name()
        if self.sign("="):
            self.value_of_attribute()
            return None
        for _ in range(2):
            if self.sign(":"):  # where at the node an edge is drawn
                self.name()
        self.mention(identity, defaults)
        return False, [identity]

    def attributes(self) -> dict[str, str]:
        """The bracketed lists of attributes that come next, if any."""
        given: dict[str, str] = {}
        while self.sign("["):
            while not self.sign("]"):
                key = self.name()
                given[key] = self.value_of_attribute() if self.sign("=") else "true"
                if not self.sign(","):
                    self.sign(";")
        return given

    def value_of_attribute(self) -> str:
        if self.kind == "html":
            text = self.next()[1][1:-1]
            # a table is a drawing and no text: as if it were not there
            return "" if re.search("<table|<img", text, re.IGNORECASE) else _plain(text)
        return self.name()

    def add_edges(self, groups: list[list[str]], given: dict[str, str]) -> None:
        number = None
        if given:

            def place() -> str:
                ends = [said(group[0]) if group else "a subgraph" for group in groups[:2]]
                return f"edge {ends[0]} -> {ends[1]}"

            if given.get("dir", "forward") != "forward":
                refuse(
                    f"{place()}: expected an arrow from a prerequisite to what requires it, "
                    f"got dir={said(given['dir'])}"
                )
            if given.get("arrowhead") == "none":
                refuse(f"{place()}: expected an arrowhead at its target, got arrowhead='none'; draw it")
            if "invis" in given.get("style", ""):
                refuse(
                    f"{place()}: expected one that is drawn, got style={said(given['style'])}; delete it if it only "
                    "places the nodes"
                )
            if given.get("lhead") or given.get("ltail"):
                refuse(f"{place()}: expected one between nodes, got one to a cluster (lhead, ltail)")
            number = attribute(given, "weight", "edge")
        for sources, targets in itertools.pairwise(groups):
            # {a b} -> {c d} stands for four: a short text may stand for too many
            if len(self.edges.ends) + len(sources) * len(targets) > MOST_EDGES:
                refuse(f"expected at most {MOST_EDGES:,} edges, got more")
            for source in sources:
                for target in targets:
                    self.edges.add(source, target, number, given.values())
