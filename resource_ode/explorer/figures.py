"""The pictures of the explorer, in Bokeh: made once, filled anew with every change."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from bokeh.models import (
    Arrow,
    BasicTicker,
    ColorBar,
    ColumnDataSource,
    CustomJSTickFormatter,
    CustomJSTransform,
    HoverTool,
    LinearColorMapper,
    NormalHead,
    PointDrawTool,
    TapTool,
)
from bokeh.palettes import Viridis256
from bokeh.plotting import figure
from bokeh.transform import transform

from ..graphs.graph import SkillGraph
from ..plot.graph_drawing import layered_places
from ..plot.style import GREY, STEPS, cell_edges
from .scene import MEASURES, NAMES, RANGES, Drawn

# as in the pictures of `ro.plot`: the lightest end is hard to see on white
PALETTE: tuple[str, ...] = Viridis256[:243]
WASTE = "#E6E6E6"
WIDTH, HEIGHT = 420, 270
# points that an arrow keeps from the middle of the skill that it leads to
CLEAR = 11
# names stand in a graph of up to so many skills, and so many letters of each
LABELLED, LETTERS = 20, 12
ROUND = (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0)
# what runs in the browser: texts, of which each explorer makes models of its own, as those of a closed tab are emptied
# like 12000 and 0.003, whatever the size
PLAIN = "return Number(tick.toPrecision(3)).toString()"
# rows arrive as one array in the place of the first: of an array for each, the messages take longer than their numbers
ALIKE = "return xs.map(() => xs[0])"
CUT = """
const all = new Float32Array(xs[0]), places = all.length / xs.length
return xs.map((_, row) => all.subarray(row * places, (row + 1) * places))
"""
# painted over the axes and the rest of a picture, which then stays as it is
OVER: dict[str, Any] = {"level": "overlay"}


def _figure(title: str, **options: Any) -> Any:
    made: Any = figure(
        title=title,
        height=HEIGHT,
        min_width=300,
        sizing_mode="stretch_width",
        toolbar_location=options.pop("toolbar_location", None),
        tools=options.pop("tools", ""),
        **options,
    )
    made.grid.grid_line_alpha = 0.3
    return made


class Figures:
    """The graph, the frequencies, the levels and the shares of one model, and a map."""

    mapper: Any
    nodes: Any
    arrows: Any
    curves: Any
    bands: Any
    frequencies: Any
    cells: Any
    here: Any
    graph: Any
    levels: Any
    shares: Any
    frequency: Any
    map_mapper: Any
    map: Any

    def __init__(self) -> None:
        self.mapper = LinearColorMapper(palette=PALETTE, low=0.0, high=1.0, nan_color=GREY)
        self.nodes = ColumnDataSource(
            {"x": [], "y": [], "name": [], "label": [], "color": [], "marker": [], "said": []}, name="skills"
        )
        self.arrows = ColumnDataSource({"x0": [], "y0": [], "x1": [], "y1": []})
        self.curves = ColumnDataSource({"xs": [], "ys": [], "color": [], "name": []}, name="levels")
        self.bands = ColumnDataSource({"xs": [], "ys": [], "color": [], "name": []}, name="shares")
        self.frequencies = ColumnDataSource({"x": [], "y": []}, name="frequencies")
        self.cells = ColumnDataSource(
            {"left": [], "right": [], "bottom": [], "top": [], "value": [], "x": [], "y": []}, name="cells"
        )
        self.here = ColumnDataSource({"x": [], "y": []})
        self.graph = self._graph()
        self.levels = self._over_time("Levels", "level", self.curves)
        self.shares = self._over_time("Shares of the resource (grey: wasted)", "share", self.bands)
        self.frequency = self._frequency()
        self.map_mapper = LinearColorMapper(palette=PALETTE, low=0.0, high=1.0, nan_color=GREY)
        self.map_bar: Any = None
        self.map = self.new_map("wasted_resource", "gate_exponent")

    def _graph(self) -> Any:
        made = _figure("Graph", y_axis_location=None, x_axis_label="depth")
        made.grid.visible = False
        made.xaxis.ticker = BasicTicker(mantissas=[1, 2, 5], min_interval=1, num_minor_ticks=0)
        line: dict[str, Any] = {"line_color": "#606060", "line_alpha": 0.6}
        made.add_layout(
            Arrow(
                source=self.arrows,
                x_start="x0",
                y_start="y0",
                x_end="x1",
                y_end="y1",
                end=NormalHead(size=6, fill_color="#606060", line_color="#606060"),
                **line,
                level="underlay",
            )
        )
        dots = made.scatter(
            "x", "y", source=self.nodes, size=15, fill_color="color", line_color="black", marker="marker", **OVER
        )
        style: dict[str, Any] = {"text_align": "left", "text_baseline": "middle", "text_font_size": "10px"}
        # beside a skill, where its neighbours of the layer are not; an arrow may pass under it
        made.text(
            "x",
            "y",
            "label",
            source=self.nodes,
            x_offset=9,
            background_fill_color="white",
            background_fill_alpha=0.7,
            **style,
            **OVER,
        )
        made.x_range.range_padding = 0.2  # room for the names
        made.add_tools(HoverTool(renderers=[dots], tooltips=[("skill", "@name"), ("steps to level 1/2", "@said")]))
        bar = ColorBar(
            color_mapper=self.mapper,
            title=f"learning time ({STEPS})",
            width=10,
            formatter=CustomJSTickFormatter(code=PLAIN),
        )
        made.add_layout(bar, "right")
        return made

    def _over_time(self, title: str, label: str, source: Any) -> Any:
        made = _figure(title, x_axis_label=STEPS, y_axis_label=label, x_range=(0, 1), y_range=(0, 1.02))
        made.xaxis.formatter = CustomJSTickFormatter(code=PLAIN)
        made.title.level = made.axis.level = "overlay"
        rows = [transform(name, CustomJSTransform(v_func=code)) for name, code in (("xs", ALIKE), ("ys", CUT))]
        if source is self.curves:
            drawn = made.multi_line(*rows, source=source, line_color="color", line_width=2)
        else:
            drawn = made.patches(*rows, source=source, fill_color="color", line_color="white", line_width=0.4)
        made.add_tools(HoverTool(renderers=[drawn], tooltips="@name"))
        return made

    def _frequency(self) -> Any:
        made = _figure(
            "Frequencies (drag a point)",
            x_axis_label="skill",
            y_axis_label="frequency",
            y_axis_type="log",
            y_range=(1e-3, 1e2),
            name="frequency plot",
        )
        made.yaxis.formatter = CustomJSTickFormatter(code=PLAIN)
        dots = made.scatter("x", "y", source=self.frequencies, size=11, fill_color="#0072B2", line_color="white")
        tool = PointDrawTool(renderers=[dots], add=False)
        made.add_tools(tool)
        made.toolbar.active_tap = tool
        return made

    def new_map(self, x: str, y: str) -> Any:
        """An empty map over two parameters."""
        kinds = {name: "linear" if RANGES[name][0] == 0 else "log" for name in (x, y)}
        made = _figure(
            "Map (a click on a cell opens its run)",
            x_axis_type=kinds[x],
            y_axis_type=kinds[y],
            x_axis_label=NAMES[x],
            y_axis_label=NAMES[y],
        )
        made.height = 330
        made.xaxis.formatter = made.yaxis.formatter = CustomJSTickFormatter(code=PLAIN)
        made.x_range.range_padding = made.y_range.range_padding = 0
        cells = made.quad(
            "left",
            "right",
            "top",
            "bottom",
            source=self.cells,
            line_color=None,
            fill_color={"field": "value", "transform": self.map_mapper},
            nonselection_fill_alpha=1.0,
        )
        made.scatter("x", "y", source=self.here, size=11, marker="cross", line_color="white", line_width=4, **OVER)
        made.scatter("x", "y", source=self.here, size=10, marker="cross", line_color="black", line_width=2, **OVER)
        tap = TapTool(renderers=[cells])
        made.add_tools(tap, HoverTool(renderers=[cells], tooltips="@value"))
        made.toolbar.active_tap = tap
        self.map_bar = ColorBar(color_mapper=self.map_mapper, width=10, formatter=CustomJSTickFormatter(code=PLAIN))
        made.add_layout(self.map_bar, "right")
        return made

    def fill(self, graph: SkillGraph, names: tuple[str, ...], drawn: Drawn, new_graph: bool) -> None:
        """Draw a run."""
        # axes and colours that stand still while little changes: that is quicker, and one sees what moves
        end = round_number(float(drawn.ts[-1]))
        self.mapper.high = end
        color = colours(drawn.times, end)
        skills, rows = graph.skills, len(drawn.ts)
        self.curves.data = {**in_one(drawn.ts, drawn.level.T), "color": color, "name": list(names)}
        order = np.argsort(drawn.times, kind="stable")
        tops = np.concatenate([np.zeros((rows, 1)), np.cumsum(drawn.share[:, order], axis=1)], axis=1)
        tops = np.concatenate([tops, tops[:, -1:] + drawn.waste[:, None]], axis=1)
        outline = np.concatenate([tops[:, 1:], tops[::-1, :-1]])
        self.bands.data = {
            **in_one(np.concatenate([drawn.ts, drawn.ts[::-1]]), outline.T),
            "color": [*(color[skill] for skill in order), WASTE],
            "name": [*(names[skill] for skill in order), "wasted"],
        }
        for picture in (self.levels, self.shares):
            picture.x_range.update(start=0.0, end=end)
        said = [f"{time:.4g}" if np.isfinite(time) else "never" for time in drawn.times]
        if new_graph:
            self._place(graph, names, color, said)
        else:
            self.nodes.patch({"color": [(slice(skills), color)], "said": [(slice(skills), said)]})

    def _place(self, graph: SkillGraph, names: tuple[str, ...], color: list[str], said: list[str]) -> None:
        parents, depth = graph.prerequisite_lists(), np.asarray(graph.depth)
        places = layered_places(parents, depth, list(range(graph.skills)))
        at = np.asarray([places[skill] for skill in range(graph.skills)])
        any_gate = np.asarray(graph.any_gate)
        self.nodes.data = {
            "x": at[:, 0],
            "y": at[:, 1],
            "name": list(names),
            "label": [brief_name(name) if len(names) <= LABELLED else "" for name in names],
            "color": color,
            "said": said,
            "marker": [
                "diamond" if gate and len(row) > 1 else "circle" for gate, row in zip(any_gate, parents, strict=True)
            ],
        }
        edges = np.asarray([(parent, skill) for skill, row in enumerate(parents) for parent in row], int).reshape(-1, 2)
        start, end = at[edges[:, 0]], at[edges[:, 1]]
        # arrows end at the rim of a circle, which is round on the screen
        circle = np.maximum(np.ptp(at, axis=0), 1) * CLEAR / np.asarray([WIDTH, HEIGHT])
        way = (end - start) / circle
        end = end - circle * way / np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-9)
        self.arrows.data = {"x0": start[:, 0], "y0": start[:, 1], "x1": end[:, 0], "y1": end[:, 1]}

    def fill_frequencies(self, frequency: np.ndarray) -> None:
        """Where the points of the frequencies are."""
        self.frequencies.data = {"x": np.arange(1, frequency.size + 1), "y": frequency}
        low, high = self.frequency.y_range.start, self.frequency.y_range.end
        if frequency.min() < low or frequency.max() > high:
            self.frequency.y_range.update(start=frequency.min() / 3, end=frequency.max() * 3)

    def fill_map(self, measure: str, x: str, y: str, across: np.ndarray, up: np.ndarray, values: np.ndarray) -> None:
        """Draw a map."""
        sides = [cell_edges(name, where, RANGES[name][0] > 0) for name, where in ((x, across), (y, up))]
        column, row = np.meshgrid(np.arange(across.size), np.arange(up.size))
        column, row = column.ravel(), row.ravel()
        shown = np.where(np.isfinite(values), values, np.nan).ravel()
        if np.isfinite(shown).any():
            low, high = float(np.nanmin(shown)), float(np.nanmax(shown))
            self.map_mapper.update(low=low, high=high if high > low else low + 1)
        self.map_bar.title = MEASURES[measure]
        self.cells.selected.indices = []
        self.cells.data = {
            "left": sides[0][column],
            "right": sides[0][column + 1],
            "bottom": sides[1][row],
            "top": sides[1][row + 1],
            "value": shown,
            "x": across[column],
            "y": up[row],
        }


def in_one(x: np.ndarray, y: np.ndarray) -> dict[str, list[Any]]:
    """The columns of rows `y`, `(row, place)`, over `x`, as `ALIKE` and `CUT` take them."""
    rest = [None] * (len(y) - 1)
    # half the numbers' bits are enough for a screen, and half as long on the way
    return {"xs": [x.astype(np.float32), *rest], "ys": [y.astype(np.float32), *rest]}


def brief_name(name: str) -> str:
    """What of a name stands beside a skill of the graph; all of it shows under the pointer."""
    name = name.removeprefix("skill ")
    return name if len(name) <= LETTERS else name[: LETTERS - 1] + "…"


def round_number(value: float) -> float:
    """The least of 1, 1.2, 1.5, ... 8, 10, ... that is not below a number above 0."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in ROUND if step * power >= value)


def colours(times: np.ndarray, end: float) -> list[str]:
    """A colour for each learning time up to the end; grey for those that are never reached."""
    reached = np.isfinite(times)
    index = np.clip((np.where(reached, times, 0.0) / end * (len(PALETTE) - 1)).round(), 0, len(PALETTE) - 1)
    return [PALETTE[i] if there else GREY for i, there in zip(index.astype(int), reached, strict=True)]
