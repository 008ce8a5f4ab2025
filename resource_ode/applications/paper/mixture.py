"""From insight to practice: does a reweighted loss, or a network split into modules, learn a rare task sooner?

The toy models suggest both: a loss times its own (detached) value over the mean gives a rare task the gradient once
the frequent one is learned, and modules take it out of the competition.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...graphs.graph import SkillGraph
from ...model.model import ResourceModel
from ...plot.style import COLOURS
from ...solve.learning import learning_times
from ..parity.tasks import ParityTasks
from ..parity.theory import theory_parameters
from . import Finding, Number
from ._drawing import deviation, drawing, letters
from ._training import HIDDEN, METHODS, PARITY, REGRESSION, Problem, errors, learned

WASTE = 0.01
# how far from what the Resource model says a gain may be, as part of it
BOUND = 0.1


def size(problem: Problem, small: bool) -> tuple[int, int, int]:
    """Seeds, training steps, samples."""
    steps = {PARITY.name: (700, 1000), REGRESSION.name: (900, 1600)}[problem.name]
    return (3, steps[0], 500) if small else (24, steps[1], 2000)


def measure(problem: Problem, small: bool = False) -> dict[str, np.ndarray]:
    """Steps until each task is learned under each method, `(seed, task)`."""
    return {method: learned(errors(problem, method, *size(problem, small)), problem.threshold) for method in METHODS}


def predict(problem: Problem) -> dict[str, np.ndarray]:
    """What the Resource model says, `(task,)` training steps for each method.

    Reweighted, task i competes with `p_i u_i^3/M` in place of `p_i u_i`, `M = sum p u^2` the mean loss. eta is the
    paper's formula for sparse parity; for the regression only ratios of times have a meaning.
    """
    # 1 - accuracy = u/2 for parity; mean squared error = u^2 for regression
    unlearned = 2 * problem.threshold if problem.name == "parity" else problem.threshold**0.5
    weight = np.array(problem.weight)
    pair, single = ParityTasks(4, {"a": [0, 1], "b": [2, 3]}), ParityTasks(2, {"a": [0, 1]})
    rate = theory_parameters(pair, hidden=HIDDEN)["learning_rate"]
    part = theory_parameters(single, hidden=HIDDEN // 2)["learning_rate"]
    graph = SkillGraph([[], []])
    plain = ResourceModel(graph, weight, rate, WASTE)
    # Adam does not see the scale of a loss of its own: in a module N0 is a share of the task's frequency
    split = ResourceModel(graph, weight, [part] * 2, WASTE * weight, pool=[0, 1])
    return {
        "plain": np.asarray(learning_times(plain, 1 - unlearned)),
        "reweighted": reweighted_times(weight, rate, WASTE, unlearned),
        "modular": np.asarray(learning_times(split, 1 - unlearned)),
    }


def reweighted_times(weight: np.ndarray, rate: float, waste: float, unlearned: float, parts: int = 50) -> np.ndarray:
    """Learning times of the Resource model with a reweighted loss, by explicit steps of `1/parts` training steps."""
    state, times, time = np.ones(2), np.full(2, np.inf), 0
    while not np.all(np.isfinite(times)) and time < 10**6:
        force = weight * state**3 / np.sum(weight * state**2)
        state = np.maximum(state - rate / parts * force / (np.sum(force) + waste), 1e-12)
        time += 1
        times = np.where((state <= unlearned) & np.isinf(times), time / parts, times)
    return times


def draw(found: dict[str, dict[str, np.ndarray]], curves: dict[str, dict[str, np.ndarray]]) -> Any:
    """Median error of the rare task, and the steps until both are learned, a dot a seed."""
    with drawing(2, 2, size=(7.6, 4.6)) as (figure, axes):
        for row, problem in zip(axes, (REGRESSION, PARITY), strict=True):
            last = {method: times.max(axis=1) for method, times in found[problem.name].items()}
            for place, (method, color) in enumerate(zip(METHODS, COLOURS, strict=False)):
                error = np.median(curves[problem.name][method], axis=0)
                row[0].semilogy(np.maximum(error[:, 1], 1e-4), color=color, linewidth=1.2, label=method)
                row[0].semilogy(np.maximum(error[:, 0], 1e-4), color=color, linewidth=0.9, linestyle=":")
                jitter = place + np.linspace(-0.2, 0.2, len(last[method]))
                row[1].plot(jitter, last[method], "o", color=color, markersize=3, alpha=0.6)
                row[1].plot([place - 0.3, place + 0.3], [np.median(last[method])] * 2, color=color, linewidth=2)
            row[0].axhline(problem.threshold, color="0.5", linewidth=0.7, linestyle="--")
            row[0].set(xlabel=f"training steps ({problem.name})", ylabel=problem.error, xlim=(0, None))
            row[0].plot([], [], color="0.3", linewidth=1.2, label="rare task")
            row[0].plot([], [], color="0.3", linewidth=0.9, linestyle=":", label="frequent task")
            row[0].plot([], [], color="0.5", linewidth=0.7, linestyle="--", label="learned below this")
            row[0].legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
            row[1].set_xticks(range(3), METHODS)
            row[1].set(ylabel="steps until both are learned", ylim=(0, None), xlim=(-0.5, 2.5))
        letters(axes)
    return figure


def find(small: bool = False) -> Finding:
    """Train all, and compare the steps until both tasks are learned with those of the plain network."""
    numbers, found, predicted, curves, words = [], {}, {}, {}, []
    for problem in (REGRESSION, PARITY):
        name = problem.name
        found[name], predicted[name] = measure(problem, small), predict(problem)
        curves[name] = {method: errors(problem, method, *size(problem, small)) for method in METHODS}
        last = {method: times.max(axis=1) for method, times in found[name].items()}
        for method in METHODS:
            title = f"{name}, {method}: steps until both are learned (median)"
            numbers.append(Number(title, float(np.median(last[method])), spread=deviation(last[method]), unit="steps"))
        plain, expected = float(np.median(last["plain"])), float(predicted[name]["plain"].max())
        for method in METHODS[1:]:
            gain = plain / float(np.median(last[method]))
            says = expected / float(predicted[name][method].max())
            title = f"{name}, {method}: times as fast as plain (claimed: Resource model)"
            numbers.append(Number(title, gain, says, (1 - BOUND) * says, (1 + BOUND) * says))
            words.append(f"{gain:.2f} ({name}, {method}; the Resource model says {says:.2f}, {says / gain - 1:+.0%})")
    seeds = size(PARITY, small)[0]
    return Finding(
        "mixture",
        "Reweighting and modules for a rare task",
        "What the toy models suggest speeds up training: a loss reweighted by its own value, and a module for each "
        "task.",
        f"Ratio of median steps until both tasks are learned, plain over changed, {seeds} seeds: {'; '.join(words)}.",
        tuple(numbers),
        {"mixture": draw(found, curves)},
        f"Regression: y_1 = 3 x_1 x_2 and y_2 = 3 x_3 x_4 of 8 uniform inputs, loss weights 0.99 : 0.01, learned at a "
        f"mean squared error of {REGRESSION.threshold} of the variance, {size(REGRESSION, small)[1]} steps. Parity: "
        f"two parities of 2 of 32 bits, loss weights 1 : 0.1, learned at accuracy {1 - PARITY.threshold}, "
        f"{size(PARITY, small)[1]} steps. {HIDDEN} hidden units in all, Adam at learning rate 1e-3, full batch of "
        f"{size(PARITY, small)[2]}, {seeds} seeds. Reweighted: sum_i w_i l_i [l_i]/sum_j w_j [l_j], [] detached. "
        f"Resource model: N0 = {WASTE}; a module has half the eta, as the paper's formula has it.",
        {"times": found, "predicted": predicted, "curves": curves},
    )
