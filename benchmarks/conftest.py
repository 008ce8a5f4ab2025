"""Benchmarks run in float64, on one shared ensemble. They are not part of the tests: `pytest benchmarks`."""

from __future__ import annotations

import jax
import pytest

from .ensemble import Ensemble, random_graphs
from .reference import Reference, reference

jax.config.update("jax_enable_x64", True)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--graphs", type=int, default=256, help="graphs of the benchmarks' ensemble")


@pytest.fixture(scope="session")
def ensemble(request: pytest.FixtureRequest) -> Ensemble:
    return random_graphs(0, request.config.getoption("--graphs"))


@pytest.fixture(scope="session")
def truth(ensemble: Ensemble) -> Reference:
    return reference(ensemble)
