"""Curves of the networks: from the folder of what was trained here, from those that are kept with the code, or trained.

A run that is stopped loses the mixture it was at, and nothing else.
"""

from __future__ import annotations

import dataclasses
import hashlib
import pathlib
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import resource_ode as ro
from resource_ode.base import atomic
from resource_ode.fitting.policies import Rule

from . import training
from .task_sets import TaskSet

KEPT = pathlib.Path(__file__).parent / "data"


@dataclasses.dataclass
class Library:
    """Curves of one task set by the name of what was trained: a mixture or a policy.

    **Fields:** `folder`: where curves are kept that were trained here; `kept`: whether those beside the code serve;
    `said`: called with a line for each training.
    """

    tasks: TaskSet
    folder: pathlib.Path
    kept: bool = True
    said: Callable[[str], Any] = print

    def __post_init__(self) -> None:
        self.found: dict[str, np.ndarray] = {}
        self.fitted: Any = None
        path = KEPT / f"{self.tasks.name}.npz"
        if self.kept and path.exists():
            with np.load(path) as file:
                self.found |= {key: file[key] for key in file.files}

    def measured(self, name: str, mixture: Any, seeds: int) -> np.ndarray:
        """`(seed, row, task)` of `seeds` networks: accuracies, or squared errors in units of the variance."""
        key = self._key(mixture, seeds)
        path = self.folder / self.tasks.name / f"{key}.npy"
        if key not in self.found:
            if path.exists():
                self.found[key] = np.load(path)
            else:
                begin = time.process_time()
                raw = training.train(self.tasks, mixture, range(seeds))
                self.found[key] = self._packed(raw)
                path.parent.mkdir(parents=True, exist_ok=True)
                atomic.write(path, lambda part: _save(part, self.found[key]))
                self.said(f"trained {self.tasks.name}, {name}: {seeds} seeds in {time.process_time() - begin:.0f} s")
        return self._unpacked(self.found[key])

    def curves(self, name: str, mixture: Any, seeds: int | None = None) -> ro.Curves:
        """The same as curves; those of a rule have no mixture."""
        tasks = self.tasks
        seeds = (tasks.seeds if name in tasks.mixtures else tasks.fewer) if seeds is None else seeds
        values = self.measured(name, mixture, seeds)
        steps = training.rows(tasks)
        known = None if isinstance(mixture, Rule) else dict(zip(tasks.names, mixture, strict=True))
        squared = tasks.kind == "regression"
        with warnings.catch_warnings():
            # accuracies on few strings pass chance by luck
            warnings.simplefilter("ignore")
            return ro.Curves.join([
            ro.read_curves(
                {"step": steps, **dict(zip(tasks.names, of_seed.T, strict=True))},
                value="squared_error" if squared else "accuracy",
                chance=1.0 if squared else 0.5, ceiling=0.0 if squared else 1.0,
                mixture=known, run=f"{name}, seed {seed}", seed=seed,
            )
            for seed, of_seed in enumerate(values)
        ])  # fmt: skip

    def keep(self) -> pathlib.Path:
        """Write what was trained here beside the code, to what is there."""
        found = dict(self.found)
        for trained in sorted((self.folder / self.tasks.name).glob(f"*, {self._digest()}.npy")):
            found[trained.stem] = np.load(trained)
        path = KEPT / f"{self.tasks.name}.npz"
        path.parent.mkdir(exist_ok=True)

        def fill(part: pathlib.Path) -> None:
            with part.open("wb") as file:
                np.savez_compressed(file, **found)

        atomic.write(path, fill)
        return path

    # what is stored: of accuracies how many answers of so many are right

    def _packed(self, raw: np.ndarray) -> np.ndarray:
        if self.tasks.kind == "regression":
            return raw.astype(np.float16)
        return np.round(raw * training.MEASURED).astype(np.uint16)

    def _unpacked(self, stored: np.ndarray) -> np.ndarray:
        if self.tasks.kind == "regression":
            return stored.astype(float)
        return stored / training.MEASURED

    def _key(self, mixture: Any, seeds: int) -> str:
        """What the curves depend on, and nothing else: other settings never pass for these."""
        if isinstance(mixture, Rule):
            what = f"rule {float(mixture.power):g}{' topology' if mixture.topology else ''}"
        else:
            what = "mixture " + " ".join(f"{share:.4g}" for share in mixture)
        return f"{what}, {seeds} seeds, {self._digest()}"

    def _digest(self) -> str:
        settings = dataclasses.asdict(self.tasks)
        for field in ("mixtures", "seeds", "fewer", "trials", "left_out"):
            del settings[field]
        return hashlib.sha256(repr(sorted(settings.items())).encode()).hexdigest()[:8]


def _save(path: pathlib.Path, values: np.ndarray) -> None:
    with path.open("wb") as file:
        np.save(file, values)
