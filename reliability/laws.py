"""The model's equations for one skill, and one panel's polynomial, compiled for the reference."""

from __future__ import annotations

import math

import numba
import numpy as np


@numba.njit(cache=True, error_model="numpy")
def margin(effort: float) -> float:
    """The root `l` of `l + e^l - 1 = effort`."""
    if effort <= 0 or not effort < np.inf:
        return effort
    root = effort / 2 if effort < 1 else math.log(effort)
    for _ in range(60):
        change = (root + math.expm1(root) - effort) / (1 + math.exp(root))
        root -= change
        if abs(change) <= 1e-16 * root:
            break
    return root


@numba.vectorize(cache=True)
def margins(effort):
    return margin(effort)


@numba.njit(cache=True, error_model="numpy")
def effort(exposure, lo, hi, start, half):
    """Effort of a skill whose frequency may change at level 1/2."""
    if start >= half:
        return start + hi * exposure
    grown = start + lo * exposure
    if lo == hi or grown <= half:
        return grown
    return half + hi * (exposure - (half - start) / lo)


@numba.njit(cache=True, error_model="numpy")
def odds(effort, plateau):
    """Level over unlearned fraction with a plateau, `eps (e^z - 1)`, or more than 1e300 where it would overflow."""
    if effort < 700:
        return plateau * math.expm1(effort)
    return math.exp(min(effort + math.log(plateau), 700.0))


@numba.njit(cache=True, error_model="numpy")
def depth(effort, cross_entropy, plateau):
    if plateau < 1:
        found = odds(effort, plateau)
        return math.log1p(found) if found < 1e300 else effort + math.log(plateau)
    if not cross_entropy:
        return effort
    held = margin(effort)
    return math.log1p(math.expm1(held) / 2) if held < 30 else held - math.log(2.0) + math.exp(-held)


@numba.njit(cache=True, error_model="numpy")
def progress(effort, cross_entropy, plateau):
    """What the budget law counts: the level, or the margin."""
    if plateau < 1:
        found = odds(effort, plateau)
        return found / (1 + found) if found < 1e300 else 1.0
    return margin(effort) if cross_entropy else -math.expm1(-effort)


@numba.njit(cache=True, error_model="numpy")
def demand(effort, cross_entropy, plateau):
    if plateau < 1:
        # the derivative of the level: (odds + eps) / (1 + odds)^2
        found = odds(effort, plateau)
        return (found + plateau) / (1 + found) ** 2 if found < 1e150 else math.exp(-effort - math.log(plateau))
    if cross_entropy:
        return 1 / (1 + math.exp(min(margin(effort), 745.0)))
    return math.exp(-effort)


@numba.vectorize(cache=True)
def levels(effort, plateau):
    return progress(effort, False, plateau)


@numba.njit(cache=True, error_model="numpy")
def gate(effort, exponent, strength, cross_entropy, plateau):
    """How far a skill opens the way for one that needs it so much: `1 - w u^a`."""
    return (1 - strength) - strength * math.expm1(-exponent * depth(effort, cross_entropy, plateau))


@numba.njit(cache=True, error_model="numpy")
def spent(exposures, clock, lo, hi, start, half, waste, cross_entropy, plateau):
    """Resource learned and wasted."""
    total, lost = 0.0, 0.0
    for i in range(len(lo)):
        gained = progress(effort(exposures[i], lo[i], hi[i], start[i], half), cross_entropy, plateau)
        if start[i] > 0:
            gained -= progress(start[i], cross_entropy, plateau)
        # Kahan
        term = gained - lost
        now = total + term
        lost = (now - total) - term
        total = now
    return total + waste * clock if waste > 0 else total


@numba.njit(cache=True, error_model="numpy")
def weights(place, primitive, found):
    """Integrals from -1 to a place of the polynomials that are 1 at one point and 0 at the others."""
    count = primitive.shape[0]
    before, now = 1.0, place
    for k in range(primitive.shape[1]):
        found[k] = primitive[0, k] + primitive[1, k] * place
    for degree in range(2, count):
        before, now = now, 2 * place * now - before
        for k in range(primitive.shape[1]):
            found[k] += primitive[degree, k] * now
