"""Does the L2 law of sign descent, with nothing fitted, describe the Geometry model, and where does it fail?

`python studies/l2_law.py` trains every setting below over several seeds and writes `docs/l2_law.md` (two tables) and
`docs/images/l2_law.png`. Each row: the RMS level error, over seeds, times and skills, of

- the paper's L1 law with eta = 2 lr sqrt(d) and its N0 fitted to this very row,
- the L2 law (`sign_descent.law`), the L2 recursion (`sign_descent.recursion`) and, for random vectors, the L2 law with
  the overlaps of each seed; nothing in them is fitted.

The second table fits the L1 law's N0 seed by seed, against the noise, batch size and learning rate.

Rows are kept in `out/studies/l2_law.json` as they come; `--resume` takes those that are there already.
"""

from __future__ import annotations

import argparse
import functools
import json
import platform
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import resource_ode as ro
from resource_ode.applications.paper import waste_sources
from resource_ode.applications.paper.waste_sources import DOMINANT, model_of
from resource_ode.related.comparison import L1, L2, OVERLAPS, RECURSION

jax.config.update("jax_enable_x64", True)

ROOT = Path(__file__).resolve().parent.parent
ROWS = 151
ADAM = {
    (0.0, 0.9): functools.partial(optax.adam, b1=0.0, b2=0.9),
    (0.0, 0.999): functools.partial(optax.adam, b1=0.0, b2=0.999),
    (0.9, 0.9): functools.partial(optax.adam, b1=0.9, b2=0.9),
    (0.9, 0.999): functools.partial(optax.adam, b1=0.9, b2=0.999),
}
LAWS = (L1, L2, RECURSION, OVERLAPS)


def settings() -> list[tuple[str, Any, dict[str, Any]]]:
    """(what is varied, its value, the arguments that differ from the base of `model_of`)."""
    return [
        ("base", "", {}),
        *(("dimension", d, {"dimension": d}) for d in (30, 100, 300, 3000)),
        *(("tasks", n, {"skills": n}) for n in (2, 30, 100)),
        *(("alpha", a, {"alpha": a}) for a in (0.0, 1.0, 4.0)),
        *(("noise", s, {"noise": s}) for s in (1e-4, 1e-3, 1e-2, 1e-1)),
        *(("batch size", b, {"batch_size": b}) for b in (4, 16, 64, 256, 1024)),
        *(("learning rate", r, {"learning_rate": r}) for r in (1e-4, 1e-3, 3e-3, 1e-2)),
        ("loss", "cross entropy", {"loss": "cross_entropy"}),
        *(("random vectors, noise", s, {"vectors": "random", "noise": s}) for s in (0.0, 1e-3, 1e-2)),
        ("random vectors, d = 100, noise", 1e-2, {"vectors": "random", "noise": 1e-2, "dimension": 100}),
        *(("Adam betas", f"{b[0]:g}, {b[1]:g}", {"optimizer": made}) for b, made in ADAM.items()),
    ]


def rows_of(model: ro.GeometryModel) -> np.ndarray:
    """Training steps until the L2 law has learned 95% of the last skill, at most 5000; margins go on for ever."""
    law = model.resource_model()
    last = float(ro.horizon(law, 0.95)) if model.loss == "mse" else 3.0 * model.skills / float(law.learning_rate)
    # sampled batches slow the rare skills beyond what the law of the full batch knows
    rare = 0.0 if model.batch_size is None else 2 / (model.batch_size * float(jnp.min(model.frequency)))
    last += rare / float(law.learning_rate)
    return np.unique(np.round(np.linspace(0, min(1.1 * last, 5000), ROWS)))


class Kept:
    """Rows that are computed once, and written down at once."""

    def __init__(self, path: Path, seeds: range, resume: bool):
        self.path, self.seeds = path, list(seeds)
        held = json.loads(path.read_text()) if resume and path.exists() else {}
        self.rows = held.get("rows", {}) if held.get("seeds") == self.seeds else {}

    def row(self, name: str, compute: Any) -> Any:
        if name not in self.rows:
            start = time.perf_counter()
            value = compute()
            self.rows[name] = {"value": value, "seconds": time.perf_counter() - start}
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(json.dumps({"seeds": self.seeds, "rows": self.rows}, indent=1))
            print(name, json.dumps(value), flush=True)
        return self.rows[name]["value"]

    @property
    def seconds(self) -> float:
        return sum(row["seconds"] for row in self.rows.values())


def study(kept: Kept) -> list[tuple[str, Any, float, dict[str, float]]]:
    def compute(changes: dict[str, Any]) -> Any:
        model = model_of(**changes)
        result = ro.compare(model, rows_of(model), seeds=kept.seeds)
        assert result.waste_fit is not None
        return float(result.waste_fit.wasted_resource), result.rms()

    return [
        (what, value, *kept.row(f"{what} {value}", functools.partial(compute, changes)))
        for what, value, changes in settings()
    ]


def fitted_wastes(kept: Kept) -> dict[str, list[tuple[float, np.ndarray, np.ndarray, np.ndarray]]]:
    """For each source of waste: (its size, N0 of the L1 law a seed, the same of the L2 recursion, N0 of the L2 law).

    The last is the L2 law's own N0 fitted to the Geometry runs, a seed.
    """
    columns = (waste_sources.L1_FIT, waste_sources.TO_RECURSION, waste_sources.L2_FIT)

    def compute(point: waste_sources.Point) -> Any:
        return [waste.tolist() for waste in waste_sources.fits(point, kept.seeds, columns)]

    return {
        name: [
            (
                point.size,
                *map(np.asarray, kept.row(f"N0 {name} {point.size:.4g}", functools.partial(compute, point))),
            )
            for point in points
        ]
        for name, points in waste_sources.sweeps().items()
    }


def slope(rows: list[Any], column: int, low: float, high: float) -> float:
    """Exponent of the mean N0 in the size of its source, over sizes within bounds."""
    return waste_sources.exponent([row[0] for row in rows], [row[column] for row in rows], low, high)


def write_tables(path: Path, found: Any, wastes: Any, seeds: range, took: float) -> None:
    versions = ", ".join(f"{m.__name__} {m.__version__}" for m in (jax, optax, np))
    lines = [
        "# The L2 law against the Geometry model",
        "",
        f"Written by `python studies/l2_law.py` (seeds {seeds[0]} to {seeds[-1]}; Python {platform.python_version()}, "
        f"{versions}; {took:.0f} s). What the laws are and why: [the ladder](ladder.md).",
        "",
        "RMS level errors over seeds, times and skills. Base: d = 1000, n = 10 orthonormal tasks, p_k proportional to "
        "k^-2, lr = 3e-4, full batch, no noise, sign descent. Each row changes one thing. *L1* has eta = 2 lr sqrt(d) "
        "(cross entropy 4 lr sqrt(d)) and the N0 beside it, fitted to the row; nothing else is fitted. "
        "The last column divides by the smallest of the L2 columns.",
        "",
        "| varied | value | fitted N0 | L1, fitted | L2 law | L2 recursion | L2 law, overlaps | L1/best L2 |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for what, value, waste, rms in found:
        best = min(rms[name] for name in LAWS[1:] if name in rms)
        errors = " | ".join(f"{rms[name]:.4f}" if name in rms else "" for name in LAWS)
        lines.append(f"| {what} | {value} | {waste:.3g} | {errors} | {rms[L1] / best:.1f} |")
    lines += [
        "",
        "## The fitted N0 against its sources",
        "",
        "Mean over seeds +- standard deviation. *Recursion*: N0 of the L1 law fitted to the L2 recursion, that is, "
        "what the fit gives according to the L2 law. *L2 fit*: N0 of the L2 law itself, fitted to the Geometry runs.",
        "",
    ]
    for name, rows in wastes.items():
        lines += [f"| {name} | L1 fit | L1 fit to the recursion | L2 fit |", "| --- | --- | --- | --- |"]
        for size, *columns in rows:
            cells = " | ".join(f"{c.mean():.4g} +- {c.std(ddof=1):.2g}" for c in columns)
            lines.append(f"| {size:.4g} | {cells} |")
        low, high = DOMINANT[name]
        slopes = ", ".join(
            f"{label} {slope(rows, k, low, high):.2f}" for k, label in ((1, "L1 fit"), (2, "recursion"), (3, "L2 fit"))
        )
        lines += ["", f"Exponents from {low:.4g} to {high:.4g}, where this source dominates: {slopes}.", ""]
    path.write_text("\n".join(lines).rstrip() + "\n")


def read_tables(path: Path) -> tuple[Any, Any]:
    """What `draw` draws, from the tables as they were written."""
    found, wastes, name = [], {}, None
    for line in path.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|") or cells[0] == "---":
            continue
        if cells[0] == "varied" or cells[1] == "L1 fit":
            name = cells[0]
        elif name == "varied":
            rms = {law: float(cell) for law, cell in zip(LAWS, cells[3:], strict=False) if cell}
            found.append((cells[0], cells[1], float(cells[2]), rms))
        elif name:
            columns = [tuple(map(float, cell.split(" +- "))) for cell in cells[1:]]
            wastes.setdefault(name, []).append((float(cells[0]), *columns))
    return found, wastes


def draw(path: Path, found: Any, wastes: Any) -> None:
    """The picture; `wastes` as mean and spread."""
    import matplotlib
    from matplotlib import pyplot
    from matplotlib.ticker import NullFormatter

    from resource_ode import plot
    from resource_ode.plot.style import GREY, STYLE

    looks = {L1: ("o", plot.COLOURS[1]), L2: ("s", plot.COLOURS[0]), RECURSION: ("D", plot.COLOURS[2])}
    looks[OVERLAPS] = ("^", plot.COLOURS[3])
    names = {L1: "L1 law, $N_0$ fitted", L2: "L2 law, nothing fitted", RECURSION: "L2 recursion, nothing fitted"}
    names[OVERLAPS] = "L2 law with overlaps, nothing fitted"
    with matplotlib.rc_context(STYLE):
        figure = pyplot.figure(figsize=(7.2, 6.4), layout="constrained", dpi=200)
        left, right = figure.subfigures(1, 2, width_ratios=(1.25, 1))
        ax = left.subplots()
        places = -np.arange(len(found))
        for name, (marker, colour) in looks.items():
            points = [(rms[name], y) for (*_, rms), y in zip(found, places, strict=True) if name in rms]
            ax.plot(*np.transpose(points), marker, color=colour, markersize=3.5, alpha=0.85, label=names[name])
        ax.set_xscale("log")
        ax.set_yticks(places, [f"{what} {value}".strip() for what, value, *_ in found])
        ax.set_xlabel("RMS level error")
        ax.grid(axis="y", linewidth=0.3, color=GREY)
        left.legend(*ax.get_legend_handles_labels(), loc="outside upper center", frameon=False)
        axes = right.subplots(3, 1)
        for panel, letter in zip((ax, *axes), "abcd", strict=True):
            panel.set_title(letter, loc="left", fontweight="bold", fontsize=9)
        labels = {
            "sigma": r"gradient noise $\sigma$",
            "1/B": "1 / batch size",
            "learning rate": "learning rate (per step)",
        }
        series = (("L1 fit", "o", 1), ("L1 fit to the L2 recursion", "+", 2), ("L2 fit", "s", 3))
        colours = (plot.COLOURS[1], "black", plot.COLOURS[0])
        for ax, (name, rows) in zip(axes, wastes.items(), strict=True):
            size = np.asarray([row[0] for row in rows])
            for (label, marker, column), colour in zip(series, colours, strict=True):
                mean, spread = np.transpose([row[column] for row in rows])
                low = np.minimum(spread, 0.9 * mean)
                ax.errorbar(
                    size, mean, [low, spread], fmt=marker, color=colour, markersize=4, linewidth=0.8, label=label
                )
            within = size[(size >= DOMINANT[name][0] * 0.999) & (size <= DOMINANT[name][1] * 1.001)]
            anchor = next(row for row in rows if row[0] == within[0])[1][0]
            ax.plot(within, anchor * within / within[0], color="grey", linewidth=0.8, label="proportional")
            ax.set_xscale("log")
            ax.set_yscale("log")
            ax.xaxis.set_minor_formatter(NullFormatter())
            ax.set_xlabel(labels[name])
            ax.set_ylabel("fitted $N_0$ (frequency)")
        handles = axes[0].get_legend_handles_labels()
        right.legend(*handles, loc="outside upper center", ncols=2, frameon=False, columnspacing=1.0)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path)
        pyplot.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=8, help="number of seeds (default 8)")
    parser.add_argument("--out", type=Path, default=ROOT / "docs", help="folder for l2_law.md and images/l2_law.png")
    parser.add_argument("--resume", action="store_true", help="keep the rows of an interrupted run")
    parser.add_argument("--redraw", action="store_true", help="draw the tables that are there, and compute nothing")
    options = parser.parse_args()
    picture, tables = options.out / "images" / "l2_law.png", options.out / "l2_law.md"
    if options.redraw:
        draw(picture, *read_tables(tables))
        return
    seeds = range(options.seeds)
    kept = Kept(ROOT / "out" / "studies" / "l2_law.json", seeds, options.resume)
    found, wastes = study(kept), fitted_wastes(kept)
    options.out.mkdir(parents=True, exist_ok=True)
    write_tables(tables, found, wastes, seeds, kept.seconds)
    draw(picture, *read_tables(tables))


if __name__ == "__main__":
    main()
