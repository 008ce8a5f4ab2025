"""A small sweep and its stores, which several tests of sweeps share."""

from __future__ import annotations

import copy
import functools
from pathlib import Path
from typing import Any

import numpy as np

from resource_ode import sweeps
from resource_ode.sweeps import read_sweep

DESCRIPTION: dict[str, Any] = {
    "ensemble": {"graphs": 4, "seed": 5, "chunk": 4},
    "graph": {"generator": "random_dag", "skills": 3},
    "frequency": {"law": "lognormal", "sigma": 1.0},
    "resource": {"learning_rate": 1e-3, "gate_exponent": 1e-2},
    "axis": [{"name": "wasted_resource", "log": [1e-3, 1.0, 2]}, {"name": "density", "values": [0.0, 0.5, 1.0]}],
    "observe": {"names": ["horizon", "efficiency", "dependencies"], "level": 0.9},
}
CHUNKS = 3
# about the same, as users write it
SWEEP = """
[ensemble]
graphs = 4
seed = 5
chunk = 4
[graph]
generator = "random_dag"
skills = 3
[frequency]
law = "lognormal"
[resource]
learning_rate = 1e-3
gate_exponent = 1e-2
[[axis]]
name = "wasted_resource"
log = [1e-3, 1, 2]
[[axis]]
name = "density"
values = [0, 0.5, 1]
"""


def description(**sections: Any) -> dict[str, Any]:
    """The small sweep with other keys in its tables."""
    found = copy.deepcopy(DESCRIPTION)
    for section, value in sections.items():
        found[section] = {**found.get(section, {}), **value} if isinstance(value, dict) else value
    return found


def quick_chunk(sweep: Any, chunk: int) -> dict[str, np.ndarray]:
    """Numbers that need no solve, in place of `compute_chunk`."""
    region = sweep.region(chunk)
    shape = tuple(part.stop - part.start for part in region)
    spread = np.arange(np.prod(shape)).reshape(shape)
    values = {name: chunk + number + 1 / (3 + spread) for number, name in enumerate(sweep.names)}
    return values | {"failed": np.zeros(shape, np.int8)}


def resumed(path: Path, given: Any = None) -> int:
    """Go on with a store; the number of members that had to be computed."""
    return sweeps.fill(sweeps.begin(read_sweep(given) if given else plan(), path, resume=True), progress=False)


@functools.cache
def plan() -> sweeps.Sweep:
    """The small sweep, read."""
    return read_sweep(DESCRIPTION)


def contents(path: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(file.relative_to(path)): file.read_bytes() for file in sorted(path.rglob("*")) if file.is_file()}


def same(one: Path, other: Path) -> None:
    """Two stores are the same files, bit for bit, and whole."""
    first, second = contents(one), contents(other)
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []
    assert sweeps.failures(sweeps.open_dataset(one, verify=True)) == ""
