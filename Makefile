# make demo    set up and hear it work, on recordings in the repository
# make test    set up and run every test, ruff and mypy, then the wheel on each Python that is there
# make listen  the live microphone

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
export OMP_NUM_THREADS := 1

.PHONY: demo test lint unit wheel listen clean

demo: $(VENV)/.runtime
	@echo; echo '$$ earlet listen --source tests/recordings/commands.flac'
	@$(BIN)/earlet listen --source tests/recordings/commands.flac
	@echo; echo '$$ earlet transcribe --timestamps segment tests/recordings/speech.flac'
	@$(BIN)/earlet transcribe --timestamps segment tests/recordings/speech.flac

test: lint unit wheel

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

unit: $(VENV)/.dev
	$(BIN)/pytest -q

wheel: $(VENV)/.dev
	$(BIN)/python tests/wheel/build_and_smoke.py

listen: $(VENV)/.runtime
	$(BIN)/earlet listen

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "earlet needs Python 3.11 or later: make PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
		{ rm -rf $(VENV); echo "on Debian and Raspberry Pi OS: apt install python3-venv"; exit 1; }

$(VENV)/.runtime: pyproject.toml | $(VENV)/bin/python
	$(PIP) --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/.runtime

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
