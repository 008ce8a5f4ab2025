"""Blank figures in the house style for the gallery, and the spread over seeds."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from ...plot.style import STYLE


@contextlib.contextmanager
def drawing(rows: int = 1, columns: int = 1, *, size: tuple[float, float], **options: Any) -> Iterator[tuple[Any, Any]]:
    """A figure as wide as a page or a column, and its axes, `(rows, columns)`; draw inside the context."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=size, dpi=200, layout="constrained")
        yield figure, figure.subplots(rows, columns, squeeze=False, **options)


def letters(axes: Any) -> None:
    """Letters a, b, ... for the panels."""
    for ax, letter in zip(np.ravel(axes), "abcdefgh", strict=False):
        ax.set_title(letter, loc="left", fontweight="bold", fontsize=9)


def deviation(values: Any) -> float:
    """Standard deviation over seeds; NaN where one of them never got there."""
    values = np.asarray(values, float)
    return float(np.std(values, ddof=1)) if len(values) > 1 and np.all(np.isfinite(values)) else float("nan")
