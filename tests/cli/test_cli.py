"""The commands: what they write, what they say, and what they leave behind when something is wrong."""

from __future__ import annotations

import csv
import importlib
import os
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import resource_ode as ro
from resource_ode import cli
from resource_ode.cli import pictures
from resource_ode.cli import simulate as simulate_command
from resource_ode.results.load import load

EXAMPLES = Path(__file__).parents[2] / "examples"
COMMAND = Path(sys.executable).with_name("resource-ode")
SCENARIO = """
[resource]
learning_rate = 0.1
wasted_resource = 0.01
gate_exponent = 0.01
[time]
until = 40
points = 41
[[skill]]
name = "first"
frequency = 1.0
[[skill]]
name = "second, last"
frequency = 1.0
requires = ["first"]
"""


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    path = tmp_path / "case.toml"
    path.write_text(SCENARIO)
    return path


def call(*arguments: Any, folder: Path) -> subprocess.CompletedProcess[str]:
    """The installed command, as a user starts it."""
    environment = {name: value for name, value in os.environ.items() if name not in ("XLA_FLAGS", cli.DEBUG)}
    return subprocess.run(
        [COMMAND, *map(str, arguments)], cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )


def module(name: str) -> Any:
    """A module of the package ."""
    return importlib.import_module(f"resource_ode.{name}")


def pretend(monkeypatch: pytest.MonkeyPatch, name: str, **content: Any) -> None:
    """Put another module in the place of one that loads on use."""
    fake = types.ModuleType(f"resource_ode.{name}")
    vars(fake).update(content)
    monkeypatch.setitem(sys.modules, f"resource_ode.{name}", fake)


def wrong(capsys: pytest.CaptureFixture[str], *arguments: Any) -> str:
    """What is said about wrong input: exit status 2, a line or two on stderr, nothing on stdout."""
    assert cli.main(list(map(str, arguments))) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("resource-ode: ") and len(told.err.splitlines()) <= 2
    return told.err.removeprefix("resource-ode: ").strip()


# -- the installed command


def test_simulate_writes_the_levels_of_the_chain(tmp_path: Path) -> None:
    done = call("simulate", EXAMPLES / "chain.toml", "--out", "run.csv", "--plot", "run.png", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == "Simulated 3 skills up to step 5000, 501 rows."
    assert done.stdout.splitlines()[1].startswith("Method: cascade")
    assert done.stdout.splitlines()[2] == "Steps to level 0.5: 1: 502.39, 2: 1730, 3: 3274.5."
    assert done.stdout.splitlines()[3:] == ["Wrote run.csv and run.png."]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run.csv", "run.png"]
    assert (tmp_path / "run.png").read_bytes().startswith(b"\x89PNG")
    with (tmp_path / "run.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["t", "1", "2", "3"]
    table = np.asarray(rows, dtype=float)
    np.testing.assert_array_equal(table[:, 0], np.arange(0, 5001, 10))
    for column, expected in enumerate([502.4, 1730.0, 3274.5], start=1):
        np.testing.assert_allclose(np.interp(0.5, table[:, column], table[:, 0]), expected, atol=0.1)


def test_learning_times_that_are_told_do_not_depend_on_the_rows(tmp_path: Path, capsys) -> None:
    few = ("--set", "points=5", "--out", tmp_path / "run.csv")
    assert cli.main([*map(str, ("simulate", EXAMPLES / "chain.toml", *few))]) == 0
    assert "Steps to level 0.5: 1: 502.39, 2: 1730, 3: 3274.5.\n" in capsys.readouterr().out
    assert cli.main([*map(str, ("simulate", EXAMPLES / "chain.toml", *few, "--method", "ode"))]) == 0
    assert "Steps to level 0.5, by a straight line between rows: 1: " in capsys.readouterr().out
    # what is learned after the last row is not learned yet
    assert cli.main([*map(str, ("simulate", EXAMPLES / "chain.toml", *few, "--set", "until=2000"))]) == 0
    assert "1: 502.39, 2: 1730, 3: not yet.\n" in capsys.readouterr().out


def test_wrong_input_leaves_no_file_and_no_traceback(tmp_path: Path) -> None:
    text = (EXAMPLES / "chain.toml").read_text()
    (tmp_path / "case.toml").write_text(text.replace("learning_rate", "learning_rat"))
    done = call("simulate", "case.toml", "--out", "run.csv", "--plot", "run.png", folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        'resource-ode: case.toml: [resource]: unknown key "learning_rat"; did you mean "learning_rate"?\n'
    )
    assert [path.name for path in tmp_path.iterdir()] == ["case.toml"]


def test_version(tmp_path: Path) -> None:
    done = call("--version", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("resource-ode 0.")


def test_help_needs_no_jax() -> None:
    code = (
        "import sys; from resource_ode import cli; status = cli.main(['--help']);"
        "assert not {'jax', 'numpy'} & set(sys.modules); sys.exit(status)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert all(word in done.stdout for word in ("simulate", "plot", "demo", "Example: resource-ode simulate"))


# -- the same within this process


def test_help_of_each_command(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("simulate", "plot", "demo"):
        assert cli.main([command, "--help"]) == 0
        assert f"Example: resource-ode {command}" in capsys.readouterr().out


def test_steps_and_netcdf(scenario: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run.nc"
    assert cli.main(["simulate", str(scenario), "--out", str(out), "--method", "steps"]) == 0
    told = capsys.readouterr().out
    assert "2 skills up to step 40, 41 rows." in told and "Method: steps (as asked)." in told
    run = load(out)
    assert run.names == ("first", "second, last")
    np.testing.assert_array_equal(np.asarray(run.ts), np.arange(41))
    # and a picture of it
    figure = tmp_path / "figure.svg"
    assert cli.main(["plot", str(out), "--out", str(figure)]) == 0
    assert capsys.readouterr().out == f"Wrote {figure}.\n"
    assert "<svg" in figure.read_text()
    # a name with a comma is quoted
    run.save(tmp_path / "run.csv")
    assert (tmp_path / "run.csv").read_text().startswith('t,first,"second, last"')


def test_learning_times_in_words() -> None:
    def words(levels: list[list[float]], names: tuple[str, ...]) -> str:
        return simulate_command._learning_times(
            types.SimpleNamespace(ts=np.asarray([0.0, 10.0]), level=np.asarray(levels), names=names, method="ode")
        )

    assert words([[0.0, 0.5, 0.0], [1.0, 0.6, 0.2]], ("A", "B", "C")).endswith(" rows: A: 5, B: 0, C: not yet.")
    many = tuple(map(str, range(10)))
    assert words([[0.0] * 10, [1.0] * 10], many).endswith("7: 5, and 2 more skills.")


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("--out", "run.txt", "--out: expected a file that ends in .csv or .nc, got {}"),
        ("--out", "run", "--out: expected a file that ends in .csv or .nc, got {}"),
        (
            "--out",
            "none/run.csv",
            "--out: expected a folder that exists, got {folder}/none (for run.csv); make it first",
        ),
        ("--out", "folder.csv", "--out: expected a file, got {}, which is a folder"),
        ("--out", "pipe.csv", "--out: expected a file, got {}, which is a device or a pipe"),
        ("--out", "a" * 252 + ".csv", "--out: expected a file name of at most 255 bytes, got one of 256"),
        ("--out", "circle.csv", "--out: expected a path, got {} (Too many levels of symbolic links)"),
        ("--out", "into.csv", "--out: expected a folder that exists, got {folder}/none (for run.csv); make it first"),
        ("--plot", "run.csv", "--plot: expected a file that ends in .png, .pdf or .svg, got {}"),
        (
            "--plot",
            "none/run.png",
            "--plot: expected a folder that exists, got {folder}/none (for run.png); make it first",
        ),
    ],
)
def test_outputs_are_checked_before_anything_is_computed(
    option: str,
    value: str,
    expected: str,
    scenario: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(
        module("solve.simulation"), "simulate", lambda *arguments, **options: pytest.fail("it computed")
    )
    (tmp_path / "folder.csv").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "circle.csv").symlink_to("circle.csv")
    (tmp_path / "into.csv").symlink_to("none/run.csv")
    before = sorted(tmp_path.iterdir())
    arguments = ["simulate", scenario, *(["--out", tmp_path / "run.nc"] if option == "--plot" else []), option]
    message = wrong(capsys, *arguments, tmp_path / value)
    assert message == expected.format(tmp_path / value, folder=tmp_path)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_folder_that_cannot_be_written_to(scenario: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    message = wrong(capsys, "simulate", scenario, "--out", folder / "run.csv")
    assert message == f"--out: expected a folder that can be written to, got {folder} (for run.csv)"


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs /proc, where no file can be made")
@pytest.mark.parametrize(
    "arguments",
    [
        ("simulate", "{scenario}", "--out", "/proc/run.csv"),
        ("simulate", "{scenario}", "--out", "{folder}/run.csv", "--plot", "/proc/run.png"),
        ("examples", "chain", "--out", "/proc/chain.toml"),
        ("fit", "none.csv", "--out", "/proc/model.toml"),
        ("infer-graph", "none.csv", "--out", "/proc/graph.json"),
        ("sweep", "none.toml", "--out", "/proc/results.zarr"),
        ("reproduce", "series", "--out", "/proc/paper"),
        ("reproduce", "series", "--out", "/proc"),
        ("demo", "--out", "/proc/demo"),
        ("explore", "{scenario}", "--out", "/proc/explored"),
    ],
)
def test_folders_that_take_no_files(
    arguments: tuple[str, ...], scenario: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    message = wrong(capsys, *(part.format(scenario=scenario, folder=tmp_path) for part in arguments))
    assert "expected a folder that can be written to, got /proc" in message
    assert not (tmp_path / "run.csv").exists()


def test_wrong_scenarios_and_options(scenario: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run.csv"

    def told(text: str, *options: str) -> str:
        scenario.write_text(text)
        message = wrong(capsys, "simulate", scenario, "--out", out, *options)
        return message.removeprefix(f"{scenario}: ")

    assert (
        wrong(capsys, "simulate", tmp_path, "--out", out)
        == f"{tmp_path}: expected a scenario file (TOML), got a folder"
    )
    assert (
        told(SCENARIO.replace("= 1.0", "= 0", 1))
        == '[[skill]] "first" frequency: expected a finite number above 0, got 0'
    )
    assert told(SCENARIO, "--tolerance", "low") == "--tolerance: expected a number, got low"
    assert wrong(capsys, "explore", "--port", "1.5") == "--port: expected a whole number, got 1.5"
    sweeps = EXAMPLES / "sweep_small.toml"
    for command in ("simulate", "explore"):
        assert wrong(capsys, command, sweeps, "--out", out) == (
            f"{sweeps}: expected a scenario file, got a sweep file, which resource-ode sweep runs"
        )
    assert wrong(capsys, "sweep", EXAMPLES / "chain.toml", "--out", tmp_path / "map.zarr").endswith(
        ": expected a sweep file, got a scenario file, which resource-ode simulate runs"
    )
    for given in ("2", "0", "1e-300", "nan", "-inf"):
        assert told(SCENARIO, "--tolerance", given) == (
            "--tolerance: expected a number from 1e-15 (what numbers of 64 bits resolve) to 1 (an error of a level), "
            f"got {given}"
        )
    assert told(SCENARIO.replace("until = 40", "until = 50"), "--method", "steps") == (
        "[time]: --method steps expects whole training steps, got 1.25; "
        "choose until and points so that until/(points - 1) is whole (until = 1000, points = 1001)"
    )
    # what the solver itself refuses
    assert told(SCENARIO.replace("wasted_resource = 0.01", "wasted_resource = 0"), "--method", "ode").startswith(
        'wasted_resource: method="ode" expects a positive number'
    )
    crossing = SCENARIO.replace('requires = ["first"]', 'requires = ["first"]\npool = 1')
    assert 'method: "cascade" cannot solve this model, since prerequisites cross pools' in told(
        crossing, "--method", "cascade"
    )
    assert "--method" in wrong(capsys, "simulate", scenario, "--out", out, "--method", "magic")
    assert "No such option: --output" in wrong(capsys, "simulate", scenario, "--output", out)
    assert "--out" in wrong(capsys, "simulate", scenario)
    assert not out.exists()


def test_plot_of_something_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    figure, run, table = tmp_path / "figure.png", tmp_path / "run.nc", tmp_path / "run.csv"
    expected = "expected a run saved as netCDF (.nc) or a sweep (.zarr), got"
    assert wrong(capsys, "plot", run, "--out", figure) == f"{run}: {expected} no file at all"
    store = tmp_path / "results.zarr"
    assert wrong(capsys, "plot", store, "--out", figure) == f"{store}: {expected} no file at all"
    assert wrong(capsys, "plot", table, "--out", figure) == f"{table}: {expected} the extension .csv"
    run.write_text("no netCDF")
    message = wrong(capsys, "plot", run, "--out", figure)
    assert str(run) in message and "not a readable netCDF file" in message
    message = wrong(capsys, "plot", run, "--out", tmp_path / "figure.gif")
    assert message == f"--out: expected a file that ends in .png, .pdf or .svg, got {tmp_path / 'figure.gif'}"
    assert not figure.exists()


def test_a_saved_grid_is_drawn(tmp_path, capsys):
    model = ro.ResourceModel(ro.SkillGraph([[]] * 2), [1.0, 0.5], 1e-3, 0.1).grid(wasted_resource=[0.01, 0.1])
    ro.simulate(model, [0.0, 1000.0, 2000.0]).save(tmp_path / "grid.nc")
    assert cli.main(["plot", str(tmp_path / "grid.nc"), "--out", str(tmp_path / "grid.png")]) == 0
    assert (tmp_path / "grid.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("model", "drawn"),
    [
        ({"pool": None, "interference": None}, ["levels", None]),
        ({"pool": [0, 1], "pools": 2, "interference": None}, ["levels", 0, 1]),
        ({"pool": None, "interference": [[1]]}, ["levels"]),
    ],
)
def test_panels(model: dict[str, Any], drawn: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[Any] = []
    levels = lambda run, ax: found.append("levels")  # noqa: E731
    pretend(monkeypatch, "plot.runs", levels=levels, shares=lambda run, ax, pool: found.append(pool))
    pictures.draw_run(types.SimpleNamespace(model=types.SimpleNamespace(**model)), tmp_path / "run.pdf")
    assert found == drawn
    assert [path.name for path in tmp_path.iterdir()] == ["run.pdf"]


def test_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pretend(monkeypatch, "applications.demo", run=lambda out, echo: echo(f"in {out}"))
    monkeypatch.chdir(tmp_path)
    assert cli.main(["demo"]) == 0
    assert capsys.readouterr().out == f"in {Path('out/demo')}\n"
    (tmp_path / "file").touch()
    for out in ("file", "file/below"):
        assert wrong(capsys, "demo", "--out", out) == "--out: expected a folder, got file, which is a file"


# -- what is not the user's fault


def failing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fail(*arguments: Any, **options: Any) -> None:
        raise error

    monkeypatch.setattr(module("solve.simulation"), "simulate", fail)


@pytest.mark.parametrize(
    ("error", "status", "expected"),
    [
        (TypeError("of a bug\nand more"), 1, "TypeError: of a bug (RESOURCE_ODE_DEBUG=1 shows where it happened)"),
        (OSError(28, "No space left on device"), 1, "No space left on device"),
        (MemoryError(), 1, "there is not enough memory for this run; ask for fewer points or skills"),
        (KeyboardInterrupt(), 130, "interrupted; nothing half-written was left behind"),
    ],
)
def test_other_failures_are_told_in_words(
    error: BaseException,
    status: int,
    expected: str,
    scenario: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    failing(monkeypatch, error)
    monkeypatch.delenv(cli.DEBUG, raising=False)
    arguments = ["simulate", str(scenario), "--out", str(tmp_path / "run.csv")]
    assert cli.main(arguments) == status
    told = capsys.readouterr()
    assert told.out == "" and told.err.startswith(f"resource-ode: {expected}") and len(told.err.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["case.toml"]


def test_debugging_shows_the_traceback(scenario: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, TypeError("of a bug"))
    monkeypatch.setenv(cli.DEBUG, "1")
    with pytest.raises(TypeError, match="of a bug"):
        cli.main(["simulate", str(scenario), "--out", str(tmp_path / "run.csv")])


def test_a_run_that_failed_is_not_written(
    scenario: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sentence = "1 of 1 run failed. 1: The solver used up its steps before the last time."
    run = types.SimpleNamespace(failures=lambda: sentence)
    monkeypatch.setattr(module("solve.simulation"), "simulate", lambda *arguments, **options: run)
    assert cli.main(["simulate", str(scenario), "--out", str(tmp_path / "run.csv")]) == 1
    assert sentence in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["case.toml"]


def test_a_picture_that_fails_leaves_the_table_only(
    scenario: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unsaved(self: Any, path: Path, **options: Any) -> None:
        path.write_text("half a picture")
        raise OSError(28, "No space left on device")

    pretend(monkeypatch, "plot.runs", levels=lambda run, ax: None, shares=lambda run, ax, pool: None)
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", unsaved)
    model = types.SimpleNamespace(pool=None, interference=None)
    run = types.SimpleNamespace(model=model, failures=lambda: "", save=lambda path: path.write_text("t\n"))
    monkeypatch.setattr(module("solve.simulation"), "simulate", lambda *arguments, **options: run)
    out, picture = tmp_path / "run.csv", tmp_path / "run.png"
    assert cli.main(["simulate", str(scenario), "--out", str(out), "--plot", str(picture)]) == 1
    told = capsys.readouterr().err
    assert f"{out} is written; drawing {picture} failed" in told and "No space left on device" in told
    assert sorted(path.name for path in tmp_path.iterdir()) == ["case.toml", "run.csv"]


def test_warnings_are_one_line(
    scenario: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def warn(out: Path, echo: Any) -> None:
        import warnings

        warnings.simplefilter("always")
        warnings.warn("something is odd", stacklevel=1)

    pretend(monkeypatch, "applications.demo", run=warn)
    assert cli.main(["demo", "--out", str(tmp_path)]) == 0
    assert capsys.readouterr().err == "resource-ode: warning: something is odd\n"
