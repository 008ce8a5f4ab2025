"""The commands. Exit status: 0 done; 2 the input is wrong; 1 anything else; 130 interrupted."""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

RUN_FILES = (".csv", ".nc")
PICTURES = (".png", ".pdf", ".svg")
# skills whose learning times are printed after a run
SHOWN = 8
POOLS_DRAWN = 4
# seconds to wait for the scheduler of a cluster
CONNECT = 20
DEBUG = "RESOURCE_ODE_DEBUG"

app = typer.Typer(
    name="resource-ode",
    help="Simulate how skills that compete for one resource, and build on one another, are learned over training.",
    epilog="Example: resource-ode simulate examples/chain.toml --out run.csv --plot run.png",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class WrongInput(Exception):
    """What the user gave cannot be used; the message says what, and what was expected."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    **Arguments:** `arguments`: the command line after the program's name; default `sys.argv[1:]`.
    """
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        try:
            typer.main.get_command(app).main(args=arguments, prog_name="resource-ode")
        except SystemExit as end:
            if end.code == 130:
                return _interrupted(arguments)
            return end.code if isinstance(end.code, int) else 0
        except KeyboardInterrupt:
            return _interrupted(arguments)
        except WrongInput as error:
            _complain(str(error))
            return 2
        except Exception as error:
            if os.environ.get(DEBUG):
                raise
            _complain(_in_words(error))
            return 1
    return 0


def _version(wanted: bool) -> bool:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"resource-ode {version('resource-ode')}")
        raise typer.Exit
    return wanted


@app.callback()
def _program(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    pass


@app.command(
    short_help="Run a scenario file and write the levels of its skills.",
    epilog="Example: resource-ode simulate examples/and_tree.toml --out run.nc --plot run.png",
)
def simulate(
    file: Annotated[Path, typer.Argument(metavar="FILE.toml", help="The skills, the resource, the times to report.")],
    out: Annotated[
        Path,
        typer.Option(
            metavar="RUN.csv|RUN.nc",
            help="Where the result goes. CSV: one row a time, one column a skill, cells are levels from 0 to 1. "
            "netCDF (.nc): shares of the resource, waste and loss as well.",
        ),
    ],
    plot: Annotated[Path | None, typer.Option(metavar="RUN.png", help="Draw the run too (.png, .pdf or .svg).")] = None,
    method: Annotated[
        Literal["auto", "cascade", "ode", "steps"],
        typer.Option(
            help="auto: the fastest that applies. cascade: an exact change of clock, then a quadrature. "
            "ode: the general solver. steps: one training step after another; times must be whole numbers."
        ),
    ] = "auto",
    tolerance: Annotated[
        float | None, typer.Option(metavar="ERROR", help="Largest error of a level.  [default: 1e-6]")
    ] = None,
) -> None:
    """Run one scenario file and write the levels of its skills over training.

    A scenario is a short text file (TOML); examples/chain.toml is one, with comments, and docs/scenario.md lists every
    key.
    """
    _check_output(out, "--out", RUN_FILES)
    if plot is not None:
        _check_output(plot, "--plot", PICTURES)
    if tolerance is not None and not 0 < tolerance < 1:
        raise WrongInput(f"--tolerance: expected a number between 0 and 1 (an error of a level), got {tolerance:g}")
    _use_float64()
    from .scenario import ScenarioError, read_scenario
    from .solve.simulation import simulate as solve

    try:
        scenario = read_scenario(file)
    except ScenarioError as error:
        raise WrongInput(str(error)) from None
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
            _draw(run, plot)
        except Exception:
            _complain(f"{out} is written; drawing {plot} failed")
            raise
        written += f" and {plot}"
    typer.echo(f"Simulated {_count(len(names), 'skill')} up to step {ts[-1]:g}, {_count(len(ts), 'row')}.")
    typer.echo(f"Method: {run.method}.")
    typer.echo(f"Steps to level 0.5: {_learning_times(run)}.")
    typer.echo(f"Wrote {written}.")


@app.command(
    short_help="Measure an ensemble of graphs at every point of a grid.",
    epilog="Example: resource-ode sweep examples/sweep_small.toml --out results.zarr --resume",
)
def sweep(
    file: Annotated[Path, typer.Argument(metavar="FILE.toml", help="The axes, the ensemble, what to measure.")],
    out: Annotated[
        Path, typer.Option(metavar="RESULTS.zarr", help="Where the results go: a Zarr store, that is, a folder.")
    ],
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Go on with a store that is there: compute only what is missing or damaged. Else begin it."
        ),
    ] = False,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="tcp://HOST:PORT", help="Let the workers of a Dask cluster compute and write the chunks."),
    ] = None,
) -> None:
    """Measure an ensemble of graphs at every point of a grid of parameters.

    The file is TOML; examples/sweep_small.toml is one, with comments, and docs/sweep.md lists every key:

    \b
    [ensemble]   graphs, seed, chunk (cascades a chunk), precision
    [graph]      generator ("random_dag", "layered", ...) and its arguments,
                 or prerequisites = [[], [0]], or file = "skills.graphml"
    [frequency]  law ("zipf", "lognormal", ...) and its arguments, or values
    [resource]   learning_rate, wasted_resource, gate_exponent, loss, ...
    [[axis]]     name = any of the above, and its values: one of
                 values = [...], linear or log = [first, last, how many]
    [observe]    names = ["horizon", "efficiency", "domino_overlap", ...],
                 level, reducer = "module:function"
    [time]       values, linear or log: rows of runs ("seriality", ...)

    The results are one xarray data set: dimensions are the axes and graph. A sweep that was stopped, by whatever
    means, loses the chunk in hand; --resume goes on.
    """
    _check_folder(out, "--out")
    if out.exists() and not resume:
        raise WrongInput(f"--out: expected a path where nothing is yet, got {out}; --resume goes on with what is there")
    _use_float64()
    import time

    from .sweep_description import read_sweep
    from .sweep_store import open_dataset
    from .sweeps import begin, failures, fill

    begun = time.perf_counter()
    try:
        with _cluster(scheduler) as client:
            try:
                plan = read_sweep(file)
                store = begin(plan, out, resume=resume)
            except ValueError as error:
                raise WrongInput(str(error)) from None
            computed = fill(store, client=client)
    except OSError as error:
        rest = "what is in it stays valid, and --resume goes on with it" if out.exists() else "nothing was written"
        raise RuntimeError(f"{out}: {error.strerror or error}; {rest}") from error
    seconds = time.perf_counter() - begun
    cells = " x ".join(f"{len(axis.values)} {axis.name}" for axis in plan.axes) or "1 cell"
    typer.echo(f"Swept {cells} x {_count(plan.shape[-1], 'graph')} = {_count(plan.members, 'member')}.")
    rate = f", {computed / seconds:,.0f} a second" if computed else ""
    typer.echo(f"Computed {computed:,} of them in {seconds:.1f} s{rate} ({_count(plan.chunks, 'chunk')}).")
    typer.echo(failures(open_dataset(store.path)) or "All members succeeded.")
    typer.echo(f"Wrote {out}.")


@app.command(
    "plot",
    short_help="Draw a run or a sweep that was saved.",
    epilog="Example: resource-ode plot run.nc --out run.png",
)
def plot_saved(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="RESULTS.zarr|RUN.nc", help="What sweep wrote, or a run that simulate wrote as netCDF (.nc)."
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="FIGURE.png", help="Where the picture goes (.png, .pdf or .svg).")],
    variable: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Of a sweep: a variable to draw; give it once a variable.  [default: all]"),
    ] = None,
) -> None:
    """Draw what was saved: the levels and shares of a run, or the phase diagrams of a sweep."""
    _check_output(out, "--out", PICTURES)
    if file.is_dir():
        _draw_store(file, out, variable)
        typer.echo(f"Wrote {out}.")
        return
    if variable:
        raise WrongInput(f"--variable: expected only with the store of a sweep, got {file}")
    if file.suffix.lower() not in (".nc", ".zarr"):
        raise WrongInput(f"{file}: expected a run saved as netCDF (.nc) or a sweep (.zarr), got {_extension(file)}")
    if not file.is_file():
        raise WrongInput(f"{file}: expected a run saved as netCDF (.nc) or a sweep (.zarr), got no file at all")
    _use_float64()
    from .storage import load

    try:
        run = load(file)
    except (ValueError, OSError) as error:
        message = str(error).strip().partition("\n")[0]
        raise WrongInput(message if str(file) in message else f"{file}: {message}") from None
    if run.batch_shape:
        raise WrongInput(
            f"{file}: expected one run, got a batch of shape {run.batch_shape}; save a member run[i] instead"
        )
    _draw(run, out)
    typer.echo(f"Wrote {out}.")


@app.command(short_help="Show what the model does.", epilog="Example: resource-ode demo --out out/demo")
def demo(
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for the pictures and tables; made if it is not there.")
    ] = Path("out/demo"),
) -> None:
    """Show what the model does: a few runs, a small network trained beside its theory, and pictures of both."""
    for folder in (out, *out.parents):
        if folder.exists():
            if not folder.is_dir():
                raise WrongInput(f"--out: expected a folder, got {folder}, which is a file")
            break
    _use_float64()
    from .applications.demo import run

    run(out, echo=typer.echo)


@app.command(
    short_help="Recompute the figures of the paper.",
    epilog="Example: resource-ode reproduce series waste --out out/paper",
)
def reproduce(
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Folder for index.html and the pictures; made if it is not there.")
    ],
    figures: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FIGURE]...", help="Which figures.  [default: all]", show_default=False),
    ] = None,
    small: Annotated[
        bool, typer.Option("--small", help="Fewer seeds, steps and points, in seconds; bounds may then be missed.")
    ] = False,
) -> None:
    """Recompute the figures of the paper: what it claims, what is measured here, and how far apart they are.

    The page index.html is rewritten after each figure, so that a run that was stopped leaves what it had.

    \b
    Figures: series, waste, geometry, waste_sources, under_parameterised,
    dependencies, parity_dependencies, scaling, quadratic, modular, mixture.
    """
    _check_folder(out, "--out")
    if out.exists() and not out.is_dir():
        raise WrongInput(f"--out: expected a folder, got {out}, which is a file")
    _use_float64()
    from .applications.paper import FIGURES, report

    chosen = list(dict.fromkeys(figures)) if figures else list(FIGURES)
    try:
        report.check(chosen)
    except ValueError as error:
        raise WrongInput(str(error)) from None
    outcomes = report.reproduce(chosen, out=out, small=small, echo=typer.echo)
    typer.echo(f"Wrote {out / report.PAGE}.")
    failed = [outcome.name for outcome in outcomes if outcome.finding is None]
    if failed:
        raise RuntimeError(f"{', '.join(failed)} could not be computed; the page says why")


# -- input and output


def _check_output(path: Path, option: str, extensions: tuple[str, ...]) -> None:
    """Refuse, before anything is computed, a file that could not be written afterwards."""
    if path.suffix.lower() not in extensions:
        *most, last = extensions
        raise WrongInput(f"{option}: expected a file that ends in {', '.join(most)} or {last}, got {path}")
    if path.is_dir():
        raise WrongInput(f"{option}: expected a file, got {path}, which is a folder")
    _check_folder(path, option)


def _check_folder(path: Path, option: str) -> None:
    """Refuse a path in a folder that is not there or cannot be written to."""
    if not path.parent.is_dir():
        raise WrongInput(f"{option}: expected a folder that exists, got {path.parent} (for {path.name}); make it first")
    if not os.access(path.parent, os.W_OK):
        raise WrongInput(f"{option}: expected a folder that can be written to, got {path.parent} (for {path.name})")


@contextlib.contextmanager
def _cluster(address: str | None) -> Iterator[Any]:
    """A client of the Dask scheduler at an address; None without one."""
    if address is None:
        yield None
        return
    try:
        from distributed import Client
    except ImportError:
        raise RuntimeError(
            "--scheduler needs Dask, which is not installed; pip install 'resource-ode[sweep]' brings it"
        ) from None
    try:
        client = Client(address, timeout=CONNECT)
    except (OSError, ValueError, TypeError) as error:
        raise WrongInput(
            f"--scheduler: expected the address of a Dask scheduler that is running, as tcp://host:8786, got {address} "
            f"({type(error).__name__})"
        ) from None
    with client:
        yield client


def _extension(path: Path) -> str:
    return f"the extension {path.suffix}" if path.suffix else "no extension"


def _use_float64() -> None:
    import jax

    jax.config.update("jax_enable_x64", True)


def _draw(run: Any, path: Path) -> None:
    """A picture of a run: its levels above, its shares below; the file appears whole or not at all."""
    from matplotlib.figure import Figure

    from .plot.runs import levels, shares

    # a panel of shares a pool; with interference shares may be negative, which nothing stacks
    pools = [None] if run.model.pool is None else list(range(run.model.pools))[:POOLS_DRAWN]
    pools = [] if run.model.interference is not None else pools
    figure = Figure(figsize=(8, 3.5 * (1 + len(pools))), layout="constrained")
    above, *below = figure.subplots(1 + len(pools), sharex=True, squeeze=False)[:, 0]
    levels(run, ax=above)
    for pool, axes in zip(pools, below, strict=True):
        shares(run, ax=axes, pool=pool)
        if pool is not None:
            axes.set_title(f"pool {pool}")
    _save_figure(figure, path)


def _draw_store(store: Path, path: Path, variables: list[str] | None) -> None:
    """Phase diagrams of all variables of a sweep, or of some."""
    import matplotlib

    matplotlib.use("Agg")
    from .plot.phase_diagram import overview
    from .sweep_store import StoreError, open_dataset

    try:
        figure = overview(open_dataset(store), variables or None)
    except StoreError as error:
        raise WrongInput(str(error)) from None
    except ValueError as error:
        raise WrongInput(f"{store}: {error}") from None
    _save_figure(figure, path)


def _save_figure(figure: Any, path: Path) -> None:
    """Write a picture, whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        figure.savefig(temporary, format=path.suffix[1:].lower(), dpi=150)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


# -- words


def _learning_times(run: Any) -> str:
    """When the first few skills reach level 0.5, between the rows of the run (the exact times cost a second solve)."""
    import numpy as np

    times, levels = np.asarray(run.ts), np.asarray(run.level)
    parts = []
    for name, level in list(zip(run.names, levels.T, strict=True))[:SHOWN]:
        row = int(np.argmax(level >= 0.5))
        if level[row] < 0.5:
            parts.append(f"{name} not yet")
        elif row == 0:
            parts.append(f"{name} {times[0]:g}")
        else:
            part = (0.5 - level[row - 1]) / (level[row] - level[row - 1])
            parts.append(f"{name} {times[row - 1] + part * (times[row] - times[row - 1]):.5g}")
    more = len(run.names) - len(parts)
    return ", ".join(parts) + (f", and {_count(more, 'more skill')}" if more else "")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def _in_words(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "there is not enough memory for this run; ask for fewer points or skills"
    text = str(error).strip()
    if not (isinstance(error, RuntimeError) and text and "\n" not in text):
        text = f"{type(error).__name__}: {text.partition(chr(10))[0][:300]}" if text else type(error).__name__
    return f"{text} ({DEBUG}=1 shows where it happened)"


def _interrupted(arguments: Sequence[str] | None) -> int:
    _complain("interrupted; nothing half-written was left behind")
    if arguments is None:
        # JAX may still be compiling in other threads, and crashes when Python is taken down around it
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(130)
    return 130


def _complain(message: str) -> None:
    typer.echo(f"resource-ode: {message}", err=True)


def _show_warning(message: Any, *rest: Any) -> None:
    _complain(f"warning: {message}")


if __name__ == "__main__":
    sys.exit(main())
