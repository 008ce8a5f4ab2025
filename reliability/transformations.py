"""`make transformations`: random nests of JAX's transformations around random verbs and models of every kind.

Each case is one nest, such as `jit` of `vmap` over the waste of `jacrev` by the frequency, around a verb of the package
or a measure, on a small model of moderate parameters, in a process of its own. What comes out is held against its
meaning: values against plain calls, member after member, to the last bit where the same compiled loops answer both;
derivatives against differences of plain calls of fourth order with two steps, which tell how far they are off
themselves, and against the other mode of differentiation; second derivatives against differences of first ones by the
other mode. A case has two outcomes where a derivative is looked at in both ways:

- **right**: equal to the bit, or within 1e-6 (float32: 2e-3) where other programs answer; derivatives to 1e-4 (5e-3)
  of the largest in their column, and one mode to the other to 1e-10 (2e-4);
- **refused**: by a sentence of the package that names the argument; the last table counts the reasons;
- **no judgement**: differences are vague, as next to a kink; or a member is NaN under the trace that is solved again
  without;
- **WRONG**, **NaN** (where there is a number), **crash**, **TIMEOUT** (240 s or 6 GB): there must be none.

Programs are compiled without XLA's optimisation, in a quarter of the time; what is wrong is tried again with it, and
counts only if it still is.

    make transformations                                ten minutes
    make transformations ARGS="--only schedule,jacrev"  cases whose names hold one of the words
    make transformations ARGS="--case NAME"             one case again; its name is in the list of what was wrong

Exit status 1 if anything was wrong, NaN, timed out or crashed.
"""

from __future__ import annotations

import argparse
import collections
import itertools
import json
import pathlib
import re
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

from . import document
from .transformed import MY_KINDS, build, name_of
from .workers import Answer, Worker

SECONDS, MEGABYTES = 240.0, 6000.0
COLUMNS = ("right", "refused", "no judgement", "WRONG", "NaN", "TIMEOUT", "crash")
BAD = ("WRONG", "NaN", "TIMEOUT", "crash")


def arguments(given: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m reliability transformations", description="Nests of transformations.")
    parser.add_argument("--seconds", type=float, default=600.0, help="how long to go on (default 600)")
    parser.add_argument("--seed", type=int, default=0, help="other cases (default 0)")
    parser.add_argument("--only", default="", help="cases whose name holds one of these words, by commas")
    parser.add_argument("--case", help="one case by its name, with everything that is known of it")
    parser.add_argument("--workers", type=int, default=2, help="processes (default 2)")
    parser.add_argument("--write", action="store_true", help=f"put the table into {document.PATH}")
    parser.add_argument("--log", type=pathlib.Path, help="a file that gets a line for each case")
    return parser.parse_args(given)


def main(given: Sequence[str]) -> int:
    options = arguments(given)
    if options.case:
        return one_case(options.case)
    words = [word.strip() for word in options.only.split(",") if word.strip()]
    names = cases(words, options.seed)
    if next(names, None) is None:
        print(f"--only {options.only}: expected words of the name of a case, found none", file=sys.stderr)
        return 2
    results = run(cases(words, options.seed), options)
    text = report(results, options)
    print(text)
    if options.write:
        document.put("transformations", text)
    return 1 if any(result["counts"].get(name) for result in results for name in BAD) else 0


def cases(words: list[str], seed: int) -> Iterator[str]:
    """Names of cases without end, kinds alternating; none where the words are found nowhere for long."""
    found = 0
    for number in itertools.count():
        for kind in MY_KINDS:
            name = name_of(kind, seed, number)
            if not words or any(word in name for word in words):
                found += 1
                yield name
        if not found and number > 100:
            return


def worker(prepare: str) -> Worker:
    module = "reliability.differential"
    return Worker(f"{module}:verdict", prepare=f"{module}:{prepare}", seconds=SECONDS, megabytes=MEGABYTES)


def again(result: dict[str, Any]) -> dict[str, Any]:
    """What was wrong, as users would see it."""
    optimised = worker("prepare_optimised")
    try:
        found = outcome(result["case"], optimised.call(result["case"]))
    finally:
        optimised.stop()
    if any(name in found["counts"] for name in BAD):
        return found
    return found | {"wrong": [*found["wrong"], *(f"only without optimisation: {text}" for text in result["wrong"])]}


def run(names: Iterator[str], options: argparse.Namespace) -> list[dict[str, Any]]:
    """Cases until the time is over."""
    results: list[dict[str, Any]] = []
    workers = [worker("prepare") for _ in range(options.workers)]
    end = time.perf_counter() + options.seconds
    busy: dict[int, str] = {}
    try:
        while busy or time.perf_counter() < end:
            for number, each in enumerate(workers):
                if number not in busy and time.perf_counter() < end:
                    busy[number] = next(names)
                    each.send(busy[number])
                answer = each.answer(0.05) if number in busy else None
                if answer is not None:
                    result = outcome(busy.pop(number), answer)
                    wrong = any(name in result["counts"] for name in ("WRONG", "NaN"))
                    results.append(again(result) if wrong else result)
                    _told(results[-1], options.log)
    finally:
        for each in workers:
            each.stop()
    return results


def outcome(name: str, answer: Answer) -> dict[str, Any]:
    if answer.kind == "done":
        found = answer.value
        return {"case": name, "counts": found.counts, "seconds": answer.seconds, "wrong": found.wrong}
    kind = "TIMEOUT" if answer.kind in ("timeout", "memory") else "crash"
    wrong = [f"{kind}: {str(answer.value).strip().splitlines()[-1]}"]
    return {"case": name, "counts": {kind: 1}, "seconds": answer.seconds, "wrong": wrong}


def _told(result: dict[str, Any], log: pathlib.Path | None) -> None:
    bad = [name for name in BAD if name in result["counts"]]
    if bad:
        print(f"{result['case']}: {'; '.join(result['wrong'])}", file=sys.stderr, flush=True)
    if log:
        with log.open("a") as file:
            print(json.dumps(result), file=file)


def one_case(name: str) -> int:
    """A case again, in this process, with its numbers."""
    from . import differential

    differential.prepare_optimised()
    try:
        case = build(name)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    for what, numbers in (("traced", case.x), ("constant", case.rest)):
        for key, value in numbers.items():
            print(f"{what}: {key} = {value.tolist()}")
    found = differential.verdict(name)
    print(f"{found.counts}, {found.seconds:.3g} s")
    print(*found.wrong, sep="\n")
    return 1 if any(name in found.counts for name in BAD) else 0


def counts(results: list[dict[str, Any]]) -> dict[str, int]:
    found: dict[str, int] = dict.fromkeys(COLUMNS, 0)
    for result in results:
        for name, number in result["counts"].items():
            found["refused" if name.startswith("refused") else name] += number
    return found


def rows(results: list[dict[str, Any]], of: Any) -> list[list[str]]:
    """A line for each of what `of` makes of a name; a case may have several."""
    groups: dict[str, list[dict[str, Any]]] = collections.defaultdict(list)
    for result in results:
        for key in of(result["case"].split("/")):
            groups[key].append(result)
    lines = []
    for key, mine in groups.items():
        found = counts(mine)
        lines.append([key, str(len(mine)), *(str(found[column]) for column in COLUMNS)])
    return lines


def ways(parts: list[str]) -> list[str]:
    """The transformations of a case, by its split name."""
    return sorted({step.split(":")[0] for step in parts[3].split(".")})


def report(results: list[dict[str, Any]], options: argparse.Namespace) -> str:
    total = counts(results)
    everything = ["all", str(len(results)), *(str(total[column]) for column in COLUMNS)]
    command = f'make transformations ARGS="--seconds {options.seconds:g} --seed {options.seed}'
    command += f' --only {options.only}"' if options.only else '"'
    lines = [document.provenance(command), ""]
    for what, of in (("kind", lambda parts: parts[:1]), ("verb", lambda parts: parts[2:3]), ("transformation", ways)):
        lines += [f"By {what}{' (a case has several)' * (of is ways)}:", ""]
        last = [everything] if what == "kind" else []
        lines += [*document.table([[what, "cases", *COLUMNS], *sorted(rows(results, of)), *last]), ""]
    reasons: collections.Counter[str] = collections.Counter()
    for result in results:
        for name, number in result["counts"].items():
            if name.startswith("refused: "):
                reasons[re.sub(r"[-+]?\d[\d.e+-]*", "#", name.removeprefix("refused: "))] += number
    if reasons:
        lines += ["Reasons of refusals:", ""]
        lines += document.table([["cases", "reason"], *([str(n), reason] for reason, n in reasons.most_common())])
        lines.append("")
    wrong = [result for result in results if any(name in result["counts"] for name in BAD)]
    lines.append(f"Cases with anything wrong: {len(wrong)}.")
    if wrong:
        lines += ["", *(f"- `{result['case']}`: {'; '.join(result['wrong'])}" for result in wrong[:40])]
        lines += [f"- and {len(wrong) - 40} more"] * (len(wrong) > 40)
    return "\n".join(lines)
