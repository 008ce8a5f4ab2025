r"""The verb `learning_times`: when each skill reaches a level, without a time grid.

By the resource clock: the time $\tau_i$ at which exposure reaches what the level needs is a property of the graph
alone, and $\eta t_i = \int_0^{\tau_i} F\,d\tau + N_0 \tau_i$: affine in $N_0$, inverse in $\eta$. A grid of both costs
one cascade for each graph. Outside the cascade, interference goes by eigenvectors where it can, and all else by events
of the general solver.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..base import programs
from ..base.annotations import Numbers
from ..base.largest import largest
from ..base.lost import nan_unless
from ..base.tracing import concrete_number, evaluated, is_concrete
from ..base.values import brief
from ..base.warning import warn
from ..model.model import ResourceModel
from ..model.soundness import is_sound
from .cascade.batch import backend_for, batch_times
from .cascade.traced import checks_graphs
from .choose import cascade_obstacle
from .events import times_by_events
from .members import Wish, checked_wish
from .modes import modes_obstacle, times_by_modes
from .tolerance import as_tolerance


def learning_times(
    model: ResourceModel, level: Numbers = 0.5, *, tolerance: Numbers | None = None, batch_size: int | None = None
) -> Float[Array, "*batch skill"]:
    r"""Training steps at which each skill first reaches a level.

    $$ \eta\, t_i = \int_0^{\tau_i} F\, d\tau + N_0 \tau_i, \qquad s_i(\tau_i) = \text{level}. $$

    **Arguments:**

    - `model`: a [`resource_ode.ResourceModel`][] or a batch.
    - `level`: a number; levels at or above 1 are never reached, except with interference and MSE, where what other
        skills learn may carry a skill beyond 1. One above 1, such as a percentage, warns.

    **Other arguments:**

    - `tolerance`: largest relative error of the times; default 1e-7 in float64, 1e-4 in float32. A time whose
        estimated error is larger is NaN.
    - `batch_size`: largest number of members solved at a time; gate exponents of one graph stay together. Not under
        `jit`, `vmap` and `grad`, where the batch is one program.

    **Returns:** `(*batch, skill)`, training steps; 0 where a skill starts at the level or above, `inf` where the level
    is never reached (level >= 1, interference, a schedule that stops), NaN for absent skills. A member whose solve
    failed or is too inaccurate is NaN, with a warning that says why; under `jit`, `vmap` and `grad` without it, and
    there no member is solved again.

    **Raises:** `ValueError` for a level that is not a finite number, or a tolerance outside (0, 1) or below what the
    arithmetic can do, or a `batch_size` that is no positive whole number.

    **Example:**

    >>> import resource_ode as ro
    >>> model = ro.ResourceModel(ro.SkillGraph([[], []]), [1.0, 0.1], learning_rate=1.0, wasted_resource=0.1)
    >>> print(ro.learning_times(model, 0.95).round(3))
    [1.508 4.946]

    Source: derived here (the clock makes the competition cancel); the independent case is Liu et al. 2025.
    """
    if not isinstance(model, ResourceModel):
        raise ValueError(f"model: expected a ResourceModel, got {type(model).__name__}")
    traced = not is_concrete(model, level, tolerance)
    wish = checked_wish(batch_size, None, None, "", traced=traced)
    number = concrete_number(level)
    if number is not None and not np.isfinite(number):
        raise ValueError(f"level: expected one finite number, got {brief(level)}")
    beyond = model.interference is not None and model.law.has_end
    if number is not None and number > 1 and not beyond:
        warn(f"level: expected a number below 1 (95% is 0.95), got {number:g}, which no skill reaches", stacklevel=3)
    with evaluated(not traced):
        return _learning_times(model, level, tolerance, wish, beyond=beyond, traced=traced)


def _learning_times(
    model: ResourceModel, level: Any, tolerance: Any, wish: Wish, *, beyond: bool, traced: bool
) -> Float[Array, "*batch skill"]:
    backend = backend_for(model, under_trace=traced) if cascade_obstacle(model) is None else None
    by_modes = backend is None and not traced and modes_obstacle(model) is None
    floors = backend.floors if backend is not None else "modes" if by_modes else "ode"
    tolerance = as_tolerance(tolerance, "time", floors, model.dtype)
    numpy = np if is_concrete(level) else jnp
    level, harmless = (numpy.asarray(x, model.dtype) for x in (level, 0.5))
    # a level that is never reached is solved for a harmless one, so that no infinity enters a derivative
    possible = (level > -1) & ((level < 1) | beyond)
    goal = numpy.where(possible, level, harmless)
    if by_modes:
        times = times_by_modes(model, goal, tolerance, wish)
    elif backend is None:
        times = times_by_events(model, goal, tolerance, wish, traced=traced)
    else:
        times = batch_times(model, goal, tolerance, wish, backend, under_trace=traced)
    if traced or not bool(possible):
        times = _or_never(times, level, model.graph.present, beyond=beyond)
    if not traced:
        return times
    return _where_sound(times, level, model, graph_too=backend is None or not checks_graphs(model))


@programs.compiled
def _where_sound(times: Array, level: Any, model: ResourceModel, *, graph_too: bool) -> Array:
    """Learning times, but NaN of members that would have been refused, had their values been concrete."""
    return nan_unless((is_sound(model, graph_too=graph_too) & jnp.isfinite(level))[..., None], times)


@programs.compiled
def _or_never(times: Array, level: Any, present: Array, *, beyond: bool) -> Array:
    """Learning times, but those of a level that is never reached, or that all start above."""
    times = jnp.where((level >= 1) & (not beyond), jnp.inf, jnp.where(level > -1, times, 0.0))
    return jnp.where(jnp.broadcast_to(present, times.shape), times, jnp.nan)


def horizon(
    model: ResourceModel, level: Numbers = 0.95, *, tolerance: Numbers | None = None, batch_size: int | None = None
) -> Float[Array, "*batch"]:
    """Training steps by which the last skill of each member reaches a level; `inf` if one never does.

    Arguments, errors and source as for [`resource_ode.learning_times`][].

    **Example:**

    >>> import resource_ode as ro
    >>> model = ro.ResourceModel(ro.SkillGraph([[], []]), [1.0, 0.1], learning_rate=1.0, wasted_resource=0.1)
    >>> round(float(ro.horizon(model)), 3)
    4.946
    """
    times = learning_times(model, level, tolerance=tolerance, batch_size=batch_size)
    with evaluated(is_concrete(times)):
        present = jnp.broadcast_to(model.graph.present, times.shape)
        return largest(times, present, -1)
