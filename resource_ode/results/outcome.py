"""How the members of a run ended: codes whose values are sentences."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int


class RESULTS(eqx.Enumeration):
    """How a member of a run ended; the value is a sentence."""

    successful = ""
    max_steps_reached = (
        "The solver used up its steps before the last time; raise max_steps, loosen tolerance, or shorten the run."
    )
    not_finite = "The solution became infinite or not a number; look for extreme parameters or a step that is too long."
    inaccurate = (
        "The estimated error, or what is left of the budget, exceeds the tolerance; loosen tolerance, or call simulate "
        "outside jit, vmap and grad, where such members are solved again."
    )
    no_waste = (
        'The wasted resource is zero, which method="ode" cannot integrate past the end of the run; give it a positive '
        'number, or use method="steps" (or "cascade", if it takes the model).'
    )


class RunFailed(RuntimeError):
    """Raised by `Trajectory.check` when a member of a run failed; the message says how many, and why."""


def result_names() -> tuple[str, ...]:
    """Names of the result codes, `successful` first."""
    return ("successful", "max_steps_reached", "not_finite", "inaccurate", "no_waste")


def result_codes(result: Any) -> Int[Array, "*batch"]:
    """Result codes as integers, positions in `result_names()`: what files store."""
    code = jnp.zeros(jnp.shape(result == RESULTS.successful), jnp.int32)
    for position, name in enumerate(result_names()):
        code = jnp.where(result == getattr(RESULTS, name), position, code)
    return code


def results_from_codes(codes: Any) -> Any:
    """The inverse of `result_codes`; arrays of NumPy stay such."""
    numpy = np if isinstance(codes, np.ndarray) else jnp
    # an enumeration counts its items in the order in which they are defined, which is that of the codes
    return jax.tree.map(lambda first: numpy.asarray(codes, first.dtype), RESULTS.successful)
