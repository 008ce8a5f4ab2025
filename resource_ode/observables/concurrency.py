"""How many skills learn at once."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..base import programs
from ..base.annotations import Numbers
from ..base.lost import nan_unless
from ..base.modules import with_fields
from ..model.model import ResourceModel
from ..results.trajectory import Trajectory
from ..solve.cascade.between import squared_parts
from ..solve.cascade.traced import loads_of_run
from .by_run import seriality_by_run
from .resource_time import UNTIL_LEVEL, obstacle, unfinished, until_level
from .rows import budget, each_member, gained, least, signed_shares, warn_if_coarse
from .sources import check_tolerance, checked_level, checked_run, checked_source, numbers, profile_of, refuse_for_run


def participation_ratio(frequency: Numbers) -> Float[Array, "*batch"]:
    r"""How many skills a set of frequencies amounts to.

    $$ \frac{(\sum_i p_i)^2}{\sum_i p_i^2} $$

    It lies between 1 (one skill has everything) and $n$ (all alike), whatever the scale of the frequencies. It is the
    concurrency at $t = 0$ of independent skills.

    **Arguments:** `frequency`: `(*batch, skill)`, not negative, dimensionless; NaN where a skill is absent. Or a model
    or a run, for its frequencies at $t = 0$.

    **Returns:** `(*batch,)`; NaN where all are zero or absent.

    **Raises:** `ValueError` without a skill axis.

    **Example:**

    >>> participation_ratio([2.0, 2.0, 2.0]).item()
    3.0
    """
    if isinstance(frequency, ResourceModel | Trajectory):
        model = frequency.model if isinstance(frequency, Trajectory) else frequency
        present = jnp.broadcast_to(model.graph.present, (*model.batch_shape, model.skills))
        frequency = jnp.where(present, model.effective(model.frequency_at()), jnp.nan)
    return _participation_of_present(numbers("frequency", frequency))


def concurrency(
    source: ResourceModel | Trajectory, *, ts: Numbers | None = None, tolerance: Numbers | None = None
) -> Float[Array, "..."]:
    r"""How many skills learn at once.

    $$ \frac{1}{\sum_i q_i^2}, \qquad q_i = \frac{|r_i|}{\sum_j |r_j|} $$

    1 while a single skill takes all of what is not wasted, $n$ while all $n$ take the same. At $t = 0$ of independent
    skills it is the [`resource_ode.observables.participation_ratio`][] of their frequencies.

    **Arguments:** `source`: a model or a run, one or a batch. With pools, shares of all pools count alike.

    **Other arguments** (of a model): `ts`, the times to read it at, training steps; default 201 from 0 to 1.05 times
    the time at which the last skill of all members reaches level 0.95. `tolerance`: that of
    [`resource_ode.simulate`][].

    **Returns:** `(*batch, time)`, a number of skills; NaN at times when no skill takes anything (to rounding). Exact
    at each time, whatever the others.

    **Raises:** `ValueError` for anything but a model or a run, or for `ts` or `tolerance` beside a run.

    **Example:**

    >>> import resource_ode as ro
    >>> model = ro.ResourceModel(ro.SkillGraph([[], []]), [1.0, 3.0], learning_rate=1e-3, wasted_resource=1e-3)
    >>> round(float(concurrency(model)[0]), 6)
    1.6
    """
    return each_member(_concurrency, profile_of(source, ts, tolerance), stored=True)


def seriality(
    source: ResourceModel | Trajectory, *, level: Numbers | None = None, tolerance: Numbers | None = None
) -> Float[Array, "*batch"]:
    r"""Inverse concurrency, averaged over the resource that is of use: 1 if skills are learned one at a time.

    $$ \frac{\int \sum_i q_i^2\, F\, d\tau}{\int F\, d\tau}, \qquad q_i = \frac{|r_i|}{\sum_j |r_j|} $$

    Limits: 1 for a single skill and for independent ones whose frequencies are far apart; $1/n$ for $n$ identical,
    independent skills.

    *Of a model* it is taken over the whole learning, $\tau$ from 0 to infinity, where $\int F\, d\tau$ is the number
    of skills (less what they start with); with a `level`, until the last skill reaches it. The margins of cross entropy
    grow for ever, all alike in the end, so that over all times every such model has $1/n$: there, the default is until
    level 0.95. It knows nothing of time: in resource time neither $q_i$ nor $F$ depends on $N_0$, $\eta$ or the
    competition ("l1" or "l2"), so none of them changes it. The integral is one over the nodes of the cascade.

    Interference, pools (each with a clock of its own, so that waste does reorder), schedules: these models go through a
    run, whose rows are added until the estimated error is within the tolerance.

    *Of a run* it is a trapezoid in the resource usefully spent, $G = \int F\, d\tau$, known exactly at every row: the
    sum of levels (MSE) or margins (cross entropy); with interference, a trapezoid of $\eta \sum_i |r_i|$ in training
    time. It spans the rows of the run, and its error is that of [`resource_ode.observables.seriality_error`][]: where
    this exceeds 0.01, a [`resource_ode.observables.RowsTooCoarse`][] warning says so.

    **Arguments:** `source`: a model or a run, one or a batch.

    **Other arguments** (of a model):

    - `level`: until the last skill reaches it, a number in (0, 1).
    - `tolerance`: bound of the estimated error, at least 64 times the rounding; default 1e-6 in float64, 1e-4 in
        float32, and 1e-3 for models that go through a run.

    **Returns:** `(*batch,)`, in (0, 1]; NaN if nothing is spent on skills. A member of a model whose error is not
    within the tolerance is NaN, with a warning.

    **Raises:** `ValueError` for anything but a model or a run, for a level or tolerance outside (0, 1), for either of
    them beside a run, and under `jit`, `vmap` or `grad` for a model that would have to go through a run.

    **Example:**

    >>> import resource_ode as ro
    >>> model = ro.ResourceModel(ro.SkillGraph([[], []]), [1.0, 1.0], learning_rate=1e-3, wasted_resource=1e-3)
    >>> round(float(seriality(model)), 6)
    0.5
    """
    source = checked_source(source)
    if isinstance(source, Trajectory):
        refuse_for_run(level=level, tolerance=tolerance)
        value, by_rows, beyond = each_member(_seriality_and_errors, source, stored=True)
        warn_if_coarse("seriality", source, by_rows + beyond)
        return value
    if level is not None:
        level = checked_level(level)
    check_tolerance(tolerance)
    if obstacle(source) is not None:
        return seriality_by_run(
            source, level, tolerance, lambda run: each_member(_seriality_and_errors, run, stored=True)
        )
    found = until_level("seriality", source, level, tolerance)
    some = found.learned > 0
    return nan_unless(some, found.squares / jnp.where(some, found.learned, 1))


def seriality_error(run: Trajectory) -> Float[Array, "*batch"]:
    r"""How far the seriality of a run may be from that of the whole learning: by its rows, and by where it ends.

    $$ \frac1G \sum_k \max(B_k - S_k,\ S_k - A_k)\, \Delta G_k
    + \frac{G_\infty - G}{G_\infty} \max(1 - S,\ S - 1/n) $$

    Both are bounds. $S_k$ is the trapezoid's mean of $\sum_i q_i^2$ from row $k$ to the next, which lies between
    $A_k = \sum_i m_i^2$ and $B_k = \sum_i m_i^2 + (m_i - a_i)(b_i - m_i)$: the mean $m_i$ of $q_i$ is what the skill
    gained over what all did, and since levels only grow, $q_i$ lies between some $a_i$ and $b_i$ that the two rows
    tell. What $G_\infty - G$ of the resource of use does not lie between the first and the last row is known by the
    budget law, and the average there lies between $1/n$ and 1. $G_\infty$ is the number of skills, less what they
    start with; for cross entropy, whose margins have no end, what is missing is counted until each skill is at level
    0.95; with interference $\sum_i |C^{-1} u|_i$ is left to spend.

    With interference, pools or discrete steps, where $m_i$ is not known, the first is an estimate,
    $\tfrac32 \sum_k |S - S_{\text{without row } k}|$, nine times the error of the trapezoid or more where rows are
    dense; where they are few the error may exceed it.

    **Arguments:** `run`: a run or a batch of runs.

    **Returns:** `(*batch,)`; infinite where no two rows show any of what is learned, NaN where nothing is to be.

    **Raises:** `ValueError` for anything but a run.

    **Example:**

    >>> import numpy as np
    >>> import resource_ode as ro
    >>> model = ro.ResourceModel(ro.SkillGraph([[], []]), [1.0, 0.1], learning_rate=1e-3, wasted_resource=1e-3)
    >>> [bool(seriality_error(ro.simulate(model, np.linspace(0, end, 501))) > 0.01) for end in (1000, 10_000)]
    [True, False]
    """
    _, by_rows, beyond = each_member(_seriality_and_errors, checked_run(run), stored=True)
    return by_rows + beyond


# -- of one member of a run


def _concurrency(run: Trajectory, stored: Array) -> Float[Array, " time"]:
    loads = _loads(run, stored)
    return _participation(jnp.abs(signed_shares(run))) if loads is None else _of_loads(run, loads)


def _loads(run: Trajectory, stored: Array) -> Any:
    """What the skills ask for at each row, if the solver can tell."""
    return loads_of_run(run.model, stored) if run.kind == "exposure" else None


def _of_loads(run: Trajectory, loads: Any) -> Float[Array, " time"]:
    waste, rule = run.model.waste_at(), run.model.rule
    of_all = loads.total if rule.has_budget_law else loads.largest * loads.squares
    total = rule.total(loads.largest * of_all, waste)
    tiny = least(total.dtype)
    nobody = (total <= tiny) | (loads.largest <= tiny * total)
    return jnp.where(nobody, jnp.nan, loads.total**2 / jnp.where(loads.squares > 0, loads.squares, 1))


def _seriality_and_errors(
    run: Trajectory, stored: Array
) -> tuple[Float[Array, ""], Float[Array, ""], Float[Array, ""]]:
    """Seriality, its error by the rows, and how far what is not between the first and the last row may change it."""
    loads = _loads(run, stored)
    if loads is None:
        alone, spent = 1 / _participation(jnp.abs(signed_shares(run))), _usefully_spent(run)
    else:
        alone, spent = 1 / _of_loads(run, loads), jnp.diff(loads.learned)
    # where nobody learns (the last row of a run without waste) the concurrency of the other end of the interval holds
    mean, some = _mean_of_ends(alone[:-1], alone[1:])
    weight = jnp.where(some, spent, 0)
    total = jnp.sum(weight)
    scale = jnp.where(total > 0, total, 1)
    value = jnp.where(total > 0, jnp.sum(mean * weight) / scale, jnp.nan)

    alone, mean, weight, scale, now = jax.lax.stop_gradient((alone, mean, weight, scale, value))
    between = None if loads is None else (loads.least[:-1], loads.most[:-1])
    if loads is None and run.kind == "exposure" and run.model.pool is None:
        between = squared_parts(run.model, run.state, run.ts)
    if between is None:
        by_rows = _changes(alone, mean, weight) / scale
    else:
        least, most = jax.lax.stop_gradient(between)
        off = jnp.maximum(jnp.minimum(most, 1) - mean, mean - least)
        by_rows = jnp.sum(jnp.where(weight > 0, jnp.maximum(off, 0) * weight, 0)) / scale
    missing = jax.lax.stop_gradient(_missing(run))
    skills = jnp.sum(run.model.graph.present).astype(now.dtype)
    beyond = missing / (missing + scale) * jnp.maximum(1 - now, now - 1 / skills)
    return value, by_rows, jnp.where(jnp.isnan(now) & (missing > 0), jnp.inf, beyond)


def _changes(alone: Float[Array, " time"], mean: Float[Array, " interval"], weight: Float[Array, " interval"]) -> Array:
    """What each row changes between its neighbours, none making up for another; half again, since few hide some."""
    without, some = _mean_of_ends(alone[:-2], alone[2:])
    change = (mean[:-1] - without) * weight[:-1] + (mean[1:] - without) * weight[1:]
    return 1.5 * jnp.sum(jnp.where(some, jnp.abs(change), 0))


def _mean_of_ends(first: Float[Array, " place"], second: Float[Array, " place"]) -> tuple[Array, Array]:
    """The mean of two values, or the one that is a number, and whether there is any."""
    ends = (~jnp.isnan(first)).astype(first.dtype) + (~jnp.isnan(second)).astype(first.dtype)
    total = jnp.where(jnp.isnan(first), 0, first) + jnp.where(jnp.isnan(second), 0, second)
    return total / jnp.maximum(ends, 1), ends > 0


def _usefully_spent(run: Trajectory) -> Float[Array, " interval"]:
    r"""$\int F\, d\tau$ between neighbouring rows (with interference, of $\sum |f|$)."""
    if run.model.interference is None:
        return jnp.diff(jnp.sum(gained(run), axis=1))
    spent = jnp.diff(jax.vmap(run.model.of_pool)(budget(run)), axis=0)
    share = jnp.abs(signed_shares(run))
    return jnp.sum((share[:-1] + share[1:]) / 2 * spent, axis=1)


def _missing(run: Trajectory) -> Float[Array, ""]:
    r"""$\int F\, d\tau$ before the first row and after the last."""
    model, law, present = run.model, run.model.law, run.model.graph.present
    after = gained(with_fields(run, ts=run.ts[np.array([0, -1])], state=run.state[np.array([0, -1])]))
    before = jnp.sum(jnp.where(present, after[0], 0))
    start = model.initial_effort()
    if not law.has_end:
        goal = law.progress(law.effort_at(jnp.asarray(UNTIL_LEVEL, start.dtype))) - law.progress(start)
        left = jnp.maximum(goal - after[-1], 0)
    elif model.interference is None:
        left = unfinished(model, start) - after[-1]
    else:
        # least squares leave out what overlaps so much that it is never learned
        left = jnp.abs(jnp.linalg.pinv(model.interference, hermitian=True) @ (unfinished(model, start) - after[-1]))
    return jnp.abs(before) + jnp.sum(jnp.where(present, left, 0))


@programs.compiled
def _participation_of_present(values: Float[Array, "*batch number"]) -> Float[Array, "*batch"]:
    return _participation(jnp.where(jnp.isnan(values), 0, values))


def _participation(values: Float[Array, "*batch number"]) -> Float[Array, "*batch"]:
    """One over the sum of squares of the normalised values (not negative), NaN if all are zero (to rounding)."""
    # its scale does not matter, so it is taken out, constant: squares under- and overflow long before their ratio does
    largest = jax.lax.stop_gradient(jnp.max(values, axis=-1, keepdims=True))
    some = ~(largest <= least(values.dtype))
    scaled = jnp.where(some, values / jnp.where(some, largest, 1), 1)
    ratio = jnp.sum(scaled, axis=-1) ** 2 / jnp.sum(scaled**2, axis=-1)
    return jnp.where(some[..., 0], ratio, jnp.nan)
