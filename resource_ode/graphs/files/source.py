"""The bytes and the text of a graph file: bounded, unpacked and decoded."""

from __future__ import annotations

import re
import stat
import zlib
from pathlib import Path

from .limits import MOST_UNPACKED
from .problem import refuse, said

_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)


def read_bytes(path: Path) -> bytes:
    """What is in a file, unpacked if it is gzip (whatever its name)."""
    if not path.exists():
        refuse("expected a graph file, got no file at all")
    if not stat.S_ISREG(path.stat().st_mode):
        refuse(f"expected a graph file, got {'a folder' if path.is_dir() else 'what is no file'}")
    data = path.read_bytes()
    if data[:2] != b"\x1f\x8b":
        return data
    parts: list[bytes] = []
    room = MOST_UNPACKED
    while data[:2] == b"\x1f\x8b":  # a gzip file may have several members
        unpacker = zlib.decompressobj(wbits=31)
        try:
            parts.append(unpacker.decompress(data, room))
        except zlib.error:
            refuse("expected a whole gzip file, got one that is damaged")
        room -= len(parts[-1])
        if unpacker.unconsumed_tail or room <= 0:
            refuse(f"expected at most {MOST_UNPACKED // 2**20} MiB when unpacked, got more; unpack it first (gunzip)")
        if not unpacker.eof:
            refuse("expected a whole gzip file, got one that is cut short")
        data = unpacker.unused_data
    return b"".join(parts)


def decode(data: bytes, legacy: bool = False) -> str:
    """The text of a file in UTF-8, or UTF-16 or 32 with a byte-order mark; `legacy`: also Windows' Western European.

    Bytes of another encoding nearly always give runs of accented letters when read as Windows-1252, and are refused.
    """
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        western = _western(data) if legacy and encoding == "utf-8" else None
        if western is None:
            line = data.count(b"\n", 0, error.start) + 1
            refuse(
                f"line {line}: expected text in UTF-8, got other bytes ({said(data[error.start : error.start + 1])})"
            )
        text = western
    if "\0" in text:
        refuse(f"line {text.count(chr(10), 0, text.index(chr(0))) + 1}: expected text, got a byte of value 0")
    return text


def _western(data: bytes) -> str | None:
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        return None
    letters = re.sub(r"[\x00-\x7f\xa0\u2013\u2019]", " ", text)
    words = letters.split()
    return text if all(word.isalpha() and (len(word) < 3 or len(set(word)) == 1) for word in words) else None
