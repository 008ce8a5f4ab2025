"""The paper's figures, one module each: what it claims, what we measure, and how far apart they are.

Each module of `FIGURES` has `find(small=False) -> Finding`. The notebooks in `notebooks/paper/` and the command
`resource-ode reproduce` both call it, so that there is one computation of each number.

Source of all claims: Liu, Liu, Michaud, Gore, Tegmark, "Physics of Skill Learning" (2025), unless a finding says
otherwise.
"""

from __future__ import annotations

import dataclasses
import importlib
import math
from typing import Any

from ...base.words import nearest

# in the order in which they are read
FIGURES = (
    "series",
    "waste",
    "geometry",
    "waste_sources",
    "under_parameterised",
    "dependencies",
    "parity_dependencies",
    "scaling",
    "quadratic",
    "modular",
    "mixture",
)


@dataclasses.dataclass(frozen=True)
class Number:
    """One measured number beside the one that is claimed.

    `low` and `high` bound what counts as reproduced; without bounds the number is reported and not judged. `spread` is
    the standard deviation over seeds, or NaN.
    """

    name: str
    measured: float
    claimed: float = math.nan
    low: float = -math.inf
    high: float = math.inf
    spread: float = math.nan
    unit: str = ""

    @property
    def judged(self) -> bool:
        """Whether there are bounds."""
        return math.isfinite(self.low) or math.isfinite(self.high)

    @property
    def bounds(self) -> str:
        """The bounds in words; empty without."""
        if not self.judged:
            return ""
        if not math.isfinite(self.low):
            return f"at most {self.high:.6g}"
        if not math.isfinite(self.high):
            return f"at least {self.low:.6g}"
        return f"{self.low:.6g}" if self.low == self.high else f"{self.low:.6g} to {self.high:.6g}"

    @property
    def passed(self) -> bool:
        """Whether it is within its bounds; NaN never is."""
        return not self.judged or self.low <= self.measured <= self.high


@dataclasses.dataclass(frozen=True, repr=False)
class Finding:
    """What one figure of the paper claims, and what was measured.

    `claim` and `measured` are a sentence each; `figures` are matplotlib figures by name; `settings` says at what size
    it ran. `data` holds whatever a notebook looks at further.
    """

    name: str
    title: str
    claim: str
    measured: str
    numbers: tuple[Number, ...]
    figures: dict[str, Any]
    settings: str
    data: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether every judged number is within its bounds."""
        return all(number.passed for number in self.numbers)

    @property
    def verdict(self) -> str:
        """Whether it holds, in two words or fewer."""
        return "reproduced" if self.passed else "falls short"

    def __repr__(self) -> str:
        return f"Finding({self.name!r}, {self.verdict})"

    def table(self) -> str:
        """The numbers as a Markdown table."""
        rows = ["| quantity | claimed | measured | within |", "| --- | --- | --- | --- |"]
        for number in self.numbers:
            spread = f" +- {number.spread:.2g}" if math.isfinite(number.spread) else ""
            claimed = f"{number.claimed:.4g}" if math.isfinite(number.claimed) else ""
            unit = f" {number.unit}" if number.unit else ""
            bounds = f"{number.bounds}: {'yes' if number.passed else 'no'}" if number.judged else ""
            rows.append(f"| {number.name} | {claimed} | {number.measured:.4g}{spread}{unit} | {bounds} |")
        return "\n".join(rows)

    def _repr_markdown_(self) -> str:
        head = f"**{self.title}** ({self.verdict})"
        return f"{head}\n\n*Claim:* {self.claim}\n\n*Measured:* {self.measured}\n\n{self.table()}"


def find(name: str, *, small: bool = False) -> Finding:
    """Compute one figure of the paper.

    **Arguments:**

    - `name`: one of `FIGURES`.

    **Other arguments:**

    - `small`: fewer seeds, steps and points: for tests; bounds may then be missed.

    **Returns:** a [`Finding`][].

    **Raises:** `ValueError` for an unknown name.
    """
    if name not in FIGURES:
        hint = nearest(name, FIGURES, quote=repr)
        raise ValueError(f"figure: expected one of {', '.join(FIGURES)}, got {name!r}{hint}")
    return importlib.import_module(f".{name}", __name__).find(small=small)
