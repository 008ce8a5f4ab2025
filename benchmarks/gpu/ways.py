"""The ways to solve a batch on a GPU: the array path, the two fused programs, and vmapped diffrax."""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from ..candidates import LEVELS, TIMES
from ..ensemble import LEVEL, Ensemble, random_graphs

WAYS = ("cuda", "pallas", "arrays", "diffrax Tsit5", "diffrax Dopri5")
BOUND, TOLERANCE = {"float32": 2e-4, "float64": 1e-5}, {"float32": 1e-4, "float64": 1e-6}
# members that are held against the loops, and different graphs of an ensemble: more are copies of these
CHECKED, DRAWN = 1024, 16384
DEVICE, HOST = "on the device", "from host to host"


@functools.cache
def ensemble(members: int, skills: int = 16) -> Ensemble:
    """Random graphs; beyond `DRAWN` they repeat, which a device does not know."""
    drawn = random_graphs(0, min(members, DRAWN), skills=skills, density=min(0.2, 3 / skills))
    if members <= DRAWN:
        return drawn
    index = np.arange(members) % DRAWN
    fields = {name: getattr(drawn, name)[index] for name in ("prerequisites", "required", "frequency")}
    return Repeated(**fields, times=drawn.times, drawn=drawn)


@dataclasses.dataclass(frozen=True, eq=False)
class Repeated(Ensemble):
    """The graphs of `drawn`, over and over: their checks take a host minutes, if they are as many as a device takes."""

    drawn: Ensemble | None = None

    def model(self, dtype: str = "float64") -> Any:
        import jax

        assert self.drawn is not None
        index = np.arange(self.graphs) % self.drawn.graphs
        return jax.tree.map(lambda x: np.asarray(x)[index], self.drawn.model(dtype).flat())


@functools.cache
def model_of(members: int, skills: int, dtype: str) -> Any:
    """An ensemble as a model, its arrays on the host."""
    import jax

    return jax.tree.map(np.asarray, ensemble(members, skills).model(dtype))


def choose(way: str, *, rehearse: bool = False) -> None:
    """What the public functions use from here on; a rehearsal has Pallas interpreted."""
    from resource_ode.native import walks

    os.environ[walks.CHOICE] = way if way in ("cuda", "pallas") else "none"
    if rehearse:
        from resource_ode.solve.cascade import batch, gpu_solver

        gpu_solver.INTERPRET, walks.ON_HOST = way == "pallas", way == "cuda"
        # as where there is no CPU
        batch.BACKENDS = batch.BACKENDS[1:]


@functools.cache
def truth(members: int, skills: int, task: str) -> np.ndarray | None:
    """By the loops on the CPU in float64, whatever JAX runs on; None where they are not built."""
    from resource_ode import native
    from resource_ode.base.tracing import is_concrete
    from resource_ode.solve.cascade.refine import COARSE_PANELS, PANELS
    from resource_ode.solve.cascade.sharing import Rows, split_axes
    from resource_ode.solve.cascade.times import TIMES_PANELS

    if native.library() is None:
        return None
    own = ensemble(members, skills).head(CHECKED)
    import jax

    with jax.enable_x64(True):
        model = jax.tree.map(np.asarray, own.model("float64"))
        assert is_concrete(model)
        graphs, clocks, _ = split_axes(model, share_exponents=False)
        rows, tolerance = Rows(graphs, clocks, clocks), np.asarray(1e-9)
        nothing = lambda _: None  # noqa: E731
        if task == TIMES:
            found = native.learning_times(rows, LEVEL, tolerance, TIMES_PANELS, COARSE_PANELS, None, nothing)
            return found[0][:, 0, 0]
        state = native.trajectories(rows, own.times, tolerance, PANELS, COARSE_PANELS, None, nothing)[0][:, 0, 0]
        return -np.expm1(-own.frequency[:, None] * state)


def judge(members: int, skills: int, task: str) -> Callable[[Any], tuple[float | None, int | None]]:
    """The largest error of a result, relative for times, and how many of its members have a NaN."""

    def of(found: Any) -> tuple[float | None, int | None]:
        import jax.numpy as jnp

        axes = tuple(range(1, found.ndim))
        unsure = int(jnp.sum(jnp.any(jnp.isnan(jnp.asarray(found)), axis=axes)))
        exact = truth(members, skills, task)
        if exact is None:
            return None, unsure
        off = np.abs(np.asarray(found[: len(exact)], np.float64) - exact)
        if task == TIMES:
            # later than the last time nobody but ours looks
            last = ensemble(members, skills).until
            off = np.where(exact < 0.999 * last, off / exact, 0)
        return float(np.max(off)), unsure

    return of


# -- preparing: what these return is timed


def on_device(way: str, task: str, members: int, skills: int, dtype: str) -> Callable[[], Any]:
    """From arrays on the device to results there."""
    import jax

    own = ensemble(members, skills)
    if way.startswith("diffrax"):
        from ..rivals import diffrax_vmapped

        prepare = diffrax_vmapped.prepare_levels if task == LEVELS else diffrax_vmapped.prepare_times
        rough = (1e-5, 1e-6) if dtype == "float32" else (4e-7, 2e-8)
        call = prepare(own, *rough, solver=way.split()[1], smooth=True, dtype=dtype)
        return lambda: call()[0]
    if way == "pallas":
        from ..candidates import first_solve

        return first_solve(task, own, dtype)
    if way == "cuda":
        from resource_ode.native import walks

        if why := walks.obstacle():
            raise RuntimeError(why)
        return _by_walk(task, own, dtype)
    # no one program does all: pieces of the batch, from the host
    given = (model_of(members, skills, dtype), own.times.astype(dtype), dtype)
    return functools.partial(from_host, task, *given, jax.block_until_ready)


def _by_walk(task: str, own: Ensemble, dtype: str) -> Callable[[], Any]:
    import jax
    import jax.numpy as jnp

    from resource_ode.native import walks
    from resource_ode.solve.cascade import walked
    from resource_ode.solve.cascade.refine import COARSE_PANELS, PANELS
    from resource_ode.solve.cascade.times import TIMES_PANELS

    model = jax.device_put(own.model(dtype).flat())
    clocks = model.learning_rate[:, None], model.wasted_resource[:, None]
    name, panels, made_for = ("trajectories", PANELS, 1e-5) if task == LEVELS else ("times", TIMES_PANELS, 1e-7)
    numbers = {"panels": panels, "coarse_panels": COARSE_PANELS, "made_for": made_for}
    given = walked.operands(model, TOLERANCE[dtype], LEVEL, own.times)

    def solve(given: Any, rate: Any, waste: Any) -> Any:
        found, *_, error = walks.solve(name, given, rate, waste, **numbers)
        found = jnp.where((error <= given.tolerance).reshape(-1, *[1] * (found.ndim - 1)), found, jnp.nan)[:, 0]
        return -jnp.expm1(-given.frequency[:, None] * found) if task == LEVELS else found

    compiled = jax.jit(solve)
    return lambda: compiled(given, *clocks)


def from_host(task: str, model: Any, times: Any, dtype: str, put: Callable[[Any], Any]) -> Any:
    """As a user calls it."""
    import resource_ode as ro

    if task == LEVELS:
        return put(ro.simulate(model, times, tolerance=TOLERANCE[dtype]).level)
    return put(ro.learning_times(model, LEVEL, tolerance=TOLERANCE[dtype]))
