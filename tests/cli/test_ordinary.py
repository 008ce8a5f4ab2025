"""Ordinary things that failed once: names of any kind, no waste, links, terminals and machines of other kinds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from resource_ode import cli
from resource_ode.cli import checks
from resource_ode.results.load import load

COMMAND = Path(sys.executable).with_name("resource-ode")
HEAD = """
[resource]
learning_rate = 0.1
wasted_resource = {waste}
gate_exponent = 0.01
[time]
until = 40
points = 41
"""


def scenario(folder: Path, names: list[str], waste: float = 0.01) -> Path:
    """A chain of skills."""

    rows = [f"[[skill]]\nname = {json.dumps(name)}\nfrequency = 1.0" for name in names]
    rows = [row + (f"\nrequires = [{json.dumps(names[i - 1])}]" if i else "") for i, row in enumerate(rows)]
    path = folder / "case.toml"
    path.write_text(HEAD.format(waste=waste) + "\n".join(rows), encoding="utf-8")
    return path


def call(*arguments: Any, folder: Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """The installed command, under another environment."""
    kept = {name: value for name, value in os.environ.items() if name not in ("XLA_FLAGS", cli.DEBUG)}
    return subprocess.run(
        [COMMAND, *map(str, arguments)], cwd=folder, env=kept | environment, capture_output=True, timeout=300
    )


@pytest.mark.parametrize(
    ("names", "waste"),
    [
        (["first", "second"], 0.0),
        (["$\\frac{$", "US$ to EU$ rate", "$p$-adic $\\foo$"], 0.01),
        (["技能一", "_ä", "مهارة"], 0.01),
        (["t", "=1+1", "'t"], 0.01),
        ([f"s{number}" for number in range(257)], 0.01),
    ],
)
def test_a_run_with_a_picture(
    names: list[str], waste: float, tmp_path: Path, capsys: pytest.CaptureFixture[str], recwarn: Any
) -> None:
    file, out, picture = scenario(tmp_path, names, waste), tmp_path / "run.nc", tmp_path / "run.png"
    assert cli.main(["simulate", str(file), "--out", str(out), "--plot", str(picture)]) == 0
    told = capsys.readouterr()
    assert told.err == "" and not recwarn.list
    assert picture.read_bytes().startswith(b"\x89PNG") and load(out).names == tuple(names)
    # and from the file
    assert cli.main(["plot", str(out), "--out", str(tmp_path / "again.svg")]) == 0
    assert capsys.readouterr().err == ""


def test_a_skill_named_t_has_a_column_of_its_own(tmp_path: Path) -> None:
    out = tmp_path / "run.csv"
    assert cli.main(["simulate", str(scenario(tmp_path, ["t"])), "--out", str(out)]) == 0
    assert out.read_text().splitlines()[0] == "t,'t"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_names_that_the_terminal_cannot_show(encoding: str, tmp_path: Path) -> None:
    file = scenario(tmp_path, ["技能一", "ä"])
    done = call("simulate", file, "--out", "技.csv", folder=tmp_path, PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, b"")
    assert rb"\u6280\u80fd\u4e00: 5.0933" in done.stdout and rb"Wrote \u6280.csv." in done.stdout
    assert (tmp_path / "技.csv").read_text(encoding="utf-8").startswith("t,技能一,ä\n")
    # and of what is wrong
    done = call("simulate", file, "--out", "技/run.csv", folder=tmp_path, PYTHONIOENCODING=encoding)
    assert done.returncode == 2 and done.stderr.startswith(
        b"resource-ode: --out: expected a folder that exists, got \\u"
    )


def test_a_platform_that_is_not_there(tmp_path: Path) -> None:
    file = scenario(tmp_path, ["A"])
    done = call("simulate", file, "--out", "run.csv", folder=tmp_path, JAX_PLATFORMS="nonsense")
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert b"JAX finds no device on the platforms that JAX_PLATFORMS=nonsense asks for" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["case.toml"]


def test_a_device_that_fails_without_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise AssertionError

    monkeypatch.setattr("jax.devices", fail)
    monkeypatch.setenv("JAX_PLATFORMS", "cuda")
    with pytest.raises(RuntimeError, match="JAX_PLATFORMS=cuda asks for; unset it, or say cpu"):
        checks.start_jax()


@pytest.mark.parametrize("ending", ["csv", "nc", "png"])
def test_a_link_as_output_stays_a_link(ending: str, tmp_path: Path) -> None:
    file, link = scenario(tmp_path, ["A"]), tmp_path / f"link.{ending}"
    (tmp_path / "data").mkdir()
    link.symlink_to(f"data/run.{ending}")
    out = ["--out", str(link)] if ending != "png" else ["--out", str(tmp_path / "run.csv"), "--plot", str(link)]
    assert cli.main(["simulate", str(file), *out]) == 0
    assert link.is_symlink() and (tmp_path / f"data/run.{ending}").stat().st_size > 0
    assert [path.name for path in (tmp_path / "data").iterdir()] == [f"run.{ending}"]


@pytest.mark.parametrize("name", ["a" * 246 + ".csv", "s3::run.nc", "-run.csv", "$(run).csv"])
def test_odd_names_of_outputs(name: str, tmp_path: Path) -> None:
    assert cli.main(["simulate", str(scenario(tmp_path, ["A"])), f"--out={tmp_path / name}"]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, "case.toml"])


@pytest.mark.parametrize(
    "arguments",
    [
        ["\x1b[2J"],
        ["simulate", "--\x1b[2J"],
        ["simulate", "\x1b[2J.toml", "--out", "run.csv"],
        ["simulate", "case.toml", "--out", "\x1b[2J/run.csv"],
        ["simulate", "case.toml", "--out", "run.\x1b[2J"],
        ["simulate", "case.toml", "--out", "run.csv", "--method", "\x1b[2J"],
        ["plot", "\x1b[2J.nc", "--out", "run.png"],
        ["plot", "\x1b[2J", "--out", "run.png"],
        ["sweep", "\x1b[2J.toml", "--out", "results.zarr"],
        ["demo", "--out", "case.toml/\x1b[2J"],
        ["reproduce", "\x1b[2J", "--out", "out"],
    ],
)
def test_no_escape_reaches_the_terminal(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scenario(tmp_path, ["A"])
    monkeypatch.chdir(tmp_path)
    assert cli.main(arguments) == 2
    told = capsys.readouterr()
    assert told.out == "" and told.err.replace("\n", "").isprintable() and len(told.err.splitlines()) <= 3
    # as it is quoted where words are typed, and elsewhere
    assert any(said in told.err for said in ("\\u001b[2J", "\\x1b[2J", "case.toml, which is a file"))
    assert [path.name for path in tmp_path.iterdir()] == ["case.toml"]


def test_names_of_a_file_reach_it_as_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    graph = '{"nodes": [{"id": "\\u001b[2J"}, {"id": "x"}], "edges": [], "directed": true}'
    (tmp_path / "graph.json").write_text(graph)
    text = 'graph = "graph.json"\n' + HEAD.format(waste=0.01).replace("gate_exponent = 0.01", "frequency = 1.0")
    (tmp_path / "case.toml").write_text(text)
    cli.main(["simulate", str(tmp_path / "case.toml"), "--out", str(tmp_path / "run.csv")])
    told = capsys.readouterr()
    # run or refused
    assert (told.out + told.err).replace("\n", "").isprintable() and "\\x1b[2J" in told.out + told.err


HOSTILE = {
    "a horizon beyond all steps": HEAD.replace("until = 40", "horizon = 0.9").replace("0.1\n", "1e-25\n", 1),
    "more levels than memory holds": HEAD.replace("points = 41", "points = 100000000"),
    "a graph whose name is too long": 'graph = "' + "a" * 300 + '.json"\n' + HEAD,
    "a number of 400 digits": HEAD.replace("until = 40", "until = " + "9" * 400),
    "a rate of 400 digits": HEAD.replace("0.1\n", "9" * 400 + "\n", 1),
    "points of 400 digits": HEAD.replace("points = 41", "points = " + "9" * 400),
    "a key of many parts": ".".join("a" * 50_000) + " = 1\n" + HEAD,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_scenarios(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = HOSTILE[name].format(waste=0.01)
    if "graph =" not in text:
        text += '[[skill]]\nname = "A"\nfrequency = 1.0\n'
    (tmp_path / "case.toml").write_text(text)
    assert cli.main(["simulate", str(tmp_path / "case.toml"), "--out", str(tmp_path / "run.csv")]) == 2
    told = capsys.readouterr()
    assert told.out == "" and len(told.err.splitlines()) == 1 and "case.toml: " in told.err
    assert len(told.err.replace(str(tmp_path), "")) < 500
    assert [path.name for path in tmp_path.iterdir()] == ["case.toml"]


@pytest.mark.parametrize("path", ["a" * 300 + ".nc", "a" * 300, "none/" * 1000 + "run.nc"])
def test_paths_that_are_too_long(path: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["plot", path, "--out", str(tmp_path / "run.png")], ["simulate", path, "--out", "run.csv"]):
        assert cli.main(arguments) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1
    for command in (["sweep", "none.toml"], ["reproduce", "series"], ["demo"]):
        assert cli.main([*command, "--out", path]) == 2
        assert capsys.readouterr().err.startswith("resource-ode: --out: expected ")
    for out in (f"{path}.csv", f"{path}/run.csv"):
        assert cli.main(["simulate", str(scenario(tmp_path, ["A"])), "--out", out]) == 2
        assert "--out: expected" in capsys.readouterr().err
    np.testing.assert_equal([file.name for file in tmp_path.iterdir()], ["case.toml"])


def test_the_graph_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    graph = tmp_path / "graph.csv"
    graph.write_text("0,1\n0,0\n")
    head = HEAD.format(waste=0.01).replace("gate_exponent = 0.01", "gate_exponent = 0.01\nfrequency = 1.0")
    (tmp_path / "case.toml").write_text('graph = "graph.csv"\n' + head)
    assert cli.main(["simulate", str(tmp_path / "case.toml"), "--out", str(graph)]) == 2
    assert "--out: expected another file than the graph" in capsys.readouterr().err
    assert graph.read_text() == "0,1\n0,0\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--port", "70000"], "--port: expected a number from 0 to 65535, got 70000"),
        (["none.toml"], "none.toml"),
        (["none.graphml"], "none.graphml"),
    ],
)
def test_the_explorer_refuses_what_it_cannot_open(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["explore", "--no-browser", *arguments]) == 2
    assert message in capsys.readouterr().err and not any(tmp_path.iterdir())


def test_outputs_that_are_closed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("sys.stdout", None)
        assert cli.main(["examples"]) == 1
    assert "resource-ode: there is no output to write to" in capsys.readouterr().err
    with monkeypatch.context() as patch:
        patch.setattr("sys.stderr", None)
        assert cli.main(["simulate", "none.toml", "--out", "run.csv"]) == 2
