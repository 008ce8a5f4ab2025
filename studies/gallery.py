"""The paper's figures for the documentation: `python -m studies.gallery`, ten minutes on two cores.

Computes every figure at full size, as `resource-ode reproduce` does, and writes the pictures into `docs/images/paper/`
and, for each, the claim, what was measured and the table of numbers into `docs/gallery.md`. `--only series waste` does
those alone and keeps the rest of the page.
"""

from __future__ import annotations

import argparse
import datetime
import tempfile
from pathlib import Path

import jax

from reliability import document
from resource_ode.applications.paper import FIGURES
from resource_ode.applications.paper.report import Outcome, reproduce

ROOT = Path(__file__).resolve().parent.parent
PAGE, PICTURES = ROOT / "docs" / "gallery.md", ROOT / "docs" / "images" / "paper"


def section(outcome: Outcome, day: str) -> str:
    """What the page says of one figure."""
    finding = outcome.finding
    if finding is None:
        raise RuntimeError(f"{outcome.name}: {outcome.error}")
    number = f"{FIGURES.index(outcome.name) + 1:02}"
    pictures = [
        f"![{finding.title}{'' if name == outcome.name else f', {name}'}](images/paper/{file})"
        for name, file in zip(outcome.pictures, outcome.files, strict=True)
    ]
    judged = [number for number in finding.numbers if number.judged]
    held = sum(number.passed for number in judged)
    parts = [
        f"## {finding.title}",
        f"*The paper:* {finding.claim}",
        f"*Measured:* {finding.measured}",
        *pictures,
        f"**{outcome.verdict.capitalize()}**: numbers within their bounds: {held} of {len(judged)}.",
        f"{finding.settings} Notebook: `notebooks/paper/{number}_{outcome.name}.ipynb`. Computed on {day}.",
        f'<details markdown="1"><summary>All {len(finding.numbers)} numbers</summary>',
        finding.table(),
        "</details>",
    ]
    return "\n" + "\n\n".join(parts) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m studies.gallery", description="The paper's figures for the documentation"
    )
    parser.add_argument("--only", nargs="+", default=list(FIGURES), choices=FIGURES)
    jax.config.update("jax_enable_x64", True)
    day = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")
    PICTURES.mkdir(parents=True, exist_ok=True)
    for name in parser.parse_args().only:
        with tempfile.TemporaryDirectory() as folder:
            outcome = reproduce([name], out=Path(folder))[0]
        text = section(outcome, day)
        for file, content in outcome.files.items():
            (PICTURES / file).write_bytes(content)
        document.put(name, text, PAGE)


if __name__ == "__main__":
    main()
