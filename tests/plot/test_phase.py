"""Phase diagrams: what is averaged, what is drawn, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import xarray
from matplotlib import pyplot
from matplotlib.colors import LogNorm

import resource_ode as ro
from resource_ode.plot.phase_diagram import overview


@pytest.fixture(autouse=True)
def no_figure_is_left() -> Iterator[None]:
    yield
    pyplot.close("all")


def dataset() -> xarray.Dataset:
    """Efficiency x/(x + y) + noise of known size, over waste, density, spread and graphs."""
    waste, density, spread = np.geomspace(1e-2, 1e2, 5), np.linspace(0, 1, 4), np.asarray([0.5, 1.0, 2.0])
    scatter = np.asarray([-1.0, 0.0, 1.0])
    base = density[:, None] / (waste[:, None, None] + 1) + 0 * spread
    values = base[..., None] + 0.01 * scatter
    times = 1e3 * (1 + waste)[:, None, None, None] * np.ones_like(values)
    names = ("wasted_resource", "density", "sigma", "graph")
    return xarray.Dataset(
        {
            "efficiency": (names, values, {"long_name": "useful share", "units": "1"}),
            "horizon": (names, times, {"long_name": "horizon", "units": "training steps"}),
            "failed": (names, np.zeros(values.shape, np.int8)),
            "levels": ((*names, "time"), values[..., None] + np.zeros(2)),
        },
        {
            "wasted_resource": ("wasted_resource", waste, {"long_name": "wasted resource $N_0$", "units": "1"}),
            "density": density,
            "sigma": spread,
        },
    )


def drawn(ax: Any) -> np.ndarray:
    return np.asarray(ax.collections[0].get_array())


def test_mean_over_graphs_on_the_right_axes() -> None:
    data = dataset().isel(sigma=0)
    ax = ro.plot.phase(data, "efficiency")
    np.testing.assert_allclose(drawn(ax), data["efficiency"].mean("graph").values.T)
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "linear")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("wasted resource $N_0$", "density")
    assert ax.figure.axes[1].get_ylabel() == "useful share"
    turned = ro.plot.phase(data, "efficiency", x="density", y="wasted_resource")
    np.testing.assert_allclose(drawn(turned), drawn(ax).T)
    assert turned.get_yscale() == "log"
    # one is enough to say which is which
    assert ro.plot.phase(data, "efficiency", y="wasted_resource").get_xlabel() == "density"


def test_undefined_graphs_are_left_out() -> None:
    data = dataset().isel(sigma=0).copy(deep=True)
    data["efficiency"][0, 1, 2] = np.inf
    data["efficiency"][1, 1, :] = np.nan
    ax = ro.plot.phase(data, "efficiency", contours=False)
    np.testing.assert_allclose(drawn(ax)[1, 0], data["efficiency"][0, 1, :2].mean())
    assert np.ma.is_masked(ax.collections[0].get_array()[1, 1])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["undefined"]


def test_times_have_logarithmic_colours() -> None:
    data = dataset().isel(sigma=0)
    assert isinstance(ro.plot.phase(data, "horizon").collections[0].norm, LogNorm) is False
    data["horizon"] = data["horizon"].copy(data=data["horizon"].values ** 2)
    assert isinstance(ro.plot.phase(data, "horizon").collections[0].norm, LogNorm)
    assert not isinstance(ro.plot.phase(data, "horizon", log=False).collections[0].norm, LogNorm)
    with pytest.raises(ValueError, match="variable: expected some finite values above 0 to draw, got none"):
        ro.plot.phase(data.assign(efficiency=-data["horizon"]), "efficiency", log=True)


@pytest.mark.parametrize(("values", "logarithmic"), [([2e-3, 0.5], False), ([2e-3, 5.0], True), ([-1.0, 500.0], False)])
def test_colours_of_an_array_without_units(values: list[float], logarithmic: bool) -> None:
    grid = xarray.DataArray(np.tile(values, (2, 1)), {"x": [0, 1], "y": [0, 1]}, ("x", "y"))
    assert isinstance(ro.plot.phase(grid).collections[0].norm, LogNorm) == logarithmic
    share = grid.assign_attrs(units="1")
    assert not isinstance(ro.plot.phase(share).collections[0].norm, LogNorm)


def test_cells_known_badly_are_hatched() -> None:
    data = dataset().isel(sigma=0).copy(deep=True)
    assert ro.plot.phase(data, "efficiency").get_legend() is None
    # the range of the map is 1/1.01; the standard error of these three is 0.2/sqrt(3)
    data["efficiency"][2, 2] += np.asarray([-0.2, 0.0, 0.2])
    ax = ro.plot.phase(data, "efficiency", contours=False)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["standard error > 5% of range"]
    hatched = ax.collections[1]
    assert hatched.get_hatch() == "////"
    assert not np.ma.getmaskarray(hatched.get_array()).ravel()[2 * 5 + 2] and hatched.get_array().count() == 1
    assert len(ro.plot.phase(data, "efficiency", contours=False, spread="none").collections) == 1


def test_spread_in_a_panel_of_its_own() -> None:
    data = dataset().isel(sigma=0)
    left, right = ro.plot.phase(data, "efficiency", spread="panel", contours=False)
    np.testing.assert_allclose(drawn(right), 0.01, rtol=1e-10)
    assert left.get_ylabel() == "density" and right.get_ylabel() == ""
    assert left.figure.axes[-1].get_ylabel() == "standard deviation over graphs"


def test_contours() -> None:
    data = dataset().isel(sigma=0)
    contours = [
        x for x in ro.plot.phase(data, "efficiency", contours=[0.3, 0.6, 7.0]).collections if hasattr(x, "levels")
    ]
    np.testing.assert_array_equal(contours[0].levels, [0.3, 0.6])
    chosen = [x for x in ro.plot.phase(data, "efficiency").collections if hasattr(x, "levels")]
    np.testing.assert_allclose(chosen[0].levels, [0.2, 0.4, 0.6, 0.8])
    assert not [x for x in ro.plot.phase(data, "efficiency", contours=False).collections if hasattr(x, "levels")]
    with pytest.raises(ValueError, match="contours: expected True, False or finite levels, got"):
        ro.plot.phase(data, "efficiency", contours=[np.nan])


def test_boundaries_lie_where_they_should() -> None:
    data = dataset().isel(sigma=0)
    points = np.asarray([0.1, 1.0, 10.0])
    lines = {"exact": lambda x: x / (1 + x), "by points": (points, points / 20)}
    ax = ro.plot.phase(data, "efficiency", boundary=lines)
    white, black, _, last = ax.lines
    x, y = black.get_data()
    np.testing.assert_allclose(y, x / (1 + x))
    np.testing.assert_allclose(white.get_xydata(), black.get_xydata())
    np.testing.assert_allclose(last.get_xydata(), np.stack([points, points / 20], axis=1))
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["exact", "by points"]
    assert ax.get_xlim()[0] <= x.min() and ax.get_ylim()[1] == pytest.approx(1 + 1 / 6)
    one = ro.plot.phase(data, "efficiency", boundary=lambda x: 0.5)
    np.testing.assert_array_equal(one.lines[0].get_ydata(), 0.5)
    for wrong in ("a line", (points, points[:2])):
        with pytest.raises(ValueError, match="boundary: expected a function of x, or a pair of arrays"):
            ro.plot.phase(data, "efficiency", boundary=wrong)


def test_small_multiples_share_their_colours() -> None:
    data = dataset()
    data["efficiency"] = data["efficiency"] * data["sigma"]
    grid = ro.plot.phase(data, "efficiency", over="sigma", boundary=lambda x: x)
    assert len(grid) == 3 and [ax.get_title() for ax in grid] == ["sigma = 0.5", "sigma = 1", "sigma = 2"]
    for number, ax in enumerate(grid):
        np.testing.assert_allclose(drawn(ax), data["efficiency"].mean("graph").isel(sigma=number).values.T)
        assert ax.collections[0].get_clim() == grid[0].collections[0].get_clim()
    _, mine = pyplot.subplots(1, 3)
    assert [*ro.plot.phase(data, "efficiency", over="sigma", ax=mine)] == [*mine]
    with pytest.raises(ValueError, match="ax: expected 3 matplotlib axes, one per panel, got 2"):
        ro.plot.phase(data, "efficiency", over="sigma", ax=mine[:2])
    # a row is four
    wide = xarray.concat([data.isel(sigma=[0]).assign_coords(sigma=[s]) for s in range(1, 7)], "sigma")
    grid = ro.plot.phase(wide, "efficiency", over="sigma")
    assert len(grid) == 6 and len(grid[0].figure.axes) == 7
    many = xarray.concat([data.isel(sigma=[0]).assign_coords(sigma=[s]) for s in range(1, 18)], "sigma")
    with pytest.raises(ValueError, match="over: expected at most 16 values, one per panel, got 17"):
        ro.plot.phase(many, "efficiency", over="sigma")


@pytest.mark.parametrize("options", [{"over": "sigma"}, {"spread": "panel"}, {}])
def test_no_figure_stays_open_where_drawing_fails(options: dict[str, Any]) -> None:
    data = dataset() if "over" in options else dataset().isel(sigma=0)
    with pytest.raises(ValueError, match="boundary: expected a function of x"):
        ro.plot.phase(data, "efficiency", boundary="a line", **options)
    assert not pyplot.get_fignums()


def test_one_axis_is_a_curve() -> None:
    data = dataset().isel(sigma=0, density=3)
    ax = ro.plot.phase(data, "efficiency")
    x, y = ax.lines[0].get_data()
    np.testing.assert_allclose(y, data["efficiency"].mean("graph"))
    assert ax.get_xscale() == "log" and ax.get_ylabel() == "useful share"
    band = ax.collections[0].get_paths()[0].vertices
    np.testing.assert_allclose(np.ptp(band[np.isclose(band[:, 0], x[0]), 1]), 0.02, rtol=1e-9)
    said = [text.get_text() for text in ax.get_legend().get_texts()]
    assert said == ["standard deviation", "standard error"]
    assert ro.plot.phase(data, "efficiency", legend=False).get_legend() is None
    assert ro.plot.phase(data, "efficiency", spread="none").get_legend() is None
    several = ro.plot.phase(dataset().isel(density=3), "efficiency", x="wasted_resource", over="sigma", spread="none")
    assert [text.get_text() for text in several.get_legend().get_texts()] == ["0.5", "1", "2"]
    for options, message in (
        ({"boundary": lambda x: x}, "boundary: expected two dimensions to draw along, got wasted_resource alone"),
        ({"spread": "panel"}, 'spread="panel": expected two dimensions to draw along'),
    ):
        with pytest.raises(ValueError, match=message):
            ro.plot.phase(data, "efficiency", **options)
    with pytest.raises(ValueError, match="variable: expected some finite values to draw, got none"):
        ro.plot.phase(data * np.nan, "efficiency")
    with pytest.raises(ValueError, match="over: expected at most 8 values, one per curve, got 9"):
        nine = xarray.concat([data.assign_coords(sigma=s) for s in range(9)], "sigma")
        ro.plot.phase(nine, "efficiency", x="wasted_resource", over="sigma")


def test_the_caller_s_axes_are_used() -> None:
    _, ax = pyplot.subplots()
    assert ro.plot.phase(dataset().isel(sigma=0), "efficiency", ax=ax) is ax
    with pytest.raises(ValueError, match="ax: expected matplotlib axes, got str"):
        ro.plot.phase(dataset().isel(sigma=0), "efficiency", ax="axes")


@pytest.mark.parametrize(
    ("variable", "options", "message"),
    [
        ("speed", {}, "variable: expected one of efficiency, failed, horizon, levels, got 'speed'"),
        ("efficiency", {"x": "depth"}, "x: expected one of the dimensions wasted_resource, density, sigma, graph, got"),
        ("efficiency", {"x": "sigma", "y": "sigma"}, "x, y, over: expected different dimensions, graph not among them"),
        ("efficiency", {"x": "graph"}, "x, y, over: expected different dimensions, graph not among them, got graph"),
        ("efficiency", {}, "dataset: 'sigma' is left over; give it as over, or choose with isel"),
        ("efficiency", {"over": "sigma", "spread": "bars"}, "spread: expected one of hatch, panel, none, got 'bars'"),
        ("efficiency", {"over": "sigma", "spread": "panel"}, 'spread: "panel" makes a figure of its own'),
    ],
)
def test_mistakes(variable: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ro.plot.phase(dataset(), variable, **options)


def test_other_mistakes() -> None:
    message = r"dataset: expected an xarray.Dataset, as ro.sweep returns it, or an array with labels.* got int"
    with pytest.raises(ValueError, match=message):
        ro.plot.phase(3, "efficiency")
    with pytest.raises(ValueError, match="variable: expected one that varies along some dimension, got 'efficiency'"):
        ro.plot.phase(dataset().isel(sigma=0, density=0, wasted_resource=0), "efficiency")
    grid = ro.plot.phase(dataset().assign_coords(sigma=["a", "b", "c"]), "efficiency", over="sigma")
    assert [ax.get_title() for ax in grid] == ["sigma = a", "sigma = b", "sigma = c"]
    with pytest.raises(AttributeError, match=r"module 'resource_ode.plot' has no attribute 'phases'"):
        ro.plot.phases  # noqa: B018


def test_words_stand_side_by_side_as_given() -> None:
    words = dataset().isel(sigma=0).assign_coords(density=["b", "a", "$c", "d"])
    for x, y, axis in (("wasted_resource", "density", "yaxis"), ("density", "wasted_resource", "xaxis")):
        ax = ro.plot.phase(words, "efficiency", x=x, y=y)
        assert [label.get_text() for label in getattr(ax, axis).get_ticklabels()] == ["b", "a", r"\$c", "d"]
        ax.figure.canvas.draw()
    ax = ro.plot.phase(words.isel(wasted_resource=0), "efficiency")
    assert [label.get_text() for label in ax.get_xticklabels()] == ["b", "a", r"\$c", "d"]
    mean = words.isel(wasted_resource=0)["efficiency"].mean("graph")
    np.testing.assert_allclose(ax.lines[0].get_ydata(), mean)


def test_values_are_put_in_order() -> None:
    plain, order = dataset().isel(sigma=0), [2, 0, 3, 1]
    shuffled = plain.isel(density=order)
    for select in ({}, {"wasted_resource": 0}):
        axes = [ro.plot.phase(data.isel(select), "efficiency") for data in (plain, shuffled)]
        drawn = [ax.collections[0].get_array().filled(-1) if not select else ax.lines[0].get_xydata() for ax in axes]
        np.testing.assert_array_equal(*drawn)


def test_overview_draws_whatever_there_is() -> None:
    figure = overview(dataset())
    shown = [ax for ax in figure.axes if ax.get_xlabel()]
    assert len(shown) == 2 and shown[0].get_title() == "sigma = 1"
    # one cell is a histogram, one axis a curve
    single = overview(dataset().isel(sigma=[0], density=[0], wasted_resource=[0])).axes[0]
    assert (single.get_xlabel(), single.get_ylabel()) == ("useful share", "graphs")
    assert sum(bar.get_height() for bar in single.patches) == 3
    assert len(overview(dataset().isel(sigma=0, density=0), ["efficiency"]).axes[0].lines) >= 1
    with pytest.raises(ValueError, match="variables: expected one of"):
        overview(dataset(), ["speed"])
    with pytest.raises(ValueError, match="dataset: expected some finite values to draw, got none"):
        overview(dataset() * np.nan)


def test_a_value_with_a_centre_has_diverging_colours() -> None:
    data, name = dataset().isel(sigma=0), "efficiency"
    middle = float(data[name].mean())
    image = ro.plot.phase(data, name, center=middle, colorbar=False).collections[0]
    assert image.norm(middle) == pytest.approx(0.5) and image.get_cmap().name == "RdBu_r"
    with pytest.raises(ValueError, match="center"):
        ro.plot.phase(data, name, center=float("inf"))
