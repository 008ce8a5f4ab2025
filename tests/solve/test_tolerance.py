"""What tolerance can be asked for: floors that are refused below and reached, also where a tolerance is traced."""

import dataclasses
import functools

import jax
import numpy as np
import pytest
from systems import Case, random_overlap

import resource_ode as ro
from resource_ode import native
from resource_ode.results.outcome import result_codes, result_names
from resource_ode.solve.tolerance import FLOORS

CHAIN = Case([[], [0], [0, 1]], np.array([0.3, 1.0, 3.0]), 1e-2, 1e-3, 0.5)
DIRECT = dataclasses.replace(
    CHAIN, prerequisites=[[], [], []], interference=random_overlap(np.random.default_rng(0), 3, 4)
)
TS = np.arange(0.0, 401.0, 25.0)
INACCURATE = result_names().index("inaccurate")


def codes(run):
    return np.asarray(result_codes(run.result))


def on_arrays(monkeypatch):
    monkeypatch.setattr(native, "obstacle", lambda model: "they are left out")


def single(**changes):
    return CHAIN.model(
        **{
            name: np.asarray(getattr(CHAIN, name), np.float32)
            for name in ("frequency", "learning_rate", "wasted_resource", "gate_exponent")
        },
        **changes,
    )


@pytest.mark.parametrize(
    ("solve", "message"),
    [
        (
            lambda: ro.simulate(single(), TS, tolerance=1e-8),
            "tolerance: the cascade in float32 can be asked for 5e-07 at best, got 1e-08; loosen it, or compute in "
            "float64",
        ),
        (
            lambda: ro.simulate(single(), TS, method="ode", tolerance=1e-6),
            'tolerance: method="ode" in float32 can be asked for 0.0001 at best, got 1e-06; loosen it, or compute in '
            "float64",
        ),
        (
            lambda: ro.simulate(CHAIN.model(), TS, method="ode", tolerance=1e-300),
            'tolerance: method="ode" in float64 can be asked for 1e-11 at best, got 1e-300; loosen it',
        ),
        (
            lambda: ro.simulate(CHAIN.model(), TS, tolerance=1e-300),
            "tolerance: the cascade in float64 can be asked for 1e-12 at best, got 1e-300; loosen it",
        ),
        (
            lambda: ro.learning_times(CHAIN.model(), tolerance=1e-300),
            "tolerance: the cascade in float64 can be asked for 1e-12 at best, got 1e-300; loosen it",
        ),
        (
            lambda: ro.learning_times(DIRECT.model(), tolerance=1e-300),
            'tolerance: method="modes" in float64 can be asked for 1e-11 at best, got 1e-300; loosen it',
        ),
        (
            lambda: ro.learning_times(DIRECT.model(loss="cross_entropy"), tolerance=1e-300),
            'tolerance: method="ode" in float64 can be asked for 1e-11 at best, got 1e-300; loosen it',
        ),
        (
            lambda: jax.jit(lambda m: ro.simulate(m, TS, tolerance=1e-7).level)(single()),
            "tolerance: the cascade in float32 can be asked for 5e-07 at best, got 1e-07; loosen it, or compute in "
            "float64",
        ),
    ],
)
def test_tolerances_below_the_floor_are_refused(solve, message):
    if "5e-07" in message and native.library() is None:
        pytest.skip("needs the compiled loops")
    with pytest.raises(ValueError) as error:
        solve()
    assert str(error.value) == message


@functools.cache
def traced(method):
    """A run and learning times under `jit`, compiled once for all tolerances."""
    return (
        jax.jit(lambda model, tolerance: ro.simulate(model, TS, method=method, tolerance=tolerance)),
        jax.jit(lambda model, tolerance: ro.learning_times(model, tolerance=tolerance)),
    )


@pytest.mark.parametrize("tolerance", [1e-300, 1e-8, -1.0, 1.0, np.nan])
@pytest.mark.parametrize("method", ["cascade", "ode"])
def test_a_traced_tolerance_that_would_be_refused_is_no_success(method, tolerance):
    # in float32 two solves of one skill may agree to the last digit, so that their difference says nothing
    model = single()
    run, times = traced(method)
    found = run(model, tolerance)
    assert codes(found) == INACCURATE and np.isfinite(np.asarray(found.level)).all()
    assert np.isnan(np.asarray(times(model, tolerance))).all()
    assert codes(run(model, 1e-3)) == 0 and np.isfinite(np.asarray(times(model, 1e-3))).all()


@pytest.mark.parametrize("method", ["cascade", "ode"])
def test_only_the_tolerance_may_be_traced(method):
    model = CHAIN.model()
    run = jax.jit(lambda tolerance: ro.simulate(model, TS, method=method, tolerance=tolerance))
    assert codes(run(1e-300)) == INACCURATE and codes(run(1e-6)) == 0


@pytest.mark.parametrize("path", ["loops", "cascade"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_floors_are_reached(monkeypatch, path, dtype):
    if path == "cascade":
        on_arrays(monkeypatch)
    model = single() if dtype == "float32" else CHAIN.model()
    same = dataclasses.replace(
        CHAIN,
        **{
            name: np.asarray(getattr(model, name), float)
            for name in ("frequency", "learning_rate", "wasted_resource", "gate_exponent")
        },
    )
    floor = FLOORS[path][dtype]
    run = ro.simulate(model, TS, tolerance=floor)
    # SciPy itself is good to about 1e-10
    assert run.failures() == "" and np.abs(np.asarray(run.level) - same.levels_by_clock(TS)).max() < max(floor, 1e-10)
