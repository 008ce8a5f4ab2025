"""`resource-ode simulate`: a scenario file in, the levels of its skills out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from ..base.words import said_step, shortened
from .checks import PICTURES, RUN_FILES, Settings, check_output, one_of, start_jax
from .pictures import draw_run
from .terminal import WrongInput, complain, count, tell

# skills whose learning times are printed after a run
SHOWN = 8
# the least error of a level that numbers of 64 bits can tell from none
LEAST_TOLERANCE = 1e-15


def simulate(
    file: Annotated[Path, typer.Argument(metavar="FILE.toml", help="The skills, the resource, the times to report.")],
    out: Annotated[
        Path,
        typer.Option(
            metavar="RUN.csv|RUN.nc",
            help="Where the result goes. CSV: one row per time, one column per skill, cells are levels from 0 to 1. "
            "netCDF (.nc): shares of the resource, waste and loss as well.",
        ),
    ],
    plot: Annotated[Path | None, typer.Option(metavar="RUN.png", help="Draw the run too (.png, .pdf or .svg).")] = None,
    method: Annotated[
        str,
        one_of(
            "--method",
            ("auto", "cascade", "modes", "ode", "steps"),
            "auto: the fastest that applies. cascade: an exact change of clock, then a quadrature. "
            "modes: the same for interference, by eigenvectors. ode: the general solver. "
            "steps: one training step after another; times must be whole numbers.",
        ),
    ] = "auto",
    tolerance: Annotated[
        float | None, typer.Option(metavar="ERROR", help="Largest error of a level.  [default: 1e-6]")
    ] = None,
    settings: Settings = None,
) -> None:
    """Run one scenario file and write the levels of its skills over training.

    A scenario is a short text file (TOML); examples/chain.toml is one, with comments, and docs/scenario.md lists every
    key.
    """
    check_output(out, "--out", RUN_FILES)
    if plot is not None:
        check_output(plot, "--plot", PICTURES)
    if tolerance is not None and not LEAST_TOLERANCE <= tolerance < 1:
        raise WrongInput(
            f"--tolerance: expected a number from {LEAST_TOLERANCE:g} (what numbers of 64 bits resolve) to 1 (an error "
            f"of a level), got {tolerance:g}"
        )
    start_jax()
    from ..config.scenario import read_scenario
    from ..config.toml import ScenarioError
    from ..solve.simulation import simulate as solve

    try:
        scenario = read_scenario(file, settings or ())
    except ScenarioError as error:
        raise WrongInput(str(error)) from None
    for option, path in (("--out", out), ("--plot", plot)):
        read = scenario.graph_file
        if path is not None and read is not None and os.path.exists(path) and os.path.samefile(path, read):
            raise WrongInput(f"{option}: expected another file than the graph that {file} is about, got {path}")
    ts, names = scenario.ts, scenario.names
    if method == "steps" and (ts != ts.round()).any():
        raise WrongInput(
            f"{file}: [time]: --method steps expects whole training steps, got {ts[ts != ts.round()][0]:g}; "
            "choose until and points so that until/(points - 1) is whole (until = 1000, points = 1001)"
        )
    try:
        run = solve(scenario.model, ts, method=method, tolerance=tolerance)
    except ValueError as error:
        raise WrongInput(f"{file}: {error}") from None
    failure = run.failures()
    if failure:
        raise RuntimeError(f"{file}: {failure}")
    run.save(out)
    written = str(out)
    if plot is not None:
        try:
            draw_run(run, plot)
        except Exception:
            complain(f"{out} is written; drawing {plot} failed")
            raise
        written += f" and {plot}"
    tell(f"Simulated {count(len(names), 'skill')} up to step {said_step(ts[-1])}, {count(len(ts), 'row')}.")
    tell(f"Method: {run.method}.")
    tell(_learning_times(run))
    tell(f"Wrote {written}.")


def _learning_times(run: Any) -> str:
    """When the first few skills reach level 0.5: where exact times cost next to nothing these, else between rows."""
    import numpy as np

    from ..base.crossing import first_crossing
    from ..solve import learning_times

    times = np.asarray(learning_times(run.model)) if "compiled loops" in run.method else np.array([np.nan])
    exact = not np.isnan(times).any()
    if exact:
        found = np.where(times <= float(run.ts[-1]), times, np.inf)
    else:
        found = first_crossing(np.asarray(run.ts), np.asarray(run.level), 0.5, between_rows=True)
    shown = list(zip(map(shortened, run.names), found, strict=True))[:SHOWN]
    parts = [f"{name}: {said_step(time, 5)}" if np.isfinite(time) else f"{name}: not yet" for name, time in shown]
    more = len(run.names) - len(parts)
    said = ", ".join(parts) + (f", and {count(more, 'more skill')}" if more else "")
    return f"Steps to level 0.5{'' if exact else ', by a straight line between rows'}: {said}."
