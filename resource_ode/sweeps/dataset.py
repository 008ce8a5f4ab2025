"""A store of a sweep as a labelled data set, of which nothing is read unchecked."""

from __future__ import annotations

import itertools
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from ..base.annotations import Given
from ..base.checks import file_path, truth_value
from ..base.values import brief
from .chunks import ChunkFiles
from .layout import ROOT, sha256
from .measures import FAILURES
from .store import SHOWN, StoreError, damaged, read_skeleton

# bytes of values up to which all of them are checked when a store is opened
CHECKED = 2**28


def open_dataset(path: Any, *, verify: Given[bool | None] = None) -> Any:
    """A store as a labelled data set, whose values are read, and checked, when they are asked for.

    **Arguments:** `path`: the store.

    **Other arguments:** `verify`: whether all values are read and checked now, so that the message lists all that is
    damaged; by default if there are at most 256 MiB of them. The metadata, the axes, and whether files are missing are
    always checked now.

    **Returns:** an `xarray.Dataset`. What is not computed yet is NaN, and -1 in `failed`; a warning says how much it
    is. To read values whose file is missing or damaged raises a `StoreError` that names the variable and the chunk.

    **Raises:** [`resource_ode.sweeps.StoreError`][] for anything else, or a store that is damaged.
    """
    import xarray
    from xarray.core.indexing import LazilyIndexedArray

    from .lazy import CheckedValues

    if verify is not None:
        truth_value("verify", verify)
    path = file_path("path", path)
    chunks, files, attributes = _opened(path)
    damages = _damages(chunks, verify)
    if damages:
        raise StoreError(damaged(path, damages))
    waiting = not_computed(chunks)
    if waiting:
        warnings.warn(f"{path}: {waiting}; their values are NaN, and `failed` is -1", stacklevel=2)
    coordinates: dict[str, Any] = {}
    variables: dict[str, Any] = {}
    for name in _arrays_of(files):
        array = chunks.arrays[name]
        held = dict(array.attrs)
        if name in chunks.names:
            values = LazilyIndexedArray(CheckedValues(chunks, name))
            variables[name] = xarray.Variable(array.metadata.dimension_names, values, held, fastpath=True)
        else:
            place = f"{name}/c/0"
            values = chunks.arrays.decode(name, (slice(None),), place, files[place])
            values = values.astype(object) if values.dtype.kind in "OTU" else values
            coordinates[name] = (array.metadata.dimension_names, values, held)
    dataset = xarray.Dataset(variables, coordinates, attributes)
    dataset.encoding["source"] = str(path)
    return dataset


def failures(dataset: Any) -> str:
    """What keeps a sweep from being whole, in one line: failed members by reason, chunks that are not computed, files
    that are missing or damaged; empty if there is nothing.

    **Arguments:** `dataset`: what [`resource_ode.sweep`][] returned.

    **Example:** `print(failures(dataset) or "all succeeded")`
    """
    if not hasattr(dataset, "data_vars") or "failed" not in dataset:
        raise ValueError(f"dataset: expected an xarray.Dataset, as ro.sweep returns it, got {brief(dataset)}")
    counts = np.zeros(1 + len(FAILURES), np.int64)
    code = dataset["failed"]
    source = Path(dataset.encoding.get("source") or "")
    try:
        # a data set may have been written to a file of its own since
        chunks = _opened(source)[0] if source.name and not source.is_file() else None
        damages = [] if chunks is None else _damages(chunks, None)
        if damages:
            return damaged(source, damages)
        # a slab of the first axis at a time, since a store may be larger than memory
        step = max(1, 2**24 // max(1, code[0].size))
        for start in range(0, code.shape[0], step):
            part = np.asarray(code[start : start + step])
            counts += np.bincount(part.ravel() + 1, minlength=len(counts))
    except StoreError as error:
        return str(error)
    said = []
    if counts[2:].sum():
        why = "; ".join(f"{count}: {FAILURES[reason]}" for reason, count in enumerate(counts[1:]) if reason and count)
        said.append(f"{counts[2:].sum()} of {code.size} members failed. {why}")
    if counts[0]:
        where = "" if chunks is None else f" ({not_computed(chunks)})"
        said.append(
            f"{counts[0]} of {code.size} members are not computed yet{where}; to go on with the sweep computes them."
        )
    return " ".join(said)


def not_computed(chunks: ChunkFiles) -> str:
    """How many chunks have no record, and which are the first of them, in words; empty if all have one."""
    done, whole = chunks.recorded(), int(np.prod(chunks.grid))
    left = whole - len(done)
    if not left:
        return ""
    first = ", ".join(map(str, itertools.islice((chunk for chunk in range(whole) if chunk not in done), SHOWN)))
    return f"{left} of {whole} chunks are not computed yet (chunk {first}{', ...' if left > SHOWN else ''})"


def _arrays_of(files: dict[str, bytes]) -> list[str]:
    """The arrays of coordinates and results."""
    found = [name.removesuffix(f"/{ROOT}") for name in files if name.count("/") == 1 and name.endswith(ROOT)]
    return [name for name in found if name != "records"]


def _opened(path: Path) -> tuple[ChunkFiles, dict[str, bytes], dict[str, Any]]:
    files, attributes = read_skeleton(path)
    try:
        chunks = ChunkFiles(path, files, sha256(attributes["description"].encode()))
        # metadata are read when they are first asked for
        for name in _arrays_of(files):
            chunks.arrays[name]
    except RuntimeError:
        raise
    except Exception as error:  # what Zarr raises for metadata that it does not know
        raise StoreError(f"{path}: expected the store of a sweep, got metadata that Zarr cannot read") from error
    return chunks, files, attributes


def _damages(chunks: ChunkFiles, verify: bool | None) -> list[str]:
    """What is missing or damaged of the chunks with a record; their values are looked at if `verify` says so."""
    if verify is None:
        arrays = (chunks.arrays[name] for name in chunks.names)
        verify = sum(array.size * array.dtype.itemsize for array in arrays) <= CHECKED
    look = chunks.damages if verify else chunks.missing
    return [said for chunk in sorted(chunks.recorded()) for said in look(chunk)]
