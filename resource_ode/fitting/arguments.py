"""What `fit` is given: graph, free parameters and prior knowledge, checked against the curves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from ..base.annotations import Given
from ..base.tracing import concrete_number
from ..base.values import brief, listed
from ..base.words import nearest
from ..graphs.graph import SkillGraph
from ..model.strength import carried_over, read_strengths
from .curves import Curves, named
from .freedom import PARAMETERS

# sums of two mixtures that differ by so large a factor are likely to be in different units
UNLIKE = 10.0
AT_MOST_ONE = ("plateau", "prerequisite_strength")
POSITIVE = ("learning_rate", "wasted_resource", "plateau", "gate_exponent", "learnability")


# what a fit is told, as users give it: dependencies, free parameters, and what is known of the others
Requires: TypeAlias = Given["SkillGraph | Mapping[str, Sequence[str]] | None"]
Free: TypeAlias = Given["str | Sequence[str] | None"]
Prior: TypeAlias = Given["Mapping[str, Any] | None"]


def checked_graph(graph: Any, curves: Curves) -> SkillGraph:
    """The graph with its skills in the order of the tasks; no dependencies where none is given.

    **Raises:** `ValueError` for a graph of other skills, or a batch.
    """
    tasks = curves.names
    if graph is None:
        return SkillGraph([[] for _ in tasks], names=tasks)
    if not isinstance(graph, SkillGraph):
        if not isinstance(graph, Mapping):
            raise ValueError(f"graph: expected a SkillGraph or None, got {type(graph).__name__}")
        graph = SkillGraph(graph)
    if graph.batch_shape:
        raise ValueError(f"graph: expected one graph, got a batch of shape {graph.batch_shape}")
    if graph.names is None:
        if graph.skills != len(tasks):
            raise ValueError(f"graph: expected the {len(tasks)} tasks {named(tasks)}, got {graph.skills} skills")
        names: tuple[Any, ...] = tasks
    else:
        names = graph.skill_names()
        unknown = [name for name in names if name not in tasks]
        missing = [name for name in tasks if name not in names]
        if unknown or missing:
            hint = nearest(str(unknown[0]), tasks, quote=repr) if unknown else ""
            wrong = (
                f"got {named(unknown)}, which the curves lack"
                if unknown
                else (f"got none for {named(missing)}; name those too that build on nothing")
            )
            raise ValueError(f"graph: expected the tasks of the curves, {named(tasks)}, {wrong}{hint}")
    lists = graph.prerequisite_lists()
    rows = {names[child]: [names[parent] for parent in row] for child, row in enumerate(lists)}
    gate: Any = graph.own_gate
    if gate is None:
        kinds = ["all"] * graph.skills if graph.any_gate is None else np.where(np.asarray(graph.any_gate), "any", "all")
        gate = [str(kinds[names.index(task)]) for task in tasks]
    return SkillGraph({task: rows[task] for task in tasks}, gate)


def checked_prior(prior: Any, given: Any, graph: SkillGraph) -> tuple[dict[str, Any], dict[str, tuple[float, float]]]:
    """What the caller knows: values that are held, and `(center, spread)` of others, logarithms where positive.

    **Arguments:** `given`: the graph as the caller gave it; `graph`: that in the order of the tasks.

    **Raises:** `ValueError` for unknown parameters and for values that are none.
    """
    held: dict[str, Any] = {}
    likely: dict[str, tuple[float, float]] = {}
    if prior is None:
        return held, likely
    if not isinstance(prior, Mapping):
        raise ValueError(f"prior: expected a dict of parameters, got {brief(prior)}")
    for name, value in prior.items():
        if name not in PARAMETERS:
            hint = nearest(str(name), PARAMETERS, quote=repr) or f" (there are {', '.join(PARAMETERS)})"
            raise ValueError(f"prior: expected names of parameters, got {brief(name)}{hint}")
        if name == "prerequisite_strength" and not graph.fan_in:
            raise ValueError("prior: expected no prerequisite_strength, since the graph has no dependencies")
        if isinstance(value, tuple) and len(value) == 2:
            numbers = [_number(name, part) for part in value]
            if numbers[1] <= 0 or (name in POSITIVE and numbers[0] <= 0):
                raise ValueError(f"prior: {name}: expected (value, spread), both above 0, got {brief(value)}")
            if numbers[0] < 0 or (name in AT_MOST_ONE and numbers[0] > 1):
                most = " and at most 1" if name in AT_MOST_ONE else ""
                raise ValueError(f"prior: {name}: expected a value of at least 0{most}, got {brief(value)}")
            center = math.log(numbers[0]) if name in POSITIVE else numbers[0]
            likely[name] = (center, numbers[1])
        elif isinstance(value, Mapping) or listed(value) is not None:
            if name not in ("learnability", "prerequisite_strength"):
                raise ValueError(f"prior: {name}: expected a number, or (value, spread), got {brief(value)}")
            if name == "learnability" and any(listed(part) is not None for part in listed(value) or ()):
                raise ValueError(f"prior: {name}: expected a number for each task, got {brief(value)}")
            held[name] = value if name == "learnability" else _strengths(value, given, graph)
        else:
            held[name] = _number(name, value)
    return held, likely


def _strengths(value: Any, given: Any, graph: SkillGraph) -> Any:
    """Strengths beside the prerequisites of a graph, beside those of the same graph in the order of the tasks."""
    given = SkillGraph(given) if isinstance(given, Mapping) else given
    if given.names is None:
        return value
    try:
        strengths, _ = read_strengths(value, given, float)
    except ValueError as error:
        raise ValueError(f"prior: {error}") from None
    # what has another shape is refused by the model
    return carried_over(strengths, given, graph) if strengths.shape == (given.skills, given.fan_in) else value


def _number(name: str, value: Any) -> float:
    number = concrete_number(value)
    if number is None or not math.isfinite(number):
        raise ValueError(f"prior: {name}: expected a number, or (value, spread), got {brief(value)}")
    return number


def checked_free(free: Any, held: Mapping[str, Any], edges: bool, several: bool) -> tuple[str, ...]:
    """The free parameters, in the order of `PARAMETERS`; by default all that the curves may show.

    **Raises:** `ValueError` for unknown names, for parameters that are both free and held, and where the learning rate
    or the wasted resource is neither.
    """
    if free is None:
        chosen = ["learning_rate", "wasted_resource", "plateau", "learnability"]
        chosen += ["gate_exponent"] * edges + ["frequency_power"] * several
        return tuple(name for name in PARAMETERS if name in chosen and name not in held)
    names = [free] if isinstance(free, str) else listed(free)
    if not names:
        raise ValueError(f"free: expected names of parameters, got {brief(free)}")
    for name in names:
        if name not in PARAMETERS:
            hint = nearest(str(name), PARAMETERS, quote=repr) or f" (there are {', '.join(PARAMETERS)})"
            raise ValueError(f"free: expected names of parameters, got {brief(name)}{hint}")
        if name in held:
            raise ValueError(f"free: expected parameters that prior does not hold, got {name!r} with {held[name]!r}")
        if name in ("gate_exponent", "prerequisite_strength") and not edges:
            raise ValueError(f"free: expected no {name}, since the graph has no dependencies; give graph")
    for name in ("learning_rate", "wasted_resource"):
        if name not in names and name not in held:
            raise ValueError(f"free: expected {name} among them, or a number for it in prior, got neither")
    return tuple(name for name in PARAMETERS if name in names)


def unlike_sums(mixtures: list[Any]) -> list[str]:
    """A sentence where runs state their mixtures in different units, as percent and shares, or none."""
    sums = [float(mixture.sum()) for mixture in mixtures if isinstance(mixture, np.ndarray)]
    if not sums or max(sums) < UNLIKE * min(sums):
        return []
    return [
        f"mixtures of runs sum to {min(sums):.3g} and to {max(sums):.3g}: they are used as given, never normalised; "
        "state all in one unit, unless runs did meet that many more examples in a step"
    ]


def distinct_shares(mixtures: list[Any]) -> list[np.ndarray]:
    """The mixtures that were met, schedules included, as shares of the whole: each once."""
    found: list[np.ndarray] = []
    for mixture in mixtures:
        if mixture is None:
            continue
        rows = mixture[None] if isinstance(mixture, np.ndarray) else np.asarray(mixture.values)
        for row in rows:
            share = row / row.sum()
            if not any(np.allclose(share, other, rtol=1e-6, atol=1e-9) for other in found):
                found.append(share)
    return found
