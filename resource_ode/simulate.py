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

from . import cascade as resource_time
from . import fused, pieces
from . import integrate as training_time
from .model import ResourceModel, Schedule
from .tracing import is_concrete
from .trajectory import RESULTS, Trajectory, result_names, results_from_codes

METHODS = ("auto", "cascade", "ode", "steps")
# panels of the coarse solve that places those of the first, and of the solves that follow while the error is too large
COARSE_PANELS = 24
PANELS = 24
MORE_PANELS = (64, 192)
# a traced call cannot look at its error: it always goes this far
TRACED = 48
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
    - `batch_size`: largest number of members solved at a time, which bounds the memory beyond the result's own.
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


def _tolerance(tolerance: Any, dtype: Any) -> Array:
    if tolerance is None:
        tolerance = 1e-6 if dtype == jnp.float64 else 2e-4
    if is_concrete(tolerance) and not (np.ndim(tolerance) == 0 and 0 < float(tolerance) < 1):
        raise ValueError(f"tolerance: expected a number between 0 and 1 (an error of the level), got {tolerance!r}")
    return jnp.asarray(tolerance, dtype)


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
        pool = jnp.broadcast_to(model.pool, np.broadcast_shapes(model.pool.shape, graph.present.shape))
        indices = jnp.broadcast_to(graph.prerequisites, (*pool.shape, graph.fan_in))
        behind = jnp.take_along_axis(pool, indices.reshape(*pool.shape[:-1], -1), axis=-1).reshape(indices.shape)
        crossing = jnp.any(jnp.where(graph.required, behind != pool[..., None], False))
        if not is_concrete(crossing):
            return "prerequisites may cross pools (unknown under a trace)"
        if bool(crossing):
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
    tolerance: Array,
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
    models: ResourceModel, ts: Array, tolerance: Array, *, rows: tuple[int, ...], reduce: Any, method: str
) -> Any:
    def one(model: ResourceModel) -> Any:
        state, *rest = training_time.discrete_steps(model, np.asarray(rows))
        state = jnp.where(model.graph.present[None], state, jnp.nan)
        return _wrap(model, ts, (state, *rest), reduce, "steps", method)

    return jax.vmap(one)(models)


class Progress(eqx.Module):
    """Where a member's panels stand: what the next, finer solve starts from."""

    edges: Array
    panel_error: Array
    turns: Array | None


def solve_member(
    model: ResourceModel,
    before: Progress | None,
    first: Callable[[ResourceModel], Array],
    panels: int | None,
    **options: bool,
) -> resource_time.Cascade:
    """The first solve of a member, between edges `first(model)`; with `panels`, a finer one of so many after it.

    `before` is where an earlier solve stands, which is then not repeated. Only the result carries derivatives.
    """
    if before is None:
        start = model if panels is None else jax.lax.stop_gradient(model)
        frozen = jax.lax.stop_gradient(model)
        edges, turns = first(frozen), None
        if model.frequency_after is not None:
            turns = resource_time.solve_cascade(frozen, edges, **options).turns(frozen)
        solved = _solve_between(start, edges, turns, options)
        if panels is None:
            return solved
        before = where_it_stands(start, solved)
    assert panels is not None
    edges = resource_time.refine_edges(before.edges, before.panel_error, panels)
    return _solve_between(model, jax.lax.stop_gradient(edges), before.turns, options)


def coarse_solve(model: ResourceModel, last: Array) -> tuple[Array, Array]:
    """Edges up to resource time `last` that know nothing of the graph but its fastest skill, and exposures there."""
    fastest = jnp.max(jnp.where(model.graph.present, model.rate(), 0))
    edges = resource_time.logarithmic_edges(1 / fastest, last, COARSE_PANELS)
    return edges, resource_time.coarse_exposure(model, edges)


def _solve_between(
    model: ResourceModel, edges: Array, turns: Array | None, options: dict[str, bool]
) -> resource_time.Cascade:
    """One solve; before it those that find the turns, each to the square of the last one's error."""
    if turns is not None:

        def closer(turns: Any, _: None) -> tuple[Any, None]:
            solved = resource_time.solve_cascade(model, resource_time.with_edges(edges, turns), **options)
            return solved.turns(model), None

        turns, _ = jax.lax.scan(closer, turns, None, length=2)
    return resource_time.solve_cascade(model, resource_time.with_edges(edges, turns), **options)


def where_it_stands(model: ResourceModel, solved: resource_time.Cascade) -> Progress:
    """What a finer solve needs of a solve."""
    return Progress(jax.lax.stop_gradient(solved.edges), solved.panel_error, solved.turns(model))


def _range(model: ResourceModel, learning_rate: Array, waste: Array, until: Array, endless: bool) -> Array:
    """A resource time that no clock of this graph passes by training step `until`.

    The budget law bounds it by $\\eta t/N_0$. Without waste an MSE run ends; cross entropy goes on, and its roots alone
    bound it.
    """
    wasteful = waste > 0
    last = jnp.max(jnp.where(wasteful, learning_rate * until / jnp.where(wasteful, waste, 1), 0))
    if endless:
        if model.loss == "mse":
            goal = jnp.asarray(-2 * math.log(jnp.finfo(model.dtype).eps), model.dtype)
        else:
            roots = jnp.sum(model.graph.present & ~jnp.any(model.graph.required, axis=-1)) if model.pool is None else 1
            roots = jnp.asarray(roots, model.dtype)
            # the slowest root has at most the mean margin, and by Cauchy-Schwarz "l2" learns sqrt(roots) times faster
            margin = jnp.max(learning_rate) * until / (roots if model.competition == "l1" else jnp.sqrt(roots))
            goal = jnp.exp(jnp.minimum(margin, 0.8 * math.log(float(jnp.finfo(model.dtype).max)))) + margin
        ends = resource_time.reach(model, jnp.full(model.skills, goal, model.dtype))
        if model.loss == "cross_entropy":
            ends = jnp.where(jnp.any(model.graph.required, axis=-1), 0, ends)
        end = jnp.max(jnp.where(model.graph.present, ends, 0))
        last = jnp.where(jnp.all(wasteful), last, jnp.maximum(last, end))
    # the margin keeps rounding from ending the range early; a run that shows no time yet still needs a range
    return jax.lax.stop_gradient(jnp.maximum(last * (1 + 1e-5), 1e6 * float(jnp.finfo(model.dtype).tiny)))


def _cascade_members(
    arguments: tuple[ResourceModel, tuple[Array, ...], Progress | None],
    shared: tuple[Array, Array],
    *,
    panels: int | None,
    endless: bool,
    reduce: Any,
    method: str,
) -> tuple[Any, Array, Progress]:
    """Members `(graph, clock)`: each graph's cascade is solved once and read with each of its clocks.

    `clocks` are the learning rates and wastes to read, then those of the whole batch, which set the range of the
    panels: so that a piece of the clocks gives the very numbers of the whole.
    """
    ts, tolerance = shared

    def graph(model: ResourceModel, clocks: tuple[Array, ...], before: Progress | None) -> Any:
        learning_rate, waste, all_rates, all_wastes = clocks

        def first(model: ResourceModel) -> Array:
            last = _range(model, all_rates, all_wastes, ts[-1], endless)
            return resource_time.even_edges(model, *coarse_solve(model, last), PANELS)

        solved = solve_member(model, before, first, panels)
        unsure = ~(solved.error <= tolerance)

        def clock(learning_rate: Array, waste: Array) -> Any:
            mine = eqx.tree_at(lambda m: (m.learning_rate, m.wasted_resource), model, (learning_rate, waste))
            *read, lost = resource_time.read_clock(mine, solved, ts)
            result = RESULTS.where(unsure, RESULTS.inaccurate, RESULTS.successful)
            result = RESULTS.where(lost, RESULTS.not_finite, result)
            return _wrap(mine, ts, (*read, result), reduce, "cascade", method)

        return jax.vmap(clock)(learning_rate, waste), unsure, where_it_stands(model, solved)

    return jax.vmap(graph)(*arguments)


def microbatch(skills: int, members: int) -> int:
    """How many graphs are solved side by side: as many as stay in the cache on a CPU, or fill a GPU.

    Fewer only in steps of eight, since each size is a program of its own to compile.
    """
    numbers = skills * PANELS * resource_time.NODES
    room, most = (2**18, 64) if jax.default_backend() == "cpu" else (2**30, 2**15)
    size = max(1, min(most, 8 ** int(math.log(max(1, room // numbers), 8))))
    while size // 8 >= members:
        size //= 8
    return size


# -- solve in pieces


def _in_pieces(
    model: ResourceModel,
    ts: Array,
    run: Callable[..., Any],
    tolerance: Array,
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
            rows.append(_take(run(_take(flat, index), ts, tolerance), slice(members - begin)))
            if progress is not None:
                progress(min(begin + batch_size, members), members)
        result = jax.tree.map(lambda *x: jnp.concatenate(x), *rows)
    return jax.tree.map(lambda x: x.reshape(shape + x.shape[1:]), result)


def _take(tree: Any, index: Any) -> Any:
    return jax.tree.map(lambda x: x[index], tree)


def split_axes(model: ResourceModel) -> tuple[ResourceModel, tuple[Array, Array], Callable[[Any], Any]]:
    """A batch as graphs times clocks: axes along which only $N_0$ and $\\eta$ differ share one cascade.

    Returns the graphs `(graph, ...)`, the clocks `(graph, clock, ...)`, and what puts results `(graph, clock, ...)`
    back into the batch's own shape.
    """
    shape = model.batch_shape
    pools = () if model.pool is None else (model.pools,)
    nothing = jnp.ones(pools, model.dtype)
    graphs = eqx.tree_at(lambda m: (m.learning_rate, m.wasted_resource), model, (nothing, nothing))
    own = (1,) * (len(shape) - len(graphs.batch_shape)) + graphs.batch_shape
    outer = [axis for axis in range(len(shape)) if own[axis] == shape[axis]]
    order = outer + [axis for axis in range(len(shape)) if axis not in outer]
    members = math.prod(own)

    def clock(value: Any) -> Array:
        spread = jnp.broadcast_to(value, shape + pools)
        moved = jnp.transpose(spread, (*order, *range(len(shape), len(shape) + len(pools))))
        return moved.reshape((members, math.prod(shape) // max(members, 1), *pools))

    def back(result: Any) -> Any:
        def one(x: Any) -> Any:
            x = x.reshape((*(shape[axis] for axis in order), *x.shape[2:]))
            return x.transpose((*np.argsort(order), *range(len(shape), x.ndim)))

        return jax.tree.map(one, result)

    return graphs.flat(), (clock(model.learning_rate), clock(model.wasted_resource)), back


# numbers that one piece of a result may hold
PIECE = 2**22


def solve_batch(
    model: ResourceModel,
    function: Callable[..., Any],
    shared: tuple[Array, ...],
    otherwise: Callable[[ResourceModel], Any],
    *,
    fused: Callable[..., tuple[Any, np.ndarray]] | None,
    numbers: int,
    batch_size: int | None,
    progress: Callable[[int, int], Any] | None = None,
    **options: Any,
) -> Any:
    """A whole batch by `function((graphs, clocks, where they stand), shared)`, finer and finer where it is unsure.

    Rows `(graph, clock)` of one width are solved in pieces of one size; a graph with many clocks takes several rows.
    `numbers` is how many numbers the result has a member. `fused(rows, share, done)`, where it applies, does all this
    in one go. Members that stay unsure go to `otherwise`.
    """
    graphs, clocks, back = split_axes(model)
    members, each = clocks[0].shape[:2]
    if members * each == 0:
        raise ValueError(f"model: expected at least one member, got a batch of shape {model.batch_shape}")
    size = microbatch(graphs.skills, members)
    wide = min(each, max(1, PIECE // (numbers * size)), batch_size or each)
    step = size if batch_size is None else max(1, min(size, batch_size // wide))
    count = math.ceil(each / wide)
    columns = np.minimum(np.arange(count * wide), each - 1)

    def by_row(x: Array) -> np.ndarray:
        return np.repeat(np.asarray(x), count, axis=0)

    rates, wastes = (np.asarray(x)[:, columns].reshape((-1, wide, *x.shape[2:])) for x in clocks)
    rows = (jax.tree.map(by_row, graphs), (rates, wastes, *map(by_row, clocks)))

    def done(finished: int) -> None:
        if progress is not None:
            whole, part = divmod(finished, count)
            progress(whole * each + min(part * wide, each), members * each)

    stand = None
    if fused is not None:
        result, unsure = fused(rows, None if batch_size is None else step, done)
    else:
        result, unsure, stand = pieces.run(
            function, (*rows, None), shared, size, at_a_time=step, done=done, panels=None, **options
        )
    left = keep = np.flatnonzero(np.asarray(unsure))
    for panels in () if fused is not None else MORE_PANELS:
        if len(left):
            chosen = (*_take(rows, left), jax.tree.map(lambda x, at=keep: np.asarray(x)[at], stand))
            again, unsure, stand = pieces.run(function, chosen, shared, min(8, size), panels=panels, **options)
            result = pieces.put(result, left, again)
            keep = np.flatnonzero(np.asarray(unsure))
            left = left[keep]
    if len(left) and bool(np.all(wastes[left] > 0)):
        chosen, (rates, wastes, *_) = _take(rows, left)
        chosen = jax.tree.map(lambda x: np.repeat(x, wide, axis=0), chosen)
        flat = tuple(x.reshape((-1, *x.shape[2:])) for x in (rates, wastes))
        again = otherwise(eqx.tree_at(lambda m: (m.learning_rate, m.wasted_resource), chosen, flat))
        again = jax.tree.map(lambda x: x.reshape((len(left), wide, *x.shape[1:])), again)
        result = pieces.put(result, left, again)
    shaped = jax.tree.map(lambda x: x.reshape((members, count * wide, *x.shape[2:]))[:, :each], result)
    return pieces.as_arrays(back(shaped))


def _solve_cascade(
    model: ResourceModel,
    ts: Array,
    tolerance: Array,
    batch_size: int | None,
    traced: bool,
    progress: Any,
    options: dict[str, Any],
) -> Any:
    shared = (ts, tolerance)
    if traced:
        graphs, clocks, back = split_axes(model)
        solve = pieces.program(_cascade_members, panels=TRACED, endless=True, **options)
        return back(solve((graphs, clocks + clocks, None), shared)[0])

    def by_ode(chosen: ResourceModel) -> Any:
        adjoint = diffrax.RecursiveCheckpointAdjoint()
        chosen = jax.tree.map(jnp.asarray, chosen)
        return _ode_members(
            chosen, ts, tolerance, solver=None, controller=None, adjoint=adjoint, max_steps=100_000, **options
        )

    def in_one_loop(rows: Any, share: int | None, done: Any) -> tuple[Any, np.ndarray]:
        state, clock, unsure, lost = fused.trajectories(
            rows, ts, tolerance, (PANELS, *MORE_PANELS), COARSE_PANELS, share, done
        )
        codes = np.where(lost, NOT_FINITE, np.where(unsure[:, None], INACCURATE, 0))
        result = jax.tree.map(np.array, results_from_codes(jnp.asarray(codes, jnp.int32)))
        return (state, clock, None, result), unsure

    wasteful = bool(np.all(np.asarray(model.wasted_resource) > 0))
    return solve_batch(
        model,
        _cascade_members,
        shared,
        by_ode,
        fused=in_one_loop if wasteful and options["reduce"] is None and fused.applies(model) else None,
        numbers=ts.shape[0] * model.skills,
        batch_size=batch_size,
        progress=progress,
        endless=not wasteful,
        **options,
    )
