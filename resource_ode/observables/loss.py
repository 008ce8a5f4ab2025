"""How fast the loss falls."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..base.annotations import Numbers
from ..model.loss import AbstractLoss, CrossEntropy, MeanSquaredError
from ..model.model import ResourceModel
from ..results.trajectory import Trajectory
from .rows import each_member, least, signed_shares
from .sources import profile_of

# slopes of the losses we have, in units of their demand: without the quotient that derivatives of others need
_SLOPES = {MeanSquaredError: 2, CrossEntropy: 1}


def loss_exponent(
    source: ResourceModel | Trajectory, *, ts: Numbers | None = None, tolerance: Numbers | None = None
) -> Float[Array, "..."]:
    r"""The local exponent of the loss: what a power law $L \propto t^{-\gamma}$ would have for $\gamma$ just here.

    $$ -\frac{d\log L}{d\log t} = \frac{t}{L} \sum_i p_i\, \phi_i\, (C \eta r)_i, \qquad
    \phi_i = 2 u_i \text{ (MSE)}, \quad \sigma(-l_i) \text{ (cross entropy)} $$

    ($C$ the interference, if any), the exact derivative at each row, not a difference of rows. Where a schedule or a
    self-paced skill changes the frequencies, the loss jumps; this is its slope between jumps.

    Limits for $p_k \propto k^{-\alpha}$ and many skills: $\alpha - 1$ while little is wasted (Domino), $(\alpha -
    1)/\alpha$ once waste dominates (quanta).

    **Arguments:** `source`: a model or a run, one or a batch.

    **Other arguments** (of a model): `ts` and `tolerance`, as for [`resource_ode.observables.concurrency`][].

    **Returns:** `(*batch, time)`, dimensionless; 0 at $t = 0$, NaN where the loss is zero (to rounding). Exact at each
    time, whatever the others.

    **Raises:** `ValueError` for anything but a model or a run, or for `ts` or `tolerance` beside a run.

    **Example:**

    >>> import resource_ode as ro
    >>> model = ro.ResourceModel(ro.SkillGraph([[]]), [1.0], learning_rate=1e-3, wasted_resource=1e-9)
    >>> loss_exponent(ro.simulate(model, [0.0, 500.0])).round(3).tolist()  # u = 1 - t/1000
    [0.0, 2.0]
    """
    return each_member(_loss_exponent, profile_of(source, ts, tolerance))


def _loss_exponent(run: Trajectory) -> Float[Array, " time"]:
    model, law = run.model, run.model.law

    def fall(state: Array, share: Array, time: Array) -> Array:
        exposed = run.kind == "exposure"
        slope = _slope_of_effort(law, model.effort(state)) if exposed else _slope_of_state(law, state)
        pace = model.pace(state, time) if exposed else model.direct_pace(state, time)
        # what overlaps may be of another pool: each share counts at the learning rate of its own
        spent = model.of_pool(model.learning_rate_at(time)) * share
        change = spent if model.interference is None else model.interference @ spent
        return jnp.sum(pace * slope * change)

    loss = run.loss
    some = ~(loss <= least(loss.dtype))
    scale = jax.lax.stop_gradient(jnp.where(some, loss, 1))
    falls = jax.vmap(fall)(run.state, signed_shares(run), run.ts)
    value = run.ts * (falls / scale) / jnp.where(some, loss / scale, 1)
    return jnp.where(some, value, jnp.nan)


def _slope_of_effort(law: AbstractLoss, effort: Float[Array, " skill"]) -> Float[Array, " skill"]:
    """How much the loss falls for a unit of progress, at some effort."""
    if type(law) in _SLOPES:
        return _SLOPES[type(law)] * law.demand(effort)
    falls, demand = -jax.jvp(law.value, (effort,), (jnp.ones_like(effort),))[1], law.demand(effort)
    return jnp.where(demand > 0, falls / jnp.where(demand > 0, demand, 1), 0)


def _slope_of_state(law: AbstractLoss, state: Float[Array, " skill"]) -> Float[Array, " skill"]:
    """The same, from what discrete steps and interference follow."""
    if type(law) in _SLOPES:
        return _SLOPES[type(law)] * law.direct_demand(state)
    return -law.direction * jax.jvp(law.direct_value, (state,), (jnp.ones_like(state),))[1]
