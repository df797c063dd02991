# Everything a person types. Needs only `make` and Python 3.11 or newer.
.DEFAULT_GOAL := help
SHELL := /bin/sh

# The first Python that is new enough; `make run PYTHON=/path/to/python3.12` names another.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
BIN := .venv/bin
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header

.PHONY: help
help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' $(MAKEFILE_LIST) | expand -t 16

.PHONY: run
run: install-local ## start everything, run the demo, serve on PORT (8000) until Ctrl-C
	@exec $(BIN)/python -m config.local run

.PHONY: test
test: install-dev ## run the whole test suite on a real Postgres and Valkey
	@exec $(BIN)/pytest -n 2 --dist loadgroup tests

.PHONY: check
check: install-dev ## lint, types, imports, templates, containers, migrations
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/djlint --lint --quiet templates
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker/compose.yml
	$(BIN)/hadolint docker/Dockerfile
	$(BIN)/python -m config.local exec --temporary -- sh -ec '\
		$(BIN)/python manage.py makemigrations --check --dry-run; \
		$(BIN)/python manage.py check --database default'

.PHONY: bench
bench: install-dev ## measure throughput and latency beside this machine's own limits
	@exec $(BIN)/python -m config.local exec --temporary -- $(BIN)/python -m tests.benchmarks

.PHONY: faults
faults: install-dev ## kill, freeze and cut off everything for twenty minutes; nothing may be lost
	@exec $(BIN)/python -m config.local exec --temporary -- $(BIN)/python -m tests.faults

.PHONY: lock
lock: install-dev ## pin requirements*.in to requirements*.txt, with hashes
	$(LOCK) requirements-dev.in --output-file requirements-dev.txt
	$(LOCK) --constraint requirements-dev.txt requirements-local.in --output-file requirements-local.txt
	$(LOCK) --constraint requirements-dev.txt requirements.in --output-file requirements.txt

.PHONY: clean
clean: ## remove .venv and caches; the data in .stepwell/ stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: install-local install-dev python
install-local install-dev: install-%: python
	@$(PYTHON) config/local/install.py requirements-$*.txt

python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo 'Stepwell needs Python 3.11 or newer. Install it, or name it: make run PYTHON=/path/to/python3.12' >&2; exit 1; }
