"""The site, built as it is published, in a headless Chromium: what a reader sees of it, on a screen and on a phone."""

import functools
import html.parser
import http.server
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
MISSING = [name for name in ("mkdocs", "material", "mkdocstrings", "playwright") if not importlib.util.find_spec(name)]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason="no chromium on the path, in which to look at the site"),
    pytest.mark.skipif(bool(MISSING), reason=f"{', '.join(MISSING)} not installed: pip install -e '.[docs,dev]'"),
]
PHONE = 400  # pixels across


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the site, and where it is served."""
    # a site that was built already may be looked at
    built = os.environ.get("RESOURCE_ODE_SITE")
    folder = Path(built) if built else tmp_path_factory.mktemp("site")
    if not built:
        command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
        quiet = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=quiet)
        assert done.returncode == 0, done.stderr
    handler = functools.partial(_Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format, *arguments):
        pass


def pages(folder):
    return sorted(path for path in folder.rglob("*.html") if path.name != "404.html")


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def test_every_page_renders(site, browser):
    folder, address = site
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    problems: list[str] = []
    page.on("console", lambda said: problems.append(f"{page.url}: {said.text}") if said.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(f"{page.url}: {error}"))

    def failed(request):
        # the browser drops what is still under way (mostly the icon) when the next page is opened
        if request.failure != "net::ERR_ABORTED":
            problems.append(f"{page.url}: {request.url}: {request.failure}")

    page.on("requestfailed", failed)
    page.on("response", lambda answer: problems.append(f"{answer.url}: {answer.status}") if answer.status >= 400 else 0)
    formulas = pictures = 0
    for path in pages(folder):
        page.goto(f"{address}/{path.relative_to(folder)}")
        assert page.locator("h1").first.inner_text().strip(), path
        found = page.evaluate(
            """() => ({
              flat: [...document.querySelectorAll("math")].filter(m => m.getBoundingClientRect().height < 5).length,
              formulas: document.querySelectorAll("math").length,
              errors: document.querySelectorAll("merror").length,
              blank: [...document.images].filter(i => !i.complete || i.naturalWidth < 10).map(i => i.src),
              pictures: document.querySelectorAll("article img").length,
              dollars: [...document.querySelectorAll("article p, article li, article td")]
                .filter(e => !e.querySelector("code") && /\\$[^$]+\\$/.test(e.textContent)).map(e => e.textContent),
            })"""
        )
        formulas, pictures = formulas + found["formulas"], pictures + found["pictures"]
        # a formula of one empty group may be flat; one that was not understood stays between its dollars
        assert not found["errors"] and not found["blank"] and not found["dollars"], (path, found)
        assert not found["flat"], (path, found)
    page.close()
    assert problems == []
    assert formulas > 100 and pictures >= 4


def test_every_page_can_be_read_on_a_phone(site, browser):
    folder, address = site
    page = browser.new_page(viewport={"width": PHONE, "height": 800})
    wide = []
    for path in pages(folder):
        page.goto(f"{address}/{path.relative_to(folder)}")
        across = page.evaluate("() => document.documentElement.scrollWidth")
        letters = page.evaluate("() => parseFloat(getComputedStyle(document.querySelector('article')).fontSize)")
        if across > PHONE or letters < 12:
            wide.append((str(path.relative_to(folder)), across, letters))
    page.close()
    assert wide == []


def test_search_finds_learning_times(site, browser):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(site[1] + "/index.html")
    page.locator("input.md-search__input").click()
    # key by key, as the search listens to keys
    page.locator("input.md-search__input").press_sequentially("learning_times", delay=30)
    page.locator(".md-search-result__meta").filter(has_text="matching").wait_for(timeout=30_000)
    links = page.locator(".md-search-result__link").evaluate_all("all => all.map(link => link.href)")
    assert any("reference/solving" in link for link in links), links
    page.close()


class _Anchors(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.names, self.links = set(), []

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.names |= {found[key] for key in ("id", "name") if found.get(key)}
        if tag == "a" and found.get("href"):
            self.links.append(found["href"])


def test_no_link_is_dead(site):
    folder, _ = site
    read = {}
    for path in pages(folder):
        read[path] = _Anchors()
        read[path].feed(path.read_text(encoding="utf-8"))
    dead = []
    for path, found in read.items():
        for link in found.links:
            target, anchor = urldefrag(link)
            if re.match(r"[a-z]+:", target):
                continue
            there = (path.parent / unquote(target)).resolve() if target else path
            there = there / "index.html" if there.is_dir() else there
            if not there.is_file() or (anchor and there in read and unquote(anchor) not in read[there].names):
                dead.append(f"{path.relative_to(folder)}: {link}")
    assert dead == []
