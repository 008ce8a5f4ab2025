"""`python -m benchmarks.engine`: every variant, derivative and size; each part is kept by itself.

A part that was measured stays in the results until it is measured again, so that a run can be done in pieces:
`--only variants`, then `--only derivatives,large`.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import pathlib
import sys
import time
from collections.abc import Sequence
from typing import Any

from .. import report
from . import targets

# what takes longest comes last
NAMES = ("single", "large", "observables", "variants", "derivatives")


# what a part says of variants that it did not begin
LEFT_OUT = "not measured, since the time was up"


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks.engine", description=__doc__)
    parser.add_argument("--only", default="", help=f"some of the parts {', '.join(NAMES)}, by commas")
    parser.add_argument("--words", default="", help="variants or sizes whose name holds one of these, by commas")
    parser.add_argument("--graphs", type=int, help="graphs of a variant (default 512; 16 with --quick)")
    parser.add_argument("--rounds", type=int, help="repetitions (default 5; 1 with --quick)")
    parser.add_argument("--minutes", type=float, default=math.inf, help="begin nothing more after so many; says what")
    parser.add_argument("--quick", action="store_true", help="a few graphs, once: does it run at all")
    parser.add_argument("--out", type=pathlib.Path, default=report.RESULTS, help="folder of the results")
    return parser.parse_args(given)


def main(given: Sequence[str] | None = None) -> int:
    """Measure what was asked for, then print all that is kept; 1 if one of ours failed its gate."""
    options = arguments(given)
    wanted = [name.strip() for name in options.only.split(",") if name.strip()] or list(NAMES)
    if strange := [name for name in wanted if name not in NAMES]:
        say(f"--only: expected some of {', '.join(NAMES)}, got {', '.join(strange)}")
        return 2
    import jax

    jax.config.update("jax_enable_x64", True)
    if not options.quick:
        # a first call is one that finds nothing compiled
        jax.config.update("jax_enable_compilation_cache", False)
    from .parts import PARTS, Options

    words = tuple(word.strip() for word in options.words.split(",") if word.strip())
    graphs, rounds = options.graphs or (16 if options.quick else 512), options.rounds or (1 if options.quick else 5)
    begin, failed = time.perf_counter(), False
    chosen = Options(graphs, rounds, words, options.quick, begin + 60 * options.minutes)
    for name in wanted:
        about = report.environment() | {"graphs": graphs, "rounds": rounds}
        say(f"{name}, load average {about['load_average']:.2f}")
        chosen.skipped.clear()
        rows = [dataclasses.asdict(row) for found in PARTS[name](chosen, say) for row in found]
        about[LEFT_OUT] = list(chosen.skipped)
        failed |= any(row["failure"] and not row["way"].startswith("diffrax") for row in rows)
        # part of a part must not pass for the whole
        kind = f"engine_{'quick_' if options.quick else ''}{'some_' if words else ''}{name}"
        for path in report.save(kind, markdown(name, about, rows), {"about": about, "rows": rows}, options.out):
            say(f"wrote {path}; {time.perf_counter() - begin:.0f} s")
    kept = {}
    for name in NAMES:
        path = options.out / f"engine_{'quick_' if options.quick else ''}{name}_{report.slug(report.device())}.json"
        if path.exists():
            kept[name] = json.loads(path.read_text())
            print(path.with_suffix(".md").read_text())
    if kept and not words:
        found = list(targets.targets({name: part["rows"] for name, part in kept.items()}))
        trial = ["- A trial with few graphs: times and ratios mean nothing."] if options.quick else []
        table = targets.markdown(
            [*trial, *[f"- {name}: {_conditions(part['about'])}" for name, part in kept.items()]], found
        )
        listed = [one._asdict() | {"verdict": one.verdict} for one in found]
        report.save(
            f"engine_{'quick_' if options.quick else ''}targets",
            table,
            {"about": report.environment(), "targets": listed},
            options.out,
        )
        print(table)
    return int(failed)


def markdown(name: str, about: dict[str, Any], rows: Sequence[dict[str, Any]]) -> str:
    """The table of one part."""
    heads = ("variant", "task", "way", "members", "error", "wall, ms", "cpu, ms", "times the first", "cpu", "first, s")
    lines = [f"# {name.capitalize()}", "", *report.describe(about), ""]
    if about.get(LEFT_OUT):
        lines[-1:] = [f"- {LEFT_OUT.capitalize()}: {', '.join(about[LEFT_OUT])}.", ""]
    lines += ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for row in rows:
        numbers = [_short(row[key]) for key in ("wall_ms", "cpu_ms", "ratio", "cpu_ratio", "first_s")]
        error = "" if row["error"] is None else f"{row['error']:.1e}"
        way = f"{row['way']} ({row['settings']})" if row["settings"] else row["way"]
        if row["failure"]:
            numbers[0] = f"FAILED: {row['failure']}"
        cells = (row["variant"], row["task"], way, str(row["members"]), error, *numbers)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _conditions(about: dict[str, Any]) -> str:
    left = about.get(LEFT_OUT)
    said = f"{about['date']}, commit {about['commit']}, load average {about['load_average']:.2f} at its start"
    said += f", {about['graphs']} graphs, {about['rounds']} rounds"
    return f"{said}; {LEFT_OUT}: {', '.join(left)}" if left else said


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
