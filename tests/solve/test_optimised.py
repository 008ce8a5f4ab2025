"""Every path once more with the optimisation that users have, against SciPy; all other tests compile without any."""

import functools
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).resolve().parent
FREQUENCY, RATE, WASTE, GATE = (1.0, 0.4), 1e-2, 0.05, 0.5
TIMES = np.array([0.0, 60.0, 150.0, 300.0])
LEVELS = ("loops", "arrays", "loops under jit", "arrays under jit", "ode", "ode under jit", "steps")
SLOPES = ("loops", "arrays", "ode")


def reference(waste=WASTE):
    """Levels of a chain of two, `(time, skill)`, integrated by SciPy."""
    from scipy.integrate import solve_ivp

    def change(_, unlearned):
        opening = np.array([1.0, 1 - unlearned[0] ** GATE])
        effort = opening * np.array(FREQUENCY) * unlearned
        return -RATE * effort / (effort.sum() + waste)

    found = solve_ivp(change, (0, TIMES[-1]), [1.0, 1.0], "DOP853", TIMES, rtol=1e-12, atol=1e-13)
    return 1 - found.y.T


def recursion():
    """Levels after the discrete steps, one after another."""
    unlearned, rows = np.ones(2), []
    for step in range(int(TIMES[-1]) + 1):
        if step in TIMES:
            rows.append(1 - unlearned)
        opening = np.array([1.0, 1 - unlearned[0] ** GATE])
        effort = opening * np.array(FREQUENCY) * unlearned
        unlearned = np.maximum(unlearned - RATE * effort / (effort.sum() + WASTE), 0)
    return np.array(rows)


def _largest(found, wanted):
    return float(np.abs(np.asarray(found) - wanted).max())


def errors():
    """The largest error of each path, of its levels and of their slopes in the waste; run where XLA optimises."""
    import jax

    import resource_ode as ro
    from resource_ode import native

    model = ro.ResourceModel(ro.SkillGraph([[], [0]]), FREQUENCY, RATE, WASTE, GATE)

    def levels(waste, **options):
        return ro.simulate(model.replace(wasted_resource=waste), TIMES, **options).level

    exact, step = reference(), 1e-4
    slope = (reference(WASTE + step) - reference(WASTE - step)) / (2 * step)
    off, slopes_off = {}, {}

    def try_path(name, **options):
        by_waste = functools.partial(levels, **options)
        off[name] = _largest(by_waste(WASTE), exact)
        off[f"{name} under jit"] = _largest(jax.jit(by_waste)(WASTE), exact)
        forward, back = jax.jit(jax.jacfwd(by_waste))(WASTE), jax.jit(jax.jacrev(by_waste))(WASTE)
        slopes_off[name] = max(_largest(forward, slope), _largest(back, slope))

    try_path("loops", method="cascade")
    try_path("ode", method="ode", tolerance=1e-8)
    off["steps"] = _largest(levels(WASTE, method="steps"), recursion())
    native.obstacle = lambda model: "they are left out"
    jax.clear_caches()
    try_path("arrays", method="cascade")
    return {"levels": off, "slopes": slopes_off}


@pytest.fixture(scope="module")
def found():
    kept = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    kept |= {"JAX_ENABLE_X64": "1", "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])}
    command = [sys.executable, "-c", "import json, test_optimised; print(json.dumps(test_optimised.errors()))"]
    done = subprocess.run(command, env=kept, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("path", LEVELS)
def test_levels(found, path):
    assert found["levels"][path] <= (1e-12 if path.startswith("steps") else 1e-6)


@pytest.mark.parametrize("path", SLOPES)
def test_slopes(found, path):
    assert found["slopes"][path] <= 1e-5


def test_what_it_is_held_against():
    # the first skill of a chain alone: resource that it takes is its level, so that the budget law holds for both
    levels = reference()
    assert np.all(np.diff(levels, axis=0) > 0) and levels[-1].min() > 0.5
    assert np.abs(recursion() - levels).max() < 0.02
