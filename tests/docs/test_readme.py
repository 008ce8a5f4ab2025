"""The README: its figures are those of the committed tables, its commands run as they are printed, in their order."""

import json
import re
import shlex
import shutil
from pathlib import Path

import jax
import matplotlib.pyplot as plt
import pytest

from resource_ode import cli

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
RESULTS = ROOT / "benchmarks" / "results"
MOST_LINES = 90  # two screens


def rows(name):
    (path,) = RESULTS.glob(f"{name}_*.json")
    return json.loads(path.read_text())["rows"]


def ratio(method):
    (found,) = [row for row in rows("table_float64") if (row["task"], row["method"]) == ("full trajectories", method)]
    return found["ratio"]


@pytest.mark.parametrize(
    ("sentence", "measured"),
    [
        (r"trajectories ([\d.]+) times as fast as diffrax's Tsit5", lambda: ratio("diffrax Tsit5, log-depth")),
        (r"and ([\d.]+) times as fast as a numba solver", lambda: ratio("numba Tsit5, log-depth")),
        (r"a plane of 256 .* costs ([\d.]+) single points", lambda: rows("sharing")[-1]["ratio"]),
    ],
)
def test_figures_of_speed_are_those_of_the_committed_tables(sentence, measured):
    said = re.search(sentence, TEXT)
    assert said, f"README.md does not say {sentence}"
    assert said[1] == f"{measured():.3g}"


def test_what_a_plane_costs_is_said_as_in_the_committed_table():
    words = " ".join((ROOT / "docs" / "sweep.md").read_text(encoding="utf-8").split())
    sentence = r"take ([\d.]+) times as long as at one, at 8 gate .* ([\d.]+) times, .* 256 points ([\d.]+)"
    said = re.search(sentence, words)
    assert said and list(said.groups()) == [f"{row['ratio']:.2g}" for row in rows("sharing")[1:]]


def test_it_is_two_screens_and_says_what_its_letters_mean_before_the_law():
    assert len(TEXT.splitlines()) <= MOST_LINES
    words = " ".join(TEXT.split())
    law = words.index(r"$\eta t = \sum_i s_i + N_0 \tau$")
    assert words.index("constant demand $N_0$ (the *wasted resource*)") < law
    assert words.index(r"*resource time* $\tau$") < law


def test_commands_run_as_printed(tmp_path, monkeypatch, capsys):
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    blocks = [body for kind, body in re.findall(r"^```(\w*)\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE) if not kind]
    lines = [line for block in blocks for line in block.splitlines() if line.startswith("resource-ode ")]
    assert len(lines) == 4
    for line in lines:
        name, *arguments = shlex.split(line)[1:]
        if name == "sweep" or arguments[0] == "results.zarr":
            continue  # takes up to a minute: tests/sweeps and tests/cli run the same file
        assert cli.main([name, *arguments]) == 0, capsys.readouterr().err
    assert (tmp_path / "figure.png").stat().st_size > 10_000
    for path in re.findall(r"examples/\w+\.toml", TEXT):
        assert (ROOT / path).is_file()


def test_the_example_prints_what_is_printed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code, said = re.search(r"```python\n(.*?)```\n\n```\n(.*?)```", TEXT, re.DOTALL).groups()
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        exec(compile(code, "README.md", "exec"), {})
    plt.close("all")
    assert capsys.readouterr().out == said and (tmp_path / "run.png").stat().st_size > 10_000
