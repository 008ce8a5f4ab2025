"""The pieces of schedules: what holds in each, and how members go through one."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ...base.modules import with_fields
from ...base.tracing import is_concrete
from ...model.extension import effective
from ...model.model import ResourceModel
from ...model.schedule import Schedule
from ...native.calls import INACCURATE, NOT_FINITE, STANDING, SUCCESSFUL
from . import traced
from .begun import begun

# effort that a skill whose frequency is 0 gains in a piece, in place of none: no cascade has a skill without frequency
NOTHING = 1e-60


class Plan(NamedTuple):
    """What is known of a call when it is compiled: whether one open gate may be enough for some skill, whether some
    frequency may be 0, and how many rows a piece has at most.
    """

    either: bool
    pauses: bool
    rows: int


class Pieces(NamedTuple):
    """From `start[k]` to `end[k]`, training steps, all is constant; the last piece has no end. What follows no schedule
    is None.
    """

    start: Array
    end: Array
    rate: Array | None
    waste: Array | None
    frequency: Array | None


def starts_of(model: ResourceModel) -> Any:
    """Where pieces start: those of all schedules; some may be empty."""
    times = _times_of(model)
    numpy: Any = np if is_concrete(times) else jnp
    return numpy.sort(numpy.concatenate(times))


def _scheduled(model: ResourceModel) -> dict[str, Schedule]:
    """The schedules of flat members, which all have the same, without their axis."""
    given: dict[str, Any] = {name: getattr(model, name) for name in ("learning_rate", "wasted_resource", "frequency")}
    found = {}
    for name, value in given.items():
        if isinstance(value, Schedule):
            first = (0,) * (value.times.ndim - 1)
            found[name] = with_fields(value, times=value.times[first], values=value.values[first])
    return found


def _times_of(model: ResourceModel) -> list[Any]:
    """When each schedule changes; only the first has the start as well."""
    first, *others = (schedule.times for schedule in _scheduled(model).values())
    return [first, *(times[1:] for times in others)]


def pieces_of(model: ResourceModel) -> Pieces:
    """Those of all schedules of a model.

    Where several change at once they do so one after the other, in pieces without length, so that there is a derivative
    by each time, on one side.
    """
    times = _times_of(model)
    owner = np.concatenate([np.full(x.shape[0], k) for k, x in enumerate(times)])
    start = jnp.concatenate(times).astype(model.dtype)
    order = jnp.argsort(start, stable=True)
    values: dict[str, Array] = {}
    for number, (name, schedule) in enumerate(_scheduled(model).items()):
        changes = jnp.cumsum(jnp.asarray(owner == number, jnp.int32)[order])
        values[name] = schedule.values[changes - 1 if number == 0 else changes]
    start = start[order]
    end = jnp.append(start[1:], jnp.inf)
    return Pieces(start, end, *(values.get(name) for name in ("learning_rate", "wasted_resource", "frequency")))


class Stand(NamedTuple):
    """Where all members are at the beginning of a piece: exposures `(member, skill)`; resource time and what has been
    paid, `(member,)` or `(member, pool)`: the resource that was wasted, or, where no budget law tells the rest, all of
    it; the worst code, and the most that a piece reads up to, `(member,)`.
    """

    exposure: Array
    clock: Array
    paid: Array
    code: Array
    most: Array


class Piece(NamedTuple):
    """Flat members as they are in one piece, starting at the efforts they have by then; these, what a unit of their
    exposure is in units of the model's, which skills do not move in it, and which of them are where no skill has ever
    moved. `creep`: what stands in place of a frequency of 0, and 0 elsewhere; `slow`: which skills have a frequency
    that is so small that they are taken to stand still.
    """

    members: ResourceModel
    effort: Array
    scale: Array | None
    stands: Array
    at_zero: Array
    creep: Array | None
    slow: Array | None


class Members:
    """The members of a batch, and what of them changes from piece to piece.

    **Arguments:** `carried`: what exposures are multiplied by between pieces: 1, or a little more, to see what the
    rounding of so many may do.
    """

    def __init__(self, model: ResourceModel, plan: Plan, carried: float = 1.0):
        self.carried: float = carried
        one = jnp.ones((), model.dtype)
        steady = {name: one for name in ("learning_rate", "wasted_resource") if _follows(model, name)}
        if _follows(model, "frequency"):
            steady["frequency"] = jnp.ones(model.skills, model.dtype)
        self.given: ResourceModel = model.flat()
        self.plan: Plan = plan
        self.flat: ResourceModel = with_fields(model, **steady).flat()
        self.count: int = self.flat.graph.present.shape[0]
        self.dtype: jnp.dtype = model.dtype
        self.largest: Array | None = None
        if isinstance(model.frequency, Schedule):
            # the model's own, so that derivatives agree where several frequencies are the largest
            self.largest = jax.vmap(lambda one: one.rate())(self.given)

    def _effective(self, frequency: Any) -> Array:
        found = effective(frequency, self.flat.frequency_power, self.flat.learnability)
        return jnp.broadcast_to(found, (self.count, self.flat.skills))

    def begin(self) -> Stand:
        """All members at step 0."""
        skills = (self.count, self.flat.skills)
        nothing = jnp.zeros((self.count,) if self.flat.pool is None else (self.count, self.flat.pools), self.dtype)
        return Stand(
            jnp.zeros(skills, self.dtype),
            nothing,
            nothing,
            self._never_met(),
            jnp.zeros(self.count, self.dtype),
        )

    def _never_met(self) -> Array:
        """Codes of members `(member,)`: some skill may have no frequency at any time where nobody could refuse that."""
        codes = jnp.zeros(self.count, jnp.int32)
        if self.largest is None:
            return codes
        bad = self.flat.graph.present & ~(jax.lax.stop_gradient(self.largest) > 0)
        return jnp.where(jnp.any(bad, axis=-1), NOT_FINITE, codes)

    def during(self, piece: Pieces, stand: Stand, until: Array) -> Piece:
        """The members in a piece that is looked at until a step."""
        # in which no number follows a schedule
        flat: Any = self.flat
        graph = flat.graph
        exposure = jnp.where(graph.present, stand.exposure, 0)
        effort = jax.vmap(effort_of)(self.given, exposure)
        changes: dict[str, Any] = {}
        ones = jnp.ones(self.count, self.dtype)
        if piece.rate is not None:
            changes["learning_rate"] = jnp.where(piece.rate > 0, piece.rate, 1) * ones
        if piece.waste is not None:
            changes["wasted_resource"] = piece.waste * ones
        scale, creep, slow, stands = None, None, None, jnp.zeros(exposure.shape, bool)
        at_zero = stands
        if piece.frequency is not None:
            assert self.largest is not None
            rate = self._effective(piece.frequency)
            if self.plan.pauses:
                begun_here = jax.lax.stop_gradient(effort) > 0
                stands = ~self._moving(rate, begun_here)
                at_zero = stands & ~begun_here
                steps = until - piece.start
                steps = steps if piece.rate is None else jnp.where(piece.rate > 0, steps, 0)
                far = jax.lax.stop_gradient(self.reach(with_fields(flat, **changes), steps))
                least = 1e4 * float(jnp.finfo(self.dtype).tiny)
                nothing = max(NOTHING, least)
                # in the last piece of all, for ever
                far = jnp.where(jnp.isfinite(until), jnp.maximum(far, nothing), 1)
                fastest = jax.lax.stop_gradient(jnp.max(rate, axis=-1))
                slow = graph.present & (rate > 0) & (rate < STANDING * fastest[:, None])
                little = jnp.minimum(nothing / far, jnp.where(fastest > 0, STANDING / 100 * fastest, 1))
                creep = jnp.where(rate > 0, 0, jnp.maximum(little, least)[:, None])
                rate = rate + creep
            scale = rate / self.largest
            changes |= {"frequency": rate, "frequency_power": None, "learnability": None}
        members = begun(with_fields(flat, **changes), effort, pauses=creep is not None)
        return Piece(members, effort, scale, stands, at_zero, creep, slow)

    def reach(self, members: ResourceModel, steps: Array) -> Array:
        """Resource time is at most this after so many steps with constant parameters, `(member,)`."""
        rate: Any = members.learning_rate
        return jnp.max(jnp.reshape(rate / members.wasted_resource, (self.count, -1)), axis=1) * steps

    def _moving(self, rate: Array, begun_here: Array) -> Array:
        """Which skills move in a piece, however little, if so many have some effort when it begins."""
        graph = self.flat.graph
        present = graph.present & (rate > 0)
        strength = self.flat.prerequisite_strength

        def ahead(moving: Array) -> Array:
            behind = jax.vmap(lambda own, at: own[at])(moving | begun_here, graph.prerequisites)
            behind = behind if strength is None else behind | (strength < 1)
            open_ways = jnp.all(behind | ~graph.required, axis=-1)
            if graph.any_gate is not None:
                some = jnp.any(behind & graph.required, axis=-1) | ~jnp.any(graph.required, axis=-1)
                open_ways = jnp.where(graph.any_gate, some, open_ways)
            return present & open_ways

        none = jnp.zeros_like(begun_here)
        moving, _ = jax.lax.while_loop(
            lambda both: jnp.any(both[0] != both[1]), lambda both: (ahead(both[0]), both[0]), (ahead(none), none)
        )
        return moving

    def go(self, piece: Pieces, stand: Stand, during: Piece, ts: Array, end: Array, tolerance: Array) -> Any:
        """From the beginning of a piece to a step in it: where members are then; and exposures, resource time and what
        has been paid at steps `ts` of it.
        """
        times = jnp.append(jnp.clip(ts, piece.start, end), end) - piece.start
        if piece.rate is not None:
            times = jnp.where(piece.rate > 0, times, 0)
        members: Any = during.members
        state, clock, spent, code = traced.solved_rows(members, times, tolerance, self.plan.either)
        gained = jnp.where(members.graph.present[:, None], state, 0)
        gained = gained if during.scale is None else gained * during.scale[:, None]
        if self.plan.pauses:
            # what stood still has moved by nothing; only a derivative by its frequency tells more
            gained = gained - jnp.where(during.at_zero[:, None], jax.lax.stop_gradient(gained), 0)
        waste: Any = members.wasted_resource
        paid = jnp.expand_dims(waste, 1) * clock if spent is None else spent
        code = jnp.maximum(code, self._of_slow(during, times[-1], tolerance))
        states = stand.exposure[:, None] + gained
        clocks, paids = (jnp.expand_dims(x, 1) + more for x, more in ((stand.clock, clock), (stand.paid, paid)))
        rate: Any = members.learning_rate
        read = jnp.max(jnp.reshape(rate, (self.count, -1)), axis=1) * times[-1]
        new = Stand(
            states[:, -1] * self.carried,
            clocks[:, -1],
            paids[:, -1],
            jnp.maximum(stand.code, code),
            jnp.maximum(stand.most, read),
        )
        return new, (states[:, :-1], clocks[:, :-1], paids[:, :-1])

    def _of_slow(self, during: Piece, steps: Array, tolerance: Array) -> Array:
        """Codes `(member,)`: a skill that was taken to stand still may have moved in so many steps."""
        if during.slow is None:
            return jnp.zeros(self.count, jnp.int32)
        frequency: Any = during.members.frequency
        moved = frequency * self.reach(during.members, steps)[:, None]
        moving = during.slow & ~(moved <= tolerance * during.effort)
        return jnp.where(jnp.any(moving, axis=-1), INACCURATE, SUCCESSFUL)


def _follows(model: ResourceModel, name: str) -> bool:
    return isinstance(getattr(model, name), Schedule)


def effort_of(model: ResourceModel, exposure: Array) -> Array:
    """Of one member, to map over several."""
    return model.effort(exposure)
