"""How effort becomes level: the losses, as functions of one number for each skill.

Each skill's state is its *effort* ``z``, which grows at the rate ``dz/dX = p`` (frequency) in its exposure ``X``:

==================  ============================  ==============================
quantity            mean squared error            cross entropy
==================  ============================  ==============================
effort ``z``        ``D = -ln u``                 ``l + e^l - 1`` (margin ``l``)
unlearned ``u``     ``exp(-z)``                   ``2 sigma(-l)``
demand              ``u``                         ``sigma(-l)``
progress            ``1 - u``                     ``l``
loss                ``u^2``                       ``ln(1 + exp(-l))``
==================  ============================  ==============================

``progress`` is what the budget law counts, and its derivative by effort is ``demand``. Nothing is computed as
``1 - level`` or ``1 - unlearned``: both ends keep their relative accuracy. Discrete steps and interference follow the
*state* itself, ``u`` or ``l``, which is progress up to sign and origin. Source: Liu et al. 2025; the cross-entropy
effort integrates ``dl/dX = p sigma(-l)``.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..base.special import decay, margin_from_exposure, saturation
from ..base.values import brief
from ..base.words import nearest

Values = Float[Array, "..."]


class AbstractLoss(eqx.Module):
    """A loss: how the effort spent on a skill becomes unlearned fraction, demand and progress.

    A loss of your own defines the abstract methods, elementwise functions that JAX can differentiate twice, and the
    class variables where they differ; pass it as `ResourceModel(..., loss=MyLoss())`.
    """

    # what results and files call it
    name: ClassVar[str]
    # what discrete steps and interference follow, and its sign: -1 where the state falls as a skill is learned
    state_name: ClassVar[str] = "progress"
    direction: ClassVar[int] = 1
    # the state of a skill of which nothing is learned
    untouched: ClassVar[float] = 0.0
    # whether progress is bounded, so that a run without waste ends
    has_end: ClassVar[bool] = True
    # whether log-depth is effort itself, so that one cascade serves all gate exponents
    effort_is_depth: ClassVar[bool] = False

    # -- as functions of effort

    @abstractmethod
    def unlearned(self, effort: Values) -> Values:
        """Unlearned fraction: 1 at no effort, falling to 0."""

    @abstractmethod
    def level(self, effort: Values) -> Values:
        """`1 - unlearned`, without the cancellation."""

    @abstractmethod
    def demand(self, effort: Values) -> Values:
        """Gradient that the skill still asks for: the derivative of `progress`."""

    @abstractmethod
    def progress(self, effort: Values) -> Values:
        """What the budget law counts, 0 at no effort."""

    @abstractmethod
    def value(self, effort: Values) -> Values:
        """The loss for each unit of frequency."""

    def log_depth(self, effort: Values) -> Values:
        """`-ln` of the unlearned fraction."""
        return -jnp.log(self.unlearned(effort))

    # -- inverses

    @abstractmethod
    def effort_at(self, level: Values) -> Values:
        """The effort that reaches a level."""

    @abstractmethod
    def effort_of_progress(self, progress: Values) -> Values:
        """The effort that makes so much progress."""

    @abstractmethod
    def effort_for_depth(self, depth: Values) -> Values:
        """An effort at which log-depth is at least `depth` (near the least such; without overflow)."""

    # -- where it is steepest: what estimates of errors and the places of panels need

    def depth_steepness(self, effort: Values) -> Values:
        """An upper bound, at least 1, of the logarithmic derivative of log-depth by effort: 1 where it is concave."""
        return jnp.ones_like(effort)

    def largest_demand(self, first: Values, last: Values) -> Values:
        """The largest demand between two efforts: that at the first where demand only falls."""
        return self.demand(first)

    def measured(self, effort: Values) -> Values:
        """A function of effort in whose logarithm what happens to a skill is spread evenly."""
        return effort

    def with_plateau(self, plateau: Array | np.ndarray) -> AbstractLoss:
        """The loss with the plateau of a model.

        **Raises:** `ValueError` where none is known.
        """
        raise ValueError(
            f'plateau: expected None or 1 with loss="{self.name}", since no closed form of its effort is known; '
            'it goes with loss="mse"'
        )

    # -- as functions of the state, which interference may drive outside the range that effort covers

    def state(self, effort: Values) -> Values:
        """The state that follows from effort."""
        return self.progress(effort)

    def direct_unlearned(self, state: Values) -> Values:
        """Unlearned fraction."""
        return self.unlearned(self.effort_of_progress(state))

    def direct_demand(self, state: Values) -> Values:
        """Demand."""
        return self.demand(self.effort_of_progress(state))

    def direct_progress(self, state: Values) -> Values:
        """Progress."""
        return state

    def direct_level(self, state: Values) -> Values:
        """Level."""
        return self.level(self.effort_of_progress(state))

    def direct_value(self, state: Values) -> Values:
        """Loss."""
        return self.value(self.effort_of_progress(state))

    def advance(self, state: Values, change: Values) -> Values:
        """The state after one discrete step that makes so much progress."""
        return state + change


class MeanSquaredError(AbstractLoss):
    """`loss = sum_i p_i u_i^2`; effort is the log-depth `D = -ln u`."""

    name: ClassVar[str] = "mse"
    state_name: ClassVar[str] = "unlearned fraction"
    direction: ClassVar[int] = -1
    untouched: ClassVar[float] = 1.0
    effort_is_depth: ClassVar[bool] = True

    def log_depth(self, effort: Values) -> Values:
        return effort

    def unlearned(self, effort: Values) -> Values:
        return jnp.exp(-effort)

    def level(self, effort: Values) -> Values:
        return saturation(effort)

    def demand(self, effort: Values) -> Values:
        return decay(effort)

    def progress(self, effort: Values) -> Values:
        return saturation(effort)

    def value(self, effort: Values) -> Values:
        return jnp.exp(-2 * effort)

    def effort_at(self, level: Values) -> Values:
        return -jnp.log1p(-level)

    def effort_of_progress(self, progress: Values) -> Values:
        return -jnp.log1p(-progress)

    def effort_for_depth(self, depth: Values) -> Values:
        return depth

    def state(self, effort: Values) -> Values:
        return self.unlearned(effort)

    def direct_unlearned(self, state: Values) -> Values:
        return state

    def direct_demand(self, state: Values) -> Values:
        return state

    def direct_progress(self, state: Values) -> Values:
        return 1 - state

    def direct_level(self, state: Values) -> Values:
        return 1 - state

    def direct_value(self, state: Values) -> Values:
        return state**2

    def advance(self, state: Values, change: Values) -> Values:
        return state - change

    def with_plateau(self, plateau: Array | np.ndarray) -> AbstractLoss:
        return SlowStart(plateau)


class SlowStart(MeanSquaredError):
    r"""Mean squared error of skills that grow out of what they have: $du/dz = -u\,(\epsilon + (1-\epsilon)\,s)$.

    $$ D(z) = \ln(1 + \epsilon\,(e^z - 1)) $$

    A plateau while $z < \ln(1/\epsilon)$, then a sharp rise. Effort $z$ is still proportional to exposure, so that the
    cascade and the budget law stay; $\epsilon = 1$ is [`resource_ode.model.loss.MeanSquaredError`][] to the bit.

    **Arguments:** `plateau`: $\epsilon$, `()`, in (0, 1].

    Source: derived here.
    """

    # of a batch where only its kind is looked at
    plateau: Any
    effort_is_depth: ClassVar[bool] = False

    def log_depth(self, effort: Values) -> Values:
        epsilon = self.plateau
        # the first form loses digits where epsilon is small, the second overflows where effort is large, and the third
        # serves the rest; squares of the largest are still numbers, for derivatives
        most = 0.4 * math.log(float(jnp.finfo(effort.dtype).max))
        large = epsilon >= 0.5
        gentle = effort + jnp.log1p((1 - jnp.where(large, epsilon, 1)) * jnp.expm1(-effort))
        early = jnp.log1p(epsilon * jnp.expm1(jnp.minimum(effort, most)))
        late = effort + jnp.log(epsilon + (1 - epsilon) * jnp.exp(-effort))
        return jnp.where(large, gentle, jnp.where(effort < most, early, late))

    def unlearned(self, effort: Values) -> Values:
        return jnp.exp(-self.log_depth(effort))

    def level(self, effort: Values) -> Values:
        return saturation(self.log_depth(effort))

    def demand(self, effort: Values) -> Values:
        depth = self.log_depth(effort)
        return decay(depth) * self._growth(saturation(depth))

    def progress(self, effort: Values) -> Values:
        return saturation(self.log_depth(effort))

    def value(self, effort: Values) -> Values:
        return jnp.exp(-2 * self.log_depth(effort))

    def effort_at(self, level: Values) -> Values:
        return self.effort_for_depth(-jnp.log1p(-level))

    def effort_of_progress(self, progress: Values) -> Values:
        return self.effort_for_depth(-jnp.log1p(-progress))

    def effort_for_depth(self, depth: Values) -> Values:
        # e^z = e^D (1 + (1/epsilon - 1)(1 - e^-D)): a sum of what is not negative; below 0 it only has to be negative
        gained = jnp.where(depth < 0, 0, -jnp.expm1(-depth))
        return depth + jnp.log1p((1 / self.plateau - 1) * gained)

    def depth_steepness(self, effort: Values) -> Values:
        depth = self.log_depth(effort)
        some = depth > 0
        return jnp.maximum(jnp.where(some, effort * self._growth(saturation(depth)) / jnp.where(some, depth, 1), 1), 1)

    def largest_demand(self, first: Values, last: Values) -> Values:
        # u (epsilon + (1 - epsilon)(1 - u)) is largest at u = 1/(2 (1 - epsilon)), where that is below 1
        peak = self.effort_for_depth(jnp.log(jnp.maximum(2 * (1 - self.plateau), 1)))
        return self.demand(jnp.clip(peak, first, last))

    def measured(self, effort: Values) -> Values:
        return self.log_depth(effort)

    def direct_demand(self, state: Values) -> Values:
        return state * self._growth(1 - state)

    def _growth(self, level: Values) -> Values:
        return self.plateau + (1 - self.plateau) * level


class CrossEntropy(AbstractLoss):
    """`loss = sum_i p_i ln(1 + exp(-l_i))`; effort is `l + e^l - 1` of the margin `l`, accuracy is `sigma(l)`."""

    name: ClassVar[str] = "cross_entropy"
    state_name: ClassVar[str] = "margin"
    has_end: ClassVar[bool] = False

    def log_depth(self, effort: Values) -> Values:
        return jnp.log1p(jnp.expm1(margin_from_exposure(effort)) / 2)

    def unlearned(self, effort: Values) -> Values:
        return 2 * jax.nn.sigmoid(-margin_from_exposure(effort))

    def level(self, effort: Values) -> Values:
        # tanh(l/2), whose own derivative loses its digits where the level is near 1
        margin = margin_from_exposure(effort)
        return saturation(margin) / (1 + decay(margin))

    def demand(self, effort: Values) -> Values:
        return jax.nn.sigmoid(-margin_from_exposure(effort))

    def progress(self, effort: Values) -> Values:
        return margin_from_exposure(effort)

    def value(self, effort: Values) -> Values:
        return jax.nn.softplus(-margin_from_exposure(effort))

    def effort_at(self, level: Values) -> Values:
        return self.effort_of_progress(2 * jnp.arctanh(level))

    def effort_of_progress(self, progress: Values) -> Values:
        return progress + jnp.expm1(progress)

    def effort_for_depth(self, depth: Values) -> Values:
        # e^l = 2 e^D - 1, so that the effort is below 2 e^D + D
        return 2 * jnp.exp(jnp.minimum(depth, 0.64 * jnp.log(float(jnp.finfo(depth.dtype).max)))) + depth

    def direct_unlearned(self, state: Values) -> Values:
        return 2 * jax.nn.sigmoid(-state)

    def direct_demand(self, state: Values) -> Values:
        return jax.nn.sigmoid(-state)

    def direct_level(self, state: Values) -> Values:
        return jnp.tanh(state / 2)

    def direct_value(self, state: Values) -> Values:
        return jax.nn.softplus(-state)


LOSSES: dict[str, AbstractLoss] = {loss.name: loss for loss in (MeanSquaredError(), CrossEntropy())}


def as_loss(value: Any) -> AbstractLoss:
    """A loss by its short name, or as it is.

    **Raises:** `ValueError` for anything else.
    """
    if isinstance(value, AbstractLoss):
        return value
    if not isinstance(value, str) or value not in LOSSES:
        hint = nearest(value, LOSSES, quote=repr)
        raise ValueError(f'loss: expected "mse" or "cross_entropy", got {brief(value)}{hint}')
    return LOSSES[value]
