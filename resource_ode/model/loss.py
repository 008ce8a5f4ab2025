"""How effort becomes level: the two losses, as functions of one number a skill.

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

``progress`` is what the budget law counts. Nothing is computed as ``1 - level`` or ``1 - unlearned``: both ends keep
their relative accuracy. Source: Liu et al. 2025; the cross-entropy effort integrates ``dl/dX = p sigma(-l)``.
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..base.special import decay, margin_from_exposure, saturation

Values = Float[Array, "..."]


class MeanSquaredError(eqx.Module):
    """`loss = sum_i p_i u_i^2`; effort is the log-depth `D = -ln u`."""

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

    # the same from the unlearned fraction itself, which interference may drive below zero

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


class CrossEntropy(eqx.Module):
    """`loss = sum_i p_i ln(1 + exp(-l_i))`; effort is `l + e^l - 1` of the margin `l`, accuracy is `sigma(l)`."""

    def log_depth(self, effort: Values) -> Values:
        return jnp.log1p(jnp.expm1(margin_from_exposure(effort)) / 2)

    def unlearned(self, effort: Values) -> Values:
        return 2 * jax.nn.sigmoid(-margin_from_exposure(effort))

    def level(self, effort: Values) -> Values:
        return jnp.tanh(margin_from_exposure(effort) / 2)

    def demand(self, effort: Values) -> Values:
        return jax.nn.sigmoid(-margin_from_exposure(effort))

    def progress(self, effort: Values) -> Values:
        return margin_from_exposure(effort)

    def value(self, effort: Values) -> Values:
        return jax.nn.softplus(-margin_from_exposure(effort))

    def effort_at(self, level: Values) -> Values:
        margin = 2 * jnp.arctanh(level)
        return margin + jnp.expm1(margin)

    # the same from the margin itself, which interference may drive below zero

    def direct_unlearned(self, state: Values) -> Values:
        return 2 * jax.nn.sigmoid(-state)

    def direct_demand(self, state: Values) -> Values:
        return jax.nn.sigmoid(-state)

    def direct_progress(self, state: Values) -> Values:
        return state

    def direct_level(self, state: Values) -> Values:
        return jnp.tanh(state / 2)

    def direct_value(self, state: Values) -> Values:
        return jax.nn.softplus(-state)


LOSSES = {"mse": MeanSquaredError(), "cross_entropy": CrossEntropy()}
