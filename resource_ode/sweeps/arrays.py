"""Zarr arrays in memory: what turns the values of a chunk into the bytes of its file, and back.

The files themselves are read and written elsewhere, so that they can be flushed in order and checked as they are.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

METADATA = "zarr.json"
COMPRESSION = 3  # level of Zstandard


def zarr_module() -> Any:
    """Zarr, which is loaded on first use.

    **Raises:** `RuntimeError` if it is not installed.
    """
    try:
        import zarr
    except ImportError:
        raise RuntimeError(
            "a sweep needs zarr, which is not installed; pip install -e '.[sweep]' in the checkout brings it"
        ) from None
    return zarr


class Arrays:
    """The arrays of a store, by name.

    **Arguments:** `files`: contents of the files of metadata, by path; default none, for arrays that are added.
    """

    def __init__(self, files: Mapping[str, bytes] | None = None):
        zarr = zarr_module()
        from zarr.buffer import cpu

        self._buffer = cpu.Buffer.from_bytes
        self._memory: dict[str, Any] = {path: self._buffer(content) for path, content in (files or {}).items()}
        store = zarr.storage.MemoryStore(self._memory)
        if files is None:
            self._group = zarr.create_group(store, zarr_format=3)
        else:
            self._group = zarr.open_group(store, mode="r+", zarr_format=3, use_consolidated=False)
        self._get = functools.cache(self._open)

    def add(self, name: str, **options: Any) -> None:
        """Add an array; options as for Zarr's `create_array`."""
        from zarr.codecs import Crc32cCodec, ZstdCodec

        # digests do not shrink
        compressors = [] if options["dtype"] == "uint8" else [ZstdCodec(level=COMPRESSION)]
        # the checksum is the outermost codec: it covers every byte of the file
        self._group.create_array(name, compressors=[*compressors, Crc32cCodec()], **options)

    def metadata(self) -> dict[str, bytes]:
        """The files of metadata of the arrays that were added."""
        added = [path for path in self._memory if path.endswith(f"/{METADATA}") and path != f"records/{METADATA}"]
        return {path: self._memory[path].to_bytes() for path in added}

    def __getitem__(self, name: str) -> Any:
        return self._get(name)

    def _open(self, name: str) -> Any:
        # a chunk that holds nothing but the fill value is written all the same: a missing file is a lost one
        return self._group[name].with_config({"write_empty_chunks": True})

    def path(self, name: str, place: tuple[int, ...]) -> str:
        """The path of the file of a chunk, by its place in the grid of chunks."""
        array = self[name]
        return f"{name}/{array.metadata.encode_chunk_key((*place, *(0,) * (array.ndim - len(place))))}"

    def encode(self, name: str, region: tuple[slice, ...], values: np.ndarray) -> dict[str, bytes]:
        """The file of one chunk, by its path."""
        array = self[name]
        place = [(part.start or 0) // size for part, size in zip(region, array.chunks, strict=False)]
        path = self.path(name, tuple(place))
        array[region] = values
        return {path: self._memory.pop(path).to_bytes()}

    def decode(self, name: str, region: tuple[slice, ...], path: str, content: bytes) -> np.ndarray:
        """The values of one chunk, given its file; raises whatever a codec does that finds it damaged."""
        self._memory[path] = self._buffer(content)
        try:
            return np.asarray(self[name][region])
        finally:
            self._memory.pop(path, None)
