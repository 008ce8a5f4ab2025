"""The references of `reliability`: against SciPy in training time, closed forms and published numbers."""

import dataclasses

import numpy as np
import pytest
from systems import Case

from reliability import cells, kinds, references
from reliability.references import Member


def member_of(case):
    gate = [case.gate] * case.skills if isinstance(case.gate, str) else case.gate
    values = {field.name: getattr(case, field.name) for field in dataclasses.fields(Member)} | {"gate": gate}
    return Member(**values)


CHAIN = Member([[], [0], [1]], ["all"] * 3, np.array([0.3, 1, 3]), 1e-3, 1e-3, 1e-4)


def test_published_times():
    found = references.solve(CHAIN, np.zeros(0), 0.5)
    np.testing.assert_allclose(found.times, [502.4, 1730.0, 3274.5], atol=0.06)
    found = references.solve(CHAIN, np.zeros(0), 0.95)
    np.testing.assert_allclose(found.times, [961.5, 2523.6, 4213.6], atol=0.06)


def test_independent_skills_by_their_closed_form():
    frequency, rate, waste = 10.0 ** np.arange(-3, 3), 0.01, 1e-3
    found = references.solve(Member([[]] * 6, ["all"] * 6, frequency, rate, waste, 1.0), np.zeros(0), 0.7)
    ratio = frequency[None] / frequency[:, None]
    exact = ((1 - 0.3**ratio).sum(1) + waste * np.log(1 / 0.3) / frequency) / rate
    np.testing.assert_allclose(found.times, exact, rtol=1e-12)


GRAPH = [[], [], [0, 1], [0], [2, 3], []]
CASES = {
    "all": Case(GRAPH, [0.5, 2, 1, 3, 0.7, 1], wasted_resource=0.05),
    "any": Case(GRAPH, [0.5, 2, 1, 3, 0.7, 1], gate="any", gate_exponent=0.5),
    "mixed": Case(GRAPH, [0.5, 2, 1, 3, 0.7, 1], gate=["any", "all", "any", "all", "all", "any"], gate_exponent=2.0),
    "entropy": Case(GRAPH, [0.5, 2, 1, 3, 0.7, 1], loss="cross_entropy", gate_exponent=0.3),
    "l2": Case(GRAPH, [0.5, 2, 1, 3, 0.7, 1], competition="l2", gate="any", gate_exponent=0.3),
    "l2 entropy": Case(GRAPH, [0.5, 2, 1, 3, 0.7, 1], competition="l2", loss="cross_entropy", gate_exponent=0.3),
    "initial": Case(GRAPH, [0.5, 2, 1, 3, 0.7, 1], initial_level=[0, 0.5, 0.1, 0, 0.3, 0.9], gate_exponent=0.3),
    "self-paced": Case(GRAPH, [0.5, 2, 1, 3, 0.7, 1], frequency_after=[5, 0.2, 1, 3, 7, 0.1], gate_exponent=0.3),
    "pools": Case(
        GRAPH, [0.5, 2, 1, 3, 0.7, 1], pool=[0, 0, 0, 0, 0, 1], learning_rate=[1.0, 0.1], wasted_resource=[0.1, 0.01]
    ),
    "crossing": Case(
        GRAPH, [0.5, 2, 1, 3, 0.7, 1], pool=[0, 1, 0, 1, 0, 1], learning_rate=[1.0, 0.5], wasted_resource=[0.1, 0.5],
        gate_exponent=0.5,
    ),
    "schedule of frequency": Case(
        GRAPH, ([0.0, 2.0, 5.0], [[0.5, 2, 1, 3, 0.7, 1], [1, 1, 0, 1, 1, 2], [2, 0.5, 1, 1, 3, 1]]), gate_exponent=0.5
    ),
    "schedules": Case(
        GRAPH, [0.5, 2, 1, 3, 0.7, 1], learning_rate=([0.0, 3.0], [1.0, 0.2]), wasted_resource=([0.0, 4.0], [0.1, 1.0]),
        gate_exponent=0.5, loss="cross_entropy",
    ),
    "interference": Case([[], []], [1.0, 2.0], interference=[[1, 0.5], [0.5, 1]]),
    "interference entropy": Case([[], []], [1.0, 2.0], interference=[[1, 0.5], [0.5, 1]], loss="cross_entropy"),
    "interference initial": Case(
        [[], [], []], [1.0, 2.0, 0.3], interference=[[1, 0.5, -0.3], [0.5, 1, 0.2], [-0.3, 0.2, 1]],
        initial_level=[0.9, 0.0, 0.4], wasted_resource=0.3,
    ),
    "interference entropy initial": Case(
        [[], []], [1.0, 2.0], interference=[[1, 0.5], [0.5, 1]], loss="cross_entropy", initial_level=[0.9, 0.2]
    ),
    "plateau": Case(GRAPH, [0.5, 2, 1, 3, 0.7, 1], plateau=0.01, gate_exponent=0.5),
    "plateau initial": Case(GRAPH, [0.5, 2, 1, 3, 0.7, 1], plateau=1e-4, initial_level=[0, 1e-3, 0, 0.4, 0, 0.9]),
    "plateau l2": Case(GRAPH, [0.5, 2, 1, 3, 0.7, 1], plateau=0.03, competition="l2", gate="any", gate_exponent=0.3),
    "effective frequency": Case(
        GRAPH, [0.5, 2, 1, 3, 0.7, 1], frequency_power=0.4, learnability=[3, 0.5, 1, 0.2, 2, 1],
        frequency_after=[5, 0.2, 1, 3, 7, 0.1], plateau=0.2, gate_exponent=0.3,
    ),
    "strengths": Case(
        GRAPH, [0.5, 2, 1, 3, 0.7, 1], gate=["any", "all", "any", "all", "all", "any"], gate_exponent=0.1,
        prerequisite_strength=[[], [], [0.9, 0.99], [1.0], [0.0, 0.7], []],
    ),
    "strengths entropy": Case(
        GRAPH, [0.5, 2, 1, 3, 0.7, 1], loss="cross_entropy", gate_exponent=0.3,
        prerequisite_strength=[[], [], [0.9, 0.5], [1 - 1e-6], [0.0, 0.7], []],
    ),
    "extended schedule": Case(
        GRAPH, ([0.0, 2.0, 5.0], [[0.5, 2, 1, 3, 0.7, 1], [1, 1, 0, 1, 1, 2], [2, 0.5, 1, 1, 3, 1]]),
        plateau=0.05, frequency_power=0.5, learnability=[3, 0.5, 1, 0.2, 2, 1], gate_exponent=0.5,
        prerequisite_strength=[[], [], [0.9, 0.5], [0.2], [0.0, 0.7], []],
    ),
    "extended pools": Case(
        GRAPH, [0.5, 2, 1, 3, 0.7, 1], pool=[0, 0, 0, 0, 0, 1], learning_rate=[1.0, 0.1], wasted_resource=[0.1, 0.01],
        plateau=0.05, learnability=2.0, prerequisite_strength=[[], [], [0.9, 0.5], [0.2], [0.0, 0.7], []],
    ),
    "extended crossing": Case(
        GRAPH, [0.5, 2, 1, 3, 0.7, 1], pool=[0, 1, 0, 1, 0, 1], learning_rate=[1.0, 0.5], wasted_resource=[0.1, 0.5],
        gate_exponent=0.5, plateau=0.05, learnability=2.0, frequency_power=2.0,
        prerequisite_strength=[[], [], [0.9, 0.5], [0.2], [0.0, 0.7], []],
    ),
}  # fmt: skip
TS = np.array([0.0, 0.3, 1.0, 2.5, 4.0, 8.0, 20.0])


@pytest.mark.parametrize("name", CASES)
def test_levels_are_those_of_an_integration_in_training_time(name):
    case = CASES[name]
    found = references.solve(member_of(case), TS, None)
    assert found.note == "" and found.level_error < 1e-9
    np.testing.assert_allclose(found.levels, case.levels(TS), atol=2e-8)


@pytest.mark.parametrize(
    "name",
    [
        "mixed",
        "entropy",
        "l2",
        "initial",
        "self-paced",
        "schedule of frequency",
        "schedules",
        "plateau initial",
        "effective frequency",
        "strengths",
        "extended schedule",
    ],
)
def test_at_the_time_of_a_level_the_level_is_reached(name):
    case = CASES[name]
    found = references.solve(member_of(case), np.zeros(0), 0.6)
    assert found.time_error.max() < 1e-9
    when = np.unique(found.times[(found.times > 0) & (found.times < 1e3)])
    levels = references.solve(member_of(case), when, None).levels
    for skill, time in enumerate(found.times):
        if 0 < time < 1e3:
            assert abs(levels[np.searchsorted(when, time), skill] - 0.6) < 1e-9


@pytest.mark.parametrize("waste", [0.0, 1e-300, 1e-100])
def test_without_waste_a_run_ends(waste):
    member = dataclasses.replace(CHAIN, wasted_resource=waste, gate_exponent=0.5)
    found = references.solve(member, np.array([1000.0, 2999.0, 3001.0, 1e12]), None)
    np.testing.assert_allclose(found.levels[:2].sum(1), [1.0, 2.999], atol=1e-9)
    np.testing.assert_allclose(found.levels[2:], 1.0, atol=1e-12)


def test_there_is_no_reference_beyond_where_the_clock_stops():
    # the third skill unlearns the first two, whose negative demand comes to exceed its own and the waste
    member = dataclasses.replace(
        Member([[]] * 3, ["all"] * 3, np.array([100.0, 100.0, 1.0]), 1.0, 0.01, 1.0),
        interference=[[1, 0, 0.7], [0, 1, 0.7], [0.7, 0.7, 1]],
        initial_level=[0.9999, 0.9999, 0.0],
    )
    begin = references.solve(member, np.array([0.0, 1e-4]), None).levels
    np.testing.assert_allclose(begin[0], [0.9999, 0.9999, 0.0], atol=1e-15)
    with pytest.raises(references.NoReference, match="clock stops"):
        references.solve(member, np.array([0.0, 1.0]), None)


@pytest.mark.parametrize(
    "name", ["interference/float64/simulate/eager/tight/0.0", "interference-entropy/float64/simulate/jit/default/0.0"]
)
def test_initial_levels_reach_the_model_where_only_some_members_have_them(name):
    cell = cells.build(name)
    given = [member.initial_level is not None for member in cell.members]
    assert any(given) and not given[0]
    expected = [np.zeros(4) if member.initial_level is None else member.initial_level for member in cell.members]
    np.testing.assert_array_equal(cells.model_of(cell).initial_level, np.asarray(expected))


def test_every_cell_is_made_again_from_its_name():
    for kind in kinds.KINDS:
        name = f"{kinds.names(kind)[0]}/5.1"
        first, again = cells.build(name), cells.build(name)
        np.testing.assert_array_equal(first.ts, again.ts)
        assert repr(first.members) == repr(again.members) and len(first.ts) == kinds.TIMES
    with pytest.raises(ValueError, match="KIND/DTYPE"):
        cells.build("chain/float64")
