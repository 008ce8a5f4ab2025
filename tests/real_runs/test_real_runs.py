"""The benchmark of real runs, on a set that is learned in a second: it trains, keeps what it trained, and reports."""

import json
import re

import jax
import numpy as np
import pytest

import resource_ode as ro
from benchmarks import report as machine
from benchmarks.real_runs import __main__ as command
from benchmarks.real_runs import public, report, study, targets, training
from benchmarks.real_runs.curves import Library
from benchmarks.real_runs.task_sets import SETS, tiny
from resource_ode.fitting.design import RULES


@pytest.fixture(autouse=True)
def as_users_run_it():
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("real runs")


def library(folder, said=lambda line: None):
    return Library(tiny(), folder, said=said)


def test_networks_learn_parts_before_the_whole_and_are_trained_once(folder):
    lines = []
    tasks = tiny()
    curves = library(folder, lines.append).curves("even", tasks.mixtures["even"])
    assert [run.seed for run in curves.runs] == [0, 1] and curves.names == ("A", "B", "AB")
    np.testing.assert_allclose(curves.runs[0].mixture, 1 / 3)
    first, second, whole = np.median(curves.learning_times(0.8), axis=0)
    assert 0 < first < whole < np.inf and 0 < second < whole
    again = library(folder, lines.append).curves("even", tasks.mixtures["even"])
    assert len(lines) == 1 and lines[0].startswith("trained tiny, even: 2 seeds")
    np.testing.assert_array_equal(again.runs[1].levels, curves.runs[1].levels)
    # other settings never pass for these
    library(folder, lines.append).measured("even", tasks.mixtures["even"], 1)
    assert len(lines) == 2


def test_a_rule_is_followed_and_trains_what_is_behind(folder):
    found = library(folder).curves("rule", RULES["sample by 1 - level"], 1)
    assert found.runs[0].mixture is None and np.isfinite(found.learning_times(0.8)).all()


def test_the_regression_starts_at_its_variance():
    import dataclasses

    short = dataclasses.replace(SETS["reg2"], steps=100)
    off = training.train(short, (0.5, 0.5), [0])
    assert off.shape == (1, 5, 2) and np.all(np.abs(off[0, 0] - 1) < 0.3) and np.all(off[0, -1] < 0.5)


def test_a_run_is_cut_a_little_after_it_is_learned(folder):
    curves = library(folder).curves("even", tiny().mixtures["even"])
    for cut, run, last in zip(
        study.until_learned(curves).runs, curves.runs, curves.learning_times(0.8).max(axis=1), strict=True
    ):
        end = cut.steps[-1]
        assert min(1.2 * last, run.steps[-1]) <= end <= 1.2 * last + 5


def test_a_part_is_found_kept_and_printed(folder, capsys):
    assert command.main(["--quick", "--parts", "dependencies", "--out", str(folder)]) == 0
    text = capsys.readouterr().out
    assert "| tiny | " in text and "first-level edges" in text and "## Targets" in text
    found = json.loads((folder / "tiny.json").read_text())
    assert found["dependencies"]["first level"] == 2 and found["dependencies"]["confident without"] == 0
    # the same tables from what was found, without finding it anew
    assert command.main(["--quick", "--report", "--out", str(folder)]) == 0
    assert capsys.readouterr().out == text
    assert command.main(["--only", "none", "--out", str(folder)]) == 2
    assert "--only: expected some of comp3" in capsys.readouterr().err


def test_a_forecast_is_that_of_the_package(folder):
    curves = study.until_learned(library(folder).curves("even", tiny().mixtures["even"]))[0]
    row = study.forecast(curves, tiny().graph)
    assert set(report.PARTS_OF_FORECASTS) <= set(row) and 0 <= row["near"] <= row["unseen"] <= 3
    summary = study.summary_of_forecasts([row, row])
    assert summary["count"] == 2 and summary["model"]["mean"] == row["model"] == summary["model"]["high"]


def test_other_seeds_are_compared_on_the_rows_that_are_held_out(folder):
    curves = study.until_learned(library(folder).curves("even", tiny().mixtures["even"]))[0]
    run = curves.runs[0]
    held = run.steps > ro.fit(curves, tiny().graph).early.curves.runs[0].steps[-1]
    # as far off as one part in ten on those rows, and anywhere on the others; another length does not matter
    others = np.where(held[:, None], run.levels + 0.1, 5.0)
    others = np.concatenate([others, np.full((3, 3), 9.0)])
    row = study.forecast(curves, tiny().graph, others)
    np.testing.assert_allclose(row["other seeds"], 0.1, rtol=1e-10)
    assert study.summary_of_forecasts([row])["other seeds"]["mean"] == row["other seeds"]
    assert study.summary_of_forecasts([study.forecast(curves, tiny().graph)])["other seeds"] is None


def test_targets_that_are_missed_are_said_to_be():
    edges = {"first level found": 4, "first level": 4, "false": 1, "confident without": 0}
    sets = {name: {"dependencies": edges} for name in targets.COMPOSED}
    rows = {row[0]: row for row in targets.targets(sets, {})}
    assert rows["graph from runs that leave a task out"][2:] == ("12 of 12, 3 false", "no")
    assert rows["independent parities: confident edges"][3] == "not run"
    sets = {name: {"dependencies": edges | {"false": 0}} for name in targets.COMPOSED}
    assert {row[0]: row[3] for row in targets.targets(sets, {})}["graph from runs that leave a task out"] == "yes"


# losses above that of chance, and accuracies below it, are warned of
@pytest.mark.filterwarnings("ignore:.*expected a level from 0 to 1")
@pytest.mark.parametrize("name", list(public.CURVES))
def test_public_curves_are_read_and_have_source_and_licence(name):
    curves, graph = public.CURVES[name]()
    assert len(curves.names) > 1 and (graph is None or graph.skill_names() == curves.names)
    assert all(np.all(np.diff(run.steps) > 0) for run in curves.runs)
    for folder in public.KEPT.iterdir():
        if folder.is_dir():
            assert (folder / "LICENSE").exists() and "commit" in (folder / "SOURCE.txt").read_text()


@pytest.mark.filterwarnings("ignore:.*(expected a level from 0 to 1|never rises)")
def test_the_model_is_said_not_to_describe_benchmarks_of_language_models():
    curves, _ = public.pythia()
    row = study.forecast(curves["pythia-410m"], None)
    assert not row["describes"] and row["verdict"].startswith("The model does not describe these curves")


def test_committed_curves_are_those_of_the_settings():
    """Every set finds its curves beside the code: nothing is trained."""

    def refuse(line):
        raise AssertionError(line)

    for tasks in SETS.values():
        kept = Library(tasks, public.KEPT / "none", said=refuse)
        for name, mixture in tasks.mixtures.items():
            assert isinstance(kept.curves(name, mixture), ro.Curves)


def test_the_committed_tables_are_those_of_the_committed_numbers_and_are_quoted():
    (numbers,) = machine.RESULTS.glob("real_runs_*.json")
    table = numbers.with_suffix(".md")
    assert report.markdown(json.loads(numbers.read_text())["sets"]) == table.read_text()
    root = machine.RESULTS.parents[1]
    page = (root / "docs" / "howto" / "training_run.md").read_text()
    quoted = re.search(r'^--8<-- "(.*):targets"$', page, re.MULTILINE)
    assert quoted and (root / quoted[1]) == table
    for target in targets.targets({}, {}):
        assert target[3] == "not run" and f"| {target[0]} | {target[1]} | " in table.read_text()
