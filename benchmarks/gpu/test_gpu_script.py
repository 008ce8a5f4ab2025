"""What `run.sh` needs and decides, without a device."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest

from .rows import REHEARSAL, ROWS, Row, decision, measured, read, table

ROOT = pathlib.Path(__file__).parents[2]
# what a machine with a GPU need not have
MISSING = "optax matplotlib h5netcdf h5py zarr dask distributed pandas tqdm panel torch hypothesis beartype"


def test_it_needs_none_of_what_is_missing_there() -> None:
    """All that its parts import and call, but for xarray's own pandas."""
    program = f"""
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {MISSING.split()!r}:
            raise ModuleNotFoundError(f"{{name}} is not there")
sys.meta_path.insert(0, Missing())
import numpy as np
import resource_ode as ro
from benchmarks.gpu import __main__, parts, ways
from benchmarks.rivals import diffrax_vmapped
from resource_ode.solve.cascade import gpu_programs, walked
from resource_ode.sweeps import read_sweep
from resource_ode.sweeps.chunk import compute_chunk
plan = read_sweep(parts.PLAN)
model = ways.ensemble(4).model("float32")
levels = ro.simulate(model, np.linspace(0, 100, 5, dtype=np.float32)).level
times = ro.learning_times(model)
print(levels.shape, times.shape, ways.truth(4, 16, ways.TIMES) is not None)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("(4, 5, 16) (4, 16)"), done.stderr


def row(task: str, way: str, seconds: float, error: float = 1e-5, members: int = 1000) -> Row:
    return Row("c", task, way, members=members, seconds=[seconds] * 3, error=error)


@pytest.mark.parametrize(
    ("cuda", "pallas", "found"),
    [
        ((1.0, 2.0, 1e-5), (2.0, 2.5, 1e-5), "cuda"),
        ((2.0, 2.0, 1e-5), (1.0, 1.9, 1e-5), "pallas"),
        # by both tasks together
        ((1.0, 4.0, 1e-5), (2.0, 1.0, 1e-5), "pallas"),
        # a wrong one cannot win
        ((1.0, 1.0, 3e-4), (2.0, 2.0, 1e-5), "pallas"),
        ((1.0, 1.0, float("nan")), (2.0, 2.0, 3e-4), "not decided"),
        ((1.0, 1.0, None), (2.0, 2.0, None), "not decided"),
    ],
)
def test_which_kernel_stays(cuda: tuple, pallas: tuple, found: str) -> None:
    rows = [
        row(task, way, seconds, times[2])
        for way, times in (("cuda", cuda), ("pallas", pallas))
        for task, seconds in zip(("learning times", "full trajectories"), times, strict=False)
    ]
    assert f"**{found}**" in decision(rows)[0]


def test_one_that_broke_loses_and_nothing_is_decided_by_nothing() -> None:
    rows = [row("learning times", "cuda", 1.0), Row("c", "learning times", "pallas", failure="XlaRuntimeError: no")]
    assert "**cuda**" in decision(rows)[0] and "cuda only" in decision(rows)[1]
    assert "**not decided**" in decision([])[0]


def test_rows_are_written_as_they_come(tmp_path: pathlib.Path) -> None:
    import jax.numpy as jnp

    ready = lambda: lambda: jnp.ones(3)  # noqa: E731
    kept = measured(Row("c", "learning times", "cuda", members=3), ready, tmp_path, rounds=2, judge=lambda x: (0.0, 0))
    assert len(kept.seconds) == 2 and kept.rate is not None and kept.rate > 0

    def breaks() -> None:
        raise RuntimeError("no memory\nand more")

    measured(Row("c", "learning times", "pallas", rehearsal=True), breaks, tmp_path, rounds=2)  # type: ignore[arg-type]
    with (tmp_path / ROWS).open("a") as file:
        file.write('{"part": "c", "ta')
    found = read(tmp_path)
    assert [one.failure for one in found] == [None, "RuntimeError: no memory"]
    text = table(tmp_path, {"device": "none"})
    assert REHEARSAL in text and "RuntimeError: no memory" in text and "- device: none" in text
    (tmp_path / ROWS).unlink()
    assert REHEARSAL not in table(tmp_path, {})


@pytest.mark.parametrize("given", [[], ["a", "--rehearse", "more"], ["a", "--small"]])
def test_the_script_says_how_it_is_used(given: list[str]) -> None:
    done = subprocess.run(["bash", ROOT / "benchmarks/gpu/run.sh", *given], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and done.stderr.startswith("usage: ")


def test_without_a_gpu_it_says_so(tmp_path: pathlib.Path) -> None:
    command = [sys.executable, "-m", "benchmarks.gpu", "c", "arrays", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "JAX has none" in done.stderr and not any(tmp_path.iterdir())
