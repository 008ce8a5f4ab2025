"""What parameters of a model may be: their axes, their bounds, and how each is read from what a user gave."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..base import html
from ..base.modules import with_fields
from ..base.tracing import is_concrete
from ..base.values import float_type, in_range, not_by_skill, plain
from .schedule import Schedule

# number of trailing axes of each parameter that belong to one member (the rest are batch axes)
MEMBER_AXES = {
    "frequency": 1,
    "learning_rate": 0,
    "wasted_resource": 0,
    "gate_exponent": 0,
    "interference": 2,
    "initial_level": 1,
    "frequency_after": 1,
    "pool": 1,
    "plateau": 0,
    "frequency_power": 0,
    "learnability": 1,
    "prerequisite_strength": 2,
}
# these gain a last axis where there are pools
POOLED = ("learning_rate", "wasted_resource")
# where the numbers of each are; a schedule may pause, and have zeros
BOUNDS: dict[str, dict[str, float]] = {
    "frequency": {"above": 0.0},
    "learning_rate": {"above": 0.0},
    "wasted_resource": {"least": 0.0},
    "gate_exponent": {"above": 0.0},
    "initial_level": {"least": 0.0, "below": 1.0},
    "frequency_after": {"above": 0.0},
    "plateau": {"above": 0.0, "most": 1.0},
    "frequency_power": {"least": 0.0},
    "learnability": {"above": 0.0},
    "prerequisite_strength": {"least": 0.0, "most": 1.0},
}
# what may change with time
SCHEDULED = ("frequency", *POOLED)
# more pools than this are a slip: each takes memory, whether a skill is in it or not
MOST_POOLS = 2**20


def dtype_of(frequency: Any) -> Any:
    """The floating-point type of a model: that of an array of frequencies, else JAX's default."""
    dtype = float_type(frequency.values if isinstance(frequency, Schedule) else frequency)
    if jnp.finfo(dtype).bits < 32:
        raise ValueError(f"frequency: expected numbers in float32 or float64, got {dtype}")
    return dtype


def parameter(name: str, value: Any, dtype: Any, skills: Sequence[str] | None = None) -> Any:
    """A parameter as an array of a type, or a schedule of that type, checked where it is concrete."""
    if value is None:
        return None
    if isinstance(value, Schedule):
        if name not in SCHEDULED:
            raise ValueError(f"{name}: expected numbers, got a schedule, which only {', '.join(SCHEDULED)} may have")
        # a schedule may pause: zero is allowed where a constant must be positive
        in_range(f"{name} (schedule)", value.values, dtype, least=0.0)
        return with_fields(value, times=value.times.astype(dtype), values=value.values.astype(dtype))
    if callable(value):
        hint = (
            ""
            if name not in POOLED
            else ("; a function of the training step is read by ro.Schedule.sampled(function, until)")
        )
        raise ValueError(f"{name}: expected numbers, got a function{hint}")
    if not MEMBER_AXES[name]:
        not_by_skill(name, value, skills)
    return in_range(name, value, dtype, **BOUNDS[name])


def own_shape(name: str, skills: int, fan_in: int) -> tuple[int, ...]:
    """The axes of a parameter that belong to one member (none for those that a pool axis may follow)."""
    return (skills, fan_in) if name == "prerequisite_strength" else (skills,) * MEMBER_AXES[name]


def overlaps(value: Any, dtype: Any) -> Array | None:
    """Interference: overlaps of unit vectors, so symmetric, between -1 and 1, and positive semidefinite (a Gram
    matrix); up to rounding in the coarser of the type given and the type of the model.
    """
    if value is None:
        return None
    given = plain("interference", value)
    if given.ndim < 2 or given.shape[-1] != given.shape[-2]:
        raise ValueError(f"interference: expected overlaps of shape (*batch, skill, skill), got {given.shape}")
    overlap = in_range("interference", given, dtype)
    if not is_concrete(given):
        return overlap
    numbers = np.asarray(given, float)
    kinds = [kind for kind in (given.dtype, dtype) if jnp.issubdtype(kind, jnp.floating)]
    tolerance = max(map(overlap_slack, kinds))

    def refuse(wrong: np.ndarray, expected: str) -> None:
        if wrong.any():
            where = tuple(int(i) for i in np.argwhere(wrong)[0])
            raise ValueError(f"interference: expected {expected}, got {numbers[where]:g} at index {where}")

    unit = np.eye(numbers.shape[-1], dtype=bool)
    refuse(unit & (np.abs(numbers - 1) > tolerance), "a unit diagonal (task vectors of length 1)")
    turned = np.swapaxes(numbers, -1, -2)
    refuse(np.abs(numbers - turned) > tolerance, "a symmetric matrix of overlaps")
    refuse(np.abs(numbers) > 1 + tolerance, "overlaps from -1 to 1")
    _check_semidefinite(numbers, tolerance * numbers.shape[-1])
    return overlap


def overlap_slack(dtype: Any) -> float:
    """By how much rounding may make overlaps miss what those of unit vectors are."""
    return 100 * float(jnp.finfo(dtype).eps)


def _check_semidefinite(numbers: np.ndarray, tolerance: float) -> None:
    if not numbers.size:
        return
    try:
        # a third of the work of eigenvalues
        np.linalg.cholesky(numbers + tolerance * np.eye(numbers.shape[-1]))
        return
    except np.linalg.LinAlgError:
        least = np.linalg.eigvalsh(numbers)[..., 0]
    if np.any(least < -tolerance):
        member = np.unravel_index(int(np.argmin(least)), least.shape)
        where = f" in member {tuple(int(i) for i in member)} of the batch" if member else ""
        raise ValueError(
            "interference: expected the overlaps of unit vectors, a positive semidefinite matrix, "
            f"got one whose smallest eigenvalue is {least[member]:.3g}{where}"
        )


def pools_of(pool: Any, learning_rate: Any, wasted_resource: Any) -> tuple[Array | None, int]:
    """The pool of each skill, and the number of pools."""
    if pool is None:
        return None, 1
    pool = plain("pool", pool, "one integer per skill")
    if not jnp.issubdtype(pool.dtype, jnp.integer):
        raise ValueError(f"pool: expected one integer per skill, got {pool.dtype} numbers")
    if isinstance(learning_rate, Schedule) or isinstance(wasted_resource, Schedule):
        raise ValueError("pool: cannot be combined with a schedule of learning_rate or wasted_resource")
    widths: list[int] = [int(v.shape[-1]) for v in (learning_rate, wasted_resource) if v.ndim]
    if is_concrete(pool):
        numbers = np.asarray(pool)
        lowest, highest = int(numbers.min(initial=0)), int(numbers.max(initial=0))
        most = min([*widths, MOST_POOLS])
        if lowest < 0 or highest >= most:
            last = most - 1 if widths or highest >= most else highest
            raise ValueError(f"pool: expected integers from 0 to {last}, got {int(numbers.min())} to {highest}")
        count = max([highest + 1, *widths])
    elif widths:
        count = max(widths)
    else:
        raise ValueError(
            "pool: under jit, give learning_rate or wasted_resource a pool axis, so that their number is known"
        )
    return jnp.asarray(pool, jnp.int32), count


def check_shapes(model: Any) -> None:
    """Raise unless the parameters of a model fit its graph and one another."""
    skills = model.graph.skills
    for name, axes in MEMBER_AXES.items():
        value = getattr(model, name)
        if axes and value is not None:
            values = value.values if isinstance(value, Schedule) else value
            own = own_shape(name, skills, model.graph.fan_in)
            if values.ndim < axes or values.shape[-axes:] != own:
                expected = ", ".join(["*batch", *map(str, own)])
                what = " of so many prerequisites at most" if name == "prerequisite_strength" else ""
                raise ValueError(f"{name}: expected shape ({expected}) for {skills} skills{what}, got {values.shape}")
    if isinstance(model.frequency, Schedule) and model.frequency.values.ndim != 2:
        shape = model.frequency.values.shape
        raise ValueError(f"frequency: expected a schedule of values (piece, {skills}), got {shape}")
    for name in POOLED:
        value = getattr(model, name)
        if isinstance(value, Schedule) and value.values.ndim != 1:
            raise ValueError(f"{name}: expected a schedule of single numbers (piece,), got values {value.values.shape}")
        if model.pool is not None and not isinstance(value, Schedule) and value.shape[-1] != model.pools:
            raise ValueError(f"{name}: expected a last axis of {model.pools} pools, got shape {value.shape}")
    if model.plateau is not None:
        # refuses where the loss has none
        model.base_law.with_plateau(model.plateau)
    if model.interference is not None:
        required = model.graph.required
        if model.graph.fan_in and not (is_concrete(required) and not np.any(np.asarray(required))):
            raise ValueError(
                "interference: expected a graph without prerequisites (gates need levels that cannot fall)"
            )
        if model.frequency_after is not None:
            raise ValueError("interference: cannot be combined with frequency_after (the level may cross 1/2 twice)")
        if model.plateau is not None:
            raise ValueError(
                "interference: cannot be combined with plateau (growth out of a level has no meaning where levels may "
                "be negative)"
            )
    if isinstance(model.frequency, Schedule) and is_concrete(model.frequency.values):
        if not np.all(np.max(np.asarray(model.frequency.values), axis=0) > 0):
            raise ValueError(
                "frequency: expected a schedule in which every skill has a positive frequency at some time"
            )
    if model.frequency_after is not None and isinstance(model.frequency, Schedule):
        raise ValueError("frequency_after: cannot be combined with a schedule of frequency")
    try:
        shape = model.batch_shape
    except ValueError:
        shapes = {name: batch_part(value, axes) for name, value, axes in named_parameters(model)}
        raise ValueError(f"the batch axes of graph and parameters do not broadcast: {shapes}") from None
    present = model.graph.present
    if is_concrete(present) and not bool(np.all(np.asarray(present))) and isinstance(model.frequency, Schedule):
        raise ValueError(f"frequency: a schedule needs graphs of one size, got a padded batch of shape {shape}")


def named_parameters(model: Any) -> list[tuple[str, Any, int]]:
    """Names, values and axes of one member; no method, since Equinox makes a module of every method that is called."""
    # at once, since each look at a field of a module takes a while
    fields = vars(model)
    rows: list[tuple[str, Any, int]] = [("graph", fields["graph"].present, 1)]
    pooled = POOLED if fields["pool"] is not None else ()
    for name, axes in MEMBER_AXES.items():
        value = fields[name]
        if value is not None:
            rows.append((name, value, axes + (name in pooled)))
    return rows


def batch_part(value: Any, axes: int) -> tuple[int, ...]:
    """The batch axes of a parameter whose last `axes` axes belong to one member."""
    if isinstance(value, Schedule):
        return value.times.shape[:-1]
    return value.shape[: value.ndim - axes]


def spread(value: Any, axes: int, shape: tuple[int, ...]) -> Any:
    """A parameter broadcast to a batch shape, whose axes are then made one."""
    if isinstance(value, Schedule):
        pieces = {"times": (value.times, 1), "values": (value.values, axes + 1)}
        return with_fields(value, **{name: spread(part, count, shape) for name, (part, count) in pieces.items()})
    own = value.shape[value.ndim - axes :]
    # arrays of NumPy stay such: a batch on its way to a solver's pieces
    numpy = np if isinstance(value, np.ndarray) else jnp
    return numpy.broadcast_to(value, shape + own).reshape((math.prod(shape), *own))


def shown(value: Any) -> str:
    """A parameter as a model prints it: on one line."""
    if isinstance(value, Schedule):
        return f"Schedule({value.times.shape[-1]} pieces)"
    if not is_concrete(value) or value.size > 8:
        return f"{value.dtype}{list(value.shape)}"
    return " ".join(np.array2string(np.asarray(value), separator=", ", precision=6).split())


def as_html(model: Any) -> str:
    """A model as a notebook shows it."""
    rows: list[tuple[str, Any]] = [("graph", repr(model.graph))]
    if model.batch_shape:
        axes = (f"{name} ({len(values)})" for name, values in model.coordinates.items())
        rows.append(("batch", f"{model.batch_shape} {', '.join(axes)}"))
    for name, value, _ in named_parameters(model)[1:]:
        numbers = np.asarray(value) if not isinstance(value, Schedule) and is_concrete(value) else np.zeros(0)
        many = numbers.size > 8 and np.isfinite(numbers).all()
        extent = f"{numbers.shape}, from {numbers.min():.6g} to {numbers.max():.6g}" if many else shown(value)
        rows.append((name.replace("_", " "), extent))
    return html.table("ResourceModel", [*rows, ("loss", model.loss), ("competition", model.competition)])
