"""`resource-ode sweep`, and `plot` of a store: what they write and say, and what is left when it goes wrong."""

from __future__ import annotations

import errno
import os
import socket
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dask.base import get_scheduler
from stores import SWEEP

from resource_ode import cli
from resource_ode.sweeps import is_store, open_dataset, task


def fake_chunk(plan: Any, chunk: int) -> dict[str, np.ndarray]:
    """Numbers that need no solve."""
    shape = tuple(part.stop - part.start for part in plan.region(chunk))
    values = {name: np.full(shape, chunk + 0.5) + np.arange(4) / 10 for name in plan.names}
    return values | {"failed": np.zeros(shape, np.int8)}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(task, "compute_chunk", fake_chunk)
    monkeypatch.delenv(cli.DEBUG, raising=False)
    path = tmp_path / "sweep.toml"
    path.write_text(SWEEP)
    return path


def run(capsys: pytest.CaptureFixture[str], *arguments: Any) -> tuple[int, str, str]:
    status = cli.main(list(map(str, arguments)))
    told = capsys.readouterr()
    return status, told.out, told.err


def test_sweep_then_resume_then_plot(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "results.zarr"
    status, told, errors = run(capsys, "sweep", file, "--out", out)
    assert (status, errors) == (0, "")
    first, second, third, last = told.splitlines()
    assert first == "Swept 2 wasted_resource x 3 density x 4 graphs = 24 members."
    assert second.startswith("Computed 24 of them in ") and second.endswith("per second (3 chunks).")
    assert (third, last) == ("All members succeeded.", f"Wrote {out}.")
    found = open_dataset(out)
    assert set(found.data_vars) == {"horizon", "efficiency", "failed"} and is_store(out)
    np.testing.assert_allclose(found["horizon"].mean("graph"), [[0.65, 1.65, 2.65]] * 2)

    status, told, errors = run(capsys, "sweep", file, "--out", out)
    assert (status, told) == (2, "")
    assert errors == (
        f"resource-ode: --out: expected a path where nothing is yet, got {out}; --resume goes on with what is there\n"
    )
    (out / "records/sha256/c/1/0").unlink()
    status, told, errors = run(capsys, "sweep", file, "--out", out, "--resume")
    assert (status, errors) == (0, "") and told.splitlines()[1].startswith("Computed 8 of them")
    status, told, errors = run(capsys, "sweep", file, "--out", out, "--resume")
    assert (status, errors) == (0, "") and told.splitlines()[1].startswith("Computed 0 of them")

    for options in ([], ["--variable", "horizon"]):
        status, told, errors = run(capsys, "plot", out, "--out", tmp_path / "map.png", *options)
        assert (status, told, errors) == (0, f"Wrote {tmp_path / 'map.png'}.\n", "")
        assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["map.png", "results.zarr", "sweep.toml"]


def test_resume_begins_what_is_not_there(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "sweep", file, "--out", tmp_path / "results.zarr", "--resume")[0] == 0
    assert is_store(tmp_path / "results.zarr")


def test_failed_members_are_counted(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(plan: Any, chunk: int) -> Any:
        found = fake_chunk(plan, chunk)
        return found | {"failed": found["failed"] + np.int8(1)}

    monkeypatch.setattr(task, "compute_chunk", lost)
    status, told, _ = run(capsys, "sweep", file, "--out", tmp_path / "results.zarr")
    assert status == 0 and "24 of 24 members failed. 24: The solver used up its steps" in told


def test_wrong_input(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "results.zarr"

    def told(*arguments: Any) -> str:
        status, told, errors = run(capsys, *arguments)
        assert (status, told) == (2, "") and len(errors.splitlines()) == 1
        return errors.removeprefix("resource-ode: ").strip()

    assert told("sweep", tmp_path / "none.toml", "--out", out) == (
        f"{tmp_path / 'none.toml'}: expected a sweep file (TOML), got no file at all"
    )
    file.write_text(SWEEP.replace("graphs", "graph"))
    assert told("sweep", file, "--out", out) == f'{file}: [ensemble]: unknown key "graph"; did you mean "graphs"?'
    below = tmp_path / "none" / "results.zarr"
    assert told("sweep", file, "--out", below) == (
        f"--out: expected a folder that exists, got {below.parent} (for results.zarr); make it first"
    )
    # a table is not what comes out
    assert told("sweep", file, "--out", tmp_path / "results.csv") == (
        f"--out: expected a folder (.zarr), which resource-ode plot reads, got {tmp_path / 'results.csv'}"
    )
    assert not out.exists()
    file.write_text(SWEEP)
    assert run(capsys, "sweep", file, "--out", out)[0] == 0
    file.write_text(SWEEP.replace("seed = 5", "seed = 6"))
    assert told("sweep", file, "--out", out, "--resume") == (
        f"{out}: expected the description that this store was begun with, but [ensemble] seed was 5 and is 6; give "
        "another path, or the old description"
    )
    (tmp_path / "folder").mkdir()
    assert told("sweep", file, "--out", tmp_path / "folder", "--resume").endswith("got something that Zarr cannot open")
    picture = tmp_path / "map.png"
    assert told("plot", tmp_path / "folder", "--out", picture).endswith("got something that Zarr cannot open")
    assert told("plot", out, "--out", picture, "--variable", "speed") == (
        f"{out}: --variable: expected one of efficiency, failed, horizon, got 'speed'"
    )
    assert told("plot", tmp_path / "run.nc", "--out", picture, "--variable", "speed") == (
        f"--variable: expected only with the store of a sweep, got {tmp_path / 'run.nc'}"
    )
    assert told("plot", file, "--out", picture) == (
        f"{file}: expected a run saved as netCDF (.nc) or a sweep (.zarr), got the extension .toml"
    )
    assert not picture.exists()


def test_full_disk_is_one_line_and_corrupts_nothing(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    flush, out = os.fsync, tmp_path / "results.zarr"
    full = lambda handle: (_ for _ in ()).throw(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))  # noqa: E731
    monkeypatch.setattr(os, "fsync", full)
    assert run(capsys, "sweep", file, "--out", out) == (
        1,
        "",
        f"resource-ode: {out}: No space left on device; nothing was written (RESOURCE_ODE_DEBUG=1 shows where it "
        "happened)\n",
    )
    assert not out.exists()
    monkeypatch.setattr(os, "fsync", flush)

    def second(plan: Any, chunk: int) -> Any:
        monkeypatch.setattr(os, "fsync", full if chunk else flush)
        return fake_chunk(plan, chunk)

    monkeypatch.setattr(task, "compute_chunk", second)
    status, told, errors = run(capsys, "sweep", file, "--out", out)
    assert (status, told) == (1, "")
    assert errors.startswith(
        f"resource-ode: {out}: No space left on device; what is in it stays valid, and --resume goes on with it"
    )
    monkeypatch.setattr(os, "fsync", flush)
    monkeypatch.setattr(task, "compute_chunk", fake_chunk)
    status, told, _ = run(capsys, "sweep", file, "--out", out, "--resume")
    assert status == 0 and told.splitlines()[1].startswith("Computed 16 of them")


# the small file system makes distributed and zarr see a real lack of space
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may mount")
def test_a_disk_that_is_really_full(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import subprocess

    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160k", "tmpfs", disk], capture_output=True)
    if mounted.returncode:
        pytest.skip("may not mount here")
    try:
        (disk / "ballast").write_bytes(bytes(72 * 1024))
        status, told, errors = run(capsys, "sweep", file, "--out", disk / "results.zarr")
        assert (status, told) == (1, "") and "No space left on device" in errors and len(errors.splitlines()) == 1
        (disk / "ballast").unlink()
        status, _, errors = run(capsys, "sweep", file, "--out", disk / "results.zarr", "--resume")
        assert (status, errors) == (0, "")
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        status, told, errors = run(capsys, "sweep", file, "--out", disk / "results.zarr", "--resume")
        assert (status, told) == (2, "") and "that can be written to, got" in errors
    finally:
        subprocess.run(["umount", disk], check=True)


def test_schedulers_that_are_not_there(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resource_ode.cli.sweep.CONNECT", 0.2)
    out = tmp_path / "results.zarr"
    mute = socket.create_server(("127.0.0.1", 0))
    for address in ("tcp://127.0.0.1:1", "nonsense://x", f"tcp://127.0.0.1:{mute.getsockname()[1]}"):
        status, told, errors = run(capsys, "sweep", file, "--out", out, "--scheduler", address)
        assert (status, told) == (2, "")
        assert (
            f"--scheduler: expected the address of a Dask scheduler that is running, as tcp://host:8786, got {address}"
            in errors
        )
        assert get_scheduler() is None, "a client that never connected would serve all later work of the process"
    mute.close()
    monkeypatch.setitem(sys.modules, "distributed", None)
    status, told, errors = run(capsys, "sweep", file, "--out", out, "--scheduler", "tcp://127.0.0.1:1")
    assert (status, told) == (1, "") and "--scheduler needs Dask, which is not installed; pip install" in errors
    assert not out.exists()


def test_help_documents_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    status, told, _ = run(capsys, "sweep", "--help")
    assert status == 0
    for word in (
        "[ensemble]",
        "[graph]",
        "[frequency]",
        "[resource]",
        "[[axis]]",
        "[observe]",
        "[time]",
        "--scheduler",
    ):
        assert word in told
    assert "Example: resource-ode sweep examples/sweep_small.toml" in told
