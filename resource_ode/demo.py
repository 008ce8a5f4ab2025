"""The main job: hold the theory against networks in training, then map how serial learning is over random graphs."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from . import frequencies, graphs, observables, plot
from .graph import SkillGraph
from .learning import learning_times
from .model import ResourceModel
from .parity import ParityRun, ParityTasks, theory_parameters, train_parity
from .simulate import simulate
from .trajectory import Trajectory

# the ensemble: skills, and the axes of the map
SKILLS = 16
WASTE = np.geomspace(1e-3, 10, 8)
DENSITY = np.linspace(0.0, 0.7, 8)
SETTINGS: dict[str, Any] = {"learning_rate": 0.01, "gate_exponent": 0.01}


def run(
    out: Path,
    *,
    echo: Callable[[str], Any] = print,
    seeds: int = 4,
    steps: int = 1000,
    samples: int = 8000,
    graphs_each: int = 64,
) -> dict[str, float]:
    """Run the demo and leave its pictures, netCDF files and scenario in a folder.

    **Arguments:** `out`: the folder, made if it is not there; `echo`: called with each line of the report; `seeds`,
    `steps`, `samples`: of the trained networks; `graphs_each`: random graphs for each cell of the 8 x 8 map.

    **Returns:** the figures of the report, by name.
    """
    out.mkdir(parents=True, exist_ok=True)
    found = _parity(out, echo, seeds, steps, samples)
    found |= _map(out, echo, graphs_each)
    echo(f"Pictures, netCDF files and the scenario are in {out}/.")
    return found


# -- theory beside experiment


def _parity(out: Path, echo: Callable[[str], Any], seeds: int, steps: int, samples: int) -> dict[str, float]:
    tasks = ParityTasks.composition()
    begin = time.perf_counter()
    trained = train_parity(tasks, seeds=range(seeds), steps=steps, samples=samples)
    seconds = time.perf_counter() - begin
    model = ResourceModel(SkillGraph(tasks.prerequisites, names=tasks.names), **theory_parameters(tasks))
    # the paper's theory is the recursion, one row a training step
    theory = simulate(model, np.arange(steps + 1.0), method="steps").check()
    _write(out / "parity_experiment.nc", lambda path: trained.to_xarray().to_netcdf(path, engine="h5netcdf"))
    theory.save(out / "parity_theory.nc")
    _write(out / "parity.toml", lambda path: path.write_text(_scenario(tasks, model, steps), encoding="utf-8"))
    _save(_parity_figure(trained, theory), out / "parity.png")

    accuracy = 0.5 + 0.5 * np.asarray(theory.level)
    difference = np.median(np.asarray(trained.accuracy), axis=0) - accuracy[np.asarray(trained.steps)]
    error = float(np.sqrt(np.mean(difference**2)))
    experiment = np.median(np.asarray(trained.learning_times(0.95)), axis=0)
    reached = accuracy >= 0.95
    predicted = np.where(reached.any(axis=0), np.argmax(reached, axis=0).astype(float), np.inf)
    echo(
        f"Trained {seeds} networks on sparse parity in {seconds:.1f} s. Steps to 95% accuracy, median over "
        "seeds, and the Resource model's:"
    )
    for name, measured, expected in zip(tasks.names, experiment, predicted, strict=True):
        echo(f"  {name:3s} {_steps(measured)} measured, {_steps(expected)} predicted")
    echo(f"  The accuracy curves differ by {error:.3f} (root mean square); nothing was fitted.")
    return {"parity_rms": error, "parity_seconds": seconds}


def _steps(value: float) -> str:
    return f"{value:5.0f}" if np.isfinite(value) else "never"


def _parity_figure(trained: ParityRun, theory: Trajectory) -> Any:
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    figure = Figure(figsize=(4.6, 3.4), dpi=200, layout="constrained")
    ax = figure.add_subplot()
    colours = ("#0072B2", "#E69F00", "#009E73")
    accuracy, steps = np.asarray(trained.accuracy), np.asarray(trained.steps)
    for task, (name, colour) in enumerate(zip(trained.names, colours, strict=True)):
        for seed in accuracy[..., task]:
            ax.plot(steps, seed, color=colour, alpha=0.35, linewidth=0.8)
        ax.plot(np.asarray(theory.ts), 0.5 + 0.5 * np.asarray(theory.level[:, task]), "--", color=colour, label=name)
    ax.set(xlabel="training steps", ylabel="accuracy", xlim=(0, steps[-1]), ylim=(0.45, 1.03))
    kinds = [
        Line2D([], [], color="0.4", alpha=0.6, linewidth=0.8, label="network, each seed"),
        Line2D([], [], color="0.2", linestyle="--", label="Resource model"),
    ]
    tasks = [Line2D([], [], color=colour, label=name) for name, colour in zip(trained.names, colours, strict=True)]
    ax.legend(handles=tasks + kinds, frameon=False, loc="lower right")
    ax.spines[["top", "right"]].set_visible(False)
    return figure


def _scenario(tasks: ParityTasks, model: ResourceModel, steps: int) -> str:
    lines = [
        "# The Resource model of the sparse parity tasks, as the demo ran it (with --method steps).",
        "[resource]",
        f"learning_rate = {float(model.learning_rate_at()[0])!r}",
        f"wasted_resource = {float(model.waste_at()[0])!r}",
        f"gate_exponent = {float(model.gate_exponent)!r}",
        "",
        "[time]",
        f"until = {steps}",
        f"points = {steps + 1}",
    ]
    for name, frequency, behind in zip(tasks.names, model.frequency_at(), tasks.prerequisites, strict=True):
        lines += ["", "[[skill]]", f'name = "{name}"', f"frequency = {float(frequency)!r}"]
        if len(behind):
            lines.append("requires = [" + ", ".join(f'"{tasks.names[i]}"' for i in behind) + "]")
    return "\n".join(lines) + "\n"


# -- the map


def _ensemble(graphs_each: int) -> ResourceModel:
    """Random graphs `(density, waste, graph)`, each drawn for its own cell."""
    keys = jax.random.split(jax.random.key(0), (2, len(DENSITY), len(WASTE), graphs_each))
    drawn = jax.vmap(jax.vmap(lambda key, density: graphs.random_dag(key, SKILLS, density), (0, None)))
    graph = drawn(keys[0].reshape(len(DENSITY), -1), jnp.asarray(DENSITY))
    graph = jax.tree.map(lambda x: x.reshape((*keys.shape[1:], *x.shape[2:])), graph)
    frequency = jax.vmap(lambda key: frequencies.lognormal(key, SKILLS))(keys[1].reshape(-1))
    waste = jnp.asarray(WASTE)[:, None]
    return ResourceModel(graph, frequency.reshape((*keys.shape[1:], SKILLS)), wasted_resource=waste, **SETTINGS)


def _map(out: Path, echo: Callable[[str], Any], graphs_each: int) -> dict[str, float]:
    model = _ensemble(graphs_each)
    members = int(np.prod(model.batch_shape))
    # long enough for nine graphs in ten to learn everything
    last = jnp.nanmax(learning_times(model, 0.95), axis=-1)
    ts = np.concatenate([[0.0], np.geomspace(1.0, float(jnp.quantile(last, 0.9)), 199)])

    def measure() -> Any:
        result = simulate(model, ts, reduce=observables.seriality)
        return jax.block_until_ready(result)

    begin = time.perf_counter()
    measure()
    first = time.perf_counter() - begin
    begin = time.perf_counter()
    seriality = np.asarray(measure())
    again = time.perf_counter() - begin
    mean = np.nanmean(seriality, axis=-1)
    _save_map(out, seriality, mean)
    high = np.unravel_index(np.nanargmax(mean), mean.shape)
    low = np.unravel_index(np.nanargmin(mean), mean.shape)
    echo(
        f"Simulated {members} random graphs of {SKILLS} skills in {first:.1f} s with compilation, {again:.2f} s "
        f"without: {members / again:,.0f} graphs/s."
    )
    echo(
        f"  Learning is most serial ({mean[high]:.2f}; 1 is one skill at a time) at density {DENSITY[high[0]]:.1f} and "
        f"waste {WASTE[high[1]]:.2g}, least serial ({mean[low]:.2f}) at density {DENSITY[low[0]]:.1f} and waste "
        f"{WASTE[low[1]]:.2g}."
    )
    return {"graphs_per_second": members / again, "most_serial": float(mean[high]), "least_serial": float(mean[low])}


def _save_map(out: Path, seriality: np.ndarray, mean: np.ndarray) -> None:
    import xarray
    from matplotlib.figure import Figure

    coordinates = {
        "density": ("density", DENSITY, {"long_name": "probability of a dependency"}),
        "wasted_resource": ("wasted_resource", WASTE, {"long_name": "wasted resource", "units": "mean frequency"}),
    }
    data = xarray.Dataset(
        {
            "seriality": (
                ("density", "graph", "wasted_resource"),
                seriality,
                {"long_name": "inverse number of skills at a time"},
            )
        },
        coordinates,
        attrs={"skills": SKILLS, "frequencies": "log-normal(0, 1), mean 1", **SETTINGS},
    )
    _write(out / "seriality_map.nc", lambda path: data.to_netcdf(path, engine="h5netcdf"))
    figure = Figure(figsize=(4.6, 3.4), dpi=200, layout="constrained")
    plot.heat_map(
        mean,
        WASTE,
        DENSITY,
        ax=figure.add_subplot(),
        x_label="wasted resource $N_0$ (mean frequency = 1)",
        y_label="density of dependencies",
        label="seriality (1 = one skill at a time)",
        log_x=True,
    )
    _save(figure, out / "seriality_map.png")


# -- files


def _save(figure: Any, path: Path) -> None:
    _write(path, lambda part: figure.savefig(part, format="png"))


def _write(path: Path, write: Callable[[Path], Any]) -> None:
    """Through a temporary neighbour, so that nothing half-written carries the name."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        write(part)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
