"""Runs as data sets and files: what is labelled, what comes back, and what is left behind on failure."""

import csv

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray

import resource_ode as ro
from resource_ode.results import dataset, files
from resource_ode.results.load import load
from resource_ode.results.outcome import RESULTS, result_codes, results_from_codes
from resource_ode.results.trajectory import Trajectory

TIMES = np.array([0.0, 500.0, 2000.0, 4000.0])
PARAMETERS = dict(learning_rate=1e-3, wasted_resource=1e-3, gate_exponent=1e-3)


def chain(**changes):
    graph = ro.SkillGraph([[], [0], [1]], names=["add", "multiply", "raise, to a power"])
    return ro.ResourceModel(graph, **{"frequency": [0.3, 1.0, 3.0], **PARAMETERS, **changes})


def tree():
    graph = ro.SkillGraph([[], [], [0, 1], [2]], gate=["all", "all", "any", "all"], frequency=[1, 2, 3, 4])
    return ro.ResourceModel(graph, **PARAMETERS)


def invented(model, kind="exposure", spent=False, seed=0):
    """A run with made-up numbers: what is stored must come back whatever it is, and nothing need be solved for it."""
    draw = np.random.default_rng(seed)
    shape, pools = model.batch_shape, () if model.pool is None else (model.pools,)
    state = draw.uniform(0, 3, (*shape, len(TIMES), model.skills))
    present = np.broadcast_to(np.asarray(model.graph.present), (*shape, model.skills))
    state = np.where(present[..., None, :], state, np.nan)
    clock = draw.uniform(0, 9, (*shape, len(TIMES), *pools))
    codes = draw.integers(0, 3, shape)
    return Trajectory(
        jnp.asarray(TIMES, model.dtype),
        jnp.asarray(state, model.dtype),
        jnp.asarray(clock, model.dtype),
        jnp.asarray(clock, model.dtype) if spent else None,
        results_from_codes(codes),
        model,
        kind,
        "cascade (invented)",
    )


def single_precision(run):
    return jax.tree.map(lambda x: x.astype(jnp.float32) if eqx.is_inexact_array(x) else x, run)


def assert_same(a, b):
    """Equal structure, names and options included, and equal bits."""
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert x.dtype == y.dtype and x.shape == y.shape
        assert np.asarray(x).tobytes() == np.asarray(y).tobytes()


def independent(**changes):
    graph = ro.SkillGraph([[], [], []])
    return ro.ResourceModel(graph, [0.3, 1.0, 3.0], learning_rate=1e-3, wasted_resource=1e-3, **changes)


CASES = {
    "one run": lambda: invented(chain()),
    "gates, names and frequencies of the graph": lambda: invented(tree()),
    "float32": lambda: single_precision(invented(chain(learning_rate=ro.Schedule([0, 9], [1e-3, 2e-3])))),
    "no prerequisites": lambda: invented(independent()),
    "batch of parameters": lambda: invented(chain(wasted_resource=[0.0, 1e-3, 0.1])),
    "two batch axes, broadcast": lambda: invented(
        chain(wasted_resource=[[0.0], [0.1]], learning_rate=np.linspace(1e-3, 2e-3, 3))
    ),
    "batch of one": lambda: invented(chain(wasted_resource=[0.1])),
    "no members of padded graphs": lambda: invented(ro.stack([independent(gate_exponent=1.0), chain()]))[:0],
    "padded graphs, names by member": lambda: invented(ro.stack([chain(), tree()])),
    "padded graphs on a grid": lambda: invented(
        ro.stack([chain(), tree()]).replace(wasted_resource=np.array([[0.0], [0.1], [0.2]]))
    ),
    "self-paced, initial level": lambda: invented(chain(frequency_after=[3.0, 2.0, 1.0], initial_level=[0, 0.1, 0.7])),
    "interference": lambda: invented(independent(interference=np.eye(3) * 0.5 + 0.5), kind="direct", spent=True),
    "pools": lambda: invented(chain(pool=[0, 1, 0], wasted_resource=[0.1, 0.2]), spent=True),
    "batch of pools": lambda: invented(chain(pool=[0, 1, 0], wasted_resource=[[0.1, 0.2], [0.3, 0.4]])),
    "schedules": lambda: invented(
        chain(
            frequency=ro.Schedule([0, 900], [[1, 2, 3], [3, 0, 1]]),
            learning_rate=ro.Schedule([0, 100, 200], [1e-3, 2e-3, 1e-3]),
            wasted_resource=ro.Schedule([0, 50], [0.1, 0.2]),
        )
    ),
    "extended": lambda: invented(
        chain(plateau=0.1, frequency_power=0.5, learnability=2.0, prerequisite_strength=[[1.0], [0.3], [0.7]])
    ),
    "extended batch": lambda: invented(
        chain(plateau=[0.1, 1.0], learnability=[[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]], prerequisite_strength=0.5)
    ),
    "cross entropy, l2": lambda: invented(chain(loss="cross_entropy", competition="l2"), spent=True),
}


@pytest.mark.parametrize("name", CASES)
def test_netcdf_gives_back_the_same_run(name, tmp_path, monkeypatch):
    # what is derived is not read back, and most of the time would go into it
    monkeypatch.setattr(dataset, "DERIVED", {})
    run = CASES[name]()
    run.save(tmp_path / "run.nc")
    assert_same(load(tmp_path / "run.nc"), run)
    assert [file.name for file in tmp_path.iterdir()] == ["run.nc"]


def test_a_solved_run_comes_back_and_works(tmp_path):
    run = ro.simulate(chain(), TIMES)
    run.save(str(tmp_path / "run.nc"))
    again = load(str(tmp_path / "run.nc"))
    assert_same(again, run)
    assert repr(again) == repr(run)
    np.testing.assert_array_equal(again.level, run.level)
    assert_same(ro.simulate(again.model, TIMES), run)


def test_failed_members_keep_their_codes_and_nan(tmp_path, monkeypatch):
    monkeypatch.setattr(dataset, "DERIVED", {})
    run = invented(chain(wasted_resource=[0.1, 0.2, 0.3]))
    run = eqx.tree_at(lambda r: (r.result, r.state), run, (results_from_codes([0, 1, 4]), run.state.at[1].set(jnp.nan)))
    run.save(tmp_path / "run.nc")
    again = load(tmp_path / "run.nc")
    assert list(result_codes(again.result)) == [0, 1, 4]
    assert again.failures() == run.failures() != ""
    assert bool(jnp.all(jnp.isnan(again.level[1])))


def test_one_run_is_labelled():
    run = invented(chain())
    data = run.to_xarray()
    assert data["level"].dims == data["unlearned"].dims == data["share"].dims == data["state"].dims == ("time", "skill")
    assert data["loss"].dims == data["waste"].dims == data["clock"].dims == data["budget_residual"].dims == ("time",)
    assert data["result"].dims == ()
    assert list(data["skill"].values) == ["add", "multiply", "raise, to a power"]
    assert data["time"].attrs["units"] == "training steps"
    np.testing.assert_array_equal(data["level"].sel(skill="multiply", time=500.0), run.level[1, 1])
    np.testing.assert_array_equal(data["loss"], run.loss)
    for variable in data.data_vars.values():
        assert variable.attrs["units"] and variable.attrs["long_name"]
    assert data["gate"].attrs["flag_meanings"] == "all any"
    options = {name: data.attrs[name] for name in ("loss", "competition", "kind", "method", "pools")}
    expected = {"loss": "mse", "competition": "l1", "kind": "exposure", "method": "cascade (invented)", "pools": 1}
    assert options == expected
    assert data.attrs["learning_rate"] == data.attrs["wasted_resource"] == data.attrs["gate_exponent"] == 1e-3
    assert data.attrs["resource_ode_version"]


def test_codes_come_with_their_sentences():
    result = invented(chain()).to_xarray()["result"]
    names = dict(zip(result.attrs["flag_values"].tolist(), result.attrs["flag_meanings"].split(), strict=True))
    assert names[2] == "not_finite"
    assert f"2: {RESULTS[RESULTS.not_finite]}" in result.attrs["comment"]


def test_a_batch_of_graphs_is_labelled(tmp_path, monkeypatch):
    monkeypatch.setattr(dataset, "DERIVED", {"level": dataset.DERIVED["level"]})
    run = invented(ro.stack([chain(), tree()]))
    run.save(tmp_path / "run.nc")
    with xarray.open_dataset(tmp_path / "run.nc", engine="h5netcdf") as data:
        assert data["level"].dims == ("graph", "time", "skill")
        assert data["skill_name"].dims == ("graph", "skill")
        assert data["skill_name"].values.tolist() == [
            ["add", "multiply", "raise, to a power", ""],
            ["skill 1", "skill 2", "skill 3", "skill 4"],
        ]
        assert data["prerequisites"].dims == data["required"].dims == ("graph", "skill", "prerequisite")
        assert data["present"].dtype == bool
        assert np.isnan(data["level"].values[0, :, 3]).all()


def test_further_batch_axes_and_pools_are_labelled(monkeypatch):
    monkeypatch.setattr(dataset, "DERIVED", {name: dataset.DERIVED[name] for name in ("share", "waste")})
    model = chain(pool=[0, 1, 0], wasted_resource=np.full((2, 1, 2), 0.1), learning_rate=np.full((3, 2), 0.1))
    data = invented(model).to_xarray()
    assert data["share"].dims == ("graph", "axis_1", "time", "skill")
    assert data["waste"].dims == data["clock"].dims == ("graph", "axis_1", "time", "pool")
    assert data["wasted_resource"].dims == ("graph", "pool") and data["learning_rate"].dims == ("axis_1", "pool")
    assert data["skill_pool"].dims == data["depth"].dims == ("skill",)


def test_csv_holds_the_levels(tmp_path):
    run = invented(chain())
    run.save(tmp_path / "run.csv")
    text = (tmp_path / "run.csv").read_text()
    assert text.startswith('t,add,multiply,"raise, to a power"\n0.0,')
    rows = list(csv.reader(text.splitlines()))
    np.testing.assert_array_equal(np.array(rows[1:], float), np.column_stack([run.ts, run.level]))


NAMES = ["t", "'t", "''", "=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "\r", "\n", "\uff1d1", 'a,"b"', "T", "ok"]


def test_no_column_is_taken_for_the_time_or_for_a_formula(tmp_path):
    model = ro.ResourceModel(
        ro.SkillGraph([[]] * len(NAMES), names=NAMES), np.ones(len(NAMES)), learning_rate=1e-3, wasted_resource=1e-3
    )
    invented(model).save(tmp_path / "run.csv")
    with open(tmp_path / "run.csv", newline="", encoding="utf-8") as file:
        header = next(csv.reader(file))
    assert header[0] == "t" and "t" not in header[1:]
    for cell in header:
        assert not cell.lstrip(" ").startswith(tuple("=+-@\uff1d\t\r\n"))
    # one ' is taken away again
    assert [cell.removeprefix("'") for cell in header[1:]] == NAMES
    assert header[-3:] == ['a,"b"', "T", "ok"]


@pytest.mark.parametrize("name", ["a" * 247 + ".csv", "a" * 247 + ".nc", "s3::run.nc", "file::run.csv"])
def test_odd_names_of_files_are_names(name, tmp_path, monkeypatch):
    monkeypatch.setattr(dataset, "DERIVED", {})
    monkeypatch.chdir(tmp_path)
    run = invented(chain())
    run.save(name)
    assert [file.name for file in tmp_path.iterdir()] == [name]
    if name.endswith(".nc"):
        assert_same(load(name), run)


def test_names_that_no_file_can_hold_are_refused(tmp_path):
    run = invented(ro.ResourceModel(ro.SkillGraph([[]]), [1.0], learning_rate=1e-3, wasted_resource=1e-3))
    object.__setattr__(run.model.graph, "names", ("\ud800",))
    for name in ("run.csv", "run.nc"):
        with pytest.raises(ValueError, match="names: expected text that UTF-8 can hold"):
            run.save(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_csv_of_a_member_has_no_padding_and_short_float32(tmp_path):
    run = single_precision(invented(ro.stack([chain(), tree()])))[0]
    run.save(tmp_path / "run.csv")
    rows = list(csv.reader((tmp_path / "run.csv").read_text().splitlines()))
    assert rows[0] == ["t", "add", "multiply", "raise, to a power"]
    assert max(len(cell) for row in rows[1:] for cell in row) <= 14
    np.testing.assert_array_equal(np.array(rows[1:], np.float32)[:, 1:], run.level)


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("run.txt", ValueError, ".nc or .csv"),
        ("run", ValueError, ".nc or .csv"),
        ("absent/run.nc", FileNotFoundError, "expected a folder that exists"),
        ("absent/run.csv", FileNotFoundError, "expected a folder that exists"),
        ("folder.nc", ValueError, "is a folder"),
        ("batch.csv", ValueError, "save run[i]"),
    ],
)
def test_save_refuses_in_one_sentence(name, error, words, tmp_path):
    (tmp_path / "folder.nc").mkdir()
    run = invented(chain(wasted_resource=[0.1, 0.2]) if name == "batch.csv" else chain())
    with pytest.raises(error) as caught:
        run.save(tmp_path / name)
    assert words in str(caught.value) and "\n" not in str(caught.value)
    assert [file.name for file in tmp_path.iterdir()] == ["folder.nc"]


@pytest.mark.parametrize("name", ["run.nc", "run.csv"])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(name, tmp_path, monkeypatch):
    run = invented(chain())
    run.save(tmp_path / name)
    before = (tmp_path / name).read_bytes()

    def write(_, path, **options):
        path.write_text("half")
        raise OSError("no space left")

    monkeypatch.setattr(xarray.Dataset, "to_netcdf", write)
    monkeypatch.setattr(files, "_write_csv", write)
    with pytest.raises(OSError, match="no space left"):
        run.save(tmp_path / name)
    assert [file.name for file in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_bytes() == before


def test_save_refuses_what_is_no_concrete_run(tmp_path):
    with pytest.raises(ValueError, match="run: expected a Trajectory, got int"):
        files.save(3, tmp_path / "run.nc")
    with pytest.raises(ValueError, match="path: expected a file name, got int"):
        files.save(invented(chain()), 3)
    with pytest.raises(ValueError, match="run: expected concrete values"):
        jax.jit(lambda run: dataset.to_xarray(run))(invented(chain()))


def test_load_refuses_in_one_sentence(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no file"):
        load(tmp_path / "absent.nc")
    with pytest.raises(ValueError, match=r"expected a \.nc file"):
        load(tmp_path / "run.csv")
    (tmp_path / "text.nc").write_text("not netCDF")
    with pytest.raises(ValueError, match="not a readable netCDF file"):
        load(tmp_path / "text.nc")
    xarray.Dataset({"level": 1.0}).to_netcdf(tmp_path / "other.nc", engine="h5netcdf")
    with pytest.raises(ValueError, match="not one written by"):
        load(tmp_path / "other.nc")
    data = invented(chain()).to_xarray()
    data.drop_vars("clock").to_netcdf(tmp_path / "lacking.nc", engine="h5netcdf")
    with pytest.raises(ValueError, match="lacks 'clock'"):
        load(tmp_path / "lacking.nc")
    data.assign_attrs(format_version=99).to_netcdf(tmp_path / "newer.nc", engine="h5netcdf")
    with pytest.raises(ValueError, match="format version 99"):
        load(tmp_path / "newer.nc")


def test_float64_read_in_float32_warns_and_rounds(tmp_path):
    run = invented(chain())
    run.save(tmp_path / "run.nc")
    level = np.asarray(run.level)
    with jax.enable_x64(False):
        with pytest.warns(UserWarning, match="jax_enable_x64"):
            again = load(tmp_path / "run.nc")
        assert again.model.dtype == jnp.float32
        np.testing.assert_allclose(again.level, level, atol=1e-6)


def test_a_saved_model_knows_what_was_never_given(tmp_path):
    free, line = ro.SkillGraph([[], []], frequency=[1.0, 2.0]), ro.SkillGraph([[], [0]], frequency=[1.0, 2.0])
    run = ro.simulate(ro.ResourceModel(free, None, 1.0, 0.1, pool=[0, 1]), [0.0, 1.0])
    run.save(tmp_path / "run.nc")
    model = ro.load(tmp_path / "run.nc").model
    assert model.origins == run.model.origins
    assert model.replace(pool=None).batch_shape == ()
    with pytest.raises(ValueError, match="gate_exponent: expected a positive number"):
        model.replace(graph=line)
