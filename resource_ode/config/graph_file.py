"""Keys that say how a graph file is read, beside its name in a scenario or a sweep."""

from __future__ import annotations

import re
from typing import Any

from .toml import Table

READING = ("direction", "sign", "threshold", "condense")


def reading_options(table: Table) -> dict[str, Any]:
    """The arguments of [`resource_ode.read_graph`][] that a table holds.

    **Raises:** [`resource_ode.config.toml.ScenarioError`][] for a value of another kind.
    """
    options: dict[str, Any] = {key: table.text(key) for key in ("direction", "sign") if key in table}
    return options | {"threshold": table.number("threshold", 0.0, least=0.0), "condense": table.flag("condense", False)}


def with_keys_of_toml(message: str) -> str:
    """What is a keyword in Python is a key in a file: a message of `read_graph` as a file would write it."""
    return re.sub(r"\b(direction|sign|threshold)=", r"\1 = ", message).replace("condense=True", "condense = true")
