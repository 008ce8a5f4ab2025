"""Who runs: each candidate's name, its tolerances, the error it promises, and how it is prepared.

Preparing moves data where the candidate wants it and is not timed. Tolerances were chosen so that the largest level
error over ten seeds is just under the bound, at the least time.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import numpy as np

from .ensemble import LEVEL, Ensemble

LEVELS, TIMES = "full trajectories", "learning times"
BOUND = {"float64": 1e-5, "float32": 2e-4}
# the two rivals that the targets name
DIFFRAX = "diffrax Tsit5, log-depth"
NUMBA = "numba Tsit5, log-depth"


@dataclasses.dataclass(frozen=True)
class Candidate:
    """One way to do one task; `prepare(ensemble)` gives a call whose result is values, or (values, steps)."""

    name: str
    task: str
    prepare: Callable[[Ensemble], Callable[[], Any]]
    bound: float
    settings: str = ""
    ours: bool = False
    needs: tuple[str, ...] = ()
    most: int | None = None  # graphs; the time is scaled to 1000
    rounds: int | None = None  # repetitions a seed, for the slow
    program: str = ""  # candidates of one program share its compilation
    gpu: bool = False
    cpu: bool = True

    @property
    def missing(self) -> str | None:
        """The first package that this candidate needs and that is not installed."""
        return next((name for name in self.needs if importlib.util.find_spec(name) is None), None)


def ours(task: str, tolerance: float | None, dtype: str) -> Candidate:
    """This library, as a user calls it."""

    def prepare(ensemble: Ensemble) -> Callable[[], Any]:
        import resource_ode as ro

        model, times = ensemble.model(dtype), ensemble.times.astype(dtype)
        if task == LEVELS:
            return lambda: ro.simulate(model, times, tolerance=tolerance).level
        return lambda: ro.learning_times(model, LEVEL, tolerance=tolerance)

    setting = "default tolerance" if tolerance is None else f"tolerance {tolerance:g}"
    return Candidate(
        "resource_ode" if tolerance is not None else "resource_ode, default",
        task,
        prepare,
        BOUND[dtype],
        setting,
        ours=True,
        program=f"ours {task}",
        gpu=True,
    )


def fused_kernel(task: str, tolerance: float, dtype: str, *, alone: bool = False, apart: bool = True) -> Candidate:
    """This library, its first solves by `resource_ode.gpu_kernel`; or these `alone`, from the device to the device, and
    nobody who is unsure solved again. With `apart`, tried in a process of its own first: a program that breaks on a GPU
    takes all that its process does there with it.
    """
    plain = ours(task, tolerance, dtype)

    def prepare(ensemble: Ensemble) -> Callable[[], Any]:
        if apart:
            _try_apart(f"fused_kernel({task!r}, {tolerance!r}, {dtype!r}, alone={alone}, apart=False)")
        call = first_solve(task, ensemble, dtype) if alone else plain.prepare(ensemble)

        def run() -> Any:
            with mock.patch.dict(os.environ, {"RESOURCE_ODE_GPU_KERNEL": "pallas"}):
                return call()

        return run

    name = "resource_ode, fused kernel alone" if alone else "resource_ode, fused kernel"
    return dataclasses.replace(plain, name=name, prepare=prepare, program=f"{name} {task}", ours=not alone, cpu=False)


def first_solve(task: str, ensemble: Ensemble, dtype: str) -> Callable[[], Any]:
    """All graphs at once, as arrays on the device."""
    import jax
    import jax.numpy as jnp

    from resource_ode.solve.cascade import gpu_solver as gpu_kernel
    from resource_ode.solve.cascade.refine import COARSE_PANELS, PANELS
    from resource_ode.solve.cascade.times import TIMES_PANELS

    model = jax.device_put(ensemble.model(dtype).flat())
    clocks = (model.learning_rate[:, None], model.wasted_resource[:, None])
    times = jnp.asarray(ensemble.times, dtype)

    def levels(model: Any, rate: Any, waste: Any) -> Any:
        last = rate[:, 0] * times[-1] / waste[:, 0] * (1 + 1e-5)
        options = {"panels": PANELS, "coarse": COARSE_PANELS}
        state = gpu_kernel.trajectories(model, rate, waste, last, times, **options)[0][:, 0]
        return -jnp.expm1(-model.frequency[:, None] * state)

    def reached(model: Any, rate: Any, waste: Any) -> Any:
        options = {"panels": TIMES_PANELS, "coarse": COARSE_PANELS}
        return gpu_kernel.learning_times(model, rate, waste, -jnp.log1p(-jnp.asarray(LEVEL, dtype)), **options)[0][:, 0]

    solve = jax.jit(levels if task == LEVELS else reached)
    return lambda: solve(model, *clocks)


def _try_apart(candidate: str) -> None:
    """Run a candidate on a few graphs in another process, and raise what goes wrong there."""
    lines = (
        "from benchmarks.candidates import *",
        "from benchmarks.ensemble import random_graphs",
        f"{candidate}.prepare(random_graphs(0, 1024))().block_until_ready()",
    )
    try:
        subprocess.run(
            [sys.executable, "-c", "; ".join(lines)], check=True, capture_output=True, text=True, timeout=300
        )
    except subprocess.CalledProcessError as problem:
        raise RuntimeError((problem.stderr.strip() or f"exit status {problem.returncode}").splitlines()[-1]) from None


def in_numba(task: str, relative: float, absolute: float, *, vector: bool = True) -> Candidate:
    def prepare(ensemble: Ensemble) -> Callable[[], Any]:
        from .rivals import numba_tsit5

        if task == LEVELS:
            return lambda: numba_tsit5.levels(ensemble, relative, absolute, vector_exponential=vector)

        def run() -> tuple[np.ndarray, np.ndarray]:
            times, _, steps = numba_tsit5.learning_times(ensemble, relative, absolute, vector_exponential=vector)
            return times, steps

        return run

    return Candidate(
        NUMBA if vector else f"{NUMBA}, libm exponentials",
        task,
        prepare,
        BOUND["float64"],
        f"rtol {relative:g}, atol {absolute:g}, all cores",
        needs=("numba",),
        program=f"numba {task} {vector}",
    )


def in_diffrax(
    task: str,
    relative: float,
    absolute: float,
    dtype: str,
    *,
    bound: float | None = None,
    most: int | None = None,
    rounds: int | None = None,
    **options: Any,
) -> Candidate:
    def prepare(ensemble: Ensemble) -> Callable[[], Any]:
        from .rivals import diffrax_vmapped

        choose = diffrax_vmapped.prepare_levels if task == LEVELS else diffrax_vmapped.prepare_times
        return choose(ensemble, relative, absolute, smooth=True, dtype=dtype, **options)

    solver, state = options.get("solver", "Tsit5"), options.get("state", "depth")
    name = f"diffrax {solver}, {'log-depth' if state == 'depth' else 'u clamped'}"
    return Candidate(
        name,
        task,
        prepare,
        BOUND[dtype] if bound is None else bound,
        f"rtol {relative:g}, atol {absolute:g}, PI, vmapped",
        program=f"{name} {task}",
        most=most,
        rounds=rounds,
        gpu=True,
    )


def in_torchode(relative: float, absolute: float) -> Candidate:
    def prepare(ensemble: Ensemble) -> Callable[[], Any]:
        from .rivals import torchode_tsit5

        return torchode_tsit5.prepare_levels(ensemble, relative, absolute)

    return Candidate(
        "torchode Tsit5, log-depth",
        LEVELS,
        prepare,
        BOUND["float64"],
        f"rtol {relative:g}, atol {absolute:g}, PI",
        needs=("torch", "torchode"),
        rounds=2,
    )


def in_numbalsoda(relative: float, absolute: float) -> Candidate:
    def prepare(ensemble: Ensemble) -> Callable[[], Any]:
        from .rivals import numbalsoda_lsoda

        packed = numbalsoda_lsoda.pack(ensemble)
        return lambda: numbalsoda_lsoda.levels(ensemble, packed, relative, absolute)

    return Candidate(
        "numbalsoda LSODA, log-depth",
        LEVELS,
        prepare,
        BOUND["float64"],
        f"rtol {relative:g}, atol {absolute:g}, one thread",
        needs=("numba", "numbalsoda"),
        rounds=3,
    )


def in_scipy(relative: float, absolute: float, most: int = 48) -> Candidate:
    def prepare(ensemble: Ensemble) -> Callable[[], Any]:
        from .rivals import scipy_lsoda

        return lambda: scipy_lsoda.levels(ensemble, relative, absolute)

    return Candidate(
        "SciPy LSODA, log-depth",
        LEVELS,
        prepare,
        BOUND["float64"],
        f"rtol {relative:g}, atol {absolute:g}, a graph at a time",
        needs=("scipy",),
        most=most,
        rounds=2,
    )


def in_numpy(most: int = 3) -> Candidate:
    def prepare(ensemble: Ensemble) -> Callable[[], Any]:
        from .rivals import numpy_euler

        return lambda: numpy_euler.levels(ensemble)

    # training steps of size one are a coarse Euler method for the ODE: the bound is what that costs in level
    return Candidate(
        "NumPy Euler in u, the paper's loop",
        LEVELS,
        prepare,
        0.3,
        "step 1, a graph at a time",
        most=most,
        rounds=2,
    )


def table(dtype: str = "float64") -> Iterator[Candidate]:
    """The candidates of the main table; the first of each task is the one that ratios are taken to."""
    if dtype == "float32":
        yield ours(LEVELS, 1e-4, dtype)
        yield ours(LEVELS, None, dtype)
        yield fused_kernel(LEVELS, 1e-4, dtype)
        yield fused_kernel(LEVELS, 1e-4, dtype, alone=True)
        yield in_diffrax(LEVELS, 1e-5, 1e-6, dtype)
        yield in_diffrax(LEVELS, 1e-5, 1e-6, dtype, solver="Dopri5")
        yield ours(TIMES, 1e-4, dtype)
        yield fused_kernel(TIMES, 1e-4, dtype)
        yield fused_kernel(TIMES, 1e-4, dtype, alone=True)
        yield in_diffrax(TIMES, 1e-5, 1e-6, dtype)
        yield in_diffrax(TIMES, 1e-5, 1e-6, dtype, solver="Dopri5")
        return
    yield ours(LEVELS, 1e-5, dtype)
    yield ours(LEVELS, None, dtype)
    yield in_numba(LEVELS, 3e-7, 1e-8)
    yield in_numba(LEVELS, 3e-7, 1e-8, vector=False)
    yield in_diffrax(LEVELS, 2.5e-7, 5e-9, dtype)
    yield in_diffrax(LEVELS, 6e-7, 5e-8, dtype, solver="Dopri5")
    yield in_numbalsoda(3e-7, 3e-8)
    yield in_torchode(1e-7, 3e-8)
    yield in_scipy(2e-7, 1e-8)
    # clamped at zero the field has a kink in every step that reaches it: no tolerance gives 1e-5
    yield in_diffrax(LEVELS, 1e-7, 1e-7, dtype, state="unlearned", bound=0.1, most=32, rounds=1, max_steps=65536)
    yield in_numpy()
    yield ours(TIMES, 1e-6, dtype)
    yield ours(TIMES, None, dtype)
    yield in_numba(TIMES, 1e-6, 3e-9)
    yield in_diffrax(TIMES, 4e-7, 2e-8, dtype)
    yield in_diffrax(TIMES, 1.5e-6, 5e-8, dtype, solver="Dopri5")


def quick(dtype: str = "float64") -> list[Candidate]:
    """One of each make, for a run that only shows that everything runs."""
    left_out = ("default", "libm", "Dopri5", "clamped", "numbalsoda")
    kept = [candidate for candidate in table(dtype) if not any(word in candidate.name for word in left_out)]
    return [dataclasses.replace(c, most=min(c.most, 4)) if c.most else c for c in kept]


def work_precision(dtype: str = "float64") -> Iterator[Candidate]:
    """The same methods over their tolerances; nothing is promised, the error is what is drawn."""
    for tolerance in (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8):
        yield ours(LEVELS, tolerance, dtype)
    for tolerance in (1e-5, 1e-6, 1e-7, 1e-8, 1e-9):
        yield in_numba(LEVELS, tolerance, tolerance / 10)
        yield in_diffrax(LEVELS, tolerance, tolerance / 10, dtype)
        yield in_diffrax(LEVELS, tolerance, tolerance / 10, dtype, solver="Dopri5")
        yield in_diffrax(LEVELS, tolerance, tolerance / 10, dtype, solver="Dopri8")
        yield in_numbalsoda(tolerance, tolerance / 10)
    for tolerance in (1e-5, 1e-6, 1e-7, 1e-8):
        yield in_torchode(tolerance, tolerance / 10)
        yield in_scipy(tolerance, tolerance / 10, 24)
    for tolerance in (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8):
        yield ours(TIMES, tolerance, dtype)
    for tolerance in (1e-5, 1e-6, 1e-7, 1e-8, 1e-9):
        yield in_numba(TIMES, tolerance, tolerance / 10)
        yield in_diffrax(TIMES, tolerance, tolerance / 10, dtype, max_steps=1024)
        yield in_diffrax(TIMES, tolerance, tolerance / 10, dtype, solver="Dopri5", max_steps=1024)
