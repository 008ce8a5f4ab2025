"""What all pictures share: colours, sizes, axes, keys and colour bars."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..base.annotations import Axes, DataArray, Figure
from ..base.values import brief
from ..base.words import printable, shortened

# Okabe and Ito's colours, without the yellow that vanishes on white
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#7F7F7F")


MAP = "viridis"


# of a value with a centre: white there
DIVERGING = "RdBu_r"


WIDTH, HEIGHT = 3.5, 2.6  # inches


STEPS = "training steps"


LEARNING_TIME = f"learning time ({STEPS})"


GREY = "#C8C8C8"


# up to this many skills, each has its own colour and name
FEW = len(COLOURS)


# names in one column of a legend, and in all of it
LEGEND_ROWS, MOST_NAMES = 14, 56


# of a name, so many letters are drawn
LONGEST_LABEL = 40


# ticks of numbers from here on are written as 100k
LARGE = 1e5


# a legend beside axes takes at most this part of their width
LEGEND_PART = 0.45


# letters in a line of what stands upright beside axes
LABEL_WIDTH = 36


STYLE: dict[Any, Any] = {
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.titlesize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "hatch.linewidth": 0.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def as_numbers(name: str, values: Any) -> np.ndarray:
    try:
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"{name}: expected numbers, got {brief(values)}") from None


def label_of_array(array: DataArray) -> str:
    """What it calls itself, with units; empty without a name."""
    name, units = array.attrs.get("long_name"), array.attrs.get("units")
    if name is None and array.name is None:
        return ""
    # an underscore of a long name is meant, as in $N_0$
    name = str(array.name).replace("_", " ") if name is None else str(name)
    return name if units in (None, "", "1") else f"{name} ({units})"


def is_geometric(coordinates: np.ndarray) -> bool:
    """Whether an axis is logarithmic by itself; of two coordinates, where cells of a linear one would begin below 0."""
    if coordinates.size == 2 and coordinates.min() > 0:
        return bool(coordinates.max() >= 3 * coordinates.min())
    if coordinates.size < 3 or not np.all(np.isfinite(coordinates)) or coordinates.min() <= 0:
        return False
    steps = np.diff(np.log(coordinates))
    even = np.all(np.abs(steps - steps.mean()) <= 0.02 * abs(steps.mean()))
    return bool(even and abs(steps.sum()) > 0.5)


def cell_edges(name: str, coordinates: np.ndarray, log: bool) -> np.ndarray:
    if not np.all(np.isfinite(coordinates)):
        raise ValueError(f"{name}: expected finite coordinates, got {coordinates[~np.isfinite(coordinates)][0]}")
    if log and coordinates.min() <= 0:
        raise ValueError(f"{name}: expected coordinates above 0 on a logarithmic axis, got {coordinates.min():g}")
    steps = np.diff(coordinates)
    if not (np.all(steps > 0) or np.all(steps < 0)):
        raise ValueError(f"{name}: expected strictly increasing or decreasing coordinates, got {coordinates}")
    centres = np.log(coordinates) if log else coordinates
    if centres.size == 1:
        edges = centres[0] + np.asarray([-0.5, 0.5])
    else:
        middle = (centres[1:] + centres[:-1]) / 2
        edges = np.concatenate([[2 * centres[0] - middle[0]], middle, [2 * centres[-1] - middle[-1]]])
    if log:
        return np.exp(edges)
    # values above 0, as parameters mostly are, have no cell below it
    return np.maximum(edges, 0) if coordinates.min() > 0 else edges


@contextlib.contextmanager
def styled_axes(ax: Axes | None, height: float = HEIGHT) -> Iterator[Axes]:
    """The caller's axes under the caller's style, or new ones under ours."""
    if ax is not None:
        if not hasattr(ax, "plot") or not hasattr(ax, "figure"):
            raise ValueError(f"ax: expected matplotlib axes, got {type(ax).__name__}")
        yield ax
        return
    with styled_figure(1, 1, (WIDTH, height)) as (_, grid):
        yield grid[0, 0]


@contextlib.contextmanager
def styled_figure(
    rows: int, columns: int, size: tuple[float, float], *, share_axes: bool = False
) -> Iterator[tuple[Figure, np.ndarray]]:
    """A new figure and its axes under our style; nothing stays open where drawing fails."""
    import matplotlib
    from matplotlib import pyplot

    with matplotlib.rc_context(STYLE):
        options: Any = {"figsize": size, "layout": "constrained", "dpi": 200, "squeeze": False}
        figure, grid = pyplot.subplots(rows, columns, sharex=share_axes, sharey=share_axes, **options)
        try:
            yield figure, grid
        except BaseException:
            pyplot.close(figure)
            raise


def size_in_points(ax: Axes) -> tuple[float, float]:
    """Width and height of axes, in points."""
    extent = ax.get_window_extent()
    return 72 * float(extent.width) / ax.figure.dpi, 72 * float(extent.height) / ax.figure.dpi


def large_numbers(axis: Any, largest: float) -> None:
    """Ticks of an axis as 50k and 2M, where plain numbers of steps would run into one another."""
    from matplotlib.ticker import EngFormatter

    if largest >= LARGE:
        axis.set_major_formatter(EngFormatter(sep=""))


def label_time_axis(ax: Axes, times: np.ndarray) -> None:
    if ax.get_xscale() == "linear":
        ax.set_xlim(min(0.0, float(times[0])), float(times[-1]) if times[-1] > 0 else 1.0)
        large_numbers(ax.xaxis, float(times[-1]))
    ax.set_xlabel(STEPS)


def legend_above(ax: Axes, handles: list[Any]) -> None:
    old = ax.get_legend()
    if old is not None:
        handles = [*old.legend_handles, *handles]
    ax.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=3,
        frameon=False,
        borderaxespad=0.2,
        handletextpad=0.3,
        columnspacing=1.0,
    )


def shortened_name(name: str) -> str:
    """A name as it is drawn."""
    return shortened(printable(name), LONGEST_LABEL)


def legend_right(ax: Axes, handles: list[Any], title: str | None = None, *, new: bool = False) -> None:
    """Names beside the axes, or above them where they would leave little of the width for the axes.

    **Arguments:** `new`: whether the figure is one of ours, which may grow.
    """
    beside = {"loc": "center left", "bbox_to_anchor": (1.01, 0.5), "ncols": -(-len(handles) // LEGEND_ROWS)}
    legend = _legend(ax, handles, title, **beside)
    figure = ax.get_figure(root=True)
    assert figure is not None
    # how wide the axes are without it
    legend.set_in_layout(False)
    figure.draw_without_rendering()
    needed, wide = legend.get_window_extent().width, ax.get_window_extent().width
    legend.set_in_layout(True)
    if needed <= LEGEND_PART * wide:
        return
    above = ax.get_title(loc="left")
    if above:
        # it would lie on the names
        ax.set_title("", loc="left")
        title = above if title is None else f"{above}\n{title}"
    columns = max(1, int(wide * beside["ncols"] // needed))
    legend = _legend(ax, handles, title, loc="lower left", bbox_to_anchor=(0, 1), ncols=columns)
    if new:
        figure.draw_without_rendering()
        tall = legend.get_window_extent().height / figure.dpi
        figure.set_size_inches(figure.get_figwidth(), figure.get_figheight() + tall)


def _legend(ax: Axes, handles: list[Any], title: str | None, **place: Any) -> Any:
    # labels are names, not formulas, and are set last: matplotlib warns of those that begin with an underscore
    labels = [handle.get_label() for handle in handles]
    legend = ax.legend(
        handles=handles,
        labels=[""] * len(handles),
        frameon=False,
        handlelength=1.2,
        borderaxespad=0.2,
        title=title,
        title_fontsize=7,
        alignment="left",
        **place,
    )
    for text, label in zip(legend.get_texts(), labels, strict=True):
        text.set_parse_math(False)
        text.set_text(label)
    return legend
