"""Levels and learning times of a model of the package by the reference that shares nothing with it.

That reference, of `reliability/`, compiles nothing for a kind of model: to hold one against it takes milliseconds per
member, where the array path and the general solver of the package take seconds first.
"""

import jax
import numpy as np

from reliability import references
from resource_ode import Schedule


def members(model):
    """The members of a model without interference, as plain numbers; and which skills each has."""
    flat = jax.tree.map(np.asarray, model.flat())
    for k in range(len(flat.gate_exponent)):
        one = jax.tree.map(lambda x, k=k: x[k], flat)
        present = np.flatnonzero(one.graph.present)
        place = {int(skill): position for position, skill in enumerate(present)}
        required = [np.flatnonzero(row) for row in one.graph.required[present]]
        rows = [row[which] for row, which in zip(one.graph.prerequisites[present], required, strict=True)]
        either = np.zeros(model.skills, bool) if one.graph.any_gate is None else one.graph.any_gate

        def plain(value, of_skills, present=present):
            if isinstance(value, Schedule):
                return value.times.tolist(), plain(value.values, of_skills)
            return value[..., present] if of_skills else value if value.ndim else float(value)

        of_skills = ("frequency", "initial_level", "frequency_after", "learnability", "pool")
        names = (*of_skills, "learning_rate", "wasted_resource", "gate_exponent", "plateau", "frequency_power")
        given = {name: getattr(one, name) for name in names}
        own = {name: plain(value, name in of_skills) for name, value in given.items() if value is not None}
        if (strength := one.prerequisite_strength) is not None:
            own["prerequisite_strength"] = [row[which] for row, which in zip(strength[present], required, strict=True)]
        yield (
            references.Member(
                prerequisites=[[place[int(j)] for j in row] for row in rows],
                gate=["any" if each else "all" for each in either[present]],
                loss=model.loss,
                competition=model.competition,
                **own,
            ),
            present,
        )


def solve(model, ts, level=0.5):
    """Levels `(*batch, time, skill)` and times of a level `(*batch, skill)`, NaN for skills that are not there."""
    shape, ts = model.batch_shape, np.asarray(ts, float)
    levels, times = np.full((*shape, len(ts), model.skills), np.nan), np.full((*shape, model.skills), np.nan)
    for place, (member, present) in zip(np.ndindex(*shape), members(model), strict=True):
        found = references.solve(member, ts, level)
        assert found.level_error < 1e-8 and np.all(found.time_error < 1e-8), found.note
        levels[(*place, slice(None), present)] = found.levels.T
        times[(*place, present)] = found.times
    return levels, times


def clocks(model, ts, levels):
    """What the budget law leaves for the waste, over the waste (with "l1", and without schedules)."""
    learned = np.nan_to_num(2 * np.arctanh(levels) if model.loss == "cross_entropy" else levels)
    spent = (learned - learned[..., :1, :]).sum(axis=-1)
    return (np.asarray(model.learning_rate)[..., None] * ts - spent) / np.asarray(model.wasted_resource)[..., None]
