"""Every Python block of the documentation runs, page by page, and links between pages lead somewhere."""

import importlib
import inspect
import json
import os
import re
import shlex
import shutil
from pathlib import Path

import jax
import matplotlib.pyplot as plt
import pytest

import resource_ode as ro
from resource_ode import cli
from resource_ode.applications.paper import FIGURES

ROOT = Path(__file__).parents[2]
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md"]
# what needs minutes
SLOW, FITTING = {"ladder.md", "sweep.md"}, {"training_run.md"}
# described in the text of their page
CONSTANTS = {"COLOURS", "STYLE"}


def blocks(page: Path, *languages: str) -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return [body for language, body in found if language in languages]


def python_blocks(page: Path) -> list[str]:
    return blocks(page, "python")


def commands(page: Path) -> list[list[str]]:
    """What a page tells to type after `resource-ode`."""
    lines = "".join(blocks(page, "", "console")).replace("\\\n", " ").splitlines()
    words = [shlex.split(line, comments=True) for line in lines if re.match(r"(\$ )?resource-ode ", line)]
    return [each[each.index("resource-ode") + 1 :] for each in words]


def marked(page: Path, slow: set[str] = SLOW):
    return pytest.param(page, id=str(page.relative_to(ROOT)), marks=[pytest.mark.slow] * (page.name in slow))


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


# of the README another test runs them
@pytest.mark.parametrize("page", [marked(page, FITTING) for page in PAGES[:-1] if commands(page)])
def test_commands_run_as_printed(page, tmp_path, monkeypatch, capsys):
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    shutil.copy(ROOT / "examples" / "and_tree.toml", tmp_path / "file.toml")
    for task, ratio in (("A", 1), ("B", 2)):
        # as Weights & Biases exports a chart
        rows = [f"{step},{1 - 2 ** -(step / 50 / ratio)},{1 - 3 ** -(step / 50 / ratio)}" for step in range(0, 500, 10)]
        head = f'"Step","even-1 - eval/{task}_acc","rare-1 - eval/{task}_acc"'
        (tmp_path / f"chart_{task}.csv").write_text("\n".join([head, *rows]) + "\n")
    monkeypatch.chdir(tmp_path)
    for name, *arguments in commands(page):
        options = [option for option in arguments if option.startswith("--")]
        assert cli.main([name, "--help"]) == 0
        help_text = capsys.readouterr().out
        assert all(option in help_text for option in options), (name, options)
        # those that serve, take a minute or want a cluster, and what draws their results
        if name not in ("explore", "sweep") and "results.zarr" not in arguments:
            assert cli.main([name, *arguments]) == 0, (name, arguments, capsys.readouterr().err)


def test_files_in_toml_are_read(tmp_path, monkeypatch):
    graph = ro.SkillGraph([[], [0]], frequency=[1.0, 0.5], names=["letters", "words"])
    ro.write_graph(graph, tmp_path / "skills.graphml")
    with jax.enable_x64(True):
        for block in blocks(ROOT / "docs" / "scenario.md", "toml"):
            (tmp_path / "it.toml").write_text(block)
            assert ro.read_scenario(tmp_path / "it.toml").model.skills == 2
        (block,) = blocks(ROOT / "docs" / "sweep.md", "toml")
        (tmp_path / "it.toml").write_text(block)
        assert ro.read_sweep(tmp_path / "it.toml").shape == (25, 16, 64)


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
