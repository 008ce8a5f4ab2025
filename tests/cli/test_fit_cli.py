"""fit, infer-graph and what-if: what they write and say, and what they refuse in one line."""

import numpy as np
import pytest

import resource_ode as ro
from resource_ode import cli
from resource_ode.config.scenario import read_scenario
from resource_ode.fitting.reach import Reach, reach_of

GRAPH = ro.SkillGraph({"A": [], "B": [], "AB": ["A", "B"]})
MODEL = ro.ResourceModel(GRAPH, [0.4, 0.4, 0.2], 0.02, 0.3, 0.1)
STEPS = np.arange(0.0, 800.0, 10.0)
HELD = ["--free", "learning_rate", "--free", "wasted_resource", "--free", "gate_exponent"]


def write(path, *mixtures):
    """Accuracies of a run a mixture, chance being 1/2."""
    rows = ["run,step,task,accuracy,frequency"]
    for k, mixture in enumerate(mixtures):
        level = np.asarray(ro.simulate(MODEL.replace(frequency=np.maximum(mixture, 1e-12)), STEPS).level)
        rows += [
            f"run {k},{step:g},{task},{0.5 + level[row, place] / 2:.6f},{mixture[place]}"
            for row, step in enumerate(STEPS)
            for place, task in enumerate(("A", "B", "AB"))
        ]
    path.write_text("\n".join(rows) + "\n")
    return str(path)


def test_fit_then_what_if(tmp_path, capsys):
    curves = write(tmp_path / "curves.csv", [0.4, 0.4, 0.2], [0.2, 0.3, 0.5])
    ro.write_graph(GRAPH, tmp_path / "graph.json")
    out, plot = tmp_path / "model.toml", tmp_path / "fit.png"
    arguments = ["fit", curves, "--graph", str(tmp_path / "graph.json"), "--out", str(out), "--plot", str(plot), *HELD]
    assert cli.main(arguments) == 0
    said = capsys.readouterr().out
    assert "learning_rate: 0.02 (" in said and "The model describes these curves" in said
    assert f"Wrote {out} and {plot}." in said and plot.stat().st_size > 10_000
    scenario = read_scenario(out)
    np.testing.assert_allclose(scenario.model.wasted_resource, 0.3, rtol=1e-2)
    assert scenario.model.graph.prerequisite_lists() == [[], [], [0, 1]]
    assert scenario.fitted.frequency_power_known and scenario.fitted.tried.shape == (2, 3)
    np.testing.assert_allclose(scenario.fitted.time_factor, 1, atol=0.02)
    assert 0 < scenario.fitted.time_error < 0.02 and 0 < scenario.fitted.time_error_growth < 0.5
    assert cli.main(["simulate", str(out), "--out", str(tmp_path / "run.csv")]) == 0
    capsys.readouterr()

    assert cli.main(["what-if", str(out), "--mixture", "A=.3,B=.4,AB=.3", "--mixture", "A=.9,B=.05,AB=.05"]) == 0
    said = capsys.readouterr().out
    time = float(ro.horizon(MODEL.replace(frequency=[0.3, 0.4, 0.3]), 0.8))
    found = float(said.partition("by step ")[2].split()[0])
    np.testing.assert_allclose(found, time, rtol=0.02)
    assert said.count("outside the range of mixtures that were tried") == 1
    ends = [line.partition("(")[2].partition(")")[0].split(" to ") for line in said.splitlines() if "(" in line]
    widths = [float(high) / float(low) for low, high in ends]
    assert 1 < widths[0] < widths[1]
    wrong = out.read_text().replace("time_factor = [", "time_factor = [0.0, ")
    (tmp_path / "wrong.toml").write_text(wrong)
    assert cli.main(["what-if", str(tmp_path / "wrong.toml"), "--mixture", "A=.3,B=.4,AB=.3"]) == 2
    assert "time_factor: expected 3 numbers" in capsys.readouterr().err
    (tmp_path / "wrong.toml").write_text(out.read_text().replace("tried = [", "tried = [[0.0, 0.0, 0.0], "))
    assert cli.main(["what-if", str(tmp_path / "wrong.toml"), "--mixture", "A=.3,B=.4,AB=.3"]) == 2
    assert "tried: expected mixtures with a number above 0 in each" in capsys.readouterr().err
    (tmp_path / "wrong.toml").write_text(out.read_text().replace("time_measured = [true", "time_measured = [1"))
    assert cli.main(["what-if", str(tmp_path / "wrong.toml"), "--mixture", "A=.3,B=.4,AB=.3"]) == 2
    assert "time_measured: expected 3 times true or false" in capsys.readouterr().err
    for text, wrong in (("A=.5,B=.5", "got none for 'AB'"), ("A=.5", "got none for"), ("A", "as A=.5,B=.5, got A")):
        assert cli.main(["what-if", str(out), "--mixture", text]) == 2
        assert wrong in capsys.readouterr().err


def test_intervals_of_the_file_hold_those_of_the_fit(tmp_path, capsys):
    """Of what the curves leave open, the file keeps two numbers for all tasks; the fit knows it of each."""
    curves, out = write(tmp_path / "curves.csv", [0.4, 0.4, 0.2], [0.2, 0.3, 0.5]), tmp_path / "model.toml"
    noise = np.random.default_rng(3).normal(0, 0.05, len(STEPS) * 6)
    head, *rows = (tmp_path / "curves.csv").read_text().splitlines()
    cells = [row.split(",") for row in rows]
    for cell, off in zip(cells, noise, strict=True):
        cell[3] = f"{np.clip(float(cell[3]) + off, 0.5, 1):.6f}"
    (tmp_path / "curves.csv").write_text("\n".join([head, *(",".join(cell) for cell in cells)]) + "\n")
    ro.write_graph(GRAPH, tmp_path / "graph.json")
    assert cli.main(["fit", curves, "--graph", str(tmp_path / "graph.json"), "--out", str(out)]) == 0
    fitted = read_scenario(out).fitted
    reach = Reach(np.array([[0.4, 0.4, 0.2], [0.2, 0.3, 0.5]]), fitted.time_factor, fitted.time_error,
                  fitted.time_error_growth)  # fmt: skip
    mixtures = np.array([[0.4, 0.4, 0.2], [0.2, 0.3, 0.5], [0.3, 0.4, 0.3], [0.5, 0.3, 0.2], [0.1, 0.3, 0.6]])
    found = ro.what_if(ro.fit(ro.read_curves(curves), GRAPH), list(mixtures))
    of_fit = np.log(found.high / found.low).max(axis=1) / 2
    of_file = 1.96 * reach.spread(reach.distance(mixtures))
    alone = 1.96 * np.asarray(reach_of(ro.fit(ro.read_curves(curves), GRAPH), 0.8).spread(reach.distance(mixtures)))
    assert np.mean(of_fit > 1.1 * alone) > 0.5, "the noise of these curves is to count"
    assert np.all(of_file > 0.98 * of_fit) and np.all(of_file < 2 * of_fit)


def test_what_if_of_one_mixture_is_refused(tmp_path, capsys):
    curves, out = write(tmp_path / "curves.csv", [0.4, 0.4, 0.2]), tmp_path / "model.toml"
    assert cli.main(["fit", curves, "--out", str(out), "--free", "learning_rate", "--free", "wasted_resource"]) == 0
    assert "Other mixtures cannot be predicted" in capsys.readouterr().out
    assert cli.main(["what-if", str(out), "--mixture", "A=.3,B=.4,AB=.3"]) == 2
    said = capsys.readouterr().err
    assert "runs of one mixture do not show what others do" in said and len(said.splitlines()) == 1
    plain = tmp_path / "plain.toml"
    plain.write_text(out.read_text().partition("[fitted]")[0] + '[[skill]]\nname = "A"\nfrequency = 1.0\n')
    assert cli.main(["what-if", str(plain), "--mixture", "A=1"]) == 2
    assert "expected a fitted model" in capsys.readouterr().err


def test_what_if_takes_what_fit_writes(tmp_path, capsys):
    curves = write(tmp_path / "curves.csv", [0.4, 0.4, 0.2])
    assert cli.main(["what-if", curves, "--mixture", "A=1"]) == 2
    assert capsys.readouterr().err.strip().endswith("expected the model that fit writes (.toml), got .csv")


def test_infer_graph(tmp_path, capsys):
    curves = write(tmp_path / "runs.csv", [1, 1, 1], [0, 1.5, 1.5], [1.5, 0, 1.5], [1.5, 1.5, 0])
    out = tmp_path / "graph.json"
    assert cli.main(["infer-graph", curves, "--out", str(out)]) == 0
    assert "'AB' builds on 'A': strength" in capsys.readouterr().out
    assert ro.read_graph(out).prerequisite_lists() == [[], [], [0, 1]]
    alone = write(tmp_path / "alone.csv", [1, 1, 1])
    assert cli.main(["infer-graph", alone]) == 0
    said = capsys.readouterr().out
    assert "is not identified" in said and "Suggested, without A: --mixture A=0,B=1.5,AB=1.5" in said
    assert cli.main(["infer-graph", alone, "--out", str(tmp_path / "none.json")]) == 2
    assert not (tmp_path / "none.json").exists()


@pytest.mark.parametrize(
    "options, said",
    [
        ([], "Missing option '--out'"),
        (["--out", "model.csv"], "--out: expected a file that ends in .toml"),
        (["--out", "model.toml", "--free", "rate"], "--free: expected names of parameters, got 'rate'"),
        (["--out", "model.toml", "--hold", "gate=1"], "--hold: expected names of parameters, got 'gate'"),
        (["--out", "model.toml", "--hold", "plateau=low"], "--hold: expected a name and a number"),
        (
            ["--out", "model.toml", "--hold", "plateau=.1", "--hold", "plateau=.2"],
            "--hold: expected each parameter once",
        ),
        (
            ["--out", "model.toml", "--hold", "plateau=2"],
            "--hold: plateau: expected finite numbers above 0 and at most 1",
        ),
        (["--out", "model.toml", "--hold", "learnability=0"], "--hold: learnability: expected finite numbers above 0"),
        (["--out", "model.toml", "--mixture", "A=1e-200,B=1,AB=1"], "--mixture: expected at least 1e-09 of the sum"),
        (["--out", "model.toml", "--mixture", "A=1e308,B=1e308,AB=1e308"], "got 1e+308 at most"),
        (
            ["--out", "model.toml", "--mixture", "A=1,B=1"],
            "mixture: expected a number for each task, got none for 'AB'",
        ),
        (
            ["--out", "model.toml", "--mixture", "A=x"],
            "--mixture: expected names and numbers of at least 0",
        ),
        (["--out", "model.toml", "--graph", "none.json"], "none.json"),
        (["--out", "model.toml", "--ceiling", "0.4"], "ceiling: expected a number above chance for column 'A'"),
    ],
)
def test_wrong_options_are_one_line(tmp_path, monkeypatch, capsys, options, said):
    monkeypatch.chdir(tmp_path)
    curves = write(tmp_path / "curves.csv", [0.4, 0.4, 0.2])
    assert cli.main(["fit", curves, *options]) == 2
    error = capsys.readouterr().err
    assert said in error and len(error.strip().splitlines()) == 1
    assert not (tmp_path / "model.toml").exists()


def test_curves_that_are_none_are_one_line(tmp_path, capsys):
    path = tmp_path / "curves.csv"
    path.write_text("step,A\n0,0.5\n10,high\n")
    assert cli.main(["fit", str(path), "--out", str(tmp_path / "model.toml")]) == 2
    assert capsys.readouterr().err == f"resource-ode: {path}: column 'A', line 3: expected a number, got 'high'\n"


def test_a_graph_of_tables_alone(tmp_path, capsys):
    curves, graph, out = (
        write(tmp_path / "curves.csv", [0.4, 0.4, 0.2]),
        tmp_path / "graph.toml",
        tmp_path / "model.toml",
    )
    arguments = ["fit", curves, "--graph", str(graph), "--out", str(out), *HELD]
    graph.write_text('[[skill]]\nname = "A"\n[[skill]]\nname = "B"\n[[skill]]\nname = "AB"\nrequires = ["A", "B"]\n')
    assert cli.main(arguments) == 0
    assert read_scenario(out).model.graph.prerequisite_lists() == [[], [], [0, 1]]
    capsys.readouterr()
    for text, said in (
        ('[skill]\nname = "A"\n', "expected [[skill]] tables, in double brackets, got one [skill]"),
        ('[[skill]]\nname = "A"\nrequire = ["B"]\n', 'unknown key "require"; did you mean "requires"?'),
        ('[[skill]]\nname = "A"\n', "got none for 'B', 'AB'; name those too that build on nothing"),
        ("skill = [3]\n", "expected [[skill]] tables, got"),
    ):
        graph.write_text(text)
        assert cli.main(arguments) == 2
        error = capsys.readouterr().err
        assert said in error and len(error.splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("step,Step,A\n0,0,.5\n1,.5,.7\n", "expected one column named step, got 'step', 'Step'"),
        ("run,step,A\na,0,.5\n,1,.7\na,2,.9\n", "column 'run', line 3: expected a name or a number, as in other rows"),
        ("step,A\n9007199254740992,.5\n9007199254740993,.7\n", "line 3: expected steps that increase"),
        ("step,A\n0,1\n10,.9\n20,.5\n", "column 'A': expected an accuracy that begins below 1"),
        (
            "step,hours,A\n0,0,.5\n10,2,.9\n",
            "column 'hours', line 3: expected an accuracy from 0 to 1, got 2; divide by",
        ),
        ("step,A\n0,.5\n10,.5\n20,.5\n", "runs: expected a task that rises, got none"),
    ],
)
def test_odd_curves_are_one_line_and_no_file(tmp_path, capsys, text, said):
    path, out = tmp_path / "curves.csv", tmp_path / "model.toml"
    path.write_text(text)
    assert cli.main(["fit", str(path), "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert said in error and len(error.splitlines()) == 1 and not out.exists()


def test_one_file_twice_is_not_two_seeds(tmp_path, capsys):
    curves = write(tmp_path / "curves.csv", [0.4, 0.4, 0.2])
    assert cli.main(["fit", curves, curves, "--out", str(tmp_path / "model.toml")]) == 2
    assert "run 'run 0': expected each run once, got the same numbers twice" in capsys.readouterr().err


def test_accuracies_are_no_losses(tmp_path, capsys):
    curves = write(tmp_path / "curves.csv", [0.4, 0.4, 0.2])
    assert cli.main(["fit", curves, "--value", "loss", "--out", str(tmp_path / "model.toml")]) == 2
    said = "column 'A': expected a loss, which falls from where it begins (0.5), got no number below 0.5"
    assert said in capsys.readouterr().err


def test_suggested_mixtures_may_be_pasted(tmp_path, capsys):
    path = tmp_path / "curves.csv"
    path.write_text("step,odd one,even\n0,0.5,0.5\n10,0.9,0.8\n20,1,1\n")
    assert cli.main(["infer-graph", str(path), "--mixture", "odd one=1,even=1"]) == 0
    assert "without even: --mixture 'odd one=2,even=0'\n" in capsys.readouterr().out
    assert cli.main(["infer-graph", str(path)]) == 2
    assert "--mixture: expected that of each run, got none for 'curves'; state it" in capsys.readouterr().err


def test_columns_that_are_no_tasks_are_left_out(tmp_path, capsys):
    path = tmp_path / "curves.csv"  # as `run.history().to_csv` of Weights & Biases writes them
    path.write_text(",_step,_runtime,acc/A,acc/B,lr\n0,0,1,0.5,0.5,0.1\n1,10,2,0.9,0.8,0.1\n2,20,3,1,1,0.1\n")
    command = ["infer-graph", str(path), "--mixture", "acc/A=1,acc/B=1"]
    assert cli.main(command) == 2
    error = capsys.readouterr().err
    assert "got none for 'lr'; if a column is no task, name the tasks" in error
    assert cli.main([*command, "--task", "acc/A", "--task", "acc/B"]) == 0
    assert "without acc/A" in capsys.readouterr().out


def charts(folder, mixtures):
    """A file a task with the runs side by side, as Weights & Biases exports its charts; a million steps long."""
    levels = {}
    for name, mixture in mixtures.items():
        levels[name] = np.asarray(ro.simulate(MODEL.replace(frequency=mixture), STEPS).level)
    files = []
    for place, task in enumerate(("A", "B", "AB")):
        rows = [",".join(["Step", *(f"{name} - eval/{task}_acc" for name in levels)])]
        for row, step in enumerate(STEPS):
            cells = [f"{0.5 + level[row, place] / 2:.6f}" for level in levels.values()]
            rows.append(",".join([f"{step * 2000:.0f}", *cells]))
        files.append(folder / f"chart {place}.csv")
        files[-1].write_text("\n".join(rows) + "\n")
    return [str(file) for file in files]


def test_charts_of_runs_in_several_mixtures(tmp_path, capsys):
    even, rare = [0.4, 0.4, 0.2], [0.2, 0.3, 0.5]
    files, out = (
        charts(tmp_path, {"even:lr=0.1-s0": even, "even:lr=0.1-s1": even, "rare-s0": rare}),
        tmp_path / "m.toml",
    )
    tasks = [f"--task=eval/{task}_acc={task}" for task in ("A", "B", "AB")]
    graph = tmp_path / "tasks.toml"
    graph.write_text('[[skill]]\nname = "A"\n[[skill]]\nname = "B"\n[[skill]]\nname = "AB"\nrequires = ["A", "B"]\n')
    command = ["fit", *files, *tasks, *HELD, "--graph", str(graph), "--out", str(out)]
    assert cli.main([*command, "--mixture", "even*:A=.4,B=.4,AB=.2", "--mixture", "rare-s0:A=.2,B=.3,AB=.5"]) == 0
    assert "Curves(3 runs of 3 tasks, 240 rows up to step 1580000, 2 mixtures)" in capsys.readouterr().out
    found = read_scenario(out)
    np.testing.assert_allclose(found.model.learning_rate, 0.02 / 2000, rtol=1e-2)
    np.testing.assert_array_equal(found.fitted.tried, [even, rare])
    assert cli.main(["what-if", str(out), "--mixture", "A=.3,B=.3,AB=.4"]) == 0
    said = capsys.readouterr().out
    assert "e+" not in said and said.splitlines()[1].startswith("  Steps of each task: A ") and ", AB " in said
    # without their mixtures the runs have one that is not known
    assert cli.main(command) == 0
    assert "how often each task was met in these runs is not known" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ["--mixture", "evn-*:A=1,B=1,AB=1"],
            "expected a run before the colon, got evn-* (there are 'even-s0', 'rare-s0')",
        ),
        (["--mixture", "even-s0:A=1,B=1,AB=1"], "expected one for each run, got none for 'rare-s0'"),
        (["--mixture", "*:A=1,B=1,AB=1", "--mixture", "e*:A=1,B=1,AB=1"], "got 2 for 'even-s0', by '*', 'e*'"),
        (["--mixture", "e*:A=1,B=1,AB=1", "--mixture", "A=1,B=1,AB=1"], "expected a run for each, as RUN:A=.5,B=.5"),
        (["--mixture", "*:A=1,B=1,C=1"], "mixture of run 'even-s0': expected names of tasks, got 'C'"),
        (["--task", "eval/C_acc=C"], "--task: expected columns or tasks of one of the tables, got 'eval/C_acc'"),
        (["--task", "=C"], "--task: expected a column, or one and a name for its task"),
    ],
)
def test_wrong_names_of_runs_and_tasks_are_one_line(tmp_path, capsys, options, said):
    files = charts(tmp_path, {"even-s0": [0.4, 0.4, 0.2], "rare-s0": [0.2, 0.3, 0.5]})
    tasks = [f"--task=eval/{task}_acc={task}" for task in ("A", "B", "AB")]
    assert cli.main(["infer-graph", *files, *tasks, *options]) == 2
    error = capsys.readouterr().err
    assert said in error and len(error.splitlines()) == 1


def test_decimal_commas_are_said(tmp_path, capsys):
    path = tmp_path / "curves.csv"
    path.write_text('step,A,B\n0,"0,5","0,5"\n10,"0,9","0,8"\n')
    assert cli.main(["infer-graph", str(path)]) == 2
    assert "expected a number, got '0,5'; write decimal points" in capsys.readouterr().err
    path.write_text("step;A;B\n0;0,5;0,5\n1.000;0,9;0,8\n")
    assert cli.main(["infer-graph", str(path)]) == 2
    assert "column 'step', line 3: expected a number without a point, as '0,5'" in capsys.readouterr().err


def test_the_example_curves(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("curves.csv", "tasks.toml"):
        assert cli.main(["examples", name.partition(".")[0], "--out", name]) == 0
    assert cli.main(["examples", "curves", "--out", "curves.toml"]) == 2
    assert "--out: expected a file that ends in .csv, got curves.toml" in capsys.readouterr().err
    assert cli.main(["fit", "curves.csv", "--graph", "tasks.toml", "--out", "model.toml"]) == 0
    assert "The model describes these curves: its error is" in capsys.readouterr().out
    assert cli.main(["infer-graph", "curves.csv", "--out", "graph.json"]) == 0
    assert ro.read_graph("graph.json").prerequisite_lists() == [[], [], [0, 1]]
    # runs that leave a task out do not make small shares of it known
    assert cli.main(["what-if", "model.toml", "--mixture", "A=.3,B=.3,AB=.4", "--mixture", "A=.01,B=.49,AB=.5"]) == 0
    assert capsys.readouterr().out.count("outside the range of mixtures that were tried") == 1


@pytest.mark.filterwarnings("always:column 'AB' is met in no run")
def test_a_file_predicts_what_the_fit_does_where_every_run_leaves_a_task_out(tmp_path, capsys):
    curves, out = write(tmp_path / "curves.csv", [0.6, 0.4, 0.0], [0.3, 0.7, 0.0]), tmp_path / "model.toml"
    assert cli.main(["fit", curves, "--out", str(out), *HELD[:4]]) == 0
    said = capsys.readouterr()
    assert "column 'AB' is met in no run" in said.err
    assert cli.main(["what-if", str(out), "--mixture", "A=.4,B=.4,AB=.2"]) == 0
    said = capsys.readouterr().out
    with pytest.warns(UserWarning, match="column 'AB' is met in no run"):
        found = ro.fit(ro.read_curves(curves), free=("learning_rate", "wasted_resource"))
    expected = ro.what_if(found, [0.4, 0.4, 0.2])
    times = [float(part.split()[-1]) for part in said.splitlines()[1].split(",")]
    np.testing.assert_allclose(times, expected.times, rtol=2e-3)
    assert "Not measured in any run: when 'AB' reaches level 0.8" in said


def test_one_mixture_in_two_units_predicts_no_other(tmp_path, capsys):
    curves, out = write(tmp_path / "curves.csv", [0.4, 0.4, 0.2], [0.8, 0.8, 0.4]), tmp_path / "model.toml"
    assert cli.main(["fit", curves, "--out", str(out), *HELD[:4]]) == 0
    assert not read_scenario(out).fitted.frequency_power_known
    assert cli.main(["what-if", str(out), "--mixture", "A=.2,B=.3,AB=.5"]) == 2
    assert "runs of one mixture do not show what others do" in capsys.readouterr().err
