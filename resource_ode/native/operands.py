"""What the custom calls take, and how many axes of a member each has: that of `handlers.cpp`."""

from __future__ import annotations

from typing import Any, NamedTuple


class Operands(NamedTuple):
    """What a call takes, in its order; leading axes broadcast. Axes of a member behind each."""

    prerequisites: Any  # (skill, fan_in)
    depth: Any  # (skill,)
    required: Any  # (skill, fan_in)
    either: Any  # (skill,): one open gate is enough
    present: Any  # (skill,)
    frequency: Any  # (skill,)
    level: Any  # (skill,): at the start, or effort
    after: Any  # (skill,): frequency from level 1/2 on
    exponent: Any  # ()
    tolerance: Any  # ()
    plateau: Any  # ()
    strength: Any  # (skill, fan_in): how much each prerequisite is needed; (1, 1) where all are wholly
    goal: Any  # (): a level in (-1, 1), for learning times
    rate: Any  # ()
    waste: Any  # ()
    steps: Any  # (time,), for trajectories


AXES = Operands(2, 1, 2, 1, 1, 1, 1, 1, 0, 0, 0, 2, 0, 0, 0, 1)
