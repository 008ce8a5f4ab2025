"""The machine that looks for faults: extreme models, damaged files, and long mixed use.

- `python -m reliability torture` holds the solvers against independent references over extreme models;
- `python -m reliability fuzz` feeds every reader with files that were damaged on purpose;
- `python -m reliability soak` uses everything in turn for as long as asked, and watches the memory.

Each prints a table, and with `--write` puts it into `docs/reliability.md`.
"""
