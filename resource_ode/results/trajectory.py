"""What a run holds, and what is derived from it.

A trajectory stores the times, one state a skill (the exposure), the clock, a result code and its model. Levels, shares
and the rest are derived when they are read: a large ensemble pays for what is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, overload

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .. import native
from ..base import html, members, pieces, programs
from ..base.annotations import Dataset, FilePath, Given
from ..base.tracing import is_concrete
from ..base.words import said_step
from ..model.labels import LabelledBatch, Labels
from ..model.model import ResourceModel
from ..model.picking import batch_of_one
from .of_skills import OfSkills
from .outcome import RESULTS, RunFailed, result_names

OF_SKILLS = ("state", "level", "unlearned", "progress", "log_depth", "share")


class Trajectory(LabelledBatch):
    r"""A run, or a batch of runs, of a [`resource_ode.ResourceModel`][].

    Stored: `ts` `(time,)`; `state` `(*batch, time, skill)`, the exposure; `clock` `(*batch, time)`, resource time
    $\tau$; `result`; `model`; `method`, which says which path ran and why. Derived on access:

    - `level`, `unlearned`, `log_depth`, `share`: `(*batch, time, skill)`, dimensionless;
    - `waste` (wasted share of the resource), `loss`, `budget_residual`: `(*batch, time)`.

    With pools, `clock`, `waste` and `budget_residual` have a last pool axis. Skills that only pad a batch are NaN, and
    so is every value of a member that failed, but for one that is `inaccurate`: it keeps its values, to look at.
    `run[i]` is member `i` without its padding.

    **Example:**

    >>> import resource_ode as ro
    >>> graph = ro.SkillGraph({"walk": [], "run": ["walk"]})
    >>> model = ro.ResourceModel(graph, [1.0, 1.0], 1e-3, wasted_resource=[1e-6, 0.1], gate_exponent=0.1)
    >>> run = ro.simulate(model, [0.0, 500.0, 1000.0])
    >>> run.batch_shape, run.names, run.level.shape
    ((2,), ('walk', 'run'), (2, 3, 2))
    """

    ts: Float[Array, " time"]
    state: Float[Array, "*batch time skill"]
    clock: Float[Array, "..."]
    spent: Float[Array, "..."] | None
    result: Any
    model: ResourceModel
    kind: Literal["exposure", "direct"] = eqx.field(static=True)
    method: str = eqx.field(static=True)

    # -- derived quantities

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """Shape of the batch axes: `()` for one run."""
        return self.state.shape[:-2]

    @property
    def labels(self) -> Labels:
        """Names and coordinates of the batch axes, those of the model."""
        return self.model.labels

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the skills (of the first member, where members differ)."""
        return self.model.graph.skill_names()

    @property
    def exposure(self) -> Float[Array, "*batch time skill"]:
        r"""Exposure $X$, $dX_i/d\tau = c_i$, resource-time units.

        **Raises:** `ValueError` for runs with interference and discrete steps, which hold the unlearned fraction (or
        margin).
        """
        if self.kind != "exposure":
            raise ValueError(
                "exposure: this run holds the unlearned fraction (MSE) or margin (cross entropy), read level instead"
            )
        return self._map("state")

    @property
    def level(self) -> Float[Array, "*batch time skill"]:
        """Learned fraction $s = 1 - u$; for cross entropy $\\tanh(l/2)$."""
        return self._map("level")

    @property
    def unlearned(self) -> Float[Array, "*batch time skill"]:
        """Unlearned fraction $u$, accurate in relative terms however small (never computed as 1 - level)."""
        return self._map("unlearned")

    @property
    def log_depth(self) -> Float[Array, "*batch time skill"]:
        """$D = -\\ln u$ (with interference, NaN while $u \\le 0$)."""
        return self._map("log_depth")

    @property
    def margin(self) -> Float[Array, "*batch time skill"]:
        """Cross entropy's margin $l$. **Raises:** `ValueError` for MSE."""
        if self.model.law.state_name != "margin":
            raise ValueError('margin: only a model with loss="cross_entropy" has one')
        return self._map("progress")

    @property
    def share(self) -> Float[Array, "*batch time skill"]:
        """Share $r_i$ of the resource that each skill takes; with interference it may be negative."""
        return self._map("share")

    @property
    def waste(self) -> Float[Array, "..."]:
        """Wasted share $N_0/(F + N_0)$ of the resource, `(*batch, time)` (with pools a last pool axis)."""
        return self._map("waste", self.clock)

    @property
    def loss(self) -> Float[Array, "*batch time"]:
        """$\\sum_i p_i u_i^2$, or $\\sum_i p_i \\ln(1 + e^{-l_i})$ for cross entropy, at the frequencies in force."""
        return self._map("loss")

    @property
    def budget_residual(self) -> Float[Array, "..."]:
        r"""$(\mathrm{learned} + N_0 \tau - \eta t)/\max(\eta t, 1)$: 0 but for the error of the solve.

        Learned is the sum of the levels (MSE), of the margins (cross entropy), or the integral of $F\,d\tau$
        (interference). With a schedule of $N_0$ or $\eta$ both sides are integrals. With "l2" there is no budget law;
        the residual is that of $\eta t = \int \sqrt{\sum f^2 + N_0^2}\, d\tau$. Where nothing is left to learn and
        nothing is wasted, nothing is spent either: there the law ends, at $\eta t$ = learned.
        """
        return self._map("budget_residual", self.clock, self.spent)

    # -- checks

    def check(self) -> Trajectory:
        """This run, if every member succeeded.

        **Raises:** [`resource_ode.RunFailed`][] with a summary such as "2 of 300 runs failed: 2 The solver used up its
        steps ...".
        """
        summary = self.failures()
        if summary:
            raise RunFailed(summary)
        return self

    def failures(self) -> str:
        """One line that counts the failed members by reason; empty if there are none."""
        which = {name: self.result == getattr(RESULTS, name) for name in result_names()[1:]}
        reasons = {name: int(np.sum(np.asarray(found))) for name, found in which.items()}
        failed = sum(reasons.values())
        if not failed:
            return ""
        total = int(np.prod(self.batch_shape))
        why = "; ".join(f"{count}: {RESULTS[getattr(RESULTS, name)]}" for name, count in reasons.items() if count)
        return f"{failed} of {total} run{'s' * (total != 1)} failed. {why}"

    # -- members, labels and files

    @overload
    def __getitem__(self, index: str | list[str]) -> OfSkills: ...
    @overload
    def __getitem__(self, index: int | slice | Array | np.ndarray | tuple[Any, ...] | list[int]) -> Trajectory: ...
    def __getitem__(self, index: Any) -> Trajectory | OfSkills:
        """Member `index` of a batch, without its padding; or several, as [`resource_ode.ResourceModel`][] is indexed.

        The name of a skill, or a list of names, gives what the run says of these skills: see
        [`resource_ode.results.of_skills.OfSkills`][].

        **Raises:** `IndexError` for an index that does not fit the batch; `ValueError` for a name that no skill has.
        """
        if isinstance(index, str) or (isinstance(index, list) and index and isinstance(index[0], str)):
            return OfSkills(self, index)
        batch = self.batch_shape
        one, chosen = members.is_one(batch, index), members.positions(batch, index)
        axes = 1 + (self.model.pool is not None)

        def pick(value: Any, axes: int) -> Any:
            return members.take(value, axes, batch, chosen)

        state = pick(self.state, 2)
        if one and is_concrete(self.model.graph.present):
            present = pick(self.model.graph.present, 1)
            # the model's member has no padding either
            state = state if np.all(np.asarray(present)) else state[..., np.flatnonzero(np.asarray(present))]
        return Trajectory(
            pick(self.ts, 1),
            state,
            pick(self.clock, axes),
            pick(self.spent, axes),
            jax.tree.map(lambda value: pick(value, 0), self.result),
            self.model[index],
            self.kind,
            self.method,
        )

    @overload
    def sel(self, *, method: str | None = None, skill: None = None, **wanted: Any) -> Trajectory: ...
    @overload
    def sel(self, *, method: str | None = None, skill: Given[str | Sequence[str]], **wanted: Any) -> OfSkills: ...
    def sel(self, *, method: str | None = None, skill: Any = None, **wanted: Any) -> Any:
        """Members by coordinate, and skills by name.

        **Arguments:**

        - `method`, axes by name: as of [`resource_ode.ResourceModel`][]`.sel`.
        - `skill`: a name, or a list of names; the result is then that of `run[name]`.

        **Raises:** `ValueError` for an axis, a coordinate or a name that is not there.
        """
        found = super().sel(method=method, **wanted)
        return found if skill is None else OfSkills(found, skill)

    def inner_coordinates(self) -> dict[str, np.ndarray]:
        """The axes that results have behind the batch axes, and what stands along them."""
        return {"time": np.asarray(self.ts), **self.model.inner_coordinates()}

    def to_xarray(self) -> Dataset:
        """A labelled `xarray.Dataset`; see [`resource_ode.results.dataset.to_xarray`][]."""
        from .dataset import to_xarray

        return to_xarray(self)

    def save(self, path: FilePath) -> None:
        """Write to netCDF (`.nc`) or CSV (`.csv`, one run); see [`resource_ode.results.files.save`][]."""
        from .files import save

        save(self, path)

    def __repr__(self) -> str:
        if not is_concrete(self.state):
            return f"Trajectory(traced, {self.state.shape})"
        batch = f"batch {self.batch_shape}, " if self.batch_shape else ""
        stored = sum(x.nbytes for x in (self.state, self.clock))
        size = f"{stored / 2**20:.1f} MiB" if stored > 2**18 else f"{stored / 2**10:.1f} KiB"
        until = said_step(float(np.asarray(self.ts)[-1]))
        lines = [
            f"Trajectory({batch}{self.ts.shape[0]} times up to {until} training steps, {self.model.skills} skills, "
            f"{self.state.dtype}, {size})",
            f"  method: {self.method}",
            f"  model: {self.model!r}",
            f"  {self.failures() or 'all runs succeeded' if self.batch_shape else self.failures() or 'succeeded'}",
        ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        shape, names = self.state.shape, self.model.graph.skill_names()
        if not is_concrete(self.state, self.ts):
            return html.table("Trajectory", [("traced", shape)])
        times = np.asarray(self.ts)
        axes = ", ".join(f"{name} ({len(values)})" for name, values in self.coordinates.items())
        return html.table(
            "Trajectory",
            [
                *([("batch", f"{self.batch_shape} {axes}")] if self.batch_shape else []),
                (
                    "times",
                    f"{shape[-2]:,}, from {times[0]:g} to {times[-1]:g} training steps",
                ),
                ("skills", f"{shape[-1]:,}: {html.names(names, shape[-1])}"),
                ("method", self.method),
                ("result", self.failures() or ("all runs succeeded" if self.batch_shape else "succeeded")),
                ("read", "level, share, waste, loss, ...; to_xarray(), save(path), sel(...)"),
            ],
        )

    # -- how a function of one member is mapped over the batch

    def _map(self, name: str, *of_pools: Array | None) -> Array:
        """A derived quantity of every member, for which the last axis of `of_pools`, and of what comes of them, is one
        of pools, if there are any.
        """
        shape, pools = self.batch_shape, self.model.pool is not None
        members = int(np.prod(shape))

        def flat(x: Any) -> Any:
            return pieces.hosted(x).reshape((members, *x.shape[len(shape) :]))

        def with_pool(x: Any) -> Any:
            return None if x is None else flat(x) if pools else flat(x)[..., None]

        if name == "level" and self.kind == "exposure" and is_concrete(self) and native.serves_levels(self.model):
            # in NumPy another shape is no copy
            model = jax.tree.map(np.asarray, self.model).flat() if shape else batch_of_one(self.model)
            found = native.levels(model, np.asarray(flat(self.state)))
        else:
            found = _derive(name, self.kind, self.model.flat(), self.ts, flat(self.state), *map(with_pool, of_pools))
        found = pieces.hosted(found)
        found = found[..., 0] if of_pools and not pools else found
        return pieces.reshaped(found, shape + found.shape[1:])


@programs.compiled
def _derive(name: str, kind: str, models: ResourceModel, ts: Array, state: Array, *more: Array | None) -> Array:
    """One derived quantity of every member at every time; NaN for absent skills where it has skills."""

    def member(model: ResourceModel, state: Array, *more: Array | None) -> Array:
        present = model.graph.present
        # absent skills are NaN as stored: a zero in their place keeps NaN out of the derivatives of the others
        held = jnp.where(present, state, 0)
        values = jax.vmap(lambda x, t, *others: _at_one_time(name, kind, model, x, t, *others))(held, ts, *more)
        return jnp.where(present, values, jnp.nan) if name in OF_SKILLS else values

    return jax.vmap(member)(models, state, *more)


def _at_one_time(name: str, kind: str, model: ResourceModel, state: Array, time: Array, *more: Any) -> Array:
    """One derived quantity of one member at one time, from its exposures or from the unlearned fractions (margins)."""
    law, exposed = model.law, kind == "exposure"
    if exposed and name not in ("state", "log_depth"):
        # without waste exposure ends at infinity, where no derivative is defined; this leaves nothing unlearned either
        slowest = model.rate() if (after := model.rate_after()) is None else jnp.minimum(model.rate(), after)
        enough = law.effort_for_depth(jnp.full_like(slowest, 2e3)) / slowest
        state = jnp.where(jnp.isinf(state), enough, state)
    effort = model.effort(state) if exposed else state
    if name == "state":
        return state
    if name in ("level", "unlearned", "progress"):
        return getattr(law, name if exposed else f"direct_{name}")(effort)
    if name == "log_depth":
        return law.log_depth(effort) if exposed else -jnp.log(law.direct_unlearned(state))
    if name in ("share", "waste"):
        found = model.competitiveness(state, time) if exposed else model.direct_competitiveness(state, time)
        share = model.shares(found, model.waste_at(time))[name == "waste"]
        # where the run was lost its clock is NaN, and so is what was wasted by it
        return jnp.where(jnp.isnan(more[0]), jnp.nan, share) if name == "waste" else share
    if name == "loss":
        pace = model.pace(state, time) if exposed else model.direct_pace(state, time)
        values = law.value(effort) if exposed else law.direct_value(state)
        return jnp.sum(jnp.where(model.graph.present, pace * values, 0))
    assert name == "budget_residual"
    return budget_residual(model, state, time, *more, exposed=exposed)


def budget(model: ResourceModel, time: Array) -> Float[Array, " pool"]:
    r"""What there was to spend by a time, $\int \eta\, dt$."""
    return _integral(model, "learning_rate", time)


def budget_residual(
    model: ResourceModel, state: Array, time: Array, clock: Array, spent: Array | None, *, exposed: bool
) -> Float[Array, " pool"]:
    """`Trajectory.budget_residual` of one member at one time; `exposed` where the state is the exposure."""
    given = budget(model, time)
    # beyond all numbers there is no clock, but everything has long been learned
    over = jnp.isinf(clock)
    if spent is None:
        if exposed:
            gained = model.gained(state)
        else:
            gained = model.law.direct_progress(state) - model.law.direct_progress(model.initial_direct())
        waste = model.waste_at()
        wasting = (waste > 0) & ~over
        spent = model.by_pool(jnp.where(model.graph.present, gained, 0))
        spent = spent + jnp.where(wasting, waste * jnp.where(wasting, clock, 0), 0)
    due = jnp.where(over, jnp.minimum(given, spent), given)
    return (spent - due) / jnp.maximum(given, 1)


def _integral(model: ResourceModel, name: str, time: Array) -> Float[Array, " pool"]:
    r"""$\int_0^t$ of a rate that may be a schedule."""
    value = getattr(model, name)
    if not hasattr(value, "times"):
        return jnp.broadcast_to(value, (model.pools,)) * time
    ends = jnp.append(value.times[1:], jnp.asarray(jnp.inf, value.times.dtype))
    spans = jnp.clip(jnp.minimum(ends, time) - value.times, 0)
    return jnp.broadcast_to(jnp.sum(value.values * spans), (model.pools,))
