"""The Geometry model against hand-written references, and the laws that sum it up against the Geometry model."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from matplotlib import pyplot
from scipy.integrate import solve_ivp

import resource_ode as ro
from resource_ode.related.geometry import GeometryModel
from resource_ode.related.sign_descent import law, overlapping, recursion, wastes
from resource_ode.related.training import task_vectors, train_geometry

# one shape for most tests, since compiling takes longer than running
TS = np.arange(0, 601, 20)
P = np.arange(1.0, 6.0) ** -2 / np.sum(np.arange(1.0, 6.0) ** -2)
MODEL = GeometryModel(P, 400, 1e-3)


def rms(a, b):
    return float(np.sqrt(np.mean((np.asarray(a) - np.asarray(b)) ** 2)))


@functools.cache
def trained():
    """Two settings of the noise, three seeds."""
    return train_geometry(MODEL.replace(noise=[0.0, 3e-3]), TS, seeds=[0, 1, 2])


def test_sign_descent_is_the_recursion_written_out():
    vectors = np.asarray(task_vectors(MODEL, jax.random.split(jax.random.key(1), 4)[0]))
    position, levels = np.zeros(400), []
    for step in range(601):
        if step in TS:
            levels.append(vectors @ position)
        gradient = -2 * (P * (1 - vectors @ position)) @ vectors
        position -= 1e-3 * np.sign(gradient)
    # sign is discontinuous, so that rounding decides a step now and then once a task is learned
    early = TS <= 100
    np.testing.assert_allclose(trained().level[0, 1][early], np.asarray(levels)[early], atol=1e-12)
    assert rms(trained().level[0, 1], levels) < 2e-3


def test_task_vectors_have_length_one_and_are_orthogonal_or_not():
    overlap = np.asarray(trained().overlap)
    assert overlap.shape == (2, 3, 5, 5)
    np.testing.assert_allclose(overlap, np.broadcast_to(np.eye(5), overlap.shape), atol=1e-12)
    key = jax.random.key(0)
    random = task_vectors(MODEL.replace(vectors="random"), key)
    np.testing.assert_allclose(np.linalg.norm(random, axis=1), 1, atol=1e-12)
    off = np.asarray(random @ random.T)[np.triu_indices(5, 1)]
    assert 0.2 / 20 < np.sqrt(np.mean(off**2)) < 3 / 20  # each about 1/sqrt(d)


def test_the_l2_law_holds_without_a_fit_and_beats_the_fitted_l1_law():
    run = trained()
    assert run.level.shape == (2, 3, TS.size, 5)
    # the last skill ends up with a share of one part in 1/sqrt(d), where chance correlations set in
    exact = ro.simulate(MODEL.replace(noise=[0.0, 3e-3]).resource_model(), TS).level
    grid = jnp.asarray(np.geomspace(1e-4, 10, 101))
    paper = ro.simulate(MODEL.resource_model("l1", wasted_resource=grid), TS).level
    for k in range(2):
        ours = rms(run.level[k], exact[k][None])
        theirs = min(rms(run.level[k], curve[None]) for curve in paper)
        assert ours < 0.03
        assert theirs > 1.4 * ours


def test_dimensions_follow_the_arc_sine_of_the_share():
    run = trained()
    share = np.asarray(run.trajectory.share)
    predicted = 2 * 400 / np.pi * np.arcsin(share)
    late = np.asarray(run.level) < 0.9
    difference = (np.asarray(run.dimensions) - predicted)[late]
    # each is a sum of 400 signs: a standard deviation of 20 at most
    assert np.sqrt(np.mean(difference**2)) < 25
    assert np.corrcoef(np.asarray(run.dimensions)[late], predicted[late])[0, 1] > 0.98
    assert np.max(np.asarray(run.dimensions)) > 200


def test_the_factor_of_the_gradient_scales_the_noise_and_nothing_else():
    half = MODEL.replace(noise=3e-3, gradient_factor=1.0)
    assert float(half.resource_model().wasted_resource) == pytest.approx(
        2 * float(MODEL.replace(noise=3e-3).noise_length)
    )
    once = train_geometry(MODEL.replace(noise=[0.0, 3e-3]), TS, seeds=[0]).level
    twice = train_geometry(MODEL.replace(noise=[0.0, 1.5e-3], gradient_factor=1.0), TS, seeds=[0]).level
    np.testing.assert_allclose(once, twice, atol=1e-12)


def test_seeds_do_not_depend_on_their_neighbours():
    again = train_geometry(MODEL.replace(noise=[3e-3, 0.0]), TS, seeds=[2, 0, 1], side_by_side=2)
    np.testing.assert_allclose(again.level[0, 0], trained().level[1, 2], atol=1e-12)
    assert rms(trained().level[1, 0], trained().level[1, 1]) > 1e-3
    single = train_geometry(MODEL.replace(noise=3e-3), TS, seeds=2)
    assert single.level.shape == (TS.size, 5)
    np.testing.assert_allclose(single.level, trained().level[1, 2], atol=1e-12)


@pytest.mark.parametrize("optimizer", [None, optax.adam])
def test_progress_changes_nothing(optimizer):
    model = MODEL.replace(noise=[0.0, 3e-3], optimizer=optimizer)
    told = []
    ts = TS[:30]
    run = train_geometry(model, ts, seeds=[0, 1, 2], side_by_side=4, progress=lambda *each: told.append(each))
    plain = train_geometry(model, ts, seeds=[0, 1, 2], side_by_side=4)
    np.testing.assert_allclose(run.level, plain.level, atol=1e-12)
    np.testing.assert_array_equal(run.dimensions, plain.dimensions)
    np.testing.assert_array_equal(run.overlap, plain.overlap)
    assert len(told) == 2 * 15 and told == sorted(told) and {total for _, total in told} == {6 * 580}
    # four members side by side, then two
    assert told[0][0] == 4 * 20 and told[14][0] == 4 * 580 and told[-1][0] == 6 * 580


def test_progress_is_told_on_the_host():
    with pytest.raises(ValueError, match="progress: expected a function, got"):
        train_geometry(MODEL, TS, progress=True)
    with pytest.raises(ValueError, match="progress: expected None under jit"):
        jax.jit(lambda p: train_geometry(MODEL.replace(frequency=p), TS, progress=print).level)(P)


def test_other_optimisers():
    # plain gradient descent on orthonormal tasks: u <- u (1 - 2 lr p)
    rate = 0.05
    run = train_geometry(GeometryModel(P, 20, rate, optimizer=optax.sgd), TS, seeds=0)
    np.testing.assert_allclose(run.trajectory.unlearned, (1 - 2 * rate * P) ** TS[:, None], atol=1e-10)
    adam = functools.partial(optax.adam, b1=0.0, b2=0.0, eps=1e-30)
    once = train_geometry(MODEL.replace(optimizer=adam), TS, seeds=1)
    early = TS <= 100
    np.testing.assert_allclose(once.level[early], trained().level[0, 1][early], atol=1e-12)


def test_batches_have_the_right_mean_and_variance():
    from resource_ode.related.training import sample_weights

    for size, fewer in ((50, 2**18), (50, 1)):
        model = GeometryModel(3 * P, 400, 1e-3, batch_size=size)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("resource_ode.related.training.FEW_COMPARISONS", fewer)
            keys = jax.random.split(jax.random.key(0), 4000)
            weights = np.asarray(jax.vmap(lambda key, m=model: sample_weights(m, key))(keys))
        np.testing.assert_allclose(weights.sum(axis=1), 3, atol=1e-9)
        np.testing.assert_allclose(weights * size / 3, np.round(weights * size / 3), atol=1e-9)
        error = np.sqrt(9 * P * (1 - P) / size / 4000)
        assert np.all(np.abs(weights.mean(axis=0) - 3 * P) < 5 * error)
        np.testing.assert_allclose(weights.var(axis=0), 9 * P * (1 - P) / size, rtol=0.15)


def test_the_recursion_follows_small_batches_and_the_law_larger_ones():
    small = MODEL.replace(batch_size=8)
    run = train_geometry(small, TS, seeds=[0, 1, 2])
    steps = recursion(small, TS, seeds=[0, 1, 2])
    assert rms(run.level, steps.level) < 0.04
    assert rms(run.level, law(small, TS).level[None]) > 1.3 * rms(run.level, steps.level)
    large = MODEL.replace(batch_size=128)
    steps, smooth = recursion(large, TS, seeds=[0, 1, 2]), law(large, TS)
    assert rms(steps.level, smooth.level[None]) < 0.02
    # batches are what makes the difference: the law of the full batch is further away
    full = law(MODEL, TS).level
    assert rms(steps.level, full[None]) > 1.5 * rms(steps.level, smooth.level[None])


@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
def test_the_law_of_the_full_batch_is_the_resource_model(loss):
    # steps so small that the edge of stability is never met
    model = MODEL.replace(noise=[0.0, 3e-3], loss=loss, learning_rate=1e-7)
    times = 1e4 * TS
    np.testing.assert_allclose(law(model, times).level, ro.simulate(model.resource_model(), times).level, atol=1e-4)


def test_cross_entropy_follows_the_law():
    model = MODEL.replace(loss="cross_entropy", noise=[0.0, 3e-3])
    run = train_geometry(model, TS, seeds=[0, 1, 2])
    assert run.trajectory.margin.shape == (2, 3, TS.size, 5)
    np.testing.assert_allclose(np.tanh(np.asarray(run.trajectory.margin) / 2), run.level, atol=1e-12)
    assert rms(run.level, law(model, TS).level[:, None]) < 0.03


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_law_of_cross_entropy_at_its_ends(dtype):
    """Late and at the start, in either precision; the levels are those of a solver of the equation."""
    frequency = np.array([1.0, 0.1], dtype)
    model = GeometryModel(frequency, dimension=1000, learning_rate=1e-3, noise=1.0, loss="cross_entropy")
    np.testing.assert_array_equal(law(model, [0.0]).level, np.zeros((1, 2)))

    def change(_, margin):
        demand = frequency / (1 + np.exp(margin))
        return float(model.resource_rate) * demand / np.sqrt(np.sum(demand**2) + float(model.noise_length) ** 2)

    solved = solve_ivp(change, (0, 1e5), [0.0, 0.0], method="LSODA", rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(law(model, [0.0, 1e5]).level[-1], np.tanh(solved.y[:, -1] / 2), atol=1e-4)


def test_the_law_of_cross_entropy_within_a_long_run():
    """The longer the run the farther its panels reach, of which there are always as many."""
    frequency, times = np.array([1.0, 0.1, 1e-3]), np.concatenate([[0], np.geomspace(5, 1e5, 60)])
    model = GeometryModel(frequency, dimension=1000, learning_rate=1e-3, noise=1e-4, loss="cross_entropy")

    def change(_, margin):
        demand = frequency / (1 + np.exp(margin))
        return float(model.resource_rate) * demand / np.sqrt(np.sum(demand**2) + float(model.noise_length) ** 2)

    solved = solve_ivp(change, (0, 1e5), np.zeros(3), method="LSODA", rtol=1e-10, atol=1e-12, t_eval=times)
    np.testing.assert_allclose(law(model, times).level, np.tanh(solved.y.T / 2), atol=1e-6)


@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
def test_the_law_with_overlaps_is_descent_along_the_normalised_gradient(loss):
    model = GeometryModel(P, 3, 1e-2, loss=loss, vectors="random")
    run = train_geometry(model, TS[:11], seeds=[0, 1])
    found = overlapping(run)
    assert found.level.shape == (2, 11, 5)
    for seed in (0, 1):
        vectors = np.asarray(task_vectors(model, jax.random.split(jax.random.key(seed), 4)[0]))
        position, levels = np.zeros(3), []
        for step in range(201):
            progress = vectors @ position
            if step in TS:
                levels.append(progress if loss == "mse" else np.tanh(progress / 2))
            pull = P * (1 - progress if loss == "mse" else 1 / (1 + np.exp(progress))) @ vectors
            position = position + 1e-2 * np.sqrt(6 / np.pi) * pull / np.linalg.norm(pull)
        # near the minimum steps of fixed length hop about, and rounding grows from one to the next
        np.testing.assert_allclose(found.level[seed][:4], levels[:4], atol=1e-10)


def test_the_law_with_overlaps_without_any_is_the_l2_law():
    run = train_geometry(MODEL.replace(noise=[0.0, 3e-3]), TS, seeds=[0, 1, 2])
    # the steps of the recursion and the continuum differ by a step; overlaps of orthonormal tasks are rounding
    assert rms(overlapping(run).level, law(MODEL.replace(noise=[0.0, 3e-3]), TS).level[:, None]) < 0.01


def test_wastes_of_the_three_sources():
    model = GeometryModel([0.5, 0.5], 100, 1e-2, noise=1e-2, batch_size=25)
    found = {name: float(value) for name, value in wastes(model).items()}
    assert found == pytest.approx(
        {"noise": 0.05, "batch": np.sqrt(0.5 / 25), "step": 1e-2 * np.sqrt(200 / np.pi) * 0.25}
    )
    assert float(wastes(MODEL)["batch"]) == 0


def test_a_run_is_a_trajectory_like_any_other(tmp_path):
    one = trained().trajectory[1, 0]
    assert one.model.skills == 5 and "sign descent" in one.method
    one.check()
    one.save(tmp_path / "run.nc")
    np.testing.assert_array_equal(ro.load(tmp_path / "run.nc").level, one.level)
    assert np.all(np.isnan(np.asarray(one.waste))) and np.all(np.isnan(np.asarray(one.budget_residual)))
    axes = ro.plot.levels(one)
    assert axes.get_ylabel() == "level"
    pyplot.close(axes.figure)
    assert "seeds (3,)" in repr(trained()) and "batch (2,)" in repr(trained())


def test_a_run_that_diverges_says_so():
    run = train_geometry(GeometryModel(P, 20, 1e4, optimizer=optax.sgd), TS, seeds=[0])
    with pytest.raises(ro.RunFailed, match="1 of 1 run failed"):
        run.trajectory.check()
    assert np.all(np.isnan(np.asarray(run.level)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"loss": "hinge"}, "loss: expected"),
        ({"vectors": "skew"}, "vectors: expected"),
        ({"optimizer": 3}, "optimizer: expected a function.*got int"),
        ({"dimension": 0}, "dimension: expected a positive whole number, got 0"),
        ({"dimension": 3}, "dimension: expected at least 5"),
        ({"batch_size": 1.5}, "batch_size: expected a positive whole number, got 1.5"),
        ({"frequency": [1.0, 0.0]}, "frequency: expected finite numbers above 0, got 0"),
        ({"frequency": 1.0}, "frequency: expected shape"),
        ({"frequency": "often"}, "frequency: expected numbers, got 'often'"),
        ({"learning_rate": -1.0}, "learning_rate: expected finite numbers above 0, got -1"),
        ({"noise": -1.0}, "noise: expected finite numbers at least 0, got -1"),
        ({"gradient_factor": [1.0, 2.0]}, "gradient_factor: expected one number"),
        ({"noise": [0.0, 1.0], "learning_rate": [1.0, 2.0, 3.0]}, "do not broadcast"),
        ({"colour": 1}, "replace: expected arguments among .*, got 'colour'"),
    ],
)
def test_wrong_models_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        MODEL.replace(**change)


@pytest.mark.parametrize("train", [train_geometry, recursion])
@pytest.mark.parametrize(
    ("ts", "seeds", "message"),
    [
        ([0.5], 0, "ts: expected whole, increasing training steps from 0 on"),
        ([2, 1], 0, "ts: expected whole, increasing training steps from 0 on"),
        ([-1, 1], 0, "ts: expected whole, increasing training steps from 0 on"),
        ([], 0, "ts: expected times of shape"),
        ("soon", 0, "ts: expected numbers"),
        ([0, 1], [[0]], "seeds: expected a whole number or a list of them"),
        ([0, 1], 0.5, "seeds: expected a whole number or a list of them"),
        ([0, 1], -1, "seeds: expected whole numbers from 0"),
    ],
)
def test_wrong_runs_are_refused(train, ts, seeds, message):
    with pytest.raises(ValueError, match=message):
        train(MODEL, ts, seeds=seeds)


def test_more_that_is_refused():
    for function in (train_geometry, recursion, law):
        with pytest.raises(ValueError, match="model: expected a GeometryModel, got int"):
            function(3, [0, 1])
    with pytest.raises(ValueError, match="model: expected a GeometryModel, got int"):
        wastes(3)
    with pytest.raises(ValueError, match="run: expected a GeometryRun, got GeometryModel"):
        overlapping(MODEL)
    with pytest.raises(ValueError, match="run: expected full batches, got batches of 8"):
        overlapping(train_geometry(MODEL.replace(batch_size=8), [0, 1]))
    with pytest.raises(ValueError, match="side_by_side: expected a positive whole number, got 0"):
        train_geometry(MODEL, [0, 1], side_by_side=0)
    with pytest.raises(ValueError, match="optimizer: expected a function that returns an optax optimiser, got float"):
        train_geometry(MODEL.replace(optimizer=lambda rate: 3.0), [0, 1], seeds=0)
    for ts, message in (("soon", "expected numbers"), ([], "at least one"), ([1.0, 0.0], "finite, increasing")):
        with pytest.raises(ValueError, match=f"ts: .*{message}"):
            law(MODEL, ts)
    with pytest.raises(ValueError, match='wasted_resource: expected a number, since competition="l1"'):
        MODEL.resource_model("l1")
    with pytest.raises(ValueError, match="competition: expected"):
        MODEL.resource_model("l3")
