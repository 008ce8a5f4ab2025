"""What the explorer shows, without a browser: numbers, the files it saves, and what it refuses."""

import sys

import numpy as np
import pytest

import resource_ode as ro
from resource_ode.explorer import generators, scene
from resource_ode.explorer.scene import Scene


@pytest.fixture
def two():
    graph = ro.SkillGraph([[], [0]], names=["first", "second"])
    return ro.ResourceModel(graph, [1.0, 2.0], learning_rate=0.01, wasted_resource=0.1, gate_exponent=0.1)


def test_what_is_drawn_is_the_run_of_the_changed_model(two):
    shown = Scene(two)
    shown.change(wasted_resource=1.0, loss="cross_entropy", competition="l2")
    shown.set_frequency(np.asarray([0.5, 3.0]))
    expected = two.replace(wasted_resource=1.0, loss="cross_entropy", competition="l2", frequency=[0.5, 3.0])
    drawn = shown.drawn()
    np.testing.assert_array_equal(drawn.times, ro.learning_times(expected, 0.5))
    np.testing.assert_array_equal(drawn.level, ro.simulate(expected).level)
    np.testing.assert_allclose(drawn.share.sum(axis=1) + drawn.waste, 1, atol=1e-9)
    assert drawn.problem == ""


@pytest.mark.parametrize("competition", ["l1", "l2"])
@pytest.mark.parametrize("waste", [0.0, 1e-6, 0.1, 100.0])
def test_what_is_left_of_the_resource_is_the_run_s_waste(two, waste, competition):
    model = two.replace(wasted_resource=waste, competition=competition)
    expected = np.asarray(ro.simulate(model).waste) ** (2 if competition == "l2" else 1)
    np.testing.assert_allclose(Scene(model).drawn().waste, expected, atol=1e-14)


def test_frequencies_outlive_a_change_and_are_those_of_the_model(two):
    shown = Scene(two)
    shown.set_frequency(np.asarray([0.5, 3.0]))
    shown.change(spread=2.0)
    shown.change(learning_rate=0.1)
    shown.change(spread=1.0)
    np.testing.assert_array_equal(shown.model.frequency, [0.5, 3.0])
    np.testing.assert_array_equal(shown.model.learning_rate, 0.1)


def test_spread_is_an_exponent_about_the_geometric_mean(two):
    shown = Scene(two)
    shown.change(spread=0.0)
    np.testing.assert_allclose(shown.model.frequency, np.sqrt(2))
    shown.change(spread=3.0)
    np.testing.assert_allclose(shown.model.frequency[1] / shown.model.frequency[0], 8)
    shown.change(spread=1.0)
    np.testing.assert_array_equal(shown.model.frequency, two.frequency)


@pytest.mark.parametrize("measure", scene.MEASURES)
@pytest.mark.parametrize(("x", "y"), [("wasted_resource", "gate_exponent"), ("spread", "learning_rate")])
def test_a_cell_of_a_map_is_the_run_behind_it(two, measure, x, y):
    shown = Scene(two)
    across, up, values = shown.map(measure, x, y)
    shown.change(**{x: across[9], y: up[4]})
    if measure == "horizon":
        expected = ro.horizon(shown.model)
    elif measure == "domino_overlap":
        expected = ro.observables.domino_overlap(shown.model, mean=True)
    else:
        expected = getattr(ro.observables, measure)(shown.model)
    np.testing.assert_allclose(values[4, 9], expected, rtol=1e-4)


def test_what_is_saved_is_read_as_the_same_model(two, tmp_path):
    shown = Scene(two)
    shown.change(spread=1.7, gate_exponent=0.3)
    scenario, picture = shown.save(tmp_path)
    again, _ = shown.save(tmp_path)
    assert scenario != again and picture.read_bytes()[:4] == b"\x89PNG"
    read = ro.read_scenario(scenario)
    assert read.names == ("first", "second")
    for name in ("frequency", "learning_rate", "wasted_resource", "gate_exponent"):
        np.testing.assert_array_equal(getattr(read.model, name), getattr(shown.model, name))


@pytest.mark.parametrize("name", generators.GRAPHS)
@pytest.mark.parametrize("end", ["low", "high"])
def test_every_argument_of_a_generator_has_a_range_that_works(two, name, end):
    arguments = {key: getattr(span, end) for key, span in generators.GRAPHS[name].arguments.items()}
    graph = generators.make_graph(name, "any", **arguments)
    assert 1 <= graph.skills <= generators.MOST_SKILLS
    shown = Scene(two)
    shown.set_graph(graph)
    assert shown.model.skills == graph.skills and shown.model.loss == two.loss


def test_a_model_without_prerequisites_gets_a_gate_with_its_first_one():
    shown = Scene(ro.ResourceModel(ro.SkillGraph([[], []]), [1.0, 2.0], 0.1, 0.1))
    shown.set_graph(ro.SkillGraph([[], [0]]))
    assert float(shown.model.gate_exponent) == scene.START["gate_exponent"]


@pytest.mark.parametrize("name", generators.FREQUENCIES)
def test_every_law_of_frequencies_has_mean_one(name):
    arguments = {key: span.start for key, span in generators.FREQUENCIES[name].arguments.items()}
    np.testing.assert_allclose(generators.make_frequency(name, 7, **arguments).mean(), 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"wasted_resource": [0.1, 0.2]}, "batch of shape"),
        ({"pool": [0, 1], "wasted_resource": [0.1, 0.2], "learning_rate": [1.0, 1.0]}, "without pools"),
        ({"frequency": ro.Schedule([0.0, 5.0], [[1.0, 2.0], [2.0, 1.0]])}, "without a schedule"),
        ({"wasted_resource": ro.Schedule([0.0, 5.0], [0.1, 0.2])}, "without a schedule"),
        ({"frequency_after": [1.0, 1.0]}, "without frequencies that change"),
    ],
)
def test_what_it_cannot_draw_is_refused(two, changes, message):
    with pytest.raises(ValueError, match=message):
        Scene(two.replace(**changes))


def test_too_many_skills_are_refused():
    many = ro.ResourceModel(ro.SkillGraph([[]] * 201), np.ones(201), 0.1, 0.1)
    with pytest.raises(ValueError, match="up to 200 skills, got 201"):
        Scene(many)
    with pytest.raises(ValueError, match="expected a ResourceModel, got int"):
        scene.check_model(3)


def test_a_notebook_is_shown_an_explorer(two, tmp_path):
    pytest.importorskip("panel", reason="Panel is not installed: pip install -e '.[explore]'")
    explorer = ro.explore(two, folder=tmp_path)
    assert repr(explorer).startswith("Explorer(ResourceModel(")
    # each display is an explorer of its own
    first, second = explorer.view(), explorer.view()
    assert first is not second and first.get_root() is not None and second.get_root() is not None
    with pytest.raises(ValueError, match="expected a ResourceModel, got list"):
        ro.explore([two])


def test_a_tab_that_is_closed_takes_nothing_from_the_next(two):
    pytest.importorskip("panel", reason="Panel is not installed: pip install -e '.[explore]'")
    from bokeh.document import Document

    codes = []
    for _ in range(2):
        document = Document()
        ro.explore(two).view().server_doc(document)
        written = [(getattr(found, "code", ""), getattr(found, "v_func", "")) for found in document.models]
        codes.append(sorted(code for pair in written for code in pair if code))
        # what the server does some seconds after a tab is closed
        document.models.destroy()
    assert codes[0] and codes[0] == codes[1]


def test_without_panel_it_says_what_to_install(two, monkeypatch):
    monkeypatch.setitem(sys.modules, "panel", None)
    with pytest.raises(ImportError, match=r"needs Panel.*pip install -e '\.\[explore\]' in the checkout"):
        ro.explore(two)
