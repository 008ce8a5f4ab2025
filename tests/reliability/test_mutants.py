"""The mutants themselves: what is changed, which tests are chosen, and how verdicts are kept and counted."""

import ast
import json

import pytest

from reliability import mutants, places, record

TEXT = '''"""Numbers: 1 + 2."""


def half(x: "Float[Array, '2 + 3']") -> float:
    """The half, 4 - 2."""
    if x < 0 and x is not None:
        raise ValueError("no 3 * 3")
    total = 0.5
    total += x
    print(total)
    return x / 2


MOST = 4 ** 2
'''


def test_what_is_changed():
    found = {(place.line, place.kind) for place in places.places("half.py", TEXT)}
    assert found == {
        (6, "condition"), (6, "and, or"), (6, "comparison"), (6, "constant"), (7, "statement"), (8, "constant"),
        (9, "statement"), (10, "statement"), (11, "operator"), (11, "constant"), (14, "operator"), (14, "constant"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("line", "kind", "wanted"),
    [
        (6, "condition", "if not (x < 0 and x is not None):"),
        (6, "and, or", "if x < 0 or x is not None:"),
        (7, "statement", "pass"),
        (8, "constant", "total = 2.0"),
        (9, "statement", "pass"),
        (11, "operator", "return x * 2"),
        (11, "constant", "return x / 3"),
        (14, "operator", "MOST = 4 * 2"),
    ],
)
def test_how_it_is_changed(line, kind, wanted):
    place = next(place for place in places.places("half.py", TEXT) if (place.line, place.kind) == (line, kind))
    changed = places.changed(TEXT, place)
    assert wanted in changed and wanted not in ast.unparse(ast.parse(TEXT))
    compile(changed, "half.py", "exec")


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("x = jnp.where(a, f(jnp.where(a, b, 7)), c)", []),
        ("x = jnp.where(a, f(jnp.where(c, b, 7)), c)", ["constant"]),
        ("x = jnp.where(a, b, 7)", ["constant"]),
        ("x = f(3)  # speed only", []),
        ("def f(x: 'max 3' = 3) -> 4: ...", ["constant"]),
    ],
)
def test_what_no_test_is_to_notice(text, left):
    assert [place.kind for place in places.places("half.py", text)] == left


def test_a_size_becomes_one():
    """One more or less of many would do as well."""
    for text, wanted in {"MOST, FEW = 2**9, 3.5": "MOST, FEW = (2 ** 1, 3.5)", "SOME = 1": "SOME = 2"}.items():
        changes = [places.changed(text, place) for place in places.places("half.py", text) if place.kind == "constant"]
        assert wanted in changes


def test_lines_of_functions():
    assert places.function_around(TEXT, 9) == (5, 11)
    assert places.function_around(TEXT, 14) is None


def test_the_tests_of_a_place(tmp_path):
    (tmp_path / "half.py").write_text(TEXT)
    kept = record.Record.__new__(record.Record)
    kept.root = tmp_path
    tests = [["t.py::a[1]", 3.0], ["t.py::a[2]", 1.0], ["t.py::b", 2.0], ["t.py::c", 0.5], ["t.py::d", 100.0]]
    (tmp_path / "t.py").write_text("def c():\n    subprocess.run(half)\n\ndef d():\n    half(3)\n")
    kept.files = {"t.py": {"tests": tests, "lines": {"half.py": {"9": [0, 1, 2], "11": [2, 3, 4], "14": [4]}}}}
    kept.seconds = dict(map(tuple, tests))
    # those that run the line, one case of each test first, and then those that run the function
    assert kept.selection(places.Place("half.py", 9, "", 0), 10) == ["t.py::a[2]", "t.py::b", "t.py::a[1]", "t.py::c"]
    assert kept.selection(places.Place("half.py", 9, "", 0), 3.5) == ["t.py::a[2]", "t.py::b", "t.py::c"]
    assert kept.selection(places.Place("half.py", 14, "", 0), 1000)[0] == "t.py::d"
    # nobody is seen to run it: those whose processes may, and then those that run the function
    assert kept.selection(places.Place("half.py", 7, "", 0), 10) == ["t.py::c", "t.py::a[2]", "t.py::b", "t.py::a[1]"]


def test_whose_lines_they_are():
    found = {file: {"tests": [[f"{file}::a", 1.0], [f"{file}::b", 1.0]], "lines": {}} for file in ("t.py", "u.py")}
    users = record._users(["", "t.py::a|run", "u.py::a|teardown"], found, set())
    assert {"t.py::a", "u.py::a"} <= users and not {"t.py::b", "u.py::b"} & users
    # what is set up for one test, or kept by the functions of its file, may serve the others
    assert {"t.py::a", "t.py::b"} <= record._users(["t.py::a|setup"], found, set())
    assert {"t.py::a", "t.py::b"} <= record._users(["t.py::a|run"], found, {"t.py"})


def entry(line, verdict, package="p", tests="t", why=""):
    place = places.Place("reliability/mutants.py", line, "constant", line)
    return {"place": place, "package": package, "tests": tests, "verdict": verdict, "why": why}


def test_what_is_tried_again(tmp_path):
    journal = tmp_path / "journal.jsonl"
    every = [places.Place("reliability/mutants.py", line, "constant", line) for line in range(1, 6)]
    lines = [entry(1, "caught", tests="old"), entry(2, "survived", tests="old"), entry(3, "survived")]
    lines += [entry(4, "caught", package="old"), entry(5, "survived", tests="old"), entry(5, "timeout")]
    journal.write_text("".join(json.dumps(line) + "\n" for line in lines))
    left = mutants.places_left(every, journal, "p", "t")
    assert [place.line for place in left] == [2, 4]


def test_verdicts_are_counted(capsys):
    entries = [entry(1, "caught", why="a"), *(entry(line, "caught") for line in range(2, 10)), entry(10, "timeout")]
    assert mutants.report(entries, set()) == 0
    assert "10 of 10 caught" in capsys.readouterr().out
    # one was caught by a test that fails on the package as it is, and one was not noticed
    assert mutants.report([*entries, entry(11, "survived")], {"a"}) == 1
    said = capsys.readouterr().out
    assert "| all | 11 | 8 | 1 | 1 | 1 |" in said and "9 of 11 caught: 81.8%" in said
    assert "survived: reliability/mutants.py:11" in said and "undecided: reliability/mutants.py:1 " in said
