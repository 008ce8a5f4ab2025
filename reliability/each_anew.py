"""A pytest plugin: each test compiles anew, so that it runs every line whose values it uses.

A program of the package that an earlier test has compiled would be used without its lines being run again. Programs of
single operations stay.
"""

import sys

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    from resource_ode.base import programs  # not before jaxtyping has seen that it checks the package

    programs.clear()
    for name, module in list(sys.modules.items()):
        for function in list(vars(module).values()) if name.startswith("resource_ode.") else ():
            if callable(forget := getattr(function, "clear_cache", None)):
                forget()
