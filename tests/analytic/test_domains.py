"""Every closed form takes its arguments up to the ends of what it is defined for, and refuses what lies beyond.

The domains are those that the docstrings state, said once here for all forms.
"""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import wrightomega

import resource_ode as ro

FORMS = {name: getattr(ro.analytic, name) for name in dir(ro.analytic)}
FORMS = {name: form for name, form in FORMS.items() if inspect.isfunction(form)}

GIVEN = {
    "clock": [1.0, 2.0], "times": [1.0, 2.0], "frequency": [1.0, 0.5], "prerequisite_frequency": 1.0,
    "prerequisite_frequencies": [1.0, 0.3], "frequency_after": 0.5, "gate_exponent": 0.1, "alpha": 2.0, "count": 2,
    "learning_rate": 0.1, "wasted_resource": 0.1, "level": 0.5, "overlap": np.eye(2), "prerequisites": [[], [0]],
    "plateau": 0.5, "gate": "all", "exposure": 1.0, "prerequisite_strength": 0.5,
}  # fmt: skip
# of one number each; the formula of these has one skill
OF_ONE_SKILL = ("chain_log_depth", "root_prerequisites_log_depth", "self_paced_log_depth", "single_skill_unlearned")

SMALL = 1e-12
POSITIVE = {"inside": [1e-9, 1e9], "beyond": [0.0, -SMALL, np.inf]}
NOT_NEGATIVE = {"inside": [0.0, 1e9], "beyond": [-SMALL, np.inf]}
DOMAINS = {
    "clock": NOT_NEGATIVE,
    "times": NOT_NEGATIVE,
    "exposure": NOT_NEGATIVE,
    "wasted_resource": NOT_NEGATIVE,
    "frequency": POSITIVE,
    "prerequisite_frequency": POSITIVE,
    "prerequisite_frequencies": POSITIVE,
    "frequency_after": POSITIVE,
    "gate_exponent": POSITIVE,
    "learning_rate": POSITIVE,
    "count": {"inside": [1, 1000], "beyond": [0, -1, 1.5, 2**31]},
    "alpha": {"inside": [1 + 1e-9, 100.0], "beyond": [1.0, 1 - SMALL, np.inf]},
    "level": {"inside": [0.0, 1 - SMALL], "beyond": [-SMALL, 1.0]},
    "plateau": {"inside": [1e-9, 1.0], "beyond": [0.0, -SMALL, 1 + SMALL]},
    "prerequisite_strength": {"inside": [0.0, 1.0], "beyond": [-SMALL, 1 + SMALL]},
}
OTHERS = {
    ("domino_ratio", "level"): {"inside": [SMALL, 1 - SMALL], "beyond": [0.0, 1.0]},
    **{
        (name, "wasted_resource"): POSITIVE for name in ("half_waste_time", "parallel_levels", "single_skill_unlearned")
    },
}
# these take an array of any shape
ANY_SHAPE = {("domino_exponent", "alpha"), ("quanta_exponent", "alpha"), ("self_paced_log_depth", "exposure")}


def cases():
    for name, form in FORMS.items():
        for argument in inspect.signature(form).parameters:
            if argument in DOMAINS:
                yield pytest.param(name, argument, id=f"{name}, {argument}")


def given_to(name):
    parameters = inspect.signature(FORMS[name]).parameters
    given = {argument: GIVEN[argument] for argument in parameters if argument in GIVEN}
    return given | ({"frequency": 1.0} if name in OF_ONE_SKILL else {})


@pytest.mark.parametrize(("name", "argument"), list(cases()))
def test_the_ends_of_its_domain(name, argument):
    given, domain = given_to(name), OTHERS.get((name, argument), DOMAINS[argument])
    usual = np.asarray(given[argument])

    def call(value):
        # the last of several: the others are as they should be
        changed = np.where(np.arange(usual.size) == usual.size - 1, value, usual) if usual.ndim else value
        return FORMS[name](**given | {argument: changed})

    for value in domain["inside"]:
        call(value)
    for value in domain["beyond"]:
        with pytest.raises(ValueError, match=rf"^{argument}: expected "):
            call(value)


@pytest.mark.parametrize(("name", "argument"), list(cases()))
def test_the_number_of_its_axes(name, argument):
    given = given_to(name)
    usual = np.asarray(given[argument])
    if (name, argument) in ANY_SHAPE:
        assert np.shape(FORMS[name](**given | {argument: usual[None, None]})) == (1, 1)
        return
    for wrong in (usual[None], *([usual[0]] if usual.ndim else [])):
        with pytest.raises(ValueError, match=rf"^{argument}: expected "):
            FORMS[name](**given | {argument: wrong})


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("resource", "frequency"), [(50.0, [1.0]), (160.0, [1.0, 0.1]), (3000.0, [1e-3, 1e3, 1.0])])
def test_margins_without_waste_go_on_where_the_clock_ends(dtype, resource, frequency):
    """So late l = ln(p tau), to rounding, and all that was spent is in the margins."""
    given = (np.array([resource], dtype), np.array(frequency, dtype), dtype(1), dtype(0))
    log = np.log(frequency)
    expected = log + (resource - log.sum()) / log.size
    np.testing.assert_allclose(ro.analytic.independent_margins(*given)[0], expected, rtol=1e-6)
    clock = float(ro.analytic.independent_clock(*given, "cross_entropy")[0])
    latest = np.finfo(dtype).max / 8 / max(frequency)
    logarithm = (resource - log.sum()) / log.size
    assert clock == np.inf if logarithm > np.log(latest) else abs(np.log(clock) - logarithm) < 1e-4
    # each skill's part of the loss falls as exp(-l), so that L ~ exp(-eta t/n)
    exponent = float(ro.analytic.loss_exponent(*given, "cross_entropy")[0])
    assert np.isnan(exponent) if clock == np.inf else abs(exponent / (resource / log.size) - 1) < 1e-5


def test_a_level_of_nothing_takes_no_time_however_far_rates_are_apart():
    times = ro.analytic.small_gate_learning_times(0.0, [[], []], "all", [1e200, 1e-200], 1e-3)
    np.testing.assert_array_equal(times, [0.0, 0.0])


@pytest.mark.parametrize(("dtype", "waste"), [(np.float32, 1e-37), (np.float64, 1e-300), (np.float64, 1e-307)])
def test_margins_go_on_where_the_clock_ends_with_waste_too(dtype, waste):
    """So late almost all is wasted: tau = eta t/N_0, a number that only its logarithm stands for."""
    frequency, resource = np.array([0.2, 0.03, 0.6], dtype), dtype(1e10)
    given = (np.array([resource]), frequency, dtype(1), dtype(waste))
    expected = np.log(np.float64(frequency)) + np.log(1e10) - np.log(np.float64(dtype(waste)))
    np.testing.assert_allclose(ro.analytic.independent_margins(*given)[0], expected, rtol=1e-6)
    assert float(ro.analytic.independent_clock(*given, "cross_entropy")[0]) == np.inf


def test_a_small_plateau_takes_the_effort_that_its_odds_are_too_large_for():
    level, plateau = np.array(0.999999, np.float32), np.array(1e-37, np.float32)
    found = ro.analytic.plateau_effort(level, plateau)
    odds = np.log(np.float64(level)) - np.log1p(-np.float64(level))
    np.testing.assert_allclose(found, odds - np.log(np.float64(plateau)), rtol=1e-6)


def test_one_skill_is_there_where_omega_is_below_all_numbers():
    given = [np.float32(x) for x in (1.9e-10, 0.2, 0.45)]
    times = np.array([8.2e11], np.float32)
    p, eta, waste = (np.float64(x) for x in given)
    # u N_0/p is nothing beside the rest of the budget law
    expected = np.exp(p / waste * (1 - eta * times.astype(float)))
    np.testing.assert_allclose(ro.analytic.single_skill_unlearned(times, *given), expected, rtol=1e-4)


@pytest.mark.parametrize(("loss", "waste"), [("mse", 0.5), ("cross_entropy", 1e-9)])
def test_derivatives_keep_their_digits_where_levels_are_near_one(loss, waste):
    """Relative to 1 - s, of which a derivative taken from s itself knows nothing."""
    frequency, resource = jnp.array([1.0, 0.5]), 40.0

    def level(resource):
        return ro.analytic.independent_levels(resource[None], frequency, 1.0, waste, loss)[0, 0]

    def simulated(resource):
        model = ro.ResourceModel(ro.SkillGraph([[], []]), frequency, 1.0, waste, loss=loss)
        return ro.simulate(model, resource[None]).level[0, 0]

    (clock,) = ro.analytic.independent_clock([resource], frequency, 1.0, waste, loss)
    effort = np.asarray(frequency * clock)
    margin = np.log(wrightomega(1 + effort))
    demand, slope = np.exp(-effort), np.exp(-effort[0])
    if loss == "cross_entropy":
        demand, slope = 1 / (1 + np.exp(margin)), 2 * np.exp(-margin[0]) / (1 + np.exp(-margin[0])) ** 2
        slope = slope * demand[0]
    expected = slope * float(frequency[0]) / (float(np.sum(np.asarray(frequency) * demand)) + waste)
    np.testing.assert_allclose(jax.grad(level)(jnp.asarray(resource)), expected, rtol=1e-12)
    np.testing.assert_allclose(jax.grad(simulated)(jnp.asarray(resource)), expected, rtol=1e-6)


def test_a_learning_time_knows_how_little_it_owes_to_skills_that_are_long_done():
    change = jax.jacobian(lambda p: ro.analytic.independent_learning_times(0.7, p, 1.0, 0.1))(jnp.array([0.01, 0.5]))
    clock = -np.log1p(-0.7) / 0.01
    np.testing.assert_allclose(change[0, 1], clock * np.exp(-0.5 * clock), rtol=1e-12)
