"""Batches under a trace, by the compiled loops as primitives (`native.calls`): from a model to their arrays and back.

Batch axes stay as they are, each of length 1 where a parameter does not vary, so that members that differ only in
learning rate and wasted resource share a cascade. Pools that no prerequisite crosses are members of their own, each
with its own skills.

What JAX does outside a program is a small one for each operation and each shape, which it keeps for ever: under `grad`
and `vmap` alone those would be dozens. So a solve is one program (`base.programs`), also where nobody compiles it; with
it go those of its derivatives.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ...base import programs
from ...base.lost import nan_unless
from ...base.modules import with_fields
from ...base.tracing import is_concrete
from ...graphs.graph import SkillGraph
from ...model.extension import effective_rates
from ...model.model import ResourceModel
from ...model.schedule import Schedule
from ...native import calls, kind_of
from ...native.handlers import handlers
from ...native.integrals import Spent, spent
from ...native.loads import Loads, loads
from ...results.outcome import result_names, results_from_codes
from ...results.trajectory import Trajectory
from .begun import BegunModel, PausedModel, begun
from .between import squared_parts
from .compiled import first_panels
from .panels import even_edges
from .pools import Places, places_of, prerequisites_of, present_in, rows_of, side_by_side, times_of
from .reading import read_clock
from .refine import COARSE_PANELS, PANELS, coarse_solve, solve_member
from .sharing import Clocks
from .times import TIMES_PANELS, times_of_graph
from .trajectories import resource_range

NOT_FINITE, INACCURATE = result_names().index("not_finite"), result_names().index("inaccurate")
# panels of the arrays where nobody can look at their error
TRACED = 48

# members that the arrays solve side by side where the loops cannot: their numbers are to stay in the cache
TOGETHER = 32
# of a result with a place for each pool
MOST_NUMBERS = 2**26

# what the arrays find for one member: `(model, goal, steps)` -> values, whether they are lost, the estimated error
OneMember = Callable[[ResourceModel, Array, Array], tuple[tuple[Array, ...], Array, Array]]
# and on its run: `(model, exposures)`
OfRun = Callable[[ResourceModel, Array], Loads]


def batch_trajectories(
    model: ResourceModel, ts: Array, tolerance: Any, reduce: Any, method: str, places: Places | None = None
) -> tuple[Any, Array]:
    """Exposure, clock, spent resource and result code of every member, or the caller's reductions of them; and which
    were solved, `(*batch,)`. `places` are those of pools that were known before the call was compiled.
    """
    places = places_of(model) if places is None else places
    program = programs.compiled(solved_rows)
    solved = program(model, ts, _as_array(tolerance), has_any_gates(model), places)
    return known_rows(model, ts, solved, reduce, method)


def known_rows(model: ResourceModel, ts: Array, solved: Any, reduce: Any, method: str) -> tuple[Any, Array]:
    """What `batch_trajectories` returns, from what `solved_rows` does."""
    state, clock, spent, codes = solved
    found = codes == calls.SUCCESSFUL
    # their numbers are 0, 1 and 2
    codes = jnp.asarray([0, INACCURATE, NOT_FINITE], jnp.int32)[codes]
    if reduce is None:
        return (state, clock, spent, results_from_codes(codes)), found
    shape = model.batch_shape
    solved = jax.tree.map(lambda x: x.reshape((-1, *x.shape[len(shape) :])), (state, clock, spent, codes))

    def one(model: ResourceModel, state: Array, clock: Array, spent: Array | None, code: Array) -> Any:
        return reduce(Trajectory(ts, state, clock, spent, results_from_codes(code), model, "exposure", method))

    values = jax.vmap(one)(model.flat(), *solved)
    return jax.tree.map(lambda x: x.reshape((*shape, *x.shape[1:])), values), found


def batch_times(model: ResourceModel, level: Any, tolerance: Any, places: Places | None = None) -> tuple[Array, Array]:
    """Learning times `(*batch, skill)`, NaN for members that are unsure, and which are not, `(*batch,)`."""
    places = places_of(model) if places is None else places
    program = programs.compiled(_known_times)
    return program(model, _as_array(level), _as_array(tolerance), has_any_gates(model), places)


def _known_times(
    model: ResourceModel, level: Array, tolerance: Array, either: bool, places: Places | None
) -> tuple[Array, Array]:
    times, code = solved_times(model, level, tolerance, either, places)
    found = code == calls.SUCCESSFUL
    return nan_unless(found[..., None], times), found


def _as_array(number: Any) -> Any:
    """A number that varies from call to call of one program."""
    return np.asarray(number) if is_concrete(number) else number


def _run_of_one(model: ResourceModel, _: Array, ts: Array) -> tuple[tuple[Array, ...], Array, Array]:
    """A trajectory of one member by arrays, with as many panels as ever."""
    clock: Any = (model.learning_rate, model.wasted_resource)
    rate, waste = (jnp.reshape(x, (1, 1)) for x in clock)
    clocks = Clocks(jnp.reshape(model.gate_exponent, (1,)), rate, waste)

    def first(model: ResourceModel) -> Array:
        return even_edges(model, *coarse_solve(model, resource_range(model, clocks, ts[-1], True)), PANELS)

    solved = solve_member(model, None, first, TRACED, with_demand=True)
    state, clock, spent, lost = read_clock(model, solved, ts)
    values = (state, clock[:, 0]) if spent is None else (state, clock[:, 0], spent[:, 0])
    return values, lost, solved.error


def _times_of_one(model: ResourceModel, level: Array, _: Array) -> tuple[tuple[Array, ...], Array, Array]:
    """Learning times of one member by arrays, with as many panels as ever."""
    clock: Any = (model.learning_rate, model.wasted_resource)
    rate, waste = (jnp.reshape(x, (1,)) for x in clock)
    times, error = times_of_graph(model, level, rate, waste, TRACED)
    return (times[0],), jnp.zeros((), bool), error


def solved_rows(
    model: ResourceModel, ts: Array, tolerance: Any, either: bool, places: Places | None = None
) -> tuple[Array, Array, Array | None, Array]:
    """Exposures `(*batch, time, skill)`, resource time `(*batch, time)`, for "l2" spent resource, and codes (those of
    `calls`); with pools, a last axis of them on resource time and spent resource.
    """
    call = call_of_rows(model, either)
    places = places_of(model) if places is None else places
    operands = operands_of(model, tolerance, jnp.zeros((), model.dtype), ts, places)
    state, clock, spent, code, _ = calls.trajectories(call, operands)
    code = unless_refused(code, tolerance)
    if places is None:
        return state, clock, spent, code
    return rows_of(model, places, ts, (state, clock, spent, code))


def solved_times(
    model: ResourceModel, level: Any, tolerance: Any, either: bool, places: Places | None = None
) -> tuple[Array, Array]:
    """Training steps `(*batch, skill)` at which a level is reached, and codes `(*batch,)` (those of `calls`)."""
    call = call_of_times(model, either)
    places = places_of(model) if places is None else places
    operands = operands_of(model, tolerance, jnp.asarray(level, model.dtype), jnp.zeros(1, model.dtype), places)
    found, code, _ = calls.learning_times(call, operands)
    code = unless_refused(code, tolerance)
    return (found, code) if places is None else times_of(model, places, found, code)


def unless_refused(code: Array, tolerance: Any) -> Array:
    """No success for a tolerance that would have been refused, had it been concrete (`solve.tolerance`)."""
    return jnp.where((code == calls.SUCCESSFUL) & ~(tolerance > 0), calls.INACCURATE, code)


def spent_until(model: ResourceModel, level: Any, tolerance: Any, arrays: OneMember) -> tuple[Spent, Array]:
    """Integrals over resource time `(*batch,)` until the last skill reaches a level, 1 being the whole learning; and
    whether they are found within a tolerance. `arrays` finds them for one member, and their derivatives.
    """
    return programs.compiled(_spent_until)(model, _as_array(level), _as_array(tolerance), arrays, has_any_gates(model))


def _spent_until(
    model: ResourceModel, level: Any, tolerance: Any, arrays: OneMember, either: bool
) -> tuple[Spent, Array]:
    call = _call("spent", model, either, PANELS, 1e-5, arrays)
    operands = operands_of(model, tolerance, jnp.asarray(level, model.dtype), jnp.zeros(1, model.dtype))
    found, error = spent(call, operands)
    within = (error <= tolerance) & (jnp.asarray(tolerance) > 0)
    shape = model.batch_shape
    return Spent(*(jnp.broadcast_to(x, shape) for x in found)), jnp.broadcast_to(within, shape)


def loads_of_run(model: ResourceModel, state: Array) -> Loads | None:
    """What the skills of one member ask for at the rows of its run, from their exposures `(time, skill)`; None where
    the loops do not know its laws.
    """
    numbers = (model.frequency, model.learning_rate, model.wasted_resource)
    if kind_of(model) is None or model.pool is not None or any(isinstance(x, Schedule) for x in numbers):
        return None
    call = _call("loads", model, has_any_gates(model), PANELS, 1e-5, _loads_of_one)
    # nothing is solved, so that no tolerance, level or time counts
    nothing = jnp.zeros(1, model.dtype)
    return loads(call, operands_of(model, jnp.ones((), model.dtype), nothing[0], nothing), state)


def _loads_of_one(model: ResourceModel, state: Array) -> Loads:
    # no infinite ones and no NaN, so that none enters a derivative
    state = jnp.where(model.graph.present, state, 0)
    state = jnp.where(jnp.isinf(state), float(jnp.finfo(state.dtype).max) ** 0.5, state)
    found = jax.vmap(model.competitiveness)(state)
    largest = jax.lax.stop_gradient(jnp.max(found, axis=-1))
    parts = found / jnp.where(largest > 0, largest, 1)[:, None]
    learned = jnp.where(model.graph.present, jax.vmap(model.gained)(state), 0)
    sums = jnp.sum(parts, axis=-1), jnp.sum(parts**2, axis=-1), jnp.sum(learned, axis=-1)
    # after the last row there is no interval; they are bounds, of which no derivative is taken
    between = (jnp.append(x, jnp.zeros(1, x.dtype)) for x in squared_parts(model, state))
    return Loads(largest, *sums, *jax.lax.stop_gradient(tuple(between)))


def serves(model: ResourceModel) -> bool:
    """Whether the model's laws are ones that the loops know."""
    return kind_of(model) is not None


def by_loops(model: ResourceModel) -> bool:
    """Whether it is the loops that serve it, here; otherwise arrays do."""
    return serves(model) and jax.default_backend() == "cpu" and handlers() is not None


def checks_graphs(model: ResourceModel) -> bool:
    """Whether the loops serve it here, and so lose what is no graph; with pools they look at one pool at a time."""
    return by_loops(model) and model.pool is None


def serves_pools(model: ResourceModel, numbers: int = 1) -> bool:
    """Whether a concrete model has pools that fit in memory side by side, with so many `numbers` a member."""
    return model.pool is not None and by_loops(model) and numbers * model.pools <= MOST_NUMBERS


def pools_at_a_time(model: ResourceModel, numbers: int) -> int:
    """How many members with pools fit in memory side by side."""
    return max(1, MOST_NUMBERS // max(1, numbers * model.pools))


def has_any_gates(model: ResourceModel) -> bool:
    """Whether one open gate may be enough for some skill; asked where the graph may still be concrete."""
    gates = model.graph.any_gate
    return gates is not None and (not is_concrete(gates) or bool(np.any(np.asarray(gates))))


def call_of_rows(model: ResourceModel, either: bool) -> calls.Call:
    """The call of a trajectory."""
    return _call("trajectories", model, either, first_panels(model), 1e-5, _run_of_one)


def call_of_times(model: ResourceModel, either: bool) -> calls.Call:
    """The call of learning times."""
    return _call("times", model, either, TIMES_PANELS, 1e-7, _times_of_one)


def _call(
    name: str, model: ResourceModel, either: bool, panels: int, made_for: float, arrays: OneMember | OfRun
) -> calls.Call:
    kind = kind_of(model)
    assert kind is not None
    begins = isinstance(model, BegunModel), isinstance(model, PausedModel)
    return calls.Call(name, *kind, *begins, either, panels, COARSE_PANELS, made_for, _members(arrays))


def operands_of(
    model: ResourceModel, tolerance: Any, goal: Array, ts: Array, places: Places | None = None
) -> calls.Operands:
    """A model's arrays, as the calls take them."""
    graph, nothing = model.graph, jnp.zeros(model.skills, model.dtype)
    rate, after = effective_rates(model)
    level, after = (nothing if x is None else x for x in (model.initial_level, after))
    of_graph = [
        jnp.asarray(graph.prerequisites, jnp.int32),
        jnp.asarray(graph.depth, jnp.int32),
        jnp.asarray(graph.required),
        jnp.zeros(model.skills, bool) if graph.any_gate is None else jnp.asarray(graph.any_gate),
        jnp.asarray(graph.present),
        *(jnp.asarray(x, model.dtype) for x in (rate, level, after)),
    ]
    # what is not there is not looked at
    plateau, strength = model.plateau, model.prerequisite_strength
    plateau = jnp.ones((), model.dtype) if plateau is None else plateau
    strength = jnp.ones((1, 1), model.dtype) if strength is None else strength
    # no member is solved for a tolerance that is refused; the loops want a positive number
    tolerance = jnp.where(tolerance > 0, tolerance, 1)
    of_member = (model.gate_exponent, tolerance, plateau, strength, goal)
    of_member = [jnp.asarray(x, model.dtype) for x in of_member]
    clocks = [jnp.asarray(x, model.dtype) for x in (model.learning_rate, model.wasted_resource)]
    if places is not None:
        first, *rest = of_graph
        rest = [side_by_side(places, x, own) for x, own in zip(rest, calls.AXES[1:], strict=False)]
        of_graph = [prerequisites_of(places, first), *rest]
        of_graph[4] = present_in(model, places)
        gate, tolerance, plateau, strength, goal = of_member
        behind = model.prerequisite_strength is not None
        strength = side_by_side(places, strength, 2) if behind else strength[..., None, :, :]
        alike = [x[..., None] for x in (gate, tolerance, plateau)]
        return calls.Operands._make([*of_graph, *alike, strength, goal[..., None], *clocks, jnp.expand_dims(ts, -2)])
    return calls.Operands._make([*of_graph, *of_member, *clocks, ts])


@functools.cache
def _members(arrays: Callable[..., Any]) -> Callable[[calls.Call, calls.Operands], tuple[Any, ...]]:
    """`arrays` for flat operands, as `calls` wants it."""

    def members(
        call: calls.Call, operands: calls.Operands, state: Any = None, *, together: int = TOGETHER
    ) -> tuple[Any, ...]:
        if state is not None:
            each = lambda x: arrays(_model(call, x[0]), x[1])  # noqa: E731
            return jax.lax.map(each, (operands, state), batch_size=together)

        def one(own: calls.Operands) -> Any:
            values, lost, error = arrays(_model(call, own), own.goal, own.steps)
            code = jnp.where(error <= own.tolerance, calls.SUCCESSFUL, calls.INACCURATE)
            return (*values, jnp.where(lost, calls.NOT_FINITE, code).astype(jnp.int32), error)

        return jax.lax.map(one, operands, batch_size=together)

    return members


def _model(call: calls.Call, own: calls.Operands) -> ResourceModel:
    """One member; what the loops take as zeros because it is not there is not there again."""
    bare = _bare(call.cross_entropy, call.squared, np.dtype(own.frequency.dtype))
    graph = with_fields(
        bare.graph,
        prerequisites=own.prerequisites,
        required=own.required,
        any_gate=own.either,
        present=own.present,
        depth=own.depth,
    )
    model = with_fields(
        bare,
        graph=graph,
        frequency=own.frequency,
        learning_rate=own.rate,
        wasted_resource=own.waste,
        gate_exponent=own.exponent,
        initial_level=own.level,
        frequency_after=own.after if call.paced else None,
        plateau=own.plateau if call.slow else None,
        prerequisite_strength=own.strength if call.soft else None,
    )
    return begun(model, own.level) if call.begun else model


@functools.cache
def _bare(cross_entropy: bool, squared: bool, dtype: Any) -> ResourceModel:
    with jax.ensure_compile_time_eval():
        loss, competition = "cross_entropy" if cross_entropy else "mse", "l2" if squared else "l1"
        return ResourceModel(SkillGraph([[]]), np.ones(1, dtype), 1.0, 1.0, 1.0, loss=loss, competition=competition)
