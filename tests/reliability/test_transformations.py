"""What `transformations` counts as wrong, and that it finds it."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest

from reliability import differential, nests, transformations, transformed

NAME = "chain/float64/times/vmap:wasted_resource.jacrev:frequency/7.0"


def test_a_name_makes_its_case_again():
    for name in itertools.islice(transformations.cases([], 3), 120):
        case = transformed.build(name)
        assert ".".join(map(str, case.nest)) in name
        assert nests.order(case.nest) <= 2
        again = transformed.build(name)
        assert all(np.array_equal(case.x[key], again.x[key]) for key in case.x)
    assert next(transformations.cases(["no such word"], 3), None) is None


@pytest.mark.parametrize("name", [NAME.replace("times", "time"), NAME + "x", "chain", NAME.replace("vmap", "vmapp")])
def test_names_that_are_none(name, capsys):
    with pytest.raises(ValueError, match="case: expected KIND/DTYPE/VERB/NEST"):
        transformed.build(name)


def polynomial(x):
    numpy = jnp if any(hasattr(value, "aval") for value in x.values()) else np
    return numpy.stack([x["a"] ** 3 * x["b"], x["a"] * x["b"] ** 2])


@pytest.mark.parametrize(
    "nest",
    [
        "jacfwd:a+b.scan:b",
        "jit:a.grad:a+b",
        "map:b.jvp:a",
        "hessian:a+b",
        "cond:a.linearize:a+b",
        "shard_map:a.vmap:a+b",
    ],
)
def test_what_a_nest_means(nest):
    nest = nests.parse(nest)
    x = {"a": np.asarray(1.3), "b": np.asarray(0.7)}
    for name in x:
        shape = (2,) * len(nests.axes_of(nest, name))
        x[name] = x[name] + 0.1 * np.arange(np.prod(shape, dtype=int)).reshape(shape)
    meaning = nests.Plainly(polynomial, polynomial, 1e-16, np.random.default_rng(0)).meaning(nest, x)
    traced = {name: jnp.asarray(value) for name, value in x.items()}
    found = nests.transformed(nest, polynomial)(traced)
    assert found.shape == meaning.value.shape
    np.testing.assert_allclose(found, meaning.value, rtol=1e-8, atol=1e-8)
    other = nests.transformed(nests.of_other_mode(nest), polynomial)(traced)
    np.testing.assert_allclose(found, other, rtol=1e-12, atol=1e-14)


def test_verdicts():
    case = transformed.build(NAME)
    x = {name: jnp.asarray(value) for name, value in case.x.items()}
    found = np.asarray(nests.transformed(case.nest, case.vector)(x))
    meaning = differential.plainly(case).meaning(case.nest, case.x)

    def outcome(found):
        return differential._of_slopes(case, found, meaning)[0]

    assert outcome(found) == "right"
    assert outcome(found * (1 + 1e-3)) == "WRONG"
    assert outcome(np.where(found == found.max(), np.nan, found)) == "NaN"
    assert outcome(found[:1]) == "WRONG"
    assert differential._of_modes(case, found, found)[0] == "right"
    assert differential._of_modes(case, found, found + 1e-8 * found.max())[0] == "WRONG"
    plain = transformed.build(NAME.replace("jacrev", "jit"))
    values = np.asarray(plain.call(nests.batched(plain.nest, plain.x)))
    assert differential._of_values(plain, values)[0] == "right"
    assert differential._of_values(plain, np.nextafter(values, 0))[0] == "WRONG"


def test_the_page_has_its_place():
    result = {"case": NAME, "counts": {"right": 1, "refused: model: no": 1}, "seconds": 1.0, "wrong": []}
    text = transformations.report([result], transformations.TRANSFORMATIONS.options([], "", ""))
    assert "| chain" in text and "| jacrev" in text and "model: no" in text and "anything wrong: 0" in text


def test_members_that_are_refused_are_one_number_at_any_depth():
    """Of two rows each of two members, of which the first are refused, and so have one number in place of three."""

    def values(x):
        return np.full((), np.nan) if x["a"] < 0 else np.full(3, x["a"] + x["b"])

    plainly = nests.Plainly(values, values, 0.0, np.random.default_rng(0))
    found = plainly.meaning(nests.parse("map:a.vmap:b"), {"a": np.array([-1.0, 1.0]), "b": np.array([0.0, 2.0])})
    np.testing.assert_array_equal(found.value, [np.full((2, 3), np.nan), [[1.0] * 3, [3.0] * 3]])
