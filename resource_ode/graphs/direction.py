"""Words on an edge that say that it leads from a skill to its prerequisite, not the other way."""

from __future__ import annotations

import re
from typing import Any

_BACKWARD = re.compile(
    r"[\W_]*(?:requires?|needs?|depends[\W_]*(?:up)?on|(?:is[\W_]*)?dependent[\W_]*on|builds[\W_]*(?:up)?on"
    r"|has[\W_]*pre(?:requisite|req))[\W_]*",
    re.IGNORECASE,
)


def backward(*texts: Any) -> str | None:
    """The first of the texts that says that an edge leads from a skill to its prerequisite, as `requires` does."""
    return next((text for text in texts if isinstance(text, str) and _BACKWARD.fullmatch(text[:40])), None)
