"""What is kept of a run: where, when and with what it ran, a table in Markdown, and every number in JSON."""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import math
import os
import pathlib
import platform
import re
import statistics
import subprocess
from collections.abc import Sequence
from typing import Any

import numpy as np

from .candidates import DIFFRAX, LEVELS, NUMBA, TIMES
from .measure import Outcome

RESULTS = pathlib.Path(__file__).parent / "results"
PACKAGES = (
    *("jax", "jaxlib", "diffrax", "equinox", "optimistix", "numpy", "scipy", "numba", "numbalsoda", "torch"),
    "torchode",
)


def device() -> str:
    """The processor that JAX runs on, in words."""
    import jax

    chosen = jax.devices()[0]
    if chosen.platform != "cpu":
        return chosen.device_kind
    names = re.findall(r"^model name\s*: (.*)$", _read("/proc/cpuinfo"), re.M)
    return f"{names[0] if names else platform.processor() or platform.machine()}, {os.cpu_count()} cores"


def slug(text: str) -> str:
    """Letters and digits, joined by hyphens: part of a file's name."""
    return "-".join(re.findall(r"[a-z0-9]+", text.lower()))


def environment() -> dict[str, Any]:
    """Everything that a number depends on besides the code."""
    import jax

    versions = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "device": device(),
        "platform": jax.devices()[0].platform,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="minutes"),
        "commit": _commit(),
        "versions": versions,
        "load_average": os.getloadavg()[0],
        "x64": bool(jax.config.jax_enable_x64),  # type: ignore[attr-defined]
    }


def _read(path: str) -> str:
    try:
        return pathlib.Path(path).read_text()
    except OSError:
        return ""


def _commit() -> str:
    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=pathlib.Path(__file__).parent, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no", "--", "..", ":!results")
        return git("rev-parse", "--short", "HEAD") + (" with changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def rows(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """One dictionary a candidate; ratios are to the first of ours that does the same task and passed."""
    bases: dict[str, Outcome] = {}
    for outcome in outcomes:
        if outcome.candidate.ours and outcome.failure is None and outcome.seconds:
            bases.setdefault(outcome.candidate.task, outcome)
    found = []
    for outcome in outcomes:
        candidate = outcome.candidate
        base = bases.get(candidate.task)
        ratios = outcome.ratios(base) if base and not outcome.failure else []
        found.append(
            {
                "task": candidate.task,
                "method": candidate.name,
                "settings": candidate.settings,
                "graphs": outcome.graphs,
                "bound": candidate.bound,
                "error": outcome.error if outcome.errors else None,
                "errors": outcome.errors,
                "ms_per_1000": outcome.per_thousand(),
                "ms_per_1000_by_seed": outcome.seed_medians,
                "ratio": statistics.median(ratios) if ratios else None,
                "ratio_least": min(ratios, default=None),
                "ratio_most": max(ratios, default=None),
                "first_call_s": outcome.first_call,
                "steps_median": outcome.steps[0] if outcome.steps else None,
                "steps_most": outcome.steps[1] if outcome.steps else None,
                "failure": outcome.failure,
            }
        )
    return found


def targets(found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The speed that was aimed for on a CPU, beside what was found: the worst seed counts."""
    aims = ((LEVELS, DIFFRAX, 8.0), (LEVELS, NUMBA, 3.0), (TIMES, DIFFRAX, 20.0))
    results = []
    for task, method, aim in aims:
        row = next((r for r in found if r["task"] == task and r["method"] == method and r["ratio"] is not None), None)
        if row:
            reached = row["ratio_least"] >= aim
            results.append(
                {"task": task, "against": method, "aim": aim, "reached": reached, "worst": row["ratio_least"]}
            )
    return results


def _number(value: float | None, pattern: str) -> str:
    return "" if value is None or not math.isfinite(value) else format(value, pattern)


def _short(value: float | None) -> str:
    """Three figures, without powers of ten."""
    if value is None or not math.isfinite(value):
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def markdown(title: str, about: dict[str, Any], found: Sequence[dict[str, Any]]) -> str:
    """The table that is printed and kept."""
    heads = (
        *("task", "method", "settings", "graphs", "level error", "ms / 1000", "times ours (worst to best seed)"),
        *("first call, s", "steps"),
    )
    body = []
    for row in found:
        ratio = _short(row["ratio"])
        if ratio and row["ratio_most"] is not None and len(row["ms_per_1000_by_seed"]) > 1:
            ratio += f" ({_short(row['ratio_least'])} to {_short(row['ratio_most'])})"
        steps = "" if row["steps_median"] is None else f"{row['steps_median']:.0f} (most {row['steps_most']})"
        if row["failure"]:
            missing = row["failure"].endswith("not installed")
            time = row["failure"] if missing else f"FAILED: {row['failure']}"
            ratio = ""
        else:
            time = _short(row["ms_per_1000"])
        body.append(
            (
                row["task"],
                row["method"],
                row["settings"],
                str(row["graphs"] or ""),
                _number(row["error"], ".1e"),
                time,
                ratio,
                _number(row["first_call_s"], ".2f"),
                steps,
            )
        )
    widths = [max(len(line[i]) for line in [heads, *body]) for i in range(len(heads))]

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"

    lines = [f"# {title}", "", *describe(about), ""]
    lines += [line(heads), "|" + "|".join("-" * (width + 2) for width in widths) + "|", *map(line, body)]
    for aim in about.get("targets", ()):
        verdict = "reached" if aim["reached"] else "MISSED"
        lines += [
            "",
            f"Aim, {aim['task']}: {aim['aim']:g} times faster than {aim['against']}: {verdict} "
            f"(the worst seed: {_short(aim['worst'])}).",
        ]
    return "\n".join(lines) + "\n"


def describe(about: dict[str, Any]) -> list[str]:
    """The conditions, as list items."""
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    lines = [
        f"- Device: {about['device']}; {about['date']}; commit {about['commit']}; load average at the start "
        f"{about['load_average']:.2f}.",
        f"- {versions}.",
    ]
    if "problem" in about:
        lines.insert(0, f"- {about['problem']}")
    if "reference" in about:
        lines.append(f"- Reference: {about['reference']}.")
    return lines


def save(name: str, text: str | None, data: dict[str, Any], folder: pathlib.Path) -> list[pathlib.Path]:
    """Write `name.md` and `name.json`; the device is part of the name."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{name}_{slug(data['about']['device'])}"
    written = []
    if text is not None:
        (folder / f"{stem}.md").write_text(text)
        written.append(folder / f"{stem}.md")
    # infinities and NaN are not JSON
    (folder / f"{stem}.json").write_text(json.dumps(_plain(data), indent=1, allow_nan=False) + "\n")
    return [*written, folder / f"{stem}.json"]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (float, np.floating)):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value
