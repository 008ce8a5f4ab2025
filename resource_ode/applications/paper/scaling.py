r"""Scaling laws of the Geometry model: loss against dimension at the end, and against training steps.

The paper puts them between `alpha - 1` (Domino) and `(alpha - 1)/alpha` (quanta). The L2 law of sign descent says
something else about time. With `k` of the tasks learned, `p_k ~ k^-alpha`, the length of the rest is `k^(1/2 - alpha)`;
the clock has to reach `tau ~ k^alpha`, so that `eta dt ~ k^(1/2 - alpha) d(k^alpha)` and `k ~ (eta t)^2`: many small
tasks that remain do not compete, since their squares add up to little. The loss then falls as `t^(-2(alpha - 1))`,
twice the Domino exponent, until a waste (noise, or the edge of stability) holds the length up: from there on quanta.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from ... import frequencies
from ...graphs.graph import SkillGraph
from ...model.model import ResourceModel
from ...plot.style import COLOURS
from ...related import domino, sign_descent
from ...related.geometry import GeometryModel
from ...related.training import member_keys, task_vectors, train_geometry
from . import Finding, Number
from ._drawing import deviation, drawing, letters

ALPHAS = (1.0, 1.2, 1.4, 1.6, 1.8, 2.0)
# exponents in parameters and in steps that were fitted to language models (Hoffmann et al. 2022)
CHINCHILLA = {"N": 0.34, "S": 0.28}
DIMENSIONS = (8, 16, 32, 64, 128)
FINAL_STEPS = 10_000
# tasks of the exact minimum that stands for infinitely many
MANY = 20_000
# how far from the Domino line the exponent in d may be and still count as on it
BOUND = 0.15
# how far outside the two lines the exponent in steps may be: a tenth of the loss, over a window of a factor 4 in steps,
# tilts a fitted line by 0.07
MARGIN = 0.05
TASKS, RATE, FIRST = 400, 5e-4, 5.0
# waste of the L2 law that is drawn beside the runs, in units of frequency
NOISY = 0.1


def slope(x: Any, y: Any) -> float:
    """Minus the slope of a straight line through the logarithms."""
    return -float(np.polyfit(np.log(np.asarray(x, float)), np.log(np.asarray(y, float)), 1)[0])


# -- size


def decaying(steps: int) -> Any:
    """Sign descent whose rate falls to 0, so that it does not hover about the minimum."""

    def optimizer(learning_rate: Any) -> Any:
        import optax

        return optax.sign_sgd(optax.linear_schedule(learning_rate, 0.0, steps))

    return optimizer


def least_loss(vectors: np.ndarray, frequency: np.ndarray) -> float:
    """The exact minimum of the squared loss over all parameters."""
    weighted = frequency[:, None] * vectors
    best = np.linalg.solve(vectors.T @ weighted, weighted.sum(axis=0))
    return float(np.sum(frequency * (1 - vectors @ best) ** 2))


def in_size(alphas: tuple[float, ...], small: bool = False) -> dict[str, np.ndarray]:
    """Dimensions; the loss `(alpha, seed, dimension)` after training, and its exact minimum; that of `MANY` tasks."""
    dimensions, tasks, steps = (DIMENSIONS[:2], 100, 500) if small else (DIMENSIONS, 1000, FINAL_STEPS)
    seeds = range(2 if small else 3)
    frequency = np.stack([frequencies.zipf(tasks, alpha) for alpha in alphas])
    optimizer = decaying(steps)
    final, least, many = [], [], []
    for d in dimensions:
        # the steps are a fixed part of the length of the solution, so that hovering costs the same in all dimensions
        rate = 0.01 / d**0.5
        model = GeometryModel(jnp.asarray(frequency, jnp.float32), d, rate, vectors="random", optimizer=optimizer)
        final.append(np.asarray(train_geometry(model, [steps], seeds=seeds).trajectory.loss, float)[..., 0])
        vectors = [np.asarray(task_vectors(model, member_keys(jnp.uint32(s))[0]), float) for s in seeds]
        least.append([[least_loss(v, f) for v in vectors] for f in frequency])
        drawn = np.random.default_rng(d).standard_normal((2_000 if small else MANY, d))
        drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
        many.append([least_loss(drawn, np.asarray(frequencies.zipf(len(drawn), alpha))) for alpha in alphas])
    return {
        "dimensions": np.asarray(dimensions),
        "final": np.moveaxis(np.asarray(final), 0, -1),
        "least": np.moveaxis(np.asarray(least), 0, -1),
        "many": np.asarray(many).T,
        "domino": np.stack([[f[d:].sum() for d in dimensions] for f in frequency]),
    }


# -- time


def tail(tasks: int, alpha: float) -> float:
    """Frequency of all tasks rarer than the ones there are, in the same units; infinite for alpha = 1."""
    from scipy.special import zeta

    return float(zeta(alpha, tasks + 1) / np.sum(np.arange(1, tasks + 1) ** -alpha)) if alpha > 1 else np.inf


def in_time(
    alphas: tuple[float, ...], rate: float, seeds: Any, tasks: int, spent: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Training steps, and of orthonormal tasks in as many dimensions the loss and skills' worth learned.

    `(alpha, seed, time)`, until `spent` skills' worth of resource are spent.
    """
    frequency = np.stack([frequencies.zipf(tasks, alpha) for alpha in alphas])
    model = GeometryModel(jnp.asarray(frequency, jnp.float32), tasks, rate)
    eta = float(model.resource_rate)
    ts = np.unique(np.round(np.geomspace(0.5, spent, 80) / eta))
    run = train_geometry(model, ts, seeds=seeds).trajectory
    return ts, np.asarray(run.loss, float), np.asarray(run.level, float).sum(axis=-1)


def law_in_time(alphas: tuple[float, ...], ts: np.ndarray, tasks: int, rate: float, waste: float = 0.0) -> Any:
    """The L2 law, nothing fitted: loss and skills' worth learned, `(alpha, time)`."""
    frequency = np.stack([frequencies.zipf(tasks, alpha) for alpha in alphas])
    # the noise of which the law makes this waste
    run = sign_descent.law(GeometryModel(frequency, tasks, rate, noise=2 * waste / tasks**0.5), ts)
    return np.asarray(run.loss), np.asarray(run.level).sum(axis=-1)


def limits(alpha: float, tasks: int) -> dict[str, float]:
    """Exponents of the Domino and the parallel model with this many tasks, in the window of the measurement."""
    window = np.geomspace(FIRST, tasks / 10, 60)
    model = ResourceModel(SkillGraph([[]] * tasks), frequencies.zipf(tasks, alpha), 1.0, 1.0)
    clock = np.geomspace(1.0, 1e3 * tasks**alpha, 600)
    quanta = domino.parallel(model, clock)
    learned = np.asarray(quanta.level).sum(axis=-1)
    return {
        "domino": slope(window, domino.serial(model, window).loss),
        "quanta": within(clock, np.asarray(quanta.loss), learned, tasks),
    }


def within(ts: np.ndarray, loss: np.ndarray, learned: np.ndarray, tasks: int) -> float:
    """Exponent of the loss in time while from `FIRST` skills' worth to a tenth of all are learned."""
    inside = (learned >= FIRST) & (learned <= tasks / 10)
    return slope(ts[inside], loss[inside])


def measure(small: bool = False) -> dict[float, dict[str, Any]]:
    """Both experiments at every alpha, with their fitted exponents."""
    alphas = (1.4, 2.0) if small else ALPHAS
    tasks, rate, seeds, spent = (100, 2e-3, range(2), 6.0) if small else (TASKS, RATE, range(3), 7.5)
    size = in_size(alphas, small)
    ts, loss, learned = in_time(alphas, rate, seeds, tasks, spent)
    ends = (alphas[0], alphas[-1])
    half_ts, half_loss, half_learned = in_time(ends, rate / 2, [0], tasks, spent)
    halved = {
        alpha: within(half_ts, one, seen, tasks)
        for alpha, one, seen in zip(ends, half_loss[:, 0], half_learned[:, 0], strict=True)
    }
    law, law_learned = law_in_time(alphas, ts, tasks, rate)
    eta = rate * (2 * tasks / np.pi) ** 0.5
    # noise of constant length makes steps slower and slower: until the rarest is learned
    long = np.geomspace(ts[0], 1e4 * tasks / rate, 600)
    noisy, noisy_learned = law_in_time(alphas, long, tasks, rate, NOISY)
    found = {}
    for k, alpha in enumerate(alphas):
        last = [one[seen <= tasks / 10][-1] for one, seen in zip(loss[k], learned[k], strict=True)]
        rest = tail(tasks, alpha)
        found[alpha] = {
            "dimensions": size["dimensions"],
            **{name: size[name][k] for name in ("final", "least", "many", "domino")},
            "N": np.asarray([slope(size["dimensions"], one) for one in size["final"][k]]),
            "N domino": slope(size["dimensions"], size["domino"][k]),
            "N many": slope(size["dimensions"], size["many"][k]),
            "given": eta * ts,
            "loss": loss[k],
            "law": law[k],
            "learned": learned[k],
            "window": tuple(eta * ts[(learned[k][0] >= FIRST) & (learned[k][0] <= tasks / 10)][[0, -1]]),
            "S": np.asarray([within(ts, one, seen, tasks) for one, seen in zip(loss[k], learned[k], strict=True)]),
            "S half": halved.get(alpha, np.nan),
            "S law": within(ts, law[k], law_learned[k], tasks),
            "S noisy": within(long, noisy[k], noisy_learned[k], tasks),
            "S endless": within(ts, loss[k][0] + rest, learned[k][0], tasks) if alpha > 1 else 0.0,
            "skills": within(learned[k][0], loss[k][0], learned[k][0], tasks),
            "floor": float(frequencies.zipf(tasks, alpha)[0]) * eta**2 / 4 / float(np.mean(last)),
            **{f"S {name}": value for name, value in limits(alpha, tasks).items()},
        }
    return found


# -- show


KEY_ROOM = 1.5


def draw(found: dict[float, dict[str, Any]]) -> Any:
    """The losses, and the exponents against alpha."""
    import matplotlib

    alphas = np.asarray(list(found))
    colours = matplotlib.colormaps["viridis"](np.linspace(0, 0.9, len(alphas)))
    thin = {"color": "black", "linewidth": 0.7, "linestyle": (0, (4, 2))}
    with drawing(2, 2, size=(7.2, 5.6)) as (figure, axes):
        (size, time), (in_d, in_t) = axes
        for (alpha, one), colour in zip(found.items(), colours, strict=True):
            label = f"$\\alpha$ = {alpha:g}"
            size.loglog(one["dimensions"], one["final"].mean(axis=0), "o-", color=colour, ms=3.5, lw=1.2, label=label)
            size.loglog(one["dimensions"], one["domino"], **thin)
            time.loglog(one["given"], one["loss"][0], color=colour, linewidth=1.4)
            time.loglog(one["given"], one["law"], **thin)
            ends = np.interp(one["window"], one["given"], one["loss"][0])
            time.loglog(one["window"], ends, "o", color=colour, ms=3.5)
        size.plot([], [], label="the d most frequent\ntasks learned, no other", **thin)
        size.set(xlabel="dimension d", ylabel="loss at the end")
        ticks = next(iter(found.values()))["dimensions"]
        size.set_xticks(ticks, [f"{d}" for d in ticks])
        size.minorticks_off()
        low, high = size.get_ylim()
        size.set_ylim(low * (low / high) ** 0.35, high)
        size.legend(frameon=False, fontsize=7, ncols=2, loc="lower left")
        time.plot([], [], label="L2 law, nothing fitted", **thin)
        time.plot([], [], "o", color="0.4", ms=3.5, label="the exponent is fitted\nbetween the dots")
        time.set(xlabel="$\\eta t$ (skills that full use would learn)", ylabel="loss")
        time.set_xticks([0.5, 1, 2, 5], ["0.5", "1", "2", "5"])
        time.minorticks_off()
        time.legend(frameon=False, loc="lower left", fontsize=7)
        fine = np.linspace(1.0, 2.0, 51)
        for ax in (in_d, in_t):
            ax.plot(fine, fine - 1, color="0.6", linewidth=0.9, label="Domino, endless tasks: $\\alpha-1$")
            ax.set(xlabel="exponent of the frequencies $\\alpha$", xlim=(0.95, 2.05))
        mean = [one["N"].mean() for one in found.values()]
        in_d.errorbar(alphas, mean, [deviation(one["N"]) for one in found.values()], fmt="o", color=COLOURS[0], ms=4)
        in_d.plot([], [], "o", color=COLOURS[0], ms=4, label="Geometry, trained")
        in_d.plot(
            alphas,
            [one["N domino"] for one in found.values()],
            "-",
            color="black",
            lw=0.9,
            label="Domino, as many tasks",
        )
        in_d.plot(
            alphas,
            [one["N many"] for one in found.values()],
            "x",
            color=COLOURS[2],
            ms=5,
            label=f"least loss of {MANY} tasks",
        )
        in_d.axhline(
            CHINCHILLA["N"], color="0.5", linewidth=0.7, linestyle=(0, (5, 2)), label="language models (Chinchilla)"
        )
        in_d.set_ylabel("exponent $\\alpha_N$ (in d)")
        in_d.legend(frameon=False, fontsize=7, loc="upper left")
        mean = [one["S"].mean() for one in found.values()]
        in_t.errorbar(alphas, mean, [deviation(one["S"]) for one in found.values()], fmt="s", color=COLOURS[1], ms=4)
        in_t.plot([], [], "s", color=COLOURS[1], ms=4, label="Geometry, trained")
        for name, label, style in (
            ("S law", "L2 law", {"color": "black", "lw": 0.9, "ls": (0, (4, 2))}),
            ("S noisy", "L2 law with waste", {"color": COLOURS[2], "lw": 1.0, "ls": "-."}),
            ("S domino", "Domino, as many tasks", {"color": "black", "lw": 0.9}),
            ("S quanta", "quanta: all tasks side by side", {"color": "black", "lw": 0.9, "ls": ":"}),
        ):
            in_t.plot(alphas, [one[name] for one in found.values()], label=label, **style)
        in_t.axhline(
            CHINCHILLA["S"], color="0.5", linewidth=0.7, linestyle=(0, (5, 2)), label="language models (Chinchilla)"
        )
        in_t.set_ylabel("exponent $\\alpha_S$ (in steps)")
        in_t.legend(frameon=False, fontsize=7, loc="upper left")
        for ax in (in_d, in_t):
            # with room for the key above the curves
            ax.set_ylim(0, KEY_ROOM * ax.get_ylim()[1])
        letters(axes)
    return figure


def crossing(alphas: np.ndarray, exponents: np.ndarray, value: float) -> float:
    """The alpha at which growing exponents equal a value; NaN if they do not grow, or do not get there."""
    grows = bool(np.all(np.diff(exponents) > 0)) and exponents[0] <= value <= exponents[-1]
    return float(np.interp(value, exponents, alphas)) if grows else float("nan")


def find(small: bool = False) -> Finding:
    """Exponents at every alpha, and the alpha at which each equals Chinchilla's."""
    found = measure(small)
    alphas = np.asarray(list(found))
    numbers = []
    for alpha, one in found.items():
        mean, line = float(one["N"].mean()), one["N domino"]
        name = f"alpha_N, alpha = {alpha:g} (claimed: Domino)"
        numbers.append(Number(name, mean, line, line - BOUND, line + BOUND, deviation(one["N"])))
        numbers.append(Number(f"alpha_N of the exact minimum, many tasks, alpha = {alpha:g}", one["N many"], alpha - 1))
    for alpha, one in found.items():
        mean, law = float(one["S"].mean()), one["S law"]
        low, high = one["S quanta"] - MARGIN, one["S domino"] + MARGIN
        name = f"alpha_S, alpha = {alpha:g} (claimed: from quanta to Domino)"
        numbers += [
            Number(name, mean, one["S domino"], low, high, deviation(one["S"])),
            Number(f"alpha_S beside the L2 law, alpha = {alpha:g}", mean, law, law - MARGIN, law + MARGIN),
            Number(f"exponent in skills learned, alpha = {alpha:g} (beside: Domino)", one["skills"], one["S domino"]),
        ]
        if alpha > 1:
            name = f"alpha_S with all rarer tasks added, alpha = {alpha:g} (L2 law, late: 2 (alpha - 1))"
            numbers.append(Number(name, one["S endless"], 2 * (alpha - 1)))
    ratio = max(float((one["final"] / one["least"]).max()) for one in found.values())
    moved = max(float(abs(one["S"][0] - one["S half"])) for one in found.values() if np.isfinite(one["S half"]))
    floor = max(one["floor"] for one in found.values())
    numbers += [
        Number("loss at the end / exact minimum, largest", ratio, 1.0, 1.0 - 1e-3, 1.1),
        Number("change of alpha_S as the learning rate is halved", moved, 0.0, 0.0, 0.02),
        Number("loss by hovering / loss at the end of the fit, largest", floor, 0.0, 0.0, 0.03),
    ]
    size = np.asarray([one["N"].mean() for one in found.values()])
    endless = np.asarray([one["S endless"] for one in found.values()])
    matches = {
        "N": crossing(alphas, size, CHINCHILLA["N"]),
        "S": crossing(alphas, endless, CHINCHILLA["S"]),
    }
    numbers.append(Number(f"alpha at which alpha_N is Chinchilla's {CHINCHILLA['N']:g}", matches["N"]))
    numbers.append(
        Number(f"alpha at which alpha_S, the rarer tasks added, is Chinchilla's {CHINCHILLA['S']:g}", matches["S"])
    )
    return Finding(
        "scaling",
        "Scaling laws of the Geometry model",
        "The exponents of the loss in d and in steps follow from alpha, between the lines alpha - 1 (Domino) and "
        "(alpha - 1)/alpha (quanta), and reach Chinchilla's 0.34 and 0.28.",
        _sentences(found, matches),
        tuple(numbers),
        {"scaling": draw(found)},
        f"alpha_N: 1000 random tasks in d = {DIMENSIONS[0]} to {DIMENSIONS[-1]} dimensions, sign descent, "
        f"{FINAL_STEPS} steps of a size that falls from 0.01/sqrt(d) to 0, 3 seeds; its exact minimum also for {MANY} "
        f"tasks. alpha_S: {TASKS} orthonormal tasks in {TASKS} dimensions, learning rate {RATE:g}, full batch, 3 "
        f"seeds, fitted while {FIRST:g} to {TASKS // 10} skills' worth are learned, eta = lr sqrt(2 d/pi). Domino and "
        "quanta have as many tasks and the same window. The bounds from quanta to Domino, and of alpha_N, were set "
        "before the numbers were seen; the one beside the L2 law after a trial with 300 tasks."
        if not small
        else "small: 100 tasks in 8 and 16 dimensions, and 100 in 100; exponents mean little",
        {"found": found, "matches": matches, "halved": moved, "ratio": ratio},
    )


def _sentences(found: dict[float, dict[str, Any]], matches: dict[str, float]) -> str:
    alphas = list(found)
    first, last = found[alphas[0]], found[alphas[-1]]
    off = max(abs(float(one["N"].mean()) - one["N domino"]) for one in found.values())
    above = sum(bool(one["S"].mean() > one["S domino"] + MARGIN) for one in found.values())
    law = max(abs(float(one["S"].mean()) - one["S law"]) for one in found.values())
    skills = max(abs(one["skills"] - one["S domino"]) for one in found.values())
    text = (
        f"From alpha = {alphas[0]:g} to {alphas[-1]:g} the exponent in d goes from {first['N'].mean():.2f} to "
        f"{last['N'].mean():.2f}, within {off:.2f} of Domino with as many tasks. That in steps goes from "
        f"{first['S'].mean():.2f} to {last['S'].mean():.2f}, above Domino ({first['S domino']:.2f} to "
        f"{last['S domino']:.2f}) at {above} of {len(alphas)} alphas: it follows the L2 law, with nothing fitted, "
        f"within {law:.2f}, which for endless tasks says 2 (alpha - 1). Against skills learned, not steps, the loss is "
        f"Domino's within {skills:.2f}; sign descent learns more than one skill's worth at a time. With a waste of "
        f"{NOISY:g} the law turns to quanta ({first['S noisy']:.2f} to {last['S noisy']:.2f}; quanta "
        f"{first['S quanta']:.2f} to {last['S quanta']:.2f})."
    )
    reached = [f"{value:.2f} ({name})" for name, value in matches.items() if np.isfinite(value)]
    return text + (f" Chinchilla's exponents are reached at alpha = {' and '.join(reached)}." if reached else "")
