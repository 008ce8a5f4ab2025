"""What an installation says of itself, the examples that it brings, and the line for those who wait."""

import importlib
import os
import subprocess
import sys
import tarfile
import threading
import time
import tomllib
import warnings
import zipfile

import jax
import numpy as np
import pytest

import resource_ode as ro
from resource_ode import cli, native
from resource_ode.base import patience
from resource_ode.config import environment
from resource_ode.solve.cascade import batch

library = importlib.import_module("resource_ode.native.library")


def test_show_config(capsys):
    ro.show_config()
    lines = capsys.readouterr().out.splitlines()
    found = environment.read_config()
    assert lines == [f"{name:<16}{value}" for name, value in found.items()]
    assert found["jax"] == jax.__version__ and found["compiled loops"].startswith("built, for ")
    assert found["precision"].startswith("float64") and "cpu" in found["devices"].lower()


def test_config_on_the_command_line(capsys):
    assert cli.main(["config"]) == 0
    assert "compiled loops  built" in capsys.readouterr().out


@pytest.fixture
def without_loops(monkeypatch):
    monkeypatch.setattr(library, "_opened", lambda: (None, "they were not built (CompileError: no g++)"))
    library.library.cache_clear()
    batch._say_what_is_missing.cache_clear()
    yield
    monkeypatch.undo()
    library.library.cache_clear()
    batch._say_what_is_missing.cache_clear()


def test_missing_loops_are_said_once_where_speed_matters(without_loops):
    assert environment.read_config()["compiled loops"] == "none: they were not built (CompileError: no g++)"
    model = ro.ResourceModel(ro.SkillGraph([[], [0]]), [1.0, 0.3], 1e-3, 1e-3, 1e-2)
    large = model.grid(wasted_resource=np.geomspace(1e-3, 1, 100), learning_rate=np.geomspace(1e-3, 1, 60))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ro.learning_times(model)
    with pytest.warns(UserWarning, match="without the compiled loops: they were not built .CompileError: no g"):
        slow = ro.learning_times(large)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ro.learning_times(large)
    assert slow.shape == (100, 60, 2)


def test_why_there_are_no_loops(monkeypatch, tmp_path):
    assert native.why_not() == ""
    monkeypatch.setattr(library.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(library, "__file__", str(tmp_path / "library.py"))
    assert "a C++ compiler is needed" in library._opened()[1]
    (tmp_path / "_loops_not_built.txt").write_text("CompileError: command 'g++' failed\n")
    assert library._opened() == (None, "they were not built (CompileError: command 'g++' failed)")


def test_keep_compiled(tmp_path, monkeypatch):
    before = jax.config.jax_compilation_cache_dir, jax.config.jax_persistent_cache_min_compile_time_secs
    try:
        assert ro.keep_compiled(tmp_path / "a" / "b") == tmp_path / "a" / "b"
        assert jax.config.jax_compilation_cache_dir == str(tmp_path / "a" / "b")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        assert ro.keep_compiled() == tmp_path / "resource_ode"
        (tmp_path / "file").write_text("")
        with pytest.raises(ValueError, match="folder: expected a folder"):
            ro.keep_compiled(tmp_path / "file")
        with pytest.raises(ValueError, match="folder: expected a file name, got int"):
            ro.keep_compiled(3)
    finally:
        jax.config.update("jax_compilation_cache_dir", before[0])
        jax.config.update("jax_persistent_cache_min_compile_time_secs", before[1])


def test_a_long_wait_is_explained_once(monkeypatch, capsys):
    monkeypatch.setattr(patience, "_said", threading.Event())
    monkeypatch.setattr(patience, "PATIENCE", 0.05)
    with patience.waiting(None):
        pass
    time.sleep(0.1)
    assert capsys.readouterr().err == ""
    for _ in range(2):
        with patience.waiting(None):
            time.sleep(0.3)
    said = capsys.readouterr().err
    assert said.count("compiling (first call of this kind") == 1 and "keep_compiled()" in said


def test_a_compilation_is_waited_for(monkeypatch, capsys):
    from resource_ode.base import programs

    monkeypatch.setattr(patience, "_said", threading.Event())
    monkeypatch.setattr(patience, "PATIENCE", 0.01)

    def slow(x):
        time.sleep(0.3)  # as tracing and compiling would
        return x + 1

    assert programs.compiled(slow)(jax.numpy.zeros(3)).tolist() == [1, 1, 1]
    assert "compiling" in capsys.readouterr().err


def test_examples(tmp_path, capsys):
    assert cli.main(["examples"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert any(line.startswith("chain ") for line in listed) and len(listed) >= 6
    assert cli.main(["examples", "chain.toml"]) == 0
    assert tomllib.loads(capsys.readouterr().out)["skill"]
    out = tmp_path / "chain.toml"
    assert cli.main(["examples", "chain", "--out", str(out)]) == 0
    assert ro.read_scenario(out).names
    capsys.readouterr()
    for line, sentence in (
        (["chian"], 'no example "chian"; did you mean "chain"?'),
        (["chain", "--out", str(out)], "expected a path where nothing is yet"),
        (["--out", str(tmp_path / "x.toml")], "expected the name of an example too"),
        (["chain", "--out", str(tmp_path / "x.txt")], "ends in .toml"),
    ):
        assert cli.main(["examples", *line]) == 2
        assert sentence in capsys.readouterr().err


@pytest.mark.slow
def test_examples_and_the_loops_are_in_a_wheel(tmp_path):
    """And the tests are in the source distribution."""
    code = (
        "import setuptools.build_meta as build, sys; "
        f"print(build.build_wheel({str(tmp_path)!r})); print(build.build_sdist({str(tmp_path)!r}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    wheel = next(tmp_path.glob("*.whl"))
    source = next(tmp_path.glob("*.tar.gz"))
    names = zipfile.ZipFile(wheel).namelist()
    assert "resource_ode/examples/chain.toml" in names and any("native/_loops" in name for name in names)
    assert any(name.endswith("tests/config/test_environment.py") for name in tarfile.open(source).getnames())


KEPT = """
import sys, jax
jax.config.update("jax_enable_x64", True)
import resource_ode as ro
from resource_ode.base import patience
patience.PATIENCE = 3600.0
ro.keep_compiled(sys.argv[1])
model = ro.ResourceModel(ro.SkillGraph([[]]), [1.0], 1e-3, 0.1)
ro.simulate(model, [0.0, 10.0], method="ode")
patience._say(sys.argv[1])  # as after two seconds of it
"""


@pytest.mark.parametrize("off", [False, True])
def test_what_is_said_to_be_kept_is_kept(tmp_path, off):
    """JAX keeps no program with diffrax's checks in it."""
    environment = {key: value for key, value in os.environ.items() if key not in ("EQX_ON_ERROR", "JAX_PLATFORMS")}
    environment |= {"JAX_PLATFORMS": "cpu", **({"EQX_ON_ERROR": "off"} if off else {})}
    done = subprocess.run(
        [sys.executable, "-c", KEPT, tmp_path], env=environment, capture_output=True, text=True, check=True
    )
    kept = [path.name for path in tmp_path.iterdir() if path.name.startswith("jit_ode_members")]
    assert bool(kept) == off == (f"kept in {tmp_path}" in done.stderr)
    assert off or "kept on disk only where EQX_ON_ERROR=off was set before Python started" in done.stderr
