"""Models that start where others have come to."""

from __future__ import annotations

from jaxtyping import Array, Float

from ...model.model import ResourceModel


class BegunModel(ResourceModel):
    """A model whose skills start at efforts, which stand in place of initial levels: no level next to 1 tells how far
    the gate behind it is open, since that depends on a small power of what is left to learn.
    """

    def initial_effort(self) -> Float[Array, " skill"]:
        """Effort at the start."""
        assert self.initial_level is not None
        return self.initial_level


class PausedModel(BegunModel):
    """One of which some skills may stand still: those that are slower than the part `STANDING` of the fastest."""


def begun(model: ResourceModel, effort: Array, *, pauses: bool = False) -> BegunModel:
    """A model that starts at efforts, as many as it has skills."""
    found = object.__new__(PausedModel if pauses else BegunModel)
    vars(found).update(vars(model) | {"initial_level": effort})
    return found
