"""The verb `simulate`: convert, check, choose a method, solve, wrap."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, overload

import numpy as np
from jaxtyping import Array

from ..base.annotations import AbstractAdjoint, AbstractSolver, AbstractStepSizeController, Numbers
from ..base.tracing import captures_traced, evaluated, is_concrete
from ..base.values import checked_times
from ..model.model import ResourceModel
from ..model.soundness import lost_unless_sound
from ..results.trajectory import Trajectory
from .cascade.batch import backend_for, batch_trajectories
from .cascade.traced import checks_graphs
from .choose import choose
from .learning import horizon
from .members import OfSound, checked_wish, where_sound
from .method import ODE, AbstractMethod, Cascade, Modes, Steps, as_method
from .modes import solve_modes
from .ode import solve_ode
from .steps import solve_steps
from .tolerance import as_tolerance

# rows of a run for which no times are given, and how far they go beyond the last learning time
ROWS, BEYOND = 201, 1.05
Reduced = TypeVar("Reduced")


@overload
def simulate(
    model: ResourceModel, ts: Numbers | None = None, *, method: str | AbstractMethod = "auto",
    tolerance: Numbers | None = None, solver: AbstractSolver | None = None,
    controller: AbstractStepSizeController | None = None, adjoint: AbstractAdjoint | None = None,
    max_steps: int | None = None, batch_size: int | None = None,
    reduce: None = None, progress: Callable[[int, int], object] | None = None,
) -> Trajectory: ...  # fmt: skip
@overload
def simulate(
    model: ResourceModel, ts: Numbers | None = None, *, method: str | AbstractMethod = "auto",
    tolerance: Numbers | None = None, solver: AbstractSolver | None = None,
    controller: AbstractStepSizeController | None = None, adjoint: AbstractAdjoint | None = None,
    max_steps: int | None = None, batch_size: int | None = None,
    reduce: Callable[[Trajectory], Reduced], progress: Callable[[int, int], object] | None = None,
) -> Reduced: ...  # fmt: skip
def simulate(
    model: ResourceModel,
    ts: Numbers | None = None,
    *,
    method: str | AbstractMethod = "auto",
    tolerance: Numbers | None = None,
    solver: AbstractSolver | None = None,
    controller: AbstractStepSizeController | None = None,
    adjoint: AbstractAdjoint | None = None,
    max_steps: int | None = None,
    batch_size: int | None = None,
    reduce: Callable[[Trajectory], Any] | None = None,
    progress: Callable[[int, int], Any] | None = None,
) -> Any:
    r"""Levels over training steps, for one model or a batch.

    **Arguments:**

    - `model`: a [`resource_ode.ResourceModel`][]; its batch axes become those of the result.
    - `ts`: `(time,)`, training steps at which to report, not negative and increasing. Every method starts at `t = 0`,
        whatever `ts[0]`. Without any: 201 times from 0 to 1.05 times when the last skill reaches level 0.95.
    - `method`: `"auto"` takes the fastest that applies; `"cascade"` solves in resource time, and so does `"modes"`
        with interference, by eigenvectors; `"ode"` integrates in training steps with diffrax, and takes every model
        with $N_0 > 0$; `"steps"` is the discrete recursion $u \leftarrow \max(u - \eta r, 0)$ of sign descent, for
        which `ts` are whole numbers. These are short for [`resource_ode.Cascade`][], [`resource_ode.Modes`][],
        [`resource_ode.ODE`][] and [`resource_ode.Steps`][], which hold their own options.

    **Other arguments:**

    - `tolerance`: bound of the level error (absolute); default 1e-6 in float64, 2e-4 in float32. `"steps"` has none.
        A run succeeds only if its estimated error and its budget residual are within it; otherwise it is `inaccurate`.
    - `solver`, `controller`, `adjoint`, `max_steps`: short for those of `method=ODE(...)`: passed to diffrax (defaults
        `Tsit5`, a `PIDController`, and an adjoint that allows both `jvp` and `vjp`).
    - `batch_size`: largest number of members solved at a time, which bounds the memory beyond the result's own. Gate
        exponents that share the cascade of a graph stay together, also where they are more.
        Refused under `jit`, `vmap` and `grad`, as is `progress`.
    - `reduce`: a function of one member's [`resource_ode.Trajectory`][], evaluated inside the compiled solve in place
        of keeping the trajectory; the result has `(*batch,)` in front of whatever it returns.
    - `progress`: called on the host as `progress(done, members)` after each piece.

    **Returns:** a [`resource_ode.Trajectory`][], or what `reduce` makes of it.

    **Raises:** `ValueError` for wrong input, before anything is solved. A member that fails never raises: its
    `result` says why, its values are NaN (but for `inaccurate`, which keeps them), and its neighbours are not touched.

    **Example:**

    >>> import resource_ode as ro
    >>> model = ro.ResourceModel(ro.SkillGraph([[]]), [1.0], learning_rate=1e-3, wasted_resource=1e-6)
    >>> run = ro.simulate(model, [0.0, 500.0])
    >>> round(float(run.level[-1, 0]), 3)
    0.5
    """
    if not isinstance(model, ResourceModel):
        raise ValueError(f"model: expected a ResourceModel, got {type(model).__name__}")
    options = {"tolerance": tolerance, "solver": solver, "controller": controller, "adjoint": adjoint}
    way, why = choose(model, as_method(method, max_steps=max_steps, **options), method)
    traced = not is_concrete(model, ts, getattr(way, "tolerance", None)) or captures_traced(reduce)
    with evaluated(not traced):
        if ts is None:
            ts = default_times(model, whole=isinstance(way, Steps))
        else:
            with evaluated(is_concrete(ts)):
                ts = checked_times(ts, model.dtype)
        return _simulate(model, ts, way, why, (batch_size, progress, reduce), traced=traced)


def _simulate(
    model: ResourceModel, ts: Array, way: AbstractMethod, why: str, wishes: tuple[Any, Any, Any], *, traced: bool
) -> Any:
    backend = backend_for(model, under_trace=traced) if isinstance(way, Cascade) else None
    if backend is not None:
        why = f"{why}; by {backend.name}"
    wish = checked_wish(*wishes, f"{way.name} ({why})", traced=traced)
    reduce, by_ode = wish.reduce, 0
    if traced and backend is None and reduce is not None:
        wish = wish._replace(reduce=OfSound(reduce))
    if isinstance(way, Cascade) and backend is not None:
        tolerance = as_tolerance(way.tolerance, "level", backend.floors, model.dtype)
        given = lost_unless_sound(model, ts, graph_too=not checks_graphs(model)) if traced else model
        result, by_ode, _ = batch_trajectories(given, ts, tolerance, wish, backend, under_trace=traced)
    elif isinstance(way, Modes):
        tolerance = as_tolerance(way.tolerance, "level", way.name, model.dtype)
        result, by_ode, _ = solve_modes(model, ts, tolerance, wish)
    elif isinstance(way, ODE):
        result = solve_ode(model, ts, as_tolerance(way.tolerance, "level", way.name, model.dtype), way, wish)
    else:
        result = solve_steps(model, ts, wish)
    if by_ode:
        wish = wish._replace(method=f'{wish.method}, and "ode" for members that it was not sure of')
    if reduce is not None:
        return result
    state, clock, spent, codes = result
    kind = "direct" if isinstance(way, Steps) or model.interference is not None else "exposure"
    run = Trajectory(ts, state, clock, spent, codes, model, kind, wish.method)
    return where_sound(run) if traced and backend is None else run


def default_times(model: ResourceModel, *, whole: bool) -> Array:
    """Times from 0 to a little beyond the last skill's 95% in the slowest member.

    **Raises:** `ValueError` where that is traced, or never happens, or is the beginning.
    """
    if not is_concrete(model):
        raise ValueError("ts: expected times, since under jit, vmap and grad they cannot follow from the model")
    last = float(np.max(np.asarray(horizon(model))))
    if not np.isfinite(last):
        raise ValueError("ts: expected times, since not every skill of the model ever reaches level 0.95")
    if last <= 0:
        raise ValueError("ts: expected times, since every skill of the model begins at level 0.95 or above")
    times = np.linspace(0, BEYOND * last, ROWS)
    return checked_times(np.unique(np.round(times)) if whole else times, model.dtype)
