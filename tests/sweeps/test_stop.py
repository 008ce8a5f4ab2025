"""Processes that are stopped and killed: what they say, how soon they end, and what is left of the sweep."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast
from unittest import mock

import pytest
import stores
from stores import contents, same

import resource_ode as ro
from resource_ode import sweeps
from resource_ode.sweeps import Stopped, read_sweep, until_stopped

# 192 members, two per chunk
SWEEP = stores.SWEEP.replace("graphs = 4", "graphs = 32").replace("chunk = 4", "chunk = 1")
MEMBERS = 192
# a chunk is two members
COMMAND = "import sys; from resource_ode.cli import main; sys.exit(main())"
KILLS = 20


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "sweep.toml"
    path.write_text(SWEEP)
    return path


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What an undisturbed process writes."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "sweep.toml").write_text(SWEEP)
    with started(folder / "sweep.toml", folder / "results.zarr") as process:
        assert process.wait(timeout=300) == 0
    return folder / "results.zarr"


class started:
    """`resource-ode sweep` as a process of its own, which does not outlive the test."""

    def __init__(self, file: Path, out: Path, *options: str, code: str = COMMAND):
        arguments = [sys.executable, "-c", code, "sweep", str(file), "--out", str(out), *options]
        self.process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def __enter__(self) -> subprocess.Popen[str]:
        return self.process

    def __exit__(self, *error: Any) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


def records(out: Path) -> int:
    return len(list(out.glob("records/sha256/c/*/0")))


def wait_for(process: subprocess.Popen[str], out: Path, number: int) -> None:
    """Until so many chunks are done."""
    deadline = time.monotonic() + 200
    while records(out) < number:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def ended(process: subprocess.Popen[str], number: int, out: Path) -> int:
    """Send a signal, look at how the process ends, and return how many members it said are stored."""
    before = time.monotonic()
    process.send_signal(number)
    status = process.wait(timeout=60)
    seconds = time.monotonic() - before
    told = process.communicate()[1]
    assert status == 128 + number, told
    lines = told.splitlines()
    assert len(lines) == 1 and "Traceback" not in told
    name = signal.Signals(number).name
    found = re.fullmatch(
        rf"resource-ode: {name}: ([\d,]+) of {MEMBERS} members are stored in {out}; to go on, give --resume", lines[0]
    )
    assert found, lines
    assert seconds < 1
    return int(found[1].replace(",", ""))


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_a_signal_ends_the_sweep_at_once_and_says_how_to_go_on(
    number: int, file: Path, tmp_path: Path, whole: Path
) -> None:
    out = tmp_path / "results.zarr"
    with started(file, out) as process:
        wait_for(process, out, 3)
        assert ended(process, number, out) == 2 * records(out) >= 6
    assert not [name for name in contents(tmp_path) if name.endswith(".part")]
    with pytest.warns(UserWarning, match="are not computed yet"):
        sweeps.open_dataset(out)
    with started(file, out, "--resume") as process:
        assert process.wait(timeout=300) == 0
        assert "Computed" in process.communicate()[0]
    same(whole, out)


# the solve of a chunk that knows nothing of signals for a while, as a compilation
BUSY = """
import ctypes, sys
from resource_ode.sweeps import task
from resource_ode.cli import main
compute, calls = task.compute_chunk, []
def busy(plan, chunk):
    calls.append(chunk)
    if len(calls) > 3:
        # compiled code that lets other threads run
        ctypes.CDLL(None).sleep(100)
    return compute(plan, chunk)
task.compute_chunk = busy
sys.exit(main())
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_compiled_code(number: int, file: Path, tmp_path: Path) -> None:
    out = tmp_path / "results.zarr"
    with started(file, out, code=BUSY) as process:
        wait_for(process, out, 3)
        time.sleep(0.2)
        assert ended(process, number, out) == 6


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_signal_ends_a_sweep_on_a_cluster(file: Path, tmp_path: Path) -> None:
    from distributed import LocalCluster

    out = tmp_path / "results.zarr"
    options: dict[str, Any] = {"dashboard_address": None, "local_directory": str(tmp_path)}
    with (
        # what it has its workers start under, it leaves in the environment of this process
        mock.patch.dict(os.environ),
        cast(Any, LocalCluster(processes=True, n_workers=1, threads_per_worker=1, **options)) as cluster,
        started(file, out, "--scheduler", cluster.scheduler_address) as process,
    ):
        wait_for(process, out, 3)
        told = ended(process, signal.SIGTERM, out)
        assert 6 <= told <= 2 * records(out)


def test_outside_the_main_thread_and_on_errors() -> None:
    import threading

    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(until_stopped(lambda: threading.current_thread())))
    thread.start()
    thread.join()
    assert found == [thread]
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    assert until_stopped(lambda: 3) == 3
    with pytest.raises(ZeroDivisionError):
        until_stopped(lambda: 1 // 0)
    with pytest.raises(Stopped, match="SIGTERM") as caught:
        until_stopped(lambda: (os.kill(os.getpid(), signal.SIGTERM), time.sleep(5)))
    assert caught.value.number == signal.SIGTERM
    assert before == [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]


@pytest.mark.slow
def test_two_processes_that_start_the_same_store_at_once(file: Path, tmp_path: Path, whole: Path) -> None:
    out = tmp_path / "results.zarr"
    with started(file, out, "--resume") as first, started(file, out, "--resume") as second:
        assert [first.wait(timeout=300), second.wait(timeout=300)] == [0, 0]
    same(whole, out)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results.zarr", "sweep.toml"]


@pytest.fixture
def chance() -> Iterator[random.Random]:
    yield random.Random(0)


@pytest.mark.slow
def test_kills_at_random_moments(file: Path, tmp_path: Path, whole: Path, chance: random.Random) -> None:
    """Killed twenty times, from before there is a store on: what is there then is right, and so is the end."""
    out = tmp_path / "results.zarr"
    plan = read_sweep(file)
    for number in range(KILLS):
        before = records(out)
        with started(file, out, "--resume") as process:
            if number % 5 == 0:  # while it starts, and makes the store or mends it
                time.sleep(chance.uniform(0.5, 2))
            else:
                left = plan.chunks - before
                wait_for(process, out, before + chance.randint(0, left // (KILLS - number)))
                time.sleep(chance.uniform(0, 0.1))
            process.send_signal(signal.SIGKILL)
            assert process.wait(timeout=60) in (0, -signal.SIGKILL)
        if not out.exists():
            continue
        # nothing that has a record is wrong, and nothing that was there is lost
        assert before <= records(out) <= plan.chunks
        if records(out) < plan.chunks:
            with pytest.warns(UserWarning, match="are not computed yet"):
                sweeps.open_dataset(out, verify=True)
        else:
            # killed at its very end: it is whole, and the next kill finds no store
            ro.sweep(file, out, resume=True, progress=False)
            same(whole, out)
            shutil.rmtree(out)
    ro.sweep(file, out, resume=True, progress=False)
    same(whole, out)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results.zarr", "sweep.toml"]
