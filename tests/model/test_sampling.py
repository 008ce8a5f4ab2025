"""Schedules from functions of the training step."""

import numpy as np
import optax
import pytest

import resource_ode as ro
from resource_ode.model import sampling

FUNCTIONS = {
    "cosine": optax.cosine_decay_schedule(1e-3, 2000),
    "warm up, then cosine": optax.warmup_cosine_decay_schedule(0.0, 1e-3, 100, 2000),
    "jumps": optax.piecewise_constant_schedule(1e-3, {500: 0.1, 1500: 0.5}),
    "cycles": lambda step: 1e-3 * (1 + np.sin(step / 50)),
    "of single steps": lambda step: [1e-3, 2e-3][int(step) % 2],
    "constant": lambda step: 1e-3,
    "a pause": lambda step: np.where(step < 1000, 1e-3, 0.0),
    "writes into what it is given": lambda step: (
        np.add(step, 1, out=step) * 1e-6 if np.ndim(step) else 1e-6 * (step + 1)
    ),
    "by the last of its steps": lambda step: 1e-3 * np.exp(-np.max(step) / 500),
    "whether any step": lambda step: 1e-4 if np.any(np.asarray(step) > 700) else 1e-3,
}


@pytest.mark.parametrize("tolerance", [1e-2, None])
@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_what_is_spent_is_within_the_tolerance(function, tolerance):
    schedule = ro.Schedule.sampled(function, 2000, **({} if tolerance is None else {"tolerance": tolerance}))
    tolerance = tolerance or 1e-4  # where none is given
    exact = np.append(0, np.cumsum([float(function(step)) for step in range(2000)]))
    times, values = np.asarray(schedule.times), np.asarray(schedule.values)
    nodes = np.append(0, np.cumsum(values[:-1] * np.diff(times)))
    off = np.abs(np.interp(np.arange(2001), times, nodes) - exact)
    assert off.max() <= tolerance * exact[-1] * (1 + 1e-5) + 1e-7 * exact[-1]
    assert times[-1] == 2000 and values[-1] == pytest.approx(float(function(2000)), rel=1e-6, abs=1e-12)


def test_a_function_of_arrays_alone_is_read():
    schedule = ro.Schedule.sampled(lambda steps: 1e-3 * (steps.astype(float) < 500), 2000)
    assert schedule.times.tolist() == [0, 500, 2000] and schedule.values.tolist() == pytest.approx([1e-3, 0, 0])


def test_constants_are_one_piece_and_jumps_are_exact():
    assert ro.Schedule.sampled(FUNCTIONS["constant"], 2000).times.tolist() == [0, 2000]
    jumps = ro.Schedule.sampled(FUNCTIONS["jumps"], 2000, tolerance=1e-9)
    assert {500, 1500} <= set(jumps.times.tolist()) and len(jumps.times) < 8


def test_a_model_takes_it():
    """By the budget, one skill alone learns at a time that what is spent says."""
    cosine = FUNCTIONS["cosine"]
    model = ro.ResourceModel(ro.SkillGraph([[]]), [1.0], ro.Schedule.sampled(cosine, 2000, tolerance=1e-6), 0.1)
    exact = np.append(0, np.cumsum([float(cosine(step)) for step in range(2000)]))
    # level + N0 ln(1 / unlearned) = spent
    expected = np.interp(0.5 + 0.1 * np.log(2), exact, np.arange(2001))
    assert float(ro.learning_times(model, 0.5)[0]) == pytest.approx(expected, rel=1e-4)


def test_long_runs_are_read_at_so_many_steps():
    # as optax.cosine_decay_schedule, which takes a millisecond for each step that is read
    schedule = ro.Schedule.sampled(lambda step: (1 + np.cos(np.pi * step / 10**9)) / 2, 10**9)
    assert schedule.times[-1] == 10**9 and len(schedule.times) < 200


UNEVEN = {
    "falls at first": lambda step: 1e-3 / (1 + np.asarray(step)),
    "a jump": lambda step: np.where(np.asarray(step) < 123_457, 1e-3, 1e-5),
    "one step of seven": lambda step: 1e-3 * (np.asarray(step) % 7 == 0),
    "short cycles": lambda step: 1e-3 * (1 + np.sin(np.asarray(step) / 3)),
}


@pytest.mark.parametrize("until", [200_000, 1_000_000])
@pytest.mark.parametrize("function", UNEVEN.values(), ids=UNEVEN)
def test_what_is_not_read_is_within_the_tolerance_too_or_refused(function, until):
    try:
        schedule = ro.Schedule.sampled(function, until, tolerance=1e-3)
    except ValueError as error:
        assert "what is spent" in str(error) and function in (UNEVEN["one step of seven"], UNEVEN["short cycles"])
        return
    exact = np.append(0, np.cumsum(function(np.arange(until))))
    times, values = np.asarray(schedule.times), np.asarray(schedule.values)
    nodes = np.append(0, np.cumsum(values[:-1] * np.diff(times)))
    assert np.abs(np.interp(np.arange(until + 1), times, nodes) - exact).max() <= 1.01e-3 * exact[-1]


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        ((3, 10), "function: expected a function of the training step, got 3"),
        ((lambda step: -1.0, 10), "at least 0, got -1 at step 0"),
        ((lambda step: 1.0 / (step - 3) if step != 3 else np.inf, 10), "finite numbers of at least 0"),
        ((lambda step: "a", 10), "expected one number a training step"),
        ((lambda step: 1.0, 0), "until: expected a positive whole number"),
        ((lambda step: 1.0, 10.5), "until: expected a positive whole number"),
    ],
)
def test_mistakes(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        ro.Schedule.sampled(*arguments)
    with pytest.raises(ValueError, match="tolerance: expected a finite number above 0"):
        ro.Schedule.sampled(lambda step: 1.0, 10, tolerance=0)


def test_a_function_is_pointed_to_sampled():
    for arguments in ((FUNCTIONS["cosine"],), (FUNCTIONS["cosine"], 2000)):
        with pytest.raises(ValueError, match=r"Schedule: .*; a function is read by Schedule.sampled\(function, until"):
            ro.Schedule(*arguments)
    with pytest.raises(ValueError, match=r"learning_rate: expected numbers, got a function; .*Schedule.sampled"):
        ro.ResourceModel(ro.SkillGraph([[]]), [1.0], FUNCTIONS["cosine"], 0.1)


def test_too_many_pieces(monkeypatch):
    monkeypatch.setattr(sampling, "MOST_PIECES", 20)
    with pytest.raises(ValueError, match="with 20 pieces what is spent is still off by"):
        ro.Schedule.sampled(FUNCTIONS["cycles"], 2000, tolerance=1e-6)
