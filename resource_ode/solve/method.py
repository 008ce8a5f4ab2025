"""How a model may be solved, each way with the options that it has and no others."""

from __future__ import annotations

from typing import Any, ClassVar

import equinox as eqx

from ..base.annotations import AbstractAdjoint, AbstractSolver, AbstractStepSizeController, Numbers
from ..base.checks import whole_number
from ..base.values import brief
from ..base.words import nearest

# diffrax counts them in 32 bits, where JAX does
MOST_STEPS = 2**31 - 1


class AbstractMethod(eqx.Module):
    """A way to solve a model."""

    name: ClassVar[str]


class Auto(AbstractMethod):
    """The fastest way that applies.

    **Arguments:**

    - `tolerance`: bound of the level error (absolute); default 1e-6 in float64, 2e-4 in float32.
    """

    name: ClassVar[str] = "auto"
    tolerance: Numbers | None = None


class Cascade(AbstractMethod):
    """Quadrature in resource time, skill after skill: for all but interference and prerequisites that cross pools.

    The pieces of a schedule of the wasted resource share one cascade; a schedule of the frequency takes one for each,
    as does one of the wasted resource with more than 2048 skills. Both are left to the ODE where pieces are more than
    64, where the waste is 0 in one of them, or without the compiled loops.

    **Arguments:**

    - `tolerance`: bound of the level error (absolute); default 1e-6 in float64, 2e-4 in float32.

    **Example:**

    >>> import resource_ode as ro
    >>> model = ro.ResourceModel(ro.SkillGraph([[]]), [1.0], learning_rate=1e-3, wasted_resource=1e-6)
    >>> ro.simulate(model, [0.0, 500.0], method=ro.Cascade(tolerance=1e-5)).method.startswith("cascade")
    True
    """

    name: ClassVar[str] = "cascade"
    tolerance: Numbers | None = None


class Modes(AbstractMethod):
    """Eigenvectors of the overlaps, in resource time: for interference with mean squared error and competition "l1".

    Without initial levels, pools and schedules, and not under `jit`, `vmap` and `grad`, where the ODE serves. Levels
    are exact but for rounding, whose effect is estimated.

    **Arguments:**

    - `tolerance`: bound of the level error (absolute); default 1e-6 in float64, 2e-4 in float32.

    **Example:**

    >>> import resource_ode as ro
    >>> overlaps = [[1.0, 0.5], [0.5, 1.0]]
    >>> model = ro.ResourceModel(ro.SkillGraph([[], []]), [1.0, 0.5], 1e-2, 0.1, interference=overlaps)
    >>> ro.simulate(model, [0.0, 50.0], method=ro.Modes()).level[-1].round(3).tolist()
    [0.382, 0.31]
    """

    name: ClassVar[str] = "modes"
    tolerance: Numbers | None = None


class ODE(AbstractMethod):
    """Integration in training steps with diffrax: for every model with a positive wasted resource.

    **Arguments:**

    - `solver`: a diffrax solver; default `Tsit5`.
    - `controller`: a diffrax step-size controller; default a `PIDController` that fits the tolerance.
    - `adjoint`: a diffrax adjoint; by default one that allows both `jvp` and `vjp`.
    - `max_steps`: largest number of steps; default 100,000, and 4,096 under a transformation.
    - `tolerance`: bound of the level error (absolute); default 1e-6 in float64, 2e-4 in float32.

    **Example:**

    >>> import diffrax
    >>> import resource_ode as ro
    >>> model = ro.ResourceModel(ro.SkillGraph([[]]), [1.0], learning_rate=1e-3, wasted_resource=0.1)
    >>> run = ro.simulate(model, [0.0, 500.0], method=ro.ODE(solver=diffrax.Dopri5(), max_steps=1000))
    >>> round(float(run.level[-1, 0]), 3)
    0.442
    """

    name: ClassVar[str] = "ode"
    solver: AbstractSolver | None = None
    controller: AbstractStepSizeController | None = None
    adjoint: AbstractAdjoint | None = None
    max_steps: int | None = eqx.field(static=True, default=None)
    tolerance: Numbers | None = None

    def __check_init__(self) -> None:
        for name, kind in (
            ("solver", "AbstractSolver"),
            ("controller", "AbstractStepSizeController"),
            ("adjoint", "AbstractAdjoint"),
        ):
            value = getattr(self, name)
            if value is not None:
                import diffrax

                if not isinstance(value, getattr(diffrax, kind)):
                    raise ValueError(f"{name}: expected a diffrax.{kind}, got {brief(value)}")
        if self.max_steps is not None:
            whole_number("max_steps", self.max_steps, most=MOST_STEPS)


class Steps(AbstractMethod):
    r"""The discrete recursion $u \leftarrow \max(u - \eta r, 0)$ of sign descent, one row for each training step.

    **Example:**

    >>> import resource_ode as ro
    >>> model = ro.ResourceModel(ro.SkillGraph([[]]), [1.0], learning_rate=0.25, wasted_resource=0.0)
    >>> ro.simulate(model, range(5), method=ro.Steps()).level[:, 0].tolist()
    [0.0, 0.25, 0.5, 0.75, 1.0]
    """

    name: ClassVar[str] = "steps"


METHODS: dict[str, type[AbstractMethod]] = {kind.name: kind for kind in (Auto, Cascade, Modes, ODE, Steps)}
# without options: what makes a module takes longer than much of a small solve
PLAIN = {name: kind() for name, kind in METHODS.items()}


def as_method(method: Any, **options: Any) -> AbstractMethod:
    """A method as it is, or from its short name and the options that were given with it.

    An option of the ODE given with `"auto"` asks for the ODE.

    **Raises:** `ValueError` for an unknown method, or an option that it does not have.
    """
    given = {name: value for name, value in options.items() if value is not None}
    if isinstance(method, AbstractMethod):
        if given:
            name = next(iter(given))
            raise ValueError(
                f"{name}: with method={type(method).__name__}(...) it is an argument of that, not of the call"
            )
        return method
    if not isinstance(method, str) or method not in METHODS:
        hint = nearest(method, METHODS, quote=repr)
        raise ValueError(f"method: expected one of {', '.join(METHODS)}, got {brief(method)}{hint}")
    if method == "auto" and not given.keys() <= {"tolerance"}:
        return ODE(**given)
    for name in given:
        if name == "tolerance" and method == "steps":
            raise ValueError('tolerance: method="steps" has none, since its rows are the recursion itself')
        if name != "tolerance" and method != "ode":
            raise ValueError(f'{name}: only method="ode" takes it, got method={method!r}')
    return METHODS[method](**given) if given else PLAIN[method]
