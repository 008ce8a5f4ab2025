"""A batch of runs as medians and bands."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..base.annotations import Axes, Given
from ..base.checks import entries, one_of, optional_text, truth_value, whole_number
from ..base.values import brief, in_range
from ..base.words import nearest
from ..results.trajectory import Trajectory
from .colouring import colour_by, plain_number
from .style import COLOURS, FEW, LABEL_WIDTH, label_time_axis, legend_right, shortened_name, styled_axes

# letters of a title on one line
LONGEST_TITLE = 50
# what can be drawn of a batch, and whether it has a value per skill
QUANTITIES = {"level": True, "share": True, "loss": False, "waste": False}


def batch(
    run: Given[Trajectory],
    quantity: Given[str] = "level",
    *,
    over: Given[str | None] = None,
    quantiles: Given[tuple[float, float]] = (0.1, 0.9),
    skills: Given[Sequence[int | str] | None] = None,
    ax: Axes | None = None,
    legend: Given[bool] = True,
    colorbar: Given[bool] = True,
) -> Axes:
    """A batch of runs: the median over its members, and a band between two quantiles.

    The axes of a grid are named: in the title, or with `over` in the legend or the colour bar.

    **Arguments:**

    - `run`: a [`resource_ode.Trajectory`][] with batch axes; members that failed are left out.
    - `quantity`: `"level"`, `"share"`, `"loss"` or `"waste"`.
    - `over`: the name of a batch axis (see [`resource_ode.ResourceModel`][]`.grid`): a curve for each of its
        coordinates, over the members of the other axes. Of levels and shares it is the mean of the skills.
    - `quantiles`: ends of the band, from 0 to 1.
    - `skills`: indices or names of up to eight skills to draw, default the first eight (with `over`, of any number,
        default all).
    - `ax`: matplotlib axes, a new figure by default.
    - `legend`, `colorbar`: whether to name the skills and the band, or the coordinates: more than eight have a bar.

    **Returns:** the axes.

    **Raises:** `ValueError` for one run, an unknown quantity, axis or skill, or a batch of which every member failed.

    **Example:** `ro.plot.batch(ro.simulate(model.grid(wasted_resource=[0.01, 0.1]), ts), over="wasted_resource")`
    """
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    if not isinstance(run, Trajectory):
        raise ValueError(f"run: expected a Trajectory, got {type(run).__name__}")
    if not run.batch_shape:
        raise ValueError("run: expected a batch of runs, got one run; draw it with ro.plot.levels")
    one_of("quantity", quantity, QUANTITIES)
    optional_text("over", over)
    for name, flag in (("legend", legend), ("colorbar", colorbar)):
        truth_value(name, flag)
    band = np.asarray(in_range("quantiles", quantiles, float, least=0.0, most=1.0))
    if band.shape != (2,) or not band[0] < band[1]:
        raise ValueError(f"quantiles: expected two numbers from 0 to 1, the smaller one first, got {brief(quantiles)}")
    low, high = band
    values = np.asarray(getattr(run, quantity))
    if quantity == "waste" and run.model.pool is not None:
        raise ValueError(
            "quantity: the waste of a model with pools has a value per pool; draw run[i] with ro.plot.shares"
        )
    by_skill = QUANTITIES[quantity]
    chosen = _chosen(run, skills, any_number=over is not None) if by_skill else [0]
    # (*batch, time, skill), whatever the quantity
    values = (values if by_skill else values[..., None])[..., chosen]
    kept: Any = ~np.isnan(values).all(axis=(-2, -1))
    if not kept.any():
        raise ValueError(f"run: expected some members that succeeded, got none of {kept.size}")
    if over is not None:
        return _over(
            run,
            quantity,
            over,
            np.where(kept[..., None, None], values, np.nan),
            chosen,
            quantiles,
            ax,
            legend,
            colorbar,
        )
    times, values, new = np.asarray(run.ts), values[kept], ax is None
    with styled_axes(ax) as ax:
        handles: list[Any] = []
        for place, skill in enumerate(chosen):
            color = COLOURS[place]
            here = values[..., place]
            here = here[~np.isnan(here).any(axis=1)]  # padding of smaller graphs
            _draw(ax, times, here, quantiles, color)
            if by_skill:
                handles.append(Line2D([], [], color=color, label=shortened_name(_name(run, skill))))
        _name_axes(ax, times, values, "share of the resource" if quantity == "share" else quantity)
        if run.coordinates:
            ax.set_title(_said_axes(run), loc="left", fontsize=7)
        if legend:
            members = f"{low:.0%} to {high:.0%}\nof {int(kept.sum())} runs"
            handles += [Line2D([], [], color="0.4", label="median"), Patch(color="0.8", label=members)]
            legend_right(ax, handles, title=_said_skills(run, skills) if by_skill else None, new=new)
    return ax


def _over(
    run: Trajectory,
    quantity: str,
    over: str,
    values: np.ndarray,
    chosen: list[int],
    quantiles: tuple[float, float],
    ax: Axes | None,
    legend: bool,
    colorbar: bool,
) -> Axes:
    """A curve for each coordinate of one axis of the batch."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    axes = [None if axis is None else axis[0] for axis in run.axes()]
    if over not in axes:
        known = [name for name in axes if name is not None]
        there = f"the batch has {', '.join(known)}" if known else "no batch axis has a name; model.grid(...) names them"
        raise ValueError(f"over: there is no axis {over!r}{nearest(over, known, quote=repr) or f' ({there})'}")
    place = axes.index(over)
    coordinates = np.asarray(run.coordinates[over], dtype=float)
    # (coordinate, member, time, skill)
    values = np.moveaxis(values, place, 0)
    values = values.reshape(len(coordinates), -1, *values.shape[-2:])
    absent = np.isnan(values).all(axis=2, keepdims=True)
    count = (~absent).sum(axis=-1)
    means = np.where(absent, 0, values).sum(axis=-1) / np.where(count > 0, count, 1)
    means = np.where(count > 0, means, np.nan)
    label, times = over.replace("_", " "), np.asarray(run.ts)
    which = (
        ""
        if not QUANTITIES[quantity]
        else f" of {_name(run, chosen[0])}"
        if len(chosen) == 1
        else ", mean of the skills"
    )
    few, new = len(coordinates) <= FEW, ax is None
    written = _distinct(coordinates)
    with styled_axes(ax) as ax:
        # a few are told apart, however they are spaced
        scaled = np.arange(len(coordinates)) if few else coordinates
        colors = colour_by(ax, scaled, label, colorbar=colorbar and not few)
        handles, several = [], False
        for here, color, value in zip(means, colors, written, strict=True):
            here = here[~np.isnan(here).any(axis=1)]
            handles.append(Line2D([], [], color=color, label=value if few else ""))
            if len(here):
                _draw(ax, times, here, quantiles, color, band=len(here) > 1)
                several = several or len(here) > 1
        _name_axes(
            ax, times, means, ("share of the resource" if quantity == "share" else quantity) + shortened_name(which)
        )
        if legend:
            handles = handles if few else []
            if several:
                low, high = quantiles
                handles.append(Patch(color="0.8", label=f"{low:.0%} to {high:.0%}\nof {means.shape[1]} runs"))
            if handles:
                legend_right(ax, handles, title=label if few else None, new=new)
    return ax


def _draw(ax: Axes, times: np.ndarray, here: np.ndarray, quantiles: Any, color: Any, *, band: bool = True) -> None:
    low, high = quantiles
    below, middle, above = np.quantile(here, [low, 0.5, high], axis=0)
    if band:
        ax.fill_between(times, below, above, color=color, alpha=0.2, linewidth=0)
    ax.plot(times, middle, color=color, linewidth=1.3)


def _name_axes(ax: Axes, times: np.ndarray, values: np.ndarray, label: str) -> None:
    label_time_axis(ax, times)
    ax.set_ylabel(textwrap.fill(label, LABEL_WIDTH), parse_math=False)
    if label.startswith(("level", "share")):
        ax.set_ylim(min(0.0, float(np.nanmin(values))) - 0.02, max(1.0, float(np.nanmax(values))) + 0.02)


def _said_axes(run: Trajectory) -> str:
    """`wasted resource 0.001 to 1, gate exponent 0.1 to 1`."""
    said = []
    for name, values in run.coordinates.items():
        ends = [plain_number(end) for end in (float(np.min(values)), float(np.max(values)))]
        said.append(f"{name.replace('_', ' ')} {' to '.join(dict.fromkeys(ends))}")
    # an axis a line, where they do not fit on one
    line = ", ".join(said)
    return line if len(line) <= LONGEST_TITLE else "\n".join(said)


def _distinct(values: np.ndarray) -> list[str]:
    """Numbers with as few digits, from three on, as tell them apart."""
    for digits in range(3, 6):
        written = [plain_number(float(f"{value:.{digits}g}")) for value in values]
        if len(set(written)) == len(written):
            return written
    return [plain_number(value) for value in values]


def _said_skills(run: Trajectory, skills: Any) -> str | None:
    """Which skills these are, where nobody chose them and there are more."""
    return f"the first {FEW} of {run.model.skills} skills" if skills is None and run.model.skills > FEW else None


def _chosen(run: Trajectory, skills: Any, *, any_number: bool) -> list[int]:
    """Indices of the skills to draw."""
    count = run.model.skills
    if skills is None:
        return list(range(count if any_number else min(count, FEW)))
    names = [_name(run, skill) for skill in range(count)]
    chosen = []
    for skill in entries("skills", skills, "indices or names"):
        if isinstance(skill, str):
            if skill not in names:
                hint = nearest(skill, names, quote=repr)
                raise ValueError(f"skills: expected names of skills that all runs have, got {skill!r}{hint}")
            skill = names.index(skill)
        chosen.append(whole_number("skills", skill, least=0))
    most = count if any_number else FEW
    if not chosen or len(chosen) > most or not all(0 <= skill < count for skill in chosen):
        raise ValueError(f"skills: expected up to {most} indices from 0 to {count - 1}, got {chosen}")
    return chosen


def _name(run: Trajectory, skill: int) -> str:
    """The name of a skill, where all members have the same."""
    names = run.model.graph.names
    return names[skill] if names and isinstance(names[skill], str) else f"skill {skill + 1}"
