"""Files that appear whole or not at all.

A file is written under another name in the same folder, flushed to the disk and then renamed: a reader sees the old
file or all of the new one, also after a power cut. A symbolic link keeps pointing where it did, and what it points to
is replaced; the permissions of a file that was there are kept.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

# the most bytes of a file name where the system does not say
NAME_MAX = 255


def write(path: str | os.PathLike[str], fill: Callable[[Path], Any]) -> None:
    """Write a file whole or not at all.

    **Arguments:** `path`: where; `fill`: called with the path of a temporary file in the same folder, which it writes.

    **Raises:** what `fill` raises, and `OSError` where the file cannot be written; then nothing is left behind and a
    file that was there is as it was.

    **Example:** `write("run.txt", lambda path: path.write_text("done"))`
    """
    target = _target(path)
    # a name of its own: the longest name that the system allows has no room for an addition
    temporary = target.with_name(f".{uuid.uuid4().hex[:16]}.part")
    try:
        try:
            fill(temporary)
        except OSError as error:
            if error.filename == str(temporary):
                error.filename = str(target)
            raise
        with contextlib.suppress(FileNotFoundError):
            os.chmod(temporary, stat.S_IMODE(target.stat().st_mode))
        _flush(temporary)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
    # the rename itself; some systems cannot open a folder
    with contextlib.suppress(OSError):
        _flush(target.parent)


def write_bytes(path: str | os.PathLike[str], content: bytes) -> None:
    """Write these bytes to a file, whole or not at all."""
    write(path, lambda part: part.write_bytes(content))


def obstacle(path: str | os.PathLike[str]) -> str:
    """Why a file cannot be written at this path, as "expected ..., got ..."; empty if nothing is in the way.

    **Example:**

    >>> obstacle("none/run.csv")
    'expected a folder that exists, got none (for run.csv); make it first'
    """
    path = Path(path)
    if "\0" in str(path):
        return "expected a path, got one with a zero byte in it"
    try:
        target = _target(path)
    except OSError as error:
        return f"expected a path, got {path} ({error.strerror})"
    folder = path.parent if target == Path(os.path.abspath(path)) else target.parent
    if (size := len(os.fsencode(target.name))) > (most := _longest_name(folder)):
        return f"expected a file name of at most {most} bytes, got one of {size}"
    try:
        if target.is_dir():
            return f"expected a file, got {path}, which is a folder"
        if target.exists() and not target.is_file():
            return f"expected a file, got {path}, which is a device or a pipe"
        if not folder.is_dir():
            return f"expected a folder that exists, got {folder} (for {target.name}); make it first"
    except OSError as error:
        return f"expected a path that can be looked up, got {path} ({error.strerror})"
    if not takes_files(folder):
        return f"expected a folder that can be written to, got {folder} (for {target.name})"
    return ""


def takes_files(folder: str | os.PathLike[str]) -> bool:
    """Whether a file can be made in a folder: one is, for permissions do not tell (root has all, in `/proc` too)."""
    if not os.access(folder, os.W_OK | os.X_OK):
        return False
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True


def _target(path: str | os.PathLike[str]) -> Path:
    """The absolute path of the file that is meant: of what a symbolic link leads to, not of the link."""
    target = os.path.realpath(path) if os.path.islink(path) else os.path.abspath(path)
    if os.path.islink(target):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    return Path(target)


def _longest_name(folder: Path) -> int:
    try:
        return os.pathconf(folder, "PC_NAME_MAX")
    except (OSError, ValueError, AttributeError):
        return NAME_MAX


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
