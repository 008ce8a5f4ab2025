"""The members of a sweep: which graphs and frequencies there are to draw, and one of each built."""

from __future__ import annotations

import inspect
import math
from typing import Any

import jax

from .. import frequencies
from ..base.modules import with_fields
from ..graphs import generators as graphs
from ..graphs.graph import SkillGraph
from .own_graphs import stacked_arrays

GENERATORS = ("independent", "chain", "star", "tree", "layered", "random_dag", "preferential", "parity")
LAWS = ("zipf", "exponential", "lognormal", "uniform")
# what one graph may have: skills, and entries of its table of prerequisites (skills times the most that one requires)
MOST_SKILLS, MOST_ENTRIES = 2**16, 2**24


def check_size(arguments: dict[str, Any]) -> None:
    """Refuse, before it is built, a graph that would not fit into memory.

    **Arguments:** `arguments`: the generator of a graph and its arguments, each checked by itself.

    **Raises:** `ValueError` that says how large it would be.
    """
    skills, fan_in = _size(arguments)
    if skills > MOST_SKILLS:
        raise ValueError(f"expected a graph of at most {MOST_SKILLS:,} skills, got {_roughly(skills)}")
    if skills * fan_in > MOST_ENTRIES:
        raise ValueError(
            f"expected at most {MOST_ENTRIES:,} entries of prerequisites (skills times the most that one requires), "
            f"got {skills:,} x {fan_in:,}; bound what a skill requires"
        )


def _size(arguments: dict[str, Any]) -> tuple[int, int]:
    """Skills of a graph and the most prerequisites of one."""
    if "graphs" in arguments:
        sizes = [_size(row) for row in arguments["graphs"]]
        return max(size[0] for size in sizes), max(size[1] for size in sizes)
    if "prerequisites" in arguments:
        lists = arguments["prerequisites"]
        return len(lists), max(map(len, lists), default=0)
    generator = arguments["generator"]
    if generator == "layered":
        widths = arguments["widths"]
        return sum(widths), min(arguments.get("fan_in", 2), max(widths, default=0))
    if generator == "tree":
        depth, branching = max(arguments["depth"], 0), max(arguments.get("branching", 2), 1)
        if branching == 1:
            return depth + 1, 1
        # beyond this depth any tree is too large
        return sum(branching**level for level in range(min(depth, MOST_SKILLS.bit_length()) + 1)), branching
    if generator == "parity":
        bits = max(arguments["bits"], 0)
        largest = arguments.get("max_size", bits)
        if bits > MOST_SKILLS:
            return bits, largest
        return sum(math.comb(bits, size) for size in range(1, min(largest, bits, 64) + 1)), min(largest, bits)
    skills = arguments["skills"]
    most = {"independent": 0, "chain": 1, "star": 1, "preferential": arguments.get("links", 1)}
    return skills, min(most.get(generator, arguments.get("max_fan_in", skills)), skills)


def _roughly(number: int) -> str:
    return f"{number:,}" if number < 10**15 else "more than 10^15"


def build_graph(arguments: dict[str, Any], key: Any, traced: dict[str, Any], number: Any = 0) -> SkillGraph:
    """The graph of one member, the one at place `number` of a list."""
    arguments = arguments | traced
    if "graphs" in arguments:
        rows = {name: jax.numpy.asarray(x)[number] for name, x in stacked_arrays(arguments["graphs"]).items()}
        return with_fields(SkillGraph([[]]), **rows)
    if "prerequisites" in arguments:
        return SkillGraph(arguments["prerequisites"], arguments.get("gate", "all"))
    generator = arguments.pop("generator")
    if generator == "independent":
        return SkillGraph([[]] * arguments["skills"])
    function = getattr(graphs, generator)
    if "key" in inspect.signature(function).parameters:
        return function(jax.random.key(0) if key is None else key, **arguments).unnamed()
    return function(**arguments).unnamed()


def build_frequency(arguments: dict[str, Any], key: Any, skills: int, traced: dict[str, Any], number: Any = 0) -> Any:
    """The frequencies of one member; those of absent skills are 1."""
    arguments = arguments | traced
    if "each" in arguments:
        rows = [[*row, *[1.0] * (skills - len(row))] for row in arguments["each"]]
        return jax.numpy.asarray(rows, float)[number]
    if "values" in arguments:
        return jax.numpy.asarray(arguments["values"], float)
    function = getattr(frequencies, arguments.pop("law"))
    first = (key,) if "key" in inspect.signature(function).parameters else ()
    return function(*first, skills, **arguments)


def is_random(content: dict[str, Any]) -> bool:
    """Whether members of the ensemble differ at all."""
    generator, law = content["graph"].get("generator"), content["frequency"].get("law")
    return "graphs" in content["graph"] or generator in ("layered", "random_dag", "preferential") or law == "lognormal"


def section_keys(graph_or_frequency: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    """The arguments that the graph and the frequencies of a description have, swept or not."""
    held = graph_or_frequency
    found: dict[str, tuple[str, ...]] = {"graph": (), "frequency": ()}
    generator, law = held.get("generator"), held.get("law")
    if generator == "independent":
        found["graph"] = ("skills",)
    elif generator in GENERATORS:
        found["graph"] = tuple(key for key in inspect.signature(getattr(graphs, generator)).parameters if key != "key")
    elif "prerequisites" in held:
        found["graph"] = ("gate",)
    if law in LAWS:
        parameters = inspect.signature(getattr(frequencies, law)).parameters
        found["frequency"] = tuple(key for key in parameters if key not in ("key", "skills"))
    return found


def needed(graph_or_frequency: dict[str, Any]) -> tuple[str, ...]:
    """The arguments without which a generator or law cannot do."""
    held = graph_or_frequency
    if held.get("generator") == "independent":
        return ("skills",)
    for module, name in ((graphs, held.get("generator")), (frequencies, held.get("law"))):
        if name is not None:
            rows = inspect.signature(getattr(module, name)).parameters.values()
            return tuple(row.name for row in rows if row.default is inspect.Parameter.empty and row.name != "key")
    return ()
