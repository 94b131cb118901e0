# `make demo` and `make test` need make and one of these Pythons; everything else they fetch themselves.
SUPPORTED := 3.13 3.12 3.11
VENV := .venv
BIN := $(VENV)/bin

# The newest of them that this machine has and that can make a virtual environment; `make demo PYTHON=...` names another.
SUITS = import sys, venv, ensurepip; sys.exit("%d.%d" % sys.version_info[:2] not in "$(SUPPORTED)".split())
PYTHON ?= $(shell for name in $(SUPPORTED:%=python%) python3 python /usr/bin/python3; do \
	"$$name" -c '$(SUITS)' 2>/dev/null && echo "$$name" && break; done)

# Tests wait for kernels and servers as much as they compute: one worker more than there are cores (with two more everything
# takes longer), and six at most (each may come to hold 3 GB).
WORKERS ?= $(shell cores=$$(getconf _NPROCESSORS_ONLN); [ $$cores -lt 5 ] || cores=5; expr $$cores + 1)

# Python files are compiled once, not by each of the many processes that tests start.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: student-wheel student-session pictures install demo test suite times size check quick pins zoo lint fuzz bench reference gallery docs clean

# A demonstration needs no linter, no browser's driver and no documentation site: `demo` installs what grades, `test` the rest.
GRADING := $(VENV)/.installed-grading
EVERYTHING := $(VENV)/.installed-everything
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

install: $(EVERYTHING)

$(BIN)/python:
	@"$(PYTHON)" -c '$(SUITS)' 2>/dev/null || { \
		echo "The grader needs one of Python $(SUPPORTED) with its module venv (TensorFlow has no package for others)."; \
		for name in $(or $(PYTHON),$(SUPPORTED:%=python%) python3); do \
			"$$name" -c 'import sys; print("  %s is Python %d.%d.%d" % ((sys.argv[1],) + sys.version_info[:3]))' "$$name" 2>/dev/null && \
			{ "$$name" -c 'import venv, ensurepip' 2>/dev/null || \
				echo "  $$name can not make a virtual environment (Debian: apt install python3-venv)"; }; done; \
		echo "Install one, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3.12"; exit 1; }
	@"$(PYTHON)" -m venv $(VENV) || { rm -rf $(VENV); \
		echo "$(PYTHON) could not make a virtual environment (Debian: apt install python3-venv)."; exit 1; }

$(GRADING): pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e '.[classroom,demo]'
	@touch $@

$(EVERYTHING): $(GRADING)
	$(PIP) -e '.[classroom,demo,dev]'
	@touch $@

demo: $(GRADING)
	@$(BIN)/grader demo --out out/demo

# axe-core, by which the pages' tests look for accessibility faults.
AXE := tests/browser/node_modules/.installed
$(AXE): tests/browser/package-lock.json
	@npm ci --prefix tests/browser --no-audit --no-fund --silent 2>/dev/null && touch $@ || \
		echo "axe-core could not be had from npm: the tests with it are left out."

# The file that students install, in dist/: no solutions, no hidden cases. `grader student-wheel --course DIR` for a course of one's own.
student-wheel: $(GRADING)
	@$(BIN)/grader student-wheel

# A student's first session by the tutorial, typed in a fresh environment and recorded with its times; some minutes.
student-session: $(GRADING)
	@$(BIN)/python docs/student_session.py

# Everything, types beside the tests: the closing lines say what this machine lacked, and how many tests that left out.
test: install $(AXE)
	@$(MAKE) --no-print-directory --jobs 2 lint suite
suite:
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile --no-loadscope-reorder --junitxml=.pytest_cache/tests.xml

# Where the time of the last `make test` went.
times:
	@$(BIN)/python -m tests.times .pytest_cache/tests.xml

# How large the house is: rooms with their floor, files, lines, lines of code.
size: install
	@$(BIN)/python -m tests.project.size

# Before a commit: what needs no kernel, no sandbox, no server and no browser, with a quarter of Hypothesis' examples.
check: install
	@$(MAKE) --no-print-directory --jobs 2 lint quick
quick:
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile -m 'not real' --hypothesis-profile=quick

lint: install
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check --quiet benchmarks grader tests
	$(BIN)/python -m mypy
	$(BIN)/codespell

# Whether every supported Python can have what constraints.txt pins: nothing is installed, packages' metadata is fetched.
pins: $(GRADING)
	@for version in $(SUPPORTED:%=%.0); do ( \
		if $(BIN)/python -m pip install --quiet --disable-pip-version-check --dry-run --ignore-installed --target $(VENV)/none \
			--only-binary=:all: --python-version $$version -c constraints.txt '.[classroom,demo,jax,dev]' >$(VENV)/pins-$$version.log 2>&1; \
		then echo "Python $$version can have every pin"; touch $(VENV)/pins-$$version.ok; \
		elif grep -qE "ResolutionImpossible|No matching distribution" $(VENV)/pins-$$version.log; \
		then rm -f $(VENV)/pins-$$version.ok; echo "Python $$version can not have every pin:"; \
			grep -v WARNING $(VENV)/pins-$$version.log; \
		else touch $(VENV)/pins-$$version.ok; echo "Python $$version could not be asked about (no network?):"; \
			tail -n 1 $(VENV)/pins-$$version.log; fi ) & done; wait; \
	for version in $(SUPPORTED:%=%.0); do test -f $(VENV)/pins-$$version.ok || exit 1; done

# Judges every submission of the zoo; `make test` takes them all through a smoke run.
zoo: install
	ZOO=all $(BIN)/python -m pytest -q tests/project/test_zoo.py

# Ten thousand cases for each target (`make test` runs two hundred) and what they cost in memory: an hour or two.
fuzz: install
	$(BIN)/python -m pytest -q tests/fuzz --hypothesis-profile=fuzz

# About an hour, best on a machine that does nothing else; `benchmarks/README.md` says what each one claims.
PAIRS ?= 20
bench: install
	@failed=; for name in "sandbox_overhead --pairs $(PAIRS)" regrading resume judging class_speed dask_efficiency class_of_10000 \
		review_desk what_if similarity verdicts patterns; do set -- $$name; script=$$1; shift; echo "== $$script"; \
		$(BIN)/python benchmarks/$$script.py "$$@" || failed="$$failed $$script"; done; \
	test -z "$$failed" || { echo "claims that did not hold:$$failed"; exit 1; }

# The full thing, one to two hours on two cores: solutions and architectures through the grader, baselines written.
ARCHITECTURES := lenet5 alexnet vgg16 googlenet resnet50
reference: install
	$(BIN)/grader baseline exercise1 --seeds 5
	$(BIN)/grader baseline exercise2 --seeds 5
	$(BIN)/grader baseline pets --seeds 3
	for name in $(ARCHITECTURES); do $(BIN)/grader baseline pets --architecture $$name || exit 1; done

# Reports of real runs for the documentation, from records in docs/records; no data is needed.
gallery: install
	$(BIN)/python docs/gallery.py render docs/gallery

# The pictures of the documentation, taken in a browser: the review desk, reports, the gallery's thumbnails.
pictures: install
	GRADER_PICTURES=docs/images $(BIN)/python -m pytest -q tests/review/test_how_to.py tests/browser/test_gallery_pictures.py \
		-k 'first_minutes or pictured or thumbnail'

# The documentation site, with the gallery, into site/.
docs: gallery
	$(BIN)/python -m typer grader.cli.application utils docs --name grader --output docs/reference/commands.md
	$(BIN)/python -m mkdocs build --strict --quiet
	@echo "site/index.html"

clean:
	rm -rf $(VENV) out dist build site docs/gallery tests/browser/node_modules .pytest_cache .mypy_cache .ruff_cache
