"""What rows do to what is measured on a run: the error is stated, and where it matters a warning says so."""

import warnings

import jax
import numpy as np
import pytest

import resource_ode as ro
from resource_ode import observables as obs

# of the chain below, whatever its rows
SERIALITY = 0.9084996417607881


def chain(**changes):
    given = {"learning_rate": 1e-3, "wasted_resource": 1e-3, "gate_exponent": 1e-4}
    given = {"frequency": [0.3, 1.0, 3.0], **given, **changes}
    return ro.ResourceModel(ro.SkillGraph([[], [0], [1]]), **given)


@pytest.mark.parametrize(
    ("rows", "end", "coarse"), [(11, 5000, True), (501, 8000, False), (501, 1500, True), (4001, 8000, False)]
)
def test_the_seriality_of_a_run_states_its_error(rows, end, coarse):
    run = ro.simulate(chain(), np.linspace(0, end, rows))
    error = float(obs.seriality_error(run))
    assert (error > 0.01) == coarse
    if coarse:
        with pytest.warns(obs.RowsTooCoarse, match=r"seriality: the rows of the run may make it wrong by up to 0\.\d+"):
            value = float(obs.seriality(run))
    else:
        value = float(obs.seriality(run))
    assert abs(value - SERIALITY) <= error


def test_it_is_the_value_of_the_model():
    assert float(obs.seriality(chain())) == pytest.approx(SERIALITY, abs=1e-6)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"competition": "l2", "started": True},
        {"loss": "cross_entropy"},
        {"plateau": 0.02},
        pytest.param({"paced": True, "gate": "any"}, marks=pytest.mark.slow),
        pytest.param({"loss": "cross_entropy", "paced": True, "started": True}, marks=pytest.mark.slow),
    ],
)
def test_the_stated_error_is_a_bound_for_random_graphs(changes):
    graphs, skills = 128, 6
    number = np.random.default_rng(3)
    keys = jax.random.split(jax.random.key(5), graphs)
    density = number.uniform(0, 1, graphs)
    gate = changes.pop("gate", "all")
    graph = jax.vmap(lambda key, density: ro.graphs.random_dag(key, skills, density, gate=gate))(keys, density)
    spread = number.uniform(0, 3, (graphs, 1))
    frequency, after = (np.exp(spread * number.normal(size=(graphs, skills))) for _ in range(2))
    if changes.pop("paced", False):
        changes["frequency_after"] = after
    if changes.pop("started", False):
        changes["initial_level"] = number.uniform(0, 0.4, (graphs, skills))
    waste, exponent = (np.exp(number.uniform(*ends, graphs)) for ends in ((-9, 2), (-7, 0)))
    model = ro.ResourceModel(graph, frequency, 1.0, waste, exponent, **changes)
    with warnings.catch_warnings():
        # some members are not known to its tolerance, and NaN
        warnings.filterwarnings("ignore", "seriality: ")
        exact = np.asarray(obs.seriality(model))
    known = ~np.isnan(exact)
    assert known.mean() > 0.5
    # times scale as 1/eta: each run in units of its own length
    model = model.replace(
        learning_rate=np.asarray(ro.horizon(model, 0.95 if model.loss == "cross_entropy" else 0.9999))
    )
    both = lambda run: (obs.seriality(run), obs.seriality_error(run))  # noqa: E731
    for ts in (np.linspace(0, 1, 4), np.linspace(0, 1, 40), np.append(0, np.geomspace(1e-5, 1, 39))):
        value, error = (np.asarray(x) for x in ro.simulate(model, ts, reduce=both))
        assert np.all((np.abs(value - exact) <= error + 2e-6)[known])
        # and not a bound that says nothing
        assert ts.size < 40 or np.median(error) < 0.25


@pytest.mark.parametrize("name", ["frequency", "learning_rate", "wasted_resource"])
def test_the_stated_error_is_a_bound_with_schedules(name):
    values = {
        "frequency": [[0.3, 1.0, 3.0], [3.0, 0.1, 1.0]],
        "learning_rate": [1e-3, 3e-3],
        "wasted_resource": [1e-3, 2e-3],
    }
    # the two others are schedules that change nothing: the programs are then the same
    schedules = {k: ro.Schedule([0, 900], v if k == name else [v[0], v[0]]) for k, v in values.items()}
    run = [ro.simulate(chain(**schedules), np.linspace(0, 9000, n)) for n in (40, 4001)]
    fine, most = float(obs.seriality(run[1])), float(obs.seriality_error(run[1]))
    assert most < 0.01
    with pytest.warns(obs.RowsTooCoarse):
        coarse = float(obs.seriality(run[0]))
    assert abs(coarse - fine) <= float(obs.seriality_error(run[0])) + most


def test_loops_and_arrays_state_the_same_bound():
    from resource_ode.solve.cascade.between import squared_parts
    from resource_ode.solve.cascade.traced import loads_of_run

    graph = ro.SkillGraph([[], [0], [0, 1], [1]], gate=["all", "all", "any", "all"])
    for changes in ({}, {"loss": "cross_entropy"}, {"plateau": 0.05}, {"frequency_after": [0.5, 4.0, 1.0, 1.0]}):
        model = ro.ResourceModel(graph, [1.0, 2.0, 0.3, 1.0], 1e-3, 0.1, 0.2, **changes)
        for rows in (1, 2, 3, 30):
            run = ro.simulate(model, np.linspace(0, 9000, rows))
            loads = loads_of_run(model, run.state)
            by_arrays = jax.jit(squared_parts)(model, run.state)
            for found, expected in zip((loads.least, loads.most), by_arrays, strict=True):
                np.testing.assert_allclose(found[:-1], expected, rtol=1e-9, atol=1e-12)
                assert found[-1] == 0


def test_the_stated_error_covers_random_graphs():
    keys = jax.random.split(jax.random.key(3), (2, 24))
    graph = jax.vmap(lambda key: ro.graphs.random_dag(key, 8, 0.3))(keys[0])
    frequency = jax.vmap(lambda key: ro.frequencies.lognormal(key, 8, 1.5))(keys[1])
    model = ro.ResourceModel(graph, frequency, 1.0, 1e-3, 0.01)
    exact = np.asarray(obs.seriality(model))
    # times scale as 1/eta: each run in units of its own length
    model = model.replace(learning_rate=np.asarray(ro.horizon(model, 1 - 1e-4)))
    for rows in (21, 101, 401):
        both = lambda run: (obs.seriality(run), obs.seriality_error(run))  # noqa: E731
        value, error = ro.simulate(model, np.linspace(0, 1, rows), reduce=both)
        assert bool((np.abs(value - exact) <= error).all())
    assert float(error.max()) < 0.01


def test_a_batch_says_how_many():
    model = chain(wasted_resource=[1e-3, 10.0])
    run = ro.simulate(model, np.linspace(0, 8000, 501))
    with pytest.warns(obs.RowsTooCoarse, match="seriality: the rows of 1 of 2 runs may make it wrong"):
        obs.seriality(run)


@pytest.mark.parametrize("measure", [obs.seriality, obs.efficiency, obs.domino_overlap, obs.depth_correlation])
def test_no_members_have_no_values(measure):
    run = ro.simulate(chain(wasted_resource=[1e-3, 10.0]), np.linspace(0, 8000, 501))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert measure(run[:0]).shape[0] == 0


def test_what_compares_times_reads_them_between_rows():
    model = chain()
    fine, coarse = (ro.simulate(model, np.linspace(0, 8000, rows)) for rows in (2001, 9))
    measures = {
        "efficiency": obs.efficiency,
        "domino_overlap": obs.domino_overlap,
        "depth_correlation": obs.depth_correlation,
    }
    for name, measure in measures.items():
        found = measure(fine)
        np.testing.assert_allclose(found, measure(model), atol=2e-4)
        if name != "depth_correlation":  # the order is seen in nine rows too
            with pytest.warns(obs.RowsTooCoarse, match=f"{name}: the rows of the run may make it wrong"):
                assert bool(np.any(np.abs(measure(coarse) - measure(model)) > 2e-3))
            wrong = np.abs(np.asarray(found) - np.asarray(measure(model)))
            assert bool(np.all(wrong <= obs.rows_error(fine, measure) + 1e-6))


def test_times_between_rows_at_the_ends():
    model = ro.ResourceModel(ro.SkillGraph([[], []]), [1.0, 0.5], 1e-2, 0.1, initial_level=[0.6, 0.0])
    run = ro.simulate(model, [100.0, 5000.0, 6000.0])
    # one starts above the level, the other is read between the start and the first row
    level = float(run.level[0, 1]) / 2
    with pytest.warns(obs.RowsTooCoarse):  # nothing is known of what is between
        assert float(obs.efficiency(run, level)) == pytest.approx(level / (1e-2 * 50.0))
    with pytest.warns(obs.RowsTooCoarse):  # not reached in the run
        assert float(obs.efficiency(ro.simulate(model, [1.0, 2.0]), 0.99)) == 0


def test_the_error_of_a_profile_is_refused():
    with pytest.raises(ValueError, match="measure: expected one without an axis over rows"):
        obs.rows_error(ro.simulate(chain(), np.linspace(0, 100, 6)), obs.concurrency)
