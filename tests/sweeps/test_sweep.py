"""Sweeps: the right numbers, and the same bits whatever computes them."""

from __future__ import annotations

import inspect
import json
import linecache
import sys
import warnings
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from stores import CHUNKS, DESCRIPTION, description, same

import resource_ode as ro
from resource_ode import sweeps
from resource_ode.solve import events, learning
from resource_ode.sweeps import chunk as sweep_chunk
from resource_ode.sweeps import measures, open_dataset, read_sweep, task
from resource_ode.sweeps import store as sweep_store


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of one sweep that nothing happened to."""
    path = tmp_path_factory.mktemp("whole") / "results.zarr"
    ro.sweep(DESCRIPTION, path, progress=False)
    return path


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
        2,
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
import jax

def last(run):
    return {"last_loss": run.loss[-1], "ended": run.ts[-1]}

def wide(run):
    return run.loss

def word(run):
    return {"word": "loss"}

def taken(run):
    return {"graph": run.loss[-1]}


def group(run):
    return {"records": run.loss[-1]}


def folder(run):
    return {"a/b": run.loss[-1]}


def metadata(run):
    return {"zarr.json": run.loss[-1]}


def nothing(run):
    return {}


def none(run):
    return None


def turned(run):
    return jax.lax.complex(run.loss[-1], run.loss[-1])


def some(run):
    return {"margin" if run.model.loss == "cross_entropy" else "depth": run.loss[-1]}


def start(run):
    return {} if run.model.initial_level is None else {"start": run.model.initial_level.sum()}
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
        "seriality": ro.observables.seriality(model),
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
        ("group", "reducer: expected names that are not in use, got 'records'"),
        ("folder", "reducer: expected names of letters, digits, spaces and _.+-, got 'a/b'"),
        ("metadata", "reducer: expected names of letters, digits, spaces and _.+-, got 'zarr.json'"),
        ("nothing", "reducer: expected a number or a dictionary of numbers, got {}"),
        ("none", "reducer: expected a number or a dictionary of numbers, got {'none': None}"),
        ("turned", "reducer: expected a real number, got a complex one as 'turned'"),
    ):
        given["observe"]["reducer"] = f"sweep_measures:{reducer}"
        with pytest.raises(ValueError, match=message):
            ro.sweep(given, tmp_path / "wrong.zarr", progress=False)
    assert not (tmp_path / "wrong.zarr").exists()


@pytest.mark.parametrize("kept", ["functools.partial(level, row=ROW)", "Level(ROW)", "lambda run: run.level[ROW, 0]"])
def test_a_changed_reducer_is_a_changed_description(kept: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also of what has no source of its own."""
    monkeypatch.syspath_prepend(tmp_path)
    # Python takes a module's bytecode for current by its size and its second, which two sources here share.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    text = """
        import functools
        def level(run, row):
            return run.level[row, 0]
        class Level:
            def __init__(self, row):
                self.row = row
            def __call__(self, run):
                return run.level[self.row, 0]
        last =
    """
    given = {
        "graph": {"generator": "chain", "skills": 2},
        "frequency": {"law": "zipf", "exponent": 1.0},
        "resource": {"learning_rate": 0.1, "gate_exponent": 0.1, "wasted_resource": 0.01},
        "observe": {"reducer": "sweep_kept:last"},
        "time": {"values": [0, 1, 2]},
    }

    def stored(row: int) -> Any:
        source = inspect.cleandoc(text).rstrip() + " " + kept.replace("ROW", str(row))
        (tmp_path / "sweep_kept.py").write_text(source)
        sys.modules.pop("sweep_kept", None)
        linecache.clearcache()
        out = tmp_path / "results.zarr"
        return ro.sweep(given, out, resume=out.exists(), progress=False).load()

    assert stored(1).equals(stored(1))
    with pytest.raises(ValueError, match="source"):
        stored(2)


def test_a_reducer_reads_what_the_description_gives_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sweep_readers.py").write_text(MEASURE)
    monkeypatch.syspath_prepend(tmp_path)
    given = {
        "graph": {"generator": "chain", "skills": 3},
        "frequency": {"law": "zipf", "exponent": 1.0},
        "resource": {"learning_rate": 1e-3, "gate_exponent": 0.1, "wasted_resource": 0.01},
        "axis": [{"name": "initial_level", "values": [0.1, 0.2]}],
        "observe": {"reducer": "sweep_readers:start"},
        "time": {"values": [0, 10]},
    }
    found = ro.sweep(given, tmp_path / "results.zarr", progress=False)
    np.testing.assert_allclose(found["start"], [[0.3], [0.6]])
    given |= {"axis": [{"name": "loss", "values": ["mse", "cross_entropy"]}]}
    given |= {"observe": {"reducer": "sweep_readers:some"}}
    with pytest.raises(ValueError, match=r"reducer: expected the names \['depth'\] in every cell, got \['margin'\]"):
        ro.sweep(given, tmp_path / "other.zarr", progress=False)


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
    np.testing.assert_array_equal(found["failed"], [[[0], [0]], [[measures.NO_FREQUENCY]] * 2])
    assert np.isfinite(found["horizon"][0]).all() and np.isnan(found["horizon"][1]).all()
    assert found["failed"].attrs["flag_meanings"][1 + measures.NO_FREQUENCY].startswith("A frequency is zero")
    assert sweeps.failures(found).startswith("2 of 4 members failed. 2: A frequency is zero or not a finite number")


def test_a_learning_time_that_is_not_found(tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    solve = measures.of_learning_times

    def unsure(*given: Any) -> Any:
        found, doubtful = solve(*given)
        doubtful = doubtful.copy()
        doubtful[1, 0] = True
        return found, doubtful

    def some(model: Any, level: float) -> Any:
        assert model.batch_shape[0] == 1
        return ro.learning_times(model, level).at[0, 0, 2].set(np.nan)

    monkeypatch.setattr(measures, "of_learning_times", unsure)
    monkeypatch.setattr(measures, "learning_times", some)
    found = ro.sweep(DESCRIPTION, tmp_path / "results.zarr", progress=False)
    assert (found["failed"] == measures.NO_TIME).sum() == CHUNKS
    lost = (found["failed"] != 0).values
    assert lost[0, :, 1].all() and all(np.isnan(found[name].values[lost]).all() for name in ("horizon", "dependencies"))
    # its neighbours are not touched
    np.testing.assert_array_equal(found["horizon"].values[~lost], open_dataset(whole)["horizon"].values[~lost])
    assert sweeps.failures(found) == f"3 of 24 members failed. 3: {measures.FAILURES[measures.NO_TIME]}"


def test_threads_leave_the_filters_of_warnings_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They belong to the whole process: threads that change and restore them in turn leave them changed."""
    seen = []

    def lost(models: Any, level: Any, tolerance: Any, accuracy: Any, **options: Any) -> Any:
        seen.append(list(warnings.filters))
        shape = models.frequency.shape
        return jnp.full(shape, jnp.nan), jnp.ones(shape, bool), jnp.zeros(shape, bool)

    before = list(warnings.filters)
    monkeypatch.setattr(learning, "cascade_obstacle", lambda model: "for this test")
    monkeypatch.setattr(measures, "of_learning_times", lambda *given: None)
    monkeypatch.setattr(events, "_event_times", lost)
    found = ro.sweep(DESCRIPTION, tmp_path / "results.zarr", devices=jax.devices()[:2], progress=False)
    assert (found["failed"] == measures.NO_TIME).all()
    assert len(seen) == CHUNKS and all(filters == before for filters in seen) and list(warnings.filters) == before
    # elsewhere it is worth a warning
    with pytest.warns(UserWarning, match="learning_times: 3 of 3 times are NaN"):
        ro.learning_times(ro.ResourceModel(ro.graphs.chain(3), [1.0, 1.0, 1.0], 1e-3, 1e-2, 1e-2))


# -- the same bits


def test_order_and_devices_change_no_bit(whole: Path, tmp_path: Path) -> None:
    assert len(jax.devices()) == 4
    ro.sweep(DESCRIPTION, tmp_path / "devices.zarr", devices=jax.devices()[:2], progress=False)
    same(whole, tmp_path / "devices.zarr")
    plan = read_sweep(DESCRIPTION)
    store = sweep_store.create_store(tmp_path / "backwards.zarr", plan)
    assert store is not None
    for chunk in reversed(range(plan.chunks)):
        store.write(chunk, sweep_chunk.compute_chunk(plan, chunk))
    same(whole, tmp_path / "backwards.zarr")


def test_a_failing_device_stops_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(plan: Any, chunk: int) -> Any:
        raise RuntimeError(f"chunk {chunk}")

    monkeypatch.setattr(task, "compute_chunk", fail)
    with pytest.raises(RuntimeError, match=r"chunk [01]"):
        ro.sweep(DESCRIPTION, tmp_path / "results.zarr", devices=jax.devices()[:2], progress=False)
    for devices in ([], ["cpu"]):
        with pytest.raises(ValueError, match="devices: expected JAX devices"):
            ro.sweep(DESCRIPTION, tmp_path / f"{len(devices)}.zarr", devices=devices, progress=False)
