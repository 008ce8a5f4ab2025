"""The explorer on the screen: Panel's widgets around the pictures, and what each of them changes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import panel
from bokeh.layouts import column
from bokeh.models import CustomJSTickFormatter, Slider

from ..model.competition import COMPETITIONS
from ..model.loss import LOSSES
from ..model.model import ResourceModel
from .figures import Figures
from .generators import FREQUENCIES, GRAPHS, Maker, make_frequency, make_graph
from .scene import MEASURES, NAMES, RANGES, START, Scene

GIVEN = "as given"
SLIDERS = ("wasted_resource", "gate_exponent", "learning_rate", "spread")
# pixels of a row of the map's selectors, and of half a row, in which their longest choices can be read
WIDEST, HALF = 325, 190
POWER_OF_TEN = "return Number(Math.pow(10, tick).toPrecision(3)).toString()"


class View:
    """One explorer in one browser tab: a scene, its pictures and its widgets."""

    scene: Scene
    figures: Figures
    quiet: bool
    sliders: dict[str, Any]
    panes: dict[str, Any]
    said: Any
    slider_pane: Any
    loss: Any
    competition: Any
    generator: Any
    gate: Any
    law: Any
    graph_arguments: Any
    law_arguments: Any
    measure: Any
    x: Any
    y: Any
    save: Any

    def __init__(self, model: ResourceModel, folder: Path):
        self.scene = Scene(model)
        self.given = model
        self.folder = folder
        self.figures = Figures()
        # what the map shows: its measure, its axes, all else that it depends on
        self.mapped: Any = None
        # while widgets are set by the program, what they say is not followed
        self.quiet = False
        self.said = panel.pane.Alert("", alert_type="light", visible=False, sizing_mode="stretch_width")
        self.sliders = {name: self._slider(name) for name in SLIDERS}
        self.slider_pane = panel.pane.Bokeh(column(*self.sliders.values(), sizing_mode="stretch_width"))
        self.loss = panel.widgets.RadioButtonGroup(label="loss", options=list(LOSSES), value=model.loss)
        self.competition = panel.widgets.RadioButtonGroup(
            label="competition", options=list(COMPETITIONS), value=model.competition
        )
        self.generator = panel.widgets.Select(label="graph", options=[GIVEN, *GRAPHS], value=GIVEN)
        self.gate = panel.widgets.RadioButtonGroup(
            label="prerequisites needed", options=["all", "any"], value="all", disabled=True
        )
        self.law = panel.widgets.Select(label="frequencies", options=[GIVEN, *FREQUENCIES], value=GIVEN)
        self.graph_arguments = panel.Column(sizing_mode="stretch_width")
        self.law_arguments = panel.Column(sizing_mode="stretch_width")
        self.measure = panel.widgets.Select(
            label="map of", options={words: name for name, words in MEASURES.items()}, value="efficiency", width=WIDEST
        )
        axes = {words: name for name, words in NAMES.items()}
        self.x = panel.widgets.Select(label="across", options=axes, value="wasted_resource", width=HALF)
        self.y = panel.widgets.Select(
            label="up", width=HALF, options=axes, value="gate_exponent" if model.graph.fan_in else "spread"
        )
        self.save = panel.widgets.Button(label="Save scenario and picture", color="primary")
        self.panes = {
            name: panel.pane.Bokeh(getattr(self.figures, name), sizing_mode="stretch_width")
            for name in ("graph", "levels", "shares", "frequency", "map")
        }
        self._connect()
        self._show(new_graph=True)
        self._show_map(new_axes=True)

    def layout(self) -> Any:
        """Widgets on the left, pictures on the right; below one another where the window is narrow."""
        controls = panel.Column(
            "### Resource model",
            self.slider_pane,
            self._row("loss", self.loss),
            self._row("competition", self.competition),
            self.generator,
            self.graph_arguments,
            self._row("a skill needs", self.gate),
            self.law,
            self.law_arguments,
            self.save,
            self.said,
            width=300,
        )
        pictures = [
            panel.Column(*(self.panes[name] for name in names), min_width=320, sizing_mode="stretch_width")
            for names in (("graph", "levels", "shares"), ("frequency",))
        ]
        pictures[1].extend([panel.FlexBox(self.measure, self.x, self.y), self.panes["map"]])
        boxes = panel.FlexBox(
            *(panel.Column(column, styles={"flex": "1 1 340px"}, min_width=320) for column in pictures),
            styles={"flex": "1 1 600px"},
            gap="8px",
        )
        return panel.FlexBox(controls, boxes, flex_wrap="wrap", gap="12px", sizing_mode="stretch_width")

    @staticmethod
    def _row(words: str, widget: Any) -> Any:
        return panel.Column(panel.pane.HTML(words), widget, sizing_mode="stretch_width", margin=0)

    def _slider(self, name: str) -> Any:
        """A slider of Bokeh's own: Panel's wait for 50 ms before they say that they moved."""
        low, high = RANGES[name]
        value = self._value(name)
        options: dict[str, Any] = {"title": NAMES[name], "step": 0.01, "sizing_mode": "stretch_width"}
        if name == "spread":
            return Slider(start=low, end=high, value=value, **options)
        # 0 has no logarithm: the slider stands at its low end until it is moved
        place = math.log10(value) if value > 0 else math.log10(low)
        ends = math.floor(min(place, math.log10(low))), math.ceil(max(place, math.log10(high)))
        words = CustomJSTickFormatter(code=POWER_OF_TEN)
        return Slider(start=ends[0], end=ends[1], value=place, format=words, **options)

    def _value(self, name: str) -> float:
        if name == "spread":
            return self.scene.spread
        if name == "gate_exponent" and not self.scene.base.graph.fan_in:
            return START[name]
        return float(getattr(self.scene.base, name))

    def _connect(self) -> None:
        for name, slider in self.sliders.items():
            slider.on_change("value", lambda attribute, old, new, name=name: self._moved(name, new))
            slider.on_change("value_throttled", lambda attribute, old, new: self._show_map())
        self.loss.param.watch(lambda event: self._changed(loss=event.new), "value")
        self.competition.param.watch(lambda event: self._changed(competition=event.new), "value")
        self.generator.param.watch(
            lambda event: self._offer(self.graph_arguments, GRAPHS, event.new, self._new_graph), "value"
        )
        self.gate.param.watch(lambda event: self._new_graph(), "value")
        self.law.param.watch(
            lambda event: self._offer(self.law_arguments, FREQUENCIES, event.new, self._new_law), "value"
        )
        self.measure.param.watch(lambda event: self._show_map(), "value")
        for widget in (self.x, self.y):
            widget.param.watch(lambda event: self._show_map(new_axes=True), "value")
        self.save.on_click(lambda event: self._save())
        self.figures.frequencies.on_change("data", lambda attribute, old, new: self._dragged(new))
        self.figures.cells.selected.on_change("indices", lambda attribute, old, new: self._opened(new))

    def _offer(self, place: Any, makers: Any, name: str, follow: Any) -> None:
        """Sliders for the arguments of a generator."""
        arguments = {} if name == GIVEN else makers[name].arguments
        sliders = []
        for argument, span in arguments.items():
            whole = all(isinstance(value, int) for value in (span.low, span.high, span.start))
            kind, step = (panel.widgets.IntSlider, 1) if whole else (panel.widgets.FloatSlider, 0.01)
            slider = kind(
                label=argument.replace("_", " "),
                start=span.low,
                end=span.high,
                value=span.start,
                step=step,
                sizing_mode="stretch_width",
            )
            slider.param.watch(lambda event: follow(), "value")
            sliders.append(slider)
        place.objects = sliders
        follow()

    @staticmethod
    def _arguments(place: Any, maker: Maker) -> dict[str, Any]:
        return {name: slider.value for name, slider in zip(maker.arguments, place.objects, strict=True)}

    def _moved(self, name: str, value: float) -> None:
        if not self.quiet:
            self.scene.change(**{name: value if name == "spread" else 10.0**value})
            if name == "spread":
                self._show_frequencies()
            self._show()

    def _changed(self, **values: Any) -> None:
        self.scene.change(**values)
        self._show()
        self._show_map()

    def _new_graph(self) -> None:
        self.gate.disabled = self.generator.value == GIVEN
        if self.generator.value == GIVEN:
            graph, frequency = self.given.graph, np.asarray(self.given.frequency)
        else:
            maker = GRAPHS[self.generator.value]
            arguments = self._arguments(self.graph_arguments, maker)
            graph, frequency = make_graph(self.generator.value, self.gate.value, **arguments), None
        self.scene.set_graph(graph, frequency)
        if self.law.value != GIVEN:
            self._set_law()
        self._set_spread_slider()
        self._show(new_graph=True)
        self._show_map()

    def _new_law(self) -> None:
        if self.law.value == GIVEN:
            self.scene.set_frequency(np.resize(np.asarray(self.given.frequency), self.scene.base.skills))
        else:
            self._set_law()
        self._set_spread_slider()
        self._show_frequencies()
        self._show()
        self._show_map()

    def _set_law(self) -> None:
        arguments = self._arguments(self.law_arguments, FREQUENCIES[self.law.value])
        self.scene.set_frequency(make_frequency(self.law.value, self.scene.base.skills, **arguments))

    def _dragged(self, data: Any) -> None:
        if self.quiet:
            return
        there = np.asarray(data["y"], dtype=float)
        if there.size == self.scene.frequency.size:
            self.scene.set_frequency(np.clip(there, 1e-6, 1e6))
        self._set_spread_slider()
        self._show_frequencies()
        self._show()
        self._show_map()

    def _opened(self, indices: Any) -> None:
        """A cell of the map was chosen: the sliders go there."""
        if self.quiet or not indices:
            return
        cell = {key: float(np.asarray(self.figures.cells.data[key])[indices[0]]) for key in ("x", "y")}
        self.scene.change(**{self.x.value: cell["x"], self.y.value: cell["y"]})
        self._silently(self._set_sliders)
        self._show_frequencies()
        self._show()

    def _set_sliders(self) -> None:
        for name, slider in self.sliders.items():
            value = self.scene.spread if name == "spread" else math.log10(self._value(name))
            slider.value = min(max(value, slider.start), slider.end)
        panel.io.push_notebook(self.slider_pane)

    def _set_spread_slider(self) -> None:
        self._silently(lambda: self.sliders["spread"].update(value=self.scene.spread))
        panel.io.push_notebook(self.slider_pane)

    def _silently(self, act: Any) -> None:
        self.quiet = True
        try:
            act()
        finally:
            self.quiet = False

    def _show_frequencies(self) -> None:
        self._silently(lambda: self.figures.fill_frequencies(np.asarray(self.scene.model.frequency)))
        self._push("frequency")

    @panel.io.hold()
    def _show(self, new_graph: bool = False) -> None:
        try:
            drawn = self.scene.drawn()
        except ValueError as error:
            self._say(str(error), "warning")
            return
        if new_graph:
            self._show_frequencies()
        graph = self.scene.base.graph
        self.figures.fill(graph, graph.skill_names(), drawn, new_graph)
        self._mark()
        if drawn.problem:
            self._say(drawn.problem, "warning")
        elif self.said.alert_type == "warning":
            self._say("", "light")
        self._push("graph", "levels", "shares", "map")

    def _mark(self) -> None:
        """A cross on the map, where the model is."""
        at = [
            self.scene.spread if name == "spread" else float(getattr(self.scene.base, name))
            for name in (self.x.value, self.y.value)
        ]
        self.figures.here.data = {"x": [at[0]], "y": [at[1]]}

    @panel.io.hold()
    def _show_map(self, new_axes: bool = False) -> None:
        x, y = self.x.value, self.y.value
        if x == y:
            self._say("The map needs two different parameters.", "warning")
            return
        shown = (self.measure.value, x, y, self.scene.all_but(x, y))
        if shown == self.mapped:
            return
        self.mapped = shown
        try:
            found = self.scene.map(self.measure.value, x, y)
        except ValueError as error:
            self._say(str(error), "warning")
            return
        if new_axes:
            self.figures.map = self.figures.new_map(x, y)
            self.panes["map"].object = self.figures.map
        self._silently(lambda: self.figures.fill_map(self.measure.value, x, y, *found))
        self._mark()
        self._push("map")

    def _save(self) -> None:
        try:
            scenario, picture = self.scene.save(self.folder)
        except (OSError, ValueError) as error:
            self._say(f"Nothing was saved: {error}", "danger")
            return
        self._say(f"Saved {scenario} and {picture}.", "success")

    def _say(self, words: str, kind: str) -> None:
        self.said.param.update(object=words, alert_type=kind, visible=bool(words))

    def _push(self, *names: str) -> None:
        """In a notebook, what changed is sent on."""
        panel.io.push_notebook(*(self.panes[name] for name in names))
