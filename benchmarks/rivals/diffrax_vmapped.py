"""diffrax as its users would write this model: `diffeqsolve` of one graph, under `jax.vmap` and `jax.jit`.

In log-depth (the better state) or in the unlearned fraction, clamped at zero as it has to be. What is written in the
fastest way found: prerequisites as padded gathers, times read by `SaveAt(ts=...)`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..ensemble import LEVEL, Ensemble

MAX_STEPS = 4096


def _fields(ensemble: Ensemble, state: str, product: str, dtype: str) -> tuple[Any, Callable[..., Any]]:
    """The arguments of the vector field, batched, and the field itself."""
    import jax.numpy as jnp

    exponent, rate, waste = (
        np.asarray(x, dtype) for x in (ensemble.gate_exponent, ensemble.learning_rate, ensemble.wasted_resource)
    )
    frequency = jnp.asarray(ensemble.frequency, dtype)
    if product == "gather":
        graph = jnp.asarray(ensemble.prerequisites), jnp.asarray(ensemble.required)
    else:
        graph = jnp.asarray(ensemble.adjacency, dtype if product == "matrix" else bool)
    tiny = jnp.finfo(dtype).tiny

    def opened(gates: Any, graph: Any) -> Any:
        if product == "gather":
            indices, required = graph
            return jnp.prod(jnp.where(required, gates[indices], 1), axis=-1)
        if product == "matrix":
            return jnp.exp(graph @ jnp.log(jnp.maximum(gates, tiny)))
        return jnp.prod(jnp.where(graph, gates[None, :], 1), axis=-1)

    def in_depth(t: Any, depth: Any, arguments: Any) -> Any:
        graph, frequency = arguments
        open_rate = frequency * opened(-jnp.expm1(-exponent * depth), graph)
        return rate * open_rate / (jnp.sum(open_rate * jnp.exp(-depth)) + waste)

    def in_unlearned(t: Any, unlearned: Any, arguments: Any) -> Any:
        graph, frequency = arguments
        # a step may overshoot below zero, where the gate's power is not a number
        unlearned = jnp.maximum(unlearned, 0)
        demand = frequency * opened(1 - unlearned**exponent, graph) * unlearned
        return -rate * demand / (jnp.sum(demand) + waste)

    return (graph, frequency), (in_depth if state == "depth" else in_unlearned)


def _controller(relative: float, absolute: float, smooth: bool) -> Any:
    import diffrax

    gains = {"pcoeff": 0.4, "icoeff": 0.3} if smooth else {}
    return diffrax.PIDController(rtol=relative, atol=absolute, **gains)


def prepare_levels(
    ensemble: Ensemble,
    relative: float,
    absolute: float,
    *,
    state: str = "depth",
    solver: str = "Tsit5",
    product: str = "dense",
    saving: str = "ts",
    smooth: bool = False,
    chunk: int | None = None,
    max_steps: int = MAX_STEPS,
    dtype: str = "float64",
) -> Callable[[], tuple[Any, Any]]:
    """A call without arguments that gives levels `(graph, time, skill)` and the steps of each graph, on the device."""
    import diffrax
    import jax
    import jax.numpy as jnp

    arguments, field = _fields(ensemble, state, product, dtype)
    times = jnp.asarray(ensemble.times, dtype)
    start = np.zeros if state == "depth" else np.ones
    start = jnp.asarray(start(ensemble.skills, dtype))
    save = diffrax.SaveAt(ts=times) if saving == "ts" else diffrax.SaveAt(dense=True)

    def one(arguments: Any, times: Any, tolerances: Any) -> tuple[Any, Any]:
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(field),
            getattr(diffrax, solver)(),
            jnp.zeros((), dtype),
            times[-1],
            None,
            start,
            args=arguments,
            saveat=save,
            stepsize_controller=_controller(*tolerances, smooth),
            max_steps=max_steps,
            throw=False,
        )
        values = solution.ys if saving == "ts" else jax.vmap(solution.evaluate)(times)
        return -jnp.expm1(-values) if state == "depth" else 1 - values, solution.stats["num_steps"]

    @jax.jit
    def run(arguments: Any, times: Any, tolerances: Any) -> Any:
        if chunk is None:
            return jax.vmap(one, in_axes=(0, None, None))(arguments, times, tolerances)
        return jax.lax.map(lambda a: one(a, times, tolerances), arguments, batch_size=chunk)

    tolerances = jnp.asarray(relative, dtype), jnp.asarray(absolute, dtype)
    return lambda: run(arguments, times, tolerances)


def crossings(
    solution: Any, field: Any, arguments: Any, start: Any, goals: Any, *, halvings: int = 6, secants: int = 2
) -> Any:
    """When each part of the state reaches its goal `(skill,)`, by quintics between the ends of the steps; infinite
    where it does not. The state grows, and `solution` has the ends of all steps.
    """
    import jax
    import jax.numpy as jnp

    max_steps = solution.ys.shape[0]
    count = solution.stats["num_accepted_steps"]
    taken = (jnp.arange(max_steps) < count)[:, None]
    # row k is the end of step k, and the last one is the start
    depths = jnp.concatenate([solution.ys, start[None]])
    ends = jnp.append(solution.ts, jnp.zeros((), start.dtype))
    step = jnp.minimum(jnp.sum((solution.ys < goals) & taken, axis=0), count - 1)

    def refine(skill: Any, step: Any) -> Any:
        """A quintic from value, slope and curvature at both ends of the step."""

        def end(row: Any, inward: Any) -> tuple[Any, Any, Any]:
            def slope(depth: Any) -> Any:
                # a schedule may change where a step ends
                return field(ends[row] + 1e-9 * inward, depth, arguments)

            first, second = jax.jvp(slope, (depths[row],), (slope(depths[row]),))
            return depths[row, skill], h * first[skill], h * h * second[skill]

        before = jnp.where(step == 0, max_steps, step - 1)
        h = ends[step] - ends[before]
        (y0, d0, e0), (y1, d1, e1) = end(before, h), end(step, -h)
        rise = y1 - y0 - d0 - 0.5 * e0
        bend, turn = d1 - d0 - e0, e1 - e0
        powers = (d0, 0.5 * e0, 10 * rise - 4 * bend + 0.5 * turn, -15 * rise + 7 * bend - turn)
        powers = (*powers, 6 * rise - 3 * bend + 0.5 * turn)

        def excess(x: Any) -> Any:
            total = powers[-1]
            for power in powers[-2::-1]:
                total = power + x * total
            return y0 - goals[skill] + x * total

        low, high = jnp.zeros((), start.dtype), jnp.ones((), start.dtype)
        for _ in range(halvings):
            middle = 0.5 * (low + high)
            below = excess(middle) < 0
            low, high = jnp.where(below, middle, low), jnp.where(below, high, middle)
        at_low, at_high = excess(low), excess(high)
        for _ in range(secants):
            x = jnp.clip(low - at_low * (high - low) / (at_high - at_low), low, high)
            at_x = excess(x)
            low, at_low = jnp.where(at_x < 0, x, low), jnp.where(at_x < 0, at_x, at_low)
            high, at_high = jnp.where(at_x < 0, high, x), jnp.where(at_x < 0, at_high, at_x)
        return jnp.where(y1 < goals[skill], jnp.inf, ends[before] + h * x)

    return jax.vmap(refine)(jnp.arange(start.shape[0]), step)


def prepare_times(
    ensemble: Ensemble,
    relative: float,
    absolute: float,
    *,
    solver: str = "Tsit5",
    product: str = "dense",
    finding: str = "ends",
    smooth: bool = False,
    chunk: int | None = None,
    halvings: int = 6,
    secants: int = 2,
    max_steps: int = 192,
    dtype: str = "float64",
) -> Callable[[], tuple[Any, Any]]:
    """The same for learning times `(graph, skill)`.

    `finding`: `"dense"` keeps the interpolant of every step and searches the step in which a skill crosses; `"ends"`
    keeps the ends of the steps alone, and interpolates by a quintic that knows slopes and curvatures there.
    """
    import diffrax
    import jax
    import jax.numpy as jnp

    arguments, field = _fields(ensemble, "depth", product, dtype)
    until = jnp.asarray(ensemble.until, dtype)
    goal = jnp.asarray(-math.log1p(-LEVEL), dtype)
    start = jnp.zeros(ensemble.skills, dtype)
    save = diffrax.SaveAt(dense=True) if finding == "dense" else diffrax.SaveAt(steps=True)

    def from_steps(solution: Any, arguments: Any) -> Any:
        del arguments
        interpolation = solution.interpolation
        count = solution.stats["num_accepted_steps"]
        before, after, stages = (interpolation.infos[key] for key in ("y0", "y1", "k"))
        taken = (jnp.arange(max_steps) < count)[:, None]
        step = jnp.minimum(jnp.sum((after < goal) & taken, axis=0), count - 1)

        # one skill's own interpolant within its own step: a few numbers, where `solution.evaluate` makes all skills
        def refine(skill: Any, step: Any) -> Any:
            low, high = interpolation.ts[step], interpolation.ts[step + 1]
            y0, y1 = before[step, skill], after[step, skill]
            local = getattr(diffrax, solver).interpolation_cls(t0=low, t1=high, y0=y0, y1=y1, k=stages[step, :, skill])
            for _ in range(halvings):
                middle = 0.5 * (low + high)
                below = local.evaluate(middle) < goal
                low, high = jnp.where(below, middle, low), jnp.where(below, high, middle)
            at_low, at_high = local.evaluate(low) - goal, local.evaluate(high) - goal
            for _ in range(secants):
                x = jnp.clip(low - at_low * (high - low) / (at_high - at_low), low, high)
                at_x = local.evaluate(x) - goal
                low, at_low = jnp.where(at_x < 0, x, low), jnp.where(at_x < 0, at_x, at_low)
                high, at_high = jnp.where(at_x < 0, high, x), jnp.where(at_x < 0, at_high, at_x)
            return jnp.where(y1 < goal, jnp.inf, x)

        return jax.vmap(refine)(jnp.arange(ensemble.skills), step)

    def from_ends(solution: Any, arguments: Any) -> Any:
        goals = jnp.full(ensemble.skills, goal)
        return crossings(solution, field, arguments, start, goals, halvings=halvings, secants=secants)

    def one(arguments: Any, tolerances: Any) -> tuple[Any, Any]:
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(field),
            getattr(diffrax, solver)(),
            jnp.zeros((), dtype),
            until,
            None,
            start,
            args=arguments,
            saveat=save,
            stepsize_controller=_controller(*tolerances, smooth),
            max_steps=max_steps,
            throw=False,
        )
        found = (from_steps if finding == "dense" else from_ends)(solution, arguments)
        return found, solution.stats["num_steps"]

    @jax.jit
    def run(arguments: Any, tolerances: Any) -> Any:
        if chunk is None:
            return jax.vmap(one, in_axes=(0, None))(arguments, tolerances)
        return jax.lax.map(lambda a: one(a, tolerances), arguments, batch_size=chunk)

    tolerances = jnp.asarray(relative, dtype), jnp.asarray(absolute, dtype)
    return lambda: run(arguments, tolerances)
