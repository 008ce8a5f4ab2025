r"""The ladder on one setting: a Geometry model, the Resource models that sum it up, and the Domino model below them.

`compare` trains the Geometry model and holds every model beside it: curves, learning times, errors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..base.annotations import Given, Numbers
from ..base.crossing import first_crossing
from ..base.values import brief, plain
from ..base.words import missing_attribute
from ..fitting.waste import WasteFit, fit_waste
from ..results.trajectory import Trajectory
from ..solve.simulation import simulate
from . import domino, sign_descent
from .geometry import GeometryModel
from .training import GeometryRun, train_geometry

L1, L2, OVERLAPS, RECURSION, DOMINO = (
    "Resource, l1",
    "Resource, l2",
    "Resource, l2 with overlaps",
    "L2 recursion",
    "Domino",
)


class Comparison(eqx.Module):
    """What [`resource_ode.compare`][] found; prints itself as a table.

    **Fields:**

    - `run`: the measured [`resource_ode.related.training.GeometryRun`][], `(seed,)`.
    - `models`: name -> [`resource_ode.Trajectory`][], single or `(seed,)`, in the order of the ladder.
    - `waste_fit`: the [`resource_ode.fitting.waste.WasteFit`][] behind "Resource, l1"; `None` if its waste was given.
    """

    if not TYPE_CHECKING:  # to which every name would be known
        __getattr__ = missing_attribute

    run: GeometryRun
    models: dict[str, Trajectory]
    waste_fit: WasteFit | None

    @property
    def ts(self) -> Float[Array, " time"]:
        """Training steps."""
        return self.run.ts

    def rms(self) -> dict[str, float]:
        """Root mean square of each model's level error, over seeds, times and skills."""
        return {name: float(np.sqrt(np.mean(error**2))) for name, error in self._errors()}

    def max_error(self) -> dict[str, float]:
        """Largest level error of each model, over seeds, times and skills."""
        return {name: float(np.max(np.abs(error))) for name, error in self._errors()}

    def learning_times(self, level: Given[float] = 0.5) -> dict[str, np.ndarray]:
        """First crossing of a level by each skill, measured (key "Geometry") and of each model; medians over seeds.

        All are read from the same rows, between which they are interpolated; `inf` where the level is not reached.

        **Arguments:** `level`: a number in (0, 1).

        **Returns:** name -> `(skill,)`, training steps.

        **Raises:** `ValueError` for a level outside (0, 1).
        """
        if not np.ndim(level) == 0 or not 0 < float(level) < 1:
            raise ValueError(f"level: expected a number between 0 and 1, got {level!r}")
        times = np.asarray(self.ts, float)
        found = {"Geometry": self.run.trajectory, **self.models}
        return {
            name: np.median(first_crossing(times, _seeded(run), float(level), between_rows=True), axis=0)
            for name, run in found.items()
        }

    def table(self, level: Given[float] = 0.5) -> str:
        """Errors and learning times (training steps) of all models, as a Markdown table."""
        times = self.learning_times(level)
        rms, largest = self.rms(), self.max_error()
        names = self.run.trajectory.names
        rows = [
            ["model", "RMS error", "largest", *(f"t({level:g}) of {name}" for name in names)],
            ["---"] * (3 + len(names)),
        ]
        for name, crossed in times.items():
            errors = [f"{rms[name]:.4f}", f"{largest[name]:.3f}"] if name in rms else ["", ""]
            rows.append([name, *errors, *(f"{time:.0f}" for time in crossed)])
        return "\n".join("| " + " | ".join(row) + " |" for row in rows)

    def plot(self, *, axes: Given[np.ndarray | None] = None) -> np.ndarray:
        """The measured curves, as bands from the least to the largest seed, under each model's, one panel per model.

        **Arguments:** `axes`: as many matplotlib axes as there are models; a new figure by default.

        **Returns:** the axes, in a NumPy array.

        **Raises:** `ValueError` for another number of axes.
        """
        import matplotlib
        from matplotlib import pyplot

        from ..plot import style

        count, skills = len(self.models), self.run.model.skills
        if axes is not None and np.size(axes) != count:
            raise ValueError(f"axes: expected {count} axes, one per model, got {np.size(axes)}")
        few = skills <= style.FEW
        colours = style.COLOURS if few else matplotlib.colormaps[style.MAP](np.linspace(0, 0.9, skills))
        times, measured, rms = np.asarray(self.ts), _seeded(self.run.trajectory), self.rms()
        with matplotlib.rc_context(style.STYLE):
            if axes is None:
                size = (2.0 * count + 0.5, style.HEIGHT)
                _, axes = pyplot.subplots(1, count, figsize=size, sharey=True, layout="constrained", dpi=200)
            panels = np.atleast_1d(np.asarray(axes))
            for place, (ax, (name, run)) in enumerate(zip(panels.flat, self.models.items(), strict=True)):
                model_level = _seeded(run).mean(axis=0)
                for skill in range(skills):
                    low, high = measured[:, :, skill].min(axis=0), measured[:, :, skill].max(axis=0)
                    ax.fill_between(times, low, high, color=colours[skill], alpha=0.45, linewidth=0.8)
                    ax.plot(times, model_level[:, skill], color="black", linewidth=0.7, linestyle=(0, (3, 1.5)))
                ax.set_title(f"{name}\nRMS {rms[name]:.4f}")
                ax.set_xlabel(style.STEPS)
                ax.set_xlim(0, float(times[-1]))
                ax.set_ylim(-0.05, 1.08)
                if not place:
                    ax.set_ylabel("level (band: Geometry, dashed: model)")
        return panels

    def __repr__(self) -> str:
        rms = ", ".join(f"{name} {value:.4f}" for name, value in self.rms().items())
        return f"Comparison({self.run.model!r}, RMS level errors: {rms})"

    def __str__(self) -> str:
        return f"{self.run.model!r}\n{self.table()}"

    def _errors(self) -> list[tuple[str, np.ndarray]]:
        measured = _seeded(self.run.trajectory)
        return [(name, _seeded(run) - measured) for name, run in self.models.items()]


def compare(
    model: Given[GeometryModel],
    ts: Numbers,
    *,
    seeds: Given[Sequence[int]] = (0, 1, 2, 3),
    wasted_resource: Numbers | None = None,
    progress: Given[Callable[[int, int], object] | None] = None,
) -> Comparison:
    r"""Train a Geometry model and hold the Resource and Domino models of the same tasks beside it.

    - "Resource, l1": the paper's law, $N_0$ fitted to all seeds together, unless it is given;
    - "Resource, l2": [`resource_ode.related.sign_descent.law`][], nothing fitted;
    - "Resource, l2 with overlaps": the same in steps, with each seed's $t_i \cdot t_j$ as interference (random vectors,
        full batch);
    - "L2 recursion": [`resource_ode.related.sign_descent.recursion`][], nothing fitted;
    - "Domino": [`resource_ode.related.domino.serial`][] at the L2 law's $\eta$ (MSE only).

    **Arguments:**

    - `model`: a [`resource_ode.GeometryModel`][], one setting. The L2 models are those of sign descent, whatever the
        optimiser: how far off they are is then the answer.
    - `ts`: `(time,)`, training steps, whole.
    - `seeds`: `(seed,)`, whole numbers.

    **Other arguments:**

    - `wasted_resource`: $N_0$ of "Resource, l1".
    - `progress`: told of the training, which takes most of the time, as by [`resource_ode.train_geometry`][].

    **Returns:** a [`Comparison`][resource_ode.related.comparison.Comparison]: print it, `.rms()`, `.learning_times()`,
    `.plot()`.

    **Raises:** `ValueError` for a batch of settings, or wrong input.

    **Example:**

    >>> import resource_ode as ro
    >>> model = ro.GeometryModel([1.0, 0.1], dimension=1000, learning_rate=1e-3)
    >>> rms = compare(model, range(0, 101, 5), seeds=[0, 1], wasted_resource=0.01).rms()
    >>> min(rms, key=rms.get)
    'L2 recursion'

    Source: Liu et al. 2025 (the models and their order); the L2 law is derived here.
    """
    if not isinstance(model, GeometryModel):
        raise ValueError(f"model: expected a GeometryModel, got {type(model).__name__}")
    if model.batch_shape:
        raise ValueError(f"model: expected one setting, got a batch of shape {model.batch_shape}")
    if np.ndim(plain("seeds", seeds, "whole numbers")) != 1:
        raise ValueError(f"seeds: expected a list of whole numbers, got {brief(seeds)}")
    run = train_geometry(model, ts, seeds=seeds, progress=progress)
    fit = None
    times = run.ts
    if wasted_resource is None:
        # the mean of the seeds has the same best fit as all of them together
        fit = fit_waste(jnp.mean(run.level, axis=0), times, model.resource_model("l1", wasted_resource=1.0))
        wasted_resource = fit.wasted_resource
    models = {L1: simulate(model.resource_model("l1", wasted_resource=wasted_resource), times)}
    models[L2] = sign_descent.law(model, times)
    if model.vectors == "random" and model.batch_size is None:
        # in steps, which take a vanishing N0, and in which a level may fall
        seeded = run.trajectory.model.replace(interference=run.overlap)
        models[OVERLAPS] = simulate(seeded, times, method="steps")
    models[RECURSION] = sign_descent.recursion(model, times, seeds=seeds)
    if model.law.has_end:
        models[DOMINO] = domino.serial(model.resource_model(), times)
    return Comparison(run, models, fit)


def _seeded(run: Trajectory) -> np.ndarray:
    """Levels `(seed, time, skill)`; one seed for a run without any."""
    level = np.asarray(run.level)
    return level if level.ndim == 3 else level[None]
