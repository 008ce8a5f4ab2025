"""The main job: the theory beside networks in training, and a map of 4,096 random graphs.

The first half trains small networks on sparse parity and draws the Resource model of the same dependency graph over
their learning curves. The second half asks of an ensemble of random graphs how many skills they learn at once, and
what is wasted on the way.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .. import frequencies, observables
from ..base import atomic
from ..config.writing import scenario_text
from ..fitting.curves import Curves, Run
from ..fitting.fit import fit
from ..graphs import generators as graphs
from ..graphs.graph import SkillGraph
from ..model.model import ResourceModel
from ..results.trajectory import Trajectory
from ..solve.learning import learning_times
from ..solve.simulation import simulate
from .parity.picture import lateness, level_of, parity_figure
from .parity.tasks import ParityTasks
from .parity.theory import theory_parameters
from .parity.training import ParityRun, train_parity

Echo = Callable[[str], Any]

# an accuracy, and the level at which the model has it (accuracy = 1/2 + level/2)
ACCURACY = 0.95
LEVEL = 2 * ACCURACY - 1

# the ensemble: its skills, what all graphs share, and the axes of the maps
SKILLS = 16
LEARNING_RATE = 0.01
GATE_EXPONENT = 0.01
DENSITIES = np.geomspace(0.02, 0.5, 16)
SPREADS = np.linspace(0.0, 3.0, 16)
WASTES = np.geomspace(1e-3, 1.0, 13)
# the whole runs are simulated at these two of them
SIMULATED = [0, 8]
LAST_LEVEL = 0.95
CELLS = len(DENSITIES) * len(SPREADS)
SCENARIO = """The Resource model of three sparse parities, as the demo ran it: AB is the exclusive or of A and B.

  resource-ode simulate parity.toml --out parity.csv --plot parity.png

Levels are accuracies on the scale from chance to all right: level = 2 accuracy - 1."""


def run_demo(
    out: Path | str,
    *,
    echo: Echo = print,
    seeds: int = 4,
    steps: int = 1000,
    samples: int = 8000,
    graphs: int = 4096,
) -> dict[str, Any]:
    """Run the demo, say what came out, and leave pictures, netCDF files and the scenario in a folder.

    **Arguments:**

    - `out`: the folder, made if it is not there.

    **Other arguments:**

    - `echo`: called with each line of the report.
    - `seeds`, `steps`, `samples`: number of networks that are trained, for how many steps, on how many bit strings.
    - `graphs`: number of random graphs, a multiple of the 256 cells of the map.

    **Returns:** the numbers behind the report, by name, and `"files"`, the paths that were written.

    **Raises:** `ValueError` for a number of graphs that does not fill the map; `OSError` for a folder that cannot be
    made or written to.

    **Example:** `run_demo("out/demo")`.
    """
    if isinstance(graphs, bool) or not isinstance(graphs, int) or graphs < 1 or graphs % CELLS:
        raise ValueError(f"graphs: expected a multiple of {CELLS}, the number of cells of the map, got {graphs!r}")
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    with jax.enable_x64(True):
        found = _parity(out, echo, seeds, steps, samples)
        echo("")
        found |= _ensemble(out, echo, graphs // CELLS)
    names = ("parity.png", "parity_experiment.nc", "parity_theory.nc", "parity.toml")
    found["files"] = [out / name for name in (*names, "seriality_map.png", "seriality_map.nc")]
    echo("")
    echo(f"Left in {out}: {', '.join(path.name for path in found['files'])}.")
    return found


# what the command line calls
run = run_demo


# -- theory beside experiment


def _parity(out: Path, echo: Echo, seeds: int, steps: int, samples: int) -> dict[str, Any]:
    tasks = ParityTasks.composition()
    trained, seconds = _timed(lambda: train_parity(tasks, seeds=range(seeds), steps=steps, samples=samples))
    graph = SkillGraph(tasks.prerequisites, names=tasks.names)
    model = ResourceModel(graph, **theory_parameters(tasks, hidden=trained.hidden, learning_rate=trained.learning_rate))
    theory = simulate(model, np.asarray(trained.steps)).check()

    measured = np.asarray(trained.learning_times(ACCURACY))
    predicted = np.asarray(learning_times(model, LEVEL))
    difference = np.median(level_of(trained), axis=0) - np.asarray(theory.level)
    rms = float(np.sqrt(np.mean(difference**2)))

    # how much later than the networks' median the model has each task
    middle = np.median(measured, axis=0)
    late = np.where(np.isfinite(middle), predicted / middle - 1, np.nan)

    dataset = trained.to_xarray()
    atomic.write(out / "parity_experiment.nc", lambda path: dataset.to_netcdf(path, engine="h5netcdf"))
    theory.save(out / "parity_theory.nc")
    text = scenario_text(model, {"until": steps, "points": steps + 1}, SCENARIO)
    atomic.write(out / "parity.toml", lambda path: path.write_text(text, encoding="utf-8"))
    fitted = fitted_levels(trained, graph)
    _draw(
        out / "parity.png",
        (6.0, 3.1) if fitted is None else (9.0, 3.1),
        lambda figure: parity_figure(figure, trained, theory, late, rms, ACCURACY, fitted),
    )

    bits = {name: len(subset) for name, subset in zip(tasks.names, tasks.subsets, strict=True)}
    echo(f"Sparse parity: {seeds} networks learned {len(bits)} parities of {tasks.bits} bits in {seconds:.1f} s.")
    echo(f"  Training steps to {ACCURACY:.0%} accuracy, beside the Resource model (the paper's parameters, no fit):")
    for position, (name, count) in enumerate(bits.items()):
        low, middle, high = (function(measured[:, position]) for function in (np.min, np.median, np.max))
        built = " + ".join(tasks.names[j] for j in tasks.prerequisites[position])
        delay = f", {lateness(late[position])}" if np.isfinite(late[position]) else ""
        echo(
            f"    {name:<3} ({count} bits{f', from {built}' if built else ''}): networks {_step(middle)} "
            f"({_step(low)} to {_step(high)}), model {_step(predicted[position])}{delay}"
        )
    echo(f"  Median of the networks and model differ by {rms:.2f} in level, root mean square over steps and tasks.")
    if fitted is not None:
        echo(f"  With a plateau, and fitted to the curves: by {fitted[1]:.2f}.")
    return {
        "parity_fitted_rms": None if fitted is None else fitted[1],
        "parity_seconds": seconds,
        "parity_rms": rms,
        "parity_measured": measured,
        "parity_predicted": predicted,
        "parity_late": late,
    }


def fitted_levels(trained: ParityRun, graph: SkillGraph) -> tuple[np.ndarray, float] | None:
    """Levels of the extended model fitted to the networks, `(step, task)`, and how far their median is from them;
    `None` where no task was learned.
    """
    mixture = tuple(trained.tasks.weight.tolist())
    steps, levels = np.asarray(trained.steps, float), level_of(trained)
    runs = tuple(
        Run(steps, level, np.array(mixture), f"seed {seed}", int(seed))
        for seed, level in zip(np.asarray(trained.seeds), levels, strict=True)
    )
    curves = Curves(trained.names, runs)
    if curves.never_rising():
        return None
    found = fit(curves, graph).predict(steps)
    return found, float(np.sqrt(np.mean((np.median(levels, axis=0) - found) ** 2)))


def _step(value: float) -> str:
    return f"{value:.0f}" if np.isfinite(value) else "never"


# -- an ensemble of random graphs


def random_models(each: int) -> ResourceModel:
    """The ensemble: random graphs `(density, spread, graph)`, all different, with log-normal frequencies of mean 1."""
    shape = (len(DENSITIES), len(SPREADS), each)
    keys = jax.random.split(jax.random.key(0), (2, int(np.prod(shape))))
    density = jnp.asarray(np.broadcast_to(DENSITIES[:, None, None], shape).ravel())
    spread = jnp.asarray(np.broadcast_to(SPREADS[:, None], shape).ravel())
    drawn = jax.vmap(lambda key, density: graphs.random_dag(key, SKILLS, density))(keys[0], density)
    frequency = jax.vmap(lambda key, spread: frequencies.lognormal(key, SKILLS, spread))(keys[1], spread)
    graph, frequency = jax.tree.map(lambda x: x.reshape((*shape, *x.shape[1:])), (drawn, frequency))
    return ResourceModel(
        graph, frequency, learning_rate=LEARNING_RATE, wasted_resource=WASTES[0], gate_exponent=GATE_EXPONENT
    )


def _ensemble(out: Path, echo: Echo, each: int) -> dict[str, Any]:
    from tqdm import tqdm

    model = random_models(each)
    grid = model.replace(wasted_resource=WASTES[:, None, None, None])
    # the cascade of a graph is solved once and read with every wasted resource
    times, timing = _timed(lambda: jax.block_until_ready(learning_times(grid, LAST_LEVEL)))
    useful = np.asarray(observables.efficiency(grid, LAST_LEVEL, times=times))

    chosen = model.replace(wasted_resource=WASTES[SIMULATED][:, None, None, None])
    rows = _rows(float(jnp.max(times[jnp.asarray(SIMULATED)])))
    pieces = math.ceil(math.prod(chosen.batch_shape) / 8)

    def measure() -> Any:
        # a bar where somebody watches, a piece at a time
        with tqdm(total=math.prod(chosen.batch_shape), unit="run", disable=None, leave=False) as bar:
            step = lambda done, members: bar.update(done - bar.n)  # noqa: E731
            found = simulate(chosen, rows, reduce=_on_rows, batch_size=pieces, progress=step)
        return jax.block_until_ready(found)

    _, first = _timed(measure)
    found, again = _timed(measure)
    on_rows, row_errors = (np.asarray(x) for x in found)
    # by integrals over resource time, which know neither rows nor waste
    seriality = np.asarray(observables.seriality(model))

    _save_map(out, model, seriality, on_rows, row_errors, useful)
    total, runs = int(np.prod(model.batch_shape)), int(np.prod(chosen.batch_shape))
    mean, gap = seriality.mean(axis=-1), float(np.abs(on_rows - seriality).max())
    echo(
        f"Random graphs: {total:,} of {SKILLS} skills, each simulated at {len(SIMULATED)} levels of waste "
        f"({runs:,} runs of {len(rows)} rows), in {again:.1f} s:"
    )
    echo(f"  {total / again:,.0f} graphs/s, {runs / again:,.0f} runs/s (first call, with compilation: {first:.1f} s).")
    for word, where in (("Most", mean.argmax()), ("Least", mean.argmin())):
        row, column = np.unravel_index(where, mean.shape)
        value = mean[row, column]
        echo(
            f"  {word} serial: {value:.2f}, some {1 / value:.1f} skills at a time, at density {DENSITIES[row]:.2g} and "
            f"log-frequencies of spread {SPREADS[column]:.2g}."
        )
    echo(
        f"  {WASTES[SIMULATED[1]] / WASTES[SIMULATED[0]]:,.0f} times the waste changes the seriality of no graph: "
        "noise delays what is learned, but does not reorder it."
    )
    echo(
        f"  (Measured on the {len(rows)} saved rows of each run instead, it seems to change by up to {gap:.3f}: an "
        f"error of so few rows, for which each run states a bound, up to {row_errors.max():.3f}.)"
    )
    little, much = useful[0].mean(), useful[-1].mean()
    echo(
        f"  What noise costs is time: until the last skill is learned, {little:.0%} of the resource is of use at N0 = "
        f"{WASTES[0]:g}, {much:.0%} at N0 = {WASTES[-1]:g} ({useful.size:,} horizons in {timing:.1f} s, compilation "
        "included)."
    )
    return {
        "graphs": total,
        "runs": runs,
        "first_seconds": first,
        "seconds": again,
        "graphs_per_second": total / again,
        "seriality": mean,
        "seriality_gap": gap,
        "seriality_error": float(row_errors.max()),
        "efficiency": useful.mean(axis=(-1, -2)),
    }


def _on_rows(run: Trajectory) -> tuple[Any, Any]:
    return observables.seriality(run), observables.seriality_error(run)


def _rows(last: float) -> np.ndarray:
    """Times to report: even while one skill after another takes all, then, where waste rules, even in the logarithm."""
    busy = SKILLS / LEARNING_RATE
    return np.concatenate([np.linspace(0, busy, 73), np.geomspace(busy, max(last, 2 * busy), 37)[1:]])


def _save_map(
    out: Path,
    model: ResourceModel,
    seriality: np.ndarray,
    on_rows: np.ndarray,
    row_errors: np.ndarray,
    useful: np.ndarray,
) -> None:
    import xarray

    axes = ("density", "spread", "graph")
    described = {
        "seriality": (axes, seriality, "inverse number of skills learned at a time"),
        "seriality_on_rows": (("simulated_waste", *axes), on_rows, "seriality, measured on the rows of a run"),
        "seriality_error": (("simulated_waste", *axes), row_errors, "bound of the error of seriality_on_rows"),
        "efficiency": (("wasted_resource", *axes), useful, f"share of the resource of use up to level {LAST_LEVEL:g}"),
        "dependencies": (axes, np.asarray(model.graph.edges), "number of dependencies"),
    }
    coordinates: dict[str, tuple[str, np.ndarray, str]] = {
        "density": ("density", DENSITIES, "probability that a skill requires an earlier one"),
        "spread": ("spread", SPREADS, "standard deviation of the logarithm of the frequencies"),
        "wasted_resource": ("wasted_resource", WASTES, "wasted resource, in units of the mean frequency"),
        "simulated_waste": ("simulated_waste", WASTES[SIMULATED], "wasted resource, in units of the mean frequency"),
    }
    attributes = {"skills": SKILLS, "learning_rate": LEARNING_RATE, "gate_exponent": GATE_EXPONENT}

    def with_units(rows: dict[str, Any]) -> dict[str, Any]:
        return {name: (dims, values, {"long_name": text, "units": "1"}) for name, (dims, values, text) in rows.items()}

    dataset = xarray.Dataset(with_units(described), with_units(coordinates), attributes)
    atomic.write(out / "seriality_map.nc", lambda path: dataset.to_netcdf(path, engine="h5netcdf"))
    _draw(out / "seriality_map.png", (7.0, 2.9), lambda figure: _map_figure(figure, seriality, useful))


def _map_figure(figure: Any, seriality: np.ndarray, useful: np.ndarray) -> None:
    from ..plot.contours import draw_contours
    from ..plot.maps import heat_map

    left, right = figure.subplots(1, 2)
    density = "density of dependencies"
    heat_map(
        seriality.mean(axis=-1),
        SPREADS,
        DENSITIES,
        ax=left,
        x_label="spread of the log-frequencies",
        y_label=density,
        label="seriality (1 = one skill at a time)",
    )
    heat_map(
        useful.mean(axis=(-1, -2)).T,
        WASTES,
        DENSITIES,
        ax=right,
        x_label="wasted resource $N_0$ (mean frequency = 1)",
        y_label=density,
        label="share of the resource that is of use",
    )
    for ax, letter, x, values in (
        (left, "a", SPREADS, seriality.mean(axis=-1)),
        (right, "b", WASTES, useful.mean(axis=(-1, -2)).T),
    ):
        draw_contours(ax, x, DENSITIES, values, 5)
        ax.set_title(letter, loc="left", fontweight="bold", fontsize=9)
        ax.set_yticks([0.02, 0.05, 0.1, 0.2, 0.5], labels=["0.02", "0.05", "0.1", "0.2", "0.5"])
        ax.set_yticks([], minor=True)


# -- files


def _timed(call: Callable[[], Any]) -> tuple[Any, float]:
    begin = time.perf_counter()
    value = call()
    return value, time.perf_counter() - begin


def _draw(path: Path, size: tuple[float, float], fill: Callable[[Any], None]) -> None:
    """A picture, with the type sizes of the package's own plots."""
    import matplotlib
    from matplotlib.figure import Figure

    style: dict[Any, Any] = dict.fromkeys(("font.size", "axes.labelsize"), 8)
    style |= dict.fromkeys(("xtick.labelsize", "ytick.labelsize", "legend.fontsize"), 7) | {"axes.linewidth": 0.6}
    with matplotlib.rc_context(style):
        figure = Figure(figsize=size, layout="constrained")
        fill(figure)
        atomic.write(path, lambda part: figure.savefig(part, format="png", dpi=200))
