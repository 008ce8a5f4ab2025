"""The picture of networks that learn parities beside the model."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np

from ...results.trajectory import Trajectory
from .training import ParityRun

# of a level, what counts as its end in the picture
END_OF_RISE = 0.99


def parity_figure(
    figure: Any,
    trained: ParityRun,
    theory: Trajectory,
    late: np.ndarray,
    rms: float,
    accuracy: float,
    fitted: Any = None,
) -> None:
    """Networks beside the paper's parameters, and where there is one beside the fit of the extended model."""
    named = zip(trained.names, late, strict=True)
    said = [f"{lateness(delay)} for {name}" for name, delay in named if np.isfinite(delay)]
    where = f"; the model reaches {accuracy:.0%} accuracy {', '.join(said)}" if said else ""
    title = f"The paper's parameters, no fit: median and model differ by {rms:.2f} in level (RMS){where}."
    axes = figure.subplots(1, 1 if fitted is None else 2, squeeze=False, sharey=True)[0]
    _levels_panel(axes[0], trained, np.asarray(theory.level), "a", title)
    if fitted is not None:
        title = f"With a plateau, fitted to these curves: they differ by {fitted[1]:.2f}."
        _levels_panel(axes[1], trained, fitted[0], "b", title)
        axes[1].set_ylabel("")
        last = max(ax.get_xlim()[1] for ax in axes)
        for ax in axes:
            ax.set_xlim(0, last)
    right = axes[-1].secondary_yaxis("right", functions=(lambda s: (1 + s) / 2, lambda accuracy: 2 * accuracy - 1))
    right.set_ylabel("accuracy")
    _parity_legend(axes[-1], trained)


def _levels_panel(ax: Any, trained: ParityRun, expected: np.ndarray, letter: str, title: str) -> None:
    """Networks in thin lines, and a model's levels in dashes."""
    from ...plot.style import COLOURS

    steps, level = np.asarray(trained.steps), level_of(trained)
    median = np.median(level, axis=0)
    shown: list[np.ndarray] = []
    for task, color in zip(range(len(trained.names)), COLOURS, strict=False):
        for curve in level[..., task]:
            ax.plot(steps, curve, color=color, linewidth=0.4, alpha=0.45)
        ax.plot(steps, median[:, task], color=color, linewidth=1.0)
        # of curves that lie on one another, each takes its turn at the dashes
        turn = sum(np.allclose(expected[:, task], other, atol=1e-3) for other in shown)
        shown.append(expected[:, task])
        ax.plot(steps, expected[:, task], color=color, linewidth=2.2, linestyle=(4.4 * turn, (2.2, 1.8)), zorder=4)
    # until all is learned, and a little beyond
    busy = np.flatnonzero((np.minimum(expected, median) < END_OF_RISE).any(axis=1))
    ax.set_xlim(0, min(1.1 * steps[busy[-1]] if busy.size else np.inf, steps[-1]))
    ax.set_ylim(-0.06, 1.04)
    ax.set_xlabel("training steps")
    ax.set_ylabel("level  (2 accuracy $-$ 1)")
    ax.spines["top"].set_visible(False)
    ax.set_title(rf"$\bf{{{letter}}}$  " + textwrap.fill(title, 61), loc="left", fontsize=7)


def _parity_legend(ax: Any, trained: ParityRun) -> None:
    from matplotlib.lines import Line2D

    from ...plot.style import COLOURS

    handles = [
        Line2D([], [], color=color, linewidth=3, label=f"{name}: parity of {len(subset)} bits")
        for name, subset, color in zip(trained.names, trained.tasks.subsets, COLOURS, strict=False)
    ]
    handles += [
        Line2D([], [], color="0.3", linewidth=0.4, label="networks, one per seed"),
        Line2D([], [], color="0.3", linewidth=1.0, label="networks, median"),
        Line2D([], [], color="0.3", linewidth=2.2, linestyle=(0, (2.2, 1.8)), label="Resource model"),
    ]
    ax.legend(handles=handles, loc="center left", bbox_to_anchor=(1.18, 0.5), frameon=False, handlelength=2.4)


def level_of(trained: ParityRun) -> np.ndarray:
    """Level by accuracy, not clipped: an untrained network may be a little below."""
    return 2 * np.asarray(trained.accuracy) - 1


def lateness(late: float) -> str:
    return f"{abs(late):.0%} {'later' if late > 0 else 'earlier'}"
