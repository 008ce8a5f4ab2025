"""The paper's figures for the documentation: `python -m studies.gallery`, a quarter of an hour on two cores.

Computes every figure at full size, as `resource-ode reproduce` does, and writes the pictures into `docs/images/paper/`
and, for each, the claim, what was measured and the table of numbers into `docs/gallery.md`. `--only series waste` does
those alone and keeps the rest of the page.
"""

from __future__ import annotations

import argparse
import datetime
import re
import tempfile
from pathlib import Path

import jax

from resource_ode.applications.paper import FIGURES
from resource_ode.applications.paper.report import Outcome, reproduce

ROOT = Path(__file__).resolve().parent.parent
PAGE, PICTURES = ROOT / "docs" / "gallery.md", ROOT / "docs" / "images" / "paper"


def section(outcome: Outcome, day: str) -> str:
    """What the page says of one figure, between two comments by which it is found again."""
    finding = outcome.finding
    if finding is None:
        raise RuntimeError(f"{outcome.name}: {outcome.error}")
    number = f"{FIGURES.index(outcome.name) + 1:02}"
    pictures = [
        f"![{finding.title}{'' if name == outcome.name else f', {name}'}](images/paper/{file_name(outcome.name, name)})"
        for name in outcome.pictures
    ]
    judged = [number for number in finding.numbers if number.judged]
    held = sum(number.passed for number in judged)
    parts = [
        f"<!-- {outcome.name}: begin -->",
        f"## {finding.title}",
        f"*The paper:* {finding.claim}",
        f"*Measured:* {finding.measured}",
        *pictures,
        f"**{outcome.verdict.capitalize()}**: numbers within their bounds: {held} of {len(judged)}.",
        f"{finding.settings} Notebook: `notebooks/paper/{number}_{outcome.name}.ipynb`. Computed on {day}.",
        f'<details markdown="1"><summary>All {len(finding.numbers)} numbers</summary>',
        finding.table(),
        "</details>",
        f"<!-- {outcome.name}: end -->",
    ]
    return "\n\n".join(parts)


def file_name(figure: str, picture: str) -> str:
    return f"{figure}.png" if picture == figure else f"{figure}_{picture}.png"


def written(page: str, sections: dict[str, str]) -> str:
    """The page with these sections in place of those that it has of the same figures."""
    for name, text in sections.items():
        place = re.compile(f"<!-- {name}: begin -->.*?<!-- {name}: end -->", re.S)
        if not place.search(page):
            raise ValueError(f"docs/gallery.md: expected the comments '{name}: begin' and '{name}: end', found none")
        page = place.sub(lambda found, text=text: text, page)
    return page


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
        page = written(PAGE.read_text(), {name: section(outcome, day)})
        for picture, content in outcome.pictures.items():
            (PICTURES / file_name(name, picture)).write_bytes(content)
        PAGE.write_text(page)


if __name__ == "__main__":
    main()
