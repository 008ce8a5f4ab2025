"""The kinds of models that `torture` tries, and the settings that their cells come in."""

from __future__ import annotations

import dataclasses

DTYPES = ("float64", "float32")
VERBS = ("simulate", "learning_times")
MODES = ("eager", "jit")
TOLERANCES = ("default", "tight")
# tight is as tight as each type and verb is said to allow, and beyond it
TIGHT = {
    ("float64", "simulate"): (1e-8, 1e-9, 1e-10, 1e-12),
    ("float64", "learning_times"): (1e-9, 1e-10, 1e-12),
    ("float32", "simulate"): (5e-5, 1e-5, 1e-6, 1e-8),
    ("float32", "learning_times"): (3e-5, 1e-5, 1e-6, 1e-8),
}
DEFAULT = {
    ("float64", "simulate"): 1e-6,
    ("float64", "learning_times"): 1e-7,
    ("float32", "simulate"): 2e-4,
    ("float32", "learning_times"): 1e-4,
}
TIMES = 12
SHAPES = ((24, 5), (4, 2), (9, 4), (1, 1))
LEVELS = (0.5, 0.95, 0.1, 0.999, 1e-3, 0.01, 1 - 1e-6)


@dataclasses.dataclass(frozen=True)
class Kind:
    """What a cell's models are like. `looped`: the compiled loops serve it eagerly, so that any shape is cheap."""

    name: str
    looped: bool = True
    loss: str = "mse"
    competition: str = "l1"
    graph: str = "random"
    gate: str = "all"
    feature: str = ""
    waste: str = "wide"
    verbs: tuple[str, ...] = VERBS
    modes: tuple[str, ...] = MODES
    # which of the parameters for measured curves its models have
    extension: tuple[str, ...] = ()


STRENGTH, RATES = ("prerequisite_strength",), ("frequency_power", "learnability")
EVERYTHING = ("plateau", *RATES, *STRENGTH)
KINDS = (
    Kind("independent", graph="none"),
    Kind("chain", graph="chain"),
    Kind("complete", graph="complete"),
    Kind("random-all"),
    Kind("random-any", gate="any"),
    Kind("random-mixed", gate="mixed"),
    Kind("layered", graph="layered", gate="mixed"),
    Kind("initial-levels", gate="mixed", feature="initial"),
    Kind("no-waste", gate="mixed", waste="none"),
    Kind("tiny-waste", gate="mixed", waste="tiny"),
    Kind("mixed-waste", gate="mixed", waste="mixed"),
    Kind("unpacked-masks", gate="mixed", feature="unpacked"),
    Kind("long-chain", looped=False, graph="long-chain", modes=("eager",)),
    Kind("large", looped=False, graph="large", gate="mixed", modes=("eager",)),
    Kind("entropy", looped=False, loss="cross_entropy", gate="mixed"),
    Kind("entropy-initial", looped=False, loss="cross_entropy", gate="mixed", feature="initial"),
    Kind("entropy-no-waste", looped=False, loss="cross_entropy", gate="mixed", waste="none"),
    Kind("l2", looped=False, competition="l2", gate="mixed"),
    Kind("l2-entropy", looped=False, loss="cross_entropy", competition="l2", gate="mixed"),
    Kind("self-paced", looped=False, gate="mixed", feature="self-paced"),
    Kind("self-paced-entropy", looped=False, loss="cross_entropy", gate="mixed", feature="self-paced"),
    Kind("pools", looped=False, gate="mixed", feature="pools"),
    Kind("pools-l2", looped=False, competition="l2", gate="mixed", feature="pools"),
    Kind("crossing-pools", looped=False, gate="mixed", feature="crossing", verbs=("simulate",)),
    Kind("schedule", looped=False, gate="mixed", feature="schedule", waste="positive"),
    Kind("schedule-entropy", looped=False, loss="cross_entropy", gate="mixed", feature="schedule", waste="positive"),
    Kind("schedule-l2", looped=False, competition="l2", gate="mixed", feature="schedule", waste="positive"),
    Kind("interference", looped=False, graph="none", feature="interference", waste="positive", verbs=("simulate",)),
    Kind(
        "interference-entropy", looped=False, loss="cross_entropy", graph="none", feature="interference",
        waste="positive", verbs=("simulate",),
    ),
    Kind("plateau", gate="mixed", extension=("plateau",)),
    Kind("plateau-independent", graph="none", extension=("plateau",)),
    Kind("rates", gate="mixed", extension=RATES),
    Kind("strength-all", extension=STRENGTH),
    Kind("strength-any", gate="any", extension=STRENGTH),
    Kind("strength-complete", graph="complete", extension=STRENGTH),
    Kind("extended", gate="mixed", extension=EVERYTHING),
    Kind("extended-chain", graph="chain", extension=EVERYTHING),
    Kind("extended-layered", graph="layered", gate="mixed", extension=EVERYTHING),
    Kind("extended-initial", gate="mixed", feature="initial", extension=EVERYTHING),
    Kind("extended-no-waste", gate="mixed", waste="none", extension=EVERYTHING),
    Kind("extended-tiny-waste", gate="mixed", waste="tiny", extension=EVERYTHING),
    Kind("extended-unpacked", gate="mixed", feature="unpacked", extension=EVERYTHING),
    Kind("extended-l2", competition="l2", gate="mixed", extension=EVERYTHING),
    Kind("extended-self-paced", gate="mixed", feature="self-paced", extension=EVERYTHING),
    Kind("extended-pools", gate="mixed", feature="pools", extension=EVERYTHING),
    Kind("extended-entropy", loss="cross_entropy", gate="mixed", extension=(*RATES, *STRENGTH)),
    Kind(
        "extended-l2-entropy", loss="cross_entropy", competition="l2", gate="mixed", extension=(*RATES, *STRENGTH)
    ),
    Kind("extended-long-chain", looped=False, graph="long-chain", modes=("eager",), extension=EVERYTHING),
    Kind("extended-large", looped=False, graph="large", gate="mixed", modes=("eager",), extension=EVERYTHING),
    Kind(
        "large-self-paced", looped=False, graph="large", gate="mixed", feature="self-paced", modes=("eager",)
    ),
    Kind(
        "extended-crossing", looped=False, gate="mixed", feature="crossing", verbs=("simulate",), extension=EVERYTHING
    ),
    Kind(
        "extended-schedule", looped=False, gate="mixed", feature="schedule", waste="positive", extension=EVERYTHING
    ),
    Kind(
        "rates-interference", looped=False, graph="none", feature="interference", waste="positive",
        verbs=("simulate",), extension=RATES,
    ),
)  # fmt: skip


def names(kind: Kind) -> list[str]:
    """The settings that cells of a kind come in, as the beginnings of their names."""
    return [
        f"{kind.name}/{dtype}/{verb}/{mode}/{tolerance}"
        for mode in kind.modes
        for tolerance in TOLERANCES
        for dtype in DTYPES
        for verb in kind.verbs
    ]
