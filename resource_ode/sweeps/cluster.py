"""The chunks of a sweep as tasks of a Dask cluster, whose workers write to the store themselves."""

from __future__ import annotations

import functools
import itertools
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .store import SweepStore, open_store
from .task import do_chunk

# tasks that are queued for each thread of the workers: more would only fill the scheduler
QUEUED = 4
# seconds between looks at the workers
LOOK = 1.0
# times that a chunk is given out again after Dask gave it up, since several workers in a row died while they had it
AGAIN = 3


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
    return do_chunk(_store_of_worker(path, digest, begun), chunk)


def on_cluster(
    client: Any, store: SweepStore, report: Callable[[int, bool], None], *, wait: float, say: bool = True
) -> None:
    """Have a cluster do all chunks of a store.

    **Arguments:** `client`: a `distributed.Client`; `report`: called after each chunk as `report(members, computed)`.

    **Other arguments:** `wait`: seconds to wait while there are no workers; `say`: whether to say so on standard error.

    **Raises:** `RuntimeError` if there were none for so long.
    """
    from distributed import KilledWorker
    from distributed import wait as first_of

    begun = time.time()
    arguments = (str(store.path), store.sweep.digest, begun)
    waiting = iter(range(store.sweep.chunks))
    running: dict[Any, tuple[int, int]] = {}

    def submit(chunk: int, attempt: int = 0) -> None:
        key = f"sweep-{begun}-{chunk}-{attempt}"
        # a task lost with its worker is done again by another
        running[client.submit(do_on_worker, *arguments, chunk, key=key, pure=False)] = chunk, attempt

    alone: float | None = None
    try:
        while True:
            threads = sum(client.nthreads().values())
            for chunk in itertools.islice(waiting, max(0, QUEUED * max(1, threads) - len(running))):
                submit(chunk)
            if not running:
                return
            alone = _alone(threads, alone, wait, say)
            try:
                found: Any = first_of(list(running), timeout=LOOK, return_when="FIRST_COMPLETED")
            except TimeoutError:
                continue
            for future in found.done:
                chunk, attempt = running.pop(future)
                try:
                    report(*future.result())
                except KilledWorker as error:
                    if attempt == AGAIN:
                        raise RuntimeError(
                            f"chunk {chunk}: every worker that had it died (not enough memory? a smaller [ensemble] "
                            "chunk, in a new store, takes less)"
                        ) from error
                    submit(chunk, attempt + 1)
                future.release()
    finally:
        client.cancel(list(running))


def _alone(threads: int, since: float | None, wait: float, say: bool) -> float | None:
    """Since when there have been no workers; None if there are some."""
    if threads:
        return None
    now = time.monotonic()
    if since is None:
        if say:
            print(f"sweep: waiting for workers: the scheduler has none (for {wait:g} s at most)", file=sys.stderr)
        return now
    if now - since > wait:
        raise RuntimeError(f"the scheduler has had no workers for {wait:g} s; start some, and go on with --resume")
    return since
