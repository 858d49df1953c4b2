# Everything runs in a virtual environment of its own: make TARGET [PYTHON=python3.11] [VENV=.venv] [FAMILY=forks]
#
# Threads of torch sleep while they wait (benchmarks/threads.py); how many there are is left to torch. On a machine that
# is busy with other work, OMP_NUM_THREADS=1 before make is as fast.
export OMP_WAIT_POLICY ?= passive
ifndef PYTHON
PYTHON := $(shell python3.11 -c '' 2>/dev/null && echo python3.11 || echo python3)
endif
# The packages that it is made of: forks, original or original-torch2.6 (docs/install.md).
FAMILY ?= forks
VENV ?= .venv$(if $(filter-out forks,$(FAMILY)),-$(FAMILY))
PYTEST_ARGS ?=
# One thread each: processes of several threads slow one another down.
TEST_PROCESSES ?= logical

.DEFAULT_GOAL := help
.PHONY: help setup lint test demo demo-classify train-demo train-classify

help:        ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup:       ## pinned packages, mmcv and this project in .venv: minutes the first time, then a second
	@'$(PYTHON)' -c '' 2>/dev/null || \
	    { echo 'set-up stopped: there is no `$(PYTHON)`: install Python 3.11 or name one, `make PYTHON=...`.' >&2; exit 1; }
	@'$(PYTHON)' tools/setup/setup_env.py --venv '$(VENV)' --family '$(FAMILY)'

lint: setup  ## ruff with ruff.toml
	'$(VENV)/bin/python' -m ruff check .

# Both run, so that a fault of style does not hide what the tests say.
test: setup  ## set up if need be, ruff, all tests; PYTEST_ARGS='-k layout' picks some
	@status=0; \
	'$(VENV)/bin/python' -m ruff check . || status=1; \
	OMP_NUM_THREADS=1 '$(VENV)/bin/python' -m pytest tests -n $(TEST_PROCESSES) --maxprocesses 4 $(PYTEST_ARGS) \
	    || status=1; \
	exit $$status

demo: setup  ## set up if need be and detect with the shipped weights
	'$(VENV)/bin/python' demo/detect.py

demo-classify: setup  ## set up if need be and classify with the shipped weights, 10 and 1,000 classes
	'$(VENV)/bin/python' demo/classify.py

train-demo: setup  ## set up if need be and train the small models from nothing
	'$(VENV)/bin/python' demo/train_detect.py

train-classify: setup  ## set up if need be and train what demo-classify needs from nothing
	'$(VENV)/bin/python' demo/train_classify.py
