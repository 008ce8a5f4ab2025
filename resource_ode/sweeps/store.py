"""The store of a sweep on disk: made whole, filled chunk by chunk, checked, and mended.

Each chunk of the sweep is one file of each variable. These are written first, and its record, their SHA-256, once they
are on the disk. Whatever is killed at whatever moment, a chunk whose record fits its files is complete, and any other
is computed again.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from ..base.checks import file_path
from ..base.words import printable
from .chunks import ChunkFiles
from .description import from_content
from .durable import flush_folder, hidden_folder, read_file, remove_leftovers, write_files
from .layout import FORMAT, FORMAT_VERSION, RECORDS, ROOT, attributes_of, is_signed, sha256, skeleton, versions
from .plan import Sweep, canonical

# differences of two descriptions, or damages, that a message shows
SHOWN = 3
# seconds that a stop waits for the file in hand
PATIENCE = 0.4


class StoreError(ValueError):
    """A store that cannot be used for a sweep; the message says why, on one line that a terminal can show."""

    def __init__(self, message: str):
        super().__init__(printable(message))


class SweepStore:
    """A store on disk and the sweep that it is of.

    - `begun_elsewhere`: whether another process made it, and nothing was in it yet when it was opened.
    """

    path: Path
    sweep: Sweep
    files: ChunkFiles
    versions: dict[str, Any]

    def __init__(self, path: Path, sweep: Sweep, metadata: dict[str, bytes], attributes: dict[str, Any]):
        self.path, self.sweep = path, sweep
        self.files = ChunkFiles(path, metadata, sweep.digest)
        self.versions = {name: attributes.get(name) for name in versions()}
        self.begun_elsewhere = False
        self._writing = threading.Lock()
        self._flushed: set[Path] = set()

    def is_done(self, chunk: int) -> bool:
        """Whether a chunk is there and undamaged."""
        return self.files.is_recorded(chunk) and not self.files.damages(chunk)

    def write(self, chunk: int, values: dict[str, np.ndarray]) -> None:
        """Write the values of a chunk, and once they are on the disk, its record."""
        files = self.files.encode(chunk, values)
        record = self.files.record_of(chunk, files)
        with self._writing:
            write_files(self.path, dict(files.values()), self._flushed)
            write_files(self.path, record, self._flushed)

    def stop(self) -> int:
        """Write nothing from now on.

        **Returns:** the number of members that are stored.
        """
        self._writing.acquire(timeout=PATIENCE)  # for ever: whoever waits for it goes down with the process
        return self.members_stored()

    def members_stored(self) -> int:
        """The number of members whose chunk has a record."""
        done = np.asarray(sorted(self.files.recorded()), np.int64)
        count = np.ones(done.shape, np.int64)
        rows = zip(np.unravel_index(done, self.sweep.grid), self.sweep.blocks, self.sweep.shape, strict=True)
        for place, size, whole in rows:
            count *= np.minimum((place + 1) * size, whole) - place * size
        return int(count.sum())


# -- made


def create_store(path: Path, sweep: Sweep) -> SweepStore | None:
    """Make an empty store: it takes its name once it is complete and on the disk.

    **Returns:** the store; None if another process has made one meanwhile.

    **Raises:** `OSError` if it cannot be written.
    """
    attributes = attributes_of(sweep)
    files = skeleton(sweep, attributes)
    with hidden_folder(path) as temporary:
        write_files(temporary, files, set())
        try:
            os.rename(temporary, path)
        except OSError:
            if not path.is_dir():
                raise
            return None
        flush_folder(path.parent)
    return SweepStore(path, sweep, files, attributes)


# -- opened


def open_store(path: Path, sweep: Sweep | None = None) -> SweepStore:
    """Open a store to go on with it.

    **Arguments:** `path`: the store; `sweep`: what it has to be of: what follows from its description is then mended,
    and what killed processes left is removed. By default it is what the store says itself, and has to be whole.

    **Raises:** [`resource_ode.sweeps.store.StoreError`][] for anything but a store of this format and sweep.
    """
    if sweep is None:
        files, attributes = read_skeleton(path)
        try:
            sweep = from_content(json.loads(attributes["description"]))
        except (LookupError, TypeError, ValueError) as error:
            raise StoreError(f"{path}: expected the store of a sweep, got a description of another kind") from error
        return SweepStore(path, sweep, files, attributes)
    attributes = _identify(path, sweep)
    remove_leftovers(path)
    files = skeleton(sweep, attributes)
    lost = {name: content for name, content in files.items() if _read(path / name) != content}
    write_files(path, lost, set())
    store = SweepStore(path, sweep, files, attributes)
    store.begun_elsewhere = not store.files.recorded()
    changed = [f"{name} {old}, now {new}" for name, new in versions().items() if (old := store.versions[name]) != new]
    if changed:
        warnings.warn(
            f"{path} was begun with {'; '.join(changed)}: the last digits of its new chunks may differ from what they "
            "would have been",
            stacklevel=3,
        )
    return store


def read_skeleton(path: Path) -> tuple[dict[str, bytes], dict[str, Any]]:
    """The files of metadata and of the axes of a store, all checked, and its attributes.

    **Raises:** [`resource_ode.sweeps.store.StoreError`][] for what is no store of this format, or is damaged.
    """
    attributes = _root(path)
    damages = _damages_of_skeleton(path)
    if attributes is None or damages:
        raise StoreError(damaged(path, damages))
    return {name: _read(path / name) or b"" for name in _names(path)}, attributes


def damaged(path: Path, damages: list[str]) -> str:
    """One sentence about what is damaged in a store, and how to mend it."""
    more = f", and {len(damages) - SHOWN} more" if len(damages) > SHOWN else ""
    return f"{path}: damaged: {'; '.join(damages[:SHOWN])}{more}; to go on with the sweep (--resume) mends it"


def is_store(path: Path) -> bool:
    """Whether there is a Zarr store (of whatever) at this place."""
    return os.path.isfile(file_path("path", path) / ROOT)


def _identify(path: Path, sweep: Sweep) -> dict[str, Any]:
    """The attributes of a store, as they were when it was begun; it has to be of this sweep."""
    attributes = _root(path)
    if attributes is None:
        attributes = _second_copy(path)
    if attributes is None:
        # neither copy of the description is left; its records tell, which hold a digest of it
        made = attributes_of(sweep)
        files = ChunkFiles(path, skeleton(sweep, made), sweep.digest)
        if not any(not files.damages(chunk) for chunk in files.recorded()):
            raise StoreError(
                f"{path}: expected the store of a sweep, got one of which {ROOT} and {RECORDS} are damaged, so that "
                "nothing says what it is of"
            )
        return made
    try:
        held = json.loads(attributes["description"])
        if canonical(held) == canonical(sweep.content):
            return attributes
        differences = _differences(held, sweep.content)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise StoreError(f"{path}: expected the store of a sweep, got a description of another kind") from error
    raise StoreError(
        f"{path}: expected the description that this store was begun with, but {differences}; give another path, or "
        "the old description"
    )


def _root(path: Path) -> dict[str, Any] | None:
    """The attributes of the root of a store, without the checksum; None if it is missing or damaged.

    **Raises:** [`resource_ode.sweeps.store.StoreError`][] for what cannot be a store of a sweep of this format.
    """
    content = _read(path / ROOT)
    held = _json(content)
    attributes = held.get("attributes")
    attributes = dict(attributes) if isinstance(attributes, dict) else {}
    checksum = attributes.pop("checksum", None)
    whole = content is not None and is_signed(content, checksum)
    known, version = attributes.get("format"), attributes.get("format_version")
    if known == FORMAT and version != FORMAT_VERSION and (whole or checksum is None):
        raise StoreError(f"{path}: expected a store of format version {FORMAT_VERSION}, got version {version!r:.20}")
    if not whole and known != FORMAT and not os.path.isdir((path / RECORDS).parent):
        if held.get("node_type") == "group":
            raise StoreError(f"{path}: expected the store of a sweep, got a Zarr store of something else")
        what = "something that Zarr cannot open" if os.path.exists(path) else "nothing"
        raise StoreError(f"{path}: expected the store of a sweep, got {what}")
    return attributes if whole else None


def _second_copy(path: Path) -> dict[str, Any] | None:
    attributes = _json(_read(path / RECORDS)).get("attributes")
    attributes = attributes if isinstance(attributes, dict) else {}
    begun = attributes.get("begun")
    if not isinstance(begun, dict) or sha256(canonical(begun).encode()) != attributes.get("checksum"):
        return None
    return begun


def _names(path: Path) -> list[str]:
    """The paths of the files that the root, which is whole, says there are besides those of the chunks."""
    held = _json(_read(path / ROOT))["consolidated_metadata"]["metadata"]
    axes = held["records"]["attributes"]["axes"]
    return [*(f"{name}/{ROOT}" for name in held), *axes, ROOT]


def _damages_of_skeleton(path: Path) -> list[str]:
    """What is wrong with the metadata and the axes."""
    content = _read(path / ROOT)
    held = _json(content)
    if content is None:
        return [f"{ROOT} is missing"]
    attributes = held.get("attributes")
    if not isinstance(attributes, dict) or not is_signed(content, attributes.get("checksum")):
        return [f"{ROOT} is damaged"]
    found = []
    try:
        metadata = held["consolidated_metadata"]["metadata"]
        axes = metadata["records"]["attributes"]["axes"]
        for name, expected in metadata.items():
            content = _read(path / name / ROOT)
            if content is None or _json(content) != expected:
                found.append(f"{name}/{ROOT} is {'missing' if content is None else 'damaged'}")
        for name, expected in axes.items():
            content = _read(path / name)
            if content is None or sha256(content) != expected:
                found.append(
                    f"{name} (the axis {name.partition('/')[0]}) is {'missing' if content is None else 'damaged'}"
                )
    except (LookupError, TypeError, AttributeError):
        return [f"{ROOT} has entries of another kind"]
    return found


def _read(file: Path) -> bytes | None:
    """The contents of a file; None if there is none, or none that can be read."""
    try:
        return read_file(file)
    except OSError:
        return None


def _json(content: bytes | None) -> dict[str, Any]:
    """An object in JSON; an empty one in place of anything else."""
    try:
        held = json.loads(content or b"")
    except (ValueError, RecursionError):
        return {}
    return held if isinstance(held, dict) else {}


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
