"""The files of the chunks of a store, and the record of each, which says what they have to be."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .arrays import METADATA, Arrays
from .durable import read_file
from .plan import grid_of, region_of

RECORDS = "records/sha256"
DIGEST = 32  # bytes of a SHA-256


class Damaged(ValueError):
    """The file of a chunk is missing, or is not what its record says; the message says which and how."""


class ChunkFiles:
    """The files of chunks: encoded and decoded, and compared with their records.

    A record has one SHA-256 per variable: of the line `DESCRIPTION VARIABLE CHUNK` (the digest of the description, a
    name, a number) and the file. So a file that was moved to another place does not fit either.

    **Arguments:** `path`: the store; `metadata`: its files of metadata (others are left out); `digest`: SHA-256 of its
    description.

    **Raises:** `ValueError`, or what Zarr raises, for metadata of something else.
    """

    path: Path
    digest: str
    arrays: Arrays
    names: tuple[Any, ...]
    shape: Any
    blocks: Any
    grid: tuple[int, ...]

    def __init__(self, path: Path, metadata: Mapping[str, bytes], digest: str):
        self.path, self.digest = path, digest
        self._metadata = dict(metadata)
        self.arrays = Arrays({name: content for name, content in metadata.items() if name.endswith(METADATA)})
        # in the order of the records
        self.names = tuple(json.loads(metadata[f"{RECORDS}/{METADATA}"])["attributes"]["variables"])
        code = self.arrays["failed"]
        self.shape, self.blocks = code.shape, code.chunks
        self.grid = grid_of(self.blocks, self.shape)

    def __reduce__(self) -> Any:
        return ChunkFiles, (self.path, self._metadata, self.digest)

    def region(self, chunk: int) -> tuple[slice, ...]:
        """Which part of the results a chunk is, along the dimensions of the sweep."""
        return region_of(chunk, self.blocks, self.shape)

    def file(self, name: str, chunk: int) -> str:
        """The path of the file of a chunk below the store."""
        return self.arrays.path(name, tuple(int(i) for i in np.unravel_index(chunk, self.grid)))

    # -- written

    def encode(self, chunk: int, values: Mapping[str, np.ndarray]) -> dict[str, tuple[str, bytes]]:
        """For each variable, the path and the contents of its file."""
        region = self.region(chunk)
        return {name: next(iter(self.arrays.encode(name, region, values[name]).items())) for name in self.names}

    def record_of(self, chunk: int, files: Mapping[str, tuple[str, bytes]]) -> dict[str, bytes]:
        """The file of the record of a chunk, by its path."""
        record = np.concatenate([self._fingerprint(name, chunk, files[name][1]) for name in self.names])
        return self.arrays.encode(RECORDS, (slice(chunk, chunk + 1), slice(None)), record[None])

    # -- read

    def recorded(self) -> set[int]:
        """The chunks that have a record."""
        folder = self.path / RECORDS / "c"
        try:
            # c/CHUNK/0; what has another name is none of ours
            names = {entry.name for entry in os.scandir(folder) if self._in(entry)}
        except OSError:
            return set()
        found = {int(name) for name in names if name.isascii() and name.isdigit() and str(int(name)) == name}
        return {chunk for chunk in found if chunk < math.prod(self.grid)}

    def is_recorded(self, chunk: int) -> bool:
        """Whether a chunk has a record."""
        return os.path.isfile(self.path / self._record_path(chunk))

    def _in(self, entry: Any) -> bool:
        return os.path.isfile(os.path.join(entry.path, "0"))

    def missing(self, chunk: int) -> list[str]:
        """The files that a chunk with a record lacks, in words."""
        return [
            self._said(name, chunk, "missing")
            for name in self.names
            if not os.path.isfile(self.path / self.file(name, chunk))
        ]

    def damages(self, chunk: int) -> list[str]:
        """What is missing or damaged of a chunk with a record, in words."""
        try:
            record = self._record(chunk)
        except Damaged as error:
            return [str(error)]
        found = []
        for name in self.names:
            try:
                self._checked(name, chunk, record)
            except Damaged as error:
                found.append(str(error))
        return found

    def values(self, name: str, chunk: int) -> np.ndarray | None:
        """The values of a variable in a chunk, checked against the record; None if it has none yet.

        **Raises:** [`resource_ode.sweeps.chunks.Damaged`][].
        """
        if not self.is_recorded(chunk):
            return None
        content = self._checked(name, chunk, self._record(chunk))
        try:
            return self.arrays.decode(name, self.region(chunk), self.file(name, chunk), content)
        except Exception as error:  # whatever a codec raises
            raise Damaged(self._said(name, chunk, "damaged")) from error

    def _record_path(self, chunk: int) -> str:
        return f"{RECORDS}/c/{chunk}/0"

    def _record(self, chunk: int) -> np.ndarray:
        path = self._record_path(chunk)
        try:
            content = read_file(self.path / path)
            return self.arrays.decode(RECORDS, (slice(chunk, chunk + 1),), path, content).reshape(-1, DIGEST)
        except Exception as error:  # whatever a codec raises
            raise Damaged(f"chunk {chunk}: its record {path} is damaged") from error

    def _checked(self, name: str, chunk: int, record: np.ndarray) -> bytes:
        """The file of a chunk, if it fits the record."""
        try:
            content = read_file(self.path / self.file(name, chunk))
        except FileNotFoundError:
            raise Damaged(self._said(name, chunk, "missing")) from None
        except OSError as error:
            raise Damaged(self._said(name, chunk, f"unreadable ({error.strerror})")) from None
        if not np.array_equal(self._fingerprint(name, chunk, content), record[self.names.index(name)]):
            raise Damaged(self._said(name, chunk, "damaged"))
        return content

    def _said(self, name: str, chunk: int, how: str) -> str:
        return f"{name}, chunk {chunk}: its file {self.file(name, chunk)} is {how}"

    def _fingerprint(self, name: str, chunk: int, content: bytes) -> np.ndarray:
        found = hashlib.sha256(f"{self.digest} {name} {chunk}\n".encode())
        found.update(content)
        return np.frombuffer(found.digest(), np.uint8)
