"""`design`: which mixture or rule to train with next, by simulation of the fitted model; and a loop that does so."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..base.annotations import Given
from ..base.checks import whole_number
from ..base.values import brief
from ..base.words import missing_attribute, said_step
from ..solve.learning import learning_times
from . import arguments
from .arguments import Free, Prior, Requires
from .curves import Curves, Mixture, Runs, as_curves, checked_level
from .fit import Fit, fit
from .intervals import directions, half_width, neighbours, value_and_slopes
from .mixtures import not_measured
from .policies import Rule, followed
from .reach import Reach, factor_slopes, logs_and_slopes, reach_of, trust, was_measured

CANDIDATES, ROUNDS = 96, 4
# rules are followed so many times as long as the even mixture takes
LONGER = 3.0
RULES = {
    "sample by 1 - level": Rule(1.0),
    "sample by (1 - level)^0.5": Rule(0.5),
    "sample by loss, (1 - level)^2": Rule(2.0),
    "by topology": Rule(1.0, topology=True),
}


@dataclasses.dataclass(frozen=True)
class Policy:
    """A way to choose the mixture, and what is predicted of it.

    **Fields:** `name`; `last`: steps until all tasks are at the level; `factor`: how many times sooner than with the
    even mixture, `low` and `high` a 95 % interval; `mixture`: of a constant one, by task; `feedback`: whether it
    follows the levels.
    """

    name: str
    last: float
    factor: float
    low: float
    high: float
    mixture: dict[str, float] | None = None
    feedback: bool = False


@dataclasses.dataclass(frozen=True)
class Design:
    """Policies compared; made by [`resource_ode.design`][].

    **Fields:** `policies`: by name; `best`: the name of the one that is recommended, whose interval begins
    highest (the even mixture, where none is predicted to be faster); `level`.
    `not_measured`: sentences on tasks that reach the level in no run.
    `predicted_factor`, `low`, `high`, `mixture`: those of the best.
    """

    if not TYPE_CHECKING:  # to which every name would be known
        __getattr__ = missing_attribute

    policies: dict[str, Policy]
    best: str
    level: float
    not_measured: tuple[str, ...] = ()

    @property
    def predicted_factor(self) -> float:
        """How many times sooner than with the even mixture all tasks are predicted to be learned by the best policy."""
        return self.policies[self.best].factor

    @property
    def low(self) -> float:
        """The lower end of its 95 % interval."""
        return self.policies[self.best].low

    @property
    def high(self) -> float:
        """The upper end of its 95 % interval."""
        return self.policies[self.best].high

    @property
    def mixture(self) -> dict[str, float] | None:
        """The mixture of the best policy; `None` where it follows the levels."""
        return self.policies[self.best].mixture

    def report(self) -> str:
        """What was found, in plain sentences."""
        best = self.policies[self.best]
        interval, last = f"{best.low:.2f} to {best.high:.2f}", said_step(best.last, 4)
        lines = [
            f"Recommended: {best.name}, predicted to bring all tasks to level {self.level:g} by step {last}, "
            f"{best.factor:.2f} times as fast as the even mixture ({interval})."
        ]
        if best.mixture is not None:
            lines.append("Its mixture: " + ", ".join(f"{name}={part:.3g}" for name, part in best.mixture.items()) + ".")
        if best.low <= 1:
            lines.append("It may be no faster than the even mixture: the interval holds 1.")
        lines.append("All policies (step of the last task, factor, 95 % interval):")
        for policy in sorted(self.policies.values(), key=lambda each: -each.factor):
            factor = f"{policy.factor:.2f} ({policy.low:.2f} to {policy.high:.2f})"
            lines.append(f"  {policy.name}: {said_step(policy.last, 4)}, {factor}")
        lines.append(
            "Rules that follow the levels leave the range of mixtures that were tried, and have wider intervals the "
            "farther they do; they correct themselves as they go, constant mixtures do not."
        )
        return "\n".join([*lines, *self.not_measured])


def design(found: Given[Fit], level: Given[float] = 0.8, near: Mixture = None) -> Design:
    r"""Which mixture or rule brings all tasks to a level soonest, by the fitted model.

    Compared are the even mixture; the best constant one inside the range of those tried; sampling by
    $(1 - \text{level})^q$ for $q$ of 1/2, 1 and 2 (as a squared loss); and training what is ready by the graph.

    **Arguments:**

    - `found`: a [`Fit`][resource_ode.fitting.fit.Fit] to runs of several mixtures, or one whose `frequency_power` was
        stated.
    - `level`: the level that all tasks are to reach.
    - `near`: a mixture; the constant one then stays within a factor 1.5 of it, instead of near all that were tried.

    **Returns:** a [`Design`][resource_ode.fitting.design.Design]. Intervals of its factors are as those of
    [`resource_ode.what_if`][]; for rules, the distance is the mean over what they train with on the way.

    **Raises:** `ValueError` for a fit that cannot predict other mixtures.

    **Example:**

    >>> print(ro.design(found, level=0.8).report())  # doctest: +SKIP
    """
    if not isinstance(found, Fit):
        raise ValueError(f"found: expected what fit returns, got {type(found).__name__}")
    level = checked_level(level)
    even = _even(found)
    total = float(even.sum())
    reach = reach_of(found, level)
    constant = _best_constant(found, near, level, reach)
    both = np.stack([even, constant])
    shift, spread = factor_slopes(found, level), directions(found.problem, found.x)
    logs, slopes = logs_and_slopes(found, both, level)
    logs, along = logs + np.log(reach.factor), (slopes + shift) @ spread
    until = LONGER * max(float(np.exp(logs[0].max())), found.problem.last)
    far = reach.distance(both / both.sum(axis=1, keepdims=True)).tolist()
    plain = (logs[0], along[0])
    many = neighbours(found.problem, found.x)
    # of each: logarithms of learning times, their derivatives, the distance, the mixture
    ways: dict[str, Any] = {"constant mixture": (logs[1], along[1], far[1], constant)}
    for name, rule in RULES.items():
        if rule.topology and not found.model.graph.fan_in:
            continue
        under = followed(found.problem.freedom, many, rule, total, until, level)
        # how far it leads on the way, while it matters
        apart = float(reach.distance(under.shares, under.open_tasks).mean())
        own, slopes = value_and_slopes(many, np.log(under.times * reach.factor))
        ways[name] = (own, (slopes + shift) @ spread, apart, None)
    last = float(np.exp(logs[0].max()))
    policies = {"even mixture": Policy("even mixture", last, 1.0, 1.0, 1.0, _named(found, even))}
    for name, (own, its, apart, mixture) in ways.items():
        off = float(reach.spread(math.hypot(far[0], apart)))
        factor, low, high = _factor(plain, (own, its), off)
        chosen = None if mixture is None else _named(found, mixture)
        policies[name] = Policy(name, float(np.exp(own.max())), factor, low, high, chosen, mixture is None)
    # what is surest to be faster: a large factor that may be none is no advice
    surest = max((each for each in policies.values() if each.name != "even mixture"), key=lambda each: each.low)
    best = surest.name if surest.factor > 1 else "even mixture"
    return Design(policies, best, level, tuple(not_measured(found.names, was_measured(found, level), level)))


def improve(
    runs: Runs, train: Callable[[dict[str, float]], Curves], graph: Requires = None, rounds: Given[int] = 2,
    level: Given[float] = 0.8, free: Free = None, prior: Prior = None,
) -> tuple[Fit, list[dict[str, Any]]]:  # fmt: skip
    """Fit, train with the constant mixture that the fit recommends, and fit again, some rounds.

    **Arguments:** `runs`: curves of at least two mixtures; `train`: called with a mixture `{task: number}`, trains and
    returns the curves of that run (or of several seeds); `graph`, `free`, `prior`: as for [`resource_ode.fit`][];
    `rounds`: how often; `level`: as for [`resource_ode.design`][].

    **Returns:** the last fit; and of each round a dict with the `mixture`, the `predicted` and the `measured` step by
    which all tasks were at the level.

    **Raises:** `ValueError` as `fit` and `design` do.

    **Example:** `ro.improve(runs, train, graph)`, where `train(mixture)` returns curves
    """
    whole_number("rounds", rounds)
    level = checked_level(level)
    if not callable(train):
        raise ValueError(f"train: expected a function of a mixture, got {brief(train)}")
    curves = as_curves(runs)
    history: list[dict[str, Any]] = []
    found = fit(curves, graph, free, prior)
    for _ in range(rounds):
        reach = reach_of(found, level)
        chosen = _best_constant(found, None, level, reach)
        predicted = float(_last(found, chosen[None], level, reach)[0])
        mixture = dict(zip(found.names, map(float, chosen), strict=True))
        new = as_curves(train(dict(mixture)))
        last = float(np.median(new.learning_times(level).max(axis=1)))
        history.append({"mixture": mixture, "predicted": predicted, "measured": last})
        curves = Curves.join([curves, new])
        found = fit(curves, graph, free, prior)
    return found, history


def _even(found: Fit) -> np.ndarray:
    """The mixture that has all tasks alike."""
    return found.checked_mixture(np.full(len(found.names), 1 / len(found.names)))


def _named(found: Fit, mixture: np.ndarray) -> dict[str, float]:
    return dict(zip(found.names, map(float, mixture), strict=True))


def _factor(plain: Any, other: Any, off: float) -> tuple[float, float, float]:
    r"""How many times sooner the last task is learned, and the ends of its 95 % interval.

    $$ \max_a t_a / \max_b t'_b = \min_b \max_a t_a / t'_b, $$

    in which each pair of tasks has an interval: their ends go through the same, so that the factor is between them.
    """
    ratio = plain[0][:, None] - other[0]
    half = half_width(plain[1][:, None] - other[1], off)
    # what takes longer than was looked at is not faster, and by how much is not known
    ratio, half = np.where(np.isfinite(ratio), ratio, -np.inf), np.where(np.isfinite(ratio), half, np.inf)
    known = np.isfinite(half)
    reach = np.where(known, half, 0)
    low, high = np.where(known, ratio - reach, -np.inf), np.where(known, ratio + reach, np.inf)
    found = (float(np.exp(ends.max(axis=0).min())) for ends in (ratio, low, high))
    return next(found), next(found), next(found)


def _last(found: Fit, mixtures: np.ndarray, level: float, reach: Reach, x: Any = None) -> np.ndarray:
    """The step of the last task in each mixture `(mixture, task)`."""
    return (np.asarray(learning_times(found.model_of(mixtures, x), level)) * reach.factor).max(axis=1)


def _best_constant(found: Fit, near: Any, level: float, reach: Reach) -> np.ndarray:
    """The constant mixture that learns the last task soonest, inside the range of those tried or near one of them: a
    random search that narrows.
    """
    if near is None:
        shares = np.array(arguments.distinct_shares(found.problem.grid.mixtures))
    else:
        row = found.checked_mixture(near, "near")
        if not (isinstance(row, np.ndarray) and row.all()):
            raise ValueError(f"near: expected a number above 0 for each task, got {brief(near)}")
        shares = row[None] / row.sum()
    total = float(_even(found).sum())
    least, most = trust(shares)
    random = np.random.default_rng(0)
    center, spread = shares.mean(axis=0), 0.6
    best, best_time = center * total, math.inf
    for _ in range(ROUNDS):
        logs = np.log(center) + spread * random.standard_normal((CANDIDATES, len(center)))
        logs[0] = np.log(center)
        some = np.clip(np.exp(logs), least, most)
        # shares sum to 1: what is clipped is made up for by the others
        for _ in range(8):
            some = np.clip(some / some.sum(axis=1, keepdims=True), least, most)
        some = some[np.abs(some.sum(axis=1) - 1) < 0.02]
        if not len(some):
            break
        some = some / some.sum(axis=1, keepdims=True)
        # batches of one size are one program
        some = np.concatenate([some, np.repeat(some[-1:], CANDIDATES - len(some), axis=0)])
        last = _last(found, some * total, level, reach)
        place = int(np.nanargmin(last))
        if last[place] < best_time:
            best, best_time = some[place] * total, float(last[place])
        center, spread = best / total, spread / 2.5
    return best
