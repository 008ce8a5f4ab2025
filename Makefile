# `make demo` and `make test` each do all the set-up themselves: they need only make and Python >= 3.11.

VENV := .venv
BIN := $(VENV)/bin

# A python3.x on PATH may be a version manager's shim that only prints an error, so each one is run, not just looked up.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	if $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' </dev/null >/dev/null 2>&1; then echo $$p; break; fi; done)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-15s  %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

.PHONY: demo
demo: $(VENV)/.core ## Set up, then run the demo into out/demo
	$(BIN)/resource-ode demo --out out/demo

# From the start each time, so that it shows how long it takes.
.PHONY: sweep-demo
sweep-demo: $(VENV)/.sweep ## Map 8,192 graphs at 32 wastes each (262,144 members) into out/sweep-demo
	rm -rf out/sweep-demo && mkdir -p out/sweep-demo
	$(BIN)/resource-ode sweep examples/sweep_demo.toml --out out/sweep-demo/results.zarr
	$(BIN)/resource-ode plot out/sweep-demo/results.zarr --out out/sweep-demo/phase_diagram.png \
		--variable efficiency --variable domino_overlap

# Files go in the order of tests/conftest.py. Bytecode is kept, whatever the environment says: each process, and each of
# those that tests start, would compile everything anew, which takes pytest as long again as to collect the tests.
.PHONY: test
test: export PYTHONDONTWRITEBYTECODE :=
test: $(VENV)/.dev ## Set up, then run the tests but the slow ones (ARGS="..." is passed to pytest)
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not slow" $(ARGS)

.PHONY: test-slow
test-slow: $(VENV)/.dev ## Run the tests that `test` leaves out
	$(BIN)/python -m pytest -n 2 --dist load -m slow $(ARGS)

# At small size, in kernels of their own; unoptimised code compiles in half the time.
.PHONY: notebooks
notebooks: $(VENV)/.dev ## Run the notebooks at small size
	RESOURCE_ODE_SMALL=1 XLA_FLAGS="--xla_backend_optimization_level=0" $(BIN)/python -m pytest --nbmake \
		--nbmake-timeout=240 -n 2 notebooks $(ARGS)

.PHONY: lint
lint: $(VENV)/.dev ## Check style, formatting, and who imports whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

# With --verifytypes, pyright looks for the libraries of the python3 on PATH, whatever it is told.
.PHONY: types
types: export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1
types: $(VENV)/.dev ## Check types: the package, how it is used, and that all it exports has known types
	$(BIN)/pyright --pythonpath $(BIN)/python
	PATH="$(abspath $(BIN)):$$PATH" PYTHONPATH=. $(BIN)/pyright --verifytypes resource_ode --ignoreexternal

# Lines of the core that the quick tests run; the loops in C++ are tested through it, and not counted.
CORE := model solve analytic graphs observables results
.PHONY: coverage
coverage: $(VENV)/.dev ## Print the line coverage of the core, which is to be at least 95% (15 minutes)
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow" $(addprefix tests/,$(CORE) native base config) \
		$(addprefix --cov=resource_ode.,$(CORE)) --cov-report=term-missing:skip-covered --cov-fail-under=95 $(ARGS)

.PHONY: mutants
mutants: $(VENV)/.dev ## Spoil one line of the core at a time and see whether tests notice (ARGS="--count 40"; goes on where it was stopped)
	$(BIN)/python -m reliability mutants $(ARGS)

.PHONY: format
format: $(VENV)/.dev ## Sort imports, apply safe fixes, format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: docs
docs: $(VENV)/.docs ## Build the documentation site into site/, warnings being errors
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

.PHONY: bench
bench: $(VENV)/.bench ## Run the benchmarks (ARGS="--quick", "--plots", ... is passed on)
	$(BIN)/python -m benchmarks $(ARGS)

.PHONY: bench-engine
bench-engine: $(VENV)/.bench ## Time every variant, derivative and size (ARGS="--quick", "--only variants", ...)
	$(BIN)/python -m benchmarks.engine $(ARGS)

# Add ARGS="--out benchmarks/results" to keep what was measured.
.PHONY: bench-fit
bench-fit: $(VENV)/.dev ## Time a fit of measured curves, from the import to the picture (ARGS="--tasks 24", ...)
	$(BIN)/python -m benchmarks.fitting $(ARGS)

# Curves that are kept with the code are not trained anew (ARGS="--train" does: half an hour of processor time).
.PHONY: bench-real
bench-real: $(VENV)/.dev ## Fit networks in training and public curves (ARGS="--quick", "--only comp3", "--write", ...)
	$(BIN)/python -m benchmarks.real_runs $(ARGS)

# Installs nothing: a GPU machine usually comes with a JAX that fits its driver.
.PHONY: bench-gpu
bench-gpu: ## Run the benchmarks on the GPU with the python3 on PATH, from the checkout
	@python3 -c 'import jax; jax.devices("cuda")' 2>/dev/null || \
		{ echo "bench-gpu: python3 cannot import jax with a CUDA device; install jax[cuda12] there first" >&2; exit 1; }
	PYTHONPATH=. JAX_PLATFORMS=cuda,cpu XLA_PYTHON_CLIENT_PREALLOCATE=false python3 -m benchmarks $(ARGS)

.PHONY: torture
torture: $(VENV)/.dev ## Hold the solvers against references over extreme models (10 minutes; ARGS="--seconds 60")
	$(BIN)/python -m reliability torture $(ARGS)

.PHONY: transformations
transformations: $(VENV)/.dev ## Hold random nests of jit, vmap, grad, ... against plain calls (10 minutes; ARGS="--only jacrev")
	$(BIN)/python -m reliability transformations $(ARGS)

.PHONY: fuzz
fuzz: $(VENV)/.dev ## Feed every reader with damaged files (a minute per format; ARGS="--seconds 1800 --inputs 100000")
	$(BIN)/python -m reliability fuzz $(ARGS)

.PHONY: soak
soak: $(VENV)/.dev ## Use everything in turn and watch the memory (half an hour; ARGS="--minutes 2")
	$(BIN)/python -m reliability soak $(ARGS)

.PHONY: clean
clean: ## Remove the virtual environment, caches and outputs
	rm -rf $(VENV) out build dist site *.egg-info resource_ode/native/*.so .pytest_cache .hypothesis .ruff_cache .benchmarks
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The install is editable, so only a change of the dependencies or of the compiled loops redoes it.
# `venv` on an existing environment keeps what is installed, which also mends one whose creation was cut short.
$(VENV)/.core: pyproject.toml setup.py $(wildcard resource_ode/native/*.h resource_ode/native/*.cpp)
	@test -n "$(PYTHON)" || { echo "error: no Python >= 3.11 found on PATH; install one or run make PYTHON=/path/to/python3" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.core
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --editable '.[dev]'
	@touch $@

$(VENV)/.docs: $(VENV)/.core
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --editable '.[docs]'
	@touch $@

$(VENV)/.sweep: $(VENV)/.core
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --editable '.[sweep]'
	@touch $@

# The rivals that are heavy or built from source may fail to install: the table then says so.
$(VENV)/.bench: $(VENV)/.dev
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --editable '.[bench]'
	-$(BIN)/python -m pip install --disable-pip-version-check --quiet --retries 1 --timeout 20 torch torchode
	-$(BIN)/python -m pip install --disable-pip-version-check --quiet numbalsoda
	@touch $@
