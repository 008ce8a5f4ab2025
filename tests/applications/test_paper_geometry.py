"""The paper's figures of the Geometry model, small: they run, name their numbers, and keep what is exact."""

import dataclasses

import numpy as np
import pytest

from resource_ode.applications.paper import geometry, quadratic, scaling, under_parameterised, waste_sources


def _check(finding, names):
    found = {number.name: number.measured for number in finding.numbers}
    assert set(names) <= set(found)
    assert all(np.isfinite(found[name]) for name in names)
    assert finding.figures
    assert "|" in finding.table()
    assert dataclasses.is_dataclass(finding)
    return found


def test_aligned_sign_descent_is_a_straight_line_for_both_skills():
    levels = quadratic.descend("aligned", "sign descent", 99)
    expected = quadratic.RATE * np.arange(100)
    np.testing.assert_allclose(levels, np.stack([expected, expected], axis=1), atol=1e-12)


@pytest.mark.parametrize("basis", quadratic.BASES)
def test_gradient_descent_is_geometric_at_rates_proportional_to_curvature(basis):
    levels = quadratic.descend(basis, "gradient descent", 50)
    rate = quadratic.learning_rate(basis, "gradient descent")
    decay = (1 - 2 * rate * quadratic.FREQUENCY)[None, :] ** np.arange(51)[:, None]
    np.testing.assert_allclose(1 - levels, decay, atol=1e-12)


def test_quadratic():
    found = _check(quadratic.find(small=True), ["t2/t1, sign descent, aligned", "t2/t1, sign descent, rotated"])
    assert found["t2/t1, sign descent, aligned"] == pytest.approx(1.0, abs=0.01)
    assert found["t2/t1, sign descent, rotated"] < 3 < found["t2/t1, gradient descent, rotated"]


def test_the_best_common_clock_is_that_of_a_collapsed_run():
    frequency = np.asarray([1.0, 0.1])
    clock = np.asarray([0.0, 0.3, 2.0, 15.0])
    unlearned = np.exp(-frequency * clock[:, None])
    assert np.max(np.abs(np.exp(-frequency * geometry.common_clock(unlearned, frequency)[:, None]) - unlearned)) < 0.01


def test_exponent_of_a_power_law():
    sizes = np.geomspace(1e-3, 1, 7)
    assert waste_sources.exponent(sizes, [3 * size**0.7 * np.ones(2) for size in sizes], 1e-2, 1.0) == pytest.approx(
        0.7
    )


def test_slope_of_a_power_law():
    assert scaling.slope([1, 10, 100], [2.0, 0.2, 0.02]) == pytest.approx(1.0)


def test_the_least_loss_is_that_of_least_squares():
    generator = np.random.default_rng(0)
    vectors, frequency = generator.standard_normal((12, 3)), generator.uniform(0.1, 1, 12)
    root = np.sqrt(frequency)
    _, rest, *_ = np.linalg.lstsq(root[:, None] * vectors, root, rcond=None)
    assert scaling.least_loss(vectors, frequency) == pytest.approx(rest[0])


def test_the_tail_is_what_is_missing_from_the_sum():
    ends = np.arange(11, 2_000_001.0)
    assert scaling.tail(10, 2.0) == pytest.approx(np.sum(ends**-2) / np.sum(np.arange(1, 11.0) ** -2), abs=1e-6)
    assert scaling.tail(10, 1.0) == np.inf


def test_chinchilla_is_looked_for_where_exponents_grow():
    alphas = np.asarray([1.0, 2.0, 3.0])
    assert scaling.crossing(alphas, np.asarray([0.0, 1.0, 2.0]), 0.5) == pytest.approx(1.5)
    assert np.isnan(scaling.crossing(alphas, np.asarray([0.6, 1.0, 2.0]), 0.5))
    assert np.isnan(scaling.crossing(alphas, np.asarray([0.0, 1.0, 0.9]), 0.5))


def test_both_limits_of_many_tasks_have_their_exponents():
    # 400 tasks, so that the lines are those of endlessly many only where these weigh little
    found = scaling.limits(2.0, 400)
    assert found["domino"] == pytest.approx(1.0, abs=0.05)
    assert found["quanta"] == pytest.approx(0.5, abs=0.05)


def test_skills_that_a_row_lacks_have_no_frequency():
    found = under_parameterised.padded((2, 5))
    assert found.shape == (2, 5)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-12)
    assert np.all(found[0, 2:] == under_parameterised.NONE)
