"""Functions of the training step as piecewise-constant ones."""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np

from ..base.checks import positive_number, whole_number
from ..base.values import brief

# steps up to which a function is read at each, the most at which it is read of more, and pieces of a schedule
ALL_READ, MOST_READ, MOST_PIECES = 2**16, 2**18, 10_000
# where it seems to change over more than one in so many of the gaps between reads, all are read more closely
ROUGH = 8
# steps at which what it says of all at once is held against what it says of one
PROBED = 9


def sampled(function: Any, until: Any, tolerance: Any) -> tuple[np.ndarray, np.ndarray]:
    """Times and values of `Schedule.sampled`."""
    if not callable(function):
        raise ValueError(f"function: expected a function of the training step, got {brief(function)}")
    until = whole_number("until", until)
    allowed = positive_number("tolerance", tolerance)
    steps, rates, spent = _spent(function, until, allowed)
    # what was not read may use up half of it
    ends = _pieces(steps, spent, allowed * spent[-1] / (1 if until <= ALL_READ else 2))
    values = np.diff(spent[ends]) / np.diff(steps[ends])
    # sums leave rounding where nothing is spent
    return steps[ends].astype(float), np.append(np.maximum(values, 0), rates[-1])


def _spent(function: Any, until: int, allowed: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Steps, what the function is there, and what has been spent until then: of long runs not at each, but at more and
    more where what lies between may change by more than is allowed.
    """
    if until <= ALL_READ:
        steps = np.arange(until + 1)
    else:
        # at random places as well: a cycle may have its period in common with even ones
        even = np.linspace(0, until, ALL_READ // 2 + 1).round().astype(np.int64)
        between = even[:-1] + np.random.default_rng(0).integers(0, np.diff(even))
        steps = np.unique(np.concatenate([even, between]))
    rates = _read(function, steps)
    while True:
        width, change = np.diff(steps), np.diff(rates)
        # a line from each to the next; at each step itself where no step lies between
        each = rates[:-1] * width + change * (width - 1) / 2
        spent = np.append(0.0, np.cumsum(each))
        off = np.where(width > 1, _bend(steps, rates) * width, 0)
        # half is left to the pieces
        limit = allowed * spent[-1] / 2
        if off.sum() <= limit:
            return steps, rates, spent
        worst = np.flatnonzero(off > limit / (2 * off.size))
        wide = np.flatnonzero(width > 1)
        if worst.size > wide.size / ROUGH:
            # it changes everywhere, also where the reads do not show it
            worst = wide
        if steps.size + worst.size > MOST_READ:
            raise ValueError(
                f"tolerance: read at {steps.size:,} of {until:,} steps what is spent may still be off by "
                f"{off.sum() / spent[-1]:.2g} of the whole, expected at most {allowed / 2:.2g}; loosen it"
            )
        more = (steps[worst] + steps[worst + 1]) // 2
        steps, order = np.unique(np.concatenate([steps, more]), return_index=True)
        rates = np.concatenate([rates, _read(function, more)])[order]


def _bend(steps: np.ndarray, rates: np.ndarray) -> np.ndarray:
    """How far a value may be off the line between two reads, judged by how far each of them is off that between its
    neighbours.
    """
    before, after = np.diff(steps)[:-1], np.diff(steps)[1:]
    line = (rates[:-2] * after + rates[2:] * before) / (before + after)
    own = np.abs(rates[1:-1] - line)
    own = np.concatenate([own[:1], own, own[-1:]])
    return np.maximum(own[:-1], own[1:])


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
