"""The Zarr store of a sweep: made whole, filled chunk by chunk, and checked.

Each chunk of the sweep is one file of each variable. Its values are written first and its record, their SHA-256, last;
zarr writes every file under another name and then renames it. Whatever is killed at whatever moment, a chunk whose
record fits its values is complete, and any other is computed again.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from .sweep_chunk import FAILURES, NOT_COMPUTED, outputs, size_of
from .sweep_description import from_content
from .sweep_plan import LONG_NAMES, UNITS, Sweep, canonical

FORMAT = "resource_ode sweep"
FORMAT_VERSION = 1
DIGEST = 32  # bytes of a SHA-256
# differences of two descriptions that a message shows
SHOWN = 3


class StoreError(ValueError):
    """A store that cannot be used for a sweep; the message says why."""


class SweepStore:
    """A store on disk and the sweep that it is of."""

    def __init__(self, path: Path, group: Any, sweep: Sweep):
        self.path, self.sweep = path, sweep
        self.arrays = {name: group[name] for name in (*outputs(sweep), "failed")}
        self.records = group["records"]["sha256"]
        self.versions = {name: group.attrs.get(name) for name in _versions()}

    def is_done(self, chunk: int) -> bool:
        """Whether a chunk is there and undamaged."""
        try:
            record = np.asarray(self.records[chunk])
            # no record: its values need not be read
            return bool(record.any()) and record.tobytes() == _digest(self.read(chunk))
        except Exception:  # a damaged file may raise anything that its decoder does
            return False

    def read(self, chunk: int) -> dict[str, np.ndarray]:
        """The values of a chunk, as they are stored."""
        region = self.sweep.region(chunk)
        return {name: np.asarray(array[region]) for name, array in self.arrays.items()}

    def write(self, chunk: int, values: dict[str, np.ndarray]) -> None:
        """Write the values of a chunk, then its record."""
        region = self.sweep.region(chunk)
        for name, array in self.arrays.items():
            array[region] = values[name]
        self.records[chunk] = np.frombuffer(_digest(values), np.uint8)


def create_store(path: Path, sweep: Sweep) -> SweepStore:
    """Make an empty store: it takes its name once it is complete.

    **Raises:** `OSError` if it cannot be written.
    """
    zarr = _zarr()
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        _fill(zarr, zarr.create_group(str(temporary), zarr_format=3, attributes=_attributes(sweep)), sweep)
        os.rename(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return SweepStore(path, zarr.open_group(str(path), mode="r+"), sweep)


def open_store(path: Path, sweep: Sweep | None = None) -> SweepStore:
    """Open a store to go on with it.

    **Arguments:** `path`: the store; `sweep`: what it has to be of (default: what it says itself).

    **Raises:** [`resource_ode.sweep_store.StoreError`][] for anything but a store of this format and sweep.
    """
    zarr = _zarr()
    try:
        group = zarr.open_group(str(path), mode="r+", zarr_format=3)
    except Exception as error:
        raise StoreError(f"{path}: expected the store of a sweep, got something that Zarr cannot open") from error
    check_format(path, dict(group.attrs))
    try:
        held = json.loads(group.attrs["description"])
        if sweep is None:
            sweep = from_content(held)
    except (KeyError, ValueError) as error:
        raise StoreError(f"{path}: expected the store of a sweep, got one whose description is damaged") from error
    if canonical(held) != canonical(sweep.content):
        raise StoreError(
            f"{path}: expected the description that this store was begun with, but "
            f"{_differences(held, sweep.content)}; give another path, or the old description"
        )
    try:
        store = SweepStore(path, group, sweep)
    except KeyError as error:
        raise StoreError(f"{path}: expected the store of a sweep, got one that lacks {error}") from error
    changed = [f"{name} {old}, now {new}" for name, new in _versions().items() if (old := store.versions[name]) != new]
    if changed:
        warnings.warn(
            f"{path} was begun with {'; '.join(changed)}: the last digits of its new chunks may differ from what they "
            "would have been",
            stacklevel=3,
        )
    return store


def check_format(path: Path, attributes: dict[str, Any]) -> None:
    """Refuse what is no store of a sweep, or one of another version.

    **Raises:** [`resource_ode.sweep_store.StoreError`][].
    """
    if attributes.get("format") != FORMAT:
        raise StoreError(f"{path}: expected the store of a sweep, got a Zarr store of something else")
    version = attributes.get("format_version")
    if version != FORMAT_VERSION:
        raise StoreError(f"{path}: expected a store of format version {FORMAT_VERSION}, got version {version}")


def open_dataset(path: Path) -> Any:
    """A store as a labelled data set, whose values are read when they are asked for.

    **Raises:** [`resource_ode.sweep_store.StoreError`][] for anything else.
    """
    import xarray

    _zarr()
    try:
        dataset = xarray.open_zarr(str(path), chunks=None, consolidated=False, zarr_format=3)
    except Exception as error:
        raise StoreError(f"{path}: expected the store of a sweep, got something that Zarr cannot open") from error
    check_format(path, dataset.attrs)
    return dataset


def is_store(path: Path) -> bool:
    """Whether there is a Zarr store (of whatever) at this place."""
    return (path / "zarr.json").is_file()


def _zarr() -> Any:
    try:
        import zarr
    except ImportError:
        raise RuntimeError(
            "a sweep needs zarr, which is not installed; pip install 'resource-ode[sweep]' brings it"
        ) from None
    return zarr


def _versions() -> dict[str, str]:
    import jax

    from . import native
    from .base.version import __version__

    # the compiled loops, where they are built, round otherwise than XLA
    loops = "none" if native.library() is None else "built"
    return {"resource_ode_version": __version__, "jax_version": jax.__version__, "compiled_loops": loops}


def _attributes(sweep: Sweep) -> dict[str, Any]:
    return {
        "title": sweep.content["title"] or "Sweep of the Resource model of skill learning",
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        **_versions(),
        "seed": sweep.content["ensemble"]["seed"],
        "level": sweep.content["observe"]["level"],
        # as text, so that the data set can be written to other formats as well
        "description": canonical(sweep.content),
    }


def _fill(zarr: Any, group: Any, sweep: Sweep) -> None:
    """The coordinates, and the variables without values."""
    dtype = sweep.content["ensemble"]["precision"]

    def coordinate(name: str, values: Any, **attributes: str) -> None:
        values = np.asarray(values)
        array = group.create_array(
            name,
            shape=values.shape,
            dtype=str if values.dtype.kind in "UO" else values.dtype,
            chunks=(max(1, len(values)),),
            dimension_names=(name,),
            attributes=attributes,
        )
        array[:] = values.astype(object) if values.dtype.kind in "UO" else values

    for axis in sweep.axes:
        values = [json.dumps(value) if isinstance(value, tuple) else value for value in axis.values]
        long_name = LONG_NAMES.get(axis.name, axis.name.replace("_", " "))
        coordinate(axis.name, values, long_name=long_name, units=UNITS.get(axis.name, "1"))
    coordinate("graph", np.arange(sweep.shape[-1]), long_name="number of the graph in the ensemble")
    found = outputs(sweep)
    if any("skill" in row.axes for row in found.values()):
        coordinate("skill", np.arange(sweep.most_skills), long_name="index of the skill")
    if any("time" in row.axes for row in found.values()):
        coordinate("time", sweep.ts, long_name="training time", units="training steps")
    for name, row in found.items():
        extra = size_of(sweep, row)
        group.create_array(
            name,
            shape=(*sweep.shape, *extra),
            chunks=(*sweep.blocks, *extra),
            dtype=dtype,
            fill_value=float("nan"),
            dimension_names=(*sweep.dimensions, *row.axes),
            attributes={"long_name": row.long_name, "units": row.units},
        )
    group.create_array(
        "failed",
        shape=sweep.shape,
        chunks=sweep.blocks,
        dtype="int8",
        fill_value=NOT_COMPUTED,
        dimension_names=sweep.dimensions,
        attributes={
            "long_name": "whether and why a member failed (0: it did not)",
            "flag_values": [NOT_COMPUTED, *range(len(FAILURES))],
            "flag_meanings": ["The member is not computed yet.", *FAILURES],
        },
    )
    records = group.create_group("records")
    # a group of its own: data sets do not show it
    records.create_array(
        "sha256",
        shape=(sweep.chunks, DIGEST),
        chunks=(1, DIGEST),
        dtype="uint8",
        fill_value=0,
        dimension_names=("chunk", "byte"),
        attributes={"long_name": "SHA-256 of the values of a chunk (zeros: not computed)"},
    )


def _digest(values: dict[str, np.ndarray]) -> bytes:
    found = hashlib.sha256()
    for name in sorted(values):
        found.update(name.encode())
        found.update(np.ascontiguousarray(values[name]).tobytes())
    return found.digest()


def _differences(old: dict[str, Any], new: dict[str, Any]) -> str:
    """What differs between two descriptions, key by key."""
    before, after = _flat(old), _flat(new)
    missing = "nothing"
    changed = [
        f"{key} was {before.get(key, missing)} and is {after.get(key, missing)}"
        for key in sorted({*before, *after})
        if before.get(key) != after.get(key)
    ]
    more = f", and {len(changed) - SHOWN} more" if len(changed) > SHOWN else ""
    return "; ".join(changed[:SHOWN]) + more


def _flat(content: dict[str, Any]) -> dict[str, str]:
    found = {}
    for section, value in content.items():
        if section == "axes":
            rows = [(f"axis {axis['name']}", axis["values"]) for axis in value]
            rows.insert(0, ("axes", [axis["name"] for axis in value]))
        elif isinstance(value, dict):
            rows = [(f"[{section}] {key}", item) for key, item in value.items()]
        else:
            rows = [(section, value)]
        for key, item in rows:
            text = canonical(item)
            if len(text) > 60:
                count = f"{len(item)} values, " if isinstance(item, list) else ""
                text = f"{count}{text[:24]}...{text[-16:]} (SHA-256 {hashlib.sha256(text.encode()).hexdigest()[:8]})"
            found[key] = text
    return found
