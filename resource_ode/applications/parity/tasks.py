"""Sparse parity tasks: which bits each task asks for, and which tasks are parts of which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ...base.checks import whole_number

if TYPE_CHECKING:
    pass


class ParityTasks(eqx.Module):
    """A set of parity tasks on the same random bits.

    `y_i = (sum_(b in S_i) x_b) mod 2`, `x` uniform on `{0, 1}^bits`.

    **Arguments:**

    - `bits`: number of input bits.
    - `subsets`: task name -> the distinct bits, `0 .. bits - 1`, whose parity is asked.

    **Other arguments:**

    - `frequency`: positive weights of the tasks in the loss, one per task (dimensionless, only their ratios matter);
        `None` weighs them equally.

    **Raises:** `ValueError` for no tasks, a name that is not a string, an empty subset, a bit that repeats or is out of
    range, two tasks with the same subset, or frequencies of the wrong number or sign.

    **Example:**

    >>> tasks = ParityTasks(32, {"A": [0, 1], "B": [2, 3], "AB": [0, 1, 2, 3]})
    >>> tasks.prerequisites
    [[], [], [0, 1]]
    """

    bits: int = eqx.field(static=True)
    names: tuple[str, ...] = eqx.field(static=True)
    subsets: tuple[tuple[int, ...], ...] = eqx.field(static=True)
    frequency: tuple[float, ...] | None = eqx.field(static=True)

    def __init__(self, bits: int, subsets: Mapping[Any, Sequence[int]], *, frequency: Any = None):
        self.bits = whole_number("bits", bits)
        if not isinstance(subsets, Mapping) or not subsets:
            raise ValueError(f"subsets: expected at least one task, as task name -> bits, got {subsets!r}")
        for name in subsets:
            if not isinstance(name, str):
                raise ValueError(f"subsets: expected a string as the name of each task, got {name!r}")
        self.names = tuple(subsets)
        self.subsets = tuple(_subset(name, subset, self.bits) for name, subset in subsets.items())
        for i, subset in enumerate(self.subsets):
            if subset in self.subsets[:i]:
                first = self.names[self.subsets.index(subset)]
                raise ValueError(f"subsets: tasks {first!r} and {self.names[i]!r} ask for the same parity, of {subset}")
        self.frequency = _frequency(frequency, len(self.subsets))

    @classmethod
    def composition(cls) -> ParityTasks:
        """The paper's compositional tasks: bits 1 and 2, bits 3 and 4, and all four, among 32 bits (indices from 0)."""
        return cls(32, {"A": (0, 1), "B": (2, 3), "AB": (0, 1, 2, 3)})

    @classmethod
    def control(cls) -> ParityTasks:
        """The paper's control: the same parts, and a parity of four *other* bits, which no part helps to learn.

        Without parts to build on it takes some three times as many steps as the composition: train for 3000.
        """
        return cls(32, {"A": (0, 1), "B": (2, 3), "C": (4, 5, 6, 7)})

    @property
    def tasks(self) -> int:
        """Number of tasks."""
        return len(self.subsets)

    @property
    def prerequisites(self) -> list[list[int]]:
        """For each task, the tasks whose subsets are maximal among the proper subsets of its own.

        What `SkillGraph` takes: `SkillGraph(tasks.prerequisites, names=tasks.names)`.
        """
        sets = [frozenset(subset) for subset in self.subsets]
        smaller = [[j for j, part in enumerate(sets) if part < whole] for whole in sets]
        return [[j for j in parts if not any(sets[j] < sets[k] for k in parts)] for parts in smaller]

    @property
    def weight(self) -> np.ndarray:
        """Share of each task in the loss, `(task,)`, summing to 1."""
        frequency = np.ones(self.tasks) if self.frequency is None else np.asarray(self.frequency)
        return frequency / np.sum(frequency)

    @property
    def membership(self) -> np.ndarray:
        """`(task, bit)`: 1 where the task asks for the bit, else 0."""
        matrix = np.zeros((self.tasks, self.bits), np.float32)
        for row, subset in zip(matrix, self.subsets, strict=True):
            row[list(subset)] = 1
        return matrix

    def labels(self, inputs: Any) -> Float[Array, "*batch task"]:
        """The right answers, 0 or 1, to bit strings.

        **Arguments:**

        - `inputs`: `(*batch, bit)`, zeros and ones of any type.

        **Returns:** `(*batch, task)`, float32.

        **Raises:** `ValueError` if the last axis is not `bits` long.

        **Example:**

        >>> ParityTasks(3, {"A": [0, 1], "ABC": [0, 1, 2]}).labels([1, 0, 1]).tolist()
        [1.0, 0.0]
        """
        inputs = jnp.asarray(inputs).astype(jnp.float32)
        if inputs.ndim < 1 or inputs.shape[-1] != self.bits:
            raise ValueError(f"inputs: expected shape (*batch, {self.bits}), got {inputs.shape}")
        return jnp.mod(inputs @ jnp.asarray(self.membership).T, 2)

    def __repr__(self) -> str:
        listed = ", ".join(f"{n}: {list(s)}" for n, s in zip(self.names, self.subsets, strict=True))
        return f"ParityTasks({self.bits} bits; {listed})"


def _subset(name: str, subset: Any, bits: int) -> tuple[int, ...]:
    array = np.asarray(subset)
    if array.ndim != 1 or array.size == 0 or array.dtype.kind not in "iu":
        raise ValueError(f"subsets: expected a list of at least one bit for task {name!r}, got {subset!r}")
    if np.any(array < 0) or np.any(array >= bits):
        raise ValueError(f"subsets: expected bits 0 to {bits - 1} for task {name!r}, got {subset!r}")
    ordered = tuple(sorted(int(bit) for bit in array))
    if len(set(ordered)) < len(ordered):
        raise ValueError(f"subsets: expected distinct bits for task {name!r}, got {subset!r}")
    return ordered


def _frequency(frequency: Any, tasks: int) -> tuple[float, ...] | None:
    if frequency is None:
        return None
    array = np.asarray(frequency, dtype=float)
    if array.shape != (tasks,) or not np.all((array > 0) & np.isfinite(array)):
        raise ValueError(f"frequency: expected {tasks} positive finite numbers, one per task, got {frequency!r}")
    return tuple(float(value) for value in array)
