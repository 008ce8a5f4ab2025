"""The picture of a fit: the curves, the fit with its band, and what it leaves."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..base.words import printable, shortened
from ..plot.style import COLOURS, STEPS, STYLE
from .intervals import directions, half_width

# mixtures that are drawn, each a column, and tasks that have a colour of their own
COLUMNS, MOST, COLOURED = 4, 12, len(COLOURS)  # panels beside each other, and in all
WIDTH, HEIGHT = 3.2, 4.2  # inches per column
# a title's line is no wider than a column
LETTERS = 48


def draw(found: Any) -> Any:
    """A matplotlib figure with a panel for each mixture, twelve at most: above levels measured (dots: the mean of the
    seeds) and fitted (lines, with a 95 % band), below what the fit leaves.
    """
    import matplotlib
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    from ..plot.shown import ShownFigure

    grid = found.problem.grid
    panels = min(len(grid.mixtures), MOST)
    # as few empty places as the rows allow
    rows_of = -(-panels // COLUMNS)
    columns = -(-panels // rows_of)
    levels, low, high = band(found)
    means, counts = grid.means()
    tasks = range(len(found.names))
    with matplotlib.rc_context(STYLE):
        figure = ShownFigure(figsize=(WIDTH * columns + 1.2, HEIGHT * rows_of), layout="constrained")
        ratios = (3, 1) * rows_of
        axes = figure.subplots(2 * rows_of, columns, sharex=True, sharey="row", squeeze=False, height_ratios=ratios)
        for place in range(rows_of * columns):
            row, column = divmod(place, columns)
            above, below = axes[2 * row : 2 * row + 2, column]
            if place >= panels:
                above.remove()
                below.remove()
                continue
            for task in tasks:
                colour = COLOURS[task % COLOURED]
                style = "-" if task < COLOURED else "--"
                rows = counts[place, :, task] > 0
                above.plot(grid.steps[rows], means[place, rows, task], ".", color=colour, markersize=2.5, alpha=0.6)
                label = printable(shortened(found.names[task], 24))
                above.plot(grid.steps, levels[place, :, task], style, color=colour, linewidth=1.2, label=label)
                above.fill_between(
                    grid.steps, low[place, :, task], high[place, :, task], color=colour, alpha=0.2, linewidth=0
                )
                left = means[place, rows, task] - levels[place, rows, task]
                below.plot(grid.steps[rows], left, style, color=colour, linewidth=0.7)
            above.set_title(_title(grid.mixtures[place], found.names), fontsize=7)
            below.axhline(0, color="black", linewidth=0.5)
            below.tick_params(labelbottom=True)
            below.set_xlabel(STEPS)
            if column == 0:
                above.set_ylabel("level")
                below.set_ylabel("measured - fit")
        if panels < len(grid.mixtures):
            figure.suptitle(f"the first {panels} of {len(grid.mixtures)} mixtures", fontsize=8)
        handles, labels = axes[0, 0].get_legend_handles_labels()
        handles += [
            Line2D([], [], color="0.4", linestyle="", marker=".", markersize=4),
            Line2D([], [], color="0.4", linewidth=1.2),
            Patch(color="0.8"),
        ]
        labels += ["measured" if counts.max() < 2 else "measured, mean", "fit", "95 % band of the fit"]
        figure.legend(handles, labels, loc="outside right upper", frameon=False)
    return figure


def band(found: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fitted levels `(mixture, row, task)`, and the ends of their 95 % intervals, to first order in the parameters."""
    levels, each = found.problem.levels(found.x)
    wide = half_width(np.where(np.isfinite(each), each, 0.0) @ directions(found.problem, found.x))
    return levels, np.clip(levels - wide, 0, 1), np.clip(levels + wide, 0, 1)


def _title(mixture: Any, names: tuple[str, ...]) -> str:
    if mixture is None:
        return "mixture not known"
    if not isinstance(mixture, np.ndarray):
        return "scheduled mixture"
    parts = [f"{printable(shortened(name, 16))} {part:.2g}" for name, part in zip(names, mixture, strict=True)]
    # as many as fit above a column, in two lines
    lines = [parts[0]]
    for place, part in enumerate(parts[1:], start=2):
        more = ", ..." if len(lines) == 2 and place < len(parts) else ","
        if len(f"{lines[-1]}, {part}{more}") <= LETTERS:
            lines[-1] += f", {part}"
        elif len(lines) == 2:
            lines[-1] += ", ..."
            break
        else:
            lines[-1] += ","
            lines.append(part)
    return "\n".join(lines)
