"""Which arrays a saved run has, along which axes, and how they are told from damaged ones."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Any

import numpy as np

FORMAT = "resource_ode run"
# 2: every array that a run is rebuilt from carries a checksum; 3: batch axes may have names and coordinates, and the
# model the parameters of `EXTENSION`, without which versions that do not know them would rebuild another model
FORMAT_VERSION = 3
CHECKSUM = "crc32"
# how the names of the skills are stored: not at all, once, or by member
NAMES = ("default", "shared", "by member")

STEPS = "training steps"
PER_STEP = "resource units per training step"
# For each array of a run: its axes behind the batch axes ("pool?": only where there are pools), its unit, its name.
DERIVED: dict[str, tuple[tuple[str, ...], str, str]] = {
    "level": (("time", "skill"), "1", "level of the skill (learned fraction)"),
    "unlearned": (("time", "skill"), "1", "unlearned fraction of the skill"),
    "share": (("time", "skill"), "1", "share of the resource that the skill takes"),
    "waste": (("time", "pool?"), "1", "share of the resource that is wasted"),
    "loss": (("time",), "1", "loss, weighted by frequency"),
    "budget_residual": (("time", "pool?"), "1", "relative residual of the resource budget"),
}
STORED: dict[str, tuple[tuple[str, ...], str, str]] = {
    "state": (("time", "skill"), "resource time", "exposure of the skill"),
    "clock": (("time", "pool?"), "resource time", "resource clock"),
    "spent": (("time", "pool?"), "resource units", "resource spent, integrated independently"),
}
GRAPH: dict[str, tuple[tuple[str, ...], str, str]] = {
    "prerequisites": (("skill", "prerequisite"), "1", "index of a prerequisite (padding where not required)"),
    "required": (("skill", "prerequisite"), "1", "whether the entry of prerequisites is one"),
    "any_gate": (("skill",), "1", "how the prerequisites of the skill combine"),
    "present": (("skill",), "1", "whether the skill exists (false: padding)"),
    "depth": (("skill",), "1", "longest chain of prerequisites below the skill"),
    "frequency": (("skill",), "1", "default frequency of the skill, kept by the graph"),
}
MODEL: dict[str, tuple[tuple[str, ...], str, str]] = {
    "frequency": (("skill",), "1", "frequency of the skill"),
    "learning_rate": (("pool?",), PER_STEP, "effective learning rate"),
    "wasted_resource": (("pool?",), "1", "wasted resource, in units of frequency"),
    "gate_exponent": ((), "1", "gate exponent"),
    "interference": (("skill", "other_skill"), "1", "overlap of the task vectors of two skills"),
    "initial_level": (("skill",), "1", "level of the skill at the start"),
    "frequency_after": (("skill",), "1", "frequency of the skill from level 1/2 on"),
    "pool": (("skill",), "1", "pool of the skill"),
    "plateau": ((), "1", "plateau: how fast a skill of which nothing is learned grows"),
    "frequency_power": ((), "1", "power of the frequency in the effective frequency"),
    "learnability": (("skill",), "1", "learnability of the skill: its effective frequency at frequency 1"),
    "prerequisite_strength": (("skill", "prerequisite"), "1", "how much the skill needs the prerequisite"),
}
# a variable may not have the name of another one, nor that of an axis it does not lie along
VARIABLE = {
    ("graph", "any_gate"): "gate",
    ("graph", "frequency"): "graph_frequency",
    ("model", "pool"): "skill_pool",
}
# everything that `load` may look for
NAMES_OF_ARRAYS = {
    "time",
    "skill",
    "skill_name",
    "graph",
    "result",
    *STORED,
    *(VARIABLE.get(("graph", name), name) for name in GRAPH),
    *(VARIABLE.get(("model", name), name) + part for name in MODEL for part in ("", "_times", "_values")),
    *(f"model_{name}" for name in MODEL),
}


def variable_of(part: str, name: str, axes: Iterable[str]) -> str:
    """The variable of a field of the graph or the model in a data set with some named batch axes.

    The coordinates of an axis have its name, so the parameter that it is named after has another.
    """
    called = VARIABLE.get((part, name), name)
    return f"{part}_{name}" if called in axes else called


def checksum(values: Any) -> str:
    """A checksum of an array, its shape and whether it is of numbers, truth values or texts; not of its byte order,
    nor of the width of its integers."""
    values = np.asarray(values)
    if values.dtype.kind in "OUST":
        plain = "\0".join(map(str, values.ravel().tolist())).encode("utf-8", "surrogatepass")
    else:
        kind = {"b": "<i8", "i": "<i8", "u": "<i8"}.get(values.dtype.kind, values.dtype.newbyteorder("<"))
        plain = np.ascontiguousarray(values, kind).data.cast("B") if values.size else b""
    return f"{zlib.crc32(plain, zlib.crc32(repr(values.shape).encode())):08x}"
