"""`make soak`: everything in turn, for as long as asked, while memory is watched.

A round solves a model of a shape that was not there before by both verbs, in one of both data types, and then does
three of nine things with it: other losses and competitions, batches and slices, reductions, `jit`, gradients,
schedules, observables, pictures, files. Each round prints the resident memory, the number of memory maps and the
seconds since the start. What this program computes by itself is done in NumPy: of each operation of the caller's
outside a program JAX keeps one for every shape, for ever. After the first third, which warms up whatever is kept on
purpose, a straight line is fitted to each. Resident memory may grow by at most 1 MB and maps by at most 2 per round, by
that line and its standard error; more is a leak.

    make soak                                  half an hour
    make soak ARGS="--minutes 2 --write"

Exit status 1 if either grows.
"""

from __future__ import annotations

import argparse
import pathlib
import tempfile
import time
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import document
from .workers import memory_maps, resident

MEGABYTES_A_ROUND, MAPS_A_ROUND = 1.0, 2.0
# a line through fewer rounds says nothing
LEAST_ROUNDS = 12


def arguments(given: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m reliability soak", description="Mixed use, and its memory.")
    parser.add_argument("--minutes", type=float, default=30.0, help="how long (default 30)")
    parser.add_argument("--rounds", type=int, help="so many rounds in place of minutes")
    parser.add_argument("--seed", type=int, default=0, help="other models (default 0)")
    parser.add_argument("--write", action="store_true", help=f"put the table into {document.PATH}")
    return parser.parse_args(given)


def main(given: Sequence[str]) -> int:
    options = arguments(given)
    import jax
    import matplotlib

    jax.config.update("jax_enable_x64", True)
    matplotlib.use("Agg")
    begin, rows = time.perf_counter(), []
    with tempfile.TemporaryDirectory(prefix="resource_ode_soak_") as folder:
        while True:
            passed = time.perf_counter() - begin
            if len(rows) >= options.rounds if options.rounds else passed > 60 * options.minutes:
                break
            one_round(np.random.default_rng([options.seed, len(rows)]), pathlib.Path(folder))
            rows.append((resident(), memory_maps(), time.perf_counter() - begin))
            print(f"round {len(rows)}: {rows[-1][0]:.0f} MB, {rows[-1][1]} maps, {rows[-1][2]:.0f} s", flush=True)
    text, grows = report(np.array(rows), options)
    text += "\n\n" + held()
    print(text)
    if options.write:
        document.put("soak", text)
    return 1 if grows else 0


def held() -> str:
    """Whose memory it is at the end: what goes with the programs of the package, and then with JAX's own caches."""
    import gc

    import jax

    from resource_ode.base import programs

    sizes = [resident()]
    for give_up in (programs.clear, jax.clear_caches):
        give_up()
        gc.collect()
        programs.trim()
        sizes.append(resident())
    return (
        f"Of the last {sizes[0]:.0f} MB, {sizes[0] - sizes[1]:.0f} go with the programs that the package keeps, and "
        f"{sizes[1] - sizes[2]:.0f} more with JAX's own caches of what it has traced and compiled."
    )


def slope(values: np.ndarray) -> tuple[float, float]:
    """Growth a round by a straight line, and its standard error."""
    x = np.arange(len(values), dtype=float)
    x -= x.mean()
    rate = float(x @ (values - values.mean()) / (x @ x))
    rest = values - values.mean() - rate * x
    return rate, float(np.sqrt(rest @ rest / max(len(values) - 2, 1) / (x @ x)))


def report(rows: np.ndarray, options: argparse.Namespace) -> tuple[str, bool]:
    """The table, and whether anything grows."""
    warm = len(rows) // 3
    size = f"--rounds {options.rounds}" if options.rounds else f"--minutes {options.minutes:g}"
    lines = [document.provenance(f'make soak ARGS="{size} --seed {options.seed}"'), ""]
    if len(rows) - warm < LEAST_ROUNDS:
        lines.append(f"{len(rows)} rounds are too few to say whether anything grows.")
        return "\n".join(lines), False
    table, grows = [["", "first round", "after warm-up", "last round", "growth per round", "bound", "verdict"]], False
    for column, name, bound in ((0, "resident memory, MB", MEGABYTES_A_ROUND), (1, "memory maps", MAPS_A_ROUND)):
        values = rows[:, column]
        rate, error = slope(values[warm:])
        # what a line and its error cannot tell from flat is not growth
        bad = rate - 2 * error > bound
        grows |= bad
        table.append(
            [
                name, f"{values[0]:.0f}", f"{values[warm]:.0f}", f"{values[-1]:.0f}", f"{rate:.2f} +- {error:.2f}",
                f"{bound:g}", "GROWS" if bad else "flat",
            ]
        )  # fmt: skip
    lines += [f"{len(rows)} rounds in {rows[-1, 2]:.0f} s, the first {warm} of them to warm up.", ""]
    return "\n".join([*lines, *document.table(table)]), grows


# -- what a round does


def one_round(rng: np.random.Generator, folder: pathlib.Path) -> None:
    """A model of a shape of its own, both verbs, and three other things that users do."""
    import resource_ode as ro

    skills, rows = int(rng.integers(2, 40)), int(rng.integers(3, 30))
    lists = [sorted(rng.choice(i, min(i, int(rng.integers(0, 4))), replace=False).tolist()) for i in range(skills)]
    graph = ro.SkillGraph(lists, gate=str(rng.choice(["all", "any"])))
    dtype = np.dtype(str(rng.choice(["float64", "float32"])))
    frequency = rng.lognormal(0, 1, skills).astype(dtype)
    model = ro.ResourceModel(graph, frequency, learning_rate=0.01, wasted_resource=0.1, gate_exponent=0.1)
    ts = np.linspace(0, 500 * skills, rows)
    with warnings.catch_warnings():
        # members that fail say so; here it is the memory that counts
        warnings.simplefilter("ignore")
        look(ro.simulate(model, ts))
        np.asarray(ro.learning_times(model))
        for use in rng.choice(len(USES), 3, replace=False):
            USES[use](model, ts, rng, folder)


def look(run: Any) -> None:
    """Read what a run derives."""
    for name in ("level", "share", "waste", "budget_residual"):
        np.asarray(getattr(run, name))
    repr(run)


def other_laws(model: Any, ts: np.ndarray, rng: np.random.Generator, folder: pathlib.Path) -> None:
    import resource_ode as ro

    changes = ({"loss": "cross_entropy"}, {"competition": "l2"}, {"frequency_after": 2 * np.asarray(model.frequency)})
    look(ro.simulate(model.replace(**changes[int(rng.integers(len(changes)))]), ts))


def batches(model: Any, ts: np.ndarray, rng: np.random.Generator, folder: pathlib.Path) -> None:
    import resource_ode as ro

    batch = model.replace(wasted_resource=rng.uniform(0.01, 1, int(rng.integers(2, 6))).astype(model.dtype))
    run = ro.simulate(batch, ts)
    look(run)
    repr(run[0])
    np.asarray(ro.learning_times(batch[1]))


def reductions(model: Any, ts: np.ndarray, rng: np.random.Generator, folder: pathlib.Path) -> None:
    import resource_ode as ro

    np.asarray(ro.simulate(model, ts, reduce=_last))
    # a function of its own every time: nothing that is kept for it can be used again
    np.asarray(ro.simulate(model, ts, reduce=lambda run: run.loss[-1]))


def compiled(model: Any, ts: np.ndarray, rng: np.random.Generator, folder: pathlib.Path) -> None:
    import jax

    import resource_ode as ro

    np.asarray(jax.jit(lambda model: ro.learning_times(model))(model))
    np.asarray(jax.jit(lambda model: ro.simulate(model, ts).level)(model))


def gradients(model: Any, ts: np.ndarray, rng: np.random.Generator, folder: pathlib.Path) -> None:
    import jax

    import resource_ode as ro

    times, back = jax.vjp(lambda frequency: ro.learning_times(model.replace(frequency=frequency)), model.frequency)
    np.asarray(back(times)[0])


def schedules(model: Any, ts: np.ndarray, rng: np.random.Generator, folder: pathlib.Path) -> None:
    import resource_ode as ro

    frequency = np.asarray(model.frequency)
    look(ro.simulate(model.replace(frequency=ro.Schedule([0.0, 100.0], np.stack([frequency, 2 * frequency]))), ts))


def measures(model: Any, ts: np.ndarray, rng: np.random.Generator, folder: pathlib.Path) -> None:
    import resource_ode as ro

    run = ro.simulate(model, ts)
    np.asarray(ro.observables.concurrency(run))
    np.asarray(ro.observables.seriality(run))


def pictures(model: Any, ts: np.ndarray, rng: np.random.Generator, folder: pathlib.Path) -> None:
    import matplotlib.pyplot as plt

    import resource_ode as ro

    ro.plot.levels(ro.simulate(model, ts)).figure.savefig(folder / "levels.png")
    plt.close("all")


def files(model: Any, ts: np.ndarray, rng: np.random.Generator, folder: pathlib.Path) -> None:
    import resource_ode as ro

    run = ro.simulate(model, ts)
    run.save(folder / "run.nc")
    repr(ro.load(folder / "run.nc"))
    run.save(folder / "run.csv")
    run.to_xarray().close()


USES = (other_laws, batches, reductions, compiled, gradients, schedules, measures, pictures, files)


def _last(run: Any) -> Any:
    return run.level[-1]
