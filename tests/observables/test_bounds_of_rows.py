"""What rows leave unknown of measures that compare times: true for few rows, runs cut early, and a late first row."""

import warnings

import jax
import numpy as np
import pytest

import resource_ode as ro
from resource_ode import observables as obs
from resource_ode.observables import order, spending

MEASURES = ("efficiency", "domino_overlap", "depth_correlation")


def ensemble(seed, **changes):
    number, members, skills = np.random.default_rng(seed), 32, 6
    keys = jax.random.split(jax.random.key(seed), members)
    graph = jax.vmap(lambda key: ro.graphs.random_dag(key, skills, 0.4))(keys)
    spread = number.uniform(0, 2, (members, 1))
    frequency, after = (np.exp(spread * number.normal(size=(members, skills))) for _ in range(2))
    if changes.pop("paced", False):
        changes["frequency_after"] = after
    waste = changes.pop("waste", np.exp(number.uniform(-9, 2, members)))
    model = ro.ResourceModel(graph, frequency, 1.0, waste, np.exp(number.uniform(-7, 0, members)), **changes)
    # times scale as 1/eta: each run in units of its own length
    return model.replace(learning_rate=np.asarray(ro.horizon(model, 0.96)))


@pytest.mark.parametrize(
    "changes",
    [{}, {"loss": "cross_entropy"}, {"plateau": 0.02}, {"competition": "l2"}, {"paced": True}, {"waste": 0.0}],
)
def test_what_is_stated_covers_the_value_of_the_model(monkeypatch, changes):
    stated = {}
    for module in (order, spending):
        monkeypatch.setattr(module, "warn_if_coarse", lambda name, run, error: stated.update({name: error}))
    model = ensemble(7, **changes)
    exact = {name: np.asarray(getattr(obs, name)(model)) for name in MEASURES}
    for rows in (1, 2, 3, 9, 200):
        for ends in ((0, 1), (0.3, 1), (0, 0.6)):
            ts = np.linspace(*ends, rows) if rows > 1 else [ends[1]]
            run = ro.simulate(model, ts)
            for name in MEASURES:
                found, error = np.asarray(getattr(obs, name)(run)), np.asarray(stated[name])
                known = ~np.isnan(found) & ~np.isnan(exact[name])
                assert np.all((np.abs(found - exact[name]) <= error + 2e-6)[known]), (name, rows, ends)
        if rows == 200:
            # and not bounds that say nothing
            run = ro.simulate(model, np.linspace(0, 1, rows))
            for name in MEASURES:
                getattr(obs, name)(run)
                assert np.nanmedian(np.asarray(stated[name])) < 0.02


def chain():
    return ro.ResourceModel(ro.SkillGraph([[], [0], [1], []]), [0.3, 1.0, 3.0, 0.05], 1e-3, 0.1, 1e-3)


@pytest.mark.parametrize("ts", [[0.0, 33e3], [33e3], np.linspace(0, 9000, 1001), [16e3, 24e3, 33e3]])
@pytest.mark.parametrize("name", MEASURES)
def test_a_run_that_does_not_show_it_warns(name, ts):
    options = {"mean": True} if name == "domino_overlap" else {}
    if name == "depth_correlation":
        options = {"level": 0.95}
    with pytest.warns(obs.RowsTooCoarse, match=rf"{name}: the rows of the run may make it wrong by "):
        getattr(obs, name)(ro.simulate(chain(), ts), **options)


def test_dense_rows_that_show_all_do_not_warn():
    run = ro.simulate(chain(), np.linspace(0, 35_000, 2001))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert float(obs.efficiency(run)) == pytest.approx(float(obs.efficiency(chain())), abs=1e-5)
        np.testing.assert_allclose(obs.domino_overlap(run), obs.domino_overlap(chain()), atol=1e-4)


@pytest.mark.parametrize("ts", [[0.0], [33_000.0]])
def test_a_single_row_says_nothing_of_seriality(ts):
    run = ro.simulate(chain(), ts)
    assert np.isinf(float(obs.seriality_error(run)))
    with pytest.warns(obs.RowsTooCoarse, match="seriality: the rows of the run may make it wrong by any amount"):
        assert np.isnan(float(obs.seriality(run)))


def test_half_of_one_or_two_rows_tells_nothing():
    for ts in ([33_000.0], [0.0, 33_000.0]):
        assert np.isinf(float(obs.rows_error(ro.simulate(chain(), ts), lambda run: run.level[-1, 0])))


def test_skills_alike_are_not_said_to_be_unclear():
    model = ro.ResourceModel(ro.SkillGraph([[]] * 3), [1.0] * 3, 1e-3, 0.1)
    run = ro.simulate(model, np.linspace(0, 5000, 1001))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_allclose(obs.domino_overlap(run), 1.0, atol=1e-6)
