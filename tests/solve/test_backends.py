"""Every way through the cascade over every system that is solved by hand: levels at times, and times of a level.

Systems of one kind are one batch, solved once; each is then a test of its own. The general solver, which takes over
where a backend is unsure of itself, is out of reach here: a backend that leaves something to it fails.
"""

import contextlib
import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import walking
from systems import EXACT, TIMES, batch

import resource_ode as ro
from resource_ode import native
from resource_ode.native import calls
from resource_ode.native.library import PROCESSORS
from resource_ode.solve.cascade import arrays, compiled, gpu, gpu_programs, gpu_solver, quadrature, traced, walked
from resource_ode.solve.cascade import batch as batches

LEVEL = 0.6
KINDS = {
    "all": ("independent", "one skill", "chain", "two roots, all", "roots joined by all", "tree"),
    "any": ("two roots, any",),
    "cross entropy": ("cross entropy",),
    "l2": ("l2",),
    "self-paced": ("self-paced",),
    "without waste": ("without waste",),
    "pools": ("pools",),
    "plateau": ("plateau",),
    "learnability": ("learnability",),
    "soft": ("soft chain",),
}
BACKENDS = {
    "arrays": arrays.ArrayCascade(),
    "loops": compiled.CompiledCascade(),
    "gpu": gpu.GPUCascade(),
    "walk": walked.WalkedCascade(),
}
# the loops as other processors have them: all but the last, which is the best there is
OTHERS = {f"loops, {processor}": processor for processor in PROCESSORS[:-1]}
BACKENDS |= dict.fromkeys(OTHERS, BACKENDS["loops"])
# under `jit`: by the loops as primitives, or by arrays where the loops were not built
TRACED = ("jit, loops", "jit, arrays")
WAYS = (*BACKENDS, *TRACED)
# why a backend cannot serve a kind; no reason: it can
REASONS = {
    **{(way, "pools"): "pools as members of their own" for way in ("loops", *OTHERS)},
    ("gpu", "any"): "a gate is not of the kind all",
    ("gpu", "cross entropy"): "not mean squared error",
    ("gpu", "l2"): "not l1",
    ("gpu", "self-paced"): "change their own pace",
    ("gpu", "without waste"): "wastes no resource",
    ("gpu", "pools"): "there are pools",
    ("gpu", "plateau"): "not mean squared error",
    ("gpu", "soft"): "strengths",
}
# waste may be nothing where it only adds to the clock
REASONS |= {("walk", kind): why for (way, kind), why in REASONS.items() if way == "gpu" and kind != "without waste"}
NAMES = {"arrays": "by arrays", "loops": "by compiled loops", "gpu": "by fused GPU programs"}
NAMES["walk"] = "by a walk on the GPU"
NAMES |= dict.fromkeys(OTHERS, NAMES["loops"])
NAMES |= {"jit, loops": NAMES["loops"], "jit, arrays": NAMES["arrays"]}
TOLERANCES = {"float64": (1e-6, 1e-7), "float32": (2e-4, 1e-4)}
# array programs take seconds each to compile; in these kinds nothing is left that a quicker test would not see
SLOW = {("arrays", kind, dtype) for kind in KINDS for dtype in TOLERANCES}
SLOW -= {("arrays", kind, dtype) for kind, dtype in (("all", "float64"), ("all", "float32"))}
SLOW |= {("jit, arrays", kind, dtype) for kind in KINDS for dtype in TOLERANCES}
# of both kinds that these programs serve, one of one type
SLOW |= {("gpu", "all", "float32"), ("gpu", "learnability", "float64"), ("gpu", "learnability", "float32")}


def model_of(kind, dtype):
    """The systems of a kind as one batch, the filler last."""
    cases = [EXACT[name].case for name in KINDS[kind]]
    model = batch(cases)
    if dtype == "float64":
        return model
    return jax.tree.map(lambda x: x.astype(dtype) if jnp.issubdtype(x.dtype, jnp.floating) else x, model)


def refused(*_, **__):
    raise AssertionError("the backend left a member to the general solver")


@contextlib.contextmanager
def only(way):
    """Nothing but this way leads through the cascade."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "ode_members", refused)
        patch.setattr(batches, "times_by_events", refused)
        if way in BACKENDS:
            patch.setattr(batches, "BACKENDS", (BACKENDS[way],))
            # concrete models with pools would go by the loops as primitives
            patch.setattr(traced, "serves_pools", lambda *_: False)
        if way in OTHERS and native.processor(OTHERS[way]) != OTHERS[way]:
            pytest.skip(f"no loops for {OTHERS[way]} are built, or the machine has it not")
        if way == "gpu":
            patch.setenv("RESOURCE_ODE_GPU_KERNEL", "pallas")
            patch.setattr(gpu_solver, "INTERPRET", True)
            patch.setattr(gpu_programs, "COARSE_NODES", quadrature.COARSE_NODES)
        if way == "walk":
            walking.here(patch)
        if way == "jit, arrays":
            for module in (calls, traced):
                patch.setattr(module, "handlers", lambda: None)
            jax.clear_caches()
        try:
            yield patch
        finally:
            if way in OTHERS:
                native.processor(PROCESSORS[-1])
    if way == "jit, arrays":
        jax.clear_caches()


@functools.cache
def solved(way, kind, dtype):
    """A run and learning times of a kind."""
    model = model_of(kind, dtype)
    assert model.dtype == dtype
    with only(way) as patch:
        if way == "gpu":
            ran = []
            for name in ("trajectories", "learning_times"):
                own = getattr(gpu_solver, name)
                patch.setattr(gpu_solver, name, lambda *a, own=own, name=name, **k: ran.append(name) or own(*a, **k))
        # numbers are traced, graphs and pools are not: else no one knows that prerequisites stay in their pool
        numbers, rest = eqx.partition(model, eqx.is_inexact_array_like)

        def solve(numbers):
            return ro.simulate(eqx.combine(numbers, rest), TIMES.astype(dtype))

        def times(numbers):
            return ro.learning_times(eqx.combine(numbers, rest), LEVEL)

        if way in TRACED:
            solve, times = jax.jit(solve), jax.jit(times)
        found = solve(numbers), np.asarray(times(numbers))
        if way == "gpu":
            assert set(ran) == {"trajectories", "learning_times"}
    return found


@functools.cache
def exact(name):
    return EXACT[name].levels(), EXACT[name].times(LEVEL)


def cells():
    for way in WAYS:
        for kind, names in KINDS.items():
            if (way, kind) in REASONS:
                continue
            for dtype in TOLERANCES:
                marks = [pytest.mark.slow] if (way, kind, dtype) in SLOW else []
                for name in names:
                    yield pytest.param(way, kind, dtype, name, marks=marks, id=f"{way}-{dtype}-{name}")


def test_every_system_that_the_cascade_serves_is_here():
    """Two systems have interference, which only the general solver takes."""
    left = set(EXACT) - {name for names in KINDS.values() for name in names}
    assert all(EXACT[name].case.interference is not None for name in left)
    assert {type(backend) for backend in batches.BACKENDS} == {type(backend) for backend in BACKENDS.values()}


@pytest.mark.parametrize(("way", "kind", "dtype", "name"), list(cells()))
def test_systems_with_exact_solutions(way, kind, dtype, name):
    run, times = solved(way, kind, dtype)
    of_level, of_time = TOLERANCES[dtype]
    assert NAMES[way] in run.method
    assert run.failures() == "" and run.level.dtype == dtype and times.dtype == dtype
    place, (levels, exact_times) = KINDS[kind].index(name), exact(name)
    skills = levels.shape[1]
    np.testing.assert_allclose(run.level[place, :, :skills], levels, rtol=0, atol=of_level)
    np.testing.assert_allclose(times[place, :skills], exact_times, rtol=of_time)
    # what is not there is no number
    assert np.isnan(run.level[place, :, skills:]).all() and np.isnan(times[place, skills:]).all()


@pytest.mark.parametrize(("way", "kind"), [(way, kind) for way in BACKENDS for kind in KINDS])
def test_a_backend_that_cannot_serve_says_why(way, kind):
    model, why = model_of(kind, "float64"), REASONS.get((way, kind))
    with only(way):
        found = BACKENDS[way].obstacle(model)
    assert found is None if why is None else why in found


@pytest.mark.parametrize(
    ("prepare", "why"),
    [
        (lambda patch: patch.delenv("RESOURCE_ODE_GPU_KERNEL"), "were not asked for"),
        (lambda patch: patch.setattr(gpu_solver, "INTERPRET", False), "there is no GPU"),
        (lambda patch: patch.setattr(gpu_solver, "MOST_SKILLS", 3), "more than 3 skills"),
        (lambda patch: patch.setattr(gpu_solver, "LEAST_EXPONENT", 1e3), "a gate exponent is below 1000"),
    ],
)
def test_why_there_are_no_gpu_programs(prepare, why):
    with only("gpu") as patch:
        prepare(patch)
        assert why in gpu_solver.obstacle(model_of("all", "float64"))


def test_why_there_are_no_loops(monkeypatch):
    model = model_of("all", "float64")
    for change, why in (
        ({"interference": np.eye(7)}, "interference"),
        ({"learning_rate": ro.Schedule([0.0, 1.0], [1.0, 2.0])}, "schedule"),
    ):
        independent = ro.ResourceModel(ro.SkillGraph([[]] * 7), np.ones(7), 1.0, 1.0).replace(**change)
        assert why in native.obstacle(independent)
    monkeypatch.setattr(native, "library", lambda: None)
    assert "cannot be used" in native.obstacle(model)
    monkeypatch.setattr(native.jax, "default_backend", lambda: "gpu")
    assert "on a CPU" in native.obstacle(model)
