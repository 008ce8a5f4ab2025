"""`resource-ode demo`: what the model does, in pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .checks import check_new_folder, start_jax
from .terminal import tell


def demo(
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for the pictures and tables; made if it is not there.")
    ] = Path("out/demo"),
) -> None:
    """Show what the model does: a few runs, a small network trained beside its theory, and pictures of both."""
    check_new_folder(out, "--out")
    start_jax()
    from ..applications.demo import run

    run(out, echo=tell)
