"""The examples in docstrings run and print what they say, and every public function and class has one."""

import doctest
import importlib
import inspect
import pkgutil

import jax
import matplotlib.pyplot as plt
import pytest

import resource_ode as ro

# names of the library, and of its parts that users see
PARTS = ("analytic", "domino", "frequencies", "geometry", "graphs", "observables", "parity", "plot", "sign_descent")
# errors and warnings, codes whose text is their own explanation, and what a training returns
WITHOUT = {"GraphFileError", "RunFailed", "RESULTS", "observables.RowsTooCoarse", "parity.ParityRun"}
# pictures, sweeps, browsers and trainings have a line of code that wants a result: the pages of the documentation run
# them
DRAWN = (
    *("graph", "levels", "shares", "loss", "batch", "summary", "colours"),
    *("heat_map", "heat_maps", "overview", "phase"),
)
LINES = {"explore", "improve", "keep_compiled", "sweep", *(f"plot.{name}" for name in DRAWN)}
MODULES = [
    info.name
    for info in pkgutil.walk_packages(ro.__path__, "resource_ode.")
    if not info.name.endswith("__main__") and "._" not in info.name.removeprefix("resource_ode")
]


def public():
    """Every public function and class, by the name that a user writes."""
    found = {name: getattr(ro, name) for name in dir(ro)}
    for part in PARTS:
        module = found[part]
        own = {name: value for name, value in inspect.getmembers(module) if not name.startswith("_")}
        found |= {
            f"{part}.{name}": value
            for name, value in own.items()
            if getattr(value, "__module__", "").startswith(module.__name__)
        }
    ours = {
        name: value
        for name, value in found.items()
        if (inspect.isfunction(value) or inspect.isclass(value)) and value.__module__.startswith("resource_ode")
    }
    return {name: value for name, value in ours.items() if name not in WITHOUT}


@pytest.mark.parametrize("name", sorted(public()))
def test_every_public_name_has_an_example(name):
    value = public()[name]
    wanted = "**Example:** `ro." if name in LINES else ">>> "
    assert wanted in (inspect.getdoc(value) or ""), f"{value.__module__}.{value.__qualname__} has none"


@pytest.mark.parametrize("name", MODULES)
def test_examples_print_what_they_say(name, tmp_path, monkeypatch):
    module = importlib.import_module(name)
    examples = [each for each in doctest.DocTestFinder(exclude_empty=True).find(module, name) if each.examples]
    if not examples:
        return
    monkeypatch.chdir(tmp_path)
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS, verbose=False)
    # they are read by people without the strictness of these tests
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        for example in examples:
            runner.run(example, out=report.append)
    plt.close("all")
    assert not runner.failures, "".join(report)
