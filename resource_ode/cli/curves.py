"""Files of measured curves, as the commands take them."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from .checks import one_of
from .terminal import WrongInput

Files = Annotated[
    list[Path],
    typer.Argument(
        metavar="CURVES.csv...",
        help="Measured curves: a column step and one per task; or columns run, step, task, value and frequency; or "
        "what TensorBoard or Weights & Biases exports.",
    ),
]
Value = Annotated[
    str, one_of("--value", ("accuracy", "loss", "squared_error", "level"), "What the cells are.")
]  # fmt: skip
Chance = Annotated[
    float | None, typer.Option(metavar="NUMBER", help="What a task has before it is learned.  [default: inferred]")
]
Ceiling = Annotated[float | None, typer.Option(metavar="NUMBER", help="What a solved task has.  [default: inferred]")]
Mixture = Annotated[
    list[str] | None,
    typer.Option(
        metavar="[RUN:]A=.5,B=.5",
        help="How often each task was met; once for all files, once per file in their order, or once per run, as "
        "RUN:A=.5,B=.5, where RUN may have * for any letters.",
    ),
]
Task = Annotated[
    list[str] | None,
    typer.Option(
        metavar="COLUMN[=NAME]",
        help="A column that is a task, or COLUMN=NAME to call it otherwise; once per task.  "
        "[default: all but step, run and seed]",
    ),
]
# arguments of the library, and the options that give them
OPTIONS = {"prior": "hold", "tasks": "task"} | {
    name: name for name in ("mixture", "free", "level", "value", "chance", "ceiling")
}
_ARGUMENT = re.compile(rf"((?:.+?\.\w+: )?)({'|'.join(OPTIONS)}): ")


def wrong(error: ValueError) -> WrongInput:
    """What the library refused, by the options of the command."""
    said = str(error).removeprefix("curves: ")
    found = _ARGUMENT.match(said)
    return WrongInput(f"{found[1]}--{OPTIONS[found[2]]}: {said[found.end() :]}" if found else said)


def read_files(
    files: list[Path], value: str, chance: Any, ceiling: Any, mixtures: list[str] | None, tasks: list[str] | None
) -> Any:
    """Curves of all files, each with its mixture.

    **Raises:** [`resource_ode.cli.terminal.WrongInput`][].
    """
    from ..fitting.curves import Curves
    from ..fitting.reading import read_curves

    options: dict[str, Any] = {"value": value, "chance": chance, "ceiling": ceiling, "tasks": _tasks(tasks)}
    try:
        if any(":" in text for text in mixtures or ()):
            known = read_curves(list(files), **options)
            by_run = _by_run(mixtures or [], [run.name for run in known.runs], known.names)
            if by_run:
                return read_curves(list(files), mixture=by_run, **options)
        if not mixtures or len(mixtures) == 1:
            mixture = as_mixture(mixtures[0], "--mixture") if mixtures else None
            # files of one run, as loggers write them, belong together
            return read_curves(list(files), mixture=mixture, **options)
        if len(mixtures) != len(files):
            raise WrongInput(
                f"--mixture: expected one for all files, or one per file ({len(files)}), got {len(mixtures)}"
            )
        parts = [
            read_curves(file, mixture=as_mixture(text, "--mixture"), **options)
            for file, text in zip(files, mixtures, strict=True)
        ]
        return Curves.join(parts)
    except ValueError as error:
        raise wrong(error) from None


def _tasks(tasks: list[str] | None) -> dict[str, str] | None:
    """Columns, and what their tasks are called: `COLUMN`, or `COLUMN=NAME`."""
    found: dict[str, str] = {}
    for text in tasks or ():
        column, equals, name = text.rpartition("=")
        if equals and not (column.strip() and name.strip()):
            raise WrongInput(f"--task: expected a column, or one and a name for its task, as eval/add=add, got {text}")
        found[column.strip() if equals else text] = name.strip()
    return found or None


def _by_run(mixtures: list[str], runs: list[str], tasks: Sequence[str]) -> dict[str, dict[str, float]]:
    """`RUN:A=.5,B=.5` as mixtures by run; none where no text names a run."""
    from ..fitting.curves import named
    from ..fitting.wanted import names_run

    found: dict[str, dict[str, float]] = {}
    for text in mixtures:
        # names of runs and of tasks may have colons too
        heads = [text[:place] for place, letter in enumerate(text) if letter == ":"]
        head = next((head for head in heads if any(names_run(head, run) for run in runs)), None)
        if head is None:
            before, first = text.partition("=")[0].strip(), text.partition(":")[0]
            if ":" in before and before not in tasks:
                raise WrongInput(f"--mixture: expected a run before the colon, got {first} (there are {named(runs)})")
            if found:
                raise WrongInput(f"--mixture: expected a run for each, as RUN:A=.5,B=.5, got {text}")
            continue
        if head in found:
            raise WrongInput(f"--mixture: expected each run once, got {head} twice")
        found[head] = as_mixture(text[len(head) + 1 :], "--mixture")
    if found and len(found) < len(mixtures):
        raise WrongInput(f"--mixture: expected a run for each, as RUN:A=.5,B=.5, got {mixtures[0]}")
    return found


def as_mixture(text: str, option: str) -> dict[str, float]:
    """`A=.5,B=.5` as numbers by task.

    **Raises:** [`resource_ode.cli.terminal.WrongInput`][].
    """
    found: dict[str, float] = {}
    for part in text.split(","):
        name, equals, number = part.rpartition("=")
        try:
            value = float(number)
        except ValueError:
            value = math.nan
        if not equals or not name.strip() or not 0 <= value < math.inf:
            raise WrongInput(f"{option}: expected names and numbers of at least 0, as A=.5,B=.5, got {text}")
        if name.strip() in found:
            raise WrongInput(f"{option}: expected each task once, got {name.strip()} twice")
        found[name.strip()] = value
    return found
