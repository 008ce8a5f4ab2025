"""Small tables in HTML, as notebooks show them."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Any

from .words import printable, shortened

# letters of a cell, and names in a list of them
LONGEST, MOST = 160, 8


def table(title: str, rows: Iterable[tuple[str, Any]]) -> str:
    """A table with a caption and a heading for each row; everything in it is text, whatever it looks like."""
    body = "".join(
        f'<tr><th scope="row" style="text-align: left">{_text(name)}</th>'
        f'<td style="text-align: left">{_text(value)}</td></tr>'
        for name, value in rows
    )
    caption = f'<caption style="text-align: left; font-weight: bold">{_text(title)}</caption>'
    return f"<table>{caption}<tbody>{body}</tbody></table>"


def names(values: Iterable[str], many: int) -> str:
    """The first few of many names."""
    first = [shortened(str(value), 30) for value, _ in zip(values, range(MOST), strict=False)]
    return ", ".join(first) + (f" and {many - len(first):,} more" if many > len(first) else "")


def _text(value: Any) -> str:
    return html.escape(shortened(printable(value), LONGEST))
