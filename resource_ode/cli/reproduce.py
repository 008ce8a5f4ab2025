"""`resource-ode reproduce`: the figures of the paper, computed anew."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from .checks import check_folder, start_jax
from .terminal import WrongInput, tell


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
    check_folder(out, "--out")
    if os.path.exists(out) and not os.path.isdir(out):
        raise WrongInput(f"--out: expected a folder, got {out}, which is a file")
    start_jax()
    from ..applications.paper import FIGURES, report

    chosen: list[str] = list(dict.fromkeys(figures)) if figures else [*FIGURES]
    try:
        report.check(chosen)
    except ValueError as error:
        raise WrongInput(str(error)) from None
    outcomes = _watched(chosen, out, small)
    tell(f"Wrote {out / report.PAGE}.")
    failed = [outcome.name for outcome in outcomes if outcome.finding is None]
    if failed:
        raise RuntimeError(f"{', '.join(failed)} could not be computed; the page says why")


def _watched(chosen: list[str], out: Path, small: bool) -> Any:
    """The figures, with a bar where somebody watches that says which one is being computed."""
    from tqdm import tqdm

    from ..applications.paper import report

    with tqdm(total=len(chosen), unit="figure", disable=None, leave=False) as bar:

        def say(line: str) -> None:
            with bar.external_write_mode():
                tell(line)

        def step(done: int, figures: int) -> None:
            bar.set_description(chosen[done] if done < figures else None)
            bar.update(done - bar.n)

        return report.reproduce(chosen, out=out, small=small, echo=say, progress=step)
