"""Scenario files: what they mean, and the sentence that each mistake gets."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest

from resource_ode.config.scenario import MOST_POINTS, Scenario, read_scenario
from resource_ode.config.toml import ScenarioError
from resource_ode.solve import learning

EXAMPLES = Path(__file__).parents[2] / "examples"

RESOURCE = """
[resource]
learning_rate = 1e-3
wasted_resource = 1e-3
gate_exponent = 1e-3
"""
TIME = """
[time]
until = 1000
points = 11
"""
SKILLS = """
[[skill]]
name = "A"
frequency = 1.0
[[skill]]
name = "B"
frequency = 0.5
requires = ["A"]
"""
GOOD = RESOURCE + TIME + SKILLS


def write(folder: Path, text: str) -> Path:
    path = folder / "case.toml"
    path.write_text(text, encoding="utf-8")
    return path


def complaint(path: Path) -> str:
    """The message about a scenario, which has to be short and to name the file."""
    with pytest.raises(ScenarioError) as caught:
        read_scenario(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert len(message.splitlines()) <= 2
    short = message.removeprefix(str(path))
    assert len(short) < 250
    return short


# -- what a file means


def test_all_keys_reach_the_model(tmp_path: Path) -> None:
    text = """
        [resource]
        learning_rate = [1e-3, 2e-3]
        wasted_resource = 1
        gate_exponent = 0.5
        loss = "cross_entropy"
        competition = "l2"
        [time]
        until = 10
        [[skill]]
        name = "A"
        frequency = 3
        pool = 1
        [[skill]]
        name = "B"
        frequency = 0.5
        initial_level = 0.25
        [[skill]]
        name = "C"
        frequency = 0.1
        frequency_after = 7.0
        requires = ["B", "A"]
        gate = "any"
    """
    scenario = read_scenario(str(write(tmp_path, text)))
    assert isinstance(scenario, Scenario)
    assert scenario.path == tmp_path / "case.toml"
    assert scenario.names == ("A", "B", "C")
    model = scenario.model
    assert model.graph.prerequisite_lists() == [[], [], [1, 0]]
    assert np.asarray(model.graph.any_gate).tolist() == [False, False, True]
    for name, expected in {
        "frequency": [3, 0.5, 0.1],
        "frequency_after": [3, 0.5, 7],
        "initial_level": [0, 0.25, 0],
        "pool": [1, 0, 0],
        "learning_rate": [1e-3, 2e-3],
        "wasted_resource": [1, 1],
        "gate_exponent": 0.5,
    }.items():
        np.testing.assert_allclose(np.asarray(getattr(model, name)), expected, rtol=1e-15)
    assert (model.loss, model.competition) == ("cross_entropy", "l2")
    np.testing.assert_allclose(scenario.ts, np.linspace(0, 10, 201))


def test_defaults(tmp_path: Path) -> None:
    model = read_scenario(write(tmp_path, GOOD)).model
    assert (model.loss, model.competition, model.pool, model.interference) == ("mse", "l1", None, None)
    assert model.initial_level is None and model.frequency_after is None


def test_gate_exponent_is_needed_only_with_prerequisites(tmp_path: Path) -> None:
    without = GOOD.replace("gate_exponent = 1e-3\n", "")
    assert complaint(write(tmp_path, without)) == ': [resource]: missing key "gate_exponent"'
    assert read_scenario(write(tmp_path, without.replace('requires = ["A"]', ""))).names == ("A", "B")


def test_interference(tmp_path: Path) -> None:
    text = RESOURCE + "interference = [[1, 0.5], [0.5, 1]]" + TIME + SKILLS.replace('requires = ["A"]', "")
    np.testing.assert_allclose(
        np.asarray(read_scenario(write(tmp_path, text)).model.interference), [[1, 0.5], [0.5, 1]]
    )


def test_parameters_for_measured_curves(tmp_path: Path) -> None:
    own = "plateau = 0.1\nfrequency_power = 0.5\nlearnability = 2\nprerequisite_strength = 0.25\n"
    model = read_scenario(write(tmp_path, RESOURCE + own + TIME + SKILLS)).model
    assert [float(model.plateau), float(model.frequency_power)] == [0.1, 0.5]
    assert model.learnability.tolist() == [2, 2] and model.prerequisite_strength.tolist()[1] == [0.25]
    each = SKILLS + "learnability = 3\nprerequisite_strength = [0.75]\n"
    model = read_scenario(write(tmp_path, RESOURCE + own + TIME + each)).model
    assert model.learnability.tolist() == [2, 3] and model.prerequisite_strength.tolist()[1] == [0.75]
    assert read_scenario(write(tmp_path, GOOD)).model.plateau is None


def test_times(tmp_path: Path) -> None:
    def times(section: str) -> np.ndarray:
        return read_scenario(write(tmp_path, RESOURCE + "[time]\n" + section + SKILLS)).ts

    # whole where they can be, exactly: the discrete method asks for that
    np.testing.assert_array_equal(times("until = 1000\npoints = 1001"), np.arange(1001))
    np.testing.assert_array_equal(times("until = 1e4\npoints = 1e3")[[0, -1]], [0, 10000])
    np.testing.assert_array_equal(times("values = [0, 1.5, 100]"), [0, 1.5, 100])


def test_byte_order_mark_and_other_alphabets(tmp_path: Path) -> None:
    path = write(tmp_path, "\ufeff" + GOOD.replace('"A"', '"αβγ, δ"'))
    assert read_scenario(path).names == ("αβγ, δ", "B")


def test_horizon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run goes on a little longer than the last skill needs, in whole steps where that costs little."""
    text = RESOURCE + "[time]\nhorizon = {}\npoints = {}\n" + SKILLS
    ts = read_scenario(write(tmp_path, text.format(0.95, 11))).ts
    # n theta <= eta t, and a little waste and waiting
    assert 1900 < ts[-1] < 2600 and len(ts) == 11
    np.testing.assert_array_equal(ts, np.round(ts))

    def found(*times: float) -> None:
        monkeypatch.setattr(learning, "learning_times", lambda model, level: np.asarray(times))

    found(100.0, 300.0)
    assert read_scenario(write(tmp_path, text.format(0.95, 101))).ts[-1] == pytest.approx(315)
    found(100.0, math.inf)
    message = complaint(write(tmp_path, text.format(0.95, 11)))
    assert message == (
        ': [time] horizon: expected a level that every skill reaches, but "B" never reaches 0.95; give until instead'
    )
    found(math.nan, 1.0)
    message = complaint(write(tmp_path, text.format(0.95, 11)))
    assert message == ': [time] horizon: could not find when skill "A" reaches level 0.95; give until instead'
    found(0.0, 0.0)
    message = complaint(write(tmp_path, text.format(0.2, 11)))
    assert message == ": [time] horizon: expected a level above where some skill starts, got 0.2; give until instead"


# -- graph files


def graph_json(folder: Path, *edges: tuple[str, str], **frequency: float) -> None:
    nodes = [{"id": name, "frequency": value} if value else {"id": name} for name, value in frequency.items()]
    rows = [{"source": before, "target": after} for before, after in edges]
    (folder / "skills.json").write_text(json.dumps({"directed": True, "nodes": nodes, "edges": rows}))


def test_graph_file_beside_the_scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    graph_json(tmp_path, ("x", "y"), x=1.0, y=0.25)
    scenario = read_scenario(write(tmp_path, 'graph = "skills.json"\n' + RESOURCE + TIME))
    assert scenario.names == ("x", "y")
    assert scenario.model.graph.prerequisite_lists() == [[], [0]]
    np.testing.assert_allclose(np.asarray(scenario.model.frequency), [1, 0.25])
    # what the scenario says goes before what the file says
    scenario = read_scenario(write(tmp_path, 'graph = "skills.json"\n' + RESOURCE + "frequency = 2\n" + TIME))
    np.testing.assert_allclose(np.asarray(scenario.model.frequency), [2, 2])


def test_adjacency_with_threshold(tmp_path: Path) -> None:
    np.save(tmp_path / "weights.npy", np.asarray([[0, 0.9], [0.2, 0]]))
    text = 'graph = "weights.npy"\nthreshold = 0.5\n' + RESOURCE + "frequency = [1, 2]\n" + TIME
    scenario = read_scenario(write(tmp_path, text))
    assert scenario.model.graph.prerequisite_lists() == [[], [0]]
    assert scenario.names == ("skill 1", "skill 2")
    np.testing.assert_allclose(np.asarray(scenario.model.frequency), [1, 2])


def test_graph_cycles(tmp_path: Path) -> None:
    graph_json(tmp_path, ("x", "y"), ("y", "x"), x=1.0, y=0.25)
    text = 'graph = "skills.json"\n' + RESOURCE + TIME
    message = complaint(write(tmp_path, text))
    assert message.startswith(": graph: ") and "skills.json" in message
    assert "x -> y -> x" in message or "y -> x -> y" in message
    assert "condense = true" in message
    assert read_scenario(write(tmp_path, "condense = true\n" + text)).names == ("x+y",)


def test_graph_file_mistakes(tmp_path: Path) -> None:
    def about(top: str, resource: str = "") -> str:
        return complaint(write(tmp_path, top + "\n" + RESOURCE + resource + "\n" + TIME))

    assert "no file at all" in about('graph = "none.graphml"')
    (tmp_path / "skills.pdf").write_text("text")
    assert "expected a .graphml, .gexf, .gml, .dot, .json, .csv," in about('graph = "skills.pdf"')
    assert about("graph = 3") == ": graph: expected a text in quotes, got 3"
    graph_json(tmp_path)
    assert "expected at least one skill, got an empty graph" in about('graph = "skills.json"')
    graph_json(tmp_path, ("x", "y"), x=0, y=0)
    assert about('graph = "skills.json"') == (
        ": [resource] frequency: expected a number, or one per skill, since skills.json holds none"
    )
    assert about('graph = "skills.json"', "frequency = [1, 2, 3]") == (
        ": [resource] frequency: expected one number for all or one per skill (2), got 3"
    )
    assert about('graph = "skills.json"', "frequency = [1, 0]") == (
        ": [resource] frequency[1]: expected a finite number above 0, got 0"
    )
    assert about('graph = "skills.json"\ncondense = 1') == ": condense: expected true or false, got 1"
    assert about('graph = "skills.json"\nthreshold = -1') == (
        ": threshold: expected a finite number of at least 0, got -1"
    )
    assert about('graph = "skills.json"\n' + SKILLS) == (
        ': expected either [[skill]] tables or graph = "a file", got both'
    )


# -- mistakes: what is replaced in the good file, by what, and what is said

MISTAKES = {
    "unknown key": (
        "learning_rate",
        "learning_rat",
        '[resource]: unknown key "learning_rat"; did you mean "learning_rate"?',
    ),
    "unknown key of a skill": ("requires", "require", '[[skill]] "B": unknown key "require"; did you mean "requires"?'),
    "key in the wrong section": (
        "until = 1000",
        'until = 1000\nloss = "mse"',
        '[time]: unknown key "loss"; it belongs in [resource]',
    ),
    "graph below a section": (
        "points = 11",
        'points = 11\ngraph = "skills.json"',
        '[time]: unknown key "graph"; it belongs at the top of the file, before the first section',
    ),
    "key like no other": (
        "points = 11",
        "points = 11\ncolour = 1",
        '[time]: unknown key "colour"; expected one of until, horizon, values, points',
    ),
    "unknown section": ("[time]", "[times]", 'unknown key "times"; did you mean "time"?'),
    "no section": ("[time]\nuntil = 1000\npoints = 11", "", "expected a section [time], got none"),
    "two sections": ("[time]", "[[time]]", "expected a section [time], got a list"),
    "missing key": ("wasted_resource = 1e-3", "", '[resource]: missing key "wasted_resource"'),
    "missing frequency": ("frequency = 0.5", "", '[[skill]] "B": missing key "frequency"'),
    "missing name": ('name = "B"', "", '[[skill]] number 2: missing key "name"'),
    "text for a number": (
        "learning_rate = 1e-3",
        'learning_rate = "1e-3"',
        '[resource] learning_rate: expected a finite number above 0, got "1e-3"',
    ),
    "truth for a number": (
        "learning_rate = 1e-3",
        "learning_rate = true",
        "[resource] learning_rate: expected a finite number above 0, got true",
    ),
    "date for a number": (
        "learning_rate = 1e-3",
        "learning_rate = 2025-01-01",
        "[resource] learning_rate: expected a finite number above 0, got a date",
    ),
    "list without pools": (
        "learning_rate = 1e-3",
        "learning_rate = [1e-3]",
        "[resource] learning_rate: expected a number, got a list (one per pool), though no skill has a pool",
    ),
    "too many pools": (
        'frequency = 0.5\nrequires = ["A"]',
        "frequency = 0.5\npool = 2",
        '[[skill]] "B" pool: expected a whole number from 0 to 1, got 2',
    ),
    "gap between pools": (
        'frequency = 0.5\nrequires = ["A"]',
        'frequency = 0.5\npool = 2\n[[skill]]\nname = "C"\nfrequency = 1\npool = 2',
        "pool: expected pools numbered from 0 without gaps, got 2 and no 1",
    ),
    "part of a pool": (
        "frequency = 0.5",
        "frequency = 0.5\npool = 0.5",
        '[[skill]] "B" pool: expected a whole number from 0 to 1, got 0.5',
    ),
    "negative": ("1e-3\nwasted", "-1\nwasted", "[resource] learning_rate: expected a finite number above 0, got -1"),
    "zero": (
        "frequency = 0.5",
        "frequency = 0.0",
        '[[skill]] "B" frequency: expected a finite number above 0, got 0.0',
    ),
    "not a number": (
        "frequency = 0.5",
        "frequency = nan",
        '[[skill]] "B" frequency: expected a finite number above 0, got nan',
    ),
    "infinite": (
        "gate_exponent = 1e-3",
        "gate_exponent = inf",
        "[resource] gate_exponent: expected a finite number above 0, got inf",
    ),
    "huge integer": (
        "gate_exponent = 1e-3",
        f"gate_exponent = 1{'0' * 400}",
        "[resource] gate_exponent: expected a finite number above 0, got an integer of more than 20 digits",
    ),
    "negative waste": (
        "wasted_resource = 1e-3",
        "wasted_resource = -0.1",
        "[resource] wasted_resource: expected a finite number of at least 0, got -0.1",
    ),
    "learned from the start": (
        "frequency = 0.5",
        "frequency = 0.5\ninitial_level = 1",
        '[[skill]] "B" initial_level: expected a finite number of at least 0 and below 1, got 1',
    ),
    "frequency after": (
        "frequency = 0.5",
        "frequency = 0.5\nfrequency_after = 0",
        '[[skill]] "B" frequency_after: expected a finite number above 0, got 0',
    ),
    "unknown loss": (
        "[time]",
        'loss = "hinge"\n[time]',
        '[resource] loss: expected "mse" or "cross_entropy", got "hinge"',
    ),
    "loss of another type": ("[time]", "loss = 2\n[time]", '[resource] loss: expected "mse" or "cross_entropy", got 2'),
    "unknown competition": (
        "[time]",
        'competition = "l3"\n[time]',
        '[resource] competition: expected "l1" or "l2", got "l3"',
    ),
    "unknown gate": (
        'requires = ["A"]',
        'requires = ["A"]\ngate = "or"',
        '[[skill]] "B" gate: expected "all" or "any", got "or"',
    ),
    "frequency for all": (
        "[time]",
        "frequency = 1\n[time]",
        "[resource] frequency: expected only with a graph file; each [[skill]] has its own",
    ),
    "condense without a graph": (
        "[resource]",
        "condense = true\n[resource]",
        'condense: expected only together with graph = "a file"',
    ),
    "threshold without a graph": (
        "[resource]",
        "threshold = 0.1\n[resource]",
        'threshold: expected only together with graph = "a file"',
    ),
    "unknown prerequisite": (
        '["A"]',
        '["a1", "A"]',
        '[[skill]] "B" requires: expected names of skills, got "a1"; did you mean "A"?',
    ),
    "repeated prerequisite": (
        '["A"]',
        '["A", "A"]',
        '[[skill]] "B" requires: expected each skill once, got "A" twice',
    ),
    "requires itself": ('["A"]', '["A", "B"]', '[[skill]] "B" requires: a skill cannot require itself'),
    "prerequisite without brackets": (
        '["A"]',
        '"A"',
        '[[skill]] "B" requires: expected a list of names of skills, as ["A", "B"], got "A"',
    ),
    "prerequisite by number": (
        '["A"]',
        "[1]",
        '[[skill]] "B" requires: expected a list of names of skills, as ["A", "B"], got 1',
    ),
    "duplicate name": (
        'name = "B"',
        'name = "A"',
        '[[skill]] "A" name: expected distinct names, but an earlier skill has this one',
    ),
    "empty name": ('name = "B"', 'name = " "', '[[skill]] " " name: expected a name of printable characters'),
    "unprintable name": (
        'name = "B"',
        'name = "B\\n"',
        '[[skill]] "B\\n" name: expected a name of printable characters',
    ),
    "name of another type": ('name = "B"', "name = 2", "[[skill]] number 2 name: expected a text in quotes, got 2"),
    "one [skill]": (
        SKILLS,
        '\n[skill]\nname = "A"\nfrequency = 1',
        "expected [[skill]] tables, in double brackets, got one [skill]",
    ),
    "empty graph": (
        "[resource]",
        "skill = []\n[resource]",
        "skill: expected at least one [[skill]] table, got an empty list",
    ),
    "neither": (SKILLS, "", 'expected either [[skill]] tables or graph = "a file", got neither'),
    "skills of another type": ("[resource]", "skill = 3\n[resource]", "skill: expected [[skill]] tables, got 3"),
    "no time": ("until = 1000\npoints = 11", "", "[time]: expected one of until, horizon and values, got none of them"),
    "two times": (
        "until = 1000",
        "until = 1000\nhorizon = 0.95",
        "[time]: expected one of until, horizon and values, got until and horizon",
    ),
    "no duration": ("until = 1000", "until = 0", "[time] until: expected a finite number above 0, got 0"),
    "one point": (
        "points = 11",
        "points = 1",
        f"[time] points: expected a whole number from 2 to {MOST_POINTS}, got 1",
    ),
    "part of a point": (
        "points = 11",
        "points = 11.5",
        f"[time] points: expected a whole number from 2 to {MOST_POINTS}, got 11.5",
    ),
    "infinite points": (
        "points = 11",
        "points = inf",
        f"[time] points: expected a whole number from 2 to {MOST_POINTS}, got inf",
    ),
    "truth for points": (
        "points = 11",
        "points = true",
        f"[time] points: expected a whole number from 2 to {MOST_POINTS}, got true",
    ),
    "horizon out of reach": (
        "until = 1000",
        "horizon = 1",
        "[time] horizon: expected a finite number above 0 and below 1, got 1",
    ),
    "points of values": (
        "until = 1000",
        "values = [1]",
        "[time] points: expected only with until or horizon; values are the points themselves",
    ),
    "times not increasing": (
        "until = 1000\npoints = 11",
        "values = [0, 10, 10]",
        "[time] values: expected times that increase, got 10 and then 10",
    ),
    "negative time": (
        "until = 1000\npoints = 11",
        "values = [-1, 10]",
        "[time] values[0]: expected a finite number of at least 0, got -1",
    ),
    "no values": (
        "until = 1000\npoints = 11",
        "values = []",
        "[time] values: expected at least one time, got an empty list",
    ),
    "one value": (
        "until = 1000\npoints = 11",
        "values = 10",
        "[time] values: expected a list of numbers, got 10",
    ),
    "interference that is no matrix": (
        "[time]",
        "interference = 0.5\n[time]",
        "[resource] interference: expected a matrix, as [[1.0, 0.1], [0.1, 1.0]], got 0.5",
    ),
    "interference of another size": (
        "[time]",
        "interference = [[1]]\n[time]",
        "[resource] interference: expected 2 rows of 2 numbers, one per skill, got 1 rows of 1",
    ),
    "plateau": (
        "[time]",
        "plateau = 2\n[time]",
        "[resource] plateau: expected a finite number above 0 and of at most 1, got 2",
    ),
    "plateau of cross entropy": (
        "[time]",
        'plateau = 0.5\nloss = "cross_entropy"\n[time]',
        '[resource]: plateau: expected None or 1 with loss="cross_entropy", since no closed form of its effort is '
        'known; it goes with loss="mse"',
    ),
    "more strengths than prerequisites": (
        'requires = ["A"]',
        'requires = ["A"]\nprerequisite_strength = [0.5, 0.5]',
        '[[skill]] "B" prerequisite_strength: expected one number, or one a prerequisite (1), got 2',
    ),
    "strength without prerequisites": (
        'requires = ["A"]',
        "prerequisite_strength = 0.5",
        '[[skill]] "B" prerequisite_strength: expected only with requires: there is no prerequisite whose strength it '
        "could be",
    ),
    "interference of texts": (
        "[time]",
        'interference = [[1, "x"], [0, 1]]\n[time]',
        '[resource] interference[0][1]: expected a finite number, got "x"',
    ),
    "interference with prerequisites": (
        "[time]",
        "interference = [[1, 0], [0, 1]]\n[time]",
        "[resource]: interference: expected a graph without prerequisites (gates need levels that cannot fall)",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(name: str, tmp_path: Path) -> None:
    before, after, expected = MISTAKES[name]
    assert before in GOOD
    text = GOOD.replace(before, after, 1)
    if name in ("empty graph", "skills of another type"):
        text = text.replace(SKILLS, "")
    assert complaint(write(tmp_path, text)) == f": {expected}"


def test_pools_of_another_number(tmp_path: Path) -> None:
    text = GOOD.replace("frequency = 0.5", "frequency = 0.5\npool = 1").replace(
        "learning_rate = 1e-3", "learning_rate = [1, 2, 3]"
    )
    assert (
        complaint(write(tmp_path, text))
        == ": [resource] learning_rate: expected one number, or one per pool (2), got 3"
    )


def test_suggested_prerequisite(tmp_path: Path) -> None:
    text = GOOD.replace('"A"', '"addition"', 1).replace('["A"]', '["adition"]')
    assert complaint(write(tmp_path, text)) == (
        ': [[skill]] "B" requires: expected names of skills, got "adition"; did you mean "addition"?'
    )


def test_cycle_is_printed_by_name(tmp_path: Path) -> None:
    text = GOOD.replace("frequency = 1.0", 'frequency = 1.0\nrequires = ["B"]')
    message = complaint(write(tmp_path, text))
    assert re.fullmatch(
        r": requires: expected no cycle, got (A -> B -> A|B -> A -> B) \(none of these could ever start\)", message
    )
    # prerequisites come first
    text = GOOD.replace("frequency = 1.0", 'frequency = 1.0\nrequires = ["C"]')
    text += '[[skill]]\nname = "C"\nfrequency = 1\nrequires = ["B"]\n'
    message = complaint(write(tmp_path, text))
    assert any(path in message for path in ("A -> B -> C -> A", "B -> C -> A -> B", "C -> A -> B -> C"))


def test_files_that_are_none(tmp_path: Path) -> None:
    assert complaint(tmp_path / "none.toml") == ": expected a scenario file (TOML), got no file at all"
    assert complaint(tmp_path) == ": expected a scenario file (TOML), got a folder"
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    assert complaint(tmp_path / "bytes.toml") == ": expected text in UTF-8 (TOML), got other bytes"
    message = complaint(write(tmp_path, "[resource\n"))
    assert message.startswith(": expected TOML, got text that is none: ") and "line 1" in message
    assert complaint(write(tmp_path, "[time]\nuntil = 1\nuntil = 2\n")).startswith(
        ": expected TOML, got text that is none: "
    )
    assert complaint(write(tmp_path, "a = " + "9" * 5000)).startswith(": expected TOML, got text that is none: ")
    assert complaint(write(tmp_path, "")) == ": expected a section [resource], got none"
    assert complaint(write(tmp_path, "a = " + "[" * 100_000)).startswith(": expected TOML, got ")


# -- the examples


@pytest.mark.parametrize("name", ["chain", "and_tree", "or_graph", "parity"])
def test_examples(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # a horizon costs a solve, which the other tests make
    monkeypatch.setattr(learning, "learning_times", lambda model, level: np.full(model.skills, 8000.0))
    scenario = read_scenario(EXAMPLES / f"{name}.toml")
    lists, frequency, any_gate, numbers = {
        "chain": ([[], [0], [1]], [0.3, 1, 3], [], (1e-3, 1e-3, 1e-4)),
        "and_tree": ([[], [], [], [], [0, 1], [2, 3], [4, 5]], [1, 0.1, 2, 0.2, 1, 1, 1], [], (1e-3, 1e-3, 1e-3)),
        "or_graph": ([[], [], [], [], [0, 1], [2, 3], [4, 5]], [0.1, 0.01, 2, 0.2, 1, 1, 1], [5, 6], (1e-3,) * 3),
        "parity": ([[], [], [0, 1]], [1 / 3] * 3, [], (0.01 * math.sqrt(7 * 50 / 600), 0.01, 0.01)),
    }[name]
    model = scenario.model
    assert model.graph.prerequisite_lists() == lists
    assert np.flatnonzero(np.asarray(model.graph.any_gate)).tolist() == any_gate
    np.testing.assert_allclose(np.asarray(model.frequency), frequency, rtol=1e-15)
    found = [float(getattr(model, key)) for key in ("learning_rate", "wasted_resource", "gate_exponent")]
    np.testing.assert_allclose(found, numbers, rtol=1e-15)
    if name == "parity":
        np.testing.assert_array_equal(scenario.ts, np.arange(1001))


def test_a_scenario_prints_itself_in_a_line(tmp_path):
    (tmp_path / "a.toml").write_text((Path(__file__).parents[2] / "examples" / "chain.toml").read_text())
    said = repr(read_scenario(tmp_path / "a.toml"))
    assert said.startswith("Scenario('") and said.endswith(", 501 times up to 5000)") and len(said) < 400
