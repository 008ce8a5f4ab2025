"""Training runs of the Geometry model: what they hold, and how they are made."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt

from ..base.annotations import Given, Numbers
from ..base.checks import whole_number
from ..base.tracing import is_concrete
from ..base.values import brief, plain
from ..base.words import missing_attribute
from ..results.outcome import result_names, results_from_codes
from ..results.trajectory import Trajectory
from .geometry import GeometryModel

# up to so many comparisons a step, sorting samples into tasks one by one is faster than drawing the counts
FEW_COMPARISONS = 2**18
# so many times it is told how far a training is
PIECES = 20


class GeometryRun(eqx.Module):
    r"""Training runs of a Geometry model, one for each setting and seed.

    **Fields:**

    - `trajectory`: a [`resource_ode.Trajectory`][] `(*batch, seed)`, so that everything that takes runs takes these. It
        holds what was measured, $u_i$ or the margin, hence `level`, `unlearned`, `loss`; its `model` is the L2 law, and
        `share` what that law assigns at the measured levels. There is no clock to measure: `clock`, `waste` and
        `budget_residual` are NaN.
    - `dimensions`: `(*batch, seed, time, skill)`: net number of coordinates which the step made at that time moves in
        favour of each task, $\sum_k \mathrm{sign}(t_{ik})\, \mathrm{sign}(\Delta x_k)$. It is the resource in the
        literal sense; the L2 law predicts $(2d/\pi) \arcsin r_i$.
    - `overlap`: `(*batch, seed, skill, skill)`, $t_i \cdot t_j$: the `interference` of a Resource model.
    - `model`, `seeds`: the settings.
    """

    if not TYPE_CHECKING:  # to which every name would be known
        __getattr__ = missing_attribute

    trajectory: Trajectory
    dimensions: Float[Array, "*batch time skill"]
    overlap: Float[Array, "*batch skill skill"]
    model: GeometryModel
    seeds: UInt[Array, "..."]

    @property
    def ts(self) -> Float[Array, " time"]:
        """Training steps."""
        return self.trajectory.ts

    @property
    def level(self) -> Float[Array, "*batch time skill"]:
        """Measured levels."""
        return self.trajectory.level

    def __repr__(self) -> str:
        until = f"{float(self.ts[-1]):g}"
        return f"GeometryRun({self.model!r}, seeds {self.seeds.shape}, {self.ts.shape[0]} times up to {until})"


def train_geometry(
    model: Given[GeometryModel],
    ts: Numbers,
    *,
    seeds: Numbers = 0,
    side_by_side: Given[int | None] = None,
    progress: Given[Callable[[int, int], object] | None] = None,
) -> GeometryRun:
    r"""Train a Geometry model, once for each setting and seed.

    A seed fixes task vectors, gradient noise and samples, whatever the other seeds and settings.

    **Arguments:**

    - `model`: a [`resource_ode.GeometryModel`][] or a batch of settings.
    - `ts`: `(time,)`, training steps at which to report: not negative, increasing.
    - `seeds`: whole numbers in `[0, 2^32)`: one, or `(seed,)`, which adds a last batch axis.

    **Other arguments:**

    - `side_by_side`: how many members are trained at once, the others after them; default 8 on a CPU, all on an
        accelerator.
    - `progress`: called on the host as `progress(done, total)`, in training steps of all members, some 20 times for
        each `side_by_side` of them; refused under `jit`, `vmap` and `grad`.

    **Returns:** a [`GeometryRun`][resource_ode.related.training.GeometryRun].

    **Raises:** `ValueError` for anything else, or for an optimiser that does not give an optax optimiser.

    **Example:**

    >>> model = GeometryModel([1.0, 0.1], dimension=1000, learning_rate=1e-3)
    >>> train_geometry(model, [0, 40], seeds=[0, 1]).level.shape
    (2, 2, 2)
    """
    model, rows, seeds = checked(model, ts, seeds)
    members, ids, shape = members_of(model, seeds)
    if side_by_side is None:
        side_by_side = min(8, ids.shape[0]) if jax.default_backend() == "cpu" else ids.shape[0]
    side_by_side = whole_number("side_by_side", side_by_side)
    noisy = not is_concrete(model.noise) or bool(np.any(np.asarray(model.noise) > 0))
    if progress is None:
        found = _train(members, ids, rows, noisy=noisy, side_by_side=side_by_side)
    else:
        if not callable(progress):
            raise ValueError(f"progress: expected a function, got {brief(progress)}")
        if not is_concrete(model):
            raise ValueError("progress: expected None under jit, vmap and grad, where training is one program")
        found = _in_pieces(members, ids, rows, min(side_by_side, ids.shape[0]), noisy, progress)
    state, dimensions, overlap = found
    state, dimensions, overlap = (x.reshape((*shape, *x.shape[1:])) for x in (state, dimensions, overlap))
    name = "sign descent" if model.optimizer is None else getattr(model.optimizer, "__name__", "given optimiser")
    trajectory = as_trajectory(model, rows, state, seeds, f"geometry ({name} in {model.dimension} dimensions)")
    return GeometryRun(trajectory, dimensions, overlap, model, seeds)


def checked(model: Any, ts: Any, seeds: Any) -> tuple[GeometryModel, Array, Array]:
    if not isinstance(model, GeometryModel):
        raise ValueError(f"model: expected a GeometryModel, got {type(model).__name__}")
    try:
        times = np.asarray(ts, float)
    except (TypeError, ValueError):
        raise ValueError(f"ts: expected numbers (training steps), got {brief(ts)}") from None
    if times.ndim != 1 or times.size == 0:
        raise ValueError(f"ts: expected times of shape (time,), at least one, got shape {times.shape}")
    if not np.all(times == np.round(times)) or times[0] < 0 or np.any(np.diff(times) <= 0):
        raise ValueError(
            f"ts: expected whole, increasing training steps from 0 on, got {np.array2string(times, threshold=6)}"
        )
    numbers = np.asarray(plain("seeds", seeds, "whole numbers"))
    if numbers.ndim > 1 or numbers.size == 0 or not np.issubdtype(numbers.dtype, np.integer):
        raise ValueError(f"seeds: expected a whole number or a list of them, got {brief(seeds)}")
    if numbers.min() < 0 or numbers.max() >= 2**32:
        raise ValueError(f"seeds: expected whole numbers from 0 to 2^32 - 1, got {numbers.min()} to {numbers.max()}")
    return (
        model,
        jnp.asarray(times.astype(np.int32)),
        jnp.asarray(numbers.astype(np.uint32)),
    )


def members_of(model: GeometryModel, seeds: Array) -> tuple[GeometryModel, Array, tuple[int, ...]]:
    """Settings and seeds of each member along one axis, and the shape that this axis stands for."""
    flat = model.flat()
    count, each = flat.learning_rate.shape[0], seeds.size
    members = jax.tree.map(lambda x: jnp.repeat(x, each, axis=0), flat)
    return members, jnp.tile(seeds.reshape(-1), count), model.batch_shape + seeds.shape


def as_trajectory(model: GeometryModel, rows: Array, state: Array, seeds: Array, method: str) -> Trajectory:
    law = model.resource_model()
    if seeds.ndim:
        # the last batch axis is that of the seeds
        rate = jnp.broadcast_to(model.resource_rate[..., None], (*model.batch_shape, seeds.size))
        law = law.replace(
            frequency=model.frequency[..., None, :], wasted_resource=model.noise_length[..., None], learning_rate=rate
        )
    finite = jnp.all(jnp.isfinite(state), axis=(-2, -1))
    state = jnp.where(finite[..., None, None], state, jnp.nan)
    result = results_from_codes(jnp.where(finite, 0, result_names().index("not_finite")))
    clock = jnp.full(state.shape[:-1], jnp.nan, state.dtype)
    return Trajectory(rows.astype(state.dtype), state, clock, clock, result, law, "direct", method)


def task_vectors(model: GeometryModel, key: Array) -> Float[Array, "skill dimension"]:
    """Task vectors of one member: rows of length 1."""
    raw = jax.random.normal(key, (model.skills, model.dimension), model.frequency.dtype)
    if model.vectors == "random":
        return raw / jnp.linalg.norm(raw, axis=1, keepdims=True)
    basis, triangle = jnp.linalg.qr(raw.T)
    # without the signs one coordinate of each vector would always have the same sign
    return (basis * jnp.sign(jnp.diagonal(triangle))[None, :]).T


def sample_weights(model: GeometryModel, key: Array) -> Float[Array, " skill"]:
    """Weight of each task in the gradient of one step."""
    if model.batch_size is None:
        return model.frequency
    total = jnp.sum(model.frequency)
    size = jnp.asarray(model.batch_size, model.frequency.dtype)
    if model.batch_size * model.skills <= FEW_COMPARISONS:
        ends = jnp.cumsum(model.frequency) / total
        draws = jax.random.uniform(key, (model.batch_size,), model.frequency.dtype)
        below = jnp.sum(draws[None, :] < ends[:-1, None], axis=1).astype(size.dtype)
        counts = jnp.diff(below, prepend=0, append=size)
    else:
        counts = jax.random.multinomial(key, size, model.frequency / total)
    return counts * (total / size)


def member_keys(seed: Array) -> tuple[Array, Array, Array, Array]:
    """Keys of a seed for the task vectors, the gradient noise, the samples, and the signs of the law's recursion."""
    vectors, noise, samples, signs = jax.random.split(jax.random.key(seed), 4)
    return vectors, noise, samples, signs


def _optimiser(model: GeometryModel) -> Any:
    if model.optimizer is None:
        import optax

        return optax.sign_sgd(model.learning_rate)
    made = model.optimizer(model.learning_rate)
    if not hasattr(made, "init") or not hasattr(made, "update"):
        raise ValueError(f"optimizer: expected a function that returns an optax optimiser, got {type(made).__name__}")
    return made


class _Training:
    """One member: how it begins, and how it goes on from what it carries: position, memory and the next change."""

    def __init__(self, model: GeometryModel, seed: Array, noisy: bool):
        vector_key, self.noise_key, self.sample_key, _ = member_keys(seed)
        self.model, self.noisy = model, noisy
        self.vectors = task_vectors(model, vector_key)
        # optax mixes types and ranks more freely than this package allows itself
        with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
            self.optimiser = _optimiser(model)

    def begin(self) -> Any:
        start = jnp.zeros(self.model.dimension, self.model.frequency.dtype)
        with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
            memory = self.optimiser.init(start)
        change, memory = self._update(jnp.zeros((), jnp.int32), start, memory)
        return start, memory, change

    def go_on(self, carry: Any, firsts: Array, lasts: Array) -> tuple[Any, tuple[Array, Array]]:
        """The state and the dimensions after each of some stretches of steps."""
        signs = jnp.sign(self.vectors)

        def advance(step: Array, carry: Any) -> Any:
            position, memory, change = carry
            position = position + change
            change, memory = self._update(step + 1, position, memory)
            return position, memory, change

        def until(carry: Any, ends: tuple[Array, Array]) -> tuple[Any, tuple[Array, Array]]:
            carry = jax.lax.fori_loop(*ends, advance, carry)
            position, _, change = carry
            return carry, (self._state(position), signs @ jnp.sign(change))

        return jax.lax.scan(until, carry, (firsts, lasts))

    def overlap(self) -> Array:
        return self.vectors @ self.vectors.T

    def _state(self, position: Array) -> Array:
        law = self.model.law
        return law.advance(jnp.full(self.model.skills, law.untouched, position.dtype), self.vectors @ position)

    def _update(self, step: Array, position: Array, memory: Any) -> tuple[Array, Any]:
        model = self.model
        weight = sample_weights(model, jax.random.fold_in(self.sample_key, step))
        pull = model.gradient_factor * weight * model.law.direct_demand(self._state(position))
        gradient = -(pull @ self.vectors)
        if self.noisy:
            shock = jax.random.normal(jax.random.fold_in(self.noise_key, step), gradient.shape, gradient.dtype)
            gradient = gradient + model.noise * shock
        with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
            change, memory = self.optimiser.update(gradient, memory, position)
        return change.astype(position.dtype), memory


@eqx.filter_jit
def _train(models: GeometryModel, seeds: Array, rows: Array, *, noisy: bool, side_by_side: int) -> tuple[Array, ...]:
    def one(member: tuple[GeometryModel, Array]) -> tuple[Array, ...]:
        training = _Training(*member, noisy)
        _, found = training.go_on(training.begin(), jnp.append(0, rows[:-1]), rows)
        return *found, training.overlap()

    return jax.lax.map(one, (models, seeds), batch_size=side_by_side)


def _in_pieces(
    models: GeometryModel,
    seeds: Array,
    rows: Array,
    side_by_side: int,
    noisy: bool,
    progress: Callable[[int, int], Any],
) -> tuple[Array, ...]:
    """The same, some members and some rows at a time, so that the host can tell how far it is."""
    members, count = seeds.shape[0], rows.shape[0]
    each = -(-count // PIECES)
    last = int(rows[-1])
    parts = []
    for begin in range(0, members, side_by_side):
        index = np.minimum(np.arange(begin, begin + side_by_side), members - 1)
        some = (jax.tree.map(lambda x, at=index: x[at], models), seeds[index])
        carry, overlap = _begun(*some, noisy)
        found = []
        own = min(side_by_side, members - begin)
        for first in range(0, count, each):
            # the last piece repeats the last row, up to which there is nothing left to do
            ends = rows[np.minimum(np.arange(first, first + each), count - 1)]
            before = rows[first - 1] if first else jnp.zeros((), rows.dtype)
            carry, part = _gone_on(*some, carry, jnp.append(before, ends[:-1]), ends, noisy)
            found.append(jax.block_until_ready(part))
            progress(begin * last + own * int(ends[-1]), members * last)
        state, dimensions = jax.tree.map(lambda *x: jnp.concatenate(x, axis=1)[:, :count], *found)
        parts.append(jax.tree.map(lambda x, n=own: x[:n], (state, dimensions, overlap)))
    return jax.tree.map(lambda *x: jnp.concatenate(x), *parts)


@eqx.filter_jit
def _begun(models: GeometryModel, seeds: Array, noisy: bool) -> tuple[Any, Array]:
    def one(model: GeometryModel, seed: Array) -> tuple[Any, Array]:
        training = _Training(model, seed, noisy)
        return training.begin(), training.overlap()

    return jax.vmap(one)(models, seeds)


@eqx.filter_jit
def _gone_on(
    models: GeometryModel, seeds: Array, carry: Any, firsts: Array, lasts: Array, noisy: bool
) -> tuple[Any, ...]:
    def one(model: GeometryModel, seed: Array, carry: Any) -> tuple[Any, ...]:
        return _Training(model, seed, noisy).go_on(carry, firsts, lasts)

    return jax.vmap(one)(models, seeds, carry)
