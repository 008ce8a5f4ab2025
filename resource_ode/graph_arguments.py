"""What a skill graph is made from: names or indices, and the one form that its arrays have.

In that form the true entries of each row of `required` come first, padding points at skill 0, and the skills that only
pad a graph come last and require nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .values import brief, did_you_mean

# one call for each kind of thing that is often taken for prerequisites
_OTHER_CALLS = (
    (lambda x: hasattr(x, "nodes") and hasattr(x, "edges"), "a networkx graph is read by SkillGraph.from_networkx"),
    (lambda x: isinstance(x, (str, bytes, Path)), "a graph file is read by resource_ode.read_graph"),
    (
        lambda x: hasattr(x, "iloc") or hasattr(x, "tocsr") or hasattr(x, "isel"),
        "a table or matrix is read by SkillGraph.from_adjacency(matrix.to_numpy() or matrix.toarray())",
    ),
    (lambda x: hasattr(x, "prerequisite_lists"), "it is a SkillGraph already"),
)


def by_name(prerequisites: Mapping[Any, Any]) -> tuple[tuple[str, ...], list[list[int]]]:
    """Names and lists of indices from `{skill: its prerequisites}`, the skills in the order of the dict."""
    names = tuple(prerequisites)
    for name in names:
        if not isinstance(name, str) or not name:
            raise ValueError(f"prerequisites: expected names of skills as keys, got {name!r:.80}")
    rows = []
    for name, row in prerequisites.items():
        if isinstance(row, (str, bytes, Mapping)) or not isinstance(row, Iterable):
            raise ValueError(f"prerequisites of {name}: expected a list of names of skills, got {brief(row)}")
        rows.append([(name, before) for before in row])
    return names, _lists(names, [pair for row in rows for pair in row])


def from_pairs(edges: Any, names: Any = None) -> tuple[tuple[str, ...], list[list[int]]]:
    """Names and lists of indices from pairs (prerequisite, skill); without `names`, in the order of first mention."""
    if isinstance(edges, (str, bytes, Mapping)) or not isinstance(edges, Iterable):
        raise ValueError(f"edges: expected pairs of names (prerequisite, skill), got {brief(edges)}")
    pairs = []
    for position, edge in enumerate(edges):
        pair = tuple(edge) if isinstance(edge, (tuple, list)) else ()
        if len(pair) != 2 or not all(isinstance(name, str) and name for name in pair):
            raise ValueError(f"edges[{position}]: expected a pair of names (prerequisite, skill), got {brief(edge)}")
        pairs.append((pair[1], pair[0]))
    if names is None:
        names = dict.fromkeys(name for skill, before in pairs for name in (before, skill))
    elif isinstance(names, str) or not isinstance(names, Iterable):
        raise ValueError(f"names: expected strings, one a skill, got {brief(names)}")
    names = tuple(names)
    return names, _lists(names, pairs)


def _lists(names: tuple[Any, ...], pairs: list[tuple[str, Any]]) -> list[list[int]]:
    position = {name: index for index, name in enumerate(names)}
    lists: list[list[int]] = [[] for _ in names]
    for skill, before in pairs:
        for name in (skill, before):
            if not isinstance(name, str) or name not in position:
                raise ValueError(
                    f"prerequisites of {skill}: expected names of skills of this graph, got {name!r:.80}"
                    f"{did_you_mean(str(name), names)}"
                )
        lists[position[skill]].append(position[before])
    return lists


def pad(prerequisites: Any) -> tuple[np.ndarray, np.ndarray]:
    """Padded indices and their mask from one list of indices a skill."""
    for applies, hint in _OTHER_CALLS:
        if applies(prerequisites):
            raise ValueError(
                f"prerequisites: expected one list of prerequisites a skill, got {type(prerequisites).__name__}; {hint}"
            )
    if not isinstance(prerequisites, Iterable) or isinstance(prerequisites, (set, frozenset)):
        raise ValueError(f"prerequisites: expected one list of prerequisites a skill, got {brief(prerequisites)}")
    rows = []
    for skill, row in enumerate(prerequisites):
        if isinstance(row, (str, bytes, Mapping)) or not isinstance(row, Iterable):
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


def truth_values(name: str, value: Any) -> Any:
    """An array of truth values, from such or from integers 0 and 1."""
    if isinstance(value, jax.Array) and value.dtype == bool:
        return value
    try:
        array = value if isinstance(value, jax.core.Tracer) else np.asarray(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name}: expected an array of truth values, got {brief(value)}") from None
    whole = jnp.issubdtype(array.dtype, jnp.integer)
    if array.dtype != bool and not whole:
        raise ValueError(f"{name}: expected an array of truth values, got {brief(value)}")
    if whole and isinstance(array, np.ndarray) and not np.isin(array, (0, 1)).all():
        raise ValueError(f"{name}: expected an array of truth values, got {brief(value)}")
    return array.astype(bool)


def check_present(present: np.ndarray, name_at: Any) -> None:
    """Raise unless each member has a skill and its absent ones come last."""
    *batch, _ = present.shape

    def member(where: np.ndarray) -> str:
        return f" in graph {tuple(int(i) for i in where)} of the batch" if batch else ""

    empty = ~present.any(axis=-1)
    if empty.any():
        raise ValueError(f"present: expected at least one skill, got none{member(np.argwhere(empty)[0])}")
    late = present[..., 1:] & ~present[..., :-1]
    if late.any():
        *where, skill = (int(i) for i in np.argwhere(late)[0])
        raise ValueError(
            f"present: expected absent skills last, got {name_at(tuple(where), skill)} absent before "
            f"{name_at(tuple(where), skill + 1)}{member(np.asarray(where))}; move them to the end, with every array that "
            "has an entry a skill"
        )


def packed(indices: Any, mask: Any) -> tuple[Any, Any]:
    """The same prerequisites with the true entries of each row first, in their order, and padding that points at
    skill 0. It needs no concrete values.
    """
    numpy: Any = np if isinstance(indices, np.ndarray) and isinstance(mask, np.ndarray) else jnp
    if mask.shape[-1] > 1:
        order = numpy.argsort(~mask, axis=-1, stable=True)
        indices, mask = (numpy.take_along_axis(x, order, axis=-1) for x in (indices, mask))
    return numpy.where(mask, indices, 0), mask


def labelled(names: tuple[Any, ...] | None, shape: tuple[int, ...]) -> tuple[str, ...] | None:
    """The names that all members of a batch share; `None` where members differ or some only pad."""
    if names is None:
        return tuple(f"skill {i + 1}" for i in range(shape[-1]))
    rows = (names,) if isinstance(names[0], str) else tuple(names)
    first = tuple(rows[0])
    return first if all(row == first for row in rows) and all(first) else None

