# NDE Studio. `make demo` and `make test` do everything on a fresh machine, set-up included.
SHELL := /bin/sh
VENV ?= .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
NATIVE := $(wildcard CMakeLists.txt ndestudio/symbolic/native/*)
SUITES ?= $(patsubst benchmarks/%/__main__.py,%,$(wildcard benchmarks/*/__main__.py))
ARGS ?=
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help setup demo run test coverage check format docs fmu photographs installer screenshots bench clean

help:
	@echo "make demo         the main job: from bundled measurements to equations, results in demo-out/"
	@echo "make test         the whole test suite (make test ARGS='-k parser' for a part)"
	@echo "make coverage     the whole test suite, and what of the package it runs"
	@echo "make run          open the window"
	@echo "make check        ruff, pyright, import-linter"
	@echo "make format       let ruff and clang-format format and fix"
	@echo "make docs         build the documentation into resources/site/, where Help finds it"
	@echo "make fmu          build the libraries that exported FMUs run with into build/fmu/"
	@echo "make photographs  every page in four sizes, light and dark, compared with the pictures that are kept (ARGS=--keep keeps)"
	@echo "make installer    build the program as a folder that needs no Python, and try it"
	@echo "make screenshots  photograph every stage of the window into docs/images/"
	@echo "make bench        measure speed (make bench SUITES=symbolic for a part)"
	@echo "make setup        only make or refresh $(VENV)"
	@echo "make clean        remove everything that can be made again"

setup: $(READY)

$(READY): pyproject.toml constraints.txt $(NATIVE)
	@sh tools/setup.sh $(VENV)

demo: $(READY)
	@$(PY) -m ndestudio demo -o demo-out $(ARGS)

run: $(READY)
	@$(PY) tools/system.py window
	@$(PY) -m ndestudio $(ARGS)

test: $(READY)
	@$(PY) tools/system.py qt
	QT_QPA_PLATFORM=offscreen $(PY) -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

coverage: $(READY)
	@$(PY) tools/system.py qt
	QT_QPA_PLATFORM=offscreen NDE_TEST_TYPES= $(PY) -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder \
	    --cov --cov-report=term --cov-report=xml $(ARGS)

check: $(READY)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/pyright --pythonpath $(PY)
	$(VENV)/bin/lint-imports

format: $(READY)
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .
	$(VENV)/bin/clang-format -i ndestudio/symbolic/native/*.cpp ndestudio/symbolic/native/*.hpp

docs: $(READY)
	$(PY) tools/spec_docs.py
	$(PY) tools/cli_docs.py
	$(PY) tools/equations_docs.py
	NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --quiet --strict

fmu: $(READY)
	@$(PY) tools/fmu_binaries.py

photographs: $(READY)
	QT_QPA_PLATFORM=offscreen $(PY) tools/photographs.py build/photographs $(ARGS)

installer: $(READY)
	$(VENV)/bin/pip install --quiet pyinstaller
	$(PY) tools/installer/build.py dist/installer

screenshots: $(READY)
	@$(PY) tools/system.py screen
	xvfb-run -a -s "-screen 0 1600x1000x24" $(PY) tools/screenshots.py docs/images

bench: $(READY)
	@for suite in $(SUITES); do QT_QPA_PLATFORM=offscreen $(PY) -m benchmarks.$$suite $(ARGS) || exit 1; done

clean:
	rm -rf $(VENV) build dist out demo-out .pytest_cache .ruff_cache .hypothesis .import_linter_cache resources/site coverage.xml
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
