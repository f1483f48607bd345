# A fresh machine needs git, make and Python 3.11 or newer (with venv); everything else is installed into .venv.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet

.DEFAULT_GOAL := help
.PHONY: help demo test check lint types fuzz bench bench-large migration test-matrix clean

help:  ## show what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## */\1\t/' | expand -t 14

# ── Environment: installed again only when pyproject.toml has changed ────────────────────────────────────────────────
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || { echo "crmkit needs Python 3.11 or newer: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# pip installs dependency groups since 25.1.
$(VENV)/.pip: | $(BIN)/python
	$(PIP) install --upgrade 'pip>=25.1'
	@touch $@

$(VENV)/.demo: pyproject.toml | $(VENV)/.pip
	$(PIP) install --editable '.[demo]'
	@touch $@

$(VENV)/.dev: pyproject.toml .ci/data-packages.txt | $(VENV)/.pip
	$(PIP) install --editable . --group dev
	$(PIP) install --no-deps --requirement .ci/data-packages.txt
	@touch $@

$(VENV)/.bench: pyproject.toml .ci/packages-beside.txt | $(VENV)/.dev
	$(PIP) install --group bench
	$(PIP) install --no-deps --upgrade --target $(VENV)/beside --requirement .ci/packages-beside.txt
	@touch $@

# ── What people run ──────────────────────────────────────────────────────────────────────────────────────────────────
demo: $(VENV)/.demo  ## see crmkit at work
	$(BIN)/python -m crmkit demo

test: lint types  ## everything that must hold: lint, types, architecture, all tests, every example in the documentation
	$(BIN)/python -m pytest -n auto

check: lint types  ## the quick look: fast tests, few examples, and of the stores only the memory
	$(BIN)/python -m pytest -n auto -q tests -m 'not slow' -k 'not sqlite and not postgres' \
	    --hypothesis-profile=quick

lint: $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(VENV)/.dev
	$(BIN)/mypy
	@test ! -d tests/typing || $(BIN)/pyright

fuzz: $(VENV)/.dev  ## search for counterexamples to the rules for an hour, or for FUZZ_SECONDS
	$(BIN)/python -m tools.fuzz

bench: $(VENV)/.bench  ## measure
	$(BIN)/python -m benchmarks

bench-large: $(VENV)/.bench  ## measure with millions of rows
	$(BIN)/python -m benchmarks --large

migration: $(VENV)/.dev  ## write the newest schema revision anew; with name="what changes" the next one
	$(BIN)/python -m tools.migration $(name)

test-matrix:  ## the tests on each installed Python, with the oldest and the newest supported dependencies
	.ci/test-matrix

clean:  ## remove what was made, the environments too
	rm -rf $(VENV) .venv-matrix .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist
