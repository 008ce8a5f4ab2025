"""Files that only look like TOML, or are made to be slow: refused in a sentence, within seconds, in little memory."""

from __future__ import annotations

import os
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from resource_ode.config.toml import MOST_BYTES, MOST_TABLES, ScenarioError, Table, read_toml

# memory is counted at a slower pace, and the machine may be busy
SECONDS = 15
BYTES = 500e6

HOSTILE: dict[str, tuple[Callable[[], str], str]] = {
    "keys of many parts": (lambda: ".".join("a" * 50_000) + " = 1", "keys of at most 8 parts"),
    "with spaces": (lambda: " . ".join("a" * 50_000) + " = 1", "keys of at most 8 parts"),
    "quoted parts": (lambda: ".".join(['"."'] * 50_000) + " = 1", "keys of at most 8 parts"),
    "a header of many parts": (lambda: "[" + ".".join("a" * 50_000) + "]", "keys of at most 8 parts"),
    "inline": (lambda: "a = {" + ".".join("b" * 50_000) + " = 1}", "keys of at most 8 parts"),
    "after a string": (lambda: 'x = """\\"""" # "\n' + ".".join("a" * 50_000) + "=1", "keys of at most 8 parts"),
    "many tables": (lambda: "".join(f"[a{i:x}]\n" for i in range(MOST_TABLES + 1)), "at most 100000 tables"),
    "large": (lambda: "#" * (MOST_BYTES + 1), "a file of at most 3 MiB"),
    "lists in lists": (lambda: "a = " + "[" * 200_000, "nested too deeply"),
    "tables in tables": (lambda: "a = " + "{a=" * 200_000, "nested too deeply"),
    "an integer of 5000 digits": (lambda: "a = " + "9" * 5000, "expected TOML"),
    "a text without end": (lambda: 'a = """' + '\\"""\n' * 60_000, "expected TOML"),
    "one long word": (lambda: "a" * 500_000, "expected TOML"),
    "many words": (lambda: "a " * 160_000, "expected TOML"),
    "only quotes": (lambda: '"' * 500_000, "expected TOML"),
    "a key twice, and long": (lambda: ("k" * 100_000 + " = 1\n") * 2, "expected TOML"),
    "zero bytes": (lambda: "a = 1\0", "expected TOML"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused(name: str, tmp_path: Path) -> None:
    make, expected = HOSTILE[name]
    path = tmp_path / "case.toml"
    path.write_text(make())
    begun = time.perf_counter()
    tracemalloc.start()
    try:
        with pytest.raises(ScenarioError) as caught:
            read_toml(path)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and expected in message
    assert len(message) < len(str(path)) + 300 and message.isprintable()
    assert time.perf_counter() - begun < SECONDS and most < BYTES


@pytest.mark.parametrize(
    "text",
    [
        "a.b.c.d.e.f.g.h = 1",
        'a = "' + "x." * 100 + '"',
        "a = '" + "x." * 100 + "'",
        'a = """' + 'x."\n' * 100 + '"""""',
        "a = '''" + "x.'\n" * 100 + "'''''",
        "a = 1 # " + "x." * 100,
        "a = [" + "1.5, " * 100 + "]",
        'a = "\\"" # "' + "x." * 100,
    ],
)
def test_dots_that_part_no_key(text: str, tmp_path: Path) -> None:
    path = tmp_path / "case.toml"
    path.write_text(text)
    assert list(read_toml(path)) == ["a"]


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, expected in (
        (tmp_path / "none.toml", "expected a sweep file (TOML), got no file at all"),
        (tmp_path, "expected a sweep file (TOML), got a folder"),
        (tmp_path / "pipe", "expected a sweep file (TOML), got a device or a pipe"),
        (tmp_path / ("a" * 300), "expected a file that can be read, got File name too long"),
        (Path("a\0b"), "expected the path of a file, got one with a zero byte in it"),
    ):
        with pytest.raises(ScenarioError) as caught:
            read_toml(path, "a sweep file")
        assert str(caught.value).endswith(f": {expected}")


def test_messages_are_safe_to_print(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError) as caught:
        Table(tmp_path / "\x1b[2J.toml", "", {"\x1b]0;owned\x07": 1}, ("known",))
    assert str(caught.value).isprintable() and "\\x1b[2J.toml" in str(caught.value)
