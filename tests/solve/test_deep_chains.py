"""Chains so deep that exposures grow as high powers of resource time: inside a panel an interpolant is then wrong by
more than what it interpolates, and gates of fast skills behind it open by nothing but that error.
"""

from __future__ import annotations

import contextlib

import jax.numpy as jnp
import numpy as np
import pytest

import resource_ode as ro
from reliability import references
from reliability.references import Member
from resource_ode.base.legendre import NODES
from resource_ode.solve.cascade import batch as batches
from resource_ode.solve.cascade import errors
from resource_ode.solve.cascade.arrays import ArrayCascade
from tests.solve.test_estimates import built, chain


class Unsure(Exception):
    """Raised in place of asking the general solver."""


def refuse(*_, **__):
    raise Unsure


def deep(seed: int, skills: int) -> tuple[Member, np.ndarray]:
    """A chain whose frequencies span 12 decades, and times up to when its last skill is learned."""
    rng = np.random.default_rng([seed, skills])
    frequency, waste = 10 ** rng.uniform(-6, 6, skills), 10 ** rng.uniform(-8, -1)
    member = Member(chain(skills), ["all"] * skills, frequency, 1e-2, waste, 10 ** rng.uniform(-0.3, 1))
    return member, np.linspace(0, float(np.nanmax(ro.learning_times(built(member), 0.5))), 12)


@pytest.mark.parametrize("skills", [32, 60, 120])
def test_levels_and_times_are_right(monkeypatch, skills):
    """By the loops, which are sure of nearly all."""
    monkeypatch.setattr(batches, "ode_members", refuse)
    monkeypatch.setattr(batches, "times_by_events", refuse)
    sure = asked = 0
    for seed in range(12):
        member, ts = deep(seed, skills)
        right = references.solve(member, ts, 0.5)
        claimed = max(right.level_error, np.max(right.time_error))
        for tolerance in (1e-3, 1e-4, 1e-5, 1e-6):
            if claimed > tolerance / 10:
                continue
            asked += 2
            try:
                level = ro.simulate(built(member), ts, tolerance=tolerance).level
                np.testing.assert_allclose(level, right.levels, rtol=0, atol=tolerance)
                sure += 1
                times = ro.learning_times(built(member), 0.5, tolerance=tolerance)
                np.testing.assert_allclose(times, right.times, rtol=tolerance)
                sure += 1
            except Unsure:
                pass
    assert asked > 80 and sure >= 0.9 * asked


@pytest.mark.slow
def test_by_arrays_they_are_right_or_said_to_be_unsure(monkeypatch):
    cases = [(member, references.solve(member, ts, 0.5)) for member, ts in (deep(seed, 120) for seed in range(6))]
    cases = [(member, right.times) for member, right in cases if np.max(right.time_error) < 1e-6]
    monkeypatch.setattr(batches, "BACKENDS", (ArrayCascade(),))
    monkeypatch.setattr(batches, "times_by_events", refuse)
    sure = 0
    for member, right in cases:
        with contextlib.suppress(Unsure):
            times = ro.learning_times(built(member), 0.5, tolerance=1e-5)
            np.testing.assert_allclose(times, right, rtol=1e-5)
            sure += 1
    assert len(cases) == 5 and sure


def test_an_error_that_came_in_is_a_larger_part_in_the_middle():
    """In a panel an exposure grows from 1 to 3, straight; an error of 0.1 came in and 0.2 is added."""
    places = np.polynomial.legendre.leggauss(NODES)[0]
    exposure = jnp.asarray(2 + places)[None]
    found = errors.error_in_the_middle(exposure, jnp.array([1.0, 3.0]), jnp.array([0.2]), jnp.array([0.3]))
    middle = 2 + places[NODES // 2]
    np.testing.assert_allclose(found, (0.1 + 0.2 * (middle - 1) / 2) / middle, rtol=1e-6)


def test_nodes_that_are_nothing_but_error_count_by_themselves():
    effort = jnp.asarray(np.geomspace(1e-9, 1, NODES))[None]
    gate = effort / 2
    assert float(errors.blurred(effort, gate, jnp.array([0.0]))[0]) == 0
    # an interpolant wrong by as much as the largest effort says nothing of the gate
    assert float(errors.blurred(effort, gate, jnp.array([1.0]))[0]) == pytest.approx(1, rel=1e-5)
    # one that is wrong by as much as the smallest says next to nothing against it
    assert 0 < float(errors.blurred(effort, gate, jnp.array([1e-12]))[0]) < 1e-12
