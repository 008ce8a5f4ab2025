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
import itertools
import re
import sys
from collections.abc import Iterator, Sequence

from . import document
from .campaign import Campaign, Result
from .transformed import MY_KINDS, build, name_of
from .workers import Answer, Worker

SECONDS, MEGABYTES = 240.0, 6000.0


def worker(prepare: str = "prepare") -> Worker:
    module = "reliability.differential"
    return Worker(f"{module}:verdict", prepare=f"{module}:{prepare}", seconds=SECONDS, megabytes=MEGABYTES)


TRANSFORMATIONS = Campaign(
    name="transformations",
    unit="case",
    counted="cases",
    columns=("right", "refused", "no judgement", "WRONG", "NaN", "TIMEOUT", "crash"),
    bad=("WRONG", "NaN", "TIMEOUT", "crash"),
    worker=worker,
)


def main(given: Sequence[str]) -> int:
    options = TRANSFORMATIONS.options(given, "Nests of transformations.", "cases")
    if options.one:
        return one_case(options.one)
    words = [word.strip() for word in options.only.split(",") if word.strip()]
    some = next(cases(words, options.seed), None) is not None
    return TRANSFORMATIONS.go(cases(words, options.seed) if some else None, options, outcome, report)


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


def outcome(name: str, answer: Answer) -> Result:
    """What is kept of one case; what is wrong is tried again, as users would see it."""
    result = _of(name, answer)
    if not any(kind in result["counts"] for kind in ("WRONG", "NaN")):
        return result
    optimised = worker("prepare_optimised")
    try:
        found = _of(name, optimised.call(name))
    finally:
        optimised.stop()
    if TRANSFORMATIONS.is_bad(found):
        return found
    return found | {"wrong": [*found["wrong"], *(f"only without optimisation: {text}" for text in result["wrong"])]}


def _of(name: str, answer: Answer) -> Result:
    if answer.kind != "done":
        return TRANSFORMATIONS.ended(name, answer)
    found = answer.value
    # numbers in a sentence do not make another reason
    counts: dict[str, int] = {}
    for kind, number in found.counts.items():
        key = re.sub(r"[-+]?\d[\d.e+-]*", "#", kind)
        counts[key] = counts.get(key, 0) + number
    result = {"case": name, "counts": counts, "seconds": answer.seconds, "wrong": found.wrong}
    # why there is no judgement is told where a case is looked at alone
    return result if TRANSFORMATIONS.is_bad(result) else result | {"wrong": []}


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
    return 1 if any(name in found.counts for name in TRANSFORMATIONS.bad) else 0


def ways(parts: list[str]) -> list[str]:
    """The transformations of a case, by its split name."""
    return sorted({step.split(":")[0] for step in parts[3].split(".")})


def report(results: list[Result], options: argparse.Namespace) -> str:
    own, lines = TRANSFORMATIONS, [TRANSFORMATIONS.provenance(options)]
    for what, keys in (("kind", lambda parts: parts[:1]), ("verb", lambda parts: parts[2:3]), ("transformation", ways)):
        last = [["all", *own.row(results, None)]] if what == "kind" else []
        table = [[what, "cases", *own.columns], *sorted(own.rows(results, keys, None)), *last]
        lines += ["", f"By {what}{' (a case has several)' * (keys is ways)}:", "", *document.table(table)]
    return "\n".join([*lines, *own.reasons(results), *own.wrong(results)])
