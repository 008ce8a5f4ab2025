"""Dependencies from runs that leave tasks out; predictions of other mixtures, and which to train with."""

import dataclasses
import functools

import numpy as np
import pytest
from fitting.test_measured import FREE, MODEL, NAMES, ONE, OTHER, curves

import resource_ode as ro
from resource_ode.fitting import reach
from resource_ode.fitting.curves import Curves, Run
from resource_ode.fitting.design import RULES
from resource_ode.fitting.policies import Rule, followed


def left_out(model, noise=0.02, seeds=1, until=1.3, start=0, only=None):
    """Runs with all tasks, and without each."""
    random = np.random.default_rng(start)
    tasks = model.skills
    steps = np.linspace(0, until * float(ro.horizon(model)), 120)
    chosen = range(tasks) if only is None else only
    mixtures = [np.ones(tasks) / tasks, *(np.where(np.arange(tasks) == j, 0, 1 / (tasks - 1)) for j in chosen)]
    level = np.asarray(ro.simulate(model.replace(frequency=np.maximum(mixtures, 1e-12)), steps).level)
    runs = [
        Run(steps, level[k] + noise * random.standard_normal(level[k].shape), mixture, f"{k}, {seed}", seed)
        for k, mixture in enumerate(mixtures)
        for seed in range(seeds)
    ]
    return Curves(model.graph.skill_names(), tuple(runs))


def ancestors(lists):
    found = np.zeros((len(lists), len(lists)), bool)
    for child, row in enumerate(lists):
        for parent in row:
            found[child] |= found[parent]
            found[child, parent] = True
    return found


def random_case(start):
    random = np.random.default_rng(start)
    tasks = int(random.integers(3, 13))
    lists = [[int(j) for j in np.flatnonzero(random.random(i) < min(0.5, 1.5 / max(i, 1)))] for i in range(tasks)]
    graph = ro.SkillGraph(lists, names=tuple(f"task {i}" for i in range(tasks)))
    frequency = np.exp(0.3 * random.standard_normal(tasks)) / tasks
    return lists, ro.ResourceModel(graph, frequency, 0.02, random.choice([0.01, 0.05, 0.2]), random.choice([0.05, 0.3]))


def test_dependencies_of_random_graphs_are_found():
    edges = hits = confident = false = 0
    for start in range(6):
        lists, model = random_case(start)
        found = ro.infer_graph(left_out(model, start=start))
        above = ancestors(lists)
        true = np.array([[j in row for j in range(len(lists))] for row in lists])
        edges, hits = edges + true.sum(), hits + (true & found.confident).sum()
        confident, false = confident + found.confident.sum(), false + (found.confident & ~above).sum()
        # what is left without the transitive ones leads to the same ancestors
        assert np.array_equal(ancestors(found.graph.prerequisite_lists()), found.confident)
    assert hits >= 0.95 * edges and false <= 0.05 * confident


SOFT = ro.ResourceModel(
    ro.SkillGraph({"A": [], "B": [], "AB": ["A", "B"], "ABC": ["AB"], "C": []}),
    np.ones(5) / 5,
    0.02,
    0.5,
    2.0,
    prerequisite_strength=0.6,
)


@functools.cache
def soft():
    return ro.infer_graph(left_out(SOFT, seeds=3))


def test_strengths_have_intervals_and_transitive_edges_are_marked():
    found = soft()
    assert found.identified and found.graph.skill_names() == SOFT.graph.skill_names()
    assert found.graph.prerequisite_lists() == [[], [], [0, 1], [2], []]
    assert set(found.strengths) == {("A", "AB"), ("B", "AB"), ("AB", "ABC")}
    direct = [found.strength[2, 0], found.strength[3, 2]]
    assert np.all((0.1 < np.array(direct)) & (np.array(direct) < 0.7))
    decided = found.decided
    assert np.all(found.low[decided] <= found.strength[decided])
    assert np.all(found.strength[decided] <= found.high[decided])
    assert "'AB' builds on 'A': strength 0." in found.report()
    hard = ro.infer_graph(left_out(SOFT.replace(prerequisite_strength=1.0, gate_exponent=0.1)))
    assert hard.transitive[3, 0] and hard.graph.prerequisite_lists() == [[], [], [0, 1], [2], []]
    assert "'ABC' builds on 'A'" in hard.report() and "through another task" in hard.report()


def test_independent_tasks_have_no_confident_edge():
    independent = ro.ResourceModel(ro.SkillGraph([[]] * 5), [0.4, 0.2, 0.2, 0.1, 0.1], 0.02, 0.3)
    for start in range(5):
        found = ro.infer_graph(left_out(independent, seeds=2, start=start))
        assert found.identified and not found.confident.any()
    assert "No task builds on another, as far as these runs tell." in found.report()


def test_without_interventions_nothing_is_identified_and_runs_are_suggested():
    same = np.ones(4) / 4
    found = ro.infer_graph(curves([same], model=MODEL.replace(learnability=1.0, gate_exponent=1.0)))
    assert not found.identified and found.graph is None and not found.confident.any()
    assert np.all(np.isnan(found.strength))
    assert ("A", "B") in found.symmetric and ("A", "AB") not in found.symmetric
    assert "not identified" in found.report() and "'A' and 'B' have curves that are alike" in found.report()
    suggested = ro.suggest_runs(curves([ONE]))
    assert list(suggested) == list(NAMES)
    np.testing.assert_allclose(list(suggested["B"].values()), np.array([0.4, 0, 0.2, 0.1]) / 0.7)
    # after a run without A, three are left, and what builds on B is still open
    some = left_out(SOFT, only=[0])
    assert list(ro.suggest_runs(some)) == ["B", "AB", "ABC", "C"]
    assert (
        "Not identified: what builds on 'B', 'AB', 'ABC', 'C', which no run leaves out."
        in ro.infer_graph(some).report()
    )


def test_graphs_are_not_inferred_from_runs_without_mixtures():
    bare = Curves(("A",), (Run(np.arange(3.0), np.ones((3, 1)), None, "run"),))
    with pytest.raises(ValueError, match="mixture: expected that of each run, got none for 'run'"):
        ro.infer_graph(bare)
    with pytest.raises(ValueError, match="level: expected a number between 0 and 1, got 2"):
        ro.infer_graph(bare, level=2)


# -- other mixtures

# much waste, so that the mixture matters
SLOW = MODEL.replace(wasted_resource=0.5)
STEPS = np.arange(0.0, 1000.0, 10.0)
EVEN, FAR = np.ones(4) / 4, np.array([0.7, 0.1, 0.1, 0.1])


@functools.cache
def fitted():
    return ro.fit(curves(model=SLOW, steps=STEPS, noise=0.01), MODEL.graph, FREE)


def test_the_distance_is_that_of_the_task_that_is_worst_off_to_its_nearest_share():
    tried = np.array([[0.5, 0.5, 0.0], [0.25, 0.25, 0.5]])
    asked = np.array([[0.5, 0.25, 0.25], [0.1, 0.4, 0.5], [0.25, 0.25, 0.5]])
    np.testing.assert_allclose(reach.distance(asked, tried), [np.log(2), np.log(2.5), 0], atol=1e-12)
    # what is learned already does not count, and nothing is far from nothing
    np.testing.assert_allclose(reach.distance(asked[1], tried, np.array([False, True, True])), np.log(1.25))
    assert reach.distance(asked, np.zeros((0, 3))).tolist() == [0, 0, 0]


def test_predictions_start_from_what_was_measured():
    found = fitted()
    known = reach.reach_of(found, 0.8)
    times = found.curves.learning_times(0.8)
    of_model = np.asarray(ro.learning_times(found.model_of(np.stack([ONE, OTHER])), 0.8))
    np.testing.assert_allclose(known.factor, np.sqrt(np.prod(times / of_model, axis=0)), rtol=1e-10)
    left = np.log(times / of_model / known.factor)
    # of eight numbers, four went into the factors
    np.testing.assert_allclose(known.error, np.sqrt(np.sum(left**2) / 4), rtol=1e-10)
    np.testing.assert_allclose(ro.what_if(found, EVEN.tolist()).times, known.factor * ro.learning_times(
        found.model_of(EVEN), 0.8), rtol=1e-10)  # fmt: skip


def test_intervals_grow_with_the_distance_as_errors_of_what_is_left_out():
    """Each task has a power of frequency of its own, which the model has not: far away it is wrong, and says so."""
    powers = np.array([0.2, 1.0, 0.3, 0.9])
    far = np.array([[0.7, 0.1, 0.1, 0.1], [0.05, 0.05, 0.45, 0.45], [0.03, 0.47, 0.03, 0.47]])

    def made(mixture):
        # frequencies that give these powers, in the one power of the model
        return np.asarray(mixture) ** (powers / 0.6)

    truth = [made(mixture) for mixture in (ONE, OTHER)]
    runs = curves(truth, model=SLOW, steps=STEPS, noise=0.01)
    runs = Curves(runs.names, tuple(dataclasses.replace(run, mixture=mixture)
                                    for run, mixture in zip(runs.runs, (ONE, OTHER), strict=True)))  # fmt: skip
    found = ro.fit(runs, MODEL.graph, FREE)
    true = np.asarray(ro.learning_times(SLOW.replace(frequency=np.stack([made(mixture) for mixture in far])), 0.8))
    asked = ro.what_if(found, list(far))
    assert not asked.inside.any()
    # it is wrong by far more than where it was checked, yet within what it says
    known, right = reach.reach_of(found, 0.8), reach.reach_of(fitted(), 0.8)
    off = np.abs(np.log(asked.times / true))
    assert np.mean(off > 1.96 * known.error) > 0.3
    assert np.mean((asked.low <= true) & (true <= asked.high)) >= 0.9
    assert known.growth > 2 * right.growth


def test_one_mixture_measures_no_growth():
    stated = ro.fit(curves([ONE], model=SLOW, steps=STEPS), MODEL.graph, prior={"frequency_power": 0.6})
    known = reach.reach_of(stated, 0.8)
    assert known.growth == 0.5
    asked = ro.what_if(stated, {"near": ONE, "far": FAR})
    widths = np.log(asked.last_high / asked.last_low)
    assert widths[1] > widths[0] + 0.5


def test_what_if_predicts_inside_and_says_where_it_does_not():
    result = ro.what_if(fitted(), {"even": EVEN, "far": dict(zip(NAMES, FAR, strict=True))})
    assert result.inside.tolist() == [True, False]
    true = np.asarray(ro.learning_times(SLOW.replace(frequency=np.stack([EVEN, FAR])), 0.8))
    np.testing.assert_allclose(result.times, true, rtol=0.03)
    assert np.all(result.low <= result.times) and np.all(result.times <= result.high)
    assert np.mean((result.low <= true) & (true <= result.high)) >= 0.75
    text = result.report()
    assert "far is outside the range of mixtures that were tried" in text and "even is outside" not in text
    alone = ro.what_if(fitted(), EVEN.tolist())
    assert alone.inside is True and alone.times.shape == (4,) and alone.last == alone.times.max()
    np.testing.assert_allclose(alone.times, result.times[0])


@pytest.mark.parametrize(
    "mixtures, said",
    [
        ({"A": 1, "B": 1, "AB": 1}, "mixture: expected a number for each task, got none for 'C'"),
        ({"x": {"A": 1, "B": 1, "AB": 1, "D": 1}}, "mixture 'x': expected names of tasks, got 'D'"),
        ([1, 0, 1, 1], "expected a number above 0 for each task"),
        ([], "mixtures: expected a mixture or several"),
        (3, "mixtures: expected a mixture or several, got 3"),
    ],
)
def test_wrong_mixtures_are_refused(mixtures, said):
    with pytest.raises(ValueError) as caught:
        ro.what_if(fitted(), mixtures)
    assert said in str(caught.value)


def test_one_mixture_predicts_no_other():
    alone = ro.fit(curves([ONE]), MODEL.graph, FREE[:3])
    for ask in (lambda: ro.what_if(alone, EVEN), lambda: ro.design(alone)):
        with pytest.raises(ValueError, match="runs of one mixture do not show how speed follows frequency"):
            ask()
    with pytest.raises(ValueError, match="found: expected what fit returns"):
        ro.what_if(MODEL, EVEN)


def test_a_design_keeps_its_promise_inside_the_range():
    result = ro.design(fitted())
    constant = result.policies["constant mixture"]
    assert ro.what_if(fitted(), constant.mixture).inside
    both = SLOW.replace(frequency=np.stack([EVEN, list(constant.mixture.values())]))
    even, last = np.asarray(ro.horizon(both, 0.8))
    np.testing.assert_allclose(constant.last, last, rtol=0.03)
    assert constant.factor >= 1 and constant.low <= even / last <= constant.high
    # what is surest to be faster, which is not what promises most
    others = [policy for policy in result.policies.values() if policy.name != "even mixture"]
    assert result.low == max(policy.low for policy in others) and result.predicted_factor > 1
    assert result.low <= result.predicted_factor <= result.high
    assert f"Recommended: {result.best}" in result.report()
    near = ro.design(fitted(), near=ONE).policies["constant mixture"].mixture
    assert np.all(np.abs(np.log(np.array(list(near.values())) / ONE)) <= np.log(1.5) + 0.05)


def test_a_rule_that_follows_nothing_is_the_even_mixture():
    found = fitted()
    times = followed(found.problem.freedom, found.x[None], Rule(0.0), 1.0, 1500.0, 0.8).times[0]
    np.testing.assert_allclose(times, ro.learning_times(found.model_of(EVEN), 0.8), rtol=1e-3)


def test_rules_that_lead_farther_are_less_sure():
    """By topology, what is not ready is hardly met: far from what was tried from the first step on."""
    found = fitted()
    known, until = reach.reach_of(found, 0.8), 1500.0
    ways = {name: followed(found.problem.freedom, found.x[None], RULES[name], 1.0, until, 0.8)
            for name in ("sample by 1 - level", "by topology")}  # fmt: skip
    for way in ways.values():
        np.testing.assert_allclose(way.shares.sum(axis=1), 1, rtol=1e-9)
        # up to the last task, and no farther
        assert way.open_tasks[0].all() and way.open_tasks.any(axis=1).all()
        np.testing.assert_allclose(len(way.shares) * until / 1000, way.times[0].max(), atol=2 * until / 1000)
    near, far = (known.distance(way.shares, way.open_tasks).mean() for way in ways.values())
    assert far > near
    policies = ro.design(found).policies
    widths = [np.log(policies[name].high / policies[name].low) for name in ways]
    assert widths[1] > widths[0]


def test_fit_train_refit():
    asked = []

    def train(mixture):
        asked.append(mixture)
        return curves([np.array(list(mixture.values()))], model=SLOW, steps=STEPS, start=7)

    found, history = ro.improve(curves(model=SLOW, steps=STEPS), train, MODEL.graph, rounds=1, free=FREE)
    assert len(found.curves) == 3 and history[0]["mixture"] == asked[0]
    np.testing.assert_allclose(history[0]["predicted"], history[0]["measured"], rtol=0.05)


def without_one(model, until=4.0, noise=0.01):
    return left_out(model, noise=noise, until=until)


def test_a_task_alone_beside_the_one_left_out_is_no_measure_of_itself():
    pair = ro.ResourceModel(ro.SkillGraph({"A": [], "B": ["A"]}), [0.5, 0.5], 0.02, 0.1, 0.3)
    found = ro.infer_graph(without_one(pair.replace(prerequisite_strength=0.7)))
    assert not found.identified and np.all(np.isnan(found.strength)) and found.left_out.all()
    assert "not identified: too few learning times were measured, or no other task's" in found.report()
    # later than with the other, in spite of all that it leaves, is seen; how much is left open
    late = ro.infer_graph(without_one(pair.replace(prerequisite_strength=0.97, gate_exponent=0.05), until=8.0))
    assert late.graph.prerequisite_lists() == [[], [0]] and late.high[1, 0] == 1
    assert "which no run leaves out" not in late.report()


def test_what_all_others_build_on_is_seen_where_all_are_later():
    star = ro.ResourceModel(ro.SkillGraph({"A": [], "B": ["A"], "C": ["A"], "D": ["A"]}), [0.25] * 4, 0.02, 0.05, 0.05)
    found = ro.infer_graph(without_one(star.replace(prerequisite_strength=0.97)))
    assert found.graph.prerequisite_lists() == [[], [0], [0], [0]]
    # and where they profit alike from what it leaves, the report says what it cannot see
    soft = ro.infer_graph(without_one(star.replace(prerequisite_strength=0.7)))
    assert not soft.confident.any() and "what nearly all of them build on alike does not show" in soft.report()


def test_effects_that_are_not_surely_later_are_hinted_at():
    chain = ro.ResourceModel(ro.SkillGraph({"A": [], "B": ["A"], "C": ["B"]}), [1 / 3] * 3, 0.02, 0.1, 0.3)
    found = ro.infer_graph(without_one(chain.replace(prerequisite_strength=0.7), noise=0.005))
    assert found.hinted[1, 0] and found.low[1, 0] > 0.1 and not found.confident.any()
    assert "Perhaps: 'B' on 'A'" in found.report()


def test_runs_that_contradict_each_other_are_said():
    runs = list(without_one(MODEL).runs)
    for run, task in ((1, 1), (2, 0)):
        levels = runs[run].levels.copy()
        levels[:, task] = 0
        runs[run] = dataclasses.replace(runs[run], levels=levels)
    found = ro.infer_graph(Curves(NAMES, tuple(runs)))
    assert found.contradicted.sum() == 1 and not (found.confident & found.confident.T).any()
    assert "cannot build on one another in a circle: " in found.report()


def test_mixtures_that_leave_out_what_is_learned_are_said():
    """Of two runs, each has the mixture of the other."""
    runs = list(without_one(MODEL).runs)
    runs[1], runs[2] = (dataclasses.replace(a, mixture=b.mixture) for a, b in (runs[1:3], runs[2:0:-1]))
    curves = Curves(NAMES, tuple(runs))
    said = "run '1, 0': expected column 'B' to stay low, since its mixture says that the task is never met"
    assert said in ro.infer_graph(curves).report()
    with pytest.warns(UserWarning, match=said):
        assert said in ro.fit(curves, MODEL.graph).report()


@functools.cache
def policies_in_order(*order):
    mixtures = [[0.34, 0.33, 0.33], [0.2, 0.3, 0.5], [0, 0.5, 0.5]]
    model = ro.ResourceModel(ro.SkillGraph({"A": [], "B": [], "C": ["A"]}), [1 / 3] * 3, 0.02, 0.1, 0.3)
    found = curves([np.array(mixtures[k]) for k in order], noise=0.0, model=model, steps=np.arange(0.0, 900.0, 15.0))
    return ro.design(ro.fit(found, model.graph, ("learning_rate", "wasted_resource", "frequency_power"))).policies


def test_rules_meet_every_task_whichever_run_is_first():
    first, last = policies_in_order(2, 0, 1), policies_in_order(0, 1, 2)
    for name, policy in last.items():
        np.testing.assert_allclose(first[name].last, policy.last, rtol=1e-3)
        np.testing.assert_allclose([first[name].low, first[name].high], [policy.low, policy.high], rtol=1e-2)
    assert all(np.isfinite(policy.last) for policy in first.values())


def test_without_a_run_of_all_tasks_that_is_what_is_missing():
    found = ro.infer_graph(Curves(NAMES, without_one(MODEL).runs[1:]))
    assert "not identified: no run has all tasks, to compare with those that leave one out." in found.report()
