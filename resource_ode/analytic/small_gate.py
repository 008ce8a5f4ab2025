"""Small gate exponents: a skill starts when its prerequisites have been learned, so a graph is a schedule."""

import functools
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..base.annotations import Given
from ..base.checks import entries, whole_number
from ..base.special import saturation
from ..base.values import brief, listed
from ..base.words import nearest
from .arguments import (
    GATES,
    Numbers,
    check_frequency,
    check_level,
    check_not_negative,
    check_positive,
    check_shape,
    floats,
)


def _topological_order(prerequisites: Any) -> list[int]:
    """Skills, prerequisites first; raises on what is no directed acyclic graph."""
    prerequisites = entries("prerequisites", prerequisites, "lists of skills, one for each skill")
    skills = len(prerequisites)
    for skill, needed in enumerate(prerequisites):
        for other in entries(f"prerequisites[{skill}]", needed, "skills"):
            whole_number(f"prerequisites[{skill}]", other, least=0)
        if any(not 0 <= int(other) < skills for other in needed):
            raise ValueError(
                f"prerequisites: expected skills from 0 to {skills - 1}, got {list(needed)} for skill {skill}"
            )
        if len(set(needed)) < len(needed):
            raise ValueError(f"prerequisites: expected each once, got {list(needed)} for skill {skill}")
    waiting = [len(needed) for needed in prerequisites]
    dependents: list[list[int]] = [[] for _ in range(skills)]
    for skill, needed in enumerate(prerequisites):
        for other in needed:
            dependents[int(other)].append(skill)
    order = [skill for skill in range(skills) if waiting[skill] == 0]
    for skill in order:  # grows as it is read
        for dependent in dependents[skill]:
            waiting[dependent] -= 1
            if waiting[dependent] == 0:
                order.append(dependent)
    if len(order) < skills:
        stuck = [skill for skill in range(skills) if waiting[skill] > 0]
        raise ValueError(f"prerequisites: expected a graph without cycles, got one among the skills {stuck}")
    return order


def _check_gates(gate: Any, skills: int) -> list[str]:
    gates = [gate] * skills if isinstance(gate, str) else listed(gate) or []
    if len(gates) != skills or not all(isinstance(each, str) and each in GATES for each in gates):
        unknown = next((each for each in gates if isinstance(each, str) and each not in GATES), None)
        raise ValueError(
            f'gate: expected "all" or "any", one for all or one for each of {skills} skills, got {brief(gate)}'
            f"{nearest(unknown, GATES, quote=repr)}"
        )
    return gates


def _generations(prerequisites: Any, gate: Any, frequency: Array) -> tuple[np.ndarray, Array]:
    """Generation of each skill and the logarithm of its rate (the rates themselves may underflow)."""
    order = _topological_order(prerequisites)
    check_shape("frequency", frequency, "(skill,)", len(prerequisites))
    check_frequency(frequency)
    gates = _check_gates(gate, len(prerequisites))
    generation = [1] * len(prerequisites)
    sources: list[list[int]] = [[] for _ in prerequisites]  # whose rates a skill's own rate is made of
    for skill in order:
        needed = [int(other) for other in prerequisites[skill]]
        if gates[skill] == "all" or not needed:
            generation[skill] = 1 + sum(generation[other] for other in needed)
            sources[skill] = needed
        else:
            least = min(generation[other] for other in needed)
            generation[skill] = 1 + least
            sources[skill] = [other for other in needed if generation[other] == least]
        if generation[skill] > 2**53:
            raise ValueError(
                f"prerequisites: expected generations up to 2^53, got {generation[skill]} for skill {skill}"
            )
    log_rate = list(jnp.log(frequency) - jnp.log(jnp.asarray(generation, frequency.dtype)))
    for skill in order:
        if sources[skill]:
            join = jnp.add if gates[skill] == "all" else jnp.maximum
            log_rate[skill] = log_rate[skill] + functools.reduce(join, [log_rate[other] for other in sources[skill]])
    return np.array(generation), jnp.stack(log_rate)


def small_gate_generations(
    prerequisites: Given[Sequence[Sequence[int]]], gate: Given[str | Sequence[str]], frequency: Numbers
) -> tuple[np.ndarray, Float[Array, " skill"]]:
    r"""Generation and rate of each skill when the gate exponent is small (mse).

    $$\text{root: } m = 1,\ k = p; \qquad \text{all: } m = 1 + \sum_j m_j,\ k = \frac{p}{m}\prod_j k_j; \qquad
    \text{any: } m = 1 + \min_j m_j,\ k = \frac{p}{m}\max_j k_j \text{ over the minimisers}$$

    Derivation: $D_i(\tau) = E_i(a\tau)/a$, where $dE_i/dx = p_i \prod_j (1 - e^{-E_j})$ (or the largest factor) does
    not contain $a$. For small $a$ a finite depth $D$ means a small $E$, thus small $x$, where
    $1 - e^{-E_j} \approx E_j$ and $E_i \approx k_i x^{m_i}$: integrate $p_i\prod_j k_j x^{m_j}$ term by term; of
    several alternatives the lowest power of $x$ is the largest, and among equal powers the largest coefficient.

    Arguments:
        prerequisites: for each skill, the skills that it needs (each named once, no cycles).
        gate: "all" or "any", one for all or one per skill.
        frequency: (skill,), positive.

    Returns:
        generation: (skill,), whole numbers (NumPy).
        rate: (skill,), in units of frequency to the power of the generation.

    Raises:
        ValueError: the graph has a cycle, an index out of range, or a skill twice in one list; a gate, a shape or a
        concrete
            value is not as above; or the generation of a skill exceeds 2^53.

    Source: derived here.

    >>> generation, rate = small_gate_generations([[], [0], [1]], "all", [0.3, 1.0, 3.0])
    >>> generation.tolist(), [round(float(k), 6) for k in rate]
    ([1, 2, 3], [0.3, 0.15, 0.15])
    """
    (frequency,) = floats(frequency=frequency)
    generation, log_rate = _generations(prerequisites, gate, frequency)
    return generation, jnp.exp(log_rate)


def small_gate_clock(
    level: Numbers,
    prerequisites: Given[Sequence[Sequence[int]]],
    gate: Given[str | Sequence[str]],
    frequency: Numbers,
    gate_exponent: Numbers,
) -> Float[Array, " skill"]:
    r"""Clock at which each skill reaches a level, to leading order in the gate exponent (mse).

    $$\tau_i \to \frac{1}{a}\Bigl(\frac{a L}{k_i}\Bigr)^{1/m_i}, \qquad L = -\ln(1 - \theta)$$

    Derivation: solve $E_i(a\tau_i) = a L$ with $E_i \approx k_i x^{m_i}$ of `small_gate_generations`. For "all" graphs,
    $1 - e^{-E} \le E$ makes it a lower bound at every $a$.

    Arguments:
        level: (), in [0, 1).
        prerequisites: for each skill, the skills that it needs.
        gate: "all" or "any", one for all or one per skill.
        frequency: (skill,), positive.
        gate_exponent: (), positive, small.

    Returns:
        Clock (skill,), in units of 1/frequency.

    Raises:
        ValueError: as `small_gate_generations`, or a shape or concrete value is not as above.

    Source: derived here.

    >>> [round(float(clock), 3) for clock in small_gate_clock(0.5, [[], [0]], "all", [1.0, 1.0], 1e-4)]
    [0.693, 117.741]
    """
    level, frequency, gate_exponent = floats(level=level, frequency=frequency, gate_exponent=gate_exponent)
    check_level(level)
    check_positive(gate_exponent=gate_exponent)
    generation, log_rate = _generations(prerequisites, gate, frequency)
    power = jnp.asarray(generation, frequency.dtype)
    return jnp.exp((jnp.log(-gate_exponent * jnp.log1p(-level)) - log_rate) / power) / gate_exponent


def small_gate_learning_times(
    level: Numbers,
    prerequisites: Given[Sequence[Sequence[int]]],
    gate: Given[str | Sequence[str]],
    frequency: Numbers,
    learning_rate: Numbers,
) -> Float[Array, " skill"]:
    r"""Learning times in the limit of a small gate exponent, without waste (mse): learning goes in generations.

    $$\eta t_i \to \#\{j: m_j < m_i\} + \sum_{j:\, m_j = m_i} \bigl(1 - (1 - \theta)^{k_j/k_i}\bigr)$$

    Derivation: at the clock $\tau_i$ of `small_gate_clock`, $D_j = k_j x^{m_j}/a$ with $x = (a L/k_i)^{1/m_i}$ grows as
    $a^{m_j/m_i - 1}$: without bound for earlier generations (level 1), to 0 for later ones, and to $L k_j/k_i$ in the
    same one. The budget law with $N_0 = 0$ sums the levels.

    Arguments:
        level: (), in [0, 1).
        prerequisites: for each skill, the skills that it needs.
        gate: "all" or "any", one for all or one per skill.
        frequency: (skill,), positive.
        learning_rate: (), resource per step.

    Returns:
        Times (skill,), in steps.

    Raises:
        ValueError: as `small_gate_generations`, or a shape or concrete value is not as above.

    Source: derived here.

    >>> small_gate_learning_times(0.5, [[], [0], [1]], "all", [0.3, 1.0, 3.0], 1e-3).round().tolist()
    [500.0, 1500.0, 2500.0]
    """
    level, frequency, learning_rate = floats(level=level, frequency=frequency, learning_rate=learning_rate)
    check_level(level)
    check_positive(learning_rate=learning_rate)
    generation, log_rate = _generations(prerequisites, gate, frequency)
    earlier = jnp.asarray(generation[None, :] < generation[:, None])
    same = jnp.asarray(generation[None, :] == generation[:, None])
    # not infinite, which times a level of 0 is no number
    ratio = jnp.minimum(
        jnp.exp(jnp.where(same, log_rate[None, :] - log_rate[:, None], 0)), jnp.finfo(frequency.dtype).max
    )
    levels = jnp.where(same, saturation(-jnp.log1p(-level) * ratio), jnp.where(earlier, 1, 0).astype(frequency.dtype))
    return levels.sum(1) / learning_rate


def last_learning_time_bound(
    level: Numbers,
    prerequisites: Given[Sequence[Sequence[int]]],
    frequency: Numbers,
    learning_rate: Numbers,
    wasted_resource: Numbers,
    gate_exponent: Numbers,
) -> Float[Array, ""]:
    r"""Time before which the last skill cannot reach a level, for every gate exponent (mse, "all" gates).

    $$\eta\, t_\text{last} \ge n\theta + N_0 \max_i \max\Bigl(\frac{L}{p_i},\
    \frac{1}{a}\Bigl(\frac{a L}{k_i}\Bigr)^{1/m_i}\Bigr), \qquad L = -\ln(1 - \theta)$$

    Derivation: at $t_\text{last}$ all $n$ levels are at least $\theta$, so the budget law gives
    $\eta t_\text{last} \ge n\theta + N_0\tau_\text{last}$. Gates are at most 1, so $D_i \le p_i\tau$; and
    $1 - e^{-E} \le E$ turns the recursion of `small_gate_generations` into the bound $E_i \le k_i x^{m_i}$. Each
    skill's clock is at least what either bound needs for $D_i = L$. ("any" gates have no such bound: a later
    alternative may overtake the one with the lowest power.)

    Arguments:
        level: (), in [0, 1).
        prerequisites: for each skill, the skills that it needs, all of them.
        frequency: (skill,), positive.
        learning_rate: (), resource per step.
        wasted_resource: (), in units of frequency; 0 is allowed.
        gate_exponent: (), positive.

    Returns:
        Time (), in steps.

    Raises:
        ValueError: as `small_gate_generations`, or a shape or concrete value is not as above.

    Source: derived here.

    >>> round(float(last_learning_time_bound(0.5, [[], [0]], [1.0, 1.0], 1e-3, 0.0, 1e-3)), 3)
    1000.0
    """
    level, frequency, learning_rate, wasted_resource, gate_exponent = floats(
        level=level,
        frequency=frequency,
        learning_rate=learning_rate,
        wasted_resource=wasted_resource,
        gate_exponent=gate_exponent,
    )
    check_positive(learning_rate=learning_rate)
    check_not_negative(wasted_resource=wasted_resource)
    gated = small_gate_clock(level, prerequisites, "all", frequency, gate_exponent)
    clock = jnp.maximum(-jnp.log1p(-level) / frequency, gated).max()
    return (len(prerequisites) * level + wasted_resource * clock) / learning_rate
