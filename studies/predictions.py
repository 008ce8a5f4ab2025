"""How often 95 % intervals of predictions hold the truth: `python -m studies.predictions`, ten minutes for 44 repeats.

Each repeat draws a model (a chain or a tree of 5 to 8 tasks, whose learnabilities, plateau, gates, waste and power of
frequency differ), trains it in two or three mixtures with four seeds each, adds noise of 2 or 3 % to every level, fits,
and asks for a mixture that was not tried and is inside the range of those that were. Printed are, for learning times of
tasks, for the step of the last task, and for the factors by which policies are faster than the even mixture: how often
the interval holds the truth; the median of its upper over its lower end; how often the prediction itself is outside or
at an end; and the median error of the prediction, as a factor. `--repeats 100` for more, `--first 44` for others;
`--hard` for one seed a mixture, mixtures near one another, and runs that end before the last task is learned.
"""

from __future__ import annotations

import argparse
import warnings
from typing import Any

import jax
import numpy as np

import resource_ode as ro
from resource_ode.fitting.curves import Curves, Run
from resource_ode.fitting.design import RULES
from resource_ode.fitting.policies import followed
from resource_ode.fitting.reach import within

SEEDS, ROWS, LEVEL = 4, 80, 0.8
FREE = ("learning_rate", "wasted_resource", "plateau", "gate_exponent", "frequency_power", "learnability")

# of one interval: whether it holds the truth, upper over lower end, whether the prediction is strictly inside, error
Row = tuple[bool, float, bool, float]


def case(start: int, hard: bool = False) -> tuple[Curves, ro.ResourceModel, np.ndarray]:
    """Curves, the model that made them, and a mixture to ask for."""
    random = np.random.default_rng(start)
    tasks = int(random.integers(5, 9))
    chain = start % 2 == 0
    lists = [[] if k == 0 or (chain and k % 3 == 0) else [k - 1 if chain else (k - 1) // 2] for k in range(tasks)]
    graph = ro.SkillGraph(lists, names=tuple(f"task {k}" for k in range(tasks)))
    easy = np.exp(0.4 * random.standard_normal(tasks))
    model = ro.ResourceModel(
        graph, np.full(tasks, 1 / tasks), 0.02,
        wasted_resource=float(random.choice([0.05, 0.2, 0.5])), gate_exponent=float(random.choice([0.1, 0.5])),
        plateau=float(random.choice([1.0, 0.1, 0.02])), frequency_power=float(random.uniform(0.4, 1.0)),
        learnability=easy / np.exp(np.mean(np.log(easy))),
    )  # fmt: skip
    logs = (0.2 if hard else 0.5) * random.standard_normal((2 + start // 2 % 2, tasks))
    mixtures = np.exp(logs) / np.exp(logs).sum(axis=1, keepdims=True)
    noise = float(random.choice([0.02, 0.03]))
    last = float(np.max(np.asarray(ro.horizon(model.replace(frequency=mixtures), LEVEL))))
    steps = np.linspace(0.0, (0.8 if hard else 1.3) * last, ROWS)
    levels = np.asarray(ro.simulate(model.replace(frequency=mixtures), steps).level)
    runs = [
        Run(steps, level + noise * random.standard_normal(level.shape), mixture, f"mixture {k}, seed {seed}", seed)
        for k, (mixture, level) in enumerate(zip(mixtures, levels, strict=True))
        for seed in range(1 if hard else SEEDS)
    ]
    # between those tried, moved a little
    while True:
        weights = random.dirichlet(np.ones(len(mixtures)))
        asked = np.exp(weights @ np.log(mixtures) + 0.1 * random.standard_normal(tasks))
        asked = asked / asked.sum()
        if within(asked, mixtures):
            return Curves(graph.skill_names(), tuple(runs)), model, asked


def row(true: Any, point: Any, low: Any, high: Any) -> Row:
    width = float(high / low) if low > 0 else float("inf")
    off = float(np.exp(abs(np.log(point / true)))) if point > 0 else float("inf")
    return bool(low <= true <= high), width, bool(low < point < high), off


def true_factors(found: ro.Fit, model: ro.ResourceModel, policies: dict[str, Any]) -> dict[str, float]:
    """How many times sooner than with the even mixture the last task is learned, by the model that made the curves."""
    tasks = model.skills
    even = np.full(tasks, 1 / tasks)
    plain = float(ro.horizon(model.replace(frequency=even), LEVEL))
    freedom, at = found.problem.freedom, found.problem.freedom.slices()
    x = np.zeros(freedom.size)
    true = {name: np.asarray(getattr(model, name)) for name in FREE if name != "plateau"}
    power, rate, easy = float(true["frequency_power"]), float(true["learning_rate"]), np.log(true["learnability"])
    # learnabilities are relative to those of tasks that rise
    waste = np.log(float(true["wasted_resource"])) - float(np.asarray(freedom.gauge) @ easy)
    x[at["learning_rate"]] = np.log(rate)
    x[at["wasted_resource"]] = waste - np.log(rate) - power * float(np.log(freedom.reference))
    plateau = 1.0 if model.plateau is None else float(model.plateau)
    x[at["plateau"]], x[at["gate_exponent"]] = np.log(plateau), np.log(float(true["gate_exponent"]))
    x[at["frequency_power"]], x[at["learnability"]] = power, easy
    np.testing.assert_allclose(ro.horizon(found.model_of(even, x), LEVEL), plain, rtol=1e-6)
    factors = {}
    for name, policy in policies.items():
        if policy.mixture is not None:
            mixture = np.array([policy.mixture[task] for task in found.names])
            last = float(ro.horizon(model.replace(frequency=mixture), LEVEL))
        else:
            last = float(followed(freedom, x[None], RULES[name], 1.0, 4 * plain, LEVEL).times[0].max())
        factors[name] = plain / last
    return factors


def repeat(start: int, hard: bool = False, designed: bool = True) -> dict[str, list[Row]]:
    """The intervals of one repeat."""
    curves, model, asked = case(start, hard)
    found = ro.fit(curves, model.graph, FREE)
    result = ro.what_if(found, asked.tolist(), LEVEL)
    true = np.asarray(ro.learning_times(model.replace(frequency=asked), LEVEL))
    rows = {"learning times of tasks": [row(*each) for each in zip(true, result.times, result.low, result.high,
                                                                   strict=True)]}  # fmt: skip
    rows["step of the last task"] = [row(true.max(), result.last, result.last_low, result.last_high)]
    if designed:
        design = ro.design(found, LEVEL)
        factors = true_factors(found, model, design.policies)
        for name, policy in design.policies.items():
            if name != "even mixture":
                what = "constant mixture" if name == "constant mixture" else "rules that follow levels"
                mine = row(factors[name], policy.factor, policy.low, policy.high)
                rows.setdefault(f"factor of the {what}", []).append(mine)
                if name == design.best:
                    rows["factor of the recommended"] = [mine]
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=44)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--hard", action="store_true")
    chosen = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    warnings.simplefilter("ignore")
    every: dict[str, list[Row]] = {}
    for start in range(chosen.first, chosen.first + chosen.repeats):
        for name, rows in repeat(start, chosen.hard).items():
            every.setdefault(name, []).extend(rows)
    print("| interval of | number | holds the truth | width (median) | point not inside | error (median) |")
    print("|---" * 6 + "|")
    for name, rows in every.items():
        held, width, inside, off = (np.array(column, float) for column in zip(*rows, strict=True))
        print(f"| {name} | {len(rows)} | {held.mean():.0%} | {np.median(width):.2f} | {np.sum(inside == 0)} | "
              f"{np.median(off):.3f} |")  # fmt: skip


if __name__ == "__main__":
    main()
