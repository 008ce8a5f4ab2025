"""Self-paced skills that become far faster: what happens then is over in a layer that panels must not step over.

The reference is a root and the skill behind it, by quadrature that knows where the root turns and how soon.
"""

import warnings

import numpy as np
import pytest

import resource_ode as ro
from resource_ode.solve.cascade import batch

MEMBERS = 60
RATE, LEVEL = 0.01, 0.9
NODES, WEIGHTS = np.polynomial.legendre.leggauss(24)


def log_depth(effort, plateau):
    """ln(1 + epsilon (e^z - 1)), also where the exponential is beyond all numbers."""
    return np.where(effort > 600, effort + np.log(plateau), np.log1p(plateau * np.expm1(np.minimum(effort, 600))))


def reference(frequency, after, waste, exponent, plateau, strength):
    """The learning time of the second skill, whose frequency is 1."""
    half = np.log1p(1 / plateau)
    turn = half / frequency
    goal = np.log1p(LEVEL / (plateau * (1 - LEVEL)))

    def effort(time):
        return np.where(time < turn, frequency * time, half + after * (time - turn))

    def opening(time):
        return 1 - strength * np.exp(-exponent * log_depth(effort(time), plateau))

    scales = np.geomspace(1e-18, 1e12, 900)
    edges = np.unique(np.concatenate([[0.0], turn * (1 - scales[scales < 1]), [turn], turn + scales * turn]))
    left, width = edges[:-1, None], np.diff(edges)[:, None] / 2
    gained = (opening(left + width * (1 + NODES)) @ WEIGHTS) * width[:, 0]
    exposure = np.concatenate([[0.0], np.cumsum(gained)])
    panel = int(np.searchsorted(exposure, goal)) - 1
    low, high = edges[panel], edges[panel + 1]
    for _ in range(200):
        middle = (low + high) / 2
        part = (middle - edges[panel]) / 2
        found = exposure[panel] + part * (opening(edges[panel] + part * (1 + NODES)) @ WEIGHTS)
        low, high = (middle, high) if found < goal else (low, middle)
    root = -np.expm1(-log_depth(effort(low), plateau))
    return (root + LEVEL + waste * low) / RATE


@pytest.fixture(scope="module")
def ensemble():
    rng = np.random.default_rng(5)
    frequency, after = 10 ** rng.uniform(-3, 1, MEMBERS), 10 ** rng.uniform(0, 6, MEMBERS)
    after *= frequency
    waste, exponent, plateau = (10 ** rng.uniform(*ends, MEMBERS) for ends in ((-3, 0), (-6, 1), (-8, 0)))
    # open by a part from the start, or the second skill would see the layer as all that it has
    strength = rng.uniform(0.5, 1, MEMBERS)
    rows = zip(frequency, after, waste, exponent, plateau, strength, strict=True)
    model = ro.ResourceModel(
        ro.SkillGraph([[], [0]]), np.stack([frequency, np.ones(MEMBERS)], axis=1), RATE, waste, exponent,
        frequency_after=np.stack([after, np.ones(MEMBERS)], axis=1), plateau=plateau,
        prerequisite_strength=np.stack([np.ones(MEMBERS), strength], axis=1)[..., None],
    )  # fmt: skip
    return model, np.array([reference(*row) for row in rows])


@pytest.mark.parametrize("tolerance", [1e-5, 1e-7, 1e-9])
def test_times_behind_a_skill_that_becomes_far_faster(ensemble, tolerance):
    model, exact = ensemble
    found = np.asarray(ro.learning_times(model, LEVEL, tolerance=tolerance))[:, 1]
    assert np.max(np.abs(found / exact - 1)) <= tolerance


@pytest.mark.parametrize(
    ("backends", "tolerance"), [(slice(1), 1e-11), pytest.param(slice(-1, None), 1e-7, marks=pytest.mark.slow)]
)
def test_members_that_are_sure_are_right(ensemble, backends, tolerance, monkeypatch):
    """The loops next to rounding, and the arrays, which have no panels for the layers: nobody else is asked."""
    model, exact = ensemble
    monkeypatch.setattr(batch, "BACKENDS", batch.BACKENDS[backends])
    monkeypatch.setattr(batch, "_by_ode", lambda *_: False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        found = np.asarray(ro.learning_times(model, LEVEL, tolerance=tolerance))[:, 1]
    sure = np.isfinite(found)
    assert sure.mean() > 0.5
    assert np.max(np.abs(found / exact - 1)[sure]) <= tolerance


def test_levels_behind_a_skill_that_becomes_far_faster(ensemble):
    """At its learning time a skill is at the level, to within what the time may be off."""
    model, exact = ensemble
    found = [float(ro.simulate(model[k], [0, exact[k]], tolerance=1e-9).level[1, 1]) for k in range(0, MEMBERS, 10)]
    np.testing.assert_allclose(found, LEVEL, atol=2e-9)
