"""The graphs and frequencies that the explorer can make, and the range of each of their arguments."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from .. import frequencies
from ..graphs import generators
from ..graphs.graph import SkillGraph

# more skills than this are no longer told apart in a picture, nor redrawn while a slider moves
MOST_SKILLS = 200


@dataclasses.dataclass(frozen=True)
class Range:
    """What an argument may be, and what it is at first; whole numbers if all three are."""

    low: int | float
    high: int | float
    start: int | float


@dataclasses.dataclass(frozen=True)
class Maker:
    """A generator and its arguments."""

    make: Callable[..., Any]
    arguments: Mapping[str, Range]


SEED = Range(0, 99, 0)
SKILLS = Range(1, 64, 16)


def _layered(seed: int, layers: int, width: int, fan_in: int, gate: str) -> SkillGraph:
    return generators.layered(jax.random.key(seed), [width] * layers, fan_in, gate=gate)


def _random_dag(seed: int, skills: int, density: float, gate: str) -> SkillGraph:
    return generators.random_dag(jax.random.key(seed), skills, density, gate=gate)


def _preferential(seed: int, skills: int, links: int, gate: str) -> SkillGraph:
    return generators.preferential(jax.random.key(seed), skills, links, gate=gate)


GRAPHS: Mapping[str, Maker] = {
    "random_dag": Maker(_random_dag, {"skills": SKILLS, "density": Range(0.0, 1.0, 0.15), "seed": SEED}),
    "chain": Maker(generators.chain, {"skills": SKILLS}),
    "star": Maker(generators.star, {"skills": SKILLS}),
    "tree": Maker(generators.tree, {"depth": Range(0, 4, 3), "branching": Range(1, 3, 2)}),
    "layered": Maker(
        _layered, {"layers": Range(1, 8, 4), "width": Range(1, 12, 4), "fan_in": Range(1, 4, 2), "seed": SEED}
    ),
    "preferential": Maker(_preferential, {"skills": SKILLS, "links": Range(1, 4, 1), "seed": SEED}),
    "parity": Maker(generators.parity, {"bits": Range(1, 6, 4)}),
}


def _zipf(skills: int, exponent: float) -> Any:
    return frequencies.zipf(skills, exponent, total=skills)


def _exponential(skills: int, rate: float) -> Any:
    return frequencies.exponential(skills, rate, total=skills)


def _lognormal(skills: int, sigma: float, seed: int) -> Any:
    return frequencies.lognormal(jax.random.key(seed), skills, sigma)


# all of mean 1, so that the wasted resource means the same in each
FREQUENCIES: Mapping[str, Maker] = {
    "uniform": Maker(frequencies.uniform, {}),
    "zipf": Maker(_zipf, {"exponent": Range(0.0, 3.0, 1.0)}),
    "exponential": Maker(_exponential, {"rate": Range(0.0, 1.0, 0.3)}),
    "lognormal": Maker(_lognormal, {"sigma": Range(0.0, 3.0, 1.0), "seed": SEED}),
}


def make_graph(name: str, gate: str, **arguments: Any) -> SkillGraph:
    """A graph by the name of its generator."""
    return GRAPHS[name].make(**arguments, gate=gate)


def make_frequency(name: str, skills: int, **arguments: Any) -> np.ndarray:
    """`(skill,)` frequencies by the name of their law, of mean 1."""
    return np.asarray(FREQUENCIES[name].make(skills, **arguments))
