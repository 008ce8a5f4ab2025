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
import json
import pathlib
import statistics
import sys
import time
from collections.abc import Sequence
from typing import Any

from . import document
from .cells import build
from .kinds import KINDS, names
from .workers import Answer, Worker

SECONDS, MEGABYTES = 60.0, 3000.0
COLUMNS = ("right", "inaccurate, said", "refused", "no reference", "WRONG", "TIMEOUT", "crash")
BAD = ("WRONG", "TIMEOUT", "crash")


def arguments(given: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m reliability torture", description="Extreme models against references.")
    parser.add_argument("--seconds", type=float, default=600.0, help="how long to go on (default 600)")
    parser.add_argument("--seed", type=int, default=0, help="other numbers (default 0)")
    parser.add_argument("--only", default="", help="cells whose name holds one of these words, by commas")
    parser.add_argument("--cell", help="one cell by its name, with everything that is known of it")
    parser.add_argument("--workers", type=int, default=2, help="processes (default 2)")
    parser.add_argument("--write", action="store_true", help=f"put the table into {document.PATH}")
    parser.add_argument("--log", type=pathlib.Path, help="a file that gets a line for each cell")
    return parser.parse_args(given)


def main(given: Sequence[str]) -> int:
    options = arguments(given)
    if options.cell:
        return one_cell(options.cell)
    words = [word.strip() for word in options.only.split(",") if word.strip()]
    settings = [s for kind in KINDS for s in names(kind) if not words or any(word in s for word in words)]
    if not settings:
        print(f"--only {options.only}: expected words of the name of a cell, found none", file=sys.stderr)
        return 2
    results = run(settings, options)
    text = report(results, options)
    print(text)
    if options.write:
        document.put("torture", text)
    return 1 if any(result["counts"].get(name) for result in results for name in BAD) else 0


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


def run(settings: list[str], options: argparse.Namespace) -> list[dict[str, Any]]:
    """Cells until the time is over."""
    cells, results = schedule(settings, options.seed), []
    workers = [
        Worker("reliability.judge:judge", prepare="reliability.judge:prepare", seconds=SECONDS, megabytes=MEGABYTES)
        for _ in range(options.workers)
    ]
    end = time.perf_counter() + options.seconds
    busy: dict[int, str] = {}
    log = options.log.open("a") if options.log else None
    try:
        while busy or time.perf_counter() < end:
            for number, worker in enumerate(workers):
                if number not in busy and time.perf_counter() < end:
                    busy[number] = next(cells)
                    worker.send(busy[number])
                if number in busy:
                    answer = worker.answer(0.05)
                    if answer is not None:
                        result = outcome(busy.pop(number), answer)
                        results.append(result)
                        show(result)
                        if log:
                            print(json.dumps(result), file=log, flush=True)
    finally:
        for worker in workers:
            worker.stop()
    return results


def outcome(name: str, answer: Answer) -> dict[str, Any]:
    """What is kept of one cell."""
    if answer.kind == "done":
        return {"cell": name, **dataclasses.asdict(answer.value)}
    cell = build(name)
    kind = "TIMEOUT" if answer.kind in ("timeout", "memory") else "crash"
    count = 1 if cell.single else len(cell.members)
    wrong = [str(answer.value).strip().splitlines()[-1]]
    return {"cell": name, "counts": {kind: count}, "seconds": answer.seconds, "wrong": wrong, "worst": 0.0}


def show(result: dict[str, Any]) -> None:
    bad = {name: result["counts"][name] for name in BAD if name in result["counts"]}
    if bad:
        print(f"{result['cell']}: {bad}; {result['wrong'][0] if result['wrong'] else ''}", file=sys.stderr, flush=True)


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
    return 1 if any(name in verdict.counts for name in BAD) else 0


def counts(results: list[dict[str, Any]]) -> dict[str, int]:
    found: dict[str, int] = dict.fromkeys(COLUMNS, 0)
    for result in results:
        for name, number in result["counts"].items():
            found["refused" if name.startswith("refused") else name] += number
    return found


def rows(results: list[dict[str, Any]], part: slice) -> list[list[str]]:
    groups: dict[str, list[dict[str, Any]]] = collections.defaultdict(list)
    for result in results:
        groups["/".join(result["cell"].split("/")[part])].append(result)
    table = []
    for name, mine in groups.items():
        found = counts(mine)
        table.append([name, str(len(mine)), *(str(found[column]) for column in COLUMNS), ratio(mine)])
    return table


def ratio(results: list[dict[str, Any]]) -> str:
    """Seconds of the slowest member alone to those of the median of its batch, the most of any cell."""
    most = [
        (max(alone) / statistics.median(alone), max(alone))
        for result in results
        if len(alone := result.get("alone", [])) > 2
    ]
    return "" if not most else "{:.1f} ({:.2g} s)".format(*max(most))


def report(results: list[dict[str, Any]], options: argparse.Namespace) -> str:
    heads = ["", "cells", *COLUMNS, "slowest / median"]
    total = counts(results)
    everything = ["all", str(len(results)), *(str(total[column]) for column in COLUMNS), ratio(results)]
    command = f'make torture ARGS="--seconds {options.seconds:g} --seed {options.seed}'
    command += f' --only {options.only}"' if options.only else '"'
    lines = [document.provenance(command), "", "Members by kind of model:", ""]
    lines += document.table([["kind", *heads[1:]], *rows(results, slice(0, 1)), everything])
    lines += ["", "By data type, verb, mode and tolerance:", ""]
    lines += document.table([["settings", *heads[1:]], *sorted(rows(results, slice(1, 5)))])
    reasons: collections.Counter[str] = collections.Counter()
    for result in results:
        for name, number in result["counts"].items():
            if name.startswith("refused: "):
                reasons[name.removeprefix("refused: ")] += number
    if reasons:
        lines += ["", "Reasons of refusals:", ""]
        lines += document.table([["members", "reason"], *([str(n), reason] for reason, n in reasons.most_common())])
    wrong = [result for result in results if any(name in result["counts"] for name in BAD) or result["wrong"]]
    lines += ["", f"Cells with anything wrong: {len(wrong)}."]
    if wrong:
        lines += [
            "",
            *(f"- `{result['cell']}`: {result['wrong'][0] if result['wrong'] else ''}" for result in wrong[:40]),
        ]
        lines += [f"- and {len(wrong) - 40} more"] * (len(wrong) > 40)
    return "\n".join(lines)
