"""The tables in Markdown, and each target beside what was reached."""

from __future__ import annotations

import math
from typing import Any

from .public import CURVES
from .study import END, LEVEL, NEAR
from .targets import targets

MARK = "<!-- --8<-- [{}:targets] -->"
PARTS_OF_FORECASTS = ("model", "last value", "power law", "sigmoid")


def markdown(every: dict[str, dict[str, Any]]) -> str:
    """All tables of what was found, by set; those of the public curves under `public`."""
    sets = {name: found for name, found in every.items() if name != "public"}
    known = every.get("public", {})
    lines = ["# What the fitted model is worth on real runs", "", *_about(every), ""]
    # the documentation quotes what stands between the marks
    lines += ["## Targets", "", MARK.format("start"), ""]
    lines += [*_table(("what", "target", "reached", "met"), targets(sets, known)), "", MARK.format("end"), ""]
    lines += _forecasts(sets) + _together(sets) + _mixtures(sets) + _graphs(sets) + _policies(sets) + _public(known)
    return "\n".join(lines).rstrip() + "\n"


def _about(every: dict[str, dict[str, Any]]) -> list[str]:
    found = [each["about"] for each in every.values() if "about" in each]
    if not found:
        return ["Nothing was found yet."]
    last = max(found, key=lambda each: each["date"])
    commits = ", ".join(sorted({each["commit"] for each in found}))
    versions = ", ".join(f"{name} {last['versions'][name]}" for name in ("python", "jax", "numpy", "scipy"))
    seconds = sum(part["seconds"] for each in every.values() for part in each.values() if "seconds" in part)
    lines = [
        f"{last['device']}; commit {commits}; {last['date'][:10]}; {versions}. All parts together took {seconds:.0f} s "
        "of processor time, trainings included where no curves were kept.",
        "",
    ]
    rows = [
        (
            name,
            str(each["about"]["tasks"]),
            f"{len(each['about']['mixtures'])} x {each['about']['seeds']}",
            str(each["about"]["fewer"]),
            str(each["about"]["trials"]),
            str(each["about"]["forecast"]),
        )
        for name, each in every.items()
        if "tasks" in each.get("about", {})
    ]
    head = ("set", "tasks", "mixtures x seeds", "seeds without a task", "seeds of a policy", "seeds forecast")
    return lines + _table(head, rows)


def _forecasts(sets: dict[str, Any]) -> list[str]:
    rows = []
    for name, found in _having(sets, "forecasts"):
        scores = [_ranged(found[part]) for part in PARTS_OF_FORECASTS]
        scores.append("-" if found.get("other seeds") is None else _ranged(found["other seeds"]))
        last = "-" if found["last"] is None else f"{found['last']['median']:.2f}"
        times = f"{found['near']} of {found['unseen']}"
        rows.append((name, str(found["count"]), *scores, times, last, f"{found['describes']} of {found['count']}"))
    if not rows:
        return []
    head = ("set", "runs", *PARTS_OF_FORECASTS, "mean of the other seeds", f"unseen times within {NEAR:.0%}",
            "last time, predicted/measured", "said to be described")  # fmt: skip
    return [
        "## The last 40 % of a run, forecast from the first 60 %", "",
        f"One run at a time, cut at {END:g} times the step by which all tasks are at level {LEVEL:g}: later rows are "
        "solved. Root mean square errors of levels: mean over the runs, and the range of nine tenths of them. The mean "
        "of the other seeds is that of their later rows: its error is how far runs differ by chance.",
        "", *_table(head, rows), "",
    ]  # fmt: skip


def _together(sets: dict[str, Any]) -> list[str]:
    rows, texts = [], []
    for name, found in _having(sets, "together"):
        scores = [f"{found[part]:.3f}" for part in ("residual", *PARTS_OF_FORECASTS)]
        exponent = "-" if found["gate_exponent"] is None else f"{found['gate_exponent']:.2g}"
        rows.append((name, *scores, f"{found['frequency_power']:.2f}", f"{found['plateau']:.2g}", exponent))
        texts.append(f"- {name}: {found['verdict']}")
    if not rows:
        return []
    head = ("set", "residual", *PARTS_OF_FORECASTS, "frequency power", "plateau", "gate exponent")
    lines = ["## All mixtures and seeds in one fit", "", "Whole runs, solved rows included.", "", *_table(head, rows)]
    return [*lines, "", "In words:", "", *texts, ""]


def _mixtures(sets: dict[str, Any]) -> list[str]:
    rows = []
    for name, found in _having(sets, "other mixtures"):
        inside = "-" if found["model inside"] is None else _off(found["model inside"]["median"])
        rows.append((
            name, str(found["count"]), _off(found["model"]["median"]), _off(found["model"]["ninth"]),
            _off(found["by frequency"]["median"]), _off(found["by frequency"]["ninth"]), f"{found['held']:.0%}",
            f"{inside} ({found['count inside']})",
        ))  # fmt: skip
    if not rows:
        return []
    head = ("set", "times", "model: median error", "nine of ten below", "T p^-gamma: median", "nine of ten below",
            "in the 95 % interval", "median inside the tried range (times)")  # fmt: skip
    return [
        "## Learning times in other mixtures", "",
        "Fitted to the even mixture and one other, asked for those that are left; each other in turn.", "",
        *_table(head, rows), "",
    ]  # fmt: skip


def _graphs(sets: dict[str, Any]) -> list[str]:
    rows, texts = [], []
    for name, found in _having(sets, "dependencies"):
        if "edges" not in found:
            continue
        rows.append((
            name, f"{found['first level found']} of {found['first level']}",
            f"{found['ancestors found']} of {found['ancestors']}", str(found["false"]), str(found["confident without"]),
        ))  # fmt: skip
        if found["edges"]:
            texts.append(f"- {name}: {', '.join(map(_edge, found['edges']))}")
    if not rows:
        return []
    head = ("set", "first-level edges", "all ancestors", "false", "confident without such runs")
    lines = ["## Who builds on whom, from runs that leave a task out", "", *_table(head, rows), ""]
    return [*lines, "Strengths, with 95 % intervals:", "", *texts, ""]


def _policies(sets: dict[str, Any]) -> list[str]:
    rows, rounds = [], []
    for name, found in _having(sets, "policies"):
        for row in found["rows"]:
            rows.append((
                name, row["policy"] + (" (recommended)" if row["recommended"] else ""),
                f"{row['predicted']:.2f} ({row['low']:.2f} to {row['high']:.2f})",
                f"{row['measured']:.2f} ({_number(row['slowest'])} to {_number(row['fastest'])})",
                f"{row['predicted'] / row['measured']:.2f}" if row["measured"] else "-",
            ))  # fmt: skip
        said = [f"{row['predicted']:.0f} predicted, {_number(row['measured'], 0)} measured" for row in found["rounds"]]
        if said:
            rounds.append(f"- {name}: {'; '.join(said)} (even mixture: {found['even']:.0f})")
    if not rows:
        return []
    head = (
        "set",
        "policy",
        "predicted factor (95 %)",
        "measured factor (slowest to fastest seed)",
        "predicted/measured",
    )
    lines = [
        "## What to train with", "",
        f"Factors: how many times sooner than in the even mixture all tasks are at level {LEVEL:g}; designed from a "
        "fit to all mixtures; measured with the same seeds.", "", *_table(head, rows), "",
    ]  # fmt: skip
    if rounds:
        lines += ["Fit to two mixtures, train with the constant one that is recommended, fit again; steps of the last "
                  "task, round by round:", "", *rounds, ""]  # fmt: skip
    return lines


def _public(known: dict[str, Any]) -> list[str]:
    rows, texts = [], []
    for name in CURVES:
        if name not in known:
            continue
        found = known[name]
        scores = [_ranged(found[part]) for part in PARTS_OF_FORECASTS]
        described = f"{found['describes']} of {found['count']}"
        rows.append((name, str(found["tasks"]), str(found["count"]), *scores, described))
        texts.append(f"- {name}, {found['runs'][0]['run']}: {found['runs'][0]['verdict']}")
    if not rows:
        return []
    head = ("curves", "tasks", "runs", *PARTS_OF_FORECASTS, "said to be described")
    told = (
        "Forecast as above, of whole runs. Sources and licences are beside the files in `benchmarks/real_runs/data/`."
    )
    return ["## Public curves", "", told, "", *_table(head, rows), "", "In words, of the first run:", "", *texts, ""]


def _edge(edge: dict[str, Any]) -> str:
    return f"{edge['parent']} -> {edge['child']} {edge['strength']:.2f} ({edge['low']:.2f} to {edge['high']:.2f})"


def _having(sets: dict[str, Any], part: str) -> list[tuple[str, Any]]:
    return [(name, found[part]) for name, found in sets.items() if part in found]


def _ranged(found: dict[str, float]) -> str:
    return f"{found['mean']:.3f} ({found['low']:.3f} to {found['high']:.3f})"


def _off(logarithm: float | None) -> str:
    """An error of a time from that of its logarithm."""
    return "never learned" if logarithm is None else f"{math.expm1(logarithm):.1%}"


def _number(value: float | None, digits: int = 2) -> str:
    return "never" if value is None else f"{value:.{digits}f}"


def _table(head: Any, rows: Any) -> list[str]:
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join("---" for _ in head) + " |"]
    return lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
