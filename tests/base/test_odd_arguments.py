"""What users of Python give by mistake: refused in a sentence, and never taken for something else without a word."""

import dataclasses
import warnings

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import resource_ode as ro

GRAPH = ro.SkillGraph({"a": [], "b": ["a"], "c": ["a", "b"]})
GIVEN = {"frequency": [1.0, 2.0, 3.0], "learning_rate": 1e-2, "wasted_resource": 0.1, "gate_exponent": 0.1}
ESCAPE = "\x1b[2J"


def build(**given):
    return ro.ResourceModel(GRAPH, **(GIVEN | given))


@pytest.mark.parametrize("name", ["learning_rate", "wasted_resource", "gate_exponent", "plateau", "frequency_power"])
def test_numbers_by_skill_are_no_batch(name):
    numbers = [0.1, 0.2, 0.3]
    for value in (
        pd.Series(numbers, index=["c", "b", "a"]),
        xr.DataArray(numbers, dims="skill", coords={"skill": ["a", "b", "c"]}),
    ):
        with pytest.raises(ValueError, match=f"{name}: expected one number for all skills, or an array with one per"):
            build(**{name: value})
    assert build(**{name: pd.Series(numbers)}).batch_shape == (3,)


def test_what_is_gone_through_once_is_no_array():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match="frequency: expected numbers, got "):
            build(frequency=(x for x in [1.0, 2.0, 3.0]))


def test_missing_numbers_of_pandas():
    with pytest.raises(ValueError, match="frequency: expected finite numbers above 0, got nan at index 1"):
        build(frequency=pd.array([1, None, 2], dtype="Float64"))
    assert build(frequency=pd.array([1, 3, 2], dtype="Float64")).frequency.tolist() == [1, 3, 2]


MATRICES = {
    "text": [["0", "1"], ["0", "0"]],
    "complex": np.array([[0, 1j], [0, 0]]),
    "dates": pd.DataFrame(np.full((2, 2), "2020", "M8[s]")),
    "durations": np.full((2, 2), 1, "m8[s]"),
    "masked": np.ma.masked_array([[0, 1], [0, 0]], [[0, 1], [0, 0]]),
    "none": [[0, None], [0, 0]],
}


@pytest.mark.parametrize("case", MATRICES)
def test_matrices_of_what_is_no_number(case):
    with pytest.raises(ValueError, match="matrix: expected rows of numbers, got "):
        ro.SkillGraph.from_adjacency(MATRICES[case])


def test_matrices_of_whatever_is_a_number():
    whole = np.array([[0, 1], [0, 0]])
    for matrix in (whole.tolist(), whole.astype(bool), whole.astype(object), pd.DataFrame(whole, dtype="Int64")):
        assert ro.SkillGraph.from_adjacency(matrix).prerequisite_lists() == [[], [0]]


MISTAKES = {
    "itself": lambda: ro.SkillGraph({ESCAPE: [ESCAPE]}),
    "twice": lambda: ro.SkillGraph({ESCAPE: [], "b": [ESCAPE, ESCAPE]}),
    "unknown": lambda: ro.SkillGraph({ESCAPE: ["b"], "c": []}),
    "no list": lambda: ro.SkillGraph({ESCAPE: None}),
    "a cycle": lambda: ro.SkillGraph({ESCAPE: ["b"], "b": [ESCAPE]}),
    "a run": lambda: ro.simulate(ro.ResourceModel(ro.SkillGraph({ESCAPE: []}), [1.0], 1e-2, 0.1), [0.0, 1.0])["b"],
}


@pytest.mark.parametrize("case", MISTAKES)
def test_no_escape_in_a_message(case):
    with pytest.raises(ValueError) as caught:
        MISTAKES[case]()
    assert str(caught.value).isprintable() and "\\x1b[2J" in str(caught.value)


def test_skills_by_number():
    run = ro.simulate(build(), [0.0, 1.0])
    for skill in (0, True, {"a", "c"}):
        with pytest.raises(ValueError, match="skill: expected a name of a skill or a list of names, got"):
            run.sel(skill=skill)


def test_one_is_no_batch_to_go_through():
    for one in (GRAPH, build(), ro.simulate(build(), [0.0, 1.0])):
        with pytest.raises(TypeError, match="expected a batch to go through, got one"):
            list(one)
        with pytest.raises(TypeError):
            assert "a" not in one
    batch = build(wasted_resource=[[0.1, 0.2, 0.3]] * 2)
    assert [member.batch_shape for member in batch] == [(3,), (3,)]
    assert [round(float(member.wasted_resource), 3) for member in batch[0, ...]] == [0.1, 0.2, 0.3]


def test_replace_of_dataclasses():
    with pytest.raises(TypeError, match=r"dataclasses\.replace cannot make one; ResourceModel\.replace does"):
        dataclasses.replace(build(), learning_rate=1.0)
