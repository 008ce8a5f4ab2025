"""`resource-ode examples`: files to begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..base import atomic
from ..base.words import nearest, said
from .checks import check_output
from .terminal import WrongInput, tell

# tables have no comment to say what they are
TABLES = {"curves": "Accuracies of three tasks in five mixtures, drawn from a known model: for fit and infer-graph"}


def folder() -> Path:
    """Where the files are: inside an installed package, or beside that of a checkout.

    **Raises:** `RuntimeError` if they are nowhere.
    """
    package = Path(__file__).parents[1]
    for path in (package / "examples", package.parent / "examples"):
        if (path / "chain.toml").is_file():
            return path
    raise RuntimeError("the examples were not installed with this package")


def examples(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Which file to print.  [default: a list of them]")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write it to a file instead.")] = None,
) -> None:
    """List the examples, or print one: a commented scenario or sweep file, or curves to fit, to begin with.

    \b
    resource-ode examples chain --out chain.toml
    resource-ode simulate chain.toml --out run.csv --plot run.png
    """
    files = {path.stem: path for path in sorted(folder().glob("*.*")) if path.suffix == ".toml" or path.stem in TABLES}
    if name is None:
        if out is not None:
            raise WrongInput(f"--out: expected the name of an example too, one of {', '.join(files)}")
        for stem, path in files.items():
            tell(f"{stem:<14}{TABLES.get(stem) or _first_line(path)}")
        return
    stem = name.removesuffix(".toml").removesuffix(".csv")
    if stem not in files:
        hint = nearest(stem, files) or f"; expected one of {', '.join(files)}"
        raise WrongInput(f"NAME: there is no example {said(name)}{hint}")
    text = files[stem].read_text(encoding="utf-8")
    if out is None:
        for line in text.splitlines():
            tell(line)
        return
    check_output(out, "--out", (files[stem].suffix,))
    if out.exists():
        raise WrongInput(f"--out: expected a path where nothing is yet, got {out}")
    atomic.write(out, lambda part: part.write_text(text, encoding="utf-8"))
    tell(f"Wrote {out}.")


def _first_line(path: Path) -> str:
    with open(path, encoding="utf-8") as file:
        return file.readline().removeprefix("#").strip()
