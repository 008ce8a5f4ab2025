"""Files that are not, or no longer, the run that was saved: one sentence, within seconds and in little memory."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import jax.numpy as jnp
import numpy as np
import pytest
import xarray

import resource_ode as ro
from resource_ode.results import dataset, probe
from resource_ode.results.load import load
from resource_ode.results.outcome import results_from_codes
from resource_ode.results.seal import LENGTH
from resource_ode.results.trajectory import Trajectory

TIMES = np.array([0.0, 500.0, 2000.0])
# what is measured of the process itself includes whatever ran before
SECONDS, BYTES = 5, 1e9


def invented(model: Any) -> Trajectory:
    """A run with made-up numbers."""
    batch = model.batch_shape
    state = jnp.asarray(np.random.default_rng(0).uniform(0, 3, (*batch, len(TIMES), model.skills)))
    clock = jnp.broadcast_to(jnp.asarray(TIMES), (*batch, len(TIMES)))
    codes = results_from_codes(np.zeros(batch, np.int32))
    return Trajectory(jnp.asarray(TIMES), state, clock, None, codes, model, "exposure", "cascade (invented)")


def chain(**changes: Any) -> Any:
    graph = ro.SkillGraph([[], [0], [1]], names=["one", "two", "three"])
    parameters = {"learning_rate": 1e-3, "wasted_resource": 1e-3, "gate_exponent": 1e-3, **changes}
    return ro.ResourceModel(graph, [0.3, 1.0, 3.0], **parameters)


@pytest.fixture(autouse=True)
def unprobed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the process of its own in which a file of unknown origin is read first, which takes a second."""
    monkeypatch.setattr(dataset, "DERIVED", {})
    if "probed" not in request.keywords:
        monkeypatch.setattr("resource_ode.results.load.problem_of", lambda path: "")


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "run.nc"
    invented(chain()).save(path)
    return path


def complaint(path: Path) -> str:
    """What is said about a file: one line that names it."""
    before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, sum(os.times()[:4])
    with pytest.raises(ValueError) as caught:
        load(path)
    # processor time, of this process and those it waited for
    assert sum(os.times()[:4]) - begun < SECONDS
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < BYTES
    message = str(caught.value)
    assert message.startswith(f"path: {path} ") and message.isprintable() and len(message) < len(str(path)) + 400
    return message.removeprefix(f"path: {path} ")


def drop(name: str) -> Callable[[h5py.File], None]:
    return lambda file: file.__delitem__(name)


def put(name: str, **options: Any) -> Callable[[h5py.File], None]:
    """Another array in place of one."""

    def change(file: h5py.File) -> None:
        kept = dict(file[name].attrs) if name in file else {}
        if name in file:
            del file[name]
        held = file.create_dataset(name, **options)
        held.attrs.update({key: value for key, value in kept.items() if key in ("crc32", "stored_shape")})

    return change


def attribute(name: str, value: Any, owner: str = "/") -> Callable[[h5py.File], None]:
    return lambda file: file[owner].attrs.__setitem__(name, value)


def first(*changes: Callable[[h5py.File], None]) -> Callable[[h5py.File], None]:
    """Changes of a file of the first format, whose arrays have no checksums."""

    def change(file: h5py.File) -> None:
        file.attrs["format_version"] = 1
        for each in changes:
            each(file)

    return change


def other_value(file: h5py.File) -> None:
    file["state"][1, 1] += 1e-12


def same_names(file: h5py.File) -> None:
    file["skill"][1] = "one"


def link(file: h5py.File, target: Any) -> None:
    del file["state"]
    file["state"] = target


def outside(file: h5py.File) -> None:
    del file["state"]
    file.create_dataset("state", (3, 3), "f8", external=[("/etc/passwd", 0, 72)])


HUGE = {"shape": (3, 10**9, 10**9), "dtype": "f8", "chunks": (3, 1, 1)}
ZEROS = {"shape": (100, 3_000_000), "dtype": "i1", "chunks": (1, 1_000_000), "compression": 1}
DAMAGED: dict[str, tuple[Callable[[h5py.File], None], str]] = {
    "no times": (drop("time"), "lacks 'time'"),
    "no clock": (drop("clock"), "lacks 'clock'"),
    "no frequencies": (drop("frequency"), "lacks 'frequency'"),
    "no codes": (drop("result"), "lacks 'result'"),
    "no names": (drop("skill"), "lacks 'skill'"),
    "no gates, older": (first(drop("gate")), "lacks 'gate'"),
    "no rate, older": (first(drop("learning_rate")), "lacks 'learning_rate'"),
    "no clock, older": (first(drop("clock")), "lacks 'clock'"),
    "no loss": (lambda file: file.attrs.__delitem__("loss"), "lacks the attribute 'loss'"),
    "no list of arrays": (lambda file: file.attrs.__delitem__("arrays"), "lacks the attribute 'arrays'"),
    "a loss that is none": (attribute("loss", "hinge"), 'loss = "hinge", expected "mse" or "cross_entropy"'),
    "a number as loss": (attribute("loss", 3), 'loss = 3, expected "mse"'),
    "a version of another kind": (attribute("format_version", "two"), "expected a whole number"),
    "a later version": (attribute("format_version", 99), "format version 99"),
    "a huge version": (attribute("format_version", 2.0**70), "expected a whole number"),
    "fan-in that is none": (attribute("fan_in", -1), "expected a whole number of at least 0"),
    "another fan-in": (first(attribute("fan_in", 2)), "expected (..., 3 skill, 2 prerequisite)"),
    "absurd dimensions": (put("state", **HUGE), "expected (..., 3 time, 3 skill)"),
    "absurd dimensions, older": (first(put("state", **HUGE)), "expected (..., 3 time, 3 skill)"),
    "a batch of terabytes": (
        first(put("state", shape=(10**12, 3, 3), dtype="f8", chunks=(1, 3, 3))),
        "more than a file of",
    ),
    "absurd times": (put("time", shape=(10**10,), dtype="f8", chunks=(1000,)), "more than a file of"),
    "zeros that were never written": (put("present", **ZEROS), "more than a file of"),
    "an array without values": (first(put("clock", shape=(3,), dtype="f8", chunks=(3,))), "was never written"),
    "texts for numbers": (put("state", data=np.full((3, 3), b"a", dtype="S1")), "expected numbers"),
    "numbers for names": (first(put("skill", data=np.arange(3.0))), "is damaged"),
    "fractions for depths": (first(put("depth", data=np.arange(3.0))), "expected whole numbers"),
    "other truth values": (first(put("present", data=np.array([1, 2, 1], "i1"))), "other numbers than 0 and 1"),
    "another number of skills": (first(put("present", data=np.ones(4, "i1"))), "expected (..., 3 time, 4 skill)"),
    "one frequency too many": (first(put("frequency", data=np.ones(4))), "expected (..., 3 skill)"),
    "another batch": (first(put("frequency", data=np.ones((2, 3)))), "expected one that broadcasts to ()"),
    "more codes": (first(put("result", data=np.zeros(2, "i4"))), "expected one that broadcasts to ()"),
    "an unknown code": (first(put("result", data=np.int32(99))), "codes in 'result'"),
    "prerequisites beyond": (
        first(put("prerequisites", data=np.array([[0], [0], [7]], "i4"))),
        "not positions of its 3",
    ),
    "negative ones": (first(put("prerequisites", data=np.array([[0], [0], [-1]], "i4"))), "not positions of its 3"),
    "a cycle": (first(put("prerequisites", data=np.array([[0], [2], [1]], "i4"))), "no simpler than the skills"),
    "one name twice": (first(same_names), "two skills the same name"),
    "one value changed": (other_value, "checksum differs"),
    "a checksum that is no text": (attribute("crc32", 3, "state"), "checksum differs"),
    "a shape that is none": (attribute("stored_shape", "[[[", "state"), "stored_shape of 'state' that is none"),
    "another shape": (attribute("stored_shape", "[3, 4]", "state"), "expected the (3, 4) that was saved"),
    "a negative shape": (attribute("stored_shape", "[-3, -3]", "state"), "stored_shape of 'state' that is none"),
    "names by member that are none": (first(attribute("names", "by member")), "lacks 'skill_name'"),
    "pools that are none": (first(put("skill_pool", data=np.array([0, 1, 5], "i4"))), "beyond the 1 that it has"),
    "a link to another file": (lambda file: link(file, h5py.ExternalLink("other.nc", "/state")), "has a link in place"),
    "a link within": (lambda file: link(file, h5py.SoftLink("/clock")), "has a link in place"),
    "a folder": (lambda file: (drop("state")(file), file.create_group("state")), "has no array 'state' of its own"),
    "values of another file": (outside, "has no array 'state' of its own"),
    "a dimension whose name is a number": (attribute("NAME", 1, "required"), "attribute NAME of 'required'"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_files_are_refused(name: str, saved: Path) -> None:
    change, expected = DAMAGED[name]
    with h5py.File(saved, "a") as file:
        change(file)
    assert expected in complaint(saved)


def test_files_of_the_first_format_are_read(saved: Path) -> None:
    before = load(saved)
    with h5py.File(saved, "a") as file:
        file.attrs["format_version"] = 1
        del file.attrs["arrays"]
        for array in file.values():
            array.attrs.pop("crc32", None)
    after = load(saved)
    np.testing.assert_array_equal(before.state, after.state)
    assert before.names == after.names == ("one", "two", "three")


def test_truncated_and_foreign_files(saved: Path) -> None:
    whole = saved.read_bytes()
    half = len(whole) // 2
    for content in (b"", b"\x89HDF\r\n\x1a\n", whole[:half], whole[: -LENGTH - 1], b"\0" * 1000, b"t,one\n0,1\n"):
        saved.write_bytes(content)
        assert "is not a readable netCDF file, or is damaged" in complaint(saved)
    saved.write_bytes(whole[:-1] + b"g")
    assert "is damaged: its checksum differs" in complaint(saved)
    saved.write_bytes(b"CDF\x01" + b"\0" * 100)
    assert "the older format netCDF 3" in complaint(saved)


def test_every_flipped_bit_is_noticed(saved: Path) -> None:
    whole = saved.read_bytes()
    for place in np.random.default_rng(0).integers(0, len(whole) - LENGTH, 50):
        content = bytearray(whole)
        content[place] ^= 1 << place % 8
        saved.write_bytes(content)
        assert complaint(saved) == "is damaged: its checksum differs"


@pytest.mark.probed
def test_files_of_unknown_origin_are_read_by_another_process_first(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = load(saved)
    saved.write_bytes(saved.read_bytes()[:-LENGTH])
    np.testing.assert_array_equal(load(saved).state, run.state)
    # what never ends, and what ends the program
    hang, crash = "import sys\nwhile True: pass", "import os\nos.abort()"
    for code, expected in ((hang, "takes more than"), (crash, "ends the program (signal 6)")):
        (saved.parent / "slow.py").write_text(
            "import resource, sys\nresource.setrlimit(resource.RLIMIT_CPU, (1, 2))\n" + code
        )
        monkeypatch.setattr(probe, "__name__", "slow")
        monkeypatch.syspath_prepend(str(saved.parent))
        assert expected in complaint(saved)


def test_flipped_bits_are_noticed(saved: Path) -> None:
    whole, run = saved.read_bytes(), load(saved)
    with h5py.File(saved) as file:
        state = file["state"]
        place = whole.index(np.asarray(state[()]).tobytes())
    for bit in (3, 200, 400):
        content = bytearray(whole)
        content[place + bit // 8] ^= 1 << bit % 8
        # also without the seal behind the end
        for end in (len(content), -LENGTH):
            saved.write_bytes(content[:end])
            assert "checksum differs" in complaint(saved)
    saved.write_bytes(whole)
    np.testing.assert_array_equal(load(saved).state, run.state)


@pytest.mark.parametrize(
    "cut",
    [
        {"skill": [0, 1]},
        {"skill": [1, 2]},
        {"skill": [2, 1, 0]},
        {"skill": [0]},
        {"time": [0, 1]},
    ],
)
def test_a_cut_run_is_refused(cut: dict[str, list[int]], tmp_path: Path) -> None:
    path = tmp_path / "cut.nc"
    invented(chain()).to_xarray().isel(cut).to_netcdf(path, engine="h5netcdf")
    assert "was cut or edited" in complaint(path)


def test_a_cut_batch_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset, "DERIVED", {})
    data = invented(chain(wasted_resource=[0.1, 0.2, 0.3])).to_xarray()
    for number, cut in enumerate(({"graph": [0, 2]}, {"graph": 1}, {"graph": [2, 1, 0]})):
        path = tmp_path / f"cut{number}.nc"
        data.isel(cut).to_netcdf(path, engine="h5netcdf")
        assert "was cut or edited" in complaint(path)


def test_axes_in_another_order_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset, "DERIVED", {})
    path = tmp_path / "run.nc"
    invented(chain()).to_xarray().transpose("skill", "time", ...).to_netcdf(path, engine="h5netcdf")
    assert "along (skill, time), expected (time, skill)" in complaint(path)


def test_a_rewritten_file_is_the_same_run(saved: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.nc"
    with xarray.open_dataset(saved, engine="h5netcdf") as data:
        data.attrs["note"] = "of mine"
        data.to_netcdf(other, engine="h5netcdf", encoding={"state": {"zlib": True}})
    np.testing.assert_array_equal(load(saved).state, load(other).state)


def test_every_engine_of_xarray_writes_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset, "DERIVED", {})
    path = tmp_path / "run.nc"
    models = [chain(), ro.ResourceModel(ro.SkillGraph([[], []]), [1.0, 2.0], learning_rate=1e-3, wasted_resource=0.1)]
    for run in (invented(models[0]), invented(ro.stack(models))):
        run.to_xarray().to_netcdf(path, engine="scipy")
        with xarray.open_dataset(path, engine="scipy") as data:
            np.testing.assert_array_equal(data["state"], run.state)
            assert data["result"].attrs["flag_meanings"].split()[0] == "successful"
        assert "the older format netCDF 3" in complaint(path)


def test_paths_that_are_none(tmp_path: Path) -> None:
    for path in (tmp_path / ("a" * 300 + ".nc"), "a\0b.nc", 3, b"run.nc"):
        with pytest.raises(ValueError, match="path: "):
            load(path)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "file.txt/run.nc")
    os.mkfifo(tmp_path / "pipe.nc")
    with pytest.raises(FileNotFoundError, match="there is no file"):
        load(tmp_path / "pipe.nc")
