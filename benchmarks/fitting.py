"""`python -m benchmarks.fitting`: how long a fit of measured curves takes, from the import to the picture.

Curves are drawn from a known model, with noise; each part is timed in a process that has compiled nothing yet, then
again. Exits with 1 if an interval misses its parameter more often than one in five, so that what is timed is right.
"""

from __future__ import annotations

import argparse
import pathlib
import sys
import time
from collections.abc import Callable
from typing import Any

NOISE = 0.02
PARTS = ("import", "fit", "intervals, verdicts and seeds drawn anew", "held-out rows and forecasts without a model",
         "picture", "what_if", "design")  # fmt: skip
# those of a report that anyone asks for; the others come on top
REPORT = PARTS[:4]


def timed(call: Callable[[], Any]) -> tuple[Any, tuple[float, float]]:
    """What it returns, and the seconds that pass and that processors spend."""
    wall, spent = time.perf_counter(), time.process_time()
    found = call()
    return found, (time.perf_counter() - wall, time.process_time() - spent)


def synthetic(tasks: int, seeds: int, mixtures: int, rows: int) -> tuple[Any, Any]:
    """Curves of a random graph, and the model that made them."""
    import numpy as np

    import resource_ode as ro

    random = np.random.default_rng(0)
    requires = {f"task {i}": [f"task {j}" for j in np.flatnonzero(random.random(i) < min(0.5, 1.2 / max(i, 1)))]
                for i in range(tasks)}  # fmt: skip
    easy = np.exp(0.2 * random.standard_normal(tasks))
    easy /= np.exp(np.log(easy).mean())
    even = np.ones(tasks) / tasks
    shares = np.exp(0.7 * random.standard_normal((mixtures - 1, tasks)))
    tried = np.concatenate([even[None], shares / shares.sum(axis=1, keepdims=True)])
    model = ro.ResourceModel(
        ro.SkillGraph(requires), even, 0.02, 0.05, 0.3, plateau=0.02, frequency_power=0.6, learnability=easy
    )
    last = 1.3 * float(np.max(ro.horizon(model.replace(frequency=tried), 0.9)))
    steps = np.linspace(0, last, rows)
    runs = []
    for mixture in tried:
        level = np.asarray(ro.simulate(model.replace(frequency=mixture), steps).level)
        for seed in range(seeds):
            noisy = level + NOISE * random.standard_normal(level.shape)
            table = {"step": steps, **dict(zip(requires, np.clip(noisy, -0.2, 1.2).T, strict=True))}
            runs.append(ro.read_curves(table, value="level", mixture=mixture, seed=seed))
    return ro.Curves.join(runs), model


def measure(curves: Any, model: Any) -> tuple[dict[str, tuple[float, float]], float]:
    """Seconds of each part, and how many of the intervals hold what made the curves."""
    import numpy as np

    import resource_ode as ro

    names = iter(PARTS[1:])
    seconds = {}
    found, seconds[next(names)] = timed(lambda: ro.fit(curves, model.graph))
    table, seconds[next(names)] = timed(lambda: found.parameters)
    _, seconds[next(names)] = timed(found.report)
    _, seconds[next(names)] = timed(found.plot)
    _, seconds[next(names)] = timed(lambda: ro.what_if(found, [model.frequency]))
    _, seconds[next(names)] = timed(lambda: ro.design(found))
    alone = ("learning_rate", "wasted_resource", "plateau", "gate_exponent", "frequency_power")
    made = {name: float(getattr(model, name)) for name in alone}
    made |= {f"learnability[{name}]": float(k) for name, k in zip(curves.names, model.learnability, strict=True)}
    truth, own = np.array(list(made.values())), table.loc[list(made)]
    return seconds, float(np.mean((own.low <= truth) & (truth <= own.high)))


def markdown(about: dict[str, Any], curves: Any, first: dict[str, Any], again: dict[str, Any], inside: float) -> str:
    from . import report

    rows = curves.runs[0].levels.shape[0]
    lines = [
        f"# Fitting {len(curves.names)} tasks: {report.device()}",
        "",
        f"{len(curves.runs)} runs of {rows} rows in {len(curves.mixtures)} mixtures, default free parameters, "
        f"{inside:.0%} of the 95 % intervals hold what made the curves. Seconds that pass (of processors); the first "
        f"call compiles. Load average {about['load_average']:.1f}, commit {about['commit']}.",
        "",
        "| part | first call | again |",
        "|---|---|---|",
    ]
    sums = {"**report, in all**": REPORT, "**all of this**": PARTS}
    for name in (*PARTS, *sums):
        cells = [[calls[part] for part in sums.get(name, (name,)) if part in calls] for calls in (first, again)]
        said = [f"{sum(w for w, _ in each):.1f} ({sum(c for _, c in each):.1f})" if each else "" for each in cells]
        lines.append(f"| {name} | {said[0]} | {said[1]} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser("python -m benchmarks.fitting", description=__doc__)
    for name, default in (("tasks", 12), ("seeds", 8), ("mixtures", 3), ("rows", 100)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--out", type=pathlib.Path, help="folder of the results (default: nothing is written)")
    options = parser.parse_args()

    def begin() -> None:
        import jax

        jax.config.update("jax_enable_x64", True)
        # a first call is one that finds nothing compiled
        jax.config.update("jax_enable_compilation_cache", False)
        import resource_ode  # noqa: F401

    _, imported = timed(begin)
    curves, model = synthetic(options.tasks, options.seeds, options.mixtures, options.rows)
    first, inside = measure(curves, model)
    again, _ = measure(curves, model)
    first["import"] = imported
    from . import report

    about = report.environment()
    text = markdown(about, curves, first, again, inside)
    print(text)
    if options.out is not None:
        report.save("fit", text, {"about": about, "first": first, "again": again, "inside": inside}, options.out)
    return 0 if inside >= 0.8 else 1


if __name__ == "__main__":
    sys.exit(main())
