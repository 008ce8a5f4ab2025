"""Graphs of many skills, which the loops solve in windows of resource time, one after the other."""

import functools
import importlib

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import resource_ode as ro
from resource_ode.solve.cascade import batch as batches

native_library = importlib.import_module("resource_ode.native.library")
RATE, WASTE, GATE = 0.01, 0.01, 0.01
PACES = {"frequency_after": [3.0, 0.2, 1.0, 0.5, 2.0]}
LEVELS = {"initial_level": [0.0, 0.5, 0.0, 0.2, 0.7]}
VARIANTS = {
    "mse": {},
    "any": {"gate": "any"},
    "mixed": {"gate": ["all", "any", "all", "any", "all"]},
    "initial levels": LEVELS,
    "without waste": {"wasted_resource": 0.0},
    "cross entropy": {"loss": "cross_entropy", "gate_exponent": 1.0},
    "l2": {"competition": "l2"},
    "self-paced": PACES,
    "plateau": {"plateau": 0.01, "prerequisite_strength": 0.8},
    "one open gate of any, weak": {
        "gate": "any",
        "prerequisite_strength": 0.3,
        "frequency": [50.0, 0.05, 50.0, 0.5, 0.4],
    },
    "all at once": {"competition": "l2", "gate": ["all", "any", "all", "any", "all"], **PACES, **LEVELS},
}


@pytest.fixture(autouse=True)
def by_the_loops_alone(monkeypatch):
    monkeypatch.setattr(batches, "ode_members", refused)
    monkeypatch.setattr(batches, "times_by_events", refused)


def refused(*_, **__):
    raise AssertionError("the general solver was called")


def sparse_graph(skills, gate="all", seed=0):
    """Each skill requires one or two of the 300 before it: the graph is as deep as an eightieth of their number."""
    generator = np.random.default_rng(seed)
    required = [sorted({int(i - b) for b in generator.integers(1, 300, 1 + (i % 2)) if b <= i}) for i in range(skills)]
    frequency = generator.lognormal(0, 1, skills)
    return ro.SkillGraph(required, gate), frequency / frequency.mean()


def sparse_model(skills, **options):
    graph, frequency = sparse_graph(skills, options.pop("gate", "all"))
    return ro.ResourceModel(graph, frequency, RATE, WASTE, GATE, **options)


def one_and_many(copies, gate="all", **options):
    """A graph of five skills, and many copies of it side by side that share so much more: their levels are the same."""
    required, frequency = [[], [0], [0, 1], [1, 2], [2, 3]], options.pop("frequency", [1.0, 0.5, 2.0, 1.5, 0.7])
    values = {"learning_rate": 0.02, "wasted_resource": 0.05, "gate_exponent": 0.1, **options}
    one = ro.ResourceModel(ro.SkillGraph(required, gate), frequency, **values)
    everywhere = [[5 * k + j for j in before] for k in range(copies) for before in required]
    gates = gate if isinstance(gate, str) else gate * copies
    for name in ("initial_level", "frequency_after"):
        if name in values:
            values[name] = np.tile(values[name], copies)
    # what all compete for is this many times as much
    more = np.sqrt(copies) if values.get("competition") == "l2" else copies
    values |= {name: values[name] * more for name in ("learning_rate", "wasted_resource")}
    return one, ro.ResourceModel(ro.SkillGraph(everywhere, gates), np.tile(frequency, copies), **values)


@pytest.mark.parametrize("variant", list(VARIANTS))
def test_copies_of_a_graph_are_learned_as_the_graph(variant):
    one, many = one_and_many(500, **VARIANTS[variant])
    times = ro.learning_times(one, 0.8, tolerance=1e-9)
    ts = np.linspace(0.0, 1.2 * float(np.max(times)), 30)
    exact, run = ro.simulate(one, ts, tolerance=1e-9), ro.simulate(many, ts, tolerance=1e-6)
    assert run.failures() == ""
    np.testing.assert_allclose(np.reshape(run.level, (30, 500, 5)) - exact.level[:, None], 0.0, atol=1e-6)
    np.testing.assert_allclose(run.clock, exact.clock, rtol=1e-4, atol=1e-9)
    np.testing.assert_allclose(
        np.reshape(ro.learning_times(many, 0.8, tolerance=1e-6), (500, 5)), np.tile(times, (500, 1)), rtol=1e-6
    )
    assert abs(ro.horizon(many, 0.8) / np.max(times) - 1) < 1e-6


def gathered(model, ts, tolerance):
    """Levels of one graph by diffrax; prerequisites are gathered."""
    graph, frequency = model.graph, jnp.asarray(model.frequency)

    @jax.jit
    def solve(ts):
        def field(t, depth, own):
            gates = -jnp.expm1(-GATE * depth)[graph.prerequisites]
            opening = jnp.prod(jnp.where(graph.required, gates, 1), axis=-1)
            if graph.any_gate is not None:
                largest = jnp.max(jnp.where(graph.required, gates, 0), axis=-1)
                waits = jnp.any(graph.required, axis=-1)
                opening = jnp.where(jnp.asarray(graph.any_gate) & waits, largest, opening)
            grows = frequency * opening
            return RATE * grows / (jnp.sum(grows * jnp.exp(-depth)) + WASTE)

        start = jnp.zeros(model.skills) if model.initial_level is None else -jnp.log1p(-model.initial_level)
        controller = diffrax.PIDController(rtol=tolerance, atol=tolerance)
        save = diffrax.SaveAt(ts=ts)
        parts = {"saveat": save, "stepsize_controller": controller, "max_steps": 100_000}
        term, solver = diffrax.ODETerm(field), diffrax.Dopri8()
        return -jnp.expm1(-diffrax.diffeqsolve(term, solver, 0.0, ts[-1], None, start, **parts).ys)

    return np.asarray(solve(jnp.asarray(ts)))


@pytest.mark.parametrize(
    ("skills", "options"),
    [
        (2100, {}),
        (2100, {"initial_level": np.where(np.arange(2100) % 7 == 0, 0.5, 0.0)}),
        pytest.param(2100, {"gate": ["all", "any"] * 1050}, marks=pytest.mark.slow),
        pytest.param(10_000, {}, marks=pytest.mark.slow),
    ],
)
def test_deep_graphs_against_the_general_solver(skills, options):
    model = sparse_model(skills, **options)
    ts = np.linspace(0.0, 1.1 * skills / RATE, 40)
    exact = gathered(model, ts, 1e-10)
    run = ro.simulate(model, ts)
    assert run.failures() == "" and np.abs(run.budget_residual).max() < 1e-5 * skills
    assert np.abs(run.level - exact).max() < 1e-5
    assert np.abs(ro.simulate(model, ts, tolerance=1e-7).level - exact).max() < 1e-7
    # learning times, by the levels there
    times = np.asarray(ro.learning_times(model, 0.7, tolerance=1e-7))
    some = np.argsort(times)[:: skills // 60]
    there = gathered(model, np.concatenate([[0.0], np.unique(times[some])]), 1e-10)
    starts = np.asarray(times[some] > 0)
    level = there[np.searchsorted(np.unique(times[some]), times[some]) + 1, some]
    # a skill of frequency p rises by at most p eta dt/N0
    slack = 1e-7 * times[some] * RATE * np.asarray(model.frequency)[some] / WASTE
    assert np.all(np.abs(level - 0.7)[starts] <= 1e-7 + slack[starts])


def test_float32_is_the_same_solve():
    model = sparse_model(2100)
    single = jax.tree.map(lambda x: x.astype(np.float32) if np.asarray(x).dtype == np.float64 else x, model)
    ts = np.linspace(0.0, 2500 / RATE, 20)
    run, small = ro.simulate(model, ts), ro.simulate(single, ts.astype(np.float32))
    assert small.level.dtype == np.float32 and small.failures() == ""
    np.testing.assert_allclose(small.level, run.level, atol=2e-4)
    np.testing.assert_allclose(ro.learning_times(single), ro.learning_times(model), rtol=1e-5)


def test_a_grid_of_clocks_and_gate_exponents():
    model = sparse_model(2100)
    grid = model.grid(wasted_resource=[0.0, 0.01, 30.0], gate_exponent=[0.01, 0.1])
    ts = np.linspace(0.0, 2200 / RATE, 12)
    run, times = ro.simulate(grid, ts), ro.learning_times(grid)
    for i, waste in enumerate((0.0, 0.01, 30.0)):
        for j, exponent in enumerate((0.01, 0.1)):
            alone = model.replace(wasted_resource=waste, gate_exponent=exponent)
            np.testing.assert_allclose(run.level[i, j], ro.simulate(alone, ts, tolerance=1e-7).level, atol=1e-5)
            np.testing.assert_allclose(times[i, j], ro.learning_times(alone, tolerance=1e-8), rtol=1e-6)


def test_under_jit_it_is_the_same_to_the_bit():
    model = sparse_model(2100)
    ts = np.linspace(0.0, 2500 / RATE, 12)
    np.testing.assert_array_equal(jax.jit(lambda m: ro.simulate(m, ts).state)(model), ro.simulate(model, ts).state)
    np.testing.assert_array_equal(jax.jit(ro.learning_times)(model), ro.learning_times(model))


def last_time(model, waste):
    return jnp.max(ro.learning_times(model.replace(wasted_resource=waste), 0.9))


@pytest.mark.slow
def test_derivatives_are_those_of_a_block_of_panels_or_not_a_number(monkeypatch):
    model = sparse_model(2100)
    of = functools.partial(last_time, model)
    slope = (of(0.0101) - of(0.0099)) / 2e-4
    assert abs(jax.grad(of)(0.01) / slope - 1) < 1e-4
    monkeypatch.setattr(importlib.import_module("resource_ode.native.calls"), "MOST_PANELS", 8)
    jax.clear_caches()  # programs that know another number
    value, slope = jax.value_and_grad(of)(0.01)
    jax.clear_caches()
    assert np.isfinite(value) and np.isnan(slope)


@pytest.mark.parametrize("level", [0.0, 1e-6, 0.999999])
def test_levels_next_to_the_start_and_the_end(level):
    one, many = one_and_many(500)
    times = ro.learning_times(one, level, tolerance=1e-9)
    np.testing.assert_allclose(
        np.reshape(ro.learning_times(many, level), (500, 5)), np.tile(times, (500, 1)), rtol=2e-5, atol=1e-12
    )


@pytest.mark.parametrize("waste", [0.0, 0.05])
def test_long_after_all_is_learned(waste):
    one, many = one_and_many(500, wasted_resource=waste)
    ts = np.array([0.0, 1e-9, 240.0, 1e4, 1e7])
    exact, run = ro.simulate(one, ts), ro.simulate(many, ts)
    assert run.failures() == exact.failures()
    np.testing.assert_allclose(np.reshape(run.level, (5, 500, 5)) - exact.level[:, None], 0.0, atol=1e-5)
    np.testing.assert_allclose(run.clock, exact.clock, rtol=1e-4)
    np.testing.assert_allclose(np.reshape(run.state, (5, 500, 5))[:, 7], exact.state, rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("variant", list(VARIANTS))
def test_smaller_graphs_where_one_block_is_not_enough(monkeypatch, variant):
    options = {name: np.resize(x, 80) if name in (*PACES, *LEVELS) else x for name, x in VARIANTS[variant].items()}
    gate = options.pop("gate", "all")
    options.pop("frequency", None)
    graph, frequency = sparse_graph(80, gate if isinstance(gate, str) else list(np.resize(gate, 80)), seed=2)
    values = {"learning_rate": RATE, "wasted_resource": WASTE, "gate_exponent": 0.05, **options}
    model = ro.ResourceModel(graph, frequency, **values)
    times = ro.learning_times(model, 0.7, tolerance=1e-10)
    ts = np.linspace(0.0, 1.1 * float(np.max(times)), 30)
    levels = ro.simulate(model, ts, tolerance=1e-8).level
    monkeypatch.setattr(native_library, "MOST_PANELS", 8)
    for tolerance in (1e-5, 1e-7):
        run = ro.simulate(model, ts, tolerance=tolerance)
        assert run.failures() == "" and np.abs(run.level - levels).max() < tolerance
        np.testing.assert_allclose(ro.learning_times(model, 0.7, tolerance=tolerance), times, rtol=tolerance)


def test_self_paced_skills_of_one_block_say_what_their_turns_do():
    """A demand that jumps between two edges moves the clock, with which learning times are read."""
    graph, frequency = sparse_graph(150, seed=3)
    model = ro.ResourceModel(graph, frequency, 0.02, 0.05, 0.03, frequency_after=np.linspace(0.2, 3.0, 150))
    exact = ro.learning_times(model, 0.7, tolerance=1e-10)
    for tolerance in (1e-4, 1e-5, 1e-6, 1e-7):
        np.testing.assert_allclose(ro.learning_times(model, 0.7, tolerance=tolerance), exact, rtol=tolerance)


@pytest.mark.slow
def test_a_hundred_thousand_skills():
    small, copies = sparse_model(1000), 100
    graph, frequency = small.graph, np.asarray(small.frequency)
    indices = np.asarray(graph.prerequisites) + 1000 * np.arange(copies)[:, None, None]
    required = np.tile(np.asarray(graph.required), (copies, 1))
    many = ro.SkillGraph(np.where(required, indices.reshape(required.shape), 0), required=required)
    model = ro.ResourceModel(many, np.tile(frequency, copies), RATE * copies, WASTE * copies, GATE)
    ts = np.linspace(0.0, 1100 / RATE, 20)
    exact = ro.simulate(small, ts, tolerance=1e-9).level
    assert np.abs(np.reshape(ro.simulate(model, ts).level, (20, copies, 1000)) - exact[:, None]).max() < 1e-5
    times = ro.learning_times(small, 0.9, tolerance=1e-9)
    found = np.reshape(ro.learning_times(model, 0.9, tolerance=1e-6), (copies, 1000))
    np.testing.assert_allclose(found, np.tile(times, (copies, 1)), rtol=1e-6)
    # and one that is deep
    deep = sparse_model(100_000)
    ts = np.linspace(0.0, 110_000 / RATE, 20)
    run, finer = ro.simulate(deep, ts), ro.simulate(deep, ts, tolerance=1e-6)
    assert run.failures() == "" and np.abs(run.budget_residual).max() < 1e-5
    assert np.abs(run.level - finer.level).max() < 1e-5
    times = np.asarray(ro.learning_times(deep, 0.9, tolerance=1e-6))
    assert np.isfinite(times).all()
    np.testing.assert_allclose(ro.learning_times(deep, 0.9, tolerance=1e-5), times, rtol=1e-5)
