"""The paper's notebooks: explicit Euler steps of one training step in the unlearned fraction, a graph at a time."""

from __future__ import annotations

import numpy as np

from ..ensemble import Ensemble


def levels(ensemble: Ensemble) -> np.ndarray:
    """Levels `(graph, time, skill)`, linear between whole training steps."""
    steps = int(np.ceil(ensemble.until))
    rows = np.minimum(ensemble.times.astype(int), steps - 1)
    weight = (ensemble.times - rows)[:, None]
    out = np.empty((ensemble.graphs, len(ensemble.times), ensemble.skills))
    for graph in range(ensemble.graphs):
        frequency = ensemble.frequency[graph]
        needed = [np.flatnonzero(row) for row in ensemble.adjacency[graph]]
        unlearned = np.ones(ensemble.skills)
        history = np.zeros((steps + 1, ensemble.skills))
        for step in range(steps):
            gate = 1 - unlearned**ensemble.gate_exponent
            demand = np.array([gate[behind].prod() for behind in needed]) * frequency * unlearned
            share = demand / (demand.sum() + ensemble.wasted_resource)
            unlearned = np.maximum(unlearned - ensemble.learning_rate * share, 0)
            history[step + 1] = 1 - unlearned
        out[graph] = history[rows] * (1 - weight) + history[rows + 1] * weight
    return out
