"""Of compiled programs only so many are kept, whatever is asked of runs of ever new shapes."""

import gc

import jax
import numpy as np
import pytest

import resource_ode as ro
from resource_ode.base import programs

pytestmark = pytest.mark.usefixtures("little_to_search")


def alive():
    gc.collect()
    return len(jax.devices()[0].client.live_executables())


def stay_few(monkeypatch, use, sizes):
    """Each new size compiles some ten programs; after the first three sizes none of them may stay."""
    monkeypatch.setattr(programs, "MOST_KEPT", 4)
    for size in sizes[:3]:
        use(size)
    before = alive()
    for size in sizes[3:]:
        use(size)
    assert alive() <= before + 2


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="other devices keep what they slice and reshape")
@pytest.mark.slow
def test_runs_of_new_shapes_leave_no_more_programs_than_are_kept(monkeypatch):
    def use(rows):
        model = ro.ResourceModel(ro.SkillGraph([[], [0], [0, 1]]), [1.0, 0.5, 2.0], 0.01, 0.1, 0.1)
        run = ro.simulate(model, np.linspace(0, 900, rows))
        for name in ("level", "share", "waste", "loss", "budget_residual"):
            np.asarray(getattr(run, name))
        repr(run), run._repr_html_()
        batch = ro.simulate(model.replace(wasted_resource=np.linspace(0.1, 1, 3)), np.linspace(0, 900, rows))
        repr(batch[0])
        np.asarray(ro.observables.concurrency(run))

    stay_few(monkeypatch, use, range(3, 10))


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="elsewhere it is the arrays that are compiled")
def test_derivatives_outside_jit_leave_no_more_programs_than_are_kept(monkeypatch):
    """Their programs go with the one that they are derivatives of."""

    def use(skills):
        model = ro.ResourceModel(ro.SkillGraph([[]] * skills), np.ones(skills), 0.01, 0.1, 0.1)
        frequency = jax.device_put(np.linspace(1, 2, skills))

        def times(frequency):
            return ro.learning_times(model.replace(frequency=frequency))

        def levels(frequency):
            return ro.simulate(model.replace(frequency=frequency), np.linspace(0, 900, 5)).state

        # one verb at a time: JAX adds what comes of two by a program of its own
        for found in (times, levels):
            values, back = jax.vjp(found, frequency)
            back(values)
            jax.jvp(found, (frequency,), (frequency,))

    stay_few(monkeypatch, use, range(2, 9))
