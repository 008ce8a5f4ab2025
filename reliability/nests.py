"""Nests of transformations: what JAX makes of a function, and what it means, found by plain calls and differences.

A nest is a row of steps, the outermost first, as `jit:frequency.vmap:wasted_resource.jacrev:frequency+level`: the names
are of the arguments that a step maps over, or differentiates by; with the others they are what is traced. A function
takes a dictionary of arrays, and returns a vector.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

Numbers = dict[str, Any]
Function = Callable[[Numbers], Any]

PLAIN = ("jit", "checkpoint", "cond")
MAPS = ("vmap", "scan", "map", "shard_map", "shard_map_unchecked")
FIRST = ("jacfwd", "jacrev", "grad", "jvp", "linearize")
SECOND = ("hessian",)
# the same by the other mode
OTHER = {
    "jacfwd": "jacrev", "jacrev": "jacfwd", "grad": "grad_forward", "jvp": "jvp_reverse", "linearize": "jvp_reverse",
    "grad_forward": "grad", "jvp_reverse": "jvp",
}  # fmt: skip
DERIVATIVES = (*OTHER, *SECOND)
# steps of differences, as a part of what is changed; `claim` tells how far they are off
STEP: float = 4e-3
# columns of a derivative that are held against differences
COLUMNS: int = 4


@dataclasses.dataclass(frozen=True)
class Step:
    """One transformation, and the names of its arguments."""

    way: str
    names: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.way}:{'+'.join(self.names)}"


def parse(text: str) -> tuple[Step, ...]:
    """**Raises:** `ValueError` for a text that is no nest."""
    steps = []
    for part in text.split("."):
        way, _, names = part.partition(":")
        if way not in (*PLAIN, *MAPS, *FIRST, *SECOND) or not names:
            raise ValueError(f"nest: expected a transformation and names, as vmap:frequency, got {part!r}")
        steps.append(Step(way, tuple(names.split("+"))))
    return tuple(steps)


def order(nest: tuple[Step, ...]) -> int:
    """How often it differentiates."""
    return sum(2 if step.way in SECOND else step.way in DERIVATIVES for step in nest)


def of_other_mode(nest: tuple[Step, ...]) -> tuple[Step, ...]:
    return tuple(dataclasses.replace(step, way=OTHER.get(step.way, step.way)) for step in nest)


def weights(size: int, dtype: Any) -> np.ndarray:
    """What results are summed with, and along what arguments are moved."""
    return np.cos(1.0 + np.arange(size)).astype(dtype)


# -- by JAX


def transformed(nest: tuple[Step, ...], function: Function) -> Function:
    for step in reversed(nest):
        function = _one(step, function)
    return function


def _one(step: Step, function: Function) -> Function:
    import jax
    import jax.numpy as jnp

    def mapped(x: Numbers) -> Any:
        axes = {name: 0 if name in step.names else None for name in x}
        return jax.vmap(function, in_axes=(axes,))(x)

    def of(x: Numbers) -> Callable[[Numbers], Any]:
        return lambda some: function({**x, **some})

    def scanned(x: Numbers) -> Any:
        return jax.lax.scan(lambda _, some: (_, of(x)(some)), 0, {name: x[name] for name in step.names})[1]

    def looped(x: Numbers) -> Any:
        return jax.lax.map(of(x), {name: x[name] for name in step.names})

    def split(x: Numbers) -> Any:
        from jax.sharding import Mesh, PartitionSpec

        specs = {name: PartitionSpec("device") if name in step.names else PartitionSpec() for name in x}
        mesh = Mesh(np.asarray(jax.devices()[:2]), ("device",))
        options = {"mesh": mesh, "in_specs": (specs,), "out_specs": PartitionSpec("device")}
        return jax.shard_map(mapped, check_vma=step.way == "shard_map", **options)(x)

    def chosen(x: Numbers) -> Any:
        shape = jax.eval_shape(function, x)
        some = next(iter(x.values()))
        sound = jnp.all(jnp.isfinite(some)) if jnp.issubdtype(some.dtype, jnp.floating) else jnp.all(some == some)
        return jax.lax.cond(sound, function, lambda _: jnp.zeros(shape.shape, shape.dtype), x)

    def derived(x: Numbers) -> Any:
        from jax.flatten_util import ravel_pytree

        flat, back = ravel_pytree({name: x[name] for name in step.names})

        def vector(z: Any) -> Any:
            return of(x)(back(z))

        def number(z: Any) -> Any:
            return summed(vector(z), jnp)

        along = weights(flat.size, flat.dtype) * flat
        ways: dict[str, Callable[[], Any]] = {
            "jacfwd": lambda: jax.jacfwd(vector)(flat),
            "jacrev": lambda: jax.jacrev(vector)(flat),
            "grad": lambda: jax.grad(number)(flat),
            "grad_forward": lambda: jax.jacfwd(number)(flat),
            "jvp": lambda: jax.jvp(vector, (flat,), (along,))[1],
            "linearize": lambda: jax.linearize(vector, flat)[1](along),
            "jvp_reverse": lambda: jax.jacrev(vector)(flat) @ along,
            "hessian": lambda: jax.hessian(number)(flat),
        }
        return ways[step.way]()

    ways: dict[str, Function] = {
        "jit": jax.jit(function), "checkpoint": jax.checkpoint(function), "cond": chosen, "vmap": mapped,
        "scan": scanned, "map": looped, "shard_map": split, "shard_map_unchecked": split,
    }  # fmt: skip
    return ways.get(step.way, derived)


def summed(found: Any, numpy: Any) -> Any:
    """A number of a vector, but of what is infinite or NaN in it."""
    known = numpy.isfinite(found)
    return numpy.sum(numpy.where(known, found, 0) * weights(found.size, found.dtype).reshape(found.shape))


# -- what it means


@dataclasses.dataclass
class Meaning:
    """What should come out, how far off that may be (infinite where nothing is known), and the values that it is a
    derivative of, one for each entry where there is one.
    """

    value: np.ndarray
    claim: np.ndarray
    of: np.ndarray


@dataclasses.dataclass
class Plainly:
    """How a nest's meaning is found.

    **Arguments:** `function`: solves concrete numbers; `traceable`: the same for JAX; `noise`: of its results, relative
    to the largest; `rng`: for the columns of derivatives that are looked at.
    """

    function: Function
    traceable: Function
    noise: float
    rng: np.random.Generator
    compiled: dict[Any, Function] = dataclasses.field(default_factory=dict)

    def meaning(self, nest: tuple[Step, ...], x: Numbers) -> Meaning:
        if not nest:
            value = np.asarray(self.function(x), float)
            return Meaning(value, np.zeros(value.shape), value)
        step, rest = nest[0], nest[1:]
        if step.way in PLAIN:
            return self.meaning(rest, x)
        if step.way in MAPS:
            count = len(x[step.names[0]])
            rows = [
                self.meaning(rest, {name: v[k] if name in step.names else v for name, v in x.items()})
                for k in range(count)
            ]
            return Meaning(*(_stacked([getattr(row, name) for row in rows]) for name in ("value", "claim", "of")))
        return self._derivative(step, rest, x)

    def _derivative(self, step: Step, rest: tuple[Step, ...], x: Numbers) -> Meaning:
        """By differences of what is inside: of plain calls, or of first derivatives by the other mode."""
        inner, noise = rest, self.noise
        if step.way == "hessian":
            inner = (Step("grad", step.names), *rest)

        if order(inner):
            key = tuple(map(str, inner))
            if key not in self.compiled:
                import jax

                self.compiled[key] = jax.jit(transformed(of_other_mode(inner), self.traceable))
            traced = self.compiled[key]
            noise *= 100

            def function(x: Numbers) -> np.ndarray:
                return np.asarray(traced(x), float)
        else:

            def function(x: Numbers) -> np.ndarray:
                return self.meaning(inner, x).value

        if step.way in ("grad", "grad_forward"):
            vector = function

            def function(x: Numbers) -> np.ndarray:
                return np.asarray(summed(vector(x), np))

        flat = np.concatenate([np.ravel(np.asarray(x[name], float)) for name in sorted(step.names)])

        def at(z: np.ndarray) -> np.ndarray:
            changed, begin = dict(x), 0
            for name in sorted(step.names):
                size = np.size(x[name])
                changed[name] = z[begin : begin + size].reshape(np.shape(x[name]))
                begin += size
            return function(changed)

        value = at(flat)
        if step.way in ("jvp", "linearize", "jvp_reverse"):
            slope, claim = differences(at, flat, weights(flat.size, float) * flat, value, noise)
            return Meaning(slope, claim, value)
        found, claims = (np.full((*value.shape, flat.size), x) for x in (0.0, np.inf))
        columns = self.rng.permutation(flat.size)[:COLUMNS]
        for column in columns:
            along = np.zeros(flat.size)
            along[column] = np.abs(flat[column]) or 1.0
            slope, claim = differences(at, flat, along, value, noise)
            found[..., column], claims[..., column] = slope / along[column], claim / along[column]
        return Meaning(found, claims, np.broadcast_to(value[..., None], found.shape))


def _stacked(rows: list[np.ndarray]) -> np.ndarray:
    """Rows of one shape; of what is refused there is one NaN, however many numbers there would be."""
    shape = max((row.shape for row in rows), key=len)
    return np.stack([row if row.shape == shape else np.full(shape, row.flat[0]) for row in rows])


def differences(
    at: Callable[[np.ndarray], np.ndarray], flat: np.ndarray, along: np.ndarray, value: np.ndarray, noise: float
) -> tuple[np.ndarray, np.ndarray]:
    """A derivative along a direction by central differences of fourth order with two steps, and how far off it may
    be.
    """
    points = {k: at(flat + k * STEP * along) for k in (-2, -1, -0.5, 0.5, 1, 2)}

    def slope(k: float) -> np.ndarray:
        far, near = (points[2 * k] - points[-2 * k]), (points[k] - points[-k])
        return (8 * near - far) / (12 * k * STEP)

    with np.errstate(invalid="ignore"):
        coarse, fine = slope(1), slope(0.5)
        largest = np.max(np.abs(value[np.isfinite(value)]), initial=0.0)
        return fine, 2 * np.abs(coarse - fine) + 4 * noise * largest / STEP


def axes_of(nest: tuple[Step, ...], name: str) -> list[int]:
    """Which of the maps of a nest, the outermost being 0, map over a name."""
    maps = [step for step in nest if step.way in MAPS]
    return [k for k, step in enumerate(maps) if name in step.names]


def batched(nest: tuple[Step, ...], x: Numbers) -> Numbers:
    """Arguments with an axis for each map in front, of length 1 where it does not map them: for one call of all."""
    maps = sum(step.way in MAPS for step in nest)
    found = {}
    for name, value in x.items():
        mine = axes_of(nest, name)
        if mine:
            missing = [k for k in range(maps) if k not in mine]
            value = np.expand_dims(np.asarray(value), missing)
        found[name] = value
    return found


def random_nest(
    rng: np.random.Generator, derived: list[str], mapped: list[str], second: bool, by_any: list[str]
) -> tuple[Step, ...]:
    """Two or three steps, with at least one map or derivative, and at most two derivatives and two maps."""

    def some(names: list[str]) -> tuple[str, ...]:
        count = min(len(names), int(rng.integers(1, 3)))
        return tuple(str(x) for x in rng.choice(names, count, replace=False))

    while True:
        steps = []
        for _ in range(int(rng.choice([2, 3, 4], p=[0.4, 0.45, 0.15]))):
            sort = rng.choice(["plain", "map", "first", "second"], p=[0.25, 0.33, 0.36, 0.06])
            ways, names = {
                "plain": (PLAIN, by_any), "map": (MAPS, mapped), "first": (FIRST, derived), "second": (SECOND, derived),
            }[str(sort)]  # fmt: skip
            if names:
                steps.append(Step(str(rng.choice(ways)), some(names)))
        nest = tuple(steps)
        maps = [step for step in nest if step.way in MAPS]
        if len(nest) < 2 or len(maps) > 2 or order(nest) > (2 if second else 1) or not (maps or order(nest)):
            continue
        if sum("shard" in step.way for step in maps) > 1 or _repeats(nest) or _sums_over_devices(nest):
            continue
        # they take a minute to compile
        if order(nest) == 2 and rng.random() < 0.7:
            continue
        return nest


def _repeats(nest: tuple[Step, ...]) -> bool:
    """Whether a step only says again what the one outside it says."""
    return any(a.way == b.way and a.way in PLAIN for a, b in itertools.pairwise(nest))


def _sums_over_devices(nest: tuple[Step, ...]) -> bool:
    """Whether a derivative is by what all devices share, inside of a `shard_map` that checks what varies: there JAX
    sums it over devices in reverse mode, and in forward mode does not. Nor may a branch be a constant there.
    """
    split = next((k for k, step in enumerate(nest) if step.way == "shard_map"), len(nest))
    inside = nest[split + 1 :]
    shared = [step for step in inside if step.way in DERIVATIVES and not {*step.names} <= {*nest[split].names}]
    return bool(shared) or any(step.way == "cond" for step in inside)
