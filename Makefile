# Two commands do everything: `make demo` and `make test`.
# On a machine with an NVIDIA GPU the default index gives torch's CUDA build; to choose another
# build, name its index: make demo PIP_ARGS="--index-url ..."

PYTHON ?= python3
PIP_ARGS ?=
PROMPT ?= a yellow star on a starry night sky
OUT ?= stylus-out

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q

.PHONY: demo test lint types tests audit pictures install install-dev clean

demo: install
	$(BIN)/stylus migrate
	$(BIN)/stylus prompt "$(PROMPT)" --out "$(OUT)"

test: install-dev lint types tests

lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types:
	$(BIN)/mypy

# A file's tests stay together, since they share processes and databases.
tests:
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses=logical --maxprocesses=4 --dist=loadfile

# Known weaknesses of exactly what constraints.txt installs; asks a database in the network.
audit: install-dev
	$(PIP) install pip-audit
	$(BIN)/pip-audit -r constraints.txt --no-deps --disable-pip

# What people see on Discord, drawn anew into docs/; needs Debian's package chromium.
pictures: install-dev
	$(PIP) install -e ".[dev,evaluation,pictures]" -c constraints.txt
	$(BIN)/python -m tests.discord.pictures
	$(BIN)/python -m tests.slack.pictures

install: $(VENV)/.installed

install-dev: $(VENV)/.installed-dev

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Stylus needs Python 3.11 or later; name one: make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# torch first and alone: with it in place nothing else pulls another build of it.
$(VENV)/.installed: constraints.txt pyproject.toml | $(VENV)/bin/python
	@echo "installing (some minutes the first time: torch is large) ..."
	$(PIP) install $(PIP_ARGS) torch -c constraints.txt
	$(PIP) install -e . -c constraints.txt
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(PIP) install -e ".[dev,evaluation]" -c constraints.txt
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache
