"""What the loops measure as they go: against the same by arrays, and against learning times that are kept."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import resource_ode as ro
from resource_ode import native, observables
from resource_ode.base.special import saturation
from resource_ode.native.handlers import handlers
from resource_ode.observables import one_pass, resource_time
from resource_ode.solve.cascade import traced
from resource_ode.solve.cascade.sharing import split_axes

SKILLS = 7
VARIANTS = {
    "mse": {},
    # none of them at a level that is asked for, where rounding decides which skill begins first
    "levels": {"initial_level": np.linspace(0, 0.33, SKILLS)},
    "cross_entropy": {"loss": "cross_entropy"},
    "l2": {"competition": "l2"},
    "self-paced": {"frequency_after": np.linspace(2, 0.3, SKILLS)},
}


def models(gate="all", **options):
    """Two random graphs, the second smaller, by three wastes."""
    own = {"learning_rate": 0.02, "wasted_resource": 0.05, "gate_exponent": 0.2} | options
    found = []
    for seed, count in ((0, SKILLS), (1, SKILLS - 2)):
        graph = ro.graphs.random_dag(jax.random.key(seed), count, 0.5)
        graph = ro.SkillGraph(graph.prerequisites, gate, required=graph.required)
        mine = {k: v[:count] if np.ndim(v) else v for k, v in own.items()}
        found.append(ro.ResourceModel(graph, np.random.default_rng(seed).lognormal(0, 1, count), **mine))
    batch = ro.stack(found)
    spread = {
        name: np.asarray(getattr(batch, name))[:, None]
        for name in ("frequency", "initial_level", "frequency_after")
        if getattr(batch, name) is not None
    }
    graph = jax.tree.map(lambda x: x[:, None], batch.graph)
    return ro.ResourceModel(
        graph,
        spread.pop("frequency"),
        **spread,
        learning_rate=0.02,
        wasted_resource=np.array([0.0, 0.05, 1.0]),
        gate_exponent=0.2,
        loss=batch.law,
        competition=batch.rule,
    )


def unlike(values, others):
    """The largest difference; the same places are NaN."""
    values, others = np.asarray(values), np.asarray(others)
    np.testing.assert_array_equal(np.isnan(values), np.isnan(others))
    return float(np.nanmax(np.abs(values - others), initial=0))


def loads_by_arrays(model, state):
    asked = jax.vmap(model.competitiveness)(state)
    largest = jnp.max(asked, axis=-1)
    parts = asked / jnp.where(largest > 0, largest, 1)[:, None]
    learned = jnp.where(model.graph.present, jax.vmap(model.gained)(state), 0)
    sums = {"total": parts, "squares": parts**2, "learned": learned}
    return {"largest": largest} | {name: jnp.sum(x, axis=-1) for name, x in sums.items()}


def test_the_loops_are_built():
    """Where they cannot be, arrays do the same; but then nothing here would test them."""
    assert native.library() is not None and handlers() is not None


@pytest.mark.parametrize("gate", ["all", "any"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_measures_of_learning_times_that_are_not_kept(variant, gate):
    model = models(gate, **VARIANTS[variant])
    found = one_pass.of_learning_times(model, 0.8, (0.1, 0.9), one_pass.NAMES)
    assert found is not None and not found[1].any()
    found = found[0]
    last, begin, end = (ro.learning_times(model, level) for level in (0.8, 0.1, 0.9))
    np.testing.assert_allclose(found["horizon"], np.nanmax(last, axis=-1), rtol=3e-7)
    np.testing.assert_allclose(found["efficiency"], observables.efficiency(model, 0.8, times=last), rtol=3e-7)
    kept = observables.domino_overlap(begin, end, mean=True)
    assert unlike(found["overlap"], kept) < 1e-5


def test_what_is_not_asked_for_is_not_solved_for():
    model = models()
    assert set(one_pass.of_learning_times(model, 0.8, (0.1, 0.9), ["overlap"])[0]) == {"overlap"}
    assert (
        one_pass.of_learning_times(
            model.replace(pool=np.zeros(SKILLS, int), learning_rate=np.full(1, 0.02), wasted_resource=np.full(1, 0.05)),
            0.8,
            (0.1, 0.9),
            ["overlap"],
        )
        is None
    )


@pytest.mark.parametrize("variant", VARIANTS)
def test_integrals_over_resource_time(variant):
    """By quadrature on a run of its own, of which the rows are in resource time."""
    model = models(**VARIANTS[variant])[0, 1]
    level = 0.8
    graphs, _, _ = split_axes(jax.tree.map(np.asarray, model), share_exponents=False)
    (clock, of_all, demand, squares), unsure = one_pass.until_level(graphs, level, 1e-6)
    assert not unsure.any()
    np.testing.assert_allclose(demand, of_all, rtol=1e-6)
    found = squares[0] / of_all[0]
    np.testing.assert_array_equal(observables.seriality(model, level=level), found)
    end = float(ro.horizon(model, level))
    run = ro.simulate(model, np.linspace(0, end, 4001), tolerance=1e-9)
    alone = 1 / np.asarray(observables.concurrency(run))
    learned = np.sum(np.asarray(model.law.progress(jax.vmap(model.effort)(run.state))), axis=-1)
    by_rows = np.sum((alone[1:] + alone[:-1]) / 2 * np.diff(learned)) / (learned[-1] - learned[0])
    np.testing.assert_allclose(found, by_rows, atol=3e-5)
    np.testing.assert_allclose(of_all[0], learned[-1] - learned[0], rtol=1e-6)
    np.testing.assert_allclose(clock[0], run.clock[-1], rtol=1e-5)


EXTENDED = {"plateau": {"plateau": 0.01}, "strength": {"prerequisite_strength": 0.6}}


@pytest.mark.parametrize("level", [None, 0.8])
@pytest.mark.parametrize("variant", VARIANTS)
def test_integrals_are_the_same_under_every_transformation(variant, level, monkeypatch):
    model = models("any", **VARIANTS[variant])
    monkeypatch.setattr(resource_time, "_members", None)  # arrays are asked for derivatives alone

    def both(model):
        return observables.seriality(model, level=level), observables.total_waste(model, level=level)

    expected = both(model)
    assert expected[0].shape == (2, 3) and np.isfinite(expected[0]).all() and np.isfinite(expected[1]).all()
    each = jax.vmap(lambda waste: both(model.replace(wasted_resource=waste)), 0, 1)(model.wasted_resource)
    for found in (jax.jit(both)(model), [x[..., 0] for x in each]):
        for value, its in zip(found, expected, strict=True):
            np.testing.assert_array_equal(value, its)


@pytest.mark.parametrize(
    ("variant", "level"),
    [
        # of a plain model also in tests/observables
        pytest.param("mse", None, marks=pytest.mark.slow),
        ("levels", 0.8),
        pytest.param("cross_entropy", 0.8, marks=pytest.mark.slow),
        pytest.param("self-paced", None, marks=pytest.mark.slow),
        pytest.param("plateau", None, marks=pytest.mark.slow),
        pytest.param("strength", 0.8, marks=pytest.mark.slow),
    ],
)
def test_derivatives_of_integrals_are_those_of_the_loops(variant, level):
    model = models(**VARIANTS[variant])[1, 1] if variant in VARIANTS else models()[1, 1].replace(**EXTENDED[variant])
    count = int(model.graph.present.sum())
    direction = np.random.default_rng(2).normal(size=(2, count))

    def of(x):
        changed = {"frequency": model.frequency * jnp.exp(x[:count]), "gate_exponent": 0.2 * jnp.exp(x[count])}
        return observables.seriality(model.replace(**changed), level=level, tolerance=1e-11)

    at, along = jnp.zeros(count + 1), jnp.append(direction[0], 0.5)
    step = 1e-4
    slope = (of(at + step * along) - of(at - step * along)) / (2 * step)

    @jax.jit
    def both(x):
        # what forward mode gives is transposed for reverse mode: one program, where two would share most of it
        _, push = jax.linearize(of, x)
        return push(along), jax.linear_transpose(push, x)(1.0)[0]

    forward, backward = both(at)
    np.testing.assert_allclose(forward, slope, rtol=2e-5, atol=1e-7)
    np.testing.assert_allclose(backward @ along, forward, rtol=1e-9, atol=1e-12)


@pytest.mark.slow
def test_second_derivatives_of_integrals():
    model = models()[1, 1]

    def of(a):
        return observables.seriality(model.replace(gate_exponent=a), level=0.8)

    slope = jax.grad(of)
    expected = (slope(0.2 + 1e-5) - slope(0.2 - 1e-5)) / 2e-5
    np.testing.assert_allclose(jax.jit(jax.hessian(of))(0.2), expected, rtol=1e-5)


@pytest.mark.parametrize("gate", ["all", "any"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_loads_are_those_of_arrays(variant, gate):
    model = models(gate, **VARIANTS[variant])[1, 1]
    run = ro.simulate(model, np.linspace(0, 2000, 9))
    # as it is stored, and with a row where all is learned
    state = run.state.at[-1].set(
        jnp.where(model.graph.present, jnp.inf, jnp.nan) if model.law.has_end else run.state[-1]
    )
    known = jnp.where(jnp.isfinite(state), state, jnp.where(jnp.isinf(state), 1e154, 0))
    found, expected = traced.loads_of_run(model, state), jax.jit(loads_by_arrays)(model, known)
    for name, its in expected.items():
        # what is learned is a difference of sums; where nobody asks for anything, its parts mean nothing
        least = 1e-15 if name == "learned" else 1e-290
        some = (np.asarray(expected["largest"]) > 1e-290) | (name in ("largest", "learned"))
        np.testing.assert_allclose(getattr(found, name)[some], its[some], rtol=1e-12, atol=least, err_msg=name)
        assert np.all(np.isfinite(getattr(found, name)))


@pytest.mark.parametrize("count", [1, 31, 32, 33, 63, 66])
def test_loads_of_any_number_of_rows(count):
    """The loops take so many at a time: what is between two rows does not depend on where one ends."""
    model = models()[1, 1]
    run = ro.simulate(model, np.linspace(10, 2000, count))
    found, expected = traced.loads_of_run(model, run.state), jax.jit(loads_by_arrays)(model, run.state)
    for name, its in expected.items():
        np.testing.assert_allclose(getattr(found, name), its, rtol=1e-12, atol=1e-14, err_msg=name)


@pytest.mark.slow
def test_loads_have_derivatives_and_batches():
    """Of what does not depend on the scale, which is held."""
    model = models()[0, 1]
    state = ro.simulate(model, np.linspace(10, 500, 5)).state

    def concurrency(state, frequency):
        found = traced.loads_of_run(model.replace(frequency=frequency), state)
        return found.total**2 / found.squares

    def by_arrays(state, frequency):
        asked = jax.vmap(model.replace(frequency=frequency).competitiveness)(state)
        return jnp.sum(asked, axis=-1) ** 2 / jnp.sum(asked**2, axis=-1)

    along = (jnp.ones_like(state), model.frequency)
    mine, its = (jax.jvp(f, (state, model.frequency), along)[1] for f in (concurrency, by_arrays))
    # terms as large as the efforts cancel
    rounding = 4 * np.finfo(float).eps * float(jnp.max(model.effort(state[-1])))
    np.testing.assert_allclose(mine, its, rtol=1e-9, atol=rounding)
    back = jax.grad(lambda state: jnp.sum(concurrency(state, model.frequency)))(state)
    forth = jax.jvp(lambda state: jnp.sum(by_arrays(state, model.frequency)), (state,), (jnp.ones_like(state),))[1]
    np.testing.assert_allclose(jnp.sum(back), forth, rtol=1e-9)
    whole = jax.vmap(concurrency, in_axes=(0, None))(jnp.stack([state, 2 * state]), model.frequency)
    np.testing.assert_array_equal(whole[1], concurrency(2 * state, model.frequency))


@pytest.mark.parametrize("variant", ["mse", "cross_entropy"])
def test_loads_have_derivatives_beside_what_is_not_there_or_all_learned(variant):
    """Skills that are absent, and a row of infinite exposures, add nothing and spoil nothing."""
    model = models(**VARIANTS[variant])[1, 1]
    state = ro.simulate(model, np.linspace(10, 500, 4)).state
    endless = jnp.concatenate([state, jnp.where(model.graph.present, jnp.inf, jnp.nan)[None]])

    @jax.jit  # one by one, the operations of its derivatives are compiled for seconds; as above they are
    def learned(frequency, state):
        return traced.loads_of_run(model.replace(frequency=frequency), state).learned[:4]

    along = jnp.where(model.graph.present, model.frequency, 0)
    value, slope = jax.jvp(lambda p: learned(p, endless), (model.frequency,), (along,))
    np.testing.assert_array_equal(value, learned(model.frequency, state))
    back = jax.grad(lambda p: jnp.sum(learned(p, endless)))(model.frequency)
    np.testing.assert_allclose(jnp.sum(back * along), jnp.sum(slope), rtol=1e-9)
    by_state = jax.grad(lambda state: jnp.sum(learned(model.frequency, state)))(endless)
    assert np.all(np.isfinite(by_state)) and np.all(by_state[:, ~model.graph.present] == 0)
    ends = [learned(model.frequency + sign * 1e-5 * along, state) for sign in (1, -1)]
    np.testing.assert_allclose(slope, (ends[0] - ends[1]) / 2e-5, rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("variant", ["mse", "levels", "cross_entropy", "self-paced"])
def test_levels_are_those_of_the_law(variant):
    model = models(**VARIANTS[variant])[0, 1]
    state = np.concatenate([np.zeros((1, SKILLS)), np.geomspace(1e-6, 1e5, 8)[:, None] * np.ones(SKILLS)])
    state[3, 2] = np.nan
    found = native.levels(jax.tree.map(lambda x: np.asarray(x)[None], model), state[None])[0]
    expected = np.array(model.law.level(jax.vmap(model.effort)(jnp.asarray(state))))
    assert unlike(found, expected) < 1e-14


def test_levels_of_what_is_all_learned():
    model = models(loss="cross_entropy")[0, 1]
    endless = native.levels(jax.tree.map(lambda x: np.asarray(x)[None], model), np.full((1, 1, SKILLS), np.inf))
    np.testing.assert_array_equal(endless, 1)
    assert float(saturation(1e9)) == 1
