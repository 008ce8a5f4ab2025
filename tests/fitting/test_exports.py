"""What loggers write, of curves whose levels are known: each export is read as those levels."""

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

import resource_ode as ro
from resource_ode.fitting.tables import CurvesError

NAMES = ("A", "B", "AB")
GRAPH = ro.SkillGraph({"A": [], "B": [], "AB": ["A", "B"]})
MODEL = ro.ResourceModel(GRAPH, [0.4, 0.4, 0.2], 0.02, 0.3, 0.1)
STEPS = np.arange(0, 800, 20)
LEVELS = np.asarray(ro.simulate(MODEL, jnp.asarray(STEPS, float)).level)
ACCURACIES = 0.5 + LEVELS / 2
WIDE = pd.DataFrame({"step": STEPS, **dict(zip(NAMES, ACCURACIES.T, strict=True))})
LONG = WIDE.melt("step", var_name="task")


def check(table, **options):
    """That a table of one run holds the levels."""
    found = ro.read_curves(table, chance=0.5, **options)
    assert found.names == NAMES and len(found) == 1
    np.testing.assert_array_equal(found.runs[0].steps, STEPS)
    np.testing.assert_allclose(found.runs[0].levels, LEVELS, atol=1e-12)
    return found


def one_each():
    """A row for each number, as where each task is logged by a call of its own."""
    return pd.DataFrame([
        {"epoch": step / 800, "step": step, name: cell}
        for step, row in zip(STEPS, ACCURACIES, strict=True)
        for name, cell in zip(NAMES, row, strict=True)
    ])  # fmt: skip


def test_rows_of_one_step_with_a_task_in_each_are_one_row(tmp_path):
    check(one_each())
    one_each().to_csv(tmp_path / "metrics.csv", index=False)
    check(tmp_path / "metrics.csv")


def test_rows_beside_which_training_is_logged_at_the_same_step(tmp_path):
    losses = pd.DataFrame({"step": STEPS, "train_loss": 3.0, "learning_rate": 1e-4, "epoch": STEPS / 800})
    last = pd.DataFrame({"step": STEPS[-1:], "train_runtime": 100.0})
    table = pd.concat([losses, WIDE, last]).sort_values("step", kind="stable")
    table.to_csv(tmp_path / "metrics.csv", index=False)
    for form in (table.reset_index(drop=True), tmp_path / "metrics.csv"):
        check(form, tasks=list(NAMES))


def test_a_task_measured_twice_at_a_step_is_refused():
    table = {"step": [0, 0, 0, 5], "A": [0.5, None, 0.6, 1], "B": [None, 0.5, None, 1]}
    with pytest.raises(CurvesError, match="column 'step', row 2: expected steps that increase, got 0 after 0"):
        ro.read_curves(table, chance=0.5)
    beyond = {"step": [2**60, 2**60 + 1], "A": [0.5, None], "B": [None, 0.5]}
    with pytest.raises(CurvesError, match="cannot be told apart"):
        ro.read_curves(beyond, chance=0.5)


@pytest.mark.parametrize("clock", ["timestamp", "_timestamp", "_step", "epoch", "trainer/global_step", "Epoch"])
def test_other_counts_and_clocks_beside_the_step_are_no_tasks(clock):
    for cells in (STEPS / 800, STEPS * 1e6):
        check(WIDE.assign(**{clock: cells}))
    check(WIDE.assign(timestamp=pd.date_range("2024", periods=len(STEPS))))


def test_an_epoch_is_the_step_where_there_is_none_other():
    check(WIDE.rename(columns={"step": "epoch"}))


def test_runs_of_mlflow_are_told_apart(tmp_path):
    table = LONG.rename(columns={"task": "key"}).assign(timestamp=1_700_000_000_000)
    check(table.assign(run_id="f00"))
    # each with tasks of its own, they would make one run
    first, second = table.query("key != 'B'").assign(run_id="f00"), table.query("key == 'B'").assign(run_id="ba5")
    pd.concat([first, second]).to_csv(tmp_path / "metrics.csv", index=False)
    found = ro.read_curves(tmp_path / "metrics.csv", chance=0.5)
    assert [run.name for run in found.runs] == ["f00", "ba5"]
    assert np.isnan(found.runs[0].levels).all(axis=0).tolist() == [False, False, True]


TOOLS = {
    "Comet": {"task": "metricName", "value": "metricValue"},
    "Aim": {"task": "metric.name"},
    "Aim, before": {"task": "metric"},
    "Neptune": {"task": "attribute_path", "value": "float_value"},
}
BESIDE = {
    "Comet": {"experimentKey": "f00", "timestamp": 1_700_000_000_000, "epoch": None, "runContext": "validate"},
    "Aim": {
        "run.hash": "f00",
        "idx": 3,
        "epoch": 0,
        "time": "2024-01-01",
        "run.hparams.lr": 0.1,
        "metric.context.x": 1,
    },
    "Aim, before": {
        "run": "f00",
        "idx": 3,
        "epoch": 0,
        "time": "2024-01-01",
        "run.hparams.lr": 0.1,
        "context.x": "val",
    },
    "Neptune": {"run_id": "f00", "attribute_type": "float_series", "timestamp": "2024-01-01", "int_value": None},
}


@pytest.mark.parametrize("tool", TOOLS)
def test_tables_of_other_loggers(tmp_path, tool):
    table = LONG.rename(columns=TOOLS[tool]).assign(**BESIDE[tool])
    table.to_csv(tmp_path / "metrics.csv", index=False)
    for form in (table, tmp_path / "metrics.csv"):
        assert check(form).runs[0].name == "f00"
    (key,) = [name for name in ("experimentKey", "run.hash", "run", "run_id") if name in table]
    both = pd.concat([table, table.assign(**{key: "ba5"})])
    assert [run.name for run in ro.read_curves(both, chance=0.5).runs] == ["f00", "ba5"]


def test_one_metric_of_aim_has_a_clock_and_a_count_beside_it():
    alone = pd.DataFrame({"idx": range(len(STEPS)), "step": STEPS, "value": ACCURACIES[:, 0], "epoch": 0})
    found = ro.read_curves(alone.assign(time=pd.date_range("2024", periods=len(STEPS))), chance=0.5)
    assert found.names == ("value",)
    # a task may be called so, where the other is not there
    named = ro.read_curves(WIDE.rename(columns={"A": "time"}), chance=0.5)
    assert named.names == ("time", "B", "AB")


@pytest.mark.parametrize("word", ["model", "experiment", "graph", "run"])
def test_a_task_that_is_called_as_runs_are(tmp_path, word):
    table = WIDE.rename(columns={"A": word})
    table.to_csv(tmp_path / "metrics.csv", index=False)
    two = pd.concat([table.assign(seed=0), table.assign(seed=1, B=0.5)])
    sparse = pd.concat([table.drop(columns="B"), table[["step", "B"]]]).sort_values("step", kind="stable")
    for form in (table, tmp_path / "metrics.csv", two, two.assign(dir_name="d"), sparse.reset_index(drop=True)):
        found = ro.read_curves(form, chance=0.5)
        assert set(found.names) == {word, "B", "AB"}
        levels = found.runs[0].levels[:, found.names.index(word)]
        np.testing.assert_allclose(levels, LEVELS[:, 0], atol=1e-12)
    assert [run.seed for run in ro.read_curves(two, chance=0.5).runs] == [0, 1]


@pytest.mark.parametrize("word", ["model", "experiment", "graph", "run"])
def test_numbers_that_name_runs(word):
    """Their steps begin anew, or stand in one another's rows, or the number is one for each seed."""
    first, second = WIDE.assign(**{word: 1.4}), WIDE.assign(**{word: 2.8})
    for table in (pd.concat([first, second]), pd.concat([first, second]).sort_values("step", kind="stable")):
        assert [run.name for run in ro.read_curves(table, chance=0.5).runs] == ["1.4", "2.8"]
    seeds = pd.concat([first.assign(seed=0), second.assign(seed=1)])
    assert [run.name for run in ro.read_curves(seeds, chance=0.5).runs] == ["1.4, seed 0", "2.8, seed 1"]
    assert check(first).runs[0].name == "1.4"


def test_numbers_that_may_name_runs_or_be_a_task():
    table = {"step": [0, 1, 2, 3], "model": [0.5, 0.5, 0.9, 0.9], "A": [0.5, 0.6, 0.7, 0.8]}
    with pytest.raises(
        CurvesError, match=r"column 'model': expected names of runs or what a task has, got numbers that"
    ):
        ro.read_curves(table, value="level")
    assert ro.read_curves(table, value="level", tasks=["model", "A"]).names == ("model", "A")
    table["run"] = table.pop("model")
    assert [run.name for run in ro.read_curves(table, value="level").runs] == ["0.5", "0.9"]


def test_tasks_by_number_are_a_long_table():
    for task in ("task", "Skill"):
        table = LONG.assign(**{"task": LONG.task.map(NAMES.index)}).rename(columns={"task": task})
        found = ro.read_curves(table, chance=0.5)
        assert found.names == ("0", "1", "2")
        np.testing.assert_allclose(found.runs[0].levels, LEVELS, atol=1e-12)
    # one task after another: steps increase, so that its number could be read as an accuracy
    apart = {"step": [0, 1, 2, 3], "task": [0, 1, 0, 1], "value": [0.5, 0.5, 1.0, 0.75]}
    found = ro.read_curves(apart, chance=0.5)
    np.testing.assert_array_equal(found.runs[0].levels, [[0, np.nan], [np.nan, 0], [1, np.nan], [np.nan, 0.5]])
    measured = ro.read_curves({"step": [0, 1], "task": [0.5, 0.9], "loss": [0.5, 0.9]}, chance=0.5)
    assert measured.names == ("task", "loss")


def test_of_several_columns_of_values_the_one_that_is_asked_for():
    table = LONG.rename(columns={"value": "accuracy"}).assign(loss=2 - 2 * LONG.value, value=7.0)
    check(table)
    found = ro.read_curves(table, value="loss", chance=1.0, ceiling=0.0)
    np.testing.assert_allclose(found.runs[0].levels, LEVELS, atol=1e-12)


def test_names_with_dashes_are_no_runs():
    found = ro.read_curves({"step": [0, 1], "add - sub": [0.5, 1.0], "mul": [0.5, 0.75]}, chance=0.5)
    assert found.names == ("add - sub", "mul") and [run.name for run in found.runs] == ["run"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_text_that_says_its_encoding(tmp_path, encoding):
    mark = "\ufeff" if encoding.endswith(("le", "be")) else ""
    (tmp_path / "curves.csv").write_bytes((mark + WIDE.to_csv(index=False)).encode(encoding))
    check(tmp_path / "curves.csv")
    (tmp_path / "cut.csv").write_bytes(b"\xff\xfes\x00t")
    with pytest.raises(CurvesError, match="expected"):
        ro.read_curves(tmp_path / "cut.csv")
    (tmp_path / "odd.csv").write_bytes(b"\xff\xfes")
    with pytest.raises(CurvesError, match="expected text in UTF-8 or UTF-16"):
        ro.read_curves(tmp_path / "odd.csv")


def test_accuracies_that_are_called_losses_are_refused():
    # by noise the lowest is below the first
    accuracies = {"step": [0, 1, 2, 3, 4], "A": [0.51, 0.49, 0.7, 0.9, 1.0]}
    with pytest.raises(CurvesError, match=r'expected a level from 0 to 1, got -.* or say that it is an accuracy: "acc'):
        ro.read_curves(accuracies, value="loss")
    # a network that begins above chance, and one that learns, is none of these
    rise = {"step": [0, 1, 2, 3], "A": [1.0, 3.0, 0.5, 0.1]}
    with pytest.warns(UserWarning, match="expected a level from 0 to 1"):
        ro.read_curves(rise, value="loss", chance=1.0, ceiling=0.0)


def test_known_parameters_from_each_form():
    """A fit to what a logger wrote finds the model that the curves are of."""
    free = ("learning_rate", "wasted_resource", "gate_exponent")
    for table in (WIDE, LONG, one_each()):
        curves = check(table, mixture={"AB": 0.2, "B": 0.4, "A": 0.4})
        model = ro.fit(curves, GRAPH, free, {"frequency_power": 1.0}).model
        np.testing.assert_allclose(
            [model.learning_rate, model.wasted_resource, model.gate_exponent], [0.02, 0.3, 0.1], rtol=1e-3
        )
