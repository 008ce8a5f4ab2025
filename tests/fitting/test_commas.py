"""Numbers with commas: read where they can mean one thing alone, else refused by column and line."""

import numpy as np
import pytest

import resource_ode as ro
from resource_ode.fitting.tables import CurvesError

STEPS, LEVELS = [0, 10, 200], [[0, 0.25], [0.5, 0.125], [1, 0.75]]
POINTS = "step;A;B\n0;0.0;0.25\n10;0.5;0.125\n200;1;0.75\n"
COMMAS = POINTS.replace(".", ",")


def read(folder, text, **options):
    path = folder / "curves.csv"
    path.write_text(text, "utf-8")
    return ro.read_curves(path, value=options.pop("value", "level"), **options)


@pytest.mark.parametrize("text", [
    COMMAS, COMMAS.replace(";", "\t"), "\ufeff" + COMMAS.replace("\n", "\r\n"), COMMAS.replace("0,25", "2,5E-01"),
    COMMAS.replace("0,125", "+,125"),
    COMMAS.replace("10;", "10,000;").replace("200;", "200,000;").replace("0;0,0", "0,0;0"),
    "step;task;value\n" + "".join(
        f"{step};{task};{level}\n".replace(".", ",")
        for place, task in enumerate("AB") for step, level in zip(STEPS, np.asarray(LEVELS)[:, place], strict=True)
    ),
    "Step;run - A;run - B\n" + COMMAS.split("\n", 1)[1],
])  # fmt: skip
def test_decimal_commas_are_read_and_said(tmp_path, text):
    found = read(tmp_path, text)
    assert found.names == ("A", "B")
    np.testing.assert_array_equal(found.runs[0].steps, STEPS)
    np.testing.assert_array_equal(found.runs[0].levels, LEVELS)
    (note,) = found.notes
    assert note.startswith("numbers of 'curves' were read with decimal commas, as '") and "in column '" in note


def test_decimal_points_are_not_said(tmp_path):
    found = read(tmp_path, POINTS)
    np.testing.assert_array_equal(found.runs[0].levels, LEVELS)
    assert found.notes == ()
    # the point of these is one, where no number has a comma
    np.testing.assert_array_equal(read(tmp_path, "step;A\n0;1.000\n1;0.250\n").runs[0].levels[:, 0], [1, 0.25])


def test_commas_in_names_are_none_of_numbers(tmp_path):
    long = "run;step;task;value\n" + "".join(
        f"{run};{step};add, carry;{value}\n" for run in ("0,1", "0,2") for step, value in ((0, "0,1"), (10, "0,5"))
    )
    found = read(tmp_path, long)
    assert found.names == ("add, carry",) and [run.name for run in found.runs] == ["0,1", "0,2"]
    assert found.notes == ("numbers of 'curves' were read with decimal commas, as '0,1' in column 'value', line 2",)
    # tasks by two numbers, beside values with points
    assert read(tmp_path, "step;task;value\n0;0,1;0.1\n1;0,1;0.2\n").names == ("0,1",)


MIXED = (
    "as '0,1' in column 'A', line 2, got '{}'; write all numbers with decimal points, without separators of thousands"
)


@pytest.mark.parametrize(
    "text, said",
    [
        (
            "step;A\n0;0,1\n1.000;0,2\n",
            "column 'step', line 3: expected a number without a point, " + MIXED.format("1.000"),
        ),
        ("step;A;B\n0;0,1;9\n1;0,2;1.000\n", "column 'B', line 3: expected a number without a point"),
        ("step;A;B\n0;0,1;0.2\n1;0,2;0.3\n", "column 'B', line 2: expected a number without a point"),
        ("step;A\n0;0,1\n1;1.234,5\n", "column 'A', line 3: expected a number without a point"),
        ("step;A\n0;0,1\n1,000;0,2\n", "column 'step', line 3: expected a training step, got '1,000'; write decimal p"),
        ("step;A\n0;0\n1,000;1\n", "column 'step', line 3: expected a training step, got '1,000'"),
        ("step;A\n0;0,1\n1;1,000,000\n", "column 'A', line 2: expected a number, got '0,1'; write decimal points"),
        ("step;A\n0;0,1\n1;0,1 %\n", "column 'A', line 3: expected a number, got '0,1 %'"),
        ('step,A\n0,"0,1"\n1,"0,2"\n', "column 'A', line 2: expected a number, got '0,1'; write decimal points"),
        ("step;task;value\n0;0,1;0,1\n1;0,1;0,2\n", "column 'task', line 2: expected the name of a task, or a number"),
    ],
)
def test_commas_that_may_mean_either_are_refused(tmp_path, text, said):
    with pytest.raises(CurvesError) as caught:
        read(tmp_path, text)
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_a_column_without_commas_is_read_beside_one_that_is_refused(tmp_path):
    text = "step;A;B\n0;0,1;0.2\n1;0,2;0.3\n"
    np.testing.assert_array_equal(read(tmp_path, text, tasks=["B"]).runs[0].levels[:, 0], [0.2, 0.3])
    np.testing.assert_array_equal(read(tmp_path, COMMAS, tasks=["A"]).runs[0].levels[:, 0], [0, 0.5, 1])
