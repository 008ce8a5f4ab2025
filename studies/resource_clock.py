"""Why competition cancels in resource time: one graph at several wastes, over training steps and over resource time.

`python -m studies.resource_clock` draws `docs/images/resource_clock.png`, and prints how far the curves over resource
time lie apart, interpolated between rows, and the largest residual of the budget law.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import jax
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
WASTES = (0.01, 0.1, 0.4)
LINES = ("-", "--", ":")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images" / "resource_clock.png")
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    import matplotlib
    from matplotlib import pyplot
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    import resource_ode as ro

    graph = ro.SkillGraph({"letters": [], "words": ["letters"], "sentences": ["words"]})
    model = ro.ResourceModel(graph, [1.0, 0.6, 0.8], learning_rate=1e-3, wasted_resource=1.0, gate_exponent=0.1)
    batch = model.grid(wasted_resource=WASTES)
    last = np.asarray(ro.horizon(batch, 0.99))
    run = ro.simulate(batch, np.linspace(0, 1.05 * last.max(), 20_001))
    run.check()
    times, clock, level = np.asarray(run.ts), np.asarray(run.clock), np.asarray(run.level)
    common = np.linspace(0, clock[:, -1].min(), 500)
    over_clock = np.stack([[np.interp(common, c, s) for s in rows.T] for c, rows in zip(clock, level, strict=True)])
    print(f"largest distance between curves over resource time: {np.ptp(over_clock, axis=0).max():.1g}")
    print(f"largest residual of the budget law: {np.abs(np.asarray(run.budget_residual)).max():.1g}")

    with matplotlib.rc_context(ro.plot.STYLE):
        figure, axes = pyplot.subplots(1, 3, figsize=(7.2, 2.5), layout="constrained", dpi=200)
        for member, line in enumerate(LINES):
            for skill, colour in enumerate(ro.plot.COLOURS[: len(run.names)]):
                axes[0].plot(times, level[member, :, skill], line, color=colour, linewidth=1.1)
                # wider below, so that curves that lie on one another are all seen
                width = (3.4, 2.0, 1.1)[member]
                shade = (0.3, 0.6, 1.0)[member]
                axes[1].plot(clock[member], level[member, :, skill], "-", color=colour, linewidth=width, alpha=shade)
        axes[0].set(xlabel="training steps", ylabel="level", xlim=(0, times[-1]))
        axes[1].set(xlabel=r"resource time $\tau$ (1/frequency)", ylabel="level", xlim=(0, common[-1]))
        names = [
            Line2D([], [], color=colour, label=name) for name, colour in zip(run.names, ro.plot.COLOURS, strict=False)
        ]
        wastes = [
            Line2D([], [], color="0.3", linestyle=line, label=f"$N_0 = {waste:g}$")
            for waste, line in zip(WASTES, LINES, strict=True)
        ]
        axes[0].legend(handles=wastes, loc="lower right", frameon=False)
        axes[1].legend(handles=names, loc="lower right", frameon=False)
        spent = 1e-3 * times[times <= last[-1]]
        learned, wasted = level[-1].sum(axis=1)[: len(spent)], WASTES[-1] * clock[-1][: len(spent)]
        axes[2].stackplot(spent, learned, wasted, colors=["#56B4E9", "#D9D9D9"])
        axes[2].plot(spent, spent, color="black", linewidth=1.1)
        axes[2].set(xlabel=r"resource handed out, $\eta t$", ylabel="resource", xlim=(0, spent[-1]), ylim=(0, None))
        axes[2].legend(
            handles=[
                Line2D([], [], color="black", label=r"handed out, $\eta t$"),
                Patch(color="#D9D9D9", label=f"wasted, $N_0 \\tau$ ($N_0 = {WASTES[-1]:g}$)"),
                Patch(color="#56B4E9", label=r"learned, $\sum_i s_i$"),
            ],
            loc="upper left",
            frameon=False,
        )
        for ax, letter in zip(axes, "abc", strict=True):
            ax.set_title(letter, loc="left", fontweight="bold", fontsize=9)
        options.out.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(options.out)


if __name__ == "__main__":
    main()
