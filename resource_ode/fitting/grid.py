"""Runs on common rows: what least squares needs of the curves."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from .curves import RISEN, Curves

# more rows than this are averaged in groups of neighbours
MOST_ROWS = 128
# a mean curve is flat from where on it stays this near to the mean of its last rows
FLAT, LAST = 0.1, 3


@dataclasses.dataclass(frozen=True, eq=False)
class Grid:
    """Levels of every run on common rows.

    `steps`: `(row,)`; `levels`: `(run, row, task)`, NaN where nothing was measured; `mixtures`: what was tried, each
    once, an array `(task,)`, a schedule or `None`; `tried`: which of them each run has.
    """

    names: tuple[str, ...]
    steps: np.ndarray
    levels: np.ndarray
    mixtures: list[Any]
    tried: np.ndarray

    def means(self) -> tuple[np.ndarray, np.ndarray]:
        """The mean level of the runs of each mixture `(mixture, row, task)`, 0 where nothing was measured, and of how
        many runs.
        """
        measured = np.isfinite(self.levels)
        counts = self.summed(measured.astype(float))
        return self.summed(np.where(measured, self.levels, 0)) / np.maximum(counts, 1), counts

    def summed(self, values: np.ndarray) -> np.ndarray:
        """Sums over the runs of each mixture."""
        found = np.zeros((len(self.mixtures), *values.shape[1:]))
        np.add.at(found, self.tried, values)
        return found

    def first(self, part: float) -> Grid:
        """The same rows, with NaN from the part on."""
        return self._cut(part, True)

    def rest(self, part: float) -> Grid:
        """The same rows, with NaN before the part."""
        return self._cut(part, False)

    def rises(self) -> tuple[int, int]:
        """The rows at which all mean curves that rise have begun to, and from which on all are flat."""
        means, counts = self.means()
        begun = flat = 0
        for place, task in np.ndindex(means.shape[0], means.shape[2]):
            rows = np.flatnonzero(counts[place, :, task])
            if not rows.size:
                continue
            curve = means[place, rows, task]
            moving = rows[np.abs(curve - curve[-LAST:].mean()) > FLAT]
            risen = rows[curve > RISEN]
            flat = max(flat, int(moving[-1]) + 1) if moving.size else flat
            begun = max(begun, int(risen[0])) if moving.size and risen.size else begun
        return begun, min(flat, len(self.steps) - 1)

    def until(self, row: int) -> Grid:
        """The same rows, with NaN behind one of them."""
        levels = self.levels.copy()
        levels[:, row + 1 :] = np.nan
        return dataclasses.replace(self, levels=levels)

    def _cut(self, part: float, early: bool) -> Grid:
        levels = self.levels.copy()
        for run in levels:
            rows = np.flatnonzero(np.isfinite(run).any(axis=1))
            split = int(np.ceil(part * len(rows)))
            run[rows[split:] if early else rows[:split]] = np.nan
        return dataclasses.replace(self, levels=levels)


def on_grid(curves: Curves, most: int = MOST_ROWS) -> Grid:
    """The curves on rows that all runs share: the steps of all of them, or `most` groups of neighbouring ones."""
    every = np.unique(np.concatenate([run.steps for run in curves.runs]))
    groups = np.arange(len(every)) if len(every) <= most else np.arange(len(every)) * most // len(every)
    rows = int(groups[-1]) + 1
    sums, counts = np.zeros((len(curves.runs), rows, len(curves.names))), np.zeros((len(curves.runs), rows, 1))
    filled = np.zeros_like(sums)
    step_sums = np.zeros(rows)
    for place, run in enumerate(curves.runs):
        at = groups[np.searchsorted(every, run.steps)]
        measured = np.isfinite(run.levels)
        np.add.at(sums[place], at, np.where(measured, run.levels, 0))
        np.add.at(filled[place], at, measured.astype(float))
        np.add.at(counts[place, :, 0], at, 1)
        np.add.at(step_sums, at, run.steps)
    steps = step_sums / counts.sum(axis=(0, 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        levels = sums / filled
    mixtures: list[Any] = []
    keys: list[Any] = []
    tried = []
    for run in curves.runs:
        key: Any = None
        if run.scheduled:
            key = (run.mixture.times.tobytes(), run.mixture.values.tobytes()) if hasattr(
                run.mixture.times, "tobytes") else id(run.mixture)  # fmt: skip
        elif run.mixture is not None:
            key = tuple(run.mixture.tolist())
        if key not in keys:
            keys.append(key)
            mixtures.append(run.mixture)
        tried.append(keys.index(key))
    return Grid(curves.names, steps, levels, mixtures, np.array(tried))
