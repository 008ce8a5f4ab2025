"""The compiled library: what it is called with, and whether it is there."""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import math
from pathlib import Path
from typing import Any

import numpy as np

from ..base.constants import CONSTANTS, Constants
from ..base.legendre import COARSE_NODES, NEWTON_STEPS, NODES, gauss_legendre

# must be that of `kernels.h`
INTERFACE = 21
# panels fill vectors, of so many numbers at most
MOST_LANES = 8
# what the loops are compiled for, the first of them on no x86; vectors of 4, 4 and 8 numbers
PROCESSORS = ("any processor", "AVX2", "AVX-512")
# panels of the last solve of a graph, and how many are tried
MOST_PANELS, ATTEMPTS = 384, 4


@functools.cache
def library() -> ctypes.CDLL | None:
    """The compiled loops; None if they were not built, or were built for another version of this module."""
    return _opened()[0]


def processor(best: str | None = None) -> str:
    """The last of `PROCESSORS` that the machine is; from now on none after `best`, if given and there is such a one."""
    loops = library()
    assert loops is not None
    most = -1 if best is None else PROCESSORS.index(best)
    return PROCESSORS[loops.resource_ode_processor(ctypes.c_int64(most))]


def why_not() -> str:
    """Why there are no compiled loops, in words; empty if there are."""
    return _opened()[1]


def _opened() -> tuple[ctypes.CDLL | None, str]:
    found = importlib.util.find_spec("resource_ode.native._loops")
    if found is None or found.origin is None:
        return None, f"they were not built ({_why_not_built()})"
    try:
        loops = ctypes.CDLL(found.origin)
        sizes = (
            NODES,
            COARSE_NODES,
            NEWTON_STEPS,
            MOST_LANES,
            *map(ctypes.sizeof, (Problem, Options, Rule, Constants)),
        )
        if loops.resource_ode_interface(*map(ctypes.c_int64, sizes)) != INTERFACE:
            return None, "they were built for another version of the package; install it again"
        loops.resource_ode_kernels.restype = ctypes.c_void_p
        loops.resource_ode_processor.restype = ctypes.c_int64
        if loops.resource_ode_processor(ctypes.c_int64(-1)) < 0:
            return None, "they are not for this processor, which has no AVX2"
    except (OSError, AttributeError) as error:
        return None, f"they cannot be loaded ({str(error)[:200]})"
    return loops, ""


def _why_not_built() -> str:
    try:
        return (Path(__file__).parent / "_loops_not_built.txt").read_text(encoding="utf-8").strip()[:300]
    except (OSError, UnicodeDecodeError):
        return "a C++ compiler is needed when the package is installed"


# -- the structures that both languages know


class Problem(ctypes.Structure):
    """That of `loops.cpp`."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("rows", "skills", "fan_in", "exponents", "clocks")),
        *(
            (name, ctypes.c_int64)
            for name in ("single", "cross_entropy", "squared", "paced", "slow", "soft", "threads")
        ),
        *((name, ctypes.c_void_p) for name in ("prerequisites", "depth", "required", "either", "present")),
        *((name, ctypes.c_void_p) for name in ("frequency", "level", "after", "plateau", "strength")),
        *((name, ctypes.c_void_p) for name in ("exponent", "all_exponents", "learning_rate", "waste", "tolerance")),
    ]


class Options(ctypes.Structure):
    """That of `batch.h`."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("coarse_panels", "panels", "most_panels", "attempts")),
        *((name, ctypes.c_double) for name in ("made_for", "end_effort")),
    ]


class Rule(ctypes.Structure):
    """That of `batch.h`."""

    _fields_ = [
        (name, ctypes.c_void_p)
        for name in (
            *("places", "weights", "even", "odd", "tail", "left", "powers", "to_nodes", "to_powers"),
            *("coarse_weights", "coarse_cumulative", "constants"),
        )
    ]


def address(x: np.ndarray) -> ctypes.c_void_p:
    """Where an array begins."""
    return ctypes.c_void_p(x.__array_interface__["data"][0])


@functools.cache
def rules() -> tuple[Rule, list[np.ndarray]]:
    """The rules of the cascade, and the arrays that they point to."""
    fine, coarse = gauss_legendre(), gauss_legendre(COARSE_NODES)
    left = fine["cumulative"][: NODES // 2]
    arrays = [
        np.concatenate([[-1.0], fine["nodes"], [1.0]]),
        fine["weights"],
        *((left + sign * left[:, ::-1])[:, : NODES // 2] / 2 for sign in (1, -1)),
        fine["tail"],
        fine["left"],
        fine["powers"],
        fine["cumulative"].T,
        np.pad(fine["powers"].T, ((0, 0), (0, MOST_LANES - 1))),
        *(coarse[name] for name in ("weights", "cumulative")),
    ]
    arrays = [np.ascontiguousarray(x, np.float64) for x in arrays]
    return Rule(*map(address, arrays), ctypes.addressof(CONSTANTS)), arrays


def options(panels: int, coarse: int, made_for: float, dtype: Any) -> Options:
    """Numbers of panels: `panels` is what usual graphs need for a tolerance of `made_for`."""
    for count in (coarse, MOST_PANELS):
        if count % MOST_LANES:
            raise ValueError(f"panels: expected a multiple of {MOST_LANES}, got {count}")
    return Options(coarse, panels, MOST_PANELS, ATTEMPTS, made_for, end_effort(dtype))


def end_effort(dtype: Any) -> float:
    """Effort at which a level is 1, with mean squared error."""
    return -2 * math.log(np.finfo(dtype).eps)
