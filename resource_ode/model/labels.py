"""Names and coordinates of the batch axes of a model, and what is done by them.

They stand beside the arrays, one entry per batch axis: `(name, coordinates)`, or `None` for an axis without. Compiled
code never sees them. Where arrays have been mapped or reshaped since, so that the entries are not those of the batch
any more, there are no labels.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Self

import equinox as eqx
import numpy as np

from ..base import members
from ..base.values import brief, listed
from ..base.words import missing_attribute, nearest

Axis = tuple[str, tuple[Any, ...]]
Labels = tuple[Axis | None, ...]

METHODS = (None, "nearest")


class LabelledBatch(eqx.Module):
    """What a batch of models and a batch of runs have in common: members by coordinate, and labelled arrays."""

    if not TYPE_CHECKING:  # to which every name would be known
        __getattr__ = missing_attribute

    def __iter__(self) -> Iterator[Self]:
        """The members along the first batch axis."""
        return members.each(self)

    def axes(self) -> Labels:
        """Name and coordinates of each batch axis; `None` for an axis without."""
        batch: Any = self
        return fitting(batch.labels, self._batch())

    def _batch(self) -> tuple[int, ...]:
        batch: Any = self
        return batch.batch_shape

    @property
    def coordinates(self) -> dict[str, np.ndarray]:
        """The values along each named batch axis, as [`resource_ode.ResourceModel.grid`][] was given them."""
        return {axis[0]: np.asarray(axis[1]) for axis in self.axes() if axis is not None}

    def inner_coordinates(self) -> dict[str, np.ndarray]:
        """The axes that results have behind the batch axes, and what stands along them."""
        model: Any = self
        axes = {"skill": skills_of(model.graph)}
        return axes if model.pool is None else {**axes, "pool": np.arange(model.pools)}

    def label(
        self, values: Any, dims: Sequence[str] | None = None, name: str | None = None, units: str | None = None
    ) -> Any:
        """Numbers of the members with the names and coordinates of their axes, as an `xarray.DataArray`.

        **Arguments:**

        - `values`: an array `(*batch, ...)`, such as learning times, horizons or an observable.
        - `dims`: names of the axes behind the batch axes; by default found from their lengths (`skill`, and for a run
            also `time`).
        - `name`, `units`: what the array is called and measured in, for the axes and colour bars of pictures:
            `name="horizon", units="training steps"`.

        **Raises:** `ValueError` for an array of another batch, or axes that cannot be told by their lengths.

        **Example:**

        >>> import resource_ode as ro
        >>> model = ro.ResourceModel(ro.SkillGraph({"a": [], "b": []}), [1.0, 0.1], 1e-3, 0.1)
        >>> batch = model.grid(wasted_resource=[0.01, 0.1])
        >>> times = batch.label(ro.learning_times(batch))
        >>> times.dims, round(float(times.sel(wasted_resource=0.01, skill="b")))
        (('wasted_resource', 'skill'), 1568)
        """
        import xarray

        array, batch = np.asarray(values), self._batch()
        if array.shape[: len(batch)] != batch:
            raise ValueError(f"values: expected an array of the batch {batch}, got shape {array.shape}")
        rest = array.shape[len(batch) :]
        outer, inner = dimensions(self.axes()), self.inner_coordinates()
        names = inner_names(rest, {label: len(along) for label, along in inner.items()}, dims)
        held = {**self.coordinates, **{label: inner[label] for label in names if label in inner}}
        return xarray.DataArray(array, held, (*outer, *names), name, None if units is None else {"units": units})

    def sel(self, *, method: str | None = None, **wanted: Any) -> Any:
        """Members by coordinate.

        **Arguments:**

        - `method`: `"nearest"` takes the nearest coordinates; by default they have to be the ones asked for.
        - axes by name: one coordinate (its axis goes), a list of them, or a range `slice(first, last)`, both ends
            included.

        **Raises:** `ValueError` for an axis or a coordinate that is not there.

        **Example:**

        >>> import resource_ode as ro
        >>> model = ro.ResourceModel(ro.SkillGraph([[]]), [1.0], 1e-3, 0.1)
        >>> float(model.grid(wasted_resource=[0.01, 0.1]).sel(wasted_resource=0.01).wasted_resource.round(6))
        0.01
        """
        found: Any = self
        for name, value in wanted.items():
            place, part = position(found.axes(), name, value, method)
            alone = len(found.batch_shape) == 1
            found = found[part] if alone else found[(*(slice(None),) * place, part, ...)]
        return found


# -- labels of a batch


def fitting(labels: Labels, batch: tuple[int, ...]) -> Labels:
    """The labels if they are of this batch, else none."""
    fits = len(labels) == len(batch) and all(
        axis is None or len(axis[1]) == length for axis, length in zip(labels, batch, strict=True)
    )
    return labels if fits else (None,) * len(batch)


def tidy(labels: Iterable[Axis | None]) -> Labels:
    """Labels without those whose coordinates repeat, and none where no axis has any."""
    kept = tuple(axis if axis is None or len(set(axis[1])) == len(axis[1]) else None for axis in labels)
    return kept if any(axis is not None for axis in kept) else ()


def dimensions(labels: Labels) -> tuple[str, ...]:
    """A name for every batch axis: `graph`, `axis_1`, ... where there is none."""
    given = {axis[0] for axis in labels if axis is not None}
    first = "graph" if "graph" not in given else "axis_0"
    return tuple(
        axis[0] if axis is not None else first if place == 0 else f"axis_{place}" for place, axis in enumerate(labels)
    )


def after_changes(labels: Labels, batch: tuple[int, ...], changes: Iterable[str]) -> Labels:
    """What is left of labels in a batch of which some parameters were replaced: batch axes are aligned at the last."""
    changes = set(changes)
    found: list[Axis | None] = [None] * len(batch)
    for back, axis in enumerate(reversed(labels), start=1):
        if axis is not None and back <= len(batch) and batch[-back] == len(axis[1]) and axis[0] not in changes:
            found[-back] = axis
    return tidy(found)


def at_index(labels: Labels, index: Any) -> Labels:
    """The labels of the members that an index picks, which fits the batch."""
    parts: list[Any] = list(index) if isinstance(index, tuple) else [index]
    parts = [np.asarray(part) if not isinstance(part, (slice, type(None), type(...))) else part for part in parts]
    width = sum(_consumed(part) for part in parts)
    if not any(part is ... for part in parts):
        parts.append(...)
    dots = next(place for place, part in enumerate(parts) if part is ...)
    parts[dots : dots + 1] = [slice(None)] * (len(labels) - width)
    arrays = [place for place, part in enumerate(parts) if isinstance(part, np.ndarray)]
    picking = [place for place in arrays if parts[place].ndim]
    found: list[Axis | None] = []
    picked: list[Axis | None] = []
    first, axis = None, 0
    for place, part in enumerate(parts):
        if part is None:
            found.append(None)
        elif isinstance(part, slice):
            found.append(_part(labels[axis], part))
            axis += 1
        else:
            first = len(found) if first is None else first
            if picking == [place] and part.ndim == 1:
                picked = [_part(labels[axis], np.flatnonzero(part) if part.dtype == bool else part)]
            axis += _consumed(part)
    if picking:
        if not picked:
            shapes = [(int(parts[i].sum()),) if parts[i].dtype == bool else parts[i].shape for i in picking]
            picked = [None] * len(np.broadcast_shapes(*shapes))
        # as in NumPy: in place where the arrays and integers are neighbours, else in front
        together = arrays[-1] - arrays[0] + 1 == len(arrays)
        at = first if together and first is not None else 0
        found[at:at] = picked
    return tidy(found)


def _consumed(part: Any) -> int:
    if part is None or part is ...:
        return 0
    return part.ndim if isinstance(part, np.ndarray) and part.dtype == bool else 1


def _part(axis: Axis | None, index: Any) -> Axis | None:
    if axis is None:
        return None
    name, values = axis
    return name, values[index] if isinstance(index, slice) else tuple(values[int(place)] for place in index)


def skills_of(graph: Any) -> np.ndarray:
    """What stands along an axis of skills: their names; their positions where members of a batch differ in them."""
    shared = graph.names is None or isinstance(graph.names[0], str) or len(graph.names) == 1
    return np.asarray(graph.skill_names(), dtype=object) if shared else np.arange(graph.skills)


def inner_names(lengths: tuple[int, ...], known: dict[str, int], dims: Sequence[str] | None) -> tuple[str, ...]:
    """Names of the axes behind the batch axes: those given, or those that have these lengths, in their order.

    **Raises:** `ValueError` where none or several have.
    """
    if dims is not None:
        names = tuple(dims) if not isinstance(dims, str) else (dims,)
        if len(names) != len(lengths):
            raise ValueError(f"dims: expected a name for each of the {len(lengths)} axes behind the batch, got {dims}")
        for label, length in zip(names, lengths, strict=True):
            if known.get(label, length) != length:
                raise ValueError(f"values: expected {known[label]} entries along {label}, got {length}")
        return names
    fits = [
        names
        for names in itertools.combinations(known, len(lengths))
        if all(known[label] == length for label, length in zip(names, lengths, strict=True))
    ]
    if len(fits) != 1:
        own = ", ".join(f"{name} ({length})" for name, length in known.items())
        which = "may be " + " or ".join(", ".join(names) for names in fits) if fits else f"are none of {own}"
        raise ValueError(f"values: axes of lengths {lengths} behind the batch {which}; name them by dims=(...)")
    return fits[0]


# -- by coordinate


def position(labels: Labels, name: str, value: Any, method: str | None) -> tuple[int, Any]:
    """Which axis has a name, and an index along it: an integer for one value, a list for several, a slice for a range.

    **Raises:** `ValueError` for an axis or a coordinate that is not there, or another `method` than `"nearest"`.
    """
    if method not in METHODS:
        hint = nearest(method, METHODS, quote=repr)
        raise ValueError(f'method: expected None or "nearest", got {brief(method)}{hint}')
    known = {axis[0]: place for place, axis in enumerate(labels) if axis is not None}
    if name not in known:
        there = (
            f"the batch has {', '.join(known)}"
            if known
            else "no batch axis has a name; index by position instead"
            if labels
            else "it is one, not a batch"
        )
        hint = nearest(name, [*known, "skill"], quote=repr)
        if name == "skill" or hint.endswith("'skill'?"):
            hint = f"{hint if name != 'skill' else ''} (a run has its skills: run.sel(skill=...))"
        raise ValueError(f"sel: there is no axis {name!r}{hint or f' ({there})'}")
    place = known[name]
    axis = labels[place]
    assert axis is not None
    if isinstance(value, slice):
        return place, _range(axis, value)
    several = listed(value)
    if several is not None and not several:
        raise ValueError(f"sel: {name}: expected at least one coordinate, got {brief(value)}")
    return place, _place(axis, value, method) if several is None else [_place(axis, each, method) for each in several]


def _place(axis: Axis, value: Any, method: str | None) -> int:
    name, values = axis
    number = as_coordinate(value)
    if number is None:
        raise ValueError(f"sel: {name}: expected a number, got {brief(value)}")
    if number in values:
        return values.index(number)
    near = min(range(len(values)), key=lambda place: abs(values[place] - number)) if values else None
    if near is None or math.isnan(number):
        raise ValueError(f"sel: {name} has no coordinate {number:g}")
    if method == "nearest":
        return near
    raise ValueError(
        f"sel: {name} has no coordinate {number!r}; did you mean {values[near]!r}? "
        f'(method="nearest" takes the nearest of its {len(values)})'
    )


def _range(axis: Axis, wanted: slice) -> Any:
    """The coordinates within a range, both ends included."""
    low, high = (None if end is None else as_coordinate(end) for end in (wanted.start, wanted.stop))
    if wanted.step is not None or (low is None) != (wanted.start is None) or (high is None) != (wanted.stop is None):
        raise ValueError(f"sel: {axis[0]}: expected slice(first, last) of two numbers, got {brief(wanted)}")
    inside = [
        place
        for place, value in enumerate(axis[1])
        if (low is None or value >= low) and (high is None or value <= high)
    ]
    if not inside:
        raise ValueError(f"sel: {axis[0]} has no coordinate from {wanted.start} to {wanted.stop}")
    return inside


def as_coordinate(value: Any) -> Any:
    """A number as users write it: of one in single precision the shortest that stands for it; None for what is none."""
    if isinstance(value, (bool, np.bool_)) or np.ndim(value) != 0:
        return None
    try:
        held = np.asarray(value)
        if held.dtype.kind in "iu":
            return int(held)
        return float(str(held)) if held.dtype.kind == "f" else None
    except (TypeError, ValueError):
        return None
