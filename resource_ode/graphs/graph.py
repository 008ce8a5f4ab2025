"""Who requires whom: skill-dependency graphs as padded arrays that stack.

A graph of ``n`` skills is held as prerequisites padded to a common fan-in, never as an ``n x n`` matrix: the cost is
that of its edges, a batch of graphs is the same arrays with leading axes, and everything below runs under ``jit`` and
``vmap``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from ..base import html, members
from ..base.annotations import BySkill, DiGraph, Given, Numbers
from ..base.modules import letting_go, with_fields
from ..base.tracing import is_concrete
from ..base.values import brief, in_order_of, plain
from ..base.words import missing_attribute, printable
from . import arguments, convert, order
from .gates import ALL, ANY, AbstractGate, Gate
from .gates import GATES as GATES


class SkillGraph(eqx.Module):
    """A directed acyclic graph of skills, or a batch of them.

    **Arguments:**

    - `prerequisites`: one list of prerequisite indices a skill, `[[], [0], [1]]` being the chain `0 -> 1 -> 2`; or
        names, `{"letters": [], "words": ["letters"]}`, the skills in the order of the dict (where it lists none that
        requires nothing, those that are only required come first); or, with `required`, an integer array
        `(*batch, skill, fan_in)` of padded indices.
    - `gate`: how a skill's prerequisites combine: `"all"` (the product of their gates) or `"any"` (their maximum). One
        for all skills, or one per skill, in order or by name. With `required`, also a boolean array `(*batch, skill)`
        that is true for `"any"`.

    **Other arguments:**

    - `names`: one distinct string per skill; default `skill 1`, `skill 2`, ... For a batch, one tuple for all members
        or one per member. Names label results; they never reach compiled code.
    - `frequency`: default frequencies, `(*batch, skill)`, used by a model that is given none (dimensionless, > 0); or
        by name, as a dict or a pandas Series.
    - `required`: `(*batch, skill, fan_in)`, true where an entry of `prerequisites` is a prerequisite and not padding.
    - `present`: `(*batch, skill)`, false for skills that only pad a smaller graph of a batch, which come last; default
        all present.

    The arrays of a graph have one form: in `prerequisites` and `required` padding follows the true entries of each
    skill and points at skill 0, and absent skills require nothing.

    **Raises:** `ValueError` for an index out of range, a skill that requires itself or the same skill twice, an absent
    skill that is not last or is required, an unknown gate, unknown or repeated names, no skills, or a cycle (which it
    prints): in a cycle no skill could ever start. Values are checked when they are concrete; under `jit` or `vmap` they
    are trusted.

    **Example:**

    >>> SkillGraph([[], [0], [0, 1]], gate=["all", "all", "any"])
    SkillGraph(3 skills, 3 dependencies, depth 2)
    """

    if not TYPE_CHECKING:  # to which every name would be known
        __getattr__ = missing_attribute

    prerequisites: Int[Array, "*batch skill fan_in"]
    required: Bool[Array, "*batch skill fan_in"]
    # inside compiled code None stands for "all" throughout
    any_gate: Bool[Array, "*batch skill"] | None
    # a gate of the user's own, in place of "all" and "any"
    own_gate: AbstractGate | None
    present: Bool[Array, "*batch skill"]
    depth: Int[Array, "*batch skill"]
    frequency: Float[Array, "*batch skill"] | None
    names: tuple[Any, ...] | None = eqx.field(static=True)

    @letting_go
    def __init__(
        self,
        prerequisites: Given[Sequence[Sequence[int]] | Mapping[str, Sequence[str]]] | Numbers,
        gate: Gate = "all",
        *,
        names: Given[Sequence[str] | Sequence[Sequence[str]] | None] = None,
        frequency: BySkill | None = None,
        required: Numbers | None = None,
        present: Numbers | None = None,
    ):
        if isinstance(prerequisites, Mapping):
            for name, value in (("names", names), ("required", required)):
                if value is not None:
                    raise ValueError(f"{name}: cannot be given beside prerequisites by name, which hold all skills")
            names, prerequisites = arguments.by_name(prerequisites)
        indices: Any
        mask: Any
        if required is None:
            if isinstance(prerequisites, (np.ndarray, jax.Array)):
                raise ValueError(
                    "prerequisites: a padded array needs `required`, the mask of its true entries; to read an "
                    "adjacency matrix use SkillGraph.from_adjacency"
                )
            indices, mask = arguments.pad(prerequisites)
        else:
            indices = plain("prerequisites", prerequisites, "integer indices of skills")
            mask = arguments.truth_values("required", required)
        concrete = is_concrete(indices, mask, present)
        xp = np if concrete else jnp
        indices, mask = xp.asarray(indices), xp.asarray(mask)
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
        exists: Any = xp.ones(shape, bool) if present is None else arguments.truth_values("present", present)
        exists = xp.asarray(exists)
        if exists.shape != shape:
            raise ValueError(f"present: expected shape {shape}, got {exists.shape}")
        self.names = arguments.checked_names(names, shape)
        # what an absent skill requires would change nothing
        mask = mask & exists[..., None]
        if concrete:
            _check_present(exists, self.names, self.name_of)
            _check_indices(indices, mask, exists, self.name_of)
            indices, mask = arguments.packed(indices.astype(np.int32), mask)
            depth = order.depth(indices, mask, self.name_of)
        else:
            wrong = arguments.wrong_prerequisites(indices, mask)
            # compiled loops read memory at these places
            indices = jnp.clip(indices, 0, shape[-1] - 1).astype(jnp.int32)
            indices, mask = arguments.packed(indices, mask)
            # too deep to be in any graph, which is what those in cycles are too
            depth = jnp.where(wrong, shape[-1], order.traced_depth(indices, mask))
        # with a type: without one JAX compiles a program for each shape
        self.prerequisites = jnp.asarray(indices, jnp.int32)
        self.required = jnp.asarray(mask, bool)
        self.present = jnp.asarray(exists, bool)
        self.depth = jnp.asarray(depth, jnp.int32)
        shared = arguments.labelled(self.names, shape)
        self.own_gate = gate if isinstance(gate, AbstractGate) and gate not in (ALL, ANY) else None
        if isinstance(gate, AbstractGate):
            gate = "all" if self.own_gate is not None else gate.name
        any_gate = arguments.checked_gates(in_order_of("gate", gate, shared)[0], shape)
        xp = np if is_concrete(any_gate) else jnp  # numpy compiles nothing
        self.any_gate = jnp.asarray(xp.broadcast_to(any_gate, shape), bool)
        self.frequency = None
        if frequency is not None:
            self.frequency = arguments.checked_frequency(in_order_of("frequency", frequency, shared)[0], exists)

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
        """Member (or members) `index` of a batch, as NumPy indexes arrays, padding kept."""
        if not self.batch_shape:
            raise IndexError("this is one graph, not a batch: there is nothing to index")
        return self.members(self.batch_shape, members.positions(self.batch_shape, index))

    def __iter__(self) -> Iterator[SkillGraph]:
        """The graphs along the first batch axis."""
        return members.each(self)

    def members(self, batch: tuple[int, ...], chosen: Any) -> SkillGraph:
        """The members at positions (of the flattened axes) of a batch that this graph's own batch broadcasts to."""
        own, names = self.batch_shape, self.names
        if names is not None and not isinstance(names[0], str) and own:
            if is_concrete(chosen):
                rows = np.ravel_multi_index(members.coordinates(own, batch, chosen), own)
                names = names[int(rows)] if np.ndim(rows) == 0 else tuple(names[i] for i in np.ravel(rows))
            else:
                # which member it is will be known too late for names
                names = None
        arrays = {name: members.take(getattr(self, name), axes, batch, chosen) for name, axes in _MEMBER_AXES.items()}
        return with_fields(self, names=names or None, **arrays)

    def without_padding(self) -> SkillGraph:
        """One graph without absent skills and columns that no skill needs; as it is under a trace."""
        if not is_concrete(self.present, self.required):
            return self
        present, required = np.asarray(self.present), np.asarray(self.required)
        # not always the first ones: under a trace nobody could check that
        keep, used = np.flatnonzero(present), np.flatnonzero(required.any(axis=0))
        columns = int(used[-1]) + 1 if len(used) else 0
        if len(keep) == len(present) and columns == self.fan_in:
            return self
        place = np.cumsum(present) - 1
        behind = np.where(required, place[np.asarray(self.prerequisites)], 0)[keep, :columns]

        def cut(value: Any) -> Any:
            return None if value is None else jnp.asarray(np.asarray(value)[keep], value.dtype)

        return with_fields(
            self,
            prerequisites=jnp.asarray(behind, jnp.int32),
            required=jnp.asarray(required[keep, :columns], bool),
            present=cut(present),
            any_gate=cut(self.any_gate),
            depth=cut(self.depth),
            frequency=None if not is_concrete(self.frequency) else cut(self.frequency),
            names=None if self.names is None else tuple(self.skill_names()[i] for i in keep),
        )

    def unnamed(self) -> SkillGraph:
        """The same arrays without names: what compiled code sees, so that other names never recompile."""
        return self if self.names is None else with_fields(self, names=None)

    def __repr__(self) -> str:
        if not is_concrete(self.required):
            return f"SkillGraph({self.skills} skills, traced)"
        batch = f"batch {self.batch_shape} of up to " if self.batch_shape else ""
        depth = int(np.max(np.asarray(self.depth), initial=0))
        skills = self.skills if self.batch_shape else int(np.sum(np.asarray(self.present)))
        edges = int(np.sum(np.asarray(self.required)))
        edges_said = f"{edges} dependenc{'y' if edges == 1 else 'ies'}"
        return f"SkillGraph({batch}{skills} skill{'s' * (skills != 1)}, {edges_said}, depth {depth})"

    def _repr_html_(self) -> str:
        if not is_concrete(self.required):
            return html.table("SkillGraph", [("skills", f"{self.skills}, traced")])
        skills = int(np.max(np.sum(np.asarray(self.present), axis=-1)))
        rows = [("batch", self.batch_shape), ("skills", f"up to {skills:,}")] if self.batch_shape else []
        rows = rows or [("skills", f"{skills:,}: {html.names(self.skill_names(), skills)}")]
        gates = np.asarray(self.any_gate)[np.asarray(self.required).any(axis=-1)]
        gate = "own" if self.own_gate is not None else " and ".join(GATES[int(x)] for x in np.unique(gates))
        rows += [("dependencies", f"{int(np.sum(np.asarray(self.required))):,}"), ("gate", gate or "none needed")]
        return html.table("SkillGraph", [*rows, ("depth", int(np.max(np.asarray(self.depth), initial=0)))])

    # -- to and from other forms (networkx is imported on first use)

    @classmethod
    def from_edges(
        cls,
        edges: Given[Iterable[tuple[str, str]]],
        *,
        names: Given[Sequence[str] | None] = None,
        gate: Gate = "all",
        frequency: BySkill | None = None,
    ) -> SkillGraph:
        """A graph from pairs of names (prerequisite, skill).

        **Arguments:**

        - `edges`: pairs of strings.
        - `names`: all skills, in order; default those of `edges`, in the order of their first mention.
        - `gate`, `frequency`: as in [`resource_ode.SkillGraph`][].

        **Raises:** `ValueError` for what are no pairs of names, a name that is not among `names`, or as the class does.

        **Example:**

        >>> graph = SkillGraph.from_edges([("letters", "words"), ("words", "sentences")])
        >>> graph.names, graph.prerequisite_lists()
        (('letters', 'words', 'sentences'), [[], [0], [1]])
        """
        names, lists = arguments.from_pairs(edges, names)
        return cls(lists, gate, names=names, frequency=frequency)

    @classmethod
    def from_networkx(cls, digraph: DiGraph, **options: Any) -> SkillGraph:
        """A graph from a networkx `DiGraph`; see [`resource_ode.graphs.convert.networkx_arguments`][]."""
        return cls(**convert.networkx_arguments(digraph, **options))

    @classmethod
    def from_adjacency(cls, matrix: Numbers, **options: Any) -> SkillGraph:
        """A graph from an adjacency matrix; see [`resource_ode.graphs.convert.adjacency_arguments`][]."""
        return cls(**convert.adjacency_arguments(matrix, **options))

    def to_networkx(self) -> DiGraph:
        """One graph as a networkx `DiGraph`; see [`resource_ode.graphs.convert.to_networkx`][]."""
        return convert.to_networkx(self)


# number of trailing axes of each array that belong to one member
_MEMBER_AXES = {"prerequisites": 2, "required": 2, "any_gate": 1, "present": 1, "depth": 1, "frequency": 1}


def _check_present(present: np.ndarray, names: Any, name_of: Any) -> None:
    batch = present.shape[:-1]

    def name_at(where: tuple[int, ...], skill: int) -> str:
        return printable(name_of(skill, int(np.ravel_multi_index(where, batch)) if batch else 0))

    arguments.check_present(present, name_at)
    if names is None:
        return
    rows = [names] if isinstance(names[0], str) else names
    if any("" in row for row in rows):
        blank = np.array([[not name for name in row] for row in rows]).reshape(-1, present.shape[-1])
        wrong = np.broadcast_to(blank, (int(np.prod(batch)), present.shape[-1])) & present.reshape(-1, blank.shape[1])
        if wrong.any():
            raise ValueError(f"names: expected a name for each skill, got '' for skill {np.argwhere(wrong)[0][1] + 1}")


def _check_indices(indices: np.ndarray, mask: np.ndarray, present: np.ndarray, name_of: Any) -> None:
    *batch, skills, _ = mask.shape

    def name_at(where: np.ndarray, skill: int) -> str:
        return printable(name_of(skill, int(np.ravel_multi_index(tuple(where[:-2]), batch)) if batch else 0))

    outside = mask & ((indices < 0) | (indices >= skills))
    if outside.any():
        where = np.argwhere(outside)[0]
        raise ValueError(
            f"prerequisites of {name_at(where, int(where[-2]))}: expected indices from 0 to {skills - 1}, "
            f"got {int(indices[tuple(where)])}"
        )
    if not present.all():
        flat = np.where(mask, indices, 0).reshape(*batch, skills * mask.shape[-1])
        absent = mask & ~np.take_along_axis(present, flat, axis=-1).reshape(mask.shape)
        if absent.any():
            where = np.argwhere(absent)[0]
            raise ValueError(
                f"prerequisites of {name_at(where, int(where[-2]))}: expected skills that are present, "
                f"got {name_at(where, int(indices[tuple(where)]))}, which is absent"
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


def checked_graph(graph: Any) -> SkillGraph:
    """**Raises:** `ValueError` for anything but a graph."""
    if not isinstance(graph, SkillGraph):
        raise ValueError(f"graph: expected a SkillGraph, got {brief(graph)}")
    return graph
