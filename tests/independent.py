"""Levels and learning times of a model of the package by the reference that shares nothing with it.

That reference, of `reliability/`, compiles nothing: to hold a model against it takes milliseconds per member, where the
array path of the package takes seconds for each kind of model.
"""

import jax
import numpy as np

from reliability import references


def members(model):
    """The members of a model without schedules and interference, as plain numbers; and which skills each has."""
    flat = jax.tree.map(np.asarray, model.flat())
    for k in range(len(flat.frequency)):
        one = jax.tree.map(lambda x, k=k: x[k], flat)
        present = np.flatnonzero(one.graph.present)
        place = {int(skill): position for position, skill in enumerate(present)}
        required = [np.flatnonzero(row) for row in one.graph.required[present]]
        rows = list(zip(one.graph.prerequisites[present], required, strict=True))
        any_gate = one.graph.any_gate if one.graph.any_gate is not None else np.zeros(model.skills, bool)
        own = {"gate_exponent": float(one.gate_exponent), "loss": model.loss, "competition": model.competition}
        for name in ("frequency", "initial_level", "frequency_after", "learnability", "pool"):
            if (value := getattr(one, name)) is not None:
                own[name] = value[present]
        for name in ("learning_rate", "wasted_resource", "plateau", "frequency_power"):
            if (value := getattr(one, name)) is not None:
                own[name] = value if value.ndim else float(value)
        if (strength := one.prerequisite_strength) is not None:
            own["prerequisite_strength"] = [row[which] for row, which in zip(strength[present], required, strict=True)]
        yield (
            references.Member(
                prerequisites=[[place[int(j)] for j in row[which]] for row, which in rows],
                gate=["any" if either else "all" for either in any_gate[present]],
                **own,
            ),
            present,
        )


def solve(model, ts, level=0.5):
    """Levels `(*batch, time, skill)` and times of a level `(*batch, skill)`, NaN for skills that are not there."""
    shape, ts = model.batch_shape, np.asarray(ts, float)
    levels, times = np.full((*shape, len(ts), model.skills), np.nan), np.full((*shape, model.skills), np.nan)
    places = np.ndindex(*shape)
    for place, (member, present) in zip(places, members(model), strict=True):
        found = references.solve(member, ts, level)
        assert found.level_error < 1e-8 and np.all(found.time_error < 1e-8), found.note
        levels[(*place, slice(None), present)] = found.levels.T
        times[(*place, present)] = found.times
    return levels, times
