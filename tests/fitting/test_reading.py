"""Curves are read from every form of table, scaled as said, and refused in words that name column and row."""

import warnings

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import resource_ode as ro
from resource_ode.fitting.tables import CurvesError

WIDE = "step,A,B\n0,0.5,0.5\n100,0.75,0.5\n250,1.0,0.75\n"


def write(folder, text, name="curves.csv"):
    path = folder / name
    path.write_text(text)
    return path


def test_a_wide_file(tmp_path):
    curves = ro.read_curves(write(tmp_path, WIDE), chance=0.5, mixture={"B": 0.25, "A": 0.75})
    assert curves.names == ("A", "B") and len(curves) == 1
    run = curves.runs[0]
    np.testing.assert_array_equal(run.steps, [0, 100, 250])
    np.testing.assert_allclose(run.levels, [[0, 0], [0.5, 0], [1, 0.5]])
    np.testing.assert_array_equal(run.mixture, [0.75, 0.25])
    assert curves.notes == ("ceiling of 'A', 'B' was taken to be an accuracy of 1",)


@pytest.mark.parametrize("separator", [";", "\t"])
def test_other_separators_quotes_and_blank_lines(tmp_path, separator):
    text = WIDE.replace(",", separator).replace("A", '"A"').replace("\n", "\r\n\r\n")
    np.testing.assert_allclose(ro.read_curves(write(tmp_path, text), chance=0.5).runs[0].levels[1], [0.5, 0])


def test_every_form_of_one_table_gives_the_same(tmp_path):
    frame = pd.read_csv(write(tmp_path, WIDE))
    long = frame.melt("step", var_name="task", value_name="accuracy")
    data = xr.Dataset({"accuracy": (("step", "task"), frame[["A", "B"]].to_numpy())},
                      {"step": frame.step, "task": ["A", "B"]})  # fmt: skip
    wide_data = frame.set_index("step").to_xarray()
    forms = [frame, frame.set_index("step"), long, data, data.accuracy, wide_data, frame.to_dict("list"), [frame]]
    expected = ro.read_curves(tmp_path / "curves.csv", chance=0.5).runs[0].levels
    for form in forms:
        curves = ro.read_curves(form, chance=0.5)
        assert curves.names == ("A", "B")
        np.testing.assert_array_equal(curves.runs[0].levels, expected)


def test_a_run_of_the_model_is_read_back():
    model = ro.ResourceModel(ro.SkillGraph([[], []], names=("A", "B")), [1.0, 0.1], 0.1, 0.1)
    run = ro.simulate(model, np.arange(0.0, 100.0, 5.0))
    curves = ro.read_curves(run.to_xarray(), value="level")
    np.testing.assert_allclose(curves.runs[0].levels, run.level)


def test_long_form_with_runs_seeds_frequencies_and_uneven_steps():
    table = pd.DataFrame(
        [
            ("x", 0, 0, "A", 0.0, 2.0), ("x", 0, 10, "A", 0.5, 2.0), ("x", 0, 5, "B", 0.1, 1.0),
            ("x", 0, 10, "B", 0.2, 1.0), ("x", 1, 0, "A", 0.0, 2.0), ("x", 1, 20, "A", 0.7, 2.0),
        ],
        columns=["run", "seed", "step", "task", "value", "frequency"],
    )  # fmt: skip
    curves = ro.read_curves(table, value="level")
    assert [(run.name, run.seed) for run in curves.runs] == [("x, seed 0", 0), ("x, seed 1", 1)]
    np.testing.assert_array_equal(curves.runs[0].steps, [0, 5, 10])
    np.testing.assert_array_equal(curves.runs[0].levels, [[0, np.nan], [np.nan, 0.1], [0.5, 0.2]])
    np.testing.assert_array_equal(curves.runs[0].mixture, [2, 1])
    np.testing.assert_array_equal(curves.runs[1].mixture, [2, 0])


def test_a_wide_file_of_several_seeds():
    table = {"seed": [0, 0, 1, 1], "step": [0, 10, 0, 10], "A": [0.0, 0.5, 0.0, 0.9]}
    curves = ro.read_curves(table, value="level", mixture=[3.0])
    assert [run.seed for run in curves.runs] == [0, 1]
    np.testing.assert_array_equal(curves.runs[1].levels, [[0], [0.9]])
    assert [run.mixture.tolist() for run in curves.runs] == [[3.0]] * 2


def test_tensorboard_exports_are_one_run(tmp_path):
    for task, values in {"A": (0.5, 1.0), "B": (0.5, 0.75)}.items():
        rows = "".join(f"1690000000.{k},{100 * k},{value}\n" for k, value in enumerate(values))
        write(tmp_path, "Wall time,Step,Value\n" + rows, f"run-first-tag-eval_{task}.csv")
    files = sorted(tmp_path.glob("*.csv"))
    curves = ro.read_curves(files, chance=0.5, tasks={"eval_A": "A", "eval_B": "B"})
    assert curves.names == ("A", "B") and [run.name for run in curves.runs] == ["first"]
    np.testing.assert_allclose(curves.runs[0].levels, [[0, 0], [1, 0.5]])


def test_weights_and_biases_exports(tmp_path):
    text = (
        '"Step","warm - acc/A","warm - acc/A__MIN","warm - acc/A__MAX","cold - acc/A","cold - _step"\n'
        '"0","0.5","0.5","0.5","",""\n"10","0.75","0.7","0.8","0.5","10"\n"20","","","","1","20"\n'
        '"30","1","1","1","1","30"\n'
    )
    curves = ro.read_curves(write(tmp_path, text), chance=0.5, tasks={"acc/A": "A"})
    assert curves.names == ("A",) and [run.name for run in curves.runs] == ["warm", "cold"]
    np.testing.assert_array_equal(curves.runs[0].steps, [0, 10, 30])
    np.testing.assert_allclose(curves.runs[1].levels[:, 0], [0, 1, 1])


def test_missing_values_are_nan(tmp_path):
    for mark in ("", "NaN", "NA", "null"):
        curves = ro.read_curves(write(tmp_path, f"step,A\n0,0.5\n10,{mark}\n20,1\n"), chance=0.5)
        np.testing.assert_array_equal(curves.runs[0].levels[:, 0], [0, np.nan, 1])


# -- scaling


@pytest.mark.parametrize("first, chance", [(0.26, 0.25), (0.49, 0.5), (0.34, 1 / 3), (0.0, 0.0), (0.7, 0.7)])
def test_chance_is_inferred_and_said(first, chance):
    curves = ro.read_curves({"step": [0, 1], "A": [first, 1.0]})
    np.testing.assert_allclose(curves.runs[0].levels[0, 0], (first - chance) / (1 - chance), atol=1e-12)
    assert curves.notes[0] == f"chance of 'A' was inferred as {chance:.3g}: the first rows have {first:.3g}"


def test_losses():
    table = {"step": [0, 1, 2], "A": [2.0, 1.0, 0.0]}
    np.testing.assert_allclose(ro.read_curves(table, value="loss", chance=2).runs[0].levels[:, 0], [0, 0.5, 1])
    curves = ro.read_curves({**table, "A": [4.0, 1.0, 0.5]}, value="loss")
    assert any("lowest reached" in note and "would still fall" in note for note in curves.notes)
    np.testing.assert_allclose(curves.runs[0].levels[0, 0], 0)
    curves = ro.read_curves({**table, "A": [4.0, 1.0, 0.0]}, value="squared_error")
    np.testing.assert_allclose(curves.runs[0].levels[:, 0], [0, 0.5, 1])


def test_a_squared_error_far_below_its_ceiling_is_refused():
    table = {"step": [0, 1, 2], "A": [4.0, 1.0, 0.1]}
    with pytest.raises(ValueError, match=r"column 'A', row 2: expected a level from 0 to 1, got 1.9 \(a squared error"):
        ro.read_curves(table, value="squared_error", chance=2.0, ceiling=1.0)
    with pytest.warns(UserWarning, match=r"column 'A', row 2: expected a level from 0 to 1, got 1.26"):
        curves = ro.read_curves(table, value="squared_error", ceiling=0.9)
    np.testing.assert_allclose(curves.runs[0].levels[:, 0], [0, 1 - np.sqrt(0.1 / 3.1), 1])
    curves = ro.read_curves(table, value="squared_error", ceiling=0.15)
    np.testing.assert_allclose(curves.runs[0].levels[:, 0], [0, 1 - np.sqrt(0.85 / 3.85), 1])


@pytest.mark.parametrize("chance", [50, 25, 1, 0, {"A": 50, "B": 25}])
def test_percent_where_chance_and_ceiling_are(chance):
    percent = {"step": [0, 1, 2], "A": [50.0, 75, 100], "B": [30.0, 100, 62.5]}
    parts = {"step": [0, 1, 2], "A": [0.5, 0.75, 1], "B": [0.3, 1, 0.625]}
    part = {name: each / 100 for name, each in chance.items()} if isinstance(chance, dict) else chance / 100
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = ro.read_curves(percent, chance=chance, ceiling=100)
        expected = ro.read_curves(parts, chance=part, ceiling=1)
    np.testing.assert_allclose(found.runs[0].levels, expected.runs[0].levels, atol=1e-12)
    assert found.notes == ("accuracies of 'A', 'B' were read as percent, as chance and ceiling are",)


def test_percent_of_one_task():
    table = {"step": [0, 1], "A": [50, 100], "B": [0.25, 1]}
    found = ro.read_curves(table, chance={"A": 50, "B": 0.25}, ceiling={"A": 100, "B": 1})
    np.testing.assert_array_equal(found.runs[0].levels, [[0, 0], [1, 1]])
    assert found.notes == ("accuracies of 'A' were read as percent, as chance and ceiling are",)
    with pytest.warns(UserWarning, match="column 'B': expected accuracies in percent, as chance and"):
        ro.read_curves(table, chance=0, ceiling=100)


PERCENT, PARTS = {"step": [0, 1], "A": [50, 90]}, {"step": [0, 1], "A": [0.5, 0.9]}
BOTH = "ceiling: expected chance and ceiling of column 'A', both from 0 to 1, or both in percent as its accuracies, "


@pytest.mark.parametrize(
    "table, chance, ceiling, said",
    [
        (
            PERCENT,
            None,
            None,
            "column 'A', row 0: expected an accuracy from 0 to 1, got 50; divide by 100 if these are ",
        ),
        (PERCENT, 50, None, ", give chance and ceiling in percent, or name the tasks"),
        (PERCENT, 0.5, 1, ", give chance and ceiling in percent, or name the tasks"),
        (PERCENT, 50, 1, ", give chance and ceiling in percent, or name the tasks"),
        (PERCENT, None, 100, BOTH + "got a ceiling of 100 without a chance"),
        (PERCENT, 0.5, 100, BOTH + "got a ceiling of 100 with a chance of 0.5"),
        (PERCENT, 50, 120, BOTH + "got a ceiling of 120 with a chance of 50"),
        (PARTS, 0.5, 100, BOTH),
        (PARTS, None, 100, BOTH),
        (PARTS, 0, 100, "ceiling: expected a number from 0 to 1, as the accuracies of column 'A' are, got 100"),
        (PARTS, 2, 100, "ceiling: expected a number from 0 to 1, as the accuracies of column 'A' are, got 100"),
        ({"step": [0, 1], "A": [50, 101]}, 50, 100, "column 'A', row 1: expected an accuracy from 0 to 100, got 101"),
        ({"step": [0, 1], "A": [50, -1]}, 50, 100, "column 'A', row 1: expected an accuracy from 0 to 100, got -1"),
    ],
)
def test_percent_and_parts_are_not_mixed(table, chance, ceiling, said):
    with pytest.raises(CurvesError) as caught:
        ro.read_curves(table, chance=chance, ceiling=ceiling)
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_many_notes_are_one():
    curves = ro.read_curves({"step": [0, 1], **{name: [0.5, 1.0] for name in "ABCDE"}})
    assert curves.notes == (
        "chance of 'A', 'B', 'C' and 2 more was inferred as 0.5",
        "ceiling of 'A', 'B', 'C' and 2 more was taken to be an accuracy of 1",
    )


def test_levels_a_little_outside_are_warned_of():
    with pytest.warns(UserWarning, match=r"column 'A', row 1: expected a level from 0 to 1, got -0.2 \(an accuracy of"):
        ro.read_curves({"step": [0, 1, 2], "A": [0.5, 0.4, 0.9]}, chance=0.5)
    with pytest.warns(UserWarning, match="column 'A', row 0: .* got -0.6"):
        ro.read_curves({"step": [0, 1, 2], "A": [1.6, 1.0, 0.5]}, value="loss", chance=1.0, ceiling=0.0)


# -- what is refused


@pytest.mark.parametrize(
    "table, options, said",
    [
        ({"step": [0, 1], "A": [0.5, "high"]}, {}, "column 'A', row 1: expected a number, got 'high'"),
        ({"step": [0, 1], "A": [0.5, np.inf]}, {}, "column 'A', row 1: expected a number, got inf"),
        ({"step": [0, 1], "A": [0.5, True]}, {}, "column 'A', row 1: expected a number, got True"),
        ({"step": [0, "x"], "A": [0.5, 1]}, {}, "column 'step', row 1: expected a training step, got 'x'"),
        ({"step": [0, None], "A": [0.5, 1]}, {}, "column 'step', row 1: expected a training step of at least 0"),
        ({"step": [-1, 0], "A": [0.5, 1]}, {}, "column 'step', row 0: expected a training step of at least 0, got -1"),
        ({"step": [0, 5, 3], "A": [0.5] * 3}, {}, "column 'step', row 2: expected steps that increase, got 3 after 5"),
        ({"step": [0, 5, 5], "A": [0.5] * 3}, {}, "column 'step', row 2: expected steps that increase, got 5 after 5"),
        ({"step": [0, 1], "A": [0.5, 73.0]}, {}, "column 'A', row 1: expected an accuracy from 0 to 1, got 73; divide"),
        ({"step": [0, 1], "A": [0.1, -0.1]}, {}, "column 'A', row 1: expected an accuracy from 0 to 1, got -0.1"),
        ({"step": [0, 1], "A": [0.0, 0.0]}, {"chance": 0.5}, "column 'A', row 0: expected a level from 0 to 1, got -1"),
        ({"step": [0, 1], "A": [0, 1.6]}, {"value": "level"}, "column 'A', row 1: expected a level from 0 to 1, got"),
        ({"step": [0, 1], "A": [1, -1]}, {"value": "squared_error"}, "column 'A', row 1: expected a squared error of"),
        (
            {"step": [0, 1], "A": [1, 2]},
            {"value": "loss"},
            "column 'A': expected a loss, which falls from where it begins (1), got",
        ),
        (
            {"step": [0, 1], "A": [1, 2]},
            {"value": "loss", "chance": 1.0},
            "ceiling: expected a number below chance for",
        ),
        ({"step": [0, 1], "A": [np.nan] * 2}, {}, "column 'A': expected numbers, got none"),
        ({"when": [0, 1], "A": [0.5, 1]}, {}, "expected a column named step, got 'when', 'A'"),
        ({"step": [0, 1]}, {}, "expected a column for each task beside 'step', got none"),
        ({"step": [0], "A": [0.5]}, {}, "run 'run': expected at least 2 rows, got 1"),
        ({"step": [0, 1], "A": [0.5]}, {}, "expected columns of one length"),
        ({"step": [0, 1], "A": [0.5, 1]}, {"value": "acc"}, "value: expected 'accuracy', 'loss'"),
        ({"step": [0, 1], "A": [0.5, 1]}, {"chance": "half"}, "chance: expected a finite number for 'A', got 'half'"),
        ({"step": [0, 1], "A": [0.5, 1]}, {"chance": {"a": 0.5}}, "chance: expected names of tasks, got 'a'"),
        ({"step": [0, 1], "A": [0.5, 1]}, {"value": "level", "chance": 0.5}, "chance: expected none beside"),
        ({"step": [0, 1], "A": [0.5, 1]}, {"tasks": ["B"]}, "tasks: expected columns or tasks of the table, got 'B'"),
        ({"step": [0, 1], "A": [0.5, 1]}, {"mixture": {"B": 1}}, "mixture: expected names of tasks, got 'B'"),
        ({"step": [0, 1], "A": [0.5, 1]}, {"mixture": {}}, "mixture: expected a number for each task, got none for"),
        ({"step": [0, 1], "A": [0.5, 1]}, {"mixture": [1, 2]}, "mixture: expected a number for each of the tasks 'A'"),
        ({"step": [0, 1], "A": [0.5, 1]}, {"mixture": [-1]}, "mixture: expected a finite number of at least 0 for 'A'"),
        ({"step": [0, 1], "A": [0.5, 1]}, {"mixture": ["x"]}, "mixture: expected a finite number of at least 0 for"),
        ({"step": [0, 1], "A": [0.5, 1]}, {"mixture": [0.0]}, "mixture: expected a task with a number above 0"),
        ({"step": [0, 1], "A": [0.5, 1]}, {"where": {"B": 1}}, "where: expected columns of the table, got 'B'"),
        ({"step": [0, 1], "task": ["A", "A"], "value": [1, "?"]}, {}, "column 'value', row 1: expected a number"),
        ({"step": [0, 0], "task": ["A", "A"], "value": [0, 1]}, {}, "row 1: expected steps that increase, got 0 after"),
        ({"step": [0, 0], "task": ["A", ""], "value": [0, 1]}, {}, "column 'task', row 1: expected the name of a task"),
        (17, {}, "curves: expected a CSV file, a DataFrame"),
        ([], {}, "curves: expected at least one table"),
    ],
)
def test_bad_tables_name_column_and_row(table, options, said):
    with pytest.raises(CurvesError) as caught:
        ro.read_curves(table, **options)
    assert said in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text, said",
    [
        ("", "expected a line of column names and rows below it, got an empty file"),
        ("step,A\n", "expected a line of column names and rows below it, got no rows"),
        ("step,A\n0,0.5\n1\n", "line 3: expected 2 cells, as in line 1, got 1"),
        ("step,A,A\n0,0.5,1\n", "line 1: expected each column once, got 'A' twice"),
        ("step,A\n0,0.5\n\n1,zero\n", "line 4: expected a number, got 'zero'"),
        ('step,A\n0,"0.5\n', "expected cells and quotes that match"),
    ],
)
def test_bad_files_name_file_and_line(tmp_path, text, said):
    path = write(tmp_path, text)
    with pytest.raises(CurvesError) as caught:
        ro.read_curves(path)
    assert str(caught.value).startswith(f"{path}: ") and said in str(caught.value)


def test_files_that_are_none(tmp_path):
    for path, said in ((tmp_path, "got a folder"), (tmp_path / "no.csv", "got no file at all")):
        with pytest.raises(CurvesError, match=said):
            ro.read_curves(path)
    path = tmp_path / "bytes.csv"
    path.write_bytes(b"step,A\n0,\xff\n")
    with pytest.raises(CurvesError, match="UTF-8"):
        ro.read_curves(path)


# -- curves


def curves_of(names, seed, value=0.9):
    table = {"step": [0, 50, 100], **{name: [0.0, value / 2, value] for name in names}}
    mixture = {name: 1.0 + place for place, name in enumerate(sorted(names))}
    return ro.read_curves(table, value="level", seed=seed, mixture=mixture)


def test_a_run_that_is_joined_twice_is_not_two_seeds():
    table = {"step": [0, 100], "A": [0.0, 0.9], "B": [0.0, np.nan]}
    one, other = (ro.read_curves(table, value="level", mixture=[1.0, part]) for part in (1.0, 0.5))
    assert len(ro.Curves.join([one, other, ro.read_curves(table, value="level", mixture=[1.0, 1.0], seed=1)])) == 3
    with pytest.raises(ValueError, match="join: expected each run once, got the same numbers twice for run 'run'"):
        ro.Curves.join([one, other, one])


def test_join_matches_tasks_by_name():
    joined = ro.Curves.join([curves_of("AB", 0), curves_of("BA", 1, 0.5)])
    assert joined.names == ("A", "B") and [run.name for run in joined.runs] == ["run", "run (2)"]
    assert [run.mixture.tolist() for run in joined.runs] == [[1, 2], [1, 2]]
    assert len(joined.mixtures) == 1
    np.testing.assert_array_equal(joined["run (2)"].runs[0].levels[-1], [0.5, 0.5])
    assert len(joined[:1]) == 1 and joined.to_dataframe().shape == (12, 5)
    with pytest.raises(ValueError, match="same tasks, but number 1 differs from the first in 'C'"):
        ro.Curves.join([curves_of("AB", 0), curves_of("ABC", 1)])
    for wrong in ([], 3, [3]):
        with pytest.raises(ValueError, match="expected a list of curves"):
            ro.Curves.join(wrong)
    with pytest.raises(KeyError, match="did you mean 'run'"):
        joined["rum"]


def test_learning_times_hold_for_a_row_and_are_interpolated():
    steps, curve = np.arange(0, 60, 10), [0.0, 0.9, 0.1, 0.4, 0.9, 1.0]
    curves = ro.read_curves({"step": steps, "A": curve, "B": [0.1] * 6}, value="level")
    np.testing.assert_allclose(curves.learning_times(0.8), [[30 + 10 * 0.8, np.inf]])
    assert curves.never_rising() == ["B"]


def test_split_cuts_each_run():
    first, rest = curves_of("AB", 0).split(0.6)
    assert [len(first.runs[0].steps), len(rest.runs[0].steps)] == [2, 1]
    with pytest.raises(ValueError, match="part: expected a number between 0 and 1"):
        first.split(1.0)


def test_schedules_are_mixtures():
    schedule = ro.Schedule([0, 50], [[1.0, 2.0], [2.0, 1.0]])
    table = {"step": [0, 100], "A": [0, 1], "B": [0, 1]}
    curves = ro.read_curves(table, value="level", mixture=schedule)
    assert curves.runs[0].scheduled and curves.mixtures == []
    swapped = ro.Curves.join([ro.read_curves({"step": [0, 1], "B": [0, 1], "A": [0, 1]}, value="level"), curves])
    np.testing.assert_array_equal(swapped.runs[1].mixture.values[0], [2.0, 1.0])
    with pytest.raises(ValueError, match="mixture: expected a schedule of 2 numbers"):
        ro.read_curves(table, value="level", mixture=ro.Schedule([0], [[1.0]]))


def test_a_name_of_any_kind_in_a_note_on_many_tasks():
    table = {"step": [0, 1, 2], **{name: [0.5, 0.9, 1.0] for name in ("it's", 'b"', "c", "d")}}
    found = ro.read_curves(table)
    assert any("it's" in note for note in found.notes)


@pytest.mark.parametrize("cell", ["1_000", 10**400])
def test_what_only_python_takes_for_a_number(cell):
    with pytest.raises(ValueError, match=r"column 'a', row 1: expected a number, got"):
        ro.read_curves({"step": [0, 1], "a": [0.5, cell]})


def test_names_of_runs_have_brackets_too():
    names = [f"lr[{rate}] s{seed}" for rate in (0.1, 0.2) for seed in (0, 1)]
    table = pd.DataFrame({"run": np.repeat(names, 3), "step": [0, 100, 250] * 4, "A": [0.5, 0.75, 1] * 4, "B": 0.5})
    even, rare = {"A": 0.5, "B": 0.5}, {"A": 0.9, "B": 0.1}
    read = ro.read_curves(table, mixture={"lr[0.1]*": even, "lr[0.2]*": rare})
    assert [float(run.mixture[0]) for run in read.runs] == [0.5, 0.5, 0.9, 0.9]
    with pytest.raises(ValueError, match=r"expected names of runs, got 'lr\[0.1\]'"):
        ro.read_curves(table, mixture={"lr[0.1]": even, "lr[0.2]*": rare})
    with pytest.raises(ValueError, match=r"expected names of runs, got 'lr\?0.1"):
        ro.read_curves(table, mixture={"lr?0.1] s0": even, "lr[0.2]*": rare})
