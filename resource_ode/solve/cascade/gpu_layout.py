"""What the fused GPU programs and those who call them agree on: how graphs are laid out, and what is found."""

from __future__ import annotations

from typing import Any, NamedTuple

# graphs of a program, one per lane
LANES = 128


class Graphs(NamedTuple):
    """What the programs know of the graphs: `(program, skill, lane)`, skills in topological order; the last two,
    `(program, lane)`, are the gate exponent and the time scale of the fastest skill.
    """

    rate: Any
    start: Any
    bits: Any
    exponent: Any
    first: Any


class Solution(NamedTuple):
    """What they find: edges of panels, openings at nodes, exposures at edges, demand at nodes and its integral at
    edges.
    """

    edges: Any
    opening: Any
    exposure: Any
    demand: Any
    spent: Any


def width(skills: int) -> int:
    """Room for so many skills."""
    return 1 << (skills - 1).bit_length()
