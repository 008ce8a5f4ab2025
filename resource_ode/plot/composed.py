"""A figure of several pictures of one run."""

from __future__ import annotations

from ..base.annotations import Figure
from ..results.trajectory import Trajectory
from .graph_drawing import graph
from .runs import levels, shares
from .style import STYLE


def summary(run: Trajectory) -> Figure:
    """One run at a glance: its graph, coloured by learning time, its levels and its shares.

    **Arguments:** `run`: one [`resource_ode.Trajectory`][].

    **Returns:** a matplotlib figure.

    **Example:** `ro.plot.summary(run).savefig("run.png")`
    """
    import matplotlib

    from .shown import ShownFigure

    with matplotlib.rc_context(STYLE):
        figure = ShownFigure(figsize=(7.0, 6.0), layout="constrained", dpi=200)
        top, middle, bottom = figure.subplots(3, 1, height_ratios=(1.2, 1, 1))
        graph(run, ax=top)
        # one bar explains the colours of all three
        levels(run, ax=middle, colorbar=False)
        shares(run, ax=bottom, colorbar=False)
    return figure
