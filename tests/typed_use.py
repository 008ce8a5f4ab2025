"""What a user's editor sees of the public names. `make types` checks it, in strict mode; nothing here is run.

Each ignored line is a mistake that the checker is to find: an ignore that is not needed fails too.
"""
# pyright: strict, reportUnnecessaryTypeIgnoreComment=true

from typing import assert_type

import jax
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from xarray import Dataset

import resource_ode as ro
from resource_ode.results.of_skills import OfSkills

named = ro.SkillGraph({"a": [], "b": ["a"]})
gates = ro.SkillGraph([[], [0]], gate=["all", "any"], names=["a", "b"])
edges = ro.SkillGraph.from_edges([("a", "b")])

in_order = ro.ResourceModel(gates, [1.0, 0.5], 1e-3, 0.1, 0.01)
by_name = ro.ResourceModel(
    named,
    {"a": 1.0, "b": 0.5},
    np.array([1e-3]),
    ro.frequencies.uniform(3, 0.1),
    gate_exponent=0.1,
    prerequisite_strength={("a", "b"): 0.5},
)
changing = ro.ResourceModel(
    edges, ro.frequencies.zipf(2, 1.0), ro.Schedule([0.0, 10.0], [1e-3, 1e-4]), [0.1, 0.2], 0.1,
    loss="cross_entropy", initial_level=[[0.1, 0.2], [0.3, 0.4]],
)  # fmt: skip

run = ro.simulate(in_order, [0.0, 1.0])
assert_type(run, ro.Trajectory)
assert_type(run[0], ro.Trajectory)
assert_type(run["a"], OfSkills)
assert_type(run.sel(skill="a"), OfSkills)
assert_type(run.to_xarray(), Dataset)
run.save("run.h5")
assert_type(ro.load("run.h5"), ro.Trajectory)


def last_level(run: ro.Trajectory) -> jax.Array:
    return run.level[-1]


assert_type(ro.simulate(in_order, range(5), reduce=last_level), jax.Array)
assert_type(ro.simulate(in_order, method=ro.ODE(max_steps=100, tolerance=1e-5)), ro.Trajectory)
ro.learning_times(in_order, np.linspace(0.1, 0.9, 3), tolerance=1e-7)
assert_type(ro.plot.levels(run), Axes)
assert_type(ro.plot.summary(run), Figure)

ro.ResourceModel(in_order, [1.0], 1e-3, 0.1)  # pyright: ignore[reportArgumentType]
ro.ResourceModel(named, [1.0], 1e-3, wasted_resource="much")  # pyright: ignore[reportArgumentType]
ro.ResourceModel(named, [1.0], 1e-3, wasted_resources=0.1)  # pyright: ignore[reportCallIssue]
ro.simulate(in_order, "soon")  # pyright: ignore[reportArgumentType]
ro.simulate(named, [0.0])  # pyright: ignore[reportArgumentType]
ro.learning_times(in_order, level="half")  # pyright: ignore[reportArgumentType]
ro.SkillGraph.from_edges([1, 2])  # pyright: ignore[reportArgumentType]
