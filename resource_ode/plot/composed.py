"""A figure of several pictures of one run."""

from __future__ import annotations

from ..base.annotations import Figure
from ..results.trajectory import Trajectory
from .graph_drawing import graph
from .runs import levels, shares
from .style import STYLE, legend_above


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
        # one bar, that of the graph, explains the colours of all three
        levels(run, ax=middle, colorbar=False)
        # names stand beside the levels; what is wasted is drawn last
        shares(run, ax=bottom, colorbar=False, legend=False)
        legend_above(bottom, [bottom.collections[-1]])
        # how high its arrows may be bent goes by the room that is left
        figure.draw_without_rendering()
        graph(run, ax=top)
    return figure
