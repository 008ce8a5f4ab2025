"""Inputs that broke a reader once are read again; and a short campaign finds a reader that is broken on purpose."""

import shutil

import pytest

from reliability import fuzz, seeds, targets

FILES = sorted(path for path in fuzz.CORPUS.rglob("*") if path.is_file()) if fuzz.CORPUS.is_dir() else []


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_what_broke_a_reader(path, tmp_path):
    name = path.parent.name
    if name == "zarr":
        held = tmp_path / "skills.zarr"
        fuzz.write_store(held, fuzz.unpack(path.read_bytes()))
    else:
        held = tmp_path / f"skills{seeds.suffix(name)}"
        shutil.copy(path, held)
    if name == "scenario":
        (tmp_path / "skills.csv").write_bytes(seeds.MATRIX)
    if name == "command-line":
        (tmp_path / "words").mkdir()
        (tmp_path / "words" / "scenario.toml").write_bytes(seeds.SCENARIO)
    kind, _, text = targets.replay(name, held, tmp_path / "words")
    assert kind in ("object", "refused"), text


@pytest.mark.parametrize("name", seeds.TEXTS)
def test_seeds_are_read(name, tmp_path):
    for number, data in enumerate(seeds.TEXTS[name]):
        (tmp_path / "skills.csv").write_bytes(seeds.MATRIX)
        path = tmp_path / f"seed_{number}{seeds.suffix(name)}"
        path.write_bytes(data)
        kind, _, text = targets.outcome(lambda path=path: targets.READERS[name](path))
        assert kind == "object", text


def broken(path):
    if b"\x1b" in path.read_bytes():
        raise KeyError("escape")
    if len(path.read_bytes()) < 5:
        raise ValueError("a message of\x1b[2J somebody")
    return None


def test_a_broken_reader_is_found_and_its_input_made_small(monkeypatch, tmp_path):
    monkeypatch.setitem(targets.READERS, "json", broken)
    reading = fuzz.Reading("json", str(tmp_path), 0)
    fuzz.DATABASE["reading"] = reading
    failures, keys = {}, {}
    for number in range(1, 21):  # a busy machine needs more than one
        failures |= fuzz.work(("round", number, 1.0))[2]
        keys = {key.split()[0]: key for key in failures}
        if {"KeyError", "raw"} <= set(keys):
            break
    assert {"KeyError", "raw"} <= set(keys)
    assert reading.shrink(keys["KeyError"], failures[keys["KeyError"]][1]) == b"\x1b"


@pytest.mark.parametrize("name", seeds.TEXTS)
def test_a_second_of_damages(name, tmp_path):
    fuzz.DATABASE["reading"] = fuzz.Reading(name, str(tmp_path), 1)
    inputs, _, failures = fuzz.work(("round", 1, 1.0))
    assert inputs > 3 and not failures, {key: text for key, (text, _) in failures.items()}
