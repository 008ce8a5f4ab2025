"""What `dir` and completion show: what users use, whatever has been loaded, and no module behind it."""

import inspect
import types

import pytest

import resource_ode as ro
from resource_ode.base.version import __version__

PARTS = [name for name in dir(ro) if isinstance(getattr(ro, name), types.ModuleType)]


def test_the_library_lists_its_names_and_no_folder():
    assert {"simulate", "plot", "graphs", "__version__"} <= {*dir(ro)}
    assert not {"base", "cli", "config", "fitting", "native", "related", "solve"} & {*dir(ro)}
    assert ro.__version__ == __version__


@pytest.mark.parametrize("part", PARTS)
def test_a_part_lists_its_own_functions_and_classes(part):
    module = getattr(ro, part)
    assert dir(module)
    for name in dir(module):
        value = getattr(module, name)
        assert not inspect.ismodule(value) and not name.startswith("_"), name
        # what it imports from elsewhere is not its own
        assert getattr(value, "__module__", module.__name__).startswith(module.__name__), name


def test_constants_are_listed_where_users_need_them():
    assert {"COLOURS", "STYLE", "levels"} <= {*dir(ro.plot)}
