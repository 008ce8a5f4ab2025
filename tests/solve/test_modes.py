"""Interference by eigenvectors: against many digits, first crossings against rows, and what is left to the ODE."""

import warnings

import jax
import mpmath
import numpy as np
import pytest
from systems import random_overlap

import resource_ode as ro
from resource_ode.solve import modes

TS = np.concatenate([[0.0], np.geomspace(1e-2, 1e6, 33)])


def model_of(frequency, overlap, waste=0.1, rate=0.05, **options):
    graph = ro.SkillGraph([[]] * np.shape(frequency)[-1])
    return ro.ResourceModel(graph, frequency, rate, waste, interference=overlap, **options)


def exact(model, clock):
    """Levels `(time, skill)` and what is spent, with 60 digits, of one model."""
    with mpmath.workdps(60):
        frequency = [mpmath.mpf(float(x)) for x in np.asarray(model.frequency, np.float64)]
        root = [mpmath.sqrt(x) for x in frequency]
        skills = range(len(root))
        overlap = np.asarray(model.interference, np.float64)
        operator = mpmath.matrix([[root[i] * mpmath.mpf(overlap[i, j]) * root[j] for j in skills] for i in skills])
        values, vectors = mpmath.eigsy(operator)
        part = [sum(vectors[i, k] * root[i] for i in skills) for k in skills]
        levels, spent = [], []
        for tau in map(mpmath.mpf, np.asarray(clock, np.float64)):
            grown = [-mpmath.expm1(-value * tau) / value for value in values]
            gone = [value * x for value, x in zip(values, grown, strict=True)]
            levels.append([float(sum(vectors[i, k] * part[k] * gone[k] for k in skills) / root[i]) for i in skills])
            wasted = mpmath.mpf(float(model.wasted_resource)) * tau
            spent.append(float(sum(part[k] ** 2 * grown[k] for k in skills) + wasted))
        return np.array(levels), np.array(spent)


@pytest.mark.parametrize("waste", [0.1, 1e-6, 1e3])
@pytest.mark.parametrize(("decades", "dimensions"), [(0.5, 30), (1, 6), (2, 12)])
def test_levels_and_times_against_many_digits(decades, dimensions, waste):
    rng = np.random.default_rng([int(10 * decades), dimensions])
    overlap = random_overlap(rng, 5, dimensions)
    model = model_of(10 ** rng.uniform(-decades, decades, 5), overlap, waste)
    run = ro.simulate(model, TS, tolerance=1e-9)
    assert run.method.startswith("modes (fastest") and '"ode"' not in run.method and run.failures() == ""
    levels, spent = exact(model, run.clock)
    np.testing.assert_allclose(run.level, levels, rtol=0, atol=1e-11)
    np.testing.assert_allclose(spent, 0.05 * TS, rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(run.budget_residual, 0, rtol=0, atol=1e-11)
    for level in (1e-9, 0.3, 0.9):
        times = np.asarray(ro.learning_times(model, level))
        some = np.argsort(times)[np.isfinite(np.sort(times))]
        at = ro.simulate(model, times[some], tolerance=1e-9)
        found, later = (exact(model, at.clock * (1 + x))[0][np.arange(len(some)), some] for x in (0, 1e-6))
        # as a part of the clock, which is known to 1e-11 of itself
        assert np.abs((found - level) / (later - found)).max() * 1e-6 < 1e-9


def test_the_first_of_several_crossings():
    """No row before a learning time is above the level, of models in which many skills rise and fall."""
    rng = np.random.default_rng(7)
    fallen = 0
    for _ in range(60):
        overlap = random_overlap(rng, 4, 3 + int(rng.integers(0, 3)))
        model = model_of(10 ** rng.uniform(-1.5, 1.5, 4), overlap, 0.1)
        ts = np.append(0, np.geomspace(1e-3, 1e4, 4000))
        level = np.asarray(ro.simulate(model, ts, tolerance=1e-8).level)
        for goal in (0.05, 0.6):
            times = np.asarray(ro.learning_times(model, goal))
            for skill in range(4):
                above = level[:, skill] > goal + 1e-9
                first = ts[np.argmax(above)] if above.any() else np.inf
                before = ts[np.argmax(above) - 1] if above.any() else np.inf
                # between the last row below and the first one above, or between two rows
                assert times[skill] <= first
                reached = np.isfinite(times[skill])
                assert not reached or float(_level(model, times[skill], skill)) == pytest.approx(goal, abs=1e-9)
                fallen += bool(above.any() and not above[np.argmax(above) :].all())
                fallen += bool(reached and times[skill] < before)
    assert fallen > 10


def _level(model, time, skill):
    return np.asarray(ro.simulate(model, [time], tolerance=1e-9).level)[0, skill]


def test_a_level_that_is_only_touched_is_not_guessed():
    """The second skill rises, and falls again: at its peak alone nobody can say."""
    model = model_of([5.0, 0.02, 0.5], [[1.0, 0.6, 0.0], [0.6, 1.0, -0.6], [0.0, -0.6, 1.0]], 0.2, 0.2)
    ts = np.linspace(5, 8, 3001)
    for _ in range(2):
        level = np.asarray(ro.simulate(model, ts, tolerance=1e-9).level)[:, 1]
        ts = ts[level.argmax()] + np.linspace(-1, 1, 3001) * (ts[1] - ts[0])
    peak, at = level.max(), ts[1500]
    assert 5.5 < at < 7.5
    before, after = (float(ro.learning_times(model, peak + x, tolerance=1e-3)[1]) for x in (-1e-10, 1e-10))
    assert at * 0.999 < before < at and after > 10 * at
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for goal in (np.nextafter(peak, 0), peak, np.nextafter(peak, 1)):
            touched = float(ro.learning_times(model, goal)[1])
            assert np.isnan(touched) or touched == pytest.approx(at, rel=1e-7) or touched == pytest.approx(after)


def test_without_waste_a_run_ends_where_all_is_learned():
    model = model_of([1.0, 0.4, 2.0], random_overlap(np.random.default_rng(1), 3, 9), 0.0, 0.1)
    ends = float(np.asarray(ro.simulate(model, [1e3]).spent)[0]) / 0.1
    run = ro.simulate(model, np.array([0.0, 0.5, 0.999, 1.001, 2.0]) * ends)
    assert run.failures() == "" and np.isinf(run.clock[3:]).all() and np.isfinite(run.clock[:3]).all()
    np.testing.assert_allclose(run.level[3:], 1, rtol=0, atol=1e-12)
    np.testing.assert_allclose(run.budget_residual, 0, rtol=0, atol=1e-12)
    levels, spent = exact(model, run.clock[:3])
    np.testing.assert_allclose(run.level[:3], levels, rtol=0, atol=1e-10)
    np.testing.assert_allclose(spent, 0.1 * np.asarray(run.ts[:3]), rtol=1e-12)
    assert np.all(np.asarray(ro.learning_times(model, 0.9)) < ends)


def test_members_of_which_it_is_not_sure_are_left_to_the_ode():
    """Frequencies twelve decades apart: eigenvalues are known up to rounding of the largest."""
    apart, near = np.array([1e-9, 1e3, 1.0]), np.array([1.0, 0.5, 2.0])
    overlap = np.where(np.eye(3), 1, 0.1)
    ts = np.array([0.0, 10.0, 1e9])
    both = model_of(np.stack([apart, near]), overlap, 1e-3, 0.05)
    told = []
    run = ro.simulate(both, ts, batch_size=1, progress=lambda *done: told.append(done))
    # the first waits for the ODE, which comes last
    assert told == [(1, 2), (2, 2)]
    assert run.method.endswith(', and "ode" for members that it was not sure of')
    alone = ro.simulate(both[1], ts)
    np.testing.assert_array_equal(run.level[1], alone.level)
    levels, _ = exact(both[0], run.clock[0])
    assert run[0].failures() != "" or np.abs(np.asarray(run.level[0]) - levels).max() < 1e-6


@pytest.mark.parametrize(("kind", "apart"), [("float32", 1e-7), ("float64", 1e-16), ("float64", 1e-12)])
def test_what_is_only_slow_is_not_never_learned(kind, apart):
    """Two skills alone: the clock of level 1/2 is log 2 over the frequency."""
    frequency, overlap = np.array([1.0, apart], kind), np.eye(2, dtype=kind)
    model = model_of(frequency, overlap, np.array(0.1, kind), np.array(0.05, kind))
    clock = np.log(2) / np.float64(frequency)
    spent = -np.expm1(-np.float64(frequency) * clock[:, None]).sum(axis=1) + 0.1 * clock
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        times = np.asarray(ro.learning_times(model, 0.5, tolerance=1e-3))
    known = ~np.isnan(times)
    assert known[0] and (apart < 1e-15 or known[1])
    np.testing.assert_allclose(times[known], (spent / 0.05)[known], rtol=1e-3)


def test_what_overlaps_alone_keep_from_being_learned():
    """Opposite task vectors, whatever the frequencies: what is learned of one is lost of the other."""
    overlap = np.array([[1.0, -1.0, 0.0], [-1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    for frequency in ([1.0, 2.0, 3.0], [1.0, 2.0, 1e-6]):
        times = np.asarray(ro.learning_times(model_of(frequency, overlap), 0.6))
        assert np.isinf(times[0]) and np.isfinite(times[1:]).sum() == 1


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_clock_beyond_numbers_is_no_success():
    """So little waste that the clock that it takes has no number, or one that the search does not reach."""
    for waste in (1e-300, 1e-303, 1e-307):
        ts = np.array([1.0, 1e5, 1e9])
        run = ro.simulate(model_of([1.0, 2.0], np.eye(2), waste, 1.0), ts)
        assert run.failures() != "" or np.abs(run.budget_residual).max() < 1e-6
    small = model_of(np.float32([1e-5, 2e-5]), np.eye(2, dtype=np.float32), np.float32(1e-35), np.float32(1.0))
    run = ro.simulate(small, np.float32([1.0, 1e10]))
    assert run.failures() != "" or np.isfinite(run.clock).all()


def test_around_the_end_without_waste():
    """What is left of a mode that is hardly seen in what is spent is not rounded away unseen."""
    rng = np.random.default_rng(5)
    for decades in (1, 3):
        for _ in range(5):
            model = model_of(10 ** rng.uniform(-decades, decades, 4), random_overlap(rng, 4, 5), 0.0, 1.0)
            with mpmath.workdps(60):
                # the inverse of the overlaps, summed, is all that can be spent
                inverse = mpmath.matrix(np.asarray(model.interference, float).tolist()) ** -1
                ends = float(sum(inverse))
            ts = ends * (1 + np.array([-1e-9, -1e-12, -4e-16, 0, 4e-16, 1e-12]))
            run = ro.simulate(model, ts, tolerance=1e-6)
            if run.failures() == "":
                np.testing.assert_allclose(run.level[3:], 1, rtol=0, atol=1e-6)
                finite = np.isfinite(run.clock)
                levels, spent = exact(model, run.clock[finite])
                np.testing.assert_allclose(run.level[finite], levels, rtol=0, atol=1e-6)
                np.testing.assert_allclose(spent, ts[finite], rtol=1e-11)


def test_single_precision_is_rounded_once():
    rng = np.random.default_rng(3)
    frequency, overlap = (10 ** rng.uniform(-1, 1, 6)).astype(np.float32), random_overlap(rng, 6, 20).astype(np.float32)
    model = model_of(frequency, overlap, np.float32(0.1), np.float32(0.05))
    ts = np.linspace(0, 500, 50, dtype=np.float32)
    run = ro.simulate(model, ts, tolerance=1e-6)
    assert run.level.dtype == np.float32 and run.failures() == "" and '"ode"' not in run.method
    wide = model_of(
        np.float64(frequency), np.float64(overlap), np.float64(model.wasted_resource), np.float64(model.learning_rate)
    )
    np.testing.assert_allclose(run.level, ro.simulate(wide, np.float64(ts)).level, rtol=0, atol=3e-7)
    np.testing.assert_allclose(ro.learning_times(model, 0.5), ro.learning_times(wide, 0.5), rtol=3e-7)


def test_batches_padding_and_reductions(monkeypatch):
    rng = np.random.default_rng(4)
    members = [model_of(10 ** rng.uniform(-1, 1, n), random_overlap(rng, n, 9), 0.1) for n in (2, 4, 3)]
    both, ts, told = ro.stack(members), np.linspace(0, 300, 7), []
    monkeypatch.setattr(modes, "PIECE", 4 * len(ts))
    run = ro.simulate(both, ts, batch_size=2, progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]
    times = np.asarray(ro.learning_times(both, 0.6))
    for k, member in enumerate(members):
        np.testing.assert_allclose(run[k].level, ro.simulate(member, ts).level, rtol=0, atol=1e-13)
        np.testing.assert_allclose(times[k, : member.skills], ro.learning_times(member, 0.6), rtol=1e-12)
        assert np.isnan(times[k, member.skills :]).all() and np.isnan(run.level[k, :, member.skills :]).all()
    last = ro.simulate(both, ts, reduce=lambda run: (run.level[-1], run.clock[-1]))
    np.testing.assert_array_equal(last[0], run.level[:, -1])
    np.testing.assert_array_equal(last[1], run.clock[:, -1])


def test_under_a_transformation_the_ode_serves():
    model = model_of([1.0, 0.5], [[1.0, 0.3], [0.3, 1.0]])
    run = jax.jit(lambda model: ro.simulate(model, TS[:20]))(model)
    assert run.method.startswith("ode (interference")
    np.testing.assert_allclose(run.level, ro.simulate(model, TS[:20]).level, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"loss": "cross_entropy"}, "the loss is not mean squared error"),
        ({"competition": "l2"}, "the competition is not l1"),
        ({"initial_level": [0.1, 0.0]}, "skills start at some level"),
        ({"pool": [0, 1]}, "there are pools"),
        ({"learning_rate": ro.Schedule([0, 10], [0.1, 0.2])}, "something follows a schedule"),
        ({"interference": None}, "there is no interference"),
    ],
)
def test_what_they_do_not_solve(changes, why):
    model = model_of([1.0, 0.5], np.eye(2)).replace(**changes)
    with pytest.raises(ValueError, match=f'method: "modes" cannot solve this model, since {why}; use "auto"'):
        ro.simulate(model, [0.0, 1.0], method="modes")
    assert not ro.simulate(model, [0.0, 1.0]).method.startswith("modes")
