"""Generators of skill graphs: regular ones, and random ones that run under `jax.vmap`.

Sizes and bounds on the fan-in are Python integers, so that every shape is known; a random key comes first and only
where something is random. All return one [`resource_ode.SkillGraph`][] in topological order (a skill requires earlier
ones only); map a generator over keys, or over a density, for a batch:

>>> jax.vmap(lambda key: random_dag(key, 6, 0.3))(jax.random.split(jax.random.key(0), 4)).batch_shape
(4,)

`gate` is that of [`resource_ode.SkillGraph`][]: `"all"` or `"any"`, for all skills or one per skill, or a boolean array
that is true for `"any"`.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from ..base.annotations import Given
from ..base.checks import entries, random_key, whole_number
from ..base.tracing import is_concrete
from ..base.values import plain
from .gates import Gate
from .graph import SkillGraph

# more are built from arrays, if they are meant at all: lists of them would fill the memory first
MOST_SKILLS = 10**7
# of the arrays of a graph: at five bytes each they take 5 GB, and a solve needs many times that
MOST_ENTRIES = 2**30


def chain(skills: Given[int], *, gate: Gate = "all") -> SkillGraph:
    """Skills in a row, each requiring the one before it.

    **Arguments:** `skills`: their number, at least 1.

    **Raises:** `ValueError` for a bad size.

    **Example:**

    >>> chain(3).prerequisite_lists()
    [[], [0], [1]]
    """
    skills = whole_number("skills", skills, most=MOST_SKILLS)
    return SkillGraph([[skill - 1] if skill else [] for skill in range(skills)], gate)


def star(skills: Given[int], *, gate: Gate = "all") -> SkillGraph:
    """One root, skill 0, that all others require.

    **Arguments:** `skills`: their number, the root included, at least 1.

    **Raises:** `ValueError` for a bad size.

    **Example:**

    >>> star(4).prerequisite_lists()
    [[], [0], [0], [0]]
    """
    skills = whole_number("skills", skills, most=MOST_SKILLS)
    return SkillGraph([[0] if skill else [] for skill in range(skills)], gate)


def tree(depth: Given[int], branching: Given[int] = 2, *, gate: Gate = "all") -> SkillGraph:
    r"""A perfect tree of compositions: every skill but the leaves requires `branching` skills of its own.

    $$ n = \sum_{k=0}^{d} b^k $$

    The leaves, which require nothing, come first; the skill that rests on all others is the last.

    **Arguments:**

    - `depth`: $d$, levels of composition above the leaves, at least 0.
    - `branching`: $b$, parts of each composition, at least 1.

    **Raises:** `ValueError` for a bad size.

    **Example:**

    >>> tree(2).prerequisite_lists()
    [[], [], [], [], [0, 1], [2, 3], [4, 5]]
    """
    depth, branching = whole_number("depth", depth, least=0), whole_number("branching", branching)
    # beyond this depth any tree but a chain is too large
    sizes = (branching**level for level in range(min(depth, MOST_SKILLS.bit_length()) + 1))
    whole_number("number of skills", depth + 1 if branching == 1 else sum(sizes), most=MOST_SKILLS)
    lists: list[list[int]] = [[] for _ in range(branching**depth)]
    first = 0
    for level in range(depth - 1, -1, -1):
        for _ in range(branching**level):
            lists.append(list(range(first, first + branching)))
            first += branching
    return SkillGraph(lists, gate)


def layered(
    key: Given[PRNGKeyArray], widths: Given[Sequence[int]], fan_in: Given[int] = 2, *, gate: Gate = "all"
) -> SkillGraph:
    """Layers of skills, each skill requiring `fan_in` skills of the layer before, drawn uniformly without replacement.

    **Arguments:**

    - `key`: random key.
    - `widths`: number of skills in each layer, each at least 1; the first layer requires nothing.
    - `fan_in`: prerequisites of a skill, at least 1; a narrower layer is required whole.

    **Returns:** a graph of `sum(widths)` skills, layer by layer; `depth` is the layer.

    **Raises:** `ValueError` for bad sizes.

    **Example:**

    >>> layered(jax.random.key(0), [3, 2, 2], fan_in=2).depth.tolist()
    [0, 0, 0, 1, 1, 2, 2]
    """
    widths = [whole_number(f"widths[{layer}]", width) for layer, width in enumerate(entries("widths", widths, "sizes"))]
    if not widths:
        raise ValueError("widths: expected the number of skills in each layer, got none")
    whole_number("number of skills", sum(widths), most=MOST_SKILLS)
    fan_in = whole_number("fan_in", fan_in)
    before = [0, *widths[:-1]]
    starts = np.cumsum([0, 0, *widths[:-2]])[: len(widths)]
    offset, choices = np.repeat(starts, widths), np.repeat(before, widths)
    most = max(before)
    _check_entries("fan_in", sum(widths), min(fan_in, most))
    indices, _ = _draw(random_key(key), 1.0, offset.astype(np.int32), choices.astype(np.int32), most, min(fan_in, most))
    required = np.arange(min(fan_in, most)) < np.minimum(fan_in, choices)[:, None]
    return SkillGraph(indices, gate, required=required)


def random_dag(
    key: Given[PRNGKeyArray],
    skills: Given[int],
    density: Given[Float[Array, ""] | float],
    max_fan_in: Given[int | None] = None,
    *,
    gate: Gate = "all",
) -> SkillGraph:
    r"""A random graph in which each skill requires each earlier one with the same probability.

    $$ P(j \to i) = q \quad\text{for } j < i, \qquad \mathrm{E}[\text{dependencies}] = q\, n (n - 1) / 2 $$

    Where a skill draws more than `max_fan_in` prerequisites, those kept are a uniformly random choice. For one key, a
    graph of higher density holds every dependency of one of lower density.

    **Arguments:**

    - `key`: random key.
    - `skills`: $n$, at least 1.
    - `density`: $q$ in [0, 1], a number or a traced `()` array.
    - `max_fan_in`: bound on the prerequisites of a skill, at least 0; default `skills - 1`, which bounds nothing. The
        arrays of the graph are `(skills, max_fan_in)`, so that a graph of more than 32,768 skills needs a bound.

    **Raises:** `ValueError` for bad sizes, or a concrete density outside [0, 1].

    **Example:**

    >>> random_dag(jax.random.key(0), 4, 1.0).prerequisite_lists()
    [[], [0], [0, 1], [0, 1, 2]]
    """
    skills = whole_number("skills", skills, most=MOST_SKILLS)
    fan_in = skills - 1 if max_fan_in is None else min(whole_number("max_fan_in", max_fan_in, least=0), skills - 1)
    _check_entries("max_fan_in", skills, fan_in)
    odds = jnp.asarray(plain("density", density), float)
    if odds.ndim:
        raise ValueError(f"density: expected one number (map over several with jax.vmap), got shape {odds.shape}")
    if is_concrete(odds) and not 0 <= float(odds) <= 1:
        raise ValueError(f"density: expected a number from 0 to 1, got {float(odds):g}")
    earlier = np.arange(skills, dtype=np.int32)
    indices, required = _draw(random_key(key), odds, np.zeros(skills, np.int32), earlier, skills - 1, fan_in)
    return SkillGraph(indices, gate, required=required)


def preferential(
    key: Given[PRNGKeyArray], skills: Given[int], links: Given[int] = 1, *, gate: Gate = "all"
) -> SkillGraph:
    r"""Skills that come one by one and build on those that others already build on.

    $$ P(i \text{ requires } j) \propto 1 + d_j \quad\text{for } j < i, $$

    where $d_j$ counts the skills before $i$ that require $j$. Each skill draws `links` prerequisites without
    replacement (all earlier ones while there are no more): few skills end up required by many.

    **Arguments:**

    - `key`: random key.
    - `skills`: their number, at least 1.
    - `links`: prerequisites of a skill, at least 1.

    **Raises:** `ValueError` for bad sizes.

    **Example:**

    >>> preferential(jax.random.key(0), 100, links=2).edges.item()
    197
    """
    skills, links = whole_number("skills", skills, most=MOST_SKILLS), whole_number("links", links)
    links = min(links, skills - 1)
    _check_entries("links", skills, links)
    required = np.arange(links) < np.arange(skills)[:, None]
    return SkillGraph(_attach(random_key(key), skills, links), gate, required=required)


def parity(bits: Given[int], max_size: Given[int | None] = None, *, gate: Gate = "all") -> SkillGraph:
    r"""The lattice of sparse parities: one skill a non-empty set of bits, which requires its parts with one bit less.

    $$ n = \sum_{k=1}^{m} \binom{b}{k} $$

    Sets are ordered by size, then by their bits, and named after them. `gate="any"` lets a parity be learned by way of
    any one of its parts.

    **Arguments:**

    - `bits`: $b$, at least 1.
    - `max_size`: $m$, the largest set, from 1 to `bits`; default `bits`.

    **Raises:** `ValueError` for bad sizes.

    **Example:**

    >>> graph = parity(2)
    >>> graph.names, graph.prerequisite_lists()
    (('{0}', '{1}', '{0,1}'), [[], [], [0, 1]])
    """
    bits = whole_number("bits", bits)
    largest = bits if max_size is None else whole_number("max_size", max_size)
    if largest > bits:
        raise ValueError(f"max_size: expected at most the number of bits, {bits}, got {largest}")
    # beyond sets of this size there are too many, be they as few as they may
    counts = (math.comb(bits, size) for size in range(1, min(largest, MOST_SKILLS.bit_length()) + 1))
    whole_number("number of skills", sum(counts), most=MOST_SKILLS)
    sets = [part for size in range(1, largest + 1) for part in itertools.combinations(range(bits), size)]
    position = {part: index for index, part in enumerate(sets)}
    lists = [
        sorted(position[part] for part in itertools.combinations(whole, len(whole) - 1)) if len(whole) > 1 else []
        for whole in sets
    ]
    return SkillGraph(lists, gate, names=["{" + ",".join(map(str, part)) + "}" for part in sets])


def _check_entries(name: str, skills: int, fan_in: int) -> None:
    if skills * fan_in > MOST_ENTRIES:
        raise ValueError(
            f"{name}: expected at most {MOST_ENTRIES // skills} for {skills} skills, since arrays of the graph have "
            f"one entry for each of them and each of its prerequisites at most, got {fan_in}"
        )


@functools.partial(jax.jit, static_argnames=("most", "fan_in"))
def _draw(
    key: PRNGKeyArray,
    density: Float[Array, ""] | float,
    offset: Int[Array | np.ndarray, " skill"],
    choices: Int[Array | np.ndarray, " skill"],
    most: int,
    fan_in: int,
) -> tuple[Int[Array, "skill fan_in"], Bool[Array, "skill fan_in"]]:
    """For each skill, at most `fan_in` of its `choices` candidates from `offset` on, each passing with odds `density`.

    A candidate passes if its uniform number is below the density. Given that they pass, the numbers are again uniform,
    so the smallest ones are a fair choice of those to keep, and no second draw is needed.
    """
    (skills,) = choices.shape
    if fan_in == 0:
        return jnp.zeros((skills, 0), jnp.int32), jnp.zeros((skills, 0), bool)

    def pick(number: Array, offset: Array, choices: Array) -> tuple[Array, Array]:
        everyone = jnp.arange(most, dtype=jnp.int32)
        number = jnp.where(everyone < choices, number, 2)
        if fan_in == most:
            # all that pass are kept
            return _ordered(offset + everyone, number < density)
        smallest, chosen = jax.lax.top_k(-number, fan_in)
        return _ordered(offset + chosen, -smallest < density)

    offset, choices = jnp.asarray(offset), jnp.asarray(choices)
    if skills * most <= 2**20:
        return jax.vmap(pick)(jax.random.uniform(key, (skills, most)), offset, choices)
    # in blocks, so that memory grows with the number of candidates and not with its square
    return jax.lax.map(
        lambda row: pick(jax.random.uniform(row[0], (most,)), *row[1:]),
        (jax.random.split(key, skills), offset, choices),
        batch_size=max(1, 2**20 // most),
    )


@functools.partial(jax.jit, static_argnames=("skills", "links"))
def _attach(key: PRNGKeyArray, skills: int, links: int) -> Int[Array, "skill fan_in"]:
    if links == 0:
        return jnp.zeros((skills, 0), jnp.int32)
    everyone = jnp.arange(skills, dtype=jnp.int32)

    def draw(weight: Array, number: Array) -> tuple[Array, tuple[Array, Array]]:
        upto = jnp.cumsum(weight)
        total = upto[-1]
        target = jnp.minimum((number * total.astype(number.dtype)).astype(total.dtype), total - 1)
        chosen = jnp.searchsorted(upto, target, side="right").astype(jnp.int32)
        return weight.at[chosen].set(0), (chosen, total > 0)

    def add(required_by: Array, step: tuple[Array, Array]) -> tuple[Array, Array]:
        skill, numbers = step
        weight = jnp.where(everyone < skill, 1 + required_by, 0)
        _, (chosen, valid) = jax.lax.scan(draw, weight, numbers)
        return required_by.at[chosen].add(valid.astype(required_by.dtype)), _ordered(chosen, valid)[0]

    steps = (everyone, jax.random.uniform(key, (skills, links)))
    return jax.lax.scan(add, jnp.zeros(skills, jnp.int32), steps)[1]


def _ordered(indices: Int[Array, " fan_in"], keep: Bool[Array, " fan_in"]) -> tuple[Array, Array]:
    """The indices to keep, ascending, then zeros as padding; and the mask of those kept."""
    beyond = jnp.iinfo(indices.dtype).max
    indices = jnp.sort(jnp.where(keep, indices, beyond))
    return jnp.where(indices < beyond, indices, 0), indices < beyond
