"""What is measured on a run: the limits that each measure is made for, invariances, derivatives, and refusals."""

import subprocess
import sys
import textwrap

import equinox as eqx
import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
import scipy.optimize
import scipy.special
import scipy.stats

import resource_ode as ro
from resource_ode import observables as obs
from resource_ode.results.outcome import RESULTS
from resource_ode.results.trajectory import Trajectory

TREE = ro.SkillGraph([[], [], [], [], [0, 1], [2, 3], [4, 5]])
# what a few rows cannot tell is measured here all the same; `test_rows` holds the warning to its word
pytestmark = pytest.mark.filterwarnings("ignore::resource_ode.observables.RowsTooCoarse")

PARAMETERS = dict(learning_rate=1e-3, wasted_resource=1e-3, gate_exponent=1e-3)


def independent(frequency, **changes):
    graph = ro.SkillGraph([[]] * len(frequency))
    return ro.ResourceModel(graph, frequency, **{"learning_rate": 1e-2, "wasted_resource": 0.1, **changes})


def tree(**changes):
    return ro.ResourceModel(TREE, [1, 0.1, 2, 0.2, 1, 1, 1], **{**PARAMETERS, **changes})


def dominoes(count=4, ratio=1e-5):
    return independent([ratio**k for k in range(count)], wasted_resource=1e-4 * ratio**count)


def exact(model, clock):
    """The run of independent skills at given resource times: exposure is the clock, the budget law tells the time."""
    clock = np.asarray(clock, dtype=float)
    effort = np.outer(clock, np.asarray(model.frequency))
    progress = scipy.special.wrightomega(1 + effort).real
    progress = -np.expm1(-effort) if model.loss == "mse" else np.log(progress)
    waste = float(model.wasted_resource)
    ts = (progress.sum(1) + waste * clock) / float(model.learning_rate)
    state = jnp.asarray(np.broadcast_to(clock[:, None], effort.shape))
    return Trajectory(jnp.asarray(ts), state, jnp.asarray(clock), None, RESULTS.successful, model, "exposure", "exact")


def past_the_end(run):
    """The last row as it is once nothing is left to learn and nothing is wasted."""
    ended = (run.state.at[-1].set(jnp.inf), run.clock.at[-1].set(jnp.inf))
    return eqx.tree_at(lambda r: (r.state, r.clock), run, ended)


def invented(model, ts, state, clock, kind="exposure"):
    ts, state, clock = (jnp.asarray(x, dtype=float) for x in (ts, state, clock))
    return Trajectory(ts, state, clock, None, RESULTS.successful, model, kind, "invented")


@pytest.fixture(scope="module")
def tree_run():
    return ro.simulate(tree(wasted_resource=0.05), np.linspace(0, 8000, 1601))


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
    assert float(obs.participation_ratio(padded([*frequency, 0.0], 8))) == pytest.approx(ratio)


def test_the_participation_ratio_at_its_ends():
    assert float(obs.participation_ratio(np.full(7, 1e-200))) == pytest.approx(7)  # squares would underflow
    assert float(obs.participation_ratio([1e200, 1.0])) == 1
    assert obs.participation_ratio(np.ones((2, 3, 4))).shape == (2, 3)
    assert np.isnan(obs.participation_ratio([0.0, 0.0]))
    assert np.isnan(obs.participation_ratio([np.nan]))


def test_independent_skills_start_with_the_concurrency_of_their_frequencies():
    frequency = [1.0, 0.5, 0.25, 3.0]
    for changes in ({}, {"competition": "l2"}, {"loss": "cross_entropy"}):
        run = exact(independent(frequency, **changes), [0.0, 10.0])
        np.testing.assert_allclose(obs.concurrency(run)[0], obs.participation_ratio(frequency))


def test_concurrency_lies_between_one_and_the_number_of_skills(tree_run):
    many = obs.concurrency(tree_run)
    assert many.shape == (1601,)
    assert bool(jnp.all((many >= 1 - 1e-12) & (many <= 7)))


def test_nobody_learns_at_the_end_of_a_run_without_waste():
    run = exact(independent([1.0, 1.0], wasted_resource=0.0), [0.0, 1.0, 1000.0])
    np.testing.assert_allclose(obs.concurrency(run), [2, 2, np.nan])
    assert float(obs.seriality(run)) == pytest.approx(0.5)
    ended = past_the_end(run)
    np.testing.assert_allclose(obs.concurrency(ended), [2, 2, np.nan])
    assert float(obs.seriality(ended)) == pytest.approx(0.5)
    np.testing.assert_allclose(obs.total_waste(ended), 0)


# -- seriality

FINE = np.concatenate([[0.0], np.geomspace(1e-3, 1e24, 4000)])


def test_dominoes_fall_one_at_a_time():
    assert float(obs.seriality(exact(dominoes(), FINE))) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("count", [1, 5])
@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
def test_equal_skills_share_everything(count, loss):
    run = exact(independent([0.7] * count, loss=loss), [0.0, 1.0, 10.0])
    assert float(obs.seriality(run)) == pytest.approx(1 / count)


@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
def test_seriality_is_the_mean_over_the_resource_of_use(loss):
    """Against quadrature in resource time of closed forms."""
    p, end = np.array([1.0, 0.2]), 40.0

    def demand(tau):
        return p * np.exp(-p * tau) if loss == "mse" else p / (1 + scipy.special.wrightomega(1 + p * tau).real)

    run = exact(independent(p, loss=loss), np.linspace(0, end, 2001))
    total, _ = scipy.integrate.quad(lambda tau: demand(tau).sum(), 0, end)
    alone, _ = scipy.integrate.quad(lambda tau: (demand(tau) ** 2).sum() / demand(tau).sum(), 0, end)
    assert float(obs.seriality(run)) == pytest.approx(alone / total, abs=1e-5)


def test_the_error_of_seriality_falls_with_the_square_of_the_rows():
    model = independent([1.0, 0.05, 0.3])
    values = [float(obs.seriality(exact(model, np.linspace(0, 200, n + 1)))) for n in (500, 1000, 16000)]
    coarse, fine = abs(values[0] - values[2]), abs(values[1] - values[2])
    assert fine < 1e-4
    assert coarse / fine == pytest.approx(4, rel=0.1)


def test_the_seriality_of_a_whole_run_does_not_depend_on_waste_or_learning_rate(tree_run):
    """In training time the two runs look nothing alike."""
    little = float(obs.seriality(ro.simulate(tree(), np.linspace(0, 12000, 1601))))
    loud = tree(wasted_resource=3.0, learning_rate=1e-2)
    rows = np.concatenate([[0.0], np.geomspace(10, 2e6, 1600)])
    assert float(obs.seriality(ro.simulate(loud, rows))) == pytest.approx(little, abs=5e-4)


def test_without_anything_spent_seriality_is_undefined():
    assert np.isnan(obs.seriality(exact(independent([1.0, 2.0]), [0.0])))
    assert np.isnan(obs.seriality(exact(independent([1.0, 2.0], wasted_resource=1.0), [2000.0, 3000.0])))


def test_with_interference_the_shares_count_in_absolute_value():
    ts = np.linspace(0, 300, 301)
    unlearned = np.stack([np.linspace(1, 0.1, 301), np.linspace(1, -0.5, 301)], axis=1)
    model = independent([1.0, 0.5], interference=[[1.0, 0.6], [0.6, 1.0]], wasted_resource=1.0)
    run = invented(model, ts, unlearned, ts, "direct")
    assert bool(jnp.any(run.share < 0))
    r = np.abs(np.asarray(run.share))
    weight = r.sum(1)
    expected = np.trapezoid((r**2).sum(1) / weight, ts) / np.trapezoid(weight, ts)
    assert float(obs.seriality(run)) == pytest.approx(expected, abs=2e-3)
    assert bool(jnp.all(obs.concurrency(run) >= 1 - 1e-12))


# -- waste


def test_shares_and_waste_sum_to_one(tree_run):
    runs = [tree_run, ro.simulate(tree(), [0.0, 10.0, 200.0], method="steps")]
    runs += [exact(independent([1.0, 0.5], loss=loss), [0.0, 1.0, 30.0]) for loss in ("mse", "cross_entropy")]
    for run in runs:
        np.testing.assert_allclose(jnp.sum(run.share, -1) + run.waste, 1, rtol=1e-12)


def test_total_waste_is_the_mean_of_the_waste_so_far(tree_run):
    ts, waste = np.asarray(tree_run.ts), np.asarray(tree_run.waste)
    mean = scipy.integrate.cumulative_trapezoid(waste, ts, initial=0)[1:] / ts[1:]
    total = obs.total_waste(tree_run)
    np.testing.assert_allclose(total[0], waste[0])
    np.testing.assert_allclose(total[1:], mean, atol=1e-3)
    learned = jnp.sum(tree_run.level, -1)
    np.testing.assert_allclose((total * ts * 1e-3 + learned)[1:], ts[1:] * 1e-3, rtol=1e-5)


def test_total_waste_of_pools_has_a_pool_axis():
    model = independent([1.0, 2.0], pool=[0, 1], wasted_resource=[0.1, 1.0])
    clock = [[0.0, 0.0], [4.0, 0.3]]
    run = invented(model, [0.0, 50.0], clock, clock)
    np.testing.assert_allclose(obs.total_waste(run), [[0.1 / 1.1, 1 / 3], [0.1 * 4 / 0.5, 1.0 * 0.3 / 0.5]])


@pytest.mark.parametrize("own", [{"pool": [0, 1, 0, 1]}, {"interference": 0.5 * (np.eye(4) + 1)}])
def test_total_waste_of_a_model_that_wastes_nothing_somewhere(own):
    """A transformation would leave these models to the ODE, which takes none without waste."""
    number = (lambda x: [x, 0.1]) if "pool" in own else (lambda x: x)
    found = []
    for waste in (0.0, 0.05):
        model = independent([1.0, 0.5, 2.0, 1.0], wasted_resource=number(waste), learning_rate=number(0.1), **own)
        run = ro.simulate(model, [float(ro.horizon(model))])
        np.testing.assert_allclose(obs.total_waste(model), obs.total_waste(run)[0], rtol=1e-6)
        found.append(np.asarray(obs.total_waste(model)).ravel()[0])
    assert found[0] == 0 < found[1]


def test_total_waste_under_schedules():
    louder = ro.Schedule([0.0, 100.0], [0.01, 1.0])
    slower = ro.Schedule([0.0, 100.0], [1e-2, 1e-3])
    model = independent([1.0, 0.5], wasted_resource=louder, learning_rate=slower)
    exposure = np.array([[0.0, 0.0], [0.5, 0.5], [1.0, 1.0]])
    run = invented(model, [0.0, 90.0, 300.0], exposure, exposure[:, 0])
    learned = np.array([0, 2 - np.exp(-0.5) - np.exp(-0.25), 2 - np.exp(-1) - np.exp(-0.5)])
    budget = np.array([np.inf, 0.9, 1.2])
    expected = (1 - learned / budget)[1:]
    np.testing.assert_allclose(obs.total_waste(run), [0.01 / 1.51, *expected])
    # eta alone may follow one too
    run = invented(model.replace(wasted_resource=0.2), [0.0, 90.0, 300.0], exposure, exposure[:, 0])
    np.testing.assert_allclose(obs.total_waste(run), [0.2 / 1.7, 0.2 * 0.5 / 0.9, 0.2 / 1.2])
    alike = invented(independent([1.0, 0.5], competition="l2", wasted_resource=louder), [0.0], [[0.0, 0.0]], [0.0])
    with pytest.raises(ValueError, match="constant wasted_resource"):
        obs.total_waste(alike)


# -- efficiency


@hypothesis.given(frequencies, st.floats(0.05, 0.99), st.floats(0, 10))
def test_efficiency_never_beats_the_speed_limit(frequency, level, waste):
    model = independent(frequency, wasted_resource=waste)
    p, clock = np.asarray(frequency), -np.log1p(-level) / np.asarray(frequency)
    times = ((1 - np.exp(-np.outer(clock, p))).sum(1) + waste * clock) / 1e-2
    value = float(obs.efficiency(model, level, times=times))
    assert value == pytest.approx(len(p) * level / (1e-2 * times.max()))
    assert 0 < value <= 1 + 1e-12


def test_efficiency_is_one_where_nothing_is_lost():
    times = np.full(3, 3 * 0.8 / 1e-2)
    model = independent([2.0] * 3, wasted_resource=0.0)
    assert float(obs.efficiency(model, 0.8, times=times)) == pytest.approx(1)
    started = model.replace(initial_level=[0.5, 0.5, 0.9])
    assert float(obs.efficiency(started, 0.8, times=[60.0, 60.0, 0.0])) == pytest.approx(1)
    entropy = independent([2.0] * 3, wasted_resource=0.0, loss="cross_entropy")
    assert float(obs.efficiency(entropy, 0.8, times=3 * 2 * np.full(3, np.arctanh(0.8)) / 1e-2)) == pytest.approx(1)


def test_efficiency_finds_the_times_itself():
    waste = [0.0, 0.1, 1.0]
    model = independent([1.0, 0.5], wasted_resource=waste)
    last = [closed_form_times(independent([1.0, 0.5], wasted_resource=each), 0.9).max() for each in waste]
    np.testing.assert_allclose(obs.efficiency(model, 0.9), 2 * 0.9 / np.asarray(last), rtol=1e-6)


def test_efficiency_of_pools_and_schedules():
    # two of three skills in one pool, which works at full use all the time
    pools = independent([1.0, 1.0, 1.0], pool=[0, 1, 1], wasted_resource=[0.0, 0.0])
    assert float(obs.efficiency(pools, 0.9, times=[90.0, 180.0, 180.0])) == pytest.approx(1)
    slower = independent([1.0], wasted_resource=0.0, learning_rate=ro.Schedule([0.0, 50.0], [1e-2, 1e-3]))
    assert float(obs.efficiency(slower, 0.9, times=[450.0])) == pytest.approx(1)


def test_efficiency_of_what_never_happens():
    assert float(obs.efficiency(independent([1.0, 1.0]), 0.9, times=[3.0, np.inf])) == 0
    started = independent([1.0], initial_level=[0.95])
    assert np.isnan(obs.efficiency(started, 0.9, times=[0.0]))


# -- order


def closed_form_times(model, level):
    p = np.asarray(model.frequency)
    clock = -np.log1p(-level) / p
    return (-np.expm1(-np.outer(clock, p))).sum(1) + float(model.wasted_resource) * clock


def test_overlap_in_the_domino_limit_and_of_simultaneous_skills():
    limits = [(dominoes(), -0.25, 1e-3), (independent([1.0] * 4), 1, 1e-10)]
    for model, expected, tolerance in limits:
        overlap = obs.domino_overlap(closed_form_times(model, 0.1), closed_form_times(model, 0.9))
        np.testing.assert_allclose(overlap, expected, atol=tolerance)


def padded(values, length):
    return np.append(values, np.full(length - len(values), np.nan))


@hypothesis.given(st.lists(st.tuples(st.floats(0, 100), st.floats(0.1, 10)), min_size=2, max_size=6), st.randoms())
def test_overlap_does_not_depend_on_numbering_or_padding(rows, random):
    start = np.array([a for a, _ in rows])
    end = start + np.array([b for _, b in rows])
    order = np.lexsort((end, start))
    a, b = start[order], end[order]
    expected = (b[:-1] - a[1:]) / (b - a)[:-1]
    places = list(range(7))
    random.shuffle(places)
    mixed = padded(start, 7)[places], padded(end, 7)[places]
    np.testing.assert_allclose(obs.domino_overlap(*mixed), padded(expected, 6))
    np.testing.assert_allclose(obs.domino_overlap(*mixed, mean=True), np.mean(expected))


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
    # the last ones are absent
    found = float(obs.depth_correlation(padded(times, 13), np.append(depth, np.zeros(13 - len(depth))).astype(int)))
    if len(set(times)) == 1 or len(set(depth)) == 1:
        assert np.isnan(found)
    else:
        assert found == pytest.approx(scipy.stats.spearmanr(times, depth).statistic, abs=1e-12)


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
    """Local exponents derived for 1e5 skills, alpha = 2."""
    frequency = 1 / np.arange(1, 100_001) ** 2.0
    frequency /= frequency.sum()
    model = ro.ResourceModel(ro.SkillGraph([[]] * 100_000), frequency, learning_rate=1.0, wasted_resource=waste)
    spent = lambda tau: (-np.expm1(-frequency * tau)).sum() + waste * tau  # noqa: E731
    clock = [scipy.optimize.brentq(lambda tau, t=t: spent(tau) - t, 0, 1e9) for t in expected]
    found = obs.loss_exponent(exact(model, clock))
    np.testing.assert_allclose(found, list(expected.values()), atol=1e-3)


def around(model, state, kind, time=70.0, step=1e-3):
    """Three rows of a run, at a state and a little before and after it, by the equations of the model."""
    state = jnp.asarray(state)
    if kind == "exposure":
        competing = model.competitiveness(state, time)
        total = model.of_pool(model.denominator(competing, model.waste_at(time)))
        # with a schedule, exposure counts in units of the largest frequency
        pace = model.frequency_at(time) / model.rate()
        rate = model.of_pool(model.learning_rate_at(time)) * pace / total
    else:
        share, _ = model.shares(model.direct_competitiveness(state, time), model.waste_at(time))
        spent = share * model.of_pool(model.learning_rate_at(time))
        change = spent if model.interference is None else model.interference @ spent
        rate = change * (-1 if model.loss == "mse" else 1)
    rows = jnp.stack([state - step * rate, state, state + step * rate])
    return invented(
        model, [time - step, time, time + step], rows, [0.0, 0.0, 0.0] if model.pool is None else rows, kind
    )


SLOPES = {
    "mse": (dict(), "exposure"),
    "cross entropy": (dict(loss="cross_entropy"), "exposure"),
    "l2": (dict(competition="l2"), "exposure"),
    "self-paced": (dict(frequency_after=[5.0, 3.0]), "exposure"),
    "schedule": (dict(learning_rate=ro.Schedule([0.0, 50.0], [1e-2, 3e-2])), "exposure"),
    "schedule of frequency": (dict(frequency=ro.Schedule([0.0, 50.0], [[2.0, 0.1], [1.0, 0.3]])), "exposure"),
    "pools": (dict(pool=[0, 1], learning_rate=[1e-2, 2e-2]), "exposure"),
    "interference": (dict(interference=[[1, 0.3], [0.3, 1]]), "direct"),
    "interference, cross entropy": (dict(interference=[[1, 0.3], [0.3, 1]], loss="cross_entropy"), "direct"),
    "interference across pools": (
        dict(interference=[[1, 0.3], [0.3, 1]], pool=[0, 1], learning_rate=[1e-2, 5e-2]),
        "direct",
    ),
    "steps": (dict(), "direct"),
    "steps, self-paced": (dict(frequency_after=[5.0, 3.0]), "direct"),
}


@pytest.mark.parametrize("case", list(SLOPES))
def test_the_exponent_is_the_slope_of_the_loss(case):
    changes, kind = SLOPES[case]
    model = independent([1.0, 0.3]).replace(**changes)
    run = around(model, [0.9, 0.4], kind)
    losses, ts = np.log(np.asarray(run.loss)), np.log(np.asarray(run.ts))
    slope = -(losses[2] - losses[0]) / (ts[2] - ts[0])
    assert float(obs.loss_exponent(run)[1]) == pytest.approx(slope, rel=1e-6)


def test_the_exponent_along_a_run(tree_run):
    found, t, loss = obs.loss_exponent(tree_run), np.asarray(tree_run.ts), np.asarray(tree_run.loss)
    assert float(found[0]) == 0
    np.testing.assert_allclose(found[2:-1], -t[2:-1] * np.gradient(np.log(loss), t)[2:-1], rtol=0.02, atol=0.02)


def test_a_loss_of_zero_has_no_exponent():
    run = exact(independent([1.0], wasted_resource=0.0), [0.0, np.log(2), 1000.0])
    np.testing.assert_allclose(obs.loss_exponent(run), [0, 2, np.nan])


# -- batches, padding, reduction, derivatives

OF_A_RUN = {
    "concurrency": obs.concurrency,
    "seriality": obs.seriality,
    "total_waste": obs.total_waste,
    "loss_exponent": obs.loss_exponent,
    "row_times": lambda run: obs.row_times(run, 0.5),
}
TIMES = np.linspace(0.0, 4000.0, 21)


def all_of(run):
    return {name: measure(run) for name, measure in OF_A_RUN.items()}


def test_a_batch_gives_what_its_members_give_also_inside_the_solve():
    batch, members = padded_pair()
    run = ro.simulate(batch, TIMES)
    together, reduced = all_of(run), ro.simulate(batch, TIMES, reduce=all_of)
    broken = all_of(failed(run, 1))
    for name, values in together.items():
        np.testing.assert_allclose(reduced[name], values, rtol=1e-9)
        np.testing.assert_array_equal(broken[name][0], values[0])
        assert np.isnan(broken[name][1]).all()
    for index in range(len(members)):
        for name, alone in all_of(run[index]).items():
            mine = together[name][index]
            if name == "row_times":  # one number per skill: the padding is NaN
                assert np.isnan(mine[len(alone) :]).all()
                mine = mine[: len(alone)]
            np.testing.assert_allclose(mine, alone, rtol=1e-9)


def test_derivatives_are_finite_and_right():
    """Far beyond the end of learning too, where all shares and the loss are zero to rounding."""
    batch, _ = padded_pair()

    def total(frequency):
        found = ro.simulate(batch.replace(frequency=frequency), TIMES, reduce=all_of)
        sums = jnp.stack([jnp.nansum(found[name]) for name in ("concurrency", "seriality", "total_waste")])
        early = jnp.nansum(found["loss_exponent"][:, :10])
        return jnp.append(sums, early)

    jacobian = jax.jacrev(total)(batch.frequency)
    assert bool(jnp.all(jnp.isfinite(jacobian)))
    direction = jnp.asarray([[0.3, -0.2, 0.5], [0.1, 0.4, 0.0]])
    forward = lambda h: total(batch.frequency + h * direction)  # noqa: E731
    slope = (forward(1e-4) - forward(-1e-4)) / 2e-4
    np.testing.assert_allclose(jnp.sum(jacobian * direction[None], axis=(1, 2)), slope, rtol=2e-3, atol=1e-4)


def test_derivatives_where_some_skill_never_completes_or_is_absent():
    gradient = jax.grad(lambda start: jnp.nansum(obs.domino_overlap(start, jnp.asarray([3.0, jnp.inf, 5.0]))))
    assert bool(jnp.all(jnp.isfinite(gradient(jnp.asarray([1.0, 2.0, jnp.nan])))))
    assert bool(jnp.all(jnp.isfinite(jax.grad(obs.participation_ratio)(jnp.asarray([1.0, 2.0, jnp.nan])))))
    model = independent([1.0, 0.5])
    slope = jax.grad(lambda time: obs.efficiency(model, 0.9, times=jnp.stack([time, time / 2])))(300.0)
    assert float(slope) == pytest.approx(-2 * 0.9 / 1e-2 / 300**2)


@pytest.mark.parametrize("waste", [0.0, 0.1])
def test_the_concurrency_of_an_idle_run_has_a_finite_derivative(waste):
    run = exact(independent([1.0, 0.5], wasted_resource=waste), [0.0, 1.0, 1000.0, 3000.0])
    if not waste:
        run = past_the_end(run)

    def total(frequency):
        mine = eqx.tree_at(lambda r: r.model.frequency, run, frequency)
        found = all_of(mine)
        return sum(jnp.nansum(found[name]) for name in ("concurrency", "seriality", "total_waste", "loss_exponent"))

    assert bool(jnp.all(jnp.isfinite(jax.grad(total)(jnp.asarray([1.0, 0.5])))))


def test_single_precision_stays_single():
    model = independent(np.asarray([1.0, 0.5], np.float32))
    run = jax.tree.map(lambda x: x.astype(np.float32) if eqx.is_inexact_array(x) else x, exact(model, [0.0, 1.0]))
    for values in all_of(run).values():
        assert values.dtype == jnp.float32
    times = jnp.asarray([10.0, 20.0], np.float32)
    assert obs.efficiency(model, 0.9, times=times).dtype == jnp.float32
    assert obs.depth_correlation(times, model.graph.depth).dtype == jnp.float32
    assert obs.domino_overlap(times, times + 1).dtype == jnp.float32


# -- refusals


def test_other_objects_than_runs_and_models_are_refused():
    """In a process of its own, without the run-time checks of annotations that these tests switch on."""
    program = textwrap.dedent("""
        from resource_ode import observables as obs

        either = (obs.concurrency, obs.seriality, obs.total_waste, obs.loss_exponent, obs.efficiency)
        for measure in (*either, lambda x: obs.row_times(x, 0.5), obs.seriality_error):
            try:
                measure(3)
            except ValueError as error:
                print(error)
    """)
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    expected = ["source: expected a ResourceModel or a Trajectory, got int"] * 5
    assert found.splitlines() == [*expected, *["run: expected a Trajectory, as simulate returns it, got int"] * 2]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: obs.participation_ratio(1.0), "frequency: expected shape"),
        (lambda: obs.participation_ratio([]), "frequency: expected shape"),
        (lambda: obs.participation_ratio([object()]), "frequency: expected numbers"),
        (lambda: obs.domino_overlap([1.0], [1.0, 2.0]), "end_times: expected the shape of start_times"),
        (lambda: obs.depth_correlation([1.0, 2.0], [0]), "depth: expected one per skill"),
        (lambda: obs.depth_correlation(np.ones((2, 3)), np.ones((4, 3))), "depth: expected batch axes"),
        (lambda: obs.efficiency(tree(), 1.0), "level: expected a number between 0 and 1, got 1.0"),
        (lambda: obs.efficiency(tree(), times=[1.0]), "times: expected learning times of shape"),
    ],
)
def test_wrong_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_rounding_does_not_order_skills_that_are_learned_at_once():
    depth = [0, 1, 1, 2, 2]
    tied = obs.depth_correlation([10.0, 20.0, 20.0, 30.0, 30.0], depth)
    for up in (1, -1):
        times = np.array([10.0, 20.0, 20 * (1 + up * 3e-16), 30 * (1 + up * 3e-16), 30.0])
        np.testing.assert_array_equal(obs.depth_correlation(times, depth), tied)
        np.testing.assert_array_equal(obs.depth_correlation(times[::-1], depth[::-1]), tied)
    # skills that gates open at the same time are learned at the same time
    graph = ro.SkillGraph([[], [0], [0, 1], [0, 1], [0, 2], [1, 2]], "any")
    model = ro.ResourceModel(graph, np.linspace(0.3, 2, 6), 0.01, 0.01, [0.01, 0.1, 0.3], frequency_power=0.0)
    for competition in ("l1", "l2"):
        batch = model.replace(competition=competition)
        for times, found in zip(ro.learning_times(batch, 0.05), obs.depth_correlation(batch, level=0.05), strict=True):
            expected = scipy.stats.spearmanr(np.round(times, 6), graph.depth).statistic
            assert float(found) == pytest.approx(expected)
    # those that are never learned share the last ranks, and absent ones have none
    some = [1.0, np.inf, np.inf, np.nan]
    expected = scipy.stats.spearmanr([1, 3, 3], [0, 1, 2]).statistic
    assert float(obs.depth_correlation(some, [0, 1, 2, 3])) == pytest.approx(expected)
    assert np.isnan(obs.depth_correlation([0.0, 0.0], [0, 1]))
