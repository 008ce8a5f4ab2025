"""Where curves first reach a level: between rows, on rows, never; in NumPy and in JAX."""

import jax.numpy as jnp
import numpy as np
import pytest

from resource_ode.base.crossing import first_crossing

TIMES = np.array([0.0, 10.0, 20.0])
# rising, there from the start, never, back again, level for a while, not a number
CURVES = np.array(
    [[0.0, 0.6, 0.1, 0.0, 0.5, np.nan], [0.4, 0.7, 0.2, 0.8, 0.5, np.nan], [0.8, 0.9, 0.3, 0.0, 0.6, np.nan]]
)
BETWEEN = [12.5, 0.0, np.inf, 6.25, 0.0, np.inf]
ON_ROWS = [20.0, 0.0, np.inf, 10.0, 0.0, np.inf]


@pytest.mark.parametrize("numpy", [np, jnp])
@pytest.mark.parametrize(("between_rows", "expected"), [(True, BETWEEN), (False, ON_ROWS)])
def test_first_crossings(numpy, between_rows, expected):
    times, curves = numpy.asarray(TIMES), numpy.asarray(CURVES)
    found = first_crossing(times, curves, 0.5, between_rows=between_rows)
    np.testing.assert_allclose(found, expected)
    batch = first_crossing(times, numpy.stack([curves, curves[:, ::-1]]), 0.5, between_rows=between_rows)
    np.testing.assert_allclose(batch, [expected, expected[::-1]])
