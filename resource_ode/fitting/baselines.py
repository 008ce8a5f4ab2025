r"""What says something about a curve without any model of the tasks together: three baselines.

- last value: the mean of the last three rows.
- power law: $s = 1 - (1 + t/T_i)^{-b_i}$, a task at a time.
- sigmoid: a logistic curve of $x = t\,p_i^\gamma/T_i$ that starts at 0, with one steepness for all tasks and a ridge on
  $\ln T_i$; $\gamma = 1$ with one mixture, fitted with several.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .grid import Grid

LAST = 3
# spreads of the ridges: of ln T between tasks; of ln T and ln b of a power law, about the length of the run and 1
RIDGE, WIDE = 0.5, 2.0
# spread of the levels that the fit assumes, which sets how much a row counts
NOISE = 0.05


def predictions(first: Grid) -> dict[str, np.ndarray]:
    """Levels `(run, row, task)` on all rows by each baseline, fitted to the rows of `first` that are not NaN."""
    return {"last value": _last_value(first), "power law": _power_law(first), "sigmoid": _sigmoid(first)}


def times_by_frequency(times: np.ndarray, mixtures: np.ndarray, others: np.ndarray) -> np.ndarray:
    r"""Learning times in other mixtures, $T_i p_i^{-\gamma}$: one power for all tasks, by least squares of logarithms.

    **Arguments:** `times`: `(mixture, task)`, those measured, `inf` or NaN where there is none; `mixtures`: `(mixture,
    task)`, all above 0; `others`: `(other, task)`.

    **Returns:** `(other, task)`; NaN for a task that was learned in no mixture, or where no task was learned in two.
    """
    logs, shares = np.log(np.where(np.isfinite(times) & (times > 0), times, np.nan)), np.log(mixtures)
    shares = np.where(np.isfinite(logs), shares, np.nan)
    counts = np.maximum(np.isfinite(logs).sum(axis=0), 1)
    middle, center = np.nansum(logs, axis=0) / counts, np.nansum(shares, axis=0) / counts
    middle = np.where(np.isfinite(logs).any(axis=0), middle, np.nan)
    apart = np.nansum((shares - center) ** 2)
    power = -np.nansum((shares - center) * (logs - middle)) / apart if apart > 0 else math.nan
    return np.exp(middle - power * (np.log(others) - center))


def rms(predicted: np.ndarray, measured: np.ndarray) -> float:
    """Root of the mean squared difference, over what was measured."""
    left = (predicted - measured)[np.isfinite(measured)]
    return float(np.sqrt(np.mean(left**2))) if left.size else float("nan")


def _last_value(first: Grid) -> np.ndarray:
    found = np.full(first.levels.shape, np.nan)
    runs, _, tasks = first.levels.shape
    for run, task in np.ndindex(runs, tasks):
        curve = first.levels[run, :, task]
        curve = curve[np.isfinite(curve)]
        found[run, :, task] = curve[-LAST:].mean() if curve.size else 0.0
    return found


def _power_law(first: Grid) -> np.ndarray:
    means, counts = first.means()
    found = np.zeros(means.shape)
    scale = first.steps[-1]

    def curve_of(x: np.ndarray, steps: np.ndarray) -> np.ndarray:
        return -np.expm1(-np.exp(x[1]) * np.log1p(steps / (scale * np.exp(x[0]))))

    for place, task in np.ndindex(means.shape[0], means.shape[2]):
        curve, weight = means[place, :, task], np.sqrt(counts[place, :, task]) / NOISE

        def residuals(x: np.ndarray, curve: np.ndarray = curve, weight: np.ndarray = weight) -> np.ndarray:
            return np.append((curve_of(x, first.steps) - curve) * weight, x / WIDE)

        found[place, :, task] = curve_of(_least_squares(residuals, np.zeros(2)), first.steps)
    return found[first.tried]


def _sigmoid(first: Grid) -> np.ndarray:
    """One steepness, a time for each task, and with several constant mixtures a power of frequency."""
    tasks = len(first.names)
    constant = [mixture for mixture in first.mixtures if isinstance(mixture, np.ndarray)]
    weights = np.ones((len(first.mixtures), tasks))
    for place, mixture in enumerate(first.mixtures):
        if isinstance(mixture, np.ndarray):
            weights[place] = mixture
        elif mixture is not None:
            weights[place] = np.asarray(mixture.values).mean(axis=0)
    met = weights > 0
    logs = np.log(np.where(met, weights, 1))
    logs = logs - logs[met].mean()
    several = len(constant) > 1
    scale = first.steps[-1] / 2
    means, counts = first.means()
    used, root = counts > 0, np.sqrt(counts) / NOISE

    def curves_of(x: np.ndarray) -> np.ndarray:
        power = x[1] if several else 1.0
        times = scale * np.exp(x[2] + x[3:] - power * logs)
        steep = np.exp(np.clip(x[0], -2, 5))
        at = np.clip(first.steps[None, :, None] / times[:, None, :], 0, 50)
        start = 1 / (1 + np.exp(steep))
        found = (1 / (1 + np.exp(-np.clip(steep * (at - 1), -500, 500))) - start) / (1 - start)
        return np.where(met[:, None, :], found, 0)

    def residuals(x: np.ndarray) -> np.ndarray:
        ridge = np.concatenate([x[3:] / RIDGE, [(x[0] - 1.5) / 2, (x[1] - 1) / 2, x[2] / WIDE]])
        return np.append(((curves_of(x) - means) * root)[used], ridge)

    starts = [np.array([steep, 1.0, late, *np.zeros(tasks)]) for steep in (1.0, 2.0) for late in (-1.0, 0.0, 1.0)]
    best = min((_least_squares(residuals, start) for start in starts), key=lambda x: float(np.sum(residuals(x) ** 2)))
    return curves_of(best)[first.tried]


def _least_squares(residuals: Callable[[np.ndarray], np.ndarray], start: np.ndarray) -> Any:
    import scipy.optimize

    return scipy.optimize.least_squares(residuals, start, method="lm", max_nfev=2000).x
