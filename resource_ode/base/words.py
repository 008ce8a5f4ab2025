"""What messages are made of: values as a reader knows them, and text that is safe to print."""

from __future__ import annotations

import difflib
import itertools
import json
import math
import unicodedata
from collections.abc import Callable, Iterable
from typing import Any

# of a name or a value, so many letters are shown
SHOWN = 60
# of a path so many: a name of the longest kind, and where it is
LONGEST_PATH = 600
# names are looked for among so many, and no longer ones than this: the search is quadratic in the letters
SEARCHED = 2000
# of a training step, so many digits are shown
DIGITS = 9
# a name that is cut short has at least so many letters
BEGINNING = 3


def printable(text: Any) -> str:
    r"""Text as one line that no terminal takes for a command: what is neither visible nor a space is written `\x1b`.

    Line breaks, escapes, characters that turn the direction of writing and halves of surrogate pairs are among it.

    **Example:**

    >>> print(printable("clear \x1b[2J"))
    clear \x1b[2J
    """
    return "".join(
        letter if letter.isprintable() or unicodedata.category(letter) == "Zs" else ascii(letter)[1:-1]
        for letter in str(text)
    )


def shortened(text: str, most: int = SHOWN) -> str:
    """Text of at most so many letters: what is cut off is three dots."""
    return text if len(text) <= most else text[: most - 3] + "..."


def said_path(path: Any) -> str:
    """A path as one line: of a very long one, which a file may ask for, the middle is left out."""
    text = printable(path)
    return text if len(text) <= LONGEST_PATH else f"{text[: LONGEST_PATH // 2]}...{text[-LONGEST_PATH // 2 :]}"


def said(value: Any) -> str:
    """A value as it would stand in a file, or what kind of thing it is: one line, of at most some 60 letters."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return printable(json.dumps(shortened(value), ensure_ascii=False))
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, (int, float)):
        # a huge integer has more digits than Python is willing to print
        return repr(value) if isinstance(value, float) or abs(value) < 10**20 else "an integer of more than 20 digits"
    return f"a {type(value).__name__}"


def said_step(step: Any, digits: int = DIGITS) -> str:
    """A training step to so many digits, written in full: no logger writes a million as `1e+06`.

    **Example:**

    >>> said_step(1234567.8), said_step(1234567.8, 4), said_step(14.987, 4), said_step(float("inf"))
    ('1234567.8', '1235000', '14.99', 'never')
    """
    if math.isinf(step):
        return "never"
    rounded = float(f"{step:.{digits}g}")
    return f"{rounded:.0f}" if 10**digits <= abs(rounded) < 1e15 else f"{rounded:.{digits}g}"


def nearest(name: Any, known: Iterable[Any], quote: Callable[[str], str] = said) -> str:
    """`; did you mean "..."?` if one of the known names is like this one, else nothing.

    **Arguments:** `name`, `known`: what is no text is like nothing; `quote`: how a name is put into the sentence.
    Capitals do not matter.
    """
    if not isinstance(name, str) or len(name) > SHOWN:
        return ""
    name = name.casefold()
    short = (other for other in known if isinstance(other, str) and len(other) <= 2 * SHOWN)
    spelled = {other.casefold(): other for other in itertools.islice(short, SEARCHED)}
    close = difflib.get_close_matches(name, spelled, n=1)
    if not close and len(name) >= BEGINNING:
        # the one of which this is the beginning
        close = [other for other in spelled if other.startswith(name)]
        close = close if len(close) == 1 else []
    return f"; did you mean {quote(spelled[close[0]])}?" if close else ""


def missing_attribute(self: Any, name: str) -> Any:
    """`__getattr__` of a class: the error of an unknown attribute names the one that may have been meant.

    Python itself says so only where it prints the traceback, which notebooks do not let it.
    """
    known = [] if name.startswith("_") else [other for other in dir(self) if not other.startswith("_")]
    said = f"{type(self).__name__!r} object has no attribute {name!r}{nearest(name, known, quote=repr)}"
    # without a name and an object, to which Python would add a hint of its own
    raise AttributeError(said, name=None, obj=None)
