"""A saved run as a file: its parts are looked at before they are read, and checked before they are used.

The file is read as HDF5, which netCDF 4 is, so that nothing in it is followed, decoded or allocated unasked: a header
of a few bytes may claim terabytes, and a link may lead out of the file.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..base.words import printable, said
from .layout import CHECKSUM, NAMES_OF_ARRAYS, checksum

# what may be read of a file: so many times its size (arrays may be compressed), and as much for a small one
EXPANSION = 20
SMALL = 64 * 2**20
# of an attribute, in bytes
LONGEST_ATTRIBUTE = 2**20
# the letters of an attribute that is a choice or a name
LONGEST_TEXT = 10_000
# bytes of texts read at once; each may be as long as the file
TEXTS_AT_ONCE = 2**27

KINDS = {"numbers": "f", "whole numbers": "iu", "coordinates": "fiu", "truth values": "iub", "texts": "OS"}


class Unfit(ValueError):
    """A part of a saved run cannot be used; the message says which, what was expected and what came."""


@contextlib.contextmanager
def opened(path: Path) -> Iterator[SavedRun]:
    """A file that should be a saved run.

    **Raises:** `ValueError` that names the file for whatever is wrong with it, also while it is read.
    """
    import h5py

    called = f"path: {printable(path)}"
    with open(path, "rb") as file:
        start = file.read(8)
    if start[:3] == b"CDF":
        raise ValueError(f"{called} is in the older format netCDF 3; expected netCDF 4, as Trajectory.save writes it")
    try:
        with h5py.File(path.absolute(), "r") as file:
            yield SavedRun(file, path.stat().st_size)
    except Unfit as error:
        raise ValueError(printable(f"{called} {error}")) from None
    except MemoryError:
        raise
    except Exception as error:  # whatever the library of the format says of a damaged file
        problem = printable(error)[:200]
        raise ValueError(f"{called} is not a readable netCDF file, or is damaged ({problem})") from error


class SavedRun:
    """The arrays and attributes of a saved run.

    **Arguments:** `file`: the open HDF5 file; `size`: its size in bytes.
    """

    def __init__(self, file: Any, size: int):
        self._file, self._size = file, size
        self._left = SMALL + EXPANSION * size
        self._checked = False

    # -- attributes

    def attribute(self, name: str, owner: Any = None) -> Any:
        """An attribute of the file, or of one of its arrays; None if it is not there."""
        attributes = (self._file if owner is None else owner).attrs
        if name not in attributes:
            return None
        if attributes.get_id(name).get_storage_size() > LONGEST_ATTRIBUTE:
            raise Unfit(f"has an attribute {name!r} that is too long")
        value = attributes[name]
        value = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        if isinstance(value, str) and len(value) > LONGEST_ATTRIBUTE:
            raise Unfit(f"has an attribute {name!r} that is too long")
        # one number may be stored as an array of one
        return value.item() if isinstance(value, (np.ndarray, np.generic)) and value.size == 1 else value

    def text(self, name: str, choices: Sequence[str] | None = None) -> str:
        """An attribute that is a text, one of some choices."""
        value = self._given(name)
        if choices is not None and value not in choices:
            raise Unfit(f"has the attribute {name} = {said(value)}, expected {' or '.join(map(said, choices))}")
        if not isinstance(value, str) or len(value) > LONGEST_TEXT:
            raise Unfit(f"has an attribute {name} that is no short text")
        return value

    def whole(self, name: str, least: int) -> int:
        """An attribute that is a whole number."""
        value = self._given(name)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value < 2**31:
            raise Unfit(f"has the attribute {name} = {said(value)}, expected a whole number of at least {least}")
        return value

    def _given(self, name: str) -> Any:
        value = self.attribute(name)
        if value is None:
            raise Unfit(f"lacks the attribute {name!r}, which a saved run has")
        return value

    # -- arrays

    def require_checksums(self) -> None:
        """From here on each array has to carry its checksum, and all that were saved have to be there."""
        self._checked = True
        for name in self.text("arrays").split():
            self._dataset(name)

    def read_all(self) -> None:
        """Read every array that a run may have, and what is said about it, as long as the sizes are plausible."""
        for name in ("format", "format_version", "arrays", "loss", "competition", "kind", "names", "method", "axes"):
            self.attribute(name)
        for name in sorted(NAMES_OF_ARRAYS):
            if name in self._file:
                dataset = self._dataset(name)
                for label in ("stored_shape", CHECKSUM):
                    self.attribute(label, dataset)
                self._check_axes(dataset, name, ())
                (self._texts if dataset.dtype.kind in KINDS["texts"] else self._numbers)(dataset, name)

    def __contains__(self, name: str) -> bool:
        return name in self._file

    def array(self, name: str, kind: str, axes: Sequence[str], shape: Sequence[int | None] = ()) -> np.ndarray:
        """An array, read only if it is of the right kind and size.

        **Arguments:**

        - `name`: what it is called.
        - `kind`: one of "numbers", "whole numbers", "coordinates", "truth values", "texts".
        - `axes`: the names of its last axes.
        - `shape`: how long these are; None for any length.
        """
        dataset = self._dataset(name)
        if dataset.dtype.kind not in KINDS[kind]:
            raise Unfit(f"holds {dataset.dtype} in {name!r}, expected {kind}")
        stored, full = dataset.shape, dataset.shape
        recorded = self.attribute("stored_shape", dataset)
        if recorded is not None:
            full = _shape(name, recorded)
        if math.prod(full) != math.prod(stored):
            raise Unfit(f"holds {name!r} of shape {stored}, expected the {full} that was saved")
        last = full[len(full) - len(axes) :]
        wanted = tuple(shape) or (None,) * len(axes)
        if len(full) < len(axes) or any(a is not None and a != b for a, b in zip(wanted, last, strict=True)):
            sizes = ", ".join(axis if a is None else f"{a} {axis}" for axis, a in zip(axes, wanted, strict=True))
            raise Unfit(f"holds {name!r} of shape {full}, expected (..., {sizes})")
        self._check_axes(dataset, name, axes)
        values = self._texts(dataset, name) if kind == "texts" else self._numbers(dataset, name)
        values = values.reshape(full)
        if kind == "truth values":
            if ((values != 0) & (values != 1)).any():
                raise Unfit(f"holds other numbers than 0 and 1 in {name!r}")
            values = values.astype(bool)
        if self._checked and self.attribute(CHECKSUM, dataset) != checksum(values):
            raise Unfit(
                f"holds other values in {name!r} than were saved (its checksum differs): it is damaged, or was cut or "
                "edited, and a run is only loaded whole; xarray.open_dataset reads what there is"
            )
        return values

    def _dataset(self, name: str) -> Any:
        import h5py

        if name not in self._file:
            raise Unfit(f"lacks {name!r}, which a saved run has")
        if not isinstance(self._file.get(name, getlink=True), h5py.HardLink):
            raise Unfit(f"has a link in place of {name!r}, expected an array")
        dataset = self._file[name]
        if not isinstance(dataset, h5py.Dataset) or dataset.is_virtual or dataset.external or dataset.shape is None:
            raise Unfit(f"has no array {name!r} of its own, which a saved run has")
        for label in ("CLASS", "NAME"):  # what these mean in netCDF 4, the dimensions hang on
            if not isinstance(self.attribute(label, dataset), (str, type(None))):
                raise Unfit(f"has an attribute {label} of {name!r} that is no text, as netCDF has it")
        return dataset

    def _check_axes(self, dataset: Any, name: str, axes: Sequence[str]) -> None:
        """Axes in another order are other values; a file that says nothing about them is taken as it is."""
        if dataset.is_scale:
            return
        labels = [[scale.name.strip("/") for scale in axis.values()] for axis in dataset.dims]
        named = labels[len(labels) - len(axes) :] if axes else []
        if any(label and axis not in label for label, axis in zip(named, axes, strict=False)):
            said_axes = ", ".join(label[0] if label else "?" for label in named)
            raise Unfit(f"holds {name!r} along ({said_axes}), expected ({', '.join(axes)})")

    def _count(self, name: str, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise Unfit(f"claims {size:,} bytes for {name!r}, more than a file of {self._size:,} bytes can hold")

    def _numbers(self, dataset: Any, name: str) -> np.ndarray:
        size = dataset.size * dataset.dtype.itemsize
        self._count(name, size)
        if size and not dataset.id.get_storage_size():
            raise Unfit(f"has an array {name!r} that was never written")
        return np.asarray(dataset[()])

    def _texts(self, dataset: Any, name: str) -> np.ndarray:
        self._count(name, dataset.size * max(dataset.dtype.itemsize, 16))
        found: list[str] = []
        most = TEXTS_AT_ONCE // self._size if self._size < TEXTS_AT_ONCE // 8 else TEXTS_AT_ONCE
        for index in _blocks(dataset.shape, max(1, most)):
            block = np.asarray(dataset[index], dtype=object).ravel().tolist()
            self._count(name, sum(map(len, block)))
            try:
                found += [text.decode() if isinstance(text, bytes) else str(text) for text in block]
            except UnicodeDecodeError:
                raise Unfit(f"has names in {name!r} that are no UTF-8") from None
        return np.asarray(found, dtype=object).reshape(dataset.shape)


def _shape(name: str, recorded: Any) -> tuple[int, ...]:
    try:
        shape = json.loads(recorded)
        if not all(type(length) is int and 0 <= length < 2**31 for length in shape) or len(shape) > 32:
            raise ValueError
    except (TypeError, ValueError, RecursionError):
        raise Unfit(f"has a stored_shape of {name!r} that is none") from None
    return tuple(shape)


def _blocks(shape: tuple[int, ...], most: int) -> Iterator[tuple[Any, ...]]:
    """Indices of pieces of an array, in order, each of at most so many entries."""
    size = math.prod(shape)
    if size == 0:
        return
    if size <= most:
        yield ()
        return
    each = size // shape[0]
    for first in range(0, shape[0], max(1, most // each)):
        if each <= most:
            yield (slice(first, first + most // each),)
        else:
            yield from ((first, *rest) for rest in _blocks(shape[1:], most))
