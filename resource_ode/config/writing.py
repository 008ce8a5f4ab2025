"""A model as the text of a scenario file."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from ..model.loss import LOSSES
from ..model.model import ResourceModel
from ..model.schedule import Schedule


def scenario_text(model: ResourceModel, time: dict[str, Any], comment: str = "") -> str:
    """The scenario file that [`resource_ode.read_scenario`][] reads as this model, to the last bit.

    **Arguments:**

    - `model`: one model, not a batch, whose loss and frequencies a scenario can name.
    - `time`: the keys of `[time]`: `{"horizon": 0.95}`, `{"until": 1000, "points": 1001}`.
    - `comment`: lines that stand on top.

    **Raises:** `ValueError` for what a scenario cannot say.

    **Example:** `Path("model.toml").write_text(scenario_text(model, {"horizon": 0.95}), encoding="utf-8")`
    """
    graph = model.graph
    if model.batch_shape:
        raise ValueError(f"model: expected one model, got a batch of shape {model.batch_shape}")
    if isinstance(model.frequency, Schedule):
        raise ValueError("model: expected constant frequencies, got a schedule, which a scenario cannot say")
    if model.loss not in LOSSES:
        raise ValueError(f"model: expected a loss among {', '.join(LOSSES)}, got {model.loss}")
    lines = [f"# {line}".rstrip() for line in comment.splitlines()] + ([""] if comment else [])
    lines.append("[resource]")
    for name in ("learning_rate", "wasted_resource", "gate_exponent"):
        if name != "gate_exponent" or graph.fan_in:
            lines.append(f"{name} = {_said(getattr(model, name))}")
    lines += [f"loss = {_said(model.loss)}", f"competition = {_said(model.competition)}"]
    if model.interference is not None:
        lines.append(f"interference = {_said(model.interference)}")
    lines += ["", "[time]", *(f"{key} = {_said(value)}" for key, value in time.items())]
    any_gate = np.asarray(graph.any_gate)
    columns = {
        name: np.asarray(getattr(model, name))
        for name in ("frequency", "initial_level", "frequency_after", "pool")
        if getattr(model, name) is not None
    }
    for skill, parents in enumerate(graph.prerequisite_lists()):
        lines += ["", "[[skill]]", f"name = {_said(graph.name_of(skill))}"]
        for name, column in columns.items():
            if name != "initial_level" or column[skill] != 0:
                lines.append(f"{name} = {_said(column[skill])}")
        if parents:
            lines.append(f"requires = {_said([graph.name_of(parent) for parent in parents])}")
            if any_gate[skill]:
                lines.append('gate = "any"')
    return "\n".join(lines) + "\n"


def _said(value: Any) -> str:
    """A value as TOML."""
    if isinstance(value, str):
        # the one control character that JSON leaves as it is
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list):
        return f"[{', '.join(map(_said, value))}]"
    numbers = np.asarray(value)
    # as numbers of 64 bits, which hold those of 32 exactly
    return _said(list(numbers)) if numbers.ndim else repr(numbers.item())
