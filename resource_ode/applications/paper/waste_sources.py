"""The wasted resource fitted to Geometry runs, against gradient noise, batch size and learning rate.

The L1 law's N0 is fitted seed by seed; its exponent in each source is taken over the range where that source dominates.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ... import frequencies
from ...fitting.waste import fit_waste
from ...plot.style import COLOURS
from ...related import sign_descent
from ...related.geometry import GeometryModel
from ...related.training import train_geometry
from . import Finding, Number
from ._drawing import drawing, letters

# the paper's best N0 against sigma: the setting of `GOLDEN_SETTING`
GOLDEN = {1e-3: 0.0316, 2.15e-3: 0.0646, 4.64e-3: 0.151, 1e-2: 0.339, 2.15e-2: 0.724, 4.64e-2: 1.41}
GOLDEN_SETTING: dict[str, Any] = {"learning_rate": 1e-3, "vectors": "random", "batch_size": 128}
# the range over which each source dominates the others
DOMINANT = {"sigma": (2.15e-3, 4.64e-2), "1/B": (1 / 64, 1 / 8), "learning rate": (5e-4, 4e-3)}
LABELS = {"sigma": "gradient noise $\\sigma$", "1/B": "1/batch size", "learning rate": "learning rate (per step)"}
# N0 of the L1 law; of the L1 law fitted to the L2 recursion instead of the runs; of the L2 law itself
L1_FIT, TO_RECURSION, L2_FIT = 0, 1, 2


class Point(NamedTuple):
    """One size of a source: what differs from `model_of`, and the training steps that are fitted."""

    size: float
    changes: dict[str, Any]
    ts: np.ndarray


def model_of(
    skills: int = 10, alpha: float = 2.0, dimension: int = 1000, learning_rate: float = 3e-4, **more: Any
) -> GeometryModel:
    """Ten orthonormal tasks, full batch, no noise, unless said otherwise."""
    return GeometryModel(frequencies.zipf(skills, alpha), dimension, learning_rate, **more)


def sweeps() -> dict[str, list[Point]]:
    """The settings of each sweep."""
    grid, batched = np.arange(0, 1001, 4), np.unique(np.round(np.linspace(0, 3000, 251)))
    batch, rate = (4, 8, 16, 32, 64, 256, 1024), (2e-4, 5e-4, 1e-3, 2e-3, 4e-3, 8e-3)
    return {
        "sigma": [Point(s, {**GOLDEN_SETTING, "noise": s}, grid) for s in GOLDEN],
        "1/B": [Point(1 / b, {"batch_size": b}, batched) for b in batch],
        "learning rate": [
            Point(r, {"learning_rate": r}, np.unique(np.round(np.linspace(0, 0.35 / r, 41)))) for r in rate
        ],
    }


def fits(point: Point, seeds: Any, columns: tuple[int, ...] = (L1_FIT,)) -> list[np.ndarray]:
    """The fitted N0 of each seed, for each of the asked columns."""
    model = model_of(**point.changes)
    run = train_geometry(model, point.ts, seeds=seeds)
    found = []
    for column in columns:
        law = model.resource_model("l2" if column == L2_FIT else "l1", wasted_resource=1.0)
        source = sign_descent.recursion(model, point.ts, seeds=seeds) if column == TO_RECURSION else run
        found.append(np.asarray(fit_waste(source.level, point.ts, law).wasted_resource))
    return found


def exponent(sizes: Any, wastes: Any, low: float, high: float) -> float:
    """Exponent of the mean N0 in the size of its source, over sizes within bounds."""
    sizes = np.asarray(sizes, float)
    chosen = (sizes >= low * 0.999) & (sizes <= high * 1.001)
    means = np.asarray([np.mean(waste) for waste in wastes])
    return float(np.polyfit(np.log(sizes[chosen]), np.log(means[chosen]), 1)[0])


def fit_all(small: bool = False) -> dict[str, dict[float, np.ndarray]]:
    """For each source: its size -> the fitted N0 of each seed."""
    if small:
        chosen = [Point(point.size, point.changes, point.ts[::10]) for point in sweeps()["sigma"][1:4:2]]
        return {"sigma": {point.size: fits(point, range(2))[0] for point in chosen}}
    return {
        name: {point.size: fits(point, range(8 if name == "sigma" else 4))[0] for point in points}
        for name, points in sweeps().items()
    }


def draw(found: dict[str, dict[float, np.ndarray]]) -> Any:
    """The fitted N0 against each source, with proportionality and the paper's values."""
    from matplotlib.ticker import NullFormatter

    with drawing(1, len(found), size=(2.4 * max(len(found), 2), 2.5)) as (figure, axes):
        for ax, (name, wastes), colour in zip(axes[0], found.items(), COLOURS, strict=False):
            sizes = np.asarray(list(wastes))
            mean = np.asarray([waste.mean() for waste in wastes.values()])
            spread = np.asarray([waste.std(ddof=1) for waste in wastes.values()])
            low = np.minimum(spread, 0.9 * mean)
            ax.errorbar(sizes, mean, [low, spread], fmt="o", color=colour, ms=4, lw=1, capsize=2, label="fitted")
            inside = (sizes >= DOMINANT[name][0] * 0.999) & (sizes <= DOMINANT[name][1] * 1.001)
            line = sizes[inside]
            ax.plot(line, mean[inside][0] * line / line[0], color="0.5", linewidth=0.9, label="proportional")
            if name == "sigma":
                golden = [GOLDEN[size] for size in wastes]
                ax.plot(sizes, golden, "x", color="black", ms=5, mew=1, label="the paper's")
            ax.set(xscale="log", yscale="log", xlabel=LABELS[name])
            ax.xaxis.set_minor_formatter(NullFormatter())
            ax.legend(frameon=False, loc="upper left")
        axes[0, 0].set_ylabel("fitted $N_0$ (units of frequency)")
        letters(axes)
    return figure


def find(small: bool = False) -> Finding:
    """Fit, and take exponents."""
    found = fit_all(small)
    numbers, exponents = [], {}
    for size, waste in found["sigma"].items():
        claimed, mean = GOLDEN[size], float(np.mean(waste))
        spread = float(np.std(waste, ddof=1))
        numbers.append(Number(f"N0, sigma = {size:g}", mean, claimed, 0.75 * claimed, 1.25 * claimed, spread))
    for name, wastes in found.items():
        low, high = DOMINANT[name]
        exponents[name] = exponent(list(wastes), list(wastes.values()), low, high)
        numbers.append(Number(f"exponent of N0 in {name}, {low:.3g} to {high:.3g}", exponents[name], 1.0, 0.9, 1.1))
    off = max((float(np.mean(waste)) / GOLDEN[size] - 1 for size, waste in found["sigma"].items()), key=abs)
    listed = ", ".join(f"{value:.2f} in {name}" for name, value in exponents.items())
    measured = (
        f"The fitted N0 is within {abs(off):.0%} of the paper's at every sigma; where each source dominates its "
        f"exponent is {listed}."
    )
    return Finding(
        "waste_sources",
        "Wasted resource against its sources",
        "The best N0 grows in proportion to the gradient noise, to the learning rate and to 1/batch size, each where "
        "it dominates.",
        measured,
        tuple(numbers),
        {"waste_sources": draw(found)},
        "L1 law, eta = 2 lr sqrt(d), N0 fitted to each seed by least squares; d = 1000, 10 tasks, p_k ~ k^-2. Noise: "
        f"random vectors, learning rate 1e-3, batch 128, 1000 steps, {len(next(iter(found['sigma'].values())))} seeds; "
        "batch size: orthonormal, learning rate 3e-4, 3000 steps; learning rate: orthonormal, full batch, no noise.",
        {"wastes": found, "exponents": exponents},
    )
