r"""Intervals of what a fit predicts, to first order in its parameters: of the band, of learning times, of factors.

$$ \operatorname{var} f = \nabla f \cdot (J^\top J)^{-1} \nabla f $$

$J$ are derivatives of the levels that were fitted, over the noise of those that tell the parameters, and those of the
ridge, so that what the curves do not show is as wide as what was known before. Predictions hardly change along what
the curves do not tell, so that there, too, first order is enough; parameters drawn along it leave the fit where it is
curved, and what is drawn lies beside the prediction.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .search import Problem

# ends of a 95 % interval, in standard deviations
INTERVAL = 1.96
# less information than this there is along no direction: the interval is said to be wide, not to have no width
LEAST_INFORMATION = 1e-9
# derivatives by differences over so much of a parameter: rounding of times solved to 1e-4 and curvature are both small
STEP = 0.02


def directions(problem: Problem, x: np.ndarray) -> np.ndarray:
    """A standard deviation along each independent direction of the fitted vector, `(number, direction)`: the root of
    its covariance.
    """
    slopes = problem.with_noise_that_counts(x).slopes(x)
    values, vectors = np.linalg.eigh(np.einsum("rk,rl->kl", slopes, slopes))
    return vectors / np.sqrt(np.maximum(values, LEAST_INFORMATION))


def half_width(along: np.ndarray, apart: Any = 0.0) -> np.ndarray:
    """Half a 95 % interval, of derivatives along the directions `(*batch, direction)`, and what else is off by a
    standard deviation `apart`; infinite where a derivative is not known.
    """
    half = INTERVAL * np.sqrt(np.sum(along**2, axis=-1) + np.square(apart))
    return np.where(np.isnan(half), np.inf, half)


def neighbours(problem: Problem, x: np.ndarray) -> np.ndarray:
    """The fitted vector, and those a step away in each number, within the bounds: `(vector, number)`."""
    steps = STEP * np.eye(x.size)
    return np.clip(np.concatenate([x[None], x + steps, x - steps]), problem.low, problem.high)


def value_and_slopes(many: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What a function of the vector is at the fit, `(*shape,)`, and its derivatives `(*shape, number)`, of its values
    at the neighbours, `(vector, *shape)`.
    """
    above, below = np.split(values[1:], 2)
    apart = np.diagonal(np.subtract(*np.split(many[1:], 2)))
    with np.errstate(invalid="ignore"):
        return values[0], np.moveaxis(above - below, 0, -1) / apart
