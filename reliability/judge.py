"""Solve one cell with the package and hold every member against its reference."""

from __future__ import annotations

import collections
import dataclasses
import re
import time
import warnings
from typing import Any

import numpy as np

from . import cells, references, targets
from .cells import Cell

# a reference has to be this much better than what is asked for
MARGIN = 0.1
# a call that takes longer is made twice: the first one may have compiled
SECONDS = 0.3
# members are timed alone until so much is spent
MOST_ALONE = 15.0
# what a sentence of the package begins with: the name of an argument, perhaps with a place in it
_SUBJECT = re.compile(r"[A-Za-z_][\w.]*(\[[^\]]*\])?( [^:]*)?: ")
# members alone may differ from the same members in a batch by rounding
ROUNDING = {"float64": 1e-10, "float32": 1e-5}


@dataclasses.dataclass
class Verdict:
    """Counts of members by outcome, seconds of the call, and what was wrong."""

    counts: dict[str, int]
    seconds: float
    wrong: list[str]
    worst: float = 0.0
    # seconds of each member alone, where it was solved alone
    alone: list[float] = dataclasses.field(default_factory=list)


def prepare() -> None:
    """What a worker does once. Without optimisation programs compile four times faster, and they run few times."""
    import importlib.metadata
    import os

    flags = "--xla_backend_optimization_level=0"
    # not known to the XLA of JAX 0.11, which ends the process at a flag that it does not know
    if tuple(map(int, importlib.metadata.version("jaxlib").split(".")[:2])) < (0, 11):
        flags += " --xla_cpu_use_fusion_emitters=false"
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flags}".strip()
    import jax

    import resource_ode  # noqa: F401

    jax.config.update("jax_enable_x64", True)
    if not os.environ.get("JAX_COMPILATION_CACHE_DIR"):
        jax.config.update("jax_compilation_cache_dir", "out/reliability/compiled")
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)


def judge(name: str) -> Verdict:
    """The verdict on one cell."""
    cell = cells.build(name)
    count = 1 if cell.single else len(cell.members)
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            model = cells.model_of(cell)
            begin = time.process_time()
            found = _solve(cell, model)
            seconds = time.process_time() - begin
            if SECONDS < seconds < 20:
                begin = time.process_time()
                found = _solve(cell, model)
                seconds = time.process_time() - begin
    except Exception as error:
        if is_refusal(error):
            return Verdict({f"refused: {_reason(error)}": count}, 0.0, [])
        file, _, line = targets.frames_of(error)[-1]
        text = f"{type(error).__name__} at {file.rsplit('/', 2)[-1]}:{line}: {error!s:.200}"
        return Verdict({"crash": count}, 0.0, [text])
    counts: collections.Counter[str] = collections.Counter()
    wrong, worst = [], 0.0
    for warning in said:
        if not (issubclass(warning.category, UserWarning) and "learning_times" in str(warning.message)):
            wrong.append(f"a warning: {warning.category.__name__}: {warning.message!s:.150}")
    for k in range(count):
        outcome, error, text = _member(cell, k, found)
        counts[outcome] += 1
        if outcome == "right":
            worst = max(worst, error / cell.bound)
        if text:
            wrong.append(f"member {k}: {text}")
    # elsewhere one member alone would compile a program of its own
    alone: list[float] = []
    if cell.mode == "eager" and not cell.single and count > 1 and (cell.kind.looped or cell.number % 4 == 0):
        text = _alone(cell, model, found)
        alone = _seconds_alone(cell, model)
        if text:
            counts["WRONG"] += 1
            wrong.append(text)
    return Verdict(dict(counts), seconds, wrong, worst, alone)


def is_refusal(error: Exception) -> bool:
    """Whether an error is a declared one: raised by the package, in a sentence that begins with what it is about."""
    return isinstance(error, ValueError) and targets.is_own(error) and bool(_SUBJECT.match(str(error)))


def _seconds_alone(cell: Cell, model: Any) -> list[float]:
    """Seconds of each member alone, without what has to be compiled for it; fewer where they take too long."""
    spent: list[float] = []
    single = dataclasses.replace(cell, single=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for k in range(len(cell.members)):
            member, seconds = model[k], np.inf
            for _ in range(2):
                begin = time.process_time()
                _solve(single, member)
                seconds = min(seconds, time.process_time() - begin)
            spent.append(seconds)
            if sum(spent) > MOST_ALONE:
                break
    return spent


def _reason(error: Exception) -> str:
    """A sentence without its numbers."""
    return re.sub(r"[-+]?\d[\d.e+-]*", "#", str(error))[:110]


def _solve(cell: Cell, model: Any) -> dict[str, np.ndarray]:
    """What the package says, as arrays with a leading member axis."""
    import jax
    import jax.numpy as jnp

    import resource_ode as ro

    dtype = np.dtype(cell.dtype)
    ts = jnp.asarray(cell.ts, dtype)
    given = (cell.level, cell.tolerance)
    if cell.mode == "jit":
        # traced, so that other numbers do not compile anew
        given = (jnp.asarray(cell.level, dtype), cell.tolerance and jnp.asarray(cell.tolerance, dtype))
    if cell.verb == "simulate":

        def run(model: Any, ts: Any, level: Any, tolerance: Any) -> Any:
            found = ro.simulate(model, ts, tolerance=tolerance)
            return found.level, found.budget_residual, _codes(found)

        if cell.mode == "jit":
            run = _jitted(cell, run)
        level, residual, codes = jax.block_until_ready(run(model, ts, *given))
        out = {"level": level, "residual": residual, "fine": codes == 0, "code": codes}
    else:

        def run(model: Any, ts: Any, level: Any, tolerance: Any) -> Any:
            return ro.learning_times(model, level, tolerance=tolerance)

        if cell.mode == "jit":
            run = _jitted(cell, run)
        out = {"times": jax.block_until_ready(run(model, ts, *given))}
    arrays = {key: np.asarray(value) for key, value in out.items()}
    return {key: value[None] for key, value in arrays.items()} if cell.single else arrays


# how a member may have ended; a code that is not among them counts as success, and then has to be right
CODES = ("successful", "max_steps_reached", "not_finite", "inaccurate", "no_waste")


def _codes(run: Any) -> Any:
    """Positions in `CODES`."""
    import jax.numpy as jnp

    import resource_ode as ro

    found = [run.result == getattr(ro.RESULTS, name) for name in CODES]
    return jnp.argmax(jnp.stack(found), axis=0)


_compiled: dict[Any, Any] = {}


def _jitted(cell: Cell, run: Any) -> Any:
    """One compiled function for all cells that differ in numbers only."""
    import jax

    key = cell.verb
    if key not in _compiled:
        _compiled[key] = jax.jit(run)
    return _compiled[key]


def _member(cell: Cell, k: int, found: dict[str, np.ndarray]) -> tuple[str, float, str]:
    """Outcome of one member, its error, and in words what is wrong with it."""
    simulated = cell.verb == "simulate"
    if simulated and not found["fine"][k]:
        code = CODES[int(found["code"][k])]
        return ("inaccurate, said" if code == "inaccurate" else f"refused: code {code}"), 0.0, ""
    if not simulated and np.isnan(found["times"][k]).all():
        return "refused: times are NaN", 0.0, ""
    scipy_only = cell.kind.feature in ("crossing", "interference")
    try:
        with np.errstate(all="ignore"):
            truth = references.solve(
                cell.members[k], cell.ts if simulated else np.zeros(0), None if simulated or scipy_only else cell.level
            )
        note = truth.note
    except references.NoReference:
        return "no reference", 0.0, ""
    if simulated:
        if truth.level_error > MARGIN * cell.bound or not np.isfinite(truth.levels).all():
            return "no reference", 0.0, ""
        got = found["level"][k].astype(float)
        if not np.isfinite(got).all():
            return "WRONG", np.inf, "a level is not finite, and the run succeeded"
        off = np.abs(got - truth.levels)
        error = float(off.max())
        if error > cell.bound * (1 + 1e-6) + truth.level_error:
            row, skill = np.unravel_index(off.argmax(), off.shape)
            residual = float(np.nanmax(np.abs(found["residual"][k])))
            text = (
                f"level {got[row, skill]:.9g}, right is {truth.levels[row, skill]:.9g} (skill {skill}, "
                f"t = {cell.ts[row]:.6g}); error {error:.2g}, asked {cell.bound:g}; budget residual {residual:.2g}"
            )
            return "WRONG", error, text
        residual = float(np.nanmax(np.abs(np.where(_lawful(cell, k), found["residual"][k], 0))))
        if not residual <= max(cell.bound, 1e-6 if cell.dtype == "float64" else 2e-4):
            return (
                "WRONG",
                error,
                f"the run succeeded with a budget residual of {residual:.2g}; level error {error:.2g}",
            )
        return "right", error, ""
    got, right = found["times"][k].astype(float), truth.times
    known = ~np.isnan(right) & (truth.time_error <= MARGIN * cell.bound)
    if note or not known.all():
        return "no reference", 0.0, ""
    most = float(np.finfo(cell.dtype).max)
    right = np.where(right > most, np.inf, right)
    least = float(np.finfo(cell.dtype).tiny)
    with np.errstate(all="ignore"):
        off = np.where(got == right, 0.0, np.abs(got - right) / np.maximum(np.abs(right), least))
    off = np.where((np.isinf(got) != np.isinf(right)) & ~np.isnan(got), np.inf, off)
    off = np.where((got <= 0) & (right > least), np.inf, off)
    if np.isnan(off).any():
        # a member is NaN as a whole or not at all; single times may be said to be unsure
        off = np.where(np.isnan(got), 0.0, off)
        if (off <= cell.bound * (1 + 1e-6)).all():
            return "inaccurate, said", 0.0, ""
    error = float(off.max())
    if error > cell.bound * (1 + 1e-6):
        skill = int(off.argmax())
        text = (
            f"time {got[skill]:.9g}, right is {right[skill]:.9g} (skill {skill}, level {cell.level:g}); "
            f"relative error {error:.2g}, asked {cell.bound:g}"
        )
        return "WRONG", error, text
    return "right", error, ""


def _lawful(cell: Cell, k: int) -> np.ndarray:
    """The times (and pools) at which the budget law holds: without waste a run ends, and the rest is unspent."""
    member = cell.members[k]
    if any(isinstance(x, tuple) for x in (member.learning_rate, member.wasted_resource)):
        return np.ones(len(cell.ts), bool)
    rate, waste = np.asarray(member.learning_rate), np.asarray(member.wasted_resource)
    if member.loss == "cross_entropy":
        return np.ones((len(cell.ts), *rate.shape), bool)
    ts = cell.ts if rate.ndim == 0 else cell.ts[:, None]
    # a pool holds at least one skill; with "l2" less than one unit a skill is spent
    count = member.skills if member.pool is None else np.bincount(member.pool, minlength=len(rate))
    return (waste > 0) | (rate * ts < (0.99 * count if member.competition == "l1" else 0.0))


def _alone(cell: Cell, model: Any, found: dict[str, np.ndarray]) -> str:
    """Whether one member of a batch, solved alone, is what it was among its neighbours."""
    k = len(cell.members) // 2
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            alone = _solve(dataclasses.replace(cell, single=True), model[k])
    except Exception as error:
        return f"member {k} alone: {type(error).__name__}: {error!s:.150}"
    near = ROUNDING[cell.dtype]
    if cell.verb == "simulate":
        if bool(alone["fine"][0]) != bool(found["fine"][k]):
            one, other = bool(alone["fine"][0]), bool(found["fine"][k])
            return f"member {k} alone: succeeded is {one}, among its neighbours {other}"
        if not alone["fine"][0]:
            return ""
        one, other = alone["level"][0], found["level"][k]
        off = float(np.abs(one - other).max())
    else:
        one, other = alone["times"][0], found["times"][k]
        if (np.isnan(one) != np.isnan(other)).any():
            return (
                f"member {k} alone: NaN at {np.isnan(one).sum()} times, among its neighbours at {np.isnan(other).sum()}"
            )
        with np.errstate(all="ignore"):
            off = float(np.nanmax(np.where(one == other, 0, np.abs(one - other) / np.abs(other)), initial=0))
    if off > max(near, 2 * cell.bound):
        return f"member {k} alone: differs by {off:.2g} from what it is among its neighbours"
    return ""
