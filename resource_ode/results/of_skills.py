"""What a run says of some of its skills, by name."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..base.values import brief, listed
from ..base.words import nearest, printable, shortened

READ = ("level", "unlearned", "log_depth", "margin", "share", "exposure")


class OfSkills:
    """What a run says of one skill, or of several: `run["words"].level`.

    `level`, `unlearned`, `log_depth`, `margin`, `share` and `exposure` are those of the run: `(*batch, time)` for one
    name, `(*batch, time, name)` for a list. In members of a batch that have no skill of that name they are NaN.

    **Arguments:** `run`: a [`resource_ode.Trajectory`][]; `names`: a name or a list of names.

    **Raises:** `ValueError` for a name that no skill of the run has.
    """

    level: Array
    unlearned: Array
    log_depth: Array
    margin: Array
    share: Array
    exposure: Array

    def __init__(self, run: Any, names: Any):
        wanted = [names] if isinstance(names, str) else listed(names)
        if wanted is None:
            raise ValueError(f"skill: expected a name of a skill or a list of names, got {brief(names)}")
        self.run: Any = run
        self.names: Any = names if isinstance(names, str) else tuple(wanted)
        graph = run.model.graph
        held = graph.names or ()
        members = len(held) if held and not isinstance(held[0], str) else 1
        rows = [graph.skill_names(member) for member in range(members)]
        places = [{name: place for place, name in enumerate(row)} for row in rows]
        known = list(dict.fromkeys(name for row in rows for name in row if name))
        for name in wanted:
            if not isinstance(name, str) or not any(name in row for row in places) or not name:
                first = ", ".join(printable(shortened(other)) for other in known[:5])
                few = f" (there are {first}{', ...' if len(known) > 5 else ''})"
                hint = nearest(name, known, quote=repr)
                raise ValueError(f"skill: the run has no skill {brief(name)}{hint or few}")
        found = np.asarray([[row.get(name, -1) for name in wanted] for row in places])
        # (*batch of graphs or nothing, name)
        self._places = found.reshape((*graph.batch_shape, len(wanted))) if len(rows) > 1 else found[0]

    @property
    def ts(self) -> Array:
        """Training steps of the rows."""
        return self.run.ts

    def __getattr__(self, name: str) -> Any:
        if name not in READ:
            raise AttributeError(f"expected one of {', '.join(READ)}, got {name!r}{nearest(name, READ, quote=repr)}")
        values = getattr(self.run, name)
        places = np.broadcast_to(self._places[..., None, :], (*values.shape[:-1], self._places.shape[-1]))
        picked = jnp.take_along_axis(values, jnp.asarray(np.maximum(places, 0)), axis=-1)
        picked = jnp.where(places >= 0, picked, jnp.nan)
        return picked[..., 0] if isinstance(self.names, str) else picked

    def __repr__(self) -> str:
        names = [self.names] if isinstance(self.names, str) else self.names
        shape = (*self.run.batch_shape, self.run.ts.shape[0])
        return f"OfSkills({', '.join(printable(shortened(name)) for name in names)}; {shape} rows of {', '.join(READ)})"
