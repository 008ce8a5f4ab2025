"""Is the pool of result memory (`base.memory`) worth its lines? `python -m studies.memory` prints a table.

The same call with and without it, in turn, for results of 26 and 105 MB: the run alone, and with its levels read. Each
result is dropped before the next call. Medians of processor time and of wall time.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import jax
import numpy as np

import resource_ode as ro
from resource_ode.base import memory

TIMES = np.linspace(0, 2000, 200)
SKILLS = 16


def switch() -> Callable[[bool], None]:
    """A function that puts the pool to use, or out of use."""
    take, give_back = memory._take, memory._give_back

    def use(pool: bool) -> None:
        memory.clear()
        memory._take = take if pool else memory._new
        memory._give_back = give_back if pool else lambda block: None

    return use


def model_of(members: int) -> ro.ResourceModel:
    graphs = jax.vmap(lambda key: ro.graphs.random_dag(key, SKILLS, 0.2))(jax.random.split(jax.random.key(0), members))
    frequency = np.random.default_rng(0).lognormal(size=(members, SKILLS))
    return ro.ResourceModel(graphs, frequency, 0.02, 0.05, 0.1)


def medians(model: ro.ResourceModel, repeats: int, with_level: bool) -> dict[bool, tuple[float, float]]:
    """Processor and wall time of a call in milliseconds, with and without the pool."""
    use, found = switch(), {True: [], False: []}

    def call() -> tuple[float, float]:
        processor, wall = time.process_time(), time.perf_counter()
        run = ro.simulate(model, TIMES)
        np.asarray(run.level if with_level else run.state)
        return 1e3 * (time.process_time() - processor), 1e3 * (time.perf_counter() - wall)

    for turn in range(repeats):
        for pool in (True, False) if turn % 2 else (False, True):
            use(pool)
            call()  # the first has nothing to take from the pool
            found[pool] += [call() for _ in range(3)]
    use(True)
    return {pool: tuple(map(statistics.median, zip(*rows, strict=True))) for pool, rows in found.items()}


def main() -> None:
    jax.config.update("jax_enable_x64", True)
    print("| result | read | processor time, pool / none | gain | wall time, pool / none | gain |")
    print("|---|---|---|---|---|---|")
    for members, repeats in ((1024, 20), (4096, 10)):
        model = model_of(members)
        for with_level in (False, True):
            times = medians(model, repeats, with_level)
            cells = [f"{members * SKILLS * TIMES.size * 8 / 1e6:.0f} MB", "run and levels" if with_level else "run"]
            for kind in (0, 1):
                pool, none = times[True][kind], times[False][kind]
                cells += [f"{pool:.1f} / {none:.1f} ms", f"{100 * (1 - pool / none):.0f}%"]
            print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
