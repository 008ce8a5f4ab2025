"""What a measure takes: a model, a run, or numbers; checked, with one sentence where it is something else."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from ..base.lost import nan_unless
from ..base.modules import with_fields
from ..base.tracing import concrete_number, is_concrete
from ..base.values import brief, plain
from ..base.warning import warn
from ..model.model import ResourceModel
from ..results.outcome import RESULTS
from ..results.trajectory import Trajectory
from ..solve.learning import horizon
from ..solve.simulation import simulate

# a profile without times of its own: so many rows, to a little beyond the last skill's horizon
POINTS, BEYOND, LAST_LEVEL = 201, 1.05, 0.95


def checked_source(source: Any) -> ResourceModel | Trajectory:
    """A model or a run.

    **Raises:** `ValueError` for anything else.
    """
    if not isinstance(source, ResourceModel | Trajectory):
        raise ValueError(f"source: expected a ResourceModel or a Trajectory, got {type(source).__name__}")
    return source


def checked_run(run: Any) -> Trajectory:
    """A run.

    **Raises:** `ValueError` for anything else.
    """
    if not isinstance(run, Trajectory):
        raise ValueError(f"run: expected a Trajectory, as simulate returns it, got {type(run).__name__}")
    return run


def refuse_for_run(**given: Any) -> None:
    """Keywords that only a model takes.

    **Raises:** `ValueError` for one that is given.
    """
    for name, value in given.items():
        if value is not None:
            raise ValueError(f"{name}: only a model takes it, since a run has its rows already; got {brief(value)}")


def checked_level(level: Any) -> Any:
    """A level between 0 and 1; NaN for a traced one that is not.

    **Raises:** `ValueError` for a concrete one.
    """
    number = concrete_number(level)
    if number is None:
        return jnp.where((level > 0) & (level < 1), level, jnp.nan)
    if not 0 < number < 1:
        raise ValueError(f"level: expected a number between 0 and 1, got {level!r}")
    return level


def check_tolerance(tolerance: Any) -> None:
    """**Raises:** `ValueError` for a concrete tolerance that is no number between 0 and 1."""
    number = None if tolerance is None else concrete_number(tolerance)
    if number is not None and not 0 < number < 1:
        raise ValueError(f"tolerance: expected a number between 0 and 1, got {tolerance!r}")


def profile_of(source: Any, ts: Any, tolerance: Any) -> Trajectory:
    """The run that a profile is read from: the run itself, or that of a model at `ts`, where members that are not
    within the tolerance are NaN, with a warning that says why.

    **Raises:** `ValueError` for anything but a model or a run, or for a model of which some skill is never learned and
    no times are given.
    """
    source = checked_source(source)
    if isinstance(source, Trajectory):
        refuse_for_run(ts=ts, tolerance=tolerance)
        return source
    run = simulate(source, _times(source) if ts is None else ts, tolerance=tolerance)
    failed = run.result != RESULTS.successful
    if is_concrete(failed):
        if not np.any(np.asarray(failed)):
            return run
        warn(f"source: what is measured on it is NaN where its run failed: {run.failures()}", stacklevel=3)

    def known(value: Array) -> Array:
        return nan_unless(~jnp.expand_dims(failed, tuple(range(failed.ndim, value.ndim))), value)

    return with_fields(run, state=known(run.state), clock=known(run.clock))


def _times(model: ResourceModel) -> Array:
    last = jnp.max(horizon(model, LAST_LEVEL))
    if is_concrete(last) and not (np.isfinite(last) and last > 0):
        raise ValueError(f"ts: expected times, since the last skill reaches level {LAST_LEVEL:g} after {last:g} steps")
    return jnp.linspace(jnp.zeros_like(last), BEYOND * last, POINTS)


def numbers(name: str, values: Any) -> Float[Array, "*batch skill"]:
    """An array of floats with a skill axis.

    **Raises:** `ValueError` for anything else.
    """
    array = jnp.asarray(plain(name, values, "numbers, one per skill"))
    if array.ndim == 0 or array.shape[-1] == 0:
        raise ValueError(f"{name}: expected shape (*batch, skill) with at least one skill, got {array.shape}")
    return array if jnp.issubdtype(array.dtype, jnp.floating) else array.astype(float)


def is_traced(*values: Any) -> bool:
    """Whether any of these is being traced."""
    return any(isinstance(value, Tracer) for value in values) or not is_concrete(*values)
