# What an operator and a developer type. `make help` lists it.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
ONEHUB := .venv/bin/onehub

.PHONY: help demo build notebook_image up down status doctor check lint unit test bench bench-directory bench-spawn bench-front-door format lock clean

help: ## list the targets
	@sed -nE 's/^([a-z_-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

demo: .venv/cli ## from nothing to a running hub with sample people
	@$(ONEHUB) demo

build: .venv/cli ## build the images of hub and proxy, make the network and the data volume
	@$(ONEHUB) build

notebook_image: .venv/cli ## pull or build the image that people's servers run
	@$(ONEHUB) build notebook

up: .venv/cli ## start what is not running, apply changed settings
	@$(ONEHUB) up

down: .venv/cli ## stop servers and services; all work is kept
	@$(ONEHUB) down

status: .venv/cli ## what runs
	@$(ONEHUB) status

doctor: .venv/cli ## look for problems, with the fix for each
	@$(ONEHUB) doctor

check: .venv/dev ## format, lint, types, imports, unit tests: seconds
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target lint unit

lint: .venv/dev
	@.venv/bin/ruff format --check --quiet .
	@.venv/bin/ruff check --quiet .
	@.venv/bin/lint-imports --no-logo >.venv/lint-imports.log || { cat .venv/lint-imports.log; exit 1; }
	@.venv/bin/mypy --no-error-summary

unit: .venv/dev
	@.venv/bin/pytest --quiet tests/unit

test: .venv/dev ## everything: check, then the real thing with Docker
	@$(MAKE) --no-print-directory check
	@.venv/bin/pytest tests

bench: .venv/dev demo ## measure, beside the alternative; needs the images
	@.venv/bin/python bench/routes.py
	@.venv/bin/python bench/directory.py
	@.venv/bin/python bench/spawn.py
	@.venv/bin/python bench/front_door.py

bench-directory: .venv/dev demo ## measure sign-in, beside ldapauthenticator
	@.venv/bin/python bench/directory.py

bench-spawn: .venv/dev demo ## measure starting and stopping servers, beside jupyterhub-deploy-docker
	@.venv/bin/python bench/spawn.py

bench-front-door: .venv/dev demo ## measure Apache httpd and the proxy, beside configurable-http-proxy
	@.venv/bin/python bench/front_door.py

format: .venv/dev ## format the code
	@.venv/bin/ruff format --quiet .
	@.venv/bin/ruff check --fix --quiet .

lock: .venv/dev ## renew the hashed requirements
	@./requirements/lock

clean: ## remove the virtual environment and caches
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.venv/bin/python:
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	@python3 -c 'import ensurepip' 2>/dev/null || { echo "installing python3-venv"; apt-get update -qq; apt-get install -y -qq python3-venv; }
	@python3 -m venv .venv

.venv/cli: .venv/bin/python requirements/cli.txt pyproject.toml
	@echo "preparing .venv"
	@.venv/bin/python -m pip install --quiet --quiet --disable-pip-version-check --require-hashes --requirement requirements/cli.txt
	@.venv/bin/python -m pip install --quiet --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.venv/dev: .venv/cli requirements/dev.txt
	@echo "preparing .venv for development"
	@.venv/bin/python -m pip install --quiet --quiet --disable-pip-version-check --require-hashes --requirement requirements/dev.txt
	@touch $@
