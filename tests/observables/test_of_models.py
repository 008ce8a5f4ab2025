"""What is measured on a model, without rows: closed forms, invariances, and agreement with dense runs."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate

import resource_ode as ro
from resource_ode import observables as obs
from resource_ode.observables import one_pass, resource_time

PARAMETERS = dict(learning_rate=1e-3, wasted_resource=1e-3, gate_exponent=1e-3)
PREREQUISITES = [[], [], [], [], [0, 1], [2, 3], [4, 5]]
FREQUENCY = np.array([1, 0.1, 2, 0.2, 1, 1, 1])


def tree(**changes):
    return ro.ResourceModel(ro.SkillGraph(PREREQUISITES), FREQUENCY, **{**PARAMETERS, **changes})


def diamond(**changes):
    """Four skills; of the two prerequisites of the last, one is ahead first and the other later."""
    gate = changes.pop("gate", "all")
    graph = ro.SkillGraph([[], [], [0], [1, 2]], gate)
    given = {"learning_rate": 1e-2, "wasted_resource": 0.05, "gate_exponent": 0.02, **changes}
    return ro.ResourceModel(graph, [1.0, 0.4, 3.0, 2.0], **given)


def two(frequency, **changes):
    given = {"learning_rate": 1e-2, "wasted_resource": 0.1, **changes}
    return ro.ResourceModel(ro.SkillGraph([[], []]), frequency, **given)


def rows_until(model, level, count):
    """Times from the start to soon after the horizon, more of them early."""
    end = float(ro.horizon(model, level))
    return end * np.linspace(0, 1, count) ** 2


# -- seriality: closed forms and limits


def closed_form(frequency):
    """Of independent skills: the integral over u_1 in (0, 1), where u_i is a power of u_1."""
    ratio = np.asarray(frequency) / max(frequency)

    def integrand(depth):
        demand = ratio * np.exp(-ratio * depth)
        return (demand**2).sum() / demand.sum()

    edges = np.concatenate([[0], np.geomspace(1e-3, 40 / ratio.min(), 120)])
    parts = [scipy.integrate.quad(integrand, *pair, epsabs=1e-13)[0] for pair in itertools.pairwise(edges)]
    return sum(parts) / len(ratio)


def test_two_independent_skills_have_the_seriality_of_the_closed_form():
    frequency = np.array([[1, 1], [1, 0.5], [0.1, 1], [3e-3, 2.0], [1e4, 1e-3], [1, 1e-9]])
    found = obs.seriality(two(frequency))
    np.testing.assert_allclose(found, [closed_form(row) for row in frequency], atol=1e-6)
    assert float(found[0]) == pytest.approx(0.5, abs=1e-9)  # parallel
    assert 1 - 1e-6 < float(found[-1]) <= 1  # dominoes


def test_alone_and_alike():
    one = ro.ResourceModel(ro.SkillGraph([[]]), [3.0], 1e-2, 0.1)
    assert float(obs.seriality(one)) == pytest.approx(1, abs=1e-9)
    assert float(obs.seriality(one, level=0.3)) == pytest.approx(1, abs=1e-9)
    # with cross entropy margins grow for ever: until the last is at level 0.95
    assert float(obs.seriality(two([0.7, 0.7], loss="cross_entropy"))) == pytest.approx(0.5, abs=1e-9)


def test_seriality_until_a_level_is_the_integral_until_then():
    p, level = np.array([1.0, 0.2]), 0.7
    end = -np.log1p(-level) / 0.2
    demand = lambda tau: p * np.exp(-p * tau)  # noqa: E731
    alone, _ = scipy.integrate.quad(lambda tau: (demand(tau) ** 2).sum() / demand(tau).sum(), 0, end)
    found = float(obs.seriality(two(p), level=level))
    assert found == pytest.approx(alone / (1 - np.exp(-p * end)).sum(), abs=1e-6)


def test_nothing_is_learned_until_a_level_at_which_all_start():
    model = two([1.0, 0.5], initial_level=[0.5, 0.6])
    assert np.isnan(obs.seriality(model, level=0.4))
    assert np.isfinite(obs.seriality(model))
    assert float(obs.total_waste(model, level=0.4)) == pytest.approx(0.1 / (0.1 + 0.5 + 0.2))  # that of the start


# -- seriality: invariances


def test_seriality_knows_neither_waste_nor_rate_nor_unit_nor_competition():
    grid = tree(wasted_resource=[[0.0], [1e-9], [1e-3], [3.0], [1e6]], learning_rate=[1e-3, 7.0])
    found = np.asarray(obs.seriality(grid))
    assert found.shape == (5, 2)
    value = found[0, 0]
    np.testing.assert_array_equal(found, value)
    assert float(obs.seriality(tree(competition="l2"))) == pytest.approx(value, abs=1e-9)
    # another unit of resource time: all frequencies, and with them N0, by one factor
    scaled = tree().replace(frequency=FREQUENCY * np.array([[1e-8], [3.0], [1e9]]))
    np.testing.assert_allclose(obs.seriality(scaled), value, atol=1e-9)


def test_numbering_and_padding_change_nothing():
    order = np.array([5, 2, 6, 0, 4, 1, 3])
    place = np.argsort(order)
    graph = ro.SkillGraph([[int(place[j]) for j in PREREQUISITES[i]] for i in order])
    renumbered = ro.ResourceModel(graph, FREQUENCY[order], **PARAMETERS)
    value = float(obs.seriality(tree()))
    assert float(obs.seriality(renumbered)) == pytest.approx(value, abs=1e-9)
    chain = ro.ResourceModel(ro.SkillGraph([[], [0]]), [1.0, 0.5], **PARAMETERS)
    padded = ro.stack([tree(), chain])
    np.testing.assert_allclose(obs.seriality(padded), [value, obs.seriality(chain)], atol=1e-9)
    np.testing.assert_allclose(obs.total_waste(padded), [obs.total_waste(tree()), obs.total_waste(chain)], rtol=1e-9)


def test_transformations_give_the_numbers_of_the_eager_call():
    frequency = jnp.asarray(FREQUENCY * np.linspace(0.5, 2, 14).reshape((2, 7)) ** np.arange(7))
    batch = tree().replace(frequency=frequency)
    eager = obs.seriality(batch)
    one = lambda p: obs.seriality(tree().replace(frequency=p))  # noqa: E731
    np.testing.assert_allclose(jax.jit(obs.seriality)(batch), eager, rtol=1e-12)
    np.testing.assert_allclose(jax.vmap(one)(frequency), eager, rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("level", [None, 0.9])
def test_derivatives_are_those_of_the_value(level):
    one = lambda p: obs.seriality(tree().replace(frequency=p), level=level)  # noqa: E731
    p = jnp.asarray(FREQUENCY)
    steps = FREQUENCY * (1 + 1e-4 * np.eye(7)[:, None] * np.array([[1], [-1]]))
    values = np.asarray(obs.seriality(tree().replace(frequency=steps), level=level))
    slopes = (values[:, 0] - values[:, 1]) / (2e-4 * FREQUENCY)
    np.testing.assert_allclose(jax.grad(one)(p), slopes, atol=1e-5, rtol=1e-4)


# -- seriality: against dense runs

CASES = {
    "all": dict(),
    "any": dict(gate="any"),
    "cross entropy": dict(loss="cross_entropy"),
    "self-paced": dict(frequency_after=[3.0, 0.4, 0.2, 2.0]),
    "initial": dict(initial_level=[0.9, 0.0, 0.3, 0.999]),
}


@pytest.mark.parametrize("case", list(CASES))
def test_a_dense_run_agrees_within_its_stated_error(case):
    model = diamond(**CASES[case])
    cross = case == "cross entropy"
    run = ro.simulate(model, rows_until(model, 0.95 if cross else 1 - 1e-6, 20001), tolerance=1e-9)
    error = float(obs.seriality_error(run))
    assert error < 1e-3 if cross else error < 1e-4
    assert abs(float(obs.seriality(model)) - float(obs.seriality(run))) < min(error, 1e-5) + 1e-6


@pytest.mark.slow
def test_what_cannot_be_had_within_the_tolerance_is_nan_and_says_so(monkeypatch):
    monkeypatch.setattr(resource_time, "FINER", (resource_time.FINE,))  # no more panels where there is a kink
    monkeypatch.setattr(resource_time, "by_loops", lambda model: False)
    monkeypatch.setattr(one_pass, "by_loops", lambda model: False)
    with pytest.warns(UserWarning, match="seriality: 1 of 1 graphs are NaN, since their estimated error exceeds the"):
        assert np.isnan(obs.seriality(diamond(gate="any"), tolerance=2e-14))
    assert np.isnan(jax.jit(obs.seriality)(diamond(gate="any"), tolerance=2e-14))


def test_what_the_loops_are_unsure_of_is_solved_by_arrays(monkeypatch):
    model = tree().replace(frequency=FREQUENCY * np.array([[1.0], [3.0]]) ** np.arange(7))
    expected, until_level = obs.seriality(model), one_pass.until_level

    def unsure(*arguments):
        found, _ = until_level(*arguments)
        return tuple(x + np.array([0, 1]) for x in found), np.array([False, True])

    monkeypatch.setattr(one_pass, "until_level", unsure)
    found = obs.seriality(model)
    assert found[0] == expected[0]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_single_precision():
    model = ro.ResourceModel(ro.SkillGraph([[], [0], [1]]), np.asarray([0.3, 1, 3], np.float32), 1e-3, 1e-3, 1e-4)
    found = obs.seriality(model)
    assert found.dtype == jnp.float32
    assert float(found) == pytest.approx(0.9084996, abs=1e-4)
    assert obs.total_waste(model).dtype == jnp.float32


# -- models that go through a run


def test_pools_have_clocks_of_their_own():
    """Two pools of one skill each: by symmetry both learn at once, unless one of them wastes more."""
    model = two([1.0, 1.0], pool=[0, 1], wasted_resource=[[0.1, 0.1], [0.1, 30.0]])
    found = obs.seriality(model)
    assert float(found[0]) == pytest.approx(0.5, abs=1e-3)
    assert float(found[1]) > 0.9
    with pytest.raises(ValueError, match="under jit, vmap or grad, since each pool has a clock of its own; simulate"):
        jax.jit(obs.seriality)(model)
    waste = obs.total_waste(model)
    assert waste.shape == (2, 2)
    np.testing.assert_allclose(waste[0, 0], waste[0, 1])
    np.testing.assert_allclose(waste[0, 0], 0.1 * np.log(20) / (0.95 + 0.1 * np.log(20)), rtol=1e-5)


@pytest.mark.slow
def test_without_overlap_interference_changes_nothing():
    plain = two([1.0, 0.3])
    found = obs.seriality(plain.replace(interference=np.eye(2)))
    assert float(found) == pytest.approx(float(obs.seriality(plain)), abs=1e-3)
    slower = plain.replace(learning_rate=ro.Schedule([0.0, 30.0], [1e-2, 1e-3]))
    assert float(obs.seriality(slower)) == pytest.approx(float(obs.seriality(plain)), abs=1e-3)
    expected = float(obs.total_waste(plain))
    assert float(obs.total_waste(slower)) == pytest.approx(expected, rel=1e-4)


# -- waste, efficiency, order


def test_total_waste_until_a_level():
    p = np.array([1.0, 0.2])
    clock = -np.log(0.05) / 0.2
    waste = np.array([0.0, 1e-12, 0.1, 1e6])
    learned = (1 - np.exp(-p * clock)).sum()
    np.testing.assert_allclose(
        obs.total_waste(two(p, wasted_resource=waste)), waste * clock / (learned + waste * clock)
    )
    for model in (two(p, competition="l2"), diamond(), diamond(loss="cross_entropy")):
        run = ro.simulate(model, [float(ro.horizon(model, 0.8))])
        assert float(obs.total_waste(model, level=0.8)) == pytest.approx(float(obs.total_waste(run)[0]), rel=1e-5)


def test_what_compares_learning_times_takes_a_model():
    model = tree(wasted_resource=[1e-3, 0.1])
    early, half, late = (ro.learning_times(model, level) for level in (0.1, 0.5, 0.9))
    np.testing.assert_array_equal(obs.domino_overlap(model), obs.domino_overlap(early, late))
    np.testing.assert_array_equal(obs.domino_overlap(model, mean=True), obs.domino_overlap(early, late, mean=True))
    np.testing.assert_array_equal(obs.depth_correlation(model), obs.depth_correlation(half, model.graph.depth))
    np.testing.assert_array_equal(obs.efficiency(model, 0.9), obs.efficiency(model, 0.9, times=late))
    np.testing.assert_allclose(obs.participation_ratio(model), obs.participation_ratio(FREQUENCY))
    waste = 1 - obs.efficiency(model) * (7 - (1 - learned_until(model))) / (7 * 0.95)
    np.testing.assert_allclose(obs.total_waste(model), waste, rtol=1e-6)


def learned_until(model):
    """Levels at the horizon, less 6 (all but the last are nearly learned)."""
    ends = ro.horizon(model, 0.95)
    runs = [ro.simulate(model[i], [float(end)]) for i, end in enumerate(ends)]
    return np.array([float(run.level.sum()) - 6 for run in runs])


def test_profiles_of_a_model_are_those_of_its_run():
    model = tree(wasted_resource=[1e-3, 0.1])
    ts = [0.0, 500.0, 4000.0]
    run = ro.simulate(model, ts)
    for measure in (obs.concurrency, obs.loss_exponent, obs.total_waste):
        np.testing.assert_array_equal(measure(model, ts=ts), measure(run))
    for measure in (obs.concurrency, obs.loss_exponent):
        assert measure(model).shape == (2, 201)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m, r: obs.seriality(r, level=0.5), "level: only a model takes it, since a run has its rows already"),
        (lambda m, r: obs.seriality(r, tolerance=0.5), "tolerance: only a model takes it"),
        (lambda m, r: obs.concurrency(r, ts=[1.0]), "ts: only a model takes it"),
        (lambda m, r: obs.total_waste(r, level=0.5), "level: only a model takes it"),
        (lambda m, r: obs.total_waste(m, ts=[1.0], level=0.5), "ts: expected times or a level, got both"),
        (lambda m, r: obs.efficiency(r, tolerance=0.1), "tolerance: only a model takes it"),
        (lambda m, r: obs.efficiency(m, times=np.ones(2), tolerance=0.1), "tolerance: expected none beside times"),
        (lambda m, r: obs.domino_overlap(m, [1.0, 2.0]), "end_times: expected none beside a model or a run"),
        (lambda m, r: obs.domino_overlap([1.0], [2.0], tolerance=0.1), "tolerance: only a model takes it"),
        (lambda m, r: obs.depth_correlation([1.0], [2.0], level=0.1), "level: only a model or a run takes it"),
        (lambda m, r: obs.seriality(m, level=1.0), "level: expected a number between 0 and 1, got 1.0"),
        (lambda m, r: obs.seriality(m, tolerance=0), "tolerance: expected a number between 0 and 1, got 0"),
        (
            lambda m, r: obs.seriality(m, tolerance=1e-16),
            "tolerance: expected at least 1.4e-14",
        ),
        (lambda m, r: obs.seriality(m, level=[0.5]), "level: expected a number between 0 and 1"),
    ],
)
def test_each_keyword_is_used_or_refused(call, message):
    model = two([1.0, 0.5])
    with pytest.raises(ValueError, match=message):
        call(model, ro.simulate(model, [0.0, 100.0]))
