"""Pictures of runs, graphs and ensembles: `ax=` in, `ax` out.

Few things are told apart by the colours of Okabe and Ito, many by a perceptually even map with a colour bar; both
survive colour blindness. Without `ax` a new figure is made, as wide as one column of a paper.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..base.annotations import Axes, Given
from ..base.checks import entries, one_of, truth_value, whole_number
from ..base.words import nearest
from ..results.trajectory import Trajectory
from .colouring import colour_by, half_times, logarithmic_ticks
from .names import fit_on
from .style import (
    COLOURS,
    FEW,
    LEARNING_TIME,
    MOST_NAMES,
    label_time_axis,
    legend_above,
    legend_right,
    shortened_name,
    styled_axes,
)

# a loss over logarithmic time is drawn from shortly before this part of its fall
FALLEN = 0.05
# curves of levels that are nowhere farther apart hide one another: the later ones are dashed
ALIKE = 0.005
# up to so many skills, the bands of shares are parted by lines
MOST_PARTED = 40


def levels(
    run: Given[Trajectory],
    *,
    ax: Axes | None = None,
    skills: Given[Sequence[int | str] | None] = None,
    color_by: Given[str | None] = None,
    legend: Given[bool | None] = None,
    colorbar: Given[bool] = True,
) -> Axes:
    """Level of each skill over training steps.

    A skill has the same colour in all pictures of a run, see [`resource_ode.plot.colouring.colours`][]. Up to eight are
    named, above their curves where there is room; of more, a bar explains the colours. A curve that lies on another is
    dashed.

    **Arguments:**

    - `run`: one [`resource_ode.Trajectory`][].
    - `ax`: matplotlib axes, a new figure by default.
    - `skills`: indices or names of those to draw, default all.
    - `color_by`: `"depth"` in the graph or `"learning time"` (the first time above level 1/2); by default up to eight
        skills have colours of their own, more are coloured by learning time.
    - `legend`: names in a legend at the right (of up to 56 skills), `False` for no names at all.
    - `colorbar`: whether to draw the bar where colours are those of a scale.

    **Returns:** the axes.

    **Raises:** `ValueError` for a batch, a failed run, or a skill that is not there.

    **Example:** `ro.plot.levels(run).figure.savefig("levels.png", dpi=300)`
    """
    run = _one(run)
    chosen = _skills(run, skills)
    if color_by is not None:
        one_of("color_by", color_by, ("depth", "learning time"))
    truth_value("colorbar", colorbar)
    if legend is not None:
        truth_value("legend", legend)
    if legend and len(chosen) > MOST_NAMES:
        raise ValueError(f"legend: expected at most {MOST_NAMES} skills to name, got {len(chosen)}; choose some")
    times, level = np.asarray(run.ts), np.asarray(run.level)[:, chosen]
    crossed = half_times(run)
    few = run.model.skills <= FEW and color_by is None
    names = [shortened_name(run.names[skill]) for skill in chosen]
    new = ax is None
    with styled_axes(ax) as ax:
        if few:
            colors: Any = [COLOURS[skill] for skill in chosen]
        elif color_by == "depth":
            depth = np.asarray(run.model.graph.depth)
            colors = colour_by(ax, depth, "depth in the graph", whole=True, colorbar=colorbar)[chosen]
        else:
            # of all skills, so that few of them have the colours that they have among the others
            colors = colour_by(ax, crossed, LEARNING_TIME, missing="not learned yet", colorbar=colorbar)[chosen]
        wide = len(chosen) <= FEW
        for place, (curve, color) in enumerate(zip(level.T, colors, strict=True)):
            under = sum(np.max(np.abs(curve - other)) < ALIKE for other in level.T[:place]) if few else 0
            style: Any = "-" if not under else (0, (6, 6 * under))
            ax.plot(times, curve, color=color, linewidth=1.3 if wide else 0.8, linestyle=style, solid_capstyle="round")
        lines = ax.lines[-len(chosen) :]
        label_time_axis(ax, times)
        ax.set_ylabel("level")
        low, high = float(level.min()), float(level.max())
        ax.set_ylim(min(-0.02, low - 0.05 * (low < 0)), max(1.02, high + 0.02))
        if legend or (legend is None and few):
            _name_curves(ax, lines, names, crossed[chosen], beside=bool(legend), new=new)
    return ax


def shares(
    run: Given[Trajectory],
    *,
    ax: Axes | None = None,
    pool: Given[int | None] = None,
    legend: Given[bool] = True,
    colorbar: Given[bool] = True,
) -> Axes:
    """Shares of the resource over training steps, stacked in order of learning, with the wasted share on top.

    They sum to 1. With `competition="l2"` it is the squares of the shares that do, and they are drawn.

    **Arguments:**

    - `run`: one [`resource_ode.Trajectory`][].
    - `ax`: matplotlib axes, a new figure by default.
    - `pool`: which pool to draw, needed where the model has pools.
    - `legend`, `colorbar`: whether to draw them; up to eight skills have a legend, more a colour bar.

    **Returns:** the axes.

    **Raises:** `ValueError` for a batch, a failed run, a missing or unknown pool, or negative shares (interference).

    **Example:** `ro.plot.shares(run)`
    """
    from matplotlib.patches import Patch

    run = _one(run)
    for name, flag in (("legend", legend), ("colorbar", colorbar)):
        truth_value(name, flag)
    share, waste, members = np.asarray(run.share), np.asarray(run.waste), np.arange(run.model.skills)
    if run.model.pool is not None:
        pools = run.model.pools
        if pool is None or whole_number("pool", pool, least=0) >= pools:
            raise ValueError(f"pool: this run has {pools} pools, expected which to draw, 0 to {pools - 1}, got {pool}")
        members = np.flatnonzero(np.asarray(run.model.pool) == pool)
        waste = waste[:, pool]
    elif pool is not None:
        raise ValueError(f"pool: this run has no pools, got {pool}")
    if share[:, members].min(initial=0) < -1e-9:
        raise ValueError("run: its shares are negative at some time (interference), which cannot be stacked")
    times, crossed = np.asarray(run.ts), half_times(run)
    order = np.lexsort((members, np.where(np.isnan(crossed), np.inf, crossed)[members]))
    members = members[order]
    bands = share[:, members]
    label = "share of the resource"
    if run.model.competition == "l2":
        bands, waste, label = bands**2, waste**2, "squared share of the resource"
    few = run.model.skills <= FEW
    new = ax is None
    with styled_axes(ax) as ax:
        # the colours that `levels` gives the same skills
        if few:
            colors: Any = [COLOURS[number] for number in members]
        else:
            colors = colour_by(ax, crossed, LEARNING_TIME, missing="not learned yet", colorbar=colorbar)[members]
        tops = np.cumsum(bands, axis=1)
        # skills that take their turns would have no line between them; of very many, lines would hide the bands
        parted = len(members) <= MOST_PARTED
        for below, above, color in zip((tops - bands).T, tops.T, colors, strict=True):
            # a band that has no line of its own would be parted from the next by a seam
            edge = {"edgecolor": "white", "linewidth": 0.3} if parted else {"edgecolor": color, "linewidth": 0.1}
            ax.fill_between(times, below, above, where=above - below > 1e-6, facecolor=color, **edge)
        filled = tops[:, -1]
        wasted = {"facecolor": "#E6E6E6", "edgecolor": "#8C8C8C", "hatch": "/////", "linewidth": 0.0}
        ax.fill_between(times, filled, filled + waste, label="wasted", **wasted)
        label_time_axis(ax, times)
        ax.set_ylim(0, 1)
        ax.set_ylabel(label)
        handles = [Patch(**wasted, label="wasted")]
        if legend and few:
            rows = zip(members, colors, strict=True)
            handles += [Patch(color=color, label=shortened_name(run.names[skill])) for skill, color in list(rows)[::-1]]
            legend_right(ax, handles, new=new)
        elif legend:
            legend_above(ax, handles)
    return ax


def loss(run: Given[Trajectory], *, ax: Axes | None = None, log: Given[bool] = True) -> Axes:
    """Loss over training steps, on logarithmic axes (of at most six decades of loss) unless `log` is false.

    **Arguments:** `run`: one [`resource_ode.Trajectory`][]; `ax`: matplotlib axes, a new figure by default.

    **Returns:** the axes.

    **Raises:** `ValueError` for a batch, a failed run, or logarithmic axes without positive values.

    **Example:** `ro.plot.loss(run)`
    """
    log = truth_value("log", log)
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
            # rows that are even in time would leave decades in which nothing happens
            falling = times[values < values[0] - FALLEN * (values[0] - values[-1])]
            if falling.size and values[-1] < values[0]:
                ax.set_xlim(max(times[0], falling[0] / 3), times[-1])
            # late in a run the loss falls exponentially, which would leave all else in a corner
            if values.min() < 1e-6 * values.max():
                ax.set_ylim(1e-6 * values.max(), 2 * values.max())
            logarithmic_ticks(ax.xaxis, *ax.get_xlim())
        label_time_axis(ax, times)
        ax.set_ylabel("loss")
    return ax


def _one(run: Any) -> Trajectory:
    if not isinstance(run, Trajectory):
        raise ValueError(f"run: expected a Trajectory, got {type(run).__name__}")
    if run.batch_shape:
        index = ", ".join("ijkl"[: len(run.batch_shape)])
        picked = ", ".join(f"{name}={values[0]:g}" for name, values in run.coordinates.items())
        one = f"run.sel({picked})" if len(run.coordinates) == len(run.batch_shape) else f"run[{index}]"
        raise ValueError(
            f"run: expected one run, got a batch of shape {run.batch_shape}; pass {one}, or draw all with ro.plot.batch"
        )
    # without waste exposure ends at infinity
    if np.isnan(np.asarray(run.state)).any():
        raise ValueError(f"run: expected a run that succeeded, got one with missing values. {run.failures()}".strip())
    return run


def _skills(run: Given[Trajectory], skills: Any) -> list[int]:
    if skills is None:
        return list(range(run.model.skills))
    chosen = []
    for skill in entries("skills", skills, "indices or names"):
        if isinstance(skill, str):
            if skill not in run.names:
                hint = nearest(skill, run.names, quote=repr)
                raise ValueError(f"skills: expected names of skills of this run, got {skill!r}{hint}")
            chosen.append(run.names.index(skill))
        else:
            if whole_number("skills", skill, least=-run.model.skills) >= run.model.skills:
                raise ValueError(f"skills: expected indices from 0 to {run.model.skills - 1}, got {skill}")
            chosen.append(int(skill) % run.model.skills)
    if not chosen:
        raise ValueError("skills: expected at least one skill, got none")
    return chosen


def _name_curves(ax: Axes, lines: Any, names: list[str], crossed: np.ndarray, *, beside: bool, new: bool) -> None:
    """Names above the curves, where each is half learned, if they fit side by side; else a legend in that order."""
    order = np.argsort(np.where(np.isnan(crossed), np.inf, crossed), kind="stable")
    if not beside and ax.get_xscale() == "linear" and not np.isnan(crossed).any():
        texts = [
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
                fontsize=7,
            )
            for skill in range(len(names))
        ]
        if fit_on(ax, texts):
            return
        for text in texts:
            text.remove()
    for line, name in zip(lines, names, strict=True):
        line.set_label(name)
    legend_right(ax, [lines[skill] for skill in order], new=new)
