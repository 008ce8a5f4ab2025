"""Pictures of runs, graphs and ensembles: `ax=` in, `ax` out.

Few things are told apart by the colours of Okabe and Ito, many by a perceptually even map with a colour bar; both
survive colour blindness. Without `ax` a new figure is made, as wide as one column of a paper.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..results.trajectory import Trajectory
from .style import (
    COLOURS,
    FEW,
    LEARNING_TIME,
    add_colour_bar,
    label_time_axis,
    legend_above,
    legend_right,
    shortened_name,
    size_in_points,
    styled_axes,
)


def levels(run: Any, *, ax: Any = None, skills: Sequence[int | str] | None = None, color_by: str | None = None) -> Any:
    """Level of each skill over training steps.

    Up to eight skills are named, above their curves where there is room; more are coloured along a map with a bar.

    **Arguments:**

    - `run`: one [`resource_ode.Trajectory`][].
    - `ax`: matplotlib axes, a new figure by default.
    - `skills`: indices or names of those to draw, default all.
    - `color_by`: `"depth"` in the graph or `"learning time"` (the first time above level 1/2); by default up to eight
        skills have colours of their own, more are coloured by depth if there are prerequisites.

    **Returns:** the axes.

    **Raises:** `ValueError` for a batch, a failed run, or a skill that is not there.

    **Example:** `ro.plot.levels(run).figure.savefig("levels.png", dpi=300)`
    """
    run = _one(run)
    chosen = _skills(run, skills)
    if color_by not in (None, "depth", "learning time"):
        raise ValueError(f'color_by: expected "depth" or "learning time", got {color_by!r}')
    times, level = np.asarray(run.ts), np.asarray(run.level)[:, chosen]
    crossed = _crossing(times, level)
    depth = np.asarray(run.model.graph.depth)[chosen]
    with styled_axes(ax) as ax:
        if len(chosen) <= FEW and color_by is None:
            for curve, color in zip(level.T, COLOURS, strict=False):
                ax.plot(times, curve, color=color, linewidth=1.3, solid_capstyle="round")
        else:
            if color_by is None:
                color_by = "depth" if depth.any() else "learning time"
            values, label = (depth, "depth in the graph") if color_by == "depth" else (crossed, LEARNING_TIME)
            colors = add_colour_bar(ax, values, label, whole=color_by == "depth", missing="not learned yet")
            for curve, color in zip(level.T, colors, strict=True):
                ax.plot(times, curve, color=color, linewidth=0.8, alpha=0.9)
        label_time_axis(ax, times)
        ax.set_ylabel("level")
        low, high = float(level.min()), float(level.max())
        ax.set_ylim(min(-0.02, low - 0.05 * (low < 0)), max(1.02, high))
        if len(chosen) <= FEW and len(ax.lines) and color_by is None:
            _name_curves(ax, [shortened_name(run.names[skill]) for skill in chosen], crossed)
    return ax


def shares(run: Any, *, ax: Any = None, pool: int | None = None) -> Any:
    """Shares of the resource over training steps, stacked in order of learning, with the wasted share on top.

    They sum to 1. With `competition="l2"` it is the squares of the shares that do, and they are drawn.

    **Arguments:**

    - `run`: one [`resource_ode.Trajectory`][].
    - `ax`: matplotlib axes, a new figure by default.
    - `pool`: which pool to draw, needed where the model has pools.

    **Returns:** the axes.

    **Raises:** `ValueError` for a batch, a failed run, a missing or unknown pool, or negative shares (interference).

    **Example:** `ro.plot.shares(run)`
    """
    from matplotlib.patches import Patch

    run = _one(run)
    share, waste, members = np.asarray(run.share), np.asarray(run.waste), np.arange(run.model.skills)
    if run.model.pool is not None:
        pools = run.model.pools
        if pool is None or not 0 <= pool < pools:
            raise ValueError(f"pool: this run has {pools} pools, expected which to draw, 0 to {pools - 1}, got {pool}")
        members = np.flatnonzero(np.asarray(run.model.pool) == pool)
        waste = waste[:, pool]
    elif pool is not None:
        raise ValueError(f"pool: this run has no pools, got {pool}")
    if share[:, members].min(initial=0) < -1e-9:
        raise ValueError("run: its shares are negative at some time (interference), which cannot be stacked")
    times, level = np.asarray(run.ts), np.asarray(run.level)
    crossed = _crossing(times, level)[members]
    order = np.lexsort((members, np.where(np.isnan(crossed), np.inf, crossed)))
    members, crossed = members[order], crossed[order]
    bands = share[:, members]
    label = "share of the resource"
    if run.model.competition == "l2":
        bands, waste, label = bands**2, waste**2, "squared share of the resource"
    few = len(members) <= FEW
    with styled_axes(ax) as ax:
        # the colours that `levels` gives the same skills
        own = members if run.model.skills <= FEW else order
        if few:
            colors: Any = [COLOURS[number] for number in own]
        else:
            colors = add_colour_bar(ax, crossed, LEARNING_TIME, missing="not learned yet")
        tops = np.cumsum(bands, axis=1)
        for below, above, color in zip((tops - bands).T, tops.T, colors, strict=True):
            # a band that has no line of its own would be parted from the next by a seam
            ax.fill_between(times, below, above, facecolor=color, edgecolor="white" if few else color, linewidth=0.3)
        filled = tops[:, -1]
        wasted = {"facecolor": "#E6E6E6", "edgecolor": "#8C8C8C", "hatch": "/////", "linewidth": 0.0}
        ax.fill_between(times, filled, filled + waste, label="wasted", **wasted)
        label_time_axis(ax, times)
        ax.set_ylim(0, 1)
        ax.set_ylabel(label)
        handles = [Patch(**wasted, label="wasted")]
        if few:
            rows = zip(members, colors, strict=True)
            handles += [Patch(color=color, label=shortened_name(run.names[skill])) for skill, color in list(rows)[::-1]]
            legend_right(ax, handles)
        else:
            legend_above(ax, handles)
    return ax


def loss(run: Any, *, ax: Any = None, log: bool = True) -> Any:
    """Loss over training steps, on logarithmic axes (of at most six decades of loss) unless `log` is false.

    **Arguments:** `run`: one [`resource_ode.Trajectory`][]; `ax`: matplotlib axes, a new figure by default.

    **Returns:** the axes.

    **Raises:** `ValueError` for a batch, a failed run, or logarithmic axes without positive values.

    **Example:** `ro.plot.loss(run)`
    """
    run = _one(run)
    times, values = np.asarray(run.ts), np.asarray(run.loss)
    if log:
        keep = (times > 0) & (values > 0)
        if not keep.any():
            raise ValueError("log: expected some time and loss above 0, got none; pass log=False")
        times, values = times[keep], values[keep]
    with styled_axes(ax) as ax:
        ax.plot(times, values, color=COLOURS[0], linewidth=1.3)
        if log:
            ax.set_xscale("log")
            ax.set_yscale("log")
            # late in a run the loss falls exponentially, which would leave all else in a corner
            if values.min() < 1e-6 * values.max():
                ax.set_ylim(1e-6 * values.max(), 2 * values.max())
        label_time_axis(ax, times)
        ax.set_ylabel("loss")
    return ax


def _one(run: Any) -> Trajectory:
    if not isinstance(run, Trajectory):
        raise ValueError(f"run: expected a Trajectory, got {type(run).__name__}")
    if run.batch_shape:
        index = ", ".join("ijkl"[: len(run.batch_shape)])
        raise ValueError(f"run: expected one run, got a batch of shape {run.batch_shape}; pass run[{index}]")
    # without waste exposure ends at infinity
    if np.isnan(np.asarray(run.state)).any():
        raise ValueError(f"run: expected a run that succeeded, got one with missing values. {run.failures()}".strip())
    return run


def _skills(run: Trajectory, skills: Any) -> list[int]:
    if skills is None:
        return list(range(run.model.skills))
    if isinstance(skills, (str, int)):
        raise ValueError(f"skills: expected a list of indices or names, got {skills!r}")
    chosen = []
    for skill in skills:
        if isinstance(skill, str):
            if skill not in run.names:
                raise ValueError(f"skills: expected names of skills of this run, got {skill!r}")
            chosen.append(run.names.index(skill))
        else:
            if not -run.model.skills <= skill < run.model.skills:
                raise ValueError(f"skills: expected indices from 0 to {run.model.skills - 1}, got {skill}")
            chosen.append(int(skill) % run.model.skills)
    if not chosen:
        raise ValueError("skills: expected at least one skill, got none")
    return chosen


def _crossing(times: np.ndarray, level: np.ndarray) -> np.ndarray:
    """First time at which each skill is drawn at level 1/2, between rows by interpolation; NaN if it never is."""
    crossed = np.full(level.shape[1], np.nan)
    for skill, curve in enumerate(level.T):
        above = np.flatnonzero(curve >= 0.5)
        if above.size:
            row = above[0]
            part = 1.0 if row == 0 else (0.5 - curve[row - 1]) / (curve[row] - curve[row - 1])
            crossed[skill] = times[row] if row == 0 else times[row - 1] + part * (times[row] - times[row - 1])
    return crossed


def _name_curves(ax: Any, names: list[str], crossed: np.ndarray) -> None:
    """Names above the curves, where each is half learned, if they fit side by side; else a legend in that order."""
    lines = ax.lines[-len(names) :]
    order = np.argsort(np.where(np.isnan(crossed), np.inf, crossed), kind="stable")
    size = 7.0
    width, _ = size_in_points(ax)
    if ax.get_xscale() == "linear" and not np.isnan(crossed).any():
        low, high = ax.get_xlim()
        centres = (crossed[order] - low) / (high - low) * width
        half = np.asarray([0.3 * size * len(names[skill]) for skill in order])
        left, right = centres - half, centres + half
        if left[0] >= -0.1 * width and right[-1] <= 1.05 * width and np.all(left[1:] - right[:-1] >= size / 2):
            for skill in order:
                ax.annotate(
                    names[skill],
                    (crossed[skill], 1.0),
                    parse_math=False,
                    xycoords=("data", "axes fraction"),
                    xytext=(0, 3),
                    textcoords="offset points",
                    color=lines[skill].get_color(),
                    ha="center",
                    va="bottom",
                    fontsize=size,
                )
            return
    for line, name in zip(lines, names, strict=True):
        line.set_label(name)
    legend_right(ax, [lines[skill] for skill in order])
