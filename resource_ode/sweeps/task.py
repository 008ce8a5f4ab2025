"""One piece of the work of a sweep: a chunk is computed and stored, unless it is there."""

from __future__ import annotations

import math

from .chunk import compute_chunk
from .store import SweepStore


def do_chunk(store: SweepStore, chunk: int) -> tuple[int, bool]:
    """See to it that a chunk is there: its number of members, and whether it had to be computed."""
    region = store.sweep.region(chunk)
    members = math.prod(part.stop - part.start for part in region)
    if store.is_done(chunk):
        return members, False
    store.write(chunk, compute_chunk(store.sweep, chunk))
    return members, True
