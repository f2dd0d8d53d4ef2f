# make demo   install pocketvox into .venv and scan a bundled complex
# make test   install what the tests need as well, lint and run them
# Needs git, make and Python 3.11 or later; another interpreter: make demo PYTHON=/path/to/python3.12
# Downloads happen once; afterwards both work offline.

VENV ?= .venv
PYTHON ?= $(shell for p in python3.12 python3.13 python3.11 python3 python; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$p && break; done)
BIN := $(VENV)/bin
SOURCES := $(shell find pocketvox models -type f -not -name '*.pyc' 2>/dev/null)
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: demo test clean

demo: $(VENV)/.pocketvox-installed
	$(BIN)/pocketvox demo

test: $(VENV)/.pocketvox-test
	$(BIN)/python -m ruff check .
	$(BIN)/python -m pytest -q -ra

# The environment, with what pocketvox depends on; made again when the dependencies change.
$(VENV)/.pocketvox-lean: setup.cfg pyproject.toml
	@test -n "$(PYTHON)" || { echo "pocketvox needs Python 3.11, 3.12 or 3.13 and found none." \
		"Install one, or name it: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and f"pocketvox needs Python 3.11 or later; $(PYTHON) is {sys.version.split()[0]}")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet 'setuptools>=77' wheel
	$(PIP) install --quiet --no-build-isolation .
	@touch $@

# pocketvox itself, as a user gets it: built into a wheel, with its presets.
$(VENV)/.pocketvox-installed: $(VENV)/.pocketvox-lean $(SOURCES)
	$(PIP) install --quiet --no-build-isolation --no-deps --no-index --force-reinstall .
	@touch $@

$(VENV)/.pocketvox-test: $(VENV)/.pocketvox-lean
	$(PIP) install --quiet --no-build-isolation '.[test,train]'
	@touch $@

clean:
	rm -rf build dist *.egg-info
