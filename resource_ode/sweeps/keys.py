"""The keys of the description of a sweep, and those that are given beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..config.settings import with_settings
from .ensemble import GENERATORS, LAWS, section_keys
from .plan import RESOURCE

TOP = ("title", "ensemble", "graph", "frequency", "resource", "time", "observe", "axis")
ENSEMBLE = ("graphs", "seed", "chunk", "precision")
OBSERVE = ("names", "level", "reducer")
SPACINGS = ("values", "linear", "log")


def with_keys(path: Path, values: dict[str, Any], settings: Sequence[str]) -> dict[str, Any]:
    """The tables of a description with some keys set, as [`resource_ode.config.settings.with_settings`][] does."""
    graph = [key for name in GENERATORS for key in section_keys({"generator": name})["graph"]]
    frequency = [key for name in LAWS for key in section_keys({"law": name})["frequency"]]
    sections = {
        "": ("title",),
        "ensemble": ENSEMBLE,
        "graph": ("generator", "prerequisites", "file", "condense", *dict.fromkeys(graph)),
        "frequency": ("law", "values", *dict.fromkeys(frequency)),
        "resource": RESOURCE,
        "observe": OBSERVE,
        "time": SPACINGS,
    }
    return with_settings(path, values, settings, sections, {"axis": SPACINGS}, {"axis": SPACINGS, "time": SPACINGS})
