"""`fit`: from measured curves to the model that explains them best, and what is known of it."""

from __future__ import annotations

import functools
import math
import warnings
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np

from ..base.annotations import Figure, Numbers
from ..base.values import brief, checked_times
from ..base.words import missing_attribute, said_step
from ..model.model import ResourceModel
from ..solve.simulation import simulate
from . import arguments, baselines, doubts, profile, report
from .arguments import Free, Prior, Requires
from .curves import Curves, Mixture, Runs, as_curves, checked_mixture, named
from .freedom import NEVER, freedom_of
from .grid import Grid, on_grid
from .search import Problem

# the first part of each run, on which what is scored on the rest is fitted
PART = 0.6
# another forecast does better if its error is smaller by more than so much
BETTER = 1.1
# a fit with a larger error than this does not describe the runs
MOST_ERROR = 0.2
# fits to runs drawn anew, with as many seeds at least
DRAWS, SEEDS = 40, 3
FEW_STEPS = 8
# steps are no farther than this from where floating point ends, since rates and times are to have room
OF_STEPS = 1e-12


class Fit:
    """What [`resource_ode.fit`][] found.

    **Fields:**

    - `curves`: the runs.
    - `model`: the fitted [`resource_ode.ResourceModel`][], in the first mixture that has all tasks; where none
        has, each task as often as the runs that met it did, and as a typical one if none did.
    - `residual`: root mean square of the levels that the model misses.
    - `parameters`: a pandas DataFrame, a row for each parameter: `value`; `low` and `high`, a 95 % interval by profile
        likelihood; `verdict`: "identified", "bounded" or "not identified"; `remark`: on which side it is bounded, and
        which combination with others is known; with three seeds of each mixture or more, `seed_low` and `seed_high`: a
        95 % interval by drawing seeds anew.
    - `warnings`: what the caller ought to know, one sentence each.

    **Example:**

    >>> import numpy as np, resource_ode as ro
    >>> steps = np.arange(0.0, 600.0, 20.0)
    >>> truth = ro.ResourceModel(ro.SkillGraph({"A": [], "B": []}), [1.0, 0.2], 0.01, 0.1)
    >>> levels = dict(zip("AB", np.asarray(ro.simulate(truth, steps).level).T, strict=True))
    >>> curves = ro.read_curves({"step": steps, **levels}, value="level", mixture={"A": 1.0, "B": 0.2})
    >>> found = ro.fit(curves, free=("learning_rate", "wasted_resource"))
    >>> bool(found.residual < 1e-3)
    True
    """

    if not TYPE_CHECKING:  # to which every name would be known
        __getattr__ = missing_attribute

    curves: Curves
    problem: Problem
    x: np.ndarray
    stated: bool
    warnings: tuple[str, ...]
    residual: float

    def __init__(self, curves: Curves, problem: Problem, x: np.ndarray, stated: bool, warnings: list[str]):
        self.curves, self.problem, self.x = curves, problem, x
        self.stated, self.warnings = stated, tuple(warnings)
        self.residual = baselines.rms(problem.left(x), np.where(np.isfinite(problem.grid.levels), 0, np.nan))

    @property
    def names(self) -> tuple[str, ...]:
        """The tasks."""
        return self.curves.names

    @functools.cached_property
    def model(self) -> ResourceModel:
        mixtures = [mixture for mixture in self.problem.grid.mixtures if isinstance(mixture, np.ndarray)]
        whole = next((mixture for mixture in mixtures if mixture.all()), None)
        if whole is not None or not mixtures:
            return self.model_of(self.problem.grid.mixtures[0] if whole is None else whole)
        # a task that is left out must not keep the learnability of one that is never met: users replace the frequency
        met = np.sum([mixture > 0 for mixture in mixtures], axis=0)
        mean = np.sum(mixtures, axis=0) / np.maximum(met, 1)
        return self.model_of(np.where(met > 0, mean, float(self.problem.freedom.reference)))

    @functools.cached_property
    def parameters(self) -> Any:
        import pandas

        labels = self.problem.freedom.labels()
        both = {"learning_rate", "wasted_resource"} <= set(self.problem.freedom.free)
        labels += ["wasted_resource/learning_rate"] * both
        known = profile.intervals(self.problem, self.x, labels)
        rows = [[each.value, each.low, each.high, each.verdict, each.remark] for each in known]
        table = pandas.DataFrame(rows, labels, ["value", "low", "high", "verdict", "remark"])
        table.index.name = "parameter"
        if (drawn := self.seed_draws) is not None:
            ends = []
            for label in labels:
                row, shift = self.problem.freedom.direction(label)
                values = drawn @ row + shift
                low, high = np.quantile(values, [0.025, 0.975])
                ends.append(np.exp([low, high]) if profile.is_logarithm(label) else [low, high])
            table[["seed_low", "seed_high"]] = np.array(ends)
        return table

    @functools.cached_property
    def seed_draws(self) -> np.ndarray | None:
        """Vectors fitted to seeds drawn anew, `(draw, number)`; `None` with fewer than three seeds of each mixture."""
        grid = self.problem.grid
        counts = np.bincount(grid.tried)
        if counts.min() < SEEDS:
            return None
        random = np.random.default_rng(0)
        found = []
        try:
            for _ in range(DRAWS):
                chosen = np.concatenate(
                    [random.choice(np.flatnonzero(grid.tried == place), count) for place, count in enumerate(counts)]
                )
                self.problem.measure(_taking(grid, chosen))
                found.append(self.problem.solve(self.x, most=FEW_STEPS))
        finally:
            self.problem.measure(grid)
        # seeds drawn anew spread less than seeds do
        wider = math.sqrt(counts.min() / (counts.min() - 1))
        return self.x + wider * (np.array(found) - self.x)

    # -- on rows that it has not seen

    @functools.cached_property
    def _flat(self) -> tuple[int, float] | None:
        """Where the last 40 % of the runs are flat, and no test of a forecast: the row from which on they are, and the
        part of the rows up to there that is fitted: 60 %, or more until all tasks that rise have begun to.
        """
        grid = self.problem.grid
        begun, row = grid.rises()
        part = max(PART, (begun + 1) / (row + 1))
        few = np.isfinite(grid.until(row).first(part).levels).sum() <= self.problem.freedom.size
        moves = np.isfinite(grid.rest(PART).levels[:, : row + 1]).any()
        return None if few or moves or (1 - part) * (row + 1) < 2 else (row, part)

    @property
    def flat_from(self) -> float | None:
        """The step from which on all curves are flat, where that is before the last 40 % of the runs: what is behind it
        is left out of the test of a forecast.
        """
        return None if self._flat is None else float(self.problem.grid.steps[self._flat[0]])

    @property
    def part(self) -> float:
        """How much of each run (up to `flat_from`, if it is known) is fitted to forecast the rest: 0.6, or more until
        all tasks that rise have begun to.
        """
        return PART if self._flat is None else self._flat[1]

    @property
    def _judged(self) -> Grid:
        """The rows that are fitted in part, and scored."""
        grid = self.problem.grid
        return grid if self._flat is None else grid.until(self._flat[0])

    @functools.cached_property
    def early(self) -> Fit:
        """The fit to the first `part` of each run, which is scored on the rest."""
        judged = self.curves if self.flat_from is None else self.curves.until(self.flat_from)
        first = judged.split(self.part)[0]
        # which tasks rise later is not to be known yet
        freedom = self.problem.freedom.with_rising(doubts.rising(first))
        problem = Problem(freedom, self._judged.first(self.part), self.problem.prior)
        return Fit(first, problem, problem.search(), self.stated, [])

    @functools.cached_property
    def _scores(self) -> dict[str, float]:
        grid, early = self._judged, self.early
        first, rest = early.problem.grid, grid.rest(self.part)
        levels = early.problem.levels(early.x)[0][grid.tried]
        found = {"model": baselines.rms(levels, rest.levels)}
        return found | {name: baselines.rms(other, rest.levels) for name, other in baselines.predictions(first).items()}

    @property
    def held_out(self) -> float:
        """Root mean square error of the levels of the last 40 % of each run, by the model fitted to the first 60 % (or
        as `part` and `flat_from` say).
        """
        return self._scores["model"]

    @property
    def baselines(self) -> dict[str, float]:
        """The same error of three forecasts without a model: last value, power law, a sigmoid for each task."""
        return {name: score for name, score in self._scores.items() if name != "model"}

    @property
    def describes(self) -> bool:
        """Whether the model describes the curves: on held-out rows no baseline does better by more than a tenth, and it
        is not off by more than 0.2.
        """
        return self.held_out <= min(BETTER * min(self.baselines.values()), MOST_ERROR)

    @property
    def verdict(self) -> str:
        """Whether the model describes the curves, in words."""
        return " ".join(report.verdict(self))

    # -- predictions

    def predict(self, steps: Numbers, mixture: Mixture = None) -> np.ndarray:
        """Levels at training steps, `(step, task)`.

        **Arguments:** `steps`: increasing, from 0 on; `mixture`: how often each task is met, by name or in order: by
        default that of the runs. Where the mixtures of the runs all have one sum, only its ratios count.

        **Raises:** `ValueError` for another mixture than that of the runs, where they have one and `frequency_power`
        was not stated: they cannot tell how speed follows frequency.
        """
        ts = checked_times(steps, self.problem.steps.dtype)
        return np.asarray(simulate(self.model_of(self.checked_mixture(mixture)), ts).level)

    @property
    def knows_power(self) -> bool:
        """Whether it is known how speed follows frequency: runs of several mixtures show it, or it was stated."""
        return self.stated or len(arguments.distinct_shares(self.problem.grid.mixtures)) > 1

    def checked_mixture(self, mixture: Any, name: str = "mixture") -> Any:
        """A mixture that may be predicted: the one of the runs by default.

        **Raises:** `ValueError` where the runs do not tell what it does.
        """
        tried = self.problem.grid.mixtures
        shares = arguments.distinct_shares(tried)
        if mixture is None:
            if len(tried) > 1:
                raise ValueError(f"{name}: expected one, since the runs have {len(tried)} different ones, got none")
            return tried[0]
        found = checked_mixture(name, mixture, self.names)
        share = found / found.sum()
        if not shares:
            raise ValueError(f"{name}: expected none, since the mixtures of the runs are not known; state them "
                             "where the curves are read (mixture)")  # fmt: skip
        same = any(np.allclose(share, other, rtol=1e-6) for other in shares)
        if not same and not self.knows_power:
            raise ValueError(
                f"{name}: expected that of the runs, {_said(shares[0], self.names)}, got {_said(share, self.names)}: "
                "runs of one mixture do not show how speed follows frequency; add a run of another mixture, or state "
                'it: fit(..., prior={"frequency_power": 0.5})'
            )
        sums = [mixture.sum() for mixture in tried if isinstance(mixture, np.ndarray)]
        if sums and np.allclose(sums, sums[0], rtol=1e-2):
            found = share * np.mean(sums)
        return found

    def model_of(self, mixture: Any, x: Any = None) -> ResourceModel:
        """The fitted model in a mixture `(task,)`, or several `(*batch, task)`; by default as each task were met once a
        step.
        """
        freedom = self.problem.freedom
        x = self.x if x is None else x
        if mixture is None:
            mixture = np.ones(len(self.names))
        if not isinstance(mixture, np.ndarray):
            return freedom.model_of(x, mixture)
        met = mixture > 0
        model = freedom.model_of(x, np.where(met, mixture, float(freedom.reference)))
        if met.all():
            return model
        easy = jnp.ones(()) if model.learnability is None else model.learnability
        return model.replace(learnability=jnp.broadcast_to(easy, met.shape) * np.where(met, 1, NEVER))

    # -- in words and pictures

    def report(self) -> str:
        """What was found, in plain sentences."""
        return report.report(self)

    def plot(self) -> Figure:
        """The curves, the fit with its band, and what it leaves: a matplotlib figure, a column for each mixture."""
        from . import picture

        return picture.draw(self)

    def __repr__(self) -> str:
        free = ", ".join(self.problem.freedom.free)
        return f"Fit({self.curves!r}, free {free}, residual {self.residual:.3g})"


def fit(runs: Runs, graph: Requires = None, free: Free = None, prior: Prior = None) -> Fit:
    r"""The model that explains measured curves best: several runs at once, each in its mixture.

    $$ \min \sum_{r, t, i} \bigl(s_i^{(r)}(t) - s_i(t)\bigr)^2 + s^2 \sum_i \bigl(\ln\kappa_i / 0.5\bigr)^2 $$

    by exact derivatives of the solver, from many starts; $s$ is the noise of the curves. In place of 0.5 stands 1 for a
    task that does not rise; and where the runs have one mixture and `frequency_power` is neither free nor stated,
    learnabilities may also follow the frequencies, with a power that is 0 to within 0.5.

    **Arguments:**

    - `runs`: [`Curves`][resource_ode.fitting.curves.Curves], or a list of them.
    - `graph`: which tasks build on which, a [`resource_ode.SkillGraph`][] with the names of the tasks; by default none
        does.
    - `free`: names of parameters to fit: `"learning_rate"`, `"wasted_resource"`, `"plateau"`, `"learnability"` (a
        number per task), `"gate_exponent"`, `"frequency_power"`, `"prerequisite_strength"` (a number per dependency).
        By default the first four, with dependencies `gate_exponent`, and with several mixtures `frequency_power`.
    - `prior`: what is known, by parameter: a number holds it, `(value, spread)` makes it likely (the spread is one of
        its logarithm, for `frequency_power` and `prerequisite_strength` its own). Learnabilities are in the order of
        the tasks; strengths are beside the prerequisites of the graph as it is given, or by name. What is neither free
        nor held is the paper's: 1, and a gate exponent of 0.1.

    **Returns:** a [`Fit`][resource_ode.fitting.fit.Fit]. The scales of learnability, wasted resource and time are one:
    where both are free, the geometric mean of the learnabilities (of tasks that rise) is 1 by convention.

    **Raises:** `ValueError` for a graph of other tasks, unknown parameters, fewer numbers than parameters, curves of
    which none rises, or runs of which only some say their mixture. **Warns** of tasks that never rise or are
    never met, and of a mixture that leaves out what its run learned.

    **Example:**

    >>> import numpy as np, resource_ode as ro
    >>> model = ro.ResourceModel(ro.SkillGraph([[], []], names=("A", "B")), [0.6, 0.4], 0.01, 0.05)
    >>> run = ro.simulate(model, np.arange(0.0, 1000.0, 20.0))
    >>> curves = ro.read_curves(run.to_xarray(), value="level", mixture=[0.6, 0.4])
    >>> found = ro.fit(curves, free=("learning_rate", "wasted_resource"))
    >>> round(float(found.model.wasted_resource), 3)
    0.05
    """
    curves = as_curves(runs)
    given, graph = graph, arguments.checked_graph(graph, curves)
    unknown = [run.name for run in curves.runs if run.mixture is None]
    if unknown and len(unknown) < len(curves.runs):
        raise ValueError(f"runs: expected a mixture for each run or for none, got none for run {named(unknown)}")
    edges = graph.fan_in > 0
    held, likely = arguments.checked_prior(prior, given, graph)
    grid = on_grid(curves)
    number = jnp.finfo(jnp.zeros(()).dtype)
    least, most = (float(end) for end in (number.tiny / OF_STEPS, number.max * OF_STEPS))
    if not least < grid.steps[-1] < most:
        raise ValueError(
            f"runs: expected a last step between {least:.1g} and {most:.1g} in {number.dtype}, got "
            f"{said_step(grid.steps[-1])}; give steps in another unit"
        )
    several = len(arguments.distinct_shares(grid.mixtures)) > 1
    chosen = arguments.checked_free(free, held, edges, several)
    for name in likely:
        if name not in chosen:
            raise ValueError(
                f"prior: expected a number for {name}, which is not free, got {brief(dict(prior or {})[name])}"
            )
    said = doubts.checked(curves, grid)
    for sentence in said:
        warnings.warn(sentence, stacklevel=2)
    stated = "frequency_power" in {**held, **likely}
    rising = doubts.rising(curves)
    known = stated or "frequency_power" in chosen
    try:
        freedom = freedom_of(graph, curves.names, grid.mixtures, chosen, held, rising, known)
    except ValueError as error:
        of_prior = str(error).startswith(tuple(f"{name}:" for name in held))
        raise ValueError(f"prior: {error}" if of_prior else str(error)) from None
    problem = Problem(freedom, grid, likely)
    if problem.numbers <= freedom.size:
        raise ValueError(
            f"runs: expected more measured levels than free parameters, got {problem.numbers} levels for "
            f"{freedom.size} parameters; free fewer, or add rows"
        )
    x = problem.search()
    return Fit(curves, problem, x, stated, said)


def _said(share: np.ndarray, names: tuple[str, ...]) -> str:
    parts = [f"{name}={part:.3g}" for name, part in zip(names, share, strict=True)]
    return ", ".join(parts) if len(parts) <= 4 else ", ".join([*parts[:4], "..."])


def _taking(grid: Any, runs: np.ndarray) -> Any:
    import dataclasses

    return dataclasses.replace(grid, levels=grid.levels[runs], tried=grid.tried[runs])
