"""Error estimates that were once too small: each model against an independent reference, or said to be inaccurate."""

from __future__ import annotations

import dataclasses
import importlib
import warnings

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import optimistix
import pytest

import resource_ode as ro
from benchmarks.engine.variants import variant
from reliability import references
from reliability.references import Member
from resource_ode import native
from resource_ode.solve.cascade import arrays


def built(member: Member, dtype: type = np.float64) -> ro.ResourceModel:
    graph = ro.SkillGraph(member.prerequisites, member.gate)
    numbers = {
        name: jnp.asarray(getattr(member, name), dtype)
        for name in ("frequency", "learning_rate", "wasted_resource", "gate_exponent")
    }
    after = None if member.frequency_after is None else jnp.asarray(member.frequency_after, dtype)
    return ro.ResourceModel(
        graph, loss=member.loss, competition=member.competition, frequency_after=after, pool=member.pool, **numbers
    )


def chain(skills: int) -> list[list[int]]:
    return [[i - 1] if i else [] for i in range(skills)]


def off(member: Member, times: np.ndarray, level: float) -> float:
    """The largest relative error of learning times; 0 where they are said to be unsure."""
    right = references.solve(member, np.zeros(0), level).times
    return float(np.nanmax(np.abs(np.asarray(times, float) / right - 1), initial=0))


# levels at which an error of a level is a far larger one of its time
@pytest.mark.parametrize("level", [1e-3, 0.1, 0.999])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("traced", [False, True])
@pytest.mark.parametrize("exponent", [0.9, 15.0, 700.0])
def test_errors_of_times_are_relative(level, dtype, traced, exponent):
    level = float(dtype(level))
    rng = np.random.default_rng(5)
    tolerance = 1e-4 if dtype is np.float32 else 1e-7
    solve = (
        (lambda model: ro.learning_times(model, jnp.asarray(level, dtype)))
        if traced
        else (lambda model: ro.learning_times(model, level))
    )
    solve = jax.jit(solve) if traced else solve
    sure = 0
    for _ in range(4):
        frequency = (10 ** rng.uniform(-4, 4, 9)).astype(dtype).astype(float)
        member = Member(
            [[], [8], [8], [], [8, 1, 2], [], [0], [6], []], [str(g) for g in rng.choice(["all", "any"], 9)],
            frequency, 0.3125, float(dtype(10 ** rng.uniform(-6, 0))), float(dtype(exponent)),
        )  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            times = np.asarray(solve(built(member, dtype)))
        assert off(member, times, level) <= tolerance
        sure += not np.isnan(times).any()
    assert sure or traced


def test_gates_that_open_before_the_first_node_are_seen():
    member = Member(
        [[], [0], [1]], ["all", "any", "all"], np.array([8.7e4, 7e4, 3.0]), 7.5e-4, 0.0, 776.0
    )  # fmt: skip
    ts = np.linspace(0, 2000, 12)
    run = ro.simulate(built(member), ts)
    right = references.solve(member, ts, None).levels
    assert run.failures() == ""
    np.testing.assert_allclose(run.level, right, rtol=0, atol=1e-6)
    traced = jax.jit(lambda model: ro.simulate(model, ts))(built(member))
    np.testing.assert_allclose(traced.level, right, rtol=0, atol=1e-6)


def test_errors_of_all_skills_come_through_the_clock():
    """Hundreds of skills that compete at once: each may be right to the tolerance, and their sum far off."""
    rng = np.random.default_rng(1)
    member = Member(chain(300), ["all"] * 300, 10 ** rng.uniform(-1, 1, 300), 1.0, 1e-3, 1e-2)
    ts = np.geomspace(30, 3e3, 8)
    model = built(member)
    right = references.solve(member, ts, None).levels
    for method in ("cascade", "ode"):
        run = ro.simulate(model, ts, method=method, max_steps=20_000 if method == "ode" else None)
        assert run.failures() == ""
        np.testing.assert_allclose(run.level, right, rtol=0, atol=1e-6)


@pytest.mark.slow
def test_the_ode_does_not_trust_the_budget_alone():
    """Gates that are wrong spend what they let through: levels are off by far more than the residual tells."""
    rng = np.random.default_rng(0)
    member = Member(chain(200), ["all"] * 200, 10 ** rng.uniform(-2, 2, 200), 1.5e-3, 5e-5, 1e-3)
    ts = np.geomspace(3e3, 1e6, 8)
    right = references.solve(member, ts, None).levels
    assert np.abs(ro.simulate(built(member), ts, method="ode", tolerance=1e-4).check().level - right).max() < 1e-4
    # an absolute tolerance above the efforts by which gates first open
    rough = ro.ODE(controller=diffrax.PIDController(rtol=1e-4, atol=1e-4, norm=optimistix.max_norm), tolerance=1e-4)
    run = ro.simulate(built(member), ts, method=rough)
    assert np.abs(run.level - right).max() > 100 * np.abs(run.budget_residual).max()
    assert run.result == ro.RESULTS.inaccurate


def test_tiny_efforts_by_which_gates_open_are_right():
    """Gates in proportion to what was learned long before: two solves that take the same first steps see nothing."""
    times = np.array([0.0, 993562.6875, 1469431.375])
    frequency = np.array([
        [3.95670867, 1.06399666e-05, 2.31132835e-05, 375438.156, 0, 1.66972507e-06, 1394.09448, 2.299e-03, 3.57e-03],
        [3.84466171, 2.59158555e-02, 8.91001127e-06, 375438.156, 2.49622481e-05, 0, 0, 1.80156471e-03, 1.065e-05],
        [0, 3.60971399e-06, 4.74584067e-06, 375438.156, 1.05130164e-06, 1.163e-04, 1621.54529, 5.98165e-07, 4.89e-04],
    ])  # fmt: skip
    rows = [[3, 8, 1], [3, 8], [3, 8, 1, 0], [], [8, 1, 2], [1], [3, 1, 0, 2], [1, 0, 4, 5], [3]]
    gate = ["any", "all", "any", "any", "any", "any", "all", "any", "all"]
    waste = (times, np.array([0.09244324, 1.21351182, 0.1541138]))
    member = Member(rows, gate, (times, frequency), 5.0216e-08, waste, 118.9, loss="cross_entropy")
    right = references.solve(member, np.zeros(0), 0.5).times[6]
    model = ro.ResourceModel(
        ro.SkillGraph(rows, gate), ro.Schedule(times, frequency), 5.0216e-08, ro.Schedule(*waste), 118.9,
        loss="cross_entropy",
    )  # fmt: skip
    for tolerance in (1e-5, 1e-6, 1e-7):
        run = ro.simulate(model, [right], tolerance=tolerance)
        assert run.failures() or abs(float(run.level[0, 6]) - 0.5) < tolerance
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "learning_times: ")
            found = float(ro.learning_times(model, tolerance=tolerance)[6])
        assert np.isnan(found) or found == pytest.approx(right, rel=tolerance)


def test_times_of_levels_that_round_to_one_are_as_right_as_others():
    """In float32 levels next to 1 have hardly a digit left of what is unlearned; efforts have all of theirs."""
    graph = ro.SkillGraph([[], [0]])
    with jax.enable_x64(False):
        frequency = ro.Schedule([0.0, 1.0], np.array([[1.0, 0.3]] * 2, np.float32))
        model = ro.ResourceModel(graph, frequency, 1e-3, 1.0, 0.5, plateau=1e-20)
        found = ro.learning_times(model, 0.999999)
        level = float(np.float32(0.999999))
    with jax.enable_x64(True):
        exact = ro.ResourceModel(graph, [1.0, 0.3], 1e-3, 1.0, 0.5, plateau=1e-20)
        np.testing.assert_allclose(found, ro.learning_times(exact, level), rtol=1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_everything_is_learned_where_exposure_is_infinite(dtype):
    """Without waste a run ends; for cross entropy and for skills that slow down that took more than for MSE."""
    ts = np.array([0.0, 1e9])
    plain = Member([[], [0]], ["all", "all"], np.array([1.0, 2.0]), 0.01, 0.0, 0.5)
    entropy = dataclasses.replace(plain, loss="cross_entropy", competition="l2")
    slower = dataclasses.replace(plain, frequency_after=np.array([1e-3, 1e-3]))
    for member in (entropy, slower):
        run = ro.simulate(built(member, dtype), ts)
        assert np.all(np.isinf(run.exposure[-1]))
        np.testing.assert_allclose(run.level[-1], 1, rtol=0, atol=1e-6)


def test_members_nobody_can_solve_end_soon(monkeypatch):
    """More skills than the general solver could take one by one, and fewer panels than they need."""
    monkeypatch.setattr(importlib.import_module("resource_ode.native.library"), "MOST_PANELS", 16)
    monkeypatch.setattr(importlib.import_module("resource_ode.native.library"), "ATTEMPTS", 1)
    monkeypatch.setattr(arrays, "MORE_PANELS", ())
    rng = np.random.default_rng(3)
    skills = 80
    rows = [sorted(rng.choice(i, min(i, 4), replace=False).tolist()) for i in range(skills)]
    graph = ro.SkillGraph(rows, ["any"] * skills)
    model = ro.ResourceModel(
        graph, 10 ** rng.uniform(-4, 4, skills), learning_rate=0.1, wasted_resource=1e-3, gate_exponent=1.0
    )
    with pytest.warns(UserWarning, match="more than 64 skills"):
        times = ro.learning_times(model, 0.5, tolerance=1e-12)
    assert np.isnan(times).all()


def test_gates_that_open_one_another_are_solved_at_a_tight_tolerance():
    rng = np.random.default_rng(3)
    rows = [sorted(rng.choice(i, min(i, 4), replace=False).tolist()) for i in range(80)]
    member = Member(rows, ["any"] * 80, 10 ** rng.uniform(-4, 4, 80), 0.1, 1e-3, 1.0)
    times = np.asarray(ro.learning_times(built(member), 0.5, tolerance=1e-10))
    assert not np.isnan(times).any()
    assert off(member, times, 0.5) <= 1e-10


@pytest.mark.skipif(native.library() is None, reason="the loops are not built")
@pytest.mark.parametrize("name", ["cross entropy", "l2", "self-paced"])
def test_no_member_of_an_ensemble_is_beyond_its_tolerance(name):
    """Each went beyond by 2 to 35 times: openings without steady decay, the integral of a root, gates that bend."""
    model = variant(name, 1024).model()
    for level in (0.5, 0.95):
        right = np.asarray(ro.learning_times(model, level, tolerance=1e-11))
        for tolerance in (1e-6, 1e-7, 1e-8):
            found = np.asarray(ro.learning_times(model, level, tolerance=tolerance))
            assert np.mean(np.isnan(found)) < 1e-3
            np.testing.assert_allclose(found, np.where(np.isnan(found), np.nan, right), rtol=tolerance)


def test_gates_that_bend_are_seen():
    """A chain of self-paced skills whose turns move as those before are resolved, against the reference."""
    model = variant("self-paced", 1024).model()[939]
    member = Member(
        prerequisites=model.graph.prerequisite_lists(), gate=["all"] * 16, loss="mse", competition="l1", pool=None,
        **{name: np.asarray(getattr(model, name)) for name in
           ("frequency", "learning_rate", "wasted_resource", "gate_exponent", "frequency_after")},
    )  # fmt: skip
    for tolerance in (1e-7, 1e-8):
        assert off(member, np.asarray(ro.learning_times(model, tolerance=tolerance)), 0.5) < tolerance


@pytest.mark.parametrize("way", ["loops", pytest.param("arrays", marks=pytest.mark.slow)])
def test_levels_that_float32_cannot_hold_are_said_to_be_inaccurate(way, monkeypatch):
    """From level 1/2 on the skill is a million times as fast: the next number after its exposure is another level."""

    def level_of(dtype):
        frequency = np.array([1.0, 1.0], dtype)
        model = ro.ResourceModel(
            ro.SkillGraph([[], []]), frequency, 1.0, 1.0, frequency_after=frequency * np.array([1e6, 1], dtype)
        )
        return ro.simulate(model, np.linspace(0, 3, 25).astype(dtype))

    exact = level_of(np.float64)
    if way == "arrays":
        monkeypatch.setattr(native, "obstacle", lambda model: "they are left out")
    run = level_of(np.float32)
    assert np.abs(np.asarray(run.level) - np.asarray(exact.level)).max() > 1e-3
    assert run.result == ro.RESULTS.inaccurate
    assert exact.result == ro.RESULTS.successful
