"""What curves and their mixtures do not show, or what in them cannot be so, in sentences."""

from __future__ import annotations

import numpy as np

from ..base.values import brief
from ..base.words import said_step
from .arguments import unlike_sums
from .curves import LEARNED, Curves, named
from .grid import Grid


def checked(curves: Curves, grid: Grid) -> list[str]:
    """Sentences on what is to be known of a fit to these curves.

    **Raises:** `ValueError` for curves of which none shows a task being learned.
    """
    said = unlike_sums(grid.mixtures)
    flat, last = curves.never_rising(), said_step(grid.steps[-1])
    if len(flat) == len(curves.names):
        raise ValueError(
            f"runs: expected a task that rises, got none: column {flat[0]!r} and all others stay below a level of 0.2 "
            f"up to the last row, step {last}; train longer, or give chance and ceiling"
        )
    early, unmet = curves.learned_before(), never_met(curves)
    if len({*flat, *early, *unmet}) == len(curves.names):
        if not early:
            raise ValueError(
                f"runs: expected a task that rises in a run that met it, got none: column {unmet[0]!r} is met in no "
                "run, by their mixtures; check the mixtures"
            )
        raise ValueError(
            f"runs: expected a task whose rise was measured, got none: column {early[0]!r} is at a level of 0.8 or "
            "more from the first row on; measure from the beginning, or give chance and ceiling"
        )
    if early:
        said.append(
            f"column {named(early)} is at a level of 0.8 or more from the first row on: when it is learned was not "
            "measured, and its learnability is bounded from below only"
        )
    if unmet:
        said.append(f"column {named(unmet)} is met in no run, by their mixtures: how it is learned is not known")
    late = [name for name in flat if name not in unmet]
    if late:
        said.append(
            f"column {named(late)} never rises above a level of 0.2 up to the last row, step {last}: its "
            "learnability is bounded from above only"
        )
    return said + learned_unmet(curves)


def rising(curves: Curves) -> list[bool]:
    """Whether each task rises, and in a run that met it."""
    without = {*curves.never_rising(), *never_met(curves)}
    return [name not in without for name in curves.names]


def never_met(curves: Curves) -> list[str]:
    """Tasks that no run met, by its mixture."""
    return [name for name, met in zip(curves.names, _met(curves).T, strict=True) if not met.any()]


def learned_unmet(curves: Curves) -> list[str]:
    """A sentence where tasks are learned that a mixture leaves out, or none."""
    places = np.argwhere((curves.highest() >= LEARNED) & ~_met(curves))
    if not len(places):
        return []
    run, task = places[0]
    more = f" (and so with {len(places) - 1} more)" if len(places) > 1 else ""
    return [
        f"run {brief(curves.runs[run].name)}: expected column {brief(curves.names[task])} to stay low, since its "
        f"mixture says that the task is never met, got a level of 0.8 or more; check the mixture{more}"
    ]


def _met(curves: Curves) -> np.ndarray:
    """Whether a run met a task, by its mixture, `(run, task)`; where none is known, it did."""
    every = np.ones(len(curves.names), bool)
    rows = [
        every if run.mixture is None
        else np.asarray(run.mixture.values).max(axis=0) > 0 if run.scheduled
        else run.mixture > 0
        for run in curves.runs
    ]  # fmt: skip
    return np.array(rows)
