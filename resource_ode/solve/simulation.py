"""The verb `simulate`: convert, check, choose a path, solve in pieces, wrap."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, Literal

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from .. import native
from ..base import pieces
from ..base.modules import with_fields
from ..base.tracing import concrete_number, is_concrete
from ..model.model import ResourceModel, Schedule
from ..results.trajectory import RESULTS, Trajectory, result_names, results_from_codes
from . import ode as training_time
from .cascade import compiled
from .cascade import gpu as gpu_kernel
from .cascade import quadrature as resource_time
from .cascade.batch import (
    COARSE_PANELS,
    PANELS,
    TRACED,
    Clocks,
    Progress,
    coarse_solve,
    each_exponent,
    members_of,
    solve_batch,
    solve_member,
    split_axes,
    take,
    where_it_stands,
)

METHODS = ("auto", "cascade", "ode", "steps")
NOT_FINITE, INACCURATE = result_names().index("not_finite"), result_names().index("inaccurate")


def simulate(
    model: ResourceModel,
    ts: Any,
    *,
    method: str = "auto",
    tolerance: Any = None,
    solver: Any = None,
    controller: Any = None,
    adjoint: Any = None,
    max_steps: int | None = None,
    batch_size: int | None = None,
    reduce: Callable[[Trajectory], Any] | None = None,
    progress: Callable[[int, int], Any] | None = None,
) -> Any:
    r"""Levels over training steps, for one model or a batch.

    **Arguments:**

    - `model`: a [`resource_ode.ResourceModel`][]; its batch axes become those of the result.
    - `ts`: `(time,)`, training steps at which to report, not negative and increasing. Every method starts at `t = 0`,
        whatever `ts[0]`.
    - `method`: `"auto"` takes the fastest that applies; `"cascade"` solves in resource time; `"ode"` integrates in
        training steps with diffrax, and takes every model with $N_0 > 0$; `"steps"` is the discrete recursion $u
        \leftarrow \max(u - \eta r, 0)$ of sign descent, for which `ts` are whole numbers.

    **Other arguments:**

    - `tolerance`: bound of the level error (absolute); default 1e-6 in float64, 2e-4 in float32. Not used by `"steps"`.
    - `solver`, `controller`, `adjoint`, `max_steps`: passed to diffrax by `method="ode"` (defaults `Tsit5`, a
        `PIDController`, and an adjoint that allows both `jvp` and `vjp`).
    - `batch_size`: largest number of members solved at a time, which bounds the memory beyond the result's own. Gate
        exponents that share the cascade of a graph stay together, also where they are more.
    - `reduce`: a function of one member's [`resource_ode.Trajectory`][], evaluated inside the compiled solve in place
        of keeping the trajectory; the result has `(*batch,)` in front of whatever it returns.
    - `progress`: called on the host as `progress(done, members)` after each piece.

    **Returns:** a [`resource_ode.Trajectory`][], or what `reduce` makes of it.

    **Raises:** `ValueError` for wrong input, before anything is solved. A member that fails never raises: it is NaN,
    its `result` says why, and its neighbours are not touched.

    **Example:**

    >>> import resource_ode as ro
    >>> model = ro.ResourceModel(ro.SkillGraph([[]]), [1.0], learning_rate=1e-3, wasted_resource=1e-6)
    >>> run = ro.simulate(model, [0.0, 500.0])
    >>> round(float(run.level[-1, 0]), 3)
    0.5
    """
    model, ts, traced = _checked(model, ts)
    path, why = _choose(model, method, traced, {"solver": solver, "controller": controller, "adjoint": adjoint})
    if path == "steps":
        _check_whole(ts)
    if batch_size is not None and (not isinstance(batch_size, int) or batch_size < 1):
        raise ValueError(f"batch_size: expected a positive integer, got {batch_size!r}")
    tolerance = _tolerance(tolerance, model.dtype)
    if path == "cascade" and traced and not compiled.by_loops(model):
        why += "; by arrays"
    method_line = f"{path} ({why})"
    if path == "cascade":
        options = {"reduce": reduce, "method": method_line}
        result = _solve_cascade(model, ts, tolerance, batch_size, traced, progress, options)
    else:
        if path == "ode":
            if model.frequency_after is not None:
                model = jax.tree.map(
                    lambda x: _without_derivative(x) if jnp.issubdtype(x.dtype, jnp.floating) else x, model
                )
            if adjoint is None:
                # the default adjoint of diffrax has no forward mode: under a transformation take the one that has both
                adjoint = diffrax.DirectAdjoint() if traced else diffrax.RecursiveCheckpointAdjoint()
            max_steps = (4096 if traced else 100_000) if max_steps is None else max_steps
            solve = functools.partial(
                _ode_members, solver=solver, controller=controller, adjoint=adjoint, max_steps=max_steps
            )
        else:
            solve = functools.partial(_steps_members, rows=tuple(int(t) for t in np.asarray(ts)))
        run = functools.partial(solve, reduce=reduce, method=method_line)
        result = _in_pieces(model, ts, run, tolerance, batch_size, traced, progress)
    if reduce is not None:
        return result
    state, clock, spent, codes = result
    return Trajectory(ts, state, clock, spent, codes, model, _kind(model, path), method_line)


# -- convert and check


def _checked(model: ResourceModel, ts: Any) -> tuple[ResourceModel, Array, bool]:
    if not isinstance(model, ResourceModel):
        raise ValueError(f"model: expected a ResourceModel, got {type(model).__name__}")
    ts = checked_times(ts, model.dtype)
    return model, ts, not is_concrete(model, ts)


def checked_times(ts: Any, dtype: Any) -> Array:
    """Times to report at, `(time,)`: numbers, and where they are concrete finite, increasing and not negative."""
    try:
        ts = jnp.asarray(ts, dtype)
    except (TypeError, ValueError):
        raise ValueError(f"ts: expected numbers (training steps), got {ts!r:.80}") from None
    if ts.ndim != 1 or ts.shape[0] == 0:
        raise ValueError(f"ts: expected times of shape (time,), at least one, got shape {ts.shape}")
    if is_concrete(ts):
        times = np.asarray(ts)
        if not np.all(np.isfinite(times)) or times[0] < 0 or np.any(np.diff(times) <= 0):
            raise ValueError(
                f"ts: expected finite, increasing times from 0 on, got {np.array2string(times, threshold=6)}"
            )
    return ts


def _check_whole(ts: Array) -> None:
    if not is_concrete(ts):
        raise ValueError('ts: method="steps" expects concrete times, not traced ones')
    times = np.asarray(ts)
    if np.any(times != np.round(times)):
        bad = times[times != np.round(times)][0]
        raise ValueError(f'ts: method="steps" expects whole training steps, got {bad:g}')


def _tolerance(tolerance: Any, dtype: Any) -> Array | np.ndarray:
    if tolerance is None:
        tolerance = 1e-6 if dtype == jnp.float64 else 2e-4
    number = concrete_number(tolerance)
    if number is not None and not 0 < number < 1:
        raise ValueError(f"tolerance: expected a number between 0 and 1 (an error of the level), got {tolerance!r}")
    return (jnp if number is None else np).asarray(tolerance, dtype)


def _concrete_true(condition: Any) -> bool:
    return is_concrete(condition) and bool(condition)


def cascade_obstacle(model: ResourceModel) -> str | None:
    """Why the cascade cannot serve a model; None if it can."""
    if model.interference is not None:
        return "interference couples the skills"
    for name in ("frequency", "learning_rate", "wasted_resource"):
        if isinstance(getattr(model, name), Schedule):
            return f"{name} follows a schedule"
    if model.pool is not None and model.graph.fan_in:
        graph = model.graph
        if not is_concrete(model.pool, graph):
            return "prerequisites may cross pools (unknown under a trace)"
        pool = np.broadcast_to(model.pool, np.broadcast_shapes(model.pool.shape, graph.present.shape))
        indices = np.broadcast_to(graph.prerequisites, (*pool.shape, graph.fan_in))
        behind = np.take_along_axis(pool, indices.reshape(*pool.shape[:-1], -1), axis=-1).reshape(indices.shape)
        if np.any((behind != pool[..., None]) & np.asarray(graph.required)):
            return "prerequisites cross pools"
    return None


def _choose(model: ResourceModel, method: str, traced: bool, options: dict[str, Any]) -> tuple[str, str]:
    if method not in METHODS:
        raise ValueError(f"method: expected one of {', '.join(METHODS)}, got {method!r}")
    given = [name for name, value in options.items() if value is not None]
    obstacle = cascade_obstacle(model)
    if method == "cascade" and obstacle:
        raise ValueError(f'method: "cascade" cannot solve this model, since {obstacle}; use "ode" or "auto"')
    if given and method in ("cascade", "steps"):
        raise ValueError(f'{given[0]}: only method="ode" takes it, got method={method!r}')
    if method == "auto":
        if obstacle:
            path, why = "ode", obstacle
        elif given:
            path, why = "ode", f"{given[0]} was given"
        else:
            path, why = "cascade", "fastest that applies: no interference, no schedule, no prerequisite across pools"
    else:
        path, why = method, "as asked"
    if path == "ode":
        waste = model.wasted_resource
        if not isinstance(waste, Schedule) and np.size(waste) == 1 and _concrete_true(jnp.all(waste == 0)):
            raise ValueError(
                'wasted_resource: method="ode" expects a positive number, got 0 (the run ends at t = n/eta, where the '
                'clock is infinite); use method="cascade" or "steps"'
            )
    return path, why


@jax.custom_jvp
def _without_derivative(x: Array) -> Array:
    return x


@_without_derivative.defjvp
def _refuse(primals: Any, tangents: Any) -> Any:
    # autodiff through a jump of the rate in training time is silently wrong
    raise ValueError(
        'method: "ode" has no correct gradients for self-paced skills (their frequency jumps in training time); '
        'use "cascade"'
    )


def _kind(model: ResourceModel, path: str) -> Literal["exposure", "direct"]:
    return "direct" if path == "steps" or model.interference is not None else "exposure"


# -- solve members


def _wrap(model: ResourceModel, ts: Array, solved: tuple[Any, ...], reduce: Any, path: str, method: str) -> Any:
    """What is kept of one member: its arrays, or the caller's reduction of them."""
    state, clock, spent, result = solved
    clock = clock[:, 0] if model.pool is None else clock
    spent = spent if spent is None or model.pool is not None else spent[:, 0]
    if reduce is None:
        return state, clock, spent, result
    return reduce(Trajectory(ts, state, clock, spent, result, model, _kind(model, path), method))


@eqx.filter_jit
def _ode_members(
    models: ResourceModel,
    ts: Array,
    tolerance: Array | np.ndarray,
    *,
    solver: Any,
    controller: Any,
    adjoint: Any,
    max_steps: int,
    reduce: Any,
    method: str,
) -> Any:
    def one(model: ResourceModel) -> Any:
        state, *rest = training_time.integrate(model, ts, tolerance, solver, controller, adjoint, max_steps)
        state = jnp.where(model.graph.present[None], state, jnp.nan)
        return _wrap(model, ts, (state, *rest), reduce, "ode", method)

    return jax.vmap(one)(models)


@eqx.filter_jit
def _steps_members(
    models: ResourceModel, ts: Array, tolerance: Array | np.ndarray, *, rows: tuple[int, ...], reduce: Any, method: str
) -> Any:
    def one(model: ResourceModel) -> Any:
        state, *rest = training_time.discrete_steps(model, np.asarray(rows))
        state = jnp.where(model.graph.present[None], state, jnp.nan)
        return _wrap(model, ts, (state, *rest), reduce, "steps", method)

    return jax.vmap(one)(models)


def _range(model: ResourceModel, clocks: Clocks, until: Array, endless: bool) -> Array:
    """A resource time, in that of the graph's own gate exponent, that none of its clocks passes by training step
    `until`.

    The budget law bounds it by $\\eta t/N_0$. Without waste an MSE run ends; cross entropy goes on, and its roots alone
    bound it.
    """
    rate, waste = clocks.rate, clocks.waste
    wasteful, ratio = waste > 0, clocks.exponent / model.gate_exponent
    bound = jnp.where(wasteful, rate * until / jnp.where(wasteful, waste, 1), 0)
    last = jnp.max(ratio * jnp.max(bound.reshape((ratio.shape[0], -1)), axis=1))
    if endless:
        if model.law.has_end:
            goal = jnp.max(ratio) * jnp.asarray(-2 * math.log(jnp.finfo(model.dtype).eps), model.dtype)
        else:
            roots = jnp.sum(model.graph.present & ~jnp.any(model.graph.required, axis=-1)) if model.pool is None else 1
            one, roots = jnp.ones((), model.dtype), jnp.asarray(roots, model.dtype)
            # the slowest root has at most the mean margin, and by Cauchy-Schwarz "l2" learns sqrt(roots) times faster
            margin = jnp.max(rate) * until / model.rule.total(roots * model.rule.part(one), jnp.zeros_like(roots))
            goal = model.law.effort_of_progress(jnp.minimum(margin, 0.8 * math.log(float(jnp.finfo(model.dtype).max))))
        ends = resource_time.reach(model, jnp.full(model.skills, goal, model.dtype))
        if not model.law.has_end:
            ends = jnp.where(jnp.any(model.graph.required, axis=-1), 0, ends)
        end = jnp.max(jnp.where(model.graph.present, ends, 0))
        last = jnp.where(jnp.all(wasteful), last, jnp.maximum(last, end))
    # the margin keeps rounding from ending the range early; a run that shows no time yet still needs a range
    return jax.lax.stop_gradient(jnp.maximum(last * (1 + 1e-5), 1e6 * float(jnp.finfo(model.dtype).tiny)))


def _cascade_members(
    arguments: tuple[ResourceModel, Clocks, Clocks, Progress | None],
    shared: tuple[Array, Array],
    *,
    panels: int | None,
    endless: bool,
    reduce: Any,
    method: str,
) -> tuple[Any, Array, Progress]:
    """Members `(graph, exponent, clock)`: each graph's cascade is solved once and read with each of its clocks.

    The clocks to read come first, then those of the whole batch, which set the range of the panels: so that a piece of
    the clocks gives the very numbers of the whole.
    """
    ts, tolerance = shared

    def graph(model: ResourceModel, clocks: Clocks, everyone: Clocks, before: Progress | None) -> Any:
        several = clocks.exponent.shape[0] > 1

        def first(model: ResourceModel) -> Array:
            last = _range(model, everyone, ts[-1], endless)
            return resource_time.even_edges(model, *coarse_solve(model, last), PANELS, largest=jnp.max(clocks.exponent))

        solved = solve_member(model, before, first, panels, with_demand=not several)

        def at(exponent: Array, rates: Array, wastes: Array) -> Any:
            mine, found = model, solved
            if several:
                mine = with_fields(model, gate_exponent=exponent)
                found = resource_time.at_exponent(mine, solved, model.gate_exponent)

            def clock(rate: Array, waste: Array) -> Any:
                own = with_fields(mine, learning_rate=rate, wasted_resource=waste)
                *read, lost = resource_time.read_clock(own, found, ts)
                result = RESULTS.where(found.error <= tolerance, RESULTS.successful, RESULTS.inaccurate)
                result = RESULTS.where(lost, RESULTS.not_finite, result)
                return _wrap(own, ts, (*read, result), reduce, "cascade", method)

            return jax.vmap(clock)(rates, wastes), found.error, found.panel_error

        result, error, panel_error = each_exponent(at, clocks)
        stand = where_it_stands(model, solved, jnp.max(panel_error, axis=0))
        return result, ~(jnp.max(error) <= tolerance), stand

    return jax.vmap(graph)(*arguments)


def _run_of_one(model: ResourceModel, _: Array, ts: Array) -> tuple[tuple[Array, ...], Array, Array]:
    """A trajectory of one member by arrays, under a trace, with as many panels as ever."""
    clock: Any = (model.learning_rate, model.wasted_resource)
    rate, waste = (jnp.reshape(x, (1, 1)) for x in clock)
    clocks = Clocks(jnp.reshape(model.gate_exponent, (1,)), rate, waste)

    def first(model: ResourceModel) -> Array:
        last = _range(model, clocks, ts[-1], True)
        return resource_time.even_edges(model, *coarse_solve(model, last), PANELS)

    solved = solve_member(model, None, first, TRACED, with_demand=True)
    state, clock, spent, lost = resource_time.read_clock(model, solved, ts)
    values = (state, clock[:, 0]) if spent is None else (state, clock[:, 0], spent[:, 0])
    return values, lost, solved.error


def _under_trace(model: ResourceModel, ts: Array, tolerance: Any, *, reduce: Any, method: str) -> Any:
    """All members by the compiled loops, or by arrays where these are not; and whether all were solved."""
    state, clock, spent, codes = compiled.trajectories(model, ts, tolerance, PANELS, COARSE_PANELS, _run_of_one)
    # their numbers are 0, 1 and 2
    found = jnp.all(codes == 0)
    codes = jnp.asarray([0, INACCURATE, NOT_FINITE], jnp.int32)[codes]
    if reduce is None:
        return (state, clock, spent, results_from_codes(codes)), found
    shape = model.batch_shape
    solved = jax.tree.map(lambda x: x.reshape((-1, *x.shape[len(shape) :])), (state, clock, spent, codes))

    def one(model: ResourceModel, state: Array, clock: Array, spent: Array | None, code: Array) -> Any:
        return reduce(Trajectory(ts, state, clock, spent, results_from_codes(code), model, "exposure", method))

    values = jax.vmap(one)(model.flat(), *solved)
    return jax.tree.map(lambda x: x.reshape((*shape, *x.shape[1:])), values), found


def _reduce_members(
    arguments: tuple[Any, ...], ts: Array, *, axes: tuple[int, int], reduce: Any, method: str
) -> tuple[Any, Array]:
    """The caller's reduction `(row, *axes, ...)` of members that the compiled loops have solved, and unsure rows."""
    *members, unsure = arguments

    def one(model: ResourceModel, state: Array, clock: Array, spent: Array | None, code: Array) -> Any:
        return reduce(Trajectory(ts, state, clock, spent, results_from_codes(code), model, "exposure", method))

    values = jax.vmap(one)(*members)
    return jax.tree.map(lambda x: x.reshape((len(unsure), *axes, *x.shape[1:])), values), unsure


def _kernel_members(arguments: Any, shared: tuple[Array, Array], **options: Any) -> tuple[Any, Array, Progress]:
    """`_cascade_members` with the first solve by `gpu_kernel`, where each graph has one gate exponent."""
    models, clocks, everyone, _ = arguments
    if options["panels"] is not None or clocks.exponent.shape[1] > 1:
        return _cascade_members(arguments, shared, **options)
    ts, tolerance = shared
    last = jax.vmap(lambda model, clocks: _range(model, clocks, ts[-1], options["endless"]))(models, everyone)
    read = (clocks.rate[:, 0], clocks.waste[:, 0])
    numbers = {"panels": PANELS, "coarse": COARSE_PANELS}
    state, clock, lost, stand = gpu_kernel.trajectories(models, *read, last, ts, **numbers)
    unsure = ~(stand.error <= tolerance)
    codes = jnp.where(lost, NOT_FINITE, jnp.where(unsure[:, None], INACCURATE, 0)).astype(jnp.int32)

    def member(model: ResourceModel, rate: Array, waste: Array, state: Array, clock: Array, code: Array) -> Any:
        own = with_fields(model, learning_rate=rate, wasted_resource=waste)
        solved = (state, clock[:, None], None, results_from_codes(code))
        return _wrap(own, ts, solved, options["reduce"], "cascade", options["method"])

    result = jax.vmap(jax.vmap(member, in_axes=(None, 0, 0, 0, 0, 0)))(models, *read, state, clock, codes)
    return jax.tree.map(lambda x: x[:, None], result), unsure, Progress(stand.edges, stand.panel_error, None)


# -- solve in pieces


def _in_pieces(
    model: ResourceModel,
    ts: Array,
    run: Callable[..., Any],
    tolerance: Array | np.ndarray,
    batch_size: int | None,
    traced: bool,
    progress: Any,
) -> Any:
    """Members in pieces of one padded shape, each a call of the compiled `run`."""
    shape = model.batch_shape
    members = math.prod(shape)
    flat = model.flat()
    if traced or batch_size is None or members <= batch_size:
        result = run(flat, ts, tolerance)
    else:
        rows = []
        for begin in range(0, members, batch_size):
            index = np.minimum(np.arange(begin, begin + batch_size), members - 1)
            rows.append(take(run(take(flat, index), ts, tolerance), slice(members - begin)))
            if progress is not None:
                progress(min(begin + batch_size, members), members)
        result = jax.tree.map(lambda *x: jnp.concatenate(x), *rows)
    return jax.tree.map(lambda x: x.reshape(shape + x.shape[1:]), result)


def _solve_cascade(
    model: ResourceModel,
    ts: Array,
    tolerance: Array | np.ndarray,
    batch_size: int | None,
    traced: bool,
    progress: Any,
    options: dict[str, Any],
) -> Any:
    shared = (ts, tolerance)
    if traced and compiled.serves(model):
        return _under_trace(model, ts, tolerance, **options)[0]
    if traced:
        graphs, clocks, back = split_axes(model, share_exponents=False)
        solve = pieces.program(_cascade_members, panels=TRACED, endless=True, **options)
        return back(solve((graphs, clocks, clocks, None), shared)[0])
    if batch_size is None and compiled.serves_pools(model, ts.shape[0] * model.skills):
        result, found = eqx.filter_jit(_under_trace)(model, ts, tolerance, **options)
        if bool(found):
            return result

    def by_ode(chosen: ResourceModel) -> Any:
        adjoint = diffrax.RecursiveCheckpointAdjoint()
        chosen = jax.tree.map(jnp.asarray, chosen)
        return _ode_members(
            chosen, ts, tolerance, solver=None, controller=None, adjoint=adjoint, max_steps=100_000, **options
        )

    numbers = ts.shape[0] * model.skills

    def by_loops(rows: Any, share: int | None, done: Any, threads: int | None = None) -> tuple[Any, ...]:
        state, clock, spent, codes, errors = native.trajectories(
            rows, ts, tolerance, PANELS, COARSE_PANELS, share, done, threads
        )
        # their numbers are 0, 1 and 2
        codes = np.array([0, INACCURATE, NOT_FINITE], np.int32)[codes]
        return state, clock, spent, codes, ~(errors <= tolerance)

    def whole(rows: Any, _: int, share: int | None, done: Any) -> tuple[Any, np.ndarray]:
        state, clock, spent, codes, unsure = by_loops(rows, share, done)
        return (state, clock, spent, results_from_codes(codes)), unsure

    def reduced(rows: Any, size: int, share: int | None, done: Any) -> tuple[Any, np.ndarray]:
        def solved(part: Any) -> tuple[Any, ...]:
            *run, unsure = by_loops(part, None, lambda finished: None, threads=1)
            run = (None if x is None else x.reshape((-1, *x.shape[3:])) for x in run)
            return (members_of(part), *run, unsure)

        axes = rows[1].rate.shape[1:]
        return pieces.run(
            _reduce_members, rows, ts, size, at_a_time=share, before=solved, done=done, axes=axes, **options
        )

    wasteful = bool(np.all(np.asarray(model.wasted_resource) > 0))
    return solve_batch(
        model,
        _kernel_members if gpu_kernel.applies(model) else _cascade_members,
        shared,
        by_ode,
        fused=(whole if options["reduce"] is None else reduced) if native.applies(model) else None,
        numbers=numbers,
        batch_size=batch_size,
        progress=progress,
        endless=not wasteful,
        **options,
    )
