"""The picture of a graph: skills from left to right by depth, an arrow for each dependency."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..base.annotations import Axes, Given, Numbers
from ..base.checks import truth_value
from ..graphs.graph import SkillGraph
from ..model.model import ResourceModel
from ..results.trajectory import Trajectory
from .colouring import colour_by, half_times
from .names import name_nodes
from .style import (
    COLOURS,
    FEW,
    LEARNING_TIME,
    as_numbers,
    legend_above,
    shortened_name,
    size_in_points,
    styled_axes,
)

# among more skills than this there is never room for names
MOST_NAMED = 60
# how far an arrow that passes over a layer is bent: a part of its length, over all layers at most one of the height
BEND, ARC = 0.18, 0.4


def graph(
    source: Given[SkillGraph | ResourceModel | Trajectory],
    *,
    times: Numbers | None = None,
    ax: Axes | None = None,
    legend: Given[bool] = True,
    colorbar: Given[bool] = True,
) -> Axes:
    """A skill graph in layers by depth, with arrows from each prerequisite to the skills that require it.

    Circles need all of their prerequisites, diamonds any one. Skills carry their names where there is room for all.

    **Arguments:**

    - `source`: one [`resource_ode.SkillGraph`][], a model that has one, or a run: then skills have the colours of the
        other pictures of the run.
    - `times`: `(skill,)` learning times to colour by, training steps (`inf` or NaN: never learned).
    - `ax`: matplotlib axes, a new figure by default.
    - `legend`, `colorbar`: whether to explain shapes and colours.

    **Returns:** the axes.

    **Raises:** `ValueError` for a batch, or times of another shape.

    **Example:** `ro.plot.graph(model, times=ro.learning_times(model))`
    """
    from matplotlib.lines import Line2D

    skills = _one_graph(source)
    for name, flag in (("legend", legend), ("colorbar", colorbar)):
        truth_value(name, flag)
    present = [int(skill) for skill in np.flatnonzero(np.asarray(skills.present))]
    parents = skills.prerequisite_lists()
    depth = np.asarray(skills.depth)
    if times is not None:
        times = as_numbers("times", times)
        if times.shape != (skills.skills,):
            expected = f"one learning time per skill, shape ({skills.skills},)"
            raise ValueError(f"times: expected {expected}, got {times.shape}")
    any_gate = np.asarray(
        [bool(gate) and len(row) > 1 for gate, row in zip(np.asarray(skills.any_gate), parents, strict=True)]
    )
    places = layered_places(parents, depth, present)
    layers, widest = int(depth[present].max()) + 1, int(np.bincount(depth[present]).max())
    with styled_axes(ax, height=float(np.clip(0.25 * widest + 1.2, 2.0, 4.0))) as ax:
        colors: Any = [COLOURS[5]] * skills.skills
        if times is not None:
            colors = colour_by(ax, times, LEARNING_TIME, colorbar=colorbar)
        elif isinstance(source, Trajectory) and skills.skills <= FEW:
            colors = COLOURS[: skills.skills]
        elif isinstance(source, Trajectory):
            colors = colour_by(ax, half_times(source), LEARNING_TIME, missing="not learned yet", colorbar=colorbar)
        # in points across: a node keeps clear of its neighbours in the layer and of the next layer
        wide, tall = size_in_points(ax)
        size = float(np.clip(min(0.8 * tall / (widest + 0.3), 0.6 * wide / layers), 3, 11))
        ax.set_xlim(-0.5, layers - 0.5)
        # flat axes leave no room for a high arc
        bend = min(BEND, ARC * tall / wide)
        ax.set_ylim(*_limits(parents, places, bend * wide / layers / tall))
        _draw_arrows(ax, parents, present, places, size, bend)
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
        ax.set_xlabel("depth in the graph")
        step = max(1, math.ceil(layers * 16 / wide))
        ax.set_xticks(range(0, layers, step))
        ax.set_yticks([])
        if not ax.spines["right"].get_visible():
            # without a box, a line without ticks says nothing
            ax.spines["left"].set_visible(False)
        if legend and any_gate.any():
            look = {"linestyle": "", "markerfacecolor": "white", "markeredgecolor": "black", "markersize": 5}
            handles = [
                Line2D([], [], marker="o", label="needs all", **look),
                Line2D([], [], marker="D", label="needs any", **{**look, "markersize": 4.3}),
            ]
            legend_above(ax, handles)
        if len(present) <= MOST_NAMED:
            name_nodes(ax, [shortened_name(skills.name_of(skill)) for skill in present], places, present, size)
    return ax


def _draw_arrows(
    ax: Axes,
    parents: list[list[int]],
    present: list[int],
    places: dict[int, tuple[float, float]],
    size: float,
    most: float,
) -> None:
    """From each prerequisite to the skills that require it; `size` is that of a node, in points, `most` a bend."""
    from matplotlib.patches import FancyArrowPatch

    edges = sum(len(row) for row in parents)
    faint = float(np.clip(4 / math.sqrt(max(edges, 1)), 0.3, 0.8))
    for skill in present:
        for parent in parents[skill]:
            (x0, y0), (x1, y1) = places[parent], places[skill]
            # an arrow that passes over a layer is bent around the nodes in its way
            bend = 0.0 if x1 - x0 == 1 else most * (1 if (y0 + y1) >= 0 else -1)
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
                clip_on=False,
            )
            ax.add_patch(arrow)


def _limits(parents: list[list[int]], places: dict[int, tuple[float, float]], arc: float) -> tuple[float, float]:
    """Ends of the vertical axis, so that bent arrows stay inside: `arc` is the bend of one layer over the height."""
    half = max(abs(y) for _, y in places.values())
    low, high = -half - 0.8, half + 0.5
    bent = [(places[p], places[s]) for s in places for p in parents[s] if places[s][0] - places[p][0] > 1]
    if bent:
        start, end = np.swapaxes(np.asarray(bent), 0, 1)
        middle, layers = (start[:, 1] + end[:, 1]) / 2, end[:, 0] - start[:, 0]
        # at its middle an arrow is half its bend away from a straight one; in skills that goes by the limits
        for _ in range(3):
            away = middle + np.where(middle >= 0, 0.5, -0.5) * arc * layers * (high - low)
            low, high = min(low, float(away.min()) - 0.1), max(high, float(away.max()) + 0.1)
    return low, high


def _one_graph(source: Any) -> SkillGraph:
    found = source.model if isinstance(source, Trajectory) else source
    found = found.graph if isinstance(found, ResourceModel) else found
    if not isinstance(found, SkillGraph):
        raise ValueError(f"source: expected a SkillGraph, a ResourceModel or a Trajectory, got {type(found).__name__}")
    if found.batch_shape:
        index = ", ".join("ijkl"[: len(found.batch_shape)])
        raise ValueError(f"source: expected one graph, got a batch of shape {found.batch_shape}; pass graph[{index}]")
    return found


def layered_places(parents: list[list[int]], depth: np.ndarray, present: list[int]) -> dict[int, tuple[float, float]]:
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
