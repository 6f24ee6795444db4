# Every target makes .venv by itself; only CPython >= 3.11 (with venv and pip) is
# needed. `make PYTHON=python3.13 test` chooses another interpreter.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
INPUTS := pyproject.toml $(wildcard constraints/*.txt)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Tests start Python some hundred times: what it compiles is kept, whoever says not to.
unexport PYTHONDONTWRITEBYTECODE

# The constraints of this interpreter's version, if there are any.
INSTALL = set -e; c=constraints/py$$($(BIN)/python -c \
	'import sys; print("%d%d" % sys.version_info[:2])').txt; \
	if [ -f "$$c" ]; then set -- -c "$$c"; else set --; fi; \
	$(BIN)/python -m pip install --quiet "$$@" --editable

.PHONY: help demo test check format bench soak constraints clean

help:
	@echo "make demo    what gridcache does, on real input, alone and on two nodes"
	@echo "make test    the tests"
	@echo "make check   ruff, mypy, import-linter"
	@echo "make format  let ruff correct and format the code"
	@echo "make bench   the figures of the README"
	@echo "make soak    minutes of load with processes killed"
	@echo "make constraints  pin anew what resolves today (PYTHON=python3.11)"
	@echo "make clean   remove .venv and everything generated"

demo: $(VENV)/.grid
	$(BIN)/grid demo
	$(BIN)/grid demo --grid

# The grid's tests have a process of their own: what has started and joined a Ray keeps
# a dozen threads of gRPC, an excepthook, and a handler of SIGTERM that ends the nodes,
# whatever is shut down. Forked children of other tests would have them, too.
GRID_TESTS := tests/cluster tests/pool tests/test_distributed_memory_pool.py \
	tests/cli/grid tests/docs/test_distributed_pages.py tests/dask
# Theirs is another: Dask's workers in the process of their tests count all that it has
# loaded as theirs.
RAY_DATA_TESTS := tests/ray_data
OTHERS := $(GRID_TESTS:%=--ignore=%) $(RAY_DATA_TESTS:%=--ignore=%)

test: $(VENV)/.dev
	$(BIN)/python -m pytest $(OTHERS)
	$(BIN)/python -m pytest $(GRID_TESTS)
	$(BIN)/python -m pytest $(RAY_DATA_TESTS)

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.core
	$(BIN)/grid bench

# Some of its tests alone take minutes.
SOAK := -m soak -o faulthandler_timeout=900
soak: $(VENV)/.dev
	$(BIN)/python -m pytest $(SOAK) $(OTHERS)
	$(BIN)/python -m pytest $(SOAK) $(GRID_TESTS)
	$(BIN)/python -m pytest $(SOAK) $(RAY_DATA_TESTS)

# What resolves today for everything, on the interpreter that PYTHON names.
constraints:
	rm -rf build/constraints
	$(PYTHON) -m venv build/constraints
	build/constraints/bin/python -m pip install --quiet --editable '.[all,dev]'
	build/constraints/bin/python -m pip freeze --exclude-editable \
		| grep -E '^[A-Za-z0-9._-]+==[^ ]+$$' \
		> constraints/py$$($(PYTHON) -c \
			'import sys; print("%d%d" % sys.version_info[:2])').txt
	rm -rf build/constraints

clean:
	rm -rf $(VENV) build dist htmlcov .coverage .hypothesis .import_linter_cache \
		.mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.python:
	@test -n "$(PYTHON)" || { echo "gridcache needs CPython 3.11 or newer;" \
		"name one with make PYTHON=/path/to/python" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

# A stamp is newer than its inputs once the install has succeeded, so that a second
# run starts at once. `dev` holds everything that `core` does.
$(VENV)/.core: $(INPUTS) | $(VENV)/.python
	@echo "Installing gridcache into $(VENV) ..."
	@$(INSTALL) .
	@touch $@

$(VENV)/.grid: $(INPUTS) | $(VENV)/.python
	@echo "Installing gridcache and Ray into $(VENV) ..."
	@$(INSTALL) '.[ray]'
	@touch $(VENV)/.core $@

$(VENV)/.dev: $(INPUTS) | $(VENV)/.python
	@echo "Installing gridcache and its development tools into $(VENV) ..."
	@$(INSTALL) '.[all,dev]'
	@touch $(VENV)/.core $(VENV)/.grid $@
