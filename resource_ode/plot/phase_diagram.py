"""Phase diagrams: an order parameter over two parameters, averaged over an ensemble, with its spread.

Offered as `ro.plot.phase`.
"""

from __future__ import annotations

import itertools
import math
import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np

from .runs import (
    _STYLE,
    COLOURS,
    GREY,
    HEIGHT,
    MAP,
    STEPS,
    WIDTH,
    _axes,
    _cell_edges,
    _is_geometric,
    _label,
    _legend_above,
)

SPREADS = ("hatch", "panel", "none")
# a cell is hatched if the standard error of its mean is more than this part of the range of the map
UNSURE = 0.05
CONTOURS = 5
# colours of times are logarithmic from this ratio of the largest to the smallest on
DECADES = 1e2
LINES = ("--", ":", "-.")
# panels of small multiples in one row, and in all
ROW, MOST_PANELS = 4, 16


def phase(
    dataset: Any,
    variable: str,
    x: str | None = None,
    y: str | None = None,
    *,
    over: str | None = None,
    boundary: Any = None,
    contours: Any = True,
    spread: str = "hatch",
    log: bool | None = None,
    ax: Any = None,
) -> Any:
    r"""A phase diagram: the ensemble mean of one variable of a sweep over two of its axes (or along one).

    $$ \bar v = \frac1G \sum_g v_g, \qquad \text{standard error} = \frac{1}{\sqrt G}
    \sqrt{\frac{\sum_g (v_g - \bar v)^2}{G - 1}} $$

    over the $G$ graphs of a cell for which the variable is defined; cells without any are grey.

    **Arguments:**

    - `dataset`: an `xarray.Dataset`, as [`resource_ode.sweep`][] returns it; any with such dimensions will do.
    - `variable`: the name of one of its variables.
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
    - `log`: logarithmic colours (on a curve: a logarithmic axis); default for times that span more than two decades.
    - `ax`: matplotlib axes, a new figure by default; with `over`, as many as it has values.

    Axes are logarithmic where the coordinates are in geometric progression.

    **Returns:** the axes; with `over` or `spread="panel"`, an array of them.

    **Raises:** `ValueError` for a variable or dimension that is not there, one that is left over (choose with
    `dataset.isel`), nothing finite to draw, or options that do not go together.

    **Example:** `ro.plot.phase(dataset, "efficiency", x="wasted_resource", y="density")`
    """
    values, names = _chosen(dataset, variable, x, y, over)
    if spread not in SPREADS:
        raise ValueError(f"spread: expected one of {', '.join(SPREADS)}, got {spread!r}")
    x = names[0]
    mean, deviation, error = _statistics(values)
    log = _spans_decades(mean, values.attrs.get("units")) if log is None else log
    if len(names) == 1:
        if spread == "panel" or boundary is not None:
            given = "boundary" if boundary is not None else 'spread="panel"'
            raise ValueError(f"{given}: expected two dimensions to draw along, got {x} alone")
        if over is not None:
            return _curves_over(values, x, over, spread, log, ax)
        with _axes(ax) as ax:
            _curve(ax, values, x, spread, log, COLOURS[0])
        return ax
    panels = [mean.isel({over: i}) for i in range(mean.sizes[over])] if over else [mean]
    if spread == "panel" and (over is not None or ax is not None):
        raise ValueError(f'spread: "panel" makes a figure of its own, expected no {"ax" if ax is not None else "over"}')
    scale = _scale(mean, log)
    levels = _levels(contours, scale, log)
    lines = _lines(boundary)

    def draw(ax: Any, panel: Any, scale: Any, levels: Any) -> Any:
        return _map(ax, panel, names, scale, levels, lines)

    label = _label(values)
    if over is None and spread != "panel":
        with _axes(ax) as ax:
            image = draw(ax, mean, scale, levels)
            unsure = _hatch(ax, mean, error, names, scale) if spread == "hatch" else False
            _explain(ax, mean, unsure, lines)
            _bar(ax, [ax], image, label, levels)
        return ax
    grid = _panels(ax, len(panels) if over else 2)
    if over is None:
        image = draw(grid[0], mean, scale, levels)
        _explain(grid[0], mean, False, lines)
        _bar(grid[0], [grid[0]], image, label, levels)
        low_high = _scale(deviation, False)
        image = draw(grid[1], deviation, low_high, _levels(contours if contours is False else True, low_high, False))
        grid[1].set_ylabel("")
        _bar(grid[1], [grid[1]], image, "standard deviation over graphs", None)
        return grid
    image = None
    for number, (axes, panel) in enumerate(zip(grid, panels, strict=True)):
        image = draw(axes, panel, scale, levels)
        if spread == "hatch":
            hatched = _hatch(axes, panel, error.isel({over: number}), names, scale)
        else:
            hatched = False
        axes.set_title(f"{_label(values[over])} = {_said(values[over].values[number])}", fontsize=7)
        if number == 0:
            _explain(axes, panel, hatched, lines, inside=True)
        if number % ROW:
            axes.set_ylabel("")
        if number + ROW < len(panels):
            axes.set_xlabel("")
    _bar(grid[0], list(grid), image, label, levels)
    return grid


def overview(dataset: Any, variables: Any = None) -> Any:
    """A figure of all variables of a sweep, one panel each; at the middle value of axes beyond the second.

    **Arguments:** `dataset`: an `xarray.Dataset`, as [`resource_ode.sweep`][] returns it; `variables`: names of those
    to draw, default all whose axes are those of the sweep.

    **Returns:** a matplotlib figure.

    **Raises:** `ValueError` for an unknown variable, or if nothing finite is there to draw.

    **Example:** `overview(dataset).savefig("results.png")`
    """
    import matplotlib
    from matplotlib import pyplot

    if variables is None:
        plain = [str(name) for name, values in dataset.data_vars.items() if not {"skill", "time"} & {*values.dims}]
        variables = [name for name in plain if name != "failed" and bool(np.isfinite(dataset[name]).any())]
        if not variables:
            raise ValueError("dataset: expected some finite values to draw, got none (is it computed yet?)")
    columns = min(2, len(variables))
    rows = math.ceil(len(variables) / columns)
    with matplotlib.rc_context(_STYLE):
        options = {"layout": "constrained", "dpi": 200, "squeeze": False}
        figure, grid = pyplot.subplots(rows, columns, figsize=(columns * WIDTH, rows * HEIGHT), **options)
        for spare in grid.ravel()[len(variables) :]:
            figure.delaxes(spare)
        for name, ax in zip(variables, grid.ravel(), strict=False):
            values = dataset[name] if name in dataset.data_vars else None
            wide = [] if values is None else [d for d in values.dims if d != "graph" and values.sizes[d] > 1]
            fixed = {d: values.sizes[d] // 2 for d in wide[2:]} if values is not None else {}
            if values is not None and not wide:
                _histogram(ax, values)
                continue
            phase(dataset.isel(fixed), name, ax=ax)
            if fixed:
                said = ", ".join(f"{_label(dataset[d])} = {_said(dataset[d].values[i])}" for d, i in fixed.items())
                ax.set_title(textwrap.fill(said, 50), fontsize=7)
    return figure


# -- what comes in


def _chosen(dataset: Any, variable: str, x: Any, y: Any, over: Any) -> tuple[Any, list[str]]:
    """The values to draw and the names of the axes, all else taken away."""
    if not hasattr(dataset, "data_vars"):
        raise ValueError(f"dataset: expected an xarray.Dataset, as ro.sweep returns it, got {type(dataset).__name__}")
    if variable not in dataset.data_vars:
        known = ", ".join(sorted(map(str, dataset.data_vars)))
        raise ValueError(f"variable: expected one of {known}, got {variable!r}")
    values = dataset[variable]
    for name, given in (("x", x), ("y", y), ("over", over)):
        if given is not None and given not in values.dims:
            raise ValueError(
                f"{name}: expected one of the dimensions {', '.join(map(str, values.dims))}, got {given!r}"
            )
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
    numbers = [name for name in names if values[name].dtype.kind not in "iuf"]
    if numbers:
        raise ValueError(f"{numbers[0]}: expected numbers to draw along, got words; give it as over")
    values = values.load().astype(float)
    return values.where(np.isfinite(values)), names


def _statistics(values: Any) -> tuple[Any, Any, Any]:
    """Mean, standard deviation and standard error over the graphs for which there is a value."""
    count = values.notnull().sum("graph")
    mean = values.sum("graph").where(count > 0) / count.where(count > 0, 1)
    squares = ((values - mean) ** 2).sum("graph")
    deviation = np.sqrt(squares / (count - 1).where(count > 1, 1)).where(count > 1)
    return mean, deviation, deviation / np.sqrt(count.where(count > 0, 1))


def _spans_decades(mean: Any, units: Any) -> bool:
    # of a share, unlike of a time, it is the differences that count
    if units != STEPS:
        return False
    numbers = np.asarray(mean)
    numbers = numbers[np.isfinite(numbers)]
    return bool(numbers.size and numbers.min() > 0 and numbers.max() > DECADES * numbers.min())


def _scale(values: Any, log: bool) -> Any:
    from matplotlib.colors import LogNorm, Normalize

    numbers = np.asarray(values)
    numbers = numbers[np.isfinite(numbers) & ((numbers > 0) | (not log))]
    if not numbers.size:
        raise ValueError(f"variable: expected some finite values{' above 0' if log else ''} to draw, got none")
    low, high = float(numbers.min()), float(numbers.max())
    if log:
        return LogNorm(low, high if high > low else 2 * low)
    return Normalize(low, high if high > low else low + 1)


def _levels(contours: Any, scale: Any, log: bool) -> np.ndarray | None:
    from matplotlib.ticker import LogLocator, MaxNLocator

    if contours is False or contours is None:
        return None
    if contours is not True:
        levels = np.unique(np.asarray(contours, dtype=float))
        if not levels.size or not np.all(np.isfinite(levels)):
            raise ValueError(f"contours: expected True, False or finite levels, got {contours!r:.80}")
        return levels
    locator = LogLocator(numticks=CONTOURS + 2) if log else MaxNLocator(CONTOURS)
    levels = np.asarray(locator.tick_values(scale.vmin, scale.vmax))
    levels = levels[(levels > scale.vmin) & (levels < scale.vmax)]
    return levels if levels.size else None


def _lines(boundary: Any) -> list[tuple[str | None, Any]]:
    if boundary is None:
        return []
    if isinstance(boundary, Mapping):
        return [(str(name), line) for name, line in boundary.items()]
    return [(None, boundary)]


# -- what is drawn


def _map(ax: Any, panel: Any, names: list[str], scale: Any, levels: Any, lines: Any) -> Any:
    x, y = (panel[name] for name in names)
    numbers = np.asarray(panel.transpose(names[1], names[0]))
    across, up = (np.asarray(axis, dtype=float) for axis in (x, y))
    log_x, log_y = _is_geometric(across), _is_geometric(up)
    edges_x, edges_y = _cell_edges(names[0], across, log_x), _cell_edges(names[1], up, log_y)
    ax.set_facecolor(GREY)
    options = {"cmap": MAP, "norm": scale, "rasterized": True, "linewidth": 0}
    image = ax.pcolormesh(edges_x, edges_y, np.ma.masked_invalid(numbers), **options)
    ax.set_xscale("log" if log_x else "linear")
    ax.set_yscale("log" if log_y else "linear")
    if levels is not None and min(numbers.shape) > 1:
        inside = levels[(levels > np.nanmin(numbers)) & (levels < np.nanmax(numbers))]
        if inside.size:
            drawn = ax.contour(across, up, np.ma.masked_invalid(numbers), inside, colors="white", linewidths=0.7)
            ax.clabel(drawn, fontsize=6, fmt=_level_said)
    for (_, line), style in zip(lines, itertools.cycle(LINES)):
        points = np.geomspace(*_ends(edges_x), 400) if log_x else np.linspace(*_ends(edges_x), 400)
        try:
            where, height = (points, line(points)) if callable(line) else line
            where, height = np.broadcast_arrays(np.asarray(where, float), np.asarray(height, float))
        except (TypeError, ValueError):
            raise ValueError(
                f"boundary: expected a function of x, or a pair of arrays (x, y), got {line!r:.80}"
            ) from None
        # white below black is seen on every colour
        ax.plot(where, height, color="white", linewidth=2.4, solid_capstyle="butt")
        ax.plot(where, height, color="black", linewidth=1.2, linestyle=style)
    ax.set_xlim(*_ends(edges_x))
    ax.set_ylim(*_ends(edges_y))
    ax.set_xlabel(_label(x))
    ax.set_ylabel(_label(y))
    return image


def _ends(edges: np.ndarray) -> tuple[float, float]:
    return float(edges.min()), float(edges.max())


def _hatch(ax: Any, mean: Any, error: Any, names: list[str], scale: Any) -> bool:
    """Hatch the cells that are not known well; whether there are any."""
    from matplotlib.colors import LogNorm

    low, high = scale.vmin, scale.vmax
    if isinstance(scale, LogNorm):
        wide = np.asarray(error) > np.asarray(mean) * math.log(high / low) * UNSURE
    else:
        wide = np.asarray(error) > UNSURE * (high - low)
    if not wide.any():
        return False
    import matplotlib

    across, up = (np.asarray(mean[name], dtype=float) for name in names)
    edges_x = _cell_edges(names[0], across, _is_geometric(across))
    edges_y = _cell_edges(names[1], up, _is_geometric(up))
    flagged = mean.copy(data=wide).transpose(names[1], names[0])
    shown = np.ma.masked_equal(np.asarray(flagged, dtype=float), 0)
    with matplotlib.rc_context({"hatch.linewidth": 0.4, "hatch.color": "white"}):
        ax.pcolor(edges_x, edges_y, shown, hatch="////", alpha=0, linewidth=0)
    return True


def _explain(ax: Any, panel: Any, hatched: bool, lines: Any, *, inside: bool = False) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = []
    style: Any
    for (name, _), style in zip(lines, itertools.cycle(LINES)):
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
        _legend_above(ax, handles)


def _bar(ax: Any, over: list[Any], image: Any, label: Any, levels: Any) -> None:
    bar = ax.figure.colorbar(image, ax=over if len(over) > 1 else over[0], pad=0.03)
    bar.set_label(textwrap.fill(label or "", 36))
    bar.outline.set_linewidth(0.4)
    if levels is not None:
        bar.add_lines(levels, ["white"] * len(levels), [0.7] * len(levels))


def _panels(ax: Any, count: int) -> np.ndarray:
    """So many axes, the caller's or those of a new figure."""
    import matplotlib
    from matplotlib import pyplot

    if ax is not None:
        given = np.asarray(ax, dtype=object).ravel()
        if given.size != count or not all(hasattr(one, "plot") and hasattr(one, "figure") for one in given):
            raise ValueError(f"ax: expected {count} matplotlib axes, one a panel, got {given.size}")
        return given
    if count > MOST_PANELS:
        raise ValueError(f"over: expected at most {MOST_PANELS} values, one a panel, got {count}; choose with isel")
    columns = min(count, ROW)
    rows = math.ceil(count / columns)
    few = columns < 3
    size = (columns * WIDTH, rows * HEIGHT) if few else (2 * WIDTH + 0.2, rows * 2.0 + 0.2)
    options = {"layout": "constrained", "dpi": 200, "squeeze": False, "sharex": not few, "sharey": not few}
    with matplotlib.rc_context(_STYLE):
        figure, grid = pyplot.subplots(rows, columns, figsize=size, **options)
    for spare in grid.ravel()[count:]:
        figure.delaxes(spare)
    return grid.ravel()[:count]


def _curve(ax: Any, values: Any, x: str, spread: str, log: bool, color: str, label: str | None = None) -> None:
    mean, deviation, error = (np.asarray(part) for part in _statistics(values))
    across = np.asarray(values[x], dtype=float)
    if not np.isfinite(mean).any():
        raise ValueError("variable: expected some finite values to draw, got none")
    if spread == "none":
        ax.plot(across, mean, color=color, linewidth=1.3, label=label)
    else:
        ax.fill_between(across, mean - deviation, mean + deviation, color=color, alpha=0.2, linewidth=0)
        ax.errorbar(across, mean, error, color=color, linewidth=1.3, elinewidth=0.8, capsize=1.5, label=label)
    if _is_geometric(across):
        ax.set_xscale("log")
    if log:
        ax.set_yscale("log")
    ax.set_xlabel(_label(values[x]))
    ax.set_ylabel(textwrap.fill(_label(values) or "", 36))


def _histogram(ax: Any, values: Any) -> None:
    """A single cell: how its graphs are spread."""
    numbers = np.asarray(values, dtype=float).ravel()
    numbers = numbers[np.isfinite(numbers)]
    ax.hist(numbers, bins=min(30, max(1, math.isqrt(numbers.size))), color=COLOURS[0])
    ax.set_xlabel(textwrap.fill(_label(values) or "", 36))
    ax.set_ylabel("graphs")


def _curves_over(values: Any, x: str, over: str, spread: str, log: bool, ax: Any) -> Any:
    """Curves of different colours, one each of the values of a second dimension."""
    if values.sizes[over] > len(COLOURS):
        raise ValueError(
            f"over: expected at most {len(COLOURS)} values, one a curve, got {values.sizes[over]}; choose with isel"
        )
    with _axes(ax) as ax:
        for number, color in zip(range(values.sizes[over]), COLOURS, strict=False):
            _curve(ax, values.isel({over: number}), x, spread, log, color, _said(values[over].values[number]))
        ax.legend(title=_label(values[over]), title_fontsize=7, frameon=False)
    return ax


def _level_said(level: float) -> str:
    exponent = round(math.log10(abs(level))) if level else 0
    # powers of ten as such, once they are long
    return f"$10^{{{exponent}}}$" if abs(exponent) > 2 and math.isclose(level, 10.0**exponent) else f"{level:g}"


def _said(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, (float, np.floating)) else str(value)
