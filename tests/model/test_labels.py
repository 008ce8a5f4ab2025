"""Batch axes with names and coordinates: grids of models, members by coordinate, skills by name."""

import csv

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from counting import CountingCompilations

import resource_ode as ro

WASTE, GATES = (1e-3, 1e-2, 1e-1), (0.1, 1.0)


def model_of(**changes):
    graph = ro.SkillGraph({"letters": [], "words": ["letters"]})
    arguments = {"learning_rate": 1e-3, "wasted_resource": 1e-3, "gate_exponent": 1e-2, **changes}
    return ro.ResourceModel(graph, [1.0, 0.3], **arguments)


@pytest.fixture(scope="module")
def batch():
    return model_of().grid(wasted_resource=WASTE, gate_exponent=GATES)


@pytest.fixture(scope="module")
def run(batch):
    return ro.simulate(batch, np.linspace(0, 5000, 11))


def named(thing):
    return {name: values.tolist() for name, values in thing.coordinates.items()}


def test_grid_is_a_batch_with_the_values_in_the_order_given(batch):
    assert batch.batch_shape == (3, 2)
    assert named(batch) == {"wasted_resource": [*WASTE], "gate_exponent": [*GATES]}
    for i, waste in enumerate(WASTE):
        for j, gate in enumerate(GATES):
            member = batch[i, j]
            assert (float(member.wasted_resource), float(member.gate_exponent)) == pytest.approx((waste, gate))
            assert member.coordinates == {}
    swapped = model_of().grid(gate_exponent=GATES, wasted_resource=WASTE)
    assert swapped.batch_shape == (2, 3)
    assert list(swapped.coordinates) == ["gate_exponent", "wasted_resource"]


def test_members_of_a_grid_are_those_built_anew(batch, run):
    times = ro.learning_times(batch)
    for i, waste in enumerate(WASTE):
        for j, gate in enumerate(GATES):
            alone = model_of(wasted_resource=waste, gate_exponent=gate)
            np.testing.assert_allclose(times[i, j], ro.learning_times(alone), rtol=1e-6)
            np.testing.assert_allclose(
                run.sel(wasted_resource=waste, gate_exponent=gate).level,
                ro.simulate(alone, run.ts).level,
                atol=3e-6,
            )


def test_a_grid_of_a_grid_is_one_grid(batch):
    two = model_of().grid(wasted_resource=WASTE).grid(gate_exponent=GATES)
    assert two.axes() == batch.axes()
    np.testing.assert_array_equal(ro.learning_times(two), ro.learning_times(batch))


def test_graphs_and_rows_of_numbers_are_axes_too():
    graphs = [ro.SkillGraph([[], [0]]), ro.SkillGraph([[], []])]
    varied = ro.ResourceModel(graphs[0], [1.0, 0.3], 1e-3, 1e-3, 1e-2).grid(
        wasted_resource=WASTE, graph=graphs, frequency=[[1.0, 0.3], [0.3, 1.0]]
    )
    assert varied.batch_shape == (3, 2, 2)
    assert named(varied) == {"wasted_resource": [*WASTE], "graph": [0, 1], "frequency": [0, 1]}
    # a batch of graphs is a list of them
    batched = model_of().grid(graph=ro.stack(graphs))
    assert batched.batch_shape == (2,) and named(batched) == {"graph": [0, 1]}
    np.testing.assert_array_equal(batched.graph.required, model_of().grid(graph=graphs).graph.required)
    times = ro.learning_times(varied)
    for k, frequency in enumerate(([1.0, 0.3], [0.3, 1.0])):
        for j, graph in enumerate(graphs):
            alone = ro.ResourceModel(graph, frequency, 1e-3, WASTE[1], 1e-2)
            np.testing.assert_allclose(times[1, j, k], ro.learning_times(alone), rtol=1e-6)


def test_an_ensemble_times_a_grid():
    small = ro.ResourceModel(ro.SkillGraph({"letters": []}), [1.0], 1e-3, 1e-3, 1e-2)
    varied = ro.stack([model_of(), small]).grid(wasted_resource=WASTE)
    assert varied.batch_shape == (2, 3)
    assert varied.label(ro.horizon(varied)).dims == ("graph", "wasted_resource")
    np.testing.assert_allclose(
        ro.learning_times(varied)[1, 2, 0], ro.learning_times(small.replace(wasted_resource=0.1))[0], rtol=1e-6
    )
    run = ro.simulate(varied, [0.0, 1000.0])
    assert run["words"].level.shape == (2, 3, 2)
    assert np.isnan(run["words"].level[1]).all()
    assert not np.isnan(run["letters"].level).any()


def test_pools_have_one_number_each_or_one_for_all():
    model = ro.ResourceModel(ro.SkillGraph([[], []]), [1.0, 0.3], 1e-3, 1e-3, pool=[0, 1])
    single = model.grid(wasted_resource=WASTE)
    assert single.batch_shape == (3,) and single.wasted_resource.shape == (3, 2)
    rows = model.grid(wasted_resource=[[1e-3, 1e-2], [0.1, 0.2]])
    assert named(rows) == {"wasted_resource": [0, 1]}
    wide = single.grid(gate_exponent=GATES)
    assert wide.batch_shape == (3, 2)
    np.testing.assert_allclose(ro.learning_times(wide)[:, 0], ro.learning_times(single), rtol=1e-12)


@pytest.mark.parametrize(
    "index",
    [
        np.s_[1:],
        np.s_[::-1],
        np.s_[..., 1],
        np.s_[1, :],
        np.s_[[0, 2]],
        np.s_[[2, 0], 1],
        np.s_[:, [1, 0]],
        np.s_[np.array([True, False, True])],
        np.s_[[0, 1], [0, 1]],
        np.s_[[0, 0]],
        np.s_[None, 1],
        np.s_[np.array([[0, 1], [1, 2]])],
        np.s_[np.ones((3, 2), bool)],
    ],
    ids=str,
)
def test_coordinates_follow_an_index(batch, run, index):
    """Each coordinate that is left is the parameter of the members that stand there."""
    picked = run[index]
    assert picked.axes() == batch[index].axes()
    shape = picked.batch_shape
    for place, axis in enumerate(picked.axes()):
        if axis is not None:
            along = np.asarray(axis[1]).reshape((-1, *(1,) * (len(shape) - 1 - place)))
            found = np.broadcast_to(getattr(picked.model, axis[0]), shape)
            np.testing.assert_allclose(found, np.broadcast_to(along, shape), rtol=1e-6)


def test_which_coordinates_an_index_leaves(run):
    assert named(run[1:]) == {"wasted_resource": [1e-2, 1e-1], "gate_exponent": [*GATES]}
    assert named(run[..., 1]) == {"wasted_resource": [*WASTE]}
    assert named(run[[2, 0], 1]) == {"wasted_resource": [1e-1, 1e-3]}
    # repeated members and a diagonal have no coordinates of their own
    assert named(run[[0, 0]]) == {"gate_exponent": [*GATES]}
    assert named(run[[0, 1], [0, 1]]) == {}


def test_replace_keeps_the_axes_that_it_does_not_touch(batch):
    assert named(batch.replace(learning_rate=0.1)) == named(batch)
    assert named(batch.replace(wasted_resource=0.1)) == {"gate_exponent": [*GATES]}
    assert named(batch.replace(gate_exponent=0.1)) == {"wasted_resource": [*WASTE]}
    again = batch.replace(wasted_resource=np.array([[1.0], [2.0], [3.0]]))
    assert again.batch_shape == (3, 2) and named(again) == {"gate_exponent": [*GATES]}


def test_sel_by_coordinate(run):
    np.testing.assert_array_equal(run.sel(wasted_resource=1e-2).level, run[1, ...].level)
    np.testing.assert_array_equal(run.sel(gate_exponent=1).level, run[..., 1].level)
    some = run.sel(wasted_resource=[0.1, 0.001], gate_exponent=0.1)
    assert named(some) == {"wasted_resource": [0.1, 0.001]}
    np.testing.assert_array_equal(some.level, run[[2, 0], 0].level)
    assert named(run.sel(wasted_resource=slice(5e-3, None)))["wasted_resource"] == [1e-2, 1e-1]
    assert run.sel(wasted_resource=1e-2, gate_exponent=1.0).batch_shape == ()
    assert float(run.sel(wasted_resource=0.02, method="nearest").model.wasted_resource[0]) == pytest.approx(0.01)
    both = run.sel(wasted_resource=[0.1, 0.001], gate_exponent=[1.0, 0.1])
    np.testing.assert_array_equal(both.level, run[[2, 0]][:, [1, 0]].level)


def test_coordinates_in_single_precision_are_the_numbers_as_written():
    batch = model_of().grid(wasted_resource=np.array([1e-3, 1e-2], np.float32))
    assert named(batch) == {"wasted_resource": [1e-3, 1e-2]}
    assert batch.sel(wasted_resource=jnp.float32(1e-2)).batch_shape == ()


def test_skills_by_name(run):
    np.testing.assert_array_equal(run["words"].level, run.level[..., 1])
    np.testing.assert_array_equal(run[["words", "letters"]].share, run.share[..., ::-1])
    np.testing.assert_array_equal(
        run.sel(wasted_resource=1e-2, gate_exponent=1.0, skill="words").unlearned, run[1, 1].unlearned[:, 1]
    )
    assert "words" in repr(run["words"])
    with pytest.raises(AttributeError, match="did you mean 'level'"):
        _ = run["words"].levels


def test_label_gives_arrays_their_axes(batch, run):
    times = batch.label(ro.learning_times(batch), name="time to level 1/2", units="training steps")
    assert (times.name, times.attrs) == ("time to level 1/2", {"units": "training steps"})
    assert times.dims == ("wasted_resource", "gate_exponent", "skill")
    np.testing.assert_array_equal(times.sel(wasted_resource=1e-2, skill="words"), ro.learning_times(batch)[1, :, 1])
    assert batch.label(ro.observables.seriality(batch)).dims == ("wasted_resource", "gate_exponent")
    assert run.label(run.level).dims == ("wasted_resource", "gate_exponent", "time", "skill")
    assert run.label(run.loss).dims == ("wasted_resource", "gate_exponent", "time")
    assert batch.label(np.zeros((3, 2, 5)), dims=("draw",)).dims[-1] == "draw"
    square = ro.simulate(batch, [0.0, 10.0])
    with pytest.raises(ValueError, match="may be time or skill; name them by dims"):
        square.label(square.loss)
    with pytest.raises(ValueError, match="expected an array of the batch"):
        batch.label(np.zeros(3))


MISTAKES = {
    "unknown parameter": (lambda m: m.grid(wasted=[1]), "got 'wasted'; did you mean 'wasted_resource'"),
    "no values": (lambda m: m.grid(), "expected values of at least one parameter"),
    "empty": (lambda m: m.grid(wasted_resource=[]), "wasted_resource: expected a list of numbers, one per member"),
    "a number": (lambda m: m.grid(wasted_resource=0.1), "expected a list of numbers, one per member, got 0.1"),
    "a text": (lambda m: m.grid(wasted_resource="0.1"), "expected a list of numbers"),
    "words": (lambda m: m.grid(wasted_resource=["a"]), "expected a list of numbers"),
    "twice": (lambda m: m.grid(wasted_resource=[1, 2, 1.0]), "expected different values along an axis, got 1 twice"),
    "negative": (lambda m: m.grid(wasted_resource=[1, -2]), "expected finite numbers at least 0, got -2"),
    "not a number": (lambda m: m.grid(wasted_resource=[1, np.nan]), "expected finite numbers"),
    "rows too long": (lambda m: m.grid(frequency=[[1, 2, 3]]), "of shape \\(2,\\), got \\(3,\\)"),
    "rows of two lengths": (lambda m: m.grid(frequency=[[1, 2], [3]]), "frequency: expected a list of rows"),
    "no graphs": (lambda m: m.grid(graph=[1, 2]), "expected a list of single SkillGraphs, got 1 at place 0"),
    "an empty list of graphs": (lambda m: m.grid(graph=[]), "graph: expected a list of SkillGraphs, got \\[\\]"),
    "one graph": (lambda m: m.grid(graph=m.graph), "expected a list of SkillGraphs, got a batch of shape \\(\\)"),
    "names of axes": (
        lambda m: m.grid(gate_exponent=[1]).label(np.zeros((1, 4)), dims=("a", "b")),
        "dims: expected a name for each of the 1 axes behind the batch, got \\('a', 'b'\\)",
    ),
    "too many skills": (
        lambda m: m.grid(gate_exponent=[1]).label(np.zeros((1, 4)), dims=("skill",)),
        "values: expected 2 entries along skill, got 4",
    ),
    "a range with steps": (
        lambda m: m.grid(gate_exponent=[1, 2]).sel(gate_exponent=slice(0, 3, 2)),
        "gate_exponent: expected slice\\(first, last\\) of two numbers, got slice\\(0, 3, 2\\)",
    ),
    "pools": (lambda m: m.grid(pool=[[0, 1]]), "expected parameters among"),
    "axis twice": (lambda m: m.grid(loss=["mse"]), "expected parameters among"),
    "again": (lambda m: m.grid(wasted_resource=[1]).grid(wasted_resource=[2]), "has an axis 'wasted_resource' already"),
    "batch of it": (lambda m: m.replace(wasted_resource=[1, 2]).grid(wasted_resource=[3]), "is one of wasted_resource"),
    "no axis": (lambda m: m.sel(wasted_resource=1), "it is one, not a batch"),
    "unknown axis": (lambda m: m.grid(gate_exponent=[1]).sel(gate=1), "no axis 'gate'; did you mean 'gate_exponent'"),
    "coordinate": (
        lambda m: m.grid(gate_exponent=[1, 2]).sel(gate_exponent=1.2),
        "no coordinate 1.2; did you mean 1.0\\?",
    ),
    "no coordinate": (lambda m: m.grid(gate_exponent=[1]).sel(gate_exponent=np.nan), "has no coordinate nan$"),
    "none left": (lambda m: m.grid(gate_exponent=[1])[:0].sel(gate_exponent=1.5), "has no coordinate 1.5$"),
    "no number": (lambda m: m.grid(gate_exponent=[1]).sel(gate_exponent="1"), "expected a number, got '1'"),
    "skills of a model": (lambda m: m.sel(skill="words"), "no axis 'skill' \\(a run has its skills: run.sel"),
    "skills, misspelt": (lambda m: ro.simulate(m, [0.0]).sel(skil="words"), "no axis 'skil'; did you mean 'skill'"),
    "empty range": (lambda m: m.grid(gate_exponent=[1]).sel(gate_exponent=slice(3, 4)), "no coordinate from 3 to 4"),
    "method": (lambda m: m.grid(gate_exponent=[1]).sel(gate_exponent=1, method="pad"), 'None or "nearest"'),
    "an empty list": (lambda m: m.grid(gate_exponent=[1]).sel(gate_exponent=[]), "at least one coordinate, got \\[\\]"),
    "skill": (lambda m: ro.simulate(m, [0.0])["word"], "no skill 'word'; did you mean 'words'"),
    "skills": (lambda m: ro.simulate(m, [0.0])[["words", "x"]], "no skill 'x' \\(there are letters, words\\)"),
}


@pytest.mark.parametrize("call, sentence", MISTAKES.values(), ids=MISTAKES)
def test_mistakes_get_one_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        call(model_of())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("method", ["cascade", "ode", "steps"])
def test_other_coordinates_never_recompile(method):
    def solved(values):
        run = ro.simulate(model_of().grid(wasted_resource=values), [0.0, 10.0, 50.0], method=method)
        return run.level, run.loss, run.share, ro.observables.concurrency(run), ro.learning_times(run.model)

    with CountingCompilations() as first:
        jax.block_until_ready(solved([0.5, 0.6]))
    assert first.count
    with CountingCompilations() as again:
        jax.block_until_ready(solved([0.7, 0.9]))
    assert again.count == 0


def test_coordinates_under_transformations(batch):
    traced = jax.jit(lambda model: ro.simulate(model, jnp.linspace(0.0, 100.0, 5)))(batch)
    assert traced.axes() == batch.axes()
    # an axis that vmap has taken away has no coordinates inside
    waste = model_of().grid(wasted_resource=WASTE)

    def inside(value):
        one = model_of().replace(wasted_resource=value)
        assert one.axes() == ()
        return ro.learning_times(one)

    np.testing.assert_allclose(jax.vmap(inside)(waste.wasted_resource), ro.learning_times(waste), rtol=1e-5)


def test_a_traced_grid_has_an_axis_without_coordinates():
    def times(values):
        batch = model_of().grid(wasted_resource=values, gate_exponent=GATES)
        assert named(batch) == {"gate_exponent": [*GATES]}
        return ro.learning_times(batch)

    expected = ro.learning_times(model_of().grid(wasted_resource=WASTE, gate_exponent=GATES))
    np.testing.assert_allclose(jax.jit(times)(jnp.asarray(WASTE)), expected, rtol=1e-5)


# -- files


def loaded(run, path):
    run.save(path)
    return ro.load(path)


def test_data_sets_have_the_coordinates(run):
    data = run.to_xarray()
    assert data["level"].dims == ("wasted_resource", "gate_exponent", "time", "skill")
    np.testing.assert_array_equal(data["wasted_resource"], WASTE)
    picked = data.sel(wasted_resource=1e-2, gate_exponent=0.1, skill="words")
    np.testing.assert_array_equal(picked["level"], run[1, 0].level[:, 1])
    assert data["model_wasted_resource"].dims == ("wasted_resource",)


def test_netcdf_keeps_coordinates(run, tmp_path):
    import xarray

    again = loaded(run, tmp_path / "run.nc")
    assert again.axes() == run.axes()
    np.testing.assert_array_equal(again.level, run.level)
    np.testing.assert_array_equal(again.model.wasted_resource, run.model.wasted_resource)
    with xarray.open_dataset(tmp_path / "run.nc", engine="h5netcdf") as data:
        np.testing.assert_array_equal(data["level"].sel(wasted_resource=1e-2), run[1, ...].level)
    graphs = [ro.SkillGraph([[], [0]]), ro.SkillGraph([[]], frequency=[1.0])]
    model = ro.ResourceModel(ro.SkillGraph([[], [0]]), [1.0, 0.3], 1e-3, 1e-3, 1e-2)
    for varied in (
        model.grid(frequency=[[1.0, 0.3], [0.3, 1.0]], initial_level=[[0.0, 0.1]]),
        model.grid(graph=[graphs[0], ro.SkillGraph([[], []])], learning_rate=[0.1, 0.2, 0.3]),
        ro.stack([model, model]).grid(wasted_resource=WASTE),
        model.grid(gate_exponent=np.array(GATES, np.float32)),
    ):
        run = ro.simulate(varied, [0.0, 10.0])
        again = loaded(run, tmp_path / "other.nc")
        assert again.axes() == run.axes()
        np.testing.assert_array_equal(again.level, run.level)
        assert again.model.replace(learning_rate=0.5).axes() == run.model.replace(learning_rate=0.5).axes()


def test_damaged_coordinates_are_refused(run, tmp_path):
    import h5py

    def spoilt(change):
        run.save(tmp_path / "run.nc")
        with h5py.File(tmp_path / "run.nc", "r+") as file:
            change(file)
        with pytest.raises(ValueError) as caught:
            ro.load(tmp_path / "run.nc")
        return str(caught.value)

    def coordinate(file):
        file["wasted_resource"][0] = 7.0

    assert "checksum" in spoilt(coordinate)
    for axes in ("[1, 2]", '["wasted_resource"]', '["wasted_resource", "wasted_resource"]', '["level", null]', "[[["):

        def named_so(file, axes=axes):
            file.attrs["axes"] = axes
            # the seal of the file is of an earlier content
            return None

        assert "does not name its batch axes" in spoilt(named_so) or "checksum" in spoilt(named_so)


def test_a_grid_as_csv_has_a_column_an_axis(run, tmp_path):
    run.save(tmp_path / "run.csv")
    with open(tmp_path / "run.csv", newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["wasted_resource", "gate_exponent", "t", "letters", "words"]
    numbers = np.array(rows, float)
    assert len(numbers) == 3 * 2 * len(run.ts)
    here = (numbers[:, 0] == 1e-2) & (numbers[:, 1] == 1.0)
    np.testing.assert_array_equal(numbers[here, 2:], np.column_stack([run.ts, run[1, 1].level]))
    with pytest.raises(ValueError, match="holds one run, or a grid"):
        ro.simulate(model_of().replace(wasted_resource=[1, 2]), [0.0]).save(tmp_path / "batch.csv")
