"""Maps of a value over two parameters."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..base.annotations import Axes, DataArray, Given, Numbers
from ..base.checks import optional_text, truth_value
from ..base.tracing import concrete_number
from ..base.values import brief
from ..base.words import shortened
from .colouring import add_bar
from .style import (
    DIVERGING,
    GREY,
    HEIGHT,
    LABEL_WIDTH,
    MAP,
    WIDTH,
    as_numbers,
    cell_edges,
    is_geometric,
    label_of_array,
    legend_above,
    shortened_name,
    size_in_points,
    styled_axes,
    styled_figure,
)

# points that a word takes across its direction, and its most letters beside an axis
WORD_HEIGHT, LONGEST_WORD = 9.0, 24


def heat_map(
    values: Numbers | DataArray,
    x: Numbers | None = None,
    y: Numbers | None = None,
    *,
    ax: Axes | None = None,
    x_label: Given[str | None] = None,
    y_label: Given[str | None] = None,
    label: Given[str | None] = None,
    log_x: Given[bool | None] = None,
    log_y: Given[bool | None] = None,
    log: Given[bool] = False,
    center: Given[float | None] = None,
    colorbar: Given[bool] = True,
    legend: Given[bool] = True,
) -> Axes:
    """One number per member of an ensemble, over the two parameters that were varied.

    **Arguments:**

    - `values`: `(y, x)`, or a two-dimensional `xarray.DataArray`, which brings its own coordinates and labels.
    - `x`, `y`: where the columns and rows lie, strictly increasing or decreasing, or a word for each; default their
        numbers.
    - `ax`: matplotlib axes, a new figure by default.
    - `x_label`, `y_label`, `label`: of the axes and the colour bar, with units.
    - `log_x`, `log_y`: logarithmic axes; default where three or more positive coordinates are in geometric
        progression, or one of two is at least three times the other.
    - `log`: logarithmic colours.
    - `center`: a value with a meaning of its own (0 of a difference, 1 of a ratio): white, with blue below and red
        above it.
    - `colorbar`, `legend`: whether to draw them.

    Cells reach half way to their neighbours, on the axis as drawn. Values that are not finite are grey.

    **Returns:** the axes.

    **Raises:** `ValueError` for shapes that do not fit, coordinates that are not monotone, or nothing positive on a
    logarithmic axis.

    **Example:** `ro.plot.heat_map(horizons, noise, rates, x_label="wasted resource", y_label="learning rate",
    label="horizon (training steps)")`
    """
    from matplotlib.patches import Patch

    for name, text in (("x_label", x_label), ("y_label", y_label), ("label", label)):
        optional_text(name, text)
    for name, flag in (("log_x", log_x), ("log_y", log_y)):
        if flag is not None:
            truth_value(name, flag)
    for name, flag in (("log", log), ("colorbar", colorbar), ("legend", legend)):
        truth_value(name, flag)
    values, x, y, words = _worded(values, x, y)
    values, x, y, labels = _grid(values, x, y)
    x_label, y_label, label = (given or found for given, found in zip((x_label, y_label, label), labels, strict=True))
    log_x = is_geometric(x) if log_x is None else log_x
    log_y = is_geometric(y) if log_y is None else log_y
    x_edges, y_edges = cell_edges("x", x, log_x), cell_edges("y", y, log_y)
    shown = np.ma.masked_invalid(values)
    if log:
        shown = np.ma.masked_less_equal(shown, 0)
        if shown.count() == 0:
            raise ValueError("log: expected some values above 0, got none; pass log=False")
    norm, cmap = map_colours([shown], log, center)
    height = float(np.clip(WORD_HEIGHT / 72 * len(words[1] or ()) + 0.8, HEIGHT, 2 * HEIGHT))
    with styled_axes(ax, height=height) as ax:
        ax.set_facecolor(GREY)
        image = ax.pcolormesh(x_edges, y_edges, shown, cmap=cmap, norm=norm, rasterized=True, linewidth=0)
        ax.set_xscale("log" if log_x else "linear")
        ax.set_yscale("log" if log_y else "linear")
        ax.set_xlim(x_edges.min(), x_edges.max())
        ax.set_ylim(y_edges.min(), y_edges.max())
        ax.set_xlabel(x_label or "")
        ax.set_ylabel(textwrap.fill(y_label or "", LABEL_WIDTH))
        for axis, said in zip((ax.xaxis, ax.yaxis), words, strict=True):
            if said is not None:
                _name_cells(axis, said)
        if colorbar:
            add_bar(ax, image, label or "")
        if legend and shown.count() < shown.size:
            legend_above(ax, [Patch(color=GREY, label="no finite value" if not log else "no finite value above 0")])
    return ax


def map_colours(parts: Sequence[Any], log: Given[bool] = False, center: Given[float | None] = None) -> tuple[Any, str]:
    """One scale for the colours of several maps: matplotlib's norm, and the name of the colour map.

    **Raises:** `ValueError` for a centre that is not finite, or not above 0 with logarithmic colours.
    """
    from matplotlib.colors import LogNorm, Normalize

    numbers = np.concatenate([np.ma.compressed(np.ma.masked_invalid(part)) for part in parts])
    low, high = (float(numbers.min()), float(numbers.max())) if numbers.size else (0.0, 1.0)
    if center is not None:
        place = concrete_number(center)
        if place is None or not math.isfinite(place) or (log and place <= 0):
            raise ValueError(
                f"center: expected a finite number{', above 0 with log=True' if log else ''}, got {brief(center)}"
            )
        center = place
        if log:
            factor = max(high / center, center / low) if numbers.size and high > low else 2.0
            return LogNorm(center / factor, center * factor), DIVERGING
        far = max(high - center, center - low) or 1.0
        return Normalize(center - far, center + far), DIVERGING
    if log:
        return LogNorm(low, high if high > low else 2 * low), MAP
    return Normalize(low, high if high > low else low + 1), MAP


# what `heat_maps` hands on
OPTIONS = ("x_label", "y_label", "log_x", "log_y", "log", "center", "legend")


def heat_maps(
    maps: Given[dict[str, Numbers | DataArray]],
    x: Numbers | None = None,
    y: Numbers | None = None,
    *,
    label: Given[str | None] = None,
    colorbar: Given[bool] = True,
    **options: Any,
) -> np.ndarray:
    """Several maps side by side, under one scale and one colour bar.

    **Arguments:**

    - `maps`: a dictionary from titles to values, each as [`resource_ode.plot.maps.heat_map`][] takes them.
    - `x`, `y`, `label`, and `x_label`, `y_label`, `log_x`, `log_y`, `log`, `center`, `colorbar`, `legend`: as there,
        the same for all.

    **Returns:** an array of axes.

    **Example:** `ro.plot.heat_maps({"all": times[0], "any": times[1]}, noise, rates, label="training steps", log=True)`
    """
    if not isinstance(maps, dict) or not maps:
        raise ValueError("maps: expected a dictionary from titles to values, with one map at least")
    if unknown := options.keys() - OPTIONS:
        raise ValueError(f"{min(unknown)}: expected one of the options {', '.join(OPTIONS)}, and no other")
    truth_value("colorbar", colorbar)
    with styled_figure(1, len(maps), (0.8 * WIDTH * len(maps) + 0.6, HEIGHT)) as (_, grid):
        axes = grid[0]
        for ax, (title, values) in zip(axes, maps.items(), strict=True):
            heat_map(values, x, y, ax=ax, colorbar=False, label=label, **options)
            ax.set_title(title, loc="left")
        images = [ax.collections[0] for ax in axes]
        norm, _ = map_colours([image.get_array() for image in images], options.get("log", False), options.get("center"))
        for image in images:
            image.set_norm(norm)
        for ax in axes[1:]:
            ax.set_ylabel("")
        if colorbar:
            add_bar(axes[0], images[0], label or "", beside=list(axes))
    return axes


def _worded(values: Any, x: Any, y: Any) -> tuple[Any, Any, Any, list[list[str] | None]]:
    """The words along both axes, which are then numbered."""
    words = [_words(values, axis, given) for axis, given in ((1, x), (0, y))]
    if x is None and y is None and words[0] is not None and words[1] is None:
        # words are read from left to right, so they stand beside the rows
        values, words = values.T, [None, words[0]]
    x, y = (given if said is None else np.arange(len(said)) for said, given in zip(words, (x, y), strict=True))
    return values, x, y, words


def _words(values: Any, axis: int, given: Any) -> list[str] | None:
    """The words along an axis of values, as the names of skills are; none where there are numbers."""
    dimensions = getattr(values, "dims", ())
    if given is None and len(dimensions) == 2:
        given = values[dimensions[axis]]
    found = None if given is None else np.asarray(given)
    if found is None or found.ndim != 1 or found.dtype.kind not in "UTO" or not all(isinstance(w, str) for w in found):
        return None
    return [shortened(shortened_name(word), LONGEST_WORD) for word in found]


def _name_cells(axis: Any, words: list[str]) -> None:
    """Every cell by its word, or, of more than there is room for, as many as there is, evenly."""
    across = axis.axis_name == "x"
    room = size_in_points(axis.axes)[0 if across else 1]
    step = math.ceil(len(words) * 0.9 * WORD_HEIGHT / room)
    places = range(0, len(words), step)
    axis.set_ticks(places, [words[place] for place in places], parse_math=False, rotation=90 if across else 0)


def _grid(values: Any, x: Any, y: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[str | None, ...]]:
    """Values and coordinates of a heat map; what a DataArray says about itself where nothing else was given."""
    labels: tuple[str | None, ...] = (None, None, None)
    dimensions = getattr(values, "dims", None)
    if dimensions is not None:
        if len(dimensions) != 2:
            raise ValueError(f"values: expected two dimensions (y, x), got {tuple(dimensions)}")
        rows, columns = (values[dimension] for dimension in dimensions)
        x, y = (columns if x is None else x), (rows if y is None else y)
        labels = (label_of_array(columns), label_of_array(rows), label_of_array(values))
    values = as_numbers("values", values)
    if values.ndim != 2:
        raise ValueError(f"values: expected two dimensions (y, x), got shape {values.shape}")
    x = as_numbers("x", np.arange(values.shape[1]) if x is None else x)
    y = as_numbers("y", np.arange(values.shape[0]) if y is None else y)
    if values.shape != (*y.shape, *x.shape):
        raise ValueError(f"values: expected shape (y, x) = ({y.size}, {x.size}), got {values.shape}")
    return values, x, y, labels
