# Halfopen's commands. `make run` and `make test` need nothing but Python 3.11 or later and make.

SHELL := bash
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
PIP_INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes --requirement

.DEFAULT_GOAL := help

.PHONY: help
help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: $(VENV)/base.stamp ## Set everything up and start it; PORT=8001 moves it, Ctrl-C stops it
	@$(BIN)/python -m config.run

.PHONY: setup
setup: $(VENV)/dev.stamp ## Install what running and testing need, start nothing

.PHONY: test
test: $(VENV)/dev.stamp ## Everything: lint, types, layers, tests on SQLite and PostgreSQL, browser
	@bin/test

.PHONY: check
check: $(VENV)/dev.stamp ## The quick loop: lint, types, layers, unit tests
	@bin/test quick

.PHONY: format
format: $(VENV)/dev.stamp ## Put code and templates into shape
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format --quiet . ; find templates -name '*.html' -exec $(BIN)/djade --target-version 5.2 {} +

.PHONY: bench
bench: $(VENV)/dev.stamp ## Print the table of benchmarks
	@$(BIN)/python -m benchmarks

.PHONY: lock
lock: $(VENV)/dev.stamp ## Compile requirements/*.txt anew from pyproject.toml
	@bin/lock

.PHONY: vendor
vendor: ## Copy the front-end files that package.json pins into static/ (needs npm)
	@bin/vendor

$(VENV)/bin/python:
	@[ -n "$(PYTHON)" ] || { echo "Halfopen needs Python 3.11 or later; none was found. Set PYTHON=/path/to/python3." >&2; exit 1; }
	@echo "Making $(VENV) with $(PYTHON)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "Python's venv module is missing. On Debian: apt-get install python3-venv" >&2; exit 1; }

$(VENV)/base.stamp: requirements/base.txt | $(VENV)/bin/python
	@echo "Installing what Halfopen needs to run (about a minute)"
	@$(PIP_INSTALL) $<
	@touch $@

# The development lock holds the other one whole.
$(VENV)/dev.stamp: requirements/dev.txt | $(VENV)/bin/python
	@echo "Installing what Halfopen needs to run and to be tested (a minute or two)"
	@$(PIP_INSTALL) $<
	@touch $@ $(VENV)/base.stamp
