# `make demo` and `make test` need Python 3.11 or later and make; everything else they fetch themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: install demo test zoo lint fuzz bench reference gallery docs clean

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or later is needed; $(PYTHON) is older. Try: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
		{ rm -rf $(VENV); echo "A virtual environment could not be made (Debian: apt install python3-venv)."; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[classroom,demo,dev]'
	@touch $(STAMP)

demo: install
	@$(BIN)/grader demo --out out/demo

# axe-core, by which the pages' tests look for accessibility faults; without npm those tests are skipped, and fail in CI.
AXE := tests/browser/node_modules/.installed
$(AXE): tests/browser/package-lock.json
	@npm ci --prefix tests/browser --no-audit --no-fund --silent && touch $@ || \
		echo "axe-core could not be had from npm: tests with it are skipped, and fail in CI."

test: install $(AXE)
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check --quiet benchmarks grader tests
	$(BIN)/python -m mypy
	$(BIN)/python -m pytest -q -n 2 --dist loadfile

# Judges every submission of the zoo; `make test` takes them all through a smoke run.
zoo: install
	ZOO=all $(BIN)/python -m pytest -q tests/test_zoo.py

lint: install
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check benchmarks grader tests
	$(BIN)/python -m mypy

# Ten thousand cases for each target (`make test` runs two hundred) and what they cost in memory: an hour or two.
fuzz: install
	$(BIN)/python -m pytest -q tests/fuzz --hypothesis-profile=fuzz

# About an hour, best on a machine that does nothing else; `benchmarks/README.md` says what each one claims.
PAIRS ?= 20
bench: install
	@failed=; for name in "sandbox_overhead --pairs $(PAIRS)" regrading resume judging class_speed dask_efficiency class_of_10000 \
		verdicts patterns; do set -- $$name; script=$$1; shift; echo "== $$script"; \
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

# The documentation site, with the gallery, into site/.
docs: gallery
	$(BIN)/python -m typer grader.cli.application utils docs --name grader --output docs/reference/commands.md
	$(BIN)/python -m mkdocs build --strict --quiet
	@echo "site/index.html"

clean:
	rm -rf $(VENV) out dist build site docs/gallery tests/browser/node_modules .pytest_cache .mypy_cache .ruff_cache
