"""What is asked of inferred dependencies as a graph: circles, detours, tasks that look alike."""

from __future__ import annotations

import math

import numpy as np

from .curves import Curves

# curves of two tasks are alike if they differ by no more than seeds do, times this
ALIKE = 1.5


def without_cycles(confident: np.ndarray, strength: np.ndarray) -> None:
    """Drop the weakest dependency of each cycle: two tasks cannot build on one another."""
    while True:
        reach = _reach(confident)
        inside = np.argwhere(confident & reach.T)
        if not len(inside):
            return
        child, parent = min(inside, key=lambda pair: strength[pair[0], pair[1]])
        confident[child, parent] = False


def _reach(edges: np.ndarray) -> np.ndarray:
    """Which task leads back to which, over any number of edges."""
    reach = edges.copy()
    for middle in range(len(edges)):
        reach |= reach[:, middle : middle + 1] & reach[middle : middle + 1, :]
    return reach


def transitive(edges: np.ndarray) -> np.ndarray:
    """Edges beside which there is a longer way."""
    reach = _reach(edges)
    return edges & ((edges.astype(int) @ reach.astype(int)) > 0)


def symmetric(curves: Curves) -> list[tuple[str, str]]:
    """Pairs of tasks that differ by no more than seeds do, or noise between rows where there is one run."""
    found = []
    names = curves.names
    for a in range(len(names)):
        for b in range(a + 1, len(names)):
            apart, noise = [], []
            for run in curves.runs:
                one, other = run.levels[:, a], run.levels[:, b]
                both = np.isfinite(one) & np.isfinite(other)
                difference = one[both] - other[both]
                if difference.size < 3 or (run.mixture is not None and not run.scheduled
                                           and run.mixture[a] != run.mixture[b]):  # fmt: skip
                    break
                apart.append(float(np.mean(difference**2)))
                noise.append(float(np.mean(np.diff(difference) ** 2) / 2))
            else:
                if math.sqrt(np.mean(apart)) <= ALIKE * math.sqrt(np.mean(noise)) + 1e-9:
                    found.append((names[a], names[b]))
    return found
