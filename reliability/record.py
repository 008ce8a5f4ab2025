"""Which tests run which lines of the package, and how long each test takes.

Written down once, by one run of the tests that measures their coverage; a test file that has changed since is run
again alone. That run is also the proof that the tests pass on the package as it is.
"""

from __future__ import annotations

import ast
import collections
import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from .places import Place, function_around

# What is measured, and made wrong.
ROOMS = ("model", "solve", "analytic")
# The tests that run it: all of these parts, and the examples of docstrings.
TESTS = ("model", "solve", "analytic", "native", "base", "graphs", "observables", "results", "config")
EXAMPLES = "docs/test_examples.py"


def package_hash(root: Path) -> str:
    """A short name of the package's present text."""
    return _hash(sorted((root / "resource_ode").rglob("*.py")))


def tests_hash(root: Path) -> str:
    """A short name of the tests' present text."""
    return _hash(_test_files(root))


def _hash(paths: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _test_files(root: Path) -> list[Path]:
    found = [path for part in TESTS for path in sorted((root / "tests" / part).rglob("test_*.py"))]
    return [*found, root / "tests" / EXAMPLES]


class Record:
    """For each test file, its tests' seconds and the lines that each runs."""

    def __init__(self, root: Path, store: Path) -> None:
        """The record of the tests under `root`, kept in the file `store`; files that are new or changed are run.

        Raises:
            RuntimeError: Tests fail on the package as it is.
        """
        self.root = root
        package, known = package_hash(root), {}
        if store.exists() and (found := json.loads(store.read_text()))["package"] == package:
            known = found["files"]
        now = {str(path.relative_to(root)): _hash([path]) for path in _test_files(root)}
        stale = [file for file, text in now.items() if known.get(file, {}).get("text") != text]
        self.files = {file: entry for file, entry in known.items() if file in now and file not in stale}
        store.parent.mkdir(parents=True, exist_ok=True)
        # a part at a time, so that a run that is stopped goes on where it was
        for part in dict.fromkeys(Path(file).parts[1] for file in stale):
            files = [file for file in stale if Path(file).parts[1] == part]
            print(f"{len(files)} files of tests/{part} run on the package as it is", flush=True)
            with tempfile.TemporaryDirectory() as folder:
                self._run(files, Path(folder))
                found = read(root, Path(folder) / "coverage", Path(folder) / "junit.xml")
            for file in files:
                self.files[file] = {"text": now[file], **found.get(file, {"tests": [], "lines": {}})}
            store.write_text(json.dumps({"package": package, "files": self.files}))
        self.seconds = {test: cost for entry in self.files.values() for test, cost in entry["tests"]}

    def _run(self, files: list[str], folder: Path) -> None:
        measured = "".join(f"\n    resource_ode.{room}" for room in ROOMS)
        (folder / "coveragerc").write_text(f"[run]\ndata_file = {folder / 'coverage'}\nsource_pkgs ={measured}\n")
        command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadfile", "-p", "no:cacheprovider"]
        command += ["-m", "not slow", "-p", "reliability.each_anew", "--cov", "--cov-context=test", "--cov-report="]
        command += [f"--cov-config={folder / 'coveragerc'}", f"--junitxml={folder / 'junit.xml'}", *files]
        done = subprocess.run(command, cwd=self.root, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"the tests fail on the package as it is:\n{done.stdout[-4000:]}")

    def of_lines(self, file: str, first: int, last: int) -> set[str]:
        """The tests that run any of the lines from `first` to `last` of a file."""
        found: set[str] = set()
        for entry in self.files.values():
            for line, numbers in entry["lines"].get(file, {}).items():
                if first <= int(line) <= last:
                    found.update(entry["tests"][number][0] for number in numbers)
        return found

    def selection(self, place: Place, budget: float) -> list[str]:
        """The tests that are to notice a change of a place, in the order to run them, within a number of seconds.

        First those that run its line, then those that run its function: what was compiled is not run again as Python,
        so that a test may use a line and not run it. A line that is run at import has the tests of its file. What tests
        do in a process of their own is not recorded: of a line that nobody is seen to run they come first.
        """
        around = function_around((self.root / place.file).read_text(), place.line)
        nearest = self.of_lines(place.file, place.line, place.line)
        unseen = set() if nearest else self.in_processes()
        wider = self.of_lines(place.file, *(around or (1, 10**6))) - nearest - unseen
        chosen, spent = [], 0.0
        for test in [*self._one_of_each(nearest or unseen), *self._one_of_each(wider)]:
            cost = self.seconds.get(test, 0.0)
            if spent + cost <= budget:
                chosen.append(test)
                spent += cost
        return chosen

    def in_processes(self) -> set[str]:
        """The tests that begin a process of their own."""
        found: set[str] = set()
        for file, entry in self.files.items():
            text = (self.root / file).read_text()
            begin = {
                part.name
                for part in ast.walk(ast.parse(text))
                if isinstance(part, ast.FunctionDef) and "subprocess" in (ast.get_source_segment(text, part) or "")
            }
            names = (test for test, _ in entry["tests"])
            found.update(name for name in names if name.partition("::")[2].partition("[")[0] in begin)
        return found

    def _one_of_each(self, tests: Iterable[str]) -> Iterator[str]:
        """The quickest case of each test, then the second of each, and so on: unlike tests notice unlike faults."""
        cases = collections.defaultdict(list)
        for test in sorted(tests, key=lambda test: (self.seconds.get(test, 0.0), test)):
            cases[test.partition("[")[0]].append(test)
        for number in range(max(map(len, cases.values()), default=0)):
            yield from (found[number] for found in cases.values() if number < len(found))


def read(root: Path, data_file: Path, junit: Path) -> dict[str, dict[str, Any]]:
    """What a measured run of the tests says of each test file.

    Returns:
        For each test file its `tests`, each with its seconds, and its `lines`: for each file of the package and line of
        it, the numbers of the tests that run it.
    """
    import coverage

    found: dict[str, dict[str, Any]] = collections.defaultdict(lambda: {"tests": [], "lines": {}})
    numbers: dict[str, int] = {}
    for case in ElementTree.parse(junit).iter("testcase"):
        file = case.get("classname", "").replace(".", "/") + ".py"
        test = f"{file}::{case.get('name')}"
        numbers[test] = len(found[file]["tests"])
        found[file]["tests"].append([test, float(case.get("time", 0))])
    data = coverage.CoverageData(basename=str(data_file))
    data.read()
    keeping = {file for file in found if "functools.cache" in (root / file).read_text()}
    for measured in sorted(data.measured_files()):
        file = str(Path(measured).relative_to(root))
        for line, contexts in data.contexts_by_lineno(measured).items():
            for test in sorted(_users(contexts, found, keeping) & numbers.keys()):
                lines = found[test.partition("::")[0]]["lines"].setdefault(file, {})
                lines.setdefault(str(line), []).append(numbers[test])
    return dict(found)


def _users(contexts: Iterable[str], found: dict[str, dict[str, Any]], keeping: set[str]) -> set[str]:
    """The tests of some contexts.

    What is set up for one test, or kept by a function of its file (`keeping`), may serve all tests of that file.
    """
    users: set[str] = set()
    for context in contexts:
        test, _, phase = context.rpartition("|")
        file = test.partition("::")[0]
        shared = file in found and (phase == "setup" or file in keeping)
        users.update([name for name, _ in found[file]["tests"]] if shared else [test])
    return users
