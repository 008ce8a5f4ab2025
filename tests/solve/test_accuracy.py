"""What a solve says of its own errors: codes, NaN and refusals, on every path, against SciPy and closed forms."""

import dataclasses
import importlib
import warnings

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from systems import Case, random_overlap

import resource_ode as ro
from resource_ode import native
from resource_ode.base import programs
from resource_ode.native import calls
from resource_ode.results.outcome import result_codes, result_names, results_from_codes
from resource_ode.solve import events, ode
from resource_ode.solve.cascade import arrays, gpu_solver, panels, quadrature
from resource_ode.solve.cascade import batch as batches
from resource_ode.solve.members import Wish

CHAIN = Case([[], [0], [0, 1]], np.array([0.3, 1.0, 3.0]), 1e-2, 1e-3, 0.5)
TS = np.arange(0.0, 401.0, 25.0)
INACCURATE = result_names().index("inaccurate")


def on_arrays(monkeypatch):
    monkeypatch.setattr(native, "obstacle", lambda model: "they are left out")


@pytest.fixture(params=["loops", "arrays", "jit"])
def simulate(request, monkeypatch):
    """`simulate` by the compiled loops, by arrays, and under a trace."""
    if request.param == "loops":
        return ro.simulate
    on_arrays(monkeypatch)
    if request.param == "arrays":
        return ro.simulate
    return eqx.filter_jit(ro.simulate)


def codes(run):
    return np.asarray(result_codes(run.result))


# -- waste next to nothing


@pytest.mark.parametrize("waste", [1e-305, 1e-300, 1e-150, 1e-90, 1e-30, 1e-6])
def test_tiny_waste(simulate, waste):
    case = dataclasses.replace(CHAIN, wasted_resource=waste)
    run = simulate(case.model(), TS)
    assert run.failures() == "" and np.abs(run.budget_residual).max() < 1e-8
    reference = dataclasses.replace(CHAIN, wasted_resource=max(waste, 1e-30)).levels_by_clock(TS)
    np.testing.assert_allclose(run.level, reference, rtol=0, atol=1e-8)
    # after the end only the waste grows
    spare = CHAIN.learning_rate * TS[-1] - 3
    np.testing.assert_allclose(run.clock[-1] * waste, spare, rtol=1e-9)
    np.testing.assert_allclose(run.log_depth[-1], CHAIN.frequency * spare / waste, rtol=1e-4 if waste == 1e-6 else 1e-9)


def test_tiny_waste_in_closed_form(simulate):
    """Independent skills far apart, and the time at which half of a run is over."""
    p = 10.0 ** -np.arange(0, 24, 4.0)
    model = ro.ResourceModel(ro.SkillGraph([[]] * 6), p, learning_rate=1.0, wasted_resource=1e-200)
    tau = np.geomspace(1e-3, 1e22, 26)
    ts = np.array([(-np.expm1(-p * x)).sum() for x in tau])
    run = simulate(model, ts)
    assert run.failures() == ""
    np.testing.assert_allclose(run.level, -np.expm1(-p * tau[:, None]), rtol=0, atol=1e-6)


@pytest.mark.parametrize("competition", ["l1", "l2"])
@pytest.mark.parametrize("waste", [0.0, 1e-300, 1e-100])
def test_no_waste_is_the_limit(monkeypatch, competition, waste):
    model = CHAIN.model(competition=competition, wasted_resource=1e-30)
    run = ro.simulate(model.replace(wasted_resource=waste), TS)
    np.testing.assert_allclose(run.level, ro.simulate(model, TS).level, rtol=0, atol=1e-6)
    # the law ends with the run, and its check with it
    assert run.failures() == "" and np.abs(run.budget_residual).max() < 1e-8


def test_cross_entropy_with_next_to_no_waste_and_a_start(monkeypatch):
    case = dataclasses.replace(CHAIN, loss="cross_entropy", initial_level=np.array([0.9, 0.0, 0.3]))
    for waste in (0.0, 1e-250):
        run = ro.simulate(case.model(wasted_resource=waste), TS)
        assert run.failures() == "" and np.abs(run.budget_residual).max() < 1e-8
        reference = dataclasses.replace(case, wasted_resource=1e-14).levels(TS)
        np.testing.assert_allclose(run.level, reference, rtol=0, atol=1e-7)


def test_gradients_past_the_end(monkeypatch):
    """Clock and exposure after everything is learned: the derivative by the waste is that of the budget law."""
    model, ts = CHAIN.model(wasted_resource=1e-30), jnp.array([100.0, 400.0])
    clock, slope = jax.jvp(lambda n: ro.simulate(model.replace(wasted_resource=n), ts).clock[-1], (1e-30,), (1.0,))
    np.testing.assert_allclose([clock, slope], [1e30, -1e60], rtol=1e-9)
    state = jax.grad(lambda n: ro.simulate(model.replace(wasted_resource=n), ts).state[-1, 0])(1e-30)
    np.testing.assert_allclose(state, -1e60, rtol=1e-9)


def test_the_gpu_programs_go_on_past_the_end(monkeypatch):
    monkeypatch.setattr(gpu_solver, "INTERPRET", True)
    monkeypatch.setenv("RESOURCE_ODE_GPU_KERNEL", "pallas")
    on_arrays(monkeypatch)
    run = ro.simulate(CHAIN.model(wasted_resource=1e-200), TS)
    reference = dataclasses.replace(CHAIN, wasted_resource=1e-30).levels_by_clock(TS)
    assert run.failures() == "" and np.abs(run.budget_residual).max() < 1e-8
    np.testing.assert_allclose(run.level, reference, rtol=0, atol=1e-6)


# -- an estimate that is blind


@pytest.mark.parametrize("path", ["loops", "arrays"])
def test_what_happens_between_two_nodes_is_noticed(monkeypatch, path):
    """A range without end, as before there was one: a panel's nodes all lie where everything is over."""
    if path == "arrays":
        on_arrays(monkeypatch)
    model = CHAIN.model(wasted_resource=1e-300)
    solved = quadrature.solve_cascade(
        model, panels.logarithmic_edges(jnp.asarray(3.0), jnp.asarray(1e300), batches.PANELS)
    )
    assert solved.error > 0.5 and solved.panel_error[0] > 0.5


def test_mixed_gates_are_sure_of_themselves(monkeypatch):
    """Neither kinks, which become edges of panels, nor the errors of gates that are far from the largest count."""
    if native.library() is None:
        pytest.skip("needs the compiled loops")
    monkeypatch.setattr(batches, "times_by_events", lambda *_, **__: pytest.fail("went to the general solver"))
    rng = np.random.default_rng(0)
    graph = [[int(j) for j in np.flatnonzero(rng.random(i) < min(1, 3 / max(1, i)))] for i in range(30)]
    gates = ["any" if before and rng.random() < 0.3 else "all" for before in graph]
    case = Case(graph, rng.lognormal(0, 1, 30), 1e-3, 0.1, 0.01, gate=gates)
    for tolerance in (1e-5, 1e-7, 1e-9):
        times = np.asarray(ro.learning_times(case.model(), tolerance=tolerance))
        order = np.argsort(times)
        reached = case.levels_by_clock(times[order])[np.arange(30), order]
        np.testing.assert_allclose(reached, 0.5, rtol=0, atol=max(tolerance, 1e-9))


# -- neighbours


def members():
    """Steep and simple graphs, with waste and without, one not finite: as one batch of one shape."""
    steep, simple = [list(range(i)) for i in range(10)], [[]] * 10
    models = [
        ro.ResourceModel(
            ro.SkillGraph(graph), np.geomspace(1, 3, 10), learning_rate=0.02, wasted_resource=waste, gate_exponent=0.01
        )
        for graph, waste in ((steep, 0.05), (steep, 0.0), (simple, 0.05), (simple, 0.0), (steep, 0.1), (simple, 0.1))
    ]
    batch = ro.stack(models)
    frequency = np.array(batch.frequency)
    frequency[5, 1] = np.inf
    return eqx.tree_at(lambda model: model.frequency, batch, frequency)


def few_panels(monkeypatch):
    """So that steep graphs stay unsure."""
    library = importlib.import_module("resource_ode.native.library")
    monkeypatch.setattr(library, "ATTEMPTS", 1)
    monkeypatch.setattr(library, "MOST_PANELS", 24)
    monkeypatch.setattr(arrays, "MORE_PANELS", ())


@pytest.mark.parametrize("path", ["loops", pytest.param("arrays", marks=pytest.mark.slow)])
def test_members_never_meet(monkeypatch, path):
    """Each member of any part of a mixed batch is what it is alone, in values and in code."""
    if path == "arrays":
        on_arrays(monkeypatch)
    few_panels(monkeypatch)
    batch, ts = members(), np.linspace(0, 2000, 9)

    # in place of the general solver, which takes long: marks that tell whose they are
    def by_ode(model, ts, *_, **__):
        mark = np.broadcast_to(model.wasted_resource[:, None, None], (len(model.frequency), len(ts), model.skills))
        return mark, mark[..., 0], None, results_from_codes(np.zeros(len(mark), np.int32))

    def by_events(model, *_, **__):
        return jnp.broadcast_to(model.wasted_resource[:, None], model.frequency.shape)

    monkeypatch.setattr(batches, "ode_members", by_ode)
    monkeypatch.setattr(batches, "times_by_events", by_events)

    def part(index):
        return jax.tree.map(lambda x: np.asarray(x)[index], batch)

    def solved(model):
        run = ro.simulate(model, ts, tolerance=1e-7)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            said.append('and "ode" for members that it was not sure of' in run.method)
            return np.asarray(run.state), codes(run), np.asarray(ro.learning_times(model, 0.5, tolerance=1e-7))

    said: list[bool] = []

    alone = [np.concatenate(x) for x in zip(*(solved(part([i])) for i in range(6)), strict=True)]
    assert alone[1].tolist() == [0, INACCURATE, 0, 0, 0, 0] and np.all(np.isnan(alone[2][1]))
    assert said == [True, False, False, False, True, True]
    for i in (0, 4, 5):
        assert np.all(alone[0][i] == batch.wasted_resource[i]) and np.all(alone[2][i] == batch.wasted_resource[i])
    assert np.all(alone[0][2, -1] > 1) and np.all(alone[2][2:4] > 1)
    for index in ([0, 1, 2, 3, 4, 5], [1, 0], [3, 1], [5, 4]):
        for found, expected in zip(solved(part(index)), alone, strict=True):
            # arrays go by another program for another number of members, which rounds in another order
            np.testing.assert_allclose(found, expected[index], rtol=0 if path == "loops" else 1e-11)


@pytest.mark.parametrize("path", ["loops", pytest.param("arrays", marks=pytest.mark.slow)])
def test_gate_exponents_of_one_graph_stand_for_themselves(monkeypatch, path):
    if path == "arrays":
        on_arrays(monkeypatch)
    few_panels(monkeypatch)
    model = part = jax.tree.map(lambda x: np.asarray(x)[1], members())
    grid = part.replace(gate_exponent=np.array([1e-3, 1e3]), wasted_resource=0.0)
    found = codes(ro.simulate(grid, np.linspace(0, 2000, 9), tolerance=1e-4))
    assert found.tolist() == [INACCURATE, 0]
    with pytest.warns(UserWarning, match="1 of 2 members are NaN, since their estimated error exceeds"):
        times = ro.learning_times(grid, tolerance=1e-8)
    assert np.all(np.isnan(times[0])) and np.all(np.isfinite(times[1]))
    # gates that open at once leave independent skills
    p, level = np.asarray(model.frequency), 0.5
    exact = (1 - (1 - level) ** (p / p[:, None])).sum(axis=1) / 0.02
    np.testing.assert_allclose(times[1], exact, rtol=2e-2)


def test_with_pools_who_is_unsure_goes_to_the_general_solver(monkeypatch):
    """But for one without waste, which it cannot solve; and the sure one is left alone."""
    monkeypatch.setattr(calls, "ATTEMPTS", 1)
    monkeypatch.setattr(calls, "MOST_PANELS", 16)
    asked = []

    def by_events(model, *_, **__):
        asked.append(model.frequency[:, 0].tolist())
        return jnp.full(model.frequency.shape, 7.0)

    def by_ode(model, ts, *_, **__):
        marks = np.full((len(model.frequency), len(ts), model.skills), 7.0)
        return marks, marks[..., :2], None, results_from_codes(np.zeros(len(marks), np.int32))

    monkeypatch.setattr(batches, "times_by_events", by_events)
    monkeypatch.setattr(batches, "ode_members", by_ode)
    steep, simple = ro.SkillGraph([list(range(i)) for i in range(10)] + [[]]), ro.SkillGraph([[]] * 11)
    numbers = {"learning_rate": [0.02, 0.02], "gate_exponent": 0.01, "pool": [0] * 10 + [1]}
    wastes = ([0.05, 0.05], [0.05, 0.05], [0.05, 0.0])
    model = ro.stack(
        [
            ro.ResourceModel(graph, first * np.geomspace(1, 3, 11), wasted_resource=waste, **numbers)
            for first, graph, waste in zip((1.0, 2.0, 3.0), (steep, simple, steep), wastes, strict=True)
        ]
    )
    with pytest.warns(UserWarning, match="1 of 3 members are NaN"):
        times = np.asarray(ro.learning_times(model, 0.5, tolerance=1e-10))
    assert asked == [[1.0]]
    assert np.all(times[0] == 7) and np.all(np.isfinite(times[1])) and not np.any(times[1] == 7)
    assert np.all(np.isnan(times[2]))
    run = ro.simulate(model, np.linspace(0, 2000, 9), tolerance=1e-7)
    assert np.all(run.state[0] == 7) and not np.any(run.state[1] == 7) and not np.any(run.state[2] == 7)


# -- under a trace


def test_times_that_are_inaccurate_under_a_trace_are_nan(monkeypatch):
    monkeypatch.setattr(calls, "ATTEMPTS", 1)
    monkeypatch.setattr(calls, "MOST_PANELS", 16)
    model = jax.tree.map(lambda x: np.asarray(x)[[0, 2]], members())
    traced = jax.jit(lambda model, tolerance: ro.learning_times(model, tolerance=tolerance))
    exact = ro.learning_times(model, tolerance=1e-11)
    loose, tight = traced(model, 1e-2), traced(model, 1e-8)
    np.testing.assert_allclose(loose, exact, rtol=1e-2)
    assert np.all(np.isnan(tight[0]))
    np.testing.assert_allclose(tight[1], exact[1], rtol=1e-8)

    def total(scale):
        return jnp.nansum(ro.learning_times(model.replace(learning_rate=0.02 * scale), tolerance=1e-8))

    # a member that is NaN takes no part in the derivatives, and spoils none
    slope = -np.sum(exact[1])
    np.testing.assert_allclose(jax.grad(total)(1.0), slope, rtol=1e-9)
    np.testing.assert_allclose(jax.jvp(total, (1.0,), (1.0,))[1], slope, rtol=1e-9)
    by_frequency = jax.grad(lambda p: jnp.nansum(ro.learning_times(model.replace(frequency=p), tolerance=1e-8)))
    slopes = by_frequency(model.frequency)
    assert np.all(slopes[0] == 0) and np.all(np.isfinite(slopes[1])) and np.any(slopes[1] != 0)


# -- the ODE earns its code

COARSE = diffrax.PIDController(rtol=0.03, atol=0.03)
DIRECT = dataclasses.replace(
    CHAIN, prerequisites=[[], [], []], interference=random_overlap(np.random.default_rng(0), 3, 4)
)


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(CHAIN, id="law"),
        pytest.param(dataclasses.replace(CHAIN, competition="l2"), id="l2", marks=pytest.mark.slow),
        pytest.param(dataclasses.replace(CHAIN, loss="cross_entropy"), id="cross entropy", marks=pytest.mark.slow),
        pytest.param(DIRECT, id="interference", marks=pytest.mark.slow),
    ],
)
def test_the_ode_says_when_it_is_wrong(case):
    case = dataclasses.replace(case, wasted_resource=0.1)
    exact = case.levels(TS)
    run = ro.simulate(case.model(), TS, method="ode")
    assert run.failures() == "" and np.abs(run.level - exact).max() < 1e-6
    rough = ro.simulate(case.model(), TS, method="ode", controller=COARSE)
    assert np.abs(rough.level - exact).max() > 1e-5 and codes(rough) == INACCURATE
    # it keeps its values, to look at
    assert np.all(np.isfinite(rough.level)) and "exceeds the tolerance" in rough.failures()
    enough = ro.simulate(case.model(), TS, method="ode", controller=COARSE, tolerance=0.5)
    assert enough.failures() == ""


def test_schedules_keep_the_budget_law():
    model = CHAIN.model(
        wasted_resource=ro.Schedule([0.0, 100.0], [0.1, 0.01]), learning_rate=ro.Schedule([0.0, 200.0], [1e-2, 1e-3])
    )
    assert ro.simulate(model, TS).failures() == ""
    assert codes(ro.simulate(model, TS, controller=COARSE)) == INACCURATE


def test_event_times_are_accurate_or_nan(monkeypatch):
    model = CHAIN.model(wasted_resource=0.1)
    exact = ro.learning_times(model, tolerance=1e-11)
    level, tolerance = np.asarray(0.5), np.asarray(1e-7)
    np.testing.assert_allclose(events.times_by_events(model, level, tolerance, Wish(), traced=False), exact, rtol=1e-7)
    monkeypatch.setattr(ode, "SAFETY", 1e-3)
    monkeypatch.setattr(events, "FINER", 1)
    programs.clear()
    with pytest.warns(UserWarning, match="times are NaN, since their estimated error exceeds the tolerance 1e-07"):
        times = events.times_by_events(model, level, tolerance, Wish(), traced=False)
    assert np.all(np.isnan(times))
    programs.clear()


def test_interference_that_stops_the_clock_is_no_success():
    # the third skill makes the demand of the first two negative, until with the waste nothing is left: beyond the
    # largest resource that can be spent there is no solution
    model = ro.ResourceModel(
        ro.SkillGraph([[], [], []]),
        [100.0, 100.0, 1.0],
        learning_rate=1.0,
        wasted_resource=0.01,
        interference=np.array([[1, 0, 0.7], [0, 1, 0.7], [0.7, 0.7, 1]]),
        initial_level=np.array([0.9999, 0.9999, 0.0]),
    )
    root = np.array([10.0, 10.0, 1.0])
    values, vectors = np.linalg.eigh(np.asarray(model.interference) * np.outer(root, root))
    share, start = vectors.T @ root, vectors.T @ (root * [1e-4, 1e-4, 1])
    tau = np.linspace(0, 1, 200_001)
    spent = (share * start * -np.expm1(-np.outer(tau, values)) / values).sum(1) + 0.01 * tau
    before = spent.argmax()
    assert 0 < before < len(tau) - 1
    last = spent[before]
    ts = last * np.array([0.0, 0.3, 0.8])
    run = ro.simulate(model, ts)
    assert codes(run) == 0
    at = np.interp(ts, spent[: before + 1], tau[: before + 1])
    right = 1 - (np.exp(-np.outer(at, values)) * start) @ vectors.T / root
    np.testing.assert_allclose(run.level, right, atol=2e-6)
    for beyond in (1.1, 2.0, 1e3):
        assert codes(ro.simulate(model, last * np.array([0.0, 0.3, beyond]))) == INACCURATE
