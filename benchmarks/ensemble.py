"""The test ensemble: many random graphs of a few skills, drawn block by block so that any prefix is the same graphs."""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import Any

import numpy as np

BLOCK = 1024
DENSITY = 0.2
SKILLS = 16
TIMES = 200
LEVEL = 0.5


@dataclasses.dataclass(frozen=True, eq=False)
class Ensemble:
    """Graphs with padded prerequisites, their frequencies, and the parameters they share."""

    prerequisites: np.ndarray  # (graph, skill, fan_in), indices
    required: np.ndarray  # (graph, skill, fan_in), false where an index is padding
    frequency: np.ndarray  # (graph, skill)
    times: np.ndarray  # (time,), training steps
    gate_exponent: float = 0.01
    learning_rate: float = 0.01
    wasted_resource: float = 0.01

    @property
    def graphs(self) -> int:
        return self.frequency.shape[0]

    @property
    def skills(self) -> int:
        return self.frequency.shape[1]

    @property
    def until(self) -> float:
        return float(self.times[-1])

    def head(self, graphs: int | None) -> Ensemble:
        """The first graphs, for candidates too slow for all."""
        if graphs is None or graphs >= self.graphs:
            return self
        return dataclasses.replace(
            self,
            prerequisites=self.prerequisites[:graphs],
            required=self.required[:graphs],
            frequency=self.frequency[:graphs],
        )

    def padded(self, fan_in: int) -> Ensemble:
        """The same graphs with more room for prerequisites: ensembles of one shape share compiled programs."""
        more = ((0, 0), (0, 0), (0, fan_in - self.required.shape[2]))
        return dataclasses.replace(
            self, prerequisites=np.pad(self.prerequisites, more), required=np.pad(self.required, more)
        )

    def model(self, dtype: str = "float64") -> Any:
        """The ensemble as one batched `ResourceModel`."""
        import resource_ode as ro

        graph = ro.SkillGraph(self.prerequisites, gate="all", required=self.required)
        return ro.ResourceModel(
            graph,
            self.frequency.astype(dtype),
            learning_rate=np.asarray(self.learning_rate, dtype),
            wasted_resource=np.asarray(self.wasted_resource, dtype),
            gate_exponent=np.asarray(self.gate_exponent, dtype),
        )

    @functools.cached_property
    def adjacency(self) -> np.ndarray:
        """`(graph, skill, skill)`: true where the last axis is a prerequisite of the one before."""
        full = np.zeros((self.graphs, self.skills, self.skills), bool)
        graph, skill, slot = np.nonzero(self.required)
        full[graph, skill, self.prerequisites[graph, skill, slot]] = True
        return full

    @functools.cached_property
    def rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Prerequisites in compressed rows: `starts` `(graph * skill + 1,)` into `indices` `(edge,)`."""
        counts = self.required.sum(axis=2, dtype=np.int64).reshape(-1)
        return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)]), self.prerequisites[self.required]

    @functools.cached_property
    def edges(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where the edges of each graph begin, then each edge's skill and the skill that it requires."""
        graph, target, _ = np.nonzero(self.required)
        starts = np.searchsorted(graph, np.arange(self.graphs + 1))
        return starts, target.astype(np.int32), self.prerequisites[self.required]


def random_graphs(
    seed: int, graphs: int, *, skills: int = SKILLS, density: float = DENSITY, times: int = TIMES
) -> Ensemble:
    """Skill j < i is a prerequisite of i with probability `density`; frequencies are log-normal(0, 1) with mean 1.

    Time runs to `3 n / eta`, three times what the learning alone needs.
    """
    edges, frequencies = [], []
    behind, ahead = np.tril_indices(skills, -1)
    for block in range(math.ceil(graphs / BLOCK)):
        generator = np.random.default_rng([seed, block])
        drawn = np.zeros((BLOCK, skills, skills), bool)
        drawn[:, behind, ahead] = generator.random((BLOCK, len(behind)), np.float32) < density
        frequency = generator.lognormal(0.0, 1.0, (BLOCK, skills))
        edges.append(drawn[: graphs - block * BLOCK])
        frequencies.append((frequency / frequency.mean(axis=1, keepdims=True))[: graphs - block * BLOCK])
    fan_in = max(int(part.sum(axis=2).max(initial=0)) for part in edges)
    # a stable sort of the complement brings each row's prerequisites to its front, in order
    indices = np.concatenate(
        [np.argsort(~part, axis=2, kind="stable")[..., :fan_in].astype(np.int32) for part in edges]
    )
    required = np.concatenate([np.arange(fan_in) < part.sum(axis=2, keepdims=True) for part in edges])
    return Ensemble(
        np.where(required, indices, 0),
        required,
        np.concatenate(frequencies),
        np.linspace(0.0, 3 * skills / Ensemble.learning_rate, times),
    )
