"""The parts of the table: variants, compiled calls, derivatives, large graphs, observables."""

from __future__ import annotations

import dataclasses
import functools
import math
import pathlib
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import diffrax
import jax
import jax.numpy as jnp
import numpy as np

import resource_ode as ro

from ..candidates import LEVELS, TIMES
from ..ensemble import LEVEL, Ensemble
from .rival import BY, Problem
from .small import one_graph
from .timing import Row, Way, race
from .variants import GENERAL, SINGLE, Variant, variant

Say = Callable[[str], None]
BOUND = 1e-5
TIGHT = (1e-10, 1e-11)
# we are asked for the bound itself; rivals take the loosest that keep it, on the very graphs that they are timed on
LADDER = (1e-5, 3e-6, 1e-6, 3e-7, 1e-7, 3e-8, 1e-8)
GRADIENTS = ("mse", "any", "cross entropy", "l2", "self-paced")
# steps of diffrax that a search for learning times has room for: kinks take many
STEPS = {"self-paced": 1536}
GRADIENT_BOUND = {"any": 1e-3}


@dataclasses.dataclass
class Options:
    graphs: int
    rounds: int
    words: tuple[str, ...]
    quick: bool
    # by `time.perf_counter`: nothing is begun after it
    until: float = math.inf
    # what was therefore left out
    skipped: list[str] = dataclasses.field(default_factory=list)

    def wants(self, name: str) -> bool:
        if self.words and not any(word in name for word in self.words):
            return False
        if time.perf_counter() < self.until:
            return True
        self.skipped.append(name)
        return False


# -- variants, and the same under jit


class Truth:
    """Levels of a variant by diffrax at a small tolerance, and how far levels and learning times are from it."""

    def __init__(self, problem: Problem, times: np.ndarray):
        self.problem, self.times = problem, jnp.asarray(times)
        run = jax.jit(problem.every(problem.levels_of, 0, None))
        graphs, count = problem.variant.ensemble.graphs, len(times)

        def solve(rows: Any, tolerances: Any) -> Any:
            # (graph, some) in place of the times: filled up, so that all are one program
            last = jnp.broadcast_to(self.times[-1], (graphs, count - rows.shape[1]))
            return run(problem.arguments, jnp.concatenate([rows, last], axis=1), tolerances)[:, : rows.shape[1]]

        self.solve = solve
        self.everywhere = jnp.broadcast_to(self.times, (graphs, count))
        self.levels = np.asarray(solve(self.everywhere, TIGHT))

    def of_levels(self, values: Any) -> float:
        return _largest(np.asarray(values) - self.levels)

    def of_times(self, values: Any) -> float:
        """By the levels of the skills at what are said to be their learning times; later than the last is not seen."""
        last = float(self.times[-1])
        values = np.asarray(values, float)
        if np.isnan(values).any():
            return float("nan")
        known = (values <= last) & (values > 0)
        at = np.where(known, values, last)
        order = np.argsort(at, axis=1)
        found = np.asarray(self.solve(jnp.asarray(np.take_along_axis(at, order, 1)), TIGHT))
        rows = np.argsort(order, axis=1)[:, :, None]
        levels = np.take_along_axis(np.take_along_axis(found, rows, 1), np.arange(at.shape[1])[None, :, None], 2)
        off = np.where(known, levels[..., 0] - LEVEL, np.maximum(self.levels[:, -1] - LEVEL, 0))
        started = self.levels[:, 0] >= LEVEL
        return _largest(np.where(started, values, off))


def _largest(off: np.ndarray) -> float:
    return float(np.max(np.abs(off), initial=0)) if np.all(np.isfinite(off)) else float("nan")


def _loosest(run: Callable[[Any], Any], error: Callable[[Any], float], bound: float) -> tuple[float, float]:
    """The first tolerances of the ladder that keep the bound; the last if none does."""
    for relative in LADDER:
        tolerances = (relative, relative / 20)
        if error(run(tolerances)) <= bound:
            return tolerances
    return tolerances


def variants(options: Options, say: Say) -> Iterator[list[Row]]:
    """Trajectories and learning times of every variant, eager and under jit, beside vmapped diffrax."""
    # those that were promised most come first
    for name in (one for one in (*SINGLE, *GENERAL) if options.wants(one)):
        general = name in GENERAL
        # without a cascade both sides go by diffrax
        chosen = variant(name, max(options.graphs // 8, 8) if general else options.graphs)
        own, model, problem = chosen.ensemble, chosen.model(), Problem(chosen)
        truth = Truth(problem, own.times)
        times = jnp.asarray(own.times)
        rival_levels = jax.jit(problem.every(problem.levels_of, None, None))
        rival_times = jax.jit(
            problem.every(functools.partial(problem.times_of, max_steps=STEPS.get(name, 384)), None, None)
        )

        def levels(model: Any, times: Any = times) -> Any:
            return ro.simulate(model, times, tolerance=BOUND).level

        def reached(model: Any) -> Any:
            return ro.learning_times(model, LEVEL, tolerance=BOUND)

        tasks = (
            (LEVELS, levels, lambda t, r=rival_levels, p=problem, ts=times: r(p.arguments, ts, t), truth.of_levels),
            (TIMES, reached, lambda t, r=rival_times, p=problem, ts=times: r(p.arguments, ts[-1], t), truth.of_times),
        )
        for task, mine, his, error in tasks:
            tolerances = _loosest(his, error, BOUND)
            ways = [Way("resource_ode", functools.partial(mine, model), error, BOUND)]
            if not general:
                # what tells pools apart has to be known
                compiled = jax.jit(lambda rate, mine=mine, m=model: mine(m.replace(learning_rate=rate)))
                call = functools.partial(compiled, model.learning_rate)
                ways.append(Way("resource_ode, jit", call, error, BOUND))
            setting = f"rtol {tolerances[0]:g}, atol {tolerances[1]:g}"
            ways.append(Way("diffrax Tsit5", functools.partial(his, tolerances), error, BOUND, setting, rounds=3))
            yield race("variants", name, task, own.graphs, ways, options.rounds, say)


# -- derivatives


def derivatives(options: Options, say: Say) -> Iterator[list[Row]]:
    """value_and_grad and jvp by frequencies, learning rate, waste and gate exponent, beside the value alone."""
    for name in (name for name in GRADIENTS if options.wants(name)):
        chosen = variant(name, options.graphs // 2)
        own, problem, times = chosen.ensemble, Problem(chosen), jnp.asarray(chosen.ensemble.times)
        by = {key: problem.arguments[key] for key in BY}
        rest = {key: x for key, x in problem.arguments.items() if key not in BY}
        model, last = chosen.model(), times[-1]

        def changed(by: Any, model: Any = model) -> Any:
            names = dict(zip(BY, ("frequency", "learning_rate", "wasted_resource", "gate_exponent"), strict=True))
            return model.replace(**{names[key]: x for key, x in by.items()})

        def of_levels(levels: Any) -> Any:
            return jnp.mean(levels**2, axis=(1, 2))

        def of_times(found: Any, last: Any = last) -> Any:
            return jnp.sum(jnp.where(found < last, found, 0), axis=1) / last

        def our(task: str, by: Any, times: Any = times, changed: Any = changed) -> Any:
            if task == LEVELS:
                return of_levels(ro.simulate(changed(by), times, tolerance=BOUND).level)
            return of_times(ro.learning_times(changed(by), LEVEL, tolerance=BOUND))

        def his(
            task: str, tolerances: Any, adjoint: Any, most: int, by: Any, p: Any = problem, rest: Any = rest
        ) -> Any:
            def one(own: Any) -> Any:
                if task == LEVELS:
                    return p.levels_of(own, times, tolerances, adjoint, most)  # noqa: B023
                return p.times_with_derivatives(own, last, tolerances, adjoint, most)  # noqa: B023

            found = p.every(one)(rest | by)
            return of_levels(found) if task == LEVELS else of_times(found)

        for task in (LEVELS, TIMES):
            ways = _derivative_ways(name, task, functools.partial(our, task), functools.partial(his, task), by)
            yield race("derivatives", name, task, own.graphs, ways, options.rounds, say)


def _derivative_ways(name: str, task: str, our: Any, his: Any, by: Any) -> list[Way]:
    """All ways to the derivatives, held to finite differences along one direction: of each graph's own value by its
    frequencies, and of the sum by each number that the graphs share.
    """
    generator = np.random.default_rng(5)
    along = {key: x * (generator.normal(size=x.shape) if key == "frequency" else 1.0) for key, x in by.items()}
    along = jax.tree.map(jnp.asarray, along)
    recursive, forward = diffrax.RecursiveCheckpointAdjoint(), diffrax.ForwardMode()
    plain = jax.jit(lambda by, t: his(t, recursive, 8192 if task == LEVELS else 3072, by))
    step = 1e-4

    def moved(keys: Any, size: float) -> Any:
        return {key: x + size * along[key] if key in keys else x for key, x in by.items()}

    def slope(*keys: str) -> np.ndarray:
        ends = [np.asarray(plain(moved(keys, size), TIGHT)) for size in (step, -step)]
        return (ends[0] - ends[1]) / (2 * step)

    each = slope("frequency")
    shared = [slope(key).sum() for key in BY if key != "frequency"]
    truth = slope(*BY)
    bound = GRADIENT_BOUND.get(name, 1e-4)

    def of_gradient(result: Any) -> float:
        found = result[1]
        mine = np.sum(np.asarray(found["frequency"] * along["frequency"]), axis=1)
        whole = [float(found[key] * along[key]) for key in BY if key != "frequency"]
        off = [_largest(mine - each) / np.max(np.abs(each))]
        return max(*off, *(abs(a - b) / abs(b) for a, b in zip(whole, shared, strict=True)))

    def of_slope(result: Any) -> float:
        return _largest(np.asarray(result[1]) - truth) / float(np.max(np.abs(truth)))

    def total(values: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return jax.jit(jax.value_and_grad(lambda by: jnp.sum(values(by))))

    def pushed(values: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return jax.jit(lambda by, along: jax.jvp(values, (by,), (along,)))

    most = 512
    backward = jax.jit(jax.value_and_grad(lambda by, t: jnp.sum(his(t, recursive, most, by))))
    onward = jax.jit(lambda by, along, t: jax.jvp(lambda by: his(t, forward, most, by), (by,), (along,)))
    tolerances = _loosest(lambda t: backward(by, t), of_gradient, bound)
    setting = f"rtol {tolerances[0]:g}, atol {tolerances[1]:g}"
    value = jax.jit(our)
    gradient, push = total(our), pushed(our)
    expected = np.asarray(plain(by, TIGHT))
    return [
        Way("resource_ode, value", lambda: value(by), lambda x: _largest(np.asarray(x) - expected), 1e-4),
        Way("resource_ode, value_and_grad", lambda: gradient(by), of_gradient, bound),
        Way("resource_ode, jvp", lambda: push(by, along), of_slope, bound),
        Way("diffrax RecursiveCheckpointAdjoint", lambda: backward(by, tolerances), of_gradient, bound, setting, 2),
        Way("diffrax ForwardMode", lambda: onward(by, along, tolerances), of_slope, bound, setting, 2),
    ]


# -- large graphs


def large(options: Options, say: Say) -> Iterator[list[Row]]:
    """One graph of many skills, with 1.5 prerequisites each: the first call and the next."""
    for skills in (1000,) if options.quick else (1000, 10_000, 100_000):
        if not options.wants(str(skills)):
            continue
        own = sparse_graph(skills)
        chosen = Variant("mse", own)
        model, times = chosen.model().flat()[0], jnp.asarray(own.times)
        graph = (own.prerequisites[0], own.required[0])
        if skills <= 10_000:
            tight = jax.jit(functools.partial(_gathered, diffrax.Dopri8(), *graph))
            reference = functools.partial(tight, own.frequency[0], tolerances=TIGHT)
        else:
            # diffrax would take hours: our own, which are NaN where their estimated error is larger
            reference = functools.partial(_within, model, tolerance=BOUND / 100)
        exact = np.asarray(reference(times))

        def of_levels(values: Any, truth: Any = exact) -> float:
            return _largest(np.asarray(values) - truth)

        def of_times(values: Any, reference: Any = reference) -> float:
            """By the levels of some skills at what are said to be their learning times."""
            values = np.asarray(values, float)
            if not np.isfinite(values).all():
                return float("nan")
            some = np.argsort(values)[:: max(len(values) // 200, 1)]
            at, back = np.unique(values[some], return_inverse=True)
            return _largest(np.asarray(reference(jnp.asarray(at)))[back, some] - LEVEL)

        simulate = functools.partial(ro.simulate, model, times, tolerance=BOUND)
        # the tolerance is relative, and a step is a smaller part of a longer run
        finest = BOUND * min(0.1, 1000 / skills)
        find = functools.partial(ro.learning_times, model, LEVEL, tolerance=finest)
        ways = [Way("resource_ode", lambda run=simulate: run().level, of_levels, BOUND)]
        if skills <= 1000 and not options.quick:
            run = jax.jit(functools.partial(_gathered, diffrax.Tsit5(), *graph))
            tolerances = _loosest(lambda t, run=run: run(own.frequency[0], times, t), of_levels, BOUND)  # noqa: B023
            setting = f"rtol {tolerances[0]:g}, atol {tolerances[1]:g}"
            call = functools.partial(run, own.frequency[0], times, tolerances)
            ways.append(Way("diffrax Tsit5", call, of_levels, BOUND, setting, rounds=2))
        yield race("large", f"{skills} skills", LEVELS, 1, ways, options.rounds, say)
        yield race("large", f"{skills} skills", TIMES, 1, [Way("resource_ode", find, of_times, BOUND)], 3, say)


def _within(model: ro.ResourceModel, ts: Any, tolerance: float) -> np.ndarray:
    """Levels of one model; NaN if they are said to be less accurate."""
    run = ro.simulate(model, ts, tolerance=tolerance)
    return np.asarray(run.level) * (float("nan") if run.failures() else 1.0)


def sparse_graph(skills: int) -> Ensemble:
    """One graph: each skill but the first few requires one or two of the 300 before it."""
    generator = np.random.default_rng(skills)
    here = np.arange(skills)
    back = generator.integers(1, 300, (skills, 2))
    required = (back <= here[:, None]) & np.stack([np.ones(skills, bool), generator.random(skills) < 0.5], axis=1)
    required[:, 1] &= back[:, 0] != back[:, 1]
    frequency = generator.lognormal(0, 1, skills)
    return Ensemble(
        np.where(required, here[:, None] - back, 0)[None],
        required[None],
        (frequency / frequency.mean())[None],
        np.linspace(0.0, 3 * skills / Ensemble.learning_rate, 200),
    )


def _gathered(solver: Any, indices: Any, required: Any, frequency: Any, times: Any, tolerances: Any) -> Any:
    """diffrax on one graph too large for pairs of skills: prerequisites are gathered."""

    def field(t: Any, depth: Any, own: Any) -> Any:
        gates = -jnp.expm1(-Ensemble.gate_exponent * depth)
        grows = frequency * jnp.prod(jnp.where(required, gates[indices], 1), axis=-1)
        return Ensemble.learning_rate * grows / (jnp.sum(grows * jnp.exp(-depth)) + Ensemble.wasted_resource)

    relative, absolute = tolerances
    controller = diffrax.PIDController(rtol=relative, atol=absolute, pcoeff=0.4, icoeff=0.3)
    save, start = diffrax.SaveAt(ts=times), jnp.zeros(len(frequency))
    term = diffrax.ODETerm(field)
    parts = {"saveat": save, "stepsize_controller": controller, "max_steps": 100_000, "throw": False}
    return -jnp.expm1(-diffrax.diffeqsolve(term, solver, 0.0, times[-1], None, start, **parts).ys)


# -- observables and sweeps


def observables(options: Options, say: Say) -> Iterator[list[Row]]:
    """What is measured, beside the solve that it is measured on; and a whole chunk of a sweep beside its solves."""
    from resource_ode.sweeps.chunk import compute_chunk
    from resource_ode.sweeps.description import read_sweep

    graphs = 256 if options.quick else 4096
    chosen = variant("mse", graphs)
    model, times = chosen.model(), jnp.asarray(chosen.ensemble.times)
    simulate = functools.partial(ro.simulate, model, times)
    exact = np.asarray(ro.observables.seriality(model, tolerance=1e-8))

    def right(values: Any) -> float:
        return _largest(np.asarray(values) - exact)

    def reduced(measure: Any) -> Callable[[], Any]:
        return lambda: simulate(reduce=measure)

    quiet = _quiet(ro.observables.seriality)
    ways = [
        Way("simulate", lambda: simulate().state, lambda x: 0.0 if np.isfinite(x).all() else np.nan, 0.0),
        Way("simulate, reduce=seriality", reduced(ro.observables.seriality), right, 0.05),
        Way("simulate, then seriality of the run", lambda: quiet(simulate()), right, 0.05),
        Way("seriality of the model", lambda: ro.observables.seriality(model), right, 1e-5),
        Way("total_waste of the model", lambda: ro.observables.total_waste(model), _finite, 0.0),
        Way("efficiency of the model", lambda: ro.observables.efficiency(model), _finite, 0.0),
    ]
    yield race("observables", "mse", "measures", graphs, ways, options.rounds, say)
    sweep = read_sweep(pathlib.Path(__file__).parents[2] / "examples" / "sweep_demo.toml")
    from resource_ode.sweeps import chunk as chunks
    from resource_ode.sweeps import measures

    block = chunks._Block(sweep, 0)
    with jax.enable_x64(True):
        graph, frequency, _ = chunks._draw(sweep, block)
        members = chunks._model(sweep, block, graph, frequency)
    read = (sweep.content["observe"]["level"], measures.ONSET, measures.COMPLETION)
    count = int(np.prod(members.batch_shape))
    ways = [
        Way("learning times of three levels", lambda: [ro.learning_times(members, x) for x in read], _some, 0.0),
        Way("a sweep's chunk", lambda: compute_chunk(sweep, 0), _some, 0.0),
    ]
    found = race("observables", "sweep_demo.toml", "chunk", count, ways, options.rounds, say)
    for row in found:
        if row.wall_ms:
            say(f"  {row.way}: {count / row.wall_ms * 1e3:,.0f} members per second")
    yield found


def _finite(values: Any) -> float:
    return 0.0 if np.isfinite(np.asarray(values)).all() else float("nan")


def _some(_: Any) -> float:
    return 0.0


def _quiet(measure: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return measure(*arguments)

    return call


# what takes longest comes last
PARTS = {
    "single": one_graph,
    "large": large,
    "observables": observables,
    "variants": variants,
    "derivatives": derivatives,
}
