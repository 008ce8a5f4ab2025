"""LSODA by numbalsoda in log-depth: C++ integrator, numba vector field, one thread."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from ..ensemble import Ensemble


@functools.cache
def _field() -> Any:
    import numba
    from numbalsoda import lsoda_sig

    @numba.cfunc(lsoda_sig)
    def slope(t: Any, depth: Any, out: Any, data: Any) -> None:
        # data: skills, exponent, rate, waste, frequencies, row starts, indices (all as float64)
        skills = int(data[0])
        exponent, rate, waste = data[1], data[2], data[3]
        frequency, starts, indices = 4, 4 + skills, 5 + 2 * skills
        demand = waste
        for i in range(skills):
            # `out` is free to hold the gates: a prerequisite stands before its skill, so they are replaced in descent
            out[i] = 1.0 - math.exp(-exponent * depth[i])
        for i in range(skills - 1, -1, -1):
            product = data[frequency + i]
            for edge in range(int(data[starts + i]), int(data[starts + i + 1])):
                product *= out[int(data[indices + edge])]
            out[i] = product
            demand += product * math.exp(-depth[i])
        for i in range(skills):
            out[i] *= rate / demand

    return slope


@functools.cache
def _loop() -> Any:
    import numba
    from numbalsoda import lsoda

    @numba.njit
    def loop(address: Any, data: Any, places: Any, times: Any, relative: Any, absolute: Any, out: Any) -> None:
        for graph in range(out.shape[0]):
            mine = data[places[graph] : places[graph + 1]].copy()
            depths, success = lsoda(address, np.zeros(out.shape[2]), times, mine, relative, absolute)
            for time in range(out.shape[1]):
                for i in range(out.shape[2]):
                    out[graph, time, i] = 1.0 - math.exp(-depths[time, i]) if success else np.nan

    return loop


def pack(ensemble: Ensemble) -> tuple[np.ndarray, np.ndarray]:
    """Each graph's numbers in one flat array, and where each graph's begin."""
    starts, indices = ensemble.rows
    skills = ensemble.skills
    parts = []
    for graph in range(ensemble.graphs):
        mine = starts[graph * skills : (graph + 1) * skills + 1]
        head = [skills, ensemble.gate_exponent, ensemble.learning_rate, ensemble.wasted_resource]
        parts.append(np.concatenate([head, ensemble.frequency[graph], mine - mine[0], indices[mine[0] : mine[-1]]]))
    return np.concatenate(parts), np.cumsum([0] + [len(part) for part in parts])


def levels(ensemble: Ensemble, packed: tuple[np.ndarray, np.ndarray], relative: float, absolute: float) -> np.ndarray:
    """Levels `(graph, time, skill)`."""
    out = np.empty((ensemble.graphs, len(ensemble.times), ensemble.skills))
    _loop()(_field().address, *packed, ensemble.times, relative, absolute, out)
    return out
