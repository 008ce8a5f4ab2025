r"""What sign descent does to orthonormal tasks in many dimensions: the L2 law, with nothing fitted.

For large $d$ the coordinates of a task vector and those of the gradient are jointly Gaussian, and the expectation of
$t_{ik}\, \mathrm{sign}(g_k)$ is known: with $\eta = \mathrm{lr}\sqrt{2d/\pi}$ and $N_0 = \sigma\sqrt d/c$

$$ u_i \leftarrow u_i - \eta \frac{f_i}{\sqrt{\sum_j f_j^2 + N_0^2}}, \qquad f_i = w_i u_i, $$

$w_i$ the weight of task $i$ in the step's batch. `recursion` is this, with the fluctuations of $d$ signs; `law` is its
continuum, averaged over batches, with the edge of stability that steps of finite size impose; `overlapping` is for
tasks that overlap; `wastes` says how much each source of noise wastes. Derivations: docs/ladder.md. Source: derived
here.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..base.annotations import Given, Numbers
from ..base.face import present
from ..base.values import checked_times
from ..results.outcome import results_from_codes
from ..results.trajectory import Trajectory
from .geometry import GeometryModel
from .training import GeometryRun, as_trajectory, checked, member_keys, members_of, sample_weights

# panels of the quadrature in resource time, evenly spaced in its logarithm: level errors below 1e-4
PANELS = 4096


def recursion(model: Given[GeometryModel], ts: Numbers, *, seeds: Numbers = 0) -> Trajectory:
    r"""The L2 law one step and one batch at a time: the Geometry model of many dimensions in $n$ numbers.

    $$ f_i = w_i u_i, \qquad r_i = \frac{f_i}{\sqrt{\sum_j f_j^2 + N_0^2}}, \qquad
    u_i \leftarrow u_i - \eta r_i + \mathrm{lr} \sqrt{1 - 2 r_i^2/\pi}\; \xi_i, \qquad
    \eta = \mathrm{lr}\sqrt{2d/\pi}, \quad N_0 = \sigma\sqrt d/c $$

    (signs reversed for the margin), with the weights $w_i$ of the batches that [`resource_ode.train_geometry`][] draws
    for the same seed, and no maximum with 0: a learned task overshoots and turns back, as it does in the Geometry
    model. $\xi$ is standard normal: a sum of $d$ signs fluctuates. It is drawn anew each step, where the Geometry
    model's patterns of signs change slowly; that correlation, of order $1/\sqrt d$ in the levels, is left out.

    **Arguments:** as those of [`resource_ode.train_geometry`][]; optimiser and kind of task vectors are not looked at.

    **Returns:** a [`resource_ode.Trajectory`][] `(*batch, seed)`, without a clock.

    **Raises:** `ValueError` for wrong input.

    **Example:**

    >>> model = GeometryModel([1.0, 0.1], dimension=1000, learning_rate=1e-3)
    >>> [round(float(level), 2) for level in recursion(model, [0, 40]).level[-1]]
    [0.95, 0.26]
    """
    model, rows, seeds = checked(model, ts, seeds)
    members, ids, shape = members_of(model, seeds)
    state = _recursion(members, ids, rows)
    state = state.reshape((*shape, *state.shape[1:]))
    return as_trajectory(model, rows, state, seeds, "sign descent in many dimensions (L2 recursion, nothing fitted)")


def law(model: Given[GeometryModel], ts: Numbers) -> Trajectory:
    r"""The L2 law in continuous time, with the noise of sampled batches, which fades as tasks are learned.

    $$ \frac{du_i}{dt} = -\eta \frac{p_i u_i}{\sqrt{\sum_j \bigl(p_j^2 + p_j (P - p_j)/B\bigr) u_j^2 + N_0^2}}, \qquad
    P = \sum_j p_j $$

    (the same with $\sigma(-l)$ for $u$ in cross entropy). With MSE the denominator is never below $\eta \max_j p_j/2$,
    the edge of stability: if it were, the steps of a learned task would overshoot by more each time, and its growing
    $f$ would raise the denominator again. For the full batch and a small learning rate this is `competition="l2"` of
    the Resource model. The denominator is common to all skills, so that the resource clock works: $u_i = e^{-p_i\tau}$
    and $\eta t = \int_0^\tau \mathrm{denominator}\, d\tau$, which is integrated and inverted. It holds while rare tasks
    still appear in most batches, $B p_i/P > 1$; below, use [`recursion`][resource_ode.related.sign_descent.recursion].

    **Arguments:**

    - `model`: a [`resource_ode.GeometryModel`][] or a batch of settings.
    - `ts`: `(time,)`, training steps, not negative and increasing.

    **Returns:** a [`resource_ode.Trajectory`][] `(*batch,)`; its model is `model.resource_model()`, which leaves the
    batches out, so that `share` and `waste` do, too, and `budget_residual` is NaN. Levels are within 1e-4.

    **Raises:** `ValueError` for wrong input.

    **Example:**

    >>> model = GeometryModel([1.0, 0.1], dimension=1000, learning_rate=1e-3, batch_size=64)
    >>> [round(float(level), 2) for level in law(model, [0.0, 40.0]).level[-1]]
    [0.95, 0.26]
    """
    if not isinstance(model, GeometryModel):
        raise ValueError(f"model: expected a GeometryModel, got {type(model).__name__}")
    times = checked_times(ts, model.frequency.dtype)
    shape = model.batch_shape
    clock = _clock(model.flat(), times).reshape((*shape, times.size))
    state = jnp.broadcast_to(clock[..., None], (*clock.shape, model.skills))
    member = model.resource_model()
    member = member.replace(learning_rate=jnp.broadcast_to(model.resource_rate, shape))
    result = results_from_codes(jnp.zeros(shape, jnp.int32))
    unknown = jnp.full_like(clock, jnp.nan)
    method = "sign descent in many dimensions (L2 law, nothing fitted)"
    return Trajectory(times, state, clock, unknown, result, member, "exposure", method)


def overlapping(run: Given[GeometryRun]) -> Trajectory:
    r"""The L2 law of tasks that overlap, in training steps, for the overlaps of given runs.

    $$ u \leftarrow u - \eta \frac{C f}{\sqrt{f^\top C f + N_0^2}}, \qquad f_i = p_i u_i, \, C_{ij} = t_i \cdot t_j $$

    (sign reversed for the margin). $c \sqrt{f^\top C f}$ is the length of the gradient: without noise this is, exactly,
    descent along the gradient in steps of length $\eta$. Signs differ from it where
    coordinates are done at different times: those that are stop, while the others go on at full speed.

    **Arguments:** `run`: a [`resource_ode.related.training.GeometryRun`][] of full batches; its times, settings and
    seeds are taken.

    **Returns:** a [`resource_ode.Trajectory`][] of the run's shape, without a clock.

    **Raises:** `ValueError` for anything else.

    **Example:**

    >>> from resource_ode.related.training import train_geometry
    >>> model = GeometryModel([1.0, 0.1], dimension=1000, learning_rate=1e-3, vectors="random")
    >>> overlapping(train_geometry(model, [0, 40], seeds=[0, 1])).level.shape
    (2, 2, 2)
    """
    if not isinstance(run, GeometryRun):
        raise ValueError(f"run: expected a GeometryRun, got {type(run).__name__}")
    if run.model.batch_size is not None:
        raise ValueError(f"run: expected full batches, got batches of {run.model.batch_size}")
    members, _, shape = members_of(run.model, run.seeds)
    overlap = run.overlap.reshape((-1, *run.overlap.shape[-2:]))
    state = _overlapping(members, overlap, run.ts.astype(jnp.int32))
    state = state.reshape((*shape, *state.shape[1:]))
    method = "sign descent in many dimensions (L2 law with overlaps, nothing fitted)"
    return as_trajectory(run.model, run.ts.astype(jnp.int32), state, run.seeds, method)


def wastes(model: Given[GeometryModel]) -> dict[str, Float[Array, "*batch"]]:
    r"""What each source of noise wastes in the L2 law, in units of frequency; the first two add in quadrature.

    - `"noise"`: gradient noise, $\sigma \sqrt d/c$, constant;
    - `"batch"`: sampled batches, $\sqrt{\sum_i p_i (P - p_i)/B}$ at the start; it fades with $u$;
    - `"step"`: steps of finite size (MSE), a least value of the whole denominator and not a term in it,
        $\eta \max_i p_i/2$; 0 for cross entropy.

    **Arguments:** `model`: a [`resource_ode.GeometryModel`][] or a batch of settings.

    **Returns:** the three, each `(*batch,)`.

    **Raises:** `ValueError` for anything but a Geometry model.

    **Example:**

    >>> model = GeometryModel([1.0, 0.1], dimension=1000, learning_rate=1e-3, noise=1e-3, batch_size=64)
    >>> {name: round(float(waste), 4) for name, waste in wastes(model).items()}
    {'noise': 0.0158, 'batch': 0.0559, 'step': 0.0126}
    """
    if not isinstance(model, GeometryModel):
        raise ValueError(f"model: expected a GeometryModel, got {type(model).__name__}")
    frequency = jnp.broadcast_to(model.frequency, (*model.batch_shape, model.skills))
    total = jnp.sum(frequency, axis=-1, keepdims=True)
    sampled = jnp.zeros(model.batch_shape, frequency.dtype)
    if model.batch_size is not None:
        sampled = jnp.sqrt(jnp.sum(frequency * (total - frequency), axis=-1) / model.batch_size)
    step = model.resource_rate * jnp.max(frequency, axis=-1) / 2
    if not model.law.has_end:
        step = jnp.zeros_like(step)
    return {
        "noise": jnp.broadcast_to(model.noise_length, model.batch_shape),
        "batch": sampled,
        "step": jnp.broadcast_to(step, model.batch_shape),
    }


def _states_at(rows: Array, model: GeometryModel, advance: Any) -> Array:
    """States at training steps `rows`, from nothing learned on, by `advance(step, state)`."""

    def until(state: Array, ends: tuple[Array, Array]) -> tuple[Array, Array]:
        state = jax.lax.fori_loop(*ends, advance, state)
        return state, state

    start = jnp.full(model.skills, model.law.untouched, model.frequency.dtype)
    return jax.lax.scan(until, start, (jnp.append(0, rows[:-1]), rows))[1]


@eqx.filter_jit
def _recursion(models: GeometryModel, seeds: Array, rows: Array) -> Array:
    def one(member: tuple[GeometryModel, Array]) -> Array:
        model, seed = member
        loss = model.law
        _, _, sample_key, sign_key = member_keys(seed)
        rate = model.resource_rate

        def advance(step: Array, state: Array) -> Array:
            weight = sample_weights(model, jax.random.fold_in(sample_key, step))
            found = weight * loss.direct_demand(state)
            length = jnp.sqrt(jnp.sum(found**2) + model.noise_length**2)
            share = found / jnp.where(length > 0, length, 1)
            chance = jax.random.normal(jax.random.fold_in(sign_key, step), share.shape, share.dtype)
            spread = model.learning_rate * jnp.sqrt(1 - 2 / jnp.pi * share**2)
            return loss.advance(state, rate * share + spread * chance)

        return _states_at(rows, model, advance)

    return jax.lax.map(one, (models, seeds), batch_size=min(64, seeds.shape[0]))


@eqx.filter_jit
def _overlapping(models: GeometryModel, overlaps: Array, rows: Array) -> Array:
    def one(member: tuple[GeometryModel, Array]) -> Array:
        model, overlap = member
        loss = model.law

        def advance(_: Array, state: Array) -> Array:
            found = model.frequency * loss.direct_demand(state)
            pull = overlap @ found
            length = jnp.sqrt(jnp.maximum(found @ pull, 0) + model.noise_length**2)
            return loss.advance(state, model.resource_rate * pull / jnp.where(length > 0, length, 1))

        return _states_at(rows, model, advance)

    return jax.lax.map(one, (models, overlaps), batch_size=min(64, overlaps.shape[0]))


@eqx.filter_jit
def _clock(models: GeometryModel, ts: Array) -> Array:
    nodes, weights = (jnp.asarray(x, ts.dtype) for x in np.polynomial.legendre.leggauss(3))

    def one(model: GeometryModel) -> Array:
        loss, frequency = model.law, model.frequency
        rate = model.resource_rate
        squares = frequency**2
        if model.batch_size is not None:
            squares = squares + frequency * (jnp.sum(frequency) - frequency) / model.batch_size
        # no margin grows faster than eta t, nor is there a clock beyond the numbers of its type; levels are 1 to
        # rounding at a log-depth of 40
        room = np.log(jnp.finfo(ts.dtype).max) - 3 + jnp.log(jnp.min(frequency / jnp.maximum(jnp.max(frequency), 1)))
        margin = jnp.clip(jnp.minimum(rate * ts[-1], 500.0), 1e-4, room)
        effort = 40.0 if loss.has_end else loss.effort_of_progress(margin)
        last, first = jnp.log(effort / jnp.min(frequency)), jnp.log(1e-5 / jnp.max(frequency))
        edges = jnp.append(0, jnp.exp(jnp.linspace(first, last, PANELS)))
        half, middle = jnp.diff(edges)[:, None] / 2, (edges[1:] + edges[:-1])[:, None] / 2
        places = middle + half * nodes[None, :]

        def length_at(clock: Array) -> Array:
            demand = loss.demand(frequency[:, None, None] * clock[None])
            length = jnp.sqrt(jnp.sum(squares[:, None, None] * demand**2, axis=0) + model.noise_length**2)
            return jnp.maximum(length, rate * jnp.max(frequency) / 2) if loss.has_end else length

        steps = half[:, 0] * jnp.sum(length_at(places) * weights[None, :], axis=1) / rate
        time = jnp.append(0, jnp.cumsum(steps))
        # the cubic that has the pace of the clock, too, at both ends of its panel: over the margins of a long run these
        # are so wide that a line would be off by more than the quadrature
        panel = jnp.clip(jnp.searchsorted(time, ts, side="right") - 1, 0, PANELS - 1)
        step, width = steps[panel], 2 * half[panel, 0]
        place = jnp.clip((ts - time[panel]) / jnp.where(step > 0, step, 1), 0, 1)
        first, last = (rate * step / width / length_at(edges[panel + end, None])[:, 0] - 1 for end in (0, 1))
        return edges[panel] + width * (place + place * (1 - place) * (first * (1 - place) - last * place))

    return jax.lax.map(one, models)


present(__name__)
