# `make run` and `make test` do all the set-up on a fresh machine: Python 3.11 or newer, make and a package registry.
PYTHON ?= $(shell python3 .ci/interpreter.py || echo python3)
VENV := .venv
BIN := $(VENV)/bin
UV ?= uv
AUDITED ?= requirements/run.lock

# The programs that the tests start by the hundred are compiled once, also where the environment says otherwise.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test check format lock bench screenshots pictures soak mutants audit clean help
.DEFAULT_GOAL := run

run: $(VENV)/.run            ## start the product on http://localhost:8000
	@exec $(BIN)/chatserver serve

# What CI runs too: nothing is run twice, and nothing is left out. See docs/testing.md.
test: CHECKS = types javascript collection
test: $(VENV)/.test system-packages check   ## every check and every test
	@.ci/diffusers $(BIN)/python
	@$(BIN)/python -m pytest -n auto

# The architecture is tests of the suite too, with which `test` runs them.
CHECKS = types architecture javascript
check: $(VENV)/.test         ## ruff, mypy, the architecture, JavaScript's syntax
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(MAKE) --no-print-directory --output-sync -j2 $(CHECKS)

.PHONY: types architecture javascript collection
types:
	@$(BIN)/mypy

architecture:
	@$(BIN)/python -m pytest -q tests/test_architecture.py

javascript:
	@if node --version >/dev/null 2>&1; then \
	  find static -name '*.js' -print0 | xargs -0 node --experimental-vm-modules --no-warnings .ci/javascript.mjs; \
	else echo "node is absent: the browser tests check the JavaScript"; fi

# What each worker of the tests would compile is compiled once, beside the types, which leave a core free.
collection:
	@collected=$$($(BIN)/python -m pytest --collect-only -q -p no:cacheprovider) || { echo "$$collected"; exit 1; }

format: $(VENV)/.test
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .

screenshots: $(VENV)/.test system-packages  ## draws docs/images and the landing page's proofs anew from the real page
	@SCREENSHOTS=1 $(BIN)/python -m pytest -q -k screenshots tests/browser

bench: $(VENV)/.test system-packages        ## measures, and writes docs/performance.md's table
	@$(BIN)/python -m benchmarks

pictures: $(VENV)/.test                     ## paints the landing page's pictures anew (static/pictures)
	@$(BIN)/python -m tests.support.examples

soak: $(VENV)/.test system-packages         ## histories under a nemesis for ten minutes, 500 SIGKILLs, 300 histories of orders; SOAK_SEED=… for others
	@SOAK_SECONDS=$${SOAK_SECONDS:-600} SOAK_KILLS=$${SOAK_KILLS:-500} SOAK_ORDERS=$${SOAK_ORDERS:-300} $(BIN)/python -m pytest -s tests/acceptance/test_history.py tests/payments/test_histories.py

mutants: $(VENV)/.test system-packages      ## takes guards out, one at a time, and shows that a test turns red
	@$(BIN)/python -m tests.mutants

# --strict: what cannot be looked up is a failure too; without it a skipped look-up reads "no vulnerabilities".
audit: $(VENV)/.audit        ## asks the advisory database about each locked dependency; fails where it cannot ask
	@$(VENV)/audit/bin/pip-audit --strict --disable-pip --require-hashes -r $(AUDITED)

lock:                        ## makes the hashed locks anew from pyproject.toml
	$(UV) pip compile --universal --python-version 3.11 --generate-hashes --no-header --upgrade -q pyproject.toml -o requirements/run.lock
	$(UV) pip compile --universal --python-version 3.11 --generate-hashes --no-header --upgrade -q pyproject.toml --extra test --extra heic -o requirements/test.lock
	$(UV) pip compile --universal --python-version 3.11 --generate-hashes --no-header --upgrade -q requirements/build.in --constraints requirements/test.lock -o requirements/build.lock
	$(UV) pip compile --universal --python-version 3.11 --generate-hashes --no-header --upgrade -q requirements/audit.in -o requirements/audit.lock
	$(UV) pip compile --universal --python-version 3.11 --generate-hashes --no-header -q pyproject.toml --extra test --extra heic --extra diffusers --overrides requirements/without-torch.txt --constraints requirements/test.lock -o requirements/diffusers.lock

# The environment is made once and again whenever a lock changes. The checkout itself is installed in place, so that
# `chatserver` is a command there; what builds it is locked like the rest, and nothing is fetched for it.
INSTALL_LOCKED := $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r
INSTALL_CHECKOUT := $(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-index --no-build-isolation --editable .

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; set PYTHON=…"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements/run.lock requirements/build.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing what chatserver needs (once) …"
	@$(INSTALL_LOCKED) requirements/run.lock
	@$(INSTALL_LOCKED) requirements/build.lock
	@$(INSTALL_CHECKOUT)
	@touch $@

$(VENV)/.test: requirements/test.lock requirements/build.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing what the tests need (once) …"
	@$(INSTALL_LOCKED) requirements/test.lock
	@$(INSTALL_LOCKED) requirements/build.lock
	@$(INSTALL_CHECKOUT)
	@touch $@ $(VENV)/.run

# An environment of its own: what audits the product is no part of it.
$(VENV)/.audit: requirements/audit.lock | $(VENV)/bin/python
	@$(PYTHON) -m venv $(VENV)/audit
	@$(VENV)/audit/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/audit.lock
	@touch $@

# Chromium, redis-server, Prometheus and others for the tests: installed where we may (root on Debian), otherwise said once.
.PHONY: system-packages
system-packages:
	@.ci/system-packages

help:                        ## lists these targets
	@awk -F ' *## *' '/^[a-z-]+:.*##/ { sub(/:.*/, "", $$1); printf "make %-20s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

clean:                       ## removes what was installed and built
	rm -rf $(VENV) dist build
