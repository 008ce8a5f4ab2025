"""Keys given on the command line in place of a file's own."""

import pytest

import resource_ode as ro
from resource_ode import cli
from resource_ode.config.scenario import read_scenario
from resource_ode.config.toml import ScenarioError

SCENARIO = """
[resource]
learning_rate = 1e-3
wasted_resource = 1e-3
gate_exponent = 1e-2
[time]
horizon = 0.95
points = 11
[[skill]]
name = "letters"
frequency = 1.0
[[skill]]
name = "words v1.2"
frequency = 0.3
requires = ["letters"]
"""
SWEEP = "examples/sweep_small.toml"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "scenario.toml"
    path.write_text(SCENARIO)
    return path


def test_keys_are_set(file):
    given = ["wasted_resource=0.1", "resource.loss = cross_entropy", "until=500", "skill.words v1.2.frequency=2"]
    found = read_scenario(file, given)
    assert float(found.model.wasted_resource) == 0.1 and found.model.loss == "cross_entropy"
    assert found.ts[-1] == 500 and len(found.ts) == 11
    assert found.model.frequency.tolist() == [1.0, 2.0]
    # the others are the file's, which is as it was
    assert read_scenario(file).model.frequency.tolist() == pytest.approx([1.0, 0.3])
    assert read_scenario(file, ["skill.letters.initial_level=0.5"]).model.initial_level is not None


MISTAKES = {
    "no value": ("wasted_resource", "expected key=value, as wasted_resource=0.1"),
    "no key": ("=3", "expected key=value"),
    "unknown": ("wasted_resorce=1", 'unknown key "wasted_resorce"; did you mean "wasted_resource"?'),
    "unknown section": ("resorce.loss=mse", 'unknown section "resorce"; did you mean "resource"?'),
    "unknown in a section": ("time.unti=3", 'unknown key "time.unti"; did you mean "until"?'),
    "unknown skill": ("skill.letter.frequency=1", 'there is no skill "letter"; did you mean "letters"?'),
    "unknown of a skill": ("skill.letters.freq=1", 'unknown key "skill.letters.freq"; did you mean "frequency"?'),
    "no TOML": ("wasted_resource=1 2", 'wasted_resource: expected a number, a word, or a value as TOML has it, got "1'),
    "several lines": ("wasted_resource=1\nloss=2", "several lines"),
    "a word for a number": ("wasted_resource=much", "[resource] wasted_resource: expected a finite number"),
    "out of range": ("learning_rate=-1", "[resource] learning_rate: expected"),
    "no word of the loss": ("loss=msee", "[resource] loss: expected"),
}


@pytest.mark.parametrize("setting, sentence", MISTAKES.values(), ids=MISTAKES)
def test_mistakes_get_one_sentence(file, setting, sentence):
    with pytest.raises(ScenarioError) as caught:
        read_scenario(file, [setting])
    assert sentence in str(caught.value) and "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(file))


def test_each_key_once(file):
    with pytest.raises(ScenarioError, match="expected each key once"):
        read_scenario(file, ["wasted_resource=1", "resource.wasted_resource=2"])
    with pytest.raises(ScenarioError, match="one of until, horizon and values, got until and values"):
        read_scenario(file, ["until=1", "values=[1]"])


def test_of_sweeps():
    found = ro.read_sweep(SWEEP, ["graphs=3", "axis.wasted_resource.values=[0.1, 1]", "level=0.5"])
    assert found.shape[-1] == 3 and found.content["observe"]["level"] == 0.5
    assert {axis.name: axis.values for axis in found.axes}["wasted_resource"] == (0.1, 1)
    for setting, sentence in {
        "graph=3": 'did you mean "graphs"',
        "axis.waste.values=[1]": "there is no axis",
        "values=[1]": "may be in several sections; expected frequency.values or time.values",
    }.items():
        with pytest.raises(ScenarioError, match=sentence):
            ro.read_sweep(SWEEP, [setting])


def test_on_the_command_line(file, tmp_path, capsys):
    out = tmp_path / "run.csv"
    line = ["simulate", str(file), "--out", str(out)]
    assert cli.main([*line, "--set", "until=100", "--set", "points=3"]) == 0
    assert [row.split(",")[0] for row in out.read_text().splitlines()] == ["t", "0.0", "50.0", "100.0"]
    out.unlink()
    assert cli.main([*line, "--set", "wasted=0.1"]) == 2
    assert 'did you mean "wasted_resource"?' in capsys.readouterr().err and not out.exists()
    store = tmp_path / "store.zarr"
    assert cli.main(["sweep", SWEEP, "--out", str(store), "--set", "graphss=3"]) == 2
    assert 'did you mean "graphs"?' in capsys.readouterr().err and not store.exists()


def test_values_take_the_points_of_the_file_away(file):
    assert read_scenario(file, ["time.values=[0, 1, 5]"]).ts.tolist() == [0, 1, 5]
    with pytest.raises(ScenarioError, match="points: expected only with until or horizon"):
        read_scenario(file, ["time.values=[0, 1, 5]", "points=3"])
