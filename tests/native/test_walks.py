"""The walk that a GPU runs a thread of for each graph, compiled for a CPU: held to the compiled loops.

Only the launch is not tested here; `tests/solve/test_gpu.py` does that on a device.
"""

import subprocess

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import walking

import resource_ode as ro
from resource_ode.native import build_walks, calls, walks
from resource_ode.results.outcome import result_codes
from resource_ode.solve.cascade import backend, batch, walked

TS = np.linspace(0.0, 2000.0, 41)
LEVEL = 0.7


@pytest.fixture
def host(monkeypatch):
    """The calls are registered here, and asked for."""
    walking.here(monkeypatch)


@pytest.fixture
def by_walk(monkeypatch):
    """Switches the public functions to the walk, which is to be sure of every member."""

    def no_more(*arguments, **options):
        raise AssertionError("a member was unsure")

    def switch():
        walking.here(monkeypatch)
        monkeypatch.setattr(batch, "BACKENDS", (walked.WalkedCascade(),))
        for name in ("ode_members", "times_by_events"):
            monkeypatch.setattr(batch, name, no_more)

    return switch


def models(dtype="float64", wastes=(0.05, 0.3), exponent=0.1, frequency=None, level=0.6):
    """Graphs of 20, 7, 4 and 1 skills, from none to all of their pairs joined, and two wastes; in all but the first
    some skills start at a level.
    """
    graphs = [ro.graphs.random_dag(jax.random.key(k), 7, density) for k, density in enumerate((0.0, 0.3, 0.6, 1.0))]
    graphs += [ro.SkillGraph([[2], [0, 2], [], [1, 2]]), ro.SkillGraph([[]])]
    graphs += [ro.graphs.random_dag(jax.random.key(9), 20, 0.3)]
    values = [np.asarray(value, dtype) for value in (0.02, 1.0, exponent)]
    if frequency is None:
        frequency = np.random.default_rng(0).lognormal(size=(len(graphs), 20))
    start = np.linspace(0.0, level, 20) * (np.arange(len(graphs)) > 0)[:, None]
    cut = [(graph, row[: graph.skills].astype(dtype)) for graph, row in zip(graphs, frequency, strict=True)]
    starts = [row[: graph.skills].astype(dtype) for graph, row in zip(graphs, start, strict=True)]
    single = [ro.ResourceModel(*one, *values, initial_level=row) for one, row in zip(cut, starts, strict=True)]
    return ro.stack(single).replace(wasted_resource=np.asarray(wastes, dtype)[:, None])


CLOSE = {"float64": 1e-9, "float32": 1e-4}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_learning_times_are_those_of_the_loops(by_walk, dtype):
    exact = ro.learning_times(models(), LEVEL, tolerance=1e-8)
    by_walk()
    found = ro.learning_times(models(dtype), LEVEL, tolerance=1e-7 if dtype == "float64" else 1e-4)
    assert found.dtype == dtype and np.array_equal(np.isnan(found), np.isnan(exact))
    np.testing.assert_allclose(found, exact, rtol=CLOSE[dtype])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_trajectories_are_those_of_the_loops(by_walk, dtype):
    exact = ro.simulate(models(), TS, tolerance=1e-8)
    by_walk()
    run = ro.simulate(models(dtype), TS.astype(dtype), tolerance=1e-7 if dtype == "float64" else 1e-4)
    assert "a walk on the GPU" in run.method and run.level.dtype == dtype
    assert np.all(result_codes(run.result) == 0)
    np.testing.assert_allclose(run.level, exact.level, atol=10 * CLOSE[dtype])
    np.testing.assert_allclose(run.clock, exact.clock, rtol=10 * CLOSE[dtype])
    assert np.max(np.abs(run.budget_residual)) < (1e-7 if dtype == "float64" else 2e-4)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("exponent", [1e-5, 1.0])
def test_extreme_parameters(by_walk, dtype, exponent):
    """Wastes and frequencies over eight decades."""
    frequency = np.broadcast_to(np.logspace(-6, 2, 7)[[3, 0, 6, 2, 5, 1, 4, *[3] * 13]].astype(dtype), (7, 20))
    extreme = {"wastes": (1e-6, 10.0), "exponent": exponent, "frequency": frequency}
    exact = ro.learning_times(models(**extreme), 0.9)
    last = float(np.nanmax(exact))
    ts = np.concatenate([[0.0], np.geomspace(1e-6, 1.0, 60) * last])
    levels = ro.simulate(models(**extreme), ts, tolerance=1e-8).level
    by_walk()
    np.testing.assert_allclose(
        ro.learning_times(models(dtype, **extreme), 0.9), exact, rtol=1e-7 if dtype == "float64" else 2e-4
    )
    run = ro.simulate(models(dtype, **extreme), ts.astype(dtype))
    assert np.all(result_codes(run.result) == 0)
    np.testing.assert_allclose(run.level, levels, atol=1e-6 if dtype == "float64" else 2e-4)


@pytest.mark.parametrize("skills", [16, 33, 100])
def test_errors_are_estimated(host, skills):
    """What is wrong stays below the estimate, and that near it: 64 graphs, at few panels and one attempt."""
    graphs = jax.vmap(lambda key: ro.graphs.random_dag(key, skills, min(0.3, 5 / skills)))(
        jax.random.split(jax.random.key(1), 64)
    )
    frequency = np.random.default_rng(3).lognormal(size=(64, skills))
    model = ro.ResourceModel(graphs, frequency, 0.02, 0.05, 0.1)
    exact = np.asarray(ro.learning_times(model, LEVEL, tolerance=1e-10))
    clocks = np.full((2, 64, 1), 0.02) * np.array([1, 2.5])[:, None, None]
    members = jax.tree.map(jnp.asarray, model.flat())
    given = walked.operands(members, 1e-3, LEVEL, np.zeros(1))
    numbers = {"coarse_panels": 24, "made_for": 1e-3}
    found, code, error = walks.solve("times", given, *clocks, panels=8, **numbers)
    off = np.max(np.abs(found[:, 0] - exact) / exact, axis=1)
    assert np.all(np.asarray(code) == 0) and np.all(off <= np.asarray(error))
    assert np.median(off) > 1e-9 and np.all(np.asarray(error) <= 1e-3)
    levels = np.asarray(ro.simulate(model, TS, tolerance=1e-10).level)
    given = walked.operands(members, 1e-3, LEVEL, TS)
    state, clock, code, error = walks.solve("trajectories", given, *clocks, panels=12, **numbers)
    off = np.max(np.abs(-np.expm1(-frequency[:, None] * state[:, 0]) - levels), axis=(1, 2))
    assert np.all(np.asarray(code) == 0) and np.all(off <= np.asarray(error)) and np.all(np.diff(clock) > 0)


def test_waste_may_be_nothing(by_walk):
    model = models(wastes=(0.0, 0.1), level=0.0)
    exact = ro.learning_times(model, LEVEL), ro.simulate(model, TS)
    by_walk()
    np.testing.assert_allclose(ro.learning_times(model, LEVEL), exact[0], rtol=1e-7)
    run = ro.simulate(model, TS)
    np.testing.assert_allclose(run.level, exact[1].level, atol=2e-6)
    assert np.array_equal(result_codes(run.result), result_codes(exact[1].result))


def test_a_member_that_is_lost_says_so_and_spoils_no_neighbour(host):
    model = models()
    members = jax.tree.map(lambda x: jnp.asarray(x)[:7], model.flat())
    spoiled = walked.operands(members, 1e-6, LEVEL, TS)
    spoiled = spoiled._replace(frequency=spoiled.frequency.at[1, 2].set(jnp.inf))
    clocks = jnp.full((7, 2), 0.02), jnp.full((7, 2), 0.05).at[3, 1].set(jnp.nan)
    numbers = {"panels": 24, "coarse_panels": 24, "made_for": 1e-5}
    lost = np.zeros((7, 2), bool)
    lost[1] = lost[3, 1] = True
    for name in walks.CALLS:
        value, *_, code, error = walks.solve(name, spoiled, *clocks, **numbers)
        assert np.array_equal(np.asarray(code) == calls.NOT_FINITE, lost)
        assert np.all(np.isnan(value[lost])) and np.all(np.any(np.isfinite(value[~lost]), axis=-1))
        assert np.array_equal(np.isnan(error), np.arange(7) == 1)


def test_leading_axes_that_tell_graphs_apart_and_others(host):
    """As `calls` has them: five frequencies of one graph, and along another axis three wastes, that share a cascade."""
    graph = ro.SkillGraph([[], [0], [0, 1]])
    frequency = np.random.default_rng(0).lognormal(size=(5, 1, 3))
    model = ro.ResourceModel(graph, frequency, 0.02, np.array([0.01, 0.1, 1.0]), 0.1)
    flat = model.flat()
    whole = walked.operands(jax.tree.map(jnp.asarray, flat), 1e-6, LEVEL, TS)
    rows = {"frequency": jnp.asarray(frequency), "rate": jnp.full((1, 1), 0.02)}
    rows |= {"waste": jnp.array([[0.01, 0.1, 1.0]]), "steps": jnp.asarray(TS)[None, None], "after": None}
    given = whole._replace(**{k: rows.get(k, None if x is None else x[:1, None]) for k, x in whole._asdict().items()})
    nothing = jnp.zeros((1, 1, 3))
    given = given._replace(either=nothing, after=nothing, plateau=nothing[..., 0], strength=jnp.ones((1, 1, 1, 1)))
    call = calls.Call("times", *[False] * 8, 16, 24, 1e-7, lambda *_: ())
    assert walks.serves(given) and not walks.serves(given._replace(steps=jnp.zeros((1, 3, 41))))
    found, code, error = walks.solve_members(call, given, (5, 3), (5, 1))
    np.testing.assert_allclose(found, ro.learning_times(model, LEVEL), rtol=1e-7)
    assert code.shape == (5, 3) and error.shape == (5, 1)
    state, clock, code, _ = walks.solve_members(call._replace(name="trajectories"), given, (5, 3), (5, 1))
    run = ro.simulate(model, TS)
    np.testing.assert_allclose(-np.expm1(-frequency[:, :, None] * state), run.level, atol=1e-6)
    np.testing.assert_allclose(clock, run.clock, rtol=1e-6)


@pytest.mark.slow
def test_compiled_programs_call_it_on_a_gpu(monkeypatch):
    """And only where it is asked for and serves."""
    monkeypatch.setattr(walks, "obstacle", lambda: None)
    called = "resource_ode_walked_times"

    def program(graph, **more):
        model = ro.ResourceModel(graph, np.ones(3), 0.02, 0.05, 0.1, **more)
        solve = jax.jit(lambda waste: ro.learning_times(model.replace(wasted_resource=waste), LEVEL))
        return solve.trace(jnp.ones(4)).lower(lowering_platforms=("cuda",)).as_text()

    graph = ro.SkillGraph([[], [], [0, 1]])
    assert called not in program(graph)
    monkeypatch.setenv(walks.CHOICE, "cuda")
    text = program(graph)
    assert called in text and "stablehlo.case" not in text
    # gates that are known only when it runs: both ways are there
    either = ro.SkillGraph([[], [], [0, 1]], gate="any")
    assert called in program(either) and "stablehlo.case" in program(either)
    assert called not in program(either, competition="l2")


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"loss": "cross_entropy"}, "mean squared error"),
        ({"competition": "l2"}, "not l1"),
        ({"frequency_after": np.ones(3)}, "their own pace"),
        ({"pool": np.zeros(3, int)}, "pools"),
        ({"graph": ro.SkillGraph([[], [], [0, 1]], gate="any")}, "kind all"),
        ({"prerequisite_strength": np.full((3, 2), 0.5)}, "strengths"),
    ],
)
def test_what_it_does_not_serve(other, why):
    model = ro.ResourceModel(ro.SkillGraph([[], [], [0, 1]]), np.ones(3), 0.02, 0.05, 0.1)
    assert backend.laws_obstacle(model, walks.MOST_SKILLS) is None
    assert why in backend.laws_obstacle(model.replace(**other), walks.MOST_SKILLS)


def test_it_says_why_it_is_not_there(monkeypatch, tmp_path):
    model = ro.ResourceModel(ro.graphs.chain(3), np.ones(3), 0.02, 0.05, 0.1)
    assert walked.WalkedCascade().obstacle(model) == "the walk was not asked for"
    monkeypatch.setenv(walks.CHOICE, "cuda")
    assert walked.WalkedCascade().obstacle(model) == "there is no GPU"
    assert "was not built" in walks.registered("cpu", tmp_path / "none.so")
    (tmp_path / "text.so").write_text("nothing")
    assert "cannot be loaded" in walks.registered("cpu", tmp_path / "text.so")


def test_a_build_that_fails_says_why_and_leaves_nothing(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    assert build_walks.main(["host"]) == 1 and "no C++ compiler" in capsys.readouterr().err
    assert build_walks.main(["else"]) == 2
    failed = subprocess.CompletedProcess(["nvcc"], 1, "", "walks.cu: error")
    monkeypatch.setattr(build_walks, "command", lambda *_: ["nvcc"])
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: failed)
    with pytest.raises(OSError, match=r"status 1:\nwalks.cu: error"):
        build_walks.build("cuda", tmp_path / "walks.so")
    assert not any(tmp_path.iterdir())
