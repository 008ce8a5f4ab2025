"""Hold one nest of transformations against plain calls, differences, and the other mode of differentiation."""

from __future__ import annotations

import collections
import dataclasses
import os
import time
import warnings
from typing import Any

import numpy as np

from . import judge, nests, targets, transformed
from .nests import Meaning
from .transformed import Case

# largest error relative to the largest number beside it: of values by other ways than the same loops, and of
# derivatives, that of which differences have to be better known
VALUES = {"float64": 1e-6, "float32": 2e-3}
SLOPES = {"float64": 1e-4, "float32": 5e-3}
# of one mode to the other; by the general solver both go through the same steps
MODES = {"float64": 1e-10, "float32": 2e-4}
# of the results of plain calls
NOISE = {False: 2e-12, True: 1e-9}


@dataclasses.dataclass
class Verdict:
    """Counts of outcomes, seconds of the nest alone, and what was wrong."""

    counts: dict[str, int]
    seconds: float
    wrong: list[str]


def prepare() -> None:
    """What a worker does once: as `torture`, with two devices to split over."""
    _with_two_devices()
    judge.prepare()


def prepare_optimised() -> None:
    """The same with XLA's own optimisation, in which users run: without it, some of its float32 code is wrong."""
    _with_two_devices()
    import jax

    jax.config.update("jax_enable_x64", True)


def _with_two_devices() -> None:
    flags = os.environ.get("XLA_FLAGS", "")
    if "host_platform_device_count" not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} --xla_force_host_platform_device_count=2".strip()


def verdict(name: str) -> Verdict:
    """The verdict on one case."""
    case = transformed.build(name)
    begin = time.process_time()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = _found(case, case.nest)
            seconds = time.process_time() - begin
            return _judged(case, found, seconds)
    except Exception as error:
        if _is_declared(error):
            return Verdict({f"refused: {str(error)[:150]}": 1}, 0.0, [])
        file, _, line = targets.frames_of(error)[-1]
        text = f"{type(error).__name__} at {file.rsplit('/', 2)[-1]}:{line}: {error!s:.300}"
        return Verdict({"crash": 1}, 0.0, [text])


def _is_declared(error: Exception) -> bool:
    declared = isinstance(error, NotImplementedError) and targets.is_own(error)
    return declared or judge.is_refusal(error)


def _found(case: Case, nest: Any) -> np.ndarray:
    import jax.numpy as jnp

    x = {name: jnp.asarray(value) for name, value in case.x.items()}
    return np.asarray(nests.transformed(nest, case.vector)(x), float)


def plainly(case: Case) -> nests.Plainly:
    """Plain calls of the verb, one after the other. What is refused is NaN where that is on purpose."""
    import zlib

    def solved(x: Any) -> np.ndarray:
        try:
            return np.asarray(case.vector(x), float)
        except ValueError as error:
            if case.spoiled and judge.is_refusal(error):
                return np.full((), np.nan)
            raise

    rng = np.random.default_rng(zlib.crc32(case.name.encode()))
    return nests.Plainly(solved, case.vector, NOISE[case.by_ode], rng)


def _judged(case: Case, found: np.ndarray, seconds: float) -> Verdict:
    counts: collections.Counter[str] = collections.Counter()
    wrong: list[str] = []

    def said(outcome: str, *texts: str) -> None:
        counts[outcome] += 1
        wrong.extend(f"{outcome}: {text}" for text in texts)

    if nests.order(case.nest) == 0:
        said(*_of_values(case, found))
        return Verdict(dict(counts), seconds, wrong)
    exact = case.in_float64()
    meaning = plainly(exact).meaning(case.nest, exact.x)
    said(*_of_slopes(case, found, meaning))
    if nests.order(case.nest) == 1:
        other = _found(case, nests.of_other_mode(case.nest))
        said(*_of_modes(case, found, other))
    elif case.nest and any(step.way == "hessian" for step in case.nest[-1:]):
        said(*_of_modes(case, found, np.swapaxes(found, -1, -2)))
    return Verdict(dict(counts), seconds, wrong)


def _of_values(case: Case, found: np.ndarray) -> tuple[str, ...]:
    from resource_ode import native

    direct = case.verb in transformed.DIRECT and not case.spoiled
    if direct and case.traced_as_batch and native.applies(case.model(_first(case))):
        whole = nests.batched(case.nest, case.x)
        expected = np.asarray(case.call(whole), float).reshape(found.shape)
        same = np.array_equal(found, expected, equal_nan=True)
        if not same and np.isnan(found).sum() > np.isnan(expected).sum():
            return "no judgement", "NaN under the trace, solved again without"
        return ("right",) if same else ("WRONG", f"not to the bit: {_worst(found, expected)}")
    expected = plainly(case).meaning(case.nest, case.x).value
    return _compared(case, found, expected, VALUES[case.dtype])


def _first(case: Case) -> dict[str, Any]:
    """Arguments of the first member."""
    return {k: v[(0,) * len(nests.axes_of(case.nest, k))] for k, v in case.x.items()}


def _worst(found: np.ndarray, expected: np.ndarray) -> str:
    if found.shape != expected.shape:
        return f"shape {found.shape}, expected {expected.shape}"
    apart = np.where(found == expected, 0, np.abs(found - expected))
    apart = np.where(np.isnan(found) & np.isnan(expected), 0, np.where(np.isnan(apart), np.inf, apart))
    place = np.unravel_index(np.argmax(apart), apart.shape)
    return f"{found[place]!r} in place of {expected[place]!r} at {tuple(map(int, place))} of {found.shape}"


def _compared(case: Case, found: np.ndarray, expected: np.ndarray, tolerance: float) -> tuple[str, ...]:
    if found.shape != expected.shape:
        return "WRONG", _worst(found, expected)
    if np.any(np.isnan(expected) & ~np.isnan(found)):
        return "WRONG", f"a number where there is none: {_worst(found, expected)}"
    if np.any(np.isnan(found) & ~np.isnan(expected)):
        return "no judgement", f"NaN under the trace alone: {_worst(found, expected)}"
    known = ~np.isnan(expected)
    scale = np.max(np.abs(expected[np.isfinite(expected)]), initial=0.0)
    equal = (found == expected) | (np.abs(found - expected) <= tolerance * np.maximum(np.abs(expected), 1e-2 * scale))
    return ("right",) if np.all(equal[known]) else ("WRONG", f"value: {_worst(found, expected)}")


def _of_slopes(case: Case, found: np.ndarray, meaning: Meaning) -> tuple[str, ...]:
    """A derivative against differences, each column against the largest number in it."""
    value, claim, of = meaning.value, meaning.claim, meaning.of
    if found.shape != value.shape:
        return "WRONG", f"shape {found.shape}, expected {value.shape}"
    looked = np.isfinite(claim) | np.isnan(value)
    lost = np.isnan(of) & looked
    if np.any(lost & ~(np.isnan(found) | (found == 0))):
        return "WRONG", f"the derivative of what is NaN is {found[lost & ~np.isnan(found)][0]!r}"
    if np.any(np.isinf(of) & looked & ~((found == 0) | np.isnan(found))):
        return "WRONG", "the derivative of what is infinite"
    known = np.isfinite(value) & np.isfinite(claim) & np.isfinite(of)
    if not known.any():
        return ("right",) if lost.any() else ("no judgement", "nothing is known")
    if np.any(known & ~np.isfinite(found)):
        place = tuple(int(x[0]) for x in np.nonzero(known & ~np.isfinite(found)))
        return "NaN", f"{found[place]!r} in place of {value[place]!r} at {place} of {found.shape}"
    scale = np.max(np.abs(np.where(known, value, 0)))
    columns = np.max(np.abs(np.where(known, value, 0)), axis=tuple(range(value.ndim - 1)), keepdims=True)
    if case.nest[-1].way in ("jvp", "linearize") or value.ndim == 1:
        columns = np.full_like(columns, scale)
    bound = SLOPES[case.dtype] * np.maximum(columns, 1e-8 * scale)
    unsure = known & (claim > bound)
    bad = known & ~unsure & (np.abs(found - value) > bound + claim)
    if np.any(bad):
        return "WRONG", f"derivative: {_worst(np.where(bad, found, value), value)}, known to {np.max(claim[bad]):.1g}"
    far = unsure & (np.abs(found - value) > 10 * claim + bound)
    if np.any(far):
        return "no judgement", f"far from vague differences: {_worst(np.where(far, found, value), value)}"
    return ("no judgement", "differences are vague") if np.all(~known | unsure) else ("right",)


def _of_modes(case: Case, found: np.ndarray, other: np.ndarray) -> tuple[str, ...]:
    both = np.isfinite(found) & np.isfinite(other)
    scale = np.max(np.abs(np.where(both, found, 0)), initial=0.0)
    far = both & (np.abs(found - other) > MODES[case.dtype] * scale)
    if np.any(far):
        return "WRONG", f"by the other mode: {_worst(np.where(far, found, 0), np.where(far, other, 0))}"
    one = np.isnan(found) != np.isnan(other)
    if np.any(one):
        return "NaN", f"by one mode alone: {_worst(found[one], other[one])}"
    return ("right",)
