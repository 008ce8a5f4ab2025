"""What `torture` counts as wrong, and that it finds it; and its page."""

import dataclasses

import numpy as np
import pytest

from reliability import cells, document, judge, kinds, references, torture

NAME = "random-mixed/float64/simulate/eager/default/0.0"


def small(verb):
    """A cell of one small member, and what a perfect solver would say of it."""
    name = NAME.replace("simulate", verb)
    cell = cells.build(name)
    member = references.Member([[], [0]], ["all", "all"], np.array([1.0, 2.0]), 0.1, 0.1, 0.5)
    cell = dataclasses.replace(cell, members=[member], ts=np.array([0.0, 3.0, 9.0]), level=0.5)
    truth = judge.references.solve(member, cell.ts if verb == "simulate" else np.zeros(0), 0.5)
    if verb == "simulate":
        found = {"level": truth.levels[None], "residual": np.zeros((1, 3))}
        return cell, found | {"fine": np.array([True]), "code": np.array([0])}
    return cell, {"times": truth.times[None]}


def outcome(cell, found):
    return judge._member(cell, 0, found)[0]


def test_levels():
    cell, found = small("simulate")
    assert outcome(cell, found) == "right"
    assert outcome(cell, found | {"level": found["level"] + 0.5e-6}) == "right"
    assert outcome(cell, found | {"level": found["level"] + 2e-6}) == "WRONG"
    assert outcome(cell, found | {"level": found["level"] * np.nan}) == "WRONG"
    assert outcome(cell, found | {"residual": np.full((1, 3), 1e-3)}) == "WRONG"
    assert outcome(cell, found | {"fine": np.array([False]), "code": np.array([3])}) == "inaccurate, said"
    assert outcome(cell, found | {"fine": np.array([False]), "code": np.array([1])}).startswith("refused")


def test_times():
    cell, found = small("learning_times")
    times = found["times"]
    assert outcome(cell, found) == "right"
    assert outcome(cell, {"times": times * (1 + 2e-7)}) == "WRONG"
    assert outcome(cell, {"times": times * [[1, np.inf]]}) == "WRONG"
    assert outcome(cell, {"times": times * [[0, 1]]}) == "WRONG"
    assert outcome(cell, {"times": times * np.nan}).startswith("refused")
    assert outcome(cell, {"times": times * [[1, np.nan]]}) == "inaccurate, said"


KINDS = ["independent", "chain", "random-all", "random-mixed", "initial-levels"]


@pytest.mark.slow
@pytest.mark.parametrize("verb", kinds.VERBS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_few_cells(verb, kind):
    verdict = judge.judge(f"{kind}/float64/{verb}/eager/default/7.0")
    assert not verdict.wrong and "WRONG" not in verdict.counts and "crash" not in verdict.counts


def test_every_kind_and_setting_has_its_turn():
    settings = [name for kind in kinds.KINDS for name in kinds.names(kind)]
    turns = torture.schedule(settings, 0)
    first = [next(turns) for _ in range(len(settings))]
    assert {name.rsplit("/", 1)[0] for name in first} == set(settings)
    assert {name.split("/")[0] for name in first[: len(kinds.KINDS)]} == {kind.name for kind in kinds.KINDS}


def test_a_table_replaces_its_own(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- x: begin -->\nold\n<!-- x: end -->\nb\n")
    document.put("x", "new", page)
    document.put("x", "newer", page)
    assert page.read_text() == "a\n<!-- x: begin -->\nnewer\n<!-- x: end -->\nb\n"
    with pytest.raises(ValueError, match="y: begin"):
        document.put("y", "new", page)
    for name in ("torture", "fuzz", "soak"):
        assert (document.ROOT / document.PATH).read_text().count(f"<!-- {name}: begin -->") == 1


def test_a_refusal_is_what_the_package_says_by_itself():
    import resource_ode as ro

    def error_of(call):
        try:
            call()
        except Exception as error:
            return error
        raise AssertionError("no error")

    assert judge.is_refusal(error_of(lambda: ro.ResourceModel(ro.SkillGraph([[]]), [-1.0], 1.0, 1.0, 1.0)))
    assert judge.is_refusal(error_of(lambda: ro.SkillGraph([[7]])))
    # Python's and NumPy's own, though one of them comes from a line of the package
    assert not judge.is_refusal(error_of(lambda: np.asarray([[1], [2, 3]], float)))
    assert not judge.is_refusal(error_of(lambda: ro.frequencies.zipf(5, 1.0, 2.0, 3.0, 4.0)))


def test_members_of_a_cell_share_its_schedule():
    cell = cells.build("schedule/float64/simulate/eager/default/0.0")
    for name in ("frequency", "learning_rate", "wasted_resource"):
        values = [getattr(member, name) for member in cell.members]
        if isinstance(values[0], tuple):
            assert len({repr(value) for value in values}) == 1
    assert cells.model_of(cell).batch_shape == (len(cell.members),)


def test_the_slowest_member_is_the_most_of_any_cell():
    def result(*alone):
        return {"case": NAME, "counts": {"right": 3}, "alone": list(alone)}

    assert torture.ratio([result(1.0, 1.0, 4.0), result(0.1, 0.1, 0.3), result()]) == "4.0 (4 s)"
    assert torture.ratio([result(), result(1.0, 9.0)]) == ""


def test_rows_of_a_table_are_read_again(tmp_path):
    page, head = tmp_path / "page.md", ["format", "inputs"]
    text = "\n".join(document.table([head, ["a", "1"], ["b", "2"]]))
    page.write_text(f"<!-- x: begin -->\nwords\n\n{text}\n<!-- x: end -->\n")
    assert document.rows("x", head, page) == [["a", "1"], ["b", "2"]]
    assert document.rows("x", ["format", "seconds"], page) == []
