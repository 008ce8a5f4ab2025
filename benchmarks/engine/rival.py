"""diffrax on any variant, as its users would write it: `diffeqsolve` of one graph under `jax.vmap` and `jax.jit`.

The state grows with learning and has no floor: log-depth, with cross entropy the margin, with self-paced skills the
depth that their first pace would give, with interference the level.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import diffrax
import jax
import jax.numpy as jnp
import numpy as np

from ..ensemble import LEVEL
from ..rivals.diffrax_vmapped import crossings
from .variants import POOLS, Variant

HALF = np.log(2.0)
# what derivatives are taken by
BY = ("frequency", "rate", "waste", "exponent")
SCALARS = ("rate", "waste", "exponent")


class Problem:
    """The vector field of a variant, its arrays `(graph, ...)` and what a state means."""

    def __init__(self, variant: Variant):
        own = variant.ensemble
        self.variant, self.skills = variant, own.skills
        arrays = {
            "frequency": own.frequency,
            "adjacency": own.adjacency,
        }
        arrays |= {"after": variant.after, "overlap": variant.overlap, "level": variant.level}
        scalars = (own.learning_rate, own.wasted_resource, own.gate_exponent)
        self.arrays = {name: jnp.asarray(x) for name, x in arrays.items() if x is not None}
        self.scalars = {name: jnp.asarray(x) for name, x in zip(SCALARS, scalars, strict=True)}
        self.either = None if variant.either is None else jnp.asarray(variant.either)
        self.axes = dict.fromkeys(self.arrays, 0) | dict.fromkeys(self.scalars)
        self.arguments = self.arrays | self.scalars
        self.pool = None if variant.pool is None else jnp.asarray(np.arange(POOLS)[:, None] == variant.pool, float)

    def start(self, own: Any) -> Any:
        return -jnp.log1p(-own["level"]) if "level" in own else jnp.zeros(self.skills)

    def depth(self, state: Any, own: Any) -> Any:
        """Log-depth; with cross entropy of the margin."""
        if self.variant.cross_entropy:
            return jax.nn.softplus(state) - HALF
        if "after" in own:
            return jnp.where(state < HALF, state, HALF + own["after"] / own["frequency"] * (state - HALF))
        return state

    def level(self, state: Any, own: Any) -> Any:
        if self.variant.overlap is not None:
            return state
        return jnp.tanh(state / 2) if self.variant.cross_entropy else -jnp.expm1(-self.depth(state, own))

    def goal(self, own: Any) -> Any:
        """The state at level 1/2."""
        if self.variant.overlap is not None:
            return jnp.full(self.skills, LEVEL)
        return jnp.full(self.skills, 2 * np.arctanh(LEVEL) if self.variant.cross_entropy else HALF)

    def field(self, t: Any, state: Any, own: Any) -> Any:
        frequency, depth = own["frequency"], self.depth(state, own)
        variant = self.variant
        if variant.later is not None:
            frequency = jnp.where(t < variant.change, frequency, jnp.asarray(variant.later))
        for name, factor in (("rate", variant.faster), ("waste", variant.louder)):
            if factor != 1:
                own = own | {name: jnp.where(t < variant.change, own[name], factor * own[name])}
        if self.variant.overlap is not None:
            found = frequency * (1 - state)
            return own["rate"] * (own["overlap"] @ found) / (jnp.sum(found) + own["waste"])
        gates = -jnp.expm1(-own["exponent"] * depth)[None]
        here = own["adjacency"]
        every = jnp.prod(jnp.where(here, gates, 1), axis=-1)
        if self.either is not None:
            some = jnp.max(jnp.where(here, gates, 0), axis=-1)
            every = jnp.where(self.either & jnp.any(here, axis=-1), some, every)
        grows = frequency * every
        demand = grows * (jax.nn.sigmoid(-state) if self.variant.cross_entropy else jnp.exp(-depth))
        if "after" in own:
            demand = jnp.where(state < HALF, demand, demand * own["after"] / frequency)
        if self.pool is not None:
            speed = own["rate"] / (self.pool @ demand + own["waste"])
            return grows * (speed @ self.pool)
        if self.variant.squared:
            total = jnp.sqrt(jnp.sum(demand**2) + own["waste"] ** 2)
        else:
            total = jnp.sum(demand) + own["waste"]
        speed = own["rate"] / total
        return speed * (grows * jax.nn.sigmoid(-state) if self.variant.cross_entropy else grows)

    def _solve(self, own: Any, until: Any, save: Any, tolerances: Any, adjoint: Any, max_steps: int) -> Any:
        relative, absolute = tolerances
        controller: Any = diffrax.PIDController(rtol=relative, atol=absolute, pcoeff=0.4, icoeff=0.3)
        if self.variant.change is not None:
            controller = diffrax.ClipStepSizeController(controller, jump_ts=jnp.asarray([self.variant.change]))
        return diffrax.diffeqsolve(
            diffrax.ODETerm(self.field),
            diffrax.Tsit5(),
            jnp.zeros(()),
            until,
            None,
            self.start(own),
            args=own,
            saveat=save,
            stepsize_controller=controller,
            adjoint=diffrax.RecursiveCheckpointAdjoint() if adjoint is None else adjoint,
            max_steps=max_steps,
            throw=False,
        )

    def levels_of(self, own: Any, times: Any, tolerances: Any, adjoint: Any = None, max_steps: int = 8192) -> Any:
        """Levels `(time, skill)` of one graph."""
        save = diffrax.SaveAt(ts=times)
        return self.level(self._solve(own, times[-1], save, tolerances, adjoint, max_steps).ys, own)

    def times_of(self, own: Any, until: Any, tolerances: Any, max_steps: int = 384) -> Any:
        """Learning times `(skill,)` of one graph, infinite after `until`."""
        found = self._solve(own, until, diffrax.SaveAt(steps=True), tolerances, None, max_steps)
        times = crossings(found, self.field, own, self.start(own), self.goal(own))
        return jnp.where(self.start(own) >= self.goal(own), 0, times)

    def times_with_derivatives(self, own: Any, until: Any, tolerances: Any, adjoint: Any, max_steps: int) -> Any:
        """The same; a second solve up to each of them carries the derivatives, by one step of Newton's method."""
        found = jax.lax.stop_gradient(self.times_of(own, until, tolerances, max_steps))
        there = jnp.isfinite(found)
        order = jnp.argsort(found)
        at = jnp.where(there, found, until)[order]
        states = self._solve(own, until, diffrax.SaveAt(ts=at), tolerances, adjoint, max_steps).ys[jnp.argsort(order)]
        slopes = jax.lax.stop_gradient(jax.vmap(self.field, (0, 0, None))(found, states, own))
        here = jnp.arange(self.skills)
        missing = states[here, here] - self.goal(own)
        return jnp.where(there, found - missing / jnp.where(there, slopes[here, here], 1), jnp.inf)

    def every(self, function: Callable[..., Any], *axes: int | None) -> Callable[..., Any]:
        """A function of one graph's arguments and more, of all graphs; `axes` are those of what is more."""
        return jax.vmap(function, in_axes=(self.axes, *axes))
