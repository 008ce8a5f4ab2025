r"""Least squares on levels, with exact derivatives: from many starts, with the noise estimated on the way.

$$ \min_x \frac{1}{s^2 \lambda} \sum_{r, t, i} \bigl(s_i^{(r)}(t) - s_i(t; x)\bigr)^2 + |A x - b|^2 $$

$s^2$ is the residual variance, $\lambda = (1 + \rho)/(1 - \rho)$ what neighbouring rows have in common ($\rho$: the
correlation of residuals of neighbouring rows), and the last term the ridge.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .freedom import Freedom, levels_and_slopes
from .grid import Grid

# noise before it is known, and the least: what a fit without noise would leave
NOISE, LEAST_NOISE = 0.05, 1e-4
# starts that are looked at, that are refined a little, and that are refined to the end
LOOKED_AT, REFINED, FINISHED = 48, 4, 2
FEW_STEPS, MANY_STEPS = 12, 60
# what a row leaves is believed up to so large a say in what is fitted to it
MOST_SAY = 0.5
# how a profile holds its parameter: as a measurement with so small a spread
HELD = 1e-4
# levels far outside 0 to 1 are noise of a loss, which is not to outweigh everything
LEAST, MOST = -0.25, 1.25
# runs of so many rows more or less are one program
ROWS = 64
# levels and derivatives of so many places are kept: fits to seeds drawn anew all begin at one, and costs are asked for
# where a fit has just been
KEPT = 6


@dataclasses.dataclass(eq=False)
class Problem:
    """The least squares of a grid: data, weights and ridge."""

    freedom: Freedom
    grid: Grid
    prior: dict[str, tuple[float, float]]
    noise: float = NOISE
    alike: float = 1.0  # lambda
    weaker: float = 1.0

    def __post_init__(self) -> None:
        self._kept: dict[bytes, tuple[np.ndarray, np.ndarray]] = {}
        self.last: float = float(self.grid.steps[-1])
        beyond = self.last * (1 + 1e-3 * np.arange(1, 1 + -len(self.grid.steps) % ROWS))
        self.steps: jax.Array = jnp.asarray(np.append(self.grid.steps, beyond), self.freedom.reference.dtype)
        self.low: np.ndarray
        self.high: np.ndarray
        self.low, self.high = self.freedom.bounds(self.last)
        self.measure(self.grid)

    def measure(self, grid: Grid) -> None:
        """Fit to these levels, on the same rows."""
        met = np.asarray(self.freedom.met) >= 1
        levels = np.clip(grid.levels, LEAST, MOST)
        # what a run never met says nothing of how it is learned
        levels = np.where(met[grid.tried][:, None, :], levels, np.nan)
        self.grid = dataclasses.replace(grid, levels=levels)
        self.means: np.ndarray
        self.counts: np.ndarray
        self.means, self.counts = self.grid.means()
        self.root: np.ndarray = np.sqrt(self.counts)
        self.ridge: tuple[Any, Any] = self.freedom.ridge(self.last, self.prior, self.weaker)

    @property
    def numbers(self) -> int:
        """How many numbers were measured."""
        return int(self.counts.sum())

    def with_weaker(self, weaker: float) -> Problem:
        """The same with a ridge that is so much wider."""
        return dataclasses.replace(self, weaker=weaker)

    def with_noise_that_counts(self, x: np.ndarray) -> Problem:
        """The same with the noise of the rows that tell the parameters, where it is larger than that of all: accuracies
        near their ceiling have hardly any, tell nothing, and may be most of the rows.
        """
        slopes = self.slopes(x)
        shares = np.linalg.pinv(np.einsum("rk,rl->kl", slopes, slopes), hermitian=True)
        rows = slopes[: self.means.size].reshape(*self.means.shape, -1)
        # how much each mean level, and each run's, has a say in what is fitted to it
        says = np.einsum("mrtk,kl,mrtl->mrt", rows, shares, rows)
        own = np.minimum(says / np.maximum(self.counts, 1), MOST_SAY)
        squares = self.grid.summed(np.nan_to_num(self.left(x)) ** 2) / np.maximum(self.counts, 1)
        total = float(says.sum())
        noise = math.sqrt(float(np.sum(says * squares / (1 - own))) / total) if total > 0 else 0.0
        return dataclasses.replace(self, noise=max(noise, self.noise))

    # -- residuals

    def weight(self) -> float:
        return 1 / (self.noise * math.sqrt(self.alike))

    def levels(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Levels and their derivatives: one program gives both, and least squares asks for both at one place."""
        key = x.tobytes()
        known = self._kept.pop(key, None)
        if known is None:
            found, slopes = levels_and_slopes(self.freedom, jnp.asarray(x, self.steps.dtype), self.steps)
            rows = len(self.grid.steps)
            known = np.asarray(found, float)[:, :rows], np.asarray(slopes, float)[:, :rows]
            if len(self._kept) == KEPT:
                del self._kept[next(iter(self._kept))]
        # the latest comes last
        self._kept[key] = known
        return known

    def residuals(self, x: np.ndarray, held: Any = None) -> np.ndarray:
        levels, _ = self.levels(x)
        left = np.where(np.isfinite(levels), levels - self.means, 1.0) * self.root * self.weight()
        matrix, goal = self.ridge
        parts = [left.reshape(-1), matrix @ x - goal]
        if held is not None:
            parts.append(np.array([(held[0] @ x - held[1]) / HELD]))
        return np.concatenate(parts)

    def slopes(self, x: np.ndarray, held: Any = None) -> np.ndarray:
        _, slopes = self.levels(x)
        slopes = np.where(np.isfinite(slopes), slopes, 0.0) * (self.root * self.weight())[..., None]
        parts = [slopes.reshape(-1, x.size), self.ridge[0]]
        if held is not None:
            parts.append(held[0][None, :] / HELD)
        return np.concatenate(parts)

    def _reduced(self, x: np.ndarray, held: Any) -> tuple[np.ndarray, np.ndarray]:
        """As many rows as numbers, and one: with the sum of squares, gradient and J'J of all rows.

        Least squares sees no difference, and decomposes small matrices: those of all rows keep every core spinning.
        """
        residuals, slopes = self.residuals(x, held), self.slopes(x, held)
        values, vectors = np.linalg.eigh(np.einsum("rk,rl->kl", slopes, slopes))
        root = np.sqrt(np.maximum(values, 1e-15 * values[-1]))
        rows = (vectors.T @ np.einsum("rk,r->k", slopes, residuals)) / root
        rest = max(float(np.sum(residuals**2) - np.sum(rows**2)), 0.0)
        return np.append(rows, math.sqrt(rest)), np.concatenate([root[:, None] * vectors.T, np.zeros((1, x.size))])

    def cost(self, x: np.ndarray) -> float:
        return float(np.sum(self.residuals(x) ** 2))

    def solve(self, start: np.ndarray, held: Any = None, most: int = MANY_STEPS) -> np.ndarray:
        """The least squares near a start; `held`: `(c, v)` for `c x = v`."""
        import scipy.optimize

        inside = 1e-9 * (self.high - self.low)
        start = np.clip(start, self.low + inside, self.high - inside)
        found = scipy.optimize.least_squares(
            lambda x: self._reduced(x, held)[0],
            start,
            jac=lambda x: self._reduced(x, held)[1],  # pyright: ignore[reportArgumentType]
            bounds=(self.low, self.high),
            x_scale="jac",
            max_nfev=most,
            xtol=1e-7,
            ftol=1e-9,
            gtol=1e-12,
        )
        return found.x

    # -- noise

    def left(self, x: np.ndarray) -> np.ndarray:
        """Levels of the model minus those measured, `(run, row, task)`."""
        return self.levels(x)[0][self.grid.tried] - self.grid.levels

    def set_noise(self, x: np.ndarray) -> None:
        """Take the noise and its correlation from what a fit leaves."""
        left = self.left(x)
        known = np.isfinite(left)
        squares = float(np.sum(np.where(known, left, 0) ** 2))
        least = LEAST_NOISE if self.steps.dtype == jnp.float64 else 1e-3
        self.noise = max(math.sqrt(squares / max(known.sum() - x.size, 1)), least)
        both = known[:, 1:] & known[:, :-1]
        pairs = np.where(both, left[:, 1:] * left[:, :-1], 0)
        power = np.where(both, (left[:, 1:] ** 2 + left[:, :-1] ** 2) / 2, 0).sum()
        together = float(pairs.sum() / power) if power > 0 else 0.0
        rows = max(np.median(known.sum(axis=1)), 2)
        # what pure noise would have by chance does not count
        together = together if together > 2 / math.sqrt(max(both.sum(), 1)) else 0.0
        self.alike = float(np.clip((1 + together) / (1 - min(together, 0.999)), 1, rows / 4 if rows > 4 else 1))

    # -- starts

    def starts(self) -> np.ndarray:
        """Vectors to begin from, spread over what is likely; times of the curves place the learnabilities."""
        freedom, at = self.freedom, self.freedom.slices()
        random = np.random.default_rng(0)
        times, weights = self._times()
        typical = float(np.exp(np.mean(np.log(times[np.isfinite(times)])))) if np.isfinite(times).any() else self.last
        matrix, goal = self.ridge
        middle = np.linalg.lstsq(matrix, goal, rcond=None)[0]
        found = []
        for number in range(LOOKED_AT):
            x = middle.copy()
            plateau = 10 ** -(0.15 + number % 4) if "plateau" in at else float(freedom.held.get("plateau", 1.0))
            if "plateau" in at:
                x[at["plateau"]] = math.log(plateau)
            if "learning_rate" in at:
                wait = self.last / len(freedom.tasks) * (0.02, 0.2, 0.8)[number // 4 % 3]
                x[at["learning_rate"]] = -math.log(wait)
            if "gate_exponent" in at:
                x[at["gate_exponent"]] = math.log((0.03, 0.5, 5.0)[number // 12 % 3])
            power = float(freedom.held.get("frequency_power", 1.0))
            if "frequency_power" in at:
                power = (1.0, 0.5)[number % 2]
                x[at["frequency_power"]] = power
            if "wasted_resource" in at:
                x[at["wasted_resource"]] = math.log(typical / math.log1p(1 / plateau)) + 0.4 * random.standard_normal()
            if "learnability" in at and number % 3:
                logs = np.where(np.isfinite(times), -np.log(np.where(np.isfinite(times), times, 1)), np.nan)
                late = np.log(2 * self.last)
                logs = np.where(np.isfinite(logs), logs, -late) - power * weights
                x[at["learnability"]] = 0.7 * (logs - logs.mean())
            found.append(np.clip(x, self.low, self.high))
        return np.array(found)

    def _times(self) -> tuple[np.ndarray, np.ndarray]:
        """When each task is at level 1/2, `inf` if never, and the logarithm of its frequency; means over mixtures."""
        times = np.full(self.means.shape[::2], math.inf)
        for place, task in np.ndindex(*times.shape):
            above = (self.means[place, :, task] >= 0.5) & (self.counts[place, :, task] > 0)
            if above.any():
                times[place, task] = max(self.grid.steps[int(np.argmax(above))], self.grid.steps[1] / 2)
        logs = np.zeros((len(self.grid.mixtures), len(self.grid.names)))
        for place, mixture in enumerate(self.grid.mixtures):
            if isinstance(mixture, np.ndarray):
                logs[place] = np.log(np.where(mixture > 0, mixture, 1))
        with np.errstate(invalid="ignore"):
            spread = np.log(times)
        finite = np.isfinite(spread)
        mean = np.where(finite, spread, 0).sum(axis=0) / np.maximum(finite.sum(axis=0), 1)
        return np.where(finite.any(axis=0), np.exp(mean), math.inf), logs.mean(axis=0)

    def search(self) -> np.ndarray:
        """The best vector found from all starts, with the noise that it leaves."""
        rows = max(float(np.median((self.counts > 0).sum(axis=1))), 1)
        self.alike = max(rows / 10, 1.0)
        many = self.starts()
        costs = [self.cost(x) for x in many]
        refined = [self.solve(many[k], most=FEW_STEPS) for k in np.argsort(costs)[:REFINED]]
        costs = [self.cost(x) for x in refined]
        best = [self.solve(refined[k]) for k in np.argsort(costs)[:FINISHED]]
        x = min(best, key=self.cost)
        for _ in range(2):
            self.set_noise(x)
            x = self.solve(x)
        self.set_noise(x)
        return x
