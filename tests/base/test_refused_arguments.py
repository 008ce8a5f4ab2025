"""Every verb refuses what an argument cannot be, in a sentence that begins with the name of the argument."""

import inspect

import jax
import numpy as np
import pytest
import xarray

import resource_ode as ro

GRAPH = ro.SkillGraph([[], [0]], names=["a", "b"])
MODEL = ro.ResourceModel(GRAPH, [1.0, 0.5], learning_rate=1e-3, wasted_resource=0.1, gate_exponent=0.1)
RUN = ro.simulate(MODEL, [0.0, 1000.0, 4000.0])
RUNS = ro.simulate(MODEL.grid(wasted_resource=[0.1, 1.0]), [0.0, 1000.0, 4000.0])
KEY = jax.random.key(0)
MAP = {"values": [[1.0, 2.0], [3.0, 4.0]]}
SWEPT = xarray.Dataset({"v": (("x", "graph"), [[1.0, 2.0], [3.0, 4.0]])}, {"x": [1.0, 2.0]})

# what is no number, flag, text or list of anything
NOTHING = {"an object": object(), "a duration": np.timedelta64(1, "s"), "objects": np.array([None, 1], object)}
NO_NUMBER = NOTHING | {"text": "1", "a truth value": True, "complex": 1j, "ragged": [[1.0], [1.0, 2.0]]}
NO_FLAG = NOTHING | {"text": "false", "a number": 1, "truth values": np.array([True, False])}
NO_TEXT = NOTHING | {"a number": 1, "numbers": np.ones(2)}
NO_LIST = NOTHING | {"a number": 2.5, "an array without axes": np.ones(())}
NO_KEY = NOTHING | {"a seed": 0, "two keys": jax.random.split(KEY), "numbers": np.ones(2)}
del NO_LIST["objects"]
NO_OBJECT = {"text": "abc", "a number": 1, "none": None, "an array": np.ones(2)}
NO_PART = NO_OBJECT.copy()
del NO_PART["none"]

g, o, p = ro.graphs, ro.observables, ro.plot
REFUSED = [
    (g.layered, {"key": KEY, "widths": [1, 2]}, "key", NO_KEY),
    (g.random_dag, {"key": KEY, "skills": 3, "density": 0.5}, "key", NO_KEY),
    (g.preferential, {"key": KEY, "skills": 3}, "key", NO_KEY),
    (ro.frequencies.lognormal, {"key": KEY, "skills": 3}, "key", NO_KEY),
    (g.layered, {"key": KEY, "widths": [1, 2]}, "widths", NO_LIST),
    (g.random_dag, {"key": KEY, "skills": 3, "density": 0.5}, "density", NO_NUMBER),
    (g.chain, {"skills": 3}, "skills", {"very many": 10**30}),
    (ro.frequencies.zipf, {"skills": 3, "exponent": 1.0}, "skills", {"very many": 10**30}),
    (g.redundant_edges, {"graph": GRAPH}, "graph", NO_OBJECT),
    (g.transitive_reduction, {"graph": GRAPH}, "graph", NO_OBJECT),
    (ro.write_graph, {"graph": GRAPH, "path": "x.json"}, "graph", NO_OBJECT),
    (ro.read_graph, {"path": "x.json"}, "direction", NO_TEXT),
    (ro.read_graph, {"path": "x.json"}, "sign", NO_TEXT),
    (ro.read_graph, {"path": "x.json"}, "condense", NO_FLAG),
    (ro.SkillGraph.from_adjacency, {"matrix": np.eye(2)}, "condense", NO_FLAG),
    (ro.SkillGraph.from_edges, {"edges": [("a", "b")]}, "names", {"rows": [["a"], ["b"]]}),
    (ro.ODE, {}, "solver", NO_PART),
    (ro.ODE, {}, "controller", NO_PART),
    (ro.ODE, {}, "adjoint", NO_PART),
    (ro.ODE, {}, "max_steps", {"very many": 10**30}),
    (ro.learning_times, {"model": MODEL}, "level", NO_NUMBER),
    (o.domino_overlap, {"source": MODEL}, "mean", NO_FLAG),
    (o.efficiency, {"source": MODEL}, "times", NO_NUMBER),
    (o.row_times, {"run": RUN, "level": 0.5}, "level", NO_NUMBER),
    (o.rows_error, {"run": RUN, "measure": o.efficiency}, "measure", NO_OBJECT),
    (o.participation_ratio, {"frequency": [1.0]}, "frequency", NO_NUMBER),
    (p.batch, {"run": RUNS}, "quantity", NO_TEXT),
    (p.batch, {"run": RUNS}, "over", NO_TEXT),
    (p.batch, {"run": RUNS}, "quantiles", NO_NUMBER),
    (p.batch, {"run": RUNS}, "skills", NO_LIST),
    (p.batch, {"run": RUNS}, "legend", NO_FLAG),
    (p.colours, {"run": RUN}, "run", NO_OBJECT),
    (p.graph, {"source": GRAPH}, "legend", NO_FLAG),
    (p.heat_map, MAP, "label", NO_TEXT),
    (p.heat_map, MAP, "log_x", NO_FLAG),
    (p.heat_map, MAP, "log", NO_FLAG),
    (p.heat_map, MAP, "center", NO_NUMBER),
    (p.heat_maps, {"maps": {"a": MAP["values"]}}, "colour", {"no option": 1}),
    (p.levels, {"run": RUN}, "skills", NO_LIST | {"a part of one": [0.5]}),
    (p.levels, {"run": RUN}, "color_by", NO_TEXT),
    (p.levels, {"run": RUN}, "legend", NO_FLAG),
    (p.loss, {"run": RUN}, "log", NO_FLAG),
    (p.shares, {"run": RUN}, "colorbar", NO_FLAG),
    (p.overview, {"dataset": SWEPT}, "dataset", NO_OBJECT),
    (p.overview, {"dataset": SWEPT}, "variables", NO_LIST | {"rows": [["v"]]}),
    (p.phase, {"dataset": SWEPT, "variable": "v"}, "variable", NO_TEXT),
    (p.phase, {"dataset": SWEPT, "variable": "v"}, "x", NO_TEXT),
    (p.phase, {"dataset": SWEPT, "variable": "v"}, "log", NO_FLAG),
    (ro.fit_waste, {"levels": RUN.level, "ts": RUN.ts, "model": MODEL}, "fit_learning_rate", NO_FLAG),
    (ro.train_geometry, {"model": ro.GeometryModel([1.0], 2, 0.1), "ts": [0, 1]}, "seeds", NO_NUMBER),
    (ro.GeometryModel, {"frequency": [1.0], "dimension": 2, "learning_rate": 0.1}, "vectors", NO_TEXT),
    (ro.read_scenario, {"path": "examples/chain.toml"}, "settings", NO_LIST | {"numbers": [1]}),
    (ro.sweep, {"description": "x.toml", "out": "x.zarr"}, "client", NO_PART),
    (ro.sweeps.open_dataset, {"path": "x.zarr"}, "verify", NO_FLAG),
    (ro.sweeps.failures, {"dataset": SWEPT}, "dataset", NO_OBJECT),
]  # fmt: skip
CASES = {
    f"{verb.__name__}({name}={what})": (verb, given | {name: value}, name)
    for verb, given, name, values in REFUSED
    for what, value in values.items()
}

CLOSED_FORMS = {
    "clock": [1.0, 2.0], "times": [1.0, 2.0], "frequency": [1.0, 0.5], "prerequisite_frequency": 1.0,
    "gate_exponent": 0.1, "alpha": 2.0, "count": 2, "learning_rate": 0.1, "wasted_resource": 0.1, "level": 0.5,
    "overlap": np.eye(2), "prerequisites": [[], [0]], "plateau": 0.5, "prerequisite_frequencies": [1.0], "gate": "all",
    "exposure": 1.0, "frequency_after": 0.5,
}  # fmt: skip
OF_ONE_SKILL = ("chain_log_depth", "root_prerequisites_log_depth", "self_paced_log_depth", "single_skill_unlearned")
FORMS = [name for name in dir(ro.analytic) if inspect.isfunction(getattr(ro.analytic, name))]


@pytest.mark.parametrize("case", CASES)
def test_an_argument_of_another_kind(case):
    verb, given, name = CASES[case]
    with pytest.raises(ValueError, match=rf"^{name}[^ ]*: expected "):
        verb(**given)


@pytest.mark.parametrize("name", FORMS)
def test_an_argument_of_a_closed_form(name):
    form = getattr(ro.analytic, name)
    given = {
        key: CLOSED_FORMS[key] for key, each in inspect.signature(form).parameters.items() if each.default is each.empty
    }
    if name in OF_ONE_SKILL:
        given["frequency"] = 1.0
    for key in inspect.signature(form).parameters:
        wrong = NO_LIST if key == "prerequisites" else NO_TEXT if key in ("gate", "loss") else NO_NUMBER
        for value in (*wrong.values(), None, *([np.nan] if wrong is NO_NUMBER else [])):
            with pytest.raises(ValueError, match=rf"^{key}\S*: expected "):
                form(**given | {key: value})


def test_too_large_a_graph_is_refused_before_it_is_built():
    for call in (lambda: g.tree(100), lambda: g.parity(64), lambda: g.layered(KEY, [10**9])):
        with pytest.raises(ValueError, match="number of skills: expected at most 10,000,000, got "):
            call()
