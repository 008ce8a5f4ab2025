"""What is in the store of a sweep before anything is computed: its metadata, its axes, and their checksums.

All of it follows from the description, so that whatever of it is lost can be written again. Each file of metadata is
there twice (Zarr's consolidated metadata, in the file of the root), and so is what the root says about the sweep (in
the group `records`). The root's file holds a checksum of itself, and `records` those of the axes.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np

from .arrays import METADATA, Arrays
from .chunks import DIGEST
from .chunks import RECORDS as DIGESTS
from .measures import FAILURES, outputs, size_of
from .plan import LONG_NAMES, UNITS, Sweep, canonical

FORMAT = "resource_ode sweep"
FORMAT_VERSION = 2
ROOT, RECORDS = METADATA, f"records/{METADATA}"
# what an unfinished chunk holds in place of a code
NOT_COMPUTED = -1


def versions() -> dict[str, str]:
    """What the last digits of a sweep depend on."""
    import jax

    from .. import native
    from ..base.version import __version__

    # the compiled loops, where they are built, round otherwise than XLA
    loops = "none" if native.library() is None else "built"
    return {"resource_ode_version": __version__, "jax_version": jax.__version__, "compiled_loops": loops}


def attributes_of(sweep: Sweep) -> dict[str, Any]:
    """What a store that is begun now says about itself."""
    return {
        "title": sweep.content["title"] or "Sweep of the Resource model of skill learning",
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        **versions(),
        "seed": sweep.content["ensemble"]["seed"],
        "level": sweep.content["observe"]["level"],
        # as text, so that the data set can be written to other formats as well
        "description": canonical(sweep.content),
    }


def skeleton(sweep: Sweep, attributes: dict[str, Any]) -> dict[str, bytes]:
    """All files of a store but those of its chunks: contents by path, the root's last.

    **Arguments:** `attributes`: of the store, as `attributes_of` gave them when it was begun.
    """
    files = _arrays(sweep)
    axes = {path: sha256(content) for path, content in files.items() if not path.endswith(ROOT)}
    records = {
        "zarr_format": 3,
        "node_type": "group",
        "attributes": {"begun": attributes, "checksum": sha256(canonical(attributes).encode()), "axes": axes},
    }
    files[RECORDS] = _text(records)
    metadata = {path.removesuffix(f"/{ROOT}"): json.loads(files[path]) for path in files if path.endswith(ROOT)}
    root = {
        "zarr_format": 3,
        "node_type": "group",
        "attributes": {**attributes, "checksum": "0" * 2 * DIGEST},
        "consolidated_metadata": {"kind": "inline", "must_understand": False, "metadata": metadata},
    }
    blank = _text(root)
    return files | {ROOT: _signed(blank)}


def sha256(content: bytes) -> str:
    """SHA-256 in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def is_signed(content: bytes, checksum: Any) -> bool:
    """Whether the file of the root has the checksum that it holds itself: that of the file with zeros in its place."""
    digits = checksum.encode() if isinstance(checksum, str) else b""
    if len(digits) != 2 * DIGEST or content.count(digits) != 1:
        return False
    return sha256(content.replace(digits, b"0" * 2 * DIGEST)) == checksum


def _signed(blank: bytes) -> bytes:
    # only the checksum has this many zeros between quotes
    return blank.replace(b'"' + b"0" * 2 * DIGEST + b'"', b'"' + sha256(blank).encode() + b'"')


def _text(value: Any) -> bytes:
    return json.dumps(value, indent=2, allow_nan=False).encode()


def _arrays(sweep: Sweep) -> dict[str, bytes]:
    """The metadata of all arrays, and the values of the axes."""
    arrays = Arrays()
    dtype = sweep.content["ensemble"]["precision"]

    def coordinate(name: str, values: Any, **attributes: str) -> None:
        values = np.asarray(values)
        words = values.dtype.kind in "UO"
        arrays.add(
            name,
            shape=values.shape,
            dtype=str if words else values.dtype,
            chunks=(max(1, len(values)),),
            dimension_names=(name,),
            attributes=attributes,
        )
        files.update(arrays.encode(name, (slice(None),), values.astype(object) if words else values))

    files: dict[str, bytes] = {}
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
        arrays.add(
            name,
            shape=(*sweep.shape, *extra),
            chunks=(*sweep.blocks, *extra),
            dtype=dtype,
            fill_value=float("nan"),
            dimension_names=(*sweep.dimensions, *row.axes),
            attributes={"long_name": row.long_name, "units": row.units},
        )
    arrays.add(
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
    names = [*found, "failed"]
    # in a group of its own: data sets do not show it
    arrays.add(
        DIGESTS,
        shape=(sweep.chunks, len(names) * DIGEST),
        chunks=(1, len(names) * DIGEST),
        dtype="uint8",
        fill_value=0,
        dimension_names=("chunk", "byte"),
        attributes={
            "long_name": "SHA-256 of the file of each variable in a chunk, behind a line that docs/sweep.md describes "
            "(no file: not computed)",
            "variables": names,
        },
    )
    return arrays.metadata() | files
