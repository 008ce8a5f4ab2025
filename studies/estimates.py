"""How large errors are beside the tolerances that were asked for: `python -m studies.estimates`, three minutes;
`--chains --blur 0` is for deep chains alone, and with another constant, `--layers --seen 1e300` the same for self-paced
skills that become far faster.

For each variant of the model that the compiled loops solve, learning times and levels of 2,048 random graphs of 16
skills at tolerances from 1e-4 to 1e-8, against solves to 1e-11 (levels: 1e-10). Printed are the members that are beyond
the tolerance and not said to be inaccurate, of which there should be none, and the largest error over the tolerance.
The constants `doubt` and `root_doubt` of `base.constants` come from here: with the first at 1, cross entropy went to
2.2 times the tolerance; with the second at 2, and of times alone, "l2" went to 3.4 times. So does `blur`: times of
chains of 60 to 200 skills whose frequencies span 12 decades went to 5,292 times the tolerance with it at 0, and to 19
times with it at 8; from 100 on none was beyond it. And `seen`: with it at 1e300, so that nobody looks at the edges of
panels, times behind self-paced skills that become up to 1e12 times faster, with a plateau, went to 35 times the
tolerance.
"""

from __future__ import annotations

import argparse
import warnings
from typing import Any

import jax
import numpy as np

import resource_ode as ro
from benchmarks.engine.variants import SINGLE, variant
from resource_ode.base.constants import CONSTANTS

GRAPHS, TOLERANCES, ROWS = 2048, (1e-4, 1e-5, 1e-6, 1e-7, 1e-8), 100


def of_times(model: ro.ResourceModel, level: float, tolerance: float, exact: Any = None) -> np.ndarray:
    """Relative errors of learning times over the tolerance, the largest of each member."""
    exact = np.asarray(ro.learning_times(model, level, tolerance=1e-11)) if exact is None else exact
    found = np.asarray(ro.learning_times(model, level, tolerance=tolerance))
    wrong = np.where(np.isfinite(exact) & ~np.isnan(found), np.abs(found / exact - 1), 0)
    return np.max(wrong, axis=-1) / tolerance


def of_levels(model: ro.ResourceModel, tolerance: float) -> np.ndarray:
    """Errors of levels over the tolerance, the largest of each member."""
    times = np.linspace(0, float(np.nanmedian(ro.horizon(model))), ROWS)
    exact, found = (np.asarray(ro.simulate(model, times, tolerance=own).level) for own in (1e-10, tolerance))
    return np.nanmax(np.abs(found - exact), axis=(-2, -1)) / tolerance


def deep_chains() -> list[ro.ResourceModel]:
    """Chains in which exposures grow as high powers of resource time."""
    rng, found = np.random.default_rng(0), []
    for skills in (60, 120, 200):
        graph = ro.SkillGraph([[i - 1] if i else [] for i in range(skills)])
        for _ in range(12):
            frequency, waste, exponent = (10 ** rng.uniform(*ends) for ends in ((-6, 6, skills), (-8, -1), (-0.3, 1)))
            options = {"learning_rate": 0.01, "wasted_resource": waste, "gate_exponent": exponent}
            found.append(ro.ResourceModel(graph, frequency, **options))
    # those that the loops are sure of up to the last skill
    return [model for model in found if np.isfinite(ro.horizon(model, tolerance=1e-10))]


def thin_layers() -> dict[str, ro.ResourceModel]:
    """Self-paced skills with paces that differ by many orders of magnitude: what comes after a turn is soon over."""
    rng, skills, members = np.random.default_rng(1), 8, 400
    found = {}
    for name in ("no plateau", "plateau", "cross entropy"):
        behind = [sorted(rng.choice(i, min(i, int(rng.integers(0, 4))), replace=False).tolist()) for i in range(skills)]
        graph = ro.SkillGraph(behind, gate=[str(rng.choice(["all", "any"])) for _ in range(skills)])
        frequency = rng.lognormal(0, 2, (members, skills))
        options = {"loss": "cross_entropy" if name == "cross entropy" else "mse"}
        if name == "plateau":
            options |= {"plateau": 10 ** rng.uniform(-8, -1, members), "prerequisite_strength": 0.8}
        found[name] = ro.ResourceModel(
            graph, frequency, 0.01, 10 ** rng.uniform(-3, 0, members), 10 ** rng.uniform(-6, 1, members),
            frequency_after=frequency * rng.lognormal(0, 4, (members, skills)), **options,
        )  # fmt: skip
    return found


def main() -> None:
    jax.config.update("jax_enable_x64", True)
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(prog="python -m studies.estimates", description=__doc__.splitlines()[0])
    parser.add_argument("--chains", action="store_true", help="deep chains alone")
    parser.add_argument("--layers", action="store_true", help="self-paced skills that become far faster alone")
    for name in ("blur", "seen"):
        usual = getattr(CONSTANTS, name)
        parser.add_argument(f"--{name}", type=float, default=usual, help="in place of that of base.constants")
    options = parser.parse_args()
    print("| variant | what | " + " | ".join(f"{tolerance:g}: beyond, largest" for tolerance in TOLERANCES) + " |")
    print("|---" * (len(TOLERANCES) + 2) + "|")
    for name in () if options.chains or options.layers else SINGLE:
        model = variant(name, GRAPHS).model()
        for level in (0.5, 0.95):
            row = [of_times(model, level, tolerance) for tolerance in TOLERANCES]
            print(f"| {name} | times to {level} | " + " | ".join(map(said, row)) + " |", flush=True)
        row = [of_levels(model, tolerance) for tolerance in TOLERANCES]
        print(f"| {name} | levels | " + " | ".join(map(said, row)) + " |", flush=True)
    if not options.layers:
        with_chains(options.blur)
    if not options.chains:
        with_layers(options.seen)


def with_chains(blur: float) -> None:
    models, CONSTANTS.blur = deep_chains(), blur
    row = [np.array([of_times(model, 0.5, tolerance) for model in models]) for tolerance in TOLERANCES]
    print("| deep chains | times to 0.5 | " + " | ".join(map(said, row)) + " |", flush=True)
    row = [np.array([of_levels(model, tolerance) for model in models]) for tolerance in TOLERANCES]
    print("| deep chains | levels | " + " | ".join(map(said, row)) + " |", flush=True)


def with_layers(seen: float) -> None:
    usual = CONSTANTS.seen
    for name, model in thin_layers().items():
        for level in (0.01, 0.9):
            CONSTANTS.seen = usual
            exact = np.asarray(ro.learning_times(model, level, tolerance=1e-11))
            CONSTANTS.seen = seen
            row = [of_times(model, level, tolerance, exact) for tolerance in TOLERANCES]
            print(f"| thin layers, {name} | times to {level} | " + " | ".join(map(said, row)) + " |", flush=True)


def said(errors: np.ndarray) -> str:
    return f"{int(np.sum(errors > 1))}, {np.nanmax(errors):.2f}"


if __name__ == "__main__":
    main()
