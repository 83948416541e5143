# make demo    set up and hear it work, on recordings in the repository
# make test    set up and run every test, ruff and mypy, then the wheel on each Python that is there
# make listen  the live microphone
# make serve   answers programs, and has a page, on http://127.0.0.1:8327
# make check-microphone  speaks a command into a virtual microphone, and looks for the action it is to start
# make soak    a day of sound in minutes: memory stays flat, and no hour is heard otherwise than by itself
# make soak-server  an hour of visitors in minutes: every answer is the right one, and nothing grows
# make bench   beside its peers, in a quarter of an hour or more: benchmarks/RESULTS.md; PEERS=light leaves out what needs torch
# make bench-quick  the same in two minutes, on the terminal alone
# make test-arm  every bundle, and what computes, on emulated ARM of 64 and 32 bits, in some minutes
# make test-tflite-runtime  what runs .tflite networks, on tflite-runtime and NumPy 1

PYTHON ?= python3
PYTHON_3_11 ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# tflite-runtime was last built for Python 3.11 and NumPy 1: it has an environment of its own.
TFLITE := .venv-tflite
TFLITE_PIP := $(TFLITE)/bin/python -m pip install --quiet --disable-pip-version-check
# Peers of the benchmarks want versions of their own; PEERS is all or light.
BENCH := .venv-bench
PEERS := all
DATA := ../shared/data
export OMP_NUM_THREADS := 1
# onnxruntime reports to its maker unless this is set before it is imported; earlet sets it, too.
export ORT_DISABLE_TELEMETRY := 1

.PHONY: demo test lint unit wheel test-tflite-runtime test-arm listen serve check-microphone soak soak-server bench bench-quick clean

demo: $(VENV)/.runtime
	@echo; echo '$$ earlet listen --source tests/recordings/commands.flac'
	@$(BIN)/earlet listen --source tests/recordings/commands.flac
	@echo; echo '$$ earlet transcribe --timestamps segment tests/recordings/speech.flac'
	@$(BIN)/earlet transcribe --timestamps segment tests/recordings/speech.flac
	@echo; echo '$$ earlet classify tests/pictures/cat.jpg'
	@$(BIN)/earlet classify tests/pictures/cat.jpg
	@echo; echo '$$ earlet classify "What a lovely day!" "It was dull, and far too long." tests/recordings/speech.flac'
	@$(BIN)/earlet classify "What a lovely day!" "It was dull, and far too long." tests/recordings/speech.flac

test: lint unit test-tflite-runtime wheel

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

unit: $(VENV)/.dev
	$(BIN)/pytest -q

wheel: $(VENV)/.dev
	$(BIN)/python tests/wheel/build_and_smoke.py

ifeq ($(shell $(PYTHON_3_11) -c 'print("there")' 2> /dev/null),there)
test-tflite-runtime: $(TFLITE)/.dev
	$(TFLITE)/bin/python -m pytest -q tests/tflite_runtime tests/backends/test_litert*.py \
		tests/backends/test_tflite_file.py tests/tasks/test_keyword_model.py
else
test-tflite-runtime:
	@echo "test-tflite-runtime: NOT RUN: it needs Python 3.11, the last that has tflite-runtime (PYTHON_3_11=...)"
endif

# IF_POSSIBLE=--if-possible: without the emulator, that is said and nothing fails
test-arm: $(VENV)/.runtime
	@$(BIN)/python -m tests.arm $(IF_POSSIBLE)

listen: $(VENV)/.runtime
	$(BIN)/earlet listen

serve: $(VENV)/.serve
	$(BIN)/earlet serve --wyoming

check-microphone: $(VENV)/.runtime
	@$(BIN)/python -m tests.rig.check

soak: $(VENV)/.runtime
	@$(BIN)/python -m tests.soak

soak-server: $(VENV)/.dev
	@$(BIN)/python -m tests.soak.server

bench: $(BENCH)/.peers-$(PEERS)
	@$(BENCH)/bin/python -m benchmarks --data $(DATA)

bench-quick: $(BENCH)/.peers-$(PEERS)
	@$(BENCH)/bin/python -m benchmarks --quick --data $(DATA)

$(VENV)/bin/python $(BENCH)/bin/python: %/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "earlet needs Python 3.11 or later: make PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -m venv $* || \
		{ rm -rf $*; echo "on Debian and Raspberry Pi OS: apt install python3-venv"; exit 1; }

$(VENV)/.runtime: pyproject.toml | $(VENV)/bin/python
	$(PIP) --editable '.[image]'
	@touch $@

$(VENV)/.serve: pyproject.toml | $(VENV)/bin/python
	$(PIP) --editable '.[serve,wyoming]'
	@touch $@ $(VENV)/.runtime

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/.runtime $(VENV)/.serve

# With a NumPy 2 aside, so that the wrong pairing can be tried.
$(TFLITE)/.dev: pyproject.toml
	$(PYTHON_3_11) -m venv $(TFLITE)
	$(TFLITE_PIP) --editable '.[tflite]' 'pytest>=8.3' 'hypothesis>=6.100' 'pillow>=11'
	$(TFLITE_PIP) --target $(TFLITE)/numpy-2 --upgrade 'numpy>=2'
	@touch $@

# earlet last: whatever peers ask for, what it needs is there.
$(BENCH)/.peers-$(PEERS): pyproject.toml benchmarks/peers.txt | $(BENCH)/bin/python
	$(BENCH)/bin/python benchmarks/install.py $(if $(filter light,$(PEERS)),--light)
	$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[quantize,serve,wyoming]'
	@touch $@

clean:
	rm -rf $(VENV) $(TFLITE) $(BENCH) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
