"""`python -m reliability torture|fuzz|soak|mutants|transformations`."""

from __future__ import annotations

import importlib
import sys

COMMANDS = ("torture", "fuzz", "soak", "mutants", "transformations")


def main(given: list[str]) -> int:
    if not given or given[0] not in COMMANDS:
        print(f"python -m reliability: expected one of {', '.join(COMMANDS)}", file=sys.stderr)
        return 2
    # only what is asked for is imported: a worker starts faster, and needs less
    return importlib.import_module(f".{given[0]}", __package__).main(given[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
