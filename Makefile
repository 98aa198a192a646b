# Every target sets up what it needs: a virtual environment in .venv from hashed requirements.
PYTHON ?= python3
BIN := .venv/bin
.DEFAULT_GOAL := help
# Tests start hundreds of processes: none of them has to compile the package anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test lint types core bench mutants kills packaging image examples chart dist site requirements clean

help:  ## Say what each target does
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

.venv/runtime: requirements/runtime.txt requirements/build.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/runtime.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/build.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.venv/dev: .venv/runtime requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

.venv/tools: .venv/dev tests/tools/package.json tests/tools/package-lock.json tests/tools/.npmrc tests/tools/install.sh
	sh tests/tools/install.sh

demo: .venv/runtime  ## The whole story offline: a healthy release goes live, a bad one is rolled back
	$(BIN)/guardian demo

test: .venv/dev .venv/tools  ## Everything CI checks: style, types, imports, tests, coverage of the core
	@$(MAKE) --no-print-directory -j 2 core types lint  # each keeps one processor busy
	@# Most of these wait for processes: two processors bear twice as many of them.
	$(BIN)/python -m pytest -q -n 4 --dist worksteal --ignore tests/core --ignore tests/packaging

lint: .venv/dev  ## ruff, the import directions of docs/architecture.md, and no dependency unused
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/test_used.py -k dependency

types: .venv/dev  ## mypy --strict over the package, the tests and the benchmarks
	$(BIN)/mypy

core: .venv/dev  ## The tests of the core, which alone reach every branch of it
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -q tests/core tests/messages
	$(BIN)/coverage report --include='guardian/core/*,guardian/messages/*' --fail-under=100

bench: .venv/dev  ## Start-up times, tick costs and detection times, printed as a table
	$(BIN)/python -m bench

mutants: .venv/dev  ## Small faults in copies of core/ and engine/, a sample: those that no test notices
	$(BIN)/python -m bench.mutants

kills: .venv/dev  ## kill -9 at 300 writes of a rollout, a watch, a rollback, an order: nothing wrong comes of it
	$(BIN)/python -m bench.kills

# A piece is judged by tests/packaging/test_PIECE.py; tests/packaging/tools/PIECE.sh brings what that needs.
packaging: .venv/dev  ## What guardian is deployed with, built and run as far as this machine has the tools (root: apt-get)
	@sh tests/packaging/bring.sh
	$(BIN)/python -m pytest -q -x -rs -n 2 --dist loadfile tests/packaging

examples: .venv/dev  ## Only the examples for CDK, Terraform and Compose: synthesized, parsed, compared with guardian
	@sh tests/packaging/bring.sh examples
	$(BIN)/python -m pytest -q -x -rs tests/packaging/test_cdk.py tests/packaging/test_terraform.py tests/packaging/test_compose.py

chart: .venv/dev .venv/tools  ## Only the Helm chart: linted, rendered, validated, run (CHECKOV=1: also by its policies)
	@sh tests/packaging/bring.sh chart
	$(BIN)/python -m pytest -q -x -rs tests/packaging/test_chart.py tests/packaging/test_chart_runs.py

dist: .venv/runtime  ## sdist and wheel of the commit in dist/: the same bytes wherever they are built
	sh release/dist.sh $(abspath $(BIN)/python)

image: .venv/dev  ## Only the container image: built from Debian's packages, run hardened
	@sh tests/packaging/bring.sh image
	$(BIN)/python -m pytest -q -x -rs tests/packaging/test_image.py

site: .venv/dev  ## The documentation as a site in site/; `python3 -m http.server -d site` shows it
	@sh tests/packaging/bring.sh site
	rm -rf .venv/site site
	$(BIN)/python release/site.py .venv/site
	.venv/packaging/bin/zensical build --strict -f .venv/site/mkdocs.yml
	mv .venv/site/site site

requirements:  ## Resolve pyproject.toml again into the hashed requirements/*.txt
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header pyproject.toml -o requirements/runtime.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --group build -o requirements/build.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --group release -o requirements/release.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --group site -o requirements/site.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --group image -o requirements/image.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --group dev -c requirements/runtime.txt -o requirements/dev.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --group examples -o requirements/examples.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --group chart -o requirements/chart.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --group checkov -o requirements/checkov.txt

clean:  ## Remove the virtual environment and what the tools leave behind
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage dist
