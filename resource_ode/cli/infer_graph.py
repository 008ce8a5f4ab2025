"""`resource-ode infer-graph`: curves of runs that leave tasks out in, who builds on whom out."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from .checks import check_output, start_jax
from .curves import Ceiling, Chance, Files, Mixture, Task, Value, read_files, wrong
from .terminal import WrongInput, tell

GRAPHS = (".json", ".graphml")


def infer_graph(
    files: Files,
    out: Annotated[
        Path | None, typer.Option(metavar="GRAPH.json", help="Where the graph goes (.json or .graphml).")
    ] = None,
    value: Value = "accuracy",
    chance: Chance = None,
    ceiling: Ceiling = None,
    mixture: Mixture = None,
    task: Task = None,
    level: Annotated[float, typer.Option(metavar="LEVEL", help="The level whose learning times are compared.")] = 0.8,
) -> None:
    """Find which task builds on which, from runs with all tasks and runs that leave one out.

    Without such runs it says which to train.
    """
    if out is not None:
        check_output(out, "--out", GRAPHS)
    start_jax()
    from ..fitting.interventions import infer_graph as infer
    from ..fitting.interventions import suggest_runs
    from ..graphs.files import write_graph

    curves = read_files(files, value, chance, ceiling, mixture, task)
    try:
        found = infer(curves, level)
    except ValueError as error:
        raise wrong(error) from None
    for line in found.report().split("\n"):
        tell(line)
    for name, mix in suggest_runs(curves).items():
        mixture_of = ",".join(f"{task}={part:.4g}" for task, part in mix.items())
        tell(f"Suggested, without {name}: --mixture {shlex.quote(mixture_of)}")
    if out is not None:
        if found.graph is None:
            raise WrongInput("--out: expected runs that tell the graph; nothing was written")
        write_graph(found.graph, out)
        tell(f"Wrote {out}.")
