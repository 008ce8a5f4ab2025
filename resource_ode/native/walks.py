"""The cascade walked panel by panel (`walks.cu`), a graph to each thread of a GPU: custom calls of XLA.

It serves mean squared error, "l1" and "all" gates, one pool and up to 256 skills, in the numbers of the result.
"""

from __future__ import annotations

import ctypes
import functools
import os
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..base.legendre import COARSE_NODES, NEWTON_STEPS, NODES
from .build_walks import HERE, NAMES
from .library import ATTEMPTS, MOST_PANELS, end_effort, rules
from .operands import AXES, Operands

MOST_SKILLS = 256
CALLS = ("times", "trajectories")
# which of two fused programs a GPU is to use, as long as no measurement has decided: "pallas", "cuda", or neither
CHOICE = "RESOURCE_ODE_GPU_KERNEL"
# run by a CPU, for tests and rehearsals
ON_HOST = False


def chosen() -> bool:
    """Whether the walk is asked for."""
    return os.environ.get(CHOICE) == "cuda"


def obstacle() -> str | None:
    """Why there are no calls; None if they are registered."""
    return registered("cpu" if ON_HOST else "cuda")


@functools.cache
def registered(platform: str, file: Path | None = None) -> str | None:
    """Why there are no calls on a platform of XLA; None if they are registered."""
    file = file or HERE / NAMES["cuda" if platform == "cuda" else "host"]
    if not file.exists():
        return "the walk was not built (python -m resource_ode.native.build_walks cuda)"
    try:
        calls = ctypes.CDLL(str(file))
        sizes = map(ctypes.c_int64, (NODES, COARSE_NODES, NEWTON_STEPS))
        if calls.resource_ode_walks(ctypes.byref(rules()[0]), *sizes) != MOST_SKILLS:
            return "the walk was built for another version of the package"
        for name in CALLS:
            capsule = jax.ffi.pycapsule(getattr(calls, f"resource_ode_walked_{name}"))
            jax.ffi.register_ffi_target(
                f"resource_ode_walked_{name}", capsule, platform="CUDA" if platform == "cuda" else platform
            )
    except Exception as error:  # a missing driver, or an XLA that does not take these headers, says so in its own way
        return f"the walk cannot be loaded ({str(error)[:200]})"
    return None


def solve(
    name: str, operands: Operands, rate: Any, waste: Any, *, panels: int, coarse_panels: int, made_for: float
) -> tuple[Any, ...]:
    """Learning times `(row, clock, skill)`, or exposures `(row, clock, time, skill)` and resource time `(row, clock,
    time)`; codes `(row, clock)` and estimated errors `(row,)`.

    All operands have one axis of rows but the training steps `(time,)`; the clocks are `(row, clock)`.
    """
    rows, skills = operands.frequency.shape
    dtype, clocks, times = operands.frequency.dtype, rate.shape[1], operands.steps.shape[0]
    shapes = [(rows, clocks, skills)] if name == "times" else [(rows, clocks, times, skills), (rows, clocks, times)]
    results = [jax.ShapeDtypeStruct(shape, dtype) for shape in shapes]
    results += [jax.ShapeDtypeStruct((rows, clocks), np.int32), jax.ShapeDtypeStruct((rows,), dtype)]
    numbers = {"panels": panels, "coarse_panels": coarse_panels, "most_panels": MOST_PANELS, "attempts": ATTEMPTS}
    given = (*operands[:3], *operands[4:7], operands.exponent, operands.tolerance)
    goal = operands.goal if name == "times" else operands.steps
    found = jax.ffi.ffi_call(f"resource_ode_walked_{name}", [*results, jax.ShapeDtypeStruct((rows + 1,), np.int32)])(
        *given,
        goal,
        rate,
        waste,
        **{key: np.int64(value) for key, value in numbers.items()},
        made_for=np.float64(made_for),
        end_effort=np.float64(end_effort(dtype)),
    )
    return tuple(found[:-1])


def serves(operands: Any) -> bool:
    """Whether it serves operands of `calls`, with leading axes, whose laws it knows: all share their training steps."""
    own = Operands._make(operands)
    return own.frequency.shape[-1] <= MOST_SKILLS and own.steps.size == own.steps.shape[-1]


def solve_members(call: Any, operands: Any, members: tuple[int, ...], graphs: tuple[int, ...]) -> list[Any]:
    """The results of `calls` for operands with leading axes: those along which graphs do not vary are clocks."""
    of_rows = [axis for axis, n in enumerate(graphs) if n != 1]
    of_clocks = [axis for axis in range(len(members)) if axis not in of_rows]
    lengths = [members[axis] for axis in (*of_rows, *of_clocks)]
    rows = int(np.prod([graphs[axis] for axis in of_rows], dtype=int))

    def flat(x: Any, own: int) -> Any:
        behind = x.shape[x.ndim - own :]
        return jnp.broadcast_to(x, (*graphs, *behind)).reshape((rows, *behind))

    def by_clock(x: Any) -> Any:
        return jnp.broadcast_to(x, members).transpose((*of_rows, *of_clocks)).reshape((rows, -1))

    own = Operands._make(operands)
    flattened = [flat(x, behind) for x, behind in zip(own[:13], AXES[:13], strict=True)]
    arranged = Operands._make([*flattened, None, None, own.steps.reshape(-1)])
    numbers = {"panels": call.panels, "coarse_panels": call.coarse_panels, "made_for": call.made_for}
    *values, error = solve(call.name, arranged, by_clock(own.rate), by_clock(own.waste), **numbers)
    back = tuple(np.argsort([*of_rows, *of_clocks]))

    def arranged_back(x: Any) -> Any:
        return x.reshape((*lengths, *x.shape[2:])).transpose((*back, *range(len(lengths), len(lengths) + x.ndim - 2)))

    return [*map(arranged_back, values), error.reshape(graphs)]
