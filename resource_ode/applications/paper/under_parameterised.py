"""More tasks than dimensions: the Geometry model against two laws with interference.

The overlaps of the task vectors are the interference matrix; nothing else is taken from the Geometry model. The paper's
law divides the pull `C f` by the sum of `f`; sign descent in many dimensions divides it by the gradient's length,
`sqrt(f' C f)` (`sign_descent.overlapping`, nothing fitted).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from ... import frequencies
from ...model.model import ResourceModel
from ...plot.style import COLOURS
from ...related import sign_descent
from ...related.geometry import GeometryModel
from ...related.training import train_geometry
from ...solve.simulation import simulate
from . import Finding, Number
from ._drawing import deviation, drawing

DIMENSION, RATE, ALPHA, STEPS = 10, 1e-3, 2.0, 3000
COUNTS = (5, 10, 20, 40, 100)
WASTE = {"mse": 0.01, "cross_entropy": 0.0}
LABELS = {"mse": "MSE", "cross_entropy": "cross entropy"}
# what the paper calls a description, in RMS level error; a level is between 0 and 1
BOUND = 0.1
# the paper's eta times these, and its N0, that are tried in the fit
FACTORS, WASTES = (0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 4.0, 8.0), (0.0, 0.01, 0.1, 0.3)
# more dimensions, with so many tasks for each, or 20
MORE, EACH = (10, 40, 160), 2
# a frequency that is none: one shape for all numbers of tasks, so that there is one program to compile
NONE = 1e-30


class Case(NamedTuple):
    """Levels `(seed, time, skill)` of the Geometry model and the laws, and what the paper's law divides by.

    `fitted` is the error of the paper's law after its `eta` (a factor) and N0 were fitted to this case.
    """

    ts: np.ndarray
    measured: np.ndarray
    paper: np.ndarray
    without: np.ndarray
    norm: np.ndarray
    sum_of_demand: np.ndarray
    length_of_gradient: np.ndarray
    fitted: tuple[float, float, float]

    def rms(self, law: str) -> np.ndarray:
        """RMS level error of a law, a seed."""
        return np.sqrt(np.mean((getattr(self, law) - self.measured) ** 2, axis=(1, 2)))


def padded(counts: tuple[int, ...]) -> np.ndarray:
    """Frequencies `(count, skill)`; the skills that a row lacks have none."""
    found = np.full((len(counts), max(counts)), NONE)
    for row, count in zip(found, counts, strict=True):
        row[:count] = frequencies.zipf(count, ALPHA)
    return found


def paper_law(model: GeometryModel, overlap: Any, loss: str, factor: Any = 1.0, waste: Any = None) -> ResourceModel:
    """The paper's Resource model, for overlaps `(count, seed, skill, skill)`."""
    law = model.resource_model("l1", wasted_resource=WASTE[loss] if waste is None else waste)
    rate = jnp.asarray(law.learning_rate) * factor
    return law.replace(frequency=model.frequency[..., None, :], learning_rate=rate, interference=overlap)


def fit(model: GeometryModel, run: Any, loss: str, rows: np.ndarray) -> list[tuple[float, float, float]]:
    """The least error of the paper's law at each count over a grid of its eta and N0, and where it is."""
    # steps four times as large make no difference to the recursion
    coarse = np.arange(0, STEPS // 4 + 1, 25)
    chosen = np.searchsorted(rows, 4 * coarse)
    measured, overlap = np.asarray(run.level)[:, :2, chosen], run.overlap[:, :2]
    best: list[tuple[float, float, float]] = [(np.inf, np.nan, np.nan)] * len(COUNTS)
    for waste in WASTES:
        for factor in FACTORS:
            law = paper_law(model, overlap, loss, 4.0 * factor, waste)
            level = np.asarray(simulate(law, coarse, method="steps").level)
            for k, count in enumerate(COUNTS):
                error = float(np.sqrt(np.mean((level[k] - measured[k])[..., :count] ** 2)))
                if error < best[k][0]:
                    best[k] = (error, factor, waste)
    return best


def run_all(small: bool = False) -> dict[tuple[str, int], Case]:
    """Every loss and number of tasks."""
    counts, seeds, steps = ((20,), 2, 300) if small else (COUNTS, 8, STEPS)
    ts = np.arange(0, steps + 1, 10 if small else 20)
    cases = {}
    for loss in WASTE:
        model = GeometryModel(padded(counts), DIMENSION, RATE, loss=loss, vectors="random")
        run = train_geometry(model, ts, seeds=range(seeds))
        paper = simulate(paper_law(model, run.overlap, loss), ts, method="steps").level
        # the identity, of the same shape, so that nothing compiles again
        alone = jnp.broadcast_to(jnp.eye(run.overlap.shape[-1]), run.overlap.shape)
        without = simulate(paper_law(model, alone, loss), ts, method="steps").level
        norm = sign_descent.overlapping(run).level
        level, frequency = np.asarray(run.level), np.asarray(model.frequency)[:, None, None, :]
        demand = frequency * (1 - level) / (1 if loss == "mse" else 2)
        pull = np.einsum("csij,cstj->csti", np.asarray(run.overlap), demand)
        length = np.sqrt(np.maximum(np.sum(demand * pull, axis=-1), 0))
        found = [(np.nan, np.nan, np.nan)] * len(counts) if small else fit(model, run, loss, ts)
        for k, count in enumerate(counts):
            measured, *laws = (np.asarray(x)[k, :, :, :count] for x in (level, paper, without, norm))
            cases[loss, count] = Case(
                ts, measured, laws[0], laws[1], laws[2], demand[k].sum(axis=-1), length[k], found[k]
            )
    return cases


def more_dimensions(small: bool = False) -> dict[tuple[str, str], np.ndarray]:
    """RMS level errors `(dimension, seed)` of the law of the gradient's length, for 20 tasks and for some each."""
    ts, seeds = (np.arange(0, 301, 30), 2) if small else (np.arange(0, STEPS + 1, 50), 3)
    found = {}
    for loss in ("mse",) if small else WASTE:
        for name in ("20 tasks",) if small else ("20 tasks", f"{EACH} tasks per dimension"):
            errors = []
            for d in MORE[:1] if small else MORE:
                frequency = frequencies.zipf(20 if name == "20 tasks" else EACH * d, ALPHA)
                # the same resource per step
                model = GeometryModel(frequency, d, RATE * (DIMENSION / d) ** 0.5, loss=loss, vectors="random")
                run = train_geometry(model, ts, seeds=range(seeds))
                difference = np.asarray(sign_descent.overlapping(run).level - run.level)
                errors.append(np.sqrt(np.mean(difference**2, axis=(1, 2))))
            found[loss, name] = np.asarray(errors)
    return found


MEASURED = "0.72"
LAWS = (
    ("paper", "the paper's law", "o", COLOURS[0], (0, (3, 1.5))),
    ("norm", "gradient's length, nothing fitted", "^", COLOURS[2], (0, (1, 1))),
    ("without", "the paper's, no interference", "s", COLOURS[1], "-"),
)


def draw(cases: dict[tuple[str, int], Case]) -> Any:
    """Levels of the most frequent tasks of one seed, and the errors against the number of tasks."""
    counts = sorted({count for _, count in cases})
    shown = [count for count in counts if count in (5, 20, 100)]
    with drawing(2, len(shown) + 1, size=(7.2, 4.6)) as (figure, axes):
        for row, loss in enumerate(WASTE):
            for column, count in enumerate(shown):
                ax, case = axes[row, column], cases[loss, count]
                for skill in range(3):
                    measured = case.measured[0, :, skill]
                    ax.plot(case.ts, measured, color=MEASURED, linewidth=2.2)
                    for law, _, _, colour, dashes in LAWS[:2]:
                        level = getattr(case, law)[0, :, skill]
                        ax.plot(case.ts, level, color=colour, linewidth=1.0, linestyle=dashes)
                    # the number of the task, on its curve, at heights of their own so that none lies on another
                    half = int(np.argmax(measured >= (0.7, 0.45, 0.2)[skill])) or len(measured) // 2
                    ax.text(
                        case.ts[half],
                        measured[half],
                        str(skill + 1),
                        fontsize=6,
                        ha="center",
                        va="center",
                        zorder=5,
                        bbox={
                            "boxstyle": "circle,pad=0.15",
                            "facecolor": "white",
                            "edgecolor": "0.5",
                            "linewidth": 0.4,
                        },
                    )
                ax.set(xlabel="training steps", xlim=(0, case.ts[-1]), ylim=(-0.1, 1.1))
                ax.set_title(f"{'abcdefgh'[row * (len(shown) + 1) + column]}  {LABELS[loss]}, n = {count}", loc="left")
            axes[row, 0].set_ylabel("level")
            ax = axes[row, -1]
            for law, label, marker, colour, _ in LAWS:
                errors = [cases[loss, count].rms(law) for count in counts]
                mean, spread = [np.mean(e) for e in errors], [np.std(e, ddof=1) for e in errors]
                ax.errorbar(counts, mean, spread, fmt=marker + "-", color=colour, ms=4, lw=1, capsize=2, label=label)
            if len(counts) > 1:
                fitted = [cases[loss, count].fitted[0] for count in counts]
                ax.plot(
                    counts, fitted, "x:", color=COLOURS[0], ms=4, lw=1, label="the paper's, $\\eta$ and $N_0$ fitted"
                )
            fine = {"color": "0.6", "linewidth": 0.7, "linestyle": ":"}
            ax.axvline(DIMENSION, **fine, label=f"n = d = {DIMENSION}; error bound {BOUND:g}")
            ax.axhline(BOUND, **fine)
            ax.set(xscale="log", xlabel="number of tasks n", ylabel="RMS level error", ylim=(0, None))
            ax.set_xticks(counts, [f"{count}" for count in counts])
            ax.minorticks_off()
            ax.set_title(f"{'abcdefgh'[(row + 1) * (len(shown) + 1) - 1]}  {LABELS[loss]}", loc="left")
        first = axes[0, 0]
        first.plot([], [], color=MEASURED, linewidth=2.2, label="Geometry (levels of tasks 1 to 3, one seed)")
        for _, label, _, colour, dashes in LAWS[:2]:
            first.plot([], [], color=colour, linewidth=1.0, linestyle=dashes, label=f"levels: {label}")
        handles = [axis.get_legend_handles_labels() for axis in (first, axes[0, -1])]
        joined = (handles[0][0] + handles[1][0], handles[0][1] + handles[1][1])
        figure.legend(*joined, loc="outside upper center", ncols=3, frameon=False, fontsize=7)
    return figure


def find(small: bool = False) -> Finding:
    """RMS error of both laws for every number of tasks, and where they exceed the bound."""
    cases = run_all(small)
    more = more_dimensions(small)
    numbers = []
    for (loss, count), case in cases.items():
        name = f"{LABELS[loss]}, n = {count}"
        for law, label in (("paper", "the paper's law"), ("norm", "gradient's length")):
            rms = case.rms(law)
            numbers.append(Number(f"RMS, {label}, {name}", float(rms.mean()), 0.0, 0.0, BOUND, deviation(rms)))
        without = case.rms("without")
        numbers.append(Number(f"RMS without interference, {name}", float(without.mean()), spread=deviation(without)))
        if not small:
            error, factor, waste = case.fitted
            words = f"{name} (eta times {factor:g}, N0 = {waste:g})"
            numbers.append(Number(f"RMS, the paper's law, eta and N0 fitted, {words}", error))
    for (loss, name), errors in more.items():
        for d, error in zip(MORE, errors, strict=False):
            label = f"RMS, gradient's length, {LABELS[loss]}, {name}, d = {d}"
            numbers.append(Number(label, float(error.mean()), spread=deviation(error)))
    return Finding(
        "under_parameterised",
        "More tasks than dimensions",
        "With interference equal to the overlap of the task vectors, the Resource model describes sign descent with "
        "more tasks than dimensions, for MSE and for cross entropy.",
        _sentences(cases, more),
        tuple(numbers),
        {"under_parameterised": draw(cases)},
        f"d = {DIMENSION}, random unit vectors, p_k ~ k^-{ALPHA:g}, full batch, learning rate {RATE:g}, {STEPS} steps; "
        "the paper's law for MSE: N0 = 0.01, eta = 2 lr sqrt(d); cross entropy: N0 = 0, eta = 4 lr sqrt(d); "
        "gradient's length: eta = lr sqrt(2 d/pi), N0 = 0; both in training steps; "
        f"{len(next(iter(cases.values())).measured)} seeds. More dimensions: learning rate ~ 1/sqrt(d), 3 seeds.",
        {"cases": cases, "more": more},
    )


def _sentences(cases: dict[tuple[str, int], Case], more: dict[tuple[str, str], np.ndarray]) -> str:
    def span(law: str, loss: str) -> str:
        means = [case.rms(law).mean() for (which, _), case in cases.items() if which == loss]
        return f"{min(means):.2f} to {max(means):.2f}" if len(means) > 1 else f"{means[0]:.2f}"

    last = cases["mse", max(count for _, count in cases)]
    late = last.ts >= last.ts[-1] / 2
    ratio = float(last.sum_of_demand[:, late].mean() / last.length_of_gradient[:, late].mean())
    gain = np.mean([case.rms("paper").mean() / case.rms("norm").mean() for case in cases.values()])
    text = (
        f"The RMS level error of the paper's law is {span('paper', 'mse')} (MSE) and {span('paper', 'cross_entropy')} "
        f"(cross entropy), that of the law of the gradient's length, nothing fitted, {span('norm', 'mse')} and "
        f"{span('norm', 'cross_entropy')}, {gain:.1f} times smaller on average. With more tasks than dimensions the "
        "sum of what is left, by which the paper's law divides, never goes to 0; the pull on the parameters does "
        f"(the sum is {ratio:.0f} times the gradient's length in the second half, MSE, "
        f"n = {max(count for _, count in cases)}): the law comes to rest before the tasks do."
    )
    fitted = [case.fitted[0] for case in cases.values() if np.isfinite(case.fitted[0])]
    if fitted:
        text += f" Fitting its eta and N0 leaves {min(fitted):.2f} to {max(fitted):.2f}."
    changes = [
        f"{errors[0].mean():.2f} to {errors[-1].mean():.2f} ({LABELS[loss]}, {name})"
        for (loss, name), errors in more.items()
        if len(errors) > 1
    ]
    if changes:
        text += f" From d = {MORE[0]} to {MORE[-1]} the error of the other law goes from {'; '.join(changes)}."
    return text
