"""A batch of runs as medians and bands."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..base.annotations import Axes, Given
from ..results.trajectory import Trajectory
from .style import COLOURS, FEW, label_time_axis, legend_right, shortened_name, styled_axes

# what can be drawn of a batch, and whether it has a value per skill
QUANTITIES = {"level": True, "share": True, "loss": False, "waste": False}


def batch(
    run: Given[Trajectory],
    quantity: str = "level",
    *,
    quantiles: tuple[float, float] = (0.1, 0.9),
    skills: Any = None,
    ax: Axes | None = None,
    legend: bool = True,
) -> Axes:
    """A batch of runs: the median over its members, and a band between two quantiles.

    **Arguments:**

    - `run`: a [`resource_ode.Trajectory`][] with batch axes; members that failed are left out.
    - `quantity`: `"level"`, `"share"`, `"loss"` or `"waste"`.
    - `quantiles`: ends of the band, from 0 to 1.
    - `skills`: indices of up to eight skills to draw, default the first eight.
    - `ax`: matplotlib axes, a new figure by default.
    - `legend`: whether to name the skills and the band.

    **Returns:** the axes.

    **Raises:** `ValueError` for one run, an unknown quantity, or a batch of which every member failed.

    **Example:** `ro.plot.batch(ro.simulate(model.replace(wasted_resource=grid), ts))`
    """
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    if not isinstance(run, Trajectory):
        raise ValueError(f"run: expected a Trajectory, got {type(run).__name__}")
    if not run.batch_shape:
        raise ValueError("run: expected a batch of runs, got one run; draw it with ro.plot.levels")
    if quantity not in QUANTITIES:
        raise ValueError(f"quantity: expected one of {', '.join(QUANTITIES)}, got {quantity!r}")
    low, high = quantiles
    if not 0 <= low < high <= 1:
        raise ValueError(f"quantiles: expected two numbers from 0 to 1, the smaller one first, got {quantiles}")
    values = np.asarray(getattr(run, quantity))
    if quantity == "waste" and run.model.pool is not None:
        raise ValueError(
            "quantity: the waste of a model with pools has a value per pool; draw run[i] with ro.plot.shares"
        )
    by_skill = QUANTITIES[quantity]
    shape = values.shape[len(run.batch_shape) :]
    values = values.reshape(-1, *shape) if by_skill else values.reshape(-1, *shape, 1)
    chosen = list(range(min(values.shape[-1], FEW))) if skills is None else [int(skill) for skill in skills]
    if by_skill and (len(chosen) > FEW or not all(0 <= skill < values.shape[-1] for skill in chosen)):
        raise ValueError(f"skills: expected up to {FEW} indices from 0 to {values.shape[-1] - 1}, got {chosen}")
    kept = ~np.isnan(values[..., chosen]).all(axis=(1, 2))
    if not kept.any():
        raise ValueError(f"run: expected some members that succeeded, got none of {len(values)}")
    times, values = np.asarray(run.ts), values[kept]
    with styled_axes(ax) as ax:
        handles: list[Any] = []
        for skill, color in zip(chosen, COLOURS, strict=False):
            here = values[..., skill]
            here = here[~np.isnan(here).any(axis=1)]  # padding of smaller graphs
            below, middle, above = np.quantile(here, [low, 0.5, high], axis=0)
            ax.fill_between(times, below, above, color=color, alpha=0.2, linewidth=0)
            ax.plot(times, middle, color=color, linewidth=1.3)
            if by_skill:
                handles.append(Line2D([], [], color=color, label=shortened_name(_name(run, skill))))
        label_time_axis(ax, times)
        ax.set_ylabel("share of the resource" if quantity == "share" else quantity)
        if quantity in ("level", "share"):
            ax.set_ylim(min(0.0, float(np.nanmin(values))) - 0.02, 1.02)
        if legend:
            members = f"{low:.0%} to {high:.0%}\nof {int(kept.sum())} runs"
            handles += [Line2D([], [], color="0.4", label="median"), Patch(color="0.8", label=members)]
            legend_right(ax, handles)
    return ax


def _name(run: Trajectory, skill: int) -> str:
    """The name of a skill, where all members have the same."""
    names = run.model.graph.names
    return names[skill] if names and isinstance(names[skill], str) else f"skill {skill + 1}"
