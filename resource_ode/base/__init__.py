"""The ground that every other part stands on: checks, special functions, modules, files. It imports nothing of ours."""
