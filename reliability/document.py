"""Tables in `docs/reliability.md`, each between two comments, so that a rerun replaces its own and nothing else."""

from __future__ import annotations

import datetime
import os
import pathlib
import platform
import re
import subprocess
from collections.abc import Sequence

ROOT = pathlib.Path(__file__).parent.parent
PATH = "docs/reliability.md"


def provenance(command: str) -> str:
    """One line: command, commit, machine, date."""
    date = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")
    return f"`{command}`, commit {commit()}, {machine()}, {date}."


def commit() -> str:
    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs", ":!tests/corpus")
        return git("rev-parse", "--short", "HEAD") + (" with changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def machine() -> str:
    """The kind of processor, and how many cores this process may use."""
    try:
        names = re.findall(r"^model name\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    except OSError:
        names = []
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{names[0] if names else platform.processor() or platform.machine()}, {cores} cores"


def table(lines: Sequence[Sequence[str]]) -> list[str]:
    """A table in Markdown; the first line is its head."""
    clean = [[cell.replace("|", "\\|").replace("\n", " ") for cell in line] for line in lines]
    widths = [max(len(line[column]) for line in clean) for column in range(len(clean[0]))]

    def text(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"

    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return [text(clean[0]), rule, *map(text, clean[1:])]


def rows(name: str, head: Sequence[str], path: pathlib.Path | None = None) -> list[list[str]]:
    """The lines of the table of a name, without its head; none where it has another head."""
    page = (ROOT / PATH if path is None else path).read_text()
    text = page.split(f"<!-- {name}: begin -->")[-1].split(f"<!-- {name}: end -->")[0]
    lines = [line.strip("| ").split("|") for line in text.splitlines() if line.startswith("| ")]
    found = [[cell.strip() for cell in line] for line in lines]
    return found[1:] if found and found[0] == list(head) else []


def put(name: str, text: str, path: pathlib.Path | None = None) -> None:
    """Put a text between the comments of its name. **Raises:** `ValueError` where the page has no such comments."""
    path = ROOT / PATH if path is None else path
    page = path.read_text()
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    if page.count(begin) != 1 or page.count(end) != 1 or page.index(begin) > page.index(end):
        raise ValueError(f"{path}: expected the comments {begin} and {end} once, in this order")
    head, tail = page.split(begin)[0], page.split(end)[1]
    path.write_text(f"{head}{begin}\n{text}\n{end}{tail}")
