"""One graph of 16 skills, called as a user does: what the host spends on a call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np

import resource_ode as ro

from ..candidates import LEVELS, TIMES
from ..ensemble import LEVEL
from .timing import Row, Way, race
from .variants import variant

# calls in a row, since one is too short for the clocks
CALLS = 100


def one_graph(options: Any, say: Callable[[str], None]) -> Iterator[list[Row]]:
    """A hundred calls in a row for one graph, beside the same graph in a batch of two."""
    chosen = variant("mse", 2)
    batch, times = chosen.model(), jnp.asarray(chosen.ensemble.times)
    model = batch[0]
    tasks: tuple[tuple[str, Callable[[Any], Any]], ...] = (
        (LEVELS, lambda model: ro.simulate(model, times).state),
        (TIMES, lambda model: ro.learning_times(model, LEVEL)),
    )
    for task, solve in tasks:
        expected = np.asarray(solve(batch))[0]

        def repeated(solve: Callable[[Any], Any] = solve) -> Any:
            for _ in range(CALLS - 1):
                solve(model)
            return solve(model)

        def off(values: Any, expected: np.ndarray = expected) -> float:
            return 0.0 if np.array_equal(np.asarray(values), expected) else float("nan")

        way = Way("resource_ode", repeated, off, 0.0, "as in a batch, to the bit")
        yield race("single", "one graph", task, CALLS, [way], options.rounds, say)
