"""The compiled loops under `jit`, `vmap`, `grad` and `jvp`: primitives of our own, which XLA calls on a CPU.

A solve is one primitive, its tangent a second, linear one, and the transpose of that a third. Each has a rule for
batches: operands get a leading axis, of length 1 where they do not vary, so that what only reads a cascade shares it.
Derivatives of derivatives, other platforms and models outside the loops go by `arrays`, a function of whole arrays that
the caller hands over: it takes flat operands and returns what the loops would.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from ..base.devices import alike_over_devices, lowering, refuse_over_devices, type_beside
from . import walks
from .handlers import handlers
from .library import ATTEMPTS, MOST_PANELS, end_effort
from .operands import AXES, Operands

# panels of a solve whose edges go along with its results, so that a derivative need not look for them again
KEPT = 64
SUCCESSFUL, INACCURATE, NOT_FINITE = range(3)
# of models that have begun and may pause, a skill slower than this part of the fastest stands still
STANDING = 1e-18
# of those that may not: as small as processors take a number that is not 0
NEVER = 1e-300
# members that arrays solve side by side on a GPU, in about 2 MB each with their derivatives
WIDE = 2048
# what is known when a primitive is compiled, where that is more than its call
STATIC: dict[str, tuple[str, ...]] = {"cotangent": ("call", "together"), "in_pieces": ("call", "run", "rows")}


class Call(NamedTuple):
    """What is known when a call is compiled."""

    name: str
    cross_entropy: bool
    squared: bool
    paced: bool
    slow: bool
    soft: bool
    begun: bool  # whether efforts stand in place of initial levels
    pauses: bool  # whether skills may then stand still
    either: bool  # whether one open gate may be enough for some skill
    panels: int
    coarse_panels: int
    made_for: float
    arrays: Callable[..., tuple[Any, ...]]

    @property
    def values(self) -> int:
        """How many of the results have derivatives."""
        return 1 if self.name == "times" else 3 if self.squared else 2


# those that tell graphs apart come first
GRAPH = 13
# those that derivatives are taken by: all numbers but the tolerance
BY = tuple(
    Operands._fields.index(n)
    for n in (
        *("frequency", "level", "after", "exponent", "plateau", "strength", "goal"),
        *("rate", "waste", "steps"),
    )
)
BY_GRAPH = 7


def trajectories(call: Call, operands: Operands) -> tuple[Any, Any, Any | None, Any, Any]:
    """Exposures `(*members, time, skill)`, resource time and, for "l2", spent resource `(*members, time)`; codes
    `(*members,)` and estimated errors, both of which no derivative passes.
    """
    state, clock, spent, code, error, _ = solve_p.bind(*aligned(operands, AXES), call=call)
    return state, clock, spent if call.squared else None, code, error


def learning_times(call: Call, operands: Operands) -> tuple[Any, Any, Any]:
    """Training steps `(*members, skill)`; codes `(*members,)` and estimated errors."""
    found, code, error, _ = solve_p.bind(*aligned(operands, AXES), call=call)
    return found, code, error


def aligned(arrays: Any, own: Any) -> tuple[Any, ...]:
    """Arrays with the same number of leading axes; each has `own` axes behind them."""
    most = max(x.ndim - behind for x, behind in zip(arrays, own, strict=True))
    more = (most - (x.ndim - behind) for x, behind in zip(arrays, own, strict=True))
    return tuple(alike_over_devices(*(jnp.reshape(x, (1,) * n + x.shape) for x, n in zip(arrays, more, strict=True))))


def leading(arrays: Any, axes: Any) -> tuple[int, ...]:
    """The lengths of the leading axes of arrays that have `axes` behind them."""
    return np.broadcast_shapes(*(x.shape[: x.ndim - own] for x, own in zip(arrays, axes, strict=True)))


def _shapes(operands: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Leading axes of the members, and of the graphs."""
    return leading(operands, AXES), leading(operands[:GRAPH], AXES[:GRAPH])


def _own_axes(call: Call) -> tuple[int, ...]:
    """Axes of a member in each result that has derivatives."""
    return (1,) if call.name == "times" else (2, 1, 1)[: call.values]


# -- by XLA's custom call, or by arrays


def _solve_results(operands: Any, call: Call) -> list[jax.ShapeDtypeStruct]:
    members, graphs = _shapes(operands)
    skills, times = operands[5].shape[-1], operands[-1].shape[-1]
    dtype = operands[5].dtype
    shapes = [(skills,)] if call.name == "times" else [(times, skills), (times,), (times if call.squared else 0,)]
    rest = [(members, np.int32), (graphs, dtype), ((*graphs, 2 * (KEPT + 1)), np.uint32)]
    return [
        *(jax.ShapeDtypeStruct((*members, *shape), dtype) for shape in shapes),
        *(jax.ShapeDtypeStruct(shape, kind) for shape, kind in rest),
    ]


def custom_call(name: str, call: Call, results: Any, *operands: Any, **more: Any) -> Any:
    """A call of the loops by XLA; `operands` begin with those of every call."""
    attributes = {
        k: np.int64(getattr(call, k))
        for k in ("cross_entropy", "squared", "paced", "slow", "soft", "panels", "coarse_panels")
    }
    attributes |= {"most_panels": np.int64(MOST_PANELS), "attempts": np.int64(ATTEMPTS)}
    attributes |= {"standing": np.float64(STANDING if call.pauses else NEVER if call.begun else 0)}
    attributes |= {"made_for": np.float64(call.made_for), "end_effort": np.float64(end_effort(operands[5].dtype))}
    return jax.ffi.ffi_call(f"resource_ode_{name}", results)(*operands, **attributes, **more)


def _solve_by_loops(*operands: Any, call: Call) -> Any:
    return custom_call(call.name, call, _solve_results(operands, call), *operands)


def _solve_by_arrays(*operands: Any, call: Call) -> Any:
    results = _solve_results(operands, call)
    members, graphs = _shapes(operands)
    *values, code, error = _members_by_arrays(operands, call, members)
    # errors of a graph's members are those of its worst
    axes = tuple(k for k, (n, m) in enumerate(zip(members, graphs, strict=True)) if n != m)
    error = jnp.max(error, axis=axes, keepdims=True)
    values += [jnp.zeros(x.shape, x.dtype) for x in results[len(values) : -3]]
    return [*values, code, error.astype(results[-2].dtype), jnp.zeros(results[-1].shape, np.uint32)]


def _solve_by_walk(*operands: Any, call: Call) -> Any:
    if call.either:
        # gates that were not known when this was compiled
        chosen = jnp.any(Operands._make(operands).either)
        solves = (
            functools.partial(solve, call=call._replace(either=False)) for solve in (_solve_by_arrays, _solve_by_walk)
        )
        return jax.lax.cond(chosen, *solves, *operands)
    results = _solve_results(operands, call)
    *values, code, error = walks.solve_members(call, operands, *_shapes(operands))
    values += [jnp.zeros(x.shape, x.dtype) for x in results[len(values) : -3]]
    return [*values, code, error, jnp.zeros(results[-1].shape, np.uint32)]


def _walked(call: Call, operands: Any) -> bool:
    """Whether the walk is to solve these, where it can."""
    others = call.cross_entropy or call.squared or call.paced or call.slow or call.soft or call.begun
    return not others and walks.chosen() and walks.serves(operands) and walks.obstacle() is None


def _members_by_arrays(operands: Any, call: Call, members: tuple[int, ...]) -> list[Any]:
    """What the caller's function finds for all members, each with operands of its own."""
    flat = Operands(
        *(
            jnp.broadcast_to(x, (*members, *x.shape[len(members) :])).reshape(
                (math.prod(members), *x.shape[len(members) :])
            )
            for x in operands
        )
    )
    return [x.reshape((*members, *x.shape[1:])) for x in call.arrays(call, flat)]


def _values_by_arrays(operands: Any, call: Call, members: tuple[int, ...]) -> Callable[..., list[Any]]:
    """The results that have derivatives, as a function of what these are taken by."""

    def values(*by: Any) -> list[Any]:
        changed = list(operands)
        for place, value in zip(BY, by, strict=True):
            changed[place] = value
        return _members_by_arrays(changed, call, members)[: call.values]

    return values


def _split(arguments: Any) -> tuple[Any, Any, Any, Any]:
    """Operands, edges, clock, and what is a tangent's or a cotangent's own."""
    count = len(AXES)
    return arguments[:count], arguments[count], arguments[count + 1], arguments[count + 2 :]


def _tangent_results(arguments: Any, call: Call) -> list[jax.ShapeDtypeStruct]:
    operands, _, _, slopes = _split(arguments)
    members = leading((*operands, *slopes), (*AXES, *(AXES[k] for k in BY)))
    own = {"times": [operands[5].shape[-1:]]}.get(call.name, [(*operands[-1].shape[-1:], *operands[5].shape[-1:])])
    shapes = [*own, *[operands[-1].shape[-1:]] * (call.values - 1)]
    return [jax.ShapeDtypeStruct((*members, *shape), operands[5].dtype) for shape in shapes]


def _tangent_by_loops(*arguments: Any, call: Call) -> Any:
    return custom_call(f"{call.name}_tangent", call, _tangent_results(arguments, call), *arguments)


def _tangent_by_arrays(*arguments: Any, call: Call) -> Any:
    operands, _, _, slopes = _split(arguments)
    members = leading((*operands, *slopes), (*AXES, *(AXES[k] for k in BY)))
    by = [jnp.broadcast_to(operands[k], _with_lead(operands[k], AXES[k], members)) for k in BY]
    along = [jnp.broadcast_to(s, x.shape) for s, x in zip(slopes, by, strict=True)]
    return jax.jvp(_values_by_arrays(operands, call, members), by, along)[1]


def _with_lead(x: Any, own: int, members: tuple[int, ...]) -> tuple[int, ...]:
    return (*members, *x.shape[x.ndim - own :])


def _cotangent_results(arguments: Any, call: Call, together: tuple[bool, ...]) -> list[jax.ShapeDtypeStruct]:
    operands, _, _, cotangents = _split(arguments)
    members = leading((*operands, *cotangents), (*AXES, *_own_axes(call)))
    summed = tuple(1 if one else n for n, one in zip(members, together, strict=True))
    shapes = [_with_lead(operands[k], AXES[k], summed if n < BY_GRAPH else members) for n, k in enumerate(BY)]
    return [jax.ShapeDtypeStruct(shape, operands[5].dtype) for shape in shapes]


def _cotangent_by_loops(*arguments: Any, call: Call, together: tuple[bool, ...]) -> Any:
    results = _cotangent_results(arguments, call, together)
    return custom_call(f"{call.name}_cotangent", call, results, *arguments, together=np.asarray(together, np.int64))


def _cotangent_by_arrays(*arguments: Any, call: Call, together: tuple[bool, ...]) -> Any:
    operands, _, _, cotangents = _split(arguments)
    results = _cotangent_results(arguments, call, together)
    members = leading((*operands, *cotangents), (*AXES, *_own_axes(call)))
    by = [jnp.broadcast_to(operands[k], _with_lead(operands[k], AXES[k], members)) for k in BY]
    values, back = jax.vjp(_values_by_arrays(operands, call, members), *by)
    found = back([jnp.broadcast_to(c, v.shape) for c, v in zip(cotangents, values, strict=True)])
    return [_summed_to(x, r.shape) for x, r in zip(found, results, strict=True)]


def _summed_to(x: Any, shape: tuple[int, ...]) -> Any:
    extra = tuple(k for k, (n, m) in enumerate(zip(x.shape, shape, strict=True)) if n != m)
    return jnp.sum(x, axis=extra, keepdims=True) if extra else x


# -- the primitives


def primitive(
    name: str, results: Callable[..., Any], loops: Any, arrays: Any, served: Callable[[Call], bool], walk: Any = None
) -> Primitive:
    """A primitive by the loops on a CPU, if they are there and it is `served`, by the walk on a GPU, if there is one,
    and by arrays elsewhere.
    """
    made = Primitive(f"resource_ode_{name}")
    made.multiple_results = True

    def abstract(*arguments: Any, **static: Any) -> Any:
        return [type_beside(x, arguments[0]) for x in results(arguments, **static)]

    def on_cpu(*arguments: Any, call: Call, **static: Any) -> Any:
        chosen = loops if handlers() is not None and served(call) else arrays
        return chosen(*arguments, call=call, **static)

    def on_gpu(*arguments: Any, call: Call, **static: Any) -> Any:
        # many more at a time than stay in the cache of a core
        wide = call._replace(arrays=functools.partial(call.arrays, together=WIDE))
        chosen = arrays if walk is None or not _walked(call, arguments) else walk
        return chosen(*arguments, call=wide, **static)

    def batch(arguments: Any, axes: Any, **static: Any) -> Any:
        size = next(x.shape[a] for x, a in zip(arguments, axes, strict=True) if a is not None)
        lead = [
            jnp.expand_dims(x, 0) if a is None else jnp.moveaxis(x, a, 0) for x, a in zip(arguments, axes, strict=True)
        ]
        if "together" in static:
            static["together"] = (False, *static["together"])
        found = made.bind(*lead, **static)
        shared = [size > 1 and x.shape[0] == 1 for x in found]
        values = [jnp.squeeze(x, 0) if s else x for x, s in zip(found, shared, strict=True)]
        return values, [None if s else 0 for s in shared]

    names = STATIC.get(name, ("call",))
    made.def_impl(jax.jit(lambda *arguments, **static: made.bind(*arguments, **static), static_argnames=names))
    made.def_abstract_eval(abstract)
    for way, platform in ((arrays, None), (on_cpu, "cpu"), (on_gpu, "cuda")):
        mlir.register_lowering(made, lowering(way), platform=platform)
    batching.primitive_batchers[made] = batch
    return made


def every(_: Call) -> bool:
    """For `primitive`: the loops serve all."""
    return True


def _derived(call: Call) -> bool:
    """Whether the loops have its derivatives: not where what is competed for jumps as skills turn."""
    return not (call.squared and call.paced)


solve_p: Primitive = primitive("solve", _solve_results, _solve_by_loops, _solve_by_arrays, every, _solve_by_walk)
tangent_p: Primitive = primitive("tangent", _tangent_results, _tangent_by_loops, _tangent_by_arrays, _derived)
cotangent_p: Primitive = primitive("cotangent", _cotangent_results, _cotangent_by_loops, _cotangent_by_arrays, _derived)


def bind(primitive: Primitive, *arguments: Any, **static: Any) -> Any:
    return primitive.bind(*alike_over_devices(*arguments), **static)


def moves(x: Any, tangent: Any) -> bool:
    """Whether there is a derivative along an operand."""
    return type(tangent) is not ad.Zero and jnp.issubdtype(x.dtype, jnp.floating)


def full(tangent: Any, value: Any) -> Any:
    return jnp.zeros(value.shape, value.dtype) if type(tangent) is ad.Zero else tangent


def _solve_jvp(primals: Any, tangents: Any, *, call: Call) -> Any:
    found = solve_p.bind(*primals, call=call)
    edges, clock = found[-1], found[0] if call.name == "times" else found[1]
    slopes = [full(tangents[k], primals[k]) for k in BY]
    along = bind(tangent_p, *primals, edges, clock, *slopes, call=call)
    return found, [*along, *(ad.Zero(jax.typeof(x).to_tangent_aval()) for x in found[len(along) :])]


def _tangent_transpose(cotangents: Any, *arguments: Any, call: Call) -> Any:
    operands, edges, clock, slopes = _split(arguments)
    nothing = [None] * (len(arguments) - len(BY))
    shapes = [s.aval.shape if ad.is_undefined_primal(s) else s.shape for s in slopes]
    graphs = leading(operands[:GRAPH], AXES[:GRAPH])
    by_graph = [s[: len(s) - AXES[k]] for s, k in zip(shapes, BY, strict=True)][:BY_GRAPH]
    together = tuple(all(lead[axis] == 1 for lead in (graphs, *by_graph)) for axis in range(len(graphs)))
    cotangents = [full(c, c.aval) if type(c) is ad.Zero else c for c in cotangents]
    back = bind(cotangent_p, *operands, edges, clock, *cotangents, call=call, together=together)
    wanted = [
        _summed_to(x, shape) if ad.is_undefined_primal(s) else None
        for x, s, shape in zip(back, slopes, shapes, strict=True)
    ]
    return [*nothing, *wanted]


def _cotangent_transpose(slopes: Any, *arguments: Any, call: Call, together: tuple[bool, ...]) -> Any:
    operands, edges, clock, cotangents = _split(arguments)
    slopes = [full(s, s.aval) if type(s) is ad.Zero else s for s in slopes]
    along = bind(tangent_p, *operands, edges, clock, *slopes, call=call)
    nothing = [None] * (len(arguments) - len(cotangents))
    return [*nothing, *(_summed_to(x, c.aval.shape) for x, c in zip(along, cotangents, strict=True))]


def _jvp_of(primitive: Primitive, by_arrays: Any) -> Callable[..., Any]:
    """Derivatives of a derivative: exact in what it is linear in, by arrays in the rest."""

    def rule(primals: Any, tangents: Any, **static: Any) -> Any:
        found = primitive.bind(*primals, **static)
        operands, edges, clock, linear = _split(primals)
        moved, _, _, linear_moved = _split(tangents)
        total = [jnp.zeros(x.shape, x.dtype) for x in found]
        if any(type(t) is not ad.Zero for t in linear_moved):
            along = [full(t, x) for t, x in zip(linear_moved, linear, strict=True)]
            total = bind(primitive, *operands, edges, clock, *along, **static)
        if any(type(moved[k]) is not ad.Zero for k in BY):
            refuse_over_devices("a second derivative", primals)

            def of(*by: Any) -> Any:
                changed = list(operands)
                for place, value in zip(BY, by, strict=True):
                    changed[place] = value
                return by_arrays(*changed, edges, clock, *linear, **static)

            by = [operands[k] for k in BY]
            more = jax.jvp(of, by, [full(moved[k], operands[k]) for k in BY])[1]
            total = [x + y for x, y in zip(total, more, strict=True)]
        return found, total

    return rule


ad.primitive_jvps[solve_p] = _solve_jvp
ad.primitive_jvps[tangent_p] = _jvp_of(tangent_p, _tangent_by_arrays)
ad.primitive_jvps[cotangent_p] = _jvp_of(cotangent_p, _cotangent_by_arrays)
ad.primitive_transposes[tangent_p] = _tangent_transpose
ad.primitive_transposes[cotangent_p] = _cotangent_transpose
