"""The machine that looks for faults: extreme models, damaged files, and long mixed use.

- `python -m reliability torture` holds the solvers against independent references over extreme models;
- `python -m reliability transformations` holds random nests of transformations against plain calls and differences;
- `python -m reliability fuzz` feeds every reader with files that were damaged on purpose;
- `python -m reliability soak` uses everything in turn for as long as asked, and watches the memory;
- `python -m reliability mutants` spoils a line of the core at a time and looks whether the tests notice.

Each prints a table, and all but the last with `--write` put it into `docs/reliability.md`.
"""
