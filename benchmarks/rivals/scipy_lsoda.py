"""SciPy's `solve_ivp` in log-depth, a graph at a time; DOP853 with tight tolerances checks the reference."""

from __future__ import annotations

import numpy as np

from ..ensemble import Ensemble


def levels(ensemble: Ensemble, relative: float, absolute: float, method: str = "LSODA") -> np.ndarray:
    """Levels `(graph, time, skill)`."""
    from scipy.integrate import solve_ivp

    exponent, rate, waste = ensemble.gate_exponent, ensemble.learning_rate, ensemble.wasted_resource
    out = np.empty((ensemble.graphs, len(ensemble.times), ensemble.skills))
    for graph in range(ensemble.graphs):
        skills = [(i, np.flatnonzero(row)) for i, row in enumerate(ensemble.adjacency[graph]) if row.any()]
        # one call of multiply.reduceat takes the products of all skills with prerequisites
        places = np.array([i for i, _ in skills], int)
        behind = np.concatenate([row for _, row in skills]) if skills else np.zeros(0, int)
        starts = np.cumsum([0] + [len(row) for _, row in skills])[:-1]
        frequency = ensemble.frequency[graph]

        def slope(
            t: float,
            depth: np.ndarray,
            frequency: np.ndarray = frequency,
            places: np.ndarray = places,
            behind: np.ndarray = behind,
            starts: np.ndarray = starts,
        ) -> np.ndarray:
            opened = frequency.copy()
            if len(places):
                opened[places] *= np.multiply.reduceat(-np.expm1(-exponent * depth[behind]), starts)
            return opened * (rate / (opened @ np.exp(-depth) + waste))

        solution = solve_ivp(
            slope,
            (0.0, ensemble.until),
            np.zeros(ensemble.skills),
            method=method,
            t_eval=ensemble.times,
            rtol=relative,
            atol=absolute,
        )
        out[graph] = -np.expm1(-solution.y.T) if solution.success else np.nan
    return out
