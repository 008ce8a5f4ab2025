"""Small networks in training: accuracy of each task over the steps, for a mixture or a rule that follows the levels.

Adam at 1e-3, rectified linear units, fresh data in each step, weights uniform in `+-1/sqrt(fan_in)`. Every number is
float32 and depends on the seed and the settings alone.
"""

from __future__ import annotations

import functools
import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from resource_ode.fitting.policies import Rule

from .task_sets import TaskSet

LEARNING_RATE = 1e-3
# on so many strings (of a regression: inputs) accuracies are measured
MEASURED, INPUTS = 512, 2048
# rules follow levels of the batches, averaged over about 20 of them
FOLLOW = 0.05


def train(tasks: TaskSet, mixture: Any, seeds: Any) -> np.ndarray:
    """Train a network a seed.

    **Arguments:** `mixture`: a share a task; or a [`resource_ode.fitting.policies.Rule`][].

    **Returns:** `(seed, row, task)`: accuracies, or of a regression squared errors in units of the variance; row 0 is
    the untrained network.
    """
    with jax.enable_x64(False):
        rule = mixture if isinstance(mixture, Rule) else None
        share = np.ones(len(tasks.names)) if rule is not None else np.asarray(mixture, float)
        trained = _trainer(_key(tasks), rule is not None, rule is not None and rule.topology)
        power = jnp.asarray(1.0 if rule is None else rule.power, jnp.float32)
        found = trained(jnp.asarray(seeds, jnp.uint32), jnp.asarray(share / share.sum(), jnp.float32), power)
        return np.asarray(found)


def rows(tasks: TaskSet) -> np.ndarray:
    """The steps at which rows were measured."""
    return np.arange(0, tasks.steps + 1, tasks.every)


_KNOWN: dict[str, TaskSet] = {}


def _key(tasks: TaskSet) -> str:
    key = repr(tasks)
    _KNOWN[key] = tasks
    return key


@functools.cache
def _trainer(key: str, follows: bool, topology: bool) -> Any:
    tasks = _KNOWN[key]
    one = functools.partial(_one, tasks, follows, topology)
    # one network after the other: its products fit the cache, and already use the cores
    return jax.jit(lambda seeds, share, power: jax.lax.map(lambda seed: one(seed, share, power), seeds))


def _one(tasks: TaskSet, follows: bool, topology: bool, seed: Any, share: Any, power: Any) -> Any:
    number = len(tasks.names)
    of_weights, of_data, of_test, of_teachers = jax.random.split(jax.random.key(seed), 4)
    inputs = tasks.bits + (len(tasks.control[0]) if tasks.control else 0)
    outputs = 1 if tasks.kind == "sampled" else number
    weights = _network(of_weights, (inputs, *tasks.hidden, outputs))
    problem = _PROBLEMS[tasks.kind](tasks, of_test, of_teachers)
    adam = optax.adam(LEARNING_RATE)

    def loss_of(weights: Any, key: Any, share: Any) -> Any:
        return problem.loss(weights, key, share)

    def step(carry: Any, at: Any) -> Any:
        weights, state, average = carry
        mixture = share
        if follows:
            rule = Rule(power, topology)
            mixture = rule.mixture(jnp.clip(problem.level(average), 0, 1), tasks.graph, jnp.ones(()))
        slope, (measured, seen) = jax.grad(loss_of, has_aux=True)(weights, jax.random.fold_in(of_data, at), mixture)
        change, state = adam.update(slope, state, weights)
        average = average + FOLLOW * seen * (measured - average)
        return (optax.apply_updates(weights, change), state, average), None

    def block(carry: Any, first: Any) -> Any:
        row = problem.measure(carry[0])
        carry, _ = jax.lax.scan(step, carry, first + jnp.arange(tasks.every))
        return carry, row

    start = (weights, adam.init(weights), jnp.full(number, 1.0 if tasks.kind == "regression" else 0.5))
    carry, found = jax.lax.scan(block, start, jnp.arange(0, tasks.steps, tasks.every))
    return jnp.concatenate([found, problem.measure(carry[0])[None]])


def _network(key: Any, sizes: tuple[int, ...]) -> list[Any]:
    layers = []
    for number, (before, after) in enumerate(itertools.pairwise(sizes)):
        one, other = jax.random.split(jax.random.fold_in(key, number))
        most = before**-0.5
        layers.append((jax.random.uniform(one, (before, after), jnp.float32, -most, most),
                       jax.random.uniform(other, (after,), jnp.float32, -most, most)))  # fmt: skip
    return layers


def _output(layers: Any, x: Any) -> Any:
    for weight, bias in layers[:-1]:
        x = jax.nn.relu(x @ weight + bias)
    weight, bias = layers[-1]
    return x @ weight + bias


def _strings(key: Any, number: int, bits: int) -> Any:
    words = jax.random.bits(key, (number, (bits + 31) // 32), jnp.uint32)
    shifted = words[:, :, None] >> jnp.arange(32, dtype=jnp.uint32)
    return (shifted & 1).reshape(number, -1)[:, :bits].astype(jnp.float32)


class _Parities:
    """What parities with an output each and those that are asked by control bits have in common."""

    def __init__(self, tasks: TaskSet, of_test: Any, _: Any):
        self.tasks, self.number = tasks, len(tasks.names)
        chosen = np.zeros((self.number, tasks.bits), np.float32)
        for row, subset in zip(chosen, tasks.subsets.values(), strict=True):
            row[list(subset)] = 1
        self.chosen = jnp.asarray(chosen)
        strings = _strings(of_test, MEASURED, tasks.bits)
        self.test, self.answers = 2 * strings - 1, self.signs(strings)

    def signs(self, strings: Any) -> Any:
        """The right answers, -1 or 1, `(string, task)`."""
        return 2 * jnp.mod(strings @ self.chosen.T, 2) - 1

    def errors(self, output: Any, answers: Any) -> Any:
        if self.tasks.loss == "squared":
            return jnp.square(output - answers)
        return jax.nn.softplus(-answers * output)

    @staticmethod
    def level(accuracy: Any) -> Any:
        return 2 * accuracy - 1


class _Heads(_Parities):
    def loss(self, weights: Any, key: Any, share: Any) -> Any:
        strings = _strings(key, self.tasks.batch, self.tasks.bits)
        answers = self.signs(strings)
        output = _output(weights, 2 * strings - 1)
        right = jnp.mean((output * answers > 0).astype(jnp.float32), axis=0)
        return jnp.sum(share * self.errors(output, answers).mean(axis=0)), (right, jnp.ones(self.number))

    def measure(self, weights: Any) -> Any:
        return jnp.mean((_output(weights, self.test) * self.answers > 0).astype(jnp.float32), axis=0)


class _Sampled(_Parities):
    def loss(self, weights: Any, key: Any, share: Any) -> Any:
        of_strings, of_tasks = jax.random.split(key)
        strings = _strings(of_strings, self.tasks.batch, self.tasks.bits)
        drawn = jax.random.uniform(of_tasks, (self.tasks.batch,))
        asked = jnp.clip(jnp.searchsorted(jnp.cumsum(share), drawn), 0, self.number - 1)
        answers = 2 * jnp.mod(jnp.sum(strings * self.chosen[asked], axis=1), 2) - 1
        control = jnp.asarray(self.tasks.control, jnp.float32)[asked]
        output = _output(weights, jnp.concatenate([2 * strings - 1, control], axis=1))[:, 0]
        which = jax.nn.one_hot(asked, self.number)
        counts = which.sum(axis=0)
        right = (output * answers > 0).astype(jnp.float32) @ which / jnp.maximum(counts, 1)
        return jnp.mean(self.errors(output, answers)), (right, (counts > 0).astype(jnp.float32))

    def measure(self, weights: Any) -> Any:
        def of_task(control: Any, answers: Any) -> Any:
            asked = jnp.broadcast_to(control, (MEASURED, control.size))
            output = _output(weights, jnp.concatenate([self.test, asked], axis=1))[:, 0]
            return jnp.mean((output * answers > 0).astype(jnp.float32))

        return jax.vmap(of_task)(jnp.asarray(self.tasks.control, jnp.float32), self.answers.T)


class _Regression:
    """Each task is a random network of 8 hidden units, `3 tanh(1.5 y)` of its output, in units of its deviation."""

    def __init__(self, tasks: TaskSet, of_test: Any, of_teachers: Any):
        self.tasks, self.number = tasks, len(tasks.names)
        self.teachers = [_network(key, (tasks.bits, 8, 1)) for key in jax.random.split(of_teachers, self.number)]
        self.test = jax.random.normal(of_test, (INPUTS, tasks.bits), jnp.float32)
        raw = self.raw(self.test)
        self.middle, self.spread = raw.mean(axis=0), raw.std(axis=0)

    def raw(self, x: Any) -> Any:
        return jnp.concatenate([3 * jnp.tanh(1.5 * _output(teacher, x)) for teacher in self.teachers], axis=1)

    def off(self, weights: Any, x: Any) -> Any:
        right = (self.raw(x) - self.middle) / self.spread
        return jnp.mean(jnp.square(_output(weights, x) - right), axis=0)

    def loss(self, weights: Any, key: Any, share: Any) -> Any:
        x = jax.random.normal(key, (self.tasks.batch, self.tasks.bits), jnp.float32)
        off = self.off(weights, x)
        return jnp.sum(share * off), (off, jnp.ones(self.number))

    def measure(self, weights: Any) -> Any:
        return self.off(weights, self.test)

    @staticmethod
    def level(off: Any) -> Any:
        return 1 - jnp.sqrt(jnp.clip(off, 0, 1))


_PROBLEMS: dict[str, Any] = {"heads": _Heads, "sampled": _Sampled, "regression": _Regression}
