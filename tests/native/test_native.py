"""The compiled loops against an independent reference and the general solver, at ordinary and extreme parameters."""

import importlib

import equinox as eqx
import independent
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import resource_ode as ro
from resource_ode import native
from resource_ode.base import pieces, special
from resource_ode.results.outcome import result_codes
from resource_ode.solve.cascade import batch as batches
from resource_ode.solve.cascade import compiled
from resource_ode.solve.cascade.sharing import Rows, split_axes

native_library = importlib.import_module("resource_ode.native.library")


def test_the_loops_are_built():
    """Where they cannot be, everything works without; but then nothing here would test them."""
    assert native.library() is not None


def by_arrays(monkeypatch, solve):
    with monkeypatch.context() as patch:
        patch.setattr(native, "obstacle", lambda model: "they are left out")
        return solve()


def random_models(gate="all", **options):
    keys = jax.random.split(jax.random.key(3), 12)
    graphs = jax.vmap(lambda key: ro.graphs.random_dag(key, 7, 0.4))(keys)
    graphs = ro.SkillGraph(graphs.prerequisites, gate, required=graphs.required)
    frequency = ro.frequencies.lognormal(jax.random.key(4), 7, 1.0)
    values = {"learning_rate": 0.02, "wasted_resource": 0.05, "gate_exponent": 0.1, **options}
    return ro.ResourceModel(graphs, frequency, **values)


TS = np.linspace(0.0, 2000.0, 41)
MIXED = ["any", "all", "any", "any", "all", "any", "all"]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"loss": "cross_entropy", "gate": MIXED},
        {"initial_level": np.linspace(0.0, 0.6, 7)},
        {"gate_exponent": 1.0},
        {"gate": "any"},
        {"gate": MIXED, "initial_level": np.linspace(0.6, 0.0, 7)},
        {"plateau": 0.003, "prerequisite_strength": 0.8, "gate": MIXED},
    ],
)
def test_random_graphs(options):
    model = random_models(**options)
    run = ro.simulate(model, TS)
    levels, times = independent.solve(model, TS, 0.7)
    assert np.abs(run.level - levels).max() < 1e-6
    assert np.abs(run.budget_residual).max() < 1e-6
    np.testing.assert_allclose(run.clock, independent.clocks(model, TS, levels), rtol=1e-5)
    np.testing.assert_allclose(ro.learning_times(model, 0.7), times, rtol=1e-7)


def test_it_is_these_loops_that_ran(monkeypatch):
    calls, run = [], native._call
    monkeypatch.setattr(native, "_call", lambda name, *a: (calls.append(name), run(name, *a)))
    ro.simulate(random_models(), TS)
    ro.learning_times(random_models())
    assert calls == ["trajectories", "learning_times"]
    calls.clear()
    # what they cannot do goes elsewhere, silently
    ro.learning_times(random_models(pool=[0, 0, 0, 0, 1, 1, 1]))
    jax.jit(lambda waste: ro.learning_times(random_models(wasted_resource=waste)))(0.05)
    assert calls == []


@pytest.mark.parametrize("seed", [5, 6])
def test_kinks_of_any_gates_are_seen(seed):
    """Gates of different pace cross, some before the first node, where an estimate from nodes alone would not look."""
    rng = np.random.default_rng(seed)
    graph = ro.SkillGraph([[], [], [], [0, 1, 2], [0, 3]], gate="any")
    start = np.where(rng.random((300, 5)) < 0.6, rng.uniform(0, 0.9, (300, 5)), 0.0)
    model = ro.ResourceModel(graph, 10 ** rng.uniform(-1, 1, (300, 5)), 0.05, 0.1, 0.5, initial_level=start)
    ts = np.geomspace(0.1, 3000.0, 50)
    exact = ro.simulate(model, ts, tolerance=1e-9).level
    for tolerance in (1e-3, 1e-4, 1e-5, 1e-6, 1e-7):
        run = ro.simulate(model, ts, tolerance=tolerance)
        assert run.failures() == "" and np.abs(run.level - exact).max() < tolerance


def test_without_waste_a_run_ends():
    """At t = n/eta, from which on the clock is infinite; with other wastes beside it."""
    model = random_models(wasted_resource=np.array([0.0, 0.05])[:, None])
    run = ro.simulate(model, TS)
    assert np.abs(run.level - independent.solve(model, TS)[0]).max() < 1e-6
    ended = TS > 7 / 0.02
    assert np.all(np.isinf(run.clock[0][:, ended])) and np.all(run.level[0][:, ended] == 1)
    assert np.all(np.isfinite(run.clock[0][:, TS < 7 / 0.02])) and np.all(np.isfinite(run.clock[1]))
    np.testing.assert_allclose(run.level[0].sum(-1), np.broadcast_to(np.minimum(0.02 * TS, 7), (12, 41)), atol=1e-6)
    np.testing.assert_array_equal(ro.simulate(model, TS, batch_size=1).state, run.state)
    for k, alone in enumerate((0.0, 0.05)):
        assert np.abs(ro.simulate(random_models(wasted_resource=alone), TS).level - run.level[k]).max() < 1e-6


def last_levels(run):
    return run.level[-1], run.budget_residual


def test_reductions(monkeypatch):
    model = random_models(
        wasted_resource=np.geomspace(1e-3, 1.0, 5)[:, None], gate_exponent=np.array([0.1, 0.4])[:, None, None]
    )
    run = ro.simulate(model, TS)
    levels, residual = ro.simulate(model, TS, reduce=last_levels)
    np.testing.assert_allclose(levels, run.level[..., -1, :], rtol=1e-12)
    np.testing.assert_allclose(residual, run.budget_residual, atol=1e-12)
    monkeypatch.setattr(batches, "microbatch", lambda skills, members: 1)
    monkeypatch.setattr(batches, "PIECE", 30_000)
    seen = []
    parts = ro.simulate(model, TS, reduce=last_levels, progress=lambda done, members: seen.append(done))
    np.testing.assert_allclose(parts[0], levels, rtol=1e-12)
    assert seen[-1] == 120 and len(seen) == 3
    fewer = ro.simulate(model, TS, reduce=last_levels, batch_size=4)
    np.testing.assert_array_equal(fewer[0], parts[0])


def test_without_the_loops_arrays_give_the_same(monkeypatch):
    model = random_models()
    run, times = ro.simulate(model, TS), ro.learning_times(model)
    monkeypatch.setattr(native, "library", lambda: None)
    assert not native.applies(model)
    assert np.abs(ro.simulate(model, TS).level - run.level).max() < 1e-6
    np.testing.assert_allclose(ro.learning_times(model), times, rtol=1e-6)


def test_loops_of_another_version_are_not_used(monkeypatch):
    native.library.cache_clear()
    monkeypatch.setattr(native_library, "INTERFACE", native.INTERFACE + 1)
    assert native.library() is None
    monkeypatch.undo()
    native.library.cache_clear()
    assert native.library() is not None


@pytest.mark.parametrize("skills", [1, 2, 3, 4, 5, 9])
def test_any_number_of_skills(skills):
    """Rows of skills that do not fill vectors, with skills that are not there."""
    chains = (ro.SkillGraph([[], *([k] for k in range(n - 1))]) for n in (skills, max(1, skills - 2)))
    model = ro.stack(
        [ro.ResourceModel(chain, np.linspace(1.0, 2.0, chain.skills), 0.02, 0.05, 0.1) for chain in chains]
    )
    run = ro.simulate(model, TS)
    levels, times = independent.solve(model, TS)
    # with NaN where there is no skill
    np.testing.assert_array_equal(np.isnan(run.state), np.isnan(levels))
    np.testing.assert_allclose(run.level, levels, rtol=0, atol=1e-6)
    np.testing.assert_allclose(ro.learning_times(model), times, rtol=1e-7)


def test_a_member_alone_is_the_member_of_a_batch():
    """To the bit."""
    model = random_models()
    run, times = ro.simulate(model, TS), ro.learning_times(model)
    for k in (0, 7):
        alone = ro.simulate(model[k], TS)
        np.testing.assert_array_equal(alone.state, run.state[k])
        np.testing.assert_array_equal(alone.clock, run.clock[k])
        np.testing.assert_array_equal(ro.learning_times(model[k]), times[k])


def test_threads_change_no_bit(monkeypatch):
    model = random_models(wasted_resource=np.geomspace(1e-3, 1.0, 9)[:, None])
    runs = []
    for cores in (1, 3):
        monkeypatch.setattr(pieces, "cores", lambda cores=cores: cores)
        runs.append((ro.simulate(model, TS).state, ro.simulate(model, TS).level, ro.learning_times(model)))
    for one, other in zip(*runs, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("waste", [1e-6, 1e-2, 10.0])
@pytest.mark.parametrize("exponent", [1e-5, 1.0])
def test_extreme_parameters(waste, exponent):
    # frequencies over eight decades, along a chain (depth = n) and without prerequisites
    frequency = np.logspace(-6, 2, 7)[[3, 0, 6, 2, 5, 1, 4]]
    chain = np.arange(7)[:, None] - 1
    graphs = ro.SkillGraph(
        np.stack([np.maximum(chain, 0)] * 2), "all", required=np.stack([chain >= 0, np.zeros((7, 1), bool)])
    )
    model = ro.ResourceModel(graphs, frequency, 1.0, waste, exponent)
    times = ro.learning_times(model, 0.9)
    ts = np.concatenate([[0.0], np.geomspace(1e-3, 1.0, 40) * times.max()])
    levels, exact = independent.solve(model, ts, 0.9)
    np.testing.assert_allclose(times, exact, rtol=1e-7)
    run = ro.simulate(model, ts)
    assert not np.any(np.asarray(result_codes(run.result)))
    assert np.abs(run.level - levels).max() < 1e-6


def test_one_skill_alone_and_the_padding_of_others(monkeypatch):
    one = ro.ResourceModel(ro.SkillGraph([[]]), [2.0], learning_rate=0.01, wasted_resource=0.3, gate_exponent=0.1)
    three = ro.ResourceModel(
        ro.SkillGraph([[], [0], [1]]), [1.0, 2.0, 3.0], learning_rate=0.01, wasted_resource=0.3, gate_exponent=0.1
    )
    run = ro.simulate(ro.stack([one, three]), TS)
    exact = ro.analytic.single_skill_unlearned(TS, 2.0, 0.01, 0.3)
    np.testing.assert_allclose(1 - run.level[0, :, 0], exact, atol=1e-9)
    assert np.all(np.isnan(run.level[0, :, 1:])) and np.all(np.isfinite(run.level[1]))
    times = ro.learning_times(ro.stack([one, three]))
    assert np.all(np.isnan(times[0, 1:])) and np.all(np.isfinite(times[1]))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"loss": "cross_entropy", "gate": MIXED},
        {"competition": "l2", "gate": "any"},
        {"frequency_after": np.full(7, 2.0)},
    ],
)
def test_all_processors_give_the_same(options):
    """Vectors hold 4 or 8 numbers, so that numbers of panels differ: the same to the tolerance, and slopes as well."""
    model = random_models(**options)

    def late(rate):
        return jnp.sum(ro.learning_times(model.replace(learning_rate=rate), 0.5) @ jnp.arange(1.0, 8.0))

    found = {}
    for best in native_library.PROCESSORS:
        try:
            if native.processor(best) == best:
                run, slopes = ro.simulate(model, TS, tolerance=1e-8), jax.grad(late)(0.02)
                found[best] = np.asarray(run.level), np.asarray(slopes), np.asarray(run.clock)
        finally:
            native.processor(native_library.PROCESSORS[-1])
    first = found.popitem()[1]
    if not found:
        pytest.skip("loops of one kind only are built for processors that this machine is")
    for level, slope, clock in found.values():
        np.testing.assert_allclose(level, first[0], rtol=0, atol=1e-8)
        np.testing.assert_allclose(slope, first[1], rtol=1e-6)
        np.testing.assert_allclose(clock, first[2], rtol=1e-7)


def test_a_grid_of_clocks_reads_one_cascade_and_pieces_change_no_bit():
    model = random_models(wasted_resource=np.geomspace(1e-3, 1.0, 5)[:, None], learning_rate=0.02)
    whole = ro.simulate(model, TS)
    seen = []
    parts = ro.simulate(model, TS, batch_size=7, progress=lambda done, members: seen.append((done, members)))
    np.testing.assert_array_equal(whole.state, parts.state)
    np.testing.assert_array_equal(whole.clock, parts.clock)
    assert seen[-1] == (60, 60) and len(seen) > 3
    np.testing.assert_array_equal(ro.learning_times(model)[2, 3], ro.learning_times(model[2, 3]))


def test_gate_exponents_share_the_cascade_of_their_graph():
    exponents = np.geomspace(1e-3, 1.0, 4)
    model = random_models(gate_exponent=exponents[:, None], wasted_resource=np.array([0.01, 0.3])[:, None, None])
    run = ro.simulate(model, TS)
    levels, times = independent.solve(model, TS, 0.8)
    assert np.abs(run.level - levels).max() < 1e-6
    np.testing.assert_allclose(ro.learning_times(model, 0.8), times, rtol=1e-7)
    parts = ro.simulate(model, TS, batch_size=5)
    np.testing.assert_array_equal(parts.state, run.state)


def test_levels_of_exposures(monkeypatch):
    """Also of none, of an infinite one, and of a skill that is not there."""
    run = ro.simulate(random_models(initial_level=np.linspace(0.0, 0.6, 7)), TS)
    state = run.state.at[0, 0, 0].set(jnp.inf).at[1, :, 3].set(jnp.nan)
    run = eqx.tree_at(lambda run: run.state, run, state)
    exact = by_arrays(monkeypatch, lambda: run.level)
    assert exact[0, 0, 0] == 1 and np.all(np.isnan(exact[1, :, 3]))
    np.testing.assert_allclose(run.level, exact, rtol=2e-14)


def test_levels_of_margins_have_full_precision_at_all_magnitudes():
    exposure = np.concatenate([[0.0], np.logspace(-300, 300, 4001), [np.inf, np.nan]])
    model = ro.ResourceModel(ro.SkillGraph([[]]), np.ones((1, 1)), 1.0, 0.1, loss="cross_entropy")
    level = native.levels(jax.tree.map(np.asarray, model).flat(), exposure[None, :, None])[0, :, 0]
    # the margin has its own test against many digits
    expected = np.tanh(np.asarray(special.margin_from_exposure(exposure)) / 2)
    np.testing.assert_allclose(level, expected, rtol=1e-15)
    assert level[0] == 0 and level[-2] == 1 and np.isnan(level[-1])


def test_a_member_that_fails_says_so_and_spoils_no_neighbour():
    frequency = np.broadcast_to(np.ones(7), (12, 7)).copy()
    frequency[4, 2] = 1e300
    model = random_models().replace(frequency=frequency)
    run = ro.simulate(model, TS)
    codes = np.asarray(result_codes(run.result))
    good = np.arange(12) != 4
    assert np.all(codes[good] == 0) and np.all(np.isfinite(run.level[good]))
    assert np.all(np.isnan(run.level[4])) if codes[4] else np.all(np.isfinite(run.level[4]))


def test_a_range_beyond_all_numbers_spoils_no_neighbour():
    """What the panels are chosen by is then not a number."""
    model = random_models().replace(wasted_resource=np.where(np.arange(12) == 4, 1e-300, 0.05))
    ts = np.array([0.0, 1e3, 1e12])
    run, good = ro.simulate(model, ts), np.arange(12) != 4
    assert np.all(run.level[good, -1] > 0.99) and np.all(np.asarray(result_codes(run.result))[good] == 0)


@pytest.mark.parametrize("tolerance", [0.9, 1e-2, 1e-5, 1e-9, 1e-12])
def test_panels_follow_the_tolerance(tolerance):
    model = random_models()
    levels = ro.simulate(model, TS, tolerance=tolerance).level
    assert np.abs(levels - ro.simulate(model, TS, tolerance=1e-12).level).max() < tolerance


def test_a_maximum_is_as_wrong_as_its_most_wrong_gate():
    """Not as the sum of its gates, of which those that are shut are known least: so ordinary members were unsure."""
    rng = np.random.default_rng(0)
    required = [[int(j) for j in np.flatnonzero(rng.random(i) < min(1, 3 / max(1, i)))] for i in range(51)]
    graph = ro.SkillGraph(required, gate=["any" if rng.random() < 0.3 else "all" for _ in range(51)])
    model = ro.ResourceModel(graph, rng.lognormal(0, 1, (20, 51)), 1e-3, 0.1, 0.01)
    rows = split_axes(jax.tree.map(np.asarray, model), share_exponents=False)[:2]
    found, codes, errors = native.learning_times(Rows(*rows, rows[1]), 0.5, 1e-7, 16, 24, None, lambda done: None)
    assert np.all(codes == 0) and np.all(errors < 1e-7)
    finer = ro.learning_times(model, tolerance=1e-9)
    np.testing.assert_allclose(found[:, 0, 0], finer, rtol=1e-7)


@pytest.mark.parametrize("skills", [300, pytest.param(3000, marks=pytest.mark.slow)])
def test_large_graphs(monkeypatch, skills):
    """By the loops alone, and with the budget law left over as a check."""
    rng = np.random.default_rng(1)
    required = [sorted({int(j) for j in rng.integers(0, i, min(i, 2))}) for i in range(skills)]
    model = ro.ResourceModel(ro.SkillGraph(required), rng.lognormal(0, 1, skills), 1e-3, 0.1, 0.05)
    monkeypatch.setattr(batches, "ode_members", refused)
    monkeypatch.setattr(batches, "times_by_events", refused)
    times = ro.learning_times(model, 0.5)
    run = ro.simulate(model, np.sort(times)[:: skills // 30], tolerance=1e-9)
    assert run.failures() == "" and np.abs(run.budget_residual).max() < 1e-6
    np.testing.assert_allclose(run.level[np.arange(len(run.ts)), np.argsort(times)[:: skills // 30]], 0.5, atol=1e-6)


def dense_models(count, skills=64):
    """Skills that wait for up to 40 others, whose openings grow with the 40th power of time."""
    keys = jax.random.split(jax.random.key(8), count)
    graphs = jax.vmap(lambda key: ro.graphs.random_dag(key, skills, 0.5))(keys)
    frequency = jax.vmap(lambda key: ro.frequencies.lognormal(key, skills, 1.0))(keys)
    return ro.ResourceModel(graphs, frequency, learning_rate=0.01, wasted_resource=0.01, gate_exponent=0.01)


def refused(*_, **__):
    raise AssertionError("the general solver was called")


def test_steep_openings_of_dense_deep_graphs(monkeypatch):
    """A polynomial through a steep opening dips below zero; gates of such exposures must not leave all bounds."""
    model, ts, tolerances = dense_models(6), np.linspace(0.0, 20_000.0, 64), (1e-4, 1e-7)
    monkeypatch.setattr(batches, "ode_members", refused)
    monkeypatch.setattr(batches, "times_by_events", refused)
    runs = [ro.simulate(model, ts, tolerance=tolerance) for tolerance in tolerances]
    times = [np.asarray(ro.learning_times(model, tolerance=tolerance)) for tolerance in tolerances]
    levels, exact = independent.solve(model, ts)
    for tolerance, run, found in zip(tolerances, runs, times, strict=True):
        assert run.failures() == "" and np.abs(run.budget_residual).max() < 64 * tolerance
        assert np.abs(run.level - levels).max() < tolerance
        np.testing.assert_allclose(found, exact, rtol=tolerance)


@pytest.mark.slow
def test_steep_openings_by_arrays(monkeypatch):
    model = dense_models(6)
    found = by_arrays(monkeypatch, lambda: ro.learning_times(model, tolerance=1e-5))
    np.testing.assert_allclose(found, ro.learning_times(model, tolerance=1e-9), rtol=1e-5)


def test_members_too_hard_for_all_panels_go_to_the_general_solver(monkeypatch):
    monkeypatch.setattr(compiled, "PANELS", 8)
    monkeypatch.setattr(native_library, "ATTEMPTS", 1)
    run = ro.simulate(random_models(), TS, tolerance=1e-7)
    monkeypatch.undo()
    exact = ro.simulate(random_models(), TS, tolerance=1e-9)
    assert np.abs(run.level - exact.level).max() < 1e-7


def test_single_precision_is_solved_in_double():
    model = random_models()
    single = jax.tree.map(lambda x: x.astype(jnp.float32) if x.dtype == jnp.float64 else x, model)
    assert native.applies(single)
    run, times = ro.simulate(single, TS, tolerance=1e-6), ro.learning_times(single, tolerance=1e-6)
    assert run.state.dtype == run.level.dtype == times.dtype == jnp.float32
    exact = ro.simulate(model, TS)
    # what rounding the input, the exposures and the levels to float32 leaves
    assert np.abs(np.asarray(run.level, np.float64) - exact.level).max() < 2e-6
    np.testing.assert_allclose(times, ro.learning_times(model), rtol=2e-6)


def test_panels_that_fill_no_vectors_are_refused(monkeypatch):
    monkeypatch.setattr(compiled, "COARSE_PANELS", 10)
    with pytest.raises(ValueError, match="panels: expected a multiple of 8, got 10"):
        ro.simulate(random_models(), TS)
