"""From series to parallel: ten independent skills while the wasted resource grows from nothing to far above all demand.

With next to no waste one skill is learned after the other, in equal times (Domino); with much, each learns as if it
were alone, in a time that goes as one over its frequency.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import analytic, observables
from ...frequencies import zipf
from ...graphs.graph import SkillGraph
from ...model.model import ResourceModel
from ...plot.colouring import plain_number
from ...plot.style import COLOURS
from ...related import domino
from ...solve.learning import learning_times
from ...solve.simulation import simulate
from . import Finding, Number
from ._drawing import drawing, letters

SKILLS, ALPHA = 10, 2.0
LEARNING_RATE = 2 * 3e-4 * np.sqrt(1000)
SHOWN = (1e-5, 3e-3, 0.1, 100.0)
# of the paper's default run: times to level 0.5 at N0 = 0.003, computed independently of this package
REFERENCE = (45.616374, 116.589572, 177.438353, 232.713044, 282.068842)
REFERENCE += (325.749689, 364.241981, 397.966284, 427.372482, 452.932927)


def model(waste: Any) -> ResourceModel:
    """Ten independent skills with frequencies that fall as a power law, one member a waste."""
    return ResourceModel(SkillGraph([[]] * SKILLS), zipf(SKILLS, ALPHA), LEARNING_RATE, waste)


def sweep(waste: np.ndarray) -> dict[str, np.ndarray]:
    """Learning times, and how serial learning is, at each waste."""
    models = model(waste)
    times = {level: np.asarray(learning_times(models, level)) for level in (0.1, 0.5, 0.9, 0.95)}
    exact = {
        level: np.stack(
            [analytic.independent_learning_times(level, models.frequency_at(), LEARNING_RATE, w) for w in waste]
        )
        for level in (0.5, 0.95)
    }
    return {
        "waste": waste,
        "half": times[0.5],
        "exact": exact[0.5],
        "error": np.max(np.abs([times[level] / exact[level] - 1 for level in exact]), axis=(0, 2)),
        "ratio": times[0.95][:, 1] / times[0.95][:, 0],
        "efficiency": np.asarray(observables.efficiency(models, 0.95)),
        "overlap": np.asarray(observables.domino_overlap(times[0.1], times[0.9], mean=True)),
        "seriality": np.asarray(observables.seriality(models, level=0.9)),
    }


def levels_against_limits() -> tuple[float, float]:
    """RMS difference of levels from the serial model at the least waste, from the parallel one at the most."""
    least, most = model(SHOWN[0]), model(SHOWN[-1])
    series_times = np.linspace(0, SKILLS / LEARNING_RATE, 201)
    serial = np.asarray(simulate(least, series_times).level) - np.asarray(domino.serial(least, series_times).level)
    end = 2 * float(np.asarray(learning_times(most, 0.5)).max())
    parallel_times = np.linspace(0, end, 201)
    parallel = np.asarray(simulate(most, parallel_times).level)
    parallel = parallel - np.asarray(domino.parallel(most, parallel_times).level)
    return float(np.sqrt(np.mean(serial**2))), float(np.sqrt(np.mean(parallel**2)))


def far_apart() -> float:
    """Mean Domino overlap of four skills whose frequencies are each a thousandth of the one before, without waste."""
    apart = ResourceModel(SkillGraph([[]] * 4), 1e-3 ** np.arange(4.0), LEARNING_RATE, 0.0)
    times = [learning_times(apart, level) for level in (0.1, 0.9)]
    return float(observables.domino_overlap(*times, mean=True))


def draw(found: dict[str, np.ndarray]) -> dict[str, Any]:
    """Levels at four wastes; learning times and order parameters over the waste."""
    from matplotlib import colormaps

    colors = colormaps["viridis"](np.linspace(0, 0.9, SKILLS))
    figures = {}
    with drawing(1, len(SHOWN), size=(7.0, 2.1), sharey=True) as (figure, axes):
        for ax, waste in zip(axes[0], SHOWN, strict=True):
            end = 1.6 * float(np.asarray(learning_times(model(waste), 0.5)).max())
            times = np.linspace(0, end, 300)
            for curve, color in zip(np.asarray(simulate(model(waste), times).level).T, colors, strict=True):
                ax.plot(times, curve, color=color, linewidth=1.0)
            ax.set_title(f"$N_0$ = {plain_number(waste)}", loc="left")
            ax.set(xlabel="training steps", xlim=(0, end), ylim=(-0.02, 1.02))
            ax.locator_params(axis="x", nbins=3)
            ax.ticklabel_format(axis="x", scilimits=(-4, 4), useMathText=True)
        axes[0, 0].set_ylabel("level")
        bar = figure.colorbar(
            _scale(colormaps["viridis"]), ax=axes[0, -1], label="skill (1 = most frequent)", ticks=(1, 5, 10)
        )
        bar.outline.set_visible(False)
    figures["levels"] = figure
    waste = found["waste"]
    with drawing(1, 3, size=(7.0, 2.4)) as (figure, axes):
        left, middle, right = axes[0]
        for skill, color in enumerate(colors):
            left.loglog(waste, found["half"][:, skill], color=color, linewidth=1.1)
            left.loglog(waste[::8], found["exact"][::8, skill], "o", color=color, markersize=2)
        for skill, below in ((0, True), (SKILLS - 1, False)):
            left.annotate(
                f"skill {skill + 1}",
                (waste[0], found["half"][0, skill]),
                xytext=(0, -3 if below else 3),
                textcoords="offset points",
                va="top" if below else "bottom",
                fontsize=6,
            )
        left.set_ylim(bottom=0.4 * found["half"].min())
        left.set(xlabel="wasted resource $N_0$", ylabel="time to level 0.5 (training steps)")
        middle.semilogx(waste, found["ratio"], color="black")
        middle.axhline(1.95 / 0.95, color="0.5", linewidth=0.8, linestyle="--")
        apart = "frequencies far apart,\nno waste"
        middle.text(waste[-1], 1.95 / 0.95 - 0.04, apart, va="top", ha="right", fontsize=6)
        middle.axhline(2**ALPHA, color="0.5", linewidth=0.8, linestyle=":")
        middle.text(waste[0], 2**ALPHA, "ratio of frequencies", va="bottom", fontsize=6)
        middle.set(xlabel="wasted resource $N_0$", ylabel="$t_2/t_1$ (level 0.95)", ylim=(1, 4.4))
        right.semilogx(waste, found["seriality"], color=COLOURS[0], label="seriality")
        right.semilogx(waste, found["overlap"], color=COLOURS[1], label="Domino overlap")
        right.semilogx(waste, found["efficiency"], color=COLOURS[2], label="share of use")
        right.set(xlabel="wasted resource $N_0$", ylabel="order parameter", ylim=(-0.02, 1.02))
        figure.legend(*right.get_legend_handles_labels(), loc="outside upper right", ncols=3, frameon=False)
        letters(axes)
    figures["sweep"] = figure
    return figures


def _scale(colours: Any) -> Any:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    return ScalarMappable(Normalize(1, SKILLS), colours.resampled(256))


def find(small: bool = False) -> Finding:
    """Sweep the waste and hold learning times against the exact ones and both limits."""
    found = sweep(np.geomspace(1e-5, 1e2, 8 if small else 57))
    least, most = found["half"][0], found["half"][-1]
    # duration of a skill in units of 1/eta, and of each in units of that of the first
    pace = float((least[-1] - least[0]) / (SKILLS - 1) * LEARNING_RATE)
    spread = float(most[-1] / most[0])
    error, separate = float(np.max(found["error"])), far_apart()
    known = float(np.max(np.abs(np.asarray(learning_times(model(3e-3), 0.5)) - np.asarray(REFERENCE))))
    serial, parallel = levels_against_limits()
    ratio = found["ratio"]
    numbers = (
        Number("time per skill at N0 = 1e-5, in units of 1/eta", pace, 1.0, 0.75, 1.25),
        Number("t10/t1 at N0 = 100 (level 0.5)", spread, 10**ALPHA, 0.9 * 10**ALPHA, 1.1 * 10**ALPHA),
        Number("t2/t1 at N0 = 100 (level 0.95)", float(ratio[-1]), 2**ALPHA, 0.9 * 2**ALPHA, 1.1 * 2**ALPHA),
        # (1 + 0.95)/0.95 if the second starts when the first is done
        Number("t2/t1 at N0 = 1e-5 (level 0.95)", float(ratio[0]), 1.95 / 0.95, 0.75 * 1.95 / 0.95, 1.25 * 1.95 / 0.95),
        Number("largest relative error of times against the exact ones", error, 0.0, high=1e-6),
        Number("largest error of times at N0 = 0.003", known, 0.0, high=1e-3, unit="steps"),
        Number("RMS level difference from the serial model, N0 = 1e-5", serial),
        Number("RMS level difference from the parallel model, N0 = 100", parallel, high=0.02),
        Number("Domino overlap, four frequencies a factor 1000 apart, N0 = 0", separate, -0.25, -0.27, -0.23),
        Number("seriality at N0 = 1e-5", float(found["seriality"][0])),
        Number("seriality at N0 = 100", float(found["seriality"][-1])),
        Number("mean Domino overlap at N0 = 1e-5", float(found["overlap"][0])),
        Number("mean Domino overlap at N0 = 100", float(found["overlap"][-1])),
        Number("share of the resource of use, N0 = 1e-5", float(found["efficiency"][0])),
        Number("share of the resource of use, N0 = 100", float(found["efficiency"][-1])),
    )
    measured = (
        f"At N0 = 1e-5 the skills follow one another every {pace:.2f}/eta steps; at N0 = 100 the tenth takes "
        f"{spread:.0f} times as long as the first, which is the ratio of their frequencies; in between t2/t1 rises "
        f"from {ratio[0]:.2f} to {ratio[-1]:.2f}, and all times agree with the exact formula to {error:.0e}. (Who "
        f"learns together with whom does not change: seriality {found['seriality'][0]:.3f} and "
        f"{found['seriality'][-1]:.3f}.)"
    )
    return Finding(
        "waste",
        "From series to parallel as waste grows",
        "With little wasted resource skills are learned one after the other in equal times (Domino); with much, all "
        "at once, each in a time that goes as one over its frequency.",
        measured,
        numbers,
        draw(found),
        f"{SKILLS} independent skills, p_k ~ k^-{ALPHA:g} with sum 1, eta = 2 x 3e-4 sqrt(1000) = {LEARNING_RATE:.6f}, "
        f"{len(found['waste'])} values of N0 from 1e-5 to 100, mean squared error.",
        found,
    )
