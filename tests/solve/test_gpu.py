"""On a CUDA device: every way to solve there, in both types of numbers, held to the compiled loops on the CPU.

`pytest -m gpu tests/solve/test_gpu.py`; it needs the loops, and for the walk `python -m resource_ode.native.build_walks
cuda`.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import resource_ode as ro
from resource_ode import native
from resource_ode.native import walks
from resource_ode.results.outcome import result_codes
from resource_ode.solve.cascade.refine import COARSE_PANELS, PANELS
from resource_ode.solve.cascade.sharing import Rows, split_axes
from resource_ode.solve.cascade.times import TIMES_PANELS

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(jax.default_backend() != "gpu", reason="needs a CUDA device: JAX has none here"),
    pytest.mark.filterwarnings("ignore:The Pallas Triton backend is deprecated:DeprecationWarning"),
]
TS = np.linspace(0.0, 2400.0, 100)
LEVEL = 0.7
MEMBERS, SKILLS = 300, 16
WAYS, DTYPES = ("arrays", "pallas", "cuda"), ("float32", "float64")
NAMES = {"arrays": "arrays", "pallas": "fused GPU programs", "cuda": "a walk on the GPU"}
CLOSE = {"float32": 2e-4, "float64": 2e-6}


@pytest.fixture(params=WAYS)
def way(request, monkeypatch):
    if native.library() is None:
        pytest.skip(f"needs the compiled loops: {native.why_not()}")
    if request.param == "cuda" and walks.obstacle():
        pytest.skip(f"needs the walk: {walks.obstacle()}")
    monkeypatch.setenv(walks.CHOICE, request.param)
    return request.param


def model(dtype, wastes=(0.05, 0.3)):
    """Random graphs, padded ones among them, some of whose skills start at a level; and two wastes each."""
    generator = np.random.default_rng(0)
    required = np.tril(generator.random((MEMBERS, SKILLS, SKILLS)) < 0.25, -1)
    required[:20, 9:] = False
    order = np.argsort(~required, axis=2, kind="stable")[..., :8].astype(np.int32)
    counted = np.arange(8) < np.minimum(required.sum(axis=2), 8)[..., None]
    graph = ro.SkillGraph(np.where(counted, order, 0), required=counted)
    frequency = generator.lognormal(size=(MEMBERS, SKILLS))
    start = np.where(generator.random((MEMBERS, SKILLS)) < 0.1, 0.3, 0.0)
    numbers = [np.asarray(x, dtype) for x in (0.02, 1.0, 0.05)]
    made = ro.ResourceModel(graph, frequency.astype(dtype), *numbers, initial_level=start.astype(dtype))
    return made.replace(wasted_resource=np.asarray(wastes, dtype)[:, None])


@pytest.fixture(scope="module")
def exact():
    """Learning times `(waste, graph, skill)` and levels `(waste, graph, time, skill)`, by the loops."""
    whole = jax.tree.map(np.asarray, model("float64"))
    graphs, clocks, back = split_axes(whole, share_exponents=False)
    rows, tolerance, nothing = Rows(graphs, clocks, clocks), np.asarray(1e-9), lambda _: None
    times = native.learning_times(rows, LEVEL, tolerance, TIMES_PANELS, COARSE_PANELS, None, nothing)[0]
    state = native.trajectories(rows, TS, tolerance, PANELS, COARSE_PANELS, None, nothing)[0]
    level = 1 - (1 - whole.initial_level[:, None]) * np.exp(-whole.frequency[:, None] * back(state))
    return back(times), level


@pytest.mark.parametrize("dtype", DTYPES)
def test_learning_times(way, exact, dtype):
    found = ro.learning_times(model(dtype), LEVEL, tolerance=CLOSE[dtype] / 2)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, exact[0], rtol=CLOSE[dtype], atol=CLOSE[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
def test_trajectories(way, exact, dtype):
    run = ro.simulate(model(dtype), TS.astype(dtype), method="cascade", tolerance=CLOSE[dtype] / 2)
    assert NAMES[way] in run.method and run.level.dtype == dtype
    assert np.all(result_codes(run.result) == 0)
    np.testing.assert_allclose(run.level, exact[1], atol=CLOSE[dtype])
    assert np.max(np.abs(run.budget_residual)) < 10 * CLOSE[dtype]


@pytest.mark.parametrize("dtype", DTYPES)
def test_compiled_calls(way, exact, dtype):
    """What `jit` and `vmap` find, and derivatives by the wastes, which learning times are linear in."""
    if way == "pallas":
        pytest.skip("these programs do not run under a trace")
    whole = model(dtype)

    def times(waste):
        return ro.learning_times(whole.replace(wasted_resource=waste), LEVEL, tolerance=CLOSE[dtype] / 2)

    wastes = jnp.asarray(whole.wasted_resource)[:, 0]
    found = jax.jit(jax.vmap(times))(wastes)
    np.testing.assert_allclose(found, exact[0], rtol=CLOSE[dtype], atol=CLOSE[dtype])
    slope = jax.jit(jax.jacfwd(times))(wastes[0])
    expected = (exact[0][1] - exact[0][0]) / (float(wastes[1]) - float(wastes[0]))
    np.testing.assert_allclose(slope, expected, rtol=10 * CLOSE[dtype], atol=CLOSE[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
def test_gradients(way, dtype):
    """By frequencies: of the sum of learning times, against differences of the loops' along one direction."""
    if way == "pallas":
        pytest.skip("these programs do not run under a trace")
    whole = model(dtype, (0.05,))
    along = np.random.default_rng(1).normal(size=whole.frequency.shape) * np.asarray(whole.frequency, float)

    def total(frequency):
        return jnp.sum(ro.learning_times(whole.replace(frequency=frequency), LEVEL, tolerance=CLOSE[dtype] / 2))

    found = np.sum(np.asarray(jax.jit(jax.grad(total))(jnp.asarray(whole.frequency)), float) * along)

    def by_loops(step):
        moved = jax.tree.map(np.asarray, model("float64", (0.05,)))
        moved = moved.replace(frequency=moved.frequency + step * along)
        graphs, clocks, _ = split_axes(jax.tree.map(np.asarray, moved), share_exponents=False)
        rows, numbers = Rows(graphs, clocks, clocks), (TIMES_PANELS, COARSE_PANELS, None, lambda _: None)
        return np.sum(native.learning_times(rows, LEVEL, np.asarray(1e-10), *numbers)[0])

    expected = (by_loops(1e-4) - by_loops(-1e-4)) / 2e-4
    np.testing.assert_allclose(found, expected, rtol=1e-3 if dtype == "float32" else 1e-5)
