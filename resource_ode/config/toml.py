"""TOML files that users write: read within limits, with errors that say which file and key, what was expected and
what came.

Whatever a file holds, reading it takes a few seconds and some hundred megabytes at most: files are of limited size,
and so are the parts of a dotted key, in which Python's reader is quadratic.
"""

from __future__ import annotations

import math
import os
import re
import stat
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ..base.words import nearest, printable, said, said_path

# eighty thousand skills, or the overlaps of four hundred, read within three seconds
MOST_BYTES = 3 * 2**20
MOST_TABLES = 100_000
# parts of a dotted key; no key of ours has more than two
MOST_PARTS = 8
# of what the reader of TOML says, which repeats what it read
LONGEST = 200

# what dots may stand in without meaning: comments and the four kinds of strings
# a string that has no end reaches to the end of its line, or of the file: what follows is not TOML anyway
_OPAQUE = re.compile(
    r"""
      \#[^\n]*
    | \"\"\" (?: [^"\\]++ | \\. | "{1,2}(?!") )*+ (?: "{3,5} )?
    | \'\'\' (?: [^']++ | '{1,2}(?!') )*+ (?: '{3,5} )?
    | " (?: [^"\\\n]++ | \\[^\n] )*+ "?
    | ' [^'\n]*+ '?
    """,
    re.VERBOSE | re.DOTALL,
)
_HEADER = re.compile(r"^[ \t]*+\[", re.MULTILINE)
_LONG_KEY = re.compile(rf"(?<![\w-])(?:[\w-]++[ \t]*+\.[ \t]*+){{{MOST_PARTS}}}")
# what only one kind of file has, and the command that runs it
KINDS: dict[str, tuple[tuple[str, ...], str]] = {
    "a scenario file": (("skill",), "simulate"),
    "a sweep file": (("ensemble", "axis"), "sweep"),
}


class ScenarioError(ValueError):
    """A scenario or sweep file that cannot be used: which file and key, what was expected and what came."""


def read_toml(path: Path, what: str = "a scenario file") -> dict[str, Any]:
    """The tables of a TOML file.

    **Arguments:** `path`: the file; `what`: how messages call it.

    **Raises:** [`resource_ode.config.toml.ScenarioError`][] for a file that is missing, a folder, unreadable, too
    large, or no TOML.
    """

    def wrong(message: str) -> ScenarioError:
        return ScenarioError(f"{said_path(path)}: {message}")

    text = _text(path, f"{what} (TOML)", wrong)
    # a string becomes a letter, so that quoted parts of a key count as well
    bare = _OPAQUE.sub(lambda found: " " if found[0].startswith("#") else "_", text)
    if len(_HEADER.findall(bare)) > MOST_TABLES:
        raise wrong(f"expected at most {MOST_TABLES} tables ([a] or [[a]]), got more")
    if _LONG_KEY.search(bare):
        raise wrong(f"expected keys of at most {MOST_PARTS} parts (a.b.c has 3), got one of more")
    try:
        values = tomllib.loads(text)
    except ValueError as error:  # most are a TOMLDecodeError, but not an integer of thousands of digits
        problem = printable(error)
        problem = problem if len(problem) <= LONGEST else f"{problem[: LONGEST // 2]} ... {problem[-LONGEST // 3 :]}"
        raise wrong(f"expected TOML, got text that is none: {problem}") from None
    except RecursionError:
        raise wrong("expected TOML, got brackets that are nested too deeply") from None
    for kind, (sections, command) in KINDS.items():
        if kind != what and any(section in values for section in sections):
            raise wrong(f"expected {what}, got {kind}, which resource-ode {command} runs")
    return values


def _text(path: Path, expected: str, wrong: Callable[[str], ScenarioError]) -> str:
    if "\0" in str(path):
        raise wrong("expected the path of a file, got one with a zero byte in it")
    try:
        # looked at before it is opened: a pipe would be waited for
        kind = os.stat(path)
        if stat.S_ISDIR(kind.st_mode):
            raise wrong(f"expected {expected}, got a folder")
        if not stat.S_ISREG(kind.st_mode):
            raise wrong(f"expected {expected}, got a device or a pipe")
        with open(path, "rb") as file:
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise wrong(f"expected {expected}, got no file at all") from None
    except OSError as error:
        raise wrong(f"expected a file that can be read, got {error.strerror}") from None
    if len(content) > MOST_BYTES:
        raise wrong(f"expected a file of at most {MOST_BYTES / 2**20:.0f} MiB, got a larger one")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise wrong("expected text in UTF-8 (TOML), got other bytes") from None


class Table:
    """One table of a file: reads its values, and says where and what is wrong with them.

    **Arguments:**

    - `path`: the file.
    - `where`: how the table is called in messages.
    - `values`: what TOML made of it.
    - `known`: the keys that it may have.
    - `homes`: where a key belongs, for those that may stand in the wrong table.

    **Raises:** [`resource_ode.config.toml.ScenarioError`][] for a key that it may not have.
    """

    path: Path
    where: str
    values: dict[str, Any]
    homes: Mapping[str, str]

    def __init__(
        self,
        path: Path,
        where: str,
        values: dict[str, Any],
        known: Sequence[str],
        homes: Mapping[str, str] = MappingProxyType({}),
    ):
        self.path, self.where, self.values, self.homes = path, where, values, homes
        for key in values:
            if key not in known:
                home = f"; it belongs {homes[key]}" if key in homes else f"; expected one of {', '.join(known)}"
                hint = nearest(key, known) or home
                raise self.error(f"unknown key {said(key)}{hint}")

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def error(self, message: str, key: str = "") -> ScenarioError:
        """An error about this table, or one of its keys."""
        place = " ".join(part for part in (self.where, key) if part)
        return ScenarioError(f"{said_path(self.path)}: {printable(f'{place}: {message}' if place else message)}")

    def get(self, key: str, default: Any = None) -> Any:
        """A value as it is; without a default (None) it has to be there."""
        if key not in self.values and default is None:
            raise self.error(f"missing key {said(key)}")
        return self.values.get(key, default)

    def table(self, key: str, known: Sequence[str]) -> Table:
        """A section that has to be there."""
        value = self.values.get(key)
        if not isinstance(value, dict):
            got = "none" if value is None else said(value)
            raise self.error(f"expected a section [{key}], got {got}")
        return Table(self.path, f"[{key}]", value, known, self.homes)

    def text(self, key: str) -> str:
        """A text that has to be there."""
        value = self.get(key)
        if not isinstance(value, str):
            raise self.error(f"expected a text in quotes, got {said(value)}", key)
        return value

    def choice(self, key: str, choices: Sequence[str], default: str) -> str:
        """One of several texts."""
        value = self.get(key, default)
        if value not in choices:
            hint = nearest(value, choices)
            raise self.error(f"expected {' or '.join(map(said, choices))}, got {said(value)}{hint}", key)
        return value

    def flag(self, key: str, default: bool) -> bool:
        """`true` or `false`."""
        value = self.get(key, default)
        if not isinstance(value, bool):
            raise self.error(f"expected true or false, got {said(value)}", key)
        return value

    def integer(self, key: str, default: int | None = None, *, least: int, most: int) -> int:
        """A whole number (`1e3` is one)."""
        value = self.get(key, default)
        real = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not (real and least <= value <= most and value == int(value)):
            raise self.error(f"expected a whole number from {least} to {most}, got {said(value)}", key)
        return int(value)

    def number(self, key: str, default: float | None = None, **bounds: float) -> float:
        """A finite number within bounds `above`, `least`, `below`, `most`."""
        return self.checked(key, self.get(key, default), **bounds)

    def numbers(self, key: str, **bounds: float) -> list[float]:
        """A list of finite numbers within bounds."""
        values = self.get(key)
        if not isinstance(values, list):
            raise self.error(f"expected a list of numbers, got {said(values)}", key)
        return [self.checked(f"{key}[{position}]", value, **bounds) for position, value in enumerate(values)]

    def checked(
        self,
        key: str,
        value: Any,
        *,
        above: float = -math.inf,
        least: float = -math.inf,
        below: float = math.inf,
        most: float = math.inf,
    ) -> float:
        """A value, if it is a finite number within bounds."""
        wanted = [f"above {above:g}"] * (above > -math.inf) + [f"of at least {least:g}"] * (least > -math.inf)
        wanted += [f"below {below:g}"] * (below < math.inf) + [f"of at most {most:g}"] * (most < math.inf)
        sentence = f"expected a finite number {' and '.join(wanted)}".rstrip()
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self.error(f"{sentence}, got {said(value)}", key)
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not (math.isfinite(number) and number > above and number >= least and number < below and number <= most):
            raise self.error(f"{sentence}, got {said(value)}", key)
        return number
