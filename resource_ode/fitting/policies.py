r"""Rules that choose what is trained next by what is learned already, simulated on a fitted model.

The mixture $p(t)$ follows the levels. Effort still grows as ever,

$$ \frac{dz_i}{dt} = \frac{\eta\, c_i \kappa_i p_i(t)^\gamma}{\sum_j f_j + N_0}, $$

but $p$ changes with the state, so that training time is integrated rather than resource time.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..base.modules import with_fields
from ..graphs.graph import SkillGraph
from .freedom import Freedom

# of each task's share, so much is kept however well it is learned; by topology a tenth is spread evenly
FLOOR, EVEN = 0.02, 0.1
# a prerequisite is learned, by topology, from this level on
LEARNED = 0.8
ROWS, TOLERANCE, MAX_STEPS = 1001, 1e-4, 4096


class Rule(eqx.Module):
    """How the mixture follows the levels: `(1 - level)^power`, or where `topology` is true evenly over tasks whose
    prerequisites are learned and which are not.
    """

    # arrays under a trace, so that all rules are one program
    power: Any
    topology: Any = False

    def mixture(self, level: Array, graph: SkillGraph, total: Array) -> Array:
        """The mixture at these levels, which sums to `total`."""
        ready = jnp.all((level[graph.prerequisites] > LEARNED) | ~graph.required, axis=-1)
        evenly = jnp.where(ready & (level < LEARNED), 1.0, 0.0) + EVEN / level.size
        weight = jnp.where(self.topology, evenly, jnp.clip(1 - level, 0, 1) ** self.power + FLOOR)
        return weight / jnp.sum(weight) * total


@eqx.filter_jit
def _levels(freedom: Freedom, draws: Array, rule: Rule, total: Array, ts: Array) -> Array:
    """Levels under a rule, `(draw, time, task)`."""

    def one(x: Array) -> Array:
        template = freedom.models(x)[0]
        model = template[0] if template.batch_shape else template
        rate, waste = model.learning_rate_at()[0], model.waste_at()

        def field(t: Any, effort: Any, _: Any) -> Array:
            law = model.law
            own = model.effective(rule.mixture(law.level(effort), model.graph, total))
            openness = model.openness(model.gates(law.log_depth(effort)))
            demand = openness * own * law.demand(effort)
            return openness * own * rate / model.denominator(demand, waste)[0]

        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(field),
            diffrax.Tsit5(),
            ts[0],
            ts[-1],
            None,
            model.initial_effort(),
            saveat=diffrax.SaveAt(ts=ts),
            stepsize_controller=diffrax.PIDController(rtol=TOLERANCE, atol=TOLERANCE),
            max_steps=MAX_STEPS,
            throw=False,
        )
        assert solution.ys is not None
        return jax.vmap(model.law.level)(solution.ys)

    return jax.lax.map(one, draws)


class Followed(NamedTuple):
    """What happens under a rule.

    `times`: `(draw, task)`, steps at which each task reaches the level, `inf` beyond the last; and of the first draw,
    up to its last task: `shares`, `(row, task)`, the mixtures at equal distances of time; `open_tasks`, which tasks are
    not at the level yet.
    """

    times: np.ndarray
    shares: np.ndarray
    open_tasks: np.ndarray


def followed(freedom: Freedom, draws: np.ndarray, rule: Rule, total: float, until: float, level: float) -> Followed:
    """Learning times and mixtures under a rule."""
    # a rule meets every task, also one that the first run left out
    freedom = with_fields(freedom, met=jnp.ones_like(freedom.met))
    dtype = freedom.reference.dtype
    ts = jnp.linspace(0, until, ROWS, dtype=dtype)
    rule = Rule(jnp.asarray(rule.power, dtype), jnp.asarray(rule.topology))
    levels = _levels(freedom, jnp.asarray(draws, dtype), rule, jnp.asarray(total, dtype), ts)
    shares = np.asarray(_shares(freedom, levels[0], rule))
    found, steps = np.asarray(levels), np.asarray(ts)
    reached = found >= level
    row = np.maximum(np.argmax(reached, axis=1), 1)
    after = np.take_along_axis(found, row[:, None, :], 1)[:, 0]
    before = np.take_along_axis(found, row[:, None, :] - 1, 1)[:, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.clip((level - before) / (after - before), 0, 1)
    times = steps[row - 1] + part * (steps[row] - steps[row - 1])
    open_tasks = ~reached[0]
    up_to_last = open_tasks.any(axis=1)
    up_to_last[0] = True
    return Followed(np.where(reached.any(axis=1), times, np.inf), shares[up_to_last], open_tasks[up_to_last])


@eqx.filter_jit
def _shares(freedom: Freedom, levels: Array, rule: Rule) -> Array:
    """The mixtures at levels `(row, task)`."""
    graph = freedom.templates[0].graph
    return jax.vmap(lambda level: rule.mixture(level, graph, jnp.ones(())))(levels)
