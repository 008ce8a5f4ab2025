"""The variants of the model that are timed: the same random graphs, one thing changed."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from ..ensemble import Ensemble, random_graphs

POOLS = 4
# those with a cascade, or one per piece of a schedule; the last two have none
SINGLE = (
    *("mse", "initial levels", "any", "mixed gates", "cross entropy", "l2", "self-paced", "pools"),
    *("schedule of the learning rate", "schedule of the wasted resource", "schedule of the frequency"),
)
GENERAL = ("prerequisites across pools", "interference")
# what a schedule of one of these multiplies it by
LATER = {"schedule of the learning rate": 0.2, "schedule of the wasted resource": 5.0}


@dataclasses.dataclass(frozen=True, eq=False)
class Variant:
    """An ensemble, and what of the model is not the usual; arrays are `(graph, skill)` unless said otherwise."""

    name: str
    ensemble: Ensemble
    either: np.ndarray | None = None  # (skill,), gates that one open prerequisite opens
    level: np.ndarray | None = None  # at the start
    after: np.ndarray | None = None  # frequency from level 1/2 on
    pool: np.ndarray | None = None  # (skill,)
    # the training step from which `later` is the frequency, and rate and waste are so many times what they were
    change: float | None = None
    later: np.ndarray | None = None  # (skill,)
    faster: float = 1.0
    louder: float = 1.0
    overlap: np.ndarray | None = None  # (graph, skill, skill), of task vectors
    cross_entropy: bool = False
    squared: bool = False

    def model(self, **changes: Any) -> Any:
        """The batch as a `ResourceModel`."""
        import resource_ode as ro

        own = self.ensemble
        gate = "all" if self.either is None else ["any" if one else "all" for one in self.either]
        graph = ro.SkillGraph(own.prerequisites, gate=gate, required=own.required)
        frequency: Any = own.frequency
        if self.later is not None:
            frequency = ro.Schedule([0.0, self.change], np.stack([own.frequency[0], self.later]))
        pools = np.ones(POOLS) if self.pool is not None else np.ones(())

        def scheduled(value: Any, factor: float) -> Any:
            return value * pools if factor == 1 else ro.Schedule([0.0, self.change], [value, value * factor])

        options = {
            "loss": "cross_entropy" if self.cross_entropy else "mse",
            "competition": "l2" if self.squared else "l1",
            "initial_level": self.level,
            "frequency_after": self.after,
            "pool": self.pool,
            "interference": self.overlap,
            "learning_rate": scheduled(own.learning_rate, self.faster),
            "wasted_resource": scheduled(own.wasted_resource, self.louder),
            "gate_exponent": own.gate_exponent,
        }
        return ro.ResourceModel(graph, frequency, **(options | changes))


def variant(name: str, graphs: int, seed: int = 0) -> Variant:
    """A variant by its name, of so many graphs."""
    own = random_graphs(seed, graphs)
    generator = np.random.default_rng([seed, 77])
    shape = own.frequency.shape
    if name == "mse":
        return Variant(name, own)
    if name == "initial levels":
        return Variant(name, own, level=generator.uniform(0, 0.45, shape))
    if name == "any":
        return Variant(name, own, either=np.ones(own.skills, bool))
    if name == "mixed gates":
        return Variant(name, own, either=np.arange(own.skills) % 2 == 0)
    if name == "cross entropy":
        return Variant(name, own, cross_entropy=True)
    if name == "l2":
        return Variant(name, own, squared=True)
    if name == "self-paced":
        return Variant(name, own, after=own.frequency * generator.lognormal(0, 1, shape))
    if name in ("pools", "prerequisites across pools"):
        pool = np.arange(own.skills) % POOLS
        if name == "pools":
            here = own.required & (pool[own.prerequisites] == pool[:, None])
            own = dataclasses.replace(own, required=here)
        return Variant(name, own, pool=pool)
    if name in LATER:
        factor = {"faster" if "rate" in name else "louder": LATER[name]}
        return Variant(name, own, change=own.until / 4, **factor)
    if name == "schedule of the frequency":
        # a schedule is shared by all members
        own = dataclasses.replace(own, frequency=np.broadcast_to(own.frequency[:1], shape))
        return Variant(name, own, change=own.until / 4, later=own.frequency[0][::-1].copy())
    if name == "interference":
        vectors = generator.normal(size=(*shape, 64))
        vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
        own = dataclasses.replace(own, prerequisites=own.prerequisites[..., :0], required=own.required[..., :0])
        return Variant(name, own, overlap=vectors @ vectors.swapaxes(-1, -2))
    raise ValueError(f"variant: expected one of {', '.join((*SINGLE, *GENERAL))}, got {name!r}")
