"""Do the tests notice when a line of the core is wrong? `python -m reliability mutants --count 40`.

A mutant is the package with one place changed: an operator, a comparison, a constant, a condition, or a statement left
out. Places are drawn at random (`--seed`) from `model`, `solve` and `analytic`; `places.py` says which are not drawn,
as no test is to notice their change: annotations, docstrings, the words of errors, what is there for the type checker,
lines that say `# speed only`, and values that are put where they are not used. Everything else that no test notices
counts as survived, also where nobody could notice it.

On each mutant, a process of its own runs the tests that run the changed line, then those that run its function, until
the first failure or for `--budget` seconds of the processor. What came of it:

- caught: a test failed that passes on the package as it is, which is tried again for each such test at the end;
- survived: every test passed; the mutant is printed with its place;
- timeout: the tests took three times as long as they did on the package as it is, tried at once after it, as when a
  loop does not end: counted apart, and as caught;
- undecided: too slow, and no faster on the package as it is, or noticed by a test that fails there too: not counted
  as caught.

Everything is written into `--out` at once, so that a run that is stopped goes on where it was. After a change of the
tests, only the mutants that survived are tried again; after a change of the package, all of them.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

from .places import Place, changed, drawn
from .record import ROOMS, Record, package_hash, tests_hash

ROOT = Path(__file__).resolve().parent.parent
# Folders of a checkout that no test of the core reads.
LEFT_BEHIND = (".git", ".venv", "__pycache__", "out", "site", "build", "notebooks", "*.egg-info", ".*_cache")
CAUGHT = ("caught", "timeout")


class Found(NamedTuple):
    """What came of a run of tests: "passed", "failed" or "timeout", and the test that failed."""

    verdict: str
    test: str
    seconds: float


def tried(copy: Path, tests: list[str], limit: float, budget: float = float("inf")) -> Found:
    """Run tests on a copy of the project in a process of their own, until the first failure.

    None begins after `budget` seconds of the processor, which are the same on a busy machine; `limit` ends the process.
    """
    with tempfile.TemporaryDirectory() as folder:
        said = Path(folder) / "said"
        process = get_context("fork").Process(target=_run_tests, args=(copy, tests, said, budget))
        begin = time.monotonic()
        process.start()
        process.join(limit)
        seconds = time.monotonic() - begin
        if process.is_alive():
            # the tests' own processes too
            os.killpg(process.pid or 0, signal.SIGKILL)
            process.join()
            return Found("timeout", "", seconds)
        if (process.exitcode or 0) < 0:  # by a signal, as a memory fault
            return Found("failed", "", seconds)
        code, _, test = said.read_text().partition("\n") if said.exists() else ("none", "", "")
        if code not in ("0", "1", "2", "4"):  # 2 and 4: a test file could not be imported
            printed = (Path(folder) / "printed").read_text(errors="replace")
            raise RuntimeError(f"exit code {process.exitcode}, that of pytest {code}: {printed[-4000:]}")
        return Found("passed" if code == "0" else "failed", test, seconds)


def _run_tests(copy: Path, tests: list[str], said: Path, budget: float) -> None:
    """In the process that was forked: pytest on the copy; its exit code and the failed test are written into `said`."""
    import pytest

    class InOrder:
        failed, end = "", float("inf")

        @pytest.hookimpl(trylast=True)
        def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
            known = {item.nodeid: item for item in items}
            items[:] = [known[test] for test in tests if test in known]
            self.end = time.process_time() + budget

        @pytest.hookimpl(tryfirst=True)
        def pytest_runtest_protocol(self) -> bool | None:
            return True if time.process_time() > self.end else None

        def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
            if report.failed:
                self.failed = report.nodeid

    os.setsid()
    os.chdir(copy)
    sys.path[:] = [str(copy), *(folder for folder in sys.path if Path(folder).resolve() != ROOT)]
    os.environ["PYTHONPATH"] = str(copy)
    with open(said.parent / "printed", "w") as printed:
        os.dup2(printed.fileno(), 1)
        os.dup2(printed.fileno(), 2)
    order, files = InOrder(), list(dict.fromkeys(test.partition("::")[0] for test in tests))
    options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:cov", "-m", "not slow"]
    # plugins among the libraries that were imported before the fork
    options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
    code = int(pytest.main([*options, *files], plugins=[order]))
    said.write_text(f"{code}\n{order.failed}")


class Workplace:
    """A copy of the project in which one file at a time is made wrong."""

    def __init__(self, folder: Path) -> None:
        self.copy = folder / "copy"
        shutil.copytree(ROOT, self.copy, ignore=shutil.ignore_patterns(*LEFT_BEHIND))

    def judged(self, place: Place, tests: list[str], budget: float) -> dict[str, Any]:
        """The verdict on one mutant, after about `budget` seconds of the processor at the most."""
        if not tests:
            return {"verdict": "survived", "why": "no test runs it", "seconds": 0.0}
        path, limit = self.copy / place.file, 120 + 10 * budget
        text = path.read_text()
        try:
            self._write(path, changed(text, place))
            found = tried(self.copy, tests, limit, budget)
        finally:
            self._write(path, text)
        verdict = {"passed": "survived", "failed": "caught", "timeout": "timeout"}[found.verdict]
        if verdict == "timeout":
            at_once = tried(self.copy, tests, limit, budget)
            if at_once.verdict != "passed" or 3 * at_once.seconds > found.seconds:
                verdict = "undecided"
        elif verdict == "caught" and not found.test:
            # nothing was tested: the change may have broken an import, or else the machine failed us
            if tried(self.copy, tests[:1], limit).verdict != "passed":
                verdict = "undecided"
        return {"verdict": verdict, "why": found.test, "seconds": round(found.seconds, 1)}

    @staticmethod
    def _write(path: Path, text: str) -> None:
        path.write_text(text)
        # Python takes a compiled file for current that has the seconds and the size of its source
        for old in (path.parent / "__pycache__").glob(f"{path.stem}.*"):
            old.unlink()

    def false_alarms(self, tests: list[str]) -> set[str]:
        """Those of the tests that fail on the package as it is."""
        alarms: set[str] = set()
        while left := [test for test in tests if test not in alarms]:
            found = tried(self.copy, left, 3600)
            if found.verdict == "passed" or found.test not in left:
                break
            alarms.add(found.test)
        return alarms


def places_left(places: list[Place], journal: Path, package: str, tests: str) -> list[Place]:
    """The places that the journal says nothing of that still holds."""
    done = {tuple(entry["place"]) for entry in _entries(journal, package) if _holds(entry, tests)}
    return [place for place in places if tuple(place) not in done]


def _entries(journal: Path, package: str) -> list[dict[str, Any]]:
    """The last entry of each place, of the package as it is."""
    if not journal.exists():
        return []
    every = [json.loads(line) for line in journal.read_text().splitlines()]
    return list({tuple(entry["place"]): entry for entry in every if entry["package"] == package}.values())


def _holds(entry: dict[str, Any], tests: str) -> bool:
    return entry["verdict"] in CAUGHT or entry["tests"] == tests


def report(entries: list[dict[str, Any]], alarms: set[str]) -> int:
    for entry in entries:
        if entry["why"] in alarms:
            entry["verdict"] = "undecided"
        if entry["verdict"] not in CAUGHT:
            file, line, kind, _ = entry["place"]
            text = (ROOT / file).read_text().splitlines()[line - 1].strip()
            why = entry["why"] and f", {entry['why']}"
            print(f"{entry['verdict']}: {file}:{line} ({kind}{why}): {text}")
    counts = collections.Counter((entry["place"][2], entry["verdict"]) for entry in entries)
    verdicts = ("caught", "timeout", "survived", "undecided")
    print(f"\n| kind | mutants | {' | '.join(verdicts)} |\n|---|---|---|---|---|---|")
    for kind in [*sorted({kind for kind, _ in counts}), "all"]:
        row = [sum(n for (k, v), n in counts.items() if v == verdict and kind in (k, "all")) for verdict in verdicts]
        print(f"| {kind} | {sum(row)} | {' | '.join(map(str, row))} |")
    caught = sum(n for (_, verdict), n in counts.items() if verdict in CAUGHT)
    print(f"\n{caught} of {counts.total()} caught: {caught / max(counts.total(), 1):.1%}")
    return 0 if caught >= 0.9 * counts.total() else 1


def main(given: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m reliability mutants", description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--budget", type=float, default=40, help="seconds of the processor for one mutant, at the most")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no mutant after so long")
    parser.add_argument("--rooms", nargs="+", default=list(ROOMS), choices=ROOMS)
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "mutants")
    options = parser.parse_args(given)
    begin, out = time.monotonic(), options.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    # Most of a test is compilation, and most programs are the same in every mutant. One that differs has another key.
    os.environ |= {"JAX_COMPILATION_CACHE_DIR": str(out / "programs"), "MPLBACKEND": "Agg"}
    os.environ |= {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0", "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1"}
    record = Record(ROOT, out / "record.json")
    # What is imported here, before the fork, each mutant's process finds imported. The package is not: it differs.
    for library in ("jax", "diffrax", "scipy.integrate", "xarray", "hypothesis", "beartype.door", "mpmath"):
        __import__(library)
    journal, package, tests = out / "journal.jsonl", package_hash(ROOT), tests_hash(ROOT)
    places = drawn(ROOT, options.rooms, options.count, options.seed)
    with tempfile.TemporaryDirectory() as folder:
        workplace = Workplace(Path(folder))
        for place in places_left(places, journal, package, tests):
            if time.monotonic() - begin > options.seconds:
                break
            # alone, as recorded, a test takes longer than after others that compile the same
            chosen = record.selection(place, 3 * options.budget)
            entry = workplace.judged(place, chosen, options.budget)
            with journal.open("a") as lines:
                lines.write(json.dumps({"place": place, "package": package, "tests": tests, **entry}) + "\n")
        wanted = set(map(tuple, places))
        entries = [entry for entry in _entries(journal, package) if tuple(entry["place"]) in wanted]
        killers = sorted({entry["why"] for entry in entries if entry["verdict"] == "caught" and entry["why"]})
        alarms = workplace.false_alarms(killers) if killers else set()
    return report(entries, alarms)
