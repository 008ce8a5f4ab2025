r"""`infer_graph`: which tasks build on which, from runs that leave one out.

A task that builds on another is learned later where the other is met rarely or never. With $T_i$ the step at which task
$i$ reaches a level,

$$ r_{ij} = T_i^{\text{without } j} / T_i, \qquad w_{ij} = 1 - r_0 / r_{ij}, $$

$r_0$ being the same ratio of tasks that do not build on $j$, which profit from what $j$ no longer takes.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..base.annotations import Given
from ..base.words import missing_attribute
from ..graphs.graph import SkillGraph
from .curves import Curves, Runs, as_curves, checked_level, named
from .doubts import learned_unmet
from .edges import symmetric, transitive, without_cycles

# a run leaves a task out if it meets it this much more rarely than the runs that serve as a measure
RARELY = 0.25
# an effect is confident if it is this many standard errors from none, and at least so large (the logarithm of r/r0)
ERRORS, LEAST_EFFECT = 3.0, 0.1
INTERVAL = 1.96
# logarithms of times of one run are not known better than this
LEAST_ERROR = 0.01


class InferredGraph:
    """What runs that leave tasks out say about who builds on whom; found by [`resource_ode.infer_graph`][].

    **Fields:** arrays are `(child, parent)`, NaN where no run tells.

    - `names`: the tasks.
    - `identified`: whether the runs tell anything; without one that leaves a task out they do not.
    - `strength`: $w$, how much of a child's learning waits for the parent: 0 for not at all, 1 for wholly.
    - `low`, `high`: a 95 % interval.
    - `confident`: where the effect is beyond doubt.
    - `hinted`: where a task is later than the unaffected, but not surely later than with the other.
    - `contradicted`: what would be confident, were it not that other effects say the opposite.
    - `transitive`: confident ones that others explain: `A -> C` beside `A -> B -> C`.
    - `left_out`: `(task,)`, whether a run leaves a task out.
    - `decided`: pairs of which a run tells whether there is an effect.
    - `symmetric`: pairs of tasks whose curves are alike, so that one run cannot tell them apart.
    - `level`: the level whose times were compared.
    """

    if not TYPE_CHECKING:  # to which every name would be known
        __getattr__ = missing_attribute

    curves: Curves
    names: tuple[str, ...]
    level: float
    decided: np.ndarray
    left_out: np.ndarray
    strength: np.ndarray
    low: np.ndarray
    high: np.ndarray
    confident: np.ndarray
    hinted: np.ndarray
    contradicted: np.ndarray
    transitive: np.ndarray
    identified: bool
    symmetric: list[tuple[str, str]]

    def __init__(
        self,
        curves: Curves,
        level: float,
        effect: np.ndarray,
        later: np.ndarray,
        error: np.ndarray,
        open_ended: np.ndarray,
        left_out: np.ndarray,
    ):
        self.curves, self.names, self.level, self.left_out = curves, curves.names, level, left_out
        self.decided = np.isfinite(effect)
        self.identified = bool(self.decided.any())
        with np.errstate(invalid="ignore"):
            # a child that was not learned any more is later by this or more
            self.strength = np.maximum(-np.expm1(-effect), 0.0)
            self.low = np.clip(-np.expm1(-(effect - INTERVAL * error)), 0.0, 1.0)
            self.high = np.where(open_ended, 1.0, np.clip(-np.expm1(-(effect + INTERVAL * error)), 0.0, 1.0))
            # later than the unaffected, and later than with the task: not all profit alike from what it leaves
            least = np.maximum(ERRORS * error, LEAST_EFFECT)
            found = (effect > least) & (later > least)
            self.hinted = (effect > least) & ~found
        self.confident = found.copy()
        without_cycles(self.confident, self.strength)
        self.contradicted = found & ~self.confident
        self.transitive = transitive(self.confident)
        self.symmetric = symmetric(curves)

    @property
    def graph(self) -> SkillGraph | None:
        """The confident dependencies without the transitive ones; `None` where the runs tell nothing."""
        if not self.identified:
            return None
        direct = self.confident & ~self.transitive
        return SkillGraph(
            {
                name: [self.names[parent] for parent in np.flatnonzero(direct[child])]
                for child, name in enumerate(self.names)
            }
        )

    @property
    def strengths(self) -> dict[tuple[str, str], float]:
        """`{(prerequisite, task): w}` of the graph's dependencies, as models take them."""
        direct = self.confident & ~self.transitive
        return {
            (self.names[parent], self.names[child]): float(self.strength[child, parent])
            for child, parent in np.argwhere(direct)
        }

    def _doubts(self) -> list[str]:
        """What the runs hint at, and what in them cannot be so."""
        lines = []
        hints = self._pairs(self.hinted)
        if hints:
            lines.append(
                f"Perhaps: {hints}, later than others are without it, but not surely later than with it: tasks may "
                "profit unequally from what it leaves."
            )
        against = self._pairs(self.contradicted)
        if against:
            lines.append(
                f"Left out, since tasks cannot build on one another in a circle: {against}. The runs contradict each "
                "other; check their mixtures, or add seeds."
            )
        return lines + [f"Note: {each}." for each in learned_unmet(self.curves)]

    def _pairs(self, where: np.ndarray) -> str:
        """`'child' on 'parent'`, the first few of many."""
        pairs = [f"{self.names[child]!r} on {self.names[parent]!r}" for child, parent in np.argwhere(where)]
        return ", ".join(pairs[:5]) + (f" and {len(pairs) - 5} more" if len(pairs) > 5 else "")

    def report(self) -> str:
        """What was found, in plain sentences."""
        if not self.identified:
            reason = "no run leaves a task out or meets it much more rarely."
            if self.left_out.any():
                reason = "too few learning times were measured, or no other task's was to compare one with."
            elif not _sorted(self.curves)[0]:
                reason = "no run has all tasks, to compare with those that leave one out."
            lines = [f"Which task builds on which is not identified: {reason}"]
            lines += [f"{a!r} and {b!r} have curves that are alike: a single run cannot tell them apart."
                      for a, b in self.symmetric]  # fmt: skip
            runs = suggest_runs(self.curves)
            if runs:
                lines.append(f"Runs without {named(list(runs))} would tell (suggest_runs has their mixtures).")
            elif len(self.names) == 1:
                lines.append("There is one task alone, which builds on no other.")
            return "\n".join([*lines, *self._doubts()])
        lines = []
        for child, parent in np.argwhere(self.confident):
            interval = (
                f"{self.strength[child, parent]:.2f} ({self.low[child, parent]:.2f} to {self.high[child, parent]:.2f})"
            )
            text = f"{self.names[child]!r} builds on {self.names[parent]!r}: strength {interval}"
            lines.append(text + (", through another task" if self.transitive[child, parent] else "") + ".")
        if not self.confident.any():
            lines = [
                "No task builds on another, as far as these runs tell. (Tasks are compared with the half of the others "
                "that is later least: what nearly all of them build on alike does not show.)"
            ]
        lines += self._doubts()
        undecided = [name for name, out in zip(self.names, self.left_out, strict=True) if not out]
        if undecided:
            lines.append(f"Not identified: what builds on {named(undecided)}, which no run leaves out.")
        pairs = self._pairs(~self.decided & self.left_out & ~np.eye(len(self.names), dtype=bool))
        if pairs:
            lines.append(
                "Not identified, since the task's learning was measured in too few runs, or no other task's was to "
                f"compare it with: {pairs}."
            )
        return "\n".join(lines)

    def __repr__(self) -> str:
        if not self.identified:
            return f"InferredGraph(of {len(self.names)} tasks: not identified)"
        direct = int(np.sum(self.confident & ~self.transitive))
        return f"InferredGraph({direct} dependencies of {len(self.names)} tasks)"


def infer_graph(runs: Runs, level: Given[float] = 0.8) -> InferredGraph:
    r"""Which tasks build on which, from runs that leave one task out or meet it much more rarely.

    $$ w_{ij} = 1 - r_0 / r_{ij}, \qquad r_{ij} = T_i^{\text{without } j} / T_i $$

    **Arguments:**

    - `runs`: [`Curves`][resource_ode.fitting.curves.Curves] with constant mixtures: some with all tasks, and for each
        task in question some in which its share is at most a quarter of that, best 0. Several seeds of each say how
        sure the result is.

    **Other arguments:**

    - `level`: the level whose learning times are compared.

    $r_0$ is that of the half of the other tasks that is later least: what nearly all build on alike does not show. With
    two tasks there is none to compare with, and a dependency shows only where the task is later than with the other.

    **Returns:** an [`InferredGraph`][resource_ode.fitting.interventions.InferredGraph]. Without such runs it says that
    nothing is identified: curves of one mixture do not show who builds on whom.

    **Raises:** `ValueError` for runs without mixtures, or a level outside (0, 1).

    **Example:**

    >>> import numpy as np, resource_ode as ro
    >>> model = ro.ResourceModel(ro.SkillGraph({"A": [], "B": [], "AB": ["A", "B"]}), [1, 1, 1], 0.02, 0.2, 0.1)
    >>> def run(mixture):
    ...     levels = ro.simulate(model.replace(frequency=np.maximum(mixture, 1e-9)), np.arange(0.0, 800.0, 4.0))
    ...     return ro.read_curves(levels.to_xarray(), value="level", mixture=mixture)
    >>> runs = [run([1, 1, 1]), run([0, 1.5, 1.5]), run([1.5, 0, 1.5])]
    >>> found = ro.infer_graph(runs)
    >>> found.graph.prerequisite_lists()
    [[], [], [0, 1]]
    """
    curves = as_curves(runs)
    level = checked_level(level)
    unknown = [run.name for run in curves.runs if run.mixture is None]
    if unknown:
        raise ValueError(
            f"mixture: expected that of each run, got none for {named(unknown)}; state it where the curves are read"
        )
    tasks = len(curves.names)
    effect, later, error = (np.full((tasks, tasks), math.nan) for _ in range(3))
    open_ended = np.zeros((tasks, tasks), bool)
    base, without = _sorted(curves)
    if base and without:
        every = curves.learning_times(level)
        ends = np.array([run.steps[-1] for run in curves.runs])
        logs, censored = _logs(every, ends)
        seeds = _seed_spread(logs, censored, [base, *without.values()])
        for parent, chosen in without.items():
            rarer = _rarer(curves, parent, base, chosen)
            _compare(parent, rarer, logs, censored, base, chosen, effect, later, open_ended)
        _set_errors(effect, error, open_ended, seeds, len(base), {j: len(rows) for j, rows in without.items()})
    left_out = np.isin(np.arange(tasks), list(without))
    return InferredGraph(curves, level, effect, later, error, open_ended, left_out)


def suggest_runs(runs: Runs) -> dict[str, dict[str, float]]:
    """Mixtures that would tell which task builds on which: each leaves out one task that no run leaves out yet, the
    others keeping their ratios.

    **Returns:** `{task: mixture}`, the task being the one that is left out. Several seeds of each, and of the mixture
    with all tasks, tell small effects from chance.

    **Raises:** `ValueError` for something that is no curves.

    **Example:**

    >>> import resource_ode as ro
    >>> curves = ro.read_curves({"step": [0, 100], "A": [0.0, 0.9], "B": [0.0, 0.1]}, value="level", mixture=[1.0, 1.0])
    >>> ro.suggest_runs(curves)
    {'A': {'A': 0.0, 'B': 2.0}, 'B': {'A': 2.0, 'B': 0.0}}
    """
    curves = as_curves(runs)
    mixtures = curves.mixtures
    base, without = _sorted(curves) if mixtures else ([], {})
    whole = curves.runs[base[0]].mixture if base else np.ones(len(curves.names)) / len(curves.names)
    found = {}
    for place, name in enumerate(curves.names):
        if place not in without and len(curves.names) > 1:
            left = np.where(np.arange(len(whole)) == place, 0.0, whole)
            left = left * whole.sum() / left.sum()
            found[name] = {task: float(part) for task, part in zip(curves.names, left, strict=True)}
    return found


def _sorted(curves: Curves) -> tuple[list[int], dict[int, list[int]]]:
    """Runs that serve as a measure: the most even mixture that was met; and for each task those that leave it out."""
    shares = {}
    for place, run in enumerate(curves.runs):
        if run.mixture is not None and not run.scheduled:
            shares[place] = run.mixture / run.mixture.sum()
    whole = {place: share for place, share in shares.items() if share.min() > 0}
    if not whole:
        return [], {}

    def evenness(place: int) -> float:
        return float(-np.sum(whole[place] * np.log(whole[place])))

    first = max(whole, key=evenness)
    base = [place for place, share in whole.items() if np.allclose(share, whole[first], rtol=1e-6)]
    measure = whole[first]
    without: dict[int, list[int]] = {}
    for place, share in shares.items():
        rare = np.flatnonzero(share <= RARELY * measure)
        kept = share > 0.5 * measure
        # one task alone is left out, so that whatever changes is caused by that
        if len(rare) == 1 and np.all(kept | (np.arange(len(share)) == rare[0])):
            without.setdefault(int(rare[0]), []).append(place)
    return base, without


def _logs(times: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logarithms of learning times `(run, task)`, of the last step where a task was not learned; and where that is."""
    censored = np.isinf(times)
    # what is there in the first row was learned before, and when is not known
    times = np.where(times > 0, times, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(np.where(censored, ends[:, None], times))
    return logs, censored


def _seed_spread(logs: np.ndarray, censored: np.ndarray, groups: list[list[int]]) -> tuple[float, int]:
    """Standard deviation of the logarithm of times between seeds, and of how many degrees of freedom it is."""
    squares, freedom = 0.0, 0
    for rows in groups:
        if len(rows) > 1:
            some = np.where(censored[rows], np.nan, logs[rows])
            for column in some.T:
                column = column[np.isfinite(column)]
                if column.size > 1:
                    squares += float(np.sum((column - column.mean()) ** 2))
                    freedom += column.size - 1
    return (math.sqrt(squares / freedom) if freedom else math.nan), freedom


def _rarer(curves: Curves, parent: int, base: list[int], chosen: list[int]) -> float:
    """The logarithm of how much more rarely a task is met where another is left out, 0 if none is: by so much it may be
    later. What is met as often and has less to compete with is not.
    """
    before, after = (np.array([curves.runs[place].mixture for place in rows]) for rows in (base, chosen))
    shares = (before / before.sum(axis=1)[:, None], after / after.sum(axis=1)[:, None])
    # as given, and as shares, where runs state them in different units
    rests = [np.delete(one.max(axis=0) / np.maximum(other.min(axis=0), 1e-300), parent)
             for one, other in ((before, after), shares)]  # fmt: skip
    return float(np.log(np.stack(rests)).max(initial=0))


def _compare(
    parent: int,
    most: float,
    logs: np.ndarray,
    censored: np.ndarray,
    base: list[int],
    chosen: list[int],
    effect: np.ndarray,
    later: np.ndarray,
    open_ended: np.ndarray,
) -> None:
    """Effects of leaving out one task on all others: logarithms of how much later they are than the unaffected, which
    are later by no more than `most`.
    """
    before, after = _medians(logs[base]), _medians(logs[chosen])
    # not learned in most of the runs: how much later than this is unknown
    lost_before = np.mean(censored[base], axis=0) >= 0.5
    lost_after = np.mean(censored[chosen], axis=0) >= 0.5
    others = np.arange(len(before)) != parent
    mine = np.where(others & ~lost_before, after - before, np.nan)
    settled = np.isfinite(mine) & ~lost_after
    # most tasks do not build on this one; those that do are later, so that the lower half tells
    half = np.sort(mine[settled])[: math.ceil(settled.sum() / 2)]
    usual = min(float(np.median(half)), most) if half.size else most
    # one that has no other to compare with is told only where it is later than that by itself
    alone = settled if settled.sum() == 1 else np.zeros_like(settled)
    found, later[:, parent] = mine - np.where(alone, most, usual), mine
    unsure = (lost_after | alone) & ~(found > LEAST_EFFECT)
    effect[:, parent] = np.where(np.isfinite(found) & ~unsure, found, np.nan)
    open_ended[:, parent] = (lost_after | alone) & ~unsure


def _medians(logs: np.ndarray) -> np.ndarray:
    """Medians over the runs that tell, NaN where none does."""
    known = np.isfinite(logs)
    return np.array([np.median(column[good]) if good.any() else np.nan
                     for column, good in zip(logs.T, known.T, strict=True)])  # fmt: skip


def _set_errors(
    effect: np.ndarray,
    error: np.ndarray,
    open_ended: np.ndarray,
    seeds: tuple[float, int],
    base: int,
    chosen: dict[int, int],
) -> None:
    """Standard errors of effects: of the spread between seeds, or where there are none of the scatter of effects."""
    spread, freedom = seeds
    if freedom < 4:
        small = np.abs(effect[np.isfinite(effect) & ~open_ended])
        # many pairs have no effect: a fifth of the normal distribution is within 0.2533
        scatter = float(np.quantile(small, 0.2)) / 0.2533 if small.size else math.nan
        spread = max(scatter / math.sqrt(2), spread if math.isfinite(spread) else 0.0) if small.size else spread
    spread = max(spread if math.isfinite(spread) else 0.0, LEAST_ERROR)
    for parent, count in chosen.items():
        # the median of few is about as sure as their mean; the unaffected tasks add a little
        error[:, parent] = spread * math.sqrt(1.2 * (1 / base + 1 / count))
    error[~np.isfinite(effect)] = math.nan
