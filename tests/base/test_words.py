"""What messages are made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from resource_ode.base.words import nearest, printable, said, said_path, shortened


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain words, 技能一, é", "plain words, 技能一, é"),
        ("\x1b[2J\x1b]0;owned\x07A", r"\x1b[2J\x1b]0;owned\x07A"),
        ("x\ny\r\tz", r"x\ny\r\tz"),
        ("\u202eB\u2066", r"\u202eB\u2066"),  # they turn the direction of writing
        ("\x9b31m", r"\x9b31m"),  # an escape in one byte
        ("\ud800", r"\ud800"),
        ("\u3000\xa0", "\u3000\xa0"),  # spaces
    ],
)
def test_text_is_one_line_without_commands(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert said(text).isprintable() or text == "\u3000\xa0"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (True, "true"),
        ("a\x1bb", r'"a\u001bb"'),
        ("x" * 100, '"' + "x" * 57 + '..."'),
        ([], "an empty list"),
        ([1], "a list"),
        ({}, "a table"),
        (1e300, "1e+300"),
        (10**400, "an integer of more than 20 digits"),
        (None, "a NoneType"),
    ],
)
def test_values_as_they_stand_in_a_file(value: Any, shown: str) -> None:
    assert said(value) == shown


def test_the_middle_of_a_long_path_is_left_out() -> None:
    assert said_path(Path("a/b\x1b.csv")) == r"a/b\x1b.csv"
    shown = said_path("a" * 9_000 + ".csv")
    assert shown.startswith("aaa") and shown.endswith("aaa.csv") and "..." in shown and len(shown) < 700


def test_nearest_looks_among_short_names_only() -> None:
    assert nearest("learning_rat", ["time", "learning_rate"]) == '; did you mean "learning_rate"?'
    assert nearest("leters", ["letters", 3, None], quote=repr) == "; did you mean 'letters'?"
    assert nearest("nothing like it", ["time"]) == ""
    assert nearest("a" * 10_000, ["a" * 9_999] * 100) == ""
    assert shortened("a" * 60) == "a" * 60 and shortened("a" * 61) == "a" * 57 + "..."
