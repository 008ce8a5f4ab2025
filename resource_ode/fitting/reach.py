r"""How far a fit may be asked of other mixtures: what it misses where that can be checked, and how fast that grows.

The distance of a mixture from those tried is $\max_i \min_k |\ln(q_i/q_{ki})|$: for the task that is worst off, how far
its share $q_i$ is from the nearest share $q_{ki}$ it was tried with. Each mixture is left out of the fit in turn; the
errors of what the rest says of it, per unit of distance, are by how much intervals of predictions grow.
"""

from __future__ import annotations

import dataclasses
import math
import warnings
from typing import Any

import numpy as np

from ..solve.learning import learning_times
from . import arguments
from .fit import Fit
from .freedom import POWER
from .intervals import neighbours, value_and_slopes

# how far beyond the shares tried a mixture may be: between two tried mixtures, and around a single one
FACTOR, ALONE = 1.25, 1.5
# rounding of shares that sum to 1
SLACK = 1.03


@dataclasses.dataclass(frozen=True)
class Reach:
    """What is known of the learning times that a fit predicts.

    **Fields:** `tried`: `(mixture, task)`, shares; `factor`: `(task,)`, measured over fitted learning times in the
    mixtures tried (a geometric mean), by which predictions are multiplied; `error`: standard deviation of the logarithm
    of what that leaves; `growth`: what is added per unit of distance.
    """

    tried: np.ndarray
    factor: np.ndarray
    error: float
    growth: float

    def distance(self, shares: np.ndarray, open_tasks: Any = True) -> np.ndarray:
        """Distance of mixtures `(*batch, task)` from those tried; tasks that are not open do not count."""
        return distance(shares, self.tried, open_tasks)

    def spread(self, distance: Any) -> np.ndarray:
        """Standard deviation of the logarithm of a learning time at a distance."""
        return np.asarray(np.hypot(self.error, self.growth * np.asarray(distance)))


def distance(shares: np.ndarray, tried: np.ndarray, open_tasks: Any = True) -> np.ndarray:
    """The distance of mixtures `(*batch, task)` from those tried, `(mixture, task)`; 0 where none of these is known."""
    if not len(tried):
        return np.zeros(shares.shape[:-1])
    with np.errstate(divide="ignore"):
        apart = np.abs(np.log(shares[..., None, :]) - np.log(tried)).min(axis=-2)
    return np.asarray(np.where(open_tasks, apart, 0.0).max(axis=-1))


def reach_of(found: Fit, level: float) -> Reach:
    """How far the fit may be asked."""
    tried = np.array(arguments.distinct_shares(found.problem.grid.mixtures)).reshape(-1, len(found.names))
    places = constant_places(found)
    off = off_at(found, found.x, places, level)
    factor = middle(off)
    left = off - factor
    known = np.isfinite(left)
    # as many numbers were taken from the same times
    free = max(int(known.sum() - known.any(axis=0).sum()), 1)
    error = math.sqrt(float(np.sum(left[known] ** 2)) / free) if len(places) > 1 else misses(off)
    return Reach(tried, np.exp(factor), error, _growth(found, places, level))


def constant_places(found: Fit) -> list[int]:
    """Places of the mixtures that do not change on the way, among those of the runs."""
    return [k for k, each in enumerate(found.problem.grid.mixtures) if each is None or isinstance(each, np.ndarray)]


def misses(off: np.ndarray) -> float:
    """The root mean square of what is finite."""
    known = np.isfinite(off)
    return float(np.sqrt(np.mean(off[known] ** 2))) if known.any() else 0.0


def _growth(found: Fit, places: list[int], level: float) -> float:
    """Errors over distances, of each mixture that has all tasks when it is left out of the fit; where there are no two,
    what is not known of the power of frequency.
    """
    grid = found.problem.grid
    whole = [k for k in places if grid.mixtures[k] is not None and grid.mixtures[k].all()]
    if len(arguments.distinct_shares([grid.mixtures[k] for k in whole])) < 2:
        return POWER
    shares = {k: grid.mixtures[k] / grid.mixtures[k].sum() for k in whole}
    rates = []
    for left_out in whole:
        others = [k for k in places if k != left_out]
        levels = np.where((grid.tried == left_out)[:, None, None], np.nan, grid.levels)
        problem = dataclasses.replace(found.problem, grid=dataclasses.replace(grid, levels=levels))
        x = problem.solve(found.x)
        off = off_at(found, x, [left_out], level)[0] - middle(off_at(found, x, others, level))
        apart = distance(shares[left_out], np.array([shares[k] for k in whole if k != left_out]))
        # what is as near as this counts as tried
        rates += (off[np.isfinite(off)] / max(float(apart), math.log(FACTOR))).tolist()
    return misses(np.array(rates))


def measured_logs(found: Fit, places: list[int], level: float) -> np.ndarray:
    """Logarithms of measured learning times, medians of the runs, `(mixture, task)`; NaN where none was reached."""
    measured, tried = found.curves.learning_times(level), found.problem.grid.tried
    rows = []
    for place in places:
        own = measured[tried == place]
        known = np.isfinite(own) & (own > 0)
        rows.append([np.median(column[good]) if good.any() else np.nan
                     for column, good in zip(own.T, known.T, strict=True)])  # fmt: skip
    return np.log(np.array(rows, float).reshape(len(places), len(found.names)))


def was_measured(found: Fit, level: float) -> np.ndarray:
    """Whether a run tells when a task reaches the level, `(task,)`."""
    times = found.curves.learning_times(level)
    return np.any(np.isfinite(times) & (times > 0), axis=0)


def off_at(found: Fit, x: np.ndarray, places: list[int], level: float) -> np.ndarray:
    """Logarithms of measured over fitted learning times `(mixture, task)`, by the vector `x`; NaN if not known."""
    if not places:
        return np.zeros((0, len(found.names)))
    mixtures = [found.problem.grid.mixtures[place] for place in places]
    rows = np.stack([np.ones(len(found.names)) if mixture is None else mixture for mixture in mixtures])
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = measured_logs(found, places, level) - np.log(learning_times(found.model_of(rows, x), level))
    return np.where(np.isfinite(ratio), ratio, np.nan)


def middle(off: np.ndarray) -> np.ndarray:
    """Means over the mixtures, 0 for a task of which nothing is known."""
    known = np.isfinite(off)
    return np.where(known, off, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)


def is_inside(found: Fit, mixture: np.ndarray) -> bool:
    """Whether a mixture is near enough to those tried."""
    share = mixture / mixture.sum()
    return within(share, np.array(arguments.distinct_shares(found.problem.grid.mixtures)))


def within(share: np.ndarray, tried: np.ndarray) -> bool:
    """Whether no share is farther from those tried than they allow."""
    least, most = trust(tried)
    return bool(np.all((share >= least / SLACK) & (share <= most * SLACK)))


def trust(shares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The least and most share of each task that the mixtures tried allow. Runs that leave a task out show nothing of
    how it is learned from a small share.
    """
    factor = ALONE if len(shares) == 1 else FACTOR
    return np.where(shares > 0, shares, np.inf).min(axis=0) / factor, shares.max(axis=0) * factor


# -- derivatives of what is predicted


def logs_and_slopes(found: Fit, mixtures: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Logarithms of learning times in mixtures, `(mixture, task)`, and their derivatives `(mixture, task, number)`."""
    many = neighbours(found.problem, found.x)
    times = [np.asarray(learning_times(found.model_of(mixtures, many[0]), level))]
    with warnings.catch_warnings():
        # what cannot be solved is said once
        warnings.simplefilter("ignore")
        times += [np.asarray(learning_times(found.model_of(mixtures, x), level)) for x in many[1:]]
    return value_and_slopes(many, np.log(np.stack(times)))


def factor_slopes(found: Fit, level: float) -> np.ndarray:
    """Derivatives `(task, number)` of the logarithms of measured over fitted learning times, by which predictions are
    multiplied: what moves the model in all mixtures moves no prediction.
    """
    many, places = neighbours(found.problem, found.x), constant_places(found)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        factors = [middle(off_at(found, x, places, level)) for x in many]
    return value_and_slopes(many, np.stack(factors))[1]
