"""The contract of what solves rows of cascades."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import numpy as np
from jaxtyping import Array

from ...model.competition import SumOfDemands
from ...model.loss import MeanSquaredError
from ...model.model import ResourceModel
from .sharing import Rows


class Job(NamedTuple):
    """How a batch is worked off.

    `size`: rows that one program solves side by side; `at_a_time`: at most so many at once, if the caller bounds it;
    `done(rows)`: to be told after each piece; `reduce`: the caller's reduction of one member's run, and `method`, the
    line that the run says about its method.
    """

    size: int
    at_a_time: int | None
    done: Callable[[int], Any]
    reduce: Callable[[Any], Any] | None
    method: str


class Found(NamedTuple):
    """What a backend found: results `(row, exponent, clock, ...)`, and which `(row, exponent)` it is not sure of.

    A member that is unsure has the code `inaccurate` in its results, or is NaN where results carry no codes.
    """

    values: Any
    unsure: np.ndarray


class Answer(NamedTuple):
    """What a whole batch comes to, and how many members the backend was not sure of: those that the general solver
    took, and those that nobody could. Under a trace neither is known, and both are 0.
    """

    values: Any
    by_ode: int = 0
    unsolved: int = 0


class AbstractCascade(ABC):
    """Solves rows of cascades, each member to its tolerance or marked as unsure; members do not meet."""

    # what a run says of it, and which floors of tolerances hold for it (`solve.tolerance`)
    name: ClassVar[str]
    floors: ClassVar[str] = "cascade"

    @abstractmethod
    def obstacle(self, model: ResourceModel) -> str | None:
        """Why it cannot serve a concrete model here; None if it can."""

    @abstractmethod
    def trajectories(self, rows: Rows, ts: Array | np.ndarray, tolerance: np.ndarray, job: Job) -> Found:
        """Exposure, clock, spent resource and code of every member at training steps `ts`, or reductions of them."""

    @abstractmethod
    def times(self, rows: Rows, level: np.ndarray, tolerance: np.ndarray, job: Job) -> Found:
        """Training steps `(row, exponent, clock, skill)` at which each skill reaches a level in (-1, 1)."""


def laws_obstacle(model: ResourceModel, most_skills: int) -> str | None:
    """Why programs for a GPU, which know the commonest laws alone, do not serve a concrete model; None if they do."""
    either = model.graph.any_gate
    reasons = {
        "the loss is not mean squared error": type(model.law) is MeanSquaredError,
        "the competition is not l1": type(model.rule) is SumOfDemands,
        "a gate is not of the kind all": (either is None or not np.any(np.asarray(either)))
        and model.graph.own_gate is None,
        "there are pools": model.pool is None,
        "skills change their own pace": model.frequency_after is None,
        "prerequisites have strengths": model.prerequisite_strength is None,
        f"there are more than {most_skills} skills": model.skills <= most_skills,
    }
    return next((why for why, fine in reasons.items() if not fine), None)
