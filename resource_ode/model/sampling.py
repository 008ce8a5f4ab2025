"""Functions of the training step as piecewise-constant ones."""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np

from ..base.checks import positive_number, whole_number
from ..base.values import brief

# steps at which a function is read, and pieces of a schedule
MOST_READ, MOST_PIECES = 2**16, 10_000
# steps at which what it says of all at once is held against what it says of one
PROBED = 9


def sampled(function: Any, until: Any, tolerance: Any) -> tuple[np.ndarray, np.ndarray]:
    """Times and values of `Schedule.sampled`."""
    if not callable(function):
        raise ValueError(f"function: expected a function of the training step, got {brief(function)}")
    until = whole_number("until", until)
    allowed = positive_number("tolerance", tolerance)
    steps = np.unique(np.linspace(0, until, min(until, MOST_READ) + 1).round().astype(np.int64))
    rates = _read(function, steps)
    spent = np.append(0.0, np.cumsum(rates[:-1] * np.diff(steps)))
    ends = _pieces(steps, spent, allowed * spent[-1])
    values = np.diff(spent[ends]) / np.diff(steps[ends])
    # sums leave rounding where nothing is spent
    return steps[ends].astype(float), np.append(np.maximum(values, 0), rates[-1])


def _read(function: Any, steps: np.ndarray) -> np.ndarray:
    """The function at each step: of all at once where it takes arrays."""
    try:
        # a copy, since the function may write into it
        values = np.asarray(function(steps.copy()), float)
    except Exception:  # a function of single steps says so in ways of its own
        values = None
    if values is not None and values.shape in ((), steps.shape) and not _agrees(function, steps, values):
        values = None
    if values is None or values.shape not in ((), steps.shape):
        try:
            values = np.asarray([float(function(int(step))) for step in steps])
        except (TypeError, ValueError) as error:
            raise ValueError(f"function: expected one number a training step, got {brief(error)}") from None
    values = np.broadcast_to(values, steps.shape)
    wrong = ~(np.isfinite(values) & (values >= 0))
    if wrong.any():
        place = int(np.argmax(wrong))
        raise ValueError(
            f"function: expected finite numbers of at least 0, got {values[place]:g} at step {steps[place]}"
        )
    return values


def _agrees(function: Any, steps: np.ndarray, values: np.ndarray) -> bool:
    """Whether a function says of all steps at once what it says of each: one that looks at all of them does not."""
    some = np.unique(np.linspace(0, steps.size - 1, PROBED).round().astype(int))
    try:
        single = np.asarray([float(function(int(step))) for step in steps[some]])
    except Exception:  # one that takes nothing but arrays
        return True
    near = 1e-4 * np.abs(single).max()
    return np.allclose(np.broadcast_to(values, steps.shape)[some], single, 1e-4, near, equal_nan=True)


def _pieces(steps: np.ndarray, spent: np.ndarray, allowed: float) -> np.ndarray:
    """Where pieces begin and end: split where a constant rate is the farthest off, until it is off by no more."""
    # not below what sums can resolve
    allowed = max(allowed, 1e-14 * float(spent[-1]))

    def worst(first: int, last: int) -> tuple[float, int, int, int]:
        here = slice(first, last + 1)
        slope = (spent[last] - spent[first]) / (steps[last] - steps[first])
        off = np.abs(spent[here] - spent[first] - slope * (steps[here] - steps[first]))
        place = int(np.argmax(off))
        return -float(off[place]), first + place, first, last

    ends = {0, len(steps) - 1}
    heap = [worst(0, len(steps) - 1)]
    while heap and -heap[0][0] > allowed:
        if len(ends) > MOST_PIECES:
            raise ValueError(
                f"tolerance: with {MOST_PIECES:,} pieces what is spent is still off by {-heap[0][0] / spent[-1]:.2g} "
                f"of the whole, expected at most {allowed / spent[-1]:.2g}; loosen it"
            )
        _, middle, first, last = heapq.heappop(heap)
        ends.add(middle)
        for part in ((first, middle), (middle, last)):
            heapq.heappush(heap, worst(*part))
    return np.array(sorted(ends))
