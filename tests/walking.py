"""The walk that a GPU runs, compiled for the CPU that tests run on."""

import functools
import pathlib
import shutil
import tempfile

import pytest

from resource_ode.native import build_walks, walks


@functools.cache
def file():
    """The library, built once per process."""
    if shutil.which("c++") is None:
        pytest.skip("needs a C++ compiler")
    folder = tempfile.TemporaryDirectory(prefix="walks")
    file.folder = folder  # which goes with the process
    return build_walks.build("host", pathlib.Path(folder.name) / "walks.so")


def here(patch):
    """The walk is asked for, and runs here."""
    assert walks.registered("cpu", file()) is None
    patch.setattr(walks, "ON_HOST", True)
    patch.setattr(walks, "obstacle", lambda: None)
    patch.setenv(walks.CHOICE, "cuda")
