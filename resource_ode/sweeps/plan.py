"""What a sweep is: its axes, its ensemble, what is measured, and how the whole is cut into chunks.

A plan fixes every number of a sweep. [`resource_ode.sweeps.description`][] reads one.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import itertools
import json
import math
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from ..graphs.graph import GATES
from ..model.competition import COMPETITIONS
from ..model.loss import LOSSES
from .ensemble import build_graph, check_size, section_keys

# numbers that are mapped over graphs, and how many axes of the model's parameter (skills, prerequisites) each fills
OF_MEMBERS = {"initial_level": 1, "plateau": 0, "frequency_power": 0, "learnability": 1, "prerequisite_strength": 2}
RESOURCE = ("learning_rate", "wasted_resource", "gate_exponent", "loss", "competition", *OF_MEMBERS)
# axes along which one cascade per graph serves all values: they are never mapped over graphs
CLOCKS = ("wasted_resource", "learning_rate", "gate_exponent")
# axes that set shapes or choose a program: one value per chunk
CHOICES: dict[str, tuple[str, ...]] = {"gate": GATES, "loss": tuple(LOSSES), "competition": tuple(COMPETITIONS)}
# ranges of the numbers that do not set a shape
BOUNDS: dict[str, dict[str, float]] = {
    "learning_rate": {"above": 0.0},
    "wasted_resource": {"least": 0.0},
    "gate_exponent": {"above": 0.0},
    "initial_level": {"least": 0.0, "below": 1.0},
    "plateau": {"above": 0.0, "most": 1.0},
    "frequency_power": {"least": 0.0},
    "learnability": {"above": 0.0},
    "prerequisite_strength": {"least": 0.0, "most": 1.0},
    "density": {"least": 0.0, "below": math.nextafter(1.0, 2.0)},
    "sigma": {"least": 0.0},
    "mean": {"above": 0.0},
    "total": {"above": 0.0},
    "value": {"above": 0.0},
    "exponent": {},
    "rate": {},
}
LONG_NAMES = {
    "wasted_resource": "wasted resource $N_0$",
    "learning_rate": "learning rate",
    "gate_exponent": "gate exponent",
    "plateau": r"plateau $\epsilon$",
    "frequency_power": r"frequency power $\gamma$",
    "learnability": r"learnability $\kappa$",
    "prerequisite_strength": "prerequisite strength $w$",
    "density": "density of dependencies",
    "exponent": "exponent of the frequencies",
    "sigma": "spread of the log-frequencies",
    "skills": "number of skills",
}
UNITS = {"learning_rate": "resource units per training step"}
# members whose cascades are solved in one chunk, and numbers (one per member, clock and skill) held at a time
CHUNK, MOST_NUMBERS = 1024, 2**24


@dataclasses.dataclass(frozen=True)
class Axis:
    """A parameter that varies: its `name`, its `values`, and its `kind` ("clock", "member" or "static")."""

    name: str
    values: tuple[Any, ...]
    kind: str


@dataclasses.dataclass(frozen=True, eq=False)
class Sweep:
    """A checked description.

    - `content`: all of it as plain data; the same content gives the same store, bit for bit.
    - `axes`: the axes, as declared; the dimensions of the results are these and `graph`.
    - `reducer`: the caller's measure of one run, or None.
    """

    content: dict[str, Any]
    axes: tuple[Axis, ...]
    reducer: Callable[..., Any] | None = None

    def __repr__(self) -> str:
        axes = ", ".join(f"{axis.name} ({len(axis.values)})" for axis in self.axes)
        members = f"{math.prod(self.shape):,} member{'s' * (math.prod(self.shape) != 1)}"
        graphs = self.content["ensemble"]["graphs"]
        return f"Sweep({members}: {axes or 'no axis'}, graph ({graphs}); observes {', '.join(self.names) or 'nothing'})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sweep) and other.digest == self.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 of the content."""
        return hashlib.sha256(canonical(self.content).encode()).hexdigest()

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Names of the axes, then `graph`."""
        return (*(axis.name for axis in self.axes), "graph")

    @property
    def shape(self) -> tuple[int, ...]:
        """How many values along each dimension."""
        return (*(len(axis.values) for axis in self.axes), self.content["ensemble"]["graphs"])

    @property
    def names(self) -> tuple[str, ...]:
        """The observables that are measured."""
        return tuple(self.content["observe"]["names"])

    @property
    def ts(self) -> np.ndarray | None:
        """Times of the rows of each run, training steps; None if nothing is simulated."""
        return None if self.content["time"] is None else np.asarray(self.content["time"], float)

    def arguments(self, section: str, static: dict[str, Any]) -> dict[str, Any]:
        """The entries of a section, with those of the static axes filled in."""
        held = dict(self.content[section])
        known = section_keys(held)[section] if section != "resource" else RESOURCE
        return held | {name: value for name, value in static.items() if name in known}

    def statics(self) -> list[dict[str, Any]]:
        """Every combination of values of the static axes."""
        axes = [axis for axis in self.axes if axis.kind == "static"]
        return [
            dict(zip((axis.name for axis in axes), values, strict=True))
            for values in itertools.product(*(axis.values for axis in axes))
        ]

    def first(self, section: str, static: dict[str, Any]) -> dict[str, Any]:
        """The first value of each axis over an argument of a section's that is not static."""
        known = section_keys(self.arguments(section, static))[section]
        return {axis.name: axis.values[0] for axis in self.axes if axis.kind == "member" and axis.name in known}

    def given(self, name: str) -> list[Any]:
        """The values that a parameter of the model has, one or those of an axis; none where it is left out."""
        swept = [list(axis.values) for axis in self.axes if axis.name == name]
        held = self.content["resource"]
        return swept[0] if swept else [held[name]] if name in held else []

    def skills(self, static: dict[str, Any]) -> int:
        """Number of skills of each graph.

        **Raises:** `ValueError` for arguments that the generator refuses.
        """
        arguments = self.arguments("graph", static)
        check_size(arguments)
        # a closure, since sizes are no arrays
        graph = jax.eval_shape(lambda: build_graph(arguments, None, self.first("graph", static)))
        return graph.prerequisites.shape[-2]

    @functools.cached_property
    def most_skills(self) -> int:
        """The largest number of skills of any graph."""
        return max(self.skills(static) for static in self.statics())

    @functools.cached_property
    def blocks(self) -> tuple[int, ...]:
        """How many values along each dimension make one chunk.

        Axes over clocks are whole where memory allows, since they share a cascade; static axes go one by one; the
        graphs, then the last of the other axes, fill up the rest.
        """
        clocks = math.prod(len(axis.values) for axis in self.axes if axis.kind == "clock")
        room = max(1, MOST_NUMBERS // self.most_skills)
        left = max(1, min(self.content["ensemble"]["chunk"], room // min(clocks, room)))
        sizes: dict[str, int] = {}
        for name, count in list(zip(self.dimensions, self.shape, strict=True))[::-1]:
            kind = "member" if name == "graph" else next(axis.kind for axis in self.axes if axis.name == name)
            if kind == "static":
                sizes[name] = 1
            elif kind == "clock":
                sizes[name] = max(1, min(count, room))
                room //= sizes[name]
            else:
                # as even as possible: the last chunk is padded to the size of the others
                sizes[name] = math.ceil(count / math.ceil(count / min(left, count)))
                left = max(1, left // sizes[name])
        return tuple(sizes[name] for name in self.dimensions)

    @property
    def grid(self) -> tuple[int, ...]:
        """How many chunks there are along each dimension."""
        return grid_of(self.blocks, self.shape)

    @property
    def chunks(self) -> int:
        """How many chunks there are."""
        return math.prod(self.grid)

    @property
    def members(self) -> int:
        """How many members there are: cells times graphs."""
        return math.prod(self.shape)

    def region(self, chunk: int) -> tuple[slice, ...]:
        """Which part of the results a chunk is."""
        return region_of(chunk, self.blocks, self.shape)


def grid_of(blocks: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """How many chunks there are along each dimension, given how many values are in one and in all."""
    return tuple(-(-count // size) for count, size in zip(shape, blocks, strict=True))


def region_of(chunk: int, blocks: tuple[int, ...], shape: tuple[int, ...]) -> tuple[slice, ...]:
    """Which part of the results a chunk is, along the dimensions of the sweep."""
    rows = zip(np.unravel_index(chunk, grid_of(blocks, shape)), blocks, shape, strict=True)
    return tuple(slice(int(i) * size, min((int(i) + 1) * size, count)) for i, size, count in rows)


def canonical(content: Any) -> str:
    """The one text that stands for a description."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
