"""What `torture` and `transformations` share: cases until the time is over, each in a process of its own; their page.

A result is a dict: `case`, its name, whose parts are separated by slashes; `counts` by outcome, of which those that
begin with `refused: ` go on with the reason; `seconds`; and `wrong`, sentences.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import json
import pathlib
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from . import document
from .workers import Answer, Worker

Result = dict[str, Any]
REFUSED = "refused: "
# cases with something wrong that a page lists
LISTED = 40


@dataclasses.dataclass(frozen=True)
class Campaign:
    """One of them.

    `name`: its command and its place on the page; `unit`: what a case is called, and `counted`, what its counts are of;
    `columns`: outcomes, of which there must be none of those that are `bad`; `worker`: a new process.
    """

    name: str
    unit: str
    counted: str
    columns: tuple[str, ...]
    bad: tuple[str, ...]
    worker: Callable[[], Worker]

    def options(self, given: Sequence[str], description: str, seed: str) -> argparse.Namespace:
        """The command line; `seed` says what another seed gives. `one` is the name of a case to look at alone."""
        parser = argparse.ArgumentParser(f"python -m reliability {self.name}", description=description)
        parser.add_argument("--seconds", type=float, default=600.0, help="how long to go on (default 600)")
        parser.add_argument("--seed", type=int, default=0, help=f"other {seed} (default 0)")
        parser.add_argument("--only", default="", help=f"{self.unit}s whose name holds one of these words, by commas")
        parser.add_argument(
            f"--{self.unit}", dest="one", help=f"one {self.unit} by its name, with everything that is known of it"
        )
        parser.add_argument("--workers", type=int, default=2, help="processes (default 2)")
        parser.add_argument("--write", action="store_true", help=f"put the table into {document.PATH}")
        parser.add_argument("--log", type=pathlib.Path, help=f"a file that gets a line for each {self.unit}")
        return parser.parse_args(given)

    def go(
        self,
        names: Iterator[str] | None,
        options: argparse.Namespace,
        outcome: Callable[[str, Answer], Result],
        report: Callable[[list[Result], argparse.Namespace], str],
    ) -> int:
        """Cases by their names, until the time is over, and the page; the exit status. No names: no case has the words
        that were asked for.
        """
        if names is None:
            words = f"expected words of the name of a {self.unit}, found none"
            print(f"--only {options.only}: {words}", file=sys.stderr)
            return 2
        results = self.run(names, options, outcome)
        text = report(results, options)
        print(text)
        if options.write:
            document.put(self.name, text)
        return 1 if any(map(self.is_bad, results)) else 0

    def run(
        self, names: Iterator[str], options: argparse.Namespace, outcome: Callable[[str, Answer], Result]
    ) -> list[Result]:
        """What came of cases until the time is over."""
        results: list[Result] = []
        workers = [self.worker() for _ in range(options.workers)]
        end = time.perf_counter() + options.seconds
        busy: dict[int, str] = {}
        try:
            while busy or time.perf_counter() < end:
                for number, worker in enumerate(workers):
                    if number not in busy and time.perf_counter() < end:
                        busy[number] = next(names)
                        worker.send(busy[number])
                    answer = worker.answer(0.05) if number in busy else None
                    if answer is not None:
                        results.append(outcome(busy.pop(number), answer))
                        self._told(results[-1], options.log)
        finally:
            for worker in workers:
                worker.stop()
        return results

    def ended(self, name: str, answer: Answer, count: int = 1) -> Result:
        """The result of a process that came to no end of its own."""
        kind = "TIMEOUT" if answer.kind in ("timeout", "memory") else "crash"
        wrong = [str(answer.value).strip().splitlines()[-1]]
        return {"case": name, "counts": {kind: count}, "seconds": answer.seconds, "wrong": wrong}

    def is_bad(self, result: Result) -> bool:
        return any(result["counts"].get(name) for name in self.bad)

    def _told(self, result: Result, log: pathlib.Path | None) -> None:
        if self.is_bad(result):
            bad = {name: result["counts"][name] for name in self.bad if name in result["counts"]}
            print(f"{result['case']}: {bad}; {'; '.join(result['wrong'][:2])}", file=sys.stderr, flush=True)
        if log:
            with log.open("a") as file:
                print(json.dumps(result), file=file)

    def counts(self, results: Iterable[Result]) -> list[str]:
        """How many of each outcome, in the order of the columns."""
        found = dict.fromkeys(self.columns, 0)
        for result in results:
            for name, number in result["counts"].items():
                found["refused" if name.startswith("refused") else name] += number
        return [str(found[column]) for column in self.columns]

    def rows(
        self, results: list[Result], keys: Callable[[list[str]], Iterable[str]], more: Callable[..., list[str]] | None
    ) -> list[list[str]]:
        """A line for each of what `keys` makes of the parts of a name; a case may have several. `more` adds columns."""
        groups: dict[str, list[Result]] = collections.defaultdict(list)
        for result in results:
            for key in keys(result["case"].split("/")):
                groups[key].append(result)
        return [[key, *self.row(mine, more)] for key, mine in groups.items()]

    def row(self, results: list[Result], more: Callable[..., list[str]] | None) -> list[str]:
        return [str(len(results)), *self.counts(results), *(more(results) if more else [])]

    def provenance(self, options: argparse.Namespace) -> str:
        only = f" --only {options.only}" if options.only else ""
        command = f'make {self.name} ARGS="--seconds {options.seconds:g} --seed {options.seed}{only}"'
        return document.provenance(command)

    def reasons(self, results: list[Result]) -> list[str]:
        """A table of why what was refused, if anything was."""
        reasons: collections.Counter[str] = collections.Counter()
        for result in results:
            for name, number in result["counts"].items():
                if name.startswith(REFUSED):
                    reasons[name.removeprefix(REFUSED)] += number
        if not reasons:
            return []
        lines = [[self.counted, "reason"], *([str(number), reason] for reason, number in reasons.most_common())]
        return ["", "Reasons of refusals:", "", *document.table(lines)]

    def wrong(self, results: list[Result]) -> list[str]:
        """A list of the cases with anything wrong."""
        wrong = [result for result in results if self.is_bad(result) or result["wrong"]]
        lines = ["", f"{self.unit.capitalize()}s with anything wrong: {len(wrong)}."]
        if wrong:
            lines += ["", *(f"- `{result['case']}`: {'; '.join(result['wrong'][:2])}" for result in wrong[:LISTED])]
            lines += [f"- and {len(wrong) - LISTED} more"] * (len(wrong) > LISTED)
        return lines
