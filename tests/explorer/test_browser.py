"""The explorer from end to end, in a headless Chromium."""

import importlib.util
import os
import re
import shutil
import socket
import subprocess
import sys
import time

import pytest

import resource_ode as ro

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
MISSING = [name for name in ("panel", "playwright") if not importlib.util.find_spec(name)]
pytestmark = [
    pytest.mark.skipif(not CHROMIUM, reason="no chromium on the path, in which to try the explorer"),
    pytest.mark.skipif(bool(MISSING), reason=f"{' and '.join(MISSING)} not installed: pip install -e '.[explore,dev]'"),
]
# milliseconds from a key to the new picture, of 16 skills
REDRAW = 100

# counts the time from a key on a slider until levels and shares have changed and the screen has been painted
WATCH = """
() => {
  const source = name => Bokeh.documents[0].get_model_by_name(name)
  window.redraws = []
  let start = null, seen = new Set()
  document.addEventListener("keydown", () => { start = performance.now(); seen = new Set() }, true)
  for (const name of ["levels", "shares"])
    source(name).properties.data.change.connect(() => {
      seen.add(name)
      if (seen.size < 2 || start === null) return
      const began = start
      start = null
      requestAnimationFrame(() => requestAnimationFrame(() => window.redraws.push(performance.now() - began)))
    })
}
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("explorer")
    command = [sys.executable, "-m", "resource_ode", "explore", "--no-browser", "--out", str(folder)]
    # without the settings of these tests, as a user would
    plain = {name: value for name, value in os.environ.items() if name not in ("XLA_FLAGS", "MPLBACKEND")}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=plain)
    line = process.stdout.readline()
    address = re.search(r"http://localhost:(\d+)", line)
    assert address, line + process.communicate(timeout=20)[0]
    yield address[0], int(address[1]), folder
    process.terminate()
    process.communicate(timeout=20)


@pytest.fixture
def page(served):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        problems: list[str] = []
        page.on("console", lambda said: problems.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("requestfailed", lambda request: problems.append(request.url))
        page.goto(served[0])
        page.wait_for_function("() => window.Bokeh?.documents[0]?.get_model_by_name('cells')?.data.value.length > 0")
        yield page
        browser.close()
        assert problems == []


def held(page, name, column):
    """A column of what a picture is made of, as the browser has it."""
    return page.evaluate(
        """([name, column]) => {
          const plain = x => Array.isArray(x) || ArrayBuffer.isView(x) ? Array.from(x, plain) : x
          return plain(Bokeh.documents[0].get_model_by_name(name).data[column])
        }""",
        [name, column],
    )


def painted(page, name):
    """The rows of a picture as they are painted: how high each is at every place."""
    return page.evaluate(
        """name => {
          const [page] = Bokeh.documents, source = page.get_model_by_name(name)
          const made = [...page._all_models.values()].find(found => found.data_source === source)
          const { ys } = Bokeh.index.find_one(made).glyph
          return Array.from(ys, row => Array.from(row))
        }""",
        name,
    )


def slider(page, number):
    return page.locator(".noUi-handle").nth(number)


def press(page, number, key):
    """A key on a slider; waits for what it changes."""
    before = page.evaluate("() => window.redraws.length")
    slider(page, number).press(key)
    page.wait_for_function(f"() => window.redraws.length > {before}", timeout=20_000)


def test_it_is_served_on_this_machine_alone(served):
    with pytest.raises(OSError), socket.create_connection((_other_address(), served[1]), timeout=2):
        pass


def _other_address():
    """An address of this machine other than 127.0.0.1; all of 127.x.x.x lead to it."""
    return "127.0.0.2"


def test_levels_shares_and_waste_are_redrawn_while_a_slider_moves(page, served):
    page.evaluate(WATCH)
    levels, shares = held(page, "levels", "ys"), held(page, "shares", "ys")
    assert len(levels) == 16 and len(shares) == 17 and held(page, "shares", "name")[-1] == "wasted"
    # the first calls of each kind are compiled
    press(page, 0, "ArrowRight")
    assert held(page, "levels", "ys") != levels and held(page, "shares", "ys") != shares
    lines, areas = painted(page, "levels"), painted(page, "shares")
    assert len(lines) == 16 and all(line[0] == 0 and line[-1] >= 0.95 for line in lines)
    # each area lies upon the one below it, and the last ends at the whole
    middle = [area[100] for area in areas]
    assert len(areas) == 17 and middle == sorted(middle) and middle[-1] == pytest.approx(1, abs=1e-6)
    waits = []
    for _ in range(20):
        press(page, 0, "ArrowRight")
        waits.append(waiting())
    redraws, wait = sorted(page.evaluate("() => window.redraws")[1:]), sorted(waits)[10]
    print(
        f"redraw: quickest {redraws[0]:.0f} ms, median {redraws[10]:.0f} ms; programs wait {wait:.1f} times as they run"
    )
    # beside other workers of the suite the browser and its server do not have the processors that they need
    if "PYTEST_XDIST_WORKER" not in os.environ:
        assert redraws[10] / wait < REDRAW


def waiting():
    """How long a program takes here for what it computes in 20 ms: 1 where no other needs the processors."""
    began, computed = time.perf_counter(), time.process_time()
    while time.process_time() - computed < 0.02:
        pass
    return (time.perf_counter() - began) / (time.process_time() - computed)


def test_a_cell_of_the_map_opens_its_run(page, served):
    page.evaluate(WATCH)
    last = held(page, "levels", "xs")[0][-1]
    page.evaluate("() => { Bokeh.documents[0].get_model_by_name('cells').selected.indices = [7 * 15 + 3] }")
    page.wait_for_function("last => Bokeh.documents[0].get_model_by_name('levels').data.xs[0].at(-1) != last", arg=last)
    wanted = [held(page, "cells", column)[7 * 15 + 3] for column in ("x", "y")]
    titles = [page.locator(".bk-slider-title").nth(number).inner_text() for number in (0, 1)]
    assert [float(title.split()[-1]) for title in titles] == pytest.approx(wanted, rel=5e-3)


def test_a_generator_brings_its_sliders_and_its_graph(page, served):
    page.locator("select").filter(has_text="preferential").select_option("chain")
    page.wait_for_function("() => Bokeh.documents[0].get_model_by_name('skills').data.x.at(-1) == 15")
    page.locator("select").filter(has_text="lognormal").select_option("zipf")
    page.wait_for_function("() => Bokeh.documents[0].get_model_by_name('frequencies').data.y[0] > 4")


def test_frequencies_are_dragged(page, served):
    before = held(page, "frequencies", "y")
    # the middle of the plot's frame is dragged from the point of skill 1
    spot = page.evaluate(
        """value => {
          const plot = Bokeh.documents[0].get_model_by_name("frequency plot")
          const view = Bokeh.index.find_one(plot)
          const frame = view.frame.bbox, [x, y] = [view.frame.x_scale.compute(1), view.frame.y_scale.compute(value)]
          const at = view.el.getBoundingClientRect()
          return [at.left + x, at.top + y, frame.height]
        }""",
        before[0],
    )
    page.evaluate(WATCH)
    levels = held(page, "levels", "ys")
    page.mouse.move(spot[0], spot[1])
    page.mouse.down()
    page.mouse.move(spot[0] + 30, spot[1] - 10, steps=5)
    page.mouse.move(spot[0] + 30, spot[1] - 25, steps=5)
    page.mouse.up()
    page.wait_for_function(
        "before => Bokeh.documents[0].get_model_by_name('frequencies').data.y[0] > 1.5 * before", arg=before[0]
    )
    page.wait_for_function(
        "before => Bokeh.documents[0].get_model_by_name('levels').data.ys[0][1] != before", arg=levels[0][1]
    )
    assert held(page, "frequencies", "y")[1:] == pytest.approx(before[1:])
    assert held(page, "frequencies", "x") == list(range(1, 17))


def test_the_button_saves_the_scenario_and_the_picture(page, served):
    page.get_by_text("Save scenario and picture").click()
    page.get_by_text(re.compile("Saved .*explored_1.toml")).wait_for(timeout=30_000)
    folder = served[2]
    assert ro.read_scenario(folder / "explored_1.toml").model.skills == 16
    assert (folder / "explored_1.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize("width", [400, 1280])
def test_nothing_is_cut_off(page, served, width):
    page.set_viewport_size({"width": width, "height": 900})
    page.wait_for_timeout(500)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    # and every choice of a selector can be read
    cut = page.evaluate(
        """() => {
          const cut = [], pen = document.createElement("canvas").getContext("2d")
          const look = root => root.querySelectorAll("*").forEach(found => {
            if (found.shadowRoot) look(found.shadowRoot)
            if (found.tagName !== "SELECT") return
            const style = getComputedStyle(found)
            pen.font = `${style.fontSize} ${style.fontFamily}`
            const room = found.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight)
            for (const { text } of found.options)
              if (pen.measureText(text).width > room) cut.push([text, pen.measureText(text).width, room])
          })
          look(document)
          return cut
        }"""
    )
    assert cut == []
