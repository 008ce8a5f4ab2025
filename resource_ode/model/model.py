"""The Resource model: parameters, gates, competitiveness and shares, as one vectorised system over arrays."""

from __future__ import annotations

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from ..base.modules import with_fields
from ..base.special import saturation
from ..base.tracing import is_concrete
from ..graphs.graph import SkillGraph
from .competition import AbstractCompetition, as_competition
from .loss import AbstractLoss, as_loss

# number of trailing axes of each parameter that belong to one member (the rest are batch axes)
_MEMBER_AXES = {
    "frequency": 1,
    "learning_rate": 0,
    "wasted_resource": 0,
    "gate_exponent": 0,
    "interference": 2,
    "initial_level": 1,
    "frequency_after": 1,
    "pool": 1,
}


class Schedule(eqx.Module):
    """A piecewise-constant parameter: `values[k]` holds from `times[k]` until `times[k + 1]` (the last one for ever).

    **Arguments:**

    - `times`: `(piece,)`, training steps, strictly increasing, `times[0] == 0`.
    - `values`: `(piece,)` for `learning_rate` and `wasted_resource`, `(piece, skill)` for `frequency`.

    It is shared by all members of a batch. **Raises:** `ValueError` where these do not hold.
    """

    times: Float[Array, "*batch piece"]
    values: Float[Array, "..."]

    def __init__(self, times: Any, values: Any):
        times, values = jnp.asarray(times, dtype=float), jnp.asarray(values, dtype=float)
        if times.ndim != 1 or values.ndim not in (1, 2) or values.shape[0] != times.shape[0] or not times.shape[0]:
            raise ValueError(
                f"Schedule: expected times (piece,) and values (piece,) or (piece, skill), got {times.shape} "
                f"and {values.shape}"
            )
        if is_concrete(times) and not (
            times[0] == 0
            and (np.asarray(times)[1:] > np.asarray(times)[:-1]).all()
            and np.isfinite(np.asarray(times)[-1])
        ):
            raise ValueError(f"Schedule: expected times that start at 0 and strictly increase, got {np.asarray(times)}")
        self.times, self.values = times, values

    def at(self, time: Any) -> Array:
        """The value in force at one time (a change takes effect at its own time)."""
        piece = jnp.searchsorted(self.times, time, side="right") - 1
        return self.values[jnp.clip(piece, 0, self.times.shape[0] - 1)]


class ResourceModel(eqx.Module):
    r"""Skills that compete for one shared resource and depend on one another.

    $$ f_i = c_i p_i u_i, \qquad r_i = \frac{f_i}{\sum_j f_j + N_0}, \qquad
    \frac{du_i}{dt} = -\eta\, r_i, \qquad u_i(0) = 1, $$

    where $c_i$ is the product ("all") or the maximum ("any") of the gates $1 - u_j^a$ of the prerequisites $j$ of skill
    $i$.

    **Arguments:**

    - `graph`: a [`resource_ode.SkillGraph`][], one or a batch.
    - `frequency`: $p$, `(*batch, skill)`, dimensionless, > 0, used as given (never normalised); a
        [`resource_ode.Schedule`][]; or `None` for the graph's own.
    - `learning_rate`: $\eta$, `(*batch,)`, resource units per training step, > 0; or a schedule.
    - `wasted_resource`: $N_0$, `(*batch,)`, in units of frequency, >= 0; or a schedule.
    - `gate_exponent`: $a$, `(*batch,)`, dimensionless, > 0. Needed once any skill has a prerequisite.

    **Other arguments:**

    - `loss`: `"mse"`, `"cross_entropy"`, or an [`AbstractLoss`][resource_ode.model.loss.AbstractLoss] of your own.
    - `competition`: `"l1"`, the paper's; an
        [`AbstractCompetition`][resource_ode.model.competition.AbstractCompetition] of your own; or `"l2"`, with
        $\sqrt{\sum_j f_j^2 + N_0^2}$ in place of $\sum_j f_j + N_0$: what sign descent does on orthonormal tasks, with
        $N_0 = \sigma\sqrt d$ and $\eta = \mathrm{lr}\sqrt{2d/\pi}$ (derived here).
    - `interference`: overlaps $C$ of the task vectors, `(*batch, skill, skill)`, symmetric with unit diagonal:
        $du/dt = -\eta\, C f / (F + N_0)$. Not together with prerequisites.
    - `initial_level`: `(*batch, skill)` in [0, 1); default 0.
    - `frequency_after`: `(*batch, skill)`: a self-paced skill's frequency from level 1/2 on.
    - `pool`: `(*batch, skill)` integers: pools that do not compete with one another. `learning_rate` and
        `wasted_resource` are then `(*batch, pool)` (a scalar serves all pools).

    Batch axes broadcast: one graph against a grid of $N_0$ is `model.replace(wasted_resource=grid)`.

    **Raises:** `ValueError` naming the argument, what was expected and what came. Values are checked where they are
    concrete.

    **Example:**

    >>> chain = SkillGraph([[], [0]])
    >>> model = ResourceModel(chain, [1.0, 1.0], learning_rate=1e-3, wasted_resource=1e-3, gate_exponent=1e-3)
    >>> model.replace(wasted_resource=[0.0, 0.1]).batch_shape
    (2,)

    Source: Liu, Liu, Michaud, Gore, Tegmark, "Physics of Skill Learning" (2025).
    """

    graph: SkillGraph
    frequency: Float[Array, "*batch skill"] | Schedule
    learning_rate: Float[Array, "..."] | Schedule
    wasted_resource: Float[Array, "..."] | Schedule
    gate_exponent: Float[Array, "*batch"]
    interference: Float[Array, "*batch skill skill"] | None
    initial_level: Float[Array, "*batch skill"] | None
    frequency_after: Float[Array, "*batch skill"] | None
    pool: Int[Array, "*batch skill"] | None
    law: AbstractLoss
    rule: AbstractCompetition
    pools: int = eqx.field(static=True)

    def __init__(
        self,
        graph: SkillGraph,
        frequency: Any = None,
        learning_rate: Any = None,
        wasted_resource: Any = None,
        gate_exponent: Any = None,
        *,
        loss: str | AbstractLoss = "mse",
        competition: str | AbstractCompetition = "l1",
        interference: Any = None,
        initial_level: Any = None,
        frequency_after: Any = None,
        pool: Any = None,
    ):
        if not isinstance(graph, SkillGraph):
            raise ValueError(f"graph: expected a SkillGraph, got {type(graph).__name__}")
        self.law, self.rule = as_loss(loss), as_competition(competition)
        if frequency is None:
            frequency = graph.frequency
            if frequency is None:
                raise ValueError("frequency: expected one number a skill; none was given and the graph carries none")
        for name, value in (("learning_rate", learning_rate), ("wasted_resource", wasted_resource)):
            if value is None:
                raise ValueError(f"{name}: expected a number, none was given")
        if gate_exponent is None:
            if graph.fan_in:
                raise ValueError("gate_exponent: expected a positive number, since the graph has prerequisites")
            gate_exponent = 1.0
        dtype = _dtype(frequency)
        self.graph = graph
        self.frequency = _parameter("frequency", frequency, dtype, above=0.0)
        self.learning_rate = _parameter("learning_rate", learning_rate, dtype, above=0.0)
        self.wasted_resource = _parameter("wasted_resource", wasted_resource, dtype, least=0.0)
        self.gate_exponent = _parameter("gate_exponent", gate_exponent, dtype, above=0.0)
        self.initial_level = _parameter("initial_level", initial_level, dtype, least=0.0, below=1.0)
        self.frequency_after = _parameter("frequency_after", frequency_after, dtype, above=0.0)
        self.interference = _interference(interference, dtype)
        self.pool, self.pools = _pools(pool, self.learning_rate, self.wasted_resource)
        if self.pool is not None:
            # a scalar serves all pools; afterwards the pool axis is always there
            spread = {}
            for name in ("learning_rate", "wasted_resource"):
                value = getattr(self, name)
                spread[name] = jnp.broadcast_to(value, (self.pools,)) if value.ndim == 0 else value
            self.learning_rate, self.wasted_resource = spread["learning_rate"], spread["wasted_resource"]
        self._check_shapes()

    def _check_shapes(self) -> None:
        skills = self.graph.skills
        for name, axes in _MEMBER_AXES.items():
            value = getattr(self, name)
            if axes and value is not None:
                values = value.values if isinstance(value, Schedule) else value
                if values.ndim < axes or values.shape[-axes:] != (skills,) * axes:
                    expected = ", ".join(["*batch"] + [str(skills)] * axes)
                    raise ValueError(f"{name}: expected shape ({expected}) for {skills} skills, got {values.shape}")
        if isinstance(self.frequency, Schedule) and self.frequency.values.ndim != 2:
            shape = self.frequency.values.shape
            raise ValueError(f"frequency: expected a schedule of values (piece, {skills}), got {shape}")
        for name in ("learning_rate", "wasted_resource"):
            value = getattr(self, name)
            if isinstance(value, Schedule) and value.values.ndim != 1:
                raise ValueError(
                    f"{name}: expected a schedule of single numbers (piece,), got values {value.values.shape}"
                )
            if self.pool is not None and not isinstance(value, Schedule) and value.shape[-1] != self.pools:
                raise ValueError(f"{name}: expected a last axis of {self.pools} pools, got shape {value.shape}")
        if self.interference is not None:
            if self.graph.fan_in and bool(np.any(np.asarray(self.graph.required))):
                raise ValueError(
                    "interference: expected a graph without prerequisites (gates need levels that cannot fall)"
                )
            if self.frequency_after is not None:
                raise ValueError(
                    "interference: cannot be combined with frequency_after (the level may cross 1/2 twice)"
                )
        if isinstance(self.frequency, Schedule) and is_concrete(self.frequency.values):
            if not np.all(np.max(np.asarray(self.frequency.values), axis=0) > 0):
                raise ValueError(
                    "frequency: expected a schedule in which every skill has a positive frequency at some time"
                )
        if self.frequency_after is not None and isinstance(self.frequency, Schedule):
            raise ValueError("frequency_after: cannot be combined with a schedule of frequency")
        try:
            shape = self.batch_shape
        except ValueError:
            shapes = {name: _batch_part(value, axes) for name, value, axes in _parameters(self)}
            raise ValueError(f"the batch axes of graph and parameters do not broadcast: {shapes}") from None
        present = self.graph.present
        if is_concrete(present) and not bool(np.all(np.asarray(present))) and isinstance(self.frequency, Schedule):
            raise ValueError(f"frequency: a schedule needs graphs of one size, got a padded batch of shape {shape}")

    # -- shapes

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """The broadcast batch axes of graph and parameters: `()` for one model."""
        return np.broadcast_shapes(*(_batch_part(value, axes) for _, value, axes in _parameters(self)))

    @property
    def skills(self) -> int:
        """Number of skills, padding included."""
        return self.graph.skills

    @property
    def loss(self) -> str:
        """Name of the loss."""
        return self.law.name

    @property
    def competition(self) -> str:
        """Name of the competition."""
        return self.rule.name

    @property
    def dtype(self) -> Any:
        """The floating-point type of the parameters, and so of the results."""
        return self.gate_exponent.dtype

    def replace(self, **changes: Any) -> ResourceModel:
        """The same model with some arguments changed; checked like a new one.

        **Raises:** `ValueError` for an argument that the model does not have.
        """
        arguments = {"graph": self.graph, "loss": self.law, "competition": self.rule}
        arguments |= {name: getattr(self, name) for name in _MEMBER_AXES}
        unknown = sorted(set(changes) - set(arguments))
        if unknown:
            raise ValueError(f"replace: expected arguments among {', '.join(arguments)}, got {unknown[0]!r}")
        return ResourceModel(**{**arguments, **changes})

    def __getitem__(self, index: int | tuple[int, ...]) -> ResourceModel:
        """Member `index` of a batch, without its padding (under a trace the padding stays)."""
        index = index if isinstance(index, tuple) else (index,)
        shape = self.batch_shape
        if len(index) != len(shape):
            raise IndexError(
                f"expected {len(shape)} integers to pick one member of a batch of shape {shape}, got {index}"
            )
        if any(not -n <= i < n for i, n in zip(index, shape, strict=True)):
            raise IndexError(f"index {index} is out of range for a batch of shape {shape}")
        flat = int(np.ravel_multi_index(tuple(i % n for i, n in zip(index, shape, strict=True)), shape))
        member = jax.tree.map(lambda x: x[flat], self.flat())
        names = self.graph.names
        if names is not None and not isinstance(names[0], str):
            graph_shape = (1,) * (len(shape) - len(self.graph.batch_shape)) + self.graph.batch_shape
            own = np.broadcast_to(np.arange(len(names)).reshape(graph_shape), shape)[index]
            names = names[int(own)]
        present = member.graph.present
        count = int(present.sum()) if is_concrete(present) else self.skills
        return member._first_skills(count, names)

    def _first_skills(self, count: int, names: Any) -> ResourceModel:
        """The first `count` skills (padding is always last)."""
        cut = {
            name: None if value is None else (value if isinstance(value, Schedule) else value[..., :count])
            for name, value in ((n, getattr(self, n)) for n, axes in _MEMBER_AXES.items() if axes == 1)
        }
        graph = self.graph
        fan_in = int(jnp.sum(graph.required, axis=-1).max(initial=0)) if is_concrete(graph.required) else graph.fan_in
        graph = SkillGraph(
            graph.prerequisites[:count, :fan_in],
            "all" if graph.any_gate is None else graph.any_gate[:count],
            required=graph.required[:count, :fan_in],
            names=None if names is None else tuple(names)[:count],
        )
        both = None if self.interference is None else self.interference[:count, :count]
        return self.replace(graph=graph, interference=both, **cut)

    def flat(self) -> ResourceModel:
        """The same members with every array broadcast to one leading batch axis and no names: what compiled code maps
        over.
        """
        shape = self.batch_shape

        def spread(value: Any, axes: int) -> Any:
            if isinstance(value, Schedule):
                times, values = _spread(value.times, 1, shape), _spread(value.values, axes + 1, shape)
                return with_fields(value, times=times, values=values)
            return _spread(value, axes, shape)

        graph = self.graph
        axes = {"prerequisites": 2, "required": 2, "present": 1, "depth": 1}
        either = graph.any_gate
        if either is not None:
            only_all = is_concrete(either) and not np.any(np.asarray(either))
            either = None if only_all else spread(either, 1)
        arrays = {name: spread(getattr(graph, name), count) for name, count in axes.items()}
        graph = with_fields(graph, names=None, frequency=None, any_gate=either, **arrays)
        return with_fields(self, graph=graph, **{name: spread(value, k) for name, value, k in _parameters(self)[1:]})

    # -- the physics of one member: every method below takes and returns arrays without batch axes

    def frequency_at(self, time: Any = 0.0) -> Float[Array, " skill"]:
        """$p$ in force at a time (before level 1/2 for a self-paced skill)."""
        return self.frequency.at(time) if isinstance(self.frequency, Schedule) else self.frequency

    def rate(self) -> Float[Array, " skill"]:
        """Effort gained for each unit of exposure: the frequency; with a schedule, its largest value.

        With a schedule, exposure counts in units of that largest frequency: $dX_i/d\\tau = c_i\\, p_i(t) / \\max_t
        p_i$.
        """
        return jnp.max(self.frequency.values, axis=0) if isinstance(self.frequency, Schedule) else self.frequency

    def initial_effort(self) -> Float[Array, " skill"]:
        """Effort at `t = 0`."""
        if self.initial_level is None:
            return jnp.zeros_like(self.rate())
        return self.law.effort_at(self.initial_level)

    def turning_exposure(self) -> Float[Array, " skill"]:
        """Exposure at which a self-paced skill's level reaches 1/2 and its frequency changes (0 if it starts above)."""
        half = self.law.effort_at(jnp.asarray(0.5, self.dtype))
        return jnp.maximum((half - self.initial_effort()) / self.rate(), 0)

    def effort(self, exposure: Float[Array, " skill"]) -> Float[Array, " skill"]:
        r"""Effort $z(X) = z(0) + p X$; for a self-paced skill, piecewise linear with a knee at level 1/2."""
        if self.frequency_after is None:
            return self.initial_effort() + self.rate() * exposure
        turn = self.turning_exposure()
        before, after = jnp.minimum(exposure, turn), jnp.maximum(exposure - turn, 0)
        return self.initial_effort() + self.rate() * before + self.frequency_after * after

    def exposure_at(self, level: Any) -> Float[Array, " skill"]:
        """Exposure at which each skill reaches a level (negative if it starts above it); the inverse of `effort`."""
        effort = self.law.effort_at(jnp.broadcast_to(jnp.asarray(level, self.dtype), self.rate().shape))
        grown = effort - self.initial_effort()
        if self.frequency_after is None:
            return grown / self.rate()
        turn = self.turning_exposure()
        before = self.rate() * turn
        return jnp.where(grown > before, turn + (grown - before) / self.frequency_after, grown / self.rate())

    def gained(self, exposure: Float[Array, " skill"]) -> Float[Array, " skill"]:
        """What each skill adds to the budget: its gain in level (MSE) or margin (cross entropy) since `t = 0`."""
        gained = self.law.progress(self.effort(exposure))
        return gained if self.initial_level is None else gained - self.law.progress(self.initial_effort())

    def pace(self, exposure: Float[Array, " skill"], time: Any = 0.0) -> Float[Array, " skill"]:
        """Frequency in force, the self-paced change included."""
        if self.frequency_after is None:
            return self.frequency_at(time)
        return jnp.where(exposure < self.turning_exposure(), self.frequency_at(), self.frequency_after)

    def gates(self, log_depth: Float[Array, " skill"]) -> Float[Array, " skill"]:
        r"""$g_j = 1 - u_j^a = 1 - e^{-a D_j}$, how far each skill opens the way for those that need it."""
        return saturation(self.gate_exponent * log_depth)

    def openness(self, gates: Float[Array, " skill"]) -> Float[Array, " skill"]:
        """$c_i$: the product ("all") or maximum ("any") of the gates of each skill's prerequisites; 1 without any."""
        graph = self.graph
        if graph.fan_in == 0:
            return jnp.ones_like(gates)
        return combine_gates(gates[graph.prerequisites], graph.required, graph.any_gate)

    def competitiveness(self, exposure: Float[Array, " skill"], time: Any = 0.0) -> Float[Array, " skill"]:
        """$f_i = c_i p_i u_i$ (0 for absent skills)."""
        effort = self.effort(exposure)
        openness = self.openness(self.gates(self.law.log_depth(effort)))
        found = openness * self.pace(exposure, time) * self.law.demand(effort)
        return jnp.where(self.graph.present, found, 0)

    def direct_competitiveness(self, state: Float[Array, " skill"], time: Any = 0.0) -> Float[Array, " skill"]:
        """$f_i$ from the unlearned fraction (MSE) or the margin (cross entropy) itself: interference and discrete
        steps.
        """
        unlearned, frequency = self.law.direct_unlearned(state), self.direct_pace(state, time)
        openness = self.openness(1 - unlearned**self.gate_exponent) if self.graph.fan_in else jnp.ones_like(unlearned)
        return jnp.where(self.graph.present, openness * frequency * self.law.direct_demand(state), 0)

    def direct_pace(self, state: Float[Array, " skill"], time: Any = 0.0) -> Float[Array, " skill"]:
        """Frequency in force, the self-paced change included."""
        if self.frequency_after is None:
            return self.frequency_at(time)
        return jnp.where(self.law.direct_unlearned(state) > 0.5, self.frequency_at(time), self.frequency_after)

    def initial_direct(self) -> Float[Array, " skill"]:
        """The unlearned fraction (MSE) or margin (cross entropy) at `t = 0`."""
        return self.law.state(self.initial_effort())

    def by_pool(self, values: Float[Array, " skill"]) -> Float[Array, " pool"]:
        """Sums over the skills of each pool (one pool without `pool`)."""
        if self.pool is None:
            return jnp.sum(values, keepdims=True)
        return jax.ops.segment_sum(values, self.pool, self.pools)

    def of_pool(self, values: Float[Array, " pool"]) -> Float[Array, " skill"]:
        """Each skill's entry of an array over pools."""
        if self.pool is None:
            return jnp.broadcast_to(values, (self.skills,))
        return values[self.pool]

    def waste_at(self, time: Any = 0.0) -> Float[Array, " pool"]:
        """$N_0$ in force at a time, one a pool."""
        value = self.wasted_resource.at(time) if isinstance(self.wasted_resource, Schedule) else self.wasted_resource
        return jnp.broadcast_to(value, (self.pools,))

    def learning_rate_at(self, time: Any = 0.0) -> Float[Array, " pool"]:
        r"""$\eta$ in force at a time, one a pool."""
        value = self.learning_rate.at(time) if isinstance(self.learning_rate, Schedule) else self.learning_rate
        return jnp.broadcast_to(value, (self.pools,))

    def denominator(
        self, competitiveness: Float[Array, " skill"], waste: Float[Array, " pool"]
    ) -> Float[Array, " pool"]:
        r"""What is competed for: $F + N_0$ ("l1") or $\sqrt{\sum f^2 + N_0^2}$ ("l2"), one for each pool."""
        if self.rule.has_budget_law:
            return self.by_pool(competitiveness) + waste
        # scaled by the largest, since powers under- and overflow long before their root does
        largest = jnp.maximum(jnp.max(jnp.abs(competitiveness)), jnp.max(waste))
        scale = jax.lax.stop_gradient(jnp.where(largest > 0, largest, 1))
        return scale * self.rule.total(self.by_pool(self.rule.part(competitiveness / scale)), waste / scale)

    def shares(self, competitiveness: Array, waste: Array) -> tuple[Float[Array, " skill"], Float[Array, " pool"]]:
        """Each skill's share $r_i$ of the resource and the wasted share of each pool; no demand and no waste gives
        0.
        """
        total = self.denominator(competitiveness, waste)
        # in units of the denominator, since the square in a derivative's would underflow long before it
        scale = jax.lax.stop_gradient(jnp.where(total > 0, total, 1))
        inverse = jnp.where(total > 0, 1 / jnp.where(total > 0, total / scale, 1), 0)
        return competitiveness / self.of_pool(scale) * self.of_pool(inverse), waste / scale * inverse

    def __repr__(self) -> str:
        parts = [f"{name}={_brief(value)}" for name, value, _ in _parameters(self)[1:]]
        options = "" if self.competition == "l1" else f", competition={self.competition!r}"
        return f"ResourceModel({self.graph!r}, {', '.join(parts)}, loss={self.loss!r}{options})"


def combine_gates(gates: Array, required: Bool[Array, "skill fan_in"], any_gate: Bool[Array, " skill"] | None) -> Array:
    """Product or maximum over the prerequisites of each skill, which may be taken at several nodes at once."""
    extra = (1,) * (gates.ndim - 2)
    required = required.reshape(required.shape + extra)
    both = jnp.prod(jnp.where(required, gates, 1), axis=1)
    if any_gate is None:
        return both
    either = jnp.max(jnp.where(required, gates, 0), axis=1)
    free = ~jnp.any(required, axis=1)
    return jnp.where(any_gate.reshape(any_gate.shape + extra) & ~free, either, both)


def stack(models: list[ResourceModel] | tuple[ResourceModel, ...]) -> ResourceModel:
    """One batch of models whose graphs may differ in size: smaller ones are padded, and their padding is NaN in
    results.

    **Arguments:** `models`: single models (no batch axes) of the same loss, competition and optional parts.

    **Raises:** `ValueError` if there are none, one is a batch, or they differ in structure (which part is named).
    """
    models = list(models)
    if not models:
        raise ValueError("stack: expected at least one model, got none")
    first = models[0]
    for position, model in enumerate(models):
        if model.batch_shape:
            raise ValueError(
                f"stack: expected single models, but number {position} is a batch of shape {model.batch_shape}"
            )
        for name in ("loss", "competition", "pools", "dtype"):
            if getattr(model, name) != getattr(first, name):
                raise ValueError(
                    f"stack: expected models of one {name}, got {getattr(first, name)!r} and {getattr(model, name)!r}"
                )
        for name in _MEMBER_AXES:
            mine, other = getattr(model, name), getattr(first, name)
            if isinstance(mine, Schedule) or isinstance(other, Schedule):
                raise ValueError(f"stack: {name} is a schedule, which only a batch of one graph shape can share")
            if (mine is None) != (other is None):
                raise ValueError(f"stack: {name} is given in some models and not in others")
    skills = max(model.skills for model in models)
    fan_in = max(model.graph.fan_in for model in models)

    def pad(value: Array, shape: tuple[int, ...], fill: Any) -> Array:
        return jnp.pad(value, [(0, n - m) for n, m in zip(shape, value.shape, strict=True)], constant_values=fill)

    def together(name: str, shape: tuple[int, ...], fill: Any) -> Array:
        return jnp.stack([pad(getattr(m.graph, name), shape, fill) for m in models])

    names = None
    if any(m.graph.names is not None for m in models):
        names = tuple(m.graph.skill_names() + ("",) * (skills - m.skills) for m in models)
        names = names[0] if len(set(names)) == 1 else names
    graph = SkillGraph(
        together("prerequisites", (skills, fan_in), 0),
        together("any_gate", (skills,), False),
        required=together("required", (skills, fan_in), False),
        present=together("present", (skills,), False),
        names=names,
    )
    values: dict[str, Any] = {}
    for name, axes in _MEMBER_AXES.items():
        if getattr(first, name) is None:
            continue
        # padding gets harmless values: it is masked before every division and logarithm
        fill = {"initial_level": 0, "pool": 0, "interference": 0}.get(name, 1)
        rows = [getattr(m, name) for m in models]
        values[name] = jnp.stack([pad(r, (skills,) * axes, fill) for r in rows] if axes else rows)
    if "interference" in values:
        eye = jnp.eye(skills, dtype=bool)
        values["interference"] = jnp.where(eye, 1, values["interference"])
    return ResourceModel(graph, loss=first.law, competition=first.rule, **values)


def _dtype(frequency: Any) -> Any:
    values = frequency.values if isinstance(frequency, Schedule) else frequency
    dtype = getattr(values, "dtype", None)
    if dtype is not None and jnp.issubdtype(dtype, jnp.floating):
        if jnp.finfo(dtype).bits < 32:
            raise ValueError(f"frequency: expected numbers in float32 or float64, got {dtype}")
        return jax.dtypes.canonicalize_dtype(dtype)
    return jnp.asarray(0.0).dtype


def _parameter(
    name: str, value: Any, dtype: Any, above: float = -math.inf, least: float = -math.inf, below: float = math.inf
) -> Any:
    if value is None:
        return None
    if isinstance(value, Schedule):
        # a schedule may pause: zero is allowed where a constant must be positive
        _parameter(f"{name} (schedule)", value.values, dtype, least=0.0)
        return with_fields(value, times=value.times.astype(dtype), values=value.values.astype(dtype))
    try:
        array = jnp.asarray(value, dtype)
    except (TypeError, ValueError):
        raise ValueError(f"{name}: expected numbers, got {value!r:.80}") from None
    if is_concrete(array):
        numbers = np.asarray(array)
        wrong = ~(np.isfinite(numbers) & (numbers > above) & (numbers >= least) & (numbers < below))
        if wrong.any():
            where: tuple[Any, ...] = tuple(int(i) for i in np.argwhere(wrong)[0])
            bounds = [f"above {above:g}"] * (above > -math.inf) + [f"at least {least:g}"] * (least > -math.inf)
            bounds += [f"below {below:g}"] * (below < math.inf)
            place = f" at index {where[0] if len(where) == 1 else where}" if len(where) else ""
            raise ValueError(f"{name}: expected finite numbers {' and '.join(bounds)}, got {numbers[where]}{place}")
    return array


def _interference(value: Any, dtype: Any) -> Array | None:
    overlap = _parameter("interference", value, dtype)
    if overlap is None:
        return None
    if overlap.ndim < 2 or overlap.shape[-1] != overlap.shape[-2]:
        raise ValueError(f"interference: expected overlaps of shape (*batch, skill, skill), got {overlap.shape}")
    if is_concrete(overlap):
        numbers = np.asarray(overlap)
        tolerance = 100 * float(jnp.finfo(dtype).eps)
        if np.abs(np.diagonal(numbers, axis1=-2, axis2=-1) - 1).max() > tolerance:
            raise ValueError("interference: expected a unit diagonal (task vectors of length 1)")
        if np.abs(numbers - np.swapaxes(numbers, -1, -2)).max() > tolerance:
            raise ValueError("interference: expected a symmetric matrix of overlaps")
    return overlap


def _pools(pool: Any, learning_rate: Any, wasted_resource: Any) -> tuple[Array | None, int]:
    if pool is None:
        return None, 1
    pool = jnp.asarray(pool)
    if not jnp.issubdtype(pool.dtype, jnp.integer):
        raise ValueError(f"pool: expected one integer a skill, got {pool.dtype} numbers")
    if isinstance(learning_rate, Schedule) or isinstance(wasted_resource, Schedule):
        raise ValueError("pool: cannot be combined with a schedule of learning_rate or wasted_resource")
    widths: list[int] = [int(v.shape[-1]) for v in (learning_rate, wasted_resource) if v.ndim]
    if is_concrete(pool):
        count = max([int(pool.max(initial=0)) + 1, *widths])
        if int(pool.min(initial=0)) < 0 or (widths and int(pool.max(initial=0)) >= min(widths)):
            raise ValueError(
                f"pool: expected integers from 0 to {min(widths or [count]) - 1}, "
                f"got {int(pool.min())} to {int(pool.max())}"
            )
    elif widths:
        count = max(widths)
    else:
        raise ValueError(
            "pool: under jit, give learning_rate or wasted_resource a pool axis, so that their number is known"
        )
    return pool.astype(jnp.int32), count


def _parameters(model: ResourceModel) -> list[tuple[str, Any, int]]:
    """Names, values and axes of one member; no method, since Equinox makes a module of every method that is called."""
    rows: list[tuple[str, Any, int]] = [("graph", model.graph.present, 1)]
    for name, axes in _MEMBER_AXES.items():
        value = getattr(model, name)
        if value is not None:
            rows.append((name, value, axes + (model.pool is not None and axes == 0 and name != "gate_exponent")))
    return rows


def _batch_part(value: Any, axes: int) -> tuple[int, ...]:
    if isinstance(value, Schedule):
        return value.times.shape[:-1]
    return value.shape[: value.ndim - axes]


def _spread(value: Any, axes: int, shape: tuple[int, ...]) -> Any:
    own = value.shape[value.ndim - axes :]
    # arrays of NumPy stay such: a batch on its way to a solver's pieces
    numpy = np if isinstance(value, np.ndarray) else jnp
    return numpy.broadcast_to(value, shape + own).reshape((math.prod(shape), *own))


def _brief(value: Any) -> str:
    if isinstance(value, Schedule):
        return f"Schedule({value.times.shape[-1]} pieces)"
    if not is_concrete(value) or value.size > 8:
        return f"{value.dtype}{list(value.shape)}"
    return np.array2string(np.asarray(value), separator=", ", precision=6)
