r"""The Geometry model, one rung above the Resource model: tasks are directions in parameter space.

Task `i` is a unit vector $t_i$ of $\mathbb R^d$ and asks the parameters $x$, which start at 0, for $t_i \cdot x = 1$
(mean squared error), or for a margin $t_i \cdot x$ as large as can be (cross entropy). Skills do not compete by
assumption here: they share the $d$ coordinates that an optimiser moves, and that is what the Resource model sums up in
one resource. `GeometryModel.resource_model` gives the Resource model that follows from one for sign descent.

Source: Liu, Liu, Michaud, Gore, Tegmark, "Physics of Skill Learning" (2025); the L2 law is derived in docs/ladder.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt

from ..base.tracing import is_concrete
from ..graphs.graph import SkillGraph
from ..model.loss import LOSSES
from ..model.model import ResourceModel
from ..results.trajectory import Trajectory, result_names, results_from_codes

VECTORS = ("orthonormal", "random")
# up to so many comparisons a step, sorting samples into tasks one by one is faster than drawing the counts
FEW_COMPARISONS = 2**18


class GeometryModel(eqx.Module):
    r"""Tasks that are directions in $d$ dimensions, and how they are trained.

    $$ u_i = 1 - t_i \cdot x, \qquad g = c \sum_i w_i u_i t_i + \sigma \xi, \qquad x \leftarrow x +
    \mathrm{optimiser}(g), \qquad x(0) = 0, $$

    with $w_i = p_i$ for the full batch, or $w_i = (n_i/B) \sum_j p_j$ when $n_i$ of $B$ samples of a step are of task
    $i$; $\xi$ is a standard normal number for each coordinate and step, and $c = 2$, since $g$ is minus the gradient of
    $\sum_i p_i u_i^2$. For cross entropy the margin is $l_i = t_i \cdot x$, the level $\tanh(l_i/2)$, the accuracy
    $\sigma(l_i)$; $\sigma(-l_i)$ takes the place of $u_i$ in $g$, and $c = 1$.

    **Arguments:**

    - `frequency`: $p$, `(*batch, skill)`, dimensionless, > 0, used as given.
    - `dimension`: $d$, a positive whole number.
    - `learning_rate`: of the optimiser, `(*batch,)`, per training step, > 0.
    - `noise`: $\sigma$, `(*batch,)`, standard deviation of the gradient noise of each coordinate, >= 0.
    - `batch_size`: $B$, samples a step; `None` takes the true frequencies (full batch).

    **Other arguments:**

    - `loss`: `"mse"` or `"cross_entropy"`.
    - `vectors`: `"orthonormal"` (needs $n \le d$), or `"random"`: independent, uniform on the unit sphere.
    - `optimizer`: a function from the learning rate to an optax optimiser, such as `optax.adam`; default
        `optax.sign_sgd`, sign descent, which is Adam with betas (0, 0). Pass the same function object again and nothing
        recompiles.
    - `gradient_factor`: $c$, > 0; 1 makes the loss of MSE half the squared error.

    Batch axes are settings and broadcast; seeds are an argument of [`resource_ode.train_geometry`][].

    **Raises:** `ValueError` naming the argument, what was expected and what came.

    **Example:**

    >>> GeometryModel([1.0, 0.1], dimension=100, learning_rate=1e-3, noise=[0.0, 1e-3]).batch_shape
    (2,)

    Source: Liu et al. 2025, the Geometry model.
    """

    frequency: Float[Array, "*batch skill"]
    learning_rate: Float[Array, "*batch"]
    noise: Float[Array, "*batch"]
    gradient_factor: Float[Array, ""]
    dimension: int = eqx.field(static=True)
    batch_size: int | None = eqx.field(static=True)
    loss: str = eqx.field(static=True)
    vectors: str = eqx.field(static=True)
    optimizer: Callable[..., Any] | None = eqx.field(static=True)

    def __init__(
        self,
        frequency: Any,
        dimension: Any,
        learning_rate: Any,
        noise: Any = 0.0,
        batch_size: Any = None,
        *,
        loss: str = "mse",
        vectors: str = "orthonormal",
        optimizer: Any = None,
        gradient_factor: Any = None,
    ):
        if loss not in LOSSES:
            raise ValueError(f'loss: expected "mse" or "cross_entropy", got {loss!r}')
        if vectors not in VECTORS:
            raise ValueError(f'vectors: expected "orthonormal" or "random", got {vectors!r}')
        if optimizer is not None and not callable(optimizer):
            raise ValueError(
                "optimizer: expected a function from the learning rate to an optax optimiser, such as optax.adam, got "
                f"{type(optimizer).__name__}"
            )
        self.dimension = whole("dimension", dimension)
        self.batch_size = None if batch_size is None else whole("batch_size", batch_size)
        self.loss, self.vectors, self.optimizer = loss, vectors, optimizer
        if gradient_factor is None:
            gradient_factor = 2.0 if loss == "mse" else 1.0
        dtype = _dtype(frequency)
        self.frequency = _numbers("frequency", frequency, dtype)
        if self.frequency.ndim < 1 or self.frequency.shape[-1] == 0:
            raise ValueError(f"frequency: expected shape (*batch, skill), got {self.frequency.shape}")
        self.learning_rate = _numbers("learning_rate", learning_rate, dtype)
        self.noise = _numbers("noise", noise, dtype, zero=True)
        self.gradient_factor = _numbers("gradient_factor", gradient_factor, dtype)
        if self.gradient_factor.ndim:
            raise ValueError(f"gradient_factor: expected one number, got shape {self.gradient_factor.shape}")
        if vectors == "orthonormal" and self.skills > self.dimension:
            raise ValueError(
                f"dimension: expected at least {self.skills}, the number of skills, for orthonormal task vectors, got "
                f'{self.dimension}; use vectors="random"'
            )
        try:
            self.batch_shape  # noqa: B018
        except ValueError:
            shapes = (self.frequency.shape[:-1], self.learning_rate.shape, self.noise.shape)
            raise ValueError(
                f"the batch axes of frequency, learning_rate and noise do not broadcast: {shapes}"
            ) from None

    @property
    def skills(self) -> int:
        """Number of tasks."""
        return self.frequency.shape[-1]

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """The broadcast batch axes of the settings: `()` for one."""
        return np.broadcast_shapes(self.frequency.shape[:-1], self.learning_rate.shape, self.noise.shape)

    def replace(self, **changes: Any) -> GeometryModel:
        """The same model with some arguments changed; checked like a new one.

        **Raises:** `ValueError` for an argument that the model does not have.
        """
        arguments = {name: getattr(self, name) for name in _ARGUMENTS}
        unknown = sorted(set(changes) - set(arguments))
        if unknown:
            raise ValueError(f"replace: expected arguments among {', '.join(arguments)}, got {unknown[0]!r}")
        if changes.get("loss", self.loss) != self.loss:
            arguments["gradient_factor"] = None
        return GeometryModel(**{**arguments, **changes})

    def resource_model(self, competition: str = "l2", *, wasted_resource: Any = None) -> ResourceModel:
        r"""The Resource model of the same tasks.

        With `"l2"` nothing is fitted; the law holds for sign descent, orthonormal tasks and many dimensions:

        $$ \eta = \mathrm{lr} \sqrt{2d/\pi}, \qquad N_0 = \sigma \sqrt d/c. $$

        The noise of sampled batches fades as tasks are learned, which no constant $N_0$ does: it is left out here and
        held by [`resource_ode.related.sign_descent.law`][].

        With `"l1"`, the paper's law, $\eta = 2\,\mathrm{lr} \sqrt d$ (cross entropy: $4\,\mathrm{lr} \sqrt d$) is the
        paper's convention, and $N_0$ has to be fitted: [`resource_ode.fit_waste`][].

        **Arguments:**

        - `competition`: `"l2"` or `"l1"`.
        - `wasted_resource`: $N_0$, `(*batch,)`; needed with `"l1"`.

        **Returns:** a [`resource_ode.ResourceModel`][] with the batch axes of the settings.

        **Raises:** `ValueError` for `"l1"` without a wasted resource, or another competition.
        """
        graph = SkillGraph([[]] * self.skills)
        if competition == "l2":
            rate = self.resource_rate
            if wasted_resource is None:
                wasted_resource = self.noise_length
        elif competition == "l1":
            rate = self.learning_rate * ((2 if self.loss == "mse" else 4) * math.sqrt(self.dimension))
            if wasted_resource is None:
                raise ValueError(
                    'wasted_resource: expected a number, since competition="l1" does not predict it; fit_waste finds it'
                )
        else:
            raise ValueError(f'competition: expected "l1" or "l2", got {competition!r}')
        return ResourceModel(graph, self.frequency, rate, wasted_resource, loss=self.loss, competition=competition)

    @property
    def resource_rate(self) -> Float[Array, "*batch"]:
        r"""The resource that a step of sign descent spends, $\eta = \mathrm{lr}\sqrt{2d/\pi}$."""
        return self.learning_rate * math.sqrt(2 * self.dimension / math.pi)

    @property
    def noise_length(self) -> Float[Array, "*batch"]:
        r"""Length of the gradient noise in units of frequency, $\sigma\sqrt d/c$: what sign descent wastes on it."""
        return self.noise * (math.sqrt(self.dimension) / self.gradient_factor)

    def flat(self) -> GeometryModel:
        """The same settings with every array broadcast to one leading batch axis."""
        shape = self.batch_shape
        count = math.prod(shape)
        return eqx.tree_at(
            lambda m: (m.frequency, m.learning_rate, m.noise, m.gradient_factor),
            self,
            (
                jnp.broadcast_to(self.frequency, (*shape, self.skills)).reshape(count, self.skills),
                jnp.broadcast_to(self.learning_rate, shape).reshape(count),
                jnp.broadcast_to(self.noise, shape).reshape(count),
                jnp.broadcast_to(self.gradient_factor, (count,)),
            ),
        )

    def __repr__(self) -> str:
        batch = f", batch {self.batch_shape}" if self.batch_shape else ""
        how = "full batch" if self.batch_size is None else f"batches of {self.batch_size}"
        name = "sign descent" if self.optimizer is None else getattr(self.optimizer, "__name__", "given optimiser")
        return (
            f"GeometryModel({self.skills} {self.vectors} tasks in {self.dimension} dimensions, {self.loss}, {name}, "
            f"{how}{batch})"
        )


_ARGUMENTS = (
    "frequency",
    "dimension",
    "learning_rate",
    "noise",
    "batch_size",
    "loss",
    "vectors",
    "optimizer",
    "gradient_factor",
)


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


def train_geometry(model: Any, ts: Any, *, seeds: Any = 0, side_by_side: Any = None) -> GeometryRun:
    r"""Train a Geometry model, once for each setting and seed.

    A seed fixes task vectors, gradient noise and samples, whatever the other seeds and settings.

    **Arguments:**

    - `model`: a [`resource_ode.GeometryModel`][] or a batch of settings.
    - `ts`: `(time,)`, training steps at which to report: whole, not negative, increasing.
    - `seeds`: whole numbers in `[0, 2^32)`: one, or `(seed,)`, which adds a last batch axis.

    **Other arguments:**

    - `side_by_side`: how many members are trained at once, the others after them; default 8 on a CPU, all on an
        accelerator.

    **Returns:** a [`GeometryRun`][].

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
    side_by_side = whole("side_by_side", side_by_side)
    noisy = not is_concrete(model.noise) or bool(jnp.any(model.noise > 0))
    state, dimensions, overlap = _train(members, ids, rows, noisy=noisy, side_by_side=side_by_side)
    state, dimensions, overlap = (x.reshape((*shape, *x.shape[1:])) for x in (state, dimensions, overlap))
    name = "sign descent" if model.optimizer is None else getattr(model.optimizer, "__name__", "given optimiser")
    trajectory = as_trajectory(model, rows, state, seeds, f"geometry ({name} in {model.dimension} dimensions)")
    return GeometryRun(trajectory, dimensions, overlap, model, seeds)


# -- convert and check, wrap


def checked(model: Any, ts: Any, seeds: Any) -> tuple[GeometryModel, Array, Array]:
    if not isinstance(model, GeometryModel):
        raise ValueError(f"model: expected a GeometryModel, got {type(model).__name__}")
    try:
        times = np.asarray(ts, float)
    except (TypeError, ValueError):
        raise ValueError(f"ts: expected numbers (training steps), got {ts!r:.80}") from None
    if times.ndim != 1 or times.size == 0:
        raise ValueError(f"ts: expected times of shape (time,), at least one, got shape {times.shape}")
    if not np.all(times == np.round(times)) or times[0] < 0 or np.any(np.diff(times) <= 0):
        raise ValueError(
            f"ts: expected whole, increasing training steps from 0 on, got {np.array2string(times, threshold=6)}"
        )
    numbers = np.asarray(seeds)
    if numbers.ndim > 1 or numbers.size == 0 or not np.issubdtype(numbers.dtype, np.integer):
        raise ValueError(f"seeds: expected a whole number or a list of them, got {seeds!r:.80}")
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


# -- train


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


@eqx.filter_jit
def _train(models: GeometryModel, seeds: Array, rows: Array, *, noisy: bool, side_by_side: int) -> tuple[Array, ...]:
    def one(member: tuple[GeometryModel, Array]) -> tuple[Array, ...]:
        model, seed = member
        law = LOSSES[model.loss]
        vector_key, noise_key, sample_key, _ = member_keys(seed)
        vectors = task_vectors(model, vector_key)
        signs = jnp.sign(vectors)
        # optax mixes types and ranks more freely than this package allows itself
        with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
            optimiser = _optimiser(model)

        def state_of(position: Array) -> Array:
            progress = vectors @ position
            return 1 - progress if model.loss == "mse" else progress

        def update(step: Array, position: Array, memory: Any) -> tuple[Array, Any]:
            weight = sample_weights(model, jax.random.fold_in(sample_key, step))
            pull = model.gradient_factor * weight * law.direct_demand(state_of(position))
            gradient = -(pull @ vectors)
            if noisy:
                shock = jax.random.normal(jax.random.fold_in(noise_key, step), gradient.shape, gradient.dtype)
                gradient = gradient + model.noise * shock
            with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
                change, memory = optimiser.update(gradient, memory, position)
            return change.astype(position.dtype), memory

        def advance(step: Array, carry: Any) -> Any:
            position, memory, change = carry
            position = position + change
            change, memory = update(step + 1, position, memory)
            return position, memory, change

        def until(carry: Any, ends: tuple[Array, Array]) -> tuple[Any, tuple[Array, Array]]:
            carry = jax.lax.fori_loop(*ends, advance, carry)
            position, _, change = carry
            return carry, (state_of(position), signs @ jnp.sign(change))

        start = jnp.zeros(model.dimension, model.frequency.dtype)
        with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
            memory = optimiser.init(start)
        change, memory = update(jnp.zeros((), rows.dtype), start, memory)
        _, (state, dimensions) = jax.lax.scan(until, (start, memory, change), (jnp.append(0, rows[:-1]), rows))
        return state, dimensions, vectors @ vectors.T

    return jax.lax.map(one, (models, seeds), batch_size=side_by_side)


# -- numbers that come in


def whole(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{name}: expected a positive whole number, got {value!r}")
    return int(value)


def _dtype(frequency: Any) -> Any:
    dtype = getattr(frequency, "dtype", None)
    if dtype is not None and jnp.issubdtype(dtype, jnp.floating):
        return jax.dtypes.canonicalize_dtype(dtype)
    return jnp.asarray(0.0).dtype


def _numbers(name: str, value: Any, dtype: Any, zero: bool = False) -> Array:
    try:
        array = jnp.asarray(value, dtype)
    except (TypeError, ValueError):
        raise ValueError(f"{name}: expected numbers, got {value!r:.80}") from None
    if is_concrete(array):
        numbers = np.asarray(array)
        wrong = ~(np.isfinite(numbers) & ((numbers >= 0) if zero else (numbers > 0)))
        if wrong.any():
            expected = "finite numbers, not negative" if zero else "finite numbers above 0"
            raise ValueError(f"{name}: expected {expected}, got {numbers[wrong][0]:g}")
    return array
