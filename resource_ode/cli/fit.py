"""`resource-ode fit`: measured curves in, a fitted model out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .checks import PICTURES, check_output, start_jax
from .curves import Ceiling, Chance, Files, Mixture, Task, Value, read_files, wrong
from .terminal import WrongInput, complain, count, tell

# the level at which learning times are checked
LEVEL = 0.8


def fit(
    files: Files,
    out: Annotated[Path, typer.Option(metavar="MODEL.toml", help="Where the fitted model goes, a scenario file.")],
    graph: Annotated[
        Path | None,
        typer.Option(
            metavar="GRAPH",
            help="Which task builds on which: a graph file, a scenario or its [[skill]] tables.  [default: none]",
        ),
    ] = None,
    plot: Annotated[Path | None, typer.Option(metavar="FIT.png", help="Draw it (.png, .pdf or .svg).")] = None,
    value: Value = "accuracy",
    chance: Chance = None,
    ceiling: Ceiling = None,
    mixture: Mixture = None,
    task: Task = None,
    free: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A parameter to fit; once per parameter.  [default: what curves may show]"),
    ] = None,
    hold: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=NUMBER", help="A parameter that is known, as frequency_power=0.5."),
    ] = None,
) -> None:
    """Fit the model to measured curves of several tasks, and say what they show and what they do not."""
    check_output(out, "--out", (".toml",))
    if plot is not None:
        check_output(plot, "--plot", PICTURES)
    start_jax()
    from tqdm import tqdm

    from ..config.fitted import Fitted, write_fitted
    from ..fitting.fit import fit as fit_curves
    from ..fitting.mixtures import reach_to_keep
    from ..fitting.reach import was_measured

    curves = read_files(files, value, chance, ceiling, mixture, task)
    for file in files:
        if out.exists() and out.samefile(file):
            raise WrongInput(f"--out: expected another file than the curves, got {out}")
    requires, held = _graph(graph), _held(hold)
    # many tasks take minutes: on a terminal it says what it is at
    with tqdm(bar_format="{desc} ...", disable=None, leave=False) as said:
        said.set_description_str(f"fitting {count(len(curves), 'run')} of {count(len(curves.names), 'task')}")
        try:
            found = fit_curves(curves, requires, free, held)
        except ValueError as error:
            raise wrong(error) from None
        said.set_description_str("fitting seeds drawn anew, and intervals of parameters")
        found.parameters  # noqa: B018  (kept for the report)
        said.set_description_str("fitting in part, to forecast held-out rows")
        report = found.report()
    for line in report.split("\n"):
        tell(line)
    tried = [mixture for mixture in curves.mixtures if mixture.sum() > 0]
    reach = reach_to_keep(found, LEVEL)
    rows, measured = tried_rows(tried, len(curves.names)), was_measured(found, LEVEL)
    fitted = Fitted(rows, found.knows_power, reach.error, reach.growth, reach.factor, measured)
    try:
        write_fitted(out, found.model, found.problem.last, fitted)
    except ValueError as error:
        raise WrongInput(f"--out: {error}") from None
    written = str(out)
    if plot is not None:
        from .pictures import save_figure

        try:
            save_figure(found.plot(), plot)
        except Exception:
            complain(f"{out} is written; drawing {plot} failed")
            raise
        written += f" and {plot}"
    tell(f"Wrote {written}.")


def tried_rows(mixtures: list[Any], tasks: int) -> Any:
    import numpy as np

    return np.array(mixtures, float).reshape(len(mixtures), tasks)


def _graph(path: Path | None) -> Any:
    if path is None:
        return None
    from ..config.scenario import read_graph_of
    from ..graphs.files import read_graph

    try:
        return (read_graph_of if path.suffix.lower() == ".toml" else read_graph)(path)
    except ValueError as error:
        raise WrongInput(str(error)) from None


def _held(hold: list[str] | None) -> dict[str, float] | None:
    found = {}
    for text in hold or []:
        name, _, number = text.partition("=")
        if name.strip() in found:
            raise WrongInput(f"--hold: expected each parameter once, got {name.strip()} twice")
        try:
            found[name.strip()] = float(number)
        except ValueError:
            raise WrongInput(f"--hold: expected a name and a number, as plateau=0.01, got {text}") from None
    return found or None
