"""Two tasks, one small network: plain, with its loss reweighted, or split into one module per task.

A module is a half of the hidden units that is wired to one output only, so the split network is as wide as the plain
one. Reweighting gives each task's loss a weight of its own (detached) value over the mean loss.
"""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ...base.crossing import first_crossing

HIDDEN = 50
METHODS = ("plain", "reweighted", "modular")


class Problem(NamedTuple):
    """What is asked, and the error below which a task counts as learned."""

    name: str
    inputs: int
    weight: tuple[float, float]
    threshold: float
    error: str


PARITY = Problem("parity", 32, (10 / 11, 1 / 11), 0.05, "1 - accuracy")
REGRESSION = Problem("regression", 8, (0.99, 0.01), 0.05, "mean squared error / variance")


@functools.lru_cache(maxsize=16)
def errors(problem: Problem, method: str, seeds: int, steps: int, samples: int) -> np.ndarray:
    """Error of each task before each training step, `(seed, step, task)`, under Adam at learning rate 1e-3."""
    mask = np.ones((2, HIDDEN), np.float32)
    if method == "modular":
        mask = np.repeat(np.eye(2, dtype=np.float32), HIDDEN // 2, axis=1)
    with jax.enable_x64(False), jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        found = _train(
            jnp.arange(seeds, dtype=jnp.uint32),
            jnp.asarray(mask),
            jnp.asarray(problem.weight, jnp.float32),
            jnp.asarray(method == "reweighted"),
            problem=problem,
            steps=steps,
            samples=samples,
        )
    return np.asarray(found, float)


def learned(error: np.ndarray, threshold: float) -> np.ndarray:
    """First step at which each task's error is at or below the threshold, `(seed, task)`; `inf` where it never is."""
    return first_crossing(np.arange(error.shape[1], dtype=float), -error, -threshold, between_rows=False)


def _task_data(key: Any, problem: Problem, samples: int) -> tuple[Any, Any]:
    """Inputs `(input, sample)` and labels `(task, sample)`."""
    shape = (problem.inputs, samples)
    if problem.name == "parity":
        inputs = (jax.random.bits(key, shape, jnp.uint8) & jnp.uint8(1)).astype(jnp.float32)
        return inputs, jnp.stack([(inputs[0] + inputs[1]) % 2, (inputs[2] + inputs[3]) % 2])
    inputs = jax.random.uniform(key, shape, jnp.float32, -1, 1)
    # products of two inputs, of variance 1
    return inputs, 3 * jnp.stack([inputs[0] * inputs[1], inputs[2] * inputs[3]])


@eqx.filter_jit
def _train(seeds: Any, mask: Any, weight: Any, reweighted: Any, *, problem: Problem, steps: int, samples: int) -> Any:
    import optax

    rule = optax.adam(1e-3)

    def outputs(network: Any, inputs: Any) -> Any:
        active = jax.nn.relu(network["w1"] @ inputs + network["b1"])
        return (network["w2"] * mask) @ active + network["b2"]

    def measure(network: Any, inputs: Any, labels: Any) -> tuple[Any, Any]:
        found = outputs(network, inputs)
        loss = jnp.mean((found - labels) ** 2, axis=1)
        value = jax.lax.stop_gradient(loss)
        total = jnp.sum(weight * loss * jnp.where(reweighted, value / jnp.sum(weight * value), 1.0))
        wrong = jnp.mean(((found > 0.5) != (labels > 0.5)).astype(jnp.float32), axis=1)
        return total, wrong if problem.name == "parity" else loss

    def one(seed: Any) -> Any:
        data_key, network_key = jax.random.split(jax.random.key(seed, impl="threefry2x32"))
        inputs, labels = _task_data(data_key, problem, samples)
        keys = jax.random.split(network_key, 4)
        first = 1 / math.sqrt(problem.inputs)
        second = 1 / jnp.sqrt(jnp.sum(mask, axis=1, keepdims=True))
        network = {
            "w1": first * jax.random.uniform(keys[0], (HIDDEN, problem.inputs), jnp.float32, -1, 1),
            "b1": first * jax.random.uniform(keys[1], (HIDDEN, 1), jnp.float32, -1, 1),
            "w2": second * jax.random.uniform(keys[2], (2, HIDDEN), jnp.float32, -1, 1),
            "b2": second * jax.random.uniform(keys[3], (2, 1), jnp.float32, -1, 1),
        }

        def step(carry: Any, _: Any) -> tuple[Any, Any]:
            network, state = carry
            gradient, error = jax.grad(measure, has_aux=True)(network, inputs, labels)
            updates, state = rule.update(gradient, state, network)
            return (optax.apply_updates(network, updates), state), error

        return jax.lax.scan(step, (network, rule.init(network)), None, length=steps)[1]

    return jax.lax.map(one, seeds)
