r"""From measured curves to a model: the wasted resource that explains them best, and how well it is known.

Least squares through the exact solution: the residuals are levels of `simulate` minus measured ones, their derivatives
the solver's own, and Levenberg-Marquardt (optimistix) works on $\ln N_0$, since waste spans decades.
"""

from __future__ import annotations

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from ..base.annotations import Given, Numbers
from ..base.checks import truth_value, whole_number
from ..base.modules import with_fields
from ..base.values import brief, checked_times
from ..model.model import ResourceModel
from ..model.schedule import Schedule
from ..solve.simulation import simulate

# where the search starts: the best of so many wastes, in units of the total frequency
STARTS = np.geomspace(1e-4, 1e2, 25)
# a waste outside is not told from these by any curve
LEAST, MOST = 1e-7, 1e5
# under jit a solve is not repeated where its error estimate exceeds the tolerance; so coarse an error may stand
TOLERANCE = 1e-3


class WasteFit(eqx.Module):
    r"""What [`resource_ode.fit_waste`][] found, one number for each curve (`(*batch,)`).

    **Fields:**

    - `wasted_resource`: $N_0$, in units of frequency.
    - `learning_rate`: $\eta$, fitted or as given.
    - `wasted_resource_error`, `learning_rate_error`: standard errors from the Jacobian, $s^2 (J^\top J)^{-1}$ with
        $s^2$ the residual variance; `inf` where the curves do not depend on the parameter, 0 for a rate that was given.
        They hold for independent residuals; those of a whole curve are alike over many rows, so that the spread over
        seeds is the better error bar where there are seeds.
    - `rms`: root mean square of the residuals, in levels.
    - `converged`: whether the last step was below the tolerance.
    - `model`: the fitted [`resource_ode.ResourceModel`][], `(*batch,)`.
    """

    wasted_resource: Float[Array, "*batch"]
    learning_rate: Float[Array, "*batch"]
    wasted_resource_error: Float[Array, "*batch"]
    learning_rate_error: Float[Array, "*batch"]
    rms: Float[Array, "*batch"]
    converged: Bool[Array, "*batch"]
    model: ResourceModel

    def __repr__(self) -> str:
        count = self.rms.size
        if count == 1:
            waste, error = float(self.wasted_resource.reshape(())), float(self.wasted_resource_error.reshape(()))
            found = f"N0 = {waste:.4g} +- {error:.2g}"
        else:
            low, high = float(self.wasted_resource.min()), float(self.wasted_resource.max())
            found = f"{count} curves, N0 from {low:.4g} to {high:.4g}"
        lost = count - int(jnp.sum(self.converged))
        return f"WasteFit({found}, rms {float(self.rms.max()):.2g}{f', {lost} not converged' if lost else ''})"


def fit_waste(
    levels: Numbers,
    ts: Numbers,
    model: Given[ResourceModel],
    *,
    fit_learning_rate: Given[bool] = False,
    max_steps: Given[int] = 64,
) -> WasteFit:
    r"""The wasted resource $N_0$ (and $\eta$, if asked) that best explains measured levels.

    $$ \min_{N_0} \sum_{t, i} \bigl(s_i^{\mathrm{measured}}(t) - s_i(t; N_0)\bigr)^2 $$

    **Arguments:**

    - `levels`: measured levels `(*batch, time, skill)`, each batch member (a seed) fitted on its own.
    - `ts`: `(time,)`, training steps.
    - `model`: a [`resource_ode.ResourceModel`][] with the graph, frequencies and $\eta$ of the curves; its batch axes
        broadcast against theirs. Its wasted resource is not used: the search starts from the best of 25 values, over
        six decades.

    **Other arguments:**

    - `fit_learning_rate`: whether to fit $\eta$ too, starting from the model's.
    - `max_steps`: of Levenberg-Marquardt.

    **Returns:** a [`WasteFit`][resource_ode.fitting.waste.WasteFit] with the batch axes of curves and model.
    $N_0$ stays between 1e-7 and 1e5 times the
    total frequency, since no curve tells what is beyond.

    **Raises:** `ValueError` for curves of another shape, or not finite; a model with pools, or with a schedule of
    $N_0$ or $\eta$.

    **Example:**

    >>> import numpy as np, resource_ode as ro
    >>> model = ro.ResourceModel(ro.SkillGraph([[], []]), [1.0, 0.1], learning_rate=0.01, wasted_resource=0.05)
    >>> ts = np.arange(0.0, 1001.0, 10.0)
    >>> fit = fit_waste(ro.simulate(model, ts).level, ts, model.replace(wasted_resource=1.0))
    >>> round(float(fit.wasted_resource), 4)
    0.05
    """
    if not isinstance(model, ResourceModel):
        raise ValueError(f"model: expected a ResourceModel, got {type(model).__name__}")
    if model.pool is not None:
        raise ValueError("model: expected one pool (one wasted resource to fit), got a model with pools")
    for name in ("learning_rate", "wasted_resource"):
        if isinstance(getattr(model, name), Schedule):
            raise ValueError(f"{name}: expected a number, got a schedule")
    both = truth_value("fit_learning_rate", fit_learning_rate)
    whole_number("max_steps", max_steps, most=2**31 - 1)
    times = checked_times(ts, model.dtype)
    curves = _array("levels", levels, model.dtype)
    if curves.ndim < 2 or curves.shape[-2:] != (times.size, model.skills):
        raise ValueError(
            f"levels: expected shape (*batch, {times.size}, {model.skills}), time by skill, got {curves.shape}"
        )
    if not np.all(np.isfinite(np.asarray(curves))):
        raise ValueError("levels: expected finite numbers, got NaN or infinity")
    try:
        shape = np.broadcast_shapes(model.batch_shape, curves.shape[:-2])
    except ValueError:
        raise ValueError(
            f"levels: batch axes {curves.shape[:-2]} do not broadcast with those of the model, {model.batch_shape}"
        ) from None
    members = model.replace(wasted_resource=jnp.ones(shape, model.dtype)).flat()
    flat = jnp.broadcast_to(curves, (*shape, *curves.shape[-2:])).reshape((math.prod(shape), *curves.shape[-2:]))
    found = [
        _fit(jax.tree.map(lambda x, k=k: x[k], members), flat[k], times, both=both, max_steps=max_steps)
        for k in range(len(flat))
    ]
    waste, rate, waste_error, rate_error, rms, converged = (
        jnp.stack(x).reshape(shape) for x in zip(*found, strict=True)
    )
    fitted = model.replace(wasted_resource=waste, learning_rate=rate)
    return WasteFit(waste, rate, waste_error, rate_error, rms, converged, fitted)


def _array(name: str, value: Any, dtype: Any) -> Array:
    try:
        return jnp.asarray(value, dtype)
    except (TypeError, ValueError):
        raise ValueError(f"{name}: expected numbers, got {brief(value)}") from None


@eqx.filter_jit
def _fit(model: Given[ResourceModel], curve: Array, ts: Array, *, both: bool, max_steps: int) -> tuple[Array, ...]:
    import optimistix

    given = model.learning_rate
    assert not isinstance(given, Schedule)
    scale = jnp.sum(jnp.where(model.graph.present, model.rate(), 0))
    least, most = jnp.log(LEAST * scale), jnp.log(MOST * scale)

    def parameters(logs: Array) -> tuple[Array, Array]:
        return jnp.exp(jnp.clip(logs[0], least, most)), jnp.exp(logs[1]) if both else given

    def residuals(logs: Array, _: Any = None) -> Array:
        waste, rate = parameters(logs)
        changed = with_fields(model, wasted_resource=waste, learning_rate=rate)
        found = simulate(changed, ts, tolerance=TOLERANCE).level
        return jnp.where(model.graph.present[None, :], found - curve, 0).reshape(-1)

    def logs_of(start: Array) -> Array:
        return jnp.stack([start, jnp.log(given)]) if both else start[None]

    starts = jnp.log(scale * jnp.asarray(STARTS, model.dtype))
    costs = jax.lax.map(lambda start: jnp.sum(residuals(logs_of(start)) ** 2), starts)
    small = float(jnp.finfo(model.dtype).eps) ** 0.5
    solver: Any = optimistix.LevenbergMarquardt(rtol=small, atol=small)
    start = logs_of(starts[jnp.nanargmin(costs)])
    solution = optimistix.least_squares(residuals, solver, start, max_steps=max_steps, throw=False)
    logs = solution.value
    left, slopes = residuals(logs), jax.jacfwd(residuals)(logs)
    information = slopes.T @ slopes
    # without information the error is infinite, not a failed inverse
    known = jnp.linalg.det(information) > 0
    eye = jnp.eye(logs.size, dtype=logs.dtype)
    inverse = jnp.linalg.inv(jnp.where(known, information, eye))
    freedom = max(curve.size - logs.size, 1)
    spread = jnp.sqrt(jnp.sum(left**2) / freedom * jnp.diagonal(inverse))
    waste, rate = parameters(logs)
    relative = jnp.where(known, spread, jnp.inf)
    rate_error = relative[1] * rate if both else jnp.zeros_like(rate)
    return (
        waste,
        rate,
        relative[0] * waste,
        rate_error,
        jnp.sqrt(jnp.mean(left**2)),
        solution.result == optimistix.RESULTS.successful,
    )
