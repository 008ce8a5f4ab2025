"""The guard that fails a test which leaves something to the next one: it notices, and says what."""

import dask.config
import left_behind
from matplotlib import pyplot

from resource_ode.base import programs
from resource_ode.model.loss import LOSSES


def test_what_is_left_is_named(monkeypatch, tmp_path):
    before = left_behind.state()
    assert left_behind.since(before) == []
    monkeypatch.setenv("RESOURCE_ODE_SOMETHING", "1")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(dask.config.config, "scheduler", "of a test")
    figure = pyplot.figure()
    monkeypatch.setitem(pyplot.rcParams, "lines.linewidth", 7)
    found = " ".join(left_behind.since(before))
    for word in (
        "(RESOURCE_ODE_SOMETHING)",
        "the working directory",
        "Dask's client (scheduler)",
        "open figures",
        "lines.linewidth",
    ):
        assert word in found
    pyplot.close(figure)
    monkeypatch.undo()
    assert left_behind.since(before) == []


def test_names_and_tables_of_the_package(monkeypatch):
    package = left_behind.Package()
    package.changed()
    assert package.changed() == []
    monkeypatch.setitem(LOSSES, "own", None)
    monkeypatch.setattr(programs, "MOST_KEPT", 1)
    found = package.changed()
    assert {"resource_ode.model.loss.LOSSES", "resource_ode.base.programs.MOST_KEPT"} <= {*found}
    assert package.changed() == []
    monkeypatch.undo()
    assert "resource_ode.base.programs.MOST_KEPT" in package.changed()
