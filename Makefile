# Two commands: `make demo` runs the main job on a real local model, `make test` checks everything.

PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3.11)
PIP = .venv/bin/python -m pip --disable-pip-version-check --quiet --retries 2 --timeout 20
BROWSER = $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)

.PHONY: demo test test-slow test-all lint format lock clean

demo: .venv/.demo openmp
	@.venv/bin/evalkit local-model fetch >/dev/null
	@.venv/bin/evalkit run configs/quickstart.yaml --yes

# Half of what end-to-end tests take is waiting, so that three at a time keep two cores busy. CI runs
# the long tests, too.
test: lint browser openmp
	.venv/bin/evalkit local-model fetch
	.venv/bin/python -m pytest --numprocesses 3 --dist worksteal -m "not slow"
	@if [ -n "$(CI)" ]; then $(MAKE) --no-print-directory test-slow; fi

# The long simulations and the long crash tests.
test-slow: .venv/.dev
	.venv/bin/python -m pytest --numprocesses 2 --dist worksteal -m slow

# Everything.
test-all: test test-slow

lint: .venv/.dev
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports --no-logo

format: .venv/.dev
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

.PHONY: browser
browser:
	@test -n "$(BROWSER)" || .ci/apt chromium
	@command -v openssl >/dev/null || .ci/apt openssl

# The local model computes with OpenMP, which slim systems lack.
.PHONY: openmp
openmp:
	@! command -v ldconfig >/dev/null || ldconfig -p | grep -q libgomp.so.1 || .ci/apt libgomp1

# A virtual environment without pip is what Debian leaves behind when python3-venv is missing.
.venv/bin/pip:
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || .ci/apt python3.11 python3.11-venv
	@$(PYTHON) -m venv --clear .venv

# $(call install,LOCK): exactly the versions of a lock file, then evalkit itself.
define install
	@echo "Installing the packages of $(1) into .venv ..."
	@{ $(PIP) install --require-hashes --no-deps --requirement $(1) \
	   && $(PIP) install --no-deps --no-build-isolation --editable . ; } 2>.venv/install.log \
	|| { echo "error: the packages of $(1) could not be installed; is a package index reachable? \
	(details: .venv/install.log)" >&2 ; exit 2 ; }
	@.venv/bin/python -m compileall -q evalkit
endef

.venv/.demo: .venv/bin/pip .locks/demo.txt pyproject.toml
	$(call install,.locks/demo.txt)
	@touch $@

.venv/.dev: .venv/bin/pip .locks/dev.txt pyproject.toml
	$(call install,.locks/dev.txt)
	@touch $@ .venv/.demo

# Versions are chosen here and nowhere else; the files carry hashes and no index address.
COMPILE = .venv/bin/uv pip compile pyproject.toml --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-header --no-annotate --quiet
lock: .venv/bin/pip
	$(PIP) install uv
	$(COMPILE) --extra local --group build --output-file .locks/demo.txt
	$(COMPILE) --all-extras --group dev --output-file .locks/dev.txt

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
