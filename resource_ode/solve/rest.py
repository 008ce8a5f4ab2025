"""Levels that interference keeps from being reached.

Near rest the state moves by $C s f$, where $s$ is what a unit of demand gets. With $D$ the derivative of $s f$ by the
state and $R = C^{1/2}$, it is at rest once it has moved by $R (R D R)^{-1} R s f$. A motion along which the overlaps
have the eigenvalue 0 never happens.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

from ..model.model import ResourceModel
from ..model.schedule import Schedule

# eigenvalues of overlaps below so many roundings, for each skill, are 0
ROUNDINGS = 4
# what is still to come is read off a straight line, where it is so little: twice that is on the safe side
LITTLE, SAFELY = 0.05, 2


def never_reached(model: ResourceModel, state: Array, time: Array, level: Any) -> Bool[Array, " skill"]:
    """Skills that surely never reach a level, from the state of one member with interference late in its run."""
    law = model.law
    values, vectors = _modes(model)
    root = jnp.where(values > 0, jnp.sqrt(values), 0)
    demand, slope = jax.jvp(
        lambda x: model.direct_competitiveness(x, time), (state,), (jnp.full_like(state, law.direction),)
    )
    total = model.denominator(demand, model.waste_at(time))
    rate = model.learning_rate_at(time)
    speed = model.of_pool(jnp.where(total > 0, rate / jnp.where(total > 0, total, 1), 0))
    # in modes of the overlaps: those of eigenvalue 0 are kept apart, as motions of speed 1 that nothing drives
    ways = vectors * root[None]
    stiffness = ways.T @ ((-slope * speed)[:, None] * ways)
    most = jnp.max(jnp.abs(stiffness))
    stiffness = stiffness + jnp.diag(jnp.where(values > 0, 0, most))
    pull = ways.T @ (demand * speed)
    speeds, motions = jnp.linalg.eigh(stiffness)
    sure = speeds > 10 * _rounding(model) * most
    ahead = jnp.where(sure, jnp.abs(motions.T @ pull) / jnp.where(sure, speeds, 1), 0)
    reach = SAFELY * jnp.abs(ways @ motions) @ ahead
    resting = jnp.all(sure) & jnp.all(reach < LITTLE) | jnp.all(rate == 0)
    schedules = (model.frequency, model.learning_rate, model.wasted_resource)
    changes = [each.times[-1] for each in schedules if isinstance(each, Schedule)]
    # nothing changes any more
    resting &= jnp.all(time >= jnp.stack(changes)) if changes else True
    return resting & (law.direct_level(state + law.direction * reach) < level)


def _modes(model: ResourceModel) -> tuple[Array, Array]:
    """Eigenvalues of the overlaps, those that are rounding set to 0, and eigenvectors."""
    values, vectors = jnp.linalg.eigh(model.interference)
    return jnp.where(values > _rounding(model), values, 0), vectors


def _rounding(model: ResourceModel) -> float:
    return ROUNDINGS * model.skills * float(jnp.finfo(model.dtype).eps)
