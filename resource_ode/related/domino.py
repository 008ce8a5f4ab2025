r"""The Domino model, one rung below the Resource model: skills in series; and its opposite, skills in parallel.

Both are limits of the Resource model, in closed form, and take the same [`resource_ode.ResourceModel`][]:

- *serial*, for no waste and frequencies far apart: the most frequent skill that may be learned takes the whole
  resource, one skill each $1/\eta$ training steps;
- *parallel*, for waste far above all demand: each skill learns as if it were alone (quanta).

Source: Liu, Liu, Michaud, Gore, Tegmark, "Physics of Skill Learning" (2025). Scaling exponents of both are in
`resource_ode.analytic`.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ..base.annotations import Given, Numbers
from ..base.face import present
from ..base.tracing import is_concrete
from ..base.values import checked_times
from ..graphs.gates import combine_gates
from ..model.model import ResourceModel
from ..model.schedule import Schedule
from ..results.outcome import results_from_codes
from ..results.trajectory import Trajectory


def serial_order(model: Given[ResourceModel]) -> Int[Array, "*batch skill"]:
    """Place of each skill in the Domino series, from 0: always the most frequent of those that may be learned next.

    A skill may be learned once all ("all") or one ("any") of its prerequisites are. Of equal frequencies the first
    comes first.

    **Arguments:** `model`: a [`resource_ode.ResourceModel`][] or a batch.

    **Returns:** `(*batch, skill)`; padding comes last.

    **Raises:** `ValueError` for a model with pools, a schedule, interference, self-paced skills, initial levels, a
    plateau or prerequisite strengths, and for cross entropy, whose margins have no end.

    **Example:**

    >>> from resource_ode import SkillGraph
    >>> chain = SkillGraph([[], [0], []])
    >>> model = ResourceModel(chain, [0.1, 5.0, 1.0], learning_rate=1.0, wasted_resource=0.0, gate_exponent=1e-3)
    >>> serial_order(model).tolist()  # the last one first, then the chain
    [1, 2, 0]
    """
    _check(model, "serial")
    if not model.law.has_end:
        raise ValueError('model: the serial model expects loss="mse" (a margin has no end), got "cross_entropy"')
    places = _order(model.flat())
    return places.reshape((*model.batch_shape, model.skills))


def serial(model: Given[ResourceModel], ts: Numbers) -> Trajectory:
    r"""Levels of the Domino model: one skill after the other, each in $1/\eta$ training steps.

    $$ s_i(t) = \mathrm{clip}(\eta t - k_i,\, 0,\, 1), $$

    $k_i$ the skill's place in [`serial_order`][resource_ode.related.domino.serial_order].

    **Arguments:**

    - `model`: a [`resource_ode.ResourceModel`][] or a batch; its $N_0$ is taken as 0.
    - `ts`: `(time,)`, training steps, not negative and increasing.

    **Returns:** a [`resource_ode.Trajectory`][] of `level`, `unlearned` and `loss`. Its `share` is the Resource model's
    at these levels; there is no clock (NaN), since resource time is infinite without waste.

    **Raises:** `ValueError` as [`serial_order`][resource_ode.related.domino.serial_order], and for wrong times.

    **Example:**

    >>> from resource_ode import SkillGraph
    >>> model = ResourceModel(SkillGraph([[], []]), [1.0, 0.1], learning_rate=1e-3, wasted_resource=0.0)
    >>> serial(model, [500.0, 1500.0]).level.tolist()
    [[0.5, 0.0], [1.0, 0.5]]

    Source: Liu et al. 2025, the Domino model.
    """
    places = serial_order(model)
    ts = checked_times(ts, model.dtype)
    rate = _rate(model)
    units = jnp.tensordot(rate, ts, axes=0)[..., None]
    state = 1 - jnp.clip(units - places.astype(model.dtype)[..., None, :], 0, 1)
    state = jnp.where(_present(model)[..., None, :], state, jnp.nan)
    clock = jnp.full(state.shape[:-1], jnp.nan, model.dtype)
    return _wrap(model, ts, state, clock, "direct", "domino, serial (closed form)")


def parallel(model: Given[ResourceModel], ts: Numbers) -> Trajectory:
    r"""Levels of the parallel model: each skill learns as if it were alone, at a pace set by the waste.

    $$ \tau = \eta t/N_0, \qquad u_i = e^{-p_i \tau} \text{ (MSE)}, \qquad l_i = \ln \omega(1 + p_i \tau)
    \text{ (cross entropy)} $$

    **Arguments:** as those of [`serial`][resource_ode.related.domino.serial]; $N_0 > 0$, and no prerequisites.

    **Returns:** a [`resource_ode.Trajectory`][] whose clock is $\eta t/N_0$; its budget residual is what was learned
    beyond the waste, the error of the limit.

    **Raises:** `ValueError` for a model with prerequisites, no waste, pools, a schedule, interference, self-paced
    skills or initial levels, and for wrong times.

    **Example:**

    >>> from resource_ode import SkillGraph
    >>> model = ResourceModel(SkillGraph([[], []]), [1.0, 0.1], learning_rate=1.0, wasted_resource=100.0)
    >>> parallel(model, [0.0, 100.0]).level.round(3).tolist()
    [[0.0, 0.0], [0.632, 0.095]]

    Source: Michaud et al. 2023 (quanta); Liu et al. 2025.
    """
    _check(model, "parallel")
    if model.graph.fan_in and not (is_concrete(model.graph.required) and not np.any(np.asarray(model.graph.required))):
        raise ValueError("model: the parallel model expects skills without prerequisites, got a graph with some")
    waste = model.wasted_resource
    assert not isinstance(waste, Schedule)
    if is_concrete(waste) and bool(jnp.any(waste <= 0)):
        raise ValueError("wasted_resource: the parallel model expects a positive number, got 0")
    ts = checked_times(ts, model.dtype)
    pace = _rate(model) / jnp.broadcast_to(waste, model.batch_shape)
    clock = jnp.tensordot(pace, ts, axes=0)
    state = jnp.broadcast_to(clock[..., None], (*clock.shape, model.skills))
    state = jnp.where(_present(model)[..., None, :], state, jnp.nan)
    return _wrap(model, ts, state, clock, "exposure", "parallel limit (closed form)")


def serial_times(model: Given[ResourceModel], level: Given[float] = 0.5) -> Float[Array, "*batch skill"]:
    r"""Learning times of the serial model, $t_i(\theta) = (k_i + \theta)/\eta$.

    **Arguments:** `model` as of [`serial`][resource_ode.related.domino.serial]; `level`: in [0, 1].

    **Returns:** `(*batch, skill)`, training steps; NaN for padding.

    **Raises:** `ValueError` for a level outside, or a model that has no serial limit.

    **Example:**

    >>> from resource_ode import SkillGraph
    >>> model = ResourceModel(SkillGraph([[], []]), [1.0, 0.1], learning_rate=1e-3, wasted_resource=0.0)
    >>> serial_times(model, 0.5).tolist()
    [500.0, 1500.0]
    """
    if not np.ndim(level) == 0 or not 0 <= float(level) <= 1:
        raise ValueError(f"level: expected a number from 0 to 1, got {level!r}")
    places = serial_order(model).astype(model.dtype)
    rate = _rate(model)
    times = (places + float(level)) / rate[..., None]
    return jnp.where(_present(model), times, jnp.nan)


def _check(model: Any, name: str) -> None:
    if not isinstance(model, ResourceModel):
        raise ValueError(f"model: expected a ResourceModel, got {type(model).__name__}")
    parts = ("pool", "interference", "frequency_after", "initial_level", "plateau", "prerequisite_strength")
    for part in parts if name == "serial" else parts[:4]:
        if getattr(model, part) is not None:
            raise ValueError(f"model: the {name} model has no {part}, got one")
    for part in ("frequency", "learning_rate", "wasted_resource"):
        if isinstance(getattr(model, part), Schedule):
            raise ValueError(f"{part}: the {name} model expects constants, got a schedule")


def _rate(model: Given[ResourceModel]) -> Array:
    assert not isinstance(model.learning_rate, Schedule)
    return jnp.broadcast_to(model.learning_rate, model.batch_shape)


def _present(model: Given[ResourceModel]) -> Array:
    return jnp.broadcast_to(model.graph.present, (*model.batch_shape, model.skills))


def _wrap(model: Given[ResourceModel], ts: Array, state: Array, clock: Array, kind: Any, method: str) -> Trajectory:
    result = results_from_codes(jnp.zeros(model.batch_shape, jnp.int32))
    return Trajectory(ts, state, clock, None, result, model, kind, method)


@eqx.filter_jit
def _order(models: ResourceModel) -> Array:
    def one(model: Given[ResourceModel]) -> Array:
        graph = model.graph
        assert not isinstance(model.frequency, Schedule)
        frequency = jnp.where(graph.present, model.rate(), -jnp.inf)
        skills = model.skills
        if graph.fan_in == 0:
            order = jnp.argsort(-frequency, stable=True)
            return jnp.zeros(skills, order.dtype).at[order].set(jnp.arange(skills, dtype=order.dtype))

        def learn(place: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
            places, done = carry
            # a gate is shut until its skill is learned, and then open
            gates = done[graph.prerequisites].astype(frequency.dtype)
            allowed = combine_gates(gates, graph.required, graph.any_gate, graph.own_gate) > 0
            # absent skills rank below all others, and learned ones below these
            rank = jnp.where(done, -2.0, jnp.where(graph.present & allowed, frequency, -1.0))
            chosen = jnp.argmax(rank)
            return places.at[chosen].set(place), done.at[chosen].set(True)

        start = (jnp.zeros(skills, jnp.int32), jnp.zeros(skills, bool))
        return jax.lax.fori_loop(0, skills, learn, start)[0]

    return jax.vmap(one)(models)


present(__name__)
