"""Runs as labelled data sets and as files.

A data set holds what a reader looks for (levels, shares, loss, ...) and, beside it, every array of the run and its
model, so that [`resource_ode.storage.load`][] gives back the same run, bit by bit. Files appear whole or not at all.
"""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import uuid
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from .base.tracing import is_concrete
from .graphs.graph import GATES, SkillGraph
from .model.model import ResourceModel, Schedule
from .results.trajectory import RESULTS, Trajectory, result_codes, result_names, results_from_codes

FORMAT = "resource_ode run"
FORMAT_VERSION = 1

_STEPS = "training steps"
_PER_STEP = "resource units per training step"
# For each array of a run: its axes behind the batch axes ("pool?": only where there are pools), its unit, its name.
_DERIVED = {
    "level": (("time", "skill"), "1", "level of the skill (learned fraction)"),
    "unlearned": (("time", "skill"), "1", "unlearned fraction of the skill"),
    "share": (("time", "skill"), "1", "share of the resource that the skill takes"),
    "waste": (("time", "pool?"), "1", "share of the resource that is wasted"),
    "loss": (("time",), "1", "loss, weighted by frequency"),
    "budget_residual": (("time", "pool?"), "1", "relative residual of the resource budget"),
}
_STORED = {
    "state": (("time", "skill"), "resource time", "exposure of the skill"),
    "clock": (("time", "pool?"), "resource time", "resource clock"),
    "spent": (("time", "pool?"), "resource units", "resource spent, integrated independently"),
}
_GRAPH = {
    "prerequisites": (("skill", "prerequisite"), "1", "index of a prerequisite (padding where not required)"),
    "required": (("skill", "prerequisite"), "1", "whether the entry of prerequisites is one"),
    "any_gate": (("skill",), "1", "how the prerequisites of the skill combine"),
    "present": (("skill",), "1", "whether the skill exists (false: padding)"),
    "depth": (("skill",), "1", "longest chain of prerequisites below the skill"),
    "frequency": (("skill",), "1", "default frequency of the skill, kept by the graph"),
}
_MODEL = {
    "frequency": (("skill",), "1", "frequency of the skill"),
    "learning_rate": (("pool?",), _PER_STEP, "effective learning rate"),
    "wasted_resource": (("pool?",), "1", "wasted resource, in units of frequency"),
    "gate_exponent": ((), "1", "gate exponent"),
    "interference": (("skill", "other_skill"), "1", "overlap of the task vectors of two skills"),
    "initial_level": (("skill",), "1", "level of the skill at the start"),
    "frequency_after": (("skill",), "1", "frequency of the skill from level 1/2 on"),
    "pool": (("skill",), "1", "pool of the skill"),
}
# a variable may not have the name of another one, nor that of an axis it does not lie along
_VARIABLE = {
    ("graph", "any_gate"): "gate",
    ("graph", "frequency"): "graph_frequency",
    ("model", "pool"): "skill_pool",
}


def to_xarray(run: Any) -> Any:
    """A run, or a batch of runs, as a labelled data set.

    **Arguments:** `run`: a [`resource_ode.Trajectory`][] with concrete values.

    **Returns:** an `xarray.Dataset` with dimensions `(graph, time, skill)` for a batch (further batch axes are
    `axis_1`, `axis_2`, ...), `(time, skill)` for one run, and a last `pool` where there are pools. Coordinates: `time`
    (training steps) and `skill` (names; where members differ in names, an index, the names being `skill_name`).
    Variables: `level`, `unlearned`, `share`, `waste`, `loss`, `clock`, `budget_residual`, `result` (a code, its
    sentence in `flag_meanings`), and all that is needed to rebuild the run, with `units` and `long_name`; options and
    single parameters are attributes.

    **Raises:** `ValueError` for anything but a concrete run.

    **Example:**

    >>> import resource_ode as ro
    >>> model = ro.ResourceModel(ro.SkillGraph([[]]), [1.0], learning_rate=1e-3, wasted_resource=1e-3)
    >>> dict(ro.simulate(model, [0.0, 500.0]).to_xarray()["level"].sizes)
    {'time': 2, 'skill': 1}
    """
    import xarray

    from .base.version import __version__

    _check(run)
    variables: dict[str, Any] = {}
    for name, row in _DERIVED.items():
        variables[name] = _variable(run, getattr(run, name), *row)
    for name, row in _STORED.items():
        value = getattr(run, name)
        if value is not None:
            variables[name] = _variable(run, value, *row)
    if run.kind == "direct":
        what = run.model.law.state_name
        variables["state"][2].update(units="1", long_name=f"{what} of the skill")
    variables["result"] = _variable(run, result_codes(run.result), (), "1", "how the run ended")
    sentences = ["The run succeeded.", *(RESULTS[getattr(RESULTS, name)] for name in result_names()[1:])]
    variables["result"][2].update(
        flag_values=np.arange(len(sentences), dtype=np.int32),
        flag_meanings=sentences,
        flag_names=list(result_names()),
    )
    parts = (("graph", run.model.graph, _GRAPH), ("model", run.model, _MODEL))
    for part, owner, rows in parts:
        for name, row in rows.items():
            variables.update(_parameter(run, part, name, getattr(owner, name), row))
    gate = variables["gate"]
    gate[2].update(flag_values=np.arange(2, dtype=np.int8), flag_meanings=list(GATES))
    variables["gate"] = (gate[0], gate[1].astype(np.int8), gate[2])

    names, kind_of_names = _names(run)
    time = ("time", np.asarray(run.ts), {"units": _STEPS, "long_name": "training time"})
    coordinates: dict[str, Any] = {"time": time}
    if isinstance(names, tuple):
        coordinates["skill"] = ("skill", np.asarray(names, dtype=object), {"long_name": "skill"})
    else:
        coordinates["skill"] = ("skill", np.arange(run.model.skills), {"long_name": "index of the skill"})
        coordinates["skill_name"] = _variable(run, names, ("skill",), None, "name of the skill (empty: padding)")
    if run.model.pool is not None:
        coordinates["pool"] = ("pool", np.arange(run.model.pools), {"long_name": "pool"})
    attributes: dict[str, Any] = {
        "title": "Run of the Resource model of skill learning",
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "resource_ode_version": __version__,
        "method": run.method,
        "kind": run.kind,
        "loss": run.model.loss,
        "competition": run.model.competition,
        "pools": run.model.pools,
        "fan_in": run.model.graph.fan_in,
        "names": kind_of_names,
        "batch_shape": json.dumps(run.batch_shape),
    }
    for name in ("learning_rate", "wasted_resource", "gate_exponent"):
        value = getattr(run.model, name)
        if not isinstance(value, Schedule) and value.ndim == 0:
            attributes[name] = float(value)
    return xarray.Dataset(variables, coordinates, attributes)


def save(run: Any, path: Any) -> None:
    """Write a run to a file, whole or not at all.

    **Arguments:**

    - `run`: a [`resource_ode.Trajectory`][].
    - `path`: ends in `.nc` for netCDF (all of a run or a batch, which [`resource_ode.storage.load`][] gives back) or in
        `.csv` for a table of the levels of one run: header `t,<skill names>`, one row a time, each number in the
        shortest form that reads back the same.

    **Raises:** `ValueError` for another ending or a batch as CSV; `FileNotFoundError` if the folder does not exist.

    **Example:** `run.save("run.nc")` and `run[0].save("first.csv")`.
    """
    _check(run)
    path = _path(path)
    ending = path.suffix.lower()
    if ending not in (".nc", ".csv"):
        raise ValueError(f"path: expected a file name that ends in .nc or .csv, got {str(path)!r}")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"path: the folder {str(path.parent)!r} of {str(path)!r} does not exist")
    if path.is_dir():
        raise ValueError(f"path: expected a file, but {str(path)!r} is a folder")
    if ending == ".csv":
        if run.batch_shape:
            raise ValueError(
                f"path: a .csv file holds one run, got a batch of shape {run.batch_shape}; save run[i], or all as .nc"
            )
        _replace(path, lambda temporary: _write_csv(run, temporary))
    else:
        dataset = to_xarray(run)
        _replace(path, lambda temporary: dataset.to_netcdf(temporary, engine="h5netcdf"))


def load(path: Any) -> Trajectory:
    """Read back a run that was saved as netCDF.

    **Arguments:** `path`: a `.nc` file written by `Trajectory.save`.

    **Returns:** a [`resource_ode.Trajectory`][] equal to the saved one, its model included. If the file is in float64
    and JAX is not, the numbers are rounded to float32, with a warning that says how to keep them.

    **Raises:** `FileNotFoundError` if there is no such file; `ValueError` if it is not a saved run.

    **Example:** `run = ro.load("run.nc")`.
    """
    import xarray

    path = _path(path)
    if path.suffix.lower() != ".nc":
        raise ValueError(f"path: expected a .nc file written by Trajectory.save, got {str(path)!r}")
    if not path.is_file():
        raise FileNotFoundError(f"path: there is no file {str(path)!r}")
    try:
        # nothing is decoded: neither NaN nor -0.0 may change
        dataset = xarray.open_dataset(path, engine="h5netcdf", mask_and_scale=False, decode_times=False)
    except (OSError, ValueError) as error:
        raise ValueError(f"path: {str(path)!r} is not a readable netCDF file") from error
    with dataset:
        if dataset.attrs.get("format") != FORMAT:
            raise ValueError(f"path: {str(path)!r} is a netCDF file, but not one written by Trajectory.save")
        version = int(dataset.attrs.get("format_version", 0))
        if version > FORMAT_VERSION:
            raise ValueError(
                f"path: {str(path)!r} has format version {version}, this resource_ode reads up to {FORMAT_VERSION}"
            )
        try:
            run = _rebuild(dataset)
        except _Missing as error:
            raise ValueError(f"path: {str(path)!r} lacks {error.args[0]!r}, which a saved run has") from None
        if dataset["state"].dtype != run.state.dtype:
            warnings.warn(
                f"{str(path)!r} holds {dataset['state'].dtype} numbers, rounded here to {run.state.dtype}; to keep "
                'them, call jax.config.update("jax_enable_x64", True) first',
                stacklevel=2,
            )
    return run


# -- the parts of a data set


def _check(run: Any) -> None:
    if not isinstance(run, Trajectory):
        raise ValueError(f"run: expected a Trajectory, got {type(run).__name__}")
    if not is_concrete(run):
        raise ValueError(
            "run: expected concrete values, got a run inside jit, vmap or grad; store what the call returns"
        )
    if run.ts.ndim != 1:
        raise ValueError(
            f"run: expected shared times of shape (time,), got {run.ts.shape}; give simulate the batch, not vmap"
        )


def _variable(run: Trajectory, value: Any, axes: tuple[str, ...], units: str | None, long_name: str) -> tuple:
    """Dimensions, values and attributes of one array; axes that it only broadcasts along are left out."""
    value = np.asarray(value)
    axes = tuple(axis.rstrip("?") for axis in axes if axis != "pool?" or run.model.pool is not None)
    own = value.shape[: value.ndim - len(axes)]
    batch = run.batch_shape
    first = len(batch) - len(own)
    labels = ["graph" if axis == 0 else f"axis_{axis}" for axis in range(len(batch))]
    kept = [axis for axis in range(len(own)) if own[axis] == batch[first + axis]]
    dimensions = (*(labels[first + axis] for axis in kept), *axes)
    attributes = {"long_name": long_name} if units is None else {"units": units, "long_name": long_name}
    if len(kept) < len(own):
        attributes["stored_shape"] = json.dumps(value.shape)
    shape = (*(own[axis] for axis in kept), *value.shape[value.ndim - len(axes) :])
    return dimensions, value.reshape(shape), attributes


def _parameter(run: Trajectory, part: str, name: str, value: Any, row: tuple) -> dict[str, Any]:
    """The variables of one field of the graph or the model: none, one, or the two of a schedule."""
    axes, units, long_name = row
    variable = _VARIABLE.get((part, name), name)
    if isinstance(value, Schedule):
        piece = f"{variable}_piece"
        inner = tuple(axis for axis in axes if axis != "pool?")
        return {
            f"{variable}_times": _variable(run, value.times, (piece,), _STEPS, f"start of a piece: {long_name}"),
            f"{variable}_values": _variable(
                run, value.values, (piece, *inner), units, f"value in a piece: {long_name}"
            ),
        }
    # without prerequisites their axis has length 0, which netCDF cannot tell from an unlimited one
    if value is None or ("prerequisite" in axes and not value.shape[-1]):
        return {}
    return {variable: _variable(run, value, axes, units, long_name)}


def _names(run: Trajectory) -> tuple[tuple[str, ...] | np.ndarray, str]:
    """Names of the skills, one tuple or an array `(*graph batch, skill)`, and which kind they are."""
    graph = run.model.graph
    if graph.names is None:
        return graph.skill_names(), "default"
    if isinstance(graph.names[0], str):
        return graph.names, "shared"
    if len(graph.names) == 1:
        return graph.names[0], "shared"
    return np.asarray(graph.names, dtype=object).reshape((*graph.batch_shape, graph.skills)), "by member"


# -- and back


class _Missing(Exception):
    """A saved run lacks the variable or attribute of this name."""


def _get(held: Any, name: str) -> Any:
    if name not in held:
        raise _Missing(name)
    return held[name]


def _array(dataset: Any, name: str, kind: Any = None) -> Any:
    variable = _get(dataset, name)
    value = np.asarray(variable.values)
    if "stored_shape" in variable.attrs:
        value = value.reshape(json.loads(variable.attrs["stored_shape"]))
    return jnp.asarray(value if kind is None else value.astype(kind))


def _optional(dataset: Any, name: str) -> Any:
    if f"{name}_times" in dataset:
        return _assemble(Schedule, times=_array(dataset, f"{name}_times"), values=_array(dataset, f"{name}_values"))
    return _array(dataset, name) if name in dataset else None


def _assemble(kind: type, **values: Any) -> Any:
    """A module with these fields and no checks: a saved run may hold what its own checks, under jit, could not see."""
    module = object.__new__(kind)
    for field in dataclasses.fields(kind):
        object.__setattr__(module, field.name, values.pop(field.name))
    assert not values, f"{kind.__name__} has no fields {sorted(values)}"
    return module


def _rebuild(dataset: Any) -> Trajectory:
    attributes = dataset.attrs
    present = _array(dataset, "present", bool)
    fan_in = int(_get(attributes, "fan_in"))
    if fan_in:
        prerequisites, required = _array(dataset, "prerequisites"), _array(dataset, "required", bool)
    else:
        empty = (*present.shape, 0)
        prerequisites, required = jnp.zeros(empty, jnp.int32), jnp.zeros(empty, bool)
    graph = _assemble(
        SkillGraph,
        prerequisites=prerequisites,
        required=required,
        any_gate=_array(dataset, "gate", bool),
        present=present,
        depth=_array(dataset, "depth"),
        frequency=_optional(dataset, "graph_frequency"),
        names=_names_from(dataset),
    )
    fields = {name: _optional(dataset, _VARIABLE.get(("model", name), name)) for name in _MODEL}
    for name in ("frequency", "learning_rate", "wasted_resource", "gate_exponent"):
        if fields[name] is None:
            raise _Missing(name)
    model = _assemble(
        ResourceModel,
        graph=graph,
        loss=str(_get(attributes, "loss")),
        competition=str(_get(attributes, "competition")),
        pools=int(_get(attributes, "pools")),
        **fields,
    )
    return Trajectory(
        _array(dataset, "time"),
        _array(dataset, "state"),
        _array(dataset, "clock"),
        _optional(dataset, "spent"),
        results_from_codes(jnp.asarray(_get(dataset, "result").values)),
        model,
        "direct" if _get(attributes, "kind") == "direct" else "exposure",
        str(_get(attributes, "method")),
    )


def _names_from(dataset: Any) -> tuple[Any, ...] | None:
    kind = _get(dataset.attrs, "names")
    if kind == "default":
        return None
    if kind == "shared":
        return tuple(str(name) for name in _get(dataset, "skill").values)
    rows = _get(dataset, "skill_name").values
    return tuple(tuple(str(name) for name in row) for row in rows.reshape(-1, rows.shape[-1]))


# -- files


def _path(path: Any) -> Path:
    try:
        return Path(path)
    except TypeError:
        raise ValueError(f"path: expected a file name, got {type(path).__name__}") from None


def _replace(path: Path, write: Callable[[Path], Any]) -> None:
    """Write beside `path`, then move into place: a reader sees the old file or all of the new one."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        write(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _write_csv(run: Trajectory, path: Path) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["t", *run.names])
        for time, row in zip(np.asarray(run.ts), np.asarray(run.level), strict=True):
            # str of a numpy number is its shortest exact form, in its own precision
            writer.writerow([str(time), *map(str, row)])
