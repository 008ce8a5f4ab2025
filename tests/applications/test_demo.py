"""The demo, run small: what it leaves behind, that the files say the same as the report, and what it refuses."""

import numpy as np
import pytest
import xarray
from matplotlib.figure import Figure

import resource_ode as ro
from resource_ode.applications import demo
from resource_ode.applications.parity import ParityTasks, theory_parameters, train_parity
from resource_ode.applications.parity.picture import parity_figure

FILES = {
    "parity.png",
    "parity_experiment.nc",
    "parity_theory.nc",
    "parity.toml",
    "seriality_map.png",
    "seriality_map.nc",
}


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Folder, report and numbers of one small run."""
    out = tmp_path_factory.mktemp("demo") / "made" / "on demand"
    lines = []
    found = demo.run_demo(out, echo=lines.append, seeds=3, steps=40, samples=128, graphs=256)
    return out, "\n".join(lines), found


def test_it_leaves_its_files_and_nothing_else(done):
    out, report, found = done
    assert {path.name for path in out.iterdir()} == FILES
    assert {path.name for path in found["files"]} == FILES
    assert all(path.parent == out for path in found["files"])
    for name in FILES:
        assert name in report
        if name.endswith(".png"):
            assert (out / name).read_bytes().startswith(b"\x89PNG")


def test_the_experiment_is_the_training_run(done):
    out, report, found = done
    with xarray.open_dataset(out / "parity_experiment.nc", engine="h5netcdf") as data:
        assert dict(data["accuracy"].sizes) == {"seed": 3, "step": 41, "task": 3}
        assert data["task"].values.tolist() == ["A", "B", "AB"]
        accuracy = data["accuracy"].values
    theory = ro.load(out / "parity_theory.nc")
    assert theory.names == ("A", "B", "AB")
    np.testing.assert_array_equal(theory.ts, np.arange(41))
    difference = np.median(2 * accuracy - 1, axis=0) - np.asarray(theory.level)
    rms = np.sqrt(np.mean(difference**2))
    assert found["parity_rms"] == pytest.approx(rms, rel=1e-6)
    assert f"{rms:.2f} in level" in report
    reached = accuracy >= demo.ACCURACY
    first = np.where(reached.any(axis=1), reached.argmax(axis=1), np.inf)
    np.testing.assert_array_equal(found["parity_measured"], first)
    assert "never" in report  # in 40 steps nothing is learned


def test_the_theory_is_the_papers_and_its_times_are_those_of_the_curves(done):
    out, report, found = done
    model = ro.load(out / "parity_theory.nc").model
    assert float(model.learning_rate) == pytest.approx(0.01 * np.sqrt(7 * 50 / 600))
    assert (float(model.wasted_resource), float(model.gate_exponent)) == (0.01, 0.01)
    np.testing.assert_allclose(model.frequency, 1 / 3)
    assert model.graph.prerequisite_lists() == [[], [], [0, 1]]
    times = found["parity_predicted"]
    np.testing.assert_allclose(ro.learning_times(model, 0.9), times)
    for time in times:
        assert f"model {time:.0f}" in report
    # nothing is learned in 40 steps, so that nothing can be said to be late
    assert not np.isfinite(found["parity_late"]).any() and "later" not in report


def test_the_scenario_describes_the_same_run(done):
    out, _, _ = done
    scenario = ro.read_scenario(out / "parity.toml")
    theory = ro.load(out / "parity_theory.nc")
    assert scenario.names == theory.names
    np.testing.assert_array_equal(scenario.ts, theory.ts)
    for name in ("frequency", "learning_rate", "wasted_resource", "gate_exponent"):
        np.testing.assert_array_equal(getattr(scenario.model, name), getattr(theory.model, name))
    assert scenario.model.graph.prerequisite_lists() == theory.model.graph.prerequisite_lists()


def test_the_map_holds_every_graph(done):
    out, report, found = done
    with xarray.open_dataset(out / "seriality_map.nc", engine="h5netcdf") as data:
        assert dict(data["seriality"].sizes) == {"density": 16, "spread": 16, "graph": 1}
        on_rows, row_errors = data["seriality_on_rows"], data["seriality_error"]
        for variable in (on_rows, row_errors):
            assert dict(variable.sizes) == {"simulated_waste": 2, "density": 16, "spread": 16, "graph": 1}
        gap = np.abs(on_rows - data["seriality"])
        assert bool((gap <= row_errors + 1e-6).all())
        assert dict(data["efficiency"].sizes) == {"wasted_resource": 13, "density": 16, "spread": 16, "graph": 1}
        seriality, efficiency = data["seriality"].values, data["efficiency"].values
        mean = data["seriality"].mean("graph")
        edges = data["dependencies"].mean(("spread", "graph")).values
        assert data.attrs["skills"] == 16
    assert np.all((seriality >= 1 / 16) & (seriality <= 1))
    assert np.all((efficiency > 0) & (efficiency <= 1))
    assert np.all(np.diff(efficiency, axis=0) < 0)  # more noise, more waste
    assert edges[0] < 8 < edges[-1]
    np.testing.assert_allclose(found["seriality"], mean)
    assert found["seriality_gap"] == pytest.approx(float(gap.max()))
    assert "changes the seriality of no graph" in report
    for word, value in (("Most", mean.max()), ("Least", mean.min())):
        assert f"{word} serial: {float(value):.2f}," in report
    assert f"seems to change by up to {found['seriality_gap']:.3f}:" in report
    assert f"for which each run states a bound, up to {found['seriality_error']:.3f}" in report
    assert f"{efficiency[0].mean():.0%} of the resource is of use" in report
    assert f"{found['graphs_per_second']:,.0f} graphs/s" in report
    assert found["graphs_per_second"] == pytest.approx(256 / found["seconds"])


def test_the_graphs_are_all_different_and_as_frequent_as_they_should_be():
    model = demo.random_models(1)
    frequency = np.asarray(model.frequency)
    np.testing.assert_allclose(frequency.mean(axis=-1), 1)
    np.testing.assert_allclose(frequency[:, 0], 1)  # no spread
    assert len(np.unique(frequency[:, 1:], axis=None)) == frequency[:, 1:].size


@pytest.mark.parametrize("graphs", [0, 255, True])
def test_graphs_that_do_not_fill_the_map_are_refused(tmp_path, graphs):
    with pytest.raises(ValueError, match="graphs: expected a multiple of 256"):
        demo.run_demo(tmp_path / "out", graphs=graphs)
    assert not (tmp_path / "out").exists()


def test_beside_the_papers_parameters_the_picture_shows_a_fit_that_is_closer():
    trained = train_parity(ParityTasks.composition(), seeds=range(2), steps=600, samples=512, record_every=5)
    graph = ro.SkillGraph(trained.tasks.prerequisites, names=trained.names)
    levels, rms = demo.fitted_levels(trained, graph)
    assert levels.shape == (121, 3) and rms < 0.06
    theory = ro.simulate(ro.ResourceModel(graph, **theory_parameters(trained.tasks)), np.asarray(trained.steps))
    figure = Figure()
    parity_figure(figure, trained, theory, np.zeros(3), 0.2, 0.95, (levels, rms))
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert titles[0].startswith(r"$\bf{a}$  The paper's parameters, no fit")
    assert titles[1].startswith(r"$\bf{b}$") and f"differ by {rms:.2f}" in titles[1]
    # nothing to fit where nothing was learned
    early = train_parity(ParityTasks.composition(), seeds=range(2), steps=20, samples=512, record_every=5)
    assert demo.fitted_levels(early, graph) is None
