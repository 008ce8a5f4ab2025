"""Do the tests notice when a line of the core is wrong? `python -m reliability mutants --count 40`.

A mutant is the package with one place changed: an operator, a comparison, a constant, a condition, or a statement left
out. Places are drawn at random (`--seed`) from `model`, `solve` and `analytic`. The tests of the room that the place is
in run on a copy until the first failure; a mutant that passes them all has survived, and is printed with its place. One
that runs into the time limit is caught, as a test that hangs would be.
"""

from __future__ import annotations

import argparse
import ast
import collections
import copy
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("model", "solve", "analytic")
OPERATORS: dict[type, type] = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult}
OPERATORS |= {ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.FloorDiv: ast.Mult}
COMPARISONS: dict[type, type] = {ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE, ast.LtE: ast.Gt}
COMPARISONS |= {ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn}
COMPARISONS |= {ast.NotIn: ast.In}


class Place(NamedTuple):
    """A node of a module that can be changed: its number in `ast.walk`, and how."""

    file: str
    line: int
    kind: str
    number: int


def places(file: str, text: str) -> list[Place]:
    """All places of a module, but for annotations, docstrings, messages of errors, and what is there for types only."""
    tree, found = ast.parse(text), []
    left_out = {id(node) for node in _left_out(tree)}
    for number, node in enumerate(ast.walk(tree)):
        if id(node) in left_out:
            continue
        kind = ""
        if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
            kind = "operator"
        elif isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARISONS:
            kind = "comparison"
        elif isinstance(node, ast.Constant) and isinstance(node.value, (bool, int, float)):
            kind = "constant"
        elif isinstance(node, (ast.If, ast.IfExp)):
            kind = "condition"
        elif isinstance(node, ast.BoolOp):
            kind = "and, or"
        elif isinstance(node, (ast.Raise, ast.AugAssign)) or (
            isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
        ):
            kind = "statement"
        if kind:
            found.append(Place(file, node.lineno, kind, number))
    return found


def _left_out(tree: ast.Module) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        for part in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            if part is not None:
                yield from ast.walk(part)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from ast.walk(node)
        if isinstance(node, (ast.Raise, ast.Assert)):
            # the condition of an assertion is for the type checker; a sentence is held by the tests of its words
            yield from (part for part in ast.walk(node) if part is not node)
        if isinstance(node, ast.Assert):
            yield node


def changed(text: str, place: Place) -> str:
    """The module with one place changed."""
    tree = copy.deepcopy(ast.parse(text))
    node = next(node for number, node in enumerate(ast.walk(tree)) if number == place.number)
    if isinstance(node, ast.BinOp):
        node.op = OPERATORS[type(node.op)]()
    elif isinstance(node, ast.Compare):
        node.ops[0] = COMPARISONS[type(node.ops[0])]()
    elif isinstance(node, ast.Constant):
        value = node.value
        node.value = not value if isinstance(value, bool) else value + 1 if isinstance(value, int) else value * 2 + 1
    elif isinstance(node, (ast.If, ast.IfExp)):
        node.test = ast.UnaryOp(ast.Not(), node.test)
    elif isinstance(node, ast.BoolOp):
        node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    else:
        return _without(tree, node)
    return ast.unparse(ast.fix_missing_locations(tree))


def _without(tree: ast.Module, statement: ast.AST) -> str:
    class Remove(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> ast.AST:
            return ast.copy_location(ast.Pass(), node) if node is statement else self.generic_visit(node)

    return ast.unparse(ast.fix_missing_locations(Remove().visit(tree)))


def drawn(count: int, seed: int, rooms: tuple[str, ...] = ROOMS) -> list[Place]:
    """Places at random, each line at most once."""
    every: dict[tuple[str, int], list[Place]] = collections.defaultdict(list)
    for room in rooms:
        for path in sorted((ROOT / "resource_ode" / room).rglob("*.py")):
            file = str(path.relative_to(ROOT))
            for place in places(file, path.read_text()):
                every[file, place.line].append(place)
    rng = random.Random(seed)
    lines = rng.sample(sorted(every), min(count, len(every)))
    return [rng.choice(every[line]) for line in lines]


def tests_of(file: str) -> list[str]:
    """The tests that a change of a file is to be noticed by: those of its room, the quicker files first."""
    room = Path(file).parts[1]
    paths = [*(ROOT / "tests" / room).rglob("test_*.py")]
    if "gpu" not in file:
        paths = [path for path in paths if "gpu" not in path.name]
    return [str(path.relative_to(ROOT)) for path in sorted(paths, key=lambda path: path.stat().st_size)]


def caught(place: Place, limit: float) -> bool:
    """Whether the tests fail on a copy of the package with the place changed."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("resource_ode", "tests", "pyproject.toml"):
            source, target = ROOT / name, Path(folder) / name
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, target, ignore=ignored) if source.is_dir() else shutil.copy(source, target)
        path = Path(folder) / place.file
        path.write_text(changed(path.read_text(), place))
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
        command += ["-m", "not slow", *tests_of(place.file)]
        # programs of a mutant are its own: none may come from, or go to, the cache of others
        environment = {k: v for k, v in os.environ.items() if not k.startswith("JAX_COMPILATION_CACHE")}
        environment |= {"PYTHONPATH": folder, "PYTHONDONTWRITEBYTECODE": "1"}
        try:
            done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=limit)
        except subprocess.TimeoutExpired:
            return True
        if done.returncode not in (0, 1, 2, 4):  # 2 and 4: it did not even import
            raise RuntimeError(f"pytest ended with {done.returncode}: {done.stdout.decode()[-2000:]}")
        return done.returncode != 0


def main(given: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m reliability mutants", description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=float, default=900, help="seconds for the tests of one mutant")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no mutant after so long")
    parser.add_argument("--rooms", nargs="+", default=list(ROOMS), choices=ROOMS)
    options = parser.parse_args(given)
    begin, totals, killed = time.monotonic(), collections.Counter(), collections.Counter()
    for place in drawn(options.count, options.seed, tuple(options.rooms)):
        if time.monotonic() - begin > options.seconds:
            break
        dead = caught(place, options.limit)
        totals[place.kind] += 1
        killed[place.kind] += dead
        if not dead:
            line = (ROOT / place.file).read_text().splitlines()[place.line - 1].strip()
            print(f"survived: {place.file}:{place.line} ({place.kind}): {line}", flush=True)
    print("| kind | mutants | caught |\n|---|---|---|")
    for kind, count in totals.items():
        print(f"| {kind} | {count} | {killed[kind]} |")
    print(f"| all | {totals.total()} | {killed.total()} |")
    return 0 if killed.total() >= 0.9 * totals.total() else 1
