"""Adjacency matrices of NumPy (.npy, .npz) and SciPy (.npz): parsed here, so that nothing in them is run or trusted."""

from __future__ import annotations

import io
import math
import re
import struct
import zipfile
import zlib

import numpy as np

from .limits import MOST_EDGES, MOST_SKILLS, MOST_UNPACKED
from .names import clean_name
from .network import Network
from .problem import refuse, said

MAGIC = b"\x93NUMPY"
_HEADER = re.compile(
    r"\{(?=.*'descr':)(?=.*'fortran_order':)(?=.*'shape':)"
    # quantifiers that give nothing back, for the time that a damaged header takes
    r"(?:\s*+(?:'descr':\s*+'(?P<type>[^']*+)'|'fortran_order':\s*+(?P<order>True|False)"
    r"|'shape':\s*+\((?P<shape>[\d,\sL]*+)\))\s*+,?+){3}\s*+\}\s*+"
)
_HOLDS = {"O": "objects", "c": "complex numbers", "U": "text", "S": "text", "M": "dates", "m": "times", "V": "records"}


def read_npy(data: bytes) -> Network:
    """The network of an adjacency matrix in a .npy file."""
    return _matrix(_array(data, "b i u f"), None)


def _array(data: bytes, kinds: str) -> np.ndarray:
    """The array of a .npy file, if its type is of these kinds; what it claims is held against what there is."""
    if not data.startswith(MAGIC) or len(data) < 12:
        refuse("expected a NumPy array of numbers, got a file that is none")
    wide = data[6] > 1
    length, start = (struct.unpack("<I", data[8:12])[0], 12) if wide else (struct.unpack("<H", data[8:10])[0], 10)
    if length > 2**16 or start + length > len(data) or data[6] not in (1, 2, 3):
        refuse("expected a NumPy array of numbers, got a header that is damaged")
    header = data[start : start + length].decode("latin-1")
    match = _HEADER.fullmatch(header.strip())
    if match is None:
        hint = "records" if re.match(r"\{\s*'descr':\s*\[", header) else f"a header that is damaged ({said(header)})"
        refuse(f"expected a NumPy array of numbers, got {hint}")
    letter = match["type"].lstrip("<>|=")[:1]
    if letter in _HOLDS and letter not in kinds:
        wanted, plain = ("text", "names.astype(str)") if kinds == "U" else ("real numbers", "matrix.astype(float)")
        raised = f"; save it as {plain}" if letter == "O" else ""
        refuse(f"expected a NumPy array of {wanted}, got one that holds {_HOLDS[letter]}{raised}")
    try:
        dtype = np.dtype(match["type"]) if re.fullmatch(r"[<>|=]?[a-zA-Z?]\d{0,4}", match["type"]) else None
    except (TypeError, ValueError, SyntaxError):
        dtype = None
    if dtype is None or dtype.kind not in kinds or dtype.itemsize == 0:
        refuse(f"expected a NumPy array of real numbers, got one of type {said(match['type'])}")
    parts = [part.strip().removesuffix("L") for part in match["shape"].split(",") if part.strip()]
    if any(not part.isdecimal() or len(part) > 20 for part in parts) or len(parts) > 32:
        refuse(f"expected a square matrix, got the shape ({said(match['shape'])[1:-1]})")
    shape = tuple(int(part) for part in parts)
    claimed, there = math.prod(shape) * dtype.itemsize, len(data) - start - length
    if claimed != there:
        refuse(f"expected {claimed:,} bytes for a NumPy array of shape {said(shape)}, got {there:,}")
    array = np.frombuffer(data, dtype, offset=start + length)
    return array.reshape(shape, order="F" if match["order"] == "True" else "C")


def _matrix(matrix: np.ndarray, names: list[str] | None) -> Network:
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        refuse(f"matrix: expected a square one, (skill, skill), got shape {matrix.shape}")
    skills = len(matrix)
    if names is not None and len(names) != skills:
        refuse(f"names: expected {skills}, one per skill, got {len(names)}")
    if np.count_nonzero(matrix) > MOST_EDGES + skills:
        refuse(f"expected at most {MOST_EDGES:,} edges, got more")
    source, target = np.nonzero(matrix)
    weight = matrix[source, target].astype(float)
    _finite(source, target, weight)
    return Network(skills, source, target, weight, names, listed=False)


def _finite(source: np.ndarray, target: np.ndarray, weight: np.ndarray) -> None:
    wrong = np.flatnonzero(~np.isfinite(weight) & (source != target))
    if wrong.size:
        first = wrong[0]
        refuse(f"matrix: expected finite weights, got {weight[first]} in row {source[first]}, column {target[first]}")


def read_npz(data: bytes) -> Network:
    """The network in a .npz file: of `scipy.sparse.save_npz`, or one matrix, perhaps beside an array `names`."""
    members = _members(data)
    if "format" in members:
        return _sparse(members)
    names = None
    if "names" in members:
        raw = _array(members.pop("names"), "U")
        names = [clean_name(str(name)) for name in raw.ravel()]
        if len(set(names)) < len(names) or "" in names:
            refuse("names: expected distinct names, got one more than once or an empty one")
    if len(members) != 1:
        refuse(f"expected one matrix, or one of scipy.sparse.save_npz, got the arrays {said(sorted(members))}")
    return _matrix(_array(next(iter(members.values())), "b i u f"), names)


def _members(data: bytes) -> dict[str, bytes]:
    room = MOST_UNPACKED
    found: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if len(archive.infolist()) > 20:
                refuse("expected the arrays of one matrix, got an archive of more than 20 files")
            for entry in archive.infolist():
                if not entry.filename.endswith(".npy"):
                    refuse(f"expected arrays of NumPy, got an archive that holds {said(entry.filename)}")
                with archive.open(entry) as file:
                    content = file.read(room + 1)
                room -= len(content)
                if room < 0:
                    refuse(f"expected at most {MOST_UNPACKED // 2**20} MiB when unpacked, got more")
                found[entry.filename.removesuffix(".npy")] = content
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, struct.error):
        refuse("expected arrays of NumPy, got an archive that is damaged")
    return found


def _sparse(members: dict[str, bytes]) -> Network:
    """The matrix of `scipy.sparse.save_npz` in the formats csr, csc and coo."""
    kind = _array(members["format"], "S U").tobytes().replace(b"\0", b"").decode("latin-1")
    wanted = {"csr": ("indices", "indptr"), "csc": ("indices", "indptr"), "coo": ("row", "col")}.get(kind)
    if wanted is None:
        refuse(f"expected a sparse matrix in the format csr, csc or coo, got {said(kind)}; save matrix.tocsr()")
    missing = [name for name in (*wanted, "shape", "data") if name not in members]
    if missing:
        refuse(f"expected a sparse matrix, got none of {said(missing)}")
    shape = _array(members["shape"], "i u").ravel().tolist()
    if len(shape) != 2 or shape[0] != shape[1]:
        refuse(f"matrix: expected a square one, (skill, skill), got shape {said(tuple(shape))}")
    skills = int(shape[0])
    if not 0 < skills <= MOST_SKILLS:
        refuse(f"expected 1 to {MOST_SKILLS:,} skills, got {skills:,}")
    weight = _array(members["data"], "b i u f").ravel().astype(float)
    one, other = (_array(members[name], "i u").ravel().astype(np.int64) for name in wanted)
    if "indptr" in members and kind != "coo":
        lengths = np.diff(other)
        if len(other) != skills + 1 or other[0] != 0 or other[-1] != len(one) or (lengths < 0).any():
            refuse("expected a sparse matrix, got an indptr that does not fit its indices")
        one, other = np.repeat(np.arange(skills), lengths), one
        if kind == "csc":
            one, other = other, one
    if len({len(one), len(other), len(weight)}) > 1:
        refuse("expected a sparse matrix, got indices and weights of different lengths")
    for ends in (one, other):
        if ends.size and not 0 <= ends.min() <= ends.max() < skills:
            refuse(f"expected indices from 0 to {skills - 1}, got others")
    _finite(one, other, weight)
    pairs, place = np.unique(one * skills + other, return_inverse=True)
    total = np.zeros(len(pairs))
    np.add.at(total, place, weight)  # entries of one place add up, as in SciPy
    return Network(skills, pairs // skills, pairs % skills, total, listed=False)
