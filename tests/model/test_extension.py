"""The parameters for measured curves: how they are read, what they refuse, and the laws that they stand for."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from systems import SKILLS, TIMES, extended, random_case

import resource_ode as ro
from resource_ode.model.loss import MeanSquaredError, SlowStart

WORDS = ro.SkillGraph({"letters": [], "sounds": [], "words": ["letters", "sounds"]})
EFFORTS = np.concatenate([[0.0], 10.0 ** np.linspace(-12, 4, 65)])


def model(**changes):
    return ro.ResourceModel(WORDS, [1.0, 4.0, 9.0], 1e-2, 0.1, 0.5, **changes)


# -- reading


def test_the_papers_values_are_no_parameters():
    paper, ones = model(), model(plateau=1, frequency_power=1.0, learnability=1, prerequisite_strength=None)
    assert eqx.tree_equal(paper, ones) and paper.plateau is None and "plateau" not in repr(paper)
    assert "plateau=0.5" in repr(model(plateau=0.5)) and eqx.tree_equal(model(plateau=0.5).replace(plateau=1), paper)


@pytest.mark.parametrize("method", ["cascade", pytest.param("ode", marks=pytest.mark.slow), "steps"])
def test_ones_are_the_paper(method):
    """Given as arrays, as under a trace, they go through the extended equations and change nothing but rounding."""
    case = random_case(np.random.default_rng(3), learning_rate=0.1)
    own = {"plateau": jnp.ones(()), "frequency_power": jnp.ones(()), "learnability": jnp.ones(SKILLS)}
    ones = case.model(**own, prerequisite_strength=None).replace(prerequisite_strength=jnp.ones((SKILLS, 3)))
    run, paper = (ro.simulate(m, np.arange(0.0, 61.0), method=method) for m in (ones, case.model()))
    limit = {"cascade": 1e-6, "ode": 1e-12, "steps": 1e-14}[method]
    assert run.failures() == "" and np.abs(run.level - paper.level).max() < limit


def test_effective_frequencies():
    found = model(frequency_power=0.5, learnability={"letters": 1.0, "words": 3.0, "sounds": 2.0}).rate()
    np.testing.assert_allclose(found, [1.0, 2 * 2.0, 3 * 3.0], rtol=1e-15)
    paused = ro.Schedule([0.0, 5.0], [[4.0, 0.0, 1.0], [0.0, 4.0, 1.0]])
    held = ro.ResourceModel(WORDS, paused, 1e-2, 0.1, 0.5, frequency_power=0.0)
    np.testing.assert_array_equal(held.frequency_at(6.0), [0.0, 4.0, 1.0])
    # a skill that is never shown is not learned, whatever the power
    np.testing.assert_array_equal(held.effective(held.frequency_at(6.0)), [0.0, 1.0, 1.0])


def test_effective_frequencies_of_each_member():
    """As many members as skills: a power for each member taken for one for each skill would go unnoticed."""
    powers = np.array([0.5, 1.0, 2.0])
    found = ro.learning_times(model(frequency_power=powers))
    for power, times in zip(powers, found, strict=True):
        exact = ro.learning_times(model().replace(frequency=np.array([1.0, 4.0, 9.0]) ** power))
        np.testing.assert_allclose(times, exact, rtol=1e-6)


def test_strengths_by_name():
    by_name = model(prerequisite_strength={("sounds", "words"): 0.25}).prerequisite_strength
    np.testing.assert_array_equal(by_name, [[1, 1], [1, 1], [1, 0.25]])
    by_place = model(prerequisite_strength={(1, 2): 0.25}).prerequisite_strength
    np.testing.assert_array_equal(by_place, by_name)
    batch = model(prerequisite_strength={("sounds", "words"): np.array([0.25, 0.5])})
    assert batch.batch_shape == (2,) and batch[1].prerequisite_strength[2].tolist() == [1, 0.5]
    assert model(prerequisite_strength=np.array([0.1, 0.2])[:, None, None]).prerequisite_strength.shape == (2, 3, 2)
    through = jax.grad(lambda w: model(prerequisite_strength={("letters", "words"): w}).openness(jnp.zeros(3))[2])
    assert through(0.3) == 0.0  # the other prerequisite is shut


def test_strengths_follow_another_graph():
    soft = model(prerequisite_strength={("sounds", "words"): 0.25, ("letters", "words"): 0.5})
    other = ro.SkillGraph({"words": ["pictures", "sounds"], "sounds": [], "letters": [], "pictures": ["letters"]})
    moved = soft.replace(graph=other, frequency=[1.0] * 4).prerequisite_strength
    np.testing.assert_array_equal(moved, [[1, 0.25], [1, 1], [1, 1], [1, 1]])
    one = model(prerequisite_strength=0.25, learnability=2.0).replace(graph=other, frequency=[1.0] * 4)
    assert one.prerequisite_strength.tolist() == [[0.25, 0.25]] * 4 and one.learnability.tolist() == [2.0] * 4


def test_members_without_padding():
    alone = ro.ResourceModel(ro.SkillGraph([[]]), [1.0], 1e-2, 0.1, plateau=0.5)
    batch = ro.stack([alone, model(prerequisite_strength=0.5)])
    assert batch.plateau.tolist() == [0.5, 1.0] and batch.prerequisite_strength.shape == (2, 3, 2)
    first, second = batch[0], batch[1]
    assert first.prerequisite_strength.shape == (1, 0) and float(first.plateau) == 0.5
    assert second.prerequisite_strength.tolist() == [[0.5, 0.5]] * 3
    np.testing.assert_allclose(ro.learning_times(batch)[0, 0], ro.learning_times(alone)[0], rtol=1e-9)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"plateau": 0.0}, "plateau: expected finite numbers above 0 and at most 1, got 0.0"),
        ({"plateau": [0.5, 1.5]}, "plateau: expected finite numbers above 0 and at most 1, got 1.5 at index 1"),
        ({"plateau": True}, "plateau: expected numbers, got truth values"),
        ({"plateau": 0.5, "loss": "cross_entropy"}, 'plateau: expected None or 1 with loss="cross_entropy"'),
        ({"frequency_power": -1.0}, "frequency_power: expected finite numbers at least 0, got -1.0"),
        ({"learnability": [1.0, 2.0]}, r"learnability: expected shape \(\*batch, 3\) for 3 skills, got \(2,\)"),
        ({"learnability": [1.0, 0.0, 1.0]}, "learnability: expected finite numbers above 0, got 0.0 at index 1"),
        ({"learnability": {"letters": 1.0}}, "learnability: expected a number for each skill, got none for 'sounds'"),
        ({"prerequisite_strength": [0.5, 0.5]}, r"prerequisite_strength: expected shape \(\*batch, 3, 2\)"),
        ({"prerequisite_strength": 1.5}, "prerequisite_strength: expected finite numbers at least 0 and at most 1"),
        ({"prerequisite_strength": {("letters", "word"): 0.5}}, "got 'word'; did you mean 'words'?"),
        ({"prerequisite_strength": {("words", "letters"): 0.5}}, "but letters does not require words"),
        (
            {"prerequisite_strength": {("letters", "words"): 2.0}},
            "strength of letters for words: expected finite",
        ),
        ({"prerequisite_strength": {"letters": 0.5}}, r"expected pairs of names \(prerequisite, skill\) as keys"),
    ],
)
def test_what_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        model(**changes)


def test_interference_has_no_plateau():
    with pytest.raises(ValueError, match="interference: cannot be combined with plateau"):
        ro.ResourceModel(ro.SkillGraph([[], []]), [1.0, 1.0], 1e-2, 0.1, interference=np.eye(2), plateau=0.5)


# -- the law of a plateau


@pytest.mark.parametrize("plateau", [1.0, 0.7, 0.5, 0.49, 0.1, 1e-4, 1e-12, 1e-30])
def test_log_depth_and_its_inverse(plateau):
    law = SlowStart(jnp.asarray(plateau))
    depth = np.asarray(law.log_depth(jnp.asarray(EFFORTS)))
    # ln(1 + e (e^z - 1)) in longer numbers, which overflow later
    long = np.longdouble(EFFORTS)
    exact = np.log1p(np.longdouble(plateau) * np.expm1(long))
    np.testing.assert_allclose(depth, exact.astype(float), rtol=3e-15)
    np.testing.assert_allclose(law.effort_for_depth(jnp.asarray(depth)), EFFORTS, rtol=1e-12)
    # u = e^-D, and the demand is what the level gains for each unit of effort
    here = EFFORTS[EFFORTS < 600]
    grown = jax.vmap(jax.grad(law.progress))(jnp.asarray(here))
    np.testing.assert_allclose(law.demand(jnp.asarray(here)), grown, rtol=1e-13, atol=1e-300)
    u = np.exp(-depth[EFFORTS < 600])
    np.testing.assert_allclose(law.direct_demand(jnp.asarray(u)), grown, rtol=1e-11, atol=1e-16)


def test_a_plateau_of_one_is_the_papers_law_to_the_bit():
    ones, paper, z = SlowStart(jnp.ones(())), MeanSquaredError(), jnp.asarray(EFFORTS)
    levels = jnp.linspace(0.0, 0.999, 50)
    for name in ("log_depth", "unlearned", "level", "demand", "progress", "value", "effort_for_depth"):
        np.testing.assert_array_equal(getattr(ones, name)(z), getattr(paper, name)(z), err_msg=name)
    for name in ("effort_at", "effort_of_progress", "direct_demand"):
        np.testing.assert_array_equal(getattr(ones, name)(levels), getattr(paper, name)(levels), err_msg=name)


@pytest.mark.parametrize("plateau", [0.9, 0.1, 1e-6])
def test_bounds_of_the_law(plateau):
    law, z = SlowStart(jnp.asarray(plateau)), jnp.linspace(1e-3, 60.0, 4001)
    depth = law.log_depth(z)
    along = jax.vmap(jax.grad(law.log_depth))(z)
    assert float(law.depth_steepness(jnp.asarray(0.0))) == 1
    assert np.all(law.depth_steepness(z) >= np.maximum(z * along / depth, 1) * (1 - 1e-12))
    most = float(np.max(law.demand(z)))
    assert abs(float(law.largest_demand(z[0], z[-1])) - most) <= 1e-5 * most
    first, last = z[:-400], z[400:]
    inside = np.lib.stride_tricks.sliding_window_view(np.asarray(law.demand(z)), 401).max(axis=1)
    assert np.all(law.largest_demand(first, last) >= inside * (1 - 1e-12))


def test_float32():
    rng = np.random.default_rng(9)
    case = dataclasses.replace(extended(rng), plateau=0.01)
    case.frequency = np.asarray(case.frequency, np.float32)
    single = case.model()
    assert single.dtype == single.prerequisite_strength.dtype == jnp.float32
    for method in ("cascade", "ode"):
        run = ro.simulate(single, TIMES, method=method)
        assert run.failures() == "" and np.abs(np.asarray(run.level) - case.levels()).max() < 2e-4


def test_a_self_paced_skill_that_is_slow_to_learn_is_learned_where_a_run_without_waste_ends():
    # slower after level 1/2 than before, and its effective frequency far below the frequency that was given
    model = ro.ResourceModel(ro.SkillGraph([[]]), [1.0], 1.0, 0.0, frequency_after=[1e-3], learnability=[1e-6])
    run = ro.simulate(model, [0.0, 5.0])
    np.testing.assert_array_equal(run.unlearned[:, 0], [1.0, 0.0])
    np.testing.assert_array_equal(run.loss, [1.0, 0.0])
