"""The places of a module that can be made wrong, and the module with one of them made so."""

from __future__ import annotations

import ast
import collections
import copy
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

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


SPEED_ONLY = "# speed only"


def places(file: str, text: str) -> list[Place]:
    """All places of a module, but for those whose change is not to be noticed.

    Left out: annotations, docstrings, messages of errors, what is there for types only, lines that say that they are
    there for speed only, and what is put where it is not used: the last value of a `where` within a `where` of the same
    condition.
    """
    tree, found, lines = ast.parse(text), [], text.splitlines()
    left_out = {id(node) for node in _left_out(tree)}
    for number, node in enumerate(ast.walk(tree)):
        if id(node) in left_out or SPEED_ONLY in lines[getattr(node, "lineno", 1) - 1]:
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
        if where := _where(node):
            inner = (_where(part) for part in ast.walk(node) if part is not node)
            same = (each for each in inner if each and ast.unparse(each[0]) == ast.unparse(where[0]))
            yield from (part for each in same for part in ast.walk(each[2]))


def _where(node: ast.AST) -> list[ast.expr]:
    """The arguments of `where(condition, value, value)`."""
    if isinstance(node, ast.Call) and len(node.args) == 3 and getattr(node.func, "attr", "") == "where":
        return node.args
    return []


def _sizes(tree: ast.Module) -> set[int]:
    """The whole numbers over one in what is assigned to names in capitals."""
    return {
        id(part)
        for statement in tree.body
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]).isupper()
        for part in ast.walk(statement.value)
        if isinstance(part, ast.Constant) and type(part.value) is int and part.value > 1
    }


def changed(text: str, place: Place) -> str:
    """The module with one place changed."""
    tree = copy.deepcopy(ast.parse(text))
    node = next(node for number, node in enumerate(ast.walk(tree)) if number == place.number)
    if isinstance(node, ast.BinOp):
        node.op = OPERATORS[type(node.op)]()
    elif isinstance(node, ast.Compare):
        node.ops[0] = COMPARISONS[type(node.ops[0])]()
    elif isinstance(node, ast.Constant):
        value: Any = node.value
        if id(node) in _sizes(tree):  # of panels, of steps: one more would do as well
            node.value = 1
        else:
            node.value = (
                not value if isinstance(value, bool) else value + 1 if isinstance(value, int) else value * 2 + 1
            )
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


def drawn(root: Path, rooms: list[str], count: int, seed: int) -> list[Place]:
    """Places at random, each line at most once."""
    every: dict[tuple[str, int], list[Place]] = collections.defaultdict(list)
    for room in rooms:
        for path in sorted((root / "resource_ode" / room).rglob("*.py")):
            file = str(path.relative_to(root))
            for place in places(file, path.read_text()):
                every[file, place.line].append(place)
    rng = random.Random(seed)
    lines = rng.sample(sorted(every), min(count, len(every)))
    return [rng.choice(every[line]) for line in lines]


def function_around(text: str, line: int) -> tuple[int, int] | None:
    """First and last line of the innermost function that a line is in the body of; None for a line run at import."""
    found = None
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            first, last = node.body[0].lineno, node.end_lineno or node.lineno
            if first <= line <= last and (found is None or first >= found[0]):
                found = first, last
    return found
