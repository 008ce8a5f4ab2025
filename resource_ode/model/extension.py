r"""The four parameters for measured curves: each is None where it has the paper's value, 1.

Learnability and frequency power make an effective frequency $\kappa_i p_i^\gamma$ of the frequency; prerequisite
strength is in the gates; the plateau is in the loss.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..base.tracing import is_concrete
from ..base.values import in_range, not_by_skill
from ..graphs.arguments import labelled
from ..graphs.graph import SkillGraph
from . import strength
from .parameters import BOUNDS

EXTENSION = ("plateau", "frequency_power", "learnability", "prerequisite_strength")


def read_extension(
    given: dict[str, Any], graph: SkillGraph, dtype: Any, in_order: Callable[[str, Any], Any]
) -> tuple[dict[str, Array | None], dict[str, str]]:
    """The four as arrays, and how those were given where their values do not show it.

    **Raises:** `ValueError` for one that is out of range.
    """
    values: dict[str, Array | None] = dict.fromkeys(EXTENSION)
    origins: dict[str, str] = {}
    for name, value in given.items():
        if value is None or (isinstance(value, (int, float)) and not isinstance(value, bool) and value == 1):
            continue
        if name in ("plateau", "frequency_power"):
            not_by_skill(name, value, labelled(graph.names, graph.present.shape))
            values[name] = in_range(name, value, dtype, **BOUNDS[name])
        else:
            if name == "learnability":
                numbers = in_range(name, in_order(name, value), dtype, **BOUNDS[name])
                own: tuple[int, ...] = (graph.skills,)
            else:
                numbers, named = strength.read_strengths(value, graph, dtype)
                own = (graph.skills, graph.fan_in)
                if named:
                    origins[name] = "names"
            values[name], single = _spread(numbers, own)
            if single:
                # of no dependency at all no array holds it
                alone = 0 in own and numbers.ndim == 0 and is_concrete(numbers)
                origins[name] = f"single {float(numbers)!r}" if alone else "single"
    return values, origins


def _spread(numbers: Array, own: tuple[int, ...]) -> tuple[Array, bool]:
    """Numbers for each skill (or dependency), and whether one was given for all: alone, or along axes of length 1."""
    if numbers.ndim == 0:
        return jnp.broadcast_to(numbers, own), True
    ones = (1,) * len(own)
    if own == ones or numbers.shape[-len(own) :] != ones:
        return numbers, False
    return jnp.broadcast_to(numbers, (*numbers.shape[: -len(own)], *own)), True


def one_number(value: Array, axes: int) -> Array:
    """The number that was given for all skills or dependencies; the whole array where it is one number no longer."""
    if 0 in value.shape[value.ndim - axes :]:
        return value
    first = value[(..., *(slice(0, 1),) * axes)]
    if is_concrete(value) and np.any(np.asarray(value) != np.asarray(first)):
        return value
    return first.reshape(()) if value.ndim == axes else first


def effective_rates(model: Any) -> tuple[Any, Any]:
    """Effective frequencies of a model or a batch without schedules, and from level 1/2 on (None where they stay)."""
    rates = (model.frequency, model.frequency_after)
    rate, after = (None if p is None else effective(p, model.frequency_power, model.learnability) for p in rates)
    return rate, after


def effective(frequency: Any, power: Any, learnability: Any) -> Any:
    r"""The effective frequency $\kappa_i p_i^\gamma$, of one member or with batch axes in front."""
    if power is not None:
        power, base = _alike(power[..., None] if power.ndim else power, frequency)
        some = base > 0
        # as a factor, so that a power of 1 changes no bit
        frequency = jnp.where(some, base * jnp.where(some, base, 1) ** (power - 1), 0)
    if learnability is not None:
        learnability, frequency = _alike(learnability, frequency)
        frequency = learnability * frequency
    return frequency


def _alike(*arrays: Any) -> list[Any]:
    """Arrays with so many axes as the largest has, those in front of length 1; numbers as they are."""
    rank = max(x.ndim for x in arrays)
    return [x if x.ndim == 0 else jnp.reshape(x, (1,) * (rank - x.ndim) + x.shape) for x in arrays]
