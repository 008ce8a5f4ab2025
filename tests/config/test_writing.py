"""A model written as a scenario is read as the same model, to the last bit."""

import numpy as np
import pytest

import resource_ode as ro
from resource_ode.config.writing import scenario_text

NAMES = ["plain", 'with "quotes"', "tab\tand \\ and \x7f", "中文"]
GRAPH = ro.SkillGraph([[], [0], [0, 1], [1, 2]], ["all", "all", "any", "all"], names=NAMES)
FIELDS = (
    *("frequency", "learning_rate", "wasted_resource", "gate_exponent", "initial_level", "frequency_after", "pool"),
    *("interference", "plateau", "frequency_power", "learnability", "prerequisite_strength"),
)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"loss": "cross_entropy", "competition": "l2", "initial_level": [0.1, 0.0, 0.0, 0.2]},
        {"frequency_after": [1 / 3, 1.0, 2.0, 0.1]},
        {"pool": [0, 1, 0, 1], "learning_rate": [1e-3, 2e-3], "wasted_resource": [0.1, 0.0]},
        {"plateau": 0.01, "frequency_power": 0.7, "learnability": [1.0, 0.3, 2.0, 1.0]},
        {"prerequisite_strength": np.asarray([[1.0, 1.0], [0.5, 1.0], [0.1, 0.9], [1.0, 1 / 3]])},
    ],
    ids=lambda changes: ", ".join(changes) or "the least",
)
def test_a_model_is_read_as_it_was_written(changes, tmp_path):
    given = {"learning_rate": 1e-3, "wasted_resource": 1 / 7, "gate_exponent": 1e-3, **changes}
    model = ro.ResourceModel(GRAPH, [0.1, 1.0, 1 / 3, 1e-17], **given)
    path = tmp_path / "model.toml"
    path.write_text(scenario_text(model, {"until": 10}, "one\ntwo"), encoding="utf-8")
    read = ro.read_scenario(path)
    # what cannot be printed is spelled out, as a scenario asks
    assert read.names == (*NAMES[:2], r"tab\tand \ and \x7f", "中文") and read.ts[-1] == 10
    assert (read.model.loss, read.model.competition) == (model.loss, model.competition)
    assert read.model.graph.prerequisite_lists() == GRAPH.prerequisite_lists()
    np.testing.assert_array_equal(read.model.graph.any_gate, GRAPH.any_gate)
    for name in FIELDS:
        mine, its = getattr(model, name), getattr(read.model, name)
        if name == "prerequisite_strength" and mine is not None:
            there = np.asarray(GRAPH.required)
            mine, its = np.asarray(mine)[there], np.asarray(its)[there]
        assert (mine is None) == (its is None), name
        if mine is not None:
            np.testing.assert_array_equal(mine, its, err_msg=name)


def test_interference_is_written_too(tmp_path):
    overlap = [[1.0, 0.2], [0.2, 1.0]]
    model = ro.ResourceModel(ro.SkillGraph([[], []]), [1.0, 2.0], 0.1, 0.1, interference=overlap)
    path = tmp_path / "model.toml"
    path.write_text(scenario_text(model, {"until": 10}), encoding="utf-8")
    np.testing.assert_array_equal(ro.read_scenario(path).model.interference, overlap)


def test_what_a_scenario_cannot_say_is_refused():
    model = ro.ResourceModel(ro.SkillGraph([[], []]), [1.0, 2.0], 0.1, 0.1)
    for wrong, message in (
        (model.replace(wasted_resource=[0.1, 0.2]), "expected one model, got a batch"),
        (model.replace(learning_rate=ro.Schedule([0.0, 5.0], [0.1, 0.2])), "expected a constant learning_rate"),
    ):
        with pytest.raises(ValueError, match=message):
            scenario_text(wrong, {"until": 10})
