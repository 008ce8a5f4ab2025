"""The loops as primitives of JAX: against the eager loops to the bit, and against the array path's derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import resource_ode as ro
from resource_ode.base.modules import with_fields
from resource_ode.model.loss import CrossEntropy
from resource_ode.native import calls
from resource_ode.native.handlers import handlers
from resource_ode.solve.cascade import traced as traced_room

MEMBERS, SKILLS = 5, 6
TS = np.linspace(0.0, 1500.0, 12)
MIXED = ["any", "all", "any", "any", "all", "any"]


def test_the_calls_are_built():
    """Where they cannot be, arrays do the same; but then nothing here would test them."""
    assert handlers() is not None


def random_models(dtype=jnp.float64, **options):
    """Random graphs of which one is smaller than the others."""
    graphs = [ro.graphs.random_dag(jax.random.key(seed), SKILLS - (seed == 2), 0.5) for seed in range(MEMBERS)]
    gate = options.pop("gate", "all")
    rng = np.random.default_rng(7)
    own = {"learning_rate": 0.02, "wasted_resource": 0.05, "gate_exponent": 0.2} | options
    models = []
    for graph in graphs:
        count = graph.skills
        either = gate if isinstance(gate, str) else gate[:count]
        graph = ro.SkillGraph(graph.prerequisites, either, required=graph.required)
        of_skills = {k: np.asarray(v[:count], dtype) for k, v in own.items() if np.ndim(v)}
        frequency = np.asarray(rng.lognormal(0, 1, count), dtype)
        models.append(ro.ResourceModel(graph, frequency, **(own | of_skills)))
    return ro.stack(models)


LEVELS = np.linspace(0.0, 0.6, SKILLS)
AFTER = np.linspace(2.0, 0.3, SKILLS)
VARIANTS = {
    "mse": {},
    "levels": {"initial_level": LEVELS},
    "mixed": {"gate": MIXED},
    "cross_entropy": {"loss": "cross_entropy"},
    "l2": {"competition": "l2"},
    "l2 of entropy": {"competition": "l2", "loss": "cross_entropy", "initial_level": LEVELS, "gate": MIXED},
    "l2 extended": {"competition": "l2", "plateau": 0.05, "prerequisite_strength": 0.7, "learnability": 1.5},
    "self-paced": {"frequency_after": AFTER},
    "extended": {"plateau": 0.05, "frequency_power": 0.6, "learnability": 1.5, "prerequisite_strength": 0.7},
    "plateau": {"plateau": 0.01, "initial_level": LEVELS, "frequency_after": AFTER, "gate": MIXED},
    "strength": {"prerequisite_strength": 0.6, "gate": MIXED},
    "strength of entropy": {"prerequisite_strength": 0.8, "loss": "cross_entropy", "initial_level": LEVELS},
    "everything": {
        "gate": MIXED,
        "loss": "cross_entropy",
        "competition": "l2",
        "frequency_after": AFTER,
        "initial_level": LEVELS,
    },
}
# those whose derivatives are the loops' own: quick to compile
FEW = ["mse", "levels", "mixed", "cross_entropy", "self-paced", "extended", "plateau", "strength"]
FEW += ["l2", "l2 of entropy", "l2 extended"]


def some(names, quick):
    """Variants to try, the rest of them marked as slow."""
    return [name if name in quick else pytest.param(name, marks=pytest.mark.slow) for name in names]


def equal(one, other):
    for x, y in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_array_equal(np.asarray(x), np.asarray(y))


# -- forward


@pytest.mark.parametrize("dtype", [jnp.float64, jnp.float32])
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_trace_gives_the_numbers_of_the_eager_call(variant, dtype):
    model = random_models(dtype, **VARIANTS[variant])
    assert model.dtype == dtype
    eager, run = ro.learning_times(model, 0.7), ro.simulate(model, TS)
    assert np.isnan(eager[2, -1]) and not np.any(np.isnan(eager[:2]))
    equal(jax.jit(lambda m: ro.learning_times(m, 0.7))(model), eager)
    traced = jax.jit(lambda m: ro.simulate(m, TS))(model)
    equal((traced.state, traced.clock), (run.state, run.clock))
    assert traced.failures() == ""
    # one axis more, and a member at a time
    flat = model.flat()
    equal(jax.vmap(lambda m: ro.learning_times(m, 0.7))(flat), eager)
    equal(jax.lax.map(lambda m: ro.simulate(m, TS).state, flat), run.state)


def equations(jaxpr):
    """All of them, also those of programs inside."""
    for equation in jaxpr.eqns:
        yield equation
        if "jaxpr" in equation.params:
            yield from equations(equation.params["jaxpr"].jaxpr)


@pytest.mark.parametrize("variant", ["mse", "l2"])
def test_what_only_reads_a_cascade_shares_it(variant):
    model = random_models(**VARIANTS[variant])
    wastes = jnp.asarray([0.01, 0.1, 1.0])
    grid = model.replace(wasted_resource=wastes[:, None])
    eager = ro.learning_times(grid, 0.6)
    equal(jax.jit(lambda m: ro.learning_times(m, 0.6))(grid), eager)
    by_waste = jax.vmap(lambda waste: ro.simulate(with_fields(model, wasted_resource=waste), TS).state)(wastes)
    equal(by_waste, ro.simulate(grid, TS).state)
    # a cascade per graph: its error is one for all wastes
    seen = jax.make_jaxpr(lambda m: ro.learning_times(m, 0.6))(grid)
    (solve,) = [e for e in equations(seen.jaxpr) if e.primitive is calls.solve_p]
    assert [x.aval.shape for x in solve.outvars[:3]] == [(3, MEMBERS, SKILLS), (3, MEMBERS), (1, MEMBERS)]


def test_a_changed_tolerance_or_level_is_no_new_program():
    traces = []

    @jax.jit
    def times(model, level, tolerance):
        traces.append(1)
        return ro.learning_times(model, level, tolerance=tolerance)

    model = random_models()
    for level, tolerance in ((0.5, 1e-5), (0.7, 1e-9)):
        equal(times(model, level, tolerance), ro.learning_times(model, level, tolerance=tolerance))
    assert len(traces) == 1


def test_unsound_numbers_under_a_trace_have_their_code():
    """Nobody has looked at them; neighbours are not touched."""
    model = random_models()

    def run(frequency, waste, prerequisites):
        graph = with_fields(model.graph, prerequisites=prerequisites)
        return ro.simulate(with_fields(model, frequency=frequency, wasted_resource=waste, graph=graph), TS)

    frequency = model.frequency.at[0, 1].set(-1.0).at[1, 0].set(jnp.nan)
    waste = jnp.full(MEMBERS, 0.05).at[3].set(-0.1)
    prerequisites = model.graph.prerequisites.at[4].set(1000)
    found = jax.jit(run)(frequency, waste, prerequisites)
    lost = [0, 1, 3, 4]
    assert np.all(np.isnan(found.state[np.array(lost)])) and "4 of 5 runs failed" in found.failures()
    equal(found.state[2], ro.simulate(model, TS).state[2])
    times = jax.jit(lambda f, w: ro.learning_times(with_fields(model, frequency=f, wasted_resource=w)))(
        frequency, waste
    )
    assert np.all(np.isnan(times[np.array([0, 1, 3])]))


def test_what_cannot_be_solved_finely_enough_is_nan_with_a_code(monkeypatch):
    monkeypatch.setattr(calls, "ATTEMPTS", 1)
    monkeypatch.setattr(calls, "MOST_PANELS", 8)
    model = random_models(gate=MIXED)
    run = jax.jit(lambda m: ro.simulate(m, TS, tolerance=1e-12))(model)
    assert "5 of 5 runs failed" in run.failures() and np.all(np.isfinite(run.state[:2]))
    assert np.all(np.isnan(jax.jit(lambda m: ro.learning_times(m, 0.999, tolerance=1e-12))(model)))


def test_without_the_calls_arrays_serve_and_say_so(monkeypatch):
    model = random_models()
    run = jax.jit(lambda m: ro.simulate(m, TS))(model)
    assert "arrays" not in run.method
    for module in (calls, traced_room):
        monkeypatch.setattr(module, "handlers", lambda: None)
    jax.clear_caches()
    by_arrays = jax.jit(lambda m: ro.simulate(m, TS))(model)
    assert "by arrays" in by_arrays.method and by_arrays.failures() == ""
    assert np.nanmax(np.abs(by_arrays.level - run.level)) < 1e-6
    monkeypatch.undo()
    jax.clear_caches()


class Own(CrossEntropy):
    """A loss of a user's own, of which the loops know nothing."""

    name = "own"


@pytest.mark.slow
def test_laws_of_a_users_own_go_by_arrays():
    model = random_models(loss=Own())
    traced = jax.jit(lambda m: ro.simulate(m, TS))(model)
    assert "by arrays" in traced.method
    assert np.nanmax(np.abs(traced.level - ro.simulate(random_models(loss="cross_entropy"), TS).level)) < 1e-6
    times = jax.jit(lambda m: ro.learning_times(m, 0.6))(model)
    np.testing.assert_allclose(times, ro.learning_times(random_models(loss="cross_entropy"), 0.6), rtol=1e-5)


# -- derivatives


def names_of(model):
    names = ("frequency", "learning_rate", "wasted_resource", "gate_exponent", "initial_level", "frequency_after")
    names += ("plateau", "frequency_power", "learnability", "prerequisite_strength")
    return [name for name in names if getattr(model, name) is not None]


def differentiable(model, what):
    """A function of the numbers of a model and of a level, or of times, and where to take its derivative."""
    names = names_of(model)
    model, tolerance = model.flat(), 1e-9 if model.dtype == jnp.float64 else 1e-6

    def function(values, at):
        changed = with_fields(model, **dict(zip(names, values, strict=True)))
        if what == "times":
            return [ro.learning_times(changed, at, tolerance=tolerance)]
        run = ro.simulate(changed, at, tolerance=tolerance)
        return [x for x in (run.state, run.clock, run.spent) if x is not None]

    at = jnp.asarray(0.7) if what == "times" else jnp.asarray(TS)
    return function, [getattr(model, name) for name in names], at


def random_like(values, seed, relative):
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda x: jnp.asarray(rng.normal(size=np.shape(x)) * relative) * x, values)


@pytest.mark.parametrize("what", ["times", "run"])
@pytest.mark.parametrize("variant", some(VARIANTS, FEW))
def test_derivatives(variant, what):
    """Forward against reverse mode by the dot-product identity, and against central differences."""
    function, values, at = differentiable(random_models(**VARIANTS[variant]), what)
    directions = random_like((values, at), 3, 0.1)
    found, along = jax.jvp(function, (values, at), directions)
    assert all(np.all(np.isfinite(x)) for x in along)
    rng = np.random.default_rng(4)
    weights = [jnp.asarray(rng.normal(size=x.shape)) / jnp.nanmax(jnp.abs(x)) for x in found]
    cotangents = jax.vjp(function, values, at)[1](weights)
    one = [jnp.vdot(w, x) for w, x in zip(weights, along, strict=True)]
    other = [jnp.vdot(x, y) for x, y in zip(*map(jax.tree.leaves, (cotangents, directions)), strict=True)]
    scale = sum(float(jnp.sum(jnp.abs(w * x))) for w, x in zip(weights, along, strict=True))
    assert abs(float(sum(one) - sum(other))) <= 1e-12 * scale

    @jax.jit
    def moved(step):
        return function(*jax.tree.map(lambda x, d: x + step * d, (values, at), directions))

    for x, plus, minus in zip(along, moved(1e-4), moved(-1e-4), strict=True):
        assert np.nanmax(np.abs(x - (plus - minus) / 2e-4)) <= 1e-4 * np.max(np.abs(x))


# those of runs are also held to SciPy, by tests/solve/test_optimised.py
@pytest.mark.slow
@pytest.mark.parametrize("what", ["times", "run"])
@pytest.mark.parametrize("variant", [*FEW[:6], "strength of entropy"])
def test_derivatives_of_the_array_path(monkeypatch, variant, what):
    function, values, at = differentiable(random_models(**VARIANTS[variant]), what)
    directions = random_like((values, at), 3, 0.1)
    along = jax.jvp(function, (values, at), directions)[1]
    monkeypatch.setattr(calls, "handlers", lambda: None)
    jax.clear_caches()
    values_of_arrays, exact = jax.jit(lambda *x: jax.jvp(function, *x))((values, at), directions)
    monkeypatch.undo()
    jax.clear_caches()
    # with its fixed number of panels it may not get so near, and then says so
    error = 1e-4 if "gate" in VARIANTS[variant] else 1e-6
    solved = np.isfinite(values_of_arrays[0]).reshape(MEMBERS, -1)[:, 0]
    assert solved.sum() >= 3
    for x, y in zip(along, exact, strict=True):
        assert np.max(np.abs((x - y)[solved])) <= error * np.max(np.abs(y[solved]))


def test_derivatives_in_float32():
    function, values, at = differentiable(random_models(jnp.float32), "times")
    exact, wide, at_wide = differentiable(random_models(), "times")
    gradient = jax.grad(lambda v, a: jnp.nansum(function(v, a)[0]))(values, at.astype(jnp.float32))
    reference = jax.grad(lambda v, a: jnp.nansum(exact(v, a)[0]))(wide, at_wide)
    for x, y in zip(gradient, reference, strict=True):
        assert x.dtype == jnp.float32
        np.testing.assert_allclose(x, y, rtol=1e-3, atol=1e-3 * np.max(np.abs(y)))


@pytest.mark.parametrize("competition", ["l1", "l2"])
def test_jacobians_and_batches_of_derivatives(competition):
    """Directions and cotangents beside the members; what is shared gets the sum."""
    model = random_models(competition=competition).flat()

    def last(frequency, waste, exponent):
        changed = with_fields(model, frequency=frequency, wasted_resource=waste, gate_exponent=exponent)
        return jnp.nanmax(ro.learning_times(changed), axis=-1)

    at = (model.frequency, jnp.asarray(0.05), jnp.asarray(0.2))
    forward, backward = (jax.jit(jac(last, argnums=(0, 1, 2)))(*at) for jac in (jax.jacfwd, jax.jacrev))
    for x, y in zip(forward, backward, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-9)
    total = jax.grad(lambda *x: jnp.sum(last(*x)), argnums=(0, 1, 2))(*at)
    for x, y in zip(forward, total, strict=True):
        np.testing.assert_allclose(np.sum(x, axis=0), y, rtol=1e-9, atol=1e-9)
    wastes = jnp.asarray([0.02, 0.3])
    alone = [jax.grad(lambda w: jnp.sum(last(at[0], w, at[2])))(w) for w in wastes]
    together = jax.vmap(jax.grad(lambda w: jnp.sum(last(at[0], w, at[2]))))(wastes)
    np.testing.assert_allclose(together, alone, rtol=1e-12)
    grid = jax.grad(lambda w: jnp.sum(last(at[0], w[:, None], at[2])))(wastes)
    np.testing.assert_allclose(grid, alone, rtol=1e-12)


def test_second_derivatives():
    model = random_models()[0]

    def last(x):
        changed = with_fields(model, wasted_resource=x[0], gate_exponent=x[1])
        return jnp.max(ro.learning_times(changed, tolerance=1e-10))

    at = jnp.asarray([0.05, 0.2])
    found = jax.jit(jax.hessian(last))(at)
    step = 1e-4 * at
    slope = jax.jit(jax.grad(last))
    expected = [(slope(at + h) - slope(at - h)) / (2 * jnp.sum(h)) for h in jnp.diag(step)]
    np.testing.assert_allclose(found, jnp.stack(expected), rtol=1e-4, atol=1e-5 * float(jnp.max(jnp.abs(found))))


@pytest.mark.parametrize("competition", ["l1", "l2"])
def test_jacobians_of_runs(competition):
    """A run to the end, so accurate that its panels are not kept: all cotangents of a member share a solve."""
    model, ts = random_models(competition=competition)[0], jnp.asarray([0.0, 30.0, 100.0, 3000.0])

    def run(frequency, waste, exponent, ts):
        changed = with_fields(model, frequency=frequency, wasted_resource=waste, gate_exponent=exponent)
        found = ro.simulate(changed, ts, tolerance=1e-10)
        return jnp.concatenate([found.state, found.clock[:, None]], axis=1)

    at = (model.frequency, jnp.asarray(0.05), jnp.asarray(0.2), ts)
    forward, backward = (jac(run, argnums=(0, 1, 2, 3))(*at) for jac in (jax.jacfwd, jax.jacrev))
    for x, y in zip(forward, backward, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-9 * np.max(np.abs(y)))


def test_all_that_can_be_spent_moves():
    """Without waste "l2" ends when all is learned; what was spent by then depends on the frequencies."""
    model, ts = random_models(competition="l2", wasted_resource=0.0)[0], jnp.asarray([10.0, 3000.0])

    def spent(frequency):
        return ro.simulate(with_fields(model, frequency=frequency), ts, tolerance=1e-10).spent

    direction = jnp.linspace(-1.0, 1.0, SKILLS) * model.frequency
    found = spent(model.frequency)
    assert abs(float(found[0]) - 0.2) < 1e-9 and found[1] < 0.02 * 3000
    _, along = jax.jvp(spent, (model.frequency,), (direction,))
    step = 1e-4
    moved = (spent(model.frequency + step * direction) - spent(model.frequency - step * direction)) / (2 * step)
    np.testing.assert_allclose(along, moved, rtol=1e-5, atol=1e-7)
    back = jax.grad(lambda frequency: spent(frequency)[1])(model.frequency)
    np.testing.assert_allclose(jnp.vdot(back, direction), along[1], rtol=1e-10)
    assert abs(float(along[1])) > 1e-3


@pytest.mark.parametrize("competition", ["l1", "l2"])
def test_reverse_mode_by_finite_differences_without_waste(competition):
    model = random_models(wasted_resource=0.0, competition=competition)[0]

    def levels(rate):
        rate = jnp.asarray(rate)
        return jnp.sum(ro.simulate(with_fields(model, learning_rate=rate), TS[:3], tolerance=1e-10).level)

    slope = (levels(0.0201) - levels(0.0199)) / 0.0002
    np.testing.assert_allclose(jax.grad(levels)(0.02), slope, rtol=1e-4)


# -- pools


@pytest.mark.parametrize("dtype", [jnp.float64, jnp.float32])
@pytest.mark.parametrize("options", [{}, {"loss": "cross_entropy", "competition": "l2"}])
def test_pools_are_members_of_their_own(options, dtype):
    """Two chains side by side, of which one also in a third pool that is empty in one of the members."""
    graph = ro.SkillGraph([[], [0], [], [2], []])
    values = {"learning_rate": np.asarray([0.02, 0.01, 0.03]), "wasted_resource": np.asarray([0.05, 0.1, 0.2])}
    frequency = np.asarray([1.0, 0.5, 0.7, 2.0, 1.5], dtype)
    pools = np.asarray([[0, 0, 1, 1, 2], [0, 0, 1, 1, 0]])
    model = ro.ResourceModel(graph, frequency, gate_exponent=0.2, pool=pools, **values, **options)
    times, run = ro.learning_times(model, 0.6), ro.simulate(model, TS)
    assert times.dtype == run.state.dtype == dtype and run.failures() == ""
    # under a trace of the pools themselves nobody could see that none is crossed
    traced = jax.jit(lambda waste: ro.learning_times(with_fields(model, wasted_resource=waste), 0.6))
    equal(traced(model.wasted_resource), times)
    alone = {k: v[1] for k, v in values.items()}
    chain = ro.ResourceModel(ro.SkillGraph([[], [0]]), frequency[2:4], gate_exponent=0.2, **alone, **options)
    equal(times[:, 2:4], np.broadcast_to(ro.learning_times(chain, 0.6), (2, 2)))
    equal(run.state[:, :, 2:4], np.broadcast_to(ro.simulate(chain, TS).state, (2, len(TS), 2)))
    equal(run.clock[:, :, 1], np.broadcast_to(ro.simulate(chain, TS).clock, (2, len(TS))))
    np.testing.assert_allclose(run.clock[1, :, 2], 0.03 / 0.2 * TS, rtol=1e-6)
    assert np.abs(run.budget_residual).max() < (1e-6 if dtype == jnp.float64 else 1e-4)


def test_gradients_with_pools():
    graph = ro.SkillGraph([[], [0], [], [2]])
    model = ro.ResourceModel(graph, [1.0, 0.5, 0.7, 2.0], [0.02, 0.01], [0.05, 0.1], 0.2, pool=[0, 0, 1, 1])

    def total(waste):
        return jnp.sum(ro.learning_times(with_fields(model, wasted_resource=waste), tolerance=1e-10))

    at, step = model.wasted_resource, 1e-4
    moved = [(total(at.at[k].add(step)) - total(at.at[k].add(-step))) / (2 * step) for k in range(2)]
    np.testing.assert_allclose(jax.grad(total)(at), moved, rtol=1e-6)


@pytest.mark.slow
def test_derivatives_by_arrays_where_nothing_is_required():
    changes = {"competition": "l2", "frequency_after": [0.5, 0.5]}  # which the loops have no derivatives of
    model = ro.ResourceModel(ro.SkillGraph([[], []]), np.array([1.0, 0.4]), 1.0, 0.1, **changes)

    def last(waste):
        return ro.learning_times(model.replace(wasted_resource=waste), 0.6)[-1]

    slope = (last(0.1 + 1e-4) - last(0.1 - 1e-4)) / 2e-4
    np.testing.assert_allclose(jax.grad(last)(0.1), slope, rtol=1e-5)
