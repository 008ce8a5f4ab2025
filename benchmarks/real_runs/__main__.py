"""`python -m benchmarks.real_runs`: what the fitted model is worth on networks in training, and on public curves."""

from __future__ import annotations

import argparse
import json
import pathlib
import sys
import time
from collections.abc import Sequence
from typing import Any

from resource_ode.base import atomic

from .. import report as machine
from . import public, report
from .curves import Library
from .study import PARTS, about, study
from .task_sets import SETS, tiny

OUT = pathlib.Path("out") / "real_runs"
PUBLIC = "public"


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks.real_runs", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tiny set alone: does it run at all")
    parser.add_argument("--only", default="", help=f"some of {', '.join(SETS)}, {PUBLIC}, by commas")
    parser.add_argument("--train", action="store_true", help="train anew instead of reading the curves beside the code")
    parser.add_argument("--parts", default="", help="some parts alone, by commas; what was found of others stays")
    parser.add_argument("--resume", action="store_true", help="keep what was found before, do the rest")
    parser.add_argument("--report", action="store_true", help="print the tables of what was found before, and no more")
    parser.add_argument("--write", action="store_true", help="keep tables and curves beside the code")
    parser.add_argument("--out", type=pathlib.Path, default=OUT, help="folder of what is trained and found here")
    return parser.parse_args(given)


def main(given: Sequence[str] | None = None) -> int:
    """Train what was not trained before, study it, print the tables."""
    options = arguments(given)
    import jax

    jax.config.update("jax_enable_x64", True)
    known = [*SETS, PUBLIC]
    wanted = [name.strip() for name in options.only.split(",") if name.strip()] or known
    unknown = [name for name in wanted if name not in known]
    if unknown:
        say(f"--only: expected some of {', '.join(known)}, got {unknown[0]}")
        return 2
    wanted = [tiny().name] if options.quick else wanted
    for name in wanted:
        if not options.report:
            find(name, options)
    if options.write and not options.quick:
        # part of what was found must not pass for the whole
        wanted = known
    every = {name: found for name in wanted if (found := read(name, options.out)) is not None}
    text = report.markdown(every)
    print(text)
    if options.write and not options.quick and every:
        about = max((found["about"] for found in every.values()), key=lambda each: each["date"])
        for path in machine.save("real_runs", text, {"about": about, "sets": every}, machine.RESULTS):
            say(f"wrote {path}")
        for tasks in SETS.values():
            say(f"wrote {Library(tasks, options.out).keep()}")
    return 0


def find(name: str, options: Any) -> None:
    """Study one task set, or the public curves, and leave the numbers of each part in the folder."""
    path = options.out / f"{name}.json"
    found = (read(name, options.out) or {}) if options.parts or options.resume else {}
    library = None if name == PUBLIC else Library(SETS.get(name) or tiny(), options.out, not options.train, say)
    every = public.CURVES if library is None else PARTS
    wanted = [part.strip() for part in options.parts.split(",") if part.strip() in every] if options.parts else every
    for part in wanted:
        if options.resume and part in found:
            continue
        begin = time.process_time()
        new = public.study(part) if library is None else study(library, part)
        # parts that another process found meanwhile stay
        found |= (read(name, options.out) or {}) if options.parts or options.resume else {}
        found[part] = new | {"seconds": time.process_time() - begin}
        found["about"] = machine.environment() | ({} if library is None else about(library.tasks))
        options.out.mkdir(parents=True, exist_ok=True)
        text = json.dumps(found, indent=1, allow_nan=False)
        atomic.write(path, lambda part, text=text: part.write_text(text))
        say(f"{name}, {part}: {found[part]['seconds']:.0f} s")


def read(name: str, out: pathlib.Path) -> dict[str, Any] | None:
    path = out / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
