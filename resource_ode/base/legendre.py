"""Gauss-Legendre quadrature on [-1, 1], with the constant matrices that act on values at its nodes."""

from __future__ import annotations

import functools

import numpy as np

# nodes of a panel of the solve, and of the coarse solve that places the panels
NODES = 8
COARSE_NODES = 4
# of the search for the place where an integral reaches a value: from a chord between neighbouring nodes each step
# squares the error, so that four go from a few per cent to rounding
NEWTON_STEPS = 4


@functools.cache
def gauss_legendre(count: int = NODES) -> dict[str, np.ndarray]:
    """Gauss-Legendre nodes on [-1, 1] and the constant matrices that act on values at them."""
    nodes, weights = np.polynomial.legendre.leggauss(count)
    legendre = np.polynomial.legendre.legvander(nodes, count - 1)
    # values -> Legendre coefficients, exactly inverted by the quadrature
    to_legendre = (legendre * weights[:, None]).T * (np.arange(count) + 0.5)[:, None]
    integral = np.zeros((count + 1, count))  # Legendre coefficients of the integral from -1
    for degree in range(count):
        unit = np.zeros(count)
        unit[degree] = 1
        integral[:, degree] = np.pad(np.polynomial.legendre.legint(unit, lbnd=-1), (0, count + 1))[: count + 1]
    to_powers = np.stack(
        [np.pad(np.polynomial.legendre.leg2poly(row), (0, count + 1))[: count + 1] for row in np.eye(count + 1)]
    )
    primitive = integral @ to_legendre  # values -> Legendre coefficients of the integral
    cumulative = np.polynomial.legendre.legvander(nodes, count) @ primitive
    return {
        "nodes": nodes,
        "weights": weights,
        "tail": to_legendre[-4:],
        "left": np.polynomial.legendre.legvander(np.array([-1.0]), count - 1)[0] @ to_legendre,  # values -> that at -1
        "everything": np.concatenate([cumulative, weights[None], to_legendre[-4:]]),
        "cumulative": cumulative,
        "powers": to_powers.T @ primitive,  # values -> coefficients of z^0 .. z^count of the integral
    }
