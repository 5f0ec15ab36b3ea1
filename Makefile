# Every target installs what it needs first; a second run finds it installed.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

LOG ?= sqlite
FAULTS ?= 800
PYTHON_BIN := .venv/bin
PYTEST := $(PYTHON_BIN)/pytest
# A worker that waits for servers takes two thirds of a core: three workers for two cores, at most eight.
WORKERS ?= $(shell n=$$((($$(nproc) * 3 + 1) / 2)); echo $$((n < 8 ? n : 8)))
PARALLEL := -n $(WORKERS) --dist loadgroup

.PHONY: help demo check test test-long soak bench lint fmt type docs deb lock setup clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

demo: setup ## run the demo on real servers (LOG=sqlite or LOG=kafka)
	@$(PYTHON_BIN)/python -m midonet.demo --log $(LOG)

check: lint type ## lint, types and the unit tests: for daily work
	@$(PYTEST) -n 2 tests/unit $(ARGS)

test: lint type ## lint, types, and all tests except the nightly ones
	@$(PYTEST) $(PARALLEL) -m "not nightly" $(ARGS)

test-long: lint type ## as test, with the nightly tests
	@$(PYTEST) $(PARALLEL) $(ARGS)

bench: setup ## run the benchmarks; each result is a ratio to a peer measured in the same run
	@$(PYTHON_BIN)/python tests/bench/run.py $(ARGS)

soak: setup ## fault injection for half an hour: kill and freeze replicated servers under load (FAULTS=800)
	@$(PYTHON_BIN)/python tests/e2e/kill/run.py --log kafka --nodes 3 --brokers 3 --zookeepers 3 --api 2 --frozen 0.4 \
	  --kills $(FAULTS) --commands $$(($(FAULTS) * 20))

lint: setup ## check style, format and import contracts
	@$(PYTHON_BIN)/ruff check
	@$(PYTHON_BIN)/ruff format --check
	@$(PYTHON_BIN)/yamllint --strict .
	@$(PYTHON_BIN)/hadolint compose/cluster/Dockerfile
	@# Docker Compose is optional; this check needs no engine.
	@! docker compose version >/dev/null 2>&1 || docker compose --file compose/cluster/compose.yaml config --quiet
	@$(PYTHON_BIN)/lint-imports

fmt: setup ## format the code
	@$(PYTHON_BIN)/ruff check --fix-only
	@$(PYTHON_BIN)/ruff format

type: setup ## check the types
	@$(PYTHON_BIN)/mypy

docs: setup ## write the generated pages of docs/
	@$(PYTHON_BIN)/python docs/generate.py

deb: setup ## build the Debian package in dist/
	@compose/debian/build.sh

lock: ## update constraints.txt to the newest versions that pyproject.toml allows
	@compose/setup/lock.sh

setup: ## install what is missing: system packages, .venv, server jars
	@compose/setup/packages.sh
	@compose/setup/venv.sh
	@compose/setup/jars.sh

clean: ## remove everything that was built or fetched
	@rm -rf .venv .cache dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .schemathesis
	@find . -name __pycache__ -prune -exec rm -rf {} +
