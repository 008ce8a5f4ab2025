"""Keys of a scenario or sweep file that are given on the command line: `--set wasted_resource=0.1`."""

from __future__ import annotations

import copy
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..base.checks import entries
from ..base.values import brief
from ..base.words import nearest, said, said_path
from .toml import ScenarioError

# a word that may stand without quotes
_WORD = re.compile(r"[A-Za-z_][\w./-]*\Z")
# letters of one setting
LONGEST = 10_000


def with_settings(
    path: Path,
    values: Mapping[str, Any],
    settings: Any,
    sections: Mapping[str, Sequence[str]],
    rows: Mapping[str, Sequence[str]],
    rivals: Mapping[str, Mapping[str, Sequence[str]]],
) -> dict[str, Any]:
    """The tables of a file with some keys set.

    **Arguments:**

    - `path`, `values`: the file, and what TOML made of it.
    - `settings`: texts `key=value`, `section.key=value` or, for tables in double brackets, `skill.NAME.key=value`.
        Values are TOML; a single word needs no quotes.
    - `sections`: the keys of each section; `""` for the top.
    - `rows`: the keys of tables in double brackets.
    - `rivals`: for each section, the keys that setting one takes away.

    **Raises:** [`resource_ode.config.toml.ScenarioError`][] for a key that there is not, one that is given twice, or a
    value that is no TOML.
    """
    found = copy.deepcopy(dict(values))
    seen: set[tuple[str, ...]] = set()
    for setting in entries("settings", settings, "texts, as wasted_resource=0.1"):
        if not isinstance(setting, str):
            raise ValueError(f"settings: expected texts, as wasted_resource=0.1, got {brief(setting)}")
        key, equals, text = setting.partition("=")
        key = key.strip()
        if not equals or not key:
            raise _error(path, f"expected key=value, as wasted_resource=0.1, got {said(setting)}")
        table, place = _table(path, found, key, sections, rows)
        name = place[-1]
        if place in seen:
            raise _error(path, f"expected each key once, got {said(key)} again")
        seen.add(place)
        for other in rivals.get(place[0], {}).get(name, ()):
            if (*place[:-1], other) not in seen:
                table.pop(other, None)
        table[name] = _value(path, key, text.strip())
    return found


def _table(
    path: Path, values: dict[str, Any], key: str, sections: Mapping[str, Any], rows: Mapping[str, Any]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The table that a key belongs to, and the names that lead to it."""
    first, dot, rest = key.partition(".")
    if dot and first in rows:
        name, dot, last = rest.rpartition(".")
        listed = values.get(first)
        held = [row for row in listed if isinstance(row, dict)] if isinstance(listed, list) else []
        known = [row.get("name") for row in held]
        if name not in known:
            hint = nearest(name, known) or f"; the file has {', '.join(map(said, known[:8])) or 'none'}"
            raise _error(path, f"expected {first}.NAME.key, got {said(key)}: there is no {first} {said(name)}{hint}")
        if last not in rows[first]:
            hint = nearest(last, rows[first]) or f"; expected one of {', '.join(rows[first])}"
            raise _error(path, f"unknown key {said(key)}{hint}")
        return held[known.index(name)], (first, name, last)
    if dot and first in sections:
        section, last = first, rest
    elif dot:
        names = [name for name in (*sections, *rows) if name]
        hint = nearest(first, names) or f"; expected one of {', '.join(names)}"
        raise _error(path, f"unknown section {said(first)}{hint}")
    else:
        homes = [section for section, keys in sections.items() if key in keys]
        if len(homes) > 1:
            both = " or ".join(f"{home}.{key}" for home in homes)
            raise _error(path, f"{said(key)} may be in several sections; expected {both}")
        section, last = (homes or ["?"])[0], key
    if last not in sections.get(section, ()):
        known = list(dict.fromkeys(name for keys in sections.values() for name in keys))
        known = known if section == "?" else list(sections[section])
        hint = nearest(last, known) or f"; expected one of {', '.join(known)}"
        raise _error(path, f"unknown key {said(key)}{hint}")
    if not section:
        return values, ("", last)
    table = values.setdefault(section, {})
    if not isinstance(table, dict):
        raise _error(path, f"{said(key)}: expected a section [{section}], got {said(table)}")
    return table, (section, last)


def _value(path: Path, key: str, text: str) -> Any:
    expected = "a number, a word, or a value as TOML has it"
    if len(text) > LONGEST or "\n" in text or "\r" in text:
        raise _error(path, f"{key}: expected {expected}, got a text of {len(text):,} letters or several lines")
    try:
        held = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        if _WORD.match(text):
            return text
        raise _error(path, f"{key}: expected {expected}, got {said(text)}") from None
    return held["value"]


def _error(path: Path, message: str) -> ScenarioError:
    return ScenarioError(f"{said_path(path)}: --set: {message}")
