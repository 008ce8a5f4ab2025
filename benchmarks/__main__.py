"""`python -m benchmarks`: the table, and on request work-precision, scaling, memory and planes of parameters."""

from __future__ import annotations

import argparse
import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

from . import report
from .candidates import BOUND, Candidate, quick, table
from .ensemble import random_graphs
from .measure import compare
from .reference import reference

# graphs of an ensemble on each platform, and how many of them are held against the reference
GRAPHS = {"cpu": 1024, "gpu": 100_000}
CHECKED = {"cpu": None, "gpu": 4096}
# fusions are in such graphs by default, loops and branches are not; CUDA 12.3 or later
COMMAND_BUFFERS = "--xla_gpu_enable_command_buffer=+WHILE,+CONDITIONAL"


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small ensemble, one seed: does it run at all")
    parser.add_argument("--seeds", type=int, help="ensembles (default 10; 1 with --quick and on a GPU)")
    parser.add_argument("--graphs", type=int, help="graphs of an ensemble (default 1024; 100000 on a GPU)")
    parser.add_argument("--rounds", type=int, help="repetitions of each seed (default 5; 2 with --quick)")
    parser.add_argument("--only", default="", help="candidates whose task or name holds one of these words, by commas")
    parser.add_argument("--dtype", choices=tuple(BOUND), help="default float64; float32 on a GPU")
    parser.add_argument(
        "--command-buffers", action="store_true", help="XLA's loops in CUDA graphs: a GPU's second table, run by itself"
    )
    parser.add_argument("--out", type=pathlib.Path, default=report.RESULTS, help="folder of the results")
    parser.add_argument("--plots", action="store_true", help="all of the following, after the table")
    parser.add_argument("--work-precision", action="store_true", help="error against time, in place of the table")
    parser.add_argument("--scaling", action="store_true", help="batch, skills, density; both dtypes; in its place")
    parser.add_argument("--memory", action="store_true", help="peak memory against the result's size, in its place")
    parser.add_argument("--sharing", action="store_true", help="what planes of parameters cost, in its place")
    return parser.parse_args(given)


def main(given: Sequence[str] | None = None) -> int:
    """Run what was asked for; 1 if a candidate that runs here failed its gate."""
    options = arguments(given)
    if options.command_buffers:
        # read when JAX is first used
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {COMMAND_BUFFERS}".strip()
    import jax

    platform = "cpu" if jax.default_backend() == "cpu" else "gpu"
    options.dtype = options.dtype or ("float64" if platform == "cpu" else "float32")
    if options.dtype == "float64":
        jax.config.update("jax_enable_x64", True)
    begin, code = time.perf_counter(), 0
    if options.command_buffers and platform == "cpu":
        say("--command-buffers: expected a GPU, found none")
        return 2
    if options.plots or not (options.work_precision or options.scaling or options.memory or options.sharing):
        code = run_table(options, platform)
        if platform == "gpu" and not (options.command_buffers or options.quick or options.only):
            code = run_with_command_buffers(options) or code
    if options.plots or options.work_precision or options.scaling or options.memory or options.sharing:
        from . import sweeps

        if options.plots or options.work_precision:
            sweeps.work_precision(options, platform)
        if options.plots or options.scaling:
            sweeps.scaling(options, platform)
        if options.plots or options.memory:
            sweeps.memory(options)
        if options.plots or options.sharing:
            sweeps.sharing(options)
    say(f"finished in {time.perf_counter() - begin:.0f} s")
    return code


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def chosen(candidates: Sequence[Candidate], words: str, platform: str) -> list[Candidate]:
    """Those that run on this platform and whose task or name holds one of the words; ours stay, as the measure."""
    kept = [c for c in candidates if (c.cpu if platform == "cpu" else c.gpu)]
    wanted = [word.strip().lower() for word in words.split(",") if word.strip()]
    if not wanted:
        return kept
    found = [c for c in kept if any(word in f"{c.task} {c.name}".lower() for word in wanted)]
    tasks = {c.task for c in found}
    return [c for c in kept if c in found or (c.ours and c.task in tasks)]


def run_with_command_buffers(options: Any) -> int:
    """The second table, in a process of its own: XLA reads its flags once."""
    words = "-m benchmarks --command-buffers --only resource_ode,dopri5 --rounds 3"
    command = [sys.executable, *words.split()]
    given = {"--seeds": options.seeds, "--graphs": options.graphs, "--dtype": options.dtype, "--out": options.out}
    command += [str(word) for name, value in given.items() if value is not None for word in (name, value)]
    return subprocess.run(command, check=False).returncode


def run_table(options: Any, platform: str) -> int:
    seeds = options.seeds or (1 if options.quick or platform == "gpu" else 10)
    graphs = options.graphs or (64 if options.quick else GRAPHS[platform])
    rounds = options.rounds or (2 if options.quick else 5)
    everyone = quick(options.dtype) if options.quick else list(table(options.dtype))
    candidates = chosen(everyone, options.only, platform)
    if not candidates:
        say(f"--only {options.only}: expected words of a task or a name, found no candidate")
        return 2
    about = report.environment()
    say(f"{report.device()}: {seeds} ensembles of {graphs} graphs, {options.dtype}, {rounds} rounds")
    ensembles = [random_graphs(seed, graphs) for seed in range(seeds)]
    # one shape for all seeds: nothing compiles twice
    fan_in = max(ensemble.required.shape[2] for ensemble in ensembles)
    ensembles = [ensemble.padded(fan_in) for ensemble in ensembles]
    truths = [reference(e, CHECKED[platform], vector_exponential=options.quick) for e in ensembles]
    say(f"references ready, at most {max(truth.apart for truth in truths):.0e} from SciPy's DOP853")
    outcomes = compare(candidates, ensembles, truths, rounds, say)
    found = report.rows(outcomes)
    example = ensembles[0]
    about |= {
        "problem": f"{seeds} x {graphs} random graphs of {example.skills} skills, edge density 0.2, log-normal "
        f"frequencies; a = eta = N0 = {example.wasted_resource:g}; {len(example.times)} times up to "
        f"{example.until:g} training steps; {options.dtype}; {rounds} rounds.",
        "reference": f"{truths[0].source}; at most {max(truth.apart for truth in truths):.0e} from SciPy's DOP853 on "
        f"graphs of each seed",
        "seeds": seeds,
        "graphs": graphs,
        "skills": example.skills,
        "times": len(example.times),
        "dtype": options.dtype,
        "rounds": rounds,
    }
    if platform == "cpu" and not options.quick:
        about["targets"] = report.targets(found)
    if platform == "gpu":
        for row in found:
            row["graphs_per_second"] = None if row["ms_per_1000"] is None else 1e6 / row["ms_per_1000"]
    title = "Speed on random graphs" + (", XLA's loops in command buffers" if options.command_buffers else "")
    text = report.markdown(title, about, found)
    print(text)
    # part of a run must not pass for the whole
    name = "quick" if options.quick else ("table" if not options.only else "part")
    if options.command_buffers:
        name += "_command_buffers"
    for path in report.save(f"{name}_{options.dtype}", text, {"about": about, "rows": found}, options.out):
        say(f"wrote {path}")
    absent = all(row["failure"] is None or row["failure"].endswith("not installed") for row in found)
    return 0 if absent else 1


if __name__ == "__main__":
    sys.exit(main())
