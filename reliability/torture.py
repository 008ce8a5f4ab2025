"""`make torture`: extreme models of every kind against independent references.

Each cell is one call of `simulate` or `learning_times` on one model or a small batch (`cells`), in a process of its own
that may take 60 s and 3 GB. Every member is then held against a reference (`references`) and counted:

- **right**: within the tolerance that was asked for (levels: absolute; times: relative), and with `simulate` also a
  budget residual within it;
- **inaccurate, said**: the run's code (or a NaN in place of a time) says that the estimate exceeds the tolerance;
- **refused**: a `ValueError` that the package raises by itself and that names its argument, or another code; the last
  table counts the reasons;
- **WRONG**: beyond the tolerance, not finite, or with a budget residual beyond it, and nothing says so; also a member
  that is not alone what it is among its neighbours. There must be none;
- **no reference**: the two references differ by more than a tenth of the tolerance; nothing is claimed;
- **TIMEOUT**, **crash**: more than 60 s or 3 GB; any other exception, or the end of the process.

`slowest / median` is about members of one batch, each solved alone and once compiled: the largest ratio in any cell of
the processor time of the slowest to that of the median member, and the time of that slowest one.

    make torture                                   ten minutes on two cores
    make torture ARGS="--seconds 60"               as in continuous integration
    make torture ARGS="--only entropy,l2"          kinds or settings that hold one of the words
    make torture ARGS="--cell NAME"                one cell again; its name is in the list of what was wrong

Exit status 1 if anything was wrong, timed out or crashed.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import statistics
import sys
from collections.abc import Sequence
from typing import Any

from . import document
from .campaign import Campaign, Result
from .cells import build
from .kinds import KINDS, names
from .workers import Answer, Worker

SECONDS, MEGABYTES = 60.0, 3000.0


def worker() -> Worker:
    judge = "reliability.judge"
    return Worker(f"{judge}:judge", prepare=f"{judge}:prepare", seconds=SECONDS, megabytes=MEGABYTES)


TORTURE = Campaign(
    name="torture",
    unit="cell",
    counted="members",
    columns=("right", "inaccurate, said", "refused", "no reference", "WRONG", "TIMEOUT", "crash"),
    bad=("WRONG", "TIMEOUT", "crash"),
    worker=worker,
)


def main(given: Sequence[str]) -> int:
    options = TORTURE.options(given, "Extreme models against references.", "numbers")
    if options.one:
        return one_cell(options.one)
    words = [word.strip() for word in options.only.split(",") if word.strip()]
    settings = [s for kind in KINDS for s in names(kind) if not words or any(word in s for word in words)]
    return TORTURE.go(schedule(settings, options.seed) if settings else None, options, outcome, report)


def schedule(settings: list[str], seed: int) -> Any:
    """Names of cells without end: round after round one of each kind and setting, kinds alternating."""
    by_kind: dict[str, list[str]] = collections.defaultdict(list)
    for setting in settings:
        by_kind[setting.split("/")[0]].append(setting)
    number = 0
    while True:
        for place in range(max(map(len, by_kind.values()))):
            for kind, rows in enumerate(by_kind.values()):
                if place < len(rows):
                    yield f"{rows[(place + kind + number) % len(rows)]}/{seed}.{number}"
        number += 1


def outcome(name: str, answer: Answer) -> Result:
    """What is kept of one cell."""
    if answer.kind == "done":
        return {"case": name, **dataclasses.asdict(answer.value)}
    cell = build(name)
    return TORTURE.ended(name, answer, 1 if cell.single else len(cell.members))


def one_cell(name: str) -> int:
    """A cell again, in this process, with its numbers."""
    from . import judge

    judge.prepare()
    try:
        cell = build(name)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    members = cell.members[:1] if cell.single else cell.members
    print(f"{name}: {len(members)} members, {cell.members[0].skills} skills, tolerance {cell.tolerance}")
    print(f"ts = {cell.ts.tolist()}" if cell.verb == "simulate" else f"level = {cell.level!r}")
    verdict = judge.judge(name)
    print(f"{verdict.counts}, {verdict.seconds:.3g} s")
    told = sorted({int(line.split()[1].rstrip(":")) for line in verdict.wrong if line.startswith("member")})
    for k in told[:3]:
        print(f"member {k}: {cell.members[k]}")
    for line in verdict.wrong:
        print(line)
    return 1 if any(name in verdict.counts for name in TORTURE.bad) else 0


def ratio(results: list[dict[str, Any]]) -> str:
    """Seconds of the slowest member alone to those of the median of its batch, the most of any cell."""
    most = [
        (max(alone) / statistics.median(alone), max(alone))
        for result in results
        if len(alone := result.get("alone", [])) > 2
    ]
    return "" if not most else "{:.1f} ({:.2g} s)".format(*max(most))


def report(results: list[Result], options: argparse.Namespace) -> str:
    heads = ["cells", *TORTURE.columns, "slowest / median"]
    more = lambda mine: [ratio(mine)]  # noqa: E731
    by_kind = TORTURE.rows(results, lambda parts: parts[:1], more)
    by_settings = TORTURE.rows(results, lambda parts: ["/".join(parts[1:5])], more)
    lines = [TORTURE.provenance(options), "", "Members by kind of model:", ""]
    lines += document.table([["kind", *heads], *by_kind, ["all", *TORTURE.row(results, more)]])
    lines += ["", "By data type, verb, mode and tolerance:", ""]
    lines += document.table([["settings", *heads], *sorted(by_settings)])
    return "\n".join([*lines, *TORTURE.reasons(results), *TORTURE.wrong(results)])
