"""`resource-ode sweep`: the description of a sweep in, a store of what was measured out."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from .checks import PICTURES, RUN_FILES, Settings, check_folder, start_jax
from .terminal import Interrupted, WrongInput, count, tell

# seconds to wait for the scheduler of a cluster
CONNECT = 20


def sweep(
    file: Annotated[Path, typer.Argument(metavar="FILE.toml", help="The axes, the ensemble, what to measure.")],
    out: Annotated[
        Path, typer.Option(metavar="RESULTS.zarr", help="Where the results go: a Zarr store, that is, a folder.")
    ],
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Go on with a store that is there: compute only what is missing or damaged. Else begin it."
        ),
    ] = False,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="tcp://HOST:PORT", help="Let the workers of a Dask cluster compute and write the chunks."),
    ] = None,
    wait: Annotated[
        float, typer.Option(metavar="SECONDS", min=0, help="How long to wait while the scheduler has no workers.")
    ] = 600,
    settings: Settings = None,
) -> None:
    """Measure an ensemble of graphs at every point of a grid of parameters.

    The file is TOML; examples/sweep_small.toml is one, with comments, and docs/sweep.md lists every key:

    \b
    [ensemble]   graphs, seed, chunk (cascades per chunk), precision
    [graph]      generator ("random_dag", "layered", ...) and its arguments,
                 or prerequisites = [[], [0]], or file = "skills.graphml"
    [frequency]  law ("zipf", "lognormal", ...) and its arguments, or values
    [resource]   learning_rate, wasted_resource, gate_exponent, loss, ...
    [[axis]]     name = any of the above, and its values: one of
                 values = [...], linear or log = [first, last, how many]
    [observe]    names = ["horizon", "efficiency", "domino_overlap", ...],
                 level, reducer = "module:function"
    [time]       values, linear or log: rows of runs ("total_waste", ...)

    The results are one xarray data set: dimensions are the axes and graph. A sweep that was stopped, by whatever
    means, loses the chunk in hand; --resume goes on. Ctrl-C and SIGTERM end it at once, with status 130 and 143.

    A reducer is code that this command imports and runs: use only files that you trust.
    """
    if out.suffix.lower() in (*RUN_FILES, *PICTURES):
        raise WrongInput(f"--out: expected a folder (.zarr), which resource-ode plot reads, got {out}")
    check_folder(out, "--out")
    if os.path.lexists(out) and not resume:
        raise WrongInput(f"--out: expected a path where nothing is yet, got {out}; --resume goes on with what is there")
    start_jax()
    from ..sweeps import Stopped, SweepStore, until_stopped

    store: list[SweepStore] = []
    try:
        until_stopped(lambda: _sweep(file, out, resume, scheduler, wait, settings or [], store))
    except Stopped as stopped:
        stored = store[0].stop() if store else 0
        left = f"{stored:,} of {count(store[0].sweep.members, 'member')} are stored" if store else "nothing is stored"
        raise Interrupted(f"{stopped}: {left} in {out}; to go on, give --resume", stopped.number) from None


def _sweep(
    file: Path,
    out: Path,
    resume: bool,
    scheduler: str | None,
    wait: float,
    settings: list[str],
    begun: list[Any],
) -> None:
    """The sweep itself; its store is put into `begun` when there is one."""
    import time

    from ..sweeps import begin, failures, fill, open_dataset, read_sweep

    start = time.perf_counter()
    try:
        with _cluster(scheduler) as client:
            try:
                plan = read_sweep(file, settings)
                store = begin(plan, out, resume=resume)
            except ValueError as error:
                raise WrongInput(str(error)) from None
            begun.append(store)
            computed = fill(store, client=client, wait=wait)
    except OSError as error:
        rest = "what is in it stays valid, and --resume goes on with it" if out.exists() else "nothing was written"
        raise RuntimeError(f"{out}: {error.strerror or error}; {rest}") from error
    seconds = time.perf_counter() - start
    cells = " x ".join(f"{len(axis.values)} {axis.name}" for axis in plan.axes) or "1 cell"
    tell(f"Swept {cells} x {count(plan.shape[-1], 'graph')} = {count(plan.members, 'member')}.")
    rate = f", {computed / seconds:,.0f} per second" if computed else ""
    tell(f"Computed {computed:,} of them in {seconds:.1f} s{rate} ({count(plan.chunks, 'chunk')}).")
    tell(failures(open_dataset(store.path)) or "All members succeeded.")
    tell(f"Wrote {out}.")


@contextlib.contextmanager
def _cluster(address: str | None) -> Iterator[Any]:
    """A client of the Dask scheduler at an address; None without one."""
    if address is None:
        yield None
        return
    try:
        from distributed import Client, Security
        from distributed.comm.core import connect
    except ImportError:
        raise RuntimeError(
            "--scheduler needs Dask, which is not installed; pip install -e '.[sweep]' in the checkout brings it"
        ) from None

    async def answers() -> None:
        # with a limit of its own: what listens there may be no scheduler and never answer
        contact = connect(address, timeout=CONNECT, **Security().get_connection_args("client"))
        (await asyncio.wait_for(contact, CONNECT)).abort()

    try:
        # Asked before there is a client: one that fails to connect would stay the scheduler of whatever else this
        # process asks of Dask.
        asyncio.run(answers())
        client = Client(address, timeout=CONNECT)
    except (OSError, ValueError, TypeError) as error:
        raise WrongInput(
            f"--scheduler: expected the address of a Dask scheduler that is running, as tcp://host:8786, got {address} "
            f"({type(error).__name__})"
        ) from None
    with client:
        yield client
