r"""What skills compete for: the denominator of their shares.

==========  ==================================  ==========================================
name        denominator                         source
==========  ==================================  ==========================================
``"l1"``    $\sum_j f_j + N_0$                  Liu et al. 2025
``"l2"``    $\sqrt{\sum_j f_j^2 + N_0^2}$       sign descent on orthonormal tasks; derived here
==========  ==================================  ==========================================
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..base.values import brief
from ..base.words import nearest

Values = Float[Array, "..."]


class AbstractCompetition(eqx.Module):
    """A denominator common to all skills of a pool, `total(sum of parts, waste)`.

    It must scale with its arguments: `total(sum_j part(k f_j), k N0) = k total(sum_j part(f_j), N0)`. For a competition
    of your own define the two methods and the class variables, and pass it as
    `ResourceModel(..., competition=MyCompetition())`.
    """

    # what results and files call it
    name: ClassVar[str]
    # whether the denominator is demand plus waste, so that everything spent is learned or wasted
    has_budget_law: ClassVar[bool] = False

    @abstractmethod
    def part(self, competitiveness: Values) -> Values:
        """What one skill adds to the sum."""

    @abstractmethod
    def total(self, parts: Values, waste: Values) -> Values:
        """The denominator, from the sum of the parts and the wasted resource."""


class SumOfDemands(AbstractCompetition):
    """The paper's competition, `F + N0`."""

    name: ClassVar[str] = "l1"
    has_budget_law: ClassVar[bool] = True

    def part(self, competitiveness: Values) -> Values:
        return competitiveness

    def total(self, parts: Values, waste: Values) -> Values:
        return parts + waste


class LengthOfDemands(AbstractCompetition):
    """The competition of sign descent, `sqrt(sum f^2 + N0^2)`."""

    name: ClassVar[str] = "l2"

    def part(self, competitiveness: Values) -> Values:
        return competitiveness**2

    def total(self, parts: Values, waste: Values) -> Values:
        squares = parts + waste**2
        # the root has no derivative at 0
        return jnp.where(squares > 0, jnp.sqrt(jnp.where(squares > 0, squares, 1)), 0)


COMPETITIONS: dict[str, AbstractCompetition] = {rule.name: rule for rule in (SumOfDemands(), LengthOfDemands())}


def as_competition(value: Any) -> AbstractCompetition:
    """A competition by its short name, or as it is.

    **Raises:** `ValueError` for anything else.
    """
    if isinstance(value, AbstractCompetition):
        return value
    if not isinstance(value, str) or value not in COMPETITIONS:
        hint = nearest(value, COMPETITIONS, quote=repr)
        raise ValueError(f'competition: expected "l1" or "l2", got {brief(value)}{hint}')
    return COMPETITIONS[value]
