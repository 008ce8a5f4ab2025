r"""Which parameters of a model are free, and how a vector of numbers becomes the models of all mixtures.

The vector holds logarithms of what is positive: $\ln\eta$; $\ln(N_0/(\eta\,\bar p^\gamma))$, the steps that a unit of
effort takes at the typical frequency $\bar p$, which curves show far better than $N_0$; $\ln\epsilon$, $\ln a$,
$\gamma$, $\ln\kappa_i$ and $w_{ij}$.

The scales of $\kappa$, $N_0$ and time are one: with both free, the geometric mean of $\kappa$, over tasks that rise, is
1 by convention.
"""

from __future__ import annotations

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..base.modules import with_fields
from ..graphs.graph import SkillGraph
from ..model.model import ResourceModel
from ..solve.simulation import simulate

PARAMETERS = (
    "learning_rate",
    "wasted_resource",
    "plateau",
    "gate_exponent",
    "frequency_power",
    "learnability",
    "prerequisite_strength",
)
# what is not free and not held is the paper's; a gate exponent that nothing is said of
PAPER = {"plateau": 1.0, "frequency_power": 1.0, "learnability": 1.0, "prerequisite_strength": 1.0}
GATE_EXPONENT = 0.1
# spread of ln kappa between tasks, and of those that have not risen (yet) from those that have
RIDGE, UNRISEN = 0.5, 1.0
# spread of the power of frequency
POWER = 0.5
# how much more slowly than otherwise a task is learned that a run never met
NEVER = 1e-12
# levels of the fit are this accurate
TOLERANCE = 1e-4


class Freedom(eqx.Module):
    """Free parameters of the model of a graph, met in several mixtures.

    `templates`: models of the constant mixtures (a batch), then one a schedule; `places`: which mixtures each serves;
    `held`: values of what is not free; `reference`: the typical frequency; `gauge`: weights of the mean of
    learnabilities (of their logarithms) that is 0 by convention; `unknown_power`: how logarithms of learnabilities
    depart together where runs of one mixture leave the power of frequency to them.
    """

    templates: tuple[ResourceModel, ...]
    held: dict[str, Array]
    reference: Float[Array, ""]
    met: Float[Array, "mixture task"]
    gauge: Float[Array, " task"]
    unknown_power: Float[Array, " task"]
    tasks: tuple[str, ...] = eqx.field(static=True)
    edges: tuple[tuple[int, int, int], ...] = eqx.field(static=True)  # child, parent, place among its prerequisites
    free: tuple[str, ...] = eqx.field(static=True)
    places: tuple[tuple[int, ...], ...] = eqx.field(static=True)

    @property
    def sizes(self) -> dict[str, int]:
        """How many numbers each free parameter has."""
        many = {"learnability": len(self.tasks), "prerequisite_strength": len(self.edges)}
        return {name: many.get(name, 1) for name in self.free}

    @property
    def relative(self) -> bool:
        """Whether only ratios of learnabilities are free, since the wasted resource carries their scale."""
        return "learnability" in self.free and "wasted_resource" in self.free

    def slices(self) -> dict[str, slice]:
        """Where in the vector each free parameter is."""
        found, at = {}, 0
        for name, size in self.sizes.items():
            found[name] = slice(at, at + size)
            at += size
        return found

    @property
    def size(self) -> int:
        return sum(self.sizes.values())

    def labels(self) -> list[str]:
        """A name for each number of the vector."""
        found = []
        for name in self.free:
            if name == "learnability":
                found += [f"learnability[{task}]" for task in self.tasks]
            elif name == "prerequisite_strength":
                pairs = [(self.tasks[parent], self.tasks[child]) for child, parent, _ in self.edges]
                found += [f"prerequisite_strength[{parent} -> {child}]" for parent, child in pairs]
            else:
                found.append(name)
        return found

    def with_rising(self, rising: Any) -> Freedom:
        """The same, where these tasks rise and set the scale of learnabilities: all, if none does."""
        return with_fields(self, gauge=_gauge(rising))

    # -- from the vector to parameters and models

    def parameters(self, x: Any) -> dict[str, Array]:
        """All parameters, those of `x` and those that are held."""
        at = self.slices()
        found = dict(self.held)

        def one(name: str) -> Any:
            return jnp.reshape(x[at[name]], ())

        if "learning_rate" in at:
            found["learning_rate"] = jnp.exp(one("learning_rate"))
        for name in ("plateau", "gate_exponent"):
            if name in at:
                found[name] = jnp.exp(one(name))
        if "frequency_power" in at:
            found["frequency_power"] = one("frequency_power")
        if "wasted_resource" in at:
            power = found.get("frequency_power", jnp.ones(()))
            found["wasted_resource"] = jnp.exp(one("wasted_resource")) * found["learning_rate"] * self.reference**power
        if "learnability" in at:
            logs = x[at["learnability"]]
            found["learnability"] = jnp.exp(logs - jnp.dot(self.gauge, logs) if self.relative else logs)
        if "prerequisite_strength" in at:
            graph = self.templates[0].graph
            strengths = jnp.ones((graph.skills, graph.fan_in))
            children, _, slots = (np.array(column) for column in zip(*self.edges, strict=True))
            found["prerequisite_strength"] = strengths.at[children, slots].set(x[at["prerequisite_strength"]])
        return found

    def models(self, x: Any) -> list[ResourceModel]:
        """The models of all mixtures, in the order of `places`."""
        found = self.parameters(x)
        models = []
        for template, places in zip(self.templates, self.places, strict=True):
            values = {name: value for name, value in found.items() if getattr(template, name) is not None}
            if template.learnability is not None:
                # what a run never met is not learned in it
                met = self.met[np.array(places)] if len(template.batch_shape) else self.met[places[0]]
                shape = np.broadcast_shapes(met.shape, jnp.shape(found.get("learnability", 1.0)))
                values["learnability"] = jnp.broadcast_to(found.get("learnability", jnp.ones(())), shape) * met
            models.append(with_fields(template, **values))
        return models

    def model_of(self, x: Any, frequency: Any) -> ResourceModel:
        """A model, checked, of one mixture or several `(*batch, task)`, none of them zero; or of a schedule."""
        found = {name: jnp.asarray(value) for name, value in self.parameters(jnp.asarray(x)).items()}
        return self.templates[0].replace(frequency=frequency, **found)

    def levels(self, x: Any, steps: Array) -> Float[Array, "mixture row task"]:
        """Levels of all mixtures."""
        parts = []
        for model, places in zip(self.models(x), self.places, strict=True):
            level = simulate(model, steps, tolerance=TOLERANCE).level
            parts.append((places, level if model.batch_shape else level[None]))
        order = np.argsort(np.concatenate([places for places, _ in parts]))
        return jnp.concatenate([level for _, level in parts])[order]

    # -- how far parameters may go, and what is likely

    def bounds(self, last: float) -> tuple[np.ndarray, np.ndarray]:
        """The least and most of each number, with the last step of the runs."""
        scale = math.log(last)
        each = {
            "learning_rate": (-scale - 4, -scale + 12),
            "wasted_resource": (scale - 20, scale + 6),
            "plateau": (math.log(1e-9), 0.0),
            "gate_exponent": (math.log(1e-4), math.log(1e3)),
            "frequency_power": (0.0, 3.0),
            "learnability": (-25.0, 25.0),
            "prerequisite_strength": (0.0, 1.0),
        }
        pairs = [each[name] for name, size in self.sizes.items() for _ in range(size)]
        return np.array([low for low, _ in pairs]), np.array([high for _, high in pairs])

    def ridge(self, last: float, prior: dict[str, tuple[float, float]], weaker: float = 1.0) -> tuple[Any, Any]:
        """What is likely, as rows `(A, b)` of least squares `A x - b`: the ridge on learnability, broad ranges of the
        rest, and what the caller knows; `weaker` spreads out all but the last.
        """
        scale, tasks = math.log(last), len(self.tasks)
        broad = {
            "learning_rate": (math.log(tasks) - scale + 1, 2.0),
            "wasted_resource": (scale - 3, 4.0),
            "plateau": (math.log(1e-2), 3.0),
            "gate_exponent": (math.log(0.3), 1.5),
            "frequency_power": (1.0, POWER),
            "prerequisite_strength": (0.8, 0.5),
        }
        at, rows, goals = self.slices(), [], []
        weights = np.asarray(self.gauge)

        def add(row: np.ndarray, goal: float, spread: float) -> None:
            rows.append(row / spread)
            goals.append(goal / spread)

        for name, places in at.items():
            known = name in prior
            center, spread = prior[name] if known else broad.get(name, (0.0, RIDGE))
            spread = spread if known else spread * weaker
            if name == "learnability":
                self._ridge_of_learnability(add, center, spread, 0.0 if known else weaker)
                row = np.zeros(self.size)
                row[places] = weights
                add(row, 0.0, 1.0 if self.relative else 3.0 * weaker)
                continue
            for place in range(places.start, places.stop):
                row = np.zeros(self.size)
                row[place] = 1
                if name == "wasted_resource" and known:
                    row, center_of = self.direction("wasted_resource")
                    add(row, center - center_of, spread)
                else:
                    add(row, center, spread)
        return np.stack(rows), np.array(goals)

    def _ridge_of_learnability(self, add: Any, center: float, spread: float, power: float) -> None:
        """Learnabilities beside the mean of tasks that rise: each by itself, and all together, `power` times as far as
        the power of frequency may be from 1 where that is unknown.
        """
        places, weights = self.slices()["learnability"], np.asarray(self.gauge)
        own = np.where(weights > 0, spread, max(spread, UNRISEN))
        together = np.asarray(self.unknown_power) * power
        together = together - weights @ together
        root = np.linalg.cholesky(np.linalg.inv(np.diag(own**2) + np.outer(together, together))).T
        for row, goal in zip(root @ (np.eye(len(weights)) - weights), root.sum(axis=1) * center, strict=True):
            whole = np.zeros(self.size)
            whole[places] = row
            add(whole, goal, 1.0)

    def direction(self, label: str) -> tuple[np.ndarray, float]:
        """The number that a label means, as a linear function `c x + b` of the vector (a logarithm where positive)."""
        at, row, shift = self.slices(), np.zeros(self.size), 0.0
        if label == "wasted_resource/learning_rate" or label == "wasted_resource":
            row[at["wasted_resource"]] = 1
            logs = float(jnp.log(self.reference))
            if "frequency_power" in at:
                row[at["frequency_power"]] = logs
            else:
                shift += logs * float(self.held.get("frequency_power", 1.0))
            if label == "wasted_resource":
                if "learning_rate" in at:
                    row[at["learning_rate"]] = 1
                else:
                    shift += math.log(float(self.held["learning_rate"]))
            return row, shift
        place = self.labels().index(label)
        row[place] = 1
        if label.startswith("learnability[") and self.relative:
            row[at["learnability"]] -= np.asarray(self.gauge)
        return row, 0.0


def freedom_of(
    graph: SkillGraph,
    tasks: tuple[str, ...],
    mixtures: list[Any],
    free: tuple[str, ...],
    held: dict[str, Any],
    rising: Any,
    power_known: bool = True,
) -> Freedom:
    """Free parameters of the models of these mixtures.

    **Arguments:** `held`: values of others, by the paper's where none is given; `rising`: which tasks rise, whose
    learnabilities set the scale; `power_known`: whether the power of frequency is free or stated, rather than 1 because
    runs of one mixture do not show it.
    """
    constant = [place for place, mixture in enumerate(mixtures) if mixture is None or isinstance(mixture, np.ndarray)]
    scheduled = [place for place in range(len(mixtures)) if place not in constant]
    frequencies = np.ones((len(mixtures), len(tasks)))
    for place, mixture in enumerate(mixtures):
        if isinstance(mixture, np.ndarray):
            frequencies[place] = mixture
        elif mixture is not None:
            frequencies[place] = np.asarray(mixture.values).max(axis=0)
    met = np.where(frequencies > 0, 1.0, NEVER)
    reference = float(np.exp(np.mean(np.log(frequencies[frequencies > 0]))))
    frequencies = np.where(frequencies > 0, frequencies, reference)
    values: dict[str, Any] = {}
    for name in PARAMETERS:
        if name in free:
            values[name] = 0.5
        elif name in held and not (name in PAPER and np.ndim(held[name]) == 0 and held[name] == PAPER[name]):
            # what is the paper's is left out: the compiled loops know the paper's model best
            values[name] = held[name]
    if graph.fan_in == 0:
        values.pop("prerequisite_strength", None)
    if (met < 1).any():
        values.setdefault("learnability", 1.0)
    values.setdefault("gate_exponent", GATE_EXPONENT)
    templates, places = [], []
    if constant:
        templates.append(ResourceModel(graph, frequencies[constant], **values))
        places.append(tuple(constant))
    for place in scheduled:
        templates.append(ResourceModel(graph, mixtures[place], **values))
        places.append((place,))
    first = templates[0]
    kept = {name: getattr(first, name) for name in PARAMETERS if name not in free and getattr(first, name) is not None}
    edges = tuple(
        (child, parent, slot) for child, row in enumerate(graph.prerequisite_lists()) for slot, parent in enumerate(row)
    )
    logs = np.log(frequencies).mean(axis=0)
    unknown = np.zeros(len(tasks)) if power_known else POWER * (logs - logs.mean())
    arrays = (jnp.asarray(reference), jnp.asarray(met), _gauge(rising), jnp.asarray(unknown))
    return Freedom(tuple(templates), kept, *arrays, tasks, edges, free, tuple(places))


def _gauge(rising: Any) -> Array:
    weights = np.asarray(rising, float)
    weights = weights if weights.any() else np.ones_like(weights)
    return jnp.asarray(weights / weights.sum())


@eqx.filter_jit
def levels_and_slopes(freedom: Freedom, x: Array, steps: Array) -> tuple[Array, Array]:
    """Levels `(mixture, row, task)`, and their derivatives `(mixture, row, task, number)` by the solver's own."""

    def twice(x: Array) -> tuple[Array, Array]:
        found = freedom.levels(x, steps)
        return found, found

    slopes, found = jax.jacfwd(twice, has_aux=True)(x)
    return found, slopes
