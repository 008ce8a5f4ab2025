"""How fast, how exact and how large: this library beside its rivals, in one process. Run `python -m benchmarks`."""
