"""When each skill first reaches a level, from one solve in training time: each crossing inside the step that has it.

The steps are those of a diffrax solver and its controller; nothing of a step is kept but what is needed to look inside
it, and only for skills that cross in it.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import diffrax
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ..base.patience import holds_checks
from ..model.model import ResourceModel
from ..model.schedule import Schedule
from . import ode as training_time
from .rest import never_reached

# how a crossing is narrowed down in its step: to 2^-12 of it, and then faster
HALVINGS, SECANTS = 12, 4
# after how many steps it is asked whether interference keeps the rest from ever crossing
LOOKED_AFTER = 64


class Crossings(NamedTuple):
    """Of each skill: when it crosses, whether it does, the budget residual by then; and of the member: whether its last
    time was reached, and whether the solver broke before that.
    """

    time: Float[Array, " skill"]
    found: Bool[Array, " skill"]
    residual: Float[Array, " skill"]
    never: Bool[Array, " skill"]


class _Step(NamedTuple):
    """The step in which each skill crosses: its ends, what its interpolant is made of, and the residual at its end."""

    begin: Float[Array, " skill"]
    end: Float[Array, " skill"]
    inside: Any
    residual: Float[Array, " skill"]


def levels_of(model: ResourceModel, main: Array) -> Float[Array, " skill"]:
    """Levels from the state that the solver follows."""
    if model.interference is not None:
        return model.law.direct_level(main)
    return model.law.level(model.effort(main / model.rate()))


def above(model: ResourceModel, main: Array, level: Any) -> Float[Array, " skill"]:
    """How far the skills are above a level: in effort, which has digits where a level rounds to 1; with interference,
    where it may fall again, in level.
    """
    if model.interference is not None:
        return model.law.direct_level(main) - level
    return model.effort(main / model.rate()) - model.law.effort_at(jnp.asarray(level, main.dtype))


def crossings(model: ResourceModel, level: Any, last: Array, solver: Any, controller: Any, max_steps: int) -> Crossings:
    """Crossings of one member until all skills have crossed or surely never do, in at most so many steps. It carries no
    derivatives.

    Without interference what has not crossed by a `last` time never does where a schedule stops, and may elsewhere.
    """
    holds_checks()
    term = diffrax.ODETerm(training_time.vector_field)
    start, begin = training_time.initial_state(model), jnp.zeros((), model.dtype)
    order = solver.error_order(term)
    first, control = controller.init(term, begin, last, start, None, model, solver.func, order)
    first = jnp.minimum(first, last)
    solving = solver.init(term, begin, first, start, model)
    there = ~model.graph.present | (above(model, start[0], level) >= 0)
    lawful = training_time.has_law(model)

    def inside_of(info: Any) -> Any:
        """What the interpolant of a step needs to know of the skills, whose axis is the last."""
        return {name: value[0] for name, value in info.items()}

    blank = jax.eval_shape(lambda: solver.step(term, begin, first, start, model, solving, False)[2])
    inside = {name: jnp.zeros(value[0].shape, value[0].dtype) for name, value in blank.items()}
    nothing = jnp.zeros(model.skills, model.dtype)
    kept = _Step(nothing, nothing, inside, nothing)

    def going(carry: Any, never: Any, most: Any) -> Array:
        time, _, _, _, _, _, crossed, _, steps, broken = carry
        return (time < last) & ~jnp.all(crossed | never) & (steps < most) & ~broken

    def step(carry: Any) -> Any:
        time, until, state, solving, control, jumped, crossed, kept, steps, _ = carry
        new, error, info, after, result = solver.step(term, time, until, state, model, solving, jumped)
        error = jax.tree.map(lambda x: jnp.where(jnp.isnan(x), jnp.inf, x), error)
        adapted = controller.adapt_step_size(time, until, state, new, model, error, order, control)
        keep, now, then, jump, control, problem = adapted
        now, then = jnp.minimum(now, last), jnp.minimum(then, last)
        crossing = keep & ~crossed & (above(model, new[0], level) >= 0)
        residual = training_time.off_budget(model, new, until) if lawful else jnp.zeros((), model.dtype)
        # an early error stays in what is spent later
        residual = jnp.broadcast_to(residual, nothing.shape)
        mine = _Step(nothing + time, nothing + until, inside_of(info), residual)
        kept = jax.tree.map(lambda x, old: jnp.where(crossing, x, old), mine, kept)
        state, solving = jax.tree.map(lambda x, old: jnp.where(keep, x, old), (new, after), (state, solving))
        broken = ~diffrax.is_successful(result) & keep | ~diffrax.is_successful(problem)
        jumped = jnp.where(keep, jump, jumped)
        return now, then, state, solving, control, jumped, crossed | crossing, kept, steps + 1, broken

    no, zero = jnp.zeros((), bool), jnp.zeros((), jnp.int32)
    carry = (begin, first, start, solving, control, no, there, kept, zero, no)
    if model.interference is None:
        carry = jax.lax.while_loop(lambda carry: going(carry, False, max_steps), step, carry)
        never = jnp.broadcast_to((carry[0] >= last) & _stops(model), there.shape)
    else:

        def steps_of(carried: Any) -> Any:
            carry, never = carried
            most = jnp.minimum(carry[8] + LOOKED_AFTER, max_steps)
            carry = jax.lax.while_loop(lambda carry: going(carry, never, most), step, carry)
            return carry, never_reached(model, carry[2][0], carry[0], level)

        carried = (carry, jnp.zeros_like(there))
        carry, never = jax.lax.while_loop(lambda carried: going(carried[0], carried[1], max_steps), steps_of, carried)
    *_, crossed, kept, _, broken = carry
    found = crossed & ~there
    return Crossings(_inside(model, level, solver, kept, found), found, kept.residual, never & ~broken)


def _stops(model: ResourceModel) -> Any:
    """Whether a schedule ends without learning rate, or without some frequency: all else goes on for ever."""
    ends = (x.values[-1] for x in (model.learning_rate, model.frequency) if isinstance(x, Schedule))
    return functools.reduce(jnp.logical_or, (jnp.any(end == 0) for end in ends), jnp.zeros((), bool))


def _inside(model: ResourceModel, level: Any, solver: Any, kept: _Step, found: Array) -> Float[Array, " skill"]:
    """The crossing of each skill inside its step, by halving and the method of false position."""
    begin, end = (jnp.where(found, x, other) for x, other in ((kept.begin, 0), (kept.end, 1)))

    def excess(times: Array) -> Array:
        def of_skill(time: Array, begin: Array, end: Array, inside: Any) -> Array:
            return solver.interpolation_cls(t0=begin, t1=end, **inside).evaluate(time)

        of_skills = jax.vmap(of_skill, in_axes=(0, 0, 0, {name: -1 for name in kept.inside}))
        return above(model, of_skills(times, begin, end, kept.inside), level)

    def halve(ends: Any, _: None) -> tuple[Any, None]:
        low, high = ends
        middle = low + (high - low) / 2
        below = excess(middle) < 0
        return (jnp.where(below, middle, low), jnp.where(below, high, middle)), None

    def narrow(ends: Any, _: None) -> tuple[Any, Array]:
        low, high, at_low, at_high = ends
        rise = at_high - at_low
        part = jnp.where(rise > 0, -at_low / jnp.where(rise > 0, rise, 1), 0.5)
        place = low + jnp.clip(part, 0, 1) * (high - low)
        here = excess(place)
        below = here < 0
        low, at_low = jnp.where(below, place, low), jnp.where(below, here, at_low)
        high, at_high = jnp.where(below, high, place), jnp.where(below, at_high, here)
        return (low, high, at_low, at_high), place

    (low, high), _ = jax.lax.scan(halve, (begin, end), None, length=HALVINGS)
    _, places = jax.lax.scan(narrow, (low, high, excess(low), excess(high)), None, length=SECANTS)
    return places[-1]
