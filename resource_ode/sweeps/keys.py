"""The keys of the description of a sweep, and those that are given beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..base.words import said
from ..config.graph_file import READING
from ..config.settings import with_settings
from ..config.toml import Table
from .ensemble import GENERATORS, LAWS, section_keys
from .plan import RESOURCE

TOP = ("title", "ensemble", "graph", "frequency", "resource", "time", "observe", "axis")
ENSEMBLE = ("graphs", "seed", "chunk", "precision")
OBSERVE = ("names", "level", "reducer")
SPACINGS = ("values", "linear", "log")
RIVALS: dict[str, tuple[str, ...]] = dict.fromkeys(SPACINGS, SPACINGS)


class Section(Table):
    """A table of a sweep: as in a scenario, but with this format's keys."""

    def section(self, key: str, known: Sequence[str] | None, *, optional: bool = False) -> Section:
        """A table below this one; empty if it is optional and not there. Without `known`, its keys are not checked."""
        value = self.values.get(key, {} if optional else None)
        if not isinstance(value, dict):
            raise self.error(f"expected a section [{key}], got {'none' if value is None else said(value)}")
        return Section(self.path, f"[{key}]", value, tuple(value) if known is None else known)


def with_keys(path: Path, values: dict[str, Any], settings: Sequence[str]) -> dict[str, Any]:
    """The tables of a description with some keys set, as [`resource_ode.config.settings.with_settings`][] does."""
    graph = [key for name in GENERATORS for key in section_keys({"generator": name})["graph"]]
    frequency = [key for name in LAWS for key in section_keys({"law": name})["frequency"]]
    sections = {
        "": ("title",),
        "ensemble": ENSEMBLE,
        "graph": ("generator", "prerequisites", "file", "files", *READING, *dict.fromkeys(graph)),
        "frequency": ("law", "values", *dict.fromkeys(frequency)),
        "resource": RESOURCE,
        "observe": OBSERVE,
        "time": SPACINGS,
    }
    return with_settings(path, values, settings, sections, {"axis": SPACINGS}, {"axis": RIVALS, "time": RIVALS})


def check_single(values: Sequence[Any], ensemble: Table) -> None:
    """Refuse numbers that become 0 or infinite in single precision."""
    for value in values:
        if isinstance(value, list):
            check_single(value, ensemble)
        elif isinstance(value, float) and value != 0:
            with np.errstate(over="ignore", under="ignore"):
                single = np.float32(value)
            if not (np.isfinite(single) and single):
                raise ensemble.error(f"expected numbers that float32 can hold, got {value:g}", "precision")
