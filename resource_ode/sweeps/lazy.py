"""The values of a store, read and checked when they are asked for. It needs xarray, so it is imported on first use."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from xarray.backends import BackendArray
from xarray.core.indexing import IndexingSupport, explicit_indexing_adapter

from .chunks import ChunkFiles, Damaged
from .store import StoreError, damaged


class CheckedValues(BackendArray):
    """The values of one variable, as xarray reads those of a file. Chunks without a record hold the fill value."""

    def __init__(self, chunks: ChunkFiles, name: str):
        self.chunks: ChunkFiles = chunks
        self.name: str = name
        array = chunks.arrays[name]
        self.shape: tuple[int, ...] = array.shape
        self.dtype: Any = array.dtype

    def __getitem__(self, key: Any) -> Any:
        return explicit_indexing_adapter(key, self.shape, IndexingSupport.OUTER, self._selected)

    def _selected(self, key: tuple[Any, ...]) -> np.ndarray:
        """An orthogonal selection (whole numbers, slices, arrays of indices), chunk by chunk.

        **Raises:** [`resource_ode.sweeps.store.StoreError`][] that names the chunk whose file is missing or damaged.
        """
        array, grid = self.chunks.arrays[self.name], self.chunks.grid
        picked = [np.arange(count)[part] for part, count in zip(key, self.shape, strict=True)]
        axes = [np.atleast_1d(part) for part in picked]
        found = np.full([len(axis) for axis in axes], array.fill_value, self.dtype)
        blocks = [np.unique(axis // size) for axis, size in zip(axes, array.chunks, strict=True)]
        for place in itertools.product(*blocks):
            try:
                values = self.chunks.values(self.name, int(np.ravel_multi_index(place[: len(grid)], grid)))
            except Damaged as error:
                raise StoreError(damaged(self.chunks.path, [str(error)])) from error
            if values is None:
                continue
            rows = list(zip(axes, place, array.chunks, strict=True))
            into = np.ix_(*(np.flatnonzero(axis // size == block) for axis, block, size in rows))
            found[into] = values[np.ix_(*(axis[axis // size == block] - block * size for axis, block, size in rows))]
        return found[tuple(0 if np.ndim(part) == 0 else slice(None) for part in picked)]
