"""`resource-ode plot`: a picture of a run or a sweep that was saved."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from .checks import PICTURES, check_output, start_jax
from .pictures import draw_batch, draw_run, draw_store
from .terminal import WrongInput, tell


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
        typer.Option(metavar="NAME", help="Of a sweep: a variable to draw; give it once per variable.  [default: all]"),
    ] = None,
) -> None:
    """Draw what was saved: the levels and shares of a run (of a batch, medians and bands), or the maps of a sweep."""
    check_output(out, "--out", PICTURES)
    if os.path.isdir(file):
        draw_store(file, out, variable)
        tell(f"Wrote {out}.")
        return
    if variable:
        raise WrongInput(f"--variable: expected only with the store of a sweep, got {file}")
    if file.suffix.lower() not in (".nc", ".zarr"):
        raise WrongInput(f"{file}: expected a run saved as netCDF (.nc) or a sweep (.zarr), got {_extension(file)}")
    if not os.path.isfile(file):
        raise WrongInput(f"{file}: expected a run saved as netCDF (.nc) or a sweep (.zarr), got no file at all")
    start_jax()
    from ..results.load import load

    try:
        run = load(file)
    except (ValueError, OSError) as error:
        raise WrongInput(str(error).strip().partition("\n")[0].removeprefix("path: ")) from None
    try:
        (draw_batch if run.batch_shape else draw_run)(run, out)
    except ValueError as error:
        raise WrongInput(f"{file}: {error}") from None
    tell(f"Wrote {out}.")


def _extension(path: Path) -> str:
    return f"the extension {path.suffix}" if path.suffix else "no extension"
