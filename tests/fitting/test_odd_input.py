"""What is odd or wrong in curves, mixtures, levels and priors is refused in a sentence, or told in a warning."""

import dataclasses
import decimal
import fractions
import warnings

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from fitting.test_measured import FREE, MODEL, NAMES, ONE, OTHER, curves

import resource_ode as ro
from resource_ode.fitting.curves import Curves, Run
from resource_ode.fitting.tables import CurvesError

TABLE = {"step": [0, 1, 2], "A": [0.5, 0.6, 1.0], "B": [0.5, 0.5, 0.9]}


def read(**options):
    return ro.read_curves(TABLE, chance=0.5, **options)


# -- mixtures


@pytest.mark.parametrize(
    "mixture",
    [
        [1, decimal.Decimal(2)],
        [fractions.Fraction(1), 2],
        {"A": np.float32(1), "B": jnp.asarray(2.0)},
        pd.Series([2.0, 1.0], ["B", "A"]),
        jnp.asarray([1.0, 2.0]),
        (number for number in (1, 2)),
    ],
)
def test_numbers_of_any_kind_are_a_mixture(mixture):
    np.testing.assert_array_equal(read(mixture=mixture).runs[0].mixture, [1, 2])


@pytest.mark.parametrize(
    "mixture, said",
    [
        ({"A": 10**400, "B": 1}, "mixture: expected a finite number of at least 0 for 'A', got 1000"),
        ({"A": 1j, "B": 1}, "mixture: expected a finite number of at least 0 for 'A', got 1j"),
        ({"A": "1", "B": 1}, "mixture: expected a finite number of at least 0 for 'A', got '1'"),
        ({"A": np.timedelta64(1), "B": 1}, "mixture: expected a finite number of at least 0 for 'A', got np.timedelta"),
        (np.ones((2, 2)), "mixture: expected a finite number of at least 0 for 'A', got array"),
        (pd.Series([1, 2, 3], ["A", "B", "A"]), "mixture: expected each task once, got 'A' twice"),
        (pd.DataFrame({"A": [1.0], "B": [2.0]}), "mixture: expected a dict or a list of numbers, got DataFrame"),
        (xr.DataArray([1.0, 2.0], dims="task"), "mixture: expected a dict or a list of numbers, got DataArray"),
        ([1e308, 1e308], "got 1e+308 at most"),
        ([1e-310, 1e-310], "got 1e-310 at most"),
        ([1e-200, 1.0], "mixture: expected at least 1e-09 of the sum for 'A', or 0 where it is never met, got 1e-200"),
        (ro.Schedule([0, 1], [[1, 2], [-1, 2]]), "mixture from step 1: expected a finite number of at least 0 for 'A'"),
        (ro.Schedule([0, 1], [[1, 2], [0, 0]]), "mixture from step 1: expected a task with a number above 0, got only"),
        ({"run": ro.Schedule([0], [[1.0]])}, "mixture of run 'run': expected a schedule of 2 numbers, one per task"),
    ],
)
def test_what_is_no_mixture_is_refused(mixture, said):
    with pytest.raises(CurvesError) as caught:
        read(mixture=mixture)
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_mixtures_in_different_units_are_warned_of():
    first, second = curves([ONE, OTHER]).runs
    scaled = [first, Run(second.steps, second.levels, 100 * second.mixture, "percent")]
    with pytest.warns(UserWarning, match=r"mixtures of runs sum to .* and to .*: they are used as given"):
        found = ro.fit(Curves(NAMES, tuple(scaled)), MODEL.graph, FREE)
    assert any("state all in one unit" in sentence for sentence in found.warnings)
    assert not ro.fit(curves([ONE, OTHER]), MODEL.graph, FREE).warnings


def test_a_mixture_that_what_if_refuses_is_called_as_it_was_given():
    found = ro.fit(curves(), MODEL.graph, FREE)
    one, several = [0, 1, 1, 1], {"none of A": [0, 1, 1, 1]}
    for mixtures, said in (
        (one, "mixture: expected a number above 0"),
        (several, "mixture 'none of A': expected a number above 0"),
        (pd.DataFrame({name: [1.0] for name in NAMES}), "mixtures: expected a mixture or several, got DataFrame"),
    ):
        with pytest.raises(ValueError) as caught:
            ro.what_if(found, mixtures)
        assert str(caught.value).startswith(said)


def test_runs_have_schedules_by_name():
    table = {"run": ["a"] * 3 + ["b"] * 3, **{name: column * 2 for name, column in TABLE.items()}}
    schedule = ro.Schedule([0, 1], [[1.0, 2.0], [2.0, 1.0]])
    found = ro.read_curves(table, chance=0.5, mixture={"a": schedule, "b": [1, 1]})
    assert [run.scheduled for run in found.runs] == [True, False]


# -- tables


@pytest.mark.parametrize(
    "table, said",
    [
        ({"step": [0, 1], "Step": [0, 0.5], "A": [0.5, 1]}, "expected one column named step, got 'step', 'Step'"),
        ({"step": [0, 1], "": [0.5, 1]}, "curves: expected a name for each column, got none for number 2"),
        (pd.DataFrame({"step": [0, 1], " ": [0.5, 1]}), "expected a name for each column, got none for number 2"),
        ({"step": [2**60, 2**60 + 1], "A": [0.5, 1]}, "steps beyond 2^53 cannot be told apart: subtract the first"),
        ({"step": [0, 1], "A": [1.0, 0.5]}, "column 'A': expected an accuracy that begins below 1, got 1 in the first"),
        ({"step": [0, 1], "A": [1.0, 1.0]}, "when it was learned was not measured; leave the task out, or give chance"),
        ({"step": [0, 2], "hours": [0, 2], "A": [0.5, 1]}, "or name the tasks if this column is no task"),
        ({"run": ["a", None, "a"], **TABLE}, "column 'run', row 1: expected a name or a number, as in other rows"),
        ({"seed": [0, np.nan, 0], **TABLE}, "column 'seed', row 1: expected a name or a number, as in other rows"),
        (
            {"step": np.array([1, 2], "timedelta64[ns]"), "A": [0.5, 1]},
            "column 'step', row 0: expected a training step",
        ),
        ({"step": np.array([1, 2], "datetime64[ns]"), "A": [0.5, 1]}, "column 'step', row 0: expected a training step"),
        ({"step": [0, np.datetime64(5, "ns")], "A": [0.5, 1]}, "column 'step', row 1: expected a training step"),
        ({"step": [0, "1,000"], "A": [0.5, 1]}, "got '1,000'; write decimal points without separators of thousands"),
        ({"step": [0, "1'000"], "A": [0.5, 1]}, "; write numbers without separators of thousands"),
        (
            {"step": 5, "A": 0.5},
            "column 'step': expected a list of cells, got 5; make rows a table: pandas.DataFrame(ro",
        ),
        ({"step": [0, 1], "A": [0.9, 0.1]}, 'give chance and ceiling of the task, or say that it is a loss: "loss"'),
        (
            pd.DataFrame({"step": [0, 0], "task": ["A", np.nan], "value": [0.5, 0.5]}),
            "column 'task', row 1: expected the name of a task, got an empty cell",
        ),
    ],
)
def test_tables_that_can_be_misread_are_refused(table, said):
    with pytest.raises(CurvesError) as caught:
        ro.read_curves(table)
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_columns_of_runs_and_seeds_without_a_cell_are_as_none():
    missing = pd.DataFrame({"run": [np.nan] * 3, "seed": [None] * 3, **TABLE})
    (run,) = ro.read_curves(missing, chance=0.5, seed=None).runs
    assert run.name == "run" and run.seed is None and len(run.steps) == 3


def test_marks_of_pandas_are_missing_values_in_any_table():
    cells = {"step": [0, 1, 2], "A": [0.5, pd.NA, 1]}
    for table in (cells, pd.DataFrame(cells)):
        np.testing.assert_array_equal(ro.read_curves(table, chance=0.5).runs[0].levels[:, 0], [0, np.nan, 1])


def test_one_file_given_twice_is_not_two_seeds():
    with pytest.raises(CurvesError, match="run 'run': expected each run once, got the same numbers twice"):
        ro.read_curves([TABLE, TABLE], chance=0.5)
    other = {**TABLE, "A": [0.5, 0.7, 1.0]}
    assert len(ro.read_curves([TABLE, other], chance=0.5)) == 2


@pytest.mark.parametrize("number", [np.float32(0.5), np.asarray(0.5), jnp.asarray(0.5), fractions.Fraction(1, 2)])
def test_numbers_of_any_kind_are_chance_and_a_level(number):
    found = ro.read_curves(TABLE, chance=number)
    np.testing.assert_array_equal(found.runs[0].levels[0], [0, 0])
    np.testing.assert_allclose(found.learning_times(number), [[1.375, 1.625]])
    assert not ro.infer_graph(ro.read_curves(TABLE, mixture=[1, 1]), number).identified


# -- curves


def test_questions_that_are_none_are_refused():
    found = read()
    for ask, said in (
        (lambda: found.split("half"), "part: expected a number between 0 and 1, got 'half'"),
        (lambda: found.split(None), "part: expected a number between 0 and 1, got None"),
        (lambda: found.until("x"), "step: expected a training step, got 'x'"),
        (lambda: found.until(np.nan), "step: expected a training step, got nan"),
        (lambda: found.learning_times("x"), "level: expected a number, got 'x'"),
        (lambda: found.learning_times(np.nan), "level: expected a number, got nan"),
        (lambda: found[3:], "runs: expected a slice with a run in it, of 1, got slice"),
    ):
        with pytest.raises(ValueError) as caught:
            ask()
        assert said in str(caught.value)


def risen(first, others=0.0):
    """Two runs with tasks A and B, with and without A; A begins at a level, B at another."""
    steps = np.arange(100.0, 1100.0, 100.0)
    rise = np.clip((steps - 100) / 500, 0, 1)
    levels = np.stack([np.maximum(rise, first), np.maximum(rise, others)], axis=1)
    runs = [Run(steps, levels, np.asarray(mixture), f"run {k}") for k, mixture in enumerate(([1.0, 1.0], [0.0, 2.0]))]
    return Curves(("A", "B"), tuple(runs))


def test_what_was_learned_before_the_first_row_has_no_learning_time():
    found = risen(0.9)
    np.testing.assert_allclose(found.learning_times()[0], [0, 500])
    assert found.learned_before() == ["A"] and risen(0.5).learned_before() == []
    with pytest.warns(UserWarning, match="column 'A' is at a level of 0.8 or more from the first row on"):
        fit = ro.fit(found[:1], free=("learning_rate", "wasted_resource"))
    assert "bounded from below only" in fit.warnings[0]
    with pytest.raises(ValueError, match="runs: expected a task whose rise was measured, got none: column 'A' is at"):
        ro.fit(risen(0.9, 0.8)[:1])
    # nor is it an effect of none that it is there in runs that leave another task out
    inferred = ro.infer_graph(risen(0.9, 0.8))
    assert not inferred.decided.any() and inferred.graph is None
    for first, others, known in ((0.9, 0.8, False), (0.0, 0.0, True)):
        runs = [dataclasses.replace(run, levels=run.levels[:, [0, 1, 1]], mixture=run.mixture[[0, 1, 1]])
                for run in risen(first, others).runs]  # fmt: skip
        assert ro.infer_graph(Curves(("A", "B", "C"), tuple(runs))).decided[1, 0] == known


def test_one_task_builds_on_no_other():
    alone = ro.read_curves({"step": [0, 1], "A": [0.0, 1.0]}, value="level", mixture=[1.0])
    assert ro.suggest_runs(alone) == {}
    assert ro.infer_graph(alone).report().endswith("There is one task alone, which builds on no other.")


# -- fits


@pytest.mark.parametrize(
    "prior, said",
    [
        ({"plateau": 2}, "prior: plateau: expected finite numbers above 0 and at most 1, got 2.0"),
        ({"plateau": (2.0, 0.1)}, "prior: plateau: expected a value of at least 0 and at most 1, got (2.0, 0.1)"),
        ({"frequency_power": (-1, 0.1)}, "prior: frequency_power: expected a value of at least 0, got (-1, 0.1)"),
        ({"learning_rate": 0}, "prior: learning_rate: expected finite numbers above 0, got 0.0"),
        ({"learnability": [1, 2]}, "prior: learnability: expected shape (*batch, 4) for 4 skills, got (2,)"),
        ({"learnability": [[1, 1, 1, 1]]}, "prior: learnability: expected a number for each task, got [[1, 1, 1, 1]]"),
        ({"learnability": {"A": 1}}, "prior: learnability: expected a number for each skill, got none for 'B', 'AB'"),
        ({"plateau": "low"}, "prior: plateau: expected a number, or (value, spread), got 'low'"),
        ({"plateau": 10**400}, "prior: plateau: expected a number, or (value, spread), got 1000"),
    ],
)
def test_priors_of_wrong_form_are_refused(prior, said):
    with pytest.raises(ValueError) as caught:
        ro.fit(curves([ONE]), MODEL.graph, None, prior)
    assert str(caught.value).startswith(said) and "\n" not in str(caught.value)


def test_numbers_of_any_kind_are_a_prior():
    held = {"frequency_power": jnp.asarray(0.6), "plateau": fractions.Fraction(1), "learning_rate": np.float32(0.02)}
    found = ro.fit(curves([ONE]), MODEL.graph, FREE[1:3], held)
    assert found.stated and found.residual < 0.1


@pytest.mark.parametrize("scale", [1e-6, 1e12])
def test_steps_of_any_scale(scale):
    """A unit of time is a convention: fits are those of the same curves."""
    plain = curves(noise=0.01)
    scaled = Curves(NAMES, tuple(Run(run.steps * scale, run.levels, run.mixture, run.name) for run in plain.runs))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        one, other = (ro.fit(each, MODEL.graph, FREE) for each in (plain, scaled))
        times = [ro.what_if(found, OTHER.tolist()) for found in (one, other)]
    for name in ("times", "low", "high"):
        np.testing.assert_allclose(getattr(times[1], name) / scale, getattr(times[0], name), rtol=2e-3)


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_steps_that_floating_point_cannot_hold(scale):
    plain = curves([ONE])
    scaled = Curves(NAMES, tuple(Run(run.steps * scale, run.levels, run.mixture, run.name) for run in plain.runs))
    with pytest.raises(ValueError, match=r"runs: expected a last step between .* give steps in another unit"):
        ro.fit(scaled, MODEL.graph, FREE)


def test_wrong_levels_and_mixtures_of_plans():
    found = ro.fit(curves(), MODEL.graph, FREE)
    for level in (0, 1, -1, np.nan, "x", None, True, [0.8], 10**400):
        for ask in (lambda level: ro.what_if(found, [1, 1, 1, 1], level), lambda level: ro.design(found, level),
                    lambda level: ro.infer_graph(curves(), level)):  # fmt: skip
            with pytest.raises(ValueError, match="level: expected a number between 0 and 1, got"):
                ask(level)
    for near, said in (([0, 1, 1, 1], "near: expected a number above 0 for each task"), ([1, 1], "near: expected a")):
        with pytest.raises(ValueError, match=said):
            ro.design(found, near=near)
    labelled = ro.what_if(found, {"two\nlines": [1, 1, 1, 1]}, np.float32(0.5))
    assert len(labelled.report().splitlines()) == 1
