"""Generators of graphs and of frequencies: what they promise, alone and under `jax.vmap`."""

import math
import re
from collections import Counter

import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings

from resource_ode import frequencies, graphs

KEY = jax.random.key(7)
KEYS = jax.random.split(KEY, 5)

KEYLESS = {
    "chain": lambda gate: graphs.chain(4, gate=gate),
    "star": lambda gate: graphs.star(4, gate=gate),
    "tree": lambda gate: graphs.tree(2, 3, gate=gate),
    "parity": lambda gate: graphs.parity(3, gate=gate),
}
RANDOM = {
    "layered": lambda key, gate: graphs.layered(key, [3, 4, 2], 2, gate=gate),
    "random_dag": lambda key, gate: graphs.random_dag(key, 8, 0.6, 4, gate=gate),
    "preferential": lambda key, gate: graphs.preferential(key, 8, 2, gate=gate),
}


def check_member(graph):
    """One graph in topological order: later skills require earlier ones, each once, in order, padding last."""
    lists = graph.prerequisite_lists()
    assert all(row == sorted(set(row)) for row in lists)
    assert all(before < skill for skill, row in enumerate(lists) for before in row)
    assert all(mask == sorted(mask, reverse=True) for mask in np.asarray(graph.required).tolist())
    depth = graph.depth.tolist()
    assert depth == [max((depth[before] + 1 for before in row), default=0) for row in lists]


# -- every generator


@pytest.mark.parametrize("name", KEYLESS)
def test_keyless_ones_are_acyclic_and_take_gates(name):
    graph = KEYLESS[name]("any")
    check_member(graph)
    assert bool(graph.any_gate.all())
    assert not bool(KEYLESS[name]("all").any_gate.any())
    one_each = ["any"] + ["all"] * (graph.skills - 1)
    assert KEYLESS[name](one_each).any_gate.tolist() == [gate == "any" for gate in one_each]


@pytest.mark.parametrize("name", KEYLESS)
def test_keyless_ones_run_under_vmap(name):
    alone = KEYLESS[name]("all")
    gates = jnp.stack([jnp.zeros(alone.skills, bool), jnp.ones(alone.skills, bool)])
    batch = jax.vmap(KEYLESS[name])(gates)
    assert batch.batch_shape == (2,)
    assert batch.any_gate.tolist() == gates.tolist()
    assert batch[1].prerequisite_lists() == alone.prerequisite_lists()
    assert batch[1].depth.tolist() == alone.depth.tolist()
    assert batch[0].names == alone.names


@pytest.mark.parametrize("name", RANDOM)
def test_random_ones_run_under_vmap(name):
    batch = jax.jit(jax.vmap(lambda key: RANDOM[name](key, "any")))(KEYS)
    assert batch.batch_shape == (5,)
    assert np.asarray(batch.any_gate).all()
    assert np.all(np.asarray(batch.depth) < batch.skills)
    for index, key in enumerate(KEYS[:3]):
        check_member(batch[index])
        alone = RANDOM[name](key, "all")
        check_member(alone)
        assert batch[index].prerequisite_lists() == alone.prerequisite_lists()
        assert batch[index].depth.tolist() == alone.depth.tolist()
    assert len({str(batch[index].prerequisite_lists()) for index in range(3)}) > 1


# -- each generator


def test_chain_and_star():
    assert graphs.chain(1).prerequisite_lists() == graphs.star(1).prerequisite_lists() == [[]]
    assert graphs.chain(1).fan_in == graphs.star(1).fan_in == 0
    assert graphs.chain(5).depth.tolist() == [0, 1, 2, 3, 4]
    assert graphs.star(5).depth.tolist() == [0, 1, 1, 1, 1]


@pytest.mark.parametrize("depth", [0, 1, 3])
@pytest.mark.parametrize("branching", [1, 2, 3])
def test_tree(depth, branching):
    graph = graphs.tree(depth, branching)
    assert graph.skills == sum(branching**level for level in range(depth + 1))
    assert Counter(graph.depth.tolist()) == {level: branching ** (depth - level) for level in range(depth + 1)}
    required = [before for row in graph.prerequisite_lists() for before in row]
    assert sorted(required) == list(range(graph.skills - 1))
    assert {len(row) for row in graph.prerequisite_lists()} <= {0, branching}


def test_layered():
    widths = [3, 1, 4, 5]
    graph = graphs.layered(KEY, widths, 3)
    layer = [index for index, width in enumerate(widths) for _ in range(width)]
    assert graph.depth.tolist() == layer
    for skill, row in enumerate(graph.prerequisite_lists()):
        assert len(row) == (min(3, widths[layer[skill] - 1]) if layer[skill] else 0)
        assert all(layer[before] == layer[skill] - 1 for before in row)
    assert graphs.layered(KEY, [4]).fan_in == 0


def test_layered_draws_uniformly():
    batch = jax.jit(jax.vmap(lambda key: graphs.layered(key, [4, 1], 2)))(jax.random.split(KEY, 2000))
    pairs = Counter(tuple(pair) for pair in np.asarray(batch.prerequisites)[:, 4].tolist())
    assert len(pairs) == 6
    # six equally likely pairs: four standard deviations
    assert all(abs(count - 2000 / 6) < 4 * math.sqrt(2000 * 5 / 36) for count in pairs.values())


def test_random_dag_has_the_density_it_is_given():
    densities = np.array([0.0, 0.1, 0.5, 1.0])
    members, skills = 200, 12
    draw = jax.vmap(jax.vmap(lambda key, q: graphs.random_dag(key, skills, q).edges, (0, None)), (None, 0))
    edges = np.asarray(jax.jit(draw)(jax.random.split(KEY, members), densities))
    pairs = members * skills * (skills - 1) / 2
    found = edges.sum(1) / pairs
    assert found[0] == 0
    assert found[3] == 1
    assert np.all(np.abs(found - densities) <= 4 * np.sqrt(densities * (1 - densities) / pairs))
    # the same key at a higher density: the same dependencies and more
    assert np.all(np.diff(edges, axis=0) >= 0)


def test_random_dag_respects_its_bound():
    batch = jax.jit(jax.vmap(lambda key: graphs.random_dag(key, 10, 0.7, 2)))(jax.random.split(KEY, 1000))
    assert batch.fan_in == 2
    assert batch.prerequisites.shape == (1000, 10, 2)
    # of the nine earlier skills that the last could require, all are equally likely to be kept
    last = np.asarray(batch.prerequisites)[:, 9][np.asarray(batch.required)[:, 9]]
    counts = np.bincount(last, minlength=9)
    expected = len(last) / 9
    assert len(last) > 1990
    assert np.all(np.abs(counts - expected) < 4.5 * math.sqrt(expected))


@settings(max_examples=10)
@given(st.sampled_from([0, 2]), st.floats(0, 1))
def test_a_bound_keeps_some_of_the_unbounded(bound, density):
    bounded = graphs.random_dag(KEY, 6, density, bound).prerequisite_lists()
    free = graphs.random_dag(KEY, 6, density).prerequisite_lists()
    assert all(len(few) == min(len(many), bound) for few, many in zip(bounded, free, strict=True))
    assert all(set(few) <= set(many) for few, many in zip(bounded, free, strict=True))


def test_a_bound_that_is_never_met_changes_nothing():
    """Without a bound all that pass are kept; with one, the smallest of so many."""
    for seed in range(20):
        key = jax.random.key(seed)
        free, bound = graphs.random_dag(key, 12, 0.3), graphs.random_dag(key, 12, 0.3, 10)
        assert free.prerequisite_lists() == bound.prerequisite_lists()


def test_small_random_graphs():
    assert graphs.random_dag(KEY, 1, 0.5).prerequisites.shape == (1, 0)
    assert graphs.preferential(KEY, 1, 3).prerequisites.shape == (1, 0)
    assert graphs.preferential(KEY, 3, 9).prerequisite_lists() == [[], [0], [0, 1]]
    assert graphs.layered(KEY, [1, 1], 4).prerequisite_lists() == [[], [0]]


def test_a_large_random_graph_fits_its_bound():
    # 1500 rows of candidates are more than one block of rows holds
    graph = graphs.random_dag(KEY, 1500, 0.01, 4)
    assert graph.prerequisites.shape == (1500, 4)
    check_member(graph)


def test_preferential_links_to_what_is_linked_to():
    graph = graphs.preferential(KEY, 400, 2)
    lists = graph.prerequisite_lists()
    assert [len(row) for row in lists] == [min(2, skill) for skill in range(400)]
    required_by = Counter(before for row in lists for before in row)
    # a uniform choice would leave the most required skill with about ln(400) times 2 = 12
    assert max(required_by.values()) > 20


def test_preferential_odds():
    # the third skill requires skill 0 with odds 2 : 1, since skill 1 already requires it
    batch = jax.jit(jax.vmap(lambda key: graphs.preferential(key, 3)))(jax.random.split(KEY, 3000))
    zero = int((np.asarray(batch.prerequisites)[:, 2, 0] == 0).sum())
    assert abs(zero - 2000) < 4 * math.sqrt(3000 * 2 / 9)


@pytest.mark.parametrize(("bits", "size"), [(1, None), (3, None), (4, 2), (4, 4)])
def test_parity(bits, size):
    graph = graphs.parity(bits, size)
    assert graph.skills == sum(math.comb(bits, k) for k in range(1, (size or bits) + 1))
    sets = [frozenset(map(int, name.strip("{}").split(","))) for name in graph.names]
    for whole, row in zip(sets, graph.prerequisite_lists(), strict=True):
        parts = {whole - {bit} for bit in whole} - {frozenset()}
        assert {sets[before] for before in row} == parts
    assert graph.depth.tolist() == [len(whole) - 1 for whole in sets]


GRAPH_ERRORS = {
    "chain": (lambda: graphs.chain(0), "skills: expected a positive whole number, got 0"),
    "star": (lambda: graphs.star(-1), "skills: expected a positive whole number, got -1"),
    "a truth value": (lambda: graphs.chain(True), "skills: expected a positive whole number, got True"),
    "depth": (lambda: graphs.tree(-1), "depth: expected a whole number of at least 0, got -1"),
    "branching": (lambda: graphs.tree(2, 0), "branching: expected a positive whole number, got 0"),
    "widths": (lambda: graphs.layered(KEY, [2, 0]), "widths[1]: expected a positive whole number, got 0"),
    "no widths": (lambda: graphs.layered(KEY, []), "widths: expected the number of skills in each layer, got none"),
    "fan_in": (lambda: graphs.layered(KEY, [2, 2], 0), "fan_in: expected a positive whole number, got 0"),
    "skills": (lambda: graphs.random_dag(KEY, 0, 0.5), "skills: expected a positive whole number, got 0"),
    "density": (lambda: graphs.random_dag(KEY, 3, 1.5), "density: expected a number from 0 to 1, got 1.5"),
    "no density": (lambda: graphs.random_dag(KEY, 3, math.nan), "density: expected a number from 0 to 1, got nan"),
    "max_fan_in": (
        lambda: graphs.random_dag(KEY, 3, 0.5, -1),
        "max_fan_in: expected a whole number of at least 0, got -1",
    ),
    "links": (lambda: graphs.preferential(KEY, 3, 0), "links: expected a positive whole number, got 0"),
    "bits": (lambda: graphs.parity(0), "bits: expected a positive whole number, got 0"),
    "max_size": (lambda: graphs.parity(3, 4), "max_size: expected at most the number of bits, 3, got 4"),
    "gate": (lambda: graphs.chain(3, gate="both"), 'gate: expected "all" or "any", got \'both\''),
}


@pytest.mark.parametrize("case", GRAPH_ERRORS)
def test_graph_errors(case):
    build, message = GRAPH_ERRORS[case]
    with pytest.raises(ValueError, match=re.escape(message)):
        build()


# -- frequencies


def test_zipf():
    found = frequencies.zipf(10, 2.0)
    assert float(found.sum()) == pytest.approx(1)
    np.testing.assert_allclose(found / found[0], np.arange(1.0, 11) ** -2, rtol=1e-12)
    np.testing.assert_allclose(frequencies.zipf(4, 0, total=2), 0.5)
    # powers that overflow do not
    assert float(frequencies.zipf(1000, 200.0)[0]) == 1
    assert float(frequencies.zipf(1000, -200.0)[-1]) == pytest.approx(
        1 / sum((k / 1000) ** 200 for k in range(1, 1001))
    )


def test_exponential():
    found = frequencies.exponential(5, 0.7, total=3.0)
    assert float(found.sum()) == pytest.approx(3)
    np.testing.assert_allclose(found[1:] / found[:-1], math.exp(-0.7), rtol=1e-12)
    np.testing.assert_allclose(frequencies.exponential(5, -0.7, 3.0), found[::-1], rtol=1e-12)


def test_lognormal():
    found = frequencies.lognormal(KEY, 20000, sigma=0.5, mean=2.0)
    assert float(found.mean()) == pytest.approx(2)
    assert float(jnp.log(found).std()) == pytest.approx(0.5, rel=0.03)
    np.testing.assert_allclose(frequencies.lognormal(KEY, 3, sigma=0.0, mean=2.0), 2.0, rtol=1e-12)


def test_uniform():
    assert frequencies.uniform(3).tolist() == [1.0] * 3
    assert frequencies.uniform(2, [0.5, 2]).tolist() == [[0.5, 0.5], [2.0, 2.0]]


FAMILIES = {
    "zipf": frequencies.zipf,
    "exponential": frequencies.exponential,
    "lognormal": lambda skills, sigma: frequencies.lognormal(KEY, skills, sigma),
    "uniform": frequencies.uniform,
}


@pytest.mark.parametrize("name", FAMILIES)
def test_parameters_may_be_mapped_or_batched(name):
    values = jnp.array([0.5, 1.0, 2.5])
    mapped = jax.vmap(lambda value: FAMILIES[name](6, value))(values)
    assert mapped.shape == (3, 6)
    assert bool((mapped > 0).all())
    np.testing.assert_allclose(FAMILIES[name](6, values), mapped, rtol=1e-12)
    np.testing.assert_allclose(FAMILIES[name](6, 1.0), mapped[1], rtol=1e-12)


def test_totals_broadcast_with_exponents():
    found = frequencies.zipf(4, jnp.ones((3, 1)), jnp.array([1.0, 2.0]))
    assert found.shape == (3, 2, 4)
    np.testing.assert_allclose(found.sum(-1), [[1.0, 2.0]] * 3, rtol=1e-12)


def test_lognormal_over_keys():
    found = jax.vmap(lambda key: frequencies.lognormal(key, 6))(KEYS)
    np.testing.assert_allclose(found.mean(-1), 1, rtol=1e-12)
    assert float(jnp.abs(found[0] - found[1]).max()) > 0.01


@pytest.mark.parametrize("name", FAMILIES)
def test_float32_stays_float32(name):
    assert FAMILIES[name](6, jnp.float32(1)).dtype == jnp.float32
    assert FAMILIES[name](6, 1).dtype == jnp.float64


def test_frequencies_can_be_differentiated():
    slope = jax.grad(lambda exponent: frequencies.zipf(5, exponent)[0])(1.0)
    step = 1e-6
    ends = [float(frequencies.zipf(5, 1.0 + sign * step)[0]) for sign in (1, -1)]
    assert float(slope) == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-7)


FREQUENCY_ERRORS = {
    "size": (
        lambda: frequencies.zipf(0, 1.0),
        "skills: expected a positive whole number, got 0",
    ),
    "exponent": (lambda: frequencies.zipf(3, math.inf), "exponent: expected finite numbers, got inf"),
    "text": (lambda: frequencies.zipf(3, "steep"), "exponent: expected numbers, got 'steep'"),
    "total": (lambda: frequencies.zipf(3, 1.0, 0), "total: expected finite numbers above 0, got 0.0"),
    "rate": (lambda: frequencies.exponential(3, math.nan), "rate: expected finite numbers, got nan"),
    "sigma": (lambda: frequencies.lognormal(KEY, 3, -1), "sigma: expected finite numbers at least 0, got -1.0"),
    "mean": (lambda: frequencies.lognormal(KEY, 3, 1, -2.0), "mean: expected finite numbers above 0, got -2.0"),
    "value": (lambda: frequencies.uniform(3, [1.0, 0.0]), "value: expected finite numbers above 0, got 0.0"),
    "uniform size": (lambda: frequencies.uniform(-1), "skills: expected a positive whole number, got -1"),
    "batch axes": (
        lambda: frequencies.zipf(3, [1.0, 2.0], [1.0, 2.0, 3.0]),
        "exponent: expected batch axes that broadcast with those of the total, got (2,) and (3,)",
    ),
}


@pytest.mark.parametrize("case", FREQUENCY_ERRORS)
def test_frequency_errors(case):
    build, message = FREQUENCY_ERRORS[case]
    with pytest.raises(ValueError, match=re.escape(message)):
        build()


@pytest.mark.parametrize(
    "draw",
    [
        lambda key: graphs.random_dag(key, 4, 0.5),
        lambda key: graphs.layered(key, [2, 2]),
        lambda key: graphs.preferential(key, 4),
        lambda key: frequencies.lognormal(key, 4),
    ],
)
def test_a_key_is_one_random_key(draw):
    with pytest.raises(ValueError, match=re.escape("key: expected a random key, as jax.random.key(0), got 0")):
        draw(0)
    with pytest.raises(ValueError, match=re.escape("key: expected one random key (map over several with jax.vmap)")):
        draw(jax.random.split(KEY, 3))
    draw(jax.random.PRNGKey(0))
    jax.vmap(draw)(jax.random.split(KEY, 3))


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda key: graphs.random_dag(key, 10**5, 0.1), "max_fan_in"),
        (lambda key: graphs.random_dag(key, 10**7, 0.1, 1000), "max_fan_in"),
        (lambda key: graphs.layered(key, [10**5] * 3, 50_000), "fan_in"),
        (lambda key: graphs.preferential(key, 10**6, 5000), "links"),
    ],
)
def test_more_prerequisites_than_memory_holds_are_refused_before_they_are_drawn(make, name):
    with pytest.raises(ValueError, match=rf"^{name}: expected at most \d+ for \d+ skills, since arrays of the graph"):
        make(jax.random.key(0))
