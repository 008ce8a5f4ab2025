"""Descriptions of sweeps: what they mean, and what is said about mistakes."""

from __future__ import annotations

import copy
import functools
import sys
import types
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

import resource_ode as ro
from resource_ode.config.toml import ScenarioError
from resource_ode.sweeps.description import from_content, read_sweep

EXAMPLES = Path(__file__).parents[2] / "examples"
PLAIN: dict[str, Any] = {
    "ensemble": {"graphs": 6, "seed": 1, "chunk": 4},
    "graph": {"generator": "random_dag", "skills": 4},
    "frequency": {"law": "lognormal"},
    "resource": {"learning_rate": 1e-3, "gate_exponent": 1e-2},
    "axis": [{"name": "wasted_resource", "log": [1e-3, 1.0, 4]}, {"name": "density", "values": [0.0, 0.5, 1.0]}],
}


def changed(**sections: Any) -> dict[str, Any]:
    """The plain description with other keys in its tables; None takes one away."""
    found = copy.deepcopy(PLAIN)
    for section, keys in sections.items():
        if not isinstance(keys, dict):
            found[section] = keys
            continue
        table = {**found.get(section, {}), **keys}
        found[section] = {key: value for key, value in table.items() if value is not None}
    return found


def said(**sections: Any) -> str:
    with pytest.raises(ScenarioError) as caught:
        read_sweep(changed(**sections))
    return str(caught.value).removeprefix("description: ")


def test_axes_and_chunks() -> None:
    plan = read_sweep(PLAIN)
    assert plan.dimensions == ("wasted_resource", "density", "graph") and plan.shape == (4, 3, 6)
    np.testing.assert_allclose(plan.axes[0].values, [1e-3, 1e-2, 1e-1, 1.0], rtol=1e-15)
    # all clocks at once; the graphs in even pieces of at most four
    assert plan.blocks == (4, 1, 3) and plan.grid == (1, 3, 2) and plan.chunks == 6
    covered = np.zeros(plan.shape, int)
    for chunk in range(plan.chunks):
        covered[plan.region(chunk)] += 1
    assert (covered == 1).all()
    # a chunk with room for more takes several cells
    assert read_sweep(changed(ensemble={"chunk": 12})).blocks == (4, 2, 6)


def test_all_forms_of_a_description_are_the_same(tmp_path: Path) -> None:
    plan = read_sweep(PLAIN)
    arrays = changed(axis=[
        {"name": "wasted_resource", "values": np.geomspace(1e-3, 1.0, 4)},
        {"name": "density", "linear": (0.0, 1.0, np.int64(3))},
    ])  # fmt: skip
    assert read_sweep(arrays).content == plan.content
    assert read_sweep(plan) is plan
    again = from_content(plan.content)
    assert again == plan and again.axes == plan.axes and again.digest == plan.digest
    assert read_sweep(changed(ensemble={"seed": 2})) != plan
    file = tmp_path / "sweep.toml"
    file.write_text(
        """
        axis = [{name = "wasted_resource", log = [1e-3, 1.0, 4]}, {name = "density", values = [0, 0.5, 1]}]
        [ensemble]
        graphs = 6
        seed = 1
        chunk = 4
        [graph]
        generator = "random_dag"
        skills = 4
        [frequency]
        law = "lognormal"
        [resource]
        learning_rate = 1e-3
        gate_exponent = 1e-2
        """
    )
    assert ro.read_sweep(file).content == plan.content


def test_examples_can_be_read() -> None:
    small, demo = (read_sweep(EXAMPLES / f"sweep_{name}.toml") for name in ("small", "demo"))
    assert small.members == 25 * 16 * 64
    assert demo.shape == (32, 32, 256) and demo.members == 262_144


def test_static_axes_set_shapes() -> None:
    axis = [{"name": "skills", "values": [3, 5]}, {"name": "gate", "values": ["all", "any"]}, PLAIN["axis"][1]]
    plan = read_sweep(changed(graph={"skills": None}, resource={"wasted_resource": 0.1}, axis=axis))
    assert plan.most_skills == 5 and plan.blocks[:2] == (1, 1) and len(plan.statics()) == 4
    widths = [{"name": "widths", "values": [[2, 1], [3, 2, 1]]}, PLAIN["axis"][0]]
    graph = {"generator": "layered", "fan_in": 2, "skills": None}
    assert read_sweep(changed(graph=graph, axis=widths)).most_skills == 6


def test_clocks_are_cut_where_memory_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resource_ode.sweeps.plan.MOST_NUMBERS", 8)
    # two numbers per skill: neither the clocks nor the graphs fit whole
    assert read_sweep(PLAIN).blocks == (2, 1, 1)


def test_graph_of_a_file_is_part_of_the_description(tmp_path: Path) -> None:
    (tmp_path / "chain.csv").write_text("0,1\n0,0\n")
    text = 'axis = [{name = "wasted_resource", values = [0.1]}]\n[graph]\nfile = "chain.csv"\n'
    text += "[frequency]\nvalues = [1, 2]"
    text += "\n[resource]\nlearning_rate = 1\ngate_exponent = 0.1\n"
    (tmp_path / "sweep.toml").write_text(text)
    plan = read_sweep(tmp_path / "sweep.toml")
    assert plan.content["graph"] == {"prerequisites": [[], [0]], "gate": ["all", "all"]}
    (tmp_path / "chain.csv").write_text("0,0\n0,0\n")
    assert read_sweep(tmp_path / "sweep.toml").content["graph"]["prerequisites"] == [[], []]
    (tmp_path / "chain.csv").write_text("0,1,0\n1,0,0\n0,0,0\n")
    with pytest.raises(ScenarioError, match="condense = true"):
        read_sweep(tmp_path / "sweep.toml")


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ({"ensembles": {}}, 'unknown key "ensembles"; did you mean "ensemble"?'),
        ({"ensemble": {"graph": 3}}, '[ensemble]: unknown key "graph"; did you mean "graphs"?'),
        ({"ensemble": {"graphs": 0}}, "[ensemble] graphs: expected a whole number from 1 to 4294967296, got 0"),
        ({"ensemble": {"precision": "half"}}, '[ensemble] precision: expected "float64" or "float32", got "half"'),
        ({"frequency": {"law": "zipf", "exponent": 1.0}, "graph": {"generator": "chain"}, "axis": PLAIN["axis"][:1]},
         "[ensemble] graphs: expected 1, since neither the graph nor the frequencies are random and all members would "
         "be the same, got 6"),
        ({"graph": {"generator": "dag"}}, '[graph] generator: expected "independent" or "chain" or "star" or "tree" or '
         '"layered" or "random_dag" or "preferential" or "parity", got "dag"'),
        ({"graph": {"generator": None}},
         "[graph]: expected one of generator, prerequisites, file, graphs and files, got none of them"),
        ({"graph": {"skills": None}}, '[graph]: missing key "skills" (expected here, or an axis over it)'),
        ({"graph": {"skills": 2.5}}, "[graph] skills: expected a whole number, got 2.5"),
        ({"graph": {"skills": 0}}, "[graph]: skills: expected a positive whole number, got 0"),
        ({"graph": {"links": 2}}, '[graph]: unknown key "links"; expected one of generator, skills, density, '
         "max_fan_in, gate"),
        ({"graph": {"gate": "most"}}, '[graph] gate: expected "all" or "any", got "most"'),
        ({"frequency": {"law": None}}, "[frequency]: expected one of law, values and each, got none of them"),
        ({"frequency": {"law": None, "values": [1.0]}}, "[frequency] values: expected one number per skill (4), got 1"),
        ({"frequency": {"sigma": -1}}, "[frequency] sigma: expected a finite number of at least 0, got -1"),
        ({"resource": {"learning_rate": None}},
         '[resource]: expected a number here or an axis over it, got neither: missing key "learning_rate"'),
        ({"resource": {"learning_rate": 0}}, "[resource] learning_rate: expected a finite number above 0, got 0"),
        ({"resource": {"loss": "mae"}},
         '[resource] loss: expected "mse" or "cross_entropy", got "mae"; did you mean "mse"?'),
        ({"resource": {"wasted_resource": 1.0}},
         '[[axis]] 1: "wasted_resource" is varied here and given in [resource]; expected one of both'),
        ({"axis": [1]}, "axis: expected [[axis]] tables, in double brackets, got a list"),
        ({"axis": [{"name": "densty", "values": [1]}]},
         '[[axis]] 1: expected a parameter of the model or argument of its generators, got "densty"; did you mean '
         '"density"?'),
        ({"axis": [*PLAIN["axis"], {"name": "density", "values": [1]}]},
         '[[axis]] 3 name: expected each parameter once, but an earlier axis varies "density"'),
        ({"axis": [*PLAIN["axis"][:1], {"name": "density", "values": [0.5, 1.5]}]},
         "[[axis]] 2 values[1]: expected a number from 0 to 1, got 1.5"),
        ({"axis": [*PLAIN["axis"][:1], {"name": "density"}]},
         "[[axis]] 2: expected one of values, linear, log, got none of them"),
        ({"axis": [*PLAIN["axis"][:1], {"name": "density", "values": []}]},
         "[[axis]] 2 values: expected a list, got an empty list"),
        ({"axis": [*PLAIN["axis"][:1], {"name": "density", "values": [0.5, 0.5]}]},
         "[[axis]] 2: expected different values, got 0.5 twice"),
        ({"axis": [*PLAIN["axis"][:1], {"name": "density", "linear": [0, 1]}]},
         "[[axis]] 2 linear: expected [first, last, how many], got a list of 2"),
        ({"axis": [*PLAIN["axis"][:1], {"name": "density", "linear": [0, 1, 1]}]},
         "[[axis]] 2 linear[2]: expected a number of values from 2 to 100000, got 1"),
        ({"axis": [*PLAIN["axis"][:1], {"name": "density", "log": [0, 1, 3]}]},
         "[[axis]] 2 log: expected first and last above 0, got 0"),
        ({"axis": [*PLAIN["axis"], {"name": "widths", "values": [3]}],
          "graph": {"generator": "layered", "skills": None}},
         '[[axis]] 2: expected a parameter of the model or argument of its generators, got "density"; expected one of '
         "widths, fan_in, gate, sigma, mean, learning_rate, wasted_resource, gate_exponent, loss, competition, "
         "initial_level, plateau, frequency_power, learnability, prerequisite_strength"),
        ({"axis": [PLAIN["axis"][0], {"name": "widths", "values": [3]}],
          "graph": {"generator": "layered", "skills": None}},
         "[[axis]] 2 values[0]: expected a list of numbers of skills, as [4, 2, 1], got 3"),
        ({"observe": {"names": "horizon"}}, '[observe] names: expected a list of names, as ["horizon"], got "horizon"'),
        ({"observe": {"names": ["horizons"]}},
         '[observe] names: unknown observable "horizons"; did you mean "horizon"?'),
        ({"observe": {"names": ["total_waste"]}},
         '[observe] names: "total_waste" is measured on a run and needs a section [time]'),
        ({"observe": {"names": ["loss"]}, "time": {"values": [0, 1]},
          "axis": [*PLAIN["axis"], {"name": "loss", "values": ["mse", "cross_entropy"]}]},
         '[observe] names: expected names that no axis has, got "loss"; a reducer can give it another'),
        ({"ensemble": {"graphs": 2**32 + 1}},
         "[ensemble] graphs: expected a whole number from 1 to 4294967296, got 4294967297"),
        ({"observe": {"names": []}}, "[observe] names: expected at least one observable, got an empty list"),
        ({"observe": {"names": ["horizon", "horizon"]}}, "[observe] names: expected each observable once"),
        ({"observe": {"level": 1}}, "[observe] level: expected a finite number above 0 and below 1, got 1"),
        ({"observe": {"reducer": "math:sqrt"}},
         "[observe] reducer: a reducer is applied to a run and needs a section [time]"),
        ({"observe": {"reducer": "maths:sqrt"}, "time": {"values": [0, 1]}},
         "[observe] reducer: expected a function that can be imported, as module:function, got \"maths:sqrt\" (No "
         "module named 'maths')"),
        ({"observe": {"reducer": "math:pi"}, "time": {"values": [0, 1]}},
         '[observe] reducer: expected a function that can be imported, as module:function, got "math:pi", which is no '
         "function"),
        ({"observe": {"reducer": "sqrt"}, "time": {"values": [0, 1]}},
         '[observe] reducer: expected a function that can be imported, as module:function, got "sqrt"'),
        ({"observe": {"reducer": "../os.path:join"}, "time": {"values": [0, 1]}},
         '[observe] reducer: expected a function that can be imported, as module:function, got "../os.path:join"'),
        ({"observe": {"reducer": ".os:getcwd"}, "time": {"values": [0, 1]}},
         '[observe] reducer: expected a function that can be imported, as module:function, got ".os:getcwd"'),
        ({"observe": {"reducer": "os:"}, "time": {"values": [0, 1]}},
         '[observe] reducer: expected a function that can be imported, as module:function, got "os:"'),
        ({"graph": {"skills": 10**400}},
         "[graph] skills: expected a whole number of at most 2147483647, got an integer of more than 20 digits"),
        ({"graph": {"skills": 5000}}, "[graph]: expected at most 16,777,216 entries of prerequisites (skills times the "
         "most that one requires), got 5,000 x 5,000; bound what a skill requires"),
        ({"graph": {"skills": None, "generator": "layered", "widths": [4, 2], "fan_in": 2e200},
          "axis": PLAIN["axis"][:1]},
         "[graph] fan_in: expected a whole number of at most 2147483647, got 2e+200"),
        ({"graph": {"skills": None, "generator": "tree", "depth": 2, "branching": 2000}, "axis": PLAIN["axis"][:1]},
         "[graph]: expected a graph of at most 65,536 skills, got 4,002,001"),
        ({"graph": {"skills": None, "generator": "tree", "depth": 10**9, "branching": 2}, "axis": PLAIN["axis"][:1]},
         "[graph]: expected a graph of at most 65,536 skills, got 262,143"),
        ({"graph": {"skills": None, "generator": "parity", "bits": 60}, "axis": PLAIN["axis"][:1]},
         "[graph]: expected a graph of at most 65,536 skills, got more than 10^15"),
        ({"graph": {"generator": None, "skills": None, "prerequisites": True}},
         "[graph] prerequisites: expected a list with one list per skill, as [[], [0]], got true"),
        ({"graph": {"generator": None, "skills": None, "prerequisites": [[], 0]}},
         "[graph] prerequisites[1]: expected a list of indices of skills, got 0"),
        ({"graph": {"generator": None, "skills": None, "prerequisites": [[], [0.5]]}},
         "[graph] prerequisites[1]: expected whole numbers, got 0.5"),
        ({"graph": {"generator": None, "skills": None, "prerequisites": [[], [2]]}},
         "[graph] prerequisites[1]: expected skills from 0 to 1, got 2"),
        ({"graph": {"generator": None, "skills": None, "prerequisites": [[], [0]], "gate": ["all", 3]},
          "axis": PLAIN["axis"][:1]}, '[graph] gate[1]: expected "all" or "any", got 3'),
        ({"ensemble": {"precision": "float32"}, "resource": {"learning_rate": 1e-60}},
         "[ensemble] precision: expected numbers that float32 can hold, got 1e-60"),
        ({"ensemble": {"graphs": 2**32},
          "axis": [{"name": "wasted_resource", "linear": [0, 1, 10**5]}, PLAIN["axis"][1]]},
         "expected axes of at most 1,000,000,000,000,000 members, got 1,288,490,188,800,000"),
        ({"graph": {"skills": None}, "axis": [*PLAIN["axis"], {"name": "skills", "linear": [1, 2000, 2000]}]},
         "expected axes of at most 1,000 sizes and words together, got 2,000"),
        ({"time": {"values": [0, 2, 1]}}, "[time]: expected times that increase"),
        ({"time": {"values": [-1, 2]}}, "[time] values[0]: expected a finite number of at least 0, got -1"),
        ({"title": 3}, "title: expected a text in quotes, got 3"),
        ({"graph": 3}, "expected a section [graph], got 3"),
    ],
)  # fmt: skip
def test_mistakes(sections: dict[str, Any], expected: str) -> None:
    assert said(**sections) == expected


def test_prerequisites_need_no_gate() -> None:
    graph = {"generator": None, "skills": None, "prerequisites": [[], [0], [0, 1]]}
    given = {"ensemble": {"graphs": 1}, "frequency": {"law": None, "values": [1.0, 2.0, 3.0]}}
    plan = read_sweep(changed(graph=graph, axis=PLAIN["axis"][:1], **given))
    assert plan.content["graph"] == {"prerequisites": [[], [0], [0, 1]], "gate": "all"}
    assert plan == read_sweep(changed(graph=graph | {"gate": "all"}, axis=PLAIN["axis"][:1], **given))
    gates = [{"name": "gate", "values": ["any", "all"]}]
    assert "gate" not in read_sweep(changed(graph=graph, axis=PLAIN["axis"][:1] + gates, **given)).content["graph"]


def test_a_module_that_cannot_be_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    for name, text in (("broken", "def"), ("leaving", "import sys; sys.exit(3)"), ("raising", "raise KeyError('a')")):
        (tmp_path / f"{name}_measures.py").write_text(text)
        message = said(observe={"reducer": f"{name}_measures:last"}, time={"values": [0, 1]})
        assert message.startswith(
            "[observe] reducer: expected a function that can be imported, as module:function, got "
        )
        assert len(message.splitlines()) == 1


def test_a_function_that_workers_cannot_find() -> None:
    message = said(observe={"reducer": lambda run: run.loss[-1]}, time={"values": [0, 1]})
    assert "[observe] reducer: expected a function that can be imported" in message and "<locals>" in message


def test_what_is_no_description(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="description: expected a path, a dictionary or a Sweep, got int"):
        read_sweep(3)
    with pytest.raises(ScenarioError, match=r"none.toml: expected a sweep file \(TOML\), got no file at all"):
        read_sweep(tmp_path / "none.toml")


def test_a_sweep_says_what_it_is_in_one_line():
    plan = ro.read_sweep(
        {
            "ensemble": {"graphs": 2},
            "graph": {"generator": "random_dag", "skills": 4, "density": 0.3},
            "frequency": {"law": "uniform"},
            "resource": {"learning_rate": 1e-3, "gate_exponent": 1e-2},
            "axis": [{"name": "wasted_resource", "log": [1e-3, 1.0, 4]}],
        }
    )
    assert repr(plan) == "Sweep(8 members: wasted_resource (4), graph (2); observes horizon, efficiency)"


def test_what_a_reducer_was_made_with_is_part_of_the_description(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sources alone would be the same, and a sweep that is resumed would mix the numbers of two measures."""

    def scaled(factor: Any) -> Any:
        return lambda run: factor * run.loss[-1]

    class Scaled:
        def __init__(self, factor: Any):
            self.factor = factor

        def __call__(self, run: Any) -> Any:
            return self.factor * run.loss[-1]

    def base(run: Any, factor: Any = 1.0, *, power: Any = 1.0) -> Any:
        return factor * run.loss[-1] ** power

    def with_default(factor: Any) -> Any:
        def measured(run: Any, by: Any = factor) -> Any:
            return by * run.loss[-1]

        return measured

    module = types.ModuleType("made_measures")
    monkeypatch.setitem(sys.modules, "made_measures", module)
    makers = (
        lambda factor: functools.partial(base, factor=factor),
        lambda factor: functools.partial(base, power=np.array([1.0, factor])),
        lambda factor: functools.partial(functools.partial(base, factor=factor)),
        scaled,
        Scaled,
        lambda factor: Scaled({"of": [factor, scaled(factor)]}),
        lambda factor: Scaled(factor).__call__,
        lambda factor: functools.wraps(base)(scaled(factor)),
        lambda factor: jax.jit(scaled(factor)),
        lambda factor: functools.partial(base, factor=max if factor == 2.0 else min),
        lambda factor: functools.partial(base, factor=np.add if factor == 2.0 else np.multiply),
        with_default,
    )
    for make in makers:
        digests = []
        for factor in (2.0, 2.0, 3.0):
            module.measure = make(factor)  # type: ignore[attr-defined]
            given = changed(observe={"reducer": "made_measures:measure"}, time={"values": [0, 1]})
            digests.append(read_sweep(given).digest)
        assert digests[0] == digests[1] != digests[2]


def test_a_function_that_bears_the_name_of_another_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be the other one that is run."""
    module = types.ModuleType("named_measures")
    monkeypatch.setitem(sys.modules, "named_measures", module)
    source = "import functools\n\n\ndef last(run):\n    return run.loss[-1]\n"
    exec(source, module.__dict__)
    given = {"time": {"values": [0, 1]}}
    assert read_sweep(changed(observe={"reducer": module.last}, **given)).reducer is module.last

    @functools.wraps(module.last)
    def twice(run: Any) -> Any:
        return 2 * module.last(run)

    message = said(observe={"reducer": twice}, **given)
    assert message == (
        "[observe] reducer: expected a function that can be imported, as module:function, got "
        '"named_measures:last", a name under which there is another function'
    )
