"""Sweeps on a Dask cluster: workers that die, that see other files, that are not there."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from stores import DESCRIPTION, description, plan, same

import resource_ode as ro
from resource_ode import cli, sweeps
from resource_ode.sweeps import cluster, read_sweep

# what distributed does with its sockets and loops when a worker is killed is not ours to judge
pytestmark = pytest.mark.filterwarnings("ignore")
KILLS = 5


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    ro.sweep(DESCRIPTION, tmp_path / "whole.zarr", progress=False)
    return tmp_path / "whole.zarr"


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Any]:
    """A cluster without workers."""
    from distributed import LocalCluster

    options: dict[str, Any] = {"dashboard_address": None, "local_directory": str(tmp_path)}
    # what it has its workers start under, it leaves in the environment of this process
    with (
        mock.patch.dict(os.environ),
        LocalCluster(processes=True, n_workers=0, threads_per_worker=1, **options) as found,
    ):
        yield found


def found_processes(client: Any) -> list[int]:
    """The processes of the workers."""
    return list(client.run(os.getpid).values())


@pytest.mark.slow
def test_workers_that_are_killed(tmp_path: Path, alone: Any) -> None:
    from distributed import Client

    given = description(ensemble={"graphs": 32, "chunk": 1}, observe={"names": ["horizon"]})
    one, many = tmp_path / "one.zarr", tmp_path / "many.zarr"
    ro.sweep(given, one, progress=False)
    alone.scale(2)
    with Client(alone) as client:
        client.wait_for_workers(2)
        chance, killed = random.Random(0), []
        last: list[int] = []

        def kill_some(done: int, left: int) -> None:
            last[:] = [done, left]
            # at random moments, spread over the sweep
            if len(killed) < KILLS and done > left * (len(killed) + chance.random()) / (KILLS + 1):
                processes = [process for process in found_processes(client) if process not in killed]
                if processes:
                    killed.append(chance.choice(processes))
                    time.sleep(chance.uniform(0, 0.05))
                    os.kill(killed[-1], signal.SIGKILL)

        found = ro.sweep(given, many, client=client, progress=kill_some)
        assert len(killed) == KILLS and os.getpid() not in killed
        assert (found["failed"] == 0).all() and last[0] == last[1]
        # nothing to do, but to remove what the dead left
        store = sweeps.begin(read_sweep(given), many, resume=True)
        assert sweeps.fill(store, client=client, progress=False) == 0
    same(one, many)


def test_a_cluster_without_workers(
    tmp_path: Path, alone: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from distributed import Client

    monkeypatch.setattr(cluster, "LOOK", 0.05)
    with (
        Client(alone) as client,
        pytest.raises(RuntimeError, match=r"the scheduler has had no workers for 0.1 s; start"),
    ):
        ro.sweep(DESCRIPTION, tmp_path / "results.zarr", client=client, wait=0.1)
    assert capsys.readouterr().err.count("sweep: waiting for workers: the scheduler has none (for 0.1 s at most)") == 1
    file = tmp_path / "sweep.toml"
    file.write_text("[graph]\nprerequisites = [[], [0]]\n[frequency]\nvalues = [1, 2]\n"
                    "[resource]\nlearning_rate = 1\ngate_exponent = 1\nwasted_resource = 1\n")  # fmt: skip
    arguments = ["sweep", str(file), "--out", str(tmp_path / "more.zarr"), "--scheduler", alone.scheduler_address]
    assert cli.main([*arguments, "--wait", "0.2"]) == 1
    told = capsys.readouterr().err
    assert "sweep: waiting for workers" in told and "has had no workers for 0.2 s; start some" in told
    assert "Traceback" not in told


def test_workers_that_come_later(tmp_path: Path, whole: Path, alone: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from distributed import Client

    monkeypatch.setattr(cluster, "LOOK", 0.05)
    looks = []

    def alone_then_not(threads: int, *rest: Any) -> Any:
        looks.append(threads)
        if len(looks) == 2:
            alone.scale(1)
        return None if threads else 0.0

    monkeypatch.setattr(cluster, "_alone", alone_then_not)
    with Client(alone) as client:
        ro.sweep(DESCRIPTION, tmp_path / "results.zarr", client=client, progress=False)
    assert looks[:2] == [0, 0] and looks[-1] == 1
    same(whole, tmp_path / "results.zarr")


def test_workers_cannot_import_what_is_typed_at_a_prompt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def measure(run: Any) -> Any:
        return run.loss[-1]

    measure.__module__, measure.__qualname__ = "__main__", "measure"
    monkeypatch.setattr(sys.modules["__main__"], "measure", measure, raising=False)
    given = description(observe={"reducer": measure}, time={"values": [0, 1]})
    with pytest.raises(ValueError, match="expected a function of a module that workers can import, got __main__:meas"):
        ro.sweep(given, tmp_path / "results.zarr", client=mock.Mock(), progress=False)


def test_worker_that_sees_other_files(whole: Path, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"a worker cannot open the store: .* \(it has to see the same files\)"):
        cluster.do_on_worker(str(tmp_path / "none.zarr"), "", 0.0, 0)
    with pytest.raises(RuntimeError, match="a worker sees the store of another sweep"):
        cluster.do_on_worker(str(whole), "", 0.0, 0)
    assert cluster.do_on_worker(str(whole), plan().digest, 0.0, 0) == (8, False)
