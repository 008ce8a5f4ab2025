"""The truth that every candidate is held against: far smaller tolerances, checked by an integrator of another make."""

from __future__ import annotations

import dataclasses
import importlib.util
import math

import numpy as np

from .ensemble import LEVEL, Ensemble

RELATIVE, ABSOLUTE = 1e-11, 1e-12
# graphs that SciPy's DOP853 solves again, and how far the two may be apart
CHECKED, APART = 2, 1e-8


@dataclasses.dataclass(frozen=True)
class Reference:
    """Levels, learning times and the slope of each level at its learning time, of the first graphs of an ensemble."""

    levels: np.ndarray  # (graph, time, skill)
    times: np.ndarray  # (graph, skill), inf beyond the last saved time
    slope: np.ndarray  # (graph, skill), level per training step
    apart: float  # largest difference from DOP853 over the graphs that it solved
    source: str

    def error_of_levels(self, values: np.ndarray) -> float:
        """Largest difference of a level; NaN if any is missing."""
        graphs = min(len(values), len(self.levels))
        return _largest(np.abs(values[:graphs] - self.levels[:graphs]))

    def error_of_times(self, values: np.ndarray) -> float:
        """The same for learning times, as the level by which a skill is off at its own learning time.

        Times beyond the last saved one are not compared: some candidates give them, some stop before.
        """
        graphs = min(len(values), len(self.times))
        known = np.isfinite(self.times[:graphs])
        off = np.abs(np.where(known, values[:graphs], 0) - np.where(known, self.times[:graphs], 0))
        return _largest(off * self.slope[:graphs])

    def relative_error_of_times(self, values: np.ndarray) -> float:
        """Largest relative difference of a learning time."""
        graphs = min(len(values), len(self.times))
        known = np.isfinite(self.times[:graphs])
        return _largest(np.abs(values[:graphs][known] / self.times[:graphs][known] - 1))


def _largest(errors: np.ndarray) -> float:
    return float(np.max(errors, initial=0.0)) if np.all(np.isfinite(errors)) else math.nan


def reference(ensemble: Ensemble, most: int | None = None, *, vector_exponential: bool = False) -> Reference:
    """Tsit5 by numba for the first `most` graphs; without numba, diffrax's Dopri8 in float64 for at most 1024.

    By default with libm's exponential: nothing of the fast rival's own arithmetic is in the truth, and its first call
    still has to compile.
    """
    if importlib.util.find_spec("numba"):
        from .rivals import numba_tsit5

        ensemble = ensemble.head(most)
        levels, _ = numba_tsit5.levels(ensemble, RELATIVE, ABSOLUTE, vector_exponential=vector_exponential)
        times, pace, _ = numba_tsit5.learning_times(ensemble, RELATIVE, ABSOLUTE, vector_exponential=vector_exponential)
        slope = np.where(np.isfinite(times), pace, 0) * (1 - LEVEL)
        source = f"numba Tsit5 in log-depth, rtol {RELATIVE:g}, atol {ABSOLUTE:g}"
    else:
        import jax

        from .rivals import diffrax_vmapped

        ensemble = ensemble.head(min(most or 1024, 1024))
        settings = {"solver": "Dopri8", "smooth": True}
        with jax.enable_x64(True):
            levels = np.asarray(diffrax_vmapped.prepare_levels(ensemble, 1e-10, 1e-11, **settings)()[0])
            found = diffrax_vmapped.prepare_times(
                ensemble, 1e-10, 1e-11, solver="Tsit5", finding="dense", smooth=True, max_steps=2048, halvings=12
            )
            times = np.asarray(found()[0])
        # the slope from the saved levels is exact enough to turn a time's error into a level's
        slope = _slope_on_grid(ensemble, levels, times)
        source = "diffrax Dopri8 in log-depth, rtol 1e-10, atol 1e-11"
    apart = 0.0
    for graph in np.unique(np.linspace(0, ensemble.graphs - 1, CHECKED).astype(int)):
        from .rivals import scipy_lsoda

        one = dataclasses.replace(
            ensemble,
            prerequisites=ensemble.prerequisites[graph : graph + 1],
            required=ensemble.required[graph : graph + 1],
            frequency=ensemble.frequency[graph : graph + 1],
        )
        again = scipy_lsoda.levels(one, 1e-12, 1e-12, "DOP853")
        apart = max(apart, float(np.max(np.abs(again[0] - levels[graph]))))
    if not apart <= APART:
        raise RuntimeError(f"the reference ({source}) and SciPy's DOP853 differ by {apart:.1e}, more than {APART:g}")
    return Reference(levels, times, slope, apart, source)


def _slope_on_grid(ensemble: Ensemble, levels: np.ndarray, times: np.ndarray) -> np.ndarray:
    slopes = np.gradient(levels, ensemble.times, axis=1)
    row = np.clip(np.searchsorted(ensemble.times, np.where(np.isfinite(times), times, 0)), 0, len(ensemble.times) - 1)
    return np.where(np.isfinite(times), np.take_along_axis(slopes, row[:, None], axis=1)[:, 0], 0)
