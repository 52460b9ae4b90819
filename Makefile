# Everything that a user's machine and CI do: `make demo`, `make test`, `make lint`, `make bench`.
# All of it happens in $(VENV); Python 3.11-3.13, make and git are all that must be there.

VENV ?= .venv
JOBS ?= 2
EXAMPLE ?= example_notebooks/wine_classification.ipynb

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
YAML := build/$(notdir $(EXAMPLE:.ipynb=.yaml))
EXECUTED := build/$(notdir $(EXAMPLE:.ipynb=.executed.ipynb))

# These would lead pip or Python out of the virtual environment.
unexport PYTHONHOME PYTHONPATH PIP_PREFIX PIP_TARGET PIP_USER

.DELETE_ON_ERROR:
.PHONY: help demo test lint format bench clean

help:
	@echo "make demo    install, then draw, run and compile an example notebook"
	@echo "make test    install what tests need, lint, run all tests"
	@echo "make lint    ruff, mypy, import-linter"
	@echo "make format  let ruff format and fix what it can"
	@echo "make bench   measure compiling, and running beside other tools (takes ten minutes)"
	@echo "make clean   remove $(VENV) and everything built"

demo: $(VENV)/installed-demo
	@mkdir -p build
	@echo; echo "== kernelpipe graph $(EXAMPLE)"
	@$(BIN)/kernelpipe graph "$(EXAMPLE)"
	@echo; echo "== kernelpipe run $(EXAMPLE) --out $(EXECUTED)"
	@$(BIN)/kernelpipe run "$(EXAMPLE)" --out "$(EXECUTED)"
	@echo; echo "== kernelpipe compile $(EXAMPLE) -o $(YAML)"
	@$(BIN)/kernelpipe compile "$(EXAMPLE)" -o "$(YAML)"
	@echo
	@echo "The notebook as it ran:   $(EXECUTED)"
	@echo "For a Kubeflow cluster:   $(YAML)"
	@echo "Try another parameter:    $(BIN)/kernelpipe run $(EXAMPLE) --help"

test: lint
	$(BIN)/python -m pytest -n $(JOBS)

lint: $(VENV)/installed-test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/installed-test
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(VENV)/installed-demo
	$(BIN)/python tests/benchmarks/compile_time.py
	$(BIN)/python tests/benchmarks/bench.py

clean:
	rm -rf $(VENV) build dist .coverage .*_cache

$(VENV)/installed-demo: pyproject.toml | $(BIN)/pip
	@echo "installing kernelpipe into $(VENV) (takes a minute the first time)"
	@$(PIP) install --editable ".[kfp,examples]"
	@touch $@

$(VENV)/installed-test: pyproject.toml | $(BIN)/pip
	@echo "installing kernelpipe and what its tests need into $(VENV)"
	@$(PIP) install --editable ".[test]"
	@touch $@ $(VENV)/installed-demo

# A Python without ensurepip (Debian keeps it in python3-venv) makes a broken environment: other
# ways follow, the system's package manager last.
$(BIN)/pip:
	@find_python() { \
	  usable=""; \
	  for name in $(or $(PYTHON),python3.13 python3.12 python3.11 python3); do \
	    "$$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	      >/dev/null 2>&1 || continue; \
	    if "$$name" -c 'import ensurepip, venv' >/dev/null 2>&1; then echo "$$name"; return; fi; \
	    usable="$${usable:-$$name}"; \
	  done; \
	  echo "$$usable"; \
	}; \
	apt() { \
	  if [ "$$(id -u)" = 0 ]; then sudo=; else sudo="sudo -n"; fi; \
	  $$sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq "$$@" >/dev/null 2>&1; \
	}; \
	remove_venv() { if [ -e "$(VENV)/pyvenv.cfg" ]; then rm -rf "$(VENV)"; fi; }; \
	python="$$(find_python)"; \
	if [ -z "$$python" ]; then \
	  echo "kernelpipe needs Python 3.11, 3.12 or 3.13; none was found (make PYTHON=... names one)" >&2; \
	  exit 1; \
	fi; \
	echo "making $(VENV) with $$("$$python" --version)"; \
	make_venv() { remove_venv; "$$python" -m venv "$(VENV)" >/dev/null 2>&1; }; \
	without_ensurepip() { \
	  remove_venv; \
	  "$$python" -m venv --without-pip "$(VENV)" >/dev/null 2>&1 && \
	  "$$python" -m pip --python "$(BIN)/python" install --quiet pip >/dev/null 2>&1; \
	}; \
	with_virtualenv() { remove_venv; "$$python" -m virtualenv "$(VENV)" >/dev/null 2>&1; }; \
	from_packages() { \
	  version="$$("$$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"; \
	  command -v apt-get >/dev/null && \
	  echo "installing the system package python$$version-venv" && \
	  { apt install -y "python$$version-venv" || \
	    { apt update && apt install -y "python$$version-venv"; }; } && \
	  make_venv; \
	}; \
	make_venv || without_ensurepip || with_virtualenv || from_packages || { \
	  remove_venv; \
	  echo "could not make a virtual environment: install python3-venv (on Debian:" >&2; \
	  echo "'apt-get install python3-venv'), then try again" >&2; \
	  exit 1; \
	}
