# `make help` lists the targets. ARGS is handed on: make demo ARGS=--no-browser, make test ARGS='-k device'.
PYTHON = python3
ARGS =
VENV = .venv
BIN = $(VENV)/bin
# of each widget its bundle
STATIC = src/ipyterrascope/static/login.js src/ipyterrascope/static/download.js

.NOTPARALLEL:
.PHONY: help demo check test soak screenshots lint wheel clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1	/p' Makefile

demo: $(VENV)/demo.stamp $(STATIC) ## open the quickstart in JupyterLab against a Terrascope on this machine
	@$(BIN)/python tools/demo.py $(ARGS)

check: $(STATIC) lint ## the quick half of the tests: no wheel, no Keycloak, no browser
	npm test --silent
	$(BIN)/pytest tests/unit tests/integration $(ARGS)

# three at a time: much of a test is waiting for a server or a page; ARGS='-n 0' for one
test: ## all tests, on the built and installed wheel; installs what they need
	PYTHON=$(PYTHON) tools/system-packages python node chromium java maven unzip gdal
	tests/testbed/keycloak/get.sh
	$(MAKE) --no-print-directory VENV=build/venv wheel
	build/venv/bin/pip uninstall -qqy ipyterrascope
	build/venv/bin/pip install -q "$$(ls dist/*.whl)[sandbox,geo,dask]"
	$(MAKE) --no-print-directory VENV=build/venv lint
	npm test --silent
	build/venv/bin/pytest -n 3 --rerun-show-tracebacks $(ARGS)

soak: $(VENV)/dev.stamp $(STATIC) ## the random and fault tests at their full counts
	tools/system-packages chromium java maven unzip
	$(BIN)/pytest -m soak --hypothesis-profile=soak --timeout=3600 $(ARGS)

screenshots: $(VENV)/dev.stamp $(STATIC) ## a picture of each face of the widgets, in build/screenshots
	tools/system-packages chromium
	PYTHONPATH=tests:tools $(BIN)/python -m testbed.screenshots build/screenshots

bench: $(VENV)/demo.stamp ## our downloads against curl, aria2c, wget and requests; root for the rows with a WAN
	tools/system-packages nginx openssl gcc curl aria2 wget
	$(BIN)/python benchmarks/bench.py --results benchmarks/RESULTS.md $(ARGS)
	$(BIN)/pip install -q --editable '.[sandbox,geo,dask]'
	$(BIN)/python benchmarks/reads.py --results benchmarks/READS.md
	$(BIN)/python benchmarks/cluster.py --results benchmarks/CLUSTER.md

lint: $(VENV)/dev.stamp node_modules/.stamp ## ruff, pyright, import-linter, eslint, prettier, tsc
	$(BIN)/ruff check
	$(BIN)/ruff format --check src tests tools notebooks benchmarks examples
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports
	npm run --silent lint
	npm run --silent typecheck

wheel: $(VENV)/dev.stamp $(STATIC) ## build the wheel in dist/; installing it needs no Node
	rm -rf dist
	$(BIN)/python -m build --wheel

clean: ## remove what was built, and .demo with your notebook in it; .venv and node_modules stay
	rm -rf build dist .demo src/ipyterrascope/static

# what is in the environments and in the bundle; a stamp is as new as its last installation

.venv/demo.stamp: pyproject.toml
	@echo 'Installing into .venv, once: this takes some minutes.'
	PYTHON=$(PYTHON) tools/system-packages python
	$(PYTHON) -m venv .venv
	.venv/bin/pip install -q --upgrade pip
	.venv/bin/pip install -q --editable '.[sandbox,geo,dask]' --group demo
	touch $@

.venv/dev.stamp: .venv/demo.stamp
	.venv/bin/pip install -q --editable '.[sandbox,geo,dask]' --group dev
	touch $@

build/venv/dev.stamp: pyproject.toml
	$(PYTHON) -m venv build/venv
	build/venv/bin/pip install -q --upgrade pip
	build/venv/bin/pip install -q --group dev
	touch $@

node_modules/.stamp: package.json package-lock.json
	tools/system-packages node
	npm ci --silent
	touch $@

$(STATIC): node_modules/.stamp js/*
	npm run --silent build
