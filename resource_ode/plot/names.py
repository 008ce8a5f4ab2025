"""Names beside what they name, drawn only where none lies on another."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..base.annotations import Axes

# font sizes to try, and where a name is put relative to its node: below it, or to its right
SIZES = (7.0, 6.0, 5.0)
PLACES = ("below", "right")


def boxes(ax: Axes, texts: list[Any]) -> np.ndarray:
    """`(text, 4)`: left, bottom, right and top of texts as they will be drawn, in pixels."""
    # where axes stand is only known once the figure has been laid out, of which they may be in a part
    figure = ax.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()
    found = [text.get_window_extent().extents for text in texts]
    return np.asarray(found, dtype=float).reshape(-1, 4)


def overlap(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """`(first, second)`: which boxes share some area."""
    a, b = first[:, None], second[None]
    return (a[..., 0] < b[..., 2]) & (b[..., 0] < a[..., 2]) & (a[..., 1] < b[..., 3]) & (b[..., 1] < a[..., 3])


def apart(found: np.ndarray) -> bool:
    """Whether no box shares area with another."""
    return not np.triu(overlap(found, found), 1).any()


def fit_on(ax: Axes, texts: list[Any]) -> bool:
    """Whether texts keep apart from one another and stay on the figure."""
    found = boxes(ax, texts)
    edge = ax.figure.bbox.extents
    return bool(apart(found) and (found[:, 0] >= edge[0]).all() and (found[:, 2] <= edge[2]).all())


def name_nodes(
    ax: Axes, names: list[str], places: dict[int, tuple[float, float]], nodes: list[int], size: float
) -> None:
    """Names of the nodes of a graph, `size` points wide, in the largest letters that fit; none if they do not fit."""
    from matplotlib.patheffects import withStroke

    where = np.asarray([places[node] for node in nodes])
    # an arrow may pass under a name
    halo = withStroke(linewidth=2, foreground="white")
    for letters in SIZES:
        for place in PLACES:
            below = place == "below"
            texts = [
                ax.annotate(
                    name,
                    tuple(at),
                    parse_math=False,
                    xytext=(0, -size / 2 - 1) if below else (size / 2 + 1, 0),
                    textcoords="offset points",
                    ha="center" if below else "left",
                    va="top" if below else "center",
                    fontsize=letters,
                    zorder=3,
                    path_effects=[halo],
                )
                for name, at in zip(names, where, strict=True)
            ]
            found = boxes(ax, texts)
            middle = ax.transData.transform(where)
            half = size / 2 * ax.figure.dpi / 72
            discs = np.concatenate([middle - half, middle + half], axis=1)
            covered = overlap(found, discs)
            np.fill_diagonal(covered, False)
            inside = ax.figure.bbox.extents
            kept = (found[:, 0] >= inside[0]) & (found[:, 2] <= inside[2]) & (found[:, 1] >= ax.bbox.extents[1])
            if apart(found) and not covered.any() and kept.all():
                return
            for text in texts:
                text.remove()
