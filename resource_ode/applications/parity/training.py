"""Real learning curves: small networks trained on sparse parity tasks, seen through the Resource model.

Task `i` asks for the parity of a subset `S_i` of the input bits, `y_i = (sum_(b in S_i) x_b) mod 2`. A parity whose
subset is the union of two disjoint others is their exclusive or, so subsets order tasks as prerequisites do: the
network learns the parts first and builds the composition on them. One run gives accuracy and loss of every task at
every step, for many seeds.

Source: Liu et al., "Physics of Skill Learning" (2025), the sparse-parity experiments. Where the paper leaves a choice
open (what a curve's level is, what its theoretical learning rate stands for), the docstring says what was chosen.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key, UInt

from ...base.checks import positive_number, whole_number
from ...base.crossing import first_crossing

if TYPE_CHECKING:
    import xarray
from .tasks import ParityTasks

CHANCE_LOSS = 0.25  # mean squared error of the best constant guess, 1/2, at labels 0 and 1


class ParityRun(eqx.Module):
    """Learning curves of networks trained on parity tasks; row 0 is the untrained network.

    **Fields:**

    - `tasks`: the tasks.
    - `seeds`: `(seed,)`, which fix bit strings and initial weights.
    - `steps`: `(step,)`, the training steps at which the curves were recorded.
    - `accuracy`: `(seed, step, task)`, share of right answers on the training batch at threshold 1/2 (chance: 1/2).
    - `loss`: `(seed, step, task)`, mean squared error of each task on the training batch (best constant guess: 1/4).
    - `hidden`, `samples`, `learning_rate`: the settings of the training.
    """

    tasks: ParityTasks
    seeds: UInt[Array, " seed"]
    steps: Int[Array, " step"]
    accuracy: Float[Array, "seed step task"]
    loss: Float[Array, "seed step task"]
    hidden: int = eqx.field(static=True)
    samples: int = eqx.field(static=True)
    learning_rate: float = eqx.field(static=True)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the tasks."""
        return self.tasks.names

    def level(self, measure: str = "accuracy") -> Float[Array, "seed step task"]:
        """How much of each task is learned, on the Resource model's scale: 0 nothing, 1 everything.

        From the accuracy, `s = 2 accuracy - 1`; from the loss, `s = 1 - u` with `u = sqrt(loss/(1/4))`, since the
        model's loss of a task is `u^2` and a network that knows nothing but the mean of the labels pays `1/4`. Both are
        clipped to `[0, 1]`, because an untrained network may do worse than chance. The accuracy saturates earlier: an
        output of 0.6 where 1 is right is already counted in full.

        **Arguments:**

        - `measure`: `"accuracy"` or `"loss"`.

        **Raises:** `ValueError` for another measure.
        """
        if measure == "accuracy":
            return jnp.clip(2 * self.accuracy - 1, 0, 1)
        if measure == "loss":
            return 1 - jnp.clip(jnp.sqrt(self.loss / CHANCE_LOSS), 0, 1)
        raise ValueError(f"measure: expected 'accuracy' or 'loss', got {measure!r}")

    def learning_times(self, threshold: float = 0.95) -> Float[Array, "seed task"]:
        """First recorded step at which the accuracy is at or above `threshold`; `inf` where it never is.

        **Arguments:**

        - `threshold`: an accuracy in (0, 1].

        **Returns:** `(seed, task)`, in training steps.

        **Raises:** `ValueError` for a threshold outside (0, 1].
        """
        if not 0 < threshold <= 1:
            raise ValueError(f"threshold: expected an accuracy in (0, 1], got {threshold!r}")
        return first_crossing(self.steps.astype(float), self.accuracy, threshold, between_rows=False)

    def to_xarray(self) -> xarray.Dataset:
        """The curves as an `xarray.Dataset` with dimensions (seed, step, task), labelled tasks, units and settings."""
        import xarray as xr

        dims = ("seed", "step", "task")
        described = {
            "accuracy": (self.accuracy, "share of right answers on the training batch"),
            "loss": (self.loss, "mean squared error on the training batch"),
            "level": (self.level(), "learned level, 2 accuracy - 1 clipped to [0, 1]"),
        }
        return xr.Dataset(
            {k: (dims, np.asarray(v), {"long_name": text, "units": "1"}) for k, (v, text) in described.items()},
            coords={
                "seed": ("seed", np.asarray(self.seeds)),
                "step": ("step", np.asarray(self.steps), {"long_name": "training step", "units": "step"}),
                "task": ("task", np.asarray(self.names, dtype=object)),
                "frequency": ("task", self.tasks.weight, {"long_name": "share of the task in the loss", "units": "1"}),
            },
            attrs={
                "bits": self.tasks.bits,
                "subsets": "; ".join(f"{n}: {s}" for n, s in zip(self.names, self.tasks.subsets, strict=True)),
                "hidden": self.hidden,
                "samples": self.samples,
                "learning_rate": self.learning_rate,
            },
        )

    def __repr__(self) -> str:
        seeds, recorded, tasks = self.accuracy.shape
        return (
            f"ParityRun({seeds} seeds, {recorded} recorded steps up to {int(self.steps[-1])}, {tasks} tasks; network "
            f"{self.tasks.bits}-{self.hidden}-{tasks}, {self.samples} samples, learning rate {self.learning_rate:g})"
        )


def train_parity(
    tasks: ParityTasks,
    *,
    seeds: Any,
    hidden: int = 50,
    steps: int = 1000,
    samples: int = 8000,
    learning_rate: float = 1e-3,
    record_every: int = 1,
    optimizer: Any = None,
    side_by_side: int = 1,
) -> ParityRun:
    """Train networks bits-hidden-tasks on parity tasks, one for each seed; the defaults are the paper's settings.

    `output = W2 relu(W1 x + b1) + b2`, trained on the full batch to minimise
    `sum_i w_i mean_samples (output_i - y_i)^2`, `w_i` the tasks' share in the loss. Weights and biases start uniform in
    `+-1/sqrt(fan_in)`. A seed's bit strings, initial weights and curves depend on nothing but the seed and the
    settings: not on the other seeds, nor on JAX's float64 switch (all is float32).

    **Arguments:**

    - `tasks`: what to learn.
    - `seeds`: whole numbers in `[0, 2^32)`, `(seed,)`.
    - `hidden`: width of the hidden layer.
    - `steps`: training steps.
    - `samples`: number of random bit strings, all used in every step.
    - `learning_rate`: step size of the optimizer; another value does not recompile.

    **Other arguments:**

    - `record_every`: record each so many steps; it must divide `steps`. The start and the end are always recorded.
    - `optimizer`: a function from the learning rate to an optax optimizer, such as `optax.sgd`; default `optax.adam`.
        Pass the same function object again and nothing recompiles.
    - `side_by_side`: how many seeds are trained at once, the others after them. On a CPU 1 is fastest (one network's
        activations fit the cache and its products already use all cores); on an accelerator take the number of seeds.

    **Returns:** a [`resource_ode.applications.parity.training.ParityRun`][]; curves are
    `(seed, 1 + steps/record_every, task)`.

    **Raises:** `ValueError` for seeds that are not a list of whole numbers in range, sizes below 1, a `record_every`
    that does not divide `steps`, a learning rate that is not positive, or an optimizer that is not such a function.

    **Example:**

    >>> run = train_parity(ParityTasks(4, {"A": [0, 1]}), seeds=[0], hidden=8, steps=20, samples=64)
    >>> run
    ParityRun(1 seeds, 21 recorded steps up to 20, 1 tasks; network 4-8-1, 64 samples, learning rate 0.001)
    """
    seeds = jnp.asarray(_seeds(seeds))
    hidden, steps, samples = (
        whole_number("hidden", hidden),
        whole_number("steps", steps),
        whole_number("samples", samples),
    )
    record_every, side_by_side = whole_number("record_every", record_every), whole_number("side_by_side", side_by_side)
    if steps % record_every:
        raise ValueError(f"record_every: expected a divisor of steps = {steps}, got {record_every}")
    learning_rate = positive_number("learning_rate", learning_rate)
    if optimizer is None:
        from optax import adam as optimizer
    elif not callable(optimizer):
        raise ValueError(
            "optimizer: expected a function from the learning rate to an optax optimizer, such as optax.adam, got "
            f"{type(optimizer).__name__}"
        )
    with jax.enable_x64(False):  # an optimizer's own constants too: the same numbers whatever the caller's switch
        loss, accuracy = _train(
            seeds,
            jnp.asarray(tasks.membership),
            jnp.asarray(tasks.weight, jnp.float32),
            jnp.asarray(learning_rate, jnp.float32),
            optimizer=optimizer,
            hidden=hidden,
            steps=steps,
            samples=samples,
            record_every=record_every,
            side_by_side=side_by_side,
        )
    recorded = jnp.arange(0, steps + 1, record_every)
    return ParityRun(tasks, seeds, recorded, accuracy, loss, hidden, samples, learning_rate)


class _Network(eqx.Module):
    """One hidden layer of rectified linear units; samples are columns, which keeps the products contiguous."""

    hidden_weight: Float[Array, "hidden bit"]
    hidden_bias: Float[Array, " hidden"]
    output_weight: Float[Array, "task hidden"]
    output_bias: Float[Array, " task"]

    def __init__(self, key: Key[Array, ""], bits: int, hidden: int, tasks: int):
        # one draw for all: a random call costs more to compile than the whole network
        shapes = [(hidden, bits), (hidden,), (tasks, hidden), (tasks,)]
        ends = np.cumsum([math.prod(shape) for shape in shapes])
        draws = jnp.split(jax.random.uniform(key, (int(ends[-1]),), jnp.float32, -1, 1), ends[:-1])
        scales = [1 / math.sqrt(fan_in) for fan_in in (bits, bits, hidden, hidden)]
        layers = [s * draw.reshape(shape) for s, draw, shape in zip(scales, draws, shapes, strict=True)]
        self.hidden_weight, self.hidden_bias, self.output_weight, self.output_bias = layers

    def __call__(self, inputs: Float[Array, "bit sample"]) -> Float[Array, "task sample"]:
        active = jax.nn.relu(self.hidden_weight @ inputs + self.hidden_bias[:, None])
        return self.output_weight @ active + self.output_bias[:, None]


@eqx.filter_jit
def _train(seeds, membership, weight, learning_rate, *, optimizer, hidden, steps, samples, record_every, side_by_side):
    """Loss and accuracy, each `(seed, 1 + steps/record_every, task)`; the accuracy costs no second forward pass."""
    from optax import apply_updates

    def measure(network, inputs, labels):
        outputs = network(inputs)
        loss = jnp.mean(jnp.square(outputs - labels), axis=1)
        accuracy = jnp.mean(((outputs > 0.5) == (labels > 0.5)).astype(jnp.float32), axis=1)
        return jnp.sum(weight * loss), (loss, accuracy)

    def one_seed(seed):
        # the generator is named, so that a seed means the same whatever the caller's default is
        data_key, network_key = jax.random.split(jax.random.key(seed, impl="threefry2x32"))
        bits = jax.random.bits(data_key, (membership.shape[1], samples), jnp.uint8) & jnp.uint8(1)
        inputs = bits.astype(jnp.float32)
        labels = jnp.mod(membership @ inputs, 2)
        network = _Network(network_key, membership.shape[1], hidden, membership.shape[0])
        rule = optimizer(learning_rate)

        def step(carry, _):
            network, state = carry
            gradient, curves = jax.grad(measure, has_aux=True)(network, inputs, labels)
            with jax.numpy_dtype_promotion("standard"):  # optax's Adam raises a float to a whole step count
                updates, state = rule.update(gradient, state, network)
                network = apply_updates(network, updates)
            return (network, state), curves

        (network, _), curves = jax.lax.scan(step, (network, rule.init(network)), None, length=steps)
        _, last = measure(network, inputs, labels)
        return jax.tree.map(lambda rows, end: jnp.concatenate([rows[::record_every], end[None]]), curves, last)

    return jax.lax.map(one_seed, seeds, batch_size=None if side_by_side == 1 else side_by_side)


def _seeds(seeds: Any) -> np.ndarray:
    array = np.asarray(seeds)
    if array.ndim != 1 or array.size == 0 or array.dtype.kind not in "iu":
        raise ValueError(f"seeds: expected a list of at least one whole number, got {seeds!r}")
    if np.any(array < 0) or np.any(array >= 2**32):
        raise ValueError(f"seeds: expected whole numbers from 0 to 2^32 - 1, got {seeds!r}")
    return array.astype(np.uint32)
