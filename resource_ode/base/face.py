"""What a part of the library shows of itself: what users use, without the modules and tools behind it."""

from __future__ import annotations

import sys
from typing import Any

from .words import nearest


def present(part: str, *constants: str) -> None:
    """Let `dir` of the module `part` list its own functions and classes, and these constants; and know typing errors.

    **Example:**

    >>> import resource_ode as ro
    >>> dir(ro.domino)
    ['parallel', 'serial', 'serial_order', 'serial_times']
    """
    module = sys.modules[part]

    def names() -> list[str]:
        own = {name for name, value in vars(module).items() if str(getattr(value, "__module__", "")).startswith(part)}
        return sorted({name for name in own if not name.startswith("_")}.union(constants))

    def missing(name: str) -> Any:
        hint = "" if name.startswith("_") else nearest(name, names(), quote=repr)
        # to a name and an object Python would add a hint of its own
        raise AttributeError(f"module {part!r} has no attribute {name!r}{hint}", name=None, obj=None)

    # not in the text of the module, where type checkers would take every name for known
    module.__dir__, module.__getattr__ = names, missing
