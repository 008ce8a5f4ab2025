"""The verb `sweep`: a grid of parameters, an ensemble of graphs at each point, one data set in a Zarr store.

Chunks are done one after another, on every device of this machine, or as tasks of a Dask cluster whose workers write
to the store themselves.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np

from .sweep_chunk import FAILURES, compute_chunk
from .sweep_description import read_sweep
from .sweep_plan import Sweep
from .sweep_store import SweepStore, create_store, open_dataset, open_store

# tasks of a cluster that are queued for each of its threads: more would only fill the scheduler
QUEUED = 4


def sweep(
    description: Any,
    out: Any,
    *,
    resume: bool = False,
    client: Any = None,
    devices: Any = None,
    progress: Any = True,
) -> Any:
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
    if not (isinstance(progress, bool) or callable(progress)):
        raise ValueError(f"progress: expected True, False or a function, got {progress!r:.80}")
    store = begin(read_sweep(description), out, resume=resume)
    fill(store, client=client, devices=devices, progress=progress)
    return open_dataset(store.path)


def fill(store: SweepStore, *, client: Any = None, devices: Any = None, progress: Any = True) -> int:
    """Compute what is missing or damaged in a store; options as for [`resource_ode.sweep`][].

    **Arguments:** `store`: what `begin` returned.

    **Returns:** the number of members that were computed.

    **Raises:** `OSError` if the store cannot be written; `ValueError` for a reducer that workers cannot import.
    """
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
            _on_cluster(client, store, report)
        else:
            _here(store, _devices(devices), report)
    return total


def failures(dataset: Any) -> str:
    """One line that counts the failed members of a sweep by reason; empty if there are none.

    **Arguments:** `dataset`: what [`resource_ode.sweep`][] returned.

    **Example:** `print(failures(dataset) or "all succeeded")`
    """
    counts = np.zeros(len(FAILURES), np.int64)
    code = dataset["failed"]
    # a slab of the first axis at a time, since a store may be larger than memory
    for start in range(0, code.shape[0], max(1, 2**24 // max(1, code[0].size))):
        part = np.asarray(code[start : start + max(1, 2**24 // max(1, code[0].size))])
        counts += np.bincount(part[part > 0], minlength=len(FAILURES))
    if not counts.sum():
        return ""
    why = "; ".join(f"{count}: {FAILURES[reason]}" for reason, count in enumerate(counts) if count)
    return f"{counts.sum()} of {code.size} members failed. {why}"


# -- where the results go


def begin(plan: Sweep, out: Any, *, resume: bool = False) -> SweepStore:
    """Make the store of a sweep, or open the one that is there.

    **Arguments:** `plan`: what `read_sweep` returned; `out`: the store; `resume`: go on with one that is there.

    **Raises:** `ValueError` for a place that cannot be used, or the store of another sweep; `OSError` if it cannot be
    written.
    """
    try:
        # absolute, since workers may run elsewhere
        path = Path(out).absolute()
    except TypeError:
        raise ValueError(f"out: expected a path, got {out!r:.80}") from None
    if path.exists():
        if not resume:
            raise ValueError(f"out: expected a path where nothing is yet, or resume, got {path}, which exists")
        if not path.is_dir():
            raise ValueError(f"out: expected the store of a sweep, got {path}, which is a file")
        if not os.access(path, os.W_OK):
            raise ValueError(f"out: expected a store that can be written to, got {path}, which is read-only")
        return open_store(path, plan)
    if not path.parent.is_dir():
        raise ValueError(f"out: expected a folder that exists, got {path.parent} (for {path.name}); make it first")
    if not os.access(path.parent, os.W_OK):
        raise ValueError(f"out: expected a folder that can be written to, got {path.parent} (for {path.name})")
    return create_store(path, plan)


def _do(store: SweepStore, chunk: int) -> tuple[int, bool]:
    """See to it that a chunk is there: its number of members, and whether it had to be computed."""
    region = store.sweep.region(chunk)
    members = int(np.prod([part.stop - part.start for part in region]))
    if store.is_done(chunk):
        return members, False
    store.write(chunk, compute_chunk(store.sweep, chunk))
    return members, True


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
        devices = list(devices)
        if not devices or not all(isinstance(device, jax.Device) for device in devices):
            raise ValueError(f"devices: expected JAX devices, as jax.devices() lists them, got {devices!r:.80}")
        return devices
    # one CPU uses all its cores for one chunk
    return [] if jax.default_backend() == "cpu" else jax.local_devices()


def _here(store: SweepStore, devices: list[Any], report: Report) -> None:
    if len(devices) < 2:
        with jax.default_device(devices[0]) if devices else contextlib.nullcontext():
            for chunk in range(store.sweep.chunks):
                report(*_do(store, chunk))
        return
    waiting = iter(range(store.sweep.chunks))
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
                    done = _do(store, chunk)
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


# -- on a cluster


@functools.lru_cache(maxsize=4)
def _store_of_worker(path: str, digest: str, begun: float) -> SweepStore:
    try:
        store = open_store(Path(path))
    except ValueError as error:
        raise RuntimeError(f"a worker cannot open the store: {error} (it has to see the same files)") from error
    if store.sweep.digest != digest:
        raise RuntimeError(f"{path}: a worker sees the store of another sweep")
    return store


def do_on_worker(path: str, digest: str, begun: float, chunk: int) -> tuple[int, bool]:
    """What a task of a cluster does: a worker reads the description from the store and writes the chunk to it.

    **Arguments:** `path`: the store; `digest`: of its description; `begun`: tells sweeps of one path apart; `chunk`:
    its number.

    **Returns:** the number of members, and whether they had to be computed.
    """
    return _do(_store_of_worker(path, digest, begun), chunk)


def _on_cluster(client: Any, store: SweepStore, report: Report) -> None:
    from distributed import as_completed

    begun = time.time()
    arguments = (str(store.path), store.sweep.digest, begun)

    def submit(chunks: Iterable[int]) -> list[Any]:
        # a task lost with its worker is done again by another
        return [
            client.submit(do_on_worker, *arguments, chunk, key=f"sweep-{begun}-{chunk}", pure=False) for chunk in chunks
        ]

    waiting = iter(range(store.sweep.chunks))
    threads = sum(client.nthreads().values())
    running = as_completed(submit(itertools.islice(waiting, QUEUED * max(1, threads))))
    try:
        for future in running:
            report(*future.result())
            future.release()
            for more in submit(itertools.islice(waiting, 1)):
                running.add(more)
    finally:
        client.cancel([future for future in running.futures])
