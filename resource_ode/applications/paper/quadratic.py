"""A quadratic loss, along the coordinates or rotated, under sign descent and under gradient descent.

Two skills with curvatures in the ratio of their frequencies. Along the coordinates, signs treat both alike; rotated,
each coordinate serves both skills, and the frequent one decides its sign: only then do skills fall like dominoes.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...base.crossing import first_crossing
from ...plot.style import COLOURS
from . import Finding, Number
from ._drawing import deviation, drawing, letters

FREQUENCY = np.asarray([1.0, 0.1])
DIMENSION = 1000
LEVEL = 0.95
# per step, of a level: how fast sign descent moves one skill that has its way, and gradient descent the frequent one
RATE = 0.01
METHODS = ("sign descent", "gradient descent")
BASES = ("aligned", "rotated")


def axes_of(basis: str, seed: int) -> np.ndarray:
    """Two orthonormal directions, `(2, d)`: coordinates, or drawn at random."""
    if basis == "aligned":
        return np.eye(2, DIMENSION)
    columns, triangle = np.linalg.qr(np.random.default_rng(seed).normal(size=(DIMENSION, 2)))
    return (columns * np.sign(np.diagonal(triangle))).T


def learning_rate(basis: str, method: str) -> float:
    """Chosen so that the frequent skill starts at `RATE` levels per step in every case."""
    if method == "gradient descent":
        return RATE / (2 * float(FREQUENCY[0]))
    return RATE if basis == "aligned" else RATE / math.sqrt(2 * DIMENSION / math.pi)


def descend(basis: str, method: str, steps: int, seed: int = 0) -> np.ndarray:
    """Levels `(steps + 1, 2)` on the loss `sum_i p_i (1 - t_i . x)^2`, from `x = 0`."""
    vectors, rate = axes_of(basis, seed), learning_rate(basis, method)
    position, levels = np.zeros(DIMENSION), np.zeros((steps + 1, 2))
    for step in range(1, steps + 1):
        push = 2 * (FREQUENCY * (1 - levels[step - 1])) @ vectors
        position += rate * (np.sign(push) if method == "sign descent" else push)
        levels[step] = vectors @ position
    return levels


def run_all(small: bool = False) -> dict[tuple[str, str], np.ndarray]:
    """Levels `(seed, step, skill)` for each basis and method."""
    seeds = 2 if small else 12
    return {
        (basis, method): np.stack(
            [
                descend(basis, method, 400 if method == "sign descent" else 4000, seed)
                for seed in range(seeds if basis == "rotated" else 1)
            ]
        )
        for basis in BASES
        for method in METHODS
    }


def times_of(levels: np.ndarray) -> np.ndarray:
    """Steps to `LEVEL`, `(seed, skill)`."""
    return first_crossing(np.arange(levels.shape[1], dtype=float), levels, LEVEL, between_rows=True)


def draw(runs: dict[tuple[str, str], np.ndarray]) -> Any:
    """Levels of both skills in all four cases, and the losses."""
    with drawing(2, 3, size=(7.2, 4.2)) as (figure, axes):
        for row, method in enumerate(METHODS):
            end = 300 if method == "sign descent" else 3500
            for column, basis in enumerate(BASES):
                ax = axes[row, column]
                for skill, name in enumerate(("frequent", "rare")):
                    for curve in runs[basis, method][..., skill]:
                        ax.plot(curve, color=COLOURS[skill], linewidth=0.5, alpha=0.5)
                    middle = np.median(runs[basis, method][..., skill], axis=0)
                    dashes = "-" if skill == 0 else (0, (4, 1.5))
                    label = f"{name}, p = {FREQUENCY[skill]:g}"
                    ax.plot(middle, color=COLOURS[skill], linewidth=1.5, linestyle=dashes, label=label)
                ax.set(xlim=(0, end), ylim=(-0.05, 1.1), xlabel="training steps", ylabel="level")
                ax.text(0.97, 0.5, f"{method},\n{basis}", ha="right", transform=ax.transAxes, fontsize=7)
                loss = np.median(((1 - runs[basis, method]) ** 2) @ FREQUENCY, axis=0)
                axes[row, 2].semilogy(loss, color=COLOURS[2 + column], linestyle=("-", "--")[column], label=basis)
            axes[row, 2].set(xlim=(0, end), ylim=(2e-4, 2), xlabel="training steps", ylabel="loss (median)")
            axes[row, 2].legend(frameon=False, title=method)
        axes[0, 0].legend(frameon=False, loc="lower right")
        letters(axes)
    return figure


def find(small: bool = False) -> Finding:
    """Which of the four cases learns in series."""
    runs = run_all(small)
    ratio = {case: times_of(levels)[:, 1] / times_of(levels)[:, 0] for case, levels in runs.items()}
    middle = {case: float(np.median(values)) for case, values in ratio.items()}
    proportional = float(FREQUENCY[0] / FREQUENCY[1])
    # (claimed, bounds): parallel is the same time within 10%, serial twice within a factor of 1.5, and gradient descent
    # takes the ratio of the frequencies within 10%
    claims = {
        ("aligned", "sign descent"): (1.0, 0.9, 1.1),
        ("rotated", "sign descent"): (2.0, 2 / 1.5, 2 * 1.5),
        ("aligned", "gradient descent"): (proportional, 0.9 * proportional, 1.1 * proportional),
        ("rotated", "gradient descent"): (proportional, 0.9 * proportional, 1.1 * proportional),
    }
    numbers = tuple(
        Number(f"t2/t1, {case[1]}, {case[0]}", middle[case], *claims[case], spread=deviation(ratio[case]))
        for case in claims
    )
    start = float(np.median(np.diff(runs["rotated", "sign descent"][:, :51:50, 1], axis=1)) / (50 * RATE))
    numbers += (Number("rate of the rare skill at first / full rate, sign descent, rotated", start),)
    measured = (
        f"Under sign descent the rare skill takes {middle['aligned', 'sign descent']:.2f} times as long as the "
        f"frequent one along the coordinates and {middle['rotated', 'sign descent']:.2f} times (median) when rotated; "
        f"gradient descent takes {middle['aligned', 'gradient descent']:.2f} and "
        f"{middle['rotated', 'gradient descent']:.2f}."
    )
    return Finding(
        "quadratic",
        "Quadratic loss: aligned or rotated, sign or gradient descent",
        "Sign descent shows the Domino effect on a rotated quadratic loss and not on one along the coordinates; "
        "gradient descent learns in parallel on both, at rates proportional to the curvatures.",
        measured,
        numbers,
        {"quadratic": draw(runs)},
        f"Loss sum_i p_i (1 - t_i . x)^2, p = 1 and 0.1, d = {DIMENSION}; learning rates such that the frequent skill "
        f"starts at {RATE:g} levels per step; times to level {LEVEL}; "
        f"{len(runs['rotated', 'sign descent'])} random rotations.",
        {"runs": runs, "ratio": ratio},
    )
