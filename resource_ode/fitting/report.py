"""What a fit found, in sentences."""

from __future__ import annotations

import math
from typing import Any

from ..base.words import said_step
from .profile import BOUNDED, IDENTIFIED

# a forecast is as good as another whose error is larger or smaller by less than this
AS_WELL = 1.25
REFUSAL = "The model does not describe these curves"


def report(found: Any) -> str:
    """The sentences, a line each."""
    curves, freedom = found.curves, found.problem.freedom
    lines = [f"Fitted to {curves!r}: {found.problem.numbers} levels, {freedom.size} free parameters."]
    if found.problem.grid.levels.shape[1] < max(len(run.steps) for run in curves.runs):
        lines.append(f"Neighbouring rows were averaged to {found.problem.grid.levels.shape[1]}.")
    lines += [f"Note: {note}." for note in (*curves.notes, *found.warnings)]
    lines += ["", *_errors(found), *verdict(found), "", "Parameters (95 % intervals):"]
    lines += [f"  {line}" for line in _parameters(found)]
    if freedom.relative:
        some = "" if all(freedom.gauge > 0) else ", over tasks that rise,"
        lines.append(
            f"Learnabilities are relative, their geometric mean{some} is 1: the scales of learnability, wasted "
            "resource and time cannot be told apart."
        )
    lines += ["", _mixtures(found)]
    return "\n".join(lines)


def _errors(found: Any) -> list[str]:
    scores = {"the model": found.held_out, **found.baselines}
    table = ", ".join(f"{name} {score:.3f}" for name, score in scores.items())
    return [
        f"Residual: {found.residual:.3f} in levels (root mean square).",
        f"Error on the last {1 - found.part:.0%} of each run{_up_to(found)}, when fitted to the first "
        f"{found.part:.0%}: {table}.".replace("%", " %"),
    ]


def _up_to(found: Any) -> str:
    flat = found.flat_from
    return "" if flat is None else f" before step {said_step(flat)}, where the curves have become flat"


def verdict(found: Any) -> list[str]:
    """Whether the model describes the curves, a line or two."""
    name, best = min(found.baselines.items(), key=lambda pair: pair[1])
    called = "a sigmoid per task" if name == "sigmoid" else f"the {name}"
    ratio = found.held_out / best if best > 0 else math.inf
    if not found.describes:
        better = f"{called} does better on held-out rows" if ratio > 1 else "its error on held-out rows is too large"
        lines = [f"{REFUSAL}: {better}. Do not read its parameters as facts, nor plan mixtures by it."]
        if 1 < ratio <= AS_WELL:
            lines.append(f"(The difference is small: {called} does as well, without any competition or dependency.)")
        return lines
    if ratio > 1 / AS_WELL:
        return [
            f"The model describes these curves, but {called} does as well: nothing here shows that tasks compete or "
            "build on one another."
        ]
    return [f"The model describes these curves: its error is {1 / ratio:.1f} times smaller than that of {called}, "
            "the best without a model."]  # fmt: skip


def _parameters(found: Any) -> list[str]:
    lines = []
    table = found.parameters
    for label, row in table.iterrows():
        interval = f"{row['value']:.4g} ({_end(row['low'])} to {_end(row['high'])})"
        verdict = row["verdict"]
        if verdict == BOUNDED and row["remark"].startswith("from"):
            side = "above" if row["remark"].startswith("from below") else "below"
            end = row["low"] if side == "above" else row["high"]
            text = f"bounded: {side} {end:.3g}" + row["remark"].partition(";")[1] + row["remark"].partition(";")[2]
        elif verdict == IDENTIFIED:
            text = f"{interval}, identified"
        elif verdict == BOUNDED:
            text = f"{interval}, bounded {row['remark']}"
        else:
            text = f"not identified{'; ' + row['remark'] if row['remark'] else ''}"
        if "seed_low" in table and verdict == IDENTIFIED:
            text += f"; by drawing seeds anew {row['seed_low']:.4g} to {row['seed_high']:.4g}"
        lines.append(f"{label}: {text}")
    return lines


def _end(value: float) -> str:
    return "no end" if math.isinf(value) else f"{value:.4g}"


def _mixtures(found: Any) -> str:
    from .arguments import distinct_shares

    number = len(distinct_shares(found.problem.grid.mixtures))
    if number > 1:
        return f"Other mixtures may be predicted near the {number} that were tried (what_if says where that ends)."
    if not number:
        return (
            "Other mixtures cannot be predicted: how often each task was met in these runs is not known. State their "
            "mixtures where the curves are read."
        )
    if found.stated:
        return "Other mixtures are predicted with the frequency_power that was stated: the runs do not show it."
    return (
        "Other mixtures cannot be predicted: runs of one mixture do not show how speed follows frequency. Add a run of "
        "another mixture, or state frequency_power."
    )
