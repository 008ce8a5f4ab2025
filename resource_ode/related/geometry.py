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
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..base.annotations import Given, Numbers
from ..base.checks import whole_number
from ..base.face import present
from ..base.modules import letting_go
from ..base.values import brief, in_range
from ..base.words import missing_attribute, nearest
from ..graphs.graph import SkillGraph
from ..model.loss import AbstractLoss, as_loss
from ..model.model import ResourceModel
from ..model.parameters import dtype_of

VECTORS = ("orthonormal", "random")


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
    - `batch_size`: $B$, samples per step; `None` takes the true frequencies (full batch).

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

    if not TYPE_CHECKING:  # to which every name would be known
        __getattr__ = missing_attribute

    frequency: Float[Array, "*batch skill"]
    learning_rate: Float[Array, "*batch"]
    noise: Float[Array, "*batch"]
    gradient_factor: Float[Array, ""]
    dimension: int = eqx.field(static=True)
    batch_size: int | None = eqx.field(static=True)
    law: AbstractLoss
    vectors: str = eqx.field(static=True)
    optimizer: Callable[..., Any] | None = eqx.field(static=True)

    @letting_go
    def __init__(
        self,
        frequency: Numbers,
        dimension: Given[int],
        learning_rate: Numbers,
        noise: Numbers = 0.0,
        batch_size: Numbers | None = None,
        *,
        loss: str = "mse",
        vectors: Given[str] = "orthonormal",
        optimizer: Given[Callable[..., Any] | None] = None,
        gradient_factor: Numbers | None = None,
    ):
        self.law = as_loss(loss)
        if not isinstance(vectors, str) or vectors not in VECTORS:
            hint = nearest(vectors, VECTORS, quote=repr)
            raise ValueError(f'vectors: expected "orthonormal" or "random", got {brief(vectors)}{hint}')
        if optimizer is not None and not callable(optimizer):
            raise ValueError(
                "optimizer: expected a function from the learning rate to an optax optimiser, such as optax.adam, got "
                f"{type(optimizer).__name__}"
            )
        self.dimension = whole_number("dimension", dimension)
        self.batch_size = None if batch_size is None else whole_number("batch_size", batch_size)
        self.vectors, self.optimizer = vectors, optimizer
        if gradient_factor is None:
            gradient_factor = 2.0 if self.loss == "mse" else 1.0
        dtype = dtype_of(frequency)
        self.frequency = in_range("frequency", frequency, dtype, above=0.0)
        if self.frequency.ndim < 1 or self.frequency.shape[-1] == 0:
            raise ValueError(f"frequency: expected shape (*batch, skill), got {self.frequency.shape}")
        self.learning_rate = in_range("learning_rate", learning_rate, dtype, above=0.0)
        self.noise = in_range("noise", noise, dtype, least=0.0)
        self.gradient_factor = in_range("gradient_factor", gradient_factor, dtype, above=0.0)
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
    def loss(self) -> str:
        """Name of the loss."""
        return self.law.name

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
            hint = nearest(unknown[0], arguments, quote=repr)
            raise ValueError(f"replace: expected arguments among {', '.join(arguments)}, got {unknown[0]!r}{hint}")
        if changes.get("loss", self.loss) != self.loss:
            arguments["gradient_factor"] = None
        return GeometryModel(**{**arguments, **changes})

    def resource_model(self, competition: str = "l2", *, wasted_resource: Numbers | None = None) -> ResourceModel:
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


present(__name__)
