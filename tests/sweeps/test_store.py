"""Stores of sweeps: nothing in them is read unchecked, what is lost is said and mended, and the disk is obeyed."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from stores import CHUNKS, DESCRIPTION, contents, description, quick_chunk, resumed, same

import resource_ode as ro
from resource_ode import sweeps
from resource_ode.sweeps import StoreError, durable, layout, open_dataset, read_sweep, task
from resource_ode.sweeps import store as sweep_store


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task, "compute_chunk", quick_chunk)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of one sweep that nothing happened to."""
    path = tmp_path_factory.mktemp("whole") / "results.zarr"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(task, "compute_chunk", quick_chunk)
        ro.sweep(DESCRIPTION, path, progress=False)
    return path


@pytest.fixture
def copied(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "results.zarr"))


def signed(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change the root of a store, and give it the checksum that it then has."""
    root = json.loads((path / "zarr.json").read_text())
    change(root["attributes"])
    root["attributes"]["checksum"] = "0" * 64
    blank = json.dumps(root, indent=2)
    (path / "zarr.json").write_text(blank.replace("0" * 64, layout.sha256(blank.encode())))


# -- resuming


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


def test_resuming_mends_what_follows_from_the_description(copied: Path, whole: Path) -> None:
    (copied / "graph/c/0").unlink()
    (copied / "density/c/0").write_bytes(b"")
    shutil.rmtree(copied / "wasted_resource")
    (copied / "horizon/zarr.json").write_text("{}")
    with pytest.raises(StoreError) as caught:
        open_dataset(copied)
    told = str(caught.value)
    assert told.startswith(f"{copied}: damaged: ") and "wasted_resource/zarr.json is missing" in told
    assert "horizon/zarr.json is damaged" in told and told.endswith("to go on with the sweep (--resume) mends it")
    assert resumed(copied) == 0
    same(whole, copied)


@pytest.mark.parametrize(
    "lost",
    [
        ["zarr.json"],
        ["records/zarr.json"],
        ["zarr.json", "records/zarr.json"],
        ["records/sha256/zarr.json", "zarr.json"],
    ],
)
def test_resuming_mends_the_root(lost: list[str], copied: Path, whole: Path) -> None:
    for name in lost:
        (copied / name).unlink()
    with pytest.raises(StoreError, match=r"zarr\.json"):
        open_dataset(copied)
    assert resumed(copied) == 0
    same(whole, copied)


def test_a_damaged_root_does_not_open_the_store_to_another_sweep(copied: Path) -> None:
    (copied / "zarr.json").write_text("{")
    other = description(ensemble={"seed": 6})
    before = contents(copied)
    with pytest.raises(StoreError, match=r"but \[ensemble\] seed was 5 and is 6"):
        resumed(copied, other)
    (copied / "records/zarr.json").unlink()
    with pytest.raises(StoreError, match="so that nothing says what it is of"):
        resumed(copied, other)
    before.pop("records/zarr.json")
    assert contents(copied) == before


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


# -- what is missing or damaged is said


@pytest.mark.parametrize("bits", [2, pytest.param(40, marks=pytest.mark.slow)])
def test_every_flipped_bit_is_noticed_or_harmless(bits: int, copied: Path, whole: Path) -> None:
    """A sample of bits over every file: the reader says so or reads the same, and resuming mends every one."""
    expected, clean = open_dataset(whole).load(), contents(whole)
    random = np.random.default_rng(0)
    harmless = 0
    for name, content in clean.items():
        for bit in random.choice(8 * len(content), size=min(bits, 8 * len(content)), replace=False):
            flipped = bytearray(content)
            flipped[bit // 8] ^= 1 << (bit % 8)
            (copied / name).write_bytes(flipped)
            try:
                assert open_dataset(copied).load().identical(expected), (name, bit)
                # a file of JSON that means the same is not damaged
                assert name.endswith("zarr.json") and json.loads(flipped) == json.loads(content)
                harmless += 1
                (copied / name).write_bytes(content)
            except StoreError as error:
                assert len(str(error).splitlines()) == 1 and str(copied) in str(error)
                resumed(copied)
                assert (copied / name).read_bytes() == content, (name, bit)
    assert harmless < len(clean) * bits / 20
    same(whole, copied)


def test_every_missing_file_is_noticed_and_written_again(copied: Path, whole: Path) -> None:
    for name in contents(whole):
        (copied / name).unlink()
        if name.startswith("records/sha256/c"):
            with pytest.warns(UserWarning, match="1 of 3 chunks are not computed yet"):
                found = open_dataset(copied)
            assert (found["failed"] == -1).sum() == 8 and np.isnan(found["horizon"]).sum() == 8
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                assert sweeps.failures(found).startswith("8 of 24 members are not computed yet (1 of 3 chunks")
        else:
            with pytest.raises(StoreError, match=name if name.endswith("zarr.json") else f"{name} .*is missing"):
                open_dataset(copied)
        resumed(copied)
        same(whole, copied)


@pytest.mark.parametrize(
    "name", ["zarr.json", "density/c/0", "horizon/zarr.json", "horizon/c/0/0/0", "records/sha256/c/1/0"]
)
@pytest.mark.parametrize(
    "instead", ["a folder", "a pipe", "a link to nothing", "a file for its folder", "a space more"]
)
def test_what_stands_in_the_place_of_a_file_is_noticed_and_replaced(
    name: str, instead: str, copied: Path, whole: Path
) -> None:
    file = copied / name
    if instead == "a file for its folder":
        if file.parent == copied:
            pytest.skip("the folder is the store")
        shutil.rmtree(file.parent)
        file.parent.write_bytes(b"")
    else:
        file.unlink()
        file.mkdir() if instead == "a folder" else os.mkfifo(file)
    # a record that is no file is that of a chunk that is not computed yet
    with warnings.catch_warnings(), pytest.raises(UserWarning if "records" in name else StoreError):
        warnings.simplefilter("error")
        open_dataset(copied)
    ro.sweep(DESCRIPTION, copied, resume=True, progress=False)
    assert contents(copied) == contents(whole)


@pytest.mark.parametrize("name", ["999", "01", "\u00b2", "\u0661", "-1"])
def test_records_of_no_chunk_are_left_aside(name: str, copied: Path, whole: Path) -> None:
    (copied / "records/sha256/c/1").rename(copied / "records/sha256/c" / name)
    with pytest.warns(UserWarning, match=r"1 of 3 chunks are not computed yet \(chunk 1\)"):
        open_dataset(copied)
    assert ro.sweep(DESCRIPTION, copied, resume=True, progress=False).equals(open_dataset(whole))
    assert sweeps.failures(open_dataset(copied)) == ""


def test_a_data_set_written_to_another_file_has_no_store(whole: Path, tmp_path: Path) -> None:
    open_dataset(whole).to_netcdf(tmp_path / "other.nc")
    with pytest.importorskip("xarray").open_dataset(tmp_path / "other.nc") as held:
        assert sweeps.failures(held) == ""


def test_damage_is_named_when_it_is_read(copied: Path) -> None:
    file = copied / "horizon/c/0/1/0"
    clean = file.read_bytes()
    found = open_dataset(copied, verify=False)
    file.write_bytes(clean[:5] + b"!" + clean[6:])
    again = open_dataset(copied, verify=False)
    for dataset in (found, again):
        np.testing.assert_array_equal(
            dataset["efficiency"][:, 1], quick_chunk(read_sweep(DESCRIPTION), 1)["efficiency"][:, 0]
        )
        np.testing.assert_array_equal(
            dataset["horizon"][:, 0], quick_chunk(read_sweep(DESCRIPTION), 0)["horizon"][:, 0]
        )
        with pytest.raises(StoreError, match="horizon, chunk 1: its file horizon/c/0/1/0 is damaged"):
            np.asarray(dataset["horizon"])
        assert "horizon, chunk 1: its file horizon/c/0/1/0 is damaged" in sweeps.failures(dataset)
    with pytest.raises(StoreError, match="horizon, chunk 1: its file horizon/c/0/1/0 is damaged"):
        open_dataset(copied)
    file.unlink()
    with pytest.raises(StoreError, match="horizon, chunk 1: its file horizon/c/0/1/0 is missing"):
        open_dataset(copied, verify=False)


def test_files_in_each_others_place_are_noticed(copied: Path, whole: Path) -> None:
    """Each is whole by itself, and its codec finds nothing wrong."""
    first, second = copied / "horizon/c/0/0/0", copied / "horizon/c/0/1/0"
    shutil.copy(first, second)
    with pytest.raises(StoreError, match="horizon, chunk 1"):
        open_dataset(copied)
    assert resumed(copied) == 8
    same(whole, copied)


def test_a_value_that_changed_is_noticed(copied: Path, whole: Path) -> None:
    import zarr

    array: Any = zarr.open_group(str(copied), mode="r+")["horizon"]
    array[1, 2, 3] = 1.0
    with pytest.raises(StoreError, match="horizon, chunk 2: its file horizon/c/0/2/0 is damaged"):
        open_dataset(copied)
    assert resumed(copied) == 8
    same(whole, copied)


def test_plain_xarray_reads_it_in_silence_and_sees_the_checksum_fail(copied: Path, whole: Path) -> None:
    import xarray

    expected = open_dataset(whole).load()
    choices: tuple[dict[str, Any], ...] = ({}, {"consolidated": True}, {"consolidated": False})
    for options in choices:
        found = xarray.open_zarr(whole, **options).load()
        assert found.drop_attrs().identical(expected.drop_attrs())
    file = copied / "horizon/c/0/1/0"
    content = bytearray(file.read_bytes())
    for place in range(len(content)):
        content[place] ^= 1
        file.write_bytes(content)
        with pytest.raises(ValueError, match=r"[Cc]hecksum"):
            xarray.open_zarr(copied)["horizon"].load()
        content[place] ^= 1


def test_selections_read_what_whole_arrays_hold(tmp_path: Path) -> None:
    given = description(
        axis=[
            {"name": "wasted_resource", "log": [1e-3, 1.0, 7]},
            {"name": "density", "linear": [0.0, 1.0, 5]},
            {"name": "gate", "values": ["any", "all"]},
        ],
        ensemble={"graphs": 5, "chunk": 3},
        observe={"names": ["learning_times", "horizon"]},
    )

    def chunk(plan: Any, number: int) -> dict[str, np.ndarray]:
        found = quick_chunk(plan, number)
        return found | {"learning_times": found["horizon"][..., None] + np.arange(3)}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(task, "compute_chunk", chunk)
        found = ro.sweep(given, tmp_path / "results.zarr", progress=False)
    assert found["gate"].values.tolist() == ["any", "all"] and found["learning_times"].dims[-1] == "skill"
    import pickle

    import xarray

    plain = xarray.open_zarr(tmp_path / "results.zarr").load()
    points = xarray.Variable("point", [0, 3, 2])
    for select in (
        lambda data: data,
        lambda data: data.isel(wasted_resource=3, density=slice(None, None, -2), graph=[4, 0, 0]),
        lambda data: data.isel(density=points, graph=points),
        lambda data: data.sel(gate="all", graph=slice(1, 3)),
        lambda data: data.isel(density=[]),
    ):
        assert select(found).drop_attrs().identical(select(plain).drop_attrs())
    assert pickle.loads(pickle.dumps(found)).load().identical(found)


# -- what is no store


def test_another_description_is_refused(copied: Path) -> None:
    before = contents(copied)
    with pytest.raises(StoreError, match=r"but \[resource\] learning_rate was 0.001 and is 0.002; give another path"):
        ro.sweep(description(resource={"learning_rate": 2e-3}), copied, resume=True)
    many = description(axis=[{"name": "wasted_resource", "log": [1e-3, 1.0, 9]}, DESCRIPTION["axis"][1]])
    many["ensemble"] = {"graphs": 5, "seed": 6, "chunk": 4}
    with pytest.raises(StoreError) as caught:
        ro.sweep(many, copied, resume=True)
    told = str(caught.value)
    assert "[ensemble] graphs was 4 and is 5; [ensemble] seed was 5 and is 6; " in told
    assert "axis wasted_resource was [0.001,1.0] and is 9 values, [0.001," in told and len(told.splitlines()) == 1
    assert before == contents(copied)


def test_what_is_no_store_is_refused(copied: Path, tmp_path: Path) -> None:
    import zarr

    with pytest.raises(ValueError, match=f"out: expected a path where nothing is yet, or resume, got {copied}"):
        ro.sweep(DESCRIPTION, copied)
    signed(copied, lambda attributes: attributes.update(format_version=1))
    for call in (lambda: ro.sweep(DESCRIPTION, copied, resume=True), lambda: open_dataset(copied)):
        with pytest.raises(StoreError, match="expected a store of format version 2, got version 1"):
            call()
    zarr.create_group(str(tmp_path / "other.zarr"), zarr_format=3)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    for name, message in (
        ("other.zarr", "expected the store of a sweep, got a Zarr store of something else"),
        ("folder", "expected the store of a sweep, got something that Zarr cannot open"),
        ("file", "out: expected the store of a sweep, got .*, which is a file"),
        ("no\x1bne/below", r"out: expected a folder that exists, got .*no\\x1bne \(for below\); make it first"),
        ("none/below", r"out: expected a folder that exists, got .* \(for below\); make it first"),
    ):
        with pytest.raises(ValueError, match=message):
            ro.sweep(DESCRIPTION, tmp_path / name, resume=True)
    assert list((tmp_path / "folder").iterdir()) == []
    with pytest.raises(StoreError, match="got something that Zarr cannot open"):
        open_dataset(tmp_path / "folder")
    for name, shown in (("none", "none"), ("no\x1bne", r"no\\x1bne"), ("n" * 300, "n" * 300)):
        with pytest.raises(StoreError, match=f"{shown}: expected the store of a sweep, got nothing"):
            open_dataset(tmp_path / name)
    with pytest.raises(ValueError, match="out: expected a path, got 3"):
        ro.sweep(DESCRIPTION, 3)
    for path in (tmp_path / ("n" * 300), "with\0zero"):
        with pytest.raises(ValueError, match="out: expected a path that can be used"):
            ro.sweep(DESCRIPTION, path)
    with pytest.raises(ValueError, match="progress: expected True, False or a function, got 'yes'"):
        ro.sweep(DESCRIPTION, tmp_path / "new.zarr", progress="yes")
    for wait in (-1, float("nan"), "1", True):
        with pytest.raises(ValueError, match=f"wait: expected a number of seconds of at least 0, got {wait!r}"):
            ro.sweep(DESCRIPTION, tmp_path / "new.zarr", wait=wait)


@pytest.mark.parametrize("value", [None, 3, [], {"a": 1}, "{", "[]", "null", '{"axes": 3}', '{"axes": [{"name": []}]}'])
@pytest.mark.parametrize("name", ["description", "format_version", "checksum", "title"])
def test_attributes_of_another_kind(name: str, value: Any, copied: Path) -> None:
    """Damaged, or made by somebody else, whose checksum is right: one sentence."""
    root = json.loads((copied / "zarr.json").read_text())
    root["attributes"][name] = value
    (copied / "zarr.json").write_text(json.dumps(root))
    for call in (open_dataset, sweep_store.open_store):
        with pytest.raises(StoreError) as caught:
            call(copied)
        assert len(str(caught.value).splitlines()) == 1
    if name in ("checksum", "title"):
        return
    signed(copied, lambda attributes: attributes.update({name: value}))
    for call in (sweep_store.open_store, lambda path: sweep_store.open_store(path, read_sweep(DESCRIPTION))):
        with pytest.raises(StoreError) as caught:
            call(copied)
        assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    "text", ["", "[]", "3", "{}", "[" * 200_000, '{"attributes": 3}', '{"attributes": {"format": 1}}', "\ud800"]
)
@pytest.mark.parametrize("name", ["zarr.json", "records/zarr.json", "horizon/zarr.json"])
def test_metadata_of_another_kind(name: str, text: str, copied: Path, whole: Path) -> None:
    (copied / name).write_bytes(text.encode(errors="surrogatepass"))
    with pytest.raises(StoreError, match=name) as caught:
        open_dataset(copied)
    assert len(str(caught.value).splitlines()) == 1
    assert resumed(copied) == 0
    same(whole, copied)


def test_other_versions_are_told(copied: Path) -> None:
    signed(copied, lambda attributes: attributes.update(jax_version="0.1"))
    with pytest.warns(UserWarning, match=f"was begun with jax_version 0.1, now {jax.__version__}: the last digits"):
        ro.sweep(DESCRIPTION, copied, resume=True, progress=False)
    assert open_dataset(copied).attrs["jax_version"] == "0.1"


def test_folders_that_cannot_be_written_to(copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(ValueError, match=f"out: expected a store that can be written to, got {copied}, which is read-"):
        ro.sweep(DESCRIPTION, copied, resume=True)
    with pytest.raises(ValueError, match=r"out: expected a folder that can be written to, got .* \(for new.zarr\)"):
        ro.sweep(DESCRIPTION, tmp_path / "new.zarr")
    assert [path.name for path in tmp_path.iterdir()] == ["results.zarr"]


def test_without_zarr(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(RuntimeError, match=r"a sweep needs zarr, which is not installed; pip install"):
        ro.sweep(DESCRIPTION, tmp_path / "results.zarr")


# -- the disk


class Disk:
    """What is asked of a disk, in order, and what would be on it after a power cut at any moment.

    A renamed file is there for sure only once its contents were flushed before, and its folder after.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.calls: list[tuple[str, str]] = []
        fsync, replace, rename = os.fsync, os.replace, os.rename

        def flush(handle: int) -> None:
            self.calls.append(("fsync", os.readlink(f"/proc/self/fd/{handle}")))
            fsync(handle)

        def moved(move: Any) -> Any:
            def call(source: Any, target: Any) -> None:
                self.calls.append(("move", f"{source} {target}"))
                move(source, target)

            return call

        monkeypatch.setattr(os, "fsync", flush)
        monkeypatch.setattr(os, "replace", moved(replace))
        monkeypatch.setattr(os, "rename", moved(rename))

    def safe(self, upto: int | None = None) -> set[str]:
        """The files that were flushed, renamed, and whose name was flushed, in this order."""
        flushed: set[str] = set()
        named: dict[str, str] = {}
        found: set[str] = set()
        for what, paths in self.calls[:upto]:
            if what == "fsync":
                flushed.add(paths)
                found |= {target for target, folder in named.items() if folder == paths}
            else:
                source, target = paths.split(" ")
                if source in flushed:
                    named[target] = str(Path(target).parent)
        return found


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs the names of open files")
def test_a_record_is_written_once_what_it_speaks_of_is_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "results.zarr"
    disk = Disk(monkeypatch)
    store = sweeps.begin(read_sweep(DESCRIPTION), path)
    # made whole under a hidden name: every file and folder of it is on the disk before it gets its own
    (moved,) = [
        number for number, (what, paths) in enumerate(disk.calls) if what == "move" and paths.endswith(str(path))
    ]
    hidden = disk.calls[moved][1].split(" ")[0]
    assert {f"{hidden}/{name}" for name in contents(path)} <= disk.safe(moved)
    folders = {str(folder.relative_to(path)) for folder in path.rglob("*") if folder.is_dir()}
    assert {f"{hidden}/{folder}" for folder in folders} | {hidden} <= {paths for what, paths in disk.calls[:moved]}
    assert ("fsync", str(tmp_path)) in disk.calls[moved:]
    disk.calls.clear()
    sweeps.fill(store, progress=False)
    for chunk in range(CHUNKS):
        record = f"{path}/records/sha256/c/{chunk}/0"
        (moved,) = [number for number, (what, paths) in enumerate(disk.calls) if paths.endswith(f" {record}")]
        files = {f"{path}/{name}/c/0/{chunk}/0" for name in (*DESCRIPTION["observe"]["names"], "failed")}
        assert files <= disk.safe(moved)
        # the folders that were made for them, up to the store's own
        above = {str(folder) for file in files for folder in Path(file).parents if path in (folder, *folder.parents)}
        assert above <= {paths for what, paths in disk.calls[:moved] if what == "fsync"}
        assert record in disk.safe()
    # and the last thing that is done is to make sure of the record
    assert disk.safe() == {str(path / name) for name in contents(path) if "/c/" in name and name.count("/") > 2}


@pytest.mark.parametrize("writes", range(5))
def test_full_disk(writes: int, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk fills up at each write of a chunk in turn: a variable's file or the record."""
    path = tmp_path / "results.zarr"
    store = sweeps.begin(read_sweep(DESCRIPTION), path)
    flush, left = os.fsync, writes

    def limited(handle: int) -> None:
        nonlocal left
        if not Path(os.readlink(f"/proc/self/fd/{handle}")).is_dir():
            left -= 1
            if left < 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        flush(handle)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", limited)
        with pytest.raises(OSError, match="No space left on device"):
            sweeps.fill(store, progress=False)
    assert not any(store.is_done(chunk) for chunk in range(CHUNKS))
    assert not list(path.rglob(f"*{durable.ENDING}"))
    assert resumed(path) == 24
    same(whole, path)


def test_full_disk_at_the_start_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device"):
        ro.sweep(DESCRIPTION, tmp_path / "results.zarr")
    assert list(tmp_path.iterdir()) == []


# -- several processes, and those that are no more


def test_both_that_begin_at_once_succeed(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one's store appears while this one's is being made."""
    path = tmp_path / "results.zarr"
    rename = os.rename

    def late(source: Any, target: Any) -> None:
        shutil.copytree(whole, target)
        (path / "records/sha256/c/1/0").unlink()
        rename(source, target)

    for given, message in ((DESCRIPTION, ""), (description(ensemble={"seed": 6}), "seed was 5 and is 6")):
        monkeypatch.setattr(os, "rename", late)
        if message:
            with pytest.raises(StoreError, match=message):
                sweeps.begin(read_sweep(given), path)
        else:
            store = sweeps.begin(read_sweep(given), path)
            assert sweeps.fill(store, progress=False) == 8
            same(whole, path)
        monkeypatch.setattr(os, "rename", rename)
        assert [entry.name for entry in tmp_path.iterdir()] == ["results.zarr"]
        shutil.rmtree(path)


def test_two_threads_fill_one_store(whole: Path, tmp_path: Path) -> None:
    path, together = tmp_path / "results.zarr", threading.Barrier(2)
    wrong: list[BaseException] = []

    def fill() -> None:
        try:
            together.wait()
            sweeps.fill(sweeps.begin(read_sweep(DESCRIPTION), path, resume=True), progress=False)
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=fill) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    same(whole, path)


def test_what_the_dead_left_is_removed(copied: Path, whole: Path, tmp_path: Path) -> None:
    dead = 2**22 + 7  # beyond any process
    host = durable._HOST
    of_dead = tmp_path / f".results.zarr.0.{host}.{dead}.part"
    alive = tmp_path / f".results.zarr.0.{host}.{os.getpid()}.part"
    elsewhere = tmp_path / f".results.zarr.0.{host}-2.{dead}.part"
    other = tmp_path / f".other.zarr.0.{host}.{dead}.part"
    for folder in (of_dead, alive, elsewhere, other):
        (folder / "horizon").mkdir(parents=True)
    (copied / f"horizon/c/0/0/.0.3.{host}.{dead}.part").touch()
    (copied / f"horizon/c/0/0/.0.3.{host}.{os.getpid()}.part").touch()
    old = copied / f"horizon/c/0/0/.0.3.{host}-2.{dead}.part"
    old.touch()
    os.utime(old, (0, 0))
    resumed(copied)
    assert not of_dead.exists() and alive.exists() and elsewhere.exists() and other.exists()
    left = [path.name for path in copied.rglob("*.part")]
    assert left == [f".0.3.{host}.{os.getpid()}.part"]
    shutil.rmtree(copied)
    of_dead.mkdir()
    ro.sweep(DESCRIPTION, copied, progress=False)
    assert not of_dead.exists()
    same(whole, copied)


@pytest.mark.skipif(sys.platform == "win32", reason="needs locks on folders")
def test_what_is_locked_is_not_removed(copied: Path, tmp_path: Path) -> None:
    """A process of another container may have a number that is nobody's here: its lock says that it lives."""
    theirs = tmp_path / f".results.zarr.0.{durable._HOST}.{2**22 + 7}.part"
    theirs.mkdir()
    with durable._locked(theirs) as mine:
        assert mine
        resumed(copied)
        assert theirs.exists()
    resumed(copied)
    assert not theirs.exists()
