"""What a skill graph is made from: names or indices, and the one form that its arrays have.

In that form the true entries of each row of `required` come first, padding points at skill 0, and the skills that only
pad a graph come last and require nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..base.tracing import is_concrete
from ..base.values import brief, in_range, listed, plain
from ..base.words import nearest, printable
from .gates import GATES

# to look for one that is nearly called alike takes milliseconds each
MOST_IMPLIED = 100
# one call for each kind of thing that is often taken for prerequisites
_OTHER_CALLS = (
    (lambda x: hasattr(x, "nodes") and hasattr(x, "edges"), "a networkx graph is read by SkillGraph.from_networkx"),
    (lambda x: isinstance(x, (str, bytes, Path)), "a graph file is read by resource_ode.read_graph"),
    (
        lambda x: hasattr(x, "iloc") or hasattr(x, "tocsr") or hasattr(x, "isel"),
        "a table or matrix is read by SkillGraph.from_adjacency(table or matrix.toarray())",
    ),
    (lambda x: hasattr(x, "prerequisite_lists"), "it is a SkillGraph already"),
)


def by_name(prerequisites: Mapping[Any, Any]) -> tuple[tuple[str, ...], list[list[int]]]:
    """Names and lists of indices from `{skill: its prerequisites}`, the skills in the order of the dict.

    Where none that requires nothing is listed, those that are only required come first.
    """
    names = tuple(prerequisites)
    for name in names:
        if not isinstance(name, str) or not name:
            raise ValueError(f"prerequisites: expected names of skills as keys, got {brief(name)}")
    rows = []
    for name, row in prerequisites.items():
        entries = sorted(row, key=repr) if isinstance(row, Set) else listed(row)
        if entries is None:
            where = f"prerequisites of {printable(name)}"
            raise ValueError(f"{where}: expected a list of names of skills, got {brief(row)}")
        rows.append([(name, before) for before in entries])
    pairs = [pair for row in rows for pair in row]
    if all(rows) and all(isinstance(before, str) for _, before in pairs):
        names = _with_implied(names, pairs)
    return names, _lists(names, pairs, "; list also what requires nothing, as 'NAME': []")


def _with_implied(names: tuple[str, ...], pairs: list[tuple[str, str]]) -> tuple[str, ...]:
    """Where no skill is listed that requires nothing, names too that are only required; one may be misspelt."""
    implied = {before for _, before in pairs} - set(names)
    if len(implied) > MOST_IMPLIED:
        return names
    for before in sorted(implied):
        if hint := nearest(before, names, quote=repr):
            raise ValueError(
                f"prerequisites: expected names of skills of this graph, got {brief(before)}{hint} If not, list it "
                f"too, as {brief(before)}: []"
            )
    return (*dict.fromkeys(before for _, before in pairs if before in implied), *names)


def from_pairs(edges: Any, names: Any = None) -> tuple[tuple[str, ...], list[list[int]]]:
    """Names and lists of indices from pairs (prerequisite, skill); without `names`, in the order of first mention."""
    if hasattr(edges, "columns"):
        raise ValueError(
            "edges: expected pairs of names (prerequisite, skill), got a DataFrame; take its columns in this order: "
            "edges[[PREREQUISITE, SKILL]].to_numpy()"
        )
    rows = sorted(edges, key=repr) if isinstance(edges, Set) else listed(edges)
    if rows is None:
        raise ValueError(f"edges: expected pairs of names (prerequisite, skill), got {brief(edges)}")
    pairs = []
    for position, edge in enumerate(rows):
        pair = tuple(edge) if isinstance(edge, (tuple, list, np.ndarray)) and np.ndim(edge) else ()
        if len(pair) != 2 or not all(isinstance(name, str) and name for name in pair):
            raise ValueError(f"edges[{position}]: expected a pair of names (prerequisite, skill), got {brief(edge)}")
        pairs.append((pair[1], pair[0]))
    if names is None:
        names = dict.fromkeys(name for skill, before in pairs for name in (before, skill))
    elif (found := listed(names)) is None:
        raise ValueError(f"names: expected strings, one per skill, got {brief(names)}")
    else:
        names = found
        for name in names:
            if not isinstance(name, str):
                raise ValueError(f"names: expected strings, one per skill, got {brief(name)}")
    names = tuple(names)
    return names, _lists(names, pairs)


def _lists(names: tuple[Any, ...], pairs: list[tuple[str, Any]], otherwise: str = "") -> list[list[int]]:
    position = {name: index for index, name in enumerate(names)}
    lists: list[list[int]] = [[] for _ in names]
    for skill, before in pairs:
        for name in (skill, before):
            if not isinstance(name, str) or name not in position:
                hint = nearest(str(name), names, quote=repr) or (otherwise if isinstance(name, str) else "")
                raise ValueError(
                    f"prerequisites of {printable(skill)}: expected names of skills of this graph, got {brief(name)}"
                    f"{hint}"
                )
        lists[position[skill]].append(position[before])
    return lists


def pad(prerequisites: Any) -> tuple[np.ndarray, np.ndarray]:
    """Padded indices and their mask from one list of indices a skill."""
    for applies, hint in _OTHER_CALLS:
        if applies(prerequisites):
            raise ValueError(
                f"prerequisites: expected one list of prerequisites per skill, got {type(prerequisites).__name__}; "
                f"{hint}"
            )
    lists = listed(prerequisites)
    if lists is None:
        raise ValueError(f"prerequisites: expected one list of prerequisites per skill, got {brief(prerequisites)}")
    rows = []
    for skill, row in enumerate(lists):
        entries = sorted(row, key=repr) if isinstance(row, Set) else listed(row)
        if entries is None:
            raise ValueError(f"prerequisites[{skill}]: expected a list of indices of skills, got {brief(row)}")
        rows.append(entries)
    fan_in = max((len(row) for row in rows), default=0)
    indices, mask = np.zeros((len(rows), fan_in), np.int64), np.zeros((len(rows), fan_in), bool)
    for skill, row in enumerate(rows):
        for entry in row:
            if isinstance(entry, bool) or not isinstance(entry, (int, np.integer)):
                hint = " (names: a dict, or SkillGraph.from_edges)" if isinstance(entry, str) else ""
                raise ValueError(
                    f"prerequisites[{skill}]: expected integer indices of skills, got {brief(entry)}{hint}"
                )
            if not 0 <= entry < len(rows):
                last = len(rows) - 1
                raise ValueError(f"prerequisites[{skill}]: expected indices from 0 to {last}, got {brief(entry)}")
        indices[skill, : len(row)] = row
        mask[skill, : len(row)] = True
    return indices, mask


def truth_values(name: str, value: Any) -> Any:
    """An array of truth values, from such or from integers 0 and 1."""
    try:
        array = value if isinstance(value, jax.Array) else np.asarray(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name}: expected an array of truth values, got {brief(value)}") from None
    whole = jnp.issubdtype(array.dtype, jnp.integer)
    beyond = whole and is_concrete(array) and not np.isin(np.asarray(array), (0, 1)).all()
    if beyond or not (whole or array.dtype == bool):
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
            f"{name_at(tuple(where), skill + 1)}{member(np.asarray(where))}; move them to the end, with every array "
            "that has an entry per skill"
        )


def packed(indices: Any, mask: Any) -> tuple[Any, Any]:
    """The same prerequisites with the true entries of each row first, in their order, and padding that points at
    skill 0. It needs no concrete values.
    """
    numpy: Any = np if isinstance(indices, np.ndarray) and isinstance(mask, np.ndarray) else jnp
    if mask.shape[-1] > 1:
        # places behind all others for what is not there: numbers are sorted faster than they are ranked
        count = mask.shape[-1]
        places = numpy.arange(count, dtype=np.int32)
        order = numpy.sort(numpy.where(mask, places, places + count), axis=-1) % count
        indices, mask = (numpy.take_along_axis(x, order, axis=-1) for x in (indices, mask))
    return numpy.where(mask, indices, 0), mask


def wrong_prerequisites(indices: Array, mask: Array) -> Array:
    """Which skills have a prerequisite that is no skill, or one twice, `(*batch, skill)`: what concrete values are
    refused for, but for those of cycles and of skills that are absent.
    """
    outside = mask & ((indices < 0) | (indices >= indices.shape[-2]))
    # numbers of no skill, each another, for what is not there
    ordered = jnp.sort(jnp.where(mask, indices, -1 - jnp.arange(mask.shape[-1], dtype=indices.dtype)), axis=-1)
    twice = (ordered[..., 1:] == ordered[..., :-1]) & (ordered[..., 1:] >= 0)
    return jnp.any(outside, axis=-1) | jnp.any(twice, axis=-1)


def labelled(names: tuple[Any, ...] | None, shape: tuple[int, ...]) -> tuple[str, ...] | None:
    """The names that all members of a batch share; `None` where members differ or some only pad."""
    if names is None:
        return tuple(f"skill {i + 1}" for i in range(shape[-1]))
    rows = (names,) if isinstance(names[0], str) else tuple(names)
    first = tuple(rows[0])
    return first if all(row == first for row in rows) and all(first) else None


def checked_names(names: Any, shape: tuple[int, ...]) -> tuple[Any, ...] | None:
    """Names as one tuple of strings, or one per member."""
    if names is None:
        return None
    skills, count = shape[-1], int(np.prod(shape[:-1]))
    rows = listed(names)
    if rows is not None:
        rows = [name if (row := listed(name)) is None else tuple(row) for name in rows]
    if rows is None or not all(isinstance(n, (str, tuple)) for n in rows):
        raise ValueError(f"names: expected {skills} strings, one per skill, got {brief(names)}")
    if len(rows) == 1 and count > 1 and not isinstance(rows[0], str):
        rows = list(rows[0])
    one = not rows or isinstance(rows[0], str)
    rows = [tuple(rows)] if one else rows
    if len(rows) not in (1, count):
        raise ValueError(f"names: expected one tuple of names or one per member ({count}), got {len(rows)}")
    for row in rows:
        if len(row) != skills or not all(isinstance(n, str) for n in row):
            raise ValueError(f"names: expected {skills} strings, one per skill, got {len(row)}: {brief(row)}")
        repeated = [n for n, times in Counter(n for n in row if n).items() if times > 1]
        if repeated:
            raise ValueError(f"names: expected distinct names, got {min(repeated)!r} more than once")
    # plain strings, not NumPy's
    rows = [tuple(str(n) for n in row) for row in rows]
    return rows[0] if one else tuple(rows)


def checked_gates(gate: Any, shape: tuple[int, ...]) -> Array | np.ndarray:
    """Truth values, true for "any", that broadcast to a shape."""
    if isinstance(gate, str):
        if gate not in GATES:
            raise ValueError(f'gate: expected "all" or "any", got {gate!r}{nearest(gate, GATES, quote=repr)}')
        return np.asarray(gate == "any")
    if isinstance(gate, (jax.Array, np.ndarray)) and gate.dtype == bool:
        if gate.shape not in (shape[len(shape) - gate.ndim :], ()):
            raise ValueError(f"gate: expected shape {shape}, got {gate.shape}")
        return gate
    gates = listed(gate)
    if gates is None:
        raise ValueError(f'gate: expected "all" or "any", got {brief(gate)}')
    if len(gates) != shape[-1]:
        raise ValueError(f"gate: expected one gate for all or one per skill ({shape[-1]}), got {len(gates)}")
    for skill, value in enumerate(gates):
        if not isinstance(value, str) or value not in GATES:
            hint = nearest(value, GATES, quote=repr)
            raise ValueError(f'gate[{skill}]: expected "all" or "any", got {brief(value)}{hint}')
    return np.asarray([value == "any" for value in gates])


def checked_frequency(frequency: Any, present: Any) -> Array:
    """Frequencies of the shape of `present`."""
    shape, given = present.shape, plain("frequency", frequency)
    if given.ndim == 0 or given.shape != shape[len(shape) - given.ndim :]:
        raise ValueError(f"frequency: expected shape {shape}, got {given.shape}")
    if is_concrete(present, given) and not np.asarray(present).all():
        given = np.broadcast_to(np.asarray(given), shape)
        # whatever stands for an absent skill must be harmless
        harmless = np.asarray(present) | (np.isfinite(given) & (given > 0))
        given = np.where(harmless, given, 1)
    return jnp.broadcast_to(in_range("frequency", given, jnp.asarray(0.0).dtype, above=0.0), shape)
