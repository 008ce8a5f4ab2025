"""Pictures: what is drawn, how it is labelled, and what is refused. Runs have made-up numbers; hardly one is solved."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray
from matplotlib.colors import LogNorm, to_hex
from matplotlib.patches import FancyArrowPatch

import resource_ode as ro
from resource_ode import plot
from resource_ode.cli import pictures
from resource_ode.plot.style import GREY
from resource_ode.results.outcome import RESULTS, results_from_codes
from resource_ode.results.trajectory import Trajectory

TIMES = np.linspace(0.0, 4000.0, 81)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def model(skills, **changes):
    graph = ro.SkillGraph([[skill - 1] if skill % 10 else [] for skill in range(skills)])
    arguments = {"learning_rate": 1e-3, "wasted_resource": 0.1, "gate_exponent": 0.1, **changes}
    return ro.ResourceModel(graph, np.linspace(1, 2, skills), **arguments)


def invented(model, halfway=None):
    """A run whose skills reach level 1/2 at the times `halfway`, in a straight line of exposure."""
    shape = model.batch_shape
    halfway = np.linspace(200.0, 3900.0, model.skills) if halfway is None else np.asarray(halfway)
    exposure = np.log(2) / np.linspace(1, 2, model.skills) * TIMES[:, None] / halfway
    state = jnp.asarray(np.broadcast_to(exposure, (*shape, *exposure.shape)))
    pools = () if model.pool is None else (model.pools,)
    clock = jnp.zeros((*shape, len(TIMES), *pools))
    return Trajectory(
        jnp.asarray(TIMES), state, clock, None, results_from_codes(np.zeros(shape)), model, "exposure", "invented"
    )


@pytest.fixture(scope="module")
def three():
    return invented(model(3))


@pytest.fixture(scope="module")
def hundred():
    return invented(model(100))


def labels(ax):
    return ax.get_xlabel(), ax.get_ylabel()


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def bars(ax):
    return [other for other in ax.figure.axes if other is not ax]


# -- levels


def test_few_levels_are_named_above_their_curves():
    three = invented(model(3), halfway=[500.0, 2000.0, 3500.0])
    ax = plot.levels(three)
    assert labels(ax) == ("training steps", "level")
    assert len(ax.lines) == 3 and not bars(ax) and ax.get_legend() is None
    assert [text.get_text() for text in ax.texts] == ["skill 1", "skill 2", "skill 3"]
    assert [text.get_color() for text in ax.texts] == [line.get_color() for line in ax.lines] == list(plot.COLOURS[:3])
    np.testing.assert_array_equal(ax.lines[1].get_ydata(), three.level[:, 1])
    assert np.allclose([text.xy[0] for text in ax.texts], [500, 2000, 3500], rtol=0.01)


def test_names_that_would_overlap_go_to_a_legend_in_order_of_learning():
    ax = plot.levels(invented(model(3), halfway=[2100.0, 2000.0, 2050.0]))
    assert not ax.texts and legend(ax) == ["skill 2", "skill 3", "skill 1"]


def test_many_levels_have_a_colour_bar(hundred):
    ax = plot.levels(hundred)
    assert len(ax.lines) == 100 and ax.get_legend() is None and not ax.texts
    assert [bar.get_ylabel() for bar in bars(ax)] == ["learning time (training steps)"]
    ax = plot.levels(hundred, color_by="depth")
    assert [bar.get_ylabel() for bar in bars(ax)] == ["depth in the graph"]
    assert not bars(plot.levels(hundred, colorbar=False))


def test_chosen_skills_are_drawn_on_given_axes(hundred):
    _, ax = plt.subplots()
    assert plot.levels(hundred, ax=ax, skills=["skill 7", 99]) is ax
    assert len(ax.lines) == 2
    np.testing.assert_array_equal(ax.lines[1].get_ydata(), hundred.level[:, 99])


# -- shares


def test_shares_stack_to_one_with_the_waste_on_top(three):
    ax = plot.shares(three)
    assert labels(ax) == ("training steps", "share of the resource")
    assert len(ax.collections) == 4
    assert legend(ax) == ["wasted", "skill 3", "skill 2", "skill 1"]
    wasted = ax.collections[-1]
    assert wasted.get_hatch() and wasted.get_paths()[0].vertices[:, 1].max() == pytest.approx(1)
    assert [to_hex(c.get_facecolor()[0]).upper() for c in ax.collections[:3]] == list(plot.COLOURS[:3])
    assert ax.get_ylim() == (0, 1)


def test_skills_have_the_same_colour_in_levels_and_shares():
    run = invented(model(3), halfway=[3000.0, 1000.0, 2000.0])
    ax = plot.shares(run)
    assert legend(ax) == ["wasted", "skill 1", "skill 3", "skill 2"]
    drawn = [to_hex(band.get_facecolor()[0]).upper() for band in ax.collections[:3]]
    assert drawn == [plot.levels(run).lines[skill].get_color() for skill in (1, 2, 0)]


@pytest.mark.parametrize("skills", [3, 30])
def test_a_skill_has_one_colour_in_all_pictures_of_a_run(skills):
    rng = np.random.default_rng(0)
    run = invented(model(skills), halfway=rng.permutation(np.linspace(200, 3900, skills)))
    expected = [to_hex(color) for color in plot.colours(run)]
    assert len(set(expected)) == skills
    assert [to_hex(line.get_color()) for line in plot.levels(run).lines] == expected
    nodes = plot.graph(run).collections[0]
    assert [to_hex(color) for color in nodes.get_facecolor()] == expected
    order = np.argsort(plot.colouring.half_times(run))
    bands = plot.shares(run).collections[:-1]
    assert [to_hex(band.get_facecolor()[0]) for band in bands] == [expected[skill] for skill in order]
    some = plot.levels(run, skills=[2, 1], legend=True)
    assert [to_hex(line.get_color()) for line in some.lines] == [expected[2], expected[1]]
    assert sorted(legend(some)) == ["skill 2", "skill 3"]


@pytest.mark.parametrize("skills", [3, 15, 30, 300])
@pytest.mark.parametrize(
    ("shape", "words"),
    [("chain", "a much longer name of skill {}"), ("star", "skill {}"), ("layers", "a longer name {}")],
)
def test_names_never_overlap(skills, shape, words):
    parents = {
        "chain": [[skill - 1] if skill else [] for skill in range(skills)],
        "star": [[0] if skill else [] for skill in range(skills)],
        "layers": [[skill - 5] if skill >= 5 else [] for skill in range(skills)],
    }[shape]
    graph = ro.SkillGraph(parents, names=[words.format(skill) for skill in range(skills)])
    run = invented(ro.ResourceModel(graph, np.linspace(1, 2, skills), 1e-3, 0.1, 0.1))
    # of many skills, levels and shares have a colour bar in place of names, however many they are
    drawn = [plot.graph(graph)] if skills > 15 else [plot.graph(graph), *plot.summary(run).axes]
    for ax in drawn:
        texts = [*ax.texts, *(ax.get_legend().get_texts() if ax.get_legend() else [])]
        assert plot.names.apart(plot.names.boxes(ax, texts))
    if skills == 3:
        assert len(drawn[0].texts) == 3


def test_axes_may_be_in_a_part_of_a_figure(three):
    left, right = plt.figure(layout="constrained", figsize=(8, 3)).subfigures(1, 2)
    for ax in (ro.plot.levels(three, ax=left.subplots()), ro.plot.graph(three, ax=right.subplots())):
        assert [text.get_text() for text in ax.texts] == ["skill 1", "skill 2", "skill 3"]


def test_names_are_left_out_only_where_they_do_not_fit():
    assert len(plot.graph(ro.graphs.tree(3)).texts) == 15
    assert len(plot.graph(ro.graphs.layered(jax.random.key(0), [6] * 5)).texts) == 30
    assert not plot.graph(ro.graphs.chain(300)).texts


def test_a_batch_is_a_median_and_a_band():
    rates = np.linspace(1, 2, 11)
    runs = invented(model(3, wasted_resource=rates))
    scaled = eqx.tree_at(lambda run: run.state, runs, runs.state * rates[:, None, None])
    ax = plot.batch(scaled)
    assert labels(ax) == ("training steps", "level") and len(ax.lines) == len(ax.collections) == 3
    np.testing.assert_allclose(ax.lines[1].get_ydata(), np.median(scaled.level, axis=0)[:, 1], rtol=1e-12)
    band = ax.collections[1].get_paths()[0].vertices[:, 1]
    assert band.max() == pytest.approx(np.quantile(scaled.level[..., 1], 0.9, axis=0).max())
    assert legend(ax)[:3] == ["skill 1", "skill 2", "skill 3"] and "of 11 runs" in legend(ax)[-1]
    assert plot.batch(scaled, "loss").get_ylabel() == "loss"
    for arguments, message in (
        ((scaled[0],), "got one run"),
        ((scaled, "height"), "quantity: expected one of"),
        ((3,), "expected a Trajectory"),
    ):
        with pytest.raises(ValueError, match=message):
            plot.batch(*arguments)
    with pytest.raises(ValueError, match="quantiles"):
        plot.batch(scaled, quantiles=(0.9, 0.1))


def test_a_grid_says_what_it_is_over():
    grid = model(3).grid(wasted_resource=[0.01, 0.1, 1.0], learning_rate=[1e-3, 2e-3])
    runs = ro.simulate(grid, np.linspace(0, 5000, 51))
    title = plot.batch(runs).get_title(loc="left")
    assert title == "wasted resource 0.01 to 1\nlearning rate 0.001 to 0.002"
    ax = plot.batch(runs, over="wasted_resource")
    assert ax.get_legend().get_title().get_text() == "wasted resource"
    assert legend(ax) == ["0.01", "0.1", "1", "10% to 90%\nof 2 runs"]
    assert ax.get_ylabel() == "level, mean of the skills" and len(ax.lines) == 3
    mean = np.median(np.asarray(runs.level).mean(axis=-1), axis=1)
    for line, expected in zip(ax.lines, mean, strict=True):
        np.testing.assert_allclose(line.get_ydata(), expected, rtol=1e-12)
    # an axis alone has no band
    alone = runs.sel(learning_rate=1e-3)
    ax = plot.batch(alone, over="wasted_resource", skills=["skill 2"])
    assert legend(ax) == ["0.01", "0.1", "1"] and not ax.collections and ax.get_ylabel() == "level of skill 2"
    np.testing.assert_allclose(ax.lines[2].get_ydata(), np.asarray(alone.level)[2, :, 1], rtol=1e-12)
    assert plot.batch(alone, "waste", over="wasted_resource").get_ylabel() == "waste"
    many = ro.simulate(model(3).grid(wasted_resource=np.geomspace(0.01, 1, 9)), [0.0, 100.0])
    ax = plot.batch(many, over="wasted_resource")
    assert ax.get_legend() is None and "wasted resource" in [other.get_ylabel() for other in ax.figure.axes]
    with pytest.raises(ValueError, match=r"over: there is no axis 'noise' \(the batch has wasted_resource"):
        plot.batch(runs, over="noise")
    with pytest.raises(ValueError, match=r"no batch axis has a name; model\.grid"):
        plot.batch(ro.simulate(model(3, wasted_resource=[0.1, 0.2]), [0.0, 1.0]), over="noise")
    with pytest.raises(ValueError, match=r"pass run\.sel\(wasted_resource=0\.01, learning_rate=0\.001\), or draw all"):
        plot.levels(runs)


def test_labelled_numbers_bring_their_axes_to_maps():
    grid = model(3).grid(wasted_resource=np.geomspace(0.01, 1, 5), learning_rate=np.geomspace(1e-3, 1e-2, 4))
    values = grid.label(ro.horizon(grid), name="horizon")
    ax = plot.heat_map(values)
    assert labels(ax) == ("learning rate", "wasted resource") and ax.get_xscale() == ax.get_yscale() == "log"
    ax = plot.phase(values)
    assert labels(ax) == ("wasted resource", "learning rate")
    with pytest.raises(ValueError, match="variable: expected one of"):
        plot.phase(values.to_dataset(), "height")


def test_many_shares_have_a_colour_bar(hundred):
    ax = plot.shares(hundred)
    assert len(ax.collections) == 101 and legend(ax) == ["wasted"]
    assert bars(ax)[0].get_ylabel() == "learning time (training steps)"


@pytest.mark.parametrize("changes", [{"competition": "l2"}, {"pool": [0, 1, 0], "wasted_resource": [0.1, 0.2]}])
def test_shares_of_other_competitions_sum_to_one(changes):
    run = invented(model(3, **changes))
    ax = plot.shares(run, pool=None if run.model.pool is None else 0)
    top = ax.collections[-1].get_paths()[0].vertices[1 : len(TIMES), 1]
    assert ax.get_ylabel().endswith("share of the resource") and len(ax.collections) == (
        4 if "pool" not in changes else 3
    )
    assert ax.collections[-1].get_paths()[0].vertices[:, 1].max() == pytest.approx(1) and top.min() >= 0


def test_loss_keeps_six_decades(three):
    ax = plot.loss(three)
    assert labels(ax) == ("training steps", "loss")
    assert ax.get_xscale() == ax.get_yscale() == "log" and ax.lines[0].get_xdata()[0] > 0
    assert ax.get_ylim()[1] / ax.get_ylim()[0] < 1e7
    assert plot.loss(three, log=False).get_yscale() == "linear"
    # from shortly before the loss falls: what comes before is flat
    values, times = np.asarray(three.loss), np.asarray(three.ts)
    fallen = times[values < values[0] - 0.05 * (values[0] - values[-1])][0]
    assert ax.get_xlim()[0] == pytest.approx(max(times[1], fallen / 3), rel=0.05)


@pytest.mark.parametrize("rate", [1e-3, 1e-7, 10.0])
def test_times_along_the_loss_do_not_run_into_one_another(rate):
    model = ro.ResourceModel(ro.graphs.chain(3), [0.3, 1.0, 3.0], rate, wasted_resource=1e-3, gate_exponent=1e-2)
    ax = plot.loss(ro.simulate(model))
    ax.figure.canvas.draw()
    low, high = ax.get_xlim()
    ticks = [*ax.xaxis.get_major_ticks(), *ax.xaxis.get_minor_ticks()]
    shown = [tick.label1 for tick in ticks if low <= tick.get_loc() <= high and tick.label1.get_text()]
    boxes = sorted((label.get_window_extent() for label in shown), key=lambda box: box.x0)
    assert len(boxes) > 1 and all(left.x1 < right.x0 for left, right in itertools.pairwise(boxes))


# -- graphs


def test_a_graph_has_a_node_a_skill_and_an_arrow_a_dependency():
    skills = ro.SkillGraph([[], [], [0, 1], [1, 2], [3]], gate=["all", "all", "all", "any", "any"])
    ax = plot.graph(skills, times=[1.0, 2.0, 30.0, np.inf, np.nan])
    assert sum(isinstance(patch, FancyArrowPatch) for patch in ax.patches) == 5
    circles, diamonds = ax.collections
    # with one prerequisite, "any" and "all" are the same
    assert len(circles.get_offsets()) == 4 and len(diamonds.get_offsets()) == 1
    np.testing.assert_array_equal(circles.get_offsets()[:, 0], [0, 0, 1, 3])
    assert to_hex(diamonds.get_facecolor()[0]).upper() == GREY
    assert legend(ax) == ["never learned", "needs all", "needs any"]
    assert [text.get_text() for text in ax.texts] == [f"skill {i}" for i in range(1, 6)]
    assert ax.get_xlabel() == "depth in the graph"
    assert bars(ax)[0].get_ylabel() == "learning time (training steps)"


def test_a_large_graph_has_no_names_and_no_two_nodes_in_one_place(hundred):
    ax = plot.graph(hundred.model)
    places = ax.collections[0].get_offsets()
    assert len(places) == len(np.unique(np.round(places, 6), axis=0)) == 100
    assert not ax.texts and not bars(ax) and ax.get_legend() is None


def test_a_tree_is_drawn_without_crossings():
    places = plot.graph(ro.SkillGraph([[], [], [], [], [0, 2], [1, 3]])).collections[0].get_offsets()
    above = {skill: places[skill][1] > places[5 if skill in (0, 2) else 4][1] for skill in (0, 2)}
    assert above[0] == above[2]
    assert len({round(y, 6) for y in places[:4, 1]}) == 4


# -- heat maps


def test_heat_map_on_logarithmic_axes_centres_its_cells():
    x, y = np.geomspace(1e-3, 1, 4), np.array([1.0, 2.0, 4.0])
    values = np.arange(12.0).reshape(3, 4)
    values[0, 0] = np.inf
    ax = plot.heat_map(
        values, x, y, x_label="wasted resource", y_label="gate exponent", label="horizon (training steps)"
    )
    assert labels(ax) == ("wasted resource", "gate exponent")
    assert bars(ax)[0].get_ylabel() == "horizon (training steps)"
    assert ax.get_xscale() == ax.get_yscale() == "log"
    corners = ax.collections[0].get_coordinates()[0, :, 0]
    np.testing.assert_allclose(np.sqrt(corners[1:] * corners[:-1]), x)
    assert np.ma.count_masked(ax.collections[0].get_array()) == 1 and legend(ax) == ["no finite value"]


def test_cells_of_positive_coordinates_do_not_reach_below_zero():
    ax = plot.heat_map(np.ones((2, 3)), [1.0, 5.0, 10.0], [1e-3, 1e-2])
    assert (ax.get_xscale(), ax.get_yscale()) == ("linear", "log")
    assert ax.get_xlim() == (0, 12.5)
    np.testing.assert_allclose(ax.get_ylim(), [1e-3 / np.sqrt(10), 1e-2 * np.sqrt(10)])
    ax = plot.heat_map(np.ones((2, 3)), [-1.0, 0.0, 1.0], [1.0, 2.0])
    assert (ax.get_xlim(), ax.get_ylim(), ax.get_yscale()) == ((-1.5, 1.5), (0.5, 2.5), "linear")


def test_maps_share_one_bar():
    axes = plot.heat_maps({"one": [[1.0, 10.0]], "other": [[100.0, 1e5]]}, label="steps", log=True)
    norms = [ax.collections[0].norm for ax in axes]
    assert norms[0] is norms[1] and (norms[0].vmin, norms[0].vmax) == (1.0, 1e5)
    others = [ax for ax in axes[0].figure.axes if ax not in list(axes)]
    assert [bar.get_ylabel() for bar in others] == ["steps"]
    assert [ax.get_title(loc="left") for ax in axes] == ["one", "other"]
    others[0].figure.draw_without_rendering()
    ticks = [text.get_text() for text in others[0].get_yticklabels()]
    assert {"1", "100", "10000"} <= set(ticks) and not any("mathdefault" in tick for tick in ticks)


def test_curves_that_lie_on_one_another_are_all_seen():
    model = ro.ResourceModel(ro.SkillGraph([[], [], [], [0]]), np.ones(4), 1e-2, 0.1, 0.1)
    drawn = plot.levels(ro.simulate(model, np.linspace(0, 500, 20))).lines
    assert [line.get_linestyle() for line in drawn[:4]] == ["-", "--", "--", "-"]
    assert drawn[1]._unscaled_dash_pattern != drawn[2]._unscaled_dash_pattern


@pytest.mark.parametrize(("low", "high"), [(850, 1150), (900, 1900), (300, 4000), (1e3, 3e5), (1e-9, 1e9)])
def test_a_logarithmic_bar_has_three_numbers_at_least(low, high):
    bar = plot.heat_map([[low, high]], log=True).figure.axes[1]
    bar.figure.canvas.draw()
    said = [place for place, label in zip(bar.get_yticks(), bar.get_yticklabels(), strict=True) if label.get_text()]
    assert sum(low <= place <= high for place in said) >= 3


def test_a_value_with_a_centre_is_white_there():
    image = plot.heat_map([[-1.0, 0.0, 3.0]], center=0.0).collections[0]
    np.testing.assert_allclose(image.cmap(image.norm(0.0))[:3], 1, atol=0.05)
    assert (image.norm.vmin, image.norm.vmax) == (-3, 3)
    ratio = plot.heat_map([[0.5, 1.0, 8.0]], center=1.0, log=True).collections[0]
    np.testing.assert_allclose(ratio.cmap(ratio.norm(1.0))[:3], 1, atol=0.05)
    assert (ratio.norm.vmin, ratio.norm.vmax) == (0.125, 8)
    for wrong in (np.nan, -1.0):
        with pytest.raises(ValueError, match="center: expected a finite number, above 0"):
            plot.heat_map([[1.0, 2.0]], center=wrong, log=True)


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.002, "0.002"), (50.0, "50"), (2e4, "20000"), (1e-6, "$10^{-6}$"), (2e7, r"$2\times 10^{7}$")],
)
def test_ticks_of_a_logarithmic_bar_are_plain_numbers(value, said):
    assert plot.colouring.plain_number(value) == said


def test_heat_map_takes_a_data_array():
    data = xarray.DataArray(
        np.ones((2, 3)) * [1, 2, 3],
        coords={"pool": [0, 1], "time": ("time", [0.0, 1.0, 2.0], {"units": "training steps"})},
        dims=("pool", "time"),
        name="wasted_share",
        attrs={"units": "1"},
    )
    ax = plot.heat_map(data, log=True)
    assert labels(ax) == ("time (training steps)", "pool") and bars(ax)[0].get_ylabel() == "wasted share"
    assert ax.get_xscale() == "linear"
    np.testing.assert_allclose(ax.collections[0].get_coordinates()[0, :, 0], [-0.5, 0.5, 1.5, 2.5])


# -- what is refused


@pytest.mark.parametrize("picture", [plot.levels, plot.shares, plot.loss])
def test_a_batch_or_a_failed_run_is_refused(picture, three):
    batch = invented(model(3, wasted_resource=[0.1, 0.2]))
    with pytest.raises(ValueError, match=r"got a batch of shape \(2,\); pass run\[i\]"):
        picture(batch)
    with pytest.raises(ValueError, match="run: expected a Trajectory, got int"):
        picture(3)
    failed = Trajectory(
        three.ts,
        three.state * jnp.nan,
        three.clock,
        None,
        results_from_codes(2),
        three.model,
        "exposure",
        "invented",
    )
    with pytest.raises(ValueError, match=RESULTS[RESULTS.not_finite][:30]):
        picture(failed)
    assert not plt.get_fignums()


CALLS = {
    "skills: expected a list": lambda run: plot.levels(run, skills="skill 1"),
    "skills: expected names": lambda run: plot.levels(run, skills=["skill 9"]),
    "skills: expected indices from 0 to 2, got 3": lambda run: plot.levels(run, skills=[3]),
    "skills: expected at least one": lambda run: plot.levels(run, skills=[]),
    "color_by: expected": lambda run: plot.levels(run, color_by="name"),
    "ax: expected matplotlib axes, got str": lambda run: plot.levels(run, ax="axes"),
    "pool: this run has no pools": lambda run: plot.shares(run, pool=0),
    "pool: this run has 2 pools": lambda run: plot.shares(invented(model(3, pool=[0, 1, 0]))),
    "source: expected a SkillGraph": lambda run: plot.graph(3),
    "source: expected one graph": lambda run: plot.graph(ro.stack([run.model] * 2)),
    "times: expected one learning time per skill": lambda run: plot.graph(run.model, times=[1.0]),
    "times: expected numbers": lambda run: plot.graph(run.model, times=["soon"] * 3),
    "values: expected two dimensions": lambda run: plot.heat_map([1.0], [1], [1]),
    r"values: expected shape \(y, x\)": lambda run: plot.heat_map(np.ones((2, 3)), [1, 2], [1, 2, 3]),
    "x: expected strictly": lambda run: plot.heat_map(np.ones((2, 2)), [1, 1], [1, 2]),
    "y: expected coordinates above 0": lambda run: plot.heat_map(np.ones((2, 2)), [1, 2], [0, 2], log_y=True),
    "x: expected finite": lambda run: plot.heat_map(np.ones((2, 2)), [1, np.inf], [1, 2]),
    "log: expected some values above 0": lambda run: plot.heat_map(-np.ones((2, 2)), [1, 2], [1, 2], log=True),
}


@pytest.mark.parametrize("message", CALLS)
def test_bad_input_is_refused_in_one_sentence(message, three):
    with pytest.raises(ValueError, match=message) as caught:
        CALLS[message](three)
    assert "\n" not in str(caught.value)
    assert not plt.get_fignums()


# -- names, depths and runs of every kind


NAMES = ["$\\frac{$", "a$b_{$", "_private", "US$ to EU$", "line\nbreak", "\x1b[2J", "x" * 100]
DRAWN = [*NAMES[:4], "line\\nbreak", "\\x1b[2J", "x" * 37 + "..."]


def test_names_are_drawn_as_they_are(tmp_path):
    graph = ro.SkillGraph([[]] * len(NAMES), names=NAMES)
    run = invented(ro.ResourceModel(graph, np.ones(len(NAMES)), learning_rate=1e-3, wasted_resource=0.1))
    figure, (first, second, third) = plt.subplots(3)
    assert set(legend(plot.levels(run, ax=first))) == set(DRAWN)
    assert set(legend(plot.shares(run, ax=second))) == {*DRAWN, "wasted"}
    plot.graph(graph, ax=third)
    # a formula that cannot be set would end here
    figure.savefig(tmp_path / "names.png")
    assert {text.get_text() for text in third.texts} == set(DRAWN)


@pytest.mark.parametrize("skills", [256, 257, 600])
def test_chains_of_any_depth_have_colours(skills, tmp_path):
    graph = ro.graphs.chain(skills)
    run = invented(ro.ResourceModel(graph, 1.0 + np.arange(skills), 1e-3, 0.1, 0.1))
    ax = plot.levels(run, color_by="depth")
    assert len(ax.lines) == skills
    assert len({to_hex(line.get_color()) for line in ax.lines}) >= 150
    ax.figure.savefig(tmp_path / "deep.png")


def test_a_run_without_waste_is_drawn(tmp_path):
    run = ro.simulate(ro.ResourceModel(ro.SkillGraph([[], [0]]), [1.0, 1.0], 0.1, 0.0, 0.01), np.linspace(0, 40, 41))
    assert np.isinf(np.asarray(run.state)).any()
    for picture in (plot.levels, plot.shares, plot.loss):
        picture(run).figure.savefig(tmp_path / "run.png")
    np.testing.assert_allclose(plot.levels(run).lines[1].get_ydata()[[0, -1]], [0, 1])


@pytest.mark.parametrize(("ends", "powers"), [((1e-4, 9e5), False), ((1e4, 1e9), True), ((2e5, 9e6), True)])
def test_ticks_of_a_logarithmic_bar_are_of_one_kind(ends, powers):
    figure, ax = plt.subplots()
    bar = plot.colouring.add_bar(ax, ax.imshow([ends], norm=LogNorm(*ends)), "steps")
    figure.canvas.draw()
    ticks = zip(bar.ax.get_yticks(), bar.ax.get_yticklabels(), strict=True)
    found = [tick.get_text() for value, tick in ticks if ends[0] <= value <= ends[1]]
    assert len(found) > 2 and {"10^" in text for text in found} == {powers}
    plt.close(figure)


def test_a_picture_from_the_command_line_has_the_style_of_all_others(three, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(pictures, "save_figure", lambda figure, path: drawn.append(figure))
    pictures.draw_run(three, tmp_path / "run.png")
    pictures.draw_batch(invented(model(3, wasted_resource=[0.1, 0.2])), tmp_path / "batch.png")
    for figure in drawn:
        for ax in figure.axes:
            assert not ax.spines["top"].get_visible() and not ax.spines["right"].get_visible()
            assert ax.xaxis.label.get_fontsize() == plot.STYLE["axes.labelsize"]
        # the times are those of the lowest panel
        assert [ax.get_xlabel() for ax in figure.axes] == ["", "training steps"]


def test_a_graph_has_no_line_where_there_are_no_ticks(three):
    summary = plot.summary(three)
    assert not summary.axes[0].spines["left"].get_visible()
    _, boxed = plt.subplots()
    assert plot.graph(three, ax=boxed).spines["left"].get_visible()


def test_long_labels_stay_on_the_figure():
    said = "time of the last skill, with over without dependencies"
    figure = plot.heat_map([[1.0, 2.0]], label=said, y_label=said).figure
    figure.draw_without_rendering()
    for ax in figure.axes:
        box = ax.yaxis.label.get_window_extent()
        assert 0 <= box.y0 and box.y1 <= figure.bbox.y1


def test_keys_may_be_left_out():
    maps = {"one": [[1.0, np.nan]], "other": [[100.0, 1e5]]}
    axes = plot.heat_maps(maps, colorbar=False, legend=False)
    assert len(axes[0].figure.axes) == 2 and axes[0].get_legend() is None


LONG = ["subject verb agreement in long sentences", "long division by carrying", "coreference resolution of pronouns"]


def test_long_names_leave_the_axes_their_width():
    graph = ro.SkillGraph([[], [0], [0]], names=LONG)
    model = ro.ResourceModel(graph, [1.0, 0.9, 1.0], 1e-3, 1e-2, 1e-2)
    run = ro.simulate(model)
    for ax in (
        plot.levels(run, legend=True),
        plot.shares(run),
        plot.batch(ro.simulate(model.grid(gate_exponent=[0.01, 1.0]))),
    ):
        ax.figure.draw_without_rendering()
        names, figure = ax.get_legend().get_window_extent(), ax.figure.bbox
        assert ax.get_window_extent().width > 0.75 * figure.width
        assert names.y0 >= ax.get_window_extent().y1 and names.x1 <= figure.x1 and names.y1 <= figure.y1
        # nothing else stands above, where the names are
        assert not ax.get_title(loc="left")


def test_many_steps_are_ticks_that_keep_apart():
    run = ro.simulate(ro.ResourceModel(ro.SkillGraph([[], [0]]), [1.0, 0.3], 1e-6, 1e-2, 1e-2))
    ax = plot.levels(run)
    ax.figure.draw_without_rendering()
    found = [text.get_text() for text in ax.get_xticklabels()]
    assert ax.get_xlim()[1] > 1e6 and found[1].endswith(("k", "M")) and not ax.xaxis.get_offset_text().get_text()


def test_learning_times_are_a_map_with_a_row_per_skill():
    graph = ro.SkillGraph([[], [0], [0]], names=["a", "b$_c", "d" * 80])
    batch = ro.ResourceModel(graph, [1.0, 0.3, 1.0], 1e-3, 1e-2, 1e-2).grid(wasted_resource=[1e-3, 1e-2, 1e-1, 1.0])
    times = batch.label(ro.learning_times(batch), name="learning time", units="training steps")
    ax = plot.heat_map(times, log=True)
    assert labels(ax) == ("wasted resource", "skill")
    names = [text.get_text() for text in ax.get_yticklabels()]
    assert names[:2] == ["a", "b$_c"] and len(names[2]) < 30
    np.testing.assert_allclose(np.asarray(ax.collections[0].get_array()), np.asarray(times).T)
    own = plot.heat_map(np.asarray(times), y=[1.0, 2.0, 3.0, 4.0], x=["a", "b", "c"])
    assert [text.get_text() for text in own.get_xticklabels()] == ["a", "b", "c"]


def test_words_without_room_are_thinned_out_evenly():
    names = [f"skill number {number}" for number in range(300)]
    ax = plot.heat_map(np.arange(600.0).reshape(300, 2), y=names)
    ax.figure.draw_without_rendering()
    drawn = [text for text in ax.get_yticklabels() if text.get_text()]
    assert 10 < len(drawn) < 60 and plot.names.apart(plot.names.boxes(ax, drawn))
    assert len(set(np.diff([text.get_position()[1] for text in drawn]))) == 1


def test_bent_arrows_stay_inside_the_axes():
    rng = np.random.default_rng(0)
    lists = [sorted({int(row) for row in rng.integers(0, skill, min(skill, 2))}) for skill in range(100)]
    for figure in (plot.graph(ro.SkillGraph(lists)).figure, plt.figure(figsize=(7, 1.5))):
        ax = figure.axes[0] if figure.axes else plot.graph(ro.SkillGraph(lists), ax=figure.subplots())
        figure.draw_without_rendering()
        extents = np.asarray([patch.get_window_extent().extents for patch in ax.patches])
        assert extents[:, 1].min() > ax.bbox.y0 and extents[:, 3].max() < ax.bbox.y1


def test_numbers_in_a_legend_have_as_few_digits_as_tell_them_apart():
    model = ro.ResourceModel(ro.SkillGraph([[], [0]]), [1.0, 0.3], 1e-3, 1e-2, 1e-2)
    for values, said in (([0.00316228, 0.1], ["0.00316", "0.1"]), ([0.12341, 0.12342], ["0.12341", "0.12342"])):
        ax = plot.batch(ro.simulate(model.grid(wasted_resource=values)), over="wasted_resource")
        assert [text.get_text() for text in ax.get_legend().get_texts()] == said


def test_levels_beyond_one_are_not_cut_off():
    """With interference what other skills learn may carry a skill beyond 1: here to 1.04."""
    overlaps = [[1, 0.5, -0.3], [0.5, 1, 0.1], [-0.3, 0.1, 1]]
    model = ro.ResourceModel(ro.SkillGraph([[]] * 3), [1.0, 0.3, 0.5], 0.01, 0.1, interference=overlaps)
    ts = np.linspace(0, 1000, 101)
    run, members = ro.simulate(model, ts), ro.simulate(model.replace(wasted_resource=[0.1, 0.2]), ts)
    highest = float(np.max(run.level))
    assert highest > 1.03
    for axes in (ro.plot.levels(run), ro.plot.batch(members)):
        axes = np.ravel(axes)
        assert all(ax.get_ylim()[1] > highest + 0.01 for ax in axes if ax.get_ylabel().startswith("level"))
        assert any(ax.get_ylabel().startswith("level") for ax in axes)
