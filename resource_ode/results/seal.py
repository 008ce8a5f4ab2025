"""A checksum of a whole file behind its end, where HDF5 does not look: a file that has it is as it was written.

HDF5 itself trusts a file: a flipped bit in its bookkeeping may end the program or keep it busy for ever. What changes a
file through HDF5 cuts the seal off.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

MARK = b"\nresource_ode sha256 "
LENGTH = len(MARK) + 64
BLOCK = 2**20


def seal(path: Path) -> None:
    """Put the seal behind the end of a file."""
    found = _digest(path, path.stat().st_size)
    with open(path, "ab") as file:
        file.write(MARK + found.encode())


def is_intact(path: Path) -> bool | None:
    """Whether a file is as it was when it was sealed; None if it has no seal."""
    size = path.stat().st_size - LENGTH
    if size < 0:
        return None
    with open(path, "rb") as file:
        file.seek(size)
        end = file.read(LENGTH)
    if not end.startswith(MARK):
        return None
    return end == MARK + _digest(path, size).encode()


def _digest(path: Path, size: int) -> str:
    """SHA-256 of the first bytes of a file, in hexadecimal digits."""
    found = hashlib.sha256()
    with open(path, "rb") as file:
        while size > 0 and (block := file.read(min(BLOCK, size))):
            found.update(block)
            size -= len(block)
    return found.hexdigest()
