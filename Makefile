# `make demo` and `make test` do all their own set-up in .venv; Python 3.10 or newer and make are enough.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PARALLEL ?= -n 4 --dist loadfile
CODE := llm_telemetry _llm_telemetry_autostart.py tests examples benchmarks docs/from_demo.py docs/from_judges.py docs/picture.py docs/screenshots.py docs/site

# Where this is set, each of the hundreds of Pythons that tests start would compile the whole package anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test coverage chaos test-matrix lint format docs picture screenshots bench clean

demo: $(READY)
	$(BIN)/llm-telemetry demo

# All but the tests that start whole programs by the dozen, or simulate a thousand: those, too, with `make test-programs`.
test: $(READY)
	$(BIN)/python -m pytest $(PARALLEL) -m "not long"

# All tests, their lines and branches counted: fails below what pyproject.toml asks for.
coverage: $(READY)
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(PARALLEL)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --skip-covered

# Random trainers among random faults: each ends as without us, nothing hangs, every number is true or marked.
N ?= 300
SEED ?= 0
chaos: $(READY)
	$(BIN)/python -m tests.chaos --count $(N) --seed $(SEED)

# The oldest and the middle generations of what the library stands on; needs python3.10 and python3.13 for the ends.
test-matrix:
	./tests/matrix

# Groups of tests whose environment is large: `make test-trl`, `make test-trl-oldest`.
test-%:
	./tests/matrix $*

lint: $(READY)
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY)
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

# The site, into build/site: a broken link or a public name without a docstring fails.
docs: $(READY)
	$(BIN)/python -m pip install --quiet --group docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --config-file docs/site/mkdocs.yml

picture: $(READY)
	$(BIN)/python docs/picture.py

# The report's pictures in the README; needs Debian's chromium.
screenshots: $(READY)
	$(BIN)/python -m pip install --quiet --group browser
	$(BIN)/python docs/screenshots.py

# What it costs, ours beside others' (each in an environment of its own): writes benchmarks/RESULTS.md and the README's quote.
bench: $(READY)
	$(BIN)/python benchmarks/results.py

$(READY): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed, e.g. make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[demo]' --group dev
	touch $(READY)

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
