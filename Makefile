# The two commands: `make up` brings the platform up, `make test` checks everything. `make help` lists the rest.
# Only relative paths, so a folder with spaces in its name works. ENV names the environment (default: local).

ENV    ?= local
FLAGS  ?=
RUN    := .venv/bin/python
# The first Python that is new enough and can make virtual environments, else python3, which then says why not.
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3; do \
	"$$python" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& { echo "$$python"; exit; }; done; echo python3)

.PHONY: help up down status plan doctor test unit platform lint format docs toolchain bench kills fuzz environment environment-dev

help:  ## show this list
	@sed -n 's/^\([a-z]*\):.*##/make \1:/p' Makefile

up: environment  ## bring the environment up, or prove that it is up
	@$(RUN) -m bootstrap up --environment $(ENV) $(FLAGS)

down: environment  ## remove everything of the environment
	@$(RUN) -m bootstrap down --environment $(ENV) $(if $(filter local,$(ENV)),--yes) $(FLAGS)

status plan doctor: environment
	@$(RUN) -m bootstrap $@ --environment $(ENV) $(FLAGS)

test:  ## lint, strict types, every test, the local platform end to end: all of them, even when one fails
	@.ci/suites

unit: environment-dev  ## the tests that need no platform
	$(RUN) -m pytest -n 2 --dist worksteal $(FLAGS) tests/unit

# Two platforms at a time: each file has its own. The longest files begin first (tests/conftest.py).
platform: environment-dev toolchain  ## the tests on the local platform
	$(RUN) -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(FLAGS) tests/end_to_end tests/platform

lint: environment-dev  ## style, strict types, layers
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy
	.venv/bin/lint-imports --no-cache

format: environment-dev  ## put the code into the house's format
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

docs: environment-dev  ## write the pages that are made from the code
	$(RUN) .ci/rules_page.py
	$(RUN) .ci/limits_page.py
	$(RUN) .ci/architecture.py
	$(RUN) -m bootstrap schema >bootstrap/config/schema.json
	$(RUN) -m bootstrap schema --output markdown >docs/configuration.md

toolchain: environment  ## build or find the programs of the local platform
	@$(RUN) -m bootstrap.local.toolchain

bench: environment-dev toolchain  ## print the figures, each beside its bar
	@$(RUN) -m tests.bench.run $(FLAGS)

kills: environment-dev toolchain  ## kill -9 over up and down, hundreds of times (FLAGS="--up 20 --down 10" for fewer)
	@$(RUN) -m tests.kills.run $(FLAGS)

fuzz: environment-dev  ## feed 200,000 odd inputs to every reader (FLAGS="--inputs 5000 --only picture" for fewer)
	@nice $(RUN) -m tests.fuzz.run $(FLAGS)

environment:
	@"$(PYTHON)" .ci/environment.py local

environment-dev:
	@"$(PYTHON)" .ci/environment.py local dev
