"""`what_if`: what the fitted model says of other mixtures, and how far it may be asked.

Measured on small networks, the model predicts mixtures near those that were tried within 10 to 20 %; far away it may be
wrong by a factor, and the intervals say by which: they grow as do errors of mixtures that are left out of the fit.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..base.annotations import Given
from ..base.values import brief, listed
from ..base.words import missing_attribute, printable, said_step
from .curves import Mixture, checked_level, named
from .fit import Fit
from .intervals import directions, half_width
from .reach import FACTOR, Reach, factor_slopes, is_inside, logs_and_slopes, reach_of, was_measured

# what a single mixture is called
SINGLE = "the mixture"


class WhatIf:
    """Predicted learning times of mixtures; made by [`resource_ode.what_if`][].

    **Fields:**

    - `names`: the tasks; `labels`: the mixtures.
    - `times`: `(mixture, task)`, training steps to the level: the model's, times what was measured over what it says of
        the mixtures tried; `low`, `high`: 95 % intervals, wider with the distance from those.
    - `last`: `(mixture,)`, steps until all tasks are there; `last_low`, `last_high`.
    - `inside`: `(mixture,)`, whether a mixture is near enough to those tried to be believed.
    - `measured`: `(task,)`, whether a task reached the level in some run: if not, its time is extrapolated.
    - `level`: the level.

    Of a single mixture, all but `measured` are without the axis of mixtures.
    """

    if not TYPE_CHECKING:  # to which every name would be known
        __getattr__ = missing_attribute

    names: tuple[str, ...]
    labels: list[str]
    level: float
    mixtures: np.ndarray
    times: np.ndarray
    low: np.ndarray
    high: np.ndarray
    last: np.ndarray
    last_low: np.ndarray
    last_high: np.ndarray
    inside: Any
    measured: np.ndarray

    def __init__(
        self, names: Any, labels: list[str], mixtures: np.ndarray, logs: np.ndarray, half: np.ndarray, inside: Any,
        measured: np.ndarray, level: float,
    ):  # fmt: skip
        self.names, self.labels, self.level, self.measured = names, labels, level, measured
        found = {"mixtures": mixtures, "inside": inside}
        for ending, logarithms in (("", logs), ("_low", logs - half), ("_high", logs + half)):
            times = np.exp(logarithms)
            # ends of the last are those of the task that is last by them, so that the prediction is between them
            found |= {ending.removeprefix("_") or "times": times, f"last{ending}": times.max(axis=1)}
        # of a single mixture, without the axis of mixtures
        self._found = found
        one = {name: value[0] for name, value in found.items()} if len(labels) == 1 and labels[0] == SINGLE else found
        self.mixtures, self.times, self.low, self.high = (one[name] for name in ("mixtures", "times", "low", "high"))
        self.last, self.last_low, self.last_high = (one[name] for name in ("last", "last_low", "last_high"))
        self.inside = bool(one["inside"]) if one is not found else inside

    def report(self) -> str:
        """What was found, in plain sentences."""
        lines = []
        last, low, high, inside = (self._found[name] for name in ("last", "last_low", "last_high", "inside"))
        for place, label in enumerate(map(printable, self.labels)):
            interval = f"{said_step(low[place], 4)} to {said_step(high[place], 4)}"
            lines.append(
                f"{label}: all tasks at level {self.level:g} by step {said_step(last[place], 4)} ({interval})."
            )
            if not inside[place]:
                lines.append(
                    f"  {label} is outside the range of mixtures that were tried, and the interval as wide as errors "
                    "are there. Train it, or one half-way, before you rely on it."
                )
        lines += not_measured(self.names, self.measured, self.level)
        return "\n".join(lines)

    def __repr__(self) -> str:
        count = f"{len(self.labels)} mixture{'s' * (len(self.labels) != 1)}"
        return f"WhatIf({count} of {len(self.names)} tasks, level {self.level:g})"


def what_if(
    found: Given[Fit], mixtures: Given[Mapping[str, Mixture] | Sequence[Mixture]], level: Given[float] = 0.8
) -> WhatIf:
    """Learning times that a fit predicts for other mixtures.

    **Arguments:**

    - `found`: a [`Fit`][resource_ode.fitting.fit.Fit] to runs of several mixtures, or one whose `frequency_power` was
        stated.
    - `mixtures`: one mixture, by name of the task or in order; or several, as a list or `{label: mixture}`.

    **Other arguments:**

    - `level`: the level whose learning times are predicted.

    **Returns:** a [`WhatIf`][resource_ode.fitting.mixtures.WhatIf]; mixtures outside the range of those tried are
    marked.

    Intervals hold what the curves leave open of the parameters, to first order; how far the fit is off in the mixtures
    tried; and how that grows with the distance from them. Where the model was right they held 98 % of true learning
    times (`python -m studies.predictions`).

    **Raises:** `ValueError` for mixtures that do not name the tasks, leave one out, or that the fit cannot predict.

    **Example:**

    >>> result = ro.what_if(found, {"even": {"A": 0.5, "B": 0.5}})  # doctest: +SKIP
    >>> print(result.report())  # doctest: +SKIP
    """
    if not isinstance(found, Fit):
        raise ValueError(f"found: expected what fit returns, got {type(found).__name__}")
    level = checked_level(level)
    single, labelled = _labelled(mixtures, found.names)
    rows = []
    for label, mixture in labelled.items():
        name = "mixture" if single else f"mixture {label!r}"
        row = found.checked_mixture(mixture, name)
        if not (isinstance(row, np.ndarray) and row.all()):
            raise ValueError(f"{name}: expected a number above 0 for each task, got {brief(mixture)}")
        rows.append(row)
    array = np.array(rows)
    inside = np.array([is_inside(found, row) for row in array])
    reach = reach_of(found, level)
    logs, along = _logs_along(found, array, level)
    # what is not known of parameters, how far the fit is off where it could be checked, and how that grows
    far = reach.distance(array / array.sum(axis=1, keepdims=True))
    half = half_width(along, reach.spread(far)[:, None])
    at = logs + np.log(reach.factor)
    return WhatIf(found.names, list(labelled), array, at, half, inside, was_measured(found, level), level)


def _logs_along(found: Fit, mixtures: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Logarithms of learning times in mixtures, `(mixture, task)`, and changes by a standard deviation along each
    direction of the parameters, `(mixture, task, direction)`.
    """
    logs, slopes = logs_and_slopes(found, mixtures, level)
    return logs, (slopes + factor_slopes(found, level)) @ directions(found.problem, found.x)


def reach_to_keep(found: Fit, level: float) -> Reach:
    """The reach of a fit of which only the model is kept: with what the curves leave open of the parameters in its two
    numbers, as much as it does to any task in the mixtures tried and with the share of a task twice as large or half.
    """
    reach = reach_of(found, level)
    tried = reach.tried[np.all(reach.tried > 0, axis=1)]
    if not len(tried):
        return reach
    moved = tried[:, None, None] * np.where(np.eye(tried.shape[1], dtype=bool), np.array([2, 0.5])[:, None, None], 1)
    moved = moved.reshape(-1, tried.shape[1])
    moved /= moved.sum(axis=1, keepdims=True)
    _, along = _logs_along(found, np.concatenate([tried, moved]), level)
    variance = np.max(np.sum(along**2, axis=-1), axis=1, where=np.isfinite(along).all(axis=-1), initial=0)
    here, there = variance[: len(tried)].max(), variance[len(tried) :]
    apart = np.maximum(reach.distance(moved), np.log(FACTOR))
    more = np.max(np.maximum(there - here, 0) / apart**2, initial=0)
    return dataclasses.replace(
        reach, error=float(np.sqrt(reach.error**2 + here)), growth=float(np.sqrt(reach.growth**2 + more))
    )


def not_measured(names: tuple[str, ...], measured: np.ndarray, level: float) -> list[str]:
    """Which tasks reach the level in no run, so that all that is said of them is extrapolated: a sentence, or none."""
    never = [name for name, known in zip(names, measured, strict=True) if not known]
    if not never:
        return []
    return [
        f"Not measured in any run: when {named(never)} reaches level {level:g}; what is said of it is extrapolated, by "
        "what is likely of a task."
    ]


def _labelled(mixtures: Any, names: tuple[str, ...]) -> tuple[bool, dict[str, Any]]:
    """Mixtures with labels, and whether a single one was given."""
    if hasattr(mixtures, "columns"):
        raise ValueError(
            f"mixtures: expected a mixture or several, got {type(mixtures).__name__}; give a dict of dicts"
        )
    if hasattr(mixtures, "to_dict"):
        mixtures = mixtures.to_dict()
    if isinstance(mixtures, Mapping):
        several = mixtures and all(isinstance(value, Mapping) or listed(value) is not None
                                   for value in mixtures.values())  # fmt: skip
        return (False, {str(label): value for label, value in mixtures.items()}) if several else (
            True, {SINGLE: dict(mixtures)})  # fmt: skip
    rows = listed(mixtures)
    if not rows:
        raise ValueError(f"mixtures: expected a mixture or several, got {brief(mixtures)}")
    if all(isinstance(row, Mapping) or listed(row) is not None for row in rows):
        return False, {f"mixture {place + 1}": row for place, row in enumerate(rows)}
    return True, {SINGLE: rows}
