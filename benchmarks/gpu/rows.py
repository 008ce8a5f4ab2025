"""What was measured: rows in a file, each written as soon as it is known, and a table of them."""

from __future__ import annotations

import dataclasses
import gc
import json
import pathlib
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

ROWS, TABLE = "rows.jsonl", "table.md"
REHEARSAL = (
    "**A rehearsal on a CPU with small sizes: it shows that everything runs. No figure here says anything of a GPU.**"
)


@dataclasses.dataclass
class Row:
    """One way to do one task, at one size."""

    part: str
    task: str
    way: str
    dtype: str = "float32"
    members: int = 0
    skills: int = 16
    where: str = "on the device"  # where the arguments and results are
    first: float | None = None  # seconds of the first call, compilation included
    seconds: list[float] = dataclasses.field(default_factory=list)
    error: float | None = None  # largest, of the members that were held against the loops
    unsure: int | None = None  # members with a code, or NaN
    peak_bytes: int | None = None  # of device memory, in this process so far
    failure: str | None = None
    rehearsal: bool = False

    @property
    def rate(self) -> float | None:
        """Members per second, by the median."""
        return self.members / statistics.median(self.seconds) if self.seconds else None


def peak() -> int | None:
    """The most device memory that this process has held; None where nobody counts it."""
    import jax

    return (jax.devices()[0].memory_stats() or {}).get("peak_bytes_in_use")


def measured(
    row: Row, prepare: Callable[[], Callable[[], Any]], out: pathlib.Path, *, rounds: int, judge: Any = None
) -> Row:
    """Fill a row and write it: a first call, held against the truth by `judge`, then `rounds` more.

    What goes wrong is written in place of numbers.
    """
    import jax

    try:
        call = prepare()
        begin = time.perf_counter()
        found = jax.block_until_ready(call())
        row.first = time.perf_counter() - begin
        if judge is not None:
            row.error, row.unsure = judge(found)
        del found
        for _ in range(rounds):
            gc.collect()
            begin = time.perf_counter()
            jax.block_until_ready(call())
            row.seconds.append(time.perf_counter() - begin)
        row.peak_bytes = peak()
    except Exception as error:  # a way that breaks is a row, not the end of the run
        row.failure = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:200]
    write(row, out)
    return row


def write(row: Row, out: pathlib.Path) -> None:
    """One line more in the file, whole or not at all."""
    with (out / ROWS).open("a", encoding="utf-8") as file:
        file.write(json.dumps(dataclasses.asdict(row)) + "\n")
    print(said(row), flush=True)


def said(row: Row) -> str:
    """A row in words."""
    number = row.failure or (f"{row.rate:.3g} per second" if row.rate else "")
    error = "" if row.error is None else f", error {row.error:.1e}"
    return (
        f"{row.part}: {row.task}, {row.way}, {row.dtype}, {row.members:,} x {row.skills}, {row.where}: {number}{error}"
    )


def read(out: pathlib.Path) -> list[Row]:
    """All that is written so far; a line that was cut off is left out."""
    path, found = out / ROWS, []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            found.append(Row(**json.loads(line)))
        except (ValueError, TypeError):
            continue
    return found


def table(out: pathlib.Path, about: dict[str, Any]) -> str:
    """The table of what is there, with what it decides on top."""
    rows = read(out)
    rehearsed = any(row.rehearsal for row in rows)
    lines = ["# Rehearsed", "", REHEARSAL] if rehearsed else ["# Measured on a GPU"]
    lines += ["", *(f"- {key}: {value}" for key, value in about.items()), "", *decision(rows)]
    lines += ["- a rehearsal decides nothing", ""] if rehearsed else [""]
    heads = (
        "part",
        "task",
        "way",
        "dtype",
        "members",
        "skills",
        "arrays",
        "error",
        "unsure",
        "ms",
        "members/s",
        "first, s",
    )
    lines += ["| " + " | ".join((*heads, "peak, GiB")) + " |", "|" + "---|" * (len(heads) + 1)]
    for row in rows:
        ms = row.failure or (f"{1e3 * statistics.median(row.seconds):.3g}" if row.seconds else "")
        cells = (row.part, row.task, row.way, row.dtype, f"{row.members:,}", row.skills, row.where)
        cells += ("" if row.error is None else f"{row.error:.1e}", "" if row.unsure is None else row.unsure, ms)
        cells += (f"{row.rate:.3g}" if row.rate else "", "" if row.first is None else f"{row.first:.3g}")
        cells += ("" if row.peak_bytes is None else f"{row.peak_bytes / 2**30:.2f}",)
        lines.append("| " + " | ".join(str(cell).replace("|", "/") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def decision(rows: list[Row], bound: float = 2e-4) -> list[str]:
    """Which of the two fused programs is to stay, by their rates at the largest size that both did within the bound."""
    lines, votes = [], []
    for task in ("learning times", "full trajectories"):
        rates = {}
        for way in ("cuda", "pallas"):
            own = [
                row
                for row in rows
                if (row.part, row.task, row.way, row.dtype) == ("c", task, way, "float32")
                and row.where == "on the device"
                and row.rate
                and row.error is not None
                and row.error <= bound
            ]
            rates[way] = {row.members: row.rate for row in own}
        both = set(rates["cuda"]) & set(rates["pallas"])
        if both:
            cuda, pallas = (rates[way][max(both)] for way in ("cuda", "pallas"))
            votes.append(np.log(cuda / pallas))
            lines.append(f"- {task}: cuda {cuda:.3g} graphs per second, pallas {pallas:.3g} ({max(both):,} graphs)")
            continue
        able = [way for way in rates if rates[way]]
        lines.append(f"- {task}: within {bound:g} {'is ' + ' and '.join(able) + ' only' if able else 'is neither'}")
        votes += [np.inf if way == "cuda" else -np.inf for way in able]
    if not votes or np.isnan(np.sum(votes)):
        return ["Kernel: **not decided**.", *lines]
    return [f"Kernel: **{'cuda' if np.sum(votes) >= 0 else 'pallas'}**, by these rates:", *lines]
