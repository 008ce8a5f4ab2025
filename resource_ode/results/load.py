"""Reading back a run that was saved as netCDF: the same run, or a sentence that says what is wrong with the file."""

from __future__ import annotations

import dataclasses
import json
import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..base.annotations import FilePath
from ..base.checks import file_path
from ..base.words import printable
from ..graphs.arguments import packed
from ..graphs.graph import SkillGraph
from ..model.competition import COMPETITIONS, as_competition
from ..model.labels import Axis, Labels, tidy
from ..model.loss import LOSSES, as_loss
from ..model.model import ResourceModel
from ..model.replacing import is_origin
from ..model.schedule import Schedule
from .layout import FORMAT, FORMAT_VERSION, GRAPH, MODEL, NAMES, STORED, VARIABLE, variable_of
from .outcome import result_names, results_from_codes
from .probe import problem_of
from .saved import SavedRun, Unfit, opened
from .seal import is_intact
from .trajectory import Trajectory

KINDS = ("exposure", "direct")
POOL = VARIABLE["model", "pool"]


def load(path: FilePath) -> Trajectory:
    """Read back a run that was saved as netCDF.

    **Arguments:** `path`: a `.nc` file written by `Trajectory.save`.

    **Returns:** a [`resource_ode.Trajectory`][] equal to the saved one, its model included. If the file is in float64
    and JAX is not, the numbers are rounded to float32, with a warning that says how to keep them.

    **Raises:** `FileNotFoundError` if there is no such file; `ValueError` if it is not a saved run, is damaged, or was
    cut or edited after it was saved: prerequisites are positions of skills, and would point elsewhere.

    **Example:**

    >>> import resource_ode as ro
    >>> model = ro.ResourceModel(ro.SkillGraph([[]]), [1.0], learning_rate=1e-3, wasted_resource=1e-6)
    >>> ro.simulate(model, [0.0, 500.0]).save("run.nc")
    >>> ro.load("run.nc").ts.tolist()
    [0.0, 500.0]
    """
    path = file_path("path", path)
    if path.suffix.lower() != ".nc":
        raise ValueError(f"path: expected a .nc file written by Trajectory.save, got {printable(path)}")
    try:
        if not path.is_file():
            raise FileNotFoundError(f"path: there is no file {printable(path)}")
        intact = is_intact(path)
    except FileNotFoundError:
        raise
    except OSError as error:  # its name is too long, it may not be read
        raise ValueError(f"path: {printable(path)} cannot be read ({error.strerror})") from None
    # HDF5 trusts a file, so one that is not known to be whole is first read by another process
    problem = "is damaged: its checksum differs" if intact is False else "" if intact else problem_of(path)
    if problem:
        raise ValueError(f"path: {printable(path)} {problem}")
    with opened(path) as held:
        if held.attribute("format") != FORMAT:
            raise Unfit("is a netCDF file, but not one written by Trajectory.save")
        version = held.whole("format_version", 1)
        if version > FORMAT_VERSION:
            raise Unfit(f"has format version {version}, this resource_ode reads up to {FORMAT_VERSION}")
        if version > 1:
            held.require_checksums()
        run, stored = _rebuild(held)
    if stored != run.state.dtype:
        warnings.warn(
            f"{printable(path)} holds {stored} numbers, rounded here to {run.state.dtype}; to keep them, call "
            'jax.config.update("jax_enable_x64", True) first',
            stacklevel=2,
        )
    return run


def _rebuild(held: SavedRun) -> tuple[Trajectory, np.dtype]:
    """The run, and the data type that its numbers had in the file."""
    time = held.array("time", "numbers", ("time",))
    present = held.array("present", "truth values", ("skill",))
    skills = present.shape[-1]
    state = held.array("state", "numbers", ("time", "skill"), (len(time), skills))
    batch = state.shape[:-2]
    pools = held.whole("pools", 1)
    has_pools = POOL in held
    if has_pools and not (held.array(POOL, "whole numbers", ("skill",), (skills,)) < pools).all():
        raise Unfit(f"puts a skill into a pool beyond the {pools} that it has")
    lengths = {"time": len(time), "skill": skills, "other_skill": skills, "prerequisite": held.whole("fan_in", 0)}
    reader = _Reader(held, batch, lengths, pools if has_pools else None)
    graph = _graph(reader, present)
    labels = _labels(reader)
    axes = [axis[0] for axis in labels if axis is not None]
    fields = {name: reader.optional(variable_of("model", name, axes), MODEL[name][0]) for name in MODEL}
    for name in ("frequency", "learning_rate", "wasted_resource", "gate_exponent"):
        if fields[name] is None:
            raise Unfit(f"lacks {name!r}, which a saved run has")
    model = _assemble(
        ResourceModel,
        graph=graph,
        base_law=as_loss(held.text("loss", tuple(LOSSES))),
        rule=as_competition(held.text("competition", tuple(COMPETITIONS))),
        pools=pools,
        origins=_origins(held),
        labels=labels,
        **fields,
    )
    codes = reader.array("result", "whole numbers", ())
    if codes.shape != batch or not ((codes >= 0) & (codes < len(result_names()))).all():
        raise Unfit(f"holds codes in 'result' that are not from 0 to {len(result_names()) - 1}, one per run")
    clock, spent = (reader.optional(name, STORED[name][0]) for name in ("clock", "spent"))
    if clock is None:
        raise Unfit("lacks 'clock', which a saved run has")
    run = Trajectory(
        _array(time),
        _array(state),
        clock,
        spent,
        results_from_codes(_array(codes)),
        model,
        "direct" if held.text("kind", KINDS) == "direct" else "exposure",
        held.text("method"),
    )
    return run, state.dtype


@dataclasses.dataclass(frozen=True)
class _Reader:
    """Reads arrays whose axes have the lengths of this run: `batch` in front, then those of skills, times, pools."""

    held: SavedRun
    batch: tuple[int, ...]
    lengths: dict[str, int]
    pools: int | None

    def array(self, name: str, kind: str, axes: tuple[str, ...]) -> np.ndarray:
        named = tuple(axis.rstrip("?") for axis in axes if axis != "pool?" or self.pools is not None)
        lengths = self.lengths | {"pool": self.pools}
        values = self.held.array(name, kind, named, tuple(lengths.get(axis) for axis in named))
        own = values.shape[: values.ndim - len(named)]
        fits = zip(reversed(own), reversed(self.batch), strict=False)
        if len(own) > len(self.batch) or any(length not in (1, run) for length, run in fits):
            raise Unfit(f"holds {name!r} for a batch of shape {own}, expected one that broadcasts to {self.batch}")
        return values

    def optional(self, name: str, axes: tuple[str, ...]) -> Any:
        """An array of a model, or its schedule; None if it is not there."""
        if f"{name}_times" in self.held:
            piece = f"{name}_piece"
            times = self.held.array(f"{name}_times", "numbers", (piece,))
            inner = (piece, *(axis for axis in axes if axis != "pool?"))
            reader = dataclasses.replace(self, lengths=self.lengths | {piece: len(times)})
            values = reader.array(f"{name}_values", "numbers", inner)
            return _assemble(Schedule, times=_array(times), values=_array(values))
        if name not in self.held:
            return None
        kind = "whole numbers" if name == POOL else "numbers"
        found = self.array(name, kind, axes)
        return _array(found)


def _array(values: np.ndarray) -> Array:
    """An array of JAX, in its own type: without one JAX compiles a program for each shape."""
    return jnp.asarray(values, jax.dtypes.canonicalize_dtype(values.dtype))


def _origins(held: SavedRun) -> tuple[tuple[str, str], ...]:
    """How arguments of the model were given; files of earlier versions do not say."""
    if held.attribute("origins") is None:
        return ()
    try:
        origins = json.loads(held.text("origins"))
    except ValueError:
        origins = None
    if not isinstance(origins, dict) or not all(
        name in MODEL and is_origin(name, origin) for name, origin in origins.items()
    ):
        raise Unfit("has an attribute origins that does not say how arguments of the model were given")
    return tuple(sorted(origins.items()))


def _labels(reader: _Reader) -> Labels:
    """Names and coordinates of the batch axes; files of earlier versions have none."""
    held, batch = reader.held, reader.batch
    if held.attribute("axes") is None:
        return ()
    try:
        names = json.loads(held.text("axes"))
    except (ValueError, RecursionError):
        names = None
    known = {"graph", *MODEL}
    if (
        not isinstance(names, list)
        or len(names) != len(batch)
        or not all(name is None or (isinstance(name, str) and name in known) for name in names)
        or len({name for name in names if name}) < sum(name is not None for name in names)
    ):
        raise Unfit("has an attribute axes that does not name its batch axes")
    found: list[Axis | None] = []
    for name, length in zip(names, batch, strict=True):
        if name is None:
            found.append(None)
            continue
        values = held.array(name, "coordinates", (name,), (length,)).tolist()
        found.append((name, tuple(values)))
    return tidy(found)


def _graph(reader: _Reader, present: np.ndarray) -> SkillGraph:
    rows = {name: GRAPH[name][0] for name in GRAPH}
    depth = reader.array("depth", "whole numbers", rows["depth"])
    fan_in, skills = reader.lengths["prerequisite"], present.shape[-1]
    if fan_in:
        indices = reader.array("prerequisites", "whole numbers", rows["prerequisites"])
        required = reader.array("required", "truth values", rows["required"])
        if not ((indices >= 0) & (indices < skills)).all():
            raise Unfit(f"holds prerequisites that are not positions of its {skills} skills, from 0 to {skills - 1}")
        places = indices.reshape(*indices.shape[:-2], skills * fan_in)
        before = np.take_along_axis(depth, places, axis=-1).reshape(indices.shape)
        if (required & (before >= depth[..., None])).any():
            raise Unfit(
                "holds prerequisites that are no simpler than the skills that require them: it was cut or reordered "
                "after it was saved, and they point elsewhere"
            )
    else:
        indices, required = np.zeros((*present.shape, 0), np.int32), np.zeros((*present.shape, 0), bool)
    indices, required = packed(indices, required)
    gate = reader.array(VARIABLE["graph", "any_gate"], "truth values", rows["any_gate"])
    for name, values in (("depth", depth), ("prerequisites", indices[..., 0] if fan_in else depth), ("gate", gate)):
        if values.shape != present.shape:
            raise Unfit(f"holds {name!r} for skills of shape {values.shape}, expected {present.shape}")
    return _assemble(
        SkillGraph,
        prerequisites=_array(indices),
        required=_array(required),
        any_gate=_array(gate),
        own_gate=None,
        present=_array(present),
        depth=_array(depth),
        frequency=reader.optional(VARIABLE["graph", "frequency"], rows["frequency"]),
        names=_names(reader, present.shape),
    )


def _names(reader: _Reader, shape: tuple[int, ...]) -> tuple[Any, ...] | None:
    kind = reader.held.text("names", NAMES)
    if kind == "default":
        return None
    if kind == "shared":
        names = tuple(reader.held.array("skill", "texts", ("skill",), shape[-1:]).tolist())
        if len(set(names)) < len(names):
            raise Unfit("gives two skills the same name")
        return names
    rows = reader.array("skill_name", "texts", ("skill",))
    if rows.shape != shape:
        raise Unfit(f"holds names of shape {rows.shape}, expected {shape}")
    return tuple(tuple(row) for row in rows.reshape(-1, rows.shape[-1]).tolist())


def _assemble(kind: type, **values: Any) -> Any:
    """A module with these fields and no checks: a saved run may hold what its own checks, under jit, could not see."""
    module = object.__new__(kind)
    for field in dataclasses.fields(kind):
        object.__setattr__(module, field.name, values.pop(field.name))
    assert not values, f"{kind.__name__} has no fields {sorted(values)}"
    return module
