"""Phase diagrams: an order parameter over two parameters, averaged over an ensemble, with its spread.

Offered as `ro.plot.phase`.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..base.annotations import Axes, DataArray, Dataset, Figure, Given
from ..base.checks import entries, one_of, truth_value
from ..base.values import brief, plain
from ..base.words import nearest
from .maps import map_colours
from .phase_drawing import (
    ROW,
    MapLook,
    boundary_lines,
    curve_key,
    draw_bar,
    draw_curve,
    draw_curves_over,
    draw_histogram,
    draw_key,
    draw_map,
    hatch_unsure,
    statistics,
    styled_panels,
    value_said,
)
from .style import (
    COLOURS,
    HEIGHT,
    STEPS,
    WIDTH,
    label_of_array,
    legend_above,
    styled_axes,
    styled_figure,
)

SPREADS = ("hatch", "panel", "none")


CONTOURS = 5


# colours of times are logarithmic from this ratio of the largest to the smallest on
DECADES = 1e2


def phase(
    dataset: Given[Dataset | DataArray],
    variable: Given[str | None] = None,
    x: Given[str | None] = None,
    y: Given[str | None] = None,
    *,
    over: Given[str | None] = None,
    boundary: Any = None,
    contours: Any = True,
    spread: Given[str] = "hatch",
    log: Given[bool | None] = None,
    center: Given[float | None] = None,
    colorbar: Given[bool] = True,
    legend: Given[bool] = True,
    ax: Axes | None = None,
) -> Any:
    r"""A phase diagram: the ensemble mean of one variable of a sweep over two of its axes (or along one).

    $$ \bar v = \frac1G \sum_g v_g, \qquad \text{standard error} = \frac{1}{\sqrt G}
    \sqrt{\frac{\sum_g (v_g - \bar v)^2}{G - 1}} $$

    over the $G$ graphs of a cell for which the variable is defined; cells without any are grey.

    **Arguments:**

    - `dataset`: an `xarray.Dataset`, as [`resource_ode.sweep`][] returns it; any with such dimensions will do. Or an
        `xarray.DataArray`, as `model.grid(...).label(...)` returns it.
    - `variable`: the name of one of its variables; none of an array.
    - `x`, `y`: dimensions to draw along; by default the first two of more than one value. If the variable has one
        only, it is drawn as a curve.

    **Other arguments:**

    - `over`: a third dimension: one panel each of its values, under one colour scale.
    - `boundary`: a line known exactly, drawn on top: a function of `x` (an array) that gives `y`; a pair of arrays
        `(x, y)`; or a dictionary from names to such lines, which makes a legend.
    - `contours`: `True` for about five, `False` for none, or the levels.
    - `spread`: how the scatter of the ensemble is shown: `"hatch"` hatches cells whose standard error exceeds 5% of
        the range of the map; `"panel"` puts a map of the standard deviation beside it (a new figure without `over`);
        `"none"`. A curve has a band of one standard deviation and bars of one standard error unless it is `"none"`.
    - `log`: logarithmic colours (on a curve: a logarithmic axis); default for times that span more than two decades,
        and for numbers without units that do and go beyond 1.
    - `center`: a value with a meaning of its own (0 of a difference, 1 of a ratio): white, with blue below and red
        above it.
    - `colorbar`, `legend`: whether to draw them; the legend says what hatching, lines, bands and bars mean.
    - `ax`: matplotlib axes, a new figure by default; with `over`, as many as it has values.

    Axes are logarithmic where the coordinates are in geometric progression. Values that are not in order are put in
    order; words stand side by side, as given.

    **Returns:** the axes; with `over` or `spread="panel"`, an array of them.

    **Raises:** `ValueError` for a variable or dimension that is not there, one that is left over (choose with
    `dataset.isel`), nothing finite to draw, or options that do not go together.

    **Example:** `ro.plot.phase(dataset, "efficiency", x="wasted_resource", y="density")`
    """
    values, names = _chosen(dataset, variable, x, y, over)
    one_of("spread", spread, SPREADS)
    truth_value("colorbar", colorbar)
    truth_value("legend", legend)
    if log is not None:
        truth_value("log", log)
    x = names[0]
    mean, deviation, error = statistics(values)
    log = _spans_decades(mean, values.attrs.get("units")) if log is None else log
    if len(names) == 1:
        if spread == "panel" or boundary is not None:
            given = "boundary" if boundary is not None else 'spread="panel"'
            raise ValueError(f"{given}: expected two dimensions to draw along, got {x} alone")
        if over is not None:
            return draw_curves_over(values, x, over, spread, log, ax, legend=legend)
        with styled_axes(ax) as ax:
            draw_curve(ax, values, x, spread, log, COLOURS[0])
            key = curve_key(values, x, spread) if legend else []
            if key:
                legend_above(ax, key)
        return ax
    if spread == "panel" and (over is not None or ax is not None):
        raise ValueError(f'spread: "panel" makes a figure of its own, expected no {"ax" if ax is not None else "over"}')
    scale, cmap = _scale(mean, log, center)
    look = MapLook(names, scale, cmap, _levels(contours, scale, log), boundary_lines(boundary))
    label = label_of_array(values)
    if over is not None:
        errors = error if spread == "hatch" else None
        return _small_multiples(mean, errors, over, look, label if colorbar else None, ax, legend=legend)
    if spread == "panel":
        beside, plain = _scale(deviation, False)
        some = _levels(contours if contours is False else True, beside, False)
        of_spread = replace(look, scale=beside, cmap=plain, levels=some)
        return _mean_and_deviation(mean, deviation, look, of_spread, label if colorbar else None, legend=legend)
    with styled_axes(ax) as ax:
        image = draw_map(ax, mean, look)
        hatched = spread == "hatch" and hatch_unsure(ax, mean, error, look)
        if legend:
            draw_key(ax, mean, hatched, look)
        if colorbar:
            draw_bar([ax], image, label, look.levels)
    return ax


def _small_multiples(
    mean: DataArray, error: DataArray | None, over: str, look: MapLook, bar: str | None, ax: Any, *, legend: bool
) -> np.ndarray:
    """A map for each value of a third dimension, under one bar of that label; hatched where errors are given."""
    panels, image = mean.sizes[over], None
    with styled_panels(ax, panels) as grid:
        for number, axes in enumerate(grid):
            panel = mean.isel({over: number})
            image = draw_map(axes, panel, look)
            hatched = error is not None and hatch_unsure(axes, panel, error.isel({over: number}), look)
            axes.set_title(f"{label_of_array(mean[over])} = {value_said(mean[over].values[number])}", fontsize=7)
            if number == 0 and legend:
                draw_key(axes, panel, hatched, look, inside=True)
            if number % ROW:
                axes.set_ylabel("")
            if number + ROW < panels:
                axes.set_xlabel("")
        if bar is not None:
            draw_bar(list(grid), image, bar, look.levels)
    return grid


def _mean_and_deviation(
    mean: DataArray, deviation: DataArray, look: MapLook, of_spread: MapLook, bar: str | None, *, legend: bool
) -> np.ndarray:
    """Maps of the mean and of the standard deviation side by side, each with a bar if the first has a label."""
    with styled_panels(None, 2) as grid:
        images = [draw_map(grid[0], mean, look), draw_map(grid[1], deviation, of_spread)]
        if legend:
            draw_key(grid[0], mean, False, look)
        grid[1].set_ylabel("")
        if bar is not None:
            draw_bar([grid[0]], images[0], bar, look.levels)
            draw_bar([grid[1]], images[1], "standard deviation over graphs", None)
    return grid


def overview(dataset: Given[Dataset], variables: Given[Sequence[str] | None] = None) -> Figure:
    """A figure of all variables of a sweep, one panel each; at the middle value of axes beyond the second.

    **Arguments:** `dataset`: an `xarray.Dataset`, as [`resource_ode.sweep`][] returns it; `variables`: names of those
    to draw, default all whose axes are those of the sweep.

    **Returns:** a matplotlib figure.

    **Raises:** `ValueError` for an unknown variable, or if nothing finite is there to draw.

    **Example:** `ro.plot.overview(dataset).savefig("results.png")`
    """
    if not hasattr(dataset, "data_vars"):
        raise ValueError(f"dataset: expected an xarray.Dataset, as ro.sweep returns it, got {type(dataset).__name__}")
    if variables is not None:
        known = sorted(map(str, dataset.data_vars))
        variables = [one_of("variables", name, known) for name in entries("variables", variables, "names")]
        if not variables:
            raise ValueError("variables: expected at least one name, got none")
    else:
        plain = [str(name) for name, values in dataset.data_vars.items() if not {"skill", "time"} & {*values.dims}]
        variables = [name for name in plain if name != "failed" and bool(np.isfinite(dataset[name]).any())]
        if not variables:
            raise ValueError("dataset: expected some finite values to draw, got none (is it computed yet?)")
    columns = min(2, len(variables))
    rows = math.ceil(len(variables) / columns)
    with styled_figure(rows, columns, (columns * WIDTH, rows * HEIGHT)) as (figure, grid):
        for spare in grid.ravel()[len(variables) :]:
            figure.delaxes(spare)
        for name, ax in zip(variables, grid.ravel(), strict=False):
            values = dataset[name]
            wide = [d for d in values.dims if d != "graph" and values.sizes[d] > 1]
            fixed = {d: values.sizes[d] // 2 for d in wide[2:]}
            if not wide:
                draw_histogram(ax, values)
                continue
            phase(dataset.isel(fixed), name, ax=ax)
            if fixed:
                said = ", ".join(
                    f"{label_of_array(dataset[d])} = {value_said(dataset[d].values[i])}" for d, i in fixed.items()
                )
                ax.set_title(textwrap.fill(said, 50), fontsize=7)
    return figure


def _chosen(dataset: Any, variable: Any, x: Any, y: Any, over: Any) -> tuple[DataArray, list[str]]:
    """The values to draw and the names of the axes, all else taken away."""
    if hasattr(dataset, "to_dataset") and variable is None:
        variable = str(dataset.name or "value")
        dataset = dataset.to_dataset(name=variable)
    if not hasattr(dataset, "data_vars"):
        raise ValueError(
            "dataset: expected an xarray.Dataset, as ro.sweep returns it, or an array with labels, as model.label "
            f"returns it, got {type(dataset).__name__}"
        )
    variable = one_of("variable", variable, sorted(map(str, dataset.data_vars)))
    values = dataset[variable]
    for name, given in (("x", x), ("y", y), ("over", over)):
        if given is not None and not (isinstance(given, str) and given in values.dims):
            hint = nearest(given, values.dims, quote=repr)
            known = ", ".join(map(str, values.dims))
            raise ValueError(f"{name}: expected one of the dimensions {known}, got {brief(given)}{hint}")
    chosen = [name for name in (x, y, over) if name is not None]
    if len(set(chosen)) < len(chosen) or "graph" in chosen:
        raise ValueError(f"x, y, over: expected different dimensions, graph not among them, got {', '.join(chosen)}")
    rest = [name for name in values.dims if name not in (*chosen, "graph") and values.sizes[name] > 1]
    names: list[str] = []
    for given in (x, y):
        if given is not None:
            names.append(given)
        elif rest:
            names.append(str(rest.pop(0)))
    if not names:
        raise ValueError(f"variable: expected one that varies along some dimension, got {variable!r}, a single cell")
    if rest:
        raise ValueError(f"dataset: {rest[0]!r} is left over; give it as over, or choose with isel({rest[0]}=0)")
    values = values.squeeze(
        [name for name in values.dims if values.sizes[name] == 1 and name not in (*chosen, "graph")]
    )
    if "graph" not in values.dims:
        values = values.expand_dims("graph")
    for name in names:
        axis = values[name]
        if axis.dtype.kind in "iuf":
            values = values.sortby(name)
        else:  # words stand at whole numbers, in the order given
            held = {**axis.attrs, "words": [str(word).replace("$", r"\$") for word in axis.values]}
            values = values.assign_coords({name: (name, np.arange(axis.size, dtype=float), held)})
    values = values.load().astype(float)
    return values.where(np.isfinite(values)), names


def _spans_decades(mean: DataArray, units: str | None) -> bool:
    numbers = np.asarray(mean)
    numbers = numbers[np.isfinite(numbers)]
    # of a share, unlike of a time, it is the differences that count; without units, a share is what stays below 1
    if units != STEPS and (units is not None or not np.any(numbers > 1)):
        return False
    return bool(numbers.size and numbers.min() > 0 and numbers.max() > DECADES * numbers.min())


def _scale(values: DataArray, log: bool, center: float | None = None) -> tuple[Any, str]:
    numbers = np.asarray(values)
    numbers = numbers[np.isfinite(numbers) & ((numbers > 0) | (not log))]
    if not numbers.size:
        raise ValueError(f"variable: expected some finite values{' above 0' if log else ''} to draw, got none")
    return map_colours([numbers], log, center)


def _levels(contours: Any, scale: Any, log: bool) -> np.ndarray | None:
    from matplotlib.ticker import LogLocator, MaxNLocator

    if contours is False or contours is None:
        return None
    if contours is not True:
        levels = np.unique(np.asarray(plain("contours", contours), float))
        if not levels.size or not np.all(np.isfinite(levels)):
            raise ValueError(f"contours: expected True, False or finite levels, got {brief(contours)}")
        return levels
    locator = LogLocator(numticks=CONTOURS + 2) if log else MaxNLocator(CONTOURS)
    levels = np.asarray(locator.tick_values(scale.vmin, scale.vmax))
    levels = levels[(levels > scale.vmin) & (levels < scale.vmax)]
    return levels if levels.size else None
