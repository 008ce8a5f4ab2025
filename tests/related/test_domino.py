"""The Domino and the parallel model against the limits of the Resource model that they are."""

import jax.numpy as jnp
import numpy as np
import pytest

import resource_ode as ro
from resource_ode import analytic, domino

FLAT = ro.SkillGraph([[], [], []])
TS = np.linspace(0, 4000, 41)


def model_of(frequency=(1.0, 0.1, 0.01), graph=FLAT, waste=0.0, **more):
    return ro.ResourceModel(graph, frequency, 1e-3, waste, 1e-3, **more)


def test_serial_is_the_closed_form_in_order_of_frequency():
    expected = np.asarray(analytic.domino_levels(TS, 3, 1e-3))
    run = domino.serial(model_of(), TS)
    np.testing.assert_allclose(run.level, expected, atol=1e-12)
    shuffled = domino.serial(model_of((0.01, 1.0, 0.1)), TS)
    np.testing.assert_allclose(shuffled.level, expected[:, [2, 0, 1]], atol=1e-12)
    np.testing.assert_allclose(run.loss, np.sum(np.asarray(run.unlearned) ** 2 * [1, 0.1, 0.01], axis=1), rtol=1e-12)
    np.testing.assert_array_equal(domino.serial_times(model_of(), 0.25), [250, 1250, 2250])


def test_the_resource_model_tends_to_serial():
    errors = []
    for ratio in (1e-2, 1e-4, 1e-6):
        model = model_of((1.0, ratio, ratio**2))
        gap = np.abs(np.asarray(ro.simulate(model, TS).level) - np.asarray(domino.serial(model, TS).level))
        errors.append(gap.max())
    assert errors[0] > 0.01 and errors[2] < 1e-3
    assert errors[0] > 10 * errors[1] > 100 * errors[2] / 10


def test_serial_order_on_a_graph_learns_what_may_be_learned():
    # 2 needs 0 and 1, 3 needs 2 or 1, 4 nothing
    graph = ro.SkillGraph([[], [], [0, 1], [2, 1], []], gate=["all", "all", "all", "any", "all"])
    model = model_of((0.1, 1.0, 50.0, 0.2, 0.05), graph)
    assert domino.serial_order(model).tolist() == [2, 0, 3, 1, 4]
    either = model.replace(frequency=jnp.asarray([[0.1, 1.0, 50.0, 0.2, 0.05], [1.0, 1.0, 1.0, 1.0, 1.0]]))
    assert domino.serial_order(either).tolist() == [[2, 0, 3, 1, 4], [0, 1, 2, 3, 4]]
    run = domino.serial(either, TS)
    assert run.level.shape == (2, TS.size, 5)
    np.testing.assert_allclose(domino.serial(model, TS).level, run.level[0], atol=0)


def test_padding_comes_last_and_is_missing():
    batch = ro.stack([model_of(), model_of((2.0,), ro.SkillGraph([[]]))])
    assert domino.serial_order(batch)[1, 0] == 0
    run = domino.serial(batch, TS)
    assert np.all(np.isnan(np.asarray(run.level[1, :, 1:]))) and np.all(np.isfinite(np.asarray(run.level[1, :, 0])))
    times = np.asarray(domino.serial_times(batch, 1.0))
    np.testing.assert_array_equal(times, [[1000, 2000, 3000], [1000, np.nan, np.nan]])
    assert np.all(np.isnan(np.asarray(domino.parallel(batch.replace(wasted_resource=5.0), TS).level[1, :, 1:])))


@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
def test_the_resource_model_tends_to_parallel(loss):
    gaps = []
    for waste in (10.0, 100.0, 1000.0):
        model = model_of(waste=waste, loss=loss).replace(learning_rate=1e-3 * waste)
        run = domino.parallel(model, TS)
        gaps.append(np.abs(np.asarray(ro.simulate(model, TS).level) - np.asarray(run.level)).max())
        # what the limit leaves out of the budget is what was learned
        gained = run.level if loss == "mse" else run.margin
        spent = np.maximum(1e-3 * waste * TS, 1)
        np.testing.assert_allclose(run.budget_residual, np.sum(np.asarray(gained), axis=1) / spent, atol=1e-9)
    assert 7 < gaps[0] / gaps[1] < 13 and 8 < gaps[1] / gaps[2] < 12
    if loss == "mse":
        expected = analytic.parallel_levels(TS, np.asarray([1.0, 0.1, 0.01]), 1.0, 1000.0)
        np.testing.assert_allclose(run.level, expected, atol=1e-12)


def test_parallel_over_a_grid_of_wastes():
    run = domino.parallel(model_of(waste=[1.0, 10.0]), TS)
    assert run.level.shape == (2, TS.size, 3)
    np.testing.assert_allclose(run.level[1], domino.parallel(model_of(waste=10.0), TS).level, atol=0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: domino.serial(3, TS), "model: expected a ResourceModel, got int"),
        (lambda: domino.serial(model_of(loss="cross_entropy"), TS), 'serial model expects loss="mse"'),
        (lambda: domino.serial(model_of(frequency_after=[1.0, 1.0, 1.0]), TS), "has no frequency_after"),
        (lambda: domino.serial(model_of(initial_level=[0.1, 0.0, 0.0]), TS), "has no initial_level"),
        (lambda: domino.serial(model_of(interference=np.eye(3)), TS), "has no interference"),
        (lambda: domino.parallel(model_of(pool=[0, 0, 1]), TS), "the parallel model has no pool"),
        (
            lambda: domino.serial(model_of().replace(learning_rate=ro.Schedule([0.0], [1.0])), TS),
            "learning_rate: the serial model expects constants, got a schedule",
        ),
        (lambda: domino.parallel(model_of(), TS), "wasted_resource: the parallel model expects a positive number"),
        (
            lambda: domino.parallel(model_of(graph=ro.SkillGraph([[], [0], []]), waste=1.0), TS),
            "expects skills without prerequisites",
        ),
        (lambda: domino.serial(model_of(), [1.0, 0.0]), "ts: expected finite, increasing times"),
        (lambda: domino.serial(model_of(), []), "ts: expected times of shape"),
        (lambda: domino.serial(model_of(), "soon"), "ts: expected numbers"),
        (lambda: domino.serial_times(model_of(), 1.5), "level: expected a number from 0 to 1, got 1.5"),
    ],
)
def test_what_has_no_such_limit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
