"""The parts of a phase diagram: maps with contours and hatching, curves with bands, histograms."""

from __future__ import annotations

import contextlib
import itertools
import math
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base.annotations import Axes, DataArray
from ..base.values import brief
from .colouring import add_bar
from .contours import contour_colour, draw_contours
from .style import (
    COLOURS,
    GREY,
    HEIGHT,
    LABEL_WIDTH,
    WIDTH,
    cell_edges,
    is_geometric,
    label_of_array,
    legend_above,
    styled_axes,
    styled_figure,
)

# a cell is hatched if the standard error of its mean is more than this part of the range of the map
UNSURE = 0.05


LINES = ("--", ":", "-.")


# panels of small multiples in one row, and in all
ROW, MOST_PANELS = 4, 16


def boundary_lines(boundary: Any) -> list[tuple[str | None, Any]]:
    if boundary is None:
        return []
    if isinstance(boundary, Mapping):
        return [(str(name), line) for name, line in boundary.items()]
    return [(None, boundary)]


@dataclass(frozen=True)
class MapLook:
    """What the maps of one diagram have in common."""

    names: list[str]
    # matplotlib's norm and the name of the colour map
    scale: Any
    cmap: str
    # of the contours
    levels: np.ndarray | None
    # names and courses of the boundaries
    lines: list[tuple[str | None, Any]]


def draw_map(ax: Axes, panel: DataArray, look: MapLook) -> Any:
    """One panel; the image, for a colour bar."""
    names, levels = look.names, look.levels
    x, y = (panel[name] for name in names)
    numbers = np.asarray(panel.transpose(names[1], names[0]))
    across, up = (np.asarray(axis, dtype=float) for axis in (x, y))
    log_x, log_y = is_geometric(across), is_geometric(up)
    edges_x, edges_y = cell_edges(names[0], across, log_x), cell_edges(names[1], up, log_y)
    ax.set_facecolor(GREY)
    options = {"cmap": look.cmap, "norm": look.scale, "rasterized": True, "linewidth": 0}
    image = ax.pcolormesh(edges_x, edges_y, np.ma.masked_invalid(numbers), **options)
    ax.set_xscale("log" if log_x else "linear")
    ax.set_yscale("log" if log_y else "linear")
    if levels is not None and min(numbers.shape) > 1 and "words" not in {*x.attrs, *y.attrs}:
        inside = levels[(levels > np.nanmin(numbers)) & (levels < np.nanmax(numbers))]
        if inside.size:
            shown = np.ma.masked_invalid(numbers)
            draw_contours(ax, across, up, shown, inside, cmap=look.cmap, said=_level_said)
    for (_, line), style in zip(look.lines, itertools.cycle(LINES)):
        points = np.geomspace(*_ends(edges_x), 400) if log_x else np.linspace(*_ends(edges_x), 400)
        try:
            where, height = (points, line(points)) if callable(line) else line
            where, height = np.broadcast_arrays(np.asarray(where, float), np.asarray(height, float))
        except (TypeError, ValueError):
            raise ValueError(
                f"boundary: expected a function of x, or a pair of arrays (x, y), got {brief(line)}"
            ) from None
        # white below black is seen on every colour
        ax.plot(where, height, color="white", linewidth=2.4, solid_capstyle="butt")
        ax.plot(where, height, color="black", linewidth=1.2, linestyle=style)
    ax.set_xlim(*_ends(edges_x))
    ax.set_ylim(*_ends(edges_y))
    ax.set_xlabel(label_of_array(x))
    ax.set_ylabel(label_of_array(y))
    _name_ticks(ax.xaxis, x)
    _name_ticks(ax.yaxis, y)
    return image


def _name_ticks(axis: Any, coordinate: DataArray) -> None:
    """On an axis of words, the words."""
    words = coordinate.attrs.get("words")
    if words is not None:
        axis.set_ticks(range(len(words)), words)


def _ends(edges: np.ndarray) -> tuple[float, float]:
    return float(edges.min()), float(edges.max())


def hatch_unsure(ax: Axes, mean: DataArray, error: DataArray, look: MapLook) -> bool:
    """Hatch the cells that are not known well; whether there are any."""
    import matplotlib
    from matplotlib.colors import LogNorm

    names, scale = look.names, look.scale
    low, high = scale.vmin, scale.vmax
    if isinstance(scale, LogNorm):
        wide = np.asarray(error) > np.asarray(mean) * math.log(high / low) * UNSURE
    else:
        wide = np.asarray(error) > UNSURE * (high - low)
    if not wide.any():
        return False
    across, up = (np.asarray(mean[name], dtype=float) for name in names)
    edges_x = cell_edges(names[0], across, is_geometric(across))
    edges_y = cell_edges(names[1], up, is_geometric(up))
    flagged = mean.copy(data=wide).transpose(names[1], names[0])
    shown = np.ma.masked_equal(np.asarray(flagged, dtype=float), 0)
    with matplotlib.rc_context({"hatch.linewidth": 0.4, "hatch.color": "white"}):
        ax.pcolor(edges_x, edges_y, shown, hatch="////", alpha=0, linewidth=0)
    return True


def draw_key(ax: Axes, panel: DataArray, hatched: bool, look: MapLook, *, inside: bool = False) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = []
    style: Any
    for (name, _), style in zip(look.lines, itertools.cycle(LINES)):
        if name is not None:
            handles.append(Line2D([], [], color="black", linewidth=1.2, linestyle=style, label=name))
    if not bool(panel.notnull().all()):
        handles.append(Patch(color=GREY, label="undefined"))
    if hatched:
        handles.append(
            Patch(facecolor="#7F7F7F", edgecolor="white", hatch="////", label=f"standard error > {UNSURE:.0%} of range")
        )
    if not handles:
        return
    if inside:
        ax.legend(handles=handles, loc="best", fontsize=6)
    else:
        legend_above(ax, handles)


def draw_bar(beside: list[Axes], image: Any, label: str, levels: np.ndarray | None) -> None:
    bar = add_bar(beside[0], image, label, beside=beside if len(beside) > 1 else beside[0])
    if levels is not None:
        bar.add_lines(levels, [contour_colour(image.get_cmap().name)] * len(levels), [0.7] * len(levels))


@contextlib.contextmanager
def styled_panels(ax: Any, count: int) -> Iterator[np.ndarray]:
    """So many axes: the caller's, or those of a new figure, which does not stay open where drawing fails."""
    if ax is not None:
        given = np.asarray(ax, dtype=object).ravel()
        if given.size != count or not all(hasattr(one, "plot") and hasattr(one, "figure") for one in given):
            raise ValueError(f"ax: expected {count} matplotlib axes, one per panel, got {given.size}")
        yield given
        return
    if count > MOST_PANELS:
        raise ValueError(f"over: expected at most {MOST_PANELS} values, one per panel, got {count}; choose with isel")
    columns = min(count, ROW)
    rows = math.ceil(count / columns)
    few = columns < 3
    size = (columns * WIDTH, rows * HEIGHT) if few else (2 * WIDTH + 0.2, rows * 2.0 + 0.2)
    with styled_figure(rows, columns, size, share_axes=not few) as (figure, grid):
        for spare in grid.ravel()[count:]:
            figure.delaxes(spare)
        yield grid.ravel()[:count]


def draw_curve(
    ax: Axes, values: DataArray, x: str, spread: str, log: bool, color: str, label: str | None = None
) -> None:
    mean, deviation, error = (np.asarray(part) for part in statistics(values))
    across = np.asarray(values[x], dtype=float)
    if not np.isfinite(mean).any():
        raise ValueError("variable: expected some finite values to draw, got none")
    if "words" in values[x].attrs:  # nothing lies between words
        bars = None if spread == "none" else error
        ax.errorbar(across, mean, bars, color=color, fmt="o", markersize=3, elinewidth=0.8, capsize=1.5, label=label)
    elif spread == "none":
        ax.plot(across, mean, color=color, linewidth=1.3, label=label)
    else:
        ax.fill_between(across, mean - deviation, mean + deviation, color=color, alpha=0.2, linewidth=0)
        ax.errorbar(across, mean, error, color=color, linewidth=1.3, elinewidth=0.8, capsize=1.5, label=label)
    if is_geometric(across):
        ax.set_xscale("log")
    if log:
        ax.set_yscale("log")
    ax.set_xlabel(label_of_array(values[x]))
    _name_ticks(ax.xaxis, values[x])
    ax.set_ylabel(textwrap.fill(label_of_array(values), LABEL_WIDTH))


def curve_key(values: DataArray, x: str, spread: str) -> list[Any]:
    """What the band and the bars of a curve are; nothing where there is one graph, which has no spread."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    if spread == "none" or values.sizes["graph"] < 2:
        return []
    handles: list[Any] = [Line2D([], [], color="0.4", marker="|", linestyle="", label="standard error")]
    if "words" not in values[x].attrs:
        handles.insert(0, Patch(color="0.8", label="standard deviation"))
    return handles


def draw_histogram(ax: Axes, values: DataArray) -> None:
    """A single cell: how its graphs are spread."""
    numbers = np.asarray(values, dtype=float).ravel()
    numbers = numbers[np.isfinite(numbers)]
    ax.hist(numbers, bins=min(30, max(1, math.isqrt(numbers.size))), color=COLOURS[0])
    ax.set_xlabel(textwrap.fill(label_of_array(values), LABEL_WIDTH))
    ax.set_ylabel("graphs")


def draw_curves_over(
    values: DataArray, x: str, over: str, spread: str, log: bool, ax: Axes | None, *, legend: bool
) -> Axes:
    """Curves of different colours, one each of the values of a second dimension."""
    if values.sizes[over] > len(COLOURS):
        raise ValueError(
            f"over: expected at most {len(COLOURS)} values, one per curve, got {values.sizes[over]}; choose with isel"
        )
    with styled_axes(ax) as ax:
        for number, color in zip(range(values.sizes[over]), COLOURS, strict=False):
            draw_curve(ax, values.isel({over: number}), x, spread, log, color, value_said(values[over].values[number]))
        if legend:
            handles = [*ax.get_legend_handles_labels()[0], *curve_key(values, x, spread)]
            ax.legend(handles=handles, title=label_of_array(values[over]), title_fontsize=7, frameon=False)
    return ax


def _level_said(level: float) -> str:
    exponent = round(math.log10(abs(level))) if level else 0
    # powers of ten as such, once they are long
    return f"$10^{{{exponent}}}$" if abs(exponent) > 2 and math.isclose(level, 10.0**exponent) else f"{level:g}"


def value_said(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, (float, np.floating)) else str(value)


def statistics(values: DataArray) -> tuple[DataArray, DataArray, DataArray]:
    """Mean, standard deviation and standard error over the graphs for which there is a value."""
    count = values.notnull().sum("graph")
    mean = values.sum("graph").where(count > 0) / count.where(count > 0, 1)
    squares = ((values - mean) ** 2).sum("graph")
    deviation = ((squares / (count - 1).where(count > 1, 1)) ** 0.5).where(count > 1)
    return mean, deviation, deviation / count.where(count > 0, 1) ** 0.5
