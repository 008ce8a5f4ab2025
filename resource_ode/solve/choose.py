"""Which way a model is solved, and why."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..base.tracing import is_concrete
from ..model.model import ResourceModel
from ..model.schedule import Schedule
from .cascade import schedules
from .method import ODE, AbstractMethod, Auto, Cascade, Modes, as_method
from .modes import modes_obstacle


def cascade_obstacle(model: ResourceModel) -> str | None:
    """Why the cascade cannot serve a model; None if it can."""
    if model.interference is not None:
        return "interference couples the skills"
    if schedules.scheduled(model):
        why = schedules.obstacle(model)
        if why is not None:
            return why
    if model.pool is not None and model.graph.fan_in:
        graph = model.graph
        if not is_concrete(model.pool, graph):
            return "prerequisites may cross pools (unknown under a trace)"
        pool = np.broadcast_to(model.pool, np.broadcast_shapes(model.pool.shape, graph.present.shape))
        indices = np.broadcast_to(graph.prerequisites, (*pool.shape, graph.fan_in))
        places = indices.reshape(*pool.shape[:-1], pool.shape[-1] * graph.fan_in)
        behind = np.take_along_axis(pool, places, axis=-1).reshape(indices.shape)
        if np.any((behind != pool[..., None]) & np.asarray(graph.required)):
            return "prerequisites cross pools"
    return None


def choose(model: ResourceModel, method: AbstractMethod, asked: Any) -> tuple[AbstractMethod, str]:
    """The method to solve a model by, and why; `asked` is what the caller gave.

    **Raises:** `ValueError` where the method that was asked for cannot solve the model.
    """
    obstacle = cascade_obstacle(model)
    if isinstance(method, Cascade) and obstacle:
        others = '"steps"' if _without_waste(model) else '"ode" or "auto"'
        raise ValueError(f'method: "cascade" cannot solve this model, since {obstacle}; use {others}')
    if isinstance(method, Modes) and (why := modes_obstacle(model)):
        raise ValueError(f'method: "modes" cannot solve this model, since {why}; use "auto"')
    why = "as asked"
    if isinstance(method, Auto):
        if obstacle and modes_obstacle(model) is None:
            method = as_method("modes", tolerance=method.tolerance)
            why = "fastest that applies: interference of squared errors"
        elif obstacle:
            method, why = ODE(tolerance=method.tolerance), obstacle
        else:
            method = as_method("cascade", tolerance=method.tolerance)
            why = "fastest that applies: no interference, no prerequisite across pools"
    elif isinstance(method, ODE) and asked == "auto":
        options = ("solver", "controller", "adjoint", "max_steps")
        why = f"{next(name for name in options if getattr(method, name) is not None)} was given"
    if isinstance(method, ODE) and _without_waste(model):
        others = 'method="steps"' if obstacle else 'method="cascade" or "steps"'
        raise ValueError(
            'wasted_resource: method="ode" expects a positive number, got 0 (the run ends at t = n/eta, where the '
            f"clock is infinite); use {others}"
        )
    return method, why


def _without_waste(model: ResourceModel) -> bool:
    waste = model.wasted_resource
    if isinstance(waste, Schedule) or np.size(waste) != 1 or not is_concrete(waste):
        return False
    return not np.any(np.asarray(waste))
