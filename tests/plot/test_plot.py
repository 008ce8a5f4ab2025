"""Pictures: what is drawn, how it is labelled, and what is refused. Runs have made-up numbers; none is solved."""

import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray
from matplotlib.colors import to_hex
from matplotlib.patches import FancyArrowPatch

import resource_ode as ro
from resource_ode import plot
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
    assert [bar.get_ylabel() for bar in bars(ax)] == ["depth in the graph"]
    ax = plot.levels(hundred, color_by="learning time")
    assert [bar.get_ylabel() for bar in bars(ax)] == ["learning time (training steps)"]


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
    "graph_or_model: expected a SkillGraph": lambda run: plot.graph(run),
    "graph_or_model: expected one graph": lambda run: plot.graph(ro.stack([run.model] * 2)),
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
    ax = plot.levels(run)
    assert len(ax.lines) == skills
    assert len({to_hex(line.get_color()) for line in ax.lines}) >= 150
    ax.figure.savefig(tmp_path / "deep.png")


def test_a_run_without_waste_is_drawn(tmp_path):
    run = ro.simulate(ro.ResourceModel(ro.SkillGraph([[], [0]]), [1.0, 1.0], 0.1, 0.0, 0.01), np.linspace(0, 40, 41))
    assert np.isinf(np.asarray(run.state)).any()
    for picture in (plot.levels, plot.shares, plot.loss):
        picture(run).figure.savefig(tmp_path / "run.png")
    np.testing.assert_allclose(plot.levels(run).lines[1].get_ydata()[[0, -1]], [0, 1])
