"""Fits recover what made the curves, agree with a grid search, and state an error that is one."""

import functools

import numpy as np
import pytest

import resource_ode as ro
from resource_ode.fitting.waste import fit_waste

TS = np.arange(0.0, 1001.0, 20.0)
P = np.asarray(ro.frequencies.zipf(6, 2.0))
GRAPH = ro.SkillGraph([[]] * 6)
TRUE = np.asarray([1e-3, 0.03, 1.4])
MODEL = ro.ResourceModel(GRAPH, P, learning_rate=0.06, wasted_resource=1.0)


@functools.cache
def curves(competition="l1"):
    return ro.simulate(MODEL.replace(wasted_resource=TRUE, competition=competition), TS).level


def test_known_waste_is_recovered():
    fit = fit_waste(curves(), TS, MODEL)
    np.testing.assert_allclose(fit.wasted_resource, TRUE, rtol=1e-5)
    assert np.all(np.asarray(fit.converged)) and np.all(np.asarray(fit.rms) < 1e-6)
    np.testing.assert_array_equal(fit.learning_rate, [0.06] * 3)
    np.testing.assert_array_equal(fit.learning_rate_error, [0.0] * 3)
    np.testing.assert_array_equal(fit.model.wasted_resource, fit.wasted_resource)
    assert "3 curves, N0 from 0.001 to 1.4" in repr(fit)


def test_known_waste_and_rate_are_recovered():
    fit = fit_waste(curves(), TS, MODEL.replace(learning_rate=0.05), fit_learning_rate=True)
    np.testing.assert_allclose(fit.wasted_resource, TRUE, rtol=1e-2)
    np.testing.assert_allclose(fit.learning_rate, 0.06, rtol=1e-3)


@pytest.mark.slow
def test_the_l2_law_is_fitted_too():
    fit = fit_waste(curves("l2"), TS, MODEL.replace(competition="l2"))
    np.testing.assert_allclose(fit.wasted_resource, TRUE, rtol=1e-2)


def test_a_grid_search_of_601_points_finds_the_same():
    # curves bent so that no waste explains them without residue
    bent = np.asarray(curves()) ** 1.2
    fit = fit_waste(bent, TS, MODEL)
    grid = np.geomspace(1e-4, 1e2, 601)
    levels = np.asarray(ro.simulate(MODEL.replace(wasted_resource=grid), TS).level)
    errors = np.sqrt(np.mean((bent[:, None] - levels[None]) ** 2, axis=(2, 3)))
    best = grid[np.argmin(errors, axis=1)]
    assert np.all(np.abs(np.log(np.asarray(fit.wasted_resource) / best)) <= np.log(grid[1] / grid[0]))
    assert np.all(np.asarray(fit.rms) <= errors.min(axis=1) * (1 + 1e-6))
    assert np.all(errors.min(axis=1) > 1e-3)


def test_the_error_covers_the_truth_as_often_as_it_says():
    noise = np.random.default_rng(0).standard_normal((24, *curves().shape[1:]))
    fit = fit_waste(np.asarray(curves())[1] + 0.05 * noise, TS, MODEL)
    pulls = (np.asarray(fit.wasted_resource) - TRUE[1]) / np.asarray(fit.wasted_resource_error)
    assert 0.6 < np.std(pulls) < 1.5 and abs(np.mean(pulls)) < 0.8
    np.testing.assert_allclose(fit.rms, 0.05, rtol=0.2)
    single = fit_waste(np.asarray(curves())[1] + 0.05 * noise[:1], TS, MODEL)
    assert "N0 = 0.0" in repr(single) and "+-" in repr(single)


def test_batch_axes_of_curves_and_model_broadcast():
    fit = fit_waste(np.asarray(curves())[:, None], TS, MODEL.replace(learning_rate=[0.06, 0.07]))
    assert fit.wasted_resource.shape == (3, 2) and fit.model.batch_shape == (3, 2)
    np.testing.assert_allclose(fit.wasted_resource[:, 0], TRUE, rtol=1e-5)
    assert np.all(np.asarray(fit.rms[:, 1]) > 1e-3)


def test_curves_that_do_not_depend_on_the_waste_leave_it_unknown():
    fit = fit_waste(np.zeros((1, 6)), [0.0], MODEL)
    assert float(fit.wasted_resource_error) == np.inf


def test_prerequisites_are_fitted_through_the_cascade():
    graph = ro.SkillGraph([[], [0], [1]])
    model = ro.ResourceModel(graph, [0.3, 1.0, 3.0], 1e-2, 0.02, 1e-3)
    ts = np.linspace(0.0, 600.0, 41)
    fit = fit_waste(ro.simulate(model, ts).level, ts, model.replace(wasted_resource=1.0))
    assert float(fit.wasted_resource) == pytest.approx(0.02, rel=1e-2)


@pytest.mark.parametrize(
    ("levels", "ts", "model", "options", "message"),
    [
        (np.zeros((51, 6)), TS, 3, {}, "model: expected a ResourceModel, got int"),
        (np.zeros((51, 6)), TS, MODEL.replace(pool=[0] * 6), {}, "expected one pool"),
        (
            np.zeros((51, 6)),
            TS,
            MODEL.replace(learning_rate=ro.Schedule([0.0], [1.0])),
            {},
            "learning_rate: expected a number, got a schedule",
        ),
        (np.zeros((51, 6)), TS, MODEL, {"max_steps": 0}, "max_steps: expected a positive whole number, got 0"),
        (np.zeros((51, 5)), TS, MODEL, {}, r"levels: expected shape \(\*batch, 51, 6\)"),
        (np.full((51, 6), np.nan), TS, MODEL, {}, "levels: expected finite numbers"),
        ("high", TS, MODEL, {}, "levels: expected numbers, got 'high'"),
        (np.zeros((51, 6)), "soon", MODEL, {}, "ts: expected numbers"),
        (np.zeros((51, 6)), [], MODEL, {}, "ts: expected times of shape"),
        (np.zeros((2, 6)), [1.0, 0.0], MODEL, {}, "ts: expected finite, increasing times"),
        (np.zeros((3, 51, 6)), TS, MODEL.replace(learning_rate=[0.1, 0.2]), {}, "levels: batch axes"),
    ],
)
def test_wrong_input_is_refused(levels, ts, model, options, message):
    with pytest.raises(ValueError, match=message):
        fit_waste(levels, ts, model, **options)
