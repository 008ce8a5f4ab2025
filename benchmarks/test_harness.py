"""The harness itself: the gate must catch a wrong answer, and the ensemble must be what it says."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from .__main__ import chosen
from .candidates import LEVELS, TIMES, Candidate, fused_kernel, table
from .ensemble import random_graphs
from .measure import compare, gate
from .reference import Reference
from .report import markdown, rows, slug
from .rivals import numba_tsit5, scipy_lsoda


@pytest.fixture(scope="module")
def small() -> tuple:
    ensemble = random_graphs(3, 4)
    levels, _ = numba_tsit5.levels(ensemble, 1e-11, 1e-12)
    times, pace, _ = numba_tsit5.learning_times(ensemble, 1e-11, 1e-12)
    return ensemble, Reference(levels, times, pace / 2, 0.0, "test")


def candidate(task: str, values: np.ndarray, name: str = "one", **options: object) -> Candidate:
    return Candidate(name, task, lambda ensemble: lambda: values[: ensemble.graphs], 1e-5, **options)  # type: ignore


def test_a_prefix_is_the_same_graphs() -> None:
    few, many = random_graphs(5, 3), random_graphs(5, 1030)
    np.testing.assert_array_equal(few.adjacency, many.adjacency[:3])
    np.testing.assert_array_equal(few.frequency, many.frequency[:3])
    assert not np.array_equal(many.frequency[:6], many.frequency[1024:])
    assert abs(many.adjacency.mean() / (0.2 * 15 / 32) - 1) < 0.03
    np.testing.assert_allclose(many.frequency.mean(axis=1), 1, rtol=1e-12)


def test_the_model_has_the_same_graphs() -> None:
    ensemble = random_graphs(1, 3).padded(12)
    model = ensemble.model()
    for graph in range(3):
        lists = model.graph[graph].prerequisite_lists()
        assert lists == [list(np.flatnonzero(row)) for row in ensemble.adjacency[graph]]
    starts, indices = ensemble.rows
    assert list(indices[starts[16 + 9] : starts[16 + 10]]) == list(np.flatnonzero(ensemble.adjacency[1, 9]))


def test_the_reference_agrees_with_another_integrator(small: tuple) -> None:
    ensemble, truth = small
    np.testing.assert_allclose(scipy_lsoda.levels(ensemble, 1e-12, 1e-12, "DOP853"), truth.levels, atol=1e-9)
    # a learning time is where the level, read between saved times, passes one half
    for graph, skill in zip(*np.nonzero(np.isfinite(truth.times)), strict=True):
        level = truth.levels[graph, :, skill]
        after = np.flatnonzero(level >= 0.5)[0]
        assert ensemble.times[after - 1] <= truth.times[graph, skill] <= ensemble.times[after]


@pytest.mark.parametrize("vector", [True, False])
def test_both_exponentials_give_the_same(small: tuple, vector: bool) -> None:
    ensemble, truth = small
    levels, _ = numba_tsit5.levels(ensemble, 1e-10, 1e-11, vector_exponential=vector)
    np.testing.assert_allclose(levels, truth.levels, atol=1e-8)


@pytest.mark.parametrize("task", [LEVELS, TIMES])
def test_the_gate_catches_errors(small: tuple, task: str) -> None:
    _, truth = small
    right = truth.levels if task == LEVELS else truth.times
    assert gate(candidate(task, right), right, truth) == (0.0, None)
    graph, skill = np.argwhere(np.isfinite(truth.times))[-1]
    place = (graph, 100, skill) if task == LEVELS else (graph, skill)
    # a time is judged by the level that it misses
    size = 1.0 if task == LEVELS else truth.slope[graph, skill]
    for off, passes in ((0.9e-5, True), (1.1e-5, False), (np.nan, False)):
        wrong = right.copy()
        wrong[place] += off / size
        error, why = gate(candidate(task, wrong), wrong, truth)
        assert (why is None) == passes
        assert np.isnan(off) == np.isnan(error)
    assert "shape" in str(gate(candidate(task, right), right[..., :-1], truth)[1])


def test_what_fails_is_shown_and_not_timed(small: tuple) -> None:
    ensemble, truth = small

    def broken(_: object) -> object:
        raise ValueError("no luck")

    several = [
        candidate(LEVELS, truth.levels, "good", ours=True),
        candidate(LEVELS, truth.levels + 1e-3, "wrong"),
        Candidate("broken", LEVELS, broken, 1e-5),  # type: ignore
        candidate(LEVELS, truth.levels, "absent", needs=("no_such_package",)),
        candidate(LEVELS, truth.levels, "short", most=2),
    ]
    found = rows(compare(several, [ensemble], [truth], 2))
    assert [row["failure"] is None for row in found] == [True, False, False, False, True]
    assert [row["ms_per_1000"] is None for row in found] == [False, True, True, True, False]
    assert [row["graphs"] for row in found] == [4, 4, 4, 0, 2]
    about = {"device": "d", "date": "t", "commit": "c", "load_average": 0.0, "versions": {"python": "3"}}
    text = markdown("T", about, found)
    assert "FAILED: level error 1.0e-03 above its bound 1e-05" in text
    assert "FAILED: ValueError: no luck" in text and "no_such_package is not installed" in text


def test_the_fused_kernel_is_for_a_gpu() -> None:
    names = [[c.name for c in chosen(list(table("float32")), "", platform)] for platform in ("cpu", "gpu")]
    assert [sum("fused kernel" in name for name in row) for row in names] == [0, 4]


def test_command_buffers_are_for_a_gpu() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--command-buffers", "--quick"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2 and "--command-buffers: expected a GPU, found none" in done.stderr


def test_what_is_tried_apart_may_fail(small: tuple) -> None:
    """A process that ends badly is a row of the table."""
    ensemble, truth = small
    tried = fused_kernel("no such task", float("nan"), "float32")
    found = rows(compare([tried], [ensemble], [truth], 2))
    assert found[0]["failure"].startswith("RuntimeError: NameError: name 'nan'") and found[0]["ms_per_1000"] is None


def test_file_names_carry_the_device() -> None:
    assert slug("NVIDIA H100 80GB HBM3") == "nvidia-h100-80gb-hbm3"
