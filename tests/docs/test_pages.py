"""Every Python block of the documentation runs, page by page, and links between pages lead somewhere."""

import importlib
import inspect
import json
import os
import re
import shutil
from pathlib import Path

import jax
import matplotlib.pyplot as plt
import pytest

import resource_ode as ro
from resource_ode.applications.paper import FIGURES

ROOT = Path(__file__).parents[2]
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md"]
# what needs minutes
SLOW = {"ladder.md", "sweep.md"}
# described in the text of their page
CONSTANTS = {"COLOURS", "STYLE"}


def python_blocks(page: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def marked(page: Path):
    return pytest.param(page, id=str(page.relative_to(ROOT)), marks=[pytest.mark.slow] * (page.name in SLOW))


@pytest.mark.parametrize("page", [marked(page) for page in PAGES if python_blocks(page)])
def test_blocks_run_from_top_to_bottom(page, tmp_path, monkeypatch, capsys):
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    # files that pages speak of
    shutil.copy(ROOT / "examples" / "and_tree.toml", tmp_path / "file.toml")
    monkeypatch.chdir(tmp_path)
    # pages are read by people without the strictness of these tests
    cache = jax.config.jax_compilation_cache_dir
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        space: dict = {}
        for number, block in enumerate(python_blocks(page), start=1):
            exec(compile(block, f"{page.name}, block {number}", "exec"), space)
    jax.config.update("jax_compilation_cache_dir", cache)
    plt.close("all")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_files_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if "://" not in target:
            assert os.path.exists(page.parent / target), f"{page.name} links to {target}"


def test_the_reference_holds_every_public_name():
    text = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs").rglob("*.md"))
    held = [_named(path) for path in re.findall(r"^::: (\S+)", text, re.MULTILINE)]
    modules = {each.__name__ for each in held if inspect.ismodule(each)}
    public = {name: getattr(ro, name) for name in dir(ro) if name != "__version__"}
    for part, module in [*public.items()]:
        if inspect.ismodule(module):
            del public[part]
            public |= {f"{part}.{name}": getattr(module, name) for name in dir(module) if name not in CONSTANTS}
    missing = [
        name
        for name, value in public.items()
        if not any(value is each for each in held) and getattr(value, "__module__", None) not in modules
    ]
    assert missing == []


def _named(path):
    """What is found under a dotted name: a module, or what a module holds."""
    try:
        return importlib.import_module(path)
    except ImportError:
        module, _, name = path.rpartition(".")
        return getattr(importlib.import_module(module), name)


def test_the_gallery_has_every_figure_of_the_paper():
    page = (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8")
    for name in FIGURES:
        text = page.partition(f"<!-- {name}: begin -->")[2].partition(f"<!-- {name}: end -->")[0]
        assert f"](images/paper/{name}" in text and "*The paper:*" in text and "*Measured:*" in text, name
        assert re.search(r"\*\*(Reproduced|Falls short)\*\*: numbers within their bounds: \d+ of \d+", text), name


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").rglob("*.ipynb")), ids=lambda path: path.stem)
def test_notebooks_are_stored_as_run(path):
    cells = [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    assert cells and [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
