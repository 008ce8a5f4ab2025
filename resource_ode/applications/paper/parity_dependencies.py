"""Sparse parity with dependencies: a composition learned after its parts, and a four-bit parity without its parts.

Without its parts as tasks, the four-bit parity is a skill whose frequency depends on its own level: low until level
1/2, its share of the loss from then on. That low frequency is the one number that is fitted.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...graphs.graph import SkillGraph
from ...model.model import ResourceModel
from ...plot.style import COLOURS
from ...solve.learning import learning_times
from ...solve.simulation import simulate
from ..parity.tasks import ParityTasks
from ..parity.theory import theory_parameters
from ..parity.training import ParityRun, train_parity
from . import Finding, Number
from ._drawing import deviation, drawing, letters

ACCURACY, LEVEL = 0.95, 0.9
# candidates for the low frequency, as a share of the high one
LOW = np.geomspace(1e-4, 1.0, 81)


def train(small: bool = False) -> dict[str, ParityRun]:
    """Networks that learn the composition, and networks that learn the four-bit parity without its parts."""
    samples = 500 if small else 8000
    seeds, others = (2, 1) if small else (6, 4)
    return {
        "composition": train_parity(
            ParityTasks.composition(), seeds=np.arange(seeds), samples=samples, steps=600 if small else 1000
        ),
        "self-paced": train_parity(
            ParityTasks.control(),
            seeds=np.arange(others),
            samples=samples,
            steps=900 if small else 3000,
            record_every=10,
        ),
    }


def composition_model(tasks: ParityTasks) -> ResourceModel:
    """The paper's theory of the composition; nothing is fitted."""
    return ResourceModel(SkillGraph(tasks.prerequisites, names=tasks.names), **theory_parameters(tasks))


def self_paced_model(run: ParityRun) -> tuple[ResourceModel, float]:
    """The theory of the four-bit parity, with the low frequency that fits its median curve best (least squares)."""
    tasks = run.tasks
    share = np.asarray(tasks.weight)
    low = np.repeat(share[None], len(LOW), axis=0)
    low[:, -1] *= LOW
    model = ResourceModel(
        SkillGraph([[]] * tasks.tasks, names=tasks.names),
        **{**theory_parameters(tasks), "frequency": low},
        frequency_after=share,
    )
    level = np.asarray(simulate(model, np.asarray(run.steps, float)).level)[..., -1]
    measured = np.median(np.asarray(run.level())[..., -1], axis=0)
    best = int(np.argmin(np.mean((level - measured) ** 2, axis=1)))
    return model[best], float(low[best, -1])


def accuracy_of(model: ResourceModel, run: ParityRun) -> np.ndarray:
    """The model's levels as accuracies, at the recorded steps."""
    return (1 + np.asarray(simulate(model, np.asarray(run.steps, float)).level)) / 2


def draw(runs: dict[str, ParityRun], models: dict[str, ResourceModel]) -> Any:
    """Accuracies of networks and theory."""
    from matplotlib.lines import Line2D

    with drawing(1, 2, size=(7.0, 2.8), sharey=True) as (figure, axes):
        for ax, (name, run) in zip(axes[0], runs.items(), strict=True):
            accuracy, expected = np.asarray(run.accuracy), accuracy_of(models[name], run)
            for task, color in zip(range(run.tasks.tasks), COLOURS, strict=False):
                for curve in accuracy[..., task]:
                    ax.plot(run.steps, curve, color=color, linewidth=0.4, alpha=0.4)
                ax.plot(run.steps, np.median(accuracy[..., task], axis=0), color=color, linewidth=1.2)
                # A and B have the same theory: their dashes take turns
                dashes = (2.2 * (task == 1), (2.2, 2.2 if task < 2 else 1.2))
                ax.plot(run.steps, expected[:, task], color=color, linewidth=2.0, linestyle=dashes, zorder=4)
            ax.set(xlabel="training steps", xlim=(0, run.steps[-1]), ylim=(0.46, 1.02))
            rows = zip(run.names, run.tasks.subsets, COLOURS, strict=False)
            keys = [Line2D([], [], color=c, linewidth=3, label=f"{n}: {len(s)} bits") for n, s, c in rows]
            keys.append(Line2D([], [], color="0.3", linewidth=1.2, label="networks, median"))
            keys.append(Line2D([], [], color="0.3", linewidth=2, linestyle=(0, (2.2, 1.2)), label="Resource model"))
            ax.legend(handles=keys, frameon=False, loc="lower right")
        axes[0, 0].set_ylabel("accuracy")
        letters(axes)
    return figure


def find(small: bool = False) -> Finding:
    """Train both, fit one number, and compare curves and times."""
    runs = train(small)
    paced, low = self_paced_model(runs["self-paced"])
    models = {"composition": composition_model(runs["composition"].tasks), "self-paced": paced}
    numbers, rms, middle = [], {}, {}
    for name, run in runs.items():
        median = np.median(np.asarray(run.accuracy), axis=0)
        rms[name] = float(np.sqrt(np.mean((median - accuracy_of(models[name], run)) ** 2)))
        # chance to certainty is half a unit of accuracy: a tenth of a unit is a fifth of the way
        numbers.append(Number(f"{name}: RMS accuracy difference", rms[name], 0.0, high=0.1))
        times, expected = np.asarray(run.learning_times(ACCURACY)), np.asarray(learning_times(models[name], LEVEL))
        middle[name] = np.median(times, axis=0)
        for task, label in enumerate(run.names):
            claim, measured = float(expected[task]), float(middle[name][task])
            spread, title = deviation(times[:, task]), f"{name}: {label} to accuracy {ACCURACY:g}"
            numbers.append(Number(title, measured, claim, 0.75 * claim, 1.25 * claim, spread, "steps"))
    order = float(middle["composition"][2] / np.max(middle["composition"][:2]))
    theory = np.asarray(learning_times(models["composition"], LEVEL))
    claimed = float(theory[2] / np.max(theory[:2]))
    title = "composition: time of AB / time of its slower part"
    numbers.append(Number(title, order, claimed, 0.75 * claimed, 1.25 * claimed))
    numbers.append(Number("self-paced: fitted low frequency", low))
    a, b, both = middle["composition"]
    return Finding(
        "parity_dependencies",
        "Sparse parity with dependencies",
        "The Resource model describes accuracy curves of networks on sparse parities: a composition after its parts, "
        "and a four-bit parity without its parts as a skill that sets its own pace.",
        f"The parts reach accuracy {ACCURACY:g} at steps {a:.0f} and {b:.0f}, the composition at {both:.0f} (medians); "
        f"the RMS difference between median curves and theory is {rms['composition']:.3f} in accuracy with nothing "
        f"fitted, and {rms['self-paced']:.3f} for the four-bit parity with one fitted frequency, {low:.4f}.",
        tuple(numbers),
        {"parity_dependencies": draw(runs, models)},
        f"Networks 32-50-3, mean squared error, full batch of {runs['composition'].samples}, Adam at learning rate "
        f"1e-3; {len(runs['composition'].seeds)} seeds of 1000 steps, {len(runs['self-paced'].seeds)} of 3000. Theory: "
        "p = 1/3 each, a = N0 = 0.01, eta = 0.01 sqrt((k + n) 50/600) for n tasks on k bits; claimed times are the "
        f"theory's, bounds 25%. Fitted: the low frequency of C, of {len(LOW)} values from {LOW[0] / 3:.1g} to 1/3, by "
        "least squares of its median level; from level 1/2 on it is 1/3.",
        {"runs": runs, "models": models, "low": low},
    )
