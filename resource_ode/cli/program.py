"""The program: its commands, and what it says when one of them fails."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from ..base.words import nearest, printable
from .config import config
from .demo import demo
from .examples import examples
from .explore import explore
from .fit import fit
from .infer_graph import infer_graph
from .plot import plot_saved
from .reproduce import reproduce
from .simulate import simulate
from .sweep import sweep
from .terminal import Interrupted, WrongInput, complain, tell
from .what_if import what_if

DEBUG = "RESOURCE_ODE_DEBUG"

app: typer.Typer = typer.Typer(
    name="resource-ode",
    help="Simulate how skills that compete for one resource, and build on one another, are learned over training.",
    epilog="Example: resource-ode simulate examples/chain.toml --out run.csv --plot run.png",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(
    short_help="Run a scenario file and write the levels of its skills.",
    epilog="Example: resource-ode simulate examples/and_tree.toml --out run.nc --plot run.png",
)(simulate)
app.command(
    short_help="Measure an ensemble of graphs at every point of a grid.",
    epilog="Example: resource-ode sweep examples/sweep_small.toml --out results.zarr --resume",
)(sweep)
app.command(
    "plot",
    short_help="Draw a run or a sweep that was saved.",
    epilog="Example: resource-ode plot run.nc --out run.png",
)(plot_saved)
app.command(short_help="Show what the model does.", epilog="Example: resource-ode demo --out out/demo")(demo)
app.command(
    short_help="Explore a model in the browser.", epilog="Example: resource-ode explore examples/and_tree.toml"
)(explore)
app.command(
    short_help="Recompute the figures of the paper.",
    epilog="Example: resource-ode reproduce series waste --out out/paper",
)(reproduce)
app.command(
    short_help="Fit the model to measured curves.",
    epilog="Example: resource-ode fit curves.csv --graph graph.json --out model.toml --plot fit.png",
)(fit)
app.command(
    short_help="Find which task builds on which, from curves of runs that leave tasks out.",
    epilog="Example: resource-ode infer-graph runs.csv --out graph.json",
)(infer_graph)
app.command(
    short_help="Predict learning times of a fitted model in another mixture.",
    epilog="Example: resource-ode what-if model.toml --mixture A=.3,B=.7",
)(what_if)
app.command(
    short_help="List the example files, or print one.", epilog="Example: resource-ode examples chain --out chain.toml"
)(examples)
app.command(short_help="Print what this installation computes with.", epilog="Example: resource-ode config")(config)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    **Arguments:** `arguments`: the command line after the program's name; default `sys.argv[1:]`.
    """
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        try:
            command = typer.main.get_command(app)
            status = command.main(args=arguments, prog_name="resource-ode", standalone_mode=False)
            return _interrupted(arguments) if status == 130 else status or 0
        except SystemExit as end:
            return end.code if isinstance(end.code, int) else 0
        except KeyboardInterrupt:
            return _interrupted(arguments)
        except Interrupted as end:
            return _interrupted(arguments, str(end), end.status)
        except WrongInput as error:
            complain(error)
            return 2
        except Exception as error:
            if hasattr(error, "format_message"):
                return _misused(error)
            if os.environ.get(DEBUG):
                raise
            complain(_in_words(error))
            return 1


def _version(wanted: bool) -> bool:
    if wanted:
        from ..base.version import __version__

        tell(f"resource-ode {__version__}")
        raise typer.Exit
    return wanted


@app.callback()
def _program(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    pass


def _misused(error: Any) -> int:
    """A command line that typer cannot make sense of."""
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        typer.echo(error.format_message(), err=True)
    elif (wrong := _no_number(error)) is not None:
        complain(wrong)
    else:
        path = "resource-ode" if context is None else context.command_path
        # of an option that does not exist, typer lists all that begin like it
        near = nearest(getattr(error, "option_name", None), getattr(error, "possibilities", None) or (), quote=str)
        message = f"No such option: {error.option_name}{near}" if near else error.format_message().rstrip(".")
        complain(f"{message}{' (' if near else '; '}{path} --help says what there is{')' if near else ''}")
    return 2


def _no_number(error: Any) -> str | None:
    """Of an option that is to be a number and is none: which, what was expected and what came."""
    # typer hands on what pydantic says
    problems: Any = getattr(error.__cause__, "errors", None)
    problem: dict[str, Any] = problems()[0] if problems else {}
    what = {"float_parsing": "a number", "int_parsing": "a whole number"}.get(problem.get("type", ""))
    option = (getattr(getattr(error, "param", None), "opts", None) or [""])[-1]
    return None if what is None else f"{option}: expected {what}, got {printable(problem['input'])}"


def _in_words(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "there is not enough memory for this run; ask for fewer points or skills"
    text = str(error).strip()
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    elif not (isinstance(error, RuntimeError) and text and "\n" not in text):
        text = f"{type(error).__name__}: {text.partition(chr(10))[0][:300]}" if text else type(error).__name__
    return f"{text} ({DEBUG}=1 shows where it happened)"


def _interrupted(
    arguments: Sequence[str] | None,
    message: str = "interrupted; nothing half-written was left behind",
    status: int = 130,
) -> int:
    complain(message)
    if arguments is None:
        # JAX may still be compiling in other threads, and crashes when Python is taken down around it
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    return status


def _show_warning(message: Any, *rest: Any) -> None:
    complain(f"warning: {message}")
