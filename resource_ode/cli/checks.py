"""What is looked at before anything is computed: where files go, and whether JAX starts."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from ..base import atomic
from ..base.words import nearest, said
from .terminal import WrongInput

RUN_FILES = (".csv", ".nc")
# keys of a file that are given on the command line
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="A key in place of the file's own, as wasted_resource=0.1 or time.until=1000; may be given several times.",
    ),
]
PICTURES = (".png", ".pdf", ".svg")


def one_of(option: str, choices: Sequence[str], help: str) -> Any:
    """An option whose value is one of a few words.

    Given another it raises [`resource_ode.cli.terminal.WrongInput`][].
    """

    def check(value: str) -> str:
        if value not in choices:
            raise WrongInput(f"{option}: expected {', '.join(choices)}, got {said(value)}{nearest(value, choices)}")
        return value

    return typer.Option(option, metavar=f"[{'|'.join(choices)}]", callback=check, help=help)


def check_output(path: Path, option: str, extensions: tuple[str, ...]) -> None:
    """Refuse, before anything is computed, a file that could not be written afterwards.

    **Raises:** [`resource_ode.cli.terminal.WrongInput`][].
    """
    if path.suffix.lower() not in extensions:
        endings = " or ".join(part for part in (", ".join(extensions[:-1]), extensions[-1]) if part)
        raise WrongInput(f"{option}: expected a file that ends in {endings}, got {path}")
    problem = atomic.obstacle(path)
    if problem:
        raise WrongInput(f"{option}: {problem}")


def check_folder(path: Path, option: str) -> None:
    """Refuse a path in a folder that is not there or cannot be written to, or a name that is too long.

    **Raises:** [`resource_ode.cli.terminal.WrongInput`][].
    """
    # a folder of this name may be there already: only what is around it counts
    if not os.path.isdir(path):
        problem = atomic.obstacle(path)
    else:
        problem = "" if atomic.takes_files(path) else f"expected a folder that can be written to, got {path}"
    if problem:
        raise WrongInput(f"{option}: {problem}")


def check_new_folder(path: Path, option: str) -> None:
    """Refuse a path where no folder is and none can be made.

    **Raises:** [`resource_ode.cli.terminal.WrongInput`][].
    """
    try:
        for folder in (path, *path.parents):
            if folder.exists():
                if not folder.is_dir():
                    raise WrongInput(f"{option}: expected a folder, got {folder}, which is a file")
                if not atomic.takes_files(folder):
                    raise WrongInput(f"{option}: expected a folder that can be written to, got {folder}")
                break
    except (OSError, ValueError) as error:
        raise WrongInput(f"{option}: expected a folder, got {path} ({getattr(error, 'strerror', error)})") from None


def start_jax() -> None:
    """Numbers of 64 bits, on whatever device JAX has.

    **Raises:** `RuntimeError` if it has none: `JAX_PLATFORMS` may ask for one that is not there.
    """
    import jax

    jax.config.update("jax_enable_x64", True)
    try:
        jax.devices()
    except Exception as error:  # an AssertionError without a word, where a GPU is asked for and there is none
        asked = os.environ.get("JAX_PLATFORMS", "")
        why = f": {str(error).partition(chr(10))[0][:300]}" if str(error) else ""
        raise RuntimeError(
            f"JAX finds no device on the platforms that JAX_PLATFORMS={asked} asks for{why}; unset it, or say cpu"
            if asked
            else f"JAX finds no device{why}"
        ) from None
