"""`resource-ode what-if`: a fitted model and a mixture in, learning times out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..base.words import said_step
from .checks import start_jax
from .curves import as_mixture
from .fit import LEVEL
from .terminal import WrongInput, tell

INTERVAL = 1.96


def what_if(
    file: Annotated[Path, typer.Argument(metavar="MODEL.toml", help="What fit wrote.")],
    mixture: Annotated[
        list[str], typer.Option(metavar="A=.3,B=.7", help="How often each task is to be met; once per mixture.")
    ],
    level: Annotated[float, typer.Option(metavar="LEVEL", help="The level to be reached.")] = 0.8,
) -> None:
    """Predict when each task is learned in another mixture, and say where that is beyond what was tried."""
    if not 0 < level < 1:
        raise WrongInput(f"--level: expected a number between 0 and 1, got {level:g}")
    start_jax()
    import numpy as np

    from ..config.scenario import read_scenario
    from ..config.toml import ScenarioError
    from ..fitting.arguments import distinct_shares
    from ..fitting.curves import checked_mixture
    from ..fitting.mixtures import not_measured
    from ..fitting.reach import Reach, within
    from ..solve.learning import learning_times

    if file.suffix.lower() != ".toml":
        raise WrongInput(f"{file}: expected the model that fit writes (.toml), got {file.suffix or 'no extension'}")
    try:
        scenario = read_scenario(file)
    except ScenarioError as error:
        raise WrongInput(str(error)) from None
    fitted = scenario.fitted
    if fitted is None:
        raise WrongInput(f"{file}: expected a fitted model (with a section [fitted], as fit writes it), got none")
    shares = np.array(distinct_shares(list(fitted.tried)))
    if not len(shares):
        raise WrongInput(f"{file}: [fitted] tried: expected the mixtures of the runs, got none; fit with --mixture")
    reach = Reach(shares, fitted.time_factor, fitted.time_error, fitted.time_error_growth)
    for text in mixture:
        try:
            row = checked_mixture("--mixture", as_mixture(text, "--mixture"), scenario.names)
        except ValueError as error:
            raise WrongInput(str(error)) from None
        if not row.all():
            raise WrongInput(f"--mixture: expected a number above 0 for each task, got {text}")
        share = row / row.sum()
        same = any(np.allclose(share, other, rtol=1e-6) for other in shares)
        if not (same or fitted.frequency_power_known):
            raise WrongInput(
                f"{file}: runs of one mixture do not show what others do; fit runs of two mixtures, or give "
                "--hold frequency_power=0.5 (or what it is)"
            )
        sums = fitted.tried.sum(axis=1)
        row = share * sums.mean() if np.allclose(sums, sums[0], rtol=1e-2) else row
        times = np.asarray(learning_times(scenario.model.replace(frequency=row), level)) * reach.factor
        wider = np.exp(INTERVAL * reach.spread(reach.distance(share)))
        tell(f"{text}: all tasks at level {level:g} by step {said_step(times.max(), 4)} "
             f"({said_step(times.max() / wider, 4)} to {said_step(times.max() * wider, 4)}).")  # fmt: skip
        tell(
            "  Steps of each task: "
            + ", ".join(f"{name} {said_step(time, 4)}" for name, time in zip(scenario.names, times, strict=True))
        )
        if not within(share, shares):
            tell(
                "  It is outside the range of mixtures that were tried; the interval is as wide as errors are that far "
                "away."
            )
    for line in not_measured(scenario.names, fitted.time_measured, LEVEL):
        tell(line)
