"""The closed forms against golden numbers and against references that share no code with them (SciPy, mpmath)."""

import itertools

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp
from scipy.linalg import expm
from scipy.optimize import brentq
from systems import TIMES_OF_TEN, Case

from resource_ode import analytic

EPS = np.finfo(float).eps
LOSSES = ("mse", "cross_entropy")


def power_law(skills: int, alpha: float) -> np.ndarray:
    frequency = np.arange(1, skills + 1.0) ** -alpha
    return frequency / frequency.sum()


def check_gradients(function, *arguments, also=(), tolerance=1e-8, step=1e-4):
    """Forward mode against fourth-order differences, a direction for each argument; reverse mode against forward mode.

    The function may return several arrays: each is held to its own scale. `also`: more points of the same shapes.
    """
    points = [tuple(jnp.asarray(argument, float) for argument in point) for point in (arguments, *also)]
    rng = np.random.default_rng(0)
    shapes = jax.tree.leaves(jax.eval_shape(function, *points[0]))
    weights = [rng.normal(size=shape.shape) for shape in shapes]

    @jax.jit
    def probe(arguments, tangents):
        values, pull = jax.vjp(lambda *values: jax.tree.leaves(function(*values)), *arguments)
        pushed = jax.jvp(lambda *values: jax.tree.leaves(function(*values)), arguments, tangents)[1]
        return values, pushed, pull([jnp.asarray(weight) for weight in weights])

    still = tuple(jnp.zeros_like(argument) for argument in points[0])
    for arguments, index in itertools.product(points, range(len(still))):
        direction = jnp.asarray(np.asarray(arguments[index]) * rng.uniform(0.5, 1.5, arguments[index].shape))

        def shifted(amount, arguments=arguments, index=index, direction=direction):
            changed = arguments[index] + amount * direction
            return [
                np.asarray(each) for each in probe((*arguments[:index], changed, *arguments[index + 1 :]), still)[0]
            ]

        _, pushed, pulled = probe(arguments, (*still[:index], direction, *still[index + 1 :]))
        near, far = (shifted(step), shifted(-step)), (shifted(2 * step), shifted(-2 * step))
        total, size = 0.0, 0.0
        for each, up, down, up_far, down_far, weight in zip(pushed, *near, *far, weights, strict=True):
            expected = (8 * (up - down) - (up_far - down_far)) / (12 * step)
            np.testing.assert_allclose(each, expected, rtol=0, atol=tolerance * np.abs(expected).max())
            total, size = total + (weight * each).sum(), size + np.abs(weight * each).sum()
        assert size > 0
        np.testing.assert_allclose((pulled[index] * direction).sum(), total, rtol=0, atol=1e-11 * size)


# --- Independent skills: golden numbers -------------------------------------------------------------------------------


def test_golden_learning_times_of_ten_independent_skills():
    learning_rate = 2 * 3e-4 * np.sqrt(1000)
    times = analytic.independent_learning_times(0.5, power_law(10, 2.0), learning_rate, 0.003)
    np.testing.assert_allclose(times, TIMES_OF_TEN, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("alpha", "wasted_resource", "golden"),
    [
        (2.0, 1e-3, [0.947, 0.951, 0.790, 0.627]),
        (2.0, 0.1, [0.743, 0.604, 0.535, 0.513]),
        (1.5, 0.1, [0.448, 0.438, 0.416, 0.422]),
    ],
)
def test_golden_local_exponents(alpha, wasted_resource, golden):
    times = 10.0 ** np.arange(1, 5)
    exponents = analytic.loss_exponent(times, power_law(100_000, alpha), 1.0, wasted_resource)
    np.testing.assert_allclose(exponents, golden, rtol=0, atol=6e-4)


@pytest.mark.parametrize(
    ("wasted_resource", "golden"), [(0.0, 1.613), (1e-3, 1.636), (1e-2, 1.836), (0.1, 3.410), (1.0, 7.749)]
)
def test_golden_domino_ratios(wasted_resource, golden):
    ratio = analytic.domino_ratio(np.array([1, 0.1]) / 1.1, wasted_resource, 0.95)
    assert abs(ratio - golden) < 6e-4


def test_limits_of_the_domino_ratio():
    # without prerequisites and waste at the level that the others default to: (1 + level)/level
    np.testing.assert_allclose(analytic.domino_ratio([1, 1e-6], 0.0), 1.95 / 0.95, rtol=1e-5)
    np.testing.assert_allclose(analytic.domino_ratio([1, 1e-6], 0.0, 0.8), 1.8 / 0.8, rtol=1e-5)
    np.testing.assert_allclose(analytic.domino_ratio([1, 0.1], 1e7, 0.8), 10, rtol=1e-6)
    np.testing.assert_allclose(analytic.domino_ratio([1, 0.1], 1e7, 0.8, "cross_entropy"), 10, rtol=1e-6)


# --- Independent skills: references -----------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(
    ("frequency", "wasted_resource"),
    [
        (power_law(4, 2.0), 0.003),
        (np.array([1.0]), 0.01),
        (np.array([0.2, 3.0, 0.2, 1e-3]), 0.0),
        (np.array([5.0, 1e-5, 1.0, 1.0]), 40.0),
    ],
)
def test_independent_levels_against_integration_in_time(frequency, wasted_resource, loss):
    learning_rate = 0.02
    times = np.linspace(0, 0.97 * len(frequency) / learning_rate, 25)
    skills = len(frequency)
    state = Case([[]] * skills, frequency, learning_rate, wasted_resource, loss=loss).states(times)
    levels = analytic.independent_levels(times, frequency, learning_rate, wasted_resource, loss)
    assert levels.shape == (25, skills)
    np.testing.assert_allclose(levels, 1 - np.exp(-state) if loss == "mse" else np.tanh(state / 2), rtol=0, atol=1e-10)
    if loss == "cross_entropy":
        margins = analytic.independent_margins(times, frequency, learning_rate, wasted_resource)
        np.testing.assert_allclose(margins, state, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("wasted_resource", [0.0, 1e-14, 1e-3, 1e9])
@pytest.mark.parametrize(
    "frequency", [np.array([1.0]), np.array([1e100, 1.0, 1e-180]), np.geomspace(1e-9, 1e3, 60), np.full(3, 1e-30)]
)
def test_clock_spends_the_budget_exactly(frequency, wasted_resource, loss):
    """The budget law at 50 digits, at the clock that was found: right within the rounding of clock and resource."""
    skills = len(frequency)
    early, late = np.geomspace(1e-14, 0.5, 12), 1 - np.geomspace(1e-14, 0.4, 8)
    resource = np.concatenate([early, late]) * skills
    endless = wasted_resource > 0 or loss == "cross_entropy"
    resource = np.concatenate(
        [resource, np.geomspace(1, 30, 6) * skills if endless else np.linspace(0.1, 0.9, 6) * skills]
    )
    clock = analytic.independent_clock(resource, frequency, 1.0, wasted_resource, loss)
    assert np.isfinite(clock).all()
    with mpmath.workdps(50):
        for target, found in zip(resource, np.asarray(clock), strict=True):
            found = mpmath.mpf(float(found))
            efforts = [mpmath.mpf(float(p)) * found for p in frequency]
            if loss == "mse":
                progress = [-mpmath.expm1(-z) for z in efforts]
                pull = mpmath.fsum(
                    mpmath.mpf(float(p)) * mpmath.exp(-z) for p, z in zip(frequency, efforts, strict=True)
                )
            else:
                margins = [margin_at(z) for z in efforts]
                progress = margins
                pull = mpmath.fsum(
                    mpmath.mpf(float(p)) / (1 + mpmath.exp(m)) for p, m in zip(frequency, margins, strict=True)
                )
            spent = mpmath.fsum(progress) + wasted_resource * found
            moved = (pull + wasted_resource) * found  # by a relative change of the clock
            assert abs(spent - mpmath.mpf(float(target))) <= 8 * EPS * (moved + mpmath.mpf(float(target)))


def margin_at(effort: mpmath.mpf) -> mpmath.mpf:
    excess = effort * (4 + effort) / (8 + effort)
    for _ in range(8):
        excess -= (excess + mpmath.log1p(excess) - effort) * (1 + excess) / (2 + excess)
    return mpmath.log1p(excess)


@pytest.mark.parametrize("loss", LOSSES)
def test_learning_times_are_where_the_level_is_reached(loss):
    frequency = np.array([0.3, 1.0, 2e-3, 7.0])
    for level in (1e-9, 0.5, 0.999):
        times = analytic.independent_learning_times(level, frequency, 1e-3, 0.02, loss)
        levels = analytic.independent_levels(times, frequency, 1e-3, 0.02, loss)
        np.testing.assert_allclose(np.diagonal(levels), level, rtol=1e-12)


@pytest.mark.parametrize("loss", LOSSES)
def test_learning_times_of_many_skills_are_summed_in_chunks(loss):
    frequency = power_law(1500, 1.5)
    times = analytic.independent_learning_times(0.7, frequency, 0.1, 0.01, loss)
    picked = [0, 700, 1499]
    for skill in picked:
        if loss == "mse":
            clock = -np.log(0.3) / frequency[skill]
            progress = 1 - 0.3 ** (frequency / frequency[skill])
        else:
            margin = np.log(1.7 / 0.3)
            clock = (margin + np.exp(margin) - 1) / frequency[skill]
            progress = np.array(
                [brentq(lambda m, z=z: m + np.expm1(m) - z, 0, 50, xtol=1e-14) for z in frequency * clock]
            )
        np.testing.assert_allclose(times[skill], (progress.sum() + 0.01 * clock) / 0.1, rtol=1e-11)


def test_learning_times_are_affine_in_waste_and_scale_with_the_rate():
    frequency = power_law(6, 1.2)
    none, one, two = (analytic.independent_learning_times(0.6, frequency, 1.0, waste) for waste in (0.0, 1.0, 2.0))
    np.testing.assert_allclose(two - one, one - none, rtol=1e-13)
    np.testing.assert_allclose(analytic.independent_learning_times(0.6, frequency, 4.0, 1.0), one / 4, rtol=1e-14)


def test_unlearned_fractions_collapse():
    frequency = power_law(4, 1.0)
    levels = np.asarray(analytic.independent_levels(np.linspace(0.1, 4, 25), frequency, 1.0, 0.05))
    collapsed = (1 - levels) ** (1 / frequency)
    np.testing.assert_allclose(collapsed, np.broadcast_to(collapsed[:, :1], collapsed.shape), rtol=1e-12)


def test_a_run_without_waste_ends():
    frequency = np.array([1.0, 0.25, 3.0])
    times = np.array([0.0, 2999.0, 3000.0, 1e6])
    clock = analytic.independent_clock(times, frequency, 1e-3, 0.0)
    assert np.isfinite(clock[:2]).all() and np.isinf(clock[2:]).all()
    levels = analytic.independent_levels(times, frequency, 1e-3, 0.0)
    np.testing.assert_array_equal(levels[2:], 1)
    np.testing.assert_array_equal(levels[0], 0)
    np.testing.assert_allclose(levels[1].sum(), 2.999, rtol=1e-14)
    assert np.isnan(analytic.loss_exponent(times, frequency, 1e-3, 0.0)[2:]).all()

    def total(times, frequency, learning_rate, wasted_resource):
        return analytic.independent_levels(times, frequency, learning_rate, wasted_resource).sum(0).sum()

    gradients = jax.grad(total, (0, 1, 2, 3))(*(jnp.asarray(x) for x in (times, frequency, 1e-3, 0.0)))
    for gradient in gradients:
        assert np.isfinite(gradient).all()
    np.testing.assert_allclose(gradients[0], [1e-3, 1e-3, 0, 0], rtol=1e-12)  # levels sum to eta t until the end


@pytest.mark.parametrize("loss", LOSSES)
def test_gradients_of_independent_skills(loss):
    def everything(times, level, frequency, learning_rate, wasted_resource):
        arguments = times, frequency, learning_rate, wasted_resource
        return (
            analytic.independent_levels(*arguments, loss),
            analytic.independent_clock(*arguments, loss),
            analytic.loss_exponent(*arguments, loss),
            analytic.independent_learning_times(level, *arguments[1:], loss),
            analytic.independent_margins(*arguments) if loss == "cross_entropy" else 0.0 * times,
        )

    early, late = ([3.0, 20.0, 55.0], 0.7), ([1e-6, 70.0, 1e4], 1e-3)
    parameters = power_law(4, 1.5), 0.05
    check_gradients(everything, *early, *parameters, 0.003, also=[(*late, *parameters, 2.0)])


def test_gradients_where_no_waste_and_no_time_have_passed():
    frequency = np.array([1.0, 0.25])
    times = np.array([0.0, 800.0])

    def levels(waste):
        return analytic.independent_levels(times, frequency, 1e-3, waste)

    step = 1e-6
    forward = jax.jvp(levels, (0.0,), (1.0,))[1]
    one_sided = (-3 * levels(0.0) + 4 * levels(step) - levels(2 * step)) / (2 * step)
    np.testing.assert_allclose(forward, one_sided, rtol=1e-6, atol=1e-12)
    start = jax.jvp(lambda t: analytic.independent_levels(t, frequency, 1e-3, 0.5), (times,), (np.ones(2),))[1][0]
    np.testing.assert_allclose(start, 1e-3 * frequency / (frequency.sum() + 0.5), rtol=1e-14)


def test_second_derivative_of_a_level():
    def level(waste):
        return analytic.independent_levels(jnp.asarray([900.0]), jnp.asarray([1.0, 0.2]), 1e-3, waste)[0, 1]

    step = 1e-4
    slope = jax.grad(level)
    expected = (slope(0.1 + step) - slope(0.1 - step)) / (2 * step)
    np.testing.assert_allclose(jax.grad(slope)(0.1), expected, rtol=1e-6)


@pytest.mark.parametrize("ratio", [1e-8, 1e-3, 1.0, 1e5])
def test_single_skill_is_the_omega_function(ratio):
    """Against the budget law at 50 digits; the argument of omega rounds by eps times its size."""
    frequency, learning_rate = 0.7, 1e-3
    wasted_resource = ratio * frequency
    times = np.concatenate([np.linspace(0, 1, 9), [1 + 20 * ratio]]) / learning_rate
    values = analytic.single_skill_unlearned(times, frequency, learning_rate, wasted_resource)
    with mpmath.workdps(50):
        exact_ratio = mpmath.mpf(frequency) / mpmath.mpf(wasted_resource)
        for time, value in zip(times, np.asarray(values), strict=True):
            argument = mpmath.log(exact_ratio) + exact_ratio * (1 - mpmath.mpf(learning_rate) * mpmath.mpf(float(time)))
            omega = mpmath.mpf(float(value)) * exact_ratio
            allowed = 8 * EPS * (1 + exact_ratio + abs(argument) + omega)
            assert abs(omega + mpmath.log(omega) - argument) <= allowed
    levels = analytic.independent_levels(times, [frequency], learning_rate, wasted_resource)
    np.testing.assert_allclose(1 - values, levels[:, 0], rtol=0, atol=1e-8 if ratio < 1e-3 else 1e-12)


def test_gradients_of_a_single_skill():
    check_gradients(analytic.single_skill_unlearned, [10.0, 300.0, 2000.0], 0.7, 1e-3, 0.05)


# --- Interference -----------------------------------------------------------------------------------------------------


def overlapping(skills: int, dimensions: int, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(skills, dimensions))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    overlap = vectors @ vectors.T
    overlap = (overlap + overlap.T) / 2
    np.fill_diagonal(overlap, 1)
    return overlap


@pytest.mark.parametrize(("skills", "dimensions"), [(5, 10), (5, 3), (5, 1)])
def test_interference_against_the_matrix_exponential(skills, dimensions):
    frequency, overlap = power_law(skills, 1.0), overlapping(skills, dimensions)
    clock = np.array([0.0, 1e-6, 0.3, 4.0, 60.0])
    unlearned = analytic.interference_unlearned(clock, frequency, overlap)
    reference = np.array([expm(-overlap @ np.diag(frequency) * tau) @ np.ones(skills) for tau in clock])
    np.testing.assert_allclose(unlearned, reference, rtol=0, atol=1e-12)

    def demand(tau):
        return frequency @ expm(-overlap @ np.diag(frequency) * tau) @ np.ones(skills)

    times = analytic.interference_time(clock, frequency, overlap, 0.1, 0.02)
    spent = [quad(demand, 0, tau, epsabs=1e-13, epsrel=1e-12, limit=200)[0] for tau in clock]
    np.testing.assert_allclose(times, (np.array(spent) + 0.02 * clock) / 0.1, rtol=1e-11, atol=1e-12)


def test_interference_against_integration_in_time():
    frequency, overlap = power_law(5, 1.0), overlapping(5, 3, seed=2)
    clock = np.linspace(0, 30, 13)
    times = np.asarray(analytic.interference_time(clock, frequency, overlap, 0.05, 0.01))
    reference = Case([[]] * 5, frequency, 0.05, 0.01, interference=overlap).states(times)
    unlearned = analytic.interference_unlearned(clock, frequency, overlap)
    np.testing.assert_allclose(unlearned, reference, rtol=0, atol=1e-9)


def test_a_direction_that_no_vector_spans_is_never_learned():
    """Two opposite tasks of equal frequency cancel: nothing is learned, all demand persists, for any clock."""
    overlap = np.array([[1.0, -1.0], [-1.0, 1.0]])
    clock = np.array([0.0, 1.0, 1e20])
    unlearned = analytic.interference_unlearned(clock, [0.5, 0.5], overlap)
    np.testing.assert_allclose(unlearned, 1, rtol=1e-14)
    np.testing.assert_allclose(
        analytic.interference_time(clock, [0.5, 0.5], overlap, 1.0, 0.25), 1.25 * clock, rtol=1e-14
    )


def test_what_is_left_of_dependent_vectors_stays():
    """Five vectors in two dimensions: `P^1/2 u` tends to the part of `P^1/2 1` outside of their span, and stays."""
    frequency, overlap = power_law(5, 1.0), overlapping(5, 2)
    root = np.sqrt(frequency)
    vectors = np.linalg.eigh(root[:, None] * overlap * root)[1][:, :3]  # those of the zero eigenvalues
    left = vectors @ (vectors.T @ root) / root
    unlearned = analytic.interference_unlearned(np.array([1e3, 1e10, 1e30]), frequency, overlap)
    np.testing.assert_allclose(unlearned, np.broadcast_to(left, (3, 5)), rtol=1e-11)
    demand = (frequency * left).sum()
    times = analytic.interference_time(np.array([1e10, 1e30]), frequency, overlap, 1.0, 0.0)
    np.testing.assert_allclose(times, [1e10 * demand, 1e30 * demand], rtol=1e-9)


@pytest.mark.parametrize("gap", [0.0, 1e-15, 1e-9, 1e-3, 1.0])
def test_gradient_where_eigenvalues_are_close(gap):
    """Without overlap `eta t = sum_i (1 - exp(-p_i tau))` and `u_i = exp(-p_i tau)`, with slopes known in `p_i`."""
    clock, frequency = np.array([0.01, 1.0, 30.0]), 0.5 + gap * np.arange(4)
    slope = clock[:, None] * np.exp(-clock[:, None] * frequency)

    def solve(frequency):
        return (
            analytic.interference_time(clock, frequency, np.eye(4), 1.0, 0.0),
            analytic.interference_unlearned(clock, frequency, np.eye(4)),
        )

    by_time, by_unlearned = jax.jit(jax.jacobian(solve))(frequency)
    # each is a sum of terms of order 1/p, up to 2, of both signs
    np.testing.assert_allclose(by_time, slope, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(by_unlearned, -slope[:, :, None] * np.eye(4), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("gap", [0.0, 1e-15, 1e-9, 1e-3, 1.0, 1e3])
def test_slope_in_the_overlap_where_eigenvalues_are_close(gap):
    """The first order of perturbation theory about no overlap, its divided differences at 60 digits.

    `d(eta t)/dC_12 = 2 p_1 p_2 psi[p_1, p_2]` with `psi(x) = (1 - exp(-x tau))/x`, and `du_1/dC_12 = p_2 phi[p_1, p_2]`
    with `phi(x) = exp(-x tau)`.
    """
    clock, frequency = np.array([0.01, 1.0, 30.0]), np.array([0.5, 0.5 + gap])
    exact = []
    with mpmath.workdps(60):
        low, high = (mpmath.mpf(float(p)) for p in frequency)
        for tau in map(mpmath.mpf, clock.tolist()):
            if low == high:
                psi = (mpmath.exp(-low * tau) * (1 + low * tau) - 1) / low**2
                phi = -tau * mpmath.exp(-low * tau)
            else:
                psi = (mpmath.expm1(-low * tau) / low - mpmath.expm1(-high * tau) / high) / (high - low)
                phi = (mpmath.exp(-high * tau) - mpmath.exp(-low * tau)) / (high - low)
            exact.append([float(2 * low * high * psi), float(high * phi), float(low * phi)])

    @jax.jit
    def push(overlap):
        def solve(overlap):
            return (
                analytic.interference_time(clock, frequency, overlap, 1.0, 0.0),
                analytic.interference_unlearned(clock, frequency, overlap),
            )

        return jax.jvp(solve, (overlap,), (jnp.asarray([[0.0, 1.0], [1.0, 0.0]]),))[1]

    by_time, by_unlearned = push(jnp.eye(2))
    np.testing.assert_allclose(np.column_stack([by_time, by_unlearned]), exact, rtol=2e-13)


def test_interference_without_overlap_is_independence():
    frequency = power_law(4, 2.0)
    times = np.linspace(0, 70, 25)
    clock = analytic.independent_clock(times, frequency, 0.05, 0.01)
    unlearned = analytic.interference_unlearned(clock, frequency, np.eye(4))
    np.testing.assert_allclose(1 - unlearned, analytic.independent_levels(times, frequency, 0.05, 0.01), atol=1e-13)
    np.testing.assert_allclose(analytic.interference_time(clock, frequency, np.eye(4), 0.05, 0.01), times, rtol=1e-12)


@pytest.mark.parametrize(
    ("frequency", "overlap"),
    [
        (power_law(4, 1.0), overlapping(4, 6)),
        (power_law(5, 1.0), overlapping(5, 2)),
        (np.full(4, 0.5), np.eye(4)),  # all eigenvalues equal: the eigenvectors have no derivative
    ],
)
def test_gradients_of_interference(frequency, overlap):
    def everything(clock, frequency, learning_rate, wasted_resource):
        return (
            analytic.interference_unlearned(clock, frequency, overlap),
            analytic.interference_time(clock, frequency, overlap, learning_rate, wasted_resource),
        )

    check_gradients(everything, [0.2, 3.0, 40.0], frequency, 0.05, 0.01)


def test_gradient_in_the_overlap():
    base, other = overlapping(4, 6), overlapping(4, 6, seed=3)

    def mixed(share):
        return jnp.asarray(base) * (1 - share) + jnp.asarray(other) * share

    def everything(share):
        clock, frequency, overlap = [0.5, 5.0], power_law(4, 1.0), mixed(share)
        return (
            analytic.interference_unlearned(clock, frequency, overlap),
            analytic.interference_time(clock, frequency, overlap, 0.1, 0.0),
        )

    check_gradients(everything, 0.3)


# --- Prerequisites ----------------------------------------------------------------------------------------------------


def expanded(clock, frequency, prerequisite_frequencies, gate_exponent):
    """The product of gates over subsets, integrated term by term at 400 digits (it cancels)."""
    with mpmath.workdps(400):
        tau, a = mpmath.mpf(clock), mpmath.mpf(gate_exponent)
        rates = [a * mpmath.mpf(float(p)) for p in prerequisite_frequencies]
        total = mpmath.mpf(0)
        for subset in range(2 ** len(rates)):
            chosen = [rate for bit, rate in enumerate(rates) if subset >> bit & 1]
            rate = mpmath.fsum(chosen)
            total += (-1) ** len(chosen) * (tau if not chosen else -mpmath.expm1(-rate * tau) / rate)
        return float(mpmath.mpf(frequency) * total)


CLOCKS = np.geomspace(1e-8, 1e9, 35)


@pytest.mark.parametrize("gate_exponent", [1e-6, 1e-2, 5.0])
@pytest.mark.parametrize("needed", [[0.3], [1.0, 1.0], [0.1, 1e4], [1e-6, 1.0, 1e6], [0.1, 0.2, 0.3, 3.0, 50.0]])
def test_root_prerequisites_against_the_expansion(needed, gate_exponent):
    depth = analytic.root_prerequisites_log_depth(CLOCKS, 0.7, needed, gate_exponent)
    reference = [expanded(float(tau), 0.7, needed, gate_exponent) for tau in CLOCKS]
    np.testing.assert_allclose(depth, reference, rtol=2e-14)


@pytest.mark.parametrize("gate_exponent", [1e-9, 1e-4, 1.0, 1e6])
def test_chain_against_the_expansion(gate_exponent):
    depth = analytic.chain_log_depth(CLOCKS, 0.7, 0.3, gate_exponent)
    reference = [expanded(float(tau), 0.7, [0.3], gate_exponent) for tau in CLOCKS]
    np.testing.assert_allclose(depth, reference, rtol=2e-15)


def test_depths_at_clock_zero():
    assert analytic.chain_log_depth([0.0], 1.0, 1.0, 1e-3)[0] == 0
    assert analytic.root_prerequisites_log_depth([0.0], 1.0, [1.0, 2.0], 1e-3)[0] == 0
    slope = jax.grad(lambda tau: analytic.root_prerequisites_log_depth(tau, 1.0, [1.0, 2.0], 1e-3)[0])
    assert slope(jnp.asarray([0.0]))[0] == 0


def test_gradients_of_gated_depths():
    clock = np.array([0.01, 3.0, 500.0])
    check_gradients(analytic.chain_log_depth, clock, 0.7, 0.3, 1e-3)
    check_gradients(analytic.root_prerequisites_log_depth, clock, 0.7, [0.3, 2.0, 9.0], 1e-2)


def test_self_paced_depth_and_its_gradient():
    exposure = np.array([0.0, 0.5, np.log(2) / 0.8, 2.0, 9.0])
    depth = analytic.self_paced_log_depth(exposure, 0.8, 3.0)
    level = [1 - np.exp(-0.4), 0.5]
    np.testing.assert_allclose(1 - np.exp(-depth[1:3]), level, rtol=1e-14)
    reference = solve_ivp(
        lambda _, d: [0.8 if d[0] < np.log(2) else 3.0], (0, 9), [0.0], t_eval=exposure, max_step=1e-3
    ).y[0]
    np.testing.assert_allclose(depth, reference, atol=3e-3)
    assert np.abs(depth - 0.8 * exposure)[3:].min() > 1
    check_gradients(analytic.self_paced_log_depth, [0.3, 2.0, 9.0], 0.8, 3.0)
    np.testing.assert_allclose(analytic.self_paced_log_depth(exposure, 0.8, 0.8), 0.8 * exposure, rtol=1e-15)


# --- Limits -----------------------------------------------------------------------------------------------------------


def test_domino_limit():
    learning_rate = 1e-3
    times = np.linspace(0, 3.2, 25) / learning_rate
    limit = analytic.domino_levels(times, 3, learning_rate)
    assert limit.shape == (25, 3)
    gaps = []
    for ratio in (1e-2, 1e-4, 1e-8):
        frequency = ratio ** np.arange(3)
        levels = analytic.independent_levels(times, frequency, learning_rate, frequency[-1] * ratio)
        gaps.append(np.abs(levels - limit).max())
    assert gaps[0] > gaps[1] > gaps[2]
    assert gaps[2] < 1e-6


def test_parallel_limit():
    frequency = np.array([1.0, 0.1, 3.0])
    gaps = []
    for wasted_resource in (1e2, 1e4, 1e6):
        times = np.linspace(0, 5, 25) * wasted_resource
        limit = analytic.parallel_levels(times, frequency, 1.0, wasted_resource)
        gaps.append(np.abs(analytic.independent_levels(times, frequency, 1.0, wasted_resource) - limit).max())
    np.testing.assert_allclose(np.array(gaps[:-1]) / gaps[1:], 100, rtol=0.05)  # the correction is of order 1/N_0
    check_gradients(analytic.parallel_levels, [3.0, 20.0], frequency, 0.1, 2.0)


# --- Small gate exponent ----------------------------------------------------------------------------------------------

CHAIN = [[], [0], [1]]
CHAIN_FREQUENCY = [0.3, 1.0, 3.0]
TREE = [[], [], [], [], [0, 1], [2, 3], [4, 5]]
TREE_FREQUENCY = [1.0, 0.1, 2.0, 0.2, 1.0, 1.0, 1.0]
MIXED = [[], [0], [1], [0, 2], [0, 1], [4, 3]]  # skills 3 and 5: "any"
MIXED_GATES = ["all", "all", "all", "any", "all", "any"]
MIXED_FREQUENCY = [0.5, 1.0, 9.0, 0.7, 1.5, 1.0]


def crossings(depth, level, skills, until):
    """Clock at which each skill reaches a level, by root finding on the dense output."""
    return np.array([brentq(lambda x, i=i: depth(x)[i] + np.log1p(-level), 0, until) for i in range(skills)])


def test_generations_and_rates():
    generation, rate = analytic.small_gate_generations(CHAIN, "all", CHAIN_FREQUENCY)
    np.testing.assert_array_equal(generation, [1, 2, 3])
    np.testing.assert_allclose(rate, [0.3, 0.3 / 2, 0.3 * 3 / 6], rtol=1e-14)
    generation, rate = analytic.small_gate_generations(TREE, "all", TREE_FREQUENCY)
    np.testing.assert_array_equal(generation, [1, 1, 1, 1, 3, 3, 7])
    np.testing.assert_allclose(rate[4:], [0.1 / 3, 0.4 / 3, 0.1 * 0.4 / 9 / 7], rtol=1e-14)
    generation, rate = analytic.small_gate_generations(MIXED, MIXED_GATES, MIXED_FREQUENCY)
    np.testing.assert_array_equal(generation, [1, 2, 3, 2, 4, 3])
    # skill 3 takes the root (rate 0.5), though skill 2 has the larger rate (0.75); skill 5 takes skill 3
    np.testing.assert_allclose(rate[3::2], [0.7 * 0.5 / 2, 0.7 * 0.5 / 2 / 3], rtol=1e-14)


def test_any_takes_the_largest_rate_among_the_lowest_powers():
    generation, rate = analytic.small_gate_generations([[], [], [0, 1]], "any", [0.2, 0.9, 1.0])
    np.testing.assert_array_equal(generation, [1, 1, 2])
    np.testing.assert_allclose(rate[2], 0.45, rtol=1e-14)


@pytest.mark.parametrize(
    ("prerequisites", "gates", "frequency"),
    [
        (CHAIN, ["all"] * 3, CHAIN_FREQUENCY),
        (TREE[:6], ["all"] * 6, TREE_FREQUENCY[:6]),
        (MIXED, MIXED_GATES, MIXED_FREQUENCY),
    ],
    ids=["chain", "tree", "mixed"],
)
def test_small_gates_against_the_cascade(prerequisites, gates, frequency):
    level, skills = 0.8, len(frequency)
    limit = analytic.small_gate_learning_times(level, prerequisites, gates, frequency, 1e-3)
    errors, time_errors = [], []
    for gate_exponent in (1e-5, 1e-8, 1e-11):
        clock = np.asarray(analytic.small_gate_clock(level, prerequisites, gates, frequency, gate_exponent))
        case = Case(prerequisites, np.asarray(frequency), gate=gates, gate_exponent=gate_exponent)
        depth = case.depths_by_clock(3 * clock.max())
        exact = crossings(depth, level, skills, 3 * clock.max())
        errors.append(np.abs(clock / exact - 1).max())
        times = np.array([-np.expm1(-depth(tau)).sum() for tau in exact]) / 1e-3
        time_errors.append(np.abs(times / limit - 1).max())
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 2e-3
    assert time_errors[0] > time_errors[1] > time_errors[2]
    assert time_errors[2] < 2e-3


def test_small_gate_learning_times_in_closed_form():
    """Two roots and the skill that needs both: the second generation waits for two whole skills."""
    times = analytic.small_gate_learning_times(0.75, [[], [], [0, 1]], "all", [1.0, 0.5, 1.0], 0.1)
    np.testing.assert_allclose(times, [(0.75 + 0.5) / 0.1, (0.75 + 0.9375) / 0.1, 2.75 / 0.1], rtol=1e-14)


@pytest.mark.parametrize(("level", "golden_chain", "golden_tree"), [(0.5, 3274.5, 7698.1), (0.95, 4213.6, 8493.7)])
def test_last_learning_time_is_bounded(level, golden_chain, golden_tree):
    """Golden learning times of the last skill: chain (a = 1e-4) and AND tree (a = 1e-3), eta = N_0 = 1e-3."""
    chain = analytic.last_learning_time_bound(level, CHAIN, CHAIN_FREQUENCY, 1e-3, 1e-3, 1e-4)
    tree = analytic.last_learning_time_bound(level, TREE, TREE_FREQUENCY, 1e-3, 1e-3, 1e-3)
    assert 0.5 * golden_chain < chain < golden_chain
    assert 0.5 * golden_tree < tree < golden_tree


@pytest.mark.parametrize("gate_exponent", [1e-6, 1e-2, 1.0, 100.0])
def test_last_learning_time_bound_holds_at_every_gate(gate_exponent):
    level, wasted_resource = 0.9, 0.3
    bound = float(analytic.last_learning_time_bound(level, TREE, TREE_FREQUENCY, 1.0, wasted_resource, gate_exponent))
    until = 60 * float(analytic.small_gate_clock(level, TREE, "all", TREE_FREQUENCY, gate_exponent).max()) + 100
    depth = Case(TREE, np.asarray(TREE_FREQUENCY), gate_exponent=gate_exponent).depths_by_clock(until)
    last = crossings(depth, level, 7, until).max()
    exact = -np.expm1(-depth(last)).sum() + wasted_resource * last
    assert bound < exact < 3 * bound


def test_rates_may_underflow_but_their_clocks_do_not():
    """A binary tree of very rare skills, five levels deep: the rate of its root is below the smallest float."""
    skills, frequency = 31, np.full(31, 1e-30)
    prerequisites = [[2 * i + 1, 2 * i + 2] if 2 * i + 2 < skills else [] for i in range(skills)]
    generation, rate = analytic.small_gate_generations(prerequisites, "all", frequency)
    assert generation[0] == 31 and rate[0] == 0
    clock = analytic.small_gate_clock(0.5, prerequisites, "all", frequency, 1e-2)
    assert np.isfinite(clock).all() and (clock > 0).all()
    # by hand: the log-rate is 31 ln p minus the sum of ln m over the tree, 16 leaves with m = 1 below m = 3, 7, 15, 31
    log_rate = 31 * np.log(1e-30) - 8 * np.log(3) - 4 * np.log(7) - 2 * np.log(15) - np.log(31)
    np.testing.assert_allclose(clock[0], np.exp((np.log(1e-2 * np.log(2)) - log_rate) / 31) / 1e-2, rtol=1e-12)


def test_gradients_of_small_gates():
    check_gradients(lambda p, a: analytic.small_gate_clock(0.7, MIXED, MIXED_GATES, p, a), MIXED_FREQUENCY, 1e-3)
    check_gradients(lambda p, rate: analytic.small_gate_learning_times(0.7, TREE, "all", p, rate), TREE_FREQUENCY, 1e-3)
    check_gradients(
        lambda p, rate, waste, a: analytic.last_learning_time_bound(0.7, TREE, p, rate, waste, a),
        TREE_FREQUENCY,
        1e-3,
        0.1,
        1e-3,
    )


# --- Scaling laws -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("wasted_resource", [0.0, 0.05])
def test_loss_exponent_is_the_slope_of_the_loss(wasted_resource, loss):
    frequency, learning_rate = power_law(30, 1.7), 0.01
    times = np.array([1.0, 50.0, 400.0, 1500.0])

    def log_loss(times):
        if loss == "mse":
            unlearned = 1 - np.asarray(analytic.independent_levels(times, frequency, learning_rate, wasted_resource))
            return np.log((frequency * unlearned**2).sum(1))
        margins = np.asarray(analytic.independent_margins(times, frequency, learning_rate, wasted_resource))
        return np.log((frequency * np.log1p(np.exp(-margins))).sum(1))

    step = 1e-4
    expected = -(log_loss(times * (1 + step)) - log_loss(times * (1 - step))) / (2 * step)
    exponents = analytic.loss_exponent(times, frequency, learning_rate, wasted_resource, loss)
    np.testing.assert_allclose(exponents, expected, rtol=1e-6)


def test_loss_exponent_survives_where_the_loss_underflows():
    """Far beyond the end of learning one skill with waste: `L ~ exp(-2 eta p t/N_0)`, exponent `2 eta p t/N_0`."""
    exponent = analytic.loss_exponent([1e7], [2.0], 1.0, 0.5)
    np.testing.assert_allclose(exponent, 2 * 2.0 * 1e7 / 0.5, rtol=1e-12)


@pytest.mark.parametrize("alpha", [1.5, 2.0])
def test_exponents_reach_domino_and_quanta(alpha):
    """The loss misses the tail beyond the n skills there are, a constant `n^(1 - alpha)/(alpha - 1)` (times 1/zeta)."""
    skills, frequency = 100_000, power_law(100_000, alpha)
    domino, quanta = analytic.domino_exponent(alpha), analytic.quanta_exponent(alpha)
    np.testing.assert_allclose([domino, quanta], [alpha - 1, 1 - 1 / alpha], rtol=1e-15)
    tail = skills ** (1 - alpha) / (alpha - 1)
    early = analytic.loss_exponent([100.0], frequency, 1.0, 1e-9)
    whole = 100 ** (1 - alpha) / (alpha - 1)  # 100 skills are learned
    np.testing.assert_allclose(early, domino * whole / (whole - tail), rtol=0.01)
    wasted_resource, time = 100.0, 1e5
    late = analytic.loss_exponent([time], frequency, 1.0, wasted_resource)
    strength = 2 * time / wasted_resource * frequency[0]  # the loss is the sum of k^-alpha exp(-strength k^-alpha)
    whole = strength**-quanta * float(mpmath.gamma(1 - 1 / alpha)) / alpha
    np.testing.assert_allclose(late, quanta * whole / (whole - tail), rtol=0.01)


@pytest.mark.parametrize(("alpha", "wasted_resource"), [(2.0, 1e-3), (1.5, 0.1), (3.0, 1e-5)])
def test_half_of_the_resource_is_wasted_at_the_crossover(alpha, wasted_resource):
    learning_rate = 0.2
    time = analytic.half_waste_time(alpha, wasted_resource, learning_rate)
    exact = (
        2
        * mpmath.gamma(1 - 1 / mpmath.mpf(alpha)) ** (alpha / (alpha - 1))
        * (mpmath.zeta(alpha) * wasted_resource) ** (-1 / (alpha - 1))
    )
    np.testing.assert_allclose(time, float(exact) / learning_rate, rtol=1e-12)
    clock = analytic.independent_clock([time], power_law(100_000, alpha), learning_rate, wasted_resource)[0]
    np.testing.assert_allclose(wasted_resource * clock / (learning_rate * time), 0.5, rtol=0.02)
    # in units of resource where no learning rate is given
    in_resource = analytic.half_waste_time(alpha, wasted_resource)
    np.testing.assert_allclose(in_resource, learning_rate * time, rtol=1e-12)


@pytest.mark.parametrize("alpha", [1.1, 40.0, 1e3, 1e8, 1e16, 1e300])
@pytest.mark.parametrize("wasted_resource", [1e-20, 0.1, 1e10])
def test_the_crossover_of_steep_power_laws(alpha, wasted_resource):
    with mpmath.workdps(400):  # a digit for each of alpha
        a = mpmath.mpf(alpha)
        zeta = mpmath.zeta(a) if alpha < 1e3 else 1 + mpmath.mpf(2) ** -a
        exact = 2 * mpmath.exp((a * mpmath.loggamma(1 - 1 / a) - mpmath.log(zeta * wasted_resource)) / (a - 1))
    np.testing.assert_allclose(analytic.half_waste_time(alpha, wasted_resource), float(exact), rtol=1e-11)


def test_gradients_of_the_domino_ratio_and_the_crossover():
    check_gradients(analytic.domino_ratio, [0.9, 0.1], 0.05, 0.95)
    check_gradients(lambda waste, rate: analytic.half_waste_time(2.0, waste, rate), 0.1, 0.3)


# --- Arrays in, arrays out --------------------------------------------------------------------------------------------


def test_a_grid_of_waste_by_vmap_under_jit():
    frequency, times, grid = power_law(4, 1.0), np.linspace(0, 75, 25), np.array([0.0, 0.01, 3.0])
    batched = jax.jit(
        jax.vmap(lambda waste: analytic.independent_levels(times, frequency, 0.05, waste)),
    )(grid)
    assert batched.shape == (3, 25, 4)
    for waste, levels in zip(grid, batched, strict=True):
        np.testing.assert_allclose(levels, analytic.independent_levels(times, frequency, 0.05, waste), rtol=1e-13)


@pytest.mark.parametrize("loss", LOSSES)
def test_float32_levels(loss):
    frequency, times = power_law(4, 2.0), np.linspace(0, 200, 25)
    wide = analytic.independent_levels(times, frequency, 0.02, 0.003, loss)
    narrow = analytic.independent_levels(times.astype(np.float32), frequency.astype(np.float32), 0.02, 0.003, loss)
    assert wide.dtype == np.float64 and narrow.dtype == np.float32
    np.testing.assert_allclose(narrow, wide, rtol=0, atol=30 * np.finfo(np.float32).eps)


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (analytic.root_prerequisites_log_depth, (0.7, [0.3, 5.0], 1e-3)),
        (analytic.chain_log_depth, (0.7, 0.3, 1e-3)),
        (analytic.interference_unlearned, ([1.0, 0.5], [[1, 0.3], [0.3, 1]])),
        (analytic.interference_time, ([1.0, 0.5], [[1, 0.3], [0.3, 1]], 0.1, 0.2)),
    ],
)
def test_float32_of_the_clock(function, arguments):
    clock = np.array([0.25, 2.0, 8.0])
    narrow = function(clock.astype(np.float32), *arguments)
    assert narrow.dtype == np.float32
    np.testing.assert_allclose(narrow, function(clock, *arguments), rtol=30 * np.finfo(np.float32).eps)


def test_traced_values_are_not_checked():
    level = jax.jit(lambda waste: analytic.independent_levels([1.0], [1.0], 1.0, waste))(-1.0)
    assert level.shape == (1, 1)


ONE = ([1.0], [1.0, 0.5], 1e-3, 1e-3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: analytic.independent_levels(*ONE, loss="l1"), r'loss: expected "mse" or "cross_entropy", got \'l1\''),
        (lambda: analytic.independent_levels(1.0, *ONE[1:]), r"times: expected shape \(time,\), got \(\)"),
        (
            lambda: analytic.independent_levels([-1.0], *ONE[1:]),
            "times: expected numbers that are not negative, got -1.0",
        ),
        (
            lambda: analytic.independent_clock([1.0], [[1.0]], 1.0, 1.0),
            r"frequency: expected shape \(skill,\), got \(1, 1\)",
        ),
        (lambda: analytic.independent_clock([1.0], [], 1.0, 1.0), "frequency: expected at least one skill"),
        (
            lambda: analytic.independent_clock([1.0], [1.0, 0.0], 1.0, 1.0),
            "frequency: expected positive finite .* got 0.0",
        ),
        (
            lambda: analytic.independent_clock([1.0], [np.nan], 1.0, 1.0),
            "frequency: expected positive finite .* got nan",
        ),
        (
            lambda: analytic.independent_margins([1.0], [1.0], 0.0, 1.0),
            "learning_rate: expected a positive number, got 0.0",
        ),
        (
            lambda: analytic.independent_margins([1.0], [1.0], [1.0], 1.0),
            r"learning_rate: expected shape \(\), got \(1,\)",
        ),
        (
            lambda: analytic.loss_exponent([1.0], [1.0], 1.0, -2.0),
            "wasted_resource: expected .* not negative, got -2.0",
        ),
        (
            lambda: analytic.independent_learning_times(1.0, [1.0], 1.0, 1.0),
            r"level: expected a level in \[0, 1\), got 1.0",
        ),
        (lambda: analytic.single_skill_unlearned([1.0], 1.0, 1.0, 0.0), "wasted_resource: expected a positive number"),
        (lambda: analytic.parallel_levels([1.0], [1.0], 1.0, 0.0), "wasted_resource: expected a positive number"),
        (lambda: analytic.domino_levels([1.0], 0, 1.0), "count: expected a positive whole number, got 0"),
        (
            lambda: analytic.domino_ratio([1.0, 0.5, 0.1], 0.0),
            r"frequency: expected shape \(skill,\) = \(2\), got \(3,\)",
        ),
        (
            lambda: analytic.interference_unlearned([1.0], [1.0, 1.0], np.eye(3)),
            r"overlap: expected shape \(skill, skill\) = \(2, 2\), got \(3, 3\)",
        ),
        (
            lambda: analytic.interference_unlearned([1.0], [1.0, 1.0], [[1, 0.5], [0, 1]]),
            "overlap: expected a symmetric",
        ),
        (
            lambda: analytic.interference_unlearned([1.0], [1.0, 1.0], [[2, 0], [0, 1]]),
            "overlap: expected ones on the diag",
        ),
        (lambda: analytic.interference_time([1.0], [1.0, 1.0], [[1, 2], [2, 1]], 1.0, 0.0), "overlap: .* semidefinite"),
        (lambda: analytic.chain_log_depth([1.0], 1.0, 1.0, 0.0), "gate_exponent: expected a positive number, got 0.0"),
        (
            lambda: analytic.root_prerequisites_log_depth([1.0], 1.0, [], 1.0),
            "prerequisite_frequencies: expected at least one skill",
        ),
        (
            lambda: analytic.self_paced_log_depth([1.0], 1.0, -1.0),
            "frequency_after: expected a positive number, got -1.0",
        ),
        (
            lambda: analytic.small_gate_generations([[1], [0]], "all", [1, 1]),
            r"without cycles, got one among .* \[0, 1\]",
        ),
        (
            lambda: analytic.small_gate_generations([[], [2]], "all", [1, 1]),
            r"skills from 0 to 1, got \[2\] for skill 1",
        ),
        (lambda: analytic.small_gate_generations([[], [0, 0]], "all", [1, 1]), r"each once, got \[0, 0\] for skill 1"),
        (lambda: analytic.small_gate_generations([[], [0]], "or", [1, 1]), 'gate: expected "all" or "any"'),
        (lambda: analytic.small_gate_generations([[], [0]], ["all"], [1, 1]), 'gate: expected "all" or "any"'),
        (lambda: analytic.small_gate_generations([[], [0]], "all", [1.0]), r"frequency: expected shape .* got \(1,\)"),
        (
            lambda: analytic.small_gate_generations([[]] + [list(range(i)) for i in range(1, 60)], "all", np.ones(60)),
            r"generations up to 2\^53, got 18014398509481984 for skill 54",
        ),
        (lambda: analytic.half_waste_time(1.0, 0.1), "alpha: expected a number above 1, got 1.0"),
        (lambda: analytic.domino_exponent(0.5), "alpha: expected a number above 1, got 0.5"),
        (lambda: analytic.quanta_exponent([2.0, 1.0]), "alpha: expected a number above 1, got 1.0"),
    ],
)
def test_wrong_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
