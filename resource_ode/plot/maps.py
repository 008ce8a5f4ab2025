"""Maps of a value over two parameters."""

from __future__ import annotations

from typing import Any

import numpy as np

from .style import GREY, MAP, as_numbers, cell_edges, is_geometric, label_of_array, legend_above, styled_axes


def heat_map(
    values: Any,
    x: Any = None,
    y: Any = None,
    *,
    ax: Any = None,
    x_label: str | None = None,
    y_label: str | None = None,
    label: str | None = None,
    log_x: bool | None = None,
    log_y: bool | None = None,
    log: bool = False,
) -> Any:
    """One number per member of an ensemble, over the two parameters that were varied.

    **Arguments:**

    - `values`: `(y, x)`, or a two-dimensional `xarray.DataArray`, which brings its own coordinates and labels.
    - `x`, `y`: where the columns and rows lie, strictly increasing or decreasing; default their numbers.
    - `ax`: matplotlib axes, a new figure by default.
    - `x_label`, `y_label`, `label`: of the axes and the colour bar, with units.
    - `log_x`, `log_y`: logarithmic axes; default where three or more positive coordinates are in geometric progression.
    - `log`: logarithmic colours.

    Cells reach half way to their neighbours, on the axis as drawn. Values that are not finite are grey.

    **Returns:** the axes.

    **Raises:** `ValueError` for shapes that do not fit, coordinates that are not monotone, or nothing positive on a
    logarithmic axis.

    **Example:** `ro.plot.heat_map(horizons, noise, rates, x_label="wasted resource", y_label="learning rate",
    label="horizon (training steps)")`
    """
    from matplotlib.colors import LogNorm
    from matplotlib.patches import Patch

    values, x, y, labels = _grid(values, x, y)
    x_label, y_label, label = (given or found for given, found in zip((x_label, y_label, label), labels, strict=True))
    log_x = is_geometric(x) if log_x is None else log_x
    log_y = is_geometric(y) if log_y is None else log_y
    x_edges, y_edges = cell_edges("x", x, log_x), cell_edges("y", y, log_y)
    shown = np.ma.masked_invalid(values)
    norm = None
    if log:
        shown = np.ma.masked_less_equal(shown, 0)
        if shown.count() == 0:
            raise ValueError("log: expected some values above 0, got none; pass log=False")
        norm = LogNorm(vmin=float(shown.min()), vmax=float(shown.max()))
    with styled_axes(ax) as ax:
        ax.set_facecolor(GREY)
        image = ax.pcolormesh(x_edges, y_edges, shown, cmap=MAP, norm=norm, rasterized=True, linewidth=0)
        ax.set_xscale("log" if log_x else "linear")
        ax.set_yscale("log" if log_y else "linear")
        ax.set_xlim(x_edges.min(), x_edges.max())
        ax.set_ylim(y_edges.min(), y_edges.max())
        ax.set_xlabel(x_label or "")
        ax.set_ylabel(y_label or "")
        bar = ax.figure.colorbar(image, ax=ax, pad=0.03)
        bar.set_label(label or "")
        bar.outline.set_linewidth(0.4)
        if shown.count() < shown.size:
            legend_above(ax, [Patch(color=GREY, label="no finite value" if not log else "no finite value above 0")])
    return ax


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
