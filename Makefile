# Two commands: `make demo` (the main job on a real local model) and `make test`.
PYTHON ?= python3.11
PIP = .venv/bin/python -m pip --disable-pip-version-check
LOCKED = $(PIP) install --quiet --require-hashes --no-deps

.PHONY: demo test test-all lint lock clean

demo: .venv/.demo
	.venv/bin/evalkit run configs/quickstart.yaml --yes

test: .venv/.dev lint
	.venv/bin/python -m pytest

lint: .venv/.dev
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports --no-logo

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.demo: .venv/bin/python .locks/demo.txt pyproject.toml
	$(LOCKED) -r .locks/demo.txt
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	touch $@

.venv/.dev: .venv/bin/python .locks/dev.txt pyproject.toml
	$(LOCKED) -r .locks/dev.txt
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	touch $@ .venv/.demo

# Versions are chosen here and nowhere else; the files carry hashes and no index address.
COMPILE = .venv/bin/uv pip compile pyproject.toml --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-header --no-annotate --quiet
lock: .venv/bin/python
	$(PIP) install --quiet uv
	$(COMPILE) --extra local --group build --output-file .locks/demo.txt
	$(COMPILE) --extra local --extra serve --group dev --output-file .locks/dev.txt

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
