# make demo     install pocketvox into .venv and scan a bundled complex
# make test     install what the tests need as well, lint, and run them
# make readme   put the output of the demonstration into README.md
# Needs make and Python 3.11 to 3.13; another interpreter: make demo PYTHON=/path/to/python3.12
# Downloads happen once; afterwards everything works offline.

VENV ?= .venv
# Processes that share the tests, file by file; each may need 2 GB of memory.
JOBS ?= 2
PYTHON ?= $(shell for p in python3.12 python3.13 python3.11 python3 python; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$p && break; done)
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
SOURCES := $(shell find pocketvox models -type f -not -name '*.pyc' 2>/dev/null)
CHECK := import sys; (3, 11) <= sys.version_info[:2] <= (3, 13) or sys.exit( \
	"pocketvox needs Python 3.11, 3.12 or 3.13; this is " + sys.version.split()[0] + " (" + sys.executable + ")")

.PHONY: demo test readme clean

demo: $(VENV)/.pocketvox-installed
	@$(BIN)/pocketvox demo

test: $(VENV)/.pocketvox-test
	$(BIN)/python -m ruff check .
	$(BIN)/python -m pytest -q -ra -n $(JOBS) --dist loadfile

readme: $(VENV)/.pocketvox-lean
	$(BIN)/python docs/update_readme.py

# The environment and what pocketvox depends on; again when the dependencies change.
$(VENV)/.pocketvox-lean: setup.cfg pyproject.toml
	@test -n "$(PYTHON)" || { echo "pocketvox needs Python 3.11, 3.12 or 3.13; none was found." \
		"Install one, or name it: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@$(PYTHON) -c '$(CHECK)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -c '$(CHECK)'
	@echo "installing into $(VENV) ..."
	@rm -rf build
	@$(PIP) install --quiet 'setuptools>=77' wheel
	@$(PIP) install --quiet --no-build-isolation .
	@touch $@

# pocketvox itself, as a user gets it: built into a wheel, with its presets.
$(VENV)/.pocketvox-installed: $(VENV)/.pocketvox-lean $(SOURCES)
	@rm -rf build
	@$(PIP) install --quiet --no-build-isolation --no-deps --no-index --force-reinstall .
	@touch $@

# What the tests need, TensorFlow among it: a large download.
$(VENV)/.pocketvox-test: $(VENV)/.pocketvox-lean
	@echo "installing what the tests need into $(VENV) ..."
	@rm -rf build
	@$(PIP) install --quiet --no-build-isolation '.[test,train]'
	@touch $@

clean:
	rm -rf build dist *.egg-info

# What follows is for those who make releases. TOOLS has uv, pip-audit and cyclonedx-bom.
TOOLS := $(VENV)-tools
.PHONY: lock audit sbom test-oldest

$(TOOLS)/bin/uv:
	@$(PYTHON) -m venv $(TOOLS)
	@$(TOOLS)/bin/python -m pip --disable-pip-version-check install --quiet uv pip-audit cyclonedx-bom

# requirements/dev.txt: every package of the development environment with its hashes, for Python 3.11 to 3.13;
# requirements/oldest.txt: the oldest versions that setup.cfg allows, for Python 3.11.
lock: $(TOOLS)/bin/uv
	$(TOOLS)/bin/uv pip compile setup.cfg --extra test --extra train --generate-hashes --universal \
		--python-version 3.11 --no-header --quiet -o requirements/dev.txt
	$(TOOLS)/bin/uv pip compile setup.cfg --resolution lowest-direct --python-version 3.11 --no-header --quiet \
		-o requirements/oldest.txt

# Known vulnerabilities of the locked packages; asks the network.
audit: $(TOOLS)/bin/uv
	$(TOOLS)/bin/pip-audit -r requirements/dev.txt --require-hashes --disable-pip

# sbom.json: CycloneDX, of what is installed.
sbom: $(TOOLS)/bin/uv $(VENV)/.pocketvox-installed
	$(TOOLS)/bin/cyclonedx-py environment $(BIN)/python --of JSON --output-reproducible -o sbom.json

# The core on the oldest versions; their warnings about themselves are not ours to mend.
CORE := features goldens grid hotspots interactions labels ligands metrics pockets poses read residues smarts voxelize
test-oldest: requirements/oldest.txt
	@$(PYTHON) -m venv $(VENV)-oldest
	@$(VENV)-oldest/bin/python -m pip --disable-pip-version-check install --quiet -r $< 'pytest>=8' 'hypothesis>=6.100'
	PYTHONPATH=. $(VENV)-oldest/bin/python -m pytest -q -o filterwarnings=default $(CORE:%=tests/test_%.py)
