"""The closed forms against what `simulate` computes, at random parameters, to 1e-6."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest

import resource_ode as ro

TIMES = np.linspace(0, 12, 25)
SEEDS = range(3)


def parameters(seed, skills):
    rng = np.random.default_rng(seed)
    return 10 ** rng.uniform(-1, 0.5, skills), rng.uniform(0.3, 1.0), 10 ** rng.uniform(-2, 0.5), rng


@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
def test_independent_skills(loss):
    for seed in SEEDS:
        frequency, rate, waste, _ = parameters(seed, 4)
        model = ro.ResourceModel(ro.SkillGraph([[]] * 4), frequency, rate, waste, loss=loss)
        run = ro.simulate(model, TIMES).check()
        exact = ro.analytic.independent_levels(TIMES, frequency, rate, waste, loss=loss)
        np.testing.assert_allclose(run.level, exact, rtol=0, atol=1e-6)
        clock = ro.analytic.independent_clock(TIMES, frequency, rate, waste, loss=loss)
        np.testing.assert_allclose(run.clock, clock, rtol=1e-6, atol=1e-6)
        if loss == "cross_entropy":
            margins = ro.analytic.independent_margins(TIMES, frequency, rate, waste)
            np.testing.assert_allclose(run.margin, margins, rtol=1e-6, atol=1e-6)
        times = ro.analytic.independent_learning_times(0.7, frequency, rate, waste, loss=loss)
        np.testing.assert_allclose(ro.learning_times(model, 0.7), times, rtol=1e-6)


def test_one_skill():
    for seed in SEEDS:
        frequency, rate, waste, _ = parameters(seed, 1)
        model = ro.ResourceModel(ro.SkillGraph([[]]), frequency, rate, waste)
        exact = ro.analytic.single_skill_unlearned(TIMES, frequency[0], rate, waste)
        np.testing.assert_allclose(ro.simulate(model, TIMES).unlearned[:, 0], exact, rtol=0, atol=1e-6)


def test_interference():
    for seed in SEEDS:
        frequency, rate, waste, rng = parameters(seed, 4)
        vectors = rng.normal(size=(4, 3))  # one zero eigenvalue
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        overlap = vectors @ vectors.T
        model = ro.ResourceModel(ro.SkillGraph([[]] * 4), frequency, rate, waste, interference=overlap)
        run = ro.simulate(model, TIMES).check()
        exact = ro.analytic.interference_unlearned(run.clock, frequency, overlap)
        np.testing.assert_allclose(run.unlearned, exact, rtol=0, atol=1e-6)
        times = ro.analytic.interference_time(run.clock, frequency, overlap, rate, waste)
        np.testing.assert_allclose(times, TIMES, rtol=0, atol=2e-6 / min(rate, waste))


def test_prerequisites_that_are_roots():
    for seed in SEEDS:
        frequency, rate, waste, rng = parameters(seed, 3)
        gate = 10 ** rng.uniform(-2, 0)
        chain = ro.ResourceModel(ro.SkillGraph([[], [0], []]), frequency, rate, waste, gate)
        run = ro.simulate(chain, TIMES).check()
        exact = ro.analytic.chain_log_depth(run.clock, frequency[1], frequency[0], gate)
        np.testing.assert_allclose(run.unlearned[:, 1], jnp.exp(-exact), rtol=0, atol=1e-6)
        both = ro.ResourceModel(ro.SkillGraph([[], [], [0, 1]]), frequency, rate, waste, gate)
        run = ro.simulate(both, TIMES).check()
        exact = ro.analytic.root_prerequisites_log_depth(run.clock, frequency[2], frequency[:2], gate)
        np.testing.assert_allclose(run.unlearned[:, 2], jnp.exp(-exact), rtol=0, atol=1e-6)


def test_self_paced_skills():
    for seed in SEEDS:
        frequency, rate, waste, rng = parameters(seed, 3)
        after = 10 ** rng.uniform(-1, 0.5, 3)
        model = ro.ResourceModel(ro.SkillGraph([[]] * 3), frequency, rate, waste, frequency_after=after)
        run = ro.simulate(model, TIMES).check()
        for skill in range(3):
            exact = ro.analytic.self_paced_log_depth(run.exposure[:, skill], frequency[skill], after[skill])
            np.testing.assert_allclose(run.unlearned[:, skill], jnp.exp(-exact), rtol=0, atol=1e-6)


def test_limits_of_independent_skills():
    falling = 1e-7 ** np.arange(3.0)
    model = ro.ResourceModel(ro.SkillGraph([[]] * 3), falling, 0.25, 1e-22)
    run = ro.simulate(model, TIMES)
    np.testing.assert_allclose(run.level, ro.analytic.domino_levels(TIMES, 3, 0.25), rtol=0, atol=1e-5)
    frequency = np.array([2.0, 1.0, 0.3])
    model = ro.ResourceModel(ro.SkillGraph([[]] * 3), frequency, 1e7, 1e8)
    run = ro.simulate(model, TIMES)
    exact = ro.analytic.parallel_levels(TIMES, frequency, 1e7, 1e8)
    np.testing.assert_allclose(run.level, exact, rtol=0, atol=1e-6)


def test_small_gates():
    """Learning in generations: without waste, the limit of the learning times is approached as the gate closes."""
    prerequisites, frequency = [[], [0], [0, 1]], [0.5, 1.0, 2.0]
    exact = ro.analytic.small_gate_learning_times(0.5, prerequisites, "all", frequency, 1.0)
    errors = []
    for gate in (1e-3, 1e-5):
        model = ro.ResourceModel(ro.SkillGraph(prerequisites), frequency, 1.0, 0.0, gate)
        errors.append(float(jnp.max(jnp.abs(ro.learning_times(model, 0.5) - exact))))
    assert errors[1] < errors[0] / 5 and errors[1] < 0.05


def test_plateau():
    frequency, plateau = np.array([2.0, 1.0, 0.3]), 0.01
    model = ro.ResourceModel(ro.SkillGraph([[]] * 3), frequency, 0.25, 0.1, plateau=plateau)
    for level in (1e-6, 0.1, 0.5, 0.999):
        exact = ro.analytic.plateau_learning_times(level, frequency, 0.25, 0.1, plateau)
        np.testing.assert_allclose(ro.learning_times(model, level), exact, rtol=1e-7)
    clock = np.array([0.0, 1e-8, 0.5, 3.0, 10.0, 1e3, 1e5])
    exact = ro.analytic.plateau_levels(clock, frequency, plateau)
    run = ro.simulate(model, ro.analytic.plateau_steps(clock, frequency, 0.25, 0.1, plateau))
    np.testing.assert_allclose(run.clock, clock, rtol=1e-6)
    np.testing.assert_allclose(run.level, exact, rtol=0, atol=1e-7)
    assert float(ro.analytic.plateau_effort(0.5, 1.0)) == pytest.approx(np.log(2), rel=1e-15)
    refused = (
        lambda wrong: ro.analytic.plateau_effort(0.5, wrong),
        lambda wrong: ro.analytic.plateau_levels(clock, frequency, wrong),
        lambda wrong: ro.analytic.plateau_steps(clock, frequency, 0.25, 0.1, wrong),
        lambda wrong: ro.analytic.plateau_learning_times(0.5, frequency, 0.25, 0.1, wrong),
    )
    for call, wrong in itertools.product(refused, (0.0, 1.5)):
        with pytest.raises(ValueError, match=rf"plateau: expected a number above 0 and at most 1, got {wrong}"):
            call(wrong)


@pytest.mark.parametrize("strength", [0.0, 0.4, 1.0])
def test_chain_with_a_soft_prerequisite(strength):
    model = ro.ResourceModel(ro.SkillGraph([[], [0]]), [0.5, 2.0], 0.25, 0.1, 0.2, prerequisite_strength=strength)
    run = ro.simulate(model, TIMES).check()
    exact = ro.analytic.chain_log_depth(run.clock, 2.0, 0.5, 0.2, strength)
    np.testing.assert_allclose(run.log_depth[:, 1], exact, rtol=1e-6, atol=1e-9)
