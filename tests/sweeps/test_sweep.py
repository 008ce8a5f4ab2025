"""Sweeps: the right numbers, the same bits whatever computes them, and stores that survive what happens to them."""

from __future__ import annotations

import copy
import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

import resource_ode as ro
from resource_ode import sweep_chunk, sweep_store, sweeps
from resource_ode.sweep_description import read_sweep
from resource_ode.sweep_store import StoreError, open_dataset

DESCRIPTION: dict[str, Any] = {
    "ensemble": {"graphs": 4, "seed": 5, "chunk": 4},
    "graph": {"generator": "random_dag", "skills": 3},
    "frequency": {"law": "lognormal", "sigma": 1.0},
    "resource": {"learning_rate": 1e-3, "gate_exponent": 1e-2},
    "axis": [{"name": "wasted_resource", "log": [1e-3, 1.0, 2]}, {"name": "density", "values": [0.0, 0.5, 1.0]}],
    "observe": {"names": ["horizon", "efficiency", "dependencies"], "level": 0.9},
}
CHUNKS = 3


def description(**sections: Any) -> dict[str, Any]:
    found = copy.deepcopy(DESCRIPTION)
    for section, value in sections.items():
        found[section] = {**found.get(section, {}), **value} if isinstance(value, dict) else value
    return found


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of one sweep that nothing happened to."""
    path = tmp_path_factory.mktemp("whole") / "results.zarr"
    ro.sweep(DESCRIPTION, path, progress=False)
    return path


@pytest.fixture
def copied(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "results.zarr"))


def resumed(path: Path, given: Any = None) -> int:
    """Go on with a store; the number of members that had to be computed."""
    return sweeps.fill(sweeps.begin(read_sweep(given or DESCRIPTION), path, resume=True), progress=False)


def same(one: Path, other: Path) -> None:
    """Two stores hold the same bits."""
    first, second = (open_dataset(path) for path in (one, other))
    assert set(first.variables) == set(second.variables)
    for name in first.variables:
        a, b = np.asarray(first[name]), np.asarray(second[name])
        assert a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes(), name
    records = [np.asarray(sweep_store.open_store(path).records[:]) for path in (one, other)]
    np.testing.assert_array_equal(*records)
    assert records[0].any(axis=1).all()


def drawn(seed: int, graph: int, skills: int, density: float, sigma: float) -> tuple[Any, Any]:
    """A member as the documentation says that it is drawn."""
    key = jax.random.fold_in(jax.random.key(seed), graph)
    frequency = ro.frequencies.lognormal(jax.random.fold_in(key, 1), skills, sigma)
    return ro.graphs.random_dag(jax.random.fold_in(key, 0), skills, density), frequency


# -- the numbers


def test_numbers_are_those_of_the_members_themselves(whole: Path) -> None:
    found = open_dataset(whole)
    assert dict(found.sizes) == {"wasted_resource": 2, "density": 3, "graph": 4}
    assert found["horizon"].dims == ("wasted_resource", "density", "graph")
    assert found["horizon"].attrs["units"] == "training steps"
    assert (found["failed"] == 0).all()
    for density in (0.0, 0.5, 1.0):
        for number in range(4):
            graph, frequency = drawn(5, number, 3, density, 1.0)
            model = ro.ResourceModel(
                graph, frequency, learning_rate=1e-3, wasted_resource=[1e-3, 1.0], gate_exponent=1e-2
            )
            mine = found.sel(density=density, graph=number)
            np.testing.assert_allclose(mine["horizon"], ro.horizon(model, 0.9), rtol=1e-7)
            np.testing.assert_allclose(mine["efficiency"], ro.observables.efficiency(model, 0.9), rtol=1e-7)
            np.testing.assert_array_equal(mine["dependencies"], np.full(2, graph.edges))


def test_attributes_say_what_it_is(whole: Path) -> None:
    found = open_dataset(whole).attrs
    assert json.loads(found["description"]) == read_sweep(DESCRIPTION).content
    assert (found["format"], found["format_version"], found["seed"], found["level"]) == (
        "resource_ode sweep",
        1,
        5,
        0.9,
    )
    assert (found["resource_ode_version"], found["jax_version"]) == (ro.__version__, jax.__version__)
    names = set(open_dataset(whole).data_vars)
    assert names == {"horizon", "efficiency", "dependencies", "failed"}


def test_all_clocks_at_once_are_each_alone(tmp_path: Path) -> None:
    axes = [
        {"name": "gate_exponent", "values": [1e-2, 1.0]},
        {"name": "density", "values": [0.5]},
        {"name": "learning_rate", "values": [1e-3, 1e-2]},
        {"name": "wasted_resource", "values": [1e-2, 1.0]},
    ]
    names = ["learning_times", "domino_overlap", "depth_correlation", "participation_ratio", "longest_chain"]
    given = description(axis=axes, observe={"names": names, "level": 0.5})
    del given["resource"]
    given["resource"] = {}
    found = ro.sweep(given, tmp_path / "results.zarr", progress=False)
    assert found["learning_times"].dims == (
        "gate_exponent", "density", "learning_rate", "wasted_resource", "graph", "skill"
    )  # fmt: skip
    graph, frequency = drawn(5, 2, 3, 0.5, 1.0)
    for exponent in (1e-2, 1.0):
        for rate in (1e-3, 1e-2):
            model = ro.ResourceModel(graph, frequency, rate, [1e-2, 1.0], exponent)
            mine = found.sel(gate_exponent=exponent, learning_rate=rate, density=0.5, graph=2)
            times = {level: ro.learning_times(model, level) for level in (0.1, 0.5, 0.9)}
            np.testing.assert_allclose(mine["learning_times"], times[0.5], rtol=1e-6)
            overlap = ro.observables.domino_overlap(times[0.1], times[0.9], mean=True)
            np.testing.assert_allclose(mine["domino_overlap"], overlap, rtol=1e-5, atol=1e-6)
            correlation = ro.observables.depth_correlation(times[0.5], graph.depth)
            np.testing.assert_allclose(mine["depth_correlation"], correlation)
            ratio = ro.observables.participation_ratio(frequency)
            np.testing.assert_allclose(mine["participation_ratio"], np.full(2, ratio), rtol=1e-12)
            np.testing.assert_array_equal(mine["longest_chain"], np.full(2, graph.depth.max()))


def test_sizes_and_words_as_axes(tmp_path: Path) -> None:
    given = {
        "graph": {"generator": "chain"},
        "frequency": {"law": "zipf", "total": 1.0},
        "resource": {"learning_rate": 1e-3, "gate_exponent": 0.1, "wasted_resource": 0.01, "initial_level": 0.1},
        "axis": [
            {"name": "loss", "values": ["cross_entropy"]},
            {"name": "skills", "values": [2, 3]},
            {"name": "exponent", "values": [0.5, 1.0]},
        ],
        "observe": {"names": ["learning_times"], "level": 0.5},
    }
    found = ro.sweep(given, tmp_path / "results.zarr", progress=False)
    assert found["loss"].values.tolist() == ["cross_entropy"]
    assert found["learning_times"].dims == ("loss", "skills", "exponent", "graph", "skill")
    assert np.isnan(found["learning_times"].sel(skills=2).values[..., 2]).all()
    assert np.isfinite(found["learning_times"].sel(skills=2).values[..., :2]).all()
    model = ro.ResourceModel(
        ro.graphs.chain(3),
        ro.frequencies.zipf(3, np.asarray([0.5, 1.0])),
        learning_rate=1e-3,
        wasted_resource=0.01,
        gate_exponent=0.1,
        loss="cross_entropy",
        initial_level=[0.1] * 3,
    )
    times = found["learning_times"].sel(skills=3).values[0, :, 0]
    np.testing.assert_allclose(times, ro.learning_times(model, 0.5), rtol=1e-6)


MEASURE = """
def last(run):
    return {"last_loss": run.loss[-1], "ended": run.ts[-1]}

def wide(run):
    return run.loss

def word(run):
    return {"word": "loss"}

def taken(run):
    return {"graph": run.loss[-1]}
"""


def test_measures_of_runs_and_a_reducer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sweep_measures.py").write_text(MEASURE)
    monkeypatch.syspath_prepend(tmp_path)
    names = ["seriality", "total_waste", "concurrency", "waste", "loss", "loss_exponent"]
    given = description(
        axis=[DESCRIPTION["axis"][0], {"name": "density", "values": [0.5]}],
        observe={"names": names, "reducer": "sweep_measures:last"},
        time={"linear": [0, 4000, 5]},
    )
    found = ro.sweep(given, tmp_path / "results.zarr", progress=False)
    assert found["loss"].dims == ("wasted_resource", "density", "graph", "time")
    np.testing.assert_array_equal(found["time"], [0, 1000, 2000, 3000, 4000])
    graph, frequency = drawn(5, 1, 3, 0.5, 1.0)
    model = ro.ResourceModel(graph, frequency, 1e-3, [1e-3, 1.0], 1e-2)
    run = ro.simulate(model, found["time"].values)
    mine = found.sel(density=0.5, graph=1)
    expected = {
        "seriality": ro.observables.seriality(run),
        "total_waste": ro.observables.total_waste(run)[:, -1],
        "concurrency": ro.observables.concurrency(run),
        "waste": run.waste,
        "loss": run.loss,
        "loss_exponent": ro.observables.loss_exponent(run),
        "last_loss": run.loss[:, -1],
        "ended": np.full(2, 4000.0),
    }
    for name, values in expected.items():
        np.testing.assert_allclose(mine[name], values, rtol=1e-5, atol=1e-6, err_msg=name)
    for reducer, message in (
        ("wide", r"reducer: expected a number or a dictionary of numbers, got shape \(5,\)"),
        ("word", "reducer: expected a number or a dictionary of numbers, got {'word': 'loss'}"),
        ("taken", "reducer: expected names that are not in use, got 'graph'"),
    ):
        given["observe"]["reducer"] = f"sweep_measures:{reducer}"
        with pytest.raises(ValueError, match=message):
            ro.sweep(given, tmp_path / "wrong.zarr", progress=False)
    assert not (tmp_path / "wrong.zarr").exists()


def test_single_precision(tmp_path: Path, whole: Path) -> None:
    found = ro.sweep(description(ensemble={"precision": "float32"}), tmp_path / "results.zarr", progress=False)
    assert found["horizon"].dtype == np.float32
    np.testing.assert_allclose(found["dependencies"].sum(), open_dataset(whole)["dependencies"].sum(), rtol=0.5)
    assert np.isfinite(found["horizon"]).all()


def test_failed_members_are_recorded_and_stop_nothing(tmp_path: Path) -> None:
    given = {
        "graph": {"generator": "independent", "skills": 3},
        "frequency": {"law": "exponential"},
        "resource": {"learning_rate": 1e-3, "gate_exponent": 1.0},
        "axis": [{"name": "rate", "values": [1.0, 1000.0]}, DESCRIPTION["axis"][0]],
    }
    found = ro.sweep(given, tmp_path / "results.zarr", progress=False)
    np.testing.assert_array_equal(found["failed"], [[[0], [0]], [[sweep_chunk.NO_FREQUENCY]] * 2])
    assert np.isfinite(found["horizon"][0]).all() and np.isnan(found["horizon"][1]).all()
    assert found["failed"].attrs["flag_meanings"][1 + sweep_chunk.NO_FREQUENCY].startswith("A frequency is zero")
    assert sweeps.failures(found).startswith("2 of 4 members failed. 2: A frequency is zero or not a finite number")


def test_a_learning_time_that_is_not_found(tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def some(model: Any, level: float) -> Any:
        return ro.learning_times(model, level).at[1, 0, 2].set(np.nan)

    monkeypatch.setattr(sweep_chunk, "learning_times", some)
    found = ro.sweep(DESCRIPTION, tmp_path / "results.zarr", progress=False)
    assert (found["failed"] == sweep_chunk.NO_TIME).sum() == CHUNKS
    lost = (found["failed"] != 0).values
    assert lost[0, :, 1].all() and all(np.isnan(found[name].values[lost]).all() for name in ("horizon", "dependencies"))
    # its neighbours are not touched
    np.testing.assert_array_equal(found["horizon"].values[~lost], open_dataset(whole)["horizon"].values[~lost])
    assert sweeps.failures(found) == f"3 of 24 members failed. 3: {sweep_chunk.FAILURES[sweep_chunk.NO_TIME]}"


# -- the same bits


def test_order_and_devices_change_no_bit(whole: Path, tmp_path: Path) -> None:
    assert len(jax.devices()) == 4
    ro.sweep(DESCRIPTION, tmp_path / "devices.zarr", devices=jax.devices()[:2], progress=False)
    same(whole, tmp_path / "devices.zarr")
    plan = read_sweep(DESCRIPTION)
    store = sweep_store.create_store(tmp_path / "backwards.zarr", plan)
    for chunk in reversed(range(plan.chunks)):
        store.write(chunk, sweep_chunk.compute_chunk(plan, chunk))
    same(whole, tmp_path / "backwards.zarr")


def test_a_failing_device_stops_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(plan: Any, chunk: int) -> Any:
        raise RuntimeError(f"chunk {chunk}")

    monkeypatch.setattr(sweeps, "compute_chunk", fail)
    with pytest.raises(RuntimeError, match=r"chunk [01]"):
        ro.sweep(DESCRIPTION, tmp_path / "results.zarr", devices=jax.devices()[:2], progress=False)
    for devices in ([], ["cpu"]):
        with pytest.raises(ValueError, match="devices: expected JAX devices"):
            ro.sweep(DESCRIPTION, tmp_path / f"{len(devices)}.zarr", devices=devices, progress=False)


# -- what happens to stores


def test_resuming_computes_what_is_missing_or_damaged(copied: Path, whole: Path) -> None:
    assert resumed(copied) == 0
    # gone, cut short, other bytes, and a record lost
    (copied / "horizon/c/0/0/0").unlink()
    assert resumed(copied) == 8
    damaged = copied / "efficiency/c/0/1/0"
    damaged.write_bytes(damaged.read_bytes()[:-7])
    (copied / "failed/c/0/2/0").write_bytes(b"something else")
    assert resumed(copied) == 16
    (copied / "records/sha256/c/1/0").unlink()
    assert resumed(copied) == 8
    same(whole, copied)


def test_a_value_that_changed_is_noticed(copied: Path, whole: Path) -> None:
    store = sweep_store.open_store(copied)
    store.arrays["horizon"][1, 2, 3] = 1.0
    assert [store.is_done(chunk) for chunk in range(CHUNKS)] == [True, True, False]
    assert resumed(copied) == 8
    same(whole, copied)


def test_resuming_begins_what_is_not_there(whole: Path, tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    path = tmp_path / "results.zarr"
    ro.sweep(DESCRIPTION, path, resume=True, progress=lambda done, left: calls.append((done, left)))
    assert calls == [(8, 24), (16, 24), (24, 24)]
    same(whole, path)
    (path / "records/sha256/c/0/0").unlink()
    calls.clear()
    ro.sweep(DESCRIPTION, path, resume=True, progress=lambda done, left: calls.append((done, left)))
    assert calls == [(8, 24), (8, 16), (8, 8)]


def test_a_bar(copied: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    (copied / "records/sha256/c/0/0").unlink()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    ro.sweep(DESCRIPTION, copied, resume=True)
    told = capsys.readouterr().err
    assert "sweep: 100%" in told and "8.00/8.00" in told and "member/s" in told


def test_another_description_is_refused(copied: Path) -> None:
    before = {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()}
    with pytest.raises(StoreError, match=r"but \[resource\] learning_rate was 0.001 and is 0.002; give another path"):
        ro.sweep(description(resource={"learning_rate": 2e-3}), copied, resume=True)
    many = description(axis=[{"name": "wasted_resource", "log": [1e-3, 1.0, 9]}, DESCRIPTION["axis"][1]])
    many["ensemble"] = {"graphs": 5, "seed": 6, "chunk": 4}
    with pytest.raises(StoreError) as caught:
        ro.sweep(many, copied, resume=True)
    told = str(caught.value)
    assert "[ensemble] graphs was 4 and is 5; [ensemble] seed was 5 and is 6; " in told
    assert "axis wasted_resource was [0.001,1.0] and is 9 values, [0.001," in told and len(told.splitlines()) == 1
    assert before == {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()}


def test_what_is_no_store_is_refused(copied: Path, tmp_path: Path) -> None:
    import zarr

    with pytest.raises(ValueError, match=f"out: expected a path where nothing is yet, or resume, got {copied}"):
        ro.sweep(DESCRIPTION, copied)
    metadata = json.loads((copied / "zarr.json").read_text())
    metadata["attributes"]["format_version"] = 2
    (copied / "zarr.json").write_text(json.dumps(metadata))
    for call in (lambda: ro.sweep(DESCRIPTION, copied, resume=True), lambda: open_dataset(copied)):
        with pytest.raises(StoreError, match="expected a store of format version 1, got version 2"):
            call()
    metadata["attributes"] |= {"format_version": 1, "description": "{"}
    (copied / "zarr.json").write_text(json.dumps(metadata))
    with pytest.raises(StoreError, match="got one whose description is damaged"):
        ro.sweep(DESCRIPTION, copied, resume=True)
    metadata["attributes"]["description"] = json.dumps(read_sweep(DESCRIPTION).content)
    (copied / "zarr.json").write_text(json.dumps(metadata))
    shutil.rmtree(copied / "horizon")
    with pytest.raises(StoreError, match="expected the store of a sweep, got one that lacks 'horizon'"):
        ro.sweep(DESCRIPTION, copied, resume=True)
    zarr.create_group(str(tmp_path / "other.zarr"), zarr_format=3)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    for name, message in (
        ("other.zarr", "expected the store of a sweep, got a Zarr store of something else"),
        ("folder", "expected the store of a sweep, got something that Zarr cannot open"),
        ("file", "out: expected the store of a sweep, got .*, which is a file"),
        ("none/below", r"out: expected a folder that exists, got .* \(for below\); make it first"),
    ):
        with pytest.raises(ValueError, match=message):
            ro.sweep(DESCRIPTION, tmp_path / name, resume=True)
    assert list((tmp_path / "folder").iterdir()) == []
    with pytest.raises(StoreError, match="got something that Zarr cannot open"):
        open_dataset(tmp_path / "folder")
    with pytest.raises(ValueError, match="out: expected a path, got 3"):
        ro.sweep(DESCRIPTION, 3)
    with pytest.raises(ValueError, match="progress: expected True, False or a function, got 'yes'"):
        ro.sweep(DESCRIPTION, tmp_path / "new.zarr", progress="yes")


def test_other_versions_are_told(copied: Path) -> None:
    metadata = json.loads((copied / "zarr.json").read_text())
    metadata["attributes"]["jax_version"] = "0.1"
    (copied / "zarr.json").write_text(json.dumps(metadata))
    with pytest.warns(UserWarning, match=f"was begun with jax_version 0.1, now {jax.__version__}: the last digits"):
        ro.sweep(DESCRIPTION, copied, resume=True, progress=False)


def test_folders_that_cannot_be_written_to(copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(ValueError, match=f"out: expected a store that can be written to, got {copied}, which is read-"):
        ro.sweep(DESCRIPTION, copied, resume=True)
    with pytest.raises(ValueError, match=r"out: expected a folder that can be written to, got .* \(for new.zarr\)"):
        ro.sweep(DESCRIPTION, tmp_path / "new.zarr")
    assert [path.name for path in tmp_path.iterdir()] == ["results.zarr"]


@pytest.mark.parametrize("writes", range(4))
def test_full_disk(writes: int, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk fills up at each write of a chunk in turn: a variable's file or the record."""
    import zarr.storage._local as local

    path = tmp_path / "results.zarr"
    store = sweeps.begin(read_sweep(DESCRIPTION), path)
    put, left = local._put, 4 + writes  # one chunk writes three variables, `failed`, and its record

    def limited(*arguments: Any, **options: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return put(*arguments, **options)

    monkeypatch.setattr(local, "_put", limited)
    with pytest.raises(OSError, match="No space left on device"):
        sweeps.fill(store, progress=False)
    monkeypatch.setattr(local, "_put", put)
    done = [sweep_store.open_store(path).is_done(chunk) for chunk in range(CHUNKS)]
    assert done == [writes > 0, False, False]
    assert resumed(path) == 24 - 8 * (writes > 0)
    same(whole, path)


def test_full_disk_at_the_start_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: Any, **options: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("zarr.storage._local._put", full)
    with pytest.raises(OSError, match="No space left on device"):
        ro.sweep(DESCRIPTION, tmp_path / "results.zarr")
    assert list(tmp_path.iterdir()) == []


def test_without_zarr(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(RuntimeError, match=r"a sweep needs zarr, which is not installed; pip install"):
        ro.sweep(DESCRIPTION, tmp_path / "results.zarr")


KILLED = """
import json, os, signal, sys
import numpy as np
from resource_ode import sweep_store, sweeps
from resource_ode.sweep_description import read_sweep

path, given, chunk, writes = sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
write = sweep_store.SweepStore.write

def fatal(store, number, values):
    if number == chunk:
        region = store.sweep.region(number)
        for name in list(store.arrays)[:writes]:
            store.arrays[name][region] = values[name]
        os.kill(os.getpid(), signal.SIGKILL)
    write(store, number, values)

sweep_store.SweepStore.write = fatal
sweeps.fill(sweeps.begin(read_sweep(given), path, resume=True), progress=False)
"""


@pytest.mark.slow
def test_kill_loses_the_chunk_in_hand_only(whole: Path, tmp_path: Path) -> None:
    path = tmp_path / "results.zarr"
    # the second process goes on with what the first one left
    for chunk, writes in ((1, 2), (2, 4)):
        arguments = [sys.executable, "-c", KILLED, str(path), json.dumps(DESCRIPTION), str(chunk), str(writes)]
        done = subprocess.run(arguments, timeout=300, stderr=subprocess.PIPE, text=True)
        assert done.returncode == -signal.SIGKILL, done.stderr
        store = sweep_store.open_store(path)
        assert [store.is_done(number) for number in range(CHUNKS)] == [number < chunk for number in range(CHUNKS)]
    assert resumed(path) == 8
    same(whole, path)


# -- a cluster


@pytest.mark.slow
# what distributed does with its sockets and loops when a worker is killed is not ours to judge
@pytest.mark.filterwarnings("ignore")
def test_cluster_that_loses_a_worker(tmp_path: Path) -> None:
    from distributed import Client, LocalCluster

    given = description(ensemble={"graphs": 8, "chunk": 1}, observe={"names": ["horizon"]})
    one, many = tmp_path / "one.zarr", tmp_path / "many.zarr"
    ro.sweep(given, one, progress=False)
    options: dict[str, Any] = {"dashboard_address": None, "local_directory": str(tmp_path)}
    with (
        LocalCluster(processes=True, n_workers=2, threads_per_worker=1, **options) as cluster,
        Client(cluster) as client,
    ):
        victim, *_ = client.run(os.getpid).values()
        assert victim != os.getpid()
        calls: list[tuple[int, int]] = []
        killed = threading.Event()

        def after_some(done: int, left: int) -> None:
            calls.append((done, left))
            if done >= 6 and not killed.is_set():
                os.kill(victim, signal.SIGKILL)
                killed.set()

        found = ro.sweep(given, many, client=client, progress=after_some)
        deadline = time.monotonic() + 30
        while victim in client.run(os.getpid).values() and time.monotonic() < deadline:
            time.sleep(0.2)
        assert killed.is_set() and victim not in client.run(os.getpid).values()
        assert (found["failed"] == 0).all() and calls[-1][0] >= calls[-1][1] - 2 * 2
        same(one, many)
        # nothing to do
        assert sweeps.fill(sweeps.begin(read_sweep(given), many, resume=True), client=client, progress=False) == 0


def test_workers_cannot_import_what_is_typed_at_a_prompt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def measure(run: Any) -> Any:
        return run.loss[-1]

    measure.__module__, measure.__qualname__ = "__main__", "measure"
    monkeypatch.setattr(sys.modules["__main__"], "measure", measure, raising=False)
    given = description(observe={"reducer": measure}, time={"values": [0, 1]})
    with pytest.raises(ValueError, match="expected a function of a module that workers can import, got __main__:meas"):
        ro.sweep(given, tmp_path / "results.zarr", client=object(), progress=False)


def test_worker_that_sees_other_files(whole: Path, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"a worker cannot open the store: .* \(it has to see the same files\)"):
        sweeps.do_on_worker(str(tmp_path / "none.zarr"), "", 0.0, 0)
    with pytest.raises(RuntimeError, match="a worker sees the store of another sweep"):
        sweeps.do_on_worker(str(whole), "", 0.0, 0)
    digest = read_sweep(DESCRIPTION).digest
    assert sweeps.do_on_worker(str(whole), digest, 0.0, 0) == (8, False)
