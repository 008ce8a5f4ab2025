"""`resource-ode explore`: a model under sliders, in the browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .checks import check_new_folder, start_jax
from .terminal import WrongInput, tell

HIGHEST_PORT = 65535


def explore(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[SCENARIO.toml|GRAPH]", help="What to begin with.  [default: a random graph]", show_default=False
        ),
    ] = None,
    port: Annotated[int, typer.Option(metavar="PORT", help="Where to serve; 0: any that is free.")] = 0,
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Where the button saves the scenario and the picture.")
    ] = Path("."),
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open a browser window.")] = True,
) -> None:
    """Explore a model in the browser: its graph, levels, shares and waste under sliders, and maps.

    The page is served on this machine alone (127.0.0.1) until Ctrl-C.
    """
    if not 0 <= port <= HIGHEST_PORT:
        raise WrongInput(f"--port: expected a number from 0 to {HIGHEST_PORT}, got {port}")
    check_new_folder(out, "--out")
    start_jax()
    from ..explorer.explore import explore as explorer

    try:
        found = explorer(None if file is None else _read(file), folder=out)
    except ValueError as error:
        raise WrongInput(f"{file}: {error}") from None
    except ImportError as error:
        raise RuntimeError(str(error)) from None
    out.mkdir(parents=True, exist_ok=True)
    try:
        found.serve(port, show=browser, ready=lambda address: tell(f"The explorer is at {address}; Ctrl-C ends it."))
    except OSError as error:
        raise WrongInput(f"--port: cannot serve at port {port}: {error.strerror or error}") from None


def _read(file: Path) -> Any:
    """The model of a scenario, or the graph of any other file."""
    from ..config.scenario import read_scenario
    from ..config.toml import ScenarioError
    from ..graphs.files import GraphFileError, read_graph

    try:
        return read_scenario(file).model if file.suffix.lower() == ".toml" else read_graph(file)
    except (ScenarioError, GraphFileError) as error:
        raise WrongInput(str(error)) from None
