# depot-edge.  `make run` and `make test` do it all on a fresh Debian 12 or Raspberry Pi OS.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: run test lint native venv clean

# The virtual environment follows pyproject.toml; the C core follows its sources.
$(VENV)/.ready: pyproject.toml setup.py native/build.py $(wildcard native/*.[ch])
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check 'setuptools>=70.1' 'cffi>=1.15'
	$(BIN)/pip install --quiet --disable-pip-version-check --no-build-isolation --editable '.[test]'
	$(BIN)/python setup.py --quiet build_ext --inplace
	touch $@

venv: $(VENV)/.ready

# Rebuild only the C core.
native: venv
	$(BIN)/python setup.py --quiet build_ext --inplace

run: venv
	$(BIN)/depot demo

test: venv lint
	$(BIN)/pytest

lint: venv
	$(BIN)/ruff check edge drivers native tests setup.py
	$(BIN)/ruff format --check edge drivers native tests setup.py
	$(BIN)/mypy

clean:
	rm -rf $(VENV) build *.egg-info edge/core/_native*.so
