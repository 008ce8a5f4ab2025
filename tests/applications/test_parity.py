"""Sparse parity training: the labels, the lattice of tasks, the curves, and the order in which tasks are learned."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from resource_ode.applications.parity import ParityRun, ParityTasks, theory_parameters, train_parity

TASKS = ParityTasks(6, {"A": [0, 1], "B": [2, 3], "AB": [0, 1, 2, 3]})
SMALL = {"hidden": 24, "steps": 200, "samples": 256, "learning_rate": 1e-2}


@pytest.fixture(scope="module")
def small_run():
    return train_parity(TASKS, seeds=[0, 7, 2**32 - 1], **SMALL)


# -- tasks


def test_labels_are_the_exclusive_or_of_the_bits():
    inputs = np.array(list(itertools.product([0, 1], repeat=6)))
    expected = np.stack([np.bitwise_xor.reduce(inputs[:, list(subset)], axis=1) for subset in TASKS.subsets], axis=1)
    labels = TASKS.labels(inputs)
    np.testing.assert_array_equal(labels, expected)
    assert labels.dtype == jnp.float32
    np.testing.assert_array_equal(TASKS.labels(inputs.reshape(4, 16, 6).astype(bool)), expected.reshape(4, 16, 3))


def test_a_composition_is_the_exclusive_or_of_its_parts():
    labels = np.asarray(TASKS.labels(np.random.default_rng(0).integers(0, 2, (50, 6)))).astype(int)
    np.testing.assert_array_equal(labels[:, 2], labels[:, 0] ^ labels[:, 1])


@pytest.mark.parametrize(
    ("subsets", "expected"),
    [
        ({"A": [0, 1], "B": [2, 3], "AB": [0, 1, 2, 3]}, [[], [], [0, 1]]),
        ({"A": [0, 1], "B": [2, 3], "C": [4, 5]}, [[], [], []]),
        ({"whole": [0, 1, 2, 3], "pair": [0, 1], "bit": [0]}, [[1], [2], []]),  # a chain: `bit` only through `pair`
        ({"x": [0], "xy": [0, 1], "yz": [1, 2], "xyz": [0, 1, 2]}, [[], [0], [], [1, 2]]),  # x is inside xy
        ({"ab": [0, 1], "bc": [1, 2]}, [[], []]),  # overlapping, neither inside the other
    ],
)
def test_prerequisites_are_the_maximal_proper_subsets(subsets, expected):
    assert ParityTasks(6, subsets).prerequisites == expected


def test_the_papers_task_sets():
    assert ParityTasks.composition().prerequisites == [[], [], [0, 1]]
    assert ParityTasks.control().prerequisites == [[], [], []]
    assert ParityTasks.composition().bits == ParityTasks.control().bits == 32


def test_weights_are_shares_of_the_loss():
    np.testing.assert_allclose(TASKS.weight, [1 / 3] * 3)
    weighted = ParityTasks(6, {"A": [0], "B": [1]}, frequency=[3, 1])
    np.testing.assert_allclose(weighted.weight, [0.75, 0.25])


def test_the_papers_theory_parameters():
    parameters = theory_parameters(ParityTasks.composition())
    np.testing.assert_allclose(parameters.pop("frequency"), [1 / 3] * 3)
    assert parameters.pop("learning_rate") == pytest.approx(0.01 * (7 * 50 / 600) ** 0.5)
    assert parameters == {"wasted_resource": 0.01, "gate_exponent": 0.01}


# -- curves


def test_shapes_and_ranges(small_run):
    assert small_run.accuracy.shape == small_run.loss.shape == small_run.level().shape == (3, 201, 3)
    assert small_run.accuracy.dtype == small_run.loss.dtype == jnp.float32
    np.testing.assert_array_equal(small_run.steps, np.arange(201))
    for values in (small_run.accuracy, small_run.level(), small_run.level("loss")):
        assert bool(jnp.all((values >= 0) & (values <= 1)))
    assert bool(jnp.all(small_run.loss >= 0))
    assert "3 seeds, 201 recorded steps up to 200, 3 tasks; network 6-24-3, 256 samples" in repr(small_run)


def test_training_learns(small_run):
    assert bool(jnp.all(jnp.abs(small_run.accuracy[:, 0] - 0.5) < 0.2))
    assert bool(jnp.all(small_run.accuracy[:, -1, :2] > 0.9))
    assert bool(jnp.all(small_run.loss[:, -1, :2] < 0.5 * small_run.loss[:, 0, :2]))


TRACES = []


def counted_adam(learning_rate):
    TRACES.append(learning_rate)  # an optimizer is built once a trace
    return optax.adam(learning_rate)


def train_alone(tasks=TASKS, seed=7, **changes):
    return train_parity(tasks, seeds=[seed], record_every=50, optimizer=counted_adam, **{**SMALL, **changes})


@pytest.fixture(scope="module")
def alone():
    return train_alone()


def test_a_seed_is_independent_of_its_company(small_run, alone):
    np.testing.assert_allclose(alone.loss[0], small_run.loss[1, ::50], rtol=1e-4)
    np.testing.assert_allclose(alone.accuracy[0], small_run.accuracy[1, ::50], atol=2 / 256)
    together = train_parity(TASKS, seeds=[0, 7, 2**32 - 1], side_by_side=3, **SMALL)
    np.testing.assert_allclose(together.loss, small_run.loss, rtol=1e-3, atol=1e-6)
    assert float(jnp.max(jnp.abs(small_run.loss[0] - small_run.loss[1]))) > 0.01


@pytest.mark.parametrize("float64", [True, False])
def test_a_seed_is_reproducible_whatever_the_float64_switch(alone, float64):
    with jax.enable_x64(float64):
        again = train_alone()
    np.testing.assert_array_equal(again.loss, alone.loss)
    np.testing.assert_array_equal(again.accuracy, alone.accuracy)
    assert again.loss.dtype == jnp.float32


def test_recording_less_often_keeps_start_and_end(alone):
    np.testing.assert_array_equal(alone.steps, [0, 50, 100, 150, 200])
    assert alone.accuracy.shape == (1, 5, 3)


def test_other_seeds_rates_and_tasks_of_the_same_shape_do_not_recompile(alone):
    traced = len(TRACES)
    other = ParityTasks(6, {"x": [4], "y": [5], "z": [1, 5]}, frequency=[1, 2, 3])
    changed = train_alone(other, seed=8, learning_rate=2e-2)
    assert len(TRACES) == traced > 0
    assert changed.names == ("x", "y", "z")
    assert float(changed.learning_times()[0, 0]) < np.inf


def test_one_step_of_gradient_descent_against_numpy():
    """One seed, one full-batch step, written out by hand from the network that the run itself started from."""
    tasks = ParityTasks(3, {"A": [0, 1], "B": [2]}, frequency=[3, 1])
    run = train_parity(tasks, seeds=[5], hidden=4, samples=32, steps=1, learning_rate=0.1, optimizer=optax.sgd)
    data_key, network_key = jax.random.split(jax.random.key(jnp.uint32(5), impl="threefry2x32"))
    x = np.asarray(jax.random.bits(data_key, (3, 32), jnp.uint8) & jnp.uint8(1), float)
    draws = np.asarray(jax.random.uniform(network_key, (26,), jnp.float32, -1, 1), float)
    w, b = draws[:12].reshape(4, 3) / 3**0.5, draws[12:16] / 3**0.5
    v, c = draws[16:24].reshape(2, 4) / 4**0.5, draws[24:] / 4**0.5
    y = np.stack([(x[0] + x[1]) % 2, x[2]])

    def losses():
        active = np.maximum(w @ x + b[:, None], 0)
        error = v @ active + c[:, None] - y
        return active, error, np.mean(error**2, axis=1), np.mean((error + y > 0.5) == (y > 0.5), axis=1)

    active, error, before, accuracy = losses()
    np.testing.assert_allclose(run.loss[0, 0], before, rtol=1e-5)
    np.testing.assert_allclose(run.accuracy[0, 0], accuracy)
    slope = 2 / 32 * np.array([[0.75], [0.25]]) * error
    back = (v.T @ slope) * (active > 0)
    w, b, v, c = w - 0.1 * back @ x.T, b - 0.1 * back.sum(1), v - 0.1 * slope @ active.T, c - 0.1 * slope.sum(1)
    np.testing.assert_allclose(run.loss[0, 1], losses()[2], rtol=1e-5)


# -- what is read off the curves


def made_up_run(accuracy, loss=None):
    accuracy = jnp.asarray(accuracy, jnp.float32)
    loss = jnp.zeros_like(accuracy) if loss is None else jnp.asarray(loss, jnp.float32)
    steps = 10 * jnp.arange(accuracy.shape[1])
    seeds = jnp.arange(accuracy.shape[0], dtype=jnp.uint32)
    return ParityRun(ParityTasks(2, {"A": [0], "B": [1]}), seeds, steps, accuracy, loss, 5, 8, 1e-3)


def test_learning_time_is_the_first_recorded_step_at_or_above():
    run = made_up_run([[[0.5, 0.5], [0.96875, 0.5], [0.9, 0.75], [1.0, 0.875]]])  # a dip after the first crossing
    np.testing.assert_array_equal(run.learning_times(), [[10, np.inf]])
    np.testing.assert_array_equal(run.learning_times(0.875), [[10, 30]])  # at the threshold counts
    np.testing.assert_array_equal(run.learning_times(0.5), [[0, 0]])
    np.testing.assert_array_equal(run.learning_times(1.0), [[30, np.inf]])


def test_level_of_accuracy_and_of_loss():
    run = made_up_run([[[0.4, 0.5], [0.75, 1.0]]], [[[0.3, 0.25], [0.0625, 0.0]]])
    np.testing.assert_allclose(run.level(), [[[0, 0], [0.5, 1]]])
    np.testing.assert_allclose(run.level("loss"), [[[0, 0], [0.5, 1]]])


def test_to_xarray(small_run):
    xr = pytest.importorskip("xarray")
    data = small_run.to_xarray()
    assert isinstance(data, xr.Dataset)
    assert data.accuracy.dims == data.loss.dims == data.level.dims == ("seed", "step", "task")
    assert list(data.task.values) == ["A", "B", "AB"]
    np.testing.assert_array_equal(data.seed, [0, 7, 2**32 - 1])
    np.testing.assert_array_equal(data.accuracy.sel(task="AB", seed=7), small_run.accuracy[1, :, 2])
    assert data.step.attrs["units"] == "step"
    assert data.accuracy.attrs["units"] == "1"
    assert data.attrs["hidden"] == 24
    assert data.attrs["subsets"] == "A: (0, 1); B: (2, 3); AB: (0, 1, 2, 3)"


# -- errors


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: ParityTasks(0, {"A": [0]}), "bits: expected a positive whole number"),
        (lambda: ParityTasks(4, {}), "subsets: expected at least one task"),
        (lambda: ParityTasks(4, {1: [0]}), "subsets: expected a string"),
        (lambda: ParityTasks(4, {"A": []}), "at least one bit for task 'A'"),
        (lambda: ParityTasks(4, {"A": [0, 4]}), "expected bits 0 to 3 for task 'A'"),
        (lambda: ParityTasks(4, {"A": [-1]}), "expected bits 0 to 3 for task 'A'"),
        (lambda: ParityTasks(4, {"A": [1, 1]}), "distinct bits for task 'A'"),
        (lambda: ParityTasks(4, {"A": [0, 1], "B": [1, 0]}), "tasks 'A' and 'B' ask for the same parity"),
        (lambda: ParityTasks(4, {"A": [0], "B": [1]}, frequency=[1.0]), "frequency: expected 2 positive"),
        (lambda: ParityTasks(4, {"A": [0], "B": [1]}, frequency=[1.0, 0.0]), "frequency: expected 2 positive"),
        (lambda: TASKS.labels(np.zeros((3, 5))), r"inputs: expected shape \(\*batch, 6\), got \(3, 5\)"),
        (lambda: train_parity(TASKS, seeds=3), "seeds: expected a list"),
        (lambda: train_parity(TASKS, seeds=[]), "seeds: expected a list"),
        (lambda: train_parity(TASKS, seeds=[0.5]), "seeds: expected a list"),
        (lambda: train_parity(TASKS, seeds=[-1]), "seeds: expected whole numbers from 0"),
        (lambda: train_parity(TASKS, seeds=[0], hidden=0), "hidden: expected a positive whole number"),
        (lambda: train_parity(TASKS, seeds=[0], steps=0), "steps: expected a positive whole number"),
        (lambda: train_parity(TASKS, seeds=[0], steps=10, record_every=3), "record_every: expected a divisor of steps"),
        (lambda: train_parity(TASKS, seeds=[0], learning_rate=0.0), "learning_rate: expected a finite number above 0"),
        (lambda: train_parity(TASKS, seeds=[0], optimizer=optax.adam(1e-3)), "optimizer: expected a function"),
        (lambda: made_up_run([[[0.5, 0.5]]]).learning_times(1.5), "threshold: expected an accuracy"),
        (lambda: made_up_run([[[0.5, 0.5]]]).level("margin"), "measure: expected 'accuracy' or 'loss'"),
    ],
)
def test_errors(build, message):
    with pytest.raises(ValueError, match=message):
        build()


# -- the paper's setting


@pytest.mark.slow
def test_parts_are_learned_before_the_composition():
    """At the paper's settings; over seeds 0 to 7 the parts took 169 to 314 steps, the whole 350 to 652."""
    times = np.asarray(train_parity(ParityTasks.composition(), seeds=[0, 1], steps=700).learning_times())
    parts, composition = times[:, :2], times[:, 2]
    assert np.all(composition > parts.max(axis=1) + 50)
    assert np.all((parts > 100) & (parts < 400))
    assert np.all((composition > 300) & (composition < 700))
