"""All of the gallery in one folder: PNGs, and one self-contained page that is readable from the first figure on."""

from __future__ import annotations

import base64
import dataclasses
import datetime
import html
import io
import math
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ...base import atomic
from ...base.words import nearest
from . import FIGURES, Finding, Number, find

PAGE = "index.html"
_PACKAGES = ("resource-ode", "jax", "diffrax", "optax", "numpy", "matplotlib")
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
h1 { line-height: 1.2; } h2 { margin-top: 3rem; border-top: 1px solid #ccc; padding-top: 1rem; }
img { max-width: 100%; height: auto; display: block; margin: 1rem 0; }
table { border-collapse: collapse; font-size: 0.9rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.2rem 0.8rem 0.2rem 0; text-align: right; border-bottom: 1px solid #ddd; }
th:first-child, td:first-child { text-align: left; }
.yes { color: #00674a; font-weight: bold; } .no { color: #a83c00; font-weight: bold; }
.small { font-size: 0.85rem; color: #555; }
"""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """One figure as it was computed: its finding, or the error that stopped it."""

    name: str
    seconds: float
    finding: Finding | None = None
    error: str = ""
    pictures: dict[str, bytes] = dataclasses.field(default_factory=dict)

    @property
    def files(self) -> dict[str, bytes]:
        """The pictures by the names of their files."""
        rest = self.pictures.items()
        return {f"{self.name}.png" if key == self.name else f"{self.name}_{key}.png": data for key, data in rest}

    @property
    def passed(self) -> bool:
        """Whether it was computed and reproduced."""
        return self.finding is not None and self.finding.passed

    @property
    def verdict(self) -> str:
        """In two words or fewer."""
        return "failed" if self.finding is None else self.finding.verdict


def reproduce(
    figures: Sequence[str] = FIGURES,
    *,
    out: Path,
    small: bool = False,
    echo: Callable[[str], Any] = print,
    progress: Callable[[int, int], Any] | None = None,
) -> list[Outcome]:
    """Compute figures of the paper and write pictures and a page into a folder, figure by figure.

    A figure that fails is reported on the page, and the next one is computed.

    **Arguments:**

    - `figures`: names among `resource_ode.applications.paper.FIGURES`.
    - `out`: the folder, made if it is not there.

    **Other arguments:**

    - `small`: fewer seeds, steps and points.
    - `echo`: where a line a figure goes, and the summary.
    - `progress`: called as `progress(done, figures)` before the first figure and after each.

    **Returns:** an [`Outcome`][] a figure.

    **Raises:** `ValueError` for an unknown figure.
    """
    check(figures)
    out.mkdir(exist_ok=True)
    outcomes: list[Outcome] = []
    tell = progress or (lambda done, figures: None)
    tell(0, len(figures))
    for number, name in enumerate(figures, start=1):
        outcome = _compute(name, small)
        for file, content in outcome.files.items():
            atomic.write_bytes(out / file, content)
        outcomes.append(outcome)
        atomic.write_bytes(out / PAGE, page(outcomes, figures, small=small).encode())
        line = f"{number} of {len(figures)}  {name}: {outcome.verdict} ({outcome.seconds:.0f} s)"
        echo(f"{line}: {outcome.error}" if outcome.error else line)
        tell(number, len(figures))
    echo(summary(outcomes))
    return outcomes


def check(figures: Sequence[str]) -> None:
    """**Raises:** `ValueError` if there is a figure that the gallery does not have."""
    for name in figures:
        if name not in FIGURES:
            hint = nearest(name, FIGURES, quote=repr)
            raise ValueError(f"figure: expected one of {', '.join(FIGURES)}, got {name!r}{hint}")


def summary(outcomes: Sequence[Outcome]) -> str:
    """How many were reproduced, and which were not."""
    rest = [f"{outcome.name} ({outcome.verdict})" for outcome in outcomes if not outcome.passed]
    line = f"{len(outcomes) - len(rest)} of {len(outcomes)} reproduced"
    return f"{line}; not: {', '.join(rest)}" if rest else line


def page(outcomes: Sequence[Outcome], figures: Sequence[str] = (), *, small: bool = False) -> str:
    """The page of what is done so far, of all the `figures` that were asked for."""
    missing = [name for name in figures if name not in {outcome.name for outcome in outcomes}]
    parts = ["<h1>Physics of Skill Learning: the figures, recomputed</h1>"]
    parts.append(f"<p><strong>{_text(summary(outcomes))}.</strong>")
    if missing:
        parts.append(f"Not computed yet: {_text(', '.join(missing))}.")
    if small:
        parts.append("Computed at small size, at which bounds may be missed.")
    parts.append("</p><ul>")
    for outcome in outcomes:
        title = outcome.name if outcome.finding is None else outcome.finding.title
        parts.append(f'<li><a href="#{_text(outcome.name)}">{_text(title)}</a>: {_verdict(outcome)}</li>')
    parts.append("</ul>")
    parts += [_section(outcome) for outcome in outcomes]
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    parts.append(f'<hr><p class="small">{_text(now)}. {_text(_versions())}</p>')
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Physics of Skill Learning</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style></head><body>\n" + "\n".join(parts) + "\n</body></html>\n"
    )


def _compute(name: str, small: bool) -> Outcome:
    begun = time.perf_counter()
    try:
        finding = find(name, small=small)
        pictures = {key: _png(figure) for key, figure in finding.figures.items()}
    except Exception as error:  # one figure must not take the others with it
        if os.environ.get("RESOURCE_ODE_DEBUG"):
            raise
        text = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:300]}"
        return Outcome(name, time.perf_counter() - begun, error=text)
    return Outcome(name, time.perf_counter() - begun, finding, pictures=pictures)


def _section(outcome: Outcome) -> str:
    finding = outcome.finding
    if finding is None:
        name = _text(outcome.name)
        return f'<h2 id="{name}">{name}</h2><p>{_verdict(outcome)}: {_text(outcome.error)}</p>'
    pictures = [
        f'<img alt="{_text(f"{finding.title}: {name}")}" src="data:image/png;base64,{base64.b64encode(data).decode()}">'
        for name, data in outcome.pictures.items()
    ]
    rows = "\n".join(_row(number) for number in finding.numbers)
    return (
        f'<h2 id="{_text(outcome.name)}">{_text(finding.title)}</h2>\n<p>{_verdict(outcome)}</p>\n'
        f"<p><em>Claim:</em> {_text(finding.claim)}</p>\n<p><em>Measured:</em> {_text(finding.measured)}</p>\n"
        f"{''.join(pictures)}\n<table><thead><tr><th>quantity</th><th>claimed</th><th>measured</th><th>spread</th>"
        f"<th>counts as reproduced</th><th></th></tr></thead><tbody>\n{rows}\n</tbody></table>\n"
        f'<p class="small">{_text(finding.settings)} {outcome.seconds:.0f} s.</p>'
    )


def _row(number: Number) -> str:
    unit = f" {number.unit}" if number.unit else ""
    judged = ("yes", "reproduced") if number.passed else ("no", "falls short")
    cells = [
        _text(number.name),
        _digits(number.claimed),
        _digits(number.measured, unit=unit),
        _digits(number.spread),
        _text(number.bounds),
        f'<span class="{judged[0]}">{judged[1]}</span>' if number.judged else "",
    ]
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _digits(value: float, unit: str = "") -> str:
    return "" if math.isnan(value) and not unit else _text(f"{value:.6g}{unit}")


def _verdict(outcome: Outcome) -> str:
    return f'<span class="{"yes" if outcome.passed else "no"}">{outcome.verdict}</span>'


def _text(text: str) -> str:
    return html.escape(text, quote=True)


def _png(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=200)
    return buffer.getvalue()


def _versions() -> str:
    from importlib.metadata import PackageNotFoundError, version

    found = []
    for name in _PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)
