"""Pictures of runs, graphs and ensembles: `ax=` in, `ax` out.

Few things are told apart by the colours of Okabe and Ito, many by a perceptually even map with a colour bar; both
survive colour blindness. Without `ax` a new figure is made, as wide as one column of a paper.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..graphs.graph import SkillGraph
from ..model.model import ResourceModel
from ..results.trajectory import Trajectory

# Okabe and Ito's colours, without the yellow that vanishes on white
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#7F7F7F")
MAP = "viridis"
WIDTH, HEIGHT = 3.5, 2.6  # inches
STEPS = "training steps"
LEARNING_TIME = f"learning time ({STEPS})"
GREY = "#C8C8C8"
# up to this many skills, each has its own colour and name
FEW = len(COLOURS)
# up to this many skills, the nodes of a graph carry their names
NAMED_NODES = 15

_STYLE: dict[Any, Any] = {
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
    with _axes(ax) as ax:
        if len(chosen) <= FEW and color_by is None:
            for curve, color in zip(level.T, COLOURS, strict=False):
                ax.plot(times, curve, color=color, linewidth=1.3, solid_capstyle="round")
        else:
            if color_by is None:
                color_by = "depth" if depth.any() else "learning time"
            values, label = (depth, "depth in the graph") if color_by == "depth" else (crossed, LEARNING_TIME)
            colors = _colour_bar(ax, values, label, whole=color_by == "depth", missing="not learned yet")
            for curve, color in zip(level.T, colors, strict=True):
                ax.plot(times, curve, color=color, linewidth=0.8, alpha=0.9)
        _time_axis(ax, times)
        ax.set_ylabel("level")
        low, high = float(level.min()), float(level.max())
        ax.set_ylim(min(-0.02, low - 0.05 * (low < 0)), max(1.02, high))
        if len(chosen) <= FEW and len(ax.lines) and color_by is None:
            _name_curves(ax, [run.names[skill] for skill in chosen], crossed)
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
    with _axes(ax) as ax:
        # the colours that `levels` gives the same skills
        own = members if run.model.skills <= FEW else order
        if few:
            colors: Any = [COLOURS[number] for number in own]
        else:
            colors = _colour_bar(ax, crossed, LEARNING_TIME, missing="not learned yet")
        tops = np.cumsum(bands, axis=1)
        for below, above, color in zip((tops - bands).T, tops.T, colors, strict=True):
            # a band that has no line of its own would be parted from the next by a seam
            ax.fill_between(times, below, above, facecolor=color, edgecolor="white" if few else color, linewidth=0.3)
        filled = tops[:, -1]
        wasted = {"facecolor": "#E6E6E6", "edgecolor": "#8C8C8C", "hatch": "/////", "linewidth": 0.0}
        ax.fill_between(times, filled, filled + waste, label="wasted", **wasted)
        _time_axis(ax, times)
        ax.set_ylim(0, 1)
        ax.set_ylabel(label)
        handles = [Patch(**wasted, label="wasted")]
        if few:
            rows = zip(members, colors, strict=True)
            handles += [Patch(color=color, label=run.names[skill]) for skill, color in list(rows)[::-1]]
            _legend_right(ax, handles)
        else:
            _legend_above(ax, handles)
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
    with _axes(ax) as ax:
        ax.plot(times, values, color=COLOURS[0], linewidth=1.3)
        if log:
            ax.set_xscale("log")
            ax.set_yscale("log")
            # late in a run the loss falls exponentially, which would leave all else in a corner
            if values.min() < 1e-6 * values.max():
                ax.set_ylim(1e-6 * values.max(), 2 * values.max())
        _time_axis(ax, times)
        ax.set_ylabel("loss")
    return ax


def graph(graph_or_model: Any, *, times: Any = None, ax: Any = None) -> Any:
    """A skill graph in layers by depth, with arrows from each prerequisite to the skills that require it.

    Circles need all of their prerequisites, diamonds any one. Up to 15 skills carry their names.

    **Arguments:**

    - `graph_or_model`: one [`resource_ode.SkillGraph`][], or a model that has one.
    - `times`: `(skill,)` learning times to colour by, training steps (`inf` or NaN: never learned).
    - `ax`: matplotlib axes, a new figure by default.

    **Returns:** the axes.

    **Raises:** `ValueError` for a batch, or times of another shape.

    **Example:** `ro.plot.graph(model, times=ro.learning_times(model))`
    """
    from matplotlib.lines import Line2D
    from matplotlib.patches import FancyArrowPatch

    skills = _one_graph(graph_or_model)
    present = [int(skill) for skill in np.flatnonzero(np.asarray(skills.present))]
    parents = skills.prerequisite_lists()
    depth = np.asarray(skills.depth)
    if times is not None:
        times = _numbers("times", times)
        if times.shape != (skills.skills,):
            raise ValueError(f"times: expected one learning time a skill, shape ({skills.skills},), got {times.shape}")
    any_gate = np.asarray(
        [bool(gate) and len(row) > 1 for gate, row in zip(np.asarray(skills.any_gate), parents, strict=True)]
    )
    places = _layout(parents, depth, present)
    layers, widest = int(depth[present].max()) + 1, int(np.bincount(depth[present]).max())
    named = len(present) <= NAMED_NODES
    new = ax is None
    with _axes(ax, height=float(np.clip(0.25 * widest + 1.2, 2.0, 4.0))) as ax:
        colors: Any = [COLOURS[5]] * skills.skills
        if times is not None:
            colors = _colour_bar(ax, times, LEARNING_TIME)
        # in points across: a node keeps clear of its neighbours in the layer and of the next layer
        wide, tall = _points(ax)
        size = float(np.clip(min(0.8 * tall / (widest + 0.3), 0.6 * wide / layers), 3, 11))
        edges = sum(len(row) for row in parents)
        faint = float(np.clip(4 / math.sqrt(max(edges, 1)), 0.3, 0.8))
        for skill in present:
            for parent in parents[skill]:
                (x0, y0), (x1, y1) = places[parent], places[skill]
                # an arrow that passes over a layer is bent around the nodes in its way
                bend = 0.0 if x1 - x0 == 1 else 0.18 * (1 if (y0 + y1) >= 0 else -1)
                arrow = FancyArrowPatch(
                    (x0, y0),
                    (x1, y1),
                    arrowstyle="-|>",
                    mutation_scale=float(np.clip(0.8 * size, 4, 8)),
                    connectionstyle=f"arc3,rad={-bend}",
                    shrinkA=size / 2,
                    shrinkB=size / 2 + 0.5,
                    linewidth=0.8 if edges < 40 else 0.5,
                    color="#404040",
                    alpha=faint,
                    zorder=1,
                )
                ax.add_patch(arrow)
        for marker, here, scale in (("o", ~any_gate, 1.0), ("D", any_gate, 0.85)):
            those = [skill for skill in present if here[skill]]
            if those:
                ax.scatter(
                    *np.asarray([places[skill] for skill in those]).T,
                    s=(scale * size) ** 2,
                    c=[colors[skill] for skill in those],
                    marker=marker,
                    edgecolors="black",
                    linewidths=0.5,
                    zorder=2,
                )
        if named:
            for skill in present:
                ax.annotate(
                    skills.name_of(skill),
                    places[skill],
                    xytext=(0, -size / 2 - 2),
                    textcoords="offset points",
                    ha="center",
                    va="top",
                    fontsize=7,
                    zorder=3,
                )
        half = max(abs(y) for _, y in places.values())
        ax.set_xlim(-0.5, layers - 0.5)
        ax.set_ylim(-half - 0.8, half + 0.5)
        ax.set_xlabel("depth in the graph")
        step = max(1, math.ceil(layers * 16 / wide))
        ax.set_xticks(range(0, layers, step))
        ax.set_yticks([])
        if new:
            ax.spines["left"].set_visible(False)
        if any_gate.any():
            look = {"linestyle": "", "markerfacecolor": "white", "markeredgecolor": "black", "markersize": 5}
            handles = [
                Line2D([], [], marker="o", label="needs all", **look),
                Line2D([], [], marker="D", label="needs any", **{**look, "markersize": 4.3}),
            ]
            _legend_above(ax, handles)
    return ax


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
    """One number a member of an ensemble, over the two parameters that were varied.

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
    log_x = _is_geometric(x) if log_x is None else log_x
    log_y = _is_geometric(y) if log_y is None else log_y
    x_edges, y_edges = _cell_edges("x", x, log_x), _cell_edges("y", y, log_y)
    shown = np.ma.masked_invalid(values)
    norm = None
    if log:
        shown = np.ma.masked_less_equal(shown, 0)
        if shown.count() == 0:
            raise ValueError("log: expected some values above 0, got none; pass log=False")
        norm = LogNorm(vmin=float(shown.min()), vmax=float(shown.max()))
    with _axes(ax) as ax:
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
            _legend_above(ax, [Patch(color=GREY, label="no finite value" if not log else "no finite value above 0")])
    return ax


# -- what comes in


def _one(run: Any) -> Trajectory:
    if not isinstance(run, Trajectory):
        raise ValueError(f"run: expected a Trajectory, got {type(run).__name__}")
    if run.batch_shape:
        index = ", ".join("ijkl"[: len(run.batch_shape)])
        raise ValueError(f"run: expected one run, got a batch of shape {run.batch_shape}; pass run[{index}]")
    if not np.all(np.isfinite(np.asarray(run.state))):
        raise ValueError(f"run: expected a run that succeeded, got one with missing values. {run.failures()}".strip())
    return run


def _one_graph(graph_or_model: Any) -> SkillGraph:
    found = graph_or_model.graph if isinstance(graph_or_model, ResourceModel) else graph_or_model
    if not isinstance(found, SkillGraph):
        raise ValueError(f"graph_or_model: expected a SkillGraph or a ResourceModel, got {type(found).__name__}")
    if found.batch_shape:
        index = ", ".join("ijkl"[: len(found.batch_shape)])
        raise ValueError(
            f"graph_or_model: expected one graph, got a batch of shape {found.batch_shape}; pass graph[{index}]"
        )
    return found


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


def _numbers(name: str, values: Any) -> np.ndarray:
    try:
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"{name}: expected numbers, got {values!r:.80}") from None


def _grid(values: Any, x: Any, y: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[str | None, ...]]:
    """Values and coordinates of a heat map; what a DataArray says about itself where nothing else was given."""
    labels: tuple[str | None, ...] = (None, None, None)
    dimensions = getattr(values, "dims", None)
    if dimensions is not None:
        if len(dimensions) != 2:
            raise ValueError(f"values: expected two dimensions (y, x), got {tuple(dimensions)}")
        rows, columns = (values[dimension] for dimension in dimensions)
        x, y = (columns if x is None else x), (rows if y is None else y)
        labels = (_label(columns), _label(rows), _label(values))
    values = _numbers("values", values)
    if values.ndim != 2:
        raise ValueError(f"values: expected two dimensions (y, x), got shape {values.shape}")
    x = _numbers("x", np.arange(values.shape[1]) if x is None else x)
    y = _numbers("y", np.arange(values.shape[0]) if y is None else y)
    if values.shape != (*y.shape, *x.shape):
        raise ValueError(f"values: expected shape (y, x) = ({y.size}, {x.size}), got {values.shape}")
    return values, x, y, labels


def _label(array: Any) -> str | None:
    name, units = array.attrs.get("long_name"), array.attrs.get("units")
    if name is None and array.name is None:
        return None
    # an underscore of a long name is meant, as in $N_0$
    name = str(array.name).replace("_", " ") if name is None else str(name)
    return name if units in (None, "", "1") else f"{name} ({units})"


def _is_geometric(coordinates: np.ndarray) -> bool:
    if coordinates.size < 3 or not np.all(np.isfinite(coordinates)) or coordinates.min() <= 0:
        return False
    steps = np.diff(np.log(coordinates))
    even = np.all(np.abs(steps - steps.mean()) <= 0.02 * abs(steps.mean()))
    return bool(even and abs(steps.sum()) > 0.5)


def _cell_edges(name: str, coordinates: np.ndarray, log: bool) -> np.ndarray:
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
    return np.exp(edges) if log else edges


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


# -- what is drawn


@contextlib.contextmanager
def _axes(ax: Any, height: float = HEIGHT) -> Iterator[Any]:
    """The caller's axes under the caller's style, or new ones under ours."""
    import matplotlib
    from matplotlib import pyplot

    if ax is not None:
        if not hasattr(ax, "plot") or not hasattr(ax, "figure"):
            raise ValueError(f"ax: expected matplotlib axes, got {type(ax).__name__}")
        yield ax
        return
    with matplotlib.rc_context(_STYLE):
        figure, ax = pyplot.subplots(figsize=(WIDTH, height), layout="constrained", dpi=200)
        try:
            yield ax
        except BaseException:
            pyplot.close(figure)
            raise


def _points(ax: Any) -> tuple[float, float]:
    """Width and height of axes, in points."""
    extent = ax.get_window_extent()
    return 72 * float(extent.width) / ax.figure.dpi, 72 * float(extent.height) / ax.figure.dpi


def _time_axis(ax: Any, times: np.ndarray) -> None:
    if ax.get_xscale() == "linear":
        ax.set_xlim(min(0.0, float(times[0])), float(times[-1]) if times[-1] > 0 else 1.0)
    ax.set_xlabel(STEPS)


def _colour_bar(
    ax: Any, values: np.ndarray, label: str, *, whole: bool = False, missing: str = "never learned"
) -> np.ndarray:
    """A colour for each value, and the bar that explains them; values that are not finite are grey."""
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import BoundaryNorm, ListedColormap, LogNorm, Normalize
    from matplotlib.lines import Line2D

    values = np.asarray(values, dtype=float)
    there = np.isfinite(values)
    low, high = (float(values[there].min()), float(values[there].max())) if there.any() else (0.0, 1.0)
    # the lightest end is hard to see as a thin line on white
    cmap, ticks = ListedColormap(colormaps[MAP](np.linspace(0, 0.95, 256))), None
    if whole:
        norm: Any = BoundaryNorm(np.arange(low - 0.5, high + 1), cmap.N) if high > low else Normalize(low, low + 1)
        ticks = np.arange(low, high + 1, max(1, math.ceil((high - low + 1) / 8)))
    elif low > 0 and high > 100 * low:
        norm = LogNorm(low, high)
    else:
        norm = Normalize(low, high if high > low else low + 1)
    cmap = cmap.with_extremes(bad=GREY)
    bar = ax.figure.colorbar(ScalarMappable(norm, cmap), ax=ax, pad=0.03, ticks=ticks)
    bar.set_label(label)
    bar.outline.set_linewidth(0.4)
    if whole:
        bar.minorticks_off()
    if not there.all():
        look = {"linestyle": "", "marker": "s", "color": GREY, "markersize": 5}
        _legend_above(ax, [Line2D([], [], label=missing, **look)])
    return cmap(norm(np.ma.masked_invalid(values)))


def _legend_above(ax: Any, handles: list[Any]) -> None:
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


def _legend_right(ax: Any, handles: list[Any]) -> None:
    ax.legend(
        handles=handles,
        loc="center left",
        bbox_to_anchor=(1.01, 0.5),
        frameon=False,
        handlelength=1.2,
        borderaxespad=0.2,
    )


def _name_curves(ax: Any, names: list[str], crossed: np.ndarray) -> None:
    """Names above the curves, where each is half learned, if they fit side by side; else a legend in that order."""
    lines = ax.lines[-len(names) :]
    order = np.argsort(np.where(np.isnan(crossed), np.inf, crossed), kind="stable")
    size = 7.0
    width, _ = _points(ax)
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
    _legend_right(ax, [lines[skill] for skill in order])


def _layout(parents: list[list[int]], depth: np.ndarray, present: list[int]) -> dict[int, tuple[float, float]]:
    """Where each skill goes: its depth across; up and down near its relatives, so that few arrows cross."""
    layers = [[s for s in present if depth[s] == d] for d in range(int(depth[present].max()) + 1)]
    relatives: dict[int, list[int]] = {s: list(parents[s]) for s in present}
    children: dict[int, list[int]] = {s: [] for s in present}
    for skill in present:
        for parent in parents[skill]:
            children[parent].append(skill)
    height = {s: i - (len(layer) - 1) / 2 for layer in layers for i, s in enumerate(layer)}
    widest = max(len(layer) for layer in layers)

    def sweep(order: list[list[int]], near: dict[int, list[int]]) -> None:
        for layer in order:
            wish = {s: float(np.mean([height[r] for r in near[s]])) if near[s] else height[s] for s in layer}
            layer.sort(key=lambda s: (wish[s], s))
            # evenly over the height: narrow layers spread out, so that their arrows do too
            gap = (widest - 1) / (len(layer) - 1) if len(layer) > 1 else 0.0
            gap = min(gap, max(1.0, 0.6 * widest / len(layer)))
            for position, s in enumerate(layer):
                height[s] = (position - (len(layer) - 1) / 2) * gap

    for _ in range(8):
        sweep(layers[1:], relatives)
        sweep(layers[-2::-1], children)
    return {s: (float(depth[s]), -height[s]) for s in height}
