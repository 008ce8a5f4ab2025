"""Batches: padding, relabelling, company, pieces and names change no result; failures stay with their member."""

import dataclasses
import subprocess
import sys
import textwrap

import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from counting import CountingCompilations
from hypothesis import given, settings
from systems import FAN_IN, SKILLS, TIMES, Case, batch, check_times, random_case, solve

import resource_ode as ro
from resource_ode import native
from resource_ode.base import programs
from resource_ode.solve.cascade import batch as batches
from resource_ode.solve.cascade.batch import PIECE, exponents_can_share, split_axes

SEEDS = st.integers(0, 2**32 - 1)


def padded_levels(models):
    """Levels of each model, in a batch padded to the size that all tests share."""
    filler = Case([[] for _ in range(SKILLS - 1)] + [list(range(FAN_IN))], np.ones(SKILLS))
    run = ro.simulate(ro.stack([*models, filler.model()]), TIMES)
    assert run.failures() == ""
    return np.asarray(run.level)[:-1]


# -- what changes nothing


@settings(max_examples=10)
@given(SEEDS, st.integers(1, SKILLS))
def test_padding_changes_nothing(seed, skills):
    """A small graph in a batch of larger ones, against SciPy on the small graph itself."""
    case = random_case(np.random.default_rng(seed), skills)
    level = padded_levels([case.model()])[0]
    assert np.isnan(level[:, skills:]).all()
    assert np.abs(level[:, :skills] - case.levels()).max() <= 1e-6


@settings(max_examples=10)
@given(SEEDS, st.permutations(range(SKILLS)))
def test_relabelling_changes_nothing(seed, order):
    """Skill `order[i]` of the one graph is skill `i` of the other."""
    case = random_case(np.random.default_rng(seed))
    place = {old: new for new, old in enumerate(order)}
    other = dataclasses.replace(
        case,
        prerequisites=[[place[j] for j in case.prerequisites[old]] for old in order],
        gate=[case.gate[old] for old in order],
        frequency=case.frequency[list(order)],
    )
    one, two = padded_levels([case.model(), other.model()])
    np.testing.assert_allclose(two, one[:, list(order)], rtol=0, atol=2e-6)
    times = ro.learning_times(batch([case, other]), 0.5)
    np.testing.assert_allclose(times[1], times[0][np.asarray(order)], rtol=1e-6)


@settings(max_examples=10)
@given(SEEDS, st.integers(2, 6))
def test_company_changes_nothing(seed, count):
    """A member of a batch is, bit for bit, what it is in any other batch."""
    rng = np.random.default_rng(seed)
    models = [random_case(rng, int(rng.integers(1, SKILLS + 1))).model() for _ in range(count)]
    together = padded_levels(models)
    for model, mine in zip(models, together, strict=True):
        np.testing.assert_array_equal(padded_levels([model])[0], mine)


@settings(max_examples=10)
@given(SEEDS, st.floats(0.01, 1.0))
def test_gate_scaling(seed, ratio):
    """D(tau; a) = E(a tau)/a: depths and clocks of a run, scaled, are those of SciPy at another exponent (MSE)."""
    case = random_case(np.random.default_rng(seed), gate_exponent=0.5)
    run = solve([dataclasses.replace(case, gate_exponent=0.5 * ratio)])
    clock, level = np.asarray(run.clock)[0], np.asarray(run.level)[0]
    at = clock[1:] * ratio
    depths = case.depths_by_clock(at[-1])(at).T
    np.testing.assert_allclose(level[1:], -np.expm1(-depths / ratio), rtol=0, atol=2e-6)


# -- grids


def test_one_graph_against_a_grid():
    case = random_case(np.random.default_rng(1), fan_in=FAN_IN)
    waste, rate = np.array([0.05, 0.5, 5.0]), np.array([0.5, 1.0])
    model = case.model().replace(wasted_resource=waste[:, None], learning_rate=rate)
    assert model.batch_shape == (3, 2)
    run = ro.simulate(model, TIMES)
    assert run.level.shape == (3, 2, len(TIMES), SKILLS)
    assert run.waste.shape == run.loss.shape == run.clock.shape == run.budget_residual.shape == (3, 2, len(TIMES))
    assert run.failures() == ""
    for i, n0 in enumerate(waste):
        for k, eta in enumerate(rate):
            alone = dataclasses.replace(case, wasted_resource=n0, learning_rate=eta)
            assert np.abs(np.asarray(run.level)[i, k] - alone.levels()).max() <= 1e-6
            assert float(run[i, k].model.wasted_resource) == n0 and float(run[i, k].model.learning_rate) == eta
            np.testing.assert_array_equal(run[i, k].level, run.level[i, k])


def test_clock_axes_on_either_side_of_graph_axes():
    """N0 before and eta after the axis of graphs: members come out where they belong."""
    rng = np.random.default_rng(2)
    cases = [random_case(rng) for _ in range(2)]
    graphs = batch(cases)
    waste, rate = np.array([0.1, 1.0]), np.array([0.5, 1.0, 2.0])
    model = graphs.replace(
        graph=jax.tree.map(lambda x: x[:, None], graphs.graph),
        frequency=graphs.frequency[:, None],
        gate_exponent=graphs.gate_exponent[:, None],
        wasted_resource=waste[:, None, None],
        learning_rate=rate,
    )
    assert model.batch_shape == (2, 3, 3)
    run = ro.simulate(model, TIMES)
    times = ro.learning_times(model, 0.5)
    assert times.shape == (2, 3, 3, SKILLS)
    for i, n0 in enumerate(waste):
        for g, case in enumerate(cases):
            for k, eta in enumerate(rate):
                alone = dataclasses.replace(case, wasted_resource=n0, learning_rate=eta)
                if (i, k) in ((0, 0), (1, 2)):
                    assert np.abs(np.asarray(run.level)[i, g, k] - alone.levels()).max() <= 1e-6
                single = run[i, g, k].model
                assert float(single.wasted_resource) == n0 and float(single.learning_rate) == eta
                np.testing.assert_allclose(single.frequency, case.frequency)


@pytest.mark.parametrize("competition", ["l1", "l2"])
def test_gate_exponents_share_the_cascade_of_their_graph(competition):
    """A plane of gate exponents and wastes over several graphs, each member against SciPy on its own."""
    rng = np.random.default_rng(6)
    cases = [random_case(rng, competition=competition) for _ in range(2)]
    exponents, wastes = np.array([1.0, 1e-3, 0.03]), np.array([0.05, 1.0])
    graphs = batch(cases)
    plane = graphs.replace(gate_exponent=exponents[:, None], wasted_resource=wastes[:, None, None])
    held, clocks, _ = split_axes(plane, share_exponents=exponents_can_share(plane, 1))
    count = graphs.batch_shape[0]
    assert held.batch_shape == (count,) and clocks.rate.shape == (count, 3, 2)
    np.testing.assert_array_equal(held.gate_exponent, np.full(count, 1e-3))
    run = ro.simulate(plane, TIMES)
    times = np.asarray(ro.learning_times(plane, 0.6)) if competition == "l1" else None
    assert run.failures() == "" and np.abs(run.budget_residual).max() < 1e-6
    for i, n0 in enumerate(wastes):
        for k, exponent in enumerate(exponents):
            for g, case in enumerate(cases):
                alone = dataclasses.replace(case, wasted_resource=n0, gate_exponent=exponent)
                assert np.abs(np.asarray(run.level)[i, k, g] - alone.levels()).max() <= 1e-6
                if times is not None:
                    check_times(alone, times[i, k, g], 0.6)
    if times is not None:
        # a piece of the clocks gives the very numbers of the whole
        np.testing.assert_array_equal(ro.learning_times(plane, 0.6, batch_size=3), times)


def test_gate_exponents_do_not_share_where_scaling_fails():
    model = random_case(np.random.default_rng(7)).model().replace(gate_exponent=np.array([0.1, 1.0]))
    assert exponents_can_share(model, 1) and not exponents_can_share(model, PIECE)
    assert not exponents_can_share(model.replace(initial_level=np.full(SKILLS, 0.1)), 1)
    assert not exponents_can_share(model.replace(loss="cross_entropy"), 1)
    assert not exponents_can_share(model.replace(frequency_after=np.ones(SKILLS)), 1)
    # one exponent a graph is no axis of its own
    assert not exponents_can_share(model.replace(frequency=np.ones((2, SKILLS))), 1)


@pytest.mark.parametrize("method", ["cascade", pytest.param("ode", marks=pytest.mark.slow), "steps"])
def test_pieces_are_the_whole_bit_for_bit(method):
    rng = np.random.default_rng(3)
    model = batch([random_case(rng) for _ in range(4)])
    ts = np.arange(0, 31.0)
    whole = ro.simulate(model, ts, method=method)
    seen = []
    pieces = ro.simulate(
        model, ts, method=method, batch_size=2, progress=lambda done, members: seen.append((done, members))
    )
    for one, other in zip(jax.tree.leaves(whole), jax.tree.leaves(pieces), strict=True):
        np.testing.assert_array_equal(one, other)
    assert seen == [(2, 5), (4, 5), (5, 5)]


@pytest.mark.parametrize("path", ["loops", pytest.param("arrays", marks=pytest.mark.slow)])
def test_progress_over_a_plane_of_one_graph(monkeypatch, path):
    """Exponents share a cascade: with each piece of the wastes all three of them are done, 15 members in the end."""
    if path == "arrays":
        monkeypatch.setattr(native, "obstacle", lambda model: "they are left out")
    model = random_case(np.random.default_rng(8)).model()
    plane = model.replace(gate_exponent=np.array([1.0, 0.1, 0.01])[:, None], wasted_resource=np.geomspace(0.1, 1, 5))
    seen = []
    ro.simulate(plane, TIMES, batch_size=6, progress=lambda done, members: seen.append((done, members)))
    done = [count for count, _ in seen]
    assert {members for _, members in seen} == {15} and done[-1] == 15
    # two of the five wastes at a time
    assert done == sorted(done) and {6, 12} <= set(done)


def test_pieces_of_learning_times_and_of_grids():
    rng = np.random.default_rng(4)
    model = batch([random_case(rng) for _ in range(4)])
    np.testing.assert_array_equal(ro.learning_times(model, 0.5), ro.learning_times(model, 0.5, batch_size=2))
    grid = model.replace(wasted_resource=np.array([0.1, 0.5, 2.0])[:, None])
    whole = ro.simulate(grid, TIMES)
    for size in (1, 4, 100):
        np.testing.assert_array_equal(ro.simulate(grid, TIMES, batch_size=size).state, whole.state)


def test_exponents_far_apart_need_not_share_a_cascade(monkeypatch):
    """What the cascade of all exponents is not sure of is solved alone before the general solver is asked."""
    monkeypatch.setattr(batches, "times_by_events", lambda *_, **__: pytest.fail("went to the general solver"))
    keys = jax.random.split(jax.random.key(0), 8)
    graphs = jax.vmap(lambda key: ro.graphs.random_dag(key, 16, 0.2))(keys)
    frequency = np.random.default_rng(0).lognormal(0, 1, (8, 16))
    model = ro.ResourceModel(graphs, frequency, 1e-3, 0.1, 0.1)
    exponents, wastes = np.geomspace(1e-8, 1, 17), np.array([1e-3, 10.0])
    together = ro.learning_times(model.grid(wasted_resource=wastes, gate_exponent=exponents))
    alone = [ro.learning_times(model.grid(wasted_resource=wastes, gate_exponent=[one])) for one in exponents]
    np.testing.assert_allclose(together, np.concatenate(alone, axis=2), rtol=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize("members", [33, 64])
def test_ragged_ends_over_devices(monkeypatch, members):
    """Four devices take 8 members each at a time; the last turn has 1 member for them all, or is full."""
    monkeypatch.setattr(batches, "microbatch", lambda skills, members: 8)
    rng = np.random.default_rng(6)
    monkeypatch.setattr(native, "obstacle", lambda model: "they are left out")
    model = batch([random_case(rng, competition="l2") for _ in range(4)])
    model = jax.tree.map(lambda x: x[np.arange(members) % 5] if x.ndim and x.shape[0] == 5 else x, model)
    model = model.replace(wasted_resource=np.geomspace(0.1, 1.0, members))
    found, program = {}, programs.program
    for count in (4, 1):
        split = []

        def noted(function, *arguments, split=split, **options):
            split.append(len(arguments[3]))
            return program(function, *arguments, **options)

        with monkeypatch.context() as patch:
            patch.setattr(jax, "local_devices", lambda count=count: jax.devices()[:count])
            patch.setattr(programs, "program", noted)
            # the times at a tolerance that takes one program
            found[count] = (ro.simulate(model, TIMES), ro.learning_times(model, 0.5, tolerance=1e-3))
        assert max(split) == (4 if count == 4 else 0)
    for one, other in zip(jax.tree.leaves(found[4]), jax.tree.leaves(found[1]), strict=True):
        np.testing.assert_array_equal(one, other)
    # the ragged turn is filled up with copies, which change nothing
    monkeypatch.setattr(jax, "local_devices", lambda: jax.devices()[:4])
    again = ro.simulate(jax.tree.map(lambda x: x[:32] if x.ndim and x.shape[0] == members else x, model), TIMES)
    np.testing.assert_array_equal(again.state, found[4][0].state[:32])


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        "loss='cross_entropy'",
        "competition='l2', gate_exponent=np.array([0.01, 0.1, 1.0])[:, None]",
    ],
)
def test_devices_change_no_bit_of_what_users_compile(change):
    """As above, for programs compiled as users' are, which these tests' own are not."""
    program = textwrap.dedent(f"""
        import os
        os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=4"
        import jax, numpy as np
        jax.config.update("jax_enable_x64", True)
        import resource_ode as ro
        from resource_ode.solve.cascade import batch as batches
        batches.microbatch = lambda skills, members: 8
        graphs = jax.vmap(lambda key: ro.graphs.random_dag(key, 8, 0.4))(jax.random.split(jax.random.key(0), 33))
        frequency = np.random.default_rng(0).lognormal(size=(33, 8))
        model = ro.ResourceModel(graphs, frequency, 0.01, 0.01, 0.01).replace({change})
        everyone, found = jax.local_devices(), []
        for count in (1, 4):
            jax.local_devices = lambda: everyone[:count]
            found.append((ro.simulate(model, np.linspace(0, 4000, 30)).state, ro.learning_times(model)))
        print(all(np.array_equal(a, b) for other in found for a, b in zip(found[0], other, strict=True)))
    """)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "True", done.stdout + done.stderr[-2000:]


def test_a_reduction_in_place_of_trajectories():
    rng = np.random.default_rng(5)
    model = batch([random_case(rng) for _ in range(3)])

    def reduction(run):
        return {"last": run.level[-1], "mean": jnp.nanmean(run.level), "code": run.result}

    for method in ("cascade", "ode"):
        run = ro.simulate(model, TIMES, method=method)
        reduced = ro.simulate(model, TIMES, method=method, reduce=reduction)
        np.testing.assert_allclose(reduced["last"], run.level[:, -1], rtol=0, atol=1e-14)
        np.testing.assert_allclose(reduced["mean"], jnp.nanmean(run.level, axis=(1, 2)), rtol=1e-12)
        assert bool(jnp.all(reduced["code"] == ro.RESULTS.successful))


# -- failures


def test_a_member_that_fails_is_nan_and_its_neighbours_are_not_touched():
    rng = np.random.default_rng(6)
    model = batch([random_case(rng) for _ in range(3)])
    # twelve steps are enough where next to nothing happens
    rate = np.array([1.0, 1e-12, 1.0, 1e-12])
    run = ro.simulate(model.replace(learning_rate=rate), TIMES, method="ode", max_steps=12)
    failed = np.asarray(run.result != ro.RESULTS.successful)
    assert failed.tolist() == [True, False, True, False]
    for name in ("level", "unlearned", "log_depth", "share", "waste", "clock", "budget_residual", "loss"):
        values = np.asarray(getattr(run, name))
        assert np.isnan(values[failed]).all(), name
        assert np.isfinite(values[~failed]).all(), name
    sentence = ro.RESULTS[ro.RESULTS.max_steps_reached]
    assert sentence.endswith(".") and "raise max_steps" in sentence
    assert run.failures().startswith("2 of 4 runs failed. 2: The solver used up its steps")
    assert "2 of 4 runs failed" in repr(run)
    with pytest.raises(ro.RunFailed, match="2 of 4 runs failed"):
        run.check()
    run[1].check()
    with pytest.raises(ro.RunFailed, match="1 of 1 run failed"):
        run[0].check()
    healthy = ro.simulate(model.replace(learning_rate=np.full(4, 1e-12)), TIMES, method="ode", max_steps=12)
    np.testing.assert_array_equal(run.level[1], healthy.level[1])


# -- members


def test_members_come_without_padding_and_with_their_names():
    small = ro.SkillGraph([[], [0]], names=["add", "carry"])
    large = ro.SkillGraph([[], [0], [1]], names=["a", "b", "c"])
    options = {"learning_rate": 0.1, "wasted_resource": 0.1, "gate_exponent": 0.1}
    run = ro.simulate(
        ro.stack([ro.ResourceModel(g, np.ones(g.skills), **options) for g in (small, large)]), [0.0, 5.0, 50.0]
    )
    assert run.level.shape == (2, 3, 3)
    assert np.isnan(np.asarray(run.level)[0, :, 2]).all() and np.isfinite(np.asarray(run.level)[0, :, :2]).all()
    assert run[0].level.shape == (3, 2) and run[0].names == ("add", "carry")
    assert run[-1].level.shape == (3, 3) and run[1].names == ("a", "b", "c")
    np.testing.assert_array_equal(run[0].level, run.level[0, :, :2])
    for index in (2, -3):
        with pytest.raises(IndexError):
            run[index]
        with pytest.raises(IndexError):
            run.model[index]
    # which is what a loop ends by
    assert [member.level.shape for member in run] == [(3, 2), (3, 3)]
    with pytest.raises(IndexError, match="expected 1 integers"):
        run[0, 1]


# -- what does not recompile


def test_the_counter_counts():
    with CountingCompilations() as compilations:
        jax.jit(lambda x: x * 3 + 1)(jnp.arange(5.0))
    assert compilations.count >= 1


@pytest.mark.parametrize("method", ["cascade", pytest.param("ode", marks=pytest.mark.slow)])
def test_other_values_of_equal_shape_do_not_recompile(method):
    """Other graphs, gates, parameters, times, tolerances and names."""

    def work(seed, tolerance, names):
        rng = np.random.default_rng(seed)
        case = random_case(rng, fan_in=FAN_IN)
        graph = ro.SkillGraph(case.prerequisites, gate=case.gate, names=names)
        model = ro.ResourceModel(graph, case.frequency, case.learning_rate, case.wasted_resource, case.gate_exponent)
        run = ro.simulate(model, TIMES * rng.uniform(0.5, 1), method=method, tolerance=tolerance)
        return run.level, run.share, run.budget_residual, ro.learning_times(model, 0.5, tolerance=tolerance)

    names = [f"first {k}" for k in range(SKILLS)]
    # the loosest and the tightest: whatever is compiled on demand is compiled now
    work(0, 1e-3, names)
    work(1, 1e-8, None)
    with CountingCompilations() as compilations:
        for seed in range(2, 7):
            work(seed, 1e-3 + 1e-4 * seed, [f"{seed}.{k}" for k in range(SKILLS)])
    assert compilations.count == 0


# -- many


@pytest.mark.slow
def test_ten_thousand_random_graphs_in_one_call():
    """16 skills, 10,000 graphs, final levels alone: in less than 4 GiB."""
    program = textwrap.dedent("""
        import time

        import jax
        import jax.numpy as jnp
        import numpy as np

        jax.config.update("jax_enable_x64", True)
        import resource_ode as ro

        begin = time.time()
        keys = jax.random.split(jax.random.key(0), 10_000)
        graphs = jax.vmap(lambda key: ro.graphs.random_dag(key, 16, 0.3, 4))(keys)
        rng = np.random.default_rng(0)
        model = ro.ResourceModel(graphs, 10 ** rng.uniform(-1, 1, (10_000, 16)), 0.5, 0.1, 0.1)
        last = ro.simulate(model, np.linspace(0, 40, 11), reduce=lambda run: (run.level[-1], run.budget_residual[-1]))
        assert last[0].shape == (10_000, 16)
        assert bool(jnp.all((last[0] >= 0) & (last[0] <= 1)))
        assert float(jnp.max(jnp.abs(last[1]))) <= 1e-6
        # not getrusage: there a process starts from the peak of the one that started it
        peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
        print(time.time() - begin, int(peak.split()[1]) / 2**20)
    """)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    peak = float(done.stdout.split()[-1])
    assert peak < 4, done.stdout


@pytest.mark.parametrize("batch_size", [None, 2])
def test_with_pools_a_member_that_is_unsure_leaves_its_neighbours_alone(batch_size):
    # the loops are not sure of the second member, whose frequencies span ten decades, without waste in one pool; arrays
    # would lose the third, whose clock reaches 1e290
    graph = ro.SkillGraph(
        [[8], [], [], [8, 4], [], [8], [], [8], []], gate=["any", "any", *["all"] * 3, *["any"] * 2, *["all"] * 2]
    )
    spread = [1.66e4, 5.44, 2.43e3, 1.06e-5, 2.11e-4, 1.37e-5, 1.8e-6, 294.0, 209.3]
    model = ro.ResourceModel(
        graph,
        np.array([np.geomspace(0.1, 10, 9), spread, np.geomspace(10, 0.1, 9)]),
        learning_rate=[[2e-4, 7e-5], [1.864, 0.0911], [0.1, 7e-5]],
        wasted_resource=[[5e-3, 1e-2], [6.9e-21, 0.0], [5e-3, 1.4e-292]],
        gate_exponent=[0.03, 92.4, 0.03],
        loss="cross_entropy",
        competition="l2",
        pool=[0, 1, *[0] * 7],
    )
    ts = np.linspace(0, 1556.0, 12)
    run, times = ro.simulate(model, ts, batch_size=batch_size), ro.learning_times(model, 0.5, batch_size=batch_size)
    assert np.asarray(run.result == ro.RESULTS.successful).tolist() == [True, False, True]
    for k in range(3):
        alone = ro.simulate(model[k], ts)
        np.testing.assert_array_equal(alone.level, run.level[k])
        assert bool(alone.result == run[k].result)
        np.testing.assert_array_equal(ro.learning_times(model[k], 0.5), times[k])
    seen = []
    ro.simulate(model, ts, batch_size=2, progress=lambda done, members: seen.append((done, members)))
    assert seen == [(2, 3), (3, 3)]


def test_pools_are_solved_a_piece_at_a_time():
    graph = ro.SkillGraph([[], [0], [], [2]], gate="any")
    rate = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    model = ro.ResourceModel(graph, [1.0, 2.0, 3.0, 0.1], rate, np.full(2, 0.1), 1e-3, pool=[0, 0, 1, 1])
    times = [0.0, 1.0, 5.0]
    np.testing.assert_allclose(ro.learning_times(model, 0.5, batch_size=1), ro.learning_times(model, 0.5), rtol=1e-6)
    whole, pieces = ro.simulate(model, times), ro.simulate(model, times, batch_size=1)
    np.testing.assert_allclose(pieces.level, whole.level, atol=2e-6)
    assert not pieces.failures()


def test_one_model_is_the_only_member_of_its_batch_to_the_bit():
    for loss in ("mse", "cross_entropy"):
        graph = ro.SkillGraph([[], [0], [0, 1]])
        one = ro.ResourceModel(graph, [1.0, 2.0, 3.0], 1.0, 0.1, 1e-2, loss=loss, frequency_after=[2.0, 1.0, 1.0])
        many = one.replace(frequency=np.array([[1.0, 2.0, 3.0], [2.0, 1.0, 0.5]]))
        np.testing.assert_array_equal(ro.learning_times(one, 0.5), ro.learning_times(many, 0.5)[0])
        run, runs = ro.simulate(one, [0.0, 1.0, 5.0]), ro.simulate(many, [0.0, 1.0, 5.0])
        for name in ("state", "clock", "level", "share", "budget_residual"):
            np.testing.assert_array_equal(getattr(run, name), getattr(runs, name)[0])
        assert run.method == runs.method
        assert not run.failures()


@pytest.mark.parametrize("method", ["auto", "ode", "steps"])
def test_a_batch_without_members_is_refused(method):
    model = ro.ResourceModel(ro.SkillGraph([[]]), [1.0], 1.0, np.zeros(0))
    with pytest.raises(ValueError, match="model: expected at least one member, got a batch of shape"):
        ro.simulate(model, [0.0, 1.0], method=method)


@pytest.mark.parametrize("exponents", [0.5, [[0.5], [1.0]]])
@pytest.mark.parametrize("batch_size", [None, 7, 4, 60])
def test_progress_counts_each_member_once(exponents, batch_size):
    # clocks of a graph that are more than a piece holds, and a number of them that does not divide
    frequency = np.random.default_rng(0).uniform(0.5, 2, (3, 1, 1, 3) if isinstance(exponents, list) else (3, 1, 3))
    model = ro.ResourceModel(ro.SkillGraph([[], [0], [0, 1]]), frequency, 1e-3, np.geomspace(1e-3, 1, 20), exponents)
    total, seen = int(np.prod(model.batch_shape)), []
    ro.simulate(model, [0.0, 1000.0], batch_size=batch_size, progress=lambda *counted: seen.append(counted))
    done = np.array([0, *(number for number, _ in seen)])
    assert {members for _, members in seen} == {total} and done[-1] == total
    assert np.all(np.diff(done) > 0) and np.all(np.diff(done) <= (batch_size or total))
