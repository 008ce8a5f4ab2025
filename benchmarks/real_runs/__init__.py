"""Networks in training, and public curves, seen through the fitted model: `python -m benchmarks.real_runs`."""
