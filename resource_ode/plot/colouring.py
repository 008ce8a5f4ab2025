"""One colour per skill, the same in every picture of a run; and the bars that explain colours."""

from __future__ import annotations

import math
import textwrap
from typing import Any

import numpy as np

from ..base.annotations import Axes, Given
from ..base.crossing import first_crossing
from ..results.trajectory import Trajectory
from .style import COLOURS, FEW, GREY, HEIGHT, LABEL_WIDTH, MAP, large_numbers, legend_above, size_in_points


def colours(run: Given[Trajectory]) -> list[str]:
    """The colour of each skill in all pictures of a run, for pictures of one's own beside them.

    Up to eight skills have colours of their own, more are coloured by when they first reach level 1/2; grey if never.

    **Arguments:** `run`: one [`resource_ode.Trajectory`][].

    **Returns:** a colour per skill, as `"#0072B2"`.

    **Example:** `ro.plot.colours(run)` as `color=` of `ax.bar(run.names, efforts)`
    """
    from matplotlib.colors import to_hex

    if not isinstance(run, Trajectory) or run.batch_shape:
        got = f"a batch of shape {run.batch_shape}" if isinstance(run, Trajectory) else type(run).__name__
        raise ValueError(f"run: expected one Trajectory, got {got}")
    if run.model.skills <= FEW:
        return list(COLOURS[: run.model.skills])
    norm, cmap = scale_of(half_times(run))
    return [to_hex(colour).upper() for colour in cmap(norm(np.ma.masked_invalid(half_times(run))))]


def half_times(run: Given[Trajectory]) -> np.ndarray:
    """First time at which each skill is drawn at level 1/2, between rows by interpolation; NaN if it never is."""
    crossed = first_crossing(np.asarray(run.ts), np.asarray(run.level), 0.5, between_rows=True)
    return np.where(np.isfinite(crossed), crossed, np.nan)


def scale_of(values: np.ndarray, *, whole: bool = False) -> tuple[Any, Any]:
    """How values become colours: matplotlib's norm and colour map."""
    from matplotlib import colormaps
    from matplotlib.colors import BoundaryNorm, ListedColormap, LogNorm, Normalize

    there = np.isfinite(values)
    low, high = (float(values[there].min()), float(values[there].max())) if there.any() else (0.0, 1.0)
    # the lightest end is hard to see as a thin line on white
    cmap = ListedColormap(colormaps[MAP](np.linspace(0, 0.95, 256))).with_extremes(bad=GREY)
    if whole:
        steps = 0 < high - low < cmap.N
        norm: Any = (
            BoundaryNorm(np.arange(low - 0.5, high + 1), cmap.N) if steps else Normalize(low, max(high, low + 1))
        )
    elif low > 0 and high > 100 * low:
        norm = LogNorm(low, high)
    else:
        norm = Normalize(low, high if high > low else low + 1)
    return norm, cmap


def colour_by(
    ax: Axes,
    values: np.ndarray,
    label: str,
    *,
    whole: bool = False,
    missing: str = "never learned",
    colorbar: bool = True,
) -> np.ndarray:
    """A colour for each value, and the bar that explains them; values that are not finite are grey."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.lines import Line2D

    values = np.asarray(values, dtype=float)
    norm, cmap = scale_of(values, whole=whole)
    if colorbar:
        bar = add_bar(ax, ScalarMappable(norm, cmap), label)
        if whole:
            low, high = np.ceil(norm.vmin), np.floor(norm.vmax)
            bar.set_ticks(np.arange(low, high + 1, max(1, math.ceil((high - low + 1) / 8))))
            bar.minorticks_off()
    if colorbar and not np.isfinite(values).all():
        look = {"linestyle": "", "marker": "s", "color": GREY, "markersize": 5}
        legend_above(ax, [Line2D([], [], label=missing, **look)])
    return cmap(norm(np.ma.masked_invalid(values)))


def add_bar(ax: Axes, image: Any, label: str, *, beside: Any = None) -> Any:
    """A colour bar at the right of axes (or of several); a logarithmic one has plain numbers."""
    from matplotlib.colors import LogNorm

    # beside tall axes a bar is as tall, not wider
    slender = 20 * max(1.0, size_in_points(ax)[1] / (72 * HEIGHT * 0.77))
    bar = ax.figure.colorbar(image, ax=ax if beside is None else beside, pad=0.03, aspect=slender)
    # a long label would run off the figure
    bar.set_label(textwrap.fill(label, LABEL_WIDTH))
    bar.outline.set_linewidth(0.4)
    norm: Any = image.norm
    if isinstance(norm, LogNorm):
        logarithmic_ticks(bar.ax.yaxis, float(norm.vmin or 1), float(norm.vmax or 1))
    else:
        large_numbers(bar.ax.yaxis, abs(float(norm.vmax or 0)))
    return bar


def logarithmic_ticks(axis: Any, low: float, high: float) -> None:
    """Plain numbers along a logarithmic axis, few enough not to run into one another."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    # one kind for all ticks of an axis
    written = plain_number if _is_plain(low) and _is_plain(high) else _power_of_ten
    ticks: Any = LogLocator(subs=(1.0, 2.0, 5.0) if math.log10(high / low) < 2.5 else (1.0,), numticks=8)
    # a range so short that it holds hardly any of them is almost a linear one
    if sum(low <= tick <= high for tick in ticks.tick_values(low, high)) < 3:
        ticks = MaxNLocator(5)
    axis.set_major_locator(ticks)
    axis.set_major_formatter(FuncFormatter(lambda value, place: written(value)))
    axis.set_minor_formatter(NullFormatter())


def plain_number(value: float) -> str:
    """A tick as it is written by hand: 0.002, 50, 20000; beyond six digits as a power of ten."""
    if value and not _is_plain(value):
        return _power_of_ten(value)
    return np.format_float_positional(float(f"{value:.6g}"), trim="-")


def _is_plain(value: float) -> bool:
    return bool(1e-4 <= abs(value) < 1e6)


def _power_of_ten(value: float) -> str:
    exponent = math.floor(math.log10(abs(value)) + 1e-9)
    lead = value / 10.0**exponent
    return f"$10^{{{exponent}}}$" if math.isclose(lead, 1) else f"${lead:g}\\times 10^{{{exponent}}}$"
