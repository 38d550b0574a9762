# The commands of this project. Every one of them sets up what it needs first (tools/dev/setup:
# system packages and a virtual environment, quick when nothing is missing) and is idempotent.
#
#   make demo     export MiniLM-L6, compile it to tiles, run it, print what the tiles cost
#   make test-heavy  what takes minutes and is not part of `make test`
#   make test     lint, unit, dialect and Python tests (SUITES="lint lit" picks some)
#   make bench    measure, and write docs/Performance.md
#   make validate judge circuit and devices by ngspice and AIHWKIT, and write docs/Validation.md
#                 (about 20 minutes; ONLY="fidelity scale" makes these sections anew)
#   make experiment        train and deploy a real task, and write docs/Experiment.md (two hours on
#                          two cores; resumes); experiment-smoke: the same in small, in minutes
#   make lint     what pre-commit and CI check         make format   rewrite files to the format
#   make soak MINUTES=30   random orders, kills, full disks and 10^5 runs, each against fresh processes
#                          (SEED= other orders)
#   make sanitize build with sanitizers (build/asan, build/tsan) and test under them; an evening on
#                 two cores; sanitize-fast: sessions and readers, in minutes
#   make coverage  count which lines and branches the tests run, into docs/Testing.md
#   make fuzz     MINUTES=60 GRAPHS=1000: search for inputs that a reader does not survive, and for
#                 graphs that compute something else; fuzz-regressions: the known inputs alone
#   make docs     regenerate docs/generated
#   make install  PREFIX=/usr/local                    make clean    remove build/, keep .venv
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := build
MAKEFLAGS += --no-print-directory

PRESET ?= release
BUILD_DIR := build/$(PRESET)
JOBS ?= $(shell nproc)
VENV ?= $(CURDIR)/.venv
PREFIX ?= /usr/local
# CI accepts no warning; a reader with another compiler is not stopped by one.
WERROR ?= $(if $(CI),ON,OFF)
# Debian's own cmake and ninja, so that shims in PATH do not decide which version runs.
CMAKE := $(firstword $(wildcard /usr/bin/cmake) cmake)
NINJA := $(firstword $(wildcard /usr/bin/ninja) ninja)
PYTHON := $(VENV)/bin/python

export AIMC_VENV := $(VENV)
export AIMC_BUILD_DIR := $(CURDIR)/$(BUILD_DIR)
export AIMC_BIN_DIR := $(AIMC_BUILD_DIR)/bin
export AIMC_LIB_DIR := $(AIMC_BUILD_DIR)/lib
export PYTHONDONTWRITEBYTECODE := 1

.PHONY: build setup configure demo test test-heavy bench validate experiment experiment-smoke lint format \
  tidy docs install sanitize sanitize-fast coverage soak fuzz fuzz-regressions clean

setup:
	@tools/dev/setup

configure: setup
	@test -f $(BUILD_DIR)/build.ninja || $(CMAKE) --preset $(PRESET) -DAIMC_WERROR=$(WERROR) \
	  -DCMAKE_MAKE_PROGRAM=$(NINJA) -DPython3_EXECUTABLE=$(PYTHON)

build: configure
	@$(NINJA) -C $(BUILD_DIR) -j $(JOBS)

# The demo needs two programs; the tests and their libraries can wait for `make test`.
demo: configure
	@$(NINJA) -C $(BUILD_DIR) -j $(JOBS) aimc-compile aimc-run
	@$(PYTHON) -m aimc.demo --output build/demo

test: build
	@$(PYTHON) tools/dev/test --jobs $(JOBS) $(SUITES)

test-heavy: build
	@$(PYTHON) -m pytest -q -m heavy

bench: build
	@$(PYTHON) -m aimc.demo --output build/demo
	@$(PYTHON) test/benchmark/bench.py --output docs/Performance.md \
	  --demo build/demo/results.json --readme README.md

validate: build
	@$(PYTHON) test/validation/validate.py $(if $(ONLY),--only $(ONLY))

experiment: build
	@$(PYTHON) -m aimc.experiment --output build/experiment --page docs/Experiment.md

experiment-smoke: build
	@$(PYTHON) -m aimc.experiment --smoke --output build/experiment-smoke \
	  --page build/experiment-smoke/Experiment.md

coverage: setup
	@$(PYTHON) tools/dev/coverage --jobs $(JOBS)

lint: setup
	@$(PYTHON) tools/dev/lint

format: setup
	@$(PYTHON) tools/dev/format

tidy: build
	@$(PYTHON) tools/dev/tidy --build $(BUILD_DIR)

docs: build
	@$(PYTHON) tools/dev/docs --build $(BUILD_DIR)

install: build
	@$(CMAKE) --install $(BUILD_DIR) --prefix $(PREFIX)

sanitize: setup
	@$(PYTHON) tools/dev/sanitize --jobs $(JOBS)

sanitize-fast: setup
	@$(PYTHON) tools/dev/sanitize --jobs $(JOBS) --fast

soak: build
	@$(PYTHON) test/soak/soak.py --minutes $(or $(MINUTES),10) --seed $(or $(SEED),1)

# Graphs are compiled by the release build, which the fuzzers do not need.
fuzz: $(if $(GRAPHS),build,setup)
	@$(PYTHON) tools/dev/fuzz --jobs $(JOBS) --minutes $(or $(MINUTES),60) $(if $(GRAPHS),--graphs $(GRAPHS)) \
	  $(READERS)

fuzz-regressions: setup
	@$(PYTHON) tools/dev/fuzz --jobs $(JOBS) $(READERS)

clean:
	rm -rf build
