"""Files appear whole or not at all, where they were meant to, and as they were."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from resource_ode.base import atomic


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("name", ["run.csv", "a" * 251 + ".csv", "ä" * 125 + ".csv", "s3::run.csv", "~run.csv", "-run"])
def test_any_name_that_the_system_allows(name: str, tmp_path: Path) -> None:
    assert atomic.obstacle(tmp_path / name) == ""
    atomic.write_bytes(tmp_path / name, b"new")
    assert (tmp_path / name).read_bytes() == b"new" and names(tmp_path) == [name]


def test_a_link_keeps_pointing_where_it_did(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    real, link, chain = tmp_path / "far/run.csv", tmp_path / "run.csv", tmp_path / "chain.csv"
    link.symlink_to(real)
    chain.symlink_to("run.csv")
    # to a file that is not there yet, then to one that is
    for content in (b"first", b"second"):
        atomic.write_bytes(chain, content)
        assert real.read_bytes() == content
    assert os.readlink(link) == str(real) and os.readlink(chain) == "run.csv"
    assert names(tmp_path) == ["chain.csv", "far", "run.csv"] and names(tmp_path / "far") == ["run.csv"]


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o664])
def test_permissions_are_kept(mode: int, tmp_path: Path) -> None:
    path = tmp_path / "run.csv"
    path.write_bytes(b"old")
    path.chmod(mode)
    atomic.write_bytes(path, b"new")
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_permissions_of_a_new_file_are_those_of_the_user(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    atomic.write_bytes(tmp_path / "run.csv", b"")
    assert (tmp_path / "run.csv").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_nothing_is_left_of_a_write_that_failed(error: BaseException, tmp_path: Path) -> None:
    path = tmp_path / "run.csv"
    path.write_bytes(b"old")

    def fill(part: Path) -> None:
        part.write_bytes(b"half")
        raise error

    with pytest.raises(type(error)):
        atomic.write(path, fill)
    assert path.read_bytes() == b"old" and names(tmp_path) == ["run.csv"]


def test_the_file_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    flush, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda handle: done.append("flush") or flush(handle))
    monkeypatch.setattr(os, "replace", lambda *paths: done.append("rename") or replace(*paths))
    atomic.write_bytes(tmp_path / "run.csv", b"new")
    assert done == ["flush", "rename", "flush"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("folder", "expected a file, got {}, which is a folder"),
        ("none/run.csv", "expected a folder that exists, got {folder}/none (for run.csv); make it first"),
        ("file/run.csv", "expected a folder that exists, got {folder}/file (for run.csv); make it first"),
        ("a" * 256, "expected a file name of at most 255 bytes, got one of 256"),
        ("ä" * 128, "expected a file name of at most 255 bytes, got one of 256"),
        ("a\0b", "expected a path, got one with a zero byte in it"),
        ("circle", "expected a path, got {} (Too many levels of symbolic links)"),
        ("pipe", "expected a file, got {}, which is a device or a pipe"),
    ],
)
def test_what_is_in_the_way(name: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "circle").symlink_to("circle")
    os.mkfifo(tmp_path / "pipe")
    assert atomic.obstacle(tmp_path / name) == expected.format(tmp_path / name, folder=tmp_path)


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs /proc, where no file can be made")
def test_folders_that_take_no_files(tmp_path: Path) -> None:
    assert atomic.obstacle("/proc/run.csv") == "expected a folder that can be written to, got /proc (for run.csv)"
    assert atomic.takes_files(tmp_path) and names(tmp_path) == []
    # a disk that fails later names the file that was meant
    with pytest.raises(OSError, match=r"/proc/run\.csv"):
        atomic.write_bytes("/proc/run.csv", b"new")


def test_a_path_that_is_too_long(tmp_path: Path) -> None:
    path = tmp_path.joinpath(*["a" * 200] * 30) / "run.csv"
    assert atomic.obstacle(path).startswith("expected a ")
