"""Where panels are placed, and how many of them a first solve has: the constants of `base.constants` tried again.

`python -m studies.panels` prints a table. One constant at a time is varied about the value in use, over ensembles of
random graphs (sparse, dense, deep; gate exponents from 0.001 to 1; frequencies over two to four decades; both losses):

- the share of graphs that a first solve of 24 panels leaves above 1e-6, and the worst error of a level (against solves
  to 1e-12), for the constants of the measure by which panels are placed;
- the processor time of a graph until its error is below 1e-6, for all of them: too few panels, or panels in wrong
  places, are paid for by second solves, too many at once. `steeper` is tried where skills wait for many others, `many`
  where there are a thousand skills, `more_root` with competition "l2", `more_doubt` on learning times of cross entropy.

The time is flat about the values in use: they are such that no ensemble does badly, not the best for any.
"""

from __future__ import annotations

import functools
import importlib
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

import resource_ode as ro
from resource_ode import native
from resource_ode.base.constants import CONSTANTS
from resource_ode.solve.cascade.refine import COARSE_PANELS, PANELS
from resource_ode.solve.cascade.sharing import Rows, split_axes
from resource_ode.solve.cascade.times import TIMES_PANELS

# the module, not the function of its name
library = importlib.import_module("resource_ode.native.library")

GRAPHS, TIMES, TOLERANCE = 128, 60, 1e-6
# skills, density, gate exponent, decades of frequencies, loss, competition (if not "l1")
ENSEMBLES = [
    (16, 0.2, 0.001, 2, "mse"),
    (16, 0.2, 0.03, 2, "mse"),
    (16, 0.5, 0.3, 4, "mse"),
    (16, 0.2, 0.01, 2, "cross_entropy"),
    (32, 0.1, 0.01, 2, "mse"),
    (32, 0.3, 1.0, 3, "mse"),
    (32, 0.2, 0.1, 3, "cross_entropy"),
    (64, 0.1, 0.1, 2, "mse"),
]
# where skills wait for many others: what `steeper` is for
DEEP = [(64, 0.5, 0.1, 2, "mse"), (128, 0.3, 1.0, 2, "mse")]
# and what `many` is for
LARGE = [(1000, 0.01, 0.1, 2, "mse")]
# what `more_root` and `more_doubt` are for
ROOTS = [(16, 0.2, 0.1, 2, "mse", "l2"), (32, 0.1, 0.01, 2, "mse", "l2"), (16, 0.5, 0.3, 4, "mse", "l2")]
DOUBTED = [(16, 0.2, 0.01, 2, "cross_entropy"), (16, 0.5, 0.3, 2, "cross_entropy"), (32, 0.2, 0.1, 3, "cross_entropy")]
FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)


class Ensemble(NamedTuple):
    rows: Rows
    ts: np.ndarray
    level: np.ndarray


def ensembles(options: list[tuple[Any, ...]]) -> list[Ensemble]:
    return [ensemble(seed, *each) for seed, each in enumerate(options)]


def ensemble(
    seed: int, skills: int, density: float, exponent: float, decades: float, loss: str, competition: str = "l1"
) -> Ensemble:
    count = max(4, min(GRAPHS, 8192 // skills))
    keys = jax.random.split(jax.random.key(seed), count)
    graphs = jax.vmap(lambda key: ro.graphs.random_dag(key, skills, density))(keys)
    rate = 10 ** np.random.default_rng(seed).uniform(-decades / 2, decades / 2, (count, skills))
    model = ro.ResourceModel(graphs, rate, 1.0, 0.01, exponent, loss=loss, competition=competition)
    last = float(np.max(np.asarray(ro.horizon(model))))
    split, clocks, _ = split_axes(jax.tree.map(np.asarray, model), share_exponents=False)
    rows, ts = Rows(split, clocks, clocks), np.geomspace(1e-3 * last, last, TIMES)
    exact, _ = solved(rows, ts, 1e-12, threads=None)
    return Ensemble(rows, ts, levels(rows, exact))


def solved(rows: Rows, ts: np.ndarray, tolerance: float, threads: int | None = 1) -> tuple[np.ndarray, np.ndarray]:
    state, _, _, _, errors = native.trajectories(
        rows, ts, tolerance, PANELS, COARSE_PANELS, None, lambda done: None, threads
    )
    return np.asarray(state)[:, 0, 0], errors[:, 0]


def timed(rows: Rows, _: np.ndarray, tolerance: float) -> None:
    """All learning times, to an error that is ten times smaller."""
    native.learning_times(rows, 0.95, tolerance / 10, TIMES_PANELS, COARSE_PANELS, None, lambda done: None)


def levels(rows: Rows, state: np.ndarray) -> np.ndarray:
    return np.asarray(rows.graphs.law.level(np.asarray(rows.graphs.frequency)[:, None] * state))


def first_solves(some: list[Ensemble]) -> tuple[float, float]:
    """The share of graphs that a first solve leaves above the tolerance, and the worst error of a level."""
    attempts, fewer, steeper = library.ATTEMPTS, CONSTANTS.fewer, CONSTANTS.steeper
    # one solve, all graphs with as many panels
    library.ATTEMPTS, CONSTANTS.fewer, CONSTANTS.steeper = 1, 1.0, 0.0
    try:
        found = [(each, *solved(each.rows, each.ts, TOLERANCE)) for each in some]
    finally:
        library.ATTEMPTS, CONSTANTS.fewer, CONSTANTS.steeper = attempts, fewer, steeper
    wrong = [np.max(np.abs(levels(each.rows, state) - each.level), axis=(1, 2)) for each, state, _ in found]
    return float(np.mean(np.concatenate(wrong) > TOLERANCE)), float(np.max(np.concatenate(wrong)))


def processor_time(some: list[Ensemble], repeats: int = 7, solve: Callable[..., Any] = solved) -> float:
    """Microseconds per graph, all solved to the tolerance."""
    times = []
    for _ in range(repeats):
        before = time.process_time()
        for each in some:
            solve(each.rows, each.ts[-1:], TOLERANCE)
        times.append(time.process_time() - before)
    return 1e6 * statistics.median(times) / sum(len(each.level) for each in some)


def varied(name: str, measure: Callable[[list[Ensemble]], Any], some: list[Ensemble]) -> list[tuple[float, Any]]:
    """What is measured with one constant at several values, the others as they are."""
    own, rows = getattr(CONSTANTS, name), []
    try:
        for factor in FACTORS:
            setattr(CONSTANTS, name, own * factor)
            rows.append((own * factor, measure(some)))
    finally:
        setattr(CONSTANTS, name, own)
    return rows


def main() -> None:
    jax.config.update("jax_enable_x64", True)
    some, deep, large = (ensembles(options) for options in (ENSEMBLES, DEEP, LARGE))
    print(f"| constant | measured | {' | '.join(f'x {factor:g}' for factor in FACTORS)} |")
    print(f"|---|---|{'---|' * len(FACTORS)}")
    for name in ("begins", "learned", "open", "part"):
        found = varied(name, first_solves, some)
        cells = [f"{value:g}: {100 * share:.0f}%, {worst:.0e}" for value, (share, worst) in found]
        print(f"| `{name}` | first solves | {' | '.join(cells)} |", flush=True)
    where = {"steeper": deep, "many": large}
    where |= {"more_root": ensembles(ROOTS), "more_doubt": ensembles(DOUBTED)}
    for name in ("begins", "learned", "open", "part", "fewer", "steeper", "many", "more_root", "more_doubt"):
        measure = functools.partial(processor_time, solve=timed if name == "more_doubt" else solved)
        cells = [f"{value:g}: {each:.0f} us" for value, each in varied(name, measure, where.get(name, some))]
        print(f"| `{name}` | processor time | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
