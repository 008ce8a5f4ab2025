"""Memory for large results, kept for the next when they are gone.

The kernel hands out memory page by page, zeroed, when it is first touched: for many results that is a good part of the
time of the whole solve. So blocks that nobody looks at any more wait here, up to `MOST_KEPT` bytes, for a result of
about their size.
"""

from __future__ import annotations

import math
import weakref
from typing import Any

import numpy as np

# what XLA asks of memory that it is to use as it is
ALIGNMENT = 64
# smaller ones are better served by the allocator of NumPy
SMALLEST_KEPT = 2**20
# bytes kept waiting; of these, a block may be a quarter larger than what it is taken for
MOST_KEPT = 2**28
LARGER = 1.25

# by their identity, the oldest first. No lock: memory comes back wherever a result dies, be it in the middle of
# `_take`; a block belongs to whoever takes it out, which is one step
_kept: dict[int, np.ndarray] = {}


class _Holder:
    """What arrays on a block have as their base, and so lives as long as any of them, or a JAX array made of one.

    A block itself could not tell: NumPy's views refer to the array that owns the memory, past those in between.
    """

    def __init__(self, block: np.ndarray) -> None:
        self.__array_interface__ = block.__array_interface__
        weakref.finalize(self, _give_back, block).atexit = False


def empty(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """An uninitialised array at a multiple of `ALIGNMENT` bytes."""
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    block = np.asarray(_Holder(_take(size))) if size >= SMALLEST_KEPT else _new(size)
    return block[:size].view(dtype).reshape(shape)


def clear() -> None:
    """Give all that is kept back to the system."""
    _kept.clear()


def _new(size: int) -> np.ndarray:
    """Bytes from NumPy, which asks the kernel for huge pages where there are many."""
    raw = np.empty(size + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size]


def _take(size: int) -> np.ndarray:
    """The smallest of the blocks kept that will do, or a new one."""
    fitting = [block for block in list(_kept.values()) if size <= block.size <= LARGER * size]
    for block in sorted(fitting, key=len):
        if _kept.pop(id(block), None) is not None:
            return block
    try:
        return _new(size)
    except MemoryError:
        clear()
        return _new(size)


def _give_back(block: np.ndarray) -> None:
    """Keep a block, and let go of the oldest beyond what may be kept."""
    if block.size > MOST_KEPT:
        return
    _kept[id(block)] = block
    for oldest in list(_kept):
        if sum(map(len, list(_kept.values()))) <= MOST_KEPT:
            return
        _kept.pop(oldest, None)
