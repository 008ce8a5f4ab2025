"""Who requires whom: skill-dependency graphs as padded arrays that stack.

A graph of ``n`` skills is held as prerequisites padded to a common fan-in, never as an ``n x n`` matrix: the cost is
that of its edges, a batch of graphs is the same arrays with leading axes, and everything below runs under ``jit`` and
``vmap``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from ..base.modules import with_fields
from ..base.tracing import is_concrete

GATES = ("all", "any")


class SkillGraph(eqx.Module):
    """A directed acyclic graph of skills, or a batch of them.

    **Arguments:**

    - `prerequisites`: one list of prerequisite indices a skill, `[[], [0], [1]]` being the chain `0 -> 1 -> 2`; or,
        with `required`, an integer array `(*batch, skill, fan_in)` of padded indices.
    - `gate`: how a skill's prerequisites combine: `"all"` (the product of their gates) or `"any"` (their maximum). One
        for all skills, or one a skill. With `required`, also a boolean array `(*batch, skill)` that is true for
        `"any"`.

    **Other arguments:**

    - `names`: one distinct string a skill; default `skill 1`, `skill 2`, ... For a batch, one tuple for all members or
        one a member. Names label results; they never reach compiled code.
    - `frequency`: default frequencies, `(*batch, skill)`, used by a model that is given none (dimensionless).
    - `required`: `(*batch, skill, fan_in)`, true where an entry of `prerequisites` is a prerequisite and not padding.
    - `present`: `(*batch, skill)`, false for skills that only pad a smaller graph of a batch; default all present.

    **Raises:** `ValueError` for an index out of range, a skill that requires itself or the same skill twice, an unknown
    gate, repeated names, no skills, or a cycle (which it prints): in a cycle no skill could ever start. Values are
    checked when they are concrete; under `jit` or `vmap` they are trusted.

    **Example:**

    >>> SkillGraph([[], [0], [0, 1]], gate=["all", "all", "any"])
    SkillGraph(3 skills, 3 dependencies, depth 2)
    """

    prerequisites: Int[Array, "*batch skill fan_in"]
    required: Bool[Array, "*batch skill fan_in"]
    # inside compiled code None stands for "all" throughout
    any_gate: Bool[Array, "*batch skill"] | None
    present: Bool[Array, "*batch skill"]
    depth: Int[Array, "*batch skill"]
    frequency: Float[Array, "*batch skill"] | None
    names: tuple[Any, ...] | None = eqx.field(static=True)

    def __init__(
        self,
        prerequisites: Any,
        gate: Any = "all",
        *,
        names: Sequence[Any] | None = None,
        frequency: Any = None,
        required: Any = None,
        present: Any = None,
    ):
        indices: Any
        mask: Any
        if required is None:
            if isinstance(prerequisites, (np.ndarray, jax.Array)):
                raise ValueError(
                    "prerequisites: a padded array needs `required`, the mask of its true entries; to read an "
                    "adjacency matrix use SkillGraph.from_adjacency"
                )
            indices, mask = _pad(prerequisites)
        else:
            indices, mask = prerequisites, required
        concrete = is_concrete(indices, mask, present)
        xp = np if concrete else jnp
        indices, mask = xp.asarray(indices), xp.asarray(mask, bool)
        if indices.size and not xp.issubdtype(indices.dtype, xp.integer):
            raise ValueError(f"prerequisites: expected integer indices of skills, got {indices.dtype} numbers")
        if indices.shape != mask.shape or indices.ndim < 2:
            raise ValueError(
                f"required: expected the shape of prerequisites, (*batch, skill, fan_in), got {mask.shape} "
                f"for {indices.shape}"
            )
        shape = indices.shape[:-1]
        if shape[-1] == 0:
            raise ValueError("prerequisites: expected at least one skill, got an empty graph")
        present = xp.ones(shape, bool) if present is None else xp.asarray(present, bool)
        if present.shape != shape:
            raise ValueError(f"present: expected shape {shape}, got {present.shape}")
        self.names = _names(names, shape)
        if concrete:
            _check_indices(indices, mask, self.name_of)
            indices = indices.astype(np.int32)
            depth = _depth(indices, mask, self.name_of)
            # padding points at skill 0 and absent skills require nothing: both are harmless to gather
            indices = np.where(mask, indices, 0).astype(np.int32)
        else:
            indices = indices.astype(jnp.int32)
            depth = _traced_depth(indices, mask)
        self.prerequisites = jnp.asarray(indices)
        self.required = jnp.asarray(mask)
        self.present = jnp.asarray(present)
        self.depth = jnp.asarray(depth)
        any_gate = _any_gate(gate, shape)
        xp = np if is_concrete(any_gate) else jnp  # numpy compiles nothing
        self.any_gate = jnp.asarray(xp.broadcast_to(any_gate, shape))
        self.frequency = None if frequency is None else _frequency(frequency, shape)

    # -- what it holds

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """Shape of the batch axes: `()` for one graph."""
        return self.prerequisites.shape[:-2]

    @property
    def skills(self) -> int:
        """Number of skills, padding included."""
        return self.prerequisites.shape[-2]

    @property
    def fan_in(self) -> int:
        """Largest number of prerequisites that a skill may have in these arrays."""
        return self.prerequisites.shape[-1]

    @property
    def edges(self) -> Int[Array, "*batch"]:
        """Number of dependencies of each graph."""
        return jnp.sum(self.required, axis=(-2, -1))

    def name_of(self, skill: int, member: int = 0) -> str:
        """The name of a skill, in member `member` of a batch (counted over the flattened batch axes)."""
        return self.skill_names(member)[skill] if self.names is not None else f"skill {skill + 1}"

    def skill_names(self, member: int = 0) -> tuple[str, ...]:
        """The names of the skills of one member."""
        if self.names is None:
            return tuple(f"skill {i + 1}" for i in range(self.skills))
        return self.names if isinstance(self.names[0], str) else self.names[member]

    def prerequisite_lists(self) -> list[list[int]]:
        """The prerequisites of one concrete graph as lists of indices.

        **Raises:** `ValueError` for a batch.
        """
        if self.batch_shape:
            raise ValueError(
                f"prerequisite_lists: expected one graph, got a batch of shape {self.batch_shape}; index it first"
            )
        indices, mask = np.asarray(self.prerequisites), np.asarray(self.required)
        return [[int(j) for j in row[keep]] for row, keep in zip(indices, mask, strict=True)]

    def __getitem__(self, index: Any) -> SkillGraph:
        """Member (or members) `index` of a batch, padding kept."""
        if not self.batch_shape:
            raise IndexError("this is one graph, not a batch: there is nothing to index")
        batch, names = self.batch_shape, self.names
        if not is_concrete(index):
            # which member it is will be known too late for names
            return jax.tree.map(lambda x: x[index], self.unnamed())
        count = math.prod(batch)
        picked = np.arange(count).reshape(batch)[index]
        if names is not None and not isinstance(names[0], str):
            names = names[int(picked)] if np.ndim(picked) == 0 else tuple(names[i] for i in np.ravel(picked))
        chosen = jax.tree.map(lambda x: x.reshape(count, *x.shape[len(batch) :])[picked], self)
        return with_fields(chosen, names=names or None)

    def unnamed(self) -> SkillGraph:
        """The same arrays without names: what compiled code sees, so that other names never recompile."""
        return self if self.names is None else with_fields(self, names=None)

    def __repr__(self) -> str:
        if not is_concrete(self.required):
            return f"SkillGraph({self.skills} skills, traced)"
        batch = f"batch {self.batch_shape} of up to " if self.batch_shape else ""
        depth = int(np.max(np.asarray(self.depth), initial=0))
        skills = self.skills if self.batch_shape else int(np.sum(np.asarray(self.present)))
        return (
            f"SkillGraph({batch}{skills} skills, {int(np.sum(np.asarray(self.required)))} dependencies, depth {depth})"
        )

    # -- to and from other forms (in graph_files, loaded on first use)

    @classmethod
    def from_networkx(cls, digraph: Any, *, gate: Any = None, condense: bool = False) -> SkillGraph:
        """A graph from a networkx `DiGraph`; see [`resource_ode.graph_files.from_networkx`][]."""
        from .. import graph_files

        return graph_files.from_networkx(digraph, gate=gate, condense=condense)

    @classmethod
    def from_adjacency(cls, matrix: Any, **options: Any) -> SkillGraph:
        """A graph from an adjacency matrix; see [`resource_ode.graph_files.from_adjacency`][]."""
        from .. import graph_files

        return graph_files.from_adjacency(matrix, **options)

    def to_networkx(self) -> Any:
        """One graph as a networkx `DiGraph`; see [`resource_ode.graph_files.to_networkx`][]."""
        from .. import graph_files

        return graph_files.to_networkx(self)


def _pad(prerequisites: Any) -> tuple[np.ndarray, np.ndarray]:
    rows = []
    for skill, row in enumerate(prerequisites):
        if isinstance(row, (str, bytes)) or not isinstance(row, Iterable):
            raise ValueError(f"prerequisites[{skill}]: expected a list of indices of skills, got {row!r:.80}")
        rows.append(list(row))
    fan_in = max((len(row) for row in rows), default=0)
    indices, mask = np.zeros((len(rows), fan_in), np.int64), np.zeros((len(rows), fan_in), bool)
    for skill, row in enumerate(rows):
        for entry in row:
            if isinstance(entry, bool) or not isinstance(entry, (int, np.integer)):
                raise ValueError(f"prerequisites[{skill}]: expected integer indices of skills, got {entry!r:.80}")
            if not 0 <= entry < len(rows):
                raise ValueError(f"prerequisites[{skill}]: expected indices from 0 to {len(rows) - 1}, got {entry}")
        indices[skill, : len(row)] = row
        mask[skill, : len(row)] = True
    return indices, mask


def _names(names: Sequence[Any] | None, shape: tuple[int, ...]) -> tuple[Any, ...] | None:
    if names is None:
        return None
    skills, members = shape[-1], int(np.prod(shape[:-1]))
    if isinstance(names, str) or not all(isinstance(n, Iterable) for n in names):
        raise ValueError(f"names: expected {skills} strings, one a skill, got {names!r:.80}")
    names = tuple(n if isinstance(n, str) else tuple(n) for n in names)
    if len(names) == 1 and members > 1 and not isinstance(names[0], str):
        names = names[0]
    rows = (names,) if names and isinstance(names[0], str) else names
    if len(rows) not in (1, members):
        raise ValueError(f"names: expected one tuple of names or one a member ({members}), got {len(rows)}")
    for row in rows:
        if len(row) != skills or not all(isinstance(n, str) for n in row):
            raise ValueError(f"names: expected {skills} strings, one a skill, got {len(row)}: {row!r:.80}")
        seen = [n for n in row if n]
        repeated = sorted({n for n in seen if seen.count(n) > 1}) if len(set(seen)) < len(seen) else []
        if repeated:
            raise ValueError(f"names: expected distinct names, got {repeated[0]!r} more than once")
    return names


def _any_gate(gate: Any, shape: tuple[int, ...]) -> Array | np.ndarray:
    if isinstance(gate, str):
        if gate not in GATES:
            raise ValueError(f'gate: expected "all" or "any", got {gate!r}')
        return np.asarray(gate == "any")
    if isinstance(gate, (jax.Array, np.ndarray)) and gate.dtype == bool:
        if gate.shape not in (shape[len(shape) - gate.ndim :], ()):
            raise ValueError(f"gate: expected shape {shape}, got {gate.shape}")
        return gate
    if not isinstance(gate, Iterable):
        raise ValueError(f'gate: expected "all" or "any", got {gate!r:.80}')
    gate = list(gate)
    if len(gate) != shape[-1]:
        raise ValueError(f"gate: expected one gate for all or one a skill ({shape[-1]}), got {len(gate)}")
    for skill, value in enumerate(gate):
        if value not in GATES:
            raise ValueError(f'gate[{skill}]: expected "all" or "any", got {value!r}')
    return np.asarray([value == "any" for value in gate])


def _frequency(frequency: Any, shape: tuple[int, ...]) -> Array:
    try:
        frequency = jnp.asarray(frequency, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"frequency: expected numbers, got {frequency!r:.80}") from None
    if frequency.ndim == 0 or frequency.shape != shape[len(shape) - frequency.ndim :]:
        raise ValueError(f"frequency: expected shape {shape}, got {frequency.shape}")
    return jnp.broadcast_to(frequency, shape)


def _check_indices(indices: np.ndarray, mask: np.ndarray, name_of: Any) -> None:
    *batch, skills, _ = mask.shape

    def name_at(where: np.ndarray, skill: int) -> str:
        return name_of(skill, int(np.ravel_multi_index(tuple(where[:-2]), batch)) if batch else 0)

    outside = mask & ((indices < 0) | (indices >= skills))
    if outside.any():
        where = np.argwhere(outside)[0]
        raise ValueError(
            f"prerequisites of {name_at(where, int(where[-2]))}: expected indices from 0 to {skills - 1}, "
            f"got {int(indices[tuple(where)])}"
        )
    itself = mask & (indices == np.arange(skills)[:, None])
    if itself.any():
        where = np.argwhere(itself)[0]
        raise ValueError(f"prerequisites of {name_at(where, int(where[-2]))}: a skill cannot require itself")
    ordered = np.sort(np.where(mask, indices, -1 - np.arange(mask.shape[-1])), axis=-1)
    twice = (ordered[..., 1:] == ordered[..., :-1]) & (ordered[..., 1:] >= 0)
    if twice.any():
        where = np.argwhere(twice)[0]
        other = int(ordered[..., 1:][tuple(where)])
        raise ValueError(
            f"prerequisites of {name_at(where, int(where[-2]))}: {name_at(where, other)} is listed more than once"
        )


def _depth(indices: np.ndarray, mask: np.ndarray, name_of: Any) -> np.ndarray:
    """Longest path from a root to each skill; raises on a cycle."""
    shape = indices.shape[:-1]
    if mask.shape[-1] == 0:
        return np.zeros(shape, np.int32)
    if int(np.prod(shape[:-1])) == 1:
        depth = _depth_of_one(indices.reshape(indices.shape[-2:]), mask.reshape(mask.shape[-2:]), name_of)
        return depth.reshape(shape)
    depth = np.zeros(shape, np.int32)
    flat = np.where(mask, indices, 0).reshape(*shape[:-1], -1)
    for _ in range(shape[-1] + 1):
        parents = np.take_along_axis(depth, flat, axis=-1).reshape(indices.shape)
        deeper = np.max(np.where(mask, parents + 1, 0), axis=-1).astype(np.int32)
        if np.array_equal(deeper, depth):
            return depth
        depth = deeper
    member = tuple(int(i) for i in np.argwhere(depth > shape[-1] - 1)[0][:-1])
    position = int(np.ravel_multi_index(member, shape[:-1]))
    try:
        _depth_of_one(indices[member], mask[member], lambda skill: name_of(skill, position))
    except ValueError as error:
        raise ValueError(f"graph {member} of the batch: {error}") from None
    raise AssertionError("a graph without a cycle has depths below its number of skills")


def _depth_of_one(indices: np.ndarray, mask: np.ndarray, name_of: Any) -> np.ndarray:
    skills = len(indices)
    parents = [row[keep].tolist() for row, keep in zip(indices, mask, strict=True)]
    children: list[list[int]] = [[] for _ in range(skills)]
    for skill, row in enumerate(parents):
        for parent in row:
            children[parent].append(skill)
    waiting = [len(row) for row in parents]
    depth = np.zeros(skills, np.int32)
    ready = [skill for skill in range(skills) if not waiting[skill]]
    done = 0
    while ready:
        skill = ready.pop()
        done += 1
        for child in children[skill]:
            depth[child] = max(depth[child], depth[skill] + 1)
            waiting[child] -= 1
            if not waiting[child]:
                ready.append(child)
    if done < skills:
        cycle = _one_cycle(parents, waiting)
        path = " -> ".join(name_of(s) for s in [*cycle, cycle[0]])
        raise ValueError(
            f"prerequisites: expected a graph without cycles, got {path} (no skill of a cycle could ever start; "
            "condense=True merges each cycle into one skill)"
        )
    return depth


def _one_cycle(parents: list[list[int]], waiting: list[int]) -> list[int]:
    """A cycle in the order of learning (each skill is required by the next)."""
    skill = next(s for s, w in enumerate(waiting) if w)
    path: list[int] = []
    while skill not in path:
        path.append(skill)
        skill = next(p for p in parents[skill] if waiting[p])
    return path[path.index(skill) :][::-1]


def _traced_depth(indices: Array, mask: Array) -> Array:
    shape = indices.shape[:-1]
    if indices.shape[-1] == 0:
        return jnp.zeros(shape, jnp.int32)
    flat = indices.reshape(*shape[:-1], -1)

    def deepen(depth: Array, _: None) -> tuple[Array, None]:
        parents = jnp.take_along_axis(depth, flat, axis=-1).reshape(indices.shape)
        return jnp.max(jnp.where(mask, parents + 1, 0), axis=-1), None

    return jax.lax.scan(deepen, jnp.zeros(shape, jnp.int32), None, length=shape[-1])[0]
