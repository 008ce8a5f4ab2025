"""Contours on maps, which are to be seen on the lightest and on the darkest colour."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..base.annotations import Axes
from .style import MAP

# of the lines and of what is around them, in points
WIDTH, HALO = 0.7, 1.9
LETTERS = 6


def contour_colour(cmap: str) -> str:
    """A colour that is seen on most of a map."""
    return "white" if cmap == MAP else "0.3"


def draw_contours(
    ax: Axes, x: Any, y: Any, values: Any, levels: Any, *, cmap: str = MAP, said: str | Callable[[float], str] = "%g"
) -> None:
    """Contours of values `(y, x)` with their levels written on them; all with a rim of the other lightness."""
    from matplotlib.patheffects import withStroke

    colour = contour_colour(cmap)
    halo = withStroke(linewidth=HALO, foreground="0.2" if colour == "white" else "white")
    lines = ax.contour(x, y, values, levels, colors=colour, linewidths=WIDTH)
    lines.set_path_effects([halo])
    for text in ax.clabel(lines, fontsize=LETTERS, fmt=said):
        text.set_path_effects([halo])
