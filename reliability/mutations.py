"""Damage done to valid files: to bytes, to tokens, and to the structure of each format."""

from __future__ import annotations

import gzip
import io
import json
import re
import tomllib
import xml.etree.ElementTree as ElementTree
import zipfile
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np

# files never grow beyond this
MOST = 200_000
NUMBERS = (
    *("0", "-1", "1", "2", "-0.0", "0.5", "1e308", "1e309", "-1e309", "1e-320", "nan", "inf", "-inf", "NaN"),
    *("9" * 20, "9" * 400, "2147483648", "-9223372036854775809", "1_000", "0x10", "1e5", "1,5", "1.0.0", "٣"),
)
WORDS = (
    *("", " ", "a", "t", "all", "any", "letters", "words", "frequency", "gate", "name", "id", "label", "source"),
    *("target", "weight", "prerequisite", "skill", "key", "value", "true", "null", "None", "$x$", "$\\frac{$", "=1+1"),
    *("\x1b[2J", "\x07", "a\nb", "a\tb", "\u202e", "é", "語", "\ufeff", "\x00", "-", "--", "/", "../x", "..", "~", "%"),
    *("{}", "[]", '"', "'", "\\", "&amp;", "<", ">", "]]>", ";", "#", "::", "a" * 300, "x" * 5000, "os.path:join"),
)
BYTES = (
    *(b"\x00", b"\xff", b"\xfe\xff", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\n", b"\r", b"\r\n", b"\t", b"\x1b[31m"),
    *(b"{", b"}", b"[", b"]", b"(", b")", b"<", b">", b'"', b"'", b"=", b",", b";", b":", b"/", b"\\", b"#", b"&#0;"),
    *(b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"&b;", b"-> ", b"-- ", b"[[a]]", b"[a.b.c]", b"\\u0000", b"\\ud800"),
)
OBJECTS: tuple[Callable[[Random], Any], ...] = (
    lambda rng: None,
    lambda rng: rng.choice([True, False]),
    lambda rng: rng.choice([0, -1, 1, 2, 10**20, -(10**400), 10**400, 2**31, 2**63]),
    lambda rng: rng.choice([0.0, -1.0, 1e308, 1e-320, float("inf"), float("-inf"), float("nan"), 0.5]),
    lambda rng: rng.choice(WORDS),
    lambda rng: [],
    lambda rng: {},
    lambda rng: [rng.choice(WORDS) for _ in range(rng.randrange(4))],
    lambda rng: {rng.choice(WORDS): rng.choice(WORDS)},
    lambda rng: [[1.0] * rng.randrange(4) for _ in range(rng.randrange(4))],
    lambda rng: _nested(rng.choice([3, 50, 500])),
)


def _nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def mutate(name: str, data: bytes, others: list[bytes], rng: Random) -> bytes:
    """A damaged copy of a file of a format."""
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        structured = STRUCTURED.get(name)
        if structured is not None and rng.random() < 0.6:
            try:
                data = structured(data, rng)
            except Exception:  # not to be parsed any more: bytes it is
                data = plain(data, others, rng)
        elif rng.random() < 0.5:
            data = tokens(data, rng)
        else:
            data = plain(data, others, rng)
    return data[:MOST]


def plain(data: bytes, others: list[bytes], rng: Random) -> bytes:
    """Bytes flipped, dropped, doubled, inserted, cut, or joined with those of another file."""
    at = rng.randrange(len(data) + 1)
    to = min(len(data), at + rng.choice([1, 1, 2, 8, 40, 400]))
    draw = rng.randrange(9)
    if draw == 0 and data:
        at = min(at, len(data) - 1)
        return data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1 :]
    if draw == 1:
        return data[:at] + data[to:]
    if draw == 2:
        return data[:to] + data[at:to] * rng.choice([1, 2, 10, 1000]) + data[to:]
    if draw == 3:
        return data[:at]
    if draw == 4 and others:
        other = rng.choice(others)
        return data[:at] + other[rng.randrange(len(other) + 1) :]
    if draw == 5:
        return data[:at] + rng.choice(NUMBERS).encode() + data[to:]
    if draw == 6:
        try:
            return data.decode().encode(rng.choice(["utf-16", "utf-8-sig", "cp1252", "utf-32"]), "replace")
        except UnicodeDecodeError:
            return data[::-1]
    if draw == 7:
        return data[:at] + rng.choice(WORDS).encode(errors="replace") + data[at:]
    return data[:at] + rng.choice(BYTES) * rng.choice([1, 1, 1, 2, 3000]) + data[at:]


_TOKEN = re.compile(rb'"[^"\n]*"|[A-Za-z_][\w.]*|[-+]?\d[\d.eE+-]*|\s+|.', re.DOTALL)


def tokens(data: bytes, rng: Random) -> bytes:
    """Words and numbers replaced, dropped, doubled or exchanged."""
    parts = _TOKEN.findall(data[:20_000])
    if not parts:
        return rng.choice(BYTES)
    at, other = rng.randrange(len(parts)), rng.randrange(len(parts))
    draw = rng.randrange(6)
    if draw == 0:
        parts[at] = rng.choice(NUMBERS).encode()
    elif draw == 1:
        parts[at] = rng.choice(WORDS).encode(errors="replace")
    elif draw == 2:
        parts[at] = parts[other]
    elif draw == 3:
        parts[at], parts[other] = parts[other], parts[at]
    elif draw == 4:
        del parts[at]
    else:
        low, high = sorted((at, other))
        parts[high:high] = parts[low : min(high, low + 30)] * rng.choice([1, 1, 2, 100])
    return b"".join(parts)


# -- trees: TOML, JSON


def tree(value: Any, rng: Random) -> Any:
    """One node of a tree of lists and dictionaries replaced, dropped, doubled or renamed."""
    places: list[tuple[Any, Any]] = []

    def walk(node: Any) -> None:
        keys = list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
        for key in keys:
            places.append((node, key))
            walk(node[key])

    walk(value)
    if not places:
        return rng.choice(OBJECTS)(rng)
    node, key = rng.choice(places)
    draw = rng.randrange(7)
    if draw <= 2:
        node[key] = rng.choice(OBJECTS)(rng)
    elif draw == 3:
        del node[key]
    elif draw == 4:
        held, place = rng.choice(places)
        try:
            node[key] = json.loads(json.dumps(held[place]))
        except (KeyError, IndexError):
            node[key] = None
    elif isinstance(node, list):
        node[key:key] = [node[key]] * rng.choice([1, 2, 300])
    else:
        node[rng.choice(WORDS)] = node.pop(key) if rng.random() < 0.5 else node[key]
    return value


def _toml_tree(data: bytes, rng: Random) -> bytes:
    return toml(tree(tomllib.loads(data.decode()), rng)).encode(errors="surrogatepass")


def toml(table: Any) -> str:
    """TOML of a dictionary (inline below the first level)."""

    def one(value: Any) -> str:
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, (int, float)):
            return repr(value) if isinstance(value, float) or abs(value) < 10**300 else "9" * 400
        if isinstance(value, str):
            return json.dumps(value)
        if isinstance(value, list):
            return "[" + ", ".join(map(one, value)) + "]"
        if isinstance(value, dict):
            return "{" + ", ".join(f"{json.dumps(key)} = {one(item)}" for key, item in value.items()) + "}"
        return '""'

    if not isinstance(table, dict):
        return one(table)
    lines = [f"{json.dumps(key)} = {one(value)}" for key, value in table.items() if not isinstance(value, dict)]
    for key, value in table.items():
        if isinstance(value, dict):
            lines += [f"[{json.dumps(key)}]", *(f"{json.dumps(k)} = {one(v)}" for k, v in value.items())]
    return "\n".join(lines) + "\n"


def _json_tree(data: bytes, rng: Random) -> bytes:
    return json.dumps(tree(json.loads(data), rng)).encode()


# -- XML


def _xml_tree(data: bytes, rng: Random) -> bytes:
    root = ElementTree.fromstring(data)
    parents = {child: parent for parent in root.iter() for child in parent}
    element = rng.choice(list(root.iter()))
    draw = rng.randrange(8)
    if draw == 0 and element.attrib:
        element.set(rng.choice(list(element.attrib)), rng.choice(WORDS + NUMBERS))
    elif draw == 1 and element.attrib:
        del element.attrib[rng.choice(list(element.attrib))]
    elif draw == 2:
        element.text = rng.choice(WORDS + NUMBERS)
    elif draw == 3 and element in parents:
        parents[element].remove(element)
    elif draw == 4 and element in parents:
        for _ in range(rng.choice([1, 1, 2, 100])):
            parents[element].append(element)
    elif draw == 5:
        element.append(ElementTree.fromstring(ElementTree.tostring(rng.choice(list(root.iter())))))
    elif draw == 6:
        element.tag = rng.choice([other.tag for other in root.iter()])
    else:
        other = rng.choice(list(root.iter()))
        element.attrib.update(other.attrib)
    return ElementTree.tostring(root)


# -- tables


def _table(data: bytes, rng: Random) -> bytes:
    text = data.decode()
    mark = max(",;\t", key=text.count)
    rows = [line.split(mark) for line in text.splitlines()]
    row = rng.choice(rows)
    at = rng.randrange(len(row))
    draw = rng.randrange(8)
    if draw <= 1:
        row[at] = rng.choice(NUMBERS)
    elif draw == 2:
        row[at] = rng.choice(WORDS)
    elif draw == 3:
        del row[at]
    elif draw == 4:
        row[at:at] = [row[at]] * rng.choice([1, 2, 200])
    elif draw == 5:
        rows[0:0] = [row] * rng.choice([1, 2, 200])
    elif draw == 6:
        row[at] = rng.choice(rng.choice(rows))
    else:
        mark = rng.choice([",", ";", "\t", " ", "|", ", "])
    return "\n".join(mark.join(row) for row in rows).encode(errors="replace")


# -- NumPy

HEADERS = (
    *("<f8", "|b1", "<i8", "|O", "<U3", "<c16", "|V8", "<M8[ns]", "<f2", "|S0", "<U99999999", "[('a','<f8')]", "x"),
)


def _npy_header(data: bytes, rng: Random) -> bytes:
    length = int.from_bytes(data[8:10], "little")
    header, body = data[10 : 10 + length].decode("latin1"), data[10 + length :]
    draw = rng.randrange(5)
    if draw == 0:
        header = re.sub(r"'descr': '[^']*'", f"'descr': '{rng.choice(HEADERS)}'", header)
    elif draw == 1:
        sizes = [rng.choice([0, 1, 2, 3, -1, 10**4, 10**13, 2**63, 10**400]) for _ in range(rng.randrange(5))]
        shape = "(" + "".join(f"{size}," for size in sizes) + ")"
        header = re.sub(r"'shape': \([^)]*\)", f"'shape': {shape}", header)
    elif draw == 2:
        header = header.replace("False", rng.choice(["True", "None", "1", "[]"]))
    elif draw == 3:
        header = tokens(header.encode("latin1"), rng).decode("latin1")
    else:
        body = body[: rng.randrange(len(body) + 1)] + bytes(rng.randrange(256) for _ in range(rng.choice([0, 8, 64])))
    raw = header.encode("latin1", "replace")
    return data[:8] + (len(raw) % 65536).to_bytes(2, "little") + raw + body


def _npz_member(data: bytes, rng: Random) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as held:
        members = {name: held.read(name) for name in held.namelist()}
    name = rng.choice(list(members))
    draw = rng.randrange(4)
    if draw == 0:
        members[name] = _npy_header(members[name], rng)
    elif draw == 1:
        del members[name]
    elif draw == 2:
        members[rng.choice(WORDS) + ".npy"] = members[name]
    else:
        members[name] = plain(members[name], list(members.values()), rng)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])) as held:
        for key, value in members.items():
            held.writestr(key, value)
    return file.getvalue()


# -- netCDF


def _netcdf_parts(data: bytes, rng: Random) -> bytes:
    import h5py

    file = io.BytesIO(data)
    with h5py.File(file, "r+") as held:
        variables = [key for key in held if isinstance(held[key], h5py.Dataset)]
        where: Any = held if rng.random() < 0.4 else held[rng.choice(variables)]
        draw = rng.randrange(6)
        attributes = [key for key in where.attrs if not key.startswith("_Netcdf4") and key not in ("DIMENSION_LIST",)]
        if draw == 0 and attributes:
            del where.attrs[rng.choice(attributes)]
        elif draw == 1 and attributes:
            value = rng.choice([0, -1, 1.5, "x", "\x1b[2J", np.arange(3), b"\xff", 2**62, "[[0], [1]]", float("nan")])
            where.attrs[rng.choice(attributes)] = value
        elif draw == 2:
            del held[rng.choice(variables)]
        elif draw in (3, 4):
            values = held[rng.choice(variables)]
            if values.size and values.dtype.kind in "fiub":
                flat = np.ravel(np.asarray(values[...])).copy()
                special = [0, 1, 2, 5, 100] + ([-1, 1e308, np.nan, np.inf, -np.inf] if values.dtype.kind == "f" else [])
                with np.errstate(all="ignore"):
                    flat[rng.randrange(flat.size)] = rng.choice(special)
                    values[...] = flat.reshape(values.shape)
        else:
            key = rng.choice(variables)
            shape = tuple(rng.choice([0, 1, 2, 3, 7]) for _ in range(rng.randrange(4)))
            kind = rng.choice(["f8", "f4", "i4", "i8", "S5", "u1"])
            del held[key]
            held.create_dataset(key, shape, kind)
    return file.getvalue()


def _unpacked(data: bytes, rng: Random) -> bytes:
    """What is packed is damaged, and packed again."""
    text = gzip.decompress(data)
    if rng.random() < 0.002:
        # little that is much
        return gzip.compress(text + b" " * 10 ** rng.randrange(4, 9), mtime=0)
    return gzip.compress((plain(text, [], rng) if rng.random() < 0.5 else tokens(text, rng))[:MOST], 1, mtime=0)


STRUCTURED: dict[str, Callable[[bytes, Random], bytes]] = {
    "scenario": _toml_tree,
    "sweep": _toml_tree,
    "json": _json_tree,
    "graphml": _xml_tree,
    "gexf": _xml_tree,
    "csv-matrix": _table,
    "csv-edges": _table,
    "curves": _table,
    "text-table": _table,
    "gzip": _unpacked,
    "npy": _npy_header,
    "npz": _npz_member,
    "netcdf": _netcdf_parts,
}


# -- stores: a file of many


def mutate_store(files: dict[str, bytes], rng: Random) -> dict[str, bytes]:
    """A store with a few of its files damaged, lost, or exchanged."""
    files = dict(files)
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        name = rng.choice(list(files))
        draw = rng.randrange(6)
        if name.endswith(".json") and draw <= 2:
            try:
                files[name] = _json_tree(files[name], rng)
            except (ValueError, RecursionError):
                files[name] = plain(files[name], [], rng)
        elif draw == 3 and len(files) > 1:
            del files[name]
        elif draw == 4:
            files[name] = files[rng.choice(list(files))]
        else:
            files[name] = plain(files[name], list(files.values()), rng)
    return files


# -- command lines and Python values


def mutate_words(words: list[str], rng: Random) -> list[str]:
    """A command line with words replaced, dropped, doubled or added."""
    known = (
        *("simulate", "sweep", "plot", "--out", "--plot", "--method", "--tolerance", "--resume"),
        *("--scheduler", "--help", "-h", "--version", "auto", "ode", "steps", "scenario.toml", "run.nc"),
        *("run.csv", "figure.png", "figure.svg", "--variable", "--level", "nothing.toml", ".", "/dev/null", "1e-300"),
    )
    words = list(words)
    for _ in range(rng.choice([1, 1, 2, 3])):
        at = rng.randrange(len(words) + 1)
        word = rng.choice(known) if rng.random() < 0.6 else rng.choice(WORDS + NUMBERS).replace("\x00", "")
        draw = rng.randrange(4)
        if draw == 0 and at < len(words):
            words[at] = word
        elif draw == 1 and at < len(words):
            del words[at]
        elif draw == 2 and at < len(words):
            words[at] = words[at] + word
        else:
            words.insert(at, word)
    return words
