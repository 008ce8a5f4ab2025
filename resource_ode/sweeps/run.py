"""The verb `sweep`: a grid of parameters, an ensemble of graphs at each point, one data set in a Zarr store.

Chunks are done one after another, on every device of this machine, or as tasks of a Dask cluster whose workers write
to the store themselves.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax

from ..base import atomic
from ..base.annotations import Dataset, FilePath, Given, Numbers
from ..base.checks import entries, truth_value
from ..base.values import brief
from ..base.words import printable
from .cluster import on_cluster
from .dataset import open_dataset
from .description import read_sweep
from .durable import remove_leftovers
from .plan import Sweep
from .store import SweepStore, create_store, open_store
from .task import do_chunk

# seconds that a cluster may be without workers
WAIT = 600.0


def sweep(
    description: Given[FilePath | Mapping[str, Any] | Sweep],
    out: FilePath,
    *,
    resume: Given[bool] = False,
    client: Any = None,
    devices: Given[Sequence[Any] | None] = None,
    progress: Given[bool | Callable[[int, int], object]] = True,
    wait: Numbers = WAIT,
) -> Dataset:
    """Measure an ensemble of graphs at every point of a grid of parameters.

    **Arguments:**

    - `description`: a TOML file or a dictionary with the same tables (see `docs/sweep.md`).
    - `out`: the Zarr store, a folder that is not there yet.

    **Other arguments:**

    - `resume`: go on with a store that is there already: only chunks that are missing or damaged are computed. Without
        a store, it is begun.
    - `client`: a `distributed.Client`: chunks are tasks of its workers, which have to see `out` under the same path.
    - `devices`: JAX devices that share the chunks; default all that are not CPUs, or else the default one.
    - `progress`: `True` for a bar where somebody watches, `False` for none, or a function called as `progress(done,
        members)` after each chunk, with what is done so far and what was there to do (members that were done before
        are not counted).
    - `wait`: seconds to wait while the cluster of `client` has no workers.

    **Returns:** an `xarray.Dataset` whose dimensions are the axes, in the order given, and `graph`. Its values are read
    when they are asked for. `failed` says whether and why a member failed; such a member is NaN in all variables.

    All numbers are functions of the description and the position alone: graph $k$ of the ensemble is drawn from the
    key `fold_in(key(seed), k)`, in every cell the same, so that neighbouring cells differ by their parameters and not
    by chance. On one kind of processor with one set of versions they are the same bit for bit, whatever computes them
    in whatever order.

    **Raises:** `ValueError` for a wrong description, a store that is there without `resume`, or one of another
    description, which is shown; `OSError` if the store cannot be written: what is in it stays valid.

    **Example:** `ro.sweep("examples/sweep_small.toml", "results.zarr", resume=True)`
    """
    _check_wait(wait)
    _check_client(client)
    if not (isinstance(progress, bool) or callable(progress)):
        raise ValueError(f"progress: expected True, False or a function, got {brief(progress)}")
    store = begin(read_sweep(description), out, resume=resume)
    fill(store, client=client, devices=devices, progress=progress, wait=wait)
    return open_dataset(store.path)


def _check_wait(wait: Any) -> None:
    if isinstance(wait, bool) or not isinstance(wait, (int, float)) or not wait >= 0:
        raise ValueError(f"wait: expected a number of seconds of at least 0, got {brief(wait)}")


def _check_client(client: Any) -> None:
    if client is not None and not all(hasattr(client, name) for name in ("submit", "cancel", "nthreads")):
        raise ValueError(f"client: expected a distributed.Client, got {brief(client)}")


def fill(store: SweepStore, *, client: Any = None, devices: Any = None, progress: Any = True, wait: Any = WAIT) -> int:
    """Compute what is missing or damaged in a store; options as for [`resource_ode.sweep`][].

    **Arguments:** `store`: what `begin` returned.

    **Returns:** the number of members that were computed.

    **Raises:** `OSError` if the store cannot be written; `ValueError` for a reducer that workers cannot import;
    `RuntimeError` for a cluster without workers.
    """
    _check_client(client)
    reducer = store.sweep.content["observe"].get("reducer", "")
    if client is not None and reducer.startswith("__main__:"):
        raise ValueError(f"reducer: expected a function of a module that workers can import, got {reducer}")
    total = 0

    def report(members: int, computed: bool) -> None:
        nonlocal total
        total += members * computed
        tell(members, computed)

    with _reporting(progress, store.sweep.members) as tell:
        if client is not None:
            on_cluster(client, store, report, wait=wait, say=progress is not False)
        else:
            _here(store, _devices(devices), report)
    return total


# -- where the results go


def begin(plan: Sweep, out: Any, *, resume: Given[bool] = False) -> SweepStore:
    """Make the store of a sweep, or open the one that is there.

    **Arguments:** `plan`: what `read_sweep` returned; `out`: the store; `resume`: go on with one that is there.

    **Raises:** `ValueError` for a place that cannot be used, or the store of another sweep; `OSError` if it cannot be
    written.
    """
    truth_value("resume", resume)
    try:
        # absolute, since workers may run elsewhere
        path = Path(out).absolute()
        if path.is_symlink():
            path = path.resolve()
        there = _exists(path)
    except TypeError:
        raise ValueError(f"out: expected a path, got {brief(out)}") from None
    except (OSError, RuntimeError, ValueError) as error:
        raise ValueError(f"out: expected a path that can be used, got {brief(str(out))} ({error!s:.80})") from None
    shown, folder = printable(path), f"{printable(path.parent)} (for {printable(path.name)})"
    if not there:
        if not os.path.isdir(path.parent):
            raise ValueError(f"out: expected a folder that exists, got {folder}; make it first")
        if not atomic.takes_files(path.parent):
            raise ValueError(f"out: expected a folder that can be written to, got {folder}")
        remove_leftovers(path)
        store = create_store(path, plan)
        # None: another process has made one since, and both fill it
        return open_store(path, plan) if store is None else store
    if not resume:
        raise ValueError(f"out: expected a path where nothing is yet, or resume, got {shown}, which exists")
    if not os.path.isdir(path):
        raise ValueError(f"out: expected the store of a sweep, got {shown}, which is a file")
    if not atomic.takes_files(path):
        raise ValueError(f"out: expected a store that can be written to, got {shown}, which is read-only")
    return open_store(path, plan)


def _exists(path: Path) -> bool:
    """Unlike the method of `Path`, it raises for names that no file can have."""
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


Report = Callable[[int, bool], None]


@contextlib.contextmanager
def _reporting(progress: Any, members: int) -> Iterator[Report]:
    """Tell of chunks, as they are done: on a bar with rate and time left, or to the caller's function."""
    done, left = 0, members

    def tell(number: int, computed: bool) -> None:
        nonlocal done, left
        done, left = done + number * computed, left - number * (not computed)
        progress(done, left)

    if progress is False:
        yield lambda number, computed: None
    elif progress is not True:
        yield tell
    else:
        from tqdm import tqdm

        with tqdm(total=members, unit="member", unit_scale=True, disable=None, desc="sweep") as bar:

            def show(number: int, computed: bool) -> None:
                if computed:
                    bar.update(number)
                else:  # neither the rate nor the time left is that of what was there before
                    bar.total -= number
                    bar.refresh()

            yield show


# -- on this machine


def _devices(devices: Any) -> list[Any]:
    if devices is not None:
        devices = entries("devices", devices, "JAX devices, as jax.devices() lists them")
        if not devices or not all(isinstance(device, jax.Device) for device in devices):
            raise ValueError(f"devices: expected JAX devices, as jax.devices() lists them, got {brief(devices)}")
        return devices
    # one CPU uses all its cores for one chunk
    return [] if jax.default_backend() == "cpu" else jax.local_devices()


def _here(store: SweepStore, devices: list[Any], report: Report) -> None:
    chunks = range(store.sweep.chunks)
    # a process that has just begun this store is at its first chunks
    chunks = chunks[::-1] if store.begun_elsewhere else chunks
    if len(devices) < 2:
        with jax.default_device(devices[0]) if devices else contextlib.nullcontext():
            for chunk in chunks:
                report(*do_chunk(store, chunk))
        return
    waiting = iter(chunks)
    lock = threading.Lock()
    wrong: list[BaseException] = []

    def work(device: Any) -> None:
        try:
            with jax.default_device(device):
                while not wrong:
                    with lock:
                        chunk = next(waiting, None)
                    if chunk is None:
                        return
                    done = do_chunk(store, chunk)
                    with lock:
                        report(*done)
        except BaseException as error:
            wrong.append(error)

    # daemons: on an interrupt nobody waits for a chunk that would be thrown away
    threads = [threading.Thread(target=work, args=(device,), daemon=True) for device in devices]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if wrong:
        raise wrong[0]
