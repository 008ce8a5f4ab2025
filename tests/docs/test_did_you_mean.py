"""Wherever a name is typed, one that is a letter off is answered with the name that was meant."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray

import resource_ode as ro
from resource_ode.applications import paper
from resource_ode.applications.paper import report
from resource_ode.cli.program import main
from resource_ode.fitting.design import Design
from resource_ode.fitting.interventions import InferredGraph
from resource_ode.fitting.mixtures import WhatIf
from resource_ode.related.comparison import Comparison
from resource_ode.related.training import GeometryRun

SCENARIO = """
[resource]
learning_rate = 1e-3
wasted_resource = 1e-3
gate_exponent = 1e-3
[time]
until = 100
points = 3
[[skill]]
name = "letters"
frequency = 1.0
[[skill]]
name = "words"
frequency = 1.0
requires = ["letters"]
"""
SWEEP = """
[resource]
learning_rate = 1e-3
gate_exponent = 1e-3
[graph]
generator = "random_dag"
skills = 4
density = 0.3
[frequency]
law = "lognormal"
sigma = 1.0
[ensemble]
graphs = 2
seed = 0
[[axis]]
name = "wasted_resource"
values = [1e-3, 1e-2]
[observe]
names = ["horizon"]
"""


def graph():
    return ro.SkillGraph({"letters": [], "words": ["letters"]})


def model(**changes):
    return ro.ResourceModel(graph(), **{**LAWS, **changes})


LAWS = {"frequency": [1.0, 0.5], "learning_rate": 1e-3, "wasted_resource": 1e-3, "gate_exponent": 0.1}


def run():
    return ro.simulate(model(), [0.0, 100.0])


def grid():
    return ro.simulate(model().grid(wasted_resource=[0.01, 0.1]), [0.0, 100.0])


def curves():
    steps = np.arange(0.0, 500.0, 50.0)
    columns = {"step": steps, "letters": 1 - np.exp(-steps / 100), "words": 1 - np.exp(-steps / 200)}
    return ro.read_curves(columns, value="level", mixture={"letters": 0.5, "words": 0.5})


def table(tmp_path):
    path = tmp_path / "curves.csv"
    path.write_text("step,letters,words\n0,0,0\n100,0.5,0.2\n200,0.9,0.6\n")
    return path


def dataset():
    values = xarray.DataArray(
        np.arange(4.0).reshape(2, 2), {"noise": [1.0, 2.0], "rate": [1.0, 2.0]}, ("noise", "rate")
    )
    return xarray.Dataset({"horizon": values})


LIBRARY = {
    # names of skills
    "prerequisites": (lambda: ro.SkillGraph({"letters": [], "words": ["leters"]}), "letters"),
    "frequency by name": (lambda: model(frequency={"leters": 1.0, "words": 1.0}), "letters"),
    "initial_level by name": (lambda: model(initial_level={"leters": 0.1, "words": 0.0}), "letters"),
    "strength by name": (lambda: model(prerequisite_strength={("leters", "words"): 0.5}), "letters"),
    "run[...]": (lambda: run()["wrds"], "words"),
    "run.sel(skill=...)": (lambda: run().sel(skill="wrds"), "words"),
    "skills of a picture": (lambda: ro.plot.levels(run(), skills=["wrds"]), "words"),
    "skills of a batch's picture": (lambda: ro.plot.batch(grid(), skills=["wrds"]), "words"),
    # axes and dimensions
    "grid": (lambda: model().grid(wasted_resorce=[0.1, 0.2]), "wasted_resource"),
    "sel": (lambda: grid().sel(wasted_resorce=0.1), "wasted_resource"),
    "over": (lambda: ro.plot.batch(grid(), over="wasted_resorce"), "wasted_resource"),
    "x of a phase diagram": (lambda: ro.plot.phase(dataset(), "horizon", x="nois"), "noise"),
    "variable of a phase diagram": (lambda: ro.plot.phase(dataset(), "horizn"), "horizon"),
    "replace": (lambda: model().replace(wasted_resorce=0.1), "wasted_resource"),
    "replace a Geometry model": (lambda: ro.GeometryModel([1.0], 10, 1e-3).replace(nose=1.0), "noise"),
    # one of a few words
    "loss": (lambda: model(loss="cross-entropy"), "cross_entropy"),
    "loss in capitals": (lambda: model(loss="MSE"), "mse"),
    "competition": (lambda: model(competition="L2"), "l2"),
    "gate": (lambda: ro.SkillGraph([[], [0]], gate="al"), "all"),
    "gates": (lambda: ro.SkillGraph([[], [0]], gate=["all", "ani"]), "any"),
    "method": (lambda: ro.simulate(model(), [0.0, 1.0], method="cascad"), "cascade"),
    "method of sel": (lambda: grid().sel(wasted_resource=0.1, method="nearst"), "nearest"),
    "vectors": (lambda: ro.GeometryModel([1.0], 10, 1e-3, vectors="orthonormol"), "orthonormal"),
    "loss of a closed form": (lambda: ro.analytic.independent_clock([1.0], [1.0], 1e-3, 0.1, loss="mes"), "mse"),
    "color_by": (lambda: ro.plot.levels(run(), color_by="dept"), "depth"),
    "quantity": (lambda: ro.plot.batch(grid(), "levels"), "level"),
    "spread": (lambda: ro.plot.phase(dataset(), "horizon", spread="hatched"), "hatch"),
    "figure": (lambda: paper.find("serie"), "series"),
    "figures": (lambda: report.check(["serie"]), "series"),
    # fitting
    "free": (lambda: ro.fit(curves(), free=("learning_rat",)), "learning_rate"),
    "prior": (lambda: ro.fit(curves(), prior={"learning_rat": 1.0}), "learning_rate"),
}
FILES = {
    "direction": (lambda path: ro.read_graph(path, direction="prerequisite_frist"), "prerequisite_first"),
    "sign": (lambda path: ro.read_graph(path, sign="absolut"), "absolute"),
    "mixture of a file": (lambda path: ro.read_curves(path, mixture={"letters": 0.5, "wrds": 0.5}), "words"),
    "tasks of a file": (lambda path: ro.read_curves(path, mixture={"letters": 1.0}, tasks=["leters"]), "letters"),
}


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.mark.parametrize("case", LIBRARY)
def test_in_python(case):
    typed, meant = LIBRARY[case]
    with pytest.raises(ValueError, match=f"did you mean ['\"]{meant}['\"]\\?"):
        typed()


@pytest.mark.parametrize("case", FILES)
def test_of_a_file(case, tmp_path):
    typed, meant = FILES[case]
    with pytest.raises(ValueError, match=f"did you mean ['\"]{meant}['\"]\\?"):
        typed(table(tmp_path))


def test_arguments():
    for typed, meant in (
        (lambda: model(learning_rat=1.0), "learning_rate"),
        (lambda: ro.SkillGraph([[]], gates="all"), "gate"),
        (lambda: ro.GeometryModel([1.0], 10, 1e-3, nose=1.0), "noise"),
    ):
        with pytest.raises(TypeError, match=f"there is no argument '.*'; did you mean '{meant}'\\?"):
            typed()
    with pytest.raises(TypeError, match=r"missing .* argument: 'prerequisites'"):
        ro.SkillGraph()


def test_attributes():
    for typed, meant in (
        (lambda: ro.simulte, "simulate"),
        (lambda: ro.plot.level, "levels"),
        (lambda: ro.graphs.random_dags, "random_dag"),
        (lambda: ro.frequencies.zip, "zipf"),
        (lambda: run()["words"].levl, "level"),
    ):
        with pytest.raises(AttributeError, match=f"did you mean '{meant}'\\?"):
            typed()
    assert not hasattr(ro, "_nothing_like_it")


@pytest.mark.parametrize(
    ("kind", "line", "instead", "meant"),
    [
        ("simulate", "wasted_resource = 1e-3", "wasted_resorce = 1e-3", "wasted_resource"),
        ("simulate", "gate_exponent = 1e-3", 'gate_exponent = 1e-3\nloss = "msee"', "mse"),
        ("simulate", "gate_exponent = 1e-3", 'gate_exponent = 1e-3\ncompetition = "L1"', "l1"),
        ("simulate", 'requires = ["letters"]', 'requires = ["leters"]', "letters"),
        ("simulate", 'requires = ["letters"]', 'require = ["letters"]', "requires"),
        ("simulate", 'requires = ["letters"]', 'requires = ["letters"]\ngate = "anny"', "any"),
        ("simulate", "[time]", "[tme]", "time"),
        ("sweep", '"random_dag"', '"random_dga"', "random_dag"),
        ("sweep", '"lognormal"', '"log_normal"', "lognormal"),
        ("sweep", "density", "densty", "density"),
        ("sweep", 'name = "wasted_resource"', 'name = "wasted_resorce"', "wasted_resource"),
        ("sweep", '"horizon"', '"horizn"', "horizon"),
        ("sweep", "gate_exponent = 1e-3", 'gate_exponent = 1e-3\nloss = "cross-entropy"', "cross_entropy"),
    ],
)
def test_in_a_scenario(kind, line, instead, meant, tmp_path, capsys):
    text = {"simulate": SCENARIO, "sweep": SWEEP}[kind]
    assert line in text
    path = tmp_path / "it.toml"
    path.write_text(text.replace(line, instead, 1))
    out = tmp_path / ("run.csv" if kind == "simulate" else "results.zarr")
    assert main([kind, str(path), "--out", str(out)]) == 2
    assert f'did you mean "{meant}"?' in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["simulat", "x"], "simulate"),
        (["examples", "chian"], "chain"),
        (["reproduce", "serie", "--out", "{tmp}/paper"], "series"),
        (["simulate", "{tmp}/it.toml", "--out", "{tmp}/run.csv", "--set", "wasted_resorce=1"], "wasted_resource"),
        (["simulate", "{tmp}/it.toml", "--out", "{tmp}/run.csv", "--set", "loss=msee"], "mse"),
        (["simulate", "{tmp}/it.toml", "--out", "{tmp}/run.csv", "--method", "cascad"], "cascade"),
        (["simulate", "{tmp}/it.toml", "--ot", "{tmp}/run.csv"], "--out"),
        (["fit", "{tmp}/curves.csv", "--hold", "plateu=1", "--out", "{tmp}/m.toml"], "plateau"),
        (["infer-graph", "{tmp}/curves.csv", "--task", "leters"], "letters"),
        (["fit", "{tmp}/curves.csv", "--mixture", "leters=.5,words=.5", "--out", "{tmp}/m.toml"], "letters"),
    ],
)
def test_on_the_command_line(arguments, meant, tmp_path, capsys):
    (tmp_path / "it.toml").write_text(SCENARIO)
    table(tmp_path)
    assert main([each.replace("{tmp}", str(tmp_path)) for each in arguments]) == 2
    said = capsys.readouterr().err.lower()
    assert "did you mean" in said and meant in said.partition("did you mean")[2]
    assert not (tmp_path / "run.csv").exists()


@pytest.mark.parametrize(
    ("holder", "typed", "meant"),
    [
        (model, "wasted_resorce", "wasted_resource"),
        (graph, "nmaes", "names"),
        (lambda: ro.simulate(model(), [0.0, 10.0]), "levels", "level"),
        (lambda: ro.Schedule([0.0], [1.0]), "vlues", "values"),
        (lambda: ro.GeometryModel([1.0], 10, 1e-3), "nose", "noise"),
        (curves, "naems", "names"),
        # what takes long to make is not made
        (lambda: object.__new__(ro.Fit), "reprt", "report"),
        (lambda: object.__new__(InferredGraph), "reprt", "report"),
        (lambda: object.__new__(WhatIf), "reprt", "report"),
        (lambda: object.__new__(Design), "reprt", "report"),
        (lambda: object.__new__(GeometryRun), "levl", "level"),
        (lambda: object.__new__(Comparison), "learning_time", "learning_times"),
    ],
)
def test_attributes_of_what_is_held(holder, typed, meant):
    with pytest.raises(AttributeError, match=f"has no attribute '{typed}'; did you mean '{meant}'\\?$") as caught:
        getattr(holder(), typed)
    # with these Python would print a hint of its own behind it
    assert caught.value.name is None and caught.value.obj is None
    assert not hasattr(holder(), "_repr_latex_")
