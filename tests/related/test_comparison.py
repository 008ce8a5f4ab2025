"""One call holds the whole ladder side by side."""

import functools

import numpy as np
import pytest

import resource_ode as ro
from resource_ode.related.comparison import DOMINO, L1, L2, OVERLAPS, RECURSION

TS = np.arange(0, 601, 20)
P = np.asarray(ro.frequencies.zipf(5, 2.0))
MODEL = ro.GeometryModel(P, 400, 1e-3, vectors="random")


@functools.cache
def compared():
    return ro.compare(MODEL, TS, seeds=[0, 1, 2])


@pytest.mark.slow
def test_the_order_of_the_models_is_the_order_of_their_errors():
    rms = compared().rms()
    assert list(rms) == [L1, L2, OVERLAPS, RECURSION, DOMINO]
    assert rms[OVERLAPS] < rms[L2] < rms[L1] < rms[DOMINO]
    largest = compared().max_error()
    assert all(rms[name] < largest[name] <= 1.2 for name in rms)


def test_errors_are_those_of_the_curves():
    measured = np.asarray(compared().run.level)
    gap = np.asarray(compared().models[L2].level)[None] - measured
    assert compared().rms()[L2] == pytest.approx(np.sqrt(np.mean(gap**2)))
    assert compared().max_error()[L2] == pytest.approx(np.abs(gap).max())


def test_the_waste_of_l1_is_the_best_one_for_all_seeds():
    fit = compared().waste_fit
    measured, best = np.asarray(compared().run.level), compared().rms()[L1]
    for factor in (0.9, 1.1):
        other = MODEL.resource_model("l1", wasted_resource=factor * float(fit.wasted_resource))
        gap = np.asarray(ro.simulate(other, TS).level)[None] - measured
        assert np.sqrt(np.mean(gap**2)) > best
    given = ro.compare(MODEL, TS, seeds=[0, 1, 2], wasted_resource=0.5)
    assert given.waste_fit is None and given.rms()[L1] > best and given.rms()[L2] == compared().rms()[L2]


def test_learning_times_stand_side_by_side():
    times = compared().learning_times(0.5)
    assert list(times) == ["Geometry", L1, L2, OVERLAPS, RECURSION, DOMINO]
    np.testing.assert_allclose(times[DOMINO], ro.domino.serial_times(MODEL.resource_model(), 0.5), rtol=1e-6)
    exact = np.asarray(ro.learning_times(MODEL.resource_model(), 0.5))
    np.testing.assert_allclose(times[L2], exact, rtol=0.03)
    assert np.all(np.abs(times[OVERLAPS] / times["Geometry"] - 1) < 0.1)
    assert "| Geometry |" in str(compared()) and "t(0.5)" in compared().table() and "RMS" in repr(compared())
    assert len(compared().table().splitlines()) == 2 + len(times)


def test_it_draws_one_panel_a_model():
    axes = compared().plot()
    assert [ax.get_title().split("\n")[0] for ax in axes] == list(compared().models)
    assert axes[0].get_xlabel() == "training steps" and "level" in axes[0].get_ylabel()
    assert all(len(ax.lines) == 5 for ax in axes)
    with pytest.raises(ValueError, match="axes: expected 5 axes, one per model, got 1"):
        compared().plot(axes=axes[:1])
    from matplotlib import pyplot

    pyplot.close(axes[0].figure)


def test_cross_entropy_has_no_domino():
    found = ro.compare(
        MODEL.replace(loss="cross_entropy", vectors="orthonormal"), TS, seeds=[0, 1], wasted_resource=0.1
    )
    assert list(found.models) == [L1, L2, RECURSION]
    assert found.rms()[L2] < 0.03


@pytest.mark.parametrize(
    ("model", "seeds", "message"),
    [
        (3, [0], "model: expected a GeometryModel, got int"),
        (MODEL.replace(noise=[0.0, 1.0]), [0], "model: expected one setting, got a batch"),
        (MODEL, 0, "seeds: expected a list of whole numbers, got 0"),
    ],
)
def test_wrong_input_is_refused(model, seeds, message):
    with pytest.raises(ValueError, match=message):
        ro.compare(model, TS, seeds=seeds)


def test_it_tells_of_the_training():
    told = []
    model = ro.GeometryModel([1.0, 0.1], dimension=100, learning_rate=1e-3)
    ro.compare(model, range(0, 41, 10), seeds=[0, 1], wasted_resource=0.1, progress=lambda *each: told.append(each))
    assert told == [(2 * step, 80) for step in (0, 10, 20, 30, 40)]


def test_a_level_outside_is_refused():
    with pytest.raises(ValueError, match="level: expected a number between 0 and 1, got 1"):
        compared().learning_times(1)
