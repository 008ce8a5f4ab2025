"""Files that appear whole or not at all, and that are on the disk before anything says that they are there."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import platform
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

# hidden names end in the machine and the process that made them, so that a later one knows whether it still runs
ENDING = ".part"
_HOST = platform.node().replace("/", "_")[:40] or "here"
_number = itertools.count()
# a name has 255 bytes at most: so much of it, of up to four bytes per letter, is kept in hidden ones
KEPT = 40
# a hidden file of another machine is given up after this many seconds: writing one takes less than one
ABANDONED = 3600


def write_files(root: Path, files: Mapping[str, bytes], known: set[Path]) -> None:
    """Write files, by their paths below `root`: when this returns, a power cut no longer loses them.

    Each is written under a hidden name, flushed to the disk and renamed; then the folders, which hold the names, are
    flushed, the innermost first.

    **Arguments:** `known`: folders below the root whose own names were flushed before, to which those of now are
    added.

    **Raises:** `OSError` if one cannot be written; it is then as it was before, and those before it are written.
    """
    folders, new = set(), set()
    for name, content in files.items():
        path = root / name
        folders.add(path.parent)
        # another process may have made a folder without having flushed its name yet
        new |= {folder for folder in path.parents if root in folder.parents} - known
        _make_way(root, path)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = _hidden(path)
        try:
            with open(temporary, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    folders |= {folder.parent for folder in new}
    for folder in sorted(folders, key=lambda folder: len(folder.parts), reverse=True):
        flush_folder(folder)
    known |= new


def read_file(path: Path) -> bytes:
    """The contents of a file.

    **Raises:** `FileNotFoundError` if there is none, or something else, as a pipe, which would be waited for for ever;
    `OSError` if it cannot be read.
    """
    if not path.is_file():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    return path.read_bytes()


def _make_way(root: Path, path: Path) -> None:
    """Remove a folder where a file belongs, and what is no folder where one belongs."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    for folder in path.parents:
        if root in folder.parents and not folder.is_dir():
            # below a file there is nothing, which has an error of its own
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                folder.unlink()


def flush_folder(folder: Path) -> None:
    """See to it that the names in a folder are on the disk."""
    if os.name == "nt":  # a folder cannot be opened there
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def hidden_folder(path: Path) -> Iterator[Path]:
    """An empty folder beside `path`, to be filled and then renamed to it; whatever is left of it goes away."""
    temporary = _hidden(path)
    temporary.mkdir()
    try:
        # as long as this process lives: on a machine where the number of the process means another one, too
        with _locked(temporary):
            yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def remove_leftovers(path: Path) -> None:
    """Remove what killed processes left: hidden folders beside a store, and hidden files in it."""
    for folder in path.parent.glob(f".{_escaped(path.name[:KEPT])}.*{ENDING}"):
        if folder.is_dir() and not _maker_lives(folder):
            with _locked(folder) as mine:
                if mine:
                    shutil.rmtree(folder, ignore_errors=True)
    for file in path.rglob(f".*{ENDING}"):
        with contextlib.suppress(OSError):
            if not _maker_lives(file):
                file.unlink()


def _hidden(path: Path) -> Path:
    return path.with_name(f".{path.name[:KEPT]}.{next(_number)}.{_HOST}.{os.getpid()}{ENDING}")


def _escaped(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def _maker_lives(path: Path) -> bool:
    """Whether the process that made a hidden file or folder may still be at it."""
    rest, _, process = path.name.removesuffix(ENDING).rpartition(".")
    if not process.isdigit() or os.name == "nt":
        return True
    if not rest.endswith(f".{_HOST}"):
        return path.is_dir() or time.time() - path.stat().st_mtime < ABANDONED
    try:
        os.kill(int(process), 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[bool]:
    """A lock on a folder, which ends with this process; whether it could be had."""
    try:
        import fcntl
    except ImportError:
        yield False
        return
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        yield False
        return
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # another process has it, or the file system knows no locks
            yield False
            return
        yield True
    finally:
        os.close(handle)
