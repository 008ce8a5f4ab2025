"""The Resource model: parameters, gates, competitiveness and shares, as one vectorised system over arrays."""

from __future__ import annotations

import functools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ..base.annotations import BySkill, Given, Numbers
from ..base.modules import letting_go, with_fields
from ..base.special import saturation
from ..base.values import in_order_of
from ..graphs.arguments import labelled
from ..graphs.gates import combine_gates
from ..graphs.graph import SkillGraph
from . import labels as axis_labels
from . import parameters, picking, replacing
from .competition import AbstractCompetition, as_competition
from .extension import EXTENSION, effective, read_extension
from .grid import BatchOfModels
from .loss import AbstractLoss, as_loss
from .parameters import MEMBER_AXES, check_shapes, named_parameters
from .schedule import Schedule as Schedule


class ResourceModel(BatchOfModels):
    r"""Skills that compete for one shared resource and depend on one another.

    $$ f_i = c_i p_i u_i, \qquad r_i = \frac{f_i}{\sum_j f_j + N_0}, \qquad
    \frac{du_i}{dt} = -\eta\, r_i, \qquad u_i(0) = 1, $$

    where $c_i$ is the product ("all") or the maximum ("any") of the gates $1 - u_j^a$ of the prerequisites $j$ of skill
    $i$. Four parameters for measured curves extend it; their default 1 is the paper's model:

    $$ f_i = c_i\, \kappa_i p_i^\gamma\, u_i\, (\epsilon + (1 - \epsilon)(1 - u_i)), \qquad
    \text{gates } 1 - w_{ij} u_j^a. $$

    **Arguments:**

    - `graph`: a [`resource_ode.SkillGraph`][], one or a batch.
    - `frequency`: $p$, `(*batch, skill)`, dimensionless, > 0, used as given (never normalised); a
        [`resource_ode.Schedule`][]; or `None` for the graph's own. As all that has one entry per skill, it may be by
        name: a dict, a pandas Series, the columns of a DataFrame, or an xarray DataArray.
    - `learning_rate`: $\eta$, `(*batch,)`, resource units per training step, > 0; or a schedule.
    - `wasted_resource`: $N_0$, `(*batch,)`, in units of frequency, >= 0; or a schedule.
    - `gate_exponent`: $a$, `(*batch,)`, dimensionless, > 0. Needed once any skill has a prerequisite.

    **Other arguments:**

    - `loss`: `"mse"`, `"cross_entropy"`, or an [`AbstractLoss`][resource_ode.model.loss.AbstractLoss] of your own.
    - `competition`: `"l1"`, the paper's; an
        [`AbstractCompetition`][resource_ode.model.competition.AbstractCompetition] of your own; or `"l2"`, with
        $\sqrt{\sum_j f_j^2 + N_0^2}$ in place of $\sum_j f_j + N_0$: what sign descent does on orthonormal tasks, with
        $N_0 = \sigma\sqrt d$ and $\eta = \mathrm{lr}\sqrt{2d/\pi}$ (derived here).
    - `interference`: overlaps $C$ of the task vectors, `(*batch, skill, skill)`, a Gram matrix of unit vectors
        (symmetric, positive semidefinite, unit diagonal): $du/dt = -\eta\, C f / (F + N_0)$. Not together with
        prerequisites.
    - `initial_level`: `(*batch, skill)` in [0, 1); default 0.
    - `frequency_after`: `(*batch, skill)`: a self-paced skill's frequency from level 1/2 on.
    - `pool`: `(*batch, skill)` integers: pools that do not compete with one another. `learning_rate` and
        `wasted_resource` are then `(*batch, pool)` (a scalar serves all pools).
    - `plateau`: $\epsilon$, `(*batch,)`, in (0, 1], for MSE without interference: below 1 a skill starts slowly and
        grows out of what it has. A root reaches level $\theta$ at $\kappa p^\gamma \tau = \ln(1 + \theta/(\epsilon (1
        - \theta)))$.
    - `frequency_power`: $\gamma$, `(*batch,)`, >= 0: how strongly a skill's frequency speeds it up.
    - `learnability`: $\kappa$, `(*batch, skill)`, or one number for all, > 0: how fast a skill is at frequency 1.
    - `prerequisite_strength`: $w$, `(*batch, skill, fan_in)` beside `graph.prerequisites` (where padding comes last);
        or `{(prerequisite, skill): w}` by name (1 where none is given); or one number for all, in [0, 1]: 0 for a
        prerequisite that is not needed.

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
    # None stands for 1, the paper's
    plateau: Float[Array, "*batch"] | None
    frequency_power: Float[Array, "*batch"] | None
    learnability: Float[Array, "*batch skill"] | None
    prerequisite_strength: Float[Array, "*batch skill fan_in"] | None
    base_law: AbstractLoss
    rule: AbstractCompetition
    pools: int = eqx.field(static=True)
    # how arguments were given where their values do not show it: pairs of a name and "graph" (frequencies that are the
    # graph's own), "default", "single" (one number for all; with the number where no array holds it) or "names";
    # `replace` needs it, compiled code never sees it
    origins: tuple[tuple[str, str], ...] = eqx.field(static=True)
    # names and coordinates of the batch axes; compiled code never sees them
    labels: axis_labels.Labels = eqx.field(static=True)

    @letting_go
    def __init__(
        self,
        graph: Given[SkillGraph],
        frequency: BySkill | Given[Schedule] | None = None,
        learning_rate: Numbers | Given[Schedule] | None = None,
        wasted_resource: Numbers | Given[Schedule] | None = None,
        gate_exponent: Numbers | None = None,
        *,
        loss: Given[str | AbstractLoss] = "mse",
        competition: Given[str | AbstractCompetition] = "l1",
        interference: BySkill | None = None,
        initial_level: BySkill | None = None,
        frequency_after: BySkill | None = None,
        pool: BySkill | None = None,
        plateau: Numbers = 1,
        frequency_power: Numbers = 1,
        learnability: BySkill = 1,
        prerequisite_strength: Numbers | Given[dict[tuple[str, str], float]] = 1,
    ):
        if not isinstance(graph, SkillGraph):
            make = "SkillGraph.from_networkx" if hasattr(graph, "nodes") else "SkillGraph"
            raise ValueError(f"graph: expected a SkillGraph, got {type(graph).__name__} (made into one by {make})")
        self.base_law, self.rule = as_loss(loss), as_competition(competition)
        origins: dict[str, str] = {}
        if frequency is None:
            frequency, origins["frequency"] = graph.frequency, "graph"
            if frequency is None:
                raise ValueError("frequency: expected one number per skill; none was given and the graph carries none")
        for name, value in (("learning_rate", learning_rate), ("wasted_resource", wasted_resource)):
            if value is None:
                raise ValueError(f"{name}: expected a number, none was given")
        if gate_exponent is None:
            if graph.fan_in:
                raise ValueError("gate_exponent: expected a positive number, since the graph has prerequisites")
            gate_exponent, origins["gate_exponent"] = 1.0, "default"
        skills = labelled(graph.names, graph.present.shape)

        def in_order(name: str, value: Any) -> Any:
            ordered, named = in_order_of(name, value, skills, axes=MEMBER_AXES[name])
            if named:
                origins[name] = "names"
            return ordered

        frequency = in_order("frequency", frequency)
        dtype = parameters.dtype_of(frequency)

        read = functools.partial(parameters.parameter, dtype=dtype, skills=skills)
        self.graph = graph
        self.frequency = read("frequency", frequency)
        rates = [read("learning_rate", learning_rate), read("wasted_resource", wasted_resource)]
        self.gate_exponent = read("gate_exponent", gate_exponent)
        self.initial_level = read("initial_level", in_order("initial_level", initial_level))
        self.frequency_after = read("frequency_after", in_order("frequency_after", frequency_after))
        self.interference = parameters.overlaps(in_order("interference", interference), dtype)
        self.pool, self.pools = parameters.pools_of(in_order("pool", pool), *rates)
        if self.pool is not None:
            # a single number serves all pools; afterwards the pool axis is always there
            for place, name in enumerate(("learning_rate", "wasted_resource")):
                if rates[place].ndim == 0:
                    origins[name] = "single"
                    rates[place] = jnp.broadcast_to(rates[place], (self.pools,))
        self.learning_rate, self.wasted_resource = rates
        numbers = (plateau, frequency_power, learnability, prerequisite_strength)
        extension, given = read_extension(dict(zip(EXTENSION, numbers, strict=True)), graph, dtype, in_order)
        self.plateau, self.frequency_power, self.learnability, self.prerequisite_strength = extension.values()
        origins |= given
        self.origins, self.labels = tuple(sorted(origins.items())), ()
        check_shapes(self)

    # -- shapes

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """The broadcast batch axes of graph and parameters: `()` for one model."""
        shapes = {parameters.batch_part(value, axes) for _, value, axes in named_parameters(self)}
        return shapes.pop() if len(shapes) == 1 else np.broadcast_shapes(*shapes)

    @property
    def skills(self) -> int:
        """Number of skills, padding included."""
        return self.graph.skills

    @property
    def law(self) -> AbstractLoss:
        """The loss as functions of effort, with the plateau of the model."""
        return self.base_law if self.plateau is None else self.base_law.with_plateau(self.plateau)

    @property
    def loss(self) -> str:
        """Name of the loss."""
        return self.base_law.name

    @property
    def competition(self) -> str:
        """Name of the competition."""
        return self.rule.name

    @property
    def dtype(self) -> Any:
        """The floating-point type of the parameters, and so of the results."""
        return self.gate_exponent.dtype

    def replace(self, **changes: Any) -> ResourceModel:
        """The model that would be built from the same arguments with some changed, and checked like it.

        What was not given follows the changes: frequencies that were the graph's own are those of a new graph, a single
        number for all pools serves other pools, numbers given by name keep their names in a new graph.

        **Raises:** `ValueError` for an argument that the model does not have, or as the class does.
        """
        arguments, kept = replacing.arguments_of(self, changes)
        model = ResourceModel(**arguments)
        kept_labels = axis_labels.after_changes(self.axes(), model.batch_shape, changes)
        return with_fields(model, origins=replacing.origins_of(model, kept), labels=kept_labels)

    def __getitem__(self, index: Any) -> ResourceModel:
        """Member `index` of a batch, without its padding (under a trace the padding stays).

        As many integers as there are batch axes pick one member. Slices, `...`, arrays of integers and boolean masks
        pick a batch of members, as NumPy indexes arrays; its padding stays.

        **Raises:** `IndexError` for an index that does not fit the batch.
        """
        return picking.picked(self, index)

    def without_padding(self) -> ResourceModel:
        """One model without the skills that only pad it; as it is under a trace."""
        return picking.without_padding(self)

    def flat(self) -> ResourceModel:
        """The same members, every array broadcast to one leading batch axis, no names: what compiled code maps over."""
        return picking.flat(self)

    # -- the physics of one member: every method below takes and returns arrays without batch axes

    def frequency_at(self, time: Numbers = 0.0) -> Float[Array, " skill"]:
        """$p$ in force at a time (before level 1/2 for a self-paced skill)."""
        return self.frequency.at(time) if isinstance(self.frequency, Schedule) else self.frequency

    def rate(self) -> Float[Array, " skill"]:
        """Effort gained for each unit of exposure: the effective frequency; with a schedule its largest value, in units
        of which exposure counts: $dX_i/d\\tau = c_i\\, p_i(t) / \\max_t p_i$.
        """
        largest = jnp.max(self.frequency.values, axis=0) if isinstance(self.frequency, Schedule) else self.frequency
        return self.effective(largest)

    def effective(self, frequency: Float[Array, "*batch skill"]) -> Float[Array, "*batch skill"]:
        r"""The effective frequency $\kappa_i p_i^\gamma$, which is the frequency in the paper's model."""
        return effective(frequency, self.frequency_power, self.learnability)

    def rate_after(self) -> Float[Array, " skill"] | None:
        """The effective frequency of self-paced skills from level 1/2 on."""
        return None if self.frequency_after is None else self.effective(self.frequency_after)

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
        r"""Effort $z(X) = z(0) + \kappa p^\gamma X$; of a self-paced skill, with a knee at level 1/2."""
        rate_after = self.rate_after()
        if rate_after is None:
            return self.initial_effort() + self.rate() * exposure
        turn = self.turning_exposure()
        before, after = jnp.minimum(exposure, turn), jnp.maximum(exposure - turn, 0)
        return self.initial_effort() + self.rate() * before + rate_after * after

    def exposure_at(self, level: Numbers) -> Float[Array, " skill"]:
        """Exposure at which each skill reaches a level (negative if it starts above it); the inverse of `effort`."""
        effort = self.law.effort_at(jnp.broadcast_to(jnp.asarray(level, self.dtype), self.rate().shape))
        grown, rate_after = effort - self.initial_effort(), self.rate_after()
        if rate_after is None:
            return grown / self.rate()
        turn = self.turning_exposure()
        before = self.rate() * turn
        return jnp.where(grown > before, turn + (grown - before) / rate_after, grown / self.rate())

    def gained(self, exposure: Float[Array, " skill"]) -> Float[Array, " skill"]:
        """What each skill adds to the budget: its gain in level (MSE) or margin (cross entropy) since `t = 0`."""
        gained = self.law.progress(self.effort(exposure))
        return gained if self.initial_level is None else gained - self.law.progress(self.initial_effort())

    def pace(self, exposure: Float[Array, " skill"], time: Numbers = 0.0) -> Float[Array, " skill"]:
        """Frequency in force, the self-paced change included."""
        if self.frequency_after is None:
            return self.frequency_at(time)
        return jnp.where(exposure < self.turning_exposure(), self.frequency_at(), self.frequency_after)

    def gates(self, log_depth: Float[Array, " skill"]) -> Float[Array, " skill"]:
        r"""$g_j = 1 - u_j^a = 1 - e^{-a D_j}$, how far each skill opens the way for those that need it."""
        return saturation(self.gate_exponent * log_depth)

    def openness(self, gates: Float[Array, " skill"]) -> Float[Array, " skill"]:
        r"""$c_i$: the product ("all") or maximum ("any") of the gates $1 - w_{ij} + w_{ij} g_j$ of each skill's
        prerequisites; 1 without any.
        """
        graph = self.graph
        if graph.fan_in == 0:
            return jnp.ones_like(gates)
        behind = gates[graph.prerequisites]
        if self.prerequisite_strength is not None:
            behind = (1 - self.prerequisite_strength) + self.prerequisite_strength * behind
        return combine_gates(behind, graph.required, graph.any_gate, graph.own_gate)

    def competitiveness(self, exposure: Float[Array, " skill"], time: Numbers = 0.0) -> Float[Array, " skill"]:
        """$f_i$, the demand $c_i p_i u_i$ of each skill (0 for absent skills)."""
        effort = self.effort(exposure)
        openness = self.openness(self.gates(self.law.log_depth(effort)))
        found = openness * self.effective(self.pace(exposure, time)) * self.law.demand(effort)
        return jnp.where(self.graph.present, found, 0)

    def direct_competitiveness(self, state: Float[Array, " skill"], time: Numbers = 0.0) -> Float[Array, " skill"]:
        """$f_i$ from the unlearned fraction (MSE) or the margin (cross entropy) itself: interference and discrete
        steps.
        """
        unlearned, frequency = self.law.direct_unlearned(state), self.effective(self.direct_pace(state, time))
        openness = self.openness(1 - unlearned**self.gate_exponent) if self.graph.fan_in else jnp.ones_like(unlearned)
        return jnp.where(self.graph.present, openness * frequency * self.law.direct_demand(state), 0)

    def direct_pace(self, state: Float[Array, " skill"], time: Numbers = 0.0) -> Float[Array, " skill"]:
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

    def waste_at(self, time: Numbers = 0.0) -> Float[Array, " pool"]:
        """$N_0$ in force at a time, one per pool."""
        value = self.wasted_resource.at(time) if isinstance(self.wasted_resource, Schedule) else self.wasted_resource
        return jnp.broadcast_to(value, (self.pools,))

    def learning_rate_at(self, time: Numbers = 0.0) -> Float[Array, " pool"]:
        r"""$\eta$ in force at a time, one per pool."""
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
        """Each skill's share $r_i$ of the resource, and each pool's wasted share; 0 without demand and waste."""
        total = self.denominator(competitiveness, waste)
        # in units of the denominator, since the square in a derivative's would underflow long before it
        scale = jax.lax.stop_gradient(jnp.where(total > 0, total, 1))
        inverse = jnp.where(total > 0, 1 / jnp.where(total > 0, total / scale, 1), 0)
        return competitiveness / self.of_pool(scale) * self.of_pool(inverse), waste / scale * inverse

    def __repr__(self) -> str:
        parts = [f"{name}={parameters.shown(value)}" for name, value, _ in named_parameters(self)[1:]]
        options = "" if self.competition == "l1" else f", competition={self.competition!r}"
        return f"ResourceModel({self.graph!r}, {', '.join(parts)}, loss={self.loss!r}{options})"

    def _repr_html_(self) -> str:
        return parameters.as_html(self)
