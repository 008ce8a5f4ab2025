"""The gallery: numbers and verdicts, the page, the command, and one cheap figure from end to end."""

import math
import types

import numpy as np
import pytest

from resource_ode import cli
from resource_ode.applications import paper
from resource_ode.applications.paper import Finding, Number, report
from resource_ode.applications.paper._training import learned
from resource_ode.applications.paper.mixture import WASTE, predict, reweighted_times


def finding(*numbers: Number, title: str = "A title") -> Finding:
    return Finding("series", title, "a < b & c", 'it is "so"', numbers, {}, "one seed")


# -- numbers


@pytest.mark.parametrize(
    ("number", "judged", "passed", "words"),
    [
        (Number("n", 3.0), False, True, ""),
        (Number("n", 3.0, low=2.0, high=4.0), True, True, "2 to 4"),
        (Number("n", 5.0, low=2.0, high=4.0), True, False, "2 to 4"),
        (Number("n", 2.0, low=2.0), True, True, "at least 2"),
        (Number("n", 2.1, high=2.0), True, False, "at most 2"),
        (Number("n", 503.0, low=503.0, high=503.0), True, True, "503"),
        (Number("n", math.nan, high=2.0), True, False, "at most 2"),
        (Number("n", math.inf, low=1.0, high=2.0), True, False, "1 to 2"),
        (Number("n", math.nan), False, True, ""),
    ],
)
def test_a_number_is_judged_by_its_bounds_alone(number, judged, passed, words):
    assert (number.judged, number.passed, number.bounds) == (judged, passed, words)


def test_a_finding_passes_if_all_judged_numbers_do():
    good, bad, free = Number("good", 1.0, high=2.0), Number("bad", 3.0, high=2.0), Number("free", math.nan)
    assert finding(good, free).passed
    assert not finding(good, bad).passed
    table = finding(good, bad).table()
    assert len(table.splitlines()) == 4
    assert "yes" in table and "no" in table
    assert "falls short" in finding(bad)._repr_markdown_() and repr(finding(bad)) == "Finding('series', falls short)"


def test_an_unknown_figure_is_refused():
    with pytest.raises(ValueError, match=r"figure: expected one of series, .*, got 'nonsense'"):
        paper.find("nonsense")


def test_learning_times_are_first_crossings():
    error = np.array([[[0.5, 0.5], [0.05, 0.4], [0.2, 0.3]]])
    assert learned(error, 0.05).tolist() == [[1, np.inf]]


def test_reweighting_in_closed_form():
    # one task with all of the weight and no waste falls at eta a step, whatever the power
    times = reweighted_times(np.array([1.0, 1e-9]), 0.01, 0.0, 0.5)
    assert times[0] == pytest.approx(50.0, rel=0.01)
    # two equal tasks share: each takes as long as both
    times = reweighted_times(np.array([0.5, 0.5]), 0.01, 0.0, 0.5)
    assert times == pytest.approx([100.0, 100.0], rel=0.01)


def test_the_model_predicts_that_modules_end_the_queue():
    from resource_ode.applications.paper._training import REGRESSION

    times = predict(REGRESSION)
    assert times["plain"][1] > 2 * times["plain"][0]
    assert times["modular"][0] == pytest.approx(times["modular"][1])
    assert times["reweighted"].max() < times["plain"].max()
    assert WASTE == 0.01


# -- the page


def test_the_page_escapes_what_it_shows():
    text = report.page([report.Outcome("series", 1.0, finding(Number("<n>", 1.0, unit="<u>"), title="<script>"))])
    for raw in ("<script>", "<n>", "<u>", "a < b & c", 'it is "so"'):
        assert raw not in text
    for escaped in ("&lt;script&gt;", "&lt;n&gt;", "1 &lt;u&gt;", "a &lt; b &amp; c", "it is &quot;so&quot;"):
        assert escaped in text
    assert "jax " in text


def test_the_page_names_what_is_missing_and_what_failed():
    outcomes = [
        report.Outcome("series", 1.0, finding(Number("n", 1.0))),
        report.Outcome("waste", 1.0, finding(Number("n", 1.0, low=2.0))),
        report.Outcome("scaling", 1.0, error="ValueError: <no>"),
    ]
    text = report.page(outcomes, ["series", "waste", "scaling", "modular"])
    assert "1 of 3 reproduced; not: waste (falls short), scaling (failed)" in text
    assert "Not computed yet: modular." in text
    assert "ValueError: &lt;no&gt;" in text


def test_a_figure_that_fails_does_not_take_the_others_with_it(monkeypatch, tmp_path):
    def find(name, *, small):
        if name == "waste":
            raise ValueError("it broke\nand more")
        return finding(Number("n", 1.0))

    monkeypatch.setattr(report, "find", find)
    monkeypatch.delenv("RESOURCE_ODE_DEBUG", raising=False)
    lines: list[str] = []
    told: list[tuple[int, int]] = []
    outcomes = report.reproduce(
        ["waste", "series"], out=tmp_path / "paper", echo=lines.append, progress=lambda *each: told.append(each)
    )
    assert told == [(0, 2), (1, 2), (2, 2)]
    assert [outcome.verdict for outcome in outcomes] == ["failed", "reproduced"]
    assert lines[0].endswith("ValueError: it broke")
    assert lines[-1] == "1 of 2 reproduced; not: waste (failed)"
    assert {path.name for path in (tmp_path / "paper").iterdir()} == {"index.html"}


def test_a_stopped_run_leaves_a_page_of_what_it_had(monkeypatch, tmp_path):
    calls: list[str] = []

    def find(name, *, small):
        calls.append(name)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return finding(Number("n", 1.0))

    monkeypatch.setattr(report, "find", find)
    with pytest.raises(KeyboardInterrupt):
        report.reproduce(["series", "waste"], out=tmp_path, echo=lambda line: None)
    text = (tmp_path / "index.html").read_text()
    assert "1 of 1 reproduced" in text
    assert "Not computed yet: waste." in text
    assert text.endswith("</html>\n")


# -- the command


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nonsense", "--out", "folder"], "figure: expected one of series, "),
        (["series", "--out", "no/folder"], "--out: expected a folder that exists, got "),
        (["series", "--out", "file"], "--out: expected a folder, got "),
    ],
)
def test_wrong_input_is_one_line_and_status_2(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    assert cli.main(["reproduce", *arguments]) == 2
    error = capsys.readouterr().err.strip()
    assert message in error
    assert "\n" not in error
    assert {path.name for path in tmp_path.iterdir()} == {"file"}


def test_a_figure_that_cannot_be_computed_is_status_1(monkeypatch, tmp_path, capsys):
    def broken(name):
        return types.SimpleNamespace(find=lambda small: 1 / 0)

    monkeypatch.setattr(paper, "importlib", types.SimpleNamespace(import_module=lambda *name: broken(name)))
    monkeypatch.delenv("RESOURCE_ODE_DEBUG", raising=False)
    assert cli.main(["reproduce", "series", "--out", str(tmp_path / "paper")]) == 1
    assert "series could not be computed" in capsys.readouterr().err
    assert "ZeroDivisionError" in (tmp_path / "paper" / "index.html").read_text()


@pytest.mark.slow
def test_dependencies_end_to_end(tmp_path, capsys):
    out = tmp_path / "paper"
    assert cli.main(["reproduce", "dependencies", "--small", "--out", str(out)]) == 0
    assert {path.name for path in out.iterdir()} == {"index.html", "dependencies.png"}
    assert (out / "dependencies.png").read_bytes().startswith(b"\x89PNG")
    text = (out / "index.html").read_text()
    assert "data:image/png;base64," in text
    assert "1 of 1 reproduced" in text
    assert "1 of 1 reproduced" in capsys.readouterr().out
