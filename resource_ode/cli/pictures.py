"""Pictures of what was computed or saved, in files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..base import atomic
from .terminal import WrongInput

POOLS_DRAWN = 4


@contextlib.contextmanager
def _whatever_the_letters() -> Iterator[None]:
    """A letter that no font has is drawn as a box."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from")
        yield


@contextlib.contextmanager
def _panels(count: int) -> Iterator[tuple[Any, list[Any]]]:
    """A figure as wide as a page, in the style of all pictures, and axes below one another over the same times."""
    import matplotlib
    from matplotlib.figure import Figure

    from ..plot.style import STYLE, WIDTH

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(2 * WIDTH, 2.6 * count), layout="constrained")
        panels = list(figure.subplots(count, sharex=True, squeeze=False)[:, 0])
        yield figure, panels
        for axes in panels:
            axes.label_outer()


@_whatever_the_letters()
def draw_run(run: Any, path: Path) -> None:
    """A picture of a run: its levels above, its shares below."""
    from ..plot.runs import levels, shares

    # a panel of shares a pool; with interference shares may be negative, which nothing stacks
    pools = [None] if run.model.pool is None else list(range(run.model.pools))[:POOLS_DRAWN]
    pools = [] if run.model.interference is not None else pools
    with _panels(1 + len(pools)) as (figure, (above, *below)):
        levels(run, ax=above)
        for pool, axes in zip(pools, below, strict=True):
            shares(run, ax=axes, pool=pool)
            if pool is not None:
                axes.set_title(f"pool {pool}", loc="left")
    save_figure(figure, path)


@_whatever_the_letters()
def draw_batch(run: Any, path: Path) -> None:
    """A picture of a batch of runs: levels above, wasted shares below, by the first axis that has a name."""
    from ..plot.batch import batch

    panels = ["level"] if run.model.pool is not None else ["level", "waste"]
    over = next(iter(run.coordinates), None)
    with _panels(len(panels)) as (figure, grid):
        for quantity, axes in zip(panels, grid, strict=True):
            batch(run, quantity, over=over, ax=axes)
    save_figure(figure, path)


@_whatever_the_letters()
def draw_store(store: Path, path: Path, variables: list[str] | None) -> None:
    """Phase diagrams of all variables of a sweep, or of some."""
    import matplotlib

    matplotlib.use("Agg")
    from ..plot.phase_diagram import overview
    from ..sweeps import StoreError, open_dataset

    try:
        figure = overview(open_dataset(store), variables or None)
    except StoreError as error:
        raise WrongInput(str(error)) from None
    except ValueError as error:
        raise WrongInput(f"{store}: {re.sub('^variables:', '--variable:', str(error))}") from None
    save_figure(figure, path)


@_whatever_the_letters()
def save_figure(figure: Any, path: Path) -> None:
    """Write a figure, whole or not at all; pyplot would keep it open."""
    from matplotlib import pyplot

    try:
        atomic.write(path, lambda part: figure.savefig(part, format=path.suffix[1:].lower(), dpi=200))
    finally:
        pyplot.close(figure)
