"""Pools that no prerequisite crosses: each is a model of its own, of its skills alone."""

import jax
import numpy as np
import pytest

import resource_ode as ro
from resource_ode.solve.cascade import traced

SKILLS, POOLS = 9, 4
# some pools of some members have no skill, others most of them
POOL = np.array([[0, 1, 0, 2, 0, 0, 0, 1, 0], [3, 3, 3, 3, 3, 3, 3, 3, 3], [2, 0, 1, 3, 2, 0, 1, 3, 2]])
CHANGES = {
    "plain": {},
    "l2": {"competition": "l2"},
    "soft, with a plateau": {"prerequisite_strength": 0.7, "plateau": 1e-2},
    "self-paced from levels": {"frequency_after": 2.0 ** -np.arange(SKILLS), "initial_level": np.full(SKILLS, 0.1)},
}
RATE, WASTE = np.array([0.01, 0.02, 0.05, 0.03]), np.array([0.1, 0.2, 0.05, 1.0])
GATES = ["all", "any", "all"] * 3
FREQUENCY = 0.8 ** np.arange(SKILLS)
TIMES = np.linspace(0, 2000, 7)


def lists(pool):
    """The skills before each skill that are of its pool: the last two of them."""
    return [[int(b) for b in np.flatnonzero(pool[:s] == pool[s])[-2:]] for s in range(SKILLS)]


def batch(changes, **more):
    graph = ro.stack([ro.SkillGraph(lists(pool), gate=GATES) for pool in POOL])
    options = {"learning_rate": RATE, "wasted_resource": WASTE, "gate_exponent": 0.3, "pool": POOL}
    return ro.ResourceModel(**({"graph": graph, "frequency": FREQUENCY} | options | changes | more))


def alone(changes, member, number):
    """The skills of one pool, and a model of them alone."""
    skills = np.flatnonzero(POOL[member] == number)
    place = {int(s): k for k, s in enumerate(skills)}
    behind = lists(POOL[member])
    graph = ro.SkillGraph([[place[b] for b in behind[s]] for s in skills], gate=[GATES[s] for s in skills])
    own = {k: v[skills] if np.ndim(v) == 1 else v for k, v in changes.items()}
    options = {"learning_rate": RATE[number], "wasted_resource": WASTE[number], "gate_exponent": 0.3}
    return skills, ro.ResourceModel(graph, **({"frequency": FREQUENCY[skills]} | options | own))


@pytest.mark.parametrize("name", CHANGES)
def test_each_pool_is_a_model_of_its_own(name):
    model = batch(CHANGES[name])
    run, times = ro.simulate(model, TIMES), np.asarray(ro.learning_times(model))
    for member in range(len(POOL)):
        for number in range(POOLS):
            if not np.any(POOL[member] == number):
                # nobody asks for anything
                np.testing.assert_allclose(run.waste[member, :, number], 1, atol=1e-12)
                continue
            skills, own = alone(CHANGES[name], member, number)
            expected = np.asarray(ro.simulate(own, TIMES).level)
            np.testing.assert_allclose(run.level[member][:, skills], expected, atol=1e-8)
            np.testing.assert_allclose(times[member, skills], ro.learning_times(own), rtol=1e-8)


def test_derivatives_are_those_of_pools_alone():
    by_all = jax.grad(lambda x: ro.learning_times(batch({}, frequency=x)).sum())(FREQUENCY)
    expected = np.zeros(SKILLS)
    for member in range(len(POOL)):
        for number in range(POOLS):
            if np.any(POOL[member] == number):
                skills, own = alone({}, member, number)
                expected[skills] += jax.grad(lambda x, own=own: ro.learning_times(own.replace(frequency=x)).sum())(
                    FREQUENCY[skills]
                )
    np.testing.assert_allclose(by_all, expected, rtol=1e-7)


def test_pools_that_nobody_knows_until_the_program_runs():
    model = batch({}, graph=ro.SkillGraph([[]] * SKILLS))
    known = ro.learning_times(model)
    found = jax.jit(lambda pool: ro.learning_times(model.replace(pool=pool)))(POOL)
    np.testing.assert_allclose(found, known, rtol=1e-13)


@pytest.mark.parametrize("none", [-1, POOLS, 50])
def test_a_skill_in_no_pool_gets_no_number_of_another(none):
    model = batch({}, graph=ro.SkillGraph([[]] * SKILLS))
    pool = POOL.copy()
    pool[1, 3] = none
    found, _ = jax.jit(lambda pool: traced.batch_times(model.replace(pool=pool), 0.5, 1e-5))(pool)
    assert np.isnan(found[1, 3])
    np.testing.assert_allclose(found[0], ro.learning_times(model)[0], rtol=1e-13)
