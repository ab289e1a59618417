# Every target works alone, first, on a machine with Python 3.11 or newer (with venv) and make.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

.DEFAULT_GOAL := test
.PHONY: demo test test-all check bench bench-speed docs help-snapshots clean

# pip first: the one that comes with Python may be too old to hold the build's own requirements to the constraints.
$(INSTALLED): pyproject.toml constraints.txt $(wildcard native/*)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "unspool needs Python 3.11 or newer; make PYTHON=/path/to/python3.11")'
	@echo 'installing into .venv; the first time takes a few minutes'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install -qq --constraint constraints.txt pip
	@$(BIN)/python -m pip install -qq --constraint constraints.txt --build-constraint constraints.txt --editable '.[demo,dev,docs]'
	@touch $@

demo: $(INSTALLED)  ## forecast electricity demand: train, judge, run live, verify, report
	$(BIN)/unspool demo --out runs/demo

test: $(INSTALLED)  ## the quick tests, with the coverage floor
	$(BIN)/python -m pytest -n 2 --dist worksteal -m 'not slow' --cov --cov-report=term --cov-fail-under=90

test-all: $(INSTALLED)  ## all tests
	$(BIN)/python -m pytest -n 2 --dist worksteal --cov --cov-report=term --cov-fail-under=90

check: $(INSTALLED)  ## lint, types, imports
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(INSTALLED)  ## the README's table of tasks: fetches the data sets and trains on each beside its baselines
	$(BIN)/python examples/fetch.py
	$(BIN)/python examples/table.py

PEERS := .venv-peers/bin

.venv-peers/.installed: pyproject.toml constraints.txt benchmarks/requirements.txt $(wildcard native/*) $(wildcard src/unspool/*.py src/unspool/*/*.py)
	@test -x $(PEERS)/python || $(PYTHON) -m venv .venv-peers
	@$(PEERS)/python -m pip install -qq --constraint constraints.txt pip
	@$(PEERS)/python -m pip install -qq --constraint constraints.txt --requirement benchmarks/requirements.txt
	@$(PEERS)/python -m pip install -qq --constraint constraints.txt --build-constraint constraints.txt .
	@touch $@

bench-speed: .venv-peers/.installed $(INSTALLED)  ## the README's tables of speed: layers, live steps and whole epochs beside peers, in an environment of their own
	$(BIN)/python examples/fetch.py
	$(PEERS)/python benchmarks/kernels.py
	$(PEERS)/python benchmarks/epoch.py
	$(PEERS)/python benchmarks/chain.py
	$(PEERS)/python benchmarks/language.py
	$(PEERS)/python benchmarks/vocabulary.py

docs: $(INSTALLED)  ## the documentation, in docs/_build
	$(BIN)/sphinx-build -W -n -q -b html docs docs/_build

help-snapshots: $(INSTALLED)  ## write the command line's help texts anew, for tests and docs
	$(BIN)/python tests/cli/write_help.py

clean:  ## what tools and builds have left; .venv, .data and runs stay
	rm -rf .benchmarks .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist docs/_build
	find src tests -name __pycache__ -type d -exec rm -rf {} +
