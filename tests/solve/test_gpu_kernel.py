"""The fused programs for a GPU, by Pallas's interpreter against the array path, a reference and a closed form;
and that they compile for CUDA as far as that goes without a device.

The interpreter's programs take a while to compile, so that all tests share their shapes.
"""

import contextlib
import functools
import importlib

import equinox as eqx
import independent
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import resource_ode as ro
from resource_ode.results.outcome import result_codes
from resource_ode.solve.cascade import arrays, compiled, gpu, gpu_arithmetic, gpu_programs
from resource_ode.solve.cascade import batch as batches
from resource_ode.solve.cascade import gpu_solver as gpu_kernel
from resource_ode.solve.cascade import quadrature as cascade

TS = np.linspace(0.0, 2000.0, 41)
LEVEL = 0.7


@pytest.fixture(autouse=True)
def interpreted(monkeypatch):
    """The programs run here, for whoever asks; compiled loops stand back; edges are placed as the array path does."""
    monkeypatch.setattr(gpu_kernel, "INTERPRET", True)
    monkeypatch.setenv("RESOURCE_ODE_GPU_KERNEL", "pallas")
    monkeypatch.setattr(gpu_programs, "COARSE_NODES", cascade.COARSE_NODES)
    monkeypatch.setattr(batches, "BACKENDS", (gpu.GPUCascade(), arrays.ArrayCascade()))


@pytest.fixture
def first_solvers(monkeypatch):
    """The names of the functions that do the first solves, in order."""
    names, run = [], batches.pieces.run

    def spy(function, *arguments, panels, **options):
        names.append(function.__name__ if panels is None else panels)
        return run(function, *arguments, panels=panels, **options)

    monkeypatch.setattr(batches.pieces, "run", spy)
    return names


def models(dtype="float64", wastes=(0.05, 0.3), exponent=0.1, frequency=None, level=0.6):
    """Six graphs of 7, 4 and 1 skills, with all between none and all of their pairs joined, and two wastes; in all but
    the first some skills start at a level.
    """
    graphs = [ro.graphs.random_dag(jax.random.key(k), 7, density) for k, density in enumerate((0.0, 0.3, 0.6, 1.0))]
    # not in topological order
    graphs += [ro.SkillGraph([[2], [0, 2], [], [1, 2]]), ro.SkillGraph([[]])]
    values = [np.asarray(value, dtype) for value in (0.02, 1.0, exponent)]
    if frequency is None:
        frequency = np.random.default_rng(0).lognormal(size=(len(graphs), 7))
    start = np.linspace(0.0, level, 7) * (np.arange(len(graphs)) > 0)[:, None]
    cut = [(graph, row[: graph.skills].astype(dtype)) for graph, row in zip(graphs, frequency, strict=True)]
    starts = [row[: graph.skills].astype(dtype) for graph, row in zip(graphs, start, strict=True)]
    single = [ro.ResourceModel(*one, *values, initial_level=row) for one, row in zip(cut, starts, strict=True)]
    return ro.stack(single).replace(wasted_resource=np.asarray(wastes, dtype)[:, None])


def first_solve(members, times, model):
    """All that comes out of the first solves of both tasks, by the programs that the public functions run."""
    graphs, clocks, _ = batches.split_axes(jax.tree.map(np.asarray, model), share_exponents=False)
    arguments, tolerance = (graphs, clocks, clocks, None), jnp.asarray(1e-4, model.dtype)
    options = {"endless": False, "reduce": None, "method": "cascade (as asked)"}
    run = functools.partial(batches.pieces.run, size=batches.microbatch(7, 6), panels=None)
    return (
        run(members, arguments, (jnp.asarray(TS, model.dtype), tolerance), **options),
        run(times, arguments, (jnp.asarray(LEVEL, model.dtype), tolerance)),
    )


@functools.cache
def by_arrays():
    return first_solve(arrays.trajectories, arrays.learning_times, models())


@pytest.mark.slow
@pytest.mark.parametrize(("dtype", "close"), [("float64", 1e-12), ("float32", 1e-5)])
def test_it_is_the_first_solve_of_the_array_path(dtype, close):
    """All that comes out of it; error estimates but for the budget law, which the programs hold at edges only."""
    model = models(dtype)
    found = first_solve(gpu.first_trajectories, gpu.first_times, model)
    exact = by_arrays()
    assert jax.tree.structure(found) == jax.tree.structure(exact)
    ((values, unsure, stand), (times, *rest)), (exact_members, (exact_times, *exact_rest)) = found, exact
    exact_values, exact_unsure, exact_stand = exact_members
    pairs = (
        (values, unsure, stand.edges, rest[0], rest[1].edges),
        (exact_values, exact_unsure, exact_stand.edges, exact_rest[0], exact_rest[1].edges),
    )
    for one, other in zip(*map(jax.tree.leaves, pairs), strict=True):
        assert one.shape == other.shape and (one.dtype == other.dtype or one.dtype == dtype)
        np.testing.assert_allclose(one, other, rtol=close, atol=close)
    assert np.all(stand.panel_error <= np.asarray(exact_stand.panel_error) + 1e-5)
    present = np.broadcast_to(np.asarray(model.graph.present)[:, None, None], times.shape)
    np.testing.assert_allclose(times[present], exact_times[present], rtol=close)
    # the errors are those, and not just small
    if dtype == "float64":
        error, exact = rest[1].panel_error, exact_rest[1].panel_error
        assert np.max(exact) > 1e-10
        # the arrays leave out what is missed below the exposures of the level
        np.testing.assert_allclose(error, exact, rtol=0.25, atol=1e-13)


@pytest.mark.parametrize(("dtype", "close"), [pytest.param("float64", 1e-6, marks=pytest.mark.slow), ("float32", 2e-4)])
def test_levels_are_right(first_solvers, dtype, close):
    run = ro.simulate(models(dtype), TS.astype(dtype), method="cascade")
    levels = independent.solve(models(), TS)[0]
    assert first_solvers == ["first_trajectories"] and run.level.dtype == dtype
    assert np.all(result_codes(run.result) == 0)
    np.testing.assert_allclose(run.level, levels, atol=close)
    np.testing.assert_allclose(run.clock, independent.clocks(models(), TS, levels), rtol=10 * close)
    assert np.max(np.abs(run.budget_residual)) < close


@pytest.mark.parametrize(("dtype", "close"), [("float64", 1e-7), ("float32", 1e-4)])
def test_times_of_independent_skills(first_solvers, dtype, close):
    model = models(dtype)
    times = ro.learning_times(model, LEVEL)
    assert first_solvers == ["first_times"] and times.dtype == dtype
    frequency = np.asarray(model.frequency[0], np.float64)
    learned = np.sum(1 - (1 - LEVEL) ** (frequency[None] / frequency[:, None]), axis=1)
    for waste, found in zip((0.05, 0.3), times[:, 0], strict=True):
        np.testing.assert_allclose(found, (learned - waste * np.log1p(-LEVEL) / frequency) / 0.02, rtol=close)
    assert np.array_equal(np.isnan(times[0]), ~np.asarray(model.graph.present))


def test_who_starts_at_the_level_has_it():
    model = models(level=0.9)
    start = np.broadcast_to(model.initial_level, (2, 6, 7))
    times = np.asarray(ro.learning_times(model, LEVEL))
    present = np.broadcast_to(model.graph.present, times.shape)
    assert np.all(times[present & (start >= LEVEL)] == 0) and np.all(times[present & (start < LEVEL)] > 0)
    assert np.any(present & (start >= LEVEL))


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("exponent", [1e-5, 1.0])
def test_extreme_parameters(monkeypatch, dtype, exponent):
    """Wastes and frequencies over eight decades."""
    frequency = np.broadcast_to(np.logspace(-6, 2, 7)[[3, 0, 6, 2, 5, 1, 4]].astype(dtype), (6, 7))
    extreme = {"wastes": (1e-6, 10.0), "exponent": exponent, "frequency": frequency}
    model = models(dtype, **extreme)
    found = ro.learning_times(model, 0.9)
    with monkeypatch.context() as patch:
        patch.delenv("RESOURCE_ODE_GPU_KERNEL")
        times = ro.learning_times(models(**extreme), 0.9)
        for waste in range(2):
            last = np.nanmax(times[waste])
            ts = np.concatenate([[0.0], np.geomspace(1e-3, 1.0, 40) * last])
            exact = ro.simulate(models(**extreme), ts, method="cascade", tolerance=1e-8).level
            patch.setenv("RESOURCE_ODE_GPU_KERNEL", "pallas")
            run = ro.simulate(model, ts.astype(dtype), method="cascade")
            patch.delenv("RESOURCE_ODE_GPU_KERNEL")
            assert np.all(result_codes(run.result) == 0)
            np.testing.assert_allclose(run.level, exact, atol=1e-6 if dtype == "float64" else 2e-4)
    np.testing.assert_allclose(found, times, rtol=1e-7 if dtype == "float64" else 1e-4)


def test_who_asks_gets_it_and_nobody_else(monkeypatch, first_solvers):
    model = models()
    assert gpu_kernel.applies(model)
    # on a CPU there is nothing to run it
    monkeypatch.setattr(gpu_kernel, "INTERPRET", False)
    assert not gpu_kernel.applies(model)
    monkeypatch.setattr(gpu_kernel, "INTERPRET", True)
    monkeypatch.delenv("RESOURCE_ODE_GPU_KERNEL")
    assert not gpu_kernel.applies(model)
    ro.simulate(model, TS, method="cascade")
    ro.learning_times(model, LEVEL)
    assert first_solvers == ["trajectories", "learning_times"]
    monkeypatch.setenv("RESOURCE_ODE_GPU_KERNEL", "pallas")
    others = (
        {"loss": "cross_entropy"},
        {"competition": "l2"},
        {"wasted_resource": 0.0},
        {"frequency_after": np.ones(7)},
        {"pool": np.zeros(7, int)},
        {"graph": ro.SkillGraph([[], [], [0, 1], [], [], [], []], gate="any")},
    )
    plain = model.replace(initial_level=None, wasted_resource=0.1)
    assert not any(gpu_kernel.applies(plain.replace(**other)) for other in others)
    for skills in (32, 33):
        chain = ro.ResourceModel(ro.graphs.chain(skills), np.ones(skills), 0.02, 0.05, 0.1)
        assert gpu_kernel.applies(chain) == (skills == 32)


@pytest.mark.slow
def test_several_exponents_go_by_arrays(first_solvers):
    model = models().replace(gate_exponent=np.array([0.1, 1.0])[:, None, None], initial_level=None)
    ro.simulate(model, TS, method="cascade", tolerance=1e-3)
    ro.learning_times(model, LEVEL, tolerance=1e-3)
    assert first_solvers[:1] + first_solvers[-1:] == ["trajectories", "learning_times"]


@pytest.mark.slow
def test_who_is_unsure_goes_on_by_arrays(first_solvers):
    run = ro.simulate(models(), TS, method="cascade", tolerance=1e-9)
    assert first_solvers[:2] == ["first_trajectories", 64]
    np.testing.assert_allclose(run.level, independent.solve(models(), TS)[0], atol=1e-8)


def test_a_member_that_is_lost_says_so_and_spoils_no_neighbour():
    model = models()
    frequency = np.array(model.frequency)
    frequency[1, 2] = np.inf
    broken = eqx.tree_at(lambda model: model.frequency, model, frequency)
    ((state, clock, _, result), unsure, _), (_, unsure_times, _) = first_solve(
        gpu.first_trajectories, gpu.first_times, broken
    )
    lost = np.arange(6) == 1
    assert np.array_equal(unsure[:, 0], lost) and np.array_equal(unsure_times[:, 0], lost)
    assert np.all(np.isnan(state[1])) and np.all(np.isnan(clock[1]))
    codes = np.asarray(result_codes(result))
    assert np.all(codes[1] == compiled.NOT_FINITE) and np.all(codes[~lost] == 0)
    whole = first_solve(gpu.first_trajectories, gpu.first_times, model)[0][0]
    np.testing.assert_array_equal(np.asarray(state)[~lost], np.asarray(whole[0])[~lost])


@pytest.mark.slow
def test_reductions(monkeypatch):
    """The caller's own numbers of each member, of whatever the programs find."""
    graphs, clocks, _ = batches.split_axes(models(), share_exponents=False)
    state, clock = np.random.default_rng(0).random((6, 2, 41, 7)), np.ones((6, 2, 41))
    lost, stand = np.zeros((6, 2), bool), gpu_kernel.Solved(jnp.ones((6, 25)), jnp.zeros(6), jnp.zeros((6, 24)))
    monkeypatch.setattr(gpu_kernel, "trajectories", lambda *a, **k: (state, clock, jnp.asarray(lost), stand))
    options = {"panels": None, "endless": False, "reduce": lambda run: (run.level[-1], run.waste[0]), "method": "m"}
    shared = (jnp.asarray(TS), jnp.asarray(1e-4))
    (level, waste), _, _ = gpu.first_trajectories((graphs, clocks, clocks, None), shared, **options)
    start, rate, present = (x[:, None] for x in (graphs.initial_level, graphs.frequency, graphs.graph.present))
    exact = np.where(present, 1 - (1 - start) * np.exp(-rate * state[:, :, -1]), np.nan)
    np.testing.assert_allclose(level[:, 0], exact, rtol=1e-12)
    assert waste.shape == (6, 1, 2) and np.all(waste[:, 0, 0] < waste[:, 0, 1])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_exponentials(dtype):
    x = np.concatenate([[0.0], np.geomspace(1e-30, 80.0, 4001), [0.25, 800.0, np.inf]]).astype(dtype)
    exact, eps = np.exp(-x.astype(np.longdouble)), np.finfo(dtype).eps
    np.testing.assert_allclose(gpu_arithmetic.decay(jnp.asarray(x)), exact, atol=eps)
    found = gpu_arithmetic.saturation(jnp.asarray(x))
    np.testing.assert_allclose(found, -np.expm1(-x.astype(np.longdouble)), rtol=4 * eps)
    assert np.isnan(gpu_arithmetic.saturation(jnp.asarray(np.nan, dtype)))


@pytest.mark.filterwarnings("ignore:The Pallas Triton backend is deprecated:DeprecationWarning")
@pytest.mark.parametrize(("dtype", "skills"), [("float32", 16), pytest.param("float64", 5, marks=pytest.mark.slow)])
def test_it_compiles_for_cuda(monkeypatch, dtype, skills):
    """As far as JAX goes without a device: to the programs of Triton's compiler."""
    monkeypatch.setattr(gpu_kernel, "INTERPRET", False)
    monkeypatch.setattr(gpu_programs, "COARSE_NODES", 2)
    graphs = jax.vmap(lambda key: ro.graphs.random_dag(key, skills, 0.3))(jax.random.split(jax.random.key(0), 130))
    values = (np.asarray(value, dtype) for value in (0.01, 0.01, 0.01))
    model = ro.ResourceModel(graphs, np.ones(skills, dtype), *values).flat()
    clocks = (model.learning_rate[:, None], model.wasted_resource[:, None])
    device = contextlib.nullcontext()
    if jax.__version_info__ >= (0, 11):
        sharding = importlib.import_module("jax.sharding")
        hopper = sharding.AbstractDevice("NVIDIA H100 80GB HBM3", None, "gpu")
        device = sharding.use_abstract_mesh(sharding.AbstractMesh((), (), abstract_device=hopper))
    ts = jnp.linspace(0.0, 100.0, 50, dtype=dtype)
    for solve, given in (
        (gpu_kernel.trajectories, (*clocks, jnp.ones(130, dtype), ts)),
        (gpu_kernel.learning_times, (*clocks, jnp.asarray(0.7, dtype))),
    ):
        solved = jax.jit(lambda model, *given, solve=solve: solve(model, *given, panels=24, coarse=24))
        with device:
            text = solved.trace(model, *given).lower(lowering_platforms=("cuda",)).as_text()
        assert text.count("gpu.triton") == 3


@pytest.mark.gpu
@pytest.mark.skipif(jax.default_backend() != "gpu", reason="needs a CUDA device")
@pytest.mark.filterwarnings("ignore:The Pallas Triton backend is deprecated:DeprecationWarning")
@pytest.mark.parametrize(("dtype", "close"), [("float64", 1e-9), ("float32", 1e-4)])
def test_it_runs_on_a_device(monkeypatch, first_solvers, dtype, close):
    monkeypatch.setattr(gpu_kernel, "INTERPRET", False)
    model = models(dtype)
    run, times = ro.simulate(model, TS.astype(dtype), method="cascade"), ro.learning_times(model, LEVEL)
    assert first_solvers == ["first_trajectories", "first_times"]
    monkeypatch.delenv("RESOURCE_ODE_GPU_KERNEL")
    exact = ro.simulate(model, TS.astype(dtype), method="cascade")
    np.testing.assert_allclose(run.level, exact.level, atol=close)
    np.testing.assert_allclose(times, ro.learning_times(model, LEVEL), rtol=close)
