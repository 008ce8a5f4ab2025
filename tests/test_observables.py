"""What is measured on a run: the limits that each measure is made for, invariances, derivatives, and refusals."""

import equinox as eqx
import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
import scipy.special
import scipy.stats

import resource_ode as ro
from resource_ode import observables as obs
from resource_ode.trajectory import RESULTS

TREE = ro.SkillGraph([[], [], [], [], [0, 1], [2, 3], [4, 5]])
PARAMETERS = dict(learning_rate=1e-3, wasted_resource=1e-3, gate_exponent=1e-3)


def independent(frequency, **changes):
    graph = ro.SkillGraph([[]] * len(frequency))
    return ro.ResourceModel(graph, frequency, **{"learning_rate": 1e-2, "wasted_resource": 0.1, **changes})


def tree(**changes):
    return ro.ResourceModel(TREE, [1, 0.1, 2, 0.2, 1, 1, 1], **{**PARAMETERS, **changes})


def dominoes(count=4, ratio=1e-5):
    return independent([ratio**k for k in range(count)], wasted_resource=1e-4 * ratio**count)


def padded_pair():
    """A batch whose first member has three skills and its second two."""
    chain = ro.ResourceModel(ro.SkillGraph([[], [0], [1]]), [0.3, 1.0, 3.0], **PARAMETERS)
    pair = ro.ResourceModel(ro.SkillGraph([[], [0]]), [1.0, 0.5], **PARAMETERS)
    return ro.stack([chain, pair]), (chain, pair)


def failed(run, member):
    """The run as it would be if the solve of one member had failed."""
    code = eqx.tree_at(lambda r: r._value, run.result, run.result._value.at[member].set(RESULTS.not_finite._value))
    parts = (run.state.at[member].set(jnp.nan), run.clock.at[member].set(jnp.nan), code)
    return eqx.tree_at(lambda r: (r.state, r.clock, r.result), run, parts)


positive = st.floats(1e-3, 1e3)
frequencies = st.lists(positive, min_size=5, max_size=5)


# -- how many skills learn at once


@hypothesis.given(frequencies, positive)
def test_the_participation_ratio_is_a_number_of_skills(frequency, scale):
    ratio = float(obs.participation_ratio(frequency))
    p = np.asarray(frequency)
    assert ratio == pytest.approx(p.sum() ** 2 / (p**2).sum())
    assert 1 - 1e-12 <= ratio <= len(p) + 1e-12
    assert float(obs.participation_ratio(scale * p)) == pytest.approx(ratio)
    assert float(obs.participation_ratio([*frequency, np.nan, 0.0])) == pytest.approx(ratio)


def test_the_participation_ratio_at_its_ends():
    assert float(obs.participation_ratio(np.full(7, 1e-200))) == pytest.approx(7)  # squares would underflow
    assert float(obs.participation_ratio([1e200, 1.0])) == 1
    assert obs.participation_ratio(np.ones((2, 3, 4))).shape == (2, 3)
    assert np.isnan(obs.participation_ratio([0.0, 0.0]))
    assert np.isnan(obs.participation_ratio([np.nan]))


@pytest.mark.parametrize("competition", ["l1", "l2"])
def test_independent_skills_start_with_the_concurrency_of_their_frequencies(competition):
    frequency = [1.0, 0.5, 0.25, 3.0]
    run = ro.simulate(independent(frequency, competition=competition), [0.0, 10.0])
    np.testing.assert_allclose(obs.concurrency(run)[0], obs.participation_ratio(frequency))


def test_concurrency_lies_between_one_and_the_number_of_skills():
    run = ro.simulate(tree(), np.linspace(0, 9000, 91))
    many = obs.concurrency(run)
    assert many.shape == (91,)
    assert bool(jnp.all((many >= 1 - 1e-12) & (many <= 7)))


def test_nobody_learns_at_the_end_of_a_run_without_waste():
    run = ro.simulate(independent([1.0, 1.0], wasted_resource=0.0), [0.0, 100.0, 200.0, 300.0])
    np.testing.assert_allclose(obs.concurrency(run), [2, 2, np.nan, np.nan])
    assert float(obs.seriality(run)) == pytest.approx(0.5)


# -- seriality


def test_dominoes_fall_one_at_a_time():
    run = ro.simulate(dominoes(), np.linspace(0, 400, 2001))
    assert float(obs.seriality(run)) == pytest.approx(1, abs=2e-3)


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
def test_equal_skills_share_everything(count, loss):
    run = ro.simulate(independent([0.7] * count, loss=loss), [0.0, 100.0, 1000.0])
    assert float(obs.seriality(run)) == pytest.approx(1 / count)


@pytest.mark.parametrize("competition", ["l1", "l2"])
@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
def test_seriality_is_the_mean_over_the_resource_of_use(loss, competition):
    """Against an independent quadrature in resource time of two skills with prerequisites expanded by hand."""
    p = np.array([1.0, 0.2])
    run = ro.simulate(independent(p, loss=loss, competition=competition), np.linspace(0, 800, 1601))
    end = float(run.clock[-1])
    if loss == "mse":
        f = lambda tau: p * np.exp(-p * tau)  # noqa: E731
    else:
        f = lambda tau: p / (1 + scipy.special.wrightomega(1 + p * tau))  # noqa: E731
    total, _ = scipy.integrate.quad(lambda tau: f(tau).sum(), 0, end, limit=200)
    alone, _ = scipy.integrate.quad(lambda tau: (f(tau) ** 2).sum() / f(tau).sum(), 0, end, limit=200)
    assert float(obs.seriality(run)) == pytest.approx(alone / total, abs=1e-4)


def test_the_error_of_seriality_falls_with_the_square_of_the_rows():
    model = tree()
    values = [
        float(obs.seriality(ro.simulate(model, np.linspace(0, 9000, n + 1), tolerance=1e-9))) for n in (400, 800, 6400)
    ]
    coarse, fine = abs(values[0] - values[2]), abs(values[1] - values[2])
    assert fine < 1e-4
    assert coarse > 2.5 * fine


def test_without_anything_spent_seriality_is_undefined():
    assert np.isnan(obs.seriality(ro.simulate(tree(), [0.0])))
    ended = ro.simulate(independent([1.0, 2.0], wasted_resource=0.0), [300.0, 400.0])
    assert np.isnan(obs.seriality(ended))


def test_with_interference_the_shares_count_in_absolute_value():
    overlap = [[1.0, 0.6], [0.6, 1.0]]
    run = ro.simulate(independent([1.0, 0.1], interference=overlap), np.linspace(0, 300, 301))
    assert bool(jnp.any(run.share < 0))
    alone = float(obs.seriality(run))
    r = np.abs(np.asarray(run.share))
    weight = r.sum(1)
    expected = np.trapezoid((r**2).sum(1) / weight, np.asarray(run.ts)) / np.trapezoid(weight, np.asarray(run.ts))
    assert alone == pytest.approx(expected, abs=2e-3)
    # orthogonal tasks: the same measure as without the matrix
    plain = ro.simulate(independent([1.0, 0.1]), np.linspace(0, 300, 301))
    same = ro.simulate(independent([1.0, 0.1], interference=np.eye(2)), np.linspace(0, 300, 301))
    assert float(obs.seriality(same)) == pytest.approx(float(obs.seriality(plain)), abs=1e-4)


# -- waste


@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
@pytest.mark.parametrize("method", ["cascade", "ode", "steps"])
def test_shares_and_waste_sum_to_one(loss, method):
    run = ro.simulate(
        tree(loss=loss, learning_rate=1e-2, wasted_resource=0.1), [0.0, 10.0, 200.0, 2000.0], method=method
    )
    np.testing.assert_allclose(jnp.sum(run.share, -1) + run.waste, 1, rtol=1e-12)


def test_total_waste_is_the_mean_of_the_waste_so_far():
    run = ro.simulate(tree(wasted_resource=0.05), np.linspace(0, 8000, 1601))
    waste = np.asarray(run.waste)
    mean = scipy.integrate.cumulative_trapezoid(waste, np.asarray(run.ts), initial=0)[1:] / np.asarray(run.ts)[1:]
    total = obs.total_waste(run)
    np.testing.assert_allclose(total[0], waste[0])
    np.testing.assert_allclose(total[1:], mean, atol=2e-4)
    learned = jnp.sum(run.level, -1)
    np.testing.assert_allclose((total * run.ts * 1e-3 + learned)[1:], run.ts[1:] * 1e-3, rtol=1e-5)


def test_total_waste_without_waste_and_beyond_the_end():
    run = ro.simulate(independent([1.0, 2.0], wasted_resource=0.0), [0.0, 100.0, 500.0])
    np.testing.assert_allclose(obs.total_waste(run), 0)


def test_total_waste_of_pools_has_a_pool_axis():
    model = independent([1.0, 1.0, 2.0], pool=[0, 1, 1], wasted_resource=[0.1, 1.0])
    run = ro.simulate(model, [0.0, 50.0])
    total = obs.total_waste(run)
    assert total.shape == (2, 2)
    alone = obs.total_waste(ro.simulate(independent([1.0], wasted_resource=0.1), [0.0, 50.0]))
    np.testing.assert_allclose(total[:, 0], alone, rtol=1e-5)


def test_total_waste_under_schedules():
    ts = np.linspace(0, 300, 3001)
    louder = ro.Schedule([0.0, 100.0], [0.01, 1.0])
    slower = ro.Schedule([0.0, 100.0], [1e-2, 1e-3])
    for changes in (
        {"wasted_resource": louder},
        {"learning_rate": slower},
        {"wasted_resource": louder, "learning_rate": slower},
    ):
        run = ro.simulate(independent([1.0, 0.5], **changes), ts)
        rate = np.where(ts < 100, 1e-2, 1e-3) if "learning_rate" in changes else np.full_like(ts, 1e-2)
        spent = scipy.integrate.cumulative_trapezoid(rate, ts, initial=0)
        wasted = scipy.integrate.cumulative_trapezoid(rate * np.asarray(run.waste), ts, initial=0)
        np.testing.assert_allclose(obs.total_waste(run)[1:], wasted[1:] / spent[1:], atol=2e-3)
    model = independent([1.0, 0.5], competition="l2", wasted_resource=louder)
    with pytest.raises(ValueError, match="constant wasted_resource"):
        obs.total_waste(ro.simulate(model, [0.0, 1.0]))


# -- efficiency


@hypothesis.given(frequencies, st.floats(0.05, 0.99), st.floats(0, 10))
@hypothesis.settings(max_examples=15)
def test_efficiency_never_beats_the_speed_limit(frequency, level, waste):
    padded = ro.stack([independent([f], wasted_resource=waste) for f in frequency] + [independent([1.0] * 8)])
    values = obs.efficiency(padded, level)
    assert bool(jnp.all((values > 0) & (values <= 1 + 1e-9)))


@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
def test_efficiency_is_one_where_nothing_is_lost(loss):
    model = independent([2.0, 2.0, 2.0], wasted_resource=0.0, loss=loss)
    assert float(obs.efficiency(model, 0.8)) == pytest.approx(1)
    started = model.replace(initial_level=[0.5, 0.5, 0.5])
    assert float(obs.efficiency(started, 0.8)) == pytest.approx(1)


def test_efficiency_from_its_formula_and_from_known_times():
    model = tree()
    times = ro.learning_times(model, 0.9)
    expected = 7 * 0.9 / (1e-3 * float(times.max()))
    assert float(obs.efficiency(model, 0.9)) == pytest.approx(expected)
    assert float(obs.efficiency(model, 0.9, times=times)) == pytest.approx(expected)
    grid = model.replace(wasted_resource=[0.0, 0.1, 1.0])
    values = obs.efficiency(grid, 0.9)
    assert values.shape == (3,)
    assert bool(jnp.all(jnp.diff(values) < 0))


def test_efficiency_of_pools_and_schedules():
    alone = independent([1.0, 1.0], wasted_resource=0.0)
    pools = independent([1.0, 1.0, 1.0], pool=[0, 1, 1], wasted_resource=[0.0, 0.0])
    # two of three skills in one pool: that pool works at full use all the time
    assert float(obs.efficiency(pools, 0.9)) == pytest.approx(float(obs.efficiency(alone, 0.9))) == pytest.approx(1)
    slower = independent([1.0], wasted_resource=1e-6, learning_rate=ro.Schedule([0.0, 50.0], [1e-2, 1e-3]))
    assert float(obs.efficiency(slower, 0.9)) == pytest.approx(1, abs=1e-4)


def test_efficiency_of_what_never_happens():
    assert float(obs.efficiency(independent([1.0, 1.0]), 0.9, times=[3.0, np.inf])) == 0
    started = independent([1.0], initial_level=[0.95])
    assert np.isnan(obs.efficiency(started, 0.9))


# -- order


def test_overlap_in_the_domino_limit_and_of_simultaneous_skills():
    model = dominoes()
    overlap = obs.domino_overlap(ro.learning_times(model, 0.1), ro.learning_times(model, 0.9))
    np.testing.assert_allclose(overlap, -0.25, atol=1e-3)
    same = independent([1.0] * 4)
    np.testing.assert_allclose(
        obs.domino_overlap(ro.learning_times(same, 0.1), ro.learning_times(same, 0.9)), 1, rtol=1e-10
    )


@hypothesis.given(st.lists(st.tuples(st.floats(0, 100), st.floats(0.1, 10)), min_size=2, max_size=6), st.randoms())
def test_overlap_does_not_depend_on_numbering_or_padding(rows, random):
    start = np.array([a for a, _ in rows])
    end = start + np.array([b for _, b in rows])
    order = list(range(len(rows)))
    random.shuffle(order)
    expected = obs.domino_overlap(start, end)
    np.testing.assert_allclose(obs.domino_overlap(start[order], end[order]), expected)
    padded = obs.domino_overlap(np.append(np.nan, start[order]), np.append(np.nan, end[order]))
    np.testing.assert_allclose(padded, np.append(expected, np.nan))
    mean = obs.domino_overlap(np.append(np.nan, start[order]), np.append(np.nan, end[order]), mean=True)
    np.testing.assert_allclose(mean, np.mean(expected))


def test_overlap_of_skills_that_do_not_complete_is_undefined():
    start, end = [1.0, 2.0, 3.0, np.inf], [4.0, 6.0, np.inf, np.inf]
    overlap = obs.domino_overlap(start, end)
    np.testing.assert_allclose(overlap, [2 / 3, np.nan, np.nan])
    assert float(obs.domino_overlap(start, end, mean=True)) == pytest.approx(2 / 3)
    assert np.isnan(obs.domino_overlap([1.0, 1.0], [1.0, 2.0]))[0]  # no time to overlap with
    assert np.isnan(obs.domino_overlap([1.0], [2.0], mean=True))
    assert obs.domino_overlap([1.0], [2.0]).shape == (0,)


@hypothesis.given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), min_size=2, max_size=12))
def test_the_rank_correlation_is_spearmans(rows):
    times, depth = np.array(rows, dtype=float).T
    found = float(obs.depth_correlation(times, depth.astype(int)))
    if len(set(times)) == 1 or len(set(depth)) == 1:
        assert np.isnan(found)
    else:
        assert found == pytest.approx(scipy.stats.spearmanr(times, depth).statistic, abs=1e-12)
    with_absent = obs.depth_correlation(np.append(times, np.nan), np.append(depth, 0))
    np.testing.assert_allclose(with_absent, found)


def test_the_rank_correlation_of_what_never_happens():
    assert float(obs.depth_correlation([1.0, 2.0, np.inf], [0, 1, 2])) == pytest.approx(1)
    tied = scipy.stats.spearmanr([1, 2, 9, 9], [0, 1, 2, 1]).statistic
    found = obs.depth_correlation([1.0, 2.0, np.inf, np.inf, np.nan], [0, 1, 2, 1, 7])
    assert float(found) == pytest.approx(tied)
    batch = obs.depth_correlation(np.ones((2, 3, 4)) * np.arange(4), np.arange(4))
    np.testing.assert_allclose(batch, np.ones((2, 3)))


def test_row_times_of_discrete_steps_are_the_papers():
    chain = ro.ResourceModel(ro.SkillGraph([[], [0], [1]]), [0.3, 1, 3], **{**PARAMETERS, "gate_exponent": 1e-4})
    run = ro.simulate(chain, np.arange(4300.0), method="steps")
    assert obs.row_times(run, 0.5).tolist() == [503, 1725, 3263]
    assert obs.row_times(run, 0.95).tolist() == [962, 2512, 4191]
    short = ro.simulate(chain, np.arange(2000.0), method="steps")
    assert obs.row_times(short, 0.95).tolist() == [962, np.inf, np.inf]


# -- how fast the loss falls


@pytest.mark.parametrize(
    ("waste", "expected"), [(1e-3, {10: 0.947, 100: 0.951}), (0.1, {10: 0.743, 100: 0.604})], ids=["little", "more"]
)
def test_scaling_exponents_of_many_skills(waste, expected):
    """Local exponents derived for 1e5 skills, alpha = 2; at these times 4000 are as good."""
    frequency = 1 / np.arange(1, 4001) ** 2.0
    frequency /= (1 / np.arange(1, 100_001) ** 2.0).sum()
    model = ro.ResourceModel(ro.SkillGraph([[]] * 4000), frequency, learning_rate=1.0, wasted_resource=waste)
    found = obs.loss_exponent(ro.simulate(model, list(expected)))
    np.testing.assert_allclose(found, list(expected.values()), atol=3e-3)


@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
@pytest.mark.parametrize("case", ["tree", "l2", "interference", "self-paced", "schedule", "pools", "steps"])
def test_the_exponent_is_the_slope_of_the_loss(case, loss):
    common = dict(loss=loss, learning_rate=1e-2)
    faster = {**common, "learning_rate": ro.Schedule([0.0, 50.0], [1e-2, 3e-2])}
    model, method = {
        "tree": (tree(**common), "auto"),
        "l2": (tree(competition="l2", **common), "auto"),
        "interference": (independent([1.0, 0.3], interference=[[1, 0.3], [0.3, 1]], **common), "auto"),
        "self-paced": (independent([1.0, 0.3], frequency_after=[5.0, 3.0], **common), "auto"),
        "schedule": (independent([1.0, 0.3], **faster), "auto"),
        "pools": (independent([1.0, 0.3], pool=[0, 1], **{**common, "learning_rate": [1e-2, 2e-2]}), "auto"),
        "steps": (tree(**{**common, "learning_rate": 1e-4}), "steps"),
    }[case]
    at = 4000.0 if case == "steps" else 70.0
    step = 1.0 if case == "steps" else 0.05
    run = ro.simulate(model, [0.0, at - step, at, at + step], method=method, tolerance=1e-11)
    found = obs.loss_exponent(run)
    loss_at = np.log(np.asarray(run.loss))
    slope = -(loss_at[3] - loss_at[1]) / (np.log(at + step) - np.log(at - step))
    assert float(found[0]) == 0
    assert float(found[2]) == pytest.approx(slope, rel=2e-3)


def test_a_loss_of_zero_has_no_exponent():
    run = ro.simulate(independent([1.0], wasted_resource=0.0), [0.0, 50.0, 300.0])
    np.testing.assert_allclose(obs.loss_exponent(run), [0, 2, np.nan])


# -- batches, padding, reduction, derivatives

OF_A_RUN = [
    obs.concurrency,
    obs.seriality,
    obs.total_waste,
    obs.loss_exponent,
    lambda run: obs.row_times(run, 0.5),
]
NAMES = ["concurrency", "seriality", "total_waste", "loss_exponent", "row_times"]
TIMES = np.linspace(0.0, 4000.0, 21)


@pytest.mark.parametrize("measure", OF_A_RUN, ids=NAMES)
def test_a_batch_gives_what_its_members_give(measure):
    batch, members = padded_pair()
    together = measure(ro.simulate(batch, TIMES))
    reduced = ro.simulate(batch, TIMES, reduce=measure)
    np.testing.assert_allclose(reduced, together, rtol=1e-9)
    for index, member in enumerate(members):
        alone = measure(ro.simulate(member, TIMES))
        mine = together[index]
        if mine.shape != alone.shape:  # one number a skill: the padding is NaN
            assert np.isnan(mine[alone.shape[0] :]).all()
            mine = mine[: alone.shape[0]]
        np.testing.assert_allclose(mine, alone, rtol=1e-5)


@pytest.mark.parametrize("measure", OF_A_RUN, ids=NAMES)
def test_a_member_that_failed_is_nan_and_its_neighbours_are_not(measure):
    batch, _ = padded_pair()
    run = ro.simulate(batch, TIMES)
    values, broken = measure(run), measure(failed(run, 1))
    np.testing.assert_array_equal(broken[0], values[0])
    assert np.isnan(broken[1]).all()


@pytest.mark.parametrize("measure", OF_A_RUN[:4], ids=NAMES[:4])
def test_derivatives_are_finite_and_right(measure):
    batch, _ = padded_pair()

    def total(frequency):
        run = ro.simulate(batch.replace(frequency=frequency), TIMES)
        return jnp.nansum(measure(run))

    gradient = jax.grad(total)(batch.frequency)
    # the padding's own entry is the exception of no derivative
    assert bool(jnp.all(jnp.isfinite(gradient)))
    direction = jnp.asarray([[0.3, -0.2, 0.5], [0.1, 0.4, 0.0]])
    along = lambda h: total(batch.frequency + h * direction)  # noqa: E731
    slope = float((along(1e-4) - along(-1e-4)) / 2e-4)
    assert float(jnp.sum(gradient * direction)) == pytest.approx(slope, rel=1e-3, abs=1e-5)
    _, forward = jax.jvp(total, (batch.frequency,), (direction,))
    assert float(forward) == pytest.approx(slope, rel=1e-3, abs=1e-5)


def test_derivatives_of_efficiency_and_overlap_are_finite():
    batch, _ = padded_pair()

    def total(frequency):
        model = batch.replace(frequency=frequency)
        overlap = obs.domino_overlap(ro.learning_times(model, 0.1), ro.learning_times(model, 0.9), mean=True)
        return jnp.sum(overlap) + jnp.sum(obs.efficiency(model, 0.9))

    assert bool(jnp.all(jnp.isfinite(jax.grad(total)(batch.frequency))))
    gradient = jax.grad(lambda start: jnp.nansum(obs.domino_overlap(start, jnp.asarray([3.0, jnp.inf, 5.0]))))
    assert bool(jnp.all(jnp.isfinite(gradient(jnp.asarray([1.0, 2.0, jnp.nan])))))
    ratio = jax.grad(lambda p: obs.participation_ratio(p))(jnp.asarray([1.0, 2.0, jnp.nan]))
    assert bool(jnp.all(jnp.isfinite(ratio[:2])))


def test_the_concurrency_of_an_idle_run_has_a_finite_derivative():
    def total(frequency):
        model = independent([1.0, 1.0]).replace(frequency=frequency, wasted_resource=0.0)
        return obs.seriality(ro.simulate(model, [0.0, 50.0, 100.0, 300.0]))

    assert bool(jnp.all(jnp.isfinite(jax.grad(total)(jnp.asarray([1.0, 0.5])))))


def test_single_precision_stays_single():
    model = independent(np.asarray([1.0, 0.5], np.float32))
    run = ro.simulate(model, [0.0, 50.0, 100.0])
    for measure in OF_A_RUN:
        assert measure(run).dtype == jnp.float32
    assert obs.efficiency(model, 0.9).dtype == jnp.float32
    times = ro.learning_times(model, 0.5)
    assert obs.depth_correlation(times, model.graph.depth).dtype == jnp.float32
    assert obs.domino_overlap(times, times + 1).dtype == jnp.float32


# -- refusals


@pytest.mark.parametrize("measure", OF_A_RUN, ids=NAMES)
def test_only_a_run_is_measured(measure):
    with pytest.raises(ValueError, match="run: expected a Trajectory, as simulate returns it, got ResourceModel"):
        measure(tree())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: obs.participation_ratio(1.0), "frequency: expected shape"),
        (lambda: obs.participation_ratio([]), "frequency: expected shape"),
        (lambda: obs.participation_ratio(["a"]), "frequency: expected numbers"),
        (lambda: obs.domino_overlap([1.0], [1.0, 2.0]), "end_times: expected the shape of start_times"),
        (lambda: obs.depth_correlation([1.0, 2.0], [0]), "depth: expected one a skill"),
        (lambda: obs.depth_correlation(np.ones((2, 3)), np.ones((4, 3))), "depth: expected batch axes"),
        (lambda: obs.efficiency(3), "model: expected a ResourceModel, got int"),
        (lambda: obs.efficiency(tree(), 1.0), "level: expected a number between 0 and 1, got 1.0"),
        (lambda: obs.efficiency(tree(), times=[1.0]), "times: expected learning times of shape"),
    ],
)
def test_wrong_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
