"""What a user adds from outside the package, each in a few lines: a loss, a gate, a competition, a generator, an
observable. Every method solves them, and they agree.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import resource_ode as ro
from resource_ode.graphs.gates import AbstractGate
from resource_ode.model.competition import AbstractCompetition
from resource_ode.model.loss import AbstractLoss
from resource_ode.related.domino import serial_order


class Cubic(AbstractLoss):
    """Demand falls with the square of what is missing, `u = 1/(1 + z)`."""

    name = "cubic"
    unlearned = staticmethod(lambda effort: 1 / (1 + effort))
    level = progress = staticmethod(lambda effort: effort / (1 + effort))
    demand = staticmethod(lambda effort: 1 / (1 + effort) ** 2)
    value = staticmethod(lambda effort: 1 / (1 + effort) ** 3)
    effort_at = effort_of_progress = staticmethod(lambda level: level / (1 - level))
    effort_for_depth = staticmethod(jnp.expm1)


class CubeRoot(AbstractCompetition):
    name = "l3"

    def part(self, competitiveness):
        return competitiveness**3

    def total(self, parts, waste):
        return (parts + waste**3) ** (1 / 3)


class Mean(AbstractGate):
    """Each prerequisite opens its part of the way."""

    name = "mean"

    def combine(self, gates, required):
        count = jnp.sum(required, axis=1, dtype=gates.dtype)
        return jnp.sum(jnp.where(required, gates, 0), axis=1) / jnp.where(count > 0, count, 1)


def ladder(skills):
    """A generator: each skill requires the two before it."""
    return ro.SkillGraph([list(range(max(0, i - 2), i)) for i in range(skills)], gate=Mean())


def half_way(run):
    """An observable: skills learned, in all, at half of the time."""
    return jnp.nansum(run.level[run.ts.shape[0] // 2])


TS = np.linspace(0.0, 300.0, 31)
MODEL = ro.ResourceModel(ladder(5), np.geomspace(1.0, 3.0, 5), 0.05, 0.1, 0.5)
VARIANTS = {
    "gate": {},
    "loss": {"loss": Cubic()},
    "competition": {"competition": CubeRoot()},
    "all of them": {"loss": Cubic(), "competition": CubeRoot()},
}
# of what is tried together
PARTS = ("gate", "loss", "competition")


@pytest.mark.parametrize(
    "change",
    [pytest.param(VARIANTS[name], id=name, marks=[pytest.mark.slow] * (name in PARTS)) for name in VARIANTS],
)
def test_the_methods_agree(change):
    model = MODEL.replace(**change)
    run, times = ro.simulate(model, TS), np.asarray(ro.learning_times(model, 0.5))
    # at the times of both, in one solve
    ts = np.sort(np.concatenate([TS, times]))
    exact = ro.simulate(model, ts, method="ode", tolerance=1e-9)
    assert run.method.startswith("cascade") and run.failures() == exact.failures() == ""
    levels = exact.level[np.searchsorted(ts, TS)]
    np.testing.assert_allclose(run.level, levels, atol=1e-6)
    np.testing.assert_allclose(exact.level[np.searchsorted(ts, times), np.arange(5)], 0.5, atol=1e-6)
    # the recursion is the same law in steps of one
    steps = ro.simulate(model, TS, method="steps")
    assert 0 < np.abs(steps.level - levels).max() < 0.05


def test_a_loss_against_its_closed_form():
    """One skill alone, no waste: `eta t` is its progress."""
    model = ro.ResourceModel(ro.SkillGraph([[]]), [2.0], 0.01, 0.0, loss=Cubic())
    np.testing.assert_allclose(ro.learning_times(model, 0.3), [30.0], rtol=1e-7)
    np.testing.assert_allclose(ro.simulate(model, [10.0, 60.0]).level[:, 0], [0.1, 0.6], atol=1e-6)


@pytest.mark.slow
def test_derivatives_and_batches():
    waste = jnp.asarray([0.05, 0.1, 0.2])
    times = ro.learning_times(MODEL.replace(wasted_resource=waste, competition=CubeRoot()))
    slope = jax.jacfwd(lambda w: ro.learning_times(MODEL.replace(wasted_resource=w, competition=CubeRoot())))(0.1)
    near = [ro.learning_times(MODEL.replace(wasted_resource=w, competition=CubeRoot())) for w in (0.099, 0.101)]
    np.testing.assert_allclose(slope, (near[1] - near[0]) / 0.002, rtol=1e-3)
    np.testing.assert_allclose(times[1], ro.learning_times(MODEL.replace(competition=CubeRoot())), rtol=1e-9)


def test_an_observable_inside_the_solve():
    found = ro.simulate(MODEL, TS, reduce=half_way)
    np.testing.assert_allclose(found, half_way(ro.simulate(MODEL, TS)), rtol=1e-12)


def test_what_has_no_short_name_is_not_saved_as_something_else(tmp_path):
    with pytest.raises(ValueError, match=r"run: a \.nc file holds runs with the gate of this package, got Mean"):
        ro.simulate(MODEL, TS).save(tmp_path / "run.nc")
    with pytest.raises(ValueError, match="with the loss of this package"):
        ro.simulate(ro.ResourceModel(ro.graphs.chain(2), [1.0, 1.0], 0.1, 0.1, 0.1, loss=Cubic()), TS).save(
            tmp_path / "run.nc"
        )
    assert not list(tmp_path.iterdir())


def test_a_gate_of_ones_own_lets_a_skill_start_when_it_opens():
    # with a mean, skill 2 may start once one of its two prerequisites is learned
    graph = ro.SkillGraph([[], [], [0, 1]], gate=Mean())
    model = ro.ResourceModel(graph, [1.0, 0.1, 0.5], 0.1, 0.0, 0.1)
    assert serial_order(model).tolist() == [0, 2, 1]
    assert serial_order(model.replace(graph=ro.SkillGraph([[], [], [0, 1]]))).tolist() == [0, 1, 2]
