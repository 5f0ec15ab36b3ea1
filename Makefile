# Every target that runs something first installs what is missing; a second run finds all in place.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

LOG ?= sqlite
FAILURES ?= 800
PYTHON_BIN := .venv/bin
PYTEST := $(PYTHON_BIN)/pytest
# A worker that waits for servers takes two thirds of a core: three workers for two cores, at most eight.
WORKERS ?= $(shell n=$$((($$(nproc) * 3 + 1) / 2)); echo $$((n < 8 ? n : 8)))
PARALLEL := -n $(WORKERS) --dist loadgroup

.PHONY: help demo check test test-long soak bench lint fmt type docs lock setup clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

demo: setup ## show the main job on real servers (LOG=sqlite or LOG=kafka)
	@$(PYTHON_BIN)/python -m midonet.demo --log $(LOG)

check: lint type ## lint, types and the unit tests: for daily work
	@$(PYTEST) -n 2 tests/unit $(ARGS)

test: lint type ## lint, types and every test but the nightly ones
	@$(PYTEST) $(PARALLEL) -m "not nightly" $(ARGS)

test-long: lint type ## as test, with the nightly ones
	@$(PYTEST) $(PARALLEL) $(ARGS)

bench: setup ## measure, each figure as a ratio to a peer measured in the same run
	@$(PYTHON_BIN)/python tests/bench/run.py $(ARGS)

soak: setup ## three of each server under load, killed and frozen at random, for half an hour (FAILURES=800)
	@$(PYTHON_BIN)/python tests/e2e/kill/run.py --log kafka --nodes 3 --brokers 3 --zookeepers 3 --api 2 --frozen 0.4 \
	  --kills $(FAILURES) --commands $$(($(FAILURES) * 20))

lint: setup ## style, form and the arrows between the packages
	@$(PYTHON_BIN)/ruff check
	@$(PYTHON_BIN)/ruff format --check
	@$(PYTHON_BIN)/yamllint --strict .
	@$(PYTHON_BIN)/hadolint compose/cluster/Dockerfile
	@# Compose is a program in Go, which only those who use it have; its check needs no engine.
	@! docker compose version >/dev/null 2>&1 || docker compose --file compose/cluster/compose.yaml config --quiet
	@$(PYTHON_BIN)/lint-imports

fmt: setup ## put the code into its one form
	@$(PYTHON_BIN)/ruff check --fix-only
	@$(PYTHON_BIN)/ruff format

type: setup ## check the types
	@$(PYTHON_BIN)/mypy

docs: setup ## write the generated pages of docs/
	@$(PYTHON_BIN)/python docs/generate.py

lock: ## renew constraints.txt with the newest versions that pyproject.toml allows
	@compose/setup/lock.sh

setup: ## install what is missing: system packages, .venv, server jars
	@compose/setup/packages.sh
	@compose/setup/venv.sh
	@compose/setup/jars.sh

clean: ## remove all that was built or fetched
	@rm -rf .venv .cache dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .schemathesis
	@find . -name __pycache__ -prune -exec rm -rf {} +
