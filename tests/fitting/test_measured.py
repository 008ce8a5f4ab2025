"""Fits of synthetic curves find what made them, say what the curves do not show, and refuse what they cannot do."""

import dataclasses
import functools
import itertools

import numpy as np
import pytest

import resource_ode as ro
from resource_ode.base.modules import with_fields
from resource_ode.fitting import baselines, grid, profile
from resource_ode.fitting.curves import Curves, Run
from resource_ode.fitting.intervals import directions

NAMES = ("A", "B", "AB", "C")
MODEL = ro.ResourceModel(
    ro.SkillGraph([[], [], [0, 1], []], names=NAMES),
    [0.4, 0.3, 0.2, 0.1],
    learning_rate=0.02,
    wasted_resource=0.05,
    gate_exponent=0.3,
    frequency_power=0.6,
    learnability=[1.0, 1.25, 0.8, 1.0],
)
ONE, OTHER = np.array([0.4, 0.3, 0.2, 0.1]), np.array([0.1, 0.2, 0.3, 0.4])
STEPS = np.arange(0.0, 600.0, 6.0)
FREE = ("learning_rate", "wasted_resource", "gate_exponent", "frequency_power", "learnability")
TRUE = {
    "learning_rate": 0.02,
    "wasted_resource": 0.05,
    "gate_exponent": 0.3,
    "frequency_power": 0.6,
    "learnability[A]": 1.0,
    "learnability[B]": 1.25,
    "learnability[AB]": 0.8,
    "learnability[C]": 1.0,
    "wasted_resource/learning_rate": 2.5,
}


def curves(mixtures=(ONE, OTHER), noise=0.02, seeds=1, model=MODEL, steps=STEPS, start=0):
    random = np.random.default_rng(start)
    runs = []
    for place, mixture in enumerate(mixtures):
        level = np.asarray(ro.simulate(model.replace(frequency=np.maximum(mixture, 1e-12)), steps).level)
        for seed in range(seeds):
            noisy = level + noise * random.standard_normal(level.shape)
            runs.append(Run(steps, noisy, np.asarray(mixture, float), f"mixture {place}, seed {seed}", seed))
    return Curves(model.graph.skill_names(), tuple(runs))


@functools.cache
def of_two():
    return ro.fit(curves(noise=0.002, seeds=3), MODEL.graph, FREE)


@functools.cache
def of_one():
    return ro.fit(curves([ONE]), MODEL.graph, FREE)


def test_identified_parameters_are_recovered_to_two_percent():
    found = of_two()
    table = found.parameters
    assert list(table.index) == list(TRUE) and set(table.verdict) == {"identified"}
    np.testing.assert_allclose(table.value, list(TRUE.values()), rtol=0.02)
    assert np.all(table.low < table.value) and np.all(table.value < table.high)
    assert np.all(table.seed_low < table.seed_high)
    assert 0.0019 < found.residual < 0.0021
    np.testing.assert_allclose(found.model.wasted_resource, 0.05, rtol=0.02)
    np.testing.assert_allclose(found.model.frequency, ONE)


def test_a_fit_without_noise_is_exact():
    found = ro.fit(curves([ONE], noise=0), MODEL.graph, FREE[:3], prior={"frequency_power": 0.6, "learnability":
        dict(zip(NAMES, [1.0, 1.25, 0.8, 1.0], strict=True))})  # fmt: skip
    assert found.residual < 1e-4
    np.testing.assert_allclose(found.parameters.value[:3], [0.02, 0.05, 0.3], rtol=1e-3)
    np.testing.assert_allclose(found.model.learnability, [1.0, 1.25, 0.8, 1.0])


def test_one_mixture_does_not_show_the_power_of_frequency():
    table = of_one().parameters
    assert table.verdict["frequency_power"] == "not identified"
    assert table.verdict["learning_rate"] == "identified"
    remark = "learnability * frequency^frequency_power of each task is known"
    assert remark in table.remark["frequency_power"] and remark in table.remark["learnability[C]"]
    # and every interval holds what made the curves
    assert np.all(table.low <= list(TRUE.values())) and np.all(table.high >= list(TRUE.values()))


@pytest.mark.parametrize("start", range(4))
def test_a_gate_that_never_opens_far_is_told_only_on_one_side(start):
    # with a gate exponent this large the gates open at once: any larger one gives the same curves
    wide = MODEL.replace(gate_exponent=2000.0)
    found = ro.fit(curves(model=wide, start=start), MODEL.graph, FREE)
    row = found.parameters.loc["gate_exponent"]
    assert row.verdict == "bounded" and row.remark.startswith("from below") and np.isinf(row.high) and row.low > 1


def test_other_mixtures_are_refused_from_one():
    with pytest.raises(ValueError, match="runs of one mixture do not show how speed follows frequency"):
        of_one().predict([0, 10], OTHER)
    np.testing.assert_allclose(of_one().predict(STEPS), curves([ONE], noise=0).runs[0].levels, atol=0.02)
    # only ratios count
    np.testing.assert_allclose(of_one().predict(STEPS, 10 * ONE), of_one().predict(STEPS), atol=1e-9)
    stated = ro.fit(curves([ONE]), MODEL.graph, prior={"frequency_power": 0.6, "plateau": 1.0})
    expected = curves([OTHER], noise=0).runs[0].levels
    np.testing.assert_allclose(stated.predict(STEPS, dict(zip(NAMES, OTHER, strict=True))), expected, atol=0.06)
    assert "was stated" in stated.report()


def test_other_mixtures_are_predicted_from_two():
    between = np.array([0.25, 0.25, 0.25, 0.25])
    expected = curves([between], noise=0).runs[0].levels
    np.testing.assert_allclose(of_two().predict(STEPS, between), expected, atol=2e-3)
    with pytest.raises(ValueError, match="mixture: expected one, since the runs have 2 different ones"):
        of_two().predict(STEPS)


def test_the_model_beats_baselines_on_its_own_curves_and_says_so():
    late = curves(noise=0.01, steps=np.arange(0.0, 300.0, 3.0))
    found = ro.fit(late, MODEL.graph, FREE)
    assert found.describes and found.held_out < 0.02 < min(found.baselines.values())
    assert set(found.baselines) == {"last value", "power law", "sigmoid"}
    assert "The model describes these curves: its error is" in found.report()


def test_curves_of_another_kind_are_not_described():
    # levels that rise, fall and rise again are outside the model; the last value forecasts the rest
    steps = np.arange(0.0, 100.0)
    wave = 0.5 + 0.4 * np.sin(steps / 6)
    level = np.where(steps < 62, wave, wave[61])[:, None] * np.ones(3)
    strange = Curves(("A", "B", "C"), (Run(steps, level, np.ones(3), "run", 0),))
    found = ro.fit(strange, free=("learning_rate", "wasted_resource", "learnability"))
    assert not found.describes
    assert "The model does not describe these curves: the last value does better on held-out rows" in found.report()


def test_the_report_says_what_is_a_convention():
    text = of_two().report()
    assert "Learnabilities are relative, their geometric mean is 1" in text
    value = f"{of_two().parameters.value['learning_rate']:.4g}"
    assert f"\n  learning_rate: {value} (" in text and "identified; by drawing seeds anew" in text
    assert "Other mixtures may be predicted near the 2 that were tried" in text


def test_the_picture_has_a_column_a_mixture():
    figure = of_two().plot()
    assert len(figure.axes) == 4
    # which a notebook shows, whether or not pyplot has drawn there before
    for shown in (figure, ro.plot.summary(ro.simulate(of_two().model))):
        assert shown._repr_png_()[1:4] == b"PNG"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        *NAMES,
        "measured, mean",
        "fit",
        "95 % band of the fit",
    ]


def test_the_picture_shows_every_mixture_or_says_how_many():
    from resource_ode.fitting.picture import draw

    steps = np.arange(0.0, 100.0, 5.0)

    def pictured(count):
        levels = (1 - np.exp(-steps[:, None] / [20.0, 30.0])) * np.ones((count, 1, 1))
        runs = [Run(steps, x, np.asarray([1.0, k]), f"run {k}") for k, x in enumerate(levels, start=1)]
        return draw(ro.fit(Curves(("A", "B"), tuple(runs)), free=("learning_rate", "wasted_resource")))

    five, many = pictured(5), pictured(13)
    assert [len(figure.axes) for figure in (five, many)] == [10, 24]
    assert five.get_suptitle() == "" and many.get_suptitle() == "the first 12 of 13 mixtures"
    assert {axes.get_ylabel() for axes in (five.axes[0], five.axes[6])} == {"level"}


def test_titles_of_mixtures_are_no_wider_than_a_column():
    from resource_ode.fitting.picture import LETTERS, draw

    names = tuple(f"a task with a long name, number {k}" for k in range(8))
    random = np.random.default_rng(0)
    steps = np.arange(0.0, 100.0, 5.0)
    levels = 1 - np.exp(-steps[:, None] / np.linspace(20, 60, 8)) + 0.01 * random.standard_normal((20, 8))
    runs = [Run(steps, levels, np.linspace(1, k, 8), f"run {k}") for k in (2, 3, 4)]
    figure = draw(ro.fit(Curves(names, tuple(runs)), free=("learning_rate", "wasted_resource")))
    figure.canvas.draw()
    titles = [axes.title for axes in figure.axes[:3]]
    assert all(len(line) <= LETTERS for title in titles for line in title.get_text().split("\n"))
    assert all(title.get_text().endswith(", ...") for title in titles)
    boxes = [title.get_window_extent() for title in titles]
    assert all(left.x1 < right.x0 for left, right in itertools.pairwise(boxes))


def test_uneven_steps_missing_values_and_schedules_are_fitted_together():
    every = curves(noise=0.002)
    random = np.random.default_rng(0)
    rows = np.sort(random.choice(len(STEPS), 60, replace=False))
    level = every.runs[0].levels[rows].copy()
    level[random.random(level.shape) < 0.2] = np.nan
    uneven = Run(STEPS[rows], level, ONE, "uneven")
    found = ro.fit(Curves(NAMES, (uneven, every.runs[1])), MODEL.graph, FREE)
    np.testing.assert_allclose(found.parameters.value, list(TRUE.values()), rtol=0.05)


@pytest.mark.slow
def test_a_scheduled_mixture_is_fitted():
    schedule = ro.Schedule([0.0, 100.0], np.stack([ONE, OTHER]))
    level = np.asarray(ro.simulate(MODEL.replace(frequency=schedule), STEPS).level)
    found = ro.fit(Curves(NAMES, (Run(STEPS, level, schedule, "run"),)), MODEL.graph, FREE)
    np.testing.assert_allclose(found.parameters.value, list(TRUE.values()), rtol=0.05)


@pytest.mark.parametrize("by_position", [False, True])
def test_strengths_that_are_known_stay_with_their_dependencies(by_position):
    soft = MODEL.replace(prerequisite_strength={("A", "AB"): 0.5, ("B", "AB"): 0.9}, gate_exponent=1.0)
    turned = ro.SkillGraph({"AB": ["B", "A"], "C": [], "B": [], "A": []})
    rows = turned.prerequisite_lists()[0]
    strengths = np.ones((4, 2))
    strengths[0] = [{3: 0.5, 2: 0.9}[before] for before in rows]
    known = {(3, 0): 0.5, (2, 0): 0.9} if by_position else strengths
    found = ro.fit(
        curves(noise=0.002, model=soft),
        turned,
        (*FREE[:2], "frequency_power", "learnability"),
        prior={"gate_exponent": 1.0, "prerequisite_strength": known},
    )
    assert found.model.graph.skill_names() == NAMES
    strength = dict(zip(found.model.graph.prerequisite_lists()[2], found.model.prerequisite_strength[2], strict=True))
    assert strength == pytest.approx({0: 0.5, 1: 0.9})
    np.testing.assert_allclose(found.parameters.value[:2], [0.02, 0.05], rtol=0.05)


def test_a_task_that_a_run_never_met():
    without = np.array([0.5, 0.0, 0.3, 0.2])
    soft = MODEL.replace(prerequisite_strength=0.5, gate_exponent=1.0)
    found = ro.fit(
        curves([ONE, OTHER, without], noise=0.002, model=soft),
        MODEL.graph,
        (*FREE[:2], "frequency_power", "learnability", "prerequisite_strength"),
        prior={"gate_exponent": 1.0},
    )
    table = found.parameters
    np.testing.assert_allclose(table.value["prerequisite_strength[B -> AB]"], 0.5, atol=0.03)
    assert table.verdict["prerequisite_strength[B -> AB]"] == "identified"
    assert found.predict([0, 300, 599], without)[-1, 1] < 1e-6


def test_a_graph_by_name_in_any_order():
    graph = ro.SkillGraph({"C": [], "AB": ["B", "A"], "A": [], "B": []})
    found = ro.fit(curves([ONE]), graph, FREE[:3])
    assert found.model.graph.skill_names() == NAMES
    assert found.model.graph.prerequisite_lists() == [[], [], [1, 0], []]


# -- what is refused


@pytest.mark.parametrize(
    "options, said",
    [
        ({"graph": ro.SkillGraph([[]])}, "graph: expected the 4 tasks 'A', 'B', 'AB', 'C', got 1 skills"),
        ({"graph": ro.SkillGraph([[]] * 4, names=("A", "B", "AB", "D"))}, "got 'D', which the curves lack"),
        ({"graph": ro.SkillGraph([[]] * 3, names=("A", "B", "AB"))}, "got none for 'C'"),
        ({"graph": 3}, "graph: expected a SkillGraph or None, got int"),
        ({"free": ("rate",)}, "free: expected names of parameters, got 'rate'"),
        ({"free": ()}, "free: expected names of parameters, got ()"),
        ({"free": ("plateau",)}, "free: expected learning_rate among them"),
        ({"free": ("learning_rate", "wasted_resource", "gate_exponent")}, "free: expected no gate_exponent"),
        ({"free": FREE[:2], "prior": {"learning_rate": 1.0}}, "free: expected parameters that prior does not hold"),
        ({"prior": {"plateaux": 1.0}}, "prior: expected names of parameters, got 'plateaux'; did you mean 'plateau'?"),
        ({"prior": {"plateau": "low"}}, "prior: plateau: expected a number"),
        ({"prior": {"plateau": (0.1, -1)}}, "prior: plateau: expected (value, spread), both above 0"),
        ({"prior": {"gate_exponent": (0.1, 1)}}, "prior: expected a number for gate_exponent, which is not free"),
        ({"prior": [1]}, "prior: expected a dict of parameters"),
    ],
)
def test_wrong_arguments_are_refused(options, said):
    with pytest.raises(ValueError) as caught:
        ro.fit(curves([ONE]), **options)
    assert said in str(caught.value)


def test_curves_that_do_not_serve_are_refused():
    flat = Curves(NAMES, (Run(STEPS, 0.02 * np.ones((len(STEPS), 4)), ONE, "run"),))
    with pytest.raises(
        ValueError, match=r"column 'A' and all others stay below a level of 0\.2 up to the last row, step"
    ):
        ro.fit(flat)
    few = Curves(NAMES, (Run(STEPS[:2], np.outer([0, 1], np.ones(4)), ONE, "run"),))
    with pytest.raises(ValueError, match="expected more measured levels than free parameters, got 8 levels for"):
        ro.fit(few, MODEL.graph, FREE)
    mixed = Curves(NAMES, (*curves([ONE]).runs, Run(STEPS, np.ones((len(STEPS), 4)), None, "other")))
    with pytest.raises(ValueError, match="expected a mixture for each run or for none, got none for run 'other'"):
        ro.fit(mixed)
    with pytest.raises(ValueError, match="runs: expected curves"):
        ro.fit([1, 2])


def test_a_task_that_never_rises_is_warned_of_and_bounded():
    slow = MODEL.replace(learnability=[1.0, 1.0, 1.0, 1e-4])
    with pytest.warns(UserWarning, match="column 'C' never rises above a level of 0.2 up to the last row, step 594"):
        found = ro.fit(curves([ONE], model=slow), MODEL.graph, (*FREE[:3], "learnability"))
    assert found.parameters.verdict["learnability[C]"] == "bounded"
    assert found.parameters.remark["learnability[C]"].startswith("from above")
    assert "Note: column 'C' never rises" in found.report()
    assert "their geometric mean, over tasks that rise, is 1:" in found.report()


# -- rows and baselines


def test_many_rows_are_averaged_by_neighbours():
    steps = np.arange(1000.0)
    curve = Curves(("A",), (Run(steps, (steps / 1000)[:, None], None, "run"),))
    on = grid.on_grid(curve)
    assert on.levels.shape == (1, 128, 1)
    np.testing.assert_allclose(on.levels[0, :, 0], on.steps / 1000)
    first, rest = on.first(0.6), on.rest(0.6)
    assert np.isfinite(first.levels).sum() == 77 and np.isfinite(rest.levels).sum() == 51


def test_baselines_forecast_what_they_are_made_for():
    steps = np.linspace(0.0, 100.0, 101)
    sharp = 1 / (1 + np.exp(-8 * (steps / 60 - 1)))
    slow = 1 - (1 + steps / 10) ** -0.7
    for name, level in (("sigmoid", sharp), ("power law", slow), ("last value", np.full(101, 0.5))):
        on = grid.on_grid(Curves(("A",), (Run(steps, level[:, None], None, "run"),)))
        scores = {key: baselines.rms(value, on.rest(0.6).levels)
                  for key, value in baselines.predictions(on.first(0.6)).items()}  # fmt: skip
        assert min(scores, key=lambda key: scores[key]) == name and scores[name] < 0.03


@pytest.mark.slow
def test_intervals_cover_the_truth_as_often_as_they_say():
    inside = []
    for start in range(100):
        table = ro.fit(curves(noise=0.02, start=start), MODEL.graph, FREE).parameters
        inside.append((table.low <= list(TRUE.values())) & (list(TRUE.values()) <= table.high))
    covered = np.mean(inside, axis=0)
    assert np.all(covered >= 0.88), dict(zip(TRUE, covered, strict=True))


def of_accuracies(start):
    """Curves of accuracies measured on 1000 examples: near the ceiling there is hardly any noise."""
    random = np.random.default_rng(start)
    runs = []
    for mixture in (ONE, OTHER):
        level = np.asarray(ro.simulate(MODEL.replace(frequency=mixture), STEPS).level)
        runs.append(Run(STEPS, random.binomial(1000, 0.5 + level / 2) / 500 - 1, mixture, f"run {len(runs)}"))
    return Curves(NAMES, tuple(runs))


def test_the_noise_that_counts_is_that_of_rows_that_tell():
    found = ro.fit(of_accuracies(0), MODEL.graph, FREE)
    ratio = found.problem.with_noise_that_counts(found.x).noise / found.problem.noise
    assert 1.3 < ratio < 2.0
    plain = ro.fit(curves(), MODEL.graph, FREE)
    assert 1.0 <= plain.problem.with_noise_that_counts(plain.x).noise / plain.problem.noise < 1.2
    # the estimate stays, its intervals are wider
    spreads = np.linalg.norm(directions(found.problem, found.x), axis=1)
    slopes = found.problem.slopes(found.x)
    alone = np.sqrt(np.diag(np.linalg.inv(slopes.T @ slopes)))
    np.testing.assert_allclose((spreads / alone)[:4], ratio, rtol=0.1)


@pytest.mark.slow
def test_intervals_of_accuracies_cover_the_truth():
    inside = []
    for start in range(60):
        table = ro.fit(of_accuracies(start), MODEL.graph, FREE).parameters
        inside.append((table.low <= list(TRUE.values())) & (list(TRUE.values()) <= table.high))
    covered = np.mean(inside, axis=0)
    assert np.all(covered >= 0.85) and covered.mean() >= 0.9, dict(zip(TRUE, covered, strict=True))


def test_the_early_fit_knows_nothing_of_later_rows():
    whole = curves([ONE], noise=0.01, steps=np.arange(0.0, 300.0, 6.0))
    (run,) = whole.runs
    # from the same first rows on, some tasks go another way
    levels = run.levels.copy()
    levels[30:, 2:] *= 0.5
    other = Curves(whole.names, (dataclasses.replace(run, levels=levels),))
    both = [ro.fit(each, MODEL.graph, FREE[:3]) for each in (whole, other)]
    np.testing.assert_array_equal(both[0].early.x, both[1].early.x)
    assert both[0].early.curves.runs[0].steps[-1] == run.steps[29]
    # it is what is scored
    predicted = both[0].early.predict(run.steps)
    np.testing.assert_allclose(both[0].held_out, baselines.rms(predicted[30:], run.levels[30:]), rtol=1e-3)


def test_rows_behind_the_end_of_all_rises_are_no_test_of_a_forecast():
    # most of the run is flat: whoever says that nothing will happen any more is right, and knows nothing
    long = np.append(np.arange(0.0, 300.0, 6.0), np.arange(300.0, 3000.0, 60.0))
    found = ro.fit(curves(noise=0.02, seeds=2, steps=long), MODEL.graph, FREE)
    assert found.flat_from is not None and 100 < found.flat_from < 400
    assert found.describes and 2 * found.held_out < min(found.baselines.values())
    assert f"of each run before step {found.flat_from:g}, where the curves have become flat" in found.report()
    # all tasks have begun to rise in what is fitted, and what is scored comes after it and before the flat
    first = found.early.curves
    assert found.part >= 0.6 and not first.never_rising()
    errors = []
    for run in found.curves.runs:
        rows = (run.steps > first.runs[0].steps[-1]) & (run.steps <= found.flat_from)
        assert rows.sum() > 5
        errors.append(found.early.predict(run.steps, run.mixture)[rows] - run.levels[rows])
    np.testing.assert_allclose(found.held_out, np.sqrt(np.mean(np.square(errors))), rtol=1e-3)
    # where something still moves, it is as ever
    short = ro.fit(found.curves.until(found.flat_from), MODEL.graph, FREE)
    assert short.flat_from is None and short.part == 0.6


def test_intervals_hold_the_value_where_the_ridge_draws_it_away():
    # a hundredfold frequency that hardly matters: learnabilities are far from alike
    model = MODEL.replace(frequency=ONE, frequency_power=0.0, learnability=[1.0, 1.0, 1.0, 1.0])
    steep = np.array([0.96, 0.02, 0.01, 0.01])
    (run,) = curves([ONE], model=model, noise=0.05).runs
    wrong = Curves(NAMES, (dataclasses.replace(run, mixture=steep),))
    found = ro.fit(wrong, MODEL.graph, ("learning_rate", "wasted_resource", "learnability"))
    table = found.parameters
    assert np.all(table.low <= table.value) and np.all(table.value <= table.high)


def test_times_by_frequency_are_a_power_of_it():
    mixtures, others = np.array([[0.5, 0.3, 0.2], [0.2, 0.2, 0.6]]), np.array([[0.1, 0.1, 0.8]])
    alone = np.array([10.0, 20.0, 40.0])
    times = alone * mixtures**-0.7
    expected = alone * others**-0.7
    np.testing.assert_allclose(baselines.times_by_frequency(times, mixtures, others), expected)
    # what was learned in one mixture only moves by the power of the others; what was never learned has no time
    times[1, 2], times[:, 0] = np.inf, np.nan
    found = baselines.times_by_frequency(times, mixtures, others)
    np.testing.assert_allclose(found[0, 1:], expected[0, 1:])
    assert np.isnan(found[0, 0])


def test_one_mixture_leaves_the_power_of_frequency_to_the_learnabilities():
    """As if it were free with what is known of it, and no parameter more."""
    model = MODEL.replace(learnability=1.0)
    runs = curves([ONE], noise=0.01, model=model)
    free = tuple(name for name in FREE if name != "frequency_power")
    left = ro.fit(runs, MODEL.graph, free)
    freed = ro.fit(runs, MODEL.graph, (*free, "frequency_power"))
    assert "frequency_power" not in left.parameters.index
    np.testing.assert_allclose(left.predict(STEPS), freed.predict(STEPS), atol=1e-3)
    # speeds are p^0.6: p^1 kappa, with kappa as p^-0.4, is likelier than it is where the power is known to be 1
    known = ro.fit(runs, MODEL.graph, free, {"frequency_power": 1.0})
    assert left.problem.cost(left.x) < known.problem.cost(known.x)


def test_what_has_not_risen_is_likely_as_the_others():
    """The ridge draws it to them, at twice the spread of those that have."""
    found = of_one().problem.freedom
    parts = {}
    for rising in ((True, True, True, True), (True, True, False, True)):
        freedom = with_fields(found.with_rising(rising), unknown_power=np.zeros(4))
        matrix, goal = freedom.ridge(600.0, {})
        at = freedom.slices()["learnability"]
        for distance in (0.0, 1.0):
            x = np.zeros(freedom.size)
            x[at.start + 2] = distance
            parts[rising, distance] = np.sum((matrix @ x - goal) ** 2)
    own = parts[(True, True, False, True), 1.0] - parts[(True, True, False, True), 0.0]
    np.testing.assert_allclose(own, 1.0, rtol=1e-10)
    # of four tasks that all rise, one moves their mean by a quarter: (3/4)^2 + 3 (1/4)^2, by 0.5^2, and the mean itself
    np.testing.assert_allclose(parts[(True,) * 4, 1.0] - parts[(True,) * 4, 0.0], 0.75 / 0.25 + 1 / 16, rtol=1e-10)


def test_the_band_holds_the_fit_and_mostly_the_truth():
    from resource_ode.fitting.picture import band

    true = np.stack([run.levels for run in curves(noise=0).runs])
    held, width, error = [], [], []
    for start in range(6):
        levels, low, high = band(ro.fit(curves(noise=0.03, start=start), MODEL.graph, FREE))
        assert np.all(low <= levels + 1e-12) and np.all(levels <= high + 1e-12)
        moving = (true > 0.05) & (true < 0.95)
        held.append(np.mean((low <= true)[moving] & (true <= high)[moving]))
        width.append(np.sqrt(np.mean(((high - low) / 2)[moving] ** 2)))
        error.append(np.sqrt(np.mean((levels - true)[moving] ** 2)))
    # of six fits, whose rows err together
    assert 0.9 < np.mean(held)
    np.testing.assert_allclose(np.mean(width), 1.96 * np.mean(error), rtol=0.4)


LEAVING = [[0.5, 0.0, 0.3, 0.2], [0.3, 0.4, 0.0, 0.3], [0.2, 0.3, 0.5, 0.0]]


def test_the_model_of_runs_that_all_leave_something_out_has_all_tasks():
    soft = MODEL.replace(prerequisite_strength=0.5)
    held = {"prerequisite_strength": 0.5, "gate_exponent": 0.3}
    found = ro.fit(curves(LEAVING, model=soft), MODEL.graph, (*FREE[:2], *FREE[3:]), held)
    # its frequency may be replaced, and no task keeps the learnability of what is never met
    np.testing.assert_allclose(found.model.learnability, [1.0, 1.25, 0.8, 1.0], rtol=0.1)
    between = np.array([0.3, 0.3, 0.2, 0.2])
    np.testing.assert_allclose(ro.learning_times(found.model.replace(frequency=between)),
                               ro.learning_times(found.model_of(between)), rtol=1e-6)  # fmt: skip
    np.testing.assert_allclose(found.model.frequency, [1 / 3, 0.35, 0.4, 0.25])


def test_what_no_run_met_is_said_and_is_no_task_that_never_rises():
    without = np.array([0.4, 0.3, 0.3, 0.0])
    with pytest.warns(UserWarning, match="column 'C' is met in no run, by their mixtures") as caught:
        found = ro.fit(curves([without]), MODEL.graph, FREE[:3])
    assert not any("never rises" in str(each.message) for each in caught)
    assert found.model.frequency[3] > 0.1
    only = Curves(("A",), (Run(STEPS, np.linspace(0, 1, 100)[:, None], np.array([1.0]), "run"),))
    none = Curves(("A", "B"), (Run(STEPS, np.linspace([0, 0], [1, 0], 100), np.array([0.0, 1.0]), "run"),))
    assert ro.fit(only, free=FREE[:2]).residual < 0.5
    with pytest.raises(ValueError, match="expected a task that rises in a run that met it, got none: column 'A'"):
        ro.fit(none)


def test_seeds_are_drawn_anew_where_each_mixture_has_some():
    runs = [*curves([ONE], seeds=3).runs, *curves([OTHER]).runs]
    found = ro.fit(Curves(NAMES, tuple(runs)), MODEL.graph, FREE)
    # of what the one run of the other mixture is by chance, draws would say nothing
    assert found.seed_draws is None and "seed_low" not in found.parameters


def test_what_holds_by_convention_is_not_said_to_be_known():
    """Of two tasks, the learnability of one is 1 over that of the other."""
    pair = ro.ResourceModel(ro.SkillGraph({"A": [], "B": ["A"]}), [0.5, 0.5], 0.02, 0.1, 0.3)
    few = curves([np.array([0.5, 0.5])], model=pair, steps=np.arange(0.0, 900.0, 15.0), noise=0.01)
    table = ro.fit(few, pair.graph).parameters
    assert table.verdict["learnability[A]"] != "identified"
    assert not table.remark.str.contains(r"learnability\[[AB]\]\^1 is known to 0 %").any()


def test_intervals_are_ended_where_the_others_were_fitted_to_the_end():
    """With so much waste the learning rate is not known at all, and whatever moves drags it along."""
    model = MODEL.replace(wasted_resource=10.0, plateau=0.02)
    found = ro.fit(curves(model=model, steps=np.arange(0.0, 5e4, 500.0), start=7), MODEL.graph)
    table = found.parameters
    assert table.verdict["learning_rate"] == "bounded"
    known = table[table.verdict == "identified"]
    assert len(known) >= 7 and np.all(known.low < known.value) and np.all(known.value < known.high)
    wide = found.problem.with_weaker(profile.WEAKER).with_noise_that_counts(found.x)
    best = wide.solve(found.x)
    for label in ("frequency_power", "gate_exponent"):
        row, _ = found.problem.freedom.direction(label)
        for end in table.loc[label, ["low", "high"]]:
            at = wide.solve(best, (row, np.log(end) if profile.is_logarithm(label) else end))
            assert 0.5 * profile.RISE < wide.cost(at) - wide.cost(best) < 1.5 * profile.RISE
