"""Error against time, time against size, memory against the result: each a picture and its numbers.

Scaling and memory are measured in processes of their own (`python -m benchmarks.sweeps`), one a data type or a run:
nothing that ran before fills the memory, and one that runs out of it is a gap in a curve.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import report
from .candidates import LEVELS, TIMES, Candidate, in_diffrax, in_numba, ours
from .candidates import work_precision as ladder
from .ensemble import DENSITY, LEVEL, Ensemble, random_graphs
from .measure import compare, finished, once
from .reference import reference

# a curve ends after a call longer than this, in seconds
LONGEST = 12.0
# seconds to spend on one point of a curve
ENOUGH = 3.0
COLOURS = {"resource_ode": "#0072B2", "numba": "#D55E00", "diffrax": "#009E73"}
MORE_COLOURS = ("#CC79A7", "#E69F00", "#56B4E9", "#000000", "#7F7F7F")


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


# -- error against time


def work_precision(options: Any, platform: str) -> None:
    """Every method over its tolerances on one ensemble."""
    graphs = options.graphs or (32 if options.quick else 1024 if platform == "cpu" else 16384)
    rounds = options.rounds or (1 if options.quick else 3)
    candidates = [c for c in ladder(options.dtype) if platform == "cpu" or c.gpu]
    ensemble = random_graphs(0, graphs)
    truth = reference(ensemble, None if platform == "cpu" else 1024)
    outcomes = compare(candidates, [ensemble], [truth], rounds, say, gated=False)
    found = report.rows(outcomes)
    about = report.environment() | {
        "problem": f"{graphs} random graphs of {ensemble.skills} skills, {len(ensemble.times)} times, {options.dtype}",
        "reference": truth.source,
    }
    data = {"about": about, "rows": found}
    for path in [*report.save(_name("work_precision", options, options.dtype), None, data, options.out)]:
        say(f"wrote {path}")
    _draw(_work_precision_figure(found, about), _name("work_precision", options, options.dtype), about, options)


def _work_precision_figure(found: Sequence[dict[str, Any]], about: dict[str, Any]) -> Any:
    figure, axes = _figure(2)
    for ax, task in zip(axes, (LEVELS, TIMES), strict=True):
        methods = dict.fromkeys(row["method"] for row in found if row["task"] == task)
        spare = iter(MORE_COLOURS)
        lines = ("-", "--", ":", "-.")
        seen: dict[str, int] = {}
        for method in methods:
            # in the order of the tolerances: noise in time must not tangle a curve
            points = [
                (row["ms_per_1000"], row["error"])
                for row in found
                if row["task"] == task and row["method"] == method and row["ms_per_1000"] and row["error"]
            ]
            if not points:
                continue
            family = method.split()[0].rstrip(",")
            if family not in COLOURS:
                COLOURS[family] = next(spare)
            style = lines[seen.get(family, 0) % len(lines)]
            seen[family] = seen.get(family, 0) + 1
            ours_here = family == "resource_ode"
            ax.loglog(
                *zip(*points, strict=True),
                color=COLOURS[family],
                linestyle=style,
                marker="o" if ours_here else ".",
                markersize=4,
                linewidth=1.6 if ours_here else 1.0,
                label=method.replace(", log-depth", ""),
            )
        ax.set_title(task)
        ax.set_xlabel("ms per 1000 graphs")
        ax.set_ylabel("largest level error")
    # the first panel has all methods of the second
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right upper", frameon=False, fontsize=6)
    _caption(figure, about)
    return figure


# -- time against size


def scaling(options: Any, platform: str) -> None:
    """Both data types, each in a process of its own."""
    points: list[dict[str, Any]] = []
    for dtype in ("float64", "float32"):
        say(f"scaling, {dtype}")
        points += _child("scaling", options, "--dtype", dtype) or []
    about = report.environment() | {"problem": "random graphs, density 0.2 and 16 skills unless said otherwise"}
    name = _name("scaling", options)
    for path in report.save(name, None, {"about": about, "points": points}, options.out):
        say(f"wrote {path}")
    _draw(_scaling_figure(points, about), name, about, options)


def _scaling_points(dtype: str, quick: bool) -> list[dict[str, Any]]:
    """Time of each method at each size, larger sizes until one takes too long."""
    import jax

    gpu = jax.default_backend() != "cpu"
    methods: list[Candidate] = [ours(LEVELS, 1e-5 if dtype == "float64" else 1e-4, dtype)]
    methods.append(ours(TIMES, 1e-6 if dtype == "float64" else 1e-4, dtype))
    tolerances = (2e-7, 2e-8) if dtype == "float64" else (1e-5, 1e-6)
    for task in (LEVELS, TIMES):
        methods.append(in_diffrax(task, *tolerances, dtype, solver="Dopri5", max_steps=512))
        if dtype == "float64" and not gpu:
            methods.append(in_numba(task, *tolerances))
    batches = (8, 64, 512) if quick else (8, 64, 512, 4096, 32768, 100_000, 1_000_000)
    # the memory of a full trajectory: 2 x 25.6 kB per graph in float64; of diffrax, some 8 times that
    most = {LEVELS: 100_000 if not gpu else 1_000_000, TIMES: 1_000_000}
    most_of_diffrax = 8192 if not gpu else 100_000
    sizes: dict[str, list[tuple[float, Callable[[], Ensemble]]]] = {
        "graphs": [(n, lambda n=n: random_graphs(0, n)) for n in batches],
        "skills": [
            (n, lambda n=n: random_graphs(0, _balanced(n, quick), skills=n, density=min(DENSITY, 3.0 / n)))
            for n in ((4, 16) if quick else (4, 16, 64, 256))
        ],
        "skills, density 0.2": [
            (n, lambda n=n: random_graphs(0, _balanced(n, quick) // 2, skills=n))
            for n in ((4, 16) if quick else (4, 16, 64))
        ],
        "density": [
            (d, lambda d=d: random_graphs(0, 64 if quick else 512, density=d))
            for d in ((0.0, 0.5) if quick else (0.0, 0.1, 0.2, 0.5, 1.0))
        ],
    }
    found: list[dict[str, Any]] = []
    for axis, values in sizes.items():
        over: set[tuple[str, str]] = set()
        for value, build in values:
            ensemble = build()
            for candidate in methods:
                key = candidate.task, candidate.name
                too_large = axis == "graphs" and (
                    ensemble.graphs > most[candidate.task]
                    or ("diffrax" in candidate.name and ensemble.graphs > most_of_diffrax)
                )
                if candidate.missing or key in over or too_large:
                    continue
                seconds = _timed(candidate, ensemble)
                if seconds is None or statistics.median(seconds) > LONGEST:
                    over.add(key)
                if seconds is None:
                    continue
                found.append(
                    {
                        "axis": axis,
                        "value": value,
                        "graphs": ensemble.graphs,
                        "skills": ensemble.skills,
                        "edges_per_graph": float(ensemble.required.sum() / ensemble.graphs),
                        "task": candidate.task,
                        "method": candidate.name,
                        "dtype": dtype,
                        "us_per_graph": statistics.median(seconds) / ensemble.graphs * 1e6,
                        "repetitions": len(seconds),
                    }
                )
            say(f"  {axis} {value:g}")
    return found


def _balanced(skills: int, quick: bool) -> int:
    """Graphs such that the numbers of all skills together stay about the same."""
    return max(8, (512 if quick else 8192) // skills)


def _timed(candidate: Candidate, ensemble: Ensemble) -> list[float] | None:
    try:
        call = candidate.prepare(ensemble)
        _, _, first = once(call)
        if first > 10 * LONGEST:
            return [first]
        seconds: list[float] = []
        while len(seconds) < 3 or (len(seconds) < 7 and sum(seconds) < ENOUGH):
            seconds.append(once(call)[2])
            if sum(seconds) > LONGEST:
                break
        return seconds
    except Exception as problem:
        # running out of memory ends a curve, not the run
        say(f"  {candidate.task}, {candidate.name}: {type(problem).__name__}")
        return None


def _scaling_figure(points: Sequence[dict[str, Any]], about: dict[str, Any]) -> Any:
    figure, axes = _figure(4, rows=2)
    axis_names = ("graphs", "skills", "skills, density 0.2", "density")
    labels = {
        "graphs": "graphs in the batch",
        "skills": "skills (about 1.5 prerequisites each)",
        "skills, density 0.2": "skills (edge density 0.2)",
        "density": "edge density, 16 skills",
    }
    for ax, axis in zip(axes, axis_names, strict=True):
        keys = dict.fromkeys((p["method"], p["task"], p["dtype"]) for p in points if p["axis"] == axis)
        for method, task, dtype in keys:
            mine = [p for p in points if (p["axis"], p["method"], p["task"], p["dtype"]) == (axis, method, task, dtype)]
            family = method.split()[0].rstrip(",")
            ax.plot(
                [p["value"] for p in mine],
                [p["us_per_graph"] for p in mine],
                color=COLOURS[family],
                linestyle="-" if dtype == "float64" else ":",
                marker="o" if task == LEVELS else "^",
                markerfacecolor=COLOURS[family] if task == LEVELS else "white",
                markersize=3.5,
                linewidth=1.1,
                label=f"{family}, {task}, {dtype}",
            )
        ax.set_yscale("log")
        if axis != "density":
            ax.set_xscale("log", base=10 if axis == "graphs" else 2)
        if axis.startswith("skills"):
            sizes = sorted({p["value"] for p in points if p["axis"] == axis})
            ax.set_xticks(sizes, [f"{size:g}" for size in sizes])
        ax.set_xlabel(labels[axis])
        ax.set_ylabel("\N{MICRO SIGN}s per graph")
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside right upper", frameon=False, fontsize=6)
    _caption(figure, about)
    return figure


# -- memory against the result


def memory(options: Any) -> None:
    """Peak resident growth of one call against the size of what it returns."""
    results = []
    for what in ("run", "run and level", "reduced level", "learning times"):
        found = _child("memory", options, "--dtype", "float64", "--what", what)
        if found:
            results.append(found)
            say(f"  {what}: peak growth {found['growth_MB']:.0f} MB, {found['ratio']:.2f} times the result's size")
    about = report.environment() | {"problem": "one call on random graphs of 16 skills, 200 times, float64"}
    lines = ["# Memory", "", *report.describe(about), ""]
    lines += ["| what is kept | graphs | result, MB | peak growth, MB | ratio |", "|---|---|---|---|---|"]
    for row in results:
        numbers = f"{row['graphs']} | {row['result_MB']:.1f} | {row['growth_MB']:.1f} | {row['ratio']:.2f}"
        lines.append(f"| {row['what']} | {numbers} |")
    lines += [
        "",
        "Peak growth: the highest resident memory during the call (VmHWM of /proc/self/status, reset before it) above "
        "that just before it, after a smaller warm-up call. Compiling the larger shape is part of it.",
    ]
    text = "\n".join(lines) + "\n"
    print(text)
    for path in report.save(_name("memory", options), text, {"about": about, "rows": results}, options.out):
        say(f"wrote {path}")


def _measure_memory(what: str, quick: bool) -> dict[str, Any]:
    import jax

    import resource_ode as ro

    def call(ensemble: Ensemble) -> Any:
        model, times = ensemble.model(), ensemble.times

        def run() -> Any:
            if what == "learning times":
                return finished(ro.learning_times(model, LEVEL, tolerance=1e-6))
            if what == "reduced level":
                return finished(ro.simulate(model, times, tolerance=1e-5, reduce=_level))
            done = jax.block_until_ready(ro.simulate(model, times, tolerance=1e-5))
            kept = (done.state, done.clock)
            return (*kept, finished(done.level)) if what == "run and level" else kept

        return run

    graphs = 2048 if quick else 200_000 if what == "learning times" else 24_576
    call(random_graphs(1, 1024))()
    run = call(random_graphs(0, graphs))
    _release()
    before = _status("VmRSS")
    # "5" makes the high-water mark start anew at what is resident now
    with open("/proc/self/clear_refs", "w") as handle:
        handle.write("5")
    result = run()
    growth = _status("VmHWM") - before
    size = sum(part.nbytes for part in jax.tree.leaves(result))
    return {
        "what": what,
        "graphs": graphs,
        "result_MB": size / 1e6,
        "growth_MB": growth / 1e6,
        "ratio": growth / size,
    }


def _level(run: Any) -> Any:
    return run.level


def _status(key: str) -> int:
    """Bytes, from the kernel's account of this process."""
    with open("/proc/self/status") as handle:
        line = next(line for line in handle if line.startswith(key))
    return int(line.split()[1]) * 1024


def _release() -> None:
    """Give freed memory back, so that the growth is not hidden in what is already held."""
    import gc

    from resource_ode.base import memory

    gc.collect()
    memory.clear()
    ctypes.CDLL(None).malloc_trim(0)


# -- planes of parameters


def sharing(options: Any) -> None:
    """What planes of wastes and gate exponents cost over the same graphs with one of each, taking turns."""
    import resource_ode as ro

    graphs = options.graphs or (64 if options.quick else 1024)
    model, rounds = random_graphs(0, graphs).model(), options.rounds or (2 if options.quick else 9)
    exponents = np.geomspace(1e-3, 1.0, 8)[::-1, None]
    wastes = np.geomspace(1e-3, 1.0, 32)[:, None]
    planes = {
        "one of each": model,
        "32 wastes": model.replace(wasted_resource=wastes),
        "8 gate exponents": model.replace(gate_exponent=exponents),
        "8 gate exponents x 32 wastes": model.replace(gate_exponent=exponents, wasted_resource=wastes[:, None]),
    }
    seconds: dict[str, list[float]] = {name: [] for name in planes}
    for turn in range(rounds + 1):
        for name, plane in planes.items():
            _, _, took = once(lambda plane=plane: finished(ro.learning_times(plane, LEVEL)))
            if turn:
                seconds[name].append(took)
    about = report.environment() | {
        "problem": f"learning times of {graphs} random graphs of 16 skills at default tolerance, medians of {rounds}"
    }
    one = statistics.median(seconds["one of each"])
    rows = []
    for name, plane in planes.items():
        took, points = statistics.median(seconds[name]), int(np.prod(plane.batch_shape)) // graphs
        rows.append({"plane": name, "points": points, "ms": took * 1e3, "ratio": took / one})
    lines = ["# Planes of parameters", "", *report.describe(about), "", "| plane | points | ms | times one point |"]
    lines += ["|---|---|---|---|"]
    lines += [f"| {row['plane']} | {row['points']} | {row['ms']:.1f} | {row['ratio']:.2f} |" for row in rows]
    text = "\n".join(lines) + "\n"
    print(text)
    for path in report.save(_name("sharing", options), text, {"about": about, "rows": rows}, options.out):
        say(f"wrote {path}")


# -- processes and pictures


def _child(kind: str, options: Any, *more: str) -> Any:
    """Run one of the measurements in a process of its own; None if it died."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "found.json")
        command = [sys.executable, "-m", "benchmarks.sweeps", kind, "--out", path, *more]
        done = subprocess.run(command + (["--quick"] if options.quick else []), check=False)
        if done.returncode or not os.path.exists(path):
            say(f"  {kind} {' '.join(more)}: the process ended with {done.returncode}")
            return None
        with open(path) as handle:
            return json.load(handle)


def _name(what: str, options: Any, dtype: str = "") -> str:
    return "_".join(filter(None, ("quick" if options.quick else "", what, dtype)))


def _figure(panels: int, rows: int = 1) -> tuple[Any, Sequence[Any]]:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    plt.rcParams.update({"font.size": 8, "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.6})
    columns = panels // rows
    figure, axes = plt.subplots(rows, columns, figsize=(3.7 * columns, 2.9 * rows), layout="constrained")
    return figure, np.ravel(axes)


def _caption(figure: Any, about: dict[str, Any]) -> None:
    figure.suptitle(
        f"{about['problem']}\n{about['device']}, {about['date'][:10]}, commit {about['commit']}",
        fontsize=7,
        x=0.01,
        ha="left",
    )


def _draw(figure: Any, name: str, about: dict[str, Any], options: Any) -> None:
    import matplotlib.pyplot as plt

    path = options.out / f"{name}_{report.slug(about['device'])}.png"
    figure.savefig(path, dpi=160)
    plt.close(figure)
    say(f"wrote {path}")


def _main() -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.sweeps", description="One measurement in its own process.")
    parser.add_argument("kind", choices=("scaling", "memory"))
    parser.add_argument("--dtype", default="float64")
    parser.add_argument("--what", default="level")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    import jax

    if options.dtype == "float64":
        jax.config.update("jax_enable_x64", True)
    if options.kind == "scaling":
        found: Any = _scaling_points(options.dtype, options.quick)
    else:
        found = _measure_memory(options.what, options.quick)
    with open(options.out, "w") as handle:
        json.dump(found, handle)


if __name__ == "__main__":
    _main()
