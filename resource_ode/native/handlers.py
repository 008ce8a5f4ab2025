"""The compiled loops as custom calls of XLA: whether they are there, and their registration."""

from __future__ import annotations

import ctypes
import functools
import importlib.util

import jax

from .library import INTERFACE, library, rules
from .operands import AXES

NAMES = (
    "times",
    "trajectories",
    "times_in_pieces",
    "trajectories_in_pieces",
    "times_tangent",
    "trajectories_tangent",
    "times_cotangent",
    "trajectories_cotangent",
    "spent",
    "loads",
)


@functools.cache
def handlers() -> ctypes.CDLL | None:
    """The library of the custom calls, registered for CPUs; None if it was not built, or not for these loops."""
    loops = library()
    found = importlib.util.find_spec("resource_ode.native._handlers")
    if loops is None or found is None or found.origin is None:
        return None
    try:
        calls = ctypes.CDLL(found.origin)
        table = ctypes.c_void_p(loops.resource_ode_kernels())
        axes = (ctypes.c_int64 * len(AXES))(*AXES)
        if not calls.resource_ode_handlers(
            table, ctypes.byref(rules()[0]), ctypes.c_int64(INTERFACE), axes, ctypes.c_int64(len(AXES))
        ):
            return None
        for name in NAMES:
            capsule = jax.ffi.pycapsule(getattr(calls, f"resource_ode_{name}"))
            jax.ffi.register_ffi_target(f"resource_ode_{name}", capsule, platform="cpu")
    except Exception:  # an XLA that does not take these headers says so in ways of its own
        return None
    return calls
