"""Scaling laws of the Geometry model: loss against dimension at the end, and against training steps.

Between the two lines of the Resource model, `alpha - 1` (Domino) and `(alpha - 1)/alpha` (quanta, all in parallel).
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from .. import analytic, frequencies, sign_descent
from ..geometry import GeometryModel, train_geometry
from ..plot import COLOURS
from . import Finding, Number
from ._drawing import deviation, drawing, letters

ALPHAS = (1.0, 1.2, 1.4, 1.6, 1.8, 2.0)
# exponents in parameters and in steps that were fitted to language models (Hoffmann et al. 2022)
CHINCHILLA = {"N": 0.34, "S": 0.28}
DIMENSIONS = (8, 16, 32, 64, 128)
# skills' worth of resource over which the exponent in steps is fitted
BETWEEN = (5.0, 100.0)
# how far from the Domino line an exponent may be and still count as on it
BOUND = 0.15


def slope(x: Any, y: Any) -> float:
    """Minus the slope of a straight line through the logarithms."""
    return -float(np.polyfit(np.log(np.asarray(x, float)), np.log(np.asarray(y, float)), 1)[0])


def final_losses(alpha: float, small: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Dimensions, and the loss `(seed, dimension)` after long training of many more tasks than dimensions."""
    dimensions = DIMENSIONS[:2] if small else DIMENSIONS
    frequency = jnp.asarray(frequencies.zipf(100 if small else 1000, alpha), jnp.float32)
    steps = 300 if small else 4000
    # sign descent hovers about the minimum: the mean of the last stretch
    ts = np.arange(steps - 100, steps + 1, 10)
    losses = []
    for dimension in dimensions:
        # the steps are a fixed part of the length of the solution, so that hovering costs the same in all dimensions
        model = GeometryModel(frequency, dimension, 0.01 / dimension**0.5, vectors="random")
        run = train_geometry(model, ts, seeds=range(2 if small else 4))
        losses.append(np.asarray(run.trajectory.loss, float).mean(axis=-1))
    return np.asarray(dimensions), np.stack(losses, axis=-1)


def losses_in_time(alpha: float, small: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Resource given, the loss `(time,)` of the Geometry model, and of the L2 law with nothing fitted."""
    size, rate, steps = (200, 0.02, 300) if small else (1000, 0.004, 1200)
    frequency = jnp.asarray(frequencies.zipf(size, alpha), jnp.float32)
    model = GeometryModel(frequency, size, rate)
    ts = np.unique(np.round(np.geomspace(2, steps, 40)))
    run = train_geometry(model, ts, seeds=[0])
    law = sign_descent.law(model, ts)
    given = float(model.resource_rate) * ts
    return given, np.asarray(run.trajectory.loss, float)[0], np.asarray(law.loss, float)


def measure(small: bool = False) -> dict[float, dict[str, Any]]:
    """Both experiments at every alpha, with their fitted exponents."""
    found = {}
    for alpha in (1.0, 2.0) if small else ALPHAS:
        dimensions, final = final_losses(alpha, small)
        given, loss, law = losses_in_time(alpha, small)
        inside = (given >= BETWEEN[0]) & (given <= BETWEEN[1])
        found[alpha] = {
            "dimensions": dimensions,
            "final": final,
            "given": given,
            "loss": loss,
            "law": law,
            "N": np.asarray([slope(dimensions, one) for one in final]),
            "S": slope(given[inside], loss[inside]),
            "S law": slope(given[inside], law[inside]),
        }
    return found


def draw(found: dict[float, dict[str, Any]]) -> Any:
    """The losses, and the exponents against alpha."""
    import matplotlib

    alphas = np.asarray(list(found))
    colours = matplotlib.colormaps["viridis"](np.linspace(0, 0.9, len(alphas)))
    with drawing(1, 3, size=(7.2, 2.7)) as (figure, axes):
        left, middle, right = axes[0]
        for (alpha, one), colour in zip(found.items(), colours, strict=True):
            label = f"$\\alpha$ = {alpha:g}"
            left.loglog(one["dimensions"], one["final"].mean(axis=0), "o-", color=colour, ms=3, lw=1, label=label)
            middle.loglog(one["given"], one["loss"], color=colour, linewidth=1.2)
            middle.loglog(one["given"], one["law"], color="black", linewidth=0.6, linestyle=(0, (4, 2)))
        left.set(xlabel="dimension d", ylabel="loss at the end")
        left.legend(frameon=False, fontsize=6)
        middle.axvspan(*BETWEEN, color="0.93")
        middle.set(xlabel="training steps $\\times\\ \\eta$ (skills)", ylabel="loss")
        middle.plot([], [], color="black", linewidth=0.6, linestyle=(0, (4, 2)), label="L2 law, nothing fitted")
        middle.legend(frameon=False, loc="lower left")
        fine = np.linspace(1.0, 2.0, 51)
        right.plot(fine, fine - 1, color="0.4", linewidth=0.9, label="Domino")
        right.plot(fine, (fine - 1) / fine, color="0.4", linewidth=0.9, linestyle=":", label="quanta")
        mean = [one["N"].mean() for one in found.values()]
        spread = [deviation(one["N"]) for one in found.values()]
        right.errorbar(alphas, mean, spread, fmt="o", color=COLOURS[0], ms=4, lw=1, label="$\\alpha_N$ (in d)")
        right.plot(
            alphas, [one["S"] for one in found.values()], "s", color=COLOURS[1], ms=4, label="$\\alpha_S$ (steps)"
        )
        for value, colour in zip(CHINCHILLA.values(), COLOURS, strict=False):
            right.axhline(value, color=colour, linewidth=0.7, linestyle=(0, (5, 2)))
        right.set(xlabel="exponent of the frequencies $\\alpha$", ylabel="exponent of the loss")
        right.legend(frameon=False, fontsize=6, title="dashed: Chinchilla", title_fontsize=6)
        letters(axes)
    return figure


def find(small: bool = False) -> Finding:
    """Exponents at every alpha, and the alpha at which each equals Chinchilla's."""
    found = measure(small)
    alphas = np.asarray(list(found))
    numbers = []
    for alpha, one in found.items():
        # alpha = 1 has no power of its own: both lines say 0
        domino = float(analytic.domino_exponent(alpha)) if alpha > 1 else 0.0
        quanta = float(analytic.quanta_exponent(alpha)) if alpha > 1 else 0.0
        numbers += [
            Number(
                f"alpha_N, alpha = {alpha:g} (claimed: Domino)",
                float(one["N"].mean()),
                domino,
                domino - BOUND,
                domino + BOUND,
                deviation(one["N"]),
            ),
            Number(f"alpha_S, alpha = {alpha:g} (claimed: Domino)", one["S"], domino, domino - BOUND, domino + BOUND),
            Number(f"alpha_S of the L2 law, alpha = {alpha:g} (beside: quanta)", one["S law"], quanta),
        ]
    exponents = {
        "N": np.asarray([o["N"].mean() for o in found.values()]),
        "S": np.asarray([o["S"] for o in found.values()]),
    }
    matches = {}
    for name, value in CHINCHILLA.items():
        grows = bool(np.all(np.diff(exponents[name]) > 0)) and exponents[name][0] <= value <= exponents[name][-1]
        matches[name] = float(np.interp(value, exponents[name], alphas)) if grows else float("nan")
        numbers.append(Number(f"alpha at which alpha_{name} is Chinchilla's {value:g}", matches[name]))
    last = float(alphas[-1])
    measured = (
        f"From alpha = {alphas[0]:g} to {last:g} the exponent in d goes from {exponents['N'][0]:.2f} to "
        f"{exponents['N'][-1]:.2f} and that in steps from {exponents['S'][0]:.2f} to {exponents['S'][-1]:.2f} "
        f"(Domino: 0 to {last - 1:g}, quanta: 0 to {(last - 1) / last:g}); they equal Chinchilla's at alpha = "
        f"{matches['N']:.2f} (N) and {matches['S']:.2f} (S)."
    )
    return Finding(
        "scaling",
        "Scaling laws of the Geometry model",
        "The exponents of the loss in d and in steps follow from alpha, between the lines alpha - 1 (Domino) and "
        "(alpha - 1)/alpha (quanta), and reach Chinchilla's 0.34 and 0.28.",
        measured,
        tuple(numbers),
        {"scaling": draw(found)},
        "alpha_N: 1000 random tasks in d = 8 to 128 dimensions, sign descent, 4000 steps of size 0.01/sqrt(d), mean of "
        "the last 100, 4 seeds; alpha_S: 1000 orthonormal tasks in 1000 dimensions, learning rate 0.004, one seed, "
        f"fitted from {BETWEEN[0]:g} to {BETWEEN[1]:g} skills' worth of resource, eta = lr sqrt(2 d/pi)."
        if not small
        else "small: 100 tasks in 8 and 16 dimensions, 200 in 200; exponents mean little",
        {"found": found},
    )
