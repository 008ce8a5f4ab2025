"""`python -m benchmarks.gpu PART WAY --out FOLDER`: one part by one way; `table` writes what is there so far."""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import sys
from collections.abc import Sequence

from .rows import TABLE, decision, read, table
from .ways import WAYS

ABOUT = "about.json"


def facts(out: pathlib.Path) -> list[str]:
    """What every number depends on, kept for the table; and what is built, in lines."""
    from resource_ode import native
    from resource_ode.native import walks

    from ..report import environment

    found = environment()
    found |= found.pop("versions")
    # a checkout may come without its history
    found["commit"] = os.environ.get("COMMIT") or found["commit"]
    (out / ABOUT).write_text(json.dumps(found, indent=1), encoding="utf-8")
    built = {"compiled loops": native.why_not() or "there", "walk in CUDA": walks.obstacle() or "there"}
    return [f"{key}: {value}" for key, value in {**found, **built}.items()]


def main(given: Sequence[str] | None = None) -> int:
    from .parts import PARTS, SMALL, WHOLE

    parser = argparse.ArgumentParser("python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("part", choices=("about", *PARTS, "table", "winner"))
    parser.add_argument("way", nargs="?", default="arrays", choices=WAYS)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--rehearse", action="store_true", help="small sizes, on whatever is there; rows say so")
    options = parser.parse_args(given)
    if options.part == "winner":
        # for the shell: the kernel of the parts that follow the table
        text = decision(read(options.out))[0]
        print("pallas" if "**pallas" in text else "cuda" if "**cuda" in text else "arrays")
        return 0
    if options.part == "table":
        # without JAX, which takes seconds to find its devices
        about = json.loads((options.out / ABOUT).read_text(encoding="utf-8")) if (options.out / ABOUT).exists() else {}
        (options.out / TABLE).write_text(table(options.out, about), encoding="utf-8")
        return 0
    if options.part == "about":
        print(*facts(options.out), sep="\n")
        return 0
    import jax

    if jax.default_backend() != "gpu" and not options.rehearse:
        print("benchmarks.gpu: expected a GPU, JAX has none (--rehearse runs small sizes without)", file=sys.stderr)
        return 2
    PARTS[options.part](options.way, SMALL if options.rehearse else WHOLE, options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
