"""Runs as labelled data sets.

A data set holds what a reader looks for (levels, shares, loss, ...) and, beside it, every array of the run and its
model, each with a checksum, so that [`resource_ode.results.load.load`][] gives back the same run, bit by bit.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from ..base.tracing import is_concrete
from ..base.version import __version__
from ..graphs.graph import GATES
from ..model.extension import EXTENSION
from ..model.labels import dimensions
from ..model.schedule import Schedule
from .layout import (
    CHECKSUM,
    DERIVED,
    FORMAT,
    FORMAT_VERSION,
    GRAPH,
    MODEL,
    STEPS,
    STORED,
    checksum,
    variable_of,
)
from .outcome import RESULTS, result_codes, result_names


def to_xarray(run: Any) -> Any:
    """A run, or a batch of runs, as a labelled data set.

    **Arguments:** `run`: a [`resource_ode.Trajectory`][] with concrete values.

    **Returns:** an `xarray.Dataset` with dimensions `(graph, time, skill)` for a batch (further batch axes are
    `axis_1`, `axis_2`, ...; those of a [`resource_ode.ResourceModel`][]`.grid` have its names and coordinates, and
    the parameters that they are named after are `model_<name>`), `(time, skill)` for one run, and a last `pool` where
    there are pools. Coordinates: `time`
    (training steps) and `skill` (names; where members differ in names, an index, the names being `skill_name`).
    Variables: `level`, `unlearned`, `share`, `waste`, `loss`, `clock`, `budget_residual`, `result` (a code, named in
    `flag_meanings`, its sentence in `comment`), and all that is needed to rebuild the run, with `units` and
    `long_name`; options and single parameters are attributes.

    **Raises:** `ValueError` for anything but a concrete run.

    **Example:**

    >>> import resource_ode as ro
    >>> model = ro.ResourceModel(ro.SkillGraph([[]]), [1.0], learning_rate=1e-3, wasted_resource=1e-3)
    >>> dict(ro.simulate(model, [0.0, 500.0]).to_xarray()["level"].sizes)
    {'time': 2, 'skill': 1}
    """
    import xarray

    check_run(run)
    variables: dict[str, Any] = {}
    for name, row in DERIVED.items():
        variables[name] = _variable(run, getattr(run, name), *row)
    for name, row in STORED.items():
        value = getattr(run, name)
        if value is not None:
            variables[name] = _stored(run, value, *row)
    if run.kind == "direct":
        what = run.model.law.state_name
        variables["state"][2].update(units="1", long_name=f"{what} of the skill")
    variables["result"] = _stored(run, result_codes(run.result), (), "1", "how the run ended")
    # the meanings of flags are one text, a word a flag, as the CF conventions have it; the sentences are the comment
    sentences = ["The run succeeded.", *(RESULTS[getattr(RESULTS, name)] for name in result_names()[1:])]
    variables["result"][2].update(
        flag_values=np.arange(len(sentences), dtype=np.int32),
        flag_meanings=" ".join(result_names()),
        comment=" ".join(f"{code}: {sentence}" for code, sentence in enumerate(sentences)),
    )
    parts = (("graph", run.model.graph, GRAPH), ("model", run.model, MODEL))
    for part, owner, rows in parts:
        for name, row in rows.items():
            variables.update(_parameter(run, part, name, getattr(owner, name), row))
    gate = variables["gate"]
    gate[2].update(flag_values=np.arange(2, dtype=np.int8), flag_meanings=" ".join(GATES))
    variables["gate"] = (gate[0], gate[1].astype(np.int8), gate[2])

    names, kind_of_names = _names(run)
    coordinates: dict[str, Any] = {"time": _stored(run, run.ts, ("time",), STEPS, "training time")}
    if isinstance(names, tuple):
        coordinates["skill"] = _stored(run, np.asarray(names, dtype=object), ("skill",), None, "skill")
    else:
        coordinates["skill"] = ("skill", np.arange(run.model.skills), {"long_name": "index of the skill"})
        coordinates["skill_name"] = _stored(run, names, ("skill",), None, "name of the skill (empty: padding)")
    for name, values in run.coordinates.items():
        attributes = {"long_name": f"{MODEL[name][2] if name in MODEL else name} along the batch axis"}
        coordinates[name] = ((name,), values, attributes | {CHECKSUM: checksum(values)})
    if run.model.pool is not None:
        coordinates["pool"] = ("pool", np.arange(run.model.pools), {"long_name": "pool"})
    attributes: dict[str, Any] = {
        "title": "Run of the Resource model of skill learning",
        "format": FORMAT,
        "format_version": FORMAT_VERSION if beyond_format_2(run) else 2,
        "resource_ode_version": __version__,
        "method": run.method,
        "kind": run.kind,
        "loss": run.model.loss,
        "competition": run.model.competition,
        "pools": run.model.pools,
        "origins": json.dumps(dict(run.model.origins)),
        "fan_in": run.model.graph.fan_in,
        "names": kind_of_names,
        "batch_shape": json.dumps(run.batch_shape),
        "axes": json.dumps([None if axis is None else axis[0] for axis in run.axes()]),
        # what `load` needs: a lost array is not taken for one that never was
        "arrays": " ".join(name for name, row in (variables | coordinates).items() if CHECKSUM in row[2]),
    }
    for name in ("learning_rate", "wasted_resource", "gate_exponent", "plateau", "frequency_power"):
        value = getattr(run.model, name)
        if value is not None and not isinstance(value, Schedule) and value.ndim == 0:
            attributes[name] = float(value)
    return xarray.Dataset(variables, coordinates, attributes)


# -- the parts of a data set


def check_run(run: Any) -> None:
    """Refuse anything but a run with concrete values and shared times.

    **Raises:** `ValueError`.
    """
    if not all(hasattr(run, part) for part in ("ts", "state", "clock", "result", "model")):
        raise ValueError(f"run: expected a Trajectory, got {type(run).__name__}")
    if not is_concrete(run):
        raise ValueError(
            "run: expected concrete values, got a run inside jit, vmap or grad; store what the call returns"
        )
    if run.ts.ndim != 1:
        raise ValueError(
            f"run: expected shared times of shape (time,), got {run.ts.shape}; give simulate the batch, not vmap"
        )


def _variable(run: Any, value: Any, axes: tuple[str, ...], units: str | None, long_name: str) -> tuple:
    """Dimensions, values and attributes of one array; axes that it only broadcasts along are left out."""
    value = np.asarray(value)
    axes = tuple(axis.rstrip("?") for axis in axes if axis != "pool?" or run.model.pool is not None)
    own = value.shape[: value.ndim - len(axes)]
    batch = run.batch_shape
    first = len(batch) - len(own)
    outer = dimensions(run.axes())
    kept = [axis for axis in range(len(own)) if own[axis] == batch[first + axis]]
    along = (*(outer[first + axis] for axis in kept), *axes)
    attributes = {"long_name": long_name} if units is None else {"units": units, "long_name": long_name}
    if len(kept) < len(own):
        attributes["stored_shape"] = json.dumps(value.shape)
    shape = (*(own[axis] for axis in kept), *value.shape[value.ndim - len(axes) :])
    return along, value.reshape(shape), attributes


def _stored(run: Any, value: Any, axes: tuple[str, ...], units: str | None, long_name: str) -> tuple:
    """An array from which the run is rebuilt: with a checksum."""
    dimensions, values, attributes = _variable(run, value, axes, units, long_name)
    return dimensions, values, attributes | {CHECKSUM: checksum(value)}


def _parameter(run: Any, part: str, name: str, value: Any, row: tuple) -> dict[str, Any]:
    """The variables of one field of the graph or the model: none, one, or the two of a schedule."""
    axes, units, long_name = row
    variable = variable_of(part, name, run.coordinates)
    if isinstance(value, Schedule):
        piece = f"{variable}_piece"
        inner = tuple(axis for axis in axes if axis != "pool?")
        return {
            f"{variable}_times": _stored(run, value.times, (piece,), STEPS, f"start of a piece: {long_name}"),
            f"{variable}_values": _stored(run, value.values, (piece, *inner), units, f"value in a piece: {long_name}"),
        }
    # without prerequisites their axis has length 0, which netCDF cannot tell from an unlimited one
    if value is None or ("prerequisite" in axes and not value.shape[-1]):
        return {}
    return {variable: _stored(run, value, axes, units, long_name)}


def _names(run: Any) -> tuple[tuple[str, ...] | np.ndarray, str]:
    """Names of the skills, one tuple or an array `(*graph batch, skill)`, and which kind they are."""
    graph = run.model.graph
    if graph.names is None:
        return graph.skill_names(), "default"
    if isinstance(graph.names[0], str):
        return graph.names, "shared"
    if len(graph.names) == 1:
        return graph.names[0], "shared"
    return np.asarray(graph.names, dtype=object).reshape((*graph.batch_shape, graph.skills)), "by member"


def beyond_format_2(run: Any) -> bool:
    """Whether the run has what versions that read up to format 2 do not know."""
    return any(run.axes()) or any(getattr(run.model, name) is not None for name in EXTENSION)
