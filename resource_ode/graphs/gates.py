"""How the gates of a skill's prerequisites combine: how far they open the way together."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, TypeAlias

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ..base.annotations import Given, Numbers
from ..base.largest import largest

# how prerequisites combine, as users say it: for all skills, or for each
Gate: TypeAlias = Given["str | Sequence[str] | AbstractGate"] | Numbers
Gates = Float[Array, "skill fan_in *node"]
Required = Bool[Array, "skill fan_in ..."]
Openings = Float[Array, "skill *node"]


class AbstractGate(eqx.Module):
    r"""A way to combine the gates $g_j = 1 - u_j^a$ of the prerequisites of a skill into its opening $c_i$.

    For one of your own define `name` and `combine`, and pass it as `SkillGraph(..., gate=MyGate())`, for all skills of
    a graph. The opening must not fall when a gate opens, be 0 while all are shut and 1 when all are open, and be at
    least the product of the gates.
    """

    name: ClassVar[str]

    @abstractmethod
    def combine(self, gates: Gates, required: Required) -> Openings:
        """Openings of skills that have prerequisites.

        **Arguments:**

        - `gates`: of the prerequisites, in [0, 1], `(skill, fan_in, *node)`; `node` are axes of no concern.
        - `required`: which of them are prerequisites and not padding; axes of length 1 for `node`.
        """


class AllGates(AbstractGate):
    """The product: every prerequisite has to be there."""

    name: ClassVar[str] = "all"

    def combine(self, gates: Gates, required: Required) -> Openings:
        return jnp.prod(jnp.where(required, gates, 1), axis=1)


class AnyGate(AbstractGate):
    """The maximum: one prerequisite is enough."""

    name: ClassVar[str] = "any"

    def combine(self, gates: Gates, required: Required) -> Openings:
        return largest(gates, jnp.broadcast_to(required, gates.shape), 1)


ALL, ANY = AllGates(), AnyGate()
# short names: a graph may mix these, one for each skill
GATES = (ALL.name, ANY.name)


def combine_gates(
    gates: Gates,
    required: Bool[Array, "skill fan_in"],
    any_gate: Bool[Array, " skill"] | None,
    own: AbstractGate | None = None,
) -> Openings:
    """The opening of each skill; 1 for a skill without prerequisites."""
    extra = (1,) * (gates.ndim - 2)
    required = required.reshape(required.shape + extra)
    free = ~jnp.any(required, axis=1)
    if own is not None:
        return jnp.where(free, 1, own.combine(gates, required))
    both = ALL.combine(gates, required)
    if any_gate is None:
        return both
    return jnp.where(any_gate.reshape(any_gate.shape + extra) & ~free, ANY.combine(gates, required), both)
