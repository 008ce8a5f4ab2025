"""A batch of models over a grid of parameters, whose axes have names and coordinates."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

from ..base.modules import with_fields
from ..base.tracing import is_concrete
from ..base.values import brief, listed, plain
from ..base.words import nearest
from ..graphs.graph import SkillGraph
from ..graphs.stacking import stacked
from .labels import Axis, LabelledBatch, as_coordinate, fitting, tidy
from .parameters import MEMBER_AXES, batch_part, named_parameters
from .schedule import Schedule

# arrays of a graph, with the axes of one member
GRAPH_AXES = {"prerequisites": 2, "required": 2, "any_gate": 1, "present": 1, "depth": 1, "frequency": 1}


Batch = TypeVar("Batch", bound="BatchOfModels")


class BatchOfModels(LabelledBatch):
    """One model or a batch of them, of which parameters can be varied."""

    def grid(self: Batch, **values: Any) -> Batch:
        """A batch over all combinations of some values, with one axis a parameter, in the order given.

        The axes have the names of the parameters, and their values as coordinates; they come behind batch axes that the
        model has. What is not a single number per member (`frequency`, a list of graphs as `graph`, ...) is counted
        from 0. Names and coordinates go along to runs, data sets and files; `replace` drops those of what it replaces.

        **Arguments:** lists of values by the name of the parameter.

        **Raises:** `ValueError` for an unknown parameter, one that is varied already, or values that are no list of
        different numbers (or rows that do not fit the graph).

        **Example:**

        >>> import resource_ode as ro
        >>> model = ro.ResourceModel(ro.SkillGraph([[], [0]]), [1.0, 1.0], 1e-3, 1e-3, 1e-3)
        >>> batch = model.grid(wasted_resource=[0.01, 0.1, 1.0], gate_exponent=[0.1, 1.0])
        >>> batch.batch_shape, batch.sel(wasted_resource=0.1).batch_shape
        ((3, 2), (2,))
        """
        return _grid(self, values)


def _grid(model: Any, given: dict[str, Any]) -> Any:
    if not given:
        raise ValueError("grid: expected values of at least one parameter, as grid(wasted_resource=[0.01, 0.1])")
    allowed = ["graph", *(name for name in MEMBER_AXES if name != "pool")]
    labels = fitting(model.labels, model.batch_shape)
    taken = [axis[0] for axis in labels if axis is not None]
    columns: list[Any] = []
    for name, values in given.items():
        if name not in allowed:
            hint = nearest(name, allowed, quote=repr)
            raise ValueError(f"grid: expected parameters among {', '.join(allowed)}, got {name!r}{hint}")
        if name in taken:
            raise ValueError(f"grid: the model has an axis {name!r} already; expected each once")
        columns.append(_graphs(values) if name == "graph" else _column(model, name, values))
    more, wide = len(columns), _widened(model, len(columns))
    changes = {}
    for place, (name, (values, own, _)) in enumerate(zip(given, columns, strict=True)):
        behind = more - 1 - place
        changes[name] = _widened_graph(values, behind) if name == "graph" else _inserted(values, own, behind)
    # what the other parameters and the graph still span
    rest = [batch_part(value, axes) for name, value, axes in named_parameters(wide) if name not in given]
    if np.broadcast_shapes((1,) * more, *rest) != (*model.batch_shape, *(1,) * more):
        raise ValueError(
            f"grid: the batch {model.batch_shape} is one of {' and '.join(given)} itself; expected a model with one "
            "value of what the grid varies"
        )
    found = wide.replace(**changes)
    new: list[Axis | None] = [
        None if coordinates is None else (name, coordinates)
        for name, (_, _, coordinates) in zip(given, columns, strict=True)
    ]
    return with_fields(found, labels=tidy([*labels, *new]))


def _column(model: Any, name: str, values: Any) -> tuple[Any, int, tuple[Any, ...] | None]:
    """The values of one axis, the axes of one of them, and the coordinates: the values or, where these are no single
    numbers, their positions.
    """
    own = MEMBER_AXES[name]
    pooled = model.pool is not None and name in ("learning_rate", "wasted_resource")
    wanted = "a list of numbers, one per member" if own == 0 else f"a list of {'matrices' if own == 2 else 'rows'}"
    if isinstance(values, (Schedule, SkillGraph, str)) or (listed(values) is None and not hasattr(values, "ndim")):
        raise ValueError(f"{name}: expected {wanted}, got {brief(values)}")
    array = plain(name, values, wanted)
    axes = 1 if pooled and array.ndim == 2 else own
    lengths = (model.pools if pooled else model.skills,) * axes
    if name == "prerequisite_strength":
        lengths = (model.skills, model.graph.fan_in)
    if array.ndim != axes + 1 or not array.shape[0]:
        raise ValueError(f"{name}: expected {wanted}, at least one, got shape {array.shape}")
    if array.shape[1:] != lengths:
        raise ValueError(f"{name}: expected {wanted} of shape {lengths}, got {array.shape[1:]}")
    if pooled and axes == 0:
        # a single number serves all pools
        spread = np.repeat(array[:, None], model.pools, axis=1) if is_concrete(array) else array[:, None]
        return spread, 1, _coordinates(name, array)
    return array, axes, _coordinates(name, array) if axes == 0 else tuple(range(array.shape[0]))


def _coordinates(name: str, array: Any) -> tuple[Any, ...] | None:
    if not is_concrete(array):
        return None
    held = np.asarray(array)
    found = tuple(float(as_coordinate(value)) for value in held)
    for place, value in enumerate(found):
        if value in found[:place]:
            raise ValueError(f"{name}: expected different values along an axis, got {value:g} twice")
    return found


def _graphs(values: Any) -> tuple[SkillGraph, int, tuple[int, ...]]:
    graphs = values if isinstance(values, SkillGraph) else listed(values)
    if graphs is None or (not isinstance(graphs, SkillGraph) and not graphs):
        raise ValueError(f"graph: expected a list of SkillGraphs, got {brief(values)}")
    if isinstance(graphs, SkillGraph):
        if len(graphs.batch_shape) != 1:
            raise ValueError(f"graph: expected a list of SkillGraphs, got a batch of shape {graphs.batch_shape}")
    else:
        for place, graph in enumerate(graphs):
            if not isinstance(graph, SkillGraph) or graph.batch_shape:
                raise ValueError(f"graph: expected a list of single SkillGraphs, got {brief(graph)} at place {place}")
        graphs = stacked(graphs)
    return graphs, 1, tuple(range(graphs.batch_shape[0]))


# -- axes of length 1 behind the batch axes


def _widened(model: Any, more: int) -> Any:
    values = {}
    for name, value, axes in named_parameters(model)[1:]:
        if not isinstance(value, Schedule):
            values[name] = _inserted(value, axes, more) if value.ndim > axes else value
    return with_fields(model, graph=_widened_graph(model.graph, more), labels=(), **values)


def _widened_graph(graph: SkillGraph, more: int) -> SkillGraph:
    if not graph.batch_shape:
        return graph
    arrays = {name: getattr(graph, name) for name in GRAPH_AXES}
    held = {name: value for name, value in arrays.items() if value is not None and value.ndim > GRAPH_AXES[name]}
    return with_fields(graph, **{name: _inserted(value, GRAPH_AXES[name], more) for name, value in held.items()})


def _inserted(value: Any, own: int, more: int) -> Any:
    split = value.ndim - own
    return value.reshape((*value.shape[:split], *(1,) * more, *value.shape[split:]))
