"""More tasks than dimensions: the Geometry model against the Resource model with interference.

The overlaps of the task vectors are the interference matrix; nothing else is taken from the Geometry model.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import frequencies
from ..geometry import GeometryModel, train_geometry
from ..plot import COLOURS
from ..simulate import simulate
from . import Finding, Number
from ._drawing import deviation, drawing, letters

DIMENSION, RATE, ALPHA, STEPS = 10, 1e-3, 2.0, 3000
COUNTS = (5, 10, 20, 40, 100)
WASTE = {"mse": 0.01, "cross_entropy": 0.0}
LABELS = {"mse": "MSE", "cross_entropy": "cross entropy"}
# what the paper calls a description, in RMS level error; a level is between 0 and 1
BOUND = 0.1


class Case(NamedTuple):
    """Levels `(seed, time, skill)` of both models, and of the Resource model without interference."""

    ts: np.ndarray
    measured: np.ndarray
    modelled: np.ndarray
    without: np.ndarray

    def rms(self, skill: Any = slice(None)) -> np.ndarray:
        """RMS level error of the Resource model, a seed."""
        return np.sqrt(np.mean((self.modelled - self.measured)[..., skill] ** 2, axis=(1, 2)))

    def rms_without(self) -> np.ndarray:
        """The same without interference."""
        return np.sqrt(np.mean((self.without - self.measured) ** 2, axis=(1, 2)))


def run(loss: str, count: int, seeds: int, rows: int) -> Case:
    """Sign descent on random unit vectors, and the Resource model, in steps, with their overlaps."""
    model = GeometryModel(frequencies.zipf(count, ALPHA), DIMENSION, RATE, loss=loss, vectors="random")
    ts = np.unique(np.round(np.linspace(0, STEPS, rows)))
    trained = train_geometry(model, ts, seeds=range(seeds))
    law = model.resource_model("l1", wasted_resource=WASTE[loss])
    modelled = simulate(law.replace(interference=trained.overlap), ts, method="steps").level
    # the identity, of the same shape, so that nothing compiles again
    alone = np.broadcast_to(np.eye(count), trained.overlap.shape)
    without = simulate(law.replace(interference=alone), ts, method="steps").level
    return Case(ts, *(np.asarray(x) for x in (trained.level, modelled, without)))


def run_all(small: bool = False) -> dict[tuple[str, int], Case]:
    """Every loss and number of tasks."""
    return {
        (loss, count): run(loss, count, 2 if small else 8, 31 if small else 151)
        for loss in WASTE
        for count in ((20,) if small else COUNTS)
    }


def draw(cases: dict[tuple[str, int], Case]) -> Any:
    """Levels of the most frequent tasks of one seed, and the errors against the number of tasks."""
    counts = sorted({count for _, count in cases})
    shown = [count for count in counts if count in (5, 20, 100)]
    with drawing(2, len(shown) + 1, size=(7.2, 4.2)) as (figure, axes):
        for row, loss in enumerate(WASTE):
            for column, count in enumerate(shown):
                ax, case = axes[row, column], cases[loss, count]
                for skill, colour in zip(range(min(5, count)), COLOURS, strict=False):
                    ax.plot(case.ts, case.measured[0, :, skill], color=colour, linewidth=1.2)
                    dashes = (0, (3, 1.5))
                    ax.plot(case.ts, case.modelled[0, :, skill], color=colour, linewidth=0.9, linestyle=dashes)
                ax.set(xlabel="training steps", xlim=(0, STEPS), ylim=(-1.1, 1.5))
                ax.set_title(f"{'abcdefgh'[row * (len(shown) + 1) + column]}  {LABELS[loss]}, n = {count}", loc="left")
            axes[row, 0].set_ylabel("level")
            ax = axes[row, -1]
            for label, method, marker, colour in (
                ("with interference", Case.rms, "o", COLOURS[0]),
                ("without", Case.rms_without, "s", COLOURS[1]),
            ):
                errors = [method(cases[loss, count]) for count in counts]
                mean, spread = [np.mean(e) for e in errors], [np.std(e, ddof=1) for e in errors]
                ax.errorbar(counts, mean, spread, fmt=marker + "-", color=colour, ms=4, lw=1, capsize=2, label=label)
            ax.axvline(DIMENSION, color="0.6", linewidth=0.7, linestyle=":")
            ax.set(xscale="log", xlabel="number of tasks n", ylabel="RMS level error", ylim=(0, None))
            letters([ax])
            ax.set_title("dh"[row] if len(shown) == 3 else "", loc="left", fontweight="bold", fontsize=9)
            ax.legend(frameon=False)
        first = axes[0, 0]
        first.plot([], [], color="0.3", linewidth=1.2, label="Geometry (five most frequent tasks)")
        first.plot([], [], color="0.3", linewidth=0.9, linestyle=(0, (3, 1.5)), label="Resource, interference")
        figure.legend(*first.get_legend_handles_labels(), loc="outside upper center", ncols=2, frameon=False)
    return figure


def find(small: bool = False) -> Finding:
    """RMS error for every number of tasks, and where it exceeds the bound."""
    cases = run_all(small)
    numbers, fails = [], []
    for (loss, count), case in cases.items():
        rms = case.rms()
        numbers.append(Number(f"RMS, {LABELS[loss]}, n = {count}", float(rms.mean()), 0.0, 0.0, BOUND, deviation(rms)))
        without = case.rms_without()
        name = f"RMS without interference, {LABELS[loss]}, n = {count}"
        numbers.append(Number(name, float(without.mean()), spread=deviation(without)))
        if not rms.mean() <= BOUND:
            fails.append(f"{LABELS[loss]} n = {count} ({rms.mean():.2f})")
    gain = float(np.mean([case.rms_without().mean() / case.rms().mean() for case in cases.values()]))
    over = f"above {BOUND:g} for {', '.join(fails)}" if fails else f"below {BOUND:g} everywhere"
    measured = (
        f"The RMS level error of the Resource model with interference is {over}; leaving interference out makes it "
        f"{gain:.1f} times as large on average."
    )
    return Finding(
        "under_parameterised",
        "More tasks than dimensions",
        "With interference equal to the overlap of the task vectors, the Resource model describes sign descent with "
        "more tasks than dimensions, for MSE and for cross entropy.",
        measured,
        tuple(numbers),
        {"under_parameterised": draw(cases)},
        f"d = {DIMENSION}, random unit vectors, p_k ~ k^-{ALPHA:g}, full batch, learning rate {RATE:g}, {STEPS} steps; "
        f"MSE: N0 = 0.01, eta = 2 lr sqrt(d); cross entropy: N0 = 0, eta = 4 lr sqrt(d); "
        f"{len(next(iter(cases.values())).measured)} seeds; the Resource model in training steps.",
        {"cases": cases},
    )
