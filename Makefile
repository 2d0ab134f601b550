# Two verbs do everything on a fresh machine: `make demo` and `make test`. Each sets up .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Where torch comes from; name an index of CPU builds to save gigabytes of CUDA on Linux.
TORCH_INDEX ?=
CORPUS ?=
ROOT ?=

.PHONY: demo bench model test lint type layers spell format check install clean

install: $(VENV)/.installed

# --upgrade-deps would ask for a newer pip than the machine may reach; the one that comes with Python suffices.
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "magtfnet needs Python 3.11 or later: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) torch==2.13.0
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[train,dev]'
	touch $@

# The peers that `make bench` times ours against; half a minute to install.
$(VENV)/.bench: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[train,dev,bench]'
	touch $@

# Under 10 minutes on 2 cores; writes docs/performance.md.
bench: $(VENV)/.bench
	MAGTFNET_CORPORA="$${MAGTFNET_CORPORA:-$$(cd ../shared/corpora 2>/dev/null && pwd)}" $(BIN)/python -m benchmarks

# The model in the wheel: all of EMO-DB by configs/accurate.toml, with the scores that docs/results/ keeps; a minute.
EMODB ?= $(shell cd ../shared/corpora/emodb 2>/dev/null && pwd)
model: install
	rm -rf src/magtfnet/shipped/emodb
	OMP_NUM_THREADS=1 $(BIN)/magtfnet ship emodb "$(EMODB)" src/magtfnet/shipped/emodb \
	  --scores docs/results/emodb_emobox_accurate --scores docs/results/emodb_leave_one_speaker_out_accurate

demo: install
	$(BIN)/magtfnet demo $(CORPUS) $(if $(ROOT),"$(ROOT)")

test: install
	$(BIN)/python -m pytest -n 2

lint: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

type: install
	$(BIN)/mypy

layers: install
	$(BIN)/lint-imports

spell: install
	$(BIN)/codespell

format: install
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

check: lint type layers spell test

clean:
	rm -rf $(VENV) demo
